"""Carries an order out in front of a person: approval, live view, signals, and the exit code of how it ended."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from strop.app import Ended, Options, Order, Project, Screen, again_order, execute, open_project, resumable, run
from strop.cli.console import err, out, print_json
from strop.cli.screen import LiveScreen
from strop.cli.show import show_ended, show_plan
from strop.errors import BadInput, HumanAwaited, Interrupted, JournalFault
from strop.reporting import run_json
from strop.types.trial import Outcome
from strop.types.work import Plan, Spec

CODES = {Outcome.PASSED: 0, Outcome.REFUSED: 1, Outcome.PARTIAL: 3, Outcome.AWAITING: 4, Outcome.INTERRUPTED: 130}
SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "the system's request to end"}


@dataclass(slots=True)
class Rim:
    """One run as the command line holds it: the screen, and how often it was told to stop."""

    screen: LiveScreen = field(default_factory=lambda: LiveScreen(err))
    proposed: Plan | None = None
    """The plan, once it was shown."""
    _told: int = 0

    async def carry(self, project: Project, order: Order, *, options: Options, yes: bool, resume: str) -> Ended:
        """The run, however it ended.

        Raises:
            Interrupted: stopped where nothing could be handed over; the message says how to go on.
            StropError: see `app.execute`.
        """

        async def approve(made: Plan) -> str:
            self.proposed = made
            show_plan(err, made)
            return await self._approval(made, yes=yes)

        shown = Screen(watch=self.screen.watch, notice=self.screen.notice, opened=self.screen.opened, warn=_warn)
        with self._listening(), self.screen.shown():
            try:
                return await execute(project, order, options=options, approve=approve, screen=shown, resume=resume)
            except asyncio.CancelledError:
                raise Interrupted(f"stopped while {self.screen.phase}; {self._go_on()}") from None
            except JournalFault as caught:
                if not self.screen.run:
                    raise
                raise JournalFault(f"{caught}. What was committed stands; {self._go_on()}") from caught

    async def propose(self, project: Project, order: Order, *, options: Options) -> tuple[Plan, str]:
        """(plan, run) of an order that a planner must split: paid once, on record, and left to be approved."""

        async def approve(made: Plan) -> str:
            self.proposed = made
            raise HumanAwaited("the plan waits for approval")

        shown = Screen(watch=self.screen.watch, notice=self.screen.notice, opened=self.screen.opened)
        with self._listening(), self.screen.shown():
            try:
                await execute(project, order, options=options, approve=approve, screen=shown)
            except asyncio.CancelledError:
                raise Interrupted(f"stopped while {self.screen.phase}; {self._go_on()}") from None
            except HumanAwaited:
                pass
        assert self.proposed is not None, "a plan that was not proposed has raised"
        return self.proposed, self.screen.run

    async def _approval(self, made: Plan, *, yes: bool) -> str:
        """Who approved.

        Raises:
            HumanAwaited: nobody did.
        """
        if made.fatal and not sys.stdin.isatty():
            doubts = "; ".join(made.fatal)
            raise HumanAwaited(
                f"the planner objects, and only a person at a terminal can wave that through: {doubts}. {self._go_on()}"
            )
        if yes and not made.fatal:
            return "--yes"
        if not sys.stdin.isatty():
            raise HumanAwaited(
                "the plan waits for approval, and there is no terminal to ask at. "
                f"Approve it with: strop run --resume {self.screen.run} --yes"
            )
        with self.screen.paused():
            answer = await _asked("Run this plan? [Y/n] ")
        if answer.strip().lower() not in ("", "y", "yes"):
            raise HumanAwaited(f"the plan was not approved, nothing was run. Edit the spec, or {self._go_on()}")
        return "user"

    def _go_on(self) -> str:
        return f"go on with: strop run --resume {self.screen.run}" if self.screen.run else "nothing was begun"

    @contextmanager
    def _listening(self) -> Generator[None, None, None]:
        """Ctrl-C and SIGTERM ask for an orderly end; a second one does not wait."""
        loop, running = asyncio.get_running_loop(), asyncio.current_task()
        assert running is not None, "runs in a task"
        for number, name in SIGNALS.items():
            loop.add_signal_handler(number, self._heard, running, name)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _heard(self, running: asyncio.Task[object], name: str) -> None:
        self._told += 1
        desk = self.screen.desk
        if desk is None or not desk.state.approved:
            running.cancel()
        elif self._told == 1:
            desk.ask_to_stop("interrupted", f"stopped by {name}")
            err.print("stopping: calls in flight get 10 s to land; a second Ctrl-C does not wait", highlight=False)
        elif self._told == 2 and self.screen.working:
            desk.hurry()
        else:
            # Nobody is at work: the gate or a model that refutes holds us up. What it knows is on record.
            running.cancel()


def _warn(said: str) -> None:
    err.print(said, highlight=False, markup=False)


async def _asked(question: str) -> str:
    """A line typed at the terminal. Read by the loop, not by a thread, so that Ctrl-C is heard at once.

    Raises:
        HumanAwaited: the terminal is gone.
    """
    err.print(question, end="", highlight=False, markup=False)
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()
    loop.add_reader(sys.stdin, lambda: typed.done() or typed.set_result(sys.stdin.readline()))
    try:
        line = await typed
    except asyncio.CancelledError:
        err.print()
        raise
    finally:
        loop.remove_reader(sys.stdin)
    if not line:
        raise HumanAwaited("the plan was not approved: end of input; nothing was run")
    return line


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `strop run` was called with."""

    spec: Path | None
    project: Path
    resume: str = ""
    again: str = ""
    solo: bool = False
    yes: bool = False


def wanted(asked: Wanted, *, ordered: Callable[[Path], tuple[Project, Order]]) -> tuple[Project, Order, str]:
    """(project, order, run to go on with or empty).

    Raises:
        BadInput: nothing was named, or two things that exclude each other.
    """
    if asked.resume and (asked.again or asked.solo):
        raise BadInput("--resume goes on with a run as it is; leave --again and --solo out, or start anew")
    if asked.resume or asked.again:
        project = open_project(asked.spec.parent if asked.spec is not None else asked.project)
        if asked.again:
            return project, replace(again_order(project, asked.again), solo=asked.solo), ""
        # What was ordered stands in the run's own journal.
        return project, Order(Spec(title="", outputs=()), ""), project.find_run(asked.resume).name
    if asked.spec is None:
        raise BadInput("name a spec: strop run spec.md, or a run to go on with: strop run --resume ID")
    project, order = ordered(asked.spec)
    order = replace(order, solo=asked.solo)
    earlier = "" if asked.solo else resumable(project, order.spec)
    if not earlier:
        return project, order, ""
    if not asked.yes and sys.stdin.isatty():
        err.print(f"Run {earlier} of this spec was cut off; what it paid for is on record.", highlight=False)
        return project, order, earlier if _yes("Go on with it? [Y/n] ") else ""
    note = f"run {earlier} of this spec did not end; this is a new one. Go on with that: strop run --resume"
    err.print(f"{note} {earlier}", highlight=False, soft_wrap=True)
    return project, order, ""


def _yes(question: str) -> bool:
    err.print(question, end="", highlight=False, markup=False)
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def carried_out(project: Project, order: Order, *, options: Options, yes: bool, as_json: bool, resume: str = "") -> int:
    """Run an order and print how it ended; the exit code."""
    ended = run(Rim().carry(project, order, options=options, yes=yes, resume=resume))
    if as_json:
        print_json(
            run_json(ended.turn, ended.state, before=ended.manifest_before, after=ended.manifest_after, more=ended.more)
        )
    else:
        show_ended(out, ended)
    stop = ended.state.stop
    if stop is not None and stop.reason == "auth":
        return BadInput.exit_code
    return CODES.get(ended.turn.outcome, 70)


def proposed(project: Project, order: Order, *, options: Options) -> tuple[Plan, str]:
    """See `Rim.propose`."""
    return run(Rim().propose(project, order, options=options))
