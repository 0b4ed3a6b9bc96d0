"""One model behind several endpoints or keys, or behind one: a `seams.Model` that lets calls out in turn.

The deciding is elsewhere and pure: `ring` says where a call goes, `warmth` whether it waits for a
leader, `limiter` when it may go out, `patience` when it is cut. Here is only the obeying: futures,
timers, and the promise that whatever was taken is given back exactly once, however a call ends.

A call that may have been billed is never made again in here: each paid attempt is reserved and
journaled by the agent. What was refused unpaid (connection refused, 429, a bad key) may go to another
endpoint, each at most once a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from strop.errors import AuthRefused, EndpointDown, ModelFailure, QuotaExhausted, RateLimited
from strop.seams import Answer, Chance, Clock, Model, ModelCard, Request, Watchful
from strop.swarm.endpoints.lane import EndpointStats, Lane, Slot, joined, lane_name
from strop.swarm.endpoints.limiter import Limiter
from strop.swarm.endpoints.limits import Limits
from strop.swarm.endpoints.patience import Kind, Patience, kind_of
from strop.swarm.endpoints.ring import Prompt, Ring, head_of, prompt_of
from strop.swarm.endpoints.warmth import Turn

_CLOSED = 10_000
"""Calls of queue that a closed endpoint counts for: whoever can wait elsewhere does."""


class Pool:
    """One model behind `models`, each of them an endpoint or a key of its own.

    Args:
        models: the same model everywhere: one id, one price.
        caches: the endpoints keep prefix caches, so a shared head is worth warming.
        card: what to show in place of the models' own cards joined.

    Raises:
        ConfigRefused: the models are not one model.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        clock: Clock,
        chance: Chance,
        limits: Limits | None = None,
        caches: bool = False,
        card: ModelCard | None = None,
    ) -> None:
        self.limits = limits = limits or Limits()
        self.clock = clock
        self.chance = chance
        self._card = card or joined([model.card for model in models])
        self._lanes = [
            Lane(at, model, lane_name(model.card, at, len(models)), Limiter(window=float(limits.concurrency)))
            for at, model in enumerate(models)
        ]
        self._ring = Ring(len(models))
        self.patience = Patience(
            multiple=limits.hang_multiple, floor=limits.hang_floor, first=limits.hang_first, most=limits.hang_most,
            hedge_multiple=limits.hedge_multiple, hedge_floor=limits.hedge_floor,
        )  # fmt: skip
        self._warms = caches and limits.warm_first
        self._numbers = 0
        self._dismissed: ModelFailure | None = None

    @property
    def card(self) -> ModelCard:
        return self._card

    def stats(self) -> tuple[EndpointStats, ...]:
        """Every endpoint as it is now."""
        now = self.clock.now()
        return tuple(
            EndpointStats(
                lane.name,
                self._ring.state(lane.at, now=now),
                lane.calls,
                lane.limiter.in_flight,
                lane.limiter.waiting + len(lane.held),
                int(lane.limiter.window),
                lane.limiter.refusals,
                lane.cut,
                lane.failures,
                lane.prefix_hits,
            )
            for lane in self._lanes
        )

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        """Ask once, where and when it is best; see `seams.Model`. `notice` hears 0 each time the request goes out.

        Raises:
            ModelFailure: in one of its branches; `EndpointDown` with `billed` when the call was cut for silence.
        """
        return await self._answer(request, notice)

    async def answer_watched(
        self, request: Request, *, late: Callable[[int], None], notice: Callable[[int], None] | None = None
    ) -> Answer:
        """See `seams.Watchful`."""
        return await self._answer(request, notice, late=late if self.limits.hedge else None)

    async def answer_beside(
        self, request: Request, *, endpoint: int, notice: Callable[[int], None] | None = None
    ) -> Answer:
        """See `seams.Watchful`. It waits for no leader: the one that it stands beside may be the leader."""
        return await self._answer(request, notice, beside=self._lanes[endpoint])

    async def _answer(
        self,
        request: Request,
        notice: Callable[[int], None] | None,
        *,
        late: Callable[[int], None] | None = None,
        beside: Lane | None = None,
    ) -> Answer:
        prompt = prompt_of(request) if len(self._lanes) > 1 else head_of(request)
        tried: set[int] = set()
        if beside is not None and self._open_beside(beside, self.clock.now()):
            tried.add(beside.at)
        failure: ModelFailure | None = None
        while True:
            now = self.clock.now()
            lane = self._choose(prompt, tried, failure, now)
            call = _Call(self, lane, prompt, kind_of(request), notice, late, warms=beside is None)
            try:
                if call.admitted(now) or await call.waited():
                    answer = await call.asked(request)
                    call.landed()
                    return answer
                call.broken(None)
            except ModelFailure as caught:
                call.broken(caught)
                tried.add(lane.at)
                if not self._elsewhere(caught, tried):
                    raise
                late = None if call.warned else late
                failure = caught
            except BaseException as caught:
                call.broken(caught)
                raise

    async def close(self) -> None:
        """Close every endpoint, also when one of them fails to."""
        async with AsyncExitStack() as stack:
            for lane in self._lanes:
                if lane.opening is not None:
                    lane.opening.cancel()
                stack.push_async_callback(lane.model.close)

    # ------------------------------------------------------------ where

    def _choose(self, prompt: Prompt, tried: set[int], failure: ModelFailure | None, now: float) -> Lane:
        lanes = self._lanes
        if len(lanes) == 1 and self._ring.is_well(0) and not tried:
            return lanes[0]
        loads = [
            lane.limiter.in_flight + lane.limiter.waiting + len(lane.held) + _CLOSED * (lane.limiter.closed_until > now)
            for lane in lanes
        ]
        room = [lane.limiter.has_room(now) for lane in lanes]
        at = self._ring.choose(prompt, loads=loads, room=room, now=now, without=tried)
        if at is not None:
            return lanes[at]
        if failure is not None:
            raise failure
        assert self._dismissed is not None, "a ring is only empty when everyone was dismissed"
        raise type(self._dismissed)(str(self._dismissed))

    def _elsewhere(self, caught: ModelFailure, tried: set[int]) -> bool:
        """Whether another endpoint may take what this one refused unpaid."""
        if caught.billed:
            return False
        others = [lane for lane in self._lanes if lane.at not in tried and self._ring.is_well(lane.at)]
        if isinstance(caught, RateLimited):
            now = self.clock.now()
            return any(lane.limiter.closed_until <= now for lane in others)
        return bool(others) and isinstance(caught, EndpointDown | AuthRefused | QuotaExhausted)

    def _open_beside(self, lane: Lane, now: float) -> bool:
        """Whether another endpoint takes calls now, at once or in turn."""
        return any(
            other is not lane and self._ring.is_well(other.at) and other.limiter.closed_until <= now
            for other in self._lanes
        )

    def _evict(self, lane: Lane) -> None:
        """Let all who wait here choose again, where there is a choice."""
        if len(self._lanes) == 1:
            return
        self.tell(lane, lane.warmth.evict(), None)
        for slot in lane.limiter.evict():
            if not slot.done():
                slot.set_result(0)

    # ------------------------------------------------------------ whose turn

    def tell(self, lane: Lane, calls: Iterable[int], turn: Turn | None) -> None:
        """Wake calls that were held for a leader."""
        for number in calls:
            waiting = lane.held.get(number)
            if waiting is not None and not waiting.done():
                waiting.set_result(turn)

    def pump(self, lane: Lane) -> None:
        """Give free slots to those whose turn it is, and see that somebody does so when the endpoint opens."""
        limiter, now = lane.limiter, self.clock.now()
        while admitted := limiter.admit(now):
            for slot, number in admitted:
                if slot.done():  # cancelled, and its task has not heard of it yet
                    limiter.broken(number)
                else:
                    slot.set_result(number)
        if limiter.waiting and limiter.closed_until > now and lane.opening is None:
            wait = limiter.closed_until - now
            lane.opening = asyncio.get_running_loop().call_later(wait, self._open, lane)

    def _open(self, lane: Lane) -> None:
        lane.opening = None
        self.pump(lane)

    # ------------------------------------------------------------ what calls need of their pool

    def number(self) -> int:
        """A number for one call, above 0."""
        self._numbers += 1
        return self._numbers

    def warms(self, prompt: Prompt) -> bool:
        """Whether this head is worth waiting for."""
        return self._warms and prompt.head_size >= self.limits.warm_least

    def has_room(self, now: float) -> bool:
        """Whether a call that comes now would go out at once somewhere."""
        return any(lane.limiter.has_room(now) and self._ring.is_well(lane.at) for lane in self._lanes)

    def note_choice(self, lane: Lane, prompt: Prompt) -> None:
        """This prompt goes there."""
        lane.prefix_hits += self._ring.share_known(lane.at, prompt) > 0
        self._ring.learn(lane.at, prompt)

    def note_landed(self, lane: Lane, slot: int) -> None:
        """An answer came."""
        lane.limiter.landed(slot)
        self._ring.landed(lane.at)
        if lane.limiter.waiting:
            self.pump(lane)

    def note_end(self, lane: Lane, slot: int, caught: BaseException | None, *, cut: bool) -> None:
        """A call ended without an answer: give its slot back, and draw the conclusions for this endpoint."""
        limiter, now = lane.limiter, self.clock.now()
        refused = isinstance(caught, RateLimited) or _overloaded(caught)
        if slot and refused:
            after = caught.retry_after if isinstance(caught, RateLimited) else None
            limiter.refused(slot, now=now, chance=self.chance.random(), retry_after=after)
            if limiter.closed_until > now and self._open_beside(lane, now):
                self._evict(lane)
        elif slot:
            limiter.broken(slot)
        lane.cut += cut
        lane.failures += isinstance(caught, ModelFailure) and not (refused or cut)
        self._judge(lane, caught, refused=refused)
        self.pump(lane)

    def _judge(self, lane: Lane, caught: BaseException | None, *, refused: bool) -> None:
        """What a failure says of the endpoint."""
        ring = self._ring
        match caught:
            case AuthRefused() | QuotaExhausted():
                if not ring.dismiss(lane.at):
                    self._dismissed = caught
                self._evict(lane)
            case EndpointDown() if not refused:
                if ring.failed(lane.at, now=self.clock.now()):
                    self._evict(lane)
            case ModelFailure():  # it spoke, so it lives
                ring.landed(lane.at)
            case _:
                ring.unknown(lane.at)


class _Call:
    """One call on one lane, from its choice to its end. Used once."""

    __slots__ = (
        "_began",
        "_characters",
        "_cut",
        "_deadline",
        "_holds",
        "_kind",
        "_lane",
        "_late",
        "_leads",
        "_notice",
        "_number",
        "_overdue",
        "_pool",
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
        pool: Pool,
        lane: Lane,
        prompt: Prompt,
        kind: Kind,
        notice: Callable[[int], None] | None,
        late: Callable[[int], None] | None,
        *,
        warms: bool,
    ) -> None:
        self._pool = pool
        self._lane = lane
        self._prompt = prompt
        self._kind = kind
        self._notice = notice
        self._late = late
        self.warned = False
        self._number = pool.number()
        self._warms = warms and pool.warms(prompt)
        self._leads = self._holds = False
        self._slot = 0
        self._characters = 0
        self._began = self._sign = self._when = 0.0
        self._cut = ""
        self._deadline: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._overdue: asyncio.TimerHandle | None = None
        pool.note_choice(lane, prompt)

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
        self._slot = self._lane.limiter.take(self._pool.clock.now()) or await self._queued()
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
        self._pool.pump(self._lane)
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
        lane, pool = self._lane, self._pool
        lane.calls += 1
        self._began = self._sign = now = pool.clock.now()
        pool.patience.began(self._kind, self._number, now=self._began)
        if self._leads:
            self._overdue = asyncio.get_running_loop().call_later(pool.limits.warm_wait, self._lead_lost, True)
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
            self._sign = now = self._pool.clock.now()
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
            self._pool.tell(lane, lane.warmth.began(self._prompt.head, now=now), Turn.GO)

    def _soon(self, now: float) -> float:
        """When to look at the latest: medians move. At the moment of lateness, where that is nearer."""
        patience = self._pool.patience
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
        now, patience = self._pool.clock.now(), self._pool.patience
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
        late = self._pool.patience.late(self._kind, began=self._began, now=now)
        if late is not None and late <= now and self._pool.has_room(now):
            say, self._late, self.warned = self._late, None, True
            say(self._lane.at)

    def _lead_lost(self, blamed: bool) -> None:
        """No sign came of this leader: the next one leads."""
        lane = self._lane
        moved, turn = lane.warmth.failed(self._prompt.head, self._number, blamed=blamed)
        self._pool.tell(lane, moved, turn)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def landed(self) -> None:
        """It was answered."""
        pool = self._pool
        self._stop_looking()
        now = pool.clock.now()
        pool.patience.answered(self._kind, self._number, seconds=now - self._began, now=now)
        if not self._characters:  # it never streamed
            self._first_sign(now)
        pool.note_landed(self._lane, self._slot)

    def broken(self, caught: BaseException | None) -> None:
        """It ended in another way; None when it is to choose again."""
        pool = self._pool
        self._stop_looking()
        self._stop_waiting()
        if self._deadline is not None:
            if self._cut or self.warned:  # also one that lost to its hedge would have taken longer still
                pool.patience.cut(self._kind, self._number, seconds=pool.clock.now() - self._began)
            else:
                pool.patience.dropped(self._kind, self._number)
        if self._warms:
            self._lead_lost(isinstance(caught, ModelFailure) and not isinstance(caught, RateLimited))
        pool.note_end(self._lane, self._slot, caught, cut=bool(self._cut))


def _overloaded(caught: BaseException | None) -> bool:
    return isinstance(caught, EndpointDown) and caught.overloaded


if TYPE_CHECKING:

    def _fits(x: Pool) -> tuple[Model, Watchful]:
        return x, x
