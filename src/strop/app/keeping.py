"""What a run that has ended leaves in the library; the same when it has just ended and when only its record is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from strop.app.entering import Born, Entry, entered
from strop.app.evidence import proofs_of
from strop.app.journals import events_of
from strop.app.kinship import apart, inputs_of
from strop.app.project import Project
from strop.app.ratchet import Weighed, scripts_of, spent_by, weigh
from strop.app.rulewatch import rules_after
from strop.learning.experiments import evidence, scores, unit_costs
from strop.learning.lessons import Failed, lessons
from strop.learning.library import put, witness
from strop.learning.making import rule_item, skill_item
from strop.learning.scopes import widened
from strop.loop.cycle import Turn
from strop.swarm.spending import Spending
from strop.types.events import AttemptEnded
from strop.types.evidence import Pair
from strop.types.fingerprint import canonical
from strop.types.memory import Constraint, Manifest, Skill
from strop.types.trial import Run, Verdict


@dataclass(frozen=True, slots=True)
class Left:
    """What a run leaves beside its skill and its rules."""

    scripts: tuple[Entry, ...] = ()
    pairs: tuple[Pair, ...] = ()
    born: Born | None = None
    """What all it leaves is held against; None where it leaves nothing new."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of it."""

    items: tuple[str, ...]
    """Ids of what was put into the library, or was there and has another witness now."""
    looked: tuple[str, ...]
    """Ids of what its evidence speaks of."""
    weighed: tuple[Weighed, ...]
    stopped: tuple[tuple[str, str], ...]
    """(item, why) of what a rung of the ladder refused: in quarantine, or not put in at all."""


def wave_pairs(
    project: Project, run: Run, *, first: Verdict, read: Callable[[str], str], spending: Spending, day: str
) -> tuple[Pair, ...]:
    """What was tried in a run's wave, as evidence; `first` is the deterministic verdict on its first outcomes."""
    inputs = inputs_of(run, read)
    pairs = evidence(
        run,
        first=scores(run, first),
        inputs={unit: each.key for unit, each in inputs.items()},
        costs=unit_costs(run.plan.tasks, spent_by(spending, run.plan)),
        day=day,
    )
    return apart(project, pairs, tuple(inputs.values()))


async def scripts_left(
    project: Project, run: Run, verdict: Verdict, *, read: Callable[[str], str]
) -> tuple[tuple[Entry, ...], tuple[Pair, ...]]:
    """Expressions that a run's proved values leave or try; searched for beside the loop."""
    sources = proofs_of(project, run, read, (), verifier="").sources
    return await asyncio.to_thread(scripts_of, project, run, verdict, sources)


def born(
    project: Project,
    run: Run,
    verdict: Verdict,
    *,
    read: Callable[[str], str],
    files: Sequence[str],
    prompts: Mapping[str, str],
) -> Born:
    """What a run's lessons are held against."""
    return Born(verdict, lambda: proofs_of(project, run, read, (), verifier="").sources, files, prompts)


def keep(
    project: Project,
    run: Run,
    *,
    skill: Skill | None,
    rules: Sequence[Constraint],
    left: Left,
    base: Manifest | None = None,
) -> Kept:
    """Put what was learned into the library, and let evidence move what it speaks of.

    `base` is the library that the run began with, the head by default.

    Raises:
        BadInput, JournalFault: see `weigh`.
    """
    new: list[Entry] = []
    if skill is not None:
        new.append((skill_item(skill, run=run, inputs=tuple(sorted({read.digest for read in run.sources}))), skill))
    new += [*((widened(rule_item(rule, run=run), project.db.head()), rule) for rule in rules), *left.scripts]
    came = entered(project, new, run=run, born=left.born)
    if left.born is not None and any(body is skill for _, body in came.entries):
        project.db.note_failed(run.id, canonical(_failed(project, run, left.born)))
    if came.entries:
        put(project.db, project.blobs, came.entries, base=base, by=run.id)
    for item in came.again:
        witness(project.db, item, run=run.id)
    project.db.add(left.pairs)
    ruled = rules_after(project, run)
    worker = run.plan.binding("worker")
    model = worker.model if worker else ""
    looked = {(tried.name, tried.incumbent) for tried in run.plan.variants}
    looked |= {(pair.item, pair.incumbent) for pair in left.pairs}
    moved = [weigh(project, name, incumbent=against, model=model, by=run.id) for name, against in sorted(looked)]
    names = tuple(dict.fromkeys((*(name for name, _ in sorted(looked)), *ruled)))
    there = tuple(dict.fromkeys((*(item.id for item, _ in came.entries), *(item.id for item in came.again))))
    return Kept(there, names, tuple(each for each in moved if each is not None), came.stopped)


def as_kept(turn: Turn, kept: Kept) -> Turn:
    """The turn with what of its skill and rules no rung has refused."""
    names = {name.partition("/")[2] for name, _ in kept.stopped}
    skill = turn.skill if turn.skill is not None and turn.skill.name not in names else None
    return replace(turn, skill=skill, rules=tuple(rule for rule in turn.rules if rule.id not in names))


def _failed(project: Project, run: Run, born: Born) -> Failed:
    """What failed in the run, by its whole record: results that another attempt took the place of as well."""
    ended = [event.body for event in events_of(project.runs / run.id)]
    attempts = [each.result for each in ended if isinstance(each, AttemptEnded)]
    return Failed(lessons(run, verdict=born.verdict, sources=born.sources(), attempts=attempts))
