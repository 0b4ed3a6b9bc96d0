"""What a person sees while a run goes on: one live table in a terminal, plain lines elsewhere.

Progress goes to stderr, so that stdout stays clean for `--json`. It is passing: the journal is the truth.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from strop.swarm.schedule import Phase
from strop.swarm.supervise import Supervisor
from strop.types.count import counted
from strop.types.events import (
    AttemptEnded,
    AttemptStarted,
    CallAnswered,
    CallFailed,
    CallLost,
    Event,
    FileDelivered,
    PlanExtended,
    PlanProposed,
    StopRequested,
    VerdictGiven,
)
from strop.types.money import dollars

SHOWN = 6
"""Agents at work that the live view lists."""


@dataclass(slots=True)
class LiveScreen:
    """Hears committed facts and streaming progress; draws at most four times a second."""

    console: Console
    total: int = 0
    landed: int = 0
    failed: int = 0
    phase: str = "planning"
    began: float = field(default_factory=time.monotonic)
    working: dict[str, float] = field(default_factory=dict[str, float])
    streamed: dict[str, int] = field(default_factory=dict[str, int])
    desk: Supervisor | None = None
    run: str = ""
    """Id of the run, once it is open."""
    live: Live | None = None
    """While the view is on screen."""

    def opened(self, desk: Supervisor, run: str) -> None:
        """Told of the run before anything is paid."""
        self.desk, self.run = desk, run
        if desk.state.approved:
            self.phase = "going on"
        counts = desk.state.schedule.counts  # a run that goes on has some behind it
        self.total, self.landed = len(desk.state.tasks), counts[Phase.LANDED]
        self.failed = counts[Phase.FAILED]
        self.console.print(f"run [bold]{run}[/bold]", highlight=False)

    def watch(self, event: Event) -> None:
        """One committed fact."""
        match event.body:
            case PlanProposed(plan):
                self.total, self.phase = len(plan.tasks), "waiting for approval"
            case PlanExtended(tasks):
                self.total += len(tasks)
                self._say(counted(len(tasks), "repair task"))
            case AttemptStarted(task):
                self.phase = "running"
                self.working[task] = time.monotonic()
            case AttemptEnded():
                self._ended(event.body)
            case CallFailed() | CallLost():
                self._say(f"[yellow]{escape(event.body.task)}[/yellow]: {escape(event.body.failure)}")
            case CallAnswered(task):
                self.streamed.pop(task, None)
            case StopRequested(reason, said):
                self._say(f"[yellow]stopping ({reason})[/yellow]: {escape(said)}")
            case VerdictGiven():
                self.phase = "writing files"
            case FileDelivered():
                self.phase = "delivered"
            case _:
                pass

    def notice(self, task: str, characters: int) -> None:
        """An answer is streaming."""
        self.streamed[task] = characters

    @contextmanager
    def shown(self) -> Generator[None, None, None]:
        """Keep the live view on screen for the time of the block; nothing live without a terminal."""
        if not self.console.is_terminal:
            yield
            return
        self._begin()
        try:
            yield
        finally:
            self._end_view()

    @contextmanager
    def paused(self) -> Generator[None, None, None]:
        """Take the live view off screen while a person is asked; it stays off when that fails."""
        shown = self.live is not None
        self._end_view()
        yield
        self.began = time.monotonic()  # what a person thought about is no time of the run
        if shown:
            self._begin()

    def _begin(self) -> None:
        """A new view each time: one that is started again wipes the lines that its last form had taken."""
        self.live = Live(get_renderable=self._draw, console=self.console, refresh_per_second=4, transient=True)
        self.live.start()

    def _end_view(self) -> None:
        if self.live is not None:
            self.live.stop()
        self.live = None

    def _ended(self, body: AttemptEnded) -> None:
        self.working.pop(body.task, None)
        self.streamed.pop(body.task, None)
        if body.result.landed:
            self.landed += 1
            if not self.console.is_terminal:
                self.console.print(f"{self.landed}/{self.total} {body.task}", highlight=False)
        elif body.retry_at is None:
            self.failed += 1
            self._say(f"[red]{escape(body.task)}[/red] failed: {escape(body.result.failure)}")
        if self.landed + self.failed == self.total:
            self.phase = "checking"

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False)

    def _draw(self) -> Group:
        done = self.landed + self.failed
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(self.phase, style="bold"),
            ProgressBar(total=max(self.total, 1), completed=done, width=24),
            f"{done} of {counted(self.total, 'agent')}" if self.total else "",
            f"{self.failed} failed" if self.failed else "",
            f"{time.monotonic() - self.began:.0f} s",
        )
        agents = Table.grid(padding=(0, 2))
        thinking = [task for task in self.streamed if task not in self.working]  # a planner or a verifier
        listed = [*self.working.items(), *((task, self.began) for task in thinking)]
        for task, since in listed[:SHOWN]:
            heard = counted(self.streamed[task], "character") if task in self.streamed else "waiting for the first word"
            seconds = f"{time.monotonic() - since:.0f} s"
            agents.add_row("  ", Text(task, style="cyan", overflow="ellipsis", no_wrap=True), seconds, heard)
        more = len(listed) - SHOWN
        if more > 0:
            agents.add_row("  ", f"and {more} more", "", "")
        return Group(head, Text(f"  {self._money()}", style="dim"), agents)

    def _money(self) -> str:
        if self.desk is None:
            return ""
        ledger = self.desk.state.ledger
        return f"{counted(ledger.calls, 'call')}, {counted(ledger.usage.total, 'token')}, {dollars(ledger.nanos)}"
