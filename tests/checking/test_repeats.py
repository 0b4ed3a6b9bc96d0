"""A document says nothing twice: near-duplicates are found by shingles, alike sentences on other things are not."""

from __future__ import annotations

import pytest

from strop.checking.repeats import repeated
from strop.types.content import Standing
from strop.types.trial import Value
from strop.types.work import UnitKey

LONG = "The wells of the northern quarter are deeper than the others, since the rock lies there 12 metres below."


def paragraphs(*texts: str, file: str = "out.pdf") -> list[Value]:
    """A document of one section, a sentence a paragraph."""
    row = UnitKey(f"{file}.sections[0]")
    return [Value(row, f"paragraphs[{at}][0]", text, Standing.ACCEPTED, ()) for at, text in enumerate(texts)]


@pytest.mark.parametrize(
    "again",
    [
        LONG,
        LONG.upper(),
        LONG.replace("deeper than", "deeper  than"),
        f"{LONG} That is so.",
        LONG.replace("since", "as"),
    ],
)
def test_a_paragraph_that_comes_again_is_a_finding_with_its_place(again: str) -> None:
    """Word for word, in another case, a little longer, or with one word changed."""
    (finding,) = repeated(paragraphs(LONG, "Something else stands between them.", again))
    assert (finding.kind, finding.artefact, finding.locator) == (
        "repeated",
        "out.pdf",
        "out.pdf.sections[0].paragraphs[2]",
    )
    assert "paragraphs[0]" in finding.expected


@pytest.mark.parametrize(
    "other",
    [
        LONG.replace("12", "13"),
        "Well 05 is deep.",
        "Water is hard in the south and soft wherever the rivers bring rain to it.",
    ],
    ids=["another figure", "short", "another thing"],
)
def test_other_paragraphs_are_left_alone(other: str) -> None:
    """Alike sentences with other figures say other things; short ones are compared with nothing."""
    assert repeated(paragraphs(LONG, other, "Well 05 is deep.")) == ()


def test_two_files_may_say_the_same_and_a_refuted_sentence_says_nothing() -> None:
    """A summary of its own in each document is no repeat."""
    gone = [Value(each.row, "bullets[0]", None, Standing.REFUTED, (), said=LONG) for each in paragraphs(LONG)]
    assert repeated([*paragraphs(LONG), *paragraphs(LONG, file="other.pdf"), *gone]) == ()


def test_a_bullet_that_repeats_a_paragraph_of_several_sentences_is_found() -> None:
    """A paragraph is all of its sentences; a bullet that is contained in it counts."""
    row = UnitKey("out.pdf.sections[0]")
    first = [
        Value(row, f"paragraphs[0][{at}]", text, Standing.ACCEPTED, ()) for at, text in enumerate((LONG, "So it is."))
    ]
    bullet = Value(UnitKey("out.pdf.sections[1]"), "bullets[0]", LONG, Standing.ACCEPTED, ())
    (finding,) = repeated([*first, bullet])
    assert finding.locator == "out.pdf.sections[1].bullets[0]"
