"""The quote as a person reads it."""

from __future__ import annotations

from dataclasses import replace

from strop.cli.quoted import quote_caching
from strop.types.work import CachedShare, Quote, Range

QUOTE = Quote(9, 2, 9, 3, Range(1, 2, 3), Range(1, 2, 3), Range(1, 2, 3), "swarm", ())


def test_the_cached_share_is_shown_by_wave() -> None:
    """What is expected and what is passed nine times of ten; no line where no cache serves anything."""
    shares = (CachedShare(0, 500, 0.0, 0.0), CachedShare(1, 9_000, 0.6249, 0.55), CachedShare(2, 90, 0.4, 0.0))

    assert quote_caching(replace(QUOTE, caching=shares)) == (
        "prompt tokens from the provider's cache, by wave: planner, verifier: 0 % (9 of 10 times over 0 %); "
        "1: 62 % (9 of 10 times over 55 %); 2: 40 % (9 of 10 times over 0 %)"
    )
    assert quote_caching(QUOTE) == quote_caching(replace(QUOTE, caching=shares[:1])) == ""
