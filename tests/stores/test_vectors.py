"""Vectors in the project's database: found again as they were, the nearest first, gone when they are dropped."""

from __future__ import annotations

import math
import random
import sqlite3
from array import array
from pathlib import Path

import pytest

from strop.errors import JournalFault
from strop.stores.index import FtsIndex, mark_of
from strop.stores.project import ProjectDb
from strop.stores.vectors import CANDIDATES, KEPT, VectorStore, cosine, signs_of
from strop.types.document import Format, Query, ReadDocument
from strop.types.vectors import Side
from strop.types.work import Passage


def unit(*numbers: float) -> array[float]:
    norm = math.hypot(*numbers)
    return array("f", [each / norm for each in numbers])


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    ProjectDb(tmp_path / "project.db")
    return VectorStore(tmp_path / "project.db")


def test_a_vector_comes_back_as_it_was_by_space_side_and_text(store: VectorStore) -> None:
    """And under no other of the three."""
    row = unit(0.1, -0.7, 0.0)
    store.put("a", Side.PASSAGE, {"mark": row})
    assert store.get("a", Side.PASSAGE, ["mark", "other"]) == {"mark": row}
    assert store.get("b", Side.PASSAGE, ["mark"]) == store.get("a", Side.QUERY, ["mark"]) == {}
    assert (store.dimensions("a"), store.dimensions("b")) == (3, None)
    store.put("a", Side.PASSAGE, {"mark": unit(1, 0, 0)})
    assert store.get("a", Side.PASSAGE, ["mark"]) == {"mark": unit(1, 0, 0)}


def test_signs_are_a_bit_a_number() -> None:
    """Set where it is positive, whatever the length; zero counts as positive, minus zero as negative."""
    assert signs_of(array("f", [1, -1, 0.5, -0.5, 2, 2, -3, -3])) == bytes([0b10101100])
    assert signs_of(array("f", [1, -1, 1])) == bytes([0b101])
    assert signs_of(array("f", [0.0, -0.0])) == bytes([0b10])


def test_the_nearest_are_those_of_a_look_at_all(store: VectorStore) -> None:
    """Among more than are compared in full: clusters of like vectors, as texts about one matter are."""
    chance = random.Random(3)
    size = 64
    centres = [[chance.gauss(0, 1) for _ in range(size)] for _ in range(40)]
    rows = {
        f"{at:05}": unit(*(each + chance.gauss(0, 0.8) for each in centres[at % 40])) for at in range(3 * CANDIDATES)
    }
    store.put("s", Side.PASSAGE, rows)
    query = unit(*centres[7])
    signs = store.signs("s", Side.PASSAGE)

    found = store.nearest(query, signs, rows, most=10)

    wanted = sorted(rows, key=lambda mark: (-cosine(query, rows[mark]), mark))[:10]
    assert list(found) == wanted
    assert found[wanted[0]] == pytest.approx(cosine(query, rows[wanted[0]]))
    few = [f"{at:05}" for at in range(20)]
    assert set(store.nearest(query, signs, [*few, "not there"], most=50)) == set(few)


def test_equal_vectors_stand_in_the_order_of_their_hashes(store: VectorStore) -> None:
    """Whatever the order they came in."""
    store.put("s", Side.PASSAGE, {name: unit(1, 1) for name in "cab"})
    assert list(store.nearest(unit(1, 0), store.signs("s", Side.PASSAGE), "bca", most=2)) == ["a", "b"]


def test_what_is_forgotten_is_gone_from_every_space_with_its_bytes(store: VectorStore, tmp_path: Path) -> None:
    """No row of it stays in the file's tables; queries stay."""
    for space in ("a", "b"):
        store.put(space, Side.PASSAGE, {"gone": unit(1, 2), "stays": unit(2, 1)})
    store.put("a", Side.QUERY, {"gone": unit(1, 1)})
    store.forget(["gone"])
    assert [list(store.signs(space, Side.PASSAGE).rows) for space in ("a", "b")] == [["stays"], ["stays"]]
    assert list(store.signs("a", Side.QUERY).rows) == ["gone"]
    with sqlite3.connect(tmp_path / "project.db") as db:
        assert db.execute("SELECT count(*) FROM vector_body").fetchone() == (3,)
    db.close()
    store.forget_all()
    assert store.dimensions("a") is None


def test_of_queries_the_newest_are_kept_and_of_passages_all(store: VectorStore) -> None:
    """So that asking for ever does not fill the disk."""
    store.put("s", Side.PASSAGE, {f"p{at}": unit(1, 1) for at in range(KEPT + 5)})
    store.put("s", Side.QUERY, {f"q{at:05}": unit(1, 1) for at in range(KEPT + 5)})
    assert len(store.signs("s", Side.PASSAGE).rows) == KEPT + 5
    held = store.signs("s", Side.QUERY).rows
    assert len(held) == KEPT
    assert min(held) == "q00005"


def test_a_damaged_database_is_said(tmp_path: Path) -> None:
    """With its path."""
    (tmp_path / "project.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(JournalFault, match=r"project\.db"):
        VectorStore(tmp_path / "project.db")


def test_an_index_of_an_older_strop_gets_its_hashes(tmp_path: Path) -> None:
    """The first look makes them; one that is taken out takes its own along."""
    index = FtsIndex(tmp_path / "index.db")
    for name in ("a", "b"):
        index.add(
            ReadDocument(name, "d", Format.TEXT, (Passage(name, "line 1", f"text {name}", "d"),)), day="2026-11-22"
        )
    with sqlite3.connect(tmp_path / "index.db") as db:
        db.execute("DELETE FROM mark")
    db.close()
    assert list(index.marks().values()) == [mark_of("text a"), mark_of("text b")]
    assert list(index.marks(Query("", paths="b")).values()) == [mark_of("text b")]
    index.remove("a")
    assert list(index.marks().values()) == [mark_of("text b")]
