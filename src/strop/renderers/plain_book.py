"""Workbooks of xlsxwriter's whose rows go in as we make them.

The library makes two objects a cell, looks over every formula thirty times, and takes a text that begins
with `<r>` and ends with `</r>` for markup: a third of the pace, and a hole. Here a row is made of finished
cells (`sheet_cells`), and text is text in either way of writing; all that stands round the rows stays the
library's. Rows come in order, none is held.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import IO, TYPE_CHECKING, Protocol, cast

from strop.renderers.cells import missing

if TYPE_CHECKING:
    from xlsxwriter.chart import Chart
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    class PlainSheet(Worksheet):
        """A worksheet that also takes finished rows."""

        def put_rows(self, rows: Iterable[Sequence[str]], *, first: int, width: int) -> None:
            """Write rows of finished cells, each at most `width` wide; `first` counts from 0.

            What was written by the library's own methods stands above, what follows stands below. Comments
            on these rows are put on them while they are made.
            """
            ...


_BORN = datetime.fromisoformat("2000-01-01")
"""A fixed date: the format wants one, and a clock would make equal parts unequal."""
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}


@cache
def _sheets() -> type[PlainSheet]:
    """The class of our sheets, made when the library is first needed."""
    from xlsxwriter.worksheet import Worksheet

    class Sheet(Worksheet):
        if TYPE_CHECKING:  # what is used of the library's own, whose types are partly unknown
            fh: IO[str]

            def _xml_inline_string(
                self, string: str, preserve: bool, attributes: list[tuple[str, object]] = ...
            ) -> None: ...

        def put_rows(self, rows: Iterable[Sequence[str]], *, first: int, width: int) -> None:
            self._write_single_row(first)
            self._check_dimensions(first, 0)
            number = first
            for number, cells in enumerate(rows, start=first + 1):
                self.fh.write(f'<row r="{number}">{"".join(cells)}</row>')
            if number > first:
                self._check_dimensions(number - 1, width - 1)
            # Only now: the library puts no comment on a row before this one.
            self.previous_row = number

        def _xml_rich_inline_string(self, string: str, attributes: Sequence[tuple[str, object]] = ()) -> None:
            """Rich text is never ordered here: what looks like it is text."""
            self._xml_inline_string(string, True, list(attributes))

    return cast("type[PlainSheet]", Sheet)


class _Typed(Protocol):
    """What is used of the library's workbook, whose own types are partly unknown."""

    def set_properties(self, properties: Mapping[str, object]) -> None: ...
    def add_worksheet(self, name: str, worksheet_class: type[PlainSheet]) -> PlainSheet: ...
    def add_chart(self, options: Mapping[str, object]) -> Chart | None: ...
    def add_format(self, properties: Mapping[str, object]) -> Format: ...


class PlainBook:
    """A workbook in memory; its rows wait in a folder until it is closed.

    Raises:
        MissingPart: xlsxwriter is not installed.
    """

    def __init__(self, folder: str) -> None:
        try:
            from xlsxwriter.workbook import Workbook
        except ImportError as absent:
            raise missing("xlsxwriter") from absent
        self._body = io.BytesIO()
        self._inner = Workbook(self._body, _OPTIONS | {"tmpdir": folder})
        self._typed = cast("_Typed", self._inner)
        self._typed.set_properties({"created": _BORN, "author": "", "comments": ""})

    def sheet(self, name: str) -> PlainSheet:
        """One more sheet."""
        return self._typed.add_worksheet(name, _sheets())

    def chart(self, kind: Mapping[str, object]) -> Chart | None:
        """A chart to be put on a sheet; None where the library has no such kind."""
        return self._typed.add_chart(kind)

    def look(self, properties: Mapping[str, object]) -> Format:
        """A format for the library's own methods."""
        return self._typed.add_format(properties)

    def closed(self) -> bytes:
        """The file."""
        self._inner.close()
        return self._body.getvalue()


def style_of(look: Format) -> int:
    """The number under which finished cells name a format; it is given one where it has none."""
    return cast("int", look._get_xf_index())  # pyright: ignore[reportPrivateUsage] # no public name tells it
