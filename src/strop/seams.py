"""The seams: what a step or the swarm needs from outside, as protocols of at most three members.

An optional ability is a protocol of its own. Implementations live in the folders of variants, are
chosen in `app/parts.py` only, and prove themselves with a `_fits` function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from strop.types.content import Part
from strop.types.document import Format, Hit, Query, ReadDocument
from strop.types.events import Body, Event, ToolCall
from strop.types.evidence import Pair
from strop.types.label import Label
from strop.types.memory import Manifest
from strop.types.money import Price, Usage
from strop.types.schema import Object, Schema
from strop.types.trial import Claim, Result
from strop.types.vectors import EmbedderCard, Side, Vectors
from strop.types.work import Guidance, Kind, Task

# ---------------------------------------------------------------- models


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the harness must know of a model before it calls it."""

    name: str
    """Catalogue name or locator: `kimi-k2.6`, `openai:http://127.0.0.1:8000/v1#llama`."""
    id: str
    """What goes over the wire."""
    family: str
    """`kimi`, `claude`, `smollm`: a verifier of another family is worth more."""
    price: Price
    window: int
    """Context window in tokens, prompt and answer together."""
    output: int
    """Most output tokens of one answer."""
    tools: bool = True
    hosts: tuple[str, ...] = ()
    """`host:port` that calls go to; empty when nothing leaves the process."""
    local: bool = False
    """Runs in this process: no money, no egress, one answer at a time."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it."""

    name: str
    purpose: str
    arguments: Object
    prompt: bool = False
    """Only reads and is done within 50 ms: its result may be committed together with the next call's intent."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is `system`, `user`, `assistant` or `tool`."""

    role: str
    text: str
    calls: tuple[ToolCall, ...] = ()
    """Assistant turns that call tools."""
    reasoning: str = ""
    """Assistant turns: must go back to providers that demand it (Kimi)."""
    call_id: str = ""
    """Tool turns: the call this answers."""


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a call depends on. The first `head` messages are shared by all agents of a wave."""

    messages: tuple[Message, ...]
    head: int = 0
    tools: tuple[ToolSpec, ...] = ()
    schema: Schema | None = None
    """The answer must be JSON that fits; None means free text."""
    max_output: int = 4_096
    """Tokens."""
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A stream that ended well."""

    text: str
    usage: Usage
    calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    finish: str = "stop"
    """`stop`, `tools`, `length` or `refusal`."""


class Model(Protocol):
    """A language model behind one endpoint. One call, no hidden retries."""

    @property
    def card(self) -> ModelCard: ...

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        """Ask once. `notice` hears the number of output characters so far while they stream.

        Whoever queues calls before an endpoint says 0 at the moment the request goes out, so that time spent
        waiting for a turn is not taken for the model's.

        Raises:
            ModelFailure: in one of its branches; `billed` says whether it may have cost money.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Watchful(Protocol):
    """Ability of a model: knows how long its calls take, and can ask a late one a second time."""

    async def answer_watched(
        self, request: Request, *, late: Callable[[int], None], notice: Callable[[int], None] | None = None
    ) -> Answer:
        """As `Model.answer`. `late` hears when the call takes far longer than its like and a second one has room.

        It hears it at most once, while the call is open, and is told the number of the endpoint that the call is at.
        """
        ...

    async def answer_beside(
        self, request: Request, *, endpoint: int, notice: Callable[[int], None] | None = None
    ) -> Answer:
        """As `Model.answer`, for a request that is open at that endpoint: elsewhere, where there is an elsewhere."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors of which near ones mean alike. One call, no hidden retries."""

    @property
    def card(self) -> EmbedderCard: ...

    async def embed(self, texts: Sequence[str], *, side: Side) -> Vectors:
        """A vector for each text, in their order; at most `card.inputs` texts.

        Raises:
            ModelFailure: in one of its branches; `billed` says whether it may have cost money.
        """
        ...

    async def close(self) -> None: ...


# ---------------------------------------------------------------- tools


@dataclass(frozen=True, slots=True)
class ToolOutput:
    text: str
    label: Label
    source: str = ""
    """The file it read, project-relative."""


class Tool(Protocol):
    """Something an agent may call. Tools of this part only read, inside the spec's allowed roots."""

    @property
    def spec(self) -> ToolSpec: ...

    async def call(self, arguments: str) -> ToolOutput:
        """Run it on the JSON arguments a model wrote.

        Raises:
            ToolFailure: bad arguments, a path outside the roots, a file that cannot be read.
        """
        ...


# ---------------------------------------------------------------- workers and crews


class Desk(Protocol):
    """What the supervisor lets a worker do: put facts on record, and only then act on them."""

    async def record(self, *facts: Body) -> None:
        """Commit the facts in one transaction and apply them.

        Raises:
            BudgetExhausted: a `CallIntended` among them does not fit what is left of a cap.
            JournalFault: nothing was written.
        """
        ...

    async def rest(self, seconds: float) -> None:
        """Wait on the run's clock."""
        ...

    def recorded(self, task: str, attempt: int, step: int) -> Sequence[Body]:
        """What an earlier process committed for this step, in order; empty when nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Assignment:
    """All that a worker is given: the task, what its needs left, and what the library says."""

    task: Task
    attempt: int
    inputs: tuple[tuple[str, str], ...] = ()
    """(task id, canonical JSON output) of every task it needs, in the plan's order."""
    guidance: Guidance = Guidance()
    notes: tuple[str, ...] = ()
    """What an earlier attempt learned."""
    reserve: bool = False
    """Two strikes are out: another model takes over, where there is one."""
    claims: tuple[Claim, ...] = ()
    """What the tasks it needs claim, in the plan's order: what it may cite."""


class Worker(Protocol):
    """Whoever takes an assignment: our agent loop over a model, a script, later people and foreign agents."""

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        """Do it, putting every paid step on record first. A failure is data in the result.

        Raises:
            BudgetExhausted, JournalFault: these end the run, not the task.
        """
        ...


class Crew(Protocol):
    """Where workers run: places an assignment on one of them and carries its facts to the desk."""

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        """As `Worker.work`. A host that dies in the middle is replaced, and the attempt taken up from its record."""
        ...

    async def close(self) -> None:
        """End every worker."""
        ...


# ---------------------------------------------------------------- stores


class Journal(Protocol):
    """One run's history. One writer; whoever holds it appends, everybody may read."""

    async def append(self, bodies: Sequence[Body], *, at: float) -> tuple[Event, ...]:
        """Commit all of them in one transaction, or none.

        Raises:
            JournalFault: disk full, locked, or another writer took over.
        """
        ...

    def read(self, after: int = 0) -> tuple[Event, ...]:
        """Events with a sequence number above `after`, in order."""
        ...

    def close(self) -> None: ...


class Blobs(Protocol):
    """Content-addressed bodies."""

    def put(self, body: bytes) -> str:
        """Store and return the SHA-256; whole or not at all.

        Raises:
            JournalFault: disk full, no permission.
        """
        ...

    def get(self, digest: str) -> bytes:
        """The body.

        Raises:
            JournalFault: it is not there or its hash differs.
        """
        ...


class Library(Protocol):
    """Where the library's head is kept; bodies live in `Blobs`."""

    def head(self) -> Manifest:
        """The state that counts now; an empty manifest before the first commit."""
        ...

    def commit(self, manifest: Manifest, *, expected: str) -> bool:
        """Make `manifest` the head if the head's hash is still `expected`; False when somebody was faster."""
        ...


class Evidence(Protocol):
    """What is known of items' worth, beside the library; append-only."""

    def add(self, pairs: Sequence[Pair]) -> None:
        """Keep them; of an (item, version, ground, incumbent, unit) that is there the first stays."""
        ...

    def pairs(self, item: str, *, version: str) -> tuple[Pair, ...]:
        """All of one version of an item, in the order they came."""
        ...

    def trial(self, item: str, *, version: str) -> int:
        """Which of the library's trials this one is, from 1: given once, when its first pair is to be looked at."""
        ...


class Index(Protocol):
    """Passages that can be searched. It can be lost and made again from the documents."""

    def add(self, document: ReadDocument, *, day: str) -> None:
        """Put a document's passages in, in place of those that its path may have; all or none.

        Raises:
            JournalFault: disk full, locked, damaged.
        """
        ...

    def search(self, query: Query) -> tuple[Hit, ...]:
        """The best passages first, in a stable order; none where nothing is good enough.

        Words of the query are data: no character of theirs is an operator.
        """
        ...

    def remove(self, path: str) -> None:
        """Take a document's passages out; of a path that is not there nothing happens."""
        ...


# ---------------------------------------------------------------- readers


class Reader(Protocol):
    """Takes documents of some formats apart."""

    @property
    def formats(self) -> tuple[Format, ...]: ...

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """The document's passages, each with its place, and a light outline.

        Raises:
            DocumentRefused: it is none of these formats, broken, locked, or beyond a limit.
            MissingPart: the extra `docs` is not installed.
        """
        ...


# ---------------------------------------------------------------- renderers


class Renderer(Protocol):
    """Writes one part as the bytes of one file. Equal parts give equal bytes: no clock, no run id."""

    @property
    def kind(self) -> Kind: ...

    def render(self, part: Part, *, to: Path) -> None:
        """Write the file at `to` (a temporary path in an existing folder).

        Raises:
            MissingPart: the extra `files` is not installed.
            StropError: the content cannot be said in this format.
        """
        ...


# ---------------------------------------------------------------- tables that stand in sources


class SourceTable(Protocol):
    """A table in a file, read by a deterministic tool; each walk reads the file anew, one row at a time."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        ...

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        """Rows, each as long as `names`: the text of every cell, None where it is empty.

        Raises:
            ToolFailure: the file cannot be read, or a row does not fit.
        """
        ...


Tables = Callable[[str], SourceTable]
"""Opens the table at a project-relative path; ToolFailure where it may not be read or is none."""


# ---------------------------------------------------------------- the world


class Clock(Protocol):
    """Seconds that only go forward."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Chance(Protocol):
    """Randomness for jitter; seeded in the simulator."""

    def random(self) -> float: ...


class Human(Protocol):
    """A person who can be asked."""

    async def approve(self, question: str) -> bool:
        """Yes or no.

        Raises:
            HumanAwaited: nobody is there to answer.
        """
        ...
