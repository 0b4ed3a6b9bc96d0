"""A strict reading of YAML front matter: plain values with their lines, no aliases, anchors, tags or tabs.

YAML's own loader swallows alias bombs, keeps the last of two equal keys and guesses types; a spec is
an order for money, so whatever could be read two ways is refused with its line and the fix.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import yaml

from strop.errors import SpecRefused

T = TypeVar("T")

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 8

Plain: TypeAlias = "None | bool | int | float | str | list[Node] | dict[str, Node]"


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line it stands on (1-based, in the whole file)."""

    value: Plain
    line: int


def split(body: bytes) -> tuple[dict[str, Node], str]:
    """The front matter and the prose of a spec file.

    Raises:
        SpecRefused: too large, not UTF-8, empty, no front matter, or YAML outside the strict form.
    """
    if len(body) > MAX_BYTES:
        raise SpecRefused(
            f"the spec has {len(body):,} bytes, at most {MAX_BYTES:,}", fix="Move material into files under inputs/"
        )
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as caught:
        line = body[: caught.start].count(b"\n") + 1
        raise SpecRefused(f"not UTF-8 at byte {caught.start}", line=line, fix="Save the file as UTF-8") from caught
    if not text.strip():
        raise SpecRefused("the spec is empty", fix='Begin with: strop specify "what you want"')
    if "\0" in text:
        raise SpecRefused("the spec is binary, not text", fix="Write it as a Markdown file with front matter")
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "---":
        raise SpecRefused(
            "this is a wish, not a spec: it does not begin with what is to be delivered",
            line=1,
            fix='Turn it into a draft with: strop specify "your wish" --out spec.md, then edit deliver:',
        )
    try:
        end = next(number for number, line in enumerate(lines[1:], 1) if line.strip() in ("---", "..."))
    except StopIteration:
        raise SpecRefused("the front matter is never closed", line=1, fix="End it with a line of ---") from None
    return _front(lines[1:end]), "\n".join(lines[end + 1 :]).strip()


def _front(lines: Sequence[str]) -> dict[str, Node]:
    for number, line in enumerate(lines, 2):
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise SpecRefused("a tab in the indentation", line=number, fix="Indent with spaces")
    text = "\n".join(lines)
    try:
        depth = 0
        events = cast("Iterable[yaml.Event]", yaml.parse(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType] - the stubs leave it open
        for event in events:
            line = event.start_mark.line + 2
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise SpecRefused("YAML anchors and aliases are not read", line=line, fix="Write the value out")
            if getattr(event, "tag", None):
                raise SpecRefused("YAML tags are not read", line=line, fix="Write a plain value")
            # Before anything is composed: the time that YAML takes grows with the square of the depth.
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH + 1:
                raise _too_deep(line)
        root = cast("yaml.Node | None", yaml.compose(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType] - the stubs leave it open
    except yaml.MarkedYAMLError as caught:
        mark = caught.problem_mark or caught.context_mark
        line = mark.line + 2 if mark else None
        raise SpecRefused(f"not valid YAML: {caught.problem}", line=line, fix="Mend this line") from caught
    except (yaml.YAMLError, RecursionError) as caught:
        raise SpecRefused(f"not valid YAML: {caught}", fix="Write plain keys and values") from caught
    if root is None:
        return {}
    node = _plain(root, 0)
    if not isinstance(node.value, dict):
        raise SpecRefused("the front matter must be keys and values", line=node.line, fix="Begin with deliver:")
    return node.value


def _too_deep(line: int) -> SpecRefused:
    return SpecRefused(f"nested deeper than {MAX_DEPTH}", line=line, fix="Flatten it")


def _plain(node: yaml.Node, depth: int) -> Node:
    line = node.start_mark.line + 2
    if depth > MAX_DEPTH:
        raise _too_deep(line)
    match node:
        case yaml.MappingNode():
            fields: dict[str, Node] = {}
            for key_node, child in node.value:
                key = str(key_node.value)
                if not isinstance(key_node, yaml.ScalarNode):
                    raise SpecRefused("a key must be a word", line=line, fix="Write key: value")
                if key in fields:
                    where = key_node.start_mark.line + 2
                    raise SpecRefused(f"{key!r} stands twice", line=where, fix="Keep one of them")
                fields[key] = _plain(child, depth + 1)
            return Node(fields, line)
        case yaml.SequenceNode():
            return Node([_plain(child, depth + 1) for child in node.value], line)
        case _:
            return Node(_scalar(node), line)


def _scalar(node: yaml.Node) -> Plain:
    tag, text = node.tag.rpartition(":")[2], str(node.value)
    try:
        match tag:
            case "null":
                return None
            case "bool":
                return text.lower() in ("true", "yes", "on")
            case "int":
                return int(text.replace("_", ""), 0) if not text.lstrip("+-").startswith("0") else int(text)
            case "float":
                return float(text.replace("_", ""))
            case _:
                return text
    except ValueError:
        return text


def known(fields: Mapping[str, Node], allowed: Sequence[str], *, of: str) -> None:
    """Refuse a key that is not in `allowed`, naming the nearest one.

    Raises:
        SpecRefused: with the key's line.
    """
    for name, node in fields.items():
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(allowed)}"
            raise SpecRefused(f"unknown key {name!r} in {of}", line=node.line, fix=hint)


# ---------------------------------------------------------------- leaves


def get(fields: Mapping[str, Node], name: str, read: Callable[[Node], T], default: T) -> T:
    """What a reader makes of the value under `name`; `default` where there is none."""
    return read(fields[name]) if name in fields else default


def flag(node: Node) -> bool:
    """True or false.

    Raises:
        SpecRefused: it is none.
    """
    if not isinstance(node.value, bool):
        raise SpecRefused(f"{node.value!r} is neither true nor false", line=node.line, fix="Write true or false")
    return node.value


def text(node: Node) -> str:
    """A text, or a number as it is written; nothing else.

    Raises:
        SpecRefused: it is none.
    """
    if isinstance(node.value, list | dict) or node.value is None or not str(node.value).strip():
        raise SpecRefused("expected a text here", line=node.line, fix="Write one word or a quoted text")
    return str(node.value)


def texts(node: Node) -> tuple[str, ...]:
    """A list of texts.

    Raises:
        SpecRefused: it is none.
    """
    return tuple(text(child) for child in listed(node, "this list"))


def listed(node: Node, what: str) -> list[Node]:
    """The members of a list.

    Raises:
        SpecRefused: it is none.
    """
    if not isinstance(node.value, list):
        raise SpecRefused(f"{what} must be a list", line=node.line, fix="Write [first, second]")
    return node.value


def mapped(node: Node, what: str) -> dict[str, Node]:
    """The members of a mapping.

    Raises:
        SpecRefused: it is none.
    """
    if not isinstance(node.value, dict):
        raise SpecRefused(f"{what} must be keys and values", line=node.line, fix="Write {key: value}")
    return node.value
