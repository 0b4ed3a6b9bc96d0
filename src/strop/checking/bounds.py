"""Rules as grammar: a bound that a person set is put into the schema, so that no answer can break it. Pure.

Bounds that were learned are no grammar: what a grammar cuts off nobody ever says, so nothing could speak against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from strop.checking.checks import Check, CheckName
from strop.types.schema import Field, Integer, Number, Object, Schema, Text

HELD = (CheckName.RANGE, CheckName.MAX_LENGTH)
"""Checks that a grammar can hold; the others run on the values."""


def bounded(schema: Object, checks: Sequence[Check]) -> Object:
    """The schema with every bound that applies to one of its fields; a looser bound changes nothing."""
    for check in checks:
        fields = tuple(
            Field(field.name, _narrower(field.schema, check)) if field.name == check.field else field
            for field in schema.fields
        )
        schema = replace(schema, fields=fields)
    return schema


def _narrower(schema: Schema, check: Check) -> Schema:
    match schema:
        case Text() if check.name is CheckName.MAX_LENGTH:
            return replace(schema, max_length=min(schema.max_length, int(check.high)))
        case Integer() if check.name is CheckName.RANGE:
            low, high = int(check.low), int(check.high)
            return replace(
                schema,
                minimum=low if schema.minimum is None else max(low, schema.minimum),
                maximum=high if schema.maximum is None else min(high, schema.maximum),
            )
        case Number() if check.name is CheckName.RANGE:
            least, most = float(check.low), float(check.high)
            return replace(
                schema,
                minimum=least if schema.minimum is None else max(least, schema.minimum),
                maximum=most if schema.maximum is None else min(most, schema.maximum),
            )
        case _:
            return schema
