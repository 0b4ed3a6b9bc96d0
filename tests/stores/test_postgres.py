"""The journal in PostgreSQL: the lease and its fencing, lost connections, addresses without passwords."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from both_journals import InPostgres
from cluster import PASSWORD, PostgresServer

from strop.errors import JournalFault
from strop.types.events import Body, Event, StopRequested

pytest.importorskip("psycopg", reason="psycopg is not installed (extra `cluster`)")
from strop.stores import postgres as pg
from strop.stores.postgres import PostgresJournal, address_of, read_postgres, stored_runs

pytestmark = pytest.mark.anyio


@pytest.fixture
def journal(postgres: InPostgres) -> Iterator[PostgresJournal]:
    """A writer, closed at the end."""
    writer = PostgresJournal(postgres.url, run="01RUN", holder="the first driver")
    yield writer
    writer.close()


def facts(*names: str) -> list[Body]:
    """Facts that differ by a word."""
    return [StopRequested(name) for name in names]


def words(events: tuple[Event, ...]) -> list[str]:
    """The words of such facts."""
    return [event.body.reason for event in events if isinstance(event.body, StopRequested)]


# ---------------------------------------------------------------- the lease


def remaining(postgres: InPostgres) -> float:
    """Seconds that the lease of 01RUN still lasts, by the database's clock."""
    import psycopg

    with psycopg.connect(postgres.url) as db:
        row = db.execute("SELECT extract(epoch FROM expires - clock_timestamp()) FROM strop.lease").fetchone()
    assert row is not None
    return float(row[0])


async def test_a_second_driver_learns_who_writes_and_until_when(postgres: InPostgres, journal: PostgresJournal) -> None:
    """The refusal names the holder, the instant by the database's clock, and the next move."""
    with pytest.raises(JournalFault, match=r"by the first driver until \d{4}-.* UTC, in \d+ s.*strop run --resume"):
        PostgresJournal(postgres.url, run="01RUN")


@pytest.mark.parametrize("how", ["append", "renew"])
async def test_the_lease_is_renewed_by_every_append_and_by_renew(
    postgres: InPostgres, journal: PostgresJournal, how: str
) -> None:
    """Either gives it its whole term again, by the database's clock."""
    postgres.expire()
    await (journal.append(facts("on"), at=0) if how == "append" else journal.renew())

    assert pg.TERM - 30 < remaining(postgres) <= pg.TERM


async def test_a_zombie_can_neither_write_nor_renew(postgres: InPostgres, journal: PostgresJournal) -> None:
    """After the term a second driver takes over; the first, still alive, changes nothing any more."""
    await journal.append(facts("before"), at=0)
    postgres.expire()
    second = PostgresJournal(postgres.url, run="01RUN", holder="the second driver")

    with pytest.raises(JournalFault, match="another process took run 01RUN over; this one stops"):
        await journal.append(facts("zombie"), at=1)
    with pytest.raises(JournalFault, match="another process took"):
        await journal.renew()
    journal.close()

    with pytest.raises(JournalFault, match="being written by the second driver"):
        PostgresJournal(postgres.url, run="01RUN")
    (event,) = await second.append(facts("after"), at=2)
    second.close()
    assert (event.seq, event.epoch) == (2, 2)
    assert words(read_postgres(postgres.url, "01RUN")) == ["before", "after"]


TAKERS = 8


async def test_of_many_drivers_at_once_one_gets_the_run(postgres: InPostgres, journal: PostgresJournal) -> None:
    """Eight take a lease that is over at the same moment: one holds it, seven are told by whom."""
    postgres.expire()

    def take(number: int) -> PostgresJournal | str:
        try:
            return PostgresJournal(postgres.url, run="01RUN", holder=f"taker {number}")
        except JournalFault as caught:
            return str(caught)

    taken = await asyncio.gather(*(asyncio.to_thread(take, number) for number in range(TAKERS)))
    winners = [each for each in taken if isinstance(each, PostgresJournal)]
    for winner in winners:
        winner.close()
    assert len(winners) == 1
    assert sum("this run is being written by taker" in each for each in taken if isinstance(each, str)) == TAKERS - 1


async def test_drivers_that_make_the_tables_at_once_do_not_trip(postgres: InPostgres) -> None:
    """Eight first runs in an empty database: all open, each with its own events, listed newest first."""

    def first(number: int) -> None:
        journal = PostgresJournal(postgres.url, run=f"run {number}")
        asyncio.run(journal.append(facts(*("x" * number)), at=number))
        journal.close()

    await asyncio.gather(*(asyncio.to_thread(first, number) for number in range(TAKERS)))
    listed = [(run.id, run.epoch, run.holder, run.events, run.seconds) for run in stored_runs(postgres.url)]
    assert listed == [(f"run {number}", 1, "", number, number) for number in reversed(range(TAKERS))]


async def test_an_empty_database_has_no_runs(postgres: InPostgres) -> None:
    """Listing makes no tables."""
    assert stored_runs(postgres.url) == ()
    with pytest.raises(JournalFault, match="no journal of run 01RUN"):
        read_postgres(postgres.url, "01RUN")


# ---------------------------------------------------------------- the connection


def cut(postgres: InPostgres) -> None:
    """The server ends every connection of strop's to this database."""
    postgres.meddle(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'strop' "
        "AND datname = current_database()"
    )


async def test_a_cut_connection_is_restored_once(postgres: InPostgres, journal: PostgresJournal) -> None:
    """The next append finds the connection gone, opens another, and goes on where it was."""
    await journal.append(facts("one"), at=0)
    cut(postgres)
    (event,) = await journal.append(facts("two"), at=1)

    assert event.seq == 2
    assert words(journal.read()) == ["one", "two"]


class Wire:
    """A man in the middle: passes everything on, and at the chosen append loses a message and hangs up."""

    def __init__(self, port: int, *, lose: str) -> None:
        self.port, self.lose, self.cuts = port, lose, 0

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        near, far = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.TaskGroup() as group:
                back = group.create_task(self._copy(near, writer, ends=False))
                await self._copy(reader, far, ends=True)
                far.close()
                back.cancel()
        except* (OSError, _HangUp):
            pass
        finally:
            far.close()
            writer.close()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, ends: bool) -> None:
        while body := await source.read(65_536):
            if ends and b"fragile" in body and not self.cuts:
                if self.lose == "the answer":
                    sink.write(body)
                    self.cuts = 1
                    continue
                self.cuts = 2
                raise _HangUp
            if not ends and self.cuts == 1:
                self.cuts = 2
                raise _HangUp
            sink.write(body)
            await sink.drain()


class _HangUp(Exception):
    """The wire breaks here."""


@asynccontextmanager
async def wire(server: PostgresServer, *, lose: str) -> AsyncGenerator[tuple[Wire, int]]:
    """A breaking wire to the server, and its port."""
    between = Wire(server.port, lose=lose)
    listener = await asyncio.start_server(between.pass_on, "127.0.0.1", 0)
    try:
        yield between, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


@pytest.mark.parametrize("lose", ["the append", "the answer"])
async def test_an_append_of_unknown_outcome_is_written_exactly_once(
    postgres_server: PostgresServer, postgres: InPostgres, lose: str
) -> None:
    """The wire breaks before the server saw the append, or after it committed: the caller sees one whole append."""
    async with wire(postgres_server, lose=lose) as (between, port):
        through = postgres.url.replace(f":{postgres_server.port}/", f":{port}/")
        # In a thread, since opening and closing wait, and the wire's tasks run in this very loop.
        journal = await asyncio.to_thread(PostgresJournal, through, run="01RUN")
        await journal.append(facts("one"), at=0)
        events = await journal.append(facts("fragile", "second"), at=1)
        await journal.append(facts("after"), at=2)
        await asyncio.to_thread(journal.close)
    assert between.cuts == 2
    assert [event.seq for event in events] == [2, 3]
    assert words(read_postgres(postgres.url, "01RUN")) == ["one", "fragile", "second", "after"]


SAID = {
    "refused": (
        'connection to server at "127.0.0.1", port 1 failed: Connection refused',
        "nobody answers there. Start",
    ),
    "password": (
        'connection to server at "db", port 5432 failed: FATAL:  password authentication failed for user "strop"',
        "the password was refused. Set PGPASSWORD",
    ),
    "database": (
        'connection to server at "db", port 5432 failed: FATAL:  database "runs" does not exist',
        "there is no such database. Make it with: createdb NAME (3D000)",
    ),
    "role": ('FATAL:  role "strop" does not exist', "this user may not connect. See pg_hba.conf on the server"),
    "host": ('could not translate host name "db" to address: Name or service not known', "there is no such host"),
    "silence": ("connection failed: timeout expired", "nobody answers there in time"),
}


@pytest.mark.parametrize("name", SAID)
def test_a_connection_that_does_not_come_about_is_told_with_the_next_move(name: str) -> None:
    """The driver gives no code then: what libpq says is known by its words."""
    import psycopg

    words, told = SAID[name]
    fault = str(pg._fault("postgresql://strop@db/runs", psycopg.OperationalError(words)))  # pyright: ignore[reportPrivateUsage]  # no server fails in all these ways
    assert told in fault
    assert fault.count("postgresql://") == 1


def test_real_servers_say_so(postgres_server: PostgresServer, postgres: InPostgres) -> None:
    """A wrong password, no such database, nobody there: as a real server and its client have it."""
    for url, told in (
        (postgres.url.replace(PASSWORD, "wrong"), "the password was refused. Set PGPASSWORD"),
        (postgres.url.rsplit("/", 1)[0] + "/nowhere", "there is no such database"),
        ("postgresql://strop@127.0.0.1:1/runs", "nobody answers there. Start the server"),
    ):
        with pytest.raises(JournalFault, match=told) as said:
            PostgresJournal(url, run="01RUN")
        assert PASSWORD not in str(said.value)


async def test_a_server_that_is_gone_ends_in_one_clear_fault(
    postgres_server: PostgresServer, postgres: InPostgres, journal: PostgresJournal
) -> None:
    """One try to restore, then the fault with the next move; when the server is back the same writer goes on."""
    await journal.append(facts("one"), at=0)
    postgres_server.stop("immediate")
    try:
        with pytest.raises(
            JournalFault, match=r"one try to restore it failed.*When the server is back: strop run --resume 01RUN"
        ) as said:
            await journal.append(facts("two"), at=1)
    finally:
        postgres_server.start()
    assert PASSWORD not in str(said.value)
    await journal.append(facts("two"), at=2)
    assert words(journal.read()) == ["one", "two"]


async def test_a_silent_server_is_not_waited_for_for_ever(
    postgres_server: PostgresServer, postgres: InPostgres
) -> None:
    """A server that stands still keeps its connections open: after `patience` seconds the append ends in a fault."""
    journal = PostgresJournal(postgres.url, run="01RUN", patience=0.2)
    await journal.append(facts("one"), at=0)
    postgres_server.pause()
    try:
        with pytest.raises(JournalFault, match="one try to restore it failed"):
            await journal.append(facts("two"), at=1)
    finally:
        postgres_server.go_on()
    await journal.append(facts("two"), at=2)
    journal.close()
    gc.collect()  # psycopg leaves the half-made connection of its own cancelling to the collector
    assert words(read_postgres(postgres.url, "01RUN")) == ["one", "two"]


async def test_a_cancelled_append_is_whole(postgres: InPostgres, journal: PostgresJournal) -> None:
    """Whoever is cancelled in the middle of an append leaves it whole, and the next one has the next number."""
    async with asyncio.TaskGroup() as group:
        append = group.create_task(journal.append(facts("one", "two"), at=0))
        await asyncio.sleep(0)
        append.cancel()
    assert append.cancelled()
    assert words(journal.read()) == ["one", "two"], "whoever was cancelled goes on only after it was whole"

    (event,) = await journal.append(facts("three"), at=1)
    assert event.seq == 3
    assert words(journal.read()) == ["one", "two", "three"]


async def test_appends_at_the_same_moment_keep_their_order(journal: PostgresJournal) -> None:
    """A hundred at once: numbers without a gap, in the order of asking."""
    written = await asyncio.gather(*(journal.append(facts(f"{number}"), at=0) for number in range(100)))

    assert [event.seq for (event,) in written] == list(range(1, 101))
    assert words(journal.read()) == [f"{number}" for number in range(100)]


# ---------------------------------------------------------------- what is said


ADDRESSES: dict[str, tuple[str, str]] = {
    "whole": (f"postgresql://ann:{PASSWORD}@db.example:5433/runs?sslmode=require", "postgresql://ann@db.example:5433/runs"),
    "words": (f"host=db.example user=ann password={PASSWORD} dbname=runs", "postgresql://ann@db.example/runs"),
    "bare": ("postgresql://db.example/runs", "postgresql://db.example/runs"),
}  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_shown_without_its_password(address: str) -> None:
    """User, host, port and database; nothing else of it."""
    url, shown = ADDRESSES[address]
    assert address_of(url) == shown


BROKEN: dict[str, Callable[[PostgresServer], str]] = {
    "unreadable": lambda server: f"postgresql://ann:{PASSWORD}@[::1/runs",
    "words without a name": lambda server: f"host=x {PASSWORD}",
    "nobody listens": lambda server: f"postgresql://ann:{PASSWORD}@127.0.0.1:1/runs",
    "wrong password": lambda server: server.url("postgres", password=PASSWORD + "x"),
    "no such database": lambda server: server.url("nowhere"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_server_that_cannot_be_used_is_said_without_the_password(
    postgres_server: PostgresServer, broken: str
) -> None:
    """A wrong address or password is a fault of ours in one line, and repeats no secret, nor does its cause."""
    with pytest.raises(JournalFault) as said:
        PostgresJournal(BROKEN[broken](postgres_server), run="01RUN")
    assert "\n" not in str(said.value)
    error: BaseException | None = said.value
    while error is not None:
        assert PASSWORD not in str(error) or error.__suppress_context__
        error = error.__cause__


async def test_nothing_holds_the_password_in_its_face(journal: PostgresJournal) -> None:
    """A journal that is printed shows no address."""
    assert PASSWORD not in repr(journal)


WITHOUT = """
import sys
sys.modules["psycopg"] = None
from strop.errors import MissingPart
try:
    import strop.stores.postgres
except MissingPart as caught:
    print(caught)
"""


def test_without_psycopg_the_extra_is_named() -> None:
    """Where it is not installed one line says what to install."""
    child = subprocess.run([sys.executable, "-c", WITHOUT], check=True, capture_output=True, text=True)
    assert "pip install 'strop[cluster]'" in child.stdout


async def test_a_user_who_may_only_write_rows_can_keep_a_journal(
    postgres_server: PostgresServer, postgres: InPostgres, journal: PostgresJournal
) -> None:
    """Tables made once by their owner; whoever may not create anything writes, and may neither change nor delete."""
    role = f"clerk_{postgres.url.rsplit('/', 1)[1]}"
    for grant in (
        f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT USAGE ON SCHEMA strop TO {role}",
        f"GRANT SELECT ON strop.format, strop.event TO {role}",
        f"GRANT INSERT ON strop.event TO {role}",
        f"GRANT SELECT, INSERT, UPDATE ON strop.lease TO {role}",
    ):
        postgres.meddle(grant)
    theirs = PostgresJournal(postgres.url.replace("//postgres:", f"//{role}:"), run="02RUN")
    await theirs.append(facts("one"), at=0)
    theirs.close()
    assert words(read_postgres(postgres.url, "02RUN")) == ["one"]
