"""Tables as an independent reader sees them, line by line: nothing is held but the line at hand.

CSV by `csv`, JSONL by `json`, XLSX by calamine, Parquet by DuckDB (which our writer of Parquet shares
no code with). Every cell comes as text, an empty one as empty text: `5.0` as `5`, truth as `true`,
a date as `2026-01-02`. The heavy readers are imported where they are used.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import cast

from strop.errors import MissingPart
from strop.types.work import Kind

_RUNS = re.compile("'+[=+\\-@\uff1d\uff0b\uff0d\uff20\t\n]")
_NO_ROWS = "no rows"
"""What a workbook shows under the header of an empty table."""
_BATCH = 5_000
LARGEST_CELL = 2**28
"""Characters; the `csv` module's own bound is far below what a cell may hold."""


@dataclass(slots=True)
class Lines:
    """One table while it is read."""

    names: tuple[str, ...]
    lines: Iterator[tuple[str, ...]]
    """To be walked once; a line that does not fit the heads is a ValueError that names it."""
    types: tuple[str, ...] = ()
    """As the file declares them (Parquet), by column."""
    seen: list[set[str]] = field(default_factory=list[set[str]])
    """What kinds of values stood in each column so far (JSONL): `number`, `text`, `truth`."""


@contextmanager
def read_lines(path: Path, *, kind: Kind, wanted: Sequence[str] = ()) -> Generator[Lines]:
    """The file's table; of a workbook the first sheet that has the `wanted` columns.

    Raises:
        MissingPart: the reader for this kind is not installed.
        Exception: whatever the reader says of bytes that are no such file, now or while walking.
    """
    with _READERS[kind](path, wanted) as lines:
        yield lines


def said(value: object) -> str:
    """A value of any reader as text."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case Decimal():
            return format(value, "f")
        case datetime() if value.time() == datetime.min.time():
            return value.date().isoformat()
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)


def restored(cell: str) -> str:
    """Without the apostrophe that keeps spreadsheets from running a text."""
    return cell[1:] if cell[:1] == "'" and _RUNS.match(cell) else cell


# ---------------------------------------------------------------- readers


@contextmanager
def _csv(path: Path, wanted: Sequence[str]) -> Generator[Lines]:
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = ([restored(cell) for cell in line] for line in csv.reader(file, strict=True) if line)
            names = tuple(next(rows, ()))
            yield Lines(names, _fitting(rows, len(names)))
    finally:
        csv.field_size_limit(before)


def _fitting(rows: Iterator[Sequence[str]], count: int) -> Iterator[tuple[str, ...]]:
    for number, row in enumerate(rows, start=1):
        if len(row) != count:
            raise ValueError(f"row {number} has {len(row)} cells under {count} heads")
        yield tuple(row)


@contextmanager
def _jsonl(path: Path, wanted: Sequence[str]) -> Generator[Lines]:
    with path.open(encoding="utf-8") as file:
        rows = _objects(file)
        first = next(rows, None)
        names = tuple(first or ())
        found = Lines(names, iter(()), seen=[set() for _ in names])
        found.lines = _told(chain([first] if first is not None else [], rows), found)
        yield found


def _objects(file: Iterator[str]) -> Iterator[dict[str, object]]:
    number = 0
    for line in file:
        if not line.strip():
            continue
        number += 1
        value = cast("object", json.loads(line))
        if not isinstance(value, dict):
            raise ValueError(f"row {number} is no object")
        yield cast("dict[str, object]", value)


def _told(rows: Iterator[Mapping[str, object]], found: Lines) -> Iterator[tuple[str, ...]]:
    known = frozenset(found.names)
    for number, row in enumerate(rows, start=1):
        if strange := row.keys() - known:
            raise ValueError(f"row {number} has the key {min(strange)!r}, which the first row has not")
        values = tuple(row.get(name) for name in found.names)
        for seen, value in zip(found.seen, values, strict=True):
            seen.add(_KINDS.get(value.__class__, "nested"))
        yield tuple(map(said, values))


_KINDS: Mapping[type[object], str] = {bool: "truth", int: "number", float: "number", str: "text", type(None): ""}


@contextmanager
def _xlsx(path: Path, wanted: Sequence[str]) -> Generator[Lines]:
    heads: list[tuple[tuple[str, ...], Sequence[Sequence[object]]]] = []
    for _, rows in sheets(path.read_bytes()):
        names = tuple(map(said, rows[0])) if rows else ()
        while names and not names[-1]:
            names = names[:-1]
        heads += [(names, rows)] if names else []
    full = (each for each in heads if set(wanted) <= set(each[0]))
    names, rows = next(full, heads[0] if heads else ((), ()))
    if not names:
        raise ValueError("no sheet has a header")
    yield Lines(names, _filled(tuple(map(said, row[: len(names)])) for row in islice(rows, 1, None)))


def sheets(body: bytes) -> tuple[tuple[str, Sequence[Sequence[object]]], ...]:
    """(name, rows of values) of every sheet of a workbook, formulas as the file's cache shows them.

    By calamine: twenty times as fast as openpyxl, and its own reader from end to end.

    Raises:
        MissingPart: it is not installed.
        Exception: whatever it says of bytes that are no workbook.
    """
    try:
        from python_calamine import CalamineWorkbook
    except ImportError as absent:
        raise missing("python-calamine") from absent
    with CalamineWorkbook.from_filelike(io.BytesIO(body)) as book:
        return tuple(
            (name, book.get_sheet_by_index(index).to_python(skip_empty_area=False))
            for index, name in enumerate(book.sheet_names)
        )


def _filled(rows: Iterator[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Without the blank rows at the end, and the words that stand for none."""
    blank: list[tuple[str, ...]] = []
    first = next(rows, None)
    if first is None or ((second := next(rows, None)) is None and [cell for cell in first if cell] in ([], [_NO_ROWS])):
        return
    for row in chain([first], [second] if second is not None else [], rows):
        if any(row):
            yield from blank
            blank.clear()
            yield row
        else:
            blank.append(row)


@contextmanager
def _parquet(path: Path, wanted: Sequence[str]) -> Generator[Lines]:
    try:
        import duckdb
    except ImportError as absent:
        raise missing("duckdb", extra="tables") from absent
    safe: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": "1",
    }
    with (
        tempfile.TemporaryDirectory(prefix="strop-parquet-") as folder,
        closing(duckdb.connect(":memory:", config=safe)) as engine,
    ):
        # The engine reads a path as a pattern: it is given one without any sign of its own.
        plain = Path(folder) / "table.parquet"
        os.symlink(path.absolute(), plain)
        found = engine.execute("SELECT * FROM read_parquet(?)", [str(plain)])
        about = cast("Sequence[tuple[object, ...]]", found.description or ())
        names, types = (tuple(str(column[at]) for column in about) for at in (0, 1))
        batches = iter(lambda: cast("list[tuple[object, ...]]", found.fetchmany(_BATCH)), [])
        yield Lines(names, (tuple(map(said, row)) for batch in batches for row in batch), types)


def missing(library: str, *, extra: str = "files") -> MissingPart:
    """The error for a reader that is not installed."""
    return MissingPart(
        f"{library} is not installed, and delivered files are checked with it: pip install 'strop[{extra}]'"
    )


_READERS: Mapping[Kind, Callable[[Path, Sequence[str]], AbstractContextManager[Lines]]] = {
    Kind.CSV: _csv,
    Kind.JSONL: _jsonl,
    Kind.XLSX: _xlsx,
    Kind.PARQUET: _parquet,
}
