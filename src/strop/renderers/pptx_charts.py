"""A chart as the office formats draw it themselves: values inside, and the same in a workbook to edit.

Axes are titled, numbers have a format, colours are the theme's, a legend stands only where there is more
than one series. A value that nothing confirmed is hollow, as in our pictures. Claims stand in the workbook
beside their values.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strop.renderers.cells import clean, cut, grouped, visible
from strop.renderers.markup import HEAD, tag, text
from strop.renderers.package import EMU, SPACES, hexed
from strop.renderers.plain_book import PlainBook
from strop.renderers.sheet_cells import number_cell, text_cell
from strop.renderers.sheets import letters
from strop.renderers.theme import Theme
from strop.types.content import Cell, Chart, ChartKind, Point, Standing

_SPACE = {"xmlns:c": "http://schemas.openxmlformats.org/drawingml/2006/chart"}
_SHEET = "Data"
_LABEL = 44
_LABELLED = 24
"""Up to this many values stand at their bars."""
_ACCENTS = 6
_AROUND, _LEAST = 64.0, 6.5
"""Points that a chart needs around its bars, and of its smallest letters."""
_GROUPED = 1_000
"""From here on digits stand in groups, at the axis and at the values alike."""
_ACROSS, _UP = 1, 2
"""Ids of the axes."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One series as it is drawn: a place along the axis, its point or none."""

    name: str
    own: str
    """As the chart's author calls it; standings have colours of their own."""
    points: tuple[Point | None, ...]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A chart as a sheet: columns of values over one column of places, or a pair of columns a series."""

    chart: Chart
    numeric: bool
    places: tuple[str, ...]
    """Categories; empty where points stand over numbers."""
    columns: tuple[_Column, ...]

    @property
    def lying(self) -> bool:
        return self.chart.kind in (ChartKind.BAR, ChartKind.STACKED)

    def range(self, column: int, count: int) -> str:
        letter = letters(column)
        return f"{_SHEET}!${letter}$2:${letter}${count + 1}"


def chart_part(chart: Chart, theme: Theme, height: float) -> tuple[str, bytes]:
    """(the chart as XML, its workbook) for a frame that is `height` points high.

    Raises:
        MissingPart: xlsxwriter is not installed.
    """
    sheet = _laid(chart)
    drawn = {
        ChartKind.BAR: _bars,
        ChartKind.STACKED: _bars,
        ChartKind.LINE: _marks,
        ChartKind.SCATTER: _marks,
    }[chart.kind](sheet, theme)
    axes = _axes(sheet, theme, height)
    plot = tag("c:plotArea", None, tag("c:layout"), drawn, axes)
    legend = ""
    if len(sheet.columns) > 1:
        legend = tag("c:legend", None, _val("legendPos", "t"), _val("overlay", 0), _letters_of(11, theme.colours.ink))
    whole = tag(
        "c:chart", None, _val("autoTitleDeleted", 1), plot, legend, _val("plotVisOnly", 1), _val("dispBlanksAs", "gap")
    )
    data = tag("c:externalData", {"r:id": "rId1"}, _val("autoUpdate", 0))
    body = tag(
        "c:chartSpace",
        {**_SPACE, **SPACES},
        _val("date1904", 0),
        _val("roundedCorners", 0),
        whole,
        _letters_of(11, theme.colours.muted),
        data,
    )
    return HEAD + body, _workbook(sheet)


def described(chart: Chart) -> str:
    """What a reader hears who does not see it."""
    axes = f"{chart.y_title} by {chart.x_title}" if chart.x_title else chart.y_title
    said = f"{chart.title}: {chart.kind.value} chart, {axes}, {len(chart.points)} values"
    return cut(" ".join(visible(said).split()), 400)


# ---------------------------------------------------------------- data


def _laid(chart: Chart) -> _Sheet:
    names = tuple(dict.fromkeys(point.series for point in chart.points))
    named = {name: _said(name) or _said(chart.y_title) or "Values" for name in names}
    groups = {name: tuple(point for point in chart.points if point.series == name) for name in names}
    over_numbers = not any(isinstance(point.x, str) for point in chart.points)
    if over_numbers and chart.kind in (ChartKind.LINE, ChartKind.SCATTER):
        drawn = {name: tuple(one for one in points if number_of(one.y) is not None) for name, points in groups.items()}
        return _Sheet(chart, True, (), tuple(_Column(named[name], name, drawn[name]) for name in names))
    places = _places(chart.points)
    columns: list[_Column] = []
    for name, points in groups.items():
        held = dict(zip(_places(points), points, strict=True))
        columns.append(_Column(named[name], name, tuple(held.get(place) for place in places)))
    return _Sheet(chart, False, tuple(_label(x) for x, _ in places), tuple(columns))


def _places(points: Sequence[Point]) -> list[tuple[str | float, int]]:
    """(x, how many times its series had it before) of every point, each once: no point hides another."""
    counts: dict[tuple[str | float, str], int] = {}
    found: dict[tuple[str | float, int], None] = {}
    for point in points:
        number = counts.get((point.x, point.series), 0)
        counts[point.x, point.series] = number + 1
        found[point.x, number] = None
    return list(found)


def _label(x: str | float) -> str:
    return _said(x if isinstance(x, str) else grouped(x)) or "(empty)"


def _said(words: str) -> str:
    return cut(" ".join(visible(words).split()), _LABEL)


def number_of(cell: Cell) -> float | int | None:
    """The cell as a chart draws it; None where it is no number."""
    value = cell.value
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value


def _numbers(points: Sequence[Point | None]) -> list[float | int]:
    return [number for point in points if point is not None and (number := number_of(point.y)) is not None]


def _format(points: Sequence[Point | None]) -> str:
    numbers = _numbers(points)
    whole = "#,##0" if any(abs(number) >= _GROUPED for number in numbers) else "0"
    return whole if all(float(number).is_integer() for number in numbers) else f"{whole}.0##"


def _workbook(sheet: _Sheet) -> bytes:
    """The same values as a sheet, and behind them the claims they rest on."""
    count = max([len(sheet.places), *(len(column.points) for column in sheet.columns)])
    rows = [_heads(sheet), *(_row(sheet, row) for row in range(count))]
    with tempfile.TemporaryDirectory(prefix="strop-pptx-") as folder:
        book = PlainBook(folder)
        page = book.sheet(_SHEET)
        made = ([_cell(number, at, value) for at, value in sorted(row.items())] for number, row in enumerate(rows, 1))
        page.put_rows(made, first=0, width=1 + max(max(row, default=0) for row in rows))
        return book.closed()


def _cell(number: int, at: int, value: str | float) -> str:
    place = f"{letters(at)}{number}"
    return text_cell(place, 0, value) if isinstance(value, str) else number_cell(place, 0, value)


def _behind(sheet: _Sheet) -> int:
    """The first column of claims."""
    return 2 * len(sheet.columns) if sheet.numeric else len(sheet.columns) + 1


def _heads(sheet: _Sheet) -> dict[int, str | float]:
    heads: dict[int, str | float] = {0: clean(sheet.chart.x_title)}
    for at, column in enumerate(sheet.columns):
        heads[_up(sheet, at)] = column.name
        if any(point is not None and point.y.claims for point in column.points):
            heads[_behind(sheet) + at] = cut(f"claims of {column.name}", 255)
    return heads


def _row(sheet: _Sheet, row: int) -> dict[int, str | float]:
    """What stands in one row, by column."""
    made: dict[int, str | float] = {0: sheet.places[row]} if row < len(sheet.places) else {}
    for at, column in enumerate(sheet.columns):
        point = column.points[row] if row < len(column.points) else None
        if point is None:
            continue
        if sheet.numeric:
            made[_up(sheet, at) - 1] = float(point.x)
        number = number_of(point.y)
        if number is not None:
            made[_up(sheet, at)] = number
        if point.y.claims:
            made[_behind(sheet) + at] = ", ".join(point.y.claims)[:32_000]
    return made


def _up(sheet: _Sheet, at: int) -> int:
    """The column of a series' values."""
    return 2 * at + 1 if sheet.numeric else at + 1


# ---------------------------------------------------------------- series


def _val(name: str, value: str | int | float) -> str:
    return tag(f"c:{name}", {"val": str(value)})


def _bars(sheet: _Sheet, theme: Theme) -> str:
    stacked = sheet.chart.kind is ChartKind.STACKED
    series = [
        _series(sheet, theme, at, tag("c:spPr", None, _paint(column, at, theme)), _val("invertIfNegative", 0))
        for at, column in enumerate(sheet.columns)
    ]
    head = (_val("barDir", "bar"), _val("grouping", "stacked" if stacked else "clustered"), _val("varyColors", 0))
    tail = (_val("gapWidth", 45), _val("overlap", 100 if stacked else -10), _val("axId", _ACROSS), _val("axId", _UP))
    return tag("c:barChart", None, *head, *series, *tail)


def _marks(sheet: _Sheet, theme: Theme) -> str:
    """Lines and points, over numbers or over categories."""
    lined = sheet.chart.kind is ChartKind.LINE
    series: list[str] = []
    for at, column in enumerate(sheet.columns):
        line = tag("a:ln", {"w": round(2.25 * EMU), "cap": "rnd"}, _paint(column, at, theme), tag("a:round"))
        look = tag("c:spPr", None, line if lined else tag("a:ln", {"w": 19_050}, tag("a:noFill")))
        series.append(_series(sheet, theme, at, look, _marker(_paint(column, at, theme), column, at, theme)))
    ids = (_val("axId", _ACROSS), _val("axId", _UP))
    if sheet.numeric:
        return tag("c:scatterChart", None, _val("scatterStyle", "lineMarker"), _val("varyColors", 0), *series, *ids)
    head = (_val("grouping", "standard"), _val("varyColors", 0))
    return tag("c:lineChart", None, *head, *series, _val("marker", 1), *ids)


def _series(sheet: _Sheet, theme: Theme, at: int, look: str, form: str) -> str:
    column, count = sheet.columns[at], len(sheet.columns[at].points)
    up = _up(sheet, at)
    name = tag("c:tx", None, _strings(f"{_SHEET}!${letters(up)}$1", (column.name,)))
    hollow = [_hollow(sheet, theme, at, place) for place, point in enumerate(column.points) if _unsure(point)]
    figures = [None if point is None else number_of(point.y) for point in column.points]
    values = _figures(sheet.range(up, count), figures, _format(column.points))
    if sheet.numeric:
        places = [float(point.x) for point in column.points if point is not None]
        data = tag("c:xVal", None, _figures(sheet.range(up - 1, count), places, "General"))
        data += tag("c:yVal", None, values) + _val("smooth", 0)
    else:
        data = tag("c:cat", None, _strings(sheet.range(0, count), sheet.places)) + tag("c:val", None, values)
        data += "" if sheet.lying else _val("smooth", 0)
    labels = _labels(sheet, theme) if sheet.chart.kind is ChartKind.BAR else ""
    return tag("c:ser", None, _val("idx", at), _val("order", at), name, look, form, *hollow, labels, data)


def _unsure(point: Point | None) -> bool:
    return point is not None and point.y.standing is Standing.UNVERIFIED and number_of(point.y) is not None


def _hollow(sheet: _Sheet, theme: Theme, at: int, place: int) -> str:
    column = sheet.columns[at]
    edge = tag("a:ln", {"w": round(1.5 * EMU)}, _paint(column, at, theme))
    empty = tag("a:solidFill", None, tag("a:schemeClr", {"val": "bg1"}))
    if sheet.lying:
        look = tag("c:spPr", None, empty, edge)
        return tag("c:dPt", None, _val("idx", place), _val("invertIfNegative", 0), _val("bubble3D", 0), look)
    line = ""
    if sheet.chart.kind is ChartKind.LINE:
        # Without its own line the piece before the point would lose the series' look.
        drawn = tag("a:ln", {"w": round(2.25 * EMU), "cap": "rnd"}, _paint(column, at, theme), tag("a:round"))
        line = tag("c:spPr", None, drawn)
    return tag("c:dPt", None, _val("idx", place), _marker(empty, column, at, theme), _val("bubble3D", 0), line)


def _marker(inside: str, column: _Column, at: int, theme: Theme) -> str:
    edge = tag("a:ln", {"w": round(1.5 * EMU)}, _paint(column, at, theme))
    return tag("c:marker", None, _val("symbol", "circle"), _val("size", 8), tag("c:spPr", None, inside, edge))


def _paint(column: _Column, at: int, theme: Theme) -> str:
    """A standing in its own colour, others in the theme's accents as far as there are some."""
    own = theme.standing_colour(column.own)
    if own is None and at < min(_ACCENTS, len(theme.series)):
        return tag("a:solidFill", None, tag("a:schemeClr", {"val": f"accent{at + 1}"}))
    return tag("a:solidFill", None, tag("a:srgbClr", {"val": hexed(own or theme.series[at % len(theme.series)])}))


def _labels(sheet: _Sheet, theme: Theme) -> str:
    """Values at the ends of bars, where there is room for them."""
    if len(sheet.chart.points) > _LABELLED:
        return ""
    shown = ("showLegendKey", 0), ("showVal", 1), ("showCatName", 0), ("showSerName", 0), ("showPercent", 0)
    return tag(
        "c:dLbls",
        None,
        tag("c:numFmt", {"formatCode": _format(sheet.chart.points), "sourceLinked": 0}),
        tag("c:spPr", None, tag("a:noFill"), tag("a:ln", None, tag("a:noFill"))),
        _letters_of(10, theme.colours.muted),
        _val("dLblPos", "outEnd"),
        *(_val(name, value) for name, value in (*shown, ("showBubbleSize", 0))),
    )


def _strings(place: str, words: Sequence[str]) -> str:
    points = (tag("c:pt", {"idx": at}, tag("c:v", None, text(word))) for at, word in enumerate(words))
    return tag("c:strRef", None, tag("c:f", None, place), tag("c:strCache", None, _val("ptCount", len(words)), *points))


def _figures(place: str, numbers: Sequence[float | int | None], form: str) -> str:
    points = (
        tag("c:pt", {"idx": at}, tag("c:v", None, repr(number)))
        for at, number in enumerate(numbers)
        if number is not None
    )
    kept = tag("c:numCache", None, tag("c:formatCode", None, form), _val("ptCount", len(numbers)), *points)
    return tag("c:numRef", None, tag("c:f", None, place), kept)


# ---------------------------------------------------------------- axes


def _axes(sheet: _Sheet, theme: Theme, height: float) -> str:
    chart, colours = sheet.chart, theme.colours
    numbers = _numbers(chart.points)
    form = "#,##0" if max(map(abs, numbers), default=0) >= _GROUPED else "General"
    log = chart.log_y and min(numbers, default=0) > 0
    floor = (_val("min", _floor(min(numbers))),) if log else ()
    grid = tag("c:majorGridlines", None, tag("c:spPr", None, _line(colours.rule, 0.5)))
    up = tag(
        "c:valAx",
        None,
        _val("axId", _UP),
        tag("c:scaling", None, *((_val("logBase", 10),) if log else ()), _val("orientation", "minMax"), *floor),
        _val("delete", 0),
        _val("axPos", "b" if sheet.lying else "l"),
        grid,
        _title(chart.y_title, theme, turned=not sheet.lying),
        tag("c:numFmt", {"formatCode": form, "sourceLinked": 0}),
        *_ticks("nextTo"),
        tag("c:spPr", None, tag("a:ln", None, tag("a:noFill"))),
        _letters_of(11, colours.muted),
        _val("crossAx", _ACROSS),
        # Categories run from the top down, so the values' axis crosses where they end.
        _val("crosses", "max" if sheet.lying else "min" if sheet.numeric else "autoZero"),
        _val("crossBetween", "midCat" if sheet.numeric else "between"),
    )
    return _across(sheet, theme, height) + up


def _floor(least: float) -> float:
    """Where a log axis begins: a power of ten well below the least value, whose bar would else have no length."""
    power = math.floor(math.log10(least))
    return float(f"1e{power - (least < 1.5 * 10.0**power)}")


def _across(sheet: _Sheet, theme: Theme, height: float) -> str:
    colours = theme.colours
    common = (
        _val("delete", 0),
        _val("axPos", "l" if sheet.lying else "b"),
        _title(sheet.chart.x_title, theme, turned=sheet.lying),
        tag("c:numFmt", {"formatCode": "General", "sourceLinked": 0}),
        *_ticks("low"),
        tag("c:spPr", None, _line(colours.rule, 1.0)),
    )
    cross = (_val("crossAx", _UP), _val("crosses", "autoZero"))
    if sheet.numeric:
        scale = tag("c:scaling", None, _val("orientation", "minMax"))
        look = _letters_of(11, colours.muted)
        return tag("c:valAx", None, _val("axId", _ACROSS), scale, *common, look, *cross, _val("crossBetween", "midCat"))
    scale = tag("c:scaling", None, _val("orientation", "maxMin" if sheet.lying else "minMax"))
    size, skip = 11.0, ""
    if sheet.lying:
        band = (height - _AROUND) / max(len(sheet.places), 1)
        size = max(_LEAST, min(12.0, band * 0.72))
        skip = _val("tickLblSkip", 1) if band * 0.72 >= _LEAST else ""
    tail = (_val("auto", 0), _val("lblAlgn", "ctr"), _val("lblOffset", 100), skip, _val("noMultiLvlLbl", 1))
    return tag("c:catAx", None, _val("axId", _ACROSS), scale, *common, _letters_of(size, colours.ink), *cross, *tail)


def _ticks(labels: str) -> Iterator[str]:
    yield _val("majorTickMark", "none")
    yield _val("minorTickMark", "none")
    yield _val("tickLblPos", labels)


def _line(colour: str, width: float) -> str:
    return tag("a:ln", {"w": round(width * EMU)}, tag("a:solidFill", None, tag("a:srgbClr", {"val": hexed(colour)})))


def _title(words: str, theme: Theme, *, turned: bool) -> str:
    said = cut(" ".join(visible(words).split()), 90)
    if not said:
        return ""
    look = tag("a:rPr", {"lang": "en-US", "sz": 1100, "b": 0}, _ink(theme))
    rich = tag(
        "c:rich",
        None,
        tag("a:bodyPr", {"rot": -5_400_000, "vert": "horz"} if turned else None),
        tag("a:lstStyle"),
        tag(
            "a:p",
            None,
            tag("a:pPr", None, tag("a:defRPr", {"sz": 1100, "b": 0}, _ink(theme))),
            tag("a:r", None, look, tag("a:t", None, text(said))),
        ),
    )
    return tag("c:title", None, tag("c:tx", None, rich), _val("overlay", 0))


def _ink(theme: Theme) -> str:
    return tag("a:solidFill", None, tag("a:srgbClr", {"val": hexed(theme.colours.ink)}))


def _letters_of(size: float, colour: str) -> str:
    paint = tag("a:solidFill", None, tag("a:srgbClr", {"val": hexed(colour)}))
    look = tag("a:defRPr", {"sz": round(size * 100), "b": 0}, paint)
    end = tag("a:endParaRPr", {"lang": "en-US"})
    return tag("c:txPr", None, tag("a:bodyPr"), tag("a:lstStyle"), tag("a:p", None, tag("a:pPr", None, look), end))
