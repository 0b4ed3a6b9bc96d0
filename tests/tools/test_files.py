"""Tools read what the spec allows, in slices, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from strop.errors import ToolFailure
from strop.seams import Tool
from strop.tools.files import LISTED, SLICE, ListFiles, ReadFile, SearchFiles
from strop.tools.inside import MAX_BYTES, Inside
from strop.types.label import Integrity
from strop.types.work import Sources

pytestmark = pytest.mark.anyio


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "inputs" / "deep").mkdir(parents=True)
    (folder / "inputs" / "a.txt").write_text("Alpha has 3 rows.\nBeta has none.\n")
    (folder / "inputs" / "deep" / "b.txt").write_text("beta again\n")
    (folder / "inputs" / "secret.txt").write_text("beta key\n")
    (folder / "outside.txt").write_text("beta outside\n")
    (tmp_path / "elsewhere.txt").write_text("beta elsewhere\n")
    return folder


def inside(project: Path) -> Inside:
    return Inside(project, Sources(allow=("inputs/**",), deny=("inputs/secret*",)))


async def call(tool: Tool, **arguments: str | int | None) -> str:
    return (await tool.call(orjson.dumps(arguments).decode())).text


async def test_a_file_is_read_with_its_label(project: Path) -> None:
    """A small file comes whole, untrusted, with its path as origin; optional arguments may be left out."""
    output = await ReadFile(inside(project)).call('{"path": "inputs/a.txt"}')
    assert output.text == "Alpha has 3 rows.\nBeta has none.\n"
    assert output.source == "inputs/a.txt"
    assert (output.label.integrity, output.label.origins) == (Integrity.UNTRUSTED, ("inputs/a.txt",))


async def test_a_long_file_comes_in_slices_that_join_to_the_whole(project: Path) -> None:
    """Each slice says how to read on; together they are the file."""
    text = "".join(f"é{number} " for number in range(5_000))
    (project / "inputs" / "long.txt").write_text(text, encoding="utf-8")
    tool, got, offset = ReadFile(inside(project)), "", 0
    while True:
        answer = await call(tool, path="inputs/long.txt", offset=offset)
        piece, _, notes = answer.rpartition("\n")
        got += piece
        offset += SLICE
        if "read on" not in notes:
            break
        assert notes.endswith(f"[read on with offset={offset}]")
    assert got == text


async def test_a_limit_is_kept(project: Path) -> None:
    """`offset` and `limit` cut out those characters and no more."""
    answer = await call(ReadFile(inside(project)), path="inputs/a.txt", offset=6, limit=3)
    assert answer == "has\n[characters 6 to 9 of 33] [read on with offset=9]"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../elsewhere.txt", "no path inside"),
        ("inputs/../outside.txt", "no path inside"),
        ("/etc/passwd", "no path inside"),
        ("inputs\\a.txt", "no path inside"),
        ("", "no path inside"),
        ("inputs/a.txt\0", "no path inside"),
        ("outside.txt", "may not be read"),
        ("inputs/secret.txt", "may not be read"),
        ("inputs/gone.txt", "not there"),
        ("inputs/deep", "no plain file"),
        ("inputs/out", "leaves the project"),
        ("inputs/side", "may not be read"),
        ("inputs/hidden", "may not be read"),
        ("inputs/folder/elsewhere.txt", "leaves the project"),
        ("inputs/loop", "not there or cannot be reached"),
        ("inputs/pipe", "no plain file"),
        ("inputs/binary.txt", "binary"),
        ("inputs/latin.txt", r"not UTF-8 \(byte 3\)"),
        ("inputs/huge.txt", "at most"),
    ],
)
async def test_what_may_not_be_read_is_refused(project: Path, path: str, message: str) -> None:
    """Paths and links that leave the roots, denied files, folders, pipes, binary and huge files."""
    inputs = project / "inputs"
    (inputs / "out").symlink_to(project.parent / "elsewhere.txt")
    (inputs / "side").symlink_to(project / "outside.txt")
    (inputs / "hidden").symlink_to("secret.txt")
    (inputs / "folder").symlink_to(project.parent, target_is_directory=True)
    (inputs / "loop").symlink_to("loop")
    os.mkfifo(inputs / "pipe")
    (inputs / "binary.txt").write_bytes(b"ab\0c")
    (inputs / "latin.txt").write_bytes("caf\xe9 au lait".encode("latin-1"))
    with (inputs / "huge.txt").open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(ToolFailure, match=message):
        await call(ReadFile(inside(project)), path=path)


async def test_a_link_inside_the_roots_is_followed(project: Path) -> None:
    """Links are not forbidden, leaving is."""
    (project / "inputs" / "also").symlink_to("a.txt")
    assert (await call(ReadFile(inside(project)), path="inputs/also")).startswith("Alpha")


def test_a_link_that_appears_after_the_check_is_refused(project: Path) -> None:
    """Opening follows no link, so nothing is won by swapping the file in between."""
    root = inside(project)
    (project / "inputs" / "also").symlink_to("a.txt")  # what has links on its way is resolved first

    class Swapped(Inside):
        def resolve(self, path: str):  # the check passes, then the file becomes a link
            real = super().resolve(path)
            (project / real).unlink()
            (project / real).symlink_to(project.parent / "elsewhere.txt")
            return real

    with pytest.raises(ToolFailure, match="cannot be read"):
        Swapped(root.folder, root.sources).read_text("inputs/also")


async def test_past_the_end_is_said(project: Path) -> None:
    """An offset behind the file is a failure, not an empty answer."""
    with pytest.raises(ToolFailure, match="33 characters"):
        await call(ReadFile(inside(project)), path="inputs/a.txt", offset=34)


async def test_listing_shows_only_what_may_be_read(project: Path) -> None:
    """Denied files and links that lead out are not named."""
    (project / "inputs" / "out").symlink_to(project.parent / "elsewhere.txt")
    assert await call(ListFiles(inside(project))) == "inputs/a.txt\ninputs/deep/b.txt"
    assert await call(ListFiles(inside(project)), pattern="inputs/*.txt") == "inputs/a.txt"
    assert await call(ListFiles(inside(project)), pattern="*.pdf") == "[no such file]"


async def test_a_long_listing_goes_on(project: Path) -> None:
    """A listing is bounded and says how to go on; the pieces hold every file once."""
    for number in range(LISTED + 5):
        (project / "inputs" / f"f{number:04}.csv").touch()
    first = (await call(ListFiles(inside(project)), pattern="**/*.csv")).splitlines()
    rest = (await call(ListFiles(inside(project)), pattern="**/*.csv", offset=LISTED)).splitlines()
    assert first[-1] == f"[5 more: go on with offset={LISTED}]"
    assert len({*first[:-1], *rest}) == LISTED + 5


async def test_search_finds_lines_and_counts_what_it_skips(project: Path) -> None:
    """Hits carry path and line number; binary files are counted, denied ones not even that."""
    (project / "inputs" / "binary.txt").write_bytes(b"beta\0")
    output = await SearchFiles(inside(project)).call('{"query": "BETA"}')
    assert output.text.splitlines() == [
        "inputs/a.txt:2: Beta has none.",
        "inputs/deep/b.txt:1: beta again",
        "[1 files are no readable text and were not searched]",
    ]
    assert output.label.origins == ("inputs/a.txt", "inputs/deep/b.txt")
    assert await call(SearchFiles(inside(project)), query="gamma", pattern="inputs/a*") == "[no line has it]"


async def test_search_is_bounded(project: Path) -> None:
    """A word that stands everywhere does not fill the context."""
    (project / "inputs" / "a.txt").write_text("same\n" * 1_000)
    lines = (await call(SearchFiles(inside(project)), query="same")).splitlines()
    assert len(lines) == 51
    assert lines[-1].startswith("[stopped after inputs/a.txt")


@pytest.mark.parametrize("query", ["", "  "])
async def test_an_empty_search_is_refused(project: Path, query: str) -> None:
    """Nothing to look for is a failure with words."""
    with pytest.raises(ToolFailure, match="empty"):
        await call(SearchFiles(inside(project)), query=query)
