"""Deliveries that passed, as the checks see them: what a new rule must be silent on.

Each is rebuilt from its run's journal and blobs: the values of its verdict, the texts they rest on, the
files by their hash. A file that is no longer what was delivered is left out, and so is a run that did not
pass or whose refuting model was void.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from strop.checking.bundle import Bundle
from strop.checking.checks import OF_FILES, Check, CheckName
from strop.checking.opened import Opened, open_file, readable
from strop.checking.primitives import run_check, unjudged
from strop.errors import StropError
from strop.seams import Blobs
from strop.swarm.fold import RunFold
from strop.types.content import Standing
from strop.types.fingerprint import digest_bytes
from strop.types.trial import Finding, Outcome, Severity, Value
from strop.types.work import PICTURES, RunId, Spec, kind_of

SURE = 0.05
"""Chance that the stated bound is too low."""
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EVIDENCE = (CheckName.CITED, CheckName.QUOTE, CheckName.RECOMPUTE, CheckName.AGREE)
"""Checks that ask what a value rests on, and not what it says."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One accepted delivery."""

    run: RunId
    spec: Spec
    bundle: Bundle
    """What was delivered; refuted cells say nothing."""
    said: Bundle
    """The same, with what was claimed in the refuted cells: what a rule may have caught."""


def kept(state: RunFold, *, blobs: Blobs) -> Kept | None:
    """The values of a run and the texts they rest on, from its journal; None where it did not pass.

    Raises:
        JournalFault: the journal holds no plan.
    """
    verdict = state.verdict
    if state.outcome is not Outcome.PASSED or verdict is None or not verdict.passed or verdict.void:
        return None
    run = state.run()
    whole = Bundle(verdict.values, _texts(state, blobs), today=day_of(run.id))
    return Kept(run.id, run.plan.spec, delivered(whole), whole)


def with_files(each: Kept, state: RunFold, *, folder: Path) -> Kept:
    """The delivery with its files and pictures opened, as far as they are what was delivered.

    Raises:
        MissingPart: the reader for a kind of delivered file is not installed.
    """
    files, pictures = _files(state, folder), _pictures(state, folder)
    redrawn = {file: held.digest for file, held in state.files.items() if kind_of(file) in PICTURES}
    whole = replace(each.said, files=files, pictures=pictures, redrawn=redrawn)
    return replace(each, bundle=delivered(whole), said=whole)


def delivered(bundle: Bundle) -> Bundle:
    """The bundle without what refuted cells claimed."""
    return replace(bundle, values=tuple(map(_silent, bundle.values)))


def _silent(value: Value) -> Value:
    return replace(value, value=None, said=None) if value.standing is Standing.REFUTED else value


def day_of(run: str) -> date | None:
    """The day a run began, by its id; None where the id bears no time."""
    stamp = 0
    for digit in run[:10]:
        if digit not in _DIGITS:
            return None
        stamp = stamp * 32 + _DIGITS.index(digit)
    try:
        return datetime.fromtimestamp(stamp / 1000, UTC).date() if len(run) > 10 else None
    except (ValueError, OverflowError, OSError):
        return None


def _texts(state: RunFold, blobs: Blobs) -> dict[str, str]:
    texts: dict[str, str] = {}
    for read in state.run().sources:
        try:
            texts[read.path] = blobs.get(read.digest).decode()
        except (StropError, UnicodeDecodeError):
            continue  # what rests on it cannot be judged, and is not taken for silence
    return texts


def _files(state: RunFold, folder: Path) -> dict[str, Opened]:
    found: dict[str, Opened] = {}
    for file in _unchanged(state, folder):
        if readable(kind_of(file)):
            opened = open_file(folder / "files" / file, kind=kind_of(file))
            if isinstance(opened, Opened):
                found[file] = opened
    return found


def _pictures(state: RunFold, folder: Path) -> dict[str, str]:
    return {file: state.files[file].digest for file in _unchanged(state, folder) if kind_of(file) in PICTURES}


def _unchanged(state: RunFold, folder: Path) -> Sequence[str]:
    there = [file for file in state.files if (folder / "files" / file).is_file()]
    return [f for f in there if digest_bytes((folder / "files" / f).read_bytes()) == state.files[f].digest]


# ---------------------------------------------------------------- what a check makes of it


def looks(check: Check, bundle: Bundle) -> bool:
    """Whether the bundle holds what the check is about, and all that it takes to judge it."""
    if check.name is CheckName.DRAWN:
        return check.field in bundle.pictures
    if check.name in OF_FILES:
        also = check.names[:1] if check.name is CheckName.SAME else ()
        return all(file in bundle.files for file in (check.field, *also))
    if check.name is CheckName.ROWS:
        return bool(bundle.values)
    about = any(value.field == check.field and value.value is not None for value in bundle.values)
    return about and not unjudged(check, bundle)


def alarms(check: Check, bundle: Bundle) -> tuple[Finding, ...]:
    """What a check finds in a clean delivery: each is a false alarm.

    Of unverified values nobody knows that they are right, so a finding on one counts only where the check
    asks what it rests on, and would take all of its like away.
    """
    found = run_check(check, bundle)
    return found if check.name in _EVIDENCE else tuple(f for f in found if f.severity is not Severity.NOTE)


@dataclass(frozen=True, slots=True)
class Record:
    """What a check made of the stored deliveries in its scope."""

    silent: int
    loud: tuple[RunId, ...] = ()
    """Runs whose clean delivery it spoke against."""
    values: int = 0
    """Proved values that it looked at."""

    @property
    def bound(self) -> float:
        """Upper bound, at 95 %, of the share of clean deliveries that it speaks against; 1 where none is stored."""
        return 1.0 if self.loud or not self.silent else 1 - SURE ** (1 / self.silent)

    def __str__(self) -> str:
        if not self.silent:
            return "no other delivery is stored to try it on"
        many = "delivery" if self.silent == 1 else "deliveries"
        return f"silent on {self.silent} stored {many} (it speaks against under {100 * self.bound:.0f} %, 95 % sure)"


def tried(check: Check, past: Sequence[Kept]) -> Record:
    """The check on every stored delivery that it is about."""
    held = [each for each in past if looks(check, each.bundle)]
    loud = tuple(each.run for each in past if alarms(check, each.bundle))
    proved = (Standing.ACCEPTED, Standing.CORRECTED)
    seen = sum(v.field == check.field and v.standing in proved for each in held for v in each.bundle.values)
    return Record(sum(each.run not in loud for each in held), loud, seen)
