"""Cells of a sheet as the XML of a workbook. Pure; text is escaped, so that it is text whatever it says."""

from __future__ import annotations

import re
from datetime import date

_SPECIAL = re.compile("[&<>]|_x[0-9a-fA-F]{4}_")
_CODED = re.compile("(_x[0-9a-fA-F]{4}_)")
"""Reads as a character by its number, unless its first sign is such a number itself."""
_DAY_ZERO = date(1899, 12, 30).toordinal()
_LEAP = 61
"""The format counts a 29th of February 1900: days before the first of March are one less."""


def text_cell(place: str, style: int, text: str) -> str:
    """A text, cleaned of what the format cannot hold; `place` is as people write it: `B12`."""
    kept = "" if text == text.strip() else ' xml:space="preserve"'
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t{kept}>{_escaped(text)}</t></is></c>'


def number_cell(place: str, style: int, number: float) -> str:
    """A finite number."""
    return f'<c r="{place}" s="{style}"><v>{number:.16G}</v></c>'


def truth_cell(place: str, style: int, *, held: bool) -> str:
    return f'<c r="{place}" s="{style}" t="b"><v>{int(held)}</v></c>'


def blank_cell(place: str, style: int) -> str:
    return f'<c r="{place}" s="{style}"/>'


def formula_cell(place: str, style: int, formula: str, value: float) -> str:
    """A formula without its equals sign, and the figure it comes to."""
    return f'<c r="{place}" s="{style}"><f>{_escaped(formula)}</f><v>{value}</v></c>'


def day_number(day: date) -> int:
    """A day as the format counts it: 1 is the first of January 1900."""
    number = day.toordinal() - _DAY_ZERO
    return number if number >= _LEAP else number - 1


def _escaped(text: str) -> str:
    if not _SPECIAL.search(text):
        return text
    text = _CODED.sub(r"_x005F\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
