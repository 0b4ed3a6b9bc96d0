"""Rules on judged values: what breaks one is taken out before a model is asked about it.

Rules run before the refuting model, since they cost nothing (`ruled`). What that model takes out may change
what a rule about the whole table sees: such rules look once more, at the table as it then is (`after`).
What they had taken out for a reason that is gone is given back, and nothing is said twice. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from strop.checking.bundle import Bundle
from strop.checking.checks import Check, CheckName
from strop.checking.primitives import run_check
from strop.types.content import Standing
from strop.types.formulas import columns, parse
from strop.types.trial import Finding, Severity, Value

BROKEN = "breaks a rule"
"""The reason of a value that a rule took out."""
_TABLE = (CheckName.UNIQUE, CheckName.CONSISTENT, CheckName.FORMULA)
"""Checks of a value that look at other values too."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What values are held to."""

    checks: Sequence[Check]
    sources: Mapping[str, str]
    """Text by path, as it was read."""
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Ruled:
    """Values after the rules, and as they were before."""

    values: tuple[Value, ...]
    findings: tuple[Finding, ...]
    before: tuple[Value, ...]


def ruled(values: Sequence[Value], rules: Rules) -> Ruled:
    """Checks on what nothing else proved: a value that breaks one is taken out.

    What the data prove outranks a shape that was learned from few; the rule's finding is then a note on the rule.
    """
    before = tuple(values)
    findings = _weighed(_found(before, rules, rules.checks), before)
    return Ruled(_without(before, findings), findings, before)


def after(first: Ruled, heard: Sequence[Value], rules: Rules) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """(values after the hearing and the rules, all that the rules found); `heard` are `first.values` as they are now.

    Only rules about the table look again, and only where the hearing took out a value that they look at.
    """
    gone = {old.field for old, new in zip(first.values, heard, strict=True) if _lost(old, new)}
    again = [check for check in rules.checks if not gone.isdisjoint(_looked_at(check))]
    if not again:
        return tuple(heard), first.findings
    names = {str(check) for check in again}
    held = tuple(finding for finding in first.findings if finding.rule not in names)
    told = _places(held, first.before)
    table = tuple(
        was if _taken(now) and _place(now) not in told else now for was, now in zip(first.before, heard, strict=True)
    )
    findings = _weighed(_found(table, rules, again), table)
    return _without(table, findings), (*held, *findings)


def _lost(old: Value, new: Value) -> bool:
    return new.standing is Standing.REFUTED and old.standing is not Standing.REFUTED


def _taken(value: Value) -> bool:
    return value.standing is Standing.REFUTED and BROKEN in value.reasons


def _looked_at(check: Check) -> frozenset[str]:
    """Columns whose other values decide; none of a check that looks at one value alone."""
    if check.name not in _TABLE:
        return frozenset()
    further = columns(parse(check.text)) if check.name is CheckName.FORMULA else check.names
    return frozenset((check.field, *further))


def _found(values: Sequence[Value], rules: Rules, checks: Iterable[Check]) -> Iterator[Finding]:
    standing = tuple(value for value in values if value.standing is not Standing.REFUTED)
    bundle = Bundle(standing, as_read(standing, rules.sources), today=rules.today)
    for check in checks:
        yield from run_check(check, bundle)


def as_read(values: Sequence[Value], sources: Mapping[str, str]) -> Mapping[str, str]:
    """The sources; one that is gone, or no longer what was read, holds none of the words that were read."""
    claimed = {claim.source for value in values for claim in value.claims if claim.source}
    return dict.fromkeys(claimed - sources.keys(), "") | dict(sources)


def _weighed(findings: Iterable[Finding], values: Sequence[Value]) -> tuple[Finding, ...]:
    """A note where the data prove the value; a flaw where it is taken out, whoever said it."""
    proved = {_place(value) for value in values if counted(value)}
    there = {_place(value) for value in values} - proved
    severities = {True: Severity.NOTE, False: Severity.FLAW}
    return tuple(
        replace(each, severity=severities[each.locator in proved]) if each.locator in proved | there else each
        for each in findings
    )


def _places(findings: Iterable[Finding], values: Sequence[Value]) -> set[str]:
    return {finding.locator for finding in findings} - {_place(value) for value in values if counted(value)}


def _without(values: Sequence[Value], findings: Iterable[Finding]) -> tuple[Value, ...]:
    broken = _places(findings, values)
    return tuple(
        replace(value, value=None, said=value.value, standing=Standing.REFUTED, reasons=(*value.reasons, BROKEN))
        if value.standing is not Standing.REFUTED and _place(value) in broken
        else value
        for value in values
    )


def counted(value: Value) -> bool:
    """Whether a deterministic tool answered the same."""
    return value.standing is Standing.CORRECTED or "data agree" in value.reasons


def _place(value: Value) -> str:
    return f"{value.row}.{value.field}"
