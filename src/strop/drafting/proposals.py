"""A planner's proposal: its schema, the tasks it stands for, and what is wrong with it, in words for the planner.

Pure. What a planner proposes is validated here and in `loop/plan`, never trusted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import cast

from strop.drafting.answers import answer_keys, making_schema, rows_schema
from strop.types.count import counted
from strop.types.schema import Array, Choice, Field, Integer, Json, Object, Schema, Text, object_of
from strop.types.work import Column, ColumnType, Spec, Task, TaskId, TaskKind, waves

MOST_TOLD = 20
"""Faults that a planner is told in its repair turn."""
_LINES = Array(Text(500), max_items=20)
_FIELD = Object(
    (
        Field("name", Text(60, pattern=r"[A-Za-z][A-Za-z0-9_]*")),
        Field("type", Choice(("text", "integer", "number", "boolean", "date"))),
        Field("note", Text(300)),
    )
)
_TASK = Object(
    (
        Field("id", Text(60, pattern=r"[a-z0-9][a-z0-9-]*")),
        Field("kind", Choice(("work", "aggregate"))),
        Field("role", Text(120)),
        Field("goal", Text(4_000)),
        Field("needs", Array(Text(60), max_items=10_000)),
        Field("tools", Array(Text(60), max_items=20)),
        Field("steps", Integer(1, 200)),
        Field("makes", Array(Text(200), max_items=50)),
        Field("fields", Array(_FIELD, max_items=40)),
    )
)
PROPOSAL = Object(
    (
        Field("scope", Text(2_000, note="the job as you understand it")),
        Field("objections", _LINES),
        Field("fatal", _LINES),
        Field("tasks", Array(_TASK, min_items=1, max_items=10_000)),
    )
)


def proposed(proposal: Mapping[str, Json], spec: Spec) -> tuple[Task, ...]:
    """The tasks of a proposal that fits its schema. Equal schemas are one object: hundreds of agents share theirs."""
    made = (_task(object_of(raw), spec) for raw in cast("list[Json]", proposal["tasks"]))
    schemas: dict[Schema, Schema] = {}
    return tuple(replace(task, schema=schemas.setdefault(task.schema, task.schema)) for task in made)


def _task(raw: Mapping[str, Json], spec: Spec) -> Task:
    kind = TaskKind(str(raw["kind"]))
    makes = lines(raw["makes"])
    fields = [object_of(field) for field in cast("list[Json]", raw["fields"])]
    columns = [Column(str(f["name"]), ColumnType(str(f["type"])), ask=str(f["note"])) for f in fields]
    outputs = tuple(output for output in spec.made if output.file in makes)
    found = [Column("finding", ColumnType.TEXT)]
    return Task(
        id=TaskId(str(raw["id"])),
        kind=kind,
        role=str(raw["role"]),
        goal=str(raw["goal"]),
        schema=making_schema(outputs, keys=answer_keys(spec.outputs)) if outputs else rows_schema(columns or found),
        prompt="aggregate" if kind is TaskKind.AGGREGATE else "specialist",
        needs=tuple(dict.fromkeys(TaskId(need) for need in lines(raw["needs"]))),
        tools=tuple(dict.fromkeys(lines(raw["tools"]))),
        steps=int(cast("int", raw["steps"])),
        makes=tuple(dict.fromkeys(makes)),
    )


def wrong_with(tasks: Sequence[Task], spec: Spec, *, tools: Collection[str]) -> tuple[str, ...]:
    """What a proposal breaks; the first `MOST_TOLD` of it, and how much more there is."""
    wrong = [*_badly_tied(tasks, tools), *_badly_made(tasks, spec)]
    if not wrong:
        try:
            waves(tuple(tasks))
        except ValueError as caught:
            wrong.append(str(caught))
    if len(tasks) > spec.budget.agents_total:
        wrong.append(f"{counted(len(tasks), 'task')}, at most {spec.budget.agents_total:,} in all")
    steps = sum(task.steps for task in tasks)
    if steps > spec.budget.steps:
        wrong.append(f"{counted(steps, 'step')}, at most {spec.budget.steps:,}")
    more = len(wrong) - MOST_TOLD
    return (*wrong[:MOST_TOLD], f"and {more:,} more of the kind") if more > 0 else tuple(wrong)


def _badly_tied(tasks: Sequence[Task], tools: Collection[str]) -> list[str]:
    known = Counter(task.id for task in tasks)
    needed = {need for task in tasks for need in task.needs}
    wrong = [f"task id {name} stands twice" for name in sorted(name for name, times in known.items() if times > 1)]
    for task in tasks:
        wrong += [f"{task.id} needs {need}, which is no task" for need in task.needs if need not in known]
        wrong += [f"{task.id} asks for tool {tool}, which is not there" for tool in task.tools if tool not in tools]
        if not task.makes and task.id not in needed:
            wrong.append(f"{task.id} makes no deliverable and no task needs it")
    return wrong


def _badly_made(tasks: Sequence[Task], spec: Spec) -> list[str]:
    wrong = [
        f"{task.id} makes a deliverable but is not of kind aggregate"
        for task in tasks
        if task.makes and task.kind is not TaskKind.AGGREGATE
    ]
    for output in spec.made:
        makers = [task.id for task in tasks if output.file in task.makes]
        if len(makers) != 1:
            wrong.append(
                f"{output.file} has {counted(len(makers), 'maker')}, needs exactly one ({', '.join(makers) or 'none'})"
            )
    asked = {output.file for output in spec.made}
    return wrong + [
        f"{task.id} makes {file}, which nobody ordered" for task in tasks for file in task.makes if file not in asked
    ]


def lines(value: Json) -> tuple[str, ...]:
    """A list of texts that validation has already vouched for."""
    return tuple(str(item) for item in cast("list[Json]", value))
