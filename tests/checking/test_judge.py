"""What becomes of each cell: the table of rules in judge.py, line by line, and what always holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.judge import Evidence, Failure, cues, judge, same, stands
from strop.checking.quotes import locate, normal, states
from strop.types.content import Scalar, Standing
from strop.types.label import Integrity, Label
from strop.types.trial import Claim, Finding, Severity, Value
from strop.types.work import Column, ColumnType, Conflict, TaskId, UnitKey

CATS = UnitKey("cats")
PAGE = (
    "catsM: Weight Data for Domestic Cats\n"
    "The catsM data frame has 97 rows and 3 columns.\n"
    "144 adult (over 2kg in weight) cats were used; 47 were female.\n"
    "Two groups of 9 were left out.\n"
    "Sex: A factor for the sex.\n"
    "a: an afterthought."
)
PATH = "inputs/cats.txt"
ROWS = Column("rows", ColumnType.INTEGER, quote=True, recompute="rows", ask="how many rows or observations")
PLAIN = Column("rows", ColumnType.INTEGER, quote=True)
LOOSE = Column("rows", ColumnType.INTEGER)
COUNTED = Column("rows", ColumnType.INTEGER, compute="rows")
FIRST = Column("first", ColumnType.TEXT, quote=True, recompute="first")


def said(value: Scalar, quote: str = "", *, reader: int = 1, name: str = "rows") -> Claim:
    """What a reader claims; the harness located its quote."""
    span = locate(quote, PAGE)
    label = Label(Integrity.UNTRUSTED, origins=(PATH,))
    task = TaskId(f"read-{reader}/cats")
    return Claim(task, CATS, name, value, PATH, "h1", quote, span, reader=reader, label=label)


def counted(value: Scalar, *, name: str = "rows") -> Claim:
    """What the table answers."""
    locator = f"table:{name}(data/cats.csv)"
    return Claim(TaskId("count/cats"), CATS, name, value, "data/cats.csv", "h2", locator=locator)


def cell(*claims: Claim, column: Column = ROWS, readers: int = 2, conflict: Conflict = Conflict.FLAG):
    evidence = Evidence(claims, {PATH: PAGE}, readers)
    values, findings = judge(evidence, columns=(column,), rows=(CATS,), conflict=conflict)
    assert len(values) == 1
    assert len(findings) <= 1
    return values[0], (findings[0] if findings else None)


def brief(judged: tuple[Value, Finding | None]) -> tuple[str, Scalar, str]:
    value, finding = judged
    return value.standing.value, value.value, finding.kind if finding else ""


Q97, Q144, Q47 = "has 97 rows and 3 columns", "144 adult", "47 were female"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        # A standing claim equals the count.
        ([said(97, Q97), said(97, Q97, reader=2), counted(97)], ("accepted", 97, "")),
        ([said(144, Q144), said(97, Q97, reader=2), counted(97)], ("accepted", 97, "")),
        ([said("97", Q97), counted(97)], ("accepted", "97", "")),
        # Two agree on another one: the documentation says otherwise, and that is delivered.
        ([said(144, Q144), said(144, Q144, reader=2), counted(97)], ("unverified", 144, "disagreement")),
        ([said(97, Q97), said(97, Q97, reader=2), counted(98)], ("unverified", 97, "disagreement")),
        # One alone, two that differ, or quotes that do not stand: the source says the count.
        ([said(144, Q144), said(47, Q47, reader=2), counted(97)], ("corrected", 97, "recompute")),
        ([said(144, Q144), said(144, "144 cats", reader=2), counted(97)], ("corrected", 97, "recompute")),
        ([said(97, "ninety-seven rows"), counted(97)], ("corrected", 97, "recompute")),
        ([said(97, Q144), counted(97)], ("corrected", 97, "recompute")),
        ([said(None), said(144, Q144, reader=2), counted(97)], ("corrected", 97, "recompute")),
        # The source does not say the count, or not in a sentence about it.
        ([said(144, Q144), said(47, Q47, reader=2), counted(98)], ("refuted", None, "recompute")),
        ([said(144, Q144), counted(9)], ("refuted", None, "recompute")),
        ([said(144, Q144), counted(3)], ("corrected", 3, "recompute")),
        # Nobody said anything.
        ([counted(97)], ("refuted", None, "missing")),
        ([said(None), said(None, reader=2), counted(97)], ("refuted", None, "missing")),
        ([], ("refuted", None, "missing")),
        # The table answered twice, differently.
        ([said(97, Q97), counted(97), counted(98)], ("refuted", None, "recompute")),
        ([said(97, Q97), counted(97), counted(97)], ("accepted", 97, "")),
        # The column asks to be counted and was not: agreement does not accept it.
        ([said(97, Q97), said(97, Q97, reader=2)], ("unverified", 97, "recompute")),
        ([said(97, Q97), said(97, Q97, reader=2), counted(None)], ("unverified", 97, "recompute")),
        ([said(97, "no such quote")], ("refuted", None, "quote")),
    ],
)
def test_a_column_that_is_counted_again(claims: list[Claim], expected: tuple[str, Scalar, str]) -> None:
    """The count decides; a documented other value is delivered unverified, never repaired away."""
    assert brief(cell(*claims)) == expected


@pytest.mark.parametrize(
    ("claims", "readers", "expected"),
    [
        ([said(97, Q97), said(97, Q97, reader=2)], 2, ("accepted", 97, "")),
        ([said(97, Q97), said(144, Q144, reader=2)], 2, ("unverified", 97, "agreement")),
        ([said(97, Q97), said(97, "x", reader=2)], 2, ("unverified", 97, "agreement")),
        ([said(97, Q97)], 2, ("unverified", 97, "agreement")),
        ([said(97, Q97)], 1, ("unverified", 97, "")),
        ([said(97, Q97), said(97, Q97)], 2, ("unverified", 97, "agreement")),
        ([said(97, "x"), said(97, "x", reader=2)], 2, ("refuted", None, "quote")),
        ([said(9, Q97), said(9, Q97, reader=2)], 2, ("refuted", None, "quote")),
        ([said(97), said(97, reader=2)], 2, ("refuted", None, "quote")),
        ([said(None), said(None, reader=2)], 2, ("refuted", None, "missing")),
        ([said(True, Q97), said(True, Q97, reader=2)], 2, ("refuted", None, "quote")),
    ],
)
def test_a_column_with_quotes_only(claims: list[Claim], readers: int, expected: tuple[str, Scalar, str]) -> None:
    """Agreement of two readers accepts what both quote; one reader alone never does."""
    assert brief(cell(*claims, column=PLAIN, readers=readers)) == expected


@pytest.mark.parametrize(
    ("column", "claims", "expected"),
    [
        (LOOSE, [said(97), said(97, reader=2)], ("unverified", 97, "")),
        (LOOSE, [said(97)], ("unverified", 97, "")),
        (replace(LOOSE, recompute="rows"), [said(97), counted(97)], ("accepted", 97, "")),
        (replace(LOOSE, recompute="rows"), [said(144), counted(97)], ("corrected", 97, "recompute")),
    ],
)
def test_a_column_without_quotes(column: Column, claims: list[Claim], expected: tuple[str, Scalar, str]) -> None:
    """It stays unverified however many agree, unless the table says the same."""
    assert brief(cell(*claims, column=column)) == expected


@pytest.mark.parametrize(
    ("claims", "expected", "severity"),
    [
        ([counted(97), counted(97)], ("accepted", 97, ""), None),
        ([counted(97), counted(98)], ("refuted", None, "recompute"), Severity.FATAL),
        ([counted(97), counted(None)], ("refuted", None, "recompute"), Severity.FATAL),
        ([counted(97)], ("unverified", 97, ""), None),
        ([], ("refuted", None, "missing"), Severity.FLAW),
    ],
)
def test_a_computed_column(claims: list[Claim], expected: tuple[str, Scalar, str], severity: Severity | None) -> None:
    """The tool is called twice: the same answer is accepted, another one is fatal."""
    value, finding = judged = cell(*claims, column=COUNTED)
    assert brief(judged) == expected
    assert (finding.severity if finding else None) == severity
    assert value.field == "rows"


def test_a_failure_is_the_reason() -> None:
    """What the tool or the reader broke on stands with the cell that it left empty."""
    failures = (Failure(CATS, "ToolFailure: no CSV", "rows"), Failure(UnitKey("dogs"), "EndpointDown"))
    evidence = Evidence((), {}, failures=failures)
    values, findings = judge(evidence, columns=(COUNTED, FIRST), rows=(CATS, UnitKey("dogs")))
    assert [value.reasons[0] for value in values] == [
        "ToolFailure: no CSV",
        "nobody said a value",
        "EndpointDown",
        "EndpointDown",
    ]
    assert [finding.observed for finding in findings] == [value.reasons[0] for value in values]


def test_a_corrected_value_rests_on_a_claim_of_the_gate() -> None:
    """Its quote is the first sentence that says the count, located in the source, with what was said before."""
    value, finding = cell(said(144, Q144), counted(97))
    proof, count = value.claims
    assert proof.span is not None
    assert PAGE[slice(*proof.span)] == proof.quote == "The catsM data frame has 97 rows and 3 columns."
    assert (proof.value, proof.reader, proof.source, value.said) == (97, 0, PATH, 144)
    assert proof.label.integrity is Integrity.UNTRUSTED
    assert count.locator == "table:rows(data/cats.csv)"
    assert finding is not None
    assert (finding.expected, finding.observed, finding.severity) == ("97", "144", Severity.FLAW)
    assert finding.scope == "rows"


def test_a_short_text_is_corrected_only_in_its_own_case() -> None:
    """The variable `a` is not proven by the article `A`, but by its own line."""
    value, _ = cell(said("Sex", "Sex: A factor", name="first"), counted("a", name="first"), column=FIRST)
    assert value.standing is Standing.CORRECTED
    assert value.claims[0].quote == "a: an afterthought."


def test_a_correction_takes_the_entry_and_not_the_first_mention() -> None:
    """`sex` stands in a sentence of the description too, in its own case; the line that begins with it is its own."""
    page = "Cats: a sample\n\nWeights by sex of adult cats.\n\nsex: female or male.\n\nBwt: body weight."
    claim = replace(said("Cats", name="first"), quote="Cats: a sample", span=(0, 14))
    evidence = Evidence((claim, counted("sex", name="first")), {PATH: page}, 1)
    (value,), _ = judge(evidence, columns=(FIRST,), rows=(CATS,))
    assert value.claims[0].quote == "sex: female or male."
    elsewhere = Evidence((claim, counted("SEX", name="first")), {PATH: page}, 1)
    assert judge(elsewhere, columns=(FIRST,), rows=(CATS,))[0][0].standing is Standing.REFUTED


def test_a_disagreement_is_a_note_that_says_both() -> None:
    """The user learns what the documentation says and what the data say."""
    _, finding = cell(said(144, Q144), said(144, Q144, reader=2), counted(97))
    assert finding is not None
    assert finding.severity is Severity.NOTE
    assert finding.rule == "rows: the documentation says 144, the data say 97"


def test_majority_delivers_what_most_readers_say() -> None:
    """Three readers: `flag` takes the first one's value, `majority` that of two."""
    claims = (said(144, Q144), said(97, Q97, reader=2), said(97, Q97, reader=3))
    assert cell(*claims, column=PLAIN, readers=3)[0].value == 144
    assert cell(*claims, column=PLAIN, readers=3, conflict=Conflict.MAJORITY)[0].value == 97


def test_a_span_is_checked_against_the_source() -> None:
    """A claim whose span shows other words than its quote does not stand, nor one whose source is not there."""
    claim = said(97, Q97)
    assert stands(claim, column=PLAIN, sources={PATH: PAGE})
    assert not stands(replace(claim, span=(0, 5)), column=PLAIN, sources={PATH: PAGE})
    assert not stands(replace(claim, span=(0, 10**6)), column=PLAIN, sources={PATH: PAGE})
    assert not stands(claim, column=PLAIN, sources={})


def test_a_quote_column_holds_words_of_the_source() -> None:
    """The value of a column of type quote is itself what must stand."""
    column = Column("evidence", ColumnType.QUOTE)
    good = said("97 rows", Q97, name="evidence")
    assert stands(good, column=column, sources={PATH: PAGE})
    assert not stands(replace(good, value="98 rows"), column=column, sources={PATH: PAGE})


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (97, "97", True),
        (1_798, "1,798", True),
        (9.0, 9, True),
        ("Hwt", "hwt ", True),
        ("é", "e\u0301", True),
        (97, 98, False),
        ("97a", 97, False),
        (True, 1, False),
        (None, "", False),
    ],
)
def test_values_are_compared_as_what_they_say(one: Scalar, other: Scalar, equal: bool) -> None:
    """Numbers by size, text in its normal form, booleans and nothing only with themselves."""
    assert same(one, other) is same(other, one) is equal


def test_cues_are_the_words_that_tell_a_column() -> None:
    """Name and ask without the words that stand everywhere."""
    assert cues(ROWS) == {"row", "observation"}
    assert cues(Column("data", ColumnType.TEXT)) == {"data"}


# ---------------------------------------------------------------- what always holds

KEYS = [UnitKey("cats"), UnitKey("dogs")]
COLUMNS = [PLAIN, replace(ROWS, name="count"), replace(LOOSE, name="loose"), replace(COUNTED, name="made")]


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    name = draw(st.sampled_from(["rows", "count", "loose", "made"]))
    value = draw(st.sampled_from([97, 144, 47, 9, 3, None, "97", "Sex", True]))
    if draw(st.booleans()):
        claim = said(value, draw(st.sampled_from([Q97, Q144, Q47, "", "not there"])), reader=draw(st.integers(1, 3)))
        if draw(st.integers(0, 9)) == 0:
            claim = replace(claim, span=(0, 7))
    else:
        claim = counted(value)
    return replace(claim, row=draw(st.sampled_from(KEYS)), field=name)


@given(st.lists(claims(), max_size=14), st.integers(1, 3), st.sampled_from(Conflict))
def test_judgement_keeps_its_promises(given_claims: list[Claim], readers: int, conflict: Conflict) -> None:
    """Exactly rows x columns; nothing is accepted without its proof; a refuted cell is empty and has a finding."""
    evidence = Evidence(tuple(given_claims), {PATH: PAGE}, readers)
    values, findings = judge(evidence, columns=tuple(COLUMNS), rows=tuple(KEYS), conflict=conflict)
    assert [(value.row, value.field) for value in values] == [(row, each.name) for row in KEYS for each in COLUMNS]
    columns = {column.name: column for column in COLUMNS}
    for value in values:
        column = columns[value.field]
        assert (value.value is None) == (value.standing is Standing.REFUTED)
        assert value.standing is not Standing.PLAIN
        if value.standing is Standing.ACCEPTED and column.quote:
            assert proven(value)
        if value.standing is Standing.ACCEPTED and column.recompute:
            assert any(same(claim.value, value.value) for claim in value.claims if claim.locator)
        if value.standing is Standing.ACCEPTED and not column.recompute and column.quote:
            assert len({claim.reader for claim in value.claims}) >= 2
        if value.standing is Standing.ACCEPTED and not column.quote:
            assert column.compute is not None
        if value.standing is Standing.CORRECTED:
            assert proven(value)
    told = {finding.locator for finding in findings}
    assert all(f"{value.row}.{value.field}" in told for value in values if value.standing is Standing.REFUTED)
    assert all(finding.severity is not Severity.NOTE for finding in findings if refuted(finding, values))


def proven(value: Value) -> bool:
    claim = value.claims[0]
    return (
        claim.span is not None
        and normal(PAGE[slice(*claim.span)]) == normal(claim.quote)
        and (isinstance(value.value, bool) or states(value.value, claim.quote))
    )


def refuted(finding: Finding, values: tuple[Value, ...]) -> bool:
    return any(
        value.standing is Standing.REFUTED for value in values if f"{value.row}.{value.field}" == finding.locator
    )


@given(st.lists(claims(), max_size=10).flatmap(lambda held: st.tuples(st.just(held), st.permutations(held))))
def test_the_order_of_readers_does_not_matter(orders: tuple[list[Claim], list[Claim]]) -> None:
    """One claim a reader and field: whoever lands first changes nothing."""
    judged: list[list[tuple[Scalar, Standing]]] = []
    for order in orders:
        kept = {(claim.row, claim.field, claim.reader): claim for claim in sorted(order, key=lambda each: each.id)}
        shuffled = [claim for claim in order if claim in kept.values()]
        evidence = Evidence(tuple(dict.fromkeys(shuffled)), {PATH: PAGE}, 3)
        values, _ = judge(evidence, columns=tuple(COLUMNS), rows=tuple(KEYS))
        judged.append([(value.value, value.standing) for value in values])
    assert judged[0] == judged[1]


def test_a_yes_or_no_is_only_quoted() -> None:
    """No text says a boolean: a quote that stands leaves it unverified."""
    column = replace(PLAIN, type=ColumnType.BOOLEAN)
    claims = (said(True, Q97), said(True, Q97, reader=2))
    assert brief(cell(*claims, column=column, readers=2)) == ("unverified", True, "")


def test_a_reading_rests_on_its_own_page() -> None:
    """A quote from another unit's page proves nothing, however well it stands there."""
    claims = (said(97, Q97), said(97, Q97, reader=2))
    evidence = Evidence(claims, {PATH: PAGE}, readers=2)
    judged = {
        place: judge(replace(evidence, places={CATS: place}), columns=(PLAIN,), rows=(CATS,))[0][0]
        for place in (PATH, "inputs/dogs.txt")
    }
    assert [value.standing.value for value in judged.values()] == ["accepted", "refuted"]
