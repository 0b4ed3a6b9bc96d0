"""One chart as a PNG (two pixels a unit) or an SVG, by vl-convert from a declarative spec.

Charts are set in Liberation Sans, which vl-convert bundles, so a machine without fonts draws the
same. Only letters that it lacks (Chinese, Arabic) come from the machine's own fonts.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from strop.errors import BadInput, StropError
from strop.renderers.cells import checked, missing, visible
from strop.renderers.glyphs import lost_letters, lost_remark
from strop.renderers.theme import Theme, load_theme
from strop.renderers.vega import Spec, vega_lite
from strop.types.content import Chart, Document, Figure, Part
from strop.types.work import Kind

SCALE = 2.0
VEGA_LITE = "5.21"
"""The release of Vega-Lite, of those that vl-convert holds; another one draws other bytes."""


@dataclass(frozen=True, slots=True)
class PngFile:
    """One chart as a picture for screens and slides; letters that no font here has are named in it."""

    theme: Theme = field(default_factory=load_theme)

    @property
    def kind(self) -> Kind:
        return Kind.PNG

    def render(self, part: Part, *, to: Path) -> None:
        """Draw the part's one chart.

        Raises:
            MissingPart: vl-convert is not installed.
            BadInput: the part is not exactly one chart, or a number is not finite.
        """
        chart = _only_chart(part)
        remark = lost_remark(lost_letters(words_of(chart)))
        to.write_bytes(draw_png(vega_lite(chart, theme=self.theme, remark=remark)))


@dataclass(frozen=True, slots=True)
class SvgFile:
    """One chart as vectors."""

    theme: Theme = field(default_factory=load_theme)

    @property
    def kind(self) -> Kind:
        return Kind.SVG

    def render(self, part: Part, *, to: Path) -> None:
        """Draw the part's one chart.

        Raises:
            MissingPart: vl-convert is not installed.
            BadInput: the part is not exactly one chart, or a number is not finite.
        """
        to.write_text(draw_svg(vega_lite(_only_chart(part), theme=self.theme)), encoding="utf-8", newline="\n")


def words_of(chart: Chart) -> tuple[str, ...]:
    """Every text that stands in the drawing."""
    own = (text for point in chart.points for text in (str(point.x), point.series))
    return tuple(map(visible, (chart.title, chart.x_title, chart.y_title, *own)))


def draw_png(spec: Spec) -> bytes:
    """The spec as a PNG.

    Raises:
        MissingPart: vl-convert is not installed.
        StropError: vl-convert cannot draw it.
    """
    with _drawing() as vega:
        return vega.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=SCALE, allowed_base_urls=[])


def draw_svg(spec: Spec) -> str:
    """The spec as an SVG; it raises what `draw_png` does."""
    with _drawing() as vega:
        return _renumbered(vega.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[]))


def _renumbered(svg: str) -> str:
    """Clips and gradients counted from 1 in this picture: the library counts on over all it has drawn."""
    found = dict.fromkeys(re.findall(r'(?<= id=")(?:clip|gradient_?)\d+(?=")', svg))
    names = {old: f"{re.sub('[0-9]+$', '', old)}{number}" for number, old in enumerate(found, start=1)}
    return re.sub(
        r'(?<= id=")(?:clip|gradient_?)\d+(?=")|(?<="url\(#)(?:clip|gradient_?)\d+(?=\)")',
        lambda each: names.get(each.group(), each.group()),
        svg,
    )


def draw_pdf(spec: Spec) -> bytes:
    """The spec as a PDF of one page with its letters in it; it raises what `draw_png` does."""
    with _drawing() as vega:
        return vega.vegalite_to_pdf(spec, vl_version=VEGA_LITE, allowed_base_urls=[])


@contextmanager
def _drawing() -> Generator[ModuleType]:
    try:
        import vl_convert
    except ImportError as absent:
        raise missing("vl-convert-python") from absent
    try:
        yield vl_convert
    except ValueError as caught:
        raise StropError(f"this chart cannot be drawn: {caught}") from caught


def _only_chart(part: Part) -> Chart:
    charts: list[Chart] = []
    for content in checked(part):
        if isinstance(content, Chart):
            charts.append(content)
        elif isinstance(content, Document):
            charts.extend(block.chart for block in content.blocks if isinstance(block, Figure))
    if len(charts) != 1 or len(part.content) != 1:
        raise BadInput(f"{part.file}: a picture holds exactly one chart; here are {len(charts)}")
    return charts[0]


if TYPE_CHECKING:
    from strop.seams import Renderer

    def _png_fits(one: PngFile) -> Renderer:
        return one

    def _svg_fits(one: SvgFile) -> Renderer:
        return one
