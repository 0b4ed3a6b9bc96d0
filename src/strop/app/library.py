"""The library as commands see it: its history, versions of an item, a person's word, and going back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from strop.app.drift import RULES_FILE, hand_over, rules_text
from strop.app.project import Project, state_of
from strop.checking.checks import parse_check
from strop.errors import BadInput
from strop.learning.canary import cleared
from strop.learning.library import Held, admit, filed, move, revert, rollback, skill_of
from strop.learning.lifecycle import APPROVED, SHELVED
from strop.learning.ruledrift import with_struck
from strop.learning.rules import HEADER, read_rules
from strop.stores.blobs import write_whole
from strop.types.count import counted
from strop.types.memory import Constraint, Item, ItemState, Manifest, Taint
from strop.types.moves import USER, Change, Moved, changes


@dataclass(frozen=True, slots=True)
class Step:
    """One move of the library's head, with what it changed."""

    moved: Moved
    changes: tuple[Change, ...]

    @property
    def told(self) -> dict[str, object]:
        """For programs: states and versions by item."""
        made = [
            {
                "id": each.id,
                "before": each.before and {"state": each.before.state, "version": each.before.digest},
                "after": each.after and {"state": each.after.state, "version": each.after.digest},
            }
            for each in self.changes
        ]
        moved = self.moved
        return {"manifest": moved.manifest, "at": moved.at, "by": moved.by, "why": moved.why, "changes": made}


def history(project: Project, *, most: int | None = None) -> tuple[Step, ...]:
    """The library's moves, oldest first; at most the newest `most`."""
    moves = project.db.moves()
    shown = moves if most is None else moves[-most:]
    before = project.db.manifest(moves[-len(shown) - 1].manifest) if len(moves) > len(shown) else Manifest()
    steps: list[Step] = []
    for each in shown:
        after = project.db.manifest(each.manifest)
        steps.append(Step(each, changes(before, after)))
        before = after
    return tuple(steps)


def versions(project: Project, name: str) -> dict[str, Item]:
    """Every version of an item that the library has held, by the hash of its body, newest first."""
    found: dict[str, Item] = {}
    for manifest in (project.db.head(), *(project.db.manifest(each.manifest) for each in project.db.moves()[::-1])):
        item = manifest.item(name)
        if item is not None:
            found.setdefault(item.digest, item)
    return found


def version_of(project: Project, item: Item, other: str) -> Held:
    """Another version of a skill: by its hash or a beginning of it, by a library's; without one its parent.

    Raises:
        BadInput: there is no such version.
    """
    held = versions(project, item.id) | {
        each.digest: each for each in project.db.head().items if each.digest == item.parent
    }
    wanted = other or item.parent
    if not wanted:
        raise BadInput(f"{item.name} has no version before this one")
    found = [each for digest, each in held.items() if digest.startswith(wanted)]
    if not found and other:
        there = project.db.manifest(other).item(item.id)
        found = [there] if there is not None else []
    if len(found) != 1:
        there = ", ".join(digest[:10] for digest in held)
        raise BadInput(
            f"{'several versions' if found else 'no version'} of {item.name} under {wanted[:10]}. There are: {there}"
        )
    return Held(found[0], skill_of(found[0], project.blobs))


def measured(project: Project, item: Item) -> str:
    """What is known of an item that is not decided yet, in half a sentence; empty where nothing was tried."""
    if item.state not in (ItemState.CANDIDATE, ItemState.STALE):
        return ""
    pairs = [pair for pair in project.db.pairs(item.id, version=item.digest) if pair.ground == item.ground]
    if not pairs:
        return ""
    planned = project.config.settings.learning.pairs
    won, lost = sum(pair.won for pair in pairs), sum(pair.lost for pair in pairs)
    gain = sum(pair.challenger - pair.baseline for pair in pairs) / len(pairs)
    rest = "undecided, and tried no more by itself" if len(pairs) >= planned else f"{planned} planned"
    return f"{counted(len(pairs), 'pair')} so far, {won} won, {lost} lost, mean {gain:+.2f}; {rest}"


# ---------------------------------------------------------------- a person's word


def allowed(project: Project, item: Item) -> tuple[tuple[str, ...], ItemState]:
    """(what a person allows who approves this item, the state it gets by that).

    Raises:
        BadInput: it is in use already.
    """
    if item.state is ItemState.ACTIVE:
        raise BadInput(f"{item.name} is active already")
    to = ItemState.CANDIDATE if item.state in SHELVED else ItemState.ACTIVE
    used = {
        ItemState.CANDIDATE: "agents read it when it is named, and it may be tried on units of a run",
        ItemState.ACTIVE: "runs choose it by themselves, without evidence that it helps: your word stands for it",
    }
    lines = [used[to]]
    if item.taint is Taint.UNTRUSTED:
        lines.append("it descends from text that nobody vouched for: what it says becomes instructions to agents")
    scripts = project.folder / ".agents" / "skills" / filed(item) / "scripts"
    if scripts.is_dir() and not scripts.is_symlink():
        names = ", ".join(sorted(path.name for path in scripts.iterdir())[:8])
        lines.append(f"it brings scripts ({names}); strop runs none of them, other programs that read the folder may")
    return tuple(lines), to


def approve(project: Project, item: Item, *, to: ItemState, model: str = "") -> Manifest:
    """Put a person's word on record. What is of untrusted descent needs a clean canary replay of this very version.

    `model` says whose replay counts; left out, that of any.

    Raises:
        BadInput: there is no such replay, the item has changed meanwhile, or its scope is full.
    """
    why = APPROVED
    now = project.db.head().item(item.id)
    if now is None or now.digest != item.digest:
        raise BadInput(
            f"{item.id} was changed by somebody else just now. Look at it again: strop skills show {item.name}"
        )
    if item.taint is Taint.UNTRUSTED and not cleared(project.db.canaries(item.digest), model=model):
        raise BadInput(
            f"{item.id} is of untrusted descent, and no canary replay of this version is on record and clean. "
            f"It is carried out by: strop skills approve {item.name}"
        )
    if to is ItemState.ACTIVE:
        return admit(project.db, item.id, certificates={}, why=why, by=USER)
    return move(project.db, item.id, to=to, why=why, by=USER)


def retire(project: Project, item: Item, *, why: str) -> Manifest:
    """Take an item out of use; of a rule that a person wrote, its line goes too.

    Raises:
        BadInput: it is retired already.
    """
    if item.state is ItemState.RETIRED:
        raise BadInput(f"{item.name} is retired already")
    made = move(project.db, item.id, to=ItemState.RETIRED, why=why, by=USER)
    hand_over(project, item)
    return made


def undo(project: Project, change: Change, *, why: str) -> Manifest:
    """Roll one item back, and nothing else; a person's line in CONSTRAINTS.md follows it.

    Raises:
        BadInput: the item is gone meanwhile.
    """
    made = revert(project.db, change, why=why, by=USER)
    for item in (each for each in (change.before, change.after) if each is not None):
        hand_over(project, item)
    return made


# ---------------------------------------------------------------- going back


def manifest_before(project: Project, run: str) -> str:
    """Hash of the library that a run began with.

    Raises:
        BadInput: no such run, or it recorded none.
    """
    folder = project.find_run(run)
    found = state_of(folder).manifest_before
    if not found:
        raise BadInput(f"run {folder.name} recorded no library. See: strop skills log")
    return found


def rolled_back(project: Project, to: str) -> tuple[Manifest, Manifest, tuple[Change, ...], float]:
    """(the library before, after, what that changed, seconds it took); `to` is a hash, or empty for the one before.

    Raises:
        BadInput: there is no such library.
    """
    before = project.db.head()
    if not (to or before.parent):
        raise BadInput("the library has no state before this one")
    began = time.perf_counter()
    after = rollback(project.db, to=to or before.parent, by=USER)
    seconds = time.perf_counter() - began
    return before, after, changes(before, after), seconds


# ---------------------------------------------------------------- rules


def add_rule(project: Project, text: str, *, check: str = "") -> Constraint:
    """Write a rule of the user's own into CONSTRAINTS.md.

    Raises:
        BadInput: no words, several lines, a check that cannot be read, or a rule that is there.
    """
    words = " ".join(text.split())
    if not words or words.startswith("~~") or any(mark in words for mark in ("{check:", "<!--", "-->")):
        raise BadInput(f"{text!r} is no rule: write one sentence; a check goes behind --check")
    line = f"- {words} {{check: {parse_check(check)}}}" if check else f"- {words}"
    (rule,) = read_rules(line) or (None,)
    before = rules_text(project)
    if rule is None or rule.id.startswith("c-"):
        raise BadInput(f"{text!r} is no rule: it begins with an id of strop's")
    if any(each.id == rule.id for each in read_rules(before)):
        raise BadInput(f"that rule is there already: {rule.id}")
    start = before if before.strip() else HEADER
    end = "" if start.endswith("\n") else "\n"
    write_whole(project.folder / RULES_FILE, f"{start}{end}{line}\n".encode())
    return rule


def strike_rule(project: Project, name: str) -> None:
    """Strike a rule's line out of CONSTRAINTS.md.

    Raises:
        BadInput: there is none with this id.
    """
    write_whole(project.folder / RULES_FILE, with_struck(rules_text(project), name).encode())
