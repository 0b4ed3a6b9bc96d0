"""Native charts of a workbook: what they draw is what their cells and the judged values say."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from strop.checking.contracts import contract
from strop.checking.faithful import faithful
from strop.checking.opened import Opened, open_file
from strop.renderers.xlsx_file import XlsxFile
from strop.types.content import Cell, Chart, ChartKind, Content, Head, Part, Point, Table
from strop.types.work import ColumnType, Kind, Output

ROWS = (("Kai 1", 1200, date(2026, 1, 31)), ("Kai 2", 2500.5, date(2026, 2, 28)), ("Kai 3", 17, date(2026, 3, 31)))
BOOK = Output("book.xlsx", Kind.XLSX)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook of another hand: a sheet with a header and three rows, a chart that keeps a copy of its points."""
    from xlsxwriter import Workbook

    path = tmp_path / "book.xlsx"
    made: Any = Workbook(path)
    sheet = made.add_worksheet("The data")
    sheet.write_row(0, 0, ("harbour", "tonnes", "month end"))
    days = made.add_format({"num_format": "yyyy-mm-dd"})
    for number, (name, tonnes, day) in enumerate(ROWS, start=1):
        sheet.write(number, 0, name)
        sheet.write(number, 1, tonnes)
        sheet.write_datetime(number, 2, day, days)
    for across in (0, 2):
        chart = made.add_chart({"type": "column"})
        chart.add_series(
            {
                "name": ["The data", 0, 1],
                "categories": ["The data", 1, across, 3, across],
                "values": ["The data", 1, 1, 3, 1],
            }
        )
        sheet.insert_chart(5, 5 + across, chart)
    made.close()
    return path


def changed(path: Path, member: str, old: str, new: str) -> None:
    """One member of the archive with other words in it."""
    held = dict(_members(path))
    text = held[member].decode()
    assert old in text, text
    held[member] = text.replace(old, new).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in held.items():
            archive.writestr(name, body)


def _members(path: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def test_a_chart_that_shows_its_cells_raises_nothing(book: Path) -> None:
    """Numbers, texts and dates, a copy as another program keeps it; what it draws is known."""
    assert contract(BOOK, book) == ()
    opened = open_file(book, kind=Kind.XLSX)
    assert isinstance(opened, Opened)
    points = (("Kai 1", "1200"), ("Kai 2", "2500.5"), ("Kai 3", "17"))
    assert opened.plotted[0].series == (("tonnes", points),)


VALUES = "<c:f>'The data'!$B$2:$B$4</c:f>"
BROKEN = {
    "a kept point is another": (
        "<c:v>2500.5</c:v>",
        "<c:v>2600.5</c:v>",
        ("chart 1, tonnes, point 2 of 'The data'!$B$2:$B$4", "2500.5", "2600.5"),
    ),
    "a kept name is another": ("<c:v>Kai 3</c:v>", "<c:v>Kai 4</c:v>", ("chart 1, tonnes, point 3", "Kai 3", "Kai 4")),
    "a point is not kept": (
        '<c:ptCount val="3"/><c:pt idx="0"><c:v>1200</c:v></c:pt>',
        '<c:ptCount val="2"/><c:pt idx="0"><c:v>1200</c:v></c:pt>',
        ("chart 1, tonnes", "3 points of 'The data'!$B$2:$B$4", "2 points"),
    ),
    "the range begins with the header": (
        VALUES,
        "<c:f>'The data'!$B$1:$B$3</c:f>",
        ("chart 1, tonnes, 'The data'!$B$1:$B$3", "a number", "tonnes"),
    ),
    "the range is a row short": (
        VALUES,
        "<c:f>'The data'!$B$2:$B$3</c:f>",
        ("chart 1, tonnes", "3 categories in 'The data'!$A$2:$A$4", "2 values in 'The data'!$B$2:$B$3"),
    ),
    "the sheet is not there": (
        VALUES,
        "<c:f>Gone!$B$2:$B$4</c:f>",
        ("chart 1, tonnes", "cells that are there", "Gone!$B$2:$B$4"),
    ),
    "the range is deleted": (VALUES, "<c:f>#REF!</c:f>", ("chart 1, tonnes", "cells that are there", "#REF!")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_chart_of_a_strange_workbook_is_held_against_its_cells(name: str, book: Path) -> None:
    """Each is a finding that names the chart, the series and the point or range."""
    old, new, (place, expected, observed) = BROKEN[name]
    changed(book, "xl/charts/chart1.xml", old, new)
    found = [(each.locator, each.expected, each.observed) for each in contract(BOOK, book)]
    assert any(
        at.startswith(place) and (wanted, seen) == (expected, observed) for at, wanted, seen in found
    ), found  # fmt: skip
    assert all(at.startswith("chart 1") for at, *_ in found)


def test_what_is_hidden_is_not_drawn(book: Path) -> None:
    """A row that a filter hides is not in the copy, and that is no flaw."""
    changed(book, "xl/worksheets/sheet1.xml", '<row r="3" ', '<row r="3" hidden="1" ')
    for number in (1, 2):
        changed(book, f"xl/charts/chart{number}.xml", '<c:ptCount val="3"/>', '<c:ptCount val="2"/>')
    assert contract(BOOK, book) == ()


def test_a_range_by_a_name_is_left_alone(book: Path) -> None:
    """What is not read here is no flaw: the copy is all there is of it."""
    changed(book, "xl/charts/chart1.xml", VALUES, "<c:f>book.xlsx!tonnes</c:f>")
    assert contract(BOOK, book) == ()


# ---------------------------------------------------------------- against the judged values

FIGURES = (Point("Kai 1", Cell(10)), Point("Kai 2", Cell("25.50")), Point("Kai 3", Cell(17.25)))
OURS = Chart("tonnes", ChartKind.BAR, "Tonnes by harbour", "Harbour", "Tonnes", FIGURES)
PARTED = Chart(
    "both", ChartKind.STACKED, "Both", "Year", "Count",
    (Point("2025", Cell(1), "old"), Point("2026", Cell(2), "old"), Point("2026", Cell(3), "new")),
)  # fmt: skip
TABLE = Table("plain", (Head("harbour", ColumnType.TEXT),), ((Cell("Kai 1"),),))
WHOLE: tuple[Content, ...] = (TABLE, OURS, PARTED)


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    """A table and two charts as strop writes them."""
    path = tmp_path / "ours.xlsx"
    XlsxFile().render(Part("ours.xlsx", WHOLE), to=path)
    return path


def told(path: Path) -> list[tuple[str, str, str]]:
    opened = open_file(path, kind=Kind.XLSX)
    assert isinstance(opened, Opened), opened
    assert opened.flaws == ()
    found = faithful(Part("ours.xlsx", WHOLE), opened)
    return [(each.locator, each.expected, each.observed) for each in found]


def test_charts_as_they_were_judged_raise_nothing(delivered: Path) -> None:
    """Whole numbers, decimals and gaps, one series and two."""
    assert told(delivered) == []


def test_a_range_of_other_rows_draws_other_points(delivered: Path) -> None:
    """Shifted by a row, so that ranges fit each other and every cell holds a number."""
    for column in "AB":
        changed(delivered, "xl/charts/chart1.xml", f"Charts!${column}$3:${column}$5", f"Charts!${column}$4:${column}$6")
    assert ("chart 1, Tonnes, Kai 2", "Kai 1", "Kai 2") in told(delivered)


def test_a_range_without_the_last_row_is_too_short(delivered: Path) -> None:
    """The two ranges fit each other; the chart has a point too few."""
    for column in "AB":
        changed(delivered, "xl/charts/chart1.xml", f"Charts!${column}$3:${column}$5", f"Charts!${column}$3:${column}$4")
    assert ("chart 1, Tonnes", "3 points", "2 points") in told(delivered)


def test_a_cell_that_a_chart_draws_is_another(delivered: Path) -> None:
    """Typed over on the sheet of the figures."""
    changed(delivered, "xl/worksheets/sheet2.xml", "<v>25.5</v>", "<v>26.5</v>")
    assert told(delivered) == [("chart 1, Tonnes, Kai 2", "25.50", "26.5")]


def test_axes_and_series_keep_their_names(delivered: Path) -> None:
    """An axis renamed, and the second series drawn under the first one's name."""
    changed(delivered, "xl/charts/chart1.xml", "<a:t>Tonnes</a:t>", "<a:t>Kilograms</a:t>")
    series = "<c:f>Charts!${}$26</c:f>"
    changed(delivered, "xl/charts/chart2.xml", series.format("C"), series.format("B"))
    found = told(delivered)
    assert ("chart 1, axes", "Tonnes", "Harbour, Kilograms") in found
    assert ("chart 2, series", "new", "old") in found
