"""The pool under a virtual clock: slots, cuts, leaders, endpoints that break and return."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from strop.errors import (
    AuthRefused,
    BadStream,
    ConfigRefused,
    EndpointDown,
    ModelFailure,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
from strop.seams import Answer, Message, ModelCard, Request
from strop.swarm.endpoints.limits import Limits
from strop.swarm.endpoints.pool import Pool
from strop.swarm.endpoints.ring import REST, TRIP
from strop.swarm.guards.backoff import delay
from strop.testing.simulator import Leap, LoopClock, SeededChance, simulate
from strop.types.money import Price, Usage

if TYPE_CHECKING:
    from strop.seams import Model

HEAD = (Message("system", "s" * 6_000),)
Play = Callable[["Stage"], Awaitable[None]]


@dataclass(slots=True)
class Stage:
    """One call as the fake's script sees it."""

    n: int
    """How many calls this endpoint has had, from 1."""
    at_once: int
    """How many are open, this one included."""
    say: Callable[[int], None]
    """Stream: so many characters so far."""


@dataclass(slots=True)
class Fake:
    """An endpoint that does what a function says, and counts."""

    play: Play
    host: str = "a:1"
    id: str = "m-1"
    price: Price = field(default_factory=Price)
    calls: int = 0
    open: int = 0
    most: int = 0
    closed: int = 0

    @property
    def card(self) -> ModelCard:
        return ModelCard("m", self.id, "f", self.price, window=1_000, output=100, hosts=(self.host,))

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        self.calls += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await self.play(Stage(self.calls, self.open, notice or (lambda characters: None)))
            return Answer(self.host, Usage(1, 0, 0, 1))
        finally:
            self.open -= 1

    async def close(self) -> None:
        self.closed += 1


def takes(seconds: float) -> Play:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(seconds)
        stage.say(10)

    return play


def fails(error: Callable[[], ModelFailure]) -> Play:
    async def play(stage: Stage) -> None:
        raise error()

    return play


def down() -> ModelFailure:
    return EndpointDown("cannot be reached", billed=False)


def pool_of(*models: Model, caches: bool = False, **limits: float) -> Pool:
    return Pool(
        models,
        clock=LoopClock(start=1e6),
        chance=SeededChance(3),
        limits=Limits(**limits),  # type: ignore[arg-type]  # the one count among them is given as one
        caches=caches,
    )


def asked(text: str = "x", *, head: bool = False) -> Request:
    return Request((*HEAD, Message("user", text)), head=1) if head else Request((Message("user", text),))


async def all_of(pool: Pool, requests: Sequence[Request]) -> list[Answer | BaseException]:
    return await asyncio.gather(*(pool.answer(request) for request in requests), return_exceptions=True)


def settled(pool: Pool) -> bool:
    """Nothing is open, nobody waits."""
    return all((each.in_flight, each.waiting) == (0, 0) for each in pool.stats())


def test_no_more_at_once_than_the_window_and_0_is_said_when_a_call_goes_out() -> None:
    """Ten calls of one second through a window of two that may not grow: 0 is heard in pairs, a second apart."""

    async def main() -> list[float]:
        fake = Fake(fails(lambda: RequestRefused("no")))
        fake.play = lambda stage: _refused_after_a_second(stage)
        pool = pool_of(fake, concurrency=2)
        clock, heard = LoopClock(), list[float]()

        async def call() -> None:
            with pytest.raises(RequestRefused):
                await pool.answer(asked(), notice=lambda characters: heard.append(clock.now()))

        await asyncio.gather(*(call() for _ in range(6)))
        assert fake.most == 2
        assert settled(pool)
        return heard

    assert simulate(main(), seed=1) == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]


async def _refused_after_a_second(stage: Stage) -> None:
    await asyncio.sleep(1.0)
    raise RequestRefused("no")


def test_a_hang_is_cut_at_five_medians_and_may_have_been_billed() -> None:
    """Also one that began before there was a median: it does not wait for the first limit."""

    async def play(stage: Stage) -> None:
        await asyncio.sleep(1e9 if stage.n in (1, 30) else 2.4)

    async def main() -> None:
        fake, clock = Fake(play), LoopClock()
        pool = pool_of(fake, hang_floor=1.0, concurrency=1_000)
        done = await all_of(pool, [asked()] * 20)
        assert [type(each) for each in done if not isinstance(each, Answer)] == [EndpointDown]
        assert clock.now() == pytest.approx(12.0)
        for _ in range(9):
            await pool.answer(asked())
        began = clock.now()
        with pytest.raises(EndpointDown, match=r"a:1: silent for 12\.0 s, five times the median of 2\.4 s") as caught:
            await pool.answer(asked())
        assert caught.value.billed
        assert clock.now() - began == pytest.approx(12.0)
        assert pool.stats()[0].cut == 2
        assert settled(pool)

    simulate(main(), seed=1)


def test_a_stream_that_yields_lives_longer_and_one_that_only_keeps_alive_does_not() -> None:
    """Characters are signs of life, the same count again is none; dripping ends after four limits."""

    async def play(stage: Stage) -> None:
        for second in range(1_000) if stage.n > 8 else range(1):
            await asyncio.sleep(1.0)
            stage.say(second if stage.n == 9 else 1)
            if stage.n == 11 and second == 12:
                return

    async def main() -> list[float]:
        pool, clock, took = pool_of(Fake(play), hang_floor=1.0), LoopClock(), list[float]()
        for number in range(1, 12):
            began = clock.now()
            try:
                await pool.answer(asked())
            except EndpointDown as caught:
                assert number in (9, 10)
                assert ("dripping" in str(caught)) == (number == 9)
            took.append(round(clock.now() - began, 3))
            if number == 10:
                pool._lanes.patience.floor = 30.0
        return took

    assert simulate(main(), seed=1) == [1.0] * 8 + [20.0, 6.0, 13.0]


def test_a_machine_that_slept_does_not_hold_it_against_the_calls() -> None:
    """An hour passes at once; the answer that comes a second later is taken."""

    async def main() -> None:
        pool, clock = pool_of(Fake(takes(1.0)), hang_floor=1.0), LoopClock()
        for _ in range(10):
            await pool.answer(asked())
        fake = Fake(takes(3_603.0))
        slow = pool_of(fake, hang_floor=1.0, hang_first=10.0)
        answer = await slow.answer(asked())
        assert answer.text == "a:1"
        assert clock.now() >= 3_600
        assert settled(slow)

    simulate(main(), seed=1, leaps=[Leap(11.0, 3_600.0)])


def test_warm_first_sends_one_and_releases_the_rest_at_its_first_sign() -> None:
    """Fifty callers of one head: one request, then forty-nine; another head and a short one do not wait."""

    async def play(stage: Stage) -> None:
        await asyncio.sleep(2.0)
        stage.say(1)
        await asyncio.sleep(5.0)

    async def main() -> None:
        fake = Fake(play)
        pool = pool_of(fake, caches=True)
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(pool.answer(asked(str(number), head=True)))
            await asyncio.sleep(1.9)
            assert fake.calls == 1
            group.create_task(pool.answer(asked("short")))
            await asyncio.sleep(0.05)
            assert fake.calls == 2
            await asyncio.sleep(0.1)
            assert fake.calls == 51
        again = pool_of(fake, caches=False)
        before = fake.calls
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(again.answer(asked(str(number), head=True)))
            await asyncio.sleep(0.1)
            assert fake.calls == before + 5, "an endpoint without a prefix cache has nothing to warm"

    simulate(main(), seed=2)


@pytest.mark.parametrize(
    ("first", "landed"),
    [
        (fails(lambda: BadStream("cut off")), 9),
        (fails(lambda: RateLimited("429")), 9),
        (takes(1e9), 9),
        (fails(lambda: EndpointDown("down", billed=True)), 9),
    ],
)
def test_a_leader_that_brings_nothing_is_followed_by_the_next(first: Play, landed: int) -> None:
    """Failed, refused, cut, or too long without a sign: nobody stays behind it."""

    async def play(stage: Stage) -> None:
        await (first if stage.n == 1 else takes(1.0))(stage)

    async def main() -> None:
        pool, clock = pool_of(Fake(play), caches=True, warm_wait=30.0, hang_first=50.0), LoopClock()
        done = await all_of(pool, [asked(str(number), head=True) for number in range(10)])
        assert sum(isinstance(each, Answer) for each in done) == landed
        assert clock.now() <= 50.0
        assert settled(pool)

    simulate(main(), seed=4)


def test_a_leader_that_is_cancelled_hands_on_the_lead() -> None:
    """Before it went out and after."""

    async def main() -> None:
        fake = Fake(takes(2.0))
        pool = pool_of(fake, caches=True)
        async with asyncio.TaskGroup() as group:
            leader = group.create_task(pool.answer(asked(head=True)))
            await asyncio.sleep(0.1)
            others = [group.create_task(pool.answer(asked(str(number), head=True))) for number in range(4)]
            await asyncio.sleep(1.0)
            assert fake.calls == 1
            leader.cancel()
            others[0].cancel()
            await asyncio.sleep(0.5)
            assert fake.calls == 2
        assert fake.calls == 4
        assert settled(pool)

    simulate(main(), seed=0)


def test_a_storm_of_429_is_ridden_out() -> None:
    """300 agents with five tries each, an endpoint that takes 20 at once: every call lands, and it is kept busy."""

    async def play(stage: Stage) -> None:
        if stage.at_once > 20:
            raise RateLimited("429", retry_after=None if stage.n % 2 else 1.0)
        await asyncio.sleep(1.0)

    async def main() -> None:
        fake, clock, chance = Fake(play), LoopClock(), SeededChance(5)
        pool = pool_of(fake)

        async def agent(number: int) -> None:
            for tries in range(1, 6):
                try:
                    await pool.answer(asked(str(number)))
                    return
                except RateLimited as caught:
                    assert tries < 5, "the tries are used up"
                    await clock.sleep(delay(tries, chance=chance.random(), retry_after=caught.retry_after))

        async with asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(agent(number))
        (seen,) = pool.stats()
        assert seen.refusals < 100
        assert seen.window <= 25
        assert clock.now() < 45.0, "300 calls of a second, 20 at once, are 15 seconds of work"
        assert settled(pool)

    simulate(main(), seed=7)


def test_a_window_comes_back_after_the_storm() -> None:
    """An endpoint that refused everything for a while gets its load again."""

    async def play(stage: Stage) -> None:
        if asyncio.get_running_loop().time() < 10:
            raise RateLimited("429")
        await asyncio.sleep(0.1)

    async def main() -> None:
        fake, clock = Fake(play), LoopClock()
        pool = pool_of(fake)
        while clock.now() < 10:
            await all_of(pool, [asked()] * 40)
            await clock.sleep(0.5)
        low = pool.stats()[0].window
        assert low <= 4
        await all_of(pool, [asked()] * 400)
        assert pool.stats()[0].window >= low + 5

    simulate(main(), seed=1)


@pytest.mark.parametrize("error", [AuthRefused, QuotaExhausted])
def test_a_bad_key_takes_its_endpoint_out_and_the_last_one_speaks_up(error: type[ModelFailure]) -> None:
    """The others go on, without a failed call; with none left, each call hears why."""

    async def main() -> None:
        bad, good = Fake(fails(lambda: error("no, said a"))), Fake(takes(1.0), host="b:1")
        pool = pool_of(bad, good)
        done = await all_of(pool, [asked(str(number)) for number in range(30)])
        assert {each.text for each in done if isinstance(each, Answer)} == {"b:1"}
        assert len(done) == 30
        calls = bad.calls
        await pool.answer(asked())
        assert bad.calls == calls
        assert [each.state for each in pool.stats()] == ["out", "well"]
        good.play = fails(lambda: error("no, said b"))
        for _ in range(2):
            with pytest.raises(error, match="said b"):
                await pool.answer(asked())
        assert good.calls == 32

    simulate(main(), seed=3)


def test_a_refused_connection_costs_no_call_and_a_billed_one_is_never_made_again() -> None:
    """Unpaid, the other endpoint takes it; paid, the caller decides."""

    async def main() -> None:
        fake, other = Fake(fails(down)), Fake(takes(1.0), host="b:1")
        pool = pool_of(fake, other)
        assert (await pool.answer(asked())).text == "b:1"
        assert (fake.calls, other.calls) == (1, 1)
        for error in (lambda: EndpointDown("reset", billed=True), lambda: BadStream("cut off")):
            fake.play = fails(error)
            before = other.calls
            while other.calls == before:
                calls = fake.calls
                try:
                    await pool.answer(asked("y" * 50))
                except ModelFailure:
                    assert (fake.calls, other.calls) == (calls + 1, before)
                    break
            else:
                pytest.fail("the failing endpoint was not asked")
        assert settled(pool)

    simulate(main(), seed=3)


def test_a_broken_endpoint_leaves_the_ring_and_returns() -> None:
    """Who waited there goes elsewhere; after its rest one probe goes out, and then it shares the load again."""

    async def play(stage: Stage) -> None:
        await asyncio.sleep(0.1)
        if asyncio.get_running_loop().time() < 2.0:
            raise down()

    async def main() -> None:
        broken, well = Fake(play), Fake(takes(0.5), host="b:1")
        pool, clock = pool_of(broken, well, concurrency=4), LoopClock()
        done = await all_of(pool, [asked(str(number)) for number in range(40)])
        assert all(isinstance(each, Answer) for each in done)
        assert broken.calls <= 4 + TRIP
        assert pool.stats()[0].state != "well"
        while clock.now() < 2.0 + 4 * REST:
            await all_of(pool, [asked("again")] * 3)
        assert pool.stats()[0].state == "well"
        before = broken.calls
        await all_of(pool, [asked(str(number)) for number in range(40)])
        assert broken.calls - before > 10

    simulate(main(), seed=6)


def test_load_is_shared_out_and_a_head_is_copied_only_under_load() -> None:
    """Five at once stay together, where their head is; three hundred go to both."""

    async def main() -> None:
        both = Fake(takes(1.0)), Fake(takes(1.0), host="b:1")
        pool = pool_of(*both, concurrency=1_000)
        await all_of(pool, [asked(str(number), head=True) for number in range(5)])
        assert sorted(fake.calls for fake in both) == [0, 5]
        await all_of(pool, [asked(str(number), head=True) for number in range(300)])
        assert min(fake.calls for fake in both) > 120
        assert sum(each.prefix_hits for each in pool.stats()) >= 303

    simulate(main(), seed=6)


def test_a_key_that_is_refused_for_pace_leaves_the_call_to_another() -> None:
    """Two keys, one at its limit: its call lands on the other one, and so do those that waited."""

    async def main() -> None:
        async def refuses_late(stage: Stage) -> None:
            await asyncio.sleep(0.5)
            raise RateLimited("429", retry_after=60.0)

        tight, wide = Fake(refuses_late), Fake(takes(1.0), host="b:1")
        pool, clock = pool_of(tight, wide, concurrency=10), LoopClock()
        done = await all_of(pool, [asked(str(number)) for number in range(60)])
        assert all(isinstance(each, Answer) for each in done)
        assert clock.now() < 10.0

    simulate(main(), seed=6)


@pytest.mark.parametrize("seed", range(20))
def test_slots_come_back_exactly_once_however_calls_end(seed: int) -> None:
    """Answers, refusals, hangs, and callers that are cancelled at any moment: in the end nothing is held."""

    async def play(stage: Stage) -> None:
        await asyncio.sleep(chance.random())
        stage.say(1)
        await asyncio.sleep(chance.choice([0.1, 1.0, 1e9]))
        match chance.randrange(5):
            case 0:
                raise down()
            case 1:
                raise RateLimited("429", retry_after=chance.random())
            case 2:
                raise BadStream("cut off")
            case _:
                pass

    async def caller(pool: Pool, number: int) -> None:
        await asyncio.sleep(3 * chance.random())
        try:
            async with asyncio.timeout(chance.choice([0.0, 0.3, 3.0, None])):
                await pool.answer(asked(str(number), head=chance.random() < 0.7))
        except (ModelFailure, TimeoutError):
            pass

    async def main() -> None:
        fakes = [Fake(play, host=f"{name}:1") for name in "abc"[: 1 + seed % 3]]
        pool = pool_of(*fakes, caches=True, concurrency=4, hang_first=5.0, hang_floor=2.0, warm_wait=1.0)
        async with asyncio.TaskGroup() as group:
            for number in range(120):
                group.create_task(caller(pool, number))
        assert settled(pool)
        assert all(fake.open == 0 for fake in fakes)
        assert sum(each.calls for each in pool.stats()) == sum(fake.calls for fake in fakes) > 0
        await pool.close()
        assert [fake.closed for fake in fakes] == [1] * len(fakes)

    chance = random.Random(seed)
    simulate(main(), seed=seed)


def test_a_caller_that_is_cancelled_in_the_queue_leaves_it_at_once() -> None:
    """Long before its turn, and at the very moment of it."""

    async def main() -> None:
        waiting: list[asyncio.Task[Answer]] = []

        async def play(stage: Stage) -> None:
            await asyncio.sleep(1.0)
            if stage.n == 1:
                waiting[1].cancel()  # the slot that is free in a moment would be its own

        fake = Fake(play)
        pool = pool_of(fake, concurrency=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(pool.answer(asked()))
            await asyncio.sleep(0.1)
            for number in range(3):
                waiting.append(group.create_task(pool.answer(asked(str(number)))))
                await asyncio.sleep(0.1)
            waiting[0].cancel()
            await asyncio.sleep(0.1)
            assert pool.stats()[0].waiting == 2
        assert fake.calls == 2
        assert settled(pool)

    simulate(main(), seed=0)


def test_a_slot_that_came_too_late_goes_to_the_next() -> None:
    """Given, and its caller cancelled before it could wake up."""

    async def main() -> None:
        fake = Fake(takes(1.0))
        pool = pool_of(fake, concurrency=1)
        async with asyncio.TaskGroup() as group:
            late: list[asyncio.Task[Answer]] = []

            async def first() -> None:
                await pool.answer(asked())
                late[0].cancel()

            group.create_task(first())
            await asyncio.sleep(0.1)
            late.append(group.create_task(pool.answer(asked("late"))))
            await asyncio.sleep(0.1)
            group.create_task(pool.answer(asked("next")))
        assert fake.calls == 2
        assert settled(pool)

    simulate(main(), seed=0)


def test_endpoints_of_a_pool_are_one_model() -> None:
    """One id at one price; the card has every host and the smallest window."""
    two = Fake(takes(1.0)), Fake(takes(1.0), host="b:1")
    assert pool_of(*two).card.hosts == ("a:1", "b:1")
    for other in (Fake(takes(1.0), id="m-2"), Fake(takes(1.0), price=Price("1", "1", "1", "1"))):
        with pytest.raises(ConfigRefused, match="are not one model"):
            pool_of(two[0], other)


if TYPE_CHECKING:

    def _fits(x: Fake) -> Model:
        return x


# ---------------------------------------------------------------- late calls


def after_eight(play: Play) -> Play:
    """Eight answers of two seconds, so that there is a median; then as told."""

    async def played(stage: Stage) -> None:
        await (takes(2.0) if stage.n <= 8 else play)(stage)

    return played


async def watched(pool: Pool, *, until: float) -> list[tuple[float, int]]:
    """When a call was said to be late, in seconds after it went out, and at which endpoint."""
    clock, heard = LoopClock(), list[tuple[float, int]]()
    began = clock.now()
    try:
        async with asyncio.timeout(until):
            await pool.answer_watched(asked(), late=lambda at: heard.append((round(clock.now() - began, 3), at)))
    except TimeoutError:
        pass
    return heard


@pytest.mark.parametrize(
    ("limits", "heard"),
    [
        ({}, [(6.0, 0)]),
        ({"hedge_multiple": 2.15}, [(4.3, 0)]),
        ({"hedge_floor": 9.0}, [(9.0, 0)]),
        ({"hedge": 0.0}, []),
    ],
    ids=["three medians", "as set", "the floor", "off"],
)
def test_a_late_call_is_said_to_be_late_once(limits: dict[str, float], heard: list[tuple[float, int]]) -> None:
    """Also where looking at it for silence comes much later or earlier."""

    async def main() -> None:
        for floor in (0.5, 60.0):
            pool = pool_of(Fake(after_eight(takes(1e9))), caches=False, hang_floor=floor, hang_multiple=50.0, **limits)
            await all_of(pool, [asked()] * 8)
            assert await watched(pool, until=30.0) == heard
            assert settled(pool)

    simulate(main(), seed=1)


def test_a_late_call_that_is_refused_and_goes_elsewhere_is_not_said_to_be_late_again() -> None:
    """It has its second one already."""

    async def refusing(stage: Stage) -> None:
        await asyncio.sleep(10.0)
        raise RateLimited("429")

    async def main() -> None:
        pool = pool_of(Fake(takes(2.0)), Fake(takes(2.0), host="b:1"), hang_multiple=50.0)
        await all_of(pool, [asked()] * 16)
        for lane, play in zip(pool._lanes.each, (refusing, takes(100.0)), strict=True):
            lane.model.play = play  # type: ignore[attr-defined]  # both are fakes
        assert await watched(pool, until=200.0) == [(6.0, 0)]
        assert [each.refusals for each in pool.stats()] == [1, 0]

    simulate(main(), seed=1)


def test_a_call_is_not_said_to_be_late_while_a_second_one_would_have_to_queue() -> None:
    """A full window: it is told as soon as there is room, and a call that landed in time never."""

    async def main() -> None:
        pool = pool_of(Fake(after_eight(takes(1e9))), concurrency=8, hang_multiple=50.0)
        await all_of(pool, [asked()] * 8)
        pool._lanes.each[0].limiter.window = 1.0
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watched(pool, until=30.0))
            await asyncio.sleep(12.3)
            pool._lanes.each[0].limiter.window = 2.0
        assert [at for _, at in watching.result()] == [0]
        assert 12.3 <= watching.result()[0][0] <= 13.4
        quick = pool_of(Fake(takes(2.0)))
        assert await all_of(quick, [asked()] * 8)
        assert await watched(quick, until=30.0) == []

    simulate(main(), seed=1)


def test_the_second_asking_goes_elsewhere_and_waits_for_no_leader() -> None:
    """Its head is known at the first endpoint, which the first asking leads there; alone, the same one takes both."""

    async def main() -> None:
        slow, quick = Fake(takes(1e9), host="a:1"), Fake(takes(1.0), host="b:1")
        pool = pool_of(slow, quick, caches=True)
        async with asyncio.TaskGroup() as group:
            leading = group.create_task(pool.answer(asked(head=True)))
            await asyncio.sleep(0.1)
            assert (await pool.answer_beside(asked(head=True), endpoint=0)).text == "b:1"
            leading.cancel()
        alone = Fake(lambda stage: takes(1e9 if stage.n == 1 else 1.0)(stage))
        pool = pool_of(alone, caches=True)
        clock = LoopClock()
        async with asyncio.TaskGroup() as group:
            leading = group.create_task(pool.answer(asked(head=True)))
            await asyncio.sleep(0.1)
            began = clock.now()
            assert (await pool.answer_beside(asked(head=True), endpoint=0)).text == "a:1"
            assert clock.now() - began == pytest.approx(1.0)
            leading.cancel()
        assert settled(pool)

    simulate(main(), seed=1)


def test_a_second_asking_with_no_other_endpoint_well_goes_where_the_first_is() -> None:
    """One that rests is none to go to."""

    async def main() -> None:
        first, other = Fake(takes(1.0), host="a:1"), Fake(fails(down), host="b:1")
        pool = pool_of(first, other)
        for _ in range(TRIP):
            with pytest.raises(EndpointDown):
                await pool.answer_beside(asked(), endpoint=0)
        assert (await pool.answer_beside(asked(), endpoint=0)).text == "a:1"
        assert settled(pool)

    simulate(main(), seed=1)


def test_a_call_that_lost_to_its_hedge_counts_as_long_as_it_was_waited_for() -> None:
    """Were it forgotten, the median would see fast answers only, and ever more calls would be late."""

    async def main() -> None:
        pool = pool_of(Fake(after_eight(takes(1e9))), hang_multiple=50.0)
        await all_of(pool, [asked()] * 8)
        for _ in range(8):
            assert len(await watched(pool, until=30.0)) == 1
        (kind,) = pool._lanes.patience._kinds
        assert pool._lanes.patience.median(kind) == 16.0

    simulate(main(), seed=1)
