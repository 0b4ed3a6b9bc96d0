"""Each check fires on its flaw, is silent on good values, and reads back as it is written."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking import patterns
from strop.checking.checks import Check, CheckName, flawed, parse_check, run_check
from strop.checking.patterns import MAX_TEXT, compiled, matches
from strop.errors import BadInput
from strop.types.content import Scalar, Standing
from strop.types.trial import Claim, Severity, Value
from strop.types.work import Count, TaskId, UnitKey


def claim(value: Scalar, quote: str = "", *, reader: int = 1, locator: str = "", stands: bool = True) -> Claim:
    span = (0, len(quote)) if quote and stands else None
    return Claim(TaskId("t"), UnitKey("a"), "rows", value, "a.txt", "h", quote, span, locator, reader)


def value(said: Scalar, *claims: Claim, row: str = "a", field: str = "rows") -> Value:
    return Value(UnitKey(row), field, said, Standing.ACCEPTED, claims)


QUOTED = claim(97, "It has 97 rows.")
COUNT = claim(97, reader=0, locator="table:rows(a.csv)")


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("quote(rows)", [value(97, QUOTED)], [value(97, claim(97))]),
        ("quote(rows)", [value(97, claim(97), QUOTED)], [value(97, claim(97, "It has 97 rows.", stands=False))]),
        ("quote(rows)", [value("x y", claim("x y", "“X  y”"))], [value(98, claim(98, "It has 97 rows."))]),
        ("recompute(rows)", [value(97, QUOTED, COUNT)], [value(144, QUOTED, COUNT)]),
        ("recompute(rows)", [value("97", COUNT)], [value(97, QUOTED)]),
        ("agree(rows)", [value(97, QUOTED, replace(QUOTED, reader=2))], [value(97, QUOTED, QUOTED)]),
        ("agree(rows)", [value(97, QUOTED, claim(97, reader=2))], [value(97, QUOTED, claim(98, reader=2), COUNT)]),
        ("range(rows, 1, 100)", [value(1), value(100), value("1.5")], [value(0)]),
        ("range(rows, -1, 1.25)", [value(-1), value("1.250")], [value("many")]),
        ("range(rows, 1, 2)", [value(1.5)], [value(True)]),
        (r"pattern(rows, [a-z]\w{0,9})", [value("abc"), value("a1")], [value("1a")]),
        (r"pattern(rows, \d{2},\d\))", [value("12,3)")], [value("12")]),
        ("pattern(rows, a+)", [value("a" * MAX_TEXT)], [value("a" * (MAX_TEXT + 1))]),
        ("max_length(rows, 3)", [value("abc")], [value("abcd")]),
        ('not_value(rows, "N/A, or \\"-\\"")', [value("N/A")], [value("n/a, or “-”")]),
        ('not_value(rows, "0")', [value(10)], [value(0)]),
        ("unique(rows)", [value(1), value(2, row="b")], [value("1,000"), value(1000, row="b")]),
        ("rows(>=2)", [value(1), value(1, row="b")], [value(1)]),
        ("rows(<=1)", [value(1)], [value(1), value(1, row="b")]),
        ("rows(=1)", [value(1), value(2, field="x")], [value(1), value(1, row="b")]),
        ('max_length("a, (b)", 1)', [value("x", field="a, (b)"), value("long")], [value("xy", field="a, (b)")]),
    ],
)
def test_a_check_fires_on_its_flaw_only(check: str, good: list[Value], bad: list[Value]) -> None:
    """Silent on good values and on those of other fields; one finding for the flaw, which names the rule."""
    parsed = parse_check(check)
    assert run_check(parsed, tuple(good)) == ()
    (finding,) = run_check(parsed, tuple(bad))
    assert finding.rule == str(parsed)
    if parsed.name is not CheckName.ROWS:
        others = tuple(replace(each, field="other") for each in bad)
        assert run_check(parsed, others) == ()


def test_a_refuted_value_is_judged_by_what_was_said() -> None:
    """So a rule fires on the flaw it was made from, and an empty cell breaks nothing."""
    check = parse_check("range(rows, 1, 100)")
    refuted = Value(UnitKey("a"), "rows", None, Standing.REFUTED, (), said=144)
    corrected = Value(UnitKey("a"), "rows", 97, Standing.CORRECTED, (), said=144)
    assert [finding.observed for finding in run_check(check, (refuted,))] == ["144"]
    assert run_check(check, (replace(refuted, said=None),)) == ()
    assert run_check(check, (corrected,)) == ()
    assert [finding.observed for finding in run_check(check, (flawed(corrected),))] == ["144"]
    assert flawed(refuted) == refuted


def test_an_unverified_value_gets_a_note() -> None:
    """A documented value that the data do not bear out never asks for a repair."""
    check = parse_check("recompute(rows)")
    unverified = replace(value(144, COUNT), standing=Standing.UNVERIFIED)
    assert [finding.severity for finding in run_check(check, (unverified,))] == [Severity.NOTE]
    assert [finding.severity for finding in run_check(check, (value(144, COUNT),))] == [Severity.FLAW]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quote",
        "quote()",
        "quote(a, b)",
        "quotes(a)",
        "range(a)",
        "range(a, 1)",
        "range(a, 2, 1)",
        "range(a, x, 1)",
        "max_length(a, -1)",
        "max_length(a, many)",
        "pattern(a)",
        "pattern(a, ()",
        "not_value(a, b)",
        "not_value(a)",
        "rows(3)",
        "rows(>3)",
        "rows(a, >=3)",
        'quote("a)',
        "quote(a) or quote(b)",
        "quote(" + "a" * 400 + ")",
    ],
)
def test_what_is_no_check_is_refused(text: str) -> None:
    """With the form that was expected, or the list of checks."""
    with pytest.raises(BadInput):
        parse_check(text)


NAMES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12).map(str.strip).filter(bool)
PLAIN = [CheckName.QUOTE, CheckName.RECOMPUTE, CheckName.AGREE, CheckName.UNIQUE]
FIGURES = st.decimals(-1000, 1000, places=2)


@given(
    st.one_of(
        st.builds(Check, st.sampled_from(PLAIN), NAMES),
        st.builds(
            lambda name, bounds: Check(CheckName.RANGE, name, min(bounds), max(bounds)),
            NAMES,
            st.tuples(FIGURES, FIGURES),
        ),
        st.builds(lambda name, most: Check(CheckName.MAX_LENGTH, name, high=Decimal(most)), NAMES, st.integers(0, 999)),
        st.builds(lambda name, text: Check(CheckName.NOT_VALUE, name, text=text), NAMES, st.text(max_size=20)),
        st.builds(lambda name: Check(CheckName.PATTERN, name, text=r"[a-z, ]+\(\)"), NAMES),
        st.builds(lambda n: Check(CheckName.ROWS, count=Count(least=n)), st.integers(0, 99)),
        st.builds(lambda n: Check(CheckName.ROWS, count=Count(most=n)), st.integers(0, 99)),
        st.builds(lambda n: Check(CheckName.ROWS, count=Count(n, n)), st.integers(0, 99)),
    )
)
def test_a_check_reads_back(check: Check) -> None:
    """What is written to CONSTRAINTS.md is read again as the same check, whatever the column's name."""
    assert parse_check(str(check)) == check


# ---------------------------------------------------------------- bounded patterns


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"\d{4}-\d{2}-\d{2}", "2020-01-02", True),
        (r"[A-Z][\w.]*(?: \w+)?", "Sepal.Length cm", True),
        (r"(?:ab)+c", "ababc", True),
        (r"a|bc", "bc", True),
        (r"a|bc", "ac", False),
        (r"[^\]]+", "x", True),
        (r"\.\+", ".+", True),
        (r"a{2,}", "aaa", True),
        (r"[{}]", "{", True),
    ],
)
def test_a_bounded_pattern_matches_whole(pattern: str, text: str, expected: bool) -> None:
    """The usual forms are there, and match the whole text."""
    assert matches(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*b",
        "(a|a)*",
        "(a|b)+",
        "((a?){9}b)*",
        "(?:a{1,9}){2,}",
        "a*a*a*a*b",
        "a?" * 30,
        "(?=a)b",
        r"(a)\1",
        "(?i)a",
        "(?P<x>a)",
        "a**",
        "(",
        ")",
        "[a",
        "[z-a]",
        "*a",
        "a" * 201,
        "(a|b)" * 30,
    ],
)
def test_a_pattern_without_a_bound_is_refused(pattern: str) -> None:
    """Nested repetitions, too many of them, look-around, back references, flags and broken ones."""
    with pytest.raises(BadInput):
        compiled(pattern)


PIECES = ["a", "b", "[ab]", ".", r"\w", "(a)", "(?:ab)", "(ab|b)", "a*", "b+", "a?", "(a+b)?", "a{1,3}", "(ab){2}"]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join), st.text("ab!", max_size=12))
def test_an_admitted_pattern_says_the_same_as_python(pattern: str, text: str) -> None:
    """Admitting changes no meaning: the whole text matches or it does not; else the pattern is refused."""
    try:
        said = matches(pattern, text)
    except BadInput:
        with pytest.raises(BadInput):
            compiled(pattern)
        return
    assert said == (re.fullmatch(pattern, text) is not None)


@pytest.mark.parametrize(("pattern", "ways"), [("a*b*", 201 * 201), ("(a|b)c?", 4), ("a{3}", 1), ("[^a]{2,5}", 4)])
def test_ways_are_counted(pattern: str, ways: int) -> None:
    """Repetitions and alternatives multiply; the bound is on the product."""
    assert patterns._ways(pattern) == ways  # the count itself is the promise
