"""One agent at its desk, on a virtual clock: what it asks, what it records, and what it does when things go wrong.

Model and disk are played (`ScriptedModel`, `MemoryJournal`); supervisor, ledger and agent loop are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.drafting.answers import sourced
from strop.errors import AuthRefused, BadStream, EndpointDown, ModelFailure, RateLimited, RequestRefused, ToolFailure
from strop.models.scripted import ScriptedModel, scripted_card
from strop.seams import Answer, Message, Request, ToolOutput, ToolSpec
from strop.swarm.agent import AgentLoop
from strop.swarm.context import input_bound
from strop.swarm.conversation import TRIES
from strop.swarm.fold import RunFold, fold
from strop.swarm.lengths import LEAST
from strop.swarm.supervise import STRIKES, Supervisor
from strop.testing.simulator import Crash, LoopClock, MemoryJournal, SeededChance, simulate
from strop.testing.world import random_plan
from strop.types.events import (
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    PlanApproved,
    PlanProposed,
    RunOpened,
    RunReopened,
    ToolCall,
)
from strop.types.fingerprint import canonical
from strop.types.label import Label
from strop.types.money import Price, Usage
from strop.types.schema import Field, Object, Text, to_json_schema
from strop.types.trial import Result
from strop.types.work import Budget, Plan, Task, TaskId, TaskKind

PRICE = Price("1", "0.1", "1.25", "4")
SAID = Object((Field("said", Text()),))
FOUND = Object((Field("found", sourced(Text(nullable=True))),))
SOURCES = {"inputs/a.txt": "The bell is cracked. Nobody rings it."}
NAMES = ("specialist", "aggregate", "repair", "task", "unit", "unit-again", "reader-1")
PROMPTS = {name: (resources.files("strop") / "prompts" / f"{name}.md").read_text("utf-8") for name in NAMES}
GOOD = Answer('{"said": "bells"}', Usage(input=10, output=5))
Script = Callable[[Request], "Answer | ModelFailure"]


@dataclass
class Shelf:
    """A tool that counts how often it is used."""

    used: int = 0

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec("shelf", "Looks at the shelf.", Object((Field("place", Text()),)), prompt=True)

    async def call(self, arguments: str) -> ToolOutput:
        self.used += 1
        if "cellar" in arguments:
            raise ToolFailure("there is no shelf in the cellar")
        return ToolOutput("three bells", Label())


@dataclass
class Office:
    """One task, over as many lives of the process as it takes."""

    script: Script
    schema: Object = SAID
    tools: tuple[str, ...] = ()
    steps: int = 6
    team: int = 1
    """Agents with this task, one after another: `t`, `t2`, `t3`."""
    output: int = 100
    """Most tokens of an answer."""
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    shelf: Shelf = field(default_factory=Shelf)
    asked: list[Request] = field(default_factory=list[Request])
    times: list[float] = field(default_factory=list[float])
    """When each was asked, in seconds of the virtual clock."""
    prompts: Mapping[str, str] = field(default_factory=lambda: PROMPTS)

    @property
    def plan(self) -> Plan:
        task = Task(
            TaskId("t"), TaskKind.WORK, "ringer", "Say what is there.", self.schema, "specialist",
            tools=self.tools, steps=self.steps,
        )  # fmt: skip
        made = random_plan(0, budget=Budget(agents=1))
        others = (replace(task, id=TaskId(f"t{n}")) for n in range(2, self.team + 1))
        return replace(made, tasks=(task, *others))

    def live(self, *, crash_at: int | None = None) -> RunFold | None:
        """Work until the task has ended; None when the process died at that append."""
        self.journal.crash_at = crash_at
        try:
            return simulate(self._main(), seed=1)
        except Crash:
            return None
        finally:
            self.journal.close()

    def result(self) -> Result:
        """What the task left."""
        state = self.live()
        assert state is not None
        return state.results[TaskId("t")]

    def facts(self, kind: type) -> list[object]:
        """What is on record of one kind."""
        return [event.body for event in self.journal.read() if isinstance(event.body, kind)]

    async def _main(self) -> RunFold:
        clock, chance, state = LoopClock(), SeededChance(1), fold(self.journal.read())
        model = ScriptedModel(self._heard, clock=clock, card=replace(scripted_card(), price=PRICE, output=self.output))
        loop = AgentLoop(model, PRICE, self.prompts, self._read, clock, chance, tools={"shelf": self.shelf})
        desk = Supervisor(self.journal, state, loop, clock, chance)
        if state.opened is None:
            opened = RunOpened("sim", "", "0", self.plan.spec.budget)
            await desk.record(opened, PlanProposed(self.plan), PlanApproved("", "test"))
        else:
            await desk.record(RunReopened(state.seconds))
        await desk.carry_out(deadline=1e6)
        return state

    def _heard(self, request: Request) -> Answer | ModelFailure:
        self.asked.append(request)
        self.times.append(LoopClock().now())
        return self.script(request)

    def _read(self, path: str) -> str:
        if path not in SOURCES:
            raise ToolFailure(f"{path} is not there")
        return SOURCES[path]


def playing(*turns: Answer | ModelFailure) -> Script:
    """Answers in their order; the last one for ever."""
    left = list(turns)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def found(value: str | None, quote: str, source: str = "inputs/a.txt") -> Answer:
    """An answer with one sourced leaf."""
    return Answer(orjson.dumps({"found": {"value": value, "source": source, "quote": quote}}).decode(), Usage(output=1))


# ---------------------------------------------------------------- answers that do not fit


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (Answer("Let me think.", Usage()), "the answer is not JSON"),
        (Answer("", Usage()), "the answer is not JSON"),
        (Answer('{"said": 5}', Usage()), "said: expected a string, got a number"),
        (Answer('{"sad": "x"}', Usage()), "sad: is not in the schema"),
        (Answer('[{"said": "bells"}]', Usage()), "expected an object, got a list"),
        (Answer('{"said": "bells"}', Usage(), finish="length"), "cut off at the output limit"),
        (Answer('{"said": NaN}', Usage()), "the answer is not JSON"),
        (Answer('{"said": "' + "x" * 4_001 + '"}', Usage()), "4001 characters, at most 4000"),
    ],
)
def test_an_answer_that_does_not_fit_is_repaired_once(bad: Answer, told: str) -> None:
    """The model is told what is wrong and answers again; the second answer counts."""
    office = Office(playing(bad, GOOD))

    result = office.result()

    assert (result.failure, result.output, result.steps) == ("", '{"said":"bells"}', 2)
    assert office.asked[1].messages[:-2] == office.asked[0].messages
    assert "cannot be used" in office.asked[1].messages[-1].text
    assert told in office.asked[1].messages[-1].text


def test_what_stays_wrong_fails_after_one_repair_turn() -> None:
    """Two askings an attempt, then the attempt fails with what is wrong; the next one starts afresh and knows it."""
    office = Office(playing(Answer("no", Usage())))

    result = office.result()

    assert result.failure.startswith("SchemaInvalid: the answer is not JSON")
    assert len(office.asked) == 2 * STRIKES
    assert len(office.asked[2].messages) == 2
    assert "SchemaInvalid" in office.asked[2].messages[-1].text


def test_a_refusal_is_not_argued_with() -> None:
    """A model that refuses is asked once an attempt, and its words are the failure."""
    office = Office(playing(Answer("I would rather not.", Usage(), finish="refusal")))

    assert office.result().failure == "SchemaInvalid: the model refused: I would rather not."
    assert len(office.asked) == STRIKES


# ---------------------------------------------------------------- sources and quotes


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (found("cracked", "The bell is broken."), "found: the quote does not stand in inputs/a.txt"),
        (found("cracked", ""), "found: the quote does not stand in inputs/a.txt"),
        (found("cracked", "The bell is cracked.", "inputs/b.txt"), "found: the source 'inputs/b.txt' cannot be read"),
    ],
)
def test_an_invented_source_is_told_and_repaired(bad: Answer, told: str) -> None:
    """A quote that stands nowhere goes back to its author with the reason; the real one is kept with its place."""
    office = Office(playing(bad, found("cracked", "The bell is cracked.", "./inputs/a.txt")), schema=FOUND)

    (claim,) = office.result().claims

    assert told in office.asked[1].messages[-1].text
    assert (claim.value, claim.source, claim.span) == ("cracked", "inputs/a.txt", (0, 20))


def test_who_invents_twice_fails() -> None:
    """No value of an answer whose quotes are invented gets through."""
    office = Office(playing(found("cracked", "The bell is broken.")), schema=FOUND)

    result = office.result()

    assert "the quote does not stand" in result.failure
    assert (result.output, result.claims) == ("", ())


def test_an_honest_gap_needs_no_source() -> None:
    """Null is an answer, with nothing to quote."""
    office = Office(playing(Answer('{"found": {"value": null, "source": null, "quote": null}}', Usage())), schema=FOUND)

    assert office.result().landed
    assert len(office.asked) == 1


# ---------------------------------------------------------------- tools


def calling(name: str, arguments: str = '{"place": "wall"}') -> Answer:
    """A turn that calls one tool."""
    return Answer("", Usage(output=1), (ToolCall("c1", name, arguments),), finish="tools")


@pytest.mark.parametrize(
    ("call", "tools", "heard"),
    [
        (calling("shelf"), ("shelf",), "three bells"),
        (calling("shelf", '{"place": "cellar"}'), ("shelf",), "failed: there is no shelf in the cellar"),
        (calling("teleport"), ("shelf",), "failed: there is no tool 'teleport'; you have: shelf"),
        (calling("shelf"), (), "failed: there is no tool 'shelf'; you have: none"),
    ],
    ids=["works", "breaks", "unknown", "not-allowed"],
)
def test_a_tool_answers_or_says_why_not(call: Answer, tools: tuple[str, ...], heard: str) -> None:
    """What a tool says, and how it failed, is the next thing the model reads; the agent goes on."""
    office = Office(playing(call, GOOD), tools=tools)

    assert office.result().landed
    assert office.asked[1].messages[-1] == Message("tool", heard, call_id="c1")


def test_an_agent_stops_when_its_steps_are_used() -> None:
    """Who calls tools for ever has as many steps as the plan gave, an attempt."""
    office = Office(playing(calling("shelf")), tools=("shelf",), steps=3)

    assert office.result().failure == "SchemaInvalid: all steps of this agent were used: 3"
    assert len(office.asked) == 3 * STRIKES


# ---------------------------------------------------------------- calls that fail


def test_retry_after_is_a_floor_with_jitter_on_top() -> None:
    """The provider says seven seconds: the next try comes then, and a little later, never before."""
    office = Office(playing(RateLimited("429", retry_after=7.0), RateLimited("429", retry_after=7.0), GOOD))

    assert office.result().landed
    first, second = (later - earlier for earlier, later in zip(office.times, office.times[1:], strict=False))
    assert 7.0 < first < 8.0
    assert 7.0 < second < 9.0
    assert first != second


def test_tries_wait_longer_each_time_and_end() -> None:
    """Waits are jittered under a doubling cap; when nobody was ever answered, the run stops and the task stays open."""
    office = Office(playing(EndpointDown("refused", billed=False)))

    state = office.live()

    assert state is not None
    assert state.stop is not None
    assert (state.stop.reason, state.stop.said) == ("endpoint", "EndpointDown: refused")
    assert not state.results
    assert len(office.asked) == TRIES
    waits = [later - earlier for earlier, later in zip(office.times, office.times[1:TRIES], strict=False)]
    assert all(0 <= wait < 0.5 * 2**tries for tries, wait in enumerate(waits, 1))


def test_what_cannot_succeed_is_tried_once() -> None:
    """A request that the provider calls wrong is not sent again in the same attempt."""
    office = Office(playing(RequestRefused("400")))

    assert office.result().failure == "RequestRefused: 400"
    assert len(office.asked) == STRIKES


def test_a_wrong_key_ends_the_run_and_not_the_task() -> None:
    """Nobody's next call would fare better: the run stops, says why, and the task can go on later."""
    office = Office(playing(AuthRefused("401")))

    state = office.live()

    assert state is not None
    assert state.stop is not None
    assert (state.stop.reason, state.stop.said) == ("auth", "401")
    assert len(office.asked) == 1


def test_a_failure_that_was_billed_is_booked_at_its_worst_case() -> None:
    """An answer that broke off was paid for: all that its reservation held is spent."""
    office = Office(playing(BadStream("cut off"), GOOD))

    state = office.live()

    assert state is not None
    intents = [fact for fact in office.facts(CallIntended) if isinstance(fact, CallIntended)]
    assert len(office.facts(CallLost)) == 1
    good = 10 * 1_000 + 5 * 4_000
    assert intents[0].nanos > good
    assert state.ledger.nanos == intents[0].nanos + good
    assert state.run().tally.lost_nanos == intents[0].nanos
    assert state.ledger.reserved == 0


def test_a_failure_that_was_not_billed_is_given_back() -> None:
    """A connection that never came about costs nothing."""
    office = Office(playing(EndpointDown("refused", billed=False), GOOD))

    state = office.live()

    assert state is not None
    assert len(office.facts(CallFailed)) == 1
    assert state.ledger.nanos == 10 * 1_000 + 5 * 4_000
    assert (state.ledger.reserved, state.run().tally.lost) == (0, 0)


# ---------------------------------------------------------------- a process that dies


@pytest.mark.parametrize("crash_at", range(3, 7))
def test_a_recorded_step_is_not_asked_again(crash_at: int) -> None:
    """Killed at any append: what was answered on record is neither bought nor looked up a second time."""
    office = Office(lambda request: GOOD if request.messages[-1].role == "tool" else calling("shelf"), tools=("shelf",))

    state = office.live(crash_at=crash_at)
    answered = {fact.request for fact in office.facts(CallAnswered) if isinstance(fact, CallAnswered)}
    before, used = len(office.asked), office.shelf.used
    state = state or office.live()

    assert state is not None
    assert state.results[TaskId("t")].landed
    steps = [fact.request for fact in office.facts(CallAnswered) if isinstance(fact, CallAnswered)]
    assert len(steps) == len(set(steps)) == 2
    assert len(office.asked) - before == 2 - len(answered)
    assert office.shelf.used - used == (0 if answered else 1)


def test_a_record_of_another_request_is_not_used() -> None:
    """The prompt changed between two lives: the old answer is not passed off as one to the new question."""
    office = Office(lambda request: GOOD if request.messages[-1].role == "tool" else calling("shelf"), tools=("shelf",))
    assert office.live(crash_at=4) is None
    assert len(office.facts(CallAnswered)) == 1

    office.prompts = {**PROMPTS, "specialist": "Another prompt. {{title}} {{rules}}"}
    state = office.live()

    assert state is not None
    assert state.results[TaskId("t")].landed
    assert all("Another prompt." in request.messages[0].text for request in office.asked[1:])
    assert len(office.asked) == 3


# ---------------------------------------------------------------- how much a call can cost

texts = st.one_of(st.text(max_size=9), st.text(alphabet="aé漢😀", min_size=9, max_size=9).map(lambda text: 40 * text))
calls = st.lists(st.builds(ToolCall, texts, texts, texts), max_size=2).map(tuple)
messages = st.lists(
    st.builds(Message, st.sampled_from(["user", "assistant", "tool"]), texts, calls, texts, texts),
    min_size=1,
    max_size=4,
)
tools = st.lists(st.builds(ToolSpec, texts, texts, st.just(SAID)), max_size=2).map(tuple)


@given(messages.map(tuple), tools, st.sampled_from([None, SAID, FOUND]))
def test_a_bound_on_input_holds_for_any_tokenizer(
    sent: tuple[Message, ...], offered: tuple[ToolSpec, ...], schema: Object | None
) -> None:
    """No token is shorter than a byte: the bound is never below the bytes of all that a request says."""
    request = Request(sent, tools=offered, schema=schema)
    said = [part for each in sent for part in (each.role, each.text, each.reasoning, each.call_id)]
    said += [part for each in sent for call in each.calls for part in (call.id, call.name, call.arguments)]
    said += [part for spec in offered for part in (spec.name, spec.purpose)]
    forms = [canonical(to_json_schema(spec.arguments)) for spec in offered]
    forms += [canonical(to_json_schema(schema))] if schema is not None else []

    least = sum(len(part.encode()) for part in said) + sum(len(form) for form in forms)
    assert input_bound(request) >= least


# ---------------------------------------------------------------- how long an answer may be

LONG = 8_192
LOOKS = Answer("", Usage(input=10, output=40), (ToolCall("c", "shelf", '{"place": "attic"}'),), finish="tools")


def shelf_then_bells(request: Request) -> Answer:
    """One look at the shelf, then the answer."""
    return GOOD if any(message.role == "tool" for message in request.messages) else LOOKS


def limits(office: Office, task: str) -> list[int]:
    """Output tokens that the agent's calls were reserved with."""
    intents = (event.body for event in office.journal.read() if isinstance(event.body, CallIntended))
    return [intent.output for intent in intents if intent.task == task]


def test_a_step_may_be_as_long_as_its_like_were() -> None:
    """Five answers show how long one is; from then on a call reserves, and sends, a quarter of the longest there is."""
    office = Office(shelf_then_bells, tools=("shelf",), steps=4, team=4, output=LONG)
    office.result()

    assert limits(office, "t2") == [LONG, LONG]
    assert limits(office, "t3") == [LONG, LEAST]
    assert limits(office, "t4") == [LEAST, LEAST]
    assert [request.max_output for request in office.asked] == 5 * [LONG] + 3 * [LEAST]


def test_an_agent_that_has_no_step_to_spare_is_not_cut_short() -> None:
    """Asking again takes a step, and so does a repair: with fewer left a step may be as long as the model's."""
    office = Office(shelf_then_bells, tools=("shelf",), steps=3, team=4, output=LONG)
    office.result()

    assert limits(office, "t4") == [LEAST, LONG]


def test_an_answer_longer_than_its_like_is_asked_for_again_in_full() -> None:
    """The cut answer is paid and on record, the next has the model's own limit; no repair is spent on it."""
    told: list[Request] = []

    def script(request: Request) -> Answer:
        if request.max_output == LEAST and len(told) < 2:
            told.append(request)
            return Answer('{"said": "be', Usage(input=10, output=LEAST), finish="length")
        return GOOD

    office = Office(script, steps=4, team=7, output=LONG)
    state = office.live()

    assert state is not None
    assert {result.failure for result in state.results.values()} == {""}
    assert limits(office, "t6") == [LEAST, LONG]
    assert limits(office, "t7") == [4 * LEAST]
    assert [request.messages for request in office.asked].count(told[0].messages) == 8
    assert state.ledger.steps == 8


def test_a_cut_answer_is_on_record_and_is_not_bought_again() -> None:
    """The process dies after the cut answer: the next life takes it from the record and asks only for the whole."""
    asked: list[int] = []

    def script(request: Request) -> Answer:
        asked.append(request.max_output)
        if request.max_output == LEAST:
            return Answer('{"said": "be', Usage(input=10, output=LEAST), finish="length")
        return GOOD

    whole = Office(script, steps=4, team=6, output=LONG)
    whole.live()
    calls, crash_at = asked.copy(), 0
    while crash_at := crash_at + 1:
        asked.clear()
        office = Office(script, steps=4, team=6, output=LONG)
        if office.live(crash_at=crash_at) is not None:
            break
        state = office.live()
        assert state is not None
        assert state.results[TaskId("t6")].output == '{"said":"bells"}'
        assert len(asked) <= len(calls) + 1
        assert not any("cannot be used" in request.messages[-1].text for request in office.asked)
        assert state.ledger.steps <= len(calls)
    assert crash_at > 20
