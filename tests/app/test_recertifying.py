"""Certificates lapse: what is in use then is due, has the next turn, and is judged on what comes from then on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strop.app import open_project
from strop.app.project import Project
from strop.app.ratchet import guided, weigh
from strop.app.recertifying import due_days, recertify
from strop.learning.library import mark_stale, put
from strop.learning.making import grounds_of
from strop.learning.watching import UNITS
from strop.types.evidence import Certificate, Pair, Source
from strop.types.memory import Item, ItemKind, ItemState
from strop.types.work import Guidance

from .test_ratchet import SCOPE, SKILL, SPEC

CERTIFIED, SOON, LATE = "2026-05-01", "2026-10-27", "2026-10-28"
"""The day of a certificate, the last day that it holds, and the day that it is due."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(tmp_path, environment={})


def held(project: Project, name: str, state: ItemState, *, certified: str = "") -> Item:
    """A skill for such orders, with a certificate of that day."""
    depends = grounds_of(worker=None, schema=SKILL.schema, prompts={})
    made = Item(f"skill/{name}", ItemKind.SKILL, "", state, scope=SCOPE, depends=depends)
    put(project.db, project.blobs, [(made, replace(SKILL, name=name))])
    item = now(project, name)
    if certified:
        measured = Certificate(
            item.id, item.digest, 0, 0, 0, 0.1, 0.0, 0.2, 1.0, 0.1, 9.0, None, "m", "the gate", certified
        )
        project.db.certify(measured, trial="t", admitted=True)
    return item


def now(project: Project, name: str) -> Item:
    item = project.db.head().item(f"skill/{name}")
    assert item is not None
    return item


def turn(project: Project) -> tuple[Item, str]:
    """(what the next wave learns about, the hash of what it is compared with)."""
    chosen = guided(project, SPEC, manifest=project.db.head(), base=Guidance(), worker=None, units=())
    assert chosen.trial is not None
    return chosen.trial.item, chosen.trial.incumbent


def pairs(project: Project, *, won: int, lost: int = 0, begin: int = 0) -> None:
    """What the next wave's trial brings, as pairs, and admission's look at it."""
    item, incumbent = turn(project)
    signs = [1.0] * won + [0.0] * lost
    project.db.add(
        [
            Pair(item.id, item.digest, item.ground, incumbent, f"u{begin + at}", "01", Source.WAVE, sign, 1 - sign)
            for at, sign in enumerate(signs)
        ]
    )
    weigh(project, item.id, incumbent=incumbent, model="m", by="01")


@pytest.mark.parametrize(
    ("today", "units", "certified", "due"),
    [
        (SOON, UNITS - 1, CERTIFIED, ""),
        (LATE, 0, CERTIFIED, LATE),
        ("2027-01-01", 0, CERTIFIED, LATE),
        (SOON, UNITS, CERTIFIED, SOON),
        ("2027-01-01", 0, "", ""),
    ],
    ids=["not yet", "by days", "seen late", "by units", "in use by a person's word"],
)
def test_a_lapsed_certificate_makes_its_item_due(
    project: Project, today: str, units: int, certified: str, due: str
) -> None:
    """It is stale, with the day since when, and in use as before; a second look changes nothing."""
    item = held(project, "old", ItemState.ACTIVE, certified=certified)
    project.db.firsts.note_used("01", [(item.id, item.digest)], day=SOON, units=units)
    assert due_days(project, today=today) == ({item.id: due} if due else {}), "said before it is marked"

    recertify(project, today=today)

    after = now(project, "old")
    assert after.state is (ItemState.STALE if due else ItemState.ACTIVE)
    assert after.why.startswith(f"due since {due}: ") is bool(due)
    assert due_days(project, today=today) == ({item.id: due} if due else {})
    head = project.db.head()
    recertify(project, today=today)
    assert project.db.head() == head
    chosen = guided(project, SPEC, manifest=head, base=Guidance(), worker=None, units=())
    assert item.id in chosen.guidance.items


def test_units_of_the_day_of_its_certificate_do_not_count(project: Project) -> None:
    """Those that certified it were read on that day."""
    item = held(project, "old", ItemState.ACTIVE, certified=CERTIFIED)
    project.db.firsts.note_used("01", [(item.id, item.digest)], day=CERTIFIED, units=2 * UNITS)
    assert due_days(project, today=SOON) == {}


def test_what_is_due_has_its_turn_before_candidates(project: Project) -> None:
    """A candidate that waits gives way, however much was known of the item before its certificate lapsed."""
    held(project, "new", ItemState.CANDIDATE)
    item = held(project, "old", ItemState.ACTIVE, certified=CERTIFIED)
    many = range(project.config.settings.learning.pairs)
    project.db.add([Pair(item.id, item.digest, item.ground, "i", f"{at}", "0", Source.WAVE, 1.0, 0.0) for at in many])
    assert turn(project)[0].name == "new"

    recertify(project, today=LATE)
    assert turn(project)[0].name == "old"


def test_kept_it_has_a_new_certificate(project: Project) -> None:
    """Evidence from before counts for nothing; what comes admits it again, and it is due no more."""
    held(project, "old", ItemState.ACTIVE, certified=CERTIFIED)
    pairs(project, won=50)
    recertify(project, today=LATE)
    pairs(project, won=1, begin=100)
    assert now(project, "old").state is ItemState.STALE, "51 pairs would have been enough"

    pairs(project, won=50, begin=200)

    assert now(project, "old").state is ItemState.ACTIVE
    certificate = project.db.certificates()["skill/old"]
    assert certificate.won < 50
    assert certificate.day > LATE
    assert due_days(project, today=certificate.day) == {}
    mark_stale(project.db, {("schema", "answer"): "another"})
    assert now(project, "old").state is ItemState.STALE
    assert due_days(project, today=certificate.day) == {}, "stale for another reason"


def test_harm_ends_in_quarantine(project: Project) -> None:
    """As of any item that is tried."""
    held(project, "old", ItemState.ACTIVE, certified=CERTIFIED)
    recertify(project, today=LATE)
    pairs(project, won=0, lost=8)
    assert now(project, "old").state is ItemState.QUARANTINE


def test_undecided_it_stays_due_and_watched_and_gives_way(project: Project) -> None:
    """With its plan used up it is stale still, candidates have their turn, and a turn to harm is found."""
    held(project, "new", ItemState.CANDIDATE)
    held(project, "old", ItemState.ACTIVE, certified=CERTIFIED)
    recertify(project, today=LATE)
    planned = project.config.settings.learning.pairs
    item, incumbent = turn(project)
    even = [
        Pair(item.id, item.digest, item.ground, incumbent, f"e{at}", "01", Source.WAVE, float(at % 2), 1 - at % 2)
        for at in range(planned)
    ]
    project.db.add(even)
    weigh(project, item.id, incumbent=incumbent, model="m", by="01")
    assert now(project, "old").state is ItemState.STALE
    assert due_days(project, today=LATE) == {"skill/old": LATE}
    assert turn(project)[0].name == "new"

    late = [
        Pair(item.id, item.digest, item.ground, incumbent, f"l{at}", "02", Source.WAVE, 0.0, 1.0) for at in range(40)
    ]
    project.db.add(late)
    weigh(project, item.id, incumbent=incumbent, model="m", by="02")
    assert now(project, "old").state is ItemState.QUARANTINE
