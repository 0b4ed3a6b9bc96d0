"""One call of a step and, where it is late, a second one beside it: the first good answer wins.

The second is reserved and on record before it goes out, like the first. Where the desk refuses it there is
none, and nobody hears of it. Whoever loses is cut off; what it may have cost is booked by whoever reads
the race. A failure is no answer: the other call goes on alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace

from strop.errors import AgentPaused, BudgetExhausted, EndpointDown, JournalFault
from strop.seams import Answer, Clock, Desk, Model, Request, Watchful
from strop.types.events import CallIntended


def watching(model: Model) -> Watchful | None:
    """The model as one whose late calls may be asked again; None where it cannot, or answers one at a time."""
    return model if isinstance(model, Watchful) and not model.card.local else None


@dataclass(slots=True)
class Asking:
    """One of the calls, and how it ended."""

    intent: CallIntended
    ended: Answer | Exception | None = None
    """None: not over, or cut off because the other one had answered."""
    sent: bool = False
    """It left its queue."""
    seconds: float = 0.0
    """From when it was sent to its end."""
    _limit: asyncio.Timeout | None = None
    _cut: bool = False

    def cut(self) -> None:
        """End it, where it is not over."""
        if self._limit is not None and self.ended is None:
            self._cut = True
            self._limit.reschedule(0.0)

    async def put(self, ask: Callable[[Callable[[int], None]], Awaitable[Answer]], race: Race) -> None:
        """Ask, and keep what comes of it: raises nothing but cancellation. `ask` is given whom to notify."""
        clock = race.clock
        began = clock.now()

        def notice(characters: int) -> None:
            nonlocal began
            if characters == 0:  # the request goes out now: until here it stood in a queue
                began, self.sent = clock.now(), True
            race.notice(characters)

        try:
            async with asyncio.timeout(None) as self._limit:
                self.ended = await ask(notice)
        except TimeoutError as caught:
            self.ended = None if self._cut else caught
        except Exception as caught:  # noqa: BLE001 - kept as the way it ended; who reads the race raises it
            self.ended = caught
        self.seconds = round(clock.now() - began, 6)


@dataclass(slots=True)
class Race:
    """Owned by the agent's task. Read it after `run`."""

    model: Model
    watchful: Watchful | None
    """The same model, where late calls may be hedged."""
    request: Request
    desk: Desk
    clock: Clock
    tries: Iterator[int]
    """Numbers for further calls of this step."""
    notice: Callable[[int], None]
    asked: list[Asking] = field(default_factory=list[Asking])
    won: Asking | None = None
    fault: JournalFault | None = None
    """The journal failed under the second call's intent."""

    async def run(self, intent: CallIntended) -> None:
        """Ask, `intent` being on record already, until a call has answered or none is left."""
        first = Asking(intent)
        self.asked.append(first)
        watchful, request = self.watchful, self.request
        if watchful is None:
            await self._put(first, lambda notice: self.model.answer(request, notice=notice))
            return
        async with asyncio.TaskGroup() as group:

            def late(endpoint: int) -> None:
                group.create_task(self._hedge(first, watchful, endpoint))

            await self._put(first, lambda notice: watchful.answer_watched(request, late=late, notice=notice))

    async def _hedge(self, first: Asking, watchful: Watchful, endpoint: int) -> None:
        if first.ended is not None:  # it came after all
            return
        second = Asking(replace(first.intent, tries=next(self.tries), hedge=True))
        try:
            await self.desk.record(second.intent)
        except (BudgetExhausted, AgentPaused):
            return
        except JournalFault as caught:
            self.fault = caught
            return
        self.asked.append(second)
        if self.won is not None:
            second.ended = EndpointDown("not sent: the first call answered meanwhile", billed=False)
            return
        request = self.request
        await self._put(second, lambda notice: watchful.answer_beside(request, endpoint=endpoint, notice=notice))

    async def _put(self, asking: Asking, ask: Callable[[Callable[[int], None]], Awaitable[Answer]]) -> None:
        await asking.put(ask, self)
        if self.won is None and isinstance(asking.ended, Answer):
            self.won = asking
            for other in self.asked:
                other.cut()
