"""Names of delivered files: what every system can hold, inside the folder of deliverables and nowhere else.

The same rules for a spec's entries and for names that agents give (charts, pages, code).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

MOST_BYTES = 120
"""Of one part of a name; some systems hold 255 in all, with the folders above."""
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_NOWHERE = re.compile(r'[<>"|?*\x00-\x1f\x7f]|[\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]')
"""Characters that file systems refuse, or that make a name look other than it is."""


def name_flaw(file: str) -> str:
    """Why `file` (parts divided by `/`) is no name for a deliverable; empty when it is one. A `*` is none."""
    path = PurePosixPath(file.replace("\\", "/"))
    parts = path.parts
    if path.is_absolute() or ".." in parts or ":" in file or not parts:
        return "leaves the folder of deliverables"
    if any(part.split(".")[0].lower().rstrip(" ") in _RESERVED for part in parts):
        return "uses a name that some systems reserve"
    if any(len(part.encode("utf-8", "replace")) > MOST_BYTES or part.startswith(".") for part in parts):
        return f"has a part that is hidden or longer than {MOST_BYTES} bytes"
    if any(part.endswith((".", " ")) or part.startswith(" ") for part in parts):
        return "has a part that begins or ends with a space, or ends with a full stop"
    return "holds a character that file names cannot have everywhere" if _NOWHERE.search(file) else ""


def clashes(names: Iterable[str]) -> dict[str, str]:
    """Names that some systems take for one that came before (upper and lower case are one there), with that one."""
    seen: dict[str, str] = {}
    found: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.casefold(), name)
        if first is not name:
            found[name] = first
    return found
