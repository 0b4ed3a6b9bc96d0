"""What the library does for a run, and what a run does for the library.

`guided` chooses from the library's head what a run's agents are given, and the one thing that its wave is
to learn about; `learned` puts what a run left into the library, adds its evidence and lets admission decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from strop.app.kinship import apart, barred
from strop.app.knowing import quotable
from strop.app.project import Project
from strop.app.recertifying import next_due
from strop.drafting.quoted import tokens
from strop.learning import rungs
from strop.learning.admission import Measured, counted, decide, decide_cheaper
from strop.learning.alpha import Terms, Word, terms
from strop.learning.experiments import Trial, first_outcomes
from strop.learning.library import SKILLS, admit, mark_stale, move
from strop.learning.lifecycle import CERTIFIED, SHELVED
from strop.learning.making import Body, arm, assembled, grounds_of, script_item
from strop.learning.rungs import again
from strop.learning.scopes import covers, order_class
from strop.learning.selection import CAPS, Option, select
from strop.learning.splitting import Source, clusters, drawn
from strop.learning.stylemd import lines
from strop.learning.watching import watch
from strop.swarm.spending import Spending
from strop.types.document import Hit, Query
from strop.types.events import revive
from strop.types.evidence import Certificate, Pair
from strop.types.fingerprint import digest_bytes
from strop.types.memory import USED, Constraint, Dependency, Item, ItemKind, ItemState, Manifest, Skill, Taint
from strop.types.money import Price, cost
from strop.types.style import Style
from strop.types.trial import Run, Verdict
from strop.types.work import Binding, Guidance, Passage, Plan, Script, Spec, TaskId

BODIES: Mapping[ItemKind, type[Body]] = {
    ItemKind.SKILL: Skill,
    ItemKind.CONSTRAINT: Constraint,
    ItemKind.SCRIPT: Script,
}
"""Kinds that guide readers of units. Checks run in the gate; plans are replayed by name."""
SCORER = "share of first readings that say what the deterministic gate proved"
TRIED = frozenset({ItemState.CANDIDATE, ItemState.PROBATION})


@dataclass(frozen=True, slots=True)
class Guided:
    """What one run is given of the library."""

    guidance: Guidance
    trial: Trial | None = None
    barred: frozenset[str] = frozenset()
    """Units that hang together with what the tried item was made from: no evidence comes from these."""


def body_of(project: Project, item: Item) -> Body:
    """What an item holds.

    Raises:
        JournalFault: its blob is gone or damaged.
    """
    return revive(BODIES[item.kind], project.blobs.get(item.digest))


def guided(
    project: Project,
    spec: Spec,
    *,
    manifest: Manifest,
    base: Guidance,
    worker: Binding | None,
    units: tuple[str, ...],
    cosines: Mapping[str, float] | None = None,
) -> Guided:
    """Choose for a spec whose units are read; what is written by hand is in `base` already.

    `cosines` say how near items are to the spec by their meaning; None leaves it to their words.
    """
    if spec.each is None:
        return Guided(styled(project, base, manifest=manifest))
    options, bodies = options_of(project, spec, manifest)
    window, floor = worker.window if worker is not None else 0, project.config.settings.embeddings.floor
    used = select(options, spec=spec, window=window, cosines=cosines, cosine=floor)
    held = [(item, bodies[item.id]) for item in used]
    guidance = assembled(held, base=base, readers=spec.readers)
    trial = _trial(project, spec, [option.item for option in options], used, bodies, base)
    if trial is None:
        return Guided(guidance)
    present = grounds_now(project, bodies[trial.item.id], trial.item, worker)
    trial = replace(trial, item=replace(trial.item, depends=present))
    return Guided(guidance, trial, barred(project, trial.item, units))


def options_of(project: Project, spec: Spec, manifest: Manifest) -> tuple[list[Option], dict[str, Body]]:
    """(what may guide a spec's readers or be tried on them, its bodies by item id)."""
    bodies = {item.id: body_of(project, item) for item in manifest.items if _may_guide(item, spec)}
    options = [
        Option(item, _words(bodies[item.id]), effect=_effect(project, item))
        for item in manifest.items
        if item.id in bodies
    ]
    return options, bodies


def waits(project: Project, spec: Spec) -> str:
    """Why no further skill for such orders is made, or paid for, now: one is yet to be tried, or came to nothing.

    Each that came to nothing doubles the wait in runs: the next one is learned from runs like those it came from.
    """
    order = order_class(spec)
    made = [each for each in project.db.head().items if each.kind in SKILLS and each.scope.order == order]
    known = {item.id: project.db.pairs(item.id, version=item.digest) for item in made}
    untried = next((item for item in made if item.state is ItemState.CANDIDATE and not _through(project, item)), None)
    if untried is not None:
        return f"{untried.id} is yet to be tried for such orders, one at a time"
    failed = [known[item.id] for item in made if item.state not in USED and known[item.id]]
    last = max((pair.run for pairs in failed for pair in pairs), default="")
    if failed and sum(row.id > last for row in project.db.runs()) < 2 ** len(failed):
        return f"{len(failed)} for such orders came to nothing, so the next is made {2 ** len(failed)} runs after that"
    return ""


def came_to_nothing(project: Project, item: Item) -> bool:
    """Whether evidence has had its say on a skill and did not let it in: its like may be tried again, in time."""
    return item.state is ItemState.QUARANTINE or (item.state is ItemState.CANDIDATE and _through(project, item))


def _through(project: Project, item: Item) -> bool:
    """Whether the pairs that were planned for it are used up."""
    return len(project.db.pairs(item.id, version=item.digest)) >= project.config.settings.learning.pairs


def _may_guide(item: Item, spec: Spec) -> bool:
    return item.kind in BODIES and item.state in USED | TRIED and covers(item.scope, spec)


def _words(body: Body) -> str:
    match body:
        case Skill():
            return f"{body.name} {body.description}"
        case Constraint():
            return f"{body.field} {body.text}"
        case Script():
            return f"{body.skill} {body.field}"


def _effect(project: Project, item: Item) -> float | None:
    """Mean gain over its pairs so far, of the version that is there."""
    pairs = project.db.pairs(item.id, version=item.digest)
    return sum(pair.challenger - pair.baseline for pair in pairs) / len(pairs) if pairs else None


def _trial(
    project: Project, spec: Spec, there: list[Item], used: tuple[Item, ...], bodies: Mapping[str, Body], base: Guidance
) -> Trial | None:
    """What this wave is to learn about, and what either arm reads."""

    def guidance(*items: Item) -> Guidance:
        return assembled([(item, bodies[item.id]) for item in items], base=base, readers=spec.readers)

    item = _next(project, order_class(spec), there, used)
    if item is None:
        return None
    if item in used:
        without = guidance(*(each for each in used if each.id != item.id))
        return Trial(item, without, arm(without), without=True)
    rest = (each for each in used if each.kind is not item.kind or item.kind is not ItemKind.SKILL)
    return Trial(item, guidance(item, *rest), arm(guidance(*used)))


def _next(project: Project, order: str, there: Sequence[Item], used: Sequence[Item]) -> Item | None:
    """Whose turn it is: what is due, a candidate within its plan, or what is in use and has yet to prove itself.

    Of the last two the one that less is known of, so that neither waits for the other. Scripts gather pairs in every
    run without a wave; what is active is looked at when nobody else is waiting. A candidate that has used up its plan
    costs no run anything more: it waits for `strop skills test`.
    """
    if (due := next_due(project, used, order=order)) is not None:
        return due
    known = {item.id: len(project.db.pairs(item.id, version=item.digest)) for item in there}
    planned = project.config.settings.learning.pairs

    def most(items: Iterable[Item]) -> list[Item]:
        return sorted(items, key=lambda item: (-known[item.id], item.id))

    new = (each for each in there if each.state is ItemState.CANDIDATE and each.scope.order == order and _clean(each))
    within = [each for each in new if known[each.id] < planned]
    own = [each for each in used if each.scope.order == order]
    first = most(each for each in within if each.kind is not ItemKind.SCRIPT)[:1]
    first += most(each for each in own if each.state is not ItemState.ACTIVE)[:1]
    first.sort(key=lambda item: known[item.id])
    scripts = most(each for each in within if each.kind is ItemKind.SCRIPT)
    return next(iter([*first, *scripts, *most(own)]), None)


def _clean(item: Item) -> bool:
    return item.taint is not Taint.UNTRUSTED


def grounds_now(project: Project, body: Body, item: Item, worker: Binding | None) -> tuple[Dependency, ...]:
    """What the item's worth would be measured with today."""
    if not isinstance(body, Skill):
        return item.depends
    texts = project.prompts()
    told = {name: texts.get(name, "") for name, _ in body.prompts}
    since = (each for each in item.depends if each.kind == CERTIFIED)
    return (*grounds_of(worker=worker, schema=body.schema, prompts=told), *since)


# ---------------------------------------------------------------- for those who write


def styled(project: Project, base: Guidance, *, manifest: Manifest) -> Guidance:
    """With the lines of the styles that the user took from documents; at most two of them."""
    styles = [item for item in manifest.items if item.kind is ItemKind.STYLE and item.state in USED][: CAPS.skills]
    shown = tuple(line for item in styles for line in lines(revive(Style, project.blobs.get(item.digest))))
    return replace(base, style=shown, items=tuple(sorted({*base.items, *(item.id for item in styles)})))


def recalled(project: Project, goal: str, hits: Sequence[Hit] | None = None) -> tuple[Passage, ...]:
    """The passages that are near a goal, within the tokens that an agent may be given.

    `hits` are what was found for it, best first; left out, its words are looked up.
    """
    taken: list[Passage] = []
    for hit in quotable(project, Query(goal), hits):
        if tokens([*taken, hit.passage]) <= CAPS.knowledge:
            taken.append(hit.passage)
    return tuple(taken)


# ---------------------------------------------------------------- scripts


def scripts_of(
    project: Project, run: Run, verdict: Verdict, sources: Mapping[str, str]
) -> tuple[tuple[tuple[Item, Script], ...], tuple[Pair, ...]]:
    """(scripts that this run leaves, pairs of these and of those that are there already)."""
    plan = run.plan
    if plan.spec.each is None or verdict.void:
        return (), ()
    exact = order_class(plan.spec)
    held = {
        script.field: (item, script)
        for item in project.db.head().items
        if item.kind is ItemKind.SCRIPT and item.scope.order == exact
        if isinstance(script := body_of(project, item), Script)
    }
    first = [claim for claim in first_outcomes(run).claims if claim.reader == 1]
    said = {(claim.row, claim.field): claim.value for claim in first if not claim.locator}
    scripted = {(claim.row, claim.field) for claim in first if claim.locator}
    reads = arm(replace(plan.guidance, scripts=()))
    pairs = [
        pair
        for item, script in held.values()
        for pair in again(
            script, item, verdict=verdict, sources=sources, said=said, run=run.id, incumbent=reads, but=scripted
        )
    ]
    units = {unit.key: unit.source for task in plan.tasks for unit in task.units}
    read = drawn([Source(path, path, sources[path]) for path in units.values() if path in sources])
    sources, near = {each.place: each.text for each in read}, clusters(read)
    pairs = apart(project, pairs, [replace(each, key=digest_bytes(each.text.encode())) for each in read])
    found = rungs.found(
        verdict,
        columns=[column for column in plan.spec.table if column.read and column.name not in held],
        sources=sources,
        skill=f"reads-{exact[:8]}",
        said=said,
        clusters={key: group[0] for group in near for key, path in units.items() if path in group},
        run=run.id,
        ground=Item("", ItemKind.SCRIPT, "", ItemState.DRAFT).ground,
        incumbent=reads,
    )
    entries = tuple((script_item(rung.script, run=run, order=exact, inputs=rung.inputs), rung.script) for rung in found)
    return entries, (*pairs, *(pair for rung in found for pair in rung.pairs))


# ---------------------------------------------------------------- what a run says


def spent_by(spending: Spending, plan: Plan) -> Mapping[TaskId, int]:
    """What each task cost: nano-dollars, or of a worker without a price `Usage.work`."""
    worker = plan.binding("worker")
    price = worker.price if worker is not None else Price()
    return {task: each.usage.work if price.free else cost(each.usage, price) for task, each in spending.by_task.items()}


def remember_grounds(project: Project, bindings: Sequence[Binding]) -> None:
    """Mark what was measured with another model or prompt than those that are there now."""
    present = {("model", each.role): each.model for each in bindings if each.role == "worker"}
    present |= {("prompt", name): digest_bytes(text.encode())[:16] for name, text in project.prompts().items()}
    mark_stale(project.db, present)


# ---------------------------------------------------------------- what evidence decides


@dataclass(frozen=True, slots=True)
class Weighed:
    """What became of an item when its evidence was looked at."""

    item: Item
    """As it stands now."""
    before: ItemState
    certificate: Certificate
    why: str


def weigh(project: Project, name: str, *, incumbent: str, model: str, by: str) -> Weighed | None:
    """Look at all evidence of an item and move it where it has to be; None where the item or its pairs are not there.

    Raises:
        BadInput: somebody changed the item meanwhile.
        JournalFault: the library cannot be written.
    """
    item = project.db.head().item(name)
    if item is None or item.state in SHELVED:
        return None
    pairs = counted(project.db.pairs(item.id, version=item.digest), item=item, incumbent=incumbent)
    if not pairs:
        return None
    measured = Measured(model, SCORER, datetime.now(UTC).date().isoformat())
    if item.state in (ItemState.PROBATION, ItemState.ACTIVE):
        return _watched(project, item, pairs, by=by)
    offered = _terms(project, item, incumbent)
    decision = decide(pairs, item=item, incumbent=incumbent, terms=offered, measured=measured)
    if decision.word is Word.UNDECIDED and decision.certificate.cost is not None and decision.certificate.cost < 1:
        cheap = decide_cheaper(pairs, item=item, incumbent=incumbent, terms=offered, measured=measured)
        decision = cheap if cheap.word in (Word.ADMIT, Word.QUARANTINE) else decision
    to, why = decision.state, decision.why
    if decision.word is Word.ADMIT and item.state is ItemState.STALE:
        to = ItemState.ACTIVE
    if to is ItemState.STALE and (seen := watch(pairs, state=to)).detector.alarmed:
        to, why = seen.state, seen.why
    if to is not item.state:
        admitted = decision.word is Word.ADMIT
        project.db.certify(decision.certificate, trial=_trial_of(item, incumbent), admitted=admitted)
        move(project.db, item.id, to=to, why=why, by=by)
        _succeed(project, item, by=by, to=to)
    return Weighed(_now(project, item), item.state, decision.certificate, why)


def _terms(project: Project, item: Item, incumbent: str) -> Terms:
    """What this trial must show. Another ground or incumbent begins evidence anew, and with it a trial."""
    number = project.db.trial(item.id, version=_trial_of(item, incumbent))
    admitted = project.db.admitted(before=number, by="e-process")
    return terms(number, admitted=admitted, planned=project.config.settings.learning.pairs)


def _trial_of(item: Item, incumbent: str) -> str:
    return f"{item.digest}:{item.ground}:{incumbent}"


def _watched(project: Project, item: Item, pairs: Sequence[Pair], *, by: str) -> Weighed | None:
    certificate = project.db.certificates().get(item.id)
    if certificate is None or certificate.version != item.digest:
        return None  # in use by a person's word: nothing was promised of it
    found = watch(pairs[certificate.cases :], state=item.state)
    if found.state is not item.state:
        if found.state is ItemState.ACTIVE:
            admit(project.db, item.id, certificates=project.db.certificates(), why=found.why, by=by)
        else:
            move(project.db, item.id, to=found.state, why=found.why, by=by)
    return Weighed(_now(project, item), item.state, certificate, found.why)


def _succeed(project: Project, item: Item, *, by: str, to: ItemState) -> None:
    """A version that beat the one it was made from takes its place."""
    if to is not ItemState.PROBATION or not item.parent:
        return
    for each in project.db.head().items:
        if each.digest == item.parent and each.id != item.id and each.state in USED:
            move(project.db, each.id, to=ItemState.RETIRED, why=f"{item.id} won the duel", by=by)


def _now(project: Project, item: Item) -> Item:
    return project.db.head().item(item.id) or item
