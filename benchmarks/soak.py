"""A soak in real time: one process, run after run of small agents over real HTTP, with mishaps made on purpose.

Nothing may grow: memory, open files, bytes of journal a step. Measured after each run, when it has been
closed; the first run warms up and is left out.

    python benchmarks/soak.py --minutes 10
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from kill import Figure, Job, exactly, project
from strop.app import Ended, Options, Order, Screen, execute, open_project, spec_of
from strop.types.work import Plan

AGENTS, ROUNDS = 20, 3
PATIENCE = "\n[limits]\nhang_floor = 1.0\nhang_first = 2.0\n"
"""Late answers come after half a minute: they are cut instead."""


@dataclass(frozen=True, slots=True)
class Sample:
    """This process after a run was closed."""

    seconds: float
    resident: float
    """KB."""
    files: int
    journal: float
    """Bytes a step."""
    steps: int
    retries: int
    outcome: str


def resident() -> float:
    """KB of this process now."""
    rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return float(rows["VmRSS"].split()[0])


async def turned(folder: Path, seed: int) -> Ended:
    """One run, with the mishaps of this seed."""

    async def approve(plan: Plan) -> str:
        return "soak"

    order = Order(spec_of((folder / "spec.md").read_bytes(), name="spec.md"), "spec.md")
    options = Options(chaos=seed)
    return await execute(open_project(folder), order, options=options, approve=approve, screen=Screen())


async def soaked(folder: Path, *, seconds: float) -> list[Sample]:
    """Run after run until the time is over."""
    samples: list[Sample] = []
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        ended = await turned(folder, len(samples))
        tally, size = ended.turn.run.tally, (ended.folder / "journal.db").stat().st_size
        outcome = ended.turn.outcome.value
        del ended
        gc.collect()
        passed = time.monotonic() - began
        files = len(os.listdir("/proc/self/fd"))
        samples.append(
            Sample(passed, resident(), files, size / max(tally.steps, 1), tally.steps, tally.retries, outcome)
        )
    return samples


def slope(values: list[float]) -> float:
    """Growth from one value to the next, by least squares; 0 of fewer than two."""
    count = len(values)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(values) / count
    spread = sum((at - middle) ** 2 for at in range(count))
    return sum((at - middle) * (value - mean) for at, value in enumerate(values)) / spread


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


def judged(samples: list[Sample]) -> list[Figure]:
    """What grew."""
    settled = samples[1:]
    late = settled[len(settled) // 2 :]
    growth = slope([sample.resident for sample in late])
    third = max(len(settled) // 3, 1)
    first, last = (median([each.journal for each in part]) for part in (settled[:third], settled[-third:]))
    outcomes = Counter(sample.outcome for sample in samples)
    return [
        Figure("minutes", samples[-1].seconds / 60, ""),
        Figure("runs", len(samples), ""),
        Figure("steps", sum(sample.steps for sample in samples), ""),
        Figure("calls that asked again", sum(sample.retries for sample in samples), ""),
        exactly("runs that came to no good end", len(samples) - outcomes["passed"] - outcomes["partial"], 0),
        Figure("runs that were stopped by what went wrong", outcomes["partial"], ""),
        Figure("memory after the first run", samples[0].resident / 1024, "MB"),
        Figure("memory at the end", samples[-1].resident / 1024, "MB"),
        Figure("memory a run, over the second half", growth, "KB", "<= 100", growth <= 100),
        Figure("open files, after the second run", settled[0].files, ""),
        exactly("open files more at the end", settled[-1].files - settled[0].files, 0),
        Figure("journal a step, median of the first third", first / 1024, "KB"),
        Figure("journal a step, last third over first", last / first, "x", "<= 1.1", last <= 1.1 * first),
    ]


def main() -> int:
    """Print the table, with --json one last line for programs; exit code 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "project")
        with project(Job(AGENTS, ROUNDS, kills=0, seed=0, latency=0.02), folder):
            with (folder / "strop.toml").open("a") as settings:
                settings.write(PATIENCE)
            samples = asyncio.run(soaked(folder, seconds=asked.minutes * 60))
    if len(samples) < 4:
        sys.exit(f"only {len(samples)} runs in that time; allow more minutes")
    figures = judged(samples)
    for figure in figures:
        verdict = "" if figure.met is None else "met" if figure.met else "MISSED"
        print(f"{figure.name:<44} {figure.figure:>12,.5g} {figure.unit:<3} {figure.goal:>8} {verdict}", flush=True)
    if asked.json:
        print(json.dumps([asdict(figure) for figure in figures]))
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
