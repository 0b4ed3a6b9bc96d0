"""Carries a plan out: reads commands off the schedule, starts workers, commits what they report.

One TaskGroup, one owner of schedule and ledger. Facts are committed, then applied; a worker acts only
on what was committed. What several agents have to record in the same turn of the event loop goes into
one commit, at once when nobody else has anything. A failed agent is data and never stops its siblings;
only a cap, the clock, a quota, a broken journal or the user ends the run, and then what has landed stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from strop.errors import (
    AgentPaused,
    AuthRefused,
    BudgetExhausted,
    CrewDown,
    EndpointDown,
    JournalFault,
    QuotaExhausted,
    StropError,
    Unreachable,
)
from strop.seams import Assignment, Chance, Clock, Journal, Worker
from strop.swarm.conversation import Outdated
from strop.swarm.fold import RunFold
from strop.swarm.guards.backoff import delay
from strop.swarm.guards.hedge import Hedged, Hedging
from strop.swarm.guards.outlier import Cost, Siblings
from strop.swarm.schedule import Block, Finish, Start, Wake
from strop.types.events import (
    Answered,
    Asked,
    AttemptEnded,
    AttemptStarted,
    Body,
    BudgetRaised,
    CallIntended,
    Event,
    StopRequested,
)
from strop.types.fingerprint import digest
from strop.types.trial import Result
from strop.types.work import Task, TaskId, TaskKind

STRIKES = 3
"""Attempts of a task before it fails for good: a fresh context for the second, another model for the third."""
READINGS = 2
"""The same for a reading, which the gate has repaired besides."""
GO_ON, END = "go-on", "end"
"""What a person may answer about an agent that costs too much."""
WITNESSES = 3
"""Tasks that get no answer any more before an endpoint that has answered others is held to be down."""
RESERVE = 0.05
"""Share of the run's minutes kept for the gate and the files."""
DRAIN = 10.0
"""Seconds that calls in flight get to land after a stop."""


@dataclass(slots=True)
class _Entry:
    """Facts of one recorder that wait for the next commit."""

    facts: list[Body]
    held: list[CallIntended]
    done: asyncio.Future[None]


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
    siblings: Siblings = field(default_factory=Siblings)
    hedging: Hedging = field(default_factory=Hedging)
    reserve: bool = False
    """Another model stands by for the last attempt."""
    _queue: list[_Entry] = field(default_factory=list[_Entry])
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    """Something waits in the queue."""
    _committing: bool = False
    """The committer runs: facts go through the queue."""
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the one who waits for room."""
    _agents: dict[TaskId, asyncio.Task[None]] = field(default_factory=dict[TaskId, "asyncio.Task[None]"])
    _deadline: float = 0.0
    """Run clock, seconds: when the work must end."""
    _unanswered: set[TaskId] = field(default_factory=set[TaskId])
    """Tasks that an endpoint failed since anybody was last answered."""
    _answers: int = 0
    """Steps of the run at that time."""
    _broken: StropError | None = None
    _asked: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        # The run's clock goes on where the journal ended: time while nobody worked does not count.
        self._offset = self.state.seconds - self.clock.now()
        for name, result in self.state.results.items():
            if result.landed and name in self.state.tasks:
                self.siblings.landed(self.state.tasks[name], self._cost(name))

    @property
    def now(self) -> float:
        """Run clock in seconds."""
        return self.clock.now() + self._offset

    async def record(self, *facts: Body) -> None:
        """See `seams.Desk`. What does not fit a cap is left out, the rest is committed, then it raises.

        A call that only the reservations of others keep out waits until they settle: they are worst cases. A
        hedge waits for nothing.
        """
        held: list[CallIntended] = []
        refusal: StropError | None = None
        fitting: list[Body] = []
        for fact in facts:
            if isinstance(fact, CallIntended):
                refusal = self._refusal(fact)
                if refusal is not None and fitting:  # before queueing, or what it holds would block the queue
                    await self._commit(fitting, held)
                    fitting, held = [], []
                if refusal is not None and not fact.hedge:
                    refusal = await self._room_for(fact)
                if refusal is not None:
                    break
                self.state.ledger.hold(fact)
                held.append(fact)
            fitting.append(fact)
        if fitting:
            await self._commit(fitting, held)
        if refusal is not None:
            raise refusal

    async def _room_for(self, intent: CallIntended) -> StropError | None:
        """Wait until a call fits, first come first served: a commit wakes one agent, not hundreds."""
        async with self._door:
            while (refusal := self._refusal(intent)) is not None and self._may_fit_later(refusal):
                self._freed.clear()
                await self._freed.wait()
            return refusal

    def _may_fit_later(self, refusal: StropError) -> bool:
        """Whether something in flight may give room."""
        if isinstance(refusal, AgentPaused) or self.state.schedule.stopping:
            return False
        return self.state.ledger.in_flight > 0

    def _refusal(self, intent: CallIntended) -> StropError | None:
        """Why this call may not be made now; None where it may."""
        if self.state.schedule.stopping:
            return BudgetExhausted(f"the run is stopping ({self.state.schedule.stopping})")
        task = self.state.tasks.get(intent.task)
        if task is not None and task.id not in self.state.waived:
            said = self.siblings.outlier(task, self._cost(task.id))
            if said:
                return AgentPaused(said)
        said = self.state.ledger.refusal(intent) or (self._no_hedge(intent) if intent.hedge else "")
        return BudgetExhausted(said) if said else None

    def _no_hedge(self, intent: CallIntended) -> str:
        """Why this second call may not be made; empty where it may."""
        if self._door.locked():
            return "other calls wait for room"
        ledger = self.state.ledger
        so_far = Hedged(ledger.calls, ledger.hedges, ledger.hedge_nanos)
        return self.hedging.refusal(so_far, nanos=intent.nanos, nanos_cap=ledger.nanos_cap)

    async def _commit(self, facts: Sequence[Body], held: Sequence[CallIntended] = ()) -> None:
        """Commit and apply; together with what others record in this turn of the loop, where agents run."""
        entry = _Entry(list(facts), list(held), asyncio.get_running_loop().create_future())
        if not self._committing:
            await self._commit_all([entry])
            return entry.done.result()
        self._queue.append(entry)
        self._due.set()
        try:
            await entry.done
        except asyncio.CancelledError:
            # What was paid is kept; a call that will not be made any more is taken back, where it still can be.
            if entry in self._queue:
                entry.facts = [fact for fact in entry.facts if not isinstance(fact, CallIntended)]
                self._release(entry)
            raise

    async def _commit_all(self, entries: Sequence[_Entry]) -> None:
        try:
            events = await self.journal.append([fact for entry in entries for fact in entry.facts], at=self.now)
        except BaseException as caught:
            for entry in entries:
                self._release(entry)
                if not entry.done.done():
                    entry.done.set_exception(caught)
                    entry.done.exception()  # looked at here, in case nobody waits any more
            if not isinstance(caught, JournalFault):
                raise
            return
        for event in events:
            self.state.apply(event)
            self.watch(event)
        for entry in entries:
            if not entry.done.done():
                entry.done.set_result(None)
        self._freed.set()

    def _release(self, entry: _Entry) -> None:
        for intent in entry.held:
            self.state.ledger.release(intent)
        entry.held = []

    async def _keep_committing(self) -> None:
        """The one who writes: takes whatever waits, commits it, and again. Ends when told that nobody is left."""
        while self._committing or self._queue:
            if not self._queue:
                self._due.clear()
                await self._due.wait()
                continue
            entries, self._queue = self._queue, []
            await self._commit_all(entries)

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
            self._deadline = max(self._deadline, deadline)
            self._committing = self.state.live = True
            writer = group.create_task(self._keep_committing())
            timer = group.create_task(self._time_out())
            try:
                await self._steer(group)
            except JournalFault as caught:  # as itself below, and not in the group's wrapping
                self._broken = caught
            finally:
                timer.cancel()
                await self._dismiss()
                self._committing = False
                self._due.set()
                await asyncio.wait([writer])
        if self._broken is not None:
            raise self._broken

    async def _dismiss(self) -> None:
        """End every agent that is still there, and wait until what it has to record is in the queue."""
        agents = list(self._agents.values())
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)

    async def answered(self, answer: Answered) -> None:
        """A person has decided about a paused agent: it goes on where it was, or its task fails."""
        asked = self.state.questions.get(answer.question)
        if asked is None or answer.answer not in asked.options:
            return  # used before, or not ours
        facts: list[Body] = [answer]
        if answer.answer != asked.options[0]:
            ended = Result(asked.task, failure=f"Ended by {answer.by}: {asked.text}")
            facts.append(AttemptEnded(asked.task, asked.attempt, ended))
        else:
            self.state.recall(asked.task, asked.attempt, self.journal.read())
        await self._commit(facts)
        self._wake.set()

    async def raise_caps(self, raised: BudgetRaised) -> None:
        """A person has approved other caps while the run goes on; time is only ever added."""
        await self._commit([raised])
        self._deadline = max(self._deadline, raised.minutes * 60 * (1 - RESERVE))
        self._wake.set()

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
            commands = self.state.schedule.decide(self.now)
            if any(isinstance(command, Finish) for command in commands):
                return
            starts = [command for command in commands if isinstance(command, Start)]
            blocks = [command for command in commands if isinstance(command, Block)]
            if starts or blocks:
                await self._commit([*map(self._started, starts), *map(_blocked, blocks)])
                for task, attempt in ((start.task, start.attempt) for start in starts):
                    self._agents[task.id] = group.create_task(self._attempt(task, attempt))
            if blocks:
                self._wake.set()
            wake = next((command.at for command in commands if isinstance(command, Wake)), None)
            if self.state.schedule.stopping:
                await self._let_drain()
                return
            await self._first_of(self._wake.wait(), wake)

    async def _attempt(self, task: Task, attempt: int) -> None:
        """One attempt, from assignment to its end on record. Raises nothing but cancellation."""
        try:
            steps = self.state.ledger.steps
            result = await self._work(task, attempt)
            if self.state.ledger.steps == steps and self._is_down(task, result.failure):
                await self._halt("endpoint", result.failure)
                return
            retry_at = None
            strikes = READINGS if task.kind is TaskKind.READ else STRIKES
            outdated = result.failure.startswith(Outdated.__name__)  # an upgrade between two lives costs no strike
            if result.failure and (outdated or attempt < strikes):
                retry_at = self.now + delay(attempt, chance=self.chance.random())
            await self._commit([AttemptEnded(task.id, attempt, result, retry_at)])
            if result.landed:
                self.siblings.landed(task, self._cost(task.id))
        except AgentPaused as caught:
            await self._ask(task, attempt, str(caught))
        except (BudgetExhausted, QuotaExhausted, AuthRefused, CrewDown) as caught:
            await self._halt(_REASONS[type(caught)], str(caught))
        except JournalFault as caught:
            self._broken = caught
        finally:
            self._agents.pop(task.id, None)
            self._wake.set()

    def _is_down(self, task: Task, failure: str) -> bool:
        """Whether an agent failed through its endpoint, and not through what it asked; nobody was answered meanwhile.

        An endpoint that answers others and fails one prompt for ever is not down: that agent has its three
        strikes. It is down when it cannot be reached, when it never answered anybody, or when several tasks at
        once get nothing from it any more.
        """
        if failure.startswith(Unreachable.__name__):
            return True
        if not failure.startswith(EndpointDown.__name__):
            return False
        ledger = self.state.ledger
        if ledger.steps != self._answers:
            self._answers, self._unanswered = ledger.steps, set()
        self._unanswered.add(task.id)
        answered = any(each in ledger.steps_by_task for each in self.state.tasks)
        return not answered or len(self._unanswered) >= WITNESSES

    async def _work(self, task: Task, attempt: int) -> Result:
        """The worker's result; whatever else it raises becomes a failed result, and siblings go on."""
        try:
            return await self.worker.work(self._assignment(task, attempt), desk=self)
        except (BudgetExhausted, QuotaExhausted, AuthRefused, CrewDown, JournalFault, AgentPaused):
            raise
        except Exception as caught:  # noqa: BLE001 - the boundary between an agent and its siblings
            return Result(task.id, failure=f"{type(caught).__name__}: {caught}")

    def _started(self, start: Start) -> AttemptStarted:
        role = "reserve" if self.reserve and (start.task.reserve or start.attempt >= STRIKES) else "worker"
        return AttemptStarted(start.task.id, start.attempt, model=role)

    def _cost(self, task: TaskId) -> Cost:
        ledger = self.state.ledger
        return Cost(ledger.nanos_by_task.get(task, 0), ledger.tokens_by_task.get(task, 0))

    async def _ask(self, task: Task, attempt: int, said: str) -> None:
        """Put a question to a person; the attempt stays open on record and its siblings go on."""
        question = digest([self.state.opened, task.id, attempt, "outlier", said])[:16]
        await self._commit([Asked(question, task.id, attempt, "outlier", said, (GO_ON, END))])

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
        landed = [results[need] for need in task.needs if need in results and results[need].landed]
        inputs = tuple((result.task, result.output) for result in landed)
        claims = tuple(claim for result in landed for claim in result.claims)
        earlier = results.get(task.id)
        notes = (earlier.failure, *earlier.notes) if attempt > 1 and earlier is not None else ()
        told = (*task.repairs, *notes)
        other = task.reserve or attempt >= STRIKES
        return Assignment(task, attempt, inputs, plan.guides(task), told, reserve=other, claims=claims)

    async def _let_drain(self) -> None:
        """Give calls in flight their last seconds, then cancel; what is cut off stays open on record."""
        agents = list(self._agents.values())
        if agents and not self._hurry.is_set():
            await self._first_of(asyncio.wait(agents), self.now + self.drain, self._hurry.wait())
        await self._dismiss()

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

    async def _time_out(self) -> None:
        while (left := self._deadline - self.now) > 0:  # asked again: a person may have given the run more time
            await self.clock.sleep(left)
        await self._halt("minutes", f"{self._deadline / 60:.1f} minutes are over")


def _blocked(block: Block) -> AttemptEnded:
    return AttemptEnded(block.task.id, 1, Result(block.task.id, failure=f"Blocked: {block.reason}"))


_REASONS = {BudgetExhausted: "budget", QuotaExhausted: "quota", AuthRefused: "auth", CrewDown: "crew"}
