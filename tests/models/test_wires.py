"""Both adapters against the test server over real HTTP: one table of faults, one of structured answers."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace

import pytest

from strop.errors import (
    AuthRefused,
    BadStream,
    EgressRefused,
    EndpointDown,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    StropError,
    WindowExceeded,
)
from strop.models.anthropic_messages import AnthropicMessages
from strop.models.openai_chat import OpenAIChat
from strop.models.structured import ANSWER_TOOL
from strop.models.transport import Wire
from strop.net.connector import Auth, Deadlines, Endpoint
from strop.net.secrets import Secret
from strop.seams import Message, Model, ModelCard, Request, ToolSpec
from strop.testing.server import TestServer
from strop.testing.wires import CHAT, MESSAGES, Asked, Fault, Reply
from strop.types.events import ToolCall
from strop.types.money import Price
from strop.types.schema import Array, Field, Integer, Object, Schema, Text

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret/0123456789"
CARD = ModelCard(name="m", id="m-1", family="test", price=Price("1", "1", "1", "1"), window=8_192, output=1_000)
HELLO = Request((Message("system", "Be brief."), Message("user", "Hello")), head=1)
SHORT = Deadlines(connect=2.0, first_byte=0.2, idle=0.2, total=5.0)
LONG_TEXT = "a text that comes in several pieces"
BOTH = pytest.mark.parametrize("wire", [CHAT, MESSAGES])


def adapter(wire: str, server: TestServer, deadlines: Deadlines = SHORT) -> Model:
    url, auth = (server.chat_url, Auth.BEARER) if wire == CHAT else (server.messages_url, Auth.API_KEY)
    endpoint = Endpoint(
        url,
        allow=frozenset({server.host}),
        secret=Secret(("TEST_KEY",)),
        auth=auth,
        deadlines=deadlines,
        environ={"TEST_KEY": KEY},
    )
    fitting: Wire = endpoint
    return (OpenAIChat if wire == CHAT else AnthropicMessages)(CARD, wire=fitting)


async def asked_once(wire: str, reply: Reply, request: Request = HELLO) -> StropError:
    async with TestServer(lambda asked: reply) as server:
        model = adapter(wire, server)
        try:
            with pytest.raises(StropError) as caught:
                await model.answer(request)
            assert len(server.bill.entries) <= 1, "one call is one request"
            return caught.value
        finally:
            await model.close()


FAULTS: list[tuple[Fault, type[StropError], bool | None]] = [
    (Fault.RATE_LIMIT, RateLimited, False),
    (Fault.QUOTA, QuotaExhausted, False),
    (Fault.QUOTA_403, QuotaExhausted, False),
    (Fault.UNAUTHORIZED, AuthRefused, False),
    (Fault.FORBIDDEN, AuthRefused, False),
    (Fault.NOT_FOUND, RequestRefused, False),
    (Fault.BAD_REQUEST, RequestRefused, False),
    (Fault.SCHEMA_REFUSED, RequestRefused, False),
    (Fault.WINDOW, WindowExceeded, False),
    (Fault.SERVER_ERROR, EndpointDown, False),
    (Fault.OVERLOADED, EndpointDown, False),
    (Fault.OVERLOADED_IN_STREAM, EndpointDown, True),
    (Fault.HANG, EndpointDown, True),
    (Fault.STALL, EndpointDown, True),
    (Fault.RESET, EndpointDown, True),
    (Fault.RESET_IN_STREAM, BadStream, True),
    (Fault.BROKEN, BadStream, True),
    (Fault.TRUNCATED, BadStream, True),
    (Fault.GARBAGE, BadStream, True),
    (Fault.HTML, BadStream, True),
    (Fault.NOT_HTTP, BadStream, True),
    (Fault.HUGE, BadStream, True),
    (Fault.REDIRECT, EgressRefused, None),
]


@BOTH
@pytest.mark.parametrize(("fault", "error", "billed"), FAULTS, ids=[fault.value for fault, _, _ in FAULTS])
async def test_each_fault_becomes_its_error(
    wire: str, fault: Fault, error: type[StropError], billed: bool | None
) -> None:
    """Whatever goes wrong at the provider arrives as one branch of our tree, and says whether it may cost money."""
    caught = await asked_once(wire, Reply(LONG_TEXT, fault=fault, piece=5))
    assert type(caught) is error
    assert getattr(caught, "billed", None) is billed


def test_the_table_of_faults_is_whole() -> None:
    """A new fault of the server gets its row."""
    elsewhere = {Fault.NONE, Fault.WRONG_SCHEMA, Fault.TOOL_REFUSED}
    assert {fault for fault, _, _ in FAULTS} | elsewhere == set(Fault)


@BOTH
async def test_an_endpoint_that_is_not_there_costs_nothing(wire: str) -> None:
    """Connection refused is EndpointDown, unbilled."""
    async with TestServer(lambda asked: Reply("gone")) as server:
        model = adapter(wire, server)
    try:
        with pytest.raises(EndpointDown) as caught:
            await model.answer(HELLO)
    finally:
        await model.close()
    assert caught.value.billed is False


@BOTH
@pytest.mark.parametrize(
    "fault",
    [
        Fault.UNAUTHORIZED, Fault.QUOTA, Fault.SERVER_ERROR, Fault.BAD_REQUEST, Fault.HTML, Fault.GARBAGE,
        Fault.NOT_HTTP, Fault.OVERLOADED_IN_STREAM, Fault.REDIRECT,
    ],
)  # fmt: skip
async def test_a_key_that_the_provider_echoes_is_in_no_error(wire: str, fault: Fault) -> None:
    """The server puts our key into its answer; no message, cause or traceback of ours shows it."""
    says = "http://{key}.example/" if fault is Fault.REDIRECT else "your key is {key}, sorry"
    caught = await asked_once(wire, Reply(LONG_TEXT, fault=fault, piece=5, says=says))
    told = "".join(traceback.format_exception(caught))
    linked: BaseException | None = caught
    while linked is not None:
        told += repr(linked) + repr(vars(linked))
        linked = linked.__cause__ or linked.__context__
    assert "very-secret" not in told
    assert "TEST_KEY" in told


@BOTH
async def test_the_key_arrives_in_the_header_of_its_wire(wire: str) -> None:
    """The server sees a key, the script does not."""
    seen: list[Asked] = []

    def script(asked: Asked) -> Reply:
        seen.append(asked)
        return Reply("hi")

    async with TestServer(script) as server:
        model = adapter(wire, server)
        await model.answer(HELLO)
        await model.close()
    assert seen[0].keyed
    assert KEY not in repr(seen[0])


@BOTH
@pytest.mark.parametrize(("said", "seconds"), [("7", 7.0), ("0.5", 0.5), ("", None), ("soon", None), ("inf", None)])
async def test_retry_after_in_seconds(wire: str, said: str, seconds: float | None) -> None:
    """The provider's pause is handed on; nonsense is no pause."""
    caught = await asked_once(wire, Reply(fault=Fault.RATE_LIMIT, retry_after=said))
    assert isinstance(caught, RateLimited)
    assert caught.retry_after == seconds


async def test_retry_after_as_a_date() -> None:
    """A date counts against the server's own clock; one that has passed is now."""
    caught = await asked_once(CHAT, Reply(fault=Fault.RATE_LIMIT, retry_after="Thu, 01 Jan 2099 00:00:00 GMT"))
    assert isinstance(caught, RateLimited)
    assert caught.retry_after is not None
    assert caught.retry_after > 10**9
    caught = await asked_once(CHAT, Reply(fault=Fault.RATE_LIMIT, retry_after="Thu, 01 Jan 1998 00:00:00 GMT"))
    assert isinstance(caught, RateLimited)
    assert caught.retry_after == 0.0


# ---------------------------------------------------------------- answers

ROWS = Object((Field("name", Text()), Field("rows", Integer(minimum=0))))
GOOD = '{"name":"affairs","rows":601}'
CALL = ToolCall("call_1", "count_rows", '{"path": "data/affairs.csv"}')
TOOL = ToolSpec("count_rows", "Count the rows of a table.", Object((Field("path", Text(note="project-relative")),)))


async def answered(wire: str, script: Callable[[Asked], Reply], *requests: Request) -> tuple[list[str], list[Asked]]:
    seen: list[Asked] = []

    def watched(asked: Asked) -> Reply:
        seen.append(asked)
        return script(asked)

    async with TestServer(watched) as server:
        model = adapter(wire, server, Deadlines())
        try:
            texts = [(await model.answer(request)).text for request in requests]
        finally:
            await model.close()
    return texts, seen


def way_of(asked: Asked) -> str:
    if asked.schema is not None:
        return "json_schema"
    return "tool" if ANSWER_TOOL in asked.tools else "parse"


def obliging(refused: dict[str, Fault], text: str = GOOD) -> Callable[[Asked], Reply]:
    """Refuses some ways with a 400, and answers in the others as models do."""

    def script(asked: Asked) -> Reply:
        way = way_of(asked)
        if way in refused:
            return Reply(fault=refused[way])
        if way == "tool":
            return Reply(calls=(ToolCall("call_9", ANSWER_TOOL, text),))
        return Reply(f"Sure:\n```json\n{text}\n```\n" if way == "parse" else text)

    return script


@BOTH
@pytest.mark.parametrize(
    ("refused", "ways"),
    [
        ({}, ["json_schema"]),
        ({"json_schema": Fault.SCHEMA_REFUSED}, ["json_schema", "tool"]),
        ({"json_schema": Fault.SCHEMA_REFUSED, "tool": Fault.TOOL_REFUSED}, ["json_schema", "tool", "parse"]),
    ],
)
async def test_a_refused_way_is_stepped_down_from_and_remembered(
    wire: str, refused: dict[str, Fault], ways: list[str]
) -> None:
    """json_schema, then a tool, then words: the first call finds the way, the second takes it at once."""
    request = replace(HELLO, schema=ROWS)
    texts, seen = await answered(wire, obliging(refused), request, request)
    assert texts == [GOOD, GOOD]
    assert [way_of(asked) for asked in seen] == [*ways, ways[-1]]


@BOTH
async def test_another_400_is_no_reason_to_step_down(wire: str) -> None:
    """A request that is wrong for other reasons is refused at once, once."""
    caught = await asked_once(wire, Reply(fault=Fault.BAD_REQUEST), replace(HELLO, schema=ROWS))
    assert type(caught) is RequestRefused


@BOTH
@pytest.mark.parametrize("refused", [{}, {"json_schema": Fault.SCHEMA_REFUSED}])
async def test_a_schema_that_is_no_object_is_wrapped_on_the_way(wire: str, refused: dict[str, Fault]) -> None:
    """Providers want an object at the root; the caller gets its list."""
    schema: Schema = Array(Integer())
    texts, seen = await answered(wire, obliging(refused, '{"value":[1,2]}'), replace(HELLO, schema=schema))
    assert texts == ["[1,2]"]
    assert seen[0].schema is not None
    assert seen[0].schema["type"] == "object"


@BOTH
async def test_words_for_the_schema_stand_behind_the_shared_head(wire: str) -> None:
    """Asked in words, head and history stay byte-identical from turn to turn, so that prefix caches go on hitting."""
    refused = {"json_schema": Fault.SCHEMA_REFUSED, "tool": Fault.TOOL_REFUSED}
    longer = (*HELLO.messages, Message("assistant", "{}"), Message("user", "Not so. Again."))
    _, seen = await answered(wire, obliging(refused), replace(HELLO, schema=ROWS), Request(longer, head=1, schema=ROWS))
    first, second = seen[-2].turns, seen[-1].turns
    assert second[: len(first)] == first
    assert first[0] == ("system", "Be brief.")
    assert '"additionalProperties":false' in first[1][1]
    assert second[-1] == ("user", "Not so. Again.")


@BOTH
async def test_a_tool_call_and_its_result_go_there_and_back(wire: str) -> None:
    """The call arrives whole from its pieces; call and result come back in the next request."""
    script = lambda asked: Reply("601 rows") if asked.tool_results else Reply("Let me see.", (CALL,), piece=3)  # noqa: E731 - two lines of script
    seen: list[Asked] = []

    def watched(asked: Asked) -> Reply:
        seen.append(asked)
        return script(asked)

    async with TestServer(watched) as server:
        model = adapter(wire, server, Deadlines())
        first = await model.answer(replace(HELLO, tools=(TOOL,)))
        turns = (
            *HELLO.messages,
            Message("assistant", first.text, calls=first.calls, reasoning=first.reasoning),
            Message("tool", "601", call_id=first.calls[0].id),
        )
        second = await model.answer(Request(turns, head=1, tools=(TOOL,)))
        await model.close()
    assert (first.text, first.calls, first.finish) == ("Let me see.", (CALL,), "tools")
    assert (second.text, second.calls, second.finish) == ("601 rows", (), "stop")
    assert seen[0].tools == ("count_rows",)
    assert seen[1].tool_results == ("601",)


@BOTH
@pytest.mark.parametrize("finish", ["stop", "length", "refusal"])
async def test_how_an_answer_ended_is_told(wire: str, finish: str) -> None:
    """An answer at its length limit and a refusal are answers, and say so."""
    async with TestServer(lambda asked: Reply("part of", finish=finish)) as server:
        model = adapter(wire, server)
        answer = await model.answer(HELLO)
        await model.close()
    assert answer.finish == finish


@BOTH
async def test_the_bill_of_the_server_is_the_usage_we_report(wire: str) -> None:
    """Input, cached, written and output tokens agree to the last one, also with a warm cache."""
    long = Request((Message("system", "You read pages. " * 40), Message("user", "Hello")), head=1)
    async with TestServer(lambda asked: Reply("hello " * 9)) as server:
        model = adapter(wire, server)
        usages = [(await model.answer(long)).usage for _ in range(2)]
        await model.close()
        assert usages == [entry.usage for entry in server.bill.entries]
    assert usages[0].cached == 0
    assert usages[1].cached > 100


@BOTH
async def test_notice_hears_the_answer_grow(wire: str) -> None:
    """Signs of life while it streams: characters so far, never fewer."""
    heard: list[int] = []
    async with TestServer(lambda asked: Reply("x" * 50, piece=10, drip=0.001)) as server:
        model = adapter(wire, server)
        await model.answer(HELLO, notice=heard.append)
        await model.close()
    assert heard == sorted(heard)
    assert heard[-1] == 50
    assert len(set(heard)) > 2


@BOTH
async def test_the_output_limit_is_the_smaller_of_request_and_model(wire: str) -> None:
    """No request asks for more than the model gives."""
    _, seen = await answered(wire, lambda asked: Reply("x"), HELLO, replace(HELLO, max_output=50))
    assert [asked.body["max_tokens"] for asked in seen] == [1_000, 50]
