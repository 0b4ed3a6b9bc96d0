"""How fast the library goes back: rollbacks in a library of 1,000 manifests with 300 items each.

`python benchmarks/library.py`. A rollback is timed from the older manifest's hash to the moved head, on disk
with its line in the log, and the head that is read afterwards must have that very hash. So is the turning back of a
state, as a run does it at its end. Beside them stands a plain write of as many bytes to the same disk, since that is
what a rollback cannot be faster than.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

import orjson

from strop.learning.library import move, rollback, turn_back
from strop.stores.project import ProjectDb
from strop.types.fingerprint import canonical, digest
from strop.types.memory import USED, Dependency, Item, ItemKind, ItemState, Manifest, Scope

MANIFESTS, ITEMS, ROLLBACKS = 1_000, 300, 200
GOAL = 100.0
"""Milliseconds of the median rollback."""


def items(chance: random.Random) -> tuple[Item, ...]:
    """As a library of some months has them: every kind, with scopes, dependencies and citations."""
    kinds = list(ItemKind)
    return tuple(
        Item(
            f"{kinds[number % len(kinds)]}/item-{number:03}",
            kinds[number % len(kinds)],
            digest(number),
            ItemState.ACTIVE,
            parent=digest(-number),
            scope=Scope(digest(number % 7)[:16], "reader-1", ("name", "licence", "rows")),
            tokens=chance.randrange(400),
            depends=(
                Dependency("model", "kimi-k2.6", digest("m")[:16]),
                Dependency("prompt", "reader-1", digest("p")[:16]),
            ),
            cites=(f"01K{number:011}",),
            inputs=tuple(digest((number, each))[:16] for each in range(8)),
            why="certified on 40 held inputs",
        )
        for number in range(ITEMS)
    )


def filled(path: Path, chance: random.Random) -> tuple[ProjectDb, list[str]]:
    """(a library with so many manifests, their hashes); each differs from the one before in one item."""
    db, held, head = ProjectDb(path), list(items(chance)), Manifest().hash
    names: list[str] = []
    for number in range(MANIFESTS):
        at = chance.randrange(ITEMS)
        held[at] = replace(held[at], digest=digest((at, number)), parent=held[at].digest)
        manifest = Manifest(tuple(sorted(held, key=lambda item: item.id)), parent=head)
        if not db.commit(manifest, expected=head, by=f"01K{number:011}", why="learned an item"):
            raise SystemExit("the only writer lost a race")
        names.append(head := manifest.hash)
    return db, names


def timed(db: ProjectDb, names: list[str], chance: random.Random) -> list[float]:
    """Milliseconds of each rollback."""
    taken: list[float] = []
    for _ in range(ROLLBACKS):
        to = chance.choice(names)
        began = time.perf_counter()
        rollback(db, to=to, by="user")
        taken.append((time.perf_counter() - began) * 1_000)
        if db.head().hash != to:
            raise SystemExit("a rollback is not what it went back to")
    return taken


def moves(db: ProjectDb, chance: random.Random) -> list[float]:
    """Milliseconds of a move of one item, which writes a manifest of its own."""
    taken: list[float] = []
    for number in range(40):
        name = db.head().items[chance.randrange(ITEMS)].id
        state = db.head().item(name)
        to = ItemState.STALE if state is not None and state.state is ItemState.ACTIVE else ItemState.ACTIVE
        began = time.perf_counter()
        move(db, name, to=to, why=f"move {number}")
        taken.append((time.perf_counter() - began) * 1_000)
    return taken


def turned(db: ProjectDb, chance: random.Random) -> list[float]:
    """Milliseconds of taking back what runs got worse under: three items go, one comes back, in one commit."""
    taken: list[float] = []
    for _ in range(40):
        used = [item for item in db.head().items if item.state in USED]
        *away, old = chance.sample(used, 4)
        began = time.perf_counter()
        turn_back(db, away=away, back=[replace(old, state=ItemState.PROBATION)], why="4 of 4 runs were worse")
        taken.append((time.perf_counter() - began) * 1_000)
        if any((item := db.head().item(each.id)) is None or item.state in USED for each in away):
            raise SystemExit("what was turned back is in use")
    return taken


def plain(folder: Path, size: int) -> list[float]:
    """Milliseconds of writing and syncing so many bytes."""
    taken: list[float] = []
    for number in range(40):
        began = time.perf_counter()
        with (folder / f"plain-{number}").open("wb") as file:
            file.write(b"x" * size)
            file.flush()
            os.fsync(file.fileno())
        taken.append((time.perf_counter() - began) * 1_000)
    return taken


def main() -> None:
    """Measure, and print the table."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--json", action="store_true")
    asked = reader.parse_args()
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "project.db")
        began = time.perf_counter()
        db, names = filled(path, chance)
        print(f"{MANIFESTS:,} manifests of {ITEMS} items: {path.stat().st_size / 1e6:.0f} MB, "
              f"{(time.perf_counter() - began) * 1_000 / MANIFESTS:.1f} ms a commit")  # fmt: skip
        size = len(canonical(db.head()))
        rows: list[dict[str, object]] = []
        print(f"{'':34} {'median ms':>10} {'p99 ms':>8} {'goal':>6}")
        for name, taken, goal in (
            (f"rollback ({ROLLBACKS})", timed(db, names, chance), GOAL),
            ("move of one item", moves(db, chance), None),
            ("state turned back (40)", turned(db, chance), GOAL),
            (f"plain write of {size // 1000} kB", plain(Path(folder), size), None),
        ):
            middle, high = median(taken), quantiles(taken, n=100)[98]
            print(f"{name:34} {middle:10.1f} {high:8.1f} {goal or '':>6}")
            met = None if goal is None else middle < goal
            rows.append({"name": name, "figure": round(middle, 2), "unit": "ms", "goal": goal, "met": met})
    if asked.json:
        print(orjson.dumps(rows).decode())


if __name__ == "__main__":
    main()
