"""An embedder inside a run, over real HTTP: its calls are in the journal and on the bill, its failure is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from strop.app import knowing, nearness
from strop.app.journals import events_of
from strop.swarm.spending import EMBED
from strop.testing.concepts import Concepts
from strop.testing.wires import EMBEDDINGS, Asked, Fault, Reply
from strop.types.events import CallAnswered, CallFailed, CallIntended
from strop.types.trial import Outcome

if TYPE_CHECKING:
    from .conftest import Team, Village

pytestmark = pytest.mark.anyio

CONCEPTS = Concepts([("well", "wells", "cistern")])
KNOWN = "# Custom\n\nThe cistern of the parish is cleaned every spring.\n"
"""Says something of wells, in another word than any goal."""


async def known(village: Village) -> None:
    """A document with its vector, and the role bound to the village's server."""
    path = village.folder / "strop.toml"
    path.write_text(
        '[roles]\nembedder = "house"\n[embeddings]\nfloor = 0.2\n[models.house]\nwire = "embeddings"\n'
        f'id = "worker-model"\nbase_url = "{village.server.chat_url}"\nwindow = 512\noutput = 1\n'
        'price = { input = "0.95", output = "0" }\n' + path.read_text()
    )
    village.bend = lambda asked: CONCEPTS.reply(asked) if asked.wire == EMBEDDINGS else None
    (village.folder / "custom.md").write_text(KNOWN)
    knowing.add(village.project, [village.folder / "custom.md"], notice=lambda path: None)
    made = await nearness.embed_known(village.project, why="know add", say=lambda said: None)
    assert made is not None
    assert made.made == 1


async def test_a_run_finds_passages_by_meaning_and_pays_on_record(village: Village, team: Team) -> None:
    """Goals in other words than the document's are given its passage; each call is reserved, journaled, billed."""
    await known(village)
    before = len(village.server.bill.entries)
    ended = await village.run()

    assert ended.turn.outcome is Outcome.PASSED
    plan = ended.turn.run.plan
    assert {passage.path for task in plan.tasks for passage in task.knowledge} == {"knowledge/custom.md"}
    assert village.server.host in plan.egress
    assert plan.binding("embedder") is not None
    assert team.booked(ended) == village.billed(village.server.bill.entries[before:])
    facts = [event.body for event in events_of(ended.folder)]
    held = {body.step: body for body in facts if isinstance(body, CallIntended) and body.task == EMBED}
    paid = {body.step: body for body in facts if isinstance(body, CallAnswered) and body.task == EMBED}
    assert held.keys() == paid.keys() == {1}
    assert held[1].nanos >= paid[1].nanos > 0
    report = orjson.loads((ended.folder / "run.json").read_bytes())["embedder"]
    assert report == {
        "model": "house",
        "asked": len({task.goal for task in plan.tasks}),
        "tokens": paid[1].usage.total,
        "nanos": paid[1].nanos,
        "without_vector": 0,
        "failed": "",
    }


async def test_a_second_run_of_the_same_goals_pays_the_embedder_nothing(village: Village) -> None:
    """What was looked up once is kept."""
    await known(village)
    await village.run()
    asked = sum(entry.wire == EMBEDDINGS for entry in village.server.bill.entries)
    ended = await village.run()
    assert sum(entry.wire == EMBEDDINGS for entry in village.server.bill.entries) == asked
    assert any(task.knowledge for task in ended.turn.run.plan.tasks)


async def test_a_run_whose_embedder_fails_goes_on_by_words_and_says_so(village: Village, team: Team) -> None:
    """Three tries, each on record and given back; the run passes, warns once, and run.json has the reason."""
    await known(village)
    before = len(village.server.bill.entries)

    def broken(asked: Asked) -> Reply | None:
        return Reply(fault=Fault.SERVER_ERROR) if asked.wire == EMBEDDINGS else None

    village.bend = broken
    said: list[str] = []
    ended = await village.run(warn=said.append)

    assert ended.turn.outcome is Outcome.PASSED
    assert not any(task.knowledge for task in ended.turn.run.plan.tasks)
    assert [line for line in said if "found by its words alone" in line] == said
    assert len(said) == 1
    failed = [event.body for event in events_of(ended.folder) if isinstance(event.body, CallFailed)]
    assert [body.task for body in failed] == [EMBED] * 3
    assert team.booked(ended) == village.billed(village.server.bill.entries[before:])
    assert "HTTP 500" in orjson.loads((ended.folder / "run.json").read_bytes())["embedder"]["failed"]
