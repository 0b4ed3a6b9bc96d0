"""A virtual-clock event loop: seeded order, time that jumps, a crash at the n-th journal append.

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
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from strop.types.events import VERSIONS, Body, Event, decode, encode

if TYPE_CHECKING:
    from strop.seams import Chance, Clock, Journal

T = TypeVar("T")


class Crash(KeyboardInterrupt):
    """The process dies here: like SIGKILL, it leaves the loop at once (asyncio re-raises this kind only)."""


class Deadlock(Exception):
    """Nothing is ready and no timer is set: the code under test waits for ever."""


class _NoWait(selectors.SelectSelector):
    def select(self, timeout: float | None = None) -> list[Any]:
        del timeout  # virtual time: nobody waits for real
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Virtual time and a seeded order of what is ready."""

    def __init__(self, seed: int) -> None:
        super().__init__(_NoWait())
        self._virtual = 0.0
        self._chance = random.Random(seed)

    def time(self) -> float:
        return self._virtual

    def _run_once(self) -> None:
        # asyncio's own names, see above; its stubs do not know them.
        ready = cast("deque[asyncio.Handle]", getattr(self, "_ready"))  # noqa: B009
        scheduled = cast("list[asyncio.TimerHandle]", getattr(self, "_scheduled"))  # noqa: B009
        live = [timer for timer in scheduled if not timer.cancelled()]
        if not ready:
            if not live:
                raise Deadlock("nothing is ready and no timer is set")
            self._virtual = max(self._virtual, min(timer.when() for timer in live))
        shuffled = list(ready)
        self._chance.shuffle(shuffled)
        ready.clear()
        ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]  # private, see above


def simulate(main: Coroutine[Any, Any, T], *, seed: int) -> T:
    """Run `main` to its end on a fresh simulated loop.

    Raises:
        Crash: a planned crash; everything in memory is gone.
        Deadlock: the code waits for ever.
    """
    loop = SimulatedLoop(seed)
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
    """The running loop's time: virtual in the simulator, monotonic elsewhere."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

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


@dataclass(slots=True)
class MemoryJournal:
    """A journal that outlives simulated crashes: facts as bytes, like a disk.

    `crash_at` dies at that append of its life: before anything is written when `torn`, after it else.
    """

    run: str = "sim"
    rows: list[tuple[int, float, str, int, bytes]] = field(default_factory=list[tuple[int, float, str, int, bytes]])
    crash_at: int | None = None
    torn: bool = False
    latency: float = 0.0
    epoch: int = 1
    appends: int = 0

    async def append(self, bodies: Sequence[Body], *, at: float) -> tuple[Event, ...]:
        if self.latency:
            await asyncio.sleep(self.latency)
        self.appends += 1
        if self.crash_at is not None and self.appends > self.crash_at - self.torn:
            raise Crash
        events: list[Event] = []
        for body in bodies:
            seq = len(self.rows) + 1
            self.rows.append((self.epoch, at, type(body).__name__, VERSIONS[type(body).__name__], encode(body)))
            events.append(Event(self.run, seq, self.epoch, at, body))
        if self.appends == self.crash_at:
            raise Crash
        return tuple(events)

    def read(self, after: int = 0) -> tuple[Event, ...]:
        return tuple(
            Event(self.run, seq, epoch, at, decode(kind, version, body))
            for seq, (epoch, at, kind, version, body) in enumerate(self.rows, 1)
            if seq > after
        )

    def close(self) -> None:
        """The next life: a new writer, nothing planned."""
        self.epoch += 1
        self.appends, self.crash_at = 0, None


if TYPE_CHECKING:

    def _fits(journal: MemoryJournal, clock: LoopClock, chance: SeededChance) -> tuple[Journal, Clock, Chance]:
        return journal, clock, chance
