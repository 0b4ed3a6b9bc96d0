"""A PDF as pdfium sees it: pages, words, outline, links, fonts and figures, from the bytes.

What stands in the file itself and is broken there, whatever a spec asks for, is a `Flaw`: a page
without content, a font that is not in the file, a link or an entry of the outline that leads nowhere,
a figure on which nothing is drawn.
"""

from __future__ import annotations

import ctypes
import importlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, cast

_TEXT, _IMAGE, _FORM = 1, 3, 5
"""Types of page objects (pdfium's FPDF_PAGEOBJ)."""
_LEAST = 40.0
"""Points: a smaller drawing is an ornament and no figure."""
_DEEPEST = 6
"""Drawings within drawings."""
_GOTO = 1
"""Type of an action that leads to a place in the file."""
_PIXELS = 0.5
"""Pixels a point, enough to see whether anything is drawn."""
_NUMBER = re.compile(r"\D{0,6}\d+(?:\s*(?:/|of|von|de)\s*\d+)?\D{0,3}")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is broken in a file by itself."""

    locator: str
    expected: str
    observed: str
    rule: str


@dataclass(frozen=True, slots=True)
class PagesRead:
    """What a PDF holds."""

    texts: tuple[str, ...]
    """Words by page."""
    outline: tuple[str, ...]
    figures: int
    flaws: tuple[Flaw, ...]


class _Mark(Protocol):
    def get_title(self) -> str: ...
    def get_dest(self) -> _Place | None: ...


class _Place(Protocol):
    def get_index(self) -> int | None: ...


class _Words(Protocol):
    def get_text_bounded(self) -> str: ...
    def close(self) -> None: ...


class _Bitmap(Protocol):
    @property
    def buffer(self) -> Sequence[int]: ...
    @property
    def stride(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def n_channels(self) -> int: ...
    def close(self) -> None: ...


class _Page(Protocol):
    raw: object

    def get_textpage(self) -> _Words: ...
    def get_size(self) -> tuple[float, float]: ...
    def render(self, *, scale: float, crop: tuple[float, float, float, float]) -> _Bitmap: ...
    def close(self) -> None: ...


class _Document(Protocol):
    """What is used of pypdfium2's document; the library has no types."""

    raw: object

    def __iter__(self) -> Iterator[_Page]: ...
    def __len__(self) -> int: ...
    def get_toc(self) -> Iterator[_Mark]: ...
    def close(self) -> None: ...


class _Raw(Protocol):
    """What is used of pdfium's own functions."""

    def FPDFPage_CountObjects(self, page: object) -> int: ...
    def FPDFPage_GetObject(self, page: object, number: int) -> object: ...
    def FPDFFormObj_CountObjects(self, form: object) -> int: ...
    def FPDFFormObj_GetObject(self, form: object, number: int) -> object: ...
    def FPDFPageObj_GetType(self, one: object) -> int: ...
    def FPDFPageObj_GetBounds(self, one: object, *sides: ctypes.c_float) -> int: ...
    def FPDFTextObj_GetFont(self, one: object) -> ctypes._Pointer[ctypes.Structure]: ...  # pyright: ignore[reportPrivateUsage] - it has no other name
    def FPDFFont_GetIsEmbedded(self, font: object) -> int: ...
    def FPDFFont_GetBaseFontName(self, font: object, buffer: object, length: int) -> int: ...
    def FPDF_LINK(self) -> object: ...
    def FPDFLink_Enumerate(self, page: object, at: ctypes.c_int, link: object) -> int: ...
    def FPDFLink_GetDest(self, document: object, link: object) -> object: ...
    def FPDFLink_GetAction(self, link: object) -> object: ...
    def FPDFAction_GetType(self, action: object) -> int: ...
    def FPDFAction_GetDest(self, document: object, action: object) -> object: ...
    def FPDFDest_GetDestPageIndex(self, document: object, place: object) -> int: ...


def read_pages(body: bytes) -> PagesRead:
    """What the PDF holds and what is broken in it.

    Raises:
        ImportError: pypdfium2 is not installed.
        Exception: whatever pdfium says of bytes that are no PDF.
    """
    library = importlib.import_module("pypdfium2")
    raw = cast("_Raw", importlib.import_module("pypdfium2.raw"))
    with closing(cast("_Document", library.PdfDocument(body))) as document:
        reader = _Reader(raw, document)
        for number, page in enumerate(document, start=1):
            with closing(page):
                reader.read(page, number)
        marks = [(mark.get_title(), mark.get_dest()) for mark in document.get_toc()]
        reader.flaws += [
            Flaw(f"outline, {title}", "a place in the file", "none", "every entry of the outline leads somewhere")
            for title, place in marks
            if place is None or place.get_index() is None
        ]
        reader.flaws += _empty(reader.texts, reader.drawn)
        return PagesRead(
            tuple(reader.texts), tuple(title for title, _ in marks), sum(reader.drawn), tuple(reader.flaws)
        )


class _Reader:
    """Goes through the pages once, and gathers."""

    def __init__(self, raw: _Raw, document: _Document) -> None:
        self._raw = raw
        self._document = document
        self._fonts: set[str] = set()
        self.texts: list[str] = []
        self.drawn: list[int] = []
        """Figures by page."""
        self.flaws: list[Flaw] = []

    def read(self, page: _Page, number: int) -> None:
        with closing(page.get_textpage()) as words:
            self.texts.append(words.get_text_bounded().replace("\r\n", "\n"))
        raw = self._raw
        known: set[int] = set()
        figures = 0
        count = raw.FPDFPage_CountObjects(page.raw)
        held, found = page.raw, raw.FPDFPage_GetObject
        for place in range(count):
            one = found(held, place)
            kind = self._look_at_fonts(one, number, known, 0)
            if kind in (_IMAGE, _FORM) and (box := self._box(one, page)):
                figures += 1
                if _blank(page, box):
                    place = f"page {number}, figure {figures}"
                    self.flaws.append(Flaw(place, "something to see", "one colour", "no figure is blank"))
        self.drawn.append(figures)
        self._look_at_links(page, number)

    def _look_at_fonts(self, one: object, number: int, known: set[int], depth: int) -> int:
        """Fonts of text objects, also of those within drawings; each is told once. Returns the object's type."""
        raw = self._raw
        kind = raw.FPDFPageObj_GetType(one)
        if kind == _FORM and depth < _DEEPEST:
            for place in range(raw.FPDFFormObj_CountObjects(one)):
                self._look_at_fonts(raw.FPDFFormObj_GetObject(one, place), number, known, depth + 1)
        if kind != _TEXT or not (font := raw.FPDFTextObj_GetFont(one)):
            return kind
        address = ctypes.addressof(font.contents)  # told by address: asking each text for a name costs more
        if address in known:
            return kind
        known.add(address)
        name = self._name(font)
        if raw.FPDFFont_GetIsEmbedded(font) != 1 and name not in self._fonts:
            self._fonts.add(name)
            self.flaws.append(Flaw(f"page {number}, font {name}", "in the file", "not in it", "every font is embedded"))
        return kind

    def _name(self, font: object) -> str:
        buffer = ctypes.create_string_buffer(200)
        self._raw.FPDFFont_GetBaseFontName(font, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") or "without a name"

    def _box(self, one: object, page: _Page) -> tuple[float, float, float, float] | None:
        """Left, bottom, right and top of a drawing, as far as it is on the page; None for an ornament."""
        sides = [ctypes.c_float() for _ in range(4)]
        if not self._raw.FPDFPageObj_GetBounds(one, *sides):
            return None
        width, height = page.get_size()
        left, bottom, right, top = (side.value for side in sides)
        box = (max(left, 0.0), max(bottom, 0.0), min(right, width), min(top, height))
        return box if box[2] - box[0] >= _LEAST and box[3] - box[1] >= _LEAST else None

    def _look_at_links(self, page: _Page, number: int) -> None:
        raw, document = self._raw, self._document.raw
        at, link, dead = ctypes.c_int(0), raw.FPDF_LINK(), 0
        while raw.FPDFLink_Enumerate(page.raw, at, link):
            place = raw.FPDFLink_GetDest(document, link)
            action = raw.FPDFLink_GetAction(link)
            if not place and action and raw.FPDFAction_GetType(action) == _GOTO:
                place = raw.FPDFAction_GetDest(document, action)
            elif not place and action:
                continue  # an address outside
            dead += not place or raw.FPDFDest_GetDestPageIndex(document, place) < 0
        if dead:
            rule = "every link inside the document leads somewhere"
            self.flaws.append(Flaw(f"page {number}, links", "a place in the file", f"{dead} lead nowhere", rule))


def _blank(page: _Page, box: tuple[float, float, float, float]) -> bool:
    """Whether all pixels of an area are alike."""
    width, height = page.get_size()
    crop = (box[0], box[1], width - box[2], height - box[3])
    with closing(page.render(scale=_PIXELS, crop=crop)) as bitmap:
        body, used = bytes(bitmap.buffer), bitmap.width * bitmap.n_channels
        lines = {body[at : at + used] for at in range(0, len(body), bitmap.stride)}
        return len(lines) == 1 and len({*zip(*[iter(next(iter(lines)))] * bitmap.n_channels, strict=False)}) == 1


def _empty(texts: Sequence[str], drawn: Sequence[int]) -> list[Flaw]:
    """Pages on which nothing stands but a page number and what stands on most pages."""
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in texts]
    often = Counter(line for page in lines for line in set(page))
    running = {line for line, times in often.items() if times > 2 and times > len(texts) // 2}
    found: list[Flaw] = []
    for number, (page, figures) in enumerate(zip(lines, drawn, strict=True), start=1):
        own = [line for line in page if line not in running and not _NUMBER.fullmatch(line)]
        if not own and not figures:
            found.append(Flaw(f"page {number}", "content", "none", "no page is empty"))
    return found
