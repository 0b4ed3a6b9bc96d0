"""What is kept of a run for later quotes: whole runs only, found again by the next plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strop.app.orders import note_past, pace_of
from strop.app.project import open_project
from strop.drafting.quoting import Pace
from strop.loop.plan import Terrain
from strop.seams import ModelCard
from strop.stores.project import PaceRow
from strop.swarm.fold import RunFold
from strop.swarm.spending import Spending
from strop.testing.world import World, WorldModel, random_plan
from strop.types.events import RunClosed, StopRequested
from strop.types.money import Price
from strop.types.past import Like
from strop.types.trial import Outcome


def lived(seed: int) -> World:
    """A run of the simulator with an undisturbed model, all its tasks done."""
    world = World(seed, random_plan(seed, most=8), WorldModel(seed, faults={}))
    world.live()
    return world


def terrain(world: World) -> Terrain:
    """What planning knew of that world."""
    prompts = {"specialist": "s", "aggregate": "a"}
    return Terrain((), {}, (), world.plan.bindings, prompts, (), Pace(1.0, 2.0, 30))


@pytest.mark.parametrize(
    ("outcome", "stopped", "kept"),
    [
        (Outcome.PASSED, False, True),
        (Outcome.REFUSED, False, True),
        (Outcome.PARTIAL, True, False),
        (Outcome.INTERRUPTED, True, False),
        (Outcome.AWAITING, False, False),
        (Outcome.FAULT, False, False),
        (None, False, False),
    ],
)
def test_only_a_run_that_came_to_its_end_is_a_sample(
    tmp_path: Path, outcome: Outcome | None, stopped: bool, kept: bool
) -> None:
    """Passed or refused by the gate, a run counts; what a cap or a person cut short would make quotes too low."""
    project, world = open_project(tmp_path, environment={}), lived(3)
    state, spending = RunFold(), Spending()
    events = world.journal.read()
    for event in events:
        state.apply(event)
        spending.apply(event)
    last = events[-1]
    if stopped:
        state.apply(replace(last, seq=last.seq + 1, body=StopRequested("usd")))
    if outcome is not None:
        state.apply(replace(last, seq=last.seq + 2, body=RunClosed(outcome, last.at)))

    note_past(project, state, spending=spending, terrain=terrain(world))

    held = project.db.past({"world"}, most=9)
    assert len(held) == kept
    if kept:
        assert sum(sample.steps for sample in held[0].samples) == state.ledger.steps
        assert {sample.like for sample in held[0].samples} == {
            Like("world", task.prompt, task.kind) for task in world.plan.tasks
        }


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize(
    ("model", "limits", "heads"),
    [
        ("kimi-k2.6", "", 4_096),
        ("kimi-k2.6", "warm_least = 900", 900),
        ("kimi-k2.6", "warm_first = false", None),
        ("scripted:a.toml", "", None),
        ("embedded", "", 0),
    ],
)
def test_a_quote_counts_on_a_cache_that_is_warmed(
    tmp_path: Path, model: str, limits: str, heads: int | None, measured: bool
) -> None:
    """Where the provider documents one and a call goes ahead, heads as long as the settings say, measured or not."""
    (tmp_path / "strop.toml").write_text(f"[limits]\n{limits}\n")
    project = open_project(tmp_path, environment={})
    if measured:
        project.db.note_pace(PaceRow("01", model, 9, 1.5, 2.5, 40))

    pace = pace_of(project, ModelCard(model, model, "", Price(), 9_000, 900, local=model == "embedded"))

    assert pace.heads == heads
    assert ((pace.p50, pace.output) == (1.5, 40)) == measured
