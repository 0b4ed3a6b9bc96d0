"""A driver in a process of its own, to be killed: `crew_driver.py FOLDER ADDRESS [POSTGRES-URL]`.

Takes the run in FOLDER up where its journal ends, with a crew on the Ray at ADDRESS. Prints at the end what
landed; a fault of the journal is printed and ends it with 70.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from pathlib import Path

from crew_cast import Bill, staff, wide_plan

from strop.crews.ray_crew import RayCrew
from strop.errors import JournalFault
from strop.seams import Journal
from strop.stores.sqlite import SqliteJournal
from strop.swarm.fold import fold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import LoopClock, SeededChance
from strop.types.events import PlanApproved, PlanProposed, RunOpened, RunReopened

TASKS, AGENTS = 6, 4


def opened(folder: Path, url: str) -> Journal:
    """The run's journal, for writing."""
    if not url:
        return SqliteJournal(folder / "journal.db", run=folder.name)
    from strop.stores.postgres import PostgresJournal

    return PostgresJournal(url, run=folder.name)


async def main(folder: Path, address: str, url: str = "") -> None:
    """Carry the run on to its end."""
    bill, plan = Bill(folder / "bill"), wide_plan(TASKS, agents=AGENTS)
    journal = opened(folder, url)

    crew = RayCrew(functools.partial(staff, bill=str(bill.path)), hosts=2, address=address, keep=lambda body: "")
    try:
        chief = Supervisor(journal, fold(journal.read()), crew, LoopClock(), SeededChance(1), bill.watch)
        if chief.state.opened is None:
            begun = RunOpened(folder.name, plan.spec.fingerprint, "0", plan.spec.budget)
            await chief.record(begun, PlanProposed(plan), PlanApproved(plan.fingerprint, "test"))
        else:
            await chief.record(RunReopened(chief.state.seconds))
        await chief.carry_out(deadline=1e9)
        print("landed", sum(result.landed for result in chief.state.run().results), flush=True)
    finally:
        await crew.close()
        journal.close()


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
    except JournalFault as caught:
        print(caught, flush=True)
        sys.exit(caught.exit_code)
