"""The library and what stands of it on disk: edits are taken in, then `.agents/skills` and CONSTRAINTS.md are written.

`settle` does both, and is called when a run begins, when one has learned, and by every command that changes
the library. It may be cut off anywhere: a file is marked before it is written over, so that the next
`settle` knows our words from a person's.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from strop.app.project import Project
from strop.errors import BadInput, JournalFault
from strop.learning.canary import cleared
from strop.learning.drift import MAIN, Beside, Files, Foreign, Found, Mark, arrived, edited, nameless, projected
from strop.learning.importing import entry
from strop.learning.lessons import Failed
from strop.learning.library import RULES, SKILLS, filed, move, put, skill_of
from strop.learning.library import Held as HeldSkill
from strop.learning.lifecycle import SHELVED, UNTRUSTED_WAITS
from strop.learning.ruledrift import Held, Line, lines_now, rules_said, rules_written
from strop.learning.skillmd import projection as projection_of
from strop.learning.stylemd import projection
from strop.stores.blobs import write_whole
from strop.types.events import revive
from strop.types.fingerprint import digest_bytes
from strop.types.memory import USED, Constraint, Item, ItemKind, ItemState, Manifest, Skill, Taint
from strop.types.moves import AUTO, USER
from strop.types.style import Style
from strop.types.work import Script

SKILLS_FOLDER = PurePosixPath(".agents/skills")
RULES_FILE = "CONSTRAINTS.md"
MOST_FILES, MOST_BYTES = 500, 8 * 1024 * 1024
"""Of one skill's folder; a larger one is left alone."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was taken in and what was written."""

    manifest: Manifest
    taken: tuple[str, ...] = ()
    """Items that a person wrote, changed, brought or put back."""
    retired: tuple[str, ...] = ()
    """Items whose folder or line a person took away."""
    written: tuple[str, ...] = ()
    """Paths written or removed, project-relative."""
    notes: tuple[str, ...] = ()
    """What the person should know."""


@dataclass(slots=True)
class _Taken:
    """What the folders say, while they are read. Owned by `settle`."""

    by_hand: list[tuple[Item, object]] = field(default_factory=list[tuple[Item, object]])
    elsewhere: list[tuple[Item, object]] = field(default_factory=list[tuple[Item, object]])
    restored: list[str] = field(default_factory=list[str])
    retired: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    marks: list[tuple[str, str, bool]] = field(default_factory=list[tuple[str, str, bool]])
    forget: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


def settle(project: Project, *, foreign: Foreign | None = entry) -> Settled:
    """Take in what a person changed on disk, then write what the library says. Nothing unseen is written over.

    `foreign` reads skills that strop did not write, into quarantine; without it they are left alone, and named.

    Raises:
        BadInput: CONSTRAINTS.md has a check that cannot be read.
        JournalFault: the disk is full, or the library cannot be read or written.
    """
    with _alone(project):
        head, taken = project.db.head(), _Taken()
        _look_at_skills(project, head, taken, foreign)
        own = _look_at_rules(project, head, taken)
        _commit(project, head, taken)
        written = (*_write_skills(project), *_write_rules(project, own))
        every = (*(item.id for item, _ in (*taken.by_hand, *taken.elsewhere)), *taken.restored)
        gone = tuple(name for name, _ in taken.retired)
        return Settled(project.db.head(), every, gone, written, tuple(taken.notes))


@contextmanager
def _alone(project: Project) -> Generator[None, None, None]:
    """One process at a time: half a folder of another's writing would look like an edit."""
    path = project.folder / ".strop" / "projecting.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _commit(project: Project, head: Manifest, taken: _Taken) -> None:
    db, blobs = project.db, project.blobs
    if taken.by_hand:
        put(db, blobs, taken.by_hand, base=head, by=USER, why="edited on disk")
    if taken.elsewhere:
        put(db, blobs, taken.elsewhere, base=head, by=AUTO, why="found on disk")
    for name in taken.restored:
        item = head.item(name)
        if item is not None and item.taint is Taint.UNTRUSTED and not cleared(db.canaries(item.digest)):
            taken.notes.append(f"{name} stays retired: {UNTRUSTED_WAITS}")
            continue
        move(db, name, to=ItemState.CANDIDATE, why="its folder was put back", by=USER)
    for name, why in taken.retired:
        move(db, name, to=ItemState.RETIRED, why=why, by=USER)
    db.note_projected(taken.marks, forget=taken.forget)


# ---------------------------------------------------------------- skills


def _look_at_skills(project: Project, head: Manifest, taken: _Taken, foreign: Foreign | None) -> None:
    items = {filed(item): item for item in head.items if item.kind in SKILLS}
    bodies = {name: skill_of(item, project.blobs) for name, item in items.items()}
    known = {nameless(bodies[name]): item for name, item in items.items()}
    clone = not head.items and not project.db.moves()
    known_beside = _beside(project, head)
    marks, styles = _marks(project), {filed(item) for item in head.items if item.kind is ItemKind.STYLE}
    for folder in sorted((items.keys() | _folders(project) | marks.keys()) - styles):
        files = _read_folder(project, folder, taken)
        if files is None:
            continue
        item, marked = items.get(folder), marks.get(folder, {})
        if MAIN not in files:
            if item is not None and item.state not in SHELVED and MAIN in marked:
                taken.retired.append((item.id, "its folder was deleted"))
            if MAIN in marked:
                taken.forget += [_path(folder, path) for path in marked]
        elif item is not None:
            found = edited(
                folder,
                files,
                item=item,
                skill=bodies[folder],
                marks=marked,
                foreign=foreign,
                beside=known_beside(item, bodies[folder]),
            )
            _note(folder, found, item.id, taken)
        elif not _ours(files, marked):
            found = arrived(folder, files, marks=marked, known=known, clone=clone, foreign=foreign)
            _note(folder, found, "", taken)


def _ours(files: Files, marks: Mapping[str, Mark]) -> bool:
    """Whether a folder without an item is what we wrote: the library was rolled back to before it."""
    wrote = {path: mark for path, mark in marks.items() if not mark.own}
    return MAIN in wrote and all(digest_bytes(files[path]) in wrote[path].digests for path in wrote if path in files)


def _note(folder: str, found: Found, item: str, taken: _Taken) -> None:
    if found.entry is not None:
        elsewhere = found.entry[0].state is ItemState.QUARANTINE and not item
        (taken.elsewhere if elsewhere else taken.by_hand).append(found.entry)
    elif found.restored:
        taken.restored.append(item)
    taken.marks += [(_path(folder, path), digest_bytes(body), False) for path, body in found.seen.items()]
    taken.marks += [(_path(folder, path), digest_bytes(body), True) for path, body in found.own.items()]
    taken.notes += found.notes


def _write_skills(project: Project) -> tuple[str, ...]:
    """Every file that is not as the library wants it, but for a person's own."""
    items = {filed(item): item for item in project.db.head().items if item.kind in SKILLS}
    marks, changed = _marks(project), list[tuple[str, bytes | None]]()
    same: list[str] = []
    known_beside = _beside(project, project.db.head())
    styles = {filed(each): each for each in project.db.head().items if _shown_style(each)}
    for folder in sorted(items.keys() | marks.keys() | styles.keys()):
        item, marked = items.get(folder), marks.get(folder, {})
        wanted: Files = {}
        if item is not None:
            skill = skill_of(item, project.blobs)
            wanted = projected(item, skill, folder=folder, beside=known_beside(item, skill))
        if (style := styles.get(folder)) is not None:
            wanted = projection(revive(Style, project.blobs.get(style.digest)))
        for path in sorted(wanted.keys() | marked.keys()):
            now, want = _body(project.folder / _path(folder, path)), wanted.get(path)
            if now == want:
                same.append(_path(folder, path)) if want is not None or path in marked else None
            elif now is None or _writable(now, marked.get(path, Mark())):
                changed.append((_path(folder, path), want))
    _write(project, changed)
    _remember_same(project, same)
    return tuple(path for path, _ in changed)


def skill_files(project: Project, held: HeldSkill) -> Files:
    """A skill's folder as the library has it, in any state; what is in quarantine has none on disk."""
    item, skill = held.item, held.skill
    beside = _beside(project, project.db.head())(item, skill)
    return projected(item, skill, folder=filed(item), beside=beside) or projection_of(skill, item=item)


def _beside(project: Project, head: Manifest) -> Callable[[Item, Skill], Beside]:
    """What stands beside each skill: its certificate, what failed in its run, the scripts of its order in use."""
    proved, failed = project.db.certificates(), project.db.failed()
    scripts = [
        (item.scope.order, revive(Script, project.blobs.get(item.digest)))
        for item in head.items
        if item.kind is ItemKind.SCRIPT and item.state in USED
    ]

    def beside(item: Item, skill: Skill) -> Beside:
        mine = tuple(script for order, script in scripts if order == item.scope.order != "")
        body = failed.get(skill.born_from)
        return Beside(proved.get(item.id), revive(Failed, body).lessons if body else None, mine)

    return beside


def _shown_style(item: Item) -> bool:
    return item.kind is ItemKind.STYLE and item.state not in SHELVED


def _writable(now: bytes, mark: Mark) -> bool:
    return not mark.own and digest_bytes(now) in mark.digests


def _write(project: Project, changed: Iterable[tuple[str, bytes | None]]) -> None:
    """Mark, write, and mark again: whatever a crash leaves, each file is known as ours."""
    put_down = [(path, body) for path, body in changed if body is not None]
    project.db.note_projected([(path, digest_bytes(body), False) for path, body in put_down], more=True)
    for path, body in changed:
        target = project.folder / path
        if body is not None:
            write_whole(target, body)
        else:
            target.unlink(missing_ok=True)
            _drop_empty(target.parent, project.folder / SKILLS_FOLDER)
    gone = [path for path, body in changed if body is None]
    project.db.note_projected([(path, digest_bytes(body), False) for path, body in put_down], forget=gone)


def _remember_same(project: Project, paths: Iterable[str]) -> None:
    """What stands on disk as the library wants it is ours from now on; what is gone on both sides is forgotten."""
    bodies = {path: _body(project.folder / path) for path in paths}
    now = {(path, digest_bytes(body), False) for path, body in bodies.items() if body is not None}
    known = set(project.db.projected())
    several = {path for path, *_ in known if sum(each[0] == path for each in known) > 1} & bodies.keys()
    news = [row for row in now if row not in known or row[0] in several]
    gone = [path for path, body in bodies.items() if body is None]
    if news or gone:
        project.db.note_projected(sorted(news), forget=gone)


def _drop_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_relative_to(root) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _folders(project: Project) -> set[str]:
    root = project.folder / SKILLS_FOLDER
    return {each.name for each in root.iterdir() if each.is_dir() and not each.is_symlink()} if root.is_dir() else set()


def _path(folder: str, path: str) -> str:
    return str(SKILLS_FOLDER / folder / path)


def _marks(project: Project) -> dict[str, dict[str, Mark]]:
    """By folder and path inside it."""
    found: dict[str, dict[str, Mark]] = {}
    for path, digest, own in project.db.projected():
        parts = PurePosixPath(path).parts
        if parts[:2] == SKILLS_FOLDER.parts:
            held = found.setdefault(parts[2], {})
            inner = str(PurePosixPath(*parts[3:]))
            held[inner] = Mark(held.get(inner, Mark()).digests | {digest}, own)
    return found


def _read_folder(project: Project, folder: str, taken: _Taken) -> Files | None:
    """The folder's files; nothing where there is none, None where it may not be read, which is noted."""
    try:
        return _bounded(project.folder / SKILLS_FOLDER / folder)
    except BadInput as caught:
        taken.notes.append(f"{SKILLS_FOLDER / folder} is left alone: {caught}")
        return None


def _bounded(root: Path) -> Files:
    """Regular files only, of bounded number and size.

    Raises:
        BadInput: a symbolic link, too many files, too many bytes.
    """
    files: dict[str, bytes] = {}
    total = 0
    for parent, folders, names in os.walk(root):
        for name in sorted((*folders, *names)):
            path = Path(parent, name)
            about = path.lstat()
            inner = path.relative_to(root).as_posix()
            if stat.S_ISDIR(about.st_mode):
                continue
            if not stat.S_ISREG(about.st_mode):
                raise BadInput(f"{inner} is no regular file; put the file itself there")
            total += about.st_size
            if len(files) >= MOST_FILES or total > MOST_BYTES:
                raise BadInput(f"it holds more than {MOST_FILES} files or {MOST_BYTES // 1024**2} MiB")
            files[inner] = path.read_bytes()
    return files


def _body(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as caught:
        raise JournalFault(f"{path} cannot be read: {caught.strerror}. Mend its permissions") from caught


# ---------------------------------------------------------------- rules


def _look_at_rules(project: Project, head: Manifest, taken: _Taken) -> frozenset[str]:
    said = rules_said(rules_text(project), held=_held_rules(project, head), lines=_lines(project))
    taken.by_hand += said.entries
    taken.retired += said.retired
    return said.own


def hand_over(project: Project, item: Item) -> None:
    """Give a rule's line back to the library, by a person's command: it follows the item, or goes with it."""
    line = _lines(project).get(filed(item))
    if line is not None:
        project.db.note_projected([(f"{RULES_FILE}#{filed(item)}", line.digest, False)])


def _write_rules(project: Project, own: frozenset[str]) -> tuple[str, ...]:
    before = rules_text(project)
    after = rules_written(before, held=_held_rules(project, project.db.head()), own=own)
    if after != before:
        write_whole(project.folder / RULES_FILE, after.encode())
    lines = lines_now(after, own=own)
    if lines != _lines(project):
        gone = [f"{RULES_FILE}#{name}" for name in _lines(project)]
        rows = [(f"{RULES_FILE}#{name}", line.digest, line.own) for name, line in lines.items()]
        project.db.note_projected(rows, forget=gone)
    return (RULES_FILE,) if after != before else ()


def rules_text(project: Project) -> str:
    """CONSTRAINTS.md with the line ends that the user's editor wrote; empty where there is none.

    Raises:
        BadInput: it is no UTF-8.
    """
    body = _body(project.folder / RULES_FILE)
    try:
        return (body or b"").decode()
    except UnicodeDecodeError as caught:
        raise BadInput(f"{RULES_FILE} is no UTF-8 at byte {caught.start}; save it as UTF-8") from caught


def _held_rules(project: Project, manifest: Manifest) -> list[Held]:
    held = (item for item in manifest.items if item.kind in RULES)
    return [(item, revive(Constraint, project.blobs.get(item.digest))) for item in held]


def _lines(project: Project) -> dict[str, Line]:
    rows = (row for row in project.db.projected() if row[0].startswith(f"{RULES_FILE}#"))
    return {path.partition("#")[2]: Line(digest, own) for path, digest, own in rows}
