"""One turn of the loop: opens the run and puts the `Shop` together; `leaving` writes what it leaves."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from strop.app.drift import settle
from strop.app.entering import already_there
from strop.app.evidence import Cached, pinned, proofs_of, thinker
from strop.app.hosts import Brief, check_place, crew_of
from strop.app.journals import Leased, open_journal
from strop.app.leaving import Ended, Leaving, leave, today
from strop.app.minding import Minder, minded
from strop.app.nearness import near_of, sense_of
from strop.app.orders import (
    Cast,
    Options,
    Order,
    Screen,
    as_begun,
    capped,
    cast_of,
    manned,
    manner_of,
    raised,
    terrain_of,
)
from strop.app.pages import fetching, pages_of, reading
from strop.app.parts import SystemChance, SystemClock, inside_of, renderers, tables_of, theme_of, tools
from strop.app.project import Project, new_run_id, order_mark, spec_of, state_of
from strop.app.ratchet import remember_grounds, waits
from strop.app.recertifying import recertify
from strop.app.ruling import Ruling, deliveries, ruling_of
from strop.app.running import collecting_rarely
from strop.checking.conflicts import keys_of
from strop.drafting.pages import pages, places
from strop.errors import BadInput, StropError
from strop.learning.library import skills
from strop.learning.rungs import by_scripts
from strop.loop.cycle import Shop, cycle
from strop.loop.plan import Terrain
from strop.seams import Chance, Clock, Crew, Embedder, Journal, Renderer, Worker
from strop.stores.blobs import write_whole
from strop.stores.inbox import Inbox
from strop.stores.sqlite import Durability
from strop.swarm.agent import AgentLoop
from strop.swarm.context import Policy
from strop.swarm.fold import RunFold, fold
from strop.swarm.guards.hedge import Hedging
from strop.swarm.guards.outlier import Siblings
from strop.swarm.spending import Spending
from strop.swarm.supervise import Supervisor
from strop.tools.fetch import Pages
from strop.types.events import (
    BudgetRaised,
    CallAnswered,
    Event,
    ManifestPinned,
    RunOpened,
    RunReopened,
)
from strop.types.money import Price
from strop.types.trial import Outcome
from strop.types.work import Budget, Kind, Plan
from strop.version import __version__

FILES_TOLD = 200
"""Files that an agent is told by name."""
LOOKS = 0.05
"""Seconds that a look into the inbox may wait for its database: agents wait meanwhile."""


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
    writers: Mapping[Kind, Renderer] | None = None,
) -> Ended:
    """Turn the loop once, or go on with the run `resume`; everything it leaves is on disk when this returns.

    `writers` write the files; left out, the renderers in the project's theme.

    Raises:
        StropError: in one of its branches; what was committed stands.
    """
    check_place(options.crew or project.config.settings.crew)
    options = options if resume else manned(order, options)  # who goes on with a run reads its order from the record
    theme_of(project)  # one that is wrong is refused before anything is paid
    if resume:
        before = state_of(project.runs / resume)
        if before.opened is None:  # it died before its first commit, or its log was cut
            raise BadInput(f"run {resume} has nothing on record, so there is nothing to go on with; "
                           "start anew: strop run SPEC")  # fmt: skip
        options = as_begun(options, before)
    async with AsyncExitStack() as opened:
        chosen = await opened.enter_async_context(cast_of(project, options))
        run_id = resume or new_run_id(time.time())
        folder = project.runs / run_id
        folder.mkdir(parents=True, exist_ok=True)
        journal = _journal(project, folder, options)
        opened.callback(journal.close)
        opened.enter_context(collecting_rarely())
        world = (clock or SystemClock(), chance or SystemChance())
        try:
            ordered = capped(order, options, chosen)
            floor = _Floor(project, ordered, options, chosen, journal, folder, screen, *world, writers=writers)
            return await floor.turn(approve)
        except BadInput:
            if not worth_keeping(journal):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _journal(project: Project, folder: Path, options: Options) -> Journal:
    settings = project.config.settings
    store = options.store or (settings.store if not any(folder.iterdir()) else "")
    return open_journal(folder, run=folder.name, store=store, durability=Durability(settings.durability))


def worth_keeping(journal: Journal) -> bool:
    """Whether a run has come to a plan or to a call; what was refused before that leaves no folder."""
    state = fold(journal.read())
    return state.plan is not None or state.ledger.calls > 0


@dataclass(slots=True)
class _Floor:
    """Everything that is open while one run is carried out. Owned by `execute`."""

    project: Project
    order: Order
    options: Options
    cast: Cast
    journal: Journal
    folder: Path
    screen: Screen
    clock: Clock
    chance: Chance
    writers: Mapping[Kind, Renderer] | None = None
    state: RunFold = field(init=False)
    crew: Crew = field(init=False)
    spending: Spending = field(default_factory=Spending)
    paces: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    """(seconds, output tokens) of every answer to the plan's agents."""

    def __post_init__(self) -> None:
        before = self.journal.read()
        self.state = fold(before)
        for event in before:
            self.spending.apply(event)
        if self.resumed:
            self.order = self._taken_up()
        spec = self.order.spec
        self.order = replace(self.order, spec=replace(spec, budget=raised(spec.budget, self.options.budget)))

    @property
    def teaches(self) -> bool:
        return not (manner_of(self.order, self.options) or (self.state.opened and self.state.opened.manner))

    @property
    def resumed(self) -> bool:
        return self.state.opened is not None

    async def turn(self, approve: Callable[[Plan], Awaitable[str]]) -> Ended:
        """From what is on record to files, and to what they leave behind."""
        project, order, state = self.project, self.order, self.state
        for said in settle(project).notes:
            self.screen.warn(said)
        ruling = ruling_of(project, order.spec)
        if order.bare:  # what the user wrote is part of the order; what was learned is not
            ruling = replace(ruling, rules=tuple(rule for rule in ruling.rules if rule.id.startswith("h-")))
        for said in ruling.warnings:
            self.screen.warn(said)
        remember_grounds(project, self.cast.bindings)
        recertify(project, today=today())
        manifest = project.db.head()
        head = manifest.hash
        mapped = partial(
            terrain_of, project, order, self.cast, manifest=manifest, run=self.folder.name, rules=ruling.rules
        )
        terrain = mapped()
        web = pages_of(project, order.spec, run=self.folder.name, plan=lambda: state.plan)
        reader = Cached(reading(inside_of(project, order.spec)[1], web))
        worker = self._worker(terrain, reader, web)
        minder = self._minder()
        desk = self._desk(self._crew(worker), minder)
        self.screen.opened(desk, self.folder.name)
        if self.resumed and (said := self._changed()):
            self.screen.warn(said)
        await desk.record(*self._beginning(head))
        sense = sense_of(project, self._embedder(), desk, clock=self.clock, chance=self.chance, warn=self.screen.warn)
        try:
            async with minded(minder, desk, self.clock), self._leased():
                await minder.look(desk)  # what a person said while nobody ran comes before anything is decided
                if state.approved:
                    await web.gather(pages(order.spec))  # those that the run before it was cut off did not come to
                approve = fetching(approve, order.spec, web)
                if sense is not None:
                    terrain = mapped(near=await near_of(sense, order.spec, manifest))
                turn = await cycle(order.spec, shop=self._shop(desk, terrain, worker, reader, approve, ruling))
        finally:
            await self.crew.close()
        leaving = Leaving(
            project, order, self.options, self.cast, self.folder, state, desk, head, reader, terrain, sense,
            spending=self.spending, paces=self.paces, teaches=self.teaches,
        )  # fmt: skip
        ended = await leave(turn, at=leaving)
        minder.close(awaiting=ended.turn.outcome is Outcome.AWAITING)
        return ended

    def _embedder(self) -> Embedder | None:
        """Who says what is near; nobody where the plan is on record, or nothing is looked for."""
        if self.state.plan is not None or self.order.chosen:
            return None
        if self.cast.unembedded:
            self.screen.warn(self.cast.unembedded)
        return self.cast.embedder

    def _taken_up(self) -> Order:
        """What was ordered, as far as it is on record."""
        assert self.state.opened is not None, "only an opened run is taken up"
        order = self.order if self.state.plan is not None else _ordered_again(self.project, self.state)
        spec = self.state.plan.spec if self.state.plan is not None else order.spec
        spec = replace(spec, budget=self.state.budget)
        manner = self.state.opened.manner
        flags = {name: getattr(order, name) or name in manner for name in ("trial", "bare", "solo")}
        return replace(order, spec=spec, path=self.state.opened.path, **flags)

    def _changed(self) -> str:
        """What to tell of a spec that is not the one that was approved; empty where it is."""
        opened = self.state.opened
        assert opened is not None, "only an opened run is taken up"
        path = self.project.folder / opened.path
        if self.state.plan is None or not path.is_file():
            return ""
        try:
            same = order_mark(spec_of(path.read_bytes(), name=path.name)) == opened.spec
        except StropError:  # it is no spec any more
            same = False
        told = f"{opened.path} has changed since this run was approved; the run goes on as approved. "
        return "" if same else f"{told}For the new one: strop run {opened.path}"

    def _beginning(self, head: str) -> tuple[RunOpened | ManifestPinned | RunReopened | BudgetRaised, ...]:
        budget = self.order.spec.budget
        if self.resumed:
            return (RunReopened(self.state.seconds), *_raises(budget, self.options))
        order, named, manner = self.order, self.options.named, manner_of(self.order, self.options)
        opened = RunOpened(self.folder.name, order_mark(order.spec), __version__, budget, order.path, named, manner)
        return opened, ManifestPinned(head)

    def _worker(self, terrain: Terrain, reader: Callable[[str], str], web: Pages) -> AgentLoop:
        inside, material = inside_of(self.project, self.order.spec)
        reserve = self.cast.reserve
        return AgentLoop(
            model=self.cast.worker,
            price=pinned(self.state, "worker", self.cast.worker),
            prompts=terrain.prompts,
            read=reader,
            clock=self.clock,
            chance=self.chance,
            columns=self.order.spec.table,
            title=self.order.spec.title,
            tools=tools(inside, material, web if places(self.order.spec) else None),
            files=terrain.files[:FILES_TOLD],
            notice=self.screen.notice,
            policy=Policy(self.project.config.settings.context),
            keep=self.project.blobs.put,
            reserve=(reserve, pinned(self.state, "reserve", reserve)) if reserve is not None else None,
            wall=time.time,
            conflict=self.order.spec.conflict,
            keys=keys_of(self.order.spec.outputs),
            scripted=by_scripts,
        )

    def _crew(self, worker: AgentLoop) -> Crew:
        def brief() -> Brief:
            made, state = self.cast, self.state
            reserve = pinned(state, "reserve", made.reserve) if made.reserve is not None else Price()
            folder, price = str(self.project.folder.absolute()), pinned(state, "worker", made.worker)
            return Brief(folder, self.order.spec, self.options, price, reserve, worker.files)

        where = self.options.crew or self.project.config.settings.crew
        self.crew = crew_of(where, worker=worker, brief=brief, hosts=self.project.config.settings.hosts)
        return self.crew

    def _minder(self) -> Minder:
        minder = Minder(
            Inbox(self.project.folder / ".strop" / "project.db", patience=LOOKS),
            self.folder.name,
            self.order.spec.budget,
            warn=self.screen.warn,
            waiting=list(self.state.questions.values()),
        )
        minder.inbox.begin(self.folder.name)
        return minder

    def _desk(self, worker: Worker, minder: Minder) -> Supervisor:
        def watch(event: Event) -> None:
            self.spending.apply(event)
            if isinstance(event.body, CallAnswered) and event.body.task in self.state.tasks:
                self.paces.append((event.body.seconds, event.body.usage.output))
            minder.watch(event)
            self.screen.watch(event)

        settings = self.project.config.settings
        return Supervisor(
            self.journal,
            self.state,
            worker,
            self.clock,
            self.chance,
            watch=watch,
            siblings=Siblings(settings.outlier),
            hedging=Hedging(settings.limits.hedge),
            reserve=self.cast.reserve is not None,
        )

    def _shop(
        self,
        desk: Supervisor,
        terrain: Terrain,
        worker: AgentLoop,
        reader: Callable[[str], str],
        approve: Callable[[Plan], Awaitable[str]],
        ruling: Ruling,
    ) -> Shop:
        project, order, made = self.project, self.order, self.cast
        rules = ruling.rules
        refuter = made.verifier.card.name if made.verifier else ""
        kept = project.config.settings.exemplars if self.options.exemplars is None else self.options.exemplars
        return Shop(
            desk=desk,
            terrain=terrain,
            approve=approve,
            think=thinker(made.planner, worker, desk, self.state, "planner") if made.planner else None,
            refute=thinker(made.verifier, worker, desk, self.state, "verifier") if made.verifier else None,
            proofs=lambda run: proofs_of(project, run, reader, rules, verifier=refuter),
            renderers=self.writers or renderers(theme_of(project)),
            tables=tables_of(project, order.spec),
            folder=self.folder,
            publish=_publish,
            rules=rules,
            struck=ruling.never,
            past=deliveries(project, order.spec, but=self.folder.name),
            exemplars=kept,
            waiting=bool(waits(project, order.spec)),
            minutes=order.spec.budget.minutes,
            saving=order.saving,
            skill=order.skill,
            taken=frozenset(item.name for item in skills(project.db)),
            there=partial(already_there, project),
            teaches=self.teaches,
        )

    @asynccontextmanager
    async def _leased(self) -> AsyncGenerator[None, None]:
        """Where the journal is leased, say now and then that its writer lives."""
        if not isinstance(self.journal, Leased):
            yield
            return
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(_renew(self.journal, self.clock))
                try:
                    yield
                finally:
                    renewing.cancel()
        except ExceptionGroup as caught:  # as itself, and not in the group's wrapping
            raise caught.exceptions[0] from None


async def _renew(journal: Leased, clock: Clock) -> None:
    while True:
        await clock.sleep(journal.term / 3)
        await journal.renew()


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


def _raises(budget: Budget, options: Options) -> tuple[BudgetRaised, ...]:
    return (BudgetRaised.to(budget),) if options.budget else ()


def _publish(staged: Path, target: Path) -> None:
    write_whole(target, staged.read_bytes())
