"""The owner's side of the inbox: what other processes said reaches the supervisor, and nothing holds it up."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from strop.app.minding import Minder, mind, minded
from strop.errors import JournalFault
from strop.stores.inbox import Inbox
from strop.types.events import Answered, Asked, Body, BudgetRaised, Event, RunReopened
from strop.types.work import Budget, TaskId

pytestmark = pytest.mark.anyio

ASKED = Asked("3f9c" + "0" * 60, TaskId("read-1/affairs"), 1, "outlier", "It costs 7x its siblings.", ("go-on", "end"))


@dataclass(slots=True)
class Desk:
    """What a supervisor was told."""

    heard: list[object] = field(default_factory=list[object])

    async def stop(self, reason: str, said: str) -> None:
        self.heard.append((reason, said))

    async def answered(self, answer: Answered, /) -> None:
        self.heard.append(answer)

    async def raise_caps(self, raised: BudgetRaised, /) -> None:
        self.heard.append(raised)


class Full(Desk):
    """A supervisor whose journal cannot be written."""

    async def raise_caps(self, raised: BudgetRaised, /) -> None:
        raise JournalFault("the disk is full")


@dataclass(slots=True)
class Turns:
    """A clock that notes how long it was asked to sleep, and lets others go on meanwhile."""

    slept: list[float] = field(default_factory=list[float])
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._more.set()
        await asyncio.sleep(0)

    async def pass_(self, turns: int) -> None:
        """Until that many more sleeps were begun."""
        for _ in range(turns):
            self._more.clear()
            await self._more.wait()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.db"


@pytest.fixture
def inbox(path: Path) -> Inbox:
    return Inbox(path, patience=0.0)


def event(body: Body) -> Event:
    return Event("RUN", 1, 1, 0.0, body)


async def test_a_stop_and_an_answer_from_elsewhere_reach_the_supervisor(inbox: Inbox, path: Path) -> None:
    """A question on record is put in; its answer and a stop are heard while the run goes on, each once."""
    desk, clock = Desk(), Turns()
    minder = Minder(inbox, "RUN", Budget())
    elsewhere = Inbox(path)
    async with minded(minder, desk, clock, every=0.25):
        minder.watch(event(RunReopened(0.0)))
        minder.watch(event(ASKED))
        await clock.pass_(2)
        (question,) = elsewhere.open_questions("RUN")
        elsewhere.answer(question.id, "end", by="user")
        elsewhere.request_stop("RUN", by="user", reason="wrong inputs")
        await clock.pass_(3)
    assert desk.heard == [("interrupted", "stopped by user: wrong inputs"), Answered(ASKED.question, "end", "user")]
    assert set(clock.slept) == {0.25}


async def test_raised_caps_add_up_and_never_fall(inbox: Inbox) -> None:
    """Each edit goes on from the one before; a lower figure, also one that a race brought, changes nothing."""
    desk = Desk()
    minder = Minder(inbox, "RUN", Budget(nanos=5_000_000_000, steps=100, tokens=1_000, minutes=10.0))
    inbox.raise_budget("RUN", {"usd": "8"}, by="user")
    inbox.raise_budget("RUN", {"usd": "6", "steps": "200", "critical_steps": "250", "minutes": "90"}, by="user")
    await minder.look(desk)
    begun = Budget(nanos=8_000_000_000, steps=100, tokens=1_000, minutes=10.0)
    then = replace(begun, steps=200, critical_steps=250, minutes=90.0)
    assert desk.heard == [BudgetRaised.to(begun), BudgetRaised.to(then)]


async def test_agents_and_tokens_by_class_can_be_raised(inbox: Inbox) -> None:
    """More at once, more in all, more tokens; where there was no cap on a class none comes."""
    desk, caps = Desk(), Budget(agents=10, agents_total=20, input_tokens=1_000)
    edit = {"agents": "40", "agents_total": "80", "input_tokens": "2000", "output_tokens": "5"}
    inbox.raise_budget("RUN", edit, by="user")
    await Minder(inbox, "RUN", caps).look(desk)
    (raised,) = desk.heard
    assert isinstance(raised, BudgetRaised)
    assert raised.over(caps) == replace(caps, agents=40, agents_total=80, input_tokens=2_000)


async def test_what_was_said_is_used_only_when_it_is_on_record(inbox: Inbox) -> None:
    """The journal fails, or the process dies there: the next owner hears it again. Heard twice it counts once."""
    inbox.raise_budget("RUN", {"usd": "8"}, by="user")
    inbox.ask("RUN", ASKED)
    inbox.answer(ASKED.question, "end", by="user")
    with pytest.raises(JournalFault):
        await Minder(inbox, "RUN", Budget()).look(Full())
    assert (len(inbox.orders("RUN")), len(inbox.answers("RUN"))) == (1, 1)
    second = Desk()
    await Minder(inbox, "RUN", Budget(nanos=8_000_000_000)).look(second)
    assert second.heard == [Answered(ASKED.question, "end", "user")]
    assert (inbox.orders("RUN"), inbox.answers("RUN")) == ((), ())


async def test_an_edit_that_no_spec_could_hold_is_left_out_and_said(inbox: Inbox) -> None:
    """A row of another program's making raises nothing, and the stop behind it is heard."""
    desk, said = Desk(), list[str]()
    inbox.raise_budget("RUN", {"usd": "-1"}, by="a script")
    inbox.request_stop("RUN", by="user")
    await Minder(inbox, "RUN", Budget(), warn=said.append).look(desk)
    assert desk.heard == [("interrupted", "stopped by user")]
    (line,) = said
    assert "a budget edit by a script is left out" in line


async def test_an_inbox_that_cannot_be_used_holds_nobody_up(inbox: Inbox, path: Path) -> None:
    """Said once; the question waits until the database is free, and the stop, which can be read, is heard once."""
    desk, said = Desk(), list[str]()
    minder = Minder(inbox, "RUN", Budget(), warn=said.append, waiting=[ASKED])
    inbox.request_stop("RUN", by="user")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await minder.look(desk)
        await minder.look(desk)
        other.execute("ROLLBACK")
    assert len(said) == 1
    assert "the run goes on" in said[0]
    await minder.look(desk)
    assert desk.heard == [("interrupted", "stopped by user")]
    assert inbox.orders("RUN") == ()
    assert [question.id for question in inbox.open_questions()] == [ASKED.question]
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await minder.look(desk)
        other.execute("ROLLBACK")
    assert len(said) == 2


async def test_questions_stay_only_while_the_run_awaits_them(inbox: Inbox) -> None:
    """Awaiting, the last question is put in before the process goes; closed otherwise, all are taken back."""
    minder = Minder(inbox, "RUN", Budget(), waiting=[ASKED])
    minder.close(awaiting=True)
    assert len(inbox.open_questions("RUN")) == 1
    minder.close(awaiting=False)
    assert inbox.open_questions("RUN") == ()


async def test_what_the_run_raises_comes_out_as_itself(inbox: Inbox) -> None:
    """Not in a group's wrapping; and a cancelled run ends its minding with it."""
    with pytest.raises(ZeroDivisionError):
        async with minded(Minder(inbox, "RUN", Budget()), Desk(), Turns()):
            raise ZeroDivisionError
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), minded(Minder(inbox, "RUN", Budget()), Desk(), Turns()):
            await asyncio.Event().wait()


async def test_a_journal_that_cannot_be_written_ends_the_run_as_itself(inbox: Inbox) -> None:
    """That is no trouble of the inbox: what was said could not be put on record, and the run learns of it."""
    inbox.raise_budget("RUN", {"usd": "8"}, by="user")
    said: list[str] = []
    with pytest.raises(JournalFault, match="the disk is full"):
        async with minded(Minder(inbox, "RUN", Budget(), warn=said.append), Full(), Turns()):
            await asyncio.Event().wait()
    assert said == []


async def test_minding_never_ends_by_itself(inbox: Inbox) -> None:
    """It is cancelled with the run."""
    clock = Turns()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await mind(Minder(inbox, "RUN", Budget()), Desk(), clock)
    assert len(clock.slept) > 1
