"""Which item made a run worse: a binary search over the items that changed between a good library and a bad one.

Changes are applied to the good library in their order, and the shortest beginning of them that is bad is
looked for; its last change is the culprit. One more trial asks whether the bad library without that one
change is good again: where two changes are bad only together, or the measure wavers, it is not, and the
answer says so. At most ceil(log2 n) + 1 trials of n changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from strop.errors import BadInput
from strop.types.memory import Manifest
from strop.types.moves import Change

Trial = Callable[[Manifest], Awaitable[bool]]
"""Whether a run under this library is bad."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """What a search found."""

    change: Change
    trials: int
    """Replays that were made."""
    confirmed: bool
    """Without this one change the bad library was good again."""


def most_trials(changed: int) -> int:
    """Replays that a search over so many changes may take: ceil(log2 n) + 1."""
    return (changed - 1).bit_length() + 1


async def bisect(good: Manifest, changed: Sequence[Change], *, bad: Trial) -> Culprit:
    """The one change of `changed` that made `good` bad. All of them together are taken to be bad.

    Raises:
        BadInput: nothing changed.
    """
    if not changed:
        raise BadInput("nothing in the library changed between the two; something else made the run worse")
    low, high, trials = 0, len(changed), 0  # the first `low` changes are good, the first `high` are bad
    while high - low > 1:
        middle = (low + high) // 2
        trials += 1
        if await bad(applied(good, changed[:middle])):
            high = middle
        else:
            low = middle
    rest = [*changed[: high - 1], *changed[high:]]
    confirmed = not await bad(applied(good, rest))
    return Culprit(changed[high - 1], trials + 1, confirmed)


def applied(manifest: Manifest, changed: Sequence[Change]) -> Manifest:
    """The library with these changes made in it."""
    items = {item.id: item for item in manifest.items}
    for change in changed:
        if change.after is None:
            items.pop(change.id, None)
        else:
            items[change.id] = change.after
    return Manifest(tuple(items[name] for name in sorted(items)), parent=manifest.hash)
