"""One turn of the loop: opens the run, puts the `Shop` together, and writes what a run leaves on disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from typing import cast

import orjson

from strop.app.orders import Crew, Options, Order, Screen, as_planned, capped, crew_of, raised, terrain_of
from strop.app.parts import SystemChance, SystemClock, inside_of, renderers, tools
from strop.app.project import Project, new_run_id, order_mark, project_skill, spec_of, state_of
from strop.errors import BadInput, BadStream, StropError
from strop.learning.library import put, skills
from strop.learning.rules import add_rules
from strop.loop.cycle import Shop, Turn, cycle
from strop.loop.plan import Think
from strop.loop.verify import Proofs
from strop.reporting import write_reports
from strop.seams import Assignment, Chance, Clock, Model
from strop.stores.blobs import write_whole
from strop.stores.project import PaceRow, RunRow
from strop.stores.sqlite import Durability, SqliteJournal
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.tools.tables import recompute
from strop.types.events import (
    BudgetRaised,
    CallAnswered,
    Event,
    ManifestCommitted,
    ManifestPinned,
    RunOpened,
    RunReopened,
)
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Constraint, ItemState
from strop.types.money import Price
from strop.types.schema import Json
from strop.types.trial import Claim, Run
from strop.types.work import Budget, Plan, Task
from strop.version import __version__


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command prints about a run that was carried out."""

    id: str
    folder: Path
    turn: Turn
    state: RunFold
    manifest_before: str
    manifest_after: str


async def execute(
    project: Project,
    order: Order,
    *,
    options: Options,
    approve: Callable[[Plan], Awaitable[str]],
    screen: Screen,
    resume: str = "",
    clock: Clock | None = None,
    chance: Chance | None = None,
) -> Ended:
    """Turn the loop once, or go on with the run `resume`; everything it leaves is on disk when this returns.

    Raises:
        StropError: in one of its branches; what was committed stands.
    """
    clock, chance = clock or SystemClock(), chance or SystemChance()
    if resume:
        options = as_planned(options, state_of(project.runs / resume).plan)
    async with crew_of(project, options) as crew:
        run_id = resume or new_run_id(time.time())
        folder = project.runs / run_id
        folder.mkdir(parents=True, exist_ok=True)
        journal = SqliteJournal(
            folder / "journal.db", run=run_id, durability=Durability(project.config.settings.durability)
        )
        try:
            return await _turn(
                project, capped(order, options, crew), options, crew, journal, approve, screen, folder, clock, chance
            )
        except BadInput:
            if not worth_keeping(journal):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            journal.close()


def worth_keeping(journal: SqliteJournal) -> bool:
    """Whether a run has come to a plan or to a call; what was refused before that leaves no folder."""
    state = fold(journal.read())
    return state.plan is not None or state.ledger.calls > 0


async def _turn(
    project: Project,
    order: Order,
    options: Options,
    crew: Crew,
    journal: SqliteJournal,
    approve: Callable[[Plan], Awaitable[str]],
    screen: Screen,
    folder: Path,
    clock: Clock,
    chance: Chance,
) -> Ended:
    state = fold(journal.read())
    resumed = state.opened is not None
    if resumed and state.plan is None:
        order = _ordered_again(project, state)
    if state.opened is not None:
        order = replace(order, path=state.opened.path)
    spec = state.plan.spec if state.plan is not None else order.spec
    order = replace(order, spec=replace(spec, budget=raised(spec.budget, options.budget)))
    head = project.db.head().hash
    terrain = terrain_of(project, order, crew, manifest=head)
    inside, material = inside_of(project, order.spec)
    reader = Cached(material.read_text)
    worker = AgentLoop(
        model=crew.worker,
        price=pinned(state, "worker", crew.worker),
        prompts=terrain.prompts,
        read=reader,
        clock=clock,
        chance=chance,
        columns=order.spec.table,
        title=order.spec.title,
        tools=tools(inside, material),
        files=terrain.files[:200],
        notice=screen.notice,
    )
    answers: list[CallAnswered] = []

    def watch(event: Event) -> None:
        if isinstance(event.body, CallAnswered) and event.body.task in state.tasks:
            answers.append(replace(event.body, text="", reasoning=""))
        screen.watch(event)

    desk = Supervisor(journal, state, worker, clock, chance, watch=watch)
    screen.opened(desk, folder.name)
    if resumed:
        await desk.record(RunReopened(state.seconds), *_raises(order.spec.budget, options))
    else:
        opened = RunOpened(folder.name, order_mark(order.spec), __version__, order.spec.budget, order.path)
        await desk.record(opened, ManifestPinned(head))
    rules = project.rules()
    shop = Shop(
        desk=desk,
        terrain=terrain,
        approve=approve,
        think=thinker(crew.planner, worker, desk, state, "planner") if crew.planner else None,
        refute=thinker(crew.verifier, worker, desk, state, "verifier") if crew.verifier else None,
        proofs=lambda run: proofs_of(
            project, run, reader, rules, verifier=crew.verifier.card.name if crew.verifier else ""
        ),
        renderers=renderers(),
        folder=folder,
        publish=_publish,
        rules=rules,
        struck=project.struck_out(),
        exemplars=project.config.settings.exemplars if options.exemplars is None else options.exemplars,
        minutes=order.spec.budget.minutes,
        saving=order.saving,
        skill=order.skill,
        taken=frozenset(item.id.partition("/")[2] for item in skills(project.db)),
    )
    turn = await cycle(order.spec, shop=shop)
    after = await _keep(project, turn, desk, head)
    _index(project, order, turn)
    note_pace(project, folder.name, crew.worker.card.name, answers)
    ended = Ended(folder.name, folder, turn, state, head, after)
    write_reports(folder, turn=turn, state=state, before=head, after=after, read=reader, publish=write_whole)
    return ended


def _ordered_again(project: Project, state: RunFold) -> Order:
    """The order of a run that was cut off before it had a plan.

    Raises:
        BadInput: its spec is not there any more, or says something else now.
    """
    assert state.opened is not None, "only an opened run is resumed"
    path = project.folder / state.opened.path
    spec = spec_of(path.read_bytes(), name=path.name) if path.is_file() else None
    if spec is None or order_mark(spec) != state.opened.spec:
        what = "has changed" if spec else "is not there"
        raise BadInput(
            f"run {state.opened.run} has no plan yet and its spec {state.opened.path} {what}; "
            "start anew: strop run SPEC, or strop replay SKILL --inputs FOLDER"
        )
    return Order(spec, state.opened.path)


class Cached:
    """Source text, read once a run, so that the gate judges by the bytes that agents saw."""

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read
        self._held: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if path not in self._held:
            self._held[path] = self._read(path)
        return self._held[path]


def pinned(state: RunFold, role: str, model: Model) -> Price:
    binding = state.plan.binding(role) if state.plan else None
    return binding.price if binding else model.card.price


def _raises(budget: Budget, options: Options) -> tuple[BudgetRaised, ...]:
    if not options.budget:
        return ()
    return (BudgetRaised(budget.nanos, budget.steps, budget.tokens, budget.minutes),)


def _publish(staged: Path, target: Path) -> None:
    write_whole(target, staged.read_bytes())


def thinker(model: Model | None, like: AgentLoop, desk: Supervisor, state: RunFold, role: str) -> Think:
    """Has a planner or verifier do one task on record, by the same loop that workers use."""
    assert model is not None, "a thinker needs a model"
    loop = replace(like, model=model, price=pinned(state, role, model), columns=(), tools={}, files=())

    async def think(task: Task) -> Json:
        result = await loop.work(Assignment(task, 1, notes=task.repairs), desk=desk)
        if result.failure:
            raise BadStream(f"{role} {model.card.name}: {result.failure}")
        return cast("Json", orjson.loads(result.output))

    return think


def proofs_of(
    project: Project, run: Run, read: Callable[[str], str], rules: tuple[Constraint, ...], *, verifier: str
) -> Proofs:
    """Sources as they were read, and every table claim counted a second time."""
    hashes = {claim.source: claim.source_hash for claim in run.claims if claim.source}
    sources: dict[str, str] = {}
    for path, digest in hashes.items():
        try:
            text = read(path)
        except StropError:
            continue  # a claim on a source that is not there does not stand; the gate says so
        if digest_bytes(text.encode()) == digest:
            sources[path] = text
    asks = {column.name: column.compute or column.recompute for column in run.plan.spec.table}
    recounted = tuple(
        again
        for claim in run.claims
        if claim.locator and (again := _again(project, claim, asks.get(claim.field))) is not None
    )
    return Proofs(sources, recounted, rules, refuter=verifier)


def _again(project: Project, claim: Claim, ask: str | None) -> Claim | None:
    if ask is None or claim.value is None:
        return None
    try:
        return replace(claim, value=recompute(project.folder / claim.source, ask))
    except StropError:
        return replace(claim, value=None)


async def _keep(project: Project, turn: Turn, desk: Supervisor, before: str) -> str:
    """Put what was learned into the library, and its projections on disk."""
    entries: list[tuple[str, str, ItemState, object]] = []
    if turn.skill is not None:
        entries.append((f"skill/{turn.skill.name}", "skill", turn.skill.state, turn.skill))
    entries += [(f"rule/{rule.id}", "rule", ItemState.ACTIVE, rule) for rule in turn.rules]
    if not entries:
        return before
    manifest = put(project.db, project.blobs, entries)
    await desk.record(ManifestCommitted(manifest.hash, tuple(name for name, *_ in entries)))
    if turn.skill is not None:
        project_skill(project, turn.skill)
    if turn.rules:
        path = project.folder / "CONSTRAINTS.md"
        text = path.read_bytes().decode() if path.is_file() else ""  # with the line ends that the user's editor wrote
        write_whole(path, add_rules(text, turn.rules).encode())
    return manifest.hash


def _index(project: Project, order: Order, turn: Turn) -> None:
    run, spent = turn.run, turn.run.tally
    units = len({unit.key for task in run.plan.tasks for unit in task.units}) or len(run.plan.tasks)
    row = RunRow(
        run.id,
        order.spec.fingerprint,
        order.path,
        run.plan.guidance.skill,
        turn.outcome,
        units,
        spent.calls,
        spent.nanos,
        spent.seconds,
    )
    project.db.note_run(row)


def note_pace(project: Project, run: str, model: str, answers: list[CallAnswered]) -> None:
    """Remember how long the worker's calls took and how long its answers were."""
    if len(answers) < 2:
        return
    seconds = quantiles([answer.seconds for answer in answers], n=10, method="inclusive")
    output = sorted(answer.usage.output for answer in answers)[len(answers) // 2]
    project.db.note_pace(PaceRow(run, model, len(answers), seconds[4], seconds[8], output))
