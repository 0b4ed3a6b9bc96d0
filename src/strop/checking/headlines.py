"""Which claims a reader meets first: they are put to the refuting model in any case.

Summary sections, slides, points of charts, totals below tables. What a repair changed is added by the
hearing itself, since only it knows what was said before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

from strop.drafting.answers import answer_keys
from strop.drafting.works import answer_of, answers_of
from strop.types.schema import Json, object_of
from strop.types.trial import Run, Value

_SUMMARIES = re.compile(
    r"(executive |management )?summary|abstract|overview|highlights|at a glance|in brief|"
    r"(key|main) (findings|figures|points|messages|results)|conclusions?|recommendations?",
    re.IGNORECASE,
)
_SHOWN = re.compile(r"\.(?:slides|charts|totals)\b")


def headline(run: Run) -> Callable[[Value], bool]:
    """Whether a value of the run is a headline."""
    rows = tuple(_summaries(run)) if run.plan.spec.each is None else ()

    def leads(value: Value) -> bool:
        if _SHOWN.search(f"{value.row}.{value.field}") or any(claim.formula for claim in value.claims):
            return True
        return any(value.row == row or value.row.startswith(f"{row}.") for row in rows)

    return leads


def _summaries(run: Run) -> list[str]:
    """Paths of the sections that sum up, in what makers answered."""
    keys = answer_keys(run.plan.spec.outputs)
    found: list[str] = []
    for file, result in answers_of(run).items():
        answer = answer_of(result, keys[file]) if file in keys else None
        sections = object_of(answer).get("sections") if isinstance(answer, dict) else None
        for number, section in enumerate(cast("list[Json]", sections) if isinstance(sections, list) else []):
            if isinstance(section, dict) and _SUMMARIES.fullmatch(str(section.get("heading", "")).strip()):
                found.append(f"{keys[file]}.sections[{number}]")
    return found
