"""From blocks of text in their order to passages of a size that fits a prompt, and to an outline.

A passage never crosses a heading or a group (a page, a slide, a sheet), ends at the end of a block where it
can and of a sentence where it must, and holds the document's own words and nothing else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from strop.errors import DocumentRefused
from strop.readers.letters import shown
from strop.types.count import counted
from strop.types.document import Format, ReadDocument, Title
from strop.types.fingerprint import digest_bytes
from strop.types.work import Passage

LONGEST = 1_200
"""Characters of a passage: five of them are the 1,500 tokens that an agent is given at the most."""
MOST = 20_000
"""Passages of one document."""
_LINE = 300
"""Characters of a heading; a longer one is a paragraph that somebody made bold."""
_END = re.compile("(?<=[.!?;:\u3002\uff01\uff1f])\\s*(?<=[\\s\u3002\uff01\uff1f])|\n+")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, row or cue, where it stands."""

    text: str
    first: int
    last: int
    """The same as `first` where the place is one number."""
    level: int = 0
    """Of a heading, from 1; 0 is none."""
    group: str = ""
    """`page 3`, `slide 2`, `sheet Prices`: a passage lies in one."""
    alone: bool = False
    """A row: a passage of its own. A heading with it, the name of a sheet, stands in the outline only."""


@dataclass(slots=True)
class Looks:
    """How many letters have which colour and family; filled while a document is read."""

    colours: Counter[str] = field(default_factory=Counter[str])
    fonts: Counter[str] = field(default_factory=Counter[str])

    def add(self, letters: int, *, colour: str = "", font: str = "") -> None:
        """Count `letters` (or a shape, as some) under what is known of them."""
        if re.fullmatch(r"#[0-9a-f]{6}", colour):
            self.colours[colour] += letters
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(?: [A-Za-z0-9]+){0,3}", font) and len(font) <= 40:
            self.fonts[font] += letters


@dataclass(frozen=True, slots=True)
class Taken:
    """What a format's own reader gathers of a document."""

    blocks: Sequence[Block]
    pages: int = 0
    tables: int = 0
    figures: int = 0
    looks: Looks | None = None
    notes: tuple[str, ...] = ()


def made(
    taken: Taken, *, format: Format, body: bytes, path: str, locator: Callable[[Block, Block], str]
) -> ReadDocument:
    """The document, with a locator from the first and last block of each passage.

    Raises:
        DocumentRefused: it has no words.
    """
    blocks, hidden = _visible(taken.blocks)
    if not blocks:
        why = " It may be a scan: run text recognition over it first" if format is Format.PDF else ""
        raise DocumentRefused(f"has no words to read.{why}")
    digest = digest_bytes(body)
    pieces = [
        Passage(path, locator(held[0], held[-1]), text, digest)
        for held in _gathered([block for block in blocks if not (block.alone and block.level)])
        for text in _cut("\n".join(block.text for block in held))
    ]
    notes = list(taken.notes)
    if hidden:
        notes.append(f"{counted(hidden, 'letter')} that nobody sees left out")
    if len(pieces) > MOST:
        notes.append(f"the first {MOST:,} of {len(pieces):,} passages were taken")
    looks = taken.looks or Looks()
    return ReadDocument(
        path=path,
        digest=digest,
        format=format,
        passages=tuple(pieces[:MOST]),
        outline=tuple(_outline(blocks, locator)),
        pages=taken.pages,
        tables=taken.tables,
        figures=taken.figures,
        palette=_shares(looks.colours),
        fonts=_shares(looks.fonts),
        notes=tuple(notes),
    )


def _visible(blocks: Iterable[Block]) -> tuple[list[Block], int]:
    """Blocks that say something, without letters that nobody sees, and how many of these there were."""
    found: list[Block] = []
    hidden = 0
    for block in blocks:
        text, times = shown(block.text)
        hidden += times
        text = text.strip()
        if text:
            level = block.level if len(text) <= _LINE else 0
            found.append(replace(block, text=text, level=level))
    return found, hidden


def _gathered(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks of one passage each: one after the other while they fit."""
    held: list[Block] = []
    size = 0
    for block in blocks:
        heads_only = all(each.level for each in held)
        breaks = held and (
            (block.level and not heads_only)
            or block.alone
            or held[-1].alone
            or block.group != held[0].group
            or (size + len(block.text) > LONGEST and not heads_only)
        )
        if breaks:
            yield held
            held, size = [], 0
        held.append(block)
        size += len(block.text) + 1
    if held:
        yield held


def _cut(text: str) -> Iterator[str]:
    """The text in pieces of at most `LONGEST` characters, cut behind a sentence or line, else at a blank."""
    at = 0
    while len(text) - at > LONGEST:
        ends = [found.end() for found in _END.finditer(text, at + LONGEST // 3, at + LONGEST)]
        end = ends[-1] if ends else (text.rfind(" ", at + 1, at + LONGEST) + 1 or at + LONGEST)
        if piece := text[at:end].strip():
            yield piece
        at = end
    if piece := text[at:].strip():
        yield piece


def _outline(blocks: Sequence[Block], locator: Callable[[Block, Block], str]) -> Iterator[Title]:
    """Every heading with the number of words up to the next."""
    head: Block | None = None
    for headed, run in groupby(blocks, key=lambda block: block.level > 0):
        held = list(run)
        if headed:
            for block in held[:-1]:
                yield Title(block.level, " ".join(block.text.split()), locator(block, block))
            head = held[-1]
        elif head is not None:
            words = sum(len(block.text.split()) for block in held)
            yield Title(head.level, " ".join(head.text.split()), locator(head, head), words)
            head = None
    if head is not None:
        yield Title(head.level, " ".join(head.text.split()), locator(head, head))


def _shares(counts: Counter[str]) -> tuple[tuple[str, float], ...]:
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:12]
    return tuple((name, round(times / total, 4)) for name, times in ranked)


def spanned(unit: str, first: Block, last: Block) -> str:
    """`line 3`, `lines 3-9`."""
    return f"{unit} {first.first}" if first.first == last.last else f"{unit}s {first.first}-{last.last}"
