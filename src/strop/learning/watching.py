"""Items in use are watched: a lifetime sum is blind to drift, so evidence of harm begins anew all the time.

`Detector` is the e-detector of J. Shin, A. Ramdas and A. Rinaldo ("E-detectors: a nonparametric framework for
sequential change detection", NEJSDS 2023) in its Shiryaev-Roberts form: the sum, over all pairs at which the item
may have turned, of the e-process that began there. With d = score of the item minus score of its fallback, in
[-1, 1], a bet of a share s grows by 1 - s d, whose mean is at most 1 while the item is not worse in the mean,
whatever happened before. All starts together follow M' = (M + 1)(1 - s d), so the state is one number a bet; the
bets are mixed evenly. Since M' less the number of pairs is then a supermartingale, the mean number of pairs to a
false alarm is at least the level: `LEVEL` pairs for an item that is exactly useless, far more for a useful one.

The schedule of certification and the rollback of a whole manifest stand here too. Pure: days come as data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from strop.learning.alpha import HARM
from strop.learning.evalues import Duel
from strop.types.evidence import Pair
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


def lapsed(kind: ItemKind, *, certified: str, today: str, units: int) -> str:
    """Why an item has to be certified again, '' while it need not; days as YYYY-MM-DD, units since the certificate."""
    days = DAYS.get(kind, OTHER_DAYS)
    if not days:
        return ""
    age = (date.fromisoformat(today) - date.fromisoformat(certified)).days
    if age >= days:
        return f"certified {age} days ago; of its kind a certificate holds {days}"
    return f"{units:,} units since it was certified; a certificate holds {UNITS:,}" if units >= UNITS else ""


# ---------------------------------------------------------------- a whole manifest


@dataclass(frozen=True, slots=True)
class RunShare:
    """How much of a run the gate accepted at the first try."""

    run: str
    manifest: str
    order: str
    """Class of its spec: only runs of one class are compared."""
    accepted: int
    units: int

    @property
    def share(self) -> float:
        return self.accepted / self.units if self.units else 0.0


@dataclass(frozen=True, slots=True)
class Rollback:
    """Whether the manifest before should be the head again."""

    due: bool
    evidence: float
    compared: int
    why: str


def rollback(runs: Sequence[RunShare], *, manifest: str, before: str) -> Rollback:
    """Compare the runs of a manifest with those of the one before, oldest first; due at E >= `HARM` of "worse".

    Each new run meets the latest old run of its class that has not met one yet. Whole runs are compared, as units
    of one run share its luck: were the manifests equal, either of two runs would be as likely to have the larger
    share. Ties say nothing; four new runs that are all worse suffice.
    """
    old = [run for run in runs if run.manifest == before and run.units]
    tally, compared = Duel(), 0
    for run in runs:
        rival = next((each for each in reversed(old) if each.order == run.order), None)
        if run.manifest != manifest or not run.units or rival is None:
            continue
        old.remove(rival)
        compared += 1
        if run.share != rival.share:
            tally = tally.after_win() if run.share > rival.share else tally.after_loss()
        if tally.worse >= HARM:
            break
    said = f"{tally.lost} of {compared} runs had less accepted at the first try than with {before[:10]}"
    return Rollback(tally.worse >= HARM, tally.worse, compared, f"{said}: E of harm {tally.worse:,.1f}")
