"""Replay: a skill on new inputs is an order of its own, with examples in as many orders as there are readers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.drafting.answers import reading_schema
from strop.drafting.quoting import Pace
from strop.errors import BadInput
from strop.loop.plan import Terrain, plan
from strop.loop.replay import replay
from strop.testing.simulator import simulate
from strop.types.memory import Cost, Skill
from strop.types.money import Price
from strop.types.work import Binding, Column, ColumnType, Count, Exemplar, Kind, Output, RunId, Sources, Spec, UnitKey

COLUMNS = (Column("name", ColumnType.TEXT, quote=True),)
FOUND = tuple(f"inputs-2/{name}.txt" for name in "abc")


def skill(*, rows: Count | None = None, readers: int = 3, examples: int = 3, units: int = 6) -> Skill:
    """A skill over units."""
    spec = Spec(
        "Bells",
        (Output("a.csv", Kind.CSV, COLUMNS, rows=rows),),
        readers=readers,
        sources=Sources(("inputs/**",), ("x",)),
    )
    shown = tuple(Exemplar(UnitKey(f"e{at}"), "[1] bell", '{"name":"bell","name_at":1}') for at in range(examples))
    cost = Cost(units, 12, 100, 0, 50, 600, 3.0)
    return Skill("bells", "", spec, reading_schema(COLUMNS), (), (), shown, RunId("01RUN"), cost)


@given(st.integers(1, 3), st.integers(0, 6))
def test_readers_see_the_same_examples_in_different_orders(readers: int, examples: int) -> None:
    """Each reader has all of them; no two readers have one order, as long as there are orders enough."""
    made = replay(skill(readers=readers, examples=examples), inputs="inputs-2", found=FOUND)

    orders = [tuple(example.key for example in reader) for reader in made.guidance.exemplars]
    assert len(orders) == min(readers, examples)
    assert len(set(orders)) == len(orders)
    assert all(sorted(order) == sorted(f"e{at}" for at in range(examples)) for order in orders)


@pytest.mark.parametrize(("asked", "shown"), [(None, 3), (0, 0), (2, 2), (9, 3)])
def test_how_many_examples_are_shown_is_the_callers_choice(asked: int | None, shown: int) -> None:
    """Fewer cost less; more than there are there are not."""
    made = replay(skill(readers=1), inputs="inputs-2", found=FOUND, exemplars=asked)

    assert sum(len(reader) for reader in made.guidance.exemplars) == shown


@pytest.mark.parametrize(
    ("rows", "scaled"),
    [
        (Count(6), Count(3)),
        (Count(5, 7), Count(2, 3)),
        (Count(None, 6), Count(None, 3)),
        (None, None),
        (Count(1), Count(0)),
    ],
)
def test_bounds_on_rows_follow_the_number_of_units(rows: Count | None, scaled: Count | None) -> None:
    """Three units where there were six: half the rows are asked for, rounded down."""
    made = replay(skill(rows=rows), inputs="inputs-2", found=FOUND)

    assert made.spec.outputs[0].rows == scaled


def test_an_empty_folder_is_refused() -> None:
    """Nothing to read is said with the folder and the skill, before anything is planned."""
    with pytest.raises(BadInput, match="inputs-2 holds no file to replay bells on"):
        replay(skill(), inputs="inputs-2", found=())


def test_a_replay_is_planned_without_a_planner() -> None:
    """The plan comes from skill and folder alone: no model is asked, each new unit has its readers."""
    made = replay(skill(readers=2), inputs="inputs-2/", found=FOUND)
    used = ("reader-1", "reader-2", "unit", "unit-again", "repair", "task")
    prompts: dict[str, str] = {name: f"{name}: {{{{goal}}}}" for name in used}
    terrain = Terrain(
        units=FOUND,
        sizes=dict.fromkeys(FOUND, 100),
        files=FOUND,
        bindings=(Binding("worker", "m", Price(), 32_000, 1_000),),
        prompts=prompts,
        tools=(),
        pace=Pace(1.0, 2.0, 30),
        guidance=made.guidance,
    )

    planned = simulate(plan(made.spec, terrain=terrain, think=None), seed=1)

    assert made.spec.each == "inputs-2/*.txt"
    assert [task.id for task in planned.tasks] == [f"read-{reader}/{name}" for reader in (1, 2) for name in "abc"]
    assert planned.guidance.skill == "bells"


def test_agents_may_read_the_new_folder_and_what_was_allowed() -> None:
    """The new inputs join the sources; what was denied stays denied."""
    made = replay(skill(), inputs="inputs-2", found=FOUND)

    assert made.spec.sources == Sources(("inputs-2/**", "inputs/**"), ("x",))


def test_mixed_files_are_all_read() -> None:
    """Where the folder holds more than one kind of file, each is a unit."""
    assert replay(skill(), inputs="in", found=("in/a.txt", "in/b.md")).spec.each == "in/*"


def test_the_saving_names_the_run_that_is_measured_against() -> None:
    """Calls, time and money of the first run stand beside the plan; a free run claims no money."""
    assert "run 01RUN took 12 calls and 3 s for 6 units, $" in replay(skill(), inputs="in", found=FOUND).saving
    free = replace(skill(), cost=replace(skill().cost, nanos=0))
    assert "$" not in replay(free, inputs="in", found=FOUND).saving
