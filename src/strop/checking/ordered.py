"""Lines of `valid:` that are checks: which of them can be held to what was ordered, and those of files, held.

A line is never passed over: what cannot be held is told, by `unheld` before the files and by a finding after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from strop.checking.bundle import Bundle
from strop.checking.checks import OF_FILES, Check, CheckName, is_check, parse_check
from strop.checking.entries import fits
from strop.checking.opened import Opened, open_file
from strop.checking.primitives import run_check
from strop.types.fingerprint import digest_bytes
from strop.types.trial import Finding, Severity, Value
from strop.types.work import PICTURES, Output, Spec, kind_of

Redraw = Callable[[str], bytes | None]
"""Draws a picture again from the judged values, by its name; None where they draw no such picture."""


def of_values(spec: Spec) -> tuple[Check, ...]:
    """Checks of values and tables, in the order's words."""
    return tuple(check for check in _checks(spec) if check.name not in OF_FILES)


def of_files(spec: Spec) -> tuple[Check, ...]:
    """Checks of files."""
    return tuple(check for check in _checks(spec) if check.name in OF_FILES)


def _checks(spec: Spec) -> Iterator[Check]:
    return (parse_check(line) for line in spec.valid if is_check(line))


# ---------------------------------------------------------------- what cannot be held


def unheld(spec: Spec, values: Iterable[Value]) -> tuple[str, ...]:
    """Checks that look for what is not there, in sentences; silence would read as a check that holds."""
    fields = {value.field for value in values}
    told = [f"Not checked: {check}: {why}." for check in of_files(spec) if (why := _unfit(check, spec))]
    for check in of_values(spec):
        columns = (check.field, *(check.names if check.name in (CheckName.UNIQUE, CheckName.CONSISTENT) else ()))
        lost = [name for name in columns if name and name not in fields]
        told += [f"Not checked: {check}: no value here is of a field {lost[0]}."] if lost and fields else []
    return tuple(told)


def _unfit(check: Check, spec: Spec) -> str:
    """Why a check of files cannot be held to this order; empty where it can."""
    for name in _named(check):
        output = _output(spec, name)
        if output is None:
            return f"the order has no file {name}"
        if check.name is CheckName.DRAWN and output.kind not in PICTURES:
            return f"{name} is no picture"
        if check.name is CheckName.SAME and "*" in name:
            return f"{name} is more than one file"
    return ""


def _named(check: Check) -> tuple[str, ...]:
    return (check.field, *check.names) if check.name is CheckName.SAME else (check.field,)


def _output(spec: Spec, name: str) -> Output | None:
    """The entry of the order that a file, a pattern or a member of a pattern is of."""
    exact = (output for output in spec.outputs if output.file == name)
    return next(exact, next((output for output in spec.outputs if fits(name, output.file)), None))


# ---------------------------------------------------------------- checks of files


def held_to_checks(spec: Spec, folder: Path, *, redraw: Redraw | None = None) -> Iterator[Finding]:
    """What the files under `folder` break of the order's checks of files.

    `redraw` is left out where the pictures were drawn a moment ago. Of a pattern every member is held.

    Raises:
        MissingPart: the reader for a kind of file is not installed.
    """
    for check in of_files(spec):
        if _unfit(check, spec):
            continue
        for one in _spread(check, folder):
            for finding in _held(one, folder, redraw):
                yield replace(finding, severity=Severity.FATAL)


def _spread(check: Check, folder: Path) -> list[Check]:
    """The check, once for each file that its pattern covers."""
    if "*" not in check.field:
        return [check]
    files = sorted(path for path in folder.glob(check.field) if path.is_file())
    return [replace(check, field=path.relative_to(folder).as_posix()) for path in files]


def _held(check: Check, folder: Path, redraw: Redraw | None) -> Iterator[Finding]:
    opened: dict[str, Opened] = {}
    for name in _named(check):
        found = open_file(folder / name, kind=kind_of(name))
        if isinstance(found, str):
            yield Finding("constraint", name, "", "a file that opens", found, str(check))
            return
        opened[name] = found
    bundle = Bundle(files=opened)
    if check.name is CheckName.DRAWN and redraw is not None:
        again = redraw(check.field)
        drawn = digest_bytes(again) if again is not None else "no such picture"
        shown = digest_bytes((folder / check.field).read_bytes())
        bundle = replace(bundle, pictures={check.field: shown}, redrawn={check.field: drawn})
    yield from run_check(check, bundle)
