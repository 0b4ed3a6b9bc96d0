"""One endpoint of a pool: its model, its queue, its warm heads, and what it has done so far."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias

from strop.seams import Model
from strop.swarm.endpoints.limiter import Limiter
from strop.swarm.endpoints.warmth import Turn, Warmth

Slot: TypeAlias = "asyncio.Future[int]"
"""The number of the call's slot; 0 sends it away to choose again."""


@dataclass(frozen=True, slots=True)
class EndpointStats:
    """One endpoint of a pool as screens and `run.json` show it."""

    name: str
    state: str
    """`well`, `resting`, `probing`, or `out` for good."""
    calls: int
    """Requests that went out."""
    in_flight: int
    waiting: int
    window: int
    """Calls that may be open at once."""
    refusals: int
    """429, and 503 or 529 for load."""
    cut: int
    """Calls cut for silence."""
    failures: int
    """Calls that ended in another failure."""
    prefix_hits: int
    """Calls that went where their head, or more, had been read before."""


@dataclass(slots=True)
class Lane:
    """One endpoint."""

    at: int
    model: Model
    name: str
    limiter: Limiter[Slot]
    warmth: Warmth = field(default_factory=Warmth)
    held: dict[int, asyncio.Future[Turn | None]] = field(default_factory=dict[int, "asyncio.Future[Turn | None]"])
    """Calls that wait for a leader, by number; None sends one away to choose again."""
    opening: asyncio.TimerHandle | None = None
    """Set while calls wait for a closed endpoint."""
    calls: int = 0
    cut: int = 0
    failures: int = 0
    prefix_hits: int = 0
