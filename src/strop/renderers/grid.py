"""How a table is laid on a page: size of the letters, widths of columns, panels. Pure.

Widths are estimated from the count of letters (a serif letter is about half as wide as it is
high, a Chinese one as wide), which is enough: cells wrap. Words too long for any column get
invisible break points.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from strop.renderers.cells import MARKS, grouped, shown, visible
from strop.renderers.theme import Sizes
from strop.types.content import Cell, Head, Standing, Table
from strop.types.work import ColumnType

_LETTER = 0.47
"""Width of a letter, in its height."""
_PADDING = 11.0
"""Points, both sides of a cell."""
_WORD = 22
"""Letters a word may have before it gets break points."""
_PIECE = 11
_LONG = re.compile(rf"\S{{{_WORD + 1},}}")
_ENDLESS = re.compile(r"\S{46,}")
_WIDEST = 0.5
"""Share of the page that a column may ask for before the others got theirs."""
_PANEL_LETTER = 8.0
_SAMPLE = 2_000
"""Rows that are measured; the rest wraps where it must."""
NUMBERS = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL)
_BREAK = "\u200b"
TOTALS = {"sum": "Total", "mean": "Mean", "median": "Median", "min": "Least", "max": "Most", "count": "Count"}
"""How a line of totals is named."""


@dataclass(frozen=True, slots=True)
class Box:
    """A cell as it is set."""

    text: str
    mark: str
    standing: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Columns that stand side by side; a table that fits the page has one panel."""

    title: str
    heads: tuple[str, ...]
    widths: tuple[float, ...]
    """Points."""
    right: tuple[bool, ...]
    """Numbers stand at the right."""
    marked: tuple[bool, ...]
    """Some cell of the column has a mark."""
    rows: tuple[tuple[Box, ...], ...]
    foot: tuple[tuple[str, ...], ...] = ()
    """Lines of totals below the rows."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """Width of a column in letters: of its longest word and of its longest line."""

    least: int
    natural: int


def lay_out(
    table: Table, *, width: float, sizes: Sizes, panel_letter: float = _PANEL_LETTER, wider: float = 1.0
) -> tuple[float, tuple[Panel, ...]]:
    """(size of the letters in points, panels) for a page that is `width` points wide.

    `wider` is how much wider the font's letters are than a serif's; a table of several panels gets
    letters of at most `panel_letter` points.
    """
    width /= wider
    heads = tuple(breakable(visible(head.name)) for head in table.heads)
    columns = tuple(_column(table, number) for number in range(len(heads)))
    foot = tuple(tuple(map(breakable, line)) for line in footers(table))
    wishes = tuple(_wish((name, *(line[at] for line in foot)), columns[at]) for at, name in enumerate(heads))
    right = tuple(head.type in NUMBERS for head in table.heads)
    everything = tuple(range(len(heads)))

    def panel(numbers: tuple[int, ...], letter: float, title: str) -> Panel:
        picked = tuple(columns[number] for number in numbers)
        return Panel(
            title=title,
            heads=tuple(heads[number] for number in numbers),
            widths=tuple(wider * one for one in _widths(tuple(wishes[number] for number in numbers), letter, width)),
            right=tuple(right[number] for number in numbers),
            marked=tuple(any(box.mark for box in column) for column in picked),
            rows=tuple(zip(*picked, strict=True)) if len(table.rows) else (),
            foot=tuple(tuple(line[number] for number in numbers) for line in foot),
        )

    letter = _size(wishes, width, sizes)
    if letter is not None:
        return letter, (panel(everything, letter, ""),)
    smaller = min(panel_letter, sizes.table)
    groups = _groups(wishes, smaller, width)
    titles = (
        f"Columns {group[-1 if len(group) == 1 else 1] + 1} to {group[-1] + 1} of {len(heads)}" for group in groups
    )
    return smaller, tuple(panel(group, smaller, title) for group, title in zip(groups, titles, strict=True))


def column_texts(table: Table, number: int) -> tuple[str, ...]:
    """The cells of a column as people read them: one number of five digits, and all of it is grouped."""
    cells = [row[number] for row in table.rows]
    long = any(_is_long(cell) for cell in cells)
    return tuple(grouped(cell.value) if long else shown(cell.value) for cell in cells)


def footers(table: Table) -> tuple[tuple[str, ...], ...]:
    """The lines below a table, one a function, each as wide as the table; the first cell says which."""
    names = [head.name for head in table.heads]
    lines: list[tuple[str, ...]] = []
    for function in dict.fromkeys(total.function for total in table.totals):
        line = [""] * len(names)
        for total in table.totals:
            if total.function == function and total.head in names:
                line[names.index(total.head)] = grouped(total.cell.value)
        name = TOTALS.get(function, function.capitalize())
        line[0] = f"{name} {line[0]}" if line[0] else name
        lines.append(tuple(line))
    return tuple(lines)


def _size(wishes: tuple[_Wish, ...], width: float, sizes: Sizes) -> float | None:
    """The largest letters with which no line wraps, or else no word is broken.

    For the first they get at most a point smaller than usual. None when no letters are small enough.
    """
    steps = [sizes.table - step / 2 for step in range(int(2 * (sizes.table - sizes.table_least)) + 1)]
    unwrapped = (letter for letter in steps[:3] if _sum([wish.natural for wish in wishes], letter) <= width)
    unbroken = (letter for letter in steps if _sum([wish.least for wish in wishes], letter) <= width)
    return next(unwrapped, None) or next(unbroken, None)


def _column(table: Table, number: int) -> tuple[Box, ...]:
    texts = column_texts(table, number)
    head = table.heads[number]
    return tuple(_box(row[number], text, head) for row, text in zip(table.rows, texts, strict=True))


def _is_long(cell: Cell) -> bool:
    value = cell.value
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 10_000


def _box(cell: Cell, text: str, head: Head) -> Box:
    if cell.standing is Standing.REFUTED and cell.value is None:
        return Box("—", "", cell.standing.value)
    text = text if head.type in NUMBERS else breakable(text)
    return Box(text, MARKS.get(cell.standing, ""), cell.standing.value)


def breakable(text: str) -> str:
    """`text` with invisible break points in words that are too long for a column."""
    return _LONG.sub(lambda found: _pieces(found.group()), text)


def flowing(text: str) -> str:
    """`text` with invisible break points in words that are too long for a line of a page."""
    return _ENDLESS.sub(lambda found: _pieces(found.group()), text)


def _pieces(word: str) -> str:
    parts = re.findall(r"[^_./\\:,;&?=\-]*[_./\\:,;&?=\-]+|[^_./\\:,;&?=\-]+", word)
    return _BREAK.join(part[start : start + _PIECE] for part in parts for start in range(0, len(part), _PIECE))


def _wish(names: tuple[str, ...], boxes: tuple[Box, ...]) -> _Wish:
    texts = [*(name + " " for name in names), *(box.text[:4_000] + box.mark for box in boxes[:_SAMPLE])]
    words = (_letters(word) for text in texts for word in re.split(rf"[\s{_BREAK}]+", text))
    lines = (_letters(line) for text in texts for line in text.split("\n"))
    return _Wish(least=max(words, default=1), natural=max(lines, default=1))


def _letters(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text if letter != _BREAK)


def _points(letters: int, letter: float) -> float:
    return letters * _LETTER * letter + _PADDING


def _sum(lengths: list[int], letter: float) -> float:
    return sum(_points(length, letter) for length in lengths)


def _widths(wishes: tuple[_Wish, ...], letter: float, width: float) -> tuple[float, ...]:
    """Every column its longest word, then what is left by need, and what nobody needs to all."""
    least = [min(_points(wish.least, letter), width) for wish in wishes]
    share = width * _WIDEST if len(wishes) > 1 else width
    more = [max(0.0, min(_points(wish.natural, letter), share) - low) for wish, low in zip(wishes, least, strict=True)]
    left = max(0.0, width - sum(least))
    given = [
        low + (need * min(1.0, left / sum(more)) if sum(more) else 0.0) for low, need in zip(least, more, strict=True)
    ]
    spare = max(0.0, width - sum(given)) / len(given)
    return tuple(round(one + spare, 2) for one in given)


def _groups(wishes: tuple[_Wish, ...], letter: float, width: float) -> list[tuple[int, ...]]:
    """Columns in groups that fit, each led by the first column."""
    groups: list[tuple[int, ...]] = []
    now = (0,)
    for number in range(1, len(wishes)):
        wider = (*now, number)
        if len(now) > 1 and _sum([wishes[one].least for one in wider], letter) > width:
            groups.append(now)
            wider = (0, number)
        now = wider
    return [*groups, now]


def totals_of(table: Table) -> tuple[tuple[Cell, ...], ...]:
    """One row for each function, its name in the first column that has no total."""
    made: list[tuple[Cell, ...]] = []
    for function in dict.fromkeys(total.function for total in table.totals):
        held = {total.head: total.cell for total in table.totals if total.function == function}
        row = [held.get(head.name, Cell(None)) for head in table.heads]
        free = next((at for at, head in enumerate(table.heads) if head.name not in held), None)
        if free is not None:
            row[free] = Cell(TOTALS.get(function, function))
        made.append(tuple(row))
    return tuple(made)
