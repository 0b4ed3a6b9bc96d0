"""PDF by typst: our template, and the content beside it as JSON, so that no text is ever markup.

Set in Libertinus Serif, which typst bundles; the machine's fonts are looked at only for letters
that none of the bundled ones has (Chinese, Thai), so equal parts give equal bytes elsewhere too.
Charts go in as vectors. A table that is too wide gets smaller letters, then panels of columns that
repeat the first. The file holds no date.
"""

from __future__ import annotations

import ctypes
import re
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from strop.errors import BadInput, StropError
from strop.renderers.cells import (
    LEGEND,
    MARKS,
    NO_ROWS,
    Json,
    Note,
    cut,
    missing,
    note_of,
    one_document,
    shown,
    visible,
    weakest,
)
from strop.renderers.chart_file import draw_pdf, words_of
from strop.renderers.glyphs import BEYOND, all_fonts, bundled_fonts, rare
from strop.renderers.grid import flowing, lay_out
from strop.renderers.inline_svg import told
from strop.renderers.language import language_of, words_in
from strop.renderers.theme import Theme, load_theme
from strop.renderers.vega import vega_lite
from strop.types.content import (
    Block,
    Bullets,
    Callout,
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


_TEMPLATE = Path(__file__).with_name("document.typ")
_FIGURE = 470.0
"""Points: the width of the text."""
_SHRUNK = 0.66
"""A drawing's letters of 12 pixels become 8 points."""
_HIGHEST = 590.0
"""Points: the height of the text without a caption."""
_BOX = re.compile(rb"/MediaBox\s*\[\s*0(?:\.0)?\s+0(?:\.0)?\s+([\d.]+)\s+([\d.]+)\s*\]")
_BESIDE = 26
"""Lines of contents that stand on the cover; more get pages of their own."""
_CLAIMED = 1_000
"""Rows of tables whose claims are listed at the end."""
_NUMBERED = re.compile(r"(\d+|[IVX]+)[.)]?\s")
"""A heading that brings its number."""
_LONG, _FORGETS = 50_000, 10
"""Bytes of a document that typst is made to forget: what it computed for one stays until ten others are set,
50 to 140 MB for forty pages. Ten that say nothing take 0.06 s."""
_LIMIT = 8 * 2**20
"""Bytes of content; 1 MB of text makes about 300 pages."""


@dataclass(frozen=True, slots=True)
class PdfFile:
    """Documents, tables and charts as one PDF with cover, contents and page numbers."""

    theme: Theme = field(default_factory=load_theme)

    @property
    def kind(self) -> Kind:
        return Kind.PDF

    def render(self, part: Part, *, to: Path) -> None:
        """Set the part's contents, in order.

        Raises:
            MissingPart: typst or vl-convert is not installed.
            BadInput: a number is not finite, or the content is larger than 8 MiB.
            StropError: typst cannot set it.
        """
        with tempfile.TemporaryDirectory(prefix="strop-pdf-") as folder:
            root = Path(folder)
            setting = _Setting(self.theme, root)
            held = setting.document(part)
            letters = rare(orjson.dumps(held).decode("utf-8") + "".join(setting.drawn))
            content = orjson.dumps({**held, "letters": letters})
            if len(content) > _LIMIT:
                raise BadInput(f"{part.file}: {len(content):,} bytes are too much for a PDF; the limit is {_LIMIT:,}")
            (root / "content.json").write_bytes(content)
            own = self.theme.fonts != load_theme().fonts
            body = _compile(root, beyond=own or any(map(BEYOND.match, letters)))
        to.write_bytes(body)


def _compile(root: Path, *, beyond: bool) -> bytes:
    try:
        import typst
    except ImportError as absent:
        raise missing("typst") from absent
    fonts = all_fonts() if beyond else bundled_fonts()
    long = (root / "content.json").stat().st_size > _LONG
    if long:
        _give_back()
    try:
        body = typst.Compiler(input=_TEMPLATE.read_bytes(), root=str(root), font_paths=fonts).compile(format="pdf")
        if long:
            for _ in range(_FORGETS):
                typst.Compiler(input=b".", font_paths=fonts).compile(format="pdf")
            _give_back()
    except RuntimeError as caught:
        raise StropError(f"typst cannot set this document: {caught}") from caught
    if not isinstance(body, bytes):
        raise StropError("typst gave no PDF")
    return body


def _give_back() -> None:
    """What threads have freed glibc keeps for them, and typst sets a document in many: hand it back."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


class _Setting:
    """One document on its way into JSON: numbers its tables, figures and footnotes."""

    def __init__(self, theme: Theme, root: Path) -> None:
        self._theme = theme
        self._root = root
        self._notes: dict[Note, int] = {}
        self._tables = 0
        self._claims: list[str] = []
        self.drawn: list[str] = []
        """Words that stand in drawings."""
        self._figures = 0

    def document(self, part: Part) -> dict[str, Json]:
        whole = one_document(part)
        title = visible(whole.title)
        blocks = [self._block(block) for block in whole.blocks] + self._claimed()
        headings = [str(block["text"]) for block in blocks if block["kind"] == "heading"]
        language = language_of(words_in((whole,), title))
        return {
            "title": flowing(title),
            "language": language.code,
            "direction": "rtl" if language.rtl else "ltr",
            "numbered": not any(_NUMBERED.match(heading) for heading in headings),
            "running": cut(title.replace("\n", " "), 62),
            "subtitle": flowing(visible(whole.subtitle)),
            "contents": len(headings) > 1,
            "apart": sum(1 + len(heading) // 90 for heading in headings) > _BESIDE,
            "empty": NO_ROWS,
            "theme": self._look(),
            "blocks": list(blocks),
        }

    def _look(self) -> Json:
        theme = self._theme
        return {
            "colours": asdict(theme.colours),
            "sizes": asdict(theme.sizes),
            "standing": dict(theme.standing),
            "tint": dict(theme.tint),
            "text": theme.fonts.text,
            "mono": theme.fonts.mono,
        }

    def _block(self, block: Block) -> dict[str, Json]:
        if isinstance(block, Heading):
            return {"kind": "heading", "text": flowing(visible(block.text)), "level": min(max(block.level, 1), 4)}
        if isinstance(block, Paragraph):
            rtl = language_of(" ".join(one.text for one in block.sentences)).rtl
            return {
                "kind": "paragraph",
                "direction": "rtl" if rtl else "ltr",
                "sentences": [self._sentence(one) for one in block.sentences],
            }
        if isinstance(block, Bullets):
            return {"kind": "bullets", "items": [self._sentence(one) for one in block.items]}
        if isinstance(block, Callout):
            return {"kind": "callout", "text": flowing(visible(block.text)), "tone": block.tone}
        if isinstance(block, Table):
            return self._table(block)
        return self._figure(block)

    def _sentence(self, sentence: Sentence) -> Json:
        standing = weakest(sentence.cells)
        notes = dict.fromkeys(note for cell in sentence.cells if (note := note_of(cell)))
        return {
            "text": flowing(visible(sentence.text)),
            "mark": MARKS.get(standing, ""),
            "standing": standing.value,
            "notes": [self._note(note) for note in notes],
        }

    def _note(self, note: Note) -> dict[str, Json]:
        """A footnote, told once and then referred to."""
        if note in self._notes:
            return {"id": self._notes[note]}
        self._notes[note] = len(self._notes) + 1
        return {"id": self._notes[note], "text": flowing(note.text)}

    def _table(self, table: Table) -> dict[str, Json]:
        self._tables += 1
        letter, panels = lay_out(table, width=_FIGURE, sizes=self._theme.sizes)
        used = {cell.standing for row in table.rows for cell in row}
        legend = [_legend(standing) for standing in LEGEND if standing in used]
        caption = visible(table.caption or table.name)
        self._claims += _claims_of(table, self._tables)
        return {
            "kind": "table",
            "number": self._tables,
            "caption": flowing(caption),
            "letter": letter,
            "panels": [asdict(panel) for panel in panels],
            "legend": legend,
        }

    def _claimed(self) -> list[dict[str, Json]]:
        """The claims behind the cells of tables, which have no room for footnotes."""
        if not self._claims:
            return []
        told, left = self._claims[:_CLAIMED], len(self._claims) - _CLAIMED
        more = [f"{left:,} more rows stand in the claims table that lies beside this file."] if left > 0 else []
        heading = self._block(Heading("Claims behind the tables"))
        return [heading, {"kind": "small", "lines": [*told, *more]}]

    def _figure(self, figure: Figure) -> dict[str, Json]:
        self._figures += 1
        name = f"figure-{self._figures}.pdf"
        drawn = draw_pdf(vega_lite(figure.chart, theme=self._theme))
        (self._root / name).write_bytes(drawn)
        self.drawn += words_of(figure.chart)
        return {
            "kind": "figure",
            "number": self._figures,
            "caption": flowing(visible(figure.caption or figure.chart.title)),
            "path": name,
            "alt": told(figure.chart),
            "width": _width(drawn),
        }


def _width(drawn: bytes) -> float:
    """Points that a drawing takes: all have letters of one size, and none is higher than a page."""
    found = _BOX.search(drawn)
    if found is None:
        raise StropError("a chart was drawn without a size")
    width, height = float(found[1]), float(found[2])
    return round(min(_FIGURE, width * _SHRUNK, _HIGHEST * width / height), 2)


def _claims_of(table: Table, number: int) -> list[str]:
    lines: list[str] = []
    for place, row in enumerate(table.rows, start=1):
        held = [f"{head.name} {cell.claims[0]}" for head, cell in zip(table.heads, row, strict=True) if cell.claims]
        if held:
            name = cut(shown(row[0].value).replace("\n", " "), 40)
            lines.append(flowing(visible(f"Table {number}, row {place} ({name}): {', '.join(held)}")))
    return lines


def _legend(standing: Standing) -> Json:
    return {"mark": MARKS.get(standing, "—"), "standing": standing.value, "text": LEGEND[standing]}


if TYPE_CHECKING:

    def _fits(one: PdfFile) -> Renderer:
        return one
