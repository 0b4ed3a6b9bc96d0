"""Clean deliveries to break on purpose: two runs over a small harbour register, whole with sources and claims.

`reading` is a run over units (every page read by two readers, counts from a table beside it), `writing`
one of a maker that wrote a table, a report and a chart. All of it is true: whatever the gate finds in
it is a false alarm. Seeded and pure; the harbours do not exist.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import orjson

from strop.checking.sentences import sentences
from strop.drafting.answers import answer_keys, making_schema, reading_schema
from strop.errors import ToolFailure
from strop.swarm.claims import claims_of_reading, claims_of_work
from strop.types.fingerprint import digest_bytes
from strop.types.label import Integrity, Label
from strop.types.money import Price
from strop.types.schema import Json
from strop.types.trial import Claim, Result, Run, Tally
from strop.types.work import (
    Binding,
    Column,
    ColumnType,
    Count,
    Kind,
    Output,
    Plan,
    Quote,
    Range,
    RunId,
    Spec,
    Task,
    TaskId,
    TaskKind,
    Unit,
    UnitKey,
)

DAY = date(2026, 10, 1)
"""The day that everything here is of."""
DISTRICTS = ("Nordland", "Westkyst", "Midtsund", "Ostvik", "Sorhavn")
GOODS = ("timber", "grain", "fish", "ore", "containers")
COLUMNS = (
    Column("name", ColumnType.TEXT, quote=True, ask="what the harbour is called"),
    Column("district", ColumnType.TEXT, quote=True, ask="the district it lies in"),
    Column("opened", ColumnType.INTEGER, quote=True, ask="the year it was opened"),
    Column("berths", ColumnType.INTEGER, quote=True, recompute="rows", ask="how many berths it has"),
    Column("tonnes", ColumnType.INTEGER, quote=True, ask="tonnes handled in the last year"),
    Column("fee", ColumnType.DECIMAL, quote=True, ask="the fee in EUR a day"),
    Column("surveyed", ColumnType.DATE, quote=True, ask="the day of the last survey"),
)
WIDE = (
    Output("harbours.jsonl", Kind.JSONL, COLUMNS),
    Output("harbours.parquet", Kind.PARQUET, COLUMNS),
    Output("harbours.json", Kind.JSON, COLUMNS),
    Output("register.docx", Kind.DOCX, sections=("Summary", "Table", "Sources")),
    Output("register.html", Kind.HTML, sections=("Summary", "Table", "Sources")),
    Output("register.md", Kind.MARKDOWN, sections=("Summary", "Table", "Sources")),
    Output("register.pptx", Kind.PPTX, slides=Count(4, None)),
    Output("opened.png", Kind.PNG),
)
"""The formats that a run over units may deliver besides."""
CHECKS = (
    'unit(tonnes, "tonnes")',
    'unit(fee, "EUR")',
    f"newer(surveyed, {366})",
    "unique(name)",
    "range(opened, 1800, 2026)",
)
"""What the order says must hold, in the check language."""


@dataclass(frozen=True, slots=True)
class Case:
    """One delivery: its run, the sources its claims rest on, and the tables beside them."""

    run: Run
    sources: Mapping[str, str]
    recounted: tuple[Claim, ...]
    answers: Mapping[str, Json]
    """Writing: what the maker answered, by file."""

    @property
    def claims(self) -> tuple[Claim, ...]:
        return self.run.claims


@dataclass(frozen=True, slots=True)
class Harbour:
    name: str
    district: str
    opened: int
    berths: int
    tonnes: int
    fee: str
    surveyed: str
    goods: str

    @property
    def page(self) -> str:
        """What the register says of it."""
        return (
            f"{self.name} is a harbour in the district of {self.district}. It was opened in {self.opened} "
            f"and mainly serves {self.goods}.\nThe harbour has {self.berths} berths. In the last year it handled "
            f"about {self.tonnes:,} tonnes, unless ice closed it. A berth costs {self.fee} EUR a day.\n"
            f"The last survey is of {self.surveyed}.\n"
        )

    def places(self) -> dict[str, int]:
        """The number of the sentence that states each field."""
        found = {passage.number: self.page[passage.start : passage.end] for passage in sentences(self.page)}
        words = {
            "name": "is a harbour",
            "district": "district of",
            "opened": "opened in",
            "berths": "berths.",
            "tonnes": "tonnes",
            "fee": "EUR",
            "surveyed": "survey is of",
        }
        return {field: next(n for n, text in found.items() if word in text) for field, word in words.items()}


def harbours(seed: int, *, count: int) -> tuple[Harbour, ...]:
    """So many different harbours."""
    chance = random.Random(f"harbours/{seed}")
    numbers = chance.sample(range(100, 1_000), count)
    return tuple(
        Harbour(
            name=f"Kai {number}",
            district=chance.choice(DISTRICTS),
            opened=chance.randint(1850, 2015),
            berths=chance.randint(13, 240),
            tonnes=chance.randint(12_000, 9_000_000),
            fee=f"{chance.randint(8, 95)}.{chance.choice('05')}0",
            surveyed=(DAY - timedelta(days=chance.randint(5, 300))).isoformat(),
            goods=chance.choice(GOODS),
        )
        for number in numbers
    )


# ---------------------------------------------------------------- a run over units


def reading(seed: int, *, rows: int = 40, wide: bool = False) -> Case:
    """A CSV, a workbook, a report and two charts from pages that two readers read alike; `wide`, in every format."""
    found = harbours(seed, count=rows)
    outputs = (
        Output("harbours.csv", Kind.CSV, COLUMNS, rows=Count(rows, rows)),
        Output("harbours.xlsx", Kind.XLSX, COLUMNS),
        Output("register.pdf", Kind.PDF, sections=("Summary", "Table", "Sources")),
        Output("charts/*.svg", Kind.SVG, count=Count(2, 2)),
    )
    spec = Spec(
        title="The harbour register",
        outputs=(*outputs, *WIDE) if wide else outputs,
        each="pages/*.txt",
        companion="berths/{stem}.csv",
        readers=2,
        valid=CHECKS,
    )
    units = tuple(Unit(UnitKey(_stem(one)), f"pages/{_stem(one)}.txt", f"berths/{_stem(one)}.csv") for one in found)
    sources = {unit.source: one.page for unit, one in zip(units, found, strict=True)}
    tasks = tuple(_reader(number, units) for number in (1, 2))
    results = tuple(
        Result(
            task.id,
            output="{}",
            steps=1,
            claims=tuple(
                claim
                for unit, one in zip(units, found, strict=True)
                for claim in (
                    *claims_of_reading(_read(one), unit=unit, text=one.page, task=task),
                    *((_counted(unit, one, task),) if task.reader == 1 else ()),
                )
            ),
        )
        for task in tasks
    )
    run = _run(spec, tasks, results)
    recounted = tuple(claim for claim in run.claims if claim.locator)
    return Case(run, sources, recounted, {})


def _stem(harbour: Harbour) -> str:
    return harbour.name.lower().replace(" ", "-")


def _reader(number: int, units: tuple[Unit, ...]) -> Task:
    return Task(
        id=TaskId(f"read-{number}/all"),
        kind=TaskKind.READ,
        role=f"reader {number}",
        goal="",
        schema=reading_schema(COLUMNS),
        prompt=f"reader-{number}",
        units=units,
        reader=number,
    )


def _read(one: Harbour) -> Json:
    places = one.places()
    values: dict[str, Json] = {
        "name": one.name,
        "district": one.district,
        "opened": one.opened,
        "berths": one.berths,
        "tonnes": one.tonnes,
        "fee": one.fee,
        "surveyed": one.surveyed,
    }
    return values | {f"{name}_at": places[name] for name in values}


def _counted(unit: Unit, one: Harbour, task: Task) -> Claim:
    """What the table of berths answers."""
    path = unit.companion or ""
    return Claim(
        task=task.id,
        row=unit.key,
        field="berths",
        value=one.berths,
        source=path,
        source_hash=digest_bytes(path.encode()),
        locator=f"table:rows({path})",
        label=Label(Integrity.SYSTEM, origins=(path,)),
    )


# ---------------------------------------------------------------- a run of a maker


def writing(seed: int, *, rows: int = 12) -> Case:
    """A table, a report and a chart that one maker wrote, every leaf with its source and quote."""
    found = harbours(seed, count=rows)
    columns = tuple(replace(column, recompute=None) for column in COLUMNS[:6])
    outputs = (
        Output("harbours.csv", Kind.CSV, columns, rows=Count(rows, rows)),
        Output("report.pdf", Kind.PDF, sections=("Summary", "Findings", "Sources")),
        Output("tonnes.svg", Kind.SVG),
    )
    spec = Spec(title="Harbours of five districts", outputs=outputs)
    sources = {f"pages/{_stem(one)}.txt": one.page for one in found}
    keys = answer_keys(outputs)
    answers: dict[str, Json] = {
        keys["harbours.csv"]: {"rows": [_row(one, columns) for one in found]},
        keys["report.pdf"]: _report(found),
        keys["tonnes.svg"]: _chart(found),
    }
    return wrote(spec, answers, sources)


def wrote(spec: Spec, answers: Mapping[str, Json], sources: Mapping[str, str]) -> Case:
    """The case that a maker's answers make."""
    keys = answer_keys(spec.outputs)
    task = Task(
        id=TaskId("write"),
        kind=TaskKind.AGGREGATE,
        role="maker",
        goal="",
        schema=making_schema(spec.outputs, keys=keys),
        prompt="aggregate",
        makes=tuple(output.file for output in spec.outputs),
    )

    def read(path: str) -> str:
        if path not in sources:
            raise ToolFailure(f"{path} is not there")
        return sources[path]

    claims = tuple(claims_of_work(dict(answers), task=task, read=read))
    output = orjson.dumps(dict(answers)).decode()
    return Case(_run(spec, (task,), (Result(task.id, output=output, claims=claims, steps=1),)), sources, (), answers)


def _leaf(one: Harbour, field: str, value: Json) -> Json:
    place = one.places()[field]
    passage = next(passage for passage in sentences(one.page) if passage.number == place)
    quote = one.page[passage.start : passage.end]
    return {"value": value, "source": f"pages/{_stem(one)}.txt", "quote": quote}


def _row(one: Harbour, columns: tuple[Column, ...]) -> Json:
    values = _read(one)
    assert isinstance(values, dict), "a reading is an object"
    return {column.name: _leaf(one, column.name, values[column.name]) for column in columns}


def _report(found: tuple[Harbour, ...]) -> Json:
    largest = max(found, key=lambda one: one.tonnes)
    oldest = min(found, key=lambda one: one.opened)
    told: list[Json] = [
        _leaf(largest, "tonnes", f"{largest.name} handled about {largest.tonnes:,} tonnes, unless ice closed it."),
        _leaf(oldest, "opened", f"{oldest.name} was opened in {oldest.opened}."),
    ]
    bullets: list[Json] = [_leaf(one, "fee", f"A berth in {one.name} costs {one.fee} EUR a day.") for one in found[:5]]
    each: list[Json] = [[_leaf(one, "berths", f"{one.name} has {one.berths} berths.")] for one in found[5:10]]
    summary: dict[str, Json] = {"heading": "Summary", "paragraphs": [told], "bullets": []}
    findings: dict[str, Json] = {"heading": "Findings", "paragraphs": each, "bullets": bullets}
    return {"sections": [summary, findings]}


def _chart(found: tuple[Harbour, ...]) -> Json:
    points: list[Json] = [{"x": one.name, "y": _leaf(one, "tonnes", one.tonnes)} for one in found]
    chart: dict[str, Json] = {
        "name": "tonnes",
        "kind": "bar",
        "title": "Tonnes handled",
        "x_title": "Harbour",
        "y_title": "Tonnes",
        "points": points,
    }
    return {"charts": [chart]}


# ---------------------------------------------------------------- shared


def _run(spec: Spec, tasks: tuple[Task, ...], results: tuple[Result, ...]) -> Run:
    none = Range(0, 0, 0)
    quote = Quote(len(tasks), 1, len(tasks), 1, none, none, none, "swarm", ())
    binding = Binding("worker", "scripted", Price(), 200_000, 4_096)
    plan = Plan(spec.title, spec, "", tasks, (binding,), (), quote)
    return Run(RunId("clean"), plan, results, Tally(steps=len(tasks)))
