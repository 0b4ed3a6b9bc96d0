"""A page of the web as it was when it was fetched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """What stands in the archive of one fetch; the body itself is the blob `digest`."""

    url: str
    """As it was asked for."""
    final: str
    """Where redirects led; the same where there were none."""
    status: int
    kind: str
    """Content type, as the place said it; empty where it said none."""
    digest: str
    """SHA-256 of the body."""
    at: float
    """Seconds since 1970: when it was fetched."""
