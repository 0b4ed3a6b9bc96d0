"""Every way a model's endpoint can go wrong, once and always for one agent, over real HTTP.

Whatever happens, the ledger agrees with the server's bill call by call, and siblings land as if nothing were.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from strop.swarm.conversation import PACED as PACED_TRIES
from strop.swarm.supervise import STRIKES
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Fault, Reply
from strop.testing.world import World, fan_out
from strop.testing.world_model import Fault as World429
from strop.testing.world_model import WorldModel
from strop.types.events import CallAnswered, CallFailed, CallLost
from strop.types.trial import Outcome
from strop.types.work import Budget, TaskId

from .conftest import PRICE, SITES, Survey, answered, site_of

pytestmark = pytest.mark.anyio

VICTIM = "003"
SILENT = 0.4
"""Seconds that a call may be silent in the cases that wait for it."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is answered in place of the good answer, and what is to come of it."""

    reply: Reply
    booked: type[CallFailed | CallLost | CallAnswered]
    """As what the bent call goes on record."""
    says: str
    """Words of the failure; of the agent's last failure where it always happens."""
    silent: bool = False
    """The call must be cut for silence."""
    stops: str = ""
    """Always: the run stops for this reason; empty where only the agent fails."""


def half(fault: Fault) -> Reply:
    """An answer in pieces, which goes wrong half way."""
    return Reply("x" * 400, piece=8, fault=fault)


CASES = {
    "429": Case(Reply(fault=Fault.RATE_LIMIT), CallFailed, "RateLimited"),
    "429 with Retry-After": Case(Reply(fault=Fault.RATE_LIMIT, retry_after="0.02"), CallFailed, "RateLimited"),
    "429 for money": Case(Reply(fault=Fault.QUOTA), CallFailed, "QuotaExhausted", stops="quota"),
    "403 for money": Case(Reply(fault=Fault.QUOTA_403), CallFailed, "QuotaExhausted", stops="quota"),
    "500": Case(Reply(fault=Fault.SERVER_ERROR), CallFailed, "EndpointDown"),
    "503": Case(Reply(fault=Fault.OVERLOADED), CallFailed, "EndpointDown"),
    "hang": Case(Reply(fault=Fault.HANG), CallLost, "silent for", silent=True),
    "half an answer, then silence": Case(half(Fault.STALL), CallLost, "silent for", silent=True),
    "reset": Case(Reply(fault=Fault.RESET), CallLost, "EndpointDown"),
    "reset in the stream": Case(half(Fault.RESET_IN_STREAM), CallLost, "BadStream"),
    "closed in the stream": Case(half(Fault.BROKEN), CallLost, "BadStream"),
    "garbage in the stream": Case(half(Fault.GARBAGE), CallLost, "is no JSON object"),
    "a page": Case(Reply(fault=Fault.HTML), CallLost, "BadStream"),
    "no HTTP": Case(Reply(fault=Fault.NOT_HTTP), CallLost, "does not answer in HTTP"),
    "truncated": Case(half(Fault.TRUNCATED), CallLost, "broke off"),
    "huge": Case(half(Fault.HUGE), CallLost, "BadStream"),
    "slow drip": Case(Reply("x" * 4_000, piece=1, drip=0.05), CallLost, "still dripping", silent=True),
    "wrong schema": Case(Reply('{"unexpected": true}'), CallAnswered, "unexpected: is not in the schema"),
    "no JSON": Case(Reply("{ this is no JSON"), CallAnswered, "SchemaInvalid: the answer is not JSON"),
    "cut at the output limit": Case(Reply('{"rows": [', finish="length"), CallAnswered, "cut off at the output limit"),
}  # fmt: skip
SLOW = ("429", "429 with Retry-After", "503", "huge", "slow drip")
"""Always is long: pauses of the first three add up to minutes (seen on the virtual clock below), the last two end
as `truncated` and `hang` do, after 64 MB or two seconds a try."""
TABLE = b"finding,unverified\r\nthe survey,finding\r\n"
PASSING = [name for name in CASES if "money" not in name]


def steps_of(survey: Survey) -> Counter[TaskId]:
    """Answers on record, by task."""
    return Counter(event.body.task for event in survey.events() if isinstance(event.body, CallAnswered))


@pytest.mark.parametrize("name", PASSING)
async def test_a_fault_that_happens_once_costs_a_try_and_nothing_else(survey: Survey, name: str) -> None:
    """All agents land, the run passes, the others made the calls they always make; what was lost is booked apart."""
    case = CASES[name]
    if case.silent:
        survey.lay_out(floor=SILENT)
    bent: list[int] = []

    def once(asked: Asked) -> Reply | None:
        if site_of(asked) != VICTIM or len(asked.tool_results) != 1 or bent:
            return None
        bent.append(asked.n)
        return case.reply

    survey.bend = once
    ended = await survey.run()

    run = ended.turn.run
    assert ended.turn.outcome is Outcome.PASSED
    assert not run.missing
    assert survey.files()["survey.csv"] == TABLE
    assert bent
    assert steps_of(survey)[TaskId(f"s{VICTIM}")] == (4 if case.booked is CallAnswered else 3)
    if case.booked is not CallAnswered:
        assert case.says in failures_of(survey, case.booked)[0]
    assert all(steps_of(survey)[TaskId(f"s{n:03}")] == 3 for n in range(SITES) if f"{n:03}" != VICTIM)
    survey.balance(run.tally)


@pytest.mark.parametrize("name", [name for name in CASES if name not in SLOW])
async def test_a_fault_that_always_happens_to_one_agent_fails_it_alone_or_stops_the_run(
    survey: Survey, name: str
) -> None:
    """Alone: the aggregate goes on without it and the gate decides. Stopped: partial, with the way on."""
    case = CASES[name]
    if case.silent:
        survey.lay_out(floor=SILENT)
    survey.bend = lambda asked: case.reply if site_of(asked) == VICTIM else None
    ended = await survey.run()

    run = ended.turn.run
    failures = {result.task: result.failure for result in run.results if result.failure}
    if case.stops:
        assert ended.turn.outcome is Outcome.PARTIAL
        assert ended.state.stop is not None
        assert ended.state.stop.reason == case.stops
    else:
        assert ended.turn.outcome is Outcome.PASSED
        assert set(run.missing) == {f"s{VICTIM}"}
        assert case.says in failures[TaskId(f"s{VICTIM}")]
        assert survey.files()["survey.csv"] == TABLE
    assert set(failures) <= {f"s{VICTIM}"}
    if not case.stops:
        assert all(steps_of(survey)[TaskId(f"s{n:03}")] == 3 for n in range(SITES) if f"{n:03}" != VICTIM)
    survey.balance(run.tally)


async def test_an_endpoint_that_fails_everybody_stops_the_run_though_it_has_answered(survey: Survey) -> None:
    """Six agents and no answer any more: partial, no task has failed, and with answers again it passes."""
    survey.bend = lambda asked: Reply(fault=Fault.SERVER_ERROR) if asked.n > 2 * SITES else None
    cut = await survey.run()
    survey.bend = lambda asked: None
    ended = await survey.run(resume=cut.id)

    assert cut.turn.outcome is Outcome.PARTIAL
    assert cut.state.stop is not None
    assert cut.state.stop.reason == "endpoint"
    assert len(cut.turn.run.missing) == SITES + 1
    assert ended.turn.outcome is Outcome.PASSED
    assert not ended.turn.run.missing
    survey.balance(ended.turn.run.tally)


def failures_of(survey: Survey, kind: type[CallFailed | CallLost | CallAnswered]) -> list[str]:
    """What is on record of the bent agent's calls that ended in this way."""
    bodies = (event.body for event in survey.events())
    return [
        body.failure
        for body in bodies
        if isinstance(body, CallFailed | CallLost) and isinstance(body, kind) and body.task == f"s{VICTIM}"
    ]


@pytest.mark.parametrize("fault", [World429.PACE, World429.PACE_HINT], ids=["429", "429 with Retry-After"])
def test_a_limit_that_never_opens_fails_the_tasks_and_costs_nothing(fault: World429) -> None:
    """Twenty refusals a step, three attempts, then the tasks fail as data; no call was billed or booked."""
    world = World(3, fan_out(2, budget=Budget(agents=2)), WorldModel(3, faults={fault: 1.0}))
    state = world.live()

    assert state is not None
    assert {result.failure.partition(":")[0] for result in state.results.values()} == {"RateLimited"}
    assert world.model.asked == 2 * PACED_TRIES * STRIKES
    assert (state.ledger.nanos, state.ledger.steps, world.model.billed) == (0, 0, 0)


async def test_a_network_that_goes_and_comes_back(tmp_path: Path) -> None:
    """The run stops with what there is, blames no agent, and goes on: no committed answer is asked for again."""
    gone, asked_before = asyncio.Event(), list[Asked]()

    async def script(asked: Asked) -> Reply:
        asked_before.append(asked)
        if len(asked_before) >= 12:
            gone.set()
            await asyncio.get_running_loop().create_future()
        return replace(answered(asked), reasoning=str(asked.n))

    first = TestServer(script, price=PRICE)
    survey = Survey(tmp_path / "project", first)
    async with asyncio.TaskGroup() as group:
        async with first:
            survey.lay_out()
            running = group.create_task(survey.run())
            await gone.wait()
        cut = await running
    committed = {int(event.body.reasoning) for event in survey.events() if isinstance(event.body, CallAnswered)}
    known = {entry.prompt for entry in first.bill.entries if entry.n in committed}
    async with TestServer(answered, price=PRICE, port=first.port) as second:
        ended = await survey.run(resume=cut.id)

    assert cut.turn.outcome is Outcome.PARTIAL
    assert cut.state.stop is not None
    assert cut.state.stop.reason == "endpoint"
    assert len(known) >= 8
    assert ended.turn.outcome is Outcome.PASSED
    assert not ended.turn.run.missing
    assert survey.files()["survey.csv"] == TABLE
    assert not known & {entry.prompt for entry in second.bill.entries}
