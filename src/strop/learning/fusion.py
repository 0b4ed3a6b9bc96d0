"""Several rankings made one: reciprocal rank fusion (Cormack, Clarke & Buettcher, SIGIR 2009). Pure.

It reads ranks and no scores, so BM25 and cosines need no common scale. Who is not in a ranking gets nothing from it:
a floor is kept by leaving out of each ranking what is below that ranking's own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

K = 60
"""The constant of the method, as its authors found it."""

Name = TypeVar("Name", bound=Hashable)


def fused(rankings: Sequence[Sequence[Name]]) -> dict[Name, float]:
    """Sum of `1 / (K + rank)` over the rankings, best 1; what no ranking holds is not there."""
    scores: dict[Name, float] = {}
    for ranking in rankings:
        for rank, name in enumerate(ranking, start=1):
            scores[name] = scores.get(name, 0.0) + 1 / (K + rank)
    return scores


def best(rankings: int) -> float:
    """The score of who is first in all of so many."""
    return rankings / (K + 1)
