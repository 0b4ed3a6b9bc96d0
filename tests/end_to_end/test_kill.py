"""SIGKILL on the real process, with the real embedded model: what was committed stands, and the files are the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from at_line import signalling

from strop.app import state_of
from strop.errors import MissingPart
from strop.models.weights import find_weights, shared_folder, weights_folder
from strop.stores.sqlite import read_journal
from strop.types.events import CallAnswered

SPEC = """---
deliver:
  - file: places.csv
    columns:
      name: {type: text, quote: true, ask: "name of the place"}
      year: {type: integer, quote: true, recompute: "max:year", ask: "year it was founded"}
  - {file: "charts/*.png", count: 1}
  - {file: report.pdf, pages: ">= 2", sections: [Summary, Sources]}
each: inputs/*.txt
companion: data/{stem}.csv
readers: 2
sources: {allow: ["inputs/**"]}
repairs: 0
---
# Places

The document describes one place.
"""
PLACES = {"harbour": ("The Old Harbour", 1642), "library": ("The City Library", 1834)}


@pytest.fixture(scope="module")
def weights() -> Path:
    """The embedded model's weights."""
    try:
        return find_weights(shared_folder(Path(sys.prefix)), weights_folder(os.environ, home=Path.home()))
    except MissingPart as caught:
        pytest.skip(f"needs the embedded model: {caught}")


def project(folder: Path) -> Path:
    """Two documents with a table beside each."""
    for part in ("inputs", "data"):
        (folder / part).mkdir(parents=True)
    for key, (name, year) in PLACES.items():
        text = f"{name}\n\n{name} was founded in {year}.\n\nIt has stood there since and is open on Sundays.\n"
        (folder / "inputs" / f"{key}.txt").write_text(text)
        (folder / "data" / f"{key}.csv").write_text(f"year\n{year}\n")
    (folder / "spec.md").write_text(SPEC)
    return folder


def strop(folder: Path, weights: Path, *arguments: str, before: str = "") -> subprocess.Popen[str]:
    """The real command in a process of its own; `before` runs first in it."""
    environment = {**os.environ, "STROP_WEIGHTS": str(weights.parent)}
    command = [sys.executable, "-c", f"{before}\nfrom strop.cli.main import main; main()", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for the end; what it said."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out + err


def killed_at(line: str, folder: Path, weights: Path, *arguments: str) -> None:
    """SIGKILL while the process says that this many agents have landed."""
    process = strop(folder, weights, *arguments, before=signalling(line, signal.SIGKILL))
    _, err = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, err


def files_of(folder: Path) -> dict[str, str]:
    """SHA-256 of everything a run delivered."""
    (run,) = (folder / "runs").iterdir()
    root = run / "files"
    return {path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest() for path in root.rglob("*.*")}


@pytest.mark.embedded
def test_killed_three_times_it_ends_with_the_same_bytes(tmp_path: Path, weights: Path) -> None:
    """Killed after one, two and three agents, resumed each time: equal files, no committed answer bought again."""
    calm = project(tmp_path / "calm")
    finished(strop(calm, weights, "run", "spec.md", "--yes"))
    rough = project(tmp_path / "rough")
    killed_at("1/4", rough, weights, "run", "spec.md", "--yes")
    (run,) = (rough / "runs").iterdir()
    for landed in ("2/4", "3/4"):
        killed_at(landed, rough, weights, "run", "--resume", run.name)
    finished(strop(rough, weights, "run", "--resume", run.name))
    assert files_of(rough) == files_of(calm)
    answers = [event.body for event in read_journal(run / "journal.db") if isinstance(event.body, CallAnswered)]
    assert len({answer.request for answer in answers}) == len(answers) == 4
    tally = state_of(run).run().tally
    assert (tally.calls - tally.lost, tally.steps) == (4, 4)
