"""Questions that a CSV answers exactly: how many rows, which columns, what sum. No model is asked.

The small language (`Column.recompute`, `Column.compute`, the tool's `ask`):

    rows  columns  first  last                       of the whole table
    sum:COL  mean:COL  min:COL  max:COL              numbers of one column, exact decimals
    count:COL  distinct:COL                          cells that are not empty; different ones

Conventions. The header is no row, and blank lines are none. A first column whose header is empty,
`rownames` or `Unnamed: 0` holds row names and is no column; so is the one that R writes without any
header (each row one cell longer than the header). Cells that are empty or `NA` are empty. Answers:
an int where the figure is whole, a float where that says it exactly, else the decimal as text; a
mean that has no end is rounded to 15 digits. Nothing to answer from is None.
"""

from __future__ import annotations

import asyncio
import csv
import decimal
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import orjson

from strop.errors import BadInput, SpecRefused, ToolFailure
from strop.seams import ToolOutput, ToolSpec
from strop.tools.arguments import parse_arguments
from strop.tools.inside import Inside, decoded
from strop.types.content import Scalar
from strop.types.label import Integrity, Label, Secrecy
from strop.types.schema import Field, Object, Text

if TYPE_CHECKING:
    from strop.seams import Tool

_ROW_NAMES = frozenset({"", "rownames", "Unnamed: 0"})
_EMPTY = frozenset({"", "NA"})
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)


class AskKind(StrEnum):
    NAME = "name"
    """The file's own name, without its suffix."""
    ROWS = "rows"
    COLUMNS = "columns"
    FIRST = "first"
    LAST = "last"
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    COUNT = "count"
    DISTINCT = "distinct"


_WHOLE = (AskKind.NAME, AskKind.ROWS, AskKind.COLUMNS, AskKind.FIRST, AskKind.LAST)
ALLOWED = ", ".join(kind.value if kind in _WHOLE else f"{kind.value}:COL" for kind in AskKind)
"""The language in one line, for refusals and the tool's purpose."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question; `column` is empty for those about the whole table."""

    kind: AskKind
    column: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.column}" if self.column else self.kind.value


def parse_ask(text: str) -> Ask:
    """`rows` or `sum:COL` as a question.

    Raises:
        SpecRefused: no such question; the message lists those there are.
    """
    name, colon, column = (part.strip() for part in text.strip().partition(":"))
    try:
        kind = AskKind(name)
    except ValueError:
        raise SpecRefused(f"{text!r} is no question to a table", fix=f"Allowed: {ALLOWED}") from None
    if (kind in _WHOLE) == bool(colon) or bool(colon) != bool(column):
        raise SpecRefused(
            f"{text!r}: {kind.value} takes {'no' if kind in _WHOLE else 'a'} column", fix=f"Allowed: {ALLOWED}"
        )
    return Ask(kind, column)


def locator(path: str, ask: Ask) -> str:
    """What a claim made by this tool carries: `table:rows(data/affairs.csv)`."""
    return f"table:{ask}({path})"


def recompute(path: Path, ask: str) -> Scalar:
    """What the CSV at `path` answers. The caller has already confined the path.

    Raises:
        SpecRefused: no such question.
        ToolFailure: the file cannot be read, is no table, or the column cannot be counted so.
    """
    question = parse_ask(ask)
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ToolFailure(f"{path.name} cannot be read: {error.strerror or error}") from error
    return answer(decoded(body, path=path.name), question, path=path.name)


def answer(text: str, ask: Ask, *, path: str) -> Scalar:
    """What a table answers; `text` is the CSV, `path` its name for messages.

    Raises:
        ToolFailure: it is no table, has no such column, or a cell is no number.
    """
    table = _table(text, path=path)
    match ask.kind:
        case AskKind.NAME:
            return PurePosixPath(path).stem
        case AskKind.ROWS:
            return len(table.rows)
        case AskKind.COLUMNS:
            return len(table.names)
        case AskKind.FIRST:
            return table.names[0] if table.names else None
        case AskKind.LAST:
            return table.names[-1] if table.names else None
        case AskKind.COUNT:
            return len(_cells(table, ask.column))
        case AskKind.DISTINCT:
            return len({cell for _, cell in _cells(table, ask.column)})
        case _:
            return _figure(ask, table)


class CompanionTable:
    """The tool `table`: one question to one allowed CSV."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    @property
    def spec(self) -> ToolSpec:
        path = Field("path", Text(max_length=1_000, note="CSV file, project-relative"))
        ask = Field("ask", Text(max_length=300, note=ALLOWED))
        return ToolSpec("table", "Answer a question about a CSV table exactly.", Object((path, ask)), prompt=True)

    async def call(self, arguments: str) -> ToolOutput:
        """The answer as JSON (`97`, `"Hwt"`, `null`).

        Raises:
            ToolFailure: bad arguments, a path that is not allowed, or a table that cannot answer.
        """
        given = parse_arguments(arguments, spec=self.spec)
        path = str(given["path"])
        try:
            ask = parse_ask(str(given["ask"]))
        except BadInput as error:
            raise ToolFailure(str(error)) from error
        # A thread, since a table of millions of cells would hold up every other agent.
        value = await asyncio.to_thread(self.ask, path, ask)
        return ToolOutput(orjson.dumps(value).decode(), label_of(value, path), path)

    def ask(self, path: str, ask: Ask) -> Scalar:
        """The answer itself, for claims and their recomputation.

        Raises:
            ToolFailure: a path that is not allowed, or a table that cannot answer.
        """
        return answer(self._inside.read_text(path), ask, path=path)


def label_of(value: Scalar, path: str) -> Label:
    """Numbers that we counted are ours; a column's name is text of the file."""
    integrity = Integrity.UNTRUSTED if isinstance(value, str) else Integrity.SYSTEM
    return Label(integrity, Secrecy.PRIVATE, (path,))


# ---------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class _Table:
    path: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """As long as `names` each; row names are left out."""


def _table(text: str, *, path: str) -> _Table:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if path.endswith(".tsv") else ",", strict=True)
    lines: list[list[str]] = []
    at: list[int] = []
    try:
        for cells in reader:
            if cells:
                lines.append(cells)
                at.append(reader.line_num)
    except csv.Error as error:
        raise ToolFailure(f"{path} is no CSV, line {reader.line_num}: {error}") from error
    if not lines:
        raise ToolFailure(f"{path} is empty: a table has a header")
    header, rows = lines[0], lines[1:]
    if rows and all(len(row) == len(header) + 1 for row in rows):
        header = ["", *header]
    for line, row in zip(at[1:], rows, strict=True):
        if len(row) != len(header):
            raise ToolFailure(f"{path}, line {line}: {len(row)} cells under {len(header)} heads")
    skip = 1 if header[0].strip() in _ROW_NAMES else 0
    names = tuple(name.strip() for name in header[skip:])
    return _Table(path, names, tuple(tuple(row[skip:]) for row in rows))


def _cells(table: _Table, column: str) -> list[tuple[int, str]]:
    """(row from 1, cell) of the column, the empty ones left out."""
    if table.names.count(column) != 1:
        problem = "no column" if column not in table.names else "more than one column"
        raise ToolFailure(f"{table.path} has {problem} {column!r}; it has: {', '.join(table.names)[:500]}")
    index = table.names.index(column)
    cells = ((number, row[index].strip()) for number, row in enumerate(table.rows, start=1))
    return [(number, cell) for number, cell in cells if cell not in _EMPTY]


# ---------------------------------------------------------------- exact figures


def _sum(figures: list[Decimal]) -> Decimal:
    return sum(figures, Decimal(0))


_FOLDS: Mapping[AskKind, Callable[[list[Decimal]], Decimal]] = {
    AskKind.SUM: _sum,
    AskKind.MEAN: _sum,
    AskKind.MIN: min,
    AskKind.MAX: max,
}


def _figure(ask: Ask, table: _Table) -> Scalar:
    figures: list[Decimal] = []
    for number, cell in _cells(table, ask.column):
        if not _NUMBER.fullmatch(cell):
            raise ToolFailure(f"{table.path}, {ask.column}, row {number}: {cell[:50]!r} is no number")
        figures.append(Decimal(cell))
    if not figures:
        return None
    with decimal.localcontext(decimal.Context(prec=200, traps=[decimal.Inexact])):
        try:
            total = _FOLDS[ask.kind](figures)
        except decimal.Inexact:
            raise ToolFailure(f"{table.path}, {ask.column}: the numbers span more than 200 digits") from None
    return _scalar(_share(total, len(figures)) if ask.kind is AskKind.MEAN else total)


def _share(total: Decimal, count: int) -> Decimal:
    """The mean, exact where it ends, else rounded to 15 digits."""
    with decimal.localcontext(decimal.Context(prec=200)) as context:
        share = total / count
        if not context.flags[decimal.Inexact]:
            return share
    return decimal.Context(prec=15).divide(total, Decimal(count))


def _scalar(figure: Decimal) -> Scalar:
    if figure == figure.to_integral_value():
        return int(figure) if abs(figure) < 1 << 63 else format(figure, "f")  # JSON's integers end there
    short = float(figure)
    return short if Decimal(repr(short)) == figure else format(figure, "f")


if TYPE_CHECKING:

    def _fits(tool: CompanionTable) -> Tool:
        return tool
