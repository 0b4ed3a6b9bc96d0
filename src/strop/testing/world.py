"""A small world for the simulator: random plans and a model whose answer depends on the request alone.

The real schedule, ledger, fold, supervisor and agent loop run in it; only the model, the clock and the
disk are simulated. The model keeps the bill: what it answered, how often, and how many at once.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from strop.errors import BadStream, EndpointDown, RateLimited
from strop.seams import Answer, ModelCard, Request
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import Crash, LoopClock, MemoryJournal, SeededChance, simulate
from strop.types.events import PlanApproved, PlanProposed, RunOpened, RunReopened
from strop.types.fingerprint import digest
from strop.types.money import Price, Usage, cost
from strop.types.schema import Field, Object, Text
from strop.types.work import (
    Binding,
    Budget,
    Column,
    ColumnType,
    Kind,
    Output,
    Plan,
    Quote,
    Range,
    Spec,
    Task,
    TaskId,
    TaskKind,
)

if TYPE_CHECKING:
    from strop.seams import Model

PRICE = Price("1", "0.1", "1.25", "4")
PROMPTS = {"specialist": "{{title}} {{rules}}", "aggregate": "{{title}} {{rules}}", "repair": "{{flaws}}",
           "task": "{{role}} {{goal}} {{inputs}} {{files}} {{schema}} {{notes}}"}  # fmt: skip
ANSWER = Object((Field("said", Text()),))


@dataclass(slots=True)
class WorldModel:
    """Answers by the hash of what it is asked; faults by (seed, asking), so that they go away on retry."""

    seed: int
    faults: float = 0.1
    malformed: float = 0.1
    answered: Counter[str] = field(default_factory=Counter[str])
    """Whole answers by request."""
    billed: int = 0
    """Nano-dollars of every answer that was delivered whole."""
    now_open: int = 0
    most_open: int = 0
    asked: int = 0

    @property
    def card(self) -> ModelCard:
        return ModelCard("world", "world-1", "world", PRICE, window=200_000, output=256)

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        """Wait a random while, then fail, answer badly, or answer."""
        self.asked += 1
        chance = random.Random(f"{self.seed}/{self.asked}")
        self.now_open += 1
        self.most_open = max(self.most_open, self.now_open)
        try:
            await asyncio.sleep(chance.expovariate(1.0))
            if chance.random() < self.faults:
                raise _fault(chance)
            key = digest([request, self.card.id])
            # A malformed first answer is a trait of the request, so that resumed and undisturbed runs agree.
            broken = len(request.messages) == 2 and random.Random(key).random() < self.malformed
            text = "not json" if broken else orjson.dumps({"said": key[:12]}).decode()
            usage = Usage(input=len(request.messages) * 50, cached=10, output=20)
            self.answered[key] += 1
            self.billed += cost(usage, PRICE)
            return Answer(text, usage)
        finally:
            self.now_open -= 1

    async def close(self) -> None:
        """Nothing is held."""


def _fault(chance: random.Random) -> EndpointDown | RateLimited | BadStream:
    kinds = (
        EndpointDown("connection refused", billed=False),
        EndpointDown("reset while answering", billed=True),
        RateLimited("429", retry_after=chance.uniform(0, 5)),
        BadStream("cut off"),
    )
    return chance.choice(kinds)


def random_plan(seed: int, *, most: int = 30, budget: Budget | None = None) -> Plan:
    """A random acyclic plan of WORK and AGGREGATE tasks."""
    chance = random.Random(seed)
    tasks: list[Task] = []
    for number in range(chance.randint(1, most)):
        needs = tuple(TaskId(f"t{other}") for other in range(number) if chance.random() < 2 / (number + 1))
        kind = TaskKind.AGGREGATE if needs and chance.random() < 0.3 else TaskKind.WORK
        prompt = "aggregate" if kind is TaskKind.AGGREGATE else "specialist"
        goal = f"goal {number}"
        tasks.append(Task(TaskId(f"t{number}"), kind, "worker", goal, ANSWER, prompt, needs=needs, steps=4))
    spec = Spec(
        title=f"world {seed}",
        outputs=(Output("a.csv", Kind.CSV, (Column("said", ColumnType.TEXT),)),),
        budget=budget or Budget(agents=chance.randint(1, 8)),
    )
    none = Range(0, 0, 0)
    quote = Quote(len(tasks), 1, len(tasks), 1, none, none, none, "swarm", ())
    return Plan(spec.title, spec, "", tuple(tasks), (Binding("worker", "world", PRICE, 200_000, 256),), (), quote)


@dataclass(slots=True)
class World:
    """One run in the simulator, over as many lives as it takes."""

    seed: int
    plan: Plan
    model: WorldModel
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    lives: int = 0
    deadline: float = 1e9

    def live(self, *, crash_at: int | None = None, torn: bool = False) -> RunFold | None:
        """One life of the process; None when it crashed."""
        self.lives += 1
        self.journal.crash_at, self.journal.torn = crash_at, torn
        try:
            return simulate(self._main(), seed=self.seed * 1_000 + self.lives)
        except Crash:
            return None
        finally:
            self.journal.close()
            self.model.now_open = 0

    async def _main(self) -> RunFold:
        state = fold(self.journal.read())
        chance = SeededChance(self.seed + self.lives)
        loop = AgentLoop(self.model, PRICE, PROMPTS, _no_source, LoopClock(), chance, title=self.plan.title)
        desk = Supervisor(self.journal, state, loop, LoopClock(), chance)
        if state.opened is None:
            budget = self.plan.spec.budget
            opened = RunOpened("sim", self.plan.spec.fingerprint, "0", budget)
            await desk.record(opened, PlanProposed(self.plan), PlanApproved(self.plan.fingerprint, "simulator"))
        else:
            await desk.record(RunReopened(state.seconds))
        await desk.carry_out(deadline=self.deadline)
        return desk.state


def _no_source(path: str) -> str:
    raise FileNotFoundError(path)


if TYPE_CHECKING:

    def _fits(x: WorldModel) -> Model:
        return x
