"""The library: moves and rollbacks as one compare-and-set each, and what two that learn at once leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from strop.errors import BadInput, JournalFault
from strop.learning.library import (
    REBASES,
    Shelf,
    admit,
    filed,
    load_skill,
    mark_stale,
    move,
    put,
    revert,
    rollback,
    skill_item,
)
from strop.types.evidence import Certificate
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Dependency, Item, ItemKind, ItemState, Manifest, Taint
from strop.types.moves import AUTO, USER, Change, Moved, changes


@dataclass
class Memory:
    """Blobs, head and log in memory; `first` is done by somebody else before each commit, once for each."""

    first: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])
    log: list[Moved] = field(default_factory=list[Moved])
    bodies: dict[str, bytes] = field(default_factory=dict[str, bytes])
    held: dict[str, Manifest] = field(default_factory=dict[str, Manifest])
    at: Manifest = field(default_factory=Manifest)

    def put(self, body: bytes) -> str:
        self.bodies[digest_bytes(body)] = body
        return digest_bytes(body)

    def get(self, digest: str) -> bytes:
        return self.bodies[digest]

    def head(self) -> Manifest:
        return self.at

    def commit(self, manifest: Manifest, *, expected: str, by: str = AUTO, why: str = "") -> bool:
        if self.first:
            self.first.pop(0)()
        if self.at.hash != expected:
            return False
        self.held[manifest.hash] = self.at = manifest
        self.log.append(Moved(len(self.log) + 1, manifest.hash, 0.0, by, why))
        return True

    def manifest(self, name: str) -> Manifest:
        return self.held[name]

    def reset(self, name: str, *, by: str, why: str = "") -> Manifest:
        self.at = self.held[name]
        self.log.append(Moved(len(self.log) + 1, name, 0.0, by, why))
        return self.at

    def moves(self) -> tuple[Moved, ...]:
        return tuple(self.log)


BELLS = Item("skill/bells", ItemKind.SKILL, "", ItemState.CANDIDATE)


def entry(body: str, item: Item = BELLS) -> tuple[Item, object]:
    return item, body


def states(manifest: Manifest) -> dict[str, str]:
    return {item.id: str(item.state) for item in manifest.items}


# ---------------------------------------------------------------- moves


def test_a_move_is_one_commit_with_its_reason() -> None:
    """The item bears state and reason, its body keeps its hash, and the log says who and why."""
    library = Memory()
    before = put(library, library, [entry("one")], by="01RUN")

    after = move(library, "skill/bells", to=ItemState.PROBATION, why="12 of 14 pairs won", by="01RUN")

    (item,) = after.items
    assert (item.state, item.why, item.digest) == (ItemState.PROBATION, "12 of 14 pairs won", before.items[0].digest)
    assert library.log[-1] == Moved(2, after.hash, 0.0, "01RUN", "skill/bells probation: 12 of 14 pairs won")
    assert after.parent == before.hash


def test_a_state_that_it_has_moves_nothing() -> None:
    """No commit and no line in the log."""
    library = Memory()
    before = put(library, library, [entry("one")])

    assert move(library, "skill/bells", to=ItemState.CANDIDATE, why="again") == before
    assert len(library.log) == 1


def test_a_move_that_lost_the_race_is_made_on_what_the_winner_left() -> None:
    """The other's item and ours are both there."""
    library = Memory()
    put(library, library, [entry("one")])
    library.first = [lambda: put(library, library, [entry("x", replace(BELLS, id="skill/other"))])]

    after = move(library, "skill/bells", to=ItemState.ACTIVE, why="good")

    assert states(after) == {"skill/bells": "active", "skill/other": "candidate"}


def quarantine(library: Memory) -> object:
    return move(library, "skill/bells", to=ItemState.QUARANTINE, why="harm")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda library: put(library, library, [entry("two")]), "was changed by somebody else just now"),
        (quarantine, "is quarantine and cannot become active"),
        (lambda library: rollback(library, to=Manifest().hash), "no item 'skill/bells'"),
    ],
    ids=["another-body", "quarantined", "rolled-back"],
)
def test_a_move_is_not_made_on_another_item_than_it_was_meant_for(other: Callable[[Memory], object], said: str) -> None:
    """Somebody rewrote it, found it harmful, or took it away in between: the move is refused, theirs stands."""
    library = Memory()
    library.held[Manifest().hash] = Manifest()
    put(library, library, [entry("one")])
    library.first = [lambda: other(library)]

    with pytest.raises(BadInput, match=said):
        move(library, "skill/bells", to=ItemState.ACTIVE, why="good")
    assert states(library.at).get("skill/bells") != "active"


# ---------------------------------------------------------------- two that learn at once


def test_what_both_changed_stands_twice() -> None:
    """The first keeps the name; the second is a candidate beside it with the common parent, and no body is lost."""
    library = Memory()
    base = put(library, library, [entry("one")])
    theirs = put(library, library, [entry("two", replace(BELLS, state=ItemState.ACTIVE))], base=base)

    after = put(library, library, [entry("three", replace(BELLS, state=ItemState.ACTIVE))], base=base)

    assert states(after) == {"skill/bells": "active", "skill/bells~2": "candidate"}
    ours = after.item("skill/bells~2")
    assert ours is not None
    assert ours.parent == base.items[0].digest
    assert library.bodies[ours.digest] == b'"three"'
    assert after.item("skill/bells") == theirs.items[0]
    assert put(library, library, [entry("four", BELLS)], base=base).item("skill/bells~3") is not None
    assert len(put(library, library, [entry("three", BELLS)], base=base).items) == 3, "it is there already"


@pytest.mark.parametrize("state", ItemState)
def test_a_conflict_lifts_nothing_off_its_shelf(state: ItemState) -> None:
    """What was quarantined, retired or a draft stays so beside the other; all else is a candidate."""
    library = Memory()
    put(library, library, [entry("one")])

    after = put(library, library, [entry("two", replace(BELLS, state=state))], base=Manifest())

    shelved = state in (ItemState.DRAFT, ItemState.QUARANTINE, ItemState.RETIRED)
    assert states(after)["skill/bells~2"] == (str(state) if shelved else "candidate")


def test_the_same_learned_twice_is_one_item() -> None:
    """Equal bodies are no conflict; a state that somebody moved it to meanwhile stands."""
    library = Memory()
    put(library, library, [entry("one")])
    theirs = quarantine(library)

    assert put(library, library, [entry("one")], base=Manifest()) == theirs


def test_a_name_beside_another_is_free_on_disk_too() -> None:
    """`bells~2` is kept in the folder `bells-2`, which must not be another skill's."""
    library = Memory()
    put(library, library, [entry("one"), entry("x", replace(BELLS, id="skill/bells-2"))])

    after = put(library, library, [entry("two")], base=Manifest())

    assert sorted(map(filed, after.items)) == ["bells", "bells-2", "bells-3"]


def test_untrusted_words_are_put_into_quarantine() -> None:
    """The door itself sees to it, whatever state was asked for; the reason says what to do."""
    library = Memory()

    after = put(library, library, [entry("one", replace(BELLS, state=ItemState.ACTIVE, taint=Taint.UNTRUSTED))])

    assert states(after) == {"skill/bells": "quarantine"}
    assert "strop skills approve" in after.items[0].why
    move(library, "skill/bells", to=ItemState.CANDIDATE, why="read it", by=USER)
    again = put(library, library, [entry("two", replace(BELLS, state=ItemState.CANDIDATE, taint=Taint.UNTRUSTED))])
    assert states(again) == {"skill/bells": "quarantine"}, "another body is another decision"


# ---------------------------------------------------------------- going back


def test_a_rollback_is_the_same_manifest_again() -> None:
    """The same hash and bytes, nothing deleted; and what is learned next has it as its parent."""
    library = Memory()
    first = put(library, library, [entry("one")])
    second = put(library, library, [entry("two")])

    assert rollback(library, to=first.hash, by=USER) == library.at == first
    assert (library.log[-1].by, library.log[-1].manifest) == (USER, first.hash)
    assert rollback(library, to=second.hash) == second, "forward again"
    rollback(library, to=first.hash)
    assert put(library, library, [entry("three")]).parent == first.hash
    assert rollback(library, to=first.hash) == rollback(library, to=first.hash)


def test_who_learns_during_a_rollback_learns_on_the_older_library() -> None:
    """The rollback comes between their look and their commit: they lose the race, and their item comes on top."""
    library = Memory()
    first = put(library, library, [entry("one")])
    put(library, library, [entry("two")])
    library.first = [lambda: rollback(library, to=first.hash)]

    after = put(library, library, [entry("x", replace(BELLS, id="skill/other"))])

    assert after.parent == first.hash
    assert after.items[0] == first.items[0]
    assert [item.id for item in after.items] == ["skill/bells", "skill/other"]


def test_who_always_loses_is_told() -> None:
    """After twenty rounds the caller hears it; nothing of its own was done."""
    library = Memory()
    put(library, library, [entry("one")])

    def other(number: int) -> Callable[[], object]:
        return lambda: put(library, library, [entry("x", replace(BELLS, id=f"skill/other-{number}"))])

    # Their commits take a turn of the list too, with nothing to do in it.
    library.first = [each for n in range(REBASES) for each in (other(n), lambda: None)]
    with pytest.raises(JournalFault, match="head changed 20 times"):
        move(library, "skill/bells", to=ItemState.ACTIVE, why="")
    assert states(library.at)["skill/bells"] == "candidate"


def test_one_change_is_undone_and_the_rest_stays() -> None:
    """A rewritten item is as it was before; a new one goes to quarantine, and both say why."""
    library = Memory()
    first = put(library, library, [entry("one", replace(BELLS, state=ItemState.ACTIVE))])
    other = replace(BELLS, id="skill/other")
    second = put(library, library, [entry("two", replace(BELLS, state=ItemState.ACTIVE)), entry("x", other)])
    rewritten, new = changes(first, second)

    after = revert(library, rewritten, why="made run 01BAD worse")

    assert after.item("skill/bells") == replace(first.items[0], why="made run 01BAD worse")
    assert after.item("skill/other") == second.item("skill/other")
    gone = revert(library, new, why="made run 01BAD worse")
    assert states(gone) == {"skill/bells": "active", "skill/other": "quarantine"}


def test_changes_name_what_differs() -> None:
    """New, gone, moved and rewritten, by id; what is equal is not named."""
    one, two = replace(BELLS, digest="1"), replace(BELLS, digest="2")
    same, gone, new = (replace(BELLS, id=f"skill/{name}") for name in ("same", "gone", "new"))

    found = changes(Manifest((one, same, gone)), Manifest((two, same, new)))

    assert found == (Change("skill/bells", one, two), Change("skill/gone", gone, None), Change("skill/new", None, new))
    assert [change.rewritten for change in found] == [True, False, False]


# ---------------------------------------------------------------- seats, dependencies, reading


def test_a_duel_moves_both_in_one_commit() -> None:
    """The thirty-first becomes active, the weakest a candidate again; who cannot win is refused and told of whom."""
    library = Memory()
    full = [entry(f"{n}", replace(BELLS, id=f"skill/{n:02}", state=ItemState.ACTIVE)) for n in range(30)]
    held = put(library, library, [*full, entry("new")])
    count = len(library.log)
    lows = {item.id: 0.05 if item.id == "skill/bells" else 0.1 for item in held.items} | {"skill/07": 0.01}
    known = {
        item.id: Certificate(item.id, item.digest, 9, 5, 1, 0.2, lows[item.id], 0.4, 30, 0, 20, None, "m", "gold", "")
        for item in held.items
    }

    after = admit(library, "skill/bells", certificates=known, why="certified")

    assert (states(after)["skill/bells"], states(after)["skill/07"]) == ("active", "candidate")
    assert len(library.log) == count + 1
    with pytest.raises(BadInput, match="its scope is full; the weakest is skill/bells"):
        admit(library, "skill/07", certificates=known, why="certified")


def test_what_went_stale_is_marked_in_one_commit() -> None:
    """Every item that was measured with another model; a second look finds nothing and commits nothing."""
    library = Memory()
    depends = (Dependency("model", "m", "1"),)
    items = [replace(BELLS, id=f"skill/{n}", state=ItemState.ACTIVE, depends=depends) for n in range(3)]
    put(library, library, [entry(item.id, item) for item in items])

    after = mark_stale(library, {("model", "m"): "2"})

    assert set(states(after).values()) == {"stale"}
    assert len(library.log) == 2
    assert mark_stale(library, {("model", "m"): "2"}) == after
    assert len(library.log) == 2


def test_a_skill_is_found_by_name_and_by_id() -> None:
    """A plan is a skill too; a check of that name is none."""
    library = Memory()
    put(library, library, [entry("x", Item("plan/p", ItemKind.PLAN, "", ItemState.CANDIDATE)),
                           entry("x", Item("check/c", ItemKind.CHECK, "", ItemState.ACTIVE))])  # fmt: skip

    assert skill_item(library.at, "p") == skill_item(library.at, "plan/p")
    for name in ("c", "check/c", "q"):
        with pytest.raises(BadInput, match=r"no skill '.*'\. There are: p"):
            load_skill(name, library=library, blobs=library)


def _fits(x: Memory) -> Shelf:
    return x
