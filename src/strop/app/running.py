"""How a process carries out a run: which event loop it takes, and how often Python looks for garbage meanwhile."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")

YOUNG, MIDDLE, OLD = 50_000, 20, 50
"""Allocations, and rounds, between two collections. Hundreds of conversations are alive at once and hold no cycles:
looking through them at Python's own pace (700, 10, 10) took a tenth of a step's CPU (benchmarks/swarm.py)."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop where the extra `fast` is installed."""
    if find_spec("uvloop") is not None:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)
    return asyncio.run(main)


def loop_name() -> str:
    """Which loop `run` takes."""
    return "uvloop" if find_spec("uvloop") is not None else "asyncio"


@contextmanager
def collecting_rarely() -> Generator[None, None, None]:
    """Leave what was there before out of garbage collection, and collect the rest rarely, until the block ends."""
    before = gc.get_threshold()
    gc.collect()  # what the imports left behind would be kept for good
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
