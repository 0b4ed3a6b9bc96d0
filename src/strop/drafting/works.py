"""Content from what makers answered (planned prose): rows, documents and charts whose leaves are judged values.

A maker's answer is JSON that fits the schema `loop/plan` gave it; values are looked up in the verdict
by their path, so what the gate took out is not in any file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from strop.drafting.tables import UNVERIFIED, Grid, cell
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    ChartKind,
    Document,
    Head,
    Heading,
    Paragraph,
    Point,
    Sentence,
    Standing,
    Table,
)
from strop.types.schema import Json, object_of
from strop.types.trial import Verdict
from strop.types.work import Output, UnitKey


def made_table(output: Output, *, answer: Json, values: Grid) -> Table:
    """A maker's rows under the ordered columns."""
    heads = tuple(Head(column.name, column.type) for column in output.columns)
    body: list[tuple[Cell, ...]] = []
    for index, _ in enumerate(_listed(object_of(answer).get("rows"))):
        row = UnitKey(f"{output.file}.rows[{index}]")
        cells = tuple(cell(values.get((row, column.name))) for column in output.columns)
        if all(each.value is None for each in cells):
            continue
        unproved = [
            c.name for c, each in zip(output.columns, cells, strict=True) if each.standing is Standing.UNVERIFIED
        ]
        body.append((*cells, Cell("; ".join(unproved))))
    return Table(_stem(output.file), (*heads, Head(UNVERIFIED)), tuple(body))


def made_document(output: Output, *, title: str, answer: Json, values: Grid, verdict: Verdict) -> Document:
    """A maker's sections; a sentence that was refuted is not in it, one that was not checked is marked."""
    blocks: list[Block] = []
    for number, section in enumerate(_objects(object_of(answer).get("sections"))):
        at = f"{output.file}.sections[{number}]"
        blocks.append(Heading(str(section["heading"])))
        for index, paragraph in enumerate(_listed(section.get("paragraphs"))):
            sentences = _sentences(_listed(paragraph), f"{at}.paragraphs[{index}]", values)
            if sentences:
                blocks.append(Paragraph(sentences))
        bullets = _sentences(_listed(section.get("bullets")), f"{at}.bullets", values)
        if bullets:
            blocks.append(Bullets(bullets))
    blocks += [Callout(line, tone="warning") for line in verdict.unchecked]
    return Document(title, "", tuple(blocks))


def made_charts(output: Output, *, answer: Json, values: Grid) -> tuple[Chart, ...]:
    """A maker's charts; a point whose value was refuted is left out."""
    made: list[Chart] = []
    for number, chart in enumerate(_objects(object_of(answer).get("charts"))):
        points: list[Point] = []
        for index, point in enumerate(_objects(chart.get("points"))):
            row = UnitKey(f"{output.file}.charts[{number}].points[{index}]")
            held = cell(values.get((row, "y")))
            if held.value is not None:
                points.append(Point(str(point["x"]), held))
        made.append(
            Chart(
                name=str(chart["name"]),
                kind=ChartKind(str(chart["kind"])),
                title=str(chart["title"]),
                x_title=str(chart["x_title"]),
                y_title=str(chart["y_title"]),
                points=tuple(points),
            )
        )
    return tuple(made)


def _sentences(leaves: Sequence[Json], at: str, values: Grid) -> tuple[Sentence, ...]:
    made: list[Sentence] = []
    for index in range(len(leaves)):
        row, _, field = f"{at}[{index}]".rpartition(".")
        held = cell(values.get((UnitKey(row), field)))
        if held.value is not None:
            made.append(Sentence(str(held.value), (held,)))
    return tuple(made)


def _objects(value: Json) -> Iterator[Mapping[str, Json]]:
    return (object_of(item) for item in _listed(value))


def _listed(value: Json) -> list[Json]:
    return cast("list[Json]", value) if isinstance(value, list) else []


def _stem(file: str) -> str:
    return file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
