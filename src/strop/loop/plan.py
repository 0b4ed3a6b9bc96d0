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
from typing import cast

from strop.errors import PlanRefused
from strop.types.fingerprint import digest_bytes
from strop.types.money import Usage, cost, worst_case
from strop.types.schema import (
    Array,
    Boolean,
    Choice,
    Field,
    Integer,
    Json,
    Number,
    Object,
    Schema,
    Text,
    object_of,
)
from strop.types.work import (
    Binding,
    Column,
    ColumnType,
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
GENERATED = ("summary", "findings", "method", "table", "sources")
"""Sections of a document that the harness writes itself from judged values."""
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
        tasks, scope = terrain.tasks, f"Replays {len(terrain.tasks)} tasks of skill {terrain.guidance.skill}."
    elif think is None:
        raise PlanRefused(
            "this spec is prose, and no planner model is configured to split it. "
            "Add each: (one unit of work a file), or set a planner: strop run SPEC --planner anthropic:claude-opus-5-5"
        )
    else:
        tasks, scope, objections, fatal = await _decompose(spec, terrain, think)
    _within(spec, tasks)
    used = sorted({task.prompt for task in tasks} | {"unit", "unit-again", "repair", "task"})
    return Plan(
        title=spec.title,
        spec=spec,
        scope=scope,
        tasks=tasks,
        bindings=terrain.bindings,
        egress=tuple(sorted({host for binding in terrain.bindings for host in binding.hosts})),
        quote=quote(spec, tasks, terrain),
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


def reading_schema(columns: Sequence[Column]) -> Object:
    """What a reader answers: for each column the value and the number of the sentence that states it."""
    return Object(
        tuple(
            Field(
                column.name,
                Object(
                    (
                        Field("value", value_schema(column)),
                        Field("sentence", Integer(1, 10_000, nullable=True, note="number of the sentence")),
                    )
                ),
            )
            for column in columns
            if column.compute is None
        )
    )


def value_schema(column: Column) -> Schema:
    """A column's type as a nullable schema."""
    match column.type:
        case ColumnType.INTEGER:
            return Integer(nullable=True, note=column.ask)
        case ColumnType.NUMBER:
            return Number(nullable=True, note=column.ask)
        case ColumnType.BOOLEAN:
            return Boolean(nullable=True, note=column.ask)
        case ColumnType.DATE:
            return Text(10, pattern=r"\d{4}-\d{2}-\d{2}", nullable=True, note=column.ask)
        case ColumnType.DECIMAL:
            return Text(40, pattern=r"-?\d+(\.\d+)?", nullable=True, note=column.ask)
        case ColumnType.QUOTE:
            return Text(600, nullable=True, note=column.ask or "the exact words of the source")
        case ColumnType.TEXT:
            return Text(200, nullable=True, note=column.ask)


def _reading(spec: Spec, terrain: Terrain) -> tuple[Task, ...]:
    """A task a batch and reader; batches are as small as the cap on agents in all allows."""
    units = units_of(spec, terrain.units)
    budget = spec.budget
    reads = len(units) * spec.readers
    room = max(1, budget.agents_total // spec.readers)
    batch = math.ceil(len(units) / room)
    if 2 * reads > budget.steps and reads > budget.steps:
        raise PlanRefused(
            f"{len(units):,} units x {spec.readers} readers need {reads:,} steps; the budget has {budget.steps:,}. "
            f"Raise budget: {{steps: {reads * 2}}}, read with fewer readers, or narrow each: {spec.each}"
        )
    makes = tuple(output.file for output in spec.outputs)
    columns = spec.table
    schema = reading_schema(columns)
    tasks: list[Task] = []
    for reader in range(1, spec.readers + 1):
        for start in range(0, len(units), batch):
            chunk = units[start : start + batch]
            more = f"+{len(chunk) - 1}" if len(chunk) > 1 else ""
            tasks.append(
                Task(
                    id=TaskId(f"read-{reader}/{chunk[0].key}{more}"),
                    kind=TaskKind.READ,
                    role=f"reader {reader}",
                    goal=_goal(spec),
                    schema=schema,
                    prompt=READERS[reader - 1],
                    units=chunk,
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


_TEXT_LIST = Array(Text(500), max_items=20)
_PROPOSAL = Object(
    (
        Field("scope", Text(2_000, note="the job as you understand it")),
        Field("objections", _TEXT_LIST),
        Field("fatal", _TEXT_LIST),
        Field(
            "tasks",
            Array(
                Object(
                    (
                        Field("id", Text(60, pattern=r"[a-z0-9][a-z0-9-]*")),
                        Field("kind", Choice(("work", "aggregate"))),
                        Field("role", Text(120)),
                        Field("goal", Text(4_000)),
                        Field("needs", Array(Text(60), max_items=1_000)),
                        Field("tools", Array(Text(60), max_items=20)),
                        Field("steps", Integer(1, 200)),
                        Field("makes", Array(Text(200), max_items=50)),
                        Field(
                            "fields",
                            Array(
                                Object(
                                    (
                                        Field("name", Text(60)),
                                        Field("type", Choice(("text", "integer", "number", "boolean", "date"))),
                                        Field("note", Text(300)),
                                    )
                                ),
                                max_items=40,
                            ),
                        ),
                    )
                ),
                min_items=1,
                max_items=3_000,
            ),
        ),
    )
)


async def _decompose(
    spec: Spec, terrain: Terrain, think: Think
) -> tuple[tuple[Task, ...], str, tuple[str, ...], tuple[str, ...]]:
    """Ask the planner; validate; one repair turn with what is wrong."""
    notes: tuple[str, ...] = ()
    for attempt in (1, 2):
        proposal = object_of(await think(_planning_task(spec, terrain, attempt, notes)))
        tasks = tuple(_task(object_of(raw), spec) for raw in cast("list[Json]", proposal["tasks"]))
        notes = _wrong_with(tasks, spec, terrain)
        if not notes:
            return tasks, str(proposal["scope"]), _lines(proposal["objections"]), _lines(proposal["fatal"])
    raise PlanRefused("the planner's decomposition stays wrong after its repair turn: " + "; ".join(notes[:5]))


def _planning_task(spec: Spec, terrain: Terrain, attempt: int, notes: tuple[str, ...]) -> Task:
    outputs = "\n".join(
        f"- {output.file}" + (f" with columns {', '.join(c.name for c in output.columns)}" if output.columns else "")
        + (f" with sections {', '.join(output.sections)}" if output.sections else "")
        for output in spec.outputs
    )  # fmt: skip
    files = "\n".join(terrain.files[:200]) or "none"
    return Task(
        id=TaskId(f"plan-{attempt}"),
        kind=TaskKind.AGGREGATE,
        role="planner",
        goal=(
            f"{spec.prose}\n\nDeliverables:\n{outputs}\n\nFiles:\n{files}\n\n"
            f"Tools: {', '.join(terrain.tools) or 'none'}. At most {spec.budget.agents_total:,} tasks "
            f"and {spec.budget.steps:,} steps."
        ),
        schema=_PROPOSAL,
        prompt="decompose",
        steps=2,
        repairs=notes,
    )


def _task(raw: Mapping[str, Json], spec: Spec) -> Task:
    kind = TaskKind(str(raw["kind"]))
    makes = _lines(raw["makes"])
    fields = [object_of(field) for field in cast("list[Json]", raw["fields"])]
    columns = [Column(str(f["name"]), ColumnType(str(f["type"])), ask=str(f["note"])) for f in fields]
    outputs = tuple(output for output in spec.outputs if output.file in makes)
    schema = making_schema(outputs) if outputs else rows_schema(columns or [Column("finding", ColumnType.TEXT)])
    return Task(
        id=TaskId(str(raw["id"])),
        kind=kind,
        role=str(raw["role"]),
        goal=str(raw["goal"]),
        schema=schema,
        prompt="aggregate" if kind is TaskKind.AGGREGATE else "specialist",
        needs=tuple(TaskId(need) for need in _lines(raw["needs"])),
        tools=_lines(raw["tools"]),
        steps=int(cast("int", raw["steps"])),
        makes=makes,
    )


def rows_schema(columns: Sequence[Column]) -> Object:
    """Rows whose cells carry their source and quote."""
    cells = tuple(Field(column.name, sourced(value_schema(column))) for column in columns)
    return Object((Field("rows", Array(Object(cells), max_items=5_000)),))


def sourced(value: Schema) -> Object:
    """A leaf of an answer: the value, the file it is from, and the words that state it."""
    return Object(
        (
            Field("value", value),
            Field("source", Text(300, nullable=True, note="path of a file you read")),
            Field("quote", Text(1_000, nullable=True, note="copied word for word from the source")),
        )
    )


_DOCUMENT = Object(
    (
        Field(
            "sections",
            Array(
                Object(
                    (
                        Field("heading", Text(120)),
                        Field(
                            "paragraphs", Array(Array(sourced(Text(2_000, nullable=True)), max_items=40), max_items=40)
                        ),
                        Field("bullets", Array(sourced(Text(500, nullable=True)), max_items=60)),
                    )
                ),
                min_items=1,
                max_items=60,
            ),
        ),
    )
)
_CHARTS = Object(
    (
        Field(
            "charts",
            Array(
                Object(
                    (
                        Field("name", Text(60, pattern=r"[a-z0-9][a-z0-9_-]*")),
                        Field("kind", Choice(("bar", "line", "scatter"))),
                        Field("title", Text(120)),
                        Field("x_title", Text(60)),
                        Field("y_title", Text(60)),
                        Field(
                            "points", Array(Object((Field("x", Text(80)), Field("y", sourced(Number(nullable=True))))))
                        ),
                    )
                ),
                min_items=1,
                max_items=40,
            ),
        ),
    )
)


def making_schema(outputs: Sequence[Output]) -> Object:
    """What the maker of these files answers: one field a file."""

    def of(output: Output) -> Schema:
        match output.kind:
            case Kind.PNG | Kind.SVG:
                return _CHARTS
            case _ if output.columns:
                return rows_schema(output.columns)
            case _:
                return _DOCUMENT

    return Object(tuple(Field(output.file, of(output)) for output in outputs))


def _wrong_with(tasks: Sequence[Task], spec: Spec, terrain: Terrain) -> tuple[str, ...]:
    """What a proposal breaks, in words for the planner."""
    wrong: list[str] = []
    ids = [task.id for task in tasks]
    known = set(ids)
    wrong += [f"task id {name} stands twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    for task in tasks:
        wrong += [f"{task.id} needs {need}, which is no task" for need in task.needs if need not in known]
        wrong += [
            f"{task.id} asks for tool {tool}, which is not there" for tool in task.tools if tool not in terrain.tools
        ]
        if task.makes and task.kind is not TaskKind.AGGREGATE:
            wrong.append(f"{task.id} makes a deliverable but is not of kind aggregate")
    for output in spec.outputs:
        makers = [task.id for task in tasks if output.file in task.makes]
        if len(makers) != 1:
            wrong.append(f"{output.file} has {len(makers)} makers, needs exactly one ({', '.join(makers) or 'none'})")
    asked = {output.file for output in spec.outputs}
    wrong += [
        f"{task.id} makes {file}, which nobody ordered" for task in tasks for file in task.makes if file not in asked
    ]
    if not wrong:
        try:
            waves(tuple(tasks))
        except ValueError as caught:
            wrong.append(str(caught))
    if len(tasks) > spec.budget.agents_total:
        wrong.append(f"{len(tasks)} tasks, at most {spec.budget.agents_total}")
    steps = sum(task.steps for task in tasks)
    if steps > spec.budget.steps:
        wrong.append(f"{steps} steps, at most {spec.budget.steps}")
    return tuple(wrong)


def _lines(value: Json) -> tuple[str, ...]:
    return tuple(str(item) for item in cast("list[Json]", value))


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


def quote(spec: Spec, tasks: Sequence[Task], terrain: Terrain) -> Quote:
    """Agents, steps, tokens, money and minutes as median, 90th percentile and worst case."""
    worker = next((b for b in terrain.bindings if b.role == "worker"), terrain.bindings[0])
    steps = sum(_expected_steps(task) for task in tasks)
    critical = _critical(tasks)
    stages = waves(tuple(tasks))
    inputs = sum(_input_tokens(task, terrain) for task in tasks)
    outputs = steps * terrain.pace.output
    worst_steps = min(sum(task.steps for task in tasks), spec.budget.steps)
    worst_output = worst_steps * worker.output
    tokens = Range(
        inputs + outputs, round(1.3 * (inputs + outputs)), min(4 * inputs + worst_output, spec.budget.tokens)
    )
    p50 = cost(Usage(input=inputs, output=outputs), worker.price)
    worst = worst_case(input_bound=4 * inputs, output_bound=worst_output, price=worker.price)
    money = Range(p50, round(1.4 * p50), min(worst, spec.budget.nanos))
    at_once = max(1, min(spec.budget.agents, terrain.pace.at_once))
    rounds = sum(math.ceil(sum(_expected_steps(_by(tasks, name)) for name in stage) / at_once) for stage in stages)
    turns = max(rounds, critical)
    minutes = Range(turns * terrain.pace.p50 / 60, turns * terrain.pace.p90 / 60, spec.budget.minutes)
    alone = steps * terrain.pace.p50 / 60
    advice, reasons = _advice(spec, tasks, tokens.p50, alone, critical / max(steps, 1), terrain.bindings)
    return Quote(len(tasks), len(stages), steps, critical, tokens, money, minutes, advice, reasons)


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
