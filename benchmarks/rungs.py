"""Code rungs on the demo's pages: expressions found on proved values of one part, read on the other.

    python benchmarks/rungs.py [--learn 40] [--held 40] [--out FOLDER] [--json]

Proved values are those that the gate corrects from the companion tables; the held pages are scored by what they
document (gold), which the search never sees. With the embedded model's weights its first reader, shown four worked
examples, reads `--model N` of the held pages as well, and rung and prompt are compared page by page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import catalogue_pages as pages
import exemplars
from catalogue_pages import baseline
from strop.app.parts import weights_of
from strop.app.project import open_project
from strop.learning.exemplars import shortest
from strop.learning.rungs import read, same, samples_of, synthesised
from strop.loop.distill import candidates
from strop.models.embedded import EmbeddedModel
from strop.types.work import Script


@dataclass(frozen=True, slots=True)
class Row:
    """One field: what was learned, and what it does on held pages."""

    field: str
    pattern: str
    proved: int
    learned: int
    marks: tuple[bool | None, ...]
    """By held page: right, wrong, or no answer."""

    @property
    def answered(self) -> int:
        return sum(mark is not None for mark in self.marks)

    @property
    def right(self) -> int:
        return sum(mark is True for mark in self.marks)


async def rung(learned: pages.Batch, held: pages.Batch, field: str) -> Row:
    """Learn one field on one part, read it on the other as a run would: in a child process."""
    samples = samples_of(learned.verdict, field=field, sources=learned.sources)
    pattern, right = synthesised(samples)
    marks: list[bool | None] = []
    for key in held.keys:
        said = await read([Script("catalogue", field, pattern)] if pattern else [], held.texts[key])
        marks.append(same(said[field].value, held.gold[key][field]) if field in said else None)
    return Row(field, pattern, len(samples), right, tuple(marks))


def by_hand(held: pages.Batch) -> dict[str, int]:
    """The demo's hand-written expressions on the same pages."""
    said = {key: baseline.read(held.texts[key]) for key in held.keys}
    return {field: sum(said[key][field] == held.gold[key][field] for key in held.keys) for field in pages.FIELDS}


async def by_model(out: Path, learned: pages.Batch, held: pages.Batch) -> list[list[bool]]:
    """What the embedded model's first reader makes of these pages with four worked examples."""
    project = open_project(out / "project")
    model = EmbeddedModel(weights_of(project, "embedded"), name="embedded")
    shown = shortest(candidates(pages.spec().table, learned.verdict, learned.sources), most=exemplars.SHOWN)
    try:
        one = exemplars.reader(model, shown, project.prompts())
        return [await one.right(held, key) for key in held.keys]
    finally:
        await model.close()


def table(rows: Sequence[Row], hand: Mapping[str, int], model: Sequence[Sequence[bool]]) -> None:
    """Print it, in Markdown."""
    n, m = len(rows[0].marks), len(model)
    print(f"| field | proved | answered | right of answered | right of all {n} | by hand | embedded, {m} pages |")
    print("|---|---|---|---|---|---|---|")
    for at, row in enumerate(rows):
        read_right = f"{sum(marks[at] for marks in model)}/{m}" if m else "-"
        print(
            f"| {row.field} | {row.learned}/{row.proved} | {row.answered} | {row.right}/{row.answered} | {row.right} "
            f"| {hand[row.field]} | {read_right} |"
        )
    print()
    for row in rows:
        print(f"    {row.field:8} {row.pattern or '(none found)'}")


def compared(rows: Sequence[Row], model: Sequence[Sequence[bool]]) -> str:
    """Rung, and prompt where it is silent, against the prompt alone, field by field on the same pages."""
    won = lost = 0
    for at, row in enumerate(rows):
        for mark, marks in zip(row.marks, model, strict=False):
            won += mark is True and not marks[at]
            lost += mark is False and marks[at]
    return f"Rung before prompt against prompt alone, {len(model)} pages x 5 fields: {won} won, {lost} lost."


async def measured(out: Path, learn: int, hold: int, model: int) -> tuple[list[Row], dict[str, int], list[list[bool]]]:
    """Rows by field, right by hand, and the model's marks by page."""
    learned, held = pages.batches(out, first=learn, second=hold)
    began = time.perf_counter()
    rows = [await rung(learned, held, field) for field in pages.FIELDS]
    print(f"{learn} pages learned from, {hold} read, {time.perf_counter() - began:.1f} s in all", file=sys.stderr)
    some = pages.Batch(held.keys[:model], held.texts, held.verdict, held.gold)
    return rows, by_hand(held), await by_model(out, learned, some) if model else []


def main() -> int:
    """Print the table; 1 where an expression is wrong on more than one held page in twenty."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--learn", type=int, default=40)
    parser.add_argument("--held", type=int, default=40)
    parser.add_argument("--model", type=int, default=0, help="held pages that the embedded model reads too")
    parser.add_argument("--out", type=Path, default=pages.ROOT / "examples" / "catalogue" / "out" / "bench")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, hand, model = asyncio.run(measured(options.out, options.learn, options.held, options.model))
    table(rows, hand, model)
    if model:
        print(f"\n{compared(rows, model)}")
    answered, right = sum(row.answered for row in rows), sum(row.right for row in rows)
    met = right >= 0.95 * answered
    if options.json:
        share = right / answered if answered else 0.0
        fields = {"name": "rungs right of answered", "figure": share, "unit": "share", "goal": ">= 0.95", "met": met}
        print(json.dumps([fields]))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
