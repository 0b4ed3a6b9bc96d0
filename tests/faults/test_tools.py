"""Tools that crash, hang or never stop talking: the model is told, the agent goes on, nobody else notices."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from strop.models.scripted import ScriptedModel, scripted_card
from strop.seams import Answer, Message, Request, ToolOutput, ToolSpec
from strop.swarm.agent import AgentLoop
from strop.swarm.context import LONGEST_RESULT
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import LoopClock, MemoryJournal, SeededChance, simulate
from strop.testing.world import PROMPTS, random_plan
from strop.types.events import PlanApproved, PlanProposed, RunOpened, ToolCall, ToolEnded
from strop.types.fingerprint import digest_bytes
from strop.types.label import Label
from strop.types.money import Price, Usage
from strop.types.schema import Field, Object, Text
from strop.types.work import Budget, Task, TaskId, TaskKind

PRICE = Price("1", "0.1", "1.25", "4")
SAID = Object((Field("said", Text()),))
ENDLESS = 5_000_000
"""Characters."""


@dataclass
class Rig:
    """A tool that does as its name says."""

    name: str
    cancelled: bool = False

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, "A tool.", SAID)

    async def call(self, arguments: str) -> ToolOutput:
        if self.name == "crashes":
            raise ZeroDivisionError("a defect of the tool")
        if self.name == "hangs":
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        outputs = {"babbles": "x" * ENDLESS, "mangles": "sev\udcffen"}
        return ToolOutput(outputs.get(self.name, "seven"), Label())


@dataclass
class Shift:
    """Two agents on a virtual clock: one has the rig, the other a tool that works."""

    rig: Rig
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    kept: list[bytes] = field(default_factory=list[bytes])
    told: list[str] = field(default_factory=list[str])
    """Results of tools as the agent with the rig saw them."""

    def work(self) -> RunFold:
        try:
            return simulate(self._main(), seed=1)
        finally:
            self.journal.close()

    async def _main(self) -> RunFold:
        clock, chance, state = LoopClock(), SeededChance(1), fold(self.journal.read())
        tools = {tool.spec.name: tool for tool in (self.rig, Rig("works"))}
        tasks = tuple(
            Task(TaskId(name), TaskKind.WORK, name, f"Use {name}.", SAID, "specialist", tools=(name,), steps=4)
            for name in tools
        )
        plan = replace(random_plan(0, budget=Budget(agents=2)), tasks=tasks)
        model = ScriptedModel(self._answer, clock=clock, card=replace(scripted_card(), price=PRICE))
        loop = AgentLoop(model, PRICE, PROMPTS, lambda path: "", clock, chance, tools=tools, keep=self._keep)
        desk = Supervisor(self.journal, state, loop, clock, chance)
        await desk.record(RunOpened("sim", "", "0", plan.spec.budget), PlanProposed(plan), PlanApproved("", "test"))
        await desk.carry_out(deadline=1e6)
        return state

    def _keep(self, body: bytes) -> str:
        self.kept.append(body)
        return digest_bytes(body)

    def _answer(self, request: Request) -> Answer:
        last: Message = request.messages[-1]
        (tool,) = request.tools
        if last.role != "tool":
            return Answer("", Usage(output=1), (ToolCall("c1", tool.name, '{"said": "go"}'),), finish="tools")
        if tool.name == self.rig.name:
            self.told.append(last.text)
        return Answer('{"said": "done"}', Usage(output=1))


CASES = {
    "mangles": "sev?en",
    "crashes": "failed: tool 'crashes': ZeroDivisionError: a defect of the tool",
    "hangs": "failed: hangs had not ended after 60 s and was cut",
    "babbles": "x" * LONGEST_RESULT + f"\n[{ENDLESS - LONGEST_RESULT:,} of {ENDLESS:,} characters left out; "
    f"the whole is kept as blob {digest_bytes(b'x' * ENDLESS)[:16]}",
}


@pytest.mark.parametrize("name", CASES)
def test_a_tool_that_goes_wrong_is_told_to_the_model_and_the_agent_goes_on(name: str) -> None:
    """One step is spent, both agents land, the record holds what the agent saw; a long output is a blob, whole."""
    shift = Shift(Rig(name))
    state = shift.work()

    assert [text[: len(CASES[name])] for text in shift.told] == [CASES[name]]
    assert {result.task for result in state.results.values() if result.landed} == {name, "works"}
    ended = [event.body for event in shift.journal.read() if isinstance(event.body, ToolEnded)]
    assert {body.call.name: body.failed for body in ended} == {name: name not in ("babbles", "mangles"), "works": False}
    assert [len(body) for body in shift.kept] == ([ENDLESS] if name == "babbles" else [])
    assert shift.rig.cancelled == (name == "hangs")
    assert state.ledger.steps == 4
