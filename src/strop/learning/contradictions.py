"""Rules that contradict each other: two checks of one field that no value keeps both of.

Decided by witnesses: every value that either check names, the ends of its bounds, and the values that are
stored. For lists and bounds that is a proof, since what both allow then holds a named value or an end.
For patterns it goes by examples, so at least one stored value must keep each of the two alone. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from strop.checking.bundle import Bundle
from strop.checking.checks import Check, CheckName, parse_check
from strop.checking.primitives import run_check
from strop.learning.corpus import Kept
from strop.learning.wording import told
from strop.types.content import Scalar, Standing
from strop.types.memory import Constraint
from strop.types.trial import Value
from strop.types.work import UnitKey

BY_HAND = "h-"
"""Begins the id of a line that a person wrote."""
_OF_A_VALUE = (
    CheckName.TYPE,
    CheckName.ONE_OF,
    CheckName.PATTERN,
    CheckName.MAX_LENGTH,
    CheckName.RANGE,
    CheckName.NOT_VALUE,
)
_TYPED = {
    "integer": ("0", "1", "-1"),
    "number": ("0", "0.5"),
    "decimal": ("0", "0.50"),
    "date": ("2026-01-31",),
    "boolean": ("true", "false"),
    "text": ("a", "0", "2026-01-31", "true"),
    "quote": ("a", "0"),
}


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two rules of which no value keeps both."""

    first: str
    second: str
    """Ids."""
    field: str
    """Empty for rules about the number of rows."""
    why: str


def contradictions(rules: Sequence[Constraint], past: Sequence[Kept] = ()) -> tuple[Contradiction, ...]:
    """Every pair of rules that no value keeps both of; each pair once, in the order of the file."""
    checked = [(rule.id, parse_check(rule.check)) for rule in rules if rule.check]
    found: list[Contradiction] = []
    for (first, one), (second, other) in combinations(checked, 2):
        if why := contradiction(one, other, past):
            found.append(Contradiction(first, second, one.field, why))
    return tuple(found)


def in_force(rules: Sequence[Constraint], found: Sequence[Contradiction]) -> tuple[Constraint, ...]:
    """The rules that can hold together: a person's line goes before a learned one, of two alike neither holds."""
    out: set[str] = set()
    for each in found:
        by_hand = [name for name in (each.first, each.second) if name.startswith(BY_HAND)]
        out |= {each.first, each.second} - set(by_hand if len(by_hand) == 1 else ())
    return tuple(rule for rule in rules if rule.id not in out)


def contradiction(one: Check, other: Check, past: Sequence[Kept] = ()) -> str:
    """Why no value keeps both; empty where some value does, or where nothing can be said."""
    if one.name is CheckName.ROWS and other.name is CheckName.ROWS:
        return _rows(one, other)
    if one.field != other.field or not {one.name, other.name} <= set(_OF_A_VALUE):
        return ""
    stored = list(_stored(one.field, past))
    witnesses = [*_named(one), *_named(other), *stored]
    first = [value for value in witnesses if _keeps(one, value)]
    if any(_keeps(other, value) for value in first):
        return ""
    if CheckName.PATTERN not in (one.name, other.name) or CheckName.ONE_OF in (one.name, other.name):
        return f"no value keeps both: {told(one)}; {told(other)}"
    second = [value for value in stored if _keeps(other, value)]
    if not second or not any(value in first for value in stored):
        return ""
    return f"of {len(stored):,} stored values none keeps both: {told(one)}; {told(other)}"


def _rows(one: Check, other: Check) -> str:
    least = max(check.count.least or 0 for check in (one, other))
    most = [check.count.most for check in (one, other) if check.count.most is not None]
    return f"no table keeps both: {told(one)}; {told(other)}" if most and least > min(most) else ""


def _keeps(check: Check, value: Scalar) -> bool:
    held = Value(UnitKey("witness"), check.field, value, Standing.ACCEPTED, ())
    return not run_check(check, Bundle((held,)))


def _stored(field: str, past: Sequence[Kept]) -> Iterator[Scalar]:
    seen: dict[Scalar, None] = {}
    for each in past:
        for value in each.bundle.values:
            if value.field == field and value.value is not None and value.standing is not Standing.UNVERIFIED:
                seen.setdefault(value.value)
    yield from seen


def _named(check: Check) -> Iterator[Scalar]:
    """Values at the edges of what a check allows."""
    match check.name:
        case CheckName.ONE_OF:
            yield from check.names
        case CheckName.RANGE:
            ends = (check.low, check.high, check.low.to_integral_value(rounding="ROUND_CEILING"))
            yield from (f"{end:f}" for end in (*ends, (check.low + check.high) / 2))
        case CheckName.MAX_LENGTH:
            yield from ("a", "1", "2026-01-31"[: int(check.high)])
        case CheckName.TYPE:
            yield from _TYPED[check.text]
        case _:
            pass
