"""Many seeds of the simulator: random plans, faults, a crash at every append, resumed to the end.

    python benchmarks/simulate.py --seeds 1000 [--from 0] [--json]
    python benchmarks/simulate.py --seed 417          one seed again, exactly

A seed fails when a life makes no headway, an answer that was committed is bought again, a cap is
passed, or the end differs from an undisturbed run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from strop.swarm.fold import RunFold
from strop.testing.world import World, WorldModel, random_plan
from strop.types.events import CallAnswered


def outputs(state: RunFold) -> dict[str, str]:
    """What every task left."""
    return {result.task: result.output for result in state.run().results if result.landed}


def wrong(seed: int) -> str:
    """What a seed breaks; empty when all holds."""
    plan = random_plan(seed, most=12)
    calm = World(seed, plan, WorldModel(seed, faults=0.0)).live()
    world = World(seed, plan, WorldModel(seed, faults=0.0))
    state: RunFold | None = None
    crash_at = 1 + seed % 7
    while state is None:
        bought_before = world.model.answered.copy()
        committed = {e.body.request for e in world.journal.read() if isinstance(e.body, CallAnswered)}
        state = world.live(crash_at=crash_at, torn=seed % 2 == 0)
        if committed & set(world.model.answered - bought_before):
            return "an answer that was committed was bought again"
        if world.lives > 300:
            return "no headway"
        crash_at += 1
    if calm is None or outputs(state) != outputs(calm):
        return "the end differs from an undisturbed run"
    tally = state.run().tally
    if not tally.nanos - tally.lost_nanos <= world.model.billed <= tally.nanos:
        return f"bill {world.model.billed} outside {tally.nanos - tally.lost_nanos} to {tally.nanos}"
    return over_cap(world)


def over_cap(world: World) -> str:
    """Whether booked plus reserved passed a cap at any moment on record."""
    state = RunFold()
    for event in world.journal.read():
        state.apply(event)
        ledger = state.ledger
        if ledger.nanos + ledger.reserved > ledger.nanos_cap or ledger.steps + ledger.in_flight > ledger.steps_cap:
            return f"over the cap after event {event.seq}"
    return ""


def main() -> int:
    """Print failing seeds and the count; exit 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    seeds = [chosen.seed] if chosen.seed is not None else range(chosen.first, chosen.first + chosen.seeds)
    began, failed = time.perf_counter(), 0
    for seed in seeds:
        if said := wrong(seed):
            failed += 1
            print(f"seed {seed}: {said}")
    print(f"{len(seeds)} seeds, {failed} failed, {time.perf_counter() - began:.0f} s")
    if chosen.json:
        print(json.dumps([{"name": "failing seeds", "figure": failed, "unit": "", "goal": "0", "met": failed == 0}]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
