"""How long jobs take that agents share: list scheduling in the plan's order, as the run's own schedule does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace


@dataclass(frozen=True, slots=True)
class Order:
    """Which job waits for which, turned round once for many schedules."""

    unmet: list[int]
    readers: list[list[int]]
    """Who needs a job, by its place."""

    @classmethod
    def of(cls, needs: Sequence[tuple[int, ...]]) -> Order | None:
        """None where no job waits for another."""
        if not any(needs):
            return None
        readers: list[list[int]] = [[] for _ in needs]
        for place, needed in enumerate(needs):
            for need in needed:
                readers[need].append(place)
        return cls(list(map(len, needs)), readers)


def makespan(seconds: Sequence[float], *, agents: int, order: Order | None = None) -> float:
    """When the last of these jobs ends, if each free agent takes the first job whose needs have ended."""
    if order is not None:
        return _in_order(seconds, order, agents)
    if len(seconds) <= agents:
        return max(seconds, default=0.0)
    lanes = list(seconds[:agents])
    heapify(lanes)
    for lasts in seconds[agents:]:
        heapreplace(lanes, lanes[0] + lasts)
    return max(lanes)


def _in_order(seconds: Sequence[float], order: Order, agents: int) -> float:
    unmet, readers = order.unmet.copy(), order.readers
    ready = [place for place, left in enumerate(unmet) if not left]
    busy: list[tuple[float, int]] = []
    now, free = 0.0, agents
    while ready or busy:
        while ready and free:
            place = heappop(ready)
            heappush(busy, (now + seconds[place], place))
            free -= 1
        now, ended = busy[0]
        for reader in readers[ended]:
            unmet[reader] -= 1
            if not unmet[reader]:
                heappush(ready, reader)
        if ready:
            place = heappop(ready)
            heapreplace(busy, (now + seconds[place], place))
        else:
            heappop(busy)
            free += 1
    return now
