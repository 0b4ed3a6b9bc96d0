"""What a model wrote as a tool's arguments, as checked values: the rim of every tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import orjson

from strop.errors import ToolFailure
from strop.seams import ToolSpec
from strop.types.schema import Json, object_of, to_json_schema, validate

MAX_ARGUMENTS = 20_000
"""Characters of JSON that a call may carry."""


def parse_arguments(text: str, *, spec: ToolSpec) -> Mapping[str, Json]:
    """The arguments of one call; what may be null and was left out is null.

    Raises:
        ToolFailure: not JSON, or not what the tool's schema says; the model is told which.
    """
    if len(text) > MAX_ARGUMENTS:
        raise ToolFailure(f"{spec.name}: {len(text):,} characters of arguments, at most {MAX_ARGUMENTS:,}")
    try:
        value = cast("Json", orjson.loads(text or "{}"))
    except ValueError as error:
        raise ToolFailure(f"{spec.name}: the arguments are not JSON: {error}") from error
    if isinstance(value, dict):
        optional = {field.name: None for field in spec.arguments.fields if field.schema.nullable}
        value = {**optional, **value}
    flaws = validate(spec.arguments, value)
    if flaws:
        wanted = orjson.dumps(to_json_schema(spec.arguments)).decode()
        raise ToolFailure(f"{spec.name}: {'; '.join(map(str, flaws[:3]))}. The arguments are {wanted}")
    return object_of(value)
