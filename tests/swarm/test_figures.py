"""The figures of a run: a trace counted by hand, and what holds for every trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.drafting.forecast import Order
from strop.swarm.figures import MAIN, Caching, Figures, Foreseen, Jobs, Steps, Trace, figures, foreseen
from strop.swarm.fold import fold
from strop.testing.world import ANSWER, World, WorldModel, random_plan
from strop.types.events import (
    AttemptEnded,
    AttemptStarted,
    Body,
    BudgetRaised,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    Event,
    PlanApproved,
    PlanExtended,
    PlanProposed,
    RunReopened,
    StopRequested,
)
from strop.types.money import Usage
from strop.types.trial import Result
from strop.types.work import Budget, Plan, Task, TaskId, TaskKind


def task(name: str, *needs: str, kind: TaskKind = TaskKind.WORK) -> Task:
    """A task by its name."""
    return Task(TaskId(name), kind, "worker", "goal", ANSWER, "specialist", needs=tuple(map(TaskId, needs)))


def plan(*tasks: Task, agents: int = 2) -> Plan:
    """A plan under a cap on agents."""
    like = random_plan(1)
    return replace(like, tasks=tasks, spec=replace(like.spec, budget=Budget(agents=agents)))


def trace(*facts: tuple[float, Body | Sequence[Body]]) -> tuple[Event, ...]:
    """Events from (moment, facts)."""
    flat = [(at, body) for at, held in facts for body in ((held,) if not isinstance(held, Sequence) else held)]
    return tuple(Event("r", seq, 1, at, body) for seq, (at, body) in enumerate(flat, 1))


def asked(name: str, *, step: int = 0, attempt: int = 1) -> CallIntended:
    """A call goes out."""
    return CallIntended(TaskId(name), attempt, step, 1, "", "", 0, 0)


def said(
    name: str, *, step: int = 0, attempt: int = 1, seconds: float = 1.0, new: int = 0, old: int = 0
) -> CallAnswered:
    """Its answer, with `new` and `old` (cached) prompt tokens."""
    usage = Usage(input=new, cached=old, output=7)
    return CallAnswered(TaskId(name), attempt, step, 1, "", "", (), "", "stop", usage, 0, seconds)


def began(name: str, attempt: int = 1) -> AttemptStarted:
    """An attempt starts."""
    return AttemptStarted(TaskId(name), attempt, "worker")


def ended(name: str, attempt: int = 1, *, failure: str = "", retry_at: float | None = None) -> AttemptEnded:
    """It ends."""
    return AttemptEnded(TaskId(name), attempt, Result(TaskId(name), failure=failure), retry_at)


GO = PlanApproved("", "test")
HALT = StopRequested("interrupted")

BY_HAND = trace(
    (0, asked("plan-1")),
    (4, [said("plan-1", seconds=4, new=50, old=0)]),
    (4, PlanProposed(plan(task("a"), task("b"), task("c", "a", "b", kind=TaskKind.AGGREGATE), task("d")))),
    (
        10,
        [GO, began("a"), began("b"), asked("a"), asked("b")],
    ),  # six seconds of a person are nobody's queue; d waits for an agent
    (12, [said("a", new=10, old=30)]),
    (13, [said("a", step=1, new=10, old=30), said("b")]),
    (14, CallFailed(TaskId("b"), 1, 1, 1, "429", 0.5)),
    (16, ended("a")),
    (17, began("d")),  # a second late
    (20, ended("b", failure="BadStream: cut", retry_at=22)),
    (21, [said("d"), said("d", step=1), said("d", step=2)]),
    (23, began("b", 2)),  # a second late
    (25, ended("d")),
    (26, said("b", attempt=2)),
    (27, [ended("b", 2), began("c")]),
    (29, said("c", new=5, old=15)),
    (30, [ended("c"), asked("refute/x"), asked("refute/y")]),
    (31, said("refute/x")),
    (32, said("refute/y")),
    (32, [PlanExtended((task("e"),), "findings"), began("e")]),
    (33, [said("e"), said("e", step=1)]),
    (34, ended("e", failure="BadStream: again")),
    (35, HALT),
)


def test_a_trace_counted_by_hand() -> None:
    """Planner, two waves, a retry, a gate of two calls at once, a repair that fails: all as counted on paper."""
    counted = figures(BY_HAND)
    assert counted == Figures(
        main=3,
        sub=10,  # a 2, b 1 + 1, c 1, d 3, e 2
        critical=8,  # planner 1, first wave 3 (d), second 1 (c), gate 1, repair 2
        started=5,
        landed=4,
        most=2,
        seconds=35.0,
        working_seconds=22.0,  # 10 to 30 and 32 to 34
        agent_seconds=33.0,  # a 6, b 10 + 4, c 3, d 8, e 2
        call_seconds=16.5,  # planner 4, twelve of one second, and the one that failed
        queue_seconds=8.0,  # d from 10 to 17, b from 22 to 23
        idle_seconds=2.0,  # d from 16 to 17, b from 22 to 23
        caching=(Caching(MAIN, 50, 0), Caching(1, 80, 60), Caching(2, 20, 15)),
        with_agents=(Foreseen(1, 33.0, 1.0), Foreseen(2, 19.0, 33 / 19)),  # a d | b, then c, then e
    )
    assert fold(BY_HAND).ledger.tally(seconds=35.0).critical_steps == counted.critical
    assert (counted.total, counted.parallelism, counted.finish_rate) == (13, 13 / 8, 0.8)
    assert [one.share for one in counted.caching] == [0.0, 0.75, 0.75]


def test_nothing_yet_is_no_fault() -> None:
    """A journal without a plan, or without events, has figures too."""
    for events in ((), trace((0, asked("plan-1")))):
        counted = figures(events)
        assert (counted.total, counted.parallelism, counted.finish_rate) == (0, 1.0, 0.0)
        assert counted.with_agents == ()


MAINS: dict[str, tuple[list[Body], int]] = {
    "one after another": ([asked("p"), said("p"), asked("q"), said("q")], 2),
    "steps of one task": ([asked("p"), said("p"), asked("p", step=1), said("p", step=1)], 2),
    "side by side": ([asked("p"), asked("q"), said("p"), said("q")], 1),
    "overlapping in a row": ([asked("p"), asked("q"), said("p"), asked("s"), said("q"), said("s")], 1),
    "side by side, one with two steps": (
        [asked("p"), asked("q"), said("p"), asked("p", step=1), said("q"), said("p", step=1)],
        2,
    ),
    "one that failed is open no more": (
        [asked("p"), CallFailed(TaskId("p"), 1, 0, 1, "", 0.0), asked("q"), said("q"), asked("s"), said("s")],
        2,
    ),
    "nor is one that was lost": (
        [asked("p"), CallLost(TaskId("p"), 1, 0, 1, "", 0, 0), asked("q"), said("q"), asked("s"), said("s")],
        2,
    ),
    "nor what a process left behind": (
        [asked("p"), RunReopened(0.0), asked("q"), said("q"), asked("s"), said("s")],
        2,
    ),
    "steps of an earlier group are not its own": (
        [
            *(asked("p"), said("p")),
            *(asked("p", step=1), asked("q"), asked("s"), said("p", step=1)),
            *(said("q"), asked("q", step=1), said("s"), said("q", step=1)),
        ],
        3,
    ),
    "calls of the plan's agents join none": (
        [PlanProposed(plan(task("a"))), asked("a"), asked("p"), said("p"), asked("q"), said("q")],
        2,
    ),
    "answered without a question on record": ([said("p"), said("q")], 2),
}


@pytest.mark.parametrize(("facts", "critical"), MAINS.values(), ids=MAINS)
def test_main_calls_that_overlap_are_one_stage(facts: list[Body], critical: int) -> None:
    """Planner and verifier count singly, a refuting model's parallel calls by their longest task."""
    counted = figures(trace((0, facts)))
    assert counted.critical == critical
    assert counted.main == sum(isinstance(fact, CallAnswered) for fact in facts)


WAITS: dict[str, tuple[tuple[Event, ...], float, float]] = {
    "a cap is queue and not idle": (
        trace(
            (0, [PlanProposed(plan(task("a"), task("b"), agents=1)), GO, began("a")]), (5, ended("a")), (5, began("b"))
        ),
        5.0,
        0.0,
    ),
    "after a stop nothing waits": (
        trace((0, [PlanProposed(plan(task("a"), task("b"))), GO, began("a"), HALT]), (9, ended("a"))),
        0.0,
        0.0,
    ),
    "a raised cap lets it wait again": (
        trace((0, [PlanProposed(plan(task("a"))), GO, HALT]), (4, BudgetRaised(1, 1, 1, 1.0)), (6, began("a"))),
        2.0,
        2.0,
    ),
    "unapproved, nothing waits": (
        trace((0, PlanProposed(plan(task("a")))), (7, RunReopened(7.0)), (8, GO), (9, began("a"))),
        1.0,
        1.0,
    ),
    "what a process left running waits to be taken up": (
        trace((0, [PlanProposed(plan(task("a"))), GO, began("a")]), (3, RunReopened(3.0)), (5, began("a"))),
        2.0,
        2.0,
    ),
    "a task whose need failed never waits": (
        trace(
            (0, [PlanProposed(plan(task("a"), task("b", "a"))), GO, began("a")]), (1, ended("a", failure="x")), (9, GO)
        ),
        0.0,
        0.0,
    ),
    "an aggregate waits in spite of it": (
        trace(
            (0, [PlanProposed(plan(task("a"), task("b", "a", kind=TaskKind.AGGREGATE))), GO, began("a")]),
            (1, ended("a", failure="x")),
            (4, began("b")),
        ),
        3.0,
        3.0,
    ),
    "a repair of what failed before never waits": (
        trace(
            (0, [PlanProposed(plan(task("a"))), GO, began("a")]),
            (1, [ended("a", failure="x"), PlanExtended((task("b", "a"),), "")]),
            (5, GO),
        ),
        0.0,
        0.0,
    ),
    "more slots than tasks are not idle": (
        trace((0, [PlanProposed(plan(task("a"), agents=9)), GO]), (2, began("a")), (8, ended("a"))),
        2.0,
        2.0,
    ),
    "nor is one that was cut short": (
        trace(
            (0, [PlanProposed(plan(task("a"))), GO, began("a")]),
            (1, ended("a", failure="x", retry_at=6)),
            (4, began("a", 2)),
            (8, ended("a", 2)),
        ),
        0.0,
        0.0,
    ),
    "a pause is no wait": (
        trace(
            (0, [PlanProposed(plan(task("a"))), GO, began("a")]),
            (1, ended("a", failure="x", retry_at=6)),
            (8, began("a", 2)),
        ),
        2.0,
        2.0,
    ),
}


@pytest.mark.parametrize(("events", "queue", "idle"), WAITS.values(), ids=WAITS)
def test_waiting_is_counted_where_something_could_have_run(
    events: tuple[Event, ...], queue: float, idle: float
) -> None:
    """Queue from the moment a task may start, idle for the part of it with a free slot."""
    counted = figures(events)
    assert (counted.queue_seconds, counted.idle_seconds) == (queue, idle)


def test_an_attempt_that_died_with_its_process_counts_for_both_its_lives() -> None:
    """A task's duration is the time it held an agent, not the time between."""
    events = trace(
        (0, [PlanProposed(plan(task("a"))), GO, began("a")]),
        (3, RunReopened(3.0)),
        (5, began("a")),
        (6, ended("a")),
    )
    assert figures(events).agent_seconds == 4.0
    at_work = figures((*events[:-1], Event("r", 9, 1, 7, said("a"))))
    assert (at_work.agent_seconds, at_work.working_seconds) == (5.0, 5.0)


def test_asking_for_figures_changes_nothing() -> None:
    """They may be read while the run goes on."""
    asked_often = Trace()
    for event in BY_HAND:
        asked_often.apply(event)
        asked_often.figures()
    assert asked_often.figures() == figures(BY_HAND)


@given(seed=st.integers(0, 10_000), crash_at=st.none() | st.integers(1, 80))
def test_of_any_run(seed: int, crash_at: int | None) -> None:
    """Over random plans with faults, a crash and a resume: the bounds hold, and the steps are the ledger's."""
    world = World(seed, random_plan(seed, most=12), WorldModel(seed))
    if world.live(crash_at=crash_at) is None:
        world.live()
    events = world.journal.read()
    counted, state = figures(events), fold(events)
    cap = world.plan.spec.budget.agents
    assert counted.total == state.ledger.steps
    assert counted.critical <= counted.total
    assert counted.critical == state.run().tally.critical_steps
    assert counted.parallelism >= 1.0
    assert counted.landed == len(state.run().landed)
    assert counted.landed <= counted.started <= len(world.plan.tasks)
    assert counted.most <= min(cap, counted.started)
    assert 0.0 <= counted.idle_seconds <= counted.queue_seconds + 1e-9
    assert counted.working_seconds <= counted.seconds + 1e-9
    assert counted.agent_seconds <= counted.working_seconds * counted.most + 1e-6
    assert counted.with_agents[0].seconds == pytest.approx(counted.agent_seconds)
    assert counted.with_agents[-1].agents == min(cap, counted.started)
    assert all(more.seconds <= fewer.seconds for fewer, more in pairwise(counted.with_agents))


Row = tuple[float, tuple[int, ...]]
"""Seconds of a job, and the places of those it needs."""


def jobs_of(*rows: Row) -> Jobs:
    """Jobs in a row."""
    return Jobs(tuple(seconds for seconds, _ in rows), Order.of([needs for _, needs in rows]))


@st.composite
def chained(draw: st.DrawFn) -> tuple[Row, ...]:
    """Jobs that need earlier ones."""
    seconds = draw(st.lists(st.floats(0, 1e3, allow_nan=False), max_size=12))
    needs = (
        tuple(sorted(draw(st.sets(st.integers(0, place - 1), max_size=3)))) if place else ()
        for place in range(len(seconds))
    )
    return tuple(zip(seconds, needs, strict=True))


@given(rows=chained(), most=st.integers(1, 20))
def test_more_agents_never_take_longer(rows: tuple[Row, ...], most: int) -> None:
    """One agent takes the sum; more take no longer, not less than the longest chain, nor than an equal share."""
    jobs = jobs_of(*rows)
    table = foreseen([jobs], most=most)
    alone = sum(jobs.seconds)
    chains: list[float] = []
    for seconds, needs in rows:
        chains.append(seconds + max((chains[need] for need in needs), default=0.0))
    assert [one.agents for one in table] == [*dict.fromkeys(min(2**power, most) for power in range(6))]
    assert table[0].seconds == alone
    assert jobs.listed(1) == pytest.approx(alone)
    assert all(more.seconds <= fewer.seconds for fewer, more in pairwise(table))
    for one in table:
        assert one.seconds >= max(max(chains, default=0.0), alone / one.agents) - 1e-6
        assert one.seconds * one.speedup == pytest.approx(alone)


NONE: tuple[int, ...] = ()
GRAHAM = jobs_of(
    (3, NONE), (2, NONE), (2, NONE), (2, NONE), (4, (3,)), (4, (3,)), (4, (3,)), (4, (3,)), (9, (0,)),
)  # fmt: skip
EIGHT = jobs_of((3, NONE), (3, (0,)), (2, NONE), (2, NONE), (5, (0,)), (5, (2, 4)), (3, NONE), (5, (2, 3)))


@pytest.mark.parametrize(
    ("jobs", "listed", "told"),
    [(GRAHAM, {1: 34, 2: 17, 3: 12, 4: 15}, {1: 34, 2: 17, 4: 15}), (EIGHT, {2: 14, 3: 15}, {1: 28, 2: 14, 3: 14})],
)
def test_list_scheduling_alone_may_take_longer_with_more(
    jobs: Jobs, listed: dict[int, int], told: dict[int, int]
) -> None:
    """Graham's nine jobs end at 12 with three agents and at 15 with four; what is told is the least so far."""
    assert {agents: jobs.listed(agents) for agents in listed} == listed
    assert {one.agents: one.seconds for one in foreseen([jobs], most=max(listed))} == told


def test_needs_are_kept() -> None:
    """A chain takes as long with two agents as with one."""
    events = trace(
        (0, [PlanProposed(plan(task("a"), task("b", "a"))), GO, began("a")]),
        (5, [ended("a"), began("b")]),
        (7, ended("b")),
    )
    assert figures(events).with_agents == (Foreseen(1, 7.0, 1.0), Foreseen(2, 7.0, 1.0))


def test_rounds_follow_one_another() -> None:
    """Repairs begin when all before them has ended."""
    first, second = jobs_of((5, NONE), (1, NONE)), jobs_of((2, NONE), (2, NONE))
    assert [one.seconds for one in foreseen([first, second], most=4)] == [10.0, 7.0, 7.0]


def test_a_cap_can_see_which_step_is_critical() -> None:
    """Only a step of a stage's longest task lengthens the run; a repair opens a stage of its own."""
    steps = Steps()
    assert steps.extend([task("a"), task("b"), task("c", "a")]) == 2
    names = [TaskId(name) for name in "abc"]
    assert [steps.lengthens(name) for name in names] == [True, True, True]
    steps.answer(said("a"))
    assert [steps.lengthens(name) for name in names] == [True, False, True]
    steps.answer(said("b"))
    assert (steps.critical, [steps.lengthens(name) for name in names]) == (1, [True, True, True])
    assert steps.extend([task("d", "a")]) == 1
    steps.answer(said("d"))
    assert (steps.critical, steps.planned(TaskId("d")), steps.planned(TaskId("plan-1"))) == (2, True, False)
