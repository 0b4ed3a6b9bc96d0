"""The simulator itself: time that jumps, order from a seed, a journal that breaks as disks do, seeds that replay."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from strop.errors import JournalFault
from strop.testing.scenarios import FAMILIES
from strop.testing.simulator import Crash, Deadlock, Latency, Leap, LoopClock, MemoryJournal, SimulatedLoop, simulate
from strop.testing.world import World, fan_out, random_plan, with_tools
from strop.testing.world_model import WorldModel
from strop.types.events import Body, RunReopened
from strop.types.work import Budget

FACTS: tuple[Body, ...] = (RunReopened(0.0),)


def test_time_jumps_and_nobody_waits() -> None:
    """A day passes at once, and the loop's clock says so; also far from zero, where floats are coarse."""

    async def main() -> float:
        await asyncio.sleep(86_400)
        await asyncio.sleep(1e9)
        await asyncio.sleep(0.1)
        return asyncio.get_running_loop().time()

    assert simulate(main(), seed=1) == pytest.approx(1e9 + 86_400.1)


def test_the_names_it_leans_on_are_there() -> None:
    """The loop reads two private names of asyncio and overrides a third."""
    loop = SimulatedLoop(1)
    try:
        assert all(hasattr(loop, name) for name in ("_ready", "_scheduled", "_run_once", "_clock_resolution"))
    finally:
        loop.close()


def test_a_sleeping_machine_wakes_to_everything_that_fell_due() -> None:
    """Hours pass at once, in flight: timers of those hours end in their order, and the clock stands after them."""

    async def nap(seconds: float, woken: list[float]) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    async def main() -> tuple[list[float], float]:
        woken: list[float] = []
        async with asyncio.TaskGroup() as group:
            for seconds in (3_000.0, 5.0, 7_300.0):
                group.create_task(nap(seconds, woken))
        return woken, asyncio.get_running_loop().time()

    woken, now = simulate(main(), seed=1, leaps=[Leap(5.0, 7_200.0)])

    assert woken == [5.0, 3_000.0, 7_300.0]
    assert now == 7_300.0


def test_waiting_for_ever_is_found() -> None:
    """Nothing ready and no timer is an error, not a hang."""

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        simulate(main(), seed=1)


def test_another_seed_is_another_order() -> None:
    """What is ready at the same moment runs in the seed's order, and in the same one again."""

    async def main() -> list[int]:
        order: list[int] = []

        async def one(number: int) -> None:
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(one(number))
        return order

    orders = {seed: simulate(main(), seed=seed) for seed in range(5)}

    assert len({tuple(order) for order in orders.values()}) > 1
    assert all(simulate(main(), seed=seed) == order for seed, order in orders.items())


def test_clocks_begin_anywhere() -> None:
    """A monotonic clock's zero says nothing; what passes on it does."""

    async def main() -> tuple[float, float]:
        clock = LoopClock(1_000.0)
        await clock.sleep(3.0)
        return clock.now(), LoopClock().now()

    assert simulate(main(), seed=1) == (1_003.0, 3.0)


@pytest.mark.parametrize(
    ("torn", "left"), [pytest.param(True, 1, id="before it is written"), pytest.param(False, 2, id="after")]
)
def test_a_crash_at_an_append(torn: bool, left: int) -> None:
    """The n-th append of a life is its last act; what a dead process still tries is not written."""
    journal = MemoryJournal(crash_at=2, torn=torn)

    async def main() -> None:
        try:
            for _ in range(5):
                await journal.append(FACTS, at=0.0)
        finally:
            await journal.append(FACTS, at=0.0)

    with pytest.raises(Crash):
        simulate(main(), seed=1)
    assert len(journal.read()) == left


def test_a_full_disk_refuses_and_is_mended_in_the_next_life() -> None:
    """A commit that fails writes nothing and says so."""
    journal = MemoryJournal(fails=range(2, 4))

    async def main() -> list[bool]:
        written: list[bool] = []
        for _ in range(4):
            try:
                await journal.append(FACTS, at=0.0)
            except JournalFault:
                written.append(False)
            else:
                written.append(True)
        return written

    assert simulate(main(), seed=1) == [True, False, False, True]
    journal.fails = range(1, sys.maxsize)
    journal.close()
    assert simulate(main(), seed=1) == [True] * 4
    assert [event.epoch for event in journal.read()] == [1, 1, 2, 2, 2, 2]


def test_a_writer_that_was_taken_over_is_refused() -> None:
    """Two processes on one disk: only the younger one writes."""
    old = MemoryJournal()

    async def main() -> None:
        await old.append(FACTS, at=0.0)
        young = old.successor()
        await young.append(FACTS, at=1.0)
        with pytest.raises(JournalFault, match="took this run over"):
            await old.append(FACTS, at=2.0)

    simulate(main(), seed=1)
    assert [event.at for event in old.read()] == [0.0, 1.0]


def test_a_few_calls_are_slower_by_orders_of_magnitude() -> None:
    """The share of stragglers is as asked, each ten medians or more, none beyond the limit."""
    latency = Latency(median=2.0, spread=0.3, straggling=0.05, most=500.0)
    chance = random.Random(1)
    drawn = sorted(latency.draw(chance) for _ in range(4_000))

    assert 1.8 < drawn[2_000] < 2.3
    assert 0.03 < sum(seconds >= 20.0 for seconds in drawn) / len(drawn) < 0.07
    assert drawn[-1] <= 500.0


TRACE = "from strop.testing.scenarios import FAMILIES; print(*(FAMILIES[name](seed).trace for name, seed in {cells}))"


def test_a_seed_replays_exactly_in_another_process() -> None:
    """Every fact, moment and line of the bill is the same there, whatever the hashes of that process are."""
    cells = [(name, 2) for name in FAMILIES if name != "budget"]
    here = [FAMILIES[name](seed).trace for name, seed in cells]

    for hashing in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", TRACE.format(cells=cells)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": hashing, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert there.stdout.split() == here

    assert len(set(here)) == len(here)


def test_twelve_hours_leave_nothing_behind_but_what_was_done() -> None:
    """A run of half a day on few agents: what it keeps in hand is bounded by open work, not by the past."""
    tasks, agents = 700, 4
    plan = fan_out(tasks, budget=Budget(agents=agents, steps=40_000, nanos=10**12, tokens=10**10))
    model = WorldModel(7, latency=Latency(median=60.0, most=900.0))
    world = World(7, plan, model)

    state = world.live()

    assert state is not None
    assert state.seconds > 12 * 3_600
    assert len(state.results) >= tasks - len(state.questions)
    steps = state.run().tally.steps
    assert steps > 2 * tasks
    assert state.ledger.in_flight == len(state.questions) == 0 or state.ledger.reserved == 0
    assert not {name: size for name, size in sizes(state) if size > tasks}


def sizes(kept: object, path: str = "") -> list[tuple[str, int]]:
    """How many entries each container holds, nested ones counted whole: facts and types are not looked into."""
    found: list[tuple[str, int]] = []
    for name in getattr(type(kept), "__slots__", ()):
        value = getattr(kept, name)
        if isinstance(value, (dict, list, set)):
            found.append((f"{path}{name}", entries(value)))
        elif type(value).__module__.startswith("strop.swarm"):
            found += sizes(value, f"{path}{name}.")
    return found


def entries(kept: object) -> int:
    """Leaves of nested dictionaries, lists and sets."""
    if isinstance(kept, dict):
        return sum(entries(value) for value in kept.values())
    if isinstance(kept, (list, set)):
        return sum(entries(value) for value in kept)
    return 1


SCRIPT = Path(__file__).parents[2] / "benchmarks" / "simulate.py"


def script(*arguments: str, tampered: str = "pass") -> subprocess.CompletedProcess[str]:
    """The benchmark's command, with one more family where a test needs one that fails."""
    called = f"sys.argv = {['simulate.py', *arguments]!r}; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    start = f"import runpy, sys; {tampered}; {called}"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, env=environment)


FAILING = (
    "from strop.testing.scenarios import FAMILIES, Trial; "
    "FAMILIES['odd'] = lambda seed: Trial('odd', seed, 't', ('odd',) if seed % 2 else (), 1)"
)


def test_a_failing_seed_is_printed_with_the_command_that_replays_it(tmp_path: Path) -> None:
    """The table counts it, the exit code says so, and what passed is not run again."""
    state = str(tmp_path / "passed.txt")
    first = script("--family", "odd", "--seeds", "4", "--state", state, "--json", tampered=FAILING)
    again = script("--family", "odd", "--seeds", "6", "--state", state, tampered=FAILING)

    assert first.returncode == 1
    assert "again: python benchmarks/simulate.py --family odd --seed 3" in first.stdout
    assert '"figure": 2' in first.stdout.splitlines()[-1]
    table = [line.split()[:5] for line in (first.stdout + again.stdout).splitlines() if line.startswith("odd  ")]
    assert table == [["odd", "4", "0", "4", "2"], ["odd", "6", "2", "4", "3"]]


def test_one_seed_again_prints_its_trace() -> None:
    """`--seed N` runs every family's seed N, and the trace is the one that a test sees."""
    said = script("--family", "faults", "--seed", "5")

    assert said.returncode == 0, said.stderr
    assert said.stdout.split()[-1] == FAMILIES["faults"](5).trace


def test_a_world_is_drawn_from_its_seed() -> None:
    """Twice the same seed gives the same facts at the same moments and the same bill."""
    worlds = [World(3, with_tools(random_plan(3), seed=3), WorldModel(3)) for _ in range(2)]
    for world in worlds:
        world.live()

    assert worlds[0].journal.rows == worlds[1].journal.rows
    assert worlds[0].model.bill == worlds[1].model.bill
