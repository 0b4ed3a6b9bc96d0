"""The real command with agents on a real Ray and its journal in a real PostgreSQL; a host and a driver are killed.

The model server is a process of its own, so its log outlives every client and is the oracle of what was paid.
Ray is started once, by another process: drivers join it, as they would join a cluster.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import orjson
import pytest
from cluster import PASSWORD, PostgresServer

from strop.testing.wires import CHAT
from strop.types.events import CallAnswered, CallLost, Event

if TYPE_CHECKING:
    from .conftest import Papers

pytest.importorskip("ray", reason="ray is not installed (extra `cluster`; it has no wheel for every platform)")

HERE = Path(__file__).parent
AGENTS = 6
HOSTS = 2
LONGEST = 300.0
"""Seconds after which what should have ended is stuck."""
BEFORE_THE_KILL = 12
"""Requests that are answered first: some readers have landed, none of the comparisons."""
RAY = f"""
import sys
from strop.crews.ray_crew import start_ray, stop_ray
folder = start_ray(cpus={HOSTS})
import ray
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
stop_ray(folder)
"""


@contextmanager
def child(*arguments: str, **more: str) -> Generator[subprocess.Popen[str]]:
    """A helper process that prints one line when it is ready; ended by SIGTERM or the end of its stdin."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE,
        env={**os.environ, **more},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.communicate(timeout=60)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, "it ended before it was ready"
    return line


# ---------------------------------------------------------------- who is asked


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A test server in a process of its own, and its log."""

    url: str
    chat: str
    messages: str
    log: Path

    @property
    def worker(self) -> str:
        return f"openai:{self.chat}#worker-model"

    @property
    def strong(self) -> str:
        return f"anthropic:{self.messages}#strong-model"

    @property
    def lines(self) -> int:
        return len(self._read())

    def asked(self, *, since: int = 0, until: int | None = None) -> Counter[str]:
        """How often each prompt was asked, in these lines of the log."""
        return Counter(str(line["prompt"]) for line in self._read()[since:until] if line["event"] == "asked")

    def read(self, *, since: int = 0) -> Counter[str]:
        """What the worker's model was asked: a gate's planted flaws are another run's others."""
        found = (line for line in self._read()[since:] if line["event"] == "asked" and line["wire"] == CHAT)
        return Counter(str(line["prompt"]) for line in found)

    def answered(self, *, since: int = 0, until: int | None = None) -> Counter[str]:
        """How often each prompt was answered to the last byte."""
        ended = (line for line in self._read()[since:until] if line["event"] == "ended")
        return Counter(str(line["prompt"]) for line in ended if line["status"] == 200 and line["delivered"])

    def steer(self, what: str) -> None:
        """See `strop.testing.server`; returns when it is so."""
        method = "GET" if what.startswith("held") else "POST"
        with urlopen(Request(f"{self.url}/{what}", method=method), timeout=LONGEST) as response:
            assert response.status == 204

    def _read(self) -> list[Mapping[str, object]]:
        return [orjson.loads(line) for line in self.log.read_bytes().splitlines()] if self.log.exists() else []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """The village's team behind a server that is not in a hurry."""
    log = tmp_path_factory.mktemp("server") / "asked.jsonl"
    with child("-m", "strop.testing.server", "--script", "conftest:unhurried", "--log", str(log)) as process:
        urls = orjson.loads(first_line(process))
        yield ModelServer(urls["url"], urls["chat"], urls["messages"], log)
        process.terminate()


@dataclass(frozen=True, slots=True)
class Ray:
    """A Ray that some other process started."""

    address: str
    parent: int

    def hosts(self) -> list[int]:
        """Process ids of the hosts that live on it now."""
        return [each for each in descendants(self.parent) if said_of(each, "cmdline").startswith("ray::_Actor")]


@pytest.fixture(scope="module")
def ray() -> Iterator[Ray]:
    """A cluster with room for two hosts."""
    with child("-c", RAY) as process:
        yield Ray(first_line(process), process.pid)


def descendants(process: int) -> list[int]:
    """Every process below this one, by the kernel's own list."""
    found: list[int] = []
    for listing in Path(f"/proc/{process}/task").glob("*/children"):
        for each in map(int, listing.read_text().split()):
            found += [each, *descendants(each)]
    return found


def said_of(process: int, what: str) -> str:
    """What the kernel says of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{process}/{what}").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def gone(process: int) -> bool:
    """Whether there is no such process, or only its remains."""
    return said_of(process, "stat").rpartition(")")[2].split()[:1] in ([], ["Z"])


# ---------------------------------------------------------------- who asks


@dataclass(frozen=True, slots=True)
class Home:
    """A project folder, and the command in it."""

    folder: Path
    server: ModelServer

    @property
    def models(self) -> tuple[str, ...]:
        return "--worker", self.server.worker, "--planner", self.server.strong, "--verifier", self.server.strong

    @property
    def runs(self) -> list[Path]:
        return sorted((self.folder / "runs").glob("*"))

    @property
    def run(self) -> Path:
        (only,) = self.runs
        return only

    def files(self) -> dict[str, str]:
        """SHA-256 of everything the run delivered."""
        root = self.run / "files"
        return {path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest() for path in root.rglob("*.*")}

    def start(self, *arguments: str, password: str = PASSWORD) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "strop", *arguments], cwd=self.folder, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1", "PGPASSWORD": password,
                 "RAY_AUTH_MODE": "token"},
        )  # fmt: skip

    def strop(self, *arguments: str, password: str = PASSWORD) -> tuple[int, str, str]:
        """The command to its end: (exit code, stdout, stderr)."""
        process = self.start(*arguments, password=password)
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"no end in sight: {process.communicate()}") from None
        return process.returncode, out, err


def new_home(folder: Path, server: ModelServer, papers: Papers) -> Home:
    """A project; two of them differ in nothing but their folder."""
    (folder / "inputs").mkdir(parents=True)
    for name, text in papers.notes.items():
        (folder / "inputs" / name).write_text(text)
    (folder / "spec.md").write_text(papers.spec.replace("agents: 20", f"agents: {AGENTS}"))
    (folder / "strop.toml").write_text(papers.settings(chat=server.chat, messages=server.messages))
    return Home(folder, server)


@pytest.fixture
def home(tmp_path: Path, server: ModelServer, papers: Papers) -> Home:
    """A project in a folder of its own."""
    return new_home(tmp_path / "project", server, papers)


@dataclass(frozen=True, slots=True)
class Calm:
    """A run that nothing happened to, on one machine."""

    files: Mapping[str, str]
    asked: Counter[str]
    read: Counter[str]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, server: ModelServer, papers: Papers) -> Calm:
    """Agents in the driver, the journal in SQLite."""
    home, before = new_home(tmp_path_factory.mktemp("calm") / "project", server, papers), server.lines
    code, _, err = home.strop("run", "spec.md", "--yes", *home.models)
    assert code == 0, err
    return Calm(home.files(), server.asked(since=before), server.read(since=before))


def heard(process: subprocess.Popen[str], words: str) -> None:
    """Wait until the driver says so."""
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if re.search(words, line):
            return
    raise AssertionError(f"it ended without saying {words!r}: {''.join(said)[-3000:]}")


def without_password(url: str) -> str:
    """The address as it may stand in a project."""
    return url.replace(f":{PASSWORD}@", "@")


def free_port() -> int:
    """Where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_of_term(url: str, *, hours: int) -> None:
    """As if the dead driver's term ended so many hours from now."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        db.execute("UPDATE strop.lease SET expires = clock_timestamp() + make_interval(hours => %s)", (hours,))


def events_of(url: str, run: str) -> tuple[Event, ...]:
    from strop.stores.postgres import read_postgres

    return read_postgres(url, run)


# ---------------------------------------------------------------- promises


def test_a_run_on_a_cluster_gives_the_same_files(
    home: Home, server: ModelServer, calm: Calm, ray: Ray, postgres_server: PostgresServer
) -> None:
    """Agents on two Ray hosts, journal in PostgreSQL: the same questions, the same bytes, and no file for a journal."""
    url, before = postgres_server.new_database(), server.lines

    code, out, err = home.strop(
        "run", "spec.md", "--yes", *home.models, "--crew", f"ray:{ray.address}", "--store", without_password(url)
    )

    assert code == 0, out + err
    assert home.files() == calm.files
    assert server.read(since=before) == calm.read
    assert (home.run / "journal.url").read_text() == f"{without_password(url)}\n"
    assert not (home.run / "journal.db").exists()
    answers = [event for event in events_of(url, home.run.name) if isinstance(event.body, CallAnswered)]
    assert len(answers) == calm.asked.total()
    assert ray.hosts() == [], "hosts outlive their run"


def test_a_host_and_then_the_driver_are_killed_and_the_run_ends_with_the_same_files(
    home: Home, server: ModelServer, calm: Calm, ray: Ray, postgres_server: PostgresServer
) -> None:
    """SIGKILL on a host, later on the driver: resumed from the run's folder alone, nothing answered is bought again."""
    url, before = postgres_server.new_database(), server.lines
    store = without_password(url)
    server.steer(f"hold?after={BEFORE_THE_KILL}")
    driver = home.start(
        "run", "spec.md", "--yes", *home.models, "--crew", f"ray:{ray.address}", "--store", store
    )  # fmt: skip
    try:
        # No host has more than its share of the agents, so with one call more than that each host has one open.
        server.steer(f"held?calls={AGENTS // HOSTS + 1}")
        hosts = ray.hosts()
        os.kill(hosts[0], signal.SIGKILL)
        heard(driver, "HostDied")
    finally:
        driver.kill()
        driver.communicate()
        server.steer("release")
    end_of_term(url, hours=1)
    run = home.run.name
    first = events_of(url, run)

    held = home.strop("run", "--resume", run)
    listed, shown = home.strop("runs"), home.strop("show", run, "--json")
    end_of_term(url, hours=-1)
    code, out, err = home.strop("run", "--resume", run, "--crew", f"ray:{ray.address}")

    assert len(hosts) == HOSTS
    assert held[0] == 70
    assert "this run is being written by" in held[2]
    assert listed[0] == 0
    assert run in listed[1]
    assert "unfinished" in listed[1]
    assert orjson.loads(shown[1])["tally"]["calls"] >= sum(isinstance(event.body, CallAnswered) for event in first)
    assert code == 0, out + err
    assert home.files() == calm.files
    whole = events_of(url, run)
    assert whole[: len(first)] == first
    assert {event.epoch for event in whole[len(first) :]} == {2}
    asked, answers = server.asked(since=before), [e.body for e in whole if isinstance(e.body, CallAnswered)]
    assert server.read(since=before).keys() == calm.read.keys(), "the same questions"
    assert len({answer.request for answer in answers}) == len(answers) == calm.asked.total()
    lost = [event.body for event in first if isinstance(event.body, CallLost)]
    assert lost, "the dead host's calls are booked as lost"
    assert all(call.failure.startswith("HostDied") for call in lost)
    assert asked.total() - calm.asked.total() <= 2 * AGENTS, "only what was in flight at either death"


@pytest.mark.parametrize(
    ("store", "code", "said"),
    [
        ("mysql://strop@127.0.0.1/strop", 2, "write sqlite, or postgresql://user@host/database"),
        ("postgresql://[oops/strop", 2, "cannot be read"),
        ("postgresql://strop:open-sesame-7@127.0.0.1/strop", 2, "Set PGPASSWORD"),
        ("postgresql://postgres@127.0.0.1:{free}/strop", 70, "nobody answers there"),
        ("postgresql://postgres@127.0.0.1:{port}/nowhere", 70, "no such database"),
        ("postgresql://nobody@127.0.0.1:{port}/postgres", 70, "the password was refused"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_message_and_nothing_is_begun(
    home: Home, server: ModelServer, postgres_server: PostgresServer, store: str, code: int, said: str
) -> None:
    """One line with the next move, its exit code, no folder of a run, nobody asked."""
    before = server.lines
    address = store.format(port=postgres_server.port, free=free_port())

    ended, out, err = home.strop("run", "spec.md", "--yes", *home.models, "--store", address)

    assert (ended, out) == (code, "")
    assert re.search(said, err), err
    assert PASSWORD not in err
    assert err.count("\n") == 1, "one message"
    assert home.runs == []
    assert server.lines == before
