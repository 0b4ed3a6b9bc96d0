"""The test server: the makers' own SDKs read it, its bill adds up, its process keeps a log."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import orjson
import pytest

from strop.net.connector import Endpoint
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Fault, Reply
from strop.types.events import ToolCall
from strop.types.money import Price, Usage, cost

pytestmark = pytest.mark.anyio

USAGE = Usage(input=70, cached=30, output=5)
CALL = ToolCall("call_1", "look", '{"path": "data/a.csv"}')
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
FULL = Reply("Grüße, 世界", (CALL,), reasoning="hm", usage=USAGE, piece=3)


# ---------------------------------------------------------------- the official SDKs as oracle


async def test_the_openai_sdk_reads_answers_whole_and_streamed() -> None:
    """Text, tool calls, finish and usage, as the maker's own client understands them."""
    from openai import AsyncOpenAI

    async with (
        TestServer(lambda asked: FULL) as server,
        AsyncOpenAI(base_url=server.chat_url, api_key="k", max_retries=0) as client,
    ):
        whole = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        message = whole.choices[0].message
        assert message.content == FULL.text
        assert message.tool_calls is not None
        assert message.tool_calls[0].to_dict() == {
            "id": "call_1",
            "type": "function",
            "function": {"name": "look", "arguments": CALL.arguments},
        }
        assert whole.choices[0].finish_reason == "tool_calls"
        assert whole.usage is not None
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (100, 5)
        assert whole.usage.prompt_tokens_details is not None
        assert whole.usage.prompt_tokens_details.cached_tokens == 30

        stream = client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "hi"}], stream_options={"include_usage": True}
        )
        async with stream as events:
            final = await events.get_final_completion()
        assert final.choices[0].message.content == FULL.text
        calls = final.choices[0].message.tool_calls
        assert calls is not None
        assert calls[0].function.arguments == CALL.arguments
        assert final.choices[0].finish_reason == "tool_calls"
        assert final.usage is not None
        assert final.usage.prompt_tokens == 100


async def test_the_anthropic_sdk_reads_answers_whole_and_streamed() -> None:
    """Thinking with its signature, text, tool use, stop reason and usage by class."""
    from anthropic import AsyncAnthropic

    async with (
        TestServer(lambda asked: FULL) as server,
        AsyncAnthropic(base_url=server.messages_url, api_key="k", max_retries=0) as client,
    ):
        whole = await client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        async with client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        ) as events:
            streamed = await events.get_final_message()
        for message in (whole, streamed):
            assert [block.to_dict() for block in message.content] == [
                {"type": "thinking", "thinking": "hm", "signature": "signed-2"},
                {"type": "text", "text": FULL.text},
                {"type": "tool_use", "id": "call_1", "name": "look", "input": {"path": "data/a.csv"}},
            ]
            assert message.stop_reason == "tool_use"
            assert message.usage.input_tokens == 70
            assert message.usage.cache_read_input_tokens == 30
            assert message.usage.output_tokens == 5


async def test_the_openai_sdk_sees_a_schema_kept_and_tools_offered() -> None:
    """What the SDK sends is what the script is shown, and the schema is honoured by `fits`."""
    from openai import AsyncOpenAI

    from strop.testing.server import fits

    seen: list[Asked] = []

    def script(asked: Asked) -> Reply:
        seen.append(asked)
        return fits(asked)

    async with TestServer(script) as server, AsyncOpenAI(base_url=server.chat_url, api_key="k") as client:
        answer = await client.chat.completions.create(
            model="m",
            messages=[{"role": "system", "content": "S"}, {"role": "user", "content": "U"}],
            tools=[{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}],
            response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}},
        )
    assert answer.choices[0].message.content == '{"n":0}'
    assert (seen[0].system, seen[0].user, seen[0].tools, seen[0].schema) == ("S", "U", ("look",), SCHEMA)


OPENAI_ERRORS = {
    Fault.RATE_LIMIT: "RateLimitError",
    Fault.QUOTA: "RateLimitError",
    Fault.UNAUTHORIZED: "AuthenticationError",
    Fault.FORBIDDEN: "PermissionDeniedError",
    Fault.NOT_FOUND: "NotFoundError",
    Fault.SCHEMA_REFUSED: "BadRequestError",
    Fault.SERVER_ERROR: "InternalServerError",
    Fault.RESET: "APIConnectionError",
}


async def test_the_openai_sdk_names_our_faults_as_the_vendors() -> None:
    """Each error is the class that the vendor's own would be, with its message in place."""
    import openai

    faults = list(OPENAI_ERRORS)
    async with (
        TestServer(lambda asked: Reply(fault=faults[asked.n - 1], says="(said so)")) as server,
        openai.AsyncOpenAI(base_url=server.chat_url, api_key="k", max_retries=0) as client,
    ):
        for fault, name in OPENAI_ERRORS.items():
            with pytest.raises(openai.APIError) as caught:
                await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
            assert type(caught.value).__name__ == name
            assert fault is Fault.RESET or "(said so)" in caught.value.message


async def test_the_anthropic_sdk_names_our_faults_as_the_vendors() -> None:
    """Also the one inside a stream that began well."""
    import anthropic

    faults = {
        Fault.RATE_LIMIT: "RateLimitError",
        Fault.UNAUTHORIZED: "AuthenticationError",
        Fault.OVERLOADED: "OverloadedError",
        Fault.OVERLOADED_IN_STREAM: "APIStatusError",  # the SDK sees status 200
    }
    script = list(faults)
    async with (
        TestServer(lambda asked: Reply("some text", fault=script[asked.n - 1], piece=2)) as server,
        anthropic.AsyncAnthropic(base_url=server.messages_url, api_key="k", max_retries=0) as client,
    ):
        for name in faults.values():
            with pytest.raises(anthropic.APIStatusError) as caught:
                async with client.messages.stream(
                    model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
                ) as events:
                    await events.get_final_message()
            assert type(caught.value).__name__ == name
            body = orjson.loads(orjson.dumps(caught.value.body))
            assert body["error"]["type"] in ("rate_limit_error", "authentication_error", "overloaded_error")


# ---------------------------------------------------------------- the bill


async def post(server: TestServer, *texts: str, **more: object) -> bytes:
    """One chat call with a long system text and these user texts."""
    messages: list[object] = [{"role": "system", "content": "You read pages. " * 64}]
    messages += [{"role": "user", "content": text} for text in texts]
    endpoint = Endpoint(server.chat_url, allow=frozenset({server.host}))
    try:
        body = orjson.dumps({"model": "m", "messages": messages, **more})
        async with endpoint.post("/chat/completions", headers={}, body=body) as response:
            return await response.read()
    finally:
        await endpoint.close()


async def test_the_bill_counts_prefixes_tokens_and_dollars() -> None:
    """A repeated head is cached from the second time on, and each call is rounded up by itself."""
    price = Price("0.95", "0.16", "0", "4")
    async with TestServer(lambda asked: Reply("ok"), price=price) as server:
        for text in ("one", "two", "two"):
            await post(server, text)
        first, second, third = server.bill.entries
        assert (first.shared_bytes, first.usage.cached) == (0, 0)
        assert first.prompt_bytes > second.shared_bytes > 1_000
        assert third.shared_bytes >= second.shared_bytes
        assert [entry.nth for entry in server.bill.entries] == [1, 1, 2]
        assert first.usage.total == second.usage.total == -(-first.prompt_bytes // 4) + 1
        assert server.bill.nanos == sum(cost(entry.usage, price) for entry in server.bill.entries) > 0
        assert server.bill.twice == 1
        assert server.bill.usage.total == sum(entry.usage.total for entry in server.bill.entries)


async def test_only_what_was_worked_on_is_billed() -> None:
    """A refusal costs nothing; a broken answer costs, and is not delivered."""
    faults = [Fault.TRUNCATED, Fault.RATE_LIMIT, Fault.NONE]
    price = Price("1", "1", "1", "1")
    async with TestServer(lambda asked: Reply("some text", fault=faults.pop(), piece=2), price=price) as server:
        while faults:
            await post(server, "hi", stream=True)
        good, refused, cut = server.bill.entries
    assert (good.delivered, refused.delivered, cut.delivered) == (True, True, False)
    assert good.nanos == cut.nanos > 0
    assert refused.nanos == 0
    assert len(server.bill.delivered) == 1


async def test_the_high_water_mark_is_the_most_at_once() -> None:
    """Twenty open at once, none after."""
    everybody = asyncio.Event()

    async def script(asked: Asked) -> Reply:
        if server.bill.in_flight == 20:
            everybody.set()
        await everybody.wait()
        return Reply("ok")

    async with TestServer(script) as server:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(post(server, str(number)))
        assert server.bill.high_water == 20
        assert server.bill.in_flight == 0


async def test_a_client_that_goes_away_is_an_answer_not_delivered() -> None:
    """Kill tests count on it: what the client cannot have got is not called delivered."""
    begun = asyncio.Event()

    async def script(asked: Asked) -> Reply:
        begun.set()
        await asyncio.Event().wait()
        return Reply("never")

    async with TestServer(script) as server, asyncio.TaskGroup() as group:
        task = group.create_task(post(server, "hi"))
        await begun.wait()
        task.cancel()
    assert [entry.delivered for entry in server.bill.entries] == [False]
    assert server.bill.in_flight == 0


async def test_held_requests_wait_until_they_are_released() -> None:
    """One goes through, three wait at once; released, all are answered."""
    async with TestServer(lambda asked: Reply("ok")) as server:
        steering = Endpoint(server.url, allow=frozenset({server.host}))
        async with steering.post("/hold?after=1", headers={}, body=b"") as response:
            assert response.status == 204
        assert b"ok" in await post(server, "the one that goes through")
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(post(server, str(number))) for number in range(3)]
            await server.gate.held(3)
            assert server.bill.in_flight == 3
            assert len(server.bill.entries) == 1
            async with steering.post("/release", headers={}, body=b"") as response:
                assert response.status == 204
        await steering.close()
        assert all(b"ok" in call.result() for call in calls)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":"m"}'])
async def test_a_body_that_is_no_request_is_a_400(body: bytes) -> None:
    """In the wire's own error form, unbilled."""
    async with TestServer(lambda asked: Reply("ok")) as server:
        endpoint = Endpoint(server.chat_url, allow=frozenset({server.host}))
        async with endpoint.post("/chat/completions", headers={}, body=body) as response:
            assert response.status == 400
            assert b"invalid_request_error" in await response.read()
        await endpoint.close()
        assert server.bill.entries == []


# ---------------------------------------------------------------- as a process


async def test_the_process_prints_its_url_and_keeps_a_log(tmp_path: Path) -> None:
    """One line of URLs; SIGTERM ends it in order; the log has a line when a request came and one when it ended."""
    log = tmp_path / "asked.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "strop.testing.server", "--script", "echo", "--price", "1/0/0/2", "--log", str(log),
        stdout=asyncio.subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        urls = orjson.loads(await process.stdout.readline())
        endpoint = Endpoint(urls["chat"], allow=frozenset({urls["url"].removeprefix("http://")}))
        async with endpoint.post(
            "/chat/completions", headers={}, body=b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
        ) as response:
            assert b'"content":"hello"' in await response.read()
        await endpoint.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
    assert [line["event"] for line in lines] == ["asked", "ended"]
    assert lines[1]["delivered"] is True
    assert lines[1]["nanos"] == lines[1]["usage"]["input"] * 1_000 + lines[1]["usage"]["output"] * 2_000
