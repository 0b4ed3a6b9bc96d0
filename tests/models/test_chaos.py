"""The chaos model: mishaps by seed, request and try, and by nothing else."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields, replace

import pytest

from strop.errors import ConfigRefused, ModelFailure
from strop.models.chaos import NO_MISHAPS, ChaosModel, Rates
from strop.models.scripted import ScriptedModel
from strop.seams import Answer, Message, Request
from strop.types.money import Usage

pytestmark = pytest.mark.anyio

TEXT = '{"rows": 601, "name": "affairs"}'
EVERY = Rates(*(0.09,) * len(fields(Rates)))


class Clock:
    """Counts what was slept."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


def request(number: int) -> Request:
    return Request((Message("user", f"Read page {number}."),))


def chaos(rates: Rates, *, seed: int = 7, clock: Clock | None = None, calm_after: int | None = None) -> ChaosModel:
    clock = clock or Clock()
    inner = ScriptedModel(lambda _: Answer(TEXT, Usage(10, output=5)), clock=clock)
    return ChaosModel(inner, clock=clock, seed=seed, rates=rates, calm_after=calm_after)


async def outcome(model: ChaosModel, number: int) -> str:
    try:
        answer = await model.answer(request(number))
    except ModelFailure as failure:
        return f"{type(failure).__name__} {failure.billed}"
    return f"{answer.text} {answer.finish}"


async def test_the_same_seed_is_the_same_chaos_in_any_order() -> None:
    """What happens to a call hangs on the call alone; another seed is another chaos."""
    numbers = list(range(200))
    model, again, other = chaos(EVERY), chaos(EVERY), chaos(EVERY, seed=8)
    first = {number: await outcome(model, number) for number in numbers}
    random.Random(1).shuffle(numbers)
    assert {number: await outcome(again, number) for number in numbers} == first
    assert {number: await outcome(other, number) for number in numbers} != first


async def test_every_mishap_happens_about_as_often_as_its_rate() -> None:
    """All of them in 2,000 calls, none more than twice its share; failures say whether they were billed."""
    clock = Clock()
    model = chaos(EVERY, clock=clock)
    seen = Counter([await outcome(model, number) for number in range(2_000)])
    good = f"{TEXT} stop"
    clipped = f"{TEXT[: len(TEXT) // 2]} length"
    assert {
        "EndpointDown False", "EndpointDown True", "RateLimited False", "QuotaExhausted False", "AuthRefused False",
        "RequestRefused False", "WindowExceeded False", "BadStream True", clipped, good,
    } <= set(seen)  # fmt: skip
    assert len(seen) == 11, "and one that is garbage"
    assert all(100 < count < 360 for name, count in seen.items() if name != good)
    assert 100 < clock.slept / 30.0 < 360


@pytest.mark.parametrize("each", [each.name for each in fields(Rates)])
async def test_a_rate_of_one_is_always(each: str) -> None:
    """Each kind alone, so that a test can ask for just one."""
    clock = Clock()
    model = chaos(replace(NO_MISHAPS, **{each: 1.0}), clock=clock)
    outcomes = {await outcome(model, number) for number in range(20)}
    assert len(outcomes) == 1
    assert (outcomes == {f"{TEXT} stop"}) == (each == "late")
    assert clock.slept == (600.0 if each == "late" else 0.0)


async def test_trying_again_draws_again_and_calm_comes() -> None:
    """The second asking of the same request has a fate of its own; from `calm_after` on all is well."""
    model = chaos(replace(NO_MISHAPS, down=0.5))
    fates = [await outcome(model, 1) for _ in range(20)]
    assert len(set(fates)) == 2
    model = chaos(replace(NO_MISHAPS, down=1.0), calm_after=3)
    fates = [await outcome(model, 1) for _ in range(4)]
    assert fates == ["EndpointDown False"] * 2 + [f"{TEXT} stop"] * 2


async def test_no_mishaps_is_the_inner_model() -> None:
    """Nothing is changed on the way."""
    model = chaos(NO_MISHAPS)
    assert await model.answer(request(1)) == Answer(TEXT, Usage(10, output=5))
    assert model.card.name == "scripted"


@pytest.mark.parametrize("rates", [{"down": 1.5}, {"down": -0.1}, {"down": 0.6, "cut": 0.6}, {"down": float("nan")}])
def test_rates_that_are_no_shares_are_refused(rates: dict[str, float]) -> None:
    """From 0 to 1, together at most 1."""
    with pytest.raises(ConfigRefused):
        replace(NO_MISHAPS, **rates)
