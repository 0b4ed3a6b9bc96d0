"""A flaw that is known costs no token of the refuting model; over real HTTP, through `execute`."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from strop.app import Ended, Options, Order, Project, Screen, execute, open_project, settle, spec_of
from strop.app.journals import events_of
from strop.app.library import approve
from strop.learning.library import rollback
from strop.swarm.spending import Spending
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Reply
from strop.types.content import Scalar, Standing
from strop.types.memory import ItemKind, ItemState
from strop.types.money import Usage
from strop.types.trial import Role, Value
from strop.types.work import PLACE, Plan

pytestmark = pytest.mark.anyio

HALLS = {"alder": 21, "birch": 34, "cedar": 55, "elm": 40, "fir": 61, "gorse": 30, "hazel": 44}
SPEC = """---
deliver:
  - {file: halls.csv, rows: ">= 1", columns: {name: {type: text, quote: true}, bells: {type: integer, quote: true}}}
each: inputs/*.txt
readers: 2
repairs: 0
---
# Halls

Each document describes one station. Give its name and its bells.
"""
A_QUESTION = 100
"""Tokens that the refuting model takes for each claim it is asked about, whatever is in it."""


@dataclass(slots=True)
class Halls:
    """The project, its server, what readers say otherwise, and what the refuting model was asked."""

    folder: Path
    server: TestServer
    says: dict[str, dict[str, Scalar]] = field(default_factory=dict[str, "dict[str, Scalar]"])
    """By station: what its readers answer in the place of what the page says."""
    again: dict[str, dict[str, Scalar]] = field(default_factory=dict[str, "dict[str, Scalar]"])
    """The same, of readers who were told of a doubt."""
    asked: list[str] = field(default_factory=list[str])
    """Claims that the refuting model was asked about."""
    heard: int = 0
    """Requests that came to the refuting model."""
    verifier: bool = True

    @property
    def project(self) -> Project:
        return open_project(self.folder, environment={})

    def write(self, *, halls: Sequence[str] = tuple(HALLS), spec: str = SPEC) -> None:
        inputs = self.folder / "inputs"
        shutil.rmtree(inputs, ignore_errors=True)
        inputs.mkdir(parents=True)
        for key in halls:
            (inputs / f"{key}.txt").write_text(page(key))
        (self.folder / "spec.md").write_text(spec)
        (self.folder / "strop.toml").write_text(settings(self.server))

    async def run(self) -> Ended:
        self.asked.clear()
        self.heard = 0
        order = Order(spec_of((self.folder / "spec.md").read_bytes(), name="spec.md"), "spec.md")
        verifier = f"openai:{self.server.chat_url}#strong-model" if self.verifier else "none"
        options = Options(
            worker=f"openai:{self.server.chat_url}#worker-model", planner="none", verifier=verifier, exemplars=0
        )
        return await execute(self.project, order, options=options, approve=granted, screen=Screen())

    def answer(self, asked: Asked) -> Reply:
        if asked.model == "strong-model":
            return self._refutes(asked)
        key = re.search(r"This is (\w+)\.", asked.user)
        assert key is not None, asked.user
        told = "Read again" in asked.user
        said = self.again.get(key[1], self.says.get(key[1], {})) if told else self.says.get(key[1], {})
        return reply({"name": key[1], f"name{PLACE}": 1, "bells": HALLS[key[1]], f"bells{PLACE}": 2} | said)

    def _refutes(self, asked: Asked) -> Reply:
        """It reads the passage and is never wrong."""
        self.heard += 1
        if "contradictions" in asked.system:
            return reply({"contradictions": []}, usage=Usage(input=A_QUESTION, output=1))
        found = re.findall(r"id (\w+): (\w+) of \S+ is (.+?)\n<passage>\n(.*?)\n</passage>", asked.user, re.DOTALL)
        self.asked += [f"{name}: {field} {value}" for name, field, value, _ in found]
        said = [verdict(*each) for each in found]
        return reply({"verdicts": said}, usage=Usage(input=A_QUESTION * len(found), output=len(found)))


def page(key: str) -> str:
    return f"This is {key}. The {key} hall keeps {HALLS[key]} bells. It has {HALLS[key] + 100} steps.\n"


def verdict(name: str, column: str, value: str, passage: str) -> dict[str, str]:
    pattern = {"name": r"This is (\w+)\.", "bells": r"keeps (\d+) bells\."}[column]
    truth = re.search(pattern, passage)
    assert truth is not None
    return {"id": name, "verdict": "supported" if value.strip("'") == truth[1] else "refuted", "quote": truth.group()}


def reply(answer: object, usage: Usage | None = None) -> Reply:
    return Reply(orjson.dumps(answer).decode(), usage=usage)


def settings(server: TestServer) -> str:
    return (
        "".join(
            f'[models."openai:{server.chat_url}#{name}"]\nid = "{name}"\nwire = "openai"\n'
            f'base_url = "{server.chat_url}"\n'
            f'keys = ["HALLS_KEY"]\nkey_optional = true\nwindow = 64000\noutput = 4000\n'
            f'price = {{ input = "1.00", output = "4.00" }}\n'
            for name in ("worker-model", "strong-model")
        )
        + "[limits]\nhang_floor = 600\nhang_first = 600\nhedge = 0\n"
    )


async def granted(plan: Plan) -> str:
    return "--yes"


def named(ended: Ended, key: str, column: str = "name") -> Value:
    """The judged value of a station."""
    return next(v for v in ended.turn.verdict.values if v.row.endswith(f"{key}") and v.field == column)


def heard_tokens(ended: Ended) -> int:
    """Tokens of the refuting model, by the run's own ledger."""
    spending = Spending()
    for event in events_of(ended.folder):
        spending.apply(event)
    spent = (each.usage for task, each in spending.by_task.items() if task.startswith("refute/"))
    return sum(usage.input + usage.output for usage in spent)


def claims_asked(ended: Ended, halls: Halls) -> set[str]:
    """What the refuting model was asked, planted flaws aside."""
    planted = {word.id for word in ended.turn.verdict.words if word.role is Role.CANARY}
    return {each for each in halls.asked if each.partition(":")[0] not in planted}


@pytest.fixture
async def halls(tmp_path: Path) -> AsyncIterator[Halls]:
    made: list[Halls] = []
    async with TestServer(lambda asked: made[0].answer(asked)) as server:
        made.append(Halls(tmp_path / "project", server))
        made[0].write()
        yield made[0]


WRONG: dict[str, Scalar] = {"name": "cedar hall", f"name{PLACE}": 2}
"""A page's words that stand, and are not its name: both readers say them, and the gate lets them through."""


async def test_a_flaw_that_was_refuted_once_is_caught_without_a_token(halls: Halls) -> None:
    """Refuted in run 1, it is a check in run 2: no request holds it, and its tokens are those of a run without it."""
    halls.says = {"cedar": WRONG}
    first = await halls.run()
    assert named(first, "cedar").standing is Standing.REFUTED
    assert any("cedar hall" in each for each in claims_asked(first, halls))
    assert r"{check: pattern(name, \S+)}" in (halls.folder / "CONSTRAINTS.md").read_text()

    other = Halls(halls.folder.with_name("other"), halls.server)
    shutil.copytree(halls.folder, other.folder)
    second = await halls.run()
    found, tokens = claims_asked(second, halls), heard_tokens(second)
    assert named(second, "cedar").reasons[-1] == "breaks a rule"
    assert not any("cedar hall" in each for each in found)
    assert sum(finding.kind == "constraint" for finding in second.turn.verdict.findings) == 1

    halls.folder = other.folder
    halls.says = {"cedar": {"name": None, f"name{PLACE}": None}}  # everything else is the same
    without = await halls.run()
    assert claims_asked(without, halls) == found
    assert heard_tokens(without) == tokens > 0


# ---------------------------------------------------------------- a check that is wrong

MENDING = SPEC.replace("repairs: 0", "repairs: 1")


def truly(key: str) -> dict[str, Scalar]:
    """What a page says whose name is two words."""
    return {"name": f"{key} hall", f"name{PLACE}": 2}


def checks(halls: Halls) -> list[str]:
    """Checks in force, by CONSTRAINTS.md."""
    return [rule.check for rule in halls.project.rules()]


async def taught(halls: Halls) -> None:
    """Run 1 with the refuting model, which leaves `pattern(name, \\S+)`; from then on none is asked."""
    halls.says = {"cedar": WRONG}
    await halls.run()
    assert checks(halls) == [r"pattern(name, \S+)"]
    halls.verifier = False
    halls.write(spec=MENDING)


async def test_a_check_that_takes_out_what_readers_say_again_is_put_away(halls: Halls) -> None:
    """Four right values out, fresh readers say the same of each: the run gives them back, and the check is no more."""
    await taught(halls)
    halls.says = {key: truly(key) for key in ("alder", "birch", "cedar", "elm")}

    ended = await halls.run()

    for key in halls.says:
        assert (named(ended, key).value, named(ended, key).standing) == (f"{key} hall", Standing.ACCEPTED)
    assert "alder hall" in (ended.folder / "files" / "halls.csv").read_text()
    assert checks(halls) == []
    (item,) = [each for each in halls.project.db.head().items if each.kind is ItemKind.CHECK]
    assert item.state is ItemState.QUARANTINE
    assert item.why == (
        "in 4 of 4 units that were read again the readers said what it had taken out: E of harm 6.2 reached 5"
    )
    text = (halls.folder / "CONSTRAINTS.md").read_text()
    assert text.splitlines()[-1].startswith("<!-- in quarantine: [c-f34cd1cd] `name` is one word")
    assert item.why in text
    later = await halls.run()
    assert named(later, "alder").value == "alder hall"
    assert checks(halls) == [], "it is not learned again"

    for state in (ItemState.CANDIDATE, ItemState.ACTIVE):
        there = halls.project.db.head().item(item.id)
        assert there is not None
        approve(halls.project, there, to=state)
    settle(halls.project)
    assert named(await halls.run(), "alder").standing is Standing.REFUTED, "a person's word stands against evidence"
    assert checks(halls) == [r"pattern(name, \S+)"]


async def test_evidence_on_a_check_adds_up_over_runs_and_outlives_a_rollback(halls: Halls) -> None:
    """Two units a run: after two runs over other inputs it holds no longer; the same input counts once."""
    await taught(halls)
    halls.says = {key: truly(key) for key in HALLS}
    halls.write(halls=("alder", "birch"), spec=MENDING)
    one = await halls.run()
    assert [value.standing for value in (named(one, "alder"), named(one, "birch"))] == [Standing.REFUTED] * 2
    await halls.run()
    assert len(checks(halls)) == 1, "the same inputs say nothing new"
    before = halls.project.db.head().hash

    halls.write(halls=("fir", "gorse"), spec=MENDING)
    two = await halls.run()
    assert named(two, "fir").value == "fir hall"
    assert checks(halls) == []

    rollback(halls.project.db, to=before)
    settle(halls.project)
    assert len(checks(halls)) == 1
    halls.write(halls=("hazel",), spec=MENDING)
    assert named(await halls.run(), "hazel").value == "hazel hall", "the evidence is still there"


async def test_a_check_that_is_right_is_borne_out_and_the_unit_is_mended(halls: Halls) -> None:
    """Fresh readers say another value that the gate accepts: it is delivered, and speaks for the check."""
    await taught(halls)
    halls.says = {key: WRONG | {"name": f"{key} hall"} for key in ("alder", "birch", "cedar", "elm")}
    halls.again = {key: {"name": key} for key in halls.says}

    ended = await halls.run()

    assert [named(ended, key).value for key in halls.says] == list(halls.says)
    assert "read again, and accepted" in named(ended, "alder").reasons
    assert checks(halls) == [r"pattern(name, \S+)"]
    (item,) = [each for each in halls.project.db.head().items if each.kind is ItemKind.CHECK]
    assert [pair.won for pair in halls.project.db.pairs(item.id, version=item.digest)] == [True] * 4


async def test_readers_who_do_not_agree_say_nothing_of_a_check(halls: Halls) -> None:
    """A second opinion that the gate does not accept is none; the value stays out."""
    await taught(halls)
    halls.says = {"alder": truly("alder")}
    halls.again = {"alder": {"name": "alder bells", f"name{PLACE}": 1}}  # no sentence says that

    ended = await halls.run()

    assert named(ended, "alder").standing is Standing.REFUTED
    (item,) = [each for each in halls.project.db.head().items if each.kind is ItemKind.CHECK]
    assert halls.project.db.pairs(item.id, version=item.digest) == ()


async def test_a_check_that_nothing_could_judge_is_tried_again_later(halls: Halls) -> None:
    """`hall` was wrong of two stations, and nothing else was stored to try that on; the next run that passed is."""
    halls.says = {key: {"name": "hall", f"name{PLACE}": 2} for key in ("cedar", "elm")}
    await halls.run()
    (waiting,) = [each for each in halls.project.db.head().items if each.kind is ItemKind.CHECK]
    assert (waiting.state, checks(halls)) == (ItemState.CANDIDATE, [])
    assert "no other delivery is stored yet" in waiting.why

    halls.says = {}
    await halls.run()

    assert checks(halls) == ['not_value(name, "hall")']
    item = halls.project.db.head().item(waiting.id)
    assert item is not None
    assert item.why.startswith("2 refuted values broke it, 5 proved ones keep it; silent on 1 stored delivery")
