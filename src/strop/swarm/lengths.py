"""How long answers were, and how long the next one may be. Pure.

A call is reserved, and when its outcome stays unknown booked, at the most it can cost. Most of that is the
output limit, set for the longest answer anybody may give, while most steps are a tool call of a few dozen tokens.
So a step is allowed `ROOM` times the longest answer of its like, once some are known, and never less than `LEAST`.
The limit that is reserved is the limit that is sent: the provider cannot bill more. An answer that is cut by it
is asked for once more without it, and from then on its like may be longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

Like: TypeAlias = tuple[str, str, str]
"""(model, role, prompt)."""

ENOUGH = 5
"""Answers of a likeness before they say anything."""
ROOM = 4
LEAST = 2_048
"""Tokens; limits are this or a power of two above it, so that there are few. Eight kilobytes of JSON fit."""


@dataclass(slots=True)
class Lengths:
    """One run's answers by likeness. Owned by whoever puts them on record."""

    _seen: dict[Like, tuple[int, int]] = field(default_factory=dict[Like, tuple[int, int]])
    """(how many, tokens of the longest)."""

    def note(self, like: Like, tokens: int) -> None:
        """An answer had so many tokens."""
        count, longest = self._seen.get(like, (0, 0))
        self._seen[like] = count + 1, max(longest, tokens)

    def bound(self, like: Like, *, most: int) -> int:
        """Tokens that the next answer of this likeness may have; `most` while too few are known."""
        count, longest = self._seen.get(like, (0, 0))
        if count < ENOUGH:
            return most
        return min(most, max(LEAST, 1 << max(ROOM * longest - 1, 0).bit_length()))
