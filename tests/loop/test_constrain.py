"""Constrain: a flaw becomes the cheapest check that catches it, and no check speaks against what was proved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.bundle import Bundle
from strop.checking.checks import parse_check
from strop.checking.primitives import run_check
from strop.learning.ladder import LEAST
from strop.learning.rules import add_rules, read_rules
from strop.loop.constrain import constrain
from strop.types.content import Scalar, Standing
from strop.types.memory import Constraint, ItemState
from strop.types.trial import Value, Verdict
from strop.types.work import Column, ColumnType, Kind, Output, Spec, UnitKey

WORDS = ("bell", "clapper", "rope", "yoke", "frame")
TEXT = Column("part", ColumnType.TEXT)
NUMBER = Column("rows", ColumnType.INTEGER)


def accepted(column: Column, *values: Scalar) -> list[Value]:
    """Proved values of a column."""
    return [Value(UnitKey(f"p{at}"), column.name, value, Standing.ACCEPTED, ()) for at, value in enumerate(values)]


def wrong(column: Column, *said: Scalar, standing: Standing = Standing.REFUTED) -> list[Value]:
    """Values that the gate took out, or put right."""
    kept = None if standing is Standing.REFUTED else "right"
    return [Value(UnitKey(f"f{at}"), column.name, kept, standing, (), said=value) for at, value in enumerate(said)]


def learned(column: Column, values: list[Value], *, passed: bool = True) -> tuple[Constraint, ...]:
    """The rules of a verdict over one column."""
    return constrain(Verdict(passed, tuple(values), (), ()), spec=order(column)).rules


def order(*columns: Column) -> Spec:
    """An order for one table of these columns, a row a document."""
    return Spec("Bells", (Output("bells.csv", Kind.CSV, columns),), each="inputs/*.txt")


@pytest.mark.parametrize(
    ("column", "proved", "said", "check"),
    [
        (TEXT, WORDS, "the big bell", r"pattern(part, \S+)"),
        (TEXT, WORDS, "bell,", r"pattern(part, [A-Za-z][\w.]*)"),
        (TEXT, ("big bell", "old rope", "a", "b", "c"), "a bell.", r"pattern(part, [^.]*)"),
        (TEXT, ("big b.", "old r.", "a", "b", "c"), "a bell that rings. And rings", "max_length(part, 12)"),
        (NUMBER, (1, 2, 3, 4, 5), 0, "range(rows, 1, 1000000000)"),
    ],
)
def test_the_cheapest_check_that_catches_the_flaw_is_taken(
    column: Column, proved: tuple[Scalar, ...], said: Scalar, check: str
) -> None:
    """A shape goes before a length; each fires on the flaw it is from, and is silent on what was proved."""
    values = [*accepted(column, *proved), *wrong(column, said)]

    (rule,) = learned(column, values)

    assert rule.check == check
    assert rule.reason == ("1 refuted value broke it, 5 proved ones keep it; no other delivery is stored to try it on")


def test_a_value_that_was_wrong_twice_is_forbidden() -> None:
    """No shape tells it apart, but it was wrong in two rows: that very value is refused."""
    values = [*accepted(NUMBER, 1, 2, 3, 4, 5), *wrong(NUMBER, 7, 7)]

    assert [rule.check for rule in learned(NUMBER, values)] == ['not_value(rows, "7")']
    assert learned(NUMBER, [*accepted(NUMBER, 1, 2, 3, 4, 5), *wrong(NUMBER, 7, 8)]) == ()


def test_what_the_gate_put_right_teaches_as_well() -> None:
    """A corrected value is a flaw of the agent, whatever was delivered."""
    values = [*accepted(TEXT, *WORDS), *wrong(TEXT, "the big bell", standing=Standing.CORRECTED)]

    assert [rule.check for rule in learned(TEXT, values)] == [r"pattern(part, \S+)"]


scalars = st.one_of(st.text(max_size=12), st.integers(-5, 50))


@given(
    st.sampled_from([TEXT, NUMBER]),
    st.lists(scalars, min_size=5, max_size=9),
    st.lists(scalars, min_size=1, max_size=4),
)
def test_no_rule_speaks_against_a_proved_value(column: Column, proved: list[Scalar], said: list[Scalar]) -> None:
    """Over any values: each rule fires on a flaw, is silent on all that was proved, and survives its own file."""
    good, bad = accepted(column, *proved), wrong(column, *said)

    rules = learned(column, [*good, *bad])

    for rule in rules:
        assert run_check(parse_check(rule.check), Bundle(tuple(good))) == ()
        assert run_check(parse_check(rule.check), Bundle((*good, *bad)))
    active = [rule for rule in rules if rule.state is ItemState.ACTIVE]
    assert [rule.check for rule in read_rules(add_rules("", rules))] == [rule.check for rule in active]


@given(st.lists(st.sampled_from(WORDS), min_size=5, max_size=8))
def test_nothing_is_learned_from_a_refused_verdict(proved: list[str]) -> None:
    """The same values teach when the run passed, and do not when it was refused."""
    values = [*accepted(TEXT, *proved), *wrong(TEXT, "the big bell")]

    assert learned(TEXT, values)
    assert learned(TEXT, values, passed=False) == ()


def test_too_few_proved_values_bind_nobody() -> None:
    """Four values are no shape."""
    values = wrong(TEXT, "the big bell")

    assert learned(TEXT, [*accepted(TEXT, *WORDS[: LEAST - 1]), *values]) == ()
    assert learned(TEXT, [*accepted(TEXT, *WORDS[:LEAST]), *values])


def test_a_known_rule_is_not_made_again() -> None:
    """What stands in CONSTRAINTS.md is passed over for the next rung that catches it."""
    verdict = Verdict(True, (*accepted(TEXT, *WORDS), *wrong(TEXT, "the big bell")), (), ())
    first = constrain(verdict, spec=order(TEXT)).rules

    second = constrain(verdict, spec=order(TEXT), known=first).rules

    assert second != first
    assert not {rule.check for rule in first} & {rule.check for rule in second}


def test_a_value_that_was_never_said_is_no_flaw() -> None:
    """A gap, where nobody said anything, makes no rule; neither does a column that a tool fills."""
    silent = [*accepted(TEXT, *WORDS), *wrong(TEXT, None)]
    computed = Column("part", ColumnType.TEXT, compute="first")

    assert learned(TEXT, silent) == ()
    assert learned(computed, [*accepted(computed, *WORDS), *wrong(computed, "the big bell")]) == ()
