"""Skill folders in and out: foreign ones into quarantine, ours to where another client looks for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from strop.app.project import Project
from strop.errors import BadInput
from strop.learning.climbing import same, waiting
from strop.learning.importing import Imported, Refused, read_all
from strop.learning.layouts import LAYOUTS, OURS, Layout, layout_of
from strop.learning.library import put, skill_of, skills
from strop.stores.blobs import write_whole
from strop.types.memory import ItemKind, Origin

MARK = b"strop-state"


@dataclass(frozen=True, slots=True)
class Exported:
    """Where a client finds the skill; `written` is False where it reads our folder already."""

    folder: Path
    written: bool


def import_skills(project: Project, path: Path) -> tuple[tuple[Imported, ...], tuple[Refused, ...]]:
    """Read every skill under `path` and put it into the library, in quarantine. Nothing of it is run.

    What came before with the same bytes is not read twice; what the ladder says of the rest stands in its `why`.

    Raises:
        BadInput: no folder, or no skill in it.
    """
    head = project.db.head()
    known = frozenset(cited for item in head.items if item.origin is Origin.IMPORTED for cited in item.cites)
    taken = frozenset(item.name for item in head.items if item.kind in (ItemKind.SKILL, ItemKind.PLAN))
    made, refused = read_all(path, taken=taken, known=known)
    others = {item: skill_of(item, project.blobs) for item in skills(project.db)} if made else {}
    climbed = tuple(
        replace(each, item=waiting(each.item, found=each.found, same=same(each.item, each.skill, others=others)))
        for each in made
    )
    if climbed:
        put(project.db, project.blobs, [(each.item, each.skill) for each in climbed])
    return climbed, refused


def export_skill(project: Project, name: str, *, client: str) -> Exported:
    """Make a skill's folder findable by a client: a copy, where the client does not read ours.

    Raises:
        BadInput: no such client or skill, or another skill of that name lies there.
    """
    layout = _layout(client)
    folder = project.folder / OURS / name
    if "/" in name or not (folder / "SKILL.md").is_file():
        raise BadInput(f"no skill {name!r} in {OURS}. What waits in quarantine has no folder: strop skills list")
    if layout.reads_ours:
        return Exported(folder, written=False)
    target = project.folder / layout.folders[0] / name
    main = target / "SKILL.md"
    if target.exists() and not (main.is_file() and MARK in main.read_bytes()):
        raise BadInput(f"{target} is there already and was not written by strop; move it away")
    bodies = {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    for old in sorted(target.rglob("*"), reverse=True):
        if old.is_file() and old.relative_to(target) not in bodies:
            old.unlink()
    for path, body in bodies.items():
        write_whole(target / path, body)
    return Exported(target, written=True)


def _layout(client: str) -> Layout:
    layout = layout_of(client)
    if layout is None:
        raise BadInput(f"no client {client!r}; there are {', '.join(each.client for each in LAYOUTS)}")
    return layout
