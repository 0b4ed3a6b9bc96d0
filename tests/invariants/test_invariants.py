"""The invariants are no rubber stamps: each is seen to fail on a story that was tampered with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from strop.testing.invariants import INVARIANTS, Story, broken, nothing_missing, same_end
from strop.testing.scenarios import story_of
from strop.testing.world import World, random_plan, with_tools
from strop.testing.world_model import CALM, WorldModel
from strop.types.events import (
    AttemptEnded,
    AttemptStarted,
    Body,
    CallAnswered,
    CallFailed,
    CallIntended,
    Event,
    RunOpened,
    StopRequested,
)


def told() -> Story:
    """A run in which nothing is wrong, with needs, tools and several agents."""
    world = World(12, with_tools(random_plan(12), seed=12), WorldModel(12, faults=CALM))
    world.live()
    return story_of(world)


GOOD = told()


def numbered(bodies: Iterator[tuple[Event, Body]]) -> tuple[Event, ...]:
    """Facts in a row, numbered anew."""
    return tuple(replace(event, seq=seq, body=body) for seq, (event, body) in enumerate(bodies, 1))


def changed(change: Callable[[Body], tuple[Body, ...]]) -> Story:
    """The good story with every fact put through `change`."""
    return replace(GOOD, events=numbered((event, body) for event in GOOD.events for body in change(event.body)))


def once(kind: type, change: Callable[[Body], tuple[Body, ...]], *, last: bool = False) -> Story:
    """The good story with the first, or last, fact of a kind changed."""
    every = [event.body for event in GOOD.events if isinstance(event.body, kind)]
    chosen = every[-1 if last else 0]
    return changed(lambda body: change(body) if body is chosen else (body,))


def poorer(body: Body) -> tuple[Body, ...]:
    assert isinstance(body, RunOpened)
    return (replace(body, budget=replace(body.budget, nanos=100_000)),)


def fewer_steps(body: Body) -> tuple[Body, ...]:
    assert isinstance(body, RunOpened)
    return (replace(body, budget=replace(body.budget, steps=3)),)


def cheaper(body: Body) -> tuple[Body, ...]:
    assert isinstance(body, CallAnswered)
    return (replace(body, nanos=body.nanos - 1),)


def unbooked(body: Body) -> tuple[Body, ...]:
    assert isinstance(body, CallAnswered)
    return (CallFailed(body.task, body.attempt, body.step, body.tries, "", 0.0),)


def blamed(body: Body) -> tuple[Body, ...]:
    assert isinstance(body, AttemptEnded)
    return (replace(body, result=replace(body.result, failure="Blocked: needs t0, which failed", output="")),)


def nobody(body: Body) -> tuple[Body, ...]:
    return ()


def twice(body: Body) -> tuple[Body, ...]:
    return (body, body)


def started_first(story: Story) -> Story:
    """Every attempt starts before anything else happened."""
    opening = [event for event in story.events if not isinstance(event.body, AttemptStarted)][:3]
    starts = [event for event in story.events if isinstance(event.body, AttemptStarted)]
    rest = [event for event in story.events if event not in opening and event not in starts]
    return replace(story, events=numbered((event, event.body) for event in (*opening, *starts, *rest)))


def hedged(body: Body) -> tuple[Body, ...]:
    """A call with a second one beside it that ends at once."""
    if not isinstance(body, CallIntended):
        return (body,)
    beside = replace(body, tries=99, hedge=True)
    return body, beside, CallFailed(beside.task, beside.attempt, beside.step, 99, "", 0.0)


def hedge_of_nothing(body: Body) -> tuple[Body, ...]:
    assert isinstance(body, CallIntended)
    return (replace(body, hedge=True),)


def beside_itself(body: Body) -> tuple[Body, ...]:
    assert isinstance(body, CallIntended)
    return body, replace(body, tries=99)


def poorer_and_hedged() -> Story:
    """Few hedges, and yet more than five per cent of the cap on money."""
    story = once(CallIntended, hedged, last=True)
    opened = [replace(e, body=poorer(e.body)[0]) if isinstance(e.body, RunOpened) else e for e in story.events]
    return replace(story, events=tuple(opened))


def asked_again() -> Story:
    """A purchase whose question was answered on record before."""
    mark = next(event.body.reasoning for event in GOOD.events if isinstance(event.body, CallAnswered))
    bought = next(purchase for purchase in GOOD.bill if purchase.mark == mark)
    answered = next(e.seq for e in GOOD.events if isinstance(e.body, CallAnswered) and e.body.reasoning == mark)
    return replace(GOOD, bill=(*GOOD.bill, replace(bought, mark="p0", rows=answered, nanos=0)))


def many_steps() -> Story:
    """One attempt answered more often than its task may."""

    def grown(body: Body) -> tuple[Body, ...]:
        assert isinstance(body, CallAnswered)
        return tuple(replace(body, step=step) for step in range(1, 12))

    return once(CallAnswered, grown)


def backwards() -> Story:
    """Time runs from the end to the start."""
    events = tuple(replace(event, at=-event.at) for event in GOOD.events)
    return replace(GOOD, events=events)


def stopped(body: Body) -> tuple[Body, ...]:
    return (body, StopRequested("an agent failed"))


TAMPERED: dict[str, tuple[str, Callable[[], Story]]] = {
    "the cap is lower than what was booked": ("caps_hold", lambda: once(RunOpened, poorer)),
    "the step budget is lower": ("caps_hold", lambda: once(RunOpened, fewer_steps)),
    "every call is hedged": ("hedges_within", lambda: changed(hedged)),
    "a hedge stands alone": ("hedged_while_open", lambda: once(CallIntended, hedge_of_nothing)),
    "a second call is no hedge": ("hedged_while_open", lambda: once(CallIntended, beside_itself)),
    "a hedge is too dear": ("hedges_within", poorer_and_hedged),
    "a reservation is never given back": ("given_back_once", lambda: once(CallAnswered, nobody)),
    "a reservation is given back twice": ("given_back_once", lambda: once(CallAnswered, twice)),
    "a call is reserved twice": ("given_back_once", lambda: once(CallIntended, twice)),
    "an answer is booked too low": ("bill_is_covered", lambda: once(CallAnswered, cheaper)),
    "an answer is not booked": ("bill_is_covered", lambda: once(CallAnswered, unbooked)),
    "a purchase is nowhere on record": (
        "bill_is_covered",
        lambda: replace(GOOD, bill=(*GOOD.bill, replace(GOOD.bill[0], mark="p0", nanos=1))),
    ),
    "an answer is bought again": ("nothing_bought_twice", asked_again),
    "time goes back": ("in_order", backwards),
    "a fact is missing": ("in_order", lambda: replace(GOOD, events=GOOD.events[:9] + GOOD.events[10:])),
    "tasks start at once": ("needs_come_first", lambda: started_first(GOOD)),
    "agents start at once": ("agents_within", lambda: started_first(GOOD)),
    "the world saw too many": ("agents_within", lambda: replace(GOOD, most_open=9)),
    "an attempt runs twice": ("agents_within", lambda: once(AttemptStarted, twice)),
    "an agent goes on and on": ("steps_within", many_steps),
    "a task is blamed": ("failures_stay_local", lambda: once(AttemptEnded, blamed)),
    "a failure stops the run": ("failures_stay_local", lambda: once(AttemptEnded, stopped)),
    "a task is forgotten": ("ended_or_said", lambda: once(AttemptEnded, nobody, last=True)),
}


@pytest.mark.parametrize("tampering", TAMPERED)
def test_an_invariant_sees_what_is_wrong(tampering: str) -> None:
    """Whatever is done to a good story, the invariant that guards it says so."""
    name, story = TAMPERED[tampering]

    assert not broken(GOOD)
    assert name in {said.split(":")[0] for said in broken(story())}


def test_every_invariant_is_seen_to_fail() -> None:
    """No function without its tampered story."""
    assert {name for name, _ in TAMPERED.values()} == {invariant.__name__ for invariant in INVARIANTS}


def test_another_output_is_another_end() -> None:
    """A resumed run that left something else, or nothing, is not the undisturbed one."""

    def other(body: Body) -> tuple[Body, ...]:
        assert isinstance(body, AttemptEnded)
        return (replace(body, result=replace(body.result, output='{"said":"else"}')),)

    def failed(body: Body) -> tuple[Body, ...]:
        assert isinstance(body, AttemptEnded)
        return (replace(body, result=replace(body.result, output="", failure="Tired")),)

    assert not same_end(GOOD, undisturbed=GOOD)
    assert same_end(once(AttemptEnded, other), undisturbed=GOOD)
    assert not nothing_missing(GOOD)
    assert nothing_missing(once(AttemptEnded, failed))
