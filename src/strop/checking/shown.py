"""Does a deck or document show what the table beside it says? Read from the bytes of both.

A shown table is compared where its heads are columns of the file of data, row by row by its first column;
it may have fewer rows and cut long text with an ellipsis. A native chart is compared where its categories
are the values of one column and its axis is titled as another. What tells something else is left alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from strop.checking.opened import Opened, Sheet, open_file
from strop.checking.opened_office import Plotted, Shown
from strop.checking.quotes import as_number
from strop.types.trial import Finding, Severity
from strop.types.work import Kind

MOST = 20
"""Findings that are told of one file."""
_LOG = re.compile(r"\s*\(log scale\)$")
_LABEL = 43
"""Letters of a category before a chart cuts it."""

_CUT = 20
"""Letters that must be left of a text for its ellipsis to stand for the rest."""


def same_shown(table: Path, shown: Path, *, kinds: tuple[Kind, Kind]) -> tuple[Finding, ...]:
    """Where the deck or document `shown` differs from `table`; nothing where they tell different things.

    A file that cannot be opened is no finding here: its own contract says so.

    Raises:
        MissingPart: the reader for a kind of file is not installed.
    """
    data, seen = open_file(table, kind=kinds[0]), open_file(shown, kind=kinds[1])
    if isinstance(data, str) or isinstance(seen, str):
        return ()
    sheets = [sheet for sheet in data.sheets if sheet.names]
    found = (finding for sheet in sheets[:1] for finding in _compared(sheet, seen, table.name, shown.name))
    return tuple(finding for finding, _ in zip(found, range(MOST), strict=False))


def _compared(sheet: Sheet, seen: Opened, table: str, name: str) -> Iterator[Finding]:
    rule = f"{name} shows what {table} says"
    for number, one in enumerate(seen.shown, start=1):
        if len(one.names) > 1 and set(one.names) <= set(sheet.names):
            for place, expected, observed in _rows(sheet, one):
                yield _broken(name, f"table {number}, {place}", expected, observed, rule)
    for number, chart in enumerate(seen.plotted, start=1):
        for place, expected, observed in _points(sheet, chart):
            yield _broken(name, f"chart {number}, {place}", expected, observed, rule)


def _rows(sheet: Sheet, shown: Shown) -> Iterator[tuple[str, str, str]]:
    """(place, expected, observed) of each cell that differs."""
    columns = [sheet.names.index(name) for name in shown.names]
    rows = [tuple(row[at] for at in columns) for row in sheet.rows]
    for number, row in enumerate(shown.rows, start=1):
        alike = [one for one in rows if _alike(one[0], row[0])]
        if not alike:
            if any(row) and row[1:] != ("",) * (len(row) - 1):
                yield f"row {number}", "a row of the table", row[0]
            continue
        if any(all(map(_alike, one, row)) for one in alike):
            continue
        nearest = max(alike, key=lambda one: sum(map(_alike, one, row)))
        for name, expected, observed in zip(shown.names, nearest, row, strict=True):
            if not _alike(expected, observed):
                yield f"row {number}, {name}", expected, observed


def _points(sheet: Sheet, chart: Plotted) -> Iterator[tuple[str, str, str]]:
    if len(chart.series) != 1:
        return
    points = chart.series[0][1]
    titled = _plain(_LOG.sub("", chart.y_title))
    up = next((at for at, name in enumerate(sheet.names) if _plain(name) == titled), None)
    across = next((at for at in range(len(sheet.names)) if _is_key(sheet, at, points)), None)
    if up is None or across is None or up == across:
        return
    held = {row[across][:_LABEL]: row[up] for row in sheet.rows}
    for category, value in points:
        expected = held[category[:_LABEL]]
        if value and not _alike(expected, value):
            yield category, expected, value


def _is_key(sheet: Sheet, at: int, points: Sequence[tuple[str, str]]) -> bool:
    """Whether every category is in this column, and no two rows have one in common."""
    keys = [row[at][:_LABEL] for row in sheet.rows]
    return bool(points) and len(set(keys)) == len(keys) and {each[:_LABEL] for each, _ in points} <= set(keys)


def _plain(name: str) -> str:
    return name.replace("_", " ").strip().lower()


def _alike(data: str, shown: str) -> bool:
    """Equal as text, as numbers, or as far as the ellipsis."""
    one, other = " ".join(data.split()), " ".join(shown.split())
    if one == other or "".join(one.split()) == "".join(other.split()):
        return True
    if other.endswith("…") and len(other) > _CUT:
        return one.startswith(other[:-1].rstrip())
    if one.lower() == other.lower() and one.lower() in ("true", "false"):
        return True
    figure, told = _number(one), _number(other)
    return figure is not None and told is not None and math.isclose(figure, told, rel_tol=1e-12)


def _number(text: str) -> float | None:
    held = as_number(text)
    if held is not None:
        return float(held)
    try:
        return float(text)
    except ValueError:
        return None


def _broken(artefact: str, locator: str, expected: str, observed: str, rule: str) -> Finding:
    return Finding("contract", artefact, locator, expected[:500], observed[:500], rule, Severity.FATAL)
