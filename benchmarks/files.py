"""How long files take to write and how much memory: tables of 20,000 x 10, a document, charts, all of it at once.

`python benchmarks/files.py`. Each figure is taken in a process of its own, imports included in the memory but
not in the time; beside the tables stands what the bare library takes for the same cells. The gate's row reads
the delivered workbook again and compares every cell with its source.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import orjson

from strop.app.parts import renderers
from strop.checking.opened import open_file
from strop.checking.taken import taken_contract
from strop.drafting.taken import taken_table
from strop.tools.inside import Inside
from strop.tools.sources import TableInFile, open_table
from strop.types.content import (
    Bullets,
    Cell,
    Chart,
    ChartKind,
    Content,
    Deck,
    Document,
    Figure,
    Head,
    Heading,
    Paragraph,
    Part,
    Point,
    Sentence,
    Slide,
    Standing,
    Table,
)
from strop.types.work import Column, ColumnType, Kind, Output, Sources

ROWS, CHARTS, PAGES, SLIDES = 20_000, 14, 40, 12
COLUMNS = (
    Column("city", ColumnType.TEXT),
    Column("country", ColumnType.TEXT),
    Column("people", ColumnType.INTEGER),
    Column("area", ColumnType.DECIMAL),
    Column("founded", ColumnType.DATE),
    Column("capital", ColumnType.BOOLEAN),
    Column("x", ColumnType.NUMBER),
    Column("y", ColumnType.NUMBER),
    Column("code", ColumnType.TEXT),
    Column("density", ColumnType.NUMBER, formula="round([people] / [area], 3)"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One job in a process of its own."""

    seconds: float
    peak: float
    """MB at most, imports included."""
    note: str = ""


def source(folder: Path) -> Path:
    """A table of 20,000 rows; the same each time."""
    path = folder / "inputs" / "cities.csv"
    path.parent.mkdir(exist_ok=True)
    chance = random.Random(7)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(column.name for column in COLUMNS if column.formula is None)
        for number in range(ROWS):
            row = (f"City {number}", chance.choice(("Peru", "Kenya", "Norway")), chance.randrange(1_000, 9_000_000))
            day = f"{chance.randrange(1_000, 2_000)}-0{chance.randrange(1, 9)}-1{chance.randrange(9)}"
            place = (round(chance.uniform(-180, 180), 6), round(chance.uniform(-90, 90), 6))
            area = f"{chance.uniform(3, 4_000):.2f}"
            writer.writerow((*row, area, day, chance.choice(("true", "false")), *place, f"{number:07d}"))
    return path


# ---------------------------------------------------------------- jobs, each run in a process of its own


def of_table(folder: Path, kind: Kind) -> str:
    """Take 20,000 rows over into a file of this kind."""
    output = Output(f"cities.{kind}", kind, COLUMNS, taken="inputs/cities.csv")
    table = taken_table(output, source=_opened(folder, output.taken))
    renderers()[kind].render(Part(output.file, (table,)), to=folder / output.file)
    return f"{(folder / output.file).stat().st_size / 1e6:.1f} MB"


def of_gate(folder: Path) -> str:
    """Write a workbook and hold every cell of it against its source; the time is the gate's alone."""
    output = Output("cities.xlsx", Kind.XLSX, COLUMNS, taken="inputs/cities.csv")
    if not (folder / output.file).is_file():
        of_table(folder, Kind.XLSX)
    findings = taken_contract(output, folder / output.file, tables=lambda path: _opened(folder, path))
    return findings[-1].observed


def _opened(folder: Path, path: str) -> TableInFile:
    return open_table(Inside(folder, Sources()), path)


def _bare_rows(folder: Path) -> Iterator[tuple[object, ...]]:
    with (folder / "inputs" / "cities.csv").open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            density = round(int(row[2]) / float(row[3]), 3)
            yield (row[0], row[1], int(row[2]), float(row[3]), row[4], row[5] == "true", *map(float, row[6:8]), row[8],
                   density)  # fmt: skip


def bare_xlsx(folder: Path) -> str:
    """The same cells by xlsxwriter alone, without types, formulas, formats or checks."""
    import xlsxwriter

    with xlsxwriter.Workbook(folder / "bare.xlsx", {"constant_memory": True}) as book:
        sheet = cast("_Book", book).add_worksheet()
        for number, row in enumerate(_bare_rows(folder)):
            sheet.write_row(number, 0, row)
    return ""


class _Sheet(Protocol):
    def write_row(self, row: int, column: int, values: Sequence[object]) -> object: ...


class _Book(Protocol):
    """What is used of xlsxwriter, whose own types are partly unknown."""

    def add_worksheet(self) -> _Sheet: ...


def bare_csv(folder: Path) -> str:
    """The same cells by the csv module alone."""
    with (folder / "bare.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_bare_rows(folder))
    return ""


def of_charts(folder: Path, *, count: int = CHARTS) -> str:
    """Fourteen charts as PNG."""
    for number in range(count):
        renderers()[Kind.PNG].render(Part(f"{number}.png", (_chart(number),)), to=folder / f"{number}.png")
    return f"{count} charts"


def _chart(number: int) -> Chart:
    kinds = (ChartKind.BAR, ChartKind.LINE, ChartKind.SCATTER)
    kind = kinds[number % len(kinds)]
    points = tuple(
        Point(f"town {at}" if kind is ChartKind.BAR else float(at), Cell(round(50 + 40 * math.sin(at + number), 2)))
        for at in range(20)
    )
    return Chart(f"chart_{number}", kind, f"Chart {number}", "town", "people", points)


def of_pdf(folder: Path) -> str:
    """A document of forty pages or more, with tables, figures and footnotes."""
    from pypdfium2 import PdfDocument

    path = folder / "long.pdf"
    renderers()[Kind.PDF].render(Part("long.pdf", (_document(),)), to=path)
    with PdfDocument(path) as document:
        pages = len(document)
    return f"{pages} pages" + ("" if pages >= PAGES else f", fewer than {PAGES}")


def _document() -> Document:
    said = "The station keeps its bells in the tower, and they are cast in bronze by a founder of the next town. " * 3
    cell = Cell("bronze", Standing.ACCEPTED, ("c1",), "inputs/alder.txt:10-20", "They are cast in bronze.")
    blocks: list[Heading | Paragraph | Table | Figure] = []
    for number in range(PAGES * 2 // 3):
        blocks.append(Heading(f"Section {number + 1}"))
        blocks += [Paragraph(tuple(Sentence(said, (cell,)) for _ in range(3))) for _ in range(4)]
        heads = (Head("town"), Head("people", ColumnType.INTEGER), Head("bells", ColumnType.INTEGER))
        rows = tuple((Cell(f"town {at}"), Cell(at * 1_003), Cell(at)) for at in range(24))
        blocks.append(Table(f"table {number}", heads, rows))
        if number % 5 == 0:
            blocks.append(Figure(_chart(number), f"Figure {number}"))
    return Document("Bells of the railway", "A long report", tuple(blocks))


def of_deck(folder: Path) -> str:
    """Twelve slides, half of them with a native chart; title and sources are the renderer's."""
    cell = Cell(
        "714", Standing.ACCEPTED, ("c1",), "regions/quarrow.md:10-58", "714 stations of Quarrow stand at rivers."
    )
    lines = Bullets(tuple(Sentence(f"Region {at} has 714 stations at rivers.", (cell,)) for at in range(4)))
    slides = tuple(
        Slide(f"What part {number} shows", (Figure(_chart(number)),) if number % 2 else (lines,), lines.items[:1])
        for number in range(SLIDES - 2)
    )
    renderers()[Kind.PPTX].render(Part("deck.pptx", (Deck("A portfolio", "", slides),)), to=folder / "deck.pptx")
    opened = open_file(folder / "deck.pptx", kind=Kind.PPTX)
    if isinstance(opened, str):
        return opened
    return f"{len(opened.slides or ())} slides, {opened.charts} charts"


def of_everything(folder: Path) -> str:
    """All of it in one process, one after the other: what a delivery holds at most."""
    for kind in (Kind.CSV, Kind.JSONL, Kind.PARQUET, Kind.XLSX):
        of_table(folder, kind)
    of_gate(folder)
    of_pdf(folder)
    of_charts(folder)
    of_deck(folder)
    return "tables, gate, document, charts, deck"


def warmed(kind: Kind, content: Content, folder: Path) -> None:
    """Load a format's library before the clock starts."""
    renderers()[kind].render(Part(f"warm.{kind}", (content,)), to=folder / f"warm.{kind}")


_SMALL = Table("t", (Head("a"),), ((Cell("b"),),))
WARM: dict[str, Callable[[Path], None]] = {
    **{f"{kind.value} 20,000 x 10": (lambda folder, kind=kind: warmed(kind, _SMALL, folder))
       for kind in (Kind.CSV, Kind.JSONL, Kind.PARQUET, Kind.XLSX)},
    "pdf 40 pages": lambda folder: warmed(Kind.PDF, Document("t", "", (Heading("h"), Figure(_chart(0)))), folder),
    "png 14 charts": lambda folder: warmed(Kind.PNG, _chart(0), folder),
    "pptx 12 slides": lambda folder: warmed(Kind.PPTX, Deck("t", "", (Slide("s", ()),)), folder),
    "gate of the xlsx": lambda folder: (of_table(folder, Kind.XLSX), None)[1],
}  # fmt: skip
JOBS: dict[str, Callable[[Path], str]] = {
    "csv 20,000 x 10": lambda folder: of_table(folder, Kind.CSV),
    "csv, bare csv module": bare_csv,
    "jsonl 20,000 x 10": lambda folder: of_table(folder, Kind.JSONL),
    "parquet 20,000 x 10": lambda folder: of_table(folder, Kind.PARQUET),
    "xlsx 20,000 x 10": lambda folder: of_table(folder, Kind.XLSX),
    "xlsx, bare xlsxwriter": bare_xlsx,
    "gate of the xlsx": of_gate,
    "pdf 40 pages": of_pdf,
    "png 14 charts": of_charts,
    "first chart of a process": lambda folder: of_charts(folder, count=1),
    "pptx 12 slides": of_deck,
    "everything in one process": of_everything,
}
SECONDS = {"xlsx 20,000 x 10": 4.0, "pdf 40 pages": 2.0, "png 14 charts": 5.0, "pptx 12 slides": 1.0}
"""Goals, on two cores."""
MEGABYTES = {"everything in one process": 400.0}


def job(name: str, folder: Path) -> Measured:
    """Do one job in this process."""
    if name in WARM:
        WARM[name](folder)
    began = time.perf_counter()
    note = JOBS[name](folder)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Measured(seconds, peak / (2**20 if sys.platform == "darwin" else 2**10), note)


def alone(name: str) -> Measured:
    """Have one job done in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="strop-files-") as folder:
        source(Path(folder))
        done = subprocess.run(
            [sys.executable, __file__, "--job", name, "--folder", folder], check=True, capture_output=True
        )
    return Measured(**orjson.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure what was asked for; print the table."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("names", nargs="*", help="jobs; all where none is named")
    reader.add_argument("--json", action="store_true")
    reader.add_argument("--job", help=argparse.SUPPRESS)
    reader.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = reader.parse_args()
    if asked.job:
        print(orjson.dumps(job(asked.job, asked.folder)).decode())
        return
    rows: list[dict[str, object]] = []
    print(f"{'file':28} {'seconds':>8} {'goal':>6} {'peak MB':>8} {'goal':>6}")
    for name in asked.names or JOBS:
        found = alone(name)
        goal, most = SECONDS.get(name), MEGABYTES.get(name)
        told = [f"{goal:.0f}" if goal else "", f"{most:.0f}" if most else ""]
        print(f"{name:28} {found.seconds:8.2f} {told[0]:>6} {found.peak:8.0f} {told[1]:>6}  {found.note}", flush=True)
        for figure, unit, bound in ((found.seconds, "s", goal), (found.peak, "MB", most)):
            met = None if bound is None else figure < bound
            rows.append({"name": name, "figure": round(figure, 3), "unit": unit, "goal": bound, "met": met})
    if asked.json:
        print(orjson.dumps(rows).decode())


if __name__ == "__main__":
    main()
