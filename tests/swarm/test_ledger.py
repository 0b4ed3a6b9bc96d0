"""The ledger's caps: what is set aside for the gate is not the workers' to spend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strop.swarm.ledger import Ledger
from strop.testing.world import random_plan
from strop.types.events import CallIntended, PlanProposed, RunOpened
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
