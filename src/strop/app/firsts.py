"""What a run gave at the first try, by unit: the measure that runs are compared by, whatever became of them later.

First outcomes only, judged by the deterministic gate under no learned rule; units that tried something are no
part of what the library gave, and are control units where the arm they worked in had nothing of the library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from strop.app.evidence import proofs_of
from strop.app.project import Project
from strop.app.ratchet import spent_by
from strop.checking.bounds import bounded
from strop.checking.checks import parse_check
from strop.checking.judge import quoted
from strop.drafting.answers import reading_schema
from strop.errors import BadInput
from strop.learning.experiments import first_outcomes, scores, tried_on, unit_costs
from strop.learning.library import RULES, SKILLS
from strop.learning.scopes import covers, order_class
from strop.loop.cycle import Turn
from strop.loop.verify import verify
from strop.swarm.spending import Spending
from strop.types.content import Standing
from strop.types.events import revive
from strop.types.fingerprint import digest
from strop.types.firsts import Control, Guide, RunShare
from strop.types.memory import USED, CheckKind, Constraint, Item, ItemKind, Manifest, Origin
from strop.types.trial import Outcome, Verdict
from strop.types.work import ColumnType, Guidance, Plan, Spec, TaskKind, UnitKey

APART = frozenset({"solo", "chaos"})
"""Manners of runs whose units are no measure of anything here."""


@dataclass(frozen=True, slots=True)
class FirstOutcomes:
    """What a run gave at the first try."""

    run: str
    order: str
    """Class of its spec."""
    model: str
    day: str
    """YYYY-MM-DD."""
    priced: bool
    """Whether costs are nano-dollars."""
    share: RunShare | None
    """None where the library did not choose what guided the run."""
    used: tuple[Guide, ...]
    """What was in use."""
    units: int
    """Those that tried nothing."""
    guided: tuple[Control, ...]
    """Units under what was learned."""
    controls: tuple[Control, ...]
    """Units under nothing that was learned."""


async def firsts_of(
    project: Project, turn: Turn, *, read: Callable[[str], str], spending: Spending, manner: Sequence[str], day: str
) -> FirstOutcomes | None:
    """The first outcomes of a run that came to its end and read units; None of any other.

    None also where nothing that is asked for can be proved without a model: then every score is 0, and says nothing.
    """
    run, plan = turn.run, turn.run.plan
    ended = turn.outcome in (Outcome.PASSED, Outcome.REFUSED) and not run.stopped
    manifest = _manifest(project, plan.manifest)
    if not (plan.tasks and ended and _provable(plan.spec)) or APART & set(manner) or manifest is None:
        return None
    first = first_outcomes(run)
    verdict = turn.first or await verify(first, proofs=proofs_of(project, first, read, (), verifier=""))
    scored, costs = scores(run, verdict), unit_costs(plan.tasks, spent_by(spending, plan))
    worker, tried = plan.binding("worker"), tried_on(plan)
    order, model = order_class(plan.spec), worker.model if worker else ""
    own = [key for key in scored if key not in tried]

    def told(keys: Sequence[UnitKey]) -> tuple[Control, ...]:
        return tuple(Control(run.id, order, model, day, scored[key], costs.get(key, 0)) for key in sorted(keys))

    by_hand = _by_hand(project, manifest)
    bare = {name for name, guidance in _arms(plan).items() if _bare(guidance, plan, by_hand)}
    chosen = not manner and not plan.guidance.skill
    return FirstOutcomes(
        run=run.id,
        order=order,
        model=model,
        day=day,
        priced=worker is not None and not worker.price.free,
        share=_share(plan, manifest, run.id, own, verdict) if chosen else None,
        used=() if manner else tuple((item.id, item.digest) for item in _in_use(plan, manifest)),
        units=len(own),
        guided=() if "" in bare else told(own),
        controls=told([key for key in scored if (tried[key].name if key in tried else "") in bare]),
    )


def _provable(spec: Spec) -> frozenset[str]:
    """The columns that the deterministic gate may accept: by a table, or by words that two readers quote alike."""
    alike = spec.readers >= 2
    return frozenset(
        column.name
        for column in (spec.table if spec.each is not None else ())
        if column.read and (column.recompute or (alike and quoted(column) and column.type is not ColumnType.BOOLEAN))
    )


def _manifest(project: Project, name: str) -> Manifest | None:
    """The library that the run began with; None where it is not on record."""
    try:
        return project.db.manifest(name)
    except BadInput:
        return None


# ---------------------------------------------------------------- under what units worked


def _arms(plan: Plan) -> dict[str, Guidance]:
    """Guidance by variant; that of the plan is under no name."""
    return {"": plan.guidance} | {variant.name: variant.guidance for variant in plan.variants}


def _by_hand(project: Project, manifest: Manifest) -> tuple[Constraint, ...]:
    """The rules that the user wrote: they are part of the order, and nothing that was learned."""
    items = (each for each in manifest.items if each.kind in RULES and each.origin is Origin.USER)
    return tuple(revive(Constraint, project.blobs.get(item.digest)) for item in items if item.state in USED)


def _bare(guidance: Guidance, plan: Plan, by_hand: Sequence[Constraint]) -> bool:
    """Whether nothing that was learned reaches who works under this: neither the prompt nor the form of answers."""
    learned = guidance.skill or guidance.exemplars or guidance.scripts or guidance.style
    held = [parse_check(rule.check) for rule in by_hand if rule.kind is CheckKind.GRAMMAR]
    form = bounded(reading_schema(plan.spec.table), held)
    reads = [task for task in plan.tasks if task.kind is TaskKind.READ]
    lines = {rule.text for rule in by_hand}
    return not learned and set(guidance.rules) <= lines and all(task.schema == form for task in reads)


def _in_use(plan: Plan, manifest: Manifest) -> tuple[Item, ...]:
    """What guided the plan's own units: the items chosen, rules that stand in every prompt, a skill that was named."""
    named = {f"{kind}/{plan.guidance.skill}" for kind in SKILLS}
    return tuple(
        item
        for item in manifest.items
        if item.id in plan.guidance.items
        or item.id in named
        or (item.kind is ItemKind.CONSTRAINT and _holds(item, plan))
    )


def _holds(rule: Item, plan: Plan) -> bool:
    return rule.state in USED and covers(rule.scope, plan.spec)


# ---------------------------------------------------------------- what runs are compared by


def _share(plan: Plan, manifest: Manifest, run: str, own: Sequence[UnitKey], verdict: Verdict) -> RunShare:
    """The run's share, its state and its terms.

    A state is the set of learned items that guided, by their bodies: the head moves at almost every run, as candidates
    come and pairs are added, and no two runs would share one. What else shapes an answer is in the terms, so that it
    is never compared over: the model, prompts and form of answers, how many read, what kind of inputs they are,
    and what the user wrote, since a person's word is not turned back.
    """
    fields = _provable(plan.spec)
    accepted = {(value.row, value.field) for value in verdict.values if value.standing is Standing.ACCEPTED}
    using = _in_use(plan, manifest)
    guides = tuple((item.id, item.digest) for item in using if item.origin is not Origin.USER)
    yours = [
        (item.id, item.digest)
        for item in manifest.items
        if item.origin is Origin.USER and (item in using or (item.kind in RULES and _holds(item, plan)))
    ]
    worker = plan.binding("worker")
    kinds = sorted({_kind(unit.source) for task in plan.tasks for unit in task.units})
    forms = sorted({digest(task.schema) for task in plan.tasks})
    asked = [order_class(plan.spec), plan.spec.readers, worker.model if worker else "", plan.prompts]
    return RunShare(
        run=run,
        state=digest(guides)[:16],
        terms=digest([*asked, kinds, forms, yours])[:16],
        accepted=sum(all((key, name) in accepted for name in fields) for key in own),
        units=len(own),
        guides=guides,
        manifest=plan.manifest,
    )


def _kind(source: str) -> str:
    """Kind of an input: the ending of a file, the host of a page."""
    scheme, found, rest = source.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if found else PurePosixPath(source).suffix
