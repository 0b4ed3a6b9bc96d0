"""Which proved units a skill shows: those that together show most of what answers look like.

Greedy maximum coverage (Nemhauser, Wolsey and Fisher, "An analysis of approximations for maximizing
submodular set functions", 1978): a feature weighs as much as the share of candidates that have it, the
candidate that adds most comes next, and what does not fit the token budget is passed over. Features are
the shape of each value, where in the text it stands, how long the text is, and the stratum the caller
names. Pure.

Skills are made with `shortest`: on the demo's pages coverage taught the embedded model less (docs/learning.md).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from strop.types.content import Scalar
from strop.types.work import Exemplar

BYTES_PER_TOKEN = 4
LONGEST_SHAPE = 12
_RUNS = ((re.compile(r"\d+"), "9"), (re.compile(r"[A-Z]+"), "A"), (re.compile(r"[^\W\d_A-Z]+"), "a"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit whose every value was proved."""

    exemplar: Exemplar
    corrected: int
    """How many of its values the gate had to correct."""
    features: frozenset[str]

    @property
    def tokens(self) -> int:
        """What showing it costs, estimated from its bytes."""
        shown = len(self.exemplar.source.encode()) + len(self.exemplar.answer.encode())
        return -(-shown // BYTES_PER_TOKEN)


def shape(value: Scalar) -> str:
    """What a value looks like: `1,798` is `9,9`, `Sepal.Length` is `Aa.Aa`, nothing is `null`."""
    if value is None:
        return "null"
    text = str(value)
    for run, mark in _RUNS:
        text = run.sub(mark, text)
    return text[:LONGEST_SHAPE]


def place(number: int, *, of: int) -> str:
    """Where sentence `number` stands in a text of so many: the first, the last, or which third."""
    if number == 1:
        return "first"
    return "last" if number == of else f"third {1 + 3 * (number - 1) // of}"


def length(text: str) -> str:
    """The text's length in doublings of its words."""
    return f"2^{len(text.split()).bit_length()}"


def shortest(candidates: Sequence[Candidate], *, most: int) -> tuple[Exemplar, ...]:
    """At most `most`, least corrected first, then the shortest."""
    ranked = sorted(candidates, key=lambda each: (each.corrected, len(each.exemplar.source), each.exemplar.key))
    return tuple(each.exemplar for each in ranked[:most])


def covering(candidates: Sequence[Candidate], *, most: int, tokens: int) -> tuple[Exemplar, ...]:
    """At most `most` within `tokens` that together have the most common features; ties as in `shortest`."""
    weights = Counter(feature for each in candidates for feature in each.features)
    left = sorted(candidates, key=lambda each: (each.corrected, len(each.exemplar.source), each.exemplar.key))
    chosen: list[Candidate] = []
    shown: set[str] = set()
    while left and len(chosen) < most:
        spent = sum(each.tokens for each in chosen)
        left = [each for each in left if spent + each.tokens <= tokens]
        if not left:
            break
        best = max(left, key=lambda each: sum(weights[feature] for feature in each.features - shown))
        left.remove(best)
        chosen.append(best)
        shown |= best.features
    return tuple(each.exemplar for each in chosen)
