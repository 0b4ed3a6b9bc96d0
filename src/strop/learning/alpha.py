"""How the library's alpha is spent: over trials, and over the looks within one.

The promise: whatever the mix of candidates, and however their outcomes hang together, the chance that ever an
item is admitted whose wins are at most as likely as its losses is at most `ALPHA`.

**Over trials.** The k-th trial stands in place j = k - (earlier trials that were admitted) and may spend
`share(j)`; the shares fall and add up to ALPHA. Proof: suppose no useless item has been admitted yet. Then of
the useless items tried before the m-th of them none was admitted, so its place is at least m; what admits in a
later place admits in an earlier one too (below), so it is admitted with a chance of at most share(m), and by the
union bound over m their sum is at most ALPHA. No independence is used: trials may share inputs. It is the
fallback rule (B. Wiens 2003; for a stream J. Tian and A. Ramdas, "Online control of the familywise error rate",
2021): an admission gives its place back, nothing else does. The first `PLACES` places share evenly, since power
is concave in alpha and no order of the candidates deserves more; what stands behind them lives on `REST`.

**Within a trial.** `LATER` of the share is for all times: E reaches 1 / (LATER * share). The rest is for a planned
number of pairs, with looks at `LOOKS` of it. Given which pairs are discordant, under the null a win is at most a
fair coin, so the chance of each count of wins is known exactly; a look admits from the least count on that keeps
the chance of ever having admitted within what may be spent by then (`SPENT`; P. O'Brien and T. Fleming 1979,
K. Lan and D. DeMets 1983). Counts are whole, so some of it would be left over: of the items that lack one win those
are admitted too that won most since the look before, as far as alpha goes; what is left then the next look may use.
A loss that became a win never takes an admission back, so a win less likely than a fair coin only lowers the chance.
At a given number of discordant pairs E rises with the wins, so "at least so many wins" is "E at least E(so many)": one
statistic, with a threshold that is sharper where its maximum over time is not asked for. Both parts by the union
bound. The number of pairs is planned before the first of them, by the settings and not by other items' outcomes.
Places behind the even ones have no looks, and their share is below what an even place spends on all times: so each
admits only where an earlier one would.

Pure. Chances are floats; `SLACK` covers their rounding (relative error below 1e-11 for 10,000 pairs).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import comb

from strop.learning.evalues import Duel, duel, least_wins

ALPHA = 0.05
"""Chance, over a library's whole life, that a useless or harmful item is ever admitted."""
PLACES = 26
"""Places that share alpha evenly: 30 candidates, of which four or more are admitted, need no more."""
REST = 0.01
"""Part of alpha for all places behind them, for ever, in ever smaller parts."""
FIRST = 15
"""The parts of the rest are as 1 / (15 * 16), 1 / (16 * 17), ...: each below `LATER` of an even share."""
LATER = 0.02
"""Part of an even place's share that is good at all times, before, between and after the looks."""
LOOKS = (0.6, 0.8, 1.0)
"""When an item is looked at, in shares of its planned pairs."""
SPENT = (0.05, 0.25, 1.0)
"""What may have been spent at each look: late looks see most, early ones save pairs where an item is plainly good."""
HARM = 5.0
"""E of "worse" at which an item is put away; it costs no alpha, and dropping a good item costs little."""
SLACK = 1e-9


class Word(StrEnum):
    """What is said of a candidate."""

    ADMIT = "admit"
    QUARANTINE = "quarantine"
    UNDECIDED = "undecided"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Terms:
    """What was laid down when a trial began, before its first pair was looked at."""

    always: float
    """E that admits at any time."""
    looked: float
    """Alpha for the looks; 0 where there are none."""
    planned: int
    """Pairs that it may use before it counts as undecided; more may come with later runs."""

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of pairs at which it is looked at."""
        return tuple(round(look * self.planned) for look in LOOKS) if self.looked else ()


@dataclass(frozen=True, slots=True)
class Course:
    """How a trial went, up to the pair that decided it."""

    word: Word
    pairs: int
    """Pairs looked at."""
    duel: Duel
    threshold: float
    """What E had to reach at the last look."""


def share(place: int) -> float:
    """The part of alpha that a place may spend; places count from 1."""
    if place <= PLACES:
        return ALPHA * (1 - REST) / PLACES
    beyond = place - PLACES + FIRST
    return ALPHA * REST * FIRST / ((beyond - 1) * beyond)


def terms(trial: int, *, admitted: int, planned: int) -> Terms:
    """What the `trial`-th trial (from 1) must show, when `admitted` of those before it have been admitted by now."""
    place = trial - admitted
    if place > PLACES:
        return Terms(1 / share(place), 0.0, planned)
    return Terms(1 / (LATER * share(place)), (1 - LATER) * share(place), planned)


def course(signs: Iterable[int], *, terms: Terms) -> Course:
    """Follow a trial pair by pair (1 won, -1 lost, 0 neither), and stop where it is decided."""
    looks = terms.looks
    won = lost = pairs = looked = 0
    counts: tuple[int, ...] = ()
    for sign in signs:
        pairs += 1
        if sign:
            won, lost = won + (sign > 0), lost + (sign < 0)
            if lost >= least_wins(won + lost, HARM):
                return Course(Word.QUARANTINE, pairs, duel(won, lost), terms.always)
            if won >= least_wins(won + lost, terms.always):
                return Course(Word.ADMIT, pairs, duel(won, lost), terms.always)
        if pairs in looks:
            counts += (won + lost,)
            bar = bar_at(counts, terms.looked)
            if bar.passed(won, recent=won - looked):
                least = min(won, bar.wins)
                return Course(Word.ADMIT, pairs, duel(won, lost), duel(least, won + lost - least).better)
            looked = won
    return Course(Word.UNDECIDED, pairs, duel(won, lost), terms.always)


@dataclass(frozen=True, slots=True)
class Bar:
    """What a look asks for."""

    wins: int
    """So many wins admit; one more than there are pairs if none do."""
    recent: int
    """One win fewer admits too, with so many of them since the look before."""

    def passed(self, won: int, *, recent: int) -> bool:
        return won >= self.wins or (won == self.wins - 1 and recent >= self.recent)


def bar_at(counts: tuple[int, ...], alpha: float) -> Bar:
    """The bar at the last of the looks, which saw so many discordant pairs each, in all."""
    return _walk(counts, alpha).bar


@dataclass(frozen=True, slots=True)
class _Walk:
    """A useless item's looks so far, as fair coins."""

    bar: Bar
    spent: float
    """Chance of having been admitted."""
    chances: tuple[float, ...]
    """Chance of each number of wins, not yet admitted."""


@lru_cache(maxsize=65_536)
def _walk(counts: tuple[int, ...], alpha: float) -> _Walk:
    if not counts:
        return _Walk(Bar(0, 0), 0.0, (1.0,))
    before = _walk(counts[:-1], alpha)
    coins = counts[-1] - (counts[-2] if len(counts) > 1 else 0)
    tosses = [comb(coins, heads) / 2**coins for heads in range(coins + 1)]
    chances, spent = _tossed(before.chances, tosses), before.spent
    wins, most = len(chances), alpha * SPENT[len(counts) - 1] * (1 - SLACK)
    while wins and spent + chances[wins - 1] <= most:
        wins -= 1
        spent += chances[wins]
        chances[wins] = 0.0
    recent = coins + 1
    while wins and recent and spent + (part := _ended(before.chances, tosses, wins - 1, recent - 1)) <= most:
        recent -= 1
        spent += part
        chances[wins - 1] -= part
    return _Walk(Bar(wins, recent), spent, tuple(chances))


def _ended(chances: tuple[float, ...], tosses: list[float], wins: int, heads: int) -> float:
    """Chance of so many wins in all, of which so many since the last look."""
    return chances[wins - heads] * tosses[heads] if 0 <= wins - heads < len(chances) else 0.0


def _tossed(chances: tuple[float, ...], tosses: list[float]) -> list[float]:
    """The chances of each count after as many more coins."""
    after = [0.0] * (len(chances) + len(tosses) - 1)
    for won, chance in enumerate(chances):
        if chance:
            for heads, toss in enumerate(tosses):
                after[won + heads] += chance * toss
    return after
