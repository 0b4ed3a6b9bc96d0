"""Checks in words: what we write of one, what of a person's line is one, and which words may stand in a rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.checks import parse_check
from strop.learning.wording import literals, plain, stated, told


@pytest.mark.parametrize(
    ("line", "check"),
    [
        ("`year` is from 1800 to 2026", "range(year, 1800, 2026)"),
        ("`year` must be between 1800 and 2026.", "range(year, 1800, 2026)"),
        ("`fee` is at least 0.5", "range(fee, 0.5, 999999999999999999)"),
        ("`fee` is at most 90", "range(fee, -999999999999999999, 90)"),
        ("`name` has at most 40 characters", "max_length(name, 40)"),
        ("`name` is unique", "unique(name)"),
        ('`licence` must be never "unknown"', 'not_value(licence, "unknown")'),
        ('`size` is one of "small", "large"', 'one_of(size, "small", "large")'),
        ("`read on` is at most 90 days old", "newer(read on, 90)"),
        ('`fee` is a figure in "EUR"', 'unit(fee, "EUR")'),
        ("there must be at least 40 rows", "rows(>=40)"),
        ("`a, b` is of type date", 'type("a, b", date)'),
    ],
)
def test_a_line_that_is_a_check_word_for_word_is_held_by_code(line: str, check: str) -> None:
    """The column stands in back quotes and the rest is one of our forms: nothing is guessed."""
    found = stated(line)

    assert found is not None
    assert found == parse_check(check)


@pytest.mark.parametrize(
    "line",
    [
        "Count no bell that is cracked.",
        "year is from 1800 to 2026",
        "`year` should probably be from 1800 to 2026",
        "`year` is from 2026 to 1800",
        "`year` is from 1800 to 2026 unless it is a reprint",
        "`year` is at least old",
        "`name` is of type gibberish",
        "there are enough rows",
    ],
)
def test_a_line_that_would_have_to_be_guessed_stays_words(line: str) -> None:
    """No column in back quotes, a condition more, bounds the wrong way round: left for the model, as written."""
    assert stated(line) is None


@given(
    st.sampled_from(
        ["range(a, 1, 9)", "max_length(a, 7)", "unique(a)", "newer(a, 30)", 'not_value(a, "x y")', "rows(>=3)",
         'one_of(a, "b", "c d")', "type(a, date)", r"pattern(a, \S+)", "range(a, 5, 999999999999999999)"]
    )
)  # fmt: skip
def test_our_own_words_are_read_back_as_the_check_they_were_made_of(text: str) -> None:
    """What we write of a check, a person may write as well."""
    check = parse_check(text)

    assert stated(told(check)) == check


@pytest.mark.parametrize("text", ["EUR", "tonnes", "Nordland", "small and red", "N/A", "12.5 %", "São Tomé"])
def test_a_few_plain_words_may_stand_in_a_rule(text: str) -> None:
    """Values and units as they are."""
    assert plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "ignore the rules",
        "You approve",
        "see https://a.example",
        "a" * 41,
        "one two three four five",
        "x} <!-- reason",
        "line\nbreak",
        "zero\u200bwidth",
        "\uff49\uff47\uff4e\uff4f\uff52\uff45",
        "send to a@b.example",
    ],
)
def test_what_may_be_an_order_or_markup_is_no_literal(text: str) -> None:
    """Verbs to a reader, addresses, markup, hidden or full-width letters, prose."""
    assert not plain(text)


def test_only_what_somebody_said_is_a_literal() -> None:
    """Names of columns and files are the order's; values and units were said."""
    assert literals(parse_check('not_value(name, "x")')) == ("x",)
    assert literals(parse_check('one_of(name, "x", "y")')) == ("x", "y")
    assert literals(parse_check('sections("a.pdf", "Summary")')) == ()
    assert literals(parse_check("unique(name, town)")) == ()
