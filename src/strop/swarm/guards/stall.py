"""Whether an agent still gets anywhere: by progress, not by stopwatch. Pure.

Two signs that it does not: the same call again and again, and rounds that bring nothing it has not seen.
(Silence is the third; the calls themselves are cut short, see `endpoints/patience`.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from strop.types.events import ToolCall
from strop.types.fingerprint import digest_bytes

REPEATS = 3
"""Times that one and the same call may be made; the next one is a stall."""
BARREN = 4
"""Rounds in a row without anything new."""


@dataclass(slots=True)
class Progress:
    """What one conversation has tried and seen. Owned by its agent."""

    _calls: Counter[str] = field(default_factory=Counter[str])
    _seen: set[str] = field(default_factory=set[str])
    _barren: int = 0
    stalled: str = ""
    """Why the agent gets nowhere, for whoever takes over; empty while it does."""

    def note(self, calls: Sequence[ToolCall], results: Sequence[str]) -> None:
        """One round of tool calls and what came back."""
        fresh = False
        for call, result in zip(calls, results, strict=True):
            key = f"{call.name}({call.arguments})"
            self._calls[key] += 1
            if self._calls[key] > REPEATS:
                self.stalled = f"called {key[:200]} {self._calls[key]} times"
            mark = digest_bytes(result.encode("utf-8", "surrogatepass"))
            fresh = fresh or mark not in self._seen
            self._seen.add(mark)
        self._barren = 0 if fresh else self._barren + 1
        if self._barren >= BARREN and not self.stalled:
            self.stalled = f"{self._barren} rounds in a row brought nothing new"
