"""What one format keeps beyond what all keep: spreadsheets, pages, pictures, and the theme."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from datetime import date, datetime, time
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from PIL import Image
from pypdfium2 import PdfDocument

from strop.errors import BadInput, ConfigRefused
from strop.renderers.cells import grouped, shown, visible
from strop.renderers.chart_file import PngFile, SvgFile, draw_svg
from strop.renderers.csv_file import CsvFile, inert
from strop.renderers.glyphs import lost_letters, lost_remark
from strop.renderers.grid import lay_out
from strop.renderers.html_file import HtmlFile
from strop.renderers.json_file import JsonFile
from strop.renderers.language import language_of
from strop.renderers.pdf_file import PdfFile
from strop.renderers.plain_book import PlainBook, style_of
from strop.renderers.sheet_cells import blank_cell, day_number, formula_cell, number_cell, text_cell, truth_cell
from strop.renderers.sheets import letters
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
    Total,
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


def test_bars_lie_with_the_first_on_top(tmp_path: Path) -> None:
    """Places stand at the upright axis from the top down, the scale runs from the left, each under its own title."""
    chart = Chart("c", ChartKind.BAR, "Rows", "place", "count", (Point("a", Cell(1)), Point("b", Cell(2))))
    XlsxFile().render(Part("x", (chart,)), to=tmp_path / "x.xlsx")
    with ZipFile(tmp_path / "x.xlsx") as archive:
        drawn = archive.read("xl/charts/chart1.xml").decode()
    places, values = drawn[drawn.index("<c:catAx>") :].split("<c:valAx>")
    assert "<a:t>place</a:t>" in places
    assert '<c:orientation val="maxMin"/>' in places
    assert "<a:t>count</a:t>" in values
    assert '<c:orientation val="minMax"/>' in values
    assert '<c:crosses val="max"/>' in values


@pytest.mark.parametrize("title", ["Stop!A1", "=Charts!$B$2", "a b!C3"])
def test_a_title_names_no_cell(title: str, tmp_path: Path) -> None:
    """A chart's title and axes are words, also where they look like the name of a cell."""
    chart = Chart("c", ChartKind.BAR, title, title, title, (Point("a", Cell(1)),))
    XlsxFile().render(Part("x", (chart,)), to=tmp_path / "x.xlsx")
    with ZipFile(tmp_path / "x.xlsx") as archive:
        drawn = archive.read("xl/charts/chart1.xml").decode()
    assert drawn.replace("\u2060", "").count(f"<a:t>{title}</a:t>") == 3


def test_rows_of_ours_are_the_librarys_own(tmp_path: Path) -> None:
    """Finished rows make the same file, byte for byte, as xlsxwriter's methods, whatever stands around them."""
    texts = ("plain", " kept ", "a\nb", "<&>\"'", "_x0041_", "")
    numbers = (0.1, -3, 1e300, 2**53, 12345.678901234567)
    days = tuple(map(date.fromisoformat, ("1900-01-02", "1900-02-28", "1900-03-01", "2026-11-22")))
    files: list[bytes] = []
    for ours in (True, False):
        book = PlainBook(str(tmp_path))
        sheet, look = book.sheet("S"), book.look({"bold": True})
        sheet.write_string(0, 0, "head", look)
        sheet.write_comment(1, 2, "said")
        if ours:
            style = style_of(look)
            rows = [[text_cell(f"{letters(at)}2", style, text) for at, text in enumerate(texts)]]
            rows += [[number_cell(f"{letters(at)}3", style, number) for at, number in enumerate(numbers)]]
            rows += [[number_cell(f"{letters(at)}4", style, day_number(day)) for at, day in enumerate(days)]]
            rows += [[truth_cell("A5", style, held=True), blank_cell("B5", style)]]
            rows += [[formula_cell("A6", style, "A1&B2", 25)]]
            sheet.put_rows(rows, first=1, width=len(texts))
        else:
            for at, text in enumerate(texts):
                sheet.write_string(1, at, text, look)
            for at, number in enumerate(numbers):
                sheet.write_number(2, at, number, look)
            for at, day in enumerate(days):
                sheet.write_datetime(3, at, datetime.combine(day, time()), look)
            sheet.write_boolean(4, 0, True, look)
            sheet.write_blank(4, 1, None, look)
            sheet.write_formula(5, 0, "=A1&B2", look, 25)
        sheet.write_string(8, 1, "tail", look)
        files.append(book.closed())
    assert files[0] == files[1]


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


_GROWS = """
import sys
from pathlib import Path
from strop.renderers.pdf_file import PdfFile
from strop.types.content import Document, Heading, Paragraph, Part, Sentence

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

text = Paragraph(tuple(Sentence(f"Bell {number} hangs in the tower of the station. ") for number in range(200)))
sizes = []
for turn in range(5):
    part = Part("x.pdf", (Document(f"Bells {turn}", "", (Heading("Bells"), *(text,) * 12)),))
    PdfFile().render(part, to=Path(sys.argv[1]))
    sizes.append(resident())
print((sizes[-1] - sizes[1]) / sizes[1])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no count of pages held is read here")
def test_a_long_document_is_forgotten(tmp_path: Path) -> None:
    """A process that sets one long document after the other does not grow by each of them."""
    done = subprocess.run([sys.executable, "-c", _GROWS, str(tmp_path / "x.pdf")], env=os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path)}, check=True, capture_output=True, text=True)  # fmt: skip
    assert float(done.stdout) < 0.2


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


def test_one_changed_colour_is_in_every_format(tmp_path: Path) -> None:
    """A project's accent, and its first colour of series, stand in the PDF, the workbook, the chart and the page."""
    path = tmp_path / "theme.toml"
    path.write_text('[colours]\naccent = "#c71585"\n[series]\ncolours = ["#c71585"]\n')
    theme, pink = load_theme(path), (0xC7, 0x15, 0x85)
    chart = Chart("c", ChartKind.BAR, "t", "x", "y", (Point("a", Cell(2)), Point("b", Cell(1))))
    document = Document("T", "", (Heading("One"), Paragraph((Sentence("a"),))))
    writers = (PdfFile(theme), PngFile(theme), SvgFile(theme), HtmlFile(theme), XlsxFile(theme))
    parts = (document, chart, chart, document, _TABLE)
    for writer, content in zip(writers, parts, strict=True):
        writer.render(Part(f"x.{writer.kind}", (content,)), to=tmp_path / f"x.{writer.kind}")
    with PdfDocument(tmp_path / "x.pdf") as pages:
        drawn = pages[0].render(scale=1).to_pil().convert("RGB")
    for picture in (drawn, Image.open(tmp_path / "x.png").convert("RGB")):
        assert pink in {colour for _, colour in picture.getcolors(2**24) or []}
    assert all("#c71585" in (tmp_path / name).read_text("utf-8") for name in ("x.svg", "x.html"))
    book = load_workbook(tmp_path / "x.xlsx")
    assert book.worksheets[0]["A1"].fill.fgColor.rgb[2:].lower() == "c71585"


# ---------------------------------------------------------------- HTML


_SOURCED = Cell(1, Standing.UNVERIFIED, ("c0ffee",), "inputs/a.txt:3-9", "a frame with 601 rows", "mean(c1, c2)")


def _html(document: Document, folder: Path, file: str = "x.html") -> str:
    HtmlFile().render(Part(file, (document,)), to=folder / "x.html")
    return (folder / "x.html").read_text(encoding="utf-8")


def test_a_note_leads_to_the_words_and_back(tmp_path: Path) -> None:
    """A sentence and a cell lead to one note with source, quote, formula and claim; it leads back to both."""
    table = Table("t", (Head("a"),), ((_SOURCED,),))
    text = _html(Document("T", "", (Paragraph((Sentence("One.", (_SOURCED,)),)), table)), tmp_path)
    note = text[text.index('<li id="n1">') :]
    assert text.count('href="#n1"') == 2
    assert all(word in note for word in ("inputs/a.txt:3-9", "a frame with 601 rows", "mean(c1, c2)", "c0ffee"))
    assert all(f'id="{back}"' in text and f'href="#{back}"' in note for back in ("r1-1", "r1-2"))


def test_a_page_is_read_without_a_mouse_and_aloud(tmp_path: Path) -> None:
    """Language and direction, one first heading and no level left out, a way past the contents, named regions."""
    blocks = (
        Heading("Erstens"),
        Heading("Tief", 4),
        Paragraph((Sentence("Das ist nicht die Frage, die wir stellen."),)),
    )
    german = (
        "Die Mitglieder und die Preise sind nicht mit dem Jahr gestiegen, das für eine Zählung von den Hallen galt."
    )
    text = _html(Document("T", "", (*blocks, Paragraph((Sentence(german),)), _TABLE)), tmp_path)
    assert '<html lang="de">' in text
    assert re.findall(r"<h([1-6])[ >]", text) == ["1", "2", "2", "3", "2"]
    assert 'href="#text"' in text
    assert 'role="region"' in text
    assert '<html lang="he" dir="rtl">' in _html(Document("שלום", "", (Paragraph((Sentence("שלום עולם"),)),)), tmp_path)


def test_a_page_of_a_site_knows_its_neighbours(tmp_path: Path) -> None:
    """The page itself is marked in the list of pages; the one before and the one after are at its end."""
    nav = (("All", "index.html"), ("One & <two>", "one.html"), ("Three", "three x.html"))
    text = _html(Document("One & <two>", "All", (Heading("a"),), nav), tmp_path, "site/one.html")
    assert '<a href="one.html" aria-current="page"><bdi>One &amp; &lt;two&gt;</bdi></a>' in text
    assert re.search(r'(?s)href="index.html" rel="prev".*href="three%20x.html" rel="next"', text)


def test_totals_stand_below_the_rows(tmp_path: Path) -> None:
    """Each function is a line with its name, in PDF and HTML; digits are grouped as people read them."""
    totals = (Total("n", "sum", Cell(12_345)), Total("n", "mean", Cell(6172.5)))
    table = Table("t", (Head("a"), Head("n", ColumnType.INTEGER)), ((Cell("x"), Cell(12_345)),), "", totals)
    text = _html(Document("T", "", (table,)), tmp_path)
    assert re.search(r"<tfoot>.*Total.*12,345.*Mean.*6,172.5.*</tfoot>", text)
    assert re.search(r"Total\s*12,345\s*Mean\s*6,172.5", "".join(_pages(Part("x", (table,)), tmp_path)))


# ---------------------------------------------------------------- more of charts and pages


def test_claims_of_tables_are_listed_at_the_end(tmp_path: Path) -> None:
    """A cell of a PDF's table has no room for a note; its claim stands in the list behind it."""
    text = _pages(Part("x", (Document("T", "", (Heading("A"), _TABLE)),)), tmp_path)[-1]
    assert "Table 1, row 1 (=1+1): rows c1" in text


def test_headings_are_numbered_unless_they_bring_numbers(tmp_path: Path) -> None:
    """A document whose headings have numbers of their own keeps them alone."""
    plain = "".join(_pages(Part("x", (Document("T", "", (Heading("One"), Heading("Two", 2))),)), tmp_path))
    own = "".join(_pages(Part("x", (Document("T", "", (Heading("1. One"), Heading("1.1 Two", 2))),)), tmp_path))
    assert "1.1 Two" in squeezed_spaces(plain)
    assert "1 1. One" not in squeezed_spaces(own)


def squeezed_spaces(text: str) -> str:
    return " ".join(text.split())


def test_years_have_no_commas_and_counts_have_units() -> None:
    """1999 to 2004 are years; a figure of billions is counted in billions, and the axis says so."""
    years = tuple(Point(float(year), Cell(year)) for year in range(1999, 2005))
    drawn = draw_svg(vega_lite(Chart("c", ChartKind.LINE, "t", "x", "y", years), theme=load_theme()))
    assert ">2000<" in drawn
    large = (Point("a", Cell(5 * 10**10)), Point("b", Cell(2 * 10**10)))
    drawn = draw_svg(vega_lite(Chart("c", ChartKind.BAR, "t", "x", "Euros", large), theme=load_theme()))
    assert "Euros (billions)" in drawn
    assert "50,000,000,000" in drawn, "the value at its bar stays whole"


def test_no_two_series_of_twenty_have_one_colour() -> None:
    """When the palette is used up, its colours come again in other shades."""
    points = tuple(Point(float(x), Cell(x * s), f"s{s}") for x in range(3) for s in range(20))
    spec = json.dumps(vega_lite(Chart("c", ChartKind.LINE, "t", "x", "y", points), theme=load_theme()))
    (colours,) = set(re.findall(r'"range": (\[[^]]*\])', spec))
    assert len(set(json.loads(colours))) == 20


def test_bars_beyond_a_page_are_told() -> None:
    """A drawing of more bars than can be read says how many it leaves out."""
    points = tuple(Point(f"item {n}", Cell(n)) for n in range(200))
    drawn = draw_svg(vega_lite(Chart("c", ChartKind.BAR, "t", "x", "y", points), theme=load_theme()))
    assert "The first 80 of 200 are drawn" in drawn
    assert "item 79" in drawn
    assert "item 80" not in drawn


def test_a_picture_names_the_letters_it_cannot_draw() -> None:
    """A letter that no font has is asked for and named; ordinary ones are not asked for."""
    assert lost_letters(["a \U0010abcd b"]) == ("\U0010abcd",)
    assert lost_remark(("\U0010abcd",)) == "No font here draws U+10ABCD"
    assert lost_letters(["Ελλάδα"]) == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The members of the union and the prices of that year were for all.", "en"),
        ("Les prix des salles et la part des membres qui sont dans la ville pour une année", "fr"),
        ("El precio de los miembros y la parte de las salas que se abren por año", "es"),
        ("日本語の文章です。とても短いです。", "ja"),
        ("中文句子在这里", "zh"),
        ("", "en"),
        ("x = 1", "en"),
    ],
)
def test_the_language_is_that_of_most_words(text: str, code: str) -> None:
    """By letters, then by the commonest words; where nothing tells, English."""
    assert language_of(text).code == code
