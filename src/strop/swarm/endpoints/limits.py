"""The settings of a pool: what holds where strop.toml says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from strop.swarm.guards.hedge import SHARE

DRIP = 4.0
"""Limits of silence that a stream which goes on yielding may take in all."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls at once, how long they may take, and who goes first. Seconds where nothing else is said."""

    concurrency: int = 64
    """Calls open at one endpoint to begin with; it grows with answers and is halved by refusals."""
    hang_multiple: float = 5.0
    """Medians of silence after which a call is cut."""
    hang_floor: float = 2.0
    """No call is cut before this."""
    hang_first: float = 120.0
    """The limit while too few answers are known for a median."""
    hang_most: float = 900.0
    """No call is silent for longer than this."""
    hedge: float = SHARE
    """Share of the run's calls, and of its cap on money, that late calls may be asked again with; 0 asks none again."""
    hedge_multiple: float = 3.0
    """Medians after which a call that is still open is late, and may be asked a second time."""
    hedge_floor: float = 1.0
    """No call is late before this."""
    warm_first: bool = True
    """One call of a shared head goes ahead, where the endpoint has a prefix cache."""
    warm_wait: float = 30.0
    """A wave waits no longer than this behind one leader."""
    warm_least: int = 4_096
    """Characters: 1,024 tokens. Providers keep no shorter prefixes."""
