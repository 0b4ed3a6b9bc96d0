"""Where a run's journal is: a file in its folder, or a database that the folder names."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from strop.errors import BadInput
from strop.seams import Journal
from strop.stores.blobs import write_whole
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
    note = folder / NOTE
    if note.is_file():
        kept = note.read_text("utf-8").strip()
        if store not in ("", kept):
            raise BadInput(f"run {run} is kept at {kept}, not at {store}; go on without --store")
        store = kept
    if store in ("", SQLITE) or (folder / FILE).is_file():
        return SqliteJournal(folder / FILE, run=run, durability=durability)
    if not store.startswith(("postgresql://", "postgres://")):
        raise BadInput(f"--store {store}: write sqlite, or postgresql://user@host/database")
    parts = urlsplit(store)
    if parts.password or "password=" in parts.query:
        raise BadInput("--store holds a password, and it would stand in the run's folder. Set PGPASSWORD instead")
    from strop.stores.postgres import PostgresJournal

    journal = PostgresJournal(store, run=run)
    try:
        write_whole(note, f"{store}\n".encode())
    except BaseException:
        journal.close()
        raise
    return journal


def events_of(folder: Path) -> tuple[Event, ...]:
    """All events of a run, while a writer may be at work.

    Raises:
        JournalFault: no journal, or one that cannot be read.
    """
    note = folder / NOTE
    if not note.is_file():
        return read_journal(folder / FILE)
    from strop.stores.postgres import read_postgres

    return read_postgres(note.read_text("utf-8").strip(), folder.name)
