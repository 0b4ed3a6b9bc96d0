"""The loop benchmark in small: three runs of both arms over real HTTP, stopped and gone on with; and its reader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import loop
import loop_reader

PAGE = "\n".join(
    f"[{at}] {line}"
    for at, line in enumerate(
        (
            "This page is about the Elm Chart Society.",
            "It sits in Marrick.",
            "In 2015 it had 865 members.",
            "It has 914 members now.",
            "The society was founded in 1870.",
            "By its own count the library holds 4,249 volumes.",
        ),
        start=1,
    )
)
LURED = {"members": 865, "members_at": 3}
TRUE = {"members": 914, "members_at": 4}


def read(*turns: tuple[str, str]) -> dict[str, object]:
    return json.loads(loop_reader.answer(turns))


def instructed(said: object) -> str:
    """Instructions under which the bare reader says this of the members."""
    return next(f"v{at}" for at in range(200) if read(("system", f"v{at}"), ("user", PAGE))["members"] == said)


@pytest.mark.parametrize(("shown", "lured"), [(TRUE, 865), (LURED, 914)], ids=["the-truth", "the-lure"])
def test_the_reader_does_what_its_examples_show_right_or_wrong(shown: dict[str, object], lured: int) -> None:
    """The same instructions without the example read otherwise; what is shown decides, not what is true."""
    system = ("system", instructed(lured))
    example = (("user", PAGE), ("assistant", json.dumps(shown)))

    assert read(system, ("user", PAGE))["members"] == lured
    assert read(system, *example, ("user", PAGE))["members"] == shown["members"]


def test_the_duller_reader_learns_from_examples_that_show_both_sentences_only() -> None:
    """An example without the lure teaches the one reader, and not the other; one with both teaches both."""
    system = ("system", instructed(865))
    excerpt = "\n".join(line for line in PAGE.splitlines() if "it had" not in line)
    for page, contrast, members in ((excerpt, False, 914), (excerpt, True, 865), (PAGE, True, 914)):
        turns = (system, ("user", page), ("assistant", json.dumps(TRUE)), ("user", PAGE))
        assert json.loads(loop_reader.answer(turns, contrast=contrast))["members"] == members


def test_the_reader_follows_a_rule_that_names_field_and_cue() -> None:
    """Under `Rules:` in its instructions, and nowhere else."""
    told = instructed(865)
    ruled = f"{told}\nRules:\n- members: the sentence that says members now"

    assert read(("system", ruled), ("user", PAGE))["members"] == 914


def test_the_reader_errs_as_often_as_it_says() -> None:
    """Over 2,000 instructions, within five standard errors; and where one sentence could say it, never."""
    answers = [read(("system", f"v{at}"), ("user", PAGE)) for at in range(2_000)]
    misread = sum(each["members"] == 865 for each in answers) / len(answers)
    slipped = sum(each["town_at"] != 2 for each in answers) / len(answers)

    assert misread == pytest.approx(loop_reader.MISREAD, abs=5 * (0.21 / 2_000) ** 0.5)
    assert slipped == pytest.approx(loop_reader.SLIP, abs=5 * (0.06 / 2_000) ** 0.5)
    assert {each["town"] for each in answers} == {"Marrick"}


def test_three_runs_of_both_arms_and_the_series_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs, then the third alone: the first two stand as they were, arms see the same pages, the table is whole."""
    few = ["--units", "10", "--out", str(tmp_path), "--json"]

    assert loop.main(["--runs", "2", *few]) == 0
    before = json.loads((tmp_path / "series.json").read_text())["laps"]
    capsys.readouterr()
    assert loop.main(["--runs", "3", *few]) == 0

    laps = json.loads((tmp_path / "series.json").read_text())["laps"]
    assert laps[:4] == before
    assert [(lap["number"], lap["arm"]) for lap in laps] == [(n, arm) for n in (1, 2, 3) for arm in loop.ARMS]
    first, bare = laps[0], laps[1]
    told = ("item_f1", "row_f1", "wrong", "kinds", "claims", "accepted")
    assert {key: first[key] for key in told} == {key: bare[key] for key in told}, "with nothing learned they are one"
    assert first["library"]["candidate"] >= 1
    assert [lap["library"] for lap in laps if lap["arm"] == "empty"] == [{}, {}, {}]
    assert all(lap["passed"] and 0.5 < lap["item_f1"] <= 1 for lap in laps)
    assert len(laps[2]["tried"]) == 1
    assert laps[2]["pairs"] == 2, "a fifth of ten"
    assert laps[2]["trying"] > 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    named = {each["name"]: each for each in figures}
    assert named["gain in Item-F1, all runs"]["n"] == 3
    assert named["tables that the gate passed, library"]["figure"] == 1.0
    assert named["probe: cells right, first state of the library"]["n"] == loop.PROBES * 5


def test_a_series_of_other_settings_is_not_mixed_with(tmp_path: Path) -> None:
    """Another seed in the same folder is refused."""
    loop.keep(tmp_path / "series.json", loop.Series(1, 60, 0.1))

    with pytest.raises(SystemExit, match="other settings"):
        loop.load(tmp_path / "series.json", seed=2, units=60, churn=0.1, contrast=False)
