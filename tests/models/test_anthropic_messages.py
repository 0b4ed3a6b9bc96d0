"""The Messages API: breakpoints, thinking blocks that come back, usage by class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from strop.errors import EndpointDown
from strop.models.anthropic_messages import AnthropicMessages, MessagesManners
from strop.net.connector import Endpoint
from strop.seams import Answer, Message, ModelCard, Request, ToolSpec
from strop.testing.server import TestServer
from strop.testing.wires import MESSAGES, Asked, Fault, Reply, streamed_answer
from strop.types.events import ToolCall
from strop.types.money import Price, Usage
from strop.types.schema import Field, Integer, Json, Object, Text

pytestmark = pytest.mark.anyio

CARD = ModelCard(name="opus", id="claude-opus-4-8", family="claude", price=Price(), window=8_192, output=1_000)
HELLO = Request((Message("system", "Be brief."), Message("user", "Rules."), Message("user", "Hello")), head=2)
CALL = ToolCall("toolu_1", "look", '{"path": "a"}')
TOOL = ToolSpec("look", "Look.", Object((Field("path", Text()),)))


async def exchange(
    script: Callable[[Asked], Reply], *requests: Request, manners: MessagesManners | None = None
) -> tuple[list[Answer], list[dict[str, Json]]]:
    """Answers, and the bodies that the server saw."""
    seen: list[dict[str, Json]] = []

    def watched(asked: Asked) -> Reply:
        seen.append(asked.body)
        return script(asked)

    async with TestServer(watched) as server:
        model = AnthropicMessages(
            CARD, wire=Endpoint(server.messages_url, allow=frozenset({server.host})), manners=manners
        )
        try:
            answers = [await model.answer(request) for request in requests]
        finally:
            await model.close()
    return answers, seen


def marks(node: Json, path: str = "") -> list[str]:
    """Where breakpoints stand."""
    if isinstance(node, list):
        return [mark for at, child in enumerate(node) for mark in marks(child, f"{path}[{at}]")]
    if isinstance(node, dict):
        found = [path] if node.get("cache_control") == {"type": "ephemeral"} else []
        return found + [mark for key, child in node.items() for mark in marks(child, f"{path}.{key}")]
    return []


async def test_breakpoints_stand_at_the_heads_end_and_at_the_last_turn() -> None:
    """Two of the four allowed: what the wave shares, and what this conversation has so far."""
    _, seen = await exchange(lambda asked: Reply("hi"), HELLO, replace(HELLO, head=1), replace(HELLO, head=0))
    last = ".messages[0].content[1]"
    assert [sorted(marks(body)) for body in seen] == [
        [".messages[0].content[0]", last],
        [last, ".system[0]"],
        [last],
    ]


async def test_the_breakpoint_of_the_request_before_stays() -> None:
    """Its prefix is found again however long the turn was; never more than four, whatever the conversation's length."""
    calls = tuple(ToolCall(f"toolu_{number}", "look", "{}") for number in range(30))
    turns = HELLO.messages
    requests = [HELLO]
    for step in range(3):
        answered = Message("assistant", f"step {step}", calls=calls)
        turns = (*turns, answered, *(Message("tool", f"found {step}", call_id=call.id) for call in calls))
        requests.append(replace(HELLO, messages=turns))
    _, seen = await exchange(lambda asked: Reply("hi"), *requests)
    found = [marks(body) for body in seen]
    head = ".messages[0].content[0]"
    assert found[0] == [head, ".messages[0].content[1]"]
    assert found[1] == [head, ".messages[0].content[1]", ".messages[2].content[29]"]
    assert found[2] == [head, ".messages[2].content[29]", ".messages[4].content[29]"]
    assert found[3] == [head, ".messages[4].content[29]", ".messages[6].content[29]"]


async def test_no_breakpoints_where_the_vendor_has_none() -> None:
    """Data, not a branch on a name."""
    _, seen = await exchange(lambda asked: Reply("hi"), HELLO, manners=MessagesManners(caches=False))
    assert marks(seen[0]) == []


async def test_the_body_asks_for_nothing_that_is_refused() -> None:
    """No sampling, no prefill, no thinking unless asked for; adaptive when it is."""
    _, seen = await exchange(lambda asked: Reply("hi"), HELLO, replace(HELLO, thinking=True))
    plain, thinking = seen
    assert set(plain) == {"model", "max_tokens", "stream", "messages", "system"}
    assert thinking["thinking"] == {"type": "adaptive"}
    assert plain["model"] == "claude-opus-4-8"


async def test_thinking_blocks_come_back_signed_and_in_order() -> None:
    """On a turn that uses a tool, the raw blocks stand again where they stood; the bytes survive the pieces."""
    reply = Reply("I will look.", (CALL,), reasoning="Let me think about it", piece=4)
    script: Callable[[Asked], Reply] = lambda asked: Reply("seen") if asked.tool_results else reply  # noqa: E731 - two lines of script
    (first,), _ = await exchange(script, replace(HELLO, tools=(TOOL,), thinking=True))
    turns = (
        *HELLO.messages,
        Message("assistant", first.text, calls=first.calls, reasoning=first.reasoning),
        Message("tool", "601 rows", call_id=first.calls[0].id),
    )
    _, seen = await exchange(script, Request(turns, head=2, tools=(TOOL,), thinking=True))
    messages = seen[0]["messages"]
    assert isinstance(messages, list)
    assert messages[1] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Let me think about it", "signature": "signed-21"},
            {"type": "text", "text": "I will look."},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"path": "a"}},
        ],
    }


@pytest.mark.parametrize("reasoning", ["plain words of another model", "[broken", '[{"type":"tool_use","id":"other"}]'])
async def test_reasoning_that_is_not_ours_is_left_out(reasoning: str) -> None:
    """After a change of model within a conversation, the turn is built from text and calls."""
    turn = Message("assistant", "", calls=(CALL,), reasoning=reasoning)
    turns = (*HELLO.messages, turn, Message("tool", "x", call_id="toolu_1"))
    _, seen = await exchange(lambda asked: Reply("hi"), Request(turns, head=2, tools=(TOOL,)))
    messages = seen[0]["messages"]
    assert isinstance(messages, list)
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"path": "a"}}
    assert messages[1] == {"role": "assistant", "content": [use]}


async def test_turns_alternate_and_hold_no_blank_text() -> None:
    """Two results are one user turn; blank texts, which are a 400, are not sent; broken arguments become an object."""
    calls = (CALL, ToolCall("toolu_2", "look", '{"path": '))
    turns = (
        *HELLO.messages,
        Message("assistant", "  ", calls=calls),
        Message("tool", "one", call_id="toolu_1"),
        Message("tool", "two", call_id="toolu_2"),
        Message("user", "go on"),
    )
    _, seen = await exchange(lambda asked: Reply("hi"), Request(turns, head=2, tools=(TOOL,)))
    messages = seen[0]["messages"]
    assert isinstance(messages, list)
    kinds = [
        (turn["role"], [block["type"] for block in turn["content"] if isinstance(block, dict)])
        for turn in messages
        if isinstance(turn, dict) and isinstance(turn["content"], list)
    ]
    assert kinds == [
        ("user", ["text", "text"]),
        ("assistant", ["tool_use", "tool_use"]),
        ("user", ["tool_result", "tool_result", "text"]),
    ]
    assert b'"input":{"unreadable":"{\\"path\\": "}' in orjson.dumps(messages)


async def test_usage_comes_by_class_and_the_last_word_counts() -> None:
    """Uncached, read, written and output tokens; the output of the first event is only a guess."""
    usage = Usage(input=11, cached=22, cache_write=33, output=44)
    (answer,), _ = await exchange(lambda asked: Reply("hi", usage=usage), HELLO)
    assert answer.usage == usage


async def test_schema_goes_without_the_bounds_that_are_refused() -> None:
    """Numeric bounds and lengths move into descriptions."""
    schema = Object((Field("n", Integer(minimum=1, maximum=9)), Field("t", Text(max_length=5))))
    _, seen = await exchange(lambda asked: Reply('{"n":1,"t":"x"}'), replace(HELLO, schema=schema))
    config = orjson.loads(orjson.dumps(seen[0]["output_config"]))
    assert config["format"]["type"] == "json_schema"
    assert config["format"]["schema"]["properties"] == {
        "n": {"type": "integer", "description": "minimum 1; maximum 9"},
        "t": {"type": "string", "description": "maxLength 5"},
    }
    assert config["format"]["schema"]["additionalProperties"] is False


async def test_overloaded_before_the_answer_began_is_not_billed() -> None:
    """An error event as the very first thing: nothing was computed."""
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    with pytest.raises(EndpointDown) as caught:
        await AnthropicMessages(CARD, wire=Played(error)).answer(HELLO)
    assert caught.value.billed is False


async def test_a_stream_split_at_every_byte_is_the_same_answer() -> None:
    """Chunk borders mean nothing."""
    reply = Reply("Grüße, 世界", (CALL,), reasoning="hm", piece=3)
    asked = Asked(MESSAGES, "", 1, 1, "", {"model": "m", "stream": True}, keyed=False)
    stream = b"".join(streamed_answer(asked, reply, Usage(1, 2, 3, 4)))
    expected = await AnthropicMessages(CARD, wire=Played(stream)).answer(HELLO)
    assert (expected.text, expected.calls) == ("Grüße, 世界", (CALL,))
    for at in range(len(stream)):
        assert await AnthropicMessages(CARD, wire=Played(stream[:at], stream[at:])).answer(HELLO) == expected


async def test_the_fault_in_the_stream_names_the_provider() -> None:
    """The message says which model, what happened, and what the provider said."""
    with pytest.raises(EndpointDown, match=r"opus: error in the stream: overloaded_error: Overloaded"):
        await exchange(lambda asked: Reply("a long text", fault=Fault.OVERLOADED_IN_STREAM, piece=2), HELLO)


class Played:
    """A wire that plays chunks."""

    status = 200

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = [chunk for chunk in chunks if chunk]

    def post(self, path: str, *, headers: object, body: bytes) -> Played:
        return self

    async def __aenter__(self) -> Played:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    def header(self, name: str) -> str:
        return ""

    async def read(self) -> bytes:
        return self._chunks.pop(0) if self._chunks else b""

    def scrub(self, text: str) -> str:
        return text

    async def close(self) -> None:
        pass
