"""A small world for the simulator: random plans, and a run in it over as many lives as it takes.

The real schedule, ledger, fold, supervisor and agent loop run in it; only the model, the tool, the clock
and the disk are simulated (`world_model.py`, `simulator.py`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from strop.errors import JournalFault
from strop.seams import Tool
from strop.swarm.agent import AgentLoop
from strop.swarm.endpoints.limits import Limits
from strop.swarm.endpoints.pool import Pool
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import Crash, Leap, LoopClock, MemoryJournal, SeededChance, at_moment, simulate
from strop.testing.world_model import NOTES, PRICE, WorldModel, WorldTool
from strop.types.events import Answered, PlanApproved, PlanProposed, RunOpened, RunReopened
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

PROMPTS = {"specialist": "{{title}} {{rules}}", "aggregate": "{{title}} {{rules}}", "repair": "{{flaws}}",
           "task": "{{role}} {{goal}} {{inputs}} {{files}} {{schema}} " + NOTES + " {{notes}}"}  # fmt: skip
ANSWER = Object((Field("said", Text()),))


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
    return _plan(f"world {seed}", tuple(tasks), budget or Budget(agents=chance.randint(1, 8)))


def with_tools(plan: Plan, *, seed: int, share: float = 0.4) -> Plan:
    """The plan with the world's tools in the hands of some WORK tasks."""
    chance = random.Random(f"tools/{seed}")
    tasks = tuple(
        replace(task, tools=TOOLS, steps=8) if task.kind is TaskKind.WORK and chance.random() < share else task
        for task in plan.tasks
    )
    return replace(plan, tasks=tasks)


def fan_out(tasks: int, *, budget: Budget, steps: int = 8) -> Plan:
    """Tasks that need nothing of each other and have the tools: all may race at once."""
    made = (
        Task(TaskId(f"t{n}"), TaskKind.WORK, "worker", f"goal {n}", ANSWER, "specialist", tools=TOOLS, steps=steps)
        for n in range(tasks)
    )
    return _plan("fan-out", tuple(made), budget)


TOOLS = ("probe", "glance")
"""One takes its time, the other answers at once."""


def _plan(title: str, tasks: tuple[Task, ...], budget: Budget) -> Plan:
    outputs = (Output("a.csv", Kind.CSV, (Column("said", ColumnType.TEXT),)),)
    spec = Spec(title=title, outputs=outputs, budget=budget)
    none = Range(0, 0, 0)
    quote = Quote(len(tasks), 1, len(tasks), 1, none, none, none, "swarm", ())
    return Plan(title, spec, "", tasks, (Binding("worker", "world", PRICE, 200_000, 256),), (), quote)


@dataclass(slots=True)
class World:
    """One run in the simulator, over as many lives as it takes."""

    seed: int
    plan: Plan
    model: WorldModel
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    prompts: Mapping[str, str] = field(default_factory=lambda: PROMPTS)
    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])
    limits: Limits | None = None
    """Behind a pool of two endpoints with these limits; None: without one, so nothing is hedged."""
    page: str = ""
    """What every source of a READ task says."""
    lives: int = 0
    deadline: float = 1e7
    """On the run clock, seconds."""
    fault: str = ""
    """What the journal said when it ended the last life; empty when it did not."""
    appends: int = 0
    """Commits of the last life."""

    def __post_init__(self) -> None:
        self.model.disk = self.journal.disk
        made = (WorldTool(self.seed, name, prompt=name == "glance") for name in TOOLS)
        self.tools = self.tools or {tool.name: tool for tool in made}

    def live(
        self,
        *,
        crash_at: int | None = None,
        torn: bool = False,
        killed: float | None = None,
        fails: range = range(0),
        leaps: Sequence[Leap] = (),
    ) -> RunFold | None:
        """One life of the process; None when it crashed, or when its journal failed.

        `crash_at`, `torn` and `fails` are the journal's. `killed` is a moment of the loop's clock at which it dies
        between two turns; `leaps` are when the machine sleeps.
        """
        self.journal.crash_at, self.journal.torn, self.journal.fails = crash_at, torn, fails
        return self._lived(self._killed(killed), leaps)

    def overtaken(self, moment: float) -> RunFold | None:
        """A life in which at this moment a second process takes the run over while the first still works."""
        return self._lived(self._overtaken(moment))

    def _lived(self, main: Coroutine[Any, Any, RunFold], leaps: Sequence[Leap] = ()) -> RunFold | None:
        self.lives, self.fault = self.lives + 1, ""
        try:
            return simulate(main, seed=self.seed * 1_000 + self.lives, leaps=leaps)
        except Crash:
            return None
        except JournalFault as caught:
            self.fault = str(caught)
            return None
        finally:
            self.appends = self.journal.appends
            self.journal.close()
            self.model.now_open = 0

    async def _killed(self, moment: float | None) -> RunFold:
        if moment is not None:
            at_moment(moment, self._die)
        return await self._main(self.journal)

    def _die(self) -> None:
        self.journal.dead = True
        raise Crash

    async def _overtaken(self, moment: float) -> RunFold:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._zombie())
            await asyncio.sleep(moment)
            return await self._main(self.journal.successor())

    async def _zombie(self) -> None:
        """The first of two writers: it works on until its next commit is refused."""
        try:
            await self._main(self.journal)
        except JournalFault as caught:
            self.fault = str(caught)

    async def _main(self, journal: MemoryJournal) -> RunFold:
        state = fold(journal.read())
        chance = SeededChance(self.seed + self.lives)
        # A monotonic clock begins anywhere, and after a restart below where it was.
        clock = LoopClock(random.Random(f"clock/{self.seed}/{self.lives}").uniform(0.0, 1e6))
        model = (
            self.model
            if self.limits is None
            else Pool([self.model] * 2, clock=clock, chance=chance, limits=self.limits)
        )
        loop = AgentLoop(
            model,
            self.model.price,
            self.prompts,
            self._read,
            clock,
            chance,
            columns=self.plan.spec.table,
            title=self.plan.title,
            tools=self.tools,
        )
        desk = Supervisor(journal, state, loop, clock, chance)
        if state.opened is None:
            budget = self.plan.spec.budget
            opened = RunOpened("sim", self.plan.spec.fingerprint, "0", budget)
            await desk.record(opened, PlanProposed(self.plan), PlanApproved(self.plan.fingerprint, "simulator"))
        else:
            await desk.record(RunReopened(state.seconds))
            for question in tuple(state.questions.values()):
                await desk.answered(Answered(question.question, question.options[0], "simulator"))
        await desk.carry_out(deadline=self.deadline)
        return desk.state

    def _read(self, path: str) -> str:
        if not self.page:
            raise FileNotFoundError(path)
        return self.page
