"""Content from judged values: what was refuted is nowhere, what is unverified is marked, corrections are told."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.drafting.charts import charts
from strop.drafting.documents import document
from strop.drafting.tables import UNVERIFIED, claims_table, findings_table, grid, ordered_table
from strop.testing.world import random_plan
from strop.types.content import Bullets, Callout, Chart, Document, Figure, Heading, Paragraph, Standing, Table
from strop.types.fingerprint import canonical
from strop.types.trial import Claim, Finding, Severity, Value, Verdict
from strop.types.work import Column, ColumnType, Kind, Output, Plan, Spec, TaskId, UnitKey

COLUMNS = (
    Column("name", ColumnType.TEXT, quote=True),
    Column("bells", ColumnType.INTEGER, recompute="rows"),
    Column("weight", ColumnType.DECIMAL, compute="sum:weight"),
)
ROWS = tuple(UnitKey(key) for key in ("alder", "birch", "cedar"))
CELLS = [(row, column) for row in ROWS for column in COLUMNS]
SAID = {
    (row, column.name): f"secret-{row}" if column.type is ColumnType.TEXT else 77_000 + 10 * at + len(column.name)
    for at, row in enumerate(ROWS)
    for column in COLUMNS
}
"""What was claimed; every value occurs once, so that it can be looked for."""
JUDGED = (Standing.ACCEPTED, Standing.CORRECTED, Standing.UNVERIFIED, Standing.REFUTED)
standings = st.fixed_dictionaries({(row, column.name): st.sampled_from(JUDGED) for row, column in CELLS})


def judged(cells: dict[tuple[UnitKey, str], Standing]) -> tuple[Value, ...]:
    """Values of these standings. What is refuted keeps what was said, and is delivered as nothing."""
    made: list[Value] = []
    for (row, name), standing in cells.items():
        said = SAID[row, name]
        claim = Claim(TaskId("t"), row, name, said, f"inputs/{row}.txt", "00" * 32, "its words", (0, 9), reader=1)
        held = None if standing is Standing.REFUTED else said
        made.append(Value(row, name, held, standing, (claim,), said=said if held is None else None))
    return tuple(made)


def plan() -> Plan:
    """A plan over the columns."""
    spec = Spec("Bells", (Output("bells.csv", Kind.CSV, COLUMNS),), each="inputs/*.txt", readers=2)
    made = random_plan(0)
    return Plan(spec.title, spec, "", (), (), (), made.quote)


def written(verdict: Verdict, *sections: str) -> Document:
    """The document of a verdict."""
    values = grid(verdict.values)
    figures = charts(columns=COLUMNS, rows=ROWS, values=values, count=3)
    return document(plan(), verdict=verdict, rows=ROWS, values=values, figures=figures, sections=sections)


def section(found: Document, title: str) -> Iterator[object]:
    """The blocks under a heading that begins with these words, up to the next heading."""
    inside = False
    for block in found.blocks:
        if isinstance(block, Heading):
            inside = block.text.startswith(title)
        elif inside:
            yield block


def lines(found: Document, title: str) -> list[str]:
    """The bullets of a section."""
    return [item.text for block in section(found, title) if isinstance(block, Bullets) for item in block.items]


@given(standings)
def test_what_was_refuted_is_in_no_table_chart_or_document(cells: dict[tuple[UnitKey, str], Standing]) -> None:
    """Over any verdict: a value that was taken out is nowhere but in the list of claims; all others are there."""
    values = judged(cells)
    held = grid(values)
    table = ordered_table("bells", columns=COLUMNS, rows=ROWS, values=held)
    pictures = charts(columns=COLUMNS, rows=ROWS, values=held, count=3)
    text = written(Verdict(True, values, (), ()), "Summary", "Findings", "Table", "Sources")
    for place, standing in cells.items():
        said = str(SAID[place])
        shown = [said in str(orjson.loads(canonical(content))) for content in (table, text)]
        assert shown == [standing is not Standing.REFUTED] * 2
        if place[1] != "name":
            assert (said in canonical(pictures).decode()) is (standing is not Standing.REFUTED)
    listed = canonical(claims_table(values)).decode()
    assert all(str(said) in listed for said in SAID.values())


@given(standings)
def test_what_is_unverified_is_named_in_its_row(cells: dict[tuple[UnitKey, str], Standing]) -> None:
    """The last column names the row's unproved fields; a row without any value left is not there."""
    table = ordered_table("bells", columns=COLUMNS, rows=ROWS, values=grid(judged(cells)))

    assert [head.name for head in table.heads] == ["name", "bells", "weight", UNVERIFIED]
    left = [row for row in ROWS if any(cells[row, c.name] is not Standing.REFUTED for c in COLUMNS)]
    assert len(table.rows) == len(left)
    for row, shown in zip(left, table.rows, strict=True):
        expected = [c.name for c in COLUMNS if cells[row, c.name] is Standing.UNVERIFIED]
        assert shown[-1].value == "; ".join(expected)


def test_a_cell_knows_its_source_and_words() -> None:
    """Where it stands, to the character, and the quote it rests on."""
    table = ordered_table("t", columns=COLUMNS, rows=ROWS, values=grid(judged(dict.fromkeys(SAID, Standing.ACCEPTED))))

    first = next(iter(table.rows))[0]
    assert (first.source, first.quote, first.standing) == ("inputs/alder.txt:0-9", "its words", Standing.ACCEPTED)
    assert len(first.claims) == 1


def finding(kind: str, locator: str, *, severity: Severity = Severity.FLAW) -> Finding:
    """What the gate found at a place."""
    return Finding(kind, "inputs/x.txt", locator, "20", "21", "a rule", severity)


@pytest.mark.parametrize(
    ("standing", "kind", "severity", "title"),
    [
        (Standing.CORRECTED, "recompute", Severity.FLAW, "Corrected by the gate"),
        (Standing.REFUTED, "recompute", Severity.FLAW, "Taken out"),
        (Standing.REFUTED, "quote", Severity.FLAW, "Taken out"),
        (Standing.UNVERIFIED, "disagreement", Severity.NOTE, "Where documents and data disagree"),
        (Standing.UNVERIFIED, "agreement", Severity.NOTE, "Readers disagree"),
    ],
)
def test_what_the_gate_did_is_listed_under_findings(
    standing: Standing, kind: str, severity: Severity, title: str
) -> None:
    """Each finding stands once, under what became of its value, with its place as ROW.FIELD."""
    cells = dict.fromkeys(SAID, Standing.ACCEPTED) | {(ROWS[1], "bells"): standing}
    verdict = Verdict(True, judged(cells), (finding(kind, "birch.bells", severity=severity),), ())

    found = written(verdict, "Findings")

    assert lines(found, title) == ["birch.bells: expected 20, observed 21."]
    headings = [block.text for block in found.blocks if isinstance(block, Heading) and block.level == 2]
    assert sum(heading.endswith(": 1") for heading in headings) == 1


def test_a_row_with_a_dot_in_its_name_is_found() -> None:
    """`ROW.FIELD` is split at its last dot: rows are named by files."""
    row = UnitKey("v1.0/bell.tower")
    claim = Claim(TaskId("t"), row, "bells", 21, "inputs/a.txt", "00", "its words", (0, 9), reader=1)
    value = Value(row, "bells", 20, Standing.CORRECTED, (claim,), said=21)
    verdict = Verdict(True, (value,), (finding("recompute", f"{row}.bells"),), ())

    assert lines(written(verdict, "Findings"), "Corrected by the gate") == [f"{row}.bells: expected 20, observed 21."]


def test_a_document_says_how_its_values_stand_and_what_nobody_checked() -> None:
    """Counts by standing and the gate's own gaps stand in the summary."""
    cells = dict.fromkeys(SAID, Standing.ACCEPTED) | {
        (ROWS[0], "name"): Standing.UNVERIFIED,
        (ROWS[1], "name"): Standing.REFUTED,
    }
    found = written(Verdict(True, judged(cells), (), ("Nobody looked at the moon.",)), "Summary")

    said = [s.text for block in found.blocks if isinstance(block, Paragraph) for s in block.sentences]
    assert (
        "7 values were accepted, 0 corrected by the gate, 1 is unverified and marked, 1 was refuted and taken out."
        in said
    )
    assert [b.text for b in found.blocks if isinstance(b, Callout) and b.tone == "warning"] == [
        "Nobody looked at the moon."
    ]


def test_a_section_nobody_can_write_is_not_made_up() -> None:
    """An ordered section without a writer stands there empty, and says so; the sources come last."""
    found = written(Verdict(True, judged(dict.fromkeys(SAID, Standing.ACCEPTED)), (), ()), "Poetry", "Sources")

    assert found.sections == ("Poetry", "Table", "Method", "Sources")
    (block,) = section(found, "Poetry")
    assert isinstance(block, Callout)
    assert "Nothing was written for Poetry" in block.text


def test_figures_are_shown_once_each() -> None:
    """The first chart opens the summary, the others follow the findings."""
    found = written(Verdict(True, judged(dict.fromkeys(SAID, Standing.ACCEPTED)), (), ()), "Summary", "Findings")

    names = [block.chart.name for block in found.blocks if isinstance(block, Figure)]
    assert names == ["standing_by_field", "bells_by_unit", "weight_by_unit"]


def test_a_chart_shows_its_largest_twenty_and_says_so() -> None:
    """Bars from the largest down; the title tells how many there were."""
    rows = tuple(UnitKey(f"u{at:02}") for at in range(30))
    values = grid(Value(row, "bells", at, Standing.ACCEPTED, ()) for at, row in enumerate(rows))

    made: Chart = charts(columns=COLUMNS, rows=rows, values=values, count=2)[1]

    assert made.title == "Bells (largest 20 of 30)"
    assert [point.y.value for point in made.points] == list(range(29, 9, -1))
    assert charts(columns=COLUMNS, rows=rows, values=values, count=1)[0].name == "standing_by_field"


def test_findings_as_a_table() -> None:
    """One line a finding, with its file and place."""
    table: Table = findings_table((finding("quote", "birch.name"),))

    assert [cell.value for cell in next(iter(table.rows))] == [
        "quote",
        "flaw",
        "inputs/x.txt birch.name",
        "20",
        "21",
        "a rule",
    ]
