"""Constrain: a flaw the gate found becomes a rule, as the cheapest check that catches it.

The work is done by `learning.compiling`: down the ladder, admission, candidates. This is the step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from strop.checking.opened import Opened
from strop.learning.compiling import Lessons, Occasion, lessons
from strop.learning.corpus import Kept
from strop.types.memory import Constraint
from strop.types.trial import Verdict
from strop.types.work import Spec

_NONE: Mapping[str, Opened] = {}


def constrain(
    verdict: Verdict,
    *,
    spec: Spec,
    known: Sequence[Constraint] = (),
    never: frozenset[str] = frozenset(),
    past: Sequence[Kept] = (),
    earlier: Sequence[Verdict] = (),
    files: Mapping[str, Opened] = _NONE,
    today: date | None = None,
    sources: Mapping[str, str] | None = None,
) -> Lessons:
    """What a passed verdict teaches: rules by their state, and what became of each finding.

    `never` are checks and ids of rules that the user struck out or removed; `past` the stored deliveries
    of other runs, on which a new check must be silent; `earlier` the verdicts of this run's rounds before;
    `sources` what was read, by path, without which no check on quotes can be judged.
    """
    rounds = tuple(earlier)
    return lessons(Occasion(verdict, spec, tuple(known), never, tuple(past), rounds, files, today, sources))
