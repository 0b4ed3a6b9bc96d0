"""A chart as SVG within a page: colours become the page's own, so that they follow a dark screen."""

from __future__ import annotations

from dataclasses import asdict
from xml.etree import ElementTree

from strop.renderers.cells import visible
from strop.renderers.chart_file import draw_svg
from strop.renderers.theme import Theme
from strop.renderers.vega import vega_lite
from strop.types.content import Chart

_SVG = "http://www.w3.org/2000/svg"
_KEPT = frozenset(
    "d x y x1 y1 x2 y2 cx cy r width height viewBox transform fill stroke fill-opacity stroke-opacity opacity "
    "stroke-width stroke-linejoin stroke-linecap stroke-dasharray stroke-miterlimit font-family font-size "
    "font-weight font-style text-anchor".split()
)
"""Attributes that draw; what else a drawing carries is told in the page's own words."""


def inline_svg(chart: Chart, *, theme: Theme) -> str:
    """The drawing, named by its title, in the custom properties of the page's style.

    Raises:
        MissingPart: vl-convert is not installed.
        StropError: vl-convert cannot draw it.
    """
    root = ElementTree.fromstring(draw_svg(vega_lite(chart, theme=theme)))
    ours = {value: f"var(--{name.replace('_', '-')})" for name, value in reversed(asdict(theme.colours).items())}
    # Colours of series stay: they are chosen to be read on either ground.
    ours = {value: name for value, name in ours.items() if value not in theme.series}
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
        each.attrib = {name: ours.get(value, value) for name, value in each.attrib.items() if name in _KEPT}
    root.set("xmlns", _SVG)
    root.set("role", "img")
    root.set("aria-label", told(chart))
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def told(chart: Chart) -> str:
    """The chart in words, for whoever cannot see it: what it is, its axes, how much it holds."""
    axes = " by ".join(visible(text) for text in (chart.y_title, chart.x_title) if text)
    number = len(chart.points)
    points = f"{number} value" if number == 1 else f"{number:,} values"
    form = {"bar": "bar chart", "stacked": "stacked bar chart", "line": "line chart", "scatter": "scatter plot"}
    words = f"{visible(chart.title)}. {form[chart.kind.value].capitalize()}"
    return f"{words} of {axes}, {points}." if axes else f"{words}, {points}."
