"""What the deterministic gate looks at: judged values, the sources they rest on, the files made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from strop.checking.opened import Opened
from strop.types.trial import Value


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything a check may ask about. Checks of files are silent on files that are not here."""

    values: tuple[Value, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """Text by project-relative path, as stored when it was read."""
    files: Mapping[str, Opened] = field(default_factory=dict[str, Opened])
    """By name under `files/`, as an independent reader sees them."""
    pictures: Mapping[str, str] = field(default_factory=dict[str, str])
    """SHA-256 of each picture's bytes."""
    redrawn: Mapping[str, str] = field(default_factory=dict[str, str])
    """SHA-256 of the same pictures, drawn again from the judged values."""
    today: date | None = None
    """The day that ages are counted from; without it no date is too old."""
