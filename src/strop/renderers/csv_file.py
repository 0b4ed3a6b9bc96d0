"""CSV after RFC 4180: UTF-8 without a byte order mark, comma, CRLF, one header line.

Two rules beyond the RFC, because people open these files in spreadsheets:

- Text that a spreadsheet would run (it begins with `= + - @`, their full-width forms, a tab or a
  line end) is stored with one apostrophe before it. Text that is such a beginning after
  apostrophes gets one more, so taking one away restores every text. Numbers stay as they are,
  also where they come as text (`-5`).
- A field is quoted when it holds a comma, a quote, a line end, or what some locale takes for a
  separator (semicolon, tab, bar), or has a space at an end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strop.renderers.cells import checked_rows, clean, said
from strop.renderers.streamed import only_table, written
from strop.types.content import Part, Scalar, Table
from strop.types.work import Kind

_RUNS = re.compile("'*[=+\\-@\uff1d\uff0b\uff0d\uff20\t\n]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_QUOTED = re.compile('[",;|\t\n]|^ | $')


@dataclass(frozen=True, slots=True)
class CsvFile:
    """One table as one CSV; an empty table is its header and nothing else."""

    @property
    def kind(self) -> Kind:
        return Kind.CSV

    def render(self, part: Part, *, to: Path) -> None:
        """Write the part's one table.

        Raises:
            BadInput: the part is not exactly one table, or a number is not finite.
        """
        table = only_table(part, form="CSV")
        with written(to) as file:
            file.writelines(line.encode() for line in _lines(table, part.file))


def _lines(table: Table, file: str) -> Iterator[str]:
    yield _line([head.name for head in table.heads])
    for row in checked_rows(table, file):
        yield _line([cell.value for cell in row])


def _line(values: Sequence[Scalar]) -> str:
    # A line without a character would be no row at all for most readers.
    return (",".join(map(_field, values)) or '""') + "\r\n"


def _field(value: Scalar) -> str:
    if not isinstance(value, str):
        return said(value)
    text = inert(clean(value))
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def inert(text: str) -> str:
    """`text` in a form that no spreadsheet runs."""
    return "'" + text if _RUNS.match(text) and not _NUMBER.fullmatch(text) else text


if TYPE_CHECKING:
    from strop.seams import Renderer

    def _fits(one: CsvFile) -> Renderer:
        return one
