"""XLSX by calamine, behind the same look at its archive as every Office file: a passage a row."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Protocol, cast

from strop.errors import DocumentRefused, MissingPart
from strop.readers.archive import Parts
from strop.readers.blocks import Block, Looks, Taken, made
from strop.readers.office_looks import coloured
from strop.readers.rows import MOST_ROWS, row_blocks
from strop.types.count import counted
from strop.types.document import Format, ReadDocument

if TYPE_CHECKING:
    from strop.seams import Reader

_S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
MOST_CELLS = 4_000_000
"""Cells of a sheet's whole rectangle: two cells at its far corners make it as wide and as high."""


class _Sheet(Protocol):
    @property
    def start(self) -> tuple[int, int] | None: ...
    @property
    def total_height(self) -> int: ...
    @property
    def total_width(self) -> int: ...
    def to_python(self, *, skip_empty_area: bool) -> Sequence[Sequence[object]]: ...


class _Told(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def visible(self) -> object: ...
    @property
    def typ(self) -> object: ...


class _Book(Protocol):
    """What is used of calamine's workbook."""

    @property
    def sheets_metadata(self) -> Sequence[_Told]: ...
    def get_sheet_by_name(self, name: str) -> _Sheet: ...
    def close(self) -> None: ...


class XlsxFile:
    """Places are a sheet and its row as the program shows it: `sheet Prices row 12`."""

    @property
    def formats(self) -> tuple[Format, ...]:
        return (Format.XLSX,)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`."""
        parts = Parts(body)
        try:
            calamine = importlib.import_module("python_calamine")
        except ImportError as absent:
            raise MissingPart("reading XLSX needs python-calamine: pip install 'strop[docs]'") from absent
        name = parts.main("xl/workbook.xml")
        for part in _sheets_of(parts, name):
            parts.xml(part)  # refuses what calamine would read: document types, depth
        try:
            book = cast("_Book", calamine.CalamineWorkbook.from_filelike(io.BytesIO(body)))
        except Exception as caught:  # whatever a library says of broken bytes is the refusal
            raise DocumentRefused(f"is a damaged workbook: {caught}") from caught
        with closing(book):
            told = [each for each in book.sheets_metadata if str(each.typ).endswith("WorkSheet")]
            seen = [each.name for each in told if str(each.visible).endswith(".Visible")]
            notes = [f"{counted(len(told) - len(seen), 'hidden sheet')} left out"] if len(seen) < len(told) else []
            blocks = list(_blocks(book, seen, notes))
        figures = sum(1 for each in parts.names if each.startswith("xl/charts/chart"))
        looks = _looks(parts, name)
        taken = Taken(blocks, len(seen), len(seen), figures, looks, tuple(notes))
        return made(taken, format=Format.XLSX, body=body, path=path, locator=_place)


def _place(first: Block, last: Block) -> str:
    return first.group if first.level else f"{first.group} row {first.first}"


def _sheets_of(parts: Parts, name: str) -> Iterator[str]:
    yield from sorted({each for kind in ("worksheet", "sharedStrings") for each in parts.targets(name, kind).values()})


def _blocks(book: _Book, names: Sequence[str], notes: list[str]) -> Iterator[Block]:
    left = MOST_ROWS
    for name in names:
        try:
            sheet = book.get_sheet_by_name(name)
            if sheet.total_height * sheet.total_width > MOST_CELLS:
                notes.append(f"sheet {name[:40]} spans {sheet.total_height:,} x {sheet.total_width:,} cells: left out")
                continue
            rows = sheet.to_python(skip_empty_area=False)
        except Exception as caught:  # whatever a library says of broken bytes is the refusal
            raise DocumentRefused(f"is a damaged workbook: sheet {name[:40]}: {caught}") from caught
        if len(rows) > left:
            notes.append(f"of sheet {name[:40]} the first {left:,} of {len(rows):,} rows were taken")
            rows = rows[:left]
        left -= len(rows)
        group = f"sheet {name}"
        held = list(row_blocks(([_said(cell) for cell in row] for row in rows), group=group))
        if held:
            yield Block(name, 0, 0, level=1, group=group, alone=True)
        yield from held


def _said(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)


def _looks(parts: Parts, name: str) -> Looks:
    """Fonts and fills that the workbook's styles define, each counted once."""
    looks = Looks()
    root = parts.optional(name, "styles")
    if root is None:
        return looks
    for font in root.iter(f"{_S}font"):
        named, colour = font.find(f"{_S}name"), font.find(f"{_S}color")
        said = "" if colour is None else coloured(colour.get("rgb", "")[2:])
        looks.add(1, font="" if named is None else named.get("val", ""), colour=said)
    for fill in root.iter(f"{_S}fgColor"):
        looks.add(1, colour=coloured(fill.get("rgb", "")[2:]))
    return looks


if TYPE_CHECKING:

    def _fits(x: XlsxFile) -> Reader:
        return x
