"""From answers to claims: the harness takes every quote from the source itself."""

from __future__ import annotations

import pytest

from strop.checking.sentences import sentences
from strop.drafting.answers import reading_schema
from strop.errors import PathRefused
from strop.swarm.claims import claims_of_reading, claims_of_work, unfounded
from strop.types.fingerprint import digest_bytes
from strop.types.schema import Json
from strop.types.work import Column, ColumnType, Task, TaskId, TaskKind, Unit, UnitKey

TEXT = "The bell is cracked. It has 12 clappers. Nobody rings it."
COLUMNS = (Column("state", ColumnType.TEXT), Column("clappers", ColumnType.INTEGER))
READ = Task(TaskId("r"), TaskKind.READ, "reader", "", reading_schema(COLUMNS), "reader-1", reader=2)
WORK = Task(TaskId("w"), TaskKind.WORK, "ringer", "", reading_schema(COLUMNS), "specialist")
UNIT = Unit(UnitKey("a"), "inputs/a.txt")


def read(path: str) -> str:
    """One file."""
    if path != "inputs/a.txt":
        raise PathRefused(f"{path} is outside")
    return TEXT


def leaf(value: Json, quote: str | None, source: str | None = "inputs/a.txt") -> Json:
    return {"value": value, "source": source, "quote": quote}


def test_a_reading_is_quoted_by_the_sentence_it_names() -> None:
    """The second sentence is named: the quote is that sentence, at its place in the source as stored."""
    answer: Json = {"state": None, "state_at": 1, "clappers": 12, "clappers_at": 2}

    (claim,) = claims_of_reading(answer, unit=UNIT, text=TEXT, task=READ)

    assert len(sentences(TEXT)) == 3
    assert (claim.row, claim.field, claim.value, claim.reader) == ("a", "clappers", 12, 2)
    assert claim.quote == "It has 12 clappers."
    assert claim.span is not None
    assert TEXT[slice(*claim.span)] == claim.quote
    assert claim.source_hash == digest_bytes(TEXT.encode())
    assert claim.label.origins == ("inputs/a.txt",)


def test_a_sentence_that_is_not_there_leaves_no_quote() -> None:
    """Sentence 9 of 3, or none at all: the value is claimed, and rests on nothing."""
    answer: Json = {"state": "cracked", "state_at": 9, "clappers": 12, "clappers_at": None}

    assert [(claim.span, claim.quote) for claim in claims_of_reading(answer, unit=UNIT, text=TEXT, task=READ)] == [
        (None, ""),
        (None, ""),
    ]


def test_leaves_are_found_wherever_they_stand() -> None:
    """Lists and names with dots in them: row is the path above, field the leaf's own name, below the task."""
    answer: Json = {"bells": [{"v1.0": leaf("cracked", "The bell is cracked.")}], "all": leaf(None, None, None)}

    first, second = claims_of_work(answer, task=WORK, read=read)

    assert (first.row, first.field, first.value) == ("w.bells[0]", "v1.0", "cracked")
    assert first.span == (0, 20)
    assert (second.row, second.field, second.value, second.source, second.span) == ("w", "all", None, "", None)


def test_a_source_that_may_not_be_read_gives_no_quote() -> None:
    """A path outside the allowed roots leaves the claim without span and hash."""
    (claim,) = claims_of_work({"x": leaf("y", "The bell is cracked.", "/etc/passwd")}, task=WORK, read=read)

    assert (claim.span, claim.source_hash) == (None, "")


def test_what_is_unfounded_is_said_with_its_place() -> None:
    """Each leaf without a standing quote is named by its path; sound ones and gaps are not."""
    answer: Json = {
        "rows": [{"a": leaf("cracked", "The bell is cracked.")}, {"a": leaf("whole", "The bell is whole.")}],
        "b": leaf("x", "", "inputs/b.txt"),
        "c": leaf(None, None, None),
    }

    assert unfounded(answer, read=read) == [
        "rows[1].a: the quote does not stand in inputs/a.txt; copy the exact words",
        "b: the source 'inputs/b.txt' cannot be read; name a file you may read",
    ]


GIVEN = {
    f"c{number}": claim
    for number, claim in enumerate(
        claims_of_work(
            {"rows": [{"state": leaf("cracked", "The bell is cracked."), "clappers": leaf(12, "It has 12 clappers.")}]},
            task=WORK,
            read=read,
        ),
        start=1,
    )
}


@pytest.mark.parametrize(
    ("value", "source", "quote", "flaw"),
    [
        ("The bell is cracked.", "claim", "c1", ""),
        ("It is cracked and has 12 clappers.", "claim", "c1 c2", ""),
        (12, "claim", "c2", ""),
        (24, "formula", "c2 * 2", ""),
        ("Two bells have 24 clappers.", "formula", "c2 * 2", ""),
        ("It is cracked.", "claim", "c7", "there is no claim c7; you were given c1 to c2"),
        ("It is cracked.", "claim", "the first", "names no claim"),
        ("It is cracked.", "claim", None, "names no claim"),
        ("It has 13 clappers.", "claim", "c1 c2", "the number 13 stands in none"),
        (13, "claim", "c2", "the number 13 stands in none"),
        (25, "formula", "c2 * 2", "the formula comes to 24"),
        (24, "formula", "c2 times 2", "is no formula"),
        (24, "formula", "c1 * 2", "c1 is no number"),
        (24, "formula", "24", "names no claim"),
        (24, "formula", "c2 * c9", "there is no claim c9"),
        ("Nobody says so.", None, None, "cannot be read"),
    ],
)
def test_a_leaf_that_rests_on_claims_is_refused_with_the_reason(
    value: Json, source: str | None, quote: str | None, flaw: str
) -> None:
    """Unknown numbers, figures that no cited claim says, formulas that come to something else."""
    flaws = unfounded({"x": leaf(value, quote, source)}, read=read, given=GIVEN)
    assert len(flaws) == bool(flaw)
    assert all(told.startswith("x: ") and flaw in told for told in flaws)


def test_a_citing_claim_keeps_what_it_rests_on_and_shows_the_words_that_say_it() -> None:
    """Ids of claims, the formula over its own numbers, and the passage of the claim whose words say the value."""
    answer: Json = {"said": leaf("It has 12 clappers.", "c1 c2", "claim"), "twice": leaf(24, "c2 * 2", "formula")}

    said, twice = claims_of_work(answer, task=WORK, read=read, given=GIVEN)

    assert said.rests == (GIVEN["c1"].id, GIVEN["c2"].id)
    assert (said.quote, said.span, said.formula) == ("It has 12 clappers.", (21, 40), "")
    assert (twice.rests, twice.formula, twice.source) == ((GIVEN["c2"].id,), "c1 * 2", "inputs/a.txt")
    assert twice.label.origins == ("inputs/a.txt",)
    assert len({said.id, twice.id, *(claim.id for claim in GIVEN.values())}) == 4


def test_a_task_that_was_given_nothing_can_cite_nothing() -> None:
    """A file of that name is not meant: `claim` is a word of ours."""
    assert unfounded({"x": leaf("y", "c1", "claim")}, read=read) == ["x: there is no claim c1; you were given none"]
