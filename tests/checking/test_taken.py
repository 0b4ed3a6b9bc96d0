"""Rows taken over from a table: written to every kind of file, and held against their source cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from strop.checking.taken import taken_contract
from strop.drafting.taken import taken_table, taking
from strop.errors import BadInput, ToolFailure
from strop.renderers.csv_file import CsvFile
from strop.renderers.json_file import JsonFile
from strop.renderers.jsonl_file import JsonlFile
from strop.renderers.parquet_file import ParquetFile
from strop.renderers.xlsx_file import XlsxFile
from strop.seams import Renderer, SourceTable
from strop.tools.inside import Inside
from strop.tools.sources import open_table
from strop.types.content import Part
from strop.types.trial import Severity
from strop.types.work import Column, ColumnType, Count, Kind, Output, Sources

COLUMNS = (
    Column("city", ColumnType.TEXT),
    Column("people", ColumnType.INTEGER),
    Column("area", ColumnType.DECIMAL),
    Column("height", ColumnType.NUMBER),
    Column("founded", ColumnType.DATE),
    Column("capital", ColumnType.BOOLEAN),
    Column("density", ColumnType.NUMBER, formula="round([people] / [area], 2)"),
)
CITIES = (
    "city,people,area,height,founded,capital,left out\n"
    "=cmd,1200,12.50,0.30000000000000004,1200-01-31,true,x\n"
    '"Ä ""b"", c\nd",0,0.1,-1e-7,1999-12-01,FALSE,y\n'
    "NA,NA,,,,,\n"
    "<b>&amp;,123456789012345678,99999999999999999999.5,12,0999-01-01,false,z\n"
)


def kind_name(value: object) -> str:
    """Of a renderer its kind, of an id itself."""
    return str(getattr(value, "kind", value))


RENDERERS = (CsvFile(), JsonlFile(), ParquetFile(), XlsxFile(), JsonFile())


def project(folder: Path, text: str = CITIES) -> Callable[[str], SourceTable]:
    """A folder with one table, and who opens it."""
    (folder / "inputs").mkdir(exist_ok=True)
    (folder / "inputs" / "cities.csv").write_text(text, newline="")
    return lambda path: open_table(Inside(folder, Sources()), path)


def order(kind: Kind, columns: tuple[Column, ...] = COLUMNS) -> Output:
    return Output(f"cities.{kind}", kind, columns, rows=Count(4, 4), taken="inputs/cities.csv")


def delivered(folder: Path, renderer: Renderer, columns: tuple[Column, ...] = COLUMNS) -> tuple[Output, Path]:
    output = order(renderer.kind, columns)
    table = taken_table(output, source=project(folder)(output.taken))
    renderer.render(Part(output.file, (table,)), to=folder / output.file)
    return output, folder / output.file


def told(output: Output, path: Path, tables: Callable[[str], SourceTable]) -> list[str]:
    return [f"{each.locator}: {each.observed}" for each in taken_contract(output, path, tables=tables)]


@pytest.mark.parametrize("renderer", RENDERERS, ids=kind_name)
@pytest.mark.parametrize("columns", [COLUMNS, ()], ids=["typed", "as text"])
def test_every_row_is_proved(tmp_path: Path, renderer: Renderer, columns: tuple[Column, ...]) -> None:
    """In every kind of file, hostile text and long figures included; no finding but the proof, twice the same bytes."""
    output, path = delivered(tmp_path, renderer, columns)
    body = path.read_bytes()
    assert told(output, path, project(tmp_path)) == ["rows: proved: 4 of 4 rows"]
    renderer.render(Part(output.file, (taken_table(output, source=project(tmp_path)(output.taken)),)), to=path)
    assert path.read_bytes() == body


@pytest.mark.parametrize("renderer", RENDERERS, ids=kind_name)
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("1200,12", "1201,12", "row 1, people: 1200"),
        ("0.30000000000000004", "0.31", "row 1, height: 0.3"),
        ("1999-12-01", "1999-12-02", "row 2, founded: 1999-12-01"),
        ("FALSE,y", "true,y", "row 2, capital: false"),
        ("=cmd", "=cmb", "row 1, city: =cmd"),
        ("NA,NA,,,,,\n", "", "rows: 4 rows"),
        ("NA,NA,,,,,\n", "NA,NA,,,,,\nNA,NA,,,,,\n", "rows: 4 rows"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, renderer: Renderer, old: str, new: str, said: str) -> None:
    """A source that says otherwise than the file: every cell and row is compared, with its place."""
    output, path = delivered(tmp_path, renderer)
    assert old in CITIES
    findings = taken_contract(output, path, tables=project(tmp_path, CITIES.replace(old, new, 1)))
    fatal = [f"{each.locator}: {each.observed}" for each in findings if each.severity is Severity.FATAL]
    assert any(each.startswith(said) for each in fatal), fatal


@pytest.mark.parametrize("renderer", RENDERERS, ids=kind_name)
def test_a_cell_that_is_not_of_its_type_is_one_finding(tmp_path: Path, renderer: Renderer) -> None:
    """With row and column; the cell is empty, the others are proved. A column of nothing else is fatal."""
    text = CITIES.replace("1200,12", "about 1200,12")
    tables = project(tmp_path, text)
    output = order(renderer.kind)
    path = tmp_path / output.file
    renderer.render(Part(output.file, (taken_table(output, source=tables(output.taken)),)), to=path)
    findings = taken_contract(output, path, tables=tables)
    assert [(each.locator, each.severity) for each in findings] == [
        ("row 1, people", Severity.FLAW),
        ("rows", Severity.NOTE),
    ]
    names = Output(output.file, output.kind, (Column("city", ColumnType.DATE),), taken=output.taken)
    renderer.render(Part(output.file, (taken_table(names, source=tables(output.taken)),)), to=path)
    found = taken_contract(names, path, tables=tables)
    assert [each.locator for each in found if each.severity is Severity.FATAL] == ["column city"]


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    """Half of its bytes, a row less, nothing, or no file: each with its place."""
    output, path = delivered(tmp_path, CsvFile())
    tables = project(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    assert told(output, path, tables) == ["rows: 3 rows", "rows: proved: 3 of 4 rows"]
    path.write_bytes(b"")
    assert told(output, path, tables) == ["columns: ", "rows: proved: 0 of 4 rows"]
    path.unlink()
    assert told(output, path, tables)[0] == "file: No such file or directory"
    output, path = delivered(tmp_path, ParquetFile())
    path.write_bytes(path.read_bytes()[:100])
    assert told(output, path, tables)[0].startswith("file: ")


def test_a_claim_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    """The source's hash, and the row and column in it."""
    source = project(tmp_path)("inputs/cities.csv")
    made = taking(order(Kind.CSV), source=source)
    claim = made.claim(4, "people", path="inputs/cities.csv")
    assert (claim.value, claim.locator, claim.source_hash) == (123456789012345678, "row 4 column people", source.digest)
    with pytest.raises(BadInput, match="no cell in row 9"):
        made.claim(9, "people", path="inputs/cities.csv")


def test_a_source_without_the_column_is_refused(tmp_path: Path) -> None:
    """With the columns that it has; a table that is not there is one finding."""
    output = order(Kind.CSV, (Column("town", ColumnType.TEXT),))
    with pytest.raises(BadInput, match=r"has no column 'town'\. It has: city, people"):
        taken_table(output, source=project(tmp_path)(output.taken))
    gone = Output("a.csv", Kind.CSV, taken="inputs/gone.csv")
    assert told(gone, tmp_path / "a.csv", project(tmp_path)) == [
        "inputs/gone.csv: inputs/gone.csv is not there or cannot be reached"
    ]


# ---------------------------------------------------------------- sources


@pytest.mark.parametrize("renderer", [CsvFile(), JsonlFile(), ParquetFile(), XlsxFile()], ids=kind_name)
def test_what_was_delivered_can_be_a_source(tmp_path: Path, renderer: Renderer) -> None:
    """CSV, JSONL, Parquet and XLSX are read to the same cells, and delivered again as a CSV that is proved."""
    _, path = delivered(tmp_path, renderer, COLUMNS[:6])
    path.rename(tmp_path / "inputs" / path.name)
    tables = project(tmp_path)
    output = Output("again.csv", Kind.CSV, COLUMNS[:6], taken=f"inputs/{path.name}")
    CsvFile().render(Part("again.csv", (taken_table(output, source=tables(output.taken)),)), to=tmp_path / "again.csv")
    assert told(output, tmp_path / "again.csv", tables) == ["rows: proved: 4 of 4 rows"]
    rows = list(taking(output, source=tables(output.taken)).values())
    assert rows[3][1] == 123456789012345678
    assert rows[2][1:] == [None] * 5
    assert [row[4] for row in rows] == ["1200-01-31", "1999-12-01", None, "0999-01-01"]


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.csv", b"", "is empty: a table has a header"),
        ("a.csv", b"a,a\n1,2\n", "two columns are named 'a'"),
        ("a.csv", b"a,b\n1\n", "row 1: 1 cells under 2 heads"),
        ("a.csv", b"a\n\xff\n", "is no CSV: UnicodeDecodeError"),
        ("a.csv", b'a\n"b\n', "is no CSV"),
        ("a.tsv", b"a\tb\n1\t2\t3\n", "row 1: 3 cells"),
        ("a.jsonl", b'{"a": 1}\n{"b": 2}\n', "line 2 has the key 'b'"),
        ("a.jsonl", b"[1]\n", "line 1 is no object"),
        ("a.xlsx", b"PK nothing", "is no XLSX"),
        ("a.parquet", b"PAR1 nothing", "is no PARQUET"),
        ("a.txt", b"a\n", "is no table that is read here"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, body: bytes, said: str) -> None:
    """With the place, and never as an error of ours."""
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / name).write_bytes(body)
    with pytest.raises(ToolFailure, match=said):
        list(open_table(Inside(tmp_path, Sources()), f"inputs/{name}"))


def test_a_source_is_read_where_it_may_be(tmp_path: Path) -> None:
    """Never outside of what the spec allows, nor through a link that leads out."""
    outside = tmp_path / "secret.csv"
    outside.write_text("a\n1\n")
    (tmp_path / "project" / "inputs").mkdir(parents=True)
    (tmp_path / "project" / "inputs" / "link.csv").symlink_to(outside)
    inside = Inside(tmp_path / "project", Sources())
    for path in ("../secret.csv", "inputs/link.csv", str(outside)):
        with pytest.raises(ToolFailure):
            open_table(inside, path)


@pytest.mark.parametrize("renderer", [each for each in RENDERERS if each.kind is not Kind.JSONL], ids=kind_name)
def test_an_emptied_file_is_a_finding_of_the_file(tmp_path: Path, renderer: Renderer) -> None:
    """Nothing of it can be opened: that is told with its place, and is no exception."""
    tables = project(tmp_path)
    output, path = delivered(tmp_path, renderer)
    path.write_bytes(b"")

    found = taken_contract(output, path, tables=tables)
    assert found[0].severity is Severity.FATAL
    assert found[0].locator in ("file", "columns")
