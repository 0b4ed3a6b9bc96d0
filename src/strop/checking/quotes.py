"""Does a quote stand in its source, and does it say the value? The two questions every claim meets.

`locate` compares texts under a normal form and answers in offsets of the ORIGINAL source. The form:
NFKC a character at a time (a base with its combining marks), case folded; every quotation mark one
of `'` and `"`, every dash `-`; invisible characters dropped; a run of white space one space. A hyphen
between letters is dropped with the white space after it, so that `well-\\nknown`, `well-known` and
`wellknown` are one: a page's line ends must not break a quote. A match must not cut a word or number.

`states` is stricter where it matters: numbers are read, not searched, so 9 stands neither in 19 nor
in 9.5 nor in `9 thousand`; text must end where words and dotted names end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from strop.types.content import Scalar

# Single quotation marks, primes, accents that stand for them.
_SINGLE = "\u2018\u2019\u201a\u201b\u2032\u00b4`\u02bc"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
# Hyphens, dashes, the minus sign.
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63-"
_ALIKE = str.maketrans(
    {
        **dict.fromkeys(_SINGLE, "'"),
        **dict.fromkeys(_DOUBLE, '"'),
        **dict.fromkeys(_DASHES, "-"),
        # Soft hyphen, zero-width space and joiners, word joiner, byte order mark.
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", None),
    }
)
_SPACES = re.compile(r"\s+")
_JOINT = re.compile(r"(?<=[a-z])- ?(?=[a-z])")
_SHORT = 600
"""Characters of a text whose reading is kept: cells and quotes meet many checks, pages few."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One character of the normal form and the span of the original it comes from."""

    text: str
    start: int
    end: int


def normal(text: str) -> str:
    """The form that quotes are compared in, without white space at its ends."""
    return _kept_normal(text) if len(text) <= _SHORT else _normal(text)


def _normal(text: str) -> str:
    if text.isascii():  # nearly all text: the same form, thirty times as fast
        return _JOINT.sub("", _plain(text)).strip()
    return "".join(piece.text for piece in _pieces(text)).strip()


_kept_normal = lru_cache(maxsize=4096)(_normal)


def _plain(text: str) -> str:
    """What `_collapsed` makes of ASCII."""
    return _SPACES.sub(" ", text.lower().replace("`", "'"))


def locate(quote: str, source: str) -> tuple[int, int] | None:
    """Where `quote` stands in `source` as (start, end) character offsets, end excluded; else None.

    The first place that has it letter for letter counts, else the first under the normal form; its
    ends must cut no word and no number of the source.
    """
    return _verbatim(quote.strip(), source) or _alike(quote, source)


def _verbatim(quote: str, source: str) -> tuple[int, int] | None:
    """The quick way, for quotes that the harness itself cut out of a long source."""
    at = source.find(quote) if normal(quote) else -1
    while at >= 0:
        end = at + len(quote)
        if not _cuts(source, at, end) and not (source[end : end + 1] and _continues(source[end])):
            return at, end
        at = source.find(quote, at + 1)
    return None


def _alike(quote: str, source: str) -> tuple[int, int] | None:
    wanted = normal(quote)
    if not wanted:
        return None
    pieces = _pieces(source)
    form = "".join(piece.text for piece in pieces)
    at = form.find(wanted)
    while at >= 0:
        if _whole(pieces, at, at + len(wanted)):
            start, end = pieces[at].start, pieces[at + len(wanted) - 1].end
            if not _cuts(source, start, end):
                return start, end
        at = form.find(wanted, at + 1)
    return None


def states(value: Scalar, quote: str) -> bool:
    """Whether `quote` says `value`.

    Numbers: digits with or without thousands separators, number words up to a hundred, a following
    `hundred`, `thousand`, `million` or `billion` multiplied in. Text: on word borders, case ignored;
    text that is a number is read as one. Booleans and None are never stated.
    """
    figure = as_number(value)
    if figure is not None:
        return figure in (_kept_said(quote) if len(quote) <= _SHORT else _said(quote))
    if not isinstance(value, str):
        return False
    return _kept_says(value, quote) if len(value) + len(quote) <= _SHORT else _says_text(value, quote)


def as_number(value: Scalar) -> Decimal | None:
    """`value` as an exact number where it is one or a text that spells one (`1,798`, `12.50`).

    A leading zero makes a text an identifier (`007`), not a number.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _kept_spelled(value) if len(value) <= _SHORT else _spelled(value)
    return _finite(repr(value))


def _spelled(value: str) -> Decimal | None:
    text = value.strip().translate(_ALIKE)
    if not _FIGURE.fullmatch(text) or _IDENTIFIER.match(text):
        return None
    return _finite(_bare(text))


_kept_spelled = lru_cache(maxsize=4096)(_spelled)


def _finite(text: str) -> Decimal | None:
    try:
        figure = Decimal(text)
    except InvalidOperation:
        return None
    return figure if figure.is_finite() else None


# ---------------------------------------------------------------- the normal form


def _pieces(text: str) -> list[_Piece]:
    return _joined(_collapsed(_clusters(text)))


def _clusters(text: str) -> Iterator[_Piece]:
    """NFKC and case folding of each base character with its combining marks."""
    start = 0
    while start < len(text):
        end = start + 1
        if text[start] < "\x7f" and text[end : end + 1] < "\x7f":  # nearly all text: four times as fast
            character = text[start].lower().translate(_ALIKE)
            yield _Piece(" " if character.isspace() else character, start, end)
            start = end
            continue
        while end < len(text) and _continues(text[end]):
            end += 1
        folded = unicodedata.normalize("NFKC", text[start:end].translate(_ALIKE)).casefold()
        for character in unicodedata.normalize("NFKC", folded).translate(_ALIKE):
            yield _Piece(" " if character.isspace() else character, start, end)
        start = end


def _continues(character: str) -> bool:
    """Combining marks, and Hangul vowels and finals, which compose with what is before them."""
    return unicodedata.combining(character) != 0 or "\u1160" <= character <= "\u11ff"


def _collapsed(pieces: Iterator[_Piece]) -> list[_Piece]:
    """Runs of white space as one space that spans them all."""
    kept: list[_Piece] = []
    for piece in pieces:
        if piece.text == " " and kept and kept[-1].text == " ":
            kept[-1] = _Piece(" ", kept[-1].start, piece.end)
        else:
            kept.append(piece)
    return kept


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Without hyphens between letters, and without the white space that follows such a hyphen."""
    kept: list[_Piece] = []
    index = 0
    while index < len(pieces):
        if pieces[index].text == "-" and kept and kept[-1].text.isalpha():
            after = index + 1
            if after < len(pieces) and pieces[after].text == " ":
                after += 1
            if after < len(pieces) and pieces[after].text.isalpha():
                index = after
                continue
        kept.append(pieces[index])
        index += 1
    return kept


def _whole(pieces: list[_Piece], start: int, end: int) -> bool:
    """Whether [start, end) takes whole characters of the original: half a ligature is no match."""
    first = start == 0 or pieces[start - 1].end <= pieces[start].start
    last = end == len(pieces) or pieces[end - 1].end <= pieces[end].start
    return first and last


def _cuts(source: str, start: int, end: int) -> bool:
    """Whether a word or number of `source` runs over one of the borders."""
    return _runs_on(source[max(0, start - 2) : start][::-1], source[start : start + 1]) or _runs_on(
        source[end : end + 2], source[end - 1 : end]
    )


def _runs_on(outside: str, edge: str) -> bool:
    """Whether the word at `edge` goes on `outside` (nearest character first)."""
    if not outside or not edge.isalnum() or _dense(edge):
        return False
    if outside[0].isalnum():
        return not _dense(outside[0])
    return edge.isdigit() and outside[0] in ".," and outside[1:].isdigit()


def _dense(character: str) -> bool:
    """Scripts that are written without spaces have no word borders."""
    return unicodedata.east_asian_width(character) in ("W", "F")


# ---------------------------------------------------------------- what a quote says


_FIGURE = re.compile(r"-?(?:\d{1,3}(?:[,'\u00a0\u2009\u202f]\d{3})+|\d+)(?:\.\d+)?")
_IDENTIFIER = re.compile(r"-?0\d")
_SEPARATORS = re.compile("[,'\u00a0\u2009\u202f]")
_BLANKS = re.compile("[^\\S\u00a0\u2009\u202f]+")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")
_UNIT = r"(?:[kMGT]i?B|[kmcµμu]?[gmlsVW]|Hz|h)\b"
_NUMBER = re.compile(
    rf"""(?=-?\d)(?<![\w.,])(?<!\d['\u00a0\u2009\u202f])(?:(?<=\d[x×])|(?<!\w))
    {_FIGURE.pattern}                    # in `1-3` the dash follows a word: no sign
    (?!\d|[.,']\d)                       # not the head of a longer number
    (?=%|[x×]\d|{_UNIT}|(?!\w))          # nor of a word, but `32x8` and `2kg` say 32, 8 and 2""",
    re.VERBOSE,
)
# `32x8`: the second figure follows a letter, so it has a pattern of its own.
_TIMES = re.compile(r"\d(?<=\d[x×]\d)\d*(?![\w]|[.,']\d)")
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS: dict[str, int] = {
    **{word: number for number, word in enumerate(_UNITS)},
    **{word: 10 * number for number, word in enumerate(_TENS, start=2)},
    **{
        f"{ten}{joint}{_UNITS[unit]}": 10 * number + unit
        for number, ten in enumerate(_TENS, start=2)
        for unit in range(1, 10)
        for joint in ("-", " ")
    },
}
_WORD = re.compile(
    rf"""(?=[aefnostz])(?<![\w-])(?:
    (?:{"|".join(_TENS)})(?:[- ](?:{"|".join(_UNITS[1:10])}))?
    |{"|".join(sorted(_UNITS, key=len, reverse=True))}
    |an?(?=\s+hundred))(?![\w-])""",
    re.IGNORECASE | re.VERBOSE,
)
_LARGE = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_MULTIPLIER = re.compile(rf"[\s-]+({'|'.join(_LARGE)})\b", re.IGNORECASE)


def figures(text: str) -> tuple[Decimal, ...]:
    """Every number that the text writes in digits, exact; number words are left to prose."""
    return tuple(figure for figure, _, _ in _figures(_even(text)))


def said_numbers(text: str) -> Iterator[Decimal]:
    """Every number that the text says, in digits or words."""
    return (figure for figure, _, _ in _spans(_even(text)))


def numbers(quote: str) -> Iterator[tuple[Decimal, str, str]]:
    """The same, with what is before each number and what is behind it."""
    text = _even(quote)
    return ((figure, text[:start], text[end:]) for figure, start, end in _spans(text))


def _said(quote: str) -> frozenset[Decimal]:
    return frozenset(said_numbers(quote))


_kept_said = lru_cache(maxsize=4096)(_said)


def _even(text: str) -> str:
    return _BLANKS.sub(" ", _digits(text)).translate(_ALIKE)


def _spans(text: str) -> Iterator[tuple[Decimal, int, int]]:
    """Numbers in digits and in words, with where they begin and end."""
    yield from _figures(text)
    for found in _WORD.finditer(text):
        factor, end = _multiplier(text, found.end())
        yield Decimal(_WORDS.get(found.group().lower(), 1)) * factor, found.start(), end


def _figures(text: str) -> Iterator[tuple[Decimal, int, int]]:
    """Numbers in digits, with where they begin and end."""
    for pattern in (_NUMBER, _TIMES):
        for found in pattern.finditer(text):
            factor, end = _multiplier(text, found.end())
            yield Decimal(_bare(found.group())) * factor, found.start(), end


def _digits(text: str) -> str:
    """Other digits (full width, Arabic) as ASCII ones; superscripts are no digits of a number."""
    return text if text.isascii() else _OTHER_DIGIT.sub(lambda found: str(unicodedata.decimal(found.group())), text)


def _multiplier(text: str, end: int) -> tuple[int, int]:
    """What the words at `end` multiply by, and where they end."""
    factor = 1
    while found := _MULTIPLIER.match(text, end):
        factor *= _LARGE[found[1].lower()]
        end = found.end()
    return factor, end


def _bare(figure: str) -> str:
    """A figure without its thousands separators."""
    return figure if figure.isdigit() else _SEPARATORS.sub("", figure)


def _says_text(value: str, quote: str) -> bool:
    wanted, form = _spaced(value), _spaced(quote)
    if not wanted:
        return False
    at = form.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if not (_inside(form[:at][::-1], wanted[0]) or _inside(form[end:], wanted[-1])):
            return True
        at = form.find(wanted, at + 1)
    return False


_kept_says = lru_cache(maxsize=4096)(_says_text)


def _spaced(text: str) -> str:
    """The normal form with its hyphens kept: `foo` is a word of `foo-bar`."""
    if text.isascii():
        return _plain(text).strip()
    return "".join(piece.text for piece in _collapsed(_clusters(text))).strip()


def _inside(outside: str, edge: str) -> bool:
    """Whether `edge` is inside a longer word or dotted name (`Sepal` in `Sepal.Length`)."""
    if not outside or not (edge.isalnum() or edge == "_") or _dense(edge):
        return False
    near, next_one = outside[0], outside[1:2]
    if near.isalnum() or near == "_":
        return not _dense(near)
    return near in ".$@" and (next_one.isalnum() or next_one == "_")
