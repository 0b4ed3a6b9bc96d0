"""Paragraphs that a document says twice. Pure.

They are found by shingles, runs of words that two of them share (Broder 1997, "On the resemblance and
containment of documents").

A finding needs the figures of the shorter in the longer, so that a list of alike sentences about different
things is none, and enough words that it is no accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strop.checking.quotes import figures, normal
from strop.types.trial import Finding, Value
from strop.types.work import UnitKey

SHINGLE = 3
"""Words of one shingle."""
SHORTEST = 10
"""Words of a paragraph that is compared."""
ALIKE = 0.8
"""Share of the shorter paragraph's shingles that the other has."""
_PART = re.compile(r"((?:paragraphs|bullets)\[\d+\])(?:\[\d+\])?$")


@dataclass(frozen=True, slots=True)
class _Paragraph:
    row: UnitKey
    part: str
    text: str
    claims: tuple[str, ...]


def repeated(values: Iterable[Value]) -> tuple[Finding, ...]:
    """One finding for each paragraph or bullet that says again what an earlier one of its document says."""
    return _repeats(_paragraphs(values))


def _repeats(paragraphs: Sequence[_Paragraph]) -> tuple[Finding, ...]:
    """The same over paragraphs in reading order; each is compared with those of its own file before it."""
    index: dict[tuple[str, str], list[int]] = {}
    shingles = [_shingles(each.text) for each in paragraphs]
    found: list[Finding] = []
    for at, paragraph in enumerate(paragraphs):
        file = paragraph.row.partition(".sections[")[0]
        shared: dict[int, int] = {}
        for shingle in shingles[at]:
            for earlier in index.setdefault((file, shingle), []):
                shared[earlier] = shared.get(earlier, 0) + 1
        for earlier, number in sorted(shared.items()):
            if _again(paragraph, paragraphs[earlier], number, len(shingles[at]), len(shingles[earlier])):
                found.append(_finding(file, paragraphs[earlier], paragraph))
                break
        for shingle in shingles[at]:
            index[file, shingle].append(at)
    return tuple(found)


def _again(one: _Paragraph, other: _Paragraph, shared: int, own: int, others: int) -> bool:
    """Whether the shorter of two says what the longer says, its figures too."""
    if shared < ALIKE * min(own, others):
        return False
    short, long = (_figures(one), _figures(other)) if own <= others else (_figures(other), _figures(one))
    return short <= long


def _finding(file: str, first: _Paragraph, again: _Paragraph) -> Finding:
    return Finding(
        kind="repeated",
        artefact=file,
        locator=f"{again.row}.{again.part}",
        expected=f"no paragraph twice; {first.row}.{first.part} says it",
        observed=again.text[:200],
        rule="a document says nothing twice",
        claims=again.claims,
    )


def _paragraphs(values: Iterable[Value]) -> list[_Paragraph]:
    found: dict[tuple[UnitKey, str], list[Value]] = {}
    for value in values:
        part = _PART.match(value.field)
        if part is not None and ".sections[" in value.row and isinstance(value.value, str):
            found.setdefault((value.row, part[1]), []).append(value)
    return [
        _Paragraph(
            row, part, " ".join(str(each.value) for each in held), tuple(e.claims[0].id for e in held if e.claims)
        )
        for (row, part), held in found.items()
    ]


def _shingles(text: str) -> frozenset[str]:
    words = re.findall(r"\w+", normal(text))
    if len(words) < SHORTEST:
        return frozenset()
    return frozenset(" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1))


def _figures(paragraph: _Paragraph) -> frozenset[object]:
    return frozenset(figures(paragraph.text))
