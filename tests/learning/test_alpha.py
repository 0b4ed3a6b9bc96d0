"""What a library may get wrong is spent once: over trials, and over the looks of each."""

from __future__ import annotations

import sys
from fractions import Fraction
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise, product
from math import comb
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.learning.alpha import (
    ALPHA,
    FIRST,
    HARM,
    LATER,
    PLACES,
    REST,
    Terms,
    Word,
    _walk,
    bar_at,
    course,
    share,
    terms,
)

ALONE = Terms(always=20.0, looked=0.0, planned=120)


def test_the_shares_add_up_to_alpha_and_fall() -> None:
    """In exact numbers the even places and the rest, which goes on for ever, are alpha and no more."""
    even = sum(Fraction(share(each)) for each in range(1, PLACES + 1))
    assert float(even) == pytest.approx(ALPHA * (1 - REST))
    behind = [share(each) for each in range(PLACES + 1, PLACES + 400)]
    assert sum(behind) == pytest.approx(ALPHA * REST * (1 - FIRST / (FIRST + 399)))
    assert all(one > other for one, other in pairwise(behind))


def test_what_admits_in_a_later_place_admits_in_an_earlier_one() -> None:
    """Behind the even places E has to reach more than ever in one, and there are no looks: the proof rests on it."""
    even, behind = terms(PLACES, admitted=0, planned=120), terms(PLACES + 1, admitted=0, planned=120)
    assert behind.always > even.always
    assert behind.looks == ()
    assert share(PLACES + 1) < LATER * share(PLACES)


def test_an_admission_gives_its_place_back() -> None:
    """The 31st trial after five admissions has what the 26th had after none; without them it stands behind."""
    assert terms(31, admitted=5, planned=120) == terms(26, admitted=0, planned=120)
    assert terms(31, admitted=0, planned=120).always > terms(31, admitted=5, planned=120).always


small = st.lists(st.integers(0, 4), min_size=1, max_size=3)


@settings(max_examples=40)
@given(small, st.sampled_from([0.05, 0.01, 0.2]), st.sampled_from([0.5, 0.4, 0.1]))
def test_the_looks_admit_a_useless_item_with_their_alpha_at_most(steps: list[int], alpha: float, null: float) -> None:
    """Every course of wins and losses is walked and weighed: what is ever admitted weighs at most alpha."""
    counts = tuple(sum(steps[: at + 1]) for at in range(len(steps)))
    admitted = 0.0
    for tosses in product((1, 0), repeat=counts[-1]):
        looked = 0
        for at, count in enumerate(counts):
            won = sum(tosses[:count])
            if bar_at(counts[: at + 1], alpha).passed(won, recent=won - looked):
                heads = sum(tosses)
                admitted += null**heads * (1 - null) ** (len(tosses) - heads)
                break
            looked = won
    assert admitted <= alpha


def test_the_last_look_uses_what_is_left() -> None:
    """Of 40 pairs in three looks nearly all of alpha is spent: whole counts alone would leave a third of it."""
    alpha, counts = 0.01, (20, 30, 40)
    spent = 0.0
    for first, second, third in product(range(21), range(11), range(11)):
        chance = comb(20, first) * comb(10, second) * comb(10, third) / 2**40
        wins, recents = (first, first + second, first + second + third), (first, second, third)
        looks = zip((counts[:1], counts[:2], counts), wins, recents, strict=True)
        spent += chance * any(bar_at(seen, alpha).passed(won, recent=recent) for seen, won, recent in looks)
    assert 0.9 * alpha <= spent <= alpha


@given(small, st.sampled_from([0.05, 0.01, 0.2]))
def test_what_was_admitted_does_not_go_on(steps: list[int], alpha: float) -> None:
    """At each look the chance spent and the chances that go on to the next are one: nothing is counted twice."""
    walk = _walk(tuple(sum(steps[: at + 1]) for at in range(len(steps))), alpha)
    assert walk.spent + sum(walk.chances) == pytest.approx(1, abs=1e-12)


@given(st.lists(st.sampled_from([1, -1, 0]), max_size=120), st.integers(0, 119))
def test_a_win_in_place_of_a_loss_takes_no_admission_back(signs: list[int], at: int) -> None:
    """So an item that wins less often than a coin is admitted less often than one."""
    laid = terms(1, admitted=0, planned=60)
    if at < len(signs) and signs[at] == -1 and course(signs, terms=laid).word is Word.ADMIT:
        assert course([*signs[:at], 1, *signs[at + 1 :]], terms=laid).word is Word.ADMIT


@pytest.mark.parametrize(
    ("signs", "word", "pairs"),
    [
        ([1] * 30, Word.ADMIT, 7),
        ([0] * 5 + [1] * 8, Word.ADMIT, 12),
        ([-1] * 30, Word.QUARANTINE, 4),
        ([1, -1] * 20, Word.UNDECIDED, 40),
        ([1, -1] * 4 + [-1] * 30, Word.QUARANTINE, 17),
        ([], Word.UNDECIDED, 0),
    ],
)
def test_a_trial_stops_where_it_is_decided(signs: list[int], word: Word, pairs: int) -> None:
    """An item alone, E >= 20: seven wins in a row admit, four losses in a row put it away, balance says nothing."""
    went = course(signs, terms=ALONE)
    assert (went.word, went.pairs) == (word, pairs)
    if word is Word.ADMIT:
        assert went.duel.better >= went.threshold >= 20
    if word is Word.QUARANTINE:
        assert went.duel.worse >= HARM


def test_a_look_admits_below_the_level_for_all_times() -> None:
    """At a planned look a lower E suffices, and a pair before it does not: looking seldom is worth something."""
    laid = terms(1, admitted=0, planned=120)
    signs = ([1, 0, 1, 0, 0, 1, 0, -1, 0, 0] * 12)[:72]
    assert course(signs[:71], terms=laid).word is Word.UNDECIDED
    strong = [1 if each else 0 for each in signs]
    went = course(strong, terms=laid)
    assert went.word is Word.ADMIT
    late = course([1, 0, 0, 0, 0] * 3 + [0] * 105, terms=laid)
    assert late.word is Word.UNDECIDED
    assert course([0] * 52 + [1] * 19 + [0], terms=Terms(1e9, laid.looked, 120)).pairs == 72


# ---------------------------------------------------------------- the benchmark's streams, a sample of them


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """benchmarks/admission.py as a module."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "admission.py"
    spec = spec_from_file_location("admission_benchmark", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_streams_keep_bad_items_out_where_other_rules_let_them_in(benchmark: ModuleType) -> None:
    """Of 20 libraries of 30 candidates at most 3 hold a useless or harmful one; with the point gate nearly all do."""
    ours = benchmark.Streams("even", 0.2, "ours", 20).run()
    point = benchmark.Streams("even", 0.2, "point", 20).run()
    assert ours.spoiled <= 3
    assert ours.harmful.hits == 0
    assert point.spoiled >= 17
    kept = ours.kinds[0.16].rate(Word.ADMIT)
    assert kept.hits / kept.of >= 0.8


def test_the_best_test_of_all_is_the_sign_test(benchmark: ModuleType) -> None:
    """Its power at its level is the level where the item is useless, and the known figure where it is good."""
    assert benchmark.alone(0.0, 0.4, level=0.01) == pytest.approx(0.01)
    assert benchmark.alone(0.16, 0.4, level=0.05) == pytest.approx(0.991, abs=0.001)


def test_pairs_of_unlike_units_are_fair_to_a_useless_item(benchmark: ModuleType) -> None:
    """In 20,000 pairs of unlike units a useless item wins as often as it loses, within three standard errors."""
    pairs = benchmark.first(benchmark.unlike(Random(5), effect=0.0, strata=(0.1, 0.5, 0.9)), 20_000)
    signs = list(pairs)
    assert abs(sum(signs)) <= 3 * sum(map(abs, signs)) ** 0.5
