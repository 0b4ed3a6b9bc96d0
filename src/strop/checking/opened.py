"""A delivered file as an independent reader sees it: tables, pages, text and headings, from the bytes.

Never the code that wrote it: CSV by `csv`, XLSX by openpyxl, Parquet by DuckDB, PDF by pdfium, DOCX and
PPTX from their archive (`opened_office`), PNG by our own decoder of the header and the scan lines, SVG and
HTML by the standard library. What cannot be opened is a
word about why, not an exception: that is what the contract wants to know. The heavy readers are
imported where they are used.
"""

from __future__ import annotations

import csv
import html.parser
import importlib
import io
import json
import re
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeGuard, cast
from xml.etree import ElementTree

from strop.checking.lines import missing, read_lines, restored, said
from strop.checking.opened_office import Plotted, Shown, SlideRead, read_deck, read_document
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
    """A deck's native charts with their values."""
    shown: tuple[Shown, ...] = ()
    """Tables as people see them: grouped digits, and maybe fewer rows than the file of data has."""


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
    try:
        return _OPENERS[kind](body)
    except MissingPart:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a reader says of broken bytes is the finding
        return f"is no {kind.value.upper()}: {type(error).__name__}: {error}"


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
    try:
        from openpyxl import load_workbook
    except ImportError as absent:
        raise missing("openpyxl") from absent
    with closing(load_workbook(io.BytesIO(body), read_only=True, data_only=True)) as book:
        sheets = tuple(_sheet(each.title, _cells(each.iter_rows(values_only=True))) for each in book.worksheets)
    words = (cell for sheet in sheets for row in (sheet.names, *sheet.rows) for cell in row if cell)
    return Opened(sheets, "\n".join(words))


def _cells(rows: Iterator[tuple[object, ...]]) -> list[tuple[str, ...]]:
    return [tuple(said(value) for value in row) for row in rows]


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


class _PdfMark(Protocol):
    def get_title(self) -> str: ...


class _PdfWords(Protocol):
    def get_text_bounded(self) -> str: ...
    def close(self) -> None: ...


class _PdfPage(Protocol):
    def get_textpage(self) -> _PdfWords: ...
    def close(self) -> None: ...


class _PdfDocument(Protocol):
    """What is used of pypdfium2's document; the library has no types."""

    def __iter__(self) -> Iterator[_PdfPage]: ...
    def get_toc(self) -> Iterator[_PdfMark]: ...
    def close(self) -> None: ...


def _pdf(body: bytes) -> Opened:
    try:
        library = importlib.import_module("pypdfium2")
    except ImportError as absent:
        raise missing("pypdfium2") from absent
    with closing(cast("_PdfDocument", library.PdfDocument(body))) as document:
        texts: list[str] = []
        for page in document:
            with closing(page), closing(page.get_textpage()) as words:
                texts.append(words.get_text_bounded().replace("\r\n", "\n"))
        outline = tuple(mark.get_title() for mark in document.get_toc())
    text = "\f".join(texts)  # a form feed between two pages
    return Opened((), text, (*outline, *(line.strip() for line in text.splitlines())), pages=len(texts))


def _html(body: bytes) -> Opened:
    reader = _Page()
    reader.feed(body.decode("utf-8"))
    reader.close()
    return Opened((), " ".join("".join(reader.words).split()), tuple(reader.headings), blank=not reader.tags)


class _Page(html.parser.HTMLParser):
    """Visible words and headings; scripts and styles are neither."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.headings: list[str] = []
        self.tags = 0
        self._hidden = 0
        self._heading: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += 1
        self.words.append(" ")
        self._hidden += tag in ("script", "style")
        if re.fullmatch(r"h[1-6]", tag):
            self._heading = []

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0
        if re.fullmatch(r"h[1-6]", tag) and self._heading is not None:
            self.headings.append(" ".join("".join(self._heading).split()))
            self._heading = None

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)
            if self._heading is not None:
                self._heading.append(data)


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
    headings = re.findall(r"^ {0,3}#{1,6}\s+(.*?)\s*#*$", text, re.MULTILINE)
    return Opened((), text, tuple(headings), blank=not text.strip())


# ---------------------------------------------------------------- pictures

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by PNG colour type."""


def _svg(body: bytes) -> Opened:
    if b"<!ENTITY" in body:
        raise ValueError("entities are not read")
    root = ElementTree.fromstring(body)
    if root.tag.rpartition("}")[2] != "svg":
        raise ValueError(f"the root is {root.tag}")
    drawn = ("path", "rect", "circle", "line", "polyline", "polygon", "ellipse", "image", "text", "use")
    marks = sum(1 for each in root.iter() if each.tag.rpartition("}")[2] in drawn)
    # One rectangle is the background.
    return Opened((), " ".join(" ".join(root.itertext()).split()), blank=marks < 2)


def _png(body: bytes) -> Opened:
    chunks = dict[bytes, bytes]()
    for kind, held in _chunks(body):
        chunks[kind] = chunks.get(kind, b"") + held
    if b"IHDR" not in chunks or b"IDAT" not in chunks or b"IEND" not in chunks:
        raise ValueError("header, picture or end is missing")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if not width or not height or colour not in _CHANNELS or interlaced:
        raise ValueError(f"{width} x {height} pixels, colour type {colour}, interlaced {interlaced}: not read here")
    line = (width * depth * _CHANNELS[colour] + 7) // 8
    size = height * (line + 1)
    lines = zlib.decompressobj().decompress(chunks[b"IDAT"], size + 1)
    if len(lines) != size:
        raise ValueError(f"{len(lines):,} bytes of picture where {size:,} belong")
    return Opened(blank=_one_colour(lines, line, max(1, depth * _CHANNELS[colour] // 8)))


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not body.startswith(_SIGNATURE):
        raise ValueError("the signature is missing")
    at = len(_SIGNATURE)
    while at < len(body):
        (length,) = struct.unpack_from(">I", body, at)
        kind, held = body[at + 4 : at + 8], body[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", body, at + 8 + length)
        if zlib.crc32(kind + held) != checksum:
            raise ValueError(f"the checksum of {kind.decode('ascii', 'replace')} is wrong")
        yield kind, held
        at += 12 + length


def _one_colour(lines: bytes, length: int, pixel: int) -> bool:
    """Whether all pixels are alike.

    Filters can be undone given the line before, so a picture of one colour has exactly one filtered
    form of each line; comparing with it spares undoing a million bytes.
    """
    colour = lines[1 : 1 + pixel]  # the first pixel of the first line is itself under every filter
    plain = (colour * (length // pixel + 1))[:length]
    forms: dict[tuple[int, bool], bytes] = {}
    for at in range(0, len(lines), length + 1):
        key = (lines[at], at == 0)
        if key not in forms:
            above = bytes(length) if at == 0 else plain
            forms[key] = _filtered(plain, above, lines[at], pixel)
        if lines[at + 1 : at + 1 + length] != forms[key]:
            return False
    return True


def _filtered(line: bytes, above: bytes, kind: int, pixel: int) -> bytes:
    """A scan line under a PNG filter (PNG specification, section 9)."""

    def guess(left: int, up: int, corner: int) -> int:
        match kind:
            case 0:
                return 0
            case 1:
                return left
            case 2:
                return up
            case 3:
                return (left + up) // 2
            case 4:
                near = left + up - corner
                return min((left, up, corner), key=lambda each: abs(near - each))
            case _:
                raise ValueError(f"filter {kind} is unknown")

    return bytes(
        (
            value
            - guess(
                line[index - pixel] if index >= pixel else 0,
                above[index],
                above[index - pixel] if index >= pixel else 0,
            )
        )
        % 256
        for index, value in enumerate(line)
    )


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
