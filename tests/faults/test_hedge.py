"""One late call over real HTTP: it is asked a second time, the server sees both, the run books both."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from strop.testing.wires import Asked, Fault, Reply
from strop.types.events import CallIntended, CallLost
from strop.types.trial import Outcome

from .conftest import SITES, Survey, answered, site_of

pytestmark = pytest.mark.anyio

VICTIM = "003"
"""Its last call is late. Calls are late after a fifth of a second here, and cut for silence after a minute."""
WHOLE = SITES * 3 + 2
"""Answers of an undisturbed run: plan, three a site, summary."""
LATE = {
    "slow drip": Reply("x" * 4_000, piece=1, drip=0.05),
    "half an answer, then silence": Reply("x" * 400, piece=8, fault=Fault.STALL),
    "silence": Reply(fault=Fault.HANG),
    "late": Reply(json.dumps({"rows": []}), latency=600.0),
}


def bent_once(survey: Survey, bend: Callable[[Asked], Reply]) -> list[Asked]:
    """The victim's last call is answered so, the first time; what was bent."""
    bent: list[Asked] = []

    def once(asked: Asked) -> Reply | None:
        if site_of(asked) != VICTIM or len(asked.tool_results) != 2 or bent:
            return None
        bent.append(asked)
        return bend(asked)

    survey.bend = once
    return bent


@pytest.mark.parametrize("name", LATE)
async def test_a_late_call_is_asked_again_and_the_second_answer_is_used(survey: Survey, name: str) -> None:
    """Nobody waits for the first: two requests of one prompt on the server's log, both on the run's books."""
    survey.lay_out(hedge=0.05)
    bent = bent_once(survey, lambda asked: LATE[name])
    async with asyncio.timeout(50):
        ended = await survey.run()

    run = ended.turn.run
    assert ended.turn.outcome is Outcome.PASSED
    assert not run.missing
    asked = Counter(entry.prompt for entry in survey.server.bill.entries)
    assert asked[bent[0].prompt] == 2
    assert sum(asked.values()) == run.tally.calls
    (intent,) = (e.body for e in survey.events() if isinstance(e.body, CallIntended) and e.body.hedge)
    (lost,) = (e.body for e in survey.events() if isinstance(e.body, CallLost))
    (used,) = (answer for answer in survey.answers() if answer.task == f"s{VICTIM}" and answer.step == 3)
    assert (lost.tries, lost.outrun, lost.nanos) == (1, True, intent.nanos)
    assert used.tries == intent.tries == 2
    assert (run.tally.hedges, run.tally.hedges_won, run.tally.outrun_nanos) == (1, 1, intent.nanos)
    survey.balance(run.tally)
    written = json.loads((survey.only_run() / "run.json").read_text())
    assert written["hedges"] == {"calls": 1, "won": 1, "nanos": intent.nanos}
    assert written["lost"] == {"calls": 1, "nanos": intent.nanos}
    told = await survey.told("show", ended.id)
    assert "1 late call was asked a second time, 1 answered first" in " ".join(told.out.split())


@pytest.mark.parametrize("share", [0.0, 0.0001], ids=["off", "half a cent"])
async def test_where_it_is_not_hedged_the_first_call_is_waited_for(survey: Survey, share: float) -> None:
    """Off, or a share of the cap of 50 dollars that is less than a call may cost: one request, one booking."""
    survey.lay_out(hedge=share)
    bent = bent_once(survey, lambda asked: replace(answered(asked), latency=1.5))
    ended = await survey.run()

    assert bent
    assert ended.turn.run.tally.hedges == 0
    assert ended.turn.run.tally.lost == 0
    assert Counter(entry.prompt for entry in survey.server.bill.entries)[bent[0].prompt] == 1


async def test_a_run_that_was_hedged_and_killed_asks_for_nothing_that_is_on_record(survey: Survey) -> None:
    """Its journal is cut off behind the hedged step, and the run resumed: that step is taken from the record."""
    survey.lay_out(hedge=0.05)
    bent_once(survey, lambda asked: LATE["silence"])
    gate = asyncio.Event()

    async def script(asked: Asked) -> Reply:
        if site_of(asked) == "all":  # by now every step of every site is on record
            gate.set()
            await asyncio.get_running_loop().create_future()
        return survey.answer(asked)

    survey.script = script
    async with survey.strop("run", "spec.md", "--yes") as child:
        async with asyncio.timeout(50):
            await gate.wait()
        child.kill()
    at = len(survey.server.bill.entries)
    on_record = {answer.reasoning for answer in survey.answers()}
    known = {entry.prompt for entry in survey.server.bill.entries if str(entry.n) in on_record}
    assert [e.body.tries for e in survey.events() if isinstance(e.body, CallIntended) and e.body.hedge] == [2]

    survey.script = survey.answer
    ended = await survey.run(resume=survey.only_run().name)

    assert ended.turn.outcome is Outcome.PASSED
    assert len(known) == WHOLE - 1
    assert not known & {entry.prompt for entry in survey.server.bill.entries[at:]}
    survey.balance(ended.turn.run.tally)
