"""A spec in prose, end to end over real HTTP: planned, run, gated, repaired, distilled, replayed, paid.

The server's bill is the oracle of `run.json`, to the unit.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

from strop.app import state_of, verify_again
from strop.checking.frontmatter import split
from strop.errors import HumanAwaited, PlanRefused
from strop.testing.wires import CHAT, Asked, Fault, Reply
from strop.types.content import Standing
from strop.types.events import ToolCall
from strop.types.memory import Author
from strop.types.trial import Outcome, Value, Verdict
from strop.types.work import TaskId

if TYPE_CHECKING:
    from .conftest import Team, Village

pytestmark = pytest.mark.anyio


async def test_prose_is_planned_run_gated_repaired_once_distilled_and_replayed(village: Village, team: Team) -> None:
    """Twenty agents in three waves deliver every file; the gate's findings are mended in one round; it is learned."""
    ended = await village.run()

    run, verdict = ended.turn.run, ended.turn.verdict
    assert ended.turn.outcome is Outcome.PASSED
    assert len(run.plan.tasks) == 20
    assert [len(wave) for wave in run.plan.waves] == [16, 3, 1]
    assert run.extended == (TaskId("repair/make"),)
    assert not run.missing
    assert not verdict.findings
    assert {value.standing for value in verdict.values} == {Standing.ACCEPTED}
    files = team.files_of(ended)
    assert {"wells.csv", "survey.pdf", "claims.csv"} < set(files)
    assert sum(name.startswith("charts/") for name in files) == 3
    rows = list(csv.DictReader(files["wells.csv"].decode().splitlines()))
    assert [(row["well"], int(row["depth"]), row["water"]) for row in rows] == [
        (f"Well {number:02}", 10 + number, "hard" if number % 3 else "soft") for number in range(1, 19)
    ]
    assert team.booked(ended) == village.billed()
    assert village.billed()["nanos"] > 0


async def test_the_first_round_found_what_was_wrong(village: Village, team: Team) -> None:
    """A figure its own quote contradicts is found by code, a word the passage denies by the refuting model."""
    village.write_spec("repairs: 1\n", "repairs: 0\n")
    ended = await village.run()

    found = {finding.kind: finding for finding in ended.turn.verdict.findings if "wells.csv" in finding.locator}
    assert found["quote"].locator == "wells.csv.rows[4].depth"
    assert found["quote"].observed == "Well 05 is 15 metres deep."
    assert (found["refuted"].locator, found["refuted"].observed) == ("wells.csv.rows[6].water", "salty")
    rows = list(csv.DictReader(team.files_of(ended)["wells.csv"].decode().splitlines()))
    assert (rows[4]["depth"], rows[6]["water"]) == ("", "")
    assert ended.turn.outcome is Outcome.PASSED, "refuted values are taken out, and the contracts hold on what is left"
    assert ended.turn.run.extended == ()
    assert team.booked(ended) == village.billed()


async def test_a_replay_asks_no_planner_and_reads_only_the_new_inputs(village: Village, team: Team) -> None:
    """The skill's plan is dealt the new files, is told their contract, and its bill stands in its own run.json."""
    first = await village.run()
    assert first.turn.skill is not None
    paid = len(village.server.bill.entries)
    seen: list[Asked] = []
    village.bend = lambda asked: seen.append(asked)
    village.write_notes("june", range(21, 30))

    again = await village.replay(first.turn.skill.name, inputs="june")

    assert again.turn.outcome is Outcome.PASSED
    assert not [asked for asked in seen if "You plan the work" in asked.system]
    assert not [asked for asked in seen if "inputs/" in orjson.dumps(asked.body).decode()]
    rows = list(csv.DictReader(team.files_of(again)["wells.csv"].decode().splitlines()))
    assert [row["well"] for row in rows] == [f"Well {number}" for number in range(21, 30)]
    assert team.booked(again) == village.billed(village.server.bill.entries[paid:])
    assert again.turn.skill is None, "a replay breeds no second skill"


async def test_the_skill_is_in_the_agent_skills_format(village: Village) -> None:
    """Six standard front-matter keys at most, the folder bears the name, strings under metadata."""
    ended = await village.run()

    assert ended.turn.skill is not None
    folder = village.folder / ".agents" / "skills" / ended.turn.skill.name
    fields, body = split((folder / "SKILL.md").read_bytes())
    assert set(fields) <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
    assert fields["name"].value == folder.name
    assert 1 <= len(str(fields["description"].value)) <= 1024
    metadata = fields["metadata"].value
    assert isinstance(metadata, dict)
    assert all(isinstance(child.value, str) for child in metadata.values())
    assert "20 agents work in waves" in body
    held = orjson.loads((folder / "references" / "skill.json").read_bytes())
    assert len(held["inputs"]) == 18
    assert "inputs/well-" not in orjson.dumps([task["goal"] for task in held["tasks"]]).decode()


def _describes(asked: Asked) -> bool:
    return "leaves a skill behind" in asked.system


async def test_the_planner_describes_the_skill_from_the_shape_of_the_run(village: Village, team: Team) -> None:
    """Asked once, on record and on the bill; no note, no value and no name of a note is in the question."""
    seen: list[Asked] = []
    village.bend = lambda asked: seen.append(asked) if _describes(asked) else None

    ended = await village.run()

    (asked,) = seen
    assert not re.search(r"well-\d|Well \d|metres|dug in", asked.user)
    assert "Agents: 20 in 3 waves, over 18 inputs" in asked.user
    skill = ended.turn.skill
    assert skill is not None
    assert skill.description == team.description
    text = (village.folder / ".agents" / "skills" / skill.name / "SKILL.md").read_text()
    assert 'strop-described: "model"' in text
    assert team.booked(ended) == village.billed()
    assert state_of(ended.folder).ledger.steps_by_task[TaskId("distill")] == 1


UNFIT: dict[str, tuple[Reply, int]] = {
    "garbage": (Reply("A poem, rather."), 2),
    "tells of the run": (Reply('{"description": "Reads Well 05, which is 15 metres deep."}'), 1),
    "refuses": (Reply("I may not.", finish="refusal"), 1),
    "knows no such key": (Reply(fault=Fault.UNAUTHORIZED), 1),
}


@pytest.mark.parametrize("manner", UNFIT)
async def test_a_description_that_is_no_use_changes_nothing_but_itself(
    village: Village, team: Team, manner: str
) -> None:
    """The run passes with the description made from its spec, and what was asked is on the bill."""
    reply, calls = UNFIT[manner]
    seen: list[Asked] = []

    def bend(asked: Asked) -> Reply | None:
        if not _describes(asked):
            return None
        seen.append(asked)
        return reply

    village.bend = bend
    ended = await village.run()

    assert len(seen) == calls
    assert ended.turn.outcome is Outcome.PASSED
    assert ended.turn.skill is not None
    assert ended.turn.skill.described is Author.SPEC
    assert ended.turn.skill.description.startswith("Reads well, depth, water from the sources")
    assert {**team.booked(ended), "calls": 0} == {**village.billed(), "calls": 0}, "a refused call is in no bill"


async def test_a_plan_with_a_task_of_that_name_is_left_alone(village: Village, team: Team) -> None:
    """The planner may call a task `distill`: then nobody is asked for a description under the same name."""
    proposal = orjson.loads(team.said(team.proposal()).text.replace('"id":"make"', '"id":"distill"'))
    seen: list[Asked] = []

    def bend(asked: Asked) -> Reply | None:
        if _describes(asked):
            seen.append(asked)
        return team.said(proposal) if "You plan the work" in asked.system else None

    village.bend = bend
    ended = await village.run()

    assert seen == []
    assert ended.turn.outcome is Outcome.PASSED
    assert ended.turn.skill is not None
    assert ended.turn.skill.described is Author.SPEC
    assert team.booked(ended) == village.billed()


async def test_the_quote_counts_planner_worker_and_verifier(village: Village) -> None:
    """At the same pace a plan is dearer with a verifier than without, and a planned one dearer than a replay."""
    skill = (await village.run()).turn.skill
    assert skill is not None
    whole = (await village.run()).turn.run.plan.quote
    alone = await village.run(options=replace(village.options, verifier="none"))
    village.write_notes("latest", range(21, 39))  # a name as long as the first folder's: the goals are as long
    replayed = (await village.replay(skill.name, inputs="latest")).turn.run.plan.quote

    unverified = alone.turn.run.plan.quote
    assert unverified.steps < whole.steps, "the calls of the gate are steps too"
    assert unverified.nanos.p50 < whole.nanos.p50
    assert replayed.nanos.p50 < whole.nanos.p50
    assert any("No refuting model ran" in line for line in alone.turn.verdict.unchecked)
    assert "Not checked: no well is named twice" in alone.turn.verdict.unchecked


async def test_rules_that_no_code_knows_are_shown_to_the_refuting_model(village: Village) -> None:
    """A `valid:` line outside the gate's own goes into every question; the verdict says that only a model saw it."""
    asked_for: list[str] = []
    village.bend = lambda asked: asked_for.append(asked.user) if "You look for errors" in asked.system else None
    ended = await village.run()

    assert asked_for
    assert all("Rules that every value must keep:\n- no well is named twice" in user for user in asked_for)
    assert "stands in its source" not in asked_for[0].partition("<passage>")[0]
    assert any("no well is named twice" in line for line in ended.turn.verdict.unchecked)


async def test_words_on_claims_that_were_not_asked_for_and_invented_quotes_count_for_nothing(village: Village) -> None:
    """The model refutes everything with words that stand nowhere, and claims of its own: nothing is refuted."""
    invented = {"verdict": "refuted", "quote": "These words stand in no passage."}

    def bend(asked: Asked) -> Reply | None:
        if "You look for errors" not in asked.system:
            return None
        ids = [part.split(":")[0] for part in asked.user.split("id ")[1:] if part[12:13] == ":"]
        return Reply(orjson.dumps({"verdicts": [{"id": name, **invented} for name in (*ids, "f" * 12)]}).decode())

    village.bend = bend
    ended = await village.run()

    assert not [finding for finding in ended.turn.verdict.findings if finding.kind == "refuted"]
    assert ended.turn.verdict.standing(Standing.ACCEPTED) == ()


async def test_a_word_on_a_claim_of_another_batch_does_not_count(village: Village, team: Team) -> None:
    """Every answer also refutes what other questions asked, with words that stand there: all stays accepted."""
    village.bend = lambda asked: team.meddling(asked) if "You look for errors" in asked.system else None
    ended = await village.run()

    assert {value.standing for value in ended.turn.verdict.values} == {Standing.ACCEPTED}


# ---------------------------------------------------------------- verify again


async def test_a_run_verifies_again_without_a_call_and_fails_when_a_file_was_altered(village: Village) -> None:
    """The record and the files agree, refuted cells included; one changed byte and they do not."""
    village.write_spec("repairs: 1\n", "repairs: 0\n")
    ended = await village.run()
    paid = len(village.server.bill.entries)

    same = await verify_again(village.project, ended.folder)
    table = ended.folder / "files" / "wells.csv"
    table.write_bytes(table.read_bytes().replace(b"Well 03", b"Well 30"))
    altered = await verify_again(village.project, ended.folder)

    assert same.passed
    assert judged(same) == judged(ended.turn.verdict), "what the model refuted is now held by the rule that it taught"
    assert not altered.passed
    assert {finding.artefact for finding in altered.findings if finding.severity == "fatal"} == {"wells.csv"}
    assert len(village.server.bill.entries) == paid


def judged(verdict: Verdict) -> list[Value]:
    """Every value as it was judged; of a refuted one not by whom."""
    return [replace(v, reasons=()) if v.standing is Standing.REFUTED else v for v in verdict.values]


# ---------------------------------------------------------------- planners that are wrong


def _cycle(tasks: list[dict[str, object]]) -> None:
    tasks[16]["needs"] = ["compare-2", *(f"read-{number:02}" for number in range(1, 7))]
    tasks[17]["needs"] = ["compare-1", *(f"read-{number:02}" for number in range(7, 12))]


def _no_maker(tasks: list[dict[str, object]]) -> None:
    tasks[19]["makes"] = ["wells.csv", "survey.pdf"]


def _orphan(tasks: list[dict[str, object]]) -> None:
    tasks[16]["needs"] = [f"read-{number:02}" for number in range(2, 7)]


def _unknown_tool(tasks: list[dict[str, object]]) -> None:
    tasks[0]["tools"] = ["browser"]


def _two_makers(tasks: list[dict[str, object]]) -> None:
    tasks[18]["makes"] = ["wells.csv"]


def _too_many(tasks: list[dict[str, object]]) -> None:
    tasks += [{**tasks[0], "id": f"more-{number}"} for number in range(21)]
    tasks[16]["needs"] = [str(task["id"]) for task in tasks if str(task["id"]).startswith(("read-0", "more"))]


WRONG: dict[str, tuple[Callable[[list[dict[str, object]]], None], str]] = {
    "cycle": (_cycle, "wait for each other"),
    "no maker": (_no_maker, "charts/*.png has 0 makers, needs exactly one"),
    "orphan": (_orphan, "read-01 makes no deliverable and no task needs it"),
    "unknown tool": (_unknown_tool, "read-01 asks for tool browser, which is not there"),
    "two makers": (_two_makers, "wells.csv has 2 makers, needs exactly one (compare-3, make)"),
    "too many": (_too_many, "41 tasks, at most 40 in all"),
}


@pytest.mark.parametrize("flaw", WRONG)
async def test_a_wrong_decomposition_is_told_and_repaired_once(village: Village, team: Team, flaw: str) -> None:
    """The planner is told what is wrong, in words, and its second proposal is taken."""
    spoil, words = WRONG[flaw]
    told: list[str] = []

    def bend(asked: Asked) -> Reply | None:
        if "You plan the work" not in asked.system:
            return None
        told.append(asked.user)
        return _spoiled(team, spoil) if len(told) == 1 else None

    village.write_spec("agents: 20,", "agents: 20, agents_total: 40,")
    village.bend = bend
    ended = await village.run()

    assert ended.turn.outcome is Outcome.PASSED
    assert len(told) == 2
    assert words in told[1]
    assert words not in told[0]


@pytest.mark.parametrize("flaw", WRONG)
async def test_a_decomposition_that_stays_wrong_is_refused(village: Village, team: Team, flaw: str) -> None:
    """Two calls, no agent, exit 2, and a message that names the flaw."""
    spoil, words = WRONG[flaw]
    village.write_spec("agents: 20,", "agents: 20, agents_total: 40,")
    village.bend = lambda asked: _spoiled(team, spoil) if "You plan the work" in asked.system else None

    with pytest.raises(PlanRefused, match="stays wrong after its repair turn, nothing was run") as refused:
        await village.run()

    assert words in str(refused.value)
    assert refused.value.exit_code == 2
    assert len(village.server.bill.entries) == 2


async def test_a_planner_that_answers_garbage_is_refused(village: Village) -> None:
    """One repair turn within the call, then exit 2 with the next move."""
    village.bend = lambda asked: Reply("I would rather write a poem.") if "You plan the work" in asked.system else None

    with pytest.raises(PlanRefused, match=r"the planner's answer cannot be used.*not JSON.*--planner"):
        await village.run()

    assert len(village.server.bill.entries) == 2


def _spoiled(team: Team, spoil: Callable[[list[dict[str, object]]], None]) -> Reply:
    proposal = team.proposal()
    tasks = proposal["tasks"]
    assert isinstance(tasks, list)
    spoil(tasks)
    return team.said(proposal)


async def test_a_fatal_objection_needs_a_person_also_with_yes(village: Village, team: Team) -> None:
    """Exit 4, the plan stays on record, nothing of the work is paid."""
    fatal = {**team.proposal(), "fatal": ["The notes are about fountains."]}
    village.bend = lambda asked: team.said(fatal) if "You plan the work" in asked.system else None

    code, _, err = await village.strop("run", "spec.md", "--yes", *village.models)

    assert code == 4
    assert "The notes are about fountains." in err
    assert len(village.server.bill.entries) == 1
    run = next((village.folder / "runs").iterdir())
    assert state_of(run).outcome is Outcome.AWAITING
    with pytest.raises(HumanAwaited, match="fountains"):
        await village.run(resume=run.name)
    assert len(village.server.bill.entries) == 1, "the plan is not paid again"


# ---------------------------------------------------------------- workers that are wrong


def _asks_first(asked: Asked) -> bool:
    """The reader of the first note, at any of its steps."""
    return any("Read inputs/well-01.txt." in text for role, text in asked.turns if role == "user")


BAD: dict[str, tuple[Reply, str]] = {
    "garbage": (Reply("no JSON here"), "not JSON"),
    "wrong form": (Reply('{"unexpected": true}'), "is missing"),
    "refuses": (Reply("I may not.", finish="refusal"), "the model refused"),
    "stops at length": (Reply('{"rows": [', finish="length"), "cut off at the output limit"),
    "unknown tool": (Reply(calls=(ToolCall("c", "browser", "{}"),)), "called browser({}) 4 times"),
    "invents a quote": (
        Reply(
            '{"rows": [{"well": {"value": "Well 01", "source": "inputs/well-01.txt", "quote": "Well 01 is bottomless"},'
            '"depth": {"value": null, "source": null, "quote": null},'
            '"water": {"value": null, "source": null, "quote": null}}]}'
        ),
        "the quote does not stand in inputs/well-01.txt",
    ),
}


@pytest.mark.parametrize("manner", BAD)
async def test_a_worker_that_is_no_use_fails_alone(village: Village, team: Team, manner: str) -> None:
    """Its siblings land, the maker goes on without it, the run says what is missing; the contract decides."""
    reply, why = BAD[manner]
    village.write_spec('">= 18"', '">= 17"')
    village.bend = lambda asked: reply if asked.wire == CHAT and _asks_first(asked) else None

    ended = await village.run()

    failures = {result.task: result.failure for result in ended.turn.run.results if result.failure}
    assert set(failures) == {"read-01"}
    assert why in failures[TaskId("read-01")]
    assert ended.turn.run.missing == ("read-01",)
    assert [finding.artefact for finding in ended.turn.verdict.findings if finding.kind == "missing"] == ["read-01"]
    assert ended.turn.outcome is Outcome.PASSED
    assert len(list(csv.DictReader(team.files_of(ended)["wells.csv"].decode().splitlines()))) == 17
    assert team.booked(ended) == village.billed()


async def test_a_worker_that_calls_an_unknown_tool_is_told_and_goes_on(village: Village) -> None:
    """The refusal comes back as the tool's answer, with what there is."""
    heard: list[str] = []

    def bend(asked: Asked) -> Reply | None:
        if asked.wire != CHAT or not _asks_first(asked):
            return None
        heard.extend(asked.tool_results)
        return None if asked.tool_results else Reply(calls=(ToolCall("call-x", "browser", "{}"),))

    village.bend = bend
    ended = await village.run()

    assert "failed: there is no tool 'browser'; you have: read_file" in heard
    assert not [result for result in ended.turn.run.results if result.failure and result.task != "read-01"]


async def test_a_verifier_that_answers_garbage_leaves_its_claims_unverified(village: Village) -> None:
    """The run goes on and passes; what nobody refuted is marked and said."""
    village.bend = lambda asked: Reply("All fine!") if "You look for errors" in asked.system else None

    ended = await village.run()

    assert ended.turn.outcome is Outcome.PASSED
    assert ended.turn.verdict.standing(Standing.ACCEPTED) == ()
    assert any("the refuting model's answer cannot be used" in line for line in ended.turn.verdict.unchecked)
