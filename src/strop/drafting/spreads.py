"""P50 and P90 of the next run's total, from the totals that past runs would have had.

- From `ENOUGH` runs on, P90 is the 0.9 (n + 1)-th smallest of the n runs' totals, interpolated. That is the
  bound of split conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World",
  2005; Lei et al., JASA 113, 2018): a new run falls under it nine times of ten whatever the distribution,
  as long as it is exchangeable with the past ones. `ENOUGH` is the least n that has such a place.
- With fewer, totals are taken as log-normal over runs: P90 is the t bound of a prediction, with the variance
  among the runs and an assumed one of `PRIOR` weighed `BELIEF` to n - 1 (a scaled inverse chi-squared
  prior: Gelman et al., "Bayesian Data Analysis", section 3.2). One run says nothing about how runs
  differ, so there the width is the prior's; it is an assumption, and the quote says on how many runs it rests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH = 9
PRIOR = 0.4
"""How far runs are taken to differ before any was compared: standard deviation of the logarithm."""
BELIEF = 3
"""Degrees of freedom that `PRIOR` counts for."""
NORMAL = 1.2816
"""0.9 quantile of the normal distribution."""
STUDENT = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372)
"""The same of Student's t with 1, 2, ... degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A total as median and 90th percentile."""

    p50: float
    p90: float


def spread_of(totals: Sequence[Sequence[float]]) -> Spread:
    """Median and 90th percentile of the next run's total, from simulated totals by past run, as many for each."""
    logs = [[math.log1p(max(total, 0.0)) for total in row] for row in totals]
    if len(logs) >= ENOUGH:
        columns = [sorted(column) for column in zip(*logs, strict=True)]
        p50, p90 = (sum(_placed(column, level) for column in columns) / len(columns) for level in (0.5, 0.9))
    else:
        p50, p90 = _student(logs)
    return Spread(math.expm1(p50), math.expm1(p90))


def _placed(ordered: Sequence[float], level: float) -> float:
    """The value at place `level` (n + 1) of n, between neighbours in proportion."""
    place = min(max(level * (len(ordered) + 1), 1.0), float(len(ordered)))
    below = math.floor(place)
    above = min(below + 1, len(ordered))
    return ordered[below - 1] + (place - below) * (ordered[above - 1] - ordered[below - 1])


def _student(logs: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Centre and t bound: variance among runs, pulled to the prior's, and within a run beside it."""
    means = [sum(row) / len(row) for row in logs]
    centre = sum(means) / len(means)
    if all(mean == 0 for mean in means):
        return 0.0, 0.0  # nothing of this was ever used
    inner = sum((each - mean) ** 2 for row, mean in zip(logs, means, strict=True) for each in row)
    within = inner / max(sum(len(row) - 1 for row in logs), 1)
    freedom = BELIEF + len(means) - 1
    among = (BELIEF * PRIOR**2 + sum((mean - centre) ** 2 for mean in means)) / freedom * (1 + 1 / len(means))
    return centre, centre + math.hypot(STUDENT[freedom - 1] * math.sqrt(among), NORMAL * math.sqrt(within))
