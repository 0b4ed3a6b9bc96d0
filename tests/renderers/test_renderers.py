"""What every renderer keeps, over one table of cases.

A new renderer adds one line to `RENDERERS` and inherits every test. Files are read back by readers
that share no code with what wrote them.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docx
import duckdb
import pptx
import pytest
from markdown_it import MarkdownIt
from openpyxl import load_workbook
from PIL import Image
from pypdfium2 import PdfDocument

from strop.errors import BadInput, StropError
from strop.renderers.cells import NO_ROWS
from strop.renderers.chart_file import PngFile, SvgFile
from strop.renderers.csv_file import CsvFile
from strop.renderers.docx_file import DocxFile
from strop.renderers.html_file import HtmlFile
from strop.renderers.json_file import JsonFile
from strop.renderers.jsonl_file import JsonlFile
from strop.renderers.markdown_file import MarkdownFile
from strop.renderers.parquet_file import ParquetFile
from strop.renderers.pdf_file import PdfFile
from strop.renderers.pptx_file import PptxFile
from strop.renderers.xlsx_file import XlsxFile
from strop.seams import Renderer
from strop.types.content import (
    Bullets,
    Callout,
    Cell,
    Chart,
    ChartKind,
    Content,
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
)
from strop.types.work import ColumnType

HOSTILE = (
    "<script>alert(1)</script> & \"quotes\" 'single'",
    '#import "x.typ": * #read("/etc/passwd") $x^2$ *bold* _it_ @ref <label>',
    "| pipe | `code` [link](javascript:alert(1)) ![image](http://example.invalid/x.png)",
    '=HYPERLINK("http://example.invalid","go")',
    "]]> <!-- --> &amp; &#x41; \\ {{7*7}} {% raw %}",
    "<r><t>a &</t><b/></r>",
)
"""Markup and code of every format that we write; each must come back as the text it is."""


def _pdf(path: Path) -> str:
    with PdfDocument(path) as document:
        return "\n".join(document[page].get_textpage().get_text_bounded() for page in range(len(document)))


def _xlsx(path: Path) -> str:
    book = load_workbook(path)
    return "\n".join(
        str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None
    )


def _csv(path: Path) -> str:
    csv.field_size_limit(2**24)
    rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True)
    return "\n".join(cell for row in rows for cell in row)


def _markdown(path: Path) -> str:
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    children = [child for token in tokens for child in token.children or ()]
    wild = [child.type for child in children if child.type in ("html_inline", "link_open", "image", "code_inline")]
    assert not wild, f"text became markup: {wild}"
    return "\n".join(child.content for child in children if child.type in ("text", "text_special"))


def _json(path: Path) -> str:
    def strings(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for key, one in value.items() for text in (str(key), *strings(one))]
        if isinstance(value, list):
            return [text for one in value for text in strings(one)]
        return [str(value)]

    return "\n".join(strings(json.loads(path.read_text(encoding="utf-8"))))


def _jsonl(path: Path) -> str:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return "\n".join([*(rows[0] if rows else ()), *(str(value) for row in rows for value in row.values())])


def _parquet(path: Path) -> str:
    with closing(duckdb.connect()) as engine:
        found = engine.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [str(column[0]) for column in found.description or ()]
        return "\n".join([*names, *(str(value) for row in found.fetchall() for value in row)])


class _Words(HTMLParser):
    """The words of a page, attributes that people hear among them; whatever could run or fetch is a failure."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        assert tag not in ("script", "iframe", "object", "embed", "link", "base", "img", "form"), f"a {tag}"
        assert not [name for name in held if name.startswith("on") or name in ("src", "srcset", "xlink:href")]
        assert not (href := held.get("href") or "#") or re.fullmatch(r"#[^#]*|[\w%.-]+\.html", href), href
        self._style = tag == "style"
        self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag != "style"

    def handle_data(self, data: str) -> None:
        assert not self._style or not re.search(r"@import|url\(|</", data)
        self.words.append("" if self._style else data)


def _html(path: Path) -> str:
    words = _Words()
    words.feed(path.read_text(encoding="utf-8"))
    words.close()
    return "".join(words.words)


def _svg(path: Path) -> str:
    return "\n".join(ElementTree.parse(path).getroot().itertext())


def _png(path: Path) -> str:
    """Words cannot be read from pixels; that it opens whole and is not blank can."""
    with Image.open(path) as picture:
        picture.load()
        extrema = picture.convert("L").getextrema()
    assert extrema[0] != extrema[1], "the picture is blank"
    return ""


def _docx(path: Path) -> str:
    """By python-docx, tables and footnotes included."""
    opened: Any = docx.Document(str(path))
    cells = [cell.text for table in opened.tables for row in table.rows for cell in row.cells]
    notes = next(part for part in opened.part.package.iter_parts() if part.partname.endswith("footnotes.xml"))
    words = [each.text or "" for each in ElementTree.fromstring(notes.blob).iter() if each.tag.endswith("}t")]
    return "\n".join([*(paragraph.text for paragraph in opened.paragraphs), *cells, *words])


def _pptx(path: Path) -> str:
    """By python-pptx: titles, words, tables, categories of charts and notes."""
    said: list[str] = []
    deck: Any = pptx.Presentation(str(path))
    for slide in deck.slides:
        for shape in slide.shapes:
            if shape.has_text_frame:
                said.append(shape.text_frame.text)
            if shape.has_table:
                said += [cell.text for row in shape.table.rows for cell in row.cells]
            if shape.has_chart and shape.chart.plots:
                said += [str(name) for name in shape.chart.plots[0].categories]
        said.append(slide.notes_slide.notes_text_frame.text if slide.has_notes_slide else "")
    return "\n".join(said)


@dataclass(frozen=True, slots=True)
class Case:
    """A renderer, what it takes, and who reads its file back."""

    renderer: Renderer
    holds: type[Table | Chart | Document | Deck]
    read: Callable[[Path], str]
    deaf: bool = False
    """Words cannot be read back from this format."""

    def __str__(self) -> str:
        return self.renderer.kind.value


RENDERERS = (
    Case(CsvFile(), Table, _csv),
    Case(JsonlFile(), Table, _jsonl),
    Case(ParquetFile(), Table, _parquet),
    Case(XlsxFile(), Table, _xlsx),
    Case(JsonFile(), Document, _json),
    Case(MarkdownFile(), Document, _markdown),
    Case(PdfFile(), Document, _pdf),
    Case(DocxFile(), Document, _docx),
    Case(PptxFile(), Deck, _pptx),
    Case(HtmlFile(), Document, _html),
    Case(SvgFile(), Chart, _svg),
    Case(PngFile(), Chart, _png, deaf=True),
)


# ---------------------------------------------------------------- parts


def table(*rows: tuple[Cell, ...], heads: tuple[str, ...] = ("name", "value"), name: str = "cases") -> Table:
    return Table(name, tuple(Head(one, ColumnType.TEXT) for one in heads), rows)


def of_texts(texts: tuple[str, ...], case: Case) -> Part:
    """The texts in every place that a renderer has for words."""
    cells = tuple(Cell(text, Standing.UNVERIFIED, ("claim",), text, text) for text in texts)
    rows = table(*((cell, Cell(1)) for cell in cells))
    chart = Chart("c", ChartKind.BAR, texts[0], "x", "y", tuple(Point(text, Cell(2.5), "one") for text in texts))
    contents: dict[type, Content] = {
        Table: rows,
        Chart: chart,
        Document: Document(texts[0], texts[-1], (*_prose(texts, cells), rows, Figure(chart, texts[0]))),
        Deck: Deck(texts[0], texts[-1], (Slide(texts[0], (*_prose(texts, cells), rows, Figure(chart))),)),
    }
    return Part(f"file.{case}", (contents[case.holds],))


def _prose(texts: tuple[str, ...], cells: tuple[Cell, ...]) -> tuple[Heading | Paragraph | Bullets | Callout, ...]:
    sentences = tuple(Sentence(text, (cell,)) for text, cell in zip(texts, cells, strict=True))
    return (Heading(texts[0]), Paragraph(sentences), Bullets(sentences), Callout(texts[-1], "warning"))


def of_table(held: Table, case: Case) -> Part:
    """A table, as the renderer takes it; a chart of its second column where it takes charts."""
    points = tuple(Point(str(row[0].value), row[-1]) for row in held.rows)
    contents: dict[type, Content] = {
        Table: held,
        Chart: Chart("c", ChartKind.BAR, held.name, "x", "y", points),
        Document: Document(held.name, "", (Heading("Table"), held)),
        Deck: Deck(held.name, "", (Slide("Table", (held,)),)),
    }
    return Part(f"file.{case}", (contents[case.holds],))


def squeezed(text: str) -> str:
    """`text` without white space and the break points of a page, for comparing across line ends."""
    return re.sub(r"[\s\u200b\u00ad\ufffe]+", "", text)


# ---------------------------------------------------------------- promises

pytestmark = pytest.mark.parametrize("case", RENDERERS, ids=str)

_NUMBERS = table(
    (Cell("first"), Cell(3, Standing.ACCEPTED, ("a",), "inputs/a.txt", "three rows")),
    (Cell("second"), Cell(12_345.5, Standing.CORRECTED, ("b",), "inputs/b.txt")),
    (Cell("third"), Cell(None, Standing.REFUTED, ("c",))),
)


def _written(case: Case, part: Part, folder: Path) -> Path:
    to = folder / f"one.{case}"
    case.renderer.render(part, to=to)
    assert [path.name for path in folder.iterdir()] == [to.name], "a stray file"
    return to


def test_equal_parts_give_equal_bytes(case: Case, tmp_path: Path) -> None:
    """Rendered twice, the bytes are equal, and nothing else lies in the folder."""
    part = of_table(_NUMBERS, case)
    first = _written(case, part, tmp_path).read_bytes()
    assert first
    assert _written(case, part, tmp_path).read_bytes() == first


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file of every case, written by one other process."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, __file__, str(folder)], env=environment, check=True)
    return folder


def test_another_process_writes_the_same_bytes(case: Case, elsewhere: Path, tmp_path: Path) -> None:
    """Neither the process, nor its hash seed, nor its time zone is in the file."""
    here = _written(case, of_texts(HOSTILE, case), tmp_path).read_bytes()
    assert (elsewhere / str(case)).read_bytes() == here


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markup_is_text(case: Case, text: str, tmp_path: Path) -> None:
    """Code and markup of any format comes back from an independent reader as the text it was."""
    read = case.read(_written(case, of_texts((text, "plain"), case), tmp_path))
    if not case.deaf:
        assert squeezed(text)[:40] in squeezed(read)


def test_other_scripts_are_kept(case: Case, tmp_path: Path) -> None:
    """Greek, Cyrillic, accents and right-to-left letters survive."""
    texts = ("Ελληνικά", "Кириллица", "naïve café ﬁ Ångström", "שלום")
    read = case.read(_written(case, of_texts(texts, case), tmp_path))
    if not case.deaf:
        assert squeezed(texts[0]) in squeezed(read)
        assert squeezed(texts[1]) in squeezed(read)
        # A page reader may give right-to-left letters in the order they are drawn.
        assert "שלום" in read or "םולש" in read


def test_what_no_format_can_carry_is_taken_out(case: Case, tmp_path: Path) -> None:
    """Control characters go, a lone surrogate becomes the replacement character, the rest stays."""
    read = case.read(_written(case, of_texts(("be\x00f\x08ore\x1b[31m", "lone\ud800end"), case), tmp_path))
    if not case.deaf:
        assert "before[31m" in read
        assert "lone\ufffdend" in read


def test_an_empty_table_is_a_file(case: Case, tmp_path: Path) -> None:
    """A table without rows gives a file with its header, and people are told that there are none."""
    read = case.read(_written(case, of_table(table(heads=("alpha", "beta")), case), tmp_path))
    if str(case) == "jsonl":  # a line a row, and no other place for a header
        assert read == ""
    elif case.holds is not Chart:
        assert "alpha" in read
        assert "beta" in read
    if str(case) in ("xlsx", "pdf", "docx", "pptx", "md", "html"):
        assert NO_ROWS in read


def test_one_row(case: Case, tmp_path: Path) -> None:
    """One row is a table like any other."""
    read = case.read(_written(case, of_table(table((Cell("only"), Cell(7))), case), tmp_path))
    if not case.deaf:
        assert "only" in read
        assert "7" in read


def test_three_hundred_columns(case: Case, tmp_path: Path) -> None:
    """Every column of a very wide table is in the file."""
    heads = tuple(f"column{number}" for number in range(300))
    row = tuple(Cell(number * 1_003) for number in range(300))
    read = case.read(_written(case, of_table(table(row, heads=heads), case), tmp_path))
    if case.holds is not Chart:
        found = squeezed(read).replace(",", "")
        assert all(head in found for head in heads)
        assert all(str(cell.value) in found for cell in row)


def test_a_cell_of_a_megabyte(case: Case, tmp_path: Path) -> None:
    """A huge text is written whole, or refused with one message that says where it stands."""
    huge = "word " * 200_000
    part = of_table(table((Cell(huge), Cell(1))), case)
    try:
        read = case.read(_written(case, part, tmp_path))
    except BadInput as refused:
        assert "row 1, column 'name'" in str(refused)
        assert not list(tmp_path.iterdir())
        return
    if case.holds is not Chart:
        assert read.count("word") == 200_000


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(case: Case, value: float, tmp_path: Path) -> None:
    """NaN and infinity are no numbers a file can hold; the message names the place."""
    with pytest.raises(BadInput, match="no number a file can hold"):
        case.renderer.render(of_table(table((Cell("a"), Cell(value))), case), to=tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_an_uneven_row_is_refused(case: Case, tmp_path: Path) -> None:
    """A row that is longer than its heads is refused, not cut."""
    uneven = table((Cell("a"), Cell(1), Cell(2)))
    if case.holds is Chart:
        pytest.skip("a chart has no rows")
    with pytest.raises(BadInput, match="3 cells under 2 heads"):
        case.renderer.render(of_table(uneven, case), to=tmp_path / "x")


def test_nothing_is_refused(case: Case, tmp_path: Path) -> None:
    """A part without content is an error with a message, not an empty file."""
    with pytest.raises(StropError, match="nothing to write"):
        case.renderer.render(Part("file", ()), to=tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_the_right_to_left_override_does_not_reorder_pages(case: Case, tmp_path: Path) -> None:
    """In what people look at, the marks that would make text read other than it is are gone."""
    path = _written(case, of_texts(("left\u202eright", "b"), case), tmp_path)
    if str(case) in ("pdf", "docx", "pptx", "md", "svg", "html"):
        assert "leftright" in case.read(path)


@pytest.mark.parametrize(
    "chart",
    [
        Chart("c", ChartKind.LINE, "t", "x", "y", tuple(Point(float(n), Cell(n * n)) for n in range(5))),
        Chart("c", ChartKind.SCATTER, "t", "x", "y", (Point(1.0, Cell(2)), Point(3.0, Cell(None)))),
        Chart("c", ChartKind.STACKED, "t", "x", "y", (Point("a", Cell(2), "accepted"), Point("a", Cell(3), "refuted"))),
        Chart("c", ChartKind.BAR, "t", "x", "y", (Point("a", Cell(0)), Point("b", Cell(-4))), log_y=True),
        Chart("c", ChartKind.BAR, "t", "x", "y", (), log_y=True),
    ],
    ids=["line", "scatter with a gap", "stacked", "log of nothing", "empty"],
)
def test_every_chart_has_a_form(case: Case, chart: Chart, tmp_path: Path) -> None:
    """Where a renderer takes charts, it takes all kinds; where not, it says what to ask for."""
    write: Callable[[], Path] = lambda: _written(case, Part("file", (chart,)), tmp_path)  # noqa: E731 - said once, used twice
    if case.renderer.kind.value in ("csv", "jsonl", "parquet"):
        with pytest.raises(BadInput, match="exactly one table"):
            write()
    else:
        case.read(write())


def _render_all(folder: Path) -> None:
    for case in RENDERERS:
        case.renderer.render(of_texts(HOSTILE, case), to=folder / str(case))


if __name__ == "__main__":
    _render_all(Path(sys.argv[1]))
