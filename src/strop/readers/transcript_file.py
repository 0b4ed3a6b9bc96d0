"""Transcripts, WebVTT and SRT: what was said, by whom, from which second on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING

from strop.errors import DocumentRefused
from strop.readers.blocks import Block, Taken, made
from strop.readers.letters import decoded
from strop.readers.sniff import text_format
from strop.types.document import Format, ReadDocument

if TYPE_CHECKING:
    from strop.seams import Reader

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d\d)[.,]\d{1,3}"
_CUE = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}")
_VOICE = re.compile(r"<v(?:\.[\w.]+)?\s+([^>]{1,80})>")
_TAG = re.compile(r"</?[A-Za-z0-9.:]{0,40}(?:\s[^>]{0,200})?>|\{\\[^}]{0,40}\}")
SPAN = 60
"""Seconds after which a passage ends, so that its time leads to its words."""


class TranscriptFile:
    """Places are times: `00:01:30` is where a passage begins."""

    @property
    def formats(self) -> tuple[Format, ...]:
        return (Format.VTT, Format.SRT)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`."""
        text, note = decoded(body)
        form = text_format(text, name=path)
        blocks = tuple(_cues(text))
        if not blocks:
            raise DocumentRefused("has no cue with a time and words")
        taken = Taken(blocks=blocks, notes=(note,) if note else ())
        return made(taken, format=form, body=body, path=path, locator=lambda first, _: clock(first.first))


def _cues(text: str) -> Iterator[Block]:
    begun = 0
    for cue in re.split(r"\n[ \t]*\n", text):
        lines = cue.strip("\n").split("\n")
        at = next((number for number, line in enumerate(lines[:2]) if _CUE.match(line)), None)
        if at is None:
            continue  # the header, a note, a style
        found = _CUE.match(lines[at])
        assert found is not None, "it was looked for above"
        second = int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3])
        if not begun <= second < begun + SPAN:
            begun = second
        words = _VOICE.sub(lambda match: f"{match[1]}: ", "\n".join(lines[at + 1 :]))
        yield Block(unescape(_TAG.sub("", words)), second, second, group=str(begun))


def clock(second: int) -> str:
    """`01:02:03`."""
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


if TYPE_CHECKING:

    def _fits(x: TranscriptFile) -> Reader:
        return x
