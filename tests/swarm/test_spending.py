"""What a run leaves for later quotes: each task whole, failures and second attempts included, by the run clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strop.drafting.quoting import Grounds, Pace, input_tokens
from strop.swarm.spending import SAMPLES_A_RUN, Spending, past_run, thinned
from strop.types.events import (
    AttemptEnded,
    AttemptStarted,
    Body,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    Event,
)
from strop.types.money import Price, Usage
from strop.types.past import GATE, PLANNING, REPAIR, Like, PastRun, Sample
from strop.types.schema import Field, Object, Text
from strop.types.trial import Result
from strop.types.work import (
    NOTHING,
    Binding,
    Column,
    ColumnType,
    Kind,
    Output,
    Plan,
    Quote,
    Spec,
    Task,
    TaskId,
    TaskKind,
    Unit,
    UnitKey,
)

PRICE = Price("1", "0.1", "1.25", "4")
BINDINGS = (
    Binding("worker", "m", PRICE, 32_000, 1_000),
    Binding("planner", "p", PRICE, 32_000, 1_000),
    Binding("verifier", "v", PRICE, 32_000, 1_000),
)
SPEC = Spec("Bells", (Output("a.csv", Kind.CSV, (Column("n", ColumnType.TEXT),) * 16),), each="in/*.txt")
PROMPTS = {"reader-1": "r", "reader-3": "r", "refute": "r", "decompose": "d"}
GROUNDS = Grounds(BINDINGS, PROMPTS, {"in/a": 4_000}, Pace(1, 2, 3))


def reading(name: str, *keys: str, prompt: str = "reader-1") -> Task:
    """One agent's batch."""
    units = tuple(Unit(UnitKey(key), f"in/{key}") for key in keys)
    schema = Object((Field("n", Text()),))
    return Task(TaskId(name), TaskKind.READ, "reader", "goal", schema, prompt, units=units, reader=1)


A, B, C = reading("read-1/a", "a"), reading("read-1/b", "b", "c"), reading("repair-3/a", "a", prompt="reader-3")
PLAN = Plan("Bells", SPEC, "", (A, B), BINDINGS, (), Quote(2, 1, 3, 2, NOTHING, NOTHING, NOTHING, "swarm", ()))


def place(task: str, *, attempt: int = 1, step: int = 1, tries: int = 1) -> tuple[TaskId, int, int, int]:
    return TaskId(task), attempt, step, tries


def asked(task: str, **at: int) -> CallIntended:
    return CallIntended(*place(task, **at), "", "", 1_000, 500)


def answered(task: str, seconds: float, usage: Usage, **at: int) -> CallAnswered:
    return CallAnswered(*place(task, **at), "", "", (), "", "stop", usage, 0, seconds)


def ended(task: str, attempt: int = 1, failure: str = "") -> AttemptEnded:
    return AttemptEnded(TaskId(task), attempt, Result(TaskId(task), failure=failure), retry_at=9.0 if failure else None)


FACTS: tuple[tuple[float, Body], ...] = (
    (0.0, asked("plan-1")),
    (5.0, answered("plan-1", 5.0, Usage(input=50, output=10))),
    (10.0, AttemptStarted(A.id, 1, "m")),
    (10.0, AttemptStarted(B.id, 1, "m")),
    (10.0, asked(A.id)),
    (11.0, CallFailed(*place(A.id), "429", 1.0)),
    (12.0, asked(A.id, tries=2)),
    (14.0, answered(A.id, 2.0, Usage(input=100, output=7), tries=2)),
    (14.0, ended(A.id, failure="SchemaInvalid: x")),
    (15.0, AttemptStarted(A.id, 2, "m")),
    (15.0, asked(A.id, attempt=2)),
    (16.0, CallLost(*place(A.id, attempt=2), "reset", 1_000, 500)),
    (16.0, asked(A.id, attempt=2, tries=2)),
    (18.0, answered(A.id, 2.0, Usage(input=100, cached=40, output=8), attempt=2, tries=2)),
    (18.0, ended(A.id, 2)),
    (20.0, answered(B.id, 9.0, Usage(input=300, output=9))),
    (20.0, ended(B.id, failure="all of it")),
    (21.0, asked("refute/1")),
    (21.0, asked("refute/2")),
    (23.0, answered("refute/1", 2.0, Usage(input=30, output=3))),
    (24.0, answered("refute/2", 3.0, Usage(input=31, output=3))),
    (25.0, AttemptStarted(C.id, 1, "m")),
    (25.0, asked(C.id)),
    (29.0, answered(C.id, 4.0, Usage(input=110, output=5))),
    (29.0, ended(C.id)),
    (30.0, asked("refute/3")),
    (32.0, answered("refute/3", 2.0, Usage(input=30, output=3))),
)  # fmt: skip


def left() -> PastRun:
    """What the run of these facts leaves."""
    spending = Spending()
    for seq, (at, body) in enumerate(FACTS, 1):
        spending.apply(Event("01", seq, 1, at, body))
    return past_run("01", plan=PLAN, repairs=(C,), spending=spending, seconds=40.0, grounds=GROUNDS)


def test_a_task_is_all_its_attempts() -> None:
    """Failed calls, a lost one, the failed attempt before and the pause between: all are what the task took."""
    sample = next(sample for sample in left().samples if sample.like.prompt == "reader-1")

    assert sample.like == Like("m", "reader-1", "read")
    assert (sample.steps, sample.usage) == (2, Usage(input=200, cached=40, output=15))
    assert (sample.lost, sample.calling, sample.seconds) == (1_000, 5.0, 8.0)
    assert (sample.units, sample.expected) == (1, input_tokens([A], grounds=GROUNDS)[0])


def test_every_role_leaves_its_samples() -> None:
    """A failed task too, the planner's work as one, each call of the gate, and repairs as what they are."""
    samples = left().samples
    held = [(sample.like, sample.usage.total, sample.seconds, sample.units) for sample in samples]

    assert held[1:] == [
        (Like("m", "reader-1", "read"), 309, 10.0, 2),
        (Like("m", "reader-3", REPAIR), 115, 4.0, 1),
        (Like("p", "decompose", PLANNING), 60, 5.0, 1),
        (Like("v", "refute", GATE), 33, 2.0, 1),
        (Like("v", "refute", GATE), 34, 3.0, 1),
        (Like("v", "refute", GATE), 33, 2.0, 1),
    ]


def test_a_run_leaves_how_much_gate_repair_and_overhead_it_had() -> None:
    """Three calls where seven were expected, one repair for three units, 40 s where the schedule makes 22."""
    run = left()

    assert run.gate == pytest.approx(3 / 7)
    assert run.repairs == pytest.approx(1 / 3)
    assert run.stretch == pytest.approx(40 / (5 + 10 + 3 + 4))


def test_a_large_run_leaves_an_even_choice_of_its_tasks() -> None:
    """A hundred of a thousand, spread like the thousand, in the run's order; others stay as they are."""
    like = Like("m", "reader-1", "read")
    many = [Sample(like, 1, Usage(input=(number * 379) % 1_000)) for number in range(1_000)]
    few = [Sample(replace(like, prompt="reader-2"), 1, Usage(input=number)) for number in range(7)]
    kept = thinned([*many, *few])

    assert kept[SAMPLES_A_RUN:] == tuple(few)
    assert [sample for sample in many if sample in kept] == list(kept[:SAMPLES_A_RUN])
    assert sorted(sample.usage.input for sample in kept[:SAMPLES_A_RUN]) == list(range(5, 1_000, 10))
