"""`index.db`: passages under SQLite's FTS5, ranked by BM25, silent where nothing is good enough.

BM25 orders passages and says nothing of whether the best is any good: its scores grow with the collection. So
the floor is on coverage: each word of the query weighs `ln(1 + N / (n + 0.5))`, n of N passages holding it,
one that no passage holds the most; a passage that holds words of less than `FLOOR` of that weight is no
answer. `benchmarks/know.py` asks questions that a collection answers and questions that it does not, over
floors from 0 to 1; `FLOOR` is the lowest of them that lets at most one non-answer in twenty through.

The database can be deleted: it is made again from the documents. One connection a transaction.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strop.stores.opening import opened
from strop.types.document import Format, Hit, Query, ReadDocument
from strop.types.fingerprint import digest_bytes
from strop.types.globs import glob_pattern
from strop.types.work import Passage

if TYPE_CHECKING:
    from strop.seams import Index

FLOOR = 0.5
MOST_WORDS = 32
"""Words of a query that count, the first ones."""
_CANDIDATES = 60
"""Passages whose coverage is looked at, the best by BM25."""
_OFTEN = 0.2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS document(
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, format TEXT NOT NULL,
    day TEXT NOT NULL, passages INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS mark(id INTEGER PRIMARY KEY, mark TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE IF NOT EXISTS passage USING fts5(
    text, locator UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2');
"""
_STEP = 1_000_000
"""Row numbers that one document is given: more than it may have passages."""
_WORD = re.compile(r"\w+", re.UNICODE)
_COMMON = frozenset(
    "a about an and are as at be but by can do does did for from had has have how i if in into is it its me my no not "
    "of on or our s so t than that the their them then there these they this to was we were what when where which who "
    "whom whose why will with would you your please tell give show find "
    "der die das den dem des ein eine einer eines einem einen und oder ist sind war waren von vom zu zum zur mit fur "
    "für auf im in am an bei nach wie was wer wo wann warum welche welcher welches es wir sie er nicht auch als aus "
    "le la les un une des et ou est sont de du que qui quoi dans pour par sur avec au aux ce ces comment quand "
    "el los las una y o es son en por con para del al como cual".split()
)
"""Words that every text holds; a query of nothing else is looked for as it is."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A document that is in the index."""

    path: str
    digest: str
    format: Format
    day: str
    passages: int


class FtsIndex:
    """Passages in one SQLite file, shared by processes."""

    def __init__(self, path: Path, *, floor: float = FLOOR) -> None:
        """Make the file where it is missing.

        Raises:
            JournalFault: the folder cannot be written, or the file is no database.
        """
        self._path = path
        self._floor = floor
        with self._open() as db:
            db.executescript(_SCHEMA)

    def add(self, document: ReadDocument, *, day: str) -> None:
        """See `seams.Index`."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            _remove(db, document.path)
            row = (document.path, document.digest, document.format.value, day, len(document.passages))
            id = db.execute(
                "INSERT INTO document(path, digest, format, day, passages) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
            assert id is not None, "a row was inserted"
            rows = [(id * _STEP + number, each.text, each.locator) for number, each in enumerate(document.passages)]
            db.executemany("INSERT INTO passage(rowid, text, locator) VALUES (?, ?, ?)", rows)
            db.executemany("INSERT INTO mark VALUES (?, ?)", ((row, mark_of(text)) for row, text, _ in rows))
            db.execute("COMMIT")

    def search(self, query: Query) -> tuple[Hit, ...]:
        """See `seams.Index`."""
        return tuple(self.ranked(query).values())

    def ranked(self, query: Query) -> dict[int, Hit]:
        """The same by row, best first."""
        words = asked_words(query.words)
        if not words:
            return {}
        with self._open() as db:
            db.execute("BEGIN")  # one state for all that follows
            chosen = _chosen(db, query)
            if chosen == ():
                return {}
            holding = _holding_each(db, words)
            total = _count(db)
            weights = {word: math.log1p(total / (times + 0.5)) for word, times in holding.items()}
            found = _best(db, _telling(holding, total), chosen)
            covered = dict.fromkeys(found, 0.0)
            for word, weight in weights.items():
                for rowid in _holding(db, word, tuple(found)):
                    covered[rowid] += weight
            rows = _passages(db, tuple(found))
        whole = sum(weights.values())
        hits = {
            rowid: Hit(passage, found[rowid], round(covered[rowid] / whole, 4))
            for rowid, passage in rows
            if covered[rowid] >= self._floor * whole
        }
        # Equal scores stand in the order of paths and places, not of adding.
        order = sorted(hits, key=lambda rowid: (-hits[rowid].score, hits[rowid].passage.path, rowid))
        return {rowid: hits[rowid] for rowid in order[: query.most]}

    def marks(self, query: Query | None = None) -> dict[int, str]:
        """SHA-256 of the text of every passage that a query's filters leave, by row, in the order of rows."""
        with self._open() as db:
            chosen = None if query is None else _chosen(db, query)
            _marked(db)
            rows = db.execute("SELECT id, mark FROM mark ORDER BY id").fetchall()
        return {id: mark for id, mark in rows if chosen is None or id // _STEP in chosen}

    def at(self, rows: Sequence[int]) -> dict[int, Passage]:
        """Passages by their rows."""
        with self._open() as db:
            return dict(_passages(db, rows))

    def remove(self, path: str) -> None:
        """See `seams.Index`."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            _remove(db, path)
            db.execute("COMMIT")

    def documents(self) -> tuple[Indexed, ...]:
        """What is in it, by path."""
        with self._open() as db:
            rows = db.execute("SELECT path, digest, format, day, passages FROM document ORDER BY path").fetchall()
        return tuple(Indexed(path, digest, Format(form), day, passages) for path, digest, form, day, passages in rows)

    def passages(self, path: str) -> tuple[Passage, ...]:
        """Those of one document in their order; none where it is not there."""
        with self._open() as db:
            rows = db.execute(
                "SELECT passage.locator, passage.text, document.digest FROM document JOIN passage "
                "ON passage.rowid >= document.id * ? AND passage.rowid < (document.id + 1) * ? "
                "WHERE path = ? ORDER BY passage.rowid",
                (_STEP, _STEP, path),
            ).fetchall()
        return tuple(Passage(path, *row) for row in rows)

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._path, mend=". Delete the file: it is made again from knowledge/")


def mark_of(text: str) -> str:
    """SHA-256 of a passage's text."""
    return digest_bytes(text.encode(errors="replace"))


def _marked(db: sqlite3.Connection) -> None:
    """Hash what a file of an older strop holds without a hash."""
    if db.execute("SELECT count(*) FROM mark").fetchone()[0] != _count(db):
        db.create_function("mark_of", 1, mark_of, deterministic=True)
        db.execute("INSERT OR IGNORE INTO mark SELECT rowid, mark_of(text) FROM passage")


def asked_words(text: str) -> tuple[str, ...]:
    """The words of a query that are looked for, each once; common ones only where there are no others."""
    words = tuple(dict.fromkeys(word.casefold().strip("_") for word in _WORD.findall(text)))
    words = tuple(word for word in words if word)
    return (tuple(word for word in words if word not in _COMMON) or words)[:MOST_WORDS]


def _either(words: Sequence[str]) -> str:
    return " OR ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """A word as FTS5 takes it for a word, whatever it spells."""
    return '"' + word.replace('"', '""') + '"'


def _chosen(db: sqlite3.Connection, query: Query) -> tuple[int, ...] | None:
    """Ids of the documents that the filters leave; None where there are no filters."""
    if not (query.paths or query.formats or query.since):
        return None
    pattern = glob_pattern(query.paths or "**")
    forms = {form.value for form in query.formats or tuple(Format)}
    rows = db.execute("SELECT id, path, format FROM document WHERE day >= ?", (query.since,)).fetchall()
    return tuple(id for id, path, form in rows if pattern.fullmatch(path) and form in forms)


def _best(db: sqlite3.Connection, words: Sequence[str], chosen: Sequence[int] | None) -> dict[int, float]:
    """Score by row of the best candidates. Nothing but the search tree is read for it."""
    among = "" if chosen is None else f"AND rowid / {_STEP} IN (SELECT value FROM json_each(?))"
    given = (_either(words),) if chosen is None else (_either(words), json.dumps(chosen))
    rows = db.execute(
        f"SELECT rowid, rank FROM passage WHERE passage MATCH ? {among} ORDER BY rank LIMIT {_CANDIDATES}", given
    )
    return {rowid: round(-rank, 6) for rowid, rank in rows}


def _passages(db: sqlite3.Connection, rowids: Sequence[int]) -> list[tuple[int, Passage]]:
    rows = db.execute(
        "SELECT passage.rowid, path, locator, text, digest FROM passage JOIN document "
        f"ON document.id = passage.rowid / {_STEP} WHERE passage.rowid IN (SELECT value FROM json_each(?)) "
        "ORDER BY passage.rowid",
        (json.dumps(rowids),),
    )
    return [(rowid, Passage(*row)) for rowid, *row in rows]


def _count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT coalesce(sum(passages), 0) FROM document").fetchone()[0])


def _holding_each(db: sqlite3.Connection, words: Sequence[str]) -> dict[str, int]:
    """How many passages hold each word."""
    count = "SELECT count(*) FROM passage WHERE passage MATCH ?"
    return {word: int(db.execute(count, (_quoted(word),)).fetchone()[0]) for word in words}


def _telling(holding: Mapping[str, int], total: int) -> tuple[str, ...]:
    """The words that candidates are found by: what a fifth of all passages hold tells none apart, and costs most."""
    rare = tuple(word for word, times in holding.items() if 0 < times <= total * _OFTEN)
    return rare or tuple(holding)


def _holding(db: sqlite3.Connection, word: str, among: Sequence[int]) -> list[int]:
    """Which of these passages hold the word."""
    # The plus keeps SQLite from asking the search tree anew for every row: 1.4 ms a word of 10,000 rows, not 8.5.
    rows = db.execute(
        "SELECT rowid FROM passage WHERE passage MATCH ? AND +rowid IN (SELECT value FROM json_each(?))",
        (_quoted(word), json.dumps(among)),
    )
    return [row[0] for row in rows]


def _remove(db: sqlite3.Connection, path: str) -> None:
    row = db.execute("SELECT id FROM document WHERE path = ?", (path,)).fetchone()
    if row is not None:
        db.execute("DELETE FROM passage WHERE rowid >= ? AND rowid < ?", (row[0] * _STEP, (row[0] + 1) * _STEP))
        db.execute("DELETE FROM mark WHERE id >= ? AND id < ?", (row[0] * _STEP, (row[0] + 1) * _STEP))
        db.execute("DELETE FROM document WHERE id = ?", (row[0],))


if TYPE_CHECKING:

    def _fits(x: FtsIndex) -> Index:
        return x
