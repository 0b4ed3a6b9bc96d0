"""`strop show RUN --claim`: from an id, its beginning, or a place in a file down to words and calls."""

from __future__ import annotations

import csv
from pathlib import Path

import orjson
import pytest
from openpyxl import load_workbook

from .conftest import SPEC, Strop, only_run

WITH_TABLES = SPEC.replace(
    "each:",
    '  - {file: audit.xlsx, rows: ">= 2", columns: {name: {type: text, quote: true}, '
    "founded: {type: integer, quote: true}, keepers: {type: integer, compute: rows}}}\n"
    "companion: data/{stem}.csv\neach:",
)


@pytest.fixture
def run(strop: Strop, project: Path) -> str:
    """A run with a table of quotes, and a workbook with a column that a companion table fills."""
    (project / "data").mkdir()
    for name in ("harbour", "library"):
        (project / "data" / f"{name}.csv").write_text("keeper,from\nAnn,1901\nBo,1902\n")
    (project / "spec.md").write_text(WITH_TABLES)
    assert strop("run", "spec.md", "--worker", "scripted:script.toml", "--yes").code == 0
    return only_run(project)


def test_every_value_of_the_files_resolves(strop: Strop, project: Path, run: str) -> None:
    """Each id of claims.csv, by its first half too; each cell of the table and of the workbook by its place."""
    files = project / "runs" / run / "files"
    listed = list(csv.DictReader((files / "claims.csv").read_text().splitlines()))
    assert len(listed) == 6
    for line in listed:
        told = orjson.loads(strop("show", run, "--claim", line["claim"][:8], "--json").out)
        assert (told["id"], str(told["value"]), told["standing"]) == (line["claim"], line["value"], "accepted")
        assert told["flaw"] == ""
        assert told["source"]["read"].endswith(" UTC")
        assert told["passage"]["quote"] == line["quote"] if line["quote"] else told["recomputed"] == 2
    rows = list(csv.DictReader((files / "places.csv").read_text().splitlines()))
    for number, row in enumerate(rows, start=1):
        for column in ("name", "founded"):
            told = orjson.loads(strop("show", run, "--claim", f"places.csv:{number}.{column}", "--json").out)
            assert str(told["value"]) == row[column]
    sheet = load_workbook(files / "audit.xlsx")["audit"]
    for place in ("A2", "B2", "C2", "A3", "B3", "C3"):
        told = orjson.loads(strop("show", run, "--claim", f"audit.xlsx!audit!{place}", "--json").out)
        assert told["value"] == sheet[place].value


def test_a_claim_is_shown_with_its_passage_its_source_and_the_time_it_was_read(strop: Strop, run: str) -> None:
    """What a person sees of a quote; and of a value that a table answered, its answer when asked again."""
    told = strop("show", run, "--claim", "places.csv:1.founded").out
    parts = (
        "harbour founded = 1642",
        "accepted",
        "readers agree",
        "inputs/harbour.txt, SHA-256",
        " UTC",
        "by reader 2",
    )
    for part in (*parts, "characters 16 to 52", "It was founded in 1642 by fishermen.", "The Old Harbour"):
        assert part in told
    told = strop("show", run, "--claim", "audit.xlsx!audit!C3").out
    assert "table:rows(data/library.csv) = 2 when asked again" in told


def test_the_stored_source_is_shown_and_not_what_became_of_it(strop: Strop, project: Path, run: str) -> None:
    """The document was rewritten and the table is gone: what the run read is still there."""
    (project / "inputs" / "harbour.txt").write_text("Founded long ago.\n")
    (project / "data" / "harbour.csv").unlink()
    assert "It was founded in 1642 by fishermen." in strop("show", run, "--claim", "places.csv:1.founded").out
    assert "= 2 when asked again" in strop("show", run, "--claim", "audit.xlsx!audit!C2").out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("zz", "no claim 'zz' in this run"),
        ("nowhere.csv:1.name", "nowhere.csv is no file of this run. It delivered: audit.xlsx, claims.csv, places.csv"),
        ("places.csv:3.name", "the table has 2 rows"),
        ("places.csv:1.price", "has no column 'price'; it has name, founded, unverified"),
        ("places.csv:1.unverified", "a word of ours, and no claim is behind it"),
        ("places.csv!Sheet!B1", "places.csv is no workbook; write places.csv:ROW.COLUMN"),
        ("audit.xlsx!Costs!B2", "audit.xlsx has no sheet 'Costs' with values; it has audit"),
        ("audit.xlsx!audit!B1", "is a head or lies beside the table"),
        ("audit.xlsx!audit!Z2", "is a head or lies beside the table"),
        ("audit.xlsx!audit!B99", "the table has 2 rows"),
    ],
)
def test_what_is_not_there_is_one_message(strop: Strop, run: str, asked: str, said: str) -> None:
    """Exit 2, what is wrong, and what there is."""
    told = strop("show", run, "--claim", asked)
    assert (told.code, told.out) == (2, "")
    assert said in " ".join(told.err.split())


def test_the_report_links_every_value_to_its_words_and_bears_the_ids(strop: Strop, project: Path, run: str) -> None:
    """Each id stands beside its value, each quote in the page, and when its source was read."""
    page = (project / "runs" / run / "report.html").read_text()
    for line in csv.DictReader((project / "runs" / run / "files" / "claims.csv").read_text().splitlines()):
        assert line["claim"] in page
        assert line["quote"] in page
    assert page.count('class="claim"') == 10, "two readers a quoted value, one call a counted one"
    assert page.count(" UTC</span>") == 2


def test_run_json_says_what_was_read_when_and_what_rests_on_what(strop: Strop, project: Path, run: str) -> None:
    """Four sources with their hashes; claims by kind; no contradiction."""
    ran = orjson.loads((project / "runs" / run / "run.json").read_bytes())
    assert [one["path"] for one in ran["sources"]] == [
        "data/harbour.csv", "data/library.csv", "inputs/harbour.txt", "inputs/library.txt",
    ]  # fmt: skip
    assert all(len(one["sha256"]) == 64 and one["read"].endswith(" UTC") for one in ran["sources"])
    assert ran["claims"] == {"all": 10, "quoted": 8, "by_tool": 2, "citing": 0, "derived": 0}
    assert ran["conflicts"] == []
    for name in (project / "runs" / run / "files").iterdir():
        assert ran["sources"][0]["read"][:16].encode() not in name.read_bytes(), "deliverables hold no wall clock"
