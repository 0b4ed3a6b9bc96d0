"""What each check of the language looks for. Pure: a bundle in, findings out.

A refuted value is judged by what was said, so that a rule can be seen to fire on the flaw it was made
from (`flawed`); where nothing was said, nothing is broken. On an unverified value, of which the user
is told anyway, a finding is a note. A check of a file is silent where the file is not in the bundle:
that it is missing is the contract's finding. What cannot be judged since a source is missing, `unjudged` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from strop.checking.bundle import Bundle
from strop.checking.checks import Check, CheckName
from strop.checking.contracts import differences, has_heading
from strop.checking.forms import has_form
from strop.checking.judge import in_place, same
from strop.checking.patterns import matches
from strop.checking.quotes import as_number, normal, numbers, states
from strop.types.content import Scalar, Standing
from strop.types.formulas import Call, ColumnOf, Reference, columns, evaluate, fold, parse, settled
from strop.types.trial import Finding, Severity, Value
from strop.types.work import ColumnType, UnitKey

CLOSE = Decimal("1e-9")
"""A computed figure may differ from the stated one by this share, beyond the digits it is stated with."""


def run_check(check: Check, bundle: Bundle) -> tuple[Finding, ...]:
    """Everything in the bundle that breaks the check; empty when all of it keeps it."""
    return tuple(_RUN[check.name](check, bundle))


def unjudged(check: Check, bundle: Bundle) -> tuple[Value, ...]:
    """Values that the check says nothing of since their sources are not in the bundle; its silence proves nothing."""
    if check.name is not CheckName.QUOTE:
        return ()
    return tuple(value for value, shown in _of(check, bundle) if _quoted(value, shown, bundle) is None)


def flawed(value: Value) -> Value:
    """What a judged value was before the gate took it out or mended it: the flaw that a rule must catch."""
    if value.standing is not Standing.CORRECTED:
        return value
    return replace(value, value=None, standing=Standing.REFUTED)


# ---------------------------------------------------------------- one value


def _type(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """The value reads as its type, as a file's contract would read it."""
    for value, shown in _of(check, bundle):
        if not has_form(ColumnType(check.text), str(shown).lower() if isinstance(shown, bool) else str(shown)):
            yield _finding(check, value, f"a value of type {check.text}", str(shown))


def _one_of(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """One of the listed values."""
    for value, shown in _of(check, bundle):
        if not any(same(shown, name) for name in check.names):
            yield _finding(check, value, f"one of {', '.join(check.names)}", str(shown))


def _pattern(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """The whole text matches."""
    for value, shown in _of(check, bundle):
        if not matches(check.text, str(shown)):
            yield _finding(check, value, check.text, str(shown))


def _max_length(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """No more characters than that."""
    for value, shown in _of(check, bundle):
        if len(str(shown)) > check.high:
            yield _finding(check, value, f"at most {check.high} characters", f"{len(str(shown))}: {shown}")


def _range(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """A number from low to high."""
    for value, shown in _of(check, bundle):
        figure = as_number(shown)
        if figure is None or not check.low <= figure <= check.high:
            yield _finding(check, value, f"{check.low} to {check.high}", str(shown))


def _unit(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """The quote that says the number says this unit right behind or before it; values without a quote are no matter."""
    for value, shown in _of(check, bundle):
        quotes = [claim.quote for claim in value.claims if claim.quote and same(claim.value, shown)]
        if quotes and not any(_measured(shown, quote, check.text) for quote in quotes):
            yield _finding(check, value, f"a figure in {check.text}", quotes[0])


def _measured(shown: Scalar, quote: str, unit: str) -> bool:
    figure, wanted = as_number(shown), re.escape(normal(unit))
    for found, before, behind in numbers(quote):
        beside = re.match(rf"-?{wanted}(?!\w)", normal(behind)) or re.search(rf"(?<!\w){wanted}$", normal(before))
        if beside and (figure is None or found == figure):
            return True
    return False


def _not_value(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """Not this value, compared as the gate compares."""
    for value, shown in _of(check, bundle):
        if same(shown, check.text) or normal(str(shown)) == normal(check.text):
            yield _finding(check, value, f"not {check.text}", str(shown))


def _cited(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """It rests on a source with a quote or a locator, or follows from values that do."""
    for value, shown in _of(check, bundle):
        if not any((claim.source and (claim.quote or claim.locator)) or claim.rests for claim in value.claims):
            yield _finding(check, value, "a source", f"{shown} without one")


def _quote(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """A claim of the same value has a quote that stands in its source, at its place, and says it."""
    for value, shown in _of(check, bundle):
        if _quoted(value, shown, bundle) is False:
            yield _finding(check, value, "a quote that stands and says it", str(shown))


def _quoted(value: Value, shown: Scalar, bundle: Bundle) -> bool | None:
    """None where nobody can say: a quote that says it was located in a source that is not at hand."""
    located = (claim for claim in value.claims if same(claim.value, shown) and claim.span is not None)
    held = [c for c in located if states(shown, c.quote) or normal(str(shown)) == normal(c.quote)]
    if any(in_place(claim, bundle.sources) for claim in held):
        return True
    return None if any(claim.source not in bundle.sources for claim in held) else False


def _recompute(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """The table's answer is there and equal."""
    for value, shown in _of(check, bundle):
        answers = [claim.value for claim in value.claims if claim.locator and not claim.reader]
        if not answers or any(not same(answer, shown) for answer in answers):
            expected = str(answers[0]) if answers else "an answer of the table"
            yield _finding(check, value, expected, str(shown))


def _agree(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """Two different readers say the value."""
    for value, shown in _of(check, bundle):
        readers = {claim.reader for claim in value.claims if claim.reader and same(claim.value, shown)}
        if len(readers) < 2:
            yield _finding(check, value, "two readers", f"{shown} by {len(readers)}")


def _newer(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """A date that is no older than that on the bundle's day, and not after it."""
    for value, shown in _of(check, bundle):
        try:
            age = (bundle.today - date.fromisoformat(str(shown)[:10])).days if bundle.today else 0
        except ValueError:
            yield _finding(check, value, "a date", str(shown))
            continue
        if not 0 <= age <= check.high:
            yield _finding(check, value, f"at most {check.high} days before {bundle.today}", str(shown))


def _formula(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """What the formula gives from the judged values, to the digits that are stated."""
    expression = parse(check.text)
    grid = _columns(bundle, tuple(columns(expression)))

    def whole(call: Call) -> Decimal | None:
        held = (as_number(value) for (_, name), value in grid.items() if name == call.whole)
        return fold(call.function, [figure for figure in held if figure is not None])

    once = settled(expression, whole)
    for value, shown in _of(check, bundle):

        def figure(leaf: ColumnOf | Reference, row: UnitKey = value.row) -> Decimal | None:
            return as_number(grid.get((row, leaf.name)))

        wanted = evaluate(once, figure)
        if wanted is None:
            continue
        stated = as_number(shown)
        if stated is None or not close(stated, wanted):
            yield _finding(check, value, f"{wanted:f}"[:40], str(shown))


def close(stated: Decimal, exact: Decimal) -> bool:
    """Whether `stated` is `exact`, to the digits that it is stated with."""
    exponent = stated.as_tuple().exponent
    step = Decimal(1).scaleb(exponent) if isinstance(exponent, int) and exponent < 0 else Decimal(0)
    return abs(stated - exact) <= max(step / 2, abs(exact) * CLOSE)


# ---------------------------------------------------------------- a whole table


def _unique(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """The second and each further row of a value, or of a combination of values, is a finding."""
    others = _columns(bundle, check.names)
    first: dict[tuple[Decimal | str, ...], Value] = {}
    for value, shown in _of(check, bundle):
        key = (_key(shown), *(_key(others.get((value.row, name))) for name in check.names))
        earlier = first.setdefault(key, value)
        if earlier is not value:
            yield _finding(check, value, "a value of its own", f"{shown}, as in {earlier.row}")


def _consistent(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """Every row of one key says what the key's first row says."""
    (name,) = check.names
    keys = _columns(bundle, (name,))
    first: dict[Decimal | str, tuple[Value, Scalar]] = {}
    for value, shown in _of(check, bundle):
        key = keys.get((value.row, name))
        if key is None:
            continue
        earlier, said = first.setdefault(_key(key), (value, shown))
        if not same(said, shown):
            yield _finding(check, value, f"{said}, as {earlier.row} says of {key}", str(shown))


def _rows(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """So many different rows, also those with refuted cells."""
    number = len({value.row for value in bundle.values})
    if not check.count.holds(number):
        yield Finding("constraint", "table", "rows", str(check.count), str(number), str(check), Severity.FLAW)


# ---------------------------------------------------------------- files


def _same(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """Cell by cell, in the columns that both have."""
    one, other = bundle.files.get(check.field), bundle.files.get(check.names[0])
    if one is not None and other is not None:
        for finding in differences(one, other, names=(check.field, check.names[0])):
            yield replace(finding, kind="constraint", rule=str(check), severity=Severity.FLAW)


def _sections(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """A heading of its own each, with or without a number before it."""
    opened = bundle.files.get(check.field)
    for name in check.names if opened is not None else ():
        if opened is not None and not has_heading(opened, name):
            yield Finding("constraint", check.field, f"section {name}", "a heading", "none", str(check), Severity.FLAW)


def _drawn(check: Check, bundle: Bundle) -> Iterator[Finding]:
    """Drawing the judged values again gives the same bytes."""
    shown, again = bundle.pictures.get(check.field), bundle.redrawn.get(check.field)
    if shown is not None and again is not None and shown != again:
        observed = "a picture of something else"
        yield Finding("constraint", check.field, "picture", "the judged values", observed, str(check), Severity.FLAW)


# ---------------------------------------------------------------- shared


def _of(check: Check, bundle: Bundle) -> Iterator[tuple[Value, Scalar]]:
    """The field's values with what each says; those that say nothing are left out."""
    for value in bundle.values:
        shown = value.said if value.standing is Standing.REFUTED else value.value
        if value.field == check.field and shown is not None:
            yield value, shown


def _columns(bundle: Bundle, names: tuple[str, ...]) -> dict[tuple[UnitKey, str], Scalar]:
    return {(value.row, value.field): value.value for value in bundle.values if value.field in names}


def _key(value: Scalar) -> Decimal | str:
    figure = as_number(value)
    return figure if figure is not None else normal(str(value))


def _finding(check: Check, value: Value, expected: str, observed: str) -> Finding:
    severity = Severity.NOTE if value.standing is Standing.UNVERIFIED else Severity.FLAW
    source = value.claims[0].source if value.claims else "table"
    place = f"{value.row}.{value.field}"
    ids = tuple(claim.id for claim in value.claims)
    return Finding("constraint", source, place, expected, observed[:500], str(check), severity, value.field, ids)


_RUN: Mapping[CheckName, Callable[[Check, Bundle], Iterator[Finding]]] = {
    CheckName.TYPE: _type,
    CheckName.ONE_OF: _one_of,
    CheckName.PATTERN: _pattern,
    CheckName.MAX_LENGTH: _max_length,
    CheckName.RANGE: _range,
    CheckName.UNIT: _unit,
    CheckName.NOT_VALUE: _not_value,
    CheckName.CITED: _cited,
    CheckName.QUOTE: _quote,
    CheckName.RECOMPUTE: _recompute,
    CheckName.AGREE: _agree,
    CheckName.NEWER: _newer,
    CheckName.FORMULA: _formula,
    CheckName.UNIQUE: _unique,
    CheckName.CONSISTENT: _consistent,
    CheckName.ROWS: _rows,
    CheckName.SAME: _same,
    CheckName.SECTIONS: _sections,
    CheckName.DRAWN: _drawn,
}
