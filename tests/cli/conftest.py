"""The command line as a user has it: a folder, no keys, no weights, and what was printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from strop.cli.main import command_line

KEYS = ("KIMI_API_KEY", "MOONSHOT_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "STROP_DEBUG")

SPEC = """---
deliver:
  - {file: places.csv, rows: ">= 2", columns: {name: {type: text, quote: true}, founded: {type: integer, quote: true}}}
each: inputs/*.txt
readers: 2
---
# Places
"""
SCRIPT = """
[[turn]]
match = "Harbour"
answer = { name = "The Old Harbour", "name_at" = 1, founded = 1642, "founded_at" = 2 }

[[turn]]
match = "Library"
answer = { name = "The City Library", "name_at" = 1, founded = 1834, "founded_at" = 2 }
"""
TEXTS = {
    "harbour.txt": "The Old Harbour\nIt was founded in 1642 by fishermen.\n",
    "library.txt": "The City Library\nIt was founded in 1834.\n",
}
SCRIPTED = ("--worker", "scripted:script.toml", "--yes")


@dataclass(frozen=True, slots=True)
class Told:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Strop = Callable[..., Told]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two documents and a script for a worker, as the working folder of a user without keys."""
    folder = tmp_path / "project"
    (folder / "inputs").mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / "inputs" / name).write_text(text)
    (folder / "spec.md").write_text(SPEC)
    (folder / "script.toml").write_text(SCRIPT)
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("STROP_WEIGHTS", str(tmp_path / "no-weights"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def strop(project: Path, capsys: pytest.CaptureFixture[str]) -> Strop:
    """Runs one command in this process."""

    def command(*arguments: str) -> Told:
        capsys.readouterr()
        code = command_line(list(arguments))
        said = capsys.readouterr()
        return Told(code, said.out, said.err)

    return command


def only_run(project: Path) -> str:
    """The id of the one run there is."""
    (folder,) = (project / "runs").iterdir()
    return folder.name
