"""A small language for figures that follow from others: columns of a row, whole columns, claims.

    [area] * [price]            columns of the same row
    [price] / sum([price])      one bare column inside sum, mean, median, min, max or count is all of it
    mean([q1], [q2])            more than one argument: figures of the same row
    growth([new], [old])        (new - old) / old
    round([x], 2)  abs([x])     halves go away from zero, as in a spreadsheet
    mean(c1, c2) - c3           claims, by their names

Figures are exact decimals to 50 digits while they are computed; a result that is cut off has 15
significant digits, which is what a spreadsheet holds. Where an input is missing, or something is
divided by zero, there is no result. Whole columns pass over what is missing, as spreadsheets do.
A text is parsed by a bounded grammar; nothing is ever run.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

from strop.errors import BadInput
from strop.types.content import Scalar

LONGEST = 500
"""Characters of a formula."""
DEEPEST = 40
"""Brackets inside brackets."""
FOLDS = ("sum", "mean", "median", "min", "max", "count")
"""Functions of a whole column, or of several figures."""
DIGITS = 15
_ARGUMENTS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(FOLDS, (1, 100)),
    "growth": (2, 2),
    "round": (1, 2),
    "abs": (1, 1),
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d{1,30}(?:\.\d{1,30})?)|\[(?P<column>[^\[\]]{1,200})\]"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]{0,59})|(?P<sign>[-+*/(),]))",
    re.ASCII,
)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d{1,3})?", re.ASCII)
_EXACT = decimal.Context(prec=50, rounding=decimal.ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6))
_SHOWN = decimal.Context(prec=DIGITS, rounding=decimal.ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Figure:
    value: Decimal


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """`[price]`: of the same row, or all of it inside a fold."""

    name: str


@dataclass(frozen=True, slots=True)
class Reference:
    """`c1`: a figure by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Negation:
    of: Expression


@dataclass(frozen=True, slots=True)
class Operation:
    sign: str
    """One of `+ - * /`."""
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Expression, ...]

    @property
    def whole(self) -> str:
        """The column that this folds from end to end; empty where it does not."""
        alone = self.arguments[0]
        return alone.name if self.function in FOLDS and len(self.arguments) == 1 and isinstance(alone, ColumnOf) else ""


@dataclass(frozen=True, slots=True)
class Settled:
    """A fold of a whole column that has been computed."""

    call: Call
    value: Decimal | None


Expression: TypeAlias = Figure | ColumnOf | Reference | Negation | Operation | Call | Settled
Lookup: TypeAlias = Callable[[ColumnOf | Reference], Decimal | None]
"""The figure that a leaf stands for; None where there is none."""


# ---------------------------------------------------------------- reading


def parse(text: str) -> Expression:
    """A formula.

    Raises:
        BadInput: what is wrong with it, and where.
    """
    if len(text) > LONGEST:
        raise BadInput(f"a formula has at most {LONGEST} characters, this one {len(text):,}")
    return _Reading(text).whole()


class _Reading:
    """Recursive descent over one text: sums of products of signed atoms."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._cut(text))
        self._at = 0
        self._depth = 0

    def _cut(self, text: str) -> Iterator[tuple[str, str, int]]:
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                rest = text[at:].lstrip()
                where = len(text) - len(rest) + 1
                raise BadInput(f"formula {text!r}: {rest[:20]!r} at character {where} is unknown")
            yield found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)
            at = found.end()

    def whole(self) -> Expression:
        made = self._sum()
        if self._at < len(self._tokens):
            raise self._wrong("an operator")
        return made

    def _sum(self) -> Expression:
        made = self._product()
        while sign := self._taken("+", "-"):
            made = Operation(sign, made, self._product())
        return made

    def _product(self) -> Expression:
        made = self._signed()
        while sign := self._taken("*", "/"):
            made = Operation(sign, made, self._signed())
        return made

    def _signed(self) -> Expression:
        return Negation(self._deeper(self._signed)) if self._taken("-") else self._atom()

    def _atom(self) -> Expression:
        kind, said, _ = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "", 0)
        if kind not in ("number", "column", "name") and said != "(":
            raise self._wrong("a number, [column], function or bracket")
        self._at += 1
        match kind:
            case "number":
                return Figure(Decimal(said))
            case "column":
                return ColumnOf(said.strip())
            case "name":
                return self._call(said) if self._taken("(") else Reference(said)
            case _:
                made = self._deeper(self._sum)
                self._close()
                return made

    def _call(self, function: str) -> Call:
        if function not in _ARGUMENTS:
            raise BadInput(f"formula {self._text!r}: no function {function!r}. There are: {', '.join(_ARGUMENTS)}")
        arguments = [self._deeper(self._sum)]
        while self._taken(","):
            arguments.append(self._deeper(self._sum))
        self._close()
        least, most = _ARGUMENTS[function]
        if not least <= len(arguments) <= most:
            takes = str(least) if least == most else f"{least} to {most}"
            raise BadInput(f"formula {self._text!r}: {function} takes {takes} arguments, not {len(arguments)}")
        if function == "round" and len(arguments) == 2:
            places = arguments[1]
            if not isinstance(places, Figure) or places.value not in range(13):
                raise BadInput(f"formula {self._text!r}: round to a whole number of places from 0 to 12")
        return Call(function, tuple(arguments))

    def _deeper(self, part: Callable[[], Expression]) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadInput(f"formula {self._text[:60]!r}: more than {DEEPEST} brackets or signs inside each other")
        made = part()
        self._depth -= 1
        return made

    def _taken(self, *signs: str) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "sign" and self._tokens[self._at][1] in signs:
            self._at += 1
            return self._tokens[self._at - 1][1]
        return ""

    def _close(self) -> None:
        if not self._taken(")"):
            raise self._wrong("a closing bracket")

    def _wrong(self, expected: str) -> BadInput:
        if self._at < len(self._tokens):
            _, said, at = self._tokens[self._at]
            return BadInput(f"formula {self._text!r}: expected {expected} at character {at + 1}, not {said!r}")
        return BadInput(f"formula {self._text!r} ends where {expected} belongs")


# ---------------------------------------------------------------- what it needs


def columns(expression: Expression) -> frozenset[str]:
    """Every column it names, whole ones included."""
    return frozenset(leaf.name for leaf in _leaves(expression) if isinstance(leaf, ColumnOf))


def references(expression: Expression) -> frozenset[str]:
    """Every claim it names."""
    return frozenset(leaf.name for leaf in _leaves(expression) if isinstance(leaf, Reference))


def folds(expression: Expression) -> frozenset[Call]:
    """The folds of whole columns in it."""
    match expression:
        case Call() if expression.whole:
            return frozenset((expression,))
        case Call(_, parts):
            return frozenset[Call]().union(*map(folds, parts))
        case Operation(_, left, right):
            return folds(left) | folds(right)
        case Negation(part):
            return folds(part)
        case _:
            return frozenset()


def _leaves(expression: Expression) -> Iterator[ColumnOf | Reference]:
    match expression:
        case ColumnOf() | Reference():
            yield expression
        case Negation(part):
            yield from _leaves(part)
        case Operation(_, left, right):
            yield from _leaves(left)
            yield from _leaves(right)
        case Call(_, parts):
            for part in parts:
                yield from _leaves(part)
        case Settled(call, _):
            yield from _leaves(call)
        case Figure():
            pass


# ---------------------------------------------------------------- computing


def evaluate(expression: Expression, lookup: Lookup) -> Decimal | None:
    """What it comes to. A fold of a whole column must have been `settled`, else it folds the one figure.

    None where an input is missing, or something is divided by zero.
    """
    match expression:  # the commonest first: a table has many rows
        case ColumnOf() | Reference():
            return lookup(expression)
        case Operation(sign, left, right):
            one, other = evaluate(left, lookup), evaluate(right, lookup)
            return None if one is None or other is None else _operated(sign, one, other)
        case Figure(value) | Settled(_, value):
            return value
        case Call(function, parts):
            found = [evaluate(part, lookup) for part in parts]
            figures = [each for each in found if each is not None]
            return _called(function, figures) if len(figures) == len(found) else None
        case Negation(part):
            found = evaluate(part, lookup)
            return None if found is None else found.copy_negate()


def _operated(sign: str, one: Decimal, other: Decimal) -> Decimal | None:
    match sign:
        case "+":
            return _EXACT.add(one, other)
        case "-":
            return _EXACT.subtract(one, other)
        case "*":
            return _EXACT.multiply(one, other)
        case _:
            return _EXACT.divide(one, other) if other else None


def _called(function: str, figures: Sequence[Decimal]) -> Decimal | None:
    match function:
        case "growth":
            new, old = figures
            return _EXACT.divide(_EXACT.subtract(new, old), old) if old else None
        case "round":
            places = Decimal(1).scaleb(-int(figures[1]) if len(figures) > 1 else 0)
            large = figures[0].adjusted() > 30  # no digit that is held stands behind the point
            return figures[0] if large else figures[0].quantize(places, decimal.ROUND_HALF_UP, _EXACT)
        case "abs":
            return figures[0].copy_abs()
        case _:
            return fold(function, figures)


def fold(function: str, figures: Iterable[Decimal]) -> Decimal | None:
    """One of `FOLDS` over figures; None of no figures, but for `count`."""
    folding = Folding(function)
    for each in figures:
        folding.add(each)
    return folding.result


class Folding:
    """One of `FOLDS` under way; only a median keeps what it was given."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._count = 0
        self._held = Decimal(0)
        self._all: list[Decimal] = []

    def add(self, figure: Decimal) -> None:
        """One more figure."""
        self._count += 1
        match self._function:
            case "sum" | "mean":
                self._held = _EXACT.add(self._held, figure)
            case "median":
                self._all.append(figure)
            case "min":
                self._held = figure if self._count == 1 else min(self._held, figure)
            case "max":
                self._held = figure if self._count == 1 else max(self._held, figure)
            case _:
                pass

    @property
    def result(self) -> Decimal | None:
        """What they come to."""
        if self._function == "count":
            return Decimal(self._count)
        if not self._count:
            return None
        if self._function == "mean":
            return _EXACT.divide(self._held, Decimal(self._count))
        if self._function == "median":
            self._all.sort()
            low, high = self._all[(self._count - 1) // 2], self._all[self._count // 2]
            return _EXACT.divide(_EXACT.add(low, high), Decimal(2))
        return self._held


def settled(expression: Expression, known: Callable[[Call], Decimal | None]) -> Expression:
    """The same with every fold of a whole column replaced by its figure, so that a row costs no walk."""
    match expression:
        case Call() if expression.whole:
            return Settled(expression, known(expression))
        case Call(_, parts):
            return replace(expression, arguments=tuple(settled(part, known) for part in parts))
        case Operation(_, left, right):
            return replace(expression, left=settled(left, known), right=settled(right, known))
        case Negation(part):
            return Negation(settled(part, known))
        case _:
            return expression


# ---------------------------------------------------------------- figures and scalars


def figure(value: Scalar) -> Decimal | None:
    """A value as an exact figure; None where it is none (text, truth, nothing, not finite)."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    said = value if isinstance(value, str) else repr(value)
    return Decimal(said) if _NUMBER.fullmatch(said) else None


def held(value: Decimal | None) -> Decimal | None:
    """The figure as a spreadsheet holds it: 15 significant digits."""
    if value is None:
        return None
    cut = _SHOWN.plus(value)
    return cut or Decimal(0)  # a zero has no sign


def same_figure(one: Decimal | None, other: Decimal | None) -> bool:
    """Whether two computed figures are one, but for what binary arithmetic loses in the last digits."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= max(abs(one), abs(other)) * Decimal("1e-11")


# ---------------------------------------------------------------- for spreadsheets

_EXCEL: Mapping[str, str] = {
    "sum": "SUM",
    "mean": "AVERAGE",
    "median": "MEDIAN",
    "min": "MIN",
    "max": "MAX",
    "count": "COUNTA",
    "round": "ROUND",
    "abs": "ABS",
}
"""`count` counts what is not empty, of any type."""
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2}


def renamed(
    expression: Expression,
    *,
    leaf: Callable[[ColumnOf | Reference], str],
    whole: Callable[[Call], Sequence[str]],
) -> str:
    """The formula in its own language, with other names: `[area] * 2` as `c1 * 2`."""

    def said(part: Expression, binds: int) -> str:
        match part:
            case Figure(value):
                return f"{value:f}"
            case ColumnOf() | Reference():
                return leaf(part)
            case Settled(call, _):
                return said(call, binds)
            case Negation(inner):
                return f"-{said(inner, 3)}" if binds < 2 else f"(-{said(inner, 3)})"
            case Operation(sign, left, right):
                own = _BINDS[sign]
                text = f"{said(left, own)} {sign} {said(right, own + 1)}"
                return text if own >= binds else f"({text})"
            case Call(function, parts):
                inner = whole(part) if part.whole else [said(each, 0) for each in parts]
                return f"{function}({', '.join(inner)})"

    return said(expression, 0)


def to_excel(expression: Expression, *, cell: Callable[[str], str], whole: Callable[[str], str]) -> str:
    """The formula as a spreadsheet writes it, without the equals sign.

    `cell` names a column's cell of the same row (`B2`), `whole` all of a column (`$B$2:$B$41`).

    Raises:
        BadInput: it names claims, which no spreadsheet holds.
    """

    def said(part: Expression, binds: int) -> str:
        match part:
            case Figure(value):
                return f"{value:f}"
            case ColumnOf(name):
                return cell(name)
            case Settled(call, _):
                return said(call, binds)
            case Negation(inner):
                return f"-{said(inner, 3)}" if binds < 2 else f"(-{said(inner, 3)})"
            case Operation(sign, left, right):
                own = _BINDS[sign]
                text = f"{said(left, own)}{sign}{said(right, own + 1)}"
                return text if own >= binds else f"({text})"
            case Call("growth", (new, old)):
                text = f"({said(new, 1)}-{said(old, 2)})/{said(old, 3)}"
                return text if binds <= 2 else f"({text})"
            case Call(function, parts):
                inner = [whole(part.whole)] if part.whole else [said(each, 0) for each in parts]
                inner += ["0"] if function == "round" and len(parts) == 1 else []
                return f"{_EXCEL[function]}({','.join(inner)})"
            case Reference(name):
                raise BadInput(f"a spreadsheet holds no claim {name!r}")

    return said(expression, 0)
