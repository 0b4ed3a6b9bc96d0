"""Markdown and plain text: paragraphs by their lines, headings where the text marks them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from strop.readers.blocks import Block, Taken, made, spanned
from strop.readers.letters import decoded
from strop.types.document import Format, ReadDocument

if TYPE_CHECKING:
    from strop.seams import Reader

_ATX = re.compile(r" {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)|<img\s", re.IGNORECASE)
_UNDER = re.compile(r"(=|-)\1{2,}\s*$")
_NUMBERED = re.compile(r"(\d+(?:\.\d+){0,3})\.?\s+\S.{0,78}[^.:;,]$")


class PlainFile:
    """Places are lines of the file, counted from 1."""

    @property
    def formats(self) -> tuple[Format, ...]:
        return (Format.MARKDOWN, Format.TEXT)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`."""
        text, note = decoded(body)
        lines = text.split("\n")
        marked = path.lower().endswith((".md", ".markdown"))
        taken = Taken(
            blocks=tuple(_markdown(lines) if marked else _text(lines)),
            tables=_tables(lines) if marked else 0,
            figures=len(_IMAGE.findall(text)) if marked else 0,
            notes=(note,) if note else (),
        )
        form = Format.MARKDOWN if marked else Format.TEXT
        return made(taken, format=form, body=body, path=path, locator=lambda a, b: spanned("line", a, b))


def _markdown(lines: Sequence[str]) -> Iterator[Block]:
    held: list[tuple[int, str]] = []
    fence = ""
    for number, line in enumerate(lines, start=1):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and line.strip() == mark[1]:
            fence = ""
        elif fence:
            pass
        elif found := _ATX.match(line):
            yield from _paragraph(held)
            yield Block(found[2] or "", number, number, level=len(found[1]))
            held = []
            continue
        elif held and len(held) == 1 and _UNDER.match(line):
            yield Block(held[0][1], held[0][0], number, level=1 if line.startswith("=") else 2)
            held = []
            continue
        if line.strip() or fence:
            held.append((number, line.rstrip()))
        else:
            yield from _paragraph(held)
            held = []
    yield from _paragraph(held)


def _text(lines: Sequence[str]) -> Iterator[Block]:
    """A heading is a single line that is underlined, numbered, or all in capitals."""
    held: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip():
            held.append((number, line.rstrip()))
            continue
        if len(held) == 2 and _UNDER.match(held[1][1]):
            level = 1 if held[1][1].startswith("=") else 2
            yield Block(held[0][1], held[0][0], held[1][0], level=level)
        elif len(held) == 1 and (level := _level(held[0][1].strip())):
            yield Block(held[0][1], held[0][0], held[0][0], level=level)
        else:
            yield from _paragraph(held)
        held = []


def _level(line: str) -> int:
    if found := _NUMBERED.fullmatch(line):
        return found[1].count(".") + 1
    letters = [letter for letter in line if letter.isalpha()]
    return int(len(letters) > 3 and len(line) <= 80 and line.isupper())


def _paragraph(held: Sequence[tuple[int, str]]) -> Iterator[Block]:
    if held:
        yield Block("\n".join(line for _, line in held), held[0][0], held[-1][0])


def _tables(lines: Sequence[str]) -> int:
    return sum(1 for head, rule in pairwise(lines) if "|" in head and _RULE.match(rule))


if TYPE_CHECKING:

    def _fits(x: PlainFile) -> Reader:
        return x
