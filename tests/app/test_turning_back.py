"""A state of the library under which runs got worse: what goes, what comes back for it, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strop.app import open_project
from strop.app.project import Project
from strop.app.turning_back import TurnedBack, turned_back
from strop.learning.library import move, put
from strop.types.firsts import RunShare
from strop.types.memory import Item, ItemKind, ItemState
from strop.types.moves import AUTO, USER

ACTIVE, QUARANTINE, RETIRED = ItemState.ACTIVE, ItemState.QUARANTINE, ItemState.RETIRED


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(tmp_path, environment={})


def held(project: Project, name: str, state: ItemState = ACTIVE, *, parent: str = "") -> Item:
    """A skill in the library; its body is its name."""
    put(project.db, project.blobs, [(Item(f"skill/{name}", ItemKind.SKILL, "", state, parent=parent), name)])
    return now(project, name)


def now(project: Project, name: str) -> Item:
    item = project.db.head().item(f"skill/{name}")
    assert item is not None
    return item


def runs(project: Project, accepted: int, *items: Item, times: int = 4, terms: str = "t") -> list[TurnedBack | None]:
    """So many runs with these items in use, each of ten units."""
    begun = len(project.db.firsts.shares(terms))
    guides = tuple((item.id, item.digest) for item in items)
    state = ",".join(item.name for item in items)
    manifest = project.db.head().hash
    return [
        turned_back(project, RunShare(f"{terms}{at:03}", state, terms, accepted, 10, guides, manifest))
        for at in range(begun, begun + times)
    ]


def test_what_came_in_goes_and_nothing_else(project: Project) -> None:
    """The item that both states had stays in use; so does what other orders learned meanwhile."""
    old = held(project, "old")
    runs(project, 9, old)
    new, other = held(project, "new"), held(project, "other")

    *first, last = runs(project, 8, old, new)

    assert first == [None] * 3
    assert last is not None
    assert (last.away, last.back, last.found.compared) == (("skill/new",), (), 4)
    states = {name: now(project, name).state for name in ("old", "new", "other")}
    assert states == {"old": ACTIVE, "new": QUARANTINE, "other": other.state}
    assert project.db.head().hash == last.manifest
    assert project.db.moves()[-1].by == AUTO


def test_what_was_replaced_comes_back(project: Project) -> None:
    """The version that lost its duel to what is taken away is in use again, as it stood then."""
    old = held(project, "old")
    runs(project, 9, old)
    new = held(project, "new", parent=old.digest)
    move(project.db, old.id, to=RETIRED, why="skill/new won the duel")

    last = runs(project, 8, new)[-1]

    assert last is not None
    assert (last.away, last.back) == (("skill/new",), ("skill/old",))
    assert (now(project, "old").state, now(project, "old").digest) == (ACTIVE, old.digest)


@pytest.mark.parametrize(("to", "by"), [(QUARANTINE, "01RUN"), (RETIRED, USER)])
def test_what_was_put_away_for_itself_stays_away(project: Project, to: ItemState, by: str) -> None:
    """Harm found in pairs, or a person's word, is not undone because runs got worse afterwards."""
    gone, stays = held(project, "gone"), held(project, "stays")
    runs(project, 9, gone, stays)
    move(project.db, gone.id, to=to, why="put away", by=by)
    new = held(project, "new")

    last = runs(project, 8, stays, new)[-1]

    assert last is not None
    assert last.away == ("skill/new",)
    assert now(project, "gone").state is to


def test_where_nothing_came_in_nothing_is_done(project: Project) -> None:
    """An item that went and left the rest worse is no reason to move anything."""
    gone, stays = held(project, "gone"), held(project, "stays")
    runs(project, 9, gone, stays)
    move(project.db, gone.id, to=QUARANTINE, why="harm")
    head = project.db.head()
    assert runs(project, 8, stays, times=6) == [None] * 6
    assert project.db.head() == head


def test_runs_on_other_terms_are_not_compared(project: Project) -> None:
    """Another model, another kind of input: their shares say nothing of these."""
    old = held(project, "old")
    runs(project, 9, old)
    new = held(project, "new")
    assert runs(project, 1, old, new, times=8, terms="other") == [None] * 8


def test_a_library_does_not_flap(project: Project) -> None:
    """What was turned back and let out by a person is not compared again, nor returned to from what it gave way to."""
    old = held(project, "old")
    runs(project, 9, old)
    new = held(project, "new")
    assert runs(project, 8, old, new)[-1] is not None
    assert runs(project, 1, old, times=6) == [None] * 6
    for to in (ItemState.CANDIDATE, ACTIVE):
        move(project.db, new.id, to=to, why="approved by hand", by=USER)
    assert runs(project, 1, old, now(project, "new"), times=6) == [None] * 6
    assert now(project, "new").state is ACTIVE


def test_an_item_that_changed_meanwhile_is_left_alone(project: Project) -> None:
    """The version that guided is not there any more: nothing of it can be taken away."""
    old = held(project, "old")
    runs(project, 9, old)
    new = held(project, "new")
    put(project.db, project.blobs, [(replace(new, state=ACTIVE), "another body")])
    assert runs(project, 8, old, new) == [None] * 4
    assert now(project, "new").state is ACTIVE


def test_a_run_that_is_noted_twice_counts_once(project: Project) -> None:
    """A run that went on after a stop has one row, with what it came to in the end."""
    share = RunShare("01", "s", "t", 1, 2)
    project.db.firsts.note_share(share)
    turned_back(project, replace(share, accepted=2))
    assert project.db.firsts.shares("t") == (replace(share, accepted=2),)
