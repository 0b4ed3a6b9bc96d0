"""Content-addressed bodies as files: `ab/cdef...`, each written whole (temp, fsync, rename)."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from strop.errors import JournalFault
from strop.types.fingerprint import digest_bytes

if TYPE_CHECKING:
    from strop.seams import Blobs


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk, the user's share of it, or the largest file allowed is used up."""


class FileBlobs:
    """Blobs under one folder; equal bodies are stored once, and a damaged one is mended by whoever has it anew."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, body: bytes) -> str:
        """Store `body`. See `seams.Blobs`."""
        name = digest_bytes(body)
        path = self._path(name)
        if not _holds(path, name):
            write_whole(path, body)
        return name

    def get(self, digest: str) -> bytes:
        """The body of `digest`. See `seams.Blobs`."""
        try:
            body = self._path(digest).read_bytes()
        except OSError as caught:
            raise JournalFault(f"blob {digest[:10]} is missing: {caught.strerror}") from caught
        if digest_bytes(body) != digest:
            raise JournalFault(f"blob {digest[:10]} is damaged: its content has another hash")
        return body

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest[2:]


def _holds(path: Path, digest: str) -> bool:
    """Whether the file is there and whole. One that cannot be read is not."""
    try:
        return digest_bytes(path.read_bytes()) == digest
    except OSError:
        return False


def write_whole(path: Path, body: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never half of either.

    Raises:
        JournalFault: disk full, no permission; the old file stands.
    """
    try:
        _write(path, body)
    except OSError as caught:
        move = "Mend this"
        if caught.errno in FULL:
            move = f"The disk that holds {path.parent} is full. Free some space there"
        raise JournalFault(
            f"{path} cannot be written: {caught.strerror or caught}. {move}, then go on with: strop run --resume ID "
            "(see strop runs)"
        ) from caught


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable (fsync of the directory)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if TYPE_CHECKING:

    def _fits(x: FileBlobs) -> Blobs:
        return x
