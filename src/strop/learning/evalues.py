"""Evidence that may be looked at after every pair: e-processes, and an interval that holds at any time.

An e-process starts at 1, is never negative, and under the null hypothesis its mean never grows; so the chance
that it ever reaches 1/alpha is at most alpha (J. Ville, 1939). Nothing is lost by looking, stopping or going on.

`Duel` is the admission statistic. Of won and lost pairs (ties carry no information) the null says that a win
is at most as likely as a loss, whatever happened before, and

    E(g, l) = 2 * integral from 1/2 to 1 of (2t)^g (2(1 - t))^l dt,

a bet spread evenly over all shares t > 1/2 of wins (J. Ville; mixtures as in H. Robbins, 1970). With n = g + l
and the incomplete beta function as a binomial sum it is a ratio of whole numbers:

    E(g, l) = sum for j <= g of C(n + 1, j)  /  ((n + 1) C(n, g)).

`stake_on` bets on the mean of bounded numbers with stakes that are fixed before each of them (I. Waudby-Smith
and A. Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024). `interval` inverts two
such bets. Pure; standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

BOLD = 0.75
"""Largest share of the capital that a stake may lose at once."""
FAR = 2.0
"""Logarithms of cost ratios are cut off here: one very dear unit decides nothing."""


@dataclass(frozen=True, slots=True)
class Duel:
    """Wins and losses of a challenger so far; each pair makes a new one from it in constant time."""

    won: int = 0
    lost: int = 0
    below: int = 1
    """Sum for j <= won of C(n + 1, j)."""
    ways: int = 1
    """C(n, won)."""

    @property
    def discordant(self) -> int:
        return self.won + self.lost

    @property
    def better(self) -> float:
        """E against "no better"; infinite beyond what a float holds."""
        return _ratio(self.below, (self.discordant + 1) * self.ways)

    @property
    def worse(self) -> float:
        """E against "no worse": the same with wins and losses exchanged."""
        return _ratio(2 ** (self.discordant + 1) - self.below, (self.discordant + 1) * self.ways)

    def after_win(self) -> Duel:
        n, g = self.discordant, self.won
        return Duel(g + 1, self.lost, 2 * self.below + self.ways * (n + 1) // (g + 1), self.ways * (n + 1) // (g + 1))

    def after_loss(self) -> Duel:
        n, lost = self.discordant, self.lost
        ways = self.ways * (n + 1) // (lost + 1)
        return Duel(self.won, lost + 1, 2 * self.below - ways, ways)


def duel(won: int, lost: int) -> Duel:
    """The duel after so many wins and losses; their order does not matter."""
    n, fewer = won + lost, min(won, lost)
    term = below = 1
    for j in range(fewer):
        term = term * (n + 1 - j) // (j + 1)
        below += term
    # The terms are symmetric, so the shorter side is summed and the longer one is what is left of 2^(n + 1).
    return Duel(won, lost, below if won == fewer else 2 ** (n + 1) - below, math.comb(n, won))


@lru_cache(maxsize=65_536)
def least_wins(discordant: int, level: float) -> int:
    """Wins among so many discordant pairs from which E reaches `level`; one more than there are if none does."""
    low, high = 0, discordant + 1
    while low < high:
        middle = (low + high) // 2
        if duel(middle, discordant - middle).better >= level:
            high = middle
        else:
            low = middle + 1
    return low


# ---------------------------------------------------------------- means of bounded numbers


def stake_on(numbers: Iterable[float], *, above: float) -> float:
    """E against "the mean of these numbers in [0, 1] is at most `above`", which lies strictly between 0 and 1.

    Each stake is what would have grown fastest on the numbers before it (approximately: aGRAPA of the paper).
    """
    capital, seen, total, squares = 1.0, 0, 0.5, 0.25
    for number in numbers:
        mean, spread = total / (seen + 1), squares / (seen + 1)
        lead = mean - above
        stake = min(max(lead / (spread + lead * lead), 0.0), BOLD / above)
        capital *= 1 + stake * (number - above)
        seen, total = seen + 1, total + number
        squares += (number - total / (seen + 1)) ** 2
    return capital


def not_worse(differences: Sequence[float], *, margin: float) -> float:
    """E against "worse by `margin` or more in the mean", of differences (challenger minus incumbent) in [-1, 1].

    The mean of two e-processes. One bets on the size of the differences; the other that there is none at all: if
    the mean is -margin or less, a difference shows in at least `margin` of the pairs, so (1 - margin)^-n while all
    are 0 is one. With differences of outputs that are the same byte for byte it settles in the fewest pairs.
    """
    unchanged = 0.0 if any(differences) else (1 - margin) ** -len(differences)
    return (unchanged + stake_on(((each + 1) / 2 for each in differences), above=(1 - margin) / 2)) / 2


def cheaper(costs: Iterable[tuple[int, int]]) -> float:
    """E against "costs as much or more", of (challenger, incumbent) costs: the mean log ratio, cut off at +-2."""
    return stake_on(((_saving(*each) / FAR + 1) / 2 for each in costs), above=0.5)


def _saving(challenger: int, incumbent: int) -> float:
    """log(incumbent / challenger) within [-FAR, FAR]; a cost of nothing is the farthest away."""
    if challenger <= 0 or incumbent <= 0:
        return FAR * ((incumbent > 0) - (challenger > 0))
    return max(-FAR, min(FAR, math.log(incumbent / challenger)))


def interval(
    numbers: Sequence[float], *, low: float = -1.0, high: float = 1.0, alpha: float = 0.05
) -> tuple[float, float]:
    """The 1 - alpha betting confidence interval of the mean of numbers in [low, high]; it holds at any time.

    The hedged capital interval of Waudby-Smith and Ramdas with predictable plug-in stakes, each side at alpha/2,
    so it may be read after every pair. Without numbers all is open.
    """
    scaled = [(number - low) / (high - low) for number in numbers]
    stakes = _plug_in(scaled, alpha=alpha)
    least = _bound(scaled, stakes, alpha=alpha)
    most = 1 - _bound([1 - number for number in scaled], stakes, alpha=alpha)
    return low + least * (high - low), low + most * (high - low)


def _plug_in(numbers: Sequence[float], *, alpha: float) -> list[float]:
    """Stakes before each number, from the spread of those before it."""
    stakes: list[float] = []
    total, squares = 0.5, 0.25
    for seen, number in enumerate(numbers, start=1):
        stakes.append(math.sqrt(2 * math.log(2 / alpha) / (squares * math.log(1 + seen))))
        total += number
        squares += (number - total / (seen + 1)) ** 2
    return stakes


def _bound(numbers: Sequence[float], stakes: Sequence[float], *, alpha: float) -> float:
    """Largest mean against which the bet "it is more" has won; the bet falls as the mean rises, so by halving."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        won = sum(
            math.log1p(min(stake, BOLD / middle) * (number - middle))
            for number, stake in zip(numbers, stakes, strict=True)
        )
        low, high = (middle, high) if won >= math.log(2 / alpha) else (low, middle)
    return low


def _ratio(above: int, under: int) -> float:
    try:
        return above / under
    except OverflowError:
        return math.inf
