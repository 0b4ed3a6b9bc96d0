"""Files inside the allowed roots, and no other: the one way tools come to a path.

A path is project-relative. It must match an `allow` glob and no `deny` glob, as it is written and
again after its links are resolved, so that neither `..` nor a link leads out or to a denied file.
Opening walks down from the project folder one descriptor at a time without following links
(`openat`, `O_NOFOLLOW`), so a link that is put there after the check is refused too.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath

from strop.errors import DocumentRefused, ToolFailure
from strop.types.globs import glob_pattern
from strop.types.work import Sources

MAX_BYTES = 32 * 2**20
"""Largest file that a tool reads."""
DOCUMENTS = (".pdf", ".docx", ".pptx")
"""Files that are read as text by a reader of their format, with a line `[page 3]` before what stands there.

Workbooks are not among them: tables are read by the tools for tables."""
_ODD = re.compile(r"[\0\\]")
MAX_WALKED = 50_000
"""Directory entries looked at for one listing."""


@dataclass(frozen=True, slots=True)
class Inside:
    """The project folder and the globs under it that may be read."""

    folder: Path
    """Links are resolved once, when this is made."""
    sources: Sources
    text_of: Callable[[bytes, str], str] | None = None
    """Reads the bytes of a document at a path as text; raises DocumentRefused. None reads plain text only."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(os.path.realpath(self.folder)))

    def allows(self, path: str) -> bool:
        """Whether the globs allow this project-relative path, as it is written."""
        return _matches(path, self.sources.allow) and not _matches(path, self.sources.deny)

    def resolve(self, path: str) -> PurePosixPath:
        """The project-relative path of the real file behind `path`.

        Raises:
            ToolFailure: it is absolute, leaves the folder, is not allowed, or is not there.
        """
        written = PurePosixPath(path)
        if not path or "\0" in path or "\\" in path or written.is_absolute() or ".." in written.parts:
            raise ToolFailure(f"{path!r} is no path inside the project: give it relative, without '..'")
        plain = written.as_posix()
        if not self.allows(plain):
            raise ToolFailure(f"{plain} may not be read; allowed: {', '.join(self.sources.allow) or 'nothing'}")
        root = str(self.folder)
        try:
            real = os.path.realpath(f"{root}/{plain}", strict=True)
        except OSError as error:
            raise ToolFailure(f"{plain} is not there or cannot be reached") from error
        if not real.startswith(f"{root.rstrip('/')}/"):
            raise ToolFailure(f"{plain} is a link that leaves the project folder")
        inner = real[len(root.rstrip("/")) + 1 :]
        if inner != plain and not self.allows(inner):
            raise ToolFailure(f"{plain} is a link to a file that may not be read")
        return PurePosixPath(inner)

    def read(self, path: str) -> bytes:
        """The whole file.

        Raises:
            ToolFailure: as `resolve`; or it is no plain file, is too large, or cannot be read.
        """
        try:
            held = self._reach(path)
            try:
                state = os.fstat(held)
                _refuse_unreadable(state, path)
                return _whole(held, state.st_size)
            finally:
                os.close(held)
        except OSError as error:
            raise ToolFailure(f"{path} cannot be read: {error.strerror or error}") from error

    @contextmanager
    def opened(self, path: str) -> Generator[BufferedReader]:
        """The file as a stream, of any size.

        Raises:
            ToolFailure: as `resolve`; or it is no plain file, or cannot be read.
        """
        try:
            held = self._reach(path)
        except OSError as error:
            raise ToolFailure(f"{path} cannot be read: {error.strerror or error}") from error
        with os.fdopen(held, "rb") as file:
            if not stat.S_ISREG(os.fstat(held).st_mode):
                raise ToolFailure(f"{path} is no plain file")
            yield file

    def _reach(self, path: str) -> int:
        """A descriptor of the file. Without a link on the way the written path is the real one: nothing to resolve."""
        parts = path.split("/")
        if path and not _ODD.search(path) and not any(part in ("", ".", "..") for part in parts) and self.allows(path):
            try:
                return _open(str(self.folder), tuple(parts))
            except OSError:
                pass  # a link, or not there: the long way finds out which
        return _open(str(self.folder), self.resolve(path).parts)

    def size(self, path: str) -> int:
        """Bytes of the file as it is written, unchecked; 0 where there is none. Says how to read, not whether."""
        try:
            return os.stat(f"{self.folder}/{path}").st_size
        except (OSError, ValueError):
            return 0

    def read_text(self, path: str) -> str:
        """The whole file as text.

        Raises:
            ToolFailure: as `read`; or it is binary or not UTF-8, or a document that its reader refuses.
        """
        body = self.read(path)
        if self.text_of is None or not is_document(path):
            return decoded(body, path=path)
        try:
            return self.text_of(body, path)
        except DocumentRefused as caught:
            raise ToolFailure(f"{path} {caught}") from caught

    def files(self) -> tuple[str, ...]:
        """Every allowed file, project-relative and sorted; links that lead out are left out.

        Raises:
            ToolFailure: there are more directory entries than a listing looks at.
        """
        found: set[str] = set()
        walked = 0
        for base in sorted({_base(glob) for glob in self.sources.allow}):
            for path in self._walk(base):
                walked += 1
                if walked > MAX_WALKED:
                    raise ToolFailure(f"more than {MAX_WALKED:,} files under {base or '.'}: narrow `sources.allow`")
                if self._readable(path):
                    found.add(path)
        return tuple(sorted(found))

    def _walk(self, base: str) -> Iterator[str]:
        top = self.folder / base
        if top.is_file():
            yield base
        for folder, _, names in os.walk(top):
            for name in names:
                yield (Path(folder) / name).relative_to(self.folder).as_posix()

    def _readable(self, path: str) -> bool:
        if not self.allows(path):
            return False
        try:
            real = self.resolve(path)
        except ToolFailure:  # a link that leads out: as if it were not there
            return False
        return (self.folder / real).is_file()


def is_document(path: str) -> bool:
    """Whether a file of this name is read by a reader of its format, which takes a while."""
    return PurePosixPath(path).suffix.lower() in DOCUMENTS


def decoded(body: bytes, *, path: str) -> str:
    """Text from bytes, a byte order mark left out.

    Raises:
        ToolFailure: binary or not UTF-8, with the place.
    """
    if b"\0" in body[:8_192]:
        raise ToolFailure(f"{path} is binary, not text")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ToolFailure(f"{path} is not UTF-8 (byte {error.start:,}): save it as UTF-8") from error


def _whole(held: int, size: int) -> bytes:
    """All bytes of a plain file that has `size` of them, or a few more by now."""
    body = os.read(held, min(size + 1, MAX_BYTES))
    if len(body) >= size:
        return body
    pieces = [body]
    while body and sum(map(len, pieces)) < MAX_BYTES:
        body = os.read(held, MAX_BYTES)
        pieces.append(body)
    return b"".join(pieces)[:MAX_BYTES]


def _refuse_unreadable(state: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise ToolFailure(f"{path} is no plain file")
    if state.st_size > MAX_BYTES:
        raise ToolFailure(f"{path} has {state.st_size:,} bytes, at most {MAX_BYTES:,} are read")


def _open(root: str, parts: tuple[str, ...]) -> int:
    """A descriptor of the file, reached without following any link below `root`."""
    held = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held)
            os.close(held)
            held = below
        # Without O_NONBLOCK a named pipe would wait for its writer.
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=held)
    finally:
        os.close(held)


def _matches(path: str, globs: tuple[str, ...]) -> bool:
    return any(glob_pattern(glob).fullmatch(path) for glob in globs)


def _base(glob: str) -> str:
    """The folders of a glob before its first wildcard."""
    parts = PurePosixPath(glob.removeprefix("./")).parts
    plain = [
        part for index, part in enumerate(parts) if not any(re.search(r"[*?]", each) for each in parts[: index + 1])
    ]
    return "/".join(part for part in plain if part != "..")
