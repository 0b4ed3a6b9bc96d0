"""The settings of a pool: what holds where strop.toml says nothing."""

from __future__ import annotations

from dataclasses import dataclass

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
    warm_first: bool = True
    """One call of a shared head goes ahead, where the endpoint has a prefix cache."""
    warm_wait: float = 30.0
    """A wave waits no longer than this behind one leader."""
    warm_least: int = 4_096
    """Characters: 1,024 tokens. Providers keep no shorter prefixes."""
