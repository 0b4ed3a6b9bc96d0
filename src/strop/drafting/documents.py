"""The document of a run over units: what was found, what the data say against it, what nobody checked.

Every sentence here is written by the harness from judged values; no model writes prose into it.
"""

from __future__ import annotations

from collections.abc import Sequence

from strop.drafting.tables import Grid, cell, ordered_table
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Chart,
    Document,
    Figure,
    Heading,
    Paragraph,
    Sentence,
    Standing,
)
from strop.types.count import agreeing, counted
from strop.types.trial import Finding, Severity, Value, Verdict
from strop.types.work import Plan, UnitKey

MOST_LISTED = 200


def document(
    plan: Plan,
    *,
    verdict: Verdict,
    rows: Sequence[UnitKey],
    values: Grid,
    figures: Sequence[Chart],
    sections: Sequence[str],
) -> Document:
    """The ordered sections in their order, then the ones a reader needs to judge the rest."""
    writers = {
        "summary": _summary,
        "findings": _findings,
        "table": _table,
        "method": _method,
        "sources": _sources,
    }
    wanted = list(sections) or ["Summary", "Findings", "Table", "Sources"]
    asked = {name.lower() for name in wanted}
    at = next((index for index, name in enumerate(wanted) if name.lower() == "sources"), len(wanted))
    extra = [name for name in ("Table", "Method") if name.lower() not in asked]
    order = [*wanted[:at], *extra, *wanted[at:]]
    blocks: list[Block] = []
    for name in order:
        blocks.append(Heading(name))
        writer = writers.get(name.lower())
        if writer is None:
            blocks.append(Callout(f"Nothing was written for {name}: it needs a writing model.", tone="warning"))
        else:
            blocks += writer(plan, verdict, rows, values, figures)
    return Document(plan.title, subtitle(plan, rows), tuple(blocks))


def subtitle(plan: Plan, rows: Sequence[UnitKey]) -> str:
    """How much was read, and by how many."""
    readers = plan.spec.readers
    units, fields = counted(len(rows), "unit"), counted(len(plan.spec.table), "field")
    return f"{units}, {fields}, {counted(readers, 'reader')} a unit"


def _summary(
    plan: Plan, verdict: Verdict, rows: Sequence[UnitKey], values: Grid, figures: Sequence[Chart]
) -> list[Block]:
    total = len(verdict.values)
    counts = {standing: len(verdict.standing(standing)) for standing in Standing}
    accepted, unverified, refuted = (
        counts[each] for each in (Standing.ACCEPTED, Standing.UNVERIFIED, Standing.REFUTED)
    )
    silent = [f for f in verdict.findings if f.kind == "recompute" and _standing(f, values) is Standing.REFUTED]
    disagreements = [f for f in verdict.findings if f.kind == "disagreement"]
    sentences = [
        Sentence(
            f"{counted(len(rows), 'unit')} {agreeing(len(rows), 'was', 'were')} read for "
            f"{counted(len(plan.spec.table), 'field')}, {counted(total, 'value')} in all."
        ),
        Sentence(
            f"{counted(accepted, 'value')} {agreeing(accepted, 'was', 'were')} accepted, "
            f"{counts[Standing.CORRECTED]:,} corrected by the gate, "
            f"{unverified:,} {agreeing(unverified, 'is', 'are')} unverified and marked, "
            f"{refuted:,} {agreeing(refuted, 'was', 'were')} refuted and taken out."
        ),
        Sentence(
            f"In {counted(len(disagreements), 'place')} a document and its data disagree; see Findings."
            if disagreements
            else "Where a reading stood, no document disagreed with its data."
        ),
    ]
    if silent:
        sentences.append(
            Sentence(
                f"In {counted(len(silent), 'place')} no sentence of the document says what the data say: "
                "there the two disagree, or nobody could read it. Look at these first."
            )
        )
    blocks: list[Block] = [Paragraph(tuple(sentences))]
    blocks += [Figure(chart, caption=chart.title) for chart in figures[:1]]
    if counts[Standing.UNVERIFIED]:
        blocks.append(
            Callout("Unverified values carry a dagger wherever they stand. Use them only after a look at their source.")
        )
    blocks += [Callout(line, tone="warning") for line in verdict.unchecked]
    return blocks


def _findings(
    plan: Plan, verdict: Verdict, rows: Sequence[UnitKey], values: Grid, figures: Sequence[Chart]
) -> list[Block]:
    blocks: list[Block] = []
    for title, findings in finding_groups(verdict, values):
        blocks.append(Heading(f"{title}: {len(findings)}", level=2))
        if findings:
            blocks.append(Bullets(tuple(finding_line(finding, values) for finding in findings[:MOST_LISTED])))
            if len(findings) > MOST_LISTED:
                blocks.append(Callout(f"{len(findings) - MOST_LISTED} more stand in the claims table."))
        else:
            blocks.append(Paragraph((Sentence("None."),)))
    return blocks + [Figure(chart, caption=chart.title) for chart in figures[1:]]


def finding_groups(verdict: Verdict, values: Grid) -> tuple[tuple[str, list[Finding]], ...]:
    """What the gate found, by what it means to a reader."""
    return (
        ("Where documents and data disagree", [f for f in verdict.findings if f.kind in ("disagreement", "conflict")]),
        (
            "Corrected by the gate",
            [f for f in verdict.findings if f.kind == "recompute" and _standing(f, values) is Standing.CORRECTED],
        ),
        (
            "Taken out: no sentence of the document proves a value",
            [
                f
                for f in verdict.findings
                if f.severity is not Severity.NOTE and _standing(f, values) is Standing.REFUTED
            ],
        ),
        ("Readers disagree", [f for f in verdict.findings if f.kind == "agreement"]),
    )


def _value_of(finding: Finding, values: Grid) -> Value | None:
    row, _, field = finding.locator.rpartition(".")
    return values.get((UnitKey(row), field))


def _standing(finding: Finding, values: Grid) -> Standing | None:
    value = _value_of(finding, values)
    return value.standing if value else None


def finding_line(finding: Finding, values: Grid) -> Sentence:
    """A finding in a sentence, with the value it is about."""
    value = _value_of(finding, values)
    place = finding.locator or finding.artefact
    return Sentence(
        f"{place}: expected {finding.expected}, observed {finding.observed.rstrip('.')}.",
        (cell(value),) if value else (),
    )


def _table(
    plan: Plan, verdict: Verdict, rows: Sequence[UnitKey], values: Grid, figures: Sequence[Chart]
) -> list[Block]:
    return [ordered_table("table", columns=plan.spec.table, rows=rows, values=values)]


def _method(
    plan: Plan, verdict: Verdict, rows: Sequence[UnitKey], values: Grid, figures: Sequence[Chart]
) -> list[Block]:
    worker = plan.binding("worker")
    lines = [
        f"Each unit was read by {plan.spec.readers} agents of different prompts."
        if plan.spec.readers > 1
        else "Each unit was read by one agent.",
        "A reader names the value and the sentence that states it; the quote is taken from the source itself.",
        "A value is accepted when its quote stands in the source and the companion table, if any, gives the same.",
        "Agreement of readers alone never accepts a value.",
        f"Model: {worker.model if worker else 'none'}. Refuting model: {verdict.refuter or 'none'}.",
    ]
    return [Bullets(tuple(Sentence(line) for line in lines))]


def _sources(
    plan: Plan, verdict: Verdict, rows: Sequence[UnitKey], values: Grid, figures: Sequence[Chart]
) -> list[Block]:
    hashes: dict[str, str] = {}
    for value in verdict.values:
        for claim in value.claims:
            hashes.setdefault(claim.source, claim.source_hash)
    return [Bullets(tuple(Sentence(f"{path} (SHA-256 {digest[:16]}…)") for path, digest in sorted(hashes.items())))]
