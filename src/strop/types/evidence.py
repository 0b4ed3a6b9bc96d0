"""What is known of an item's worth: pairs of outcomes, and the certificate they add up to.

Kept outside the manifest. A pair counts only for one version of one item, within one (dependencies,
incumbent): what the item was compared with, and on what model and tools.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Where a pair comes from."""

    REPLAY = "replay"
    """The same held input in both arms, with recorded tool results."""
    WAVE = "wave"
    """Two units of one stratum in one wave, paired beforehand, the arms drawn within the pair."""
    SECOND = "second opinion"
    """What a learned check took out, read again by readers who do not know it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """First outcomes of a challenger and of what it would replace; a re-run is never part of one."""

    item: str
    version: str
    """Hash of the item's body."""
    ground: str
    """Hash of what it depends on."""
    incumbent: str
    """Hash of what the other arm's prompt read."""
    unit: str
    """Hash of the input: one pair per item and input. In a wave, of the challenger's."""
    run: str
    source: Source
    challenger: float
    """Score in [0, 1] by a fixed scorer: gold, or the deterministic layers of the gate; never a model's word."""
    baseline: float
    challenger_cost: int = 0
    """Nano-dollars; of a model without a price `Usage.work`."""
    baseline_cost: int = 0
    stratum: str = ""
    same: bool = False
    """Both arms gave the same output, byte for byte."""
    day: str = ""
    """YYYY-MM-DD."""

    @property
    def won(self) -> bool:
        return self.challenger > self.baseline

    @property
    def lost(self) -> bool:
        return self.challenger < self.baseline


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was measured when an item was admitted, or is known of it now; part of the skill's folder."""

    item: str
    version: str
    cases: int
    won: int
    lost: int
    effect: float
    """Mean difference of scores, challenger minus incumbent."""
    low: float
    """95 % interval of `effect`."""
    high: float
    e_better: float
    e_worse: float
    threshold: float
    """What `e_better` had to reach: the library's alpha, as it was spent on this item."""
    cost: float | None
    """Mean cost of the challenger over the incumbent's; None where neither cost anything."""
    model: str
    scorer: str
    day: str
    by: str = "e-process"
    """`e-process`, `cheaper`, `check` (mutants and stored deliverables) or the name of the person who approved."""
