"""Chart -> Vega-Lite spec, pure.

The spec is data through and through: no text of an agent is ever an expression or a field name.

A value that was not verified is drawn hollow, in every kind of chart, and a note says so. A bar on
a log scale has no honest length, so it becomes a dot on a line. Names of fields are ours: `x`, `y`,
`series`, `label`, `sure`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeAlias

from strop.renderers.cells import Json, cut, grouped, visible
from strop.renderers.theme import Theme
from strop.types.content import Chart, ChartKind, Point, Standing

Spec: TypeAlias = dict[str, Json]

_WIDTH = 620
_HEIGHT = 320
"""Pixels of the plot of line, scatter and upright bars."""
_BAND = 20
"""Pixels a category of a lying bar takes."""
_COLUMN = 80
"""Pixels an upright bar takes where there is room."""
_LONG_LABEL = 9
_MANY = 12
"""Labels longer, or categories more than this, lie down."""
_LABEL = 44
_TITLE = 90
"""Characters shown; a longer text is cut."""
_MOST = 80
"""Bars that are drawn; more cannot be read on a page."""
_DENSE = 40
"""With more bars than this they stand closer."""
_WIDEST_BAR = 110
_UNITS = ((1e12, "trillions"), (1e9, "billions"), (1e6, "millions"))
_YEARS = (1_000, 2_999)
_LABELLED = 40
"""Up to this many values stand at their bars."""
_NOTE = "Hollow: value not verified"
_GAP = "no value"


def vega_lite(chart: Chart, *, theme: Theme, remark: str = "") -> Spec:
    """The Vega-Lite 5 spec of `chart`; `theme` gives colours and fonts, `remark` stands under the title."""
    chart, cut_short = _shortened(chart)
    categories = _categories(chart.points)
    layers, size = _body(chart, categories, theme)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": theme.colours.paper,
        "padding": 14,
        "title": _title(chart, theme, (cut_short, remark)),
        "data": {"values": _values(chart, categories)},
        **size,
        "layer": layers,
        "config": _config(theme),
    }


# ---------------------------------------------------------------- data


def _categories(points: tuple[Point, ...]) -> dict[str, str]:
    """Every category as it is said, to how it is shown: cut, and still unlike each other."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for point in points:
        name = _name(point.x)
        if name in names:
            continue
        label = _middle(visible(name).replace("\n", " "), _LABEL) or "(empty)"
        again = 2
        while label in taken:
            label = f"{_middle(visible(name), _LABEL - 6)} ({again})"
            again += 1
        taken.add(label)
        names[name] = label
    return names


def _middle(text: str, length: int) -> str:
    """At most `length` characters: long names often begin alike, so what is left out is the middle."""
    if len(text) <= length:
        return text
    behind = length * 2 // 5
    return f"{text[: length - behind - 1].rstrip()}…{text[-behind:].lstrip()}"


def _shortened(chart: Chart) -> tuple[Chart, str]:
    """The chart with as many bars as can be read, and what was left out of the drawing."""
    if chart.kind not in (ChartKind.BAR, ChartKind.STACKED):
        return chart, ""
    places = list(dict.fromkeys(point.x for point in chart.points))
    if len(places) <= _MOST:
        return chart, ""
    drawn = set(places[:_MOST])
    points = tuple(point for point in chart.points if point.x in drawn)
    return replace(chart, points=points), f"The first {_MOST} of {len(places):,} are drawn"


def _name(x: str | float) -> str:
    return x if isinstance(x, str) else grouped(x)


def _numeric(chart: Chart) -> bool:
    continuous = chart.kind in (ChartKind.LINE, ChartKind.SCATTER)
    return continuous and bool(chart.points) and not any(isinstance(point.x, str) for point in chart.points)


def _values(chart: Chart, categories: dict[str, str]) -> list[Json]:
    numeric = _numeric(chart)
    return [_value(point, point.x if numeric else categories[_name(point.x)]) for point in chart.points]


def _value(point: Point, x: str | float) -> Spec:
    y = point.y.value
    number = None if isinstance(y, str | bool) else y
    return {
        "x": x,
        "y": number,
        "series": _series_name(point.series),
        "label": _GAP if number is None else grouped(number),
        "sure": point.y.standing is not Standing.UNVERIFIED,
        "gap": number is None,
    }


def _series_name(name: str) -> str:
    return cut(visible(name).replace("\n", " "), _LABEL)


def _series(chart: Chart) -> list[str]:
    return list(dict.fromkeys(_series_name(point.series) for point in chart.points))


def _numbers(chart: Chart) -> list[float]:
    values = (point.y.value for point in chart.points)
    return [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


# ---------------------------------------------------------------- looks


def _title(chart: Chart, theme: Theme, remarks: tuple[str, ...]) -> Spec:
    notes = [remark for remark in remarks if remark]
    if any(point.y.standing is Standing.UNVERIFIED for point in chart.points):
        notes.append(_NOTE)
    if not chart.points:
        notes.append("No data")
    title: Spec = {
        "text": cut(visible(chart.title), _TITLE),
        "anchor": "start",
        "frame": "group",
        "fontSize": 16,
        "fontWeight": "bold",
        "color": theme.colours.ink,
        "offset": 16,
    }
    if notes:
        quiet: Spec = {"subtitleColor": theme.colours.muted, "subtitleFontSize": 12, "subtitlePadding": 5}
        title |= {"subtitle": ". ".join(notes), **quiet}
    return title


def _config(theme: Theme) -> Spec:
    # The families behind it have the same widths, for readers of an SVG who lack the first.
    colours, font = theme.colours, f"{theme.fonts.chart}, Arial, Helvetica, sans-serif"
    return {
        "font": font,
        "view": {"stroke": None},
        "axis": {
            "labelColor": colours.muted,
            "labelFontSize": 12,
            "titleColor": colours.ink,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
            "gridColor": colours.rule,
            "gridOpacity": 0.7,
            "domainColor": colours.rule,
            "tickColor": colours.rule,
            "labelPadding": 6,
            "labelLimit": 320,
            # Without it a long label runs under the axis's title.
            "maxExtent": 420,
        },
        "legend": {
            "orient": "top",
            "title": None,
            "labelColor": colours.ink,
            "labelFontSize": 12,
            "labelLimit": 260,
            "symbolType": "square",
            "symbolStrokeWidth": 0,
            "columnPadding": 18,
            "columns": 4,
            "offset": 10,
        },
    }


def _colour(chart: Chart, theme: Theme) -> Spec:
    names = _series(chart)
    if len(names) < 2 and not any(names):
        return {"value": theme.series[0]}
    own: list[Json] = [theme.standing_colour(name) or _shade(number, theme) for number, name in enumerate(names)]
    return {"field": "series", "type": "nominal", "scale": {"domain": list(names), "range": own}, "sort": None}


def _shade(number: int, theme: Theme) -> str:
    """The colour of a series; when all are used they come again, lighter, then darker."""
    turn, place = divmod(number, len(theme.series))
    if not turn:
        return theme.series[place]
    ground, share = (theme.colours.paper, 0.5) if turn % 2 else (theme.colours.ink, 0.5)
    pairs = zip(_channels(theme.series[place]), _channels(ground), strict=True)
    return "#" + "".join(f"{round(one * (1 - share) + other * share):02x}" for one, other in pairs)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _unit(chart: Chart) -> tuple[float, str]:
    """What the ticks count in where the figures are long: (divisor, its name)."""
    most = max((abs(number) for number in _numbers(chart)), default=0)
    return next((unit for unit in _UNITS if most >= unit[0] * 10), (1, ""))


def _measure(chart: Chart) -> Spec:
    """The axis of the value."""
    title = visible(chart.y_title) or "Value"
    divisor, unit = _unit(chart)
    axis: Spec = {"format": ",~r", "tickCount": 6, "domain": False, "ticks": False}
    if unit:
        axis["labelExpr"] = f"format(datum.value / {divisor:.0f}, ',~r')"
        title = f"{title} ({unit})"
    scale: Spec = {"zero": True, "nice": True}
    if min(_numbers(chart), default=0) < 0:
        scale["padding"] = 16  # room for the values below the bars
    if chart.log_y and _floor(chart) > 0:
        numbers = _numbers(chart) or [1, 10]
        title, axis["values"] = f"{title} (log scale)", _ticks(min(numbers), max(numbers))
        scale = {"type": "log", "nice": False, "domain": [_floor(chart), max(numbers) * 1.15]}
    elif chart.log_y:
        # A log scale cannot show nothing or less; this one can, and the title says which it is.
        title, axis["labelOverlap"] = f"{title} (symmetric log scale)", True
        scale = {"type": "symlog", "nice": True}
    return {"field": "y", "type": "quantitative", "title": title, "axis": axis, "scale": scale}


def _floor(chart: Chart) -> float:
    """Where a log scale begins: below the least value; 0 where there is nothing to take a log of."""
    least = min(_numbers(chart), default=1)
    return least / 1.5 if least > 0 else 0


def _ticks(least: float, most: float) -> list[Json]:
    """Powers of ten over the range, with 2 and 5 between them where it is short."""
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    steps = (1,) if high - low > 3 else (1, 2, 5)
    values = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    return [value for value in values if least / 1.5 <= value <= most * 1.15]


def _groups(chart: Chart, categories: dict[str, str], *, lying: bool) -> Spec:
    """The axis of the categories, in the order they came."""
    grid: Spec = {"grid": False, "ticks": False, "labelAngle": 0}
    domain: list[Json] = list(categories.values())
    return {
        "field": "x",
        "type": "nominal",
        "title": visible(chart.x_title) or "Category",
        "sort": None,
        "axis": grid | ({"labelLimit": 320} if lying else {"labelLimit": 110}),
        "scale": {"domain": domain, "padding": 0.3},
    }


# ---------------------------------------------------------------- bodies


def _body(chart: Chart, categories: dict[str, str], theme: Theme) -> tuple[list[Json], Spec]:
    if chart.kind in (ChartKind.BAR, ChartKind.STACKED):
        return _bars(chart, categories, theme)
    return _marks(chart, categories, theme), {"width": _WIDTH, "height": _HEIGHT}


def _bars(chart: Chart, categories: dict[str, str], theme: Theme) -> tuple[list[Json], Spec]:
    longest = max((len(label) for label in categories.values()), default=0)
    shown = max((len(grouped(number)) for number in _numbers(chart)), default=0)
    lying = longest > _LONG_LABEL or shown > _LONG_LABEL or len(categories) > _MANY
    across, along = ("y", "x") if lying else ("x", "y")
    stacked = chart.kind is ChartKind.STACKED
    groups, measure = _groups(chart, categories, lying=lying), _measure(chart)
    measure["stack"] = "zero" if stacked else None
    beside = not stacked and len(_series(chart)) > 1
    place: Spec = {across: groups, along: measure}
    if beside:
        place[f"{across}Offset"] = {"field": "series", "sort": None}
    dots = chart.log_y and not stacked
    layers = _dots(chart, place, theme, along) if dots else _solid_bars(chart, place, theme)
    if not stacked and not beside:
        layers.extend(_values_at_bars(chart, place, theme, lying=lying))
    rows = len(_series(chart)) if beside else 1
    band = max(_BAND if len(categories) <= _DENSE else _BAND - 5, rows * 12 + 6)
    wide = min(_WIDTH, max(_WIDTH // 2, rows * len(categories) * _COLUMN))
    if not lying and not beside:
        # A bar alone is no wall.
        airy = 1 - _WIDEST_BAR * len(categories) / wide
        groups["scale"] = {"domain": list(categories.values()), "padding": round(max(0.3, airy), 3)}
    size: Spec = {"width": _WIDTH, "height": {"step": band}} if lying else {"width": wide, "height": _HEIGHT}
    return layers, size


def _solid_bars(chart: Chart, place: Spec, theme: Theme) -> list[Json]:
    colour = _colour(chart, theme)
    hollow: Spec = {"condition": {"test": "datum.sure", "value": 1}, "value": 0.16}
    mark: Spec = {"type": "bar", "strokeWidth": 1.2, "cornerRadiusEnd": 1.5}
    return [{"mark": mark, "encoding": place | {"fill": colour, "stroke": colour, "fillOpacity": hollow}}]


def _dots(chart: Chart, place: Spec, theme: Theme, along: str) -> list[Json]:
    colour = _colour(chart, theme)
    lead: Spec = {"mark": {"type": "rule", "color": theme.colours.rule, "strokeWidth": 1.5}, "encoding": place}
    lead["encoding"] = place | {f"{along}2": {"datum": _floor(chart)}}
    dot: Spec = {"mark": _dot(), "encoding": place | _dot_colours(colour, theme)}
    return [lead, dot]


def _dot() -> Spec:
    return {"type": "point", "shape": "circle", "size": 70, "strokeWidth": 1.8, "opacity": 1}


def _dot_colours(colour: Spec, theme: Theme) -> Spec:
    """Filled with the colour, or with paper where the value was not verified."""
    empty: Spec = {"condition": {"test": "!datum.sure", "value": theme.colours.paper}}
    return {"fill": empty | colour, "stroke": colour}


def _values_at_bars(chart: Chart, place: Spec, theme: Theme, *, lying: bool) -> list[Json]:
    if len(chart.points) > _LABELLED or (not lying and len(chart.points) > _MANY):
        return []
    mark: Spec = {"type": "text", "fontSize": 11, "color": theme.colours.muted, "baseline": "middle"}
    after: Spec = {"align": "left", "dx": 7} if lying else {"align": "center", "dy": -9}
    before: Spec = {"align": "right", "dx": -7} if lying else {"align": "center", "dy": 10}
    label: Spec = {"text": {"field": "label"}}
    along = "x" if lying else "y"
    at_floor: Spec = {along: {"datum": _floor(chart) if chart.log_y else 0, "type": "quantitative"}}

    def layer(test: str, more: Spec, held: Spec) -> Spec:
        return {"transform": [{"filter": test}], "mark": mark | more, "encoding": place | held | label}

    return [
        layer("!datum.gap && datum.y >= 0", after, {}),
        layer("!datum.gap && datum.y < 0", before, {}),
        layer("datum.gap", after | {"fontStyle": "italic"}, at_floor),
    ]


def _whole_ticks(chart: Chart) -> Spec:
    """Whole numbers get whole ticks, and years no commas."""
    places = [point.x for point in chart.points if not isinstance(point.x, str)]
    if not all(place == int(place) for place in places):
        return {}
    years = all(_YEARS[0] <= place <= _YEARS[1] for place in places)
    return {"tickMinStep": 1, "format": "d" if years else ",~r"}


def _marks(chart: Chart, categories: dict[str, str], theme: Theme) -> list[Json]:
    measure = _measure(chart)
    if _numeric(chart):
        axis: Spec = {"format": ",~r", "grid": chart.kind is ChartKind.SCATTER, "tickCount": 8}
        axis |= _whole_ticks(chart)
        x: Spec = {"field": "x", "type": "quantitative", "title": visible(chart.x_title) or "x", "axis": axis}
        x["scale"] = {"zero": False, "nice": False, "padding": 12}
    else:
        x = _groups(chart, categories, lying=False)
        x["axis"] = {"grid": False, "labelOverlap": True, "labelAngle": 0 if len(categories) <= _MANY else -40}
    place: Spec = {"x": x, "y": measure}
    colour = _colour(chart, theme)
    dots: Spec = {"mark": _dot(), "encoding": place | _dot_colours(colour, theme)}
    if chart.kind is ChartKind.SCATTER:
        return [dots]
    line: Spec = {
        "mark": {"type": "line", "strokeWidth": 2.2, "strokeJoin": "round"},
        "encoding": place | {"stroke": colour, "detail": {"field": "series"}},
    }
    return [line, dots]
