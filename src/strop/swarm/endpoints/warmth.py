"""Warm first: one call of a shared head goes ahead, the others of that head wait until its answer begins.

A provider's prefix cache is written when a prompt has been read, which is when its answer begins. A wave
of 300 that goes out at once pays the head 300 times; behind one leader it pays it once. Nobody waits for
nothing: a lone call is its own leader, and after `LEADERS` leaders in a row that brought no sign the
wave goes as it is.

Pure: one instance for each endpoint; calls are numbers, moments in seconds come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

LEADERS = 3
"""Leaders in a row without a sign of an answer, after which nobody is held any more."""


class Turn(Enum):
    """What a call of a head is to do."""

    GO = "go"
    LEAD = "lead"
    HOLD = "hold"


@dataclass(slots=True)
class _Head:
    leader: int = 0
    """The call that went ahead; 0 when none is under way."""
    failed: int = 0
    """Leaders in a row that brought no sign."""
    warm_until: float = float("-inf")
    held: dict[int, None] = field(default_factory=dict[int, None])


@dataclass(slots=True)
class Warmth:
    """Which heads an endpoint's cache holds, and who waits for which. Owned by the pool."""

    lasts: float = 300.0
    """Seconds that a provider keeps a prefix that nobody asks for."""
    most: int = 1_024
    """Heads that are remembered."""
    _heads: dict[int, _Head] = field(default_factory=dict[int, _Head])
    """By digest; the one that was not asked for the longest comes first."""

    def __len__(self) -> int:
        return len(self._heads)

    def ask(self, head: int, call: int, *, now: float) -> Turn:
        """What a call of this head does now. One that is held is told by `began`, `failed` or `evict`."""
        entry = self._heads.pop(head, None)
        if entry is None:
            self._make_room()
            entry = _Head()
        self._heads[head] = entry
        if entry.warm_until > now:
            entry.warm_until = now + self.lasts
            return Turn.GO
        if entry.failed >= LEADERS:
            return Turn.GO
        if entry.leader:
            entry.held[call] = None
            return Turn.HOLD
        entry.leader = call
        return Turn.LEAD

    def began(self, head: int, *, now: float) -> list[int]:
        """An answer to this head began: it is warm, and these calls go."""
        entry = self._heads.get(head)
        if entry is None:
            return []
        entry.leader, entry.failed, entry.warm_until = 0, 0, now + self.lasts
        return _emptied(entry)

    def failed(self, head: int, call: int, *, blamed: bool) -> tuple[list[int], Turn]:
        """This call ended, or took too long, without a sign: (calls that move now, whether they lead or go).

        Only a leader's end moves anybody. `blamed` says that the endpoint failed; a leader that was
        cancelled is no sign against it.
        """
        entry = self._heads.get(head)
        if entry is None:
            return [], Turn.GO
        entry.held.pop(call, None)
        if entry.leader != call:
            return [], Turn.GO
        entry.failed += blamed
        entry.leader = 0
        if entry.failed >= LEADERS:
            return _emptied(entry), Turn.GO
        if not entry.held:
            return [], Turn.LEAD
        entry.leader = next(iter(entry.held))
        del entry.held[entry.leader]
        return [entry.leader], Turn.LEAD

    def evict(self) -> list[int]:
        """Send everyone away who waits, in order: the endpoint left the ring."""
        return [call for entry in self._heads.values() for call in _emptied(entry)]

    def _make_room(self) -> None:
        """Forget the head that was not asked for the longest, but none that somebody leads."""
        if len(self._heads) < self.most:
            return
        idle = next((head for head, entry in self._heads.items() if not entry.leader), None)
        if idle is not None:
            del self._heads[idle]


def _emptied(entry: _Head) -> list[int]:
    calls = list(entry.held)
    entry.held.clear()
    return calls
