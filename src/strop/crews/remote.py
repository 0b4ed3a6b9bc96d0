"""The near end: places assignments on hosts and carries their facts to the desk. Knows no transport.

A `Line` leads to one host. When it breaks, the host counts as dead and is ended for certain; each of its
assignments has its open calls booked as lost and goes to another host with everything recorded so far, so
that no committed answer is bought again. A dead host's late words are never acknowledged, hence never acted on.
All of it runs in the driver's loop: lines call back into it, and each assignment is served by its own caller.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Protocol

from strop.crews.mail import (
    Assigned,
    Fact,
    Finished,
    Granted,
    Heard,
    Recording,
    Resting,
    ToHost,
    body_of,
    error_of,
    fact_of,
    fault_of,
    packed,
    to_driver,
)
from strop.errors import StropError
from strop.seams import Assignment, Desk
from strop.types.events import Body, CallAnswered, CallFailed, CallIntended, CallLost
from strop.types.trial import Result

if TYPE_CHECKING:
    from strop.seams import Crew

DEATHS = 3
"""Hosts in a row that may die under one assignment, without a step forward between, before the attempt fails.

Whoever shares a host with one that kills it moves on a little each time, and so is not blamed.
"""
FAREWELL = 3.0
"""Seconds that a cancelled agent gets to put on record what it has."""


class Line(Protocol):
    """The way to one host."""

    def give(self, batch: bytes) -> None:
        """Send it; never waits."""
        ...

    def kill(self) -> None:
        """End the host for certain."""
        ...

    async def end(self) -> None:
        """Let the host close what it has open, then end it."""
        ...


class Dial(Protocol):
    """Starts a host. Calls `heard` with each batch it says and `lost` once, with the reason, when it is gone."""

    def __call__(self, *, heard: Callable[[bytes], None], lost: Callable[[str], None]) -> Line: ...


class HostDied(Exception):
    """The host of an assignment is gone; the message says what is known."""


@dataclass(slots=True)
class RemoteCrew:
    """Owns the hosts of one run; implements `seams.Crew`."""

    dial: Dial
    hosts: int
    """Most hosts at once. One is started when every other has work."""
    notice: Callable[[str, int], None] = lambda task, characters: None
    """Hears passing progress: (task, characters streamed so far)."""
    keep: Callable[[bytes], str] = lambda body: ""
    """Stores a body that a host sent for the blob store."""
    deaths: int = DEATHS
    _places: list[_Place] = field(default_factory=list["_Place"])
    _tickets: count[int] = field(default_factory=count)

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        """See `seams.Crew`."""
        record = _Record(assignment, desk)
        why = ""
        while record.deaths < self.deaths:
            try:
                return await self._on_a_host(record)
            except HostDied as caught:
                why = str(caught)
                await record.lose(why)
        return Result(assignment.task.id, failure=f"HostDied: {record.deaths} hosts died under this agent; {why}")

    async def close(self) -> None:
        """See `seams.Crew`."""
        places, self._places = self._places, []
        await asyncio.gather(*(place.line.end() for place in places))

    async def _on_a_host(self, record: _Record) -> Result:
        place, ticket = self._least_loaded(), next(self._tickets)
        inbox = place.inboxes[ticket] = asyncio.Queue[Heard | HostDied]()
        place.post(assigned=(Assigned(ticket, record.assignment, tuple(record.facts)),))
        try:
            return await _serve(record, place, inbox)
        except asyncio.CancelledError:
            place.post(recalled=(ticket,))
            await _farewell(record, place, inbox)
            raise
        finally:
            del place.inboxes[ticket]

    def _least_loaded(self) -> _Place:
        place = min(self._places, key=lambda each: len(each.inboxes), default=None)
        if place is None or (place.inboxes and len(self._places) < self.hosts):
            place = _Place()
            place.line = self.dial(
                heard=lambda batch: self._heard(place, batch), lost=lambda why: self._lost(place, why)
            )
            self._places.append(place)
        return place

    def _heard(self, place: _Place, batch: bytes) -> None:
        try:
            mail = to_driver(batch)
        except ValueError as caught:
            self._lost(place, f"it says what this strop does not understand: {caught}")
            return
        for body in mail.kept:
            self.keep(base64.b64decode(body))
        for seen in mail.noticed:
            self.notice(seen.task, seen.characters)
        for word in (*mail.recordings, *mail.restings, *mail.finished):
            inbox = place.inboxes.get(word.ticket)
            if inbox is not None:
                inbox.put_nowait(word)

    def _lost(self, place: _Place, why: str) -> None:
        if place in self._places:
            self._places.remove(place)
        place.line.kill()
        for inbox in place.inboxes.values():
            inbox.put_nowait(HostDied(why))


@dataclass(slots=True)
class _Place:
    """One host as the driver sees it."""

    line: Line = field(init=False)
    inboxes: dict[int, asyncio.Queue[Heard | HostDied]] = field(
        default_factory=dict[int, "asyncio.Queue[Heard | HostDied]"]
    )
    """What each assignment on it has said and nobody has looked at yet."""
    _posted: list[ToHost] = field(default_factory=list[ToHost])

    def post(
        self,
        *,
        assigned: tuple[Assigned, ...] = (),
        granted: tuple[Granted, ...] = (),
        recalled: tuple[int, ...] = (),
    ) -> None:
        """Send it with everything else of this turn of the loop, in one batch."""
        if not self._posted:
            asyncio.get_running_loop().call_soon(self._send)
        self._posted.append(ToHost(assigned, granted, recalled))

    def _send(self) -> None:
        posted, self._posted = self._posted, []
        whole = ToHost(
            tuple(each for batch in posted for each in batch.assigned),
            tuple(each for batch in posted for each in batch.granted),
            tuple(each for batch in posted for each in batch.recalled),
        )
        self.line.give(packed(whole))


@dataclass(slots=True)
class _Record:
    """An assignment, its desk, and all that is on record for it, whoever worked on it."""

    assignment: Assignment
    desk: Desk
    facts: list[Fact] = field(default_factory=list[Fact])
    open: dict[tuple[int, int], CallIntended] = field(default_factory=dict[tuple[int, int], CallIntended])
    """Calls intended in this life and not yet ended, by (step, try)."""
    deaths: int = 0
    """Hosts that died since the last step forward."""

    def __post_init__(self) -> None:
        task, attempt = self.assignment.task, self.assignment.attempt
        for step in range(task.steps + 1):
            self.facts += map(fact_of, self.desk.recorded(task.id, attempt, step))

    async def commit(self, facts: Sequence[Fact]) -> None:
        """Through the desk, then into what the next host would be told."""
        bodies = [body_of(fact) for fact in facts]
        await self.desk.record(*bodies)
        self.facts += facts
        for body in bodies:
            self._note(body)

    async def lose(self, why: str) -> None:
        """Book every open call as lost: its host is gone, its outcome unknown."""
        self.deaths += 1
        lost = tuple(
            CallLost(call.task, call.attempt, call.step, call.tries, f"HostDied: {why}", call.nanos, call.tokens)
            for call in self.open.values()
        )
        if lost:
            await self.commit([fact_of(each) for each in lost])

    def _note(self, body: Body) -> None:
        if isinstance(body, CallIntended):
            self.open[body.step, body.tries] = body
            return
        if isinstance(body, CallAnswered | CallFailed | CallLost):
            self.open.pop((body.step, body.tries), None)
        if not isinstance(body, CallLost):
            self.deaths = 0


async def _serve(record: _Record, place: _Place, inbox: asyncio.Queue[Heard | HostDied]) -> Result:
    """Do what the agent asks for until it is gone.

    Raises:
        HostDied: its host is, or it was recalled.
        StropError: as the agent raised it.
    """
    while True:
        match await inbox.get():
            case HostDied() as died:
                raise died
            case Finished(result=result) if result is not None:
                return result
            case Finished(fault=fault):
                raise HostDied("the agent left without a result") if fault is None else error_of(fault)
            case asked:
                await _grant(asked, record, place)


async def _grant(asked: Recording | Resting, record: _Record, place: _Place) -> None:
    fault = None
    try:
        if isinstance(asked, Resting):
            await record.desk.rest(asked.seconds)
        else:
            await record.commit(asked.facts)
    except StropError as caught:
        fault = fault_of(caught)
    place.post(granted=(Granted(asked.ticket, asked.number, fault),))


async def _farewell(record: _Record, place: _Place, inbox: asyncio.Queue[Heard | HostDied]) -> None:
    """Let a recalled agent put on record what it has paid for. Whatever it says otherwise, it was cancelled."""
    try:
        async with asyncio.timeout(FAREWELL):
            await _serve(record, place, inbox)
    except (HostDied, StropError, TimeoutError, asyncio.CancelledError):
        return


if TYPE_CHECKING:

    def _fits(x: RemoteCrew) -> Crew:
        return x
