"""From a documentation page (HTML as R writes it) to its short text and its documented values.

The rules are told in CONVENTIONS.md. It never sees a table: a page that is wrong about its
data keeps its wrong values. Standard library only; it must not know strop.
"""

from __future__ import annotations

import html.parser
import re
from collections.abc import Sequence
from dataclasses import dataclass

TEXT_LIMIT = 600
"""The longest page text, in characters (Unicode code points), title line included."""
SECTIONS = ("Description", "Format")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page: a paragraph, or one entry of its list of variables."""

    text: str
    variable: str | None = None
    """The variable that an entry describes, as its page writes it."""
    part: int = 0
    """Which list of the page the entry is in, from 1; 0 for a paragraph."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is kept of a page: what it calls itself, its title, two of its sections."""

    topic: str
    title: str
    lines: tuple[Line, ...]


def parse(source: str) -> Page:
    """Read one page as R writes it (`Rd2HTML`); whitespace is normalised, nothing is mended."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    reader.end_line()
    return Page(topic=reader.topic, title=reader.title, lines=tuple(reader.lines))


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.topic = ""
        self.title = ""
        self.section = ""
        self.lines: list[Line] = []
        self.buffer: list[str] = []
        # The entry (`dt`) whose explanation is being read.
        self.entry: str | None = None
        # How deep in lists: only the entries of the outermost are variables.
        self.depth = 0
        self.part = 0
        self.cells: list[str] = []

    def take(self) -> str:
        text = " ".join("".join(self.buffer).split())
        self.buffer.clear()
        return text

    def end_line(self) -> None:
        text, entry = self.take(), self.entry
        self.entry = None
        if entry is not None:
            joint = " " if entry.endswith(":") else ": "
            text = f"{entry}{joint}{text}" if text else entry
            self.keep(Line(text, variable=bare(entry), part=self.part))
        elif text:
            self.keep(Line(text))

    def end_row(self) -> None:
        cells, self.cells = self.cells, []
        text = " ".join(cell for cell in cells if cell)
        if text:
            self.keep(Line(text, variable=variable_of(cells), part=self.part))

    def keep(self, line: Line) -> None:
        if self.section in SECTIONS:
            self.lines.append(line)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        outermost = self.depth == 0
        if tag in ("p", "pre", "li", "h2", "h3", "dl", "ul", "ol", "table") and outermost:
            self.end_line()
        if tag == "dt" and self.depth == 1:
            self.end_line()
        if tag in ("dl", "ul", "ol", "table"):
            self.part += 1 if outermost and tag in ("dl", "table") else 0
            self.depth += 1
        if tag in ("p", "br", "dt", "dd", "li", "td", "tr"):
            self.buffer.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "h2":
            self.title, self.part = self.take(), 0
        elif tag == "h3":
            self.section = self.take()
        elif tag == "dt" and self.depth == 1:
            self.entry = self.take()
        elif tag == "td" and not self.title:
            self.topic = self.topic or self.take()
        elif tag == "td" and self.depth == 1:
            self.cells.append(self.take())
        elif tag == "tr" and self.depth == 1:
            self.end_row()
        elif tag in ("dl", "ul", "ol", "table"):
            self.depth -= 1
            if self.depth == 0:
                self.end_line()
        elif tag in ("p", "pre", "li") and self.depth == 0:
            self.end_line()

    def handle_data(self, data: str) -> None:
        self.buffer.append(data)


def bare(name: str) -> str:
    """A variable's name without the marks that pages put around it."""
    return name.strip(" \"'`‘’“”").rstrip(":").strip(" \"'`‘’“”")


def variable_of(cells: Sequence[str]) -> str | None:
    """The variable of a table's row: `[,1] | Ozone | ...`, or `Ozone: | ...`; else None."""
    if len(cells) > 1 and re.fullmatch(r"\[ ?, ?\d+\]", cells[0]):
        return bare(cells[1]) or None
    quoted = re.fullmatch(r"\[ ?, ?([\"'`].+[\"'`])\]", cells[0]) if cells else None
    if quoted:
        return bare(quoted[1])
    return bare(cells[0]) if cells and re.fullmatch(r"\S+:", cells[0]) else None


@dataclass(frozen=True, slots=True)
class Cut:
    """A page's text as the demo shows it, and the lines that stand in it whole or in part."""

    text: str
    lines: tuple[Line, ...]
    names_kept: bool
    """Whether every variable that the page lists is named in the text."""


def cut(page: Page, *, limit: int = TEXT_LIMIT) -> Cut:
    """Title line, description, format; one paragraph or entry a line; cut at the last word."""
    lines = (Line(f"{page.topic}: {page.title}"), *page.lines)
    text = "\n".join(line.text for line in lines)
    if len(text) > limit:
        text = re.sub(r"\s+\S*$", "", text[: limit + 1])
    kept: list[Line] = []
    start, names_kept = 0, True
    for line in lines:
        end = start + len(line.text)
        if start < len(text):
            kept.append(Line(text[start:end], variable=line.variable, part=line.part))
        if line.variable is not None and line.variable not in text[start:end]:
            names_kept = False
        start = end + 1
    return Cut(text=text, lines=tuple(kept), names_kept=names_kept)


# ---------------------------------------------------------------- the documented values

_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()
_NUMBER = rf"(?<![\w.,])(\d{{1,3}}(?:,\d{{3}})+|\d+|{'|'.join(_WORDS)})"
_ROWS = rf"{_NUMBER}\s+(?:[a-z-]+\s+){{0,2}}?(?:rows?|observations?|obs|cases|records)\b"
_COLUMNS = rf"{_NUMBER}\s+(?:[a-z-]+\s+){{0,3}}?(?:columns?|variables?|fields)\b"
_NEAR = r"[^.;:]{0,80}?"
# (pattern, group of the rows, group of the columns)
_SHAPES = tuple(
    (re.compile(pattern, re.IGNORECASE), rows, columns)
    for pattern, rows, columns in (
        (rf"{_ROWS}{_NEAR}{_COLUMNS}", 1, 2),
        (rf"{_COLUMNS}{_NEAR}{_ROWS}", 2, 1),
        (rf"{_ROWS}\s+on\s+(?:the\s+following\s+)?{_NUMBER}\s+[a-z]", 1, 2),
        (rf"{_NUMBER}\s*(?:x|by|×)\s*(\d+)\s+(?:data frame|matrix|table)", 1, 2),
    )
)


@dataclass(frozen=True, slots=True)
class Values:
    """The five fields of one item, as documented or as counted."""

    name: str
    rows: int
    columns: int
    first: str
    last: str


def number(word: str) -> int:
    """The integer that a page writes as `1,798`, `12` or `twelve`."""
    lower = word.lower()
    return _WORDS.index(lower) + 1 if lower in _WORDS else int(word.replace(",", ""))


def shapes(text: str) -> set[tuple[int, int]]:
    """Every (rows, columns) that a text states in one breath."""
    return {
        (number(found[rows]), number(found[columns]))
        for pattern, rows, columns in _SHAPES
        for found in pattern.finditer(text)
    }


def documented(page: Page, *, shown: Cut, name: str) -> Values | str:
    """The values that the shown text documents, or the reason why the item is left out.

    The table is not looked at: a page that is wrong about its data keeps its wrong values.
    """
    if page.topic != name:
        return "the page describes a set of another name"
    entries = [line for line in page.lines if line.variable is not None]
    if not entries:
        return "no list of variables"
    if len({line.part for line in entries}) > 1:
        return "more than one list of variables"
    names = [line.variable or "" for line in entries]
    if not all(re.fullmatch(r"[A-Za-z][\w.]*(?: [\w.]+){0,2}", each) for each in names):
        return "an entry of the list is no single name"
    if not shown.names_kept:
        return f"the list of variables ends after {TEXT_LIMIT} characters"
    stated = shape_of(" \n".join(line.text for line in shown.lines[1:] if line.variable is None))
    if isinstance(stated, str):
        return stated
    return Values(name=name, rows=stated[0], columns=stated[1], first=names[0], last=names[-1])


def shape_of(prose: str) -> tuple[int, int] | str:
    """The one (rows, columns) that a page's prose states, or why there is none."""
    found = shapes(prose)
    if len(found) > 1:
        return "more than one shape stated"
    if found:
        return found.pop()
    rows = {number(each) for each in re.findall(_ROWS, prose, re.IGNORECASE)}
    columns = {number(each) for each in re.findall(_COLUMNS, prose, re.IGNORECASE)}
    if not rows:
        return "no number of rows stated"
    if not columns:
        return "no number of columns stated"
    if len(rows) > 1 or len(columns) > 1:
        return "more than one shape stated"
    return rows.pop(), columns.pop()
