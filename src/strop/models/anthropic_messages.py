"""The Messages API as Anthropic (and Kimi's `/anthropic`) speak it, streamed.

Prefix caching is asked for by breakpoints (four are allowed): at the end of the shared head, at the end
of the newest turn, and where the request before had its newest: the API looks back only 20 blocks
from a breakpoint, and a turn with many tool calls is longer than that. No sampling parameters: recent
models refuse them. Thinking is adaptive and only on where a request asks for it. Thinking blocks carry
signatures and must come back unchanged on turns that use tools, so `Answer.reasoning` holds the raw
content list as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import orjson

from strop.errors import BadStream
from strop.models.dialect import provider_schema, tool_schema
from strop.models.refusals import check_streamed, failure_in_stream, refusal, said_in
from strop.models.sse import EventParser
from strop.models.structured import ANSWER_TOOL, WAYS, Ladder, Way, asked_in_words, json_in
from strop.models.transport import Wire, error_text
from strop.seams import Answer, Message, ModelCard, Request
from strop.types.events import ToolCall
from strop.types.money import Certainty, Usage
from strop.types.schema import Json

if TYPE_CHECKING:
    from strop.seams import Model

_FINISHES = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
_MARK = {"type": "ephemeral"}
_DROPS = frozenset({"minimum", "maximum", "maxLength", "minItems", "maxItems"})
"""Anthropic's structured output refuses numeric, length and most array bounds; our validator keeps them."""


@dataclass(frozen=True, slots=True)
class MessagesManners:
    """How one vendor's Messages API wants to be asked."""

    version: str = "2023-06-01"
    """Header `anthropic-version`."""
    caches: bool = True
    """Set cache breakpoints."""
    thinking_on: Mapping[str, object] = field(default_factory=lambda: {"thinking": {"type": "adaptive"}})
    """Merged into the body when a request asks for thinking; without it the model does not think."""
    thinking_off: Mapping[str, object] = field(default_factory=dict[str, object])
    ways: tuple[Way, ...] = WAYS
    """Ways to ask for structured output, best first."""
    schema_drops: frozenset[str] = _DROPS


class AnthropicMessages:
    """One model behind one Messages endpoint. Remembers which way it takes a schema."""

    def __init__(self, card: ModelCard, *, wire: Wire, manners: MessagesManners | None = None) -> None:
        self._card = card
        self._wire = wire
        self._manners = manners or MessagesManners()
        self._ladder = Ladder(self._manners.ways)
        self._headers = {"Accept": "text/event-stream", "anthropic-version": self._manners.version}

    @property
    def card(self) -> ModelCard:
        return self._card

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        """Ask once; see `seams.Model`.

        Raises:
            ModelFailure: in one of its branches.
        """
        while True:
            way = self._ladder.way
            answer = await self._ask(request, way, notice)
            if answer is not None:
                return answer

    async def close(self) -> None:
        await self._wire.close()

    async def _ask(self, request: Request, way: Way, notice: Callable[[int], None] | None) -> Answer | None:
        """One HTTP exchange; None when the endpoint refused the way and a lower one is left."""
        body = self._body(request, way)
        async with self._wire.post("/v1/messages", headers=self._headers, body=body) as response:
            if response.status != 200:
                text = await error_text(response, self._wire)
                if request.schema is not None and response.status in (400, 422) and self._ladder.lower(way, text):
                    return None
                raise refusal(response, text, who=self._card.name)
            await check_streamed(response, self._wire, who=self._card.name)
            stream = _Stream(self._card.name, self._wire)
            parser = EventParser()
            while chunk := await response.read():
                for event in parser.feed(chunk):
                    stream.take(event)
                if notice is not None:
                    notice(stream.characters)
                if stream.done:
                    break
            for event in parser.end():
                stream.take(event)
            return stream.answer(request, way=way, sent=len(body))

    def _body(self, request: Request, way: Way) -> bytes:
        manners, schema = self._manners, request.schema
        system, turns = self._turns(request, way)
        body: dict[str, object] = {
            "model": self._card.id,
            "max_tokens": min(request.max_output, self._card.output),
            "stream": True,
            "messages": turns,
        }
        if system:
            body["system"] = system
        body.update(manners.thinking_on if request.thinking else manners.thinking_off)
        tools: list[dict[str, object]] = [
            {"name": tool.name, "description": tool.purpose, "input_schema": tool_schema(tool, manners.schema_drops)}
            for tool in request.tools
        ]
        if schema is not None:
            shape = provider_schema(schema, manners.schema_drops)
            if way is Way.JSON_SCHEMA:
                body["output_config"] = {"format": {"type": "json_schema", "schema": shape}}
            elif way is Way.TOOL:
                purpose = "Give the final answer with this tool."
                tools.append({"name": ANSWER_TOOL, "description": purpose, "input_schema": shape})
                if not request.thinking:
                    # A forced tool is refused while the model thinks.
                    named = {"type": "tool", "name": ANSWER_TOOL}
                    body["tool_choice"] = {"type": "any"} if request.tools else named
        if tools:
            body["tools"] = tools
        return orjson.dumps(body)

    def _turns(self, request: Request, way: Way) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        """System blocks, and turns in which user and assistant alternate, with their breakpoints."""
        system: list[dict[str, object]] = []
        turns: list[dict[str, object]] = []
        blocks: list[dict[str, object]] = []
        head_end: dict[str, object] | None = None
        hint = asked_in_words(request.schema) if request.schema is not None and _in_words(way) else ""
        for at, message in enumerate(request.messages):
            if message.role == "system" and not turns:
                added = _text_blocks(message.text)
                system += added
            else:
                role = "assistant" if message.role == "assistant" else "user"
                text = message.text
                if hint and message.role == "user" and at >= request.head:
                    text, hint = text + hint, ""
                added = _blocks(message, text)
                if not turns or turns[-1]["role"] != role:
                    blocks = []
                    turns.append({"role": role, "content": blocks})
                blocks += added
            if at < request.head and added:
                head_end = added[-1]
        turns = [turn for turn in turns if turn["content"]]
        if hint:
            turns.append({"role": "user", "content": _text_blocks(hint.strip())})
        if self._manners.caches:
            if head_end is not None:
                head_end["cache_control"] = _MARK
            _mark_turns(turns)
        return system, turns


def _mark_turns(turns: list[dict[str, object]]) -> None:
    """Breakpoints at the newest turn's end, and at the end of the turn that was the newest one request ago."""
    ends = [cast("list[dict[str, object]]", turn["content"])[-1] for turn in turns[-3:]]
    # The turn between them is the answer; without one (head and task are one turn) there was no request before.
    for end in (ends[-1], ends[0]) if len(ends) == 3 else ends[-1:]:
        if end.get("type") not in ("thinking", "redacted_thinking"):  # these may not carry one
            end["cache_control"] = _MARK


def _in_words(way: Way) -> bool:
    return way in (Way.PARSE, Way.JSON_OBJECT)


def _text_blocks(text: str) -> list[dict[str, object]]:
    """A blank text block is a 400, so there is none."""
    return [{"type": "text", "text": text}] if text.strip() else []


def _blocks(message: Message, text: str) -> list[dict[str, object]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.call_id, "content": text}]
    if message.role != "assistant":
        return _text_blocks(text)
    kept = _kept_blocks(message)
    if kept is not None:
        return kept
    uses: list[dict[str, object]] = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)}
        for call in message.calls
    ]
    return [*_text_blocks(text), *uses]


def _kept_blocks(message: Message) -> list[dict[str, object]] | None:
    """The raw content list that `reasoning` holds, if it is one and belongs to these calls."""
    if not message.calls or not message.reasoning.startswith("["):
        return None
    try:
        raw = cast("Json", orjson.loads(message.reasoning))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(raw, list):
        return None
    blocks = [cast("dict[str, object]", block) for block in raw if isinstance(block, dict)]
    ids = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
    return blocks if ids == [call.id for call in message.calls] else None


def _input(arguments: str) -> object:
    """A call's arguments as the object that the API demands, also where a model wrote none."""
    try:
        value: object = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        value = None
    return cast("object", value) if isinstance(value, dict) else {"unreadable": arguments}


@dataclass(slots=True)
class _Block:
    """One content block while it streams: its opening as sent, and the pieces of its parts."""

    opening: dict[str, Json]
    pieces: dict[str, list[str]]

    def joined(self, part: str) -> str:
        start = self.opening.get(part)
        return (start if isinstance(start, str) else "") + "".join(self.pieces.get(part, ()))

    @property
    def arguments(self) -> str:
        written = "".join(self.pieces.get("input", ()))
        return written or orjson.dumps(self.opening.get("input") or {}).decode()

    @property
    def blank(self) -> bool:
        """A text block without text: sent back it would be a 400."""
        return self.opening.get("type") == "text" and not self.joined("text").strip()

    def raw(self) -> dict[str, object]:
        """The block as it must come back."""
        match self.opening.get("type"):
            case "text":
                return {"type": "text", "text": self.joined("text")}
            case "thinking":
                return {"type": "thinking", "thinking": self.joined("thinking"), "signature": self.joined("signature")}
            case "tool_use":
                return {
                    "type": "tool_use",
                    "id": self.opening.get("id"),
                    "name": self.opening.get("name"),
                    "input": _input(self.arguments),
                }
            case _:
                return dict(self.opening)


_PARTS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "input"),
}
"""Kind of delta -> (its key, the part of the block that it extends)."""


class _Stream:
    """Gathers one answer from its events."""

    __slots__ = ("_blocks", "_finish", "_usage", "_who", "_wire", "characters", "done")

    def __init__(self, who: str, wire: Wire) -> None:
        self._who = who
        self._wire = wire
        self._blocks: dict[int, _Block] = {}
        self._finish = ""
        self._usage: dict[str, int] = {}
        self.characters = 0
        self.done = False

    def take(self, data: bytes) -> None:
        """Add one event.

        Raises:
            ModelFailure: no JSON object, or an error that the provider put into the stream.
        """
        if self.done or not data:
            return
        event = self._parsed(data)
        match event.get("type"):
            case "content_block_delta":
                self._extend(event)
            case "content_block_start":
                index, opening = event.get("index"), event.get("content_block")
                if isinstance(index, int) and isinstance(opening, dict):
                    self._blocks[index] = _Block(opening, {})
            case "message_start":
                message = event.get("message")
                if isinstance(message, dict):
                    self._note_usage(message.get("usage"))
                    # A first guess of 1 or so; only what a later event says is the bill.
                    self._usage.pop("output_tokens", None)
            case "message_delta":
                delta = event.get("delta")
                if isinstance(delta, dict) and isinstance(reason := delta.get("stop_reason"), str):
                    self._finish = reason
                self._note_usage(event.get("usage"))
            case "message_stop":
                self.done = True
            case "error":
                self._fail(event.get("error"))
            case _:  # ping, and kinds to come
                pass

    def _parsed(self, data: bytes) -> dict[str, Json]:
        try:
            event = cast("Json", orjson.loads(data))
        except orjson.JSONDecodeError:
            event = None
        if not isinstance(event, dict):
            said = said_in(self._wire.scrub(data.decode(errors="replace")))
            raise BadStream(f"{self._who}: an event of the answer is no JSON object: {said}")
        return event

    def _extend(self, event: dict[str, Json]) -> None:
        index, delta = event.get("index"), event.get("delta")
        if not (isinstance(index, int) and isinstance(delta, dict)):
            return
        block = self._blocks.get(index)
        key, part = _PARTS.get(str(delta.get("type")), ("", ""))
        piece = delta.get(key)
        if block is None or not isinstance(piece, str):
            return
        block.pieces.setdefault(part, []).append(piece)
        if part != "signature":
            self.characters += len(piece)

    def _note_usage(self, usage: Json) -> None:
        """Figures are cumulative; the last word counts."""
        if isinstance(usage, dict):
            for name, count in usage.items():
                if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
                    self._usage[name] = count

    def _fail(self, error: Json) -> None:
        body = error if isinstance(error, dict) else {}
        kind, message = self._wire.scrub(f"{body.get('type')}"), self._wire.scrub(f"{body.get('message')}")
        raise failure_in_stream(kind, message, who=self._who, started=bool(self._usage or self._blocks))

    def answer(self, request: Request, *, way: Way, sent: int) -> Answer:
        """The whole answer; `sent` bytes of request bound the input where no usage came.

        Raises:
            BadStream: the stream ended before the answer did.
        """
        if not self._finish:
            raise BadStream(f"{self._who}: the answer broke off after {self.characters} characters, without a finish")
        blocks = [block for _, block in sorted(self._blocks.items())]
        text = "".join(block.joined("text") for block in blocks if block.opening.get("type") == "text")
        uses = [block for block in blocks if block.opening.get("type") == "tool_use"]
        calls = tuple(
            ToolCall(str(block.opening.get("id")), str(block.opening.get("name")), block.arguments) for block in uses
        )
        thought = any(block.opening.get("type") in ("thinking", "redacted_thinking") for block in blocks)
        reasoning = orjson.dumps([block.raw() for block in blocks if not block.blank]).decode() if thought else ""
        if request.schema is not None:
            answers = [call.arguments for call in calls if call.name == ANSWER_TOOL]
            calls = tuple(call for call in calls if call.name != ANSWER_TOOL)
            text = json_in(answers[-1] if answers else text, request.schema, way=way)
        finish = _FINISHES.get(self._finish) or ("tools" if calls else "stop")
        return Answer(text, self._usage_of(sent), calls, reasoning, finish)

    def _usage_of(self, sent: int) -> Usage:
        counts = self._usage
        if "input_tokens" in counts and "output_tokens" in counts:
            return Usage(
                input=counts["input_tokens"],
                cached=counts.get("cache_read_input_tokens", 0),
                cache_write=counts.get("cache_creation_input_tokens", 0),
                output=counts["output_tokens"],
            )
        output = sum(
            len(piece.encode())
            for block in self._blocks.values()
            for pieces in block.pieces.values()
            for piece in pieces
        )
        return Usage(input=sent, output=-(-output // 4), certainty=Certainty.ESTIMATED)


if TYPE_CHECKING:

    def _fits(x: AnthropicMessages) -> Model:
        return x
