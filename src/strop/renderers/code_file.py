"""Source code as it is: UTF-8, line ends LF, one at the end; nothing else is touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strop.errors import BadInput
from strop.renderers.cells import checked
from strop.types.content import Code, Part
from strop.types.work import Kind


@dataclass(frozen=True, slots=True)
class CodeFile:
    """One program's source as one file."""

    @property
    def kind(self) -> Kind:
        return Kind.CODE

    def render(self, part: Part, *, to: Path) -> None:
        """Write the part's one source.

        Raises:
            BadInput: the part is not exactly one source, or holds what no source file can.
        """
        contents = checked(part)
        if len(contents) != 1 or not isinstance(contents[0], Code):
            raise BadInput(f"{part.file}: a source file holds exactly one program's text")
        text = contents[0].text.replace("\r\n", "\n").replace("\r", "\n")
        try:
            body = text.encode("utf-8")
        except UnicodeEncodeError as caught:
            raise BadInput(
                f"{part.file}: character {caught.start} is half a letter, which no file can hold"
            ) from caught
        if b"\0" in body:
            raise BadInput(f"{part.file}: character {text.index(chr(0))} is NUL, which no source can hold")
        to.write_bytes(body if body.endswith(b"\n") or not body else body + b"\n")


if TYPE_CHECKING:
    from strop.seams import Renderer

    def _fits(one: CodeFile) -> Renderer:
        return one
