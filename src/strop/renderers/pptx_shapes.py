"""The shapes of a slide as DrawingML: placeholders, words, remarks, tables, frames of charts. Pure.

Lengths are points; the format counts 12,700 units in one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from strop.renderers.cells import MARKS
from strop.renderers.grid import Box as CellBox
from strop.renderers.letters import leads_right
from strop.renderers.markup import HEAD, tag, text
from strop.renderers.package import EMU, SPACES, hexed
from strop.renderers.slides import CALLOUT, CAPTION, Line, Note, Rows, Words
from strop.renderers.theme import Theme

P_SPACES = {"xmlns:p": "http://schemas.openxmlformats.org/presentationml/2006/main"}
_CHART = "http://schemas.openxmlformats.org/drawingml/2006/chart"
_TABLE = "http://schemas.openxmlformats.org/drawingml/2006/table"
NO_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"
"""The table style of the format that draws nothing."""
_FIELD = "{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}"
_TINTED = ("unverified", "corrected", "refuted")
_TAG = re.compile("<[^>]*>")
MARKED = frozenset(MARKS.values())
_MARKED = re.compile(f"([{''.join(sorted(MARKED))}])")
_INSET = {"lIns": 0, "tIns": 0, "rIns": 0, "bIns": 0}


@dataclass(frozen=True, slots=True)
class Box:
    """Where a shape stands on the slide, in points."""

    left: float
    top: float
    width: float
    height: float

    @property
    def frame(self) -> tuple[str, str]:
        """As the format writes it: offset and extent."""
        return (
            tag("a:off", {"x": emu(self.left), "y": emu(self.top)}),
            tag("a:ext", {"cx": emu(self.width), "cy": emu(self.height)}),
        )


def emu(length: float) -> int:
    """Points as the format counts."""
    return round(length * EMU)


def shape_tree(root: str, shapes: Sequence[str]) -> str:
    """A slide or its notes."""
    names = (tag("p:cNvPr", {"id": 1, "name": ""}), tag("p:cNvGrpSpPr"), tag("p:nvPr"))
    tree = tag("p:spTree", None, tag("p:nvGrpSpPr", None, *names), tag("p:grpSpPr"), *shapes)
    own = tag("p:clrMapOvr", None, tag("a:masterClrMapping"))
    return HEAD + tag(root, {**SPACES, **P_SPACES}, tag("p:cSld", None, tree), own)


# ---------------------------------------------------------------- text


def run(said: str, *, size: float = 0, bold: bool = False, colour: str = "", raised: bool = False) -> str:
    """Text in one look; `colour` is a name of the theme (`tx2`) or hexadecimal. Line ends break the line."""
    look: dict[str, str | int] = {"lang": "en-US", "noProof": 1}
    look |= {"sz": round(size * 100)} if size else {}
    look |= {"b": 1} if bold else {}
    look |= {"baseline": 30_000} if raised else {}
    properties = tag("a:rPr", look, *([fill(colour)] if colour else []))
    pieces = said.replace("\x85", "\n").split("\n")
    lines = [tag("a:r", None, properties, tag("a:t", None, text(piece) or "")) if piece else "" for piece in pieces]
    return tag("a:br").join(lines)


def fill(colour: str) -> str:
    """A plain fill."""
    kind = "a:srgbClr" if len(colour) == 6 else "a:schemeClr"
    return tag("a:solidFill", None, tag(kind, {"val": colour}))


def paragraph(*runs: str, align: str = "", after: float | None = None, bullet: bool | None = None) -> str:
    """A paragraph; `bullet` None leaves that to the placeholder."""
    said = "".join(runs)
    look: dict[str, str | int] = {}
    if bullet is not None:
        look |= {"marL": emu(18), "indent": emu(-18)} if bullet else {"marL": 0, "indent": 0}
    if leads_right(_TAG.sub("", said)):
        look |= {"algn": align or "r", "rtl": 1}
    elif align:
        look |= {"algn": align}
    inside: list[str] = []
    if after is not None:
        inside.append(tag("a:spcBef", None, tag("a:spcPts", {"val": 0})))
        inside.append(tag("a:spcAft", None, tag("a:spcPts", {"val": round(after * 100)})))
    if bullet:
        inside.append(tag("a:buFont", {"typeface": "Arial"}) + tag("a:buChar", {"char": "•"}))
    elif bullet is False:
        inside.append(tag("a:buNone"))
    properties = tag("a:pPr", look, *inside) if look or inside else ""
    return tag("a:p", None, properties, said) if properties or said else tag("a:p")


def placeholder(
    number: int, name: str, kind: str, body: str, *, place: int | None = None, box: Box | None = None
) -> str:
    """A shape that stands where the layout says, or in `box`."""
    kinds: dict[str, str | int] = {"type": kind} if kind else {}
    kinds |= {"idx": place} if place is not None else {}
    locks = tag("p:cNvSpPr", None, tag("a:spLocks", {"noGrp": 1}))
    who = tag("p:nvSpPr", None, tag("p:cNvPr", {"id": number, "name": name}), locks, _place(kinds))
    where = tag("p:spPr", None, tag("a:xfrm", None, *box.frame)) if box else tag("p:spPr")
    shrink = tag("a:bodyPr", None, tag("a:normAutofit"))
    return tag("p:sp", None, who, where, tag("p:txBody", None, shrink, tag("a:lstStyle"), body))


def _place(kinds: dict[str, str | int]) -> str:
    return tag("p:nvPr", None, tag("p:ph", kinds))


def _shape(
    number: int, name: str, box: Box, colour: str, body: str, inset: dict[str, str | int], *, text_box: bool
) -> str:
    who = tag(
        "p:nvSpPr",
        None,
        tag("p:cNvPr", {"id": number, "name": name}),
        tag("p:cNvSpPr", {"txBox": 1} if text_box else None),
        tag("p:nvPr"),
    )
    form = tag("a:prstGeom", {"prst": "rect"}, tag("a:avLst"))
    paint = fill(colour) if colour else tag("a:noFill")
    where = tag("p:spPr", None, tag("a:xfrm", None, *box.frame), form, paint, tag("a:ln", None, tag("a:noFill")))
    return tag(
        "p:sp",
        None,
        who,
        where,
        tag("p:txBody", None, tag("a:bodyPr", {"wrap": "square", **inset}), tag("a:lstStyle"), body),
    )


class Pen:
    """Draws pieces in the theme's colours; shapes count from the number they are given."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._muted = hexed(theme.colours.muted)

    def words(self, number: int, words: Words, box: Box, *, body: bool) -> str:
        """Paragraphs and bullets: the first of a slide in its placeholder, so that the outline has them."""
        said = "".join(self._line(line, words.size) for line in words.lines)
        if body:
            return placeholder(number, "Content Placeholder 2", "", said, place=1, box=box)
        return _shape(number, f"Text {number}", box, "", said, dict(_INSET), text_box=True)

    def _line(self, line: Line, size: float) -> str:
        heading = line.form == "heading"
        colour = "tx2" if heading else "tx1"
        pieces = _MARKED.split(line.text)
        runs = [run(one, size=size, bold=heading, colour=colour, raised=one in MARKED) for one in pieces if one]
        runs += [run(line.mark, size=size, raised=True)] if line.mark else []
        return paragraph(*runs, after=6, bullet=line.form == "bullet")

    def note(self, number: int, note: Note, box: Box) -> list[str]:
        """A tinted box with a bar at its left."""
        theme, warning = self._theme, note.tone == "warning"
        strong = theme.standing_colour("unverified") if warning else theme.colours.accent
        tint = theme.standing_tint("unverified") if warning else theme.colours.accent_soft
        said = paragraph(run(note.text, size=CALLOUT, colour="tx1"), align="l")
        inset: dict[str, str | int] = {
            "lIns": emu(14),
            "tIns": emu(4),
            "rIns": emu(10),
            "bIns": emu(4),
            "anchor": "ctr",
        }
        bar = Box(box.left, box.top, 4, box.height)
        return [
            _shape(number, f"Remark {number}", box, hexed(tint or theme.colours.panel), said, inset, text_box=False),
            _shape(
                number + 1, f"Bar {number}", bar, hexed(strong or theme.colours.ink), tag("a:p"), {}, text_box=False
            ),
        ]

    def small(self, number: int, said: str, box: Box) -> str:
        """A line of small letters."""
        body = paragraph(run(said, size=10, colour=self._muted), align="l")
        return _shape(number, f"Small {number}", box, "", body, dict(_INSET), text_box=True)

    def feet(self, number: int, footer: str) -> list[str]:
        """The deck's title and the slide's number, in the layout's places."""
        look = tag("a:rPr", {"lang": "en-US"})
        count = tag("a:fld", {"id": _FIELD, "type": "slidenum"}, look, tag("a:t", None, str(number)))
        return [
            placeholder(3, "Footer Placeholder 3", "ftr", paragraph(run(footer)), place=11),
            placeholder(4, "Slide Number Placeholder 4", "sldNum", tag("a:p", None, count), place=12),
        ]

    def chart(self, number: int, relation: str, about: str, box: Box) -> str:
        """The frame of a chart part."""
        held = tag("c:chart", {"xmlns:c": _CHART, "r:id": relation})
        return _frame(number, f"Chart {number}", about, box, _CHART, held)

    # ------------------------------------------------------------ tables

    def table(self, number: int, rows: Rows, box: Box) -> list[str]:
        """A native table; above it what part of the columns this is."""
        shapes: list[str] = []
        top, panel = box.top, rows.panel
        if rows.caption:
            shapes.append(self.small(number + 1, rows.caption, Box(box.left, top, box.width, CAPTION)))
            top += CAPTION
        columns = [tag("a:gridCol", {"w": emu(width)}) for width in panel.widths]
        heads = tuple(CellBox(name, "", "") for name in panel.heads)
        body = [self._row(heads, rows, 0)]
        body += [self._row(boxes, rows, at) for at, boxes in enumerate(panel.rows, start=1)]
        style = tag("a:tblPr", {"firstRow": 1}, tag("a:tableStyleId", None, NO_STYLE))
        held = tag("a:tbl", None, style, tag("a:tblGrid", None, *columns), *body)
        about = f"Table: {', '.join(panel.heads)}"[:400]
        shapes.append(
            _frame(
                number, f"Table {number}", about, Box(box.left, top, sum(panel.widths), sum(rows.heights)), _TABLE, held
            )
        )
        return shapes

    def _row(self, boxes: Sequence[CellBox], rows: Rows, at: int) -> str:
        count = len(rows.panel.rows)
        head, total = at == 0, at > count - rows.bold
        strong = head or at in (count - rows.bold, count)
        colours = self._theme.colours
        edge = (colours.accent, 1.0) if strong else (colours.rule, 0.5)
        cells = [
            self._cell(box, rows.letter, right=right, bold=head or total, head=head, edge=edge)
            for box, right in zip(boxes, rows.panel.right, strict=True)
        ]
        return tag("a:tr", {"h": emu(rows.heights[at])}, *cells)

    def _cell(
        self, box: CellBox, letter: float, *, right: bool, bold: bool, head: bool, edge: tuple[str, float]
    ) -> str:
        colour = "tx2" if head else "tx1"
        runs = [run(box.text, size=letter, bold=bold, colour=colour)] if box.text else []
        runs += [run(box.mark, size=letter, bold=bold, raised=True)] if box.mark else []
        end = "" if runs else tag("a:endParaRPr", {"lang": "en-US", "sz": round(letter * 100)})
        said = paragraph(*runs, end, align="r" if right else "l")
        none = "".join(tag(f"a:ln{side}", {"w": 0}, tag("a:noFill")) for side in "LRT")
        line = tag("a:lnB", {"w": emu(edge[1])}, fill(hexed(edge[0])))
        tint = self._theme.standing_tint(box.standing) if box.standing in _TINTED else None
        margins: dict[str, str | int] = {"marL": emu(5.5), "marR": emu(5.5), "marT": emu(3), "marB": emu(3)}
        look = {**margins, "anchor": "b" if head else "t"}
        properties = tag("a:tcPr", look, none, line, fill(hexed(tint)) if tint else tag("a:noFill"))
        return tag("a:tc", None, tag("a:txBody", None, tag("a:bodyPr"), tag("a:lstStyle"), said), properties)


def _frame(number: int, name: str, about: str, box: Box, uri: str, held: str) -> str:
    who = tag(
        "p:nvGraphicFramePr",
        None,
        tag("p:cNvPr", {"id": number, "name": name, "descr": about}),
        tag("p:cNvGraphicFramePr", None, tag("a:graphicFrameLocks", {"noGrp": 1})),
        tag("p:nvPr"),
    )
    graphic = tag("a:graphic", None, tag("a:graphicData", {"uri": uri}, held))
    return tag("p:graphicFrame", None, who, tag("p:xfrm", None, *box.frame), graphic)
