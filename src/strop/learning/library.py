"""The library: putting items in, moving them between states, and going back. Bodies are blobs, a state is a manifest.

Every change is one compare-and-set on the head. Who loses the race reads the new head and does its change
again there, item by item, so two runs that learn at once lose nothing; where both changed the same item,
the later one becomes an item of its own beside it (`ID~2`). A rollback sets the head to an older manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from strop.errors import BadInput, JournalFault
from strop.learning.lifecycle import SHELVED, due, entering, moved, seat, stale
from strop.learning.scopes import widened
from strop.learning.watching import Lapse
from strop.seams import Blobs, Library
from strop.types.events import revive
from strop.types.evidence import Certificate
from strop.types.fingerprint import canonical
from strop.types.memory import USED, Item, ItemKind, ItemState, Manifest, Skill
from strop.types.moves import AUTO, Change

REBASES = 20
SKILLS = (ItemKind.SKILL, ItemKind.PLAN)
"""Kinds whose body is a `Skill`."""
RULES = (ItemKind.CHECK, ItemKind.CONSTRAINT)
"""Kinds whose body is a `Constraint`."""


class Shelf(Protocol):
    """A `Library` that says who moved its head and why, and still has the manifests that it had."""

    def head(self) -> Manifest: ...

    def commit(self, manifest: Manifest, *, expected: str, by: str = AUTO, why: str = "") -> bool:
        """As `Library.commit`; `by` and `why` stand in its log."""
        ...

    def manifest(self, name: str) -> Manifest:
        """The manifest of this hash, or of this unique beginning of one.

        Raises:
            BadInput: none, or several.
        """
        ...


class Rewind(Protocol):
    """A library whose head can be set to a manifest that it had."""

    def reset(self, name: str, *, by: str, why: str = "") -> Manifest:
        """Set the head to the manifest of this hash, or of this unique beginning of one, whatever it is now.

        Raises:
            BadInput: none, or several.
        """
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A skill as it stands in the library: its entry and its body."""

    item: Item
    skill: Skill


# ---------------------------------------------------------------- changing it


def put(
    library: Shelf,
    blobs: Blobs,
    entries: Sequence[tuple[Item, object]],
    *,
    base: Manifest | None = None,
    by: str = AUTO,
    why: str = "",
) -> Manifest:
    """Commit (item, body) entries; the hash of the body is filled in, an entry with a known id replaces it.

    `base` is the library that the entries were made from, the head by default. An item that has changed
    since then under the same id keeps its place, and ours comes in beside it. Untrusted words enter as quarantined.

    Raises:
        JournalFault: other processes kept winning the race for the head.
    """
    ours = [replace(item, digest=blobs.put(canonical(body))) for item, body in entries]
    since = library.head() if base is None else base

    def edit(head: Manifest) -> tuple[Item, ...]:
        held = {item.id: item for item in head.items}
        for item in ours:
            entered = entering(item, before=held.get(item.id), by=by)
            settled = _beside(entered, held, before=since.item(item.id))
            held[settled.id] = settled
        return tuple(held.values())

    return _committed(library, edit, by=by, why=why or f"learned {_named(item.id for item in ours)}")


def move(library: Shelf, name: str, *, to: ItemState, why: str, by: str = AUTO) -> Manifest:
    """Give the item with the id `name` another state, if it still is what it was.

    Raises:
        BadInput: no such item, no such move, a person has to make it, or somebody changed its body meanwhile.
        JournalFault: other processes kept winning the race for the head.
    """
    version = _there(library.head(), name).digest

    def edit(head: Manifest) -> tuple[Item, ...]:
        item = _there(head, name)
        if item.digest != version:
            raise BadInput(
                f"{name} was changed by somebody else just now. Look at it again: strop skills show {item.name}"
            )
        if item.state is to:
            return head.items
        return _with(head, moved(item, to=to, why=why, by=by))

    return _committed(library, edit, by=by, why=f"{name} {to}: {why}")


def witness(library: Shelf, item: Item, *, run: str) -> Manifest:
    """Note that a run has left once more what the item of this id says.

    It cites that run too, and a rule is for its kind of orders as well; version, inputs and evidence stay.

    Raises:
        JournalFault: other processes kept winning the race for the head.
    """

    def edit(head: Manifest) -> tuple[Item, ...]:
        there = head.item(item.id)
        if there is None or run in there.cites:
            return head.items
        scope = widened(item, head).scope if there.kind in RULES else there.scope
        return _with(head, replace(there, cites=(*there.cites, run), scope=scope))

    return _committed(library, edit, by=run, why=f"left once more: {item.id}")


def admit(library: Shelf, name: str, *, certificates: Mapping[str, Certificate], why: str, by: str = AUTO) -> Manifest:
    """Make an item active; where its scope is full, by a duel with the weakest, in one commit.

    Raises:
        BadInput: as `move`; or the scope is full and the item does not beat the weakest in it.
        JournalFault: other processes kept winning the race for the head.
    """

    def edit(head: Manifest) -> tuple[Item, ...]:
        item = _there(head, name)
        found = seat(item, manifest=head, certificates=certificates)
        if not found.free:
            weakest = f"; the weakest is {found.loser.id}" if found.loser is not None else ""
            raise BadInput(
                f"{name} cannot become active: its scope is full{weakest}. Retire one: strop skills retire NAME"
            )
        gone = (
            ()
            if found.loser is None
            else (moved(found.loser, to=ItemState.CANDIDATE, why=f"gave its place to {name}", by=by),)
        )
        return _with(head, moved(item, to=ItemState.ACTIVE, why=why, by=by), *gone)

    return _committed(library, edit, by=by, why=f"{name} active: {why}")


def mark_stale(library: Shelf, present: Mapping[tuple[str, str], str], *, by: str = AUTO) -> Manifest:
    """Mark what was measured with another model, tool, schema or prompt than `present`. See `lifecycle.stale`."""
    return _committed(library, lambda head: _with(head, *stale(head, present)), by=by, why="dependencies changed")


def mark_due(library: Shelf, lapses: Mapping[str, Lapse], *, by: str = AUTO) -> Manifest:
    """Mark what has to be certified again. See `lifecycle.due`."""
    return _committed(library, lambda head: _with(head, *due(head, lapses)), by=by, why="certificates have lapsed")


def turn_back(library: Shelf, *, away: Sequence[Item], back: Sequence[Item], why: str, by: str = AUTO) -> Manifest:
    """Put what is in use of `away` into quarantine and `back` into its place, in one commit; the rest stays.

    No older manifest is set as a whole: that would undo what other orders learned since, bring back what was put
    away for harm since, and leave as candidates, with the evidence that admits them, what was turned back.
    """

    def edit(head: Manifest) -> tuple[Item, ...]:
        held = [item for item in head.items if item in away and item.state in USED]
        gone = [moved(item, to=ItemState.QUARANTINE, why=why, by=by) for item in held]
        return _with(head, *gone, *(replace(item, why=why) for item in back)) if gone else head.items

    return _committed(library, edit, by=by, why=f"{_named(item.id for item in away)} turned back: {why}")


def rollback(library: Rewind, *, to: str, why: str = "", by: str = AUTO) -> Manifest:
    """Set the head to an older manifest, named by its hash or a unique beginning: the same bytes, the same hash.

    What was learned since stays in its manifests, and all evidence stays: a rollback forgets nothing. It
    cannot lose a race; who learns at the same time does so on the older manifest, or is in the log before it.

    Raises:
        BadInput: no such manifest.
    """
    return library.reset(to, by=by, why=why)


def revert(library: Shelf, change: Change, *, why: str, by: str = AUTO) -> Manifest:
    """Undo one change and leave the rest: the item as it was before, or in quarantine where it was not there.

    Raises:
        BadInput: the item is gone meanwhile.
        JournalFault: other processes kept winning the race for the head.
    """

    def edit(head: Manifest) -> tuple[Item, ...]:
        if change.before is not None:
            return _with(head, replace(change.before, why=why))
        return _with(head, replace(_there(head, change.id), state=ItemState.QUARANTINE, why=why))

    return _committed(library, edit, by=by, why=f"{change.id} undone: {why}")


def _committed(library: Shelf, edit: Callable[[Manifest], tuple[Item, ...]], *, by: str, why: str) -> Manifest:
    """One compare-and-set; a loser does its edit again on what the winner left."""
    for _ in range(REBASES):
        head = library.head()
        manifest = Manifest(tuple(sorted(edit(head), key=lambda item: item.id)), parent=head.hash)
        if manifest.items == head.items:
            return head
        if library.commit(manifest, expected=head.hash, by=by, why=why):
            return manifest
    raise JournalFault(_lost())


def _lost() -> str:
    return f"the library's head changed {REBASES} times while committing; try again"


def _with(head: Manifest, *items: Item) -> tuple[Item, ...]:
    return tuple(({item.id: item for item in head.items} | {item.id: item for item in items}).values())


def _beside(item: Item, held: Mapping[str, Item], *, before: Item | None) -> Item:
    """Ours in its place, or beside the one that somebody else put there since `before`."""
    theirs = held.get(item.id)
    if theirs is None or theirs == before:
        return item
    if theirs.digest == item.digest:
        return theirs
    names = {filed(each) for each in held.values() if each.kind is item.kind}
    for number in range(2, len(held) + 3):
        name = f"{item.id}~{number}"
        if (there := held.get(name)) is not None and there.digest == item.digest:
            return there
        other = replace(item, id=name, parent=item.parent or (before.digest if before else ""))
        if there is None and filed(other) not in names:
            state = item.state if item.state in SHELVED else ItemState.CANDIDATE
            return replace(other, state=state, why=f"learned at the same time as another {item.id}")
    raise AssertionError("one more name than there are items is always free")


def filed(item: Item) -> str:
    """The item's name as a file or a line of a file may bear it: `bells~2` is kept in the folder `bells-2`."""
    return item.name.replace("~", "-")


def _there(manifest: Manifest, name: str) -> Item:
    item = manifest.item(name)
    if item is None:
        raise BadInput(f"no item {name!r} in the library. See: strop skills list, strop rules list")
    return item


def _named(names: Iterable[str], *, most: int = 3) -> str:
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")


# ---------------------------------------------------------------- reading it


def skills(library: Library) -> tuple[Item, ...]:
    """All skills in the head, in whatever state."""
    return tuple(item for item in library.head().items if item.kind in SKILLS)


def skill_item(manifest: Manifest, name: str) -> Item:
    """The entry of a skill by its name.

    Raises:
        BadInput: no such skill; the message lists what there is.
    """
    held = [item for item in manifest.items if item.kind in SKILLS]
    found = next((item for item in held if name in (item.name, item.id)), None)
    if found is None:
        there = ", ".join(item.name for item in held) or "none yet; a run that passes leaves one"
        raise BadInput(f"no skill {name!r}. There are: {there}")
    return found


def load_skill(name: str, *, library: Library, blobs: Blobs) -> Held:
    """A skill of the head by its name, with its entry.

    Raises:
        BadInput: no such skill; the message lists what there is.
    """
    item = skill_item(library.head(), name)
    return Held(item, skill_of(item, blobs))


def skill_of(item: Item, blobs: Blobs) -> Skill:
    """The body of a skill's entry.

    Raises:
        JournalFault: it is missing or damaged.
    """
    return revive(Skill, blobs.get(item.digest))
