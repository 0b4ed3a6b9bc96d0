"""One model behind several endpoints or keys, or behind one: a `seams.Model` that lets calls out in turn.

The deciding is elsewhere and pure: `ring` says where a call goes, `warmth` whether it waits for a
leader, `limiter` when it may go out, `patience` when it is cut. `lanes` and `call` obey: futures, timers, and
the promise that whatever was taken is given back exactly once, however a call ends.

A call that may have been billed is never made again in here: each paid attempt is reserved and
journaled by the agent. What was refused unpaid (connection refused, 429, a bad key) may go to another
endpoint, each at most once a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from strop.errors import ModelFailure
from strop.seams import Answer, Chance, Clock, Model, ModelCard, Request, Watchful
from strop.swarm.endpoints.call import Call
from strop.swarm.endpoints.lane import EndpointStats, Lane, joined
from strop.swarm.endpoints.lanes import Lanes
from strop.swarm.endpoints.limits import Limits
from strop.swarm.endpoints.patience import kind_of
from strop.swarm.endpoints.ring import head_of, prompt_of


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
        self._limits = limits or Limits()
        self._card = card or joined([model.card for model in models])
        self._lanes = Lanes(models, clock=clock, chance=chance, limits=self._limits, caches=caches)

    @property
    def card(self) -> ModelCard:
        return self._card

    def stats(self) -> tuple[EndpointStats, ...]:
        """Every endpoint as it is now."""
        return self._lanes.stats()

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
        return await self._answer(request, notice, late=late if self._limits.hedge else None)

    async def answer_beside(
        self, request: Request, *, endpoint: int, notice: Callable[[int], None] | None = None
    ) -> Answer:
        """See `seams.Watchful`. It waits for no leader: the one that it stands beside may be the leader."""
        return await self._answer(request, notice, beside=self._lanes.each[endpoint])

    async def _answer(
        self,
        request: Request,
        notice: Callable[[int], None] | None,
        *,
        late: Callable[[int], None] | None = None,
        beside: Lane | None = None,
    ) -> Answer:
        lanes = self._lanes
        prompt = prompt_of(request) if len(lanes.each) > 1 else head_of(request)
        tried: set[int] = set()
        if beside is not None and lanes.open_beside(beside, lanes.clock.now()):
            tried.add(beside.at)
        failure: ModelFailure | None = None
        while True:
            now = lanes.clock.now()
            lane = lanes.choose(prompt, tried, failure, now)
            call = Call(lanes, lane, prompt, kind_of(request), notice, late, warms=beside is None)
            try:
                if call.admitted(now) or await call.waited():
                    answer = await call.asked(request)
                    call.landed()
                    return answer
                call.broken(None)
            except ModelFailure as caught:
                call.broken(caught)
                tried.add(lane.at)
                if not lanes.elsewhere(caught, tried):
                    raise
                late = None if call.warned else late
                failure = caught
            except BaseException as caught:
                call.broken(caught)
                raise

    async def close(self) -> None:
        """Close every endpoint, also when one of them fails to."""
        async with AsyncExitStack() as stack:
            for lane in self._lanes.each:
                if lane.opening is not None:
                    lane.opening.cancel()
                stack.push_async_callback(lane.model.close)


if TYPE_CHECKING:

    def _fits(x: Pool) -> tuple[Model, Watchful]:
        return x, x
