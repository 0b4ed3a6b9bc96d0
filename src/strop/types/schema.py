"""The closed subset of JSON Schema 2020-12 that strop speaks, as frozen data, with its one validator.

Objects with `additionalProperties: false` and every field required, arrays, strings, integers,
numbers, booleans, string enums; each may be nullable. No `$ref`, no unions beyond null; depth and
size are bounded. Decimals travel as strings. `tag` tells the types apart in stored JSON. Models get
it compiled to their own dialect (GBNF, provider JSON schema) in `models/`; this file knows no model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from strop.errors import SchemaRefused

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"

MAX_DEPTH = 8
MAX_NODES = 500
MAX_TEXT = 100_000
DATE = r"\d{4}-\d{2}-\d{2}"
"""Pattern of a calendar day (ISO 8601); models with a grammar know it."""
DECIMAL = r"-?\d+(\.\d+)?"
"""Pattern of an exact decimal as text."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string of at most `max_length` characters; `pattern` is matched whole (re.fullmatch)."""

    max_length: int = 4_000
    pattern: str | None = None
    nullable: bool = False
    note: str = ""
    """What the field means; goes to the model as the schema's description."""
    tag: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Integer:
    minimum: int | None = None
    maximum: int | None = None
    nullable: bool = False
    note: str = ""
    tag: Literal["integer"] = "integer"


@dataclass(frozen=True, slots=True)
class Number:
    """A finite double. Money and other exact decimals travel as `Text`."""

    minimum: int | float | None = None
    maximum: int | float | None = None
    nullable: bool = False
    note: str = ""
    tag: Literal["number"] = "number"


@dataclass(frozen=True, slots=True)
class Boolean:
    nullable: bool = False
    note: str = ""
    tag: Literal["boolean"] = "boolean"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few strings (JSON Schema `enum`)."""

    values: tuple[str, ...]
    nullable: bool = False
    note: str = ""
    tag: Literal["choice"] = "choice"


@dataclass(frozen=True, slots=True)
class Array:
    items: Schema
    min_items: int = 0
    max_items: int = 10_000
    nullable: bool = False
    note: str = ""
    tag: Literal["array"] = "array"


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Object:
    """Fields in a fixed order, all required, nothing else allowed."""

    fields: tuple[Field, ...]
    nullable: bool = False
    note: str = ""
    tag: Literal["object"] = "object"


Schema: TypeAlias = Text | Integer | Number | Boolean | Choice | Array | Object


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where a value breaks its schema (`rows[3].name`) and how."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path or 'the answer'}: {self.problem}"


def validate(schema: Schema, value: Json) -> tuple[Flaw, ...]:
    """All flaws of `value` under `schema`; empty when it fits."""
    return tuple(_flaws(schema, value, ""))


def _flaws(schema: Schema, value: Json, path: str) -> Iterator[Flaw]:
    if value is None:
        if not schema.nullable:
            yield Flaw(path, "must not be null")
        return
    match schema:
        case Text():
            if not isinstance(value, str):
                yield Flaw(path, f"expected a string, got {_kind(value)}")
            elif len(value) > schema.max_length:
                yield Flaw(path, f"{len(value)} characters, at most {schema.max_length}")
            elif schema.pattern is not None and re.fullmatch(schema.pattern, value) is None:
                yield Flaw(path, f"does not match {schema.pattern}")
        case Choice():
            if not isinstance(value, str) or value not in schema.values:
                yield Flaw(path, f"expected one of {', '.join(schema.values)}")
        case Boolean():
            if not isinstance(value, bool):
                yield Flaw(path, f"expected true or false, got {_kind(value)}")
        case Integer():
            if isinstance(value, bool) or not isinstance(value, int):
                yield Flaw(path, f"expected an integer, got {_kind(value)}")
            else:
                yield from _range(schema.minimum, schema.maximum, value, path)
        case Number():
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield Flaw(path, f"expected a number, got {_kind(value)}")
            elif not math.isfinite(value):
                yield Flaw(path, "must be finite")
            else:
                yield from _range(schema.minimum, schema.maximum, value, path)
        case Array():
            if not isinstance(value, list):
                yield Flaw(path, f"expected a list, got {_kind(value)}")
            else:
                yield from _items(schema, value, path)
        case Object():
            if not isinstance(value, dict):
                yield Flaw(path, f"expected an object, got {_kind(value)}")
            else:
                yield from _fields(schema, value, path)


def _range(low: float | None, high: float | None, value: float, path: str) -> Iterator[Flaw]:
    if low is not None and value < low:
        yield Flaw(path, f"{value} is below {low}")
    if high is not None and value > high:
        yield Flaw(path, f"{value} is above {high}")


def _items(schema: Array, value: list[Json], path: str) -> Iterator[Flaw]:
    if not schema.min_items <= len(value) <= schema.max_items:
        yield Flaw(path, f"{len(value)} items, expected {schema.min_items} to {schema.max_items}")
    for index, item in enumerate(value):
        yield from _flaws(schema.items, item, f"{path}[{index}]")


def _fields(schema: Object, value: dict[str, Json], path: str) -> Iterator[Flaw]:
    dot = f"{path}." if path else ""
    for field in schema.fields:
        if field.name not in value:
            yield Flaw(f"{dot}{field.name}", "is missing")
        else:
            yield from _flaws(field.schema, value[field.name], f"{dot}{field.name}")
    known = {field.name for field in schema.fields}
    for name in value:
        if name not in known:
            yield Flaw(f"{dot}{name}", "is not in the schema")


def _kind(value: Json) -> str:
    match value:
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "an object"


def to_json_schema(schema: Schema) -> dict[str, Json]:
    """The same schema as JSON Schema 2020-12, in the closed subset."""
    body: dict[str, Json]
    match schema:
        case Text():
            body = {"type": "string"}
            if schema.max_length != MAX_TEXT:
                body["maxLength"] = schema.max_length
            if schema.pattern is not None:
                body["pattern"] = schema.pattern
        case Integer():
            body = _ranged("integer", schema.minimum, schema.maximum)
        case Number():
            body = _ranged("number", schema.minimum, schema.maximum)
        case Boolean():
            body = {"type": "boolean"}
        case Choice():
            body = {"type": "string", "enum": list(schema.values)}
        case Array():
            body = {
                "type": "array",
                "items": to_json_schema(schema.items),
                "minItems": schema.min_items,
                "maxItems": schema.max_items,
            }
        case Object():
            body = {
                "type": "object",
                "properties": {field.name: to_json_schema(field.schema) for field in schema.fields},
                "required": [field.name for field in schema.fields],
                "additionalProperties": False,
            }
    if schema.nullable:
        body["type"] = [body["type"], "null"]
        if isinstance(schema, Choice):
            body["enum"] = [*schema.values, None]
    if schema.note:
        body["description"] = schema.note
    return body


def _ranged(kind: str, low: float | None, high: float | None) -> dict[str, Json]:
    body: dict[str, Json] = {"type": kind}
    if low is not None:
        body["minimum"] = low
    if high is not None:
        body["maximum"] = high
    return body


_KEYS = {
    "string": {"maxLength", "pattern", "enum"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "boolean": set[str](),
    "array": {"items", "minItems", "maxItems"},
    "object": {"properties", "required", "additionalProperties"},
}


def parse_schema(body: Json) -> Schema:
    """A JSON schema from outside (a planner, a skill, a tool) as our closed type.

    Raises:
        SchemaRefused: a keyword, type or size outside the subset; the message names the place.
    """
    nodes = [0]

    def parse(node: Json, path: str, depth: int) -> Schema:
        nodes[0] += 1
        if depth > MAX_DEPTH or nodes[0] > MAX_NODES:
            raise SchemaRefused(f"{path or 'schema'}: deeper than {MAX_DEPTH} or more than {MAX_NODES} parts")
        if not isinstance(node, dict):
            raise SchemaRefused(f"{path or 'schema'}: expected an object with a type")
        kind, nullable = _type_of(node, path)
        extra = set(node) - _KEYS[kind] - {"type", "description", "title"}
        if extra:
            raise SchemaRefused(f"{path or 'schema'}: {min(extra)!r} is not supported for {kind}")
        note = str(node.get("description", ""))[:500]
        match kind:
            case "string" if "enum" in node:
                values = node["enum"]
                if not isinstance(values, list) or not values:
                    raise SchemaRefused(f"{path}: enum must be a list that is not empty")
                texts = tuple(str(value) for value in values if value is not None)
                return Choice(texts, nullable=nullable or None in values, note=note)
            case "string":
                pattern = node.get("pattern")
                return Text(
                    max_length=_bound(node.get("maxLength"), 4_000, MAX_TEXT, path),
                    pattern=str(pattern) if pattern is not None else None,
                    nullable=nullable,
                    note=note,
                )
            case "integer":
                return Integer(_whole(node.get("minimum"), path), _whole(node.get("maximum"), path), nullable, note)
            case "number":
                return Number(_real(node.get("minimum"), path), _real(node.get("maximum"), path), nullable, note)
            case "boolean":
                return Boolean(nullable=nullable, note=note)
            case "array":
                return Array(
                    parse(node.get("items"), f"{path}[]", depth + 1),
                    _bound(node.get("minItems"), 0, 100_000, path),
                    _bound(node.get("maxItems"), 10_000, 100_000, path),
                    nullable=nullable,
                    note=note,
                )
            case _:
                return Object(fields(node, path, depth), nullable=nullable, note=note)

    def fields(node: Mapping[str, Json], path: str, depth: int) -> tuple[Field, ...]:
        properties = node.get("properties")
        if not isinstance(properties, dict) or not properties:
            raise SchemaRefused(f"{path or 'schema'}: an object needs properties")
        if node.get("additionalProperties", False) is not False:
            raise SchemaRefused(f"{path or 'schema'}: additionalProperties must be false")
        return tuple(
            Field(name, parse(child, f"{path}.{name}" if path else name, depth + 1))
            for name, child in properties.items()
        )

    return parse(body, "", 0)


def _type_of(node: Mapping[str, Json], path: str) -> tuple[str, bool]:
    kind = node.get("type", "string" if "enum" in node else None)
    if isinstance(kind, list):
        names = [name for name in kind if name != "null"]
        if len(names) != 1 or len(kind) != 2:
            raise SchemaRefused(f"{path or 'schema'}: a type may only be joined with null")
        return _known(names[0], path), True
    return _known(kind, path), False


def _known(kind: Json, path: str) -> str:
    if not isinstance(kind, str) or kind not in _KEYS:
        raise SchemaRefused(f"{path or 'schema'}: type {kind!r} is not one of {', '.join(sorted(_KEYS))}")
    return kind


def _bound(value: Json, default: int, most: int, path: str) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise SchemaRefused(f"{path or 'schema'}: a bound must be an integer from 0 to {most}")
    return value


def _whole(value: Json, path: str) -> int | None:
    number = _real(value, path)
    return None if number is None else int(number)


def _real(value: Json, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SchemaRefused(f"{path or 'schema'}: a bound must be a finite number")
    return value


def object_of(value: Json) -> dict[str, Json]:
    """`value` as an object that validation has already vouched for."""
    return cast("dict[str, Json]", value)
