"""The contract of each kind of file holds on a good file and breaks on each flaw, read from the bytes."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
import typst
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from strop.checking.contracts import SHOWN, contract, same_tables
from strop.checking.opened import Opened, open_file
from strop.renderers.csv_file import CsvFile
from strop.renderers.json_file import JsonFile
from strop.renderers.jsonl_file import JsonlFile
from strop.renderers.parquet_file import ParquetFile
from strop.renderers.xlsx_file import XlsxFile
from strop.seams import Renderer
from strop.types.content import Cell, Chart, ChartKind, Head, Part, Point, Scalar, Table
from strop.types.trial import Severity
from strop.types.work import Column, ColumnType, Count, Kind, Output

COLUMNS = (
    Column("name", ColumnType.TEXT),
    Column("rows", ColumnType.INTEGER),
    Column("weight", ColumnType.NUMBER),
    Column("price", ColumnType.DECIMAL),
    Column("day", ColumnType.DATE),
    Column("wild", ColumnType.BOOLEAN),
)
TABLE = Output("cats.csv", Kind.CSV, COLUMNS, rows=Count(2, 3))
GOOD = "name,rows,weight,price,day,wild\r\ncatsM,97,2.5,1.10,2020-01-02,true\r\ncats,144,1e3,2,2020-01-03,false\r\n"
MARKED = GOOD.replace("wild", "wild,more").replace("true", "true,").replace("false", "false,rows")
OTHER = "of that name among name, rows, weight, price, date, wild"
TWICE = "of that name among name, rows, weight, price, rows, wild"


def told(output: Output, path: Path, **more: object) -> list[str]:
    findings = contract(output, path, **more)  # pyright: ignore[reportArgumentType] - passed on as given
    assert all(finding.severity is Severity.FATAL and finding.kind == "contract" for finding in findings)
    return [f"{finding.locator}: {finding.observed}" for finding in findings]


def csv_told(tmp_path: Path, text: str | bytes, **more: object) -> list[str]:
    path = tmp_path / "cats.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return told(TABLE, path, **more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, []),
        ("\ufeff" + GOOD, []),
        (GOOD.replace("97", ""), ["row 1, rows: nothing"]),
        (GOOD.replace("97", "97.0"), ["row 1, rows: 97.0"]),
        (GOOD.replace("97", "many"), ["row 1, rows: many"]),
        (GOOD.replace("1e3", "inf"), ["row 2, weight: inf"]),
        (GOOD.replace("1.10", "1,10"), ["file: is no CSV: ValueError: row 1 has 7 cells under 6 heads"]),
        (GOOD.replace("2020-01-03", "03.01.2020"), ["row 2, day: 03.01.2020"]),
        (GOOD.replace("false", "no"), ["row 2, wild: no"]),
        (GOOD.replace("catsM", "TODO"), ["row 1, name: TODO"]),
        (GOOD.replace("catsM", "a TODO list"), []),
        (GOOD.replace("catsM", "{{name}}"), ["row 1, name: {{name}}"]),
        (GOOD.replace("catsM", "Lorem ipsum dolor"), ["row 1, name: Lorem ipsum"]),
        (GOOD.replace("day", "date"), [f"column day: 0 {OTHER}", "columns: also date"]),
        (GOOD.replace("day", "rows"), [f"column rows: 2 {TWICE}", f"column day: 0 {TWICE}"]),
        (MARKED.replace("more", "unverified"), []),
        (MARKED.replace("more", "extra"), ["columns: also extra"]),
        ("".join(GOOD.splitlines(keepends=True)[:2]), ["rows: 1"]),
        (GOOD + "a,1,1,1,2020-01-01,true\n" * 2, ["rows: 4"]),
        ("", ["file: is empty"]),
    ],
)
def test_a_csv_is_checked_cell_by_cell(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Rows, columns and the type of each cell; an `unverified` column may follow."""
    assert csv_told(tmp_path, text) == expected


def test_a_refuted_cell_may_be_empty(tmp_path: Path) -> None:
    """Only the named cells may: row and column."""
    text = GOOD.replace("97", "").replace("144", "")
    assert csv_told(tmp_path, text, empty={(1, "rows")}) == ["row 2, rows: nothing"]
    assert csv_told(tmp_path, text, empty={(1, "rows"), (2, "rows")}) == []


def test_every_row_that_was_made_is_there(tmp_path: Path) -> None:
    """The spec's bound holds, but a row was lost on the way."""
    assert csv_told(tmp_path, GOOD, rows=2) == []
    assert csv_told(tmp_path, GOOD, rows=3) == ["rows: 2"]


def test_what_is_not_there_or_broken_is_said(tmp_path: Path) -> None:
    """A missing file and bytes of another kind are findings, not exceptions."""
    assert told(TABLE, tmp_path / "gone.csv") == ["file: is not there"]
    assert "is no CSV" in csv_told(tmp_path, b"a\xff,b")[0]
    for kind in (Kind.XLSX, Kind.PDF, Kind.PNG, Kind.SVG, Kind.JSON):
        (tmp_path / "bad").write_bytes(b"nothing of that kind")
        assert f"is no {kind.value.upper()}" in told(Output("bad", kind), tmp_path / "bad")[0]


def test_many_findings_are_counted(tmp_path: Path) -> None:
    """A thousand bad cells fill no report."""
    lines = GOOD.splitlines()[0] + "\n" + "a,x,1,1,2020-01-01,true\n" * 100
    path = tmp_path / "cats.csv"
    path.write_text(lines)
    found = told(Output("cats.csv", Kind.CSV, COLUMNS), path)
    assert len(found) == SHOWN + 1
    assert found[-1] == f"file: {100 - SHOWN} more of the same kind"


# ---------------------------------------------------------------- files with types of their own

HEADS = tuple(Head(column.name, column.type) for column in COLUMNS)
CELLS: tuple[tuple[Scalar, ...], ...] = (
    ("catsM", 97, 2.5, "1.10", "2020-01-02", True),
    ("=cats", 144, 1000.0, "2", "2020-01-03", False),
)
BODY = tuple(tuple(Cell(value) for value in row) for row in CELLS)


@pytest.mark.parametrize(
    "renderer", [CsvFile(), JsonlFile(), ParquetFile(), XlsxFile(), JsonFile()], ids=lambda one: one.kind.value
)
def test_every_kind_of_table_keeps_its_contract_and_tells_the_same(tmp_path: Path, renderer: Renderer) -> None:
    """Rows, columns and types from the bytes; cell by cell the same as the CSV; a wrong type is named."""
    kind = renderer.kind
    output = replace(TABLE, file=f"cats.{kind}", kind=kind)
    path, other = tmp_path / output.file, tmp_path / "other.csv"
    renderer.render(Part(output.file, (Table("cats", HEADS, BODY),)), to=path)
    CsvFile().render(Part("other.csv", (Table("cats", HEADS, BODY),)), to=other)
    assert told(output, path) == []
    assert same_tables(other, path, kinds=(Kind.CSV, kind)) == ()
    wrong = tuple(replace(head, type=ColumnType.TEXT) if head.name == "rows" else head for head in HEADS)
    body = ((*BODY[0][:1], Cell("97 cats"), *BODY[0][2:]), BODY[1])
    renderer.render(Part(output.file, (Table("cats", wrong, body),)), to=path)
    assert "row 1, rows: 97 cats" in told(output, path)
    assert [f.locator for f in same_tables(other, path, kinds=(Kind.CSV, kind))] == ["row 1, rows"]
    renderer.render(Part(output.file, (Table("cats", HEADS, BODY[:1]),)), to=path)
    assert told(output, path) == ["rows: 1"]


def test_a_parquet_column_of_another_type_is_named(tmp_path: Path) -> None:
    """Also where every cell could be read as the type that was asked for."""
    path = tmp_path / "cats.parquet"
    loose = tuple(replace(head, type=ColumnType.TEXT) for head in HEADS)
    ParquetFile().render(Part("cats.parquet", (Table("cats", loose, BODY),)), to=path)
    found = told(replace(TABLE, file="cats.parquet", kind=Kind.PARQUET), path)
    assert found == [f"column {name}: VARCHAR" for name in ("rows", "weight", "price", "day", "wild")]


def test_text_in_place_of_numbers_is_named_in_jsonl(tmp_path: Path) -> None:
    """`"97"` is no number, though it reads like one."""
    path = tmp_path / "cats.jsonl"
    path.write_text('{"name": "a", "rows": "97"}\n{"name": "b", "rows": 5}\n')
    assert told(Output("cats.jsonl", Kind.JSONL, COLUMNS[:2]), path) == ["column rows: number/text"]


DERIVED = (*COLUMNS[:2], Column("twice", ColumnType.NUMBER, formula="[rows] * 2"))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("194,288", []),
        ("194,289", ["row 2, twice: 289"]),
        (",288", ["row 1, twice: "]),
        ("many,288", ["row 1, twice: many"]),
    ],
)
def test_a_column_with_a_formula_is_computed_again(tmp_path: Path, cells: str, expected: list[str]) -> None:
    """From the other cells of the delivered row, whatever wrote it."""
    first, second = cells.split(",")
    path = tmp_path / "cats.csv"
    path.write_text(f"name,rows,twice\na,97,{first}\nb,144,{second}\n")
    assert told(Output("cats.csv", Kind.CSV, DERIVED), path) == expected
    path.write_text("name,rows,twice\na,97,194\nb,,\n")
    assert told(Output("cats.csv", Kind.CSV, DERIVED), path, empty={(2, "rows")}) == []


# ---------------------------------------------------------------- workbooks


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


SHEET: list[list[object]] = [["name", "rows"], ["catsM", 97], ["=cats", 144]]


def test_a_workbook_with_a_damaged_part_that_holds_no_cell_does_not_open(tmp_path: Path) -> None:
    """One bit of `docProps/core.xml` is another: tables and formulas are read without it, and a program may refuse."""
    path = workbook(tmp_path / "a.xlsx", cats=[["name"], ["Ada"]])
    body = bytearray(path.read_bytes())
    with ZipFile(path) as archive:
        entry = archive.getinfo("docProps/core.xml")
    body[entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2] ^= 1
    path.write_bytes(body)

    assert "is no XLSX" in str(open_file(path, kind=Kind.XLSX))


BOOK = Output("cats.xlsx", Kind.XLSX, (Column("name", ColumnType.TEXT), Column("rows", ColumnType.INTEGER)))


def test_a_workbook_is_checked_on_its_sheets(tmp_path: Path) -> None:
    """The table may be on any sheet; numbers are read as numbers."""
    path = workbook(tmp_path / "a.xlsx", Notes=[["remark"], ["none"]], cats=[SHEET[0], SHEET[1]])
    assert told(BOOK, path) == []
    assert told(replace(BOOK, rows=Count(least=2)), path) == ["rows: 1"]


def test_an_empty_sheet_breaks_the_contract(tmp_path: Path) -> None:
    """A sheet without a cell is named."""
    assert told(BOOK, workbook(tmp_path / "a.xlsx", cats=[SHEET[0], SHEET[1]], Empty=[])) == ["sheet Empty: nothing"]


def test_csv_and_workbook_say_the_same(tmp_path: Path) -> None:
    """Cells of columns of one name are compared: numbers by size, the CSV's guard apostrophe left out."""
    with xlsxwriter.Workbook(tmp_path / "a.xlsx", {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(SHEET):
            sheet.write_row(number, 0, row)
    table = tmp_path / "a.csv"
    table.write_text("name,rows,more\ncatsM,97.0,x\n'=cats,144,y\n")
    kinds = (Kind.CSV, Kind.XLSX)
    assert same_tables(table, tmp_path / "a.xlsx", kinds=kinds) == ()
    table.write_text("name,rows\ncatsM,97\n'=cats,145\n")
    (finding,) = same_tables(table, tmp_path / "a.xlsx", kinds=kinds)
    assert (finding.locator, finding.expected, finding.observed) == ("row 2, rows", "145", "144")
    table.write_text("name,rows\ncatsM,97\n")
    assert [each.locator for each in same_tables(table, tmp_path / "a.xlsx", kinds=kinds)] == ["rows"]
    table.write_text("other\n1\n2\n")
    assert [each.locator for each in same_tables(table, tmp_path / "a.xlsx", kinds=kinds)] == ["columns"]
    assert [each.locator for each in same_tables(tmp_path / "no", tmp_path / "a.xlsx", kinds=kinds)] == ["file"]


def test_json_is_a_table_too(tmp_path: Path) -> None:
    """A list of objects, or one under `rows`, is checked as rows and columns."""
    path = tmp_path / "a.json"
    output = Output("a.json", Kind.JSON, BOOK.columns, rows=Count(1, 1))
    path.write_text(json.dumps([{"name": "catsM", "rows": 97}]))
    assert told(output, path) == []
    path.write_text(json.dumps({"title": "x", "rows": [{"name": "catsM", "rows": "many"}]}))
    assert told(output, path) == ["row 1, rows: many"]
    path.write_text("{}")
    assert told(output, path) == ["file: nothing", "file: none"]


# ---------------------------------------------------------------- documents


def pdf(path: Path, text: str) -> Path:
    path.write_bytes(typst.compile(text.encode()))
    return path


REPORT = Output("r.pdf", Kind.PDF, pages=Count(least=2), sections=("Summary", "Sources"))


def test_a_pdf_has_its_pages_and_sections(tmp_path: Path) -> None:
    """Pages are counted, headings found, also numbered ones."""
    good = '#set heading(numbering: "1.1")\n= Summary\nAll well.\n#pagebreak()\n= Sources\nNone.'
    assert told(REPORT, pdf(tmp_path / "r.pdf", good)) == []
    assert told(REPORT, pdf(tmp_path / "r.pdf", "= Summary\n= Sources")) == ["pages: 1"]
    bad = "= Summary\nThe Sources are TODO here.\n#pagebreak()\nLorem ipsum"
    assert told(REPORT, pdf(tmp_path / "r.pdf", bad)) == [
        "section Sources: no such heading",
        "page 1, line 2: TODO",
        "page 2, line 1: Lorem ipsum",
    ]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Kind.HTML, "<h1>Summary</h1><p>x</p><h2>So<b>ur</b>ces</h2>", []),
        (
            Kind.HTML,
            "<h1>Summary</h1><script>TODO</script><p>Sources</p>",
            ["element script: a script", "section Sources: no such heading"],
        ),
        (
            Kind.HTML,
            "plain",
            ["file: nothing", *(f"section {name}: nowhere in the text" for name in ("Summary", "Sources"))],
        ),
        (Kind.MARKDOWN, "# Summary\n\n## Sources ##\n", []),
        (Kind.MARKDOWN, "# Summary\n\nSources\n", ["section Sources: no such heading"]),
        (Kind.MARKDOWN, "# Summary\n# Sources\nTBD", ["line 3: TBD"]),
    ],
)
def test_sections_stand_as_headings(tmp_path: Path, kind: Kind, text: str, expected: list[str]) -> None:
    """A section's name in running text is no section; scripts are no text."""
    path = tmp_path / "file"
    path.write_text(text)
    assert told(Output("file", kind, sections=("Summary", "Sources")), path) == expected


# ---------------------------------------------------------------- pictures


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def filtered(kind: int, colour: bytes, size: tuple[int, int], *, spot: bool) -> bytes:
    """A PNG whose lines all use one filter, of one colour or with one other pixel."""
    width, height = size
    pixel = len(colour)
    picture = [bytearray(colour * width) for _ in range(height)]
    if spot:
        picture[-1][-1] ^= 1
    lines, above = b"", bytes(width * pixel)
    for line in picture:
        row = bytearray([kind])
        for index, value in enumerate(line):
            left = line[index - pixel] if index >= pixel else 0
            corner = above[index - pixel] if index >= pixel else 0
            up = above[index]
            near = left + up - corner
            paeth = min((left, up, corner), key=lambda each, near=near: abs(near - each))
            row.append((value - (0, left, up, (left + up) // 2, paeth)[kind]) % 256)
        lines, above = lines + bytes(row), bytes(line)

    def chunk(name: bytes, held: bytes) -> bytes:
        return struct.pack(">I", len(held)) + name + held + struct.pack(">I", zlib.crc32(name + held))

    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[pixel], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@given(
    st.integers(0, 4),
    st.binary(min_size=3, max_size=3) | st.binary(min_size=1, max_size=1) | st.binary(min_size=4, max_size=4),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.booleans(),
)
def test_one_other_pixel_is_seen_under_every_filter(
    tmp_path_factory: pytest.TempPathFactory, kind: int, colour: bytes, size: tuple[int, int], spot: bool
) -> None:
    """A picture is blank exactly when all its pixels are alike, as an independent decoder sees them."""
    body = filtered(kind, colour, size, spot=spot)
    path = tmp_path_factory.getbasetemp() / "spot.png"
    path.write_bytes(body)
    with Image.open(io.BytesIO(body)) as image:
        blank = all(low == high for low, high in flat(image))
    opened = open_file(path, kind=Kind.PNG)
    assert isinstance(opened, Opened)
    assert opened.blank == blank


def flat(image: Image.Image) -> list[tuple[int, int]]:
    extrema = image.getextrema()
    pairs = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return [(int(low), int(high)) for low, high in pairs]  # pyright: ignore[reportArgumentType, reportGeneralTypeIssues] - bands of pairs


def spoilt(position: int) -> Callable[[bytes], bytes]:
    return lambda body: body[:position] + bytes([body[position] ^ 255]) + body[position + 1 :]


@pytest.mark.parametrize("spoil", [spoilt(1), spoilt(20), spoilt(60), lambda body: body[:-12], lambda body: body[:50]])
def test_a_spoilt_png_does_not_open(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    """A flipped byte in signature, header or picture, and a cut file, are found."""
    image = Image.linear_gradient("L").resize((20, 20))
    path = tmp_path / "a.png"
    path.write_bytes(png(image))
    assert isinstance(open_file(path, kind=Kind.PNG), Opened)
    path.write_bytes(spoil(png(image)))
    assert isinstance(open_file(path, kind=Kind.PNG), str)


def test_a_png_is_whole_and_unspoilt(tmp_path: Path) -> None:
    """A wrong checksum, and fewer lines than the header says, are found though the picture unpacks."""
    body = filtered(0, b"\x01\x02\x03", (4, 4), spot=True)
    path = tmp_path / "a.png"
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
    assert "checksum of IEND" in str(open_file(path, kind=Kind.PNG))
    header = body[12:20] + struct.pack(">I", 9) + body[24:29]
    path.write_bytes(body[:12] + header + struct.pack(">I", zlib.crc32(header)) + body[33:])
    assert "52 bytes of picture where 117 belong" in str(open_file(path, kind=Kind.PNG))


def test_a_pattern_has_its_number_of_pictures(tmp_path: Path) -> None:
    """Each file of `charts/*.png` is opened; blank ones and a wrong number are found."""
    (tmp_path / "charts").mkdir()
    output = Output("charts/*.png", Kind.PNG, count=Count(2, 2))
    assert told(output, tmp_path) == ["files: 0"]
    for name in ("a", "b"):
        (tmp_path / "charts" / f"{name}.png").write_bytes(png(Image.linear_gradient("L")))
    assert told(output, tmp_path) == []
    (tmp_path / "charts" / "b.png").write_bytes(png(Image.new("RGB", (30, 20), "white")))
    (finding,) = contract(output, tmp_path)
    assert (finding.artefact, finding.observed) == ("charts/b.png", "nothing")


@pytest.mark.parametrize(
    ("body", "blank"),
    [
        ('<svg xmlns="http://www.w3.org/2000/svg"><rect/><path d="M0 0"/></svg>', False),
        ('<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', True),
        ("<svg><g/></svg>", True),
    ],
)
def test_an_svg_draws_something(tmp_path: Path, body: str, blank: bool) -> None:
    """More than its background."""
    path = tmp_path / "a.svg"
    path.write_text(body)
    opened = open_file(path, kind=Kind.SVG)
    assert isinstance(opened, Opened)
    assert opened.blank == blank


def test_an_svg_with_entities_is_not_read(tmp_path: Path) -> None:
    """Entities can blow up to gigabytes; ours has none."""
    path = tmp_path / "a.svg"
    path.write_text('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>')
    assert open_file(path, kind=Kind.SVG) == "is no SVG: ValueError: entities are not read"


def test_sheets_and_charts_are_counted_in_the_bytes(tmp_path: Path) -> None:
    """Native charts, and every sheet that the file has."""
    chart = Chart("c", ChartKind.BAR, "t", "x", "y", (Point("a", Cell(2)), Point("b", Cell(3))))
    path = tmp_path / "book.xlsx"
    XlsxFile().render(Part("book.xlsx", (Table("cats", HEADS, BODY), chart)), to=path)
    output = Output("book.xlsx", Kind.XLSX, COLUMNS, sheets=Count(2, 2), charts=Count(1, 1))
    assert told(output, path) == []
    assert told(replace(output, sheets=Count(3, None), charts=Count(14, 14)), path) == ["sheets: 2", "charts: 1"]


def test_an_empty_workbook_is_refused(tmp_path: Path) -> None:
    """A sheet without a header, and no table."""
    path = workbook(tmp_path / "book.xlsx", cats=[])
    found = told(Output("book.xlsx", Kind.XLSX, COLUMNS), path)
    assert found == ["sheet cats: nothing", "file: none"]
