"""Chat completions as OpenAI, Moonshot (Kimi), vLLM, Ollama and many others speak them.

Always streamed: long answers without a stream die in proxies (a Kimi K2 run did at 183 s), and the
first byte is a sign of life. One call is one paid attempt; the only second request within a call
follows a 400 that refused the way a schema was sent, which nobody bills (see `structured.py`).
What differs between vendors is data (`ChatManners`, from `catalogue.toml`), never a branch on a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import orjson

from strop.errors import BadStream, ModelFailure
from strop.models.dialect import Made, provider_schema, tool_schema
from strop.models.refusals import check_streamed, failure_in_stream, refusal, said_in
from strop.models.sse import EventParser
from strop.models.structured import ANSWER_TOOL, WAYS, Ladder, Way, asked_in_words, json_in
from strop.models.transport import Wire, error_text
from strop.seams import Answer, Message, ModelCard, Request, ToolSpec
from strop.types.events import ToolCall
from strop.types.money import Certainty, Usage
from strop.types.schema import Json

if TYPE_CHECKING:
    from strop.seams import Model

_HEADERS = {"Accept": "text/event-stream"}
_FINISHES = {"tool_calls": "tools", "function_call": "tools", "length": "length", "content_filter": "refusal"}
_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class ChatManners:
    """How one vendor's chat completions want to be asked. Defaults fit any compatible server."""

    temperature: float | None = None
    """None sends no sampling parameters (Kimi fixes them and refuses others)."""
    output_field: str = "max_tokens"
    """`max_completion_tokens` where the older name is refused or deprecated."""
    returns_reasoning: bool = False
    """Assistant turns that call tools must carry `reasoning_content` while the model thinks."""
    drops_blank_content: bool = False
    """A blank `content` beside tool calls is refused: leave it out."""
    strict: bool = False
    """Send `strict: true` with schemas and tools (OpenAI); others refuse the word."""
    ways: tuple[Way, ...] = WAYS
    """Ways to ask for structured output, best first."""
    schema_drops: frozenset[str] = frozenset()
    """JSON schema keywords that the vendor refuses."""
    thinking_on: Mapping[str, object] = field(default_factory=dict[str, object])
    """Merged into the body when a request asks for thinking."""
    thinking_off: Mapping[str, object] = field(default_factory=dict[str, object])
    """Merged into the body when it does not."""
    always_thinks: bool = False
    """Thinking cannot be turned off."""
    forces_tools_while_thinking: bool = True
    """False: a named `tool_choice` is refused while the model thinks."""


class OpenAIChat:
    """One model behind one OpenAI-compatible endpoint. Remembers which way it takes a schema."""

    def __init__(self, card: ModelCard, *, wire: Wire, manners: ChatManners | None = None) -> None:
        self._card = card
        self._wire = wire
        self._manners = manners or ChatManners()
        self._ladder = Ladder(self._manners.ways)
        self._shapes, self._tools = Made(), Made()

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
        async with self._wire.post("/chat/completions", headers=_HEADERS, body=body) as response:
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
        thinks = request.thinking or manners.always_thinks
        body: dict[str, object] = {
            "model": self._card.id,
            "messages": self._messages(request, way, thinks=thinks),
            "stream": True,
            "stream_options": {"include_usage": True},
            manners.output_field: min(request.max_output, self._card.output),
        }
        if manners.temperature is not None:
            body["temperature"] = manners.temperature
        body.update(manners.thinking_on if request.thinking else manners.thinking_off)
        tools = [self._tool(tool) for tool in request.tools]
        if schema is not None:
            shape = self._shapes.of(schema, lambda: provider_schema(schema, manners.schema_drops))
            if way is Way.JSON_SCHEMA:
                named: dict[str, object] = {"name": "answer", "schema": shape}
                body["response_format"] = {"type": "json_schema", "json_schema": self._strictly(named)}
            elif way is Way.JSON_OBJECT:
                body["response_format"] = {"type": "json_object"}
            elif way is Way.TOOL:
                purpose = "Give the final answer with this tool."
                tools.append(self._function(ANSWER_TOOL, purpose, shape))
                if manners.forces_tools_while_thinking or not thinks:
                    named_tool = {"type": "function", "function": {"name": ANSWER_TOOL}}
                    body["tool_choice"] = "required" if request.tools else named_tool
        if tools:
            body["tools"] = tools
        return orjson.dumps(body)

    def _messages(self, request: Request, way: Way, *, thinks: bool) -> list[dict[str, object]]:
        messages = [self._message(message, thinks=thinks) for message in request.messages]
        if request.schema is not None and way in (Way.JSON_OBJECT, Way.PARSE) and messages:
            # Behind the shared head and always at the same turn, so that prefix caches go on hitting.
            after_head = (at for at in range(request.head, len(messages)) if messages[at]["role"] == "user")
            place = next(after_head, len(messages) - 1)
            messages[place]["content"] = f"{messages[place].get('content', '')}{asked_in_words(request.schema)}"
        return messages

    def _message(self, message: Message, *, thinks: bool) -> dict[str, object]:
        if message.role == "tool":
            return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
        body: dict[str, object] = {"role": message.role, "content": message.text}
        if message.calls:
            if self._manners.drops_blank_content and not message.text.strip():
                del body["content"]
            if self._manners.returns_reasoning and (thinks or message.reasoning):
                # One character is accepted where no reasoning came; a missing field is a 400.
                body["reasoning_content"] = message.reasoning or "."
            body["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in message.calls
            ]
        return body

    def _tool(self, spec: ToolSpec) -> dict[str, object]:
        shape = self._tools.of(spec, lambda: tool_schema(spec, self._manners.schema_drops))
        return self._function(spec.name, spec.purpose, shape)

    def _function(self, name: str, purpose: str, parameters: orjson.Fragment) -> dict[str, object]:
        function: dict[str, object] = {"name": name, "description": purpose, "parameters": parameters}
        return {"type": "function", "function": self._strictly(function)}

    def _strictly(self, named: dict[str, object]) -> dict[str, object]:
        if self._manners.strict:
            named["strict"] = True
        return named


@dataclass(slots=True)
class _PartCall:
    id: str
    name: str
    arguments: list[str]


class _Stream:
    """Gathers one answer from its chunks."""

    __slots__ = (
        "_calls",
        "_finish",
        "_reasoning",
        "_refused",
        "_started",
        "_text",
        "_usage",
        "_who",
        "_wire",
        "characters",
        "done",
    )

    def __init__(self, who: str, wire: Wire) -> None:
        self._who = who
        self._wire = wire
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, _PartCall] = {}
        self._finish = ""
        self._refused = False
        self._started = False
        self._usage: Usage | None = None
        self.characters = 0
        self.done = False

    def take(self, data: bytes) -> None:
        """Add one chunk.

        Raises:
            ModelFailure: no JSON object, or an error that the provider put into the stream.
        """
        if self.done or not data:
            return
        if data == _DONE:
            self.done = True
            return
        chunk = self._parsed(data)
        if chunk.get("error"):
            raise self._error(chunk["error"])
        self._started = True
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(choice, dict):
            delta = choice.get("delta")
            if isinstance(delta, dict):
                self._add(delta)
            finish = choice.get("finish_reason")
            if isinstance(finish, str) and finish:
                self._finish = finish
            if "usage" in choice:
                self._note_usage(choice["usage"])
        if "usage" in chunk:
            self._note_usage(chunk["usage"])

    def _parsed(self, data: bytes) -> dict[str, Json]:
        try:
            chunk = cast("Json", orjson.loads(data))
        except orjson.JSONDecodeError:
            chunk = None
        if not isinstance(chunk, dict):
            said = said_in(self._wire.scrub(data.decode(errors="replace")))
            raise BadStream(f"{self._who}: a chunk of the answer is no JSON object: {said}")
        return chunk

    def _add(self, delta: dict[str, Json]) -> None:
        for key, value in delta.items():
            if not value:
                continue
            if isinstance(value, str):
                if key == "content":
                    self._text.append(value)
                elif key == "reasoning_content" or (key == "reasoning" and "reasoning_content" not in delta):
                    self._reasoning.append(value)
                else:
                    self._refused = self._refused or key == "refusal"
                    continue
                self.characters += len(value)
            elif key == "tool_calls" and isinstance(value, list):
                for call in value:
                    if isinstance(call, dict):
                        self._add_call(call)

    def _add_call(self, call: dict[str, Json]) -> None:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        id, name, arguments, index = call.get("id"), function.get("name"), function.get("arguments"), call.get("index")
        id, name = id if isinstance(id, str) else "", name if isinstance(name, str) else ""
        at = index if isinstance(index, int) else len(self._calls) - (0 if name else 1)
        part = self._calls.get(at)
        if part is not None and id and name and part.id and id != part.id:
            # Some servers send whole calls, all of them with index 0.
            at, part = max(self._calls) + 1, None
        if part is None:
            part = self._calls[at] = _PartCall(id, name, [])
        else:
            part.id = part.id or id
            part.name = part.name or name
        if isinstance(arguments, str) and arguments:
            part.arguments.append(arguments)
            self.characters += len(arguments)

    def _note_usage(self, usage: Json) -> None:
        if isinstance(usage, dict) and (found := read_usage(usage)) is not None:
            self._usage = found

    def _error(self, error: Json) -> ModelFailure:
        body = error if isinstance(error, dict) else {"message": error}
        kind = self._wire.scrub(f"{body.get('code') or body.get('type') or 'error'}")
        message = self._wire.scrub(f"{body.get('message')}")
        return failure_in_stream(kind, message, who=self._who, started=self._started)

    def answer(self, request: Request, *, way: Way, sent: int) -> Answer:
        """The whole answer; `sent` bytes of request bound the input where no usage came.

        Raises:
            BadStream: the stream ended before the answer did.
        """
        if not self._finish:
            raise BadStream(f"{self._who}: the answer broke off after {self.characters} characters, without a finish")
        calls = tuple(
            ToolCall(part.id or f"call_{at}", part.name, "".join(part.arguments) or "{}")
            for at, part in sorted(self._calls.items())
        )
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        usage = self._usage or estimated(sent, text, reasoning, *(call.name + call.arguments for call in calls))
        finish = "refusal" if self._refused else _FINISHES.get(self._finish, "stop")
        if request.schema is not None:
            answers = [call.arguments for call in calls if call.name == ANSWER_TOOL]
            calls = tuple(call for call in calls if call.name != ANSWER_TOOL)
            if answers:
                text = answers[-1]
            text = json_in(text, request.schema, way=way)
        if finish in ("stop", "tools"):
            finish = "tools" if calls else "stop"
        return Answer(text, usage, calls, reasoning, finish)


def read_usage(usage: dict[str, Json]) -> Usage | None:
    """Usage in any of the places where providers put cached tokens; None when it holds no counts."""
    prompt, output = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None or output is None:
        return None
    details = usage.get("prompt_tokens_details")
    inner = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    cached = min(max(_count(usage.get("cached_tokens")) or 0, inner or 0), prompt)
    return Usage(input=prompt - cached, cached=cached, output=output)


def estimated(sent: int, *texts: str) -> Usage:
    """Usage where the provider reports none: bytes bound the input, four bytes are one output token."""
    output = sum(len(text.encode()) for text in texts)
    return Usage(input=sent, output=-(-output // 4), certainty=Certainty.ESTIMATED)


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


if TYPE_CHECKING:

    def _fits(x: OpenAIChat) -> Model:
        return x
