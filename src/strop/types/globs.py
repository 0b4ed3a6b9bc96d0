"""Globs over project-relative paths."""

from __future__ import annotations

import re
from functools import cache


@cache  # a spec has a handful of globs, a run asks them for every file
def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob as a pattern for whole paths: `**` crosses folders, `*` and `?` stay in one."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = (found.group() for found in re.finditer(r"\*\*/|\*\*|.", glob.removeprefix("./"), re.DOTALL))
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.DOTALL)
