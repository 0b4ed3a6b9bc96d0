"""Which letters no font here can draw: asked of typst, which sees the fonts of the machine as charts do."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from strop.renderers.cells import missing

if TYPE_CHECKING:
    from typst import Fonts

BEYOND = re.compile("[\u0700-\u1dff\u2c00-\ua7ff\uaa00-\ufaff\ufe20-\ufe6f\uff00-\uffef\U00010000-\U0010ffff]")
"""Letters that no bundled font has: there the machine's fonts are asked."""
MOST = 5_000
"""Letters that are looked up; more do not stand in one document, but for a list of all there are."""
_NAMED = 12
_SOURCE = b"""#let letters = json("letters.json")
#context {
  let blank = measure(text("\\u{10fffd}")).width
  [#metadata(letters.filter(letter => measure(text(letter)).width == blank)) <lost>]
}
"""


def rare(text: str) -> list[str]:
    """The letters of `text` that a font may lack."""
    return sorted({letter for letter in text if letter > "\u024f"})[:MOST]


def lost_letters(texts: Iterable[str]) -> tuple[str, ...]:
    """The letters of these texts that would be drawn as boxes here.

    Raises:
        MissingPart: typst is not installed, and there are letters to ask for.
    """
    letters = [letter for letter in rare("".join(texts)) if BEYOND.match(letter)]
    if not letters:
        return ()
    try:
        import typst
    except ImportError as absent:
        raise missing("typst") from absent
    with tempfile.TemporaryDirectory(prefix="strop-letters-") as folder:
        (Path(folder) / "letters.json").write_bytes(orjson.dumps(letters))
        compiler = typst.Compiler(input=_SOURCE, root=folder, font_paths=all_fonts())
        found: list[str] = orjson.loads(compiler.query("<lost>", field="value", one=True))
    return tuple(found)


def lost_remark(letters: Sequence[str]) -> str:
    """What people are told of them; empty for none."""
    codes = ", ".join(f"U+{ord(letter):04X}" for letter in letters[:_NAMED])
    more = " and others" if len(letters) > _NAMED else ""
    return f"No font here draws {codes}{more}" if letters else ""


def absent_families(families: Iterable[str]) -> tuple[str, ...]:
    """Those that neither typst brings along nor this machine has.

    Raises:
        MissingPart: typst is not installed.
    """
    try:
        known = {name.casefold() for name in all_fonts().families()}
    except ImportError as absent:
        raise missing("typst") from absent
    return tuple(family for family in families if family.casefold() not in known)


@cache
def bundled_fonts() -> Fonts:
    """What typst brings along: equal everywhere."""
    import typst

    return typst.Fonts(include_system_fonts=False)


@cache
def all_fonts() -> Fonts:
    """These and the machine's."""
    import typst

    return typst.Fonts(include_system_fonts=True)
