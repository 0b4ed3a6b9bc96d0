"""The ledger's caps: what is set aside for the gate is not the workers' to spend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strop.swarm.ledger import Ledger
from strop.testing.world import random_plan
from strop.types.events import CallAnswered, CallFailed, CallIntended, PlanProposed, RunOpened
from strop.types.money import Usage
from strop.types.work import Budget, TaskId


def ledger(*, nanos: int = 100, steps: int = 10, gate_nanos: int = 40, gate_steps: int = 4) -> Ledger:
    """A ledger under caps, with a share kept for the gate."""
    budget = Budget(nanos=nanos, steps=steps, tokens=10_000)
    plan = random_plan(1, budget=budget)
    plan = replace(plan, quote=replace(plan.quote, gate_nanos=gate_nanos, gate_steps=gate_steps))
    made = Ledger()
    made.apply(RunOpened("r", "s", "0", budget))
    made.apply(PlanProposed(plan))
    return made


def intent(task: str, *, nanos: int = 0, step: int = 1) -> CallIntended:
    """A call before it is made."""
    return CallIntended(TaskId(task), 1, step, 1, "request", "work", nanos, 1)


@pytest.mark.parametrize(("nanos", "refused"), [(60, ""), (61, "kept for the gate")])
def test_a_worker_cannot_touch_the_gates_money(nanos: int, refused: str) -> None:
    """Up to what is left beside the gate's share, and not one nano-dollar more; the message says why."""
    assert refused in ledger().refusal(intent("t0", nanos=nanos))
    assert bool(refused) == bool(ledger().refusal(intent("t0", nanos=nanos)))


def test_the_verifier_may_spend_to_the_cap() -> None:
    """What was kept is there when the gate needs it, and the cap itself still holds."""
    made = ledger()
    made.hold(intent("t0", nanos=60))
    assert made.refusal(intent("refute-1", nanos=40)) == ""
    assert made.refusal(intent("refute-1", nanos=41)) != ""


def test_steps_are_kept_likewise() -> None:
    """Six of ten steps are the workers'; the other four are refused to them and given to the gate."""
    made = ledger()
    for step in range(6):
        assert made.refusal(intent("t0", step=step)) == ""
        made.hold(intent("t0", step=step))
    assert "4 kept for the gate" in made.refusal(intent("t0", step=7))
    assert made.refusal(intent("refute-1", step=1)) == ""


def classed(*, read: int = 0, written: int = 0) -> Ledger:
    """A ledger with caps on tokens by class; 0 sets none."""
    budget = Budget(tokens=10_000, input_tokens=read, output_tokens=written)
    made = Ledger()
    made.apply(RunOpened("r", "s", "0", budget))
    return made


def reading(step: int, *, read: int, written: int) -> CallIntended:
    """A call that may read and write so many tokens."""
    return CallIntended(TaskId("t0"), 1, step, 1, "request", "work", 0, read + written, written)


def answered(step: int, usage: Usage) -> CallAnswered:
    """What a call really used."""
    return CallAnswered(TaskId("t0"), 1, step, 1, "request", "", (), "", "stop", usage, 0, 1.0)


@pytest.mark.parametrize(
    ("read", "written", "refused"),
    [
        (60, 40, ""),
        (61, 40, "30 of 100 input tokens used, the next call may need 61"),
        (60, 41, "10 of 60 output tokens used, the next call may need 41"),
    ],
)
def test_tokens_read_and_written_have_caps_of_their_own(read: int, written: int, refused: str) -> None:
    """What was used and what is held count, cached tokens as read ones; to the cap, and not one token more."""
    made = classed(read=100, written=60)
    made.hold(reading(1, read=50, written=50))
    made.apply(answered(1, Usage(input=10, cached=15, cache_write=5, output=10)))
    made.hold(reading(2, read=10, written=10))
    assert made.refusal(reading(3, read=read, written=written)) == refused
    made.apply(CallFailed(TaskId("t0"), 1, 2, 1, "EndpointDown: gone", 1.0))
    assert made.refusal(reading(3, read=70, written=50)) == "", "a call that failed gives back what it held"


def test_without_caps_by_class_only_the_sum_counts() -> None:
    """0 is no cap: nothing is refused until all tokens together are used up."""
    made = classed()
    assert made.refusal(reading(1, read=9_000, written=1_000)) == ""
    assert "of 10,000 tokens used" in made.refusal(reading(1, read=9_000, written=1_001))
