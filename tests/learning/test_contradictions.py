"""Rules that contradict each other are found, and rules that only look so are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.bundle import Bundle
from strop.checking.checks import parse_check
from strop.learning.contradictions import contradiction, contradictions
from strop.learning.corpus import Kept
from strop.types.content import Scalar, Standing
from strop.types.memory import CheckKind, Constraint
from strop.types.trial import Value
from strop.types.work import RunId, Spec, UnitKey

PAIRS = [
    ("range(a, 1, 9)", "range(a, 10, 20)", True),
    ("range(a, 1, 10)", "range(a, 10, 20)", False),
    ('one_of(a, "x", "y")', 'one_of(a, "z")', True),
    ('one_of(a, "x", "y")', 'one_of(a, "y", "z")', False),
    ('one_of(a, "x")', 'not_value(a, "x")', True),
    ('one_of(a, "x", "y")', 'not_value(a, "x")', False),
    ('one_of(a, "5", "7")', "range(a, 8, 9)", True),
    ('one_of(a, "two words")', r"pattern(a, \S+)", True),
    ('one_of(a, "long name")', "max_length(a, 4)", True),
    ("type(a, boolean)", "range(a, 0, 1)", True),
    ("type(a, integer)", "range(a, 0.2, 0.8)", True),
    ("type(a, integer)", "range(a, 0.2, 1.8)", False),
    ("type(a, date)", "type(a, integer)", True),
    ("type(a, date)", "max_length(a, 5)", True),
    ("rows(>=10)", "rows(<=5)", True),
    ("rows(>=10)", "rows(=10)", False),
    ("range(a, 1, 9)", "range(b, 10, 20)", False),
    (r"pattern(a, \d+)", "pattern(a, [a-z]+)", False),
]


def rule(name: str, check: str) -> Constraint:
    return Constraint(name, check, "", CheckKind.CHECK, check=check)


def deliveries(*said: Scalar) -> tuple[Kept, ...]:
    """One stored delivery with these values of `a`."""
    values = tuple(Value(UnitKey(f"r{n}"), "a", value, Standing.ACCEPTED, ()) for n, value in enumerate(said))
    return (Kept(RunId("run"), Spec("Order", ()), Bundle(values), Bundle(values)),)


@pytest.mark.parametrize(("one", "other", "clash"), PAIRS, ids=[f"{one} / {other}" for one, other, _ in PAIRS])
def test_two_checks_that_no_value_keeps_both_of_contradict(one: str, other: str, clash: bool) -> None:
    """In either order; where a value keeps both, or it cannot be told, nothing is said."""
    first, second = parse_check(one), parse_check(other)

    assert bool(contradiction(first, second)) is clash
    assert bool(contradiction(second, first)) is clash


def test_patterns_contradict_by_the_values_that_are_stored() -> None:
    """Some stored values keep the one, some the other, none both; with a value that keeps both there is no clash."""
    digits, letters = rule("c-1", r"pattern(a, \d+)"), rule("c-2", "pattern(a, [a-z]+)")
    word = rule("c-3", r"pattern(a, \w+)")

    (found,) = contradictions((digits, letters, word), deliveries("12", "ab"))

    assert (found.first, found.second, found.field) == ("c-1", "c-2", "a")
    assert found.why.startswith("of 2 stored values none keeps both")
    assert contradictions((digits, letters), deliveries("12")) == ()


bounds = st.tuples(st.integers(-50, 50), st.integers(-50, 50)).map(sorted)


@given(bounds, bounds)
def test_bounds_contradict_exactly_when_they_do_not_meet(one: list[int], other: list[int]) -> None:
    """Over any two ranges: a clash where no number is in both."""
    first, second = parse_check(f"range(a, {one[0]}, {one[1]})"), parse_check(f"range(a, {other[0]}, {other[1]})")

    assert bool(contradiction(first, second)) is (max(one[0], other[0]) > min(one[1], other[1]))
