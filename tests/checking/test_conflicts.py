"""Contradictions: found by entity and field, settled by the order's rule, and what is none is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strop.checking.conflicts import READ, Dated, agree, conflicts, dated, settle
from strop.types.content import Scalar, Standing
from strop.types.trial import Claim, Severity, SourceRead, Value
from strop.types.work import Conflict, TaskId, UnitKey

Row = dict[str, Scalar]


def claims(task: str, source: str, *rows: Row) -> list[Claim]:
    """What one agent says of one source, a row an entry."""
    return [
        Claim(
            TaskId(task),
            UnitKey(f"{task}.rows[{at}]"),
            field,
            value,
            source,
            f"hash of {source}",
            str(value),
            (at, at + 9),
        )
        for at, row in enumerate(rows)
        for field, value in row.items()
    ]


A = claims("a", "a.txt", {"name": "Acme", "staff": 40, "city": "Oslo"})
B = claims("b", "b.txt", {"name": "ACME ", "staff": 42, "city": "oslo"})
C = claims("c", "c.txt", {"name": "Acme", "staff": 42})


def test_two_sources_that_differ_on_one_field_are_found_with_both_sides() -> None:
    """Names in another case are one entity; the field that agrees is no finding."""
    (one,) = conflicts([*A, *B])
    assert (one.entity, one.field) == ("Acme", "staff")
    assert [side.value for side in one.sides] == [40, 42]
    assert one.taken is None
    assert set(one.claims) == {A[1].id, B[1].id}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (claims("a", "a", {"name": "Acme", "staff": 40}), claims("b", "b", {"name": "Acme", "staff": 40.4})),
        (
            claims("a", "a", {"name": "Acme", "licence": "MIT"}),
            claims("b", "b", {"name": "Acme", "licence": "MIT Licence"}),
        ),
        (claims("a", "a", {"name": "Acme", "staff": 40}), claims("b", "b", {"name": "Bolt", "staff": 42})),
        (
            claims("a", "a", {"country": "Peru", "year": 2020, "gdp": 1}),
            claims("b", "b", {"country": "Peru", "year": 2021, "gdp": 2}),
        ),
        (
            claims("a", "a", {"name": "Acme", "deal": 1}, {"name": "Acme", "deal": 2}),
            claims("b", "b", {"name": "Acme", "deal": 3}),
        ),
        (claims("a", "a", {"name": "Acme", "note": "x " * 40}), claims("b", "b", {"name": "Acme", "note": "y " * 40})),
        (claims("a", "a", {"name": "Acme", "staff": None}), claims("b", "b", {"name": "Acme", "staff": 42})),
        ([replace(each, span=None) for each in A], B),
        ([replace(each, row=UnitKey("a.sections[0]")) for each in A], B),
    ],
    ids=["rounded", "within", "others", "years", "list", "prose", "gap", "unquoted", "no row"],
)
def test_what_is_no_contradiction_is_not_found(one: list[Claim], other: list[Claim]) -> None:
    """Rounding, longer names, other entities or years, lists, prose, gaps, and what rests on nothing."""
    assert conflicts([*one, *other]) == ()


def test_the_first_ordered_column_names_the_entity_where_names_do_not_tell() -> None:
    """`well` is no word of ours; the spec's table says that it is the key."""
    one = claims("a", "a", {"depth": 1, "water": "hard", "well": "W5"})
    other = claims("b", "b", {"depth": 2, "water": "soft", "well": "W5"})
    assert {each.field for each in conflicts([*one, *other], keys=("well",))} == {"depth", "water"}


DATES = {"a.txt": Dated("2024-05", "its name"), "b.txt": Dated("2023", "its name"), "c.txt": Dated("2026-01-01", READ)}


@pytest.mark.parametrize(
    ("rule", "said", "taken", "why"),
    [
        (Conflict.FLAG, [*A, *B, *C], None, "flag"),
        (Conflict.MAJORITY, [*A, *B, *C], 42, "2 sources say so against 1"),
        (Conflict.MAJORITY, [*A, *B], None, "no majority"),
        (Conflict.NEWEST, [*A, *B], 40, "of 2024-05 by its name"),
        (Conflict.NEWEST, [*A, *C], None, "only one of the sources bears a date"),
        (Conflict.NEWEST, [*A, *claims("d", "d.txt", {"name": "Acme", "staff": 7})], None, "no date is known of d.txt"),
    ],
)
def test_the_rule_takes_a_side_or_says_why_not(rule: Conflict, said: list[Claim], taken: Scalar, why: str) -> None:
    """More sources, or the later date; where sides are level or cannot be compared, none."""
    (one,) = conflicts(said, rule=rule, dates=DATES)
    assert (one.taken.value if one.taken else None) == taken
    assert why in one.why


def test_who_only_repeats_another_is_no_second_vote() -> None:
    """An aggregator that cites an agent's claim adds neither a source nor an agent."""
    again = [replace(each, task=TaskId("sum"), row=UnitKey("sum.rows[0]"), rests=(each.id,)) for each in A]
    (one,) = conflicts([*A, *again, *B], rule=Conflict.MAJORITY)
    assert one.taken is None


@pytest.mark.parametrize(
    ("path", "text", "when", "how"),
    [
        ("inputs/report-2024-05-31.txt", "date: 2020", "2024-05-31", "its name"),
        ("inputs/2023_07.md", "", "2023-07", "its name"),
        ("inputs/2022/a2021.txt", "", "2021", "its name"),
        ("inputs/a.md", "---\ntitle: x\ndate: 2020-01-02\n---\n", "2020-01-02", "its front matter"),
        ("inputs/a.txt", "Last updated: 2019-03\n", "2019-03", "its front matter"),
        ("inputs/a20240.txt", "In 2019 it rained.", "1700.0", READ),
    ],
)
def test_a_source_is_dated_by_name_then_front_matter_then_reading(path: str, text: str, when: str, how: str) -> None:
    """A year in its prose dates nothing."""
    assert dated(path, text, read=SourceRead(path, "", 1_700.0)) == Dated(when, how)


def test_a_source_without_any_date_has_none() -> None:
    """No clock at hand when it was read either."""
    assert dated("a.txt", "", read=SourceRead("a.txt", "")) is None
    assert dated("a.txt", "") is None


def value(claim: Claim, said: Scalar = None, *, row: str = "out.csv.rows[0]", field: str = "staff") -> Value:
    """A delivered value that rests on a claim."""
    return Value(UnitKey(row), field, said if said is not None else claim.value, Standing.ACCEPTED, (claim,))


def test_a_cell_of_the_losing_side_is_corrected_and_the_contradiction_listed() -> None:
    """The winner's value and claim are delivered, what was said is kept, both sides stand in the finding."""
    found = conflicts([*A, *B, *C], rule=Conflict.MAJORITY)
    (lost, won), (finding,) = settle([value(A[1]), value(B[1])], found)

    assert (lost.value, lost.said, lost.standing) == (42, 40, Standing.CORRECTED)
    assert lost.claims[0].value == 42
    assert (won.value, won.standing) == (42, Standing.ACCEPTED)
    assert (finding.kind, finding.locator, finding.severity) == ("conflict", "Acme.staff", Severity.NOTE)
    assert {A[1].id, B[1].id, C[1].id} == set(finding.claims)
    assert "40 says a.txt" in finding.observed
    assert "42 says b.txt, c.txt" in finding.observed


def test_a_flagged_cell_is_marked_and_kept() -> None:
    """No side is taken: the value stays, no longer as proved."""
    (kept,), _ = settle([value(A[1])], conflicts([*A, *B]))
    assert (kept.value, kept.standing) == (40, Standing.UNVERIFIED)
    assert "sources conflict" in kept.reasons


def test_a_sentence_that_tells_only_the_losing_side_is_a_flaw_for_its_maker() -> None:
    """One that tells both, or the winner, is none."""
    found = conflicts([*A, *B, *C], rule=Conflict.MAJORITY)
    place = {"row": "out.pdf.sections[0]", "field": "paragraphs[0][0]"}
    said = [value(A[1], text, **place) for text in ("It has 40 staff.", "It has 42 staff, not 40.", "It has many.")]
    _, (listed, *flaws) = settle(said, found)
    assert listed.severity is Severity.NOTE
    assert [(flaw.severity, flaw.observed) for flaw in flaws] == [(Severity.FLAW, "It has 40 staff.")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, True), (15, 15.3, True), (15, 16, False), ("A b", "a  B", True), (True, 1, False), ("2 kg", 2, False)],
)
def test_values_agree_or_contradict(one: Scalar, other: Scalar, same: bool) -> None:
    """Either way round."""
    assert agree(one, other) is agree(other, one) is same
