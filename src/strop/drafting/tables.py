"""Tables from judged values: one row a unit, the columns that were ordered, and what is unverified."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from strop.drafting.derived import HARNESS, Grid, totals, with_derived
from strop.types.content import Cell, Head, Scalar, Standing, Table
from strop.types.trial import Claim, Finding, Value
from strop.types.work import Column, ColumnType, UnitKey

UNVERIFIED = "unverified"
"""Last column of a delivered table: names the fields of the row that nothing proved."""


def grid(values: Iterable[Value]) -> Grid:
    """Values by row and field."""
    return {(value.row, value.field): value for value in values}


def cell(value: Value | None) -> Cell:
    """What is shown of a value: nothing where it was refuted, its claim and quote where it stands."""
    if value is None:
        return Cell(None, Standing.REFUTED)
    claim = value.claims[0] if value.claims else None
    shown = None if value.standing is Standing.REFUTED else value.value
    ours = claim is not None and claim.formula and claim.task == HARNESS
    return Cell(
        value=shown,
        standing=value.standing,
        claims=claim.rests if claim and ours else tuple(each.id for each in value.claims),
        source=_place(claim) if claim else "",
        quote=claim.quote if claim and not claim.formula else "",
        formula=claim.formula if claim else "",
    )


def _place(claim: Claim) -> str:
    """Where a claim stands, in one line; of one that rests on several, the first place and how many more."""
    if claim.locator:
        return claim.locator
    place = f"{claim.source}:{claim.span[0]}-{claim.span[1]}" if claim.span else claim.source
    more = len(claim.rests) - 1
    return f"{place} and {more} more" if more > 0 else place


def ordered_table(
    name: str,
    *,
    columns: Sequence[Column],
    rows: Sequence[UnitKey],
    values: Grid,
    wanted: Sequence[tuple[str, str]] = (),
    caption: str = "",
) -> Table:
    """The table a spec ordered, formulas and `wanted` totals computed. A row without a single value is taken out."""
    heads = tuple(Head(column.name, column.type, column.formula or "") for column in columns)
    values = with_derived(values, wanted=columns, rows=rows)
    body: list[tuple[Cell, ...]] = []
    for row in rows:
        cells = tuple(cell(values.get((row, column.name))) for column in columns)
        if all(each.value is None for each in cells):
            continue
        open_fields = [
            column.name for column, each in zip(columns, cells, strict=True) if each.standing is Standing.UNVERIFIED
        ]
        body.append((*cells, Cell("; ".join(open_fields))))
    heads = (*heads, Head(UNVERIFIED))
    return Table(name, heads, tuple(body), caption=caption, totals=totals(heads, tuple(body), wanted))


def findings_table(findings: Sequence[Finding]) -> Table:
    """What the gate found, one line each."""
    heads = tuple(Head(name) for name in ("kind", "severity", "where", "expected", "observed", "rule"))
    body = tuple(
        tuple(
            Cell(text)
            for text in (f.kind, str(f.severity), f"{f.artefact} {f.locator}".strip(), f.expected, f.observed, f.rule)
        )
        for f in findings
    )
    return Table("findings", heads, body)


def claims_table(values: Sequence[Value]) -> Table:
    """Every value with its standing, its source and the words it rests on."""
    names = ("row", "field", "value", "standing", "said", "source", "quote", "reasons", "claim")
    body: list[tuple[Cell, ...]] = []
    for value in values:
        shown = cell(value)
        texts: tuple[Scalar, ...] = (
            value.row,
            value.field,
            _text(value.value),
            str(value.standing),
            _text(value.said),
            shown.source,
            shown.quote,
            "; ".join(value.reasons),
            shown.claims[0] if shown.claims else "",
        )
        body.append(tuple(Cell(text) for text in texts))
    return Table("claims", tuple(Head(name, ColumnType.TEXT) for name in names), tuple(body))


def _text(value: Scalar) -> str:
    return "" if value is None else str(value)
