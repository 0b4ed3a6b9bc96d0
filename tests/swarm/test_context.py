"""A conversation and its window: counted, cut by its policy, hashed step by step."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from strop.seams import Answer, Message, ModelCard, Request, ToolOutput, ToolSpec
from strop.swarm.agent import AgentLoop
from strop.swarm.context import LONGEST_RESULT, Context, Policy, bound_of, input_bound, shortened
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.testing.simulator import Crash, LoopClock, MemoryJournal, SeededChance, simulate
from strop.testing.world import PRICE, PROMPTS, random_plan
from strop.types.events import AttemptEnded, Compacted, PlanApproved, PlanProposed, RunOpened, RunReopened, ToolCall
from strop.types.fingerprint import digest_bytes
from strop.types.label import Label
from strop.types.money import Certainty, Usage
from strop.types.schema import Field, Integer, Object, Text
from strop.types.work import Budget, Task, TaskId, TaskKind

PAGE = Field("page", Integer())
OPENING = (Message("system", "You read."), Message("user", "Read all pages."))
FRAME = Request(OPENING, 1, (), Object((Field("said", Text()),)), max_output=100)


def turns(number: int) -> list[Message]:
    """One round of a tool."""
    call = ToolCall(f"c{number}", "page", f'{{"page": {number}}}')
    return [Message("assistant", "", (call,)), Message("tool", f"page {number} " + "x" * 900, call_id=call.id)]


def test_the_hash_of_a_request_is_that_of_all_its_parts() -> None:
    """Equal conversations have equal hashes, however they came about; any difference shows."""
    one, two = Context(FRAME, "m", 10_000), Context(FRAME, "m", 10_000)
    one.add(*turns(1), *turns(2))
    for message in (*turns(1), *turns(2)):
        two.add(message)
    assert one.fingerprint == two.fingerprint
    assert one.request.messages == (*OPENING, *turns(1), *turns(2))
    others = (
        Context(FRAME, "other", 10_000),
        Context(replace(FRAME, max_output=99), "m", 10_000),
        Context(replace(FRAME, messages=(OPENING[0], Message("user", "Read."))), "m", 10_000),
    )
    for other in others:
        other.add(*turns(1), *turns(2))
        assert other.fingerprint != one.fingerprint
    two.add(Message("user", "again"))
    assert two.fingerprint != one.fingerprint


def test_the_bound_is_kept_step_by_step() -> None:
    """What a step may cost at most is known without going over the whole conversation again."""
    context = Context(FRAME, "m", 10_000)
    context.add(*turns(1), *turns(2), Message("user", "Straße"))
    assert context.bound == input_bound(context.request)
    context.hide()
    assert context.bound == input_bound(context.request)
    context.start_afresh("notes")
    assert context.bound == input_bound(context.request)


def test_size_is_what_the_provider_counted_and_an_estimate_since() -> None:
    """The provider's figure is the truth about what it read; only newer turns are estimated."""
    context = Context(FRAME, "m", 10_000)
    context.add(*turns(1))
    context.counted(Usage(input=300, cached=20, cache_write=5, output=50))
    assert context.estimate == 325
    context.add(Message("user", "y" * 200))
    assert context.estimate == 325 + -(-bound_of([Message("user", "y" * 200)]) // 2)


def test_what_the_provider_billed_bounds_the_next_request_better_than_its_bytes() -> None:
    """Tokens billed for the last request, and a token a byte of what came since; an estimate is no bound."""
    context = Context(FRAME, "m", 10_000)
    context.add(*turns(1))
    newer = Message("user", "y" * 200)
    context.counted(Usage(input=300, cached=20, cache_write=5, certainty=Certainty.ESTIMATED))
    assert context.bound == input_bound(context.request)
    context.counted(Usage(input=300, cached=20, cache_write=5))
    context.add(newer)
    assert context.bound == 325 + bound_of([newer]) < input_bound(context.request)
    context.hide()
    assert context.bound == input_bound(context.request)


def test_hiding_leaves_the_newest_round_and_all_words() -> None:
    """Older results become handles that name their call; what the agent said stays, and so does the newest round."""
    context = Context(FRAME, "m", 10_000)
    context.add(*turns(1), *turns(2), *turns(3))
    before = context.bound
    context.hide()
    shown = [message.text for message in context.request.messages if message.role == "tool"]
    assert shown[2] == turns(3)[1].text
    assert all("no longer shown" in text and f'page({{"page": {at}}})' in text for at, text in enumerate(shown[:2], 1))
    assert context.bound < before - 1_500
    assert [message.calls for message in context.turns] == [m.calls for n in (1, 2, 3) for m in turns(n)]


def test_a_long_result_is_shown_from_its_beginning_with_a_handle() -> None:
    """What does not fit is not lost: the handle names the blob."""
    assert shortened("short", handle="blob 1") == "short"
    text = shortened("z" * (LONGEST_RESULT + 10), handle="blob 1")
    assert text.startswith("z" * LONGEST_RESULT)
    assert "10 of 24,010 characters left out" in text
    assert "blob 1" in text


# ---------------------------------------------------------------- policies, in a run


class Pages:
    """A tool with long pages."""

    size = 2_000

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec("page", "Reads a page.", Object((PAGE,)), prompt=True)

    async def call(self, arguments: str) -> ToolOutput:
        number = orjson.loads(arguments)["page"]
        return ToolOutput(f"page {number} " + "x" * self.size, Label())


class Reader:
    """A model that reads ten pages, one a round, and refuses what passes its window like a provider does."""

    def __init__(self, window: int) -> None:
        self.card = ModelCard("reader", "reader", "r", PRICE, window=window, output=200)
        self.largest = 0
        self.asked: list[Request] = []
        self.done = 0

    async def answer(self, request: Request, *, notice: object = None) -> Answer:
        self.asked.append(request)
        tokens = sum(len(message.text) for message in request.messages) // 3
        self.largest = max(self.largest, tokens + request.max_output)
        usage = Usage(input=tokens, output=20)
        if request.schema is None:
            return Answer(f"I have read {self.done} pages.", usage)
        self.done += 1
        if self.done > 10:
            return Answer('{"said": "ten pages"}', usage)
        call = ToolCall(f"c{self.done}", "page", f'{{"page": {self.done}}}')
        return Answer("", usage, (call,), finish="tools")

    async def close(self) -> None:
        """Nothing is held."""


def live(
    model: Reader, policy: Policy, journal: MemoryJournal, *, kept: list[bytes] | None = None, size: int = 2_000
) -> RunFold | None:
    """One life of a run of one task."""
    task = Task(TaskId("t"), TaskKind.WORK, "reader", "Read.", Object((Field("said", Text()),)), "specialist",
                tools=("page",), steps=30)  # fmt: skip
    plan = replace(random_plan(0, budget=Budget(agents=1)), tasks=(task,))
    pages = Pages()
    pages.size = size

    async def main() -> RunFold:
        clock, chance, state = LoopClock(), SeededChance(1), fold(journal.read())
        prompts = {**PROMPTS, "shard": "Write down what you know.", "shard-notes": "Your notes: {{notes}}"}

        def keep(body: bytes) -> str:
            (kept if kept is not None else []).append(body)
            return digest_bytes(body)

        loop = AgentLoop(model, PRICE, prompts, lambda path: "", clock, chance, tools={"page": pages}, policy=policy,
                         keep=keep)  # fmt: skip
        desk = Supervisor(journal, state, loop, clock, chance)
        if state.opened is None:
            await desk.record(RunOpened("sim", "", "0", plan.spec.budget), PlanProposed(plan), PlanApproved("", "test"))
        else:
            await desk.record(RunReopened(state.seconds))
        await desk.carry_out(deadline=1e6)
        return state

    try:
        return simulate(main(), seed=1)
    except Crash:
        return None
    finally:
        journal.close()


def cuts(journal: MemoryJournal) -> list[Compacted]:
    return [event.body for event in journal.read() if isinstance(event.body, Compacted)]


@pytest.mark.parametrize("policy", [Policy.HIDE, Policy.SHARD])
def test_a_conversation_that_fills_its_window_is_cut_and_goes_on(policy: Policy) -> None:
    """Twenty thousand characters through a window of three thousand tokens: it lands, and no request passes it."""
    model, journal = Reader(3_000), MemoryJournal()
    state = live(model, policy, journal)
    assert state is not None
    assert state.results[TaskId("t")].landed
    assert model.largest <= 3_000
    made = cuts(journal)
    assert 0 < len(made) <= 6, "cuts are rare and large"
    assert {cut.policy for cut in made} == {policy}
    assert state.compacted == len(made)


def test_shards_go_on_with_their_own_notes() -> None:
    """After a cut the request is the opening and what the agent wrote down, and nothing else."""
    model, journal = Reader(3_000), MemoryJournal()
    assert live(model, Policy.SHARD, journal) is not None
    afresh = [request for request in model.asked if request.messages[-1].text.startswith("Your notes: I have read")]
    assert afresh
    assert all(len(request.messages) == 3 for request in afresh)


def test_keep_cuts_nothing_and_says_what_would_help() -> None:
    """The agent fails as data, with the figures and the next move, before a request passes the window."""
    model, journal = Reader(3_000), MemoryJournal()
    assert live(model, Policy.KEEP, journal) is not None
    first = next(event.body.result for event in journal.read() if isinstance(event.body, AttemptEnded))
    assert "the window leaves 2,800" in first.failure
    assert "a model with a larger window" in first.failure
    assert first.notes[0].startswith('Tried before: page({"page": 1})')
    assert not cuts(journal)
    assert model.largest <= 3_000


def test_prefixes_stay_the_same_between_cuts() -> None:
    """Every request but the first after a cut begins with the whole request before it: provider caches hit."""
    model, journal = Reader(3_000), MemoryJournal()
    assert live(model, Policy.HIDE, journal) is not None
    broken = sum(
        later.messages[: len(earlier.messages)] != earlier.messages
        for earlier, later in zip(model.asked, model.asked[1:], strict=False)
    )
    assert broken == len(cuts(journal))


def test_a_long_tool_result_is_stored_whole() -> None:
    """The agent sees its beginning; the blob store has all of it."""
    model, journal, kept = Reader(300_000), MemoryJournal(), list[bytes]()
    state = live(model, Policy.HIDE, journal, kept=kept, size=50_000)
    assert state is not None
    assert [len(body) for body in kept] == [len(f"page {n} ") + 50_000 for n in range(1, 11)]
    assert max(len(message.text) for request in model.asked for message in request.messages) < LONGEST_RESULT + 200


@pytest.mark.parametrize("policy", [Policy.HIDE, Policy.SHARD])
def test_a_killed_conversation_goes_on_after_its_cut(policy: Policy) -> None:
    """Killed at any append, the rebuilt requests hash as the recorded ones: nothing answered is asked again."""
    calm = Reader(3_000)
    assert live(calm, policy, MemoryJournal()) is not None
    for crash_at in range(3, 16):
        model, journal = Reader(3_000), MemoryJournal(crash_at=crash_at)
        state = live(model, policy, journal)
        asked = len(model.asked)
        if state is None:
            recorded = fold(journal.read()).ledger.steps
            model.done -= asked - recorded - sum(request.schema is None for request in model.asked[recorded:])
            state = live(model, policy, journal)
            assert len(model.asked) - asked == len(calm.asked) - recorded
        assert state is not None
        assert state.results[TaskId("t")].landed
