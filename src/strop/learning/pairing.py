"""Experiments inside a wave: which units try a challenger, which they are compared with, and what came of it.

Pairs are made before a unit has run: two units of one stratum (kind and size), next to each other in size; a hash of
(run, pair, item) decides which of them works with the challenger. At most `MOST` of the like units of a wave do,
`WATCHED` where the challenger is doing without what has proved itself.

Why pairs of unlike units are valid evidence. Say the challenger changes nothing, and take the two units as they
are, however different: with the arms one way round the pair is won, the other way round it is lost. The hash is a
fair coin that knows nothing of outcomes, so given that the pair is discordant a win has the chance 1/2, whatever the
units, the earlier pairs and the other items did: the null of `evalues.Duel`. That the units differ makes more pairs
discordant by their own difficulty, and each win says less: it costs power, never validity (benchmarks/admission.py
measures how much). What would break it is left out: first outcomes only; who drew the challenger stays in its arm
whatever happened (intention to treat, A. Bradford Hill 1961), and a unit that failed scores 0, so a challenger cannot
shed its failures; a unit re-run for the user's files is no evidence. A pair with a unit that never began is dropped,
which the arms cannot bring about as long as they are scheduled alike.

Pure: chance is a hash, so the same run draws the same arms when it is resumed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from strop.learning.evalues import interval
from strop.types.fingerprint import digest
from strop.types.firsts import Control
from strop.types.work import UnitKey

MOST = 0.2
"""Largest share of the like units of a wave that may work with a challenger."""
WATCHED = 0.1
"""The same where the challenger is doing without an item that has proved itself: the user pays for that look."""


@dataclass(frozen=True, slots=True)
class Like:
    """One of the like units of a wave."""

    key: UnitKey
    size: int
    """Bytes, or whatever its difficulty grows with."""
    kind: str = ""
    """Units of different kinds are never paired: form of the input, step of the plan."""

    @property
    def stratum(self) -> str:
        """Kind, and size within a factor of two."""
        return f"{self.kind}/{max(self.size, 0).bit_length()}"


@dataclass(frozen=True, slots=True)
class Challenger:
    """An item that is to be tried."""

    item: str
    version: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """Two units of one stratum that were drawn together before they ran."""

    challenger: Challenger
    tries: Like
    """The unit that works with the challenger."""
    against: Like
    """The unit that works with the incumbent."""


def draw(
    units: Iterable[Like], *, run: str, challengers: Sequence[Challenger], most: float = MOST
) -> tuple[Drawn, ...]:
    """Pair the units and draw the arms, at most a share `most` or one; the challengers take turns, in the order given.

    Strata take part by their size, and which of a stratum's pairs are used is drawn by hash too. `units` are those
    that may be evidence: what hangs together with an item's inputs is left out by the caller.
    """
    like = sorted(units, key=lambda unit: unit.key)
    if not challengers:
        return ()
    made = sorted(_couples(like), key=lambda couple: digest([run, couple[0].key, couple[1].key]))
    drawn: list[Drawn] = []
    for couple in made:
        if len(drawn) + 1 > MOST * len(like) or (drawn and len(drawn) + 1 > most * len(like)):
            break
        challenger = challengers[len(drawn) % len(challengers)]
        drawn.append(_toss(couple, run, challenger))
    return tuple(drawn)


def _couples(units: Sequence[Like]) -> Iterator[tuple[Like, Like]]:
    """Neighbours in size within each stratum; an odd one is left to the incumbent."""
    strata: defaultdict[str, list[Like]] = defaultdict(list)
    for unit in units:
        strata[unit.stratum].append(unit)
    for stratum in strata.values():
        stratum.sort(key=lambda unit: (unit.size, unit.key))
        yield from zip(stratum[::2], stratum[1::2], strict=False)


def _toss(couple: tuple[Like, Like], run: str, challenger: Challenger) -> Drawn:
    one, other = couple
    heads = int(digest([run, one.key, other.key, challenger.item, challenger.version])[:8], 16) % 2
    return Drawn(challenger, *((one, other) if heads else (other, one)))


# ---------------------------------------------------------------- the empty library


@dataclass(frozen=True, slots=True)
class Pooled:
    """What the empty library does with one model on one class of orders, over runs."""

    units: int
    runs: int
    first: str
    """Day of the first of them."""
    last: str
    mean: float
    low: float
    """95 %, at any time (`evalues.interval`), as if units were independent; those of a run share its luck."""
    high: float
    cost: float
    """Mean cost of a unit."""


def pooled(controls: Iterable[Control], *, order: str, model: str, since: str, until: str) -> Pooled | None:
    """Control units of one class and model from day to day, both included, in the order they came; None for none."""
    held = [each for each in controls if (each.order, each.model) == (order, model) and since <= each.day <= until]
    if not held:
        return None
    scores, days = [each.score for each in held], [each.day for each in held]
    low, high = interval(scores, low=0.0, high=1.0)
    return Pooled(
        units=len(held),
        runs=len({each.run for each in held}),
        first=min(days),
        last=max(days),
        mean=fmean(scores),
        low=low,
        high=high,
        cost=fmean(each.cost for each in held),
    )
