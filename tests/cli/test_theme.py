"""A project's own look: laid over ours, shown by the doctor, and refused before anything is paid where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import SCRIPTED, SPEC, Strop

SITE = SPEC.replace("each:", '  - {file: "site/*.html", count: ">= 3", sections: [Summary, Table]}\neach:')


def test_the_pages_of_a_run_are_in_the_projects_colours(strop: Strop, project: Path) -> None:
    """A site and the report take the accent from theme.toml, and the site keeps its contract."""
    (project / "theme.toml").write_text('[colours]\naccent = "#c71585"\n')
    (project / "spec.md").write_text(SITE)
    told = strop("run", "spec.md", *SCRIPTED)
    assert told.code == 0, told.err
    (folder,) = (project / "runs").iterdir()
    pages = sorted(path.name for path in (folder / "files" / "site").iterdir())
    assert {"index.html", "summary.html", "table.html"} <= set(pages)
    for page in (folder / "report.html", folder / "files" / "site" / "table.html"):
        assert "--accent:#c71585" in page.read_text("utf-8")
    assert "1642" in (folder / "files" / "site" / "table.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("theme", "word"),
    [
        ('[colours]\naccent = "pink"\n', "Write a colour as #1f5673"),
        ("[colors]\n", "There are: colours"),
        ('[fonts]\ntext = "No Such Family"\n', "not on this machine. Install it"),
    ],
)
def test_a_wrong_theme_is_refused_before_a_run(strop: Strop, project: Path, theme: str, word: str) -> None:
    """The file, the key and what to write; no run is begun, and the doctor says the same."""
    (project / "theme.toml").write_text(theme)
    told = strop("run", "spec.md", *SCRIPTED)
    assert told.code == 2
    assert "theme.toml" in told.err
    assert word in " ".join(told.err.split())
    assert not list((project / "runs").glob("*")) or not any((project / "runs").rglob("files"))
    assert word in " ".join(strop("doctor").out.split())


def test_the_doctor_says_which_theme_holds(strop: Strop, project: Path) -> None:
    """Ours, the project's own, or the one that strop.toml names; one that is named and missing is refused."""
    assert "ours; lay a theme.toml" in " ".join(strop("doctor").out.split())
    (project / "look.toml").write_text('[colours]\naccent = "#c71585"\n')
    (project / "strop.toml").write_text('theme = "look.toml"\n')
    assert "look.toml" in "".join(strop("doctor").out.split())
    (project / "strop.toml").write_text('theme = "gone.toml"\n')
    told = strop("run", "spec.md", *SCRIPTED)
    assert told.code == 2
    assert "gone.toml" in told.err


def test_each_cannot_make_code(strop: Strop, project: Path) -> None:
    """Units are read for values; a program needs a spec of its own."""
    (project / "spec.md").write_text(SPEC.replace("each:", "  - {file: tool.py}\neach:"))
    told = strop("specify", "spec.md")
    assert told.code == 2
    assert "nobody writes tool.py" in told.err
