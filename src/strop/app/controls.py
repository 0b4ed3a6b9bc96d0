"""What a guided run did against the empty library: control units of earlier runs, pooled by model and date.

Pooled controls are of other days and mostly of other inputs: this is no evidence and decides nothing. People are told.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from statistics import fmean

from strop.app.firsts import FirstOutcomes
from strop.app.project import Project
from strop.learning.pairing import Pooled, pooled
from strop.types.count import counted
from strop.types.money import dollars

DAYS = 90
"""Days that a control unit speaks for."""


@dataclass(frozen=True, slots=True)
class Against:
    """A guided run beside control units of other runs, which were not paired with its own."""

    units: int
    mean: float
    cost: float
    """Mean of a unit: nano-dollars, or `Usage.work`."""
    priced: bool
    controls: Pooled | None

    @property
    def lines(self) -> tuple[str, ...]:
        """For people: one line, or two where there is something to compare."""
        share = f"{_percent(self.mean)} of first readings proved right"
        mine = f"With the library {share} ({counted(self.units, 'unit')})"
        held = self.controls
        if held is None:
            return (f"{mine}; without it no control units yet in {DAYS} days, for such orders and this model.",)
        days = held.first if held.first == held.last else f"{held.first} to {held.last}"
        of = f"{counted(held.units, 'unit')} of {counted(held.runs, 'run')}, {days}"
        low, high = (f"{100 * end:.0f}" for end in (held.low, held.high))
        theirs = f"without it {_percent(held.mean)} (95 %: {low} to {high}; {of}; not paired, inputs may differ)"
        return f"{mine}; {theirs}.", self._costs(held.cost)

    @property
    def told(self) -> dict[str, object]:
        """For programs."""
        with_it = {"units": self.units, "mean": self.mean, "cost": self.cost}
        without = None if self.controls is None else asdict(self.controls)
        return {"with": with_it, "without": without, "paired": False, "days": DAYS, "priced": self.priced}

    def _costs(self, without: float) -> str:
        if self.priced:
            costs = (dollars(round(1_000 * each)) for each in (self.cost, without))
            return "1,000 units cost {} with it, {} without.".format(*costs)
        # `Usage.work` counts tenths of an input token.
        return f"A unit took {self.cost / 10:,.0f} input tokens' worth of work with it, {without / 10:,.0f} without."


def against(project: Project, firsts: FirstOutcomes) -> Against | None:
    """Keep the run's control units, and set what it did under the library beside all of them; None where it was bare.

    Raises:
        JournalFault: the database cannot be written.
    """
    project.db.firsts.note_controls(firsts.run, firsts.controls)
    if not firsts.guided:
        return None
    since = (date.fromisoformat(firsts.day) - timedelta(days=DAYS)).isoformat()
    held = project.db.firsts.controls(order=firsts.order, model=firsts.model, since=since)
    without = pooled(held, order=firsts.order, model=firsts.model, since=since, until=firsts.day)
    mean, cost = (fmean(each) for each in zip(*((one.score, one.cost) for one in firsts.guided), strict=True))
    return Against(len(firsts.guided), mean, cost, firsts.priced, without)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
