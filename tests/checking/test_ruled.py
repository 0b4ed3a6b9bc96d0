"""Rules before the refuting model, and once more over what it changed in the table."""

from __future__ import annotations

from dataclasses import replace

from strop.checking.checks import parse_check
from strop.checking.ruled import BROKEN, Ruled, Rules, after, ruled
from strop.types.content import Scalar, Standing
from strop.types.trial import Severity, Value
from strop.types.work import UnitKey


def row(key: str, *, standing: Standing = Standing.ACCEPTED, **cells: Scalar) -> list[Value]:
    return [Value(UnitKey(key), name, value, standing, ()) for name, value in cells.items()]


def held(*checks: str) -> Rules:
    return Rules([parse_check(check) for check in checks], {})


def without(first: Ruled, *places: str) -> list[Value]:
    """The values after a model refuted these."""
    return [
        replace(value, value=None, said=value.value, standing=Standing.REFUTED)
        if f"{value.row}.{value.field}" in places
        else value
        for value in first.values
    ]


def taken(values: tuple[Value, ...]) -> list[str]:
    return [f"{value.row}.{value.field}" for value in values if BROKEN in value.reasons]


def test_what_breaks_a_rule_is_a_flaw_whoever_vouches_for_it() -> None:
    """An unverified value is taken out like an accepted one; what the data prove stays, and the finding is a note."""
    proved = replace(row("c", town="Old Farnley")[0], reasons=("data agree",))
    first = ruled([*row("a", standing=Standing.UNVERIFIED, town="New Farnley"), proved], held(r"pattern(town, \S+)"))

    assert taken(first.values) == ["a.town"]
    assert [finding.severity for finding in first.findings] == [Severity.FLAW, Severity.NOTE]


def test_a_second_look_gives_back_what_only_a_refuted_value_spoke_against() -> None:
    """`b` was taken out since `a` says the same; the model refutes `a`, so nothing speaks against `b` any more."""
    rules = held("unique(town)")
    first = ruled([*row("a", town="Farnley"), *row("b", town="Farnley"), *row("c", town="Ember")], rules)
    assert taken(first.values) == ["b.town"]

    values, findings = after(first, without(first, "a.town"), rules)

    assert [value.value for value in values] == [None, "Farnley", "Ember"]
    assert (taken(values), findings) == ([], ())


def test_a_second_look_says_nothing_twice() -> None:
    """Where nothing that a rule looks at has changed, its finding stands as it was, once."""
    rules = held("unique(town)", r"pattern(name, \S+)")
    first = ruled([*row("a", town="Farnley", name="two words"), *row("b", town="Farnley", name="b")], rules)

    values, findings = after(first, without(first, "b.name"), rules)

    assert findings == first.findings
    assert taken(values) == ["a.name", "b.town"]


def test_a_sum_that_has_lost_a_part_is_found_in_the_second_look() -> None:
    """The total was right; without a row that a model refuted it is not."""
    rules = held("formula(total, sum([bells]))")
    first = ruled([*row("a", bells=3, total=8), *row("b", bells=5)], rules)
    assert first.findings == ()

    values, findings = after(first, without(first, "b.bells"), rules)

    assert taken(values) == ["a.total"]
    assert [finding.locator for finding in findings] == ["a.total"]
