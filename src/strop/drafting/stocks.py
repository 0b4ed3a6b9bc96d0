"""Like tasks of one past run as columns to draw from, in batches of the plan's size.

A plan's batches need not be as large as a run's were, and how long the longest of a wave is hangs on that: a
third of a batch of three varies too little, three times a batch of one too much. So batches of another size
are taken apart into their units, and put together anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from strop.types.money import Usage
from strop.types.past import Sample


@dataclass(frozen=True, slots=True)
class Stock:
    """Like tasks of one run by figure; input by the tokens that were expected."""

    steps: list[float]
    seconds: list[float]
    output: list[float]
    input: list[float]
    cached: list[float]
    cache_write: list[float]
    lost: list[float]

    def joined(self, other: Stock, *, most: int, level: Stock) -> Stock:
        """With `most` of another run's tasks, figure by figure brought to the mean of `level`."""
        return Stock(
            *(
                [*getattr(self, name), *_levelled(getattr(other, name)[:most], getattr(level, name))]
                for name in Stock.__slots__
            )
        )


EMPTY = Stock([], [], [], [], [], [], [])


def stock_of(samples: Sequence[Sample], *, units: int) -> Stock:
    """The samples as tasks of so many units each."""
    batches = in_batches(samples, units=units)
    return Stock(
        steps=[float(sample.steps) for sample in batches],
        seconds=[sample.seconds for sample in batches],
        output=[float(sample.usage.output) for sample in batches],
        input=[sample.usage.input / sample.expected for sample in batches],
        cached=[sample.usage.cached / sample.expected for sample in batches],
        cache_write=[sample.usage.cache_write / sample.expected for sample in batches],
        lost=[float(sample.lost) for sample in batches],
    )


def in_batches(samples: Sequence[Sample], *, units: int) -> list[Sample]:
    """At least one batch of `units` units: the samples as they are where they have as many, else put together anew."""
    whole = [sample for sample in samples if sample.units == units]
    parts = [part for sample in samples if sample.units != units for part in apart(sample)]
    full = len(parts) - len(parts) % units
    made = [*whole, *(_together(parts[at : at + units]) for at in range(0, full, units))]
    return made or [_together(list(islice(cycle(parts), units)))]


def apart(sample: Sample) -> Iterator[Sample]:
    """A sample for each unit of a batch: whole steps and tokens as even as they go, seconds by steps."""
    used, units = sample.usage, sample.units
    steps = _split(sample.steps, units)
    tokens = (_split(each, units) for each in (used.input, used.cached, used.cache_write, used.output))
    asked, lost = _split(sample.expected, units), _split(sample.lost, units)
    for taken, usage, losing, expected in zip(steps, zip(*tokens, strict=True), lost, asked, strict=True):
        share = taken / sample.steps if sample.steps else 1 / units
        yield Sample(
            sample.like,
            taken,
            Usage(*usage),
            losing,
            sample.calling * share,
            sample.seconds * share,
            expected=max(1, expected),
        )


def _split(total: int, parts: int) -> list[int]:
    """Whole numbers that add up to `total`, none more than one above another, the greater first."""
    each, more = divmod(total, parts)
    return [each + 1] * more + [each] * (parts - more)


def _together(parts: Sequence[Sample]) -> Sample:
    """Units as one batch."""
    return Sample(
        parts[0].like,
        sum(part.steps for part in parts),
        sum((part.usage for part in parts), Usage()),
        sum(part.lost for part in parts),
        sum(part.calling for part in parts),
        sum(part.seconds for part in parts),
        units=sum(part.units for part in parts),
        expected=sum(part.expected for part in parts),
    )


def _levelled(column: list[float], level: list[float]) -> list[float]:
    """Scaled to the mean of `level`; that mean itself where the column is nothing but zeros."""
    mean, total = sum(level) / len(level), sum(column)
    return [each * mean * len(column) / total if total else mean for each in column]
