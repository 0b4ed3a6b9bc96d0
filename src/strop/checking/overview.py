"""One look over all that is delivered, for parts that contradict each other; everything but the asking.

Pure. The statements go to the refuting model in as few pieces as its window holds, by file and section.
It names pairs and quotes both; a pair whose ids or words are not there costs nothing. What arithmetic or
the same row and field confirm is a flaw, the rest is a note: one model's opinion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from strop.checking.judge import same
from strop.checking.quotes import as_number, locate, normal
from strop.types.content import Standing
from strop.types.fingerprint import digest
from strop.types.schema import Array, Field, Json, Object, Text, object_of
from strop.types.trial import Finding, Severity, Value
from strop.types.work import Task, TaskId, TaskKind

MOST_PARTS = 8
"""Calls of one look; what does not fit into them is said not to be compared."""
LONGEST = 600
"""Characters of one statement."""
_FIGURE = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_QUOTED = Field("one_quote", Text(1_000))
_PAIR = Object((Field("one", Text(40)), _QUOTED, Field("other", Text(40)), Field("other_quote", Text(1_000))))
ANSWER = Object((Field("contradictions", Array(_PAIR, max_items=40)),))


def bundle_tasks(values: Sequence[Value], *, room: int) -> tuple[tuple[Task, ...], int]:
    """(calls that look over the statements, statements that no call holds); `room` is characters of one call."""
    lines = [(name, f"{name} {place(value)}: {_said(value)}") for name, value in by_id(values).items()]
    parts: list[list[str]] = [[]]
    filled = 0
    for _, line in lines:
        if parts[-1] and filled + len(line) > room:
            parts.append([])
            filled = 0
        parts[-1].append(line)
        filled += len(line) + 1
    asked = [part for part in parts[:MOST_PARTS] if len(part) > 1]
    return tuple(map(_task, asked)), sum(map(len, parts[MOST_PARTS:]))


def by_id(values: Sequence[Value]) -> dict[str, Value]:
    """The statements by the ids they are asked under, those of one section together."""
    held = [value for value in values if value.standing is not Standing.REFUTED and value.value is not None]
    held.sort(key=lambda value: value.row.partition("[")[0])
    return {digest([value.row, value.field, value.value])[:10]: value for value in held}


def _task(lines: Sequence[str]) -> Task:
    goal = "Statements:\n\n" + "\n".join(lines)
    return Task(
        TaskId(f"refute/bundle-{digest(goal)[:12]}"),
        TaskKind.AGGREGATE,
        "verifier",
        goal,
        ANSWER,
        "bundle",
        steps=2,
    )


def contradictions(answer: Mapping[str, Json], values: Mapping[str, Value]) -> tuple[Finding, ...]:
    """What an answer names that is there: each pair once."""
    found: dict[frozenset[str], Finding] = {}
    for item in cast("list[Json]", answer["contradictions"]):
        pair = object_of(item)
        one, other = values.get(str(pair["one"])), values.get(str(pair["other"]))
        first, second = str(pair["one_quote"]), str(pair["other_quote"])
        if one is None or other is None or one is other or not (_stands(first, one) and _stands(second, other)):
            continue
        key = frozenset((f"{one.row}.{one.field}", f"{other.row}.{other.field}"))
        proved = _proved(one, first, other, second)
        found.setdefault(key, _finding(one, first, other, second, Severity.FLAW if proved else Severity.NOTE))
    return tuple(found.values())


def place(value: Value) -> str:
    """Where a statement stands."""
    return f"({value.row}, {value.field})"


def _said(value: Value) -> str:
    return " ".join(str(value.value).split())[:LONGEST]


def _stands(quote: str, value: Value) -> bool:
    """Whether the words are the statement's own, or its source's."""
    return any(locate(quote, text) is not None for text in (_said(value), *(claim.quote for claim in value.claims)))


def _proved(one: Value, first: str, other: Value, second: str) -> bool:
    """Whether code can see it: one row and field twice, or the same words with one other figure."""
    if (one.row, one.field) == (other.row, other.field):
        return not same(one.value, other.value)
    if normal(_FIGURE.sub("#", first)) != normal(_FIGURE.sub("#", second)):
        return False
    return list(_figures(first)) != list(_figures(second))


def _figures(text: str) -> Iterator[object]:
    return (as_number(figure.rstrip(",")) for figure in _FIGURE.findall(text))


def _finding(one: Value, first: str, other: Value, second: str, severity: Severity) -> Finding:
    claims = tuple(claim.id for value in (one, other) for claim in value.claims[:1])
    return Finding(
        kind="contradiction",
        artefact=other.row.partition(".")[0],
        locator=f"{other.row}.{other.field}",
        expected=f"what {one.row} {one.field} says: {first[:200]}",
        observed=second[:300],
        rule="the parts of the delivery do not contradict each other",
        severity=severity,
        claims=claims,
    )
