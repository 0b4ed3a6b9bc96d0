"""What a run's journal says about its work: steps, parallelism, waiting, and how many agents it needed.

Streaming folds: `Steps` counts steps and may be asked at any time (the cap on critical steps hangs on
it); `Trace` has it and the clock, keeps a few numbers a task and no text, and adds them up when
somebody asks. Pure; times are the run clock's, in seconds.

**Stages.** The plan's tasks by depth are the first stages; each extension (repairs) opens further
ones behind them. A call outside the plan is the main agent's (planner, verifier); main calls that
overlap in time, as those of a refuting model do, are one parallel group, hence one stage.

**Critical steps** are, summed over the stages, the steps of the stage's longest task: what would be
left of the run with endless agents and equal steps. The measure is from Kimi K2.5 (arXiv 2602.02276,
section 3), where a stage counts S_main + max S_sub; it is the same here while main steps come singly.

**Waiting.** A task is runnable from the moment its needs are settled (or the plan approved, or its
pause before a retry over) until its attempt starts; not while the run is stopping or awaits approval.
Queue time is the integral of the runnable tasks over time, in task-seconds. Idle time is the integral
of min(runnable, allowed agents - running agents), in agent-seconds: slots that could have been used.
So idle <= queue, and queue - idle is what the cap on agents cost.

**With n agents** is list scheduling of the measured durations in the plan's order with n slots, needs
kept, an extension after all before it. It assumes that durations do not change with load, and leaves
out planning, the gate and pauses before retries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from strop.drafting.forecast import Order, makespan
from strop.types.events import (
    AttemptEnded,
    AttemptStarted,
    BudgetRaised,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    Event,
    PlanApproved,
    PlanExtended,
    PlanProposed,
    RunReopened,
    StopRequested,
)
from strop.types.work import Task, TaskId, TaskKind, waves, without_needs_outside

MAIN = 0
"""The stage number under which planner and verifier stand; the plan's stages count from 1."""

_CallKey = tuple[TaskId, int, int, int]
"""task, attempt, step, try."""


@dataclass(frozen=True, slots=True)
class Caching:
    """Prompt tokens of one wave, and those of them that a provider read from its cache."""

    wave: int
    """From 1; `MAIN` for planner and verifier. Repairs follow the plan's own waves."""
    prompt: int
    """Tokens, of all input classes."""
    cached: int
    """Tokens."""

    @property
    def share(self) -> float:
        """0 to 1; 0 without prompt tokens."""
        return self.cached / self.prompt if self.prompt else 0.0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """How long the tasks would have taken with at most so many agents at once."""

    agents: int
    seconds: float
    speedup: float = 1.0
    """Against one agent."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A run in numbers. Definitions stand at the head of this file."""

    main: int
    """Steps of planner and verifier."""
    sub: int
    """Steps of the plan's tasks, repairs included."""
    critical: int
    started: int
    """Tasks of which an attempt was started."""
    landed: int
    """Of those."""
    most: int
    """Agents at work at once, at most."""
    seconds: float
    """The run clock at the last event."""
    working_seconds: float
    """Part of `seconds` in which at least one agent was at work."""
    agent_seconds: float
    """All tasks' durations added up; a task's duration is the time that its attempts held an agent."""
    call_seconds: float
    """Time in calls that were answered or failed, added up over all agents."""
    queue_seconds: float
    idle_seconds: float
    caching: tuple[Caching, ...]
    """By wave, in their order."""
    with_agents: tuple[Foreseen, ...]
    """For 1, 2, 4, ... up to the plan's cap or the number of tasks, whichever is less."""

    @property
    def total(self) -> int:
        """All steps."""
        return self.main + self.sub

    @property
    def parallelism(self) -> float:
        """Total over critical steps; 1 for a run without steps."""
        return self.total / self.critical if self.critical else 1.0

    @property
    def finish_rate(self) -> float:
        """Tasks landed over tasks started, 0 to 1; 0 when none was started."""
        return self.landed / self.started if self.started else 0.0


def figures(events: Iterable[Event]) -> Figures:
    """The figures of a run, or of as much of one as there is."""
    trace = Trace()
    for event in events:
        trace.apply(event)
    return trace.figures()


@dataclass(slots=True)
class Steps:
    """Steps of a run, and of each stage its longest task's. Facts come in journal order."""

    main: int = 0
    sub: int = 0
    critical: int = 0
    _stage: dict[TaskId, int] = field(default_factory=dict[TaskId, int])
    _by_task: dict[TaskId, int] = field(default_factory=dict[TaskId, int])
    """Of the plan's tasks."""
    _longest: list[int] = field(default_factory=lambda: [0])
    """By stage; under `MAIN` that of the group of main calls under way."""
    _open: set[_CallKey] = field(default_factory=set[_CallKey])
    """Main calls in flight."""
    _group: dict[TaskId, int] = field(default_factory=dict[TaskId, int])
    """Steps by task in the group of main calls under way."""

    def planned(self, task: TaskId) -> bool:
        """Whether it is one of the plan's tasks; all else is the main agent's."""
        return task in self._stage

    def lengthens(self, task: TaskId) -> bool:
        """Whether one more step of this task of the plan is a critical one."""
        return self._by_task.get(task, 0) >= self._longest[self._stage[task]]

    def extend(self, tasks: Sequence[Task]) -> int:
        """Add tasks as stages of their own behind those that are there; how many."""
        stages = waves(without_needs_outside(tuple(tasks)))
        for number, stage in enumerate(stages, len(self._longest)):
            self._stage.update(dict.fromkeys(stage, number))
        self._longest += [0] * len(stages)
        return len(stages)

    def ask(self, call: CallIntended) -> None:
        """A call goes out. A main one joins the group under way or, where none is open, begins the next."""
        if call.task not in self._stage:
            self._join((call.task, call.attempt, call.step, call.tries))

    def answer(self, call: CallAnswered) -> int:
        """Count a step; the stage it belongs to."""
        task = call.task
        stage = self._stage.get(task, MAIN)
        if stage:
            self.sub += 1
            steps = self._by_task[task] = self._by_task.get(task, 0) + 1
        else:
            key = (task, call.attempt, call.step, call.tries)
            if key not in self._open:  # asked before the process died
                self._join(key)
            self._open.discard(key)
            self.main += 1
            steps = self._group[task] = self._group.get(task, 0) + 1
        if steps > self._longest[stage]:
            self._longest[stage] = steps
            self.critical += 1
        return stage

    def drop(self, call: CallFailed | CallLost) -> None:
        """A call ended without an answer."""
        self._open.discard((call.task, call.attempt, call.step, call.tries))

    def reopen(self) -> None:
        """A process died: no call is in flight."""
        self._open.clear()

    def _join(self, key: _CallKey) -> None:
        if not self._open:
            self._group.clear()
            self._longest[MAIN] = 0
        self._open.add(key)


@dataclass(slots=True)
class _Course:
    """One task of the plan on its way."""

    kind: TaskKind
    round: int
    """0 for the plan as proposed, then one for each extension."""
    needs: tuple[TaskId, ...]
    unmet: int = 0
    """Needs that are not settled yet."""
    blocked: bool = False
    since: float | None = None
    """When the attempt under way took its agent."""
    held: float = 0.0
    """Agent-seconds of the attempts before."""
    started: bool = False
    settled: bool = False
    landed: bool = False


@dataclass(slots=True)
class Trace:
    """The fold. Owned by whoever feeds it; facts come in journal order."""

    steps: Steps = field(default_factory=Steps)
    seconds: float = 0.0
    _agents: int = 0
    _courses: dict[TaskId, _Course] = field(default_factory=dict[TaskId, _Course])
    _readers: dict[TaskId, list[TaskId]] = field(default_factory=dict[TaskId, list[TaskId]])
    """Who needs a task."""
    _tokens: list[list[int]] = field(default_factory=lambda: [[0, 0]])
    """Prompt and cached tokens by stage."""
    _rounds: int = 0
    _approved: bool = False
    _admitting: bool = False
    _ready: set[TaskId] = field(default_factory=set[TaskId])
    _resting: list[tuple[float, TaskId]] = field(default_factory=list[tuple[float, TaskId]])
    """A heap: when a pause before a retry is over."""
    _running: int = 0
    _most: int = 0
    _reached: float = 0.0
    """Run clock up to which time is accounted for."""
    _working: float = 0.0
    _calling: float = 0.0
    _queue: float = 0.0
    _idle: float = 0.0

    def apply(self, event: Event) -> None:
        """Fold one committed fact."""
        body, at = event.body, event.at
        if at > self.seconds:
            self.seconds = at
        match body:  # the frequent ones first: this stands on the hot path
            case CallIntended():
                self.steps.ask(body)
            case CallAnswered():
                self._answer(body)
            case AttemptStarted():
                self._start(body.task, at)
            case AttemptEnded():
                self._end(body, at)
            case CallFailed():
                self._calling += body.seconds
                self.steps.drop(body)
            case CallLost():
                self.steps.drop(body)
            case PlanProposed() | PlanExtended() | PlanApproved() | StopRequested() | BudgetRaised() | RunReopened():
                self._turn(body, at)
            case _:
                pass

    def figures(self) -> Figures:
        """The figures so far; what is open now counts up to the last event."""
        self._account(self.seconds)
        courses = [course for course in self._courses.values() if course.started]
        return Figures(
            main=self.steps.main,
            sub=self.steps.sub,
            critical=self.steps.critical,
            started=len(courses),
            landed=sum(course.landed for course in courses),
            most=self._most,
            seconds=self.seconds,
            working_seconds=self._working,
            agent_seconds=sum(map(self._duration, courses)),
            call_seconds=self._calling,
            queue_seconds=self._queue,
            idle_seconds=self._idle,
            caching=tuple(Caching(stage, *pair) for stage, pair in enumerate(self._tokens) if pair[0]),
            with_agents=foreseen(self._jobs(), most=min(self._agents, len(courses))),
        )

    def _answer(self, answered: CallAnswered) -> None:
        self._calling += answered.seconds
        usage, tokens = answered.usage, self._tokens[self.steps.answer(answered)]
        tokens[0] += usage.input + usage.cached + usage.cache_write
        tokens[1] += usage.cached

    def _turn(
        self,
        body: PlanProposed | PlanExtended | PlanApproved | StopRequested | BudgetRaised | RunReopened,
        at: float,
    ) -> None:
        """What changes the whole run, and not one task of it."""
        self._account(at)
        match body:
            case PlanProposed(plan):
                self._agents = plan.spec.budget.agents
                self._extend(plan.tasks)
            case PlanExtended(tasks):
                self._extend(tasks)
            case PlanApproved():
                self._approved = self._admitting = True
            case StopRequested():
                self._admitting = False
            case BudgetRaised():
                self._admitting = self._approved
            case RunReopened():
                self._admitting = self._approved
                self._reopen(at)

    def _extend(self, tasks: Sequence[Task]) -> None:
        self._tokens += [[0, 0] for _ in range(self.steps.extend(tasks))]
        self._courses.update((task.id, _Course(task.kind, self._rounds, task.needs)) for task in tasks)
        self._rounds += 1
        for task in tasks:
            self._add(task)

    def _add(self, task: Task) -> None:
        course = self._courses[task.id]
        for need in task.needs:
            needed = self._courses[need]
            self._readers.setdefault(need, []).append(task.id)
            course.unmet += not needed.settled
            course.blocked |= needed.settled and not needed.landed and task.kind is not TaskKind.AGGREGATE
        if not course.unmet and not course.blocked:
            self._ready.add(task.id)

    def _start(self, task: TaskId, at: float) -> None:
        self._account(at)
        course = self._courses[task]
        self._ready.discard(task)
        course.since, course.started = at, True
        self._running += 1
        self._most = max(self._most, self._running)

    def _end(self, ended: AttemptEnded, at: float) -> None:
        self._account(at)
        course = self._courses[ended.task]
        self._ready.discard(ended.task)
        if course.since is not None:
            course.held += at - course.since
            course.since = None
            self._running -= 1
        if ended.result.landed or ended.retry_at is None:
            self._settle(ended.task, landed=ended.result.landed)
        else:
            heappush(self._resting, (ended.retry_at, ended.task))

    def _settle(self, task: TaskId, *, landed: bool) -> None:
        course = self._courses[task]
        course.settled, course.landed = True, landed
        for name in self._readers.pop(task, ()):
            reader = self._courses[name]
            reader.unmet -= 1
            reader.blocked |= not landed and reader.kind is not TaskKind.AGGREGATE
            if not reader.unmet and not reader.blocked and not reader.settled:
                self._ready.add(name)

    def _reopen(self, at: float) -> None:
        """A process died: what it ran is runnable again."""
        self.steps.reopen()
        for name, course in self._courses.items():
            if course.since is not None:
                course.held += at - course.since
                course.since = None
                self._ready.add(name)
        self._running = 0

    def _account(self, at: float) -> None:
        """Let time pass up to `at`, with the tasks whose pause ends on the way."""
        while self._resting and self._resting[0][0] <= at:
            over, task = heappop(self._resting)
            self._pass(over)
            course = self._courses[task]
            if course.since is None and not course.settled:
                self._ready.add(task)
        self._pass(at)

    def _pass(self, at: float) -> None:
        passed = at - self._reached
        if passed <= 0:
            return
        self._reached = at
        if self._running:
            self._working += passed
        if self._ready and self._admitting:
            waiting = len(self._ready)
            self._queue += waiting * passed
            self._idle += min(waiting, max(self._agents - self._running, 0)) * passed

    def _duration(self, course: _Course) -> float:
        return course.held + (self.seconds - course.since if course.since is not None else 0.0)

    def _jobs(self) -> tuple[Jobs, ...]:
        """The tasks that were started, by round, in the plan's order."""
        rounds: list[list[TaskId]] = [[] for _ in range(self._rounds)]
        for name, course in self._courses.items():
            if course.started:
                rounds[course.round].append(name)
        return tuple(map(self._round, rounds))

    def _round(self, names: Sequence[TaskId]) -> Jobs:
        places = {name: place for place, name in enumerate(names)}
        courses = [self._courses[name] for name in names]
        needs = [tuple(places[need] for need in course.needs if need in places) for course in courses]
        return Jobs(tuple(map(self._duration, courses)), Order.of(needs))


# ---------------------------------------------------------------- with n agents


@dataclass(frozen=True, slots=True)
class Jobs:
    """Tasks to be scheduled again: how long each takes, and in which order they may start."""

    seconds: tuple[float, ...]
    order: Order | None
    """None where no task waits for another."""

    def listed(self, agents: int) -> float:
        """Seconds until the last ends, when each free agent takes the first whose needs have ended."""
        return makespan(self.seconds, agents=agents, order=self.order)


def foreseen(rounds: Sequence[Jobs], *, most: int) -> tuple[Foreseen, ...]:
    """The seconds that `rounds`, one after another, take with at most 1, 2, 4, ... `most` agents.

    Never more with more agents: list scheduling alone may take longer then (Graham, "Bounds on
    multiprocessing timing anomalies", 1969), but whoever may use n agents may also leave some idle.
    """
    if most < 1:
        return ()
    alone = best = sum(sum(jobs.seconds) for jobs in rounds)
    made = [Foreseen(1, alone)]
    while made[-1].agents < most:
        agents = min(made[-1].agents * 2, most)
        best = min(best, sum(jobs.listed(agents) for jobs in rounds))
        made.append(Foreseen(agents, best, alone / best if best else 1.0))
    return tuple(made)
