"""Rows that were taken over from a source, compared with it again: every cell of the delivered bytes.

The source is read anew by its tool, the file by an independent reader (`lines`); both stream, and nothing
is held but the row at hand. What cannot be told from the file stays a finding: a cell that is not of its
column's type was left out, a source that changed since proves nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from strop.checking.contracts import SHOWN, workbook_contract
from strop.checking.lines import read_lines
from strop.checking.opened import open_file
from strop.drafting.derived import computed
from strop.drafting.taken import NotOfType, Taking, or_nothing, taking, typed
from strop.errors import MissingPart, StropError
from strop.seams import Tables
from strop.types.content import Scalar
from strop.types.formulas import figure
from strop.types.trial import Finding, Severity
from strop.types.work import ColumnType, Kind, Output

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff\ufffd]")
"""What files cannot carry; it is left out of both sides before they are compared."""
_RULE = "every cell is the one in the same row and column of the source"


def taken_contract(output: Output, path: Path, *, tables: Tables) -> tuple[Finding, ...]:
    """Everything that does not hold of a file whose rows were taken over, and a note of how many are proved.

    Raises:
        MissingPart: the reader for this kind of file is not installed.
    """
    try:
        made = taking(output, source=tables(output.taken))
        found = _Comparison(output, path, made)
        found.compare()
        if output.kind is Kind.XLSX and not any(finding.locator == "file" for finding in found.findings):
            found.findings += workbook_contract(output, path, name=output.file)
    except MissingPart:
        raise
    except StropError as caught:
        return (_fatal(output, output.taken, "a table to take rows from", str(caught)),)
    return tuple(found.findings)


@dataclass(slots=True)
class _Comparison:
    """One file beside its source while both are walked."""

    output: Output
    path: Path
    made: Taking
    findings: list[Finding] = field(default_factory=list[Finding])
    _proved: int = 0
    _differences: int = 0
    _untyped: list[int] = field(default_factory=list[int])
    """By column, how many cells are not of its type."""
    _filled: list[int] = field(default_factory=list[int])
    """By column, how many cells are."""

    def compare(self) -> None:
        """Walk both and note what differs."""
        self._untyped = [0] * len(self.made.columns)
        self._filled = [0] * len(self.made.columns)
        try:
            if self.output.kind is Kind.JSON:
                self._against(*_json(self.path, self.made.names))
            elif self.output.kind is Kind.JSONL and not self.made.count and not self.path.stat().st_size:
                pass  # no rows, no lines
            else:
                with read_lines(self.path, kind=self.output.kind, wanted=self.made.names) as lines:
                    self._against(lines.names, lines.lines)
        except (StropError, OSError) as caught:
            if isinstance(caught, StropError):
                raise
            self._tell("file", "a file that opens", caught.strerror or str(caught))
        except Exception as error:  # noqa: BLE001 - whatever a reader says of broken bytes is the finding
            self._tell("file", f"a {self.output.kind.value.upper()} that opens", f"{type(error).__name__}: {error}")
        if self._differences > SHOWN:
            self._note("file", "nothing more", f"{self._differences - SHOWN} more cells differ", Severity.FATAL)
        self._tell_untyped()
        self._tell_rows()

    def _against(self, names: Sequence[str], lines: Iterator[Sequence[str]]) -> None:
        if tuple(names) != self.made.names:
            self._tell("columns", ", ".join(self.made.names), ", ".join(names))
            return
        given = self.made.source
        for number, (row, line) in enumerate(zip_longest(given, lines), start=1):
            if row is not None and line is None and self._blank(row):
                self._row(number, row, ("",) * len(self.made.names))
            elif row is None or line is None:
                more = sum(1 for _ in (lines if row is None else iter(given)))
                there = f"{number + more:,} rows" if row is None else f"{number - 1:,} rows"
                self._tell("rows", f"{self.made.count:,} rows", there)
                return
            else:
                self._row(number, row, line)

    def _blank(self, row: Sequence[str | None]) -> bool:
        """Whether nothing is delivered of the row: a workbook does not tell such rows at its end."""
        cells = zip(self.made.places, self.made.columns, strict=True)
        values = (None if place is None else or_nothing(row[place], column.type) for place, column in cells)
        return self.output.kind is Kind.XLSX and all(value is None for value in values)

    def _row(self, number: int, row: Sequence[str | None], line: Sequence[str]) -> None:
        values: list[Scalar] = []
        for at, (column, place) in enumerate(zip(self.made.columns, self.made.places, strict=True)):
            text = row[place] if place is not None else None
            try:
                values.append(typed(text, column.type))
                self._filled[at] += values[-1] is not None
            except NotOfType as caught:
                values.append(None)
                self._untyped[at] += 1
                if self._untyped[at] <= SHOWN:
                    what = f"{str(caught)[:200]}; the cell is empty. Make the column text, or mend the source"
                    self._note(f"row {number}, {column.name}", f"{column.type.value} value", what, Severity.FLAW)
        if self.made.steps:
            values = computed(values, self.made.steps, self.made.names)
        same = True
        for column, value, cell in zip(self.made.columns, values, line, strict=True):
            if not _equal(value, cell, column.type, self.output.kind):
                same = False
                self._tell(f"row {number}, {column.name}", _said(value) or "nothing", cell or "nothing")
        self._proved += same

    def _tell(self, locator: str, expected: str, observed: str) -> None:
        self._differences += 1
        if self._differences <= SHOWN:
            self._note(locator, expected, observed, Severity.FATAL)

    def _note(self, locator: str, expected: str, observed: str, severity: Severity) -> None:
        self.findings.append(
            Finding("contract", self.output.file, locator, expected[:500], observed[:500], _RULE, severity)
        )

    def _tell_untyped(self) -> None:
        for column, untyped, filled in zip(self.made.columns, self._untyped, self._filled, strict=True):
            if untyped > SHOWN:
                more = f"{untyped - SHOWN:,} more cells are not"
                self._note(f"column {column.name}", f"{column.type.value} values", more, Severity.FLAW)
            if untyped and not filled:
                observed = f"not one of {untyped:,} cells is"
                self._note(f"column {column.name}", f"{column.type.value} values", observed, Severity.FATAL)

    def _tell_rows(self) -> None:
        rows, output = self.made.count, self.output
        if output.rows is not None and not output.rows.holds(rows):
            self._note("rows", str(output.rows), f"{rows:,} in {output.taken}", Severity.FATAL)
        self._note("rows", f"{rows:,} rows", f"proved: {self._proved:,} of {rows:,} rows", Severity.NOTE)


def _json(path: Path, wanted: Sequence[str]) -> tuple[Sequence[str], Iterator[Sequence[str]]]:
    """A JSON is one value, so it is held whole."""
    opened = open_file(path, kind=Kind.JSON)
    if isinstance(opened, str):
        raise ValueError(opened)
    if not opened.sheets:
        return wanted, iter(())
    return opened.sheets[0].names, iter(opened.sheets[0].rows)


def _said(value: Scalar) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _equal(value: Scalar, cell: str, kind: ColumnType, file: Kind) -> bool:
    """Whether a cell of the file is the value, as far as its format can hold it."""
    if value is None:
        return not cell
    if kind in (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL):
        return _same_number(_said(value), cell, file)
    said = _said(value)
    return said == cell or _plain(said) == _plain(cell)


def _same_number(one: str, other: str, file: Kind) -> bool:
    if one == other:
        return True
    first, second = figure(one), figure(other)
    if first is None or second is None:
        return False
    if file is Kind.XLSX:  # the format holds 16 digits of a number
        return math.isclose(first, second, rel_tol=1e-15)
    return first == second


def _plain(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _fatal(output: Output, locator: str, expected: str, observed: str) -> Finding:
    return Finding("contract", output.file, locator, expected, observed[:500], _RULE, Severity.FATAL)
