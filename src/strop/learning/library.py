"""Putting items into the library and getting them out: blobs, a manifest, a head with compare-and-set.

A commit that loses against another process is rebased item by item and tried again, so two runs that
learn at once never lose an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from strop.errors import BadInput, JournalFault
from strop.seams import Blobs, Library
from strop.types.events import revive
from strop.types.fingerprint import canonical
from strop.types.memory import Item, ItemKind, Manifest, Skill

REBASES = 20


def put(library: Library, blobs: Blobs, entries: Sequence[tuple[Item, object]]) -> Manifest:
    """Commit (item, body) entries; the hash of the body is filled in, an entry with a known id replaces it.

    Raises:
        JournalFault: other processes kept winning the race for the head.
    """
    items = {item.id: replace(item, digest=blobs.put(canonical(body))) for item, body in entries}
    for _ in range(REBASES):
        head = library.head()
        kept = [item for item in head.items if item.id not in items]
        manifest = Manifest(tuple(sorted((*kept, *items.values()), key=lambda item: item.id)), parent=head.hash)
        if manifest.items == head.items:
            return head
        if library.commit(manifest, expected=head.hash):
            return manifest
    raise JournalFault(f"the library's head changed {REBASES} times while committing; try again")


def skills(library: Library) -> tuple[Item, ...]:
    """All skills in the head."""
    return tuple(item for item in library.head().items if item.kind in (ItemKind.SKILL, ItemKind.PLAN))


def load_skill(name: str, *, library: Library, blobs: Blobs) -> Skill:
    """A skill by its name.

    Raises:
        BadInput: no such skill; the message lists what there is.
    """
    for item in skills(library):
        if item.name == name:
            skill = revive(Skill, blobs.get(item.digest))
            return replace(skill, state=item.state)
    there = ", ".join(item.name for item in skills(library)) or "none yet; a run that passes leaves one"
    raise BadInput(f"no skill {name!r}. There are: {there}")
