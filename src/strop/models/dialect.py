"""Our closed schema in the words that a provider takes, as JSON bytes made once and then reused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from strop.seams import ToolSpec
from strop.types.schema import Field, Json, Object, Schema, object_of, to_json_schema

WRAP = "value"
"""Name of the one field of the object around a schema that is no object: providers want an object."""


@dataclass(slots=True)
class Made:
    """What was made of an object, found again by its identity: hashing a schema costs more than sending it.

    Owned by one adapter.
    """

    most: int = 4_096
    _held: dict[int, tuple[object, orjson.Fragment]] = field(default_factory=dict[int, tuple[object, orjson.Fragment]])

    def of(self, source: object, make: Callable[[], orjson.Fragment]) -> orjson.Fragment:
        """The fragment of `source`, made once while it is remembered."""
        found = self._held.get(id(source))
        if found is not None:  # the object is held, so its id is still its own
            return found[1]
        if len(self._held) >= self.most:
            self._held.clear()
        made = make()
        self._held[id(source)] = (source, made)
        return made


def is_wrapped(schema: Schema) -> bool:
    """Whether an answer comes as `{"value": ...}`."""
    return not isinstance(schema, Object) or schema.nullable


@lru_cache(maxsize=256)
def provider_schema(schema: Schema, drops: frozenset[str]) -> orjson.Fragment:
    """`schema` as a provider's JSON schema with an object at its root.

    `drops` names keywords that this provider refuses; their sense moves into the description.
    """
    whole = Object((Field(WRAP, schema),)) if is_wrapped(schema) else schema
    return orjson.Fragment(orjson.dumps(_without(to_json_schema(whole), drops)))


@lru_cache(maxsize=256)
def plain_schema(schema: Schema) -> str:
    """`schema` as JSON text for a prompt: the answer's own form, not wrapped."""
    return orjson.dumps(to_json_schema(schema)).decode()


@lru_cache(maxsize=256)
def tool_schema(spec: ToolSpec, drops: frozenset[str]) -> orjson.Fragment:
    """The arguments of a tool as JSON schema, every nested property with its type."""
    return orjson.Fragment(orjson.dumps(_without(to_json_schema(spec.arguments), drops)))


def _without(node: dict[str, Json], drops: frozenset[str]) -> dict[str, Json]:
    kept = {key: value for key, value in node.items() if key not in drops}
    lost = [f"{key} {value}" for key, value in node.items() if key in drops]
    if lost:
        kept["description"] = "; ".join([*([str(node["description"])] if "description" in node else []), *lost])
    if "properties" in kept:
        # A field may bear the name of a keyword: descend by place, not by name.
        kept["properties"] = {
            name: _without(object_of(child), drops) for name, child in object_of(kept["properties"]).items()
        }
    if "items" in kept:
        kept["items"] = _without(object_of(kept["items"]), drops)
    return kept
