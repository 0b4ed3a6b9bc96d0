"""Is a folder a skill in the Agent Skills format? The strict reading, for what we write.

The specification (agentskills.io, 2026-08): six fields, their lengths, a name that is the folder's; and beside it
what it only recommends, or what we promise: a body under 500 lines and 5,000 tokens, references that are there and
one level deep, plain visible text, nothing that leaves the folder. `skills-ref` is the reference; ours is never
laxer. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from strop.checking.frontmatter import Plain, split
from strop.errors import BadInput
from strop.learning.visible import hidden

FIELDS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
LENGTHS = {"name": 64, "description": 1_024, "license": 500, "compatibility": 500, "allowed-tools": 1_000}
LINES = 500
TOKENS = 5_000
BYTES_PER_TOKEN = 4
FOLDERS = ("references", "scripts", "assets")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BRACES = re.compile(rb"^metadata:[ \t]*\S", re.MULTILINE)
"""The reference reads no YAML in flow style."""
_REFERRED = re.compile(r"`((?:references|assets|scripts)/[\w./-]+?)/?`")


def flaws(folder: str, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """What the folder named `folder` breaks; `files` by path within it. Empty where it is a skill."""
    if "SKILL.md" not in files:
        return ("there is no SKILL.md",)
    try:
        fields, body = split(files["SKILL.md"])
    except BadInput as caught:
        return (f"SKILL.md: {caught}",)
    front = {name: node.value for name, node in fields.items()}
    braces = ("metadata is not written one key a line",) if _BRACES.search(files["SKILL.md"].split(b"\n---")[0]) else ()
    return (*_front(front, folder), *braces, *_body(body, files), *_paths(files))


def _front(front: Mapping[str, Plain], folder: str) -> Iterator[str]:
    yield from (f"{key!r} is no field of the format" for key in front if key not in FIELDS)
    for key in ("name", "description"):
        if key not in front:
            yield f"{key} is missing"
    for key, most in LENGTHS.items():
        value = front.get(key, "x")
        if not isinstance(value, str) or not value.strip():
            yield f"{key} is no text"
        elif len(value) > most:
            yield f"{key} has {len(value):,} characters, at most {most:,}"
        elif hidden(value):
            yield f"{key} holds {hidden(value)}"
    name = front.get("name")
    if isinstance(name, str) and not NAME.fullmatch(name):
        yield f"the name {name!r} is not lower-case letters, digits and single hyphens"
    if name != folder:
        yield f"the name is {name!r}, the folder {folder!r}"
    metadata = front.get("metadata", {})
    if not isinstance(metadata, dict) or any(not isinstance(each.value, str) for each in metadata.values()):
        yield "metadata is no mapping of texts"


def _body(body: str, files: Mapping[str, bytes]) -> Iterator[str]:
    if not body:
        yield "the body is empty"
    lines, tokens = body.count("\n") + 1, len(body.encode()) // BYTES_PER_TOKEN
    if lines > LINES:
        yield f"the body has {lines:,} lines, at most {LINES}"
    if tokens > TOKENS:
        yield f"the body has about {tokens:,} tokens, at most {TOKENS:,}"
    if hidden(body):
        yield f"the body holds {hidden(body)}"
    there = {part for file in files for part in (file, file.rpartition("/")[0])}
    yield from (f"{path} is not there" for path in _REFERRED.findall(body) if path not in there)


def _paths(files: Mapping[str, bytes]) -> Iterator[str]:
    for path in files:
        parts = path.split("/")
        if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
            yield f"the path {path!r} leaves the folder"
        elif len(parts) > 1 and parts[0] not in FOLDERS:
            yield f"{path} lies in no folder of the format ({', '.join(FOLDERS)})"
    if len({path.casefold() for path in files}) < len(files):
        yield "two files differ only by case"
