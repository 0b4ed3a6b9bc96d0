"""A call that is late is asked a second time: who wins, what is booked, when it is not done, and after a crash.

The model plays both calls on a virtual clock; desk, ledger, race and agent loop are the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from strop.errors import BadStream, EndpointDown, JournalFault, ModelFailure
from strop.seams import Answer, ModelCard, Request
from strop.swarm.agent import AgentLoop
from strop.swarm.endpoints.limits import Limits
from strop.swarm.fold import RunFold, fold
from strop.swarm.guards.hedge import Hedged, Hedging
from strop.swarm.ledger import Ledger
from strop.swarm.race import watching
from strop.swarm.supervise import Supervisor
from strop.testing.scenarios import ended, judged, story_of
from strop.testing.simulator import Latency, LoopClock, MemoryJournal, SeededChance, simulate
from strop.testing.world import PRICE, PROMPTS, World, fan_out
from strop.testing.world_model import CALM, WorldModel
from strop.types.events import (
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    PlanApproved,
    PlanProposed,
    RunOpened,
)
from strop.types.money import Usage, cost
from strop.types.work import Budget, TaskId

if TYPE_CHECKING:
    from strop.seams import Model, Watchful

LATE = 1.0
"""Seconds after which the played model says that a call is late."""
FIRST = Answer('{"said": "first"}', Usage(input=10, output=5))
SECOND = Answer('{"said": "second"}', Usage(input=10, output=7))
DOWN = EndpointDown("refused", billed=False)
CUT = BadStream("it broke off")


# ---------------------------------------------------------------- the decision


@pytest.mark.parametrize(
    ("share", "so_far", "nanos", "said"),
    [
        (0.05, Hedged(0, 0, 0), 1, ""),
        (0.05, Hedged(20, 1, 0), 1, ""),
        (0.05, Hedged(19, 1, 0), 1, "1 hedges among 19 calls, 5% are allowed"),
        (0.05, Hedged(1_000, 50, 0), 1, ""),
        (0.05, Hedged(1_000, 51, 0), 1, "51 hedges"),
        (0.05, Hedged(1_000, 1, 40), 10, ""),
        (0.05, Hedged(1_000, 1, 40), 11, "of $0.0000 are allowed"),
        (0.05, Hedged(1_000, 1, 0), 0, ""),
        (0.0, Hedged(1_000, 0, 0), 0, "hedging is off"),
    ],
)
def test_hedges_are_a_share_of_calls_and_of_money(share: float, so_far: Hedged, nanos: int, said: str) -> None:
    """The first is free of the bound on calls; of a cap of 1,000 nano-dollars 50 may be held; a free model has none."""
    refused = Hedging(share).refusal(so_far, nanos=nanos, nanos_cap=1_000)
    assert said in refused
    assert bool(refused) == bool(said)


def test_a_free_model_is_bounded_by_calls_alone() -> None:
    """Without a cap on money too."""
    assert not Hedging().refusal(Hedged(100, 5, 0), nanos=0, nanos_cap=0)
    assert Hedging().refusal(Hedged(100, 6, 0), nanos=0, nanos_cap=0)


def test_hedges_that_are_committed_together_are_counted_one_by_one() -> None:
    """What is held counts before it is on record; what could not be committed counts no more."""
    ledger = Ledger(nanos_cap=100, tokens_cap=100, steps_cap=100)
    hedge = CallIntended(TaskId("t0"), 1, 1, 2, "request", "", 7, 9, hedge=True)
    ledger.hold(hedge)
    ledger.hold(replace(hedge, step=2))
    assert (ledger.hedges, ledger.hedge_nanos) == (2, 14)
    ledger.release(hedge)
    ledger.apply(replace(hedge, step=2))
    assert (ledger.hedges, ledger.hedge_nanos, ledger.reserved) == (1, 7, 7)


def test_a_hedge_leaves_the_gate_its_reserve_whoever_asks() -> None:
    """A call of the gate itself may use what was set aside; its hedge may not."""
    ledger = Ledger(nanos_cap=100, tokens_cap=100, steps_cap=100, gate_nanos=90, gate_steps=1)
    call = CallIntended(TaskId("refute/1"), 1, 1, 1, "request", "", 11, 1)
    assert not ledger.refusal(call)
    assert "kept for the gate" in ledger.refusal(replace(call, hedge=True))


# ---------------------------------------------------------------- the race


@dataclass(frozen=True, slots=True)
class Play:
    """What a call does: after so many seconds it answers or fails."""

    seconds: float
    ends: Answer | ModelFailure


@dataclass
class Played:
    """A model whose first call is late; the call beside it does as it is told, any further one answers at once."""

    first: Play
    second: Play
    local: bool = False
    beside: list[int] = field(default_factory=list[int])
    """Endpoints that were to be avoided, one a hedge."""

    @property
    def card(self) -> ModelCard:
        return ModelCard("played", "p-1", "p", PRICE, window=100_000, output=100, local=self.local)

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        return await _played(self.first, notice)

    async def answer_watched(
        self, request: Request, *, late: Callable[[int], None], notice: Callable[[int], None] | None = None
    ) -> Answer:
        play, self.first = self.first, Play(0.1, FIRST)
        timer = asyncio.get_running_loop().call_later(LATE, late, 3)
        try:
            return await _played(play, notice)
        finally:
            timer.cancel()

    async def answer_beside(
        self, request: Request, *, endpoint: int, notice: Callable[[int], None] | None = None
    ) -> Answer:
        self.beside.append(endpoint)
        return await _played(self.second, notice)

    async def close(self) -> None:
        """Nothing is held."""


async def _played(play: Play, notice: Callable[[int], None] | None) -> Answer:
    if notice is not None:
        notice(0)
    await asyncio.sleep(play.seconds)
    if isinstance(play.ends, Answer):
        return play.ends
    raise play.ends


@dataclass
class Office:
    """One task, one life."""

    model: Played
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    hedging: Hedging = field(default_factory=Hedging)
    nanos: int = 10_000_000_000
    gate: int = 0
    """Nano-dollars kept for the gate."""

    def live(self) -> RunFold:
        return simulate(self._main(), seed=1)

    async def _main(self) -> RunFold:
        clock, chance, state = LoopClock(), SeededChance(1), fold(self.journal.read())
        loop = AgentLoop(self.model, PRICE, PROMPTS, lambda path: "", clock, chance)
        desk = Supervisor(self.journal, state, loop, clock, chance, hedging=self.hedging)
        plan = fan_out(1, budget=Budget(agents=1, nanos=self.nanos))
        plan = replace(plan, tasks=(replace(plan.tasks[0], tools=()),), quote=replace(plan.quote, gate_nanos=self.gate))
        await desk.record(RunOpened("sim", "", "0", plan.spec.budget), PlanProposed(plan), PlanApproved("", "test"))
        await desk.carry_out(deadline=1e6)
        return state

    def calls(self) -> list[CallIntended]:
        return [event.body for event in self.journal.read() if isinstance(event.body, CallIntended)]

    def ends(self) -> dict[int, CallAnswered | CallFailed | CallLost]:
        """How each call ended, by its try."""
        bodies = (event.body for event in self.journal.read())
        return {body.tries: body for body in bodies if isinstance(body, CallAnswered | CallFailed | CallLost)}


@dataclass(frozen=True, slots=True)
class Case:
    """Two calls, and how they go on record: of each try its kind, and whether it was outrun."""

    first: Play
    second: Play
    booked: tuple[tuple[type, bool], ...]
    said: str
    seconds: float
    """From the first call to the answer that is used."""
    commit: float = 0.0
    """Seconds of each commit."""


ANSWERED, FAILED, LOST, OUTRUN = (CallAnswered, False), (CallFailed, False), (CallLost, False), (CallLost, True)
CASES = {
    "the second answers first": Case(Play(60, FIRST), Play(2, SECOND), (OUTRUN, ANSWERED), "second", 3.0),
    "the first answers after all": Case(Play(2, FIRST), Play(60, SECOND), (ANSWERED, OUTRUN), "first", 2.0),
    "the first fails unpaid": Case(Play(2, DOWN), Play(2, SECOND), (FAILED, ANSWERED), "second", 3.0),
    "the first breaks off": Case(Play(2, CUT), Play(2, SECOND), (LOST, ANSWERED), "second", 3.0),
    "the second fails unpaid": Case(Play(4, FIRST), Play(2, DOWN), (ANSWERED, FAILED), "first", 4.0),
    "the second breaks off": Case(Play(4, FIRST), Play(2, CUT), (ANSWERED, LOST), "first", 4.0),
    "both break off": Case(Play(2, CUT), Play(2, CUT), (LOST, LOST, ANSWERED), "first", 3.1),
    "it is not late": Case(Play(0.5, FIRST), Play(2, SECOND), (ANSWERED,), "first", 0.5),
    "the first answers while the second is put on record": Case(
        Play(1.5, FIRST), Play(2, SECOND), (ANSWERED, FAILED), "first", 2.0, commit=1.0
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_first_good_answer_wins_and_both_calls_are_booked(name: str) -> None:
    """Each call is reserved before it goes out and ends exactly once; the loser costs its worst case."""
    case = CASES[name]
    office = Office(Played(case.first, case.second), MemoryJournal(latency=case.commit))
    state = office.live()

    calls, ends, tally = office.calls(), office.ends(), state.run().tally
    how = tuple((type(end), isinstance(end, CallLost) and end.outrun) for _, end in sorted(ends.items()))
    assert how == case.booked
    assert [call.hedge for call in calls] == [False, True, False][: len(calls)]
    assert case.said in state.results[TaskId("t0")].output
    assert state.results[TaskId("t0")].steps == tally.steps == 1
    worst = calls[0].nanos
    answer = next(end for end in ends.values() if isinstance(end, CallAnswered))
    lost = sum(isinstance(end, CallLost) for end in ends.values())
    assert tally.nanos == answer.nanos + lost * worst
    assert tally.lost_nanos == lost * worst
    assert tally.outrun_nanos == worst * sum(outrun for _, outrun in how)
    assert (tally.hedges, tally.hedges_won) == (sum(call.hedge for call in calls), int(answer.tries == 2))
    assert tally.retries == (1 if len(calls) == 3 else 0)
    assert (state.ledger.reserved, state.ledger.in_flight) == (0, 0)
    answered_at = next(event.at for event in office.journal.read() if isinstance(event.body, CallAnswered))
    jitter = 1.5 if len(calls) == 3 else 1e-3
    assert answered_at - 3 * case.commit == pytest.approx(case.seconds, abs=jitter)


def test_a_loser_that_answers_in_the_same_turn_settles_at_its_usage() -> None:
    """Both answers are there at one moment: one is used, the other costs what it cost and no more."""
    office = Office(Played(Play(3.0, FIRST), Play(2.0, SECOND)))
    state = office.live()

    ends, tally = office.ends(), state.run().tally
    (loser,) = (end for end in ends.values() if isinstance(end, CallLost))
    (winner,) = (end for end in ends.values() if isinstance(end, CallAnswered))
    assert loser.outrun
    assert loser.usage == (FIRST if winner.tries == 2 else SECOND).usage
    assert tally.nanos == cost(FIRST.usage, PRICE) + cost(SECOND.usage, PRICE)
    assert tally.usage == FIRST.usage + SECOND.usage
    assert state.ledger.tokens == tally.usage.total


def test_the_second_call_is_told_where_the_first_one_is() -> None:
    """So that it may go elsewhere."""
    model = Played(Play(60, FIRST), Play(2, SECOND))
    Office(model).live()
    assert model.beside == [3]


# ---------------------------------------------------------------- when it is not done


def worst() -> int:
    """Nano-dollars that the task's one call may cost."""
    office = Office(Played(Play(0.1, FIRST), Play(0.1, SECOND)))
    office.live()
    return office.calls()[0].nanos


WORST = worst()


@pytest.mark.parametrize(
    ("hedging", "nanos", "gate", "hedges"),
    [
        (Hedging(1.0), 2 * WORST, 0, 1),
        (Hedging(1.0), 2 * WORST - 1, 0, 0),
        (Hedging(1.0), 3 * WORST, WORST + 1, 0),
        (Hedging(1.0), 3 * WORST, WORST, 1),
        (Hedging(0.05), 20 * WORST, 0, 1),
        (Hedging(0.05), 20 * WORST - 20, 0, 0),
        (Hedging(0.0), 100 * WORST, 0, 0),
    ],
    ids=["fits", "cap", "gate's reserve", "beside the reserve", "its share", "over its share", "off"],
)
def test_a_hedge_that_the_ledger_refuses_is_not_made_and_nobody_hears_of_it(
    hedging: Hedging, nanos: int, gate: int, hedges: int
) -> None:
    """The first call is waited for; the run is not stopped, and nothing stays reserved."""
    office = Office(Played(Play(60, FIRST), Play(2, SECOND)), hedging=hedging, nanos=nanos, gate=gate)
    state = office.live()

    assert state.run().tally.hedges == hedges
    assert len(office.calls()) == 1 + hedges
    assert state.stop is None
    assert state.results[TaskId("t0")].landed
    assert state.ledger.nanos <= nanos
    assert state.ledger.reserved == 0


@dataclass
class Unequal(Played):
    """The calls of t0 are late; those of the others are answered at once."""

    async def answer_watched(
        self, request: Request, *, late: Callable[[int], None], notice: Callable[[int], None] | None = None
    ) -> Answer:
        if "goal 0" not in request.messages[-1].text:
            return await _played(Play(0.1, FIRST), notice)
        return await Played.answer_watched(self, request, late=late, notice=notice)


@pytest.mark.parametrize(("others", "hedges"), [(3.5, 0), (6.0, 1)], ids=["one waits for room", "there is room"])
def test_a_hedge_does_not_push_in_before_others_that_wait_for_room(others: float, hedges: int) -> None:
    """It would fit, and the long task's call, which came first, does not yet."""

    async def main() -> RunFold:
        clock, chance, journal = LoopClock(), SeededChance(1), MemoryJournal()
        state = fold(())
        loop = AgentLoop(Unequal(Play(10, FIRST), Play(2, SECOND)), PRICE, PROMPTS, lambda path: "", clock, chance)
        desk = Supervisor(journal, state, loop, clock, chance, hedging=Hedging(1.0))
        plan = fan_out(3, budget=Budget(agents=3, nanos=int(others * WORST)))
        late, quick, long = (replace(task, tools=()) for task in plan.tasks)
        long = replace(long, goal="long " * (WORST // 3_000), needs=(quick.id,))  # so its call comes after that of t0
        plan = replace(plan, tasks=(late, quick, long))
        await desk.record(RunOpened("sim", "", "0", plan.spec.budget), PlanProposed(plan), PlanApproved("", "test"))
        await desk.carry_out(deadline=1e6)
        held = [event.body.nanos for event in journal.read() if isinstance(event.body, CallIntended)]
        assert 2.5 * WORST < max(held) < 3.5 * WORST
        return state

    state = simulate(main(), seed=1)
    assert state.run().tally.hedges == hedges
    assert not state.run().missing


def test_a_model_that_answers_one_at_a_time_is_not_hedged() -> None:
    """The embedded one: a second call would wait behind the first."""
    office = Office(Played(Play(60, FIRST), Play(2, SECOND), local=True))
    assert office.live().results[TaskId("t0")].landed
    assert len(office.calls()) == 1
    assert watching(office.model) is None
    assert watching(replace(office.model, local=False)) is not None


def test_a_journal_that_fails_under_a_hedge_ends_the_run() -> None:
    """As under any other fact; what was paid is booked on resume."""
    office = Office(Played(Play(2, FIRST), Play(60, SECOND)), MemoryJournal(fails=range(4, 5)))
    with pytest.raises(JournalFault):
        office.live()
    assert [call.hedge for call in office.calls()] == [False]


# ---------------------------------------------------------------- a process that dies


def slow_world(seed: int) -> World:
    """Eight agents behind two endpoints, one call in seven a straggler; nothing else goes wrong."""
    model = WorldModel(seed, faults=CALM, latency=Latency(straggling=0.15), output=4_096)
    return World(seed, fan_out(8, budget=Budget(agents=8)), model, limits=Limits(hang_first=600.0))


def test_killed_at_any_append_of_a_hedged_run_it_ends_as_if_nothing_had_been() -> None:
    """Also between the two intents of a hedged step: no answer on record is bought again, no cap is passed."""
    whole = slow_world(2)
    whole.live()
    undisturbed, appends = story_of(whole), whole.appends
    assert sum(isinstance(event.body, CallIntended) and event.body.hedge for event in undisturbed.events) >= 2

    between = 0
    for at in range(4, appends + 1):
        for torn in (True, False):
            world = slow_world(2)
            assert world.live(crash_at=at, torn=torn) is None
            facts = [event.body for event in world.journal.read()]
            between += isinstance(facts[-1], CallIntended) and facts[-1].hedge
            assert not judged(ended(world), undisturbed=undisturbed)
    assert between >= 2, "some of them died right after a hedge's intent"


if TYPE_CHECKING:

    def _fits(x: Played) -> tuple[Model, Watchful]:
        return x, x
