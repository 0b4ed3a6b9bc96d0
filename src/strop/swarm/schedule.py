"""Which task starts when. Pure: `apply` folds facts, `decide` reads commands off the state.

Rules, in their order:
1. A task starts when all its needs are settled. A failed need blocks a WORK task; an AGGREGATE task
   starts with what there is and is told what is missing, unless nothing is left. A READ task reads
   nothing of another's: what it needs is only its turn.
2. Never more tasks run at once than `agents`, never more attempts in all than `agents_total`.
3. A failed attempt rests until its `retry_at`; an attempt without one was the last.
4. After a stop nothing starts; the schedule is over when nothing runs.
5. What a dead process left running starts again as the same attempt, on what was recorded.
6. A task whose agent waits for a person does not run and holds no place; when the person lets it go
   on, the same attempt starts again on what was recorded. When nothing but questions is left, the
   schedule is over.
Commands are never replayed: a fold of the same facts gives the same state, whatever was decided.

Work is linear in the edges of the plan: each task counts its unsettled needs, and only what became
startable or blocked is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from strop.types.events import (
    Answered,
    Asked,
    AttemptEnded,
    AttemptStarted,
    Body,
    BudgetRaised,
    PlanExtended,
    PlanProposed,
    RunReopened,
    StopRequested,
)
from strop.types.work import Task, TaskId, TaskKind


class Phase(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    RESTING = "resting"
    ASKING = "asking"
    """Its agent waits for a person."""
    LANDED = "landed"
    FAILED = "failed"


SETTLED = (Phase.LANDED, Phase.FAILED)


@dataclass(frozen=True, slots=True)
class Start:
    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class Block:
    """A task that can never start, because a need of it failed."""

    task: Task
    reason: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Nothing to do before this moment (run clock, seconds)."""

    at: float


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing runs and nothing can start."""


Command: TypeAlias = Start | Block | Wake | Finish


@dataclass(slots=True)
class _Place:
    task: Task
    phase: Phase = Phase.WAITING
    attempt: int = 0
    retry_at: float = 0.0
    orphaned: bool = False
    unsettled: int = 0
    """Needs that neither landed nor failed."""
    failed: int = 0
    """Needs that failed."""
    first_failed: str = ""


@dataclass(slots=True)
class Schedule:
    """Owned by the supervisor's one task; nobody else changes it."""

    agents: int = 300
    agents_total: int = 3_000
    started: int = 0
    stopping: str = ""
    _places: dict[TaskId, _Place] = field(default_factory=dict[TaskId, _Place])
    _dependants: dict[TaskId, list[TaskId]] = field(default_factory=dict[TaskId, list[TaskId]])
    _ready: dict[TaskId, None] = field(default_factory=dict[TaskId, None])
    """Tasks whose needs are settled, first come first served; those that rest are among them."""
    _stuck: dict[TaskId, None] = field(default_factory=dict[TaskId, None])
    """Tasks that a failed need blocks."""
    _running: int = 0
    _asking: dict[str, TaskId] = field(default_factory=dict[str, TaskId])
    """Open questions and the tasks that wait for them."""

    def apply(self, body: Body) -> None:
        match body:
            case PlanProposed(plan):
                self.agents, self.agents_total = plan.spec.budget.agents, plan.spec.budget.agents_total
                self._add(plan.tasks)
            case PlanExtended(tasks):
                self._add(tasks)
            case AttemptStarted(task, attempt):
                self._start(self._places[task], attempt)
            case AttemptEnded():
                self._end(self._places[body.task], body)
            case Asked():
                self._ask(self._places[body.task], body)
            case Answered():
                self._answered(body)
            case StopRequested(reason):
                self.stopping = reason
            case BudgetRaised():
                self.stopping = ""
                self.agents = body.agents or self.agents
                self.agents_total = body.agents_total or self.agents_total
            case RunReopened():
                self._reopen()
            case _:
                pass

    def decide(self, now: float) -> tuple[Command, ...]:
        """What to do at `now` (run clock, seconds). Reads only: asking twice gives the same answer."""
        if self.stopping:
            return () if self._running else (Finish(),)
        commands: list[Command] = [Block(self._places[name].task, self._reason(name)) for name in self._stuck]
        room, fresh = self.agents - self._running, 0
        wake: float | None = None
        for name in self._ready:
            if room <= 0:
                break
            place = self._places[name]
            if place.retry_at > now:
                wake = place.retry_at if wake is None else min(wake, place.retry_at)
            elif self.started + fresh >= self.agents_total and not place.orphaned:
                commands.append(Block(place.task, f"all agents of the budget were used: {self.agents_total:,}"))
            else:
                commands.append(Start(place.task, place.attempt if place.orphaned else place.attempt + 1))
                fresh += not place.orphaned
                room -= 1
        if commands:
            return tuple(commands)
        if wake is not None:
            return (Wake(wake),)
        return () if self._running else (Finish(),)

    def phase(self, task: TaskId) -> Phase:
        return self._places[task].phase

    def attempt(self, task: TaskId) -> int:
        """The attempt that runs, or the last one that did; 0 before the first."""
        return self._places[task].attempt

    def settled(self, task: TaskId) -> bool:
        place = self._places.get(task)
        return place is not None and place.phase in SETTLED

    @property
    def running(self) -> int:
        return self._running

    @property
    def asking(self) -> dict[str, TaskId]:
        """Open questions and the tasks that wait for their answers."""
        return dict(self._asking)

    @property
    def counts(self) -> dict[Phase, int]:
        """How many tasks are in each phase."""
        counts = dict.fromkeys(Phase, 0)
        for place in self._places.values():
            counts[place.phase] += 1
        return counts

    def _add(self, tasks: tuple[Task, ...]) -> None:
        for task in tasks:
            place = self._places[task.id] = _Place(task)
            for need in task.needs:
                self._dependants.setdefault(need, []).append(task.id)
                other = self._places.get(need)
                if other is None or other.phase not in SETTLED:
                    place.unsettled += 1
                elif other.phase is Phase.FAILED:
                    self._note_failed(place, need)
        for task in tasks:
            self._consider(self._places[task.id])

    def _start(self, place: _Place, attempt: int) -> None:
        if not place.orphaned:
            self.started += 1
        place.phase, place.attempt, place.orphaned = Phase.RUNNING, attempt, False
        self._running += 1
        self._ready.pop(place.task.id, None)

    def _end(self, place: _Place, ended: AttemptEnded) -> None:
        if place.phase is Phase.RUNNING:
            self._running -= 1
        place.orphaned = False
        place.attempt = max(place.attempt, ended.attempt)
        if ended.result.landed:
            self._settle(place, Phase.LANDED)
        elif ended.retry_at is None:
            self._settle(place, Phase.FAILED)
        else:
            place.phase, place.retry_at = Phase.RESTING, ended.retry_at
            self._consider(place)

    def _settle(self, place: _Place, phase: Phase) -> None:
        settled_before = place.phase in SETTLED
        place.phase = phase
        self._ready.pop(place.task.id, None)
        self._stuck.pop(place.task.id, None)
        if settled_before:
            return
        for name in self._dependants.get(place.task.id, ()):
            dependant = self._places[name]
            dependant.unsettled -= 1
            if phase is Phase.FAILED:
                self._note_failed(dependant, place.task.id)
            self._consider(dependant)

    def _note_failed(self, place: _Place, need: TaskId) -> None:
        place.failed += 1
        place.first_failed = place.first_failed or need

    def _ask(self, place: _Place, asked: Asked) -> None:
        if place.phase is Phase.RUNNING:
            self._running -= 1
        place.phase, place.orphaned = Phase.ASKING, True
        self._asking[asked.question] = asked.task

    def _answered(self, answered: Answered) -> None:
        task = self._asking.pop(answered.question, None)
        place = self._places.get(task) if task is not None else None
        if place is not None and place.phase is Phase.ASKING:
            place.phase = Phase.WAITING
            self._consider(place)

    def _reopen(self) -> None:
        self.stopping = ""
        self._ready.clear()
        self._stuck.clear()
        for place in self._places.values():
            if place.phase is Phase.RUNNING:
                place.phase, place.orphaned = Phase.WAITING, True
            self._consider(place)
        self._running = 0

    def _consider(self, place: _Place) -> None:
        """Put a task in view once it may start or never can."""
        if place.phase not in (Phase.WAITING, Phase.RESTING):
            return
        if self._reason(place.task.id):
            self._ready.pop(place.task.id, None)
            self._stuck[place.task.id] = None
        elif place.unsettled == 0:
            self._ready[place.task.id] = None

    def _reason(self, name: TaskId) -> str:
        """Why a task can never start; empty where it can."""
        place = self._places[name]
        if not place.failed:
            return ""
        if place.task.kind is TaskKind.READ:
            return ""
        if place.task.kind is not TaskKind.AGGREGATE:
            return f"needs {place.first_failed}, which failed"
        return "everything it needs failed" if place.failed == len(place.task.needs) else ""
