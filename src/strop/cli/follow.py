"""`strop show RUN --follow`: a line for each task that lands or fails, read from the journal of another process.

Read-only, by `seq > n`: the run does not notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from strop.app.journals import being_written, events_of
from strop.app.parts import SystemClock
from strop.seams import Clock
from strop.types.events import (
    Asked,
    AttemptEnded,
    Event,
    FileDelivered,
    PlanExtended,
    PlanProposed,
    RunClosed,
    RunReopened,
    StopRequested,
)
from strop.types.work import TaskId

EVERY = 0.5
"""Seconds between two looks."""


@dataclass(slots=True)
class Follower:
    """What has been told of a run so far."""

    run: str
    seq: int = 0
    closed: bool = False
    tasks: set[TaskId] = field(default_factory=set[TaskId])
    landed: int = 0

    def lines(self, event: Event) -> tuple[str, ...]:
        """What a person is told of one event; nothing of most."""
        self.seq = event.seq
        match event.body:
            case PlanProposed(plan):
                self.tasks.update(task.id for task in plan.tasks)
            case PlanExtended(tasks, reason):
                self.tasks.update(task.id for task in tasks)
                return (f"{len(tasks)} more tasks: {reason}",)
            case AttemptEnded():
                return (self._ended(event.body),)
            case Asked(question=question, text=text):
                return (f"waits for a person: {text} (strop inbox, question {question[:12]})",)
            case StopRequested(reason, said):
                return (f"stopping: {said or reason}",)
            case FileDelivered(deliverable):
                return (f"wrote {deliverable.file}",)
            case RunReopened():
                self.closed = False
            case RunClosed(outcome):
                self.closed = True
                return (f"run {self.run} closed: {outcome}",)
            case _:
                pass
        return ()

    def _ended(self, ended: AttemptEnded) -> str:
        if ended.result.landed:
            self.landed += 1
            return f"{self.landed}/{len(self.tasks)} {ended.task} landed"
        again = "; tries again" if ended.retry_at is not None else ""
        return f"{ended.task} failed: {ended.result.failure}{again}"


def followed(folder: Path, *, console: Console) -> None:
    """Follow the run of a folder on a console.

    Raises:
        JournalFault: the journal cannot be read.
    """
    asyncio.run(
        follow(
            folder.name,
            read=lambda after: events_of(folder, after=after),
            owned=lambda: being_written(folder),
            say=lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
            clock=SystemClock(),
        )
    )


async def follow(
    run: str,
    *,
    read: Callable[[int], Sequence[Event]],
    owned: Callable[[], bool],
    say: Callable[[str], None],
    clock: Clock,
    every: float = EVERY,
) -> None:
    """Tell of a run until nobody works on it any more: what it leaves on disk is then written.

    `read` gives the events after a sequence number, `owned` whether a process holds the run.

    Raises:
        JournalFault: the journal cannot be read.
    """
    told = Follower(run)
    while True:
        at_work = owned()  # asked first: what an owner wrote before it went is then read below
        for event in read(told.seq):
            for line in told.lines(event):
                say(line)
        if not at_work:
            break
        await clock.sleep(every)
    if not told.closed:
        say(f"nobody works on run {run} now. Go on with: strop run --resume {run}")
