"""What agents answer: the schemas of readers, specialists and makers, and the names they answer under.

Pure. A leaf of a specialist's or maker's answer is `{value, source, quote}`; a reader names sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from strop.types.schema import (
    DATE,
    DECIMAL,
    MAX_TEXT,
    Array,
    Boolean,
    Choice,
    Field,
    Integer,
    Number,
    Object,
    Schema,
    Text,
)
from strop.types.work import PLACE, Column, ColumnType, Kind, Output

MOST_ROWS = 5_000


def reading_schema(columns: Sequence[Column]) -> Object:
    """What a reader answers: for each column the value, then under `NAME_at` the sentence that states it.

    Flat and short on purpose: every token of an answer is paid, and small models lose their way in nesting.
    """
    fields: list[Field] = []
    for column in columns:
        if column.read:
            fields.append(Field(column.name, value_schema(column)))
            fields.append(Field(column.name + PLACE, Integer(1, 10_000, nullable=True)))
    return Object(tuple(fields))


def value_schema(column: Column) -> Schema:
    """A column's type as a nullable schema."""
    match column.type:
        case ColumnType.INTEGER:
            return Integer(nullable=True, note=column.ask)
        case ColumnType.NUMBER:
            return Number(nullable=True, note=column.ask)
        case ColumnType.BOOLEAN:
            return Boolean(nullable=True, note=column.ask)
        case ColumnType.DATE:
            return Text(10, pattern=DATE, nullable=True, note=column.ask)
        case ColumnType.DECIMAL:
            return Text(40, pattern=DECIMAL, nullable=True, note=column.ask)
        case ColumnType.QUOTE:
            return Text(600, nullable=True, note=column.ask or "the exact words of the source")
        case ColumnType.TEXT:
            return Text(120, nullable=True, note=column.ask)


def rows_schema(columns: Sequence[Column]) -> Object:
    """Rows whose cells carry their source and quote."""
    cells = tuple(Field(column.name, sourced(value_schema(column))) for column in columns if column.read)
    return Object((Field("rows", Array(Object(cells), max_items=MOST_ROWS)),))


def sourced(value: Schema) -> Object:
    """A leaf of an answer: the value, the file it is from, and the words that state it; or the claims it rests on."""
    return Object(
        (
            Field("value", value),
            Field("source", Text(300, nullable=True, note="path of a file you read; or claim, or formula")),
            Field(
                "quote",
                Text(
                    1_000,
                    nullable=True,
                    note="copied word for word from the source; of a claim c3 or c3 c7; of a formula mean(c1, c2)",
                ),
            ),
        )
    )


_SECTION = Object(
    (
        Field("heading", Text(120)),
        Field("paragraphs", Array(Array(sourced(Text(2_000, nullable=True)), max_items=40), max_items=40)),
        Field("bullets", Array(sourced(Text(500, nullable=True)), max_items=60)),
    )
)
_DOCUMENT = Object((Field("sections", Array(_SECTION, min_items=1, max_items=60)),))
_SHOWING = Array(Text(60), max_items=20, note="names of the charts that stand in this section")
_CHART = Object(
    (
        Field("name", Text(60, pattern=r"[a-z0-9][a-z0-9_-]*")),
        Field("kind", Choice(("bar", "line", "scatter"))),
        Field("title", Text(120)),
        Field("x_title", Text(60)),
        Field("y_title", Text(60)),
        Field("points", Array(Object((Field("x", Text(80)), Field("y", sourced(Number(nullable=True))))))),
    )
)
_CHARTS = Object((Field("charts", Array(_CHART, min_items=1, max_items=40)),))
_SLIDE = Object(
    (
        Field("title", Text(100)),
        Field("bullets", Array(sourced(Text(240, nullable=True)), max_items=8)),
        Field("chart", Text(60, nullable=True, note="name of one of the charts below, drawn on this slide")),
        Field("notes", Array(sourced(Text(600, nullable=True, note="what the speaker says")), max_items=12)),
    )
)
_DECK = Object(
    (Field("slides", Array(_SLIDE, min_items=1, max_items=60)), Field("charts", Array(_CHART, max_items=40)))
)
_ILLUSTRATED = Object(
    (
        Field("sections", Array(Object((*_SECTION.fields, Field("charts", _SHOWING))), min_items=1, max_items=60)),
        Field("charts", Array(_CHART, min_items=1, max_items=40)),
    )
)
"""A document whose sections name charts; they stand beside the sections because schemas have a depth."""
_SOURCE = Object(
    (
        Field("name", Text(120, note="file name, as other files import it")),
        Field("text", Text(MAX_TEXT, note="the whole file")),
    )
)


def making_schema(outputs: Sequence[Output], *, keys: dict[str, str]) -> Object:
    """What the maker of these files answers: one field a file, under its key."""
    return Object(tuple(Field(keys[output.file], _made(output)) for output in outputs))


def _made(output: Output) -> Schema:
    match output.kind:
        case Kind.PNG | Kind.SVG:
            return _CHARTS
        case Kind.PPTX:
            return _DECK
        case _ if output.columns:
            return rows_schema(output.columns)
        case Kind.CODE:
            most = 60 if "*" in output.file else 1
            return Object((Field("files", Array(_SOURCE, min_items=1, max_items=most)),))
        case _:
            return _ILLUSTRATED if output.charts else _DOCUMENT


def answer_keys(outputs: Sequence[Output]) -> dict[str, str]:
    """The name that each file is answered under; providers take only letters, digits, `_`, `.` and `-` there."""
    keys: dict[str, str] = {}
    for output in outputs:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", output.file.replace("*", ""))
        base = re.sub(r"-+\.", ".", plain).strip("-.")[-56:] or "file"
        key, number = base, 1
        while key in keys.values():
            number += 1
            key = f"{base}-{number}"
        keys[output.file] = key
    return keys


def told(outputs: Sequence[Output], *, keys: dict[str, str]) -> str:
    """What the maker of these files is told of their contracts; empty without a file."""
    return "\n".join(["", "", "The files you make:", *(_contract(o, keys[o.file]) for o in outputs)]) if outputs else ""


def _contract(output: Output, key: str) -> str:
    match output.kind:
        case Kind.PNG | Kind.SVG:
            form = f"{output.count or 1} charts" if "*" in output.file else "one chart"
        case Kind.PPTX:
            written = [name for name in output.sections if not is_ours(name)]
            form = f"a deck of {output.slides} slides" if output.slides else "a deck"
            form += f", {output.charts} of them with a chart of native data" if output.charts else ""
            form += f", with slides titled {', '.join(written)}" if written else ""
            form += "; a title slide, what was checked and the sources are added to it (three slides)"
        case _ if output.columns:
            names = ", ".join(f"{column.name} ({column.type})" for column in output.columns if column.read)
            form = f"a table with the columns {names}" + (f" and {output.rows} rows" if output.rows else "")
        case Kind.CODE:
            some = f"{output.count or 1} files of source code, named to fit {output.file}"
            form = some if "*" in output.file else "one file of source code"
            form += "; each whole, without placeholders"
        case _:
            written = [name for name in output.sections if not is_ours(name)]
            form = f"a document with the sections {', '.join(written)}, each under this heading" if written else (
                "a document"
            )  # fmt: skip
            form += f", {output.pages} pages" if output.pages else ""
            form += f", {output.charts} charts, each named by the section it stands in" if output.charts else ""
            form += "; its list of sources is added to it"
    return f'- {output.file}, answered under "{key}": {form}'


def is_ours(section: str) -> bool:
    """Whether the harness writes this section of a made document from the judged values."""
    return section.strip().lower() == "sources"
