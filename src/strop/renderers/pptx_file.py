"""PPTX, written as the format is: our own master, native charts and tables, notes that say where values stand.

What goes where is measured before anything is drawn (`slides.py`), so no slide runs over. Colours and
fonts stand in the file's theme and master, so whoever edits the deck gets our palette. The file holds no
date, so equal parts give equal bytes. Written without a library: those at hand leave charts' gaps, log
axes, hollow points and fixed bytes to their insides (docs/decisions/0009-office-files.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from strop.renderers.cells import checked, cut, visible
from strop.renderers.markup import HEAD, tag
from strop.renderers.package import EMU, SPACES, Package, filled
from strop.renderers.pptx_charts import chart_part, described
from strop.renderers.pptx_shapes import NO_STYLE, P_SPACES, Box, Pen, paragraph, placeholder, run, shape_tree
from strop.renderers.slides import HEIGHT, LEFT, TOP, WIDTH, Face, Note, Plot, Rows, Words, deck_of, faces
from strop.renderers.theme import Theme, load_theme
from strop.types.content import Deck, Part
from strop.types.work import Kind

if TYPE_CHECKING:
    from strop.seams import Renderer

_DECK = "ppt/presentation.xml"
_MASTER = "ppt/slideMasters/slideMaster1.xml"
_NOTES = "ppt/notesMasters/notesMaster1.xml"
_LAYOUTS = ("layout-title.xml", "layout-content.xml", "layout-bare.xml")
_TITLE, _CONTENT, _BARE = (f"ppt/slideLayouts/slideLayout{number}.xml" for number in (1, 2, 3))
_OF = "officedocument.presentationml."
_SLIDE = (960, 540)
_APP = "http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"


@dataclass(frozen=True, slots=True)
class PptxFile:
    """A deck: title slide, content, and where everything stands."""

    theme: Theme = field(default_factory=load_theme)

    @property
    def kind(self) -> Kind:
        return Kind.PPTX

    def render(self, part: Part, *, to: Path) -> None:
        """Draw the part's slides.

        Raises:
            MissingPart: xlsxwriter, which writes the charts' data, is not installed.
            BadInput: code among the contents, a number that is not finite, a cell that no slide holds,
                or more slides than anyone looks at.
        """
        deck = deck_of(checked(part), part.file)
        pages = faces(deck, file=part.file)
        to.write_bytes(_Drawing(self.theme).draw(deck, pages))


class _Drawing:
    """One deck while it is drawn."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._package = Package()
        self._pen = Pen(theme)
        self._slides: list[str] = []
        self._charts = 0
        self._footer = ""

    def draw(self, deck: Deck, pages: Sequence[Face]) -> bytes:
        self._master()
        self._footer = cut(" ".join(visible(deck.title).split()), 110)
        self._cover(deck)
        for number, face in enumerate(pages, start=2):
            self._slide(face, number)
        self._presentation()
        return self._package.sealed(title=deck.title)

    def _master(self) -> None:
        """Theme, master, layouts, and the notes' master with a theme of its own, as the format wants it."""
        package, theme = self._package, self._theme
        package.relate("", "officeDocument", _DECK)
        package.add(
            "docProps/app.xml", HEAD + tag("Properties", {"xmlns": _APP}), "officedocument.extended-properties+xml"
        )
        package.relate("", "extended-properties", "docProps/app.xml")
        package.add(_MASTER, filled("master.xml", theme), f"{_OF}slideMaster+xml")
        for layout, template in zip((_TITLE, _CONTENT, _BARE), _LAYOUTS, strict=True):
            package.relate(
                _MASTER, "slideLayout", package.add(layout, filled(template, theme), f"{_OF}slideLayout+xml")
            )
            package.relate(layout, "slideMaster", _MASTER)
        package.add(_NOTES, filled("notes-master.xml", theme), f"{_OF}notesMaster+xml")
        styles = tag("a:tblStyleLst", {"xmlns:a": SPACES["xmlns:a"], "def": NO_STYLE})
        package.relate(_DECK, "tableStyles", package.add("ppt/tableStyles.xml", HEAD + styles, f"{_OF}tableStyles+xml"))
        for number, master in enumerate((_MASTER, _NOTES), start=1):
            body = filled("theme.xml", theme)
            package.relate(
                master, "theme", package.add(f"ppt/theme/theme{number}.xml", body, "officedocument.theme+xml")
            )

    def _presentation(self) -> None:
        relate = self._package.relate
        master, notes = relate(_DECK, "slideMaster", _MASTER), relate(_DECK, "notesMaster", _NOTES)
        relate(_DECK, "theme", "ppt/theme/theme1.xml")
        slides = [
            tag("p:sldId", {"id": 256 + number, "r:id": relate(_DECK, "slide", name)})
            for number, name in enumerate(self._slides)
        ]
        width, height = (side * EMU for side in _SLIDE)
        body = tag(
            "p:presentation",
            {**SPACES, **P_SPACES, "saveSubsetFonts": 1},
            tag("p:sldMasterIdLst", None, tag("p:sldMasterId", {"id": 2_147_483_648, "r:id": master})),
            tag("p:notesMasterIdLst", None, tag("p:notesMasterId", {"r:id": notes})),
            tag("p:sldIdLst", None, *slides),
            tag("p:sldSz", {"cx": width, "cy": height}),
            tag("p:notesSz", {"cx": 540 * EMU, "cy": 720 * EMU}),
        )
        self._package.add(_DECK, HEAD + body, f"{_OF}presentation.main+xml")

    def _cover(self, deck: Deck) -> None:
        title = cut(" ".join(visible(deck.title).split()), 200)
        size = 40 if len(title) < 60 else 30 if len(title) < 120 else 24
        shapes = [placeholder(2, "Title 1", "ctrTitle", paragraph(run(title, size=size)))]
        subtitle = cut(" ".join(visible(deck.subtitle).split()), 300)
        if subtitle:
            shapes.append(placeholder(3, "Subtitle 2", "subTitle", paragraph(run(subtitle)), place=1))
        self._add(shapes, _TITLE)

    def _slide(self, face: Face, number: int) -> None:
        name = f"ppt/slides/slide{number}.xml"
        shapes = [placeholder(2, "Title 1", "title", paragraph(run(face.title, size=face.size)))]
        body = next((place for place, (_, piece) in enumerate(face.pieces) if isinstance(piece, Words)), None)
        for place, (top, piece) in enumerate(face.pieces):
            box = Box(LEFT, TOP + top, WIDTH, piece.height)
            mine = 10 * (place + 1)
            match piece:
                case Words():
                    shapes.append(self._pen.words(mine, piece, box, body=place == body))
                case Note():
                    shapes += self._pen.note(mine, piece, box)
                case Rows():
                    shapes += self._pen.table(mine, piece, box)
                case Plot():
                    shapes.append(self._plot(mine, name, piece, box))
        if face.legend:
            shapes.append(self._pen.small(5, face.legend, Box(LEFT, TOP + HEIGHT - 12, WIDTH, 14)))
        shapes += self._pen.feet(number, self._footer)
        self._add(shapes, _BARE if body is None else _CONTENT)
        if face.notes:
            self._notes(name, number, face.notes)

    def _add(self, shapes: Sequence[str], layout: str) -> None:
        name = f"ppt/slides/slide{len(self._slides) + 1}.xml"
        self._package.add(name, shape_tree("p:sld", shapes), f"{_OF}slide+xml")
        self._package.relate(name, "slideLayout", layout)
        self._slides.append(name)

    def _plot(self, number: int, slide: str, plot: Plot, box: Box) -> str:
        self._charts += 1
        chart, workbook = chart_part(plot.chart, self._theme, box.height)
        package = self._package
        name = package.add(f"ppt/charts/chart{self._charts}.xml", chart, "officedocument.drawingml.chart+xml")
        package.relate(name, "package", package.add(f"ppt/embeddings/chart{self._charts}.xlsx", workbook))
        return self._pen.chart(number, package.relate(slide, "chart", name), described(plot.chart), box)

    def _notes(self, slide: str, number: int, notes: Sequence[str]) -> None:
        name = f"ppt/notesSlides/notesSlide{number}.xml"
        locks = tag("p:cNvSpPr", None, tag("a:spLocks", {"noGrp": 1, "noRot": 1, "noChangeAspect": 1}))
        place = tag("p:nvPr", None, tag("p:ph", {"type": "sldImg"}))
        picture = tag("p:nvSpPr", None, tag("p:cNvPr", {"id": 2, "name": "Slide Image 1"}), locks, place)
        said = "".join(paragraph(run(line)) for line in notes)
        shapes = (tag("p:sp", None, picture, tag("p:spPr")), placeholder(3, "Notes 2", "body", said, place=1))
        self._package.add(name, shape_tree("p:notes", shapes), f"{_OF}notesSlide+xml")
        self._package.relate(name, "notesMaster", _NOTES)
        self._package.relate(name, "slide", slide)
        self._package.relate(slide, "notesSlide", name)


if TYPE_CHECKING:

    def _fits(one: PptxFile) -> Renderer:
        return one
