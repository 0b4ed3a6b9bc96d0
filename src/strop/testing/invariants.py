"""What must hold of every run, however it was broken: DESIGN.md section 5 as functions over facts and bill.

Each function takes a `Story` and returns what is wrong with it, in sentences; nothing when all holds. They
count for themselves, from the journal's events and the world's bill, and ask neither schedule nor ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from strop.swarm.fold import fold
from strop.swarm.guards.hedge import SHARE
from strop.testing.world_model import Purchase
from strop.types.events import (
    Asked,
    AttemptEnded,
    AttemptStarted,
    BudgetRaised,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    Event,
    PlanExtended,
    PlanProposed,
    RunOpened,
    RunReopened,
    StopRequested,
)
from strop.types.trial import Result
from strop.types.work import Task, TaskId, TaskKind

CallKey: TypeAlias = tuple[TaskId, int, int, int]


@dataclass(frozen=True, slots=True)
class Story:
    """One run, whole: what its journal says and what the world was paid."""

    events: tuple[Event, ...]
    bill: tuple[Purchase, ...]
    most_open: int = 0
    """Calls that were open at once, as the world saw them."""
    writers: int = 1
    """Processes that worked on it at the same time."""

    @property
    def tasks(self) -> dict[TaskId, Task]:
        found: dict[TaskId, Task] = {}
        for event in self.events:
            match event.body:
                case PlanProposed(plan):
                    found.update((task.id, task) for task in plan.tasks)
                case PlanExtended(tasks):
                    found.update((task.id, task) for task in tasks)
                case _:
                    pass
        return found

    @property
    def results(self) -> dict[TaskId, Result]:
        """The last result of every task whose last attempt is over."""
        found: dict[TaskId, Result] = {}
        for event in self.events:
            match event.body:
                case AttemptEnded(task) if event.body.result.landed or event.body.retry_at is None:
                    found[task] = event.body.result
                case _:
                    pass
        return found

    @property
    def outputs(self) -> dict[TaskId, str]:
        """What every task left."""
        return {task: result.output for task, result in self.results.items() if result.landed}

    @property
    def stop(self) -> StopRequested | None:
        """Why the last life ended before its work did."""
        stop: StopRequested | None = None
        for event in self.events:
            match event.body:
                case StopRequested():
                    stop = event.body
                case RunReopened() | BudgetRaised():
                    stop = None
                case _:
                    pass
        return stop


Invariant: TypeAlias = Callable[[Story], Iterator[str]]


# ---------------------------------------------------------------- money


@dataclass(slots=True)
class Books:
    """What is held, settled and lost, counted from the facts alone. Nano-dollars, tokens, steps."""

    nanos_cap: int = 0
    tokens_cap: int = 0
    steps_cap: int = 0
    settled: int = 0
    lost: int = 0
    tokens: int = 0
    steps: int = 0
    held: dict[CallKey, CallIntended] = field(default_factory=dict[CallKey, CallIntended])
    held_nanos: int = 0
    held_tokens: int = 0
    ended: set[CallKey] = field(default_factory=set[CallKey])

    def apply(self, event: Event) -> Iterator[str]:
        """Book one fact; what is wrong with it comes back."""
        match event.body:
            case RunOpened(budget=budget):
                self.nanos_cap, self.tokens_cap, self.steps_cap = budget.nanos, budget.tokens, budget.steps
            case BudgetRaised(nanos, steps, tokens):
                self.nanos_cap, self.tokens_cap, self.steps_cap = nanos, tokens, steps
            case CallIntended():
                yield from self._hold(_key(event.body), event.body)
            case CallAnswered():
                yield from self._release(_key(event.body), "answered")
                self.settled += event.body.nanos
                self.tokens += event.body.usage.total
                self.steps += 1
            case CallFailed():
                yield from self._release(_key(event.body), "failed")
            case CallLost():
                yield from self._release(_key(event.body), "lost")
                self.lost += event.body.nanos
                self.tokens += event.body.tokens
            case RunReopened():
                self.lost += self.held_nanos
                self.tokens += self.held_tokens
                self.ended.update(self.held)
                self.held.clear()
                self.held_nanos = self.held_tokens = 0
            case _:
                pass

    def over(self) -> Iterator[str]:
        """Which caps are passed now."""
        now = (
            ("nano-dollars", self.settled + self.lost + self.held_nanos, self.nanos_cap),
            ("tokens", self.tokens + self.held_tokens, self.tokens_cap),
            ("steps", self.steps + len(self.held), self.steps_cap),
        )
        return (f"{used:,} of {cap:,} {name} booked and reserved" for name, used, cap in now if used > cap)

    def _hold(self, key: CallKey, intent: CallIntended) -> Iterator[str]:
        if key in self.held or key in self.ended:
            yield f"call {key} was reserved twice"
            return
        self.held[key] = intent
        self.held_nanos += intent.nanos
        self.held_tokens += intent.tokens

    def _release(self, key: CallKey, how: str) -> Iterator[str]:
        self.ended.add(key)
        intent = self.held.pop(key, None)
        if intent is None:
            yield f"call {key} {how}, but nothing is reserved for it"
            return
        self.held_nanos -= intent.nanos
        self.held_tokens -= intent.tokens


def _key(body: CallIntended | CallAnswered | CallFailed | CallLost) -> CallKey:
    return body.task, body.attempt, body.step, body.tries


def booked(story: Story) -> Books:
    """The books after the last fact."""
    books = Books()
    for event in story.events:
        for _ in books.apply(event):
            pass
    return books


def caps_hold(story: Story) -> Iterator[str]:
    """Booked plus reserved never pass a cap, at any fact; steps never pass the budget; the bill stays under the cap."""
    books = Books()
    for event in story.events:
        for _ in books.apply(event):
            pass
        for said in books.over():
            yield f"after event {event.seq}: {said}"
    billed = sum(purchase.nanos for purchase in story.bill)
    if billed > books.nanos_cap:
        yield f"the bill is {billed:,}, the cap {books.nanos_cap:,}"


def hedged_while_open(story: Story) -> Iterator[str]:
    """A step has one call open, or two of which the second is a hedge."""
    open_now: Counter[tuple[TaskId, int, int]] = Counter()
    for event in story.events:
        match event.body:
            case CallIntended(task, attempt, step, hedge=hedge):
                open_now[task, attempt, step] += 1
                if open_now[task, attempt, step] != 1 + hedge:
                    yield f"event {event.seq} is call {open_now[task, attempt, step]} of its step, hedge: {hedge}"
            case CallAnswered(task, attempt, step) | CallFailed(task, attempt, step) | CallLost(task, attempt, step):
                open_now[task, attempt, step] -= 1
            case RunReopened():
                open_now.clear()
            case _:
                pass


def hedges_within(story: Story) -> Iterator[str]:
    """Hedges are at most a share of the calls before them, plus one, and at their worst a share of the money."""
    calls = hedges = nanos = cap = 0
    for event in story.events:
        match event.body:
            case RunOpened(budget=budget):
                cap = budget.nanos
            case BudgetRaised(nanos=raised):
                cap = raised
            case CallIntended(hedge=True):
                if hedges > SHARE * calls:
                    yield f"event {event.seq} is hedge {hedges + 1} after {calls} calls"
                calls, hedges, nanos = calls + 1, hedges + 1, nanos + event.body.nanos
                if nanos > SHARE * cap:
                    yield f"event {event.seq}: {nanos:,} held for hedges, the cap is {cap:,}"
            case CallIntended():
                calls += 1
            case _:
                pass


def given_back_once(story: Story) -> Iterator[str]:
    """Every reservation ends exactly once: with an answer, a failure, as lost, or when its process is gone."""
    books = Books()
    for event in story.events:
        yield from (f"event {event.seq}: {said}" for said in books.apply(event))
        if isinstance(event.body, AttemptEnded):
            ended = event.body.task, event.body.attempt
            yield from (
                f"attempt {ended} ended with call {key} still reserved" for key in books.held if key[:2] == ended
            )
    if story.stop is None and books.held:
        yield f"the run is over and {len(books.held)} calls are still reserved"


def bill_is_covered(story: Story) -> Iterator[str]:
    """The bill lies between what is settled and settled plus lost; each answer is settled at its price, and once."""
    books = booked(story)
    billed = sum(purchase.nanos for purchase in story.bill)
    most = books.settled + books.lost + books.held_nanos
    if not books.settled <= billed <= most:
        yield f"the bill is {billed:,}, settled {books.settled:,}, with what was lost {most:,}"
    paid = {purchase.mark: purchase.nanos for purchase in story.bill}
    answers = [event.body for event in story.events if isinstance(event.body, CallAnswered)]
    for answer in answers:
        if paid.get(answer.reasoning) != answer.nanos:
            yield f"answer {_key(answer)} is booked at {answer.nanos:,}, billed at {paid.get(answer.reasoning)}"
    for mark, times in Counter(answer.reasoning for answer in answers).items():
        if times > 1:
            yield f"purchase {mark} is on record {times} times"
    ledger = fold(story.events).ledger
    tally = ledger.tally(seconds=0.0)
    if (ledger.reserved, ledger.in_flight) != (books.held_nanos, len(books.held)):
        yield f"the ledger holds {ledger.reserved:,} for {ledger.in_flight} calls; its facts say otherwise"
    if (tally.nanos, tally.lost_nanos, tally.steps) != (books.settled + books.lost, books.lost, books.steps):
        yield f"the run reports {tally.nanos:,} nano-dollars, {tally.lost_nanos:,} lost; its facts say otherwise"


def nothing_bought_twice(story: Story) -> Iterator[str]:
    """What stands on record as answered is not asked again, as long as the attempt that it belongs to goes on.

    An attempt that failed is made anew on purpose, and may come to ask the same.
    """
    keys = {purchase.mark: purchase.key for purchase in story.bill}
    over = {
        (event.body.task, event.body.attempt): event.seq
        for event in story.events
        if isinstance(event.body, AttemptEnded)
    }
    committed: dict[str, list[tuple[int, int]]] = {}
    for event in story.events:
        if isinstance(event.body, CallAnswered) and event.body.reasoning in keys:
            until = over.get((event.body.task, event.body.attempt), len(story.events))
            committed.setdefault(keys[event.body.reasoning], []).append((event.seq, until))
    for purchase in story.bill:
        for since, until in committed.get(purchase.key, ()):
            if since <= purchase.rows < until:
                yield f"{purchase.mark} asks again what event {since} answers"


# ---------------------------------------------------------------- order

ROUNDING = 1e-6
"""Seconds: a run clock is a sum of floats, and clocks that begin in the millions are coarse."""


def in_order(story: Story) -> Iterator[str]:
    """Facts are numbered without a gap; time and epoch never go back."""
    before: Event | None = None
    for number, event in enumerate(story.events, 1):
        if event.seq != number:
            yield f"event {event.seq} stands in place {number}"
        if before is not None and (event.at < before.at - ROUNDING or event.epoch < before.epoch):
            yield f"event {event.seq} goes back: {before.at} to {event.at}, epoch {before.epoch} to {event.epoch}"
        before = event


def needs_come_first(story: Story) -> Iterator[str]:
    """No task starts before everything it needs is settled."""
    tasks = story.tasks
    settled: set[TaskId] = set()
    for event in story.events:
        match event.body:
            case AttemptStarted(task):
                for need in tasks[task].needs:
                    if need not in settled:
                        yield f"{task} started before {need} was settled"
            case AttemptEnded(task):
                if event.body.result.landed or event.body.retry_at is None:
                    settled.add(task)
            case _:
                pass


def agents_within(story: Story) -> Iterator[str]:
    """Never more agents at once, nor in all, than allowed; a life never starts an attempt that runs."""
    running: set[tuple[TaskId, int]] = set()
    started: set[tuple[TaskId, int]] = set()
    agents = agents_total = 0
    for event in story.events:
        match event.body:
            case PlanProposed(plan):
                agents, agents_total = plan.spec.budget.agents, plan.spec.budget.agents_total
            case AttemptStarted(task, attempt):
                if (task, attempt) in running:
                    yield f"attempt {attempt} of {task} was started while it ran"
                running.add((task, attempt))
                started.add((task, attempt))
                if len(running) > agents or len(started) > agents_total:
                    yield f"{len(running)} agents at once, {len(started)} in all, after event {event.seq}"
            case AttemptEnded(task, attempt) | Asked(task=task, attempt=attempt):
                running.discard((task, attempt))
            case RunReopened():
                running.clear()
            case _:
                pass
    hedges = sum(isinstance(event.body, CallIntended) and event.body.hedge for event in story.events)
    if story.most_open > agents * story.writers + hedges:
        yield f"{story.most_open} calls were open at once, {agents} agents and {hedges} hedges are allowed"


def steps_within(story: Story) -> Iterator[str]:
    """No attempt uses more steps than its task has."""
    tasks = story.tasks
    used = Counter(
        (event.body.task, event.body.attempt) for event in story.events if isinstance(event.body, CallAnswered)
    )
    for (task, attempt), steps in used.items():
        if task in tasks and steps > tasks[task].steps:
            yield f"attempt {attempt} of {task} used {steps} of {tasks[task].steps} steps"


# ---------------------------------------------------------------- ends


def failures_stay_local(story: Story) -> Iterator[str]:
    """Only who needs a failed task is blocked by it; no failure of an agent is a reason to stop."""
    tasks, results = story.tasks, story.results
    for task, result in results.items():
        failed = [need for need in tasks[task].needs if need in results and not results[need].landed]
        if result.failure.startswith("Blocked: needs") and not failed:
            yield f"{task} is blocked though nothing it needs failed: {result.failure}"
        if result.landed and failed and tasks[task].kind is TaskKind.WORK:
            yield f"{task} landed though {failed[0]} failed"
    for event in story.events:
        if isinstance(event.body, StopRequested) and event.body.reason not in STOPS:
            yield f"event {event.seq} stops the run for {event.body.reason!r}"


STOPS = ("interrupted", "minutes", "budget", "quota", "auth", "endpoint")
"""What may end a run before its work is done."""


def ended_or_said(story: Story) -> Iterator[str]:
    """A run ends with every task settled, or with the reason on record: a stop, or a question to a person."""
    asked = {event.body.task for event in story.events if isinstance(event.body, Asked)}
    waiting = {task.id for task in story.tasks.values() if asked & _above(task, story.tasks)}
    open_tasks = set(story.tasks) - set(story.results) - waiting
    if open_tasks and story.stop is None:
        yield f"{', '.join(sorted(open_tasks)[:5])} did not end, and nobody says why"


def _above(task: Task, tasks: dict[TaskId, Task]) -> set[TaskId]:
    """The task and everything it rests on."""
    found: set[TaskId] = set()
    stack = [task.id]
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(tasks[name].needs)
    return found


INVARIANTS: tuple[Invariant, ...] = (
    caps_hold,
    hedged_while_open,
    hedges_within,
    given_back_once,
    bill_is_covered,
    nothing_bought_twice,
    in_order,
    needs_come_first,
    agents_within,
    steps_within,
    failures_stay_local,
    ended_or_said,
)
"""What holds of every run that was carried to an end, broken or not."""


def broken(story: Story, *, invariants: Iterable[Invariant] = INVARIANTS) -> tuple[str, ...]:
    """Everything that does not hold, each with the name of its invariant."""
    return tuple(f"{invariant.__name__}: {said}" for invariant in invariants for said in invariant(story))


def same_end(story: Story, *, undisturbed: Story) -> tuple[str, ...]:
    """Whether a run that was broken and resumed left what an undisturbed one leaves.

    A task that could not land, and what rests on it, is left out: an aggregate without an input says something else.
    """
    tasks, ours, theirs = story.tasks, story.outputs, undisturbed.outputs
    lost = set(tasks) - set(ours)
    return tuple(
        f"same_end: {task} left {output!r}, undisturbed {theirs.get(task)!r}"
        for task, output in ours.items()
        if not lost & _above(tasks[task], tasks) and output != theirs.get(task)
    )


def nothing_missing(story: Story) -> tuple[str, ...]:
    """Where the world is calm in the end, every task lands."""
    missing = set(story.tasks) - set(story.outputs)
    return tuple(f"nothing_missing: {task} did not land" for task in sorted(missing))
