"""The deck of a run: over units from the judged values alone, or from what a maker answered.

Few words a slide; what a speaker wants to know besides stands in the notes. No model writes into the deck
of a run over units. How much fits a slide is the renderer's to measure; here slides are kept short, so
that one stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import median

from strop.drafting.answers import is_ours
from strop.drafting.charts import charts
from strop.drafting.derived import with_derived
from strop.drafting.documents import finding_groups, finding_line, subtitle
from strop.drafting.tables import UNVERIFIED, Grid, cell, ordered_table
from strop.drafting.works import listed, made_charts, objects, sentences, standing_blocks
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    ChartKind,
    Deck,
    Figure,
    Heading,
    Paragraph,
    Point,
    Sentence,
    Slide,
    Standing,
    Table,
)
from strop.types.schema import Json, object_of
from strop.types.trial import Verdict
from strop.types.work import Output, Plan, UnitKey

FIRST_ROWS = 10
"""Rows of the table that a deck shows; the rest stands in the files beside it."""
LISTED = 6
"""Lines of findings, or values that nobody verified, on a slide."""
_CELL = 80
"""Letters of a cell that a slide shows."""
_FRAME = 2
"""Slides that the renderer adds: the title and the sources."""
_MOST_CHARTS = 8
_NAMED = 2
"""Equals that a sentence names; more are counted."""
OPEN = "Not verified"


@dataclass(frozen=True, slots=True)
class _Run:
    """All that a slide is written from."""

    plan: Plan
    verdict: Verdict
    rows: Sequence[UnitKey]
    values: Grid
    output: Output


def deck(
    plan: Plan, *, verdict: Verdict, rows: Sequence[UnitKey], values: Grid, figures: Sequence[Chart], output: Output
) -> Deck:
    """The ordered sections as titles of slides, a slide a chart, and what a listener needs to judge the rest.

    Its number of slides keeps to `output.slides` as far as the units give something to say: first more
    charts and a slide a unit, or fewer charts.
    """
    run = _Run(plan, verdict, rows, with_derived(values, wanted=plan.spec.table, rows=rows), output)
    writers = {"summary": _summary, "table": _table, "findings": _findings, OPEN.lower(): _open, "method": _method}
    asked = [name for name in output.sections if name.strip().lower() != "sources"] or ["Summary", "Findings"]
    named = {name.strip().lower() for name in asked}
    slides: list[Slide] = []
    for name in asked:
        writer = writers.get(name.strip().lower())
        missing = Callout(f"Nothing was written for {name}: it needs a writing model.", tone="warning")
        slides.append(writer(run, name) if writer else Slide(name, (missing,)))
    ours = [_table(run, "The table"), _findings(run, "Findings"), _open(run, OPEN)]
    more = [slide for slide, name in zip(ours, ("table", "findings", OPEN.lower()), strict=True) if name not in named]
    return Deck(plan.title, subtitle(plan, rows), _bounded(run, slides, more, figures))


def _bounded(run: _Run, asked: list[Slide], more: list[Slide], figures: Sequence[Chart]) -> tuple[Slide, ...]:
    bounds = run.output.slides
    least = max(0, (bounds.least or 0) - _FRAME) if bounds else 0
    most = max(len(asked), bounds.most - _FRAME) if bounds and bounds.most is not None else None
    fixed = len(asked) + len(more)
    wanted = max(
        len(figures), run.output.charts.least or 0 if run.output.charts else 0, min(least - fixed, _MOST_CHARTS)
    )
    every = charts(columns=run.plan.spec.table, rows=run.rows, values=run.values, count=max(wanted, len(figures)))
    drawn = [_figure(chart) for chart in every if chart.points]
    if most is not None:
        drawn = drawn[: max(0, most - len(asked), _asked_charts(run))]
        more = more[: max(0, most - len(asked) - len(drawn))]
    units = islice(_units(run), max(0, least - len(asked) - len(more) - len(drawn)))
    return (*asked[:1], *drawn, *asked[1:], *more, *units)


def _asked_charts(run: _Run) -> int:
    return run.output.charts.least or 0 if run.output.charts else 0


# ---------------------------------------------------------------- slides over units


def _summary(run: _Run, title: str) -> Slide:
    counts = {standing: len(run.verdict.standing(standing)) for standing in Standing}
    fields, total = len(run.plan.spec.table), len(run.verdict.values)
    disagreements = sum(finding.kind == "disagreement" for finding in run.verdict.findings)
    lines = [
        f"{_counted(len(run.rows), 'unit')} read for {_counted(fields, 'field')}, {_counted(total, 'value')} in all.",
        f"{counts[Standing.ACCEPTED]} accepted: proved by the words of a source.",
        f"{counts[Standing.CORRECTED]} corrected by the gate, {counts[Standing.REFUTED]} refuted and taken out.",
        f"{counts[Standing.UNVERIFIED]} not verified and marked with a dagger.",
        f"{_counted(disagreements, 'place')} where a document and its data disagree."
        if disagreements
        else "Where a reading stood, no document disagreed with its data.",
    ]
    warnings = tuple(Callout(line, tone="warning") for line in run.verdict.unchecked[:2])
    return Slide(title, (Bullets(tuple(map(Sentence, lines))), *warnings), _asked(run))


def _asked(run: _Run) -> tuple[Sentence, ...]:
    """What the run was asked, for the speaker."""
    names = ", ".join(column.name for column in run.plan.spec.table)
    scope = [f"The job as it was understood: {run.plan.scope}"] if run.plan.scope else []
    return tuple(map(Sentence, [*scope, f"Asked of each unit: {names}."]))


def _figure(chart: Chart) -> Slide:
    said = takeaway(chart)
    return Slide(chart.title, (*((Paragraph((said,)),) if said else ()), Figure(chart)))


def _table(run: _Run, title: str) -> Slide:
    spec = run.plan.spec
    totals = tuple(dict.fromkeys(total for output in spec.outputs for total in output.totals))
    table = ordered_table("table", columns=spec.table, rows=run.rows, values=run.values, wanted=totals)
    first = _narrowed(table)
    short = len(table.rows) > FIRST_ROWS
    files = [each.file for each in spec.outputs if each.columns]
    said = f"The first {FIRST_ROWS} of {len(table.rows)} rows; all of them stand in {files[0]}." if short else ""
    return Slide(title, (*((Paragraph((Sentence(said),)),) if said else ()), first))


def _narrowed(table: Table) -> Table:
    """The first rows, without the column that names marked cells: here they bear their marks."""
    keep = [at for at, head in enumerate(table.heads) if head.name != UNVERIFIED]
    rows = tuple(tuple(_cut(row[at]) for at in keep) for row in islice(table.rows, FIRST_ROWS))
    return replace(table, heads=tuple(table.heads[at] for at in keep), rows=rows)


def _cut(one: Cell) -> Cell:
    if not isinstance(one.value, str) or len(one.value) <= _CELL:
        return one
    return replace(one, value=one.value[: _CELL - 1].rstrip() + "…")


def _findings(run: _Run, title: str) -> Slide:
    groups = [(name, found) for name, found in finding_groups(run.verdict, run.values) if found]
    blocks: list[Block] = []
    for name, found in groups:
        blocks.append(Heading(f"{name}: {len(found)}", level=2))
        share = max(1, LISTED // len(groups))
        blocks.append(Bullets(tuple(finding_line(one, run.values) for one in found[:share])))
    if not blocks:
        blocks.append(Paragraph((Sentence("The gate found nothing against the values that are left."),)))
    left = sum(max(0, len(found) - max(1, LISTED // len(groups))) for _, found in groups)
    notes = (Sentence(f"{_counted(left, 'more finding')} stand in the report."),) if left else ()
    return Slide(title, tuple(blocks), notes)


def _open(run: _Run, title: str) -> Slide:
    """What nobody checked: the gate's own words, then the values."""
    doubted = run.verdict.standing(Standing.UNVERIFIED)
    blocks: list[Block] = [Callout(line, tone="warning") for line in run.verdict.unchecked]
    if doubted:
        said = [
            Sentence(f"{value.row}, {value.field}: {_brief(value.value)}", (cell(value),)) for value in doubted[:LISTED]
        ]
        blocks += [Heading(f"Values that nothing confirmed: {len(doubted)}", level=2), Bullets(tuple(said))]
        if len(doubted) > LISTED:
            blocks.append(Paragraph((Sentence(f"{len(doubted) - LISTED} more carry a dagger in the table."),)))
    if not blocks:
        blocks.append(Paragraph((Sentence("Every value in this deck was confirmed."),)))
    return Slide(title, tuple(blocks))


def _method(run: _Run, title: str) -> Slide:
    worker = run.plan.binding("worker")
    lines = (
        f"{_counted(run.plan.spec.readers, 'agent')} read each unit.",
        "A value is accepted when its quote stands in the source and the companion table, if any, gives the same.",
        f"Model: {worker.model if worker else 'none'}. Refuting model: {run.verdict.refuter or 'none'}.",
    )
    return Slide(title, (Bullets(tuple(map(Sentence, lines))),))


def _units(run: _Run) -> Iterator[Slide]:
    """A slide a unit: each field with its value."""
    for row in run.rows:
        held = [(column.name, cell(run.values.get((row, column.name)))) for column in run.plan.spec.table]
        lines = tuple(
            Sentence(f"{name.replace('_', ' ')}: {_brief(one.value)}", (one,))
            for name, one in held
            if one.value is not None
        )
        if lines:
            yield Slide(str(row), (Bullets(lines),))


def _brief(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 2 * _CELL else text[: 2 * _CELL - 1].rstrip() + "…"


def _counted(number: int, name: str) -> str:
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


# ---------------------------------------------------------------- what a chart says


def takeaway(chart: Chart) -> Sentence | None:
    """One sentence on a chart, computed from its values; None where they say nothing to compare."""
    held = [(point, number) for point in chart.points if (number := _number(point.y)) is not None]
    if chart.kind is ChartKind.STACKED:
        return _shares([(point, number) for point, number in held if number])
    names = {point.series for point, _ in held}
    if len(held) < 2 or len(names) > 1:
        return None
    if chart.kind is ChartKind.BAR:
        return _largest(held)
    return _course(held, chart)


def _number(one: Cell) -> float | None:
    if one.value is None or isinstance(one.value, bool):
        return None
    try:
        return float(one.value)
    except ValueError:
        return None


def _shares(held: Sequence[tuple[Point, float]]) -> Sentence | None:
    """How much the first series has of all, and where it has the smallest share, if that is in few places."""
    total = sum(number for _, number in held)
    if not total:
        return None
    first = held[0][0].series
    wholes: dict[str, float] = {}
    parts: dict[str, float] = {}
    for point, number in held:
        wholes[str(point.x)] = wholes.get(str(point.x), 0) + number
        parts[str(point.x)] = parts.get(str(point.x), 0) + number * (point.series == first)
    part = sum(parts.values())
    said = f"{_figure_of(part)} of {_figure_of(total)} ({part / total:.0%}) are {first}"
    least = min(parts[name] / wholes[name] for name in wholes)
    names = [name for name in wholes if parts[name] / wholes[name] == least]
    if len(names) > _NAMED or len(names) == len(wholes):
        return Sentence(f"{said}.")
    told = ", ".join(f"{name} ({_figure_of(parts[name])} of {_figure_of(wholes[name])})" for name in names)
    return Sentence(f"{said}; the smallest share is that of {told}.")


def _largest(held: Sequence[tuple[Point, float]]) -> Sentence:
    top, low = max(number for _, number in held), min(number for _, number in held)
    if top == low:
        return Sentence(f"All {len(held)} have {_figure_of(top)}.", tuple(point.y for point, _ in held[:1]))
    most = [point for point, number in held if number == top]
    least = [point for point, number in held if number == low]
    said = f"{_these(most)} the most, {_figure_of(top)}; {_these(least)} the least, {_figure_of(low)}"
    middle = median(number for _, number in held)
    return Sentence(f"{said}; the median is {_figure_of(middle)}.", (most[0].y, least[0].y))


def _these(points: Sequence[Point]) -> str:
    if len(points) > _NAMED:
        return f"{len(points)} have"
    return f"{' and '.join(str(point.x) for point in points)} {'has' if len(points) == 1 else 'have'}"


def _course(held: Sequence[tuple[Point, float]], chart: Chart) -> Sentence | None:
    if chart.kind is ChartKind.SCATTER:
        return _spread(held)
    over_numbers = not any(isinstance(point.x, str) for point, _ in held)
    ordered = sorted(held, key=lambda one: float(one[0].x)) if over_numbers else held
    first, last = ordered[0], ordered[-1]
    way = "rises" if last[1] > first[1] else "falls" if last[1] < first[1] else "ends where it began"
    ends = f"{_figure_of(first[1])} to {_figure_of(last[1])}"
    said = f"From {_place(first[0].x)} to {_place(last[0].x)} it {way}: {ends}."
    return Sentence(said, (first[0].y, last[0].y))


def _spread(held: Sequence[tuple[Point, float]]) -> Sentence:
    """From where to where the values of a cloud of points lie."""
    ordered = sorted(held, key=lambda one: one[1])
    low, high = ordered[0], ordered[-1]
    middle = median(number for _, number in held)
    least, most, half = (_figure_of(number) for number in (low[1], high[1], middle))
    return Sentence(f"{len(held)} values from {least} to {most}, half of them below {half}.", (low[0].y, high[0].y))


def _place(x: str | float) -> str:
    return x if isinstance(x, str) else f"{x:g}"


def _figure_of(number: float) -> str:
    return (
        f"{number:,.0f}" if float(number).is_integer() else f"{number:,.4g}" if abs(number) < 1e6 else f"{number:,.0f}"
    )


# ---------------------------------------------------------------- what a maker wrote


def made_deck(output: Output, *, key: str, title: str, answer: Json, values: Grid, verdict: Verdict) -> Deck:
    """A maker's slides; a line that was refuted is not on them, one that was not checked is marked.

    A slide names its chart; a chart that no slide names gets one of its own. How the values stand and what
    no one checked is added as the last slide before the sources.
    """
    drawn = {chart.name: chart for chart in made_charts(output, key=key, answer=answer, values=values)}
    slides: list[Slide] = []
    for number, slide in enumerate(objects(object_of(answer).get("slides"))):
        if is_ours(str(slide["title"])):
            continue
        slides.append(_made(slide, f"{key}.slides[{number}]", values, drawn))
    slides += [_figure(chart) for chart in drawn.values() if chart.points]
    return Deck(title, "", (*slides, Slide("What was checked", tuple(standing_blocks(verdict, key)))))


def _made(slide: Mapping[str, Json], at: str, values: Grid, drawn: dict[str, Chart]) -> Slide:
    blocks: list[Block] = []
    lines = sentences(listed(slide.get("bullets")), at, "bullets", values)
    blocks += [Bullets(lines)] if lines else []
    chart = drawn.pop(str(slide.get("chart") or ""), None)
    blocks += [Figure(chart)] if chart is not None and chart.points else []
    if not blocks:
        blocks.append(Callout("All that stood here was taken out by the gate.", tone="warning"))
    return Slide(str(slide["title"]), tuple(blocks), sentences(listed(slide.get("notes")), at, "notes", values))
