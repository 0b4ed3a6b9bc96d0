"""DOCX, written as the format is: cover, contents, headings, tables that repeat their header, figures, footnotes.

Text is data. Colours and fonts stand in the file's theme and styles, so whoever edits the document gets
our identity. The contents are a field whose entries stand there already, without page numbers: those only
the reader's program knows, and it adds them when the field is updated. Footnotes say where each sentence's
values stand, with their claims. The file holds no date.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from strop.errors import BadInput
from strop.renderers.cells import LEGEND, MARKS, NO_ROWS, cut, one_document, visible
from strop.renderers.chart_file import SCALE, draw_png
from strop.renderers.docx_words import (
    FIELD,
    W_SPACE,
    Notes,
    bookmarked,
    number_field,
    paragraph,
    run,
    simple_field,
)
from strop.renderers.evidence import mark_of
from strop.renderers.grid import Box, Panel, lay_out, totals_of
from strop.renderers.letters import SANS
from strop.renderers.markup import HEAD, tag
from strop.renderers.package import EMU, SPACES, TEXT_WIDTH, Package, filled, hexed
from strop.renderers.theme import Theme, load_theme
from strop.renderers.vega import vega_lite
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Document,
    Figure,
    Heading,
    Paragraph,
    Part,
    Sentence,
    Standing,
    Table,
)
from strop.types.work import Kind

if TYPE_CHECKING:
    from strop.seams import Renderer

_MAIN = "word/document.xml"
_OF = "officedocument.wordprocessingml."
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
_PICTURE = "http://schemas.openxmlformats.org/drawingml/2006/picture"
_LIMIT = 64 * 2**20
"""Bytes of the document's body; more is slow to open in any program."""
_PIXEL = 0.75
"""Points of a pixel of our charts."""
_TALLEST = 560.0
_LISTED = 3
"""Levels of headings in the contents."""
_PAGE = {"w:w": 11_906, "w:h": 16_838}
"""A4 in twentieths of a point."""
_SIDE = (11_906 - TEXT_WIDTH * 20) // 2
_TINTED = ("unverified", "corrected", "refuted")


@dataclass(frozen=True, slots=True)
class DocxFile:
    """Documents, tables and charts as one text document."""

    theme: Theme = field(default_factory=load_theme)

    @property
    def kind(self) -> Kind:
        return Kind.DOCX

    def render(self, part: Part, *, to: Path) -> None:
        """Write the part's contents, in order.

        Raises:
            MissingPart: vl-convert, which draws the figures, is not installed.
            BadInput: slides or code among the contents, a number that is not finite, or more than a
                document holds.
            StropError: a chart cannot be drawn.
        """
        to.write_bytes(_Writing(self.theme, part.file).write(one_document(part)))


class _Writing:
    """One document while it is written: numbers its tables, figures, headings and footnotes."""

    def __init__(self, theme: Theme, file: str) -> None:
        self._theme = theme
        self._file = file
        self._package = Package()
        self._notes = Notes()
        self._tables = self._figures = 0
        self._heads: list[tuple[int, str, str]] = []
        """(level, text, bookmark) of every heading for the contents."""

    def write(self, whole: Document) -> bytes:
        title = visible(whole.title)
        body = "".join(each for block in whole.blocks for each in self._block(block))
        if len(body) > _LIMIT:
            raise BadInput(f"{self._file}: {len(body):,} characters are too much for a DOCX. Ask for an XLSX or CSV")
        cover = self._cover(title, visible(whole.subtitle))
        self._parts(title, cover + body)
        return self._package.sealed(title=title)

    def _parts(self, title: str, body: str) -> None:
        package, theme = self._package, self._theme
        package.relate("", "officeDocument", _MAIN)
        for kind in ("styles", "numbering", "settings"):
            part = package.add(f"word/{kind}.xml", filled(f"{kind}.xml", theme), f"{_OF}{kind}+xml")
            package.relate(_MAIN, kind, part)
        theme_part = package.add("word/theme/theme1.xml", filled("theme.xml", theme), "officedocument.theme+xml")
        package.relate(_MAIN, "theme", theme_part)
        package.relate(_MAIN, "footnotes", package.add("word/footnotes.xml", self._notes.part(), f"{_OF}footnotes+xml"))
        footer = package.relate(_MAIN, "footer", package.add("word/footer1.xml", _footer(title), f"{_OF}footer+xml"))
        setup = tag(
            "w:sectPr",
            None,
            tag("w:footerReference", {"w:type": "default", "r:id": footer}),
            tag("w:pgSz", _PAGE),
            tag(
                "w:pgMar",
                {
                    "w:top": 1_300,
                    "w:right": _SIDE,
                    "w:bottom": 1_300,
                    "w:left": _SIDE,
                    "w:header": 600,
                    "w:footer": 600,
                    "w:gutter": 0,
                },
            ),
            tag("w:titlePg"),
        )
        spaces = {**W_SPACE, **SPACES, "xmlns:wp": _DRAWING, "xmlns:pic": _PICTURE}
        package.add(
            _MAIN, HEAD + tag("w:document", spaces, tag("w:body", None, body, setup)), f"{_OF}document.main+xml"
        )

    # ------------------------------------------------------------ cover and contents

    def _cover(self, title: str, subtitle: str) -> str:
        made = [paragraph(run(title), style="Title"), paragraph(run(subtitle), style="Subtitle")]
        listed = [head for head in self._heads if head[0] <= _LISTED]
        if len(listed) > 1:
            made.append(paragraph(run("Contents"), style="TOCHeading"))
            made += self._contents(listed)
            made.append(tag("w:p", None, tag("w:r", None, tag("w:br", {"w:type": "page"}))))
        return "".join(made)

    def _contents(self, listed: Sequence[tuple[int, str, str]]) -> Iterator[str]:
        """A field whose result stands there already: links. The page numbers come when it is updated."""
        begin = FIELD["begin"] + simple_field(f'TOC \\o "1-{_LISTED}" \\h \\z \\u') + FIELD["separate"]
        for number, (level, said, mark) in enumerate(listed):
            link = tag("w:hyperlink", {"w:anchor": mark, "w:history": 1}, run(said))
            last = FIELD["end"] if number == len(listed) - 1 else ""
            yield paragraph(begin if number == 0 else "", link, last, style=f"TOC{level}")

    # ------------------------------------------------------------ blocks

    def _block(self, block: Block) -> Iterator[str]:
        match block:
            case Heading():
                yield self._heading(block)
            case Paragraph():
                yield paragraph(*self._sentences(block.sentences))
            case Bullets():
                for item in block.items:
                    yield paragraph(*self._sentences((item,)), style="ListBullet")
            case Callout():
                yield paragraph(run(visible(block.text)), style="Warning" if block.tone == "warning" else "Remark")
            case Table():
                yield from self._table(block)
            case Figure():
                yield from self._figure(block)

    def _heading(self, heading: Heading) -> str:
        level = min(max(heading.level, 1), 4)
        said = " ".join(visible(heading.text).split())
        number = len(self._heads) + 1
        mark = f"_Toc{number:06}"
        self._heads.append((level, said, mark))
        return paragraph(bookmarked(run(said), number, mark), style=f"Heading{level}")

    def _sentences(self, sentences: Sequence[Sentence]) -> Iterator[str]:
        for number, sentence in enumerate(sentences):
            lead = " " if number else ""
            yield run(lead + visible(sentence.text))
            mark = mark_of(sentence)
            yield run(mark, raised=True) if mark else ""
            yield self._notes.of(sentence.cells)

    def _figure(self, figure: Figure) -> Iterator[str]:
        self._figures += 1
        number = self._figures
        picture = draw_png(vega_lite(figure.chart, theme=self._theme))
        part = self._package.add(f"word/media/figure{number}.png", picture)
        title = visible(figure.chart.title)
        drawing = _drawing(number, self._package.relate(_MAIN, "image", part), title, _size(picture))
        yield paragraph(tag("w:r", None, drawing), keep=True)
        caption = visible(figure.caption) or title
        yield paragraph(run("Figure "), number_field("Figure", number), run(f". {caption}"), style="Caption")

    # ------------------------------------------------------------ tables

    def _table(self, table: Table) -> Iterator[str]:
        self._tables += 1
        totals = totals_of(table)
        whole = table if not totals else Table(table.name, table.heads, (*table.rows, *totals))
        letter, panels = lay_out(whole, width=float(TEXT_WIDTH), sizes=self._theme.sizes, wider=SANS)
        caption = visible(table.caption or table.name)
        used = {cell.standing for row in table.rows for cell in row}
        for panel in panels:
            lead = (
                [run("Table "), number_field("Table", self._tables)]
                if panel is panels[0]
                else [run(f"Table {self._tables}, continued")]
            )
            more = f". {caption}" + (f". {panel.title}" if panel.title else "")
            yield paragraph(*lead, run(more), style="Caption", keep=True)
            yield self._panel(panel, letter, len(totals))
            yield paragraph(run(_legend(used)), style="Legend")

    def _panel(self, panel: Panel, letter: float, bold: int) -> str:
        grid = tag("w:tblGrid", None, *(tag("w:gridCol", {"w:w": _twips(width)}) for width in panel.widths))
        heads = tuple(Box(name, "", "") for name in panel.heads)
        rows = [self._row(heads, panel, letter, head=True, bold=True, last=False)]
        body = panel.rows or ((Box(NO_ROWS, "", ""), *(Box("", "", "") for _ in panel.heads[1:])),)
        for at, boxes in enumerate(body, start=1):
            last = at in (len(body), len(body) - bold)
            rows.append(self._row(boxes, panel, letter, head=False, bold=at > len(body) - bold, last=last))
        look = tag(
            "w:tblPr",
            None,
            tag("w:tblW", {"w:w": sum(map(_twips, panel.widths)), "w:type": "dxa"}),
            tag("w:tblLayout", {"w:type": "fixed"}),
            tag("w:tblLook", {"w:val": "0020", "w:firstRow": 1}),
        )
        return tag("w:tbl", None, look, grid, *rows)

    def _row(self, boxes: Sequence[Box], panel: Panel, letter: float, *, head: bool, bold: bool, last: bool) -> str:
        """A row that no page breaks; the header stands on every page."""
        look = tag("w:trPr", None, tag("w:cantSplit"), tag("w:tblHeader") if head else "")
        cells = [
            self._cell(box, width, letter, right=right, head=head, bold=bold, last=last)
            for box, width, right in zip(boxes, panel.widths, panel.right, strict=True)
        ]
        return tag("w:tr", None, look, *cells)

    def _cell(self, box: Box, width: float, letter: float, *, right: bool, head: bool, bold: bool, last: bool) -> str:
        colours = self._theme.colours
        strong = head or last
        edge = {
            "w:val": "single",
            "w:sz": 8 if strong else 4,
            "w:color": hexed(colours.accent if strong else colours.rule),
        }
        tint = self._theme.standing_tint(box.standing) if box.standing in _TINTED else None
        look = tag(
            "w:tcPr",
            None,
            tag("w:tcW", {"w:w": _twips(width), "w:type": "dxa"}),
            tag("w:tcBorders", None, tag("w:bottom", edge)),
            tag("w:shd", {"w:val": "clear", "w:color": "auto", "w:fill": hexed(tint)}) if tint else "",
            tag("w:vAlign", {"w:val": "bottom"}) if head else "",
        )
        said = run(box.text, size=letter, bold=bold, colour=hexed(colours.accent) if head else "") if box.text else ""
        said += run(box.mark, size=letter, bold=bold, raised=True) if box.mark else ""
        return tag("w:tc", None, look, paragraph(said, style="TableText", right=right, keep=head))


# ---------------------------------------------------------------- pieces


def _legend(used: set[Standing]) -> str:
    return "   ".join(f"{MARKS.get(standing, '—')} {LEGEND[standing]}" for standing in LEGEND if standing in used)


def _twips(points: float) -> int:
    return round(points * 20)


def _footer(title: str) -> str:
    said = cut(" ".join(title.split()), 80)
    pages_of = (number_field("PAGE", 1, sequence=False), run(" / "), number_field("NUMPAGES", 1, sequence=False))
    body = paragraph(run(said), tag("w:r", None, tag("w:tab")), *pages_of, style="Footer")
    return HEAD + tag("w:ftr", {**W_SPACE, **SPACES}, body)


def _size(picture: bytes) -> tuple[int, int]:
    """Width and height as the format counts, within the text's width and a page's height."""
    across, down = struct.unpack_from(">II", picture, 16)
    width, height = across / SCALE * _PIXEL, down / SCALE * _PIXEL
    share = min(1.0, TEXT_WIDTH / width, _TALLEST / height)
    return round(width * share * EMU), round(height * share * EMU)


def _drawing(number: int, relation: str, about: str, size: tuple[int, int]) -> str:
    extent = {"cx": size[0], "cy": size[1]}
    about = " ".join(about.split())
    names = {"id": number, "name": f"Figure {number}"}
    form = tag("a:prstGeom", {"prst": "rect"}, tag("a:avLst"))
    place = tag("a:xfrm", None, tag("a:off", {"x": 0, "y": 0}), tag("a:ext", extent))
    picture = tag(
        "pic:pic",
        None,
        tag("pic:nvPicPr", None, tag("pic:cNvPr", names), tag("pic:cNvPicPr")),
        tag("pic:blipFill", None, tag("a:blip", {"r:embed": relation}), tag("a:stretch", None, tag("a:fillRect"))),
        tag("pic:spPr", None, place, form),
    )
    inline = tag(
        "wp:inline",
        {"distT": 0, "distB": 0, "distL": 0, "distR": 0},
        tag("wp:extent", extent),
        tag("wp:docPr", {**names, "descr": about}),
        tag("wp:cNvGraphicFramePr", None, tag("a:graphicFrameLocks", {"noChangeAspect": 1})),
        tag("a:graphic", None, tag("a:graphicData", {"uri": _PICTURE}, picture)),
    )
    return tag("w:drawing", None, inline)


if TYPE_CHECKING:

    def _fits(one: DocxFile) -> Renderer:
        return one
