"""One run's journal in one SQLite file: WAL, one writer, append-only.

`synchronous=NORMAL` survives the death of the process; `durability = power` makes it FULL. The
writer's epoch is checked inside the append's own transaction, so a writer that was taken over cannot
write any more. Only the owner checkpoints; readers open read-only. Commits happen in the event loop's
own thread: one append in WAL is tens of microseconds, a thread hop costs more.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING

from strop.errors import JournalFault
from strop.stores.locks import busy, is_busy
from strop.types.events import VERSIONS, Body, Event, decode, encode

if TYPE_CHECKING:
    from strop.seams import Journal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event(
    seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, at REAL NOT NULL,
    kind TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
_FORMAT = "1"
_PAGE = 32_768
"""Bytes: steps of two to three kilobytes fill small pages badly (measured: 40 % of the file was empty at 4,096)."""
_PAGES = 1_000
"""Pages of the write-ahead log before it is folded into the file: 32 MB."""
_DAMAGED = "the file is damaged. Keep a copy; what was delivered stands under files/"
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs"}


class Durability(StrEnum):
    """What a commit survives."""

    PROCESS = "process"
    POWER = "power"


class SqliteJournal:
    """The writing end. Open it, append, close it; a lock file keeps other writers out."""

    def __init__(self, path: Path, *, run: str, durability: Durability = Durability.PROCESS) -> None:
        """Open or make the journal at `path` and take over its writing.

        Raises:
            JournalFault: another process writes it, the file system cannot lock, the file is damaged.
        """
        self._path, self._run = path, run
        _refuse_network(path.parent)
        with ExitStack() as opened:
            self._lock = opened.enter_context(_lock(path.with_suffix(".lock")))
            with _readable(path):
                self._db = opened.enter_context(closing(_connect(path)))
                self._db.execute(f"PRAGMA page_size={_PAGE}")  # counts for a new file only
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute(f"PRAGMA synchronous={'FULL' if durability is Durability.POWER else 'NORMAL'}")
                # A checkpoint waits for the disk: rare large ones stop the agents less than many small ones.
                self._db.execute(f"PRAGMA wal_autocheckpoint={_PAGES}")
                self._db.executescript(_SCHEMA)
                self._epoch = self._take_over()
                row = self._db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
            self._seq: int = row[0]
            opened.pop_all()

    def _take_over(self) -> int:
        meta = dict(self._db.execute("SELECT name, value FROM meta"))
        if meta.get("format", _FORMAT) != _FORMAT or meta.get("run", self._run) != self._run:
            raise JournalFault(f"{self._path}: format {meta.get('format')} of run {meta.get('run')}, not readable here")
        epoch = int(meta.get("epoch", "0")) + 1
        rows = (("format", _FORMAT), ("run", self._run), ("epoch", str(epoch)))
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        return epoch

    async def append(self, bodies: Sequence[Body], *, at: float) -> tuple[Event, ...]:
        """Commit all or nothing. See `seams.Journal`."""
        events = tuple(
            Event(run=self._run, seq=self._seq + index, epoch=self._epoch, at=at, body=body)
            for index, body in enumerate(bodies, 1)
        )
        rows = [(event.seq, event.epoch, at, event.kind, VERSIONS[event.kind], encode(event.body)) for event in events]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            owner = self._db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0]
            if int(owner) != self._epoch:
                raise JournalFault(f"{self._path}: another process took this run over; this one stops")
            self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as caught:
            self._roll_back()
            raise _fault(self._path, caught) from caught
        except BaseException:
            self._roll_back()
            raise
        self._seq += len(events)
        return events

    def read(self, after: int = 0) -> tuple[Event, ...]:
        """Events after `after`. See `seams.Journal`."""
        return _read(self._db, self._path, self._run, after)

    def close(self) -> None:
        """Fold the log into the file and give the lock back. Closing again does nothing."""
        try:
            # On a full disk the write-ahead log stays; the next owner folds it in.
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._db.close()
            self._lock.close()

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # what cannot be rolled back now is rolled back by the next who opens it
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def read_journal(path: Path, *, after: int = 0) -> tuple[Event, ...]:
    """The events of a journal after a sequence number, read-only, while a writer may be at work.

    Raises:
        JournalFault: no such run, a damaged file, events of a newer strop.
    """
    if not path.exists():
        raise JournalFault(f"{path}: no such journal")
    with _readable(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            return ()  # its writer died while it made the tables
        row = db.execute("SELECT value FROM meta WHERE name = 'run'").fetchone()
        return _read(db, path, row[0] if row else "", after)


def _read(db: sqlite3.Connection, path: Path, run: str, after: int) -> tuple[Event, ...]:
    with _readable(path):
        rows = db.execute(
            "SELECT seq, epoch, at, kind, version, body FROM event WHERE seq > ? ORDER BY seq", (after,)
        ).fetchall()
        if any(row[3] is None for row in rows):  # no column may be empty: a damaged page reads like this
            raise ValueError("an event without a kind")
    return tuple(
        Event(run=run, seq=seq, epoch=epoch, at=at, body=decode(kind, version, body))
        for seq, epoch, at, kind, version, body in rows
    )


@contextmanager
def _readable(path: Path) -> Generator[None, None, None]:
    """What SQLite or a damaged page says, in our words."""
    try:
        yield
    except sqlite3.Error as caught:
        raise _fault(path, caught) from caught
    except (ValueError, TypeError) as caught:  # text that is no UTF-8, an epoch that is no number
        raise JournalFault(f"journal {path}: {_DAMAGED} ({caught})") from caught


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=5.0)


def _lock(path: Path) -> IO[bytes]:
    handle = open(path, "ab")  # noqa: SIM115 - held for the journal's life, closed by close()
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as caught:
        handle.close()
        raise JournalFault(
            f"{path.parent.name}: this run is being written by another process. Wait for it, or stop it, then resume"
        ) from caught
    return handle


def _refuse_network(folder: Path) -> None:
    """SQLite's locks are not safe on network file systems (sqlite.org/wal.html, section 1)."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    target = os.path.realpath(folder)
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        parts = line.split(" ")
        if len(parts) > 2 and (target + "/").startswith(parts[1].rstrip("/") + "/") and len(parts[1]) >= len(best):
            best, kind = parts[1], parts[2]
    if kind in _NETWORK:
        raise JournalFault(f"{folder} lies on a network file system ({kind}); put the project on a local disk")


def _fault(path: Path, caught: sqlite3.Error) -> JournalFault:
    name = getattr(caught, "sqlite_errorname", type(caught).__name__)
    moves = {
        "SQLITE_FULL": "the disk is full. Free some space, then: strop run --resume " + path.parent.name,
        "SQLITE_CORRUPT": _DAMAGED,
        "SQLITE_NOTADB": "this is no journal. Keep a copy; what was delivered stands under files/",
        "SQLITE_READONLY": "the folder cannot be written. Mend its permissions, then resume",
        "SQLITE_CANTOPEN": "it cannot be opened. Mend the folder's permissions, then resume",
        "SQLITE_IOERR_WRITE": "the disk cannot be written. Free some space, then resume",
    }
    said = busy(path) if is_busy(caught) else moves.get(name, str(caught))
    return JournalFault(f"journal {path}: {said} ({name})")


if TYPE_CHECKING:

    def _fits(x: SqliteJournal) -> Journal:
        return x
