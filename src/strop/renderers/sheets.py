"""What a workbook wants to know of a table: sheet names, number formats, widths of columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from strop.renderers.cells import clean, grouped
from strop.types.content import Cell, Scalar, Table
from strop.types.work import ColumnType

_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_NAME = 31
"""Characters of a sheet's name."""
_OURS = ("sources", "charts", "history")
"""Taken by us, or by the format."""
_SAMPLE = 500
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
        letters, left = "", self.column + 1
        while left:
            left, rest = divmod(left - 1, 26)
            letters = chr(ord("A") + rest) + letters
        return f"{letters}{self.row + 1}"

    @property
    def link(self) -> str:
        quoted = self.sheet.replace("'", "''")
        return f"internal:'{quoted}'!{self.name}"


@dataclass(frozen=True, slots=True)
class Typed:
    """How a column's values are written: a number format, `text` or `General`."""

    format: str


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


def typed(table: Table) -> tuple[Typed, ...]:
    """The number format of each column; digits are grouped where a number has five or more."""
    columns = zip(*table.rows, strict=True) if table.rows else iter(() for _ in table.heads)
    return tuple(_typed(head.type, cells) for head, cells in zip(table.heads, columns, strict=True))


def _typed(kind: ColumnType, cells: Sequence[Cell]) -> Typed:
    if kind is ColumnType.DATE:
        return Typed("yyyy-mm-dd")
    if kind not in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL):
        return Typed("General")
    whole = "#,##0" if any(_size(cell.value) >= 10_000 for cell in cells) else "0"
    places = max((_places(cell.value) for cell in cells), default=0)
    if kind is ColumnType.NUMBER and places > 6:
        return Typed("General")
    return Typed(whole + ("." + "0" * places if places else ""))


def _size(value: Scalar) -> float:
    return abs(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _places(value: Scalar) -> int:
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return 0
    text = repr(value) if isinstance(value, float) else value
    found = re.fullmatch(r"-?\d+\.(\d+)", text)
    return 0 if found is None or (isinstance(value, float) and value.is_integer()) else min(len(found[1]), 12)


def widths(table: Table) -> tuple[int, ...]:
    """Letters each column is wide, by its longest line."""
    found = [len(head.name) + 4 for head in table.heads]
    for row in islice(table.rows, _SAMPLE):
        for column, cell in enumerate(row):
            lines = grouped(cell.value).split("\n", 8)
            found[column] = max(found[column], *(len(line) + 2 for line in lines))
    return tuple(min(max(width, _NARROW), _WIDE) for width in found)
