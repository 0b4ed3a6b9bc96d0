"""How long to wait before another try: full jitter (Brooker, "Exponential Backoff And Jitter", AWS, 2015)."""

from __future__ import annotations

BASE = 0.5
CAP = 30.0


def delay(tries: int, *, chance: float, retry_after: float | None = None) -> float:
    """Seconds to wait after `tries` failures; `chance` is uniform in [0, 1).

    A provider's Retry-After is a floor that jitter is added to, so a fleet does not return at once.
    """
    jitter = chance * min(CAP, BASE * 2**tries)
    return jitter if retry_after is None else retry_after + jitter
