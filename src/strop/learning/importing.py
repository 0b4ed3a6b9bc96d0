"""Importing skills made elsewhere: folders are read, never run, and what was read waits in quarantine.

`folders_in` finds skill folders under a path, in any client's layout; `read_folder` reads one, leniently as clients
do (a wrong name is mended, unknown fields are kept as text), but within bounds: no link is followed, no device
opened, no name leaves the folder. A folder that breaks a bound is refused with one line and the next one is read.
The text of an imported skill is data until a person approves it: its item is in quarantine and of untrusted
descent; what its ladder says stands in the item's `why` (learning/climbing.py).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from strop.checking.frontmatter import split
from strop.errors import BadInput, StropError
from strop.learning.layouts import FOREIGN
from strop.learning.scanning import Found, scanned
from strop.learning.skillform import LENGTHS, NAME
from strop.learning.skillmd import slug
from strop.learning.visible import shown
from strop.types.count import counted
from strop.types.events import revive
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Cost, Item, ItemKind, ItemState, Origin, Skill, Taint
from strop.types.schema import Object
from strop.types.work import Budget, RunId, Sources, Spec

FILES = 2_000
DEPTH = 6
FILE_BYTES = 1_048_576
FRONT_BYTES = 16_384
"""Of front matter; all fields of the standard together hold less than 4 KiB."""
ALL_BYTES = 8 * 1_048_576
SKILLS = 500
"""Skill folders of one import."""
DIRECTORIES = 2_000
"""Folders that are looked into for skills."""
PATH = 240
MAIN = "SKILL.md"
OURS = "references/skill.json"


@dataclass(frozen=True, slots=True)
class Imported:
    """One folder as it was read: the skill, its item in quarantine, and what a person should see."""

    item: Item
    skill: Skill
    found: tuple[Found, ...]
    warnings: tuple[str, ...]
    """What was mended or left out."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One folder that was not read, and why in a line."""

    path: str
    why: str


def read_all(
    path: Path, *, taken: frozenset[str] = frozenset(), known: frozenset[str] = frozenset()
) -> tuple[tuple[Imported, ...], tuple[Refused, ...]]:
    """Every skill under `path`; a refusal never stops the batch. Names in `taken` are numbered.

    `known` are hashes of folders that were imported before (`Item.cites`): these are refused.

    Raises:
        BadInput: there is no folder, or no skill in it.
    """
    folders = folders_in(path)
    made: list[Imported] = []
    refused: list[Refused] = []
    names = set(taken)
    for folder in folders:
        try:
            each = read_folder(folder, taken=frozenset(names))
        except (StropError, OSError) as caught:
            refused.append(Refused(str(folder), _one_line(str(caught))))
            continue
        if known.intersection(each.item.cites):
            refused.append(Refused(str(folder), "it was imported before, byte for byte"))
            continue
        names.add(each.skill.name)
        made.append(each)
    return tuple(made), tuple(refused)


def folders_in(path: Path) -> tuple[Path, ...]:
    """The skill folders at or below `path`: itself, its children, or those of a client's layout in a project.

    Raises:
        BadInput: there is none, or too many.
    """
    if path.is_symlink() or not path.is_dir():
        raise BadInput(f"{path} is no folder. Name a skill's folder, a folder of skills, or a project")
    places = [path, *(path / folder for folder in FOREIGN)]
    held = dict.fromkeys(found for place in places if _plain_folder(place, path) for found in _below(place))
    if not held:
        raise BadInput(f"{path} holds no skill: no {MAIN} in it, in its folders, or in {', '.join(FOREIGN)}")
    if len(held) > SKILLS:
        raise BadInput(f"{path} holds {len(held):,} skills, at most {SKILLS} in one import: name a part of them")
    return tuple(held)


def _below(place: Path) -> Iterator[Path]:
    if _is_file(place / MAIN):
        yield place
        return
    entries = sorted(os.scandir(place), key=lambda entry: entry.name)[:DIRECTORIES]
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and _is_file(place / entry.name / MAIN):
            yield place / entry.name
        elif entry.is_symlink() and (place / entry.name / MAIN).exists():
            yield place / entry.name  # found, so that it is refused by name and not passed over in silence


def _plain_folder(place: Path, top: Path) -> bool:
    """A folder that no link on the way from `top` leads to."""
    return place.is_dir() and not any(
        part.is_symlink() for part in (place, *place.parents) if part != top and top in part.parents
    )


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) or path.is_symlink()
    except OSError:
        return False


def read_folder(folder: Path, *, taken: frozenset[str] = frozenset()) -> Imported:
    """One skill's folder.

    Raises:
        BadInput: it breaks a bound, or SKILL.md cannot be read; the message is one line.
    """
    return read_files(folder.name, _files(folder), taken=taken)


def entry(folder: str, files: Mapping[str, bytes]) -> tuple[Item, object]:
    """(item, body) of a foreign skill that lies in our own folder, under that folder's name.

    Raises:
        BadInput: as `read_files`.
    """
    made = read_files(folder, files)
    item = replace(made.item, id=f"{made.item.kind}/{folder}")
    return item, replace(made.skill, name=folder)


def read_files(folder: str, files: Mapping[str, bytes], *, taken: frozenset[str] = frozenset()) -> Imported:
    """One skill from the files of the folder named `folder`, by their paths in it.

    Raises:
        BadInput: SKILL.md cannot be read; the message is one line.
    """
    if MAIN not in files:
        raise BadInput(f"no {MAIN}")
    texts = _texts(files)
    if MAIN not in texts:
        raise BadInput(f"{MAIN} is not UTF-8 text")
    front, body, warnings = _front(files[MAIN])
    if left := sorted(set(files) - set(texts)):
        warnings.append(f"{counted(len(left), 'file')} left out, being no UTF-8 text: {', '.join(left)[:200]}")
    name = _name(front.get("name", ""), folder, taken, warnings)
    description = _cut(front.get("description", ""), "description", warnings)
    skill = _ours(texts, name, warnings) or _foreign(name, description, body, texts)
    found = scanned(texts)
    kind = ItemKind.PLAN if skill.tasks else ItemKind.SKILL
    item = Item(
        f"{kind}/{name}",
        kind,
        "",
        ItemState.QUARANTINE,
        tokens=sum(len(text.encode()) for text in (description, body)) // 4,
        origin=Origin.IMPORTED,
        taint=Taint.UNTRUSTED,
        cites=(digest_bytes(b"".join(f"{path}\0".encode() + files[path] for path in sorted(files))),),
        why="imported, waits for a person",
    )
    return Imported(item, skill, found, tuple(warnings))


def findings_of(skill: Skill) -> tuple[Found, ...]:
    """The findings of an imported skill, looked for anew in all it says: for whoever approves it."""
    said = {"description": skill.description, **dict(skill.prompts)}
    said |= {f"task {task.id}": f"{task.role}\n{task.goal}" for task in skill.tasks}
    said |= {f"example {each.key}": f"{each.source}\n{each.answer}" for each in skill.exemplars}
    return scanned(said)


# ---------------------------------------------------------------- the folder


def _files(folder: Path) -> dict[str, bytes]:
    """Every file by its path within the folder.

    Raises:
        BadInput: a link, a device, a name that leads out or cannot be kept, too deep, too many, too large.
    """
    made: dict[str, bytes] = {}
    seen: dict[str, str] = {}
    size = 0
    if folder.is_symlink():
        raise BadInput(f"{folder.name} is a symbolic link: links are not followed")
    for path, entry in _walk(folder):
        same = seen.setdefault(path.casefold(), path)
        if same != path:
            raise BadInput(f"{same} and {path} differ only by case: on some disks one would overwrite the other")
        body = _read(entry, path)
        size += len(body)
        if size > ALL_BYTES:
            raise BadInput(f"more than {ALL_BYTES // 1_048_576} MiB in all")
        made[path] = body
    return made


def _walk(top: Path) -> Iterator[tuple[str, Path]]:
    """Plain files below `top`; folders count towards the bound as well."""
    waiting: list[tuple[str, Path]] = [("", top)]
    seen = 0
    while waiting:
        prefix, folder = waiting.pop()
        with os.scandir(folder) as entries:
            listed = sorted(islice(entries, FILES + 1), key=lambda entry: entry.name)
        seen += len(listed)
        if seen > FILES:
            raise BadInput(f"more than {FILES:,} files and folders")
        for entry in listed:
            path = f"{prefix}{entry.name}"
            _refuse_name(path, entry.name)
            if entry.is_symlink():
                raise BadInput(f"{path} is a symbolic link: links are not followed")
            if entry.is_dir(follow_symlinks=False):
                if path.count("/") + 1 >= DEPTH:
                    raise BadInput(f"{path} lies deeper than {DEPTH} folders")
                waiting.append((f"{path}/", folder / entry.name))
            elif entry.is_file(follow_symlinks=False):
                yield path, folder / entry.name
            else:
                raise BadInput(f"{path} is a device, pipe or socket: only plain files are read")


def _refuse_name(path: str, name: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BadInput(f"a file name is not UTF-8: {path.encode(errors='replace').decode()!r}") from None
    if name in ("", ".", "..") or re.search(r'[\\:<>"|?*]', name) or shown(name) != name or len(path) > PATH:
        raise BadInput(f"the file name {path[:80]!r} cannot be kept: it leads out, hides characters, or is too long")


def _read(path: Path, name: str) -> bytes:
    """The bytes of a plain file; opened without following a link that has come since it was listed."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BadInput(f"{name} is no plain file")
        body = file.read(FILE_BYTES + 1)
    if len(body) > FILE_BYTES:
        raise BadInput(f"{name} is larger than {FILE_BYTES // 1_048_576} MiB")
    return body


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    """The files that are text."""
    made: dict[str, str] = {}
    for path, body in files.items():
        try:
            made[path] = body.decode()
        except UnicodeDecodeError:
            continue  # said in a warning by the caller
    return {path: text for path, text in made.items() if "\0" not in text}


# ---------------------------------------------------------------- SKILL.md


def _front(body: bytes) -> tuple[dict[str, str], str, list[str]]:
    """(standard fields as text, body, warnings).

    Raises:
        BadInput: front matter that is not there, is no plain YAML (aliases, anchors, tags), or has no description.
    """
    lines = body.removeprefix(b"\xef\xbb\xbf").splitlines()
    if not lines or lines[0].strip() != b"---":
        raise BadInput(f"{MAIN} begins with no front matter (---): it is no Agent Skill")
    end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() in (b"---", b"...")), len(lines))
    if sum(map(len, lines[:end])) > FRONT_BYTES:
        raise BadInput(f"{MAIN} has more than {FRONT_BYTES // 1_024} KiB of front matter")
    fields, text = split(body)
    warnings: list[str] = []
    held = {name: str(node.value) for name, node in fields.items() if isinstance(node.value, str | int | float)}
    strange = sorted(set(fields) - {*LENGTHS, "metadata"})
    if strange:
        warnings.append(f"fields of another standard are kept as text and have no effect: {', '.join(strange)[:200]}")
    if "allowed-tools" in fields:
        warnings.append("it asks for tools (allowed-tools): it gets none but reading")
    if not held.get("description", "").strip():
        raise BadInput(f"{MAIN} has no description: a skill says what it does and when to use it")
    return held, text, warnings


def _name(said: str, folder: str, taken: frozenset[str], warnings: list[str]) -> str:
    """A name that is a name: the one in the file, else made from it or from the folder's; numbered where taken."""
    name = said if NAME.fullmatch(said) and len(said) <= LENGTHS["name"] else slug(said if said.strip() else folder)
    if name != said:
        warnings.append(f"its name {said[:80]!r} is none of the format; it is called {name}")
    elif name != folder:
        warnings.append(f"its folder is called {folder[:80]!r}, its name is {name}")
    names = (name, *(f"{name[:60].rstrip('-')}-{number}" for number in range(2, len(taken) + 3)))
    free = next(each for each in names if each not in taken)
    if free != name:
        warnings.append(f"there is a skill {name} already; this one is called {free}")
    return free


def _cut(text: str, what: str, warnings: list[str]) -> str:
    most = LENGTHS[what]
    plain = " ".join(shown(text).split())
    if len(plain) > most:
        warnings.append(f"its {what} has {len(plain):,} characters and was cut to {most:,}")
    return plain[:most]


def _ours(texts: Mapping[str, str], name: str, warnings: list[str]) -> Skill | None:
    """The skill in `references/skill.json`, where the folder is one that strop wrote elsewhere."""
    if OURS not in texts:
        return None
    try:
        skill = revive(Skill, texts[OURS].encode())
    except (StropError, ValueError, TypeError, KeyError, RecursionError) as caught:
        warnings.append(f"{OURS} is no skill of this version and is kept as text ({type(caught).__name__})")
        return None
    if not skill.born_from or any(re.fullmatch(r"[\w-]{1,64}", name) is None for name, _ in skill.prompts):
        warnings.append(f"{OURS} names no run, or prompts that are no files of ours, and is kept as text")
        return None
    warnings.append("its sources, its caps and what it may do without asking are those of a new spec")
    spec = replace(skill.spec, sources=Sources(), budget=Budget(), ask_before=Spec("", ()).ask_before)
    return replace(skill, name=name, spec=spec)


def _foreign(name: str, description: str, body: str, texts: Mapping[str, str]) -> Skill:
    """Text made elsewhere: it has no plan, no schema and no cost; its files are its prompts."""
    title = next((line.lstrip("# ").strip() for line in body.splitlines() if line.startswith("# ")), name)
    nothing = Cost(0, 0, 0, 0, 0, 0, 0.0)
    prompts = tuple((path, texts[path]) for path in sorted(texts))
    return Skill(name, description, Spec(title[:200], ()), Object(()), (), prompts, (), RunId(""), nothing)


def _one_line(text: str) -> str:
    return " ".join(shown(text).split())[:300]
