"""The quote: agents, steps, tokens, money and minutes of a plan as P50, P90 and worst case.

Where runs with tasks like the plan's are on record, P50 and P90 are drawn from them (`forecast`). Else they
are defaults, and the quote says so. The worst case and the caps come from the plan and the budget alone;
no P90 passes them, since the run stops there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strop.drafting.forecast import Forecast, Job, Load, forecast
from strop.drafting.spreads import ENOUGH, Spread
from strop.types.count import agreeing, counted
from strop.types.fingerprint import digest
from strop.types.money import Usage, cost, worst_case
from strop.types.past import GATE, PLANNING, Like, PastRun, Sample
from strop.types.work import (
    Binding,
    CachedShare,
    Exemplar,
    Kind,
    Output,
    Quote,
    Range,
    Spec,
    Task,
    TaskKind,
    TokenRanges,
    waves,
)

STEPS_PER_AGENT = 13
BATCH, PLANTED, AT_ONCE = 8, 2, 32
"""Claims in one call to the refuting model, seeded flaws beside them, and such calls at once, as in `verify`."""
CLAIM_TOKENS, VERDICT_TOKENS, TASK_TOKENS, STATEMENT_TOKENS = 300, 60, 150, 30
"""Rough sizes: a claim with its passage as asked, its verdict as answered, one proposed task, a claim alone."""
TRACE_TOKENS, DESCRIPTION_TOKENS = 1_500, 150
"""The same of a run as its describer is shown it, and of a skill's description."""
TOKENS_MORE, MONEY_MORE = 1.3, 1.4
"""P90 over P50 where no run is on record."""
FIRST_ROUND = 0.7
"""Part of the gate's reserve for its first round; those after repairs ask only about what is new."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one call of a model, and its answers' length in tokens, for tasks that no run had the like of."""

    p50: float
    p90: float
    output: int
    measured: str = ""
    """Where the figures come from: `12 calls of run 01K…`; empty for a default."""
    at_once: int = 300
    """Calls the endpoint serves in parallel."""
    heads: int | None = None
    """Bytes of the shortest head that its cache keeps once one call has gone ahead; None where it keeps none."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a quote rests on."""

    bindings: tuple[Binding, ...]
    prompts: Mapping[str, str]
    """Texts by name."""
    sizes: Mapping[str, int]
    """Bytes by path."""
    pace: Pace
    past: tuple[PastRun, ...] = ()
    """Newest first."""
    exemplars: tuple[tuple[Exemplar, ...], ...] = ()
    """Shown to each reader."""
    files: tuple[str, ...] | None = None
    """What the planner was told of; None where no planner was asked."""
    learns: bool = False
    """The planner is asked to describe the skill that is left."""

    def binding(self, role: str) -> Binding | None:
        return next((binding for binding in self.bindings if binding.role == role), None)

    @property
    def worker(self) -> Binding:
        return self.binding("worker") or self.bindings[0]


@dataclass(frozen=True, slots=True)
class _Share:
    """What one role is expected to use: tokens in and out, tokens out at most, calls, those one after another."""

    binding: Binding
    input: int
    output: int
    worst: int
    calls: int = 0
    turns: int = 0
    cached: int = 0
    """Of `input`."""
    rounds: int = 1
    """How often all of it may come again, at worst."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """P50 and P90 of what is quoted, before the caps."""

    steps: Spread
    critical: Spread
    tokens: Spread
    classes: tuple[Spread, ...]
    """In the order of `Usage`."""
    nanos: Spread
    minutes: Spread
    alone: float
    """Minutes of one agent alone."""
    basis: str
    caching: tuple[CachedShare, ...]


def quote(spec: Spec, *, tasks: Sequence[Task], grounds: Grounds) -> Quote:
    """Every role's steps, tokens and money; deterministic, so that equal plans have equal fingerprints."""
    load, shares, budget = load_of(spec, tasks=tasks, grounds=grounds), _shares(spec, tasks, grounds), spec.budget
    seed = digest([spec, [task.id for task in tasks], [run.run for run in grounds.past]])
    drawn = forecast(load, past=grounds.past, seed=seed) if grounds.past else None
    counts = _drawn(drawn, len(tasks)) if drawn else _default(load, shares, grounds)
    worst_tokens = min(sum(4 * share.rounds * share.input + share.worst for share in shares), budget.tokens)
    tokens = _range(counts.tokens, worst_tokens)
    advice, reasons = _advice(spec, load, tokens.p50, counts.alone, grounds)
    nanos, kept, calls = _kept_for_gate(spec, shares)
    steps, critical = _range(counts.steps, budget.steps), _range(counts.critical, budget.critical_steps)
    return Quote(
        agents=len(tasks),
        waves=len(load.waves),
        steps=int(steps.p50),
        critical_steps=int(critical.p50),
        tokens=tokens,
        nanos=_range(counts.nanos, min(sum(map(_worst, shares)), budget.nanos)),
        minutes=_minutes(counts.minutes, budget.minutes),
        advice=advice,
        reasons=reasons,
        gate_nanos=nanos,
        gate_steps=kept,
        gate_calls=calls,
        steps_p90=int(steps.p90),
        critical_steps_p90=int(critical.p90),
        classes=TokenRanges(*(_range(spread, worst_tokens, most=tokens.p90) for spread in counts.classes)),
        basis=counts.basis,
        caching=counts.caching,
    )


def again_at_most(tasks: Sequence[Task], *, steps: int, grounds: Grounds) -> int:
    """Nano-dollars that these readings cost at most when each unit of them is read once more in so many steps."""
    asked = zip(tasks, input_tokens(tasks, grounds=grounds), strict=True)
    worker = grounds.worker
    return sum(
        worst_case(
            input_bound=4 * steps * tokens,
            output_bound=steps * len(task.units) * worker.output,
            price=worker.price,
        )
        for task, tokens in asked
    )


def longest_chain(tasks: Sequence[Task]) -> int:
    """Steps expected of the longest task of each wave, added up."""
    expected = {task.id: expected_steps(task) for task in tasks}
    return sum(max(expected[name] for name in stage) for stage in waves(tuple(tasks)))


def expected_steps(task: Task) -> int:
    """Steps that one agent is taken to need."""
    return len(task.units) if task.kind is TaskKind.READ else min(task.steps, STEPS_PER_AGENT)


def _range(spread: Spread, worst: float, *, most: float = math.inf) -> Range:
    cap = min(worst, most)
    return Range(round(min(spread.p50, cap)), round(min(spread.p90, cap)), worst)


def _minutes(spread: Spread, cap: float) -> Range:
    return Range(round(min(spread.p50, cap), 4), round(min(spread.p90, cap), 4), cap)


# ---------------------------------------------------------------- from past runs


def load_of(spec: Spec, *, tasks: Sequence[Task], grounds: Grounds) -> Load:
    """The plan as far as a forecast depends on it."""
    places = {task.id: place for place, task in enumerate(tasks)}
    depth = {name: at for at, stage in enumerate(waves(tuple(tasks))) for name in stage}
    inputs, cached = input_tokens(tasks, grounds=grounds), cached_tokens(tasks, grounds=grounds)
    model, pace = grounds.worker.model, grounds.pace
    jobs = tuple(
        Job(_usual(task, asked, served, model, pace), tuple(places[need] for need in task.needs), depth[task.id])
        for task, asked, served in zip(tasks, inputs, cached, strict=True)
    )
    by_role = {share.binding.role: share for share in _other_shares(spec, tasks, grounds)}
    planner, verifier = by_role.get("planner"), by_role.get("verifier")
    return Load(
        jobs=jobs,
        agents=max(1, min(spec.budget.agents, grounds.pace.at_once)),
        worker=grounds.worker.price,
        planning=(
            _sample(planner, planner.calls, planning_like(planner.binding, splits=grounds.files is not None), grounds),
            planner.binding.price,
        )
        if planner
        else None,
        call=(_sample(verifier, 1, gate_like(verifier.binding), grounds), verifier.binding.price) if verifier else None,
        calls=verifier.calls if verifier else 0,
        calls_at_once=max(1, min(AT_ONCE, spec.budget.agents)),
    )


def like_of(task: Task, *, model: str) -> Like:
    """What other tasks count as like this one."""
    return Like(model, task.prompt, task.kind, bool(task.tools))


def planning_like(binding: Binding, *, splits: bool) -> Like:
    """What the planner's work is like: where it splits the spec, or only describes the skill."""
    return Like(binding.model, "decompose" if splits else "distill", PLANNING)


def gate_like(binding: Binding) -> Like:
    """What the refuting model's calls are like."""
    return Like(binding.model, "refute", GATE)


def _usual(task: Task, inputs: int, cached: int, model: str, pace: Pace) -> Sample:
    """What a task is taken for where nothing like it was ever done."""
    steps, reads = expected_steps(task), task.kind is TaskKind.READ
    return Sample(
        like_of(task, model=model),
        steps,
        Usage(input=inputs - cached, cached=cached, output=steps * pace.output),
        seconds=steps * pace.p50,
        units=max(1, len(task.units)),
        expected=max(1, inputs) if reads else 1,
    )


def _sample(share: _Share, calls: int, like: Like, grounds: Grounds) -> Sample:
    """So many of a role's calls."""
    of = max(share.calls, 1)
    usage = Usage(input=share.input * calls // of, output=share.output * calls // of)
    return Sample(like, calls, usage, seconds=calls * grounds.pace.p50)


def _drawn(drawn: Forecast, agents: int) -> _Counts:
    runs, few = counted(drawn.runs, "past run"), f"{drawn.unlike:,} of {counted(agents, 'task')}"
    unlike = f"; {few} {agreeing(drawn.unlike, 'is', 'are')} unlike any there, taken by default" * bool(drawn.unlike)
    assumed = "; how far runs differ is in part assumed" * (drawn.runs < ENOUGH)
    return _Counts(
        steps=drawn.steps,
        critical=drawn.critical_steps,
        tokens=drawn.tokens,
        classes=(drawn.input, drawn.cached, drawn.cache_write, drawn.output),
        nanos=drawn.nanos,
        minutes=Spread(drawn.milliseconds.p50 / 60_000, drawn.milliseconds.p90 / 60_000),
        alone=drawn.agent_seconds / 60,
        basis=f"drawn from {drawn.samples:,} like tasks of {runs}{unlike}{assumed}",
        caching=tuple(_share(each.wave, each.prompt.p50, each.uncached) for each in drawn.readings),
    )


def _share(wave: int, prompt: float, uncached: Spread) -> CachedShare:
    return CachedShare(wave, round(prompt), *(round(max(0.0, 1 - each), 4) for each in (uncached.p50, uncached.p90)))


# ---------------------------------------------------------------- by default


def _default(load: Load, shares: Sequence[_Share], grounds: Grounds) -> _Counts:
    """Rough figures of our own, spread by factors of our own."""
    inputs, outputs = sum(share.input for share in shares), sum(share.output for share in shares)
    cached = sum(share.cached for share in shares)
    money = sum(
        cost(Usage(share.input - share.cached, share.cached, 0, share.output), share.binding.price) for share in shares
    )
    waves = (sum(load.jobs[place].usual.steps for place in wave) for wave in load.waves)
    turns = max(sum(math.ceil(steps / load.agents) for steps in waves), load.chain)
    turns += sum(share.turns for share in shares)
    pace = grounds.pace
    own = f"; the seconds a call takes are those of {pace.measured}" if pace.measured else ""
    return _Counts(
        steps=_wider(load.steps + sum(share.calls for share in shares), TOKENS_MORE),
        critical=_wider(load.chain + sum(share.calls > 0 for share in shares), TOKENS_MORE),
        tokens=_wider(inputs + outputs, TOKENS_MORE),
        classes=tuple(_wider(each, TOKENS_MORE) for each in (inputs - cached, cached, 0, outputs)),
        nanos=_wider(money, MONEY_MORE),
        minutes=Spread(turns * pace.p50 / 60, turns * pace.p90 / 60),
        alone=load.steps * pace.p50 / 60,
        basis=f"a default: no run here had most of its tasks like these with {grounds.worker.model}{own}",
        caching=tuple(_foreseen_caching(load)) if cached else (),
    )


def _foreseen_caching(load: Load) -> Iterator[CachedShare]:
    """What heads alone make, by wave of the plan."""
    for number, wave in enumerate(load.waves, 1):
        used = sum((load.jobs[place].usual.usage for place in wave), Usage())
        prompt = used.total - used.output
        if prompt:
            yield _share(number, prompt, _wider(1 - used.cached / prompt, TOKENS_MORE))


def _wider(p50: float, factor: float) -> Spread:
    return Spread(p50, factor * p50)


# ---------------------------------------------------------------- roles, and their worst cases


def _shares(spec: Spec, tasks: Sequence[Task], grounds: Grounds) -> tuple[_Share, ...]:
    """What each role is expected to use: the worker first."""
    steps = sum(map(expected_steps, tasks))
    inputs = sum(input_tokens(tasks, grounds=grounds))
    most_steps = min(sum(task.steps for task in tasks) + spec.repairs * _mended(tasks), spec.budget.steps)
    work = _Share(
        grounds.worker,
        inputs,
        steps * grounds.pace.output,
        most_steps * grounds.worker.output,
        cached=sum(cached_tokens(tasks, grounds=grounds)),
        rounds=1 + spec.repairs,
    )
    return work, *_other_shares(spec, tasks, grounds)


def _other_shares(spec: Spec, tasks: Sequence[Task], grounds: Grounds) -> list[_Share]:
    """The planner's two calls, the plan (at most twice) and the skill's description, and the verifier's.

    Each has a repair turn; a verifier's call is about eight claims.
    """
    shares: list[_Share] = []
    planner, verifier = grounds.binding("planner"), grounds.binding("verifier")
    if planner is not None and (grounds.files is not None or grounds.learns):
        shares.append(_planner_share(planner, spec, tasks, grounds))
    if verifier is not None:
        calls = expected_calls(spec, tasks=tasks)
        asked = calls * (len(grounds.prompts["refute"]) // 4 + (BATCH + PLANTED) * CLAIM_TOKENS)
        asked += _claims(spec, tasks) * STATEMENT_TOKENS
        worst = 2 * (1 + spec.repairs) * calls * verifier.output
        turns = math.ceil(calls / max(spec.budget.agents, 1))
        answered = calls * (BATCH + PLANTED) * VERDICT_TOKENS
        shares.append(_Share(verifier, asked, answered, worst, calls, turns, rounds=1 + spec.repairs))
    return shares


def _planner_share(planner: Binding, spec: Spec, tasks: Sequence[Task], grounds: Grounds) -> _Share:
    asked, answered, calls, answers = 0, 0, 0, 0
    if grounds.files is not None:
        told = len(grounds.prompts["decompose"]) + len(spec.prose) + sum(map(len, grounds.files))
        asked, answered, calls, answers = told // 4 + 1_000, TASK_TOKENS * len(tasks), 1, 4
    if grounds.learns:
        asked, answered = asked + TRACE_TOKENS, answered + DESCRIPTION_TOKENS
        calls, answers = calls + 1, answers + 2
    return _Share(planner, asked, answered, answers * planner.output, calls, calls)


def _worst(share: _Share) -> int:
    return worst_case(input_bound=4 * share.rounds * share.input, output_bound=share.worst, price=share.binding.price)


def _mended(tasks: Sequence[Task]) -> int:
    """Steps that one round of repair takes at most: every unit read again in two, every maker's work done anew."""
    readings = sum(2 * len(task.units) for task in tasks if task.reader == 1)
    return readings + sum(task.steps for task in tasks if task.makes and not task.units)


def _kept_for_gate(spec: Spec, shares: Sequence[_Share]) -> tuple[int, int, int]:
    """(nano-dollars, steps) set aside for the refuting model from the start, never more than half of a cap.

    The third is how many calls a round may make within it, at the P90 of what a call costs: the worst case of
    each is reserved when it is made. 0 where that is enough for twice the calls that are expected.
    """
    share = next((share for share in shares if share.binding.role == "verifier"), None)
    if share is None:
        return 0, 0, 0
    money, steps = _worst(share), share.worst // max(share.binding.output, 1)
    kept, left = min(money, spec.budget.nanos // 2), min(steps, spec.budget.steps // 2)
    usual = cost(Usage(input=share.input, output=share.output), share.binding.price) / max(share.calls, 1)
    affordable = min(kept / (MONEY_MORE * usual) if usual else left, left)
    calls = math.floor(affordable * (FIRST_ROUND if spec.repairs else 1))
    return kept, left, 0 if calls >= 2 * share.calls else max(1, calls)


def expected_calls(spec: Spec, *, tasks: Sequence[Task]) -> int:
    """Calls to the refuting model that one round of the gate is taken to need, the look over the whole included."""
    return math.ceil(_claims(spec, tasks) / BATCH) + 1


def _claims(spec: Spec, tasks: Sequence[Task]) -> int:
    """Values that a refuting model is likely to be shown."""
    if spec.each is not None:
        units = sum(len(task.units) for task in tasks if task.reader == 1)
        return units * sum(column.read for column in spec.table)
    return sum(_claims_of(output) for output in spec.made)


def _claims_of(output: Output) -> int:
    match output.kind:
        case Kind.PNG | Kind.SVG:
            return 10 * ((output.count.least or 1) if output.count else 1)
        case Kind.PPTX:
            return 6 * max((output.slides.least or 1) if output.slides else 1, len(output.sections), 6)
        case _ if output.columns:
            return len(output.columns) * ((output.rows.least or 20) if output.rows else 20)
        case _:
            return 8 * max(len(output.sections), 1)


def input_tokens(tasks: Sequence[Task], *, grounds: Grounds) -> tuple[int, ...]:
    """What each task is taken to read in all its steps: four bytes a token, the shared head once a step."""
    heads = {key: _head(*key, grounds) for key in {(task.prompt, task.reader) for task in tasks}}
    material = sum(grounds.sizes.values()) // max(len(grounds.sizes), 1)
    return tuple(_input_tokens(task, heads[task.prompt, task.reader], material, grounds.sizes) for task in tasks)


def cached_tokens(tasks: Sequence[Task], *, grounds: Grounds) -> tuple[int, ...]:
    """What of `input_tokens` the endpoint's cache serves: each head is paid once, by the call that goes ahead.

    Heads alone: what an agent's own turns add to its prompt is cached too, but how much hangs on its tools.
    """
    least, warm, cached = grounds.pace.heads, set[tuple[str, int]](), list[int]()
    for task in tasks:
        key = (task.prompt, task.reader)
        head = _head(*key, grounds)
        kept = least is not None and head >= least
        cached.append((expected_steps(task) - (key not in warm)) * (head // 4) if kept else 0)
        warm.add(key)
    return tuple(cached)


def _head(prompt: str, reader: int, grounds: Grounds) -> int:
    """Bytes of what all tasks of a prompt and reader begin with."""
    exemplars = grounds.exemplars
    shown = exemplars[(reader - 1) % len(exemplars)] if exemplars and reader else ()
    return len(grounds.prompts[prompt]) + sum(len(each.source) + len(each.answer) for each in shown) + 60 * 5


def _input_tokens(task: Task, head: int, material: int, sizes: Mapping[str, int]) -> int:
    if task.kind is TaskKind.READ:
        return sum((head + sizes.get(unit.source, 600)) // 4 for unit in task.units)
    return expected_steps(task) * (head + len(task.goal) + (material if task.tools else 2_000)) // 4


# ---------------------------------------------------------------- advice


def _advice(spec: Spec, load: Load, tokens: float, minutes: float, grounds: Grounds) -> tuple[str, tuple[str, ...]]:
    """Single agent, swarm, or swarm with a strong verifier, and the numbers that say so."""
    parts = max(map(len, load.waves), default=0)
    chain = load.chain / max(load.steps, 1)
    reasons = (
        f"{counted(parts, 'independent part')} (a swarm pays from 6)",
        f"{counted(round(tokens), 'token')} of work (from 50,000)",
        f"{minutes:.1f} minutes for one agent alone (from 10)",
        f"critical / total steps {chain:.2f} (parallel work from 0.50 down)",
    )
    points = (parts > 5) + (tokens > 50_000) + (minutes > 10)
    if parts <= 5 or (points < 2 and chain > 0.5):
        return "single agent", reasons
    unproved = [column for column in spec.table if column.read and column.recompute is None]
    strong = grounds.binding("verifier") is not None
    if unproved and not strong:
        fields = ", ".join(column.name for column in unproved[:4])
        return "swarm with a strong verifier", (*reasons, f"nothing recomputes {fields}, and no verifier is set")
    return ("swarm with a strong verifier" if strong else "swarm"), reasons
