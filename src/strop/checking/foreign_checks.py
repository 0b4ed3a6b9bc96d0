"""An order's `valid:` lines, held to files that strop did not make. Pure over what independent readers saw.

Cells are judged as values would be. What rests on readers' quotes, or on the values behind a picture, is not
known of such files, and is told as not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase

from strop.checking.bundle import Bundle
from strop.checking.checks import Check, CheckName
from strop.checking.foreign import Given
from strop.checking.foreign_tables import is_total
from strop.checking.opened import Sheet
from strop.checking.ordered import of_files, of_values
from strop.checking.primitives import run_check
from strop.types.content import Standing
from strop.types.formulas import columns, parse
from strop.types.trial import Finding, Value
from strop.types.work import Spec, UnitKey

OF_QUOTES = (CheckName.UNIT, CheckName.CITED, CheckName.QUOTE, CheckName.RECOMPUTE, CheckName.AGREE)
"""Checks of what a value rests on."""


def checked(files: Sequence[Given], spec: Spec, *, today: date) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """(what breaks a check, which checks were not held and why)."""
    findings: list[Finding] = []
    silent: list[str] = []
    for check in of_values(spec):
        tables = [(given, sheet) for given in files if given.table for sheet in given.opened.sheets]
        fitting = [(given, sheet) for given, sheet in tables if _columns(check) <= set(sheet.names)]
        if check.name in OF_QUOTES:
            silent.append(f"Not checked: {check}: what the values rest on is not known of files that were handed over.")
        elif not fitting:
            silent.append(f"Not checked: {check}: no table here has {', '.join(sorted(_columns(check)))}.")
        else:
            findings += [each for given, sheet in fitting for each in _held(check, given, sheet, today)]
    for check in of_files(spec):
        told, why = _of_files(check, files)
        findings += told
        silent += [f"Not checked: {check}: {why}."] if why else []
    return tuple(findings), tuple(silent)


def _columns(check: Check) -> set[str]:
    further = check.names if check.name in (CheckName.UNIQUE, CheckName.CONSISTENT) else ()
    named = columns(parse(check.text)) if check.name is CheckName.FORMULA else ()
    return {name for name in (check.field, *further, *named) if name}


def _held(check: Check, given: Given, sheet: Sheet, today: date) -> Iterator[Finding]:
    values = tuple(
        Value(UnitKey(f"row {number}"), name, cell.strip(), Standing.ACCEPTED, (), ())
        for number, row in enumerate(sheet.rows, start=1)
        if not is_total(row)
        for name, cell in zip(sheet.names, row, strict=False)
        if cell.strip()
    )
    for finding in run_check(check, Bundle(values, today=today)):
        place = finding.locator.replace(".", ", ", 1)
        yield replace(finding, artefact=f"{given.name} {sheet.name}".strip(), locator=place)


def _of_files(check: Check, files: Sequence[Given]) -> tuple[tuple[Finding, ...], str]:
    """(findings, why it could not be held)."""
    if check.name is CheckName.DRAWN:
        return (), "what the picture should show is not known of files that were handed over"
    wanted = (check.field, *check.names) if check.name is CheckName.SAME else (check.field,)
    found = [[given for given in files if _is(given.name, name)] for name in wanted]
    lost = next((name for name, held in zip(wanted, found, strict=True) if not held), "")
    if lost:
        return (), f"{lost} was not handed over, or cannot be read"
    if check.name is CheckName.SAME:
        (one, *_), (other, *_) = found
        both = replace(check, field=one.name, names=(other.name,))
        return run_check(both, Bundle(files={one.name: one.opened, other.name: other.opened})), ""
    alike = (run_check(replace(check, field=one.name), Bundle(files={one.name: one.opened})) for one in found[0])
    return tuple(finding for each in alike for finding in each), ""


def _is(name: str, wanted: str) -> bool:
    """By the whole name, else by its last part, as entries of `deliver:` are found."""
    return fnmatchcase(name, wanted) or fnmatchcase(name.rsplit("/", 1)[-1], wanted.rsplit("/", 1)[-1])
