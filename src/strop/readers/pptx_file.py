"""PPTX from its archive: a slide's title, its words, tables and notes; a title is a heading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from strop.readers.archive import Parts
from strop.readers.blocks import Block, Looks, Taken, made
from strop.readers.office_looks import A, OfficeTheme, coloured, theme_of
from strop.types.count import counted
from strop.types.document import Format, ReadDocument

if TYPE_CHECKING:
    from strop.seams import Reader

_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")
_TITLES = ("title", "ctrTitle")


class PptxFile:
    """Places are slides as they are shown, from 1; what the speaker says is a passage of its own."""

    @property
    def formats(self) -> tuple[Format, ...]:
        return (Format.PPTX,)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`."""
        parts = Parts(body)
        name = parts.main("ppt/presentation.xml")
        targets = parts.targets(name)
        deck = _Deck(parts, theme_of(parts, name))
        slides = [targets.get(each.get(f"{_R}id", ""), "") for each in parts.xml(name).iter(f"{_P}sldId")]
        blocks = [block for number, slide in enumerate(slides, start=1) for block in deck.slide(slide, number)]
        notes = [f"{counted(deck.hidden, 'hidden slide')} left out"] if deck.hidden else []
        if embedded := [each for each in parts.embedded() if not each.endswith(".xlsx")]:
            notes.append(f"{counted(len(embedded), 'embedded file')} not opened; add what matters by itself")
        pages = len(slides) - deck.hidden
        taken = Taken(blocks, pages, deck.tables, deck.figures, deck.looks, tuple(notes))
        return made(taken, format=Format.PPTX, body=body, path=path, locator=lambda first, _: first.group)


@dataclass(slots=True)
class _Deck:
    """Goes through the slides once, and counts."""

    parts: Parts
    theme: OfficeTheme
    looks: Looks = field(default_factory=Looks)
    tables: int = 0
    figures: int = 0
    hidden: int = 0

    def slide(self, name: str, number: int) -> Iterator[Block]:
        root = self.parts.xml(name)
        if root.get("show") in ("0", "false"):
            self.hidden += 1
            return
        group = f"slide {number}"
        shapes = list(root.iter(f"{_P}sp"))
        for shape in sorted(shapes, key=lambda one: _placeholder(one) not in _TITLES):
            kind = _placeholder(shape)
            if kind in _FURNITURE:
                continue
            titled = kind in _TITLES
            text = self._text(shape, heading=titled)
            yield Block(text, number, number, level=1 if titled else 0, group=group)
        for table in root.iter(f"{A}tbl"):
            self.tables += 1
            for row in table.iter(f"{A}tr"):
                cells = (self._text(cell) for cell in row.iter(f"{A}tc"))
                yield Block(" | ".join(cell for cell in cells if cell), number, number, group=group)
        self.figures += sum(1 for each in root.iter() if each.tag in (f"{A}blip", f"{_C}chart"))
        notes = self.parts.optional(name, "notesSlide")
        if notes is not None:
            for shape in notes.iter(f"{_P}sp"):
                if _placeholder(shape) not in _FURNITURE:
                    yield Block(self._text(shape), number, number, group=f"slide {number}, notes")

    def _text(self, held: Element, *, heading: bool = False) -> str:
        lines: list[str] = []
        for paragraph in held.iter(f"{A}p"):
            said: list[str] = []
            for each in paragraph:
                if each.tag in (f"{A}r", f"{A}fld"):
                    text = each.findtext(f"{A}t") or ""
                    said.append(text)
                    self._look(each.find(f"{A}rPr"), len(text.strip()), heading=heading)
                elif each.tag == f"{A}br":
                    said.append("\n")
            lines.append("".join(said))
        return "\n".join(line for line in lines if line.strip())

    def _look(self, properties: Element | None, letters: int, *, heading: bool) -> None:
        latin = None if properties is None else properties.find(f"{A}latin")
        font = "" if latin is None else latin.get("typeface", "")
        if not font or font.startswith("+"):
            font = self.theme.major if heading or font.startswith("+mj") else self.theme.minor
        fill = None if properties is None else properties.find(f"{A}solidFill")
        colour = next(iter(fill), None) if fill is not None else None
        said = "" if colour is None else colour.get("val", "")
        self.looks.add(letters, colour=coloured(said) or self.theme.colours.get(_named(said), ""), font=font)


def _named(said: str) -> str:
    """The theme's name of a colour: a slide says `tx1` for what the theme calls `dk1`."""
    return {"tx1": "dk1", "tx2": "dk2", "bg1": "lt1", "bg2": "lt2", "": "dk1"}.get(said, said)


def _placeholder(shape: Element) -> str:
    held = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
    return "" if held is None else held.get("type", "body")


if TYPE_CHECKING:

    def _fits(x: PptxFile) -> Reader:
        return x
