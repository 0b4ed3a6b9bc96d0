"""Two real processes that begin the same work at the same moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def raced(script: str, folder: Path) -> None:
    """Run a script as `a` and as `b` (its arguments: folder, name); it says `ready` and goes on at a line of input."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(folder), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in ("a", "b")
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        _, said = racer.communicate(timeout=120)
        assert racer.returncode == 0, said
