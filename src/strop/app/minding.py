"""Minds a run's inbox while the run is carried out: what other processes said becomes calls on its supervisor.

Twice a second on the run's clock. The inbox is never waited for long and never ends a run: while it cannot be
read or written the run goes on, the person is told once, and what was to be put in is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from strop.app.orders import raised
from strop.errors import JournalFault, StropError
from strop.seams import Clock
from strop.stores.inbox import BudgetOrder, Inbox, InboxOrder, StopOrder
from strop.types.events import Answered, Asked, BudgetRaised, Event
from strop.types.work import Budget

T = TypeVar("T")

EVERY = 0.5
"""Seconds between two looks."""
SETTABLE = (
    "usd", "steps", "critical_steps", "tokens", "input_tokens", "output_tokens", "minutes", "agents", "agents_total",
)  # fmt: skip
"""Caps of a run that can be raised while it goes on, by the keys of the spec's budget."""
CAPS = {"usd": "nanos"}
"""Keys whose field in the budget has another name."""
CLASSES = ("input_tokens", "output_tokens")
"""Caps that a run may do without: 0."""


class Heard(Protocol):
    """What the supervisor lets its inbox do: each ends up on record, or raises its journal's JournalFault."""

    async def stop(self, reason: str, said: str) -> None: ...

    async def answered(self, answer: Answered, /) -> None: ...

    async def raise_caps(self, raised: BudgetRaised, /) -> None: ...


@dataclass(slots=True)
class Minder:
    """Between one run and its inbox. Owned by the task that carries the run out."""

    inbox: Inbox
    run: str
    caps: Budget
    """As they are now; only ever raised."""
    warn: Callable[[str], None] = lambda said: None
    """Hears once of each spell in which the inbox cannot be used."""
    waiting: list[Asked] = field(default_factory=list[Asked])
    """Questions on record that are not in the inbox yet. A run that is taken up begins with its open ones."""
    _heard: set[int | str] = field(default_factory=set[int | str])
    """What is on record, in case the inbox could not be told so."""
    _troubled: bool = False

    def watch(self, event: Event) -> None:
        """Hears every committed fact, in the middle of a commit: so it only notes the question."""
        if isinstance(event.body, Asked):
            self.waiting.append(event.body)

    async def look(self, desk: Heard) -> None:
        """Put in what was asked, take out what was said.

        Raises:
            JournalFault: the run's own journal could not be written; that of the inbox is only told.
        """
        faults: list[JournalFault] = []
        self._reach(self._all_in, faults)
        said = (*self._reach(self.inbox.orders, faults), *self._reach(self.inbox.answers, faults))
        for each in said:
            if _key(each) not in self._heard:
                await self._obey(each, desk)
                self._heard.add(_key(each))
        if said:
            self._reach(lambda run: self._used(said), faults)
        if faults and not self._troubled:
            self.warn(f"the inbox cannot be used now; the run goes on, and it is tried again: {faults[0]}")
        self._troubled = bool(faults)

    def put_in(self) -> None:
        """Put in what was asked.

        Raises:
            JournalFault: `project.db` cannot be written now; what is not in yet still waits.
        """
        while self.waiting:
            self.inbox.ask(self.run, self.waiting[0])
            del self.waiting[0]

    def close(self, *, awaiting: bool) -> None:
        """The run has closed: its questions stay only if it awaits their answers.

        Raises:
            JournalFault: `project.db` cannot be written.
        """
        if awaiting:
            self.put_in()
        else:
            self.inbox.withdraw(self.run)

    def _reach(self, act: Callable[[str], tuple[T, ...]], faults: list[JournalFault]) -> tuple[T, ...]:
        """What the inbox gives for this run; nothing while it cannot be used."""
        try:
            return act(self.run)
        except JournalFault as caught:
            faults.append(caught)
            return ()

    def _all_in(self, run: str) -> tuple[()]:
        self.put_in()
        return ()

    def _used(self, said: Sequence[Answered | InboxOrder]) -> tuple[()]:
        self.inbox.used(*said)
        return ()

    async def _obey(self, said: Answered | InboxOrder, desk: Heard) -> None:
        """Have it put on record."""
        match said:
            case Answered():
                await desk.answered(said)
            case StopOrder(by, reason):
                await desk.stop("interrupted", f"stopped by {by}" + (f": {reason}" if reason else ""))
            case BudgetOrder(by, changes):
                try:
                    asked = raised(self.caps, dict(changes))
                except StropError as caught:  # written by another program, or another version
                    self.warn(f"a budget edit by {by} is left out: {caught}")
                    return
                highest = _highest(self.caps, asked)
                if highest != self.caps:  # else it is on record, or a race brought a lower one
                    self.caps = highest
                    await desk.raise_caps(BudgetRaised.to(highest))


async def mind(minder: Minder, desk: Heard, clock: Clock, *, every: float = EVERY) -> None:
    """Look into the inbox every so many seconds, until cancelled.

    Raises:
        JournalFault: what was said could not be put on record.
    """
    while True:
        await minder.look(desk)
        await clock.sleep(every)


@asynccontextmanager
async def minded(minder: Minder, desk: Heard, clock: Clock, *, every: float = EVERY) -> AsyncGenerator[None, None]:
    """Mind the inbox for as long as the block runs. What either raises comes out as itself, in no group."""
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(mind(minder, desk, clock, every=every))
            try:
                yield
            finally:
                task.cancel()
    except ExceptionGroup as caught:
        raise caught.exceptions[0] from None


def _key(said: Answered | InboxOrder) -> int | str:
    return said.question if isinstance(said, Answered) else said.id


def _highest(caps: Budget, asked: Budget) -> Budget:
    """Each cap that can be set, as the higher of the two: an edit never takes away what was approved."""
    names = [CAPS.get(key, key) for key in SETTABLE]
    return replace(caps, **{name: higher(name, getattr(caps, name), getattr(asked, name)) for name in names})


def higher(name: str, now: float, asked: float) -> float:
    """The cap that lets more through; of tokens by class 0 lets all through."""
    return now if name in CLASSES and now == 0 else max(now, asked)
