"""A village of wells: a project folder with a prose spec, and a test server that answers like a small team.

The server's answers depend on the request alone. A test bends them by `Village.bend`, which sees every
request first. Every model call of these tests goes over real HTTP.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import orjson
import pytest

from strop.app import Ended, Options, Order, Project, Screen, execute, open_project, replay_order, spec_of
from strop.errors import HumanAwaited
from strop.testing.bill import Entry
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Reply
from strop.types.events import ToolCall
from strop.types.money import Price, Usage, cost
from strop.types.work import Plan

WELLS = 18
PRICES = {"worker-model": Price("0.95", "0.16", "0.95", "4.00"), "strong-model": Price("4", "0.40", "5", "20")}
PATIENT = """
[limits]
hang_floor = 600
hang_first = 600
hedge = 0
"""
"""No call is given up for its silence, nor asked a second time: servers hold them on purpose, and a machine that is
busy with other work is no fault of the run (tests/faults is about calls that hang)."""
SPEC = """---
deliver:
  - file: wells.csv
    rows: ">= 18"
    columns:
      well: {type: text, quote: true, ask: name of the well}
      depth: {type: integer, quote: true, ask: depth in metres}
      water: {type: text, ask: hard or soft}
  - {file: survey.pdf, pages: ">= 2", sections: [Summary, Findings, Sources]}
  - {file: "charts/*.png", count: 3}
  - {file: talk.pptx, slides: ">= 5", charts: ">= 1", sections: [Depths, More depths, Sources]}
sources: {allow: ["inputs/**"]}
valid: ["every value carries a quote that stands in its source", "no well is named twice"]
budget: {agents: 20, usd: 2, minutes: 10}
repairs: 1
---
# A survey of the village wells

Read every note under inputs/ and report depth and water of each well; compare the quarters; draw the depths.
"""


def note(number: int) -> str:
    """What the n-th note says."""
    water = "hard" if number % 3 else "soft"
    return f"Well {number:02} is {10 + number} metres deep. It was dug in {1880 + number}. Its water is {water}.\n"


DESCRIPTION = (
    "Surveys wells from notes: depth and water of each, compared by group, as wells.csv, a survey and charts of depth. "
    "Use when notes on wells are to become a table whose every value has its source."
)
"""What the planner says of the skill that a survey leaves."""


@dataclass(slots=True)
class Village:
    """The project, its server, and how to have the loop turned on it."""

    folder: Path
    server: TestServer
    bend: Callable[[Asked], Reply | None] = lambda asked: None
    """Sees every request before the team does; what it returns is the answer."""
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def options(self) -> Options:
        return Options(worker=self.worker, planner=self.strong, verifier=self.strong)

    @property
    def worker(self) -> str:
        return f"openai:{self.server.chat_url}#worker-model"

    @property
    def strong(self) -> str:
        return f"anthropic:{self.server.messages_url}#strong-model"

    @property
    def project(self) -> Project:
        return open_project(self.folder, environment=self.environment)

    def write_spec(self, old: str = "", new: str = "") -> None:
        """The spec, with one thing in it said otherwise."""
        assert old in SPEC
        (self.folder / "spec.md").write_text(SPEC.replace(old, new) if old else SPEC)

    def write_notes(self, folder: str, numbers: Sequence[int]) -> None:
        (self.folder / folder).mkdir()
        for number in numbers:
            (self.folder / folder / f"well-{number:02}.txt").write_text(note(number))

    async def run(
        self, *, resume: str = "", options: Options | None = None, warn: Callable[[str], None] = lambda said: None
    ) -> Ended:
        """`strop run spec.md --yes`, in this process."""
        order = Order(spec_of((self.folder / "spec.md").read_bytes(), name="spec.md"), "spec.md")
        return await self._execute(order, options or self.options, resume, warn)

    async def replay(self, skill: str, *, inputs: str) -> Ended:
        """`strop replay SKILL --inputs FOLDER --yes`, in this process."""
        order = replay_order(self.project, skill, inputs=inputs)
        return await self._execute(order, Options(worker=self.worker, planner="none", verifier=self.strong), "")

    async def _execute(
        self, order: Order, options: Options, resume: str, warn: Callable[[str], None] = lambda said: None
    ) -> Ended:
        async def approve(plan: Plan) -> str:
            if plan.fatal:
                raise HumanAwaited("; ".join(plan.fatal))
            return "--yes"

        screen, clock = Screen(warn=warn), HurriedClock()
        return await execute(
            self.project, order, options=options, approve=approve, screen=screen, resume=resume, clock=clock
        )

    @property
    def models(self) -> tuple[str, ...]:
        """The same as `options`, for the command line."""
        return "--worker", self.worker, "--planner", self.strong, "--verifier", self.strong

    async def strop(self, *arguments: str) -> tuple[int, str, str]:
        """The command as a process of its own, in the project's folder: (exit code, stdout, stderr)."""
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "strop",
            *arguments,
            cwd=self.folder,
            env={**os.environ, "COLUMNS": "200"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate()
        assert child.returncode is not None
        return child.returncode, out.decode(), err.decode()

    def billed(self, entries: Sequence[Entry] | None = None) -> dict[str, int]:
        """The server's bill in the words of run.json, each model at its own price."""
        counted = self.server.bill.entries if entries is None else entries
        usage = sum((entry.usage for entry in counted), Usage())
        return {
            "calls": len(counted),
            "input": usage.input,
            "cached": usage.cached,
            "cache_write": usage.cache_write,
            "output": usage.output,
            "nanos": sum(cost(entry.usage, PRICES[entry.model]) for entry in counted),
        }

    def answer(self, asked: Asked) -> Reply:
        """The server's script."""
        return self.bend(asked) or team(asked)


class HurriedClock:
    """The real clock, fifty times as fast: waits between tries are short, deadlines far."""

    SPEED = 50.0

    def now(self) -> float:
        return time.monotonic() * self.SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.SPEED)


def booked(ended: Ended) -> dict[str, int]:
    """Calls, tokens by class and money of run.json, as it stands on disk."""
    report = cast("dict[str, int]", orjson.loads((ended.folder / "run.json").read_bytes()))
    usage = cast("dict[str, int]", report["usage"])
    classes = {name: usage[name] for name in ("input", "cached", "cache_write", "output")}
    return {"calls": report["calls"], **classes, "nanos": report["nanos"]}


def files_of(ended: Ended) -> dict[str, bytes]:
    """Everything under `files/`."""
    root = ended.folder / "files"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Village]:
    """Eighteen notes, a prose spec, two priced models on one server."""
    made: list[Village] = []
    async with TestServer(lambda asked: made[0].answer(asked)) as server:
        made.append(Village(tmp_path / "project", server))
        found = made[0]
        found.folder.mkdir()
        found.write_notes("inputs", range(1, WELLS + 1))
        found.write_spec()
        toml = settings(chat=server.chat_url, messages=server.messages_url)
        (found.folder / "strop.toml").write_text(toml)
        yield found


def settings(*, chat: str, messages: str) -> str:
    """strop.toml: both models with their prices, under the locators that name them."""
    parts: list[str] = []
    for locator, name, wire, url, family in (
        (f"openai:{chat}#worker-model", "worker-model", "openai", chat, "kimi"),
        (f"anthropic:{messages}#strong-model", "strong-model", "anthropic", messages, "claude"),
    ):
        price = PRICES[name]
        parts.append(
            f'[models."{locator}"]\nid = "{name}"\nwire = "{wire}"\nbase_url = "{url}"\nfamily = "{family}"\n'
            f'keys = ["VILLAGE_KEY"]\nkey_optional = true\nwindow = 200000\noutput = 8192\n'
            f'price = {{ input = "{price.input}", cached = "{price.cached}", cache_write = "{price.cache_write}", '
            f'output = "{price.output}" }}\n'
        )
    return "\n".join(parts) + PATIENT


# ---------------------------------------------------------------- the team


def team(asked: Asked) -> Reply:
    """What each member answers, told apart by the prompt."""
    if "You plan the work" in asked.system:
        return said(proposal())
    if "You look for errors" in asked.system:
        return said(verdicts(asked.user))
    if "You look for contradictions" in asked.system:
        return said({"contradictions": []})
    if "leaves a skill behind" in asked.system:
        return said({"description": DESCRIPTION})
    if "You are one specialist" in asked.system:
        return read(asked)
    return said(deliverables(asked.user) if "Task: Make" in asked.user else comparison(asked.user))


def unhurried(asked: Asked) -> Reply:
    """The team for a server in a process of its own (`--script conftest:unhurried`): a kill finds calls under way."""
    return replace(team(asked), latency=0.25)


def said(answer: object) -> Reply:
    return Reply(orjson.dumps(answer).decode())


def proposal() -> dict[str, object]:
    """Sixteen readers, three who compare, one maker: twenty agents in three waves."""
    tasks: list[dict[str, object]] = []
    for number in range(1, 17):
        notes = [number] if number <= 14 else [2 * number - 15, 2 * number - 14]
        paths = " and ".join(f"inputs/well-{each:02}.txt" for each in notes)
        tasks.append(task(f"read-{number:02}", "work", f"Read {paths}. Report each well.", tools=["read_file"]))
    for number, (first, last) in enumerate(((1, 6), (7, 11), (12, 16)), 1):
        needs = [f"read-{each:02}" for each in range(first, last + 1)]
        tasks.append(task(f"compare-{number}", "aggregate", f"Compare the wells of quarter {number}.", needs=needs))
    makes = ["wells.csv", "survey.pdf", "charts/*.png", "talk.pptx"]
    needs = [f"compare-{number}" for number in (1, 2, 3)]
    tasks.append(task("make", "aggregate", "Make the table, the survey and the charts.", needs=needs, makes=makes))
    scope = "Depth and water of 18 wells from their notes, compared by quarter."
    return {"scope": scope, "objections": ["The notes give no dates of measurement."], "fatal": [], "tasks": tasks}


def task(
    name: str,
    kind: str,
    goal: str,
    *,
    needs: Sequence[str] = (),
    tools: Sequence[str] = (),
    makes: Sequence[str] = (),
) -> dict[str, object]:
    fields = [{"name": each, "type": kind, "note": ""} for each, kind in FIELDS.items()]
    return {
        "id": name,
        "kind": kind,
        "role": f"{name} of the survey",
        "goal": goal,
        "needs": list(needs),
        "tools": list(tools),
        "steps": 6,
        "makes": list(makes),
        "fields": [] if makes else fields,
    }


FIELDS = {"well": "text", "depth": "integer", "water": "text"}


def read(asked: Asked) -> Reply:
    """A reader: fetches its files one by one with the tool, then reports."""
    told = asked.user.partition("Task: ")[2].partition("Results you may use")[0]
    paths = re.findall(r"[\w/]+/well-\d\d\.txt", told)
    texts = asked.tool_results
    if len(texts) < len(paths):
        arguments = orjson.dumps({"path": paths[len(texts)]}).decode()
        return Reply(calls=(ToolCall(f"call-{len(texts)}", "read_file", arguments),))
    return said({"rows": [row for path, text in zip(paths, texts, strict=True) for row in rows(path, text)]})


def rows(path: str, text: str) -> list[dict[str, object]]:
    found = re.findall(r"(Well \d\d) is (\d+) metres deep\.[^.]*\. (Its water is (\w+)\.)", text)
    return [
        {
            "well": leaf(well, path, f"{well} is {depth} metres deep."),
            "depth": leaf(int(depth), path, f"{well} is {depth} metres deep."),
            "water": leaf(water, path, sentence),
        }
        for well, depth, sentence, water in found
    ]


def leaf(value: object, path: object, quote: object) -> dict[str, object]:
    return {"value": value, "source": path, "quote": quote}


LINE = re.compile(r'c\d+: (?:\S+\.)?rows\[(\d+)\]\.(\w+) = (.*?) -- (".*?") \((\S+)\)(?: \[also .*\])?$')


def results(user: str) -> list[dict[str, dict[str, object]]]:
    """The rows that came with a task, from its numbered claims."""
    bodies = re.findall(r"<result task='[^']+'>\n(.*?)\n</result>", user, re.DOTALL)
    found: list[dict[str, dict[str, object]]] = []
    for body in bodies:
        held: dict[str, dict[str, dict[str, object]]] = {}
        for line in body.splitlines():
            if line == '{"rows":[]}':  # an answer that claims nothing is given as it is
                continue
            said = LINE.match(line)
            assert said is not None, line
            row, name, value, quote, path = said.groups()
            held.setdefault(row, {})[name] = leaf(orjson.loads(value), path, orjson.loads(quote))
        found += held.values()
    return found


def comparison(user: str) -> dict[str, object]:
    return {"rows": results(user)}


def deliverables(user: str) -> dict[str, object]:
    """The maker: wrong twice at its first try, right when it is told what the gate found."""
    wells = results(user)
    first_try = user.endswith("What went wrong before:\nnone") and results(user)[0]["well"]["value"] == "Well 01"
    if first_try:
        wells[4] = {**wells[4], "depth": {**wells[4]["depth"], "value": 99}}
        wells[6] = {**wells[6], "water": {**wells[6]["water"], "value": "salty"}}
    sentences = [
        {**row["depth"], "value": f"{row['well']['value']} goes down {row['depth']['value']} metres."} for row in wells
    ]
    sections = [
        {"heading": "Summary", "paragraphs": [sentences[:2]], "bullets": []},
        {"heading": "Findings", "paragraphs": [], "bullets": sentences},
    ]
    charts = [
        {
            "name": f"{'sketch' if first_try else 'depth'}-{name}",
            "kind": "bar",
            "title": f"Depth of the wells, {name}",
            "x_title": "well",
            "y_title": "metres",
            "points": [{"x": row["well"]["value"], "y": row["depth"]} for row in part],
        }
        for name, part in (("first", wells[:6]), ("second", wells[6:12]), ("third", wells[12:]))
    ]
    slides = [
        {"title": "Depths", "bullets": sentences[:3], "chart": charts[0]["name"], "notes": sentences[:1]},
        {"title": "More depths", "bullets": sentences[3:6], "chart": None, "notes": []},
    ]
    return {
        "wells.csv": {"rows": wells},
        "survey.pdf": {"sections": sections},
        "charts.png": {"charts": charts},
        "talk.pptx": {"slides": slides, "charts": charts[:1]},
    }


def verdicts(user: str) -> dict[str, object]:
    """The refuting model: it reads the passage for what the claim is about, and quotes the sentence that decides."""
    found: list[dict[str, object]] = []
    for name, claim, passage in re.findall(r"id (\w+): (.*?)\n<passage>\n(.*?)\n</passage>", user, re.DOTALL):
        subject, _, value = claim.partition(" is ")
        field = subject.partition(" of ")[0]
        told = re.search(r"(Well \d\d) is (\d+) metres deep\.", passage)
        water = re.search(r"Its water is (\w+)\.", passage)
        assert told is not None
        assert water is not None
        truth = {"well": repr(told[1]), "depth": told[2], "y": told[2], "water": repr(water[1])}
        stands = value == truth.get(field, repr(f"{told[1]} goes down {told[2]} metres."))
        quote = water if field == "water" else told
        found.append({"id": name, "verdict": "supported" if stands else "refuted", "quote": quote.group()})
    found.append({"id": "nobody-asked", "verdict": "refuted", "quote": "Well"})
    return {"verdicts": found}


class Meddler:
    """A refuting model that refutes, beside its own claims, those of every question before."""

    def __init__(self) -> None:
        self.seen: list[dict[str, object]] = []

    def __call__(self, asked: Asked) -> Reply:
        own = cast("list[dict[str, object]]", verdicts(asked.user)["verdicts"])
        names = {each["id"] for each in own}
        more = [each for each in self.seen if each["id"] not in names]
        self.seen = [*more, *({**each, "verdict": "refuted"} for each in own[:-1])]
        return said({"verdicts": [*own, *more][:32]})


class Team:
    """What the tests use of this file: with importlib they cannot import it."""

    def __init__(self) -> None:
        self.meddling = Meddler()
        self.description = DESCRIPTION

    proposal = staticmethod(proposal)
    said = staticmethod(said)
    booked = staticmethod(booked)
    files_of = staticmethod(files_of)


@dataclass(frozen=True, slots=True)
class Papers:
    """What stands in the village's files, for tests that found one of their own."""

    spec: str
    notes: Mapping[str, str]
    """By file name."""
    settings: Callable[..., str]


@pytest.fixture(scope="session")
def papers() -> Papers:
    """The village on paper."""
    notes = {f"well-{number:02}.txt": note(number) for number in range(1, WELLS + 1)}
    return Papers(SPEC, notes, settings)


@pytest.fixture(name="team")
def the_team() -> Team:
    """How the server answers, and how a run's reports are read."""
    return Team()
