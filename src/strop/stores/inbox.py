"""What other processes say to a run: answers to its questions, stops and budget edits, as rows in `project.db`.

The process that owns the run reads them, journals each, and only then marks it as used: an owner that dies
between the two leaves the row for the next. To hear one again changes nothing: a question's id is the hash of what
was asked, and is open on record only until it is answered; a stop that is on record stops once; caps only rise.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias, cast

import orjson

from strop.errors import BadInput
from strop.stores.opening import opened
from strop.types.events import Answered, Asked

_TABLES = ("question", "request")
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS question(
        id TEXT PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL, attempt INTEGER NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL, options TEXT NOT NULL, asked TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'taken', 'withdrawn')),
        answer TEXT NOT NULL DEFAULT '', by TEXT NOT NULL DEFAULT '') STRICT""",
    """CREATE TABLE IF NOT EXISTS request(
        id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('stop', 'budget')),
        by TEXT NOT NULL, body TEXT NOT NULL, asked TEXT NOT NULL) STRICT""",
    "CREATE INDEX IF NOT EXISTS request_run ON request(run)",
    "CREATE INDEX IF NOT EXISTS question_run ON question(run, state)",
)
SHORTEST = 4
"""Characters of a question's id that a person must give."""
PATIENCE = 5.0
"""Seconds to wait for another process's transaction."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that waits for a person."""

    id: str
    run: str
    task: str
    attempt: int
    kind: str
    text: str
    options: tuple[str, ...]
    asked: str
    """UTC, ISO 8601 to the second."""


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Somebody asked for an orderly end."""

    by: str
    reason: str
    id: int = field(default=0, compare=False)
    """Its row, to mark it as used."""


@dataclass(frozen=True, slots=True)
class BudgetOrder:
    """Somebody approved higher caps."""

    by: str
    changes: tuple[tuple[str, str], ...]
    """(key, value) as the spec's `budget:` writes them: `("usd", "8")`."""
    id: int = field(default=0, compare=False)


InboxOrder: TypeAlias = StopOrder | BudgetOrder


def _utc() -> datetime:
    return datetime.now(UTC)


class Inbox:
    """Opens a connection a transaction, as `ProjectDb` does; any process of the project may."""

    def __init__(self, path: Path, *, now: Callable[[], datetime] = _utc, patience: float = PATIENCE) -> None:
        """Make the tables where they are missing.

        Args:
            path: `.strop/project.db`.
            now: the moment, in UTC; people read it, nothing is decided by it.
            patience: seconds to wait for another process's transaction. Whoever must not be held up takes little.

        Raises:
            JournalFault: the folder cannot be written, or the file is no database.
        """
        self._path, self._now, self._patience = path, now, patience
        with self._open() as db:
            if not _has_tables(db):
                with _transaction(db):
                    for statement in _SCHEMA:
                        db.execute(statement)

    def ask(self, run: str, asked: Asked) -> None:
        """Put in a question that is open by the run's journal. Doing it again changes nothing.

        One that was withdrawn is open again; an answer that was taken and did not reach the journal is there again.
        """
        row = (
            asked.question, run, asked.task, asked.attempt, asked.kind, asked.text,
            orjson.dumps(asked.options).decode(), self._moment,
        )  # fmt: skip
        with self._open() as db:
            db.execute(
                "INSERT INTO question (id, run, task, attempt, kind, text, options, asked, state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open') ON CONFLICT (id) DO UPDATE SET state = "
                "CASE WHEN state = 'open' OR answer = '' THEN 'open' ELSE 'answered' END",
                row,
            )

    def open_questions(self, run: str | None = None) -> tuple[Question, ...]:
        """What waits for an answer, of one run or of all; oldest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, run, task, attempt, kind, text, options, asked FROM question "
                "WHERE state = 'open' AND run = coalesce(?, run) ORDER BY asked, rowid",
                (run,),
            ).fetchall()
        return tuple(_question(row) for row in rows)

    def answer(self, question: str, option: str, *, by: str) -> Question:
        """Answer a question, named by its id or a unique beginning of it; the question that was meant.

        Raises:
            BadInput: no such question or several, no such option, or somebody answered before.
        """
        with self._open() as db, _transaction(db):
            row, state, before = _only(db, question)
            meant = _question(row)
            _refuse_closed(state, before, run=meant.run)
            if option not in meant.options:
                raise BadInput(
                    f"question {meant.id[:12]} offers {', '.join(meant.options)}; {option!r} is none of them"
                )
            db.execute(
                "UPDATE question SET state = 'answered', answer = ?, by = ? WHERE id = ?", (option, by, meant.id)
            )
        return meant

    def answers(self, run: str) -> tuple[Answered, ...]:
        """The answers that nobody has used, oldest question first. Who has journaled one says so with `used`."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, answer, by FROM question WHERE run = ? AND state = 'answered' ORDER BY asked, rowid", (run,)
            ).fetchall()
        return tuple(Answered(*row) for row in rows)

    def used(self, *said: Answered | InboxOrder) -> None:
        """These are on record now; saying it again changes nothing."""
        with self._open() as db, _transaction(db):
            for each in said:
                if isinstance(each, Answered):
                    db.execute("UPDATE question SET state = 'taken' WHERE id = ?", (each.question,))
                else:
                    db.execute("DELETE FROM request WHERE id = ?", (each.id,))

    def withdraw(self, run: str) -> None:
        """Take back what the run still asks, and what it was still told: it closed, or is about to begin anew."""
        with self._open() as db, _transaction(db):
            db.execute("UPDATE question SET state = 'withdrawn' WHERE run = ? AND state = 'open'", (run,))
            db.execute("DELETE FROM request WHERE run = ?", (run,))

    def begin(self, run: str) -> None:
        """A new life of the run: stops that the one before did not hear are void. Caps that were approved are not."""
        with self._open() as db, _transaction(db):
            db.execute("DELETE FROM request WHERE run = ? AND kind = 'stop'", (run,))

    def request_stop(self, run: str, *, by: str, reason: str = "") -> None:
        """Ask the run's owner for an orderly end."""
        self._request(run, "stop", by, reason)

    def raise_budget(self, run: str, changes: Mapping[str, str], *, by: str) -> None:
        """Tell the run's owner of higher caps, by the keys of the spec's budget."""
        self._request(run, "budget", by, orjson.dumps(dict(changes)).decode())

    def orders(self, run: str) -> tuple[InboxOrder, ...]:
        """Stops and budget edits that nobody has used, in the order they were given; see `answers`."""
        with self._open() as db:
            rows = db.execute("SELECT id, kind, by, body FROM request WHERE run = ? ORDER BY id", (run,)).fetchall()
        return tuple(_order(*row) for row in rows)

    def _request(self, run: str, kind: str, by: str, body: str) -> None:
        with self._open() as db:
            db.execute(
                "INSERT INTO request (run, kind, by, body, asked) VALUES (?, ?, ?, ?, ?)",
                (run, kind, by, body, self._moment),
            )

    @property
    def _moment(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="seconds")

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._path, patience=self._patience)


def owned(journal: Path) -> bool:
    """Whether a process holds the run of this journal now.

    Looking takes the lock for some microseconds, so an owner that starts at that very moment may be refused.
    """
    try:
        with open(journal.with_suffix(".lock"), "rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def _transaction(db: sqlite3.Connection) -> Generator[None, None, None]:
    """Commit all or nothing. IMMEDIATE waits for the right to write at the start, where that cannot deadlock."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if db.in_transaction:  # SQLite may have rolled back by itself
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _has_tables(db: sqlite3.Connection) -> bool:
    found = db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)", _TABLES).fetchone()
    return found[0] == len(_TABLES)


_Row: TypeAlias = tuple[str, str, str, int, str, str, str, str]


def _question(row: _Row) -> Question:
    name, run, task, attempt, kind, text, options, asked = row
    return Question(name, run, task, attempt, kind, text, tuple(orjson.loads(options)), asked)


def _only(db: sqlite3.Connection, name: str) -> tuple[_Row, str, str]:
    """(the question's row, its state, its answer).

    Raises:
        BadInput: there is none, or several.
    """
    rows = db.execute(
        "SELECT id, run, task, attempt, kind, text, options, asked, state, answer FROM question "
        "WHERE substr(id, 1, ?) = ? LIMIT 2",
        (len(name), name),
    ).fetchall()
    if len(name) < SHORTEST or len(rows) != 1:
        what = f"{len(rows)} questions match" if len(rows) > 1 and len(name) >= SHORTEST else "no question matches"
        raise BadInput(f"{what} {name!r}. Name it by its id or at least {SHORTEST} signs of it; see: strop inbox")
    *row, state, answer = rows[0]
    return cast("_Row", tuple(row)), state, answer


def _refuse_closed(state: str, answer: str, *, run: str) -> None:
    if state == "withdrawn":
        raise BadInput(f"that question was withdrawn when its run ended. Go on with: strop run --resume {run}")
    if state != "open":
        raise BadInput(f"that question was answered before, with {answer!r}; an answer counts once. See: strop inbox")


def _order(row: int, kind: str, by: str, body: str) -> InboxOrder:
    if kind == "stop":
        return StopOrder(by, body, row)
    return BudgetOrder(by, tuple(orjson.loads(body).items()), row)
