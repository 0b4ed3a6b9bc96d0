"""What the words and figures of a deck rest on, said in its notes and on its last slide. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from strop.renderers.cells import LEGEND, MARKS, cut, shown, visible, weakest
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Deck,
    Figure,
    Paragraph,
    Sentence,
    Slide,
    Table,
)

_SOURCES = "Sources"
_QUOTE = 400
_PLACE = re.compile(r"(:\d+-\d+( and \d+ more)?|#.*)$")
_CALL = re.compile(r"\w+:[^()]*\((.+)\)")
"""A value that a tool computed names the call: `table:rows(data/a.csv)`."""


def cells_of(blocks: Sequence[Block]) -> Iterator[Cell]:
    """Every cell that stands in the blocks."""
    for block in blocks:
        match block:
            case Paragraph():
                yield from (cell for one in block.sentences for cell in one.cells)
            case Bullets():
                yield from (cell for one in block.items for cell in one.cells)
            case Table():
                yield from (cell for row in block.rows for cell in row)
                yield from (total.cell for total in block.totals)
            case Figure():
                yield from (point.y for point in block.chart.points)
            case _:
                pass


def sentences_of(blocks: Sequence[Block]) -> Iterator[Sentence]:
    for block in blocks:
        if isinstance(block, Paragraph):
            yield from block.sentences
        elif isinstance(block, Bullets):
            yield from block.items


def distinct(cells: Iterable[Cell]) -> Iterator[Cell]:
    """Cells that rest on something, each claim once."""
    told: set[tuple[object, ...]] = set()
    for cell in cells:
        key = (cell.claims, cell.source, cell.quote, cell.formula, str(cell.value))
        if (cell.claims or cell.source or cell.formula) and key not in told:
            told.add(key)
            yield cell


def told(sentence: Sentence) -> Iterator[str]:
    yield visible(sentence.text) + mark_of(sentence)
    yield from (evidence(cell) for cell in distinct(sentence.cells))


def evidence(cell: Cell) -> str:
    """`601†: claim 3f2a…; inputs/a.txt:10-20; “601 rows”; not verified…`."""
    parts = [f"claim {', '.join(cell.claims)}"] if cell.claims else []
    parts += [f"computed as {cut(visible(cell.formula), _QUOTE)}"] if cell.formula else []
    parts += [cut(visible(cell.source), _QUOTE)] if cell.source else []
    parts += [f"“{cut(' '.join(visible(cell.quote).split()), _QUOTE)}”"] if cell.quote else []
    parts += [LEGEND[cell.standing]] if cell.standing in LEGEND else []
    value = cut(" ".join(shown(cell.value).split()), 80) or "—"
    return f"{value}{MARKS.get(cell.standing, '')}: {'; '.join(parts)}"


def mark_of(sentence: Sentence) -> str:
    """The mark behind a sentence that rests on a weak value."""
    return MARKS.get(weakest(sentence.cells), "")


def sources(deck: Deck) -> tuple[Slide, ...]:
    """The last slide, unless the deck has one of that name."""
    if any(slide.title.strip().lower() == _SOURCES.lower() for slide in deck.slides):
        return ()
    counts: dict[str, int] = {}
    for slide in deck.slides:
        for cell in distinct(cells_of((*slide.blocks, Paragraph(slide.notes)))):
            if cell.source:
                place = " ".join(visible(cell.source).split())
                call = _CALL.fullmatch(place)
                name = call[1] if call else _PLACE.sub("", place)
                counts[name] = counts.get(name, 0) + 1
    if not counts:
        return (Slide(_SOURCES, (Callout("No value in this deck rests on a source."),)),)
    items = tuple(
        Sentence(f"{cut(name, 200)}: {number} value{'s' if number > 1 else ''}")
        for name, number in sorted(counts.items())
    )
    hint = Sentence("Claim, place and quote of every value stand in the speaker notes of its slide.")
    return (Slide(_SOURCES, (Bullets(items), Paragraph((hint,)))),)
