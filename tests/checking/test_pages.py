"""What is read page by page keeps its contract: PDF, HTML pages and sites, code, and the tables they tell."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import typst
from PIL import Image

from strop.checking.contracts import contract
from strop.checking.entries import fits
from strop.checking.names import clashes, name_flaw
from strop.checking.opened import Opened, open_file
from strop.checking.told import told_tables
from strop.renderers.csv_file import CsvFile
from strop.renderers.html_file import HtmlFile
from strop.renderers.pdf_file import PdfFile
from strop.types.content import Cell, Document, Head, Heading, Part, Standing, Table
from strop.types.work import ColumnType, Count, Kind, Output


def told(output: Output, path: Path) -> list[str]:
    return [f"{finding.locator}: {finding.observed}" for finding in contract(output, path)]


# ---------------------------------------------------------------- PDF


def bare_pdf(*pages: str, annotation: str = "", outline: str = "") -> bytes:
    """A PDF of our own hand: a page for each content stream, set in a font that is not in the file."""
    kids = " ".join(f"{10 + 2 * number} 0 R" for number in range(len(pages)))
    objects = {
        1: f"<</Type/Catalog/Pages 2 0 R{'/Outlines 5 0 R' if outline else ''}>>",
        2: f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        3: "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        4: f"<</Type/Annot/Subtype/Link/Rect[50 50 90 90]{annotation}>>",
        5: "<</Type/Outlines/First 6 0 R/Last 6 0 R/Count 1>>",
        6: f"<</Title({outline})/Parent 5 0 R>>",
    }
    for number, content in enumerate(pages):
        links = "/Annots[4 0 R]" if annotation else ""
        page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents {11 + 2 * number} 0 R{links}"
        objects[10 + 2 * number] = f"{page}/Resources<</Font<</F1 3 0 R>>>>>>"
        objects[11 + 2 * number] = f"<</Length {len(content)}>>stream\n{content}\nendstream"
    body, offsets = b"%PDF-1.7\n", dict[int, int]()
    for number, held in sorted(objects.items()):
        offsets[number] = len(body)
        body += f"{number} 0 obj\n{held}\nendobj\n".encode()
    table = "".join(f"{offsets[n]:010} 00000 n \n" if n in offsets else "0000000000 65535 f \n" for n in range(100))
    return body + f"xref\n0 100\n{table}trailer<</Size 100/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF".encode()


WORDS = "BT /F1 12 Tf 40 200 Td (Words) Tj ET"
FONT = "page 1, font Helvetica: not in it"
PDF = Output("r.pdf", Kind.PDF)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (bare_pdf(WORDS), [FONT]),
        (bare_pdf(WORDS, ""), [FONT, "page 2: none"]),
        (bare_pdf(WORDS, "BT /F1 12 Tf 40 20 Td (2 of 2) Tj ET"), [FONT, "page 2: none"]),
        (bare_pdf(WORDS, annotation="/Dest[99 0 R /Fit]"), [FONT, "page 1, links: 1 lead nowhere"]),
        (bare_pdf(WORDS, annotation="/A<</S/GoTo/D(gone)>>"), [FONT, "page 1, links: 1 lead nowhere"]),
        (bare_pdf(WORDS, annotation="/Dest[10 0 R /Fit]"), [FONT]),
        (bare_pdf(WORDS, annotation="/A<</S/URI/URI(https://example.org/)>>"), [FONT]),
        (bare_pdf(WORDS, outline="Lost"), [FONT, "outline, Lost: none"]),
    ],
    ids=["font", "empty page", "only a number", "dead link", "lost name", "link", "address", "outline"],
)
def test_what_is_broken_in_a_pdf_is_found(tmp_path: Path, body: bytes, expected: list[str]) -> None:
    """A font that is not in the file, an empty page, a link or entry of the outline that leads nowhere."""
    (tmp_path / "r.pdf").write_bytes(body)
    assert told(PDF, tmp_path / "r.pdf") == expected


def picture(colour: str, spot: bool) -> str:
    image = Image.new("RGB", (60, 60), colour)
    if spot:
        image.paste((0, 0, 0), (20, 20, 40, 40))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    held = base64.b64encode(stream.getvalue()).decode()
    return f"#image(bytes(({','.join(map(str, base64.b64decode(held)))},)), width: 4cm)\n"


@pytest.mark.parametrize(("colour", "spot"), [("white", False), ("red", False), ("white", True)])
def test_a_figure_of_one_colour_is_blank(tmp_path: Path, colour: str, spot: bool) -> None:
    """Pictures are counted by what is drawn, and each is looked at as it stands on its page."""
    path = tmp_path / "r.pdf"
    path.write_bytes(typst.compile(("Words.\n\n" + picture("white", True) + picture(colour, spot)).encode()))
    expected = [] if spot else ["page 1, figure 2: one colour"]
    assert told(Output("r.pdf", Kind.PDF, charts=Count(2, 2)), path) == expected
    assert told(Output("r.pdf", Kind.PDF, charts=Count(3, None)), path) == ["charts: 2", *expected]


def test_thirty_nine_pages_are_not_forty(tmp_path: Path) -> None:
    """The count is of the bytes, and the finding says where to look."""
    path = tmp_path / "r.pdf"
    path.write_bytes(typst.compile("\n#pagebreak()\n".join(f"Page {n} says so." for n in range(39)).encode()))
    assert told(Output("r.pdf", Kind.PDF, pages=Count(40, None)), path) == ["pages: 39"]
    assert told(Output("r.pdf", Kind.PDF, pages=Count(39, None)), path) == []


# ---------------------------------------------------------------- HTML


def paged(body: str, head: str = "") -> str:
    return f'<!doctype html><html lang="en"><head><title>t</title>{head}</head><body>{body}</body></html>'


DRAWN = '<figure><svg aria-label="two bars"><rect/><path d="M0 0"/></svg></figure>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (paged("<h1 id=a>One</h1><a href='#a'>up</a>" + DRAWN), []),
        (paged("<a href='#b'>down</a>"), ["link #b: none"]),
        (paged("<p id=a>x</p><p id=a>y</p>"), ["anchor a: 2 places"]),
        (paged("<a href='gone.html'>next</a>"), ["link next: no file gone.html"]),
        (paged("<a href='there.html#a'>x</a>"), []),
        (paged("<a href='there.html#b'>x</a>"), ["link x: no b in there.html"]),
        (paged("<a href='https://example.org/a'>x</a>"), ["link x: https://example.org/a"]),
        (paged("<a href='https://example.org/a'>https://example.org/a</a>"), []),
        (
            paged("<a href='javascript:alert(1)'>javascript:alert(1)</a>"),
            ["link javascript:alert(1): javascript:alert(1)"],
        ),
        (paged("<script>1</script>x"), ["element script: a script"]),
        (paged("x<img src='https://example.org/a.png'>"), ["element img: https://example.org/a.png"]),
        (paged("x", "<link rel=stylesheet href='a.css'>"), ["element link: a.css"]),
        (paged("x", "<style>@import 'a.css'; p{background:url(b.png)}</style>"), ["style: an address"]),
        (paged("x<p onclick='x()'>y</p>"), ["element p: onclick"]),
        (paged("x<figure><svg aria-label='a'><rect/></svg></figure>"), ["figure 1: nothing drawn"]),
        (paged("x<figure><svg><rect/><path d=''/></svg></figure>"), ["figure 1: none"]),
        ("<html><body>x</body></html>", ["page: none"]),
    ],
)
def test_what_is_broken_in_a_page_is_found(tmp_path: Path, text: str, expected: list[str]) -> None:
    """Links, what would be fetched or run, figures without a drawing or words, a page without a language."""
    (tmp_path / "there.html").write_text(paged("<p id=a>x</p>"), encoding="utf-8")
    (tmp_path / "r.html").write_text(text, encoding="utf-8")
    assert told(Output("r.html", Kind.HTML), tmp_path / "r.html") == expected


SITE = Output("site/*.html", Kind.HTML, count=Count(3, 3), sections=("One", "Two"), charts=Count(1, None))
PAGES = {
    "index.html": paged("<h1>All</h1><a href='one.html'>One</a>"),
    "one.html": paged("<h1>One</h1><a href='two.html'>Two</a>" + DRAWN),
    "two.html": paged("<h1>Two</h1><a href='index.html'>back</a>"),
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"two.html": None}, ["files: 2", "link Two: no file two.html", "section Two: no such heading"]),
        ({"one.html": PAGES["one.html"].replace("two", "gone")}, ["link Two: no file gone.html", "two.html: none"]),
        ({"one.html": PAGES["one.html"].replace(DRAWN, "")}, ["charts: 0"]),
        ({"two.html": PAGES["two.html"].replace("<h1>Two", "<h1>Too")}, ["section Two: no such heading"]),
        ({"index.html": None, "x.html": paged("x")}, ["link back: no file index.html", "files: none"]),
    ],
    ids=["whole", "a page lost", "a dead link", "no figure", "a section lost", "no first page"],
)
def test_a_site_holds_together(tmp_path: Path, change: dict[str, str | None], expected: list[str]) -> None:
    """Sections and figures stand on some page; each link leads to a page, and each page is led to."""
    (tmp_path / "site").mkdir()
    for name, text in (PAGES | change).items():
        if text is not None:
            (tmp_path / "site" / name).write_text(text, encoding="utf-8")
    assert told(SITE, tmp_path) == expected


# ---------------------------------------------------------------- code


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("tool.py", "print('''{{x}}''')\n", []),
        ("tool.py", "def f(:\n", ["file: invalid syntax, line 1"]),
        ("tool.py", "\n\n", ["file: nothing"]),
        ("tool.py", "x = 1  # TODO\n", ["line 1: TODO"]),
        ("tool.py", "x = 1\n# your code here\n", ["line 2: your code here"]),
        ("tool.py", "print('\\d')\n", []),
        ("a.toml", "[a]\nb = 1\n", []),
        ("a.toml", "[a\n", ["file: Expected ']' at the end of a table declaration (at line 1, column 3)"]),
        ("a.yaml", "a: [1, 2]\n", []),
        ("a.yml", "a: [b\n", ["file: while parsing a flow sequence   in"]),
        ("a.go", "package main\n", []),
    ],
)
def test_code_parses_and_is_whole(tmp_path: Path, file: str, text: str, expected: list[str]) -> None:
    """By the parser of its language, where there is one here; nothing in it was left for later."""
    (tmp_path / file).write_text(text, encoding="utf-8")
    found = told(Output(file, Kind.CODE), tmp_path / file)
    assert len(found) == len(expected)
    assert all(one.startswith(start) for one, start in zip(found, expected, strict=True))


def test_code_is_parsed_and_never_run(tmp_path: Path) -> None:
    """Looking at a program does nothing that is in it, and a deep one is a finding."""
    (tmp_path / "a.py").write_text(f"open({str(tmp_path / 'made')!r}, 'w')\n", encoding="utf-8")
    (tmp_path / "b.py").write_text("(" * 100_000, encoding="utf-8")
    assert told(Output("a.py", Kind.CODE), tmp_path / "a.py") == []
    assert len(told(Output("b.py", Kind.CODE), tmp_path / "b.py")) == 1
    assert not (tmp_path / "made").exists()


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("../a.py", "leaves"),
        ("/a.py", "leaves"),
        ("c:\\a.py", "leaves"),
        ("a/con.py", "reserve"),
        ("NUL", "reserve"),
        ("lpt1 .txt", "reserve"),
        (".hidden.py", "hidden"),
        ("a" * 121, "longer"),
        ("é" * 61, "longer"),
        ("a.py.", "full stop"),
        ("a /b.py", "space"),
        ("a?.py", "character"),
        ("a*.py", "character"),
        ("a\nb.py", "character"),
        ("exe\u202eyp.a", "character"),
        ("a\ud800.py", "character"),
    ],
)
def test_a_name_that_not_every_system_holds_is_refused(name: str, word: str) -> None:
    """Ways out of the folder, devices, hidden, over-long and disguised names; the flaw says which."""
    assert word in name_flaw(name)
    assert name_flaw("a/" + "b" * 120) == name_flaw("naïve file.py") == ""


def test_names_that_differ_only_in_case_are_one() -> None:
    """The second is told with the first."""
    assert clashes(["a/Tool.py", "b.py", "a/tool.py"]) == {"a/tool.py": "a/Tool.py"}
    assert fits("tool/a.py", "tool/*.py")
    assert not fits("tool/b/a.py", "tool/*.py")


# ---------------------------------------------------------------- tables that documents tell


def rendered(rows: Sequence[tuple[Cell, ...]], heads: Sequence[Head], folder: Path) -> None:
    table = Table("t", tuple(heads), tuple(rows))
    CsvFile().render(Part("t.csv", (table,)), to=folder / "t.csv")
    for made in (PdfFile(), HtmlFile()):
        document = Document("T", "", (Heading("Table"), table))
        made.render(Part(f"t.{made.kind}", (document,)), to=folder / f"t.{made.kind}")


NARROW = (Head("name"), Head("members", ColumnType.INTEGER), Head("remark"), Head("share", ColumnType.NUMBER))
WIDE = (Head("name"), *(Head(f"figure_{n}", ColumnType.INTEGER) for n in range(40)))
STANDINGS = (Standing.ACCEPTED, Standing.UNVERIFIED, Standing.CORRECTED)


def narrow(number: int) -> tuple[Cell, ...]:
    gone = Cell(None, Standing.REFUTED) if number % 9 == 4 else Cell(f"said on page {number * 7} of <it>\nand more")
    figure = Cell(number * 1_003, STANDINGS[number % 3], ("c",), "a.txt", "q")
    return (Cell(f"Association {number} with a rather long name, as they have"), figure, gone, Cell(number / 8))


def wide(number: int) -> tuple[Cell, ...]:
    return (Cell(f"Association {number}"), *(Cell(number * 1_003 + column * 17) for column in range(40)))


@pytest.mark.parametrize("kind", [Kind.PDF, Kind.HTML])
@pytest.mark.parametrize(("heads", "row"), [(NARROW, narrow), (WIDE, wide)], ids=["narrow", "wide"])
def test_a_document_tells_the_table_as_the_data_do(
    tmp_path: Path, kind: Kind, heads: tuple[Head, ...], row: Callable[[int], tuple[Cell, ...]]
) -> None:
    """Over many pages, with marks, gaps and grouped digits, nothing is found; each change of the data is."""
    rows = [row(number) for number in range(90)]
    rendered(rows, heads, tmp_path)
    document = tmp_path / f"t.{kind}"

    def found(changed: Sequence[tuple[Cell, ...]]) -> list[str]:
        CsvFile().render(Part("t.csv", (Table("t", heads, tuple(changed)),)), to=tmp_path / "t.csv")
        return [one.locator for one in told_tables(tmp_path / "t.csv", document, kinds=(Kind.CSV, kind))]

    assert found(rows) == []
    other = (rows[40][0], Cell(77_777), *rows[40][2:])
    assert found([*rows[:40], other, *rows[41:]]) == [f"row 41, {heads[1].name}"]
    assert found([*rows[:40], rows[41], rows[40], *rows[42:]])
    assert found([*rows, row(90)])


def test_a_document_without_the_table_is_left_alone(tmp_path: Path) -> None:
    """Prose that uses the words of the heads tells no table."""
    CsvFile().render(Part("t.csv", (Table("t", NARROW, (narrow(1),)),)), to=tmp_path / "t.csv")
    document = Document("name and members", "", (Heading("members, remark"), Heading("share and name")))
    PdfFile().render(Part("t.pdf", (document,)), to=tmp_path / "t.pdf")
    assert told_tables(tmp_path / "t.csv", tmp_path / "t.pdf", kinds=(Kind.CSV, Kind.PDF)) == ()


def test_our_own_pages_have_no_flaw(tmp_path: Path) -> None:
    """What we write passes our readers: fonts, links, outline, language."""
    rendered([narrow(number) for number in range(60)], NARROW, tmp_path)
    for kind in (Kind.PDF, Kind.HTML):
        opened = open_file(tmp_path / f"t.{kind}", kind=kind)
        assert isinstance(opened, Opened)
        assert opened.flaws == ()
