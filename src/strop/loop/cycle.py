"""The loop, read aloud: plan, run, verify, repair, deliver, distil, constrain.

This file only hands data from step to step and puts it on record; each step is a file beside it.
What a run needs from outside stands in `Shop`, put together by `app`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from strop.drafting.answers import answer_keys
from strop.drafting.works import repair_of
from strop.errors import (
    AuthRefused,
    BadStream,
    BudgetExhausted,
    ConfigRefused,
    HumanAwaited,
    MissingPart,
    ModelFailure,
    PlanRefused,
    QuotaExhausted,
    RunStopped,
)
from strop.learning.corpus import Kept
from strop.learning.excerpts import Excerpt, excerpt
from strop.learning.experiments import first_outcomes, for_user, rescues
from strop.learning.rulewatch import PROMPTED, second_readers
from strop.learning.skillmd import slug
from strop.loop.constrain import constrain
from strop.loop.deliver import WRITTEN, deliver
from strop.loop.distill import DESCRIBES, describing, distill, objection
from strop.loop.plan import Terrain, Think, plan, with_saving
from strop.loop.run import run
from strop.loop.verify import Proofs, Refute, sealed, verify
from strop.seams import Renderer, Tables
from strop.swarm.supervise import Supervisor
from strop.types.events import (
    RESCUE,
    FileDelivered,
    PlanApproved,
    PlanExtended,
    PlanProposed,
    RunClosed,
    VerdictGiven,
)
from strop.types.memory import Constraint, Skill
from strop.types.schema import Json, object_of
from strop.types.trial import Delivery, Earlier, Finding, Outcome, Run, Severity, Verdict
from strop.types.work import Kind, Plan, Spec, Task, TaskId, UnitKey

STOPPED = {"interrupted": Outcome.INTERRUPTED}


@dataclass(frozen=True, slots=True)
class Lessons:
    """What learning from a run takes beside the run, be it one that has just ended or one on record."""

    prompts: Mapping[str, str]
    files: Sequence[str]
    """What its agents could read."""
    proofs: Callable[[Run], Proofs]
    rules: tuple[Constraint, ...] = ()
    struck: frozenset[str] = frozenset()
    past: tuple[Kept, ...] = ()
    exemplars: int = 4
    skill: str = ""
    taken: frozenset[str] = frozenset()
    waiting: bool = False
    show: Excerpt = excerpt


@dataclass(frozen=True, slots=True)
class Shop:
    """Everything a run needs from outside."""

    desk: Supervisor
    terrain: Terrain
    approve: Callable[[Plan], Awaitable[str]]
    """Who approved the plan; raises HumanAwaited when nobody did."""
    think: Think | None
    refute: Refute | None
    proofs: Callable[[Run], Proofs]
    renderers: Mapping[Kind, Renderer]
    tables: Tables
    """Opens what `from:` names."""
    folder: Path
    """The run's folder."""
    publish: Callable[[Path, Path], None]
    rules: tuple[Constraint, ...] = ()
    struck: frozenset[str] = frozenset()
    """Ids and checks that are not learned again."""
    past: tuple[Kept, ...] = ()
    """Stored deliveries that a new check must be silent on."""
    exemplars: int = 4
    show: Excerpt = excerpt
    """What of a page stands in a worked example."""
    minutes: float = 30.0
    """The run's time, as approved."""
    saving: str = ""
    skill: str = ""
    """Name for the skill; empty lets the spec's title name it."""
    taken: frozenset[str] = frozenset()
    """Names of skills that are there: a new one gets a number behind its name."""
    waiting: bool = False
    """A skill for such orders waits to be tried: a second one would only share its evidence."""
    there: Callable[[Run, Skill], bool] = lambda run, skill: False
    """Whether the library has a skill that says the same: then nobody is paid to describe it."""
    teaches: bool = True
    """Whether something is to be learned: not from a run that was broken on purpose, nor from a baseline."""

    @property
    def lessons(self) -> Lessons:
        """What is taught from beside the run itself."""
        return Lessons(
            prompts=self.terrain.prompts,
            files=self.terrain.files,
            proofs=self.proofs,
            rules=self.rules,
            struck=self.struck,
            past=self.past,
            exemplars=self.exemplars,
            skill=self.skill,
            taken=self.taken,
            waiting=self.waiting,
            show=self.show,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of the loop left."""

    run: Run
    verdict: Verdict
    delivery: Delivery
    outcome: Outcome
    skill: Skill | None
    rules: tuple[Constraint, ...]
    first: Verdict | None = None
    """Where something was tried: what the deterministic gate says of first outcomes."""


async def cycle(spec: Spec, *, shop: Shop) -> Turn:
    """One turn: from an order to files, and to what they leave behind.

    Raises:
        PlanRefused, HumanAwaited, JournalFault.
    """
    await _planned(spec, shop)
    ran = await run(shop.desk, minutes=shop.minutes)
    ran, first = await _rescued(ran, shop)
    verdict = await _judged(ran, shop)
    delivery = _delivered(ran, verdict, shop)
    while repairs := _repairs(for_user(shop.desk.state.run()), sealed(verdict, delivery=delivery), shop):
        found = _superseded(sealed(verdict, delivery=delivery), round=shop.desk.state.extensions + 1)
        told = VerdictGiven(found, shop.desk.state.rounds + 1)
        await shop.desk.record(told, PlanExtended(repairs, reason="findings of the gate"))
        ran = for_user(await run(shop.desk, minutes=shop.minutes))
        verdict = await _judged(ran, shop)
        delivery = _with_rewritten(_delivered(ran, verdict, shop), before=delivery)
    verdict = _with_shortfall(sealed(verdict, delivery=delivery), rounds=shop.desk.state.extensions)
    outcome = _outcome(ran, verdict, shop)
    description = await _described(ran, verdict, outcome, shop)
    facts = [FileDelivered(file) for file in delivery.files]
    await shop.desk.record(*facts, VerdictGiven(verdict, shop.desk.state.rounds + 1), RunClosed(outcome, shop.desk.now))
    ran = shop.desk.state.run()
    teaches = outcome is Outcome.PASSED and shop.teaches
    skill, rules = learned(for_user(ran), verdict, lessons=shop.lessons, about=description) if teaches else (None, ())
    return Turn(ran, verdict, delivery, outcome, skill, rules, first)


async def _planned(spec: Spec, shop: Shop) -> None:
    """Put a plan on record, where none is, and its approval, by whoever may.

    Raises:
        RunStopped, MissingPart: the planner could not be asked; what it said so far is on record.
        PlanRefused, HumanAwaited.
    """
    state = shop.desk.state
    if state.plan is None:
        try:
            made = await plan(spec, terrain=shop.terrain, think=shop.think)
        except PlanRefused:
            await shop.desk.record(RunClosed(Outcome.FAULT, shop.desk.now))
            raise
        except (BudgetExhausted, ModelFailure) as caught:
            await shop.desk.stop(_reason(caught), str(caught))
            await shop.desk.record(RunClosed(Outcome.PARTIAL, shop.desk.now))
            more = " --budget usd=5 (or whichever cap it was)" if isinstance(caught, BudgetExhausted) else ""
            again = f"Mend that, then go on with: strop run --resume {shop.folder.name}{more}"
            # A wrong key is the caller's to mend; anything else may mend itself.
            error = MissingPart if isinstance(caught, AuthRefused) else RunStopped
            raise error(f"no plan was made, nothing was run: {caught}. {again}") from caught
        await shop.desk.record(PlanProposed(with_saving(made, saving=shop.saving)))
    assert state.plan is not None, "a proposed plan is folded into the state"
    if not state.approved:
        try:
            by = await shop.approve(state.plan)
        except HumanAwaited:
            await shop.desk.record(RunClosed(Outcome.AWAITING, shop.desk.now))
            raise
        await shop.desk.record(PlanApproved(state.plan.fingerprint, by))


async def _rescued(ran: Run, shop: Shop) -> tuple[Run, Verdict | None]:
    """Where something was tried: what came of it at first, and the run after what fell short was read again."""
    if not ran.plan.variants:
        return ran, None
    proofs = replace(shop.proofs(ran), rules=())  # a check is never scored by itself
    first = await verify(first_outcomes(ran), proofs=proofs)
    if not ran.stopped and not shop.desk.state.rescued and (again := rescues(ran, first)):
        await shop.desk.record(PlanExtended(again, reason=RESCUE))
    if shop.desk.state.rescued and not ran.stopped:
        ran = await run(shop.desk, minutes=shop.minutes)
    return for_user(ran), first


async def _judged(ran: Run, shop: Shop) -> Verdict:
    """Values first. A stopped run is judged without a model: its money is spent; what it said before holds."""
    refute = None if ran.stopped or shop.refute is None else partial(_refute_or_stop, shop, shop.refute)
    proofs = replace(shop.proofs(ran), before=shop.desk.state.verdict)
    verdict = await verify(ran, proofs=proofs, refute=refute)
    await shop.desk.record(VerdictGiven(verdict, shop.desk.state.rounds + 1))
    return verdict


def _superseded(verdict: Verdict, *, round: int) -> Verdict:
    """A round's verdict before its repairs: what it found is kept for the rounds after it, and for who learns."""
    found = tuple(Earlier(round, finding) for finding in verdict.findings)
    return replace(verdict, earlier=(*verdict.earlier, *found))


async def _refute_or_stop(shop: Shop, refute: Refute, task: Task) -> Json:
    """Ask the refuting model; where it cannot be asked at all, the run stops with what there is, to go on later."""
    try:
        return await refute(task)
    except BadStream:
        raise
    except (BudgetExhausted, ModelFailure) as caught:
        await shop.desk.stop(_reason(caught), str(caught))
        raise


def _reason(caught: Exception) -> str:
    reasons: dict[type[Exception], str] = {BudgetExhausted: "budget", QuotaExhausted: "quota", AuthRefused: "auth"}
    return reasons.get(type(caught), "model")


def _delivered(ran: Run, verdict: Verdict, shop: Shop) -> Delivery:
    return deliver(
        ran,
        verdict=verdict,
        renderers=shop.renderers,
        tables=shop.tables,
        staging=shop.folder / ".staging",
        to=shop.folder / "files",
        publish=shop.publish,
    )


def _with_rewritten(delivery: Delivery, *, before: Delivery) -> Delivery:
    """Files that an earlier round had to write again stay told: a disk that spoils files is worth knowing."""
    told = tuple(each for each in before.findings if each.kind == "rewritten" and each not in delivery.findings)
    return replace(delivery, findings=(*told, *delivery.findings))


def _repairs(ran: Run, verdict: Verdict, shop: Shop) -> tuple[Task, ...]:
    """Tasks that may mend what was found: only what fell short, in as many rounds as were ordered."""
    number = shop.desk.state.extensions + 1
    if ran.stopped or number > ran.plan.spec.repairs:
        return ()
    wrong = [f for f in verdict.findings if f.severity is not Severity.NOTE]
    if ran.plan.spec.each is None:
        return _remakes(ran, wrong, number)
    again = _rereads(ran, wrong, number)
    repaired = frozenset(unit.key for task in again for unit in task.units)
    return (*again, *second_readers(ran, verdict.values, but=repaired))


def _rereads(ran: Run, wrong: Sequence[Finding], number: int) -> tuple[Task, ...]:
    """Units that lost a value are read again by a reader who is told which, by another prompt each round."""
    lost: dict[UnitKey, list[str]] = {}
    for finding in wrong:
        if finding.kind in ("quote", "recompute", "refuted", "missing"):
            row, _, field = finding.locator.rpartition(".")
            said = f"{field}: {finding.observed} is wrong" if row else f"nothing was read: {finding.observed}"
            lost.setdefault(UnitKey(row or finding.locator), []).append(said[:200])
    first = {unit.key: (task, unit) for task in ran.plan.tasks if task.reader == 1 for unit in task.units}
    reader = ran.plan.spec.readers + number
    return tuple(
        replace(
            first[key][0],
            id=TaskId(f"repair-{reader}/{key}"),
            role=f"reader {reader}",
            units=(first[key][1],),
            steps=2,
            prompt=f"reader-{(reader - 1) % PROMPTED + 1}",
            reader=reader,
            repairs=tuple(said),
            reserve=number > 1,
        )
        for key, said in lost.items()
        if key in first
    )


def _remakes(ran: Run, wrong: Sequence[Finding], number: int) -> tuple[Task, ...]:
    """Makers whose values were refuted, or whose files fell short, try once more and are told why."""
    keys = answer_keys(ran.plan.spec.outputs)
    told: dict[TaskId, list[str]] = {}
    for finding in (each for each in wrong if each.rule != WRITTEN):  # no other answer brings a missing renderer
        maker = next((task for task in ran.plan.tasks if task.makes and _concerns(finding, task, keys)), None)
        if maker is not None:
            said = f"{finding.locator or finding.artefact}: expected {finding.expected}, observed {finding.observed}"
            told.setdefault(maker.id, []).append(said[:300])
    by_id = {task.id: task for task in ran.plan.tasks}
    return tuple(
        replace(
            by_id[name],
            id=repair_of(by_id[name], round=number),
            repairs=tuple(said[:20]),
            reserve=number > 1,
        )
        for name, said in told.items()
    )


def _concerns(finding: Finding, task: Task, keys: Mapping[str, str]) -> bool:
    """Whether the finding is about this task, a file that it makes, or a value in one."""
    return finding.artefact == task.id or any(
        fnmatchcase(finding.artefact, file) or finding.locator.startswith(f"{keys[file]}.") for file in task.makes
    )


def _with_shortfall(verdict: Verdict, *, rounds: int) -> Verdict:
    """What the rounds of repair have left over, said outright."""
    left = sum(finding.severity is not Severity.NOTE for finding in verdict.findings)
    if not rounds or not left:
        return verdict
    tried = f"{rounds} round{'s' if rounds > 1 else ''} of repair"
    return replace(verdict, unchecked=(*verdict.unchecked, f"After {tried} {left} findings stand; they are listed."))


def _free_name(name: str, taken: frozenset[str]) -> str:
    names = (name, *(f"{name[:60]}-{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)


def _outcome(ran: Run, verdict: Verdict, shop: Shop) -> Outcome:
    stop = shop.desk.state.stop
    if stop is not None and stop.reason in STOPPED:
        return STOPPED[stop.reason]
    if shop.desk.state.questions:
        return Outcome.AWAITING
    if stop is not None:
        return Outcome.PARTIAL
    return Outcome.PASSED if verdict.passed else Outcome.REFUSED


async def _described(ran: Run, verdict: Verdict, outcome: Outcome, shop: Shop) -> str:
    """What the planner, asked once, says of the skill that this run leaves; empty where the spec has to say it.

    The files stand and the verdict is known: nothing that goes wrong here changes them.
    """
    teaches = shop.teaches and bool(ran.plan.tasks) and not verdict.void
    learns = outcome is Outcome.PASSED and teaches and not (ran.plan.guidance.skill or shop.waiting)
    if shop.think is None or not learns or DESCRIBES in shop.desk.state.tasks:
        return ""
    if shop.there(ran, _distilled(ran, verdict, shop.lessons)):
        return ""
    files = shop.terrain.files
    try:
        said = object_of(await shop.think(describing(ran, files=files)))
    except (BudgetExhausted, ModelFailure, ConfigRefused):
        return ""
    description = str(said["description"]).strip()
    return "" if objection(description, run=ran, verdict=verdict, files=files) else description


def learned(
    ran: Run, verdict: Verdict, *, lessons: Lessons, about: str = ""
) -> tuple[Skill | None, tuple[Constraint, ...]]:
    """What a run leaves that passed whole; nothing where its refuter is void, and a replay breeds no second skill.

    `about` is the description of the skill; empty lets the spec describe it.

    Raises:
        GateClosed: the verdict refuses the run.
    """
    if verdict.void:
        return None, ()
    proofs = lessons.proofs(ran)
    before = tuple(each.finding for each in verdict.earlier)
    rules = constrain(
        verdict,
        spec=ran.plan.spec,
        known=lessons.rules,
        never=lessons.struck,
        past=lessons.past,
        earlier=(replace(verdict, findings=before, earlier=()),) if before else (),
        today=proofs.today,
        sources=proofs.sources,
    ).rules
    if ran.plan.guidance.skill or lessons.waiting or not ran.plan.tasks:
        return None, rules
    return _distilled(ran, verdict, lessons, about=about), rules


def _distilled(ran: Run, verdict: Verdict, lessons: Lessons, *, about: str = "") -> Skill:
    return distill(
        ran,
        verdict=verdict,
        sources=lessons.proofs(ran).sources,
        prompts=lessons.prompts,
        files=lessons.files,
        exemplars=lessons.exemplars,
        name=_free_name(slug(lessons.skill or ran.plan.title), lessons.taken),
        description=about,
        show=lessons.show,
    )
