"""Plan: an order becomes tasks, waves and a quote, before a cent is spent on the work.

A spec with `each:` is planned without a model: units are batched on agents so that the budget fits.
Prose is decomposed by the planner model, in one call and at most one repair turn; what it proposes is
validated here, never trusted. Pure but for that one call and the looking up of passages, which the caller makes
and journals.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from strop.checking.bounds import bounded
from strop.checking.checks import parse_check
from strop.drafting.answers import answer_keys, making_schema, reading_schema, told
from strop.drafting.pages import pages, places, stem
from strop.drafting.proposals import PROPOSAL, lines, proposed, wrong_with
from strop.drafting.quoting import Grounds, Pace, again_at_most, longest_chain, quote
from strop.errors import BadStream, PlanRefused
from strop.learning.experiments import RESCUE_STEPS, Trial, challenger_of, variant_of
from strop.learning.pairing import MOST, WATCHED, Like, draw
from strop.types.count import counted
from strop.types.fingerprint import digest_bytes
from strop.types.memory import CheckKind, Constraint, ItemState
from strop.types.money import dollars
from strop.types.past import PastRun
from strop.types.schema import Json, object_of
from strop.types.work import (
    Binding,
    Guidance,
    Passage,
    Plan,
    Spec,
    Task,
    TaskId,
    TaskKind,
    Unit,
    UnitKey,
    Variant,
)

FILES_TOLD = 500
"""Files that a planner is told by name."""
READERS = ("reader-1", "reader-2", "reader-3")

Think = Callable[[Task], Awaitable[Json]]
"""Has the planner model do one task, on record; the answer fits the task's schema."""
Recall = Callable[[Sequence[str]], Awaitable[Sequence[tuple[Passage, ...]]]]
"""Looks up goals among the project's passages, on record where that is paid for; as many as there are goals."""


async def nothing(goals: Sequence[str]) -> Sequence[tuple[Passage, ...]]:
    """The recall of who may quote nothing."""
    return [()] * len(goals)


@dataclass(frozen=True, slots=True)
class Terrain:
    """What planning may know of the project."""

    units: tuple[str, ...]
    """What `each` matched: project-relative paths, sorted."""
    sizes: Mapping[str, int]
    """Bytes by path."""
    files: tuple[str, ...]
    """Everything agents may read."""
    bindings: tuple[Binding, ...]
    prompts: Mapping[str, str]
    tools: tuple[str, ...]
    pace: Pace
    """How fast the worker is, where no run had tasks like these."""
    guidance: Guidance = Guidance()
    manifest: str = ""
    tasks: tuple[Task, ...] = ()
    """A replayed skill's tasks, or those of an earlier attempt: then no planner is asked."""
    solo: bool = False
    """One agent does it all: the baseline of every claim about the swarm."""
    rules: tuple[Constraint, ...] = ()
    """Those a schema can hold go into what readers may answer."""
    past: tuple[PastRun, ...] = ()
    """Newest first: what the quote is drawn from."""
    trial: Trial | None = None
    """What this wave is to learn about, where it has units enough."""
    barred: frozenset[str] = frozenset()
    """Units that it may not be tried on: they hang together with what it was made from."""
    seed: str = ""
    """The run's id: chance is drawn from it."""
    recall: Recall = nothing
    """What the project's documents say to each of some goals; nothing where nothing is near enough."""

    def grounds(self, *, planned: bool) -> Grounds:
        """What a quote rests on; `planned` says that a planner splits the spec."""
        return Grounds(
            bindings=self.bindings,
            prompts=self.prompts,
            sizes=self.sizes,
            pace=self.pace,
            past=self.past,
            exemplars=self.guidance.exemplars,
            files=self.files if planned else None,
            learns=not self.guidance.skill and not self.solo,
        )


async def plan(spec: Spec, *, terrain: Terrain, think: Think | None = None) -> Plan:
    """The plan of a spec, with its quote.

    Raises:
        PlanRefused: nothing to work on, over budget, or a decomposition that stays wrong after its repair.
    """
    objections: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    learning = 0
    if not spec.made:
        tasks, scope = (), _scope_of_taking(spec)
    elif spec.each is not None:
        units = units_of(spec, terrain.units)
        variants, tasks, learning = _tried_within(spec, terrain, units)
        scope = _scope_of_reading(spec, tasks, terrain) + _scope_of_trying(variants, learning)
    elif terrain.solo:
        tasks = _told_their_files(spec, (_alone(spec, terrain),))
        scope = f"{spec.title}: one agent does all of it."
    elif terrain.tasks:
        tasks = _told_their_files(spec, terrain.tasks)
        skill = terrain.guidance.skill
        scope = (
            f"Replays {counted(len(tasks), 'task')} of skill {skill}."
            if skill
            else f"The same {counted(len(tasks), 'task')} once more."
        )
    elif think is None:
        raise PlanRefused(
            "this spec is prose, and no planner model is configured to split it. "
            "Add each: (one unit of work a file), or set a planner: strop run SPEC --planner anthropic:claude-opus-5-5"
        )
    else:
        split, scope, objections, fatal = await _decompose(spec, terrain, think)
        tasks = _told_their_files(spec, split)
    if spec.each is None:
        recalled = await terrain.recall([task.goal for task in tasks])
        tasks = tuple(replace(task, knowledge=each) for task, each in zip(tasks, recalled, strict=True))
    _within(spec, tasks)
    planned = bool(spec.made) and spec.each is None and not terrain.tasks and not terrain.solo
    quoted = quote(spec, tasks=tasks, grounds=terrain.grounds(planned=planned))
    used = sorted({task.prompt for task in tasks} | {"unit", "unit-again", "repair", "task"})
    return Plan(
        title=spec.title,
        spec=spec,
        scope=scope,
        tasks=tasks,
        bindings=terrain.bindings,
        egress=tuple(sorted({host for binding in terrain.bindings for host in binding.hosts} | {*places(spec)})),
        quote=replace(quoted, agents=1 if terrain.solo else quoted.agents, learning_nanos=learning),
        guidance=terrain.guidance,
        objections=objections,
        fatal=fatal,
        prompts=tuple((name, digest_bytes(terrain.prompts[name].encode())) for name in used),
        manifest=terrain.manifest,
        variants=variants,
    )


# ---------------------------------------------------------------- units


def units_of(spec: Spec, found: Sequence[str]) -> tuple[Unit, ...]:
    """Units with their companions; keys are stems of files and pages, made unique by their folder where they collide.

    Raises:
        PlanRefused: nothing matched.
    """
    if spec.items and not pages(spec):
        return tuple(Unit(UnitKey(item), source="") for item in spec.items)
    if not found:
        raise PlanRefused(
            f"each: {spec.each} matches no file. Put the units there, or mend the pattern "
            "(it is relative to the spec's folder)"
        )
    stems = [stem(path) for path in found]
    times = Counter(stems)
    keys = [name if times[name] == 1 else path for name, path in zip(stems, found, strict=True)]
    return tuple(
        Unit(UnitKey(key), path, spec.companion.replace("{stem}", name) if spec.companion else None)
        for key, name, path in zip(keys, stems, found, strict=True)
    )


def _variants(units: Sequence[Unit], terrain: Terrain) -> tuple[Variant, ...]:
    """What is tried on some of the units, with its pairs; nothing where there are too few."""
    trial = terrain.trial
    if trial is None or terrain.solo:
        return ()
    like = [
        Like(unit.key, terrain.sizes.get(unit.source, 0), PurePosixPath(unit.source).suffix)
        for unit in units
        if unit.source not in terrain.barred
    ]
    most = WATCHED if trial.item.state is ItemState.ACTIVE else MOST
    drawn = draw(like, run=terrain.seed, challengers=[challenger_of(trial)], most=most)
    pairs = [(each.tries.key, each.against.key) for each in drawn]
    return (variant_of(trial, pairs),) if pairs else ()


def _tried_within(
    spec: Spec, terrain: Terrain, units: Sequence[Unit]
) -> tuple[tuple[Variant, ...], tuple[Task, ...], int]:
    """(what is tried, the readings, what reading again costs at most): of the pairs drawn as many as the cap allows."""
    variants = _variants(units, terrain)
    tasks = _reading(spec, terrain, units, variants)
    worst = _again(tasks, terrain)
    if terrain.trial is None or worst <= terrain.trial.cap:
        return variants, tasks, worst
    kept = [replace(each, pairs=each.pairs[: len(each.pairs) * terrain.trial.cap // worst]) for each in variants]
    variants = tuple(each for each in kept if each.pairs)
    tasks = _reading(spec, terrain, units, variants)
    return variants, tasks, _again(tasks, terrain)


def _again(tasks: Sequence[Task], terrain: Terrain) -> int:
    tried = [task for task in tasks if task.variant]
    return again_at_most(tried, steps=RESCUE_STEPS, grounds=terrain.grounds(planned=False))


def _reading(spec: Spec, terrain: Terrain, units: Sequence[Unit], variants: Sequence[Variant]) -> tuple[Task, ...]:
    """A task a batch and reader; batches are as small as the cap on agents in all allows, and of one variant.

    One agent alone does every reader's work too, one after another: with less it could not agree with itself, and
    would be a baseline that the gate refuses.
    """
    budget, readers = spec.budget, spec.readers
    reads = len(units) * readers
    room = 1 if terrain.solo else max(1, budget.agents_total // readers - len(variants))
    batch = math.ceil(len(units) / room)
    if reads > budget.steps:
        raise PlanRefused(
            f"{counted(len(units), 'unit')} x {counted(readers, 'reader')} need {counted(reads, 'step')}; "
            f"the budget has {budget.steps:,}. "
            f"Raise budget: {{steps: {reads * 2}}}, read with fewer readers, or narrow each: {spec.each}"
        )
    makes = tuple(output.file for output in spec.made)
    columns = spec.table
    held = [parse_check(rule.check) for rule in terrain.rules if rule.kind is CheckKind.GRAMMAR]
    schema = bounded(reading_schema(columns), held)
    tried = {key: variant.name for variant in variants for key, _ in variant.pairs}
    arms = [[unit for unit in units if tried.get(unit.key, "") == name] for name in ("", *sorted({*tried.values()}))]
    chunks = [arm[start : start + batch] for arm in arms for start in range(0, len(arm), batch)]
    tasks: list[Task] = []
    for reader in range(1, readers + 1):
        for chunk in chunks:
            more = f"+{len(chunk) - 1}" if len(chunk) > 1 else ""
            tasks.append(
                Task(
                    id=TaskId(f"read-{reader}/{chunk[0].key}{more}"),
                    kind=TaskKind.READ,
                    role=f"reader {reader}",
                    goal=_goal(spec),
                    schema=schema,
                    prompt=READERS[reader - 1],
                    needs=tuple(task.id for task in tasks[-1:]) if terrain.solo else (),
                    units=tuple(chunk),
                    steps=2 * len(chunk),
                    makes=makes,
                    reader=reader,
                    variant=tried.get(chunk[0].key, ""),
                )
            )
    return tuple(tasks)


def _alone(spec: Spec, terrain: Terrain) -> Task:
    """The whole job as one agent's task, with every tool and all the steps there are."""
    return Task(
        id=TaskId("solo"),
        kind=TaskKind.AGGREGATE,
        role="one agent",
        goal=spec.prose,
        schema=making_schema(spec.made, keys=answer_keys(spec.outputs)),
        prompt="specialist",
        tools=terrain.tools,
        steps=max(1, spec.budget.steps // 2),
        makes=tuple(output.file for output in spec.made),
    )


def _goal(spec: Spec) -> str:
    """The prose in one line: the first paragraph after the title."""
    paragraphs = [part.strip() for part in spec.prose.split("\n\n") if part.strip() and not part.startswith("#")]
    return " ".join(paragraphs[0].split())[:400] if paragraphs else spec.title


def _scope_of_taking(spec: Spec) -> str:
    files = ", ".join(f"{output.file} from {output.taken}" for output in spec.outputs)
    return f"{spec.title}: {files}, row by row, by a tool. No agent works, no model is called, it costs nothing."


def _scope_of_trying(variants: Sequence[Variant], nanos: int) -> str:
    """What the person who approves should know of an experiment."""
    most = f", for at most {dollars(nanos)} of learning's own cap" if nanos else ""
    return "".join(
        f" On {counted(len(each.pairs), 'unit')} {each.name} is {'left out' if each.without else 'tried'}, to learn "
        f"what it is worth; where that loses a value, the unit is read again as the others are{most}."
        for each in variants
    )


def _scope_of_reading(spec: Spec, tasks: Sequence[Task], terrain: Terrain) -> str:
    units = sum(len(task.units) for task in tasks if task.reader == 1)
    again = [column.name for column in spec.table if column.compute or column.recompute]
    are = "is" if len(again) == 1 else "are"
    more = f" {', '.join(again)} {are} recomputed from {spec.companion}." if again else ""
    by = counted(spec.readers, "differently prompted agent")
    if terrain.solo:
        by = "one agent" if spec.readers == 1 else f"one agent, {spec.readers} times with different prompts"
    fields, read = counted(len(spec.table), "field"), counted(units, "unit")
    return f"{spec.title}: {fields} from {read} ({spec.each}), each read by {by}.{more}"


# ---------------------------------------------------------------- prose


async def _decompose(
    spec: Spec, terrain: Terrain, think: Think
) -> tuple[tuple[Task, ...], str, tuple[str, ...], tuple[str, ...]]:
    """Ask the planner; validate; one repair turn with what is wrong."""
    notes: tuple[str, ...] = ()
    for attempt in (1, 2):
        try:
            proposal = object_of(await think(_planning_task(spec, terrain, attempt, notes)))
        except BadStream as caught:
            raise PlanRefused(
                f"the planner's answer cannot be used, nothing was run: {caught}. Start anew, or name another planner: "
                "strop run SPEC --planner NAME"
            ) from caught
        tasks = proposed(proposal, spec)
        notes = wrong_with(tasks, spec, tools=terrain.tools) or _too_long(spec, tasks)
        if not notes:
            return tasks, str(proposal["scope"]), lines(proposal["objections"]), lines(proposal["fatal"])
    raise PlanRefused(
        "the planner's decomposition stays wrong after its repair turn, nothing was run: "
        + "; ".join(notes[:5])
        + ". Start anew, say in the spec how to split the work, or name another planner"
    )


def _too_long(spec: Spec, tasks: Sequence[Task]) -> tuple[str, ...]:
    critical = longest_chain(tasks)
    most = spec.budget.critical_steps
    return (f"the longest chain has {counted(critical, 'step')}, at most {most:,}",) if critical > most else ()


def _planning_task(spec: Spec, terrain: Terrain, attempt: int, notes: tuple[str, ...]) -> Task:
    files = "\n".join(terrain.files[:FILES_TOLD]) or "none"
    more = len(terrain.files) - FILES_TOLD
    return Task(
        id=TaskId(f"plan-{attempt}"),
        kind=TaskKind.AGGREGATE,
        role="planner",
        goal=(
            f"{spec.prose}{told(spec.made, keys=answer_keys(spec.outputs))}\n\n"
            f"Files that may be read:\n{files}" + (f"\nand {more:,} more" if more > 0 else "") + "\n\n"
            f"Tools: {', '.join(terrain.tools) or 'none'}. At most {spec.budget.agents_total:,} tasks, "
            f"{spec.budget.steps:,} steps in all, {spec.budget.critical_steps:,} in the longest chain."
        ),
        schema=PROPOSAL,
        prompt="decompose",
        steps=2,
        repairs=notes,
    )


def _told_their_files(spec: Spec, tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Makers are told what their files must hold: they see nothing of the spec. Who has been told is not told twice."""
    keys = answer_keys(spec.outputs)
    made: list[Task] = []
    for task in tasks:
        words = told([output for output in spec.outputs if output.file in task.makes], keys=keys)
        made.append(task if task.goal.endswith(words) else replace(task, goal=task.goal + words))
    return tuple(made)


# ---------------------------------------------------------------- limits


def _within(spec: Spec, tasks: Sequence[Task]) -> None:
    budget = spec.budget
    if len(tasks) > budget.agents_total:
        raise PlanRefused(
            f"the plan has {counted(len(tasks), 'agent')}, the budget {budget.agents_total:,} in all. "
            "Raise agents_total"
        )
    critical = longest_chain(tasks)
    if critical > budget.critical_steps:
        raise PlanRefused(
            f"the longest chain has {counted(critical, 'step')}, the budget {budget.critical_steps:,}. "
            "Raise critical_steps, or agents_total so that batches get smaller"
        )


def with_saving(made: Plan, *, saving: str) -> Plan:
    """The plan with the sentence that a replay's quote adds."""
    return replace(made, quote=replace(made.quote, saving=saving))
