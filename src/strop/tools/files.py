"""Read, list and search the files that the spec allows. What they hand out is data, never orders."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from strop.errors import ToolFailure
from strop.seams import ToolOutput, ToolSpec
from strop.tools.arguments import parse_arguments
from strop.tools.inside import Inside, is_document
from strop.types.globs import glob_pattern
from strop.types.label import Integrity, Label, Secrecy
from strop.types.schema import Field, Integer, Json, Object, Text

if TYPE_CHECKING:
    from strop.seams import Tool

SLICE = 8_000
"""Characters of a file handed out at once where nothing else is asked."""
MAX_SLICE = 32_000
LISTED = 200
"""Files of one listing."""
HITS = 50
"""Lines of one search."""
_SEARCHED = 32 * 2**20
_LINE = 300

_PATH = Field("path", Text(max_length=1_000, note="Project-relative file"))
_OFFSET = Field("offset", Integer(minimum=0, nullable=True, note="Where to begin; null: at the start"))
_LIMIT = Field("limit", Integer(minimum=1, maximum=MAX_SLICE, nullable=True, note=f"Characters; null: {SLICE:,}"))
_PATTERN = Field("pattern", Text(max_length=300, nullable=True, note="Glob such as inputs/*.txt; null: all"))

_READ = ToolSpec("read_file", "Read a slice of a text file.", Object((_PATH, _OFFSET, _LIMIT)), prompt=True)
_LIST = ToolSpec("list_files", "List the files that may be read.", Object((_PATTERN, _OFFSET)))
_QUERY = Field("query", Text(max_length=300, note="Words to find as they stand, case ignored"))
_SEARCH = ToolSpec("search_files", "Find lines in the files that may be read.", Object((_QUERY, _PATTERN)))
_QUICK = 2**20
"""Bytes of a file that are read in a few milliseconds: a thread hop would cost more."""


class ReadFile:
    """The tool `read_file`: a slice of a text file, with a word on how to read on."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    @property
    def spec(self) -> ToolSpec:
        return _READ

    async def call(self, arguments: str) -> ToolOutput:
        """Characters `offset` to `offset + limit` of the file.

        Raises:
            ToolFailure: bad arguments, not allowed, not there, binary, not UTF-8, or past the end.
        """
        given = parse_arguments(arguments, spec=self.spec)
        path = str(given["path"])
        offset, limit = _whole(given["offset"], 0), _whole(given["limit"], SLICE)
        slow = is_document(path) or self._inside.size(path) > _QUICK
        text = await asyncio.to_thread(self._inside.read_text, path) if slow else self._inside.read_text(path)
        if offset > len(text):
            raise ToolFailure(f"{path} has {len(text):,} characters: offset {offset:,} is past its end")
        end = min(len(text), offset + limit)
        place = f"[characters {offset} to {end} of {len(text)}]" if (offset, end) != (0, len(text)) else ""
        onward = f"[read on with offset={end}]" if end < len(text) else ""
        notes = " ".join(note for note in (place, onward) if note)
        return ToolOutput(f"{text[offset:end]}\n{notes}" if notes else text, _label(path), path)


class ListFiles:
    """The tool `list_files`: allowed files by name."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    @property
    def spec(self) -> ToolSpec:
        return _LIST

    async def call(self, arguments: str) -> ToolOutput:
        """Up to 200 paths, one a line, from the `offset`-th on.

        Raises:
            ToolFailure: bad arguments, or too many files to look at.
        """
        given = parse_arguments(arguments, spec=self.spec)
        offset = _whole(given["offset"], 0)
        paths = _filtered(await asyncio.to_thread(self._inside.files), given["pattern"])
        shown = paths[offset : offset + LISTED]
        left = len(paths) - offset - len(shown)
        lines = [*shown, *([f"[{left} more: go on with offset={offset + LISTED}]"] if left > 0 else [])]
        return ToolOutput("\n".join(lines) or "[no such file]", _label(*self._inside.sources.allow))


class SearchFiles:
    """The tool `search_files`: lines that hold some words, case ignored."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    @property
    def spec(self) -> ToolSpec:
        return _SEARCH

    async def call(self, arguments: str) -> ToolOutput:
        """Up to 50 lines as `path:line: text`; files that are no text are counted, not searched.

        Raises:
            ToolFailure: bad arguments, an empty query, or too many files to look at.
        """
        given = parse_arguments(arguments, spec=self.spec)
        query = str(given["query"]).strip()
        if not query:
            raise ToolFailure("search_files: the query is empty")
        return await asyncio.to_thread(self._search, query.casefold(), given["pattern"])

    def _search(self, query: str, pattern: Json) -> ToolOutput:
        hits: list[str] = []
        origins: list[str] = []
        skipped = read = 0
        for path in _filtered(self._inside.files(), pattern):
            try:
                text = self._inside.read_text(path)
            except ToolFailure:
                skipped += 1
                continue
            read += len(text)
            found = [
                f"{path}:{number}: {line.strip()[:_LINE]}"
                for number, line in enumerate(text.splitlines(), start=1)
                if query in line.casefold()
            ]
            hits += found
            origins += [path] if found else []
            if len(hits) > HITS or read > _SEARCHED:
                hits = [*hits[:HITS], f"[stopped after {path}: narrow the query or the pattern]"]
                break
        notes = [f"[{skipped} files are no readable text and were not searched]"] if skipped else []
        return ToolOutput("\n".join([*(hits or ["[no line has it]"]), *notes]), _label(*origins))


def _filtered(paths: tuple[str, ...], pattern: Json) -> tuple[str, ...]:
    if pattern is None:
        return paths
    wanted = glob_pattern(str(pattern))
    return tuple(path for path in paths if wanted.fullmatch(path))


def _whole(value: Json, default: int) -> int:
    return value if isinstance(value, int) else default


def _label(*origins: str) -> Label:
    return Label(Integrity.UNTRUSTED, Secrecy.PRIVATE, tuple(sorted(origins)))


if TYPE_CHECKING:

    def _fits(read: ReadFile, listing: ListFiles, search: SearchFiles) -> tuple[Tool, Tool, Tool]:
        return read, listing, search
