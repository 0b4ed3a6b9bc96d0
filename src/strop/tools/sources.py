"""Tables that stand in sources, read row by row: CSV, TSV, JSON Lines, XLSX, Parquet. A deterministic tool.

Every cell comes as the text that stands there, None where it is empty: numbers of a JSONL as they are
written, of a workbook or Parquet as their shortest exact text, truth as `true`, dates as `2026-01-02`.
A column whose header is empty is called by its place, `column_3`. Of a workbook the first sheet that
holds anything is the table. Nothing is held but the row at hand; each walk opens the file anew.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, cast

from strop.errors import MissingPart, ToolFailure
from strop.tools.inside import Inside

if TYPE_CHECKING:
    from strop.seams import SourceTable

_BATCH = 5_000
_CELL = 2**28
"""Characters of a cell; the `csv` module's own bound is far below what a cell may hold."""
_Row: TypeAlias = "Sequence[str | None]"


@dataclass(frozen=True, slots=True)
class TableInFile:
    """One table as it stands in a file that may be read."""

    inside: Inside
    path: str
    names: tuple[str, ...]
    digest: str
    """SHA-256 of the file when it was opened."""

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        """The rows, each as long as `names`.

        Raises:
            ToolFailure: the file cannot be read any more, or a row does not fit; the message names it.
        """
        count = len(self.names)
        with _reading(self.inside, self.path) as rows:
            next(rows, None)
            for number, row in enumerate(rows, start=1):
                if len(row) != count:
                    raise ToolFailure(f"{self.path}, row {number}: {len(row)} cells under {count} heads")
                yield tuple(row)


def open_table(inside: Inside, path: str) -> TableInFile:
    """The table at a project-relative path.

    Raises:
        ToolFailure: it may not be read, is no table, or has two columns of one name.
        MissingPart: the reader for this kind of file is not installed.
    """
    with inside.opened(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with _reading(inside, path) as rows:
        header = next(rows, None)
    if header is None:
        raise ToolFailure(f"{path} is empty: a table has a header")
    names = tuple((name or "").strip() or f"column_{at}" for at, name in enumerate(header, start=1))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ToolFailure(f"{path}: two columns are named {twice[0]!r}; rename one")
    return TableInFile(inside, path, names, digest)


@contextmanager
def _reading(inside: Inside, path: str) -> Generator[Iterator[_Row]]:
    """The file's rows, the header first; whatever a reader says of broken bytes becomes our error."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in _READERS:
        raise ToolFailure(f"{path} is no table that is read here; there are: {', '.join(_READERS)}")
    try:
        with inside.opened(path) as file:
            yield _READERS[suffix](file)
    except (ToolFailure, MissingPart):
        raise
    except Exception as error:
        raise ToolFailure(f"{path} is no {suffix[1:].upper()}: {type(error).__name__}: {error}") from error


def _text(value: object) -> str | None:
    match value:
        case None | "":
            return None
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
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case _:
            return str(value)


# ---------------------------------------------------------------- readers


def _separated(file: BinaryIO, delimiter: str) -> Iterator[_Row]:
    csv.field_size_limit(_CELL)
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        for row in csv.reader(text, delimiter=delimiter, strict=True):
            if row:
                yield [cell or None for cell in row]


def _jsonl(file: BinaryIO) -> Iterator[_Row]:
    """The first row's keys are the header; a later row may lack some of them, and has no others."""
    names: tuple[str, ...] = ()
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        value = cast("object", json.loads(line, parse_float=str, parse_int=str))
        if not isinstance(value, dict):
            raise ToolFailure(f"line {number} is no object")
        row = cast("dict[str, object]", value)
        if not names:
            names = tuple(row)
            yield names
        if strange := row.keys() - set(names):
            raise ToolFailure(f"line {number} has the key {min(strange)!r}, which the first row has not")
        yield [_text(row.get(name)) for name in names]


def _xlsx(file: BinaryIO) -> Iterator[_Row]:
    try:
        from openpyxl import load_workbook
    except ImportError as absent:
        raise _missing("openpyxl", "files") from absent
    with closing(load_workbook(file, read_only=True, data_only=True)) as book:
        for sheet in book.worksheets:
            rows = sheet.iter_rows(values_only=True)
            header = next(rows, ())
            if any(value is not None for value in header):
                yield from _sheet([_text(value) for value in header], rows)
                return


def _sheet(header: list[str | None], rows: Iterator[tuple[object, ...]]) -> Iterator[_Row]:
    """Without empty columns behind the last head, nor empty rows behind the last that holds anything."""
    while header and header[-1] is None:
        header.pop()
    yield header
    blank = 0
    for row in rows:
        cells = [_text(value) for value in row[: len(header)]]
        cells += [None] * (len(header) - len(cells))
        if any(cells):
            yield from [[None] * len(header)] * blank
            blank = 0
            yield cells
        else:
            blank += 1


def _parquet(file: BinaryIO) -> Iterator[_Row]:
    try:
        import duckdb
    except ImportError as absent:
        raise _missing("duckdb", "tables") from absent
    safe: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": "1",
    }
    # The engine takes a path, reads it as a pattern and follows links: it is given a copy under a plain name.
    with (
        tempfile.TemporaryDirectory(prefix="strop-table-") as folder,
        closing(duckdb.connect(":memory:", config=safe)) as engine,
    ):
        copy = Path(folder) / "table.parquet"
        with copy.open("wb") as to:
            while piece := file.read(2**20):
                to.write(piece)
        found = engine.execute("SELECT * FROM read_parquet(?)", [str(copy)])
        yield [str(column[0]) for column in cast("Sequence[tuple[object, ...]]", found.description or ())]
        while batch := cast("list[tuple[object, ...]]", found.fetchmany(_BATCH)):
            yield from ([_text(value) for value in row] for row in batch)


def _missing(library: str, extra: str) -> MissingPart:
    return MissingPart(f"reading this table needs {library}. Install it with: pip install 'strop[{extra}]'")


_READERS: Mapping[str, Callable[[BinaryIO], Iterator[_Row]]] = {
    ".csv": lambda file: _separated(file, ","),
    ".tsv": lambda file: _separated(file, "\t"),
    ".jsonl": _jsonl,
    ".xlsx": _xlsx,
    ".parquet": _parquet,
}


if TYPE_CHECKING:

    def _fits(one: TableInFile) -> SourceTable:
        return one
