"""Structured answers: which way an endpoint takes a schema, and the JSON found in what it says.

The ways, best first, are data of a catalogue entry: `json_schema` (the provider constrains the
answer), `tool` (the answer is the arguments of a tool call), `json_object` (any JSON), `parse`
(asked for in the prompt). An endpoint that refuses a way with a 400, which no provider bills, is
asked in the next way within the same call, and every later call starts there. A repair turn costs
money and is the agent's business, not ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, cast

import orjson

from strop.models.dialect import WRAP, is_wrapped, plain_schema
from strop.types.schema import Json, Schema

ANSWER_TOOL = "strop_answer"
MOST_PLACES = 200
"""Opening brackets tried in one text before giving up: bounds the work on hostile text."""


class Way(StrEnum):
    """How the schema reaches the endpoint."""

    JSON_SCHEMA = "json_schema"
    TOOL = "tool"
    JSON_OBJECT = "json_object"
    PARSE = "parse"


WAYS = (Way.JSON_SCHEMA, Way.TOOL, Way.PARSE)

_COMPLAINTS = {
    Way.JSON_SCHEMA: (
        "response_format",
        "json_schema",
        "output_config",
        "output_format",
        "structured output",
        "guided",
    ),
    Way.TOOL: ("tool_choice", "tool choice", ANSWER_TOOL, "does not support tools", "tools is not supported"),
    Way.JSON_OBJECT: ("response_format", "json_object", "json mode"),
}


@dataclass(slots=True)
class Ladder:
    """The ways of one endpoint and the one in use. Changed by its adapter only."""

    ways: tuple[Way, ...]
    rung: int = 0

    @property
    def way(self) -> Way:
        return self.ways[self.rung]

    def lower(self, refused: Way, complaint: str) -> bool:
        """Step below `refused` if the endpoint's words are about it and there is a lower way.

        Many calls may be refused at once; each steps below the way that it used itself.
        """
        low = complaint.lower()
        below = self.ways.index(refused) + 1
        if below >= len(self.ways) or not any(word in low for word in _COMPLAINTS.get(refused, ())):
            return False
        self.rung = max(self.rung, below)
        return True


def asked_in_words(schema: Schema) -> str:
    """The line added to the prompt where the endpoint takes no schema."""
    return f"\n\nAnswer with nothing but JSON that fits this JSON schema:\n{plain_schema(schema)}"


def json_in(text: str, schema: Schema, *, way: Way) -> str:
    """The JSON that `text` holds (fenced, after prose or thoughts, wrapped), or `text` where it holds none."""
    if not text or text.isspace():
        return text
    found = _whole(text)
    if found is None:
        found = _buried(text)
    if found is None:
        return text
    if way in (Way.JSON_SCHEMA, Way.TOOL) and is_wrapped(schema):
        value = cast("Json", orjson.loads(found))
        if isinstance(value, dict) and set(value) == {WRAP}:
            return orjson.dumps(value[WRAP]).decode()
    return found


def _whole(text: str) -> str | None:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return text


def _buried(text: str) -> str | None:
    """The last fenced block that parses, else the longest object or list in the text."""
    text = re.sub(r"\A\s*<think>.*?</think>", "", text, flags=re.DOTALL)
    fenced = [block for block in re.findall(r"```[a-zA-Z]*\s*\n(.*?)```", text, flags=re.DOTALL) if _whole(block)]
    if fenced:
        return fenced[-1].strip()
    return max(_values(text), key=len, default=None)


def _values(text: str) -> Iterator[str]:
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    start = 0
    for _ in range(MOST_PLACES):
        opening = re.compile(r"[{\[]").search(text, start)
        if opening is None:
            return
        try:
            _, end = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            start = opening.start() + 1
            continue
        yield text[opening.start() : end]
        start = end


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
