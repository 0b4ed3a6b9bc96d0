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
K. Lan and D. DeMets 1983). What a look cannot use, counts being whole, the next one may. At a given number of
discordant pairs E rises with the wins, so "at least so many wins" is "E at least E(so many)": one statistic, with a
threshold that is sharper where its maximum over time is not asked for. Both parts by the union bound. The number
of pairs is planned before the first of them, by the settings and not by other items' outcomes. Places behind the
even ones have no looks, and their share is below what an even place spends on all times: so each admits only
where an earlier one would.

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
PLACES = 24
"""Places that share alpha evenly: with a fifth or more of 30 candidates admitted none stands behind them."""
REST = 0.02
"""Part of alpha for all places behind them, for ever, in ever smaller parts."""
LATER = 0.05
"""Part of an even place's share that is good at all times, before, between and after the looks."""
LOOKS = (0.6, 0.8, 1.0)
"""When an item is looked at, in shares of its planned pairs."""
SPENT = (0.1, 0.4, 1.0)
"""What may have been spent at each look."""
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
    beyond = place - PLACES + 9
    return ALPHA * REST * 10 / (beyond * (beyond + 1))


def terms(trial: int, *, admitted: int, planned: int) -> Terms:
    """What the `trial`-th trial (from 1) must show, when `admitted` of those before it have been admitted by now."""
    place = trial - admitted
    if place > PLACES:
        return Terms(1 / share(place), 0.0, planned)
    return Terms(1 / (LATER * share(place)), (1 - LATER) * share(place), planned)


def course(signs: Iterable[int], *, terms: Terms) -> Course:
    """Follow a trial pair by pair (1 won, -1 lost, 0 neither), and stop where it is decided."""
    looks = terms.looks
    won = lost = pairs = 0
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
            needed = wins_needed(counts, terms.looked)
            if won >= needed:
                return Course(Word.ADMIT, pairs, duel(won, lost), duel(needed, won + lost - needed).better)
    return Course(Word.UNDECIDED, pairs, duel(won, lost), terms.always)


def wins_needed(counts: tuple[int, ...], alpha: float) -> int:
    """Wins that admit at the last of the looks, which saw so many discordant pairs each; one too many if none do."""
    return _walk(counts, alpha)[0]


@lru_cache(maxsize=65_536)
def _walk(counts: tuple[int, ...], alpha: float) -> tuple[int, float, tuple[float, ...]]:
    """Wins needed, what has been spent, and the chance of each count of wins not yet admitted, of fair coins."""
    if not counts:
        return 0, 0.0, (1.0,)
    _, spent, before = _walk(counts[:-1], alpha)
    chances = _tossed(before, counts[-1] - (counts[-2] if len(counts) > 1 else 0))
    needed, most = len(chances), alpha * SPENT[len(counts) - 1] * (1 - SLACK)
    while needed and spent + chances[needed - 1] <= most:
        needed -= 1
        spent += chances[needed]
    return needed, spent, (*chances[:needed], *(0.0 for _ in chances[needed:]))


def _tossed(chances: tuple[float, ...], coins: int) -> list[float]:
    """The chances of each count after so many more fair coins."""
    tosses = [comb(coins, heads) / 2**coins for heads in range(coins + 1)]
    after = [0.0] * (len(chances) + coins)
    for won, chance in enumerate(chances):
        if chance:
            for heads, toss in enumerate(tosses):
                after[won + heads] += chance * toss
    return after
