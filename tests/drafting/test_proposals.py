"""What a planner proposes is believed only where it holds together: each fault is told to it in words."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from strop.drafting.proposals import MOST_TOLD, PROPOSAL, proposed, wrong_with
from strop.loop.specify import specify
from strop.types.schema import Json, object_of, validate
from strop.types.work import Budget, TaskId

SPEC = specify(
    b"---\ndeliver: [{file: a.csv, columns: {n: text}}, {file: b.pdf}]\n"
    b"budget: {agents_total: 5, steps: 60}\n---\n# T\nProse.\n"
)


def task(name: str, *needs: str, makes: str = "", kind: str = "", steps: int = 10, tools: str = "") -> Json:
    needed, called, made = (cast("list[Json]", list(each)) for each in (needs, tools.split(), makes.split()))
    return {
        "id": name, "kind": kind or ("aggregate" if makes else "work"), "role": "r", "goal": "g",
        "needs": needed, "tools": called, "steps": steps, "makes": made, "fields": [],
    }  # fmt: skip


FIND, TABLE, REPORT = task("find"), task("table", "find", makes="a.csv"), task("report", "table", makes="b.pdf")
FAULTS: dict[str, tuple[list[Json], list[str]]] = {
    "sound": ([FIND, TABLE, REPORT], []),
    "a cycle of two": (
        [task("x", "y"), task("y", "x"), task("table", "x", makes="a.csv"), REPORT],
        ["these tasks wait for each other or for nothing: report, table, x, y"],
    ),
    "a cycle apart from all else": (
        [FIND, TABLE, REPORT, task("x", "y"), task("y", "x")],
        ["these tasks wait for each other or for nothing: x, y"],
    ),
    "a task that waits for itself": (
        [task("find", "find"), TABLE, REPORT],
        ["these tasks wait for each other or for nothing: find, report, table"],
    ),
    "an orphan": ([FIND, TABLE, REPORT, task("idle")], ["idle makes no deliverable and no task needs it"]),
    "a chain of orphans": (
        [FIND, TABLE, REPORT, task("idle"), task("idler", "idle")],
        ["idler makes no deliverable and no task needs it"],
    ),
    "a need that is no task": (
        [FIND, task("table", "find", "gone", makes="a.csv"), REPORT],
        ["table needs gone, which is no task"],
    ),
    "one id twice": ([FIND, FIND, TABLE, REPORT], ["task id find stands twice"]),
    "more agents than approved": (
        [FIND, task("f2"), task("f3"), task("f4"), task("table", "find", "f2", "f3", "f4", makes="a.csv"), REPORT],
        ["6 tasks, at most 5 in all"],
    ),
    "more steps than approved": ([task("find", steps=41), TABLE, REPORT], ["61 steps, at most 60"]),
    "as many steps as approved": ([task("find", steps=40), TABLE, REPORT], []),
    "two makers of one file": (
        [FIND, TABLE, REPORT, task("again", "find", makes="a.csv")],
        ["a.csv has 2 makers, needs exactly one (table, again)"],
    ),
    "no maker": ([FIND, TABLE, task("idle", "table")], [
        "idle makes no deliverable and no task needs it",
        "b.pdf has 0 makers, needs exactly one (none)",
    ]),
    "one file in other letters": (
        [FIND, TABLE, task("report", "table", makes="b.pdf A.csv")],
        ["report makes A.csv, which nobody ordered"],
    ),
    "a file outside": (
        [FIND, TABLE, task("report", "table", makes="b.pdf ../x.pdf")],
        ["report makes ../x.pdf, which nobody ordered"],
    ),
    "a maker of another kind": (
        [FIND, task("table", "find", makes="a.csv", kind="work"), REPORT],
        ["table makes a deliverable but is not of kind aggregate"],
    ),
    "an unknown tool": (
        [task("find", tools="search shell"), TABLE, REPORT],
        ["find asks for tool shell, which is not there"],
    ),
}  # fmt: skip


def faults(tasks: list[Json], budget: Budget = SPEC.budget) -> tuple[str, ...]:
    """Through the schema, as a planner's answer comes."""
    proposal: Json = {"scope": "s", "objections": [], "fatal": [], "tasks": tasks}
    assert validate(PROPOSAL, proposal) == ()
    spec = replace(SPEC, budget=budget)
    return wrong_with(proposed(object_of(proposal), spec), spec, tools=("search",))


@pytest.mark.parametrize("name", FAULTS)
def test_a_plan_that_does_not_hold_together_is_told_why(name: str) -> None:
    """Cycles, orphans, unknown needs, more than was approved, two writers of one file; a sound one passes."""
    tasks, told = FAULTS[name]
    assert faults(tasks) == tuple(told)


def test_a_thousand_faults_are_not_a_thousand_lines() -> None:
    """The planner is told the first ones and the rest's number, so that its repair turn fits its window."""
    budget = replace(SPEC.budget, agents_total=3_000, steps=100_000)
    told = faults([FIND, TABLE, REPORT, *(task(f"idle-{n}") for n in range(2_000))], budget)
    assert len(told) == MOST_TOLD + 1
    assert told[-1] == "and 1,980 more of the kind"


def test_equal_needs_and_files_count_once() -> None:
    """A planner that repeats itself breaks nothing."""
    (made,) = proposed({"tasks": [task("t", "a", "a", makes="a.csv a.csv")]}, SPEC)
    assert (made.needs, made.makes) == ((TaskId("a"),), ("a.csv",))
