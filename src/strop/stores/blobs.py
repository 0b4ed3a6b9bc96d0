"""Content-addressed bodies as files: `ab/cdef...`, each written whole (temp, fsync, rename)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from strop.errors import JournalFault
from strop.types.fingerprint import digest_bytes

if TYPE_CHECKING:
    from strop.seams import Blobs


class FileBlobs:
    """Blobs under one folder; equal bodies are stored once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, body: bytes) -> str:
        """Store `body`. See `seams.Blobs`."""
        name = digest_bytes(body)
        path = self._path(name)
        if not path.exists():
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


def write_whole(path: Path, body: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, never half of either.

    Raises:
        OSError: disk full, no permission; the old file stands.
    """
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
