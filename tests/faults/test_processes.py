"""Around the real command: a second process, a spec that changed, sleep, a clock that jumps, chaos on purpose."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process
from typing import Any, cast

import orjson
import pytest

from strop.stores.inbox import Inbox
from strop.testing.wires import Asked, Fault, Reply
from strop.types.trial import Outcome

from .conftest import SPEC, Survey, answered, site_of

pytestmark = pytest.mark.anyio

NAP = 2.5
"""Seconds that the machine sleeps."""
FLOOR = 1.0
"""Seconds of silence after which a call is cut: far less than the nap."""
JUMPS = """
import itertools, time
real, years = time.time, itertools.cycle((0.0, -3e8, 3e8, -6e8))
time.time = lambda: real() + next(years)
"""


def report(survey: Survey) -> dict[str, Any]:
    """run.json of the one run there is."""
    return cast("dict[str, Any]", orjson.loads((survey.only_run() / "run.json").read_bytes()))


async def test_of_two_processes_that_resume_one_run_the_second_is_refused(survey: Survey) -> None:
    """Exit 70 with who and what next; it asks nothing and disturbs nobody: the first one passes."""
    waiting, on = asyncio.Event(), asyncio.Event()

    async def script(asked: Asked) -> Reply:
        if site_of(asked) == "all" and not waiting.is_set():
            waiting.set()
            await on.wait()
        return answered(asked)

    survey.script = script
    async with survey.strop("run", "spec.md", "--yes") as first:
        await waiting.wait()
        asked = survey.server.bill.in_flight + len(survey.server.bill.entries)
        name = survey.only_run().name
        second = await survey.told("run", "--resume", name)
        assert survey.server.bill.in_flight + len(survey.server.bill.entries) == asked
        on.set()
        await first.communicate()

    assert second.code == 70
    assert f"{name}: this run is being written by another process. Wait for it, or stop it, then resume" in second.err
    assert "Traceback" not in second.err
    assert first.returncode == 0
    assert report(survey)["outcome"] == "passed"


async def killed_before_the_end(survey: Survey, *arguments: str) -> None:
    """SIGKILL when only the summary is left to write."""
    made: list[Process] = []

    async def script(asked: Asked) -> Reply:
        if site_of(asked) == "all":
            made[0].kill()
            await made[0].wait()
        return answered(asked)

    survey.script = script
    async with survey.strop("run", "spec.md", "--yes", *arguments) as child:
        made.append(child)
        await child.wait()
        assert child.returncode == -signal.SIGKILL
    survey.script = survey.answer


async def test_a_run_goes_on_as_it_was_approved_when_its_spec_has_changed(survey: Survey) -> None:
    """What was approved counts, and the person is told how to have the new spec run instead."""
    await killed_before_the_end(survey)
    (survey.folder / "spec.md").write_text(SPEC.replace("survey.csv", "other.csv"))
    before = len(survey.server.bill.entries)
    again = await survey.told("run", "--resume", survey.only_run().name)

    assert again.code == 0, again.err
    assert "survey.csv" in survey.files()
    assert "other.csv" not in survey.files()
    assert len([entry for entry in survey.server.bill.entries[before:] if entry.status == 200]) <= 2
    assert "spec.md has changed since this run was approved" in again.err
    assert "strop run spec.md" in again.err


async def test_a_changed_spec_begins_a_new_run(survey: Survey) -> None:
    """A run of the spec as it was is not taken for one of the spec as it is."""
    await killed_before_the_end(survey)
    old = survey.only_run().name
    (survey.folder / "spec.md").write_text(SPEC.replace("what they say", "it briefly"))
    told = await survey.told("run", "spec.md", "--yes")

    assert told.code == 0, told.err
    assert old not in told.err
    assert {run.name for run in (survey.folder / "runs").iterdir()} > {old}


async def test_a_call_that_was_open_while_the_machine_slept_is_not_cut(survey: Survey) -> None:
    """The process stands still for more than two limits of silence; awake, it waits on, and nothing is paid twice."""
    survey.lay_out(floor=FLOOR)
    made: list[Process] = []

    async def script(asked: Asked) -> Reply:
        if site_of(asked) == "all":
            made[0].send_signal(signal.SIGSTOP)
            asyncio.get_running_loop().call_later(NAP, made[0].send_signal, signal.SIGCONT)
            return Reply(answered(asked).text, latency=NAP + FLOOR / 4)
        return answered(asked)

    survey.script = script
    async with survey.strop("run", "spec.md", "--yes") as child:
        made.append(child)
        await child.communicate()

    assert child.returncode == 0
    ran = report(survey)
    assert ran["lost"] == {"calls": 0, "nanos": 0}
    assert [endpoint["cut"] for endpoint in ran["endpoints"]["worker"]] == [0]
    assert ran["retries"] == 0


async def test_a_wall_clock_that_jumps_changes_nothing(survey: Survey) -> None:
    """Years back and forth at every look: limits and the run's clock go by the monotonic one."""
    told = await survey.told("run", "spec.md", "--yes", before=JUMPS)

    assert told.code == 0, told.err
    ran = report(survey)
    assert ran["outcome"] == "passed"
    assert 0 < ran["seconds"] < 60
    assert ran["retries"] == 0


async def test_chaos_on_purpose_ends_and_teaches_nothing(survey: Survey) -> None:
    """`--chaos SEED`: calls go wrong below the pool, the run comes to an end, the report says that it was made to."""
    survey.lay_out(floor=FLOOR)
    broken = await survey.told("run", "spec.md", "--yes", "--chaos", "4", "--json")
    ran = orjson.loads(broken.out)

    assert broken.code == 0, broken.err
    assert ran["chaos"] == 4
    assert ran["retries"] > 0
    assert ran["learned"]["skill"] == ""
    assert ran["learned"]["manifest_before"] == ran["learned"]["manifest_after"]
    assert report(survey)["chaos"] == 4


async def test_caps_that_the_owner_did_not_live_to_hear_hold_in_the_next_life_and_the_one_after(survey: Survey) -> None:
    """A person's edits wait in the inbox, are put on record on resume; no later edit takes them back."""
    survey.bend = lambda asked: Reply(fault=Fault.QUOTA) if site_of(asked) == "all" else None
    first = await survey.run()
    inbox = Inbox(survey.folder / ".strop" / "project.db")
    inbox.raise_budget(first.id, {"usd": "60", "minutes": "700"}, by="user")
    inbox.request_stop(first.id, by="user")
    second = await survey.run(resume=first.id)
    inbox.raise_budget(first.id, {"steps": "5000"}, by="user")
    survey.bend = lambda asked: None
    third = await survey.run(resume=first.id)

    assert second.state.stop is not None
    assert second.state.stop.reason == "quota"
    assert third.turn.outcome is Outcome.PASSED
    held = third.state.budget
    assert (held.nanos, held.minutes, held.steps) == (60_000_000_000, 700.0, 5_000)
    assert (third.state.ledger.nanos_cap, third.state.ledger.steps_cap) == (60_000_000_000, 5_000)
    assert inbox.orders(first.id) == ()
