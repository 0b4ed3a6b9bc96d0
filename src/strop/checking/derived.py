"""Values that follow from others: a formula over claims, or a sentence that cites them. Pure, exact.

A formula holds numbers, claims (`c1`), `+ - * /`, parentheses and the functions of `FUNCTIONS`. It is
worked out in decimals, so that what a model says it comes to can be held against what it comes to.
A figure is right when it is the outcome rounded to the digits that the figure itself shows: 12.3 for
12.34, 12 too, 12.4 not. A sentence may say an outcome in percent.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException, localcontext
from statistics import median

from strop.checking.quotes import as_number, figures
from strop.errors import BadInput
from strop.types.content import Scalar

LONGEST = 4_000
"""Characters of a formula."""
_DIGITS = 40
"""Significant digits that are carried: more than any figure shows."""
_NAME = re.compile(r"c[1-9][0-9]{0,6}")
_NAMES = re.compile(r"c[1-9][0-9]{0,6}(?:[\s,;]+(?:and\s+)?c[1-9][0-9]{0,6})*")

_Numbers = Sequence[Decimal]


def _mean(of: _Numbers) -> Decimal:
    return sum(of, Decimal(0)) / len(of)


def _growth(of: _Numbers) -> Decimal:
    """To the first from the second, as a share of the second: `growth(new, old)` is 0.25 from 4 to 5."""
    after, before = of
    return (after - before) / before


def _round(of: _Numbers) -> Decimal:
    digits = int(of[1]) if len(of) == 2 else 0
    return of[0].quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)  # as spreadsheets do


FUNCTIONS: Mapping[str, tuple[int, int, Callable[[_Numbers], Decimal]]] = {
    "sum": (1, LONGEST, lambda of: sum(of, Decimal(0))),
    "mean": (1, LONGEST, _mean),
    "median": (1, LONGEST, lambda of: Decimal(median(of))),
    "min": (1, LONGEST, min),
    "max": (1, LONGEST, max),
    "count": (1, LONGEST, lambda of: Decimal(len(of))),  # claims of any kind, see _counts
    "round": (1, 2, _round),
    "abs": (1, 1, lambda of: abs(of[0])),
    "growth": (2, 2, _growth),
}
"""Name to (fewest arguments, most, what it does)."""


def cited(text: str) -> tuple[str, ...]:
    """The claims that `c3` or `c3 c7` names, each once; empty where it is no such list."""
    said = text.strip().strip("[]()")
    return tuple(dict.fromkeys(_NAME.findall(said))) if _NAMES.fullmatch(said) else ()


def named(formula: str) -> tuple[str, ...]:
    """The claims in a formula, in their order, each once."""
    return tuple(dict.fromkeys(re.findall(rf"\b{_NAME.pattern}\b", formula)))


def renamed(formula: str) -> str:
    """The formula with its claims counted from c1, in their order."""
    numbers = {name: f"c{number}" for number, name in enumerate(named(formula), start=1)}
    return re.sub(rf"\b{_NAME.pattern}\b", lambda found: numbers[found.group()], formula.strip())


def outcome(formula: str, values: Mapping[str, Scalar]) -> Decimal:
    """What a formula comes to; `values` are those of the claims it names.

    Raises:
        BadInput: it is no formula, names a claim that is not there or is no number, or divides by nothing.
    """
    if len(formula) > LONGEST:
        raise BadInput(f"a formula has at most {LONGEST:,} characters, this one {len(formula):,}")
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
        with localcontext(Context(prec=_DIGITS)):
            made = _worked_out(tree, values)
    except (SyntaxError, RecursionError, MemoryError, ValueError) as caught:
        known = ", ".join(FUNCTIONS)
        raise BadInput(f"{formula[:80]!r} is no formula: write numbers, c1, + - * / ( ) and {known}") from caught
    except (ArithmeticError, DecimalException) as caught:
        raise BadInput(f"{formula[:80]!r} has no outcome (a division by zero, or too large)") from caught
    if not made.is_finite():
        raise BadInput(f"{formula[:80]!r} has no outcome (too large)")
    return made


def _worked_out(node: ast.expr, values: Mapping[str, Scalar]) -> Decimal:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return Decimal(repr(number))
        case ast.Name(id=name):
            return _value(name, values)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_worked_out(operand, values)
        case ast.BinOp(left=left, op=operator, right=right):
            return _joined(_worked_out(left, values), operator, _worked_out(right, values))
        case ast.Call(func=ast.Name(id="count"), args=[_, *_] as arguments, keywords=[]):
            return Decimal(sum(_counts(each, values) for each in arguments))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            fewest, most, work = FUNCTIONS[name]
            if not fewest <= len(arguments) <= most:
                raise BadInput(f"{name} takes {fewest} to {most} arguments, not {len(arguments)}")
            return work([_worked_out(each, values) for each in arguments])
        case _:
            raise ValueError("no part of a formula")


def _counts(node: ast.expr, values: Mapping[str, Scalar]) -> int:
    """1 for a claim of any kind, or for what can be worked out: names are counted as well as numbers."""
    if not isinstance(node, ast.Name):
        _worked_out(node, values)
    elif node.id not in values:
        raise BadInput(f"there is no claim {node.id}")
    return 1


def _value(name: str, values: Mapping[str, Scalar]) -> Decimal:
    if name not in values:
        raise BadInput(f"there is no claim {name}")
    number = as_number(values[name])
    if number is None:
        raise BadInput(f"{name} is no number but {values[name]!r}")
    return number


def _joined(left: Decimal, operator: ast.operator, right: Decimal) -> Decimal:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
        case _:
            raise ValueError("no operator of a formula")


# ---------------------------------------------------------------- whether a value says it


def shows(figure: Decimal, result: Decimal) -> bool:
    """Whether `figure` is `result`, rounded to the digits that it shows."""
    exponent = figure.as_tuple().exponent
    step = Decimal(1).scaleb(min(int(exponent), 0))
    return abs(figure - result) * 2 <= step


def states_outcome(value: Scalar, result: Decimal) -> bool:
    """Whether a value says what a formula comes to: as a number, or as a figure within a sentence."""
    number = as_number(value)
    if number is not None:
        return shows(number, result)
    return isinstance(value, str) and any(
        shows(each, result) or ("%" in value and shows(each, result * 100)) for each in figures(value)
    )


def unsaid(value: Scalar, *, sources: Iterable[Scalar], result: Decimal | None = None) -> tuple[str, ...]:
    """Numbers that a value says in digits and none of `sources` (values and quotes) says, nor `result`."""
    said = [number] if (number := as_number(value)) is not None else figures(value) if isinstance(value, str) else []
    known: set[Decimal] = set()
    for source in sources:
        if (whole := as_number(source)) is not None:
            known.add(whole)
        elif isinstance(source, str):
            known.update(figures(source))
    missing = [each for each in said if each not in known and not _is(each, result, value)]
    return tuple(dict.fromkeys(f"{each:f}" for each in missing))


def _is(figure: Decimal, result: Decimal | None, value: Scalar) -> bool:
    if result is None:
        return False
    return shows(figure, result) or (isinstance(value, str) and "%" in value and shows(figure, result * 100))
