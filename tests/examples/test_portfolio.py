"""The portfolio at a small size, as a process of its own: faults are refused with their place, and mended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "portfolio"
SIZES = ("--rows", "400", "--regions", "4", "--pages", "13", "--slides", "7")


class Told(NamedTuple):
    """What the example printed for programs, and where it put its files."""

    report: dict[str, object]
    files: dict[str, dict[str, object]]
    refused: dict[tuple[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One run for all tests of this file: it is the example as a user starts it."""
    out = tmp_path_factory.mktemp("portfolio") / "out"
    command = [sys.executable, str(EXAMPLE / "run.py"), *SIZES, "--json", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    report = json.loads(done.stdout.splitlines()[-1])
    files = {each["file"]: each for each in report["files"]}
    return Told(report, files, {(each["file"], each["locator"]): each for each in report["refused"]})


def test_every_kind_of_file_is_delivered_and_holds_its_contract(told: Told) -> None:
    """Tables with their rows, the atlas with its pages and charts, the deck, the site and the code."""
    assert told.report["outcome"] == "passed"
    assert told.report["findings"] == []
    for name in ("stations.csv", "stations.xlsx", "stations.parquet"):
        assert (told.files[name]["rows"], told.files[name]["columns"]) == (400, 10)
    pages = told.files["atlas.pdf"]["pages"]
    assert isinstance(pages, int)
    assert pages >= 13
    assert told.files["atlas.pdf"]["charts"] == 14
    assert told.files["deck.pptx"]["slides"] == 12
    assert sum(name.startswith("charts/") for name in told.files) == 14
    assert sum(name.startswith("site/") for name in told.files) >= 3
    assert sum(name.startswith("tool/") for name in told.files) == 2
    assert not [name for name, each in told.files.items() if "broken" in each]


FAULTS = [
    ("stations.csv", "rows", "399 rows", "written again"),
    ("stations.xlsx", "file", "Cannot detect file format", "written again"),
    ("deck.pptx", "file", "is no PPTX", "written again"),
    ("atlas.pdf", "pages", "12", "by repair/make-atlas"),
    ("deck.pptx", "slides", "10", "by repair/make-deck"),
]


@pytest.mark.parametrize(("file", "locator", "observed", "mended"), FAULTS)
def test_a_spoiled_or_short_file_is_refused_with_its_place_and_mended(
    told: Told, file: str, locator: str, observed: str, mended: str
) -> None:
    """A lost row, an emptied workbook and a cut deck are written again; short answers cost one round of repair."""
    found = told.refused[file, locator]
    assert observed in found["observed"]
    assert found["mended"] == mended
    assert told.report["rounds"] == 1


def test_every_taken_row_is_proved(told: Told) -> None:
    """The delivered bytes are compared with the source again, cell by cell."""
    names = ("stations.csv", "stations.xlsx", "stations.parquet")
    assert told.report["proved"] == [f"{name}: proved: 400 of 400 rows" for name in names]
