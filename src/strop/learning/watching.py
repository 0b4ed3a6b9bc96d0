"""Items in use are watched: a lifetime sum is blind to drift, so evidence of harm begins anew all the time.

`Detector` is the e-detector of J. Shin, A. Ramdas and A. Rinaldo ("E-detectors: a nonparametric framework for
sequential change detection", NEJSDS 2023) in its Shiryaev-Roberts form: the sum, over all pairs at which the item
may have turned, of the e-process that began there. With d = score of the item minus score of its fallback, in
[-1, 1], a bet of a share s grows by 1 - s d, whose mean is at most 1 while the item is not worse in the mean,
whatever happened before. All starts together follow M' = (M + 1)(1 - s d), so the state is one number a bet; the
bets are mixed evenly. Since M' less the number of pairs is then a supermartingale, the mean number of pairs to a
false alarm is at least the level: `LEVEL` pairs for an item that is exactly useless, far more for a useful one.

The schedule of certification and the comparison of whole states of the library stand here too. Pure: days come as
data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from strop.learning.alpha import HARM
from strop.learning.evalues import Duel
from strop.types.evidence import Pair
from strop.types.firsts import RunShare
from strop.types.memory import ItemKind, ItemState

LEVEL = 1_000.0
"""Least mean number of pairs to a false alarm on an item that is not worse than its fallback."""
BETS = (0.2, 0.4)
"""Shares that are bet on every loss: they pay best where 60 and 70 of 100 discordant pairs are lost."""
TRIED = 30
"""Pairs without an alarm after which probation ends."""


# ---------------------------------------------------------------- one item


@dataclass(frozen=True, slots=True)
class Detector:
    """What the watch over one item knows; each pair makes a new one from it."""

    heights: tuple[float, ...] = (0.0,) * len(BETS)
    pairs: int = 0

    @property
    def evidence(self) -> float:
        """Mean height over the bets; an alarm at `LEVEL`."""
        return sum(self.heights) / len(self.heights)

    @property
    def alarmed(self) -> bool:
        return self.evidence >= LEVEL

    def after(self, difference: float) -> Detector:
        """With one more pair: score of the item minus that of its fallback, in [-1, 1]."""
        heights = ((height + 1) * (1 - bet * difference) for height, bet in zip(self.heights, BETS, strict=True))
        return Detector(tuple(heights), self.pairs + 1)


@dataclass(frozen=True, slots=True)
class Watched:
    """What follows for an item in use."""

    state: ItemState
    detector: Detector
    why: str


def watch(pairs: Iterable[Pair], *, state: ItemState) -> Watched:
    """Follow an item's pairs since it was admitted; at the alarm it goes to quarantine, and nothing after counts.

    An item on probation is active after `TRIED` pairs without one. One that has gone stale stays in use and
    watched; what makes it active again is a new certificate.
    """
    detector = Detector()
    for pair in pairs:
        detector = detector.after(pair.challenger - pair.baseline)
        if detector.alarmed:
            why = (
                f"alarm after {detector.pairs} pairs in use: evidence of harm {detector.evidence:,.0f} of {LEVEL:,.0f}"
            )
            return Watched(ItemState.QUARANTINE, detector, why)
    quiet = f"{detector.pairs} pairs in use without an alarm"
    if state is ItemState.PROBATION and detector.pairs >= TRIED:
        return Watched(ItemState.ACTIVE, detector, quiet)
    return Watched(state, detector, quiet)


# ---------------------------------------------------------------- certificates lapse

DAYS = {ItemKind.KNOWLEDGE: 60, ItemKind.STYLE: 365, ItemKind.CHECK: 0, ItemKind.CONSTRAINT: 365}
"""Days a certificate holds, by kind; `OTHER_DAYS` for the rest, 0 for ever: a check proves itself at each gate."""
OTHER_DAYS = 180
UNITS = 2_000
"""Units in use after which it is certified anew, if that comes first."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """An item has to be certified again."""

    since: str
    """YYYY-MM-DD."""
    why: str


def lapsed(kind: ItemKind, *, certified: str, today: str, units: int) -> Lapse | None:
    """Whether an item has to be certified again; days as YYYY-MM-DD, units in use since the certificate."""
    days = DAYS.get(kind, OTHER_DAYS)
    if not days:
        return None
    ends = date.fromisoformat(certified) + timedelta(days=days)
    if date.fromisoformat(today) >= ends:
        return Lapse(ends.isoformat(), f"certified on {certified}; of its kind a certificate holds {days} days")
    if units >= UNITS:
        return Lapse(today, f"{units:,} units since it was certified on {certified}; a certificate holds {UNITS:,}")
    return None


# ---------------------------------------------------------------- a whole state

LEAST = 4
"""Runs of the state before, without which no number of worse ones could reach E >= `HARM`."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """Whether what guides should be again what it was before."""

    due: bool
    evidence: float
    compared: int
    why: str


def state_before(runs: Sequence[RunShare], *, state: str) -> str:
    """The state that this one is compared with: the newest before its first run that has `LEAST` runs; '' for none.

    Runs oldest first, of the same terms. Which it is depends on how many runs there were and never on how they went.
    A state that was taken back is neither compared nor returned to.
    """
    turned = {run.state for run in runs if run.turned}
    first = next((at for at, run in enumerate(runs) if run.state == state), len(runs))
    if state in turned:
        return ""
    counts = Counter(run.state for run in runs[:first] if run.units)
    earlier = (run.state for run in reversed(runs[:first]) if run.state not in turned)
    return next((each for each in earlier if counts[each] >= LEAST), "")


def rollback(runs: Sequence[RunShare], *, state: str, before: str) -> Rollback:
    """Compare the runs of a state with those of the one before, oldest first; due at E >= `HARM` of "worse".

    Each new run meets the latest run of the old state and its terms that came before it and has met none yet. Whole
    runs are compared, as units of one run share its luck: were the states equal, either of two runs would be as likely
    to have the larger share. Ties say nothing; four new runs that are all worse suffice.
    """
    old: list[RunShare] = []
    tally, compared = Duel(), 0
    for run in (each for each in runs if each.units):
        old += [run] if run.state == before else []
        rival = next((each for each in reversed(old) if each.terms == run.terms), None)
        if run.state != state or rival is None:
            continue
        old.remove(rival)
        compared += 1
        if run.share != rival.share:
            tally = tally.after_win() if run.share > rival.share else tally.after_loss()
        if tally.worse >= HARM:
            break
    said = f"{tally.lost} of {compared} runs had less accepted at the first try than runs before it"
    return Rollback(tally.worse >= HARM, tally.worse, compared, f"{said}: E of harm {tally.worse:,.1f}")
