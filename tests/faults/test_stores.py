"""Stores that are locked, damaged or cut short under a real run, and what the next command makes of them.

A full disk stands in tests/cli/test_processes.py, every damaged byte in tests/stores/test_journal.py.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from strop.testing.wires import Asked, Reply

from .conftest import SITES, Survey, answered, site_of

pytestmark = pytest.mark.anyio

PAGE = 16_384
"""Bytes of a page of the journal."""


def bought_again(survey: Survey, before: int) -> int:
    """Good answers after the first `before` requests to prompts that had a good answer among those."""
    entries = survey.server.bill.entries
    known = {entry.prompt for entry in entries if entry.n <= before and entry.status == 200}
    return sum(entry.prompt in known for entry in entries if entry.n > before)


async def killed_before_the_end(survey: Survey) -> Path:
    """A run that was killed when only the summary was left to write; its journal."""
    made: list[Process] = []

    async def script(asked: Asked) -> Reply:
        if site_of(asked) == "all":
            made[0].kill()
            await made[0].wait()
        return answered(asked)

    survey.script = script
    async with survey.strop("run", "spec.md", "--yes") as child:
        made.append(child)
        await child.wait()
        assert child.returncode == -signal.SIGKILL
    survey.script = survey.answer
    return survey.only_run() / "journal.db"


@pytest.mark.parametrize("name", ["journal", "project"])
async def test_a_database_that_another_program_locks_ends_the_run_in_one_message(survey: Survey, name: str) -> None:
    """Exit 70 and what to do, after five seconds; unlocked, the run goes on and no committed answer is bought again."""
    opened: list[sqlite3.Connection] = []

    def locking(asked: Asked) -> Reply:
        if site_of(asked) == "all" and not opened:
            paths = {"journal": survey.only_run() / "journal.db", "project": survey.folder / ".strop" / "project.db"}
            opened.append(sqlite3.connect(paths[name], isolation_level=None, check_same_thread=False))
            opened[0].execute("BEGIN IMMEDIATE")
        return answered(asked)

    survey.script = locking
    told = await survey.told("run", "spec.md", "--yes")
    with closing(opened[0]):
        opened[0].execute("ROLLBACK")
    before = len(survey.server.bill.entries)
    again = await survey.told("run", "--resume", survey.only_run().name)

    assert told.code == 70, told.out + told.err
    assert f"process {os.getpid()} (" in told.err
    assert "holds it. Wait for it or stop it" in told.err
    assert f"strop run --resume {survey.only_run().name}" in told.err
    assert "Traceback" not in told.err
    assert again.code == 0, again.err
    assert "survey.csv" in survey.files()
    # The answer that the lock kept from the journal was in flight; it may be paid twice.
    assert bought_again(survey, before) <= 1


def in_the_middle(path: Path) -> None:
    """Other bytes in every page but the first."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for start in range(PAGE, size, PAGE):
            file.seek(start)
            file.write(os.urandom(64))


def cut(path: Path) -> None:
    """The file ends in the middle of a page."""
    os.truncate(path, path.stat().st_size // PAGE * PAGE - PAGE // 2)


@pytest.mark.parametrize("damage", [in_the_middle, cut], ids=["other bytes", "cut in the middle of a page"])
async def test_a_damaged_journal_is_refused_and_its_files_stand(survey: Survey, damage: Callable[[Path], None]) -> None:
    """Exit 70, one message; what was delivered is untouched, nothing is asked, and the list of runs is whole."""
    assert (await survey.told("run", "spec.md", "--yes")).code == 0
    files, run = survey.files(), survey.only_run()
    damage(run / "journal.db")
    asked = len(survey.server.bill.entries)
    told = await survey.told("run", "--resume", run.name)
    listed = await survey.told("runs")

    assert told.code == 70, told.out + told.err
    assert "the file is damaged. Keep a copy; what was delivered stands under files/" in told.err
    assert "Traceback" not in told.err
    assert survey.files() == files
    assert len(survey.server.bill.entries) == asked
    assert listed.code == 0
    assert run.name in listed.out


def shorten(log: Path, share: float) -> None:
    """The file ends in the middle of a page, after about this share of it."""
    os.truncate(log, int(log.stat().st_size * share) // PAGE * PAGE + PAGE // 3)


async def test_a_log_that_was_cut_in_the_middle_of_a_page_loses_its_tail_and_nothing_else(survey: Survey) -> None:
    """What is whole before the cut is taken up; what was behind it is bought again. The run ends as always."""
    journal = await killed_before_the_end(survey)
    whole = survey.answers()
    assert len(whole) == 1 + 3 * SITES
    shorten(journal.with_name("journal.db-wal"), 0.85)
    kept = survey.answers()
    before = len(survey.server.bill.entries)
    told = await survey.told("run", "--resume", survey.only_run().name)

    assert told.code == 0, told.out + told.err
    assert kept == whole[: len(kept)]
    assert 1 < len(kept) < len(whole)
    lost = len(whole) - len(kept)
    assert bought_again(survey, before) in (lost, lost + 1), "the summary may have been in flight"
    assert "survey.csv" in survey.files()


def no_tables(journal: Path) -> None:
    """As after a death while the journal was made."""
    os.truncate(journal.with_name("journal.db-wal"), 0)


def no_facts(journal: Path) -> None:
    """As after a death between the journal's making and its first commit."""
    with closing(sqlite3.connect(journal)) as db, db:
        db.execute("DELETE FROM event")


@pytest.mark.parametrize("left", [no_tables, no_facts])
async def test_a_run_that_died_before_its_first_fact_asks_nobody(survey: Survey, left: Callable[[Path], None]) -> None:
    """Exit 2 and how to start anew: what was ordered is not on record."""
    left(await killed_before_the_end(survey))
    before = len(survey.server.bill.entries)
    told = await survey.told("run", "--resume", survey.only_run().name, "--yes")

    assert told.code == 2, told.out + told.err
    assert "has nothing on record" in told.err
    assert "strop run SPEC" in told.err
    assert len(survey.server.bill.entries) == before
