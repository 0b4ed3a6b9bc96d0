"""A run as a fold over its journal: the one way a `Run` comes to be, live or read back.

Pure. The supervisor feeds it every committed fact; `strop show` and resume feed it a whole journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from strop.errors import JournalFault
from strop.swarm.figures import Trace
from strop.swarm.ledger import Ledger
from strop.swarm.schedule import Schedule
from strop.types.events import (
    RESCUE,
    Answered,
    Asked,
    AttemptEnded,
    Body,
    BudgetRaised,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    Compacted,
    Event,
    FileDelivered,
    ManifestCommitted,
    ManifestPinned,
    PlanApproved,
    PlanExtended,
    PlanProposed,
    RunClosed,
    RunOpened,
    RunReopened,
    StopRequested,
    ToolEnded,
    VerdictGiven,
)
from strop.types.trial import Deliverable, Outcome, Result, Run, Verdict
from strop.types.work import Budget, Plan, RunId, Task, TaskId

AttemptKey = tuple[TaskId, int]


@dataclass(slots=True)
class RunFold:
    """Everything a journal says so far. Owned by whoever feeds it."""

    schedule: Schedule = field(default_factory=Schedule)
    ledger: Ledger = field(default_factory=Ledger)
    trace: Trace = field(default_factory=Trace)
    opened: RunOpened | None = None
    plan: Plan | None = None
    budget: Budget = field(default_factory=Budget)
    """The caps that hold now."""
    approved: bool = False
    tasks: dict[TaskId, Task] = field(default_factory=dict[TaskId, Task])
    results: dict[TaskId, Result] = field(default_factory=dict[TaskId, Result])
    extended: list[TaskId] = field(default_factory=list[TaskId])
    extensions: int = 0
    """Rounds of repair begun so far."""
    rescued: bool = False
    """Units on which something was tried, and that fell short, are read again."""
    verdict: Verdict | None = None
    rounds: int = 0
    """Verdicts given so far."""
    files: dict[str, Deliverable] = field(default_factory=dict[str, Deliverable])
    stop: StopRequested | None = None
    outcome: Outcome | None = None
    manifest_before: str = ""
    manifest_after: str = ""
    seconds: float = 0.0
    seq: int = 0
    live: bool = False
    """Fed by the process that does the work: what open attempts record is in their agents' hands."""
    questions: dict[str, Asked] = field(default_factory=dict[str, Asked])
    """Open ones."""
    waived: set[TaskId] = field(default_factory=set[TaskId])
    """Tasks that a person let go on."""
    compacted: int = 0
    _steps: dict[AttemptKey, dict[int, list[Body]]] = field(default_factory=dict[AttemptKey, dict[int, list[Body]]])
    """What open attempts recorded before this life, by step; dropped when they end."""

    def apply(self, event: Event) -> None:
        """Fold one committed fact."""
        self.seq, self.seconds = event.seq, max(self.seconds, event.at)
        self.ledger.apply(event.body)
        self.schedule.apply(event.body)
        self.trace.apply(event)
        self._note(event.body)

    def steps_of(self, task: TaskId, attempt: int, step: int) -> Sequence[Body]:
        """What was recorded for one step of an attempt that has not ended."""
        return tuple(self._steps.get((task, attempt), {}).get(step, ()))

    def recall(self, task: TaskId, attempt: int, events: Iterable[Event]) -> None:
        """Take an open attempt's steps from the journal again: it goes on in other hands."""
        live, self.live = self.live, False
        self._steps.pop((task, attempt), None)
        for event in events:
            match event.body:
                case CallIntended() | CallAnswered() | CallFailed() | CallLost() | ToolEnded():
                    if (event.body.task, event.body.attempt) == (task, attempt):
                        self._note(event.body)
                case _:
                    pass
        self.live = live

    def run(self) -> Run:
        """The run so far.

        Raises:
            JournalFault: the journal holds no plan.
        """
        if self.opened is None or self.plan is None:
            raise JournalFault("the journal ends before a plan was proposed; start anew")
        return Run(
            id=RunId(self.opened.run),
            plan=self.plan,
            results=tuple(self.results[task] for task in self.tasks if task in self.results),
            tally=self.ledger.tally(seconds=self.seconds),
            missing=tuple(task for task in self.tasks if task not in self.results or self.results[task].failure),
            stopped=self.stopped,
            extended=tuple(self.extended),
        )

    @property
    def stopped(self) -> str:
        """Why the run ended before its plan did; empty where it did not."""
        if self.stop is not None:
            return self.stop.said or self.stop.reason
        if self.questions:
            first = next(iter(self.questions.values()))
            more = f" (and {len(self.questions) - 1} more)" if len(self.questions) > 1 else ""
            run = self.opened.run if self.opened is not None else "RUN"
            return (
                f"a person must decide: {first.text}{more}. Answer with: strop inbox answer {first.question} "
                f"'{first.options[0]}' or '{first.options[-1]}', then: strop run --resume {run}"
            )
        return ""

    def _note(self, body: Body) -> None:
        match body:
            case RunOpened():
                self.opened, self.budget = body, body.budget
            case PlanProposed(plan):
                self.plan = plan
                self.tasks.update((task.id, task) for task in plan.tasks)
            case PlanApproved():
                self.approved = True
            case PlanExtended(tasks, reason):
                self.tasks.update((task.id, task) for task in tasks)
                self.extended.extend(task.id for task in tasks)
                self.extensions += reason != RESCUE
                self.rescued |= reason == RESCUE
            case CallIntended() | CallAnswered() | CallFailed() | CallLost() | ToolEnded():
                if self.live and body.task in self.tasks:
                    return
                steps = self._steps.setdefault((body.task, body.attempt), {})
                steps.setdefault(body.step, []).append(body)
            case AttemptEnded():
                self._end(body)
            case Compacted():
                self.compacted += 1
            case Asked():
                self.questions[body.question] = body
            case Answered():
                asked = self.questions.pop(body.question, None)
                if asked is not None and body.answer == asked.options[0]:
                    self.waived.add(asked.task)
            case StopRequested():
                self.stop = body
            case VerdictGiven():
                self.verdict, self.rounds = body.verdict, self.rounds + 1
            case FileDelivered():
                self.files[body.deliverable.file] = body.deliverable
            case ManifestPinned():
                self.manifest_before = self.manifest_before or body.manifest
                self.manifest_after = body.manifest
            case ManifestCommitted():
                self.manifest_after = body.manifest
            case RunClosed():
                self.outcome = body.outcome
            case BudgetRaised() | RunReopened():
                if isinstance(body, BudgetRaised):
                    self.budget = body.over(self.budget)
                self.stop, self.outcome = None, None
                self.files.clear()  # the end that comes now delivers its own
            case _:
                pass

    def _end(self, ended: AttemptEnded) -> None:
        self.results[ended.task] = ended.result
        self._steps.pop((ended.task, ended.attempt), None)


def fold(events: Iterable[Event]) -> RunFold:
    """The state after these events."""
    state = RunFold()
    for event in events:
        state.apply(event)
    return state
