"""The archive that an Office file is, opened so that a bomb goes off nowhere.

Sizes are bounded as they are declared and again as they are unpacked; a part that unpacks to a hundred times
its size is refused, and so are document types, entities (whatever the encoding: the parser says so, not a
search through bytes) and elements nested beyond what any program writes.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from zipfile import BadZipFile, ZipFile, ZipInfo
from zlib import error as ZlibError

from strop.errors import DocumentRefused

MOST = 256 * 2**20
"""Bytes that all parts may unpack to."""
MOST_XML = 96 * 2**20
"""Bytes of one part that is parsed; as a tree it takes about ten times as much."""
MOST_PARTS = 20_000
RATIO = 200
"""Times its packed size that a part of more than `SMALL` bytes may unpack to. Sheets of zeros reach 100."""
SMALL = 2**20
DEEPEST = 256
_REL = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


class _Tree(TreeBuilder):
    """A tree without a document type, and of bounded depth."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        raise DocumentRefused("declares a document type, where entities hide. Nothing of it was read")

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > DEEPEST:
            raise DocumentRefused(f"nests elements more than {DEEPEST} deep. Nothing of it was read")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


class Parts:
    """The parts of an Office file by name."""

    def __init__(self, body: bytes) -> None:
        """Look at what it declares.

        Raises:
            DocumentRefused: damaged, locked, or too large once unpacked.
        """
        try:
            self._archive = ZipFile(io.BytesIO(body))
        except (BadZipFile, OSError, ValueError, NotImplementedError) as caught:
            raise DocumentRefused("is a damaged or cut-off Office file. Get it anew") from caught
        entries = self._archive.infolist()
        self.names = {entry.filename for entry in entries}
        if any(entry.flag_bits & 1 for entry in entries):
            raise DocumentRefused("is protected by a password. Save it without one")
        if len(entries) > MOST_PARTS:
            raise DocumentRefused(f"has {len(entries):,} parts; at most {MOST_PARTS:,} are opened")
        for entry in entries:
            _refuse_bomb(entry)
        if (size := sum(entry.file_size for entry in entries)) > MOST:
            raise DocumentRefused(f"unpacks to {size:,} bytes; at most {MOST:,} are")

    def bytes(self, name: str, *, most: int = MOST_XML) -> bytes:
        """A part unpacked.

        Raises:
            DocumentRefused: not there, damaged, or larger than declared or than `most`.
        """
        try:
            with self._archive.open(name) as part:
                held = part.read(most + 1)
        except KeyError as caught:
            raise DocumentRefused(f"is damaged: its part {name[:100]} is missing") from caught
        except (BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ZlibError) as caught:
            raise DocumentRefused(f"is damaged: its part {name[:100]} cannot be unpacked") from caught
        if len(held) > most:
            raise DocumentRefused(f"has a part of more than {most:,} bytes")
        return held

    def xml(self, name: str) -> Element:
        """A part as a tree.

        Raises:
            DocumentRefused: as `bytes`; or broken, with a document type, or too deep.
        """
        parser = XMLParser(target=_Tree())
        try:
            parser.feed(self.bytes(name))
            return parser.close()
        except (ParseError, ValueError, LookupError) as caught:
            raise DocumentRefused(f"is damaged: its part {name[:100]} is no XML ({caught})") from caught

    def targets(self, name: str, kind: str = "") -> dict[str, str]:
        """Part names by relation id of the part `name` (`""` for the whole), of one kind or of all; none outside."""
        folder, _, file = name.rpartition("/")
        rels = posixpath.join(folder, "_rels", f"{file}.rels")
        if rels not in self.names:
            return {}
        return {
            each.get("Id", ""): _inside(folder, each.get("Target", ""))
            for each in self.xml(rels).iter(_REL)
            if each.get("TargetMode") != "External" and each.get("Type", "").endswith(f"/{kind}" if kind else "")
        }

    def main(self, otherwise: str) -> str:
        """The part that the file is about."""
        return next(iter(self.targets("", "officeDocument").values()), otherwise)

    def optional(self, name: str, kind: str) -> Element | None:
        """The first part of a kind that `name` refers to, where there is one that can be read."""
        found = [target for target in self.targets(name, kind).values() if target in self.names]
        return self.xml(found[0]) if found else None

    def embedded(self) -> Iterator[str]:
        """Files within the file, which nobody opens."""
        return (name for name in sorted(self.names) if "/embeddings/" in name)


def _inside(folder: str, target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


def _refuse_bomb(entry: ZipInfo) -> None:
    if entry.file_size > SMALL and entry.file_size > RATIO * max(entry.compress_size, 1):
        times = entry.file_size // max(entry.compress_size, 1)
        raise DocumentRefused(f"is packed {times:,} times over, as a bomb is; at most {RATIO} times is opened")
