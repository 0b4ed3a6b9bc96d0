"""A quote is found where it stands, and says a value only when it does."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strop.checking.quotes import figures, locate, normal, states
from strop.types.content import Scalar


@pytest.mark.parametrize(
    ("quote", "source", "found"),
    [
        ("97 rows", "It has 97 rows.", "97 rows"),
        ("IT HAS  97\nrows", "It has 97 rows.", "It has 97 rows"),
        ("the “male” cats – all", 'the "male" cats - all', 'the "male" cats - all'),
        ("fit the office", "ﬁt the oﬃce", "ﬁt the oﬃce"),
        ("documentation page", "a docu-\nmentation page", "docu-\nmentation page"),
        ("a well-known set", "a well-\nknown set", "a well-\nknown set"),
        ("straße", "STRASSE", "STRASSE"),
        ("café", "cafe\u0301", "cafe\u0301"),
        ("½ full", "1\u20442 full", "1\u20442 full"),
        ("soft", "so\u00adft", "so\u00adft"),
        ("bold", "\U0001d401old", "\U0001d401old"),
        ("foo", "foo-bar", "foo"),
        ("二行", "一二行。", "二行"),
    ],
)
def test_a_quote_is_found_in_the_original(quote: str, source: str, found: str) -> None:
    """White space, case, quotation marks, dashes, ligatures and hyphenation do not matter."""
    span = locate(quote, source)
    assert span is not None
    assert source[slice(*span)] == found


@pytest.mark.parametrize(
    ("quote", "source"),
    [
        ("9 rows", "It has 19 rows."),
        ("9 rows", "It has 1.9 rows."),
        ("has 9", "has 9.5 rows"),
        ("has 9", "has 9,500 rows"),
        ("men", "women"),
        ("i", "ﬁ"),
        ("cafe", "cafe\u0301"),
        ("98 rows", "It has 97 rows."),
        ("", "anything"),
        ("  ", "anything"),
    ],
)
def test_a_quote_that_does_not_stand_is_not_found(quote: str, source: str) -> None:
    """A changed word, or a match that cuts a word or number, is none."""
    assert locate(quote, source) is None


CHARACTERS = st.text(st.sampled_from("aAbcS19.,-–“\"' \n\tßﬁé\u0301\u00ad\u200b¨½가\u1161二"), max_size=60)


@given(CHARACTERS, st.data())
@example("docu-\nmen", None)
def test_a_located_span_has_the_quotes_normal_form(source: str, data: st.DataObject | None) -> None:
    """Whatever is found means the same as what was quoted."""
    quote = "documen" if data is None else data.draw(st.one_of(CHARACTERS, substrings(source)))
    span = locate(quote, source)
    if span is None:  # nothing is claimed of it; that what stands is found is the next test's promise
        return
    assert 0 <= span[0] < span[1] <= len(source)
    assert normal(source[slice(*span)]) == normal(quote)


def substrings(source: str) -> st.SearchStrategy[str]:
    ends = st.tuples(st.integers(0, len(source)), st.integers(0, len(source)))
    return ends.map(lambda pair: source[min(pair) : max(pair)].swapcase().replace(" ", "\n "))


@given(st.lists(st.sampled_from(["The", "“quoted”", "ﬁeld", "97", "rows", "e-mail", "straße"]), min_size=1, max_size=8))
def test_whole_words_of_a_source_are_always_found(words: list[str]) -> None:
    """A quote of whole words stands in its source in any case, whichever white space divides it."""
    source = "Before. " + "  ".join(words) + " after."
    span = locate("\n".join(words).upper(), source)
    assert span is not None
    assert normal(source[slice(*span)]) == normal(" ".join(words))


WORDS = ("Office", "final", "well-known", "naïve", "quartz", "“north”", "it's", "1,642", "12.5", "Straße", "efficient")
MUTATIONS = {
    "white space": lambda text: re.sub(r" ", " \n\t", text),
    "no-break space": lambda text: text.replace(" ", "\u00a0"),
    "case": lambda text: text.swapcase(),
    "typographic marks": lambda text: text.translate(
        str.maketrans({"'": "\u2019", "“": '"', "”": "\u201f", "-": "\u2011"})
    ),
    "hyphenation": lambda text: re.sub(r"([a-z]{2})([a-z]{3})", r"\1-\n\2", text, count=3),
    "soft hyphens": lambda text: re.sub(r"([a-z])([a-z])", "\\1\u00ad\\2", text),
    "ligatures": lambda text: text.replace("ffi", "ﬃ").replace("fi", "ﬁ"),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "compatible": lambda text: text.translate({ord("t"): "\U0001d42d", ord("2"): "\uff12"}),
    "zero width": lambda text: text.replace("a", "a\u200b"),
}


@pytest.mark.parametrize("kind", MUTATIONS)
@settings(max_examples=40)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=7), before=st.integers(0, 3), after=st.integers(0, 3)
)
def test_a_quote_is_found_however_its_source_is_set(kind: str, words: list[str], before: int, after: int) -> None:
    """The span is exactly the mutated words, whichever stand around them."""
    quote = " ".join(words)
    mutated = MUTATIONS[kind](quote)
    source = f"{'Other words. ' * before}<{mutated}>{' More of it.' * after}"

    span = locate(quote, source)

    assert span is not None
    assert source[slice(*span)] == mutated
    assert locate(mutated, f"Lead. {quote}. End.") is not None, "the other way round too"


@pytest.mark.parametrize("kind", MUTATIONS)
@settings(max_examples=40)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=7, unique=True), data=st.data())
def test_a_changed_digit_or_word_is_never_found(kind: str, words: list[str], data: st.DataObject) -> None:
    """One other digit, one other word or one left out of the middle: however the source is set, it does not stand."""
    source = MUTATIONS[kind](f"Lead, {' '.join(words)}; end.")
    at = data.draw(st.integers(0, len(words) - 1))
    digit = re.search(r"\d", words[at])
    other = (
        f"{words[at][: digit.start()]}{(int(digit.group()) + 1) % 10}{words[at][digit.end() :]}" if digit else "zebra"
    )

    assert locate(" ".join([*words[:at], other, *words[at + 1 :]]), source) is None
    if 0 < at < len(words) - 1:
        assert locate(" ".join([*words[:at], *words[at + 1 :]]), source) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Well 05 is 1,642 metres deep, 12.5 % more", (Decimal(5), Decimal(1642), Decimal("12.5"))),
        ("a 32x8 frame", (Decimal(32), Decimal(8))),
        ("2 million of two", (Decimal(2_000_000),)),
        ("none at all", ()),
    ],
)
def test_figures_are_numbers_in_digits(text: str, found: tuple[Decimal, ...]) -> None:
    """Number words are prose: `one of the two` claims no figure."""
    assert figures(text) == found


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        (97, "has 97 rows and 3 columns"),
        (9, "has 9."),
        (9, "nine rows"),
        (21, "Twenty-one cats"),
        (40, "forty percent"),
        (100, "a hundred"),
        (1_798, "1,798 obs"),
        (1_798, "1\u202f798 obs"),
        (2_000_000, "2 million"),
        (300, "three hundred"),
        (32, "a 32x8 data frame"),
        (8, "a 32x8 data frame"),
        (2, "over 2kg in weight"),
        (3, "levels 1–3"),
        (-5, "at \u22125 degrees"),
        (9.5, "9.50 on average"),
        (9.0, "9 rows"),
        ("12.50", "at 12.5 dollars"),
        ("Sex", "sex: A factor"),
        ("C++", "written in C++."),
        ("male cats", "the “male\ncats”"),
        ("foo", "foo-bar"),
        (12, "\uff11\uff12 rows"),
    ],
)
def test_a_quote_states_its_value(value: Scalar, quote: str) -> None:
    """Digits, separators, number words and words of text are read."""
    assert states(value, quote)


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        (9, "19 rows"),
        (9, "9.5 rows"),
        (9, "9,500 rows"),
        (500, "9,500 rows"),
        (9, "9,5 rows"),
        (1.2, "version 1.2.3"),
        (98, "1\u202f798 obs"),
        (2, "2 million"),
        (20, "twenty-one"),
        (1, "twenty-one"),
        (2, "two hundred"),
        (5, "at -5 degrees"),
        (9, "the 9th row"),
        (3, "version v3"),
        (10, "1e10"),
        (4, "Exercise 4.7, p122"),
        (True, "True"),
        (False, "0"),
        (None, "None"),
        (float("nan"), "nan"),
        ("Sepal", "Sepal.Length: in cm"),
        ("age", "the average"),
        ("", "anything"),
        ("007", "7 agents"),
    ],
)
def test_a_quote_does_not_state_another_value(value: Scalar, quote: str) -> None:
    """A value inside a longer number or name, and booleans, are not stated."""
    assert not states(value, quote)


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_sentence_states_exactly_its_number(number: int, other: int) -> None:
    """Plain or with separators, a number is stated, and no other one."""
    for text in (f"It has {number} rows.", f"It has {number:,} rows."):
        assert states(number, text)
        assert states(other, text) == (number == other)


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_plain_text_has_the_form_of_all_text(text: str) -> None:
    """The quick way for ASCII gives what the long way gives: a mark that folds away sends it there."""
    assert normal(text) == normal(text + "\u200b")
    assert states("ab-c d", text) == states("ab-c d", text + "\u200b")
