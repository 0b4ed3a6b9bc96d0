"""The real command in a process of its own: signals, a full disk, endpoints over loopback, a planner."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from at_line import signalling

from strop.swarm.supervise import DRAIN
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Fault, Reply

from .conftest import only_run

pytestmark = pytest.mark.anyio

MAIN = "from strop.cli.main import main; main()"
SMALL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000)); "
SLOW = """
[[turn]]
match = "Harbour"
answer = { name = "The Old Harbour", "name_at" = 1, founded = 1642, "founded_at" = 2 }

[[turn]]
match = "Library"
answer = { name = "The City Library", "name_at" = 1, founded = 1834, "founded_at" = 2 }
seconds = 60
times = 1

[[turn]]
match = "Library"
answer = { name = "The City Library", "name_at" = 1, founded = 1834, "founded_at" = 2 }
"""
ONE_AT_A_TIME = ("--budget", "agents=2")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


@asynccontextmanager
async def process(*arguments: str, before: str = "", **more: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The command as a child; killed when the test is done with it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", before + MAIN, *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE, env=os.environ | more,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def ended(*arguments: str, before: str = "", **more: str) -> Ended:
    """The command, to its end."""
    async with process(*arguments, before=before, **more) as child:
        out, err = await child.communicate()
    assert child.returncode is not None
    return Ended(child.returncode, out.decode(), err.decode())


async def heard(child: asyncio.subprocess.Process, word: str) -> str:
    """What the child says on stderr up to a line with `word`."""
    assert child.stderr is not None
    said = ""
    while word not in said:
        line = await child.stderr.readline()
        assert line, f"ended without {word!r}: {said}"
        said += line.decode()
    return said


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]], ids=["once", "twice"])
async def test_a_run_that_is_interrupted_hands_over_what_there_is_and_goes_on(
    signals: Sequence[signal.Signals], project: Path
) -> None:
    """Exit 130, partial files, the command that goes on; that one pays only for what was open, and passes.

    Once waits for calls in flight (the script's answers come after a second); twice does not (after a minute).
    The first signal comes while the process says that the first of four has landed.
    """
    slow = SLOW.replace("seconds = 60", "seconds = 1") if len(signals) == 1 else SLOW
    (project / "script.toml").write_text(slow)
    arguments = ("run", "spec.md", "--worker", "scripted:script.toml", "--yes", *ONE_AT_A_TIME)
    async with process(*arguments, before=signalling("1/4", signals[0])) as child:
        if len(signals) > 1:
            await heard(child, "a second Ctrl-C does not wait")
            child.send_signal(signals[1])
        assert child.stdout is not None
        out = (await child.stdout.read()).decode()
        assert await child.wait() == 130
    name = only_run(project)
    files = project / "runs" / name / "files"
    assert f"Go on with: strop run --resume {name}" in out
    assert (files / "places.csv").read_text().startswith("name,founded")
    before = orjson.loads((project / "runs" / name / "run.json").read_bytes())
    (project / "script.toml").write_text(SLOW.replace("seconds = 60", "seconds = 0"))
    again = await ended("run", "--resume", name)
    assert again.code == 0
    table = (files / "places.csv").read_text()
    assert "The Old Harbour,1642" in table
    assert "The City Library,1834" in table
    after = orjson.loads((project / "runs" / name / "run.json").read_bytes())
    assert before["outcome"] == "interrupted"
    assert before["seconds"] < DRAIN
    assert 1 <= before["steps"]["total"] < 4
    assert after["steps"]["total"] == 4


async def test_a_full_disk_stops_the_run_and_loses_nothing(project: Path) -> None:
    """Exit 70 with the command that goes on; with room again it ends, and no answer is paid twice."""
    for number in range(30):
        (project / "inputs" / f"harbour{number}.txt").write_text("The Old Harbour\nIt was founded in 1642.\n")
    arguments = ("run", "spec.md", "--worker", "scripted:script.toml", "--yes")
    full = await ended(*arguments, before=SMALL)
    name = only_run(project)
    assert full.code == 70
    assert f"go on with: strop run --resume {name}" in full.err
    assert "Traceback" not in full.err
    again = await ended("run", "--resume", name)
    assert again.code == 0
    ran = orjson.loads((project / "runs" / name / "run.json").read_bytes())
    assert ran["steps"]["total"] == 64


async def test_a_wrong_key_stops_the_run_and_says_so(project: Path) -> None:
    """Exit 2: it is the caller's to mend. Nobody else is sent off with the same key."""
    async with TestServer(lambda asked: Reply(fault=Fault.UNAUTHORIZED)) as server:
        locator = f"openai:{server.chat_url}#m"
        told = await ended("run", "spec.md", "--worker", locator, "--yes", *ONE_AT_A_TIME, OPENAI_API_KEY="wrong")
        assert len(server.bill.entries) <= 2
    assert told.code == 2
    assert "Incorrect API key" in told.out + told.err
    assert "wrong" not in told.out


def drafting(asked: Asked) -> Reply:
    """A planner that answers a wish with an order."""
    order = {"file": "towns.csv", "columns": ["town", "founded"], "sections": []}
    report = {"file": "report.pdf", "columns": [], "sections": ["Summary", "Sources"]}
    return Reply(orjson.dumps({"deliver": [order, report], "prose": "One row a town."}).decode())


async def test_a_planner_drafts_a_spec_that_our_parser_takes(project: Path) -> None:
    """The draft is a spec; the call that wrote it is on record with its tokens."""
    async with TestServer(drafting) as server:
        planner = f"openai:{server.chat_url}#m"
        told = await ended("specify", "when were the towns founded", "--planner", planner, "--out", "draft.md")
        assert told.code == 0, told.err
        assert len(server.bill.entries) == 1
    assert (await ended("specify", "draft.md")).code == 0
    text = (project / "draft.md").read_text()
    assert "towns.csv" in text
    assert "One row a town." in text
    shown = orjson.loads((await ended("runs", "--json")).out)["runs"]
    assert [(row["path"], row["calls"]) for row in shown] == [("a wish", 1)]


def splitting(asked: Asked) -> Reply:
    """A planner that splits the order into a reader and a maker."""
    plain = {"needs": [], "tools": [], "steps": 5, "makes": [], "fields": []}
    field = {"name": "founded", "type": "integer", "note": "year"}
    work = plain | {"id": "read", "kind": "work", "role": "reader", "goal": "Read all.", "fields": [field]}
    make = plain | {"id": "write", "kind": "aggregate", "role": "writer", "goal": "Write.", "needs": ["read"]}
    tasks = [work, make | {"makes": ["towns.csv"]}]
    return Reply(orjson.dumps({"scope": "All towns.", "objections": [], "fatal": [], "tasks": tasks}).decode())


async def test_prose_is_planned_once_on_record_and_not_run(project: Path) -> None:
    """`strop plan` asks the planner, shows the plan, and names the run that can be approved."""
    (project / "spec.md").write_text("---\ndeliver: [{file: towns.csv, columns: {founded: integer}}]\n---\n# Towns\n")
    async with TestServer(splitting) as server:
        model = f"openai:{server.chat_url}#m"
        told = await ended("plan", "spec.md", "--planner", model, "--worker", "scripted:script.toml", "--json")
        assert told.code == 0, told.err
        assert len(server.bill.entries) == 1
        body = orjson.loads(told.out)
        assert [task["id"] for task in body["plan"]["tasks"]] == ["read", "write"]
        waits = await ended("run", "--resume", body["run"])
        assert waits.code == 4
        assert len(server.bill.entries) == 1


async def test_a_planner_that_is_down_is_no_fault_of_ours(project: Path) -> None:
    """Exit 2 and what to mend."""
    async with TestServer(drafting) as server:
        planner = f"openai:{server.chat_url}#m"
    told = await ended("specify", "when were the towns founded", "--planner", planner)
    assert told.code == 2
    assert "See that it runs and that the URL is right" in told.err
