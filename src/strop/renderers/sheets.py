"""What a workbook wants to know of a table: sheet names, number formats, widths of columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from strop.errors import BadInput
from strop.renderers.cells import clean, grouped
from strop.types.content import Head, Scalar, Table
from strop.types.formulas import Expression, columns, parse, to_excel
from strop.types.work import ColumnType

_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_NAME = 31
"""Characters of a sheet's name."""
_OURS = ("sources", "charts", "totals", "history")
"""Taken by us, or by the format."""
_FIGURE = re.compile(r"-?[0-9]+(?:\.[0-9]*)?")
_DECIMAL = re.compile(r"-?\d+\.(\d+)")
ROW = "\0"
"""Stands for the row's number in a formula until it is written."""
SAMPLE = 500
"""Rows that a column's width is taken from."""
_MOST_PLACES = 12
_NARROW, _WIDE = 9, 60
"""Letters."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cell of a sheet; row and column count from 0."""

    sheet: str
    row: int
    column: int

    @property
    def name(self) -> str:
        """As people write it: `B12`."""
        return f"{letters(self.column)}{self.row + 1}"

    @property
    def link(self) -> str:
        return f"internal:{self.quoted}!{self.name}"

    @property
    def quoted(self) -> str:
        """The sheet's name as it stands in formulas and links."""
        doubled = self.sheet.replace("'", "''")
        return f"'{doubled}'"


def letters(column: int) -> str:
    """A column, counted from 0, as people write it: `AB`."""
    found, left = "", column + 1
    while left:
        left, rest = divmod(left - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def sheet_names(names: Sequence[str]) -> tuple[str, ...]:
    """A name the format takes for each, all unlike (upper and lower case are one to it)."""
    taken: set[str] = set(_OURS)
    found: list[str] = []
    for name in names:
        plain = _FORBIDDEN.sub(" ", clean(name)).strip().strip("'").strip()[:_NAME].strip() or "Table"
        own, again = plain, 2
        while own.casefold() in taken:
            own = f"{plain[: _NAME - 5]} ({again})"
            again += 1
        taken.add(own.casefold())
        found.append(own)
    return tuple(found)


class Survey:
    """What one walk over a table tells of a column: how wide it is, and how its numbers look."""

    def __init__(self, head: Head) -> None:
        self.kind = head.type
        self._derived = bool(head.formula)
        self.numeric = head.type in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL)
        self.pure = True
        """Every cell is nothing, or a number that a sheet holds to the last digit."""
        self._wide = len(head.name) + 4
        self._large = False
        self._places = 0
        self._sampled = 0

    def see(self, value: Scalar) -> None:
        """One more cell, from above."""
        if self._sampled < SAMPLE:
            self._sampled += 1
            self._wide = max(self._wide, *(len(line) + 2 for line in grouped(value).split("\n", 8)))
        if not self.numeric or value is None:
            return
        if not self._large:
            self._large = not isinstance(value, str) and abs(value) >= 10_000
        if self._places < _MOST_PLACES and value.__class__ is not int:
            self._places = max(self._places, _places(value))
        if self.pure and value.__class__ is not float:
            self.pure = is_number(value)

    @property
    def width(self) -> int:
        """Letters."""
        return min(max(self._wide, _NARROW), _WIDE)

    @property
    def format(self) -> str:
        """A number format; digits are grouped where a number has five or more."""
        if self.kind is ColumnType.DATE:
            return "yyyy-mm-dd"
        exact = self.kind is not ColumnType.NUMBER and not self._derived
        if not self.numeric or (self._places > 6 and not exact):
            return "General"
        whole = "#,##0" if self._large else "0"
        return whole + ("." + "0" * self._places if self._places else "")


@dataclass(frozen=True, slots=True)
class Form:
    """How the cells of one column are written."""

    head: str
    letter: str
    kind: ColumnType
    number: str
    """The format of its numbers."""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """A table with what a first walk over it told."""

    table: Table
    surveys: tuple[Survey, ...]
    count: int

    def column(self, name: str) -> int:
        names = [head.name for head in self.table.heads]
        if name not in names:
            raise BadInput(f"table {self.table.name!r}: a formula names {name!r}, which is no column")
        return names.index(name)

    def computes(self, expression: Expression) -> bool:
        """Whether a sheet comes to the same figure: all that it rests on is held as numbers."""
        return all(self.surveys[self.column(name)].pure for name in columns(expression))

    def whole(self, name: str) -> str:
        """All cells of a column: `$B$2:$B$41`."""
        letter = letters(self.column(name))
        return f"${letter}$2:${letter}${self.count + 1}"

    def forms(self) -> tuple[Form, ...]:
        """How the cells of each column are written; formulas have `ROW` for the number of their row."""
        found: list[Form] = []
        for column, (head, survey) in enumerate(zip(self.table.heads, self.surveys, strict=True)):
            expression = parse(head.formula) if head.formula else None
            formula = ""
            if expression is not None and survey.pure and self.computes(expression):
                formula = to_excel(expression, cell=lambda name: f"{letters(self.column(name))}{ROW}", whole=self.whole)
            found.append(Form(head.name, letters(column), survey.kind, survey.format, formula))
        return tuple(found)


def is_number(value: Scalar) -> bool:
    """Whether a sheet can hold the value as a number without losing a digit."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int):
        return abs(value) < 10**15
    return isinstance(value, float) or (_FIGURE.fullmatch(value) is not None and _digits(value) <= 15)


def _digits(text: str) -> int:
    return len(text.strip("-").replace(".", ""))


def _places(value: Scalar) -> int:
    """Digits behind the point; of a number that is written with an exponent none."""
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return 0
    if isinstance(value, float):
        tail = repr(value).partition(".")[2]
        return min(len(tail), _MOST_PLACES) if tail != "0" and tail.isdecimal() else 0
    found = _DECIMAL.fullmatch(value)
    return min(len(found[1]), _MOST_PLACES) if found else 0
