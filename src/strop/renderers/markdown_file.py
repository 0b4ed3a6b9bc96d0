"""Markdown: CommonMark with pipe tables and footnotes, every text escaped.

What an agent wrote is shown as it stands, never as markup, link or HTML. A chart becomes the table
of its values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strop.renderers.cells import LEGEND, MARKS, NO_ROWS, pages, shown, standings, visible
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    Document,
    Figure,
    Head,
    Heading,
    Paragraph,
    Part,
    Sentence,
    Standing,
    Table,
)
from strop.types.work import ColumnType, Kind

if TYPE_CHECKING:
    from strop.seams import Renderer

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$^!&])")
_STARTS = re.compile(r"^(\s*)(?:([-+=:])|(\d{1,9})([.)]))", re.MULTILINE)
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto)(:)|\b(www)(\.)|([\w.+-])(@)")
_NUMBERS = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL)


@dataclass(frozen=True, slots=True)
class MarkdownFile:
    """Documents, tables and charts as one Markdown file with LF line ends."""

    @property
    def kind(self) -> Kind:
        return Kind.MARKDOWN

    def render(self, part: Part, *, to: Path) -> None:
        """Write the part's contents, in order.

        Raises:
            BadInput: nothing to write, or a number that is not finite.
        """
        writing = _Writing()
        blocks = [text for content in pages(part) for text in writing.content(content)]
        text = "\n\n".join([*blocks, *writing.footnotes()]) + "\n"
        to.write_text(text, encoding="utf-8", newline="\n")


def escaped(text: str) -> str:
    """`text` so that Markdown shows it and reads nothing into it; line ends become spaces."""
    flat = re.sub(r"\s+", " ", visible(text)).strip()
    flat = _MARKUP.sub(r"\\\1", flat)
    flat = _STARTS.sub(lambda found: found[1] + ("\\" + found[2] if found[2] else f"{found[3]}\\{found[4]}"), flat)
    # Bare addresses become links in many viewers; an entity in the middle keeps them text.
    return _LINK.sub(_unlinked, flat)


def _unlinked(found: re.Match[str]) -> str:
    before, sign = next((found[one], found[one + 1]) for one in (1, 3, 5) if found[one])
    return f"{before}&#{ord(sign)};"


class _Writing:
    """One file while it is written: it numbers the footnotes."""

    def __init__(self) -> None:
        self._notes: dict[str, int] = {}

    def content(self, content: Table | Chart | Document) -> list[str]:
        if isinstance(content, Document):
            subtitle = [escaped(content.subtitle)] if content.subtitle else []
            return [
                f"# {escaped(content.title)}",
                *subtitle,
                *(text for one in content.blocks for text in self._block(one)),
            ]
        return self._block(Figure(content) if isinstance(content, Chart) else content)

    def footnotes(self) -> list[str]:
        return [f"[^{number}]: {text}" for text, number in self._notes.items()]

    def _block(self, block: Block) -> list[str]:
        if isinstance(block, Heading):
            return ["#" * min(max(block.level + 1, 2), 6) + " " + escaped(block.text)]
        if isinstance(block, Paragraph):
            return [" ".join(self._sentence(one) for one in block.sentences)]
        if isinstance(block, Bullets):
            return ["\n".join(f"- {self._sentence(one)}" for one in block.items)] if block.items else []
        if isinstance(block, Callout):
            word = "Warning" if block.tone == "warning" else "Note"
            return [f"> **{word}:** {escaped(block.text)}"]
        if isinstance(block, Table):
            return _table(block)
        return _table(_figures(block))

    def _sentence(self, sentence: Sentence) -> str:
        notes = dict.fromkeys(self._note(cell) for cell in sentence.cells if cell.source or cell.quote)
        return escaped(sentence.text) + "".join(notes)

    def _note(self, cell: Cell) -> str:
        quote = f"“{escaped(cell.quote)}”" if cell.quote else ""
        parts = [escaped(cell.source), quote, "not verified" if cell.standing is Standing.UNVERIFIED else ""]
        text = ", ".join(part for part in parts if part)
        number = self._notes.setdefault(text, len(self._notes) + 1)
        return f"[^{number}]"


def _table(table: Table) -> list[str]:
    title = table.caption or table.name
    head = "| " + " | ".join(escaped(one.name) or " " for one in table.heads) + " |"
    rule = "|" + "|".join(" ---: " if one.type in _NUMBERS else " --- " for one in table.heads) + "|"
    rows = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
    if not rows:
        rows = [f"| *{NO_ROWS}* |" + " |" * (len(table.heads) - 1)]
    held = standings(table)
    legend = "; ".join(f"{MARKS[one]} {LEGEND[one]}" for one in MARKS if one in held)
    return [f"**{escaped(title)}**", "\n".join([head, rule, *rows]), *([legend] if legend else [])]


def _cell(cell: Cell) -> str:
    return escaped(shown(cell.value)) + MARKS.get(cell.standing, "")


def _figures(figure: Figure) -> Table:
    """The values of a chart as a table."""
    chart = figure.chart
    split = len({point.series for point in chart.points}) > 1
    heads = (Head(chart.x_title), *((Head("series"),) if split else ()), Head(chart.y_title, ColumnType.NUMBER))
    rows = tuple((Cell(point.x), *((Cell(point.series),) if split else ()), point.y) for point in chart.points)
    return Table(chart.name, heads, rows, figure.caption or chart.title)


if TYPE_CHECKING:

    def _fits(one: MarkdownFile) -> Renderer:
        return one
