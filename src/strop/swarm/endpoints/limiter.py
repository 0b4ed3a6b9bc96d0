"""How many calls may be open at one endpoint: a window that grows with answers and is halved by refusals.

Additive increase, multiplicative decrease, with a fast start (Jacobson, "Congestion Avoidance and
Control", SIGCOMM 1988). Where models differ from routers, it differs:
- A refusal (429, 503, 529) says "too many" only together with others. Behind one address stand many
  machines, and some refuse a few per cent whatever the load; halving at each would leave a window of
  five calls at 5 % of stray refusals (the square-root law). So the share of refusals in the present
  round is judged, in the spirit of DCTCP (Alizadeh et al., SIGCOMM 2010): above `TOLERATED` the window
  is halved, below it it gives way by one and probes more slowly.
- Calls that were sent before the last halving do not halve again: once per round trip.
- A window that is not used says nothing about the endpoint and does not grow (RFC 7661).
- Retry-After closes the endpoint once a round loses more than is tolerated; whoever met a stray refusal
  keeps to its Retry-After alone. (5 % stray refusals of 1 s each would keep it closed nearly all the time.)

Pure: moments in seconds and chance come in as arguments. Waiters are opaque and served in order.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from strop.swarm.guards.backoff import delay

T = TypeVar("T", bound=Hashable)

TOLERATED = 1 / 8
"""Share of refusals in a round that is not yet taken for too much load."""
THIN = 8
"""Calls. A round of fewer, in a window that is not full, must lose more than half: chance looks like load there."""
HOLD = 8
"""Windows of answers to stay below a limit that was just touched, before the next probe."""
SPREAD = 0.25
"""Share of a Retry-After that is added by chance, so that a fleet does not come back at one moment."""


@dataclass(slots=True)
class Limiter(Generic[T]):
    """The calls and the queue of one endpoint. Owned by the pool.

    Each call that `take` or `admit` lets out has a number, above 0, and ends with exactly one of
    `landed`, `refused` and `broken`.
    """

    window: float = 64.0
    """Calls that may be open at once; at least 1."""
    most: float = 4_096.0
    """The window never grows beyond this."""
    closed_until: float = float("-inf")
    """Nothing goes out before this moment."""
    fast: bool = True
    """Still doubling every round: no limit was met yet."""
    refusals: int = 0
    """Ever."""
    _open: set[int] = field(default_factory=set[int])
    _queue: dict[T, None] = field(default_factory=dict[T, None])
    _last: int = 0
    _before_halving: int = 0
    """Calls up to this number were sent before the window was last halved."""
    _sent: int = 0
    _ended: int = 0
    _refused: int = 0
    """Of the present round, which ends when a window's worth of calls has ended."""
    _gave_way: bool = False
    _credit: float = 0.0
    _strikes: int = 0
    """Halvings in a row without an answer between them."""

    @property
    def in_flight(self) -> int:
        return len(self._open)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def has_room(self, now: float) -> bool:
        """Whether a call that comes now would go out at once."""
        return not self._queue and self._fits(now)

    def take(self, now: float) -> int:
        """Let a call out at once and give its number; 0 when it must queue."""
        return self._send() if self.has_room(now) else 0

    def queue(self, waiter: T) -> None:
        """Put a waiter at the end."""
        self._queue[waiter] = None

    def forget(self, waiter: T) -> None:
        """A waiter that gave up."""
        self._queue.pop(waiter, None)

    def evict(self) -> list[T]:
        """Send every waiter away, in order."""
        waiters = list(self._queue)
        self._queue.clear()
        return waiters

    def admit(self, now: float) -> list[tuple[T, int]]:
        """The waiters whose turn it is, each with the number of its call."""
        admitted: list[tuple[T, int]] = []
        while self._queue and self._fits(now):
            waiter = next(iter(self._queue))
            del self._queue[waiter]
            admitted.append((waiter, self._send()))
        return admitted

    def landed(self, call: int) -> None:
        """An answer, or at least one that began: the endpoint carries this load."""
        full = bool(self._queue) or len(self._open) >= self.window - 1
        self._end(call)
        self._strikes = 0
        if full and call > self._before_halving:
            self._grow()
        self._turn_round()

    def broken(self, call: int) -> None:
        """Ended without a word about load: cut, reset, cancelled."""
        self._end(call)
        self._turn_round()

    def refused(self, call: int, *, now: float, chance: float, retry_after: float | None = None) -> None:
        """Refused for load; `chance` is uniform in [0, 1)."""
        self.refusals += 1
        congested = call <= self._before_halving
        if not congested:
            self._refused += 1
            congested = self._congested()
            if congested:
                self._halve(now, chance)
            elif not self.fast and not self._gave_way:
                self._gave_way = True
                self.window = max(1.0, self.window - 1)
                self._credit = -HOLD * self.window
        if retry_after is not None and (congested or self.closed_until > now):
            self._close(now + retry_after * (1 + SPREAD * chance))
        self._end(call)
        self._turn_round()

    def _fits(self, now: float) -> bool:
        return len(self._open) < int(self.window) and now >= self.closed_until

    def _send(self) -> int:
        self._last += 1
        self._sent += 1
        self._open.add(self._last)
        return self._last

    def _end(self, call: int) -> None:
        self._open.remove(call)  # a KeyError here is a slot given back twice
        self._ended += 1

    def _grow(self) -> None:
        self._credit += 1
        # A very small window grows by eight answers, or one call in three would go to probing.
        if self.fast or self._credit >= max(self.window, THIN):
            self.window = min(self.window + 1, self.most)
            self._credit = 0.0

    @property
    def _thin(self) -> bool:
        """Few calls in a window that they do not fill."""
        return self._sent < THIN and 2 * len(self._open) < self.window

    def _congested(self) -> bool:
        if self._thin:
            return self._refused >= 2 and 2 * self._refused > self._sent
        return self._refused > TOLERATED * self._sent

    def _halve(self, now: float, chance: float) -> None:
        # A fast start goes on after thin evidence: it finds the true limit in a few rounds, either way.
        self.fast = self.fast and self._thin
        self.window = max(1.0, min(self.window, self._sent) / 2)
        self._before_halving = self._last
        self._strikes += 1
        self._credit = 0.0
        self._new_round()
        if self._strikes > 1:
            self._close(now + delay(self._strikes - 1, chance=chance))

    def _close(self, until: float) -> None:
        self.closed_until = max(self.closed_until, until)

    def _turn_round(self) -> None:
        if self._ended >= self.window:
            self._new_round()

    def _new_round(self) -> None:
        self._sent, self._ended, self._refused, self._gave_way = len(self._open), 0, 0, False
