"""What a refuting model's word is worth: intervals and estimates against known values, and every state."""

from __future__ import annotations

import pytest

from strop.checking.calibration import calibrated, chapman, heard, told, wilson
from strop.types.past import Heard
from strop.types.trial import Reliance, Role, Word


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),  # R. G. Newcombe, Statistics in Medicine 17 (1998), table I
        (15, 148, 0.0624, 0.1605),  # the same
        (1, 29, 0.0061, 0.1718),  # the same
    ],
)
def test_wilsons_interval_is_the_published_one(hits: int, of: int, low: float, high: float) -> None:
    """To four places; nothing tried leaves all open."""
    rate = wilson(hits, of)
    assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("planted", "found", "real", "left"),
    [(10, 10, 4, 0.0), (10, 8, 4, 0.89), (4, 1, 3, 4.5), (5, 0, 0, 0.0), (0, 0, 2, 0.0)],
)
def test_chapmans_estimate_by_hand(planted: int, found: int, real: int, left: float) -> None:
    """(planted + 1)(found + real + 1)/(found + 1) - 1 in all; those planted and those found are taken off."""
    assert chapman(planted, found, real).left == pytest.approx(left, abs=0.01)


def words(*said: tuple[Role, str, int], stands: bool = True) -> tuple[Word, ...]:
    """So many words of a role."""
    made = [(role, word) for role, word, times in said for _ in range(times)]
    return tuple(
        Word(f"{number}", role, "cells", word, "quoted", stands, "unit" if role is Role.CANARY else "")
        for number, (role, word) in enumerate(made)
    )


CASES = {
    "rubber stamp": (words((Role.CLAIM, "supported", 9), (Role.CANARY, "supported", 3)), "void", "rubber stamp"),
    "refutes all": (words((Role.CLAIM, "refuted", 9), (Role.CANARY, "refuted", 3)), "void", "refuted all 12 claims"),
    "never decides": (words((Role.CLAIM, "cannot-tell", 9), (Role.CANARY, "cannot-tell", 3)), "void", "cannot-tell"),
    "knows canaries by form": (
        words((Role.KNOWN, "supported", 4), (Role.CANARY, "refuted", 4), (Role.CLAIM, "supported", 4)),
        "void",
        "none of 4 known ones",
    ),
    "misses most": (
        words((Role.CLAIM, "supported", 9), (Role.CANARY, "supported", 8), (Role.CANARY, "refuted", 1)),
        "void",
        "found 1 of 9 planted flaws",
    ),
    "refutes what is proved": (
        words((Role.CONTROL, "refuted", 9), (Role.CANARY, "refuted", 8), (Role.CLAIM, "supported", 2)),
        "void",
        "9 false alarms in 9 tries",
    ),
    "too few to tell": (
        words((Role.CLAIM, "supported", 9), (Role.CANARY, "refuted", 2)),
        "uncalibrated",
        "2 of 2 planted flaws found so far",
    ),
    "good enough": (
        words((Role.CLAIM, "supported", 9), (Role.CANARY, "refuted", 6)),
        "calibrated",
        "6 of 6 planted flaws found",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_state_and_its_reason(name: str) -> None:
    """One sentence says why; a void word says that nothing is learned."""
    said, state, why = CASES[name]
    worth = calibrated(said, past=())
    assert (str(worth.state), why in worth.why) == (state, True), worth.why
    first = told(worth, model="judge")[0]
    assert why in first
    assert ("nothing is learned" in first) == (worth.state is Reliance.VOID)


def test_runs_are_pooled_by_kind() -> None:
    """Two planted flaws found are too few alone, enough beside ten of earlier runs; of another kind they are not."""
    said = words((Role.CLAIM, "supported", 9), (Role.CANARY, "refuted", 2))
    earlier = [Heard(f"{run}", "judge", "p", "cells", 5, 5, 3, 0) for run in range(2)]
    pooled = calibrated(said, past=earlier)
    assert pooled.state is Reliance.CALIBRATED
    assert (pooled.kinds[0].recall.hits, pooled.kinds[0].recall.of, pooled.kinds[0].runs) == (12, 12, 2)
    assert calibrated(said, past=[Heard("1", "judge", "p", "points", 9, 9, 0, 0)]).state is Reliance.UNCALIBRATED
    assert calibrated(said, past=[Heard("1", "judge", "p", "cells", 30, 3, 0, 0)]).state is Reliance.VOID
    assert heard(pooled, run="3", model="judge", prompt="p") == (Heard("3", "judge", "p", "cells", 2, 2, 0, 0),)


def test_an_invented_refutation_is_a_false_alarm_and_no_find() -> None:
    """Its quote stands nowhere: no canary is found by it, and each one on a claim counts against the model."""
    said = words((Role.CANARY, "refuted", 3), (Role.CLAIM, "refuted", 2), (Role.CLAIM, "supported", 5), stands=False)
    worth = calibrated(said, past=())
    assert (worth.found, worth.alarms) == (0, 2)
