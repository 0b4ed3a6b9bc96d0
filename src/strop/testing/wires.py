"""The wire formats from the server's side: what was asked, and an answer in bytes.

Written against the vendors' public references; the official SDKs read it back in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import cast

import orjson

from strop.types.events import ToolCall
from strop.types.money import Usage
from strop.types.schema import Json

CHAT = "openai"
MESSAGES = "anthropic"
EMBEDDINGS = "embeddings"
_MARK = b',"cache_control":{"type":"ephemeral"}'
_WHEN = 1_767_225_600
"""`created` of every answer: equal requests get equal bytes."""


class Fault(StrEnum):
    """What goes wrong on purpose."""

    NONE = "none"
    RATE_LIMIT = "rate-limit"
    QUOTA = "quota"
    """429, but for money."""
    QUOTA_403 = "quota-403"
    SERVER_ERROR = "server-error"
    OVERLOADED = "overloaded"
    """503, or 529 on the Messages wire."""
    OVERLOADED_IN_STREAM = "overloaded-in-stream"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    BAD_REQUEST = "bad-request"
    WINDOW = "window"
    """400: the prompt does not fit."""
    SCHEMA_REFUSED = "schema-refused"
    """400 that names response_format or output_config."""
    TOOL_REFUSED = "tool-refused"
    """400 that names tool_choice."""
    REDIRECT = "redirect"
    HTML = "html"
    """200 with a page."""
    GARBAGE = "garbage"
    """200, a stream whose chunk is no JSON."""
    NOT_HTTP = "not-http"
    HANG = "hang"
    """Takes the request and never answers."""
    STALL = "stall"
    """Half an answer, then silence."""
    RESET = "reset"
    """Takes the request and resets the connection."""
    RESET_IN_STREAM = "reset-in-stream"
    BROKEN = "broken"
    """Closes in the middle of the transfer."""
    TRUNCATED = "truncated"
    """Half an answer, properly ended."""
    HUGE = "huge"
    """Text without end; the client must stop reading."""
    WRONG_SCHEMA = "wrong-schema"
    """Good JSON that fits nothing."""


class UsageAt(StrEnum):
    """Where a chat-completions stream reports usage; vendors differ."""

    LAST = "last"
    """A last chunk without choices, cached tokens under `prompt_tokens_details` (OpenAI)."""
    TOP = "top"
    """The same chunk, `usage.cached_tokens` (Moonshot)."""
    CHOICE = "choice"
    """`choices[0].usage` of the finishing chunk (Moonshot)."""
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the script wants answered."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    usage: Usage | None = None
    """Reported and billed in place of the server's own count."""
    usage_at: UsageAt = UsageAt.LAST
    finish: str = ""
    """`stop`, `tools`, `length`, `refusal`; empty: `tools` where there are calls, else `stop`."""
    latency: float = 0.0
    """Seconds before the first byte."""
    drip: float = 0.0
    """Seconds between pieces."""
    piece: int = 0
    """Characters of text a chunk; 0 puts all into one."""
    fault: Fault = Fault.NONE
    retry_after: str = ""
    """Header of a 429 or 503."""
    vectors: tuple[tuple[float | None, ...], ...] = ()
    """Embeddings; None is written as `null`, as servers write what is no number."""
    shuffled: bool = False
    """Embeddings come in another order than their texts, each with its index."""
    says: str = ""
    """Extra words in the body of an error, a page or a broken chunk. `{key}` becomes the key that came."""

    @property
    def ending(self) -> str:
        return self.finish or ("tools" if self.calls else "stop")


@dataclass(frozen=True)
class Asked:
    """One request as the script sees it. Keys are not in it."""

    wire: str
    path: str
    n: int
    nth: int
    """How often this very prompt has come, from 1: faults may be chosen by it."""
    prompt: str
    """Hash of tools and messages."""
    body: dict[str, Json]
    keyed: bool
    """A key came along."""

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def streamed(self) -> bool:
        return self.body.get("stream") is True

    @property
    def texts(self) -> tuple[str, ...]:
        """What is to be embedded."""
        given = self.body.get("input")
        return tuple(str(each) for each in given) if isinstance(given, list) else (str(given or ""),)

    @cached_property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """(role, text) of every message, system included; tool results have the role `tool`."""
        found = [("system", _text(self.body["system"]))] if "system" in self.body else []
        messages = self.body.get("messages")
        for message in messages if isinstance(messages, list) else []:
            if isinstance(message, dict):
                found += _turns(str(message.get("role")), message.get("content"))
        return tuple(found)

    @property
    def system(self) -> str:
        return "\n".join(text for role, text in self.turns if role == "system")

    @property
    def user(self) -> str:
        """The last user text."""
        return next((text for role, text in reversed(self.turns) if role == "user"), "")

    @property
    def tool_results(self) -> tuple[str, ...]:
        return tuple(text for role, text in self.turns if role == "tool")

    @property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools offered."""
        tools = self.body.get("tools")
        names: list[str] = []
        for tool in tools if isinstance(tools, list) else []:
            if isinstance(tool, dict):
                function = tool.get("function")
                names.append(str((function if isinstance(function, dict) else tool).get("name")))
        return tuple(names)

    @property
    def schema(self) -> dict[str, Json] | None:
        """The JSON schema that the answer is constrained to, if any."""
        for path in (("response_format", "json_schema", "schema"), ("output_config", "format", "schema")):
            node: Json = self.body
            for name in path:
                node = node.get(name) if isinstance(node, dict) else None
            if isinstance(node, dict):
                return node
        return None


def _turns(role: str, content: Json) -> list[tuple[str, str]]:
    results = [block for block in content if _is(block, "tool_result")] if isinstance(content, list) else []
    turns = [("tool", _text(block["content"])) for block in results if isinstance(block, dict) and "content" in block]
    text = _text(content)
    return [*turns, (role, text)] if text or not turns else turns


def _is(block: Json, kind: str) -> bool:
    return isinstance(block, dict) and block.get("type") == kind


def _text(content: Json) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(block["text"]) for block in content if isinstance(block, dict) and "text" in block)
    return ""


def prompt_of(wire: str, body: dict[str, Json]) -> tuple[bytes, int]:
    """Tools, system and messages as bytes in cache order, and how many of them lie before the last breakpoint."""
    if wire == EMBEDDINGS:
        whole = orjson.dumps(body.get("input"))
        return whole, len(whole)
    whole = orjson.dumps([body.get("tools"), body.get("system"), body.get("messages")])
    if wire == CHAT:
        return whole, len(whole)
    parts = whole.split(_MARK)
    prompt = b"".join(parts)
    return prompt, len(prompt) - len(parts[-1]) if len(parts) > 1 else 0


# ---------------------------------------------------------------- answers


def whole_answer(asked: Asked, reply: Reply, usage: Usage) -> bytes:
    """The answer as one JSON body."""
    if asked.wire == EMBEDDINGS:
        return orjson.dumps(_embeddings_whole(asked, reply, usage))
    return orjson.dumps(_chat_whole(asked, reply, usage) if asked.wire == CHAT else _message_whole(asked, reply, usage))


def streamed_answer(asked: Asked, reply: Reply, usage: Usage) -> list[bytes]:
    """The answer as server-sent events, one entry an event."""
    if asked.wire == CHAT:
        return [
            *(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in _chat_chunks(asked, reply, usage)),
            b"data: [DONE]\n\n",
        ]
    return [
        b"event: " + str(event["type"]).encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
        for event in _message_events(asked, reply, usage)
    ]


def error_body(wire: str, kind: str, message: str) -> bytes:
    """An error in the wire's own form."""
    error = {"message": message, "type": kind}
    if wire != MESSAGES:
        return orjson.dumps({"error": error | {"param": None, "code": kind}})
    return orjson.dumps({"type": "error", "error": error})


def _pieces(text: str, size: int) -> Iterator[str]:
    size = size or len(text) or 1
    return (text[start : start + size] for start in range(0, len(text), size))


_CHAT_FINISH = {"tools": "tool_calls", "refusal": "content_filter"}
_MESSAGE_FINISH = {"stop": "end_turn", "tools": "tool_use", "length": "max_tokens"}


def _chat_usage(usage: Usage, at: UsageAt) -> dict[str, object]:
    prompt = usage.input + usage.cached + usage.cache_write
    counts: dict[str, object] = {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt + usage.output,
    }
    if at in (UsageAt.TOP, UsageAt.CHOICE):
        return counts | {"cached_tokens": usage.cached}
    return counts | {"prompt_tokens_details": {"cached_tokens": usage.cached}}


def _chat_call(call: ToolCall) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _chat_whole(asked: Asked, reply: Reply, usage: Usage) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": reply.text or None}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [_chat_call(call) for call in reply.calls]
    finish = _CHAT_FINISH.get(reply.ending, reply.ending)
    body: dict[str, object] = {
        "id": f"chatcmpl-{asked.n}",
        "object": "chat.completion",
        "created": _WHEN,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
    }
    if reply.usage_at is not UsageAt.NOWHERE:
        body["usage"] = _chat_usage(usage, reply.usage_at)
    return body


def _embeddings_whole(asked: Asked, reply: Reply, usage: Usage) -> dict[str, object]:
    data = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(reply.vectors)]
    body: dict[str, object] = {"object": "list", "data": data[::-1] if reply.shuffled else data, "model": asked.model}
    if reply.usage_at is not UsageAt.NOWHERE:
        body["usage"] = {"prompt_tokens": usage.input, "total_tokens": usage.input}
    return body


def _chat_chunks(asked: Asked, reply: Reply, usage: Usage) -> Iterator[dict[str, object]]:
    head: dict[str, object] = {
        "id": f"chatcmpl-{asked.n}",
        "object": "chat.completion.chunk",
        "created": _WHEN,
        "model": asked.model,
    }

    def chunk(delta: dict[str, object], finish: str | None = None, **more: object) -> dict[str, object]:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}]}

    deltas: list[dict[str, object]] = []
    deltas.extend({"reasoning_content": piece} for piece in _pieces(reply.reasoning, reply.piece))
    deltas.extend({"content": piece} for piece in _pieces(reply.text, reply.piece))
    for at, call in enumerate(reply.calls):
        opening = _chat_call(ToolCall(call.id, call.name, ""))
        deltas.append({"tool_calls": [{"index": at, **opening}]})
        deltas.extend(
            {"tool_calls": [{"index": at, "function": {"arguments": piece}}]}
            for piece in _pieces(call.arguments, reply.piece)
        )
    first: dict[str, object] = {"role": "assistant"}
    yield chunk(first | deltas[0] if deltas else first)
    for delta in deltas[1:]:
        yield chunk(delta)
    finish = _CHAT_FINISH.get(reply.ending, reply.ending)
    counts = _chat_usage(usage, reply.usage_at)
    yield chunk({}, finish, usage=counts) if reply.usage_at is UsageAt.CHOICE else chunk({}, finish)
    options = asked.body.get("stream_options")
    wanted = isinstance(options, dict) and options.get("include_usage") is True
    if wanted and reply.usage_at in (UsageAt.LAST, UsageAt.TOP):
        yield head | {"choices": [], "usage": counts}


def _message_usage(usage: Usage) -> dict[str, object]:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }


def _message_blocks(reply: Reply) -> list[dict[str, object]]:
    blocks: list[dict[str, object]] = []
    if reply.reasoning:
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": f"signed-{len(reply.reasoning)}"})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call)} for call in reply.calls
    ]
    return blocks


def _arguments(call: ToolCall) -> object:
    try:
        return cast("object", orjson.loads(call.arguments))
    except orjson.JSONDecodeError:
        return {}


def _message_whole(asked: Asked, reply: Reply, usage: Usage) -> dict[str, object]:
    return {
        "id": f"msg_{asked.n}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": _message_blocks(reply),
        "stop_reason": _MESSAGE_FINISH.get(reply.ending, reply.ending),
        "stop_sequence": None,
        "usage": _message_usage(usage),
    }


def _message_events(asked: Asked, reply: Reply, usage: Usage) -> Iterator[dict[str, object]]:
    nothing_yet = Reply(finish="stop")
    start = _message_whole(asked, nothing_yet, Usage(usage.input, usage.cached, usage.cache_write, 1))
    yield {"type": "message_start", "message": start | {"stop_reason": None}}
    calls = iter(reply.calls)
    for at, block in enumerate(_message_blocks(reply)):
        for event in _block_events(block, reply.piece, calls):
            yield {"index": at, **event}
    delta = {"stop_reason": _MESSAGE_FINISH.get(reply.ending, reply.ending), "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage.output}}
    yield {"type": "message_stop"}


def _block_events(block: dict[str, object], size: int, calls: Iterator[ToolCall]) -> Iterator[dict[str, object]]:
    match block["type"]:
        case "thinking":
            opening: dict[str, object] = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [("thinking_delta", "thinking", piece) for piece in _pieces(str(block["thinking"]), size)]
            deltas.append(("signature_delta", "signature", str(block["signature"])))
        case "text":
            opening = {"type": "text", "text": ""}
            deltas = [("text_delta", "text", piece) for piece in _pieces(str(block["text"]), size)]
        case _:
            opening = block | {"input": dict[str, object]()}
            deltas = [("input_json_delta", "partial_json", piece) for piece in _pieces(next(calls).arguments, size)]
    yield {"type": "content_block_start", "content_block": opening}
    for kind, key, piece in deltas:
        yield {"type": "content_block_delta", "delta": {"type": kind, key: piece}}
    yield {"type": "content_block_stop"}
