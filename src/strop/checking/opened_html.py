"""An HTML page as the standard library's parser sees it: words, headings, tables, figures, links.

What is broken in the page itself is a `Flaw`: no language, no title, a link inside that leads nowhere,
anything fetched from elsewhere, a figure on which nothing is drawn or that says nothing to whoever
cannot see it. Links to other files are handed on, since the page cannot know them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

from strop.checking.opened_pages import Flaw

_FETCHES = {"src", "srcset", "poster", "data", "background", "action", "formaction", "ping"}
"""Attributes whose address a browser opens by itself."""
_DRAWN = frozenset("path rect circle line polyline polygon ellipse image text use".split())
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_IN_STYLE = re.compile(r"@import|url\(\s*['\"]?(?!data:|#)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that leaves the page."""

    address: str
    said: str
    """The words that carry it."""


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """A table as people read it; superscripts in cells are marks and no values."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class HtmlRead:
    """What a page holds."""

    text: str
    headings: tuple[str, ...]
    tables: tuple[HtmlTable, ...]
    figures: int
    links: tuple[Link, ...]
    anchors: frozenset[str]
    flaws: tuple[Flaw, ...]
    empty: bool


def read_html(body: bytes) -> HtmlRead:
    """What the page holds and what is broken in it.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    reader = _Page()
    reader.feed(body.decode("utf-8"))
    reader.close()
    inside = [link for link in reader.links if link.address.startswith("#")]
    anchors = frozenset(reader.anchors)
    for link in inside:
        if link.address not in ("#", "#top") and unquote(link.address[1:]) not in anchors:
            reader.flaw(f"link {link.address}", "a place in the page", "none", "every link inside leads somewhere")
    for name, times in Counter(reader.anchors).items():
        if times > 1:
            reader.flaw(f"anchor {name}", "one place", f"{times} places", "an anchor is one place")
    return HtmlRead(
        text=" ".join("".join(reader.words).split()),
        headings=tuple(reader.headings),
        tables=tuple(table.read() for table in reader.tables),
        figures=reader.figures,
        links=tuple(link for link in reader.links if not link.address.startswith("#")),
        anchors=anchors,
        flaws=tuple(dict.fromkeys(reader.flaws)),
        empty=not reader.tags,
    )


@dataclass(slots=True)
class _Table:
    names: list[str] = field(default_factory=list[str])
    rows: list[list[str]] = field(default_factory=list[list[str]])
    part: str = "tbody"

    def read(self) -> HtmlTable:
        rows = tuple(tuple(row) for row in self.rows if len(row) == len(self.names) or not self.names)
        return HtmlTable(tuple(self.names), rows)


class _Page(HTMLParser):
    """Visible words and where they stand; scripts and styles are none."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.headings: list[str] = []
        self.tables: list[_Table] = []
        self.links: list[Link] = []
        self.anchors: list[str] = []
        self.flaws: list[Flaw] = []
        self.figures = 0
        self.tags = 0
        self._hidden = 0
        self._style = False
        self._heading: list[str] | None = None
        self._cell: list[str] | None = None
        self._raised = 0
        self._quiet = 0
        """Within what stands in a heading or cell and is none of its words."""
        self._link: tuple[str, list[str]] | None = None
        self._figure = False
        self._marks = 0
        self._alt = False

    def flaw(self, locator: str, expected: str, observed: str, rule: str) -> None:
        self.flaws.append(Flaw(locator, expected, observed, rule))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        self.tags += 1
        self.words.append(" ")
        self._hidden += tag in ("script", "style")
        self._style = tag == "style"
        self._look(tag, held)
        if "id" in held:
            self.anchors.append(held["id"])
        if re.fullmatch(r"h[1-6]", tag):
            self._heading = []
        if tag == "figure":
            self._figure, self._marks, self._alt = True, 0, False
        if self._figure:
            self._marks += tag in _DRAWN or tag == "img"
            self._alt = self._alt or bool(held.get("aria-label") or held.get("alt"))
        self._open_table(tag)
        if tag == "a" and "href" in held:
            self._link = (held["href"], [])
            self._quiet += self._heading is not None and held["href"].startswith("#")

    def _look(self, tag: str, held: dict[str, str]) -> None:
        """At what a browser would fetch or run by itself."""
        rule = "the page fetches and runs nothing"
        if tag in ("script", "iframe", "object", "embed", "base", "frame"):
            self.flaw(f"element {tag}", "none", f"a {tag}", rule)
        if tag == "html" and not held.get("lang"):
            self.flaw("page", "a language", "none", "the page names its language")
        fetched = [value for name, value in held.items() if name in _FETCHES and not value.startswith("data:")]
        fetched += [held.get("href", "")] if tag == "link" else []
        fetched += [value for name, value in held.items() if name == "style" and _IN_STYLE.search(value)]
        fetched += [name for name in held if name.startswith("on")]
        for address in fetched:
            self.flaw(f"element {tag}", "nothing from elsewhere", address[:200], rule)

    def _open_table(self, tag: str) -> None:
        if tag == "table":
            self.tables.append(_Table())
        if not self.tables:
            return
        table = self.tables[-1]
        if tag in ("thead", "tbody", "tfoot"):
            table.part = tag
        elif tag == "tr" and table.part == "tbody":
            table.rows.append([])
        elif tag in ("td", "th"):
            self._cell = []
        self._raised += tag == "sup" and self._cell is not None

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0
        self._style = self._style and tag != "style"
        if re.fullmatch(r"h[1-6]", tag) and self._heading is not None:
            self.headings.append(" ".join("".join(self._heading).split()))
            self._heading = None
        if tag == "a" and self._link is not None:
            self.links.append(Link(self._link[0], " ".join("".join(self._link[1]).split())))
            self._link, self._quiet = None, 0
        if tag == "figure" and self._figure:
            self._close_figure()
        self._raised -= tag == "sup" and self._raised > 0
        if tag in ("td", "th") and self._cell is not None and self.tables:
            self._close_cell(self.tables[-1])

    def _close_cell(self, table: _Table) -> None:
        text, self._cell = " ".join("".join(self._cell or []).split()), None
        if table.part == "thead":
            table.names.append(text)
        elif table.part == "tbody" and table.rows:
            table.rows[-1].append(text)

    def _close_figure(self) -> None:
        self.figures += 1
        self._figure = False
        # One mark is the ground that the others stand on.
        if self._marks < 2:
            self.flaw(f"figure {self.figures}", "something to see", "nothing drawn", "no figure is blank")
        if not self._alt:
            self.flaw(f"figure {self.figures}", "words for it", "none", "every figure is told in words")

    def handle_data(self, data: str) -> None:
        if self._style and _IN_STYLE.search(data):
            self.flaw("style", "nothing from elsewhere", "an address", "the page fetches and runs nothing")
        if self._hidden:
            return
        self.words.append(data)
        if self._heading is not None and not self._quiet:
            self._heading.append(data)
        if self._cell is not None and not self._raised:
            self._cell.append(data)
        if self._link is not None:
            self._link[1].append(data)


def outside(address: str) -> bool:
    """Whether an address leaves the folder for the network or another program."""
    return bool(urlsplit(address).scheme or address.startswith("//"))
