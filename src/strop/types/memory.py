"""What a run leaves behind: skills, rules, and the manifest that names a state of the library."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strop.types.fingerprint import digest
from strop.types.schema import Schema
from strop.types.work import Exemplar, RunId, Spec, Task


class ItemState(StrEnum):
    """Where an item stands. Part of the library's data; admission moves it."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    RETIRED = "retired"


class Taint(StrEnum):
    """What an item descends from."""

    TRUSTED = "trusted"
    DERIVED = "derived"
    UNTRUSTED = "untrusted"


class Author(StrEnum):
    """Who wrote a skill's description."""

    MODEL = "model"
    """The planner, from a trace of the run that holds no text of a source; checked before it was taken."""
    SPEC = "spec"
    """The harness, from the spec alone."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the run that a skill was born from used; replays are measured against it."""

    units: int
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    nanos: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Skill:
    """A parameterised plan with prompts, schema and exemplars, born from a run that passed."""

    name: str
    description: str
    spec: Spec
    """Generalised over its inputs: `each` and `companion` are set on replay."""
    schema: Schema
    """What a unit is read for."""
    tasks: tuple[Task, ...]
    """The generalised plan where a planner made it; empty when units are planned from the spec."""
    prompts: tuple[tuple[str, str], ...]
    exemplars: tuple[Exemplar, ...]
    born_from: RunId
    cost: Cost
    state: ItemState = ItemState.CANDIDATE
    taint: Taint = Taint.DERIVED
    inputs: tuple[str, ...] = ()
    """The files that the slots in `tasks` stood for, in the slots' order."""
    described: Author = Author.SPEC


class CheckKind(StrEnum):
    """The deterministic rungs a rule can be compiled to."""

    GRAMMAR = "grammar"
    """A bound or enum that goes into the schema, so that the model cannot break it."""
    CHECK = "check"
    PROMPT = "prompt"
    """No check exists: a line for the model."""
    HAND = "hand"
    """Written by the user; honoured as a line for the model."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A permanent rule: one line of CONSTRAINTS.md."""

    id: str
    text: str
    reason: str
    kind: CheckKind
    field: str = ""
    check: str = ""
    """The check in the check language: `quote(name)`, `recompute(rows)`, `range(rows, 1, 10000000)`."""
    state: ItemState = ItemState.ACTIVE


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a manifest: what it is, its state, and the blob that holds its body."""

    id: str
    kind: str
    """`skill` or `rule`."""
    digest: str
    state: ItemState


@dataclass(frozen=True, slots=True)
class Manifest:
    """A state of the library: items by id; its hash is its name."""

    items: tuple[Item, ...] = ()
    parent: str = ""

    @property
    def hash(self) -> str:
        return digest(self)
