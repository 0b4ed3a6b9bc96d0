"""What a plan will use, from what past runs used: totals are simulated run by run, then read off as P50 and P90.

Runs differ as wholes (a slow day, a changed prompt, a chatty model), so tasks of different runs are not
exchangeable, but runs are. The plan is therefore carried out many times, each time wholly in the world of
*one* past run: its tasks are drawn from that run's like tasks, its gate, repairs and overhead are that
run's, and minutes come from list scheduling the drawn durations. This is a cluster bootstrap. Within a run
tasks are drawn without replacement: drawn with it, the chance of single tasks would count twice, in the
run's own mean and in the draw (Davison and Hinkley, "Bootstrap Methods and their Application", 1997,
section 3.8). A run with fewer like tasks than the plan has borrows those of others, brought to its own
level, since the longest of many is not among few; batches of another size go by their units (`stocks`). A
run with repairs had its gate sit twice, one round behind the other.

`spreads` says how P50 and P90 follow from the totals.

All figures are of runs that came to their end: what a cap or a person stopped is no sample. Pure: the draws
come from a hash of the load and the past, so equal inputs give equal figures.
"""

from __future__ import annotations

import hashlib
import math
import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import mul

from strop.drafting.makespan import Order, makespan
from strop.drafting.spreads import Spread, spread_of
from strop.drafting.stocks import EMPTY, Stock, stock_of
from strop.types.money import Price, Usage, cost
from strop.types.past import REPAIR, Like, PastRun, Sample

RUNS = 40
"""Past runs that are drawn from, the newest."""
DRAWS = 60_000
"""Tasks drawn for one forecast, about: more past runs or tasks, fewer rounds."""
ROUNDS = 64
"""Times that the plan is carried out in each past run's world, at most."""


@dataclass(frozen=True, slots=True)
class Job:
    """A task of the plan: what it is taken for where nothing like it was ever done, and its place in the order."""

    usual: Sample
    needs: tuple[int, ...] = ()
    """Places in the plan."""
    wave: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """A plan as far as its figures depend on it."""

    jobs: tuple[Job, ...]
    agents: int
    """At once."""
    worker: Price
    planning: tuple[Sample, Price] | None = None
    """The planner's part, as taken for where there is no past; None where nobody plans."""
    call: tuple[Sample, Price] | None = None
    """One call to the refuting model likewise."""
    calls: int = 0
    """Such calls in one round of the gate."""
    calls_at_once: int = 1

    @property
    def units(self) -> int:
        return sum(job.usual.units for job in self.jobs)

    @property
    def waves(self) -> list[list[int]]:
        """Places of the jobs, by wave."""
        waves: list[list[int]] = [[] for _ in range(1 + max((job.wave for job in self.jobs), default=-1))]
        for place, job in enumerate(self.jobs):
            waves[job.wave].append(place)
        return waves

    @property
    def steps(self) -> int:
        """As taken for by default, the workers' alone."""
        return sum(job.usual.steps for job in self.jobs)

    @property
    def chain(self) -> int:
        """Likewise, of the longest job of each wave, added up."""
        return sum(max(self.jobs[place].usual.steps for place in wave) for wave in self.waves)


@dataclass(frozen=True, slots=True)
class Reading:
    """The prompts of one wave."""

    wave: int
    """From 1; 0 for planner and verifier."""
    prompt: Spread
    """Tokens of all input classes."""
    uncached: Spread
    """The share of them that no cache serves, of 1."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan is expected to use in all."""

    steps: Spread
    critical_steps: Spread
    tokens: Spread
    input: Spread
    cached: Spread
    cache_write: Spread
    output: Spread
    nanos: Spread
    milliseconds: Spread
    agent_seconds: float
    """Median of the tasks' durations added up: what one agent would need."""
    runs: int
    """Past runs drawn from."""
    samples: int
    """Their samples of like tasks."""
    unlike: int
    """Tasks of the plan that nothing in the past is like: taken by default."""
    readings: tuple[Reading, ...] = ()
    """By wave; those with prompts."""


def forecast(load: Load, *, past: Sequence[PastRun], seed: str) -> Forecast | None:
    """The figures of `load` after `past` (newest first); None where most of its tasks are unlike anything there.

    `seed` is what the draws come from; equal seeds, loads and pasts give equal figures.
    """
    likes = Counter(job.usual.like for job in load.jobs)
    runs = tuple(run for run in past if any(_near(like, run) for like in likes))[:RUNS]
    unlike = sum(count for like, count in likes.items() if not any(_near(like, run) for run in runs))
    if not runs or 2 * unlike > len(load.jobs):
        return None
    worlds = _Worlds(load, runs, _Dice(seed))
    rounds = max(1, min(ROUNDS, DRAWS // (len(load.jobs) * len(runs))))
    drawn = [worlds.drawn(place, rounds) for place in range(len(runs))]
    spreads = [spread_of(rows) for rows in zip(*drawn, strict=True)]
    steps, critical, tokens, read, cached, written, output, nanos, milliseconds, alone, *prompts = spreads
    return Forecast(
        steps=steps,
        critical_steps=critical,
        tokens=tokens,
        input=read,
        cached=cached,
        cache_write=written,
        output=output,
        nanos=nanos,
        milliseconds=milliseconds,
        agent_seconds=alone.p50,
        runs=len(runs),
        samples=sum(sample.like in likes for run in runs for sample in run.samples),
        unlike=unlike,
        readings=tuple(
            Reading(wave, *each)
            for wave, each in enumerate(zip(prompts[::2], prompts[1::2], strict=True))
            if each[0].p90
        ),
    )


def stretch_of(seconds: float, *, load: Load, lasted: Sequence[float], before: float, after: float) -> float:
    """`PastRun.stretch`: what a run took over what its tasks' durations make, by the schedule that forecasts use.

    `lasted` holds the jobs' seconds, in their order; `before` and `after` what planner, gate and repairs took.
    """
    modelled = before + makespan(lasted, agents=load.agents, order=Order.of([job.needs for job in load.jobs])) + after
    return seconds / modelled if modelled > 0 and seconds > 0 else 1.0


# ---------------------------------------------------------------- one run in the world of a past one


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prompt tokens of one wave."""

    tokens: float = 0.0
    cached: float = 0.0

    @property
    def uncached(self) -> float:
        """Of 1; nothing read is nothing cached."""
        return 1 - self.cached / self.tokens if self.tokens else 1.0

    def __add__(self, other: Prompts) -> Prompts:
        return Prompts(self.tokens + other.tokens, self.cached + other.cached)


@dataclass(frozen=True, slots=True)
class Total:
    """What the plan used, carried out once."""

    steps: float
    critical: float
    usage: Usage
    nanos: int
    seconds: float
    agent_seconds: float
    prompts: list[Prompts]
    """Of planner and verifier, then by wave."""

    @property
    def figures(self) -> tuple[float, ...]:
        """As `forecast` takes them apart."""
        used = self.usage
        return (
            *(self.steps, self.critical, used.total, used.input, used.cached, used.cache_write, used.output),
            *(self.nanos, 1_000 * self.seconds, self.agent_seconds),
            *(figure for each in self.prompts for figure in (each.tokens, each.uncached)),
        )


@dataclass(frozen=True, slots=True)
class _Group:
    """Like jobs of a load, of as many units each."""

    usual: Sample
    places: tuple[int, ...]
    """By wave."""
    waves: tuple[tuple[int, slice], ...]
    """Which of `places` stand in which wave."""
    expected: tuple[int, ...] = ()
    """Input tokens expected of each; empty where all are 1."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Like jobs, drawn: steps and seconds by job, tokens and losses in all."""

    steps: list[float]
    seconds: list[float]
    usage: Usage
    lost: float
    prompts: list[tuple[int, Prompts]]
    """By wave."""


NONE = _Drawn([], [], Usage(), 0.0, [])


@dataclass(slots=True)
class _Dice:
    """Numbers from a hash (SHAKE-256 over seed and count): chance that is the same everywhere, for ever."""

    seed: str
    thrown: int = 0

    def words(self, count: int) -> tuple[int, ...]:
        """`count` numbers of 32 bits."""
        self.thrown += 1
        body = hashlib.shake_256(f"{self.seed}/{self.thrown}".encode()).digest(4 * count)
        return struct.unpack(f"<{count}I", body)

    def picks(self, count: int, sides: int) -> list[int]:
        """`count` of 0 to `sides` - 1, each once before any comes again."""
        picked: list[int] = []
        while len(picked) < count:
            picked += sorted(range(sides), key=self.words(sides).__getitem__)
        return picked[:count]

    def rounded(self, expected: float) -> int:
        """A whole number whose mean is `expected`."""
        return math.floor(expected + self.words(1)[0] / (1 << 32))


@dataclass(slots=True)
class _Worlds:
    """The past runs as worlds in which the load is carried out."""

    load: Load
    runs: Sequence[PastRun]
    dice: _Dice
    _groups: tuple[_Group, ...] = ()
    _order: Order | None = None
    _waves: list[list[int]] = field(default_factory=list[list[int]])
    _stocks: dict[tuple[Like, int, int], Stock] = field(default_factory=dict[tuple[Like, int, int], Stock])
    """Of the run that is drawn from just now."""

    def __post_init__(self) -> None:
        jobs = self.load.jobs
        self._groups = tuple(_grouped(jobs))
        self._order = Order.of([job.needs for job in jobs])
        self._waves = self.load.waves

    def drawn(self, place: int, rounds: int) -> list[array[float]]:
        """By figure, the load's totals as the past run at `place` would have had them.

        Columns of numbers: totals kept as objects made a process larger with every run that it quoted on.
        """
        self._stocks.clear()
        totals = [self._carried_out(place).figures for _ in range(rounds)]
        return [array("d", column) for column in zip(*totals, strict=True)]

    def _carried_out(self, place: int) -> Total:
        """The load's total, once."""
        run, load = self.runs[place], self.load
        tasks = self._tasks(place)
        repairs = self._more(place, self._repair, self.dice.rounded(run.repairs * load.units))
        planning = self._more(place, load.planning[0], 1) if load.planning else NONE
        gate = self._more(place, load.call[0], self.dice.rounded(run.gate * load.calls)) if load.call else NONE
        span = makespan(tasks.seconds, agents=load.agents, order=self._order)
        span += sum(planning.seconds) + makespan(gate.seconds, agents=load.calls_at_once)
        span += makespan(repairs.seconds, agents=load.agents)
        parts = (tasks, repairs, planning, gate)
        return Total(
            steps=sum(sum(part.steps) for part in parts),
            critical=sum(max(map(tasks.steps.__getitem__, wave)) for wave in self._waves)
            + sum(planning.steps)
            + _beside(gate.steps, load.calls_at_once) * (1 + bool(repairs.steps))
            + max(repairs.steps, default=0),
            usage=sum((part.usage for part in parts[1:]), tasks.usage),
            nanos=self._nanos(tasks.usage + repairs.usage, planning.usage, gate.usage)
            + round(sum(part.lost for part in parts)),
            seconds=span * run.stretch,
            agent_seconds=sum(tasks.seconds),
            prompts=self._prompts(tasks, planning.usage + gate.usage),
        )

    @property
    def _repair(self) -> Sample:
        """What a repair is taken for: a unit of the first job once more."""
        usual = self.load.jobs[0].usual
        like = Like(usual.like.model, usual.like.prompt, REPAIR, usual.like.tools)
        return _for_one(usual, like)

    def _prompts(self, tasks: _Drawn, main: Usage) -> list[Prompts]:
        held = [Prompts(main.total - main.output, main.cached), *(Prompts() for _ in self._waves)]
        for wave, prompts in tasks.prompts:
            held[1 + wave] += prompts
        return held

    def _nanos(self, work: Usage, planning: Usage, gate: Usage) -> int:
        load = self.load
        planned = cost(planning, load.planning[1]) if load.planning else 0
        return cost(work, load.worker) + planned + (cost(gate, load.call[1]) if load.call else 0)

    def _tasks(self, place: int) -> _Drawn:
        """Every job of the load, in its order."""
        steps, seconds = [0.0] * len(self.load.jobs), [0.0] * len(self.load.jobs)
        usage, lost = Usage(), 0.0
        prompts: list[tuple[int, Prompts]] = []
        for group in self._groups:
            drawn = self._draw(place, group)
            prompts += drawn.prompts
            for at, taken, lasted in zip(group.places, drawn.steps, drawn.seconds, strict=True):
                steps[at], seconds[at] = taken, lasted
            usage, lost = usage + drawn.usage, lost + drawn.lost
        return _Drawn(steps, seconds, usage, lost, prompts)

    def _more(self, place: int, usual: Sample, count: int) -> _Drawn:
        """`count` tasks outside the plan."""
        return self._draw(place, _group([Job(usual)] * count, range(count))) if count else NONE

    def _draw(self, place: int, group: _Group) -> _Drawn:
        stock = self._stock(place, group.usual, len(group.places))
        picks = self.dice.picks(len(group.places), len(stock.steps))
        read, cached, written = (
            _scaled(column, picks, group.expected) for column in (stock.input, stock.cached, stock.cache_write)
        )
        output = sum(_picked(stock.output, picks))
        return _Drawn(
            steps=_picked(stock.steps, picks),
            seconds=_picked(stock.seconds, picks),
            usage=Usage(round(sum(read)), round(sum(cached)), round(sum(written)), round(output)),
            lost=sum(_picked(stock.lost, picks)),
            prompts=[
                (wave, Prompts(sum(read[part]) + sum(served := cached[part]) + sum(written[part]), sum(served)))
                for wave, part in group.waves
            ],
        )

    def _stock(self, place: int, usual: Sample, count: int) -> Stock:
        """Like tasks at the level of the run at `place`, `count` of them where others can help out.

        Batches as large as the plan's go before any of another size, also other runs': an attempt that fails
        does its whole batch again, so how batches vary cannot be told from single units.
        """
        key = (usual.like, usual.units, count)
        if key not in self._stocks:
            own = self._samples(place, usual.like) or [usual]
            sized = _sized(own, usual.units)
            level = stock_of(sized or own, units=usual.units)
            lenders: Sequence[Sequence[Sample]] = ()
            if not sized or len(level.steps) < count:
                others = (*self.runs[place + 1 :], *self.runs[:place])
                same = [samples for run in others if (samples := _same(usual.like, run))]
                lenders = [alike for samples in same if (alike := _sized(samples, usual.units))] or same
                sized = sized or (not any(_sized(samples, usual.units) for samples in lenders) and own)
            stock = level if sized else EMPTY
            for samples in lenders:
                if (missing := count - len(stock.steps)) > 0:
                    stock = stock.joined(stock_of(samples, units=usual.units), most=missing, level=level)
            self._stocks[key] = stock
        return self._stocks[key]

    def _samples(self, place: int, like: Like) -> list[Sample] | None:
        """Like tasks of the run at `place`, else of the next run that has some; the same prompt before others."""
        order = (*self.runs[place:], *self.runs[:place])
        alike = chain((_same(like, run) for run in order), (_near(like, run) for run in order))
        return next((samples for samples in alike if samples), None)


def _same(like: Like, run: PastRun) -> list[Sample]:
    return [sample for sample in run.samples if sample.like == like]


def _sized(samples: Sequence[Sample], units: int) -> list[Sample]:
    return [sample for sample in samples if sample.units == units]


def _near(like: Like, run: PastRun) -> list[Sample]:
    """Samples of the same model and kind, whatever the prompt."""
    kin = (like.model, like.kind, like.tools)
    return [sample for sample in run.samples if (sample.like.model, sample.like.kind, sample.like.tools) == kin]


def _grouped(jobs: Sequence[Job]) -> Iterator[_Group]:
    places: dict[tuple[Like, int], list[int]] = {}
    for place in sorted(range(len(jobs)), key=lambda place: jobs[place].wave):
        places.setdefault((jobs[place].usual.like, jobs[place].usual.units), []).append(place)
    for held in places.values():
        yield _group([jobs[place] for place in held], held)


def _group(jobs: Sequence[Job], places: Sequence[int]) -> _Group:
    """Like jobs, sorted by wave."""
    expected = tuple(job.usual.expected for job in jobs)
    waves, start = list[tuple[int, slice]](), 0
    for wave, count in Counter(job.wave for job in jobs).items():
        waves.append((wave, slice(start, start + count)))
        start += count
    return _Group(jobs[0].usual, tuple(places), tuple(waves), expected if any(count != 1 for count in expected) else ())


def _for_one(usual: Sample, like: Like) -> Sample:
    """The sample of one unit out of a batch, under another likeness."""
    units, usage = usual.units, usual.usage
    share = Usage(usage.input // units, usage.cached // units, usage.cache_write // units, usage.output // units)
    seconds = usual.seconds / units
    return Sample(like, max(1, usual.steps // units), share, seconds=seconds, expected=max(1, usual.expected // units))


def _beside(steps: Sequence[float], at_once: int) -> float:
    """Critical steps of these calls: calls that overlap count as one stage, others one by one."""
    return max(steps, default=0) if at_once > 1 else sum(steps)


def _picked(column: list[float], picks: list[int]) -> list[float]:
    return list(map(column.__getitem__, picks))


def _scaled(column: list[float], picks: list[int], times: Sequence[int]) -> list[float]:
    return list(map(mul, map(column.__getitem__, picks), times)) if times else _picked(column, picks)
