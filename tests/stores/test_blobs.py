"""Blobs and whole files: a reader sees the old bytes or the new ones, and damage is found."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from strop.errors import JournalFault
from strop.stores.blobs import FileBlobs, write_whole


def files(folder: Path) -> list[Path]:
    """Every file below `folder`."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_blob_is_found_by_its_hash(tmp_path: Path) -> None:
    """The name is the SHA-256, the body comes back as it was, equal bodies are one file."""
    blobs = FileBlobs(tmp_path / "blobs")
    body = bytes(range(256))

    name = blobs.put(body)

    assert name == blobs.put(body) == hashlib.sha256(body).hexdigest()
    assert blobs.get(name) == body
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("damage", [b"", b"other words", b"the wordS"], ids=["emptied", "other", "one-bit"])
def test_a_damaged_blob_is_refused(tmp_path: Path, damage: bytes) -> None:
    """A body whose hash is not its name is never handed out."""
    blobs = FileBlobs(tmp_path)
    name = blobs.put(b"the words")
    (file,) = files(tmp_path)
    file.write_bytes(damage)

    with pytest.raises(JournalFault, match="damaged"):
        blobs.get(name)

    assert blobs.put(b"the words") == name  # whoever has it anew mends it
    assert blobs.get(name) == b"the words"


def test_a_missing_blob_is_refused(tmp_path: Path) -> None:
    """What was never stored is said to be missing."""
    with pytest.raises(JournalFault, match="missing"):
        FileBlobs(tmp_path).get("ab" * 32)


FULL = """
import resource, sys
from pathlib import Path
from strop.errors import JournalFault
from strop.stores.blobs import FileBlobs
blobs = FileBlobs(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    blobs.put(b"x" * 200_000)
except JournalFault as caught:
    print(caught)
"""


def test_a_blob_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where the disk ends in the middle of a body, no part of it is left, and what was there stands."""
    blobs = FileBlobs(tmp_path)
    name = blobs.put(b"was there")

    child = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], check=True, capture_output=True, text=True)

    assert f"The disk that holds {tmp_path}" in child.stdout
    assert "is full. Free some space there, then go on with: strop run --resume ID" in child.stdout
    assert len(files(tmp_path)) == 1
    assert blobs.get(name) == b"was there"


def test_a_file_that_cannot_be_replaced_leaves_no_trace(tmp_path: Path) -> None:
    """The last move fails: the target stands, and no temporary file stays beside it."""
    (tmp_path / "target").mkdir()

    with pytest.raises(JournalFault, match=r"target cannot be written: .*Mend this, then"):
        write_whole(tmp_path / "target", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """An open reader keeps the old bytes to their end; the next one gets the new ones."""
    path = tmp_path / "deep" / "file.txt"
    write_whole(path, b"old " * 1_000)
    with path.open("rb", buffering=0) as reader:
        first = reader.read(4)
        write_whole(path, b"new")
        assert first + reader.read() == b"old " * 1_000
    assert path.read_bytes() == b"new"
