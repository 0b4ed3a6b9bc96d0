"""Promises of single runs that no family of the simulator singles out: ends, orders, and a journal read back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from strop.errors import EndpointDown
from strop.seams import Answer, Request
from strop.swarm.fold import RunFold, fold
from strop.testing.invariants import Story, broken
from strop.testing.scenarios import ended, judged, story_of
from strop.testing.simulator import MemoryJournal
from strop.testing.world import PROMPTS, World, fan_out, random_plan, with_tools
from strop.testing.world_model import CALM, Fault, WorldModel
from strop.types.events import AttemptEnded, ToolEnded
from strop.types.money import Usage
from strop.types.schema import Field, Integer, Object, Text
from strop.types.work import Budget, TaskKind, Unit, UnitKey


def undisturbed(seed: int) -> Story:
    """The run of a seed without faults or crashes."""
    return story_of(ended(World(seed, random_plan(seed), WorldModel(seed, faults=CALM))))


def lived(world: World) -> RunFold:
    """The state after one life that reached its end."""
    state = world.live()
    assert state is not None
    return state


@pytest.mark.parametrize("seed", range(20))
def test_money_never_passes_the_cap(seed: int) -> None:
    """Agents race over a slow disk under a cap that ends most runs: booked plus reserved, and the bill, keep it."""
    cap = 2_000_000 + 250_000 * seed
    plan = with_tools(random_plan(seed, budget=Budget(agents=8, nanos=cap)), seed=seed)
    world = World(seed, plan, WorldModel(seed), MemoryJournal(latency=0.5))

    state = lived(world)

    assert not broken(story_of(world))
    assert world.model.billed <= state.ledger.nanos + state.ledger.reserved <= cap  # a call given up is still reserved
    assert state.stop is None or state.stop.reason == "budget"


@pytest.mark.parametrize("seed", range(10))
def test_steps_never_pass_the_budget(seed: int) -> None:
    """A run may use its steps to the last one and not one more."""
    world = World(seed, random_plan(seed, budget=Budget(agents=8, steps=5)), WorldModel(seed))

    state = lived(world)

    assert state.run().tally.steps <= 5
    assert not broken(story_of(world))


@pytest.mark.parametrize("seed", range(10))
def test_a_journal_read_back_gives_the_same_run(seed: int) -> None:
    """Live state and a fold over the stored bytes are one."""
    world = World(seed, with_tools(random_plan(seed), seed=seed), WorldModel(seed))

    state = lived(world)

    assert fold(world.journal.read()).run() == state.run()


@pytest.mark.parametrize("seed", range(10))
def test_time_over_keeps_what_landed(seed: int) -> None:
    """At the deadline calls in flight get ten seconds; what landed stands, the rest is named as missing."""
    world = World(seed, random_plan(seed), WorldModel(seed, faults=CALM), deadline=2.0)

    state = lived(world)
    run = state.run()

    assert set(run.landed) | set(run.missing) == {task.id for task in world.plan.tasks}
    assert state.seconds <= 2.0 + 10.0 + 1e-3


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
    world = World(seed, random_plan(seed), Unplugged(seed))

    state = lived(world)
    assert state.stop is not None
    assert state.stop.reason == "endpoint"
    assert not state.results

    world.model = WorldModel(seed, faults=CALM, disk=world.journal.disk)
    assert not judged(ended(world), undisturbed=undisturbed(seed))


def test_a_failed_need_blocks_work_but_not_an_aggregate() -> None:
    """Dependants of a failed task are told: work is blocked, an aggregate goes on with what there is."""
    world = World(1, random_plan(1), Babbling(1))
    kinds = {task.id: task for task in world.plan.tasks}

    results = lived(world).run().results

    assert results
    for result in results:
        assert result.failure
        if kinds[result.task].needs:
            expected = "needs" if kinds[result.task].kind is TaskKind.WORK else "everything it needs failed"
            assert expected in result.failure


def test_a_call_that_never_returns_does_not_outlive_the_deadline() -> None:
    """Every call hangs for ever: at the deadline the run ends, says so, and holds what it may still be billed for."""
    model = WorldModel(1, faults={Fault.HANG: 1.0}, hang=math.inf)
    world = World(1, fan_out(3, budget=Budget(agents=3)), model, deadline=600.0)

    state = lived(world)

    assert state.stop is not None
    assert state.stop.reason == "minutes"
    assert state.seconds <= 610.1
    assert not broken(story_of(world))


class Reading(WorldModel):
    """Answers every page alike."""

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        await asyncio.sleep(1.0)
        return Answer('{"said":"a word","said_at":1}', Usage(input=10, output=5))


def test_other_prompts_leave_no_unit_unread() -> None:
    """A reader is cut off in the middle of its batch, then its prompt changes: it reads the whole batch anew."""
    schema = Object((Field("said", Text()), Field("said_at", Integer())))
    units = tuple(Unit(UnitKey(f"u{n}"), f"inputs/u{n}.txt") for n in range(3))
    drawn = fan_out(1, budget=Budget(agents=1))
    task = replace(drawn.tasks[0], kind=TaskKind.READ, schema=schema, prompt="reader", units=units, reader=1, tools=())
    prompts = {"reader": "{{goal}} {{fields}} {{rules}}", "unit": "{{text}}", "unit-again": "{{text}} {{notes}}"}
    world = World(1, replace(drawn, tasks=(task,)), Reading(1), prompts=prompts, page="A word stands here.")

    assert world.live(crash_at=6) is None
    world.prompts = prompts | {"reader": "{{goal}} {{fields}} {{rules}} (second edition)"}
    result = lived(world).run().results[0]

    assert result.unread == ()
    assert result.output.count("a word") == len(units)


def test_other_prompts_cost_no_strike() -> None:
    """A last attempt cut off by a crash, then an upgrade with other prompts: it is made anew, and the task lands."""
    journal = MemoryJournal()

    class Learning(WorldModel):
        """Talks no JSON until two attempts have failed."""

        async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
            answer = await super().answer(request, notice=notice)
            failed = sum(1 for event in journal.read() if isinstance(event.body, AttemptEnded))
            return answer if failed >= 2 else replace(answer, text="not json", calls=(), finish="stop")

    world = World(1, fan_out(1, budget=Budget(agents=1)), Learning(1, faults=CALM), journal)
    crash_at = 3
    while not any(isinstance(event.body, ToolEnded) for event in journal.read()):
        assert world.live(crash_at=crash_at) is None
        crash_at += 1
    world.prompts = PROMPTS | {"specialist": PROMPTS["specialist"] + " (second edition)"}

    assert lived(world).run().missing == ()
