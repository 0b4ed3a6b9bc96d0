"""Decks and documents in Office Open XML, read from the archive with nothing of the libraries that write them.

Parts are found by their relationships, as any reader of the format finds them. Entities are refused, and
so is an archive that would unpack to more than anyone delivers.
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, fromstring
from zipfile import ZipFile

_MOST = 512 * 2**20
"""Bytes that the parts of one file may unpack to."""
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
"""The space of names of charts, in decks and workbooks."""
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_FURNITURE = ("sldNum", "dt", "ftr")
"""Placeholders that say nothing of the content."""
_CONTINUED = re.compile(r"\s*\(\d+/\d+\)$")
_MARKS = "†‡"


@dataclass(frozen=True, slots=True)
class Plotted:
    """A native chart: its axes' titles and the values that it holds."""

    x_title: str
    y_title: str
    series: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """(name, ((category or x, value as it is stored), ...)); a gap is empty."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A table as people see it: marks taken off, `—` for what was taken out is empty text."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, ...], ...]
    """Bold rows below the header."""


@dataclass(frozen=True, slots=True)
class SlideRead:
    """One slide."""

    title: str
    text: str
    """Without the title, footer and number; with the words of tables."""
    notes: str
    charts: tuple[Plotted, ...]
    tables: tuple[Shown, ...]
    pictures: int
    unfilled: tuple[str, ...]
    """Placeholders without text: people read `Click to add text` there."""
    opening: bool
    """The title slide of its deck."""

    @property
    def section(self) -> str:
        """The title without `(2/3)`."""
        return _CONTINUED.sub("", self.title)

    @property
    def empty(self) -> bool:
        """Nothing but a title, where it is no title slide."""
        return not (self.opening or self.text.strip() or self.charts or self.tables or self.pictures)


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """One document."""

    headings: tuple[str, ...]
    text: str
    tables: tuple[Shown, ...]
    figures: tuple[str, ...]
    """The alternative text of each picture."""
    footnotes: tuple[str, ...]


def read_deck(body: bytes) -> tuple[SlideRead, ...]:
    """The slides of a PPTX in their order.

    Raises:
        ValueError, KeyError, BadZipFile, ParseError: it is none, or a part is missing or broken.
    """
    parts = _Parts(body)
    name = parts.first("", "officeDocument")
    root = parts.xml(name, "presentation")
    targets = parts.targets(name)
    return tuple(_slide(parts, targets[each.attrib[f"{_R}id"]]) for each in root.iter(f"{_P}sldId"))


def read_document(body: bytes) -> DocumentRead:
    """The words, tables, figures and footnotes of a DOCX.

    Raises:
        ValueError, KeyError, BadZipFile, ParseError: it is none, or a part is missing or broken.
    """
    parts = _Parts(body)
    name = parts.first("", "officeDocument")
    root = parts.xml(name, "document")
    styles = _styles(parts, name)
    headings = tuple(
        text for each in root.iter(f"{_W}p") if _is_heading(each, styles) and (text := _words(each, _W).strip())
    )
    notes = _footnotes(parts, name, root)
    figures = _figures(parts, name, root)
    lines = [_words(each, _W) for each in root.iter(f"{_W}p")]
    return DocumentRead(headings, "\n".join(lines), tuple(_word_tables(root)), figures, notes)


def xml_of(held: bytes, name: str) -> Element:
    """The root of one part.

    Raises:
        ValueError, ParseError: it declares entities, or is no XML.
    """
    if b"<!DOCTYPE" in held or b"<!ENTITY" in held:
        raise ValueError(f"{name}: entities are not read")
    return fromstring(held)


def whole(body: bytes) -> ZipFile:
    """The archive, every part of it read through, also those that no table or slide is made of.

    Raises:
        ValueError: a part is broken, none says what the parts are, or they would unpack to more than anyone delivers.
        BadZipFile: it is no archive.
    """
    archive = ZipFile(io.BytesIO(body))
    if "[Content_Types].xml" not in archive.namelist():
        raise ValueError("[Content_Types].xml is not there")
    size = sum(entry.file_size for entry in archive.infolist())
    if size > _MOST:
        raise ValueError(f"it unpacks to {size:,} bytes")
    if broken := archive.testzip():
        raise ValueError(f"{broken} is broken")
    return archive


class _Parts:
    """The archive: every part read whole once, so that a broken one is seen."""

    def __init__(self, body: bytes) -> None:
        self._archive = whole(body)

    def xml(self, name: str, root: str = "") -> Element:
        found = xml_of(self._archive.read(name), name)
        if root and found.tag.rpartition("}")[2] != root:
            raise ValueError(f"{name}: the root is {found.tag}, not {root}")
        return found

    def _relations(self, name: str) -> list[Element]:
        folder, _, file = name.rpartition("/")
        rels = posixpath.join(folder, "_rels", f"{file}.rels")
        if rels not in self._archive.namelist():
            return []
        return [each for each in self.xml(rels) if each.get("TargetMode") != "External"]

    def targets(self, name: str, kind: str = "") -> dict[str, str]:
        """Part by relationship; a target that is not there is an error.

        Raises:
            ValueError: a part that is named is not in the archive.
        """
        found: dict[str, str] = {}
        for each in self._relations(name):
            if kind and not each.attrib["Type"].endswith(f"/{kind}"):
                continue
            target = each.attrib["Target"]
            path = target.lstrip("/") if target.startswith("/") else posixpath.join(posixpath.dirname(name), target)
            path = posixpath.normpath(path)
            if path not in self._archive.namelist():
                raise ValueError(f"{name} names {path}, which is not there")
            found[each.attrib["Id"]] = path
        return found

    def first(self, name: str, kind: str) -> str:
        found = next(iter(self.targets(name, kind).values()), None)
        if found is None:
            raise ValueError(f"no part is its {kind}")
        return found


# ---------------------------------------------------------------- decks


def _slide(parts: _Parts, name: str) -> SlideRead:
    root = parts.xml(name, "sld")
    targets = parts.targets(name)
    title, opening, said, unfilled = "", False, list[str](), list[str]()
    for shape in root.iter(f"{_P}sp"):
        place = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
        kind = "" if place is None else place.get("type", "obj")
        text = "\n".join(_words(each, _A) for each in shape.iter(f"{_A}p"))
        if kind in _FURNITURE:
            continue
        if kind in ("title", "ctrTitle"):
            title, opening = text, kind == "ctrTitle"
        else:
            said.append(text)
        if kind and not text.strip():
            unfilled.append(kind)
    tables = tuple(_slide_table(each) for each in root.iter(f"{_A}tbl"))
    said += ["\t".join(row) for table in tables for row in (table.names, *table.rows, *table.totals)]
    charts = tuple(_chart(parts.xml(targets[each.attrib[f"{_R}id"]])) for each in root.iter(f"{CHART}chart"))
    notes = (
        "\n".join(_words(each, _A) for each in parts.xml(path).iter(f"{_A}p"))
        for path in parts.targets(name, "notesSlide").values()
    )
    pictures = sum(targets[each.attrib[f"{_R}embed"]] != "" for each in root.iter(f"{_A}blip"))
    return SlideRead(
        title.strip(),
        "\n".join(filter(None, said)),
        "\n".join(notes),
        charts,
        tables,
        pictures,
        tuple(unfilled),
        opening,
    )


def _slide_table(table: Element) -> Shown:
    lines = [[_cell(cell, _A) for cell in row.iter(f"{_A}tc")] for row in table.iter(f"{_A}tr")]
    return _shown(lines)


def _chart(root: Element) -> Plotted:
    return Plotted(*axis_titles(root), tuple(_series(each) for each in root.iter(f"{CHART}ser")))


def axis_titles(root: Element) -> tuple[str, str]:
    """Of the categories or x, and of the values."""
    titles = {name: _axis_title(root, name) for name in ("catAx", "dateAx", "valAx")}
    across, up = titles["catAx"] or titles["dateAx"], titles["valAx"]
    if not across:
        axes = [_title(each) for each in root.iter(f"{CHART}valAx")]
        across, up = (axes[0], axes[1]) if len(axes) == 2 else ("", up)
    return across, up


def _axis_title(root: Element, name: str) -> str:
    return next((_title(each) for each in root.iter(f"{CHART}{name}")), "")


def _title(axis: Element) -> str:
    title = axis.find(f"{CHART}title")
    return "" if title is None else "".join(_words(each, _A) for each in title.iter(f"{_A}p"))


def _series(series: Element) -> tuple[str, tuple[tuple[str, str], ...]]:
    name = "".join(each.text or "" for each in series.findall(f"{CHART}tx//{CHART}v"))
    across = points_of(series.find(f"{CHART}cat")) or points_of(series.find(f"{CHART}xVal"))
    up = points_of(series.find(f"{CHART}val")) or points_of(series.find(f"{CHART}yVal"))
    places = sorted({*across, *up})
    return name, tuple((across.get(place, ""), up.get(place, "")) for place in places)


def points_of(held: Element | None) -> dict[int, str]:
    """What a chart keeps of the cells it draws, by place from 0."""
    if held is None:
        return {}
    return {int(each.attrib["idx"]): each.findtext(f"{CHART}v") or "" for each in held.iter(f"{CHART}pt")}


# ---------------------------------------------------------------- documents


def _styles(parts: _Parts, name: str) -> dict[str, str]:
    root = parts.xml(parts.first(name, "styles"), "styles")
    found: dict[str, str] = {}
    for style in root.iter(f"{_W}style"):
        named = style.find(f"{_W}name")
        if named is not None:
            found[style.get(f"{_W}styleId", "")] = named.get(f"{_W}val", "")
    return found


def _style_of(paragraph: Element, styles: dict[str, str]) -> str:
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    return "" if style is None else styles.get(style.get(f"{_W}val", ""), "").lower()


def _is_heading(paragraph: Element, styles: dict[str, str]) -> bool:
    return re.fullmatch(r"heading [1-9]", _style_of(paragraph, styles)) is not None


def _footnotes(parts: _Parts, name: str, root: Element) -> tuple[str, ...]:
    """Those that the text refers to, in its order.

    Raises:
        ValueError: a reference to a footnote that is not there.
    """
    references = [each.attrib[f"{_W}id"] for each in root.iter(f"{_W}footnoteReference")]
    if not references:
        return ()
    notes = parts.xml(parts.first(name, "footnotes"), "footnotes")
    texts = {
        each.attrib[f"{_W}id"]: "\n".join(_words(one, _W) for one in each.iter(f"{_W}p")).strip()
        for each in notes.iter(f"{_W}footnote")
    }
    lost = [each for each in references if each not in texts]
    if lost:
        raise ValueError(f"footnote {lost[0]} is referred to, and not there")
    return tuple(texts[each] for each in references)


def _figures(parts: _Parts, name: str, root: Element) -> tuple[str, ...]:
    images = parts.targets(name, "image")
    found: list[str] = []
    for drawing in root.iter(f"{_W}drawing"):
        named = next(drawing.iter(f"{_WP}docPr"), None)
        for blip in drawing.iter(f"{_A}blip"):
            if blip.get(f"{_R}embed", "") not in images:
                raise ValueError("a picture is named, and not there")
            found.append("" if named is None else named.get("descr", ""))
    return tuple(found)


def _word_tables(root: Element) -> Iterator[Shown]:
    for table in root.iter(f"{_W}tbl"):
        yield _shown([[_cell(cell, _W) for cell in row.iter(f"{_W}tc")] for row in table.iter(f"{_W}tr")])


# ---------------------------------------------------------------- words


def _words(paragraph: Element, space: str) -> str:
    """A paragraph's text; line breaks and tabs are such."""
    said: list[str] = []
    for each in paragraph.iter():
        if each.tag == f"{space}t":
            said.append(each.text or "")
        elif each.tag == f"{space}br":
            said.append("\n")
        elif each.tag == f"{_W}tab" and space == _W and each.get(f"{_W}pos") is None:
            said.append("\t")
    return "".join(said)


def _cell(cell: Element, space: str) -> tuple[str, bool]:
    """(text, whether all of it is bold)."""
    text = "\n".join(_words(each, space) for each in cell.iter(f"{space}p"))
    runs = [each for each in cell.iter(f"{space}r") if _words(each, space).strip()]
    return text, bool(runs) and all(_bold(run, cell, space) for run in runs)


def _bold(run: Element, cell: Element, space: str) -> bool:
    if space == _W:
        mark = run.find(f"{_W}rPr/{_W}b")
        return mark is not None and mark.get(f"{_W}val", "1") not in ("0", "false")
    own = run.find(f"{_A}rPr")
    if own is not None and own.get("b") is not None:
        return own.get("b") == "1"
    general = next(cell.iter(f"{_A}defRPr"), None)
    return general is not None and general.get("b") == "1"


def _shown(lines: list[list[tuple[str, bool]]]) -> Shown:
    if not lines:
        return Shown((), (), ())
    names = tuple(text.strip() for text, _ in lines[0])
    rows: list[tuple[str, ...]] = []
    totals: list[tuple[str, ...]] = []
    for line in lines[1:]:
        told = [bold for text, bold in line if text.strip()]
        (totals if told and all(told) else rows).append(tuple(_plain(text) for text, _ in line))
    return Shown(names, tuple(rows), tuple(totals))


def _plain(text: str) -> str:
    plain = text.replace("\u200b", "").rstrip(_MARKS).strip()
    return "" if plain == "—" else plain
