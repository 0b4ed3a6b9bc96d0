"""A deck as it is laid on slides: what stands where, measured, and split before it runs over. Pure.

Lengths are points on a slide of 960 x 540. Text is tried in three sizes and the largest that needs the
fewest slides is taken; what does not fit goes on to another slide of the same title, "(2/3)". A table
keeps its header on each of them. A chart gets the room that words leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from strop.errors import BadInput
from strop.renderers.cells import LEGEND, MARKS, NO_ROWS, cut, visible
from strop.renderers.evidence import cells_of, distinct, evidence, mark_of, sentences_of, sources, told
from strop.renderers.grid import Box, Panel, lay_out, totals_of
from strop.renderers.letters import LINE, SANS, lines
from strop.renderers.theme import Sizes
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    Code,
    Content,
    Deck,
    Document,
    Figure,
    Heading,
    Paragraph,
    Slide,
    Standing,
    Table,
)

LEFT, TOP, WIDTH, HEIGHT = 48.0, 108.0, 864.0, 384.0
"""Where a slide's blocks stand."""
MOST_SLIDES = 300
_MOST_LETTERS = 4_000
"""Letters of a cell: more fit no slide."""
_MOST_TEXT = 20_000
"""Letters of one sentence or remark."""
_SIZES = (18.0, 16.0, 14.0)
CALLOUT = 14.0
_TITLES = (28.0, 24.0, 20.0)
_GAP, _PARAGRAPH = 12.0, 6.0
_CHART = 220.0
"""Less height than this and a chart goes to a slide of its own."""
_TABLE = Sizes(text=18, table=13, table_least=9, small=10, title=28)
_PANEL = 9.0
"""Letters of a table that is too wide for one slide."""
_LEGEND = 18.0
_PAD = 8.0


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph of a slide's text: `plain`, `bullet`, `heading`."""

    text: str
    mark: str = ""
    form: str = "plain"
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class Words:
    lines: tuple[Line, ...]
    size: float
    height: float


@dataclass(frozen=True, slots=True)
class Note:
    """A boxed remark."""

    text: str
    tone: str
    height: float


@dataclass(frozen=True, slots=True)
class Rows:
    """A piece of a table: its panel with the rows that stand here."""

    panel: Panel
    letter: float
    heights: tuple[float, ...]
    """Of the header, then of each row."""
    bold: int
    """Rows at the end that are totals."""
    caption: str
    cells: tuple[Cell, ...]
    height: float


@dataclass(frozen=True, slots=True)
class Plot:
    chart: Chart
    height: float


Piece: TypeAlias = Words | Note | Rows | Plot


@dataclass(frozen=True, slots=True)
class Face:
    """One slide as it is drawn: pieces from the top down, each at its height."""

    title: str
    size: float
    pieces: tuple[tuple[float, Piece], ...]
    """(points from the top of the room, piece)."""
    legend: str
    notes: tuple[str, ...]


def deck_of(contents: Sequence[Content], file: str) -> Deck:
    """All contents as one deck: a table or chart is a slide, a document one for each of its sections.

    Raises:
        BadInput: code among them.
    """
    slides: list[Slide] = []
    first: Deck | Document | None = None
    for content in contents:
        match content:
            case Deck():
                first = first or content
                slides += content.slides
            case Document():
                first = first or content
                slides += _sections(content)
            case Table():
                slides.append(Slide(content.caption or content.name, (content,)))
            case Chart():
                slides.append(Slide(content.title, (Figure(content),)))
            case Code():
                raise BadInput(f"{file}: code has a file of its own. Ask for a source file")
    name = file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return Deck(first.title, first.subtitle, tuple(slides)) if first else Deck(name, "", tuple(slides))


def _sections(document: Document) -> Iterator[Slide]:
    title, blocks = document.title, list[Block]()
    for block in document.blocks:
        if isinstance(block, Heading) and block.level == 1:
            if blocks:
                yield Slide(title, tuple(blocks))
            title, blocks = block.text, []
        else:
            blocks.append(block)
    if blocks:
        yield Slide(title, tuple(blocks))


def faces(deck: Deck, *, file: str) -> tuple[Face, ...]:
    """Every slide behind the title slide, the sources at the end.

    Raises:
        BadInput: a table cell that fits no slide, or more slides than anyone looks at.
    """
    made: list[Face] = []
    for slide in (*deck.slides, *sources(deck)):
        _check(slide, file)
        made += _faces(slide, file)
        if len(made) > MOST_SLIDES:
            raise BadInput(f"{file}: more than {MOST_SLIDES} slides are no deck. Ask for a PDF, DOCX or XLSX")
    return tuple(made)


def _faces(slide: Slide, file: str) -> list[Face]:
    marked = any(cell.standing in MARKS for cell in cells_of(slide.blocks))
    room = HEIGHT - (_LEGEND if marked else 0)
    best = min((_pages(slide.blocks, size, room, file) for size in _SIZES), key=len)
    said = [line for sentence in slide.notes for line in told(sentence)]
    made: list[Face] = []
    for number, page in enumerate(best, start=1):
        title, size = _title(slide.title, f" ({number}/{len(best)})" if len(best) > 1 else "")
        held = _cells_on(page, slide.blocks)
        legend = _legend(page, slide.blocks)
        values = [evidence(cell) for cell in distinct(held)]
        notes = (*(said if number == 1 else ()), *(("Values on this slide:", *values) if values else ()))
        made.append(Face(title, size, page, legend, notes))
    return made


def _check(slide: Slide, file: str) -> None:
    for block in slide.blocks:
        if isinstance(block, Table):
            _check_cells(block, tuple(block.rows), file)
    texts = (one.text for one in sentences_of(slide.blocks))
    more = (block.text for block in slide.blocks if isinstance(block, Heading | Callout))
    for text in (slide.title, *texts, *more):
        if len(text) > _MOST_TEXT:
            raise BadInput(
                f"{file}: {cut(text, 40)!r} has {len(text):,} characters, and a slide is no place for more than "
                f"{_MOST_TEXT:,}. Ask for a DOCX"
            )


def _title(text: str, suffix: str) -> tuple[str, float]:
    plain = " ".join(visible(text).split())
    for size in _TITLES:
        if len(lines(plain + suffix, size, WIDTH, bold=True)) <= 2:
            return plain + suffix, size
    room = next(
        count for count in range(140, 0, -10) if len(lines(cut(plain, count) + suffix, 20, WIDTH, bold=True)) <= 2
    )
    return cut(plain, room) + suffix, _TITLES[-1]


# ---------------------------------------------------------------- pages

_Pages: TypeAlias = "list[tuple[tuple[float, Piece], ...]]"


class _Filling:
    """Pages while they are filled from the top down."""

    def __init__(self, room: float) -> None:
        self.room = room
        self.pages: list[list[tuple[float, Piece]]] = [[]]
        self.used = 0.0

    @property
    def left(self) -> float:
        return self.room - self.used

    def put(self, piece: Piece) -> None:
        if self.used and piece.height > self.left + 0.01:
            self.turn()
        self.pages[-1].append((self.used, piece))
        self.used += piece.height + _GAP

    def turn(self) -> None:
        if self.pages[-1]:
            self.pages.append([])
        self.used = 0.0


def _pages(blocks: Sequence[Block], size: float, room: float, file: str) -> _Pages:
    filling = _Filling(room)
    groups = [(key, list(group)) for key, group in groupby(blocks, key=_is_text)]
    for at, (is_text, group) in enumerate(groups):
        if is_text:
            _put_words(filling, [line for block in group for line in _lines_of(block, size)], size)
            continue
        for number, block in enumerate(group):
            if isinstance(block, Callout):
                _put_note(filling, block)
            elif isinstance(block, Figure):
                tail = _height_after(
                    [*group[number + 1 :], *(one for _, more in groups[at + 1 :] for one in more)], size
                )
                _put_chart(filling, block.chart, tail)
            elif isinstance(block, Table):
                _put_table(filling, block, file)
    return [tuple(page) for page in filling.pages]


def _is_text(block: Block) -> bool:
    return isinstance(block, Heading | Paragraph | Bullets)


def _lines_of(block: Block, size: float) -> Iterator[Line]:
    match block:
        case Heading():
            yield Line(visible(block.text), "", "heading", _tall(block.text, size, "heading"))
        case Paragraph():
            text = " ".join(visible(one.text) + mark_of(one) for one in block.sentences)
            yield Line(text, "", "plain", _tall(text, size, "plain"))
        case Bullets():
            for one in block.items:
                yield Line(
                    visible(one.text), mark_of(one), "bullet", _tall(visible(one.text) + mark_of(one), size, "bullet")
                )
        case _:
            return


def _room(form: str) -> float:
    return WIDTH - (18.0 if form == "bullet" else 0.0)


def _tall(text: str, size: float, form: str) -> float:
    count = len(lines(text, size, _room(form), bold=form == "heading"))
    return count * size * LINE + _PARAGRAPH


def _put_words(filling: _Filling, waiting: list[Line], size: float) -> None:
    held: list[Line] = []

    def flush() -> None:
        if held:
            filling.put(Words(tuple(held), size, sum(line.height for line in held)))
            held.clear()

    for whole in waiting:
        for line in _pieces(whole, size, filling.room):
            taken = sum(one.height for one in held)
            if taken + line.height > filling.left and (held or filling.used):
                orphan = held.pop() if held and held[-1].form == "heading" else None
                flush()
                filling.turn()
                held.extend([orphan] if orphan else [])
            held.append(line)
    flush()


def _pieces(line: Line, size: float, room: float) -> Iterator[Line]:
    """A paragraph longer than a slide, cut at the ends of lines."""
    if line.height <= room:
        yield line
        return
    broken = lines(line.text + line.mark, size, _room(line.form), bold=line.form == "heading")
    count = int((room - _PARAGRAPH) / (size * LINE))
    for start in range(0, len(broken), count):
        some = broken[start : start + count]
        yield Line("".join(some).rstrip(), "", line.form, len(some) * size * LINE + _PARAGRAPH)


def _put_note(filling: _Filling, note: Callout) -> None:
    room = WIDTH - 28.0
    broken = lines(visible(note.text), CALLOUT, room)
    most = int((filling.room - 2 * _PAD) / (CALLOUT * LINE))
    for start in range(0, len(broken), most):
        some = broken[start : start + most]
        height = len(some) * CALLOUT * LINE + 2 * _PAD
        filling.put(Note("".join(some).rstrip(), note.tone, height))


def _height_after(blocks: Sequence[Block], size: float) -> float:
    """What the words after a chart need, as far as they are to stand on its slide."""
    height = 0.0
    for block in blocks:
        if isinstance(block, Callout):
            height += len(lines(visible(block.text), CALLOUT, WIDTH - 28.0)) * CALLOUT * LINE + 2 * _PAD + _GAP
        elif _is_text(block):
            height += sum(line.height for line in _lines_of(block, size)) + _GAP
        else:
            break
    return height


def _put_chart(filling: _Filling, chart: Chart, tail: float) -> None:
    if not chart.points:
        _put_note(filling, Callout(f"{chart.title}: no data"))
        return
    if filling.left < _CHART:
        filling.turn()
    height = filling.left - tail
    filling.put(Plot(chart, height if height >= _CHART else filling.left))


# ---------------------------------------------------------------- tables


def _put_table(filling: _Filling, table: Table, file: str) -> None:
    rows = tuple(table.rows)
    totals = totals_of(table)
    whole = replace(table, rows=(*rows, *totals), totals=())
    letter, panels = lay_out(whole, width=WIDTH, sizes=_TABLE, panel_letter=_PANEL, wider=SANS)
    for panel in panels:
        _put_panel(filling, _unbroken(panel), letter, (*rows, *totals), len(totals), table, file)


def _check_cells(table: Table, rows: Sequence[tuple[Cell, ...]], file: str) -> None:
    for number, row in enumerate(rows, start=1):
        for head, cell in zip(table.heads, row, strict=True):
            if isinstance(cell.value, str) and len(cell.value) > _MOST_LETTERS:
                raise BadInput(
                    f"{file}: row {number}, column {cut(head.name, 40)!r} has {len(cell.value):,} characters, "
                    f"and no slide holds more than {_MOST_LETTERS:,} in a cell. Ask for a DOCX or CSV"
                )


def _unbroken(panel: Panel) -> Panel:
    """Without the break points that grid puts into long words: here they break where they must."""

    def plain(text: str) -> str:
        return text.replace("\u200b", "")

    rows = tuple(tuple(replace(box, text=plain(box.text)) for box in row) for row in panel.rows)
    return replace(panel, heads=tuple(map(plain, panel.heads)), rows=rows)


def _put_panel(
    filling: _Filling,
    panel: Panel,
    letter: float,
    cells: Sequence[tuple[Cell, ...]],
    bold: int,
    table: Table,
    file: str,
) -> None:
    head = _row_height(tuple(Box(name, "", "") for name in panel.heads), panel, letter, bold=True)
    tall = [_row_height(row, panel, letter, bold=at >= len(panel.rows) - bold) for at, row in enumerate(panel.rows)]
    if not panel.rows:
        panel = replace(panel, rows=((Box(NO_ROWS, "", ""), *(Box("", "", "") for _ in panel.heads[1:])),))
        tall = [letter * LINE + 6.0]
    for number, height in enumerate(tall, start=1):
        if head + height > filling.room - CAPTION:
            raise BadInput(
                f"{file}: table {cut(table.name, 40)!r}, row {number} is taller than a slide. Ask for a DOCX or CSV"
            )
    caption = panel.title
    top = CAPTION if caption else 0.0
    if filling.used and top + head + sum(tall[:3]) > filling.left:
        filling.turn()
    at = 0
    while at < len(tall):
        count, height = 0, top + head
        while at + count < len(tall) and (height + tall[at + count] <= filling.left + 0.01 or not count):
            height += tall[at + count]
            count += 1
        last = at + count == len(tall)
        if last or count < len(tall):
            piece = replace(panel, rows=panel.rows[at : at + count])
            held = tuple(cell for row in cells[at : at + count] for cell in row)
            heights = (head, *tall[at : at + count])
            filling.put(Rows(piece, letter, heights, min(bold, count) if last else 0, caption, held, height))
        at += count
        if not last:
            filling.turn()


CAPTION = 18.0


def _row_height(row: tuple[Box, ...], panel: Panel, letter: float, *, bold: bool) -> float:
    most = 1
    for box, width in zip(row, panel.widths, strict=True):
        most = max(most, len(lines(box.text + box.mark, letter, width - 11.0, bold=bold)))
    return most * letter * LINE + 7.0


# ---------------------------------------------------------------- what a page rests on


def _cells_on(page: Iterable[tuple[float, Piece]], blocks: Sequence[Block]) -> tuple[Cell, ...]:
    """What the page's pieces rest on; words bring the cells of the slide's sentences that stand here."""
    held: list[Cell] = []
    for _, piece in page:
        match piece:
            case Rows():
                held += piece.cells
            case Plot():
                held += (point.y for point in piece.chart.points)
            case Words():
                texts = "\n".join(line.text for line in piece.lines)
                held += (cell for one in sentences_of(blocks) if visible(one.text)[:60] in texts for cell in one.cells)
            case Note():
                pass
    return tuple(held)


def _legend(page: Iterable[tuple[float, Piece]], blocks: Sequence[Block]) -> str:
    """What the marks on this page mean, and a hollow bar or point."""
    drawn = {cell.standing for cell in _cells_on([one for one in page if isinstance(one[1], Plot)], blocks)}
    said = {cell.standing for cell in _cells_on([one for one in page if not isinstance(one[1], Plot)], blocks)}
    legend: list[str] = []
    for standing, mark in MARKS.items():
        signs = [mark] if standing in said else []
        signs += ["Hollow"] if standing is Standing.UNVERIFIED and standing in drawn else []
        legend += [f"{' or '.join(signs)}: {LEGEND[standing]}"] if signs else []
    return "   ".join(legend)
