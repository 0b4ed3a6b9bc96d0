"""`strop verify`: files that strop did not make, and runs once more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from .conftest import SCRIPTED, Strop, only_run

TABLE = "town,population,founded,houses\nAshby,12450,1203,412\nBirchley,8310,1388,97\nCedarham,23120,1156,33\n"
REPORT = """# Housing

## Summary

The three towns have a total population of 43,880. Ashby finished 412 houses. See [the table](towns.csv).
"""
SOURCES = {
    "towns.csv": "town,population,founded\nAshby,12450,1203\nBirchley,8310,1388\nCedarham,23120,1156\n",
    "letter.txt": "In Ashby 412 houses were finished. Birchley built 97 houses. Cedarham built 33 of them.\n",
}
ORDER = """---
deliver:
  - {file: towns.csv, rows: 3, columns: {town: text, population: integer, founded: integer, houses: integer}}
  - {file: report.md, sections: [Summary]}
---
# Housing
"""


@pytest.fixture
def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a colleague sent: a table and a report, right in all; the sources beside it."""
    folder = tmp_path / "colleague"
    (folder / "sources").mkdir(parents=True)
    for name, text in SOURCES.items():
        (folder / "sources" / name).write_text(text)
    (folder / "towns.csv").write_text(TABLE)
    (folder / "report.md").write_text(REPORT)
    (folder / "spec.md").write_text(ORDER)
    monkeypatch.chdir(folder)
    return folder


FILES = ("towns.csv", "report.md", "--spec", "spec.md", "--sources", "sources", "--verifier", "none")


def test_files_that_are_right_pass_without_a_model_and_leave_nothing_behind(strop: Strop, handed: Path) -> None:
    """Exit 0, no finding; it is said that no model was asked and that ages were not checked; no folder is made."""
    before = sorted(path.name for path in handed.iterdir())
    told = strop("verify", *FILES)
    assert told.code == 0, told.out
    assert "passed: 2 files against 2 sources, 0 findings" in told.out
    assert "No refuting model was asked" in told.out
    assert "How old dates may be" in told.out
    assert sorted(path.name for path in handed.iterdir()) == before


WRONG = {
    "a cell against the source table": ("towns.csv", "8310", "8130", "source towns.csv row 2, population"),
    "two rows exchanged": ("towns.csv", "1388,97", "1388,33", "source"),
    "a figure that only a document has": ("towns.csv", "1203,412", "1203,421", "source towns.csv row 1, houses"),
    "a row that no source has": ("towns.csv", "Cedarham,", "Dunmore,", "source towns.csv row 3, town"),
    "a figure of a sentence": ("report.md", "412 houses", "421 houses", "source report.md line"),
    "a total of the own table": ("report.md", "43,880", "43,808", "recompute report.md line"),
    "a link to nothing": ("report.md", "(towns.csv)", "(tables.csv)", "link report.md tables.csv"),
    "a placeholder": ("report.md", "Ashby finished", "TODO finished", "contract report.md line"),
    "a section that is not there": ("report.md", "## Summary", "## Results", "contract report.md section Summary"),
    "a row too few": ("towns.csv", "Birchley,8310,1388,97\n", "", "contract towns.csv rows"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_flaw_is_found_and_placed(name: str, strop: Strop, handed: Path) -> None:
    """Exit 1 and the file with its row or line."""
    file, right, wrong, where = WRONG[name]
    text = (handed / file).read_text()
    assert right in text
    (handed / file).write_text(text.replace(right, wrong))
    told = strop("verify", *FILES)
    assert told.code == 1
    assert where in " ".join(told.out.split())


def test_programs_get_the_same(strop: Strop, handed: Path) -> None:
    """One JSON object: verdict, findings with locators, what was not checked."""
    (handed / "towns.csv").write_text(TABLE.replace("8310", "8130"))
    told = strop("verify", *FILES, "--json")
    body: Any = orjson.loads(told.out)
    assert (told.code, body["passed"]) == (1, False)
    found = {(each["artefact"], each["locator"]): each for each in body["findings"]}
    assert found["towns.csv", "row 2, population"]["expected"] == "8310"
    assert body["sources"] == ["letter.txt", "towns.csv"]
    assert body["unchecked"]


def test_old_dates_are_found_where_an_age_is_named(strop: Strop, handed: Path) -> None:
    """An ISO date older than so many days is a finding with its line."""
    (handed / "report.md").write_text(f"{REPORT}\nAs of 1999-01-31.\n")
    assert strop("verify", *FILES).code == 0
    told = strop("verify", *FILES, "--max-age", "365")
    assert told.code == 1
    assert "stale report.md line" in told.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.csv", "--sources", "sources"), "nothing.csv is not there"),
        (("towns.csv", "report.md"), "name what to hold the files against"),
        (("towns.csv", "--sources", "elsewhere"), "--sources elsewhere is not there"),
        (("towns.csv", "--spec", "other.md"), "--spec other.md is not there"),
    ],
)
def test_what_cannot_be_gated_is_refused(arguments: tuple[str, ...], message: str, strop: Strop, handed: Path) -> None:
    """Exit 2 and what to mend."""
    told = strop("verify", *arguments)
    assert told.code == 2
    assert message in " ".join(told.err.split())


def test_without_sources_the_files_are_held_against_themselves(strop: Strop, handed: Path) -> None:
    """Contracts, totals and links still count; it is said that no value was looked up."""
    told = strop("verify", "towns.csv", "report.md", "--spec", "spec.md", "--verifier", "none")
    assert told.code == 0
    assert "No source was named" in told.out
    (handed / "report.md").write_text(REPORT.replace("43,880", "43,808"))
    assert strop("verify", "towns.csv", "report.md", "--spec", "spec.md", "--verifier", "none").code == 1


# ---------------------------------------------------------------- lines of valid:

YOUNG, OLD = (f"{datetime.now(UTC).date() - timedelta(days=days)}" for days in (10, 500))
CHECKED = ORDER.replace(
    "---\n# Housing",
    """valid:
  - unique(town)
  - range(houses, 1, 100000)
  - newer(seen, 366)
  - same("towns.csv", "copy.csv")
  - sections("report.md", "Summary")
  - 'unit(houses, "houses")'
  - drawn("map.png")
  - every town is told kindly
---
# Housing""",
).replace("houses: integer}", "houses: integer, seen: date}")
SEEN = "".join(f"{line},{seen}\n" for line, seen in zip(TABLE.split(), ("seen", YOUNG, YOUNG, YOUNG), strict=True))
FOUND = {
    "a date that is too old": (SEEN.replace(f"97,{YOUNG}", f"97,{OLD}"), "constraint towns.csv row 2, seen"),
    "a value twice": (SEEN.replace("Birchley", "Ashby"), "constraint towns.csv row 2, town"),
    "a number out of range": (SEEN.replace(",97,", ",0,"), "constraint towns.csv row 2, houses"),
    "another table": (SEEN.replace("1388", "1389"), "constraint copy.csv row 2, founded"),
}


@pytest.fixture
def ordered(handed: Path) -> Path:
    """The same files with the day each town was seen, a copy of the table, and an order with checks."""
    (handed / "spec.md").write_text(CHECKED)
    (handed / "towns.csv").write_text(SEEN)
    (handed / "copy.csv").write_text(SEEN)
    return handed


ALONE = ("towns.csv", "copy.csv", "report.md", "--spec", "spec.md", "--verifier", "none")


def test_checks_of_an_order_are_held_to_files_of_others_or_told_as_not_checked(strop: Strop, ordered: Path) -> None:
    """What breaks none passes; what rests on quotes, on a picture's values or on a reader is named, each once."""
    told = strop("verify", *ALONE)
    said = " ".join(told.out.split())
    assert told.code == 0, told.out
    assert 'Not checked: unit(houses, "houses"): what the values rest on is not known' in said
    assert "Not checked: drawn(map.png): what the picture should show is not known" in said
    assert "Not checked: every town is told kindly" in said
    assert said.count("Not checked: ") == 3


@pytest.mark.parametrize("name", FOUND)
def test_a_file_of_others_that_breaks_a_check_is_found(name: str, strop: Strop, ordered: Path) -> None:
    """Exit 1 and the row; among them the age of a date, counted from the day of the call."""
    table, where = FOUND[name]
    (ordered / "towns.csv").write_text(table)
    told = strop("verify", *ALONE)
    assert told.code == 1
    assert where in " ".join(told.out.split())


DATED = """---
deliver:
  - {file: places.csv, columns: {name: {type: text, quote: true}, seen: {type: date, quote: true}}}
  - {file: "charts/*.svg", count: 1}
each: inputs/*.txt
readers: 2
valid:
  - newer(seen, 366)
  - drawn("charts/*.svg")
  - drawn("charts/standing_by_field.svg")
  - same("places.csv", "copy.csv")
  - drawn("places.csv")
  - unique(nme)
---
# Places
"""
SAW = """
[[turn]]
match = "Harbour"
answer = {{ name = "The Old Harbour", "name_at" = 1, seen = "{0}", "seen_at" = 2 }}

[[turn]]
match = "Library"
answer = {{ name = "The City Library", "name_at" = 1, seen = "{1}", "seen_at" = 2 }}
"""


def dated(project: Path, harbour: str, library: str) -> None:
    """Two documents that bear a day each, and their reader."""
    (project / "spec.md").write_text(DATED)
    (project / "script.toml").write_text(SAW.format(harbour, library))
    (project / "inputs" / "harbour.txt").write_text(f"The Old Harbour\nIt was seen on {harbour}.\n")
    (project / "inputs" / "library.txt").write_text(f"The City Library\nIt was seen on {library}.\n")


def test_a_date_that_is_too_old_is_taken_out_of_a_run(strop: Strop, project: Path) -> None:
    """`newer` counts from the day of the run: one row keeps its date, the other's is refuted, and it is said."""
    dated(project, YOUNG, OLD)
    ended = strop("run", "spec.md", *SCRIPTED)
    said = " ".join(ended.out.split())
    assert "constraint inputs/library.txt library.seen: expected at most 366 days before" in said
    table = (project / "runs" / only_run(project) / "files" / "places.csv").read_text()
    assert YOUNG in table
    assert OLD not in table


def test_checks_that_cannot_be_held_are_told_by_a_run_and_by_the_gate_again(strop: Strop, project: Path) -> None:
    """A file that is not ordered, a table that is no picture, a field that nobody fills: one line each."""
    dated(project, YOUNG, YOUNG)
    for told in (strop("run", "spec.md", *SCRIPTED), strop("verify", only_run(project))):
        said = " ".join(told.out.split())
        assert told.code == 0, told.out
        assert "Not checked: same(places.csv, copy.csv): the order has no file copy.csv." in said
        assert "Not checked: drawn(places.csv): places.csv is no picture." in said
        assert "Not checked: unique(nme): no value here is of a field nme." in said
        assert said.count("Not checked: ") == 3


def test_a_picture_is_drawn_again_by_the_gate_again(strop: Strop, project: Path) -> None:
    """A bar that somebody made longer breaks `drawn`, whether the order names the picture or its pattern."""
    dated(project, YOUNG, YOUNG)
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    run = only_run(project)
    (picture,) = (project / "runs" / run / "files" / "charts").iterdir()
    picture.write_text(picture.read_text().replace("Field", "Yield"))
    told = strop("verify", run)
    said = " ".join(told.out.split())
    assert told.code == 1
    assert said.count("constraint charts/standing_by_field.svg picture") == 2


def test_a_member_of_a_pattern_that_was_not_written_is_a_finding(strop: Strop, project: Path) -> None:
    """The order names one picture among many: another one in its place does not do."""
    dated(project, YOUNG, YOUNG)
    (project / "spec.md").write_text(DATED.replace("standing_by_field", "seen_by_unit"))
    told = strop("run", "spec.md", *SCRIPTED)
    assert told.code == 1
    assert "constraint charts/seen_by_unit.svg" in " ".join(told.out.split())


# ---------------------------------------------------------------- a model beside the checks

JUDGE = "[[turn]]\nanswer = { verdicts = [] }\nusage = { input = 500, output = 20 }\n"


def test_a_model_is_asked_about_a_run_only_at_a_price_that_somebody_took(strop: Strop, project: Path) -> None:
    """Without --yes and a terminal it is not asked, and told so; with it a second verdict stands by the first."""
    (project / "judge.toml").write_text(JUDGE)
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    run = project / "runs" / only_run(project)

    unasked = strop("verify", run.name, "--verifier", "scripted:judge.toml")
    assert unasked.code == 0
    assert "it was not asked. Take that price with --yes." in " ".join(unasked.out.split())
    assert not (run / "verdict-2.json").exists()

    asked = strop("verify", run.name, "--verifier", "scripted:judge.toml", "--yes")
    assert asked.code == 0
    assert "would be asked about 4 claims in 1 calls" in asked.err
    assert "The verdict then and now" in asked.out
    second = orjson.loads((run / "verdict-2.json").read_bytes())
    assert second["refuter"] == "scripted:judge.toml"
    assert second["calibration"]["state"] == "uncalibrated"
    assert (run / "gate-2" / "journal.db").is_file()
    assert orjson.loads((run / "verdict.json").read_bytes())["refuter"] == ""


def test_a_model_refutes_files_that_strop_did_not_make(strop: Strop, handed: Path) -> None:
    """Every value with a passage goes to it; its record and its calibration are kept and shown."""
    (handed / "judge.toml").write_text(JUDGE)
    told = strop("verify", *FILES[:-1], "scripted:judge.toml", "--yes", "--json")
    body: Any = orjson.loads(told.out)
    assert body["refuter"] == "scripted:judge.toml"
    assert body["calibration"]["planted"] > 0
    (run,) = (handed / "runs").iterdir()
    assert (run / "journal.db").is_file()
