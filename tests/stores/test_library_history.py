"""The library's log, old databases, and crashes: the old manifest or the new one, never half of one."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from racers import raced

from strop.errors import BadInput
from strop.learning.library import move, put, rollback
from strop.stores.blobs import FileBlobs
from strop.stores.project import ProjectDb
from strop.types.fingerprint import canonical, digest_bytes
from strop.types.memory import CheckKind, Constraint, Item, ItemKind, ItemState, Manifest
from strop.types.moves import AUTO, USER, Moved


def rule(name: str, text: str = "") -> tuple[Item, object]:
    made = Item(f"check/{name}", ItemKind.CHECK, "", ItemState.ACTIVE)
    return made, Constraint(name, text or f"text of {name}", "", CheckKind.CHECK, check="unique(a)")


def library(folder: Path) -> tuple[ProjectDb, FileBlobs]:
    seconds: Iterator[float] = iter(range(100, 1_000))
    return ProjectDb(folder / "project.db", wall=lambda: next(seconds)), FileBlobs(folder / "blobs")


def test_every_move_of_the_head_is_on_record(tmp_path: Path) -> None:
    """When, by which run or person, and why; a commit that lost, and one that changed nothing, leave no line."""
    db, blobs = library(tmp_path)
    first = put(db, blobs, [rule("a")], by="01RUN")
    second = put(db, blobs, [rule("b")])
    assert not db.commit(first, expected="another", by=USER)
    put(db, blobs, [rule("b")])
    rollback(db, to=first.hash[:12], by=USER)

    assert ProjectDb(tmp_path / "project.db").moves() == (
        Moved(1, first.hash, 100, "01RUN", "learned check/a"),
        Moved(2, second.hash, 101, AUTO, "learned check/b"),
        Moved(3, first.hash, 102, USER, f"back to {first.hash[:10]}"),
    )


def test_a_manifest_is_found_by_its_hash_or_a_beginning(tmp_path: Path) -> None:
    """Also the empty one that everything began with; what is not there, not unique or no hash is refused."""
    db, blobs = library(tmp_path)
    held = [Manifest(), *(put(db, blobs, [rule(f"r{number}")]) for number in range(20))]

    for manifest in held:
        assert db.manifest(manifest.hash) == db.manifest(manifest.hash[:16]) == manifest
    for name, said in (("", "is no hash"), ("x1", "is no hash"), ("%", "is no hash"), ("f" * 64, "no library begins")):
        with pytest.raises(BadInput, match=said):
            db.manifest(name)
    first = max((m.hash[0] for m in held), key=lambda digit: sum(m.hash[0] == digit for m in held))
    with pytest.raises(BadInput, match="several libraries begin"):
        db.manifest(first)


OLD_RULE = {"id": "rule/c-1", "kind": "rule", "state": "active"}
OLD_SKILL = {"id": "skill/bells", "kind": "skill", "state": "candidate"}


def old_database(folder: Path) -> str:
    """A project.db as the first version left it: two tables, items of four fields, rules of one kind."""
    blobs = FileBlobs(folder / "blobs")
    digest = blobs.put(canonical(Constraint("c-1", "one word", "", CheckKind.CHECK, check="unique(a)")))
    items = [each | {"digest": digest} for each in (OLD_RULE, OLD_SKILL)]
    body = canonical({"items": items, "parent": Manifest().hash})
    db = sqlite3.connect(folder / "project.db")
    db.executescript(
        "CREATE TABLE manifest(hash TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;"
        "CREATE TABLE head(only INTEGER PRIMARY KEY CHECK (only = 1), hash TEXT NOT NULL) STRICT;"
    )
    db.execute("INSERT INTO manifest VALUES (?, ?)", (digest_bytes(body), body))
    db.execute("INSERT INTO head VALUES (1, ?)", (digest_bytes(body),))
    db.commit()
    db.close()
    return digest_bytes(body)


def test_an_old_database_is_brought_up(tmp_path: Path) -> None:
    """Its rules are checks; it is committed to, named by a run of its time, and gone back to."""
    old = old_database(tmp_path)
    db, blobs = library(tmp_path)
    before = db.head()
    assert [(item.id, item.kind) for item in before.items] == [
        ("check/c-1", ItemKind.CHECK),
        ("skill/bells", ItemKind.SKILL),
    ]
    assert db.manifest(old) == db.manifest(before.hash) == before, "before anything is committed"

    after = put(db, blobs, [rule("c-2")], by="01RUN")

    assert after.parent == before.hash
    assert [item.id for item in after.items] == ["check/c-1", "check/c-2", "skill/bells"]
    assert [(each.manifest, each.at) for each in db.moves()] == [(before.hash, 0.0), (after.hash, 100)]
    assert db.manifest(old) == db.manifest(before.hash) == before
    assert rollback(db, to=old) == db.head() == before


RACER = """
import sys
from dataclasses import replace
from pathlib import Path
from strop.learning.library import move, put
from strop.stores.blobs import FileBlobs
from strop.stores.project import ProjectDb
from strop.types.memory import Item, ItemKind, ItemState
root, name = Path(sys.argv[1]), sys.argv[2]
db, blobs = ProjectDb(root / "project.db"), FileBlobs(root / "blobs")
base = db.head()
print("ready", flush=True)
sys.stdin.readline()
for number in range(8):
    put(db, blobs, [(Item(f"check/{name}-{number}", ItemKind.CHECK, "", ItemState.CANDIDATE), f"{name} {number}")])
    move(db, f"check/{name}-{number}", to=ItemState.ACTIVE, why="proved", by=name)
    put(db, blobs, [(Item(f"check/both-{number}", ItemKind.CHECK, "", ItemState.ACTIVE), f"of {name}")], base=base)
"""


def test_two_processes_that_learn_the_same_items_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each its own items with their moves, and eight of one name: of these the later stands beside the earlier."""
    db, blobs = library(tmp_path)
    raced(RACER, tmp_path)

    head = db.head()
    states = {item.id: str(item.state) for item in head.items}
    own = {f"check/{name}-{number}": "active" for name in "ab" for number in range(8)}
    first = {f"check/both-{number}": "active" for number in range(8)}
    assert states == own | first | {f"{name}~2": "candidate" for name in first}
    both = [{blobs.get(item.digest) for item in head.items if item.id.startswith(name)} for name in first]
    assert both == [{b'"of a"', b'"of b"'}] * 8
    assert len(db.moves()) == 8 * 2 * 3, "one line a commit, however often it was tried"


CRASH = """
import os, resource, signal, sqlite3, sys
from pathlib import Path
from strop.learning.library import put
from strop.stores.blobs import FileBlobs
from strop.stores.project import ProjectDb
from strop.types.memory import Item, ItemKind, ItemState
import json, shutil
origin, points = Path(sys.argv[1]), json.loads(sys.argv[2])

def crash(folder, how, at):
    "Learns one item of 30 kB and dies at the given byte of a file, or at a call into C, SQLite's among them."
    db, blobs = ProjectDb(folder / "project.db"), FileBlobs(folder / "blobs")
    if how == "byte":
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (at, at))
    else:
        left = at
        def hear(frame, event, argument):
            nonlocal left
            left -= event in ("c_call", "c_return")
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(hear)
    put(db, blobs, [(Item("check/new", ItemKind.CHECK, "", ItemState.ACTIVE), "x" * 30_000)], by="01NEW")

for number, (how, at) in enumerate(points):
    folder = origin.parent / f"try-{number}"
    shutil.copytree(origin, folder)
    child = os.fork()
    if child == 0:
        try:
            crash(folder, how, at)
        except BaseException as caught:
            print(caught, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


def test_a_crash_at_any_byte_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """Killed at 32 bytes of the files written and at 30 calls: one of two manifests, whole, each time."""
    db, blobs = library(tmp_path / "origin")
    old = put(db, blobs, [rule(f"r{number}", "words " * 40) for number in range(12)])
    points = [("byte", at) for at in range(0, 160_000, 5_000)] + [("call", at) for at in range(0, 600, 20)]

    child = subprocess.run(
        [sys.executable, "-c", CRASH, str(tmp_path / "origin"), json.dumps(points)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    codes = [int(line) for line in child.stdout.split()]
    assert len(codes) == len(points), child.stderr
    assert set(codes) == {0, -9, -25}, child.stderr
    seen: set[str] = set()
    for number, code in enumerate(codes):
        folder = tmp_path / f"try-{number}"
        db, blobs = library(folder)
        head = db.head()
        seen.add(f"{'died' if code else 'lived'}, {'old' if head == old else 'new'}")
        assert db.moves()[-1].manifest == head.hash
        assert head in (old, Manifest(head.items, parent=old.hash))
        assert [item.id for item in head.items if item.id != "check/new"] == [item.id for item in old.items]
        for item in head.items:
            blobs.get(item.digest)
        after = move(db, "check/r0", to=ItemState.RETIRED, why="after the crash")
        assert db.head() == after
        shutil.rmtree(folder)
    assert {"died, old", "lived, new"} <= seen
