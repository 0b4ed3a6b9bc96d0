"""Texts made into vectors: looked up where they are known, paid for where they are not, each call on record first.

Inside a run a call stands in its journal and under its caps; outside it stands in `project.db`, under the cap of
one command. Nothing is paid for twice: a vector is kept before its call is settled.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from strop.app.project import Project
from strop.errors import BudgetExhausted, ConfigRefused, ModelFailure, RateLimited
from strop.seams import Chance, Clock, Desk, Embedder
from strop.stores.index import mark_of
from strop.stores.vectors import VectorStore
from strop.swarm.guards.backoff import delay
from strop.swarm.spending import EMBED
from strop.types.events import CallAnswered, CallFailed, CallIntended, CallLost
from strop.types.fingerprint import digest
from strop.types.money import NANOS_PER_DOLLAR, Usage, cost, dollars, worst_case
from strop.types.vectors import Side
from strop.types.work import TaskId

TRIES = 3
"""Askings of one batch: what vectors are for can be done without them, so nobody waits long."""
PACED = 10
"""Refusals for pace of one batch; they are unpaid."""
OVERHEAD = 64
"""Tokens that a text may cost beyond its bytes: what its model wants before it, and marks at its ends."""
BYTES_A_TOKEN = 4
"""Of the expected price; the worst case takes a token a byte."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The texts of one call, and the most that it can cost."""

    texts: tuple[str, ...]
    side: Side
    request: str
    """Hash of all that the call depends on."""
    tokens: int
    nanos: int


class Books(Protocol):
    """Where a call is put on record before it is made, and settled."""

    async def intend(self, batch: Batch) -> None:
        """Reserve its worst case.

        Raises:
            BudgetExhausted: it does not fit under the cap; nothing is reserved.
        """
        ...

    async def settle(self, batch: Batch, ended: Usage | ModelFailure, *, nanos: int, seconds: float) -> None:
        """Say how it ended: what was used, or why there is no answer."""
        ...

    async def rest(self, seconds: float) -> None: ...


@dataclass(slots=True)
class Embedding:
    """One embedder at work for one command or one run. Owned by whoever opened it."""

    embedder: Embedder
    store: VectorStore
    books: Books
    clock: Clock
    chance: Chance
    asked: int = field(default=0, init=False)
    """Texts that were paid for."""
    tokens: int = field(default=0, init=False)
    nanos: int = field(default=0, init=False)
    """Of calls that were answered."""

    async def vectors(
        self, texts: Sequence[str], *, side: Side, notice: Callable[[int], None] = lambda texts: None
    ) -> Mapping[str, array[float]]:
        """A vector by text. What is paid for is kept batch by batch; `notice` hears how many texts a batch had.

        Raises:
            ModelFailure, BudgetExhausted: what was kept before stays kept.
            ConfigRefused: the model's vectors have another dimension than those that are kept.
            JournalFault.
        """
        wanted = {mark_of(text): text for text in texts}
        space = self.embedder.card.space
        held = self.store.get(space, side, wanted)
        for batch in batches([wanted[mark] for mark in wanted if mark not in held], side=side, embedder=self.embedder):
            held |= await self._bought(batch)
            notice(len(batch.texts))
        return {text: held[mark] for mark, text in wanted.items()}

    async def _bought(self, batch: Batch) -> dict[str, array[float]]:
        spent = paced = 0
        while True:
            try:
                return await self._call(batch)
            except ModelFailure as caught:
                for_pace = isinstance(caught, RateLimited)  # unpaid
                spent, paced = spent + (not for_pace), paced + for_pace
                if not caught.retryable or spent == TRIES or paced == PACED:
                    raise
                after = caught.retry_after if isinstance(caught, RateLimited) else None
                await self.books.rest(delay(max(spent, 1), chance=self.chance.random(), retry_after=after))

    async def _call(self, batch: Batch) -> dict[str, array[float]]:
        """Record, ask, keep, settle. A call that is cancelled stays open: its outcome is unknown."""
        card = self.embedder.card
        await self.books.intend(batch)
        began = self.clock.now()
        try:
            made = await self.embedder.embed(batch.texts, side=batch.side)
        except ModelFailure as caught:
            nanos = batch.nanos if caught.billed else 0
            await self.books.settle(batch, caught, nanos=nanos, seconds=self.clock.now() - began)
            raise
        nanos = cost(made.usage, card.price)
        vectors = {mark_of(text): row for text, row in zip(batch.texts, made.rows, strict=True)}
        known, now = self.store.dimensions(card.space), len(made.rows[0])
        if known in (None, now):
            self.store.put(card.space, batch.side, vectors)
        await self.books.settle(batch, made.usage, nanos=nanos, seconds=self.clock.now() - began)
        self.asked += len(batch.texts)
        self.tokens += made.usage.total
        self.nanos += nanos
        if known not in (None, now):
            raise ConfigRefused(
                f"{card.name} gave vectors of {now:,} numbers, and those kept of it have {known:,}: another model "
                "stands behind the name. Make them all anew: strop know embed --anew"
            )
        return vectors


def batches(texts: Sequence[str], *, side: Side, embedder: Embedder) -> Iterator[Batch]:
    """Texts in their order, as many a call as the embedder takes."""
    card = embedder.card
    held: list[str] = []
    size = 0
    for text in texts:
        more = min(len(text.encode(errors="replace")), card.window * BYTES_A_TOKEN) + OVERHEAD
        if held and (len(held) == card.inputs or size + more > card.tokens):
            yield _batch(held, size, side, embedder)
            held, size = [], 0
        held.append(text)
        size += more
    if held:
        yield _batch(held, size, side, embedder)


def _batch(texts: Sequence[str], tokens: int, side: Side, embedder: Embedder) -> Batch:
    card = embedder.card
    nanos = worst_case(input_bound=tokens, output_bound=0, price=card.price)
    return Batch(tuple(texts), side, digest([EMBED, card.space, side.value, texts]), tokens, nanos)


def expected(texts: Sequence[str], embedder: Embedder) -> tuple[int, int]:
    """(about, at most) nano-dollars for these texts."""
    about = sum(-(-len(text.encode(errors="replace")) // BYTES_A_TOKEN) for text in texts)
    most = sum(batch.nanos for batch in batches(texts, side=Side.PASSAGE, embedder=embedder))
    return cost(Usage(input=about), embedder.card.price), most


# ---------------------------------------------------------------- books


@dataclass(slots=True)
class RunBooks:
    """The run's own: its journal, under its caps."""

    desk: Desk
    _open: CallIntended | None = field(default=None, init=False)

    async def intend(self, batch: Batch) -> None:
        """See `Books`; each asking is a step of its own of one attempt."""
        task = TaskId(EMBED)
        step = next(number for number in count(1) if not self.desk.recorded(task, 1, number))
        intent = CallIntended(task, 1, step, 1, batch.request, "", batch.nanos, batch.tokens)
        await self.desk.record(intent)
        self._open = intent

    async def settle(self, batch: Batch, ended: Usage | ModelFailure, *, nanos: int, seconds: float) -> None:
        """See `Books`. Vectors are no text: what stands on record is how many there were."""
        assert self._open is not None, "what is settled was intended"
        intent, self._open = self._open, None
        place = (intent.task, intent.attempt, intent.step, intent.tries)
        match ended:
            case Usage():
                said = f"{len(batch.texts)} vectors"
                fact = CallAnswered(*place, intent.request, said, (), "", "stop", ended, nanos, seconds)
            case ModelFailure() if ended.billed:
                fact = CallLost(*place, _said(ended), intent.nanos, intent.tokens)
            case ModelFailure():
                fact = CallFailed(*place, _said(ended), seconds)
        await self.desk.record(fact)

    async def rest(self, seconds: float) -> None:
        """See `Books`."""
        await self.desk.rest(seconds)


@dataclass(slots=True)
class OutsideBooks:
    """Those of a command outside runs: rows in `project.db`, under `[learning] usd` for the whole command."""

    project: Project
    store: VectorStore
    embedder: Embedder
    why: str
    clock: Clock
    booked: int = 0
    """Nano-dollars: settled, lost and reserved."""
    _open: int = 0

    async def intend(self, batch: Batch) -> None:
        """See `Books`."""
        cap = int(self.project.config.settings.learning.usd * NANOS_PER_DOLLAR)
        if self.booked + batch.nanos > cap:
            raise BudgetExhausted(
                f"{dollars(self.booked)} of {dollars(cap)} spent on vectors, the next call may cost "
                f"{dollars(batch.nanos)}. Go on with: strop know embed, or raise [learning] usd in strop.toml"
            )
        self.booked += batch.nanos
        name, texts = self.embedder.card.name, len(batch.texts)
        self._open = self.store.intend(
            at=time.time(), model=name, why=self.why, texts=texts, tokens=batch.tokens, nanos=batch.nanos
        )

    async def settle(self, batch: Batch, ended: Usage | ModelFailure, *, nanos: int, seconds: float) -> None:
        """See `Books`."""
        self.booked += nanos - batch.nanos
        if isinstance(ended, Usage):
            self.store.settle(self._open, state="answered", tokens=ended.total, nanos=nanos)
            return
        state, tokens = ("lost", batch.tokens) if ended.billed else ("failed", 0)
        self.store.settle(self._open, state=state, tokens=tokens, nanos=nanos, said=_said(ended))

    async def rest(self, seconds: float) -> None:
        """See `Books`."""
        await self.clock.sleep(seconds)


def _said(caught: ModelFailure) -> str:
    return f"{type(caught).__name__}: {caught}"


def vectors_of(project: Project) -> VectorStore:
    """The vectors of a project."""
    return VectorStore(project.folder / ".strop" / "project.db")
