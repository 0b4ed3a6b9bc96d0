"""Each check fires on its flaw, is silent on good values, and reads back as it is written."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking import patterns
from strop.checking.bundle import Bundle
from strop.checking.checks import ARGUMENTS, OF_FILES, Check, CheckName, parse_check
from strop.checking.mutators import kills, mutant
from strop.checking.opened import Opened, Sheet
from strop.checking.patterns import MAX_TEXT, compiled, matches
from strop.checking.primitives import flawed, run_check, unjudged
from strop.errors import BadInput
from strop.types.content import Scalar, Standing
from strop.types.trial import Claim, Severity, Value
from strop.types.work import Count, TaskId, UnitKey


def claim(value: Scalar, quote: str = "", *, reader: int = 1, locator: str = "", stands: bool = True) -> Claim:
    span = (0, len(quote)) if quote and stands else None
    return Claim(TaskId("t"), UnitKey("a"), "rows", value, "a.txt", "h", quote, span, locator, reader)


def value(said: Scalar, *claims: Claim, row: str = "a", field: str = "rows") -> Value:
    return Value(UnitKey(row), field, said, Standing.ACCEPTED, claims)


DAY = date(2026, 10, 1)
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
        ("type(rows, integer)", [value(97), value("98")], [value("many")]),
        ("type(rows, boolean)", [value(True)], [value("yes")]),
        ('one_of(rows, "MIT", "BSD, new")', [value("mit"), value("BSD,  new")], [value("GPL")]),
        ('unit(rows, "EUR")', [value(97, claim(97, "It costs 97 EUR."))], [value(97, claim(97, "It costs 97 USD."))]),
        ('unit(rows, "€")', [value(97, claim(97, "It costs €97."))], [value(97, claim(97, "It costs 97 or €98."))]),
        (
            'unit(rows, "USD")',
            [value(2_000_000, claim(2_000_000, "about 2 million USD"))],
            [value(2_000_000, claim(2_000_000, "2 million EUR, 3 USD"))],
        ),
        ("cited(rows)", [value(97, QUOTED), value(97, COUNT)], [value(97, claim(97))]),
        ("newer(rows, 30)", [value("2026-09-15"), value("2026-10-01")], [value("2026-08-15")]),
        ("newer(rows, 30)", [value("2026-10-01")], [value("2026-10-02")]),
        ("newer(rows, 30)", [value("2026-10-01")], [value("last autumn")]),
        (
            "unique(rows, b)",
            [value(1), value(1, row="b"), value("x", field="b"), value("y", row="b", field="b")],
            [value(1), value(1, row="b"), value("x", field="b"), value("X", row="b", field="b")],
        ),
        (
            "consistent(rows, key)",
            [value(1), value("k", field="key"), value(2, row="b"), value("l", row="b", field="key")],
            [value(1), value("k", field="key"), value(2, row="b"), value("K", row="b", field="key")],
        ),
        (
            "formula(rows, [a] * [b])",
            [value(12), value(3, field="a"), value(4, field="b")],
            [value(13), value(3, field="a"), value(4, field="b")],
        ),
        (
            "formula(rows, [a] / sum([a]))",
            [value("0.33"), value(1, field="a"), value(2, row="b", field="a")],
            [value("0.34"), value(1, field="a"), value(2, row="b", field="a")],
        ),
    ],
)
def test_a_check_fires_on_its_flaw_only(check: str, good: list[Value], bad: list[Value]) -> None:
    """Silent on good values and on those of other fields; one finding for the flaw, which names the rule."""
    parsed = parse_check(check)
    assert run_check(parsed, Bundle(tuple(good), read(good), today=DAY)) == ()
    (finding,) = run_check(parsed, Bundle(tuple(bad), read(bad), today=DAY))
    assert finding.rule == str(parsed)
    if parsed.name is not CheckName.ROWS:
        others = tuple(replace(each, field=f"other {each.field}") for each in bad)
        assert run_check(parsed, Bundle(others, today=DAY)) == ()


def read(values: list[Value]) -> dict[str, str]:
    """The page as it stands: every quote at its place."""
    return {claim.source: claim.quote for value in values for claim in value.claims if claim.quote}


@pytest.mark.parametrize(
    ("page", "stands"),
    [
        ("It has 97 rows.", True),
        ("It has  97 rows.", False),  # one more letter: the span cuts the last one off
        ("It has 79 rows.", False),
        ("As of May it has 97 rows.", False),
        ("", False),
    ],
)
def test_a_quote_is_held_to_the_page_at_its_place(page: str, stands: bool) -> None:
    """Words that stand elsewhere on the page, or stood there once, are no quote: a misquote and a changed page."""
    found = run_check(parse_check("quote(rows)"), Bundle((value(97, QUOTED),), {"a.txt": page}))
    assert bool(found) is not stands


def test_a_quote_without_its_page_cannot_be_judged() -> None:
    """Silence is told apart from approval; a quote that says something else is wrong with or without the page."""
    check = parse_check("quote(rows)")
    lost = Bundle((value(97, QUOTED), value(98, QUOTED, row="b")))
    assert [finding.locator for finding in run_check(check, lost)] == ["b.rows"]
    assert [each.row for each in unjudged(check, lost)] == ["a"]
    assert unjudged(check, replace(lost, sources={"a.txt": "It has 97 rows."})) == ()
    assert unjudged(parse_check("agree(rows)"), lost) == ()


def test_a_refuted_value_is_judged_by_what_was_said() -> None:
    """So a rule fires on the flaw it was made from, and an empty cell breaks nothing."""
    check = parse_check("range(rows, 1, 100)")
    refuted = Value(UnitKey("a"), "rows", None, Standing.REFUTED, (), said=144)
    corrected = Value(UnitKey("a"), "rows", 97, Standing.CORRECTED, (), said=144)
    assert [finding.observed for finding in run_check(check, Bundle((refuted,)))] == ["144"]
    assert run_check(check, Bundle((replace(refuted, said=None),))) == ()
    assert run_check(check, Bundle((corrected,))) == ()
    assert [finding.observed for finding in run_check(check, Bundle((flawed(corrected),)))] == ["144"]
    assert flawed(refuted) == refuted


def test_an_unverified_value_gets_a_note() -> None:
    """A documented value that the data do not bear out never asks for a repair."""
    check = parse_check("recompute(rows)")
    unverified = replace(value(144, COUNT), standing=Standing.UNVERIFIED)
    assert [finding.severity for finding in run_check(check, Bundle((unverified,)))] == [Severity.NOTE]
    assert [finding.severity for finding in run_check(check, Bundle((value(144, COUNT),)))] == [Severity.FLAW]


def opened(*rows: tuple[str, ...], headings: tuple[str, ...] = ()) -> Opened:
    return Opened((Sheet("", ("name", "rows"), rows),), headings=headings)


FILES = Bundle(
    files={
        "a.csv": opened(("x", "1"), ("y", "1,000")),
        "b.xlsx": opened(("x", "1"), ("y", "1000")),
        "c.csv": opened(("x", "1"), ("y", "1001")),
        "d.csv": opened(("x", "1")),
        "audit.pdf": opened(headings=("1. Summary", "Sources")),
    },
    pictures={"one.png": "a" * 64, "other.png": "a" * 64, "new.png": "c" * 64},
    redrawn={"one.png": "a" * 64, "other.png": "b" * 64},
)


@pytest.mark.parametrize(
    ("check", "place"),
    [
        ("same(a.csv, b.xlsx)", None),
        ("same(a.csv, c.csv)", "row 2, rows"),
        ("same(a.csv, d.csv)", "rows"),
        ("same(a.csv, none.csv)", None),
        ("sections(audit.pdf, Summary, Sources)", None),
        ('sections(audit.pdf, "Method")', "section Method"),
        ("sections(none.pdf, Method)", None),
        ("drawn(one.png)", None),
        ("drawn(other.png)", "picture"),
        ("drawn(new.png)", None),
    ],
)
def test_a_check_of_files_names_the_place(check: str, place: str | None) -> None:
    """Cell, heading or picture; a file that is not there is the contract's matter."""
    findings = run_check(parse_check(check), FILES)
    assert [finding.locator for finding in findings] == ([place] if place else [])


def _whole() -> Bundle:
    """A small clean bundle that every check has something to say about."""
    values: list[Value] = []
    for number in range(1, 5):
        quote = f"Site {number} has {number * 10} EUR and {number} rows."
        claims = (
            claim(number * 10, quote),
            claim(number * 10, quote, reader=2),
            claim(number * 10, reader=0, locator="table:rows(a.csv)"),
        )
        row = f"r{number}"
        values.append(value(number * 10, *claims, row=row, field="fee"))
        values.append(value(f"Site {number}", claim(f"Site {number}", quote), row=row, field="name"))
        values.append(value(f"2026-09-0{number}", row=row, field="seen"))
        values.append(value(number * 20, row=row, field="double"))
    return replace(FILES, values=tuple(values), today=DAY)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "check",
    [
        "type(fee, integer)",
        'one_of(fee, "10", "20", "30", "40")',
        r"pattern(name, Site \d)",
        "max_length(name, 6)",
        "range(fee, 10, 40)",
        'unit(fee, "EUR")',
        'not_value(name, "Site 9")',
        "cited(fee)",
        "quote(fee)",
        "recompute(fee)",
        "agree(fee)",
        "newer(seen, 60)",
        "formula(double, [fee] * 2)",
        "unique(name)",
        "unique(name, fee)",
        "consistent(fee, name)",
        "rows(=4)",
        "rows(<=4)",
        "same(a.csv, b.xlsx)",
        "sections(audit.pdf, Summary)",
        "drawn(one.png)",
    ],
)
def test_a_check_kills_its_mutant(check: str, seed: int) -> None:
    """Silent on the clean bundle, loud on the flaw that it is for; else it proves nothing."""
    assert kills(parse_check(check), _whole(), seed=seed) is True


def test_every_check_has_its_place() -> None:
    """Each name is explained, and has a mutant somewhere in the table above."""
    assert set(ARGUMENTS) == set(CheckName)
    assert {parse_check(f"{name.value}(a{', b' * (name is not CheckName.DRAWN)})").name for name in OF_FILES} == set(
        OF_FILES
    )


def test_where_nothing_can_be_broken_there_is_no_mutant() -> None:
    """A check of a column that holds nothing, or of a file that is not there, is neither killed nor admitted."""
    assert mutant(parse_check("range(none, 1, 2)"), _whole()) is None
    assert kills(parse_check("drawn(none.png)"), _whole()) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quote",
        "quote()",
        "quote(a, b)",
        "quotes(a)",
        "range(a)",
        "type(a)",
        "type(a, colour)",
        "one_of(a)",
        "unit(a, EUR)",
        "newer(a, soon)",
        "formula(a)",
        "formula(a, [b] *)",
        "consistent(a)",
        "consistent(a, b, c)",
        "same(a.csv)",
        "sections(a.pdf)",
        "drawn(a.png, b.png)",
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
PLAIN = [CheckName.QUOTE, CheckName.RECOMPUTE, CheckName.AGREE, CheckName.UNIQUE, CheckName.CITED, CheckName.DRAWN]
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
        st.builds(lambda name, days: Check(CheckName.NEWER, name, high=Decimal(days)), NAMES, st.integers(0, 999)),
        st.builds(lambda name, text: Check(CheckName.UNIT, name, text=text), NAMES, st.text(max_size=20)),
        st.builds(
            lambda name, names: Check(CheckName.UNIQUE, name, names=tuple(names)), NAMES, st.lists(NAMES, max_size=3)
        ),
        st.builds(lambda name, key: Check(CheckName.CONSISTENT, name, names=(key,)), NAMES, NAMES),
        st.builds(
            lambda name, names: Check(CheckName.ONE_OF, name, names=tuple(names)),
            NAMES,
            st.lists(NAMES, min_size=1, max_size=3),
        ),
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
