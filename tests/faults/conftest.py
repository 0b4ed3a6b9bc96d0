"""A survey of six sites by seven agents over real HTTP, whose server can be bent call by call.

Every answer bears the number of its request (`reasoning`), so what stands in the journal is compared with
the server's bill call by call.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from strop.app import Ended, Options, Order, Screen, execute, open_project, spec_of
from strop.stores.sqlite import read_journal
from strop.testing.server import TestServer, fits
from strop.testing.wires import Asked, Reply
from strop.types.events import CallAnswered, Event, ToolCall
from strop.types.money import Price
from strop.types.trial import Tally
from strop.types.work import Plan

SITES = 6
ROUNDS = 2
LONGEST = 120.0
"""Seconds after which a command that should have ended has failed its test."""
PRICE = Price("0.95", "0.16", "0.95", "4.00")
SPEC = """---
deliver:
  - {file: survey.csv, columns: {finding: {type: text, quote: true}}}
sources: {allow: ["notes/**"]}
budget: {agents: 10, usd: 50, minutes: 600}
repairs: 0
---
# Survey

Read the notes, one agent a site, and write down what they say.
"""
SETTINGS = """
[roles]
worker = "survey"
planner = "survey"
verifier = "none"

[limits]
hang_floor = FLOOR
hang_first = FLOOR
hedge = HEDGE
hedge_floor = 0.2

[models.survey]
id = "survey"
wire = "openai"
base_url = "URL"
auth = "none"
window = 200000
output = 8192
price = { input = "0.95", cached = "0.16", cache_write = "0.95", output = "4.00" }
"""


class HurriedClock:
    """The real clock, fifty times as fast: pauses between tries are short."""

    SPEED = 50.0

    def now(self) -> float:
        return time.monotonic() * self.SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.SPEED)


@dataclass(frozen=True, slots=True)
class Told:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Survey:
    """The project and its server."""

    folder: Path
    server: TestServer
    bend: Callable[[Asked], Reply | None] = lambda asked: None
    """Sees every request first; what it returns is the answer."""
    script: Callable[[Asked], Reply | Awaitable[Reply]] = field(init=False)
    """What the server does with a request: `answer`, unless a test must wait for something first."""

    def __post_init__(self) -> None:
        self.script = self.answer

    def lay_out(self, *, floor: float = 60.0, hedge: float = 0.0) -> None:
        """Notes, spec and settings; a call may be silent for `floor` seconds, and this share be hedged."""
        (self.folder / "notes").mkdir(parents=True, exist_ok=True)
        for n in range(ROUNDS):
            (self.folder / "notes" / f"{n}.txt").write_text(f"Note {n} of the survey.\n")
        (self.folder / "spec.md").write_text(SPEC)
        text = SETTINGS.replace("URL", self.server.chat_url).replace("FLOOR", str(floor))
        text = text.replace("HEDGE", str(hedge))
        (self.folder / "strop.toml").write_text(text)

    async def run(self, *, resume: str = "") -> Ended:
        """`strop run spec.md --yes` in this process."""

        async def approve(plan: Plan) -> str:
            return "--yes"

        order = Order(spec_of((self.folder / "spec.md").read_bytes(), name="spec.md"), "spec.md")
        project = open_project(self.folder, environment={})
        return await execute(
            project, order, options=Options(), approve=approve, screen=Screen(), resume=resume, clock=HurriedClock()
        )

    def answer(self, asked: Asked) -> Reply:
        """The server's script."""
        return replace(self.bend(asked) or answered(asked), reasoning=str(asked.n))

    def events(self) -> tuple[Event, ...]:
        """The journal of the one run there is."""
        return read_journal(self.only_run() / "journal.db")

    def answers(self) -> list[CallAnswered]:
        """Every answer on record, in order."""
        return [event.body for event in self.events() if isinstance(event.body, CallAnswered)]

    def only_run(self) -> Path:
        (folder,) = (self.folder / "runs").iterdir()
        return folder

    def files(self) -> dict[str, bytes]:
        """What the one run delivered."""
        root = self.only_run() / "files"
        return {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    @asynccontextmanager
    async def strop(self, *arguments: str, before: str = "") -> AsyncGenerator[Process, None]:
        """The command as a process of its own, killed when the test is done with it; `before` runs first in it."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", f"{before}\nfrom strop.cli.main import main; main()", *arguments, cwd=self.folder,
            env={**os.environ, "COLUMNS": "200"}, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        try:
            yield child
        finally:
            if child.returncode is None:
                child.kill()
            await child.communicate()

    async def told(self, *arguments: str, before: str = "") -> Told:
        """The command, to its end."""
        async with self.strop(*arguments, before=before) as child, asyncio.timeout(LONGEST):
            out, err = await child.communicate()
        assert child.returncode is not None
        return Told(child.returncode, out.decode(), err.decode())

    def balance(self, tally: Tally) -> None:
        """The ledger against the server's bill: settled is the bill of the settled calls, and nothing is unbooked."""
        bill = {entry.n: entry.nanos for entry in self.server.bill.entries}
        answers = self.answers()
        numbers = [int(answer.reasoning) for answer in answers]
        assert len(set(numbers)) == len(numbers)
        assert [answer.nanos for answer in answers] == [bill[number] for number in numbers]
        assert tally.nanos - tally.lost_nanos == sum(answer.nanos for answer in answers)
        assert sum(bill.values()) <= tally.nanos


@pytest.fixture
async def survey(tmp_path: Path) -> AsyncIterator[Survey]:
    """Six sites, seven agents, one priced model."""
    made: list[Survey] = []
    async with TestServer(lambda asked: made[0].script(asked), price=PRICE) as server:
        made.append(Survey(tmp_path / "project", server))
        made[0].lay_out()
        yield made[0]


# ---------------------------------------------------------------- the team


def answered(asked: Asked) -> Reply:
    """A plan, a tool call a round, an answer, a summary."""
    if "You plan the work" in asked.system:
        return Reply(planned())
    if "Describe the skill" in asked.system:
        return fits(asked)
    site = site_of(asked)
    if site == "all":
        return Reply(json.dumps({"survey.csv": found("the survey")}))
    done = len(asked.tool_results)
    if done < ROUNDS:
        arguments = json.dumps({"path": f"notes/{done}.txt", "offset": None, "limit": None})
        return Reply(calls=(ToolCall(f"c{done}", "read_file", arguments),))
    return Reply(json.dumps(found(f"site {site} holds the survey")))


def site_of(asked: Asked) -> str:
    """Which site a request is about: `000` to `005`, or `all`; empty for the planner's."""
    told = next((text for role, text in asked.turns if role == "user" and "site-" in text), "")
    return told.split("site-", 1)[1][:3] if told else ""


def found(value: str) -> dict[str, object]:
    """One row of one claim, with a quote that stands in its source."""
    return {"rows": [{"finding": {"value": value, "source": "notes/0.txt", "quote": "Note 0 of the survey."}}]}


def planned() -> str:
    """One task a site, and one that puts them together."""
    fields = [{"name": "finding", "type": "text", "note": ""}]
    reads = {"kind": "work", "role": "reader", "needs": [], "tools": ["read_file"], "steps": 6, "makes": []}
    tasks: list[dict[str, object]] = [
        {"id": f"s{n:03}", "goal": f"Read the notes of site-{n:03}.", "fields": fields, **reads} for n in range(SITES)
    ]
    needs = [task["id"] for task in tasks]
    tasks.append(
        {"id": "all", "kind": "aggregate", "role": "writer", "goal": "Put site-all together.", "needs": needs,
         "tools": [], "steps": 3, "makes": ["survey.csv"], "fields": []}
    )  # fmt: skip
    return json.dumps({"scope": "Read every site.", "objections": [], "fatal": [], "tasks": tasks})
