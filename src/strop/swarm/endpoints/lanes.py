"""The endpoints of one pool: where a call goes, whose turn it is, and what its end says of the endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from strop.errors import AuthRefused, EndpointDown, ModelFailure, QuotaExhausted, RateLimited
from strop.seams import Chance, Clock, Model
from strop.swarm.endpoints.lane import EndpointStats, Lane, lane_name
from strop.swarm.endpoints.limiter import Limiter
from strop.swarm.endpoints.limits import Limits
from strop.swarm.endpoints.patience import Patience
from strop.swarm.endpoints.ring import Prompt, Ring
from strop.swarm.endpoints.warmth import Turn

_CLOSED = 10_000
"""Calls of queue that a closed endpoint counts for: whoever can wait elsewhere does."""


class Lanes:
    """Every endpoint of one model, with what is shared between them. Owned by its `Pool`."""

    def __init__(self, models: Sequence[Model], *, clock: Clock, chance: Chance, limits: Limits, caches: bool) -> None:
        self.limits = limits
        self.clock = clock
        self.chance = chance
        self.each = [
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
            for lane in self.each
        )

    # ------------------------------------------------------------ where

    def choose(self, prompt: Prompt, tried: set[int], failure: ModelFailure | None, now: float) -> Lane:
        """Where this prompt goes now.

        Raises:
            ModelFailure: the `failure` before, or what closed the last endpoint, where none is left.
        """
        lanes = self.each
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

    def elsewhere(self, caught: ModelFailure, tried: set[int]) -> bool:
        """Whether another endpoint may take what this one refused unpaid."""
        if caught.billed:
            return False
        others = [lane for lane in self.each if lane.at not in tried and self._ring.is_well(lane.at)]
        if isinstance(caught, RateLimited):
            now = self.clock.now()
            return any(lane.limiter.closed_until <= now for lane in others)
        return bool(others) and isinstance(caught, EndpointDown | AuthRefused | QuotaExhausted)

    def open_beside(self, lane: Lane, now: float) -> bool:
        """Whether another endpoint takes calls now, at once or in turn."""
        return any(
            other is not lane and self._ring.is_well(other.at) and other.limiter.closed_until <= now
            for other in self.each
        )

    def _evict(self, lane: Lane) -> None:
        """Let all who wait here choose again, where there is a choice."""
        if len(self.each) == 1:
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

    # ------------------------------------------------------------ what calls need of their lanes

    def number(self) -> int:
        """A number for one call, above 0."""
        self._numbers += 1
        return self._numbers

    def warms(self, prompt: Prompt) -> bool:
        """Whether this head is worth waiting for."""
        return self._warms and prompt.head_size >= self.limits.warm_least

    def has_room(self, now: float) -> bool:
        """Whether a call that comes now would go out at once somewhere."""
        return any(lane.limiter.has_room(now) and self._ring.is_well(lane.at) for lane in self.each)

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
            if limiter.closed_until > now and self.open_beside(lane, now):
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


def _overloaded(caught: BaseException | None) -> bool:
    return isinstance(caught, EndpointDown) and caught.overloaded
