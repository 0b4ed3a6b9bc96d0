"""Batches: drawn whole where the plan's are as large, else unit by unit, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.drafting.stocks import EMPTY, apart, in_batches, stock_of
from strop.types.money import Usage
from strop.types.past import Like, Sample

LIKE = Like("m", "reader-1", "read")


def batch(units: int, steps: int) -> Sample:
    """A batch that took ten seconds and a hundred tokens a step."""
    return Sample(LIKE, steps, Usage(input=100 * steps, output=steps), 7, steps, 10.0 * steps, units, 50 * units)


@given(st.integers(1, 9), st.integers(0, 40))
def test_a_batch_taken_apart_is_the_same_in_all(units: int, steps: int) -> None:
    """Steps, tokens, losses and seconds of the units add up to the batch's; no unit has two steps more than another."""
    whole, parts = batch(units, steps), list(apart(batch(units, steps)))

    assert [part.units for part in parts] == [1] * units
    assert sum((part.usage for part in parts), Usage()) == whole.usage
    for name in ("steps", "lost", "calling", "seconds", "expected"):
        assert sum(getattr(part, name) for part in parts) == pytest.approx(getattr(whole, name)), name
    assert max(part.steps for part in parts) - min(part.steps for part in parts) <= 1


@pytest.mark.parametrize(
    ("held", "units", "steps"),
    [
        ([(3, 4), (3, 3)], 3, [4, 3]),
        ([(3, 4), (3, 3)], 1, [2, 1, 1, 1, 1, 1]),
        ([(1, 1), (1, 1), (1, 5), (1, 1), (1, 1), (1, 1), (1, 9)], 3, [7, 3]),
        ([(3, 8), (1, 1), (1, 2), (1, 4)], 3, [8, 7]),
        ([(2, 3)], 3, [5]),
        ([(1, 2)], 4, [8]),
    ],
    ids=["as large", "smaller", "larger", "mixed", "too few units", "one unit"],
)
def test_batches_are_as_large_as_asked(held: list[tuple[int, int]], units: int, steps: list[int]) -> None:
    """As many steps as their units took, never a mean: who is longest in a wave hangs on it."""
    made = in_batches([batch(*each) for each in held], units=units)

    assert [sample.steps for sample in made] == steps
    assert {sample.units for sample in made} == {units}


def test_lent_tasks_are_brought_to_the_borrowers_level() -> None:
    """Another run's tasks vary as they did there, around the mean of the run that borrows them."""
    own, other = (stock_of([batch(1, steps) for steps in each], units=1) for each in ((2, 4), (10, 20, 60)))

    joined = own.joined(other, most=2, level=own)
    assert joined.steps == pytest.approx([2, 4, 2, 4])
    assert EMPTY.joined(other, most=3, level=own).seconds == pytest.approx([10, 20, 60])
    nothing = stock_of([Sample(LIKE, 0, Usage())], units=1)
    assert own.joined(nothing, most=1, level=own).steps == pytest.approx([2, 4, 3])
