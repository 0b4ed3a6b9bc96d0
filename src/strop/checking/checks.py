"""The check language: what a learned rule is compiled to, so that keeping it costs no token.

    quote(FIELD)             its quote stands and says it
    recompute(FIELD)         the companion table answers the same
    agree(FIELD)             two readers say it
    range(FIELD, LOW, HIGH)  a number within the bounds, both included
    pattern(FIELD, REGEX)    the whole text matches; the expression is bounded (patterns.py)
    max_length(FIELD, N)     at most N characters
    not_value(FIELD, "TEXT") never this
    unique(FIELD)            no value twice
    rows(>=N)                so many rows; also <= and =

FIELD is a column's name, in double quotes where it holds a comma, bracket or quote. Checks are pure:
judged values in, findings out. A refuted value is judged by what was said, so that a rule can be seen
to fire on the flaw it was made from (`flawed`); where nothing was said, nothing is broken. On an
unverified value, of which the user is told anyway, a finding is a note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from strop.checking.judge import same
from strop.checking.patterns import compiled, matches
from strop.checking.quotes import as_number, normal, states
from strop.errors import BadInput
from strop.types.content import Scalar, Standing
from strop.types.trial import Finding, Severity, Value
from strop.types.work import Count

MAX_CHECK = 400
"""Characters of one check."""


_ANY = Count()


class CheckName(StrEnum):
    QUOTE = "quote"
    RECOMPUTE = "recompute"
    AGREE = "agree"
    RANGE = "range"
    PATTERN = "pattern"
    MAX_LENGTH = "max_length"
    NOT_VALUE = "not_value"
    UNIQUE = "unique"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Check:
    """One check as data; it prints as it is written."""

    name: CheckName
    field: str = ""
    """Empty for `rows`."""
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    """`range` and, alone, `max_length`."""
    text: str = ""
    """`pattern`: the expression; `not_value`: the value."""
    count: Count = _ANY
    """`rows`."""

    def __str__(self) -> str:
        match self.name:
            case CheckName.RANGE:
                rest = f", {self.low:f}, {self.high:f}"
            case CheckName.MAX_LENGTH:
                rest = f", {self.high}"
            case CheckName.PATTERN:
                rest = f", {self.text}"
            case CheckName.NOT_VALUE:
                rest = f", {json.dumps(self.text, ensure_ascii=False)}"
            case CheckName.ROWS:
                return f"rows({_count_text(self.count)})"
            case _:
                rest = ""
        return f"{self.name.value}({_name_text(self.field)}{rest})"


# ---------------------------------------------------------------- reading

_FORM = re.compile(r"\s*([a-z_]+)\s*\((.*)\)\s*", re.DOTALL)
_FIELD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,()"]+?)\s*(?:,\s*(.*?))?\s*', re.DOTALL)
_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")
_ROWS = re.compile(r"\s*(>=|<=|=)\s*(\d{1,9})\s*")
_ARGUMENTS: Mapping[CheckName, str] = {
    CheckName.QUOTE: "FIELD",
    CheckName.RECOMPUTE: "FIELD",
    CheckName.AGREE: "FIELD",
    CheckName.RANGE: "FIELD, LOW, HIGH",
    CheckName.PATTERN: "FIELD, REGEX",
    CheckName.MAX_LENGTH: "FIELD, N",
    CheckName.NOT_VALUE: 'FIELD, "TEXT"',
    CheckName.UNIQUE: "FIELD",
    CheckName.ROWS: ">=N",
}


def parse_check(text: str) -> Check:
    """One line of the check language.

    Raises:
        BadInput: no such check, wrong arguments, or a pattern that is not bounded.
    """
    found = _FORM.fullmatch(text)
    known = ", ".join(f"{name.value}({arguments})" for name, arguments in _ARGUMENTS.items())
    if len(text) > MAX_CHECK or found is None or found[1] not in set(CheckName):
        raise BadInput(f"{text[:80]!r} is no check. There are: {known}")
    name = CheckName(found[1])
    check = _rows_check(found[2]) if name is CheckName.ROWS else _field_check(name, found[2])
    if check is None:
        raise BadInput(f"{text[:80]!r}: expected {name.value}({_ARGUMENTS[name]})")
    return check


def _rows_check(arguments: str) -> Check | None:
    found = _ROWS.fullmatch(arguments)
    if found is None:
        return None
    number = int(found[2])
    least, most = found[1] != "<=", found[1] != ">="
    return Check(CheckName.ROWS, count=Count(number if least else None, number if most else None))


def _field_check(name: CheckName, arguments: str) -> Check | None:
    found = _FIELD.fullmatch(arguments)
    field = _unquoted(found[1]) if found else None
    if found is None or not field:
        return None
    rest = found[2]
    match name:
        case CheckName.RANGE:
            low, _, high = (rest or "").partition(",")
            return _bounds(field, low.strip(), high.strip())
        case CheckName.MAX_LENGTH:
            return Check(name, field, high=Decimal(rest)) if re.fullmatch(r"\d{1,9}", rest or "") else None
        case CheckName.PATTERN:
            return Check(name, field, text=compiled(rest).pattern) if rest else None
        case CheckName.NOT_VALUE:
            text = _unquoted(rest) if rest and rest.startswith('"') else None
            return Check(name, field, text=text) if text is not None else None
        case _:
            return Check(name, field) if rest is None else None


def _bounds(field: str, low: str, high: str) -> Check | None:
    if not (_DECIMAL.fullmatch(low) and _DECIMAL.fullmatch(high)) or Decimal(low) > Decimal(high):
        return None
    return Check(CheckName.RANGE, field, Decimal(low), Decimal(high))


def _unquoted(text: str) -> str | None:
    if not text.startswith('"'):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _name_text(field: str) -> str:
    plain = _FIELD.fullmatch(field)
    return field if plain and plain[1] == field and not field.startswith('"') else json.dumps(field, ensure_ascii=False)


def _count_text(count: Count) -> str:
    if count.least == count.most:
        return f"={count.least}"
    return f">={count.least}" if count.least is not None else f"<={count.most}"


# ---------------------------------------------------------------- running


def run_check(check: Check, values: tuple[Value, ...]) -> tuple[Finding, ...]:
    """Every value that breaks the check; empty when all keep it."""
    return tuple(_RUN[check.name](check, values))


def flawed(value: Value) -> Value:
    """What a judged value was before the gate took it out or mended it: the flaw that a rule must catch."""
    if value.standing is not Standing.CORRECTED:
        return value
    return replace(value, value=None, standing=Standing.REFUTED)


def _quote(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """A claim of the same value has a quote that was located and says it."""
    for value, shown in _of(check, values):
        held = (claim for claim in value.claims if same(claim.value, shown) and claim.span is not None)
        if not any(states(shown, claim.quote) or normal(str(shown)) == normal(claim.quote) for claim in held):
            yield _finding(check, value, "a quote that stands and says it", str(shown))


def _recompute(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """The table's answer is there and equal."""
    for value, shown in _of(check, values):
        answers = [claim.value for claim in value.claims if claim.locator and not claim.reader]
        if not answers or any(not same(answer, shown) for answer in answers):
            expected = str(answers[0]) if answers else "an answer of the table"
            yield _finding(check, value, expected, str(shown))


def _agree(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """Two different readers say the value."""
    for value, shown in _of(check, values):
        readers = {claim.reader for claim in value.claims if claim.reader and same(claim.value, shown)}
        if len(readers) < 2:
            yield _finding(check, value, "two readers", f"{shown} by {len(readers)}")


def _range(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """A number from low to high."""
    for value, shown in _of(check, values):
        figure = as_number(shown)
        if figure is None or not check.low <= figure <= check.high:
            yield _finding(check, value, f"{check.low} to {check.high}", str(shown))


def _pattern(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """The whole text matches."""
    for value, shown in _of(check, values):
        if not matches(check.text, str(shown)):
            yield _finding(check, value, check.text, str(shown))


def _max_length(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """No more characters than that."""
    for value, shown in _of(check, values):
        if len(str(shown)) > check.high:
            yield _finding(check, value, f"at most {check.high} characters", f"{len(str(shown))}: {shown}")


def _not_value(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """Not this value, compared as the gate compares."""
    for value, shown in _of(check, values):
        if same(shown, check.text) or normal(str(shown)) == normal(check.text):
            yield _finding(check, value, f"not {check.text}", str(shown))


def _unique(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """The second and each further row of a value is a finding."""
    first: dict[Decimal | str, Value] = {}
    for value, shown in _of(check, values):
        figure = as_number(shown)
        earlier = first.setdefault(figure if figure is not None else normal(str(shown)), value)
        if earlier is not value:
            yield _finding(check, value, "a value of its own", f"{shown}, as in {earlier.row}")


def _rows(check: Check, values: tuple[Value, ...]) -> Iterator[Finding]:
    """So many different rows, also those with refuted cells."""
    number = len({value.row for value in values})
    if not check.count.holds(number):
        yield Finding("constraint", "table", "rows", str(check.count), str(number), str(check), Severity.FLAW)


def _of(check: Check, values: tuple[Value, ...]) -> Iterator[tuple[Value, Scalar]]:
    """The field's values with what each says; those that say nothing are left out."""
    for value in values:
        shown = value.said if value.standing is Standing.REFUTED else value.value
        if value.field == check.field and shown is not None:
            yield value, shown


def _finding(check: Check, value: Value, expected: str, observed: str) -> Finding:
    severity = Severity.NOTE if value.standing is Standing.UNVERIFIED else Severity.FLAW
    source = value.claims[0].source if value.claims else "table"
    place = f"{value.row}.{value.field}"
    ids = tuple(claim.id for claim in value.claims)
    return Finding("constraint", source, place, expected, observed[:500], str(check), severity, value.field, ids)


_RUN: Mapping[CheckName, Callable[[Check, tuple[Value, ...]], Iterator[Finding]]] = {
    CheckName.QUOTE: _quote,
    CheckName.RECOMPUTE: _recompute,
    CheckName.AGREE: _agree,
    CheckName.RANGE: _range,
    CheckName.PATTERN: _pattern,
    CheckName.MAX_LENGTH: _max_length,
    CheckName.NOT_VALUE: _not_value,
    CheckName.UNIQUE: _unique,
    CheckName.ROWS: _rows,
}
