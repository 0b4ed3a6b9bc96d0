"""Content from what makers answered (planned prose): rows, documents and charts whose leaves are judged values.

A maker's answer is JSON that fits its task's schema (`answers.making_schema`); values are looked up in
the verdict by their path, so what the gate took out is not in any file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import orjson

from strop.drafting.answers import is_ours
from strop.drafting.tables import Grid, cell, ordered_table
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Chart,
    ChartKind,
    Code,
    Document,
    Figure,
    Heading,
    Paragraph,
    Point,
    Sentence,
    Standing,
    Table,
)
from strop.types.count import agreeing, counted
from strop.types.schema import Json, object_of
from strop.types.trial import Claim, Result, Run, Value, Verdict
from strop.types.work import Output, Task, TaskId, UnitKey

MOST_LISTED = 50
"""Contradictions that a document tells."""

ROUNDS = 2
"""Most rounds of repair."""


def repair_of(task: Task, *, round: int = 1) -> TaskId:
    """The task that does a maker's work again in this round of repair."""
    return TaskId(f"repair/{task.id}" if round == 1 else f"repair-{round}/{task.id}")


def tries(task: Task) -> list[TaskId]:
    """A maker's task and its repairs, the last first."""
    return [*(repair_of(task, round=number) for number in range(ROUNDS, 0, -1)), task.id]


def answers_of(run: Run) -> dict[str, Result]:
    """The last result that landed, by file: a repair goes before the first try, whole."""
    landed = {result.task: result for result in run.results if result.landed and result.output}
    found: dict[str, Result] = {}
    for task in run.plan.tasks:
        result = next((landed[name] for name in tries(task) if name in landed), None)
        if result is not None:
            found.update(dict.fromkeys(task.makes, result))
    return found


def left_over(run: Run) -> tuple[Claim, ...]:
    """What tasks found that make no file, where a file has no maker's answer; else nothing."""
    if all(output.file in answers_of(run) for output in run.plan.spec.made):
        return ()
    makers = {name for task in run.plan.tasks if task.makes for name in tries(task)}
    return tuple(dict.fromkeys(claim for result in run.results if result.task not in makers for claim in result.claims))


def answer_of(result: Result, key: str) -> Json:
    """The part of a maker's answer that is one file's."""
    return object_of(cast("Json", orjson.loads(result.output))).get(key)


# ---------------------------------------------------------------- what a maker wrote


def made_table(output: Output, *, key: str, answer: Json, values: Grid) -> Table:
    """A maker's rows under the ordered columns."""
    rows = [UnitKey(f"{key}.rows[{index}]") for index, _ in enumerate(listed(object_of(answer).get("rows")))]
    return _table(output, rows, values)


def _table(output: Output, rows: Sequence[UnitKey], values: Grid) -> Table:
    return ordered_table(_stem(output.file), columns=output.columns, rows=rows, values=values, wanted=output.totals)


def made_document(output: Output, *, key: str, title: str, answer: Json, values: Grid, verdict: Verdict) -> Document:
    """A maker's sections; a sentence that was refuted is not in it, one that was not checked is marked.

    The harness adds how its values stand and what no one checked to the summary (else to the end), and
    the sources, from the judged values and never from the maker's memory.
    """
    standing = standing_blocks(verdict, key)
    drawn = made_charts(output, key=key, answer=answer, values=values) if output.charts else ()
    blocks: list[Block] = []
    for number, section in enumerate(objects(object_of(answer).get("sections"))):
        heading = str(section["heading"])
        if is_ours(heading):
            continue
        blocks.append(Heading(heading))
        blocks += _written(section, f"{key}.sections[{number}]", values)
        blocks += _shown(section, drawn)
        if heading.strip().lower() == "summary":
            blocks += standing
            standing = []
    named = {block.chart.name for block in blocks if isinstance(block, Figure)}
    if left := [Figure(chart, chart.title) for chart in drawn if chart.name not in named]:
        blocks += [Heading("Figures"), *left]
    if standing:
        blocks += [Heading("What was checked"), *standing]
    return Document(title, "", (*blocks, Heading("Sources"), _sources(verdict, key)))


def _written(section: Mapping[str, Json], at: str, values: Grid) -> list[Block]:
    blocks: list[Block] = []
    paragraphs, bullets = listed(section.get("paragraphs")), listed(section.get("bullets"))
    for index, paragraph in enumerate(paragraphs):
        written = sentences(listed(paragraph), at, f"paragraphs[{index}]", values)
        blocks += [Paragraph(written)] if written else []
    items = sentences(bullets, at, "bullets", values)
    blocks += [Bullets(items)] if items else []
    if not blocks and (paragraphs or bullets):
        blocks.append(Callout("All that stood here was taken out by the gate.", tone="warning"))
    return blocks


def _shown(section: Mapping[str, Json], drawn: Sequence[Chart]) -> list[Block]:
    """The charts that a section names; one that nobody wrote is said to be missing."""
    by_name = {chart.name: chart for chart in drawn}
    blocks: list[Block] = []
    for name in dict.fromkeys(map(str, listed(section.get("charts")))):
        chart = by_name.get(name)
        missing = Callout(f"The chart {name} was named here and not written.", tone="warning")
        blocks.append(Figure(chart, chart.title) if chart else missing)
    return blocks


def made_code(output: Output, *, answer: Json) -> tuple[tuple[str, Code], ...]:
    """(file, source) of each program a maker wrote; the names are as said, and yet to be judged."""
    made: list[tuple[str, Code]] = []
    for source in objects(object_of(answer).get("files")):
        name = named_by(output.file, str(source["name"]))
        made.append((name, Code(str(source["text"]))))
    return tuple(made)


def named_by(pattern: str, name: str) -> str:
    """The file that an agent's name means under an entry: the entry itself, or the name in the pattern's folder.

    The pattern's folder and ending may be said or left out.
    """
    if "*" not in pattern:
        return pattern
    folder, _, last = pattern.rpartition("/")
    before, _, after = last.partition("*")
    name = name.removeprefix(folder + "/") if folder else name
    name = name if name.startswith(before) else before + name
    name = name if name.endswith(after) else name + after
    return f"{folder}/{name}" if folder else name


def standing_blocks(verdict: Verdict, key: str) -> list[Block]:
    """How the values of a made file stand, and what no one checked."""
    held = _of(verdict, key)
    counts = {standing: sum(value.standing is standing for value in held) for standing in Standing}
    accepted, unverified, refuted = (
        counts[each] for each in (Standing.ACCEPTED, Standing.UNVERIFIED, Standing.REFUTED)
    )
    sentence = Sentence(
        f"Of {counted(len(held), 'statement')} in this document {accepted:,} {agreeing(accepted, 'was', 'were')} "
        f"accepted, {unverified:,} {agreeing(unverified, 'is', 'are')} unverified and marked, "
        f"{refuted:,} {agreeing(refuted, 'was', 'were')} taken out."
    )
    return [
        Paragraph((sentence,)),
        *contradictions(verdict),
        *(Callout(line, tone="warning") for line in verdict.unchecked),
    ]


def contradictions(verdict: Verdict) -> list[Block]:
    """What sources or agents contradict each other in, both sides with their claims, and what was made of it."""
    found = [finding for finding in verdict.findings if finding.kind == "conflict" and finding.artefact == "sources"]
    if not found:
        return []
    items = tuple(Sentence(f"{one.locator}: {one.observed}; {one.expected}.") for one in found[:MOST_LISTED])
    more = f"{len(found) - MOST_LISTED} more stand in the report of the run."
    rest: list[Block] = [Callout(more)] if len(found) > MOST_LISTED else []
    return [Heading(f"Where sources contradict each other: {len(found)}", level=2), Bullets(items), *rest]


def _sources(verdict: Verdict, key: str) -> Block:
    """Every file that a value in the document rests on."""
    hashes = {
        claim.source: claim.source_hash
        for value in _of(verdict, key)
        for claim in value.claims
        if value.value is not None and claim.source
    }
    if not hashes:
        return Callout("No statement in this document rests on a file.", tone="warning")
    return Bullets(tuple(Sentence(f"{path} (SHA-256 {digest[:16]}…)") for path, digest in sorted(hashes.items())))


def _of(verdict: Verdict, key: str) -> tuple[Value, ...]:
    return tuple(value for value in verdict.values if value.row.startswith(f"{key}."))


def made_charts(output: Output, *, key: str, answer: Json, values: Grid) -> tuple[Chart, ...]:
    """A maker's charts; a point whose value was refuted is left out."""
    made: list[Chart] = []
    for number, chart in enumerate(objects(object_of(answer).get("charts"))):
        points: list[Point] = []
        for index, point in enumerate(objects(chart.get("points"))):
            held = cell(values.get((UnitKey(f"{key}.charts[{number}].points[{index}]"), "y")))
            if held.value is not None:
                points.append(Point(_place(str(point["x"]), str(chart["kind"])), held))
        made.append(
            Chart(
                name=str(chart["name"]),
                kind=ChartKind(str(chart["kind"])),
                title=str(chart["title"]),
                x_title=str(chart["x_title"]),
                y_title=str(chart["y_title"]),
                points=tuple(points),
            )
        )
    return tuple(made)


def _place(x: str, kind: str) -> str | float:
    """Bars stand over categories; lines and points over numbers, where they are some."""
    try:
        number = float(x)
    except ValueError:
        return x
    return number if kind != ChartKind.BAR and math.isfinite(number) else x


# ---------------------------------------------------------------- where no maker wrote


def left_table(output: Output, *, found: Sequence[Value], values: Grid) -> Table:
    """Rows of what was found so far, as far as its fields bear the names of the ordered columns."""
    names = {column.name for column in output.columns}
    return _table(output, list(dict.fromkeys(value.row for value in found if value.field in names)), values)


def left_document(*, title: str, found: Sequence[Value], why: str) -> Document:
    """What is missing, and what was found so far."""
    kept = [value for value in found if value.value is not None]
    items = tuple(Sentence(f"{value.row}, {value.field}: {value.value}", (cell(value),)) for value in kept)
    body: Block = Bullets(items) if items else Callout("Nothing was found before the run ended.")
    return Document(
        title,
        "incomplete",
        (Heading("What is missing"), Callout(why, tone="warning"), Heading("Found so far"), body),
    )


# ---------------------------------------------------------------- leaves


def sentences(leaves: Sequence[Json], row: str, name: str, values: Grid) -> tuple[Sentence, ...]:
    """Leaves as they were judged; what was refuted is not among them."""
    made: list[Sentence] = []
    for index in range(len(leaves)):
        held = cell(values.get((UnitKey(row), f"{name}[{index}]")))
        if held.value is not None:
            made.append(Sentence(str(held.value), (held,)))
    return tuple(made)


def objects(value: Json) -> Iterator[Mapping[str, Json]]:
    """The objects of a list in an answer."""
    return (object_of(item) for item in listed(value))


def listed(value: Json) -> list[Json]:
    """A list in an answer; anything else is an empty one."""
    return cast("list[Json]", value) if isinstance(value, list) else []


def _stem(file: str) -> str:
    return file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
