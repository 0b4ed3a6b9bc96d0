"""Tables of files that strop did not make: their keys and totals, and figures that follow from others.

Pure over sheets as an independent reader saw them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from statistics import median

from strop.checking.opened import Sheet
from strop.checking.quotes import as_number, normal

SHARED = 0.6
"""Part of a column's cells that must be keys of a source table before the two are read row by row."""
_TOTALS = re.compile(r"(grand )?totals?|sum|average|mean|median|all", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Material:
    """One source."""

    path: str
    text: str
    sheets: tuple[Sheet, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A source table whose rows answer to a file's by a key."""

    path: str
    sheet: Sheet
    key: int
    """Column of the file that holds the key."""
    rows: Mapping[str, int]
    """Row of the source table by key."""
    columns: Mapping[int, int]
    """Column of the source by column of the file."""


def matches(sheet: Sheet, source: Material) -> Iterator[Match]:
    """Source tables that hold the sheet's keys: shared names first, then any column that fits."""
    body = body_of(sheet)
    for other in source.sheets:
        names = {_plainly(name): place for place, name in enumerate(other.names)}
        pairs = [(place, names[_plainly(name)]) for place, name in enumerate(sheet.names) if _plainly(name) in names]
        for place, there in pairs:
            keys = [normal(row[there]) for row in other.rows if there < len(row)]
            cells = [normal(row[place]) for row in body if place < len(row) and row[place].strip()]
            if not cells or len(set(keys)) != len(keys) or all(as_number(cell) is not None for cell in cells):
                continue
            if len(set(cells)) == len(cells) and sum(cell in set(keys) for cell in cells) >= SHARED * len(cells):
                columns = dict(pairs)
                yield Match(source.path, other, place, {key: at for at, key in enumerate(keys)}, columns)


def key_of(sheet: Sheet) -> int | None:
    """The first column of words in which no value comes twice."""
    body = body_of(sheet)
    for place in range(len(sheet.names)):
        cells = [row[place].strip() for row in body if place < len(row)]
        if cells and all(cells) and len(set(cells)) == len(cells) and not any(as_number(c) is not None for c in cells):
            return place
    return None


def labels_of(sheet: Sheet) -> list[str]:
    """The key of every row but totals; nothing where no column is a key."""
    key = key_of(sheet)
    return [] if key is None else [row[key].strip() for row in body_of(sheet)]


def body_of(sheet: Sheet) -> list[tuple[str, ...]]:
    """The rows that are no totals."""
    return [row for row in sheet.rows if not is_total(row)]


def is_total(row: Sequence[str]) -> bool:
    """Whether a row begins as totals do."""
    return bool(row) and _TOTALS.fullmatch(row[0].strip()) is not None


def figures_of(rows: Sequence[Sequence[str]], place: int) -> list[Decimal]:
    """A column's figures; nothing where a cell is none."""
    cells = [as_number(row[place].strip()) for row in rows if place < len(row) and row[place].strip()]
    figures = [cell for cell in cells if cell is not None]
    return figures if len(figures) == len(cells) else []


def aggregate(kind: str, figures: Sequence[Decimal]) -> Decimal:
    """Sum, mean, median, largest (`max`) or least (`min`) of figures."""
    match kind:
        case "sum":
            return sum(figures, Decimal(0))
        case "mean":
            return sum(figures, Decimal(0)) / len(figures)
        case "median":
            return Decimal(median(figures))
        case "max":
            return max(figures)
        case _:
            return min(figures)


def derived(said: str, figure: Decimal, words: str, sheets: Sequence[Sheet]) -> str:
    """How a figure follows from a table; empty where it does not."""
    for sheet in sheets:
        body = body_of(sheet)
        if figure == len(body):
            return f"counted: {len(body)} rows"
        for place, name in enumerate(sheet.names):
            figures = figures_of(body, place)
            for kind in ("sum", "mean", "median", "max", "min") if figures else ():
                if rounds(aggregate(kind, figures), said):
                    return f"computed again: {kind} of {name}"
            if re.search(rf"{re.escape(said)}\s*(?:%|per ?cent)", words) and body:
                cells = [normal(row[place]) for row in body if place < len(row)]
                if any(rounds(Decimal(100 * cells.count(cell)) / len(body), said) for cell in set(cells)):
                    return f"computed again: a share of {name}"
    return ""


def follows(figure: Decimal, place: int, row: Sequence[str]) -> bool:
    """Whether a cell is the sum, difference, product, quotient or growth of two others of its row."""
    others = [as_number(cell.strip()) for at, cell in enumerate(row) if at != place]
    known = [other for other in others if other is not None]
    said = row[place].strip()
    if len(known) > 1 and figure == sum(known, Decimal(0)):
        return True
    for one, other in combinations(known, 2):
        pairs = ((one, other), (other, one))
        results = [one + other, one * other, *(a - b for a, b in pairs), *(a / b for a, b in pairs if b)]
        results += [100 * (a - b) / b for a, b in pairs if b] + [100 * a / b for a, b in pairs if b]
        if any(rounds(result, said) for result in results):
            return True
    return False


def same_cell(cell: str, said: str) -> bool:
    """Whether a cell says what a source says: a number as precisely as the cell writes it."""
    one, other = as_number(cell), as_number(said)
    if one is not None and other is not None:
        return rounds(other, cell)
    return normal(cell) == normal(said)


def rounds(exact: Decimal, said: str) -> bool:
    """Whether a figure, as precisely as it is written, is the exact one."""
    figure = as_number(said.strip())
    if figure is None:
        return False
    exponent = figure.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return abs(exact - figure) * 2 <= Decimal(1).scaleb(-places) if exact != exact.to_integral() else exact == figure


def told_figure(figure: Decimal) -> str:
    """A computed figure, as people read it."""
    shown = f"{figure:,.4f}".rstrip("0").rstrip(".")
    return shown or "0"


def _plainly(name: str) -> str:
    return re.sub(r"\W+|_", "", name).casefold()
