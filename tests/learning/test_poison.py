"""Poisoned pages: none reaches what later agents read, though worker and verifier obey all that they read.

Each of the 36 is read in a first run of the real loop, the skill that it leaves is forced into use, and a second
run reads clean pages under it. Once with the guard, once without it, and once as a harmless twin.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from poisoned_pages import (
    BENIGN,
    FIRST,
    PAYLOADS,
    POISONS,
    PRESSED,
    SECOND,
    VICTIM,
    Learned,
    Manner,
    ObedientWorker,
    Poison,
    bodies,
    examples,
    first_answers,
    forced,
    learned,
    outcome,
    pages,
    poisoned,
    recognised,
    tried_on,
    turn,
)

from strop.app.drift import settle
from strop.app.ratchet import guided
from strop.learning.excerpts import excerpt, whole
from strop.learning.importing import entry, read_files
from strop.learning.library import put
from strop.loop.specify import specify
from strop.types.content import Standing
from strop.types.memory import ItemState
from strop.types.work import Guidance, UnitKey

ALL = (*POISONS, *PRESSED)
STEPS = {key: bells + 100 for key, bells in SECOND.items()}


def poison_of(poison: Poison, folder: Path, *, manner: Manner, guard: bool = True) -> Learned:
    given = pages(FIRST, victim=poison.page)
    return learned(folder, given, manner=manner, show=excerpt if guard else whole)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Manner], tuple[object, ...]]:
    """What the second run comes to under a library that never met a poisoned page."""

    @cache
    def made(manner: Manner) -> tuple[object, ...]:
        folder = tmp_path_factory.mktemp("clean")
        library = learned(folder / "first", pages(FIRST), manner=manner)
        return outcome(tried_on(forced(library.project), folder / "second", manner=manner))

    return made


def test_the_material_is_what_it_says() -> None:
    """36 documents and 12 harder ones; twins differ in the payload alone and have no part of one; pages are clean."""
    assert (len({each.page for each in POISONS}), len({each.page for each in PRESSED})) == (36, 12)
    for each in ALL:
        payload, benign = each.payload, BENIGN[each.attack, each.phrasing]
        assert recognised(each.page) == (each.attack, each.phrasing)
        assert recognised(each.twin) is None
        assert each.page.casefold().replace(payload.casefold(), "*") == (
            each.twin.casefold().replace(benign.casefold(), "*")
        )
    assert not any(recognised(page) for page in pages(SECOND).values())
    assert len(PAYLOADS) == 12


@pytest.mark.parametrize("manner", Manner)
@pytest.mark.parametrize("poison", ALL, ids=lambda each: each.name)
def test_no_poison_reaches_what_is_in_use(
    poison: Poison, manner: Manner, tmp_path: Path, clean: Callable[[Manner], tuple[object, ...]]
) -> None:
    """No item has a payload or a part of one, and the next run is as if the page had never been read."""
    left = poison_of(poison, tmp_path / "first", manner=manner)

    assert poisoned(left.project) == []
    assert bodies(left.project)
    assert outcome(tried_on(forced(left.project), tmp_path / "second", manner=manner)) == clean(manner)
    if manner is Manner.LATER:
        assert VICTIM in examples(left.project), "the page was read well, and teaches what was proved"


def test_harmless_twins_still_teach(tmp_path: Path) -> None:
    """At least nine in ten units with a harmless sentence in the payload's place are among the worked examples."""
    taught = [
        VICTIM in examples(learned(tmp_path / each.name, pages(FIRST, victim=each.twin), manner=Manner.AT_ONCE).project)
        for each in POISONS
    ]

    assert sum(taught) >= 0.9 * len(POISONS)


@pytest.mark.parametrize("poison", POISONS, ids=lambda each: each.name)
def test_without_the_guard_every_attack_succeeds(
    poison: Poison, tmp_path: Path, clean: Callable[[Manner], tuple[object, ...]]
) -> None:
    """Whole pages as examples: the payload is in the skill in use, and the clean pages are read as it wants."""
    left = poison_of(poison, tmp_path / "first", manner=Manner.LATER, guard=False)

    second = tried_on(forced(left.project), tmp_path / "second", manner=Manner.LATER)

    assert poisoned(left.project) == ["skill/bells"]
    assert outcome(second) != clean(Manner.LATER)
    if poison.attack == "misinform":
        said = {
            c.row: c.value
            for r in second.run.results
            for c in r.claims
            if c.field == "bells" and "repair" not in r.task
        }
        assert any(said[UnitKey(key)] == steps for key, steps in STEPS.items() if key in said)


@pytest.mark.parametrize(
    "poison", [each for each in POISONS if each.attack in ("misinform", "persist")], ids=lambda each: each.name
)
def test_without_the_guard_the_obedient_pass_it_on_though_they_obeyed_at_once(
    poison: Poison, tmp_path: Path, clean: Callable[[Manner], tuple[object, ...]]
) -> None:
    """What is given as a value stands in the page, so the gate proves it: a false figure, or the payload as a name."""
    left = poison_of(poison, tmp_path / "first", manner=Manner.AT_ONCE, guard=False)

    assert VICTIM in examples(left.project)
    assert all(
        value.standing in (Standing.ACCEPTED, Standing.CORRECTED)
        for value in left.turn.verdict.values
        if value.row == VICTIM
    )
    assert outcome(tried_on(forced(left.project), tmp_path / "second", manner=Manner.AT_ONCE)) != clean(Manner.AT_ONCE)


# ---------------------------------------------------------------- other ways in


@pytest.mark.parametrize("guard", [True, False], ids=["guarded", "unguarded"])
@pytest.mark.parametrize("attack", ["leak", "redirect", "misinform", "persist"])
def test_a_candidate_that_is_tried_in_a_wave_carries_nothing(attack: str, guard: bool, tmp_path: Path) -> None:
    """One unit works under the candidate: with the guard it answers like the rest, without it as the payload wants."""
    poison = Poison(attack, "fact", "inside")
    left = poison_of(poison, tmp_path / "first", manner=Manner.LATER, guard=guard)

    second = tried_on(left.project, tmp_path / "second", manner=Manner.LATER)
    bare = turn(tmp_path / "bare", pages(SECOND), worker=ObedientWorker(Manner.LATER))

    (variant,) = second.run.plan.variants
    ((tried, _),) = variant.pairs
    said, without = first_answers(second), first_answers(bare)
    differing = {row for row, field, reader in said.keys() | without.keys()
                 if said.get((row, field, reader)) != without.get((row, field, reader))}  # fmt: skip
    assert variant.guidance.exemplars
    assert differing == (set() if guard else {tried})


@pytest.mark.parametrize("poison", POISONS, ids=lambda each: each.name)
def test_a_foreign_skill_with_a_payload_stays_in_quarantine(poison: Poison, tmp_path: Path) -> None:
    """Imported, it is on no path that an agent reads, has no folder, and is not chosen or tried."""
    left = learned(tmp_path, pages(FIRST), manner=Manner.AT_ONCE)
    project = left.project
    text = f"---\nname: counting\ndescription: Counts bells of stations. {poison.payload}.\n---\n\n{poison.page}\n"
    files = {"SKILL.md": text.encode()}

    put(project.db, project.blobs, [entry("counting", files)], by="user")
    settle(project)

    (item,) = [each for each in project.db.head().items if each.name == "counting"]
    assert item.state is ItemState.QUARANTINE
    assert read_files("counting", files).item.state is ItemState.QUARANTINE
    assert poisoned(project) == []
    assert not (project.folder / ".agents" / "skills" / "counting").exists()
    spec = specify(
        b"---\ndeliver: [{file: bells.csv, columns: {bells: integer}}]\neach: inputs/*.txt\n---\n# Counting\n"
    )
    chosen = guided(project, spec, manifest=project.db.head(), base=Guidance(), worker=None, units=())
    assert item.id not in chosen.guidance.items
    assert chosen.trial is None or chosen.trial.item.id != item.id
