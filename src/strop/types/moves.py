"""How the library came to be what it is: one `Moved` each time its head was set, and what changed in between."""

from __future__ import annotations

from dataclasses import dataclass

from strop.types.memory import Item, Manifest

USER = "user"
"""`by` of what a person did. A shared machine's account names are nobody's business."""
AUTO = "auto"
"""`by` of what strop did by itself, outside a run; in a run `by` is the run's id."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The head was set to a manifest, by a commit or by a rollback."""

    seq: int
    """From 1, in the order that it happened."""
    manifest: str
    at: float
    """Seconds since 1970; 0 where it happened before moves were kept."""
    by: str
    """A run's id, `USER` or `AUTO`."""
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """One item in two states of the library; None where it was not there."""

    id: str
    before: Item | None
    after: Item | None

    @property
    def rewritten(self) -> bool:
        """Whether both have it, with different bodies."""
        return self.before is not None and self.after is not None and self.before.digest != self.after.digest


def changes(before: Manifest, after: Manifest) -> tuple[Change, ...]:
    """The items that differ, by id."""
    old = {item.id: item for item in before.items}
    new = {item.id: item for item in after.items}
    differing = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return tuple(Change(name, old.get(name), new.get(name)) for name in differing)
