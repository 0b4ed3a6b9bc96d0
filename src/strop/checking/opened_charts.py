"""The native charts of a workbook: what the cells say that each draws, and what is broken in one by itself.

A chart names ranges of cells, and most programs keep a copy of what stood in them, which is what a viewer
shows that computes nothing. Here the cells are read, and the copy is held against them. Not read: ranges
by a name, of several areas, or of another workbook; of such a chart the copy is all there is.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from strop.checking.formulas import column_number
from strop.checking.lines import said
from strop.checking.opened_office import CHART, Plotted, axis_titles, points_of, xml_of
from strop.checking.opened_pages import Flaw
from strop.checking.quotes import as_number, normal

Rows = Sequence[Sequence[object]]
_PART = re.compile(r"xl/charts/chart(\d+)\.xml")
_AREA = re.compile(r"(?:'((?:[^']|'')+)'|([^'!\[\]]+))!\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_HIDDEN = re.compile(rb'<(?:row|col)\b[^>]*\bhidden="(?:1|true)"')
_DAYS = (date(1899, 12, 30), date(1904, 1, 1))
"""Day 0 of the two calendars that workbooks count in."""
_TOLD = 5
"""Points of one series that are told one by one."""


@dataclass(frozen=True, slots=True)
class ChartsRead:
    """Every chart as its cells say it, in the order of the parts, and what is broken."""

    plotted: tuple[Plotted, ...]
    flaws: tuple[Flaw, ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One role of a series: its cells, and the copy that the chart keeps."""

    reference: str
    cells: tuple[object, ...] | None
    """None where the reference is not read here, or leads nowhere."""
    copy: Mapping[int, str]
    count: int
    """Points that the copy says it has."""
    texts: bool
    """Whether the copy holds texts as they are shown."""

    def told(self) -> tuple[str, ...]:
        if self.cells is not None:
            return tuple(map(said, self.cells))
        return tuple(self.copy.get(place, "") for place in range(max(self.copy, default=-1) + 1))


def read_charts(body: bytes, sheets: Sequence[tuple[str, Rows]]) -> ChartsRead:
    """The charts of a workbook; `sheets` are its tables by name, their first row and column first.

    Raises:
        ValueError, KeyError, BadZipFile, ParseError: a part is missing or broken.
    """
    with ZipFile(io.BytesIO(body)) as parts:
        numbers = {int(found[1]): name for name in parts.namelist() if (found := _PART.fullmatch(name))}
        if not numbers:
            return ChartsRead((), ())
        roots = [xml_of(parts.read(numbers[number]), numbers[number]) for number in sorted(numbers)]
        copied = any(next(root.iter(f"{CHART}pt"), None) is not None for root in roots)
        bodies = (parts.read(each) for each in parts.namelist() if copied and "worksheets/sheet" in each)
        hidden = any(_HIDDEN.search(each) for each in bodies)
    held = {name.casefold(): rows for name, rows in sheets}
    plotted: list[Plotted] = []
    flaws: list[Flaw] = []
    for number, root in enumerate(roots, start=1):
        series: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        for place, element in enumerate(root.iter(f"{CHART}ser"), start=1):
            name, across, up = (_drawn(element, roles, held) for roles in (("tx",), ("cat", "xVal"), ("val", "yVal")))
            title = next(iter(name.told()), "") if name else ""
            series.append((title, _paired(across, up)))
            where = f"chart {number}, {title or f'series {place}'}"
            flaws += [flaw for one in (name, across, up) if one for flaw in _broken(where, one, held, hidden=hidden)]
            flaws += _unfit(where, across, up)
        plotted.append(Plotted(*axis_titles(root), tuple(series)))
    return ChartsRead(tuple(plotted), tuple(flaws))


def _drawn(series: Element, roles: tuple[str, ...], sheets: Mapping[str, Rows]) -> _Drawn | None:
    held = next((found for role in roles if (found := series.find(f"{CHART}{role}")) is not None), None)
    if held is None or held.find(f"{CHART}multiLvlStrRef") is not None:
        return None
    reference = (held.findtext(f".//{CHART}f") or "").strip()
    counted = held.find(f".//{CHART}ptCount")
    count = int(counted.get("val", "0")) if counted is not None else 0
    texts = held.find(f"{CHART}strRef") is not None
    return _Drawn(reference, _cells(reference, sheets), points_of(held), count, texts)


def _cells(reference: str, sheets: Mapping[str, Rows]) -> tuple[object, ...] | None:
    """The range's cells row by row, down to the last row that the sheet has."""
    found = _AREA.fullmatch(reference)
    rows = sheets.get((found[1] or found[2]).replace("''", "'").casefold()) if found else None
    if found is None or rows is None:
        return None
    left, top = column_number(found[3]), int(found[4])
    right, bottom = (column_number(found[5]), int(found[6])) if found[5] else (left, top)
    return tuple(
        row[column - 1] if column <= len(row) else None
        for row in rows[top - 1 : bottom]
        for column in range(left, right + 1)
    )


def _paired(across: _Drawn | None, up: _Drawn | None) -> tuple[tuple[str, str], ...]:
    """(category, value) of each point; a gap is empty."""
    ups = up.told() if up else ()
    names = across.told() if across else ()
    most = max(len(ups), len(names))
    padded = ((*told, *("",) * (most - len(told))) for told in (names, ups))
    return tuple(zip(*padded, strict=True))


# ---------------------------------------------------------------- what is broken


def _broken(where: str, one: _Drawn, sheets: Mapping[str, Rows], *, hidden: bool) -> Iterator[Flaw]:
    """A reference that leads nowhere, and where the copy says something else than the cells."""
    found = _AREA.fullmatch(one.reference)
    lost = "#REF!" in one.reference or (found and (found[1] or found[2]).replace("''", "'").casefold() not in sheets)
    if lost:
        yield Flaw(where, "cells that are there", one.reference, "every chart draws cells of its workbook")
    if one.cells is None or not one.count:
        return
    rule = "a chart shows what its cells say"
    if one.count != len(one.cells) and not hidden:  # what is hidden is not drawn
        yield Flaw(where, f"{len(one.cells)} points of {one.reference}", f"{one.count} points", rule)
    if hidden:
        return
    told = 0
    for place, cell in enumerate(one.cells):
        shown = one.copy.get(place, "")
        if told < _TOLD and not _alike(cell, shown, texts=one.texts):
            told += 1
            yield Flaw(f"{where}, point {place + 1} of {one.reference}", said(cell) or "nothing", shown, rule)


def _unfit(where: str, across: _Drawn | None, up: _Drawn | None) -> Iterator[Flaw]:
    """Ranges that do not go together: of two lengths, or with a text (a header) among the values."""
    if up is None or up.cells is None:
        return
    if across is not None and across.cells is not None and across.cells and len(across.cells) != len(up.cells):
        observed = f"{len(up.cells)} values in {up.reference}"
        rule = "a chart has a value for each category"
        yield Flaw(where, f"{len(across.cells)} categories in {across.reference}", observed, rule)
    for cell in up.cells:
        if isinstance(cell, str) and cell.strip() and as_number(cell) is None:
            yield Flaw(f"{where}, {up.reference}", "a number", cell, "a chart draws numbers")
            return


def _alike(cell: object, shown: str, *, texts: bool) -> bool:
    """Whether a cell says what the copy shows; a copied text of a number may be set as people read it."""
    text = said(cell)
    if text == shown or normal(text) == normal(shown):
        return True
    if isinstance(cell, bool):
        return shown == str(int(cell))
    if isinstance(cell, date):
        return texts or any(_near(_days(cell, start), shown) for start in _DAYS)
    if isinstance(cell, int | float):
        return _near(float(cell), shown) or (texts and as_number(shown) is None)
    figure = as_number(text)
    return figure is not None and _near(float(figure), shown)


def _days(day: date, start: date) -> float:
    whole = day.date() if isinstance(day, datetime) else day
    part = (day - datetime.combine(whole, datetime.min.time())).total_seconds() / 86_400 if whole is not day else 0.0
    return (whole - start).days + part


def _near(figure: float, shown: str) -> bool:
    try:
        told = float(shown)
    except ValueError:
        held = as_number(shown)
        return held is not None and math.isclose(float(held), figure, rel_tol=1e-9)
    return math.isclose(told, figure, rel_tol=1e-9, abs_tol=1e-12)
