"""A virtual-clock event loop: seeded order, time that jumps, and a journal that survives what kills the rest.

After the technique of FoundationDB's simulation (Zhou et al., SIGMOD 2021): one thread, all chance
from one seed, so a failing seed replays exactly. The loop shuffles what is ready before each turn and
jumps to the next timer when nothing is; nothing ready and no timer is a deadlock. It leans on private
names of asyncio (`_ready`, `_scheduled`), the same from 3.11 to 3.14, checked by its own test.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from strop.errors import JournalFault
from strop.types.events import VERSIONS, Body, Event, decode, encode
from strop.types.fingerprint import digest

if TYPE_CHECKING:
    from strop.seams import Chance, Clock, Journal

T = TypeVar("T")


class Crash(KeyboardInterrupt):
    """The process dies here: like SIGKILL, it leaves the loop at once (asyncio re-raises this kind only)."""


class Deadlock(Exception):
    """Nothing is ready and no timer is set: the code under test waits for ever."""


@dataclass(frozen=True, slots=True)
class Leap:
    """The machine sleeps: at this moment of the loop's clock, these seconds pass at once."""

    at: float
    seconds: float


class _NoWait(selectors.SelectSelector):
    def select(self, timeout: float | None = None) -> list[Any]:
        del timeout  # virtual time: nobody waits for real
        return []


class _Numbered(asyncio.Task[Any]):
    """Hashed by its number, not by its address: `asyncio.wait` and task groups walk over sets of tasks."""

    def __init__(self, main: Coroutine[Any, Any, Any], *, number: int, **rest: Any) -> None:
        self._number = number  # before the base's own start, which puts the task into a set
        super().__init__(main, **rest)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Virtual time and a seeded order of what is ready."""

    def __init__(self, seed: int, leaps: Sequence[Leap] = ()) -> None:
        super().__init__(_NoWait())
        self._virtual = 0.0
        self._leaps = deque(sorted(leaps, key=lambda leap: leap.at))
        self._chance = random.Random(seed)
        self._numbers = count(1)
        # Far from zero a float cannot tell moments apart by a nanosecond, and a due timer would never be due.
        self._clock_resolution = 1e-6
        self.set_task_factory(self._numbered)

    def time(self) -> float:
        return self._virtual

    def _numbered(
        self, _loop: asyncio.AbstractEventLoop, main: Any, context: Context | None = None, **rest: Any
    ) -> asyncio.Task[Any]:
        return _Numbered(main, number=next(self._numbers), loop=self, context=context, **rest)

    def _run_once(self) -> None:
        # asyncio's own names, see above; its stubs do not know them.
        ready = cast("deque[asyncio.Handle]", getattr(self, "_ready"))  # noqa: B009
        if not ready:
            self._jump()
        shuffled = list(ready)
        self._chance.shuffle(shuffled)
        ready.clear()
        ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]  # private, see above

    def _jump(self) -> None:
        """To the next timer; over a leap all that fall due in it."""
        scheduled = cast("list[asyncio.TimerHandle]", getattr(self, "_scheduled"))  # noqa: B009
        live = [timer.when() for timer in scheduled if not timer.cancelled()]
        if not live:
            raise Deadlock("nothing is ready and no timer is set")
        self._virtual = max(self._virtual, min(live))
        while self._leaps and self._leaps[0].at <= self._virtual:
            self._virtual += self._leaps.popleft().seconds


def simulate(main: Coroutine[Any, Any, T], *, seed: int, leaps: Sequence[Leap] = ()) -> T:
    """Run `main` to its end on a fresh simulated loop.

    Raises:
        Crash: a planned crash; everything in memory is gone.
        Deadlock: the code waits for ever.
    """
    loop = SimulatedLoop(seed, leaps)
    try:
        return loop.run_until_complete(main)
    finally:
        _bury(loop)


def _bury(loop: SimulatedLoop) -> None:
    """End what a dead process left half done. Its journal refuses every append by now, so nothing it does counts."""
    loop.set_exception_handler(lambda _loop, _context: None)  # a dead process reports nothing
    while left := asyncio.all_tasks(loop):
        for task in left:
            task.cancel()
        try:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        except Crash:
            continue
    loop.close()


@dataclass(slots=True)
class LoopClock:
    """The running loop's time: virtual in the simulator, monotonic elsewhere.

    `start` is what the clock says at the loop's time 0: monotonic clocks begin anywhere, and elsewhere after a reboot.
    """

    start: float = 0.0

    def now(self) -> float:
        return self.start + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class SeededChance:
    """Jitter from a seed."""

    seed: int
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def random(self) -> float:
        return self._random.random()


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that something takes: a log-normal body, and a share of stragglers with a Pareto tail.

    Tails after Dean and Barroso, "The Tail at Scale" (CACM, 2013): a few calls are slower by orders of magnitude.
    """

    median: float = 1.0
    spread: float = 0.5
    """Standard deviation of the logarithm."""
    straggling: float = 0.02
    """Share of stragglers, from 0 to 1; each takes ten medians or more."""
    tail: float = 1.5
    """Exponent of the Pareto tail; heavier when smaller."""
    most: float = 600.0

    def draw(self, chance: random.Random) -> float:
        if chance.random() < self.straggling:
            return min(self.most, 10 * self.median * chance.paretovariate(self.tail))
        return min(self.most, self.median * chance.lognormvariate(0.0, self.spread))


Row: TypeAlias = tuple[int, float, str, int, bytes]
"""epoch, at, kind, version, body."""


@dataclass(slots=True)
class Disk:
    """What stays when processes die: facts as bytes, and whose turn it is to write them."""

    rows: list[Row] = field(default_factory=list[Row])
    epoch: int = 1

    @property
    def trace(self) -> str:
        """Hash of every row: two runs with the same trace put the same facts on record at the same moments."""
        return digest([(*row[:4], row[4].decode()) for row in self.rows])


@dataclass(slots=True)
class MemoryJournal:
    """A journal that outlives simulated crashes; its commits may be slow, fail, or be the last thing that happens.

    `crash_at` dies at that append of its life: before anything is written when `torn`, after it else.
    """

    run: str = "sim"
    disk: Disk = field(default_factory=Disk)
    crash_at: int | None = None
    torn: bool = False
    latency: float = 0.0
    """Seconds of every commit."""
    slowness: Latency | None = None
    """Drawn for each commit, on top."""
    fails: range = range(0)
    """Appends of this life that fail with `JournalFault`, from 1: `range(5, 6)` once, a long one a full disk."""
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    appends: int = 0
    dead: bool = False
    """The process was killed: whatever it still tries, nothing is written."""
    epoch: int = field(init=False)

    def __post_init__(self) -> None:
        self.epoch = self.disk.epoch

    @property
    def rows(self) -> list[Row]:
        return self.disk.rows

    async def append(self, bodies: Sequence[Body], *, at: float) -> tuple[Event, ...]:
        wait = self.latency + (self.slowness.draw(self.chance) if self.slowness else 0.0)
        if wait:
            await asyncio.sleep(wait)
        self.appends += 1
        if self.dead or (self.crash_at is not None and self.appends > self.crash_at - self.torn):
            raise Crash
        if self.epoch != self.disk.epoch:
            raise JournalFault("another process took this run over; this one stops")
        if self.appends in self.fails:
            raise JournalFault("the disk is full")
        events = tuple(self._write(body, at) for body in bodies)
        if self.appends == self.crash_at:
            raise Crash
        return events

    def _write(self, body: Body, at: float) -> Event:
        kind = type(body).__name__
        self.rows.append((self.epoch, at, kind, VERSIONS[kind], encode(body)))
        return Event(self.run, len(self.rows), self.epoch, at, body)

    def read(self, after: int = 0) -> tuple[Event, ...]:
        return tuple(
            Event(self.run, seq, epoch, at, decode(kind, version, body))
            for seq, (epoch, at, kind, version, body) in enumerate(self.rows, 1)
            if seq > after
        )

    def close(self) -> None:
        """The next life: a new writer, nothing planned."""
        self._take_over()
        self.appends, self.crash_at, self.fails, self.dead = 0, None, range(0), False

    def successor(self) -> MemoryJournal:
        """Another process's writing end on the same disk: from here on this one's appends are refused."""
        other = MemoryJournal(self.run, self.disk, latency=self.latency, slowness=self.slowness, chance=self.chance)
        other._take_over()
        return other

    def _take_over(self) -> None:
        self.disk.epoch += 1
        self.epoch = self.disk.epoch


def at_moment(moment: float, act: Callable[[], object]) -> None:
    """Do something at this time of the running loop."""
    asyncio.get_running_loop().call_at(moment, act)


if TYPE_CHECKING:

    def _fits(journal: MemoryJournal, clock: LoopClock, chance: SeededChance) -> tuple[Journal, Clock, Chance]:
        return journal, clock, chance
