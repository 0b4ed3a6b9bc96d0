"""Which task starts when, in a plan of any shape, and what deciding costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strop.swarm.schedule import Block, Command, Finish, Phase, Schedule, Start, Wake
from strop.testing.world import ANSWER, random_plan
from strop.types.events import (
    Answered,
    Asked,
    AttemptEnded,
    AttemptStarted,
    BudgetRaised,
    PlanExtended,
    PlanProposed,
    RunReopened,
)
from strop.types.trial import Result
from strop.types.work import Budget, Task, TaskId, TaskKind


def task(name: str, *needs: str, kind: TaskKind = TaskKind.WORK) -> Task:
    return Task(TaskId(name), kind, "worker", "", ANSWER, "specialist", needs=tuple(TaskId(n) for n in needs))


def planned(*tasks: Task, agents: int = 10, total: int = 100) -> Schedule:
    schedule = Schedule()
    plan = random_plan(0, budget=Budget(agents=agents, agents_total=total))
    schedule.apply(PlanProposed(replace(plan, tasks=tasks)))
    return schedule


def start(schedule: Schedule, *names: str, attempt: int = 1) -> None:
    for name in names:
        schedule.apply(AttemptStarted(TaskId(name), attempt, "worker"))


def end(schedule: Schedule, name: str, *, failure: str = "", retry_at: float | None = None, attempt: int = 1) -> None:
    result = Result(TaskId(name), output="" if failure else "{}", failure=failure)
    schedule.apply(AttemptEnded(TaskId(name), attempt, result, retry_at))


def said(commands: tuple[Command, ...]) -> list[str]:
    words: list[str] = []
    for command in commands:
        match command:
            case Start(one, attempt):
                words.append(f"start {one.id} {attempt}")
            case Block(one, reason):
                words.append(f"block {one.id}: {reason}")
            case Wake(at):
                words.append(f"wake {at:g}")
            case Finish():
                words.append("finish")
    return words


def test_caps_on_agents_are_raised_while_the_run_goes_on() -> None:
    """More at once, and more in all, from the next decision on; a fact that names no such cap leaves them."""
    schedule = planned(task("a"), task("b"), task("c"), agents=1, total=2)
    start(schedule, "a")
    assert schedule.decide(0) == ()
    schedule.apply(BudgetRaised(1, 1, 1, 1.0, agents=3))
    assert said(schedule.decide(0))[:1] == ["start b 1"]
    assert "all agents of the budget were used: 2" in said(schedule.decide(0))[1]
    schedule.apply(BudgetRaised(1, 1, 1, 1.0, agents_total=3))
    assert said(schedule.decide(0)) == ["start b 1", "start c 1"]


def test_a_task_starts_the_moment_its_needs_have_settled() -> None:
    """A wave is a view: `c` starts while `b` of the wave before still runs."""
    schedule = planned(task("a"), task("b"), task("c", "a"), task("d", "a", "b"))
    assert said(schedule.decide(0)) == ["start a 1", "start b 1"]
    assert schedule.decide(0) == schedule.decide(0), "deciding changes nothing"
    start(schedule, "a", "b")
    assert schedule.decide(0) == ()
    end(schedule, "a")
    assert said(schedule.decide(0)) == ["start c 1"]
    start(schedule, "c")
    end(schedule, "b")
    assert said(schedule.decide(0)) == ["start d 1"]


def test_a_failed_need_blocks_work_at_once_and_an_aggregate_only_alone() -> None:
    """A specialist is told which need failed; whoever puts together takes what there is."""
    schedule = planned(
        task("a"), task("b"), task("c", "a", "b"), task("sum", "a", "b", kind=TaskKind.AGGREGATE),
        task("end", "c", kind=TaskKind.AGGREGATE),
    )  # fmt: skip
    start(schedule, "a", "b")
    end(schedule, "a", failure="broken")
    assert said(schedule.decide(0)) == ["block c: needs a, which failed"]
    end(schedule, "c", failure="Blocked: needs a, which failed")
    assert said(schedule.decide(0)) == ["block end: everything it needs failed"]
    end(schedule, "end", failure="Blocked")
    end(schedule, "b")
    assert said(schedule.decide(0)) == ["start sum 1"]


def test_rest_and_caps() -> None:
    """A failed attempt rests; agents at once and in all are kept."""
    schedule = planned(task("a"), task("b"), task("c"), agents=2, total=3)
    assert said(schedule.decide(0)) == ["start a 1", "start b 1"]
    start(schedule, "a", "b")
    end(schedule, "a", failure="broken", retry_at=5.0)
    assert said(schedule.decide(1)) == ["start c 1"]
    start(schedule, "c")
    end(schedule, "b")
    end(schedule, "c")
    assert said(schedule.decide(1)) == ["wake 5"]
    assert said(schedule.decide(5)) == ["block a: all agents of the budget were used: 3"]


def test_a_paused_agent_holds_no_place_and_goes_on_as_the_same_attempt() -> None:
    """With only questions left the schedule is over; an answer brings the task back, also in a later life."""
    schedule = planned(task("a"), task("b"), agents=1)
    start(schedule, "a")
    schedule.apply(Asked("q", TaskId("a"), 1, "outlier", "dear", ("go on", "end it")))
    assert schedule.phase(TaskId("a")) is Phase.ASKING
    assert said(schedule.decide(0)) == ["start b 1"]
    start(schedule, "b")
    end(schedule, "b")
    assert said(schedule.decide(0)) == ["finish"]
    schedule.apply(RunReopened(1.0))
    assert said(schedule.decide(1)) == ["finish"]
    schedule.apply(Answered("q", "go on", "tester"))
    assert said(schedule.decide(1)) == ["start a 1"]
    assert schedule.started == 2
    start(schedule, "a")
    assert schedule.started == 2, "the same attempt again is no further agent"


def test_an_extension_counts_what_has_settled_already() -> None:
    """Repairs may need tasks that have long landed or failed."""
    schedule = planned(task("a"), task("b"))
    start(schedule, "a", "b")
    end(schedule, "a")
    end(schedule, "b", failure="broken")
    schedule.apply(PlanExtended((task("c", "a"), task("d", "b"), task("e", "a", "c")), "findings"))
    assert said(schedule.decide(0)) == ["block d: needs b, which failed", "start c 1"]


class Counting(dict[TaskId, object]):
    """Counts how often a place is looked up."""

    looked = 0

    def __getitem__(self, name: TaskId) -> object:
        Counting.looked += 1
        return super().__getitem__(name)


@pytest.mark.parametrize("size", [200, 800])
def test_deciding_is_linear_in_the_edges(size: int) -> None:
    """A fan-in of many under a small cap: look-ups grow with tasks and edges, not with their product."""
    ids = [f"t{number}" for number in range(size)]
    schedule = planned(
        *(task(name) for name in ids), task("sum", *ids, kind=TaskKind.AGGREGATE), agents=4, total=10_000
    )
    schedule._places = Counting(schedule._places)  # type: ignore[assignment]  # counts, and is a dict of places
    Counting.looked = 0
    while starts := [command for command in schedule.decide(0) if isinstance(command, Start)]:
        for each in starts:
            start(schedule, each.task.id)
        for each in starts:
            end(schedule, each.task.id)
    assert schedule.counts[Phase.LANDED] == size + 1
    assert Counting.looked < 20 * size
