"""The far end: many agents in one event loop, each with a desk whose every word goes to the driver.

An agent acts on what the driver has acknowledged, and on nothing else: `record` returns after the commit.
The host keeps no state that the driver lacks, so it may die at any moment. Knows no transport: somebody
calls `serve` once, and `give` and `take` over and over.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from strop.crews.mail import (
    Assigned,
    Fault,
    Finished,
    Granted,
    Noticed,
    Recording,
    Resting,
    ToDriver,
    body_of,
    error_of,
    fact_of,
    fault_of,
    packed,
    to_host,
)
from strop.errors import StropError
from strop.seams import Worker
from strop.types.events import Body
from strop.types.trial import Result

if TYPE_CHECKING:
    from strop.seams import Desk

PROGRESS = 0.5
"""Seconds between two reports of passing progress."""


@dataclass(frozen=True, slots=True)
class Home:
    """What a worker far away may send home beside its facts."""

    notice: Callable[[str, int], None]
    """Passing progress: (task, characters streamed so far)."""
    keep: Callable[[bytes], str]
    """Stores a body in the run's blob store; returns its SHA-256."""


Staff: TypeAlias = "Callable[[Home], AbstractAsyncContextManager[Worker]]"
"""Makes a host's worker, in the host's own process and loop, and ends it. Must be picklable: a function of a
module that is installed on the hosts, or a `functools.partial` of one over plain data."""


@dataclass(slots=True)
class Host:
    """Owns the agents of one process."""

    staff: Staff
    _agents: dict[int, asyncio.Task[None]] = field(default_factory=dict[int, "asyncio.Task[None]"])
    _waiting: dict[tuple[int, int], asyncio.Future[None]] = field(
        default_factory=dict[tuple[int, int], "asyncio.Future[None]"]
    )
    _recalled: set[int] = field(default_factory=set[int])
    """Tickets that were recalled before they came: batches may overtake one another."""
    _out: list[Recording | Resting | Finished] = field(default_factory=list[Recording | Resting | Finished])
    _kept: list[str] = field(default_factory=list[str])
    _noticed: dict[str, int] = field(default_factory=dict[str, int])
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _mail: asyncio.Event = field(default_factory=asyncio.Event)
    _worker: Worker | None = None
    _group: asyncio.TaskGroup | None = None
    _fault: Fault | None = None

    async def serve(self) -> None:
        """Open the worker and let agents work until `end`; then cancel them and close it."""
        try:
            async with self.staff(Home(self._notice, self._keep)) as worker, asyncio.TaskGroup() as group:
                self._worker, self._group = worker, group
                self._ready.set()
                await self._ended.wait()
                for agent in self._agents.values():
                    agent.cancel()
        except StropError as caught:  # a key or a package is missing: each assignment is told so
            self._fault = fault_of(caught)
            self._ready.set()
            await self._ended.wait()

    async def end(self) -> None:
        """Cancel the agents and close the worker."""
        self._ended.set()

    async def give(self, batch: bytes) -> None:
        """Take in what the driver has to say."""
        mail = to_host(batch)
        await self._ready.wait()
        for granted in mail.granted:
            self._grant(granted)
        for assigned in mail.assigned:
            self._assign(assigned)
        for ticket in mail.recalled:
            self._recall(ticket)

    async def take(self) -> bytes:
        """What there is to say to the driver, as soon as there is anything."""
        while not (self._out or self._kept or self._mail.is_set()):
            await self._mail.wait()
        self._mail.clear()
        out, self._out = self._out, []
        kept, self._kept = self._kept, []
        noticed, self._noticed = self._noticed, {}
        return packed(
            ToDriver(
                kept=tuple(kept),
                recordings=tuple(each for each in out if isinstance(each, Recording)),
                restings=tuple(each for each in out if isinstance(each, Resting)),
                finished=tuple(each for each in out if isinstance(each, Finished)),
                noticed=tuple(Noticed(task, characters) for task, characters in noticed.items()),
            )
        )

    def say(self, word: Recording | Resting | Finished) -> None:
        """Into the next batch."""
        self._out.append(word)
        self._mail.set()

    def expect(self, ticket: int, number: int) -> asyncio.Future[None]:
        """Done when the driver has granted this number."""
        granted = self._waiting[ticket, number] = asyncio.get_running_loop().create_future()
        return granted

    def forget(self, ticket: int, number: int) -> None:
        """Nobody waits for this number any more."""
        self._waiting.pop((ticket, number), None)

    def _assign(self, assigned: Assigned) -> None:
        if assigned.ticket in self._recalled:
            self._recalled.discard(assigned.ticket)
            self.say(Finished(assigned.ticket))
        elif self._group is None:
            self.say(Finished(assigned.ticket, fault=self._fault))
        else:
            self._agents[assigned.ticket] = self._group.create_task(self._attend(assigned))

    def _grant(self, granted: Granted) -> None:
        waiting = self._waiting.pop((granted.ticket, granted.number), None)
        if waiting is None or waiting.done():
            return
        if granted.fault is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(error_of(granted.fault))

    def _recall(self, ticket: int) -> None:
        agent = self._agents.get(ticket)
        if agent is None:
            self._recalled.add(ticket)
        else:
            agent.cancel()

    async def _attend(self, assigned: Assigned) -> None:
        """One agent, from its assignment to the word that it is gone."""
        assert self._worker is not None, "agents start after the worker was opened"
        ended = Finished(assigned.ticket)
        try:
            desk = FarDesk(self, assigned.ticket, tuple(map(body_of, assigned.recorded)))
            ended = Finished(assigned.ticket, await self._worker.work(assigned.assignment, desk=desk))
        except StropError as caught:
            ended = Finished(assigned.ticket, fault=fault_of(caught))
        except Exception as caught:  # noqa: BLE001 - the boundary between an agent and its siblings
            failure = f"{type(caught).__name__}: {caught}"
            ended = Finished(assigned.ticket, Result(assigned.assignment.task.id, failure=failure))
        finally:
            self._agents.pop(assigned.ticket, None)
            self.say(ended)

    def _notice(self, task: str, characters: int) -> None:
        if not self._noticed:
            asyncio.get_running_loop().call_later(PROGRESS, self._mail.set)
        self._noticed[task] = characters

    def _keep(self, body: bytes) -> str:
        self._kept.append(base64.b64encode(body).decode())
        self._mail.set()
        return sha256(body).hexdigest()


@dataclass(slots=True)
class FarDesk:
    """The driver's desk as one agent sees it; implements `seams.Desk`."""

    host: Host
    ticket: int
    earlier: Sequence[Body]
    """What the driver had on record when it gave the assignment out."""
    _numbers: count[int] = field(default_factory=count)

    async def record(self, *facts: Body) -> None:
        """See `seams.Desk`. Returns after the driver's commit, or raises what the driver's desk raised."""
        number = next(self._numbers)
        await self._ask(number, Recording(self.ticket, number, tuple(map(fact_of, facts))))

    async def rest(self, seconds: float) -> None:
        """See `seams.Desk`."""
        number = next(self._numbers)
        await self._ask(number, Resting(self.ticket, number, seconds))

    def recorded(self, task: str, attempt: int, step: int) -> Sequence[Body]:
        """See `seams.Desk`."""
        wanted = (task, attempt, step)
        return [body for body in self.earlier if _place_of(body) == wanted]

    async def _ask(self, number: int, asked: Recording | Resting) -> None:
        granted = self.host.expect(self.ticket, number)
        self.host.say(asked)
        try:
            await granted
        finally:
            self.host.forget(self.ticket, number)


def _place_of(body: Body) -> tuple[str, int, int] | None:
    """(task, attempt, step) of what belongs to a step."""
    step = getattr(body, "step", None)
    return None if step is None else (getattr(body, "task", ""), getattr(body, "attempt", 0), step)


if TYPE_CHECKING:

    def _fits(x: FarDesk) -> Desk:
        return x
