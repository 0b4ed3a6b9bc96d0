"""What a command wants done and how: orders, options, the models of a run, and the plan without a run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from strop.app.nearness import Near, embedder_of, recall_by_words
from strop.app.pages import pages_of
from strop.app.parts import binding_of, build_model, inside_of, nobody, tools
from strop.app.project import Project, skill_named, state_of
from strop.app.ratchet import Guided, guided
from strop.app.ruling import rules_for
from strop.drafting.forecast import RUNS
from strop.drafting.pages import places
from strop.drafting.quoting import Pace
from strop.errors import BadInput, SpecRefused
from strop.loop.plan import Terrain, nothing, plan
from strop.loop.replay import replay
from strop.loop.specify import specify
from strop.seams import Embedder, Model, ModelCard
from strop.swarm.fold import RunFold
from strop.swarm.spending import Spending, past_run
from strop.swarm.supervise import Supervisor
from strop.tools.inside import Inside
from strop.types.count import counted
from strop.types.events import Event
from strop.types.memory import CheckKind, Constraint, Manifest
from strop.types.money import nanos
from strop.types.trial import Outcome
from strop.types.work import Binding, Budget, Guidance, Plan, Sources, Spec, Task


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is to be done; what is not said is taken from strop.toml, then from the defaults."""

    worker: str = ""
    planner: str = ""
    verifier: str = ""
    budget: Mapping[str, str] = field(default_factory=dict[str, str])
    """Caps from the command line, by the keys of the spec's budget."""
    exemplars: int | None = None
    chaos: int | None = None
    """Seed of mishaps that the workers' calls are to meet; None meets none."""
    store: str = ""
    """Where a new run's journal is kept: `sqlite`, or a `postgresql://` address."""
    crew: str = ""
    """Where agents run: `local`, or `ray`."""

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """(role, model) of those that the command line named."""
        roles = (("worker", self.worker), ("planner", self.planner), ("verifier", self.verifier))
        return tuple((role, model) for role, model in roles if model)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run: a spec, and for a replay what its skill gives."""

    spec: Spec
    path: str
    guidance: Guidance = Guidance()
    tasks: tuple[Task, ...] = ()
    saving: str = ""
    skill: str = ""
    solo: bool = False
    """One agent does it all: the baseline of every claim about the swarm."""
    again: str = ""
    """The run that this one is a new attempt at."""
    bare: bool = False
    """Nothing of the library is used: the baseline of what was learned."""
    trial: bool = False
    """One arm of a trial: it teaches nothing itself."""

    @property
    def chosen(self) -> bool:
        """Whether it says itself what its agents are given, so that nothing is looked for in the library."""
        return bool(self.guidance.skill or self.guidance.exemplars or self.tasks or self.bare or self.solo)


def manner_of(order: Order, options: Options) -> tuple[str, ...]:
    """Why a run of this order teaches nothing; empty where it does."""
    manners = {"trial": order.trial, "bare": order.bare, "solo": order.solo, "chaos": options.chaos is not None}
    return tuple(name for name, holds in manners.items() if holds)


@dataclass(frozen=True, slots=True)
class Screen:
    """Where progress goes."""

    watch: Callable[[Event], None] = lambda event: None
    notice: Callable[[str, int], None] = lambda task, characters: None
    warn: Callable[[str], None] = lambda said: None
    """Hears what the person should know while the run goes on."""
    opened: Callable[[Supervisor, str], None] = lambda desk, run: None
    """Hears of the run before anything is paid: signal handlers hang here."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The models of one run, by role."""

    worker: Model
    planner: Model | None
    verifier: Model | None
    reserve: Model | None = None
    """Takes a task over that the worker has failed at twice."""
    embedder: Embedder | None = None
    """Finds what is near by its meaning; without it words are compared."""
    unembedded: str = ""
    """Why the embedder that strop.toml names cannot be had."""

    @property
    def bindings(self) -> tuple[Binding, ...]:
        roles = (
            ("worker", self.worker),
            ("planner", self.planner),
            ("verifier", self.verifier),
            ("reserve", self.reserve),
        )
        bound = tuple(binding_of(role, model.card) for role, model in roles if model is not None)
        if self.embedder is None:
            return bound
        card = self.embedder.card
        return *bound, Binding("embedder", card.name, card.price, card.window, 0, card.hosts)


def manned(order: Order, options: Options) -> Options:
    """The options of an order, without a model where its rows are all taken from tables."""
    return options if order.spec.made else replace(options, worker="none", planner="none", verifier="none")


@asynccontextmanager
async def cast_of(project: Project, options: Options) -> AsyncGenerator[Cast, None]:
    chosen = {
        "worker": options.worker or project.config.locator("worker", project.environment),
        "planner": options.planner or project.config.locator("planner", project.environment),
        "verifier": options.verifier or project.config.locator("verifier", project.environment),
        "reserve": project.config.locator("reserve", project.environment),
    }
    async with AsyncExitStack() as stack:
        built: dict[str, Model] = {}
        for locator in dict.fromkeys(name for name in chosen.values() if name and name != "none"):
            built[locator] = build_model(project, locator)
            stack.push_async_callback(built[locator].close)
        worker = built.get(chosen["worker"]) or nobody()
        if options.chaos is not None and chosen["worker"] in built:
            worker = build_model(project, chosen["worker"], chaos=options.chaos)
            stack.push_async_callback(worker.close)
        roles = (built.get(chosen[role]) for role in ("planner", "verifier", "reserve"))
        embedder, why = embedder_of(project)
        if embedder is not None:
            stack.push_async_callback(embedder.close)
        yield Cast(worker, *roles, embedder=embedder, unembedded=why)


def terrain_of(
    project: Project,
    order: Order,
    cast: Cast,
    *,
    manifest: Manifest,
    run: str = "",
    rules: Sequence[Constraint] | None = None,
    near: Near | None = None,
) -> Terrain:
    """What planning may know of the project. Chance is drawn from `run`, its id; a preview has none and tries nothing.

    Of an order that names its skill, its examples or none, nothing is chosen. `near` is what an embedder says; without
    it words decide.
    """
    learning = project.config.settings.learning
    held = rules_for(project, order.spec) if rules is None else tuple(rules)
    inside, material = inside_of(project, order.spec)
    web = pages_of(project, order.spec) if places(order.spec) else None
    files = inside.files()
    pattern = order.spec.each
    units: tuple[str, ...] = ()
    if pattern is not None:
        units = (
            order.spec.items or Inside(project.folder.absolute(), Sources((pattern,), order.spec.sources.deny)).files()
        )
    lines = tuple(rule.text for rule in held if rule.kind in (CheckKind.HAND, CheckKind.PROMPT))
    base = replace(order.guidance, rules=lines)
    worker = next((each for each in cast.bindings if each.role == "worker"), None)
    chosen = (
        Guided(base)
        if order.chosen
        else guided(
            project, order.spec, manifest=manifest, base=base, worker=worker, units=units, cosines=near and near.cosines
        )
    )
    recall = near.recall if near is not None else partial(recall_by_words, project)
    return Terrain(
        units=units,
        sizes={
            path: (project.folder / path).stat().st_size
            for path in {*units, *files}
            if (project.folder / path).is_file()
        },
        files=files,
        bindings=cast.bindings,
        prompts=project.prompts(),
        tools=tuple(tools(inside, material, web)) if cast.worker.card.tools else (),
        pace=pace_of(project, cast.worker.card),
        guidance=chosen.guidance,
        manifest=manifest.hash,
        tasks=order.tasks,
        solo=order.solo,
        rules=held,
        past=project.db.past({binding.model for binding in cast.bindings}, most=RUNS),
        trial=replace(chosen.trial, cap=nanos(learning.usd)) if run and chosen.trial and learning.experiments else None,
        barred=chosen.barred,
        seed=run,
        recall=nothing if order.chosen else recall,
    )


def pace_of(project: Project, card: ModelCard) -> Pace:
    """How fast the worker is, where no run had the like of a task: as measured in its newest, else a default."""
    row = project.db.pace(card.name)
    pace = Pace(4.0, 8.0, 90, at_once=1) if card.local else Pace(6.0, 15.0, 300, at_once=300)
    pace = replace(pace, heads=_heads_of(project, card))
    if row is None:
        return pace
    measured = f"{counted(row.calls, 'call')} of run {row.run}"
    return replace(pace, p50=row.p50, p90=row.p90, output=row.output, measured=measured)


def _heads_of(project: Project, card: ModelCard) -> int | None:
    """`Pace.heads`: the model in this process keeps any head, a provider those that one call warms."""
    limits = project.config.settings.limits
    if card.local:
        return 0
    return limits.warm_least if limits.warm_first and project.config.entry(card.name)[1].prefix_cache else None


def note_past(project: Project, state: RunFold, *, spending: Spending, terrain: Terrain) -> None:
    """Keep what a run used for the quotes of later ones; a run that was stopped is no sample of a whole one."""
    if state.plan is None or state.stop is not None or state.outcome not in (Outcome.PASSED, Outcome.REFUSED):
        return
    left = past_run(
        state.run().id,
        plan=state.plan,
        repairs=[state.tasks[task] for task in state.extended],
        spending=spending,
        seconds=state.seconds,
        grounds=terrain.grounds(planned=False),
    )
    project.db.note_past(left)


async def make_plan(project: Project, order: Order, options: Options) -> Plan:
    """A plan without a run: only for specs that need no planner model.

    Raises:
        PlanRefused: prose that a planner must split; `strop run` plans it on record.
    """
    async with cast_of(project, manned(order, options)) as cast:
        order = capped(order, options, cast)
        return await plan(order.spec, terrain=terrain_of(project, order, cast, manifest=project.db.head()))


def capped(order: Order, options: Options, cast: Cast) -> Order:
    """The order under the caps of the command line; a model in this process serves one agent at a time."""
    budget = raised(order.spec.budget, options.budget)
    if cast.worker.card.local:
        budget = replace(budget, agents=1)
    if order.solo:  # one agent's every step is critical, and it does each reader's work
        critical, total = max(budget.critical_steps, budget.steps), max(budget.agents_total, order.spec.readers)
        budget = replace(budget, agents=1, agents_total=total, critical_steps=critical)
    return replace(order, spec=replace(order.spec, budget=budget))


def raised(budget: Budget, changes: Mapping[str, str]) -> Budget:
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


def as_begun(options: Options, state: RunFold) -> Options:
    """The options of a run that goes on: who was approved, or named at first, works on, where nobody else is named."""
    if state.plan is not None:
        models = {binding.role: binding.model for binding in state.plan.bindings}
        nobody = "none"
    else:
        models, nobody = dict(state.opened.named) if state.opened is not None else {}, ""
    return replace(
        options,
        worker=options.worker or models.get("worker", ""),
        planner=options.planner or models.get("planner", nobody),
        verifier=options.verifier or models.get("verifier", nobody),
    )


def again_order(project: Project, run: str) -> Order:
    """The order of a new attempt at what a run did: its spec as approved, and of prose its tasks too.

    Raises:
        BadInput: no such run, or one that came to no plan.
    """
    folder = project.find_run(run)
    state = state_of(folder)
    if state.plan is None or state.opened is None:
        raise BadInput(f"run {folder.name} came to no plan, so there is nothing to try again; go on with it: "
                       f"strop run --resume {folder.name}")  # fmt: skip
    plan = state.plan
    tasks = plan.tasks if plan.spec.each is None else ()
    return Order(plan.spec, state.opened.path, plan.guidance, tasks, again=folder.name)


def replay_order(project: Project, name: str, *, inputs: str, exemplars: int | None = None) -> Order:
    """The order that replays a skill on a folder.

    Raises:
        BadInput: no such skill, or nothing to read there.
    """
    skill = skill_named(project, name)
    found = Inside(project.folder.absolute(), Sources((f"{inputs.rstrip('/')}/*",))).files()
    made = replay(skill, inputs=inputs, found=found, exemplars=exemplars)
    return Order(made.spec, f"skill {name}", made.guidance, made.tasks, made.saving)
