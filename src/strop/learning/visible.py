"""Characters that a person does not see and a model reads: bidirectional marks, zero width, tags, controls. Pure."""

from __future__ import annotations

import unicodedata

_NAMED = (
    ("a bidirectional mark", ((0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069), (0x61C, 0x61C))),
    ("a zero-width character", ((0x200B, 0x200D), (0x2060, 0x2064), (0xFEFF, 0xFEFF), (0xAD, 0xAD), (0x180E, 0x180E))),
    ("a tag character", ((0xE0000, 0xE007F),)),
    ("a variation selector", ((0xFE00, 0xFE0D), (0xE0100, 0xE01EF))),
    ("a filler that shows nothing", ((0x115F, 0x1160), (0x3164, 0x3164), (0xFFA0, 0xFFA0), (0x2800, 0x2800))),
)
_ALLOWED = "\n\t"


def hidden(text: str) -> str:
    """What the text hides, with the first place (`a tag character (U+E0041) at 12`); empty where all is visible."""
    if text.isascii() and text.isprintable():
        return ""
    for at, character in enumerate(text):
        kind = _kind(character)
        if kind:
            return f"{kind} (U+{ord(character):04X}) at {at}"
    return ""


def shown(text: str) -> str:
    """The text without what nobody sees."""
    return "".join(each for each in text if not _kind(each))


def _kind(character: str) -> str:
    if character in _ALLOWED or (character.isascii() and character.isprintable()):
        return ""
    code = ord(character)
    for name, ranges in _NAMED:
        if any(low <= code <= high for low, high in ranges):
            return name
    category = unicodedata.category(character)
    return "a control character" if category in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") else ""
