"""The fixture of a running PostgreSQL, one for the whole session: the root conftest hands it to every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster import PostgresServer, programs, running_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (extra `cluster`)")
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (no pg_ctl in PATH nor under /usr/lib/postgresql)")
    with running_postgres(found) as server:
        yield server
