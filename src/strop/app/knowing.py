"""What the project knows: documents taken in from files and folders, searched, shown, taken out.

A document lies in `knowledge/`: one from elsewhere is copied there, under its path below the folder that was
named. The index is brought in step with the library before it is used, from the blobs where it has to be.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from strop.app.drift import SKILLS_FOLDER, settle
from strop.app.embedding import vectors_of
from strop.app.project import Project
from strop.errors import BadInput, DocumentRefused
from strop.learning.knowledge import body_of, documents, forget, held_back, vouch, vouched
from strop.learning.library import put
from strop.learning.skillform import NAME
from strop.learning.skillmd import slug
from strop.learning.stylemd import lines
from strop.learning.styling import distance, fingerprint
from strop.loop.ground import ground
from strop.readers.apart import MOST_BYTES, ApartReader
from strop.stores.blobs import write_whole
from strop.stores.index import FtsIndex, mark_of
from strop.types.document import Format, Grounded, Hit, Offered, Query, ReadDocument, Told
from strop.types.events import revive
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Item, ItemKind, ItemState, Known, Origin, Taint
from strop.types.moves import USER
from strop.types.style import Distance, Style
from strop.types.work import Passage

FOLDER = "knowledge"
MOST_SEARCHED = 50
"""Passages that are looked at for those that agents may be given."""
MOST_FILES = 20_000
"""Files of one call."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file to be taken in: where it is, and what it is called under `knowledge/`."""

    at: Path
    path: str


def reader_of(project: Project) -> ApartReader:
    """The reader of every format, in a process of its own; close it."""
    return ApartReader(environment=project.environment)


def add(project: Project, named: Sequence[Path], *, notice: Callable[[str], None]) -> Grounded:
    """Take in files, and what lies in folders; copies go into `knowledge/` once a document could be read.

    Raises:
        BadInput: a path that was named is not there, or there are too many files.
        JournalFault, MissingPart.
    """
    found, refused = _gathered(project, named)
    index = index_of(project)
    with reader_of(project) as reader:
        told = ground(
            _bodies(found, refused),
            reader=reader,
            index=index,
            library=project.db,
            blobs=project.blobs,
            day=datetime.now(UTC).date().isoformat(),
            notice=notice,
        )
    _copy(project, [*told.added, *told.changed])
    return replace(told, refused=tuple(sorted((*refused, *told.refused), key=lambda line: line.path)))


def search(project: Project, query: Query) -> tuple[Hit, ...]:
    """The best passages for some words; none where nothing is good enough.

    Raises:
        JournalFault.
    """
    return index_of(project).search(query)


def quotable(project: Project, query: Query, hits: Sequence[Hit] | None = None) -> tuple[Hit, ...]:
    """What of the best passages agents may be given: none that reads like an order, unless a person lets it be.

    `hits` are what was found, best first; left out, the query's words are looked up.

    Raises:
        JournalFault.
    """
    there = documents(project.db.head())
    free = {path for path, item in there.items() if vouched(item)}
    hits = search(project, replace(query, most=MOST_SEARCHED)) if hits is None else hits
    kept = [hit for hit in hits if hit.passage.path in free or not held_back([hit.passage])]
    return tuple(kept[: query.most])


def allow(project: Project, path: str) -> tuple[str, tuple[Passage, ...]]:
    """(a document as the library names it, its passages that were held back and may be quoted from now on).

    Raises:
        BadInput: it is not known.
    """
    named = _named(project, path)
    held = held_back(index_of(project).passages(named))
    vouch(named, library=project.db, blobs=project.blobs)
    return named, held


def known(project: Project) -> tuple[Known, ...]:
    """Every document that may be quoted, by path."""
    held = documents(project.db.head())
    return tuple(body_of(held[path], blobs=project.blobs) for path in sorted(held))


def passages(project: Project, path: str) -> tuple[Passage, ...]:
    """The passages of a document in their order.

    Raises:
        BadInput: it is not known.
    """
    return index_of(project).passages(_named(project, path))


def remove(project: Project, path: str) -> tuple[Known, bool]:
    """(the document that was taken out, whether its file in `knowledge/` was deleted: not where it was changed).

    Raises:
        BadInput: it is not known.
    """
    index, named = index_of(project), _named(project, path)
    marks = {mark_of(passage.text) for passage in index.passages(named)}
    body = forget(named, library=project.db, blobs=project.blobs, index=index)
    vectors_of(project).forget(marks - set(index.marks().values()))
    file = project.folder / body.path
    try:
        if file.is_symlink() or digest_bytes(file.read_bytes()) != body.digest:
            return body, False
        file.unlink()
    except OSError:
        return body, False
    return body, True


def learn_style(project: Project, named: Sequence[Path], *, name: str) -> tuple[Style, Path, tuple[Told, ...]]:
    """(the style of some documents as an item of the library, its folder, documents that were left out).

    Raises:
        BadInput: no name for a skill, or none of the documents could be read.
    """
    if not NAME.fullmatch(name) or len(name) > 64:
        raise BadInput(f"{name!r} is no name for a skill. Write it as {slug(name)!r}")
    held = project.db.head()
    if any(item.name == name and item.kind is not ItemKind.STYLE for item in held.items):
        raise BadInput(f"{name!r} is the name of another item. Choose one that is free")
    old = held.item(f"{ItemKind.STYLE}/{name}")
    folder = project.folder / SKILLS_FOLDER / name
    if old is None and folder.exists():
        raise BadInput(f"{folder} is there already. Choose another name, or move it away")
    read, refused = _read(project, named)
    if not read:
        raise BadInput(f"none of the documents could be read. {refused[0].path} {refused[0].said}")
    style = fingerprint(read, name=name)
    item = Item(
        id=f"{ItemKind.STYLE}/{name}",
        kind=ItemKind.STYLE,
        digest="",
        state=ItemState.ACTIVE,
        parent=old.digest if old is not None else "",
        tokens=sum(len(line) for line in lines(style)) // 4,
        origin=Origin.USER,
        taint=Taint.DERIVED,
        cites=tuple(sorted({document.digest for document in read})),
        why="measured when the user asked; figures and closed lists only",
    )
    put(project.db, project.blobs, [(item, style)], by=USER, why=f"style {name} measured")
    settle(project)
    return style, folder, refused


def distances(project: Project, name: str, named: Sequence[Path]) -> tuple[tuple[str, Distance], ...]:
    """(document, its distance from a style), by path.

    Raises:
        BadInput: there is no such style, or a document cannot be read.
    """
    item = project.db.head().item(f"{ItemKind.STYLE}/{name}")
    if item is None:
        there = [each.name for each in project.db.head().items if each.kind is ItemKind.STYLE]
        raise BadInput(
            f"no style {name!r}. There are: {', '.join(there) or 'none yet; make one with strop know style'}"
        )
    style = revive(Style, project.blobs.get(item.digest))
    read, refused = _read(project, named)
    if refused:
        raise BadInput(f"{refused[0].path} {refused[0].said}")
    return tuple((document.path, distance(style, document)) for document in read)


def _read(project: Project, named: Sequence[Path]) -> tuple[list[ReadDocument], tuple[Told, ...]]:
    """Documents by their own paths; they are not taken in."""
    found, refused = _gathered(project, named)
    read: list[ReadDocument] = []
    with reader_of(project) as reader:
        for each in found:
            try:
                read.append(reader.read(_body(each.at), path=str(each.at)))
            except (OSError, DocumentRefused) as caught:
                refused.append(Told(str(each.at), _why(caught)))
    return read, tuple(refused)


def index_of(project: Project) -> FtsIndex:
    """The index, in step with the library: what a rollback, a crash or a lost file left apart is put right.

    Raises:
        JournalFault: a document's blob is gone too; the message names it.
    """
    index = FtsIndex(project.folder / ".strop" / "index.db")
    wanted = documents(project.db.head())
    held = {each.path: each.digest for each in index.documents()}
    for path in held.keys() - wanted.keys():
        index.remove(path)
    missing = [path for path in sorted(wanted) if (held.get(path),) != wanted[path].cites]
    if missing:
        with reader_of(project) as reader:
            for path in missing:
                body = body_of(wanted[path], blobs=project.blobs)
                index.add(reader.read(project.blobs.get(body.digest), path=path), day=body.added)
    return index


# ---------------------------------------------------------------- files


def _named(project: Project, path: str) -> str:
    """A document's path as the library has it, from how a person wrote it.

    Raises:
        BadInput: it is not known; the message says what is.
    """
    there = documents(project.db.head())
    plain = path.removeprefix("./")
    for name in (plain, f"{FOLDER}/{plain}"):
        if name in there:
            return name
    ends = [name for name in sorted(there) if name.endswith(f"/{plain}")]
    if len(ends) == 1:
        return ends[0]
    what = "is not known here" if not ends else f"may be {' or '.join(ends[:3])}"
    raise BadInput(f"{path} {what}. See what is known with: strop know list")


def _gathered(project: Project, named: Sequence[Path]) -> tuple[list[Found], list[Told]]:
    """Every file below what was named, each under its own name; and those that are left out, with the reason."""
    found: dict[str, Found] = {}
    refused: list[Told] = []
    for top in named:
        if not top.exists():
            raise BadInput(f"{top} is not there. Name files or folders: strop know add FILES|FOLDER")
        for at, inner in _files(top):
            path = _path(project, at, inner)
            if not _plain(path):
                refused.append(Told(repr(path), "has a name with hidden letters. Rename it"))
            elif path in found and not at.samefile(found[path].at):
                refused.append(Told(str(at), f"would be {path} as {found[path].at} is. Rename one"))
            else:
                found[path] = Found(at, path)
            if len(found) > MOST_FILES:
                raise BadInput(f"more than {MOST_FILES:,} files. Name fewer at once")
    return [found[path] for path in sorted(found)], refused


def _files(top: Path) -> Iterator[tuple[Path, str]]:
    """(file, its path below what was named); hidden ones and links inside folders are passed over."""
    if not top.is_dir():
        yield top, top.name
        return
    for folder, inner, names in os.walk(top):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(names):
            at = Path(folder) / name
            if not name.startswith(".") and not at.is_symlink():
                yield at, at.relative_to(top).as_posix()


def _path(project: Project, at: Path, inner: str) -> str:
    """`knowledge/...`: where it lies, or where its copy will."""
    home = (project.folder / FOLDER).resolve()
    real = at.resolve()
    return f"{FOLDER}/{real.relative_to(home).as_posix() if real.is_relative_to(home) else inner}"


def _plain(path: str) -> bool:
    return path.isprintable() and len(path) <= 500


def _bodies(found: Sequence[Found], refused: list[Told]) -> Iterator[Offered]:
    """The files' bytes one after the other; one that cannot be read is refused, and the rest goes on."""
    for each in found:
        try:
            body = _body(each.at)
        except (OSError, DocumentRefused) as caught:
            refused.append(Told(each.path, _why(caught)))
            continue
        yield Offered(each.path, body)


def _why(caught: OSError | DocumentRefused) -> str:
    return f"cannot be read: {caught.strerror}" if isinstance(caught, OSError) else str(caught)


def _body(at: Path) -> bytes:
    with open(at, "rb", opener=_opener) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise DocumentRefused("is no plain file")
        if state.st_size > MOST_BYTES:
            raise DocumentRefused(f"has {state.st_size:,} bytes; at most {MOST_BYTES:,} are read. Split it")
        return file.read(MOST_BYTES + 1)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a named pipe would wait for its writer


def _copy(project: Project, taken: Sequence[Known]) -> None:
    """Put the bytes of documents into `knowledge/` where they are not there yet."""
    for each in taken:
        to = project.folder / each.path
        try:
            same = to.is_file() and digest_bytes(to.read_bytes()) == each.digest
        except OSError:
            same = False
        if not same:
            write_whole(to, project.blobs.get(each.digest))


def day(said: str) -> str:
    """A day as it was written, checked; empty stays empty.

    Raises:
        BadInput: it is none.
    """
    try:
        return date.fromisoformat(said).isoformat() if said else ""
    except ValueError:
        raise BadInput(f"{said!r} is no day. Write it as 2026-11-01") from None


def formats(names: Sequence[str]) -> tuple[Format, ...]:
    """Formats by their names.

    Raises:
        BadInput: there is none of that name.
    """
    known_names = {form.value: form for form in Format} | {form.name.lower(): form for form in Format}
    unknown = [name for name in names if name.lower() not in known_names]
    if unknown:
        raise BadInput(f"no format {unknown[0]!r}; there are {', '.join(form.value for form in Format)}")
    return tuple(dict.fromkeys(known_names[name.lower()] for name in names))
