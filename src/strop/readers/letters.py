"""Text from bytes, whatever its encoding, without letters that no person sees.

Order: a byte order mark, UTF-16 by its zero bytes, UTF-8, then Windows-1252, said in a note. Zero-width
letters, tags (U+E0000 and on) and marks that turn the direction of reading are taken out: a text must say
to a model what it says to a person (Boucher et al., "Trojan Source", 2021, for the direction marks).
"""

from __future__ import annotations

import codecs
import re

from strop.errors import DocumentRefused

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<![\u0600-\u0dff\U0001f000-\U0001ffff\u2600-\u27bf\ufe0f])[\u200c\u200d]"
)
"""The joiners stay where scripts and pictures are made with them."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_ODD = 0.01
"""Share of control characters above which bytes are no text."""


def decoded(body: bytes) -> tuple[str, str]:
    """(the text with `\\n` between lines, a note where its encoding had to be guessed, else empty).

    Raises:
        DocumentRefused: binary, or no text in the encoding that its first bytes name.
    """
    encoding = next((name for mark, name in _MARKS if body.startswith(mark)), "") or _without_mark(body)
    note = ""
    try:
        text = body.decode(encoding or "utf-8")
    except UnicodeDecodeError as caught:
        if encoding:
            raise DocumentRefused(f"is broken {encoding.upper()} at byte {caught.start:,}. Save it anew") from caught
        text = body.decode("cp1252", errors="replace")
        note = "read as Windows-1252, since it is not UTF-8; save it as UTF-8 if letters look wrong"
    if len(_CONTROL.findall(text)) + (text.count("\ufffd") if note else 0) > len(text) * _ODD:
        raise DocumentRefused("is binary, no text that could be read")
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")), note


def _without_mark(body: bytes) -> str:
    """UTF-16 without a byte order mark, by where its zero bytes stand; empty where there are none."""
    start = body[:4_096]
    zeros = start.count(0)
    if not zeros:
        return ""
    odd = start[1::2].count(0)
    if zeros > len(start) * 0.2 and max(odd, zeros - odd) > zeros * 0.9:
        return "utf-16-le" if odd > zeros - odd else "utf-16-be"
    raise DocumentRefused("is binary, no text that could be read")


def shown(text: str) -> tuple[str, int]:
    """(the text without letters that nobody sees, how many were taken out)."""
    return _HIDDEN.subn("", text)
