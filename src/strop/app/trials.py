"""Trials: a skill and doing without it, on the same inputs, and what that says of the skill.

Both arms are runs on record like any other, under the learning cap of their own, and teach nothing
themselves. What counts is the first outcome of every unit, by the deterministic layers of the gate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from strop.app.drift import settle
from strop.app.evidence import proofs_of
from strop.app.journals import events_of
from strop.app.kinship import inputs_of, own
from strop.app.leaving import Ended
from strop.app.orders import Options, Order, raised, replay_order
from strop.app.parts import inside_of
from strop.app.project import Project, state_of
from strop.app.ratchet import Weighed, spent_by, weigh
from strop.errors import BadInput, Interrupted, RunStopped
from strop.learning.experiments import PROVED, compared, first_outcomes, scores, unit_costs
from strop.learning.library import SKILLS, skill_of
from strop.learning.making import arm, by_reader
from strop.learning.splitting import Source
from strop.loop.verify import verify
from strop.swarm.fold import RunFold, fold
from strop.swarm.spending import Spending
from strop.types.evidence import Pair
from strop.types.fingerprint import digest
from strop.types.memory import Item
from strop.types.trial import Outcome, Run, Verdict
from strop.types.work import Budget, Guidance, UnitKey

WHOLE = UnitKey("")
"""The unit of an order that is no table of units: all of it."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a trial: what its first outcomes scored and cost, by unit."""

    run: str
    reads: str
    """Hash of what its prompts read of the library."""
    inputs: Mapping[UnitKey, str]
    """Hash of each unit's text."""
    sources: tuple[Source, ...]
    """What was read, by these hashes; of an order without units each of its sources."""
    scores: Mapping[UnitKey, float]
    costs: Mapping[UnitKey, int]
    outputs: Mapping[UnitKey, str]
    """Hash of what was read, to see which units came out alike."""
    model: str = ""
    """Who read."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Both sides, and the pairs they make."""

    with_it: Arm
    without: Arm
    pairs: tuple[Pair, ...]


Carry = Callable[[Order, Options], Awaitable[Ended]]
"""Runs an order in front of whoever approves it."""


async def carry_out(project: Project, item: Item, *, inputs: str, options: Options, carry: Carry) -> Trial:
    """Both arms on a folder of inputs, the one without the skill first: it says what there is to win.

    A cap on money among `options` is for both together.

    Raises:
        BadInput: nothing to read there, or an arm has no outcomes.
        RunStopped: money or time ran out in an arm.
        StropError: as `execute`.
    """
    order = replace(replay_order(project, item.name, inputs=inputs), trial=True, saving="")
    bare = replace(order, guidance=Guidance(), tasks=(), bare=True)
    without = ended_well(await carry(bare, options))
    with_it = ended_well(await carry(order, left(options, without)))
    return await pairs_of(project, item, with_it=with_it.folder, without=without.folder)


def ended_well(ended: Ended) -> Ended:
    """The run, if it came to its end, passed or refused: what an arm did not come to is no outcome.

    Raises:
        RunStopped, Interrupted: it did not.
    """
    outcome = ended.turn.outcome
    if outcome in (Outcome.PASSED, Outcome.REFUSED):
        return ended
    said = f"run {ended.id}, one arm of the trial, ended as {outcome}, so there is nothing to compare"
    if outcome is Outcome.INTERRUPTED:
        raise Interrupted(said)
    raise RunStopped(f"{said}. Allow it more: --budget usd=5, or whichever cap it was")


def left(options: Options, before: Ended) -> Options:
    """The options of the second arm: of the money, what the first has left."""
    if "usd" not in options.budget:
        return options
    nanos = max(raised(Budget(), options.budget).nanos - before.turn.run.tally.nanos, 0)
    return replace(options, budget={**options.budget, "usd": f"{Decimal(nanos) / 10**9:f}"})


async def pairs_of(
    project: Project, item: Item, *, with_it: Path, without: Path, baseline: Project | None = None
) -> Trial:
    """What two runs over the same inputs say of a skill that one of them worked under.

    `baseline` is the project of the run without it, where that is another one.

    Raises:
        BadInput: one of them did not come to its end, they read different inputs, or the one with the skill
            worked under another version of it, or under a part of its examples.
    """
    item = project.db.head().item(item.id) or item  # as it stands now: on another model its evidence begins anew
    if not shows(project, item, state_of(with_it)):
        raise BadInput(f"run {with_it.name} did not work under {item.id} as it stands, so it is no evidence for it")
    one, other = await arm_of(project, with_it), await arm_of(baseline or project, without)
    if not one.inputs or one.inputs != other.inputs:
        raise BadInput(f"runs {one.run} and {other.run} did not read the same inputs, so they make no pairs")
    if one.model != other.model:
        raise BadInput(f"run {one.run} was done by {one.model}, run {other.run} by {other.model}: they make no pairs")
    no = own(project, item, one.sources)
    if no and WHOLE in one.inputs:  # one case: all of it, or nothing
        no = frozenset(one.inputs.values())
    pairs = compared(
        item,
        run=one.run,
        incumbent=other.reads,
        challenger=one.scores,
        baseline=other.scores,
        inputs={unit: mark for unit, mark in one.inputs.items() if mark not in no},
        costs=(one.costs, other.costs),
        same=frozenset(unit for unit, said in one.outputs.items() if said == other.outputs.get(unit)),
        day=datetime.now(UTC).date().isoformat(),
    )
    return Trial(one, other, pairs)


def shows(project: Project, item: Item, state: RunFold) -> bool:
    """Whether a run worked under this version of a skill, with all its examples."""
    if state.plan is None or item.kind not in SKILLS:
        return False
    skill, guidance = skill_of(item, project.blobs), state.plan.guidance
    same = guidance.exemplars == by_reader(skill.exemplars, state.plan.spec.readers)
    return same and (guidance.skill == skill.name or item.id in guidance.items)


def settled_by(project: Project, trial: Trial, *, item: Item) -> Weighed | None:
    """Keep the pairs of a trial as evidence, and let admission decide on all there is; None where no pair counts.

    Raises:
        BadInput, JournalFault: see `weigh`.
    """
    project.db.add(trial.pairs)
    weighed = weigh(project, item.id, incumbent=trial.without.reads, model=trial.with_it.model, by=trial.with_it.run)
    settle(project)
    return weighed


async def arm_of(project: Project, folder: Path) -> Arm:
    """First outcomes of a run that came to its end, judged again without a model and without learned rules.

    Raises:
        BadInput: it was stopped on the way: what it did not come to is no outcome.
    """
    events = events_of(folder)
    state, spending = fold(events), Spending()
    for event in events:
        spending.apply(event)
    run = state.run()
    if run.stopped or state.outcome not in (Outcome.PASSED, Outcome.REFUSED):
        raise BadInput(
            f"run {run.id} did not come to its end ({run.stopped or state.outcome or 'cut off'}), and what it did not "
            f"come to is no outcome. Go on with it: strop run --resume {run.id}"
        )
    first = first_outcomes(run)
    read = recorded(project, run)
    verdict = await verify(first, proofs=proofs_of(project, first, read, (), verifier=""))
    spent = spent_by(spending, run.plan)
    reads, worker = arm(run.plan.guidance), run.plan.binding("worker")
    model = worker.model if worker else ""
    if run.plan.spec.each is None:
        sources = tuple(Source(each.digest, each.path, read(each.path)) for each in run.sources)
        return replace(_whole(run, verdict, sum(spent.values()), reads), sources=sources, model=model)
    inputs = inputs_of(run, read)
    said: dict[UnitKey, list[str]] = {}
    for claim in first.claims:
        said.setdefault(claim.row, []).append(repr((claim.field, claim.reader, claim.value, claim.span)))
    return Arm(
        run.id,
        reads,
        {unit: each.key for unit, each in inputs.items()},
        tuple(inputs.values()),
        scores(run, verdict),
        unit_costs(run.plan.tasks, spent),
        {unit: digest(sorted(each)) for unit, each in said.items()},
        model,
    )


def _whole(run: Run, verdict: Verdict, spent: int, reads: str) -> Arm:
    """A run without units is one case: the share of its values that were proved."""
    proved = sum(value.standing in PROVED for value in verdict.values)
    inputs = digest(sorted({read.digest for read in run.sources}))
    outputs = digest([result.output for result in run.results])
    score = proved / max(len(verdict.values), 1)
    return Arm(run.id, reads, {WHOLE: inputs}, (), {WHOLE: score}, {WHOLE: spent}, {WHOLE: outputs})


def recorded(project: Project, run: Run) -> Callable[[str], str]:
    """Sources as the run read them, from the blobs; one that it never read is read now."""
    digests = {read.path: read.digest for read in run.sources}
    inside = inside_of(project, run.plan.spec)[1]

    def read(path: str) -> str:
        return project.blobs.get(digests[path]).decode() if path in digests else inside.read_text(path)

    return read
