"""What the library does for a run, and what a run does for the library.

`guided` chooses from the library's head what a run's agents are given, and the one thing that its wave is
to learn about; `learned` puts what a run left into the library, adds its evidence and lets admission decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from strop.app.project import Project
from strop.errors import StropError
from strop.learning.experiments import Trial
from strop.learning.making import Body, arm, assembled, grounds_of
from strop.learning.scopes import covers, order_class
from strop.learning.selection import Option, select
from strop.types.events import revive
from strop.types.fingerprint import digest_bytes
from strop.types.memory import USED, Constraint, Dependency, Item, ItemKind, ItemState, Manifest, Skill, Taint
from strop.types.work import Binding, Guidance, Script, Spec

BODIES: Mapping[ItemKind, type[Body]] = {
    ItemKind.SKILL: Skill,
    ItemKind.CONSTRAINT: Constraint,
    ItemKind.SCRIPT: Script,
}
"""Kinds that guide readers of units. Checks run in the gate; plans are replayed by name."""
TRIED = frozenset({ItemState.CANDIDATE, ItemState.PROBATION})


@dataclass(frozen=True, slots=True)
class Guided:
    """What one run is given of the library."""

    guidance: Guidance
    trial: Trial | None = None
    barred: frozenset[str] = frozenset()
    """Paths of units that the tried item was made from: no evidence comes from these."""


def body_of(project: Project, item: Item) -> Body:
    """What an item holds.

    Raises:
        JournalFault: its blob is gone or damaged.
    """
    return revive(BODIES[item.kind], project.blobs.get(item.digest))


def guided(
    project: Project, spec: Spec, *, manifest: Manifest, base: Guidance, worker: Binding | None, units: tuple[str, ...]
) -> Guided:
    """Choose for a spec whose units are read; what is written by hand is in `base` already."""
    if spec.each is None:
        return Guided(base)
    bodies = {item.id: body_of(project, item) for item in manifest.items if _may_guide(item, spec)}
    options = [
        Option(item, _words(bodies[item.id]), effect=_effect(project, item))
        for item in manifest.items
        if item.id in bodies
    ]
    window = worker.window if worker is not None else 0
    used = select(options, spec=spec, window=window)
    held = [(item, bodies[item.id]) for item in used]
    guidance = assembled(held, base=base, readers=spec.readers)
    trial = _trial(project, spec, [option.item for option in options], used, bodies, base)
    if trial is None:
        return Guided(guidance)
    present = grounds_now(project, bodies[trial.item.id], trial.item, worker)
    trial = replace(trial, item=replace(trial.item, depends=present))
    return Guided(guidance, trial, _barred(project, trial.item, units))


def _may_guide(item: Item, spec: Spec) -> bool:
    return item.kind in BODIES and item.state in USED | TRIED and covers(item.scope, spec)


def _words(body: Body) -> str:
    match body:
        case Skill():
            return f"{body.name} {body.description}"
        case Constraint():
            return f"{body.field} {body.text}"
        case Script():
            return f"{body.skill} {body.field}"


def _effect(project: Project, item: Item) -> float | None:
    """Mean gain over its pairs so far, of the version that is there."""
    pairs = project.db.pairs(item.id, version=item.digest)
    return sum(pair.challenger - pair.baseline for pair in pairs) / len(pairs) if pairs else None


def _trial(
    project: Project, spec: Spec, there: list[Item], used: tuple[Item, ...], bodies: Mapping[str, Body], base: Guidance
) -> Trial | None:
    """The candidate that most is known of, else what is on probation or has to be looked at again."""

    def without(item: Item) -> Guidance:
        held = [(each, bodies[each.id]) for each in used if each.id != item.id]
        return assembled(held, base=base, readers=spec.readers)

    def known(item: Item) -> tuple[int, str]:
        return -len(project.db.pairs(item.id, version=item.digest)), item.id

    exact = order_class(spec)
    new = [item for item in there if item.state is ItemState.CANDIDATE and item.scope.order == exact and _clean(item)]
    for item in sorted(new, key=known):
        rest = [
            (each, bodies[each.id]) for each in used if each.kind is not item.kind or item.kind is not ItemKind.SKILL
        ]
        tried = assembled([(item, bodies[item.id]), *rest], base=base, readers=spec.readers)
        incumbent = assembled([(each, bodies[each.id]) for each in used], base=base, readers=spec.readers)
        return Trial(item, tried, arm(incumbent))
    watched = sorted((item for item in used if item.scope.order == exact), key=lambda item: (item.state, item.id))
    for item in sorted(watched, key=lambda each: (each.state is not ItemState.PROBATION, known(each))):
        return Trial(item, without(item), arm(without(item)), without=True)
    return None


def _clean(item: Item) -> bool:
    return item.taint is not Taint.UNTRUSTED


def grounds_now(project: Project, body: Body, item: Item, worker: Binding | None) -> tuple[Dependency, ...]:
    """What the item's worth would be measured with today."""
    if not isinstance(body, Skill):
        return item.depends
    texts = project.prompts()
    return grounds_of(
        worker=worker, schema=body.schema, prompts={name: texts.get(name, "") for name, _ in body.prompts}
    )


def _barred(project: Project, item: Item, units: tuple[str, ...]) -> frozenset[str]:
    made_from = set(item.inputs)
    return frozenset(path for path in units if _hash(project, path) in made_from)


def _hash(project: Project, path: str) -> str:
    try:
        return digest_bytes((project.folder / path).read_text("utf-8").encode())
    except (OSError, UnicodeDecodeError, StropError):
        return ""
