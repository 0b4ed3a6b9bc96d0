"""Where requests wait while a test holds them: a kill then surely finds calls under way, however slow the machine."""

from __future__ import annotations

import asyncio
import math


class Gate:
    """Open until it is held; owned by one server, used in its event loop only."""

    def __init__(self) -> None:
        self._free = math.inf
        self._releases = 0
        self._waiting = 0
        self._changed = asyncio.Condition()

    def hold(self, *, after: int = 0) -> None:
        """Let so many more requests through; whatever comes then waits for `release`."""
        self._free = after

    async def release(self) -> None:
        """Let everybody go on, also where the next `hold` comes before they could."""
        async with self._changed:
            self._free, self._waiting = math.inf, 0
            self._releases += 1
            self._changed.notify_all()

    async def held(self, calls: int) -> None:
        """Wait until at least so many wait here at once."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting >= calls)

    async def enter(self) -> None:
        """Go through, or wait; who is cancelled waits no more."""
        if self._free:
            self._free -= 1
            return
        async with self._changed:
            came = self._releases
            self._waiting += 1
            self._changed.notify_all()
            try:
                await self._changed.wait_for(lambda: self._releases > came)
            finally:
                if self._releases == came:
                    self._waiting -= 1
