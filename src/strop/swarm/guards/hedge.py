"""How many late calls may be asked a second time: a share of the run's calls and of its money. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from strop.types.money import dollars

SHARE = 0.05
"""Of the calls made so far, and of the cap on money."""


@dataclass(frozen=True, slots=True)
class Hedged:
    """What a run has used so far."""

    calls: int
    """All, hedges included."""
    hedges: int
    nanos: int
    """Worst cases of all hedges. Free models have none: there only the calls count."""


@dataclass(frozen=True, slots=True)
class Hedging:
    """The bounds. A run's first hedge is free of the bound on calls, so that a small run may have one."""

    share: float = SHARE
    """0: nothing is asked a second time."""

    def refusal(self, so_far: Hedged, *, nanos: int, nanos_cap: int) -> str:
        """Why one more hedge, of this worst case, may not be made; empty where it may."""
        if not self.share:
            return "hedging is off"
        if so_far.hedges > self.share * so_far.calls:
            return f"{so_far.hedges:,} hedges among {so_far.calls:,} calls, {self.share:.0%} are allowed"
        if nanos and so_far.nanos + nanos > self.share * nanos_cap:
            return (
                f"{dollars(so_far.nanos)} held for hedges, the next may cost {dollars(nanos)}; "
                f"{self.share:.0%} of {dollars(nanos_cap)} are allowed"
            )
        return ""
