"""JSON: the values as plain rows, and beside them what each one rests on.

    {"tables": [{"name", "caption", "columns": [{"name", "type"}], "rows": [{COLUMN: VALUE}],
                 "sources": [{"row", "column", "standing", "source", "quote", "claims"}],
                 "origin": {"path", "sha256"}}],
     "charts": [{"name", "kind", "title", "x", "y", "log", "points": [{"x", "y", "series", ...}]}],
     "documents": [{"title", "subtitle", "blocks": [{"kind", ...}]}]}

`origin` stands where all rows were taken from one file as they are. `row` counts from 0 and points
into `rows`. UTF-8, two spaces, keys in this order, a line end last.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from strop.errors import BadInput
from strop.renderers.cells import Json, clean, pages
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    Document,
    Heading,
    Paragraph,
    Part,
    Point,
    Scalar,
    Sentence,
    Standing,
    Table,
)
from strop.types.work import Kind

if TYPE_CHECKING:
    from strop.seams import Renderer

_WHOLE = 2**63
"""orjson writes whole numbers below this."""


@dataclass(frozen=True, slots=True)
class JsonFile:
    """Everything a part says, for programs."""

    @property
    def kind(self) -> Kind:
        return Kind.JSON

    def render(self, part: Part, *, to: Path) -> None:
        """Write the part.

        Raises:
            BadInput: two columns of one name, a number that is not finite, or one of 20 digits.
        """
        contents = pages(part)
        held: dict[str, Json] = {
            "tables": [_table(one, part.file) for one in contents if isinstance(one, Table)],
            "charts": [_chart(one) for one in contents if isinstance(one, Chart)],
            "documents": [_document(one, part.file) for one in contents if isinstance(one, Document)],
        }
        try:
            body = orjson.dumps(held, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        except TypeError as caught:
            raise BadInput(f"{part.file}: JSON cannot say this: {caught}") from caught
        to.write_bytes(body)


def _value(value: Scalar) -> Json:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and abs(value) >= _WHOLE:
        return str(value)
    return value


def _table(table: Table, file: str) -> dict[str, Json]:
    names = [clean(head.name) for head in table.heads]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"{file}: two columns are named {twice[0]!r}. Rename one; JSON rows go by name")
    rows: list[Json] = [{name: _value(cell.value) for name, cell in zip(names, row, strict=True)} for row in table.rows]
    sources: list[Json] = [
        {"row": number, "column": name, **_grounds(cell)}
        for number, row in enumerate(table.rows)
        for name, cell in zip(names, row, strict=True)
        if (cell.standing is not Standing.PLAIN and table.origin is None) or cell.claims or cell.source
    ]
    origin: dict[str, Json] = (
        {"origin": {"path": clean(table.origin.path), "sha256": table.origin.digest}} if table.origin else {}
    )
    columns: list[Json] = [
        {"name": name, "type": head.type.value} for name, head in zip(names, table.heads, strict=True)
    ]
    return {
        "name": clean(table.name),
        "caption": clean(table.caption),
        "columns": columns,
        "rows": rows,
        "sources": sources,
        **origin,
    }


def _grounds(cell: Cell) -> dict[str, Json]:
    return {
        "standing": cell.standing.value,
        "source": clean(cell.source),
        "quote": clean(cell.quote),
        "claims": list(cell.claims),
    }


def _chart(chart: Chart) -> dict[str, Json]:
    return {
        "name": clean(chart.name),
        "kind": chart.kind.value,
        "title": clean(chart.title),
        "x": clean(chart.x_title),
        "y": clean(chart.y_title),
        "log": chart.log_y,
        "points": [_point(point) for point in chart.points],
    }


def _point(point: Point) -> Json:
    return {"x": _value(point.x), "y": _value(point.y.value), "series": clean(point.series), **_grounds(point.y)}


def _document(document: Document, file: str) -> dict[str, Json]:
    return {
        "title": clean(document.title),
        "subtitle": clean(document.subtitle),
        "blocks": [_block(block, file) for block in document.blocks],
    }


def _block(block: Block, file: str) -> dict[str, Json]:
    if isinstance(block, Heading):
        return {"kind": "heading", "level": block.level, "text": clean(block.text)}
    if isinstance(block, Paragraph):
        return {"kind": "paragraph", "sentences": [_sentence(one) for one in block.sentences]}
    if isinstance(block, Bullets):
        return {"kind": "bullets", "items": [_sentence(one) for one in block.items]}
    if isinstance(block, Callout):
        return {"kind": "callout", "tone": clean(block.tone), "text": clean(block.text)}
    if isinstance(block, Table):
        return {"kind": "table", **_table(block, file)}
    return {"kind": "figure", "caption": clean(block.caption), "chart": _chart(block.chart)}


def _sentence(sentence: Sentence) -> Json:
    cells: list[Json] = [{"value": _value(cell.value), **_grounds(cell)} for cell in sentence.cells]
    return {"text": clean(sentence.text), "cells": cells}


if TYPE_CHECKING:

    def _fits(one: JsonFile) -> Renderer:
        return one
