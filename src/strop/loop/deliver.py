"""Deliver: what the gate left becomes files, read back by an independent reader before they are shown.

Files are written in a staging folder, each held to its contract on the bytes, and become visible
together, each by one rename.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from strop.checking.contracts import contract, same_tables
from strop.checking.entries import fits
from strop.checking.faithful import faithful
from strop.checking.names import clashes, name_flaw
from strop.checking.opened import open_file
from strop.checking.ordered import held_to_checks
from strop.checking.shown import same_shown
from strop.checking.taken import taken_contract
from strop.checking.told import told_tables
from strop.drafting.answers import answer_keys
from strop.drafting.charts import charts
from strop.drafting.decks import deck, made_deck
from strop.drafting.derived import with_derived
from strop.drafting.documents import document
from strop.drafting.sites import site
from strop.drafting.tables import Grid, claims_table, findings_table, grid, ordered_table
from strop.drafting.taken import taken_table
from strop.drafting.works import (
    answer_of,
    answers_of,
    left_document,
    left_table,
    made_charts,
    made_code,
    made_document,
    made_table,
)
from strop.errors import BadInput, MissingPart, StropError
from strop.seams import Renderer, Tables
from strop.types.content import Chart, Content, Document, Part
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
    spec = run.plan.spec
    taken, findings = _taken(spec, tables)
    said = _distinct(spec, parts(run, verdict=verdict), findings)
    written = _written((*taken, *said), renderers, staging, findings)
    fallen = inspected(spec, staging, parts=said, verdict=verdict, tables=tables)
    carried = {part.file for part in taken}
    spoiled = {finding.artefact: finding for finding in reversed(fallen) if _of_bytes(finding, carried)}
    again = [part for part in (*taken, *said) if part.file in spoiled and part.file in written]
    if again:
        _written(again, renderers, staging, findings)
        fallen = inspected(spec, staging, parts=said, verdict=verdict, tables=tables)
        still = {finding.artefact for finding in fallen if _of_bytes(finding, carried)}
        fallen = (*fallen, *(_rewritten(spoiled[part.file]) for part in again if part.file not in still))
    findings += fallen
    files: list[Deliverable] = []
    for name in written:
        body = (staging / name).read_bytes()
        files.append(Deliverable(name, digest_bytes(body), len(body)))
        publish(staging / name, to / name)
    _clear(to, keep={to / name for name in written})
    shutil.rmtree(staging, ignore_errors=True)
    return Delivery(tuple(files), tuple(findings))


def _distinct(spec: Spec, made: Sequence[Part], findings: list[Finding]) -> list[Part]:
    """The parts that have a name of their own; adds to `findings` why another cannot be written."""
    same = clashes(part.file for part in made)
    kept: list[Part] = []
    for part in made:
        try:
            _named(part.file, same, spec)
            kept.append(part)
        except StropError as caught:
            findings.append(_unwritten(part.file, str(caught)))
    return kept


def _written(
    parts: Sequence[Part], renderers: Mapping[Kind, Renderer], staging: Path, findings: list[Finding]
) -> list[str]:
    """Write each part; returns the files that are there, and adds to `findings` why another is not."""
    written: list[str] = []
    for part in parts:
        try:
            path = staging / part.file
            path.parent.mkdir(parents=True, exist_ok=True)
            _renderer(part.file, renderers).render(part, to=path)
            written.append(part.file)
        except StropError as caught:
            findings.append(_unwritten(part.file, str(caught)))
    return written


def _of_bytes(finding: Finding, carried: Collection[str]) -> bool:
    """Whether the file itself is spoiled, and writing it again may mend it: what it was to say is no matter.

    Of `carried` files, whose rows a tool took over, any difference from the source is of that kind.
    """
    if finding.artefact in carried and finding.severity is Severity.FATAL:
        return True
    return finding.kind == "unfaithful" or (finding.kind == "contract" and finding.locator == "file")


def _rewritten(finding: Finding) -> Finding:
    observed = f"{finding.locator}: {finding.observed}; written again, and whole now"
    return replace(finding, kind="rewritten", observed=observed, severity=Severity.NOTE)


def _named(file: str, same: Mapping[str, str], spec: Spec) -> None:
    """A name that an agent gave keeps the rules of names, too, and two files are two.

    Raises:
        BadInput: which rule it breaks.
    """
    if flaw := name_flaw(file):
        raise BadInput(f"{file!r} {flaw}")
    if file != CLAIMS and not any(fits(file.lower(), output.file.lower()) for output in spec.outputs):
        raise BadInput(f"{file} is none of the files that were ordered")
    if file in same:
        raise BadInput(f"{file} and {same[file]} are one name on some systems")


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
    if spec.each is not None and told:
        findings += _told_in_pages(spec, folder, told[0])
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
    findings += held_to_checks(spec, folder)
    for part in parts:
        if flaw := name_flaw(part.file):
            findings.append(_unwritten(part.file, flaw))
            continue
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


def _told_in_pages(spec: Spec, folder: Path, table: Output) -> Iterator[Finding]:
    """Where a document tells the ordered table otherwise than its file of data."""
    for output in spec.outputs:
        if output.kind in (Kind.PDF, Kind.HTML):
            files = sorted(folder.glob(output.file)) if "*" in output.file else [folder / output.file]
            for file in files:
                yield from told_tables(folder / table.file, file, kinds=(table.kind, output.kind))


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
    drawn = [output.charts.least or 0 for output in spec.made if output.charts]
    wanted = max(*drawn, *(output.count.least or 1 if output.count else 1 for output in pictured), 0, 0) or 3
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
                made += _pages(output, content)
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
            case Kind.CODE:
                made += [Part(file, (source,)) for file, source in made_code(output, answer=answer)]
            case _:
                content = made_document(
                    output, key=key, title=run.plan.title, answer=answer, values=values, verdict=verdict
                )
                made += _pages(output, content)
    return made


def _left(output: Output, run: Run, verdict: Verdict, values: Grid) -> list[Part]:
    """A file whose maker did not land, from what the others found; pictures and code need their maker."""
    makers = {task.id for task in run.plan.tasks if output.file in task.makes}
    failures = {result.task: result.failure for result in run.results}
    why = next((failures[name] for name in makers if failures.get(name)), "") or run.stopped or "it was not started"
    tops = {task.id for task in run.plan.tasks if not task.makes}
    found = [value for value in verdict.values if value.row.partition(".")[0] in tops]
    match output.kind:
        case Kind.PNG | Kind.SVG | Kind.CODE:
            return []
        case _ if output.columns:
            return [Part(output.file, (left_table(output, found=found, values=values),))]
        case _:
            said = f"Nobody wrote {output.file}: {why}."
            if output.kind is Kind.PPTX and len(found) > MOST_LEFT:
                said += f" The first {MOST_LEFT} of {len(found)} values found are here; all stand in {CLAIMS}."
                found = found[:MOST_LEFT]
            return _pages(output, left_document(title=run.plan.title, found=found, why=said))


def _pages(output: Output, content: Document) -> list[Part]:
    """A document as one file, or as the pages of a site."""
    many = output.kind is Kind.HTML and "*" in output.file
    return list(site(output.file, content)) if many else [Part(output.file, (content,))]


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
