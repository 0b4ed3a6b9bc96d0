"""Forecasts: totals drawn from past runs as wholes, and bounds that are as wide as so few runs warrant."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from strop.drafting.forecast import Forecast, Job, Load, forecast, stretch_of
from strop.drafting.makespan import Order, makespan
from strop.drafting.spreads import ENOUGH, NORMAL, PRIOR, STUDENT, spread_of
from strop.types.money import Price, Usage
from strop.types.past import GATE, PLANNING, REPAIR, Like, PastRun, Sample

LIKE = Like("m", "specialist", "work")
DONE = Sample(LIKE, 4, Usage(input=1_000, cached=200, cache_write=30, output=50), seconds=10.0)
USUAL = Sample(LIKE, 13, Usage(input=9, output=9), seconds=1.0)
PRICE = Price("1", "0.1", "1.25", "4")


def load(*jobs: Job, agents: int = 300) -> Load:
    """A plan of these jobs and no other role."""
    return Load(jobs, agents, PRICE)


def drawn(plan: Load, *past: PastRun, seed: str = "s") -> Forecast:
    """The forecast, which there is."""
    made = forecast(plan, past=past, seed=seed)
    assert made is not None
    return made


def alike(count: int, **changes: object) -> tuple[PastRun, ...]:
    """So many runs with the same one sample."""
    return tuple(PastRun(f"{number:02}", (DONE,), **changes) for number in range(count))  # pyright: ignore[reportArgumentType]


def test_what_was_always_the_same_is_expected_again() -> None:
    """Runs that never differed leave nothing open: median and bound are the sum, by class, price and schedule."""
    made = drawn(load(*[Job(USUAL)] * 5, agents=2), *alike(ENOUGH))

    assert (made.steps.p50, made.steps.p90) == pytest.approx((20, 20))
    used = (made.input, made.cached, made.cache_write, made.output, made.tokens)
    assert [spread.p90 for spread in used] == pytest.approx([5_000, 1_000, 150, 250, 6_400])
    assert made.nanos.p50 == pytest.approx(5 * (1_000_000 + 20_000 + 37_500 + 200_000))
    assert made.milliseconds.p90 == pytest.approx(30_000), "five jobs of 10 s for two agents"
    assert (made.runs, made.samples, made.unlike) == (ENOUGH, ENOUGH, 0)


def test_one_run_says_nothing_of_how_runs_differ() -> None:
    """After one run the width is the assumed one, by the t bound of a prediction; each further equal run narrows it."""
    plan = load(*[Job(USUAL)] * 5)
    bounds = [drawn(plan, *alike(count)).tokens for count in (1, 2, 5, 8, 9)]

    assert bounds[0].p50 == pytest.approx(6_400)
    assert bounds[0].p90 == pytest.approx(6_401 * math.exp(STUDENT[2] * PRIOR * math.sqrt(2)) - 1, rel=1e-6)
    assert [bound.p90 for bound in bounds] == sorted((bound.p90 for bound in bounds), reverse=True)
    assert bounds[-1].p90 == pytest.approx(6_400)


def test_the_bound_is_the_place_that_split_conformal_prediction_gives() -> None:
    """Of 19 runs the 18th, of 9 the greatest; between two places in proportion, whatever the distribution."""
    assert spread_of([[float(total) ** 3] for total in range(1, 20)]).p90 == pytest.approx(18**3)
    assert spread_of([[total] for total in (5.0, 1.0, 900.0, *range(10, 16))]).p90 == pytest.approx(900)
    assert spread_of([[float(total)] for total in range(1, 20)]).p50 == pytest.approx(10)
    between = spread_of([[float(total)] for total in range(1, 21)])  # the 18.9th
    assert 18.85 < between.p90 < 18.95


def test_chance_within_runs_widens_the_bound_of_few_runs() -> None:
    """Totals that vary inside each run's world count beside the differences among runs."""
    calm, wild = spread_of([[100.0, 100.0]] * 3), spread_of([[50.0, 200.0]] * 3)

    among = STUDENT[4] * math.sqrt(3 * PRIOR**2 / 5 * (1 + 1 / 3))
    within = NORMAL * math.sqrt(2 * (math.log(201 / 51) / 2) ** 2)
    assert calm.p90 == pytest.approx(101 * math.exp(among) - 1)
    assert wild.p90 == pytest.approx((wild.p50 + 1) * math.exp(math.hypot(among, within)) - 1)
    assert wild.p90 > calm.p90


def test_runs_are_drawn_whole() -> None:
    """Half the runs are ten times as slow: totals are of slow runs or of fast ones, never of a mixture."""
    fast = [PastRun(f"f{number}", (DONE, replace(DONE, seconds=11.0))) for number in range(10)]
    slow = [PastRun(f"s{number}", (replace(DONE, seconds=100.0), replace(DONE, seconds=110.0))) for number in range(10)]
    made = drawn(load(*[Job(USUAL)] * 50, agents=1), *fast, *slow)

    assert 5_000_000 < made.milliseconds.p90 < 5_500_000
    mixed = [PastRun(f"m{number}", (*fast[0].samples, *slow[0].samples)) for number in range(20)]
    assert drawn(load(*[Job(USUAL)] * 50, agents=1), *mixed).milliseconds.p90 < 4_000_000


def test_equal_inputs_give_equal_figures_and_the_seed_moves_them_little() -> None:
    """The same plan on the same past is quoted to the last digit; another seed is another draw of the same chance."""
    past = [
        PastRun(f"{run}", tuple(replace(DONE, steps=1 + (run * at) % 7) for at in range(30))) for run in range(1, 13)
    ]
    plan = load(*[Job(USUAL)] * 20)
    first, again, other = (drawn(plan, *past, seed=seed) for seed in ("a", "a", "b"))

    assert first == again
    assert first.steps != other.steps
    assert other.steps.p90 == pytest.approx(first.steps.p90, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "times", "steps", "seconds"),
    [
        ({}, 1, 40, 100),
        ({"gate": 2.0}, 1, 40 + 6, 100 + 4),
        ({"gate": 0.0}, 1, 40, 100),
        ({"repairs": 0.5}, 1, 40 + 5 * 2, 100 + 5 * 7),
        ({"stretch": 1.5}, 1, 40, 150),
        ({}, 3, 40, 100),
    ],
)
def test_gate_repairs_and_overhead_are_those_of_the_run(
    changes: dict[str, float], times: int, steps: float, seconds: float
) -> None:
    """A run's calls to the refuting model, its repairs and its idle time are drawn with it, at the role's price."""
    gate = Sample(Like("v", "refute", GATE), 1, Usage(output=10), seconds=2.0)
    repair = Sample(replace(LIKE, kind=REPAIR), 2, Usage(output=10), seconds=7.0)
    made = PastRun("01", (DONE, gate, repair), **{"gate": 0.0, **changes})
    plan = replace(
        load(*[Job(USUAL)] * 10, agents=1), call=(replace(gate, steps=9), Price(output="10")), calls=3, calls_at_once=3
    )
    found = drawn(plan, *(replace(made, run=f"{number}") for number in range(times)))

    assert found.steps.p50 == pytest.approx(steps)
    assert found.milliseconds.p50 == pytest.approx(1_000 * seconds)
    calls = round(3 * changes.get("gate", 0.0))
    mended = 5 * 10 * 4_000 * (changes.get("repairs", 0.0) > 0)
    assert found.nanos.p50 == pytest.approx(10 * 1_257_500 + calls * 10 * 10_000 + mended, rel=1e-6)


def test_what_the_planner_used_counts_once() -> None:
    """Its steps, money and seconds come before the work, as they did."""
    planning = Sample(Like("p", "decompose", PLANNING), 2, Usage(output=1_000), seconds=60.0)
    plan = replace(load(Job(USUAL)), planning=(replace(planning, steps=1), Price(output="10")))
    found = drawn(plan, PastRun("01", (DONE, planning)))

    assert found.steps.p50 == found.critical_steps.p50 == pytest.approx(6)
    assert found.milliseconds.p50 == pytest.approx(70_000)
    assert found.nanos.p50 == pytest.approx(1_257_500 + 10_000_000, rel=1e-6)


def test_a_batch_costs_its_units_and_reads_as_much_as_its_sources_hold() -> None:
    """Steps, seconds and answers go by units; what is read goes by the tokens that the sources were expected to be."""
    like = Like("m", "reader-1", "read")
    past = Sample(like, 2, Usage(input=600, output=20), seconds=4.0, units=2, expected=300)
    plan = load(Job(Sample(like, 3, Usage(), units=3, expected=1_000)))
    found = drawn(plan, PastRun("01", (past,)))

    assert found.steps.p50 == pytest.approx(3)
    assert found.input.p50 == pytest.approx(2_000)
    assert found.output.p50 == pytest.approx(30)
    assert found.milliseconds.p50 == pytest.approx(6_000)


def test_critical_steps_are_the_longest_of_each_wave() -> None:
    """Two waves of jobs of four steps each, whatever their number."""
    found = drawn(load(*[Job(USUAL)] * 6, Job(USUAL, (0, 1), wave=1)), *alike(ENOUGH))

    assert found.critical_steps.p90 == pytest.approx(8)


def read(units: int, *steps: int) -> tuple[Sample, ...]:
    """Readings of so many units each."""
    like = Like("m", "reader-1", "read")
    return tuple(Sample(like, each, Usage(input=100 * units), units=units, expected=100 * units) for each in steps)


@pytest.mark.parametrize(
    ("units", "held", "critical"),
    [
        (1, read(3, 4, 4), 2),
        (1, read(3, 3, 3), 1),
        (3, read(1, 1, 1, 1, 1, 1, 4), 6),
        (3, read(3, 3, 7), 7),
    ],
    ids=["one unit of three", "calm units", "three single units", "as large"],
)
def test_the_longest_batch_is_as_long_as_its_units(units: int, held: tuple[Sample, ...], critical: int) -> None:
    """A past of other batches is drawn by the unit: neither a third of a batch nor three times one unit."""
    plan = load(*[Job(read(units, units)[0])] * (6 // units))
    found = drawn(plan, *(PastRun(f"{number}", held) for number in range(ENOUGH)))

    assert found.critical_steps.p90 == pytest.approx(critical)
    assert found.steps.p50 == pytest.approx(6 * sum(one.steps for one in held) / sum(one.units for one in held))


def test_batches_as_large_as_the_plans_are_borrowed_before_others_are_taken_apart() -> None:
    """How batches of three vary is told by batches of three, at the level of each run's own single units."""
    past = [PastRun(f"{number:02}", read(3, 3, 3, 9)) for number in range(10)]
    past += [PastRun(f"{number:02}", read(1, *[2] * 9)) for number in range(10, 20)]
    found = drawn(load(*[Job(read(3, 3)[0])] * 3), *past)

    assert found.critical_steps.p90 == pytest.approx(9 * 6 / 5), "three, three and nine, at six a batch"


def test_repairs_are_heard_by_the_gate_once_more() -> None:
    """A run with repairs has two rounds of the gate, one behind the other: each has its longest call."""
    gate = Sample(Like("v", "refute", GATE), 1, Usage(output=10))
    plan = replace(load(*[Job(USUAL)] * 10), call=(gate, Price()), calls=4, calls_at_once=4)
    calm, mended = (
        drawn(plan, *(PastRun(f"{number}", (DONE, repair, gate), repairs=repairs) for number in range(ENOUGH)))
        for repair, repairs in ((DONE, 0.0), (replace(DONE, like=replace(LIKE, kind=REPAIR), steps=2), 0.5))
    )

    assert calm.critical_steps.p90 == pytest.approx(4 + 1)
    assert mended.critical_steps.p90 == pytest.approx(4 + 2 + 2 * 1)


def test_what_caches_serve_is_told_by_wave() -> None:
    """Each wave's share is that of its own tasks, whatever their order in the plan; planner and gate stand apart."""
    warm = replace(DONE, like=replace(LIKE, prompt="aggregate"), usage=Usage(input=100, cached=900))
    planning = Sample(Like("p", "decompose", PLANNING), 1, Usage(input=300, cached=100, cache_write=100, output=9))
    last = Job(replace(USUAL, like=warm.like), (1,), wave=1)
    long = Job(replace(USUAL, expected=3), (1,), wave=1)
    plan = replace(load(last, Job(USUAL), long, *[Job(USUAL)] * 3), planning=(planning, Price()))
    found = drawn(plan, *(PastRun(f"{number}", (DONE, warm, planning)) for number in range(ENOUGH)))

    assert [(each.wave, each.prompt.p50) for each in found.readings] == [
        (0, pytest.approx(500)),
        (1, pytest.approx(4 * 1_230)),
        (2, pytest.approx(1_000 + 3 * 1_230)),
    ]
    served = [1 - each.uncached.p90 for each in found.readings]
    assert served == pytest.approx([100 / 500, 200 / 1_230, (900 + 600) / 4_690])


def test_calls_of_unknown_outcome_are_paid_as_they_were_booked() -> None:
    """Money lost is no token of any class, but it is money."""
    lossy = replace(DONE, lost=5_000_000)
    found = drawn(load(Job(USUAL)), PastRun("01", (lossy,)))

    assert found.nanos.p50 == pytest.approx(1_257_500 + 5_000_000, rel=1e-6)
    assert found.tokens.p50 == pytest.approx(1_280)


def test_a_plan_unlike_the_past_is_not_drawn() -> None:
    """Another model, kind or tool use is another thing; a few strangers among many are taken by default and counted."""
    for like in (replace(LIKE, model="n"), replace(LIKE, kind="read"), replace(LIKE, tools=True)):
        assert forecast(load(Job(replace(USUAL, like=like))), past=alike(3), seed="s") is None
    strange = Job(replace(USUAL, like=replace(LIKE, tools=True)))
    found = drawn(load(*[Job(USUAL)] * 3, strange), *alike(ENOUGH))

    assert found.unlike == 1
    assert found.steps.p90 == pytest.approx(3 * 4 + 13)
    assert forecast(load(Job(USUAL), strange, strange), past=alike(9), seed="s") is None


def test_the_same_prompt_goes_before_others_also_in_other_runs() -> None:
    """A run without the prompt borrows it from the next run that has it, before it takes another prompt's tasks."""
    other = replace(DONE, like=replace(LIKE, prompt="aggregate"), steps=40)
    found = drawn(load(Job(USUAL)), PastRun("02", (other,)), PastRun("01", (DONE,)))
    assert found.steps.p50 == pytest.approx(4)
    assert drawn(load(Job(USUAL)), PastRun("02", (other,))).steps.p50 == pytest.approx(40)


@pytest.mark.parametrize(
    ("seconds", "needs", "agents", "ends"),
    [
        ([], [], 2, 0),
        ([3, 1, 2], [(), (), ()], 3, 3),
        ([3, 1, 2], [(), (), ()], 2, 3),
        ([3, 1, 2], [(), (), ()], 1, 6),
        ([2, 2, 3, 1], [(), (), (), ()], 2, 5),
        ([3, 1, 2], [(), (0,), (1,)], 9, 6),
        ([3, 1, 2, 5], [(), (), (1,), (0, 2)], 2, 8),
        ([3, 1, 2, 5], [(), (), (1,), (0, 2)], 1, 11),
        ([5, 1, 4], [(), (), (1,)], 2, 5),
    ],
)
def test_a_free_agent_takes_the_first_job_whose_needs_have_ended(
    seconds: list[float], needs: list[tuple[int, ...]], agents: int, ends: float
) -> None:
    """List scheduling in the plan's order, waves as a view and no barrier."""
    assert makespan(seconds, agents=agents, order=Order.of(needs)) == ends


def test_overhead_is_what_the_schedule_does_not_explain() -> None:
    """Sixty seconds where planner, work, gate and repairs make forty by the schedule: a stretch of one and a half."""
    plan = load(Job(USUAL), Job(USUAL, (0,), wave=1))

    assert stretch_of(60.0, load=plan, lasted=[10.0, 20.0], before=4.0, after=6.0) == pytest.approx(1.5)
    assert stretch_of(60.0, load=plan, lasted=[0.0, 0.0], before=0.0, after=0.0) == 1.0
