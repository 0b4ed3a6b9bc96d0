"""Runs that are broken in every way the simulator knows, sampled; `benchmarks/simulate.py` runs a thousand of each."""

from __future__ import annotations

import pytest

from strop.testing.scenarios import FAMILIES

SAMPLE = {"crash": 8, "faults": 50, "journal": 30, "upgrade": 40, "time": 30, "budget": 20, "hedge": 50}


@pytest.mark.parametrize(("family", "seed"), [(family, seed) for family in FAMILIES for seed in range(SAMPLE[family])])
def test_whatever_breaks_the_promises_hold(family: str, seed: int) -> None:
    """Crashes, faults, bad disks, upgrades, sleep and a race for money: no invariant of the design is broken."""
    trial = FAMILIES[family](seed)

    assert not trial.broken, "\n".join((f"again: {trial.again}", *trial.broken))
