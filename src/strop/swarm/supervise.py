"""Carries a plan out: reads commands off the schedule, starts workers, commits what they report.

One TaskGroup, one owner of schedule and ledger. Facts are committed, then applied; a worker acts only
on what was committed. A failed agent is data and never stops its siblings; only a cap, the clock, a
quota, a broken journal or the user ends the run, and then what has landed stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from strop.errors import AuthRefused, BudgetExhausted, EndpointDown, JournalFault, QuotaExhausted, StropError
from strop.seams import Assignment, Chance, Clock, Journal, Worker
from strop.swarm.fold import RunFold
from strop.swarm.guards.backoff import delay
from strop.swarm.schedule import Block, Finish, Start, Wake
from strop.types.events import (
    AttemptEnded,
    AttemptStarted,
    Body,
    CallIntended,
    Event,
    StopRequested,
)
from strop.types.trial import Result
from strop.types.work import Task, TaskId

ATTEMPTS = 2
"""Tries of a task before it fails for good; the second starts on a fresh context."""
DRAIN = 10.0
"""Seconds that calls in flight get to land after a stop."""


@dataclass(slots=True)
class Supervisor:
    """Owns the fold of one run while it is carried out; implements `seams.Desk`."""

    journal: Journal
    state: RunFold
    worker: Worker
    clock: Clock
    chance: Chance
    watch: Callable[[Event], None] = lambda event: None
    """Hears every committed fact; screens hang here."""
    drain: float = DRAIN
    _offset: float = 0.0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at every commit: a reservation may have settled."""
    _agents: dict[TaskId, asyncio.Task[None]] = field(default_factory=dict[TaskId, "asyncio.Task[None]"])
    _broken: StropError | None = None
    _asked: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        # The run's clock goes on where the journal ended: time while nobody worked does not count.
        self._offset = self.state.seconds - self.clock.now()

    @property
    def now(self) -> float:
        """Run clock in seconds."""
        return self.clock.now() + self._offset

    async def record(self, *facts: Body) -> None:
        """See `seams.Desk`. What does not fit a cap is left out, the rest is committed, then it raises.

        A call that only the reservations of others keep out waits until they settle: they are worst cases.
        """
        held: list[CallIntended] = []
        refusal = ""
        fitting: list[Body] = []
        for fact in facts:
            if isinstance(fact, CallIntended):
                while (refusal := self._refusal(fact)) and self._may_fit_later(fitting):
                    if fitting:
                        await self._commit(fitting, held)
                        fitting, held = [], []
                        continue
                    self._freed.clear()
                    await self._freed.wait()
                if refusal:
                    break
                self.state.ledger.hold(fact)
                held.append(fact)
            fitting.append(fact)
        if fitting:
            await self._commit(fitting, held)
        if refusal:
            raise BudgetExhausted(refusal)

    def _may_fit_later(self, waiting: Sequence[Body]) -> bool:
        """Whether something in flight, or answered in what waits to be committed, may give room."""
        return not self.state.schedule.stopping and (self.state.ledger.in_flight > 0 or bool(waiting))

    def _refusal(self, intent: CallIntended) -> str:
        if self.state.schedule.stopping:
            return f"the run is stopping ({self.state.schedule.stopping})"
        return self.state.ledger.refusal(intent)

    async def _commit(self, facts: Sequence[Body], held: Sequence[CallIntended] = ()) -> None:
        try:
            events = await self.journal.append(facts, at=self.now)
        except BaseException:
            for intent in held:
                self.state.ledger.release(intent)
            raise
        for event in events:
            self.state.apply(event)
            self.watch(event)
        self._freed.set()

    async def rest(self, seconds: float) -> None:
        """See `seams.Desk`."""
        await self.clock.sleep(seconds)

    def recorded(self, task: str, attempt: int, step: int) -> Sequence[Body]:
        """See `seams.Desk`."""
        return self.state.steps_of(TaskId(task), attempt, step)

    def ask_to_stop(self, reason: str, said: str) -> None:
        """The same from outside the loop's tasks (a signal handler): taken up at the next turn."""
        self._asked = (reason, said)
        self._wake.set()

    async def carry_out(self, *, deadline: float) -> None:
        """Run until nothing is left to do, or a cap, the deadline or a stop ends it.

        `deadline` is on the run clock, in seconds.

        Raises:
            JournalFault: facts could not be committed; what was committed stands.
        """
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(self._time_out(deadline))
            try:
                await self._steer(group)
            except JournalFault as caught:  # as itself below, and not in the group's wrapping
                self._broken = caught
            finally:
                timer.cancel()
                for agent in self._agents.values():
                    agent.cancel()
        if self._broken is not None:
            raise self._broken

    async def stop(self, reason: str, said: str) -> None:
        """Ask for an orderly end: nothing new starts, calls in flight get `drain` seconds."""
        if not self.state.schedule.stopping:
            await self._commit([StopRequested(reason, said)])
        self._wake.set()

    def hurry(self) -> None:
        """After a stop: do not wait for calls in flight."""
        self._hurry.set()

    async def _steer(self, group: asyncio.TaskGroup) -> None:
        while self._broken is None:
            self._wake.clear()
            if self._asked is not None:
                await self.stop(*self._asked)
            wake: float | None = None
            for command in self.state.schedule.decide(self.now):
                match command:
                    case Start(task, attempt):
                        await self._commit([AttemptStarted(task.id, attempt, model=task.role)])
                        self._agents[task.id] = group.create_task(self._attempt(task, attempt))
                    case Block(task, reason):
                        await self._commit([AttemptEnded(task.id, 1, Result(task.id, failure=f"Blocked: {reason}"))])
                        self._wake.set()
                    case Wake(at):
                        wake = at
                    case Finish():
                        return
            if self.state.schedule.stopping:
                await self._let_drain()
                return
            await self._first_of(self._wake.wait(), wake)

    async def _attempt(self, task: Task, attempt: int) -> None:
        """One attempt, from assignment to its end on record. Raises nothing but cancellation."""
        try:
            steps = self.state.ledger.steps
            result = await self._work(task, attempt)
            if result.failure.startswith(EndpointDown.__name__) and self.state.ledger.steps == steps:
                # All tries of this agent failed, and nobody else was answered meanwhile: it is not the agent.
                await self._halt("endpoint", result.failure)
                return
            retry_at = None
            if result.failure and attempt < ATTEMPTS:
                retry_at = self.now + delay(attempt, chance=self.chance.random())
            await self._commit([AttemptEnded(task.id, attempt, result, retry_at)])
        except (BudgetExhausted, QuotaExhausted, AuthRefused) as caught:
            await self._halt(_REASONS[type(caught)], str(caught))
        except JournalFault as caught:
            self._broken = caught
        finally:
            self._agents.pop(task.id, None)
            self._wake.set()

    async def _work(self, task: Task, attempt: int) -> Result:
        """The worker's result; whatever else it raises becomes a failed result, and siblings go on."""
        try:
            return await self.worker.work(self._assignment(task, attempt), desk=self)
        except (BudgetExhausted, QuotaExhausted, AuthRefused, JournalFault):
            raise
        except Exception as caught:  # noqa: BLE001 - the boundary between an agent and its siblings
            return Result(task.id, failure=f"{type(caught).__name__}: {caught}")

    async def _halt(self, reason: str, said: str) -> None:
        try:
            await self.stop(reason, said)
        except JournalFault as caught:
            self._broken = caught
            self._wake.set()

    def _assignment(self, task: Task, attempt: int) -> Assignment:
        plan = self.state.plan
        assert plan is not None, "a task can only start from a plan"
        results = self.state.results
        inputs = tuple((need, results[need].output) for need in task.needs if need in results and results[need].landed)
        earlier = results.get(task.id)
        notes = (earlier.failure,) if attempt > 1 and earlier is not None else ()
        return Assignment(task, attempt, inputs, plan.guidance, (*task.repairs, *notes))

    async def _let_drain(self) -> None:
        """Give calls in flight their last seconds, then cancel; what is cut off stays open on record."""
        agents = list(self._agents.values())
        if agents and not self._hurry.is_set():
            await self._first_of(asyncio.wait(agents), self.now + self.drain, self._hurry.wait())
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)

    async def _first_of(
        self, event: Coroutine[Any, Any, object], until: float | None, *others: Coroutine[Any, Any, object]
    ) -> None:
        """Wait for the first of these, or for `until` (run clock, seconds)."""
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(each) for each in (event, *others)]
            if until is not None:
                waits.append(group.create_task(self.clock.sleep(max(0.0, until - self.now))))
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()

    async def _time_out(self, deadline: float) -> None:
        await self.clock.sleep(max(0.0, deadline - self.now))
        await self._halt("minutes", f"{deadline / 60:.1f} minutes are over")


_REASONS = {BudgetExhausted: "budget", QuotaExhausted: "quota", AuthRefused: "auth"}
