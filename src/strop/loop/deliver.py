"""Deliver: what the gate left becomes files, read back by an independent reader before they are shown.

Files are written in a staging folder, each held to its contract on the bytes, and become visible
together, each by one rename.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from strop.checking.contracts import contract, same_tables
from strop.checking.faithful import faithful
from strop.checking.opened import open_file
from strop.checking.shown import same_shown
from strop.checking.taken import taken_contract
from strop.drafting.answers import answer_keys
from strop.drafting.charts import charts
from strop.drafting.decks import deck, made_deck
from strop.drafting.derived import with_derived
from strop.drafting.documents import document
from strop.drafting.tables import Grid, claims_table, findings_table, grid, ordered_table
from strop.drafting.taken import taken_table
from strop.drafting.works import (
    answer_of,
    answers_of,
    left_document,
    left_table,
    made_charts,
    made_document,
    made_table,
)
from strop.errors import MissingPart, StropError
from strop.seams import Renderer, Tables
from strop.types.content import Chart, Content, Part
from strop.types.fingerprint import digest_bytes
from strop.types.trial import Deliverable, Delivery, Finding, Run, Severity, Verdict
from strop.types.work import PICTURES, TABLES, Kind, Output, Spec, UnitKey, kind_of

WRITTEN = "every ordered file is written"
"""Rule of a file that no renderer could write."""
CLAIMS = "claims.csv"
"""Beside the ordered files: every value with its standing, source and quote."""
MOST_LEFT = 200
"""Values that a deck without a maker lists."""


def deliver(
    run: Run,
    *,
    verdict: Verdict,
    renderers: Mapping[Kind, Renderer],
    tables: Tables,
    staging: Path,
    to: Path,
    publish: Callable[[Path, Path], None],
) -> Delivery:
    """Write every ordered file from what the gate left.

    `publish(staged, target)` moves one finished file into place, whole or not at all.
    """
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    findings: list[Finding] = []
    written: list[str] = []
    taken, broken = _taken(run.plan.spec, tables)
    findings += broken
    for part in (*taken, *parts(run, verdict=verdict)):
        try:
            path = staging / part.file
            path.parent.mkdir(parents=True, exist_ok=True)
            _renderer(part.file, renderers).render(part, to=path)
            written.append(part.file)
        except StropError as caught:
            findings.append(_unwritten(part.file, str(caught)))
    findings += held_to_contract(run.plan.spec, staging, verdict=verdict, tables=tables)
    files: list[Deliverable] = []
    for name in written:
        body = (staging / name).read_bytes()
        files.append(Deliverable(name, digest_bytes(body), len(body)))
        publish(staging / name, to / name)
    _clear(to, keep={to / name for name in written})
    shutil.rmtree(staging, ignore_errors=True)
    return Delivery(tuple(files), tuple(findings))


def _clear(folder: Path, *, keep: set[Path]) -> None:
    """Take away what an earlier round of the same run delivered and this one does not."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in keep:
            path.unlink()


def _taken(spec: Spec, tables: Tables) -> tuple[list[Part], list[Finding]]:
    """Files whose rows go over from a table, and why one cannot be written."""
    made: list[Part] = []
    findings: list[Finding] = []
    for output in spec.outputs:
        if output.taken:
            try:
                made.append(Part(output.file, (taken_table(output, source=tables(output.taken)),)))
            except StropError as caught:
                findings.append(_unwritten(output.file, str(caught)))
    return made, findings


def held_to_contract(spec: Spec, folder: Path, *, verdict: Verdict, tables: Tables) -> tuple[Finding, ...]:
    """What the bytes under `folder` fall short of, file by file and against each other."""
    findings: list[Finding] = []
    told: list[Output] = []
    keys = answer_keys(spec.outputs)
    for output in spec.outputs:
        if output.taken:
            findings += taken_contract(output, folder / output.file, tables=tables)
            continue
        path = folder if "*" in output.file else folder / output.file
        below = "" if spec.each is not None else f"{keys[output.file]}."
        findings += contract(output, path, empty=_may_be_empty(output, verdict, below))
        if output.kind in TABLES and output.columns and path.is_file():
            told.append(output)
    for first, second in pairwise(told):
        # Rows of planned prose may differ from table to table; only the same heads are the same table.
        if spec.each is not None or first.columns == second.columns:
            findings += same_tables(folder / first.file, folder / second.file, kinds=(first.kind, second.kind))
    if told:
        widest = max(told, key=lambda output: len(output.columns))
        for output in spec.outputs:
            if output.kind in (Kind.PPTX, Kind.DOCX) and (folder / output.file).is_file():
                kinds = (widest.kind, output.kind)
                findings += same_shown(folder / widest.file, folder / output.file, kinds=kinds)
    return tuple(findings)


def inspected(
    spec: Spec,
    folder: Path,
    *,
    parts: Sequence[Part],
    verdict: Verdict,
    tables: Tables,
    redraw: Callable[[Part], bytes] | None = None,
) -> tuple[Finding, ...]:
    """What the bytes under `folder` fall short of, and where they say something else than the judged values.

    `parts` is what the values say now. `redraw` draws a picture again, to be compared byte for byte; left
    out where the picture was drawn a moment ago.
    """
    findings = list(held_to_contract(spec, folder, verdict=verdict, tables=tables))
    broken = {finding.artefact for finding in findings if finding.locator == "file"}
    for part in parts:
        path = folder / part.file
        opened = open_file(path, kind=kind_of(part.file))
        if isinstance(opened, str):
            findings += [_unwritten(part.file, opened)] if part.file not in broken else []
        elif kind_of(part.file) in PICTURES and redraw is not None:
            if redraw(part) != path.read_bytes():
                findings.append(_not_drawn(part.file))
        else:
            findings += faithful(part, opened)
    return tuple(findings)


def _not_drawn(file: str) -> Finding:
    rule = f"{file} says what the gate left"
    return Finding("unfaithful", file, "picture", "the judged values", "something else drawn", rule, Severity.FATAL)


def _may_be_empty(output: Output, verdict: Verdict, below: str) -> tuple[tuple[int, str], ...]:
    """Cells (row from 1, column) whose value the gate took out; rows that lost everything are not there.

    `below` begins the keys of the file's own rows.
    """
    names = {column.name for column in output.columns}
    own = [value for value in verdict.values if value.field in names and value.row.startswith(below)]
    kept: dict[UnitKey, bool] = {}
    for value in own:
        kept[value.row] = kept.get(value.row, False) or value.value is not None
    numbers = {row: number for number, row in enumerate((row for row, left in kept.items() if left), 1)}
    return tuple((numbers[value.row], value.field) for value in own if value.value is None and value.row in numbers)


def parts(run: Run, *, verdict: Verdict) -> tuple[Part, ...]:
    """What each file says: the ordered ones, then the claims behind them."""
    values = grid(verdict.values)
    if run.plan.spec.each is not None:
        made = _parts_of_reading(run, verdict, values)
    else:
        made = _parts_of_makers(run, verdict, values)
    return (*made, Part(CLAIMS, (claims_table(verdict.values),)))


def _parts_of_reading(run: Run, verdict: Verdict, values: Grid) -> list[Part]:
    spec = run.plan.spec
    rows = tuple(dict.fromkeys(unit.key for task in run.plan.tasks for unit in task.units))
    pictured = [output for output in spec.made if output.kind in PICTURES]
    wanted = max((output.count.least or 1 if output.count else 1 for output in pictured), default=3)
    figures = charts(
        columns=spec.table, rows=rows, values=with_derived(values, wanted=spec.table, rows=rows), count=wanted
    )
    made: list[Part] = []
    for output in spec.made:
        match output.kind:
            case Kind.PNG | Kind.SVG:
                made += _pictures(output, figures)
            case Kind.PDF | Kind.DOCX | Kind.MARKDOWN | Kind.HTML:
                content = document(
                    run.plan, verdict=verdict, rows=rows, values=values, figures=figures, sections=output.sections
                )
                made.append(Part(output.file, (content,)))
            case Kind.PPTX:
                shown = deck(run.plan, verdict=verdict, rows=rows, values=values, figures=figures, output=output)
                made.append(Part(output.file, (shown,)))
            case _:
                made.append(Part(output.file, _tables(output, rows, values, verdict, figures)))
    return made


def _tables(
    output: Output, rows: Sequence[UnitKey], values: Grid, verdict: Verdict, figures: Sequence[Chart]
) -> tuple[Content, ...]:
    name = Path(output.file).stem
    table = ordered_table(name, columns=output.columns, rows=rows, values=values, wanted=output.totals)
    if output.kind is not Kind.XLSX:
        return (table,)
    return (table, findings_table(verdict.findings), *figures)


def _parts_of_makers(run: Run, verdict: Verdict, values: Grid) -> list[Part]:
    answers = answers_of(run)
    keys = answer_keys(run.plan.spec.outputs)
    made: list[Part] = []
    for output in run.plan.spec.made:
        result, key = answers.get(output.file), keys[output.file]
        if result is None:
            made += _left(output, run, verdict, values)
            continue
        answer = answer_of(result, key)
        match output.kind:
            case Kind.PNG | Kind.SVG:
                made += _pictures(output, made_charts(output, key=key, answer=answer, values=values))
            case Kind.PPTX:
                shown = made_deck(output, key=key, title=run.plan.title, answer=answer, values=values, verdict=verdict)
                made.append(Part(output.file, (shown,)))
            case _ if output.columns:
                made.append(Part(output.file, (made_table(output, key=key, answer=answer, values=values),)))
            case _:
                content = made_document(
                    output, key=key, title=run.plan.title, answer=answer, values=values, verdict=verdict
                )
                made.append(Part(output.file, (content,)))
    return made


def _left(output: Output, run: Run, verdict: Verdict, values: Grid) -> list[Part]:
    """A file whose maker did not land, from what the others found; a picture needs its maker."""
    makers = {task.id for task in run.plan.tasks if output.file in task.makes}
    failures = {result.task: result.failure for result in run.results}
    why = next((failures[name] for name in makers if failures.get(name)), "") or run.stopped or "it was not started"
    tops = {task.id for task in run.plan.tasks if not task.makes}
    found = [value for value in verdict.values if value.row.partition(".")[0] in tops]
    match output.kind:
        case Kind.PNG | Kind.SVG:
            return []
        case _ if output.columns:
            return [Part(output.file, (left_table(output, found=found, values=values),))]
        case _:
            said = f"Nobody wrote {output.file}: {why}."
            if output.kind is Kind.PPTX and len(found) > MOST_LEFT:
                said += f" The first {MOST_LEFT} of {len(found)} values found are here; all stand in {CLAIMS}."
                found = found[:MOST_LEFT]
            return [Part(output.file, (left_document(title=run.plan.title, found=found, why=said),))]


def _pictures(output: Output, figures: Sequence[Chart]) -> list[Part]:
    if "*" not in output.file:
        return [Part(output.file, (figures[0],))] if figures else []
    return [Part(output.file.replace("*", figure.name), (figure,)) for figure in figures]


def _renderer(file: str, renderers: Mapping[Kind, Renderer]) -> Renderer:
    kind = kind_of(file)
    if kind not in renderers:
        raise MissingPart(f"{file}: no renderer writes {kind.value} files here; ask for {', '.join(sorted(renderers))}")
    return renderers[kind]


def _unwritten(file: str, why: str) -> Finding:
    return Finding("contract", file, "", "a file", why, WRITTEN, Severity.FATAL)
