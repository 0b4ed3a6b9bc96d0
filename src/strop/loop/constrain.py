"""Constrain: a flaw the gate found becomes a rule, as the cheapest check that catches it.

For each field with refuted values the ladder is tried from its bottom; a check enters when it fires on
its flaw and is silent on every value that was proved. What no rung catches leaves no rule here: a
prompt line that nothing measured would only cost tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from strop.checking.bounds import HELD
from strop.checking.bundle import Bundle
from strop.checking.checks import Check, CheckName
from strop.checking.primitives import run_check
from strop.types.content import Standing
from strop.types.count import agreeing, counted
from strop.types.fingerprint import digest
from strop.types.memory import CheckKind, Constraint
from strop.types.trial import Value, Verdict
from strop.types.work import Column, ColumnType

PROVED = (Standing.ACCEPTED, Standing.CORRECTED)
LEAST_PROVED = 5
"""Proved values of a field before their shape may bind later ones."""
SHAPES = (
    (r"\S+", "is one word without spaces"),
    (r"[A-Za-z][\w.]*", "is a name of letters, digits, dots and underscores"),
    (r"[^.]*", "holds no full stop"),
)


def constrain(
    verdict: Verdict,
    *,
    columns: Sequence[Column],
    known: Sequence[Constraint] = (),
    never: frozenset[str] = frozenset(),
) -> tuple[Constraint, ...]:
    """New rules from what was refuted or corrected. Only a passed verdict teaches.

    `never` are the checks of rules that the user struck out.
    """
    if not verdict.passed:
        return ()
    held = {rule.check for rule in known} | never
    rules: list[Constraint] = []
    for column in columns:
        proved = [v for v in verdict.values if v.field == column.name and v.standing in PROVED]
        flawed = [
            replace(v, value=v.said, standing=Standing.UNVERIFIED)
            for v in verdict.values
            if v.field == column.name and v.standing in (Standing.REFUTED, Standing.CORRECTED) and v.said is not None
        ]
        if column.compute is None and len(proved) >= LEAST_PROVED:
            rules += _first_that_bites(column, flawed, proved, held)
    return tuple(rules)


def _first_that_bites(
    column: Column, flawed: Sequence[Value], proved: Sequence[Value], held: set[str]
) -> Iterator[Constraint]:
    left: list[Value] = list(flawed)
    for check, words in _candidates(column, flawed, proved):
        if not left:
            return
        if str(check) in held or run_check(check, Bundle(tuple(proved))):
            continue
        caught = {finding.locator for finding in run_check(check, Bundle(tuple(left)))}
        if caught:
            left = [value for value in left if f"{value.row}.{value.field}" not in caught]
            count = len(caught)
            yield Constraint(
                id=f"c-{digest(str(check))[:8]}",
                text=f"`{column.name}` {words}",
                reason=f"{counted(count, 'refuted value')} broke it, {counted(len(proved), 'proved one')} "
                f"{agreeing(len(proved), 'keeps', 'keep')} it",
                kind=CheckKind.GRAMMAR if check.name in HELD else CheckKind.CHECK,
                field=column.name,
                check=str(check),
            )


def _candidates(column: Column, flawed: Sequence[Value], proved: Sequence[Value]) -> Iterator[tuple[Check, str]]:
    """Checks by rising cost to generality: a shape, a bound, a value seen wrong more than once."""
    name = column.name
    if column.type is ColumnType.TEXT:
        for shape, words in SHAPES:
            yield Check(CheckName.PATTERN, name, text=shape), words
        longest = max(len(str(value.value)) for value in proved)
        yield Check(CheckName.MAX_LENGTH, name, high=Decimal(2 * longest)), f"has at most {2 * longest} characters"
    if column.type is ColumnType.INTEGER:
        yield Check(CheckName.RANGE, name, Decimal(1), Decimal(1_000_000_000)), "is at least 1"
    said = [str(value.value) for value in flawed]
    for text in sorted({text for text in said if said.count(text) > 1}):
        if re.fullmatch(r"[^\"\\\n]{1,80}", text):
            yield Check(CheckName.NOT_VALUE, name, text=text), f"is not {text!r}"
