"""Certificates lapse: what is in use then has its turn again in the waves to come, on evidence from then on only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strop.app.project import Project
from strop.learning.library import mark_due
from strop.learning.lifecycle import due_since
from strop.learning.watching import Lapse, lapsed
from strop.types.memory import Item, ItemKind, ItemState


def recertify(project: Project, *, today: str) -> None:
    """Mark what is in use under a certificate that has lapsed by `today`, YYYY-MM-DD.

    Raises:
        JournalFault: the library cannot be written.
    """
    if found := lapses(project, today=today):
        mark_due(project.db, found)


def lapses(project: Project, *, today: str) -> Mapping[str, Lapse]:
    """The certificates that have lapsed and are not marked yet, by item. Who is in use by a person's word has none."""
    held, found = project.db.certificates(), dict[str, Lapse]()
    for item in project.db.head().items:
        certificate = held.get(item.id)
        if item.state not in (ItemState.PROBATION, ItemState.ACTIVE) or certificate is None or not certificate.day:
            continue
        if certificate.version == item.digest:
            day = certificate.day
            units = project.db.firsts.units_after(item.id, version=item.digest, day=day)
            lapse = lapsed(item.kind, certified=day, today=today, units=units)
            found |= {item.id: lapse} if lapse is not None else {}
    return found


def due_days(project: Project, *, today: str) -> Mapping[str, str]:
    """Since when items have to be certified again, by id, marked or not."""
    held = project.db.certificates()
    marked = {item.id: due_since(item, held.get(item.id)) for item in project.db.head().items}
    found = {name: lapse.since for name, lapse in lapses(project, today=today).items()}
    return found | {name: since for name, since in marked.items() if since}


def next_due(project: Project, used: Sequence[Item], *, order: str) -> Item | None:
    """Whose turn it is of what is due, before anything else: who is nearest to its plan's end, while it is within it.

    Scripts gather pairs in every run without a wave.
    """
    held, planned = project.db.certificates(), project.config.settings.learning.pairs
    known = {
        item: sum(pair.ground == item.ground for pair in project.db.pairs(item.id, version=item.digest))
        for item in used
        if item.scope.order == order and item.kind is not ItemKind.SCRIPT and due_since(item, held.get(item.id))
    }
    within = [item for item in known if known[item] < planned]
    return min(within, key=lambda item: (-known[item], item.id), default=None)
