"""The crew without a network: real hosts, agents, supervisor and journal, joined by a line that can be cut."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
from crew_cast import Bill, no_staff, staff, wide_plan

from strop import errors
from strop.crews.host import Home, Host, Staff
from strop.crews.mail import ERRORS, Assigned, Fault, ToHost, error_of, fault_of, packed
from strop.crews.remote import RemoteCrew
from strop.errors import (
    AgentPaused,
    BudgetExhausted,
    EndpointDown,
    JournalFault,
    MissingPart,
    ModelFailure,
    RateLimited,
    SpecRefused,
    StropError,
)
from strop.seams import Assignment, Desk, Worker
from strop.swarm.fold import RunFold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import LoopClock, MemoryJournal, SeededChance
from strop.types.events import (
    Body,
    CallAnswered,
    CallIntended,
    CallLost,
    Event,
    PlanApproved,
    PlanProposed,
    RunOpened,
    StopRequested,
)
from strop.types.money import Usage
from strop.types.trial import Result
from strop.types.work import Plan, Task, TaskId, TaskKind

pytestmark = pytest.mark.anyio

ASSIGNMENT = Assignment(wide_plan(1, agents=1).tasks[0], attempt=1)


@dataclass(slots=True)
class NearLine:
    """A host in this very loop, which dies when it is cut."""

    group: asyncio.TaskGroup
    staff: Staff
    heard: Callable[[bytes], None]
    lost: Callable[[str], None]
    host: Host = field(init=False)
    tasks: list[asyncio.Task[None]] = field(default_factory=list["asyncio.Task[None]"])
    alive: bool = True

    def __post_init__(self) -> None:
        self.host = Host(self.staff)
        self.tasks = [self.group.create_task(self.host.serve()), self.group.create_task(self._listen())]

    async def _listen(self) -> None:
        while True:
            batch = await self.host.take()
            if self.alive:
                self.heard(batch)

    def give(self, batch: bytes) -> None:
        if self.alive:
            self.tasks.append(self.group.create_task(self.host.give(batch)))

    def cut(self) -> None:
        """The process dies: nothing it says any more is heard."""
        self.kill()
        self.lost("killed")

    def kill(self) -> None:
        self.alive = False
        for task in self.tasks:
            task.cancel()

    async def end(self) -> None:
        await self.host.end()
        await asyncio.wait(self.tasks[:1])
        self.kill()


@dataclass(slots=True)
class Near:
    """A crew of near hosts, and the hosts it has had."""

    crew: RemoteCrew
    lines: list[NearLine]
    noticed: list[tuple[str, int]]
    kept: list[bytes]


@asynccontextmanager
async def near(made: Staff, *, hosts: int = 2, screen: Callable[[], None] = lambda: None) -> AsyncGenerator[Near, None]:
    """Such a crew, closed at the end."""
    lines: list[NearLine] = []
    noticed: list[tuple[str, int]] = []
    kept: list[bytes] = []
    async with asyncio.TaskGroup() as group:

        def dial(*, heard: Callable[[bytes], None], lost: Callable[[str], None]) -> NearLine:
            lines.append(NearLine(group, made, heard, lost))
            return lines[-1]

        def notice(task: str, characters: int) -> None:
            noticed.append((task, characters))
            screen()

        crew = RemoteCrew(dial, hosts, notice, lambda body: kept.append(body) or "")
        try:
            yield Near(crew, lines, noticed, kept)
        finally:
            await crew.close()


@dataclass(slots=True)
class PlainDesk:
    """Keeps what it is told; raises `refusal` at the first intent."""

    refusal: StropError | None = None
    facts: list[Body] = field(default_factory=list[Body])
    rested: list[float] = field(default_factory=list[float])

    async def record(self, *facts: Body) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.facts += facts

    async def rest(self, seconds: float) -> None:
        self.rested.append(seconds)

    def recorded(self, task: str, attempt: int, step: int) -> Sequence[Body]:
        return [fact for fact in self.facts if getattr(fact, "step", None) == step]


def doing(work: Callable[[Assignment, Desk], Awaitable[object]]) -> Staff:
    """A worker made of one coroutine function."""

    class One:
        async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
            await work(assignment, desk)
            return Result(assignment.task.id, output="{}")

    @asynccontextmanager
    async def made(home: Home) -> AsyncGenerator[Worker, None]:
        del home
        yield One()

    return made


def intent(step: int = 1, tries: int = 1) -> CallIntended:
    return CallIntended(TaskId("t0"), 1, step, tries, f"request {step}", "key", 7, 9)


# ---------------------------------------------------------------- a whole run


async def carried_out(crew: RemoteCrew, plan: Plan, bill: Bill, at: Callable[[Event], None]) -> Supervisor:
    """The plan through a real supervisor; `at` sees every committed fact."""

    def watch(event: Event) -> None:
        bill.watch(event)
        at(event)

    chief = Supervisor(MemoryJournal(), RunFold(), crew, LoopClock(), SeededChance(1), watch)
    opened = RunOpened("sim", plan.spec.fingerprint, "0", plan.spec.budget)
    await chief.record(opened, PlanProposed(plan), PlanApproved(plan.fingerprint, "test"))
    await chief.carry_out(deadline=1e9)
    return chief


@pytest.mark.parametrize("cut_at", [1, 4, 9, 16, 23])
async def test_a_cut_line_costs_no_committed_answer(tmp_path: Path, cut_at: int) -> None:
    """The n-th answer is on record and a host dies: all tasks land, and no request with an answer is asked again."""
    bill, answers = Bill(tmp_path / "bill"), 0
    async with near(functools.partial(staff, bill=str(bill.path), seconds=0.001)) as hosts:

        def cut(event: Event) -> None:
            nonlocal answers
            answers += isinstance(event.body, CallAnswered)
            if answers == cut_at and len(hosts.lines) == 2 and isinstance(event.body, CallAnswered):
                hosts.lines[0].cut()

        chief = await carried_out(hosts.crew, wide_plan(6, agents=4), bill, cut)
    run = chief.state.run()
    assert not run.missing
    assert len(hosts.lines) == 3, "the dead host was replaced"
    assert bill.bought_again() == []
    asked = sum(line[0] == "asked" for line in bill.lines())
    assert run.tally.steps == 6 * 4 + 1
    assert asked <= run.tally.calls == run.tally.steps + run.tally.lost
    assert run.tally.lost <= 2, "only what was in flight on one host"


async def test_the_budget_holds_over_hosts(tmp_path: Path) -> None:
    """A cap of money ends the run as budget, on whatever host the agent was that met it."""
    bill = Bill(tmp_path / "bill")
    async with near(functools.partial(staff, bill=str(bill.path), seconds=0.001)) as hosts:
        chief = await carried_out(hosts.crew, wide_plan(6, agents=4, usd=0.005), bill, lambda event: None)
    assert chief.state.stop is not None
    assert chief.state.stop.reason == "budget"
    assert chief.state.ledger.nanos <= 5_000_000


async def test_passing_progress_comes_home() -> None:
    """What a model streams on a host is heard by the driver's screen, also when there is nothing else to say."""
    heard = asyncio.Event()

    class Streaming:
        def __init__(self, home: Home) -> None:
            self.home = home

        async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
            self.home.notice(assignment.task.id, 7)
            await heard.wait()
            return Result(assignment.task.id, output="{}")

    @asynccontextmanager
    async def made(home: Home) -> AsyncGenerator[Worker, None]:
        yield Streaming(home)

    async with near(made, screen=heard.set) as hosts:
        await asyncio.wait_for(hosts.crew.work(ASSIGNMENT, desk=PlainDesk()), 20)
    assert hosts.noticed == [("t0", 7)]


# ---------------------------------------------------------------- one assignment


async def test_an_agent_acts_only_on_what_was_acknowledged() -> None:
    """`record` returns after the driver's commit and not before."""
    order: list[str] = []

    class SlowDesk(PlainDesk):
        async def record(self, *facts: Body) -> None:
            for _ in range(10):
                await asyncio.sleep(0)
            order.append("committed")

    async def work(assignment: Assignment, desk: Desk) -> None:
        await desk.record(intent())
        order.append("called")

    async with near(doing(work)) as hosts:
        await hosts.crew.work(ASSIGNMENT, desk=SlowDesk())
    assert order == ["committed", "called"]


async def test_an_open_call_of_a_dead_host_is_booked_lost_and_its_record_goes_along() -> None:
    """The second host is told the answered step, and the call in flight is booked at its reservation, once."""
    desk, seen = PlainDesk(), list[Sequence[Body]]()
    answered = CallAnswered(TaskId("t0"), 1, 1, 1, "request 1", "a", (), "", "stop", Usage(), 3, 0.1)

    async def work(assignment: Assignment, desk: Desk) -> None:
        seen.append([*desk.recorded("t0", 1, 1), *desk.recorded("t0", 1, 2)])
        if len(seen) == 1:
            await desk.record(intent(1))
            await desk.record(answered, intent(2))
            hosts.lines[0].cut()
            await asyncio.Event().wait()

    async with near(doing(work)) as hosts:
        result = await hosts.crew.work(ASSIGNMENT, desk=desk)
    lost = CallLost(TaskId("t0"), 1, 2, 1, "HostDied: killed", 7, 9)
    assert result.landed
    assert desk.facts == [intent(1), answered, intent(2), lost]
    assert seen == [[], [intent(1), answered, intent(2), lost]]


async def test_a_call_that_an_earlier_process_left_open_is_not_booked_twice() -> None:
    """It was lost when the run was taken up again; a host that dies now adds nothing to it."""
    desk = PlainDesk(facts=[intent(1)])

    async def work(assignment: Assignment, desk: Desk) -> None:
        if len(hosts.lines) == 1:
            hosts.lines[0].cut()
            await asyncio.Event().wait()

    async with near(doing(work)) as hosts:
        await hosts.crew.work(ASSIGNMENT, desk=desk)
    assert desk.facts == [intent(1)]


async def test_after_three_dead_hosts_the_attempt_fails_as_data() -> None:
    """An assignment that kills its hosts does not do so for ever; a sibling that moves on meanwhile lands."""
    desk, moved = PlainDesk(), asyncio.Event()

    async def work(assignment: Assignment, desk: Desk) -> None:
        if assignment.task.id == "t0":
            await moved.wait()
            moved.clear()
            hosts.lines[-1].cut()
            await asyncio.Event().wait()
        await desk.record(StopRequested("a step forward"))
        moved.set()
        if len(hosts.lines) < 4:
            await asyncio.Event().wait()

    other = Task(TaskId("t1"), TaskKind.WORK, "worker", "", ASSIGNMENT.task.schema, "specialist")
    async with near(doing(work), hosts=1) as hosts:
        failed, landed = await asyncio.gather(
            hosts.crew.work(ASSIGNMENT, desk=desk), hosts.crew.work(Assignment(other, 1), desk=desk)
        )
    assert failed.failure == "HostDied: 3 hosts died under this agent; killed"
    assert landed.landed
    assert len(hosts.lines) == 4


async def test_a_host_that_talks_nonsense_is_a_dead_host() -> None:
    """Nobody waits for ever for what cannot be read; another host takes over."""
    desk = PlainDesk()

    async def work(assignment: Assignment, desk: Desk) -> None:
        if len(hosts.lines) == 1:
            hosts.lines[0].heard(b'{"recordings": 7}')
            await asyncio.Event().wait()

    async with near(doing(work)) as hosts:
        assert (await asyncio.wait_for(hosts.crew.work(ASSIGNMENT, desk=desk), 20)).landed
    assert not hosts.lines[0].alive


async def test_assignments_go_to_the_host_with_the_least() -> None:
    """Six at once on three hosts: two each."""
    started = asyncio.Semaphore(0)
    go = asyncio.Event()

    async def work(assignment: Assignment, desk: Desk) -> None:
        started.release()
        await go.wait()

    async with near(doing(work), hosts=3) as hosts, asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(hosts.crew.work(ASSIGNMENT, desk=PlainDesk()))
        for _ in range(6):
            await started.acquire()
        loads = [len(line.host._agents) for line in hosts.lines]
        go.set()
    assert loads == [2, 2, 2]


async def test_a_cancelled_assignment_ends_its_agent_and_what_it_paid_for_is_kept() -> None:
    """The agent far away is cancelled too; what it still puts on record arrives."""
    desk, started = PlainDesk(), asyncio.Event()

    async def work(assignment: Assignment, desk: Desk) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await desk.record(StopRequested("paid for"))

    async with near(doing(work)) as hosts, asyncio.TaskGroup() as group:
        agent = group.create_task(hosts.crew.work(ASSIGNMENT, desk=desk))
        await started.wait()
        agent.cancel()
    assert agent.cancelled()
    assert desk.facts == [StopRequested("paid for")]
    assert hosts.lines[0].host._agents == {}


async def test_rest_is_the_runs_and_bodies_come_home_before_their_facts() -> None:
    """A wait goes to the driver's clock; a body to its blob store."""
    desk = PlainDesk()

    class One:
        def __init__(self, home: Home) -> None:
            self.home = home

        async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
            await desk.rest(2.5)
            digest = self.home.keep(b"\x00 large")
            await desk.record(StopRequested(digest))
            return Result(assignment.task.id, output=digest)

    @asynccontextmanager
    async def made(home: Home) -> AsyncGenerator[Worker, None]:
        yield One(home)

    async with near(made) as hosts:
        result = await hosts.crew.work(ASSIGNMENT, desk=desk)
    assert desk.rested == [2.5]
    assert hosts.kept == [b"\x00 large"]
    assert result.output == sha256(b"\x00 large").hexdigest()


async def test_batches_may_overtake_one_another() -> None:
    """A recall that arrives before its assignment still ends it."""
    host = Host(doing(lambda assignment, desk: asyncio.Event().wait()))
    async with asyncio.TaskGroup() as group:
        group.create_task(host.serve())
        await host.give(packed(ToHost(recalled=(7,))))
        await host.give(packed(ToHost(assigned=(Assigned(7, ASSIGNMENT),))))
        assert b'"ticket":7,"result":null' in await host.take()
        await host.end()


# ---------------------------------------------------------------- errors on their way


ALL = sorted(ERRORS)


def made(name: str) -> StropError:
    """An error of this kind with everything it can carry."""
    kind = ERRORS[name]
    if kind is EndpointDown:
        return EndpointDown("gone", billed=True)
    if kind is RateLimited:
        return RateLimited("slow down", retry_after=2.5)
    return SpecRefused("no deliverable", line=3, fix="add one") if kind is SpecRefused else kind(name)


@pytest.mark.parametrize("name", ALL)
async def test_every_error_comes_through_as_itself(name: str) -> None:
    """Raised by the driver's desk it is the same on the host; raised on the host, the same in the driver."""
    sent, met = made(name), list[StropError]()

    async def work(assignment: Assignment, desk: Desk) -> None:
        try:
            await desk.record(intent())
        except StropError as caught:
            met.append(caught)
            raise

    async with near(doing(work)) as hosts:
        with pytest.raises(StropError) as back:
            await hosts.crew.work(ASSIGNMENT, desk=PlainDesk(refusal=sent))
    for error in (met[0], back.value):
        assert type(error) is type(sent)
        assert str(error) == str(sent)
        assert getattr(error, "billed", None) == getattr(sent, "billed", None)
        assert getattr(error, "retry_after", None) == getattr(sent, "retry_after", None)


def test_the_errors_that_end_a_run_are_in_the_table() -> None:
    """The table is the tree of errors.py, whole."""
    assert {BudgetExhausted, JournalFault, AgentPaused, MissingPart, ModelFailure} <= set(ERRORS.values())
    assert ERRORS.keys() == {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, StropError)
    }


def test_an_error_outside_the_table_is_no_object_of_ours() -> None:
    """A name that is not ours is told as a fault, and nothing is looked up by it."""
    back = error_of(Fault("SystemExit", "bye"))
    assert type(back) is JournalFault
    assert "'SystemExit', which is no error of this strop: bye" in str(back)

    class Fancy(BudgetExhausted):
        """A kind that somebody made elsewhere: it travels as the nearest of ours."""

    assert fault_of(Fancy("x")).name == "BudgetExhausted"


async def test_what_else_breaks_in_an_agent_is_its_own_failure() -> None:
    """As with agents of this process: data, and the siblings go on."""

    async def work(assignment: Assignment, desk: Desk) -> None:
        raise KeyError("nothing of ours")

    async with near(doing(work)) as hosts:
        result = await hosts.crew.work(ASSIGNMENT, desk=PlainDesk())
    assert result.failure == "KeyError: 'nothing of ours'"


async def test_a_host_that_lacks_something_says_so() -> None:
    """The factory's refusal reaches whoever gave the work out; nothing waits for ever."""
    async with near(no_staff) as hosts:
        with pytest.raises(MissingPart, match="no key: set KIMI_API_KEY"):
            await hosts.crew.work(ASSIGNMENT, desk=PlainDesk())
