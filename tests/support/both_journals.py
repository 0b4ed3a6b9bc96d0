"""Both journals behind one face, so that one table of tests holds for each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from strop.seams import Journal
from strop.stores.sqlite import SqliteJournal, read_journal
from strop.types.events import Event

RUN = "01RUN"


class JournalStore(Protocol):
    """One run's journal in one of the stores, as writers, readers and intruders meet it."""

    def open(self) -> Journal: ...

    def read(self) -> tuple[Event, ...]: ...

    def steal(self) -> Journal:
        """A second writer, after the first has lost its lock without knowing it."""
        ...

    def meddle(self, statement: str, values: Sequence[object] = ()) -> None:
        """SQL past the writer; `?` for values, `event` for the table of events."""
        ...

    def child(self) -> str:
        """Python that opens the journal as `journal`, for a process of its own."""
        ...


@dataclass(slots=True)
class InSqlite:
    path: Path

    def open(self) -> SqliteJournal:
        return SqliteJournal(self.path, run=RUN)

    def read(self) -> tuple[Event, ...]:
        return read_journal(self.path)

    def steal(self) -> SqliteJournal:
        self.path.with_suffix(".lock").unlink()
        return self.open()

    def meddle(self, statement: str, values: Sequence[object] = ()) -> None:
        intruder = sqlite3.connect(self.path, isolation_level=None)
        intruder.execute(statement, values)
        intruder.close()

    def child(self) -> str:
        return (
            "from pathlib import Path\nfrom strop.stores.sqlite import SqliteJournal\n"
            f"journal = SqliteJournal(Path({str(self.path)!r}), run={RUN!r})"
        )


@dataclass(slots=True)
class InPostgres:
    url: str

    def open(self) -> Journal:
        from strop.stores.postgres import PostgresJournal

        return PostgresJournal(self.url, run=RUN)

    def read(self) -> tuple[Event, ...]:
        from strop.stores.postgres import read_postgres

        return read_postgres(self.url, RUN)

    def steal(self) -> Journal:
        self.expire()
        return self.open()

    def expire(self) -> None:
        """As if the term were over."""
        self.meddle("UPDATE lease SET expires = clock_timestamp() - interval '1 second'")

    def meddle(self, statement: str, values: Sequence[object] = ()) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True, options="-c search_path=strop") as intruder:
            intruder.execute(statement.replace("?", "%s").encode(), values)

    def child(self) -> str:
        return (
            "from strop.stores.postgres import PostgresJournal\n"
            f"journal = PostgresJournal({self.url!r}, run={RUN!r}, holder='the first driver')"
        )
