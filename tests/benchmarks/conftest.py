"""The scripts under benchmarks/ are imported here as they import one another: from their own folder."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parents[2] / "benchmarks")
if FOLDER not in sys.path:
    sys.path.append(FOLDER)  # last: a script's plain name must hide no package
