"""What a commit costs when the agent is on Ray, and when the journal is in PostgreSQL, beside the plain ways.

`python benchmarks/scale.py --ray --postgres postgresql://USER@HOST/DATABASE`; without either there is nothing
to measure. An agent records one fact and waits for the acknowledgement, over and over; nothing else happens.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from strop.crews.host import Home
from strop.crews.local import LocalCrew
from strop.seams import Assignment, Crew, Desk, Journal
from strop.stores.sqlite import SqliteJournal
from strop.types.events import Body, StopRequested
from strop.types.schema import Object
from strop.types.trial import Result
from strop.types.work import Task, TaskId, TaskKind

FACTS = 200
"""Facts an agent records one after the other."""


class Recorder:
    """A worker that does nothing but record."""

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        began = time.perf_counter()
        for number in range(FACTS):
            await desk.record(StopRequested(f"{number}" + "x" * 300))
        return Result(assignment.task.id, output=str(time.perf_counter() - began))


@asynccontextmanager
async def recorders(home: Home) -> AsyncGenerator[Recorder, None]:
    """What a host is given."""
    del home
    yield Recorder()


class OpenDesk:
    """Acknowledges at once."""

    async def record(self, *facts: Body) -> None:
        del facts

    async def rest(self, seconds: float) -> None:
        del seconds

    def recorded(self, task: str, attempt: int, step: int) -> Sequence[Body]:
        return ()


async def a_commit(crew: Crew, *, agents: int) -> float:
    """Milliseconds a fact takes from the agent to the desk and back, seen by one of `agents` at once."""
    tasks = [Task(TaskId(f"t{number}"), TaskKind.WORK, "worker", "", Object(()), "") for number in range(agents)]
    results = await asyncio.gather(*(crew.work(Assignment(task, 1), desk=OpenDesk()) for task in tasks))
    return sum(float(result.output) for result in results) / agents / FACTS * 1e3


async def an_append(journal: Journal, *, facts: int) -> float:
    """Milliseconds an append of so many facts takes, one after the other."""
    began = time.perf_counter()
    for _ in range(FACTS):
        await journal.append([StopRequested("x" * 300)] * facts, at=0.0)
    return (time.perf_counter() - began) / FACTS * 1e3


async def of_ray() -> list[tuple[str, float]]:
    """Rows of the table."""
    from strop.crews.ray_crew import RayCrew

    rows: list[tuple[str, float]] = []
    local, ray = LocalCrew(Recorder()), RayCrew(recorders, hosts=2, keep=lambda body: "")
    try:
        await asyncio.gather(*(a_commit(ray, agents=1) for _ in range(2)))  # both hosts are up from here on
        for agents in (1, 100):
            rows.append(
                (f"record to acknowledgement, this process, {agents} agents", await a_commit(local, agents=agents))
            )
            rows.append(
                (f"record to acknowledgement, Ray, 2 hosts, {agents} agents", await a_commit(ray, agents=agents))
            )
    finally:
        await ray.close()
    return rows


async def of_postgres(url: str) -> list[tuple[str, float]]:
    """Rows of the table. Leaves two runs of this benchmark in the database."""
    from strop.stores.postgres import PostgresJournal

    rows: list[tuple[str, float]] = []
    for facts in (1, 100):
        with tempfile.TemporaryDirectory() as folder:
            journals: dict[str, Journal] = {
                "SQLite": SqliteJournal(Path(folder) / "journal.db", run="bench"),
                "PostgreSQL": PostgresJournal(url, run=f"benchmark-{secrets.token_hex(6)}"),
            }
            for name, journal in journals.items():
                rows.append((f"append of {facts} facts, {name}", await an_append(journal, facts=facts)))
                journal.close()
    return rows


async def main() -> None:
    """Measure what was asked for; print the table."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--ray", action="store_true")
    reader.add_argument("--postgres", metavar="URL", default="")
    reader.add_argument("--json", action="store_true")
    asked = reader.parse_args()
    rows = await of_ray() if asked.ray else []
    rows += await of_postgres(asked.postgres) if asked.postgres else []
    for name, figure in rows:
        print(f"{name:58} {figure:8.2f} ms")
    if not rows:
        print("nothing to measure: name --ray, --postgres URL, or both")
    if asked.json:
        table = [
            {"name": name, "figure": round(figure, 3), "unit": "ms", "goal": None, "met": None} for name, figure in rows
        ]
        print(orjson.dumps(table).decode())


if __name__ == "__main__":
    asyncio.run(main())
