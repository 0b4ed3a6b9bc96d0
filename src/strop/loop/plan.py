"""Plan: an order becomes tasks, waves and a quote, before a cent is spent on the work.

A spec with `each:` is planned without a model: units are batched on agents so that the budget fits.
Prose is decomposed by the planner model, in one call and at most one repair turn; what it proposes is
validated here, never trusted. Pure but for that one call, which the caller makes and journals.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from strop.checking.bounds import bounded
from strop.checking.checks import parse_check
from strop.drafting.answers import answer_keys, reading_schema, told
from strop.drafting.proposals import PROPOSAL, lines, proposed, wrong_with
from strop.errors import BadStream, PlanRefused
from strop.types.fingerprint import digest_bytes
from strop.types.memory import CheckKind, Constraint
from strop.types.money import Usage, cost, worst_case
from strop.types.schema import Json, object_of
from strop.types.work import (
    Binding,
    Guidance,
    Kind,
    Output,
    Plan,
    Quote,
    Range,
    Spec,
    Task,
    TaskId,
    TaskKind,
    Unit,
    UnitKey,
    waves,
)

STEPS_PER_AGENT = 13
FILES_TOLD = 500
"""Files that a planner is told by name."""
BATCH = 8
"""Claims in one call to the refuting model, as in `verify`."""
CLAIM_TOKENS, VERDICT_TOKENS, TASK_TOKENS = 300, 60, 150
"""Rough sizes: a claim with its passage as asked, its verdict as answered, one proposed task."""
READERS = ("reader-1", "reader-2", "reader-3")

Think = Callable[[Task], Awaitable[Json]]
"""Has the planner model do one task, on record; the answer fits the task's schema."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one call of a model, and its answers' length in tokens: measured where there is a past."""

    p50: float
    p90: float
    output: int
    measured: str = ""
    """Where the figures come from: `12 calls of run 01K…`; empty for a default."""
    at_once: int = 300
    """Calls the endpoint serves in parallel."""


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
    guidance: Guidance = Guidance()
    manifest: str = ""
    tasks: tuple[Task, ...] = ()
    """A replayed skill's tasks: then no planner is asked."""
    rules: tuple[Constraint, ...] = ()
    """Those a schema can hold go into what readers may answer."""


async def plan(spec: Spec, *, terrain: Terrain, think: Think | None = None) -> Plan:
    """The plan of a spec, with its quote.

    Raises:
        PlanRefused: nothing to work on, over budget, or a decomposition that stays wrong after its repair.
    """
    objections: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()
    if spec.each is not None:
        tasks = _reading(spec, terrain)
        scope = _scope_of_reading(spec, tasks)
    elif terrain.tasks:
        tasks = _told_their_files(spec, terrain.tasks)
        scope = f"Replays {len(tasks)} tasks of skill {terrain.guidance.skill}."
    elif think is None:
        raise PlanRefused(
            "this spec is prose, and no planner model is configured to split it. "
            "Add each: (one unit of work a file), or set a planner: strop run SPEC --planner anthropic:claude-opus-5-5"
        )
    else:
        split, scope, objections, fatal = await _decompose(spec, terrain, think)
        tasks = _told_their_files(spec, split)
    _within(spec, tasks)
    planned = spec.each is None and not terrain.tasks
    used = sorted({task.prompt for task in tasks} | {"unit", "unit-again", "repair", "task"})
    return Plan(
        title=spec.title,
        spec=spec,
        scope=scope,
        tasks=tasks,
        bindings=terrain.bindings,
        egress=tuple(sorted({host for binding in terrain.bindings for host in binding.hosts})),
        quote=quote(spec, tasks, terrain, planned=planned),
        guidance=terrain.guidance,
        objections=objections,
        fatal=fatal,
        prompts=tuple((name, digest_bytes(terrain.prompts[name].encode())) for name in used),
        manifest=terrain.manifest,
    )


# ---------------------------------------------------------------- units


def units_of(spec: Spec, found: Sequence[str]) -> tuple[Unit, ...]:
    """Units with their companions; keys are stems, made unique by their folder where they collide.

    Raises:
        PlanRefused: nothing matched.
    """
    if spec.items:
        return tuple(Unit(UnitKey(item), source="") for item in spec.items)
    if not found:
        raise PlanRefused(
            f"each: {spec.each} matches no file. Put the units there, or mend the pattern "
            "(it is relative to the spec's folder)"
        )
    stems = [PurePosixPath(path).stem for path in found]
    keys = [stem if stems.count(stem) == 1 else path for stem, path in zip(stems, found, strict=True)]
    return tuple(
        Unit(UnitKey(key), path, spec.companion.replace("{stem}", stem) if spec.companion else None)
        for key, stem, path in zip(keys, stems, found, strict=True)
    )


def _reading(spec: Spec, terrain: Terrain) -> tuple[Task, ...]:
    """A task a batch and reader; batches are as small as the cap on agents in all allows."""
    units = units_of(spec, terrain.units)
    budget = spec.budget
    reads = len(units) * spec.readers
    room = max(1, budget.agents_total // spec.readers)
    batch = math.ceil(len(units) / room)
    if reads > budget.steps:
        raise PlanRefused(
            f"{len(units):,} units x {spec.readers} readers need {reads:,} steps; the budget has {budget.steps:,}. "
            f"Raise budget: {{steps: {reads * 2}}}, read with fewer readers, or narrow each: {spec.each}"
        )
    makes = tuple(output.file for output in spec.outputs)
    columns = spec.table
    held = [parse_check(rule.check) for rule in terrain.rules if rule.kind is CheckKind.GRAMMAR]
    schema = bounded(reading_schema(columns), held)
    tasks: list[Task] = []
    for reader in range(1, spec.readers + 1):
        for start in range(0, len(units), batch):
            chunk = list(units[start : start + batch])
            more = f"+{len(chunk) - 1}" if len(chunk) > 1 else ""
            tasks.append(
                Task(
                    id=TaskId(f"read-{reader}/{chunk[0].key}{more}"),
                    kind=TaskKind.READ,
                    role=f"reader {reader}",
                    goal=_goal(spec),
                    schema=schema,
                    prompt=READERS[reader - 1],
                    units=tuple(chunk),
                    steps=2 * len(chunk),
                    makes=makes,
                    reader=reader,
                )
            )
    return tuple(tasks)


def _goal(spec: Spec) -> str:
    """The prose in one line: the first paragraph after the title."""
    paragraphs = [part.strip() for part in spec.prose.split("\n\n") if part.strip() and not part.startswith("#")]
    return " ".join(paragraphs[0].split())[:400] if paragraphs else spec.title


def _scope_of_reading(spec: Spec, tasks: Sequence[Task]) -> str:
    units = sum(len(task.units) for task in tasks if task.reader == 1)
    counted = [column.name for column in spec.table if column.compute or column.recompute]
    again = f" {', '.join(counted)} are recomputed from {spec.companion}." if counted else ""
    return (
        f"{spec.title}: {len(spec.table)} fields from {units} units ({spec.each}), each read by "
        f"{spec.readers} differently prompted agent{'s' if spec.readers > 1 else ''}.{again}"
    )


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
    critical = _critical(tasks)
    most = spec.budget.critical_steps
    return (f"the longest chain has {critical:,} steps, at most {most:,}",) if critical > most else ()


def _planning_task(spec: Spec, terrain: Terrain, attempt: int, notes: tuple[str, ...]) -> Task:
    files = "\n".join(terrain.files[:FILES_TOLD]) or "none"
    more = len(terrain.files) - FILES_TOLD
    return Task(
        id=TaskId(f"plan-{attempt}"),
        kind=TaskKind.AGGREGATE,
        role="planner",
        goal=(
            f"{spec.prose}{told(spec.outputs, keys=answer_keys(spec.outputs))}\n\n"
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
    """Makers are told what their files must hold: they see nothing of the spec."""
    keys = answer_keys(spec.outputs)
    return tuple(
        replace(task, goal=task.goal + told([o for o in spec.outputs if o.file in task.makes], keys=keys))
        for task in tasks
    )


# ---------------------------------------------------------------- limits and quote


def _within(spec: Spec, tasks: Sequence[Task]) -> None:
    budget = spec.budget
    if len(tasks) > budget.agents_total:
        raise PlanRefused(
            f"the plan has {len(tasks):,} agents, the budget {budget.agents_total:,} in all. Raise agents_total"
        )
    critical = _critical(tasks)
    if critical > budget.critical_steps:
        raise PlanRefused(
            f"the longest chain has {critical:,} steps, the budget {budget.critical_steps:,}. "
            "Raise critical_steps, or agents_total so that batches get smaller"
        )


def _critical(tasks: Sequence[Task]) -> int:
    expected = {task.id: _expected_steps(task) for task in tasks}
    return sum(max(expected[name] for name in stage) for stage in waves(tuple(tasks)))


def _expected_steps(task: Task) -> int:
    return len(task.units) if task.kind is TaskKind.READ else min(task.steps, STEPS_PER_AGENT)


def quote(spec: Spec, tasks: Sequence[Task], terrain: Terrain, *, planned: bool = False) -> Quote:
    """Agents, steps, tokens, money and minutes as median, 90th percentile and worst case.

    Tokens and money are those of every role; `planned` says that a planner split the spec.
    """
    steps = sum(_expected_steps(task) for task in tasks)
    critical = _critical(tasks)
    stages = waves(tuple(tasks))
    shares = [_work_share(spec, tasks, terrain), *_other_shares(spec, tasks, terrain, planned=planned)]
    inputs = sum(share.input for share in shares)
    outputs = sum(share.output for share in shares)
    worst_tokens = sum(4 * share.input + share.worst for share in shares)
    tokens = Range(inputs + outputs, round(1.3 * (inputs + outputs)), min(worst_tokens, spec.budget.tokens))
    p50 = sum(cost(Usage(input=share.input, output=share.output), share.binding.price) for share in shares)
    worst = sum(
        worst_case(input_bound=4 * share.input, output_bound=share.worst, price=share.binding.price) for share in shares
    )
    money = Range(p50, round(1.4 * p50), min(worst, spec.budget.nanos))
    at_once = max(1, min(spec.budget.agents, terrain.pace.at_once))
    rounds = sum(math.ceil(sum(_expected_steps(_by(tasks, name)) for name in stage) / at_once) for stage in stages)
    turns = max(rounds, critical) + sum(share.turns for share in shares)
    minutes = Range(turns * terrain.pace.p50 / 60, turns * terrain.pace.p90 / 60, spec.budget.minutes)
    alone = steps * terrain.pace.p50 / 60
    advice, reasons = _advice(spec, tasks, tokens.p50, alone, critical / max(steps, 1), terrain.bindings)
    nanos, kept = _kept_for_gate(spec, shares)
    counts = (len(tasks), len(stages), steps, critical)
    return Quote(*counts, tokens, money, minutes, advice, reasons, gate_nanos=nanos, gate_steps=kept)


def _kept_for_gate(spec: Spec, shares: Sequence[_Share]) -> tuple[int, int]:
    """Money and steps set aside for the refuting model from the start; never more than half of a cap."""
    share = next((share for share in shares if share.binding.role == "verifier"), None)
    if share is None:
        return 0, 0
    nanos = worst_case(input_bound=4 * share.input, output_bound=share.worst, price=share.binding.price)
    calls = share.worst // max(share.binding.output, 1)
    return min(nanos, spec.budget.nanos // 2), min(calls, spec.budget.steps // 2)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one role is expected to use: tokens in and out, tokens out at most, calls one after another."""

    binding: Binding
    input: int
    output: int
    worst: int
    turns: int = 0


def _work_share(spec: Spec, tasks: Sequence[Task], terrain: Terrain) -> _Share:
    worker = next((b for b in terrain.bindings if b.role == "worker"), terrain.bindings[0])
    steps = sum(_expected_steps(task) for task in tasks)
    inputs = sum(_input_tokens(task, terrain) for task in tasks)
    most_steps = min(sum(task.steps for task in tasks), spec.budget.steps)
    return _Share(worker, inputs, steps * terrain.pace.output, most_steps * worker.output)


def _other_shares(spec: Spec, tasks: Sequence[Task], terrain: Terrain, *, planned: bool) -> list[_Share]:
    """The planner's one call (at most two, each with a repair turn) and the verifier's, eight claims each."""
    shares: list[_Share] = []
    by_role = {binding.role: binding for binding in terrain.bindings}
    if planned and (planner := by_role.get("planner")) is not None:
        asked = len(terrain.prompts["decompose"]) + len(spec.prose) + sum(len(path) for path in terrain.files)
        shares.append(_Share(planner, asked // 4 + 1_000, TASK_TOKENS * len(tasks), 4 * planner.output, turns=1))
    if (verifier := by_role.get("verifier")) is not None:
        calls = math.ceil(_claims(spec, tasks) / BATCH)
        asked = calls * (len(terrain.prompts["refute"]) // 4 + BATCH * CLAIM_TOKENS)
        answered = calls * BATCH * VERDICT_TOKENS
        worst = 2 * (1 + spec.repairs) * calls * verifier.output
        shares.append(_Share(verifier, asked, answered, worst, turns=math.ceil(calls / max(spec.budget.agents, 1))))
    return shares


def _claims(spec: Spec, tasks: Sequence[Task]) -> int:
    """Values that a refuting model is likely to be shown."""
    if spec.each is not None:
        units = sum(len(task.units) for task in tasks if task.reader == 1)
        return units * sum(column.compute is None for column in spec.table)
    return sum(_claims_of(output) for output in spec.outputs)


def _claims_of(output: Output) -> int:
    match output.kind:
        case Kind.PNG | Kind.SVG:
            return 10 * ((output.count.least or 1) if output.count else 1)
        case _ if output.columns:
            return len(output.columns) * ((output.rows.least or 20) if output.rows else 20)
        case _:
            return 8 * max(len(output.sections), 1)


def _by(tasks: Sequence[Task], name: TaskId) -> Task:
    return next(task for task in tasks if task.id == name)


def _input_tokens(task: Task, terrain: Terrain) -> int:
    """Four bytes a token, the shared head once a step."""
    guidance = terrain.guidance.exemplars
    shown = guidance[(task.reader - 1) % len(guidance)] if guidance and task.reader else ()
    head = len(terrain.prompts[task.prompt]) + sum(len(e.source) + len(e.answer) for e in shown) + 60 * 5
    if task.kind is TaskKind.READ:
        return sum((head + terrain.sizes.get(unit.source, 600)) // 4 for unit in task.units)
    material = sum(terrain.sizes.values()) // max(len(terrain.sizes), 1) if task.tools else 2_000
    return _expected_steps(task) * (head + len(task.goal) + material) // 4


def _advice(
    spec: Spec, tasks: Sequence[Task], tokens: float, minutes: float, chain: float, bindings: Sequence[Binding]
) -> tuple[str, tuple[str, ...]]:
    """Single agent, swarm, or swarm with a strong verifier, and the numbers that say so."""
    parts = max((len(stage) for stage in waves(tuple(tasks))), default=0)
    reasons = (
        f"{parts} independent parts (a swarm pays from 6)",
        f"{round(tokens):,} tokens of work (from 50,000)",
        f"{minutes:.1f} minutes for one agent alone (from 10)",
        f"critical / total steps {chain:.2f} (parallel work from 0.50 down)",
    )
    points = (parts > 5) + (tokens > 50_000) + (minutes > 10)
    if parts <= 5 or (points < 2 and chain > 0.5):
        return "single agent", reasons
    unproved = [column for column in spec.table if column.compute is None and column.recompute is None]
    strong = any(binding.role == "verifier" for binding in bindings)
    if unproved and not strong:
        fields = ", ".join(column.name for column in unproved[:4])
        return "swarm with a strong verifier", (*reasons, f"nothing recomputes {fields}, and no verifier is set")
    return ("swarm with a strong verifier" if strong else "swarm"), reasons


def with_saving(made: Plan, *, saving: str) -> Plan:
    """The plan with the sentence that a replay's quote adds."""
    return replace(made, quote=replace(made.quote, saving=saving))
