"""The only place that chooses implementations: from names to models, stores, renderers and tools.

A command hands in what it wants done (`Order`) and how (`Options`); `execute` opens the run, puts the
`Shop` together, turns the loop once, and writes what a run leaves on disk.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from pathlib import Path
from statistics import quantiles
from typing import cast

import orjson

from strop.config import Config, Entry, load, price_of
from strop.errors import BadInput, BadStream, ConfigRefused, MissingPart, SpecRefused, StropError
from strop.learning.library import load_skill, put, skills
from strop.learning.rules import add_rules, read_rules
from strop.learning.skillmd import projection
from strop.loop.cycle import Shop, Turn, cycle
from strop.loop.deliver import held_to_contract
from strop.loop.plan import Pace, Terrain, Think, plan
from strop.loop.replay import replay
from strop.loop.specify import DRAFT, draft, drafted, specify
from strop.loop.verify import Proofs, sealed, verify
from strop.models.transport import Wire
from strop.reporting import write_reports
from strop.seams import Assignment, Chance, Clock, Model, ModelCard, Renderer, Tool
from strop.stores.blobs import FileBlobs, write_whole
from strop.stores.project import PaceRow, ProjectDb, RunRow
from strop.stores.sqlite import Durability, SqliteJournal, read_journal
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.tools.files import ListFiles, ReadFile, SearchFiles
from strop.tools.inside import Inside
from strop.tools.tables import CompanionTable, parse_ask, recompute
from strop.types.events import (
    BudgetRaised,
    CallAnswered,
    Event,
    ManifestCommitted,
    ManifestPinned,
    RunClosed,
    RunOpened,
    RunReopened,
)
from strop.types.fingerprint import digest_bytes
from strop.types.memory import CheckKind, Constraint, ItemState, Skill
from strop.types.money import Price, nanos
from strop.types.schema import Json, validate
from strop.types.trial import Claim, Deliverable, Delivery, Finding, Outcome, Run, Severity, Verdict
from strop.types.work import Binding, Budget, Guidance, Kind, Plan, Sources, Spec, Task, TaskId, TaskKind
from strop.version import __version__

PROMPTS = (
    "reader-1",
    "reader-2",
    "reader-3",
    "unit",
    "unit-again",
    "repair",
    "task",
    "specialist",
    "aggregate",
    "decompose",
    "refute",
    "draft",
    "distill",
    "form",
)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Monotonic time."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class SystemChance:
    """Jitter from the system's generator."""

    def random(self) -> float:
        return secrets.randbelow(2**32) / 2**32


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is to be done; what is not said is taken from strop.toml, then from the defaults."""

    worker: str = ""
    planner: str = ""
    verifier: str = ""
    budget: Mapping[str, str] = field(default_factory=dict[str, str])
    """Caps from the command line, by the keys of the spec's budget."""
    exemplars: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run: a spec, and for a replay what its skill gives."""

    spec: Spec
    path: str
    guidance: Guidance = Guidance()
    tasks: tuple[Task, ...] = ()
    saving: str = ""
    skill: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command prints about a run that was carried out."""

    id: str
    folder: Path
    turn: Turn
    state: RunFold
    manifest_before: str
    manifest_after: str


@dataclass(frozen=True, slots=True)
class Screen:
    """Where progress goes."""

    watch: Callable[[Event], None] = lambda event: None
    notice: Callable[[str, int], None] = lambda task, characters: None
    opened: Callable[[Supervisor, str], None] = lambda desk, run: None
    """Hears of the run before anything is paid: signal handlers hang here."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder with its configuration and stores."""

    folder: Path
    config: Config
    db: ProjectDb
    blobs: FileBlobs
    environment: Mapping[str, str]

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def prompts(self) -> dict[str, str]:
        """Prompt texts by name; a project's own `prompts/NAME.md` goes before ours.

        Raises:
            ConfigRefused: a file that cannot be read.
        """
        texts: dict[str, str] = {}
        for name in PROMPTS:
            own = self.folder / "prompts" / f"{name}.md"
            try:
                shipped = resources.files("strop") / "prompts" / f"{name}.md"
                texts[name] = own.read_text("utf-8") if own.is_file() else shipped.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as caught:
                raise ConfigRefused(f"prompt {own} cannot be read: {caught}") from caught
        return texts

    def rules(self) -> tuple[Constraint, ...]:
        """The rules of CONSTRAINTS.md as they stand now."""
        path = self.folder / "CONSTRAINTS.md"
        return read_rules(path.read_text("utf-8")) if path.is_file() else ()

    def find_run(self, name: str) -> Path:
        """The folder of a run by its id or a unique part of its end.

        Raises:
            BadInput: no such run, or several.
        """
        held = [path for path in sorted(self.runs.glob("*")) if (path / "journal.db").is_file()]
        found = [path for path in held if name.upper() in path.name]
        if len(found) != 1:
            there = ", ".join(path.name for path in (found or held)[-5:]) or f"none under {self.runs}"
            what = "no run matches" if not found else f"{len(found)} runs match"
            raise BadInput(f"{what} {name!r}. Runs here: {there}. See them all with: strop runs")
        return found[0]


def open_project(folder: Path, *, environment: Mapping[str, str] | None = None) -> Project:
    """The project at `folder`; its `.strop` is made where it is missing.

    Raises:
        BadInput, ConfigRefused, JournalFault.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder")
    inner = folder / ".strop"
    return Project(
        folder=folder,
        config=load(folder),
        db=ProjectDb(inner / "project.db"),
        blobs=FileBlobs(inner / "blobs"),
        environment=os.environ if environment is None else environment,
    )


def spec_of(body: bytes, *, name: str) -> Spec:
    """A spec file, read with the checks that need to know what is there.

    Raises:
        SpecRefused: what is wrong, on which line, and how to mend it.
    """
    return specify(body, name=name, asks=parse_ask)


def order_mark(spec: Spec) -> str:
    """What stays the same of a spec when its caps change: says whether two runs had the same order."""
    return replace(spec, budget=Budget()).fingerprint


def new_run_id(moment: float) -> str:
    """Sortable by time: ten base-32 digits of milliseconds, four of chance (the layout of a ULID)."""
    stamp = int(moment * 1000)
    digits = "".join(_CROCKFORD[(stamp >> shift) & 31] for shift in range(45, -1, -5))
    return digits + "".join(secrets.choice(_CROCKFORD) for _ in range(4))


# ---------------------------------------------------------------- models


def weights_of(project: Project, name: str) -> Path:
    """The GGUF that `embedded` or `embedded:PATH` means.

    Raises:
        MissingPart: no weights are installed.
    """
    from strop.models.weights import find_weights, weights_folder

    _, _, path = name.partition(":")
    chosen = path or project.config.settings.weights
    if chosen:
        return Path(chosen).expanduser()
    beside = Path(sysconfig_data()) / "share" / "strop" / "models"
    folder = weights_folder(project.environment, home=Path.home())
    try:
        return find_weights(folder)
    except MissingPart:
        if beside.is_dir():
            return find_weights(beside)
        raise


def sysconfig_data() -> str:
    """The environment's own data folder: `make demo` keeps the weights there."""
    import sysconfig

    return sysconfig.get_path("data")


def _embedded(project: Project, name: str, entry: Entry, card: ModelCard) -> Model:
    from strop.models.embedded import EmbeddedModel

    return EmbeddedModel(
        weights_of(project, name), name=name, family=entry.family, threads=project.config.settings.threads
    )


def _openai(project: Project, name: str, entry: Entry, card: ModelCard) -> Model:
    from strop.models.openai_chat import ChatManners, OpenAIChat

    manners = ChatManners(**entry.manners)  # type: ignore[arg-type]  # fields are checked by the dataclass's names
    return OpenAIChat(card, wire=_endpoint(project, entry), manners=manners)


def _anthropic(project: Project, name: str, entry: Entry, card: ModelCard) -> Model:
    from strop.models.anthropic_messages import AnthropicMessages, MessagesManners

    manners = MessagesManners(**entry.manners)  # type: ignore[arg-type]  # fields are checked by the dataclass's names
    return AnthropicMessages(card, wire=_endpoint(project, entry), manners=manners)


def _scripted(project: Project, name: str, entry: Entry, card: ModelCard) -> Model:
    from strop.models.scripted import ScriptedModel

    return ScriptedModel.read(project.folder / entry.id, clock=SystemClock(), card=card)


MODELS: dict[str, Callable[[Project, str, Entry, ModelCard], Model]] = {
    "embedded": _embedded,
    "openai": _openai,
    "anthropic": _anthropic,
    "scripted": _scripted,
}


def _endpoint(project: Project, entry: Entry) -> Wire:
    from strop.net.connector import Auth, Endpoint
    from strop.net.secrets import Secret

    secret = Secret(entry.keys)
    present = secret.present(project.environment)
    if not present and entry.keys and not entry.key_optional:
        raise MissingPart(
            f"no key for {entry.id}: set {' or '.join(entry.keys)} in the environment, "
            "or work without one: --worker embedded"
        )
    return Endpoint(
        entry.base_url,
        allow=frozenset((entry.host,)),
        secret=secret if present else None,
        auth=Auth.API_KEY if entry.auth == "x-api-key" else Auth.BEARER,
        environ=project.environment,
    )


def build_model(project: Project, locator: str) -> Model:
    """The model of a catalogue name or locator. Opens no connection.

    Raises:
        ConfigRefused, MissingPart: unknown, unpriced, without its key, package or weights.
    """
    name, entry = project.config.entry(locator)
    card = ModelCard(
        name=name,
        id=entry.id,
        family=entry.family,
        price=price_of(name, entry),
        window=entry.window,
        output=entry.output,
        tools=entry.tools,
        hosts=(entry.host,) if entry.host else (),
        local=entry.wire == "embedded",
    )
    return MODELS[entry.wire](project, name, entry, card)


def binding_of(role: str, card: ModelCard) -> Binding:
    """A role bound to a model at its present price."""
    return Binding(role, card.name, card.price, card.window, card.output, card.hosts, card.family)


# ---------------------------------------------------------------- renderers and tools


def renderers() -> dict[Kind, Renderer]:
    """Every format; the heavy libraries load when the first file is written."""
    from strop.renderers.chart_file import PngFile, SvgFile
    from strop.renderers.csv_file import CsvFile
    from strop.renderers.json_file import JsonFile
    from strop.renderers.markdown_file import MarkdownFile
    from strop.renderers.pdf_file import PdfFile
    from strop.renderers.xlsx_file import XlsxFile

    made: tuple[Renderer, ...] = (CsvFile(), XlsxFile(), PdfFile(), PngFile(), SvgFile(), JsonFile(), MarkdownFile())
    return {each.kind: each for each in made}


def tools(inside: Inside, material: Inside) -> dict[str, Tool]:
    """What agents may call: files inside the allowed roots, and tables, companions included."""
    made: tuple[Tool, ...] = (ReadFile(inside), ListFiles(inside), SearchFiles(inside), CompanionTable(material))
    return {each.spec.name: each for each in made}


# ---------------------------------------------------------------- one turn of the loop


@dataclass(frozen=True, slots=True)
class _Crew:
    """The models of one run, by role."""

    worker: Model
    planner: Model | None
    verifier: Model | None

    @property
    def bindings(self) -> tuple[Binding, ...]:
        roles = (("worker", self.worker), ("planner", self.planner), ("verifier", self.verifier))
        return tuple(binding_of(role, model.card) for role, model in roles if model is not None)


@asynccontextmanager
async def _crew(project: Project, options: Options) -> AsyncGenerator[_Crew, None]:
    chosen = {
        "worker": options.worker or project.config.locator("worker", project.environment),
        "planner": options.planner or project.config.locator("planner", project.environment),
        "verifier": options.verifier or project.config.locator("verifier", project.environment),
    }
    async with AsyncExitStack() as stack:
        built: dict[str, Model] = {}
        for locator in dict.fromkeys(name for name in chosen.values() if name and name != "none"):
            built[locator] = build_model(project, locator)
            stack.push_async_callback(built[locator].close)
        worker = built[chosen["worker"]]
        yield _Crew(worker, built.get(chosen["planner"]), built.get(chosen["verifier"]))


def inside_of(project: Project, spec: Spec) -> tuple[Inside, Inside]:
    """(what agents may read, the same with the companions of units)."""
    beside = (spec.companion.replace("{stem}", "*"),) if spec.companion else ()
    wider = Sources(
        (*spec.sources.allow, *beside, *((spec.each,) if spec.each and not spec.items else ())), spec.sources.deny
    )
    return Inside(project.folder.absolute(), spec.sources), Inside(project.folder.absolute(), wider)


def terrain_of(project: Project, order: Order, crew: _Crew, *, manifest: str) -> Terrain:
    """What planning may know of the project."""
    inside, material = inside_of(project, order.spec)
    files = inside.files()
    pattern = order.spec.each
    units: tuple[str, ...] = ()
    if pattern is not None:
        units = (
            order.spec.items or Inside(project.folder.absolute(), Sources((pattern,), order.spec.sources.deny)).files()
        )
    rules = tuple(rule.text for rule in project.rules() if rule.kind in (CheckKind.HAND, CheckKind.PROMPT))
    return Terrain(
        units=units,
        sizes={
            path: (project.folder / path).stat().st_size
            for path in {*units, *files}
            if (project.folder / path).is_file()
        },
        files=files,
        bindings=crew.bindings,
        prompts=project.prompts(),
        tools=tuple(tools(inside, material)) if crew.worker.card.tools else (),
        pace=pace_of(project, crew.worker.card),
        guidance=replace(order.guidance, rules=rules),
        manifest=manifest,
        tasks=order.tasks,
        rules=project.rules(),
    )


def pace_of(project: Project, card: ModelCard) -> Pace:
    """How fast the worker is: as measured here, else a default that says so."""
    row = project.db.pace(card.name)
    at_once = 1 if card.local else 300
    if row is not None:
        return Pace(row.p50, row.p90, row.output, measured=f"{row.calls} calls of run {row.run}", at_once=at_once)
    return Pace(4.0, 8.0, 90, at_once=1) if card.local else Pace(6.0, 15.0, 300, at_once=at_once)


async def make_plan(project: Project, order: Order, options: Options) -> Plan:
    """A plan without a run: only for specs that need no planner model.

    Raises:
        PlanRefused: prose that a planner must split; `strop run` plans it on record.
    """
    async with _crew(project, options) as crew:
        order = _capped(order, options, crew)
        return await plan(order.spec, terrain=terrain_of(project, order, crew, manifest=project.db.head().hash))


def _capped(order: Order, options: Options, crew: _Crew) -> Order:
    """The order under the caps of the command line; a model in this process serves one agent at a time."""
    budget = _raised(order.spec.budget, options.budget)
    if crew.worker.card.local:
        budget = replace(budget, agents=1)
    return replace(order, spec=replace(order.spec, budget=budget))


def _raised(budget: Budget, changes: Mapping[str, str]) -> Budget:
    """The budget with caps from the command line, read as a spec would read them."""
    if not changes:
        return budget
    lines = "\n".join(f"  {key}: {value}" for key, value in changes.items())
    text = f"---\ndeliver: [{{file: a.csv, columns: {{a: text}}}}]\nbudget:\n{lines}\n---\n"
    try:
        read = specify(text.encode()).budget
    except SpecRefused as caught:
        raise BadInput(f"--budget: {str(caught).removeprefix(f'line {caught.line}: ')}") from caught
    names = {"usd": "nanos"}
    taken = {names.get(key, key): getattr(read, names.get(key, key)) for key in changes}
    return replace(budget, **taken)


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
    async with _crew(project, options) as crew:
        run_id = resume or new_run_id(time.time())
        folder = project.runs / run_id
        folder.mkdir(parents=True, exist_ok=True)
        journal = SqliteJournal(
            folder / "journal.db", run=run_id, durability=Durability(project.config.settings.durability)
        )
        try:
            return await _turn(
                project, _capped(order, options, crew), options, crew, journal, approve, screen, folder, clock, chance
            )
        except BadInput:
            if not worth_keeping(journal):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            journal.close()


def as_planned(options: Options, plan: Plan | None) -> Options:
    """The options of a run that goes on: who was approved works on, where nobody else is named."""
    if plan is None:
        return options
    models = {binding.role: binding.model for binding in plan.bindings}
    return replace(
        options,
        worker=options.worker or models.get("worker", ""),
        planner=options.planner or models.get("planner", "none"),
        verifier=options.verifier or models.get("verifier", "none"),
    )


def worth_keeping(journal: SqliteJournal) -> bool:
    """Whether a run has come to a plan or to a call; what was refused before that leaves no folder."""
    state = fold(journal.read())
    return state.plan is not None or state.ledger.calls > 0


async def _turn(
    project: Project,
    order: Order,
    options: Options,
    crew: _Crew,
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
    order = replace(order, spec=replace(spec, budget=_raised(spec.budget, options.budget)))
    head = project.db.head().hash
    terrain = terrain_of(project, order, crew, manifest=head)
    inside, material = inside_of(project, order.spec)
    reader = _Cached(material.read_text)
    worker = AgentLoop(
        model=crew.worker,
        price=_pinned(state, "worker", crew.worker),
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
        think=_thinker(crew.planner, worker, desk, state, "planner") if crew.planner else None,
        refute=_thinker(crew.verifier, worker, desk, state, "verifier") if crew.verifier else None,
        proofs=lambda run: _proofs(
            project, run, reader, rules, verifier=crew.verifier.card.name if crew.verifier else ""
        ),
        renderers=renderers(),
        folder=folder,
        publish=_publish,
        rules=rules,
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


class _Cached:
    """Source text, read once a run, so that the gate judges by the bytes that agents saw."""

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read
        self._held: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if path not in self._held:
            self._held[path] = self._read(path)
        return self._held[path]


def _pinned(state: RunFold, role: str, model: Model) -> Price:
    binding = state.plan.binding(role) if state.plan else None
    return binding.price if binding else model.card.price


def _raises(budget: Budget, options: Options) -> tuple[BudgetRaised, ...]:
    if not options.budget:
        return ()
    return (BudgetRaised(budget.nanos, budget.steps, budget.tokens, budget.minutes),)


def _publish(staged: Path, target: Path) -> None:
    write_whole(target, staged.read_bytes())


def _thinker(model: Model | None, like: AgentLoop, desk: Supervisor, state: RunFold, role: str) -> Think:
    """Has a planner or verifier do one task on record, by the same loop that workers use."""
    assert model is not None, "a thinker needs a model"
    loop = replace(like, model=model, price=_pinned(state, role, model), columns=(), tools={}, files=())

    async def think(task: Task) -> Json:
        result = await loop.work(Assignment(task, 1, notes=task.repairs), desk=desk)
        if result.failure:
            raise BadStream(f"{role} {model.card.name}: {result.failure}")
        return cast("Json", orjson.loads(result.output))

    return think


def _proofs(
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


# ---------------------------------------------------------------- what a run leaves


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


def project_skill(project: Project, skill: Skill) -> Path:
    """Write a skill's folder under `.agents/skills`."""
    folder = project.folder / ".agents" / "skills" / skill.name
    for name, body in projection(skill).items():
        write_whole(folder / name, body)
    return folder


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


def skill_named(project: Project, name: str) -> Skill:
    """A skill of the library.

    Raises:
        BadInput: there is none of that name.
    """
    return load_skill(name, library=project.db, blobs=project.blobs)


def state_of(folder: Path) -> RunFold:
    """A run as its journal tells it, read-only.

    Raises:
        JournalFault: no journal, or one that cannot be read.
    """
    return fold(read_journal(folder / "journal.db"))


# ---------------------------------------------------------------- what commands ask besides


def all_skills(project: Project) -> tuple[Skill, ...]:
    """Every skill of the library's head."""
    return tuple(skill_named(project, item.id.partition("/")[2]) for item in skills(project.db))


def replay_order(project: Project, name: str, *, inputs: str, exemplars: int | None = None) -> Order:
    """The order that replays a skill on a folder.

    Raises:
        BadInput: no such skill, or nothing to read there.
    """
    skill = skill_named(project, name)
    found = Inside(project.folder.absolute(), Sources((f"{inputs.rstrip('/')}/**",))).files()
    made = replay(skill, inputs=inputs, found=found, exemplars=exemplars)
    return Order(made.spec, f"skill {name}", made.guidance, made.tasks, made.saving)


def runs_of(project: Project) -> tuple[RunRow, ...]:
    """Every run of the project, newest first: those that ended, and those that wait or were cut off."""
    rows = {row.id: row for row in project.db.runs()}
    for folder in project.runs.glob("*"):
        if folder.name not in rows and (folder / "journal.db").is_file():
            try:
                rows[folder.name] = _unindexed(state_of(folder), folder.name)
            except StropError:
                rows[folder.name] = RunRow(folder.name, "", "", "", "damaged", 0, 0, 0, 0.0)
    return tuple(rows[name] for name in sorted(rows, reverse=True))


def _unindexed(state: RunFold, name: str) -> RunRow:
    opened, plan, spent = state.opened, state.plan, state.ledger
    return RunRow(
        name,
        opened.spec if opened else "",
        opened.path if opened else "",
        plan.guidance.skill if plan else "",
        state.outcome or "unfinished",
        len({unit.key for task in plan.tasks for unit in task.units}) or len(plan.tasks) if plan else 0,
        spent.calls,
        spent.nanos,
        state.seconds,
    )


def resumable(project: Project, spec: Spec) -> str:
    """The newest run of the same spec that was cut off; empty when there is none."""
    closed = {row.id: row for row in project.db.runs()}
    for folder in sorted(project.runs.glob("*"), reverse=True):
        if not (folder / "journal.db").is_file() or folder.name in closed:
            continue
        try:
            state = state_of(folder)
        except StropError:
            continue  # a damaged journal is not offered
        if state.opened is not None and state.opened.spec == order_mark(spec) and state.outcome is None:
            return folder.name
    return ""


async def verify_again(project: Project, folder: Path) -> Verdict:
    """The gate on a run as its journal tells it, and on its files as they are now.

    No model is asked: what the refuting model said in the run stands on record.

    Raises:
        JournalFault, BadInput.
    """
    state = state_of(folder)
    run = state.run()
    _, material = inside_of(project, run.plan.spec)
    proofs = _proofs(project, run, _Cached(material.read_text), project.rules(), verifier=_refuter(state))
    verdict = await verify(run, proofs=proofs, refute=partial(_on_record, state) if proofs.refuter else None)
    findings = held_to_contract(run.plan.spec, folder / "files", verdict=verdict)
    changed = tuple(_unlike(folder / "files", file) for file in state.files.values())
    return sealed(verdict, delivery=Delivery(tuple(state.files.values()), (*findings, *(f for f in changed if f))))


def _refuter(state: RunFold) -> str:
    return state.verdict.refuter if state.verdict else ""


async def _on_record(state: RunFold, task: Task) -> Json:
    """What a model answered to this task in the run.

    Raises:
        BadStream: nothing on record fits.
    """
    for step in range(task.steps, 0, -1):
        for body in state.steps_of(task.id, 1, step):
            if isinstance(body, CallAnswered):
                try:
                    answer = cast("Json", orjson.loads(body.text))
                except orjson.JSONDecodeError:
                    continue
                if not validate(task.schema, answer):
                    return answer
    raise BadStream("no answer to this is on record")


def _unlike(folder: Path, file: Deliverable) -> Finding | None:
    """Whether a delivered file is still what was delivered."""
    path = folder / file.file
    now = digest_bytes(path.read_bytes()) if path.is_file() else "no file"
    if now == file.digest:
        return None
    rule = "a delivered file is as it was delivered"
    return Finding("contract", file.file, "", file.digest[:16], now[:16], rule, Severity.FATAL)


async def draft_of(project: Project, wish: str, *, planner: str) -> str:
    """A draft spec from a wish: by the planner model where there is one, on record, else from a form."""
    prompts = project.prompts()
    locator = planner or project.config.locator("planner", project.environment)
    if not locator or locator == "none":
        return draft(wish, form=prompts["form"])
    model = build_model(project, locator)
    run_id = new_run_id(time.time())
    folder = project.runs / run_id
    folder.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal(folder / "journal.db", run=run_id)
    try:
        loop = AgentLoop(model, model.card.price, prompts, lambda path: "", SystemClock(), SystemChance(), title=wish)
        desk = Supervisor(journal, fold(()), loop, SystemClock(), SystemChance())
        await desk.record(RunOpened(run_id, "", __version__, Budget(steps=2, nanos=nanos("0.50")), "a wish"))
        task = Task(TaskId("draft"), TaskKind.AGGREGATE, "planner", wish, DRAFT, "draft", steps=2)
        answer = await _thinker(model, loop, desk, desk.state, "planner")(task)
        await desk.record(RunClosed(Outcome.PASSED, desk.now))
        return drafted(wish, answer=answer)
    finally:
        journal.close()
        await model.close()
