"""First outcomes of runs in the project's database: what state of the library gave what, and control units."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from strop.types.events import revive
from strop.types.fingerprint import canonical
from strop.types.firsts import Control, RunShare

FIRSTS_SCHEMA = """
CREATE TABLE IF NOT EXISTS share(run TEXT PRIMARY KEY, terms TEXT NOT NULL, body BLOB NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used(
    run TEXT NOT NULL, item TEXT NOT NULL, version TEXT NOT NULL, day TEXT NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (run, item)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS control(
    seq INTEGER PRIMARY KEY, run TEXT NOT NULL, class TEXT NOT NULL, model TEXT NOT NULL, day TEXT NOT NULL,
    score REAL NOT NULL, cost INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS control_like ON control(class, model, day);
"""
MOST = 2_000
"""Control units that are looked at, the newest: more say nothing that these do not."""


class Firsts:
    """The part of `ProjectDb` that knows first outcomes; a row is by run, so that none counts twice."""

    def __init__(self, opened: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._open = opened

    def note_share(self, share: RunShare) -> None:
        """Put a run's share in place of the one it may have."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO share VALUES (?, ?, ?)", (share.run, share.terms, canonical(share)))

    def shares(self, terms: str) -> tuple[RunShare, ...]:
        """The runs of these terms, oldest first (ids sort by time)."""
        with self._open() as db:
            rows = db.execute("SELECT body FROM share WHERE terms = ? ORDER BY run", (terms,)).fetchall()
        return tuple(revive(RunShare, row[0]) for row in rows)

    def note_used(self, run: str, items: Sequence[tuple[str, str]], *, day: str, units: int) -> None:
        """Remember how many of a run's units worked under which (id, version)."""
        with self._open() as db:
            rows = [(run, item, version, day, units) for item, version in items]
            db.executemany("INSERT OR REPLACE INTO used VALUES (?, ?, ?, ?, ?)", rows)

    def units_after(self, item: str, *, version: str, day: str) -> int:
        """Units that worked under this version on later days than this."""
        asked = "SELECT coalesce(sum(units), 0) FROM used WHERE item = ? AND version = ? AND day > ?"
        with self._open() as db:
            return int(db.execute(asked, (item, version, day)).fetchone()[0])

    def note_controls(self, run: str, controls: Sequence[Control]) -> None:
        """Put a run's control units in place of those it may have."""
        rows = [(each.run, each.order, each.model, each.day, each.score, each.cost) for each in controls]
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM control WHERE run = ?", (run,))
            db.executemany("INSERT INTO control(run, class, model, day, score, cost) VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.execute("COMMIT")

    def controls(self, *, order: str, model: str, since: str) -> tuple[Control, ...]:
        """The newest `MOST` of this class and model from that day on, in the order they came."""
        asked = (
            "SELECT run, class, model, day, score, cost FROM control WHERE class = ? AND model = ? AND day >= ? "
            f"ORDER BY seq DESC LIMIT {MOST}"
        )
        with self._open() as db:
            rows = db.execute(asked, (order, model, since)).fetchall()
        return tuple(Control(*row) for row in reversed(rows))
