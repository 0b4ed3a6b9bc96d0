"""A delivered file as an independent reader sees it: tables, pages, text and headings, from the bytes.

Never the code that wrote it: CSV by `csv`, XLSX by calamine, Parquet by DuckDB, PDF by pdfium
(`opened_pages`), DOCX and PPTX from their archive (`opened_office`), HTML by the standard library
(`opened_html`), pictures by our own decoders (`opened_pictures`), code by the parser of its language
(`opened_code`). What cannot be opened is a word about why, not an exception: that is what the contract
wants to know. The heavy readers are imported where they are used.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeGuard, cast

from strop.checking.lines import missing, read_lines, restored, said, sheets
from strop.checking.opened_charts import read_charts
from strop.checking.opened_code import code_flaws
from strop.checking.opened_html import Link, read_html
from strop.checking.opened_office import Plotted, Shown, SlideRead, read_deck, read_document, whole
from strop.checking.opened_pages import Flaw, read_pages
from strop.checking.opened_pictures import png_is_blank, read_svg
from strop.errors import MissingPart
from strop.types.work import Kind

_NO_ROWS = "no rows"
"""What a workbook shows under the header of an empty table."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a file, every cell as text; empty cells are empty text."""

    name: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    types: tuple[str, ...] = ()
    """By column, where the file says so: what a Parquet declares, what kinds of values a JSONL holds."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the file holds."""

    sheets: tuple[Sheet, ...] = ()
    text: str = ""
    """All its words, for sections and placeholders."""
    headings: tuple[str, ...] = ()
    pages: int | None = None
    charts: int | None = None
    """Native charts of a workbook or deck, figures of a document."""
    blank: bool = False
    """A picture of one colour, or without anything drawn."""
    slides: tuple[SlideRead, ...] | None = None
    plotted: tuple[Plotted, ...] = ()
    """Native charts of a deck or workbook with their values; of a workbook as the cells say them."""
    shown: tuple[Shown, ...] = ()
    """Tables as people see them: grouped digits, and maybe fewer rows than the file of data has."""
    flaws: tuple[Flaw, ...] = ()
    """What is broken in the file by itself."""
    links: tuple[Link, ...] = ()
    """To other files and places, of a page."""
    anchors: frozenset[str] = frozenset()
    """Places of the page that links may name."""


REMEMBERED = 1_000_000
"""Bytes of a file that is kept opened for the next check."""


def open_file(path: Path, *, kind: Kind) -> Opened | str:
    """The file's content, or why it cannot be opened.

    Raises:
        MissingPart: the reader for this kind is not installed.
    """
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if not body:
        return "is empty"
    suffix = path.suffix.lstrip(".").lower()
    return _remembered(body, kind, suffix) if len(body) <= REMEMBERED else _opened(body, kind, suffix)


def _opened(body: bytes, kind: Kind, suffix: str) -> Opened | str:
    try:
        return _code(body, suffix) if kind is Kind.CODE else _OPENERS[kind](body)
    except MissingPart:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a reader says of broken bytes is the finding
        return f"is no {kind.value.upper()}: {type(error).__name__}: {error}"


_remembered = lru_cache(maxsize=16)(_opened)
"""A file meets several checks one after the other; what its bytes hold depends on nothing else."""


# ---------------------------------------------------------------- tables


def _csv(body: bytes) -> Opened:
    text = body.decode("utf-8-sig")
    lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    lines = [[restored(cell) for cell in line] for line in lines]
    names = tuple(lines[0]) if lines else ()
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(names):
            raise ValueError(f"row {number} has {len(line)} cells under {len(names)} heads")
    return Opened((Sheet("", names, tuple(map(tuple, lines[1:]))),), text)


def _lined(body: bytes, kind: Kind) -> Opened:
    """A table that `lines` reads."""
    with tempfile.TemporaryDirectory(prefix="strop-opened-") as folder:
        path = Path(folder) / "table"
        path.write_bytes(body)
        with read_lines(path, kind=kind) as found:
            rows = tuple(found.lines)
            types = found.types or tuple("/".join(sorted(kinds - {""})) for kinds in found.seen)
    words = (cell for row in (found.names, *rows) for cell in row if cell)
    return Opened((Sheet("", found.names, rows, types),), "\n".join(words))


def _xlsx(body: bytes) -> Opened:
    whole(body)  # the reader of sheets never looks at the parts that it needs nothing of
    tables = sheets(body)
    held = tuple(_sheet(name, [tuple(map(said, row)) for row in rows]) for name, rows in tables)
    words = (cell for sheet in held for row in (sheet.names, *sheet.rows) for cell in row if cell)
    drawn = read_charts(body, tables)
    return Opened(held, "\n".join(words), plotted=drawn.plotted, flaws=drawn.flaws)


def _sheet(name: str, lines: list[tuple[str, ...]]) -> Sheet:
    while lines and not any(lines[-1]):
        lines.pop()
    names = lines[0] if lines else ()
    while names and not names[-1]:
        names = names[:-1]
    rows = tuple(line[: len(names)] for line in lines[1:])
    if len(rows) == 1 and [cell for cell in rows[0] if cell] == [_NO_ROWS]:
        rows = ()
    return Sheet(name, names, rows)


def _json(body: bytes) -> Opened:
    value = cast("object", json.loads(body))
    rows = value
    if isinstance(value, dict):
        entries = cast("Mapping[str, object]", value)
        if tables := _tables(entries.get("tables")):
            return Opened(tables, body.decode("utf-8"))
        rows = entries.get("rows", next((each for each in entries.values() if _is_list(each)), None))
    sheet = _records(rows) if _is_list(rows) else None
    return Opened((sheet,) if sheet else (), body.decode("utf-8"), blank=not value)


def _tables(value: object) -> tuple[Sheet, ...]:
    """The tables of a JSON that strop wrote: named columns, and rows under them."""
    found: list[Sheet] = []
    for table in cast("list[Mapping[str, object]]", value) if _is_list(value) else ():
        columns, rows = table.get("columns"), table.get("rows")
        if not _is_list(columns) or not _is_list(rows):
            return ()
        names = tuple(str(cast("Mapping[str, object]", column)["name"]) for column in columns)
        records = [cast("Mapping[str, object]", row) for row in rows]
        lines = tuple(tuple(said(record.get(name)) for name in names) for record in records)
        found.append(Sheet(str(table.get("name", "")), names, lines))
    return tuple(found)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _records(rows: list[object]) -> Sheet | None:
    """A list of objects as a table."""
    if not rows or not all(isinstance(row, dict) for row in rows):
        return None
    records = [cast("Mapping[str, object]", row) for row in rows]
    names = tuple(dict.fromkeys(name for record in records for name in record))
    return Sheet("", names, tuple(tuple(said(record.get(name)) for name in names) for record in records))


# ---------------------------------------------------------------- documents


def _pdf(body: bytes) -> Opened:
    try:
        held = read_pages(body)
    except ImportError as absent:
        raise missing("pypdfium2") from absent
    text = "\f".join(held.texts)  # a form feed between two pages
    lines = (line.strip() for line in text.splitlines())
    return Opened((), text, (*held.outline, *lines), pages=len(held.texts), charts=held.figures, flaws=held.flaws)


def _html(body: bytes) -> Opened:
    held = read_html(body)
    return Opened(
        tuple(Sheet("", table.names, _plain(table.rows)) for table in held.tables),
        held.text,
        held.headings,
        blank=held.empty,
        charts=held.figures,
        flaws=held.flaws,
        links=held.links,
        anchors=held.anchors,
    )


def _plain(rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Cells as data has them: what was taken out is empty, and no rows are none."""
    if len(rows) == 1 and rows[0] == (_NO_ROWS,):
        return ()
    return tuple(tuple("" if cell == "—" else cell for cell in row) for row in rows)


def _code(body: bytes, suffix: str) -> Opened:
    text = body.decode("utf-8")
    return Opened((), text, blank=not text.strip(), flaws=code_flaws(text, suffix))


def _svg(body: bytes) -> Opened:
    text, blank = read_svg(body)
    return Opened((), text, blank=blank)


def _png(body: bytes) -> Opened:
    return Opened(blank=png_is_blank(body))


def _pptx(body: bytes) -> Opened:
    slides = read_deck(body)
    text = "\n".join(f"{slide.title}\n{slide.text}" for slide in slides)
    charts = tuple(chart for slide in slides for chart in slide.charts)
    return Opened(
        text=text,
        headings=tuple(title for slide in slides for title in (slide.title, slide.section)),
        blank=not slides,
        slides=slides,
        plotted=charts,
        charts=len(charts),
        shown=tuple(table for slide in slides for table in slide.tables),
    )


def _docx(body: bytes) -> Opened:
    held = read_document(body)
    text = "\n".join((held.text, *held.footnotes))
    return Opened(
        text=text, headings=held.headings, blank=not text.strip(), charts=len(held.figures), shown=held.tables
    )


def _markdown(body: bytes) -> Opened:
    text = body.decode("utf-8")
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)  # an escaped character is itself (CommonMark, section 2.4)
    headings = re.findall(r"^ {0,3}#{1,6}\s+(.*?)\s*#*$", text, re.MULTILINE)
    return Opened((), text, tuple(headings), blank=not text.strip())


_OPENERS: Mapping[Kind, Callable[[bytes], Opened]] = {
    Kind.CSV: _csv,
    Kind.JSONL: lambda body: _lined(body, Kind.JSONL),
    Kind.PARQUET: lambda body: _lined(body, Kind.PARQUET),
    Kind.XLSX: _xlsx,
    Kind.JSON: _json,
    Kind.PDF: _pdf,
    Kind.PPTX: _pptx,
    Kind.DOCX: _docx,
    Kind.HTML: _html,
    Kind.MARKDOWN: _markdown,
    Kind.PNG: _png,
    Kind.SVG: _svg,
}


def readable(kind: Kind) -> bool:
    """Whether files of this kind are read here at all."""
    return kind in _OPENERS
