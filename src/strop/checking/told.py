"""Does a document tell a table as the file of data has it? Read from both files' bytes.

HTML has cells, so each is compared. A PDF has only words in the order they were set, so here is what
can and cannot be seen in it: row by row, the cells of a row must stand one after the other in the text
of the pages, in the form people read (digits grouped or not). That finds a changed, a missing and an
exchanged value, a missing row and a wrong order of rows. Where a table was cut into panels of columns,
or a row is broken by the end of a page, the cells are only looked for in order, so a short value may be
taken for one that stands beside it. Marks, blanks and hyphens at the ends of lines do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from strop.checking.contracts import same_tables
from strop.checking.opened import Opened, Sheet, open_file
from strop.checking.quotes import as_number
from strop.types.trial import Finding, Severity
from strop.types.work import Kind

_BLANKS = re.compile(r"[\s\u200b\u00ad\ufffe\u00a0\u2060\u202f]+")
_NEAR = 6
"""Characters between two cells of a row: marks, and what stands for an empty cell."""
_BREAK = 700
"""Characters of foot, notes and head where a page ends between rows, or within a tall one."""
_TALL = 400
"""Characters of a row that may be broken by the end of a page."""
_BROKEN = 0.34
"""With more of its rows broken a table was cut into panels."""


def told_tables(table: Path, document: Path, *, kinds: tuple[Kind, Kind]) -> tuple[Finding, ...]:
    """Where `document` (PDF or HTML) tells the table of `table` otherwise; nothing where it does not tell it.

    Raises:
        MissingPart: the reader for a kind of file is not installed.
    """
    held, pages = open_file(table, kind=kinds[0]), open_file(document, kind=kinds[1])
    if isinstance(held, str) or isinstance(pages, str) or not held.sheets:
        return ()  # what does not open is a finding of its own contract
    sheet = held.sheets[0]
    if kinds[1] is Kind.HTML:
        told = any(set(sheet.names) <= set(other.names) for other in pages.sheets)
        return same_tables(table, document, kinds=kinds) if told else ()
    return tuple(_in_pages(sheet, pages, document.name, table.name))


def _in_pages(sheet: Sheet, pages: Opened, name: str, table: str) -> Iterator[Finding]:
    text = _squeezed(pages.text)
    start = text.find(_squeezed("".join(sheet.names[:2])))
    if start < 0 or not all(_squeezed(head) in text for head in sheet.names):
        return
    rows = [[_forms(cell) for cell in row] for row in sheet.rows]
    lost = list(_lost_rows(rows, text, start))
    if len(lost) > _BROKEN * len(rows):
        lost = list(_lost_columns(rows, text, start))
    for row, column in lost[:20]:
        place = f"row {row + 1}, {sheet.names[column]}"
        yield Finding(
            kind="contract",
            artefact=name,
            locator=place,
            expected=sheet.rows[row][column][:500],
            observed="not where it belongs",
            rule=f"{name} says what {table} says",
            severity=Severity.FATAL,
        )


def _lost_rows(rows: Sequence[Sequence[tuple[str, ...]]], text: str, start: int) -> Iterator[tuple[int, int]]:
    """(row, column) of the first cell of each row that does not stand behind the one before it."""
    at = start
    for number, row in enumerate(rows):
        length = sum(max(map(len, forms)) for forms in row)
        end, column = _row_from(row, text, at, (_NEAR if length < _TALL else _BREAK), at + length + _BREAK)
        if end < 0:
            yield number, column
        else:
            at = end


def _row_from(row: Sequence[tuple[str, ...]], text: str, start: int, gap: int, last: int) -> tuple[int, int]:
    """(where the row ends, -1) where it begins before `last`; (-1, the first column that was not found) where not."""
    filled = [(column, forms) for column, forms in enumerate(row) if forms[0]]
    if not filled:
        return start, -1
    lost = filled[0][0]
    begins = start
    while (found := _next(filled[0][1], text, begins, last)) is not None:
        at = found[1]
        for column, forms in filled[1:]:
            if (after := _next(forms, text, at, at + gap)) is None:
                lost = max(lost, column)
                break
            at = after[1]
        else:
            return at, -1
        begins = found[0] + 1
    return -1, lost


def _next(forms: Sequence[str], text: str, start: int, last: int) -> tuple[int, int] | None:
    """(begin, end) of the first place from `start` to `last` where one of the forms begins."""
    found = [(place, -len(form)) for form in forms if (place := text.find(form, start, last + len(form))) >= 0]
    if not found:
        return None
    place, length = min(found)
    return place, place - length


def _lost_columns(rows: Sequence[Sequence[tuple[str, ...]]], text: str, start: int) -> Iterator[tuple[int, int]]:
    """(row, column) of the first cell of each column that does not stand behind the one above it."""
    for column in range(len(rows[0]) if rows else 0):
        at = start
        for number, row in enumerate(rows):
            found = _next(row[column], text, at, len(text))
            if found is None:
                yield number, column
                break
            at = found[1]


def _forms(cell: str) -> tuple[str, ...]:
    """A cell as it may be set: as it is, with its digits grouped, and as the number that it is."""
    plain = _squeezed(cell)
    found = [plain]
    number = as_number(cell) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", plain) else None
    if number is not None:
        whole, _, rest = plain.partition(".")
        found += [f"{int(whole):,}.{rest}" if rest and whole.lstrip("-").isdigit() else ""]
        found += [f"{int(whole):,}" if not rest and whole.lstrip("-").isdigit() else ""]
    return tuple(dict.fromkeys([plain, *(form for form in found if form)]))


def _squeezed(text: str) -> str:
    return _BLANKS.sub("", text)
