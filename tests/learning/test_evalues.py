"""E-processes: a bet on a useless item does not grow in the mean, whoever looks and whenever."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.learning.evalues import Duel, cheaper, duel, interval, least_wins, not_worse, stake_on

counts = st.integers(0, 60)
nulls = st.fractions(0, Fraction(1, 2), max_denominator=50)


def exact(each: Duel) -> Fraction:
    """E as a fraction."""
    return Fraction(each.below, (each.discordant + 1) * each.ways)


@given(counts, counts, nulls)
def test_no_useless_item_gains_in_the_mean(won: int, lost: int, null: Fraction) -> None:
    """From every state the mean of E after one more discordant pair is at most E now, exactly; at a half it is E."""
    now = duel(won, lost)
    after = null * exact(now.after_win()) + (1 - null) * exact(now.after_loss())
    assert after <= exact(now)
    if null == Fraction(1, 2):
        assert after == exact(now)


@pytest.mark.parametrize("null", [Fraction(1, 2), Fraction(2, 5), Fraction(1, 10)])
def test_the_chance_of_ever_reaching_a_level_is_bounded(null: Fraction) -> None:
    """All 2^12 courses of 12 pairs, weighed: at most 1 in 5 reaches E = 5 at any time, though each is looked at."""
    reached = Fraction(0)
    for course in product((True, False), repeat=12):
        state, highest = Duel(), Fraction(1)
        for won in course:
            state = state.after_win() if won else state.after_loss()
            highest = max(highest, exact(state))
        if highest >= 5:
            reached += math.prod((null if won else 1 - null for won in course), start=Fraction(1))
    assert 0 < reached <= Fraction(1, 5)


@given(st.lists(st.booleans(), max_size=40), st.randoms())
def test_the_order_of_the_pairs_is_no_matter(course: list[bool], shuffled: Random) -> None:
    """Pair by pair, in any order, E is that of the counts, and harm is the same with the sides exchanged."""
    state = Duel()
    reordered = course.copy()
    shuffled.shuffle(reordered)
    for won in reordered:
        state = state.after_win() if won else state.after_loss()
    again = Duel()
    for won in course:
        again = again.after_win() if won else again.after_loss()
    assert state == again == duel(sum(course), len(course) - sum(course))
    assert again.worse == pytest.approx(duel(again.lost, again.won).better, rel=1e-12)


@given(counts, counts)
def test_a_win_raises_and_a_loss_lowers(won: int, lost: int) -> None:
    """E rises with each win and falls with each loss, so a threshold on E is one on wins."""
    now = duel(won, lost)
    assert exact(now.after_win()) > exact(now)
    assert exact(now.after_loss()) < exact(now)
    more = duel(won + 1, lost)
    assert exact(more) > exact(now)


@given(st.integers(0, 12), st.integers(0, 12))
def test_it_is_the_integral(won: int, lost: int) -> None:
    """The sum of whole numbers is 2 * integral from 1/2 to 1 of (2t)^g (2(1 - t))^l dt, by Simpson's rule."""
    steps = 400
    nodes = [0.5 + 0.5 * at / steps for at in range(steps + 1)]
    heights = [(2 * t) ** won * (2 * (1 - t)) ** lost for t in nodes]
    weights = [1 if at in (0, steps) else 4 if at % 2 else 2 for at in range(steps + 1)]
    integral = sum(w * h for w, h in zip(weights, heights, strict=True)) * 0.5 / steps / 3
    assert duel(won, lost).better == pytest.approx(2 * integral, rel=1e-6)


@pytest.mark.parametrize(("discordant", "level", "wins"), [(8, 20.0, 8), (24, 20.0, 19), (4, 20.0, 5), (0, 1.0, 0)])
def test_the_least_number_of_wins(discordant: int, level: float, wins: int) -> None:
    """From so many wins on E reaches the level, and with one fewer it does not."""
    assert least_wins(discordant, level) == wins
    if wins <= discordant:
        assert duel(wins, discordant - wins).better >= level
    if wins:
        assert duel(wins - 1, discordant - wins + 1).better < level


def test_ten_thousand_wins_are_no_overflow() -> None:
    """Where a float ends E is infinite, and harm is next to nothing."""
    assert duel(10_000, 3).better == math.inf
    assert duel(10_000, 0).worse == pytest.approx(1 / 10_001)


# ---------------------------------------------------------------- means


@pytest.mark.parametrize("worst", [(-1.0, 0.0, 1.0), (-0.05,), (-1.0, 1.0)])
def test_an_item_that_is_worse_by_the_margin_gains_nothing(worst: tuple[float, ...]) -> None:
    """Every course of 8 pairs of differences whose mean is the margin below zero, weighed: the mean of E is at most 1.

    So it is with one value, with two and with three; and a harmless item does grow.
    """
    top, bottom = max(worst), min(worst)
    weights = {-0.05: 1.0} if len(worst) == 1 else {bottom: (top + 0.05) / (top - bottom)}
    if len(worst) > 1:
        weights[top] = 1 - weights[bottom]
    if len(worst) == 3:
        weights = {-1.0: 0.25, 0.0: 0.55, 1.0: 0.2}
    mean = sum(
        math.prod(weights[each] for each in course) * not_worse(course, margin=0.05)
        for course in product(weights, repeat=8)
    )
    assert mean <= 1 + 1e-9
    assert not_worse([0.0] * 100, margin=0.05) > 50


def test_costs_are_compared_by_their_ratio() -> None:
    """Half the cost 40 times is evidence; twice the cost, equal cost and no cost on both sides are none."""
    assert cheaper([(50, 100)] * 40) > 1_000
    assert cheaper([(100, 50)] * 40) == 1
    assert cheaper([(100, 100)] * 40) == cheaper([(0, 0)] * 40) == 1
    assert cheaper([(0, 100)] * 40) > 1_000


@given(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=60))
def test_the_interval_holds_the_mean_and_shrinks(numbers: list[float]) -> None:
    """It is within the range, and numbers of one kind never lie outside it."""
    low, high = interval(numbers, low=0.0, high=1.0)
    assert 0 <= low <= high <= 1
    assert low <= sum(numbers) / len(numbers) + 1e-6
    assert high >= sum(numbers) / len(numbers) - 1e-6


def test_the_interval_covers_at_any_time() -> None:
    """Of 100 streams of 150 pairs at most 5, of which the truth is known, ever leave the truth outside."""
    outside = 0
    for seed in range(100):
        chance = Random(seed)
        pairs = [float((drawn := chance.random()) < 0.18) - (drawn > 0.98) for _ in range(150)]
        looks = (interval(pairs[:seen]) for seen in range(10, 151, 35))
        outside += any(not low <= 0.16 <= high for low, high in looks)
    assert outside <= 5
    assert interval([]) == (-1.0, 1.0)


def test_a_stake_is_fixed_before_its_number() -> None:
    """The first number meets no stake at all where nothing is known, and the last one cannot choose its own."""
    assert stake_on([1.0], above=0.5) == 1.0
    grown = stake_on([1.0] * 9, above=0.5)
    assert stake_on([*[1.0] * 9, 0.0], above=0.5) < grown < stake_on([1.0] * 10, above=0.5)
