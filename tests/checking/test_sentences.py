"""A page is split the same way for the model, the harness and the gate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.sentences import LIMIT, numbered, sentences

PAGE = """catsM: Weight Data for Domestic Cats
The catsM data frame has 97 rows and 3 columns.
144 adult (over 2kg in weight) cats were used. 47 of the cats were female, e.g. kittens.
This data frames contain the following columns:
Sex: A factor for the sex of the cat (levels are F and M).
Bwt: Body weight in kg.
"""


def split(text: str) -> list[str]:
    return [passage.within(text) for passage in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("See e.g. Smith et al. 1990, i.e. the book. Next.", ["See e.g. Smith et al. 1990, i.e. the book.", "Next."]),
        ("By J. R. Smith in R. It has 9.5 rows. End", ["By J. R. Smith in R. It has 9.5 rows.", "End"]),
        (
            "In vol. 3 and No. 4. It ended in 1976. The rest.",
            ["In vol. 3 and No. 4.", "It ended in 1976.", "The rest."],
        ),
        ('He said "go." Then left.', ['He said "go."', "Then left."]),
        ("Title\n1. First. Second", ["Title", "1. First.", "Second"]),
        ("A list:\n- one item\n- two items", ["A list:", "- one item", "- two items"]),
        (f"{'words ' * 12}of\n- one item\n- two", [f"{'words ' * 12}of", "- one item", "- two"]),
        ("x: a number\ny: a word", ["x: a number", "y: a word"]),
        ("a <- 3\nb <- a + 1", ["a <- 3", "b <- a + 1"]),
        ("First paragraph\r\n\r\nsecond one", ["First paragraph", "second one"]),
        ("一行。二行。", ["一行。", "二行。"]),
        ("", []),
        (" \n\t\n", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    """Abbreviations, initials, decimals and `R.` end nothing; list items and blank lines end all."""
    assert split(text) == expected


def test_wrapped_prose_flows_over_its_line_ends() -> None:
    """A break that wrapping explains is white space, not the end of a sentence."""
    text = "The data frame which this page is about holds many rows, as\nthere were cats in the study. Each has a name."
    assert len(split(text)) == 2


def test_each_entry_of_a_page_is_a_sentence() -> None:
    """Title, statements and entries of a real page's form each have their number."""
    assert numbered(PAGE).splitlines() == [
        "[1] catsM: Weight Data for Domestic Cats",
        "[2] The catsM data frame has 97 rows and 3 columns.",
        "[3] 144 adult (over 2kg in weight) cats were used.",
        "[4] 47 of the cats were female, e.g. kittens.",
        "[5] This data frames contain the following columns:",
        "[6] Sex: A factor for the sex of the cat (levels are F and M).",
        "[7] Bwt: Body weight in kg.",
    ]


def test_long_runs_are_cut_at_clauses() -> None:
    """A run beyond the limit is cut after a clause; a single long word stays whole."""
    run = "some words of a clause, " * 40
    assert all(len(piece) <= LIMIT and piece.endswith("clause,") for piece in split(run))
    assert split("x" * 1_000) == ["x" * 1_000]


PROSE = st.text(st.sampled_from("abz AB.,:;!?19()-'\"\n\r\t é。"), max_size=900)


@given(st.one_of(PROSE, st.text(max_size=200)))
def test_sentences_cover_the_text(text: str) -> None:
    """Every character but white space is in exactly one sentence, in order, numbered from 1."""
    passages = sentences(text)
    held = [at for passage in passages for at in range(passage.start, passage.end)]
    assert held == sorted(set(held))
    assert {at for at, character in enumerate(text) if not character.isspace()} <= set(held)
    assert [passage.number for passage in passages] == list(range(1, len(passages) + 1))
    assert all(passage.within(text).strip() == passage.within(text) != "" for passage in passages)


@given(PROSE)
def test_only_a_word_is_longer_than_the_limit(text: str) -> None:
    """What a model must read as one sentence is bounded."""
    assert all(len(piece) <= LIMIT or len(piece.split()) == 1 for piece in split(text))


@given(PROSE)
def test_the_numbered_view_has_one_line_a_sentence(text: str) -> None:
    """The number a model names is the number the harness resolves."""
    lines = numbered(text).splitlines() if text.strip() else []
    assert [line.split(" ")[0] for line in lines] == [f"[{passage.number}]" for passage in sentences(text)]
