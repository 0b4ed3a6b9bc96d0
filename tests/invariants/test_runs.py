"""Properties of a run over random plans, faults and crashes: DESIGN.md section 5, held by the real parts.

The simulator replays a failing seed exactly: `python benchmarks/simulate.py --seed N`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from strop.errors import EndpointDown
from strop.seams import Answer, Request
from strop.swarm.fold import RunFold, fold
from strop.testing.simulator import MemoryJournal
from strop.testing.world import World, WorldModel, random_plan
from strop.types.events import AttemptEnded, AttemptStarted, CallAnswered, CallIntended, Event, RunReopened
from strop.types.money import Usage
from strop.types.work import Budget, TaskId, TaskKind

SEEDS = range(50)


def undisturbed(seed: int) -> RunFold:
    """The run of a seed without faults or crashes."""
    state = World(seed, random_plan(seed), WorldModel(seed, faults=0.0)).live()
    assert state is not None
    return state


def outputs(state: RunFold) -> dict[TaskId, str]:
    """What every task left."""
    return {result.task: result.output for result in state.run().results if result.landed}


def assert_order(events: tuple[Event, ...], seed: int) -> None:
    """No task starts before its needs; never more at once than allowed."""
    plan = random_plan(seed)
    tasks = {task.id: task for task in plan.tasks}
    settled: set[TaskId] = set()
    running: set[TaskId] = set()
    for event in events:
        match event.body:
            case AttemptStarted(task):
                assert all(need in settled for need in tasks[task].needs)
                running.add(task)
                assert len(running) <= plan.spec.budget.agents
            case AttemptEnded():
                running.discard(event.body.task)
                if event.body.result.landed or event.body.retry_at is None:
                    settled.add(event.body.task)
            case RunReopened():
                running.clear()
            case _:
                pass


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_change_nothing_that_lands(seed: int) -> None:
    """With faults in a tenth of the calls, what lands is what an undisturbed run lands, in order, within the caps."""
    world = World(seed, random_plan(seed), WorldModel(seed))
    state = world.live()
    assert state is not None
    assert_order(world.journal.read(), seed)
    assert world.model.most_open <= world.plan.spec.budget.agents
    calm = outputs(undisturbed(seed))
    for task, output in outputs(state).items():
        if not any(need in state.run().missing for need in _ancestors(world, task)):
            assert output == calm[task]


def _ancestors(world: World, task: TaskId) -> set[TaskId]:
    needs = {each.id: each.needs for each in world.plan.tasks}
    found: set[TaskId] = set()
    stack = [task]
    while stack:
        for need in needs[stack.pop()]:
            if need not in found:
                found.add(need)
                stack.append(need)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crash_at_any_append_pays_nothing_twice_that_was_committed(seed: int) -> None:
    """Killed at the n-th append of every life, the run ends as if nothing had been; no answer is bought again."""
    world = World(seed, random_plan(seed, most=12), WorldModel(seed, faults=0.0))
    state = None
    crash_at = 1 + seed % 7
    while state is None:
        committed = {body.request for body in _answered(world)}
        asked_before = world.model.answered.copy()
        state = world.live(crash_at=crash_at, torn=seed % 2 == 0)
        bought = world.model.answered - asked_before
        assert not committed & set(bought)
        assert world.lives < 300, "the run makes no headway"
        crash_at += 1
    calm = World(seed, world.plan, WorldModel(seed, faults=0.0)).live()
    assert calm is not None
    assert outputs(state) == outputs(calm)
    assert_order_of(world)
    tally = state.run().tally
    assert tally.nanos - tally.lost_nanos <= world.model.billed <= tally.nanos


def _answered(world: World) -> list[CallAnswered]:
    return [event.body for event in world.journal.read() if isinstance(event.body, CallAnswered)]


def assert_order_of(world: World) -> None:
    """Steps, tokens and money on record stay under the caps at every moment."""
    state = RunFold()
    for event in world.journal.read():
        state.apply(event)
        ledger = state.ledger
        assert ledger.steps + ledger.in_flight <= ledger.steps_cap
        assert ledger.nanos + ledger.reserved <= ledger.nanos_cap
        assert ledger.reserved >= 0


@pytest.mark.parametrize("seed", SEEDS)
def test_money_never_passes_the_cap(seed: int) -> None:
    """Agents race over a slow disk under a cap that ends most runs: booked plus reserved, and the bill, keep it."""
    cap = 2_000_000 + 100_000 * seed
    plan = random_plan(seed, budget=Budget(agents=8, nanos=cap))
    world = World(seed, plan, WorldModel(seed, faults=0.2), MemoryJournal(latency=0.5))
    state = world.live()
    assert state is not None
    assert_order_of(world)
    assert world.model.billed <= state.run().tally.nanos <= cap
    if state.stop is not None:
        assert state.stop.reason == "budget"


@pytest.mark.parametrize("seed", range(10))
def test_steps_never_pass_the_budget(seed: int) -> None:
    """A run may use its steps to the last one and not one more."""
    plan = random_plan(seed, budget=Budget(agents=8, steps=5))
    world = World(seed, plan, WorldModel(seed))
    state = world.live()
    assert state is not None
    assert state.run().tally.steps <= 5
    assert_order_of(world)


@pytest.mark.parametrize("seed", range(10))
def test_a_journal_read_back_gives_the_same_run(seed: int) -> None:
    """Live state and a fold over the stored bytes are one."""
    world = World(seed, random_plan(seed), WorldModel(seed))
    state = world.live()
    assert state is not None
    assert fold(world.journal.read()).run() == state.run()


@pytest.mark.parametrize("seed", range(10))
def test_time_over_keeps_what_landed(seed: int) -> None:
    """At the deadline calls in flight get ten seconds; what landed stands, the rest is named as missing."""
    world = World(seed, random_plan(seed), WorldModel(seed, faults=0.0), deadline=2.0)
    state = world.live()
    assert state is not None
    run = state.run()
    assert set(run.landed) | set(run.missing) == {task.id for task in world.plan.tasks}
    assert state.seconds <= 2.0 + 10.0 + 1e-6


def test_the_same_seed_is_the_same_run() -> None:
    """Twice the same seed gives the same facts at the same moments."""
    first = World(3, random_plan(3), WorldModel(3))
    second = World(3, random_plan(3), WorldModel(3))
    first.live()
    second.live()
    assert first.journal.rows == second.journal.rows


class Babbling(WorldModel):
    """Never answers in JSON."""

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        await asyncio.sleep(1.0)
        return Answer("not json", Usage(input=10, output=2))


class Unplugged(WorldModel):
    """Refuses every connection."""

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        await asyncio.sleep(0.1)
        raise EndpointDown("connection refused", billed=False)


@pytest.mark.parametrize("seed", range(10))
def test_an_endpoint_that_is_down_stops_the_run_and_fails_nobody(seed: int) -> None:
    """When nobody is answered the run stops with its tasks open; plugged in again, a resume ends as if nothing was."""
    plan = random_plan(seed)
    world = World(seed, plan, Unplugged(seed))
    state = world.live()
    assert state is not None
    assert state.stop is not None
    assert state.stop.reason == "endpoint"
    assert not state.results
    world.model = WorldModel(seed, faults=0.0)
    again = world.live()
    assert again is not None
    assert outputs(again) == outputs(undisturbed(seed))


def test_a_failed_need_blocks_work_but_not_an_aggregate() -> None:
    """Dependants of a failed task are told: work is blocked, an aggregate goes on with what there is."""
    world = World(1, random_plan(1), Babbling(1))
    state = world.live()
    assert state is not None
    kinds = {task.id: task for task in world.plan.tasks}
    for result in state.run().results:
        assert result.failure
        if kinds[result.task].needs:
            expected = "needs" if kinds[result.task].kind is TaskKind.WORK else "everything it needs failed"
            assert expected in result.failure


def test_an_intent_is_on_record_before_any_answer() -> None:
    """Money can only flow after its reservation was committed."""
    world = World(5, random_plan(5), WorldModel(5))
    world.live()
    intended: set[tuple[str, int, int, int]] = set()
    for event in world.journal.read():
        match event.body:
            case CallIntended():
                intended.add((event.body.task, event.body.attempt, event.body.step, event.body.tries))
            case CallAnswered():
                assert (event.body.task, event.body.attempt, event.body.step, event.body.tries) in intended
            case _:
                pass
