"""What follows from claims: formulas are worked out exactly, and a figure says what it shows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.derived import FUNCTIONS, cited, named, outcome, renamed, shows, states_outcome, unsaid
from strop.errors import BadInput
from strop.types.content import Scalar

VALUES: dict[str, Scalar] = {"c1": 4, "c2": 5, "c3": "hard", "c4": "1,642", "c5": 12.5, "c10": True}


@pytest.mark.parametrize(
    ("formula", "result"),
    [
        ("c1", "4"),
        ("c1 + c2 * 2 - (c1 / 4)", "13"),
        ("-c1 + 2.5", "-1.5"),
        ("sum(c1, c2)", "9"),
        ("mean(c1, c2)", "4.5"),
        ("median(c1, c2, 7)", "5"),
        ("min(c1, c2)", "4"),
        ("max(c1, c2, c5)", "12.5"),
        ("count(c1, c3, c10)", "3"),
        ("round(c1 / 3, 2)", "1.33"),
        ("round(c5)", "13"),
        ("abs(c1 - c2)", "1"),
        ("growth(c2, c1)", "0.25"),
        ("growth(c2, c1) * 100", "25"),
        ("c4 - 0.1 - 0.2", "1641.7"),
    ],
)
def test_a_formula_is_worked_out_exactly(formula: str, result: str) -> None:
    """In decimals: 0.1 and 0.2 are three tenths; a text that is a figure counts as one; anything can be counted."""
    assert outcome(formula, VALUES) == Decimal(result)


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("c9 + 1", "no claim c9"),
        ("count(c9)", "no claim c9"),
        ("c3 + 1", "c3 is no number"),
        ("c10 + 1", "c10 is no number"),
        ("c1 / (c2 - 5)", "no outcome"),
        ("1e400 * c1", "no outcome"),
        ("growth(c1)", "growth takes 2"),
        ("mean()", "mean takes"),
        ("c1 ** 2", "no formula"),
        ("c1.real", "no formula"),
        ("[c1][0]", "no formula"),
        ("__import__('os')", "no formula"),
        ("sum(*c1)", "no formula"),
        ("round(c1, digits=2)", "no formula"),
        ("(" * 300 + "c1" + ")" * 300, "no formula"),
        ("-" * 3_000 + "c1", "no formula"),
        ("c1 +" * 2_000, "at most"),
        ("the mean of both", "no formula"),
        ("", "no formula"),
    ],
)
def test_what_is_no_formula_is_refused_with_a_reason(formula: str, why: str) -> None:
    """Nothing but numbers, claims, the four operations and our functions is ever evaluated."""
    with pytest.raises(BadInput, match=why):
        outcome(formula, VALUES)


@given(st.text(st.sampled_from("c12+-*/(),. summeanroundx[]'\"=:_{}%"), max_size=40))
def test_any_text_gives_a_number_or_a_refusal(text: str) -> None:
    """No other error comes out, whatever a model writes."""
    try:
        assert outcome(text, VALUES).is_finite()
    except BadInput:
        return


def test_every_function_is_in_the_table_above() -> None:
    """A function that nobody tried is none."""
    assert set(FUNCTIONS) == {"sum", "mean", "median", "min", "max", "count", "round", "abs", "growth"}


def test_claims_are_named_and_counted_anew() -> None:
    """Lists of numbers in their ways of writing; a formula is stored over its own c1, c2, ..."""
    assert [cited(text) for text in ("c3", "c3 c7", "c3, c7 and c3", "[c3; c7]", "c3 as told", "", "c0")] == [
        ("c3",), ("c3", "c7"), ("c3", "c7"), ("c3", "c7"), (), (), (),
    ]  # fmt: skip
    assert named("mean(c7, c12) / c7") == ("c7", "c12")
    assert renamed("mean(c7, c12) / c7") == "mean(c1, c2) / c1"


@pytest.mark.parametrize(
    ("figure", "result", "right"),
    [
        ("12.34", "12.34", True),
        ("12.3", "12.34", True),
        ("12", "12.34", True),
        ("12.4", "12.34", False),
        ("12.340", "12.34", True),
        ("13", "12.34", False),
        ("12000", "12345", False),
        ("-3", "-3.2", True),
    ],
)
def test_a_figure_is_right_to_the_digits_it_shows(figure: str, result: str, right: bool) -> None:
    """Rounding is no error, another figure is."""
    assert shows(Decimal(figure), Decimal(result)) is right


@pytest.mark.parametrize(
    ("value", "result", "right"),
    [
        (4.5, "4.5", True),
        ("4.5", "4.5", True),
        ("They are 4.5 metres deep on average.", "4.5", True),
        ("Depth grew by 25 %.", "0.25", True),
        ("Depth grew by 25.", "0.25", False),
        ("They are deep.", "4.5", False),
        (None, "4.5", False),
    ],
)
def test_a_value_or_sentence_says_an_outcome(value: Scalar, result: str, right: bool) -> None:
    """As a number, as a figure among words, or in percent where it says so."""
    assert states_outcome(value, Decimal(result)) is right


def test_a_number_that_no_claim_says_is_named() -> None:
    """Values and quotes are searched; what a formula gives counts too; words for numbers do not."""
    said = ("Well 05", 15, "Well 05 is 15 metres deep. It was dug in 1885.")
    assert unsaid("Well 05 goes down 15 metres, dug in 1885.", sources=said) == ()
    assert unsaid("Well 05 goes down 16 metres since 1885.", sources=said) == ("16",)
    assert unsaid("One of them is 12.5 deep.", sources=said, result=Decimal("12.46")) == ()
    assert unsaid(16, sources=said) == ("16",)
    assert unsaid(None, sources=said) == ()
