"""An item in use is watched: drift is found, quiet is not punished, and a worse manifest is taken back."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.learning.alpha import HARM
from strop.learning.evalues import duel
from strop.learning.watching import (
    BETS,
    LEAST,
    LEVEL,
    TRIED,
    UNITS,
    Detector,
    lapsed,
    rollback,
    state_before,
    watch,
)
from strop.types.evidence import Pair, Source
from strop.types.firsts import RunShare
from strop.types.memory import ItemKind, ItemState


def pairs(signs: list[int]) -> list[Pair]:
    """Pairs that were won, lost, or neither."""
    return [
        Pair("i", "v", "g", "o", f"u{at}", "r", Source.WAVE, float(sign > 0), float(sign < 0))
        for at, sign in enumerate(signs)
    ]


@given(st.lists(st.sampled_from([1.0, 0.5, 0.0, -0.5, -1.0]), max_size=30), st.sampled_from([0.2, 1.0]))
def test_an_item_that_is_not_worse_gains_one_a_pair_at_most(before: list[float], size: float) -> None:
    """After whatever came, the mean of evidence less pairs does not grow: so false alarms take LEVEL pairs."""
    now = Detector()
    for difference in before:
        now = now.after(difference)
    after = (now.after(size).evidence + now.after(-size).evidence) / 2
    assert after <= now.evidence + 1 + 1e-9


def test_it_is_the_sum_of_all_that_began() -> None:
    """The recursion gives what summing the bets from every start gives."""
    differences = [1.0, -1.0, 0.0, -1.0, -0.5]
    state = Detector()
    for difference in differences:
        state = state.after(difference)
    total = 0.0
    for start, bet in product(range(len(differences)), BETS):
        grown = 1.0
        for difference in differences[start:]:
            grown *= 1 - bet * difference
        total += grown
    assert state.evidence == pytest.approx(total / len(BETS))
    assert state.pairs == len(differences)


def test_a_long_good_life_does_not_hide_a_turn() -> None:
    """After 2,000 won pairs it takes no more losses to the alarm than after none, save for one."""
    fresh = watch(pairs([-1] * 60), state=ItemState.ACTIVE)
    old = watch(pairs([1] * 2_000 + [-1] * 60), state=ItemState.ACTIVE)
    assert fresh.state is old.state is ItemState.QUARANTINE
    assert old.detector.pairs - 2_000 <= fresh.detector.pairs + 1
    assert fresh.detector.evidence >= LEVEL


@pytest.mark.parametrize(
    ("signs", "state", "after"),
    [
        ([0] * TRIED, ItemState.PROBATION, ItemState.ACTIVE),
        ([0] * (TRIED - 1), ItemState.PROBATION, ItemState.PROBATION),
        ([1, -1] * 100, ItemState.ACTIVE, ItemState.ACTIVE),
        ([0] * TRIED, ItemState.STALE, ItemState.STALE),
        ([-1] * 60, ItemState.PROBATION, ItemState.QUARANTINE),
    ],
)
def test_where_the_watch_leads(signs: list[int], state: ItemState, after: ItemState) -> None:
    """Probation ends after quiet pairs; balance is no alarm; stale stays in use; harm ends in quarantine."""
    assert watch(pairs(signs), state=state).state is after


@pytest.mark.parametrize(
    ("kind", "today", "units", "due"),
    [
        (ItemKind.SKILL, "2026-11-30", 10, False),
        (ItemKind.SKILL, "2027-06-01", 10, True),
        (ItemKind.SKILL, "2026-11-30", UNITS, True),
        (ItemKind.KNOWLEDGE, "2027-01-21", 0, True),
        (ItemKind.CHECK, "2036-01-01", 10 * UNITS, False),
    ],
)
def test_certificates_lapse_by_days_or_units(kind: ItemKind, today: str, units: int, due: bool) -> None:
    """Whichever comes first; what proves itself at each gate never does."""
    assert (lapsed(kind, certified="2026-11-22", today=today, units=units) is not None) is due


def test_a_lapse_says_since_when() -> None:
    """By days it is the day that the certificate ended on, whenever somebody looks."""
    late = lapsed(ItemKind.KNOWLEDGE, certified="2026-11-22", today="2027-03-01", units=0)
    assert late is not None
    assert late.since == "2027-01-21"


def shares(*accepted: int, state: str, terms: str = "a", units: int = 100, turned: bool = False) -> list[RunShare]:
    """Runs of one state of the library."""
    return [RunShare(f"{state}{at}", state, terms, each, units, turned=turned) for at, each in enumerate(accepted)]


@pytest.mark.parametrize(
    ("new", "terms", "due", "compared"),
    [
        ((70, 70, 70, 70, 70), "a", True, 4),
        ((70, 70, 70), "a", False, 3),
        ((80, 80, 80, 80, 80), "a", False, 5),
        ((90, 70, 90, 70, 90), "a", False, 5),
        ((70, 70, 70, 70, 70), "b", False, 0),
        ((), "a", False, 0),
    ],
)
def test_a_worse_state_is_taken_back(new: tuple[int, ...], terms: str, due: bool, compared: int) -> None:
    """Four runs in a row with less accepted than before; equal, mixed or other work takes nothing back."""
    runs = shares(80, 80, 80, 80, 80, 80, state="old") + shares(*new, state="new", terms=terms)
    found = rollback(runs, state="new", before="old")
    assert (found.due, found.compared) == (due, compared)


def test_an_old_run_is_compared_once() -> None:
    """Two old runs give two comparisons, however many new ones there are."""
    runs = shares(80, 80, state="old") + shares(*[10] * 9, state="new")
    assert rollback(runs, state="new", before="old").compared == 2


def test_a_run_is_compared_with_one_before_it() -> None:
    """What the old state did afterwards changes no comparison that was made: evidence is never looked at anew."""
    before, after = shares(80, 80, state="old"), shares(10, 10, 10, state="old")
    found = rollback(before + shares(70, 70, state="new") + after, state="new", before="old")
    assert (found.compared, found.evidence) == (2, duel(0, 2).worse)


def test_four_runs_are_the_fewest_that_can_speak() -> None:
    """A state of three runs could never be returned to, so it is passed over for one that could."""
    assert duel(0, LEAST).worse >= HARM > duel(0, LEAST - 1).worse


OLD, SHORT, NEW = shares(*[8] * 4, state="old"), shares(*[8] * 3, state="short"), shares(*[7] * 4, state="new")


@pytest.mark.parametrize(
    ("runs", "before"),
    [
        (OLD + NEW, "old"),
        (OLD + SHORT + NEW, "old"),
        (SHORT + NEW, ""),
        (NEW, ""),
        (OLD + NEW + OLD, "old"),
        (OLD + shares(*[8] * 4, state="bad", turned=True) + NEW, "old"),
        (OLD + shares(7, state="new", turned=True) + NEW, ""),
    ],
    ids=["the one before", "too few runs", "none has enough", "the first", "behind it too", "turned", "itself turned"],
)
def test_which_state_one_is_compared_with(runs: list[RunShare], before: str) -> None:
    """The newest before it with runs enough; what was turned back is neither returned to nor compared again."""
    assert state_before(runs, state="new") == before
