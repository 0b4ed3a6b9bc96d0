"""SIGKILL on a swarm at work, sampled: `benchmarks/kill.py` does the same with 300 agents and 20 kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill.py"


def test_a_swarm_that_is_killed_again_and_again_ends_as_if_it_never_were() -> None:
    """Equal files; no committed answer asked for again by the server's log; the ledger agrees with its bill."""
    command = [sys.executable, SCRIPT, "--agents", "60", "--rounds", "3", "--kills", "3", "--json"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    figures = {figure["name"]: figure for figure in json.loads(done.stdout.splitlines()[-1])}
    assert len([figure for figure in figures.values() if figure["met"]]) == 10
    assert figures["kills"]["figure"] == 3
    assert figures["calls booked as lost"]["figure"] > 0
