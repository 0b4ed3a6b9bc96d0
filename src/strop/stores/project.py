"""The project's own database: the library's head and its history, the index of runs, and how fast models were here.

`project.db` is small and shared by processes; every change is one transaction. Journals stay the truth
about a run; a row here can be made again from them.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strop.errors import BadInput
from strop.stores.firsts import FIRSTS_SCHEMA, Firsts
from strop.stores.opening import opened
from strop.types.canary import Canary
from strop.types.events import revive
from strop.types.evidence import Certificate, Pair
from strop.types.fingerprint import canonical, short
from strop.types.memory import Manifest
from strop.types.money import Usage
from strop.types.moves import AUTO, Moved
from strop.types.past import Heard, Like, PastRun, Sample

if TYPE_CHECKING:
    from strop.seams import Evidence, Library

_SCHEMA = """
CREATE TABLE IF NOT EXISTS manifest(hash TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS head(only INTEGER PRIMARY KEY CHECK (only = 1), hash TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS moved(
    seq INTEGER PRIMARY KEY, manifest TEXT NOT NULL, at REAL NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS projected(
    path TEXT NOT NULL, digest TEXT NOT NULL, own INTEGER NOT NULL, PRIMARY KEY (path, digest)) STRICT;
CREATE TABLE IF NOT EXISTS run(
    id TEXT PRIMARY KEY, spec TEXT NOT NULL, path TEXT NOT NULL, skill TEXT NOT NULL,
    outcome TEXT NOT NULL, units INTEGER NOT NULL, calls INTEGER NOT NULL, nanos INTEGER NOT NULL,
    seconds REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS pace(
    run TEXT NOT NULL, model TEXT NOT NULL, calls INTEGER NOT NULL,
    p50 REAL NOT NULL, p90 REAL NOT NULL, output INTEGER NOT NULL, PRIMARY KEY (run, model)) STRICT;
CREATE TABLE IF NOT EXISTS past(
    run TEXT PRIMARY KEY, gate REAL NOT NULL, repairs REAL NOT NULL, stretch REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sample(
    run TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, kind TEXT NOT NULL, tools INTEGER NOT NULL,
    steps INTEGER NOT NULL, input INTEGER NOT NULL, cached INTEGER NOT NULL, cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL, lost INTEGER NOT NULL, calling REAL NOT NULL, seconds REAL NOT NULL,
    units INTEGER NOT NULL, expected INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS heard(
    run TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, kind TEXT NOT NULL, planted INTEGER NOT NULL,
    found INTEGER NOT NULL, tried INTEGER NOT NULL, alarms INTEGER NOT NULL,
    PRIMARY KEY (run, model, prompt, kind)) STRICT;
CREATE TABLE IF NOT EXISTS pair(
    seq INTEGER PRIMARY KEY, item TEXT NOT NULL, version TEXT NOT NULL, ground TEXT NOT NULL,
    incumbent TEXT NOT NULL, unit TEXT NOT NULL, body BLOB NOT NULL,
    UNIQUE (item, version, ground, incumbent, unit)) STRICT;
CREATE TABLE IF NOT EXISTS trial(
    number INTEGER PRIMARY KEY, item TEXT NOT NULL, version TEXT NOT NULL, UNIQUE (item, version)) STRICT;
CREATE TABLE IF NOT EXISTS certificate(
    seq INTEGER PRIMARY KEY, item TEXT NOT NULL, version TEXT NOT NULL, trial TEXT NOT NULL,
    by TEXT NOT NULL, admitted INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS failed(run TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS canary(seq INTEGER PRIMARY KEY, version TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS sample_like ON sample(model, prompt, kind, tools, run);
CREATE INDEX IF NOT EXISTS sample_run ON sample(run);
"""
SAMPLES = 2_000
"""Samples of like tasks that are kept, the newest: twenty runs at the most that one run leaves."""
_LIKE = "model = ? AND prompt = ? AND kind = ? AND tools = ?"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the index knows it."""

    id: str
    spec: str
    """Fingerprint of the spec."""
    path: str
    skill: str
    outcome: str
    units: int
    calls: int
    nanos: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PaceRow:
    """Seconds a call took at one model in one run, and the median length of its answers."""

    run: str
    model: str
    calls: int
    p50: float
    p90: float
    output: int


class ProjectDb:
    """Opens a connection a transaction, so that processes never wait for each other long."""

    def __init__(self, path: Path, *, wall: Callable[[], float] = time.time) -> None:
        """Make the database where it is missing. `wall` gives seconds since 1970, for the library's log.

        Raises:
            JournalFault: the folder cannot be written, or the file is no database.
        """
        self._path, self._wall = path, wall
        with self._open() as db:
            db.executescript(_SCHEMA + FIRSTS_SCHEMA)

    @property
    def firsts(self) -> Firsts:
        """What runs gave at the first try."""
        return Firsts(self._open)

    def head(self) -> Manifest:
        """The library's state. See `seams.Library`."""
        with self._open() as db:
            return _head(db)

    def commit(self, manifest: Manifest, *, expected: str, by: str = AUTO, why: str = "") -> bool:
        """Compare and set, with a line in the log. See `seams.Library`.

        `by` is a run's id, `user` or `auto`.
        """
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute("SELECT hash FROM head").fetchone()
            kept = row[0] if row else Manifest().hash
            if kept != expected and not _brought_up(db, expected):
                db.execute("ROLLBACK")
                return False
            name = manifest.hash
            if row and not db.execute("SELECT 1 FROM moved LIMIT 1").fetchone():
                _log(db, expected, 0.0, AUTO, "learned before a log was kept")
            db.execute("INSERT OR IGNORE INTO manifest VALUES (?, ?)", (name, canonical(manifest)))
            db.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", (name,))
            _log(db, name, self._wall(), by, why)
            db.execute("COMMIT")
            return True

    def manifest(self, name: str) -> Manifest:
        """The manifest of this hash, or of this unique beginning of one.

        Raises:
            BadInput: none, or several.
        """
        if not name or set(name) - set("0123456789abcdef"):
            raise BadInput(f"{name!r} is no hash of a library. See them with: strop skills log")
        with self._open() as db:
            rows = db.execute(
                "SELECT body FROM manifest WHERE hash >= ? AND hash < ? LIMIT 2", (name, f"{name}g")
            ).fetchall()
            found = [_manifest(row[0]) for row in rows]
            # The empty library has no row before it was gone back to, and an old head none under its new name.
            also = (Manifest(), *(() if found else (_head(db),)))
        found += [each for each in dict.fromkeys(also) if each not in found and each.hash.startswith(name)]
        if len(found) != 1:
            what = "several libraries begin" if found else "no library begins"
            raise BadInput(f"{what} with {name}. See them with: strop skills log")
        return found[0]

    def reset(self, name: str, *, by: str, why: str = "") -> Manifest:
        """Set the head to the manifest of this hash, or of this unique beginning of one, with a line in the log.

        Raises:
            BadInput: none, or several.
        """
        older = self.manifest(name)
        whole = older.hash
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            if not db.execute("SELECT 1 FROM manifest WHERE hash = ?", (whole,)).fetchone():
                db.execute("INSERT INTO manifest VALUES (?, ?)", (whole, canonical(older)))  # the empty, or an old form
            db.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", (whole,))
            _log(db, whole, self._wall(), by, why or f"back to {short(whole)}")
            db.execute("COMMIT")
        return older

    def moves(self) -> tuple[Moved, ...]:
        """Every time that the library's head was set, oldest first."""
        with self._open() as db:
            return tuple(Moved(*row) for row in db.execute("SELECT seq, manifest, at, by, why FROM moved ORDER BY seq"))

    def copy_to(self, path: Path) -> None:
        """A copy of everything here, at a path where nothing is yet.

        Raises:
            JournalFault: it cannot be written.
        """
        with self._open() as db, ProjectDb(path)._open() as other:
            db.backup(other)

    def projected(self) -> tuple[tuple[str, str, bool], ...]:
        """(path, SHA-256, whether it is a person's own) of what was written from the library, or seen beside it."""
        with self._open() as db:
            rows = db.execute("SELECT path, digest, own FROM projected ORDER BY path, digest").fetchall()
        return tuple((path, digest, bool(own)) for path, digest, own in rows)

    def note_projected(
        self, rows: Sequence[tuple[str, str, bool]], *, forget: Collection[str] = (), more: bool = False
    ) -> None:
        """Remember digests by path, in place of the path's earlier ones, or beside them (`more`)."""
        gone = {*forget} if more else {*forget, *(path for path, *_ in rows)}
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("DELETE FROM projected WHERE path = ?", [(path,) for path in gone])
            db.executemany("INSERT OR REPLACE INTO projected VALUES (?, ?, ?)", rows)
            db.execute("COMMIT")

    def note_run(self, row: RunRow) -> None:
        """Put a run into the index, or bring its row up to date."""
        fields = (row.id, row.spec, row.path, row.skill, row.outcome, row.units, row.calls, row.nanos, row.seconds)
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", fields)

    def runs(self) -> tuple[RunRow, ...]:
        """All runs, newest first (ids sort by time)."""
        with self._open() as db:
            rows = db.execute(
                "SELECT id, spec, path, skill, outcome, units, calls, nanos, seconds FROM run ORDER BY id DESC"
            ).fetchall()
        return tuple(RunRow(*row) for row in rows)

    def note_pace(self, row: PaceRow) -> None:
        """Remember how fast a model was."""
        fields = (row.run, row.model, row.calls, row.p50, row.p90, row.output)
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO pace VALUES (?, ?, ?, ?, ?, ?)", fields)

    def pace(self, model: str) -> PaceRow | None:
        """The newest measurement of a model; None when there is none."""
        with self._open() as db:
            row = db.execute(
                "SELECT run, model, calls, p50, p90, output FROM pace WHERE model = ? ORDER BY run DESC LIMIT 1",
                (model,),
            ).fetchone()
        return PaceRow(*row) if row else None

    def note_past(self, run: PastRun) -> None:
        """Put a run's samples in place of those it may have, and drop the oldest of each likeness."""
        rows = [_sample_row(run.run, sample) for sample in run.samples]
        likes = {(each.model, each.prompt, each.kind, each.tools) for each in (sample.like for sample in run.samples)}
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM sample WHERE run = ?", (run.run,))
            db.executemany("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            for like in likes:
                db.execute(
                    f"DELETE FROM sample WHERE rowid IN (SELECT rowid FROM sample WHERE {_LIKE} "
                    f"ORDER BY run DESC, rowid LIMIT -1 OFFSET {SAMPLES})",
                    like,
                )
            db.execute("INSERT OR REPLACE INTO past VALUES (?, ?, ?, ?)", (run.run, run.gate, run.repairs, run.stretch))
            db.execute("DELETE FROM past WHERE run NOT IN (SELECT run FROM sample)")
            db.execute("COMMIT")

    def past(self, models: Collection[str], *, most: int) -> tuple[PastRun, ...]:
        """The newest `most` runs that left samples of one of these models, newest first, with those samples."""
        marks = ", ".join("?" * len(models))
        runs = f"SELECT DISTINCT run FROM sample WHERE model IN ({marks}) ORDER BY run DESC LIMIT {most:d}"
        with self._open() as db:
            heads = db.execute(
                f"SELECT run, gate, repairs, stretch FROM past WHERE run IN ({runs}) ORDER BY run DESC", (*models,)
            ).fetchall()
            samples: dict[str, list[Sample]] = {}
            likes: dict[Like, Like] = {}
            for run, *row in db.execute(
                f"SELECT * FROM sample WHERE run IN ({runs}) AND model IN ({marks}) ORDER BY rowid", (*models, *models)
            ):
                samples.setdefault(run, []).append(_sample(row, likes))
        return tuple(PastRun(run, tuple(samples[run]), *figures) for run, *figures in heads)

    def note_heard(self, rows: Sequence[Heard]) -> None:
        """Put what gates found of planted flaws on record; a run's earlier rows of the same judge are replaced."""
        with self._open() as db:
            db.executemany(
                "INSERT OR REPLACE INTO heard VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(r.run, r.model, r.prompt, r.kind, r.planted, r.found, r.tried, r.alarms) for r in rows],
            )

    def heard(self, model: str, prompt: str, *, but: str = "") -> tuple[Heard, ...]:
        """What this model under this prompt found in every run but one, oldest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT run, model, prompt, kind, planted, found, tried, alarms FROM heard "
                "WHERE model = ? AND prompt = ? AND run <> ? ORDER BY run, kind",
                (model, prompt, but),
            ).fetchall()
        return tuple(Heard(*row) for row in rows)

    def note_failed(self, run: str, body: bytes) -> None:
        """Keep what failed in a run that left a skill; its first word stays."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO failed VALUES (?, ?)", (run, body))

    def failed(self) -> dict[str, bytes]:
        """What failed, by run."""
        with self._open() as db:
            return dict(db.execute("SELECT run, body FROM failed").fetchall())

    def add(self, pairs: Sequence[Pair]) -> None:
        """Keep evidence. See `seams.Evidence`."""
        rows = [(p.item, p.version, p.ground, p.incumbent, p.unit, canonical(p)) for p in pairs]
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT OR IGNORE INTO pair(item, version, ground, incumbent, unit, body) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            db.execute("COMMIT")

    def pairs(self, item: str, *, version: str) -> tuple[Pair, ...]:
        """See `seams.Evidence`."""
        with self._open() as db:
            rows = db.execute(
                "SELECT body FROM pair WHERE item = ? AND version = ? ORDER BY seq", (item, version)
            ).fetchall()
        return tuple(revive(Pair, row[0]) for row in rows)

    def trial(self, item: str, *, version: str) -> int:
        """See `seams.Evidence`."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO trial(item, version) VALUES (?, ?)", (item, version))
            row = db.execute("SELECT number FROM trial WHERE item = ? AND version = ?", (item, version)).fetchone()
        return int(row[0])

    def certify(self, certificate: Certificate, *, trial: str, admitted: bool) -> None:
        """Keep what was measured, in which trial, and whether the item was admitted; an item's newest counts."""
        with self._open() as db:
            db.execute(
                "INSERT INTO certificate(item, version, trial, by, admitted, body) VALUES (?, ?, ?, ?, ?, ?)",
                (certificate.item, certificate.version, trial, certificate.by, admitted, canonical(certificate)),
            )

    def admitted(self, *, before: int, by: str) -> int:
        """How many of the trials before the one of that number ended with an admission of this kind."""
        with self._open() as db:
            row = db.execute(
                "SELECT count(DISTINCT t.number) FROM trial t JOIN certificate c "
                "ON c.item = t.item AND c.trial = t.version WHERE t.number < ? AND c.by = ? AND c.admitted = 1",
                (before, by),
            ).fetchone()
        return int(row[0])

    def certificates(self) -> dict[str, Certificate]:
        """The newest certificate of every item that has one."""
        with self._open() as db:
            rows = db.execute("SELECT body FROM certificate ORDER BY seq").fetchall()
        return {held.item: held for held in (revive(Certificate, row[0]) for row in rows)}

    def note_canary(self, canary: Canary) -> None:
        """Keep what a canary replay said of a version, clean or not."""
        with self._open() as db:
            db.execute("INSERT INTO canary(version, body) VALUES (?, ?)", (canary.version, canonical(canary)))

    def canaries(self, version: str) -> tuple[Canary, ...]:
        """The canary replays of the body with this hash, oldest first."""
        with self._open() as db:
            rows = db.execute("SELECT body FROM canary WHERE version = ? ORDER BY seq", (version,)).fetchall()
        return tuple(revive(Canary, row[0]) for row in rows)

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._path)


def _head(db: sqlite3.Connection) -> Manifest:
    row = db.execute("SELECT body FROM manifest JOIN head USING (hash)").fetchone()
    return _manifest(row[0]) if row else Manifest()


def _brought_up(db: sqlite3.Connection, expected: str) -> bool:
    """Whether the head, kept in an old form, is what was expected; then it is kept in its new form too."""
    head = _head(db)
    if head.hash != expected:
        return False
    db.execute("INSERT OR IGNORE INTO manifest VALUES (?, ?)", (expected, canonical(head)))
    return True


def _manifest(body: bytes) -> Manifest:
    """A manifest as it was kept, brought up to how items are named now.

    Once every rule was an item of the kind `rule`; all that runs left were checks.
    """
    if b'"kind":"rule"' not in body:
        return revive(Manifest, body)
    body = re.sub(rb'"id":"rule/([^"]*)","kind":"rule"', rb'"id":"check/\1","kind":"check"', body)
    return _sorted(revive(Manifest, body))


def _sorted(manifest: Manifest) -> Manifest:
    return replace(manifest, items=tuple(sorted(manifest.items, key=lambda item: item.id)))


def _log(db: sqlite3.Connection, manifest: str, at: float, by: str, why: str) -> None:
    db.execute("INSERT INTO moved(manifest, at, by, why) VALUES (?, ?, ?, ?)", (manifest, at, by, why))


def _sample_row(run: str, sample: Sample) -> tuple[str | int | float, ...]:
    like, used = sample.like, sample.usage
    return (
        *(run, like.model, like.prompt, like.kind, like.tools, sample.steps),
        *(used.input, used.cached, used.cache_write, used.output),
        *(sample.lost, sample.calling, sample.seconds, sample.units, sample.expected),
    )


def _sample(row: Sequence[Any], likes: dict[Like, Like]) -> Sample:
    """The columns behind `run`, as SQLite gives them; of equal likenesses one is held, with its texts."""
    model, prompt, kind, tools, steps, *rest = row
    like = Like(model, prompt, kind, bool(tools))
    return Sample(likes.setdefault(like, like), steps, Usage(*rest[:4]), *rest[4:])


if TYPE_CHECKING:

    def _fits(x: ProjectDb) -> Library:
        return x

    def _fits_evidence(x: ProjectDb) -> Evidence:
        return x
