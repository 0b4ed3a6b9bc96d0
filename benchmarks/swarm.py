"""The swarm at full size over real HTTP on loopback, each cell beside a bare aiohttp loop of the same call.

    python benchmarks/swarm.py                      every cell (about ten minutes)
    python benchmarks/swarm.py --only 300@500       one cell
    python benchmarks/swarm.py --profile 50@50      where the time of one cell goes

A job is one planning call, N agents of 12 tool rounds (a local tool that returns 2 KB) and one JSON
answer each, and one aggregation call: 13 N + 2 calls, 15 of them one after another. The test server
runs in a process of its own and answers after L milliseconds. Wall time counts from the first call to
the end of the last agent; CPU is that of the whole process between the two.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from first import after_set_up
from strop.stores.sqlite import SqliteJournal
from strop.types.events import Body, Event
from swarm_server import NOTE, ROUNDS, server

SPEC = """---
deliver:
  - {file: survey.csv, columns: {finding: text}}
sources: {allow: ["notes/**"]}
budget: {agents: AGENTS, agents_total: TOTAL, steps: STEPS, critical_steps: 200, tokens: 4000M, usd: 1, minutes: 30}
repairs: 0
---
# Survey

Read the notes, one agent a site, and write down what they say.
"""


# ---------------------------------------------------------------- one measured process


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process of `--child` says of itself."""

    wall: float
    cpu: float
    calls: int
    resident: float
    """MB after set-up."""
    peak: float
    """MB at the most."""
    landed: int = 0
    state: int = 0
    """Bytes of the journal."""
    whole: float = 0.0
    """Seconds of the whole run, files and gate included."""
    journal: float = 0.0
    """CPU seconds inside the journal."""
    hedges: int = 0
    """Late calls that were asked a second time."""
    steps: int = 0
    """Answers that were used."""


def resident() -> float:
    """MB of this process now."""
    rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return int(rows["VmRSS"].split()[0]) / 1024


def project(folder: Path, agents: int) -> None:
    """The notes and the spec."""
    (folder / "notes").mkdir(parents=True)
    for n in range(ROUNDS):
        (folder / "notes" / f"{n:02}.txt").write_text((f"Note {n} of the survey. " * 200)[:NOTE])
    steps = (ROUNDS + 5) * agents + 20
    text = SPEC.replace("AGENTS", str(agents)).replace("TOTAL", str(agents * 3 + 10)).replace("STEPS", str(steps))
    (folder / "spec.md").write_text(text)


async def ours(base: str, folder: Path, agents: int) -> Measured:
    """The job as a run of strop: planned, journaled, gated, delivered."""
    from strop.app import Options, Order, Screen, execute, open_project, spec_of
    from strop.types.events import AttemptEnded, CallIntended
    from strop.types.trial import Result

    marks: dict[str, tuple[float, float]] = {}
    resting: list[float] = []
    landed: set[str] = set()

    def watch(event: Event) -> None:
        match event.body:
            case CallIntended() if "began" not in marks:
                resting.append(resident())
                marks["began"] = (time.perf_counter(), time.process_time())
            case AttemptEnded(task, _, Result(failure="")):
                landed.add(task)
                marks["ended"] = (time.perf_counter(), time.process_time())
            case _:
                pass

    async def approve(plan: object) -> str:
        return "benchmark"

    spent = timed(SqliteJournal)
    order = Order(spec_of((folder / "spec.md").read_bytes(), name="spec.md"), "spec.md")
    options = Options(worker=f"openai:{base}#swarm", planner=f"openai:{base}#swarm", verifier="none")
    began = time.perf_counter()
    ended = await execute(open_project(folder), order, options=options, approve=approve, screen=Screen(watch=watch))
    whole = time.perf_counter() - began
    if "ended" not in marks:
        sys.exit(
            f"no agent landed: {[result.failure for result in ended.turn.run.results][:3]} {ended.turn.run.stopped}"
        )
    wall, cpu = (after - before for before, after in zip(marks["began"], marks["ended"], strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    state = (ended.folder / "journal.db").stat().st_size
    tally = ended.turn.run.tally
    landed &= {f"s{n:05}" for n in range(agents)}
    return Measured(
        wall, cpu, tally.calls, resting[0], peak, len(landed), state, whole, sum(spent), tally.hedges, tally.steps
    )


def timed(journal: type[SqliteJournal]) -> list[float]:
    """CPU seconds of every append from now on. The benchmark's own doing: the product has no such hook."""
    append, spent = journal.append, list[float]()

    async def measured(self: SqliteJournal, bodies: Sequence[Body], *, at: float) -> tuple[Event, ...]:
        began = time.process_time()
        events = await append(self, bodies, at=at)
        spent.append(time.process_time() - began)
        return events

    journal.append = measured  # type: ignore[method-assign]  # see the docstring
    return spent


async def bare(base: str, agents: int) -> Measured:
    """The floor: the same requests on aiohttp and orjson, nothing kept, nothing checked."""
    import aiohttp

    shape: dict[str, object] = {"type": "object", "properties": {"path": {"type": "string"}}}
    function = {"name": "read_file", "description": "Read.", "parameters": shape}
    tools: list[dict[str, object]] = [{"type": "function", "function": function}]
    system: dict[str, object] = {"role": "system", "content": "You are one of many. " * 50}
    notes = [(f"Note {n} of the survey. " * 200)[:NOTE] for n in range(ROUNDS)]

    async def call(messages: list[dict[str, object]]) -> dict[str, object]:
        body = {"model": "swarm", "stream": True, "messages": messages, "tools": tools}
        text = ""
        calls: list[object] = []
        async with session.post(f"{base}/chat/completions", data=orjson.dumps(body)) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    for choice in orjson.loads(line[6:])["choices"]:
                        text += choice["delta"].get("content") or ""
                        calls += choice["delta"].get("tool_calls") or []
        return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}

    async def agent(n: int) -> None:
        messages: list[dict[str, object]] = [system, {"role": "user", "content": f"Read the notes of site-{n:05}."}]
        for done in range(ROUNDS + 1):
            said = await call(messages)
            messages.append(said)
            if "tool_calls" in said:
                messages.append({"role": "tool", "tool_call_id": f"call_{done}", "content": notes[done]})

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        resting = resident()
        began = time.perf_counter(), time.process_time()
        await call([{"role": "system", "content": "You plan the work"}, {"role": "user", "content": "plan"}])
        await asyncio.gather(*(agent(n) for n in range(agents)))
        await call([system, {"role": "user", "content": "Put site-all together."}])
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(wall, cpu, 13 * agents + 2, resting, peak, agents)


def child(kind: str, base: str, agents: int) -> Measured:
    """One measured run in a process of its own."""
    command = [sys.executable, __file__, "--child", kind, "--base", base, "--agents", str(agents)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def measured(kind: str, base: str, agents: int) -> Measured:
    """What `--child` does."""
    if kind == "bare":
        return asyncio.run(bare(base, agents))
    if kind == "warm":
        return asyncio.run(warm(base, agents))
    with tempfile.TemporaryDirectory() as folder:
        project(Path(folder), agents)
        if kind == "waiting":
            (Path(folder) / "strop.toml").write_text("[limits]\nhedge = 0\n")
        from strop.app import run

        return run(ours(base, Path(folder), agents))


# ---------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `met` is None where a figure has no goal."""

    name: str
    figure: float
    unit: str
    goal: str = ""
    met: bool | None = None


def start() -> Iterator[Figure]:
    """`strop --help`, the median of five."""
    taken: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "strop", "--help"], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    yield at_most("strop --help", statistics.median(taken), "s", 0.5)


def at_most(name: str, figure: float, unit: str, goal: float) -> Figure:
    """A figure with an upper bound."""
    return Figure(name, figure, unit, f"<= {goal:g}", figure <= goal)


def pair(agents: int, seconds: float, *, faults: bool = False, floor: bool = True) -> tuple[Measured, Measured | None]:
    """(ours, the bare loop where it is wanted) on fresh servers."""
    with server(agents=agents, seconds=seconds, faults=faults) as base:
        mine = child("ours", base, agents)
    if not floor:
        return mine, None
    with server(agents=agents, seconds=seconds) as base:
        return mine, child("bare", base, agents)


def cell(agents: int, milliseconds: int, goal: float) -> Iterator[Figure]:
    """Wall over the critical path; at 300 agents CPU a step, memory and the journal too."""
    name = f"{agents:,} agents, {milliseconds} ms"
    mine, floor = pair(agents, milliseconds / 1000)
    assert floor is not None
    critical = 15 * milliseconds / 1000
    yield at_most(f"{name}: wall over critical path", mine.wall / critical, "x", goal)
    yield Figure(f"{name}: the bare loop", floor.wall / critical, "x")
    yield Figure(f"{name}: whole run, gate and files too", mine.whole / critical, "x")
    if agents == 300:
        own, least = mine.cpu / mine.calls * 1000, floor.cpu / floor.calls * 1000
        yield at_most("CPU a step, journal on", own, "ms", 1.0)
        yield Figure("CPU a call, bare loop", least, "ms")
        yield at_most("CPU over the bare loop", own / least, "x", 4)
        yield at_most("memory after set-up", after_set_up(), "MB", 60)
        yield at_most("memory an agent", (mine.peak - mine.resident) * 1024 / agents, "KB", 130)
        yield Figure("memory an agent, bare loop", (floor.peak - floor.resident) * 1024 / agents, "KB")
        yield at_most("journal a step", mine.state / mine.calls / 1024, "KB", 3)
        yield at_most("journal's share of CPU", 100 * mine.journal / mine.cpu, "%", 25)


def crowd() -> Iterator[Figure]:
    """3,000 agents: all land, in bounded memory."""
    mine, _ = pair(3_000, 0.5, floor=False)
    yield Figure("3,000 agents, 500 ms: landed", mine.landed, "", "3000", mine.landed == 3_000)
    yield at_most("3,000 agents, 500 ms: peak memory", mine.peak, "MB", 500)
    yield Figure("3,000 agents, 500 ms: wall over critical path", mine.wall / 7.5, "x")


def under_faults() -> Iterator[Figure]:
    """5 % 429 with Retry-After, 2 % hangs, 2 % malformed, beside the same job without faults."""
    calm, _ = pair(300, 0.2, floor=False)
    rough, _ = pair(300, 0.2, faults=True, floor=False)
    yield Figure("faults: 300 agents landed", rough.landed, "", "300", rough.landed == 300)
    yield at_most("faults: wall over the clean run", rough.wall / calm.wall, "x", 5)
    yield Figure("faults: calls beyond the clean run's", rough.calls - calm.calls, "")


def stragglers() -> Iterator[Figure]:
    """100 agents, 500 ms, 2 % of calls ten times slower: with hedging, without it, and the bare loop, which waits.

    Without hedging the cut for silence asks again too, but at five medians, and only then.
    """
    walls: dict[str, Measured] = {}
    for kind in ("ours", "waiting", "bare"):
        with server(agents=100, seconds=0.5, slow=0.02) as base:
            walls[kind] = child(kind, base, 100)
    hedged, waiting, floor = walls["ours"], walls["waiting"], walls["bare"]
    yield Figure("2 % of calls 10x slower: wall over critical path", hedged.wall / 7.5, "x")
    yield Figure("the same: hedging off", waiting.wall / 7.5, "x")
    yield Figure("the same: the bare loop", floor.wall / 7.5, "x")
    yield Figure("the same: agents landed", hedged.landed, "", "100", hedged.landed == 100)
    yield Figure("the same: calls beyond one a step", hedged.calls - hedged.steps, "")
    yield Figure("the same: these with hedging off", waiting.calls - waiting.steps, "")
    yield at_most("the same: hedges, share of calls", 100 * hedged.hedges / hedged.calls, "%", 5)


def killed() -> Iterator[Figure]:
    """SIGKILL at half of the calls, then resumed: the server's log says what was answered twice."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "asked.jsonl"
        with server(agents=50, seconds=0.2, log=log) as base:
            whole = command_line(base, Path(folder) / "calm", 50)
            calm = len(answered(log))
            broken = command_line(
                base, Path(folder) / "killed", 50, kill_at=lambda: len(answered(log)) - calm, at=calm // 2
            )
        entries = answered(log)[calm:]
        alive = [entry for entry in entries if entry["ended"] < broken.killed - 0.05]
        twice = len(alive) - len({entry["prompt"] for entry in alive})
        again = {entry["prompt"] for entry in entries if entry["started"] > broken.killed}
        bought = sum(entry["prompt"] in again for entry in alive)
        yield Figure(
            "kill -9 at half: answered before it and asked again", bought + twice, "", "0", bought + twice == 0
        )
        yield Figure("kill -9 at half: calls of both lives beyond the calm run", len(entries) - calm, "")
        same = whole.files == broken.files
        yield Figure("kill -9 at half: final files byte-equal", float(same), "", "1", same)


@dataclass(frozen=True, slots=True)
class Lived:
    """A run by the command line, over one life or two."""

    files: dict[str, bytes]
    killed: float = 0.0
    """When it was killed, on the clock that the server's log uses."""


def answered(log: Path) -> list[dict[str, Any]]:
    """Good answers that the server handed over whole."""
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    return [line for line in lines if line["event"] == "ended" and line["delivered"] and line["status"] == 200]


def command_line(
    base: str, folder: Path, agents: int, *, kill_at: Callable[[], int] | None = None, at: int = 0
) -> Lived:
    """`strop run` in a process of its own; with `kill_at` it is killed once that many answers are out, and resumed."""
    project(folder, agents)
    common = ["--project", str(folder), "--yes"]
    models = ["--worker", f"openai:{base}#swarm", "--planner", f"openai:{base}#swarm", "--verifier", "none"]
    strop = [sys.executable, "-m", "strop", "run"]
    process = subprocess.Popen([*strop, str(folder / "spec.md"), "--yes", *models], **QUIET)
    moment = 0.0
    if kill_at is not None:
        while kill_at() < at and process.poll() is None:
            time.sleep(0.02)
        process.kill()
        moment = time.monotonic()
    process.wait()
    run = next((folder / "runs").iterdir())
    if kill_at is not None:
        subprocess.run([*strop, "--resume", run.name, *common], check=True, **QUIET)
    files = sorted((run / "files").rglob("*"))
    return Lived({file.name: file.read_bytes() for file in files if file.is_file()}, moment)


QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def prefixes() -> Iterator[Figure]:
    """Bytes of prompt that repeat an earlier prefix; and warm-first, by the server's own count."""
    from urllib.request import urlopen

    with server(agents=50, seconds=0.05) as base:
        child("ours", base, 50)
        stats = json.loads(urlopen(base.removesuffix("/v1") + "/stats").read())
    share = 100 * stats["prefix_share"]
    yield Figure("shared prefix, share of prompt bytes", share, "%", ">= 86", share >= 86)
    with server(agents=50, seconds=0.2) as base:
        child("warm", base, 50)
        stats = json.loads(urlopen(base.removesuffix("/v1") + "/stats").read())
    head = 100 * stats["prefix_share"]
    yield Figure("warm-first, fan-out of 50: head bytes that were cached", head, "%", ">= 90", head >= 90)


async def warm(base: str, agents: int) -> Measured:
    """A fan-out of one call each with a long shared head, through the pool that the product uses."""
    from strop.app import build_model, open_project
    from strop.seams import Message, Request

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "strop.toml").write_text(
            f'[models.near]\nwire = "openai"\nbase_url = "{base}"\nid = "near"\nwindow = 100000\noutput = 1000\n'
            "prefix_cache = true\nkey_optional = true\n"
        )
        model = build_model(open_project(Path(folder)), "near")
        head = Message("system", "Rules that every agent shares. " * 400)

        async def one(n: int) -> None:
            asked = Request((head, Message("user", f"Fan out {n}")), head=1, max_output=50)
            await model.answer(asked)

        await asyncio.gather(*(one(n) for n in range(agents)))
        await model.close()
    return Measured(0, 0, agents, 0, 0)


CELLS: dict[str, Callable[[], Iterator[Figure]]] = {
    "1@50": lambda: cell(1, 50, 1.08),
    "50@50": lambda: cell(50, 50, 1.35),
    "300@500": lambda: cell(300, 500, 1.10),
    "1000@500": lambda: cell(1_000, 500, 2.0),
    "3000@500": crowd,
    "faults": under_faults,
    "stragglers": stragglers,
    "kill": killed,
    "prefix": prefixes,
    "start": start,
}


def show(figure: Figure) -> None:
    verdict = "" if figure.met is None else "met" if figure.met else "MISSED"
    print(f"{figure.name:<52} {figure.figure:>9.3f} {figure.unit:<3} {figure.goal:>8} {verdict}", flush=True)


def profile(name: str) -> None:
    """CProfile of one cell's process, by own time."""
    import cProfile
    import pstats

    agents, milliseconds = (int(part) for part in name.split("@"))
    with server(agents=agents, seconds=milliseconds / 1000) as base, tempfile.TemporaryDirectory() as folder:
        project(Path(folder), agents)
        profiler = cProfile.Profile()
        profiler.enable()
        asyncio.run(ours(base, Path(folder), agents))
        profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    pstats.Stats(profiler).sort_stats("cumtime").print_stats(70)


def main() -> int:
    """Print the table; with --json one last line for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=sorted(CELLS), help="a cell; may be repeated")
    parser.add_argument("--profile", metavar="CELL")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--base", help=argparse.SUPPRESS)
    parser.add_argument("--agents", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(asdict(measured(chosen.child, chosen.base, chosen.agents))))
        return 0
    if chosen.profile:
        profile(chosen.profile)
        return 0
    figures: list[Figure] = []
    for name in chosen.only or CELLS:
        for figure in CELLS[name]():
            show(figure)
            figures.append(figure)
    if chosen.json:
        print(json.dumps([asdict(figure) for figure in figures]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
