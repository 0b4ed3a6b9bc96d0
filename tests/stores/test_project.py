"""The project's database: the library's head moves by compare-and-set, and nobody's item is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from racers import raced

from strop.errors import BadInput, JournalFault
from strop.learning.library import load_skill, put, skills
from strop.stores.blobs import FileBlobs
from strop.stores.firsts import MOST
from strop.stores.project import SAMPLES, PaceRow, ProjectDb, RunRow
from strop.types.firsts import Control, RunShare
from strop.types.memory import CheckKind, Constraint, Item, ItemKind, ItemState, Manifest
from strop.types.money import Usage
from strop.types.moves import AUTO
from strop.types.past import Like, PastRun, Sample

Entry = tuple[Item, object]


def rule(name: str) -> Entry:
    """A rule as `put` takes it."""
    made = Item(f"constraint/{name}", ItemKind.CONSTRAINT, "", ItemState.ACTIVE)
    return made, Constraint(name, f"text of {name}", "", CheckKind.PROMPT)


def ids(manifest: Manifest) -> list[str]:
    """The items of a state of the library."""
    return [item.id for item in manifest.items]


def test_of_two_racing_commits_one_loses(tmp_path: Path) -> None:
    """Both start from one head: the first becomes the head, the second is told, and the head is the first's."""
    one, two = ProjectDb(tmp_path / "project.db"), ProjectDb(tmp_path / "project.db")
    before = one.head()
    mine = Manifest((Item("constraint/a", ItemKind.CONSTRAINT, "00", ItemState.ACTIVE),), parent=before.hash)
    yours = Manifest((Item("constraint/b", ItemKind.CONSTRAINT, "00", ItemState.ACTIVE),), parent=before.hash)

    assert one.commit(mine, expected=before.hash)
    assert not two.commit(yours, expected=before.hash)
    assert one.head() == two.head() == mine


def test_a_head_is_only_moved_from_where_it_was_expected(tmp_path: Path) -> None:
    """A commit on a head that never was is refused, also in an empty library."""
    db = ProjectDb(tmp_path / "project.db")

    assert not db.commit(Manifest(parent="no such"), expected="no such")
    assert db.head() == Manifest()


class Overtaken:
    """A library at which somebody else is always a moment faster, so many times."""

    def __init__(self, db: ProjectDb, blobs: FileBlobs, times: int) -> None:
        self._db, self._blobs, self._times = db, blobs, times

    def head(self) -> Manifest:
        return self._db.head()

    def commit(self, manifest: Manifest, *, expected: str, by: str = AUTO, why: str = "") -> bool:
        if self._times:
            self._times -= 1
            put(self._db, self._blobs, [rule(f"other-{self._times}")])
        return self._db.commit(manifest, expected=expected, by=by, why=why)

    def manifest(self, name: str) -> Manifest:
        return self._db.manifest(name)


def test_put_that_lost_a_race_is_rebased(tmp_path: Path) -> None:
    """Two others commit in between: theirs and ours are all in the head."""
    db, blobs = ProjectDb(tmp_path / "project.db"), FileBlobs(tmp_path / "blobs")

    manifest = put(Overtaken(db, blobs, 2), blobs, [rule("ours")])

    assert db.head() == manifest
    assert ids(manifest) == ["constraint/other-0", "constraint/other-1", "constraint/ours"]


def test_put_gives_up_with_a_clear_word(tmp_path: Path) -> None:
    """Who loses every time is told so, and the head is what the others made it."""
    db, blobs = ProjectDb(tmp_path / "project.db"), FileBlobs(tmp_path / "blobs")

    with pytest.raises(JournalFault, match="head changed 20 times"):
        put(Overtaken(db, blobs, 20), blobs, [rule("ours")])
    assert "constraint/ours" not in ids(db.head())


def test_an_item_that_is_there_is_replaced_and_an_equal_one_changes_nothing(tmp_path: Path) -> None:
    """The same id gives one item; what is already so moves no head."""
    db, blobs = ProjectDb(tmp_path / "project.db"), FileBlobs(tmp_path / "blobs")
    first = put(db, blobs, [rule("a"), rule("b")])

    assert put(db, blobs, [rule("a")]) == first
    changed = put(db, blobs, [(Item("constraint/a", ItemKind.CONSTRAINT, "", ItemState.RETIRED), "another body")])
    assert ids(changed) == ["constraint/a", "constraint/b"]
    assert changed.items[0].state is ItemState.RETIRED
    assert changed.parent == first.hash


RACER = """
import sys
from dataclasses import replace
from pathlib import Path
from strop.learning.library import put
from strop.stores.blobs import FileBlobs
from strop.stores.project import ProjectDb
from strop.types.memory import CheckKind, Constraint, Item, ItemKind, ItemState
root, name = Path(sys.argv[1]), sys.argv[2]
db, blobs = ProjectDb(root / "project.db"), FileBlobs(root / "blobs")
print("ready", flush=True)
sys.stdin.readline()
for number in range(15):
    body = Constraint(f"{name}-{number}", "text", "", CheckKind.PROMPT)
    put(db, blobs, [(Item(f"constraint/{name}-{number}", ItemKind.CONSTRAINT, "", ItemState.ACTIVE), body)])
"""


def test_two_processes_that_learn_at_once_lose_nothing(tmp_path: Path) -> None:
    """Fifteen items each, from two real processes at the same time: all thirty are in the head."""
    raced(RACER, tmp_path)

    expected = sorted(f"constraint/{name}-{number}" for name in ("a", "b") for number in range(15))
    assert ids(ProjectDb(tmp_path / "project.db").head()) == expected


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """One clear fault that names the file; the file is left as it is."""
    path = tmp_path / "project.db"
    path.write_bytes(b"not a database, but long enough to look at " * 50)

    with pytest.raises(JournalFault, match=r"project\.db"):
        ProjectDb(path)
    assert path.read_bytes().startswith(b"not a database")


def test_an_unknown_skill_is_named_with_those_there_are(tmp_path: Path) -> None:
    """Rules are no skills; the message says what is there."""
    db, blobs = ProjectDb(tmp_path / "project.db"), FileBlobs(tmp_path / "blobs")
    put(db, blobs, [rule("a"), (Item("skill/survey", ItemKind.SKILL, "", ItemState.CANDIDATE), "a body")])

    assert [item.id for item in skills(db)] == ["skill/survey"]
    with pytest.raises(BadInput, match=r"no skill 'surveys'\. There are: survey"):
        load_skill("surveys", library=db, blobs=blobs)


def test_runs_and_paces_are_kept_newest_first(tmp_path: Path) -> None:
    """A run is one row however often it is noted; the pace of a model is its newest run's."""
    db = ProjectDb(tmp_path / "project.db")
    older = RunRow("01A", "f", "spec.md", "", "partial", 3, 4, 5, 1.5)
    newer = RunRow("01B", "f", "spec.md", "survey", "passed", 3, 4, 5, 0.5)
    for row in (newer, older, RunRow("01A", "f", "spec.md", "", "passed", 3, 9, 9, 2.5)):
        db.note_run(row)
    for pace in (PaceRow("01B", "m", 5, 1.0, 2.0, 30), PaceRow("01A", "m", 9, 3.0, 4.0, 60)):
        db.note_pace(pace)

    assert [(row.id, row.outcome) for row in db.runs()] == [("01B", "passed"), ("01A", "passed")]
    assert db.runs()[0] == newer
    assert db.pace("m") == PaceRow("01B", "m", 5, 1.0, 2.0, 30)
    assert db.pace("another") is None


def test_the_past_is_kept_by_run_newest_first(tmp_path: Path) -> None:
    """Whole runs come back as they were left, of the models asked for; a run noted again replaces itself."""
    db = ProjectDb(tmp_path / "project.db")
    like, gate = Like("m", "reader-1", "read", tools=True), Like("v", "refute", "gate")
    one = Sample(like, 3, Usage(1, 2, 3, 4), 5, 6.5, 7.5, 8, 9)
    older = PastRun("01A", (one, Sample(gate, 1, Usage(input=7)), replace(one, steps=4)), 0.5, 0.25, 1.5)
    newer = PastRun("01B", (one,), 1.0, 0.0, 1.1)
    for run in (newer, PastRun("01A", (one, one, one, one)), older, PastRun("01C", (Sample(gate, 1, Usage()),))):
        db.note_past(run)

    assert ProjectDb(tmp_path / "project.db").past({"m", "v"}, most=9)[1:] == (newer, older)
    assert db.past({"m"}, most=9) == (newer, replace(older, samples=(one, replace(one, steps=4))))
    assert db.past({"m"}, most=1) == (newer,)
    assert db.past({"another"}, most=9) == db.past((), most=9) == ()
    held = [sample.like for run in db.past({"m", "v"}, most=9) for sample in run.samples]
    assert len(set(map(id, held))) == len(set(held)) == 2, "one of each likeness, however many samples"


def test_the_oldest_samples_of_a_likeness_are_dropped(tmp_path: Path) -> None:
    """Two thousand of like tasks stay, the newest by run; other likenesses are not touched, an empty run goes."""
    db = ProjectDb(tmp_path / "project.db")
    like, rare = Like("m", "reader-1", "read"), Like("m", "aggregate", "aggregate")
    db.note_past(PastRun("00", (Sample(like, 1, Usage()),)))
    db.note_past(PastRun("01", (Sample(rare, 1, Usage()), *[Sample(like, 1, Usage())] * 900)))
    db.note_past(PastRun("03", tuple(Sample(like, 1, Usage()) for _ in range(SAMPLES - 600))))
    db.note_past(PastRun("02", (Sample(like, 1, Usage()),) * 200))

    held = {run.run: len(run.samples) for run in db.past({"m"}, most=9)}
    assert held == {"03": SAMPLES - 600, "02": 200, "01": 401}


def test_a_database_from_before_first_outcomes_were_kept_opens(tmp_path: Path) -> None:
    """What it holds is there, and it knows of no runs, no use and no control units until there are some."""
    path = tmp_path / "project.db"
    db = ProjectDb(path)
    put(db, FileBlobs(tmp_path / "blobs"), [rule("old")])
    with closing(sqlite3.connect(path)) as older:
        older.executescript("DROP TABLE share; DROP TABLE used; DROP TABLE control;")

    opened = ProjectDb(path)

    assert ids(opened.head()) == ["constraint/old"]
    firsts = opened.firsts
    assert firsts.shares("t") == ()
    assert firsts.units_after("i", version="v", day="") == 0
    shares = [RunShare(f"0{at}", "s", terms, 1, 2) for at, terms in enumerate("tut")]
    for share in reversed(shares):
        firsts.note_share(share)
    assert firsts.shares("t") == (shares[0], shares[2])
    control = Control("01", "o", "m", "2026-11-22", 0.5, 7)
    firsts.note_controls("01", [control])
    firsts.note_controls("01", [control])
    assert firsts.controls(order="o", model="m", since="2026-11-22") == (control,)
    assert firsts.controls(order="o", model="m", since="2026-11-23") == ()


def test_of_many_control_units_the_newest_count(tmp_path: Path) -> None:
    """More than are looked at: the oldest are left out, and those left come in their order."""
    firsts = ProjectDb(tmp_path / "project.db").firsts
    for run in range(3):
        firsts.note_controls(f"0{run}", [Control(f"0{run}", "o", "m", "2026-11-22", run / 2)] * (MOST // 2))
    assert [each.run for each in firsts.controls(order="o", model="m", since="")] == ["01"] * 1000 + ["02"] * 1000
