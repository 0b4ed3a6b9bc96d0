"""Guards that look at an agent from outside: does it get anywhere, and what does it cost beside its siblings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from strop.seams import Answer, ModelCard, Request, ToolOutput, ToolSpec
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import RunFold, fold
from strop.swarm.guards.outlier import Cost, Siblings
from strop.swarm.guards.stall import BARREN, REPEATS, Progress
from strop.swarm.supervise import END, GO_ON, Supervisor
from strop.testing.simulator import LoopClock, MemoryJournal, SeededChance, simulate
from strop.testing.world import PRICE, PROMPTS, random_plan
from strop.types.events import (
    Answered,
    Asked,
    AttemptStarted,
    CallAnswered,
    PlanApproved,
    PlanProposed,
    RunOpened,
    RunReopened,
    ToolCall,
)
from strop.types.label import Label
from strop.types.money import Usage
from strop.types.schema import Field, Integer, Object, Text
from strop.types.work import Budget, Task, TaskId, TaskKind

SAID = Object((Field("said", Text()),))


def call(number: int) -> ToolCall:
    return ToolCall(f"c{number}", "look", f'{{"at": {number}}}')


@pytest.mark.parametrize(
    ("rounds", "stalled"),
    [
        ([(call(n), f"new {n}") for n in range(20)], ""),
        ([(call(1), f"new {n}") for n in range(REPEATS)], ""),
        ([(call(1), f"new {n}") for n in range(REPEATS + 1)], "4 times"),
        ([(call(0), "same"), *((call(n), "same") for n in range(1, BARREN + 1))], "nothing new"),
        ([(call(0), "same"), *((call(n), "same") for n in range(1, BARREN)), (call(9), "fresh")], ""),
    ],
    ids=["all new", "same call, within bounds", "same call once more", "nothing new", "new in time"],
)
def test_progress_is_new_calls_and_new_results(rounds: list[tuple[ToolCall, str]], stalled: str) -> None:
    """An agent stalls by repeating itself or by learning nothing; many different rounds are no stall."""
    progress = Progress()
    for each, result in rounds:
        progress.note([each], [result])
    assert stalled in progress.stalled
    assert bool(progress.stalled) == bool(stalled)


def task_of(name: str, role: str = "reader") -> Task:
    return Task(TaskId(name), TaskKind.WORK, role, "Look.", SAID, "specialist", tools=("look",), steps=12)


def test_an_outlier_costs_five_times_the_median_of_its_siblings() -> None:
    """Too few siblings, small sums, other roles and costs at the limit are none; free models count tokens."""
    siblings = Siblings()
    for cost in (10, 20, 30, 40):
        siblings.landed(task_of(f"t{cost}"), Cost(cost * 1_000, cost * 1_000))
    dear = Cost(10_000_000, 200_000)
    assert siblings.outlier(task_of("x"), dear) == "", "four siblings are too few"
    siblings.landed(task_of("t5"), Cost(30_000, 30_000))
    assert "333.3 times the median of its 5 siblings" in siblings.outlier(task_of("x"), dear)
    assert siblings.outlier(task_of("x", role="writer"), dear) == ""
    assert siblings.outlier(task_of("x"), Cost(150_000, 200_000)) == "", "exactly five times is still allowed"
    assert siblings.outlier(task_of("x"), Cost(10_000_000, 10_000)) == "", "not worth a question"
    free = Siblings()
    for number in range(5):
        free.landed(task_of(f"t{number}"), Cost(0, 10_000))
    assert "60,000 tokens against 10,000" in free.outlier(task_of("x"), Cost(0, 60_000))
    assert Siblings(factor=0).outlier(task_of("x"), dear) == ""


# ---------------------------------------------------------------- in a run


class Looking:
    """A tool that tells the place it was asked about, or always the same."""

    def __init__(self, told: Callable[[str], str]) -> None:
        self._told = told

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec("look", "Looks.", Object((Field("at", Integer()),)), prompt=True)

    async def call(self, arguments: str) -> ToolOutput:
        return ToolOutput(self._told(arguments), Label())


class Agents:
    """A model for several agents: `script` answers by task and round."""

    def __init__(self, script: Callable[[str, int], Answer], name: str = "worker") -> None:
        self.card = ModelCard(name, name, name, PRICE, window=1_000_000, output=100)
        self._script = script
        self.asked: list[tuple[str, int]] = []
        self.requests: list[Request] = []

    async def answer(self, request: Request, *, notice: object = None) -> Answer:
        name = request.messages[1].text.split("Look at ", 1)[1].split(".", 1)[0]
        rounds = sum(1 for message in request.messages if message.role == "tool")
        self.asked.append((name, rounds))
        self.requests.append(request)
        return self._script(name, rounds)

    async def close(self) -> None:
        """Nothing is held."""


def looking(rounds: int, *, tokens: int = 1_000) -> Answer:
    return Answer("", Usage(input=tokens, output=10), (call(rounds),), finish="tools")


def done(tokens: int = 1_000) -> Answer:
    return Answer('{"said": "all"}', Usage(input=tokens, output=10))


def live(
    model: Agents,
    tasks: tuple[Task, ...],
    journal: MemoryJournal,
    *,
    reserve: Agents | None = None,
    answers: tuple[Answered, ...] = (),
    told: Callable[[str], str] = lambda arguments: arguments,
) -> RunFold:
    """A life of a run; `answers` of a person come before it begins."""
    plan = replace(random_plan(0, budget=Budget(agents=1)), tasks=tasks)

    async def main() -> RunFold:
        clock, chance, state = LoopClock(), SeededChance(1), fold(journal.read())
        loop = AgentLoop(model, PRICE, PROMPTS, lambda path: "", clock, chance, tools={"look": Looking(told)},
                         reserve=(reserve, PRICE) if reserve else None)  # fmt: skip
        desk = Supervisor(journal, state, loop, clock, chance, reserve=reserve is not None)
        if state.opened is None:
            await desk.record(RunOpened("sim", "", "0", plan.spec.budget), PlanProposed(plan), PlanApproved("", "test"))
        else:
            await desk.record(RunReopened(state.seconds))
        for answer in answers:
            await desk.answered(answer)
        await desk.carry_out(deadline=1e6)
        return state

    try:
        return simulate(main(), seed=1)
    finally:
        journal.close()


def numbered(count: int) -> tuple[Task, ...]:
    return tuple(replace(task_of(f"t{n}"), goal=f"Look at t{n}.") for n in range(count))


def test_a_stalled_agent_is_ended_and_its_task_goes_on_elsewhere() -> None:
    """It asks the same again and again: a fresh context with notes, then another model, which lands it."""
    stuck = Agents(lambda name, rounds: looking(1))
    fresh = Agents(lambda name, rounds: done(), name="reserve")
    journal = MemoryJournal()
    state = live(stuck, numbered(1), journal, reserve=fresh)

    assert state.results[TaskId("t0")].landed
    models = [event.body.model for event in journal.read() if isinstance(event.body, AttemptStarted)]
    assert models == ["worker", "worker", "reserve"]
    assert len(stuck.asked) == 2 * (REPEATS + 1)
    told = fresh.requests[0].messages[1].text
    assert "Stalled: called look" in told
    assert 'Tried before: look({"at": 1})' in told


def test_three_strikes_and_the_task_fails_alone() -> None:
    """It stalls for good: its siblings land, its dependants are told."""
    tasks = numbered(2)
    needing = replace(task_of("after"), goal="Look at after.", needs=(TaskId("t1"),))
    model = Agents(lambda name, rounds: looking(1) if name == "t1" else done())
    journal = MemoryJournal()
    state = live(model, (*tasks, needing), journal)

    assert state.results[TaskId("t0")].landed
    assert state.results[TaskId("t1")].failure.startswith("Stalled: ")
    assert {e.body.model for e in journal.read() if isinstance(e.body, AttemptStarted)} == {"worker"}, "nobody else"
    assert state.results[TaskId("after")].failure == "Blocked: needs t1, which failed"
    assert sum(name == "t1" for name, _ in model.asked) == 3 * (REPEATS + 1)


def spendthrift(name: str, rounds: int) -> Answer:
    """The last of eight agents costs far more a round than the others do in all."""
    if name == "t7" and rounds < 6:
        return looking(rounds, tokens=15_000)
    return done()


def test_an_agent_that_costs_too_much_is_paused_and_goes_on_where_it_was() -> None:
    """A person is asked; the run ends without it; once let go on, nothing it had paid for is paid again."""
    model, journal = Agents(spendthrift), MemoryJournal()
    state = live(model, numbered(8), journal)
    asked = [event.body for event in journal.read() if isinstance(event.body, Asked)]

    assert len(asked) == 1
    assert asked[0].task == "t7"
    assert state.outcome is None
    assert set(state.questions) == {asked[0].question}
    assert len(state.results) == 7
    assert "a person must decide: t7 has cost" in state.run().stopped
    before = len(model.asked)
    assert live(model, numbered(8), journal).questions, "nobody has answered yet"
    assert len(model.asked) == before

    state = live(model, numbered(8), journal, answers=(Answered(asked[0].question, GO_ON, "tester"),))

    assert state.results[TaskId("t7")].landed
    rounds = [rounds for name, rounds in model.asked if name == "t7"]
    assert rounds == list(range(7)), "no round was asked twice"
    steps = [e.body.step for e in journal.read() if isinstance(e.body, CallAnswered) and e.body.task == "t7"]
    assert steps == list(range(1, 8))
    assert not state.questions


def test_a_person_may_end_it() -> None:
    """The task fails with who ended it and why; an answer counts once and only for what was asked."""
    model, journal = Agents(spendthrift), MemoryJournal()
    live(model, numbered(8), journal)
    question = next(event.body.question for event in journal.read() if isinstance(event.body, Asked))
    before = len(model.asked)
    answers = (Answered("another", GO_ON, "tester"), Answered(question, "perhaps", "tester"),
               Answered(question, END, "tester"), Answered(question, GO_ON, "tester"))  # fmt: skip
    state = live(model, numbered(8), journal, answers=answers)

    assert state.results[TaskId("t7")].failure.startswith("Ended by tester: t7 has cost")
    assert len(model.asked) == before
    assert [e.body.answer for e in journal.read() if isinstance(e.body, Answered)] == [END]
