"""The check language: what a learned rule is compiled to, so that keeping it costs no token.

Of values, row by row:

    type(FIELD, TYPE)            reads as text, integer, number, decimal, date or boolean
    one_of(FIELD, "A", "B")      one of these, compared as the gate compares
    pattern(FIELD, REGEX)        the whole text matches; the expression is bounded (patterns.py)
    max_length(FIELD, N)         at most N characters
    range(FIELD, LOW, HIGH)      a number within the bounds, both included
    unit(FIELD, "UNIT")          its quote says the number with this unit
    not_value(FIELD, "TEXT")     never this
    cited(FIELD)                 rests on a source, or follows from values that do
    quote(FIELD)                 its quote stands in its source, at its place, and says it
    recompute(FIELD)             the companion table answers the same
    agree(FIELD)                 two readers say it
    newer(FIELD, DAYS)           a date at most so many days before the day of the check
    formula(FIELD, EXPRESSION)   what the row's other fields give: `[area] * [price]` (formulas.py)

Of the whole table:

    unique(FIELD, FIELD...)      no value, or combination of values, twice
    consistent(FIELD, KEY)       rows of one KEY say one FIELD
    rows(>=N)                    so many rows; also <= and =

Of files:

    same("FILE", "FILE")         two files tell the same table
    sections("FILE", "HEADING"...)   each is a heading of its own
    drawn("FILE")                the picture is what the judged values draw

FIELD is a column's name, in double quotes where it holds a comma, bracket or quote. Checks are data:
nothing in them is run as code. `parse_check` reads one, `str` writes it; primitives.py holds what each
one looks for, mutators.py the flaw that each one must find.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from strop.checking.patterns import compiled
from strop.errors import BadInput
from strop.types.formulas import parse
from strop.types.work import ColumnType, Count

MAX_CHECK = 400
"""Characters of one check."""
MAX_NAMES = 40
"""Names or texts that one check may list."""

_ANY = Count()


class CheckName(StrEnum):
    TYPE = "type"
    ONE_OF = "one_of"
    PATTERN = "pattern"
    MAX_LENGTH = "max_length"
    RANGE = "range"
    UNIT = "unit"
    NOT_VALUE = "not_value"
    CITED = "cited"
    QUOTE = "quote"
    RECOMPUTE = "recompute"
    AGREE = "agree"
    NEWER = "newer"
    FORMULA = "formula"
    UNIQUE = "unique"
    CONSISTENT = "consistent"
    ROWS = "rows"
    SAME = "same"
    SECTIONS = "sections"
    DRAWN = "drawn"


OF_FILES = (CheckName.SAME, CheckName.SECTIONS, CheckName.DRAWN)


@dataclass(frozen=True, slots=True)
class Check:
    """One check as data; it prints as it is written."""

    name: CheckName
    field: str = ""
    """A column, for checks of files the file; empty for `rows`."""
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    """`range` and, alone, `max_length` and `newer`."""
    text: str = ""
    """`pattern`, `formula`: the expression; `type`, `unit`, `not_value`: the word."""
    count: Count = _ANY
    """`rows`."""
    names: tuple[str, ...] = ()
    """`one_of`: the values; `unique`, `consistent`: further columns; `same`: the other file; `sections`: headings."""

    def __str__(self) -> str:
        match self.name:
            case CheckName.ROWS:
                return f"rows({_count_text(self.count)})"
            case CheckName.RANGE:
                rest = [f"{self.low:f}", f"{self.high:f}"]
            case CheckName.MAX_LENGTH | CheckName.NEWER:
                rest = [str(self.high)]
            case CheckName.PATTERN | CheckName.FORMULA | CheckName.TYPE:
                rest = [self.text]
            case CheckName.NOT_VALUE | CheckName.UNIT:
                rest = [_quoted(self.text)]
            case CheckName.ONE_OF | CheckName.SECTIONS:
                rest = [_quoted(name) for name in self.names]
            case _:
                rest = [_name_text(name) for name in self.names]
        return f"{self.name.value}({', '.join((_name_text(self.field), *rest))})"


# ---------------------------------------------------------------- reading

_FORM = re.compile(r"\s*([a-z_]+)\s*\((.*)\)\s*", re.DOTALL)
_NAME = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,()"]+?)\s*(?:,\s*(.*?))?\s*', re.DOTALL)
_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")
_WHOLE = re.compile(r"\d{1,9}")
_ROWS = re.compile(r"\s*(>=|<=|=)\s*(\d{1,9})\s*")
ARGUMENTS: Mapping[CheckName, str] = {
    CheckName.TYPE: "FIELD, TYPE",
    CheckName.ONE_OF: 'FIELD, "TEXT"...',
    CheckName.PATTERN: "FIELD, REGEX",
    CheckName.MAX_LENGTH: "FIELD, N",
    CheckName.RANGE: "FIELD, LOW, HIGH",
    CheckName.UNIT: 'FIELD, "UNIT"',
    CheckName.NOT_VALUE: 'FIELD, "TEXT"',
    CheckName.CITED: "FIELD",
    CheckName.QUOTE: "FIELD",
    CheckName.RECOMPUTE: "FIELD",
    CheckName.AGREE: "FIELD",
    CheckName.NEWER: "FIELD, DAYS",
    CheckName.FORMULA: "FIELD, EXPRESSION",
    CheckName.UNIQUE: "FIELD...",
    CheckName.CONSISTENT: "FIELD, KEY",
    CheckName.ROWS: ">=N",
    CheckName.SAME: '"FILE", "FILE"',
    CheckName.SECTIONS: '"FILE", "HEADING"...',
    CheckName.DRAWN: '"FILE"',
}
"""What stands between the brackets of each check."""


def parse_check(text: str) -> Check:
    """One line of the check language.

    Raises:
        BadInput: no such check, wrong arguments, or a pattern or formula that is not bounded.
    """
    found = _FORM.fullmatch(text)
    if len(text) > MAX_CHECK or found is None or found[1] not in set(CheckName):
        known = ", ".join(f"{name.value}({arguments})" for name, arguments in ARGUMENTS.items())
        raise BadInput(f"{text[:80]!r} is no check. There are: {known}")
    name = CheckName(found[1])
    check = _rows_check(found[2]) if name is CheckName.ROWS else _named_check(name, found[2])
    if check is None:
        raise BadInput(f"{text[:80]!r}: expected {name.value}({ARGUMENTS[name]})")
    return check


def is_check(text: str) -> bool:
    """Whether a line is one of the check language, and not a sentence for a reader."""
    try:
        parse_check(text)
    except BadInput:
        return False
    return True


def _rows_check(arguments: str) -> Check | None:
    found = _ROWS.fullmatch(arguments)
    if found is None:
        return None
    number = int(found[2])
    least, most = found[1] != "<=", found[1] != ">="
    return Check(CheckName.ROWS, count=Count(number if least else None, number if most else None))


def _named_check(name: CheckName, arguments: str) -> Check | None:
    found = _NAME.fullmatch(arguments)
    field = _unquoted(found[1]) if found else None
    if found is None or not field:
        return None
    rest = found[2] or ""
    match name:
        case CheckName.RANGE:
            low, _, high = rest.partition(",")
            return _bounds(field, low.strip(), high.strip())
        case CheckName.MAX_LENGTH | CheckName.NEWER:
            return Check(name, field, high=Decimal(rest)) if _WHOLE.fullmatch(rest) else None
        case CheckName.PATTERN:
            return Check(name, field, text=compiled(rest).pattern) if rest else None
        case CheckName.FORMULA:
            return _formula(field, rest)
        case CheckName.TYPE:
            return Check(name, field, text=rest) if rest in set(ColumnType) else None
        case CheckName.NOT_VALUE | CheckName.UNIT:
            text = _unquoted(rest) if rest.startswith('"') else None
            return Check(name, field, text=text) if text is not None else None
        case _:
            names = _listed(rest)
            return Check(name, field, names=names) if names is not None and _fits(name, len(names)) else None


def _fits(name: CheckName, further: int) -> bool:
    """How many names may follow the first."""
    match name:
        case CheckName.SAME | CheckName.CONSISTENT:
            return further == 1
        case CheckName.ONE_OF | CheckName.SECTIONS:
            return 1 <= further <= MAX_NAMES
        case CheckName.UNIQUE:
            return further <= MAX_NAMES
        case _:
            return further == 0


def _listed(arguments: str) -> tuple[str, ...] | None:
    names: list[str] = []
    while arguments:
        found = _NAME.fullmatch(arguments)
        name = _unquoted(found[1]) if found else None
        if found is None or not name:
            return None
        names.append(name)
        arguments = found[2] or ""
    return tuple(names)


def _bounds(field: str, low: str, high: str) -> Check | None:
    if not (_DECIMAL.fullmatch(low) and _DECIMAL.fullmatch(high)) or Decimal(low) > Decimal(high):
        return None
    return Check(CheckName.RANGE, field, Decimal(low), Decimal(high))


def _formula(field: str, expression: str) -> Check | None:
    """Refuses what does not parse; kept as it was written."""
    if not expression:
        return None
    parse(expression)
    return Check(CheckName.FORMULA, field, text=expression)


def _unquoted(text: str) -> str | None:
    if not text.startswith('"'):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _name_text(name: str) -> str:
    plain = _NAME.fullmatch(name)
    return name if plain and plain[1] == name and not name.startswith('"') else _quoted(name)


def _count_text(count: Count) -> str:
    if count.least == count.most:
        return f"={count.least}"
    return f">={count.least}" if count.least is not None else f"<={count.most}"
