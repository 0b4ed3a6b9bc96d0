"""Vectors of texts, and what was paid for them outside runs; tables of `project.db`, since they cost money.

A vector is found by its space, its side and the hash of its text, so that no text is paid for twice. To find the
nearest of many without reading them all, signs are compared first: one bit a dimension, of which near vectors share
most (Charikar 2002, "Similarity Estimation Techniques from Rounding Algorithms"); only the `CANDIDATES` that share
the most are read and compared in full. With at most that many nothing is left out.
"""

from __future__ import annotations

import json
import operator
import sqlite3
import sys
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path

from strop.stores.opening import opened
from strop.types.vectors import Side

CANDIDATES = 512
"""Vectors that are compared in full. Of 10,000 passages in clusters the nearest 50 were among them, every time
(benchmarks/know.py)."""
KEPT = 2_000
"""Vectors of queries and items that are kept, the newest."""
PAIRS, FEWEST = 400, 20
"""Pairs of passages that say how near those are that have nothing to do with each other."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vector(
    id INTEGER PRIMARY KEY, space TEXT NOT NULL, side TEXT NOT NULL, mark TEXT NOT NULL, signs BLOB NOT NULL,
    UNIQUE (space, side, mark)) STRICT;
CREATE TABLE IF NOT EXISTS vector_body(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS embedding(
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, model TEXT NOT NULL, why TEXT NOT NULL, texts INTEGER NOT NULL,
    state TEXT NOT NULL, tokens INTEGER NOT NULL, nanos INTEGER NOT NULL, said TEXT NOT NULL) STRICT;
"""
_SIGNS = bytes.maketrans(bytes(range(256)), b"1" * 128 + b"0" * 128)
"""The highest byte of a float as the letter of its sign."""


@dataclass(frozen=True, slots=True)
class Paid:
    """One call to an embedder outside a run."""

    seq: int
    at: float
    """Seconds since 1970."""
    model: str
    why: str
    """The command."""
    texts: int
    state: str
    """`answered`, `failed` (nothing was billed), `lost` (booked at its worst), or `intended`: it was cut off."""
    tokens: int
    """As billed; of a call that was lost or cut off, its worst case."""
    nanos: int
    said: str


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of all vectors of one space and side, read once and compared often."""

    rows: Mapping[str, tuple[int, bytes]]
    """(row, signs) by the hash of the text."""


class VectorStore:
    """Opens a connection a transaction, as `ProjectDb` does with the same file."""

    def __init__(self, path: Path) -> None:
        """Make the tables where they are missing.

        Raises:
            JournalFault: the file cannot be written, or is no database.
        """
        self._path = path
        with self._open() as db:
            db.executescript(_SCHEMA)

    # ------------------------------------------------------------ vectors

    def get(self, space: str, side: Side, marks: Collection[str]) -> dict[str, array[float]]:
        """Those that are there, by the hash of their text."""
        with self._open() as db:
            rows = db.execute(
                "SELECT mark, body FROM vector JOIN vector_body USING (id) "
                "WHERE space = ? AND side = ? AND mark IN (SELECT value FROM json_each(?))",
                (space, side.value, json.dumps(sorted(marks))),
            ).fetchall()
        return {mark: _floats(body) for mark, body in rows}

    def put(self, space: str, side: Side, vectors: Mapping[str, array[float]]) -> None:
        """Keep vectors by the hash of their text; of queries and items only the newest `KEPT` stay."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            for mark, row in vectors.items():
                key = (space, side.value, mark)
                _delete(db, "space = ? AND side = ? AND mark = ?", key)
                id = db.execute(
                    "INSERT INTO vector(space, side, mark, signs) VALUES (?, ?, ?, ?)", (*key, signs_of(row))
                ).lastrowid
                db.execute("INSERT INTO vector_body VALUES (?, ?)", (id, _bytes(row)))
            if side is not Side.PASSAGE:
                old = f"SELECT id FROM vector WHERE side = ? ORDER BY id DESC LIMIT -1 OFFSET {KEPT}"
                _delete(db, f"id IN ({old})", (side.value,))
            db.execute("COMMIT")

    def dimensions(self, space: str) -> int | None:
        """Numbers of a vector of this space; None where there is none yet."""
        with self._open() as db:
            row = db.execute(
                "SELECT length(body) FROM vector JOIN vector_body USING (id) WHERE space = ? LIMIT 1", (space,)
            ).fetchone()
        return row[0] // 4 if row else None

    def signs(self, space: str, side: Side) -> Signs:
        """All of one space and side, to compare with."""
        with self._open() as db:
            rows = db.execute(
                "SELECT mark, id, signs FROM vector WHERE space = ? AND side = ?", (space, side.value)
            ).fetchall()
        return Signs({mark: (id, signs) for mark, id, signs in rows})

    def unrelated(self, space: str) -> float | None:
        """The cosine that 19 of 20 pairs of passages drawn by chance stay under; None where there are too few."""
        with self._open() as db:
            rows = db.execute(  # hashes stand in no order of matters, so neighbours by hash are drawn by chance
                "SELECT body FROM vector JOIN vector_body USING (id) WHERE space = ? AND side = ? "
                "ORDER BY mark LIMIT ?",
                (space, Side.PASSAGE.value, 2 * PAIRS),
            ).fetchall()
        if len(rows) < 2 * FEWEST:
            return None
        held = [_floats(body) for (body,) in rows]
        found = sorted(cosine(one, other) for one, other in zip(held[::2], held[1::2], strict=False))
        return found[len(found) * 19 // 20]

    def nearest(self, query: array[float], signs: Signs, among: Iterable[str], *, most: int) -> dict[str, float]:
        """Cosine by the hash of the text of the `most` nearest of those among, best first; ties by the hash."""
        asked, held = int.from_bytes(signs_of(query)), signs.rows
        there = [(mark, held[mark]) for mark in among if mark in held]
        apart = {row: (int.from_bytes(each) ^ asked).bit_count() for _, (row, each) in there}
        chosen = set(nsmallest(CANDIDATES, sorted(apart), key=apart.__getitem__))
        marks = {row: mark for mark, (row, _) in there if row in chosen}
        with self._open() as db:
            rows = db.execute(
                "SELECT id, body FROM vector_body WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(sorted(chosen)),),
            )
            near = {marks[row]: cosine(query, _floats(body)) for row, body in rows}
        return dict(nsmallest(most, near.items(), key=lambda each: (-each[1], each[0])))

    def forget(self, marks: Collection[str]) -> None:
        """Drop the vectors of these passages, of every space."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            given = (Side.PASSAGE.value, json.dumps(sorted(marks)))
            _delete(db, "side = ? AND mark IN (SELECT value FROM json_each(?))", given)
            db.execute("COMMIT")

    def forget_all(self) -> None:
        """Drop every vector."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            _delete(db, "1 = 1", ())
            db.execute("COMMIT")

    # ------------------------------------------------------------ money

    def intend(self, *, at: float, model: str, why: str, texts: int, tokens: int, nanos: int) -> int:
        """Put a call on record before it is made, at its worst case; its number."""
        with self._open() as db:
            seq = db.execute(
                "INSERT INTO embedding(at, model, why, texts, state, tokens, nanos, said) "
                "VALUES (?, ?, ?, ?, 'intended', ?, ?, '')",
                (at, model, why, texts, tokens, nanos),
            ).lastrowid
        assert seq is not None, "a row was inserted"
        return seq

    def settle(self, seq: int, *, state: str, tokens: int, nanos: int, said: str = "") -> None:
        """Say how a call ended, and what it cost."""
        with self._open() as db:
            db.execute(
                "UPDATE embedding SET state = ?, tokens = ?, nanos = ?, said = ? WHERE seq = ?",
                (state, tokens, nanos, said, seq),
            )

    def paid(self) -> tuple[Paid, ...]:
        """Every call outside runs, oldest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT seq, at, model, why, texts, state, tokens, nanos, said FROM embedding ORDER BY seq"
            ).fetchall()
        return tuple(Paid(*row) for row in rows)

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._path)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two vectors of length 1."""
    return sum(map(operator.mul, one, other))


def signs_of(row: array[float]) -> bytes:
    """A bit a number: whether it is positive."""
    letters = _bytes(row)[3::4].translate(_SIGNS)
    return int(letters, 2).to_bytes(-(-len(row) // 8))


def _bytes(row: array[float]) -> bytes:
    """Little-endian, whatever the machine."""
    if sys.byteorder == "big":
        row = array("f", row)
        row.byteswap()
    return row.tobytes()


def _floats(body: bytes) -> array[float]:
    row = array("f", body)
    if sys.byteorder == "big":
        row.byteswap()
    return row


def _delete(db: sqlite3.Connection, where: str, given: Sequence[str]) -> None:
    db.execute(f"DELETE FROM vector_body WHERE id IN (SELECT id FROM vector WHERE {where})", given)
    db.execute(f"DELETE FROM vector WHERE {where}", given)
