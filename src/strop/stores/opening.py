"""A small SQLite database for the length of one use: made where it is missing, and what goes wrong is told once."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from strop.errors import JournalFault
from strop.stores.locks import busy, is_busy

PATIENCE = 5.0
"""Seconds that another process may hold it."""


@contextmanager
def opened(path: Path, *, patience: float = PATIENCE, mend: str = "") -> Generator[sqlite3.Connection, None, None]:
    """A connection that commits each statement by itself; `mend` is the next move where the file itself is at fault.

    Raises:
        JournalFault: it cannot be opened, is held for longer than `patience` seconds, or is damaged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None, timeout=patience)
    except (OSError, sqlite3.Error) as caught:
        raise JournalFault(f"{path} cannot be opened: {caught}. Mend the folder's permissions") from caught
    with closing(db):
        try:
            yield db
        except sqlite3.Error as caught:
            raise JournalFault(f"{path}: {busy(path) if is_busy(caught) else f'{caught}{mend}'}") from caught
