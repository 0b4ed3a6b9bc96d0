"""What the results of other tasks look like to an agent: citable claims that it may cite. Pure.

Each claim is one line, `c3: rows[0].depth = 12 -- "It is 12 metres deep." (inputs/a.txt)`; equal ones are
one, with every place that says them. What was answered beside claims (headings) stands as it was
answered. Where the window is small, quotes are shortened and then left out: a citation needs only the
number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import cast

import orjson

from strop.checking.conflicts import Conflicting, told
from strop.seams import Assignment
from strop.types.schema import Json
from strop.types.trial import Claim

LEAF = {"value", "source", "quote"}
QUOTED = (1_000, 240, 80, 0)
"""Characters of a quote that are shown; the first of these that fits the window."""


def citable(claims: Sequence[Claim]) -> dict[str, Claim]:
    """c1, c2, ... for every different statement, in order; nothing found is no statement."""
    first: dict[str, Claim] = {}
    names = _names(claims)
    for claim in claims:
        if claim.id in names:
            first.setdefault(names[claim.id], claim)
    return first


def _names(claims: Sequence[Claim]) -> dict[str, str]:
    """The number of every claim by its id. What one task says twice is two: its rows stay whole."""
    taken: dict[tuple[object, ...], str] = {}
    times: dict[tuple[object, ...], int] = {}
    names: dict[str, str] = {}
    for claim in claims:
        if claim.value is None or claim.id in names:
            continue
        statement = _statement(claim)
        times[claim.task, statement] = nth = times.get((claim.task, statement), 0) + 1
        names[claim.id] = taken.setdefault((statement, nth), f"c{len(taken) + 1}")
    return names


def _statement(claim: Claim) -> tuple[object, ...]:
    """What makes two claims one: the same value of a field, from the same words."""
    value = (type(claim.value).__name__, claim.value)
    return claim.field.partition("[")[0], value, claim.source_hash, claim.span, claim.locator, claim.formula


def results(assignment: Assignment, *, room: int, found: Sequence[Conflicting] = ()) -> str:
    """All that the tasks before left, between marks; `room` is what it may fill, in bytes.

    `found` are the contradictions in it, told with the numbers of their claims.
    """
    text = ""
    for most in QUOTED:
        text = _Handing(assignment, most).text(found)
        if len(text.encode()) <= room:
            break
    return text


class _Handing:
    """The claims of one assignment under their numbers."""

    def __init__(self, assignment: Assignment, most: int) -> None:
        self._assignment, self._most = assignment, most
        self._names = _names(assignment.claims)
        self._answers = {task: cast("Json", orjson.loads(output)) for task, output in assignment.inputs}
        self._places: dict[str, dict[str, Claim]] = {task: {} for task in self._answers}
        self._said: dict[str, list[str]] = {}
        leaves = {task: set(_leaves(answer, "")) for task, answer in self._answers.items()}
        for claim in assignment.claims:
            place = _place(claim, leaves.get(claim.task, set()))
            self._places.setdefault(claim.task, {})[place] = claim
            if claim.value is not None:
                self._said.setdefault(self._name(claim), []).append(f"{claim.task}/{place}")

    def text(self, found: Sequence[Conflicting]) -> str:
        blocks = [
            _block(f"result task={str(task)!r}", "result", self._lines(task) if self._places[task] else [output])
            for task, output in self._assignment.inputs
        ]
        if found:
            blocks.append(_block("conflicts", "conflicts", [told(each, name=self._name) for each in found]))
        return "\n\n".join(blocks)

    def _name(self, claim: Claim) -> str:
        return self._names.get(claim.id, claim.id)

    def _lines(self, task: str) -> list[str]:
        lines: list[str] = []
        left = dict(self._places[task])
        for place, other in _walk(self._answers[task], "", left):
            claim = left.pop(place, None)
            lines += self._line(claim, place) if claim is not None else [f"{place}: {_json(other)}"]
        for place, claim in left.items():
            lines += self._line(claim, place)
        return lines or ["all that it says stands above"]

    def _line(self, claim: Claim, place: str) -> list[str]:
        """The claim under its number where it is said first; nothing where it is said again."""
        if claim.value is None:
            return [f"{place}: nothing was found"]
        name, here = self._name(claim), f"{claim.task}/{place}"
        first, *also = self._said[name]
        if first != here:
            return []
        quote = claim.quote if len(claim.quote) <= self._most else f"{claim.quote[: self._most]}…"
        derived = f" [{claim.formula}]" if claim.formula else ""
        stated = f" -- {_json(quote)}" if quote and self._most else ""
        beside = f" [also {', '.join(also)}]" if also else ""
        return [f"{name}: {place} = {_json(claim.value)}{derived}{stated} ({claim.locator or claim.source}){beside}"]


def _block(opening: str, name: str, lines: Sequence[str]) -> str:
    body = "\n".join(lines)
    for mark in ("result", "conflicts"):  # text of a source ends no block of ours; JSON may write `/` as `\/`
        body = body.replace(f"</{mark}", f"<\\/{mark}")
    return f"<{opening}>\n{body}\n</{name}>"


def _place(claim: Claim, leaves: set[str]) -> str:
    """Where a claim stands in its task's answer: below its file's key, or below its task's id, which is left out."""
    whole = f"{claim.row}.{claim.field}"
    return whole if whole in leaves else whole.removeprefix(f"{claim.task}.")


def _leaves(value: Json, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == LEAF:
            yield place
        for key, child in value.items():
            yield from _leaves(child, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _leaves(child, f"{place}[{index}]")


def _walk(value: Json, place: str, mine: Collection[str]) -> Iterator[tuple[str, Json]]:
    """(place, what stands there) of every leaf of an answer, those with a claim whole."""
    if place in mine or not isinstance(value, dict | list):
        yield place, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _walk(child, f"{place}.{key}" if place else key, mine)
    else:
        for index, child in enumerate(value):
            yield from _walk(child, f"{place}[{index}]", mine)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
