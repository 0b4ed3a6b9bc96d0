"""A small order over six stations, one turn of the loop on it, and a model that reads well but for what is bent."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import orjson

from strop.drafting.quoting import Pace
from strop.errors import ModelFailure
from strop.loop.cycle import Shop, Turn, cycle
from strop.loop.plan import Terrain
from strop.loop.specify import specify
from strop.loop.verify import Proofs
from strop.models.scripted import ScriptedModel
from strop.renderers.csv_file import CsvFile
from strop.seams import Answer, Request, SourceTable
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import LoopClock, MemoryJournal, SeededChance, simulate
from strop.types.events import RunOpened
from strop.types.money import Price, Usage
from strop.types.schema import Json
from strop.types.trial import Run
from strop.types.work import PLACE, Binding, Kind, Plan, Spec

BELLS = {"alder": 21, "birch": 34, "cedar": 55, "elm": 40, "fir": 61, "gorse": 30}
PATHS = {
    f"inputs/{key}.txt": f"This is {key}. It keeps {bells} bells. It has {bells + 100} steps.\n"
    for key, bells in BELLS.items()
}
SPEC = """---
deliver:
  - {file: bells.csv, rows: ">= 1", columns: {name: {type: text, quote: true}, bells: {type: integer, quote: true}}}
each: inputs/*.txt
readers: 2
repairs: 1
---
# Bells

Each document describes one station.
"""
PROSE = (
    "---\ndeliver: [{file: bells.csv, columns: {name: {type: text, quote: true}}}]\n---\n# Bells\n\nFind all bells.\n"
)
ROOM = resources.files("strop") / "prompts"
PROMPTS = {
    name: (ROOM / f"{name}.md").read_text("utf-8")
    for name in ("reader-1", "reader-2", "reader-3", "unit", "unit-again", "repair", "task", "specialist", "aggregate")
}
Bend = Callable[[str, str], "dict[str, Json] | ModelFailure | None"]


async def granted(plan: Plan) -> str:
    return "--yes"


@dataclass
class Loop:
    """A folder, a journal and a model that reads well but for what `bend` says of (station, prompt)."""

    folder: Path
    bend: Bend = lambda key, prompt: None
    spec: Spec = field(default_factory=lambda: specify(SPEC.encode()))
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    asked: list[Request] = field(default_factory=list[Request])
    change: Callable[[Shop], Shop] = lambda shop: shop
    pages: Mapping[str, str] = field(default_factory=lambda: PATHS)
    reads: Callable[[Request], Answer | ModelFailure] | None = None
    """Another model in the place of the one that reads well."""

    def turn(self) -> Turn:
        """One turn."""
        return simulate(self._turn(), seed=1)

    @property
    def state(self) -> RunFold:
        """The run as its journal tells it."""
        return fold(self.journal.read())

    async def _turn(self) -> Turn:
        clock, chance = LoopClock(), SeededChance(1)
        model = ScriptedModel(self.reads or self._answer, clock=clock)
        worker = AgentLoop(
            model,
            Price(),
            PROMPTS,
            self.pages.__getitem__,
            clock,
            chance,
            columns=self.spec.table,
            title=self.spec.title,
        )
        desk = Supervisor(self.journal, RunFold(), worker, clock, chance)
        await desk.record(RunOpened("01RUN", self.spec.fingerprint, "0", self.spec.budget))
        terrain = Terrain(
            units=tuple(self.pages),
            sizes={path: len(text) for path, text in self.pages.items()},
            files=tuple(self.pages),
            bindings=(Binding("worker", "scripted", Price(), 32_000, 2_000),),
            prompts=PROMPTS,
            tools=(),
            pace=Pace(1.0, 2.0, 30),
        )
        shop = Shop(
            desk, terrain, granted, None, None, self._proofs, {Kind.CSV: CsvFile()}, no_tables, self.folder, publish
        )
        return await cycle(self.spec, shop=self.change(shop))

    def _proofs(self, run: Run) -> Proofs:
        return Proofs(self.pages)

    def _answer(self, request: Request) -> Answer | ModelFailure:
        self.asked.append(request)
        text = request.messages[-1].text
        found = re.search(r"This is (\w+)\.", text)
        assert found is not None, text
        key = found[1]
        prompt = next(name for name in ("reader-1", "reader-2", "reader-3") if asked_by(name, request))
        said = self.bend(key, prompt)
        if isinstance(said, ModelFailure):
            return said
        whole = {"name": key, f"name{PLACE}": 1, "bells": BELLS[key], f"bells{PLACE}": 2} | (said or {})
        return Answer(orjson.dumps(whole).decode(), Usage(input=10, output=5))


def asked_by(name: str, request: Request) -> bool:
    return request.messages[0].text.startswith(PROMPTS[name].split("{{")[0].strip())


def no_tables(path: str) -> SourceTable:
    raise AssertionError(f"nobody ordered {path}")


def publish(staged: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(staged, target)
