"""Money as integer nano-dollars, usage by class, and the one multiplication between them.

Rounded up per call and usage class, so a sum of bookings is never below the bill. Prices are
Decimal dollars per million tokens and are pinned in the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache

NANOS_PER_DOLLAR = 1_000_000_000


class Certainty(StrEnum):
    """How a usage figure is known."""

    REPORTED = "reported"
    ESTIMATED = "estimated"
    ASSUMED_WORST = "assumed-worst"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, or of many added up, by the classes that providers bill apart."""

    input: int = 0
    """Input tokens that were neither read from nor written to a cache."""
    cached: int = 0
    """Input tokens read from the provider's prefix cache."""
    cache_write: int = 0
    """Input tokens billed as a cache write (Anthropic)."""
    output: int = 0
    """Output tokens, thinking included."""
    certainty: Certainty = Certainty.REPORTED

    @property
    def total(self) -> int:
        return self.input + self.cached + self.cache_write + self.output

    @property
    def work(self) -> int:
        """What these tokens would cost somewhere, in tenths of an input token, where nobody bills for them.

        The ratios are those that providers' prices cluster around: a cached token a tenth of a new one, a written
        one four times as much.
        """
        return 10 * self.input + self.cached + 12 * self.cache_write + 40 * self.output

    def __add__(self, other: Usage) -> Usage:
        ranks = list(Certainty)
        return Usage(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            cache_write=self.cache_write + other.cache_write,
            output=self.output + other.output,
            certainty=max(self.certainty, other.certainty, key=ranks.index),
        )


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens by usage class; decimals as strings, so that they hash and store."""

    input: str = "0"
    cached: str = "0"
    cache_write: str = "0"
    output: str = "0"

    @property
    def free(self) -> bool:
        return all(Decimal(each) == 0 for each in (self.input, self.cached, self.cache_write, self.output))


@cache
def _rate(dollars_per_million: str) -> tuple[int, int]:
    """Nano-dollars a token, as a fraction: dollars / 10^6 x 10^9, exactly."""
    return (Decimal(dollars_per_million) * 1000).as_integer_ratio()


def _charge(tokens: int, dollars_per_million: str) -> int:
    """Nano-dollars: tokens x dollars / 10^6 x 10^9, rounded up."""
    above, below = _rate(dollars_per_million)
    return -(-tokens * above // below)


def cost(usage: Usage, price: Price) -> int:
    """Nano-dollars of one call, each class rounded up by itself."""
    return (
        _charge(usage.input, price.input)
        + _charge(usage.cached, price.cached)
        + _charge(usage.cache_write, price.cache_write)
        + _charge(usage.output, price.output)
    )


def worst_case(*, input_bound: int, output_bound: int, price: Price) -> int:
    """Nano-dollars a call can cost at most: every input token in its dearest class."""
    read = max(_charge(input_bound, each) for each in (price.input, price.cached, price.cache_write))
    return read + _charge(output_bound, price.output)


def nanos(dollars: str | int | float | Decimal) -> int:
    """Dollars as nano-dollars, rounded down so that a cap is never widened.

    Raises:
        ValueError: not a finite number.
    """
    exact = Decimal(str(dollars))
    if not exact.is_finite():
        raise ValueError(f"{dollars!r} is no amount of money")
    return int(exact * NANOS_PER_DOLLAR)


def dollars(amount: int) -> str:
    """Nano-dollars for people: `$0.0123`, `$4.20`, `$0`."""
    exact = Decimal(amount) / NANOS_PER_DOLLAR
    if exact == 0:
        return "$0"
    return f"${exact:.2f}" if abs(exact) >= 1 else f"${exact.normalize():.4f}"
