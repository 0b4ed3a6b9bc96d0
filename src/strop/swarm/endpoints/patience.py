"""How long a call may be silent: a multiple of the run's own median for that kind of call, not a fixed time-out.

A call that was cut would have taken longer: it is right-censored. It counts as an answer of the
length at which it was cut; for a median that is exact as long as the limit lies above the true median,
and where it does not, each round of cuts multiplies the limit until it does. Dropping cut calls would
let the median see fast answers only and cut ever more. Calls that failed early (reset, refused) say
nothing about how long an answer takes and are not counted.

Open calls that are older than the median count too, at their age, while answers of their kind go on
landing: then the endpoint works off a queue, and everyone behind in it is late. When nothing lands
any more it is dark, and the plain limit holds.

A call is late, and may be hedged, after fewer medians, counted from when it went out, whatever signs it
gave: Dean and Barroso, "The Tail at Scale" (CACM, 2013), send a second request to a replica when the first
has been open for longer than nearly all are. What lost to its hedge counts as cut.

Signs of life are characters, not bytes: a proxy's keep-alive is none. A stream that goes on yielding
lives up to `drip` times the limit. Pure: every moment is handed in, in seconds.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from strop.seams import Request
from strop.swarm.endpoints.limits import DRIP
from strop.swarm.lengths import LEAST

Kind: TypeAlias = tuple[bool, bool, bool, int]
"""(has tools, has a schema, thinks, bits of the output limit): calls that take about as long.

The limit counts up to `LEAST`: above it, it follows what was seen of answers and says nothing of their length.
"""

_WORDS = {2: "twice", 3: "three times", 4: "four times", 5: "five times", 10: "ten times", 20: "twenty times"}


def kind_of(request: Request) -> Kind:
    """What a call's seconds are compared with."""
    return (
        bool(request.tools),
        request.schema is not None,
        request.thinking,
        min(request.max_output, LEAST).bit_length(),
    )


@dataclass(slots=True)
class _Seen:
    """One kind: the last answers in order of arrival and of length, and the calls that are open."""

    arrived: deque[float] = field(default_factory=deque[float])
    sorted: list[float] = field(default_factory=list[float])
    open: dict[int, float] = field(default_factory=dict[int, float])
    landed_at: float = float("-inf")


@dataclass(slots=True)
class Patience:
    """Running medians of one model. Owned by the pool. All settings in seconds but the multiples."""

    multiple: float = 5.0
    floor: float = 5.0
    """No limit is below this: network and start-up jitter do not shrink with the median."""
    first: float = 120.0
    """The limit while fewer than `enough` answers are known."""
    most: float = 900.0
    """No limit is above this."""
    hedge_multiple: float = 3.0
    hedge_floor: float = 1.0
    """No call is late before this."""
    drip: float = DRIP
    """A stream that yields may take this many limits in all."""
    enough: int = 8
    window: int = 128
    """Answers that the median looks back on."""
    _kinds: dict[Kind, _Seen] = field(default_factory=dict[Kind, _Seen])

    def began(self, kind: Kind, call: int, *, now: float) -> None:
        """A call went out; `call` is any number of its own. Said again, it corrects the moment."""
        seen = self._kinds.get(kind)
        if seen is None:
            seen = self._kinds[kind] = _Seen()
        seen.open[call] = now

    def answered(self, kind: Kind, call: int, *, seconds: float, now: float) -> None:
        """It was answered after so many seconds."""
        seen = self._kinds[kind]
        del seen.open[call]
        seen.landed_at = now
        self._note(seen, seconds)

    def cut(self, kind: Kind, call: int, *, seconds: float) -> None:
        """It was cut as too long: it counts as long as it was waited for."""
        seen = self._kinds[kind]
        del seen.open[call]
        self._note(seen, seconds)

    def dropped(self, kind: Kind, call: int) -> None:
        """It ended in a way that says nothing about its length."""
        del self._kinds[kind].open[call]

    def median(self, kind: Kind) -> float | None:
        """Of the last answers; None while fewer than `enough` are known."""
        seen = self._kinds.get(kind)
        if seen is None or len(seen.sorted) < self.enough:
            return None
        return _middle(seen.sorted)

    def limit(self, kind: Kind, *, now: float) -> float:
        """Seconds of silence that a call of this kind is allowed."""
        usual = self._usual(kind, now)
        return self._first_of(kind) if usual is None else self._limit_of(usual)

    def late(self, kind: Kind, *, began: float, now: float) -> float | None:
        """The moment at which a call is late as things stand; None while too few answers are known."""
        usual = self._usual(kind, now)
        return None if usual is None else began + max(self.hedge_floor, self.hedge_multiple * usual)

    def due(self, kind: Kind, *, began: float, sign: float, now: float) -> float:
        """The moment at which a call is to be cut as things stand; `now` or earlier: cut it.

        `sign` is when its text last grew, or when it began.
        """
        median = self.median(kind)
        plain = self._first_of(kind) if median is None else self._limit_of(median)
        due = min(sign + plain, began + self.drip * plain)
        if due > now or median is None:
            return due
        limit = self.limit(kind, now=now)
        return min(sign + limit, began + self.drip * limit)

    def reason(self, kind: Kind, *, began: float, sign: float, now: float) -> str:
        """Why a call is cut, for the report."""
        limit = self.limit(kind, now=now)
        silent = now - sign >= limit
        said = f"silent for {now - sign:.1f} s" if silent else f"still dripping after {now - began:.1f} s"
        median = self.median(kind)
        if median is None:
            return f"{said}; too few answers for a median yet, the first limit is {limit:.1f} s"
        if limit in (self.floor, self.most):
            name = "least" if limit == self.floor else "most"
            return f"{said}, {name} limit {limit:.1f} s (median {median:.1f} s)"
        times = self.multiple if silent else self.multiple * self.drip
        return f"{said}, {_WORDS.get(int(times), f'{times:g} times')} the median of {limit / self.multiple:.1f} s"

    def _usual(self, kind: Kind, now: float) -> float | None:
        """The median, with the open calls that are older than it while answers go on landing."""
        median = self.median(kind)
        if median is None:
            return None
        seen = self._kinds[kind]
        if now - seen.landed_at >= self._limit_of(median):
            return median
        ages = [age for began in seen.open.values() if (age := now - began) > median]
        return _middle(sorted([*seen.sorted, *ages])) if ages else median

    def _first_of(self, kind: Kind) -> float:
        # A model that thinks without showing it is silent for long and still well.
        return min(self.first * (self.multiple if kind[2] else 1.0), self.most)

    def _limit_of(self, median: float) -> float:
        return min(max(self.floor, self.multiple * median), self.most)

    def _note(self, seen: _Seen, seconds: float) -> None:
        insort(seen.sorted, seconds)
        seen.arrived.append(seconds)
        if len(seen.arrived) > self.window:
            del seen.sorted[bisect_left(seen.sorted, seen.arrived.popleft())]


def _middle(row: list[float]) -> float:
    """The median of a sorted row."""
    half = len(row) // 2
    return row[half] if len(row) % 2 else (row[half - 1] + row[half]) / 2
