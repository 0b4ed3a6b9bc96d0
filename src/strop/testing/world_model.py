"""The model and the tool of the simulated world: answers that depend on the task alone, faults from one seed.

What a task is told apart from its notes decides what is answered, so a run that was broken and mended
ends with the outputs of an undisturbed one. The model keeps the bill: every asking, what it was charged
and how many facts stood on record when it came; a mark in the answer (its `reasoning`) finds it in the journal.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

from strop.errors import BadStream, EndpointDown, ModelFailure, QuotaExhausted, RateLimited, ToolFailure, Unreachable
from strop.seams import Answer, ModelCard, Request, ToolOutput, ToolSpec
from strop.testing.simulator import Disk, Latency
from strop.types.events import ToolCall
from strop.types.fingerprint import digest
from strop.types.label import Label
from strop.types.money import Price, Usage, cost
from strop.types.schema import Field, Object, Text

if TYPE_CHECKING:
    from strop.seams import Model, Tool

PRICE = Price("1", "0.1", "1.25", "4")
NOTES = "--- notes ---"
"""Stands in the world's prompt before what changes between attempts."""
SLEPT = 60.0
"""Seconds a call may be late on the clock before the machine must have slept, and its connection is gone."""


class Fault(StrEnum):
    """What may happen to a call."""

    PACE = "429"
    PACE_HINT = "429 with Retry-After"
    ERROR = "500"
    UNSENT = "reset before it was sent"
    CUT = "reset after it was sent"
    """Billed or not: nobody knows."""
    HANG = "hang"
    BROKEN = "a stream that breaks off"
    GARBAGE = "garbage"
    TRUNCATED = "cut at the output limit"
    HUGE = "huge"
    DRIP = "slow drip"
    WRONG = "wrong schema"


CALM: Mapping[Fault, float] = {}
USUAL: Mapping[Fault, float] = {
    Fault.PACE: 0.02,
    Fault.PACE_HINT: 0.02,
    Fault.ERROR: 0.02,
    Fault.UNSENT: 0.02,
    Fault.CUT: 0.02,
    Fault.HANG: 0.01,
    Fault.BROKEN: 0.02,
    Fault.GARBAGE: 0.01,
    Fault.TRUNCATED: 0.01,
    Fault.HUGE: 0.01,
    Fault.DRIP: 0.02,
    Fault.WRONG: 0.01,
}


@dataclass(frozen=True, slots=True)
class Purchase:
    """One asking and what came of it."""

    mark: str
    """Stands in the answer's `reasoning`."""
    key: str
    """Hash of the request, all parts."""
    rows: int
    """Facts on record when it was asked."""
    nanos: int
    """Billed."""
    fault: str = ""
    """Why no good answer was handed over; empty when one was."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From `start` to `end` (seconds of the loop's clock) nothing gets through."""

    start: float
    end: float


@dataclass(slots=True)
class WorldModel:
    """Answers after a random while; faults by (seed, request, how often it was asked)."""

    seed: int
    faults: Mapping[Fault, float] = field(default_factory=lambda: USUAL)
    malformed: float = 0.1
    """Share of tasks whose first final answer is no JSON, whatever happens."""
    latency: Latency = field(default_factory=Latency)
    price: Price = PRICE
    output: int = 256
    """Most output tokens of one answer."""
    bytes_per_token: int = 4
    """Of input; 1 is the most a provider may count, and what reservations assume."""
    hang: float = 3_600.0
    """Seconds until a call that hangs is reset; `inf`: never."""
    outages: tuple[Outage, ...] = ()
    quota: int | None = None
    """Askings until the provider's balance is used up; None: never."""
    disk: Disk = field(default_factory=Disk)
    bill: list[Purchase] = field(default_factory=list[Purchase])
    asked: int = 0
    now_open: int = 0
    most_open: int = 0
    _times: Counter[str] = field(default_factory=Counter[str])

    @property
    def card(self) -> ModelCard:
        return ModelCard("world", "world-1", "world", self.price, window=200_000, output=self.output)

    @property
    def billed(self) -> int:
        """Nano-dollars of everything, delivered or not."""
        return sum(purchase.nanos for purchase in self.bill)

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        """Wait a random while, then fail, answer badly, or answer. See `seams.Model`."""
        self.asked += 1
        call = _Call(self, request, mark=f"p{self.asked}", key=digest(request))
        self._times[call.key] += 1
        call.chance = random.Random(f"{self.seed}/{call.key}/{self._times[call.key]}")
        self.now_open += 1
        self.most_open = max(self.most_open, self.now_open)
        try:
            return await call.serve(notice or (lambda characters: None))
        finally:
            self.now_open -= 1

    async def close(self) -> None:
        """Nothing is held."""

    def draw(self, chance: random.Random) -> Fault | None:
        """What goes wrong with a call."""
        share = chance.random()
        for fault, rate in self.faults.items():
            share -= rate
            if share < 0:
                return fault
        return None


@dataclass(slots=True)
class _Call:
    """One asking, from its arrival to its line on the bill."""

    model: WorldModel
    request: Request
    mark: str
    key: str
    chance: random.Random = field(default_factory=random.Random)
    rows: int = 0
    entered: bool = False

    async def serve(self, notice: Callable[[int], None]) -> Answer:
        self.rows = len(self.model.disk.rows)
        number = self.model.asked
        fault = self.model.draw(self.chance)
        good = self._good()
        try:
            if self.model.quota is not None and number > self.model.quota:
                raise QuotaExhausted("your balance is used up")
            if early := _early(fault, self.chance):
                await self._wait(self.model.latency.draw(self.chance) / 10)
                raise early
            await self._wait(self.model.latency.draw(self.chance))
            await self._dawdle(fault, notice)
        except asyncio.CancelledError:
            self._charge(good.usage, "given up by the caller", share=0.5)
            raise
        except EndpointDown as caught:
            self._charge(good.usage, str(caught), share=0.5 if caught.billed else 0.0)
            raise
        except ModelFailure as caught:
            self._charge(good.usage, str(caught), share=0.0)
            raise
        return self._ended(good, fault)

    def _ended(self, good: Answer, fault: Fault | None) -> Answer:
        """The answer, good or bad in content, or the failure of a stream that had begun."""
        match fault:
            case Fault.CUT:
                self._charge(good.usage, fault, share=0.5)
                raise EndpointDown("reset after it was sent", billed=True)
            case Fault.BROKEN:
                self._charge(good.usage, fault, share=1.0)
                raise BadStream("the stream broke off")
            case Fault.GARBAGE:
                good = self._with("I am sorry, here is the JSON: {'said': NaN")
            case Fault.WRONG:
                good = self._with('{"told": 7, "and": ["more"]}')
            case Fault.HUGE:
                good = self._with(orjson.dumps({"said": "x" * (3 * self.request.max_output)}).decode())
            case Fault.TRUNCATED:
                good = self._with('{"sai', finish="length")
            case _:
                pass
        self._charge(good.usage, "", share=1.0)
        return good

    async def _wait(self, seconds: float) -> None:
        """Be on the way; a network that is gone, or a machine that slept meanwhile, ends the connection."""
        loop = asyncio.get_running_loop()
        if self._cut_off(loop.time()):
            raise Unreachable("the network is unreachable")
        began = loop.time()
        await asyncio.sleep(seconds)
        if loop.time() > began + seconds + SLEPT or self._cut_off(loop.time()):
            raise EndpointDown("the connection was lost while waiting", billed=True)

    def _cut_off(self, now: float) -> bool:
        return any(outage.start <= now < outage.end for outage in self.model.outages)

    async def _dawdle(self, fault: Fault | None, notice: Callable[[int], None]) -> None:
        """Hang, or come in drops."""
        if fault is Fault.HANG:
            if self.model.hang == float("inf"):
                await asyncio.get_running_loop().create_future()
            await self._wait(self.model.hang)
            raise EndpointDown("the connection timed out", billed=True)
        for piece in range(1, 31) if fault is Fault.DRIP else ():
            await self._wait(self.chance.uniform(1.0, 5.0))
            notice(piece)

    def _good(self) -> Answer:
        """What this request is answered with when nothing goes wrong."""
        opening = self.request.messages[:2]
        said = digest([opening[0].text, opening[1].text.split(NOTES)[0]])[:12]
        trait = random.Random(said)
        done = sum(1 for message in self.request.messages if message.calls)
        if self.request.tools and done < trait.randint(1, 3):
            asks = [f"{said}/{done}/{n}" for n in range(trait.randint(1, 2))]
            name = trait.choice([tool.name for tool in self.request.tools])
            calls = tuple(ToolCall(ask, name, orjson.dumps({"ask": ask}).decode()) for ask in asks)
            return self._with("", calls=calls, finish="tools")
        spoken = [m for m in self.request.messages if m.role == "assistant" and not m.calls]
        if not spoken and trait.random() < self.model.malformed:
            return self._with("not json")
        return self._with(orjson.dumps({"said": said}).decode())

    def _with(self, text: str, *, calls: tuple[ToolCall, ...] = (), finish: str = "stop") -> Answer:
        size = sum(len(m.text) + len(m.reasoning) + 40 * len(m.calls) for m in self.request.messages)
        held = size // self.model.bytes_per_token + 1
        written = min(self.request.max_output, (len(text) + 60 * len(calls)) // 4 + 5)
        usage = Usage(input=held - held // 2, cached=held // 4, cache_write=held // 4, output=written)
        return Answer(text, usage, calls, reasoning=self.mark, finish=finish)

    def _charge(self, usage: Usage, fault: str, *, share: float) -> None:
        """One line on the bill, charged with this chance. A second line for the same asking is not written."""
        if self.entered:
            return
        self.entered = True
        nanos = cost(usage, self.model.price) if self.chance.random() < share else 0
        self.model.bill.append(Purchase(self.mark, self.key, self.rows, nanos, fault))


def _early(fault: Fault | None, chance: random.Random) -> ModelFailure | None:
    """A refusal that costs nothing."""
    match fault:
        case Fault.PACE:
            return RateLimited("429, slow down")
        case Fault.PACE_HINT:
            return RateLimited("429, slow down", retry_after=chance.uniform(0.5, 20.0))
        case Fault.ERROR:
            return EndpointDown("500, internal server error", billed=False)
        case Fault.UNSENT:
            return Unreachable("connection refused")
        case _:
            return None


@dataclass(slots=True)
class WorldTool:
    """Looks something up. Bad and endless outputs are traits of the question; a defect shows at the first call only."""

    seed: int
    name: str = "probe"
    prompt: bool = False
    """Answers at once, and says so."""
    refusing: float = 0.1
    endless: float = 0.05
    breaking: float = 0.03
    latency: Latency = field(default_factory=lambda: Latency(median=0.5, straggling=0.05))
    length: int = 20_000
    """Characters of an endless output."""
    calls: Counter[str] = field(default_factory=Counter[str])

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, "Looks something up.", Object((Field("ask", Text()),)), prompt=self.prompt)

    async def call(self, arguments: str) -> ToolOutput:
        """See `seams.Tool`.

        Raises:
            ToolFailure: this question is refused.
            ZeroDivisionError: the tool has a defect.
        """
        self.calls[arguments] += 1
        chance = random.Random(f"{self.seed}/{arguments}")
        if not self.prompt:
            await asyncio.sleep(self.latency.draw(chance))
        if chance.random() < self.breaking and self.calls[arguments] == 1:
            raise ZeroDivisionError("a defect of the tool")
        if chance.random() < self.refusing:
            raise ToolFailure("nothing is known of that")
        return ToolOutput("x" * self.length if chance.random() < self.endless else "seven", Label())


if TYPE_CHECKING:

    def _fits(model: WorldModel, tool: WorldTool) -> tuple[Model, Tool]:
        return model, tool
