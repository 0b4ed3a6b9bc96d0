"""States of an item: the table of moves, what only a person may do, the cap, and what goes stale. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import pairwise

import pytest

from strop.errors import BadInput
from strop.learning.lifecycle import CAP, MOVES, SHELVED, entering, moved, needs_person, seat, stale
from strop.types.evidence import Certificate
from strop.types.memory import (
    USED,
    Dependency,
    Item,
    ItemKind,
    ItemState,
    Manifest,
    Origin,
    Scope,
    Taint,
)
from strop.types.moves import AUTO, USER

BELLS = Item("skill/bells", ItemKind.SKILL, "b0", ItemState.CANDIDATE, taint=Taint.DERIVED)
FORWARD = ["draft", "quarantine", "candidate", "probation", "active", "stale", "retired"]


def test_the_way_forward_is_open() -> None:
    """From a draft every state is reached in the order of the line, and from a retired item the line begins anew."""
    for state, following in pairwise(FORWARD):
        assert ItemState(following) in MOVES[ItemState(state)]
    assert MOVES[ItemState.RETIRED] == {ItemState.CANDIDATE}


@pytest.mark.parametrize("state", ItemState)
@pytest.mark.parametrize("to", ItemState)
def test_a_move_that_the_table_lacks_is_refused(state: ItemState, to: ItemState) -> None:
    """What is allowed gives the item with its new state and reason, and nothing else changed; the rest says what is."""
    item = replace(BELLS, state=state)
    if to in MOVES[state]:
        assert moved(item, to=to, why="because", by=AUTO) == replace(item, state=to, why="because")
    else:
        with pytest.raises(BadInput, match=f"is {state} and cannot become {to}; from here it may become"):
            moved(item, to=to, why="because", by=AUTO)


def test_nothing_untrusted_reaches_an_agent_without_a_person() -> None:
    """Every path of automatic moves from every shelved state ends on the shelf; one word of a person opens it."""
    for start in SHELVED:
        seen, todo = {start}, deque([replace(BELLS, state=start, taint=Taint.UNTRUSTED)])
        while todo:
            item = todo.popleft()
            for to in MOVES[item.state]:
                try:
                    after = moved(item, to=to, why="", by=AUTO)
                except BadInput:
                    continue
                if after.state not in seen:
                    seen.add(after.state)
                    todo.append(after)
        assert seen <= SHELVED
    waiting = replace(BELLS, state=ItemState.QUARANTINE, taint=Taint.UNTRUSTED)
    assert needs_person(waiting, to=ItemState.CANDIDATE)
    assert moved(waiting, to=ItemState.CANDIDATE, why="", by=USER).state is ItemState.CANDIDATE


@pytest.mark.parametrize("state", ItemState)
@pytest.mark.parametrize(
    ("by", "before", "enters"),
    [
        (AUTO, None, False),
        (USER, None, True),
        (AUTO, replace(BELLS, state=ItemState.ACTIVE, taint=Taint.UNTRUSTED), True),
        (AUTO, replace(BELLS, digest="other", state=ItemState.ACTIVE, taint=Taint.UNTRUSTED), False),
        (AUTO, replace(BELLS, state=ItemState.QUARANTINE, taint=Taint.UNTRUSTED), False),
    ],
    ids=["new", "by-hand", "let-out", "another-body", "in-quarantine"],
)
def test_untrusted_words_enter_by_quarantine(state: ItemState, by: str, before: Item | None, enters: bool) -> None:
    """But for a body that a person has let out. What else comes enters as it is."""
    item = replace(BELLS, state=state, taint=Taint.UNTRUSTED)

    after = entering(item, before=before, by=by)

    assert after.state is (state if enters or state in SHELVED else ItemState.QUARANTINE)
    assert entering(replace(item, taint=Taint.DERIVED), before=before, by=by).state is state


# ---------------------------------------------------------------- what it was measured with

DEPENDS = (Dependency("model", "m", "1"), Dependency("prompt", "reader-1", "1"))


@pytest.mark.parametrize("state", ItemState)
def test_a_changed_model_marks_what_was_measured_with_it(state: ItemState) -> None:
    """In use: stale. A candidate stays one. Both depend on what is there now, so that their evidence begins anew."""
    item = replace(BELLS, state=state, depends=DEPENDS)

    found = stale(Manifest((item,)), {("model", "m"): "2", ("tool", "m"): "3"})

    if state in SHELVED:
        assert found == ()
        return
    (marked,) = found
    assert marked.state is (ItemState.STALE if state in USED else state)
    assert marked.depends == (Dependency("model", "m", "2"), DEPENDS[1])
    assert marked.ground != item.ground
    assert marked.why == "changed since it was measured: model m"
    assert stale(Manifest((marked,)), {("model", "m"): "2"}) == ()


def test_what_is_not_named_has_not_changed() -> None:
    """No news of a dependency, equal news, and an item that depends on nothing: nobody is marked."""
    items = (replace(BELLS, depends=DEPENDS, state=ItemState.ACTIVE), replace(BELLS, id="skill/b"))

    assert stale(Manifest(items), {("prompt", "reader-1"): "1", ("schema", "s"): "9"}) == ()


# ---------------------------------------------------------------- the cap


def scope_of(count: int, *, origin: Origin = Origin.RUN, kind: ItemKind = ItemKind.SKILL) -> tuple[Item, ...]:
    """So many active items of one scope."""
    return tuple(
        replace(BELLS, id=f"{kind}/{n:02}", kind=kind, digest=f"d{n}", state=ItemState.ACTIVE, origin=origin)
        for n in range(count)
    )


def known(item: Item, low: float, *, version: str = "") -> Certificate:
    return Certificate(
        item.id, version or item.digest, 50, 20, 5, low + 0.1, low, low + 0.2, 30.0, 0.1, 20.0, 1.0, "m", "gold", ""
    )


FULL = scope_of(CAP)
SURE = {each.id: known(each, 0.1 + number / 100) for number, each in enumerate(FULL)}


@pytest.mark.parametrize(
    ("rivals", "certificates", "free", "loser"),
    [
        (FULL[1:], {}, True, None),
        (FULL, SURE | {BELLS.id: known(BELLS, 0.11)}, True, FULL[0].id),
        (FULL, SURE | {BELLS.id: known(BELLS, 0.10)}, False, FULL[0].id),
        (FULL, {**SURE, BELLS.id: known(BELLS, 0.2), FULL[7].id: known(FULL[7], 9, version="old")}, True, FULL[7].id),
        (FULL, SURE, False, FULL[0].id),
        (FULL, {}, False, FULL[0].id),
        (scope_of(CAP, origin=Origin.USER), {BELLS.id: known(BELLS, 9.0)}, False, None),
        (scope_of(CAP, kind=ItemKind.KNOWLEDGE), {}, True, None),
        (tuple(replace(each, scope=Scope(order="another")) for each in FULL), {}, True, None),
        (tuple(replace(each, state=ItemState.PROBATION) for each in FULL), {}, True, None),
    ],
    ids=[
        "room", "wins", "not-better", "old-certificate", "uncertified", "nobody-certified", "the-users", "documents",
        "another-scope", "not-active",
    ],
)  # fmt: skip
def test_at_the_cap_there_is_a_duel(
    rivals: tuple[Item, ...], certificates: dict[str, Certificate], free: bool, loser: str | None
) -> None:
    """The lowest lower bound of effect loses its seat to a higher one; a person's own items are never put out."""
    found = seat(BELLS, manifest=Manifest(rivals), certificates=certificates)

    assert (found.free, found.loser and found.loser.id) == (free, loser)
