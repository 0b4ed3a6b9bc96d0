"""Twenty agents' parts become one document, over real HTTP: nothing twice, all cited, contradictions settled.

The maker is a script that works from the numbered claims it is given, and from nothing else.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

import orjson
import pytest

from strop.app import lookup, state_of
from strop.app.lookup import ledger_of_run
from strop.checking.claims import resolve
from strop.loop.deliver import parts
from strop.testing.wires import Asked, Reply
from strop.types.content import Bullets, Cell, Document, Paragraph, Sentence, Standing, Table
from strop.types.events import ToolCall
from strop.types.trial import Outcome, Severity, Verdict
from strop.types.work import TaskId, UnitKey

if TYPE_CHECKING:
    from strop.app import Ended

    from .conftest import Village

pytestmark = pytest.mark.anyio

SPEC = """---
deliver:
  - file: wells.csv
    rows: ">= 19"
    columns: {well: {type: text, quote: true}, depth: {type: integer, quote: true}}
  - {file: survey.pdf, pages: ">= 1", sections: [Summary, Findings, Sources]}
conflict: RULE
budget: {agents: 21, usd: 2, minutes: 10}
---
# A survey of the village wells

Report the depth of every well, and how deep they are on average.
"""
REPEAT = "The notes of this village were written by hand and kept in the parish office for all who ask."
LINE = re.compile(r'(c\d+): rows\[(\d+)\]\.(\w+) = (.*?) -- (".*?") \((\S+)\)')


@dataclass(frozen=True, slots=True)
class Said:
    """One numbered claim of the maker's prompt."""

    name: str
    row: tuple[str, str]
    field: str
    value: object
    quote: str


def claims(user: str) -> list[Said]:
    """Every claim of a prompt, each inside a block of its task."""
    found: list[Said] = []
    for task, body in re.findall(r"<result task='([^']+)'>\n(.*?)\n</result>", user, re.DOTALL):
        for line in body.splitlines():
            said = LINE.match(line)
            assert said is not None, line
            name, row, field, value, quote, _ = said.groups()
            found.append(Said(name, (task, row), field, orjson.loads(value), orjson.loads(quote)))
    return found


def leaf(value: object, quote: str, source: str = "claim") -> dict[str, object]:
    return {"value": value, "source": source, "quote": quote}


@dataclass(slots=True)
class Maker:
    """The team of this test; `slips` are the errors of the maker's first answers."""

    slips: Sequence[str] = ()
    told: list[str] = field(default_factory=list[str])
    """What the maker was told, turn by turn."""

    def __call__(self, asked: Asked) -> Reply | None:
        if "You plan the work" in asked.system:
            return Reply(orjson.dumps(self.plan()).decode())
        if "You are one specialist" in asked.system:
            return self.read(asked)
        if "You write one deliverable" in asked.system:
            self.told.append(asked.user)
            return Reply(orjson.dumps(self.made(asked)).decode())
        return None

    @staticmethod
    def plan() -> dict[str, object]:
        files = [*(f"well-{number:02}" for number in range(1, 19)), "well-19-and-20", "measured-2024-05"]
        fields = [{"name": "well", "type": "text", "note": ""}, {"name": "depth", "type": "integer", "note": ""}]
        common = {"role": "reader", "steps": 4, "makes": [], "fields": fields, "needs": [], "tools": ["read_file"]}
        read = [{**common, "id": f"read-{name}", "kind": "work", "goal": f"Read inputs/{name}.txt."} for name in files]
        make = {
            **common,
            "id": "make",
            "kind": "aggregate",
            "goal": "Write the survey.",
            "needs": [task["id"] for task in read],
            "tools": [],
            "makes": ["wells.csv", "survey.pdf"],
            "fields": [],
        }
        return {"scope": "Depths.", "objections": [], "fatal": [], "tasks": [*read, make]}

    @staticmethod
    def read(asked: Asked) -> Reply:
        path = re.search(r"inputs/[\w-]+\.txt", asked.user.partition("Task: ")[2])
        assert path is not None
        if not asked.tool_results:
            return Reply(calls=(ToolCall("call", "read_file", orjson.dumps({"path": path[0]}).decode()),))
        rows = [
            {"well": leaf(well, quote, path[0]), "depth": leaf(int(depth), quote, path[0])}
            for quote, well, depth in re.findall(r"((Well \d\d) is (\d+) metres deep\.)", asked.tool_results[0])
        ]
        return Reply(orjson.dumps({"rows": rows}).decode())

    def made(self, asked: Asked) -> dict[str, object]:
        """One document from all claims: by well, each once; the side that the conflicts say."""
        user = next(text for role, text in asked.turns if role == "user")
        slips = self.slips if asked.user.endswith("What went wrong before:\nnone") else ()
        wells: dict[object, Said] = {}
        rows = {(said.row, said.field): said for said in claims(user)}
        taken = re.search(r"depth of (Well \d\d): .*Take (\d+):", user)
        for (row, name), said in rows.items():
            if name == "well":
                depth = rows[row, "depth"]
                if said.value not in wells or (taken and taken[1] == said.value and int(taken[2]) == depth.value):
                    wells[said.value] = depth
        if taken and "loser" in slips:
            wells[taken[1]] = next(
                rows[row, "depth"] for (row, f), s in rows.items() if f == "well" and s.value == taken[1]
            )
        names = {said.value: said.name for said in rows.values() if said.field == "well"}
        mean = sum(int(str(said.value)) for said in wells.values()) / len(wells)
        cells = [
            {"well": leaf(well, names[well]), "depth": leaf(depth.value, depth.name)} for well, depth in wells.items()
        ]
        formula = f"mean({', '.join(said.name for said in wells.values())})"
        opening = [
            leaf(f"The wells are {mean:.1f} metres deep on average.", formula, "formula"),
            leaf(REPEAT, wells["Well 01"].name),
        ]
        body = [leaf(f"{well} goes down {depth.value} metres.", depth.name) for well, depth in wells.items()]
        if "unknown" in slips:
            body[0] = leaf("Well 01 goes down 11 metres.", "c999")
        if "uncited" in slips:
            body[0] = {"value": "Well 01 goes down 11 metres.", "source": None, "quote": None}
        if "figure" in slips:
            body[0] = leaf("Well 01 goes down 12 metres.", wells["Well 01"].name)
        if "formula" in slips:
            opening[0] = leaf("The wells are 99.9 metres deep on average.", formula, "formula")
        findings = [body] if "repeat" not in slips else [body, [leaf(REPEAT, wells["Well 02"].name)]]
        sections = [
            {"heading": "Summary", "paragraphs": [opening], "bullets": []},
            {"heading": "Findings", "paragraphs": findings, "bullets": []},
        ]
        return {"wells.csv": {"rows": cells}, "survey.pdf": {"sections": sections}}


@pytest.fixture
def survey(village: Village) -> Village:
    """Eighteen notes; one says the third well anew, five years later; one tells of two wells."""
    (village.folder / "inputs" / "well-03.txt").write_text("date: 2019-06-01\n\nWell 03 is 13 metres deep.\n")
    (village.folder / "inputs" / "measured-2024-05.txt").write_text("Well 03 is 31 metres deep.\n")
    (village.folder / "inputs" / "well-19-and-20.txt").write_text(
        "Well 19 is 29 metres deep. Well 20 is 30 metres deep.\n"
    )
    return village


async def surveyed(survey: Village, rule: str, *slips: str) -> tuple[Ended, list[str]]:
    """One run of the survey, with what its maker was told, turn by turn."""
    maker = Maker(slips)
    survey.bend = maker
    (survey.folder / "spec.md").write_text(SPEC.replace("RULE", rule))
    return await survey.run(options=replace(survey.options, verifier="none")), maker.told


def document(ended: Ended, verdict: Verdict) -> Document:
    """What survey.pdf says, as it was handed to its renderer."""
    held = {part.file: part.content for part in parts(ended.turn.run, verdict=verdict)}
    (content,) = held["survey.pdf"]
    assert isinstance(content, Document)
    return content


async def test_twenty_parts_become_one_document_without_a_repeat_and_every_sentence_cited(survey: Village) -> None:
    """What is said of the maker's first try is mended in its second; then no finding but the contradiction is left."""
    ended, told = await surveyed(survey, "newest", "repeat", "loser")

    verdict = ended.turn.verdict
    assert ended.turn.outcome is Outcome.PASSED
    assert ended.turn.run.extended == (TaskId("repair/make"),)
    assert len(ended.turn.run.plan.tasks) == 21
    assert len(claims(told[0])) == 42, "20 agents, 21 rows of two claims, each once"
    assert '"rows"' not in told[0].partition("Results you may use:")[2], "claims, and no raw answers beside them"
    notes = told[1].partition("What went wrong before:")[2]
    assert "no paragraph twice; survey.pdf.sections[0].paragraphs[0] says it" in notes
    assert "Well 03 goes down 13 metres." in notes
    assert [finding.kind for finding in verdict.findings] == ["conflict"]
    body = [block for block in document(ended, verdict).blocks if isinstance(block, Paragraph | Bullets)]
    spoken = chain.from_iterable(block.sentences if isinstance(block, Paragraph) else block.items for block in body)
    written = [sentence for sentence in spoken if "goes down" in sentence.text or "on average" in sentence.text]
    assert len(written) == 21
    assert all(sentence.cells and sentence.cells[0].claims for sentence in written)


async def test_the_gate_finds_the_repeat_and_the_sentence_of_the_losing_side(survey: Village) -> None:
    """With no repair allowed both stand as findings, with their places."""
    ended, _ = await surveyed(survey, "newest\nrepairs: 0", "repeat", "loser")

    found = {(finding.kind, finding.locator): finding for finding in ended.turn.verdict.findings}
    assert ("repeated", "survey.pdf.sections[1].paragraphs[1]") in found
    flaw = found["conflict", "survey.pdf.sections[1].paragraphs[0][2]"]
    assert (flaw.severity, flaw.observed) == (Severity.FLAW, "Well 03 goes down 13 metres.")
    rows = list(csv.DictReader((ended.folder / "files" / "wells.csv").read_text().splitlines()))
    assert rows[2]["depth"] == "31", "the cell itself is set right by the gate"
    (cell,) = [each for each in ended.turn.verdict.values if each.said == 13]
    assert (cell.value, cell.standing) == (31, Standing.CORRECTED)


RULES = [
    (
        "newest",
        "31",
        "Take 31: its source is the newest, of 2024-05 by its name",
        "31 is taken: its source is the newest",
    ),
    ("flag", "13", "Name both sides: the order says to flag it", "no side is taken: the order says to flag it"),
    ("majority", "13", "Name both sides: no majority, 1 against 1 sources", "no side is taken: no majority"),
]


@pytest.mark.parametrize(("rule", "depth", "told", "expected"), RULES)
async def test_a_planted_contradiction_is_settled_by_the_rule_and_listed(
    survey: Village, rule: str, depth: str, told: str, expected: str
) -> None:
    """The maker is told both sides, the file gives one, and the finding, the document and the report give both."""
    ended, heard = await surveyed(survey, rule)

    assert told in heard[0].partition("<conflicts>")[2]
    rows = {row["well"]: row for row in csv.DictReader((ended.folder / "files" / "wells.csv").read_text().splitlines())}
    assert rows["Well 03"]["depth"] == depth
    (finding,) = [one for one in ended.turn.verdict.findings if one.kind == "conflict"]
    assert finding.locator == "Well 03.depth"
    assert finding.expected.startswith(expected)
    assert "inputs/well-03.txt says 13" in finding.observed
    assert "inputs/measured-2024-05.txt says 31" in finding.observed
    text = repr(document(ended, ended.turn.verdict))
    assert "Where sources contradict each other: 1" in text
    report = (ended.folder / "report.html").read_text()
    assert "Contradictions" in report
    assert all(id in report for id in finding.claims)
    listed = orjson.loads((ended.folder / "run.json").read_bytes())["conflicts"]
    assert [one["locator"] for one in listed] == ["Well 03.depth"]


@pytest.mark.parametrize(
    ("slip", "why"),
    [
        ("unknown", "there is no claim c999; you were given c1 to c42"),
        ("uncited", "the source '' cannot be read"),
        ("figure", "the number 12 stands in none of the claims that are cited"),
        ("formula", "does not say so"),
    ],
)
async def test_what_does_not_follow_is_told_to_its_writer_before_it_is_taken(
    survey: Village, slip: str, why: str
) -> None:
    """One more turn of the same conversation, with the reason; what it then answers passes whole."""
    ended, told = await surveyed(survey, "newest", slip)

    assert len(told) == 2
    assert told[1].startswith("That answer cannot be used")
    assert why in told[1]
    assert ended.turn.outcome is Outcome.PASSED
    assert ended.turn.run.extended == ()
    assert [finding.kind for finding in ended.turn.verdict.findings] == ["conflict"]


def refuting(user: str) -> list[dict[str, object]]:
    """A model that supports what a sentence of the passage says, and refutes the rest by the first sentence."""
    found: list[dict[str, object]] = []
    for name, claim, passage in re.findall(r"id (\w+): (.*?)\n<passage>\n(.*?)\n</passage>", user, re.DOTALL):
        told = re.findall(r"((Well \d\d) is (\d+) metres deep\.)", passage)
        value = claim.partition(" is ")[2]
        said = [
            quote for quote, well, depth in told if value in (repr(well), depth, f"'{well} goes down {depth} metres.'")
        ]
        found.append({"id": name, "verdict": "supported" if said else "refuted", "quote": (said or [told[0][0]])[0]})
    return found


async def test_the_refuting_model_sees_the_words_below_a_citation_and_a_mean_stands_as_its_parts(
    survey: Village,
) -> None:
    """It is asked of cells and sentences with the passages they rest on, never of what a program worked out."""
    asked: list[str] = []
    team = Maker()

    def bend(one: Asked) -> Reply | None:
        if "You look for errors" not in one.system:
            return team(one)
        asked.append(one.user)
        return Reply(orjson.dumps({"verdicts": refuting(one.user)}).decode())

    (survey.folder / "spec.md").write_text(SPEC.replace("RULE", "newest"))
    survey.bend = bend
    ended = await survey.run()

    values = {(value.row, value.field): value for value in ended.turn.verdict.values}
    mean = values[UnitKey("survey.pdf.sections[0]"), "paragraphs[0][0]"]
    assert mean.standing is Standing.ACCEPTED
    assert "all that it rests on is accepted" in mean.reasons
    assert not any("on average" in user for user in asked)
    (cell,) = [user for user in asked if "depth of wells.csv.rows[4] is 15" in user]
    assert "Well 05 is 15 metres deep." in cell.partition("depth of wells.csv.rows[4] is 15")[2]
    untrue = values[UnitKey("survey.pdf.sections[0]"), "paragraphs[0][1]"]
    assert untrue.standing is Standing.REFUTED, "what its passage does not say is taken out"


async def test_every_value_of_every_file_resolves_to_words_or_a_formula(survey: Village) -> None:
    """Cells and sentences, from their ids and from their places, down to passages of sources that were stored."""
    ended, _ = await surveyed(survey, "newest")
    state = state_of(ended.folder)
    ledger = ledger_of_run(survey.project, state)
    assert state.verdict is not None
    cells: list[Cell] = []
    for part in parts(state.run(), verdict=state.verdict):
        for content in part.content:
            match content:
                case Table():
                    cells += [cell for row in content.rows for cell in row if cell.standing is not Standing.PLAIN]
                case Document():
                    cells += _cells(content)
                case _:
                    pass
    assert len(cells) == 40 + 2 + 20
    for cell in cells:
        one = resolve(ledger, cell.claims[0])
        assert not one.flaw
        bottom = [one]
        while any(each.rests for each in bottom):
            bottom = [below for each in bottom for below in (each.rests or (each,))]
        assert all(each.passage is not None and each.passage.quote == each.claim.quote for each in bottom)
        assert all(each.read is not None and each.read.at > 1_600_000_000 for each in bottom)
    mean = next(cell for cell in cells if "average" in str(cell.value))
    assert mean.formula.startswith("mean(c1, c2,")
    (survey.folder / "inputs" / "well-05.txt").write_text("gone")
    found = lookup(survey.project, ended.folder, "wells.csv:5.depth").resolved
    assert found.rests[0].passage is not None
    assert found.rests[0].passage.quote == "Well 05 is 15 metres deep."


def _cells(content: Document) -> list[Cell]:
    blocks = (block for block in content.blocks if isinstance(block, Paragraph | Bullets))
    spoken: list[Sentence] = [
        sentence for block in blocks for sentence in (block.sentences if isinstance(block, Paragraph) else block.items)
    ]
    return [cell for sentence in spoken for cell in sentence.cells if cell.standing is not Standing.PLAIN]
