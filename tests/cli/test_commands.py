"""Each command as a new user meets it: made, planned, run, looked at, replayed."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from typer.main import get_command

from strop.app import renderers
from strop.cli.main import app
from strop.types.work import Kind

from .conftest import SCRIPTED, Strop, only_run

DESCRIBED = Path(__file__).resolve().parents[2] / "docs" / "run-json.md"


def names() -> list[tuple[str, ...]]:
    """Every command and subcommand."""
    found: list[tuple[str, ...]] = []
    top = get_command(app)
    for name, command in getattr(top, "commands", {}).items():
        below = getattr(command, "commands", None)
        found += [(name, each) for each in below] if below else [(name,)]
    return found


@pytest.mark.parametrize("name", names(), ids=" ".join)
def test_each_command_has_help_with_an_example_and_json(name: tuple[str, ...], strop: Strop) -> None:
    """What it does, how it is called, and a form for machines."""
    told = strop(*name, "--help")
    assert told.code == 0
    assert "Example" in told.out
    assert f"strop {' '.join(name)}" in told.out.split("Example")[1]
    assert "--json" in told.out


def test_the_help_of_all_fits_a_line_each(strop: Strop) -> None:
    """No summary is cut off at 80 columns."""
    told = strop("--help")
    assert told.code == 0
    assert "..." not in told.out.split("Commands:")[1]


def test_a_kind_that_a_spec_may_ask_for_has_a_renderer() -> None:
    """And the other way round: what can be made can be ordered."""
    assert set(Kind) == set(renderers())


@pytest.mark.parametrize("template", ["reading", "pipeline"])
def test_what_init_makes_is_a_spec_with_inputs(template: str, strop: Strop) -> None:
    """The next step that it names works."""
    assert strop("init", "new", "--template", template).code == 0
    told = strop("specify", "new/spec.md")
    assert told.code == 0
    assert "Next: strop plan new/spec.md" in told.out
    assert sorted(path.name for path in Path("new/inputs").iterdir()) == ["harbour.txt", "library.txt"]


def test_a_plan_opens_with_its_three_answers(strop: Strop) -> None:
    """Scope, agents with the reason, who makes what; then the figures; nothing on disk but the project's own."""
    told = strop("plan", "spec.md", *SCRIPTED[:2])
    assert told.code == 0
    places = [told.out.index(part) for part in ("1  Scope", "2  Agents: 4", "3  Who makes what", "9 of 10 times under")]
    assert places == sorted(places)
    assert "Next: strop run spec.md" in told.out
    assert not Path("runs").exists()


def test_a_run_is_done_shown_verified_and_replayed(strop: Strop, project: Path) -> None:
    """The whole line with `--json`: one object on stdout each, progress on stderr."""
    told = strop("run", "spec.md", *SCRIPTED, "--json")
    assert told.code == 0
    ran = orjson.loads(told.out)
    assert ran["outcome"] == "passed"
    assert "4/4" in told.err
    name = only_run(project)
    assert [row["id"] for row in orjson.loads(strop("runs", "--json").out)["runs"]] == [name]
    assert name in strop("runs").out
    shown = orjson.loads(strop("show", name[-4:], "--row", "harbour", "--json").out)
    assert {value["field"]: value["value"] for value in shown["values"]} == {"name": "The Old Harbour", "founded": 1642}
    claim = shown["values"][0]["claims"][0]
    assert claim["quote"] in strop("show", name, "--row", "harbour").out
    assert ran["steps"] == {"main": 0, "sub": 4, "total": 4, "critical": 1}
    assert [line["agents"] for line in ran["with_agents"]] == [1, 2, 4]
    assert "parallelism" in strop("show", name).out
    assert "steps over critical;" in (project / "runs" / name / "report.html").read_text()
    assert strop("show", name, "--row", "nowhere").code == 2
    assert strop("show", name, "--claim", "nothing").code == 2
    assert strop("verify", name).code == 0
    skill = orjson.loads(strop("skills", "list", "--json").out)["skills"][0]["name"]
    assert strop("skills", "show", skill).out.startswith("---\nname: ")
    assert orjson.loads(strop("skills", "show", skill, "--json").out)["name"] == skill
    assert orjson.loads(strop("rules", "list", "--json").out) == {"rules": [], "waiting": []}
    assert strop("replay", skill, "--inputs", "inputs", *SCRIPTED).code == 0


def test_every_key_of_run_json_is_described(strop: Strop) -> None:
    """docs/run-json.md has a row for each, and none for what is not there."""
    ran = orjson.loads(strop("run", "spec.md", *SCRIPTED, "--json").out)
    rows = [line.split("|")[1] for line in DESCRIBED.read_text().splitlines() if line.startswith("| `")]
    described = {name.strip().strip("`").split(".")[0] for row in rows for name in row.split(",")}
    assert described == set(ran)


def test_a_file_that_was_changed_after_the_run_is_refused_by_verify(strop: Strop, project: Path) -> None:
    """Exit 1, and the file is named."""
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    name = only_run(project)
    (project / "runs" / name / "files" / "places.csv").write_text("name,founded\nx,1\ny,2\n")
    told = strop("verify", name)
    assert told.code == 1
    assert "places.csv" in told.out


def test_an_unapproved_plan_without_a_terminal_waits(strop: Strop, project: Path) -> None:
    """Exit 4 with the command that approves; that command ends the same run, by the model it was planned with."""
    told = strop("run", "spec.md", *SCRIPTED[:2])
    name = only_run(project)
    assert told.code == 4
    assert f"Approve it with: strop run --resume {name} --yes" in told.err
    assert "1  Scope" in told.err
    assert "awaiting" in strop("runs").out
    assert strop("run", "--resume", name, "--yes").code == 0
    assert only_run(project) == name
    row = orjson.loads(strop("runs", "--json").out)["runs"][0]
    assert (row["outcome"], row["path"]) == ("passed", "spec.md")


def test_a_wish_without_a_planner_becomes_the_form(strop: Strop, project: Path) -> None:
    """A spec that our own parser takes, with the wish as its title; an existing file is not overwritten."""
    told = strop("specify", "compare the libraries of both towns", "--out", "draft.md")
    assert told.code == 0
    assert "# compare the libraries of both towns" in Path("draft.md").read_text()
    assert strop("specify", "draft.md").code == 0
    assert strop("specify", "compare the libraries", "--out", "draft.md").code == 2
    assert not (project / "runs").exists()


def test_the_doctor_fits_eighty_columns_and_tells_no_key(
    strop: Strop, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles with the name of what is missing; a key is only said to be there."""
    monkeypatch.setenv("KIMI_API_KEY", "sk-very-secret")
    told = strop("doctor")
    assert told.code == 0
    assert "sk-very-secret" not in told.out
    rows = [line for line in told.out.splitlines() if line.startswith(("worker", "planner", "verifier", "reserve"))]
    assert [row.split()[0] for row in rows] == ["worker", "planner", "verifier", "reserve"]
    assert rows[0].split()[1:4] == ["kimi-k2.6", "present", "api.moonshot.ai"]
    assert rows[0].rstrip().endswith("0.95 in, 4.00 out")
    assert "Set ANTHROPIC_API_KEY" in " ".join(told.out.split())
    examined = orjson.loads(strop("doctor", "--json").out)
    assert [role["role"] for role in examined["roles"]] == ["worker", "planner", "verifier", "reserve", "embedder"]


def test_the_doctor_prints_no_password_of_a_store(strop: Strop, project: Path) -> None:
    """Nor its JSON: what should not stand in strop.toml does not go on into a bug report."""
    for store in ("postgresql://me:s3cret@db.example/strop", "postgresql://me@db.example/strop?password=s3cret"):
        (project / "strop.toml").write_text(f'store = "{store}"\n')
        for told in (strop("doctor"), strop("doctor", "--json")):
            assert told.code == 0
            assert "s3cret" not in told.out
            assert "db.example/strop" in told.out


def test_caps_by_class_stand_in_the_plan(strop: Strop) -> None:
    """Beside what is expected of the class; without a cap nothing stands there."""
    lines = strop("plan", "spec.md", *SCRIPTED[:2], "--budget", "output_tokens=2M").out.splitlines()
    shown = {line.split()[0]: line.split()[1:] for line in lines if line.split()}
    assert (len(shown["input"]), shown["output"][2:]) == (2, ["2,000,000"])


def test_the_doctor_goes_on_past_a_role_that_is_wrong(strop: Strop, project: Path) -> None:
    """A mistyped model is a note; the other roles are still shown."""
    (project / "strop.toml").write_text('[roles]\nworker = "gpt-17"\n')
    told = strop("doctor")
    assert told.code == 0
    assert "unknown model 'gpt-17'" in told.out
    assert "verifier" in told.out
