"""Attempts through the command: again, alone, resumed by itself, under a cap on tokens, and past a question."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from strop.stores.sqlite import SqliteJournal, read_journal
from strop.types.events import PlanExtended, RunOpened
from strop.types.work import Budget

from .conftest import SCRIPTED, Strop, only_run

MAIN = "from strop.cli.main import main; main()"
SLOW = """
[[turn]]
match = "Harbour"
answer = { name = "The Old Harbour", "name_at" = 1, founded = 1642, "founded_at" = 2 }

[[turn]]
match = "Library"
answer = { name = "The City Library", "name_at" = 1, founded = 1834, "founded_at" = 2 }
seconds = 600
"""
PATIENCE = 60.0
"""Seconds after which a command that asks for more than it is answered counts as stuck."""
TREES = ("ash", "beech", "cedar", "elm", "fir", "oak")
WOOD = """---
deliver:
  - {file: trees.csv, columns: {name: {type: text, quote: true}}}
each: inputs/*.txt
budget: {agents: 1}
repairs: 0
---
# Trees
"""
ONE = """---
deliver:
  - {file: places.csv, columns: {name: {type: text, quote: true}}}
  - {file: notes.md, sections: [Summary, Method, Findings]}
each: inputs/*.txt
---
# Places
"""
PROSE = """---
deliver: [{file: towns.csv, columns: {founded: integer}}]
---
# Towns

When were they founded?
"""
TOWNS = """
[[turn]]
answer = { "towns.csv" = { rows = [{ founded = { value = 1642, source = "inputs/harbour.txt", quote = "in 1642" } }] } }
"""


def ids(project: Path) -> list[str]:
    """Every run, oldest first."""
    return sorted(folder.name for folder in (project / "runs").iterdir())


def ran(project: Path, name: str) -> Any:
    """What a run left for programs."""
    return orjson.loads((project / "runs" / name / "run.json").read_bytes())


def flat(text: str) -> str:
    """What was printed, without the breaks that a narrow terminal makes."""
    return " ".join(text.split())


# ---------------------------------------------------------------- again, and alone


def test_a_new_attempt_stands_beside_the_old_one(strop: Strop, project: Path) -> None:
    """The old run's files stay as they were; both are compared in the terminal, in run.json and in the report."""
    strop("run", "spec.md", *SCRIPTED)
    (first,) = ids(project)
    kept = {path.name: path.read_bytes() for path in (project / "runs" / first / "files").iterdir()}
    wrong = (project / "script.toml").read_text().replace("founded = 1834", "founded = 1843")
    (project / "script.toml").write_text(wrong)
    told = strop("run", "--again", first[-6:], *SCRIPTED)
    assert told.code == 0
    (second,) = set(ids(project)) - {first}
    assert {path.name: path.read_bytes() for path in (project / "runs" / first / "files").iterdir()} == kept
    assert "This attempt and the one before it" in told.out
    assert f"run {first}    run {second}" in told.out
    again = ran(project, second)["again"]
    rows = {row[0]: row[1:] for row in again["rows"]}
    assert (again["run"], again["heads"]) == (first, ["", f"run {first}", f"run {second}"])
    assert (rows["accepted"], rows["refuted"]) == (["4", "3"], ["0", "1"])
    assert "This attempt and the one before it" in (project / "runs" / second / "report.html").read_text()
    assert ran(project, first)["again"] is None


async def unplanned(project: Path, run: str) -> None:
    """A run that ended before it had a plan."""
    folder = project / "runs" / run
    folder.mkdir(parents=True)
    journal = SqliteJournal(folder / "journal.db", run=run)
    try:
        await journal.append([RunOpened(run, "spec", "0", Budget())], at=0.0)
    finally:
        journal.close()


def test_an_attempt_at_a_run_without_a_plan_is_refused(strop: Strop, project: Path) -> None:
    """So is one at a run that is not there, and one that is to go on at the same time: exit 2, nothing is begun."""
    asyncio.run(unplanned(project, "01K9AAAAAA0000"))
    other = "--resume goes on with a run as it is; leave --again and --solo out"
    for options, message in (
        (["--again", "01K9"], "run 01K9AAAAAA0000 came to no plan, so there is nothing to try again"),
        (["--again", "zzz"], "no run matches 'zzz'"),
        (["--again", "01K9", "--resume", "01K9"], other),
        (["--solo", "--resume", "01K9"], other),
    ):
        told = strop("run", *options, *SCRIPTED)
        assert (told.code, told.out) == (2, "")
        assert message in told.err
    assert ids(project) == ["01K9AAAAAA0000"]


def test_one_agent_does_all_units_and_nothing_is_learned(strop: Strop, project: Path) -> None:
    """The baseline reads every unit in turn, for both readers: its readings agree. It leaves no skill."""
    told = strop("run", "spec.md", "--solo", *SCRIPTED)
    alone = ran(project, only_run(project))
    assert told.code == 0
    assert "2  Agents: 1 (4 steps expected, 4 readings" in told.err
    assert "each read by one agent, 2 times with different prompts" in flat(told.err)
    assert (alone["solo"], alone["agents_at_once"]) == (True, 1)
    assert alone["steps"] == {"main": 0, "sub": 4, "total": 4, "critical": 4}
    assert "4 values: 4 accepted" in told.out
    assert "The Old Harbour,1642" in (project / "runs" / only_run(project) / "files" / "places.csv").read_text()
    assert "Learned" not in told.out
    assert orjson.loads(strop("skills", "list", "--json").out) == {"skills": []}
    swarm = strop("run", "spec.md", *SCRIPTED).out
    assert "Learned skill" in swarm
    assert "4 values: 4 accepted" in swarm


def test_one_agent_does_prose_without_a_planner(strop: Strop, project: Path) -> None:
    """Nobody splits the order: one agent is told all of it and makes the file."""
    (project / "spec.md").write_text(PROSE)
    (project / "script.toml").write_text(TOWNS)
    assert strop("run", "spec.md", *SCRIPTED).code == 2, "without --solo somebody must split it"
    body = orjson.loads(strop("run", "spec.md", "--solo", *SCRIPTED, "--json").out)
    assert (body["solo"], body["outcome"], body["learned"]["skill"]) == (True, "passed", "")
    assert ([agent["task"] for agent in body["agents"]], body["steps"]["main"]) == (["solo"], 0)
    assert "1642" in (project / "runs" / body["id"] / "files" / "towns.csv").read_text()


MANY = r"(?<![\d.,$#])1 (?:independent |worked |differently prompted |proved |refuted )?[a-z]{2,}(?<!s)s\b"


def test_one_of_a_thing_is_said_as_one(strop: Strop, project: Path) -> None:
    """A run of one unit, one field, one reader, one agent: nothing that is said has `1 fields`."""
    (project / "inputs" / "library.txt").unlink()
    (project / "spec.md").write_text(ONE)
    script = (project / "script.toml").read_text()
    (project / "script.toml").write_text(re.sub(r", founded = .*? }", " }", script))
    told = strop("run", "spec.md", *SCRIPTED)
    assert told.code == 0, told.err
    folder = project / "runs" / only_run(project)
    texts = [told.out, told.err, strop("show", folder.name).out, strop("skills", "list").out]
    texts += [(folder / "report.html").read_text(), (folder / "files" / "notes.md").read_text()]
    texts += [path.read_text() for path in (project / ".agents").rglob("SKILL.md")]
    assert "1 field from 1 unit" in told.err
    assert "1 independent part (" in told.err
    assert [re.findall(MANY, text) for text in texts] == [[]] * 7


def test_one_agent_that_failed_is_told_what_is_missing(strop: Strop, project: Path) -> None:
    """Its task is tried once more by the gate's order, which names the task where a finding has no place in a file."""
    (project / "spec.md").write_text(PROSE)
    (project / "script.toml").write_text('[[turn]]\ntext = "no"\ntimes = 6\n' + TOWNS)
    strop("run", "spec.md", "--solo", *SCRIPTED)
    events = read_journal(project / "runs" / only_run(project) / "journal.db")
    first, *_ = [event.body for event in events if isinstance(event.body, PlanExtended)]
    assert first.tasks[0].repairs[0].startswith("solo: expected a result, observed ")


# ---------------------------------------------------------------- where a run is kept and who works


REFUSED = {
    "a password in the address": (
        ["--store", "postgresql://strop:s3cret@db.example/strop"],
        "--store holds a password, and it would stand in the run's folder. Set PGPASSWORD instead",
    ),
    "a password behind it": (
        ["--store", "postgresql://strop@db.example/strop?password=s3cret"],
        "--store holds a password",
    ),
    "another scheme": (["--store", "mysql://strop@db.example/strop"], "write sqlite, or postgresql://user@host"),
    "no scheme": (["--store", "db.example"], "write sqlite, or postgresql://user@host"),
    "a crew that is none": (["--crew", "nowhere"], "--crew nowhere: write local, ray, or ray:HOST:PORT"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_place_that_cannot_be_is_refused(name: str, strop: Strop, project: Path) -> None:
    """Exit 2 before anything is paid or written; a password is not repeated."""
    options, message = REFUSED[name]
    told = strop("run", "spec.md", *SCRIPTED, *options)
    assert told.code == 2
    assert message in told.err
    assert "s3cret" not in told.out + told.err
    assert not list(project.glob("runs/*/*"))


# ---------------------------------------------------------------- going on by itself


@contextmanager
def terminal() -> Generator[tuple[int, int], None, None]:
    """(ours, the command's) ends of a terminal, which hands over one line at a time."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


async def cut_off(project: Path) -> str:
    """A run whose process was killed after its first reading landed; its id."""
    script = (project / "script.toml").read_text()
    (project / "script.toml").write_text(SLOW)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, "run", "spec.md", *SCRIPTED, "--budget", "agents=2",
        stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert child.stderr is not None
    said = b""
    while b"1/4" not in said:
        line = await child.stderr.readline()
        assert line, said.decode()
        said += line
    child.send_signal(signal.SIGKILL)
    await child.communicate()
    (project / "script.toml").write_text(script)
    return only_run(project)


@pytest.mark.parametrize(("answer", "steps"), [("\n", 4), ("y\n", 4), ("n\n", 0)], ids=["enter", "yes", "no"])
@pytest.mark.anyio
async def test_a_person_is_asked_whether_a_run_that_was_cut_off_goes_on(answer: str, steps: int, project: Path) -> None:
    """Enter or yes goes on with it and ends it; no begins a new one and leaves it as it was."""
    earlier = await cut_off(project)
    with terminal() as (ours, theirs):
        os.write(ours, answer.encode())  # whether this run goes on
        os.write(ours, b"y\n")  # whether the plan of a new one is approved; an approved one does not ask
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", MAIN, "run", "spec.md", *SCRIPTED[:2], stdin=theirs, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(PATIENCE):
                _, err = await child.communicate()
        finally:
            if child.returncode is None:  # it waits for an answer that nobody gives
                child.kill()
                await child.wait()
    said = err.decode()
    assert child.returncode == 0, said
    assert f"Run {earlier} of this spec was cut off" in said
    assert "Go on with it? [Y/n]" in said
    done = {name: (project / "runs" / name / "run.json").is_file() for name in ids(project)}
    assert done[earlier] is (steps > 0)
    assert len(done) == (1 if steps else 2)
    if steps:
        assert ran(project, earlier)["steps"]["total"] == steps


def test_without_a_person_a_new_run_names_the_one_to_go_on_with(strop: Strop, project: Path) -> None:
    """`--yes` starts anew and says how to go on with the other; a changed spec is another order."""
    earlier = asyncio.run(cut_off(project))
    told = strop("run", "spec.md", *SCRIPTED)
    assert told.code == 0
    assert f"Go on with that: strop run --resume {earlier}" in told.err
    assert len(ids(project)) == 2
    (project / "spec.md").write_text((project / "spec.md").read_text().replace("# Places", "# Old places"))
    assert earlier not in strop("run", "spec.md", *SCRIPTED).err


# ---------------------------------------------------------------- caps and questions


def test_a_cap_on_output_tokens_ends_a_run_with_what_there_is(strop: Strop, project: Path) -> None:
    """Exit 3, partial files, the cap in words, and no more written than it allows."""
    counted = (project / "script.toml").read_text().replace("}\n", "}\nusage = { input = 100, output = 200 }\n")
    (project / "script.toml").write_text(counted)
    spec = (project / "spec.md").read_text().replace("readers: 2\n", "readers: 2\nbudget: {agents: 1}\n")
    (project / "spec.md").write_text(spec)
    told = strop("run", "spec.md", *SCRIPTED, "--budget", "output_tokens=700")
    name = only_run(project)
    assert told.code == 3, told.out
    assert "of 700 output tokens used, the next call may need" in flat(told.out)
    assert "agents did not end" in told.out
    body = ran(project, name)
    assert (body["outcome"], body["usage"]["output"] <= 700, 1 <= body["steps"]["total"] < 4) == ("partial", True, True)
    assert "The Old Harbour" in (project / "runs" / name / "files" / "places.csv").read_text()


def test_readings_are_batched_to_fit_the_agents_in_all(strop: Strop, project: Path) -> None:
    """Two readers of two units are four agents, or two with two units each; one agent cannot be two readers."""
    for most, agents in ((4, 4), (3, 2), (2, 2)):
        told = strop("plan", "spec.md", *SCRIPTED[:2], "--budget", f"agents_total={most}", "--json")
        assert len(orjson.loads(told.out)["plan"]["tasks"]) == agents
    told = strop("run", "spec.md", *SCRIPTED, "--budget", "agents_total=1")
    assert told.code == 2
    assert "the plan has 2 agents, the budget 1 in all. Raise agents_total" in told.err
    assert not list(project.glob("runs/*"))


def wood(project: Path) -> None:
    """Seven units; the agent of the last spends thirty times what the others do, and wants to go on."""
    for path in (project / "inputs").iterdir():
        path.unlink()
    turn = '[[turn]]\nmatch = "The {0} tree"\nanswer = {{ name = "The {0} tree", name_at = 1 }}\n'
    script = ""
    for tree in TREES:
        (project / "inputs" / f"{tree}.txt").write_text(f"The {tree} tree\nIt is old.\n")
        script += turn.format(tree) + "usage = { input = 900, output = 40 }\n\n"
    (project / "inputs" / "zelkova.txt").write_text("The zelkova tree\nIt is old.\n")
    script += '[[turn]]\nmatch = "The zelkova"\ntext = "Hm."\ntimes = 1\nusage = { input = 29000, output = 999 }\n\n'
    script += '[[turn]]\nanswer = { name = "The zelkova tree", name_at = 1 }\n'
    (project / "spec.md").write_text(WOOD)
    (project / "script.toml").write_text(script)


@pytest.mark.parametrize("goes_on", [True, False], ids=["goes on", "ended"])
def test_an_agent_that_costs_too_much_waits_for_a_person(goes_on: bool, strop: Strop, project: Path) -> None:
    """Exit 4 with the siblings' results; the question is listed and answered, and the run ends as was answered."""
    wood(project)
    told = strop("run", "spec.md", *SCRIPTED)
    name = only_run(project)
    assert told.code == 4
    assert "read-1/zelkova has cost 31.9 times the median of its 6 siblings" in flat(told.out)
    table = project / "runs" / name / "files" / "trees.csv"
    assert "The oak tree" in table.read_text()
    assert "zelkova tree" not in table.read_text()
    (question,) = orjson.loads(strop("inbox", "--json").out)["questions"]
    assert (question["run"], question["task"]) == (name, "read-1/zelkova")
    assert strop("run", "--resume", name).code == 4, "nobody has answered yet"
    option = question["options"][0 if goes_on else 1]
    answered = strop("inbox", "answer", question["id"][:6], option)
    assert f"Go on with: strop run --resume {name}" in answered.out
    told = strop("run", "--resume", name)
    assert told.code == 0, told.out
    assert ("The zelkova tree" in table.read_text()) is goes_on
    assert ("1 of 7 agents failed: Ended by user" in flat(told.out)) is not goes_on
    assert strop("inbox").out == "no questions wait\n"
