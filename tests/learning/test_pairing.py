"""Experiments inside a wave: fixed before it begins, few, fair, and counted by first outcomes."""

from __future__ import annotations

from collections import Counter
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from strop.learning.pairing import MOST, WATCHED, Challenger, Like, draw, pooled
from strop.types.firsts import Control
from strop.types.work import UnitKey

NEW = Challenger("skill/new", "v1")
OTHER = Challenger("skill/other", "v7")

waves = st.lists(st.tuples(st.integers(0, 5_000), st.sampled_from(["pdf", "csv"])), max_size=60).map(
    lambda drawn: [Like(UnitKey(f"u{at}"), size, kind) for at, (size, kind) in enumerate(drawn)]
)


@given(waves, st.lists(st.sampled_from([NEW, OTHER]), unique=True), st.randoms())
def test_an_experiment_is_small_fair_in_kind_and_fixed(units: list[Like], challengers: list[Challenger], order) -> None:
    """At most a fifth tries a challenger; pairs are of one stratum, no unit stands in two; order changes nothing."""
    made = draw(units, run="r", challengers=challengers)
    assert len(made) <= MOST * len(units)
    assert all(drawn.tries.stratum == drawn.against.stratum for drawn in made)
    used = Counter(unit.key for drawn in made for unit in (drawn.tries, drawn.against))
    assert not used or max(used.values()) == 1
    shuffled = units.copy()
    order.shuffle(shuffled)
    assert draw(shuffled, run="r", challengers=challengers) == made


def test_a_fifth_of_a_large_wave_takes_part() -> None:
    """Of 300 like units 60 try; two challengers share them evenly."""
    units = [Like(UnitKey(f"u{at}"), 1_000 + at) for at in range(300)]
    assert len(draw(units, run="r", challengers=[NEW])) == 60
    both = Counter(drawn.challenger for drawn in draw(units, run="r", challengers=[NEW, OTHER]))
    assert both == {NEW: 30, OTHER: 30}


def test_doing_without_what_has_proved_itself_takes_half_of_that() -> None:
    """Of 300 like units 30 try; where a tenth is less than one pair, one pair is drawn, if a fifth allows it."""
    units = [Like(UnitKey(f"u{at}"), 1_000 + at) for at in range(300)]
    assert [len(draw(units[:of], run="r", challengers=[NEW], most=WATCHED)) for of in (300, 8, 4)] == [30, 1, 0]


def test_the_arms_are_drawn_like_a_coin() -> None:
    """Over 400 runs the first unit of a pair tries in half of them, and another run is another draw."""
    units = [Like(UnitKey(f"u{at}"), 100) for at in range(5)]
    made = [draw(units, run=f"r{at}", challengers=[NEW]) for at in range(400)]
    first = sum(pairs[0].tries.key < pairs[0].against.key for pairs in made)
    assert 160 <= first <= 240
    assert len({pairs[0].tries.key for pairs in made}) == 4


def test_without_a_challenger_nobody_tries() -> None:
    """An empty experiment leaves every unit to the incumbent."""
    assert draw([Like(UnitKey("a"), 100), Like(UnitKey("b"), 120)], run="r", challengers=[]) == ()


def test_controls_are_pooled_by_model_and_date() -> None:
    """Units with the empty library, over runs; another model, other work and an older day are left out."""
    numbers = count()
    held = [Control(f"r{next(numbers) % 3}", "a", "m", "2026-11-10", float(at % 2), at) for at in range(40)]
    others = [
        Control("r9", "a", "other", "2026-11-10", 1.0),
        Control("r8", "a", "m", "2026-10-01", 1.0),
        Control("r7", "b", "m", "2026-11-10", 1.0),
    ]
    found = pooled([*held, *others], order="a", model="m", since="2026-11-01", until="2026-11-22")
    assert found is not None
    assert (found.units, found.runs, found.mean, found.cost) == (40, 3, 0.5, 19.5)
    assert (found.first, found.last) == ("2026-11-10", "2026-11-10")
    assert 0 < found.low < 0.5 < found.high < 1
    assert pooled(others, order="a", model="m", since="2026-11-01", until="2026-11-22") is None
