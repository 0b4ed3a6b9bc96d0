"""What the test server charges: every request with its tokens, cache hits, moments and dollars.

Tokens are counted as bytes / 4, rounded up: no tokenizer, but stable, so that bills can be compared
to the last digit. A cache hit is a byte-identical prefix of an earlier request, in blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from strop.types.money import Price, Usage, cost, dollars

BLOCK = 64
"""Bytes of prompt that hit or miss the cache together: 16 tokens."""


def tokens(size: int) -> int:
    """Tokens of `size` bytes."""
    return -(-size // 4)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and what became of it. Moments are seconds on the server's monotonic clock."""

    n: int
    """Order of arrival, from 1."""
    nth: int
    """How often this very prompt has come, from 1."""
    wire: str
    model: str
    prompt: str
    """Hash of tools and messages."""
    status: int
    fault: str
    started: float
    ended: float
    prompt_bytes: int
    shared_bytes: int
    """Byte-identical prefix with an earlier request."""
    usage: Usage
    """What is billed; all zero where nothing is."""
    nanos: int
    delivered: bool
    """The whole answer was handed to the client's socket."""


@dataclass(slots=True)
class Bill:
    """All requests of one server. Owned by the server; read it whenever you like."""

    price: Price = field(default_factory=Price)
    entries: list[Entry] = field(default_factory=list[Entry])
    in_flight: int = 0
    high_water: int = 0
    """Most requests that were open at once."""

    @property
    def usage(self) -> Usage:
        return sum((entry.usage for entry in self.entries), Usage())

    @property
    def nanos(self) -> int:
        """Nano-dollars, each call and class rounded up as in `types.money.cost`."""
        return sum(entry.nanos for entry in self.entries)

    @property
    def delivered(self) -> tuple[Entry, ...]:
        """Good answers that were handed over whole."""
        return tuple(entry for entry in self.entries if entry.delivered and entry.status == 200)

    @property
    def twice(self) -> int:
        """Good answers delivered again for a prompt that already had one."""
        return len(self.delivered) - len({entry.prompt for entry in self.delivered})

    @property
    def prefix_share(self) -> float:
        """Bytes of prompt that repeated an earlier prefix, as a share of all; 0 without requests."""
        whole = sum(entry.prompt_bytes for entry in self.entries)
        return sum(entry.shared_bytes for entry in self.entries) / whole if whole else 0.0

    def charge(self, usage: Usage) -> int:
        """Nano-dollars of one call."""
        return cost(usage, self.price)

    def stats(self) -> dict[str, int | float | str]:
        """The totals as JSON."""
        usage = self.usage
        return {
            "requests": len(self.entries),
            "delivered": len(self.delivered),
            "twice": self.twice,
            "in_flight": self.in_flight,
            "high_water": self.high_water,
            "input": usage.input,
            "cached": usage.cached,
            "cache_write": usage.cache_write,
            "output": usage.output,
            "prefix_share": round(self.prefix_share, 6),
            "nanos": self.nanos,
            "dollars": dollars(self.nanos),
        }


class Prefixes:
    """Which prompt prefixes have been seen, as chained block hashes."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def chain(self, prompt: bytes) -> list[int]:
        """One hash for each whole block, over everything up to its end."""
        links: list[int] = []
        link = 0
        for start in range(0, len(prompt) - BLOCK + 1, BLOCK):
            link = hash((link, prompt[start : start + BLOCK]))
            links.append(link)
        return links

    def shared(self, chain: list[int]) -> int:
        """Bytes of the longest prefix seen before."""
        seen = self._seen
        count = next((at for at, link in enumerate(chain) if link not in seen), len(chain))
        return count * BLOCK

    def learn(self, chain: list[int]) -> None:
        """Remember the prefixes: from the moment an answer begins, as providers' caches do."""
        self._seen.update(chain)
