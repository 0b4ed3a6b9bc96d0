"""The supervisor on a virtual clock: a broken journal, a stop, a worker that breaks, and what stands after each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest

from strop.errors import JournalFault, QuotaExhausted
from strop.seams import Assignment, Desk
from strop.swarm.fold import RunFold
from strop.swarm.supervise import STRIKES, Supervisor
from strop.testing.simulator import LoopClock, MemoryJournal, SeededChance, simulate
from strop.testing.world import random_plan
from strop.types.events import (
    AttemptEnded,
    AttemptStarted,
    Body,
    Event,
    PlanApproved,
    PlanProposed,
    RunOpened,
    StopRequested,
)
from strop.types.trial import Result
from strop.types.work import Budget

DRAWN = random_plan(4, most=12, budget=Budget(agents=4))
PLAN = replace(DRAWN, tasks=tuple(replace(task, needs=()) for task in DRAWN.tasks))
"""Tasks that need nothing of each other: four start at once."""
Work = Callable[[Assignment], Coroutine[Any, Any, Result]]


class Hand:
    """A worker that does what a function says."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        return await self._work(assignment)


class Brittle(MemoryJournal):
    """A journal that cannot write one kind of fact."""

    breaks_at: type | None = None

    async def append(self, bodies: Sequence[Body], *, at: float) -> tuple[Event, ...]:
        if self.breaks_at and any(isinstance(body, self.breaks_at) for body in bodies):
            raise JournalFault("the disk is full")
        return await super().append(bodies, at=at)


def carried_out(
    work: Work, *, journal: MemoryJournal | None = None, then: Callable[[Supervisor], object] = lambda desk: None
) -> RunFold:
    """The state after the plan was carried out by such a worker."""

    async def main() -> RunFold:
        desk = Supervisor(journal or MemoryJournal(), RunFold(), Hand(work), LoopClock(), SeededChance(1))
        opened = RunOpened("sim", "", "0", PLAN.spec.budget)
        await desk.record(opened, PlanProposed(PLAN), PlanApproved("", "test"))
        then(desk)
        await desk.carry_out(deadline=1e6)
        return desk.state

    return simulate(main(), seed=1)


async def lands(assignment: Assignment) -> Result:
    """A minute's work that succeeds."""
    await asyncio.sleep(60)
    return Result(assignment.task.id, output="{}")


@pytest.mark.parametrize("kind", [AttemptStarted, AttemptEnded, StopRequested])
def test_a_broken_journal_ends_the_run_with_its_own_fault(kind: type) -> None:
    """Whoever meets the full disk first, the caller hears of it as JournalFault, and of nothing else."""
    journal = Brittle()
    journal.breaks_at = kind

    def interrupted(desk: Supervisor) -> None:
        if kind is StopRequested:
            desk.ask_to_stop("interrupted", "Ctrl-C")

    with pytest.raises(JournalFault, match="the disk is full"):
        carried_out(lands, journal=journal, then=interrupted)


def test_a_worker_that_breaks_is_data() -> None:
    """Whatever a worker raises becomes its failure after its tries; the others land."""
    broken = PLAN.tasks[0].id
    tries: list[int] = []

    async def work(assignment: Assignment) -> Result:
        if assignment.task.id == broken:
            tries.append(assignment.attempt)
            raise ZeroDivisionError("a fault of the worker")
        return await lands(assignment)

    run = carried_out(work).run()

    assert {result.task: result.failure for result in run.results}[broken] == "ZeroDivisionError: a fault of the worker"
    assert tries == list(range(1, STRIKES + 1))
    assert run.missing == (broken,)
    assert len(run.landed) == len(PLAN.tasks) - 1 > 0


def test_a_second_attempt_knows_how_the_first_failed() -> None:
    """The task is given out again with what its first holder left."""
    notes: list[tuple[str, ...]] = []

    async def work(assignment: Assignment) -> Result:
        if assignment.task.id != PLAN.tasks[0].id:
            return await lands(assignment)
        notes.append(assignment.notes)
        return Result(assignment.task.id, failure="" if assignment.notes else "Tired: no coffee", output="{}")

    run = carried_out(work).run()

    assert notes == [(), ("Tired: no coffee",)]
    assert not run.missing


def test_a_stop_lets_calls_in_flight_land_for_ten_seconds() -> None:
    """After a stop nothing new starts; who is done within ten seconds has landed, the rest is missing."""

    async def work(assignment: Assignment) -> Result:
        await asyncio.sleep(9 if assignment.task.id == PLAN.tasks[0].id else 11)
        return Result(assignment.task.id, output="{}")

    state = carried_out(
        work, then=lambda desk: asyncio.get_running_loop().call_later(0, desk.ask_to_stop, "quota", "q")
    )

    assert state.run().stopped == "q"
    assert state.run().landed == (PLAN.tasks[0].id,)
    assert state.seconds <= 10.1


@pytest.mark.parametrize("moment", [0.5, 1.5])
def test_in_a_hurry_nothing_is_waited_for(moment: float) -> None:
    """The second Ctrl-C cancels calls in flight at once, whether the stop has begun or not."""

    async def work(assignment: Assignment) -> Result:
        await asyncio.sleep(5)  # it would land while calls in flight are waited for
        return Result(assignment.task.id, output="{}")

    def both(desk: Supervisor) -> None:
        asyncio.get_running_loop().call_later(moment, desk.hurry)
        asyncio.get_running_loop().call_later(1, desk.ask_to_stop, "interrupted", "Ctrl-C")

    state = carried_out(work, then=both)

    assert state.run().landed == ()
    assert state.seconds < 2


def test_an_exhausted_quota_ends_the_run_for_all() -> None:
    """One agent hears that the provider's quota is used up: no other is started, and the run says why."""
    started: list[str] = []

    async def work(assignment: Assignment) -> Result:
        started.append(assignment.task.id)
        raise QuotaExhausted("no money left at the provider")

    state = carried_out(work)

    assert state.stop is not None
    assert (state.stop.reason, state.stop.said) == ("quota", "no money left at the provider")
    assert len(started) <= PLAN.spec.budget.agents
