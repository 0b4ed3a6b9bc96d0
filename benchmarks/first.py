"""Start-up, own CPU a step, 300 agents at once, and memory, each beside a baseline of the same call.

    python benchmarks/first.py [--json]

The test server runs in a process of its own; a bare aiohttp loop that sends the same bodies is the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strop.testing.wires import Asked, Reply

AGENTS = 300
PAGE = "Place {n}\n\nPlace {n} was founded in {year}.\n\nIt holds {n} boats and a market beside the water.\n"
SPEC = """---
deliver:
  - file: places.csv
    columns:
      name: {type: text, quote: true, ask: "name of the place"}
      founded: {type: integer, quote: true, ask: "year it was founded"}
each: inputs/*.txt
sources: {allow: ["inputs/**"]}
repairs: 0
---
# Places
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `met` is None where a figure has no goal."""

    name: str
    figure: float
    unit: str
    goal: str = ""
    met: bool | None = None


def child(*command: str, rounds: int = 7) -> float:
    """Median wall seconds of a fresh process."""
    taken: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def starts() -> Iterator[Figure]:
    """Import and `--help`, over an empty interpreter."""
    empty = child(sys.executable, "-c", "pass")
    importing = child(sys.executable, "-c", "import strop") - empty
    helping = child(sys.executable, "-m", "strop", "--help")
    yield Figure("empty interpreter", empty, "s")
    yield Figure("import strop, beyond it", importing, "s", "< 0.3", importing < 0.3)
    yield Figure("strop --help", helping, "s", "< 0.5", helping < 0.5)


@contextmanager
def server() -> Generator[str, None, None]:
    """The test server in a process of its own; gives the base URL of the chat wire."""
    command = [sys.executable, "-m", "strop.testing.server", "--script", "first:answer"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["chat"]
    finally:
        process.terminate()
        process.wait()


def answer(asked: Asked) -> Reply:
    """The server's script, loaded in its process: what a reader answers to a page."""
    text = asked.user
    number = text.split("Place ", 1)[1].split("\n", 1)[0].strip()
    year = text.split("founded in ", 1)[1].split(".", 1)[0]
    body = {"name": f"Place {number}", "name_at": 2, "founded": int(year), "founded_at": 2}
    return Reply(json.dumps(body, separators=(",", ":")), latency=0.5)


async def swarm(base: str, folder: Path) -> tuple[float, float, int, int]:
    """(CPU seconds, wall seconds, steps, failures) of 300 agents of one step, journal on: first start to last end."""
    from strop.app import Options, Order, Screen, execute, open_project
    from strop.loop.specify import specify
    from strop.types.events import AttemptEnded, AttemptStarted, Event

    (folder / "inputs").mkdir(parents=True)
    for n in range(AGENTS):
        (folder / "inputs" / f"place{n}.txt").write_text(PAGE.format(n=n, year=1500 + n))
    order = Order(specify(SPEC.encode()), "spec.md")
    marks: dict[str, tuple[float, float]] = {}

    def watch(event: Event) -> None:
        if isinstance(event.body, AttemptStarted):
            marks.setdefault("began", (time.process_time(), time.perf_counter()))
        elif isinstance(event.body, AttemptEnded):
            marks["ended"] = (time.process_time(), time.perf_counter())

    async def approve(plan: object) -> str:
        return "benchmark"

    options = Options(worker=f"openai:{base}#first", planner="none", verifier="none")
    ended = await execute(open_project(folder), order, options=options, approve=approve, screen=Screen(watch=watch))
    run = ended.turn.run
    cpu, wall = (after - before for before, after in zip(marks["began"], marks["ended"], strict=True))
    return cpu, wall, run.tally.steps, len(run.missing)


async def bare(base: str) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of the same calls by a bare aiohttp loop."""
    import aiohttp
    import orjson

    async def one(session: aiohttp.ClientSession, n: int) -> None:
        page = PAGE.format(n=n, year=1500 + n)
        body = {"model": "first", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 400,
                "messages": [{"role": "system", "content": "x" * 900}, {"role": "user", "content": page}]}  # fmt: skip
        async with session.post(f"{base}/chat/completions", data=orjson.dumps(body)) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    orjson.loads(line[6:])

    began = time.process_time(), time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(one(session, n) for n in range(AGENTS)))
    return time.process_time() - began[0], time.perf_counter() - began[1]


def agents() -> Iterator[Figure]:
    """Three rounds of both, medians."""
    from strop.app import run

    ours: list[tuple[float, float, int, int]] = []
    floor: list[tuple[float, float]] = []
    with server() as base, tempfile.TemporaryDirectory() as folder:
        for turn in range(3):
            floor.append(asyncio.run(bare(base)))
            ours.append(run(swarm(base, Path(folder) / str(turn))))
    own = statistics.median(cpu / steps * 1000 for cpu, _, steps, _ in ours)
    least = statistics.median(cpu / AGENTS * 1000 for cpu, _ in floor)
    failures = max(failed for *_, failed in ours)
    yield Figure("bare aiohttp loop, CPU a call", least, "ms")
    yield Figure("own CPU a step, journal on", own, "ms", "< 1", own < 1)
    yield Figure("own CPU over the bare loop", own / least, "x")
    yield Figure(f"{AGENTS} agents of one step, wall", statistics.median(wall for _, wall, *_ in ours), "s")
    yield Figure("the bare loop, wall", statistics.median(wall for _, wall in floor), "s")
    yield Figure(f"failures of {AGENTS}", failures, "", "0", failures == 0)


SET_UP = """
import asyncio, resource, sys, tempfile
from pathlib import Path

from strop.testing.wires import Asked, Reply
from strop.app import Options, Order, make_plan, open_project, renderers, run
from strop.loop.specify import specify
folder = Path(tempfile.mkdtemp())
(folder / "inputs").mkdir()
(folder / "inputs" / "a.txt").write_text("A place founded in 1500.")
order = Order(specify(Path(sys.argv[1]).read_bytes()), "spec.md")
options = Options(worker="openai:http://127.0.0.1:9/v1#m", planner="none", verifier="none")
run(make_plan(open_project(folder), order, options))
rows = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(int(rows["VmRSS"].split()[0]) / 1024)
"""


def after_set_up() -> float:
    """MB of a process that has planned and built its adapters, no embedded model; the median of three."""
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.md"
        spec.write_text(SPEC)
        said = [
            float(
                subprocess.run(
                    [sys.executable, "-c", SET_UP, str(spec)], check=True, capture_output=True, text=True
                ).stdout
            )
            for _ in range(3)
        ]
    return statistics.median(said)


def memory() -> Iterator[Figure]:
    """Resident memory beside an empty interpreter's."""
    empty = subprocess.run(
        [sys.executable, "-c", "print(open('/proc/self/statm').read().split()[1])"],
        check=True,
        capture_output=True,
        text=True,
    )
    yield Figure("empty interpreter, resident", int(empty.stdout) * resource.getpagesize() / 2**20, "MB")
    resident = after_set_up()
    yield Figure("after set-up, resident", resident, "MB", "< 60", resident < 60)


def main() -> int:
    """Print the table; with --json one last line for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    os.environ.pop("STROP_DEBUG", None)
    figures = [*starts(), *agents(), *memory()]
    for each in figures:
        verdict = "" if each.met is None else "met" if each.met else "MISSED"
        print(f"{each.name:<36} {each.figure:>8.3f} {each.unit:<3} {each.goal:>7} {verdict}")
    if chosen.json:
        names = ("name", "figure", "unit", "goal", "met")
        print(json.dumps([{name: getattr(each, name) for name in names} for each in figures]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
