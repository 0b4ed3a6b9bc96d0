"""Our closed schema as a compact GBNF grammar (llama.cpp). Pure.

Promise: whatever the grammar admits is JSON that `types.schema.validate` accepts. The reverse holds
within bounds that keep the grammar small: strings of at most `MOST_TEXT` characters, arrays of at
most `MOST_ITEMS` items, numbers without exponent. No blank between tokens and a fixed order of
fields: every character that the grammar decides costs the model nothing to get right.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal

from strop.errors import SchemaRefused
from strop.types.schema import DATE, DECIMAL, Array, Boolean, Choice, Integer, Number, Object, Schema, Text

MOST_TEXT = 1_000
"""Characters of a string. llama.cpp unrolls `{0,n}` into n rules and refuses n above 2,000."""
MOST_ITEMS = 200
MOST_WHOLE = 10**12 - 1
"""An integer without a bound stays within twelve digits: exact in every JSON reader."""

# No control characters (also not C1), no surrogates; and only those escapes that stand for exactly
# one character, so that the count of repetitions is the length that the validator measures.
_CHARACTER = r'[ !#-\x5B\x5D-~\u00A0-\uD7FF\uE000-\U0010FFFF] | "\\" ["\\nt]'


def to_gbnf(schema: Schema) -> str:
    """The grammar text; its start rule is `root`.

    Raises:
        SchemaRefused: the schema admits no value, or asks for what a grammar cannot hold (a pattern,
            more items than `MOST_ITEMS`).
    """
    rules = _Rules()
    root = rules.of(schema, "answer")
    return "\n".join([f"root ::= {root}", *(f"{name} ::= {body}" for body, name in rules.names.items())]) + "\n"


class _Rules:
    """The named rules of one grammar; equal bodies share a name."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def named(self, body: str) -> str:
        return self.names.setdefault(body, f"r{len(self.names)}")

    def of(self, schema: Schema, path: str) -> str:
        """A reference or literal that stands for `schema` in another rule."""
        body = self._body(schema, path)
        return self.named(f'{body} | "null"' if schema.nullable else body)

    def _body(self, schema: Schema, path: str) -> str:
        match schema:
            case Text():
                return self._text(schema, path)
            case Choice():
                if not schema.values:
                    raise SchemaRefused(f"{path}: a choice needs at least one value")
                return " | ".join(_literal(json.dumps(value, ensure_ascii=False)) for value in schema.values)
            case Boolean():
                return '"true" | "false"'
            case Integer():
                return _integer(schema, path)
            case Number():
                return _number(schema, path)
            case Array():
                return self._array(schema, path)
            case Object():
                return self._object(schema, path)

    def _object(self, schema: Object, path: str) -> str:
        if not schema.fields:
            return '"{}"'
        fields = [
            _literal(json.dumps(field.name, ensure_ascii=False) + ":")
            + " "
            + self.of(field.schema, f"{path}.{field.name}")
            for field in schema.fields
        ]
        return '"{" ' + ' "," '.join(fields) + ' "}"'

    def _text(self, schema: Text, path: str) -> str:
        if schema.pattern in _PATTERNS:
            return _PATTERNS[schema.pattern]
        if schema.pattern is not None:
            raise SchemaRefused(
                f"{path}: the embedded model cannot be held to the pattern {schema.pattern!r}; use an enum, an "
                "integer or a plain string with maxLength, or another model"
            )
        character = self.named(_CHARACTER)
        return rf'"\"" {character}{{0,{min(schema.max_length, MOST_TEXT)}}} "\""'

    def _array(self, schema: Array, path: str) -> str:
        least, most = schema.min_items, min(schema.max_items, MOST_ITEMS)
        if least > schema.max_items:
            raise SchemaRefused(f"{path}: minItems {least} is above maxItems {schema.max_items}")
        if least > most:
            raise SchemaRefused(f"{path}: the embedded model writes at most {MOST_ITEMS} items, not {least}")
        if most == 0:
            return '"[]"'
        item = self.of(schema.items, f"{path}[]")
        more = f' ("," {item}){{{max(least - 1, 0)},{most - 1}}}' if most > 1 else ""
        filled = f'"[" {item}{more} "]"'
        return filled if least else f'"[]" | {filled}'


_PATTERNS = {
    DATE: r'"\"" [0-9] [0-9] [0-9] [0-9] "-" [0-9] [0-9] "-" [0-9] [0-9] "\""',
    DECIMAL: r'"\"" ("-" | "") [0-9] [0-9]{0,17} ("." [0-9] [0-9]{0,9} | "") "\""',
}
"""The patterns that columns have; any other is refused rather than ignored."""


def _literal(text: str) -> str:
    """`text` as a GBNF literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ---------------------------------------------------------------- numbers


def _integer(schema: Integer, path: str) -> str:
    low = schema.minimum if schema.minimum is not None else min(-MOST_WHOLE, schema.maximum or 0)
    high = schema.maximum if schema.maximum is not None else max(MOST_WHOLE, schema.minimum or 0)
    if low > high:
        raise SchemaRefused(f"{path}: minimum {low} is above maximum {high}")
    return " | ".join(_wholes(low, high))


def _wholes(low: int, high: int) -> list[str]:
    """Alternatives that together spell exactly the integers from `low` to `high`, without `-0`."""
    spelled: list[str] = []
    if low < 0:
        spelled += [f'"-" {each}' for each in _wholes(max(1, -high), -low)]
    if high >= 0:
        spelled += _naturals(max(0, low), high)
    return spelled


def _naturals(low: int, high: int) -> list[str]:
    """The same for integers from 0 up, grouped by their number of digits."""
    spelled: list[str] = []
    shortest, longest = len(str(low)), len(str(high))
    for size in range(shortest, longest + 1):
        least, most = (0 if size == 1 else 10 ** (size - 1)), 10**size - 1
        if size == 1 or low > least or high < most:
            spelled += _digits(str(max(low, least)), str(min(high, most)))
        elif size == 2 or low > least // 10:  # the first of the whole decades speaks for all of them
            whole = longest if high == 10**longest - 1 else longest - 1
            spelled.append(f"[1-9] [0-9]{{{size - 1}}}" if size == whole else f"[1-9] [0-9]{{{size - 1},{whole - 1}}}")
    return spelled


def _digits(low: str, high: str) -> list[str]:
    """Alternatives for the digit strings between two of equal length, in their order."""
    if low == high:
        return [f'"{low}"'] if low else [""]
    rest = len(low) - 1
    if low[0] == high[0]:
        return [f'"{low[0]}" {each}'.rstrip() for each in _digits(low[1:], high[1:])]
    first, last = int(low[0]), int(high[0])
    spelled: list[str] = []
    if low[1:] != "0" * rest:
        spelled += [f'"{first}" {each}' for each in _digits(low[1:], "9" * rest)]
        first += 1
    ends: list[str] = []
    if high[1:] != "9" * rest:
        ends = [f'"{last}" {each}' for each in _digits("0" * rest, high[1:])]
        last -= 1
    if first <= last:
        spelled.append(f"[{first}-{last}]" + (f" [0-9]{{{rest}}}" if rest else ""))
    return spelled + ends


_PLACES = 3
"""Decimal places where a bound runs through the unit; six elsewhere."""


def _number(schema: Number, path: str) -> str:
    low = Decimal(schema.minimum) if schema.minimum is not None else None
    high = Decimal(schema.maximum) if schema.maximum is not None else None
    if low is None:
        low = min(Decimal(-MOST_WHOLE - 1), high or Decimal(0))
    if high is None:
        high = max(Decimal(MOST_WHOLE + 1), low)
    if low > high:
        raise SchemaRefused(f"{path}: minimum {schema.minimum} is above maximum {schema.maximum}")
    spelled = [f'"-" {each}' for each in _decimals(max(Decimal(0), -high), -low)] if low < 0 else []
    spelled += _decimals(max(Decimal(0), low), high) if high >= 0 else []
    # A range narrower than a thousandth: the bound itself is the one number left to say.
    return " | ".join(spelled) if spelled else _literal(repr(float(low)))


def _decimals(low: Decimal, high: Decimal) -> list[str]:
    """Alternatives for decimals from `low` to `high`, both at least 0.

    Exact: rounding a decimal to the nearest double is monotone, and the bounds are doubles, so none
    can slip over a bound.
    """
    spelled: list[str] = []
    first, last = math.ceil(low), math.floor(high)
    if first <= last:
        spelled += _wholes(first, last)
    if first < last:
        spelled += [f'{each} "." [0-9]{{1,6}}' for each in _wholes(first, last - 1)]
    scale = 10**_PLACES
    for unit in sorted({math.floor(low), last}):
        if first <= unit < last:
            continue  # a whole unit inside the range: spelled above
        least = max(math.ceil(low * scale), unit * scale)
        most = min(math.floor(high * scale), unit * scale + scale - 1)
        if least <= most:
            parts = _digits(str(least - unit * scale).zfill(_PLACES), str(most - unit * scale).zfill(_PLACES))
            spelled += [f'"{unit}." {each}' for each in parts]
    return spelled
