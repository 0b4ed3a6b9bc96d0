"""The crew on a real Ray: a host process killed, a driver killed, a driver that wakes up too late."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from cluster import PostgresServer
from crew_cast import Bill, Hold, SilentDesk, no_staff, staff, wide_plan
from crew_driver import AGENTS, TASKS

from strop.errors import MissingPart
from strop.seams import Assignment
from strop.stores.sqlite import SqliteJournal, read_journal
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import LoopClock, SeededChance
from strop.types.events import (
    AttemptEnded,
    CallAnswered,
    CallLost,
    Event,
    PlanApproved,
    PlanProposed,
    RunOpened,
)  # fmt: skip

pytest.importorskip("ray", reason="ray is not installed (extra `cluster`; it has no wheel for every platform)")
from strop.crews.ray_crew import RayCrew, start_ray, stop_ray

pytestmark = pytest.mark.anyio

SUPPORT = str(Path(__file__).parents[1] / "support")
STEPS = TASKS * 4 + 1


@pytest.fixture(autouse=True)
def leaves_nothing_open() -> None:
    """Not here: Ray lives for the session, opens connections and threads at any time, and reaps its own processes."""


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """A Ray of this machine for the tests of this file; its hosts find this folder's helpers."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([SUPPORT, *([before] if before else [])])
    folder = start_ray(cpus=4)
    import ray

    yield ray.get_runtime_context().gcs_address
    stop_ray(folder)
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def holding() -> Iterator[Callable[[Path], Hold]]:
    """Makes what holds calls until it is released; see `crew_cast.Hold`."""
    with ExitStack() as stack:
        yield lambda bill: stack.enter_context(closing(Hold(bill)))


def gone(process: int) -> bool:
    """Whether there is no such process, or only its remains."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_a_killed_host_costs_only_what_was_in_flight(
    ray_address: str, tmp_path: Path, holding: Callable[[Path], Hold], capfd: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL on a worker process whose calls are under way: all land, nothing committed is bought again."""
    bill, plan = Bill(tmp_path / "bill"), wide_plan(TASKS, agents=AGENTS)
    journal, hold = SqliteJournal(tmp_path / "journal.db", run="01RUN"), holding(bill.path)

    async def killing() -> int:
        await asyncio.to_thread(hold.held, AGENTS)
        host = bill.hosts()[0]
        os.kill(host, signal.SIGKILL)
        hold.release()
        return host

    crew = RayCrew(functools.partial(staff, bill=str(bill.path)), hosts=2, keep=lambda body: "")
    try:
        chief = Supervisor(journal, RunFold(), crew, LoopClock(), SeededChance(1), bill.watch)
        opened = RunOpened("01RUN", plan.spec.fingerprint, "0", plan.spec.budget)
        await chief.record(opened, PlanProposed(plan), PlanApproved(plan.fingerprint, "test"))
        async with asyncio.TaskGroup() as group:
            end = group.create_task(killing())
            await chief.carry_out(deadline=1e9)
        killed = end.result()
    finally:
        await crew.close()
        journal.close()
    events = [event.body for event in read_journal(tmp_path / "journal.db")]
    answers = [body for body in events if isinstance(body, CallAnswered)]
    lost = [body for body in events if isinstance(body, CallLost)]
    asked = [(key, int(pid[0])) for word, key, *pid in bill.lines() if word == "asked"]
    assert gone(killed)
    assert not fold(read_journal(tmp_path / "journal.db")).run().missing
    assert len(answers) == STEPS
    assert bill.bought_again() == []
    assert {body.attempt for body in events if isinstance(body, AttemptEnded)} == {1}, "no attempt was spent on it"
    # Whatever was asked twice was in flight on the dead host, and is booked as lost.
    twice = {key for key, _ in asked if sum(key == other for other, _ in asked) > 1}
    assert twice <= {key for key, pid in asked if pid == killed}
    assert 0 < len(asked) - STEPS <= len(lost) <= AGENTS
    assert "raylet" not in capfd.readouterr().out, "stdout is the result's alone"


class Driver:
    """A driver in a process of its own."""

    def __init__(self, folder: Path, address: str, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(SUPPORT) / "crew_driver.py"), str(folder), address, *([url] if url else [])],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def end(self) -> tuple[int, str]:
        """(exit code, what it said) when it is over."""
        out, err = self.process.communicate(timeout=180)
        return self.process.returncode, out + err


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Empty for the journal in the run's folder, else where it lies."""
    if request.param == "sqlite":
        return ""
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


def expire(url: str) -> None:
    """As if the dead driver's term were over."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        db.execute("UPDATE strop.lease SET expires = clock_timestamp() - interval '1 second'")


def events_of(folder: Path, url: str) -> tuple[Event, ...]:
    """The whole journal."""
    if not url:
        return read_journal(folder / "journal.db")
    from strop.stores.postgres import read_postgres

    return read_postgres(url, folder.name)


async def test_a_killed_driver_is_followed_by_another(
    ray_address: str, tmp_path: Path, holding: Callable[[Path], Hold], store_url: str
) -> None:
    """SIGKILL on the driver: its hosts end with it, a second one takes the run over and pays for nothing twice."""
    folder = tmp_path / "01RUN"
    folder.mkdir()
    hold = holding(folder / "bill")
    first = Driver(folder, ray_address, store_url)
    hold.held(AGENTS)
    first.process.kill()
    first.end()
    hold.release()
    before = len(events_of(folder, store_url))
    hosts = Bill(folder / "bill").hosts()
    if store_url:
        expire(store_url)

    code, said = Driver(folder, ray_address, store_url).end()

    assert (code, said.splitlines()[-1]) == (0, f"landed {TASKS + 1}"), said
    events = events_of(folder, store_url)
    assert {event.epoch for event in events[:before]} == {1}
    assert {event.epoch for event in events[before:]} == {2}
    assert Bill(folder / "bill").bought_again() == []
    assert sum(isinstance(event.body, CallAnswered) for event in events) == STEPS
    assert all(gone(host) for host in hosts), "hosts of the dead driver live on"


async def test_a_driver_that_wakes_up_too_late_writes_nothing(
    ray_address: str, tmp_path: Path, holding: Callable[[Path], Hold], postgres_server: PostgresServer
) -> None:
    """Stopped, taken over, woken up: its next append is refused, it ends, and the run is the second driver's alone."""
    folder, url = tmp_path / "01RUN", postgres_server.new_database()
    folder.mkdir()
    hold = holding(folder / "bill")
    zombie = Driver(folder, ray_address, url)
    hold.held(AGENTS)
    zombie.process.send_signal(signal.SIGSTOP)
    hold.release()
    expire(url)

    second = Driver(folder, ray_address, url).end()
    ended = events_of(folder, url)
    bought = Bill(folder / "bill").lines()
    zombie.process.send_signal(signal.SIGCONT)
    code, said = zombie.end()

    assert second[0] == 0, second[1]
    assert code == 70, said
    assert "another process took run 01RUN over; this one stops" in said
    assert events_of(folder, url) == ended
    assert [line for line in Bill(folder / "bill").lines()[len(bought) :] if line[0] == "asked"] == []
    epochs = [event.epoch for event in ended]
    assert epochs == sorted(epochs)
    assert Bill(folder / "bill").bought_again() == []


async def test_a_host_that_lacks_something_says_so_over_ray(ray_address: str) -> None:
    """The factory's refusal comes back as the error it is, and not as a dead host."""
    crew = RayCrew(no_staff, hosts=1, keep=lambda body: "")
    try:
        with pytest.raises(MissingPart, match="no key: set KIMI_API_KEY"):
            await crew.work(Assignment(wide_plan(1, agents=1).tasks[0], 1), desk=SilentDesk())
    finally:
        await crew.close()
