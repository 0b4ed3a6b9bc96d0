"""What a run leaves behind: items of a library, their bodies, and the manifest that names a state of it.

An item is a name, a state and the hash of a body; bodies are content-addressed, so a manifest is small and
a rollback moves one pointer. What is known of an item's worth stands outside the manifest (types/evidence.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strop.types.fingerprint import digest
from strop.types.schema import Schema
from strop.types.work import Exemplar, RunId, Spec, Task


class ItemKind(StrEnum):
    """What an item is; the type of its body stands behind."""

    SKILL = "skill"
    """A `Skill`: a plan, prompts, a schema and worked examples."""
    PLAN = "plan"
    """A `Skill` whose tasks a planner made; how it was split is what it teaches."""
    EXEMPLAR = "exemplar"
    """An `Exemplar` that was proved and is not (yet) part of a skill."""
    SCRIPT = "script"
    """A `Script`: code that answers before a model is asked."""
    CHECK = "check"
    """A `Constraint` with a check or a grammar: it costs no token."""
    CONSTRAINT = "constraint"
    """A `Constraint` that only a prompt can hold."""
    KNOWLEDGE = "knowledge"
    """A `Known`: a document of the user's, cut into passages."""
    STYLE = "style"
    """A `Style`: what the user's best documents look and sound like."""


class ItemState(StrEnum):
    """Where an item stands. Part of the library's data; only admission and the user move it."""

    DRAFT = "draft"
    """Just written; nothing was looked at yet."""
    QUARANTINE = "quarantine"
    """Refused, or of untrusted descent: on no path that an agent reads, until a person approves it."""
    CANDIDATE = "candidate"
    """Form, provenance and generality hold; used when named, and in experiments."""
    PROBATION = "probation"
    """Certified on held inputs; used by units of a wave that are still compared with others."""
    ACTIVE = "active"
    STALE = "stale"
    """What it depends on has changed or its certificate has lapsed: in use and watched, its evidence begins anew."""
    RETIRED = "retired"


USED = frozenset({ItemState.ACTIVE, ItemState.PROBATION, ItemState.STALE})
"""States that a run may choose from by itself."""


class Taint(StrEnum):
    """What an item descends from."""

    TRUSTED = "trusted"
    """The user's own words and our own code."""
    DERIVED = "derived"
    """A model's words over trusted input, and values that the harness endorsed."""
    UNTRUSTED = "untrusted"
    """Free text with a page, a document, a tool's output or a foreign skill among its ancestors."""


class Origin(StrEnum):
    """How an item came."""

    RUN = "run"
    USER = "user"
    IMPORTED = "imported"


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
class Known:
    """A document that was taken in."""

    path: str
    digest: str
    """SHA-256 of its bytes."""
    format: str
    passages: int
    added: str
    """Day, YYYY-MM-DD."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an item applies; what is empty applies everywhere."""

    order: str = ""
    """Class of a spec: hash of what it delivers, without names and counts of one run."""
    step: str = ""
    """Prompt of the tasks: `reader-1`, `specialist`."""
    fields: tuple[str, ...] = ()
    """Columns it speaks of."""
    among: tuple[str, ...] = ()
    """Marks of the columns that it was learned among (learning/scopes.py); an order has to share half of them."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """What the item's worth was measured with; when it changes, the evidence starts anew."""

    kind: str
    """`model`, `tool`, `schema`, `prompt`, or `certified`: since when it is due."""
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a manifest: what it is, its state, and the blob that holds its body."""

    id: str
    """`KIND/NAME`; of rules the name is the id that stands in CONSTRAINTS.md."""
    kind: ItemKind
    digest: str
    state: ItemState
    parent: str = ""
    """Hash of the body that this one was made from."""
    scope: Scope = Scope()
    tokens: int = 0
    """What it adds to a prompt, estimated."""
    origin: Origin = Origin.RUN
    taint: Taint = Taint.TRUSTED
    depends: tuple[Dependency, ...] = ()
    cites: tuple[str, ...] = ()
    """What it was learned from: `RUN`, `RUN:SEQ` of an event, or the hash of a document."""
    inputs: tuple[str, ...] = ()
    """Hashes of the inputs it was made from: no evidence may come from these."""
    why: str = ""
    """Why it stands in its state, in a sentence."""

    @property
    def name(self) -> str:
        return self.id.partition("/")[2]

    @property
    def ground(self) -> str:
        """Hash of what it depends on."""
        return digest(self.depends)[:16]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A state of the library: items by id; its hash is its name."""

    items: tuple[Item, ...] = ()
    parent: str = ""

    @property
    def hash(self) -> str:
        return digest(self)

    def item(self, name: str) -> Item | None:
        return next((item for item in self.items if item.id == name), None)
