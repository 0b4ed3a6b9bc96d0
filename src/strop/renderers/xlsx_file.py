"""XLSX by xlsxwriter: one sheet a table, native charts, and a sheet that says where values stand.

Text is text: never a formula, never a link. A column with a formula is one in the sheet too, with
the computed figure beside it in the file, so that readers which compute nothing show it; where a
figure has more digits than a sheet holds, its column stays text and nothing is computed from it.
Totals stand on a sheet of their own. A value that was not verified or was corrected is tinted and
carries a comment. The sheet `Sources` lists every cell that rests on a claim, with the claim and a
link to the cell; of rows that were taken from a file as they are it names the file once.

Rows stream: a table is walked once to be looked at and once to be written. The file holds no date
of its own making, so equal parts give equal bytes.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from strop.errors import BadInput
from strop.renderers.cells import LEGEND, NO_ROWS, checked, checked_rows, clean, cut, said
from strop.renderers.plain_book import PlainBook, style_of
from strop.renderers.sheet_cells import blank_cell, day_number, formula_cell, number_cell, text_cell, truth_cell
from strop.renderers.sheets import ROW, SAMPLE, Form, Looked, Place, Survey, is_number, letters, sheet_names
from strop.renderers.theme import Theme, load_theme
from strop.types.content import Cell, Chart, ChartKind, Content, Part, Scalar, Standing, Table, Total
from strop.types.formulas import Call, ColumnOf, to_excel
from strop.types.work import ColumnType, Kind

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from strop.renderers.plain_book import PlainSheet
    from strop.seams import Renderer

_ROWS, _COLUMNS, _LETTERS = 1_048_576, 16_384, 32_767
"""What the format holds: rows and columns of a sheet, characters of a cell."""
_LINKS = 60_000
"""The format holds 65,530 links a sheet; cells beyond this are named without one."""
_QUOTE = 2_000
_COMMENT = 400
_SOURCES = (
    ("Sheet", 18),
    ("Cell", 8),
    ("Column", 20),
    ("Value", 24),
    ("Standing", 12),
    ("Source", 42),
    ("Quote", 80),
    ("Claim", 20),
)
_TOTALS = (("Table", 24), ("Column", 24), ("Figure", 12), ("Value", 20))
_TOTALS_SHEET = "Totals"
_LIKE_CELL = re.compile(r"=?[^!]+!(?=\$?[A-Z]+\$?[0-9])")
_CHARTS = "Charts"
_CHART_ROWS = 22
"""Rows of a sheet that a chart covers."""


@dataclass(frozen=True, slots=True)
class XlsxFile:
    """Tables and charts as one workbook."""

    theme: Theme = field(default_factory=load_theme)

    @property
    def kind(self) -> Kind:
        return Kind.XLSX

    def render(self, part: Part, *, to: Path) -> None:
        """Write the workbook.

        Raises:
            MissingPart: xlsxwriter is not installed.
            BadInput: prose among the contents, a number that is not finite, or more rows, columns
                or characters than the format holds.
        """
        if not part.content or not all(isinstance(content, Table) for content in part.content):
            checked(Part(part.file, tuple(each for each in part.content if not isinstance(each, Table))))
        looked = [_look_at(content, part.file) for content in part.content]
        with tempfile.TemporaryDirectory(prefix="strop-xlsx-") as folder:
            book = PlainBook(folder)
            _Writing(book, self.theme).write(looked)
            body = book.closed()
        to.write_bytes(body)


def _look_at(content: Content, file: str) -> Looked | Chart:
    """The first walk: what the format cannot hold is said before anything is written.

    Raises:
        BadInput: as `XlsxFile.render`.
    """
    if isinstance(content, Chart):
        return content
    if not isinstance(content, Table):
        raise BadInput(f"{file}: an XLSX holds tables and charts, no prose. Ask for a PDF or Markdown")
    if len(content.rows) >= _ROWS or len(content.heads) > _COLUMNS:
        size = f"{len(content.rows):,} rows and {len(content.heads):,} columns"
        raise BadInput(f"{file}: {size} are more than an XLSX holds ({_ROWS - 1:,} and {_COLUMNS:,}). Ask for a CSV")
    surveys = tuple(Survey(head) for head in content.heads)
    count = 0
    for count, row in enumerate(checked_rows(content, file), start=1):
        for survey, cell in zip(surveys, row, strict=True):
            if count <= SAMPLE or survey.numeric:
                survey.see(cell.value)
            if isinstance(cell.value, str) and len(cell.value) > _LETTERS:
                head = content.heads[surveys.index(survey)]
                where = f"row {count}, column {cut(head.name, 40)!r}"
                long = f"{len(cell.value):,} characters; an XLSX cell holds {_LETTERS:,}"
                raise BadInput(f"{file}: {where} has {long}. Ask for a CSV")
    return Looked(content, surveys, count)


class _Writing:
    """One workbook while it is written: its formats, and the claims met so far."""

    def __init__(self, book: PlainBook, theme: Theme) -> None:
        self._book = book
        self._styles: dict[tuple[str, str], int] = {}
        self._theme = theme
        self._formats: dict[tuple[str, str], Format] = {}
        self._claims: list[tuple[Place, str, Cell]] = []

    def write(self, contents: Sequence[Looked | Chart]) -> None:
        tables = [content for content in contents if isinstance(content, Looked)]
        charts = [content for content in contents if isinstance(content, Chart)]
        names = sheet_names([looked.table.name for looked in tables])
        for name, looked in zip(names, tables, strict=True):
            self._table(name, looked)
        if any(looked.table.totals for looked in tables):
            self._totals([(name, looked) for name, looked in zip(names, tables, strict=True) if looked.table.totals])
        if charts:
            self._charts(charts)
        origins = [(name, looked) for name, looked in zip(names, tables, strict=True) if looked.table.origin]
        if self._claims or origins:
            self._sources(origins)

    # ------------------------------------------------------------ tables

    def _table(self, name: str, looked: Looked) -> None:
        table = looked.table
        sheet = self._book.sheet(name)
        for column, survey in enumerate(looked.surveys):
            sheet.set_column(column, column, survey.width)
        self._header(sheet, [head.name for head in table.heads])
        forms = looked.forms()
        sheet.put_rows(
            (self._row(sheet, name, row, forms, cells) for row, cells in enumerate(table.rows, start=1)),
            first=1,
            width=len(forms),
        )
        if not looked.count:
            sheet.write_string(1, 0, NO_ROWS, self._format("note", ""))
        sheet.autofilter(0, 0, max(looked.count, 1), len(table.heads) - 1)
        _print_well(sheet)

    def _row(
        self, sheet: PlainSheet, name: str, row: int, forms: Sequence[Form], cells: Sequence[Cell]
    ) -> Sequence[str]:
        for column, cell in enumerate(cells):
            if cell.claims or cell.source:
                self._claims.append((Place(name, row, column), forms[column].head, cell))
        return [self._cell(sheet, row, column, form, cells[column]) for column, form in enumerate(forms)]

    def _totals(self, tables: Sequence[tuple[str, Looked]]) -> None:
        sheet = self._book.sheet(_TOTALS_SHEET)
        for column, (_, width) in enumerate(_TOTALS):
            sheet.set_column(column, column, width)
        self._header(sheet, [name for name, _ in _TOTALS])
        wanted = [(name, looked, total) for name, looked in tables for total in looked.table.totals]
        rows = (self._total(sheet, row, *each) for row, each in enumerate(wanted, start=1))
        sheet.put_rows(rows, first=1, width=len(_TOTALS))
        sheet.autofilter(0, 0, len(wanted), len(_TOTALS) - 1)
        _print_well(sheet)

    def _total(self, sheet: PlainSheet, row: int, name: str, looked: Looked, total: Total) -> Sequence[str]:
        survey = looked.surveys[looked.column(total.head)]
        where = Place(name, 0, 0).quoted
        call = Call(total.function, (ColumnOf(total.head),))
        text = to_excel(call, cell=str, whole=lambda column: f"{where}!{looked.whole(column)}")
        computes = is_number(total.cell.value) and (total.function == "count" or looked.computes(call))
        column = len(_TOTALS) - 1
        form = Form(
            total.head,
            letters(column),
            survey.kind if survey.numeric else ColumnType.NUMBER,
            "0" if total.function == "count" else survey.format,
            text if computes else "",
        )
        if total.cell.claims:
            self._claims.append((Place(_TOTALS_SHEET, row, column), total.head, total.cell))
        texts = (cut(clean(text), 255) for text in (looked.table.name, total.head, total.function))
        said = [self._text(row, at, text) for at, text in enumerate(texts)]
        return [*said, self._cell(sheet, row, column, form, total.cell)]

    def _header(self, sheet: Worksheet, names: list[str]) -> None:
        sheet.set_row(0, 22)
        for column, name in enumerate(names):
            sheet.write_string(0, column, cut(clean(name), 255), self._format("header", ""))
        sheet.freeze_panes(1, 0)

    def _text(self, row: int, column: int, text: str, look: str = "text") -> str:
        return text_cell(f"{letters(column)}{row + 1}", self._style(look, ""), text)

    def _cell(self, sheet: PlainSheet, row: int, column: int, form: Form, cell: Cell) -> str:
        standing = cell.standing
        # Members are told apart by identity: their hash is a Python call, and there are many cells.
        marked = standing is not Standing.ACCEPTED and standing is not Standing.PLAIN
        tint = self._tint(standing) if marked else ""
        if marked and standing in LEGEND:
            sheet.write_comment(row, column, _remark(cell), {"author": "gate", "x_scale": 1.6})
        value = typed_value(cell.value, form.kind)
        place = f"{form.letter}{row + 1}"
        if isinstance(value, str):
            return text_cell(place, self._style("text", tint), value)
        if value is None:
            return blank_cell(place, self._style("text", tint))
        if isinstance(value, bool):
            return truth_cell(place, self._style("text", tint), held=value)
        style = self._style(form.number, tint)
        if isinstance(value, date):
            return number_cell(place, style, day_number(value))
        if form.formula:
            return formula_cell(place, style, form.formula.replace(ROW, str(row + 1)), value)
        return number_cell(place, style, value)

    def _tint(self, standing: Standing) -> str:
        return self._theme.standing_tint(standing.value) or "" if standing in LEGEND else ""

    # ------------------------------------------------------------ sources

    def _sources(self, origins: Sequence[tuple[str, Looked]]) -> None:
        sheet = self._book.sheet("Sources")
        for column, (_, width) in enumerate(_SOURCES):
            sheet.set_column(column, column, width)
        self._header(sheet, [name for name, _ in _SOURCES])
        if len(self._claims) + len(origins) >= _ROWS:
            raise BadInput(f"{len(self._claims):,} sources are more than an XLSX sheet holds. Ask for a CSV or JSON")
        for row, (name, looked) in enumerate(origins, start=1):
            texts = _origin_texts(looked)
            last = Place(name, looked.count, len(looked.table.heads) - 1)
            self._source(sheet, row, Place(name, 1, 0), f"A2:{last.name}", texts)
        for row, (place, head, cell) in enumerate(self._claims, start=1 + len(origins)):
            self._source(sheet, row, place, place.name, _source_texts(head, cell))
        sheet.autofilter(0, 0, len(self._claims) + len(origins), len(_SOURCES) - 1)
        _print_well(sheet)

    def _source(self, sheet: Worksheet, row: int, place: Place, name: str, texts: Sequence[str]) -> None:
        plain = self._format("text", "")
        sheet.write_string(row, 0, place.sheet, plain)
        if row <= _LINKS:
            sheet.write_url(row, 1, place.link, self._format("link", ""), string=name)
        else:
            sheet.write_string(row, 1, name, plain)
        for column, text in enumerate(texts, start=2):
            sheet.write_string(row, column, cut(clean(text), _QUOTE), plain)

    # ------------------------------------------------------------ charts

    def _charts(self, charts: list[Chart]) -> None:
        sheet = self._book.sheet(_CHARTS)
        sheet.set_column(0, 0, 24)
        sheet.hide_gridlines(2)
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        row = 0
        for chart in charts:
            row += max(self._chart(sheet, row, chart), _CHART_ROWS) + 2

    def _chart(self, sheet: PlainSheet, top: int, chart: Chart) -> int:
        """Write the figures at `top` and the drawing beside them; say how many rows they took."""
        series = list(dict.fromkeys(point.series for point in chart.points)) or [""]
        places = list(dict.fromkeys(point.x for point in chart.points))
        held = {(point.x, point.series): point.y for point in chart.points}
        own = Form("", "A", ColumnType.TEXT, "General")
        forms = [Form("", letters(at), ColumnType.NUMBER, "General") for at in range(1, len(series) + 1)]
        heads = (chart.x_title, *(name or chart.y_title for name in series))
        rows = [
            [self._text(top, 0, cut(clean(chart.title), 255), "title")],
            [self._text(top + 1, at, cut(clean(name), 255), "header") for at, name in enumerate(heads)],
        ]
        for row, x in enumerate(places, start=top + 2):
            cells = [(at, form, held.get((x, name))) for at, (form, name) in enumerate(zip(forms, series, strict=True))]
            there = [self._cell(sheet, row, at + 1, form, cell) for at, form, cell in cells if cell is not None]
            rows.append([self._cell(sheet, row, 0, own, Cell(x)), *there])
        sheet.put_rows(rows, first=top, width=len(heads))
        if places:
            self._draw(sheet, top, chart, tuple(series), len(places))
        return len(places) + 2

    def _draw(self, sheet: Worksheet, top: int, chart: Chart, series: tuple[str, ...], count: int) -> None:
        drawing = self._book.chart(_shape(chart))
        if drawing is None:
            raise BadInput(f"chart {chart.name!r} is of a kind that an XLSX cannot draw")
        first, last = top + 2, top + 1 + count
        for column, name in enumerate(series, start=1):
            colour = self._theme.standing_colour(name) or self._theme.series[(column - 1) % len(self._theme.series)]
            drawing.add_series(
                {
                    "name": [_CHARTS, top + 1, column],
                    "categories": [_CHARTS, first, 0, last, 0],
                    "values": [_CHARTS, first, column, last, column],
                    **_paint(chart, colour),
                }
            )
        soft = {"visible": True, "line": {"color": self._theme.colours.rule, "width": 0.75}}
        values: dict[str, object] = {"name": _named(chart.y_title), "major_gridlines": soft, "line": {"none": True}}
        numbers = [cell.y.value for cell in chart.points if isinstance(cell.y.value, int | float)]
        if chart.log_y and min(numbers, default=0) > 0:
            values["log_base"] = 10
        places: dict[str, object] = {"name": _named(chart.x_title), "major_gridlines": {"visible": False}}
        if chart.kind in (ChartKind.BAR, ChartKind.STACKED):
            # Bars lie: to the library their upright axis is y. The first is on top, the scale below the last.
            drawing.set_y_axis(places | {"reverse": True, "crossing": "max"})
            drawing.set_x_axis(values)
        else:
            drawing.set_x_axis(places)
            drawing.set_y_axis(values)
        drawing.set_title({"name": _named(chart.title), "name_font": {"size": 13, "bold": True}})
        drawing.set_legend({"position": "top"} if len(series) > 1 else {"none": True})
        drawing.set_size({"width": 720, "height": max(400, min(1_000, 120 + 18 * count))})
        sheet.insert_chart(top, len(series) + 2, drawing)

    # ------------------------------------------------------------ formats

    def _format(self, number: str, tint: str) -> Format:
        """One format of the workbook for each look, made when first needed."""
        made = self._formats.get((number, tint))
        if made is None:
            made = self._book.look(_look(number, tint, self._theme))
            self._formats[number, tint] = made
        return made

    def _style(self, number: str, tint: str) -> int:
        made = self._styles.get((number, tint))
        if made is None:
            made = self._styles[number, tint] = style_of(self._format(number, tint))
        return made


def _source_texts(head: str, cell: Cell) -> tuple[str, ...]:
    """Column, value, standing, source, quote and claim, as the sheet `Sources` lists them."""
    source = f"computed: {cell.formula}" if cell.formula else cell.source
    claim = ", ".join(cell.claims) if cell.formula else "".join(cell.claims[:1])
    return cut(clean(head), 255), said(cell.value), cell.standing.value, source, cell.quote, claim


def _origin_texts(looked: Looked) -> tuple[str, ...]:
    origin = looked.table.origin
    assert origin is not None, "only a table with an origin is listed by it"
    plain = [head.name for head in looked.table.heads if not head.formula]
    return ", ".join(plain), "", "taken as it is", f"{origin.path}, the same row and column", "", origin.digest


def typed_value(value: Scalar, kind: ColumnType) -> None | bool | int | float | date | str:
    """The value as the format knows it: a decimal or date that came as text becomes one."""
    if value.__class__ is float:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        # Beyond 15 digits the format would round; text keeps every digit.
        return value if abs(value) < 10**15 else str(value)
    if not isinstance(value, str):
        return value
    if kind is ColumnType.DATE:
        return _date(value) or clean(value)
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL) and is_number(value):
        return float(value)
    return clean(value)


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year >= 1900 else None


def _look(number: str, tint: str, theme: Theme) -> dict[str, object]:
    colours = theme.colours
    look: dict[str, object] = {
        "font_name": theme.fonts.sheet,
        "font_size": 10,
        "valign": "top",
        "font_color": colours.ink,
    }
    special: dict[str, dict[str, object]] = {
        "header": {"bold": True, "font_color": "#ffffff", "bg_color": colours.accent, "valign": "vcenter"},
        "title": {"bold": True, "font_size": 13, "font_color": colours.accent},
        "note": {"italic": True, "font_color": colours.muted},
        "link": {"font_color": colours.accent, "underline": 1},
        "text": {},
    }
    look |= special.get(number, {"num_format": number})
    return look | ({"bg_color": tint} if tint else {})


def _remark(cell: Cell) -> str:
    parts = [LEGEND[cell.standing].capitalize() + "."]
    if cell.source:
        parts.append(cut(clean(cell.source), _COMMENT))
    if cell.quote:
        parts.append(f"“{cut(clean(cell.quote), _COMMENT)}”")
    return "\n".join(parts)


def _named(title: str) -> str:
    """A title for the library, which takes one that is like `Data!A1` for a cell's name: that is broken unseen."""
    return _LIKE_CELL.sub("\\g<0>\u2060", cut(clean(title), 255))


def _shape(chart: Chart) -> dict[str, object]:
    shapes: dict[ChartKind, dict[str, object]] = {
        ChartKind.BAR: {"type": "bar"},
        ChartKind.STACKED: {"type": "bar", "subtype": "stacked"},
        ChartKind.LINE: {"type": "line"},
        ChartKind.SCATTER: {"type": "scatter"},
    }
    return shapes[chart.kind]


def _paint(chart: Chart, colour: str) -> dict[str, object]:
    dot = {"type": "circle", "size": 6, "fill": {"color": colour}, "border": {"color": colour}}
    if chart.kind is ChartKind.LINE:
        return {"line": {"color": colour, "width": 2}, "marker": dot}
    if chart.kind is ChartKind.SCATTER:
        return {"marker": dot}
    bar: dict[str, object] = {"fill": {"color": colour}, "gap": 60}
    return bar | ({"overlap": 100} if chart.kind is ChartKind.STACKED else {})


def _print_well(sheet: Worksheet) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


if TYPE_CHECKING:

    def _fits(one: XlsxFile) -> Renderer:
        return one
