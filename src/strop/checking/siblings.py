"""Does a value rest on a sentence of the same kind as its siblings in the column?

Pages of one kind state a thing in one way: if nearly every quote of a column says `EUR` and `day`, the
one that says neither is about something else, a neighbour's number or another unit, however well it
stands in its source. What all quotes of a column share is found, not told; where pages word things
freely nothing is shared, and nothing is said. A value that a tool computed again needs no such check.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from strop.checking.quotes import normal
from strop.types.content import Standing
from strop.types.trial import Finding, Severity, Value

LEAST = 8
"""Quotes of a column before what they share means anything."""
SHARED = 0.9
"""Share of the other quotes of a column that must hold a word."""
KEPT = 0.5
"""A quote with less than this share of the shared words is of another kind."""


def outliers(values: Iterable[Value]) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """The values, those on an odd quote marked unverified, and a finding for each of them."""
    held = tuple(values)
    columns: dict[str, list[Value]] = {}
    for value in held:
        if value.value is not None and value.claims and value.claims[0].quote and "data agree" not in value.reasons:
            columns.setdefault(value.field, []).append(value)
    odd = {(value.row, value.field): shared for column in columns.values() for value, shared in _odd(column)}
    findings = tuple(_finding(value, odd[value.row, value.field]) for value in held if (value.row, value.field) in odd)
    after = tuple(_marked(value) if (value.row, value.field) in odd else value for value in held)
    return after, findings


def _odd(column: list[Value]) -> Iterable[tuple[Value, tuple[str, ...]]]:
    if len(column) < LEAST:
        return
    words = [_words(value.claims[0].quote) for value in column]
    counted = Counter(word for each in words for word in each)
    shared = tuple(sorted(word for word, count in counted.items() if count >= SHARED * (len(column) - 1)))
    for value, own in zip(column, words, strict=True):
        if shared and sum(word in own for word in shared) < KEPT * len(shared):
            yield value, shared


def _words(quote: str) -> frozenset[str]:
    """Words of a quote; figures and names differ from row to row anyway."""
    return frozenset(re.findall(r"[^\W\d_]{2,}", normal(quote)))


def _marked(value: Value) -> Value:
    reasons = (*value.reasons, "its quote is of another kind than its siblings'")
    standing = Standing.UNVERIFIED if value.standing is Standing.ACCEPTED else value.standing
    return replace(value, standing=standing, reasons=reasons)


def _finding(value: Value, shared: tuple[str, ...]) -> Finding:
    claim = value.claims[0]
    rule = f"quotes of {value.field} say {', '.join(shared[:6])}"
    place = f"{value.row}.{value.field}"
    expected = f"a sentence that says {', '.join(shared[:6])}"
    ids = tuple(each.id for each in value.claims)
    return Finding("outlier", claim.source, place, expected, claim.quote[:300], rule, Severity.FLAW, value.field, ids)
