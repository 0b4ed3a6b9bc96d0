"""Which worked examples teach more: the shortest, or those that cover most. The embedded model reads held pages.

    python benchmarks/exemplars.py [--items 30] [--minutes 20] [--out FOLDER] [--json]

Exemplars come from proved pages of the demo's first part, the pages read from its second. Without the embedded
model's weights it says so and ends with 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

import catalogue_pages as pages
from strop.app.parts import weights_of
from strop.app.project import open_project
from strop.checking.sentences import numbered, sentences
from strop.drafting.answers import reading_schema
from strop.errors import MissingPart, StropError
from strop.learning.exemplars import covering, shortest
from strop.loop.distill import candidates
from strop.models.embedded import EmbeddedModel
from strop.seams import Assignment, Message, Model, Request
from strop.swarm.prompting import narrowed, reading_head
from strop.types.schema import Json, object_of
from strop.types.work import Exemplar, Guidance, Task, TaskId, TaskKind, UnitKey

SHOWN = 4
TOKENS = 900
"""What four exemplars of the shortest choice take, rounded up: coverage gets no more room."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A model with what all its pages share."""

    model: Model
    head: tuple[Message, ...]

    async def right(self, batch: pages.Batch, key: UnitKey) -> list[bool]:
        """By field, whether it says what the page documents."""
        text = batch.texts[key]
        schema = narrowed(reading_schema(pages.spec().table), sentences=len(sentences(text)))
        asked = (*self.head, Message("user", numbered(text)))
        try:
            answer = await self.model.answer(Request(asked, head=len(self.head), schema=schema, max_output=608))
            said = object_of(orjson.loads(answer.text))
        except (StropError, orjson.JSONDecodeError):
            said = dict[str, Json]()
        gold = batch.gold[key]
        return [str(said.get(field)).strip().lower() == str(gold[field]).strip().lower() for field in pages.FIELDS]


def reader(model: Model, shown: Sequence[Exemplar], prompts: Mapping[str, str]) -> Reader:
    """The first reader of the demo's spec, shown these examples."""
    columns = tuple(column for column in pages.spec().table if column.read)
    schema = reading_schema(columns)
    task = Task(TaskId("read-1"), TaskKind.READ, "reader 1", pages.spec().prose, schema, "reader-1", reader=1)
    assignment = Assignment(task, 1, guidance=Guidance(exemplars=(tuple(shown),)))
    return Reader(model, reading_head(prompts, task=task, columns=columns, assignment=assignment))


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % normal interval over pages."""
    mean = sum(differences) / len(differences)
    spread = math.sqrt(sum((each - mean) ** 2 for each in differences) / max(len(differences) - 1, 1))
    half = 1.96 * spread / math.sqrt(len(differences))
    return mean, mean - half, mean + half


async def measured(out: Path, items: int, minutes: float) -> list[tuple[str, list[list[bool]], int]]:
    """(choice, marks by page and field, tokens of its exemplars); page by page in both arms, until time is up."""
    learned, held = pages.batches(out, first=40, second=items)
    project = open_project(out / "project")
    found = candidates(pages.spec().table, learned.verdict, learned.sources)
    model = EmbeddedModel(weights_of(project, "embedded"), name="embedded")
    arms = {"shortest": shortest(found, most=SHOWN), "coverage": covering(found, most=SHOWN, tokens=TOKENS)}
    readers = {name: reader(model, shown, project.prompts()) for name, shown in arms.items()}
    marks: dict[str, list[list[bool]]] = {name: [] for name in arms}
    print(f"{len(found)} proved pages to choose from", file=sys.stderr)
    end = time.monotonic() + 60 * minutes
    try:
        for key in held.keys:
            if time.monotonic() > end:
                break
            for name, each in readers.items():
                marks[name].append(await each.right(held, key))
            print(key, *(sum(sum(page) for page in marks[name]) for name in arms), file=sys.stderr, flush=True)
    finally:
        await model.close()
    return [(name, marks[name], sum(len(e.source + e.answer) for e in arms[name]) // 4) for name in arms]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--items", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=20.0, help="when to stop with the pages read so far")
    parser.add_argument("--out", type=Path, default=pages.ROOT / "examples" / "catalogue" / "out" / "bench")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        arms = asyncio.run(measured(options.out, options.items, options.minutes))
    except MissingPart as missing:
        print(f"not measured: {missing}")
        return 0
    for name, marks, tokens in arms:
        by_field = {f: sum(m[i] for m in marks) for i, f in enumerate(pages.FIELDS)}
        total = sum(by_field.values())
        print(f"{name:10} {total}/{len(marks) * 5}  {by_field}  ({tokens} tokens shown)")
    (_, one, _), (_, other, _) = arms
    mean, low, high = interval([(sum(b) - sum(a)) / 5 for a, b in zip(one, other, strict=True)])
    print(
        f"coverage against shortest, page by page: {mean:+.3f} (95 % {low:+.3f} to {high:+.3f}), n = {len(one)} pages"
    )
    if options.json:
        print(
            json.dumps(
                [{"name": "coverage minus shortest", "figure": mean, "unit": "share right", "goal": "", "met": None}]
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
