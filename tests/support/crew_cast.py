"""Who works in tests of crews: tasks with a few rounds, and a model that writes every asking into one file.

The file is the bill: one line `asked KEY PID` when a call comes in, `answered KEY PID` when it goes out, and
`committed KEY` which the driver adds when the answer is on record; an answer carries its key as `reasoning`.
Lines are appended whole, by any process. A test that kills makes a `Hold` first: then it finds calls under way.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from strop.crews.host import Home
from strop.errors import MissingPart
from strop.seams import Answer, ModelCard, Request, ToolOutput, ToolSpec
from strop.swarm.agent import AgentLoop
from strop.testing.simulator import LoopClock, SeededChance
from strop.types.events import Body, CallAnswered, Event, ToolCall
from strop.types.fingerprint import digest
from strop.types.label import Label
from strop.types.money import Price, Usage
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
)  # fmt: skip

PRICE = Price("1", "0.1", "1.25", "4")
CARD = ModelCard("bill", "bill-1", "bill", PRICE, window=200_000, output=256)
SAID = Object((Field("said", Text()),))
LONGEST = 120.0
"""Seconds after which a call that should have come has failed its test."""
PROMPTS = {
    "specialist": "{{title}} {{rules}}", "aggregate": "{{title}} {{rules}}", "repair": "{{flaws}}",
    "task": "{{role}} {{goal}} {{inputs}} {{files}} {{schema}} {{notes}}",
}  # fmt: skip


def wide_plan(tasks: int, *, agents: int, usd: float = 5) -> Plan:
    """Tasks that need nothing of each other, and one that needs them all."""
    goals = tuple(
        Task(TaskId(f"t{n}"), TaskKind.WORK, "worker", f"goal {n}", SAID, "specialist", tools=("echo",), steps=8)
        for n in range(tasks)
    )
    last = Task(
        TaskId("all"), TaskKind.AGGREGATE, "worker", "all", SAID, "aggregate", needs=tuple(t.id for t in goals), steps=4
    )
    outputs = (Output("a.csv", Kind.CSV, (Column("said", ColumnType.TEXT),)),)
    spec = Spec(title="wide", outputs=outputs, budget=Budget(agents=agents, nanos=int(usd * 1e9)))
    none = Range(0, 0, 0)
    quote = Quote(tasks + 1, 2, tasks, 2, none, none, none, "swarm", ())
    return Plan(spec.title, spec, "", (*goals, last), (Binding("worker", "bill", PRICE, 200_000, 256),), (), quote)


@dataclass(slots=True)
class Bill:
    """The file, and what stands in it."""

    path: Path

    def write(self, *words: object) -> None:
        with open(self.path, "a") as file:
            file.write(" ".join(map(str, words)) + "\n")

    def watch(self, event: Event) -> None:
        """For the driver: notes what is on record now."""
        if isinstance(event.body, CallAnswered):
            self.write("committed", event.body.reasoning)

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def bought_again(self) -> list[str]:
        """Requests that were asked after their answer was on record."""
        committed: set[str] = set()
        asked: set[str] = set()
        again: list[str] = []
        for word, key, *_ in self.lines():
            if word == "asked":
                asked.add(key)
            if word == "committed":
                assert key in asked, "an answer is on record that nobody asked for"
                committed.add(key)
            elif word == "asked" and key in committed:
                again.append(key)
        return again

    def hosts(self) -> list[int]:
        """Process ids that asked, the newest last."""
        return list(dict.fromkeys(int(line[2]) for line in self.lines() if line[0] == "asked"))


class Hold:
    """The test's end of what holds calls, in any process, once `FREE` were answered: two pipes beside the bill.

    A call that is held writes a byte to the one, and goes on when there is something to read in the other.
    """

    FREE = 5

    def __init__(self, bill: Path) -> None:
        for pipe in _pipes(bill):
            os.mkfifo(pipe)
        # Both ends, so that opening waits for nobody and what was written stays.
        self._held, self._released = (os.open(pipe, os.O_RDWR) for pipe in _pipes(bill))

    def held(self, calls: int) -> None:
        """Wait until so many more are held."""
        while calls:
            ready, _, _ = select.select([self._held], [], [], LONGEST)
            assert ready, f"{calls} more calls should have come"
            calls -= len(os.read(self._held, calls))

    def release(self) -> None:
        """Nothing is held from now on."""
        os.write(self._released, b".")

    def close(self) -> None:
        os.close(self._held)
        os.close(self._released)


def _pipes(bill: Path) -> tuple[Path, Path]:
    return bill.with_suffix(".held"), bill.with_suffix(".released")


@asynccontextmanager
async def _readable(pipe: Path) -> AsyncGenerator[asyncio.Event, None]:
    """Set when there is something to read."""
    there, loop, file = asyncio.Event(), asyncio.get_running_loop(), os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    loop.add_reader(file, there.set)
    try:
        yield there
    finally:
        loop.remove_reader(file)
        os.close(file)


@dataclass(slots=True)
class BillModel:
    """Calls the tool in its first rounds, then answers; every answer takes `seconds`, longer where calls are held."""

    bill: Bill
    rounds: int
    seconds: float

    @property
    def card(self) -> ModelCard:
        return CARD

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        key = digest([request, CARD.id])
        self.bill.write("asked", key, os.getpid())
        await asyncio.sleep(self.seconds)
        await self._through()
        if notice is not None:
            notice(7)
        self.bill.write("answered", key, os.getpid())
        done = sum(message.role == "tool" for message in request.messages)
        usage = Usage(input=50, output=20)
        if request.tools and done < self.rounds:
            call = ToolCall(f"call{done}", "echo", f'{{"round": {done}}}')
            return Answer("", usage, (call,), reasoning=key, finish="tools")
        return Answer(orjson.dumps({"said": key[:12]}).decode(), usage, reasoning=key)

    async def close(self) -> None:
        """Nothing is open."""

    async def _through(self) -> None:
        held, released = _pipes(self.bill.path)
        if not held.exists() or sum(word == "answered" for word, *_ in self.bill.lines()) < Hold.FREE:
            return
        held.write_bytes(b".")
        async with _readable(released) as there:
            await there.wait()


class Echo:
    """Says its arguments back."""

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec("echo", "echo", Object((Field("round", Text()),)))

    async def call(self, arguments: str) -> ToolOutput:
        return ToolOutput(arguments, Label())


@asynccontextmanager
async def staff(home: Home, *, bill: str, rounds: int = 3, seconds: float = 0.05) -> AsyncGenerator[AgentLoop, None]:
    """The factory that a host gets, by `functools.partial`."""
    model = BillModel(Bill(Path(bill)), rounds, seconds)
    yield AgentLoop(
        model, PRICE, PROMPTS, _no_source, LoopClock(), SeededChance(1), title="wide", tools={"echo": Echo()},
        notice=home.notice, keep=home.keep,
    )  # fmt: skip


@asynccontextmanager
async def no_staff(home: Home) -> AsyncGenerator[AgentLoop, None]:
    """A factory on a machine where something is missing."""
    del home
    raise MissingPart("no key: set KIMI_API_KEY in the environment")
    yield


class SilentDesk:
    """Records nothing and grants everything."""

    async def record(self, *facts: Body) -> None:
        del facts

    async def rest(self, seconds: float) -> None:
        del seconds

    def recorded(self, task: str, attempt: int, step: int) -> Sequence[Body]:
        return ()


def _no_source(path: str) -> str:
    raise FileNotFoundError(path)
