"""The steps of one attempt: asks, puts on record, calls tools, cuts what grows too long.

A step that an earlier life already paid for is taken from the record when its request hash is equal, so
a conversation is a fold of its events. An answer is committed together with its tools' results and the
next intent, where the tools are prompt; else at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import orjson

from strop.errors import ModelFailure, RateLimited, StropError, ToolFailure, boundary
from strop.seams import Answer, Assignment, Chance, Clock, Desk, Message, Model, Request, Tool, ToolOutput, Watchful
from strop.swarm.context import Context, Policy, shortened
from strop.swarm.guards.backoff import delay
from strop.swarm.guards.stall import Progress
from strop.swarm.lengths import Lengths, Like
from strop.swarm.prompting import bullets, render
from strop.swarm.race import Asking, Race
from strop.types.events import Body, CallAnswered, CallFailed, CallIntended, CallLost, Compacted, ToolCall, ToolEnded
from strop.types.fingerprint import digest
from strop.types.money import Price, cost, worst_case
from strop.types.schema import Json, Schema, validate
from strop.types.work import TaskKind

TRIES = 5
"""Paid or unpaid askings of one step before the attempt fails."""
PACED = 20
"""Refusals for pace of one step before the attempt fails; they are unpaid."""
SHARED = 1_024
"""Tool results that are remembered, so that equal ones are one text in memory."""
WORK_SCHEME = "work/2"
SPARE = 2
"""Steps that an agent has left after one that may be cut short: to ask again, and to repair."""
TOOL_SECONDS = 60.0
"""A tool call that has not ended by then is cut, and the model is told."""


class Flawed(Exception):
    """An answer that did not fit after its repair turn; the message lists the flaws."""


class Outdated(Flawed):
    """What is on record answers another request than the one that would be asked now."""


class Stalled(Flawed):
    """The agent got nowhere; the message says by which sign."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a conversation works with: the model, its price, the tools. One instance serves a whole run."""

    model: Model
    price: Price
    """As pinned in the plan."""
    prompts: Mapping[str, str]
    clock: Clock
    chance: Chance
    tools: Mapping[str, Tool]
    policy: Policy
    keep: Callable[[bytes], str]
    """Puts a large body into the blob store; returns its hash."""
    notice: Callable[[str, int], None]
    shared: dict[str, str]
    """Recent tool results: what several agents read is held once."""
    lengths: Lengths
    """How long the run's answers were: what the next ones may be."""
    watchful: Watchful | None = None
    """The model, where its late calls may be asked a second time."""
    tool_seconds: float = TOOL_SECONDS


@dataclass(slots=True)
class Conversation:
    """Owned by the agent's task."""

    means: Means
    assignment: Assignment
    desk: Desk
    judge: Callable[[Json], list[str]]
    """What is wrong with an answer beyond its schema, in words for the model."""
    step: int = 0
    work_keys: list[str] = field(default_factory=list[str])
    pending: list[Body] = field(default_factory=list[Body])
    """Facts that wait for the next intent, so that a step is one commit."""
    origins: set[str] = field(default_factory=set[str])
    given: int = 0
    """Tokens that the newest answer was allowed."""
    cut: bool = False
    """An answer was longer than its like had been: this conversation's may be as long as the model's."""
    said: list[str] = field(default_factory=list[str])
    """What the agent has tried so far, for whoever takes over."""

    async def converse(self, opening: tuple[Message, ...], *, head: int, schema: Schema, max_output: int) -> Json:
        """Ask until an answer fits `schema`, calling tools on the way.

        Raises:
            Flawed: it did not fit after one repair turn, the steps ran out, the window is full, or nothing moved.
            ModelFailure, BudgetExhausted, JournalFault, AgentPaused.
        """
        means, task = self.means, self.assignment.task
        specs = tuple(means.tools[name].spec for name in task.tools)
        frame = Request(opening, head, specs, schema, max_output=max_output)
        context = Context(frame, means.model.card.id, means.model.card.window)
        work_key = digest([WORK_SCHEME, context.fingerprint])
        self.work_keys.append(work_key)
        progress = Progress()
        flaws: list[str] = []
        while self.step < task.steps:
            if context.full:
                await self._make_room(context)
            answered = await self._ask(context, work_key)
            work_key = ""  # it stands with the first intent
            context.counted(answered.usage)
            if answered.finish == "length" and self.given < max_output:
                self.cut = True  # asked again, for all it has to say
                continue
            context.add(Message("assistant", answered.text, answered.calls, answered.reasoning))
            if answered.calls:
                await self._use_all(answered.calls, context, progress)
                continue
            answer, flaws_now = self._judged(answered, schema)
            if not flaws_now:
                return answer
            if flaws:
                raise Flawed("; ".join(flaws_now))
            flaws = flaws_now
            context.add(Message("user", render(means.prompts["repair"], flaws=bullets(flaws[:20]))))
        raise Flawed(f"all steps of this agent were used: {task.steps}" + (f"; {flaws[0]}" if flaws else ""))

    # ------------------------------------------------------------ the window

    async def _make_room(self, context: Context) -> None:
        """Cut the conversation by its policy.

        Raises:
            Flawed: it cannot be cut, or not far enough.
        """
        before = context.estimate
        if self.means.policy is Policy.HIDE and context.turns:
            hidden = context.hide()
            if context.estimate < before:
                self.pending.append(self._compacted(Policy.HIDE, hidden, before))
        elif self.means.policy is Policy.SHARD and context.turns and self.step + 1 < self.assignment.task.steps:
            await self._shard(context, before)
        if context.overflows:
            room = context.window - context.frame.max_output
            raise Flawed(
                f"the conversation needs about {context.estimate:,} tokens, the window leaves {room:,} "
                f"(context policy: {self.means.policy}). Give the task less to read, or a model with a larger window"
            )

    async def _shard(self, context: Context, before: int) -> None:
        """Have the agent write down what it knows, and go on with only that."""
        frame = context.frame
        ask = Message("user", render(self.means.prompts["shard"]))
        request = Request((*context.request.messages, ask), frame.head, (), None, max_output=frame.max_output // 2 or 1)
        aside = Context(request, context.model, context.window)
        answered = await self._ask(aside, digest([WORK_SCHEME, aside.fingerprint]))
        context.start_afresh(render(self.means.prompts["shard-notes"], notes=answered.text))
        self.pending.append(self._compacted(Policy.SHARD, len(context.turns), before))

    def _compacted(self, policy: Policy, hidden: int, tokens: int) -> Compacted:
        task = self.assignment.task.id
        return Compacted(task, self.assignment.attempt, self.step + 1, policy, hidden, tokens)

    # ------------------------------------------------------------ one step

    async def _ask(self, context: Context, work_key: str) -> CallAnswered:
        """One step: from the record when it was paid before, else from the model, with tries."""
        self.step += 1
        task, attempt = self.assignment.task.id, self.assignment.attempt
        recorded = self.desk.recorded(task, attempt, self.step)
        for body in recorded:
            if isinstance(body, CallAnswered):
                if body.request != context.fingerprint:
                    raise Outdated("the recorded step answers another request (prompts or inputs changed)")
                intents = (each for each in recorded if isinstance(each, CallIntended) and each.tries == body.tries)
                self.given = next((intent.output for intent in intents), 0) or context.frame.max_output
                self.means.lengths.note(self._like, body.usage.output)
                return body
        begun = {body.tries for body in recorded if isinstance(body, CallIntended)}
        ended = {body.tries for body in recorded if isinstance(body, CallFailed | CallLost)}
        tries = count(max(begun, default=0) + 1)
        self.given = self._most(context)
        request = replace(context.request, max_output=self.given)
        spent = paced = 0
        while True:
            intent = self._intent(context, work_key, next(tries))
            try:
                return await self._call(request, intent, tries, sequel=bool(begun - ended))
            except ModelFailure as caught:
                for_pace = isinstance(caught, RateLimited)  # unpaid, and no fault of this step
                spent, paced = spent + (not for_pace), paced + for_pace
                if not caught.retryable or spent == TRIES or paced == PACED:
                    raise
                after = caught.retry_after if isinstance(caught, RateLimited) else None
                await self.desk.rest(delay(max(spent, 1), chance=self.means.chance.random(), retry_after=after))

    def _intent(self, context: Context, work_key: str, tries: int) -> CallIntended:
        output = self.given
        nanos = worst_case(input_bound=context.bound, output_bound=output, price=self.means.price)
        task, tokens = self.assignment.task.id, context.bound + output
        place = (task, self.assignment.attempt, self.step, tries)
        return CallIntended(*place, context.fingerprint, work_key, nanos, tokens, output)

    @property
    def _like(self) -> Like:
        task = self.assignment.task
        return self.means.model.card.id, task.role, task.prompt

    def _most(self, context: Context) -> int:
        """Tokens that the next answer may have: as long as its like were, where the agent can afford to be cut."""
        task, most = self.assignment.task, context.frame.max_output
        fixed = self.cut or task.kind is TaskKind.READ or context.frame.schema is None
        if fixed or task.steps - self.step < SPARE:
            return most
        return self.means.lengths.bound(self._like, most=most)

    async def _call(
        self, request: Request, intent: CallIntended, tries: Iterator[int], *, sequel: bool
    ) -> CallAnswered:
        """Record the intent, ask, record how it ended. A cancelled call stays open: its outcome is unknown.

        `tries` numbers further calls of this step: where this one is late a second may run beside it.
        """
        before, self.pending = self.pending, []
        await self.desk.record(*before, intent)
        means = self.means
        race = Race(
            means.model, means.watchful, request, self.desk, means.clock, tries,
            lambda characters: means.notice(intent.task, characters),
        )  # fmt: skip
        await race.run(intent)
        self.pending += [self._unused(asking) for asking in race.asked if asking is not race.won]
        if race.won is None:
            await self.flush()
            raise _failure_of(race)
        answered = self._answered(race.won, sequel=sequel)
        self.pending.append(answered)
        means.lengths.note(self._like, answered.usage.output)
        if race.fault is not None:
            raise race.fault
        if not answered.calls or not all(self._prompt(call) for call in answered.calls):
            await self.flush()
        return answered

    def _answered(self, asking: Asking, *, sequel: bool) -> CallAnswered:
        intent, answer = asking.intent, asking.ended
        assert isinstance(answer, Answer), "who has won has answered"
        return CallAnswered(
            intent.task,
            intent.attempt,
            intent.step,
            intent.tries,
            request=intent.request,
            text=answer.text,
            calls=answer.calls,
            reasoning=answer.reasoning,
            finish=answer.finish,
            usage=answer.usage,
            nanos=cost(answer.usage, self.means.price),
            seconds=asking.seconds,
            sequel=sequel,
        )

    def _unused(self, asking: Asking) -> CallFailed | CallLost:
        """How a call that left no answer goes on record."""
        intent = asking.intent
        place = (intent.task, intent.attempt, intent.step, intent.tries)
        match asking.ended:
            case Answer(usage=usage):
                nanos = cost(usage, self.means.price)
                return CallLost(*place, "answered second", nanos, usage.total, outrun=True, usage=usage)
            case None if asking.sent:
                return CallLost(*place, "cut off: the other call answered", intent.nanos, intent.tokens, outrun=True)
            case None:
                return CallFailed(*place, "not sent: the other call answered", asking.seconds)
            case StropError() as caught if not (isinstance(caught, ModelFailure) and caught.billed):
                return CallFailed(*place, _said(caught), asking.seconds)
            case caught:
                # Also a defect below us: whether it was billed is not known, and nothing may stay reserved for ever.
                return CallLost(*place, _said(caught), intent.nanos, intent.tokens)

    def _judged(self, answered: CallAnswered, schema: Schema) -> tuple[Json, list[str]]:
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
        return answer, flaws or self.judge(answer)

    # ------------------------------------------------------------ tools

    async def _use_all(self, calls: Sequence[ToolCall], context: Context, progress: Progress) -> None:
        """Answer every call of a turn, in order.

        Raises:
            Stalled: the agent gets nowhere.
        """
        results: list[str] = []
        for at, call in enumerate(calls):
            ended = await self._use(call, nth=sum(other.id == call.id for other in calls[:at]))
            results.append(ended.output)
            context.add(Message("tool", ended.output, call_id=call.id))
        self.said.append(", ".join(f"{call.name}({call.arguments})" for call in calls)[:200])
        progress.note(calls, results)
        if progress.stalled:
            await self.flush()
            raise Stalled(progress.stalled)

    async def _use(self, call: ToolCall, *, nth: int) -> ToolEnded:
        """Run one tool call, the `nth` of its id; a failure is told to the model and costs nothing but the step."""
        task, attempt = self.assignment.task, self.assignment.attempt
        named = ToolCall(call.id, call.name, "")  # the arguments stand in the answer, once
        recorded = self.desk.recorded(task.id, attempt, self.step)
        ended_before = [body for body in recorded if isinstance(body, ToolEnded) and body.call in (named, call)]
        if nth < len(ended_before):
            self.origins.update(ended_before[nth].origins)
            return ended_before[nth]
        tool = self.means.tools.get(call.name) if call.name in task.tools else None
        if tool is None:
            allowed = ", ".join(task.tools) or "none"
            text, failed, origins = f"failed: there is no tool {call.name!r}; you have: {allowed}", True, ()
        else:
            text, failed, origins = await self._run(tool, call)
        self.origins.update(origins)
        if len(text) > len(shown := shortened(text, handle="")):
            shown = shortened(text, handle=f"blob {self.means.keep(text.encode())[:16]}")
        shared = self.means.shared
        if len(shared) >= SHARED:
            shared.clear()
        shown = shared.setdefault(shown, shown)
        ended = ToolEnded(task.id, attempt, self.step, named, shown, failed, tuple(origins))
        self.pending.append(ended)
        return ended

    async def _run(self, tool: Tool, call: ToolCall) -> tuple[str, bool, tuple[str, ...]]:
        """(text, failed, origins) of one call; whatever breaks in it is told to the model."""
        try:
            async with boundary(ToolFailure, f"tool {call.name!r}"):
                output = await self._in_time(tool, call)
        except ToolFailure as caught:
            return f"failed: {caught}", True, ()
        text = output.text if output.text.isascii() else output.text.encode(errors="replace").decode()
        return text, False, output.label.origins

    async def _in_time(self, tool: Tool, call: ToolCall) -> ToolOutput:
        """What the tool returns.

        Raises:
            ToolFailure: it had not ended in time and was cancelled.
        """
        seconds = self.means.tool_seconds
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await tool.call(call.arguments)
        except TimeoutError:
            if not limit.expired():  # the tool's own
                raise
            raise ToolFailure(f"{call.name} had not ended after {seconds:g} s and was cut; ask it for less") from None

    def _prompt(self, call: ToolCall) -> bool:
        tool = self.means.tools.get(call.name)
        return tool is None or tool.spec.prompt

    async def harness_call(self, call: ToolCall) -> ToolEnded:
        """A call that the harness makes, on record like the agent's own; a failure is its result."""
        tool = self.means.tools[call.name]
        text, failed, origins = await self._run(tool, call)
        text = text.removeprefix("failed: ") if failed else text
        ended = ToolEnded(self.assignment.task.id, self.assignment.attempt, self.step, call, text, failed, origins)
        self.pending.append(ended)
        return ended

    async def flush(self) -> None:
        """Commit what is pending."""
        before, self.pending = self.pending, []
        if before:
            await self.desk.record(*before)


def _failure_of(race: Race) -> Exception:
    """What a step without an answer fails with."""
    failure = race.asked[0].ended
    assert isinstance(failure, Exception), "only an answer of another call cuts one off"
    return failure


def _said(caught: Exception) -> str:
    return f"{type(caught).__name__}: {caught}"
