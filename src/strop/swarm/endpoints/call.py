"""One call on one endpoint: it waits for its turn, is cut when it is silent, and gives back whatever it took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from strop.errors import EndpointDown, ModelFailure, RateLimited
from strop.seams import Answer, Request
from strop.swarm.endpoints.lane import Lane, Slot
from strop.swarm.endpoints.lanes import Lanes
from strop.swarm.endpoints.patience import Kind
from strop.swarm.endpoints.ring import Prompt
from strop.swarm.endpoints.warmth import Turn


class Call:
    """One call on one lane, from its choice to its end. Used once."""

    __slots__ = (
        "_began",
        "_characters",
        "_cut",
        "_deadline",
        "_holds",
        "_kind",
        "_lane",
        "_lanes",
        "_late",
        "_leads",
        "_notice",
        "_number",
        "_overdue",
        "_prompt",
        "_sign",
        "_slot",
        "_timer",
        "_warms",
        "_when",
        "warned",
    )

    def __init__(
        self,
        lanes: Lanes,
        lane: Lane,
        prompt: Prompt,
        kind: Kind,
        notice: Callable[[int], None] | None,
        late: Callable[[int], None] | None,
        *,
        warms: bool,
    ) -> None:
        self._lanes = lanes
        self._lane = lane
        self._prompt = prompt
        self._kind = kind
        self._notice = notice
        self._late = late
        self.warned = False
        self._number = lanes.number()
        self._warms = warms and lanes.warms(prompt)
        self._leads = self._holds = False
        self._slot = 0
        self._characters = 0
        self._began = self._sign = self._when = 0.0
        self._cut = ""
        self._deadline: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._overdue: asyncio.TimerHandle | None = None
        lanes.note_choice(lane, prompt)

    def admitted(self, now: float) -> bool:
        """Whether the call may go out at once; else it is to be `waited` for."""
        limiter = self._lane.limiter
        if self._warms:
            turn = self._lane.warmth.ask(self._prompt.head, self._number, now=now)
            self._leads, self._holds = turn is Turn.LEAD, turn is Turn.HOLD
        if not self._holds:
            self._slot = limiter.take(now)
        return self._slot > 0

    async def waited(self) -> bool:
        """Wait for the head to be warm and for a slot; False when the call must choose again."""
        if self._holds:
            turn = await self._held()
            if turn is None:
                return False
            self._leads = turn is Turn.LEAD
        self._slot = self._lane.limiter.take(self._lanes.clock.now()) or await self._queued()
        return self._slot > 0

    async def _held(self) -> Turn | None:
        waiting: asyncio.Future[Turn | None] = asyncio.get_running_loop().create_future()
        self._lane.held[self._number] = waiting
        try:
            return await waiting
        finally:
            del self._lane.held[self._number]

    async def _queued(self) -> int:
        limiter = self._lane.limiter
        slot: Slot = asyncio.get_running_loop().create_future()
        limiter.queue(slot)
        self._lanes.pump(self._lane)
        try:
            return await slot
        except asyncio.CancelledError:
            limiter.forget(slot)
            if slot.done() and not slot.cancelled():
                self._slot = slot.result()  # it had its turn already: given back with the rest
            raise

    async def asked(self, request: Request) -> Answer:
        """The answer, unless it is silent for too long.

        Raises:
            EndpointDown: cut for silence.
            ModelFailure: as the model says.
        """
        lane, lanes = self._lane, self._lanes
        lane.calls += 1
        self._began = self._sign = now = lanes.clock.now()
        lanes.patience.began(self._kind, self._number, now=self._began)
        if self._leads:
            self._overdue = asyncio.get_running_loop().call_later(lanes.limits.warm_wait, self._lead_lost, True)
        if self._notice is not None:
            self._notice(0)
        try:
            async with asyncio.timeout(None) as self._deadline:
                self._look_again(now, self._soon(now))
                return await lane.model.answer(request, notice=self._hear)
        except TimeoutError:
            if not self._cut:
                raise
        raise EndpointDown(f"{lane.name}: {self._cut}", billed=True)

    def _hear(self, characters: int) -> None:
        if characters > self._characters:
            self._sign = now = self._lanes.clock.now()
            if not self._characters:
                self._first_sign(now)
            self._characters = characters
        if self._notice is not None:
            self._notice(characters)

    def _first_sign(self, now: float) -> None:
        """The prompt was read: whoever waits for its head may go."""
        if self._warms:
            self._stop_waiting()
            lane = self._lane
            self._lanes.tell(lane, lane.warmth.began(self._prompt.head, now=now), Turn.GO)

    def _soon(self, now: float) -> float:
        """When to look at the latest: medians move. At the moment of lateness, where that is nearer."""
        patience = self._lanes.patience
        if self._late is None:
            return now + patience.floor
        late = patience.late(self._kind, began=self._began, now=now)
        pause = min(patience.floor, patience.hedge_floor)
        return now + pause if late is None or late <= now else min(late, now + patience.floor)

    def _look_again(self, now: float, when: float) -> None:
        self._when = when
        self._timer = asyncio.get_running_loop().call_later(when - now, self._look)

    def _look(self) -> None:
        """Cut the call if it is due; say so if it is late; else look again then, or soon."""
        now, patience = self._lanes.clock.now(), self._lanes.patience
        late = now - self._when
        if late > patience.floor:
            # The machine slept, or this process did: nobody could have been heard meanwhile.
            self._began += late
            self._sign = now  # from here a whole limit: how long the call was heard before is not known
            patience.began(self._kind, self._number, now=self._began)
        due = patience.due(self._kind, began=self._began, sign=self._sign, now=now)
        if due > now:
            self._warn(now)
            self._look_again(now, min(due, self._soon(now)))
            return
        self._cut = patience.reason(self._kind, began=self._began, sign=self._sign, now=now)
        assert self._deadline is not None, "only a call that went out is looked at"
        self._deadline.reschedule(0.0)

    def _warn(self, now: float) -> None:
        """Say that the call is late, once, and when there is room for another."""
        if self._late is None:
            return
        late = self._lanes.patience.late(self._kind, began=self._began, now=now)
        if late is not None and late <= now and self._lanes.has_room(now):
            say, self._late, self.warned = self._late, None, True
            say(self._lane.at)

    def _lead_lost(self, blamed: bool) -> None:
        """No sign came of this leader: the next one leads."""
        lane = self._lane
        moved, turn = lane.warmth.failed(self._prompt.head, self._number, blamed=blamed)
        self._lanes.tell(lane, moved, turn)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def landed(self) -> None:
        """It was answered."""
        lanes = self._lanes
        self._stop_looking()
        now = lanes.clock.now()
        lanes.patience.answered(self._kind, self._number, seconds=now - self._began, now=now)
        if not self._characters:  # it never streamed
            self._first_sign(now)
        lanes.note_landed(self._lane, self._slot)

    def broken(self, caught: BaseException | None) -> None:
        """It ended in another way; None when it is to choose again."""
        lanes = self._lanes
        self._stop_looking()
        self._stop_waiting()
        if self._deadline is not None:
            if self._cut or self.warned:  # also one that lost to its hedge would have taken longer still
                lanes.patience.cut(self._kind, self._number, seconds=lanes.clock.now() - self._began)
            else:
                lanes.patience.dropped(self._kind, self._number)
        if self._warms:
            self._lead_lost(isinstance(caught, ModelFailure) and not isinstance(caught, RateLimited))
        lanes.note_end(self._lane, self._slot, caught, cut=bool(self._cut))
