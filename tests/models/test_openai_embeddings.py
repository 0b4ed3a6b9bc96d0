"""Embeddings over the real wire: what is sent, what is believed, and how each fault is told."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from strop.errors import (
    AuthRefused,
    BadStream,
    EgressRefused,
    EndpointDown,
    ModelFailure,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    StropError,
    WindowExceeded,
)
from strop.models.openai_embeddings import EmbeddingManners, OpenAIEmbeddings
from strop.net.connector import Deadlines, Endpoint
from strop.net.secrets import Secret
from strop.testing.concepts import Concepts
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Fault, Reply, UsageAt
from strop.types.money import Certainty, Price
from strop.types.vectors import EmbedderCard, Side, Vectors

pytestmark = pytest.mark.anyio

CARD = EmbedderCard("house", "bge", Price(), window=8, space="house")
KEY = "key-that-nobody-may-see"


async def embedded(
    script: Callable[[Asked], Reply],
    texts: tuple[str, ...] = ("one word", "another"),
    *,
    side: Side = Side.PASSAGE,
    manners: EmbeddingManners | None = None,
) -> Vectors:
    async with TestServer(script) as server:
        wire = Endpoint(
            server.chat_url,
            allow=frozenset((server.host,)),
            secret=Secret(("EMBED_KEY",)),
            deadlines=Deadlines(first_byte=0.5, idle=0.5, total=1.0),
            environ={"EMBED_KEY": KEY},
        )
        embedder = OpenAIEmbeddings(CARD, wire=wire, manners=manners)
        try:
            return await embedder.embed(texts, side=side)
        finally:
            await embedder.close()


async def test_vectors_come_in_the_order_of_their_texts_and_of_length_one() -> None:
    """Whatever order the server writes them in; usage is what it reports."""
    made = await embedded(lambda asked: Reply(vectors=((3.0, 4.0), (0.0, -2.0)), shuffled=True))

    assert [list(row) for row in made.rows] == [pytest.approx([0.6, 0.8]), [0.0, -1.0]]
    assert made.usage.input > 0
    assert made.usage.certainty is Certainty.REPORTED


async def test_the_request_is_what_such_servers_take() -> None:
    """Model, texts cut to the window, floats; what the model wants before each side; dimensions only where asked."""
    seen: list[Asked] = []

    def script(asked: Asked) -> Reply:
        seen.append(asked)
        return Concepts().reply(asked)

    manners = EmbeddingManners(query="query: ", passage="passage: ", dimensions=256)
    await embedded(script, ("a long text that is longer than eight tokens",), side=Side.QUERY, manners=manners)
    await embedded(script, ("short", "caf\udce9"), side=Side.ITEM, manners=manners)
    await embedded(script, ("plain",))

    assert [asked.texts for asked in seen] == [
        ("query: a long text that ",),
        ("passage: short", "passage: caf?"),
        ("plain",),
    ]
    assert seen[0].body == {
        "model": "bge",
        "input": ["query: a long text that "],
        "encoding_format": "float",
        "dimensions": 256,
    }
    assert "dimensions" not in seen[2].body
    assert all(asked.keyed and asked.path == "/v1/embeddings" for asked in seen)


async def test_where_no_usage_comes_the_bytes_sent_bound_it() -> None:
    """An estimate, and marked as one."""
    made = await embedded(lambda asked: Reply(vectors=((1.0,), (1.0,)), usage_at=UsageAt.NOWHERE))
    assert made.usage.certainty is Certainty.ESTIMATED
    assert made.usage.input > len("one wordanother")


FLAWED: dict[str, tuple[tuple[tuple[float | None, ...], ...], str]] = {
    "too few": (((1.0, 2.0),), "2 texts went out, 1 vectors came back"),
    "too many": (((1.0,), (1.0,), (1.0,)), "2 texts went out, 3 vectors came back"),
    "none": ((), "2 texts went out, 0 vectors came back"),
    "two dimensions": (((1.0, 2.0), (1.0,)), "vectors of 1 and of 2 numbers in one answer"),
    "not a number": (((1.0, 2.0), (1.0, None)), "vector 2 holds something that is no finite number"),
    "endless": (((1.7e308, 1.7e308), (1.0, 1.0)), "vector 1 holds something that is no finite number"),
    "zero": (((0.0, 0.0), (1.0, 1.0)), "vector 1 is zero, so it points nowhere"),
    "empty": (((), (1.0,)), "vector 1 is no list of numbers"),
}


@pytest.mark.parametrize("flaw", FLAWED)
async def test_vectors_that_cannot_be_right_are_refused(flaw: str) -> None:
    """Counted, checked and named; it was billed."""
    vectors, said = FLAWED[flaw]
    with pytest.raises(BadStream) as caught:
        await embedded(lambda asked: Reply(vectors=vectors))
    assert f"house: {said}" in str(caught.value)
    assert caught.value.billed


FAULTS: dict[Fault, tuple[type[StropError], bool]] = {
    Fault.UNAUTHORIZED: (AuthRefused, False),
    Fault.FORBIDDEN: (AuthRefused, False),
    Fault.NOT_FOUND: (RequestRefused, False),
    Fault.BAD_REQUEST: (RequestRefused, False),
    Fault.WINDOW: (WindowExceeded, False),
    Fault.RATE_LIMIT: (RateLimited, False),
    Fault.QUOTA: (QuotaExhausted, False),
    Fault.SERVER_ERROR: (EndpointDown, False),
    Fault.OVERLOADED: (EndpointDown, False),
    Fault.HTML: (BadStream, True),
    Fault.GARBAGE: (BadStream, True),
    Fault.NOT_HTTP: (BadStream, True),
    Fault.RESET: (EndpointDown, True),
    Fault.HANG: (EndpointDown, True),
    Fault.REDIRECT: (EgressRefused, False),
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_each_fault_is_the_failure_it_is_and_shows_no_key(fault: Fault) -> None:
    """As of models that answer: the same branches, the same word on whether it may have been billed."""
    kind, billed = FAULTS[fault]
    with pytest.raises(kind) as caught:
        await embedded(lambda asked: Reply(fault=fault, says="said with {key}"))
    assert type(caught.value) is kind
    assert KEY not in str(caught.value)
    if isinstance(caught.value, ModelFailure):
        assert caught.value.billed is billed


def test_words_of_one_group_mean_the_same_and_others_do_not() -> None:
    """The scripted embedder does what its tests rest on."""

    def near(one: str, other: str) -> float:
        a, b = made(one), made(other)
        return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))

    made = Concepts([("lease", "tenancy"), ("month", "thirty")])
    assert near("the lease", "a tenancy") == pytest.approx(1.0)
    assert near("lease month", "tenancy harbour") == pytest.approx(0.5, abs=0.15)
    assert abs(near("lease", "harbour")) < 0.25
