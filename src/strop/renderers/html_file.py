"""A document as one HTML page that needs nothing else, or one page of a site with links to the others.

Charts are drawn into the page as SVG, whose colours follow the reader's light or dark screen. A
sentence's number leads to its note, where the quoted words stand, and the note leads back; a value
in a table is itself the link. Links go to this page and to pages that `Document.nav` names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote as as_url

from strop.errors import BadInput
from strop.renderers.cells import LEGEND, MARKS, NO_ROWS, Note, note_of, one_document, shown, visible, weakest
from strop.renderers.elements import el, escaped, join, own, page, styled
from strop.renderers.grid import NUMBERS, column_texts, footers
from strop.renderers.inline_svg import inline_svg
from strop.renderers.language import language_of, words_in
from strop.renderers.theme import Theme, load_theme
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    Document,
    Figure,
    Heading,
    Part,
    Sentence,
    Standing,
    Table,
)
from strop.types.work import Kind

if TYPE_CHECKING:
    from strop.seams import Renderer

_LIMIT = 32 * 2**20
"""Characters of a page; browsers stop scrolling smoothly long before."""
_LINKED = 2_000
"""Cells of a table that lead to a note of their own; in a longer table they carry their claim and no link."""


@dataclass(frozen=True, slots=True)
class HtmlFile:
    """Documents, tables and charts as one page."""

    theme: Theme = field(default_factory=load_theme)

    @property
    def kind(self) -> Kind:
        return Kind.HTML

    def render(self, part: Part, *, to: Path) -> None:
        """Write the part's contents, in order.

        Raises:
            MissingPart: vl-convert is not installed, and there is a chart.
            BadInput: a number is not finite, or the page is larger than 32 MiB.
        """
        whole = one_document(part)
        title = visible(whole.title)
        body = _Writing(self.theme).page(whole, file=Path(part.file).name)
        style = styled(self.theme, "report.css", "page.css")
        text = page(title or part.file, style=style, body=body, language=language_of(words_in((whole,), title)))
        if len(text) > _LIMIT:
            raise BadInput(f"{part.file}: {len(text):,} characters are too much for a page; the limit is {_LIMIT:,}")
        to.write_text(text, encoding="utf-8", newline="\n")


@dataclass(frozen=True, slots=True)
class _Place:
    """A heading as the contents list it."""

    anchor: str
    text: str
    level: int


class _Writing:
    """One page on its way into HTML: numbers its tables, figures and notes, and names its headings."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._notes: dict[Note, int] = {}
        self._backs: list[list[str]] = []
        """Of each note the anchors that lead to it."""
        self._anchors: set[str] = set()
        self._places: list[_Place] = []
        self._tables = 0
        self._figures = 0
        self._level = 0

    def page(self, whole: Document, *, file: str) -> str:
        main = self._sections(whole.blocks) + self._pages(whole, file) + self._sources() + _turn(whole, file)
        toc = self._contents() if len(self._places) > 1 else ""
        lead = el("p", own(whole.subtitle), class_="lead") if whole.subtitle else ""
        return join(
            [
                el("a", "Skip to the text", href="#text", class_="skip"),
                el("header", el("h1", own(whole.title)) + lead, class_="masthead"),
                *([_nav(whole, file)] if whole.nav else []),
                el("div", toc + el("main", main, id="text"), class_="sheet"),
                el("footer", "Nothing on this page is fetched from anywhere."),
            ]
        )

    # ------------------------------------------------------------ headings

    def _sections(self, blocks: Sequence[Block]) -> str:
        """Blocks under their headings of the first level, a section each."""
        groups: list[list[Block]] = [[]]
        for block in blocks:
            if isinstance(block, Heading) and block.level <= 1:
                groups.append([])
            groups[-1].append(block)
        return join(el("section", join(self._block(one) for one in group)) for group in groups if group)

    def _heading(self, heading: Heading) -> str:
        """One level deeper than its own, under the page's title, and never a level left out."""
        self._level = min(max(heading.level, 1), self._level + 1, 5)
        text = visible(heading.text)
        anchor = self._anchor(text)
        self._places.append(_Place(anchor, text, self._level))
        link = el("a", "#", href=f"#{anchor}", class_="anchor", aria_label=f"Link to {text}")
        return el(f"h{self._level + 1}", own(text) + link, id=anchor)

    def _anchor(self, text: str) -> str:
        name = "s-" + (re.sub(r"[\W_]+", "-", text.lower()).strip("-")[:60] or "heading")
        number, anchor = 1, name
        while anchor in self._anchors:
            number += 1
            anchor = f"{name}-{number}"
        self._anchors.add(anchor)
        return anchor

    def _contents(self) -> str:
        lines = (
            el("li", el("a", own(one.text), href=f"#{one.anchor}"), class_="deep" if one.level > 1 else "top")
            for one in self._places
            if one.level <= 2
        )
        return el(
            "nav", el("h2", "Contents", id="contents") + el("ol", join(lines)), class_="toc", aria_labelledby="contents"
        )

    def _pages(self, document: Document, file: str) -> str:
        """The contents of a site, on its first page."""
        if not document.nav or document.nav[0][1] != file:
            return ""
        heading = self._heading(Heading("Pages"))
        links = (el("li", el("a", own(title), href=as_url(name))) for title, name in document.nav[1:])
        return el("section", heading + el("ul", join(links), class_="pages"))

    # ------------------------------------------------------------ blocks

    def _block(self, block: Block) -> str:
        match block:
            case Heading():
                return self._heading(block)
            case Bullets():
                return el("ul", join(el("li", self._sentence(one)) for one in block.items))
            case Callout():
                return el("aside", own(block.text), class_="warning" if block.tone == "warning" else "note")
            case Table():
                return self._table(block)
            case Figure():
                return self._figure(block)
            case _:
                return el("p", " ".join(self._sentence(one) for one in block.sentences))

    def _sentence(self, sentence: Sentence) -> str:
        notes = dict.fromkeys(note for cell in sentence.cells if (note := note_of(cell)))
        links = "".join(el("sup", self._link(note, str(self._number(note)))) for note in notes)
        return own(sentence.text) + _mark(weakest(sentence.cells)) + links

    def _number(self, note: Note) -> int:
        if note not in self._notes:
            self._notes[note] = len(self._notes) + 1
            self._backs.append([])
        return self._notes[note]

    def _link(self, note: Note, body: str) -> str:
        number = self._number(note)
        backs = self._backs[number - 1]
        backs.append(f"r{number}-{len(backs) + 1}")
        return el("a", body, href=f"#n{number}", id=backs[-1])

    def _sources(self) -> str:
        if not self._notes:
            return ""
        heading = self._heading(Heading("Notes"))
        lines = (
            _note_line(self._notes[note], note, backs) for note, backs in zip(self._notes, self._backs, strict=True)
        )
        return el("section", heading + el("ol", join(lines), class_="notes"))

    # ------------------------------------------------------------ tables and figures

    def _table(self, table: Table) -> str:
        self._tables += 1
        rows = tuple(table.rows)
        right = tuple(head.type in NUMBERS for head in table.heads)
        columns = [column_texts(table, number) for number in range(len(table.heads))]
        linked = sum(1 for row in rows for cell in row if cell.source or cell.quote) <= _LINKED
        heads = "".join(
            el("th", own(head.name), scope="col", class_=_side(right[place])) for place, head in enumerate(table.heads)
        )
        body = [
            el(
                "tr",
                "".join(self._cell(cell, columns[at][number], right[at], linked=linked) for at, cell in enumerate(row)),
            )
            for number, row in enumerate(rows)
        ]
        if not rows:
            body = [el("tr", el("td", NO_ROWS, colspan=str(len(table.heads)), class_="none"))]
        foot = "".join(
            el("tr", "".join(el("td", escaped(text), class_=_side(right[at])) for at, text in enumerate(line)))
            for line in footers(table)
        )
        held = el("thead", el("tr", heads)) + el("tbody", join(body)) + (el("tfoot", foot) if foot else "")
        name = f"t{self._tables}"
        caption = el("b", f"Table {self._tables}") + own(table.caption or table.name)
        box = el("div", el("table", held), class_="wide", tabindex="0", role="region", aria_labelledby=name)
        return el("p", caption, class_="caption", id=name) + box + _legend(rows)

    def _cell(self, cell: Cell, text: str, right: bool, *, linked: bool) -> str:
        body = own(text) if text else ""
        if cell.standing is Standing.REFUTED and cell.value is None:
            body = "—"
        elif body and linked and (note := note_of(cell)):
            body = self._link(note, body)
        classes = _side(right) + (f" {cell.standing.value}" if cell.standing in LEGEND else "")
        more = {"data_claim": cell.claims[0]} if cell.claims else {}
        return el("td", body + _mark(cell.standing), class_=classes, **more)

    def _figure(self, figure: Figure) -> str:
        self._figures += 1
        chart = figure.chart
        caption = el("b", f"Figure {self._figures}") + own(figure.caption or chart.title)
        drawn = inline_svg(chart, theme=self._theme)
        values = el("details", el("summary", "The values of this figure") + _values(chart))
        return el("figure", drawn + el("figcaption", caption) + values, id=f"f{self._figures}")


def _side(number: bool) -> str:
    return "number" if number else "text"


def _mark(standing: Standing) -> str:
    sign = MARKS.get(standing, "")
    return el("sup", sign, class_=f"mark {standing.value}", title=LEGEND[standing]) if sign else ""


def _legend(rows: Sequence[Sequence[Cell]]) -> str:
    used = {cell.standing for row in rows for cell in row}
    told = (el("span", (_mark(one) or "—") + " " + escaped(text)) for one, text in LEGEND.items() if one in used)
    return el("p", "".join(told), class_="legend") if used & set(LEGEND) else ""


def _values(chart: Chart) -> str:
    """What a figure draws, for whoever cannot see it."""
    split = any(point.series for point in chart.points)
    heads = (chart.x_title or "x", *(("series",) if split else ()), chart.y_title or "y")
    head = "".join(el("th", own(name), scope="col") for name in heads)
    lines: list[str] = []
    for point in chart.points:
        texts = (shown(point.x), *((point.series,) if split else ()))
        number = el("td", escaped(shown(point.y.value)) + _mark(point.y.standing), class_="number")
        lines.append(el("tr", "".join(el("td", own(text)) for text in texts) + number))
    return el("div", el("table", el("thead", el("tr", head)) + el("tbody", join(lines))), class_="wide", tabindex="0")


def _note_line(number: int, note: Note, backs: Sequence[str]) -> str:
    parts = [own(note.source)] if note.source else []
    if note.quote:
        parts.append("“" + el("blockquote", own(note.quote)) + "”")
    if note.formula:
        parts.append("Computed: " + el("code", escaped(note.formula)))
    if note.unsure:
        parts.append(el("span", "Not verified.", class_="badge unverified"))
    if note.claim:
        parts.append("Claim " + el("code", escaped(note.claim)))
    links = " ".join(el("a", "↩", href=f"#{back}", aria_label="Back to the text") for back in backs[:20])
    return el("li", " ".join([*parts, links]), id=f"n{number}")


def _nav(document: Document, file: str) -> str:
    links: list[str] = []
    for title, name in document.nav:
        here = {"aria_current": "page"} if name == file else {}
        links.append(el("a", own(title), href=as_url(name), **here))
    return el("nav", join(links), class_="contents", aria_label="Pages")


def _turn(document: Document, file: str) -> str:
    """The page before and the page after."""
    names = [name for _, name in document.nav]
    if file not in names:
        return ""
    at = names.index(file)
    before = document.nav[at - 1] if at else None
    after = document.nav[at + 1] if at + 1 < len(names) else None
    links = (
        el("a", sign + own(one[0]), href=as_url(one[1]), rel=rel) if one else el("span")
        for one, sign, rel in ((before, "← ", "prev"), (after, "→ ", "next"))
    )
    return el("nav", join(links), class_="turn", aria_label="Neighbouring pages")


if TYPE_CHECKING:

    def _fits(one: HtmlFile) -> Renderer:
        return one
