"""Trials: a skill and doing without it, on the same inputs, and what that says of the skill.

Both arms are runs on record like any other, under the learning cap of their own, and teach nothing
themselves. What counts is the first outcome of every unit, by the deterministic layers of the gate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from strop.app.evidence import proofs_of
from strop.app.journals import events_of
from strop.app.orders import Options, Screen, replay_order
from strop.app.parts import inside_of
from strop.app.project import Project
from strop.app.ratchet import input_hashes, spent_by
from strop.app.turn import execute
from strop.errors import BadInput
from strop.learning.experiments import PROVED, compared, first_outcomes, scores, unit_costs
from strop.learning.making import arm
from strop.loop.verify import verify
from strop.swarm.fold import fold
from strop.swarm.spending import Spending
from strop.types.evidence import Pair
from strop.types.fingerprint import digest
from strop.types.memory import Item
from strop.types.trial import Outcome, Run, Verdict
from strop.types.work import Guidance, Plan, UnitKey

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
    scores: Mapping[UnitKey, float]
    costs: Mapping[UnitKey, int]
    outputs: Mapping[UnitKey, str]
    """Hash of what was read, to see which units came out alike."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Both sides, and the pairs they make."""

    with_it: Arm
    without: Arm
    pairs: tuple[Pair, ...]


async def carry_out(
    project: Project,
    item: Item,
    *,
    inputs: str,
    options: Options,
    approve: Callable[[Plan], Awaitable[str]],
    screen: Screen,
) -> Trial:
    """Both arms on a folder of inputs, the one without the skill first: it says what there is to win.

    Raises:
        BadInput: an arm was stopped, so that its outcomes are none.
        StropError: as `execute`.
    """
    order = replace(replay_order(project, item.name, inputs=inputs), trial=True, saving="")
    bare = replace(order, guidance=Guidance(), tasks=(), bare=True)
    without = await execute(project, bare, options=options, approve=approve, screen=screen)
    with_it = await execute(project, order, options=options, approve=approve, screen=screen)
    return await pairs_of(project, item, with_it=with_it.folder, without=without.folder)


async def pairs_of(project: Project, item: Item, *, with_it: Path, without: Path) -> Trial:
    """What two runs over the same inputs say of an item that one of them worked under.

    Raises:
        BadInput: one of them did not come to its end.
    """
    one, other = await arm_of(project, with_it), await arm_of(project, without)
    if not one.inputs or one.inputs != other.inputs:
        raise BadInput(f"runs {one.run} and {other.run} did not read the same inputs, so they make no pairs")
    pairs = compared(
        item,
        run=one.run,
        incumbent=other.reads,
        challenger=one.scores,
        baseline=other.scores,
        inputs={unit: mark for unit, mark in one.inputs.items() if mark not in item.inputs},
        costs=(one.costs, other.costs),
        same=frozenset(unit for unit, said in one.outputs.items() if said == other.outputs.get(unit)),
        day=datetime.now(UTC).date().isoformat(),
    )
    return Trial(one, other, pairs)


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
    reads = arm(run.plan.guidance)
    if run.plan.spec.each is None:
        return _whole(run, verdict, sum(spent.values()), reads)
    said: dict[UnitKey, list[str]] = {}
    for claim in first.claims:
        said.setdefault(claim.row, []).append(repr((claim.field, claim.reader, claim.value, claim.span)))
    return Arm(
        run.id,
        reads,
        input_hashes(run, read),
        scores(run, verdict),
        unit_costs(run.plan.tasks, spent),
        {unit: digest(sorted(each)) for unit, each in said.items()},
    )


def _whole(run: Run, verdict: Verdict, spent: int, reads: str) -> Arm:
    """A run without units is one case: the share of its values that were proved."""
    proved = sum(value.standing in PROVED for value in verdict.values)
    inputs = digest(sorted({read.digest for read in run.sources}))
    outputs = digest([result.output for result in run.results])
    score = proved / max(len(verdict.values), 1)
    return Arm(run.id, reads, {WHOLE: inputs}, {WHOLE: score}, {WHOLE: spent}, {WHOLE: outputs})


def recorded(project: Project, run: Run) -> Callable[[str], str]:
    """Sources as the run read them, from the blobs; one that it never read is read now."""
    digests = {read.path: read.digest for read in run.sources}
    inside = inside_of(project, run.plan.spec)[1]

    def read(path: str) -> str:
        return project.blobs.get(digests[path]).decode() if path in digests else inside.read_text(path)

    return read
