"""One agent: a task, a model, a few tools, a bounded number of steps. Implements `seams.Worker`.

Each step is journaled before it can cost money and after it has answered; a step that an earlier
process already paid for is taken from the record when its request hash is equal, so a conversation
is a fold of its events. Answers must fit the task's schema; one repair turn, then the task fails
with what is wrong. Values come with their place in the source; the harness takes the quote itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson

from strop.checking.sentences import Passage, numbered, sentences
from strop.errors import (
    AuthRefused,
    BudgetExhausted,
    JournalFault,
    ModelFailure,
    QuotaExhausted,
    RateLimited,
    StropError,
    ToolFailure,
)
from strop.seams import Assignment, Chance, Clock, Desk, Message, Model, Request, Tool
from strop.swarm.claims import claim_of_table, claims_of_reading, claims_of_work, unfounded
from strop.swarm.guards.backoff import delay
from strop.swarm.prompting import bullets, narrowed, reading_head, render, working
from strop.types.events import Body, CallAnswered, CallFailed, CallIntended, CallLost, ToolCall, ToolEnded
from strop.types.fingerprint import canonical, digest
from strop.types.label import Integrity, Label
from strop.types.money import Price, cost, worst_case
from strop.types.schema import Json, Schema, to_json_schema, validate
from strop.types.trial import Claim, Result
from strop.types.work import Column, Task, TaskKind, Unit, UnitKey

TRIES = 5
"""Paid or unpaid askings of one step before the attempt fails."""
OVERHEAD = 64
"""Tokens a message may cost beyond its bytes: role marks and chat template."""
WORK_SCHEME = "work/1"


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

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        """See `seams.Worker`."""
        talk = _Talk(self, assignment, desk)
        if assignment.task.kind is TaskKind.READ:
            return await self._read_units(talk)
        return await self._do(talk)

    async def _read_units(self, talk: _Talk) -> Result:
        """One conversation a unit; a unit that fails is listed and the next one goes on."""
        task = talk.assignment.task
        columns = tuple(column for column in self.columns if column.compute is None)
        head = reading_head(self.prompts, task=task, columns=columns, assignment=talk.assignment)
        rows: list[Json] = []
        claims: list[Claim] = []
        unread: list[tuple[UnitKey, str]] = []
        for unit in task.units:
            try:
                text = self.read(unit.source)
                answer = await self._read_unit(talk, unit, text, head)
            except (BudgetExhausted, QuotaExhausted, AuthRefused, JournalFault):
                raise
            except (Flawed, StropError) as caught:
                unread.append((unit.key, f"{type(caught).__name__}: {caught}"))
                continue
            rows.append({"row": unit.key, "fields": answer})
            claims += claims_of_reading(answer, unit=unit, text=text, task=task)
        if task.reader == 1:
            claims += await self._count(talk)
        await talk.flush()
        failure = f"{unread[0][1]}" if unread and not rows else ""
        return talk.result(rows, claims, failure=failure, unread=tuple(unread))

    async def _read_unit(self, talk: _Talk, unit: Unit, text: str, head: tuple[Message, ...]) -> Json:
        passages = sentences(text)
        if not passages:
            raise ToolFailure(f"{unit.source} holds no text")
        schema = narrowed(talk.assignment.task.schema, sentences=len(passages))
        notes = talk.assignment.notes
        ask = render(self.prompts["unit-again" if notes else "unit"], text=numbered(text), notes=bullets(notes))
        opening = (*head, Message("user", ask))
        return await talk.converse(opening, head=len(head), schema=schema, passages=passages)

    async def _count(self, talk: _Talk) -> list[Claim]:
        """The companion's own answers, by the table tool: one claim a column that asks for one."""
        claims: list[Claim] = []
        for unit in talk.assignment.task.units:
            for column in self.columns:
                ask = column.compute or column.recompute
                if ask is not None and unit.companion is not None:
                    claims.append(await talk.count(unit, column, ask))
        return claims

    async def _do(self, talk: _Talk) -> Result:
        opening, head = working(self.prompts, assignment=talk.assignment, files=self.files, title=self.title)
        try:
            answer = await talk.converse(opening, head=head, schema=talk.assignment.task.schema)
        except Flawed as caught:
            await talk.flush()
            return talk.result(None, [], failure=f"SchemaInvalid: {caught}")
        await talk.flush()
        return talk.result(answer, claims_of_work(answer, task=talk.assignment.task, read=self.read))


class Flawed(Exception):
    """An answer that did not fit after its repair turn; the message lists the flaws."""


@dataclass(slots=True)
class _Talk:
    """The steps of one attempt: asks, records, calls tools. Owned by the agent's task."""

    loop: AgentLoop
    assignment: Assignment
    desk: Desk
    step: int = 0
    work_keys: list[str] = field(default_factory=list[str])
    pending: list[Body] = field(default_factory=list[Body])
    """Facts that wait for the next intent, so that a step is one commit."""
    origins: set[str] = field(default_factory=set[str])

    async def converse(
        self,
        opening: tuple[Message, ...],
        *,
        head: int,
        schema: Schema,
        passages: Sequence[Passage] = (),
    ) -> Json:
        """Ask until an answer fits `schema`, calling tools on the way.

        Raises:
            Flawed: it did not fit after one repair turn, or the steps ran out.
            ModelFailure, BudgetExhausted, JournalFault.
        """
        task, loop = self.assignment.task, self.loop
        specs = tuple(loop.tools[name].spec for name in task.tools)
        request = Request(opening, head, specs, schema, max_output=self._max_output(task))
        work_key = digest([WORK_SCHEME, request, loop.model.card.id])
        self.work_keys.append(work_key)
        flaws: list[str] = []
        while self.step < task.steps:
            answered = await self._ask(request, work_key)
            turns = [Message("assistant", answered.text, answered.calls, answered.reasoning)]
            if answered.calls:
                turns += [await self._use(call) for call in answered.calls]
            else:
                answer, flaws_now = self._judge(answered, schema)
                if not flaws_now:
                    return answer
                if flaws:
                    raise Flawed("; ".join(flaws_now))
                flaws = flaws_now
                turns.append(Message("user", render(loop.prompts["repair"], flaws=bullets(flaws[:20]))))
            request = replace(request, messages=(*request.messages, *turns))
        raise Flawed(f"all {task.steps} steps of this agent were used" + (f"; {flaws[0]}" if flaws else ""))

    def _max_output(self, task: Task) -> int:
        card = self.loop.model.card
        wanted = 128 + 96 * len(self.loop.columns) if task.kind is TaskKind.READ else 8_192
        return min(card.output, wanted, max(card.window // 2, 1))

    def _judge(self, answered: CallAnswered, schema: Schema) -> tuple[Json, list[str]]:
        """The parsed answer, and what is wrong with it."""
        if answered.finish == "refusal":
            raise Flawed(f"the model refused: {answered.text[:200] or 'no reason given'}")
        if answered.finish == "length":
            return None, ["the answer was cut off at the output limit; make it shorter"]
        try:
            answer: Json = orjson.loads(answered.text)
        except ValueError as caught:
            return None, [f"the answer is not JSON: {caught}"]
        flaws = [str(flaw) for flaw in validate(schema, answer)]
        if not flaws and self.assignment.task.kind is not TaskKind.READ:
            flaws = unfounded(answer, read=self.loop.read)
        return answer, flaws

    async def _ask(self, request: Request, work_key: str) -> CallAnswered:
        """One step: from the record when it was paid before, else from the model, with tries."""
        self.step += 1
        task, attempt = self.assignment.task.id, self.assignment.attempt
        fingerprint = digest([request, self.loop.model.card.id])
        recorded = self.desk.recorded(task, attempt, self.step)
        for body in recorded:
            if isinstance(body, CallAnswered):
                if body.request != fingerprint:
                    raise Flawed("the recorded step answers another request (prompts or inputs changed)")
                return body
        begun = {body.tries for body in recorded if isinstance(body, CallIntended)}
        ended = {body.tries for body in recorded if isinstance(body, CallFailed | CallLost)}
        tries = max(begun, default=0)
        for spent in range(1, TRIES + 1):
            tries += 1
            intent = self._intent(request, fingerprint, work_key, tries)
            try:
                return await self._call(request, intent, sequel=bool(begun - ended))
            except ModelFailure as caught:
                if not caught.retryable or spent == TRIES:
                    raise
                after = caught.retry_after if isinstance(caught, RateLimited) else None
                await self.desk.rest(delay(spent, chance=self.loop.chance.random(), retry_after=after))
        raise AssertionError("unreachable: the last try raises")

    def _intent(self, request: Request, fingerprint: str, work_key: str, tries: int) -> CallIntended:
        bound = input_bound(request)
        nanos = worst_case(input_bound=bound, output_bound=request.max_output, price=self.loop.price)
        task = self.assignment.task.id
        tokens = bound + request.max_output
        return CallIntended(task, self.assignment.attempt, self.step, tries, fingerprint, work_key, nanos, tokens)

    async def _call(self, request: Request, intent: CallIntended, *, sequel: bool) -> CallAnswered:
        """Record the intent, ask, record how it ended. A cancelled call stays open: its outcome is unknown."""
        before, self.pending = self.pending, []
        await self.desk.record(*before, intent)
        began = self.loop.clock.now()
        place = (intent.task, intent.attempt, intent.step, intent.tries)
        try:
            answer = await self.loop.model.answer(
                request, notice=lambda characters: self.loop.notice(intent.task, characters)
            )
        except StropError as caught:
            said = f"{type(caught).__name__}: {caught}"
            if isinstance(caught, ModelFailure) and caught.billed:
                await self.desk.record(CallLost(*place, said, intent.nanos, intent.tokens))
            else:
                await self.desk.record(CallFailed(*place, said, self.loop.clock.now() - began))
            raise
        answered = CallAnswered(
            *place,
            request=intent.request,
            text=answer.text,
            calls=answer.calls,
            reasoning=answer.reasoning,
            finish=answer.finish,
            usage=answer.usage,
            nanos=cost(answer.usage, self.loop.price),
            seconds=self.loop.clock.now() - began,
            sequel=sequel,
        )
        self.pending.append(answered)
        if not answer.calls:
            await self.flush()
        return answered

    async def _use(self, call: ToolCall) -> Message:
        """Run one tool call; a failure is told to the model and costs nothing but the step."""
        for body in self.desk.recorded(self.assignment.task.id, self.assignment.attempt, self.step):
            if isinstance(body, ToolEnded) and body.call == call:
                return Message("tool", body.output, call_id=call.id)
        tool = self.loop.tools.get(call.name) if call.name in self.assignment.task.tools else None
        failed = False
        try:
            if tool is None:
                allowed = ", ".join(self.assignment.task.tools) or "none"
                raise ToolFailure(f"there is no tool {call.name!r}; you have: {allowed}")
            output = await tool.call(call.arguments)
            text = output.text
            self.origins.update(output.label.origins)
        except ToolFailure as caught:
            text, failed = f"failed: {caught}", True
        self.pending.append(ToolEnded(self.assignment.task.id, self.assignment.attempt, self.step, call, text, failed))
        return Message("tool", text, call_id=call.id)

    async def count(self, unit: Unit, column: Column, ask: str) -> Claim:
        """One question to the companion table, on record as a tool call of the harness."""
        arguments = canonical({"path": unit.companion, "ask": ask}).decode()
        call = ToolCall(digest([unit.key, column.name, ask])[:12], "table", arguments)
        ended = await self._use_harness(call)
        return claim_of_table(unit, column=column, ask=ask, ended=ended, read=self.loop.read, task=self.assignment.task)

    async def _use_harness(self, call: ToolCall) -> ToolEnded:
        try:
            output = await self.loop.tools["table"].call(call.arguments)
            text, failed = output.text, False
        except ToolFailure as caught:
            text, failed = str(caught), True
        ended = ToolEnded(self.assignment.task.id, self.assignment.attempt, self.step, call, text, failed)
        self.pending.append(ended)
        return ended

    async def flush(self) -> None:
        """Commit what is pending."""
        before, self.pending = self.pending, []
        if before:
            await self.desk.record(*before)

    def result(
        self,
        answer: Json,
        claims: Sequence[Claim],
        *,
        failure: str = "",
        unread: tuple[tuple[UnitKey, str], ...] = (),
    ) -> Result:
        """What this attempt leaves."""
        origins = {claim.source for claim in claims} | self.origins
        return Result(
            task=self.assignment.task.id,
            output="" if failure else canonical(answer).decode(),
            failure=failure,
            unread=unread,
            claims=tuple(claims),
            steps=self.step,
            work_keys=tuple(self.work_keys),
            label=Label(Integrity.UNTRUSTED, origins=tuple(sorted(origins))),
        )


def input_bound(request: Request) -> int:
    """Most input tokens a request can be: no token is shorter than a byte (no tokenizer needed)."""
    texts = sum(
        _bytes(message.text, message.reasoning, message.call_id)
        + sum(_bytes(call.id, call.name, call.arguments) + OVERHEAD for call in message.calls)
        for message in request.messages
    )
    extras = len(canonical(to_json_schema(request.schema))) if request.schema is not None else 0
    tools = sum(
        _bytes(spec.name, spec.purpose) + len(canonical(to_json_schema(spec.arguments))) + 2 * OVERHEAD
        for spec in request.tools
    )
    return texts + extras + tools + OVERHEAD * (len(request.messages) + 1)


def _bytes(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)
