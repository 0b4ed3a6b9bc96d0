"""One agent: a task, a model, a few tools, a bounded number of steps. Implements `seams.Worker`.

A READ task is one conversation a unit, fields out; the other kinds are one conversation with tools.
Answers must fit the task's schema; one repair turn, then the task fails with what is wrong. Values
come with their place in the source; the harness takes the quote itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from strop.checking.conflicts import Conflicting, Dated, conflicts, dated
from strop.checking.sentences import numbered, sentences
from strop.errors import (
    AgentPaused,
    AuthRefused,
    BudgetExhausted,
    JournalFault,
    QuotaExhausted,
    StropError,
    ToolFailure,
)
from strop.seams import Assignment, Chance, Clock, Desk, Message, Model, Tool
from strop.swarm.claims import claim_of_table, claims_of_reading, claims_of_work, unfounded
from strop.swarm.context import BYTES_PER_TOKEN, FULL, Policy
from strop.swarm.conversation import Conversation, Flawed, Means, Outdated, Stalled
from strop.swarm.given import citable, results
from strop.swarm.lengths import Lengths
from strop.swarm.prompting import bullets, narrowed, reading_head, render, working
from strop.swarm.race import watching
from strop.types.events import ToolCall
from strop.types.fingerprint import canonical, digest, digest_bytes
from strop.types.label import Integrity, Label
from strop.types.money import Price
from strop.types.schema import Json
from strop.types.trial import Claim, Result, SourceRead
from strop.types.work import Column, Conflict, Script, Task, TaskKind, Unit, UnitKey

Scripted = Callable[[Sequence[Script], Unit, str, Task, Sequence[Column]], Awaitable[Sequence[Claim]]]
"""What scripts say of a unit (its text, its task, the columns to read): a claim a field that one of them answers."""
TOLD = 12
"""Rounds of tool calls that whoever takes a task over is told of."""
GIVEN = 0.6
"""Share of the window that what other tasks left may fill; the rest is for files, tools and a second try."""
LONGEST_ANSWER = 8_192
"""Tokens of an answer that writes something."""


@dataclass(slots=True)
class AgentLoop:
    """The worker that most tasks get. One instance serves a whole run; conversations share nothing."""

    model: Model
    price: Price
    """As pinned in the plan."""
    prompts: Mapping[str, str]
    read: Callable[[str], str]
    """Source text by project-relative path, inside the allowed roots."""
    clock: Clock
    chance: Chance
    columns: tuple[Column, ...] = ()
    title: str = ""
    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])
    files: tuple[str, ...] = ()
    """What agents with tools are told they may read."""
    notice: Callable[[str, int], None] = lambda task, characters: None
    """Passing progress for screens: (task, characters streamed so far)."""
    policy: Policy = Policy.HIDE
    keep: Callable[[bytes], str] = digest_bytes
    """Stores a body too large for a conversation; returns its hash."""
    reserve: tuple[Model, Price] | None = None
    """Who takes a task over after two strikes."""
    wall: Callable[[], float] = lambda: 0.0
    """Seconds since 1970, for the record of when a source was read; 0 where no such clock is at hand."""
    conflict: Conflict = Conflict.FLAG
    keys: tuple[str, ...] = ()
    """Fields that name what a row is about: first columns of ordered tables."""
    scripted: Scripted | None = None
    """Runs the scripts that answer before a model is asked; None where nothing runs them."""
    _shared: dict[str, str] = field(default_factory=dict[str, str])
    _sources: dict[str, tuple[str, SourceRead]] = field(default_factory=dict[str, "tuple[str, SourceRead]"])
    """Sources by path, read and stored once."""
    _lengths: Lengths = field(default_factory=Lengths)

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        """See `seams.Worker`."""
        attempt = _Attempt(self, assignment, self._conversation(assignment, desk))
        if assignment.task.kind is TaskKind.READ:
            return await attempt.read_units()
        return await attempt.do()

    def _conversation(self, assignment: Assignment, desk: Desk) -> Conversation:
        model, price = self.model, self.price
        if assignment.reserve and self.reserve is not None:
            model, price = self.reserve
        means = Means(
            model, price, self.prompts, self.clock, self.chance, self.tools, self.policy, self.keep, self.notice,
            self._shared, self._lengths, watching(model),
        )  # fmt: skip
        founded = assignment.task.kind is not TaskKind.READ
        judge = partial(unfounded, read=self.source, given=citable(assignment.claims)) if founded else _nothing
        return Conversation(means, assignment, desk, judge)

    def source(self, path: str) -> str:
        """The text of a source, stored under its hash at its first reading.

        Raises:
            ToolFailure: as `read`.
        """
        if path not in self._sources:
            text = self.read(path)
            self._sources[path] = text, SourceRead(path, self.keep(text.encode()), self.wall())
        return self._sources[path][0]

    def conflicting(self, claims: Sequence[Claim]) -> tuple[Conflicting, ...]:
        """Contradictions among claims that a task is given."""
        dates: dict[str, Dated] = {}
        for path in {claim.source for claim in claims if claim.source}:
            try:
                text = self.source(path)
            except StropError:
                continue  # gone or forbidden by now: then its date is not known
            if found := dated(path, text):
                dates[path] = found
        return conflicts(claims, rule=self.conflict, keys=self.keys, dates=dates)

    def sources_of(self, claims: Sequence[Claim]) -> tuple[SourceRead, ...]:
        """When the sources of these claims were read."""
        held = {(path, read.digest): read for path, (_, read) in self._sources.items()}
        wanted = dict.fromkeys((claim.source, claim.source_hash) for claim in claims)
        return tuple(held[each] for each in wanted if each in held)

    def max_output(self, task: Task, model: Model) -> int:
        """Tokens an answer of this task may have."""
        wanted = 128 + 96 * len(self.columns) if task.kind is TaskKind.READ else LONGEST_ANSWER
        return min(model.card.output, wanted, max(model.card.window // 2, 1))


def _said(claims: Sequence[Claim]) -> Json:
    return {claim.field: claim.value for claim in claims}


def _nothing(answer: Json) -> list[str]:
    del answer
    return []


@dataclass(slots=True)
class _Attempt:
    """One assignment under way: its conversations and what they leave."""

    loop: AgentLoop
    assignment: Assignment
    talk: Conversation

    async def read_units(self) -> Result:
        """One conversation a unit; a unit that fails is listed and the next one goes on."""
        task, loop = self.assignment.task, self.loop
        columns = tuple(column for column in loop.columns if column.read)
        head = reading_head(loop.prompts, task=task, columns=columns, assignment=self.assignment)
        rows: list[Json] = []
        claims: list[Claim] = []
        unread: list[tuple[UnitKey, str]] = []
        for unit in task.units:
            try:
                text = loop.source(unit.source)
                found = await self._by_scripts(unit, text, columns)
                whole = {claim.field for claim in found} == {column.name for column in columns}
                answer = _said(found) if whole else await self._read_unit(unit, text, head)
            except (BudgetExhausted, QuotaExhausted, AuthRefused, JournalFault, AgentPaused, Outdated):
                raise
            except (Flawed, StropError) as caught:
                unread.append((unit.key, f"{type(caught).__name__}: {caught}"))
                continue
            rows.append({"row": unit.key, "fields": answer})
            by_script = {claim.field for claim in found}
            read = () if whole else claims_of_reading(answer, unit=unit, text=text, task=task)
            claims += [*found, *(claim for claim in read if claim.field not in by_script)]
        if task.reader == 1:
            claims += await self._count()
        await self.talk.flush()
        failure = f"{unread[0][1]}" if unread and not rows else ""
        return self._result(rows, claims, failure=failure, unread=tuple(unread))

    async def _by_scripts(self, unit: Unit, text: str, columns: Sequence[Column]) -> Sequence[Claim]:
        """What the library's scripts read, in the first reader's place: two readers must not be one expression."""
        scripts, task = self.assignment.guidance.scripts, self.assignment.task
        if not scripts or task.reader != 1 or self.assignment.notes or self.loop.scripted is None:
            return ()
        return await self.loop.scripted(scripts, unit, text, task, columns)

    async def _read_unit(self, unit: Unit, text: str, head: tuple[Message, ...]) -> Json:
        task = self.assignment.task
        passages = sentences(text)
        if not passages:
            raise ToolFailure(f"{unit.source} holds no text")
        schema = narrowed(task.schema, sentences=len(passages))
        notes = self.assignment.notes
        ask = render(self.loop.prompts["unit-again" if notes else "unit"], text=numbered(text), notes=bullets(notes))
        opening = (*head, Message("user", ask))
        most = self.loop.max_output(task, self.talk.means.model)
        return await self.talk.converse(opening, head=len(head), schema=schema, max_output=most)

    async def _count(self) -> list[Claim]:
        """The companion's own answers, by the table tool: one claim a column that asks for one."""
        return [
            await self._counted(unit, column, ask)
            for unit in self.assignment.task.units
            for column in self.loop.columns
            if (ask := column.compute or column.recompute) is not None and unit.companion is not None
        ]

    async def _counted(self, unit: Unit, column: Column, ask: str) -> Claim:
        """One question to the companion table, on record as a tool call of the harness."""
        arguments = canonical({"path": unit.companion, "ask": ask}).decode()
        call = ToolCall(digest([unit.key, column.name, ask])[:12], "table", arguments)
        ended = await self.talk.harness_call(call)
        task = self.assignment.task
        return claim_of_table(unit, column=column, ask=ask, ended=ended, read=self.loop.source, task=task)

    async def do(self) -> Result:
        """One conversation with tools."""
        loop, task = self.loop, self.assignment.task
        most = loop.max_output(task, self.talk.means.model)
        room = int(FULL * GIVEN * (self.talk.means.model.card.window - most) * BYTES_PER_TOKEN)
        given = self.assignment.claims
        inputs = results(self.assignment, room=room, found=loop.conflicting(given))
        opening, head = working(
            loop.prompts, assignment=self.assignment, inputs=inputs, files=loop.files, title=loop.title
        )
        try:
            answer = await self.talk.converse(opening, head=head, schema=task.schema, max_output=most)
        except Outdated:
            raise
        except Flawed as caught:
            await self.talk.flush()
            name = "Stalled" if isinstance(caught, Stalled) else "SchemaInvalid"
            return self._result(None, [], failure=f"{name}: {caught}")
        await self.talk.flush()
        return self._result(answer, claims_of_work(answer, task=task, read=loop.source, given=citable(given)))

    def _result(
        self,
        answer: Json,
        claims: Sequence[Claim],
        *,
        failure: str = "",
        unread: tuple[tuple[UnitKey, str], ...] = (),
    ) -> Result:
        """What this attempt leaves."""
        origins = {claim.source for claim in claims} | self.talk.origins
        tried = self.talk.said[-TOLD:]
        return Result(
            task=self.assignment.task.id,
            output="" if failure else canonical(answer).decode(),
            failure=failure,
            unread=unread,
            claims=tuple(claims),
            steps=self.talk.step,
            work_keys=tuple(self.talk.work_keys),
            label=Label(Integrity.UNTRUSTED, origins=tuple(sorted(origins))),
            notes=("Tried before: " + "; ".join(tried),) if failure and tried else (),
            sources=self.loop.sources_of(claims),
        )
