"""Experiments inside the wave: some units work under another guidance, and the user's files never pay for it.

At most a fifth of a wave's like units are tried on. Each is paired beforehand with a unit of its stratum
that is not, and which of the two it is was drawn by a hash (pairing.py). What counts is the first outcome
of both, by the deterministic layers of the gate, whatever became of them later; a unit on which the item
fell short is read again as all others were, for the files alone. A re-run that counted would drop every
good item: it gives the worse arm a second chance.

Pure. `arranged` is for planning, `rescues` and `for_user` for the loop, `evidence` for what comes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from strop.checking.judge import APART, same
from strop.learning.pairing import Challenger
from strop.types.content import Standing
from strop.types.evidence import Pair, Source
from strop.types.memory import Item
from strop.types.trial import Result, Run, Verdict
from strop.types.work import Guidance, Plan, Task, TaskId, TaskKind, UnitKey, Variant

NO_CAP = 10**18
RESCUED = "rescue-"
"""How tasks begin that read such units again."""
RESCUE_STEPS = 2
"""An answer, and one more where it does not fit."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a wave is to learn about: one item, and the guidance of the units that differ."""

    item: Item
    guidance: Guidance
    incumbent: str
    """Hash of what the arm without the item reads."""
    without: bool = False
    cap: int = NO_CAP
    """Nano-dollars that reading again may cost, where it falls short: learning's own."""


def variant_of(trial: Trial, pairs: Sequence[tuple[UnitKey, UnitKey]]) -> Variant:
    """The trial as a part of a plan."""
    item = trial.item
    return Variant(
        item.id, item.digest, trial.guidance, item.ground, trial.incumbent, trial.without, pairs=tuple(pairs)
    )


def challenger_of(trial: Trial) -> Challenger:
    """The trial as pairing.py draws for it."""
    return Challenger(trial.item.id, trial.item.digest)


def tried_on(plan: Plan) -> Mapping[UnitKey, Variant]:
    """The units that work under a variant."""
    return {unit: variant for variant in plan.variants for unit, _ in variant.pairs}


# ---------------------------------------------------------------- for the loop


PROVED = (Standing.ACCEPTED, Standing.CORRECTED)


def scores(run: Run, verdict: Verdict) -> Mapping[UnitKey, float]:
    """Share of a unit's first readings that say what the gate proved, by unit; what was not proved is not right.

    The verdict has to be the deterministic one, of `first_outcomes(run)`, under no learned rule.
    """
    spec = run.plan.spec
    fields = {column.name for column in spec.table if column.read}
    proved = {(v.row, v.field): v.value for v in verdict.values if v.field in fields and v.standing in PROVED}
    said = {(c.row, c.field, c.reader): c for c in first_outcomes(run).claims if c.reader and c.field in fields}
    right = dict.fromkeys((unit.key for task in run.plan.tasks for unit in task.units), 0)
    for (row, field, _), claim in said.items():
        if (row, field) in proved and row in right:
            right[row] += same(claim.value, proved[row, field])
    return {row: count / (len(fields) * spec.readers) for row, count in right.items()}


def unit_costs(tasks: Sequence[Task], spent: Mapping[TaskId, int]) -> Mapping[UnitKey, int]:
    """What each unit cost as it was planned, all readers together; a batch shares its cost evenly."""
    costs: dict[UnitKey, int] = {}
    for task in tasks:
        for unit in task.units:
            costs[unit.key] = costs.get(unit.key, 0) + round(spent.get(task.id, 0) / len(task.units))
    return costs


def rescues(run: Run, verdict: Verdict) -> tuple[Task, ...]:
    """What reads a unit again on which something was tried, where that fell short.

    It lost a value; or its readers came apart, and less of it was proved than of the unit it is paired with.
    """
    tried = tried_on(run.plan)
    lost = {value.row for value in verdict.values if value.row in tried and value.standing is Standing.REFUTED}
    lost |= {value.row for value in verdict.values if not APART.isdisjoint(value.reasons)} & _short(run, verdict)
    lost |= {key for result in run.results for key, _ in result.unread if key in tried}
    lost |= {unit.key for task in run.plan.tasks if task.id in run.missing for unit in task.units if task.variant}
    return tuple(
        replace(
            task,
            id=TaskId(f"{RESCUED}{task.reader}/{unit.key}"),
            units=(unit,),
            steps=RESCUE_STEPS,
            variant="",
        )
        for task in run.plan.tasks
        if task.kind is TaskKind.READ and task.variant
        for unit in task.units
        if unit.key in lost
    )


def _short(run: Run, verdict: Verdict) -> set[UnitKey]:
    """Units under a trial that scored less than their partners."""
    first = scores(run, verdict)
    return {
        tried
        for variant in run.plan.variants
        for tried, other in variant.pairs
        if first.get(tried, 0.0) < first.get(other, 0.0)
    }


def first_outcomes(run: Run) -> Run:
    """The run as it was before anything was read again or repaired."""
    planned = {task.id for task in run.plan.tasks}
    return replace(
        run,
        results=tuple(result for result in run.results if result.task in planned),
        missing=tuple(task for task in run.missing if task in planned),
        extended=(),
    )


def for_user(run: Run) -> Run:
    """The run without the first outcomes of units that were read again: files are made of this."""
    again = {
        UnitKey(result.task.partition("/")[2])
        for result in run.results
        if result.task.startswith(RESCUED) and result.landed
    }
    if not again:
        return run
    tried = {task.id: task for task in run.plan.tasks if task.variant}
    results = (_but(result, again) if result.task in tried else result for result in run.results)
    missing = tuple(
        task for task in run.missing if task not in tried or {unit.key for unit in tried[task].units} - again
    )
    return replace(run, results=tuple(results), missing=missing)


def _but(result: Result, rows: set[UnitKey]) -> Result:
    return replace(
        result,
        claims=tuple(claim for claim in result.claims if claim.row not in rows),
        unread=tuple((key, why) for key, why in result.unread if key not in rows),
    )


# ---------------------------------------------------------------- what it taught


def evidence(
    run: Run, *, first: Mapping[UnitKey, float], inputs: Mapping[UnitKey, str], costs: Mapping[UnitKey, int], day: str
) -> tuple[Pair, ...]:
    """The pairs of a run; a unit that left no value scored nothing.

    `first` are the scores of first outcomes, `inputs` the hash of each unit's text.
    """
    return tuple(
        _pair(variant, tried, other, run=run.id, first=first, inputs=inputs, costs=costs, day=day)
        for variant in run.plan.variants
        for tried, other in variant.pairs
        if tried in inputs and other in inputs
    )


def _pair(
    variant: Variant,
    tried: UnitKey,
    other: UnitKey,
    *,
    run: str,
    first: Mapping[UnitKey, float],
    inputs: Mapping[UnitKey, str],
    costs: Mapping[UnitKey, int],
    day: str,
) -> Pair:
    challenger, baseline = (other, tried) if variant.without else (tried, other)
    return Pair(
        item=variant.name,
        version=variant.version,
        ground=variant.ground,
        incumbent=variant.incumbent,
        unit=inputs[challenger],
        run=run,
        source=Source.WAVE,
        challenger=first.get(challenger, 0.0),
        baseline=first.get(baseline, 0.0),
        challenger_cost=costs.get(challenger, 0),
        baseline_cost=costs.get(baseline, 0),
        day=day,
    )


def compared(
    item: Item,
    *,
    run: str,
    incumbent: str,
    challenger: Mapping[UnitKey, float],
    baseline: Mapping[UnitKey, float],
    inputs: Mapping[UnitKey, str],
    costs: tuple[Mapping[UnitKey, int], Mapping[UnitKey, int]],
    same: frozenset[UnitKey] = frozenset(),
    day: str = "",
) -> tuple[Pair, ...]:
    """The pairs of a paired replay: every unit that both arms were given, whether it landed or not."""
    return tuple(
        Pair(
            item=item.id,
            version=item.digest,
            ground=item.ground,
            incumbent=incumbent,
            unit=inputs[unit],
            run=run,
            source=Source.REPLAY,
            challenger=challenger.get(unit, 0.0),
            baseline=baseline.get(unit, 0.0),
            challenger_cost=costs[0].get(unit, 0),
            baseline_cost=costs[1].get(unit, 0),
            same=unit in same,
            day=day,
        )
        for unit in _in_order(inputs)
    )


def _in_order(inputs: Mapping[UnitKey, str]) -> Iterator[UnitKey]:
    """By the hash of the input: an order that nobody chose."""
    yield from sorted(inputs, key=lambda unit: inputs[unit])
