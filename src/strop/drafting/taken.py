"""Tables whose rows go over from a source as they are (`from:` in the spec): typed, never read by an agent.

Every cell without a formula is its own proof: it is the one in the same row and column of the source, so
its claim can be made whenever somebody asks, and none is held. Pure; rows are walked as often as needed
and stand in memory one at a time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from strop.drafting.derived import Step, computed, steps, totals
from strop.errors import BadInput
from strop.seams import SourceTable
from strop.types.content import Cell, Head, Origin, Scalar, Standing, Table
from strop.types.trial import Claim
from strop.types.work import Column, ColumnType, Output, TaskId, UnitKey

TAKER = TaskId("take")
"""Author of the claims on cells that were taken over."""
_WHOLE = re.compile(r"[-+]?[0-9]{1,400}")
_EXACT = re.compile(r"[-+]?[0-9]{1,400}(?:\.[0-9]{1,400})?")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EMPTY = ("", "NA")


class NotOfType(ValueError):
    """A cell's text is no value of its column's type."""


def typed(text: str | None, kind: ColumnType) -> Scalar:
    """What a cell says as a value of its column; an empty cell says nothing, nor does `NA` but as text.

    Raises:
        NotOfType.
    """
    if text is None:
        return None
    return READS[kind](text)


def _text(text: str) -> Scalar:
    return text or None


def _integer(text: str) -> Scalar:
    bare = text.strip()
    if _WHOLE.fullmatch(bare):
        return int(bare)
    return _nothing(bare)


def _number(text: str) -> Scalar:
    bare = text.strip()
    if not _NUMBER.fullmatch(bare):
        return _nothing(bare)
    found = float(bare)
    if not math.isfinite(found):
        raise NotOfType(bare)
    return int(found) if found.is_integer() and abs(found) < 10**15 else found


def _decimal(text: str) -> Scalar:
    bare = text.strip()
    return bare.removeprefix("+") if _EXACT.fullmatch(bare) else _nothing(bare)


def _day(text: str) -> Scalar:
    bare = text.strip()
    try:
        return date.fromisoformat(bare).isoformat() if _DATE.fullmatch(bare) else _nothing(bare)
    except ValueError as caught:
        raise NotOfType(bare) from caught


def _truth(text: str) -> Scalar:
    bare = text.strip().lower()
    return bare == "true" if bare in ("true", "false") else _nothing(text.strip())


def _nothing(bare: str) -> None:
    if bare not in _EMPTY:
        raise NotOfType(bare)


READS: Mapping[ColumnType, Callable[[str], Scalar]] = {
    ColumnType.TEXT: _text,
    ColumnType.QUOTE: _text,
    ColumnType.INTEGER: _integer,
    ColumnType.NUMBER: _number,
    ColumnType.DECIMAL: _decimal,
    ColumnType.DATE: _day,
    ColumnType.BOOLEAN: _truth,
}
"""How the text of a cell is read, by its column's type."""


@dataclass(frozen=True)
class Taking:
    """One table under way from its source: which columns, and what is computed beside them."""

    source: SourceTable
    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def places(self) -> tuple[int | None, ...]:
        """Where each column stands in the source; None for a formula."""
        at = {name: place for place, name in enumerate(self.source.names)}
        return tuple(None if column.formula is not None else at[column.name] for column in self.columns)

    @cached_property
    def count(self) -> int:
        """Rows of the source."""
        return sum(1 for _ in self.source)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return steps(self.columns, self._given)

    def _given(self) -> Iterator[list[Scalar]]:
        """Typed values row by row, nothing where a cell is not of its type or a formula stands."""
        cells = list(zip(self.places, (READS[column.type] for column in self.columns), strict=True))
        for row in self.source:
            try:
                yield [None if place is None or (text := row[place]) is None else reads(text) for place, reads in cells]
            except NotOfType:
                yield [
                    None if place is None else or_nothing(row[place], column.type)
                    for place, column in zip(self.places, self.columns, strict=True)
                ]

    def values(self) -> Iterator[list[Scalar]]:
        """The rows as they are delivered."""
        if not self.steps:
            return self._given()
        return (computed(row, self.steps, self.names) for row in self._given())

    def claim(self, row: int, column: str, *, path: str) -> Claim:
        """What stands behind one cell, row from 1.

        Raises:
            BadInput: there is no such cell, or a formula stands there.
        """
        place = dict(zip(self.names, self.places, strict=True)).get(column)
        found = next((each for number, each in enumerate(self.source, start=1) if number == row), None)
        if place is None or found is None:
            raise BadInput(f"{path} has no cell in row {row}, column {column}")
        kind = self.columns[self.names.index(column)].type
        where = f"row {row} column {column}"
        value = or_nothing(found[place], kind)
        return Claim(TAKER, UnitKey(f"{path}:{row}"), column, value, path, self.source.digest, locator=where)


def or_nothing(text: str | None, kind: ColumnType) -> Scalar:
    """As `typed`; nothing where the text is no such value."""
    try:
        return typed(text, kind)
    except NotOfType:
        return None


@dataclass(frozen=True, slots=True)
class TakenRows:
    """Rows that are made as they are asked for."""

    taking: Taking

    def __len__(self) -> int:
        return self.taking.count

    def __iter__(self) -> Iterator[tuple[Cell, ...]]:
        formulas = tuple(column.formula or "" for column in self.taking.columns)
        if not any(formulas):
            return (tuple([Cell(value, Standing.ACCEPTED) for value in row]) for row in self.taking.values())
        return (
            tuple(Cell(value, Standing.ACCEPTED, formula=formula) for value, formula in zip(row, formulas, strict=True))
            for row in self.taking.values()
        )


def taking(output: Output, *, source: SourceTable) -> Taking:
    """What an output takes from its source: its columns, all of them as text where it names none.

    Raises:
        BadInput: the source lacks a column.
    """
    columns = output.columns or tuple(Column(name, ColumnType.TEXT) for name in source.names)
    lacking = [column.name for column in columns if column.formula is None and column.name not in source.names]
    if lacking:
        there = ", ".join(source.names)[:300]
        raise BadInput(f"{output.file}: {output.taken} has no column {lacking[0]!r}. It has: {there}")
    return Taking(source, columns)


def taken_table(output: Output, *, source: SourceTable) -> Table:
    """The table of an output that names its source.

    Raises:
        BadInput: the source lacks a column.
        ToolFailure: it cannot be read.
    """
    made = taking(output, source=source)
    heads = tuple(Head(column.name, column.type, column.formula or "") for column in made.columns)
    rows = TakenRows(made)
    name = output.file.rsplit("/", 1)[-1].rpartition(".")[0]
    origin = Origin(output.taken, source.digest)
    return Table(name, heads, rows, totals=totals(heads, rows, output.totals), origin=origin)
