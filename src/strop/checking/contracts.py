"""Does a delivered file hold what the spec asked for? Checked on its bytes, not on what we meant to write.

`contract` takes one entry of `deliver:` and says everything that does not hold: not there, empty,
too few rows, a column missing or of the wrong type, pages, sections, placeholders, blank pictures.
`same_tables` compares two files that tell the same table. A finding of either is fatal, but for the
note on a formula that is not known here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from urllib.parse import unquote
from zipfile import ZipFile

from strop.checking.forms import has_form
from strop.checking.formulas import recalculated
from strop.checking.lines import said
from strop.checking.opened import Opened, Sheet, open_file
from strop.checking.opened_html import outside
from strop.checking.quotes import as_number, normal
from strop.drafting.derived import computed, steps
from strop.types.formulas import figure, same_figure
from strop.types.trial import Finding, Severity
from strop.types.work import TABLES, Column, ColumnType, Count, Kind, Output

MARKER = "unverified"
"""The one column that may follow those asked for: it names the row's unverified cells."""
SHOWN = 20
"""Findings of one kind and file that are told one by one."""

_ANYWHERE = re.compile(r"lorem ipsum|\{\{[^{}\n]{0,200}\}\}", re.IGNORECASE)
_NUMBERED = re.compile(r"^[\dA-Z]{0,3}(?:\.\d+)*[.)]?\s+(?=\S)")
_LOREM = re.compile("lorem ipsum", re.IGNORECASE)
_HINT = re.compile(r"TODO|TBD|FIXME|XXX|lorem ipsum|\{\{", re.IGNORECASE)
"""What no placeholder is without: one look at a table before its cells are gone through."""
_WORD = re.compile(r"\b(?:TODO|TBD|FIXME|XXX)\b")
_PROMPT = re.compile(r"\bClick to (?:add|edit)\b[^\n]{0,60}", re.IGNORECASE)
"""What an empty place of a deck says while it is edited."""
_BOXES = "They are drawn as boxes"
"""What a document of ours says of letters that no font on the machine has; its readers ought to know sooner."""
_ANY = Count(least=1)


def contract(
    output: Output,
    path: Path,
    *,
    rows: int | None = None,
    empty: Collection[tuple[int, str]] = (),
) -> tuple[Finding, ...]:
    """Everything that does not hold; empty when the file is as asked.

    `path` is the file; for a pattern (`charts/*.png`) the folder that the pattern is below. `rows` is
    how many rows the run made, where that is known. `empty` names the cells (row from 1, column) that
    may be empty because their value was refuted.

    Raises:
        MissingPart: the reader for this kind of file is not installed.
    """
    return tuple(_pattern(output, path) if "*" in output.file else _file(output, path, output.file, rows, empty))


def same_tables(first: Path, second: Path, *, kinds: tuple[Kind, Kind]) -> tuple[Finding, ...]:
    """Where two files (CSV, JSONL, Parquet, XLSX, JSON) that tell the same table differ in columns of the same name.

    A file that cannot be opened is one finding.

    Raises:
        MissingPart: the reader for a kind of file is not installed.
    """
    return tuple(_several(_differences(first, second, kinds), second.name))


def _pattern(output: Output, folder: Path) -> Iterator[Finding]:
    files = sorted(file for file in folder.glob(output.file) if file.is_file())
    count = output.count or _ANY
    if not count.holds(len(files)):
        yield _broken(output.file, "files", str(count), str(len(files)), f"{output.file}: {count} files")
    site = output.kind is Kind.HTML
    # What a site must have, it has on some page; what a page must be, each is.
    each = replace(output, sections=(), charts=None) if site else output
    for file in files:
        yield from _file(each, file, file.relative_to(folder).as_posix(), None, ())
    if site and files:
        yield from _site(output, files)


def _site(output: Output, files: Sequence[Path]) -> Iterator[Finding]:
    """Sections and figures over all pages, and every page within reach of the first."""
    pages = {file.resolve(): opened for file in files if isinstance(opened := open_file(file, kind=Kind.HTML), Opened)}
    headings = tuple(heading for opened in pages.values() for heading in opened.headings)
    whole = Opened(
        text="\n".join(opened.text for opened in pages.values()),
        headings=headings,
        charts=sum(opened.charts or 0 for opened in pages.values()),
    )
    yield from _sections(output, whole, output.file)
    yield from _counts(output, whole, output.file)
    first = next((file for file in pages if file.name == "index.html"), None)
    if first is None:
        yield _broken(output.file, "files", "index.html", "none", f"{output.file} has a first page")
        return
    reached, open_ends = {first}, [first]
    while open_ends:
        page = open_ends.pop()
        ends = {(page.parent / unquote(link.address.partition("#")[0])).resolve() for link in pages[page].links}
        new = (ends & pages.keys()) - reached
        reached |= new
        open_ends += new
    for lost in sorted(pages.keys() - reached):
        rule = f"every page of {output.file} is linked"
        yield _broken(f"{output.file}", lost.name, "a way to it from index.html", "none", rule)


def _file(
    output: Output, path: Path, name: str, rows: int | None, empty: Collection[tuple[int, str]]
) -> Iterator[Finding]:
    opened = open_file(path, kind=output.kind)
    if isinstance(opened, str):
        yield _broken(
            name, "file", f"a {output.kind.value.upper()} that opens", opened, f"{name} opens and is not empty"
        )
        return
    if opened.blank:
        yield _broken(name, "file", "something to see", "nothing", f"{name} is not blank")
    if output.kind in TABLES:
        yield from _table(output, opened, name, rows, empty)
    if output.kind is Kind.XLSX:
        yield from workbook_contract(output, path, name=name)
    else:
        yield from _counts(output, opened, name)
    for flaw in opened.flaws[:SHOWN]:
        yield _broken(name, flaw.locator, flaw.expected, flaw.observed, flaw.rule)
    if _BOXES in opened.text:
        observed = "letters drawn as boxes, named in the document"
        yield Finding("contract", name, "file", "a font for every letter", observed, "fonts", Severity.FLAW)
    yield from _links(opened, path, name)
    yield from _pages(output, opened, name)
    yield from _deck(output, opened, name)
    yield from _sections(output, opened, name)
    yield from _several(_placeholders(opened, output.kind, name), name)


# ---------------------------------------------------------------- tables


def _table(
    output: Output, opened: Opened, name: str, rows: int | None, empty: Collection[tuple[int, str]]
) -> Iterator[Finding]:
    for sheet in opened.sheets:
        if not sheet.names:
            yield _broken(name, f"sheet {sheet.name}".strip(), "a header", "nothing", f"{name}: no sheet is empty")
    wanted = tuple(column.name for column in output.columns)
    sheet = _sheet_with(opened.sheets, wanted)
    if sheet is None:
        if wanted or output.rows is not None:
            yield _broken(name, "file", "a table", "none", f"{name} holds a table")
        return
    number = len(sheet.rows)
    if output.rows is not None and not output.rows.holds(number):
        yield _broken(name, "rows", str(output.rows), str(number), f"{name}: {output.rows} rows")
    if rows is not None and rows != number:
        yield _broken(name, "rows", str(rows), str(number), f"{name}: every row that was made is in the file")
    if wanted:
        yield from _heads(sheet, wanted, name)
        yield from _types(sheet, output, name)
        yield from _several(_cells(sheet, output.columns, name, empty), name)
        yield from _several(_derived(sheet, output.columns, name), name)


def _sheet_with(sheets: tuple[Sheet, ...], wanted: tuple[str, ...]) -> Sheet | None:
    """The first sheet that has the wanted columns, else the first that has any."""
    full = (sheet for sheet in sheets if sheet.names and set(wanted) <= set(sheet.names))
    return next(full, next((sheet for sheet in sheets if sheet.names), None))


def _heads(sheet: Sheet, wanted: tuple[str, ...], name: str) -> Iterator[Finding]:
    for column in wanted:
        if sheet.names.count(column) != 1:
            observed = f"{sheet.names.count(column)} of that name among {', '.join(sheet.names)[:200]}"
            yield _broken(name, f"column {column}", "one column", observed, f"{name} has the column {column}")
    extra = [column for column in sheet.names if column not in wanted]
    if extra and not (extra == [MARKER] and sheet.names[-1] == MARKER):
        rule = f"{name} has only the columns asked for"
        yield _broken(name, "columns", ", ".join(wanted), f"also {', '.join(extra)}", rule)


_DECLARED: Mapping[Kind, Mapping[ColumnType, str]] = {
    Kind.PARQUET: {
        ColumnType.INTEGER: "BIGINT",
        ColumnType.NUMBER: "DOUBLE",
        ColumnType.DECIMAL: r"DECIMAL\(\d+,\d+\)",
        ColumnType.DATE: "DATE",
        ColumnType.BOOLEAN: "BOOLEAN",
    },
    Kind.JSONL: {
        ColumnType.INTEGER: "(number)?",
        ColumnType.NUMBER: "(number)?",
        ColumnType.DECIMAL: "(number|text)?",
        ColumnType.BOOLEAN: "(truth)?",
    },
}
"""What the file itself must say of a column; text where nothing is named here."""
_TEXTS = {Kind.PARQUET: "VARCHAR", Kind.JSONL: "(text)?"}


def _types(sheet: Sheet, output: Output, name: str) -> Iterator[Finding]:
    """Where a format has types of its own, a column has the one that was asked for."""
    if output.kind not in _DECLARED or not sheet.types:
        return
    for column in output.columns:
        if sheet.names.count(column.name) == 1:
            declared = sheet.types[sheet.names.index(column.name)]
            if not re.fullmatch(_DECLARED[output.kind].get(column.type, _TEXTS[output.kind]), declared):
                expected = f"a column of type {column.type.value}"
                yield _broken(
                    name, f"column {column.name}", expected, declared, f"{column.name} is {column.type.value}"
                )


def _cells(
    sheet: Sheet, columns: tuple[Column, ...], name: str, empty: Collection[tuple[int, str]]
) -> Iterator[Finding]:
    for column in columns:
        if sheet.names.count(column.name) != 1 or column.formula is not None:
            continue
        index = sheet.names.index(column.name)
        for number, row in enumerate(sheet.rows, start=1):
            cell = row[index]
            if not cell.strip():
                if (number, column.name) in empty:
                    continue
                observed = "nothing"
            elif has_form(column.type, cell):
                continue
            else:
                observed = cell
            place = f"row {number}, {column.name}"
            yield _broken(name, place, f"{column.type.value} value", observed, f"{column.name} is {column.type.value}")


def _derived(sheet: Sheet, columns: tuple[Column, ...], name: str) -> Iterator[Finding]:
    """Columns with a formula, computed again from the other cells that the file holds."""
    names = [column.name for column in columns]
    formulas = [column for column in columns if column.formula is not None]
    if not formulas or any(sheet.names.count(each) != 1 for each in names):
        return
    places = [sheet.names.index(each) for each in names]
    blank = {column.name for column in formulas}

    def walk() -> Iterator[list[str | None]]:
        for row in sheet.rows:
            yield [None if head in blank else row[place] for head, place in zip(names, places, strict=True)]

    made = steps(columns, walk)
    for number, (row, given) in enumerate(zip(sheet.rows, walk(), strict=True), start=1):
        expected = computed(given, made, names)
        for column in formulas:
            at = names.index(column.name)
            cell = row[places[at]]
            if cell.strip() and not has_form(column.type, cell):
                yield _broken(
                    name, f"row {number}, {column.name}", f"{column.type.value} value", cell, column.formula or ""
                )
            elif not same_figure(figure(cell or None), figure(expected[at])):
                rule = f"{column.name} = {column.formula}"
                yield _broken(name, f"row {number}, {column.name}", said(expected[at]) or "nothing", cell, rule)


def workbook_contract(output: Output, path: Path, *, name: str) -> tuple[Finding, ...]:
    """Sheets and native charts as the bytes have them, and formulas that come to what is shown.

    Raises:
        MissingPart: the reader of workbooks is not installed.
    """
    body = path.read_bytes()
    findings: list[Finding] = []
    with ZipFile(io.BytesIO(body)) as parts:
        for what, count, pattern in (
            ("sheets", output.sheets, r"xl/worksheets/sheet\d+\.xml"),
            ("charts", output.charts, r"xl/charts/chart\d+\.xml"),
        ):
            number = sum(1 for each in parts.namelist() if re.fullmatch(pattern, each))
            if count is not None and not count.holds(number):
                findings.append(_broken(name, what, str(count), str(number), f"{name}: {count} {what}"))
    return (*findings, *_several(_formulas(body, name), name))


def _formulas(body: bytes, name: str) -> Iterator[Finding]:
    """Formulas of a workbook, computed again: the file shows what they come to."""
    for each in recalculated(body):
        if each.unknown:
            rule = "every formula is computed again"
            observed = f"not computed: {each.unknown}"
            yield replace(
                _broken(name, f"{each.sheet}!{each.cell}", f"={each.formula}", observed, rule), severity=Severity.NOTE
            )
        elif not each.holds:
            expected = said(each.figure) if each.figure is not None else "no number"
            observed = said(each.shown) or "nothing"
            yield _broken(name, f"{each.sheet}!{each.cell}", expected, observed, f"the cell shows ={each.formula}")


# ---------------------------------------------------------------- documents


def _counts(output: Output, opened: Opened, name: str) -> Iterator[Finding]:
    """Native charts and figures, as the bytes have them."""
    if output.charts is not None and opened.charts is not None and not output.charts.holds(opened.charts):
        yield _broken(name, "charts", str(output.charts), str(opened.charts), f"{name}: {output.charts} charts")


def _pages(output: Output, opened: Opened, name: str) -> Iterator[Finding]:
    if output.pages is None or opened.pages is None:
        return
    if not output.pages.holds(opened.pages):
        yield _broken(name, "pages", str(output.pages), str(opened.pages), f"{name}: {output.pages} pages")


def _deck(output: Output, opened: Opened, name: str) -> Iterator[Finding]:
    """Slides: how many, and neither one nor a chart on it without content."""
    for number, chart in enumerate(opened.plotted, start=1):
        if not any(value for _, points in chart.series for _, value in points):
            yield _broken(name, f"chart {number}", "values", "none", f"{name}: every chart shows values")
    if opened.slides is None:
        return
    if output.slides is not None and not output.slides.holds(len(opened.slides)):
        count = str(len(opened.slides))
        yield _broken(name, "slides", str(output.slides), count, f"{name}: {output.slides} slides")
    for number, slide in enumerate(opened.slides, start=1):
        if not slide.title:
            yield _broken(name, f"slide {number}", "a title", "none", f"{name}: every slide has a title")
        if slide.empty:
            yield _broken(name, f"slide {number}", "content", "a title alone", f"{name}: no slide is empty")
        for place in slide.unfilled:
            yield _broken(
                name, f"slide {number}", "text", f"an empty {place} placeholder", f"{name}: no slide asks for text"
            )


def _links(opened: Opened, path: Path, name: str) -> Iterator[Finding]:
    """Links to other files lead to what lies there, those to the network to a source that the page names."""
    for link in dict.fromkeys(opened.links):
        if outside(link.address):
            if not (link.address.startswith(("https://", "http://")) and link.address in opened.text):
                rule = f"{name} links out only to a source that it names"
                yield _broken(name, f"link {link.said}", "a source named in the text", link.address, rule)
            continue
        file, _, anchor = link.address.partition("#")
        target = path.parent / unquote(file)
        rule = f"every link of {name} leads somewhere"
        if file and not target.is_file():
            yield _broken(name, f"link {link.said}", "a file", f"no file {file}", rule)
        elif anchor and target.suffix == ".html":
            there = open_file(target, kind=Kind.HTML)
            if isinstance(there, Opened) and unquote(anchor) not in there.anchors:
                yield _broken(name, f"link {link.said}", "a place in the page", f"no {anchor} in {file}", rule)


def _sections(output: Output, opened: Opened, name: str) -> Iterator[Finding]:
    for section in output.sections:
        if not has_heading(opened, section):
            observed = "no such heading" if section in opened.text else "nowhere in the text"
            yield _broken(name, f"section {section}", "a heading", observed, f"{name} has the section {section}")


def has_heading(opened: Opened, section: str) -> bool:
    """A section is there when a heading of its own says it, with or without a number before it."""
    wanted, last = normal(section), section.split()[-1].casefold() if section.split() else ""
    near = (heading for heading in opened.headings if last in heading.casefold() or not heading.isascii())
    return any(wanted in (normal(heading), normal(_NUMBERED.sub("", heading))) for heading in near)


def _placeholders(opened: Opened, kind: Kind, name: str) -> Iterator[Finding]:
    """Text that somebody forgot. In tables `TODO` and the like count only as a whole cell."""
    rule = f"{name} holds no placeholder text"
    if kind in TABLES and opened.sheets:
        for sheet in opened.sheets:
            if not _HINT.search("\n".join(chain.from_iterable(sheet.rows))):
                continue
            for number, row in enumerate(sheet.rows, start=1):
                for column, cell in zip(sheet.names, row, strict=False):
                    found = _WORD.fullmatch(cell.strip()) or _ANYWHERE.search(cell)
                    if found:
                        yield _broken(name, f"row {number}, {column}", "a value", found.group(), rule)
        return
    # In programs doubled braces are a way to write one brace.
    patterns = (_WORD, _LOREM if kind is Kind.CODE else _ANYWHERE, *((_PROMPT,) if kind is Kind.PPTX else ()))
    for pattern in patterns:
        for found in pattern.finditer(opened.text):
            yield _broken(name, _line(opened.text, found.start()), "text", found.group(), rule)


def _line(text: str, at: int) -> str:
    """Where a character stands: line of a text, page and line of pages (a form feed is between two)."""
    page = text.rfind("\f", 0, at) + 1
    line = f"line {text.count(chr(10), page, at) + 1}"
    return f"page {text.count(chr(12), 0, at) + 1}, {line}" if "\f" in text else line


# ---------------------------------------------------------------- two files


def _differences(first: Path, second: Path, kinds: tuple[Kind, Kind]) -> Iterator[Finding]:
    found: list[Opened] = []
    for path, kind in zip((first, second), kinds, strict=True):
        opened = open_file(path, kind=kind)
        if isinstance(opened, str):
            yield _broken(path.name, "file", "a table", opened, f"{path.name} holds a table")
            return
        found.append(opened)
    yield from differences(found[0], found[1], names=(first.name, second.name))


def differences(first: Opened, second: Opened, *, names: tuple[str, str]) -> Iterator[Finding]:
    """Where the second of two opened files tells another table than the first, in columns of the same name."""
    one = _sheet_with(first.sheets, ())
    wanted = tuple(name for name in one.names if name != MARKER) if one else ()
    other = _sheet_with(second.sheets, wanted)
    for name, sheet in zip(names, (one, other), strict=True):
        if sheet is None:
            yield _broken(name, "file", "a table", "none", f"{name} holds a table")
    if one is not None and other is not None:
        yield from _unequal(one, other, names[1], f"{names[1]} says what {names[0]} says")


def _unequal(one: Sheet, other: Sheet, second: str, rule: str) -> Iterator[Finding]:
    if len(one.rows) != len(other.rows):
        yield _broken(second, "rows", str(len(one.rows)), str(len(other.rows)), rule)
        return
    shared = [name for name in one.names if name in other.names]
    if not shared:
        yield _broken(second, "columns", ", ".join(one.names), ", ".join(other.names), rule)
    for name in shared:
        here, there = one.names.index(name), other.names.index(name)
        for number, (row, twin) in enumerate(zip(one.rows, other.rows, strict=True), start=1):
            if not _equal(row[here], twin[there]):
                yield _broken(second, f"row {number}, {name}", row[here], twin[there], rule)


def _equal(one: str, other: str) -> bool:
    if one == other or one.split() == other.split():
        return True
    figure = as_number(one)
    return figure is not None and figure == as_number(other)


# ---------------------------------------------------------------- findings


def _several(findings: Iterator[Finding], name: str) -> Iterator[Finding]:
    """The first of them, and how many more there are."""
    told = 0
    for finding in findings:
        told += 1
        if told <= SHOWN:
            yield finding
    if told > SHOWN:
        yield _broken(
            name, "file", "nothing more", f"{told - SHOWN} more of the same kind", f"{name} holds its contract"
        )


def _broken(artefact: str, locator: str, expected: str, observed: str, rule: str) -> Finding:
    return Finding("contract", artefact, locator, expected, observed[:500], rule, Severity.FATAL)
