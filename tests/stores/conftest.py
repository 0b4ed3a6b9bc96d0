"""What tests of stores share: both journals behind one face."""

from __future__ import annotations

from pathlib import Path

import pytest
from both_journals import RUN, InPostgres, InSqlite, JournalStore
from cluster import PostgresServer


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> InPostgres:
    """An empty database of this test's own."""
    return InPostgres(postgres_server.new_database())


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> JournalStore:
    """Each store in turn."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    folder = tmp_path / RUN
    folder.mkdir()
    return InSqlite(folder / "journal.db")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal of a run lies."""
    folder = tmp_path / RUN
    folder.mkdir(exist_ok=True)
    return folder / "journal.db"
