"""Regular expressions that a rule may use: those whose search is bounded, whoever wrote them.

Rules come from models and from imported libraries, so an expression that backtracks without end must
not get in. The bound is counted, not timed: each repetition that can vary, and each alternative,
multiplies the ways a text can be tried; a repetition of something that itself varies is refused, and
so are look-around, back references and flags. With texts of at most `MAX_TEXT` characters the
product stays under `MAX_WAYS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from strop.errors import BadInput

MAX_TEXT = 200
"""Characters of a value that a pattern is tried on; a longer one does not match."""
MAX_PATTERN = 200
MAX_WAYS = 10_000_000

_TOKEN = re.compile(
    r"""\\(?:[dDwWsSbBAZ]|[nrtfv]|[^\w\s]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})   # escapes
      | \[\^?\]?(?:\\.|[^\]\\])*\]                                            # classes
      | \(\?: | \((?!\?)                                                      # groups
      | \)
      | [*+?]\??                                                              # repetitions, also lazy ones
      | \{\d{1,4}(?:,\d{0,4})?\}\??
      | \|
      | [^\\\[\](){}*+?|]
    """,
    re.VERBOSE | re.DOTALL,
)
_REPEATED = re.compile(r"[*+?{]")


@dataclass(slots=True)
class _Part:
    """A group while it is read, or what was last read: its ways, and whether it varies."""

    ways: int = 1
    varies: bool = False
    branches: int = 1


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, ready for `fullmatch` on texts of at most `MAX_TEXT` characters.

    Raises:
        BadInput: it is too long, no expression, outside the bounded subset, or tries too many ways.
    """
    if len(pattern) > MAX_PATTERN:
        raise BadInput(f"a pattern of {len(pattern)} characters, at most {MAX_PATTERN}")
    ways = _ways(pattern)
    if ways > MAX_WAYS:
        raise BadInput(f"the pattern {pattern!r} can be tried in too many ways: use fewer *, + and {{m,n}}")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise BadInput(f"the pattern {pattern!r} is no regular expression: {error}") from error


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches; one that is too long does not.

    Raises:
        BadInput: as `compiled`.
    """
    return len(text) <= MAX_TEXT and compiled(pattern).fullmatch(text) is not None


def _ways(pattern: str) -> int:
    groups = [_Part()]
    last = _Part()
    at = 0
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        if found is None:
            raise BadInput(f"the pattern {pattern!r} is refused at character {at + 1}: {pattern[at : at + 5]!r}")
        token, at = found.group(), found.end()
        if token.startswith("(") and len(token) in (1, 3):
            groups.append(_Part())
        elif token == ")":
            if len(groups) == 1:
                raise BadInput(f"the pattern {pattern!r} closes a group that is not open")
            last = _closed(groups.pop())
            groups[-1] = _followed(groups[-1], last)
        elif token == "|":
            groups[-1].branches += 1
        elif _REPEATED.match(token):
            _repeat(groups[-1], last, token, pattern)
        else:
            last = _Part()
    return _closed(groups[0]).ways


def _closed(group: _Part) -> _Part:
    return _Part(group.ways * group.branches, group.varies or group.branches > 1)


def _followed(group: _Part, part: _Part) -> _Part:
    return _Part(group.ways * part.ways, group.varies or part.varies, group.branches)


def _repeat(group: _Part, last: _Part, token: str, pattern: str) -> None:
    """Multiply the ways of the group that the repeated part is in."""
    least, most = _bounds(token)
    if most > 1 and last.varies:
        raise BadInput(f"the pattern {pattern!r} repeats what already varies ({token})")
    group.ways *= most - least + 1
    group.varies = group.varies or most != least


def _bounds(token: str) -> tuple[int, int]:
    simple = {"*": (0, MAX_TEXT), "+": (1, MAX_TEXT), "?": (0, 1)}
    if token[0] in simple:
        return simple[token[0]]
    least, comma, most = token.rstrip("?")[1:-1].partition(",")
    if not comma:
        return int(least), int(least)
    return int(least), max(int(least), min(int(most or MAX_TEXT), MAX_TEXT))
