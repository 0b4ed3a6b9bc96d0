"""Families of simulated runs: each draws everything from one seed, breaks a run, resumes it, and judges it.

`FAMILIES` names them. A trial holds the trace (a hash of every fact and every line of the bill), so that a
seed can be seen to replay exactly, and what did not hold. Whoever adds a family adds a line at the end.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import orjson

from strop.swarm.endpoints.limits import Limits
from strop.testing.invariants import Story, broken, nothing_missing, same_end
from strop.testing.simulator import Latency, Leap, MemoryJournal, Row
from strop.testing.world import PROMPTS, World, fan_out, random_plan, with_tools
from strop.testing.world_model import CALM, USUAL, Outage, WorldModel
from strop.types.events import CallAnswered
from strop.types.fingerprint import digest
from strop.types.money import Price
from strop.types.work import Budget, Plan, TaskId

LIVES = 100
"""A run that needs more lives than this makes no headway."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One seed of one family."""

    family: str
    seed: int
    trace: str
    broken: tuple[str, ...]
    lives: int

    @property
    def again(self) -> str:
        """The command that runs this seed again, exactly."""
        return f"python benchmarks/simulate.py --family {self.family} --seed {self.seed}"


def story_of(world: World, *, writers: int = 1) -> Story:
    """All there is to judge a world's run by."""
    return Story(world.journal.read(), tuple(world.model.bill), world.model.most_open, writers)


def trace_of(worlds: Iterable[World]) -> str:
    """Hash of every fact and of every line of the bill."""
    return digest([[world.journal.disk.trace, world.model.bill, world.lives] for world in worlds])


def ended(world: World, *, most: int = LIVES) -> World:
    """The world after as many further lives, without planned breaks, as its run needs."""
    for _ in range(most):
        state = world.live()
        if state is not None and state.stop is None and not state.questions:
            break
    return world


def _calm(plan: Plan, seed: int) -> Story:
    return story_of(ended(World(seed, plan, WorldModel(seed, faults=CALM))))


def _drawn(seed: int, *, most: int) -> Plan:
    return with_tools(random_plan(seed, most=most), seed=seed)


# ---------------------------------------------------------------- families


def crash(seed: int) -> Trial:
    """A crash at the n-th append, before and after it, for every n; one between appends; and one in every life."""
    plan = _drawn(seed, most=6)
    whole = World(seed, plan, WorldModel(seed, faults=CALM))
    whole.live()
    appends, undisturbed = whole.appends, story_of(whole)
    worlds: list[World] = []
    flaws: list[str] = list(broken(undisturbed))
    for at in range(1, appends + 1):
        for torn in (True, False):
            world = World(seed, plan, WorldModel(seed, faults=CALM))
            world.live(crash_at=at, torn=torn)
            worlds.append(ended(world))
    worlds += [_killed(seed, plan, undisturbed), _crashing(seed, plan)]
    for world in worlds:
        flaws += judged(world, undisturbed=undisturbed)
    return Trial("crash", seed, trace_of(worlds), tuple(dict.fromkeys(flaws)), sum(world.lives for world in worlds))


def _killed(seed: int, plan: Plan, undisturbed: Story) -> World:
    """Dies at a moment when nothing is being written."""
    world = World(seed, plan, WorldModel(seed, faults=CALM))
    world.live(killed=random.Random(seed).uniform(0.0, undisturbed.events[-1].at))
    return ended(world)


def _crashing(seed: int, plan: Plan) -> World:
    """Every life dies a little later than the one before."""
    world = World(seed, plan, WorldModel(seed, faults=CALM))
    for at in range(1 + seed % 5, LIVES):
        if world.live(crash_at=at, torn=seed % 2 == 0) is not None:
            break
    return ended(world)


def judged(world: World, *, undisturbed: Story, writers: int = 1) -> tuple[str, ...]:
    """What does not hold of a run that had a calm end: it must have left what the undisturbed one left."""
    story = story_of(world, writers=writers)
    return (*broken(story), *nothing_missing(story), *same_end(story, undisturbed=undisturbed))


def faults(seed: int) -> Trial:
    """Every fault of models and tools, stragglers, a crash in the middle; nobody's fault may become another's."""
    plan = _drawn(seed, most=20)
    model = WorldModel(seed, faults=USUAL, latency=Latency(straggling=0.05), output=4_096)
    world = World(seed, plan, model, MemoryJournal(latency=0.01))
    if seed % 2:
        world.live(crash_at=5 + seed % 40)
    ended(world)
    story = story_of(world)
    flaws = (*broken(story), *same_end(story, undisturbed=_calm(plan, seed)))
    return Trial("faults", seed, trace_of([world]), flaws, world.lives)


def journal(seed: int) -> Trial:
    """Slow commits with stragglers; a commit that fails once; a full disk; a second process that takes the run over."""
    plan, chance = _drawn(seed, most=12), random.Random(f"journal/{seed}")
    slow = Latency(median=0.05, spread=1.0, straggling=0.1)
    worlds = [
        World(seed, plan, WorldModel(seed, faults=CALM), MemoryJournal(slowness=slow, chance=random.Random(seed)))
        for _ in range(3)
    ]
    once, full, twice = worlds
    at = chance.randint(1, 30)
    once.live(fails=range(at, at + 1))
    full.live(fails=range(at, sys.maxsize))
    twice.overtaken(chance.uniform(0.5, 12.0))
    undisturbed = _calm(plan, seed)
    flaws: list[str] = []
    for world in worlds:
        flaws += judged(ended(world), undisturbed=undisturbed, writers=2 if world is twice else 1)
    return Trial("journal", seed, trace_of(worlds), tuple(flaws), sum(world.lives for world in worlds))


def upgrade(seed: int) -> Trial:
    """A crash, then another version goes on: facts written by an older one, and in every second seed other prompts."""
    plan, chance = _drawn(seed, most=10), random.Random(f"upgrade/{seed}")
    world = World(seed, plan, WorldModel(seed, faults=CALM))
    world.live(crash_at=chance.randint(2, 30))
    world.journal.disk.rows[:] = [aged(row) for row in world.journal.rows]
    settled = dict(story_of(world).outputs)
    undisturbed = _calm(plan, seed)
    if seed % 2 == 0:
        return Trial("upgrade", seed, trace_of([world]), judged(ended(world), undisturbed=undisturbed), world.lives)
    bought = len(world.model.bill)
    world.prompts = PROMPTS | {name: PROMPTS[name] + " (second edition)" for name in ("specialist", "aggregate")}
    story = story_of(ended(world))
    flaws = (*broken(story), *nothing_missing(story), *_stale(story, settled=settled, bought=bought))
    return Trial("upgrade", seed, trace_of([world]), flaws, world.lives)


def _stale(story: Story, *, settled: Mapping[TaskId, str], bought: int) -> tuple[str, ...]:
    """Tasks that ended after the prompts changed, on an answer to the old ones."""
    old = {purchase.mark for purchase in story.bill[:bought]}
    last = {event.body.task: event.body.reasoning for event in story.events if isinstance(event.body, CallAnswered)}
    rest = (task for task in story.outputs if task not in settled and last[task] in old)
    return tuple(f"stale: {task} rests on an answer to other prompts" for task in rest)


def aged(row: Row) -> Row:
    """A row as the first release wrote it: every field, also those that hold their default, none that came later."""
    epoch, at, kind, version, body = row
    written = orjson.loads(body)
    for name in LATER.get(kind, ()):
        written.pop(name, None)
    return epoch, at, kind, version, orjson.dumps(written)


LATER: Mapping[str, tuple[str, ...]] = {
    "CallIntended": ("output", "hedge"),
    "CallLost": ("outrun", "usage"),
    "ToolEnded": ("origins",),
}
"""Fields that came after the first release; older facts do without them."""


def time(seed: int) -> Trial:
    """The machine sleeps with calls in flight, the network goes and comes back, minutes run out, the quota ends."""
    plan, chance = _drawn(seed, most=12), random.Random(f"time/{seed}")
    slept, cut, late, poor = (World(seed, plan, WorldModel(seed, faults=CALM)) for _ in range(4))
    moment = chance.uniform(0.0, 10.0)
    slept.live(leaps=[Leap(moment, chance.uniform(1.0, 12.0) * 3_600)])
    cut.model.outages = (Outage(moment, moment + chance.choice((5.0, 3_600.0))),)
    cut.live()
    cut.model.outages = ()
    late.deadline = moment
    late.live()
    late.deadline = 1e7
    poor.model.quota = chance.randint(0, 20)
    poor.live()
    poor.model.quota = None
    undisturbed, worlds = _calm(plan, seed), [slept, cut, late, poor]
    flaws: list[str] = []
    for world in worlds:
        flaws += broken(story_of(world))
        flaws += judged(ended(world), undisturbed=undisturbed)
    return Trial("time", seed, trace_of(worlds), tuple(dict.fromkeys(flaws)), sum(world.lives for world in worlds))


DEAR, CHEAP = Price("30", "3", "37.5", "120"), Price("12", "1.2", "15", "48")
"""Tight under a dollar: some 16 calls fit into it at their worst case, or some 40; 300 agents want one each."""


def budget(seed: int) -> Trial:
    """300 agents race for one dollar, with faults that are billed: the bill never passes 1.00."""
    plan = fan_out(320, budget=Budget(agents=300, nanos=1_000_000_000, steps=4_000))
    model = WorldModel(seed, price=DEAR if seed % 10 else CHEAP, bytes_per_token=1)
    world = World(seed, plan, model, MemoryJournal(latency=0.02 * (1 + seed % 3)))
    if seed % 4 == 3:
        world.live(crash_at=5 + seed % 30)
    world.live()
    story = story_of(world)
    flaws = list(broken(story))
    if world.model.billed > 1_000_000_000:
        flaws.append(f"the bill is {world.model.billed:,}")
    return Trial("budget", seed, trace_of([world]), tuple(flaws), world.lives)


FAIR = Price("3", "0.3", "3.75", "12")
"""Under a dollar a hedge fits into the share that is theirs, and the job of `hedge` does not."""


def hedge(seed: int) -> Trial:
    """Stragglers and faults behind two endpoints, a crash in the middle; in every third seed for one dollar."""
    poor = seed % 3 == 2
    plan = fan_out(120 if poor else 30, budget=Budget(agents=20, nanos=1_000_000_000 if poor else 50_000_000_000))
    slow = Latency(median=2.0, straggling=0.1)
    model = WorldModel(
        seed, faults=USUAL, latency=slow, price=FAIR, bytes_per_token=1 if poor else 4, output=256 if poor else 4_096
    )
    world = World(seed, plan, model, MemoryJournal(latency=0.01), limits=Limits(hang_first=600.0))
    if seed % 2:
        world.live(crash_at=20 + seed)
    if poor:
        world.live()
    else:
        ended(world)
    story = story_of(world)
    flaws = broken(story) if poor else (*broken(story), *same_end(story, undisturbed=_calm(plan, seed)))
    if world.model.billed > plan.spec.budget.nanos:
        flaws = (*flaws, f"the bill is {world.model.billed:,}")
    return Trial("hedge", seed, trace_of([world]), flaws, world.lives)


FAMILIES: Mapping[str, Callable[[int], Trial]] = {
    "crash": crash,
    "faults": faults,
    "journal": journal,
    "upgrade": upgrade,
    "time": time,
    "budget": budget,
    "hedge": hedge,
}
