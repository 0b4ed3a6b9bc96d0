"""Which task starts when. Pure: `apply` folds facts, `decide` reads commands off the state.

Rules, in their order:
1. A task starts when all its needs are settled. A failed need blocks a WORK task; an AGGREGATE task
   starts with what there is and is told what is missing, unless nothing is left.
2. Never more tasks run at once than `agents`, never more attempts in all than `agents_total`.
3. A failed attempt rests until its `retry_at`; an attempt without one was the last.
4. After a stop nothing starts; the schedule is over when nothing runs.
5. What a dead process left running starts again as the same attempt, on what was recorded.
Commands are never replayed: a fold of the same facts gives the same state, whatever was decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from strop.types.events import (
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
    LANDED = "landed"
    FAILED = "failed"


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


@dataclass(slots=True)
class Schedule:
    """Owned by the supervisor's one task; nobody else changes it."""

    agents: int = 300
    agents_total: int = 3_000
    started: int = 0
    stopping: str = ""
    _places: dict[TaskId, _Place] = field(default_factory=dict[TaskId, _Place])
    _open: dict[TaskId, None] = field(default_factory=dict[TaskId, None])
    """Tasks that may still start, in plan order: keeps `decide` linear in what is left."""
    _running: int = 0

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
            case StopRequested(reason):
                self.stopping = reason
            case BudgetRaised():
                self.stopping = ""
            case RunReopened():
                self._reopen()
            case _:
                pass

    def decide(self, now: float) -> tuple[Command, ...]:
        """What to do at `now` (run clock, seconds)."""
        if self.stopping:
            return () if self._running else (Finish(),)
        commands: list[Command] = []
        room = self.agents - self._running
        wake: float | None = None
        for name in self._open:
            if room <= 0:
                break
            place = self._places[name]
            blocked = self._blocked(place.task)
            if blocked:
                commands.append(Block(place.task, blocked))
            elif self._ready(place.task):
                if place.retry_at > now:
                    wake = place.retry_at if wake is None else min(wake, place.retry_at)
                elif self.started + len(commands) >= self.agents_total and not place.orphaned:
                    commands.append(Block(place.task, f"all {self.agents_total:,} agents of the budget were used"))
                else:
                    commands.append(Start(place.task, place.attempt if place.orphaned else place.attempt + 1))
                    room -= 1
        if commands:
            return tuple(commands)
        if wake is not None:
            return (Wake(wake),)
        return () if self._running else (Finish(),)

    def phase(self, task: TaskId) -> Phase:
        return self._places[task].phase

    def settled(self, task: TaskId) -> bool:
        place = self._places.get(task)
        return place is not None and place.phase in (Phase.LANDED, Phase.FAILED)

    @property
    def running(self) -> int:
        return self._running

    @property
    def counts(self) -> dict[Phase, int]:
        """How many tasks are in each phase."""
        counts = dict.fromkeys(Phase, 0)
        for place in self._places.values():
            counts[place.phase] += 1
        return counts

    def _add(self, tasks: tuple[Task, ...]) -> None:
        for task in tasks:
            self._places[task.id] = _Place(task)
            self._open[task.id] = None

    def _start(self, place: _Place, attempt: int) -> None:
        if not place.orphaned:
            self.started += 1
        place.phase, place.attempt, place.orphaned = Phase.RUNNING, attempt, False
        self._running += 1
        self._open.pop(place.task.id, None)

    def _end(self, place: _Place, ended: AttemptEnded) -> None:
        if place.phase is Phase.RUNNING:
            self._running -= 1
        self._open.pop(place.task.id, None)
        place.orphaned = False
        place.attempt = max(place.attempt, ended.attempt)
        if ended.result.landed:
            place.phase = Phase.LANDED
        elif ended.retry_at is None:
            place.phase = Phase.FAILED
        else:
            place.phase, place.retry_at = Phase.RESTING, ended.retry_at
            self._open[place.task.id] = None

    def _reopen(self) -> None:
        self.stopping = ""
        for place in self._places.values():
            if place.phase is Phase.RUNNING:
                place.phase, place.orphaned = Phase.WAITING, True
        self._running = 0
        unsettled = (Phase.WAITING, Phase.RESTING)
        self._open = {name: None for name, place in self._places.items() if place.phase in unsettled}

    def _ready(self, task: Task) -> bool:
        return all(self.settled(need) for need in task.needs)

    def _blocked(self, task: Task) -> str:
        failed = [need for need in task.needs if self._places[need].phase is Phase.FAILED]
        if not failed:
            return ""
        if task.kind is not TaskKind.AGGREGATE:
            return f"needs {failed[0]}, which failed"
        return "everything it needs failed" if len(failed) == len(task.needs) else ""
