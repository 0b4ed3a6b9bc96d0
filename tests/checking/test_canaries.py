"""Seeded flaws: each kind on a claim that it fits, false against its passage, and quoted as claims are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.canaries import GENERATORS, Flaw, flawed, kinds_that_fit, still_true
from strop.checking.quotes import locate, normal
from strop.types.trial import Claim
from strop.types.work import TaskId, UnitKey

TEXT = (
    "The survey covers the village of Ash and was paid by the Parish of Elm. Well 03 is 13 metres deep and has 25 "
    "steps. It was dug in 1883 by John Miller. Its water is not hard. About 40 households use it, more than in 1990, "
    "and some of them pay 3 euros per month."
)
QUOTES = {
    "depth": "Well 03 is 13 metres deep and has 25 steps.",
    "dug": "It was dug in 1883 by John Miller.",
    "water": "Its water is not hard.",
    "use": "About 40 households use it, more than in 1990, and some of them pay 3 euros per month.",
}


def claim(value: str | int, quote: str) -> Claim:
    """A claim whose quote stands in the text."""
    held = QUOTES[quote]
    return Claim(TaskId("t"), UnitKey("03"), quote, value, "a.txt", "hash", held, locate(held, TEXT))


CLAIMS = {
    "number": claim(13, "depth"),
    "name": claim("John Miller", "dug"),
    "denied": claim("The water of well 03 is not hard.", "water"),
    "hedged": claim("About 40 households use the well, more than in 1990.", "use"),
    "partial": claim("Some of them pay 3 euros per month for it.", "use"),
}


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("number", Flaw.NEIGHBOUR, 25),
        ("denied", Flaw.NEGATION, "The water of well 03 is hard."),
        ("hedged", Flaw.HEDGE, "40 households use the well, more than in 1990."),
        ("hedged", Flaw.COMPARISON, "About 40 households use the well, less than in 1990."),
        ("partial", Flaw.UNIT, "Some of them pay 3 euros per year for it."),
        ("partial", Flaw.SCOPE, "All of them pay 3 euros per month for it."),
    ],
)
def test_each_kind_makes_its_own_flaw(name: str, kind: Flaw, value: str | int) -> None:
    """One change, in the words of the claim."""
    seeds = (GENERATORS[kind](CLAIMS[name], TEXT, f"{seed}") for seed in range(30))
    assert value in {made.value for made in seeds if made is not None}


def test_a_name_is_replaced_by_another_of_the_passage() -> None:
    """Never by itself, nor by a word that only begins a sentence."""
    made = {found.value for s in range(20) if (found := GENERATORS[Flaw.ENTITY](CLAIMS["name"], TEXT, f"{s}"))}
    assert made
    assert made <= {"Ash", "Parish of Elm", "Well"}


@given(st.sampled_from(sorted(CLAIMS)), st.text(max_size=8))
def test_a_canary_is_false_quoted_and_alike(name: str, seed: str) -> None:
    """Of any kind and seed: another value, a quote that stands at its span, its original's place; twice the same."""
    base = CLAIMS[name]
    for _, made in kinds_that_fit(base, TEXT, seed):
        assert normal(str(made.value)) != normal(str(base.value))
        assert locate(str(made.value), TEXT) is None or not isinstance(base.value, str) or len(base.value.split()) < 5
        assert made.span is not None
        assert TEXT[slice(*made.span)] == made.quote
        assert replace(made, value=base.value, quote=base.quote, span=base.span) == base
        assert type(made.value) is type(base.value)
    assert flawed(base, TEXT, seed) == flawed(base, TEXT, seed)


@pytest.mark.parametrize(
    ("value", "passage", "right"),
    [
        ("The well is used by 40 households.", "The well is used by 40 households. More.", True),
        ("All of the houses are old there.", "The houses there are old, all of the houses. More.", True),
        ("All of the houses are old there.", "The houses there are new. All of the wells are old.", False),
    ],
)
def test_what_may_be_right_is_no_canary(value: str, passage: str, right: bool) -> None:
    """The same words, or words that one sentence of the passage holds as well."""
    before = replace(claim(13, "depth"), value="Other words that say something else here.")
    assert still_true(before, replace(before, value=value), passage) == right


def test_nothing_is_made_of_what_cannot_be_false() -> None:
    """A yes or no, an empty cell, a passage with nothing else in it: None, and no exception."""
    for value in (True, None, "x"):
        base = replace(claim(13, "depth"), value=value)
        assert flawed(base, "Well.", "s") is None
