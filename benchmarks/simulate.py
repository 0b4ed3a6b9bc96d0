"""Many seeds of the simulator: crashes, faults, bad disks, upgrades, sleeping machines, a race for the budget.

    python benchmarks/simulate.py --seeds 1000 [--from 0] [--family crash] [--json]
    python benchmarks/simulate.py --family crash --seed 417     one seed again, exactly, with its trace
    python benchmarks/simulate.py --state passed.txt            goes on where it was cut off

A seed fails when an invariant of `strop.testing.invariants` does not hold; it is printed with the command
that runs it again. The state file remembers the seeds that passed with this very code.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import strop
from strop.testing.scenarios import FAMILIES, Trial
from strop.types.fingerprint import digest, digest_bytes


@dataclass(slots=True)
class State:
    """Which seeds passed, one a line; void when the code under test is another."""

    path: Path | None
    passed: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def __post_init__(self) -> None:
        if self.path is None:
            return
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        if not lines or lines[0] != _code():
            self.path.write_text(_code() + "\n")
            return
        self.passed = {(family, int(seed)) for family, seed in (line.split() for line in lines[1:])}

    def keep(self, trial: Trial) -> None:
        """Remember a seed that passed."""
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(f"{trial.family} {trial.seed}\n")


def _code() -> str:
    """Hash of every file of the package: seeds that passed with other code say nothing."""
    folder = Path(strop.__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".md", ".toml"))
    return digest([[str(path.relative_to(folder)), digest_bytes(path.read_bytes())] for path in files])


@dataclass(slots=True)
class Row:
    """One family's line of the table."""

    family: str
    seeds: int = 0
    kept: int = 0
    """Passed before, by the state file."""
    lives: int = 0
    failed: list[int] = field(default_factory=list[int])
    seconds: float = 0.0


def run(row: Row, seeds: Iterable[int], state: State) -> None:
    """Every seed of the row's family; failing ones are printed as they come."""
    for seed in seeds:
        row.seeds += 1
        if (row.family, seed) in state.passed:
            row.kept += 1
            continue
        began = time.perf_counter()
        trial = tried(row.family, seed)
        row.seconds += time.perf_counter() - began
        row.lives += trial.lives
        if trial.broken:
            row.failed.append(seed)
            report(trial)
        else:
            state.keep(trial)


def tried(family: str, seed: int) -> Trial:
    """The trial; what escapes from the code under test is its failure, and the next seed goes on."""
    try:
        return FAMILIES[family](seed)
    except Exception as caught:  # noqa: BLE001 - the boundary between a seed and its siblings
        return Trial(family, seed, "", (f"{type(caught).__name__}: {caught}",), 0)


def report(trial: Trial) -> None:
    """A failing seed, what it broke, and how to see it again."""
    print(f"{trial.family} {trial.seed} failed:")
    for said in trial.broken[:5]:
        print(f"    {said}")
    print(f"    again: {trial.again}", flush=True)


def table(rows: list[Row]) -> None:
    """Families with their counts."""
    print(f"{'family':<10}{'seeds':>8}{'kept':>8}{'lives':>10}{'failed':>8}{'ms a seed':>12}")
    for row in rows:
        each = row.seconds / max(1, row.seeds - row.kept) * 1_000
        print(f"{row.family:<10}{row.seeds:>8,}{row.kept:>8,}{row.lives:>10,}{len(row.failed):>8,}{each:>12,.1f}")


def figures(rows: list[Row]) -> list[dict[str, object]]:
    """The table for machines."""
    return [
        {"name": f"failing seeds, {row.family}, of {row.seeds}", "figure": len(row.failed), "unit": "", "goal": "0",
         "met": not row.failed}
        for row in rows
    ]  # fmt: skip


def main() -> int:
    """Print failing seeds and the table; exit 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--family", choices=sorted(FAMILIES))
    parser.add_argument("--state", type=Path)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    families = [chosen.family] if chosen.family else list(FAMILIES)
    if chosen.seed is not None:
        trials = [tried(family, chosen.seed) for family in families]
        for trial in trials:
            print(f"{trial.family} {trial.seed}: {'failed' if trial.broken else 'holds'}, trace {trial.trace}")
            for said in trial.broken:
                print(f"    {said}")
        return 1 if any(trial.broken for trial in trials) else 0
    state = State(chosen.state)
    rows = [Row(family) for family in families]
    try:
        for row in rows:
            run(row, range(chosen.first, chosen.first + chosen.seeds), state)
    except KeyboardInterrupt:
        table(rows)
        return 130
    table(rows)
    if chosen.json:
        print(json.dumps(figures(rows)))
    return 1 if any(row.failed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
