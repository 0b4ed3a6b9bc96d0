"""PDF by typst: our template, and the content beside it as JSON, so that no text is ever markup.

Set in Libertinus Serif, which typst bundles; the machine's fonts are looked at only for letters
that none of the bundled ones has (Chinese, Thai), so equal parts give equal bytes elsewhere too.
Charts go in as vectors. A table that is too wide gets smaller letters, then panels of columns that
repeat the first. The file holds no date.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from strop.errors import BadInput, StropError
from strop.renderers.cells import LEGEND, MARKS, NO_ROWS, Json, cut, missing, pages, visible
from strop.renderers.chart_file import draw_pdf
from strop.renderers.grid import lay_out
from strop.renderers.theme import Theme, load_theme
from strop.renderers.vega import vega_lite
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
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
    from typst import Fonts

    from strop.seams import Renderer


_TEMPLATE = Path(__file__).with_name("document.typ")
_QUOTE = 240
"""Characters of a quote in a footnote."""
_FIGURE = 470.0
"""Points: the width of the text."""
_LIMIT = 8 * 2**20
"""Bytes of content; 1 MB of text makes about 300 pages."""
_LETTERS = 5_000
"""Letters that are looked up; more do not stand in one document, but for a list of all there are."""
_BEYOND = re.compile("[\u0700-\u1dff\u2c00-\ua7ff\uaa00-\ufaff\ufe20-\ufe6f\uff00-\uffef\U00010000-\U0010ffff]")
"""Letters that no bundled font has: there the machine's fonts are asked."""


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
            held = _Setting(self.theme, root).document(part)
            letters = _rare(orjson.dumps(held).decode("utf-8"))
            content = orjson.dumps({**held, "letters": letters})
            if len(content) > _LIMIT:
                raise BadInput(f"{part.file}: {len(content):,} bytes are too much for a PDF; the limit is {_LIMIT:,}")
            (root / "content.json").write_bytes(content)
            body = _compile(root, beyond=any(map(_BEYOND.match, letters)))
        to.write_bytes(body)


def _rare(text: str) -> list[str]:
    """The letters that a font may lack: the template looks whether one has them, and says if not."""
    return sorted({letter for letter in text if letter > "\u024f"})[:_LETTERS]


def _compile(root: Path, *, beyond: bool) -> bytes:
    try:
        import typst
    except ImportError as absent:
        raise missing("typst") from absent
    fonts = _all_fonts() if beyond else _bundled_fonts()
    try:
        compiler = typst.Compiler(input=_TEMPLATE.read_bytes(), root=str(root), font_paths=fonts)
        body = compiler.compile(format="pdf")
    except RuntimeError as caught:
        raise StropError(f"typst cannot set this document: {caught}") from caught
    if not isinstance(body, bytes):
        raise StropError("typst gave no PDF")
    return body


@cache
def _bundled_fonts() -> Fonts:
    import typst

    return typst.Fonts(include_system_fonts=False)


@cache
def _all_fonts() -> Fonts:
    import typst

    return typst.Fonts(include_system_fonts=True)


class _Setting:
    """One document on its way into JSON: numbers its tables, figures and footnotes."""

    def __init__(self, theme: Theme, root: Path) -> None:
        self._theme = theme
        self._root = root
        self._notes: dict[str, int] = {}
        self._tables = 0
        self._figures = 0

    def document(self, part: Part) -> dict[str, Json]:
        contents = pages(part)
        first = next((one for one in contents if isinstance(one, Document)), None)
        title = visible(first.title) if first else Path(part.file).stem.replace("_", " ").capitalize()
        blocks = [self._block(block) for block in _blocks(contents, first)]
        headings = [block for block in blocks if block["kind"] == "heading"]
        return {
            "title": title,
            "running": cut(title.replace("\n", " "), 90),
            "subtitle": visible(first.subtitle) if first else "",
            "contents": len(headings) > 1,
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
            return {"kind": "heading", "text": visible(block.text), "level": min(max(block.level, 1), 4)}
        if isinstance(block, Paragraph):
            return {"kind": "paragraph", "sentences": [self._sentence(one) for one in block.sentences]}
        if isinstance(block, Bullets):
            return {"kind": "bullets", "items": [self._sentence(one) for one in block.items]}
        if isinstance(block, Callout):
            return {"kind": "callout", "text": visible(block.text), "tone": block.tone}
        if isinstance(block, Table):
            return self._table(block)
        return self._figure(block)

    def _sentence(self, sentence: Sentence) -> Json:
        standing = _weakest(sentence.cells)
        notes = [self._note(cell) for cell in sentence.cells if cell.source or cell.quote]
        return {
            "text": visible(sentence.text),
            "mark": MARKS.get(standing, ""),
            "standing": standing.value,
            "notes": [note for number, note in enumerate(notes) if note not in notes[:number]],
        }

    def _note(self, cell: Cell) -> dict[str, Json]:
        """A footnote, told once and then referred to."""
        quote = f"“{cut(visible(cell.quote), _QUOTE)}”" if cell.quote else ""
        unsure = "Not verified." if cell.standing is Standing.UNVERIFIED else ""
        text = ". ".join(one for one in (visible(cell.source), quote) if one) + "."
        text = f"{text} {unsure}".strip()
        if text in self._notes:
            return {"id": self._notes[text]}
        self._notes[text] = len(self._notes) + 1
        return {"id": self._notes[text], "text": text}

    def _table(self, table: Table) -> dict[str, Json]:
        self._tables += 1
        letter, panels = lay_out(table, width=_FIGURE, sizes=self._theme.sizes)
        used = {cell.standing for row in table.rows for cell in row}
        legend = [_legend(standing) for standing in LEGEND if standing in used]
        caption = visible(table.caption or table.name)
        return {
            "kind": "table",
            "number": self._tables,
            "caption": caption,
            "letter": letter,
            "panels": [asdict(panel) for panel in panels],
            "legend": legend,
        }

    def _figure(self, figure: Figure) -> dict[str, Json]:
        self._figures += 1
        name = f"figure-{self._figures}.pdf"
        (self._root / name).write_bytes(draw_pdf(vega_lite(figure.chart, theme=self._theme)))
        title = visible(figure.chart.title)
        return {
            "kind": "figure",
            "number": self._figures,
            "caption": visible(figure.caption) or title,
            "path": name,
            "alt": title,
            "width": _FIGURE,
        }


def _blocks(contents: tuple[Table | Chart | Document, ...], first: Document | None) -> Iterator[Block]:
    for content in contents:
        if isinstance(content, Document):
            if content is not first:
                yield Heading(content.title)
            yield from content.blocks
        elif isinstance(content, Chart):
            yield Figure(content)
        else:
            yield content


def _weakest(cells: tuple[Cell, ...]) -> Standing:
    held = {cell.standing for cell in cells}
    order = (Standing.UNVERIFIED, Standing.CORRECTED)
    return next((standing for standing in order if standing in held), Standing.PLAIN)


def _legend(standing: Standing) -> Json:
    return {"mark": MARKS.get(standing, "—"), "standing": standing.value, "text": LEGEND[standing]}


if TYPE_CHECKING:

    def _fits(one: PdfFile) -> Renderer:
        return one
