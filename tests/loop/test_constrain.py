"""Constrain: a flaw becomes the cheapest check that catches it, and no check speaks against what was proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.bundle import Bundle
from strop.checking.checks import parse_check
from strop.checking.mutants import late
from strop.checking.mutants.readings import CONSISTENT, break_claims
from strop.checking.mutants.record import Record
from strop.checking.primitives import run_check
from strop.learning.corpus import Kept
from strop.learning.ladder import LEAST
from strop.learning.rules import add_rules, read_rules
from strop.loop.constrain import constrain
from strop.loop.verify import Proofs, verify
from strop.testing.bundles import DAY, Case, reading
from strop.types.content import Scalar, Standing
from strop.types.memory import Constraint, ItemState
from strop.types.trial import Finding, Value, Verdict
from strop.types.work import Column, ColumnType, Kind, Output, RunId, Spec, UnitKey

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


def learned(
    column: Column, values: list[Value], *, passed: bool = True, past: Sequence[Kept] = ()
) -> tuple[Constraint, ...]:
    """The rules of a verdict over one column."""
    return constrain(Verdict(passed, tuple(values), (), ()), spec=order(column), past=past).rules


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
    """No shape tells it apart, but it was wrong in two rows: that very value is refused.

    Not before another delivery is stored that does without it: what is wrong of two units may be right of a third.
    """
    values = [*accepted(NUMBER, 1, 2, 3, 4, 5), *wrong(NUMBER, 7, 7)]
    past = [kept(*accepted(NUMBER, 11, 12, 13))]

    assert [rule.check for rule in learned(NUMBER, values, past=past)] == ['not_value(rows, "7")']
    assert learned(NUMBER, [*accepted(NUMBER, 1, 2, 3, 4, 5), *wrong(NUMBER, 7, 8)], past=past) == ()
    assert learned(NUMBER, values) == ()
    assert learned(NUMBER, values, past=[kept(*accepted(NUMBER, 7, 12, 13))]) == ()


def kept(*values: Value) -> Kept:
    """A delivery that passed earlier."""
    return Kept(RunId("01EARLIER"), order(NUMBER), Bundle(values), Bundle(values))


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


# ---------------------------------------------------------------- the same flaw again

AGAIN = (
    "wrong number",
    "order of magnitude",
    "transposed digits",
    "rounded away",
    "out of date",
    "sign",
    "date turned",
    "name cut short",
    "figures added up",
    "misquote",
    "stale source",
)
"""Kinds of flaws of workers that a check of the language can hold."""


def undemanding(case: Case) -> Case:
    """The delivery under an order without quotes, recomputation and checks: the gate knows nothing of it by itself."""
    spec = case.run.plan.spec
    columns = tuple(replace(column, quote=False, recompute=None) for column in spec.table)
    outputs = tuple(replace(output, columns=columns) if output.columns else output for output in spec.outputs)
    plan = replace(case.run.plan, spec=replace(spec, outputs=outputs, valid=()))
    return replace(case, run=replace(case.run, plan=plan), recounted=())


def flawed(kind: str, seed: int, *, field: str = "") -> tuple[Case, Record]:
    """A delivery with one flaw of this kind, in this field where one is named."""
    for number in range(seed, seed + 60):
        case = undemanding(reading(number, rows=12))
        made = break_claims({**CONSISTENT, **late.READINGS}[kind], case.claims, case.sources, seed=number)
        if made is not None and field in ("", made[2].locator.rpartition(".")[2]):
            claims, sources, record = made
            rest = (replace(each, claims=()) for each in case.run.results[1:])
            run = replace(case.run, results=(replace(case.run.results[0], claims=claims), *rest))
            return replace(case, run=run, sources=sources), record
    raise AssertionError(f"no {kind} in sixty deliveries")


async def gated(case: Case, rules: tuple[Constraint, ...] = ()) -> Verdict:
    """The gate without any model: no token can be spent."""
    return await verify(case.run, proofs=Proofs(case.sources, rules=rules, today=DAY), refute=None)


def read_through(verdict: Verdict, record: Record) -> Verdict:
    """After a reader who is never wrong: it refutes the flaw and finds the rest stated."""

    def heard(value: Value) -> Value:
        if f"{value.row}.{value.field}" == record.locator:
            return replace(value, value=None, said=value.value, standing=Standing.REFUTED)
        return replace(value, standing=Standing.ACCEPTED)

    found = Finding("refuted", "p", record.locator, record.before, record.after, "it says what its source says")
    return replace(verdict, values=tuple(map(heard, verdict.values)), findings=(found,), passed=True)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", AGAIN)
async def test_a_flaw_of_run_one_is_caught_in_run_two_without_a_model(kind: str) -> None:
    """A reader found it once. In another delivery of the order the gate takes it out by the rule alone.

    Without the rule the gate lets it through, and with the rule it says nothing of the same delivery unbroken.
    """
    case, record = flawed(kind, 1)
    verdict = read_through(await gated(case), record)
    lessons = constrain(verdict, spec=case.run.plan.spec, today=DAY, sources=case.sources)
    rules = tuple(rule for rule in lessons.rules if rule.state is ItemState.ACTIVE)
    second, again = flawed(kind, 500, field=record.locator.rpartition(".")[2])

    before, after = await gated(second), await gated(second, rules)

    place = {f"{v.row}.{v.field}": v for v in after.values}[again.locator]
    assert [each.held for each in lessons.compiled] == [True]
    assert again.locator not in {f"{v.row}.{v.field}" for v in before.standing(Standing.REFUTED)}
    assert place.standing is Standing.REFUTED
    assert place.reasons[-1] == "breaks a rule"
    assert after.words == ()
    clean = await gated(undemanding(reading(900, rows=12)), rules)
    assert not [finding for finding in clean.findings if finding.kind == "constraint"]
