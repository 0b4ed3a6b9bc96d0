"""Pages as they were fetched: one row a fetch, the bodies as blobs. Nothing is ever taken out or changed.

A file of its own beside `project.db`, since it grows with what was read and not with what was done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from strop.errors import JournalFault
from strop.seams import Blobs
from strop.types.page import Page

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS page(
        url TEXT NOT NULL, final TEXT NOT NULL, status INTEGER NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL,
        at REAL NOT NULL) STRICT""",
    "CREATE INDEX IF NOT EXISTS page_url ON page(url, at)",
)
PATIENCE = 10.0
"""Seconds to wait for another process's transaction."""


class PageArchive:
    """The archive of one project; the file is made with the first page."""

    def __init__(self, path: Path, blobs: Blobs) -> None:
        self._path = path
        self._blobs = blobs

    def put(self, page: Page, body: bytes) -> Page:
        """Keep a page; the body first, so that no row names a body that is not there.

        Raises:
            JournalFault: the disk is full or may not be written.
        """
        self._blobs.put(body)
        row = (page.url, page.final, page.status, page.kind, page.digest, page.at)
        with self._open() as held, held:
            held.execute("INSERT INTO page VALUES (?, ?, ?, ?, ?, ?)", row)
        return page

    def first(self, url: str, *, since: float = 0.0) -> Page | None:
        """The first fetch of a URL at `since` (seconds since 1970) or later: what a run that began then saw.

        Raises:
            JournalFault: the archive cannot be read.
        """
        if not self._path.is_file():
            return None
        with self._open() as held:
            asked = "SELECT * FROM page WHERE url = ? AND at >= ? ORDER BY at, rowid LIMIT 1"
            row = held.execute(asked, (url, since)).fetchone()
        return Page(*row) if row else None

    def body(self, page: Page) -> bytes:
        """What stood there.

        Raises:
            JournalFault: the blob is gone or damaged.
        """
        return self._blobs.get(page.digest)

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=PATIENCE)) as held:
                held.execute("PRAGMA journal_mode = WAL")
                for line in _SCHEMA:
                    held.execute(line)
                yield held
        except (sqlite3.Error, OSError) as caught:
            raise JournalFault(f"{self._path} cannot be used as an archive of pages: {caught}") from caught
