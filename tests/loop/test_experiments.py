"""Something is tried on a part of the wave: who works under it, what counts, and what the user gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from bells import BELLS, PATHS, PROMPTS, SPEC, Bend, Loop

from strop.drafting.quoting import Pace
from strop.errors import ModelFailure, RequestRefused
from strop.learning.experiments import NO_CAP, Trial, evidence, scores
from strop.loop.cycle import Shop
from strop.loop.plan import Terrain, plan
from strop.loop.specify import specify
from strop.types.content import Standing
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Item, ItemKind, ItemState
from strop.types.money import Price
from strop.types.schema import Json
from strop.types.trial import Outcome
from strop.types.work import PLACE, Binding, Exemplar, Guidance, Plan, UnitKey, Variant

CANDIDATE = Item("skill/bells", ItemKind.SKILL, "b0d1", ItemState.CANDIDATE)
SHOWN = Guidance(exemplars=((Exemplar(UnitKey("yew"), "[1] This is yew.", "{}"),),), items=(CANDIDATE.id,))
HASHES = {UnitKey(key): digest_bytes(PATHS[f"inputs/{key}.txt"].encode()) for key in BELLS}


def trying(shop: Shop, *, without: bool = False, barred: frozenset[str] = frozenset()) -> Shop:
    """The shop with an item to try; where it is in use, the plan's own guidance holds it."""
    tried = Guidance() if without else SHOWN
    terrain = replace(
        shop.terrain,
        guidance=SHOWN if without else Guidance(),
        trial=Trial(CANDIDATE, tried, "incumbent", without),
        seed="01RUN",
        barred=barred,
    )
    return replace(shop, terrain=terrain)


def loop_of(folder: Path, bend: Bend = lambda key, prompt: None, change: Callable[[Shop], Shop] = trying) -> Loop:
    return Loop(folder, bend, change=change)


def only(loop: Loop) -> tuple[Variant, UnitKey, UnitKey]:
    """The one variant of the plan, its unit and that unit's partner."""
    plan = loop.state.plan
    assert plan is not None
    (variant,) = plan.variants
    ((tried, other),) = variant.pairs
    return variant, tried, other


def tried_by(folder: Path) -> UnitKey:
    """The unit that this seed draws."""
    loop = loop_of(folder)
    loop.turn()
    return only(loop)[1]


def test_one_unit_in_five_works_under_what_is_tried_and_its_partner_does_not(tmp_path: Path) -> None:
    """Six units: one is shown the candidate's example by both readers, the five others are not."""
    loop = loop_of(tmp_path)

    turn = loop.turn()

    _, tried, other = only(loop)
    shown = [request for request in loop.asked if any("This is yew" in m.text for m in request.messages)]
    assert len(loop.asked) == 2 * len(BELLS)
    assert [f"This is {tried}." in request.messages[-1].text for request in shown] == [True, True]
    assert tried != other
    assert turn.outcome is Outcome.PASSED
    assert f"On 1 unit {CANDIDATE.id} is tried" in turn.run.plan.scope


def test_what_fell_short_is_read_again_for_the_files_and_counts_as_it_was(tmp_path: Path) -> None:
    """The candidate makes readers invent a number: the file has the right one, the evidence the wrong one."""
    unit = tried_by(tmp_path / "dry")
    calls: list[str] = []

    def misled(key: str, prompt: str) -> dict[str, Json] | None:
        calls.append(key)
        return {"bells": 99} if key == unit and calls.count(key) <= 2 else None

    loop = loop_of(tmp_path, misled)
    turn = loop.turn()

    _, tried, other = only(loop)
    assert tried == unit
    assert turn.run.extended == (f"rescue-1/{unit}", f"rescue-2/{unit}")
    assert loop.state.extensions == 0, "a rescue is no round of repair"
    assert f"{unit},{BELLS[unit]}" in (tmp_path / "files" / "bells.csv").read_text()
    (value,) = [value for value in turn.verdict.values if (value.row, value.field) == (unit, "bells")]
    assert value.standing is Standing.ACCEPTED
    assert {claim.task.partition("-")[0] for claim in value.claims} == {"rescue"}
    assert turn.first is not None
    first = scores(turn.run, turn.first)
    (pair,) = evidence(turn.run, first=first, inputs=HASHES, costs={}, day="2026-11-22")
    assert (pair.challenger, pair.baseline) == (0.5, 1.0)
    assert (pair.lost, pair.unit) == (True, HASHES[tried])
    assert other in first


def test_a_unit_whose_readers_came_apart_is_read_again_too(tmp_path: Path) -> None:
    """Under what is tried one of the two takes a number that stands in the page, so nothing is refuted."""
    unit = tried_by(tmp_path / "dry")
    calls: list[str] = []

    def torn(key: str, prompt: str) -> dict[str, Json] | None:
        calls.append(key)
        lured: dict[str, Json] = {"bells": BELLS[unit] + 100, f"bells{PLACE}": 3}
        return lured if key == unit and calls.count(key) == 1 else None

    loop = loop_of(tmp_path, torn)
    turn = loop.turn()

    assert turn.first is not None
    (before,) = [value for value in turn.first.values if (value.row, value.field) == (unit, "bells")]
    assert before.standing is Standing.UNVERIFIED
    assert turn.run.extended == (f"rescue-1/{unit}", f"rescue-2/{unit}")
    assert f"{unit},{BELLS[unit]}" in (tmp_path / "files" / "bells.csv").read_text()


def test_a_unit_that_did_no_worse_than_its_partner_is_not_read_again(tmp_path: Path) -> None:
    """Both came apart alike: reading again would be paid for what doing without would have given too."""
    dry = loop_of(tmp_path / "dry")
    dry.turn()
    _, tried, other = only(dry)
    calls: list[str] = []

    def torn(key: str, prompt: str) -> dict[str, Json] | None:
        calls.append(key)
        lured: dict[str, Json] = {"bells": BELLS[key] + 100, f"bells{PLACE}": 3}
        return lured if key in (tried, other) and calls.count(key) == 1 else None

    turn = loop_of(tmp_path, torn).turn()

    assert turn.run.extended == ()


def test_a_unit_that_failed_under_what_is_tried_scored_nothing(tmp_path: Path) -> None:
    """Intention to treat: no answer is an outcome."""
    unit = tried_by(tmp_path / "dry")
    calls: list[str] = []

    def down(key: str, prompt: str) -> ModelFailure | None:
        calls.append(key)
        return RequestRefused("not this") if key == unit and calls.count(key) <= 6 else None

    loop = loop_of(tmp_path, down)
    turn = loop.turn()

    assert turn.first is not None
    first = scores(turn.run, turn.first)
    (pair,) = evidence(turn.run, first=first, inputs=HASHES, costs={}, day="2026-11-22")
    assert (pair.challenger, pair.baseline) == (0.0, 1.0), (calls.count(unit), turn.outcome, turn.run.stopped)
    assert f"{unit},{BELLS[unit]}" in (tmp_path / "files" / "bells.csv").read_text()


def test_an_item_in_use_is_watched_by_a_unit_that_does_without_it(tmp_path: Path) -> None:
    """The roles are changed: the pair still says what the item is worth."""
    loop = loop_of(tmp_path, change=partial(trying, without=True))

    turn = loop.turn()

    variant, tried, other = only(loop)
    bare = [r for r in loop.asked if not any("This is yew" in message.text for message in r.messages)]
    assert variant.without
    assert [f"This is {tried}." in request.messages[-1].text for request in bare] == [True, True]
    assert turn.first is not None
    first = {**scores(turn.run, turn.first), tried: 0.25}
    (pair,) = evidence(turn.run, first=first, inputs=HASHES, costs={}, day="2026-11-22")
    assert (pair.challenger, pair.baseline, pair.unit) == (1.0, 0.25, HASHES[other])


@pytest.mark.parametrize(
    "change",
    [lambda shop: shop, partial(trying, barred=frozenset(list(PATHS)[:3]))],
    ids=["nothing-to-try", "made-from-most-of-them"],
)
def test_nothing_is_tried_where_too_few_units_are_left(tmp_path: Path, change: Callable[[Shop], Shop]) -> None:
    """All units work alike, and the plan has no variant."""
    loop = loop_of(tmp_path, change=change)

    turn = loop.turn()

    assert turn.run.plan.variants == ()
    assert turn.first is None
    assert len(loop.asked) == 2 * len(BELLS)


@pytest.mark.parametrize(("share", "tried"), [(1.0, 3), (0.99, 2), (0.34, 1), (0.0, 0)])
def test_learning_spends_no_more_than_its_own_cap(share: float, tried: int) -> None:
    """Of three pairs drawn as many take part as can all be read again within the cap; the plan says what that costs."""
    free = planned(NO_CAP)
    assert (pairs_of(free), free.quote.learning_nanos > 0) == (3, True)

    bound = planned(int(free.quote.learning_nanos * share))

    assert pairs_of(bound) == tried
    assert bound.quote.learning_nanos == free.quote.learning_nanos * tried // 3
    assert ("of learning's own cap" in bound.scope) is bool(tried)


def planned(cap: int) -> Plan:
    """The plan of fifteen units with something to try, by a worker that costs a dollar a million tokens."""
    units = tuple(f"inputs/{number:02}.txt" for number in range(15))
    terrain = Terrain(
        units=units,
        sizes=dict.fromkeys(units, 400),
        files=units,
        bindings=(Binding("worker", "scripted", Price("1", "1", "1", "1"), 32_000, 2_000),),
        prompts=PROMPTS,
        tools=(),
        pace=Pace(1.0, 2.0, 30),
        trial=Trial(CANDIDATE, SHOWN, "incumbent", cap=cap),
        seed="01RUN",
    )
    return asyncio.run(plan(specify(SPEC.encode()), terrain=terrain))


def pairs_of(made: Plan) -> int:
    return sum(len(variant.pairs) for variant in made.variants)
