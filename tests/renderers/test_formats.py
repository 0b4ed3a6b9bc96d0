"""What one format keeps beyond what all keep: spreadsheets, pages, pictures, and the theme."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from pypdfium2 import PdfDocument

from strop.errors import BadInput, ConfigRefused
from strop.renderers.cells import grouped, shown, visible
from strop.renderers.chart_file import draw_svg
from strop.renderers.csv_file import CsvFile, inert
from strop.renderers.grid import lay_out
from strop.renderers.json_file import JsonFile
from strop.renderers.pdf_file import PdfFile
from strop.renderers.theme import load_theme
from strop.renderers.vega import vega_lite
from strop.renderers.xlsx_file import XlsxFile
from strop.types.content import (
    Cell,
    Chart,
    ChartKind,
    Document,
    Figure,
    Head,
    Heading,
    Paragraph,
    Part,
    Point,
    Sentence,
    Standing,
    Table,
)
from strop.types.work import ColumnType

_TABLE = Table(
    "affairs / rows: [1]",
    (Head("name"), Head("rows", ColumnType.INTEGER), Head("price", ColumnType.DECIMAL), Head("born", ColumnType.DATE)),
    (
        (
            Cell("=1+1"),
            Cell(601, Standing.UNVERIFIED, ("c1",), "inputs/a.txt", "601 rows"),
            Cell("1.50"),
            Cell("2026-11-21"),
        ),
        (Cell("b"), Cell(61_204, Standing.CORRECTED, ("c2",), "data/b.csv"), Cell("-2"), Cell("long ago")),
        (Cell("c"), Cell(10**18), Cell("0.1"), Cell(None, Standing.REFUTED, ("c3",), "inputs/c.txt")),
    ),
)


def _sheets(part: Part, folder: Path) -> dict[str, Worksheet]:
    to = folder / "book.xlsx"
    XlsxFile().render(part, to=to)
    book = load_workbook(to)
    assert book.properties.created == datetime.fromisoformat("2000-01-01")
    return {sheet.title: sheet for sheet in book.worksheets}


# ---------------------------------------------------------------- CSV


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_a_spreadsheet_runs_no_text(text: str) -> None:
    """Whatever the text, its stored form begins harmlessly, and taking one apostrophe away restores it."""
    stored = inert(text)
    assert stored in (text, "'" + text)
    if stored == text and text[:1] in ("=", "+", "-", "@"):
        float(text)


@pytest.mark.parametrize("text", ["=1+1", "+cmd|x", "-a", "@SUM(A1)", "\tx", "'=1", "''@x", "\uff1d1"])
def test_what_would_run_gets_an_apostrophe(text: str) -> None:
    """Each beginning that spreadsheets run is disarmed, also one that was disarmed before."""
    assert inert(text) == "'" + text


@pytest.mark.parametrize("text", ["-5", "+3.25", "1e9", "'tis", "a=b", "rows"])
def test_what_is_harmless_stays(text: str) -> None:
    """Numbers written as text and plain words are stored as they are."""
    assert inert(text) == text


def test_csv_follows_the_rfc(tmp_path: Path) -> None:
    """CRLF after every line, quotes doubled, line ends inside a cell kept, numbers bare, no byte order mark."""
    rows = ((Cell('a "b", c\nd'), Cell(-5)), (Cell(None), Cell(2.5)), (Cell("e;f"), Cell(True)))
    CsvFile().render(Part("x.csv", (Table("t", (Head("one"), Head("two")), rows),)), to=tmp_path / "x.csv")
    expected = b'one,two\r\n"a ""b"", c\nd",-5\r\n,2.5\r\n"e;f",true\r\n'
    assert (tmp_path / "x.csv").read_bytes() == expected


def test_a_row_without_a_value_is_still_a_row(tmp_path: Path) -> None:
    """One column, empty cell: readers count the row."""
    CsvFile().render(Part("x.csv", (Table("t", (Head("one"),), ((Cell(None),), (Cell("a"),))),)), to=tmp_path / "x.csv")
    text = (tmp_path / "x.csv").read_text(encoding="utf-8")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["one"], [""], ["a"]]


# ---------------------------------------------------------------- XLSX


def test_cells_keep_their_types(tmp_path: Path) -> None:
    """Numbers, decimals and dates are such; text is text; what would lose digits stays text."""
    sheet = _sheets(Part("x", (_TABLE,)), tmp_path)["affairs   rows   1"]
    assert [cell.value for cell in sheet[2]] == ["=1+1", 601, 1.5, datetime.fromisoformat("2026-11-21")]
    assert sheet["A2"].data_type == "s"
    assert [cell.value for cell in sheet[3]] == ["b", 61_204, -2, "long ago"]
    assert sheet["B4"].value == str(10**18)
    assert sheet["B3"].number_format == "#,##0"
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:D4")


def test_marked_cells_are_tinted_and_say_why(tmp_path: Path) -> None:
    """Unverified, corrected and refuted cells have their tint and a comment; others have none."""
    sheet = _sheets(Part("x", (_TABLE,)), tmp_path)["affairs   rows   1"]
    tints = {cell.coordinate: cell.fill.fgColor.rgb[2:].lower() for row in sheet for cell in row if cell.comment}
    theme = load_theme()
    assert tints == {
        "B2": (theme.standing_tint("unverified") or "")[1:],
        "B3": (theme.standing_tint("corrected") or "")[1:],
        "D4": (theme.standing_tint("refuted") or "")[1:],
    }
    assert "601 rows" in sheet["B2"].comment.text


def test_every_claim_is_listed_with_a_link(tmp_path: Path) -> None:
    """The sheet Sources has each cell that rests on a claim, and its link leads there."""
    sheets = _sheets(Part("x", (_TABLE,)), tmp_path)
    rows = list(sheets["Sources"].iter_rows(min_row=2, values_only=True))
    assert [(row[1], row[3], row[4], row[5]) for row in rows] == [
        ("B2", "601", "unverified", "inputs/a.txt"),
        ("B3", "61204", "corrected", "data/b.csv"),
        ("D4", "", "refuted", "inputs/c.txt"),
    ]
    assert sheets["Sources"]["B2"].hyperlink.location == "'affairs   rows   1'!B2"


def test_sheets_of_one_name_and_of_our_names_are_told_apart(tmp_path: Path) -> None:
    """Names that the format calls equal, or that are ours, get a number."""
    tables = tuple(Table(name, (Head("a"),), ((Cell(1),),)) for name in ("Sources", "Rows", "rows", "x" * 40, "", "''"))
    names = list(_sheets(Part("x", tables), tmp_path))
    assert names == ["Sources (2)", "Rows", "rows (2)", "x" * 31, "Table", "Table (2)"]


def test_charts_are_native(tmp_path: Path) -> None:
    """A chart is drawn by the spreadsheet from figures that stand beside it."""
    chart = Chart("c", ChartKind.BAR, "Rows", "set", "rows", (Point("a", Cell(1)), Point("b", Cell(2))))
    sheet = _sheets(Part("x", (chart,)), tmp_path)["Charts"]
    with ZipFile(tmp_path / "book.xlsx") as archive:
        assert [name for name in archive.namelist() if name.startswith("xl/charts/")] == ["xl/charts/chart1.xml"]
    assert [[cell.value for cell in row] for row in sheet["A3:B4"]] == [["a", 1], ["b", 2]]


def test_prose_is_no_sheet(tmp_path: Path) -> None:
    """A document is refused with the kinds to ask for instead."""
    with pytest.raises(BadInput, match="PDF or Markdown"):
        XlsxFile().render(Part("x", (Document("t", "", ()),)), to=tmp_path / "x")


# ---------------------------------------------------------------- JSON


def test_json_rows_go_by_name_and_tell_their_grounds(tmp_path: Path) -> None:
    """Rows are plain values by column; beside them stands what each value rests on."""
    JsonFile().render(Part("x.json", (_TABLE,)), to=tmp_path / "x")
    held = json.loads((tmp_path / "x").read_text(encoding="utf-8"))["tables"][0]
    assert held["rows"][0] == {"name": "=1+1", "rows": 601, "price": "1.50", "born": "2026-11-21"}
    grounds = {"standing": "unverified", "source": "inputs/a.txt", "quote": "601 rows", "claims": ["c1"]}
    assert held["sources"][0] == {"row": 0, "column": "rows", **grounds}


def test_json_refuses_two_columns_of_one_name(tmp_path: Path) -> None:
    """One of two equal names would be lost; the message says which."""
    twice = Table("t", (Head("a"), Head("a")), ((Cell(1), Cell(2)),))
    with pytest.raises(BadInput, match="two columns are named 'a'"):
        JsonFile().render(Part("x.json", (twice,)), to=tmp_path / "x")


# ---------------------------------------------------------------- PDF


def _pages(part: Part, folder: Path) -> list[str]:
    PdfFile().render(part, to=folder / "x.pdf")
    with PdfDocument(folder / "x.pdf") as document:
        assert "CreationDate" not in document.get_metadata_dict(skip_empty=True)
        return [document[page].get_textpage().get_text_bounded() for page in range(len(document))]


def test_a_long_table_repeats_its_header(tmp_path: Path) -> None:
    """A table over several pages has its heads on each; pages are numbered x of y."""
    rows = tuple((Cell(f"row {number}"), Cell(number)) for number in range(120))
    pages = _pages(Part("x.pdf", (Document("T", "", (Table("t", (Head("alpha"), Head("beta")), rows),)),)), tmp_path)
    assert len(pages) > 2
    assert all(
        "alpha" in page and f"{number} of {len(pages)}" in page for number, page in enumerate(pages[1:], start=2)
    )


def test_the_cover_lists_the_headings(tmp_path: Path) -> None:
    """Title, subtitle and contents stand on the first page."""
    document = Document("The title", "The subtitle", (Heading("One"), Paragraph((Sentence("a"),)), Heading("Two", 2)))
    first = _pages(Part("x.pdf", (document,)), tmp_path)[0]
    assert all(text in first for text in ("The title", "The subtitle", "Contents", "One", "Two"))


def test_a_source_is_told_once(tmp_path: Path) -> None:
    """Sentences that rest on the same words share one footnote; an unverified one says so."""
    cell = Cell(1, Standing.UNVERIFIED, ("c",), "inputs/a.txt", "a frame with 601 rows")
    sentences = Paragraph((Sentence("First.", (cell,)), Sentence("Second.", (cell,))))
    text = " ".join(_pages(Part("x.pdf", (Document("T", "", (sentences,)),)), tmp_path))
    assert text.count("a frame with 601 rows") == 1
    assert "Not verified." in text
    assert text.count("†") == 2


def test_a_figure_is_drawn_with_its_caption(tmp_path: Path) -> None:
    """Charts go in as vectors whose words can be found."""
    chart = Chart("c", ChartKind.BAR, "Chart title", "set", "rows", (Point("a-set", Cell(1)),))
    text = " ".join(_pages(Part("x.pdf", (Document("T", "", (Figure(chart, "The caption"),)),)), tmp_path))
    assert "The caption" in text
    assert "Figure 1" in text
    assert "Chart title" in text


def test_letters_without_a_font_are_told(tmp_path: Path) -> None:
    """A letter that no font has is named on the first page; of ordinary letters nothing is said."""
    private = _pages(Part("x.pdf", (Document("T", "", (Paragraph((Sentence("a \U0010abcd b"),)),)),)), tmp_path)
    plain = _pages(Part("x.pdf", (Document("T", "", (Paragraph((Sentence("Ελλάδα – “ж”"),)),)),)), tmp_path)
    assert "U+10ABCD" in private[0]
    assert "No font" not in plain[0]


@given(st.lists(st.text(max_size=60), min_size=1, max_size=60), st.integers(0, 3))
def test_no_panel_is_wider_than_the_page(names: list[str], height: int) -> None:
    """Whatever the columns, each panel fits, repeats the first column, and none is lost."""
    rows = tuple(tuple(Cell(name * 2) for name in names) for _ in range(height))
    _, panels = lay_out(Table("t", tuple(Head(name) for name in names), rows), width=470.0, sizes=load_theme().sizes)
    assert all(sum(panel.widths) <= 470.5 for panel in panels)
    assert len({panel.heads[0] for panel in panels}) == 1
    assert sum(len(panel.heads) - 1 for panel in panels) == len(names) - 1


# ---------------------------------------------------------------- charts


@pytest.mark.parametrize("kind", list(ChartKind))
def test_an_unverified_value_looks_otherwise(kind: ChartKind) -> None:
    """In every kind of chart a value that was not verified is drawn otherwise, and a note says what that means."""

    def drawn(standing: Standing) -> str:
        points = (Point("a", Cell(4, standing)), Point("b", Cell(2)))
        return draw_svg(vega_lite(Chart("c", kind, "t", "x", "y", points), theme=load_theme()))

    sure, unsure = drawn(Standing.ACCEPTED), drawn(Standing.UNVERIFIED)
    assert "not verified" in unsure
    assert "not verified" not in sure
    hollow = ('fill-opacity="0.16"', f'fill="{load_theme().colours.paper}" stroke="{load_theme().series[0]}"')
    assert any(look in unsure for look in hollow)
    assert not any(look in sure for look in hollow)


def test_long_labels_stay_unlike() -> None:
    """Labels that are cut to the same letters are told apart, so that no two bars fall together."""
    points = tuple(Point("x" * 80 + str(number), Cell(number)) for number in range(3))
    spec = vega_lite(Chart("c", ChartKind.BAR, "t", "x", "y", points), theme=load_theme())
    held: dict[str, list[dict[str, str]]] = json.loads(json.dumps(spec["data"]))
    assert len({one["x"] for one in held["values"]}) == 3


def test_a_scale_that_cannot_be_a_logarithm_says_so() -> None:
    """Nothing and less have no logarithm; the axis names the scale that is drawn instead."""
    points = (Point("a", Cell(0)), Point("b", Cell(100)))
    spec = vega_lite(Chart("c", ChartKind.BAR, "t", "x", "rows", points, log_y=True), theme=load_theme())
    assert "rows (symmetric log scale)" in str(spec)


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path) -> None:
    """Where a library is not installed, each renderer that needs it names it and the command; no file is begun."""
    code = (
        "import sys; from pathlib import Path\n"
        "for name in ('typst', 'vl_convert', 'xlsxwriter'): sys.modules[name] = None\n"
        "from strop.errors import MissingPart\n"
        "from strop.renderers import chart_file, csv_file, json_file, markdown_file, pdf_file, report, xlsx_file\n"
        "from strop.types.content import Cell, Chart, ChartKind, Head, Part, Table\n"
        "table, chart = Table('t', (Head('a'),), ()), Chart('c', ChartKind.BAR, '', '', '', ())\n"
        "pairs = ((xlsx_file.XlsxFile(), table), (pdf_file.PdfFile(), table), (chart_file.PngFile(), chart))\n"
        "for one, content in pairs:\n"
        "    try: one.render(Part('x', (content,)), to=Path(sys.argv[1]))\n"
        "    except MissingPart as missing: print(missing)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path / "x")]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()
    assert [next(name for name in ("typst", "vl-convert", "xlsxwriter") if name in line) for line in said] == [
        "xlsxwriter",
        "typst",
        "vl-convert",
    ]
    assert all("pip install 'strop[files]'" in line for line in said)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- words and theme


def test_numbers_are_shown_whole() -> None:
    """Digits are grouped for people and never rounded away."""
    assert [shown(one) for one in (3918, 61_204, 1_234_567.25, True, None)] == [
        "3918",
        "61,204",
        "1,234,567.25",
        "true",
        "",
    ]
    assert grouped(3918) == "3,918"
    assert visible("a\u202eb\x00c\ud800") == "abc\ufffd"


def test_a_project_overrides_one_colour(tmp_path: Path) -> None:
    """A theme of one key changes that key and nothing else."""
    path = tmp_path / "theme.toml"
    path.write_text('[colours]\naccent = "#AA0000"\n')
    theme = load_theme(path)
    assert theme.colours.accent == "#aa0000"
    assert theme.colours.ink == load_theme().colours.ink


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[colours]\naccent = "red; } body { display: none"', "Write a colour"),
        ('[fonts]\npage_text = ["a\\"; url(x)"]', "one family"),
        ("[sizes]\ntext = 900", "points from"),
        ("[sizes]\ntext = true", "points from"),
        ('[colour]\naccent = "#aa0000"', "no section colour"),
        ('[colours]\naccend = "#aa0000"', "has no accend"),
        ("x = 1", "not a section"),
        ("[", "theme.toml"),
    ],
)
def test_a_theme_that_is_wrong_is_refused(text: str, message: str, tmp_path: Path) -> None:
    """Nothing but colours, families and sizes gets from a theme into a file."""
    path = tmp_path / "theme.toml"
    path.write_text(text)
    with pytest.raises(ConfigRefused, match=message):
        load_theme(path)
