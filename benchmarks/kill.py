"""SIGKILL on the real command, again and again, and what that cost. The server's log is the oracle.

One run of N agents against the test server is left alone; another is killed at moments drawn from a seed
(when the server has answered so many prompts) and resumed each time with `strop run --resume`. The server holds
the last calls back until then, so that no run ends before its kill. Then

- the files of both are compared byte by byte;
- every answer on record bears the number under which the server logged it, so the ledger is compared with
  the server's bill call by call;
- no request whose answer was committed may ever have been asked again.

    python benchmarks/kill.py                       # 300 agents x 12 rounds, 20 kills
    python benchmarks/kill.py --agents 40 --rounds 3 --kills 3
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO
from urllib.request import Request, urlopen

import orjson

from strop.stores.sqlite import read_journal
from strop.swarm.fold import RunFold, fold
from strop.testing.server import fits
from strop.testing.wires import Asked, Reply
from strop.types.events import CallAnswered, ToolCall

PRICE = "0.95/0.16/0.95/4.00"
NOTE = 2_048
"""Characters that the tool returns."""
LOOK = 0.002
"""Seconds between two looks at the server's log."""
SPEC = """---
deliver:
  - {file: survey.csv, columns: {finding: {type: text, quote: true}}}
sources: {allow: ["notes/**"]}
budget: {agents: AGENTS, agents_total: AGENTS_AND_ONE, steps: STEPS, critical_steps: 400, tokens: 4000M, usd: 500}
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

[models.survey]
id = "survey"
wire = "openai"
base_url = "URL"
auth = "none"
window = 200000
output = 8192
price = { input = "0.95", cached = "0.16", cache_write = "0.95", output = "4.00" }
"""


# ---------------------------------------------------------------- the server's side


def answer(asked: Asked) -> Reply:
    """A plan, a tool call a round, an answer, a summary. `reasoning` bears the number of the request."""
    latency, rounds = float(os.environ["KILL_LATENCY"]), int(os.environ["KILL_ROUNDS"])
    mark = str(asked.n)
    if "You plan the work" in asked.system:
        return Reply(planned(int(os.environ["KILL_AGENTS"]), rounds), reasoning=mark, latency=latency)
    if "Describe the skill" in asked.system:
        return replace(fits(asked), reasoning=mark, latency=latency)
    told = next(text for role, text in asked.turns if role == "user" and "site-" in text)
    site = told.split("site-", 1)[1][:5]
    done = len(asked.tool_results)
    if site.startswith("all"):
        return Reply(json.dumps({"survey.csv": found("the survey")}), reasoning=mark, latency=latency)
    if done < rounds:
        arguments = json.dumps({"path": f"notes/{done:02}.txt", "offset": None, "limit": NOTE})
        return Reply(calls=(ToolCall(f"c{done}", "read_file", arguments),), reasoning=mark, latency=latency)
    return Reply(json.dumps(found(f"site {site} holds the survey")), reasoning=mark, latency=latency)


def found(value: str) -> dict[str, object]:
    """One row of one claim, with a quote that stands in its source."""
    return {"rows": [{"finding": {"value": value, "source": "notes/00.txt", "quote": "Note 0 of the survey."}}]}


def planned(agents: int, rounds: int) -> str:
    """The planner's answer: one task a site, and one that puts them together."""
    field = [{"name": "finding", "type": "text", "note": ""}]
    reads = {"kind": "work", "role": "reader", "needs": [], "tools": ["read_file"], "steps": rounds + 2, "makes": []}
    tasks: list[dict[str, object]] = [
        {"id": f"s{n:05}", "goal": f"Read the notes of site-{n:05}.", "fields": field, **reads} for n in range(agents)
    ]
    needs = [task["id"] for task in tasks]
    tasks.append(
        {"id": "all", "kind": "aggregate", "role": "writer", "goal": "Put site-all together.", "needs": needs,
         "tools": [], "steps": 3, "makes": ["survey.csv"], "fields": []}
    )  # fmt: skip
    return json.dumps({"scope": "Read every site.", "objections": [], "fatal": [], "tasks": tasks})


@dataclass(frozen=True, slots=True)
class Job:
    """How large the run is, and how it is broken."""

    agents: int
    rounds: int
    kills: int
    seed: int
    latency: float

    @property
    def calls(self) -> int:
        """Of the agents of an undisturbed run, and of its planner."""
        return self.agents * (self.rounds + 1) + 2


@dataclass(slots=True)
class Log:
    """The server, and its log, read as it grows."""

    url: str
    file: BinaryIO
    asked: dict[int, str] = field(default_factory=dict[int, str])
    """Number of a request -> hash of its prompt, in the order of arrival."""
    billed: dict[int, int] = field(default_factory=dict[int, int])
    """Number -> nano-dollars, of those that cost something."""
    answered: set[str] = field(default_factory=set[str])
    """Prompts that had a good answer: how far the run has come, whatever was asked again."""
    began: dict[int, float] = field(default_factory=dict[int, float])
    """Number -> moment, in seconds of the monotonic clock, which all processes share."""
    ended: dict[int, float] = field(default_factory=dict[int, float])
    _rest: bytes = b""

    def steer(self, what: str) -> None:
        """`hold?after=N` or `release`; see `strop.testing.server`."""
        with urlopen(Request(f"{self.url}/{what}", method="POST")):
            return

    def read(self) -> None:
        """Take in what has come since."""
        *lines, self._rest = (self._rest + self.file.read()).split(b"\n")
        for line in map(orjson.loads, lines):
            if line["event"] == "asked":
                self.asked[line["n"]] = line["prompt"]
            else:
                self.began[line["n"]], self.ended[line["n"]] = line["started"], line["ended"]
                if line["nanos"]:
                    self.billed[line["n"]] = line["nanos"]
                    self.answered.add(self.asked[line["n"]])


@contextmanager
def project(job: Job, folder: Path) -> Generator[Log, None, None]:
    """A folder with notes, a spec and a server of its own; gives the server's log."""
    (folder / "notes").mkdir(parents=True)
    for n in range(job.rounds):
        (folder / "notes" / f"{n:02}.txt").write_text((f"Note {n} of the survey. " * 200)[:NOTE])
    counts = {"AGENTS_AND_ONE": job.agents + 1, "AGENTS": job.agents, "STEPS": job.agents * (job.rounds + 3) + 50}
    text = SPEC
    for name, count in counts.items():
        text = text.replace(name, str(count))
    (folder / "spec.md").write_text(text)
    log = folder / "server.jsonl"
    log.touch()
    place = {"KILL_LATENCY": str(job.latency), "KILL_AGENTS": str(job.agents), "KILL_ROUNDS": str(job.rounds)}
    command = [sys.executable, "-m", "strop.testing.server", "--script", "kill:answer", "--price", PRICE, "--log", log]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent, env=os.environ | place
    )
    try:
        with log.open("rb") as file:
            assert server.stdout is not None
            urls = json.loads(server.stdout.readline())
            (folder / "strop.toml").write_text(SETTINGS.replace("URL", urls["chat"]))
            yield Log(urls["url"], file)
    finally:
        server.terminate()
        server.communicate()


# ---------------------------------------------------------------- the client's side


def strop(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The real command in a process of its own; what it says goes into a file."""
    with (folder / "said.txt").open("ab") as said:
        command = [sys.executable, "-m", "strop", "run", *arguments, "--yes"]
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)


def finished(folder: Path, *arguments: str) -> None:
    """The command, to its good end."""
    process = strop(folder, *arguments)
    if process.wait() != 0:
        sys.exit(f"ended with {process.returncode}: {(folder / 'said.txt').read_text()[-2_000:]}")


def killed(job: Job, folder: Path, log: Log) -> list[float]:
    """Kill and resume as often as the job says, then let it end; the moments of the kills (monotonic)."""
    drawn = random.Random(job.seed)
    targets = sorted(drawn.randint(1, job.calls) for _ in range(job.kills))
    arguments: tuple[str, ...] = ("spec.md",)
    moments: list[float] = []
    for target in targets:
        before, asked = len(log.answered), len(log.asked)
        through = job.calls - 1 - before
        log.steer(f"hold?after={through}")
        process = strop(folder, *arguments)
        while (
            process.poll() is None and len(log.answered) < max(target, before + 1) and len(log.asked) <= asked + through
        ):
            time.sleep(LOOK)
            log.read()
        if process.poll() is not None:
            sys.exit(f"ended with {process.returncode} before its kill: {(folder / 'said.txt').read_text()[-2_000:]}")
        process.kill()
        process.wait()
        moments.append(time.monotonic())
        log.steer("release")
        arguments = ("--resume", only_run(folder).name)
    finished(folder, *arguments)
    return moments


def only_run(folder: Path) -> Path:
    """The folder of the one run there is."""
    (run,) = (folder / "runs").iterdir()
    return run


def files_of(folder: Path) -> dict[str, str]:
    """SHA-256 of everything a run delivered."""
    root = only_run(folder) / "files"
    found = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest() for path in found}


# ---------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `met` is None where a figure has no goal."""

    name: str
    figure: float
    unit: str
    goal: str = ""
    met: bool | None = None


def exactly(name: str, figure: float, goal: float, unit: str = "") -> Figure:
    """A figure that must be this."""
    return Figure(name, figure, unit, f"= {goal:g}", figure == goal)


def bought_again(log: Log, settled: set[int]) -> int:
    """Requests that came after the same prompt had been answered and the answer committed."""
    seen: set[str] = set()
    again = 0
    for number, prompt in sorted(log.asked.items()):
        again += prompt in seen
        if number in settled:
            seen.add(prompt)
    return again


def longest_unsaved(log: Log, settled: set[int], kills: Sequence[float]) -> float:
    """Of answers handed over and lost: the longest time that one had been there when the kill came, in seconds."""
    ends = [(log.began[number], log.ended[number]) for number in log.billed if number not in settled]
    return max((min(kill for kill in kills if kill >= began) - ended for began, ended in ends), default=0.0)


@dataclass(frozen=True, slots=True)
class Calm:
    """What the undisturbed run left."""

    files: dict[str, str]
    calls: int


def judged(job: Job, folder: Path, log: Log, *, kills: Sequence[float], calm: Calm) -> list[Figure]:
    """What the server's log says of the run that was killed."""
    log.read()
    events = read_journal(only_run(folder) / "journal.db")
    state: RunFold = fold(events)
    answers = [event.body for event in events if isinstance(event.body, CallAnswered)]
    settled = {int(answer.reasoning): answer.nanos for answer in answers}
    tally = state.run().tally
    bill = sum(log.billed.values())
    of_settled = sum(log.billed[number] for number in settled)
    files = files_of(folder)
    wrong = {name for name in files.keys() | calm.files.keys() if files.get(name) != calm.files.get(name)}
    unsaved = log.billed.keys() - settled.keys()
    return [
        exactly("kills", len(kills), job.kills),
        exactly("files that differ from the undisturbed run's", len(wrong), 0),
        exactly("answers on record", len(answers), calm.calls),
        exactly("answers on record twice", len(answers) - len({answer.request for answer in answers}), 0),
        exactly("committed answers asked for again", bought_again(log, set(settled)), 0),
        Figure("answers paid and lost in flight", len(unsaved), "", f"<= {tally.lost}", len(unsaved) <= tally.lost),
        Figure("calls booked as lost", tally.lost, ""),
        Figure("answers paid twice, as reported", tally.twice, "", f"<= {tally.lost}", tally.twice <= tally.lost),
        exactly("settled less the bill of the settled calls", sum(settled.values()) - of_settled, 0, "n$"),
        exactly("ledger less settled and lost", tally.nanos - tally.lost_nanos - sum(settled.values()), 0, "n$"),
        Figure("settled", sum(settled.values()) / 1e9, "$"),
        Figure("lost, at its worst case", tally.lost_nanos / 1e9, "$"),
        Figure("bill", bill / 1e9, "$", f"<= {tally.nanos / 1e9:.6f}", bill <= tally.nanos),
        Figure("longest that a lost answer had been there", longest_unsaved(log, set(settled), kills), "s"),
    ]


def measured(job: Job) -> list[Figure]:
    """Both runs, and what came of them."""
    with tempfile.TemporaryDirectory() as place:
        calm, rough = Path(place, "calm"), Path(place, "rough")
        with project(job, calm) as log:
            began = time.monotonic()
            finished(calm, "spec.md")
            alone = time.monotonic() - began
            log.read()
            undisturbed = Calm(files_of(calm), len(log.asked))
        with project(job, rough) as log:
            began = time.monotonic()
            kills = killed(job, rough, log)
            disturbed = time.monotonic() - began
            figures = judged(job, rough, log, kills=kills, calm=undisturbed)
        return [*figures, Figure("undisturbed", alone, "s"), Figure("killed and resumed", disturbed, "s")]


def main() -> int:
    """Print the table, with --json one last line for programs; exit code 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before each answer")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures = measured(Job(asked.agents, asked.rounds, asked.kills, asked.seed, asked.latency))
    for figure in figures:
        verdict = "" if figure.met is None else "met" if figure.met else "MISSED"
        print(f"{figure.name:<52} {figure.figure:>14,.6g} {figure.unit:<3} {figure.goal:>12} {verdict}", flush=True)
    if asked.json:
        print(json.dumps([asdict(figure) for figure in figures]))
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
