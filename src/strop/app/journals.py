"""Where a run's journal is: a file in its folder, or a database that the folder names."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from strop.errors import BadInput
from strop.seams import Journal
from strop.stores.blobs import write_whole
from strop.stores.inbox import owned
from strop.stores.sqlite import Durability, SqliteJournal, read_journal
from strop.types.events import Event

FILE = "journal.db"
NOTE = "journal.url"
"""Names the database, without a password: that is the environment's (PGPASSWORD, ~/.pgpass)."""
SQLITE = "sqlite"


@runtime_checkable
class Leased(Protocol):
    """A journal whose writer must say now and then that it lives."""

    @property
    def term(self) -> float:
        """Seconds after which somebody else may take over."""
        ...

    async def renew(self) -> None:
        """Say it.

        Raises:
            JournalFault: somebody took over, or the server is gone.
        """
        ...


def has_journal(folder: Path) -> bool:
    """Whether this is a run's folder."""
    return (folder / FILE).is_file() or (folder / NOTE).is_file()


def open_journal(folder: Path, *, run: str, store: str, durability: Durability) -> Journal:
    """Take over a run's writing; a new run's journal is made at `store` (`sqlite` or a `postgresql://` address).

    Raises:
        BadInput: no such kind of store, an address with a password in it, or the run is kept elsewhere.
        MissingPart: the extra `cluster` is not installed.
        JournalFault: another process writes it, or it cannot be opened.
    """
    try:
        kept = _kept(folder)
        if kept and store not in ("", kept):
            raise BadInput(f"run {run} is kept at {kept}, not at {store}; go on without --store")
        if kept in ("", SQLITE) and (kept or store in ("", SQLITE)):
            return SqliteJournal(folder / FILE, run=run, durability=durability)
        return _in_postgres(folder, run, kept or store)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # only where it is empty: what was never begun leaves no folder
        raise


def _kept(folder: Path) -> str:
    """Where the run of this folder is kept; empty for a new one."""
    note = folder / NOTE
    if note.is_file():
        return note.read_text("utf-8").strip()
    return SQLITE if (folder / FILE).is_file() else ""


def _in_postgres(folder: Path, run: str, store: str) -> Journal:
    check_store(store)
    from strop.stores.postgres import PostgresJournal

    journal = PostgresJournal(store, run=run)
    try:
        write_whole(folder / NOTE, f"{store}\n".encode())
    except BaseException:
        journal.close()
        raise
    return journal


def check_store(store: str) -> None:
    """Whether this is an address that may stand in a run's folder.

    Raises:
        BadInput: it is none, or it holds a password (which the message does not repeat).
    """
    if not store.startswith(("postgresql://", "postgres://")):
        raise BadInput(f"--store {store.partition('://')[0]}: write sqlite, or postgresql://user@host/database")
    try:
        parts = urlsplit(store)
        _ = parts.port
    except ValueError as caught:
        raise BadInput(f"--store cannot be read ({caught}); write postgresql://user@host:5432/database") from None
    if parts.password or "password=" in parts.query:
        raise BadInput("--store holds a password, and it would stand in the run's folder. Set PGPASSWORD instead")


def events_of(folder: Path, *, after: int = 0) -> tuple[Event, ...]:
    """The events of a run with a sequence number above `after`, while a writer may be at work.

    Raises:
        JournalFault: no journal, or one that cannot be read.
    """
    note = folder / NOTE
    if not note.is_file():
        return read_journal(folder / FILE, after=after)
    from strop.stores.postgres import read_postgres

    events = read_postgres(note.read_text("utf-8").strip(), folder.name)
    return tuple(event for event in events if event.seq > after)


def being_written(folder: Path) -> bool:
    """Whether a process works on this run now.

    Raises:
        JournalFault: the database cannot be asked.
    """
    note = folder / NOTE
    if not note.is_file():
        return owned(folder / FILE)
    from strop.stores.postgres import stored_runs

    held = stored_runs(note.read_text("utf-8").strip())
    return any(run.id == folder.name and run.holder for run in held)
