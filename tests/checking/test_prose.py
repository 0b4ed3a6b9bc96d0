"""What code can see of a sentence that says more than its quote."""

from __future__ import annotations

import pytest

from strop.checking.prose import unsaid

QUOTE = "In the last year the harbour of Midtsund handled about 8,018,913 tonnes, unless ice closed it."


@pytest.mark.parametrize(
    ("sentence", "quote", "told"),
    [
        ("Midtsund handled about 8,018,913 tonnes.", QUOTE, []),
        ("About 8,018,913 tonnes went through the harbour of Midtsund.", QUOTE, []),
        ("Midtsund handled about 8,018,914 tonnes.", QUOTE, ["the figure 8018914"]),
        ("Midtsund handled about 8,018,913 kilograms.", QUOTE, ["8018913 in kilogram"]),
        ("Midtsund handled about 8,018,913.", QUOTE, []),
        ("Midtsund handled 8,018,913 tonnes.", QUOTE, ["8018913 without “about”"]),
        ("The port of Ostvik handled about 8,018,913 tonnes.", QUOTE, ["the name Ostvik"]),
        ("Kai 17 has 40 berths.", "It has 40 berths.", ["the name Kai 17"]),
        ("A berth costs 40 EUR a month.", "A berth costs 40 EUR a day.", ["40 in eur per month"]),
        ("A berth never costs 40 EUR.", "A berth costs 40 EUR.", ["a denial (never)"]),
        ("It is closed in winter.", "It is not closed in winter.", ["no denial, where the source has one (not)"]),
        ("It isn’t closed.", "It is not closed.", []),
        ("Two thousand people live there.", "It has 2,000 people.", []),
        ("", QUOTE, []),
    ],
)
def test_a_sentence_says_no_more_than_its_quote(sentence: str, quote: str, told: list[str]) -> None:
    """Figures, their units and hedges, names, denials; other words are free."""
    assert list(unsaid(sentence, quotes=[quote])) == told


def test_a_name_may_stand_elsewhere_in_the_source() -> None:
    """A page names its subject once and then says “it”."""
    page = "Kai 17 is a harbour. It has 40 berths."
    assert unsaid("Kai 17 has 40 berths.", quotes=["It has 40 berths."], sources=[page]) == ()


def test_several_quotes_are_one_ground() -> None:
    """A sentence may join what two quotes say."""
    assert unsaid("It has 40 berths and 3 cranes.", quotes=["It has 40 berths.", "There are 3 cranes."]) == ()
