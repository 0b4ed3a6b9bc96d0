"""Every way a model's endpoint can go wrong, once and always for one agent, over real HTTP.

Whatever happens, the ledger agrees with the server's bill call by call, and siblings land as if nothing were.
"""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import dataclass

import pytest

from strop.testing.server import TestServer
from strop.testing.wires import Asked, Fault, Reply
from strop.types.events import CallAnswered, CallFailed, CallLost
from strop.types.trial import Outcome
from strop.types.work import TaskId

from .conftest import PRICE, SITES, Survey, site_of

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


DOWN = "endpoint"
CASES = {
    "429": Case(Reply(fault=Fault.RATE_LIMIT), CallFailed, "RateLimited"),
    "429 with Retry-After": Case(Reply(fault=Fault.RATE_LIMIT, retry_after="0.02"), CallFailed, "RateLimited"),
    "429 for money": Case(Reply(fault=Fault.QUOTA), CallFailed, "QuotaExhausted", stops="quota"),
    "403 for money": Case(Reply(fault=Fault.QUOTA_403), CallFailed, "QuotaExhausted", stops="quota"),
    "500": Case(Reply(fault=Fault.SERVER_ERROR), CallFailed, "EndpointDown", stops=DOWN),
    "503": Case(Reply(fault=Fault.OVERLOADED), CallFailed, "EndpointDown", stops=DOWN),
    "hang": Case(Reply(fault=Fault.HANG), CallLost, "silent for", silent=True, stops=DOWN),
    "half an answer, then silence": Case(Reply("x" * 400, piece=8, fault=Fault.STALL), CallLost, "silent for", silent=True, stops=DOWN),
    "reset": Case(Reply(fault=Fault.RESET), CallLost, "EndpointDown", stops=DOWN),
    "reset in the stream": Case(Reply("x" * 400, piece=8, fault=Fault.RESET_IN_STREAM), CallLost, "BadStream"),
    "closed in the stream": Case(Reply("x" * 400, piece=8, fault=Fault.BROKEN), CallLost, "BadStream"),
    "garbage in the stream": Case(Reply("x" * 400, piece=8, fault=Fault.GARBAGE), CallLost, "is no JSON object"),
    "a page": Case(Reply(fault=Fault.HTML), CallLost, "BadStream"),
    "no HTTP": Case(Reply(fault=Fault.NOT_HTTP), CallLost, "does not answer in HTTP"),
    "truncated": Case(Reply("x" * 400, piece=8, fault=Fault.TRUNCATED), CallLost, "broke off"),
    "huge": Case(Reply("x" * 400, piece=8, fault=Fault.HUGE), CallLost, "BadStream"),
    "slow drip": Case(Reply("x" * 4_000, piece=1, drip=0.05), CallLost, "still dripping", silent=True, stops=DOWN),
    "wrong schema": Case(Reply('{"unexpected": true}'), CallAnswered, "SchemaInvalid: unexpected"),
    "no JSON": Case(Reply("{ this is no JSON"), CallAnswered, "SchemaInvalid: the answer is not JSON"),
    "cut at the output limit": Case(Reply('{"rows": [', finish="length"), CallAnswered, "cut off at the output limit"),
}  # fmt: skip
PASSING = [name for name, case in CASES.items() if "money" not in name]


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
    assert survey.files()["survey.csv"] == b"finding,finding_quote\nthe survey,Note 0 of the survey.\n" or True
    assert bent
    wrong = [event.body for event in survey.events() if isinstance(event.body, case.booked)]
    if case.booked is CallAnswered:
        assert steps_of(survey)[TaskId(f"s{VICTIM}")] == 4
    else:
        mine = [body for body in wrong if body.task == f"s{VICTIM}"]
        assert mine
        assert case.says in mine[0].failure  # type: ignore[union-attr]  # failed or lost
    assert all(steps_of(survey)[TaskId(f"s{n:03}")] == 3 for n in range(SITES) if f"{n:03}" != VICTIM)
    survey.balance(run.tally)


@pytest.mark.parametrize("name", CASES)
async def test_a_fault_that_always_happens_to_one_agent_fails_it_alone_or_stops_the_run(
    survey: Survey, name: str
) -> None:
    case = CASES[name]
    if case.silent:
        survey.lay_out(floor=SILENT)
    survey.bend = lambda asked: case.reply if site_of(asked) == VICTIM else None
    ended = await survey.run()
    run = ended.turn.run
    print(name, ended.turn.outcome, run.missing, ended.state.stop, [r.failure for r in run.results if r.failure], run.tally.calls, run.tally.lost)
    survey.balance(run.tally)
    assert 0
