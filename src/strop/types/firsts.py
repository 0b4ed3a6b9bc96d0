"""What a run's units gave at the first try, as later runs look back on it: shares of runs, and control units."""

from __future__ import annotations

from dataclasses import dataclass

Guide = tuple[str, str]
"""(id, hash of the body) of an item that guided a run."""


@dataclass(frozen=True, slots=True)
class RunShare:
    """How much of a run the gate accepted at the first try, and under which items of the library."""

    run: str
    state: str
    """Hash of `guides`: what a state of the library is for those who compare runs."""
    terms: str
    """Hash of all else that has to be alike: class of the order, model, kind of input, the user's own words."""
    accepted: int
    """Units of whose values the deterministic gate accepted at the first try all that it can; none on trial."""
    units: int
    guides: tuple[Guide, ...] = ()
    manifest: str = ""
    """The library that it began with."""
    turned: bool = False
    """Its state was taken back at the end of this run."""

    @property
    def share(self) -> float:
        return self.accepted / self.units if self.units else 0.0


@dataclass(frozen=True, slots=True)
class Control:
    """A unit that worked with the empty library, at its first attempt."""

    run: str
    order: str
    """Class of its spec."""
    model: str
    day: str
    """YYYY-MM-DD."""
    score: float
    """In [0, 1] by the fixed scorer."""
    cost: int = 0
    """Nano-dollars; of a model without a price `Usage.work`."""
