"""Decks and documents held to their contract, on files that another library wrote and that were then broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import docx
import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from strop.checking.contracts import contract
from strop.checking.opened import open_file
from strop.checking.shown import same_shown
from strop.types.work import Count, Kind, Output

DECK = Output("d.pptx", Kind.PPTX, slides=Count(least=3), charts=Count(least=1), sections=("Summary", "Depths"))
CSV = "well,depth\r\nW 1,1000\r\nW 2,12.5\r\nW 3,7\r\n"


def deck(path: Path, *, cells: Mapping[tuple[int, int], str] | None = None, depth: float = 1000) -> Path:
    """Title slide, `Summary (1/2)` with a table, `Depths` with a chart, as python-pptx writes them."""
    made = pptx.Presentation()
    made.slides.add_slide(made.slide_layouts[0]).shapes.title.text = "Wells"
    made.slides[0].placeholders[1].text = "a deck"
    summary = made.slides.add_slide(made.slide_layouts[5])
    summary.shapes.title.text = "Summary (1/2)"
    table = summary.shapes.add_table(3, 2, Inches(1), Inches(2), Inches(4), Inches(2)).table
    texts = {(0, 0): "well", (0, 1): "depth", (1, 0): "W 1", (1, 1): "1,000†", (2, 0): "W 3", (2, 1): "7"}
    for (row, column), text in {**texts, **(cells or {})}.items():
        table.cell(row, column).text = text
    depths = made.slides.add_slide(made.slide_layouts[5])
    depths.shapes.title.text = "Depths"
    held = CategoryChartData()
    held.categories = ["W 1", "W 2"]
    held.add_series("depth", (depth, 12.5))
    box = (Inches(1), Inches(2), Inches(4), Inches(3))
    chart = depths.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, *box, held).chart
    chart.value_axis.has_title = True
    chart.value_axis.axis_title.text_frame.text = "depth (log scale)"
    depths.notes_slide.notes_text_frame.text = "claim c1"
    made.save(str(path))
    return path


def told(output: Output, path: Path) -> list[str]:
    return [f"{finding.locator}: {finding.observed}" for finding in contract(output, path)]


def edited(path: Path, change: Callable[[pptx.presentation.Presentation], object]) -> Path:
    made = pptx.Presentation(str(path))
    change(made)
    made.save(str(path))
    return path


def rewritten(path: Path, name: str, change: Callable[[bytes], bytes | None]) -> Path:
    """The archive with one part changed, or left out."""
    with ZipFile(path) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    changed = change(parts.pop(name))
    if changed is not None:
        parts[name] = changed
    with ZipFile(path, "w") as archive:
        for each, body in parts.items():
            archive.writestr(each, body)
    return path


def test_a_deck_is_read_as_it_is(tmp_path: Path) -> None:
    """Titles, words, notes, tables and the values of charts, from bytes that another library wrote."""
    opened = open_file(deck(tmp_path / "d.pptx"), kind=Kind.PPTX)
    assert not isinstance(opened, str)
    assert opened.slides is not None
    assert [slide.title for slide in opened.slides] == ["Wells", "Summary (1/2)", "Depths"]
    assert "Summary" in opened.headings
    assert opened.slides[2].notes == "claim c1"
    assert opened.shown[0].names == ("well", "depth")
    assert opened.shown[0].rows == (("W 1", "1,000"), ("W 3", "7"))
    (chart,) = opened.plotted
    assert chart.y_title == "depth (log scale)"
    assert [(name, [(x, float(y)) for x, y in points]) for name, points in chart.series] == [
        ("depth", [("W 1", 1000.0), ("W 2", 12.5)])
    ]
    assert told(DECK, tmp_path / "d.pptx") == []


def _drop_last(made: pptx.presentation.Presentation) -> None:
    slides = made.slides._sldIdLst
    made.part.drop_rel(slides[-1].rId)
    slides.remove(slides[-1])


def _lonely(made: pptx.presentation.Presentation) -> None:
    made.slides.add_slide(made.slide_layouts[5]).shapes.title.text = "Alone"


def _unfilled(made: pptx.presentation.Presentation) -> None:
    made.slides.add_slide(made.slide_layouts[1]).shapes.title.text = "Later"


def _untitled(made: pptx.presentation.Presentation) -> None:
    made.slides.add_slide(made.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9).text_frame.text = "words"


def _prompt(made: pptx.presentation.Presentation) -> None:
    made.slides[1].shapes.title.text = "Click to add title"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_drop_last, ["charts: 0", "slides: 2", "section Depths: nowhere in the text"]),
        (_lonely, ["slide 4: a title alone"]),
        (_unfilled, ["slide 4: a title alone", "slide 4: an empty obj placeholder"]),
        (_untitled, ["slide 4: none"]),
        (_prompt, ["section Summary: nowhere in the text", "line 3: Click to add title"]),
    ],
    ids=["a slide fewer", "empty slide", "unfilled", "no title", "placeholder"],
)
def test_what_a_deck_lacks_is_said_with_its_place(
    tmp_path: Path, change: Callable[[pptx.presentation.Presentation], None], expected: list[str]
) -> None:
    """Each shortfall is one finding that names the slide."""
    assert told(DECK, edited(deck(tmp_path / "d.pptx"), change)) == expected


def test_eleven_of_twelve_slides(tmp_path: Path) -> None:
    """The count stands in the finding."""
    exact = Output("d.pptx", Kind.PPTX, slides=Count(12, 12))
    path = deck(tmp_path / "d.pptx")

    def filled(made: pptx.presentation.Presentation) -> None:
        for number in range(8):
            slide = made.slides.add_slide(made.slide_layouts[1])
            slide.shapes.title.text, slide.placeholders[1].text = f"More {number}", "words"

    assert told(exact, edited(path, filled)) == ["slides: 11"]


def test_a_deck_without_slides_is_blank(tmp_path: Path) -> None:
    """It opens, and there is nothing to see."""
    pptx.Presentation().save(str(tmp_path / "d.pptx"))
    assert told(Output("d.pptx", Kind.PPTX), tmp_path / "d.pptx") == ["file: nothing"]


def test_a_truncated_deck_does_not_open(tmp_path: Path) -> None:
    """Cut anywhere, it is one finding, not an exception."""
    path = deck(tmp_path / "d.pptx")
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        (only,) = told(DECK, path)
        assert only.startswith("file: is no PPTX")


@pytest.mark.parametrize(
    ("part", "change", "expected"),
    [
        ("ppt/slides/slide2.xml", lambda body: None, "names ppt/slides/slide2.xml, which is not there"),
        ("ppt/slides/slide2.xml", lambda body: body[:200], "ParseError"),
        (
            "ppt/slides/slide2.xml",
            lambda body: body.replace(b"<p:sld ", b'<!DOCTYPE x [<!ENTITY a "b">]><p:sld ', 1),
            "entities are not read",
        ),
        ("[Content_Types].xml", lambda body: None, "[Content_Types].xml is not there"),
        ("_rels/.rels", lambda body: None, "no part is its officeDocument"),
    ],
    ids=["no part", "cut part", "entity", "no types", "no relations"],
)
def test_a_broken_part_is_said(
    tmp_path: Path, part: str, change: Callable[[bytes], bytes | None], expected: str
) -> None:
    """Parts that are missing, cut or hold entities make the file one that does not open."""
    found = told(DECK, rewritten(deck(tmp_path / "d.pptx"), part, change))
    assert [expected in each for each in found] == [True]


# ---------------------------------------------------------------- documents

DOCUMENT = Output("d.docx", Kind.DOCX, sections=("Summary", "Sources"), charts=Count(1, 1))


def document(path: Path, *sections: str, picture: Path | None = None) -> Path:
    made = docx.Document()
    for section in sections:
        made.add_heading(section, level=1)
        made.add_paragraph("Some words.")
    if picture:
        made.add_picture(str(picture))
    table = made.add_table(rows=2, cols=2)
    for cell, text in zip((*table.rows[0].cells, *table.rows[1].cells), ("well", "depth", "W 2", "12.5"), strict=True):
        cell.text = text
    made.save(str(path))
    return path


def test_a_document_is_read_as_it_is(tmp_path: Path, png: Path) -> None:
    """Headings by their style, tables, and pictures that are there; what lacks is said."""
    path = document(tmp_path / "d.docx", "Summary", "Sources", picture=png)
    assert told(DOCUMENT, path) == []
    opened = open_file(path, kind=Kind.DOCX)
    assert not isinstance(opened, str)
    assert (opened.shown[0].names, opened.shown[0].rows) == (("well", "depth"), (("W 2", "12.5"),))
    assert told(DOCUMENT, document(tmp_path / "e.docx", "Summary")) == [
        "charts: 0",
        "section Sources: nowhere in the text",
    ]


def test_a_picture_that_is_not_there_breaks_a_document(tmp_path: Path, png: Path) -> None:
    """A relationship without its part is a file that does not open."""
    path = document(tmp_path / "d.docx", "Summary", "Sources", picture=png)
    (only,) = told(DOCUMENT, rewritten(path, "word/media/image1.png", lambda body: None))
    assert "names word/media/image1.png, which is not there" in only


@pytest.fixture
def png(tmp_path: Path) -> Path:
    from PIL import Image

    Image.linear_gradient("L").save(tmp_path / "p.png")
    return tmp_path / "p.png"


# ---------------------------------------------------------------- beside the table


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"depth": 999}, ["chart 1, W 1: 999 for 1000"]),
        ({"cells": {(1, 1): "1,001"}}, ["table 1, row 1, depth: 1,001 for 1000"]),
        ({"cells": {(2, 0): "W 9"}}, ["table 1, row 2: W 9 for a row of the table"]),
        ({"cells": {(0, 1): "metres", (1, 1): "5"}}, []),
        ({"cells": {(1, 0): "W…"}}, ["table 1, row 1: W… for a row of the table"]),
    ],
    ids=["equal", "chart", "cell", "strange row", "another table", "cut too short"],
)
def test_a_deck_shows_what_the_table_says(tmp_path: Path, more: Mapping[str, object], expected: list[str]) -> None:
    """Rows by their first column, a chart by its categories; a table of other heads tells something else."""
    (tmp_path / "t.csv").write_text(CSV, newline="")
    path = deck(tmp_path / "d.pptx", **more)  # pyright: ignore[reportArgumentType] - passed on as given
    found = same_shown(tmp_path / "t.csv", path, kinds=(Kind.CSV, Kind.PPTX))
    assert [f"{one.locator}: {one.observed.removesuffix('.0')} for {one.expected}" for one in found] == expected


def test_a_document_shows_what_the_table_says(tmp_path: Path) -> None:
    """The same for the tables of a document."""
    (tmp_path / "t.csv").write_text(CSV.replace("12.5", "12.6"), newline="")
    path = document(tmp_path / "d.docx", "Summary")
    (only,) = same_shown(tmp_path / "t.csv", path, kinds=(Kind.CSV, Kind.DOCX))
    assert (only.locator, only.expected, only.observed) == ("table 1, row 1, depth", "12.6", "12.5")
