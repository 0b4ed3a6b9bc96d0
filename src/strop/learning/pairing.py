"""Pairs of like units inside one wave, drawn before anything is read. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePosixPath

from strop.types.fingerprint import digest
from strop.types.work import UnitKey

SHARE = 0.2


def stratum(size: int, source: str) -> str:
    """Units of one kind and of about one size: a factor of two."""
    return f"{PurePosixPath(source).suffix}/{max(size, 1).bit_length()}"


def paired(
    strata: Mapping[UnitKey, str], *, item: str, run: str, share: float = SHARE
) -> tuple[tuple[UnitKey, UnitKey], ...]:
    """(tried, partner) of at most `share` of the units; none where there are fewer than five."""
    most = math.floor(len(strata) * share)
    order = sorted(strata, key=lambda unit: digest([run, item, unit, "order"]))
    waiting: dict[str, UnitKey] = {}
    pairs: list[tuple[UnitKey, UnitKey]] = []
    for unit in order:
        if len(pairs) == most:
            break
        other = waiting.pop(strata[unit], None)
        if other is None:
            waiting[strata[unit]] = unit
        else:
            first = int(digest([run, item, unit, other])[0], 16) % 2
            pairs.append((unit, other) if first else (other, unit))
    return tuple(pairs)
