"""What a mutant broke, and where a finding should point."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True, slots=True)
class Record:
    """What was broken: the place that a finding should name."""

    kind: str
    form: Form
    artefact: str
    """The file, or `claims`."""
    locator: str
    """`ROW.FIELD` of a value; what a file's finding should name, as far as it names a place."""
    before: str
    after: str
    late: bool = False
    """Written after the checks were frozen."""
    model: bool = False
    """Only who reads and understands can find it."""
