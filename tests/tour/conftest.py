"""A railway of small stations: one document a station, a table of its bells beside it, and a scripted model.

The model plays `script.toml`, which `Swarm` writes from what each reader shall say. It has a price, so that
plans and runs show money; it goes nowhere. The loop is turned through `open_project` and `execute`, as the
command line does it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from strop import Options, Order, execute, open_project
from strop.app import Ended, Project, Screen, make_plan, replay_order, spec_of
from strop.types.schema import Json
from strop.types.work import Plan

SPEC = """---
deliver:
  - file: stations.csv
    rows: ">= 1"
    columns:
      station: {type: text, quote: true, ask: name of the station}
      bells: {type: integer, quote: true, recompute: rows, ask: how many bells it keeps}
      metal: {type: text, quote: true, ask: metal of the bells}
each: inputs/*.txt
companion: data/{stem}.csv
readers: 2
sources: {allow: ["inputs/**"]}
budget: {agents: 4, usd: 1}
repairs: 0
---
# Bells of the railway

Each document describes one station.
"""
SETTINGS = """[models.play]
id = "script.toml"
wire = "scripted"
window = 32000
output = 2000
price = { input = "1.00", output = "4.00" }
"""
READERS = {1: "You read one document", 2: "Extract facts from a text", 3: "Check a document field by field"}
"""Words of the system prompts by which the script tells the readers apart."""
SILENT = Screen()
BELLS = {"alder": 21, "birch": 34, "cedar": 55, "elm": 40}


@dataclass(slots=True)
class Swarm:
    """A project folder, and how to have the loop turned on it."""

    folder: Path
    turns: list[str] = field(default_factory=list[str])
    """Turns of the script that go before what the stations' documents say."""
    answers: list[str] = field(default_factory=list[str])

    @property
    def project(self) -> Project:
        """The project, opened anew: nothing is kept in memory between two commands."""
        return open_project(self.folder, environment={})

    @property
    def order(self) -> Order:
        return Order(spec_of((self.folder / "spec.md").read_bytes(), name="spec.md"), "spec.md")

    def write_spec(self, *changes: tuple[str, str]) -> None:
        """The spec, with some things in it said otherwise."""
        text = SPEC
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.folder / "spec.md").write_text(text)

    def add_station(self, key: str, bells: int, *, rows: int | None = None, inputs: str = "inputs") -> None:
        """A document, the table beside it, and two readers who say what stands in the document."""
        name = key.capitalize()
        for part in (inputs, "data"):
            (self.folder / part).mkdir(exist_ok=True)
        (self.folder / inputs / f"{key}.txt").write_text(
            f"The {name} station keeps {bells} bells. They are cast in bronze.\n"
        )
        table = "".join(f"{number},{40 + number}\n" for number in range(bells if rows is None else rows))
        (self.folder / "data" / f"{key}.csv").write_text(f"bell,weight\n{table}")
        self.answers += [turn(key, reader, stated(name, bells)) for reader in READERS]

    def let_say(self, key: str, **fields: Json) -> None:
        """Every reader of this station says these fields otherwise; `bells_at=2` names another sentence."""
        said = stated(key.capitalize(), BELLS[key])
        said |= fields
        self.turns += [turn(key, reader, said) for reader in READERS]

    def let_fail(self, key: str, *, reader: int, failure: str) -> None:
        """This reader's calls for this station end in a failure, every time."""
        self.turns.append(f"[[turn]]\n{asked(key, reader)}failure = {json.dumps(failure)}\n")

    def let_ramble(self, key: str) -> None:
        """The first answer to this station's first reader is no JSON; told so, the reader answers well."""
        said = next(answer for answer in self.answers if asked(key, 1) in answer)
        self.turns.append(f'[[turn]]\ntimes = 1\n{asked(key, 1)}text = "Let me think."\n')
        self.turns.append(said.replace(f"The {key.capitalize()} station keeps", "That answer cannot be used", 1))

    def play(self, *turns: str) -> None:
        """Turns in the script's own words, before all others."""
        self.turns += turns

    async def plan(self) -> Plan:
        """`strop plan spec.md`."""
        self._write_script()
        return await make_plan(self.project, self.order, self.options())

    async def run(
        self,
        *,
        resume: str = "",
        budget: dict[str, str] | None = None,
        screen: Screen = SILENT,
        worker: str = "play",
    ) -> Ended:
        """`strop run spec.md --yes`, or `strop run --resume ID`."""
        return await self._execute(self.order, replace(self.options(budget), worker=worker), resume, screen)

    async def replay(self, skill: str, *, inputs: str) -> Ended:
        """`strop replay SKILL --inputs FOLDER --yes`."""
        return await self._execute(replay_order(self.project, skill, inputs=inputs), self.options(), "", SILENT)

    def options(self, budget: dict[str, str] | None = None) -> Options:
        """A worker and nobody else: no planner, no refuting model."""
        return Options(worker="play", planner="none", verifier="none", budget=budget or {})

    async def _execute(self, order: Order, options: Options, resume: str, screen: Screen) -> Ended:
        async def approve(plan: Plan) -> str:
            return "--yes"

        self._write_script()
        clock = HurriedClock()
        return await execute(
            self.project, order, options=options, approve=approve, screen=screen, resume=resume, clock=clock
        )

    def _write_script(self) -> None:
        never = '[[turn]]\nmatch = "nobody asks this"\ntext = ""\n'
        (self.folder / "script.toml").write_text("\n".join([*self.turns, *self.answers, never]))


def stated(name: str, bells: int) -> dict[str, Json]:
    """What a station's document says, as a reader answers it: each value, and the number of its sentence."""
    return {"station": name, "station_at": 1, "bells": bells, "bells_at": 1, "metal": "bronze", "metal_at": 2}


def asked(key: str, reader: int) -> str:
    """The keys of a turn that tell whose question it is."""
    return f'match = "The {key.capitalize()} station keeps"\nsystem = {json.dumps(READERS[reader])}\n'


def turn(key: str, reader: int, said: dict[str, Json]) -> str:
    """One turn: this reader asked about this station says this."""
    return f"[[turn]]\n{asked(key, reader)}text = {json.dumps(json.dumps(said))}\n"


class HurriedClock:
    """The real clock, fifty times as fast: waits between tries are short, deadlines far."""

    SPEED = 50.0

    def now(self) -> float:
        import time

        return time.monotonic() * self.SPEED

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds / self.SPEED)


def railway(folder: Path) -> Swarm:
    """Four stations, a spec, a priced model that plays a script."""
    folder.mkdir()
    swarm = Swarm(folder)
    swarm.write_spec()
    (folder / "strop.toml").write_text(SETTINGS)
    for key, bells in BELLS.items():
        swarm.add_station(key, bells)
    return swarm


@pytest.fixture
def swarm(tmp_path: Path) -> Swarm:
    """A project as a user would have it after an hour."""
    return railway(tmp_path / "railway")


@pytest.fixture
def another(tmp_path: Path) -> Callable[[], Swarm]:
    """A second project, equal to the first."""
    return lambda: railway(tmp_path / "railway-2")
