"""The ladder: which checks could hold a flaw of a column, or of a file, from the cheapest rung up.

Proposals only. Whether one fires on its flaw, is silent on what is clean and finds what nothing else
finds is for `compiling` to say. A bound that is taken from values (a shape, a range, a closed list) is
proposed only from `LEAST` proved values on, and with room for those that are still to come. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from strop.checking.checks import Check, CheckName, is_check, parse_check
from strop.checking.forms import has_form
from strop.checking.judge import quoted
from strop.checking.primitives import close
from strop.checking.quotes import as_number, normal, numbers
from strop.learning.wording import SHAPES, plain
from strop.types.content import Scalar
from strop.types.trial import Finding, Value
from strop.types.work import PICTURES, TABLES, Column, ColumnType, Count, Output, Spec, UnitKey

LEAST = 5
"""Proved values of a field before their shape may bind later ones."""
CLOSED = 30
"""Proved values before what they say may be taken for all that can be said."""
FEW = 12
"""Different values of a closed list, at the most."""
GROUPS = 3
"""Keys with more than one row, before rows of one key are expected to agree."""
ROWS = 8
"""Proved rows in which a formula must hold."""
_LARGE = Decimal(1_000_000_000)
_FIGURES = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL)
_UNIT = re.compile(r"[^\W\d_]{1,12}|[€$£%]")


class Rung(StrEnum):
    """Where a flaw was caught, from the cheapest rung to the dearest."""

    SCHEMA = "schema"
    SHAPE = "shape"
    COUNT = "count"
    RANGE = "range"
    CITED = "cited"
    QUOTE = "quote"
    RECOMPUTE = "recompute"
    CROSS = "cross"
    FORMULA = "formula"
    AGE = "age"
    VALUE = "value"
    DRAWN = "drawn"
    SECTIONS = "sections"
    GATE = "gate"
    """The deterministic gate holds it without any rule."""
    PROMPT = "prompt"
    """Only a line for the model could."""


RUNGS: Mapping[CheckName, Rung] = {
    CheckName.TYPE: Rung.SCHEMA,
    CheckName.ONE_OF: Rung.SCHEMA,
    CheckName.MAX_LENGTH: Rung.SCHEMA,
    CheckName.PATTERN: Rung.SHAPE,
    CheckName.UNIQUE: Rung.COUNT,
    CheckName.ROWS: Rung.COUNT,
    CheckName.RANGE: Rung.RANGE,
    CheckName.UNIT: Rung.RANGE,
    CheckName.CITED: Rung.CITED,
    CheckName.QUOTE: Rung.QUOTE,
    CheckName.RECOMPUTE: Rung.RECOMPUTE,
    CheckName.AGREE: Rung.CROSS,
    CheckName.CONSISTENT: Rung.CROSS,
    CheckName.SAME: Rung.CROSS,
    CheckName.FORMULA: Rung.FORMULA,
    CheckName.NEWER: Rung.AGE,
    CheckName.NOT_VALUE: Rung.VALUE,
    CheckName.DRAWN: Rung.DRAWN,
    CheckName.SECTIONS: Rung.SECTIONS,
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What a column's flaws are compiled against."""

    column: Column
    flawed: Sequence[Value]
    """What was said and is wrong, as the value."""
    proved: Sequence[Value]
    grid: Mapping[tuple[UnitKey, str], Scalar]
    """Every delivered cell."""
    today: date | None = None
    key: bool = False
    """Whether the column is the first of its table: what a row is about."""


# ---------------------------------------------------------------- what the order holds anyway


def ordered(spec: Spec) -> dict[Check, str]:
    """Checks that the order itself demands, each with the words of the order that demand it.

    A rule for one of these would say what the spec says, and outlive it.
    """
    held: dict[Check, str] = {}
    for output in spec.outputs:
        for column in output.columns:
            held |= dict.fromkeys(_of_column(column), f"{output.file}, column {column.name}")
        held |= dict.fromkeys(_of_output(output), f"{output.file}")
    tables = [output for output in spec.made if output.kind in TABLES and output.columns]
    for first, second in pairwise(tables):
        held[Check(CheckName.SAME, first.file, names=(second.file,))] = f"{first.file} and {second.file} are one table"
    for line in spec.valid:
        if is_check(line):
            held[parse_check(line)] = "valid:"
    return held


def _of_column(column: Column) -> Iterator[Check]:
    yield Check(CheckName.TYPE, column.name, text=column.type.value)
    if quoted(column):
        yield Check(CheckName.CITED, column.name)
        yield Check(CheckName.QUOTE, column.name)
    if column.recompute is not None:
        yield Check(CheckName.RECOMPUTE, column.name)
    if column.formula is not None:
        yield Check(CheckName.FORMULA, column.name, text=column.formula)


def _of_output(output: Output) -> Iterator[Check]:
    count = output.rows
    if count is not None:
        for bound in {Count(count.least, None), Count(None, count.most), count} - {Count()}:
            yield Check(CheckName.ROWS, count=bound)
    for section in output.sections:
        yield Check(CheckName.SECTIONS, output.file, names=(section,))
    if output.kind in PICTURES:
        yield Check(CheckName.DRAWN, output.file)


# ---------------------------------------------------------------- a file


def of_file(finding: Finding, spec: Spec) -> Check | None:
    """The check that a file's finding is a case of; None where the language has none."""
    files = {output.file for output in spec.outputs}
    if finding.locator.startswith("section "):
        return Check(CheckName.SECTIONS, finding.artefact, names=(finding.locator.removeprefix("section "),))
    pair = re.fullmatch(r"(.+) says what (.+) says", finding.rule)
    if pair is not None and {pair[1], pair[2]} <= files:
        return Check(CheckName.SAME, pair[2], names=(pair[1],))
    typed = re.fullmatch(r"(.+) is ([a-z]+)", finding.rule)
    if typed is not None and finding.locator.endswith(f", {typed[1]}") and typed[2] in set(ColumnType):
        return Check(CheckName.TYPE, typed[1], text=typed[2])
    if finding.locator == "rows" and spec.each is not None:
        counts = [output.rows for output in spec.outputs if output.file == finding.artefact and output.rows]
        return Check(CheckName.ROWS, count=counts[0]) if counts else None
    return Check(CheckName.DRAWN, finding.artefact) if finding.locator == "picture" else None


# ---------------------------------------------------------------- a column


def ladder(ground: Ground) -> Iterator[Check]:
    """Every check of the column worth a trial, by rising rung."""
    name, kind = ground.column.name, ground.column.type
    enough = len(ground.proved) >= LEAST
    if kind not in (ColumnType.TEXT, ColumnType.QUOTE):
        yield Check(CheckName.TYPE, name, text=kind.value)
    yield from _listed(ground)
    if enough and kind is ColumnType.TEXT:
        yield from (Check(CheckName.PATTERN, name, text=shape) for shape in SHAPES)
        longest = max(len(str(value.value)) for value in ground.proved)
        yield Check(CheckName.MAX_LENGTH, name, high=Decimal(2 * longest))
    different = len({normal(str(value.value)) for value in ground.proved})
    if different == len(ground.proved) >= (LEAST if ground.key else CLOSED):
        yield Check(CheckName.UNIQUE, name)
    if enough and kind in _FIGURES:
        yield from _bounded(ground)
        yield from _measured(ground)
    yield from (Check(each, name) for each in (CheckName.CITED, CheckName.QUOTE, CheckName.RECOMPUTE, CheckName.AGREE))
    if enough:
        yield from _agreeing(ground)
        yield from _computed(ground)
        yield from _recent(ground)
        yield from _forbidden(ground)


def _listed(ground: Ground) -> Iterator[Check]:
    """A closed list: many proved values, few different ones, none of them seen only once."""
    if ground.column.type is not ColumnType.TEXT or len(ground.proved) < CLOSED:
        return
    seen = Counter(str(value.value) for value in ground.proved)
    if 2 <= len(seen) <= FEW and min(seen.values()) > 2:
        yield Check(CheckName.ONE_OF, ground.column.name, names=tuple(sorted(seen)))


def _bounded(ground: Ground) -> Iterator[Check]:
    """At least one of a count; then the powers of ten around all that was proved, with room of as much again."""
    figures = [figure for value in ground.proved if (figure := as_number(value.value)) is not None]
    if len(figures) < LEAST:
        return
    name = ground.column.name
    if ground.column.type is ColumnType.INTEGER:
        yield Check(CheckName.RANGE, name, Decimal(1), _LARGE)
    low, high = min(figures), max(figures)
    if low >= 0 and high > 0:
        least = _ten(low / 2, up=False) if low > 0 else Decimal(0)
        yield Check(
            CheckName.RANGE, name, least if least >= 1 else Decimal(0), max(_ten(high * 2, up=True), Decimal(1))
        )


def _ten(figure: Decimal, *, up: bool) -> Decimal:
    """The power of ten at or beyond a positive figure."""
    exponent = figure.adjusted()
    power = Decimal(1).scaleb(exponent)
    return power if not up or power == figure else Decimal(1).scaleb(exponent + 1)


def _measured(ground: Ground) -> Iterator[Check]:
    """The unit that stands behind the number in every proved value's quote, where the order's words name it.

    A word that only the quotes share (`opened in 1900 and`) is no unit.
    """
    asked = set(normal(re.sub(r"[^\w€$£%]+", " ", f"{ground.column.name} {ground.column.ask}")).split())
    units: list[set[str]] = []
    for value in ground.proved:
        figure, quotes = as_number(value.value), [claim.quote for claim in value.claims if claim.quote]
        if figure is None or not quotes:
            return
        behind = [after for found, _, after in numbers(quotes[0]) if found == figure]
        words = (_UNIT.match(after.strip()) for after in behind)
        units.append({word.group() for word in words if word is not None})
    for unit in sorted(set[str].intersection(*units)) if units else ():
        if plain(unit) and normal(unit) in asked:
            yield Check(CheckName.UNIT, ground.column.name, text=unit)


def _agreeing(ground: Ground) -> Iterator[Check]:
    """Another column whose equal values come with equal values of this one."""
    name, others = ground.column.name, sorted({field for _, field in ground.grid} - {ground.column.name})
    for key in others:
        groups: dict[str, set[str]] = {}
        sizes: Counter[str] = Counter()
        for value in ground.proved:
            said = ground.grid.get((value.row, key))
            if said is not None:
                groups.setdefault(normal(str(said)), set()).add(normal(str(value.value)))
                sizes[normal(str(said))] += 1
        told = {next(iter(held)) for held in groups.values() if len(held) == 1}
        if sum(size > 1 for size in sizes.values()) >= GROUPS and len(told) == len(groups) > 1:
            yield Check(CheckName.CONSISTENT, name, names=(key,))


def _computed(ground: Ground) -> Iterator[Check]:
    """What two other columns of the row give, where that holds in every proved row."""
    if ground.column.type not in _FIGURES or len(ground.proved) < ROWS:
        return
    columns = sorted({field for _, field in ground.grid} - {ground.column.name})
    held = {name: [as_number(ground.grid.get((value.row, name))) for value in ground.proved] for name in columns}
    figures = {name: [f for f in column if f is not None] for name, column in held.items()}
    usable = [name for name in columns if len(figures[name]) == len(ground.proved) and len(set(figures[name])) > 2]
    stated = [figure for value in ground.proved if (figure := as_number(value.value)) is not None]
    if len(stated) < len(ground.proved):
        return
    for one in usable:
        for other in usable:
            for sign in "*+-/":
                if (sign in "*+" and one > other) or (one == other and sign in "-/"):
                    continue
                given = [_given(a, sign, b) for a, b in zip(figures[one], figures[other], strict=True)]
                if all(g is not None and close(s, g) for s, g in zip(stated, given, strict=True)):
                    yield Check(CheckName.FORMULA, ground.column.name, text=f"[{one}] {sign} [{other}]")


def _given(one: Decimal, sign: str, other: Decimal) -> Decimal | None:
    match sign:
        case "*":
            return one * other
        case "+":
            return one + other
        case "-":
            return one - other
        case _:
            return one / other if other else None


def _recent(ground: Ground) -> Iterator[Check]:
    """Twice as old as the oldest that was proved, in whole months."""
    if ground.column.type is not ColumnType.DATE or ground.today is None:
        return
    shown = [str(value.value)[:10] for value in ground.proved]
    if all(has_form(ColumnType.DATE, each) for each in shown):
        oldest = max((ground.today - date.fromisoformat(each)).days for each in shown)
        if oldest >= 0:
            yield Check(CheckName.NEWER, ground.column.name, high=Decimal(30 * (2 * oldest // 30 + 1)))


def _forbidden(ground: Ground) -> Iterator[Check]:
    """A value that was wrong in more than one row."""
    said = [str(value.value) for value in ground.flawed]
    for text in sorted({text for text in said if said.count(text) > 1}):
        if re.fullmatch(r"[^\"\\\n]{1,80}", text):
            yield Check(CheckName.NOT_VALUE, ground.column.name, text=text)
