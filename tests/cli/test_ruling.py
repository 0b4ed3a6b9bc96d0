"""`strop rules check`, and what a person does to CONSTRAINTS.md: through real runs of the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from strop.app import open_project, settle, spec_of, state_of
from strop.app.ruling import barred, deliveries, deliveries_with_files, library_rules, ruling_of
from strop.checking.checks import parse_check
from strop.learning.corpus import day_of, looks
from strop.types.memory import ItemState, Origin

if TYPE_CHECKING:
    from .conftest import Strop

PLACES = {"Harbour": 1642, "Library": 1834, "Market": 1711, "Tower": 1550, "Bridge": 1903, "Mill": 1788}
QUOTED = "{type: text, quote: true}"
SPEC = f"""---
deliver:
  - {{file: places.csv, rows: ">= 2", columns: {{name: {QUOTED}, founded: {{type: integer, quote: true}}}}}}
each: inputs/*.txt
readers: 2
repairs: 0
---
# Places
"""
ORDER = spec_of(SPEC.encode(), name="spec.md")


def write(project: Path, *, said: str = "Old Mill", at: int = 2) -> None:
    """Six places, and a script that reads them well but for the mill's name."""
    turns: list[str] = []
    for name, year in PLACES.items():
        (project / "inputs" / f"{name.lower()}.txt").write_text(f"{name} is old.\nIt was founded in {year}.\n")
        answer = f'name = "{name}", name_at = 1, founded = {year}, founded_at = 2'
        if name == "Mill":
            answer = f'name = "{said}", name_at = {at}, founded = {year}, founded_at = 2'
        turns.append(f'[[turn]]\nmatch = "{name} is old"\nanswer = {{ {answer} }}\n')
    (project / "script.toml").write_text("\n".join(turns))


@pytest.fixture
def taught(project: Path, strop: Strop) -> Path:
    """A project after one run that passed and taught a rule: a name is one word."""
    for name in ("harbour.txt", "library.txt"):
        (project / "inputs" / name).unlink()
    (project / "spec.md").write_text(SPEC)
    write(project)
    assert run(strop) == 0
    return project


def run(strop: Strop) -> int:
    """One run with a scripted worker and no other model."""
    return strop("run", "spec.md", "--worker", "scripted:script.toml", "--verifier", "none", "--yes", "--json").code


def checked(strop: Strop, *arguments: str) -> tuple[int, dict[str, Any]]:
    """`strop rules check --json`: its exit code and its object."""
    told = strop("rules", "check", *arguments, "--json")
    return told.code, json.loads(told.out)


def text_of(project: Path) -> str:
    return (project / "CONSTRAINTS.md").read_text()


def learned_id(project: Path) -> str:
    """The id of the rule that the run taught."""
    line = next(line for line in text_of(project).splitlines() if "pattern(name" in line)
    return line.partition("[")[2].partition("]")[0]


def test_a_flaw_of_the_first_run_is_caught_in_the_second_without_a_model(taught: Path, strop: Strop) -> None:
    """The order no longer asks for quotes, so nothing but the rule could know; the run spends no verifier token."""
    (taught / "spec.md").write_text(SPEC.replace(QUOTED, "text"))
    write(taught, said="Old Mill", at=1)

    assert run(strop) == 0

    newest = max((taught / "runs").iterdir())
    told = json.loads((newest / "run.json").read_text())
    assert "Old Mill" not in (newest / "files" / "places.csv").read_text()
    assert [each["rule"] for each in told["findings"] if each["kind"] == "constraint"] == [r"pattern(name, \S+)"]
    assert state_of(newest).run().plan.binding("verifier") is None


def test_every_rule_is_tried_on_the_newest_run_and_on_what_is_stored(taught: Path, strop: Strop) -> None:
    """Fires, silent, never fired, cannot be judged: each rule says which, with what it was tried on."""
    with (taught / "CONSTRAINTS.md").open("a") as file:
        file.write("- Prefer the founder's spelling.\n- `founded` is from 1500 to 2026\n- `area` is at least 1\n")

    code, told = checked(strop)

    status = {each["check"] or each["text"]: (each["status"], each["why"]) for each in told["rules"]}
    assert code == 0
    assert told["deliveries"] == 1
    assert status[r"pattern(name, \S+)"][0] == "fires"
    assert status["range(founded, 1500, 2026)"][0] == "never fired"
    assert status["Prefer the founder's spelling."][0] == "cannot be judged"
    assert status["range(area, 1, 999999999999999999)"] == (
        "cannot be judged",
        "no stored delivery has a value of area",
    )
    (fired,) = (each for each in told["rules"] if each["status"] == "fires")
    assert (fired["places"], fired["deliveries"]["silent"], fired["deliveries"]["loud"]) == (["mill.name"], 1, [])
    assert fired["deliveries"]["bound"] == pytest.approx(0.95)


def test_a_run_may_be_named_and_has_to_have_passed(taught: Path, strop: Strop) -> None:
    """By a part of its id; what did not pass proves nothing of a rule."""
    name = next((taught / "runs").iterdir()).name
    (taught / "spec.md").write_text(SPEC.replace(">= 2", ">= 50"))
    assert run(strop) == 1
    refused = max(each.name for each in (taught / "runs").iterdir())

    assert checked(strop, name[-6:])[1]["run"] == name
    assert checked(strop)[1]["run"] == name
    told = strop("rules", "check", refused)
    assert told.code == 2
    assert "did not pass its gate" in told.err


def test_contradicting_rules_are_shown_with_both_ids_and_lines(taught: Path, strop: Strop) -> None:
    """Two bounds that do not meet: exit code 1, both ids, both lines."""
    with (taught / "CONSTRAINTS.md").open("a") as file:
        file.write("- `founded` is at most 1400\n- `founded` is from 1500 to 2026\n")
    number = text_of(taught).splitlines().index("- `founded` is at most 1400") + 1

    code, body = checked(strop)
    told = strop("rules", "check")

    (clash,) = body["contradictions"]
    lines = {each["id"]: each["line"] for each in body["rules"]}
    assert (code, told.code) == (1, 1)
    assert (lines[clash["first"]], lines[clash["second"]]) == (number, number + 1)
    assert f"{clash['first']} (line {number}) and {clash['second']} (line {number + 1}) contradict" in told.out


def test_a_rule_that_speaks_against_what_passed_is_told(taught: Path, strop: Strop) -> None:
    """Written by hand and wrong for every delivery that was accepted."""
    with (taught / "CONSTRAINTS.md").open("a") as file:
        file.write("- `founded` is at least 1900\n")

    code, told = checked(strop)

    (each,) = (each for each in told["rules"] if each["check"].startswith("range(founded"))
    assert code == 1
    assert each["status"] == "speaks against what passed"


# ---------------------------------------------------------------- by hand


def test_an_edited_rule_is_the_users_and_is_never_overwritten(taught: Path, strop: Strop) -> None:
    """Another check under the same id: the library takes it over as the user's, and a new run leaves the file alone."""
    name = learned_id(taught)
    text = text_of(taught).replace(r"pattern(name, \S+)", "max_length(name, 7)")
    (taught / "CONSTRAINTS.md").write_text(text)

    settle(open_project(taught))

    held = {body.id: (item, body) for item, body in library_rules(open_project(taught))}
    item, body = held[name]
    assert (body.check, item.origin, item.state) == ("max_length(name, 7)", Origin.USER, ItemState.ACTIVE)
    assert run(strop) == 0
    assert text_of(taught) == text


@pytest.mark.parametrize("how", ["struck", "removed"])
def test_what_is_struck_out_or_removed_is_retired_and_not_learned_again(taught: Path, strop: Strop, how: str) -> None:
    """The same flaw comes again: no run writes the rule back, and the library holds it as retired."""
    name = learned_id(taught)
    lines = text_of(taught).splitlines(keepends=True)
    kept_lines = [f"- ~~{line[2:].rstrip()}~~\n" if how == "struck" else "" if name in line else line for line in lines]
    kept_lines = [new if name in old else old for old, new in zip(lines, kept_lines, strict=True)]
    (taught / "CONSTRAINTS.md").write_text("".join(kept_lines))

    settle(open_project(taught))

    project = open_project(taught)
    state = {body.id: item.state for item, body in library_rules(project)}
    assert state[name] is ItemState.RETIRED
    assert {name, r"pattern(name, \S+)"} <= barred(project)
    assert text_of(taught) == "".join(kept_lines)


def test_a_run_begins_with_rules_that_can_hold_together(taught: Path) -> None:
    """A person's bound goes before a learned one, of two of a person's neither holds; both pairs are told."""
    with (taught / "CONSTRAINTS.md").open("a") as file:
        file.write("- [c-1234abcd] old {check: range(founded, 1, 9)}\n- `founded` is from 1500 to 2026\n")
        file.write('- `name` is one of "Mill"\n- `name` is one of "Tower"\n')
    project = open_project(taught)
    settle(project)

    ruling = ruling_of(project, ORDER)

    assert {rule.check for rule in ruling.rules} == {r"pattern(name, \S+)", "range(founded, 1500, 2026)"}
    assert len(ruling.warnings) == 2
    assert "c-1234abcd (line 7) and h-" in ruling.warnings[0]
    assert {item.origin for item, body in library_rules(project) if body.id.startswith("h-")} == {Origin.USER}


def test_another_table_is_not_ruled_by_what_this_one_taught(taught: Path) -> None:
    """It has a `name` too. A spec that gained a column keeps the rule; a person's own line holds everywhere."""
    with (taught / "CONSTRAINTS.md").open("a") as file:
        file.write('- `name` is not "unknown"\n')
    project = open_project(taught)
    settle(project)
    grown = SPEC.replace("quote: true}}", "quote: true}, height: {type: number}}", 1)
    other = SPEC.replace("founded: {", "fee: {type: number}, owner: {")

    ruled = [len(ruling_of(project, spec_of(each.encode(), name="spec.md")).rules) for each in (SPEC, grown, other)]

    assert grown != SPEC
    assert ruled == [2, 2, 1]


def test_what_two_kinds_of_orders_taught_holds_for_every_order_with_that_column(taught: Path, strop: Strop) -> None:
    """The second table teaches the same rule by itself."""
    other = SPEC.replace("# Places", "# Houses").replace("founded: {", "founded: {ask: the year of the house, ")
    third = SPEC.replace("founded: {", "fee: {type: number}, owner: {")
    project = open_project(taught)
    assert len(ruling_of(project, spec_of(third.encode(), name="spec.md")).rules) == 0

    (taught / "spec.md").write_text(other)
    assert len(ruling_of(project, spec_of(other.encode(), name="spec.md")).rules) == 0
    assert run(strop) == 0

    assert len(ruling_of(open_project(taught), spec_of(third.encode(), name="spec.md")).rules) == 1


# ---------------------------------------------------------------- stored deliveries


def test_a_stored_delivery_is_what_was_delivered(taught: Path) -> None:
    """Values with their standing, texts by hash, files as they were written, the day by the run's id."""
    project = open_project(taught)
    (held,) = deliveries_with_files(project)

    said = {f"{v.row}.{v.field}": v.value for v in held.bundle.values}
    assert said["harbour.founded"] == 1642
    assert said["mill.name"] is None
    assert {f"{v.row}.{v.field}": v.said for v in held.said.values}["mill.name"] == "Old Mill"
    assert held.bundle.sources["inputs/harbour.txt"] == "Harbour is old.\nIt was founded in 1642.\n"
    assert held.bundle.files["places.csv"].sheets[0].names[:2] == ("name", "founded")
    assert held.bundle.today == day_of(held.run)
    assert held.bundle.today is not None
    assert looks(parse_check("unique(name)"), held.bundle)
    assert not looks(parse_check("unique(town)"), held.bundle)


def test_a_file_that_was_changed_since_is_no_part_of_it(taught: Path) -> None:
    """Its bytes are not those that passed; the values still count."""
    folder = next((taught / "runs").iterdir())
    (folder / "files" / "places.csv").write_text("name,founded\nMill,1\n")
    project = open_project(taught)

    (held,) = deliveries_with_files(project)

    assert "claims.csv" in held.bundle.files
    assert "places.csv" not in held.bundle.files
    assert held.bundle.values


def test_a_run_that_did_not_pass_is_not_stored(taught: Path, strop: Strop) -> None:
    """Fifty rows were ordered: refused, and nothing of it judges a rule."""
    (taught / "spec.md").write_text(SPEC.replace(">= 2", ">= 50"))
    assert run(strop) == 1

    assert len(deliveries(open_project(taught), ORDER)) == 1
