"""One run's journal in PostgreSQL: one table for all runs, one lease row a run, append-only.

The lease is a fencing token (Kleppmann, "How to do distributed locking", 2016): whoever opens a run whose
lease is free or over raises its epoch, and every append asks for that epoch in its own statement, so a
writer that was taken over cannot write, however late its packets arrive. Time is the database's alone.
An append is one statement: it renews the lease, takes the row's lock and inserts, in one round trip.

Whoever waits long between appends calls `renew()` at least every `term / 3` seconds. A password goes to
libpq and nowhere else: messages name the address without it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import re
from collections.abc import Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from strop.errors import JournalFault, MissingPart
from strop.types.events import VERSIONS, Body, Event, decode, encode

try:
    import psycopg
    from psycopg import conninfo
    from psycopg.errors import UniqueViolation
except ImportError as absent:
    raise MissingPart(
        "a journal in PostgreSQL needs psycopg; install it with: pip install 'strop[cluster]'"
    ) from absent

if TYPE_CHECKING:
    from strop.seams import Journal

T = TypeVar("T")

TERM = 60.0
"""Seconds a lease lasts after its last renewal; a second driver waits at most this long."""
PATIENCE = 20.0
"""Seconds the server may take for one statement before the connection counts as lost."""
_FORMAT = 1
_SCHEMA: Final = """
SELECT pg_advisory_xact_lock(hashtext('strop'));
CREATE SCHEMA IF NOT EXISTS strop;
CREATE TABLE IF NOT EXISTS strop.format (version integer PRIMARY KEY);
INSERT INTO strop.format SELECT 1 WHERE NOT EXISTS (SELECT FROM strop.format);
CREATE TABLE IF NOT EXISTS strop.lease (
    run text PRIMARY KEY, epoch bigint NOT NULL, holder text NOT NULL, expires timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS strop.event (
    run text NOT NULL, seq bigint NOT NULL, epoch bigint NOT NULL, at double precision NOT NULL,
    kind text NOT NULL, version integer NOT NULL, body bytea NOT NULL, PRIMARY KEY (run, seq));
"""
# clock_timestamp() and not now(): a statement that waited for the row's lock began in the past.
_TAKE: Final = """
INSERT INTO strop.lease AS held (run, epoch, holder, expires)
VALUES (%(run)s, 1, %(holder)s, clock_timestamp() + make_interval(secs => %(term)s))
ON CONFLICT (run) DO UPDATE SET epoch = held.epoch + 1, holder = excluded.holder,
    expires = clock_timestamp() + make_interval(secs => %(term)s)
WHERE held.expires <= clock_timestamp()
RETURNING epoch
"""
_HELD: Final = """
SELECT holder, to_char(expires AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
    ceil(extract(epoch FROM expires - clock_timestamp()))::integer
FROM strop.lease WHERE run = %s
"""
_APPEND: Final = """
WITH own AS (
    UPDATE strop.lease SET expires = clock_timestamp() + make_interval(secs => %(term)s)
    WHERE run = %(run)s AND epoch = %(epoch)s RETURNING run, epoch)
INSERT INTO strop.event (run, seq, epoch, at, kind, version, body)
SELECT own.run, %(seq)s + fact.place, own.epoch, %(at)s, fact.kind, fact.version, fact.body
FROM own, unnest(%(kinds)s::text[], %(versions)s::integer[], %(bodies)b::bytea[])
    WITH ORDINALITY AS fact (kind, version, body, place)
"""
_RENEW: Final = """
UPDATE strop.lease SET expires = clock_timestamp() + make_interval(secs => %s) WHERE run = %s AND epoch = %s
"""
_FREE: Final = "UPDATE strop.lease SET expires = clock_timestamp() WHERE run = %s AND epoch = %s"
# Waits until a statement of ours that the server still works on has ended: it holds this row.
_SETTLE: Final = "SELECT epoch FROM strop.lease WHERE run = %s FOR UPDATE"
_WRITTEN: Final = "SELECT kind, body FROM strop.event WHERE run = %s AND epoch = %s AND seq > %s ORDER BY seq"
_READ: Final = "SELECT seq, epoch, at, kind, version, body FROM strop.event WHERE run = %s AND seq > %s ORDER BY seq"
_RUNS: Final = """
SELECT run, lease.epoch, CASE WHEN expires > clock_timestamp() THEN holder ELSE '' END, count(seq),
    coalesce(max(at), 0)
FROM strop.lease LEFT JOIN strop.event USING (run) GROUP BY run ORDER BY run DESC
"""
_MANNERS: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "application_name": "strop",
}
"""What an address says itself goes before these. A dead peer is noticed in 20 s and not in two hours."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as its lease and its events show it."""

    id: str
    epoch: int
    """How often its writing was taken up."""
    holder: str
    """Who is writing it now; empty when nobody does."""
    events: int
    seconds: float
    """Run clock at its last event."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """One append as it goes over the wire."""

    kinds: list[str]
    versions: list[int]
    bodies: list[bytes]
    at: float


class PostgresJournal:
    """The writing end of one run. Open it, append, renew while waiting, close it."""

    def __init__(self, url: str, *, run: str, holder: str = "", term: float = TERM, patience: float = PATIENCE) -> None:
        """Take the run's lease when it is free or over, making the tables where they are missing.

        `url` as libpq reads it (`postgresql://user@host/database`); `holder` is what a refused second driver is
        told; `term` and `patience` in seconds.

        Raises:
            JournalFault: somebody else holds the run (who, and until when), or the server cannot be used.
        """
        self._url, self._run, self._term, self._patience = url, run, term, patience
        self._where = address_of(url)
        logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it warns of, our faults say
        self._turn = asyncio.Lock()
        """One append at a time: numbers are given out in the order of commits."""
        self._db: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._closed = False
        with _open(url) as db:
            _prepare(db, self._where)
            taken = db.execute(_TAKE, {"run": run, "holder": holder or _myself(), "term": term}).fetchone()
            if taken is None:
                raise self._held(db)
            self._epoch: int = taken[0]
            self._seq: int = _one(db.execute("SELECT coalesce(max(seq), 0) FROM strop.event WHERE run = %s", (run,)))

    def _held(self, db: psycopg.Connection[tuple[Any, ...]]) -> JournalFault:
        holder, until, seconds = db.execute(_HELD, (self._run,)).fetchone() or ("somebody", "now", 0)
        return JournalFault(
            f"{self._run}: this run is being written by {holder} until {until} UTC, in {max(seconds, 0)} s, unless "
            f"renewed. Stop it there, or wait until it is over, then: strop run --resume {self._run}"
        )

    @property
    def term(self) -> float:
        """Seconds the lease lasts after an append or a renewal."""
        return self._term

    async def append(self, bodies: Sequence[Body], *, at: float) -> tuple[Event, ...]:
        """Commit all or nothing, and renew the lease. See `seams.Journal`.

        Once begun it goes to its end, also when the caller is cancelled: half a commit is of unknown outcome.
        """
        return await self._whole(self._append(tuple(bodies), at))

    async def renew(self) -> None:
        """Keep the lease while nothing is appended; call it at least every `term / 3` seconds.

        Raises:
            JournalFault: the run was taken over, or the server is gone.
        """
        await self._whole(self._renew())

    def read(self, after: int = 0) -> tuple[Event, ...]:
        """Events after `after`. See `seams.Journal`."""
        with _open(self._url) as db:
            return _read(db, self._run, after)

    def close(self) -> None:
        """Give the lease back; with the server gone it ends by itself after `term`. Closing again does nothing."""
        self._drop()
        if self._closed:
            return
        self._closed = True
        with suppress(JournalFault), _open(self._url) as db:
            db.execute(_FREE, (self._run, self._epoch))

    async def _append(self, bodies: tuple[Body, ...], at: float) -> tuple[Event, ...]:
        async with self._turn:
            events = tuple(
                Event(run=self._run, seq=self._seq + place, epoch=self._epoch, at=at, body=body)
                for place, body in enumerate(bodies, 1)
            )
            kinds = [event.kind for event in events]
            facts = _Facts(kinds, [VERSIONS[kind] for kind in kinds], [encode(body) for body in bodies], at)
            if events:
                await self._commit(facts)
            self._seq += len(events)
            return events

    async def _commit(self, facts: _Facts) -> None:
        """Send the facts; after a lost connection look first whether they stand, then send them once more."""
        try:
            await self._send(facts)
        except _Lost:
            try:
                if not await self._stands(facts):
                    await self._send(facts)
            except _Lost as again:
                raise self._gone(again) from again

    async def _send(self, facts: _Facts) -> None:
        asked = {
            "run": self._run, "epoch": self._epoch, "term": self._term, "seq": self._seq, "at": facts.at,
            "kinds": facts.kinds, "versions": facts.versions, "bodies": facts.bodies,
        }  # fmt: skip
        try:
            written = await self._execute(_APPEND, asked)
        except UniqueViolation as caught:  # a sending that we gave up arrived after all, or an intruder's rows
            if await self._stands(facts):
                return
            raise JournalFault(f"{self._where}: run {self._run} holds events that are not this writer's") from caught
        if written.rowcount != len(facts.bodies):
            raise self._taken()

    async def _stands(self, facts: _Facts) -> bool:
        """Whether these facts were committed under our epoch, once nothing of ours is under way any more."""
        await self._execute(_SETTLE, (self._run,))
        rows = await self._execute(_WRITTEN, (self._run, self._epoch, self._seq))
        return await rows.fetchall() == list(zip(facts.kinds, facts.bodies, strict=True))

    async def _renew(self) -> None:
        async with self._turn:
            asked = (self._term, self._run, self._epoch)
            try:
                renewed = await self._execute(_RENEW, asked)
            except _Lost:
                try:
                    renewed = await self._execute(_RENEW, asked)
                except _Lost as again:
                    raise self._gone(again) from again
            if renewed.rowcount != 1:
                raise self._taken()

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            async with self._turn:  # held by the work until it is over
                raise

    async def _execute(
        self, query: _Query, values: Sequence[object] | Mapping[str, object]
    ) -> psycopg.AsyncCursor[tuple[Any, ...]]:
        """One statement on the kept connection.

        Raises:
            _Lost: the connection is gone, or the server was silent too long; what became of it is unknown.
            UniqueViolation: a row stands there already.
            JournalFault: the server refused, and said so.
        """
        if self._closed:
            raise JournalFault(f"{self._where}: the journal of run {self._run} is closed")
        try:
            async with asyncio.timeout(self._patience):
                if self._db is None:
                    self._db = await psycopg.AsyncConnection.connect(_full(self._url), autocommit=True)
                return await self._db.execute(query, values)
        except UniqueViolation:
            raise
        except (TimeoutError, psycopg.Error) as caught:
            if isinstance(caught, psycopg.Error) and self._db is not None and not self._db.closed:
                raise _fault(self._where, caught) from caught
            self._drop()
            raise _Lost(_scrubbed(self._url, str(caught) or f"no answer in {self._patience:g} s")) from caught

    def _drop(self) -> None:
        if self._db is not None:
            self._db.pgconn.finish()  # what AsyncConnection.close() does, for callers that cannot wait
            self._db = None

    def _taken(self) -> JournalFault:
        return JournalFault(f"{self._where}: another process took run {self._run} over; this one stops")

    def _gone(self, lost: _Lost) -> JournalFault:
        return JournalFault(
            f"{self._where}: the connection was lost and one try to restore it failed ({lost}). What was acknowledged "
            f"stands. When the server is back: strop run --resume {self._run}"
        )


class _Lost(Exception):
    """The connection ended; what became of the statement is unknown."""


def read_postgres(url: str, run: str) -> tuple[Event, ...]:
    """All events of a run, while a writer may be at work.

    Raises:
        JournalFault: no such run, no such server, events of a newer strop.
    """
    with _open(url) as db:
        known = db.execute("SELECT to_regclass('strop.lease') IS NOT NULL").fetchone()
        held = db.execute("SELECT FROM strop.lease WHERE run = %s", (run,)).fetchone() if known == (True,) else None
        if held is None:
            raise JournalFault(f"{address_of(url)}: no journal of run {run}")
        return _read(db, run, 0)


def stored_runs(url: str) -> tuple[StoredRun, ...]:
    """All runs of this database, newest first (ids sort by time).

    Raises:
        JournalFault: the server cannot be used.
    """
    with _open(url) as db:
        if db.execute("SELECT to_regclass('strop.lease') IS NOT NULL").fetchone() != (True,):
            return ()
        return tuple(StoredRun(*row) for row in db.execute(_RUNS))


def address_of(url: str) -> str:
    """The address for messages: user, host, port and database; no password, no other setting.

    Raises:
        JournalFault: libpq cannot read it; the text is not repeated, since it may hold a password.
    """
    said = _parsed(url)
    user = f"{said['user']}@" if said.get("user") else ""
    port = f":{said['port']}" if said.get("port") else ""
    return f"postgresql://{user}{said.get('host', '')}{port}/{said.get('dbname', '')}"


if TYPE_CHECKING:
    from typing import LiteralString

    _Query = LiteralString


def _parsed(url: str) -> dict[str, str]:
    try:
        return {name: str(value) for name, value in conninfo.conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:  # from None: libpq's own message repeats the text
        raise JournalFault(
            "the store's address cannot be read; write it like postgresql://USER@HOST:5432/DATABASE"
        ) from None


def _full(url: str) -> str:
    return conninfo.make_conninfo("", **{**_MANNERS, **_parsed(url)})


@contextmanager
def _open(url: str) -> Generator[psycopg.Connection[tuple[Any, ...]], None, None]:
    """A short connection; whatever the driver says comes out in our words."""
    where = address_of(url)
    try:
        with psycopg.connect(_full(url), autocommit=True) as db:
            yield db
    except psycopg.Error as caught:
        raise _fault(where, caught, secret=url) from caught


def _prepare(db: psycopg.Connection[tuple[Any, ...]], where: str) -> None:
    """Make the tables once. Looked for first, so that a user who may not create anything can use them."""
    if db.execute("SELECT to_regclass('strop.event') IS NULL").fetchone() == (True,):
        with db.transaction():
            db.execute(_SCHEMA)
    version = _one(db.execute("SELECT max(version) FROM strop.format"))
    if version != _FORMAT:
        raise JournalFault(f"{where}: the journal's tables have format {version}, this strop writes {_FORMAT}")


def _one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> int:
    row = cursor.fetchone()
    assert row is not None, "an aggregate gives one row"
    return row[0]


def _read(db: psycopg.Connection[tuple[Any, ...]], run: str, after: int) -> tuple[Event, ...]:
    return tuple(
        Event(run=run, seq=seq, epoch=epoch, at=at, body=decode(kind, version, body))
        for seq, epoch, at, kind, version, body in db.execute(_READ, (run, after))
    )


def _myself() -> str:
    return f"{platform.node()} (process {os.getpid()})"


_MOVES = {
    "53100": "the server's disk is full. Free some space there, then resume",
    "53300": "the server has no connection left. Raise max_connections or use a pooler, then resume",
    "25006": "the server only reads (a standby). Name the primary, or add target_session_attrs=read-write",
    "42501": "this user may not write there. Grant USAGE on schema strop and SELECT, INSERT, UPDATE on its tables",
    "28P01": "the password was refused. Set PGPASSWORD or a password file, then try again",
    "28000": "this user may not connect. See pg_hba.conf on the server",
    "3D000": "there is no such database. Make it with: createdb NAME",
}


_REFUSED = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    "too many clients": "53300",
    "remaining connection slots": "53300",
}
"""What libpq says of a connection that did not come about: the driver gives no code then."""
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')
_NO_ROLE = re.compile(r'role "[^"]*" does not exist')
_UNREACHED = {
    "Connection refused": "nobody answers there. Start the server, or mend host and port in the address",
    "could not translate host name": "there is no such host. Mend the address",
    "failed to resolve host": "there is no such host. Mend the address",
    "timeout expired": "nobody answers there in time. See that the host is right and no firewall stands between",
}


def _fault(where: str, caught: psycopg.Error, *, secret: str = "") -> JournalFault:
    said = str(caught)
    code = caught.sqlstate or next((code for words, code in _REFUSED.items() if words in said), "")
    if _NO_DATABASE.search(said):
        code = "3D000"
    elif _NO_ROLE.search(said):
        code = "28000"
    move = _MOVES.get(code) or next((move for words, move in _UNREACHED.items() if words in said), "")
    return JournalFault(f"journal {where}: {move or _scrubbed(secret, said)} ({code or type(caught).__name__})")


def _scrubbed(url: str, said: str) -> str:
    """What libpq says. It repeats no password; should a version do so, it ends here."""
    secret = _parsed(url).get("password") if url else None
    return " ".join((said.replace(secret, "***") if secret else said).split())


if TYPE_CHECKING:

    def _fits(x: PostgresJournal) -> Journal:
        return x
