"""Figures that the harness computes: columns with a formula, and totals. Pure; rows may be as many as they like.

A derived value stands as weakly as the weakest value it rests on, and is nothing where one of them is.
Rows are walked once for each formula that folds whole columns, and once to be written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from strop.errors import BadInput
from strop.types.content import Cell, Head, Rows, Scalar, Standing, Total
from strop.types.formulas import (
    DIGITS,
    Call,
    ColumnOf,
    Expression,
    Folding,
    Reference,
    columns,
    evaluate,
    figure,
    folds,
    held,
    parse,
    renamed,
    settled,
)
from strop.types.trial import Claim, Value
from strop.types.work import Column, ColumnType, TaskId, UnitKey

NUMERIC = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL)
_WEAKEST = (Standing.REFUTED, Standing.UNVERIFIED, Standing.CORRECTED, Standing.ACCEPTED, Standing.PLAIN)
_LISTED = 100
"""A fold over more claims than this names its column instead."""
HARNESS = TaskId("verify")
"""Author of what the harness computes: it stands on no record, the claims it rests on do."""

Grid = Mapping[tuple[UnitKey, str], Value]
Walk = Callable[[], Iterable[Sequence[Scalar]]]
"""Begins a new walk over all rows; each is as long as the columns, nothing where a formula stands."""


@dataclass(frozen=True, slots=True)
class Step:
    """One formula column, ready to be computed row by row."""

    index: int
    type: ColumnType
    expression: Expression
    """Folds of whole columns are settled."""


def in_order(wanted: Sequence[Column]) -> tuple[Column, ...]:
    """The columns with a formula, each behind those it needs.

    Raises:
        BadInput: a formula that cannot be read, names what is no column or no number, or goes in a circle.
    """
    types = {column.name: column.type for column in wanted}
    left = {column.name: (column, columns(parse(column.formula or ""))) for column in wanted if column.formula}
    for name, (_, needs) in left.items():
        _check_names(name, needs, types)
    ordered: list[Column] = []
    while left:
        ready = [name for name, (_, needs) in left.items() if not needs & left.keys()]
        if not ready:
            raise BadInput(f"the formulas of {', '.join(sorted(left))} go in a circle")
        ordered += [left.pop(name)[0] for name in ready]
    return tuple(ordered)


def _check_names(name: str, needs: frozenset[str], types: Mapping[str, ColumnType]) -> None:
    if name in needs:
        raise BadInput(f"the formula of {name} names {name} itself")
    if not needs:
        raise BadInput(f"the formula of {name} names no column: write [price] for the column price")
    for need in sorted(needs):
        if need not in types:
            raise BadInput(f"the formula of {name} names [{need}], which is no column of the table")
        if types[need] not in NUMERIC:
            raise BadInput(f"the formula of {name} names [{need}], which is {types[need].value} and no number")


# ---------------------------------------------------------------- rows


def steps(wanted: Sequence[Column], walk: Walk) -> tuple[Step, ...]:
    """What to compute in each row, whole columns folded already.

    Raises:
        BadInput: as `in_order`.
    """
    names = [column.name for column in wanted]
    made: list[Step] = []
    for column in in_order(wanted):
        expression = parse(column.formula or "")
        calls = folds(expression)
        if calls:
            known = _folded(calls, names, made, walk)
            expression = settled(expression, lambda call, known=known: known[call])
        made.append(Step(names.index(column.name), column.type, expression))
    return tuple(made)


def _folded(
    calls: Iterable[Call], names: Sequence[str], made: Sequence[Step], walk: Walk
) -> dict[Call, Decimal | None]:
    under_way = {call: Folding(call.function) for call in calls}
    indexes = [(call, names.index(call.whole), folding) for call, folding in under_way.items()]
    for row in walk():
        filled = computed(row, made, names)
        for call, index, folding in indexes:
            if (found := _counted(call, filled[index])) is not None:
                folding.add(found)
    return {call: folding.result for call, folding in under_way.items()}


def _counted(call: Call, value: Scalar) -> Decimal | None:
    """What a cell gives to a fold; `count` counts whatever is there."""
    if call.function == "count":
        return None if value is None or value == "" else Decimal(1)
    return figure(value)


def computed(row: Sequence[Scalar], made: Sequence[Step], names: Sequence[str]) -> list[Scalar]:
    """The row with its formulas filled in."""
    filled = list(row)
    if not made:
        return filled

    def look(leaf: ColumnOf | Reference) -> Decimal | None:
        return figure(filled[names.index(leaf.name)])

    for step in made:
        filled[step.index] = scalar(evaluate(step.expression, look), step.type)
    return filled


def scalar(value: Decimal | None, kind: ColumnType) -> Scalar:
    """A computed figure as a column of that type holds it: whole numbers whole, decimals as text."""
    cut = held(value)
    if cut is None or abs(cut) >= Decimal("1e300"):
        return None
    whole = cut == cut.to_integral_value()
    if kind is ColumnType.DECIMAL:
        return format(cut.quantize(Decimal(1)) if whole and cut.adjusted() < 20 else cut.normalize(), "f")
    if whole and (kind is ColumnType.INTEGER or abs(cut) < 10**DIGITS):
        return int(cut)
    found = float(cut)
    return found if math.isfinite(found) else None


# ---------------------------------------------------------------- judged values


def with_derived(values: Grid, *, wanted: Sequence[Column], rows: Sequence[UnitKey]) -> Grid:
    """The grid with a value for each cell that a formula fills."""
    names = [column.name for column in wanted]
    formulas = in_order(wanted)
    if not formulas:
        return values
    filled = dict(values)

    def walk() -> Iterator[list[Scalar]]:
        return ([_value(filled.get((row, name))) for name in names] for row in rows)

    made = steps(wanted, walk)
    for column, step in zip(formulas, made, strict=True):
        expression = parse(column.formula or "")
        for row in rows:
            filled[row, column.name] = _derived(column, step, expression, row, rows, filled)
    return filled


def _value(value: Value | None) -> Scalar:
    return None if value is None or value.standing is Standing.REFUTED else value.value


def _derived(
    column: Column,
    step: Step,
    expression: Expression,
    row: UnitKey,
    rows: Sequence[UnitKey],
    filled: Mapping[tuple[UnitKey, str], Value],
) -> Value:
    value = scalar(evaluate(step.expression, lambda leaf: figure(_value(filled.get((row, leaf.name))))), step.type)
    whole = {call.whole for call in folds(expression)}
    own = [filled.get((row, name)) for name in sorted(columns(expression) - whole)]
    every = [filled[each, name] for name in sorted(whole) for each in rows if (each, name) in filled]
    standing = weakest([each.standing if each else Standing.REFUTED for each in own] + _kept(every))
    if value is None:
        standing = Standing.REFUTED
    names = _Names()
    said = renamed(
        expression,
        leaf=lambda leaf: names.of(filled.get((row, leaf.name))),
        whole=lambda call: [names.of(filled[each, call.whole]) for each in rows if _there(filled, each, call.whole)],
    ) if len(every) <= _LISTED else column.formula or ""  # fmt: skip
    claim = Claim(HARNESS, row, column.name, value, "", "", formula=said, rests=tuple(names.ids))
    return Value(row, column.name, value, standing, (claim,), ("computed",))


def _there(filled: Mapping[tuple[UnitKey, str], Value], row: UnitKey, name: str) -> bool:
    return _value(filled.get((row, name))) is not None


def _kept(values: Iterable[Value]) -> list[Standing]:
    """Whole columns pass over what was taken out."""
    return [value.standing for value in values if value.standing is not Standing.REFUTED]


class _Names:
    """Claims by the names a formula gives them: c1 is the first."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def of(self, value: Value | None) -> str:
        if value is None or not value.claims:
            return "nothing"
        name = value.claims[0].id
        if name not in self.ids:
            self.ids.append(name)
        return f"c{self.ids.index(name) + 1}"


def weakest(standings: Iterable[Standing]) -> Standing:
    """The standing of what rests on all of these; ours where it rests on nothing."""
    return min(standings, key=_WEAKEST.index, default=Standing.PLAIN)


# ---------------------------------------------------------------- totals


def totals(heads: Sequence[Head], rows: Rows, wanted: Sequence[tuple[str, str]]) -> tuple[Total, ...]:
    """Figures over whole columns: (column, function) each. The rows are walked once, if anything is wanted."""
    names = [head.name for head in heads]
    made = [_Totalling(names.index(name), Call(function, (ColumnOf(name),))) for name, function in wanted]
    for row in rows if made else ():
        for each in made:
            each.see(row[each.index])
    return tuple(each.total(heads[each.index]) for each in made)


class _Totalling:
    """One total under way: its figure, how weakly it stands, and the claims it rests on."""

    def __init__(self, index: int, call: Call) -> None:
        self.index = index
        self._call = call
        self._folding = Folding(call.function)
        self._standing = Standing.PLAIN
        self._ids: list[str] = []
        self._cited = 0

    def see(self, cell: Cell) -> None:
        """One more cell of the column."""
        found = _counted(self._call, cell.value)
        if found is None:
            return
        self._folding.add(found)
        self._standing = weakest((self._standing, cell.standing))
        self._cited += bool(cell.claims)
        if len(self._ids) <= _LISTED:
            self._ids += cell.claims[:1]

    def total(self, head: Head) -> Total:
        """What it came to; over more claims than are listed it names its column instead of them."""
        function, kind = self._call.function, head.type
        if function == "count":
            kind = ColumnType.INTEGER
        elif function in ("mean", "median"):
            kind = ColumnType.NUMBER
        listed = tuple(self._ids) if self._cited == len(self._ids) else ()
        names = ", ".join(f"c{number}" for number in range(1, len(listed) + 1))
        said = f"{function}({names or f'[{head.name}]'})"
        return Total(
            head.name, function, Cell(scalar(self._folding.result, kind), self._standing, listed, formula=said)
        )
