"""What failures teach, as counts: which kind of unit failed, at which field, and why. No word of a source is in it.

Causes come from closed lists (kinds of findings, names of our errors), fields from the spec, kinds of units from
their length; so a lesson can be shown to anybody and kept beside a skill. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strop.types.trial import Result, Run, Severity, Verdict
from strop.types.work import UnitKey

CAUSES = {
    "quote": "no sentence of the source says the value",
    "recompute": "the companion table answers otherwise",
    "agreement": "readers differ",
    "disagreement": "source and table differ",
    "refuted": "the refuting model found words against it",
    "missing": "nothing was read",
    "formula": "it does not follow from what it rests on",
    "constraint": "it breaks a learned rule",
    "outlier": "it is far from its siblings",
    "SchemaInvalid": "the answer did not fit the schema",
    "Stalled": "the agent got nowhere",
    "ModelFailure": "the model gave no answer",
    "EndpointDown": "the endpoint was down",
    "RateLimited": "the endpoint asked for a slower pace",
    "RequestRefused": "the provider refused the request",
    "WindowExceeded": "the prompt was longer than the model's window",
    "BadStream": "the answer was cut off or malformed",
    "ToolFailure": "a tool or a source could not be used",
    "AgentPaused": "the agent waited for a person",
    "CrewDown": "the place where agents run was lost",
}
OTHER = "other"
FEW = 8
WHOLE = "all"
"""Kind of what has no text of its own."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """So many of so many units of a kind failed so."""

    cause: str
    """A key of `CAUSES`, or `other`."""
    field: str
    """A column of the spec; empty for the whole unit or task."""
    units: str
    """Kind of the units: `65 to 128 words`."""
    failed: int
    of: int
    """Units of this kind in the run."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What failed in one run, as it is kept for the folder of the skill that the run left."""

    lessons: tuple[Lesson, ...]


def lessons(
    run: Run, *, verdict: Verdict, sources: Mapping[str, str], attempts: Sequence[Result] = ()
) -> tuple[Lesson, ...]:
    """What failed in a run, most frequent first, its repaired rounds included; `attempts` are all that ended."""
    fields = {column.name for column in run.plan.spec.table}
    places = {unit.key: unit.source for task in run.plan.tasks for unit in task.units}
    kinds = {key: kind_of(sources[source]) if source in sources else WHOLE for key, source in places.items()}
    sizes = Counter(kinds.values()) + Counter({WHOLE: len(run.plan.tasks)})
    failed: dict[tuple[str, str, str], set[str]] = {}

    def note(cause: str, field: str, unit: str) -> None:
        kind = kinds.get(UnitKey(unit), WHOLE)
        failed.setdefault((cause if cause in CAUSES else OTHER, field, kind), set()).add(unit)

    for finding in (*(each.finding for each in verdict.earlier), *verdict.findings):
        if finding.severity is not Severity.NOTE:
            row, _, name = finding.locator.rpartition(".")
            field = name if row and name in fields else ""
            note(finding.kind, field, row if field else finding.locator)
    for result in (*attempts, *run.results):
        for key, why in result.unread:
            note(_named(why), "", key)
        if result.failure:
            note(_named(result.failure), "", result.task)
    made = [Lesson(*key, len(units), max(sizes[key[2]], len(units))) for key, units in failed.items()]
    return tuple(sorted(made, key=lambda each: (-each.failed, each.cause, each.field, each.units)))


def kind_of(text: str) -> str:
    """The kind of a unit, by the doubling that its words are within: `65 to 128 words`."""
    most = 1 << max(len(text.split()) - 1, 0).bit_length()
    return f"{most // 2 + 1} to {most} words" if most > FEW else f"at most {FEW} words"


def failures_md(learned: Sequence[Lesson]) -> str:
    """`references/failures.md` of a skill's folder."""
    if not learned:
        return "# What failed\n\nNothing in the run that this skill was born from.\n"
    rows = "\n".join(
        f"| {each.field or '(whole)'} | {CAUSES.get(each.cause, 'another cause')} | {each.units} "
        f"| {each.failed} of {each.of} |"
        for each in learned
    )
    return (
        "# What failed\n\nIn the run that this skill was born from, its first attempts and repairs included.\n\n"
        f"| field | cause | units | failed |\n|---|---|---|---|\n{rows}\n"
    )


def _named(failure: str) -> str:
    """The error's name at the beginning of a failure; what follows may be anybody's words."""
    return failure.partition(":")[0]
