"""Source code as far as a parser of its language knows it; it is never run here."""

from __future__ import annotations

import ast
import json
import re
import tomllib
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import yaml

from strop.checking.opened_pages import Flaw

_LEFT_OUT = re.compile(r"(?i)\b(?:your code here|rest of (?:the )?code|implementation goes here|code omitted)\b")
"""What stands where somebody did not write on."""


def code_flaws(text: str, suffix: str) -> tuple[Flaw, ...]:
    """Why `text` is no program of its language, and what was left out of it.

    Languages without a parser here are only looked at for what was left out.
    """
    flaws: list[Flaw] = []
    said = _PARSERS[suffix](text) if suffix in _PARSERS else ""
    if said:
        flaws.append(Flaw("file", f"{suffix.upper()} that parses", said, "code parses"))
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _LEFT_OUT.search(line):
            flaws.append(Flaw(f"line {number}", "code", found.group(), "code is whole"))
    return tuple(flaws)


def _python(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape is the author's to mend, and no flaw
            ast.parse(text)
    except SyntaxError as error:
        return f"{error.msg}, line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _toml(text: str) -> str:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return str(error) or type(error).__name__
    return ""


def _yaml(text: str) -> str:
    # Events, not values: nothing is built, so neither tags nor aliases can do anything.
    try:
        events = cast("Iterable[object]", yaml.parse(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType] - its stream has no type
        deque(events, maxlen=0)
    except (yaml.YAMLError, RecursionError) as error:
        return str(error).replace("\n", " ") or type(error).__name__
    return ""


def _json(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return str(error) or type(error).__name__
    return ""


_PARSERS: Mapping[str, Callable[[str], str]] = {
    "py": _python,
    "toml": _toml,
    "yaml": _yaml,
    "yml": _yaml,
    "json": _json,
}
