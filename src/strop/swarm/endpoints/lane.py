"""One endpoint of a pool: its model, its queue, its warm heads, and what it has done so far."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from strop.errors import ConfigRefused
from strop.seams import Model, ModelCard
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


def joined(cards: Sequence[ModelCard]) -> ModelCard:
    """One card for all endpoints: every host, the smallest window.

    Raises:
        ConfigRefused: they are not one model at one price.
    """
    first = cards[0]
    for card in cards:
        if (card.id, card.price, card.local) != (first.id, first.price, first.local):
            raise ConfigRefused(
                f"{card.name} ({card.id}) and {first.name} ({first.id}) are not one model at one price; "
                "endpoints that share out a role must be"
            )
    return replace(
        first,
        window=min(card.window for card in cards),
        output=min(card.output for card in cards),
        tools=all(card.tools for card in cards),
        hosts=tuple(dict.fromkeys(host for card in cards for host in card.hosts)),
    )


def lane_name(card: ModelCard, at: int, lanes: int) -> str:
    """The endpoint `at` of so many, for reports."""
    host = ", ".join(card.hosts) or card.name
    return host if lanes == 1 else f"{host} ({at + 1} of {lanes})"
