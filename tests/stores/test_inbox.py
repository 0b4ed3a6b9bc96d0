"""The inbox: what one process puts in, the run's owner takes out once, whoever else is at it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from strop.errors import BadInput, JournalFault
from strop.stores.inbox import BudgetOrder, Inbox, StopOrder, owned
from strop.stores.project import ProjectDb
from strop.types.events import Answered, Asked
from strop.types.work import TaskId

ASKED = Asked("3f9c" + "0" * 60, TaskId("read-1/affairs"), 2, "outlier", "It costs 7x its siblings.", ("go-on", "end"))
OTHER = Asked("3f9d" + "0" * 60, TaskId("read-1/births"), 1, "outlier", "It costs 9x its siblings.", ("go-on", "end"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".strop" / "project.db"


def test_a_question_is_shown_as_it_was_asked(path: Path) -> None:
    """Whole text, options in order, the moment in UTC whatever the clock's zone; of one run or of all."""
    noon = datetime(2026, 5, 4, 12, 0, 7, 99, tzinfo=timezone(timedelta(hours=2)))
    inbox = Inbox(path, now=lambda: noon)
    inbox.ask("RUN1", ASKED)
    inbox.ask("RUN2", OTHER)
    first, second = inbox.open_questions()
    assert (first.id, first.run, first.task, first.attempt) == (ASKED.question, "RUN1", "read-1/affairs", 2)
    assert (first.kind, first.text, first.options) == ("outlier", ASKED.text, ("go-on", "end"))
    assert first.asked == "2026-05-04T10:00:07+00:00"
    assert second.run == "RUN2"
    assert inbox.open_questions("RUN2") == (second,)


def test_an_answer_is_taken_once_by_its_own_run(path: Path) -> None:
    """Another run's owner gets nothing, the own one gets it once, and the question is open no more."""
    inbox = Inbox(path)
    inbox.ask("RUN1", ASKED)
    assert inbox.answers("RUN1") == ()
    assert inbox.answer("3f9c", "end", by="user").run == "RUN1"
    assert inbox.open_questions() == ()
    assert inbox.answers("RUN2") == ()
    assert inbox.answers("RUN1") == (Answered(ASKED.question, "end", "user"),)
    inbox.used(*inbox.answers("RUN1"))
    assert inbox.answers("RUN1") == ()


REFUSALS = {
    "unknown": ("ffff", "end", "no question matches 'ffff'. Name it by its id"),
    "too short": ("3f9", "end", "no question matches '3f9'. Name it by its id or at least 4 signs"),
    "not offered": ("3f9c", "maybe", "question 3f9c00000000 offers go-on, end; 'maybe' is none of them"),
    "no pattern": ("3f9%", "end", "no question matches"),
    "answered": ("3f9d", "end", "was answered before, with 'go-on'"),
    "withdrawn": ("aaaa", "end", "was withdrawn when its run ended. Go on with: strop run --resume RUN2"),
    "several": ("bbbb", "end", "2 questions match 'bbbb'"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_answer_that_cannot_count_is_refused_with_the_next_move(name: str, path: Path) -> None:
    """And changes nothing: neither what is open nor what was answered."""
    inbox = Inbox(path)
    inbox.ask("RUN2", replace(ASKED, question="aaaa"))
    inbox.withdraw("RUN2")
    for asked in (ASKED, OTHER, replace(ASKED, question="bbbb1"), replace(ASKED, question="bbbb2")):
        inbox.ask("RUN1", asked)
    inbox.answer(OTHER.question, "go-on", by="user")
    before = inbox.open_questions()
    question, option, message = REFUSALS[name]
    with pytest.raises(BadInput, match=message):
        inbox.answer(question, option, by="someone else")
    assert inbox.open_questions() == before
    assert inbox.answers("RUN1") == (Answered(OTHER.question, "go-on", "user"),)


def test_asking_again_keeps_what_was_said(path: Path) -> None:
    """The owner asks anew what is open by its journal: open stays open, an answer stays, withdrawn opens."""
    inbox = Inbox(path)
    inbox.ask("RUN1", ASKED)
    inbox.ask("RUN1", ASKED)
    assert len(inbox.open_questions()) == 1
    inbox.withdraw("RUN1")
    assert inbox.open_questions() == ()
    inbox.ask("RUN1", ASKED)
    assert len(inbox.open_questions()) == 1
    inbox.answer(ASKED.question, "end", by="user")
    inbox.ask("RUN1", ASKED)
    assert inbox.answers("RUN1") == (Answered(ASKED.question, "end", "user"),)


def test_what_did_not_reach_the_journal_is_there_again(path: Path) -> None:
    """The owner died after reading it: its successor finds the answer and the caps; a stop was for the one before."""
    inbox = Inbox(path)
    inbox.ask("RUN1", ASKED)
    inbox.answer(ASKED.question, "end", by="user")
    inbox.raise_budget("RUN1", {"usd": "8"}, by="user")
    inbox.request_stop("RUN1", by="user")
    taken = inbox.answers("RUN1"), inbox.orders("RUN1")[:1]
    assert len(inbox.orders("RUN1")) == 2
    inbox.begin("RUN1")
    inbox.ask("RUN1", ASKED)
    assert inbox.open_questions() == ()
    assert (inbox.answers("RUN1"), inbox.orders("RUN1")) == taken


def test_orders_come_in_the_order_they_were_given_and_once(path: Path) -> None:
    """Stops and budget edits of one run; another's wait for their own owner."""
    inbox = Inbox(path)
    inbox.raise_budget("RUN1", {"usd": "8", "steps": "6000"}, by="user")
    inbox.request_stop("RUN2", by="user")
    inbox.request_stop("RUN1", by="user", reason="wrong inputs")
    inbox.raise_budget("RUN1", {"usd": "9"}, by="user")
    assert inbox.orders("RUN1") == (
        BudgetOrder("user", (("usd", "8"), ("steps", "6000"))),
        StopOrder("user", "wrong inputs"),
        BudgetOrder("user", (("usd", "9"),)),
    )
    inbox.used(*inbox.orders("RUN1"))
    assert inbox.orders("RUN1") == ()
    assert inbox.orders("RUN2") == (StopOrder("user", ""),)


def test_what_a_closed_run_was_told_is_gone(path: Path) -> None:
    """A stop that came too late does not stop the run that goes on from there."""
    inbox = Inbox(path)
    inbox.request_stop("RUN1", by="user")
    inbox.request_stop("RUN2", by="user")
    inbox.withdraw("RUN1")
    assert inbox.orders("RUN1") == ()
    assert len(inbox.orders("RUN2")) == 1


AT_IT = """
import sys
from pathlib import Path
from strop.stores.inbox import Inbox
path, name = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
inbox = Inbox(path, patience=60.0)
for number in range(25):
    inbox.request_stop("RUN", by=name, reason=str(number))
    mine = [order for order in inbox.orders("RUN") if order.by == name]
    inbox.used(*mine)
    inbox.used(*mine)
    print(*(order.reason for order in mine))
"""


def test_processes_at_once_lose_nothing_and_use_nothing_twice(path: Path) -> None:
    """Three processes make the database, put in and take out without a pause: each order arrives once, in turn."""
    names = "abc"
    children = [child(AT_IT, path, name) for name in names]
    for each in children:
        say(each, "go")
    told = [each.communicate(timeout=120)[0] for each in children]
    assert [each.returncode for each in children] == [0, 0, 0]
    assert [out.splitlines() for out in told] == 3 * [[str(number) for number in range(25)]]
    assert Inbox(path).orders("RUN") == ()


def child(script: str, path: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def ended(process: subprocess.Popen[str]) -> int:
    with process:
        assert process.stdin is not None
        process.stdin.close()
        return process.wait(timeout=60)


def test_two_answers_at_once_count_as_one(path: Path) -> None:
    """Of four processes that answer one question, one is told yes and three are refused."""
    inbox = Inbox(path)
    inbox.ask("RUN1", ASKED)
    script = (
        "import sys; from pathlib import Path\n"
        "from strop.errors import BadInput; from strop.stores.inbox import Inbox\n"
        "sys.stdin.readline()\n"
        "try: Inbox(Path(sys.argv[1])).answer('3f9c', 'end', by=sys.argv[2])\n"
        "except BadInput: sys.exit(2)\n"
    )
    racers = [child(script, path, str(number)) for number in range(4)]
    for racer in racers:
        say(racer, "go")
    assert sorted(ended(racer) for racer in racers) == [0, 2, 2, 2]
    (taken,) = inbox.answers("RUN1")
    assert taken.answer == "end"


def test_a_held_database_is_waited_for_no_longer_than_said(path: Path) -> None:
    """Whoever must not be held up gets a fault at once, and nothing of it is half done."""
    inbox = Inbox(path, patience=0.0)
    inbox.request_stop("RUN1", by="user")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalFault, match=rf"process {os.getpid()} \(.*\) holds it. Wait for it or stop it"):
            inbox.used(*inbox.orders("RUN1"))
        other.execute("ROLLBACK")
    assert len(inbox.orders("RUN1")) == 1


def test_whoever_finds_the_database_held_waits_for_it(path: Path) -> None:
    """Also for what first reads and then writes: it asks for the right to write at its start."""
    inbox = Inbox(path, patience=60.0)
    inbox.ask("RUN1", ASKED)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor() as pool:
        other.execute("BEGIN IMMEDIATE")
        answering = pool.submit(inbox.answer, "3f9c", "end", by="user")
        wait([answering], timeout=0.5)
        other.execute("ROLLBACK")
        assert answering.result(timeout=60).id == ASKED.question


def test_it_lives_beside_the_library(path: Path) -> None:
    """In the project's own database, whichever was opened first; a file that is none is refused by name."""
    Inbox(path).request_stop("RUN1", by="user")
    assert ProjectDb(path).runs() == ()
    assert len(Inbox(path).orders("RUN1")) == 1
    path.write_bytes(b"no database at all, but long enough for a header" * 40)
    with pytest.raises(JournalFault, match=r"project\.db"):
        Inbox(path)


def test_the_moment_is_now_unless_said(path: Path) -> None:
    """UTC."""
    before = datetime.now(UTC).replace(microsecond=0)
    inbox = Inbox(path)
    inbox.ask("RUN1", ASKED)
    assert before <= datetime.fromisoformat(inbox.open_questions()[0].asked) <= datetime.now(UTC)


def test_a_run_is_owned_while_its_lock_is_held(tmp_path: Path) -> None:
    """And looking does not take it away from anybody."""
    journal = tmp_path / "journal.db"
    assert not owned(journal)
    with open(tmp_path / "journal.lock", "ab") as lock:
        assert not owned(journal)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert owned(journal)
        assert owned(journal)
    assert not owned(journal)
