"""PDF by pdfium: lines with their size and weight become paragraphs and headings; running heads are left out.

A PDF says where letters stand and not what they are. So: the size that most letters have is the text's, a
short line that is larger, or bold and by itself, is a heading, and where the file has an outline of its own,
that says which lines are headings and how deep.
"""

from __future__ import annotations

import ctypes
import importlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol, cast

from strop.errors import DocumentRefused, MissingPart
from strop.readers.blocks import Block, Looks, Taken, made
from strop.types.document import Format, ReadDocument

if TYPE_CHECKING:
    from strop.seams import Reader

MOST_PAGES = 2_000
_IMAGE, _FORM = 3, 5
"""Types of page objects (pdfium's FPDF_PAGEOBJ)."""
_LEAST = 40.0
"""Points: a smaller drawing is an ornament and no figure."""
_OBJECTS = 20_000
"""Drawings of one page that are looked at."""
_LARGER = 1.12
_BOLD = 600
_HEADING = 120
"""Characters of a heading."""
_EDGE = 3
"""Lines of a page at its top and at its bottom, among which running heads and feet are looked for."""
_CAPTION = re.compile(r"(?:Table|Tabelle|Tableau|Tabla|Tabella)\s+(\d+(?:\.\d+)?)\b", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"(?:page|seite|p\.|[-\u2013|\s])*\d+(?:\s*(?:/|of|von|de)\s*\d+)?[-\u2013|\s]*", re.IGNORECASE
)
_LEADER = re.compile(r"(?:\.\s?){6,}\s*\w{0,6}\s*$")
"""The dots of a table of contents: its lines say nothing that the headings do not."""
_SUBSET = re.compile(r"^[A-Z]{6}\+")
_FACE = re.compile(r"[-,](?:Bold|Italic|Regu|Oblique|Medium|Light|Semi|Book|Roman|Black|MT|PS).*$|(?:MT|PSMT)$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class _Words(Protocol):
    raw: object

    def get_text_range(self) -> str: ...
    def close(self) -> None: ...


class _Page(Protocol):
    raw: object

    def get_textpage(self) -> _Words: ...
    def close(self) -> None: ...


class _Mark(Protocol):
    level: int

    def get_title(self) -> str: ...


class _Document(Protocol):
    """What is used of pypdfium2's document; the library has no types."""

    def __len__(self) -> int: ...
    def __getitem__(self, number: int) -> _Page: ...
    def get_toc(self) -> Iterator[_Mark]: ...
    def close(self) -> None: ...


class _Raw(Protocol):
    """What is used of pdfium's own functions."""

    FS_MATRIX: type[ctypes.Structure]

    def FPDFText_GetFontSize(self, words: object, at: int) -> float: ...
    def FPDFText_GetMatrix(self, words: object, at: int, matrix: object) -> int: ...
    def FPDFText_GetFontWeight(self, words: object, at: int) -> int: ...
    def FPDFText_GetFontInfo(self, words: object, at: int, buffer: object, length: int, flags: object) -> int: ...
    def FPDFText_GetFillColor(self, words: object, at: int, *rgba: object) -> int: ...
    def FPDFPage_CountObjects(self, page: object) -> int: ...
    def FPDFPage_GetObject(self, page: object, number: int) -> object: ...
    def FPDFPageObj_GetType(self, one: object) -> int: ...
    def FPDFPageObj_GetBounds(self, one: object, *sides: ctypes.c_float) -> int: ...


@dataclass(frozen=True, slots=True)
class _Line:
    page: int
    text: str
    size: float
    """Points as they are drawn."""
    bold: bool


class PdfFile:
    """Places are pages, from 1, as a viewer counts them."""

    @property
    def formats(self) -> tuple[Format, ...]:
        return (Format.PDF,)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`."""
        try:
            library = importlib.import_module("pypdfium2")
            raw = cast("_Raw", importlib.import_module("pypdfium2.raw"))
        except ImportError as absent:
            raise MissingPart("reading PDF needs pypdfium2: pip install 'strop[docs]'") from absent
        try:
            opened = cast("_Document", library.PdfDocument(body))
        except library.PdfiumError as caught:
            raise DocumentRefused(_why(str(caught))) from caught
        with closing(opened) as document:
            count = len(document)
            pages = _Pages(raw)
            for number in range(min(count, MOST_PAGES)):
                try:
                    page = document[number]
                except library.PdfiumError:
                    pages.broken += 1
                    continue
                with closing(page):
                    pages.read(page, number + 1)
            marks = {_key(mark.get_title()): mark.level + 1 for mark in document.get_toc()}
        blocks = tuple(_blocks(pages.lines, marks, count))
        captions = {found[1] for line in pages.lines if (found := _CAPTION.match(line.text))}
        notes = _notes(body, count, pages.broken)
        taken = Taken(blocks, count, len(captions), pages.figures, pages.looks, notes)
        return made(taken, format=Format.PDF, body=body, path=path, locator=lambda first, _: first.group)


def _why(said: str) -> str:
    if "assword" in said:
        return "is protected by a password. Save it without one"
    if "ecurity" in said:
        return "is encrypted in a way that is not read. Save it without encryption"
    return "is a damaged or cut-off PDF. Get it anew"


def _notes(body: bytes, count: int, broken: int) -> tuple[str, ...]:
    notes: list[str] = []
    if count > MOST_PAGES:
        notes.append(f"the first {MOST_PAGES:,} of {count:,} pages were taken")
    if broken:
        notes.append(f"{broken:,} of {count:,} pages are damaged and were left out")
    if b"%%EOF" not in body[-2_048:]:
        notes.append("the file is cut off at its end; what stands before was taken")
    return tuple(notes)


class _Pages:
    """Goes through the pages once, and gathers."""

    def __init__(self, raw: _Raw) -> None:
        self._raw = raw
        self._matrix = raw.FS_MATRIX()
        self._rgba = [ctypes.c_uint() for _ in range(4)]
        self._buffer = ctypes.create_string_buffer(120)
        self.lines: list[_Line] = []
        self.looks = Looks()
        self.figures = 0
        self.broken = 0

    def read(self, page: _Page, number: int) -> None:
        with closing(page.get_textpage()) as words:
            at = 0
            for line in words.get_text_range().split("\r\n"):
                text = line.replace("\ufffe", "\u0002")
                if text.strip():
                    self._line(words.raw, text, at, number)
                at += len(line) + 2
        for place in range(min(self._raw.FPDFPage_CountObjects(page.raw), _OBJECTS)):
            one = self._raw.FPDFPage_GetObject(page.raw, place)
            self.figures += self._raw.FPDFPageObj_GetType(one) in (_IMAGE, _FORM) and self._large(one)

    def _line(self, words: object, text: str, at: int, number: int) -> None:
        """Its looks are those of its first letter."""
        first = at + len(text) - len(text.lstrip())
        size = self._raw.FPDFText_GetFontSize(words, first)
        if self._raw.FPDFText_GetMatrix(words, first, ctypes.byref(self._matrix)):
            b, d = float(getattr(self._matrix, "b", 0.0)), float(getattr(self._matrix, "d", 1.0))
            size *= (b * b + d * d) ** 0.5 or 1.0
        name = self._font(words, first)
        bold = self._raw.FPDFText_GetFontWeight(words, first) >= _BOLD or "bold" in name.lower()
        self.lines.append(_Line(number, text.rstrip(), round(size, 1), bold))
        colour = ""
        if self._raw.FPDFText_GetFillColor(words, first, *map(ctypes.byref, self._rgba)):
            colour = "#" + "".join(f"{part.value & 255:02x}" for part in self._rgba[:3])
        self.looks.add(len(text), colour=colour, font=family(name))

    def _font(self, words: object, at: int) -> str:
        length = self._raw.FPDFText_GetFontInfo(words, at, self._buffer, len(self._buffer), None)
        return self._buffer.value.decode("utf-8", "replace") if 0 < length <= len(self._buffer) else ""

    def _large(self, one: object) -> bool:
        sides = [ctypes.c_float() for _ in range(4)]
        if not self._raw.FPDFPageObj_GetBounds(one, *sides):
            return False
        left, bottom, right, top = (side.value for side in sides)
        return right - left >= _LEAST and top - bottom >= _LEAST


def family(name: str) -> str:
    """`ABCDEF+LibertinusSerif-Bold` as `Libertinus Serif`."""
    return _CAMEL.sub(" ", _FACE.sub("", _SUBSET.sub("", name))).replace("-", " ").strip()


def _key(text: str) -> str:
    return " ".join(text.split()).casefold()


def _blocks(lines: Sequence[_Line], marks: Mapping[str, int], pages: int) -> Iterator[Block]:
    """Headings, and paragraphs of the lines between them."""
    running = _running(lines, pages)
    sizes = Counter[float]()
    for line in lines:
        sizes[line.size] += len(line.text)
    usual = sizes.most_common(1)[0][0] if sizes else 0.0
    own = [line for line in lines if _key(line.text) not in running and not _furniture(line.text.strip())]
    levels = _levels(own, usual)
    held: list[_Line] = []
    for at, line in enumerate(own):
        level = marks.get(_key(line.text), 0) if marks else _level(own, at, usual, levels)
        new_page = held and held[-1].page != line.page
        if held and (level or new_page or _ends(held)):
            yield _paragraph(held)
            held = []
        if level:
            yield Block(line.text.strip(), line.page, line.page, level=level, group=f"page {line.page}")
        else:
            held.append(line)
    if held:
        yield _paragraph(held)


def _furniture(text: str) -> bool:
    return _PAGE_NUMBER.fullmatch(text) is not None or _LEADER.search(text) is not None


def _paragraph(held: Sequence[_Line]) -> Block:
    """Its lines as one, words that were parted at a line's end put together."""
    text = "\n".join(line.text.strip(" \t") for line in held)
    text = re.sub(r"[\u0002\u00ad]\n?", "", text).replace("\n", " ")
    return Block(text, held[0].page, held[0].page, group=f"page {held[0].page}")


def _ends(held: Sequence[_Line]) -> bool:
    """Whether a paragraph is over: its last line ends a sentence well before the longest one does."""
    last = held[-1].text.rstrip()
    return last[-1:] in ".:!?" and len(last) < 0.8 * max(len(line.text) for line in held[-12:])


def _running(lines: Sequence[_Line], pages: int) -> set[str]:
    """What stands at the top or bottom of most pages: heads and feet."""
    edges: set[tuple[int, str]] = set()
    for page, held in groupby(lines, key=lambda line: line.page):
        keys = [_key(line.text) for line in held]
        edges |= {(page, key) for key in (*keys[:_EDGE], *keys[-_EDGE:])}
    often = Counter(key for _, key in edges)
    return {key for key, times in often.items() if times > 2 and times > pages // 2}


def _levels(lines: Sequence[_Line], usual: float) -> dict[float, int]:
    """Heading level by size, the largest first; at most four, smaller ones share the last."""
    large = sorted({line.size for line in lines if _heads(line, usual) and line.size > usual * _LARGER}, reverse=True)
    return {size: min(at, 4) for at, size in enumerate(large, start=1)}


def _heads(line: _Line, usual: float) -> bool:
    text = line.text.strip()
    return (
        len(text) <= _HEADING
        and text[-1] not in ".,;"
        and any(letter.isalpha() for letter in text)
        and (line.size > usual * _LARGER or (line.bold and line.size >= usual))
    )


def _level(lines: Sequence[_Line], at: int, usual: float, levels: Mapping[float, int]) -> int:
    line = lines[at]
    if not _heads(line, usual):
        return 0
    if line.size in levels:
        return levels[line.size]
    beside = [one for one in lines[max(0, at - 1) : at + 2] if one is not line and one.page == line.page]
    return 0 if any(one.bold and one.size == line.size for one in beside) else max(levels.values(), default=0) + 1


if TYPE_CHECKING:

    def _fits(x: PdfFile) -> Reader:
        return x
