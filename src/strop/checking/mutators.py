"""For each check the flaw that it must find: a clean bundle in, the same bundle with one flaw out.

A check that is silent on its own mutant proves nothing and is not admitted. The flaw is as small as
can be (one value, one heading, one picture), and of the kind that the check is for; where the bundle
holds nothing that can be broken in this way (`pattern` without a value, `same` without files), there
is no mutant. Mutation analysis after DeMillo, Lipton and Sayward, "Hints on test data selection"
(IEEE Computer, 1978).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from strop.checking.bundle import Bundle
from strop.checking.checks import Check, CheckName
from strop.checking.opened import Opened
from strop.checking.primitives import run_check
from strop.checking.quotes import as_number
from strop.types.content import Scalar
from strop.types.trial import Value
from strop.types.work import UnitKey

OTHER = "zzz \u2603"
"""A text that no real value is."""
EARLIEST = date(1970, 1, 1)


def mutant(check: Check, bundle: Bundle, *, seed: int = 0) -> Bundle | None:
    """The bundle with one flaw of the check's own kind; None where it holds nothing to break."""
    return _BREAK[check.name](check, bundle, random.Random(seed))


def kills(check: Check, bundle: Bundle, *, seed: int = 0) -> bool | None:
    """Whether the check, silent on the clean bundle, fires on its mutant; None where there is none."""
    broken = mutant(check, bundle, seed=seed)
    if broken is None:
        return None
    return not run_check(check, bundle) and bool(run_check(check, broken))


# ---------------------------------------------------------------- one value


def _said(other: Callable[[Check, Value], Scalar]) -> Callable[[Check, Bundle, random.Random], Bundle | None]:
    """A mutator that has one value of the field say something else, with its claims left as they are."""

    def broken(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
        return _one(check, bundle, chance, lambda value: replace(value, value=other(check, value)))

    return broken


def _one(check: Check, bundle: Bundle, chance: random.Random, change: Callable[[Value], Value]) -> Bundle | None:
    at = [index for index, value in enumerate(bundle.values) if value.field == check.field and value.value is not None]
    return _at(bundle, chance.choice(at), change) if at else None


def _at(bundle: Bundle, index: int, change: Callable[[Value], Value]) -> Bundle:
    values = bundle.values
    return replace(bundle, values=(*values[:index], change(values[index]), *values[index + 1 :]))


def _next(check: Check, value: Value) -> Scalar:
    """A value near the true one."""
    figure = as_number(value.value)
    if figure is None:
        return f"{value.value} {OTHER}"
    return int(figure) + 1 if figure == int(figure) else float(figure) * 1.01


def _unitless(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """The quote states the number in another unit."""

    def other(value: Value) -> Value:
        claims = tuple(replace(claim, quote=_without(claim.quote, check.text)) for claim in value.claims)
        return replace(value, claims=claims)

    return _one(check, bundle, chance, other)


def _without(quote: str, unit: str) -> str:
    at = quote.casefold().find(unit.casefold())
    return quote if at < 0 else f"{quote[:at]}zorkmid{quote[at + len(unit) :]}"


def _bare(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """A value without a claim."""
    return _one(check, bundle, chance, lambda value: replace(value, claims=()))


def _alone(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """Only one reader is left."""
    return _one(
        check, bundle, chance, lambda value: replace(value, claims=tuple(c for c in value.claims if c.reader == 1))
    )


def _stale(check: Check, value: Value) -> Scalar:
    try:
        stated = date.fromisoformat(str(value.value)[:10])
    except ValueError:
        return OTHER
    back = timedelta(days=int(check.high) + 1)
    return (stated - back if stated - EARLIEST > back else EARLIEST - timedelta(days=1)).isoformat()


# ---------------------------------------------------------------- a whole table


def _twice(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """One row says what another says, in every field that is to be unique together."""
    names = (check.field, *check.names)
    rows = _rows_of(bundle)
    if len(rows) < 2:
        return None
    source, target = chance.sample(rows, 2)
    held = {value.field: value.value for value in bundle.values if value.row == source}
    values = tuple(
        replace(value, value=held.get(value.field, value.value))
        if value.row == target and value.field in names
        else value
        for value in bundle.values
    )
    return replace(bundle, values=values)


def _torn(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """Two rows of one key that say different things."""
    (key,) = check.names
    at = [index for index, value in enumerate(bundle.values) if value.field == check.field and value.value is not None]
    if not at:
        return None
    value = bundle.values[chance.choice(at)]
    twin = UnitKey(f"{value.row} (again)")
    copies = tuple(
        replace(each, row=twin, value=_next(check, each) if each.field == check.field else each.value)
        for each in bundle.values
        if each.row == value.row and each.field in (check.field, key)
    )
    return replace(bundle, values=(*bundle.values, *copies))


def _more_or_less(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """As many rows as the check does not allow: the last ones lost, or the first ones again."""
    rows = _rows_of(bundle)
    if not rows:
        return None
    if check.count.least:
        kept = set(rows[: check.count.least - 1])
        return replace(bundle, values=tuple(value for value in bundle.values if value.row in kept))
    most = check.count.most or 0
    more = tuple(replace(bundle.values[0], row=UnitKey(f"more {number}")) for number in range(most + 1))
    return replace(bundle, values=(*bundle.values, *more))


def _rows_of(bundle: Bundle) -> Sequence[UnitKey]:
    return list(dict.fromkeys(value.row for value in bundle.values))


# ---------------------------------------------------------------- files


def _changed_cell(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """One cell of the second file says something else."""
    opened = bundle.files.get(check.names[0])
    if opened is None or check.field not in bundle.files or not any(sheet.rows for sheet in opened.sheets):
        return None
    number = next(index for index, sheet in enumerate(opened.sheets) if sheet.rows)
    sheet = opened.sheets[number]
    row, column = chance.randrange(len(sheet.rows)), 0
    cells = sheet.rows[row]
    mended = (*cells[:column], f"{cells[column]}9", *cells[column + 1 :])
    after = replace(sheet, rows=(*sheet.rows[:row], mended, *sheet.rows[row + 1 :]))
    sheets = (*opened.sheets[:number], after, *opened.sheets[number + 1 :])
    return _with(bundle, check.names[0], replace(opened, sheets=sheets))


def _headless(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """One of the headings is gone."""
    opened = bundle.files.get(check.field)
    if opened is None:
        return None
    lost = chance.choice(check.names).casefold()
    headings = tuple(heading for heading in opened.headings if lost not in heading.casefold())
    return _with(bundle, check.field, replace(opened, headings=headings))


def _other_picture(check: Check, bundle: Bundle, chance: random.Random) -> Bundle | None:
    """The picture's bytes are others."""
    if check.field not in bundle.pictures or check.field not in bundle.redrawn:
        return None
    return replace(bundle, pictures={**bundle.pictures, check.field: "0" * 64})


def _with(bundle: Bundle, name: str, opened: Opened) -> Bundle:
    return replace(bundle, files={**bundle.files, name: opened})


_BREAK: Mapping[CheckName, Callable[[Check, Bundle, random.Random], Bundle | None]] = {
    CheckName.TYPE: _said(lambda check, value: "" if check.text in ("text", "quote") else OTHER),
    CheckName.ONE_OF: _said(lambda check, value: OTHER),
    CheckName.PATTERN: _said(lambda check, value: f"{OTHER}. {value.value}\n"),
    CheckName.MAX_LENGTH: _said(lambda check, value: str(value.value).ljust(int(check.high) + 1, "x")),
    CheckName.RANGE: _said(lambda check, value: str(check.high + max(Decimal(1), abs(check.high)))),
    CheckName.UNIT: _unitless,
    CheckName.NOT_VALUE: _said(lambda check, value: check.text),
    CheckName.CITED: _bare,
    CheckName.QUOTE: _said(_next),
    CheckName.RECOMPUTE: _said(_next),
    CheckName.AGREE: _alone,
    CheckName.NEWER: _said(_stale),
    CheckName.FORMULA: _said(_next),
    CheckName.UNIQUE: _twice,
    CheckName.CONSISTENT: _torn,
    CheckName.ROWS: _more_or_less,
    CheckName.SAME: _changed_cell,
    CheckName.SECTIONS: _headless,
    CheckName.DRAWN: _other_picture,
}
