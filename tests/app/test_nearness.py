"""What an embedder adds: passages in other words, each vector paid for once, and nothing lost when it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from strop.app import knowing, nearness, open_project
from strop.app.project import Project
from strop.errors import ConfigRefused
from strop.testing.concepts import Concepts
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Fault, Reply
from strop.types.document import Query
from strop.types.money import Price, cost
from strop.types.vectors import Side

pytestmark = pytest.mark.anyio

CONCEPTS = Concepts([("lease", "tenancy"), ("notice", "termination"), ("warehouse", "depot"), ("period", "delay")])
LEASE = "# Lease\n\nEither side may end the lease with a notice period of six months.\n"
SHIPS = "# Ships\n\nThe harbour handled many ships last summer.\n"
ELSEWHERE = "termination delay of the tenancy"
"""The question in other words than the document's."""
PRICE = Price("0.02", output="0")


@dataclass
class Desk:
    """A project whose embedder is the test server, which answers by concept but for what is bent."""

    folder: Path
    server: TestServer
    seen: list[Asked] = field(default_factory=list[Asked])
    bend: Callable[[Asked], Reply | None] = lambda asked: None
    said: list[str] = field(default_factory=list[str])

    def write(self, *, model: str = "house", more: str = "", usd: str = "1") -> None:
        (self.folder / "strop.toml").write_text(
            f'[roles]\nembedder = "{model}"\n'
            '[models.house]\nwire = "embeddings"\nid = "bge"\nwindow = 512\noutput = 1\n'
            f'base_url = "{self.server.chat_url}"\nprice = {{ input = "{PRICE.input}", output = "0" }}\n{more}\n'
            f"[learning]\nusd = {usd}\n"
        )

    @property
    def project(self) -> Project:
        return open_project(self.folder, environment={})

    def add(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / f"{name}.md").write_text(text)
            knowing.add(self.project, [self.folder / f"{name}.md"], notice=lambda path: None)

    async def embed(self) -> nearness.Made | None:
        return await nearness.embed_known(self.project, why="know embed", say=self.said.append)

    async def search(self, words: str, **filters: object) -> list[str]:
        query = replace(Query(words), **filters)
        return [hit.passage.path for hit in await nearness.searched(self.project, query, warn=self.said.append)]

    @property
    def bought(self) -> list[str]:
        """Every text that was sent, in order."""
        return [text for asked in self.seen for text in asked.texts]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    def script(asked: Asked) -> Reply:
        made.seen.append(asked)
        return made.bend(asked) or CONCEPTS.reply(asked)

    async with TestServer(script, price=PRICE) as server:
        made = Desk(tmp_path, server)
        made.write()
        yield made


async def test_a_question_in_other_words_finds_its_passage(desk: Desk) -> None:
    """By words it finds nothing, by meaning the passage; what neither floor lets in is not shown."""
    desk.add(lease=LEASE, ships=SHIPS)
    assert knowing.search(desk.project, Query(ELSEWHERE)) == ()
    await desk.embed()

    assert await desk.search(ELSEWHERE) == ["knowledge/lease.md"]
    assert await desk.search("lattice chromodynamics") == []
    assert await desk.search(ELSEWHERE, paths="knowledge/sh*") == []


async def test_both_rankings_count_and_equal_questions_are_answered_alike(desk: Desk) -> None:
    """What is near by words and by meaning stands before what is near by one; each hit says why it is there."""
    desk.add(
        lease=LEASE,
        other="# Other\n\nThe tenancy has a termination delay.\n",
        rent="# Rent\n\nThe notice on the lease of a boat says hello to harbour people everywhere around.\n",
    )
    await desk.embed()
    query = Query("notice period of the lease")

    hits = await nearness.searched(desk.project, query, warn=desk.said.append)

    assert hits[0].passage.path == "knowledge/lease.md"
    assert {hit.passage.path for hit in hits} >= {"knowledge/other.md"}
    other = next(hit for hit in hits if hit.passage.path == "knowledge/other.md")
    assert (other.coverage, other.score) == (0.0, 0.0)
    assert other.cosine is not None
    assert other.cosine > 0.5
    assert await nearness.searched(desk.project, query, warn=desk.said.append) == hits


async def test_nothing_is_paid_for_twice(desk: Desk) -> None:
    """Not a passage, not a question, not a text that stands in two documents; what is changed alone is new."""
    desk.add(lease=LEASE, copy=LEASE, ships=SHIPS)
    first = await desk.embed()
    assert first is not None
    assert (first.made, first.left) == (2, 0)
    assert await desk.embed() == nearness.Made("house", 0, 0, 0, 0)
    await desk.search(ELSEWHERE)
    await desk.search(ELSEWHERE)
    desk.add(ships=SHIPS + "\n# More\n\nA second part.\n")
    await desk.embed()

    assert len(desk.bought) == len(set(desk.bought)) == 4
    assert desk.server.bill.nanos == sum(paid.nanos for paid in nearness.vectors_of(desk.project).paid())


async def test_every_call_is_on_record_with_its_price_said_before(desk: Desk) -> None:
    """The price stands there before the first call; the rows say what was paid, for what, and how it ended."""
    desk.add(lease=LEASE)
    made = await desk.embed()
    await desk.search(ELSEWHERE)

    assert made is not None
    assert made.nanos == cost(desk.server.bill.entries[0].usage, PRICE) > 0
    assert desk.said[0].startswith("1 passage to embed with house: expected under $0.0001")
    rows = nearness.vectors_of(desk.project).paid()
    assert [(row.model, row.why, row.texts, row.state) for row in rows] == [
        ("house", "know embed", 1, "answered"),
        ("house", "know search", 1, "answered"),
    ]


async def test_the_cap_of_a_command_holds_and_what_was_made_is_kept(desk: Desk) -> None:
    """The worst case of each call is reserved; when the next one does not fit, the rest is left, and it is said."""
    desk.write(more="manners = { inputs = 1 }", usd="0.0000055")
    desk.add(lease=LEASE, long="# Long\n\n" + "harbours " * 22)
    made = await desk.embed()

    assert made is not None
    assert (made.made, made.left) == (1, 1)
    assert "the next call may cost" in made.failed
    assert len(desk.seen) == 1
    again = await desk.embed()
    assert again is not None
    assert (again.made, again.left) == (1, 0)


async def test_a_removed_document_takes_its_vectors_with_it(desk: Desk) -> None:
    """But for those that another document holds too."""
    desk.add(lease=LEASE, copy=LEASE, ships=SHIPS)
    await desk.embed()
    store = nearness.vectors_of(desk.project)

    def held() -> int:
        return sum(len(store.signs(name, Side.PASSAGE).rows) for name in spaces)

    embedder, _ = nearness.embedder_of(desk.project)
    assert embedder is not None
    spaces = [embedder.card.space]
    assert held() == 2
    knowing.remove(desk.project, "copy.md")
    assert held() == 2
    knowing.remove(desk.project, "lease.md")
    assert held() == 1


@pytest.mark.parametrize("fault", [Fault.UNAUTHORIZED, Fault.NOT_FOUND, Fault.QUOTA, Fault.REDIRECT], ids=str)
async def test_a_search_whose_embedder_fails_goes_on_by_words_and_says_so(desk: Desk, fault: Fault) -> None:
    """Once asked, once said; the failure is on record and costs nothing."""
    desk.add(lease=LEASE)
    await desk.embed()
    desk.bend = lambda asked: Reply(fault=fault)

    assert await desk.search("notice period of the lease") == ["knowledge/lease.md"]
    assert "found by its words alone" in desk.said[-1]
    assert len(desk.seen) == 2


async def test_what_may_pass_is_asked_again_and_a_lost_call_is_booked_at_its_worst(desk: Desk) -> None:
    """A busy server twice, then an answer: paid once. An answer that cannot be read is booked and asked again."""
    faults = iter([Reply(fault=Fault.OVERLOADED), Reply(fault=Fault.GARBAGE), None])
    desk.bend = lambda asked: next(faults)
    desk.add(lease=LEASE)
    made = await desk.embed()

    assert made is not None
    assert made.made == 1
    rows = nearness.vectors_of(desk.project).paid()
    assert [row.state for row in rows] == ["failed", "lost", "answered"]
    assert rows[0].nanos == 0
    assert rows[1].nanos > rows[2].nanos > 0


async def test_another_dimension_behind_the_same_name_is_refused_by_name(desk: Desk) -> None:
    """Vectors that do not compare are never mixed, and the message says how to begin anew."""
    desk.add(lease=LEASE)
    await desk.embed()
    desk.bend = lambda asked: Concepts(dimensions=32).reply(asked)
    desk.add(ships=SHIPS)
    with pytest.raises(ConfigRefused, match="vectors of 32 numbers, and those kept of it have 256"):
        await desk.embed()
    nearness.vectors_of(desk.project).forget_all()
    made = await desk.embed()
    assert made is not None
    assert made.made == 2


async def test_passages_without_a_vector_are_told(desk: Desk) -> None:
    """Documents that were there before the embedder are found by their words until they are embedded."""
    desk.add(lease=LEASE)
    await desk.embed()
    desk.add(ships=SHIPS)
    await desk.search(ELSEWHERE)
    assert desk.said[-1].startswith("1 of 2 passages has no vector")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("kimi-k2.6", "is no embedding model"),
        ("embedded", "is no embedding model"),
        ("nobody", "unknown model"),
        ("embeddings:https://far.example/v1#m", "the price of embeddings:https://far.example/v1#m is not known"),
    ],
)
async def test_a_role_that_nobody_can_serve_is_refused(desk: Desk, model: str, said: str) -> None:
    """By name, before anything is sent."""
    desk.write(model=model)
    with pytest.raises(ConfigRefused, match=said):
        await desk.search(ELSEWHERE)
    assert desk.seen == []


async def test_an_openai_locator_means_the_embeddings_served_there(desk: Desk) -> None:
    """On one's own machine nobody bills, so no price is needed."""
    desk.write(model=f"openai:{desk.server.chat_url}#m")
    desk.add(lease=LEASE)
    made = await desk.embed()
    assert made is not None
    assert (made.made, made.nanos) == (1, 0)


async def test_without_its_key_nothing_is_sent_and_it_is_said(desk: Desk) -> None:
    """A colleague without a key searches by words."""
    desk.write(more='keys = ["HOUSE_KEY"]')
    desk.add(lease=LEASE)
    assert await desk.embed() is None
    assert await desk.search("notice period of the lease") == ["knowledge/lease.md"]
    assert desk.seen == []
    assert all("set HOUSE_KEY in the environment" in said for said in desk.said)


async def test_a_floor_that_passages_drawn_by_chance_reach_is_told(desk: Desk) -> None:
    """Models differ in how near the unlike are; the project's own passages say it, and cost nothing more."""
    desk.add(many="\n\n".join(f"# Part {at}\n\nalike alike alike alike word{at:04}" for at in range(60)))
    made = await desk.embed()
    assert made is not None
    assert made.unrelated is not None
    assert made.unrelated > 0.5
    assert desk.said[-1].startswith("[embeddings] floor is 0.5, and of passages drawn by chance one pair in twenty")
    desk.write(more="[embeddings]\nfloor = 0.99")
    desk.add(one="# One more\n\nalike alike alike alike again")
    await desk.embed()
    assert not desk.said[-1].startswith("[embeddings]")
