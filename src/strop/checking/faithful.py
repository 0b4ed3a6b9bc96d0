"""Does a file's content, read back from its bytes, say what the judged values say?

A contract asks whether a file is as ordered; this asks whether it is true to the gate: every cell of
every table, every sentence and heading of a document, every bullet of a slide. Read by the
independent readers of `opened`, compared in the normal form that quotes are compared in.

What it can see of a page: a sentence counts as there when its letters stand in the text in one piece,
or in two pieces in order where a page ends between them; a cell of a printed table when its figure or
words stand in the text as often as the document says them. It cannot see where on the page they stand.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from strop.checking.opened import Opened, Sheet
from strop.checking.opened_office import Plotted
from strop.checking.quotes import as_number, normal, said_numbers
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    Content,
    Deck,
    Document,
    Heading,
    Paragraph,
    Part,
    Scalar,
    Standing,
    Table,
)
from strop.types.trial import Finding, Severity
from strop.types.work import Kind, kind_of

SHOWN = 20
"""Findings of one file that are told one by one."""
_OTHER = re.compile(r"[^\w.,%€$£+]+|_")
_CUT = 255
"""Letters of a cell's text that a workbook keeps of a name."""
_LEAST = 12
"""Letters of either half of a sentence that is broken over a page, where the second is looked for anywhere."""
_TOP = 200
"""Letters of a page, running head included, among which a shorter half's other part must stand."""


def faithful(part: Part, opened: Opened) -> tuple[Finding, ...]:
    """Everything in the file that is not what `part` says; empty when it is true to it.

    Native charts of a workbook are compared by the cells that they draw, pictures by drawing them again
    (`Bundle.redrawn`), not here.
    """
    found = [finding for content in part.content for finding in _unfaithful(part.file, content, opened)]
    if kind_of(part.file) is Kind.XLSX:
        found += _drawn(part, opened)
    if len(found) > SHOWN:
        more = _told(part.file, "file", "nothing more", f"{len(found) - SHOWN} more of the same kind")
        found = [*found[:SHOWN], more]
    return tuple(found)


def _unfaithful(file: str, content: Content, opened: Opened) -> Iterator[Finding]:
    match content:
        case Table():
            yield from _table(file, content, opened)
        case Document():
            yield from _words(file, content.blocks, opened)
        case Deck():
            yield from _words(file, tuple(block for slide in content.slides for block in slide.blocks), opened)
        case _:
            return


# ---------------------------------------------------------------- tables


def _table(file: str, table: Table, opened: Opened) -> Iterator[Finding]:
    heads = [head.name for head in table.heads]
    sheet = _sheet(opened, heads)
    if sheet is None:
        yield _told(file, "file", f"a table with {', '.join(heads)}"[:200], "none")
        return
    if len(sheet.rows) != len(table.rows):
        yield _told(file, "rows", str(len(table.rows)), str(len(sheet.rows)))
    at = [sheet.names.index(name) for name in heads]
    for number, (cells, row) in enumerate(zip(table.rows, sheet.rows, strict=False), start=1):
        for head, cell, index in zip(heads, cells, at, strict=True):
            if not _says(row[index], cell.value):
                yield _told(file, f"row {number}, {head}", _plain(cell.value), row[index], cell)


def _sheet(opened: Opened, heads: list[str]) -> Sheet | None:
    return next((sheet for sheet in opened.sheets if set(heads) <= set(sheet.names)), None)


def _says(text: str, value: Scalar) -> bool:
    if text == value or text == (said := _plain(value)):
        return True
    figure = as_number(value)
    return (figure is not None and figure == as_number(text)) or normal(text) == normal(said)


def _plain(value: Scalar) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


# ---------------------------------------------------------------- charts of a workbook


def _drawn(part: Part, opened: Opened) -> Iterator[Finding]:
    """Each chart that has points draws them, from cells that say them, under the names of its axes."""
    charts = [content for content in part.content if isinstance(content, Chart) and content.points]
    if len(charts) != len(opened.plotted):
        yield _told(part.file, "charts", str(len(charts)), str(len(opened.plotted)))
    for number, (chart, plotted) in enumerate(zip(charts, opened.plotted, strict=False), start=1):
        place = f"chart {number}"
        titles = {normal(plotted.x_title), normal(plotted.y_title)}  # lying bars have them the other way round
        for title in (chart.x_title, chart.y_title):
            if normal(title) not in titles:
                yield _told(part.file, f"{place}, axes", title, f"{plotted.x_title}, {plotted.y_title}")
        yield from _points(part.file, place, chart, plotted)


def _points(file: str, place: str, chart: Chart, plotted: Plotted) -> Iterator[Finding]:
    names = list(dict.fromkeys(point.series for point in chart.points))
    across = list(dict.fromkeys(point.x for point in chart.points))
    held = {(point.x, point.series): point.y for point in chart.points}
    if len(names) != len(plotted.series):
        yield _told(file, f"{place}, series", ", ".join(names), ", ".join(name for name, _ in plotted.series))
    for name, (title, points) in zip(names, plotted.series, strict=False):
        if normal(title) != normal((name or chart.y_title)[:_CUT]):
            yield _told(file, f"{place}, series", name or chart.y_title, title)
        if len(points) != len(across):
            yield _told(file, f"{place}, {title}", f"{len(across)} points", f"{len(points)} points")
        for x, (category, value) in zip(across, points, strict=False):
            cell = held.get((x, name))
            if not _says(category, x):
                yield _told(file, f"{place}, {title}, {category}", _plain(x), category)
            elif not _says(value, cell.value if cell else None):
                yield _told(file, f"{place}, {title}, {category}", _plain(cell.value if cell else None), value)


# ---------------------------------------------------------------- documents and slides


def _words(file: str, blocks: tuple[Block, ...], opened: Opened) -> Iterator[Finding]:
    pages = [_letters(page) for page in opened.text.split("\f")]
    for block in blocks:
        match block:
            case Heading():
                said = [(block.text, None)]
            case Paragraph():
                said = [(one.text, one.cells) for one in block.sentences]
            case Bullets():
                said = [(one.text, one.cells) for one in block.items]
            case Callout():
                said = [(block.text, None)]
            case _:
                continue
        for words, cells in said:
            if not _stands(_letters(words), pages):
                yield _told(file, f"“{words[:60]}”", words, "not in the text", *(cells or ()))
    yield from _printed(file, [block for block in blocks if isinstance(block, Table)], opened)


def _stands(words: str, pages: list[str]) -> bool:
    """In one piece on a page, or in two on a page and the next."""
    if not words or any(words in page for page in pages):
        return True
    least = min(_LEAST, len(words) // 2)
    longs = range(least, len(words) - least + 1)
    return any(
        words[:cut] in page and words[cut:] in (following if cut in longs else following[: _TOP + len(words)])
        for page, following in pairwise(pages)
        for cut in range(1, len(words))
    )


def _printed(file: str, tables: list[Table], opened: Opened) -> Iterator[Finding]:
    """Figures of printed tables, each at least as often as the tables say it."""
    wanted: Counter[Decimal] = Counter()
    cells: dict[Decimal, tuple[str, Cell]] = {}
    for table in tables:
        for number, row in enumerate(table.rows, start=1):
            for head, cell in zip(table.heads, row, strict=True):
                figure = as_number(cell.value)
                if figure is not None and cell.standing is not Standing.REFUTED:
                    wanted[figure] += 1
                    cells[figure] = (f"table {table.name}, row {number}, {head.name}", cell)
    if not wanted:
        return
    found = Counter(said_numbers(_with_signs(opened.text)))
    for figure, count in wanted.items():
        if found[figure] < count:
            place, cell = cells[figure]
            yield _told(file, place, f"{figure} {count} times", f"{found[figure]} times", cell)


def _with_signs(text: str) -> str:
    """Marks of standing behind a figure are no letters of it."""
    return text.replace("†", " ").replace("‡", " ")


def _letters(text: str) -> str:
    """Letters, digits and the marks that make a figure: how lines are broken and quotes are set is no matter."""
    return _OTHER.sub("", unicodedata.normalize("NFKC", text).casefold())


def _told(file: str, place: str, expected: str, observed: str, *cells: Cell) -> Finding:
    ids = tuple(name for cell in cells for name in cell.claims[:1])
    rule = f"{file} says what the gate left"
    return Finding("unfaithful", file, place, expected[:500], observed[:500], rule, Severity.FATAL, claims=ids)
