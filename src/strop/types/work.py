"""What is to be done: the spec, its outputs and budget, the tasks, the plan and its quote."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NewType

from strop.types.fingerprint import digest
from strop.types.money import Price
from strop.types.schema import Schema

TaskId = NewType("TaskId", str)
"""Role and unit key, stable over runs: `read-1/affairs`."""
RunId = NewType("RunId", str)
"""Sortable by time; names the folder under `runs/`."""
UnitKey = NewType("UnitKey", str)
"""One unit of work: a file's stem, a list entry."""


PLACE = "_at"
"""Suffix of the field that names the sentence a value stands in (`rows_at` beside `rows`)."""


class Kind(StrEnum):
    """The file kinds a spec may ask for."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"
    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"
    PNG = "png"
    SVG = "svg"
    HTML = "html"
    """A page of its own, or a site where the entry is a pattern (`site/*.html`)."""
    JSON = "json"
    MARKDOWN = "md"
    CODE = "code"
    """A program's source; `SUFFIXES` has the endings."""


SUFFIXES = frozenset("py js ts sql sh r rs go java c h cpp rb toml yaml yml".split())
"""Endings of files that are code."""

TABLES = (Kind.CSV, Kind.JSONL, Kind.PARQUET, Kind.XLSX, Kind.JSON)
DOCUMENTS = (Kind.PDF, Kind.DOCX, Kind.HTML, Kind.MARKDOWN)
PICTURES = (Kind.PNG, Kind.SVG)


def kind_of(file: str) -> Kind:
    """The kind of a file by its name's ending.

    Raises:
        ValueError: no kind has this ending.
    """
    suffix = file.rsplit("/", 1)[-1].rpartition(".")[2].lower()
    return Kind.CODE if suffix in SUFFIXES else Kind(suffix)


class ColumnType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    DATE = "date"
    BOOLEAN = "boolean"
    QUOTE = "quote"
    """The value itself must stand word for word in the source."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table that the spec asks for."""

    name: str
    type: ColumnType
    quote: bool = False
    """The value needs a quote of its own that stands in the source."""
    recompute: str | None = None
    """How the companion table answers the same question: `name`, `rows`, `columns`, `first`, `last`, `sum:COL`."""
    compute: str | None = None
    """The value comes from the companion table by a tool call, not from a model."""
    ask: str = ""
    """What the column means, said to the model."""
    formula: str | None = None
    """The value follows from the row's other columns, by the harness: `[area] * [price]` (checking/formulas.py)."""

    @property
    def read(self) -> bool:
        """Whether an agent has to say it."""
        return self.compute is None and self.formula is None


@dataclass(frozen=True, slots=True)
class Count:
    """A bound on a number: `>= 40`, `3`."""

    least: int | None = None
    most: int | None = None

    def holds(self, number: int) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    def __str__(self) -> str:
        if self.least == self.most:
            return str(self.least)
        bounds = [
            f">= {self.least}" if self.least is not None else "",
            f"<= {self.most}" if self.most is not None else "",
        ]
        return " and ".join(bound for bound in bounds if bound)


@dataclass(frozen=True, slots=True)
class Output:
    """One entry of `deliver:`; `file` may be a pattern (`charts/*.png`) with `count`."""

    file: str
    kind: Kind
    columns: tuple[Column, ...] = ()
    rows: Count | None = None
    pages: Count | None = None
    sections: tuple[str, ...] = ()
    """Headings of a document, titles of slides, pages of a site."""
    count: Count | None = None
    """How many files a pattern stands for."""
    slides: Count | None = None
    charts: Count | None = None
    """Native charts of a workbook or deck, figures of a document."""
    sheets: Count | None = None
    totals: tuple[tuple[str, str], ...] = ()
    """(column, function) below a table: `sum`, `mean`, `median`, `min`, `max`, `count`."""
    taken: str = ""
    """A table whose rows go over as they are, by a tool and not by agents (`from:` in the spec)."""


class Conflict(StrEnum):
    """What to do when two sources or agents contradict each other."""

    FLAG = "flag"
    NEWEST = "newest"
    MAJORITY = "majority"


@dataclass(frozen=True, slots=True)
class Budget:
    """Caps for the whole run; `agents` is at once, everything else in all."""

    agents: int = 300
    agents_total: int = 3_000
    steps: int = 4_000
    critical_steps: int = 200
    tokens: int = 20_000_000
    nanos: int = 5_000_000_000
    """Nano-dollars."""
    minutes: float = 30.0
    input_tokens: int = 0
    """Of `tokens`, those read (cached ones included); 0 sets no cap of its own."""
    output_tokens: int = 0
    """Of `tokens`, those written; 0 sets no cap of its own."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Which files agents may read, as globs under the project folder; `deny` wins."""

    allow: tuple[str, ...] = ("inputs/**",)
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """A user's order, deliverables first."""

    title: str
    outputs: tuple[Output, ...]
    prose: str = ""
    each: str | None = None
    """A glob of files or a comma-free list, one unit an entry; None means prose to decompose."""
    items: tuple[str, ...] = ()
    """The units themselves, where `each` is a list in the spec."""
    companion: str | None = None
    """A table beside each unit: `data/{stem}.csv`."""
    readers: int = 1
    sources: Sources = Sources()
    valid: tuple[str, ...] = ()
    conflict: Conflict = Conflict.FLAG
    budget: Budget = Budget()
    ask_before: tuple[str, ...] = ()
    repairs: int = 2
    """Most rounds of repair tasks after the gate; 0 leaves refuted values out."""

    @property
    def fingerprint(self) -> str:
        return digest(self)

    @property
    def table(self) -> tuple[Column, ...]:
        """The columns of the richest table asked for: what a unit is read for."""
        return max((output.columns for output in self.made), key=len, default=())

    @property
    def made(self) -> tuple[Output, ...]:
        """What agents make: all outputs but those whose rows are taken from a table."""
        return tuple(output for output in self.outputs if not output.taken)


class TaskKind(StrEnum):
    READ = "read"
    """One unit or a batch of units, one conversation each, fields out."""
    WORK = "work"
    """A specialist with tools and a schema of its own."""
    AGGREGATE = "aggregate"
    """Writes one deliverable from the results it needs."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of work: its key, its source file and the companion beside it (project-relative)."""

    key: UnitKey
    source: str
    companion: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that may be quoted: data with a citation, never an instruction."""

    path: str
    """Project-relative."""
    locator: str
    """`page 3`, `sheet Prices row 12`, `slide 4`, `00:01:30`, `lines 10-24`."""
    text: str
    digest: str
    """SHA-256 of the document's bytes."""


@dataclass(frozen=True, slots=True)
class Task:
    """One agent's whole assignment: it sees this and nothing else of the plan."""

    id: TaskId
    kind: TaskKind
    role: str
    goal: str
    schema: Schema
    prompt: str
    """Name of the prompt file, without `.md`."""
    needs: tuple[TaskId, ...] = ()
    """Tasks whose output this one reads; it starts when all have landed."""
    units: tuple[Unit, ...] = ()
    """READ only: the batch, one conversation a unit."""
    tools: tuple[str, ...] = ()
    steps: int = 13
    """The share of the run's step budget this agent may use."""
    makes: tuple[str, ...] = ()
    """Deliverables this task is the maker of (file names as in the spec)."""
    reader: int = 0
    """READ only: which of the differently prompted readers, from 1."""
    repairs: tuple[str, ...] = ()
    """What the gate found on the first try, told to the agent that tries again."""
    reserve: bool = False
    """Done by the reserve model from the first attempt on, where there is one: a second round of repair."""
    knowledge: tuple[Passage, ...] = ()
    """What the user's documents say to its goal; shown as data with its citation."""
    variant: str = ""
    """The plan's variant whose guidance it works under; empty is the plan's own."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A role bound to a model, with the price that this plan was quoted at."""

    role: str
    model: str
    """Catalogue name or locator, as in `--worker`."""
    price: Price
    window: int
    """Context window in tokens."""
    output: int
    """Most output tokens of one answer."""
    hosts: tuple[str, ...] = ()
    """Where calls go: `host:port`; empty for the embedded model."""
    family: str = ""
    """`kimi`, `claude`; `unknown` where nobody declared it."""
    egress: str = ""
    """What leaves this machine beyond `hosts` and cannot be checked by us."""


@dataclass(frozen=True, slots=True)
class Range:
    """A figure as median, 90th percentile and worst case.

    Whole or not, it is stored and read back as it was, so that a plan's fingerprint stays the same.
    """

    p50: int | float
    p90: int | float
    worst: int | float


NOTHING = Range(0, 0, 0)


@dataclass(frozen=True, slots=True)
class TokenRanges:
    """Tokens by the classes of `Usage`. The P90 of the sum is less than the sum of these."""

    input: Range = NOTHING
    cached: Range = NOTHING
    cache_write: Range = NOTHING
    output: Range = NOTHING


@dataclass(frozen=True, slots=True)
class CachedShare:
    """How much of one wave's prompt a provider's cache is expected to serve; repairs are left out."""

    wave: int
    """From 1; 0 for planner and verifier, as in a run's own figures."""
    prompt: int
    """Tokens of all input classes, the median."""
    p50: float
    """Of 1."""
    least: float
    """Of 1; the share is greater nine times of ten."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a plan will cost in all, planner, gate and repairs included; shown before a cent is spent."""

    agents: int
    waves: int
    steps: int
    """The median; at most is the budget's."""
    critical_steps: int
    """The median; at most is the budget's."""
    tokens: Range
    nanos: Range
    """Nano-dollars."""
    minutes: Range
    advice: str
    """`single agent`, `swarm` or `swarm with a strong verifier`."""
    reasons: tuple[str, ...]
    """The printed numbers that the advice rests on."""
    saving: str = ""
    """Replays: against which run, and by what figure."""
    gate_nanos: int = 0
    """Nano-dollars that workers may not touch: the refuting model's worst case, at most half the cap."""
    gate_steps: int = 0
    """Steps kept for it likewise."""
    gate_calls: int = 0
    """Calls that one round of the gate may make within that reserve; 0: as many as there are claims."""
    steps_p90: int = 0
    """0 in a quote of an older strop, as in the fields below."""
    critical_steps_p90: int = 0
    classes: TokenRanges = TokenRanges()
    basis: str = ""
    """What the figures rest on: how many tasks of which runs, or that they are a default."""
    caching: tuple[CachedShare, ...] = ()
    """By wave, in their order; those of which something is known."""
    learning_nanos: int = 0
    """Most that reading again may cost what is tried on, inside the run's cap and under learning's own; 0: nothing."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A worked example taken from values that the gate accepted or corrected."""

    key: UnitKey
    source: str
    """The unit's text as the agent saw it."""
    answer: str
    """Canonical JSON that fits the task's schema."""


@dataclass(frozen=True, slots=True)
class Script:
    """A regular expression that reads one field of a unit before a model is asked; it runs in a child process."""

    skill: str
    field: str
    pattern: str
    """Its first group is the value; a unit that it does not match exactly once goes to the model."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the library gives this plan's agents; part of their shared head."""

    skill: str = ""
    """Name of the skill replayed, empty on a first run."""
    exemplars: tuple[tuple[Exemplar, ...], ...] = ()
    """One tuple a reader, in the order they are shown."""
    rules: tuple[str, ...] = ()
    """Rules that could not be compiled to a check or a grammar."""
    style: tuple[str, ...] = ()
    """Lines of a style skill, for those who write."""
    scripts: tuple[Script, ...] = ()
    """Tried on every unit before a model is."""
    items: tuple[str, ...] = ()
    """Ids of the library's items that all of this comes from, sorted."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Another guidance that some units of a wave work under, to learn what an item is worth."""

    name: str
    """Id of the item; a `Task.variant` names it."""
    version: str
    """Hash of its body."""
    guidance: Guidance
    """What those units work under: with the item where it is a candidate, without it where it is in use."""
    ground: str = ""
    """Hash of what the item depends on."""
    incumbent: str = ""
    """Hash of what the arm without the item reads."""
    without: bool = False
    """The item is in use, and these units do without it."""
    pairs: tuple[tuple[UnitKey, UnitKey], ...] = ()
    """(a unit that works under this, its partner that does not): drawn before anything is read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Immutable. Extensions (repairs) only add tasks and are events of their own."""

    title: str
    spec: Spec
    scope: str
    """The job as it was understood, in a few sentences."""
    tasks: tuple[Task, ...]
    bindings: tuple[Binding, ...]
    egress: tuple[str, ...]
    quote: Quote
    guidance: Guidance = Guidance()
    objections: tuple[str, ...] = ()
    """What the planner doubts."""
    fatal: tuple[str, ...] = ()
    """Objections that only a person can wave through, also with `--yes`."""
    prompts: tuple[tuple[str, str], ...] = ()
    """(name, SHA-256) of every prompt file this plan uses."""
    manifest: str = ""
    """The library manifest that the plan was made with."""
    variants: tuple[Variant, ...] = ()
    """What is tried beside `guidance` on some tasks of this plan."""

    @property
    def fingerprint(self) -> str:
        return digest(self)

    def guides(self, task: Task) -> Guidance:
        """What the library gives this task."""
        return next((each.guidance for each in self.variants if each.name == task.variant), self.guidance)

    def binding(self, role: str) -> Binding | None:
        return next((binding for binding in self.bindings if binding.role == role), None)

    @property
    def waves(self) -> tuple[tuple[TaskId, ...], ...]:
        """Tasks by longest path from the start: a view, not a barrier."""
        return waves(self.tasks)


def without_needs_outside(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """The tasks as if whatever they need beyond themselves had landed."""
    names = {task.id for task in tasks}
    return tuple(replace(task, needs=tuple(need for need in task.needs if need in names)) for task in tasks)


def waves(tasks: tuple[Task, ...]) -> tuple[tuple[TaskId, ...], ...]:
    """Tasks grouped by depth.

    Raises:
        ValueError: the tasks form a cycle, or need one that is not there.
    """
    depth: dict[TaskId, int] = {}
    left = {task.id: task for task in tasks}
    while left:
        ready = [task for task in left.values() if all(need in depth for need in task.needs)]
        if not ready:
            raise ValueError(f"these tasks wait for each other or for nothing: {', '.join(sorted(left)[:5])}")
        for task in ready:
            depth[task.id] = 1 + max((depth[need] for need in task.needs), default=-1)
        for task in ready:
            del left[task.id]
    by_depth: dict[int, list[TaskId]] = {}
    for task, level in depth.items():
        by_depth.setdefault(level, []).append(task)
    return tuple(tuple(by_depth[level]) for level in sorted(by_depth))
