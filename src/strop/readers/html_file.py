"""HTML by the standard library's parser: what a person reads of a page, without its furniture.

Where a page has a `main` or `article`, only that is read; else navigation, forms and footers are left out.
Elements that are hidden from the eye are left out too, and counted. Scripts never run and nothing is fetched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from strop.readers.blocks import Block, Looks, Taken, made, spanned
from strop.readers.letters import decoded
from strop.types.count import counted
from strop.types.document import Format, ReadDocument

if TYPE_CHECKING:
    from strop.seams import Reader

_SILENT = frozenset("script style noscript template head iframe object canvas svg select button textarea".split())
_FURNITURE = frozenset("nav aside footer form".split())
_BLOCKS = frozenset(
    "address article blockquote dd div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6 header hr li main ol p pre "
    "section table tr ul br".split()
)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity)\s*:\s*0(?![.\d]*[1-9])", re.IGNORECASE
)
_COLOUR = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b", re.IGNORECASE)
_FAMILY = re.compile(r"font-family\s*:\s*[\"']?([A-Za-z][A-Za-z0-9 ]{0,39})")
_DEEPEST = 2_000
"""Elements within elements; deeper ones are read as if they stood there."""


@dataclass(slots=True)
class _Open:
    tag: str
    hidden: bool
    quiet: bool
    kept: bool


class HtmlFile:
    """Places are lines of the file's source, counted from 1."""

    @property
    def formats(self) -> tuple[Format, ...]:
        return (Format.HTML,)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`."""
        text, note = decoded(body)
        page = _Page()
        page.feed(text)
        page.close()
        page.cut()
        blocks = [block for block, kept in page.blocks if kept] or [block for block, _ in page.blocks]
        notes = [note] if note else []
        if page.concealed:
            notes.append(f"{counted(page.concealed, 'element')} hidden from readers left out")
        looks = Looks()
        for style in page.styles:
            for found in _COLOUR.finditer(style):
                digits = found[1].lower()
                looks.add(1, colour=f"#{digits if len(digits) == 6 else ''.join(each * 2 for each in digits)}")
            for found in _FAMILY.finditer(style):
                looks.add(1, font=found[1].strip())
        taken = Taken(blocks, tables=page.tables, figures=page.figures, looks=looks, notes=tuple(notes))
        return made(taken, format=Format.HTML, body=body, path=path, locator=lambda a, b: spanned("line", a, b))


class _Page(HTMLParser):
    """Blocks of visible words, each with whether it stands in the page's main part."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[tuple[Block, bool]] = []
        self.tables = self.figures = self.concealed = 0
        self.styles: list[str] = []
        self._open: list[_Open] = []
        self._words: list[str] = []
        self._first = self._last = 0
        self._level = 0
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        if tag == "body":  # whose `head` need not have been closed
            self._open.clear()
        above = self._open[-1] if self._open else _Open("", False, False, False)
        if tag in _BLOCKS:
            self.cut()
        elif tag in ("td", "th") and self._words:
            self._words.append(" | ")
        hidden = "hidden" in held or bool(_HIDING.search(held.get("style", "")))
        self.concealed += hidden and not above.hidden
        if "style" in held:
            self.styles.append(held["style"])
        quiet = above.quiet or tag in _SILENT or tag in _FURNITURE
        if not (quiet or above.hidden or hidden):
            self.tables += tag == "table"
            self.figures += tag == "img"
        self.figures += tag == "svg" and not (above.quiet or above.hidden)
        self._in_style = tag == "style"
        if tag in _VOID or len(self._open) >= _DEEPEST:
            return
        if re.fullmatch(r"h[1-6]", tag):
            self._level = int(tag[1])
        kept = above.kept or tag in ("main", "article")
        self._open.append(_Open(tag, above.hidden or hidden, quiet, kept))

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False
        if tag in _BLOCKS:
            self.cut()
        if re.fullmatch(r"h[1-6]", tag):
            self._level = 0
        for at in range(len(self._open) - 1, max(-1, len(self._open) - 100), -1):
            if self._open[at].tag == tag:
                del self._open[at:]
                return

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles.append(data)
        above = self._open[-1] if self._open else None
        if above is not None and (above.hidden or above.quiet):
            return
        if not data.strip():
            self._words.append(" " if self._words else "")
            return
        line = self.getpos()[0]
        start = line + data[: len(data) - len(data.lstrip())].count("\n")
        self._first = self._first if self._words and self._first else start
        self._last = line + data.rstrip().count("\n")
        self._words.append(data)

    def cut(self) -> None:
        """End the block at hand."""
        text = " ".join("".join(self._words).split())
        if text:
            kept = bool(self._open) and self._open[-1].kept
            self.blocks.append((Block(text, self._first, self._last, level=self._level), kept))
        self._words, self._first = [], 0


if TYPE_CHECKING:

    def _fits(x: HtmlFile) -> Reader:
        return x
