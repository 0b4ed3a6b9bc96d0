"""What decks and documents keep beyond what all formats keep; read by python-pptx, python-docx and openpyxl."""

from __future__ import annotations

import io
import posixpath
import re
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import docx
import openpyxl
import pptx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pptx.enum.dml import MSO_THEME_COLOR

from strop.errors import BadInput
from strop.renderers.docx_file import DocxFile
from strop.renderers.letters import leads_right, lines, width
from strop.renderers.pptx_file import PptxFile
from strop.renderers.slides import HEIGHT, MOST_SLIDES, Rows, faces
from strop.renderers.theme import load_theme
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    ChartKind,
    Code,
    Deck,
    Document,
    Figure,
    Head,
    Heading,
    Paragraph,
    Part,
    Point,
    Sentence,
    Slide,
    Standing,
    Table,
    Total,
)
from strop.types.work import ColumnType

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def proved(value: int | float | str | None, standing: Standing = Standing.ACCEPTED, number: int = 1) -> Cell:
    return Cell(value, standing, (f"claim-{number}",), f"inputs/a{number}.txt:10-20", f"it says {value}")


def long_table(rows: int = 60) -> Table:
    body = tuple((proved(f"name {number}", number=number), Cell(number)) for number in range(rows))
    totals = (Total("count", "sum", Cell(1_770)), Total("count", "mean", Cell(29.5)))
    return Table("long", (Head("name"), Head("count", ColumnType.INTEGER)), body, totals=totals)


BARS = Chart(
    "bars",
    ChartKind.BAR,
    "Depths",
    "well",
    "depth",
    (
        Point("a", proved(3)),
        Point("b", proved(12.5, Standing.UNVERIFIED, 2)),
        Point("c", Cell(None)),
        Point("a", Cell(4)),
    ),
)
STACKED = Chart(
    "stack",
    ChartKind.STACKED,
    "Standing",
    "field",
    "values",
    tuple(Point(x, Cell(n), s) for x in ("one", "two") for s, n in (("accepted", 5), ("other", 2))),
)
LINE = Chart("line", ChartKind.LINE, "Course", "year", "depth", tuple(Point(float(n), Cell(n * n)) for n in (1, 2, 4)))


def drawn(*slides: Slide, folder: Path, title: str = "Wells") -> pptx.presentation.Presentation:
    to = folder / "deck.pptx"
    PptxFile().render(Part("deck.pptx", (Deck(title, "eighteen", slides),)), to=to)
    return pptx.Presentation(str(to))


def chart_of(slide: pptx.slide.Slide) -> pptx.chart.chart.Chart:
    return next(shape.chart for shape in slide.shapes if shape.has_chart)


def titles(deck: pptx.presentation.Presentation) -> list[str]:
    return [slide.shapes.title.text for slide in deck.slides]


# ---------------------------------------------------------------- letters


@given(st.text(max_size=300), st.floats(6, 30), st.floats(20, 400))
def test_broken_text_is_the_text(text: str, size: float, room: float) -> None:
    """Lines, joined, are the text again; each fits its room, but for one letter and the space at its end."""
    broken = lines(text, size, room)
    assert "".join(broken) == text
    assert all(width(line.rstrip(), size) <= room or len(line.strip()) <= 1 for line in broken)


@pytest.mark.parametrize(
    ("text", "right"), [("12 שלום", True), ("a שלום", False), ("مرحبا", True), ("", False), ("é", False)]
)
def test_the_first_letter_decides_the_direction(text: str, right: bool) -> None:
    """Digits and spaces have no direction; the first letter has."""
    assert leads_right(text) is right


# ---------------------------------------------------------------- decks

_words = st.text(st.sampled_from("abc DEF,.\n日本ש"), min_size=1, max_size=700)
_blocks = st.one_of(
    st.builds(lambda words: Paragraph(tuple(map(Sentence, words))), st.lists(_words, min_size=1, max_size=4)),
    st.builds(lambda words: Bullets(tuple(map(Sentence, words))), st.lists(_words, min_size=1, max_size=12)),
    st.builds(lambda words: Heading(words, 2), _words),
    st.builds(Callout, _words),
    st.just(Figure(BARS)),
    st.builds(long_table, st.integers(0, 40)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_blocks, max_size=6))
def test_no_slide_runs_over(blocks: list[Block]) -> None:
    """Whatever stands on a slide, every piece of every page lies inside the slide and none on another."""
    for face in faces(Deck("t", "", (Slide("s", tuple(blocks)),)), file="x.pptx"):
        below = 0.0
        for top, piece in face.pieces:
            assert top >= below
            below = top + piece.height
        assert below <= HEIGHT + 0.1


def test_a_long_table_goes_on_with_its_header(tmp_path: Path) -> None:
    """Each slide of it has the header and says which part it is; every row is there once, the totals at the end."""
    deck = drawn(Slide("Table", (long_table(),)), folder=tmp_path)
    parts = [slide for slide in deck.slides if slide.shapes.title.text.startswith("Table")]
    assert [slide.shapes.title.text for slide in parts] == [
        f"Table ({n}/{len(parts)})" for n in range(1, len(parts) + 1)
    ]
    tables = [next(shape.table for shape in slide.shapes if shape.has_table) for slide in parts]
    held = [[[cell.text for cell in row.cells] for row in table.rows] for table in tables]
    assert all(rows[0] == ["name", "count"] for rows in held)
    body = [row for rows in held for row in rows[1:]]
    assert [row[0] for row in body] == [*(f"name {n}" for n in range(60)), "Total", "Mean"]
    assert body[-2:] == [["Total", "1770"], ["Mean", "29.5"]]


def test_a_wide_table_gets_small_letters_then_parts(tmp_path: Path) -> None:
    """Letters shrink to nine points and no further; then columns stand on slides of their own."""
    heads = tuple(Head(f"a long head {number}") for number in range(40))
    wide = Table("wide", heads, (tuple(Cell("some words") for _ in heads),))
    pieces = [piece for face in faces(Deck("t", "", (Slide("s", (wide,)),)), file="x") for _, piece in face.pieces]
    letters = {piece.letter for piece in pieces if isinstance(piece, Rows)}
    assert letters == {9.0}
    assert sum(isinstance(piece, Rows) for piece in pieces) > 1


def test_notes_say_where_each_value_stands(tmp_path: Path) -> None:
    """What the speaker says, then every value of the slide with claim, source, quote and doubt; also a chart's."""
    said = Sentence("The well is deep.", (proved(30, Standing.UNVERIFIED, 7),))
    slide = Slide("Depth", (Bullets((said,)), Figure(BARS)), (Sentence("Begin slowly."),))
    notes = drawn(slide, folder=tmp_path).slides[1].notes_slide.notes_text_frame.text.splitlines()
    assert notes[0] == "Begin slowly."
    assert "30†: claim claim-7; inputs/a7.txt:10-20; “it says 30”; not verified: nothing confirmed this value" in notes
    assert any(line.startswith("3: claim claim-1; inputs/a1.txt:10-20") for line in notes)


def test_the_last_slides_are_the_sources(tmp_path: Path) -> None:
    """Each file once with how many values rest on it; too many for a slide go on to the next."""
    few = drawn(Slide("One", (Bullets((Sentence("a", (proved(1), proved(2))),)),)), folder=tmp_path)
    assert titles(few)[-1] == "Sources"
    assert "inputs/a1.txt: 2 values" in few.slides[-1].placeholders[1].text
    many = Bullets(tuple(Sentence("a", (proved(n, number=n),)) for n in range(60)))
    assert re.fullmatch(r"Sources \((\d)/\1\)", titles(drawn(Slide("Many", (many,)), folder=tmp_path))[-1])


def test_a_chart_is_native_and_holds_its_values(tmp_path: Path) -> None:
    """Categories, values, a gap and a name that stands twice; axes are titled, one series has no legend."""
    chart = chart_of(drawn(Slide("Depths", (Figure(BARS),)), folder=tmp_path).slides[1])
    plot = chart.plots[0]
    assert list(plot.categories) == ["a", "b", "c", "a"]
    assert list(plot.series[0].values) == [3, 12.5, None, 4]
    assert not chart.has_legend
    assert chart.category_axis.axis_title.text_frame.text == "well"
    assert chart.value_axis.axis_title.text_frame.text == "depth"
    assert plot.series[0].format.fill.fore_color.theme_color == MSO_THEME_COLOR.ACCENT_1
    assert plot.series[0].points[1].format.fill.fore_color.theme_color == MSO_THEME_COLOR.BACKGROUND_1


def test_the_workbook_of_a_chart_has_its_values_and_claims(tmp_path: Path) -> None:
    """Who edits the data of a chart finds what is drawn, and the claims behind it."""
    chart = chart_of(drawn(Slide("Depths", (Figure(BARS),)), folder=tmp_path).slides[1])
    book = openpyxl.load_workbook(io.BytesIO(chart.part.chart_workbook.xlsx_part.blob))
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    assert rows == [
        ("well", "depth", "claims of depth"),
        ("a", 3, "claim-1"),
        ("b", 12.5, "claim-2"),
        ("c", None, None),
        ("a", 4, None),
    ]


def test_series_have_a_legend_and_standings_their_colours(tmp_path: Path) -> None:
    """More than one series: a legend; `accepted` is the colour it has in every other format."""
    chart = chart_of(drawn(Slide("Standing", (Figure(STACKED),)), folder=tmp_path).slides[1])
    assert chart.has_legend
    accepted, other = chart.plots[0].series
    assert f"#{accepted.format.fill.fore_color.rgb}".lower() == load_theme().standing_colour("accepted")
    assert other.format.fill.fore_color.theme_color == MSO_THEME_COLOR.ACCENT_2


def test_points_over_numbers_keep_their_places(tmp_path: Path) -> None:
    """A line over numbers is drawn over numbers, not over categories at equal distances."""
    series = chart_of(drawn(Slide("Course", (Figure(LINE),)), folder=tmp_path).slides[1]).plots[0].series[0]
    assert list(series.iter_values()) == [1.0, 4.0, 16.0]
    assert [float(each.text) for each in series._element.findall(".//{*}xVal//{*}v")] == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("renderer", [PptxFile, DocxFile], ids=["pptx", "docx"])
def test_a_theme_of_the_project_is_the_files_own(renderer: type[PptxFile | DocxFile], tmp_path: Path) -> None:
    """Colours and fonts that a user changes stand in the file's theme, not painted over it."""
    (tmp_path / "theme.toml").write_text('[colours]\naccent = "#123456"\n[fonts]\nsheet = "Georgia"\n')
    theme = load_theme(tmp_path / "theme.toml")
    renderer(theme).render(Part("x", (LINE,)), to=tmp_path / "x")
    with ZipFile(tmp_path / "x") as archive:
        name = next(name for name in archive.namelist() if name.endswith("theme/theme1.xml"))
        root = ElementTree.fromstring(archive.read(name))
    assert root.find(".//{*}dk2/{*}srgbClr").get("val") == "123456"
    assert root.find(".//{*}minorFont/{*}latin").get("typeface") == "Georgia"


@pytest.mark.parametrize("renderer", [PptxFile(), DocxFile()], ids=["pptx", "docx"])
def test_every_part_is_named_and_found(renderer: PptxFile | DocxFile, tmp_path: Path) -> None:
    """Each relationship leads to a part, each part has a content type, every shape of a slide its own number."""
    chart = Figure(BARS)
    blocks = (Heading("a"), Callout("b", "warning"), chart, long_table(3), Bullets((Sentence("c", (proved(1),)),)))
    renderer.render(Part("x", (Document("t", "s", blocks),)), to=tmp_path / "x")
    with ZipFile(tmp_path / "x") as archive:
        names = set(archive.namelist())
        types = ElementTree.fromstring(archive.read("[Content_Types].xml"))
        ends = {each.get("Extension") for each in types if each.tag.endswith("Default")}
        named = {str(each.get("PartName"))[1:] for each in types if each.tag.endswith("Override")}
        assert named <= names
        assert all(
            name in named or name.rpartition(".")[2] in ends - {"xml"} for name in names - {"[Content_Types].xml"}
        )
        for name in sorted(names):
            if name.endswith(".rels"):
                folder = posixpath.dirname(posixpath.dirname(name))
                for each in ElementTree.fromstring(archive.read(name)):
                    assert posixpath.normpath(posixpath.join(folder, str(each.get("Target")))) in names
            if name.startswith("ppt/slides/slide"):
                ids = [
                    each.get("id")
                    for each in ElementTree.fromstring(archive.read(name)).iter()
                    if each.tag.endswith("cNvPr")
                ]
                assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Code("print(1)"), "code has a file of its own"),
        (Deck("t", "", tuple(Slide(str(n), (Callout("x"),)) for n in range(MOST_SLIDES))), "are no deck"),
        (Deck("t", "", (Slide("s", (Callout("x " * 20_000),)),)), "a slide is no place for more"),
    ],
)
def test_what_is_no_deck_is_refused(content: Code | Deck, message: str, tmp_path: Path) -> None:
    """One message that says what to ask for instead, and no file."""
    with pytest.raises(BadInput, match=message):
        PptxFile().render(Part("x.pptx", (content,)), to=tmp_path / "x")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- documents

SAID = Sentence("The well is deep.", (proved(30, Standing.UNVERIFIED, 7),))
DOCUMENT = Document(
    "The wells",
    "Eighteen of them",
    (
        Heading("Summary"),
        Paragraph((SAID, Sentence("Another."))),
        Heading("Depths", 2),
        Figure(BARS, "Depth of each well"),
        Heading("Table"),
        long_table(3),
        Paragraph((SAID,)),
    ),
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    DocxFile().render(Part("wells.docx", (DOCUMENT,)), to=tmp_path / "wells.docx")
    return tmp_path / "wells.docx"


def part_of(path: Path, name: str) -> ElementTree.Element:
    with ZipFile(path) as archive:
        return ElementTree.fromstring(archive.read(name))


def test_headings_are_headings_and_stand_in_the_contents(written: Path) -> None:
    """Real styles, and a contents field whose entries link to them before anyone updates it."""
    paragraphs = docx.Document(str(written)).paragraphs
    heads = [(each.style.name, each.text) for each in paragraphs if each.style.name.startswith("Heading")]
    assert heads == [("Heading 1", "Summary"), ("Heading 2", "Depths"), ("Heading 1", "Table")]
    assert [each.text for each in paragraphs if each.style.name.startswith("toc")] == ["Summary", "Depths", "Table"]
    root = part_of(written, "word/document.xml")
    marks = {each.get(f"{_W}name") for each in root.iter(f"{_W}bookmarkStart")}
    assert {each.get(f"{_W}anchor") for each in root.iter(f"{_W}hyperlink")} <= marks
    assert any("TOC" in (each.text or "") for each in root.iter(f"{_W}instrText"))


def test_a_table_repeats_its_header_and_breaks_no_row(written: Path) -> None:
    """On every page the header; rows stay whole; totals are the last rows, in bold."""
    table = docx.Document(str(written)).tables[0]
    assert table.rows[0]._tr.find(f".//{_W}tblHeader") is not None
    assert all(row._tr.find(f".//{_W}cantSplit") is not None for row in table.rows)
    assert [cell.text for cell in table.rows[-2].cells] == ["Total", "1770"]
    assert all(run.bold for cell in table.rows[-1].cells for run in cell.paragraphs[0].runs)
    assert not any(run.bold for cell in table.rows[1].cells for run in cell.paragraphs[0].runs)


def test_footnotes_are_real_and_told_once(written: Path) -> None:
    """A footnote has source, quote, claim and doubt; the second sentence on the same value refers to the first."""
    notes = part_of(written, "word/footnotes.xml")
    own = [each for each in notes.iter(f"{_W}footnote") if each.get(f"{_W}type") is None]
    assert ["".join(each.itertext()).strip() for each in own] == [
        "inputs/a7.txt:10-20; “it says 30”; claim claim-7; not verified: nothing confirmed this value."
    ]
    root = part_of(written, "word/document.xml")
    assert [each.get(f"{_W}id") for each in root.iter(f"{_W}footnoteReference")] == ["1"]
    again = [each.text or "" for each in root.iter(f"{_W}instrText") if "NOTEREF" in (each.text or "")]
    mark = again[0].split()[1]
    assert mark in {each.get(f"{_W}name") for each in root.iter(f"{_W}bookmarkStart")}


def test_a_figure_has_words_for_who_does_not_see_it(written: Path) -> None:
    """Alternative text, a caption with its number, and a size that fits the page."""
    opened = docx.Document(str(written))
    (shape,) = opened.inline_shapes
    assert shape._inline.docPr.get("descr") == "Depths"
    assert shape.width.pt <= 460
    assert "Figure 1. Depth of each well" in [each.text for each in opened.paragraphs if each.style.name == "Caption"]


def test_pages_are_numbered_by_the_reader(written: Path) -> None:
    """The footer counts pages by fields: this one, and how many there are."""
    footer = docx.Document(str(written)).sections[0].footer
    fields = [each.text.strip() for each in footer._element.iter(f"{_W}instrText")]
    assert fields == ["PAGE", "NUMPAGES"]
