"""What a run says of the library that guided it: beside runs without it, and when runs under it got worse."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from strop.app import open_project
from strop.types.memory import ItemState

from .conftest import SCRIPTED, Strop

RUN = ("run", "spec.md", *SCRIPTED)


def told(project: Path, key: str) -> object:
    """What the newest run's run.json says under a key."""
    newest = max((project / "runs").iterdir())
    return orjson.loads((newest / "run.json").read_bytes())[key]


def state(project: Path) -> ItemState:
    """Where the skill stands."""
    item = open_project(project).db.head().item("skill/places")
    assert item is not None
    return item.state


def worse(project: Path) -> None:
    """From now on the model reads a name that does not stand in one of the documents."""
    script = project / "script.toml"
    script.write_text(script.read_text().replace("The City Library", "The Town Library"))


@pytest.fixture
def guided(strop: Strop, project: Path) -> Path:
    """Four runs without the library, of which the first left a skill; a person has put it to use."""
    for _ in range(4):
        assert strop(*RUN).code == 0
    assert strop("skills", "approve", "places", "--yes").code == 0
    return project


def test_a_guided_run_is_set_beside_runs_without_the_library(strop: Strop, guided: Path) -> None:
    """Two lines for people, the figures for programs, and not a word in a run that nothing guided."""
    assert told(guided, "against_empty") is None
    assert told(guided, "turned_back") is None

    said = " ".join(strop(*RUN).out.split())

    assert "With the library 100 % of first readings proved right (2 units); without it 100 %" in said
    assert "8 units of 4 runs" in said
    assert "not paired, inputs may differ" in said
    body = told(guided, "against_empty")
    assert isinstance(body, dict)
    assert body["with"] == {"units": 2, "mean": 1.0, "cost": body["with"]["cost"]}
    assert (body["without"]["units"], body["without"]["runs"], body["paired"]) == (8, 4, False)
    report = (max((guided / "runs").iterdir()) / "report.html").read_text()
    assert "not paired" in report
    assert "input tokens" in report


def test_without_control_units_a_run_says_so(strop: Strop, guided: Path) -> None:
    """Another model has none yet: what it does here is set beside nothing."""
    (guided / "other.toml").write_text((guided / "script.toml").read_text())
    said = " ".join(strop("run", "spec.md", "--worker", "scripted:other.toml", "--yes").out.split())
    assert "without it no control units yet" in said
    body = told(guided, "against_empty")
    assert isinstance(body, dict)
    assert body["without"] is None


def test_four_worse_runs_turn_the_library_back(strop: Strop, guided: Path) -> None:
    """The skill is in quarantine by `auto`, said in four places; a person who lets it out again is not overruled."""
    worse(guided)
    for _ in range(3):
        strop(*RUN)
        assert state(guided) is ItemState.ACTIVE

    said = " ".join(strop(*RUN).out.split())

    assert state(guided) is ItemState.QUARANTINE
    why = "4 of 4 runs had less accepted at the first try than runs before it"
    assert f"Library turned back: skill/places in quarantine, since {why}: E of harm 6.2" in said
    body = told(guided, "turned_back")
    assert isinstance(body, dict)
    assert (body["away"], body["back"], body["runs"]) == (["skill/places"], [], 4)
    assert why in (max((guided / "runs").iterdir()) / "report.html").read_text()
    last = orjson.loads(strop("skills", "log", "--json").out)["moves"][-1]
    assert last["by"] == "auto"
    assert why in last["why"]
    learned = told(guided, "learned")
    assert isinstance(learned, dict)
    assert learned["manifest_after"] == last["manifest"] == body["manifest"]

    strop(*RUN)
    assert told(guided, "turned_back") is None
    assert told(guided, "against_empty") is None, "nothing guides it now"
    for _ in range(2):
        assert strop("skills", "approve", "places", "--yes").code == 0
    for _ in range(2):
        strop(*RUN)
        assert state(guided) is ItemState.ACTIVE


def test_runs_under_another_model_turn_nothing_back(strop: Strop, guided: Path) -> None:
    """Worse runs under another model are not compared with those before them."""
    worse(guided)
    (guided / "other.toml").write_text((guided / "script.toml").read_text())
    for _ in range(5):
        strop("run", "spec.md", "--worker", "scripted:other.toml", "--yes")
    assert state(guided) is ItemState.STALE, "another model: in use, and its evidence begins anew"
