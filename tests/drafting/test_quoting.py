"""Quotes: every role counted, bounds under the caps, defaults called defaults, and the same digits every time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strop.drafting.quoting import (
    DESCRIPTION_TOKENS,
    TASK_TOKENS,
    TRACE_TOKENS,
    Grounds,
    Pace,
    expected_calls,
    longest_chain,
    quote,
)
from strop.types.fingerprint import digest
from strop.types.money import Price, Usage
from strop.types.past import GATE, Like, PastRun, Sample
from strop.types.schema import Field, Object, Text
from strop.types.work import (
    Binding,
    Budget,
    Column,
    ColumnType,
    Kind,
    Output,
    Spec,
    Task,
    TaskId,
    TaskKind,
    Unit,
    UnitKey,
)

WORKER = Binding("worker", "m", Price("1", "0.1", "1.25", "4"), 32_000, 1_000)
VERIFIER = Binding("verifier", "v", Price("5", "0.5", "6.25", "25"), 200_000, 4_000)
PLANNER = replace(VERIFIER, role="planner", model="p")
SPEC = Spec("Bells", (Output("a.csv", Kind.CSV, (Column("n", ColumnType.TEXT),) * 4),), each="in/*.txt")
PROMPTS = {name: name * 100 for name in ("reader-1", "decompose", "refute")}


def readings(count: int) -> tuple[Task, ...]:
    """One reader of so many units."""
    return tuple(
        Task(
            TaskId(f"read-1/{number}"),
            TaskKind.READ,
            "reader 1",
            "goal",
            Object((Field("n", Text()),)),
            "reader-1",
            units=(Unit(UnitKey(f"{number}"), f"in/{number}.txt"),),
            steps=2,
            reader=1,
        )
        for number in range(count)
    )


def grounds(*roles: Binding, past: tuple[PastRun, ...] = (), files: tuple[str, ...] | None = None) -> Grounds:
    """What a quote by these roles rests on."""
    sizes = {f"in/{number}.txt": 400 for number in range(3_000)}
    return Grounds((WORKER, *roles), PROMPTS, sizes, Pace(2.0, 5.0, 30), past, files=files)


def run(number: int, *, seconds: float = 3.0) -> PastRun:
    """A run of thirty readings and four calls to the refuting model."""
    like = Like("m", "reader-1", TaskKind.READ)
    usage = Usage(input=200 + number, cached=300, output=40)
    reads = [Sample(like, 1 + (at % 10 == 0), usage, seconds=seconds + at / 10, expected=375) for at in range(30)]
    gate = [Sample(Like("v", "refute", GATE), 1, Usage(input=900, output=100), seconds=4.0)] * 4
    return PastRun(f"{number:02}", (*reads, *gate), gate=1.0, repairs=0.0, stretch=1.1)


def test_without_a_past_the_quote_says_that_it_is_a_default() -> None:
    """The figures are rough ones of ours, and the basis says so; with a past it says how many runs and tasks."""
    tasks = readings(10)
    rough = quote(SPEC, tasks=tasks, grounds=grounds())
    assert rough.basis == "a default: no run here had most of its tasks like these with m"
    assert rough.minutes.p90 == pytest.approx(2.5 * rough.minutes.p50, rel=1e-3)
    assert (rough.steps, rough.steps_p90) == (10, 13)
    strangers = (replace(run(1), samples=(Sample(Like("other", "reader-1", "read"), 9, Usage()),)),)
    assert quote(SPEC, tasks=tasks, grounds=grounds(past=strangers)).basis == rough.basis

    one, ten = (quote(SPEC, tasks=tasks, grounds=grounds(past=tuple(map(run, range(count))))) for count in (1, 10))
    assert one.basis == "drawn from 30 like tasks of 1 past run; how far runs differ is in part assumed"
    assert ten.basis == "drawn from 300 like tasks of 10 past runs"
    assert one.tokens.p90 / one.tokens.p50 > 2 > 1.2 > ten.tokens.p90 / ten.tokens.p50


def test_tokens_are_quoted_by_class() -> None:
    """The share that caches serve is the past's; what was never written to a cache stays at nothing."""
    made = quote(SPEC, tasks=readings(100), grounds=grounds(past=tuple(map(run, range(10)))))

    held = made.classes
    assert held.cached.p50 == pytest.approx(100 * 300, rel=0.01)
    assert held.input.p50 == pytest.approx(100 * 205, rel=0.05)
    assert held.output.p50 == pytest.approx(100 * 40, rel=0.01)
    assert (held.cache_write.p50, held.cache_write.p90) == (0, 0)
    assert made.tokens.p50 == pytest.approx(held.input.p50 + held.cached.p50 + held.output.p50, rel=0.01)


def test_the_cached_share_is_quoted_by_wave() -> None:
    """From past runs as they had it, with the share that is passed nine times of ten below the median."""
    past = tuple(map(run, range(0, 200, 10)))
    made = quote(SPEC, tasks=readings(60), grounds=grounds(VERIFIER, past=past))

    gate, wave = made.caching
    assert (gate.wave, gate.p50, gate.least) == (0, 0, 0)
    assert (wave.wave, wave.prompt) == (1, pytest.approx(60 * 595, rel=0.01))
    assert wave.p50 == pytest.approx(300 / 595, abs=0.01)
    assert wave.least == pytest.approx(300 / (500 + 179), abs=0.01)


@pytest.mark.parametrize(
    ("heads", "cached"), [(None, 0), (100_000, 0), (1_000, 9)], ids=["no cache", "too short a head", "warmed"]
)
def test_without_a_past_heads_alone_make_the_cached_share(heads: int | None, cached: int) -> None:
    """One call of a wave pays the head, the others read it from the cache; money and classes are quoted likewise."""
    ground = grounds()
    made = quote(SPEC, tasks=readings(10), grounds=replace(ground, pace=replace(ground.pace, heads=heads)))
    head = (len(PROMPTS["reader-1"]) + 300) // 4
    read = head + 100

    assert made.classes.cached.p50 == cached * head
    assert made.classes.input.p50 == 10 * read - cached * head
    assert made.nanos.p50 == (10 * read - cached * head) * 1_000 + cached * head * 100 + 10 * 30 * 4_000
    shares = [(each.wave, each.prompt, each.p50) for each in made.caching]
    assert shares == ([(1, 10 * read, pytest.approx(9 * head / (10 * read), abs=1e-4))] if cached else [])
    assert all(each.least < each.p50 for each in made.caching)


@pytest.mark.parametrize("past", [(), tuple(map(run, range(3))), tuple(map(run, range(12)))], ids=["0", "3", "12"])
@pytest.mark.parametrize(
    "caps",
    [
        {"tokens": 1_000},
        {"nanos": 10_000},
        {"minutes": 0.05},
        {"steps": 60},
        {"critical_steps": 1},
        {"tokens": 1_000, "nanos": 10_000, "minutes": 0.05, "steps": 60, "critical_steps": 1},
    ],
    ids=str,
)
def test_no_bound_passes_a_cap(past: tuple[PastRun, ...], caps: dict[str, int | float]) -> None:
    """The run stops at its caps, so neither median nor bound is quoted above them; the cap itself is the worst case."""
    budget = replace(Budget(agents=4), **caps)  # pyright: ignore[reportArgumentType]
    spec = replace(SPEC, budget=budget)
    made = quote(spec, tasks=readings(50), grounds=grounds(VERIFIER, past=past))

    for held, cap in ((made.tokens, budget.tokens), (made.nanos, budget.nanos), (made.minutes, budget.minutes)):
        assert 0 < held.p50 <= held.p90 <= held.worst <= cap
    assert made.steps <= made.steps_p90 <= budget.steps
    assert made.critical_steps <= made.critical_steps_p90 <= budget.critical_steps
    for held in (made.classes.input, made.classes.cached, made.classes.output):
        assert held.p50 <= held.p90 <= made.tokens.p90


@pytest.mark.parametrize("past", [(), tuple(map(run, range(4)))], ids=["default", "drawn"])
def test_every_role_counts(past: tuple[PastRun, ...]) -> None:
    """Planner and refuting model add steps, tokens, money and minutes, the gate keeps its share."""
    tasks = readings(40)
    spec = replace(SPEC, budget=Budget(nanos=10**12))
    alone = quote(spec, tasks=tasks, grounds=grounds(past=past))
    judged = quote(spec, tasks=tasks, grounds=grounds(VERIFIER, past=past))
    whole = quote(spec, tasks=tasks, grounds=grounds(VERIFIER, PLANNER, past=past, files=("a.txt",)))

    calls = expected_calls(SPEC, tasks=tasks)
    assert calls == 21, "eight claims a call, and one look over the whole"
    assert judged.steps == pytest.approx(alone.steps + calls, abs=3)
    assert whole.steps == pytest.approx(judged.steps + 2, abs=3)
    for less, more in ((alone, judged), (judged, whole)):
        assert less.tokens.p50 < more.tokens.p50
        assert less.nanos.p50 < more.nanos.p50
        assert less.minutes.p50 < more.minutes.p50
        assert less.nanos.worst < more.nanos.worst
    assert (alone.gate_nanos, alone.gate_steps) == (0, 0)
    assert judged.gate_nanos == whole.gate_nanos > 0
    assert judged.gate_steps == 2 * (1 + spec.repairs) * calls, "each call with its repair turn, in each round"


@pytest.mark.parametrize("past", [(), tuple(map(run, range(3)))], ids=["default", "drawn"])
def test_a_planner_is_counted_for_the_plan_and_for_the_description_of_the_skill(past: tuple[PastRun, ...]) -> None:
    """Two steps more at the median, and in the worst case three pairs of answers: two plans, one description."""
    tasks = readings(5)
    spec = replace(SPEC, budget=Budget(nanos=10**12), repairs=1)  # of this seed: drawn figures are rounded
    unplanned = quote(spec, tasks=tasks, grounds=grounds(past=past))
    planned = quote(spec, tasks=tasks, grounds=replace(grounds(PLANNER, past=past, files=()), learns=True))

    assert planned.steps - unplanned.steps == 2
    read = len(PROMPTS["decompose"]) // 4 + 1_000 + TRACE_TOKENS
    assert planned.tokens.worst - unplanned.tokens.worst == 4 * read + 6 * PLANNER.output
    assert planned.tokens.p50 - unplanned.tokens.p50 == read + 5 * TASK_TOKENS + DESCRIPTION_TOKENS
    read_only = quote(spec, tasks=tasks, grounds=replace(grounds(PLANNER, past=past), learns=True))
    assert read_only.steps - unplanned.steps == 1
    assert read_only.tokens.p50 - unplanned.tokens.p50 == TRACE_TOKENS + DESCRIPTION_TOKENS
    again = quote(spec, tasks=tasks, grounds=grounds(PLANNER, past=past))
    assert again.tokens == unplanned.tokens, "a replay asks no planner"


def test_equal_plans_have_equal_quotes() -> None:
    """Digit for digit, in whatever order the sizes of files were found; another past is another quote."""
    past = tuple(map(run, range(6)))
    first = grounds(VERIFIER, past=past)
    turned = replace(first, sizes=dict(reversed(list(first.sizes.items()))))
    made, again = (quote(SPEC, tasks=readings(30), grounds=each) for each in (first, turned))

    assert digest(made) == digest(again)
    assert digest(made) != digest(quote(SPEC, tasks=readings(30), grounds=replace(first, past=past[1:])))


def test_a_slow_past_makes_a_slow_quote() -> None:
    """Minutes follow what calls took here, the cap on agents at once, and each run's own overhead."""
    tasks = readings(40)
    by = {
        (seconds, agents): quote(
            replace(SPEC, budget=Budget(agents=agents)),
            tasks=tasks,
            grounds=grounds(past=tuple(run(number, seconds=seconds) for number in range(10))),
        ).minutes.p50
        for seconds in (3.0, 30.0)
        for agents in (1, 40)
    }

    assert by[3.0, 1] == pytest.approx(40 * 4.45 * 1.1 / 60, rel=0.05)
    assert by[30.0, 40] == pytest.approx(32.9 * 1.1 / 60, rel=0.02), "the slowest of forty at once"
    assert by[30.0, 1] > 5 * by[3.0, 1]


def test_the_longest_chain_goes_by_waves() -> None:
    """The longest task of each wave, by its share of steps or by its units."""
    first, second, *rest = readings(4)
    chained = replace(second, needs=(first.id,), units=(*second.units, *first.units))

    assert longest_chain((first, chained, *rest)) == 3
    assert longest_chain((replace(first, kind=TaskKind.WORK, units=(), steps=40), *rest)) == 13
