"""Skills on disk against the library: what a person edited, what is new, what is gone. Pure: bytes in, findings out.

`.agents/skills/NAME/` is a projection of the library. A file there that is neither what the library would
write nor what it wrote last was written by a person, and is taken in before anything is written over it:

    taken in     `references/skill.json`, name and description of `SKILL.md`, `assets/prompts/*.md`
    left alone   all else that a person wrote: prose in SKILL.md, the generated views, files of their own

A file that is left alone is the person's from then on (`Mark.own`): the library does not write it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from strop.checking.frontmatter import split, text
from strop.errors import BadInput
from strop.learning.climbing import of_import, of_person, told, waiting
from strop.learning.generality import said_by
from strop.learning.lessons import Lesson
from strop.learning.lifecycle import SHELVED
from strop.learning.scanning import scanned
from strop.learning.skillmd import projection, with_certificates, with_lessons, with_scripts
from strop.types.events import revive
from strop.types.evidence import Certificate
from strop.types.fingerprint import canonical, digest_bytes
from strop.types.memory import USED, Item, ItemKind, ItemState, Origin, Skill, Taint
from strop.types.work import Script

MAIN, WHOLE, PROMPTS = "SKILL.md", "references/skill.json", "assets/prompts/"
MADE_ELSEWHERE = "made elsewhere: waits for a person (strop skills approve)"

Files = Mapping[str, bytes]
"""A folder by relative path."""
Foreign = Callable[[str, Files], tuple[Item, object]]
"""Reads a skill that strop did not write: (name of its folder, its files) -> entry. BadInput where it refuses."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of one projected file."""

    digests: frozenset[str] = frozenset()
    """What we wrote last, and what we were about to write; of a person's own file, what was seen."""
    own: bool = False
    """A person's: seen, and not to be written over."""


Marks = Mapping[str, Mark]
"""By path, relative to the skill's folder."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder says that the library does not know yet."""

    entry: tuple[Item, object] | None = None
    """A new version, or a new item."""
    restored: bool = False
    """A retired skill whose folder a person put back."""
    seen: Files = field(default_factory=dict[str, bytes])
    """Files whose words are in the entry: these may be written over."""
    own: Files = field(default_factory=dict[str, bytes])
    """Files that could not be taken in, and are the person's from now on."""
    notes: tuple[str, ...] = ()
    """What the person should know."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What the library knows of a skill that is no part of its body."""

    certificate: Certificate | None = None
    """The newest, of whatever version."""
    failed: tuple[Lesson, ...] | None = None
    """What failed in the run it was born from; None where nobody knows."""
    scripts: tuple[Script, ...] = ()
    """Those of its order that are in use."""


def projected(item: Item, skill: Skill, *, folder: str, beside: Beside | None = None) -> Files:
    """What the library wants in the skill's folder; nothing for what no agent may read."""
    if item.state in SHELVED:
        return {}
    known = beside or Beside()
    proved = [each for each in (known.certificate,) if each is not None and each.version == item.digest]
    files = with_scripts(projection(replace(skill, name=folder), item=item), known.scripts)
    files = files if known.failed is None else with_lessons(files, known.failed)
    return with_certificates(files, proved)


def unseen(files: Files, *, wanted: Files, marks: Marks) -> Files:
    """The files of a folder that neither we wrote nor are known as a person's own."""
    return {
        path: body
        for path, body in files.items()
        if digest_bytes(body) not in marks.get(path, Mark()).digests and body != wanted.get(path)
    }


def edited(
    folder: str,
    files: Files,
    *,
    item: Item,
    skill: Skill,
    marks: Marks,
    foreign: Foreign | None = None,
    beside: Beside | None = None,
) -> Found:
    """What a person changed in the folder of a skill that the library has.

    A version of theirs keeps the skill's taint. In use it stays in use, as stale: its evidence begins anew.
    """
    wanted = projected(item, skill, folder=folder, beside=beside)
    before = wanted or projection(replace(skill, name=folder), item=item)
    tracked = before.keys() | marks.keys()
    theirs = {path: body for path, body in unseen(files, wanted=wanted, marks=marks).items() if path in tracked}
    back = item.state is ItemState.RETIRED and MAIN in files and (bool(theirs) or not marks)
    if not theirs and not back:
        return Found()
    if WHOLE not in files and foreign is not None:
        found = arrived(folder, files, marks={}, known={}, clone=False, foreign=foreign)
        return replace(
            found, entry=found.entry and (replace(found.entry[0], id=item.id, parent=item.digest), found.entry[1])
        )
    try:
        read, taken = _read(files, base=skill, before=before, theirs=theirs)
    except BadInput as caught:
        return Found(notes=(f".agents/skills/{folder} was edited and cannot be taken in: {caught}",))
    own = {path: body for path, body in theirs.items() if path not in taken}
    notes = (_left_alone(folder, own),) if own else ()
    seen = {path: theirs[path] for path in taken}
    if read == skill:
        return Found(restored=back, seen=seen, own=own, notes=notes)
    if why := told(of_person(item, read)):
        return Found(notes=(f".agents/skills/{folder} was edited and is not taken in: {why}",))
    state = ItemState.STALE if item.state in USED else _back(item) if back else item.state
    made = replace(item, state=state, parent=item.digest, origin=Origin.USER, why=f"edited in .agents/skills/{folder}")
    return Found((made, read), seen=seen, own=own, notes=notes)


def arrived(
    folder: str, files: Files, *, marks: Marks, known: Mapping[str, Item], clone: bool, foreign: Foreign | None
) -> Found:
    """What to make of a folder that no item of the library stands behind.

    One of ours in a project that has no library yet (`clone`) is a candidate. So is one whose body the library
    holds under another name (`known`, by the hash of a body without its name): a renamed folder. Any other
    waits in quarantine.
    """
    if not clone and marks and not unseen(files, wanted={}, marks=marks):
        return Found()  # seen before, and not taken in
    if WHOLE not in files:
        if foreign is None:
            return Found(notes=(f".agents/skills/{folder} was not made by strop and is not taken in",))
        try:
            item, body = foreign(folder, files)
        except BadInput as caught:
            return Found(own=files, notes=(f".agents/skills/{folder} is not taken in: {caught}",))
        texts = {path: text.decode(errors="replace") for path, text in files.items()}
        return Found((waiting(_quarantined(item), found=scanned(texts)), body), own=files)
    try:
        skill, claimed = _read_anew(folder, files)
    except BadInput as caught:
        return Found(own=files, notes=(f".agents/skills/{folder} is not taken in: {caught}",))
    kind = ItemKind.PLAN if skill.tasks else ItemKind.SKILL
    made = Item(f"{kind}/{folder}", kind, "", ItemState.CANDIDATE, origin=Origin.IMPORTED, taint=claimed)
    made = replace(made, cites=(str(skill.born_from),), why=f"found in .agents/skills/{folder}")
    if (same := known.get(nameless(skill))) is not None:
        state = same.state if same.state in (ItemState.DRAFT, ItemState.QUARANTINE) else _back(same)
        return Found((replace(same, id=made.id, state=state, origin=Origin.USER, why=made.why), skill), seen=files)
    found = scanned(dict(said_by(skill, known={})))
    if clone and claimed is not Taint.UNTRUSTED and not told(of_import(made, found=found)):
        return Found((made, skill), seen=files)
    return Found((waiting(_quarantined(made), found=found), skill), own=files)


def nameless(skill: Skill) -> str:
    """Hash of a skill whatever it is called."""
    return digest_bytes(canonical(replace(skill, name="")))


def _back(item: Item) -> ItemState:
    """Where a folder that was put back or renamed brings its item; out of retirement, untrusted words wait again."""
    waits = item.state is ItemState.RETIRED and item.taint is Taint.UNTRUSTED
    return ItemState.QUARANTINE if waits else ItemState.CANDIDATE


def _quarantined(item: Item) -> Item:
    return replace(item, state=ItemState.QUARANTINE, taint=Taint.UNTRUSTED, origin=Origin.IMPORTED, why=MADE_ELSEWHERE)


def _left_alone(folder: str, own: Files) -> str:
    names = ", ".join(sorted(own))
    return (
        f".agents/skills/{folder}: what you wrote in {names} is kept and not written over, but runs do not read it; "
        f"they read {WHOLE}, {PROMPTS}*.md and the description in {MAIN}"
    )


def _read(files: Files, *, base: Skill, before: Files, theirs: Files) -> tuple[Skill, frozenset[str]]:
    """(the skill as a person's files say it, the paths among these files whose every word it holds).

    Raises:
        BadInput: a file that cannot be read.
    """
    taken: set[str] = set()
    skill = base
    if WHOLE in theirs:
        skill = replace(_whole(theirs[WHOLE]), name=base.name)
        taken.add(WHOLE)
    if MAIN in theirs:
        description, prose = _main(theirs[MAIN])
        if description != base.description:
            skill = replace(skill, description=description)
        if prose == _main(before[MAIN])[1]:
            taken.add(MAIN)
    prompts = dict(skill.prompts)
    for name in prompts:
        path = f"{PROMPTS}{name}.md"
        if path in theirs:
            prompts[name] = _decoded(theirs[path], path)
            taken.add(path)
    return replace(skill, prompts=tuple(prompts.items())), frozenset(taken)


def _read_anew(folder: str, files: Files) -> tuple[Skill, Taint]:
    """(a skill of ours as another library wrote it, the taint that it bears there; never better than `derived`).

    Raises:
        BadInput: a file that is missing or cannot be read.
    """
    if MAIN not in files:
        raise BadInput(f"it has no {MAIN}")
    skill = replace(_whole(files[WHOLE]), name=folder)
    skill = replace(skill, description=_main(files[MAIN])[0])
    skill, _ = _read(files, base=skill, before=files, theirs={p: b for p, b in files.items() if p.startswith(PROMPTS)})
    said = _metadata(files[MAIN], "strop-taint")
    return skill, Taint.UNTRUSTED if said == Taint.UNTRUSTED else Taint.DERIVED


def _whole(body: bytes) -> Skill:
    try:
        return revive(Skill, body)
    except ValueError as caught:
        raise BadInput(f"{WHOLE} holds no skill: {' '.join(str(caught).split())[:200]}") from caught


def _main(body: bytes) -> tuple[str, str]:
    """(description, prose) of a SKILL.md."""
    try:
        fields, prose = split(body)
    except BadInput as caught:
        raise BadInput(f"{MAIN}: {caught}") from caught
    if "description" not in fields:
        raise BadInput(f"{MAIN} has no description")
    return text(fields["description"]), prose


def _metadata(body: bytes, name: str) -> str:
    fields, _ = split(body)
    held = fields["metadata"].value if "metadata" in fields else {}
    found = held.get(name) if isinstance(held, dict) else None
    return str(found.value) if found is not None else ""


def _decoded(body: bytes, path: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as caught:
        raise BadInput(f"{path} is no UTF-8 at byte {caught.start}") from caught
