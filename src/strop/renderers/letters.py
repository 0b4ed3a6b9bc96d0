"""How wide text is, without a font: a table of the widths of Helvetica's letters, which Arial shares. Pure.

The widths are those of Adobe's public font metrics (AFM) for Helvetica, in thousandths of the height. Letters
outside the table are taken as wide as the widest of their script, so that text measured here never
needs more room than was given to it.
"""

from __future__ import annotations

import re
import unicodedata

_ASCII = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584"
)
_WIDTHS = {chr(code): int(width) / 1_000 for code, width in enumerate(_ASCII.split(), start=32)}
_WIDE, _OTHER = 1.0, 0.72
_BOLD = 1.08
_SPARE = 1.03
"""Readers' own fonts are seldom exactly Arial."""
_PIECES = re.compile(r"\s+|\S+")
SANS = 1.25
"""How much wider these letters are, digits and bold ones too, than those that `grid` counts with."""
LINE = 1.2
"""Height of a line, in the height of its letters."""


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Points that one line of `text` takes at `size` points."""
    return sum(map(_letter, text)) * size * _SPARE * (_BOLD if bold else 1.0)


def lines(text: str, size: float, room: float, *, bold: bool = False) -> tuple[str, ...]:
    """`text` as it breaks where a line has `room` points: joined, the lines are the text again.

    A word wider than the room is cut.
    """
    made: list[str] = []
    for part in text.splitlines(keepends=True) or [""]:
        made += _lines(part, size, room, bold)
    return tuple(made)


def _lines(part: str, size: float, room: float, bold: bool) -> list[str]:
    made: list[str] = []
    line, used = "", 0.0
    for piece in _PIECES.findall(part):
        long = 0.0 if piece.isspace() else width(piece, size, bold=bold)
        if used + long > room and line:
            made.append(line)
            line, used = "", 0.0
        if long > room:
            *whole, piece = _cut(piece, size, room, bold)
            made += whole
            long = width(piece, size, bold=bold)
        # Space at the end of a line hangs over.
        line, used = line + piece, used + (width(piece, size) if piece.isspace() else long)
    return [*made, line] if line or not made else made


def _cut(word: str, size: float, room: float, bold: bool) -> list[str]:
    """A word in pieces that fit, each of at least one letter."""
    made, start, used = list[str](), 0, 0.0
    for at, letter in enumerate(word):
        wide = width(letter, size, bold=bold)
        if used + wide > room and at > start:
            made.append(word[start:at])
            start, used = at, 0.0
        used += wide
    return [*made, word[start:]]


def leads_right(text: str) -> bool:
    """Whether the first letter that has a direction is of a right-to-left script."""
    ways = (unicodedata.bidirectional(letter) for letter in text)
    return not text.isascii() and next((way in ("R", "AL") for way in ways if way in ("L", "R", "AL")), False)


def _letter(letter: str) -> float:
    known = _WIDTHS.get(letter)
    if known is not None:
        return known
    if unicodedata.combining(letter) or letter in "\u200b\u00ad":
        return 0.0
    base = unicodedata.normalize("NFD", letter)[0]
    if base in _WIDTHS:
        return _WIDTHS[base]
    return _WIDE if unicodedata.east_asian_width(letter) in "WFA" or letter > "\uffff" else _OTHER
