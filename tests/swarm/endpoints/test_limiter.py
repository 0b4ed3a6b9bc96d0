"""The window of one endpoint: fast start, +1 a window, halved once a round trip, closed until Retry-After."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.swarm.endpoints.limiter import HOLD, Limiter


def filled(limiter: Limiter[int], calls: int, *, now: float = 0.0) -> list[int]:
    """So many calls want to go out; the numbers of those that did, the others queue."""
    out: list[int] = []
    for waiter in range(calls):
        number = limiter.take(now)
        if number:
            out.append(number)
        else:
            limiter.queue(waiter)
    return out


def test_a_fast_start_doubles_each_round_and_ends_at_the_first_limit() -> None:
    """4, 8, 16; then a refused quarter halves, and after that it is one a window."""
    limiter: Limiter[int] = Limiter(window=4)
    out = filled(limiter, 1_000)
    seen = [len(out)]
    for _ in range(2):
        for call in out:
            limiter.landed(call)
        out = [number for _, number in limiter.admit(0.0)]
        seen.append(len(out))
    assert seen == [4, 8, 16]
    for call in out[:4]:
        limiter.refused(call, now=0.0, chance=0.0)
    assert (limiter.window, limiter.fast) == (8, False)
    for call in out[4:]:
        limiter.landed(call)
    before = limiter.window
    for _, call in limiter.admit(0.0):
        limiter.landed(call)
    assert before < limiter.window <= before + 1


def test_calls_sent_before_a_halving_do_not_halve_again() -> None:
    """Sixty of sixty-four are refused at one moment: the window is halved once."""
    limiter: Limiter[int] = Limiter(window=64)
    out = filled(limiter, 64)
    for call in out[:60]:
        limiter.refused(call, now=0.0, chance=0.0)
    assert (limiter.window, limiter.in_flight, limiter.refusals) == (32, 4, 60)


def test_it_never_falls_below_one_call() -> None:
    """However often it is refused, one call may try."""
    limiter: Limiter[int] = Limiter(window=8)
    now = 0.0
    for _ in range(20):
        now = max(now, limiter.closed_until)
        for call in filled(limiter, 3, now=now):
            limiter.refused(call, now=now, chance=0.9)
        limiter.evict()
    assert limiter.window == 1
    assert limiter.take(max(now, limiter.closed_until)) > 0


def test_a_few_stray_refusals_do_not_halve() -> None:
    """5 % of a full window: whoever answers the rest is not overloaded. It gives way by one, and probes later."""
    limiter: Limiter[int] = Limiter(window=300, fast=False)
    out = filled(limiter, 1_000)
    for call in out[:15]:
        limiter.refused(call, now=0.0, chance=0.0)
    assert limiter.window == 299
    for call in out[15:]:
        limiter.landed(call)
    for _ in range(HOLD - 2):
        for _, call in limiter.admit(0.0):
            limiter.landed(call)
    assert limiter.window == 299
    for _ in range(3):
        for _, call in limiter.admit(0.0):
            limiter.landed(call)
    assert limiter.window > 299 or not limiter.waiting


def test_a_lone_call_that_is_refused_says_little() -> None:
    """One planner call and a 429: the wave that follows is not throttled to nothing; three in a row are believed."""
    limiter: Limiter[int] = Limiter(window=64)
    limiter.refused(limiter.take(0.0), now=0.0, chance=0.0)
    assert limiter.window == 64
    limiter.refused(limiter.take(0.0), now=0.0, chance=0.0)
    assert limiter.window == 1
    assert limiter.fast, "it may find its way up again quickly"


@pytest.mark.parametrize(
    ("retry_after", "chance", "opens"), [(10.0, 0.0, 10.0), (10.0, 0.5, 11.25), (0.0, 0.5, 0.0), (None, 0.5, 0.0)]
)
def test_retry_after_closes_the_endpoint(retry_after: float | None, chance: float, opens: float) -> None:
    """Nobody goes out before it, jitter comes on top; without it nothing is closed at the first refusal."""
    limiter: Limiter[int] = Limiter(window=2)
    refused, answered = filled(limiter, 5)
    limiter.refused(refused, now=0.0, chance=chance, retry_after=retry_after)
    limiter.landed(answered)
    if opens:
        assert limiter.admit(opens - 0.001) == []
        assert limiter.take(opens - 0.001) == 0
    assert len(limiter.admit(opens or 0.0)) == 1


def test_refused_again_without_an_answer_it_stays_closed_for_longer() -> None:
    """Full jitter, growing, where the provider does not say for how long."""
    limiter: Limiter[int] = Limiter(window=16)
    closed: list[float] = []
    now = 0.0
    for _ in range(4):
        for call in filled(limiter, 16, now=now):
            limiter.refused(call, now=now, chance=0.5)
        limiter.evict()
        closed.append(max(0.0, limiter.closed_until - now))
        now = max(now, limiter.closed_until)
    assert closed[0] == 0.0
    assert closed[1:] == sorted(closed[1:])
    assert closed[1] > 0


def test_a_window_that_is_not_used_does_not_grow() -> None:
    """One call after another says nothing about a thousand at once."""
    limiter: Limiter[int] = Limiter(window=8)
    for _ in range(100):
        limiter.landed(limiter.take(0.0))
    assert limiter.window == 8


def test_waiters_go_in_the_order_they_came() -> None:
    """Also when one in the middle gives up."""
    limiter: Limiter[str] = Limiter(window=1, fast=False)
    first = limiter.take(0.0)
    for waiter in "abcd":
        limiter.queue(waiter)
    limiter.forget("b")
    order: list[str] = []
    limiter.landed(first)
    while admitted := limiter.admit(0.0):
        for waiter, call in admitted:
            order.append(waiter)
            limiter.broken(call)
    assert order == ["a", "c", "d"]
    assert (limiter.in_flight, limiter.waiting) == (0, 0)


def test_a_slot_is_given_back_once() -> None:
    """The second time is a defect and says so."""
    limiter: Limiter[int] = Limiter(window=1)
    call = limiter.take(0.0)
    limiter.landed(call)
    with pytest.raises(KeyError):
        limiter.broken(call)


@given(seed=st.integers(0, 10_000), start=st.integers(1, 200), steps=st.integers(1, 300))
def test_never_more_at_once_than_the_window_and_nobody_is_lost(seed: int, start: int, steps: int) -> None:
    """Whatever happens in whatever order: room is kept, the window is at least one, every waiter gets out."""
    chance = random.Random(seed)
    limiter: Limiter[int] = Limiter(window=float(start))
    open_calls: list[int] = []
    wanted, out, now = 0, 0, 0.0
    for _ in range(steps):
        now += chance.random()
        if chance.random() < 0.6 or not open_calls:
            wanted += 1
            call = limiter.take(now)
            if call:
                open_calls.append(call)
                out += 1
            else:
                limiter.queue(wanted)
        else:
            call = open_calls.pop(chance.randrange(len(open_calls)))
            match chance.randrange(3):
                case 0:
                    limiter.landed(call)
                case 1:
                    limiter.broken(call)
                case _:
                    limiter.refused(call, now=now, chance=chance.random(), retry_after=chance.choice([None, 1.0]))
        before = limiter.in_flight
        admitted = limiter.admit(now)
        assert not admitted or before + len(admitted) <= int(limiter.window)
        assert limiter.window >= 1
        open_calls += [call for _, call in admitted]
        out += len(admitted)
        assert limiter.in_flight == len(open_calls)
    while open_calls or limiter.waiting:
        for call in open_calls:
            limiter.landed(call)
        now = max(now, limiter.closed_until)
        open_calls = [call for _, call in limiter.admit(now)]
        out += len(open_calls)
    assert out == wanted


@pytest.mark.parametrize("capacity", [1, 5, 20, 100])
def test_it_settles_near_what_the_endpoint_takes(capacity: int) -> None:
    """300 callers, an endpoint that refuses beyond its capacity: few refusals once settled, and most of it used."""
    limiter: Limiter[int] = Limiter(window=64)
    served, refused = [], []
    now = 0.0
    waiting = 300
    for waiter in range(waiting):
        limiter.queue(waiter)
    for _ in range(200):
        now = max(now + 1.0, limiter.closed_until)
        out = [call for _, call in limiter.admit(now)]
        for call in out[capacity:]:
            limiter.refused(call, now=now, chance=0.5)
        for call in out[:capacity]:
            limiter.landed(call)
        for waiter in range(len(out)):
            limiter.queue(10_000 + int(now) * 1_000 + waiter)
        served.append(min(len(out), capacity))
        refused.append(max(0, len(out) - capacity))
    late = slice(50, None)
    assert sum(served[late]) >= 0.6 * capacity * len(served[late])
    assert sum(refused[late]) <= 0.2 * sum(served[late])
