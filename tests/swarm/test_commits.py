"""What several agents record in one turn of the loop is one commit, and nobody's facts get lost in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from strop.errors import JournalFault
from strop.seams import Assignment, Desk
from strop.swarm.fold import RunFold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import LoopClock, MemoryJournal, SeededChance, simulate
from strop.testing.world import ANSWER, random_plan
from strop.types.events import (
    Body,
    BudgetRaised,
    CallAnswered,
    CallIntended,
    Event,
    PlanApproved,
    PlanProposed,
    RunOpened,
)
from strop.types.money import Usage
from strop.types.trial import Result
from strop.types.work import Budget, Task, TaskId, TaskKind


@dataclass(slots=True)
class Batches(MemoryJournal):
    """A journal that notes what came in together, and breaks at a given append."""

    batches: list[list[str]] = field(default_factory=list[list[str]])
    breaks_at: int = 0

    async def append(self, bodies: Sequence[Body], *, at: float) -> tuple[Event, ...]:
        self.batches.append([type(body).__name__ for body in bodies])
        if len(self.batches) == self.breaks_at:
            await asyncio.sleep(0.1)
            raise JournalFault("the disk is full")
        return await MemoryJournal.append(self, bodies, at=at)


@dataclass(slots=True)
class Caller:
    """A worker of one call, all at the same moment."""

    seconds: float = 1.0

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        task = assignment.task.id
        await desk.record(CallIntended(task, assignment.attempt, 1, 1, "r", "w", 10, 100, 10))
        await desk.rest(self.seconds)
        answered = CallAnswered(task, assignment.attempt, 1, 1, "r", "{}", (), "", "stop", Usage(output=1), 5, 1.0)
        await desk.record(answered)
        return Result(task, output="{}")


async def carried(
    journal: MemoryJournal, *, agents: int = 20, seconds: float = 1.0, deadline: float = 1e6, desks: list[Supervisor]
) -> Supervisor:
    """A run of so many agents; `desks` has the supervisor also when the run breaks."""
    tasks = tuple(Task(TaskId(f"t{n}"), TaskKind.WORK, "worker", "", ANSWER, "specialist") for n in range(agents))
    plan = replace(random_plan(0, budget=Budget(agents=agents)), tasks=tasks)
    desk = Supervisor(journal, RunFold(), Caller(seconds), LoopClock(), SeededChance(1))
    desks.append(desk)
    await desk.record(RunOpened("sim", "", "0", plan.spec.budget), PlanProposed(plan), PlanApproved("", "test"))
    await desk.carry_out(deadline=deadline)
    return desk


def test_agents_that_move_together_share_commits() -> None:
    """Twenty agents of one step: starts in one commit, then a few commits each for intents, answers and ends."""
    journal = Batches()
    desk = simulate(carried(journal, desks=[]), seed=3)
    assert journal.batches[1] == ["AttemptStarted"] * 20
    kinds = [name for batch in journal.batches for name in batch]
    assert kinds.count("CallIntended") == kinds.count("CallAnswered") == kinds.count("AttemptEnded") == 20
    assert len(journal.batches) < 20, "one by one there would be 60 commits"
    assert len(desk.state.results) == 20


def test_one_agent_waits_for_nobody() -> None:
    """Alone, each record is its own commit, at once."""
    journal = Batches()
    desk = simulate(carried(journal, agents=1, desks=[]), seed=3)
    assert journal.batches[1:] == [["AttemptStarted"], ["CallIntended"], ["CallAnswered"], ["AttemptEnded"]]
    assert desk.state.seconds == pytest.approx(1.0)


def test_a_commit_that_breaks_breaks_for_all_who_were_in_it_and_ends_the_run() -> None:
    """Nothing of it is applied, every hold is given back, and the fault comes out as itself."""
    journal = Batches(breaks_at=3)
    desks: list[Supervisor] = []
    with pytest.raises(JournalFault, match="the disk is full"):
        simulate(carried(journal, desks=desks), seed=3)
    desk = desks[0]
    assert desk.state.ledger.in_flight == 0
    assert desk.state.ledger.reserved == 0
    assert not desk.state.results
    assert not any(isinstance(event.body, CallIntended) for event in journal.read())


def test_an_agent_that_is_cancelled_takes_back_what_it_will_not_do() -> None:
    """Stopped while its intent waits behind a slow commit: no call is booked that was never made."""
    journal = Batches(latency=5.0)
    desk = simulate(carried(journal, seconds=100.0, deadline=11.0, desks=[]), seed=3)
    intents = {event.body.task for event in journal.read() if isinstance(event.body, CallIntended)}
    assert desk.state.ledger.in_flight == len(intents)
    assert desk.state.ledger.calls == len(intents)
    assert desk.state.stop is not None
    assert desk.state.stop.reason == "minutes"


@pytest.mark.parametrize(("minutes", "landed"), [(10.0, 1), (0.0, 0)], ids=["more time", "none"])
def test_time_that_a_person_adds_counts_at_once(minutes: float, landed: int) -> None:
    """The work needs 100 s and has 50; what is added on the way moves the end, what is not added does not."""
    journal, desks = MemoryJournal(), list[Supervisor]()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(carried(journal, agents=1, seconds=100.0, deadline=50.0, desks=desks))
            await LoopClock().sleep(20.0)
            await desks[0].raise_caps(BudgetRaised(10**12, 4_000, 10**9, minutes))

    simulate(main(), seed=3)
    assert len(desks[0].state.results) == landed
    assert (desks[0].state.stop is None) == bool(landed)
