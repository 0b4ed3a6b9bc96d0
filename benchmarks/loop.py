"""The loop, fifty times: the same order on a web that changes, with the library and with the empty one.

    python benchmarks/loop.py [--runs 50] [--seed 0] [--units 60] [--churn 0.1] [--contrast]
                              [--out FOLDER] [--chart docs/images/learning.png] [--json]

Each run is `strop.app.execute` on a project folder: pages of a seeded synthetic web (`strop.testing.web`) come over
real HTTP from loopback under the plan's egress list, two readers read each of 60 pages, the gate judges, what is
refuted is read again, a table is delivered, and a run that passed leaves a skill. With the library, skills that
admission let in guide the next run, and candidates are tried on a part of its wave. With the empty library
(`Order.bare`, and nothing is taught) each run is like the first. Both arms read the same pages in the same order:
run n orders 60 of 240 societies, the next 60 in turn, from version n of the web.

The worker is scripted, over real HTTP too: `loop_reader.py` says what it answers to what, a function of the prompt's
text alone, blind to run and library. So these figures show what the loop does with what it has seen, and nothing of
what a real model would make of it; for that see `local_curve.py`. Prices are declared (0.60 dollars a million input
tokens, 0.10 cached, 2.50 output) and billed by the server's own count of tokens.

What is measured, against gold:
    Item-F1, Row-F1     of the delivered table (`widesearch_metric.py`), and in their strict form
    silent errors       cells that the gate accepted and that are wrong, of those it accepted
    taken out           cells that were read rightly and that the gate, or a learned check, refuted all the same
    cost                dollars of all runs, over tables that the gate passed; trials and re-reads are inside
    catches             first readings' cells that the gate took out, corrected or marked, for 100 claims
    repeat flaws        wrong first readings of a kind (field, lure or slip) that an earlier run's gate had caught,
                        of all first readings
    dead share          items of the library that no run was guided by, nor tried, and that are no check in force
    probe               24 pages of another web, read once under each guidance that a run had, teaching nothing:
                        cells that an earlier one had right and a later one has wrong

What was done stands in FOLDER; the same command goes on where it was stopped. Run ids hold the moment they were
made, and the draw of who tries a candidate hashes them, so two series with one seed agree in pages and answers and
differ in draws.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import json
import math
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev

from pydantic import TypeAdapter

import loop_reader
from strop.app import Ended, Options, Order, Project, Screen, execute, open_project, spec_of
from strop.app.journals import events_of
from strop.app.ratchet import spent_by
from strop.checking.judge import same
from strop.learning.experiments import first_outcomes
from strop.learning.making import arm
from strop.renderers.chart_file import PngFile
from strop.swarm.spending import Spending
from strop.testing.server import TestServer
from strop.testing.web import FIELDS, Row, Web
from strop.testing.web_server import WebServer
from strop.testing.wires import Asked, Reply
from strop.types.content import Cell, Chart, ChartKind, Part, Point, Standing
from strop.types.events import PlanProposed, VerdictGiven
from strop.types.memory import ItemKind, ItemState
from strop.types.money import Price
from strop.types.trial import Severity, Verdict
from strop.types.work import Guidance, Plan, TaskId
from widesearch_metric import near, score

PRICE = Price("0.6", "0.1", "0.6", "2.5")
PROBES = 24
ARMS = ("library", "empty")
TABLE = "societies.csv"
SPEC = """---
deliver:
  - file: societies.csv
    rows: ">= {least}"
    columns:
      name: {{type: text, quote: true}}
      founded: {{type: integer, quote: true}}
      members: {{type: integer, quote: true}}
      volumes: {{type: integer, quote: true}}
      town: {{type: text, quote: true}}
each: [{urls}]
readers: 2
budget: {{agents: 32, agents_total: 400, steps: 4000, usd: 5, minutes: 10}}
---
# Learned societies

Each page is about one learned society.
"""
SETTINGS = """[models."web-reader"]
wire = "openai"
base_url = "{url}"
id = "web-reader"
family = "scripted"
window = 32000
output = 2000
auth = "none"
key_optional = true
price = {{ input = "0.6", cached = "0.1", cache_write = "0.6", output = "2.5" }}
"""


@dataclass(frozen=True, slots=True)
class Lap:
    """One run of one arm."""

    arm: str
    number: int
    """From 1; the version of the web."""
    run: str
    passed: bool
    item_f1: float
    row_f1: float
    strict_item_f1: float
    strict_row_f1: float
    nanos: int
    trying: int
    """Of these, what units under trial and their re-reads cost."""
    calls: int
    seconds: float
    cells: int
    accepted: int
    """Cells."""
    wrong_accepted: int
    right_refuted: int
    """Cells that were read rightly and are not in the table, since the gate took them out."""
    claims: int
    """First readings."""
    wrong: int
    """First readings that differ from gold, or name a sentence that does not say the value."""
    caught: int
    """Cells of first readings that the gate did not accept as they were."""
    caught_wrong: int
    """Those of them of which a reading was wrong."""
    kinds: Mapping[str, int]
    """Wrong first readings by kind."""
    caught_kinds: tuple[str, ...]
    """Kinds that the gate caught here."""
    used: tuple[str, ...]
    """Items that guided the run."""
    tried: tuple[str, ...]
    pairs: int
    """Pairs of units that the trial drew."""
    library: Mapping[str, int]
    """Items of the library after the run, by state."""
    guidance: str
    """Hash of what readers were given of the library."""
    checks: tuple[str, ...] = ()
    """Learned checks in force after the run."""
    moves: tuple[str, ...] = ()
    """Items that changed their state in this run, and why."""


@dataclass(slots=True)
class Series:
    """All that has been done; kept as one JSON file."""

    seed: int
    units: int
    churn: float
    contrast: bool = False
    laps: list[Lap] = field(default_factory=list[Lap])
    probes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Cells of the probe set that were right, by guidance, in the order they were read first."""

    def of(self, name: str) -> list[Lap]:
        return [lap for lap in self.laps if lap.arm == name]


# ---------------------------------------------------------------- one run


@dataclass(frozen=True, slots=True)
class Bench:
    """What is open while laps are made."""

    web: Web
    pages: WebServer
    folder: Path
    model: str
    units: int

    def project(self, name: str) -> Project:
        """The project of an arm, with the worker's address of today."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "strop.toml").write_text(SETTINGS.format(url=self.model), "utf-8")
        return open_project(folder, environment={})

    def slugs(self, number: int) -> tuple[str, ...]:
        """What run `number` orders."""
        held = self.web.slugs
        start = (number - 1) * self.units
        return tuple(held[(start + at) % len(held)] for at in range(self.units))


@asynccontextmanager
async def opened(folder: Path, *, seed: int, units: int, churn: float, contrast: bool) -> AsyncGenerator[Bench, None]:
    """The web and the worker, both on loopback."""
    web = Web(seed=seed * 2, entities=4 * units, churn=churn)

    def script(asked: Asked) -> Reply:
        return Reply(loop_reader.answer(asked.turns, contrast=contrast))

    async with WebServer(web) as pages, TestServer(script, price=PRICE) as model:
        yield Bench(web, pages, folder, model.chat_url, units)


async def granted(plan: Plan) -> str:
    return "--yes"


async def carry(project: Project, order: Order) -> Ended:
    """One turn of the real loop."""
    options = Options(worker=loop_reader.NAME, planner="none", verifier="none")
    return await execute(project, order, options=options, approve=granted, screen=Screen())


def order_of(bench: Bench, project: Project, slugs: Sequence[str], name: str) -> Order:
    """The order on disk, as a user has it."""
    urls = ", ".join(f'"{bench.pages.url_of(slug)}"' for slug in slugs)
    body = SPEC.format(least=max(1, len(slugs) * 3 // 4), urls=urls).encode()
    (project.folder / name).write_bytes(body)
    return Order(spec_of(body, name=name), name)


async def lap(bench: Bench, name: str, number: int) -> Lap:
    """Run `number` of an arm."""
    project = bench.project(name)
    bench.pages.version = number
    slugs = bench.slugs(number)
    order = order_of(bench, project, slugs, "spec.md")
    if name == "empty":
        order = replace(order, bare=True, trial=True)
    before = {item.id: item.state for item in project.db.head().items}
    ended = await carry(project, order)
    moved = tuple(
        f"{item.id}: {before.get(item.id, 'new')} -> {item.state} ({item.why})"
        for item in project.db.head().items
        if before.get(item.id) not in (item.state, None)
    )
    gold = {slug: bench.web.truth(slug, number) for slug in slugs}
    return replace(told(project, ended, gold, name=name, number=number), moves=moved)


def told(project: Project, ended: Ended, gold: Mapping[str, Row], *, name: str, number: int) -> Lap:
    """The run against gold."""
    events = events_of(ended.folder)
    first = next(event.body.verdict for event in events if isinstance(event.body, VerdictGiven))
    spending = Spending()
    for event in events:
        spending.apply(event)
    plan = plan_of(ended.folder)
    marks = score(
        table_of(ended.folder), list(gold.values()), columns=FIELDS, key=("name",),
        metrics={each: near(0.0) for each in ("founded", "members", "volumes")},
    )  # fmt: skip
    last = ended.turn.verdict
    accepted = [value for value in last.values if value.standing in (Standing.ACCEPTED, Standing.CORRECTED)]
    flaws = flaws_of(ended, gold)
    caught = caught_in(first)
    spent = spent_by(spending, plan)
    held = project.db.head().items
    tally = ended.turn.run.tally
    return Lap(
        arm=name,
        number=number,
        run=ended.id,
        passed=str(ended.turn.outcome) == "passed",
        item_f1=marks.item.f1,
        row_f1=marks.row.f1,
        strict_item_f1=marks.strict_item.f1,
        strict_row_f1=marks.strict_row.f1,
        nanos=tally.nanos,
        trying=_trying(plan, spent),
        calls=tally.calls,
        seconds=tally.seconds,
        cells=len(last.values),
        accepted=len(accepted),
        wrong_accepted=sum(not same(value.value, gold[value.row][value.field]) for value in accepted),
        right_refuted=sum(
            value.standing is Standing.REFUTED and same(value.said, gold[value.row][value.field])
            for value in last.values
        ),
        claims=sum(claim.reader > 0 for claim in first_outcomes(ended.turn.run).claims),
        wrong=sum(len(kinds) for kinds in flaws.values()),
        caught=len(caught),
        caught_wrong=sum(cell in flaws for cell in caught),
        kinds=_counted(kind for kinds in flaws.values() for kind in kinds),
        caught_kinds=tuple(sorted({kind for cell in caught for kind in flaws.get(cell, ())})),
        used=plan.guidance.items,
        tried=tuple(variant.name for variant in plan.variants),
        pairs=sum(len(variant.pairs) for variant in plan.variants),
        library=_counted(str(item.state) for item in held),
        checks=tuple(item.id for item in held if item.kind is ItemKind.CHECK and item.state is ItemState.ACTIVE),
        guidance=arm(plan.guidance),
    )


def _trying(plan: Plan, spent: Mapping[TaskId, int]) -> int:
    """Nano-dollars of tasks under trial and of what read their units again."""
    tried = {task.id for task in plan.tasks if task.variant}
    return sum(nanos for task, nanos in spent.items() if task in tried or task.startswith("rescue-"))


def table_of(folder: Path) -> list[dict[str, str]]:
    """The delivered table; empty where none was delivered."""
    path = folder / "files" / TABLE
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{name: row[name] or "" for name in FIELDS} for row in csv.DictReader(file)]


def flaws_of(ended: Ended, gold: Mapping[str, Row]) -> dict[tuple[str, str], list[str]]:
    """Wrong first readings by cell: `FIELD lure` for a wrong value, `FIELD slip` for a right one at a wrong place."""
    found: dict[tuple[str, str], list[str]] = {}
    for claim in first_outcomes(ended.turn.run).claims:
        if not claim.reader:
            continue
        right = same(claim.value, gold[claim.row][claim.field])
        stated = any(same(each.value, claim.value) for each in _said(claim.field, claim.quote))
        if not right or not stated:
            found.setdefault((claim.row, claim.field), []).append(f"{claim.field} {'slip' if right else 'lure'}")
    return found


def _said(name: str, quote: str) -> list[loop_reader.Found]:
    return loop_reader.candidates(name, {1: " ".join(quote.split())})


def caught_in(verdict: Verdict) -> list[tuple[str, str]]:
    """Cells that the gate took out, corrected or left unaccepted at its first look."""
    marked = {(value.row, value.field) for value in verdict.values if value.standing is not Standing.ACCEPTED}
    named = {f.locator.rpartition(".")[::2] for f in verdict.findings if f.severity is not Severity.NOTE}
    return sorted(marked | {(str(row), name) for row, name in named if name in FIELDS})


def _counted(names: Iterable[str]) -> dict[str, int]:
    held: dict[str, int] = {}
    for name in sorted(names):
        held[name] = held.get(name, 0) + 1
    return held


# ---------------------------------------------------------------- the probe set


async def probe(bench: Bench, series: Series) -> None:
    """Have the probe set read under every guidance that a run had and no probe yet."""
    for lap in series.of("library"):
        if lap.guidance not in series.probes:
            plan = plan_of(bench.folder / "library" / "runs" / lap.run)
            series.probes[lap.guidance] = await probed(bench, plan.guidance)


async def probed(bench: Bench, guidance: Guidance) -> list[str]:
    """The cells of the probe set that come out right under a guidance."""
    web = Web(seed=bench.web.seed + 1, entities=PROBES)
    async with WebServer(web) as pages:
        there = replace(bench, web=web, pages=pages, units=PROBES)
        project = there.project("probe")
        order = order_of(there, project, web.slugs, "probe.md")
        bare = not guidance.exemplars
        ended = await carry(project, replace(order, guidance=guidance, bare=bare, trial=True))
    values = {(str(value.row), value.field): value.value for value in ended.turn.verdict.values}
    return [
        f"{slug}.{name}"
        for slug, row in web.gold(0).items()
        for name in FIELDS
        if same(values.get((slug, name)), row[name])
    ]


def plan_of(folder: Path) -> Plan:
    """What a run was to do, as its journal tells it."""
    return next(event.body.plan for event in events_of(folder) if isinstance(event.body, PlanProposed))


# ---------------------------------------------------------------- the series


def load(path: Path, *, seed: int, units: int, churn: float, contrast: bool) -> Series:
    """What was done before.

    Raises:
        SystemExit: it was done with other settings.
    """
    if not path.is_file():
        return Series(seed, units, churn, contrast)
    held = TypeAdapter(Series).validate_json(path.read_bytes())
    if (held.seed, held.units, held.churn, held.contrast) != (seed, units, churn, contrast):
        raise SystemExit(f"{path} holds a series with other settings; give another --out")
    return held


def keep(path: Path, series: Series) -> None:
    path.write_text(json.dumps(asdict(series)), "utf-8")


async def carried(folder: Path, *, runs: int, seed: int, units: int, churn: float, contrast: bool) -> Series:
    """The series up to `runs` laps an arm."""
    path = folder / "series.json"
    series = load(path, seed=seed, units=units, churn=churn, contrast=contrast)
    async with opened(folder, seed=seed, units=units, churn=churn, contrast=contrast) as bench:
        for number in range(1, runs + 1):
            for name in ARMS:
                if any(lap.number == number for lap in series.of(name)):
                    continue
                began = time.monotonic()
                made = await lap(bench, name, number)
                series.laps.append(made)
                keep(path, series)
                print(
                    f"{name} {number}: Item-F1 {made.item_f1:.3f}, {made.calls} calls, "
                    f"{time.monotonic() - began:.1f} s{''.join(f'; {each}' for each in made.moves)}",
                    file=sys.stderr,
                )
        await probe(bench, series)
    keep(path, series)
    return series


# ---------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `met` is None where a figure has no goal."""

    name: str
    figure: float
    unit: str
    goal: str = ""
    met: bool | None = None
    low: float | None = None
    high: float | None = None
    """95 %."""
    n: int = 0


def figures(series: Series) -> list[Figure]:
    """All that is printed."""
    made: list[Figure] = []
    for name in ARMS:
        laps = series.of(name)
        late = laps[len(laps) // 2 :]
        made += [
            _mean(f"{what}, {when}, {name}", [getattr(lap, key) for lap in held], "")
            for what, key in (
                ("Item-F1", "item_f1"),
                ("Row-F1", "row_f1"),
                ("strict Item-F1", "strict_item_f1"),
                ("strict Row-F1", "strict_row_f1"),
            )
            for when, held in (("all runs", laps), ("second half", late))
        ]
        made += list(_of_arm(name, laps))
    made += list(_gain(series))
    made += list(_of_library(series))
    return made


def _of_arm(name: str, laps: Sequence[Lap]) -> Iterable[Figure]:
    passed = sum(lap.passed for lap in laps)
    dollars = sum(lap.nanos for lap in laps) / 1e9
    trying = sum(lap.trying for lap in laps) / 1e9
    accepted, wrong = sum(lap.accepted for lap in laps), sum(lap.wrong_accepted for lap in laps)
    caught, claims = sum(lap.caught for lap in laps), sum(lap.claims for lap in laps)
    yield _share(f"tables that the gate passed, {name}", passed, len(laps))
    if passed:
        yield Figure(f"cost of a passed table, {name}", round(1_000 * dollars / passed, 3), "1/1000 $", n=passed)
        yield Figure(f"of it units on trial, {name}", round(1_000 * trying / passed, 3), "1/1000 $", n=passed)
    if accepted > wrong:
        yield Figure(
            f"cost of 1,000 cells accepted and right, {name}",
            round(1e6 * dollars / (accepted - wrong), 3),
            "1/1000 $",
            n=accepted - wrong,
        )
    cells = sum(lap.cells for lap in laps)
    yield _share(f"cells accepted, {name}", accepted, cells)
    yield _share(f"silent errors (accepted and wrong), {name}", wrong, accepted)
    yield _share(f"right cells that the gate took out, {name}", sum(lap.right_refuted for lap in laps), cells)
    yield Figure(f"cells caught for 100 claims, {name}", round(100 * caught / max(claims, 1), 2), "", n=claims)
    yield _share(f"of these with a wrong reading, {name}", sum(lap.caught_wrong for lap in laps), caught)
    yield _share(f"wrong first readings, {name}", sum(lap.wrong for lap in laps), claims)
    yield _repeats(name, laps)


def _repeats(name: str, laps: Sequence[Lap]) -> Figure:
    known: set[str] = set()
    repeated = claims = 0
    for lap in laps:
        if known:
            claims += lap.claims
            repeated += sum(count for kind, count in lap.kinds.items() if kind in known)
        known |= set(lap.caught_kinds)
    return _share(f"repeat flaws, {name}", repeated, claims)


def _gain(series: Series) -> Iterable[Figure]:
    """Library minus empty, run by run."""
    empty = {lap.number: lap for lap in series.of("empty")}
    both = [(lap, empty[lap.number]) for lap in series.of("library") if lap.number in empty]
    late = both[len(both) // 2 :]
    for when, held in (("all runs", both), ("second half", late)):
        yield _mean(f"gain in Item-F1, {when}", [one.item_f1 - other.item_f1 for one, other in held], "")
        yield _mean(f"gain in Row-F1, {when}", [one.row_f1 - other.row_f1 for one, other in held], "")


def _of_library(series: Series) -> Iterable[Figure]:
    laps = series.of("library")
    size = sum(laps[-1].library.values()) if laps else 0
    touched = {name for lap in laps for name in (*lap.used, *lap.tried, *lap.checks)}
    yield Figure("items in the library at the end", size, "items", n=len(laps))
    for state in ItemState:
        if laps and laps[-1].library.get(str(state)):
            yield Figure(f"of these {state}", laps[-1].library[str(state)], "items")
    yield _share("dead share (items never used, tried nor in force)", max(0, size - len(touched)), size)
    first = next((lap.number for lap in laps if lap.used), 0)
    yield Figure("first run that was guided by an admitted item (0: none)", first, "run")
    before = [lap for lap in laps if not first or lap.number < first]
    yield Figure("pairs drawn before it", sum(lap.pairs for lap in before), "pairs")
    yield Figure("dollars on units on trial before it", round(sum(lap.trying for lap in before) / 1e9, 5), "$")
    sets = [set(right) for right in series.probes.values()]
    cells = PROBES * len(FIELDS)
    if sets:
        yield _share("probe: cells right, first state of the library", len(sets[0]), cells)
        yield _share("probe: cells right, last state", len(sets[-1]), cells)
        lost = [len(before - after) for before, after in itertools.pairwise(sets)]
        yield Figure("probe: states of the guidance", len(sets), "states")
        yield Figure(
            "probe: regressions (right in the state before, then wrong)", sum(lost), "cells", n=cells * len(lost)
        )
        yield Figure("probe: right in the first state, wrong in the last", len(sets[0] - sets[-1]), "cells", n=cells)


def _mean(name: str, values: Sequence[float], unit: str) -> Figure:
    """Mean with its interval by the normal law, over runs."""
    middle = mean(values) if values else 0.0
    spread = 1.959964 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Figure(name, round(middle, 4), unit, low=middle - spread, high=middle + spread, n=len(values))


def _share(name: str, found: int, made: int) -> Figure:
    """A share with Wilson's interval."""
    if not made:
        return Figure(name, 0.0, "", n=0)
    z, share = 1.959964, found / made
    middle, spread = share + z * z / (2 * made), z * math.sqrt(share * (1 - share) / made + z * z / (4 * made * made))
    low, high = (middle - spread) / (1 + z * z / made), (middle + spread) / (1 + z * z / made)
    return Figure(name, round(share, 4), "", low=max(0.0, low), high=high, n=made)


def curve(series: Series) -> Chart:
    """The learning curve: Item-F1 and Row-F1 by run, of both arms."""
    points = tuple(
        Point(float(lap.number), Cell(round(value, 4)), f"{what}, {words[name]}")
        for name, words in (("library", {"library": "with the library"}), ("empty", {"empty": "empty library"}))
        for what, key in (("Item-F1", "item_f1"), ("Row-F1", "row_f1"))
        for lap in series.of(name)
        for value in [getattr(lap, key)]
    )
    return Chart("learning", ChartKind.LINE, "The loop on a changing web, scripted worker", "Run", "F1", points)


def shown(made: Sequence[Figure]) -> None:
    """The table."""
    width = max(len(each.name) for each in made)
    for each in made:
        between = f"{each.low:>9.4f} to {each.high:<9.4f}" if each.low is not None and each.high is not None else ""
        print(f"{each.name:<{width}}  {each.figure:>10,.4g} {each.unit:<9}{between:<24}n {each.n:,}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, or go on; print the table; draw the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--units", type=int, default=60)
    parser.add_argument("--churn", type=float, default=0.1)
    parser.add_argument("--contrast", action="store_true", help="the duller reader (loop_reader.py, 2)")
    parser.add_argument("--out", type=Path, help="where the projects and the series stand; left out: a new folder")
    parser.add_argument("--chart", type=Path, help="draw the curve here")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    folder = chosen.out or Path(tempfile.mkdtemp(prefix="strop-loop-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"in {folder}; to go on after a stop: --out {folder}", file=sys.stderr)
    series = asyncio.run(
        carried(
            folder,
            runs=chosen.runs,
            seed=chosen.seed,
            units=chosen.units,
            churn=chosen.churn,
            contrast=chosen.contrast,
        )
    )
    made = figures(series)
    shown(made)
    for lap in series.of("library"):
        for move in lap.moves:
            print(f"run {lap.number}: {move}")
    if chosen.chart:
        chosen.chart.parent.mkdir(parents=True, exist_ok=True)
        PngFile().render(Part(chosen.chart.name, (curve(series),)), to=chosen.chart)
    if chosen.json:
        print(json.dumps([asdict(each) for each in made]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
