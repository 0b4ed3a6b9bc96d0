"""The pool over real HTTP against the test server: the server's own bill is the oracle."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from strop.errors import EndpointDown, ModelFailure, RateLimited
from strop.models.anthropic_messages import AnthropicMessages
from strop.models.openai_chat import OpenAIChat
from strop.net.connector import Endpoint
from strop.seams import Message, Model, ModelCard, Request
from strop.swarm.endpoints.limits import Limits
from strop.swarm.endpoints.pool import Pool
from strop.swarm.endpoints.ring import LONGEST_REST
from strop.testing.bill import tokens
from strop.testing.server import TestServer
from strop.testing.simulator import LoopClock, SeededChance
from strop.testing.wires import CHAT, MESSAGES, Asked, Fault, Reply
from strop.types.money import Price

pytestmark = pytest.mark.anyio

HEAD = Message("system", "The rules of this house. " * 400)
WAVE = 50


@dataclass(slots=True)
class Ahead:
    """The loop's clock, set ahead at will."""

    by: float = 0.0

    def now(self) -> float:
        return asyncio.get_running_loop().time() + self.by

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def adapter(server: TestServer, wire: str = CHAT) -> Model:
    card = ModelCard("m", "m-1", "f", Price(), window=32_000, output=500, hosts=(server.host,))
    allow = frozenset({server.host})
    if wire == CHAT:
        return OpenAIChat(card, wire=Endpoint(server.chat_url, allow=allow))
    return AnthropicMessages(card, wire=Endpoint(server.messages_url, allow=allow))


def pool_of(*models: Model, caches: bool = False, limits: Limits | None = None) -> Pool:
    return Pool(models, clock=LoopClock(), chance=SeededChance(1), limits=limits, caches=caches)


def asked(number: int) -> Request:
    return Request((HEAD, Message("user", f"task {number}")), head=1)


@pytest.mark.parametrize("wire", [CHAT, MESSAGES])
async def test_a_wave_pays_its_head_once(wire: str) -> None:
    """Fifty callers: one request before the first answer began; 90 % of the head's tokens come from the cache."""
    began = asyncio.Event()
    before: list[int] = []

    async def script(seen: Asked) -> Reply:
        if not began.is_set():
            before.append(seen.n)
            if seen.n == 1:
                for _ in range(100):  # whoever were not held would have come by now
                    await asyncio.sleep(0)
                began.set()
        return Reply("done", piece=1)

    async with TestServer(script) as server:
        pool = pool_of(adapter(server, wire), caches=True)
        async with asyncio.TaskGroup() as group:
            for number in range(WAVE):
                group.create_task(pool.answer(asked(number)))
        await pool.close()
    assert before == [1]
    assert len(server.bill.entries) == WAVE
    head = tokens(len(HEAD.text)) * WAVE
    assert server.bill.usage.cached >= 0.9 * head


async def test_without_warming_a_wave_goes_out_at_once() -> None:
    """The setting turned off: nobody is answered before all fifty are there."""
    all_here = asyncio.Event()

    async def script(seen: Asked) -> Reply:
        if seen.n == WAVE:
            all_here.set()
        await all_here.wait()
        return Reply("done")

    async with TestServer(script) as server:
        pool = pool_of(adapter(server), caches=True, limits=Limits(warm_first=False))
        async with asyncio.TaskGroup() as group:
            for number in range(WAVE):
                group.create_task(pool.answer(asked(number)))
        await pool.close()
    assert server.bill.high_water == WAVE


async def test_one_of_two_servers_goes_down_and_comes_back() -> None:
    """No call is lost while it is gone; after its rest it serves again."""
    async with TestServer(lambda seen: Reply("b")) as stays:
        gone = TestServer(lambda seen: Reply("a"))
        async with gone:
            clock = Ahead()
            pool = Pool([adapter(gone), adapter(stays)], clock=clock, chance=SeededChance(1))
            await asyncio.gather(*(pool.answer(asked(number)) for number in range(60)))
        served = len(gone.bill.entries)
        assert served > 0
        assert len(stays.bill.entries) > 0
        for _ in range(4):
            said = [answer.text for answer in await asyncio.gather(*(pool.answer(asked(n)) for n in range(20)))]
            assert said == ["b"] * 20
        assert pool.stats()[0].state != "well"
        async with TestServer(lambda seen: Reply("back"), port=gone.port) as again:
            clock.by += LONGEST_REST
            assert (await pool.answer(asked(0))).text == "back"
            assert pool.stats()[0].state == "well"
            await asyncio.gather(*(pool.answer(asked(number)) for number in range(60)))
            assert len(again.bill.entries) > 10
            await pool.close()


async def test_a_storm_of_429_over_http() -> None:
    """An endpoint that takes eight at once and 120 callers: the window falls, every call lands."""

    async def script(seen: Asked) -> Reply:
        if server.bill.in_flight > 8:
            return Reply(fault=Fault.RATE_LIMIT if seen.n % 2 else Fault.OVERLOADED)
        return Reply("done", latency=0.01)

    async def caller(number: int) -> None:
        while True:
            try:
                await pool.answer(asked(number))
                return
            except (RateLimited, EndpointDown):
                await asyncio.sleep(0)

    async with TestServer(script) as server:
        pool = pool_of(adapter(server))
        async with asyncio.TaskGroup() as group:
            for number in range(120):
                group.create_task(caller(number))
        (seen,) = pool.stats()
        await pool.close()
    assert len([entry for entry in server.bill.entries if entry.status == 200]) == 120
    refused = [entry for entry in server.bill.entries if entry.status != 200]
    assert {entry.status for entry in refused} == {429, 503}
    assert seen.refusals == len(refused)
    assert seen.window < 20
    assert (seen.in_flight, seen.waiting, seen.state) == (0, 0, "well")


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.STALL])
async def test_a_hang_over_http_is_cut_long_before_a_fixed_timeout(fault: Fault) -> None:
    """Ten answers, then silence: the call ends as perhaps billed, with its figures; the server saw one request more."""

    def script(seen: Asked) -> Reply:
        return Reply("a text in pieces", fault=fault if seen.n == 11 else Fault.NONE, piece=4)

    async with TestServer(script) as server:
        pool = pool_of(adapter(server), limits=Limits(hang_floor=0.2))
        for number in range(10):
            await pool.answer(asked(number))
        with pytest.raises(ModelFailure, match=r"silent for \d+\.\d s, .*median") as caught:
            await pool.answer(asked(10))
        assert isinstance(caught.value, EndpointDown)
        assert caught.value.billed
        await pool.answer(asked(11))
        assert pool.stats()[0].cut == 1
        await pool.close()
    assert len(server.bill.entries) == 12
