"""Chat completions: where usage stands, vendors' manners, streams in odd pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.errors import BadStream, EndpointDown
from strop.models.openai_chat import ChatManners, OpenAIChat, read_usage
from strop.models.sse import EventParser
from strop.models.structured import ANSWER_TOOL, Way, json_in
from strop.net.connector import Endpoint
from strop.seams import Answer, Message, ModelCard, Request, ToolSpec
from strop.testing.server import TestServer
from strop.testing.wires import CHAT, Asked, Reply, UsageAt, streamed_answer
from strop.types.events import ToolCall
from strop.types.money import Certainty, Price, Usage
from strop.types.schema import Field, Json, Object, Text

pytestmark = pytest.mark.anyio

CARD = ModelCard(name="kimi", id="kimi-k2.6", family="kimi", price=Price(), window=8_192, output=1_000)
HELLO = Request((Message("system", "Be brief."), Message("user", "Hello")), head=1)
TOOL = ToolSpec("look", "Look.", Object((Field("at", Object((Field("path", Text(nullable=True)),))),)))
KIMI = ChatManners(
    output_field="max_completion_tokens",
    returns_reasoning=True,
    drops_blank_content=True,
    forces_tools_while_thinking=False,
    ways=(Way.JSON_SCHEMA, Way.TOOL, Way.JSON_OBJECT, Way.PARSE),
    thinking_on={"thinking": {"type": "enabled"}},
    thinking_off={"thinking": {"type": "disabled"}},
)


@dataclass
class Played:
    """A response from a list of chunks."""

    chunks: list[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    async def read(self) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""


@dataclass
class PlayedWire:
    """A wire that plays chunks and keeps what was sent."""

    chunks: list[bytes]
    sent: list[dict[str, Json]] = field(default_factory=list[dict[str, Json]])

    @asynccontextmanager
    async def post(self, path: str, *, headers: Mapping[str, str], body: bytes) -> AsyncGenerator[Played, None]:
        self.sent.append(orjson.loads(body))
        yield Played([chunk for chunk in self.chunks if chunk])

    def scrub(self, text: str) -> str:
        return text

    async def close(self) -> None:
        pass


async def played(*chunks: bytes, request: Request = HELLO, manners: ChatManners | None = None) -> Answer:
    return await OpenAIChat(CARD, wire=PlayedWire(list(chunks)), manners=manners).answer(request)


async def sent(request: Request, manners: ChatManners) -> dict[str, Json]:
    wire = PlayedWire([event(choice({"content": "{}"}, "stop"))])
    await OpenAIChat(CARD, wire=wire, manners=manners).answer(request)
    return wire.sent[0]


def event(chunk: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def choice(delta: dict[str, object], finish: str | None = None, **more: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}]}


# ---------------------------------------------------------------- usage

REPORTED = Usage(input=70, cached=30, output=5)
COUNTS = {"prompt_tokens": 100, "completion_tokens": 5}


@pytest.mark.parametrize(
    "usage",
    [
        COUNTS | {"cached_tokens": 30},
        COUNTS | {"prompt_tokens_details": {"cached_tokens": 30}},
        COUNTS | {"cached_tokens": 0, "prompt_tokens_details": {"cached_tokens": 30}},
    ],
)
@pytest.mark.parametrize("place", ["last chunk", "choice", "finishing chunk"])
async def test_usage_is_read_wherever_providers_put_it(usage: dict[str, object], place: str) -> None:
    """Cached tokens at the top or in the details; the whole in a last chunk, beside the finish, or in the choice."""
    match place:
        case "last chunk":
            tail = event(choice({}, "stop")) + event({"choices": [], "usage": usage})
        case "choice":
            tail = event(choice({}, "stop", usage=usage))
        case _:
            tail = event(choice({}, "stop") | {"usage": usage})
    answer = await played(event(choice({"content": "hi"})) + tail + b"data: [DONE]\n\n")
    assert answer.usage == REPORTED


@pytest.mark.parametrize("at", [UsageAt.LAST, UsageAt.TOP, UsageAt.CHOICE])
async def test_the_server_reports_in_each_place(at: UsageAt) -> None:
    """The same over real HTTP: the figures that the script set arrive."""
    async with TestServer(lambda asked: Reply("hi", usage=REPORTED, usage_at=at)) as server:
        model = OpenAIChat(CARD, wire=Endpoint(server.chat_url, allow=frozenset({server.host})))
        answer = await model.answer(HELLO)
        await model.close()
    assert answer.usage == REPORTED


async def test_usage_that_is_not_reported_is_estimated_and_says_so() -> None:
    """The input is bounded by the bytes sent, the output is a quarter of the bytes that came."""
    async with TestServer(lambda asked: Reply("x" * 41, usage_at=UsageAt.NOWHERE)) as server:
        model = OpenAIChat(CARD, wire=Endpoint(server.chat_url, allow=frozenset({server.host})))
        usage = (await model.answer(HELLO)).usage
        await model.close()
    assert usage.certainty is Certainty.ESTIMATED
    assert usage.output == 11
    assert usage.input > len("Be brief.Hello")


@pytest.mark.parametrize(
    "usage", [{}, {"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": True, "completion_tokens": 2}]
)
def test_usage_that_is_nonsense_is_none(usage: dict[str, Json]) -> None:
    """No count, a negative one or a boolean is no figure."""
    assert read_usage(usage) is None


def test_more_cached_than_prompt_is_cut() -> None:
    """The uncached rest is never below zero."""
    assert read_usage({"prompt_tokens": 5, "completion_tokens": 1, "cached_tokens": 9}) == Usage(cached=5, output=1)


# ---------------------------------------------------------------- pieces

WHOLE = Reply("Grüße, 世界", (ToolCall("c1", "look", '{"at": {"path": "ä"}}'),), reasoning="hm", piece=4)
ASKED = Asked(
    CHAT, "", 1, 1, "", {"model": "m", "stream": True, "stream_options": {"include_usage": True}}, keyed=False
)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
async def test_a_stream_split_at_every_byte_is_the_same_answer(ends: bytes) -> None:
    """Chunk borders mean nothing: not within a character, a line end, or a JSON value."""
    stream = b"\xef\xbb\xbf: hello\n\nevent: x\nid: 1\n" + b": alive\n\n".join(streamed_answer(ASKED, WHOLE, REPORTED))
    stream = stream.replace(b"\n", ends)
    expected = Answer(WHOLE.text, REPORTED, WHOLE.calls, "hm", "tools")
    assert await played(stream) == expected
    for at in range(len(stream)):
        assert await played(stream[:at], stream[at:]) == expected, f"split at byte {at}"
    assert await played(*(stream[at : at + 1] for at in range(len(stream)))) == expected


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(0, 400), max_size=8))
def test_any_cut_of_any_bytes_gives_the_same_events(parts: list[bytes], cuts: list[int]) -> None:
    """Also for bytes that are no sensible stream."""
    stream = b"\n".join(parts).replace(b"\x00", b"data: x")
    whole = EventParser()
    expected = whole.feed(stream) + whole.end()
    parser, found, start = EventParser(), list[bytes](), 0
    for cut in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        found += parser.feed(stream[start:cut])
        start = cut
    assert found + parser.end() == expected


def test_several_data_lines_are_one_event() -> None:
    """They join with a line feed, with or without the space after the colon."""
    assert EventParser().feed(b"data: a\ndata:b\n\ndata\n\n: no\n\n") == [b"a\nb"]


def test_a_byte_order_mark_is_no_part_of_the_first_event() -> None:
    """Whole or in pieces."""
    parser = EventParser()
    assert parser.feed(b"\xef\xbb") + parser.feed(b"\xbfdata: a\n\n") == [b"a"]
    assert EventParser().feed(b"\xef\xbb\xbfdata: a\n\n") == [b"a"]


async def test_a_finish_without_done_is_whole_and_done_without_finish_is_not() -> None:
    """The provider's finish makes an answer; the end marker alone does not."""
    assert (await played(event(choice({"content": "a"}, "stop")))).text == "a"
    with pytest.raises(BadStream):
        await played(event(choice({"content": "a"})) + b"data: [DONE]\n\n")


async def test_a_last_event_without_its_blank_line_counts() -> None:
    """Some servers end right after the last line."""
    assert (await played(event(choice({"content": "a"}, "stop")).rstrip())).text == "a"


async def test_calls_that_share_an_index_are_kept_apart() -> None:
    """Some servers send whole calls, each with index 0 or none, and leave out ids."""

    def call(id: str, **place: int) -> dict[str, object]:
        return {"id": id, "type": "function", "function": {"name": "look", "arguments": f'{{"n":"{id}"}}'}, **place}

    same = await played(event(choice({"tool_calls": [call("a", index=0), call("b", index=0)]}, "tool_calls")))
    none = await played(event(choice({"tool_calls": [call("a"), call("b")]}, "stop")))
    assert [each.id for each in same.calls] == ["a", "b"]
    assert same.calls == none.calls
    assert none.finish == "tools"


async def test_an_error_with_status_200_is_an_error() -> None:
    """In the stream, before or after the answer began."""
    error = event({"error": {"message": "upstream died", "code": "server_error"}})
    with pytest.raises(EndpointDown) as early:
        await played(error)
    with pytest.raises(EndpointDown) as late:
        await played(event(choice({"content": "a"})), error)
    assert (early.value.billed, late.value.billed) == (False, True)


# ---------------------------------------------------------------- manners

THOUGHT = Message("assistant", " ", calls=(ToolCall("c1", "look", "{}"),), reasoning="I think")
RESULT = Message("tool", "seen", call_id="c1")


async def test_kimi_is_asked_as_it_wants() -> None:
    """No sampling, its own name for the limit, thinking said outright, reasoning back on tool turns, no blanks."""
    plain = Message("assistant", "", calls=(ToolCall("c2", "look", "{}"),))
    talk = (*HELLO.messages, THOUGHT, RESULT, plain, Message("tool", "more", call_id="c2"), Message("assistant", "ok"))
    body = await sent(Request(talk, head=1, tools=(TOOL,), thinking=True), KIMI)
    assert not {"temperature", "top_p", "n", "max_tokens", "tool_choice"} & set(body)
    assert body["max_completion_tokens"] == 1_000
    assert body["thinking"] == {"type": "enabled"}
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    first, second, last = (turn for turn in _turns(body) if turn["role"] == "assistant")
    assert first["reasoning_content"] == "I think"
    assert second["reasoning_content"], "demanded also where no reasoning came"
    assert "content" not in first
    assert "reasoning_content" not in last


async def test_a_tool_schema_has_a_type_at_every_level_and_no_strict() -> None:
    """Kimi refuses nested properties without a type, and the word strict."""
    body = await sent(Request(HELLO.messages, tools=(TOOL,)), KIMI)
    said = orjson.dumps(body["tools"]).decode()
    assert "strict" not in said
    nodes = [orjson.loads(said)[0]["function"]["parameters"]]
    while nodes:
        node = nodes.pop()
        assert "type" in node
        nodes += node.get("properties", {}).values()


@pytest.mark.parametrize(
    ("thinking", "choice"), [(True, None), (False, {"type": "function", "function": {"name": ANSWER_TOOL}})]
)
async def test_a_tool_is_only_forced_where_thinking_allows_it(thinking: bool, choice: Json) -> None:
    """Kimi refuses a named tool while it thinks."""
    manners = ChatManners(ways=(Way.TOOL,), forces_tools_while_thinking=False)
    body = await sent(Request(HELLO.messages, schema=TOOL.arguments, thinking=thinking), manners)
    assert body.get("tool_choice") == choice


async def test_defaults_fit_a_plain_server() -> None:
    """No vendor words where none are known."""
    body = await sent(Request((*HELLO.messages, THOUGHT, RESULT), tools=(TOOL,)), ChatManners(temperature=0.0))
    assert body["temperature"] == 0.0
    assert body["max_tokens"] == 1_000
    assert "thinking" not in body
    turn = next(turn for turn in _turns(body) if turn["role"] == "assistant")
    assert "content" in turn
    assert "reasoning_content" not in turn


async def test_refused_keywords_move_into_the_description() -> None:
    """What a vendor cannot enforce the model is at least told."""
    schema = Object((Field("maxLength", Text(max_length=9, note="short")),))
    body = await sent(Request(HELLO.messages, schema=schema), ChatManners(schema_drops=frozenset({"maxLength"})))
    root = orjson.loads(orjson.dumps(body["response_format"]))["json_schema"]["schema"]
    assert root["properties"] == {"maxLength": {"type": "string", "description": "short; maxLength 9"}}


def _turns(body: dict[str, Json]) -> list[dict[str, Json]]:
    turns = body["messages"]
    assert isinstance(turns, list)
    return [turn for turn in turns if isinstance(turn, dict)]


# ---------------------------------------------------------------- JSON in text

ROW = Object((Field("a", Text()),))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":"x"}', '{"a":"x"}'),
        ('Sure! {"a": "x"} Anything else?', '{"a": "x"}'),
        ('```json\n{"a":"x"}\n```', '{"a":"x"}'),
        ('```\n{"a":"old"}\n```\nno, rather\n```json\n{"a":"x"}\n```', '{"a":"x"}'),
        ('<think>{"a":"a much longer thought"}</think>{"a":"x"}', '{"a":"x"}'),
        ('[1] says {"a":"{x}"}', '{"a":"{x}"}'),
        ("{'a': NaN}", "{'a': NaN}"),
        ("no JSON at all", "no JSON at all"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_json_is_found_in_what_models_write(text: str, found: str) -> None:
    """Fences, prose and thoughts around it are dropped; where there is none the text stays for the agent to see."""
    assert json_in(text, ROW, way=Way.PARSE) == found
