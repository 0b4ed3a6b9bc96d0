"""A server on loopback that speaks the wire formats over real HTTP, scripted, with faults and a bill.

    async with TestServer(lambda asked: Reply(f"you said {asked.user}")) as server:
        ...  # point any client at server.chat_url or server.messages_url
    print(server.bill.stats())

Or as a process of its own, whose log outlives the client that is killed:

    python -m strop.testing.server --port 0 --script echo --log asked.jsonl

prints one line of JSON with its URLs; `GET /stats` gives the bill, SIGTERM ends it. For a kill that must find
calls under way, `POST /hold?after=N` lets N more requests through, `GET /held?calls=N` answers once N wait at
once, and `POST /release` lets them go on; in one process these are `hold`, `held` and `release` of `server.gate`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib
import inspect
import os
import signal
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeAlias, cast

import orjson
from aiohttp import web

from strop.testing.bill import Bill, Entry, Prefixes, tokens
from strop.testing.gate import Gate
from strop.testing.wires import (
    CHAT,
    EMBEDDINGS,
    MESSAGES,
    Asked,
    Fault,
    Reply,
    error_body,
    prompt_of,
    streamed_answer,
    whole_answer,
)
from strop.types.money import Price, Usage
from strop.types.schema import Json

Script: TypeAlias = Callable[[Asked], "Reply | Awaitable[Reply]"]

_PATHS = {"/v1/chat/completions": CHAT, "/v1/messages": MESSAGES, "/v1/embeddings": EMBEDDINGS}
_HUGE_PIECE = 256 * 1024
_HUGE_PIECES = 256
_BILLED_WITHOUT_ANSWER = (Fault.HANG, Fault.RESET)
"""The work was begun: the input is charged."""

_REFUSALS: dict[Fault, tuple[int, str, str]] = {
    Fault.RATE_LIMIT: (429, "rate_limit_error", "Rate limit reached, please try again later"),
    Fault.QUOTA: (429, "exceeded_current_quota_error", "Your account is suspended, please check your balance"),
    Fault.QUOTA_403: (403, "permission_error", "You have reached the usage limit of this billing cycle"),
    Fault.SERVER_ERROR: (500, "api_error", "Internal server error"),
    Fault.OVERLOADED: (503, "overloaded_error", "Overloaded"),
    Fault.UNAUTHORIZED: (401, "authentication_error", "Incorrect API key provided"),
    Fault.FORBIDDEN: (403, "permission_error", "This key may not use the model"),
    Fault.NOT_FOUND: (404, "not_found_error", "The model does not exist"),
    Fault.BAD_REQUEST: (400, "invalid_request_error", "messages must not be empty"),
    Fault.WINDOW: (400, "invalid_request_error", "prompt is too long: this model's maximum context length is 8192"),
    Fault.SCHEMA_REFUSED: (
        400,
        "invalid_request_error",
        "response_format json_schema (output_config) is not supported",
    ),
    Fault.TOOL_REFUSED: (400, "invalid_request_error", "tool_choice is not supported"),
    Fault.REDIRECT: (307, "redirect", "moved"),
}


class TestServer:
    """One listener on 127.0.0.1; ask `bill` what came in.

    Args:
        script: what to answer; may be a coroutine function.
        price: dollars per million tokens for the bill.
        log: a file that gets one JSON line when a request arrives and one when it ends.
    """

    __test__ = False  # pytest: no class of tests

    def __init__(self, script: Script, *, price: Price | None = None, port: int = 0, log: Path | None = None) -> None:
        self._script = script
        self._wanted_port = port
        self._log_path = log
        self._log: BinaryIO | None = None
        self._prefixes = Prefixes()
        self._prompts: Counter[str] = Counter()
        self._runner: web.ServerRunner | None = None
        self._closing = asyncio.Event()
        self._count = 0
        self.port = port
        self.bill = Bill(price or Price())
        self.gate = Gate()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def chat_url(self) -> str:
        """Base URL for chat completions and embeddings, as OpenAI's SDK takes it."""
        return f"{self.url}/v1"

    @property
    def messages_url(self) -> str:
        """Base URL for the Messages API, as Anthropic's SDK takes it."""
        return self.url

    @property
    def host(self) -> str:
        """`host:port` for an allow-list."""
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        if self._log_path is not None:
            self._log = self._log_path.open("ab", buffering=0)
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        listening = socket.create_server(("127.0.0.1", self._wanted_port), backlog=4096)
        self.port = listening.getsockname()[1]
        await web.SockSite(self._runner, listening, backlog=4096).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._log is not None:
            self._log.close()

    # ------------------------------------------------------------ one request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        wire = _PATHS.get(request.path)
        if wire is None or request.method != "POST":
            return await self._steer(request)
        raw = await request.content.read()  # request.read() stops at 1 MiB
        try:
            body = cast("Json", orjson.loads(raw))
        except orjson.JSONDecodeError:
            body = None
        part = "input" if wire == EMBEDDINGS else "messages"
        if not isinstance(body, dict) or not body.get(part):
            return _json(400, error_body(wire, "invalid_request_error", f"the body is no JSON object with {part}"))
        return await self._serve(request, wire, body)

    async def _steer(self, request: web.BaseRequest) -> web.StreamResponse:
        """What a test asks of a server in another process."""
        match request.method, request.path:
            case "GET", "/stats":
                return web.Response(body=orjson.dumps(self.bill.stats()), content_type="application/json")
            case "POST", "/hold":
                self.gate.hold(after=int(request.query["after"]))
            case "GET", "/held":
                await self.gate.held(int(request.query["calls"]))
            case "POST", "/release":
                await self.gate.release()
            case _:
                return web.Response(status=404, text=f"nothing is here; ask one of {', '.join(_PATHS)}\n")
        return web.Response(status=204)

    async def _serve(self, request: web.BaseRequest, wire: str, body: dict[str, Json]) -> web.StreamResponse:
        started = time.monotonic()
        prompt, marked = prompt_of(wire, body)
        name = hashlib.sha256(prompt).hexdigest()[:16]
        self._count += 1
        self._prompts[name] += 1
        key = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.headers.get("x-api-key", "")
        asked = Asked(wire, request.path, self._count, self._prompts[name], name, body, keyed=bool(key))
        call = _Call(
            asked, key=key, chain=self._prefixes.chain(prompt), size=len(prompt), marked=marked, started=started
        )
        self.bill.in_flight += 1
        self.bill.high_water = max(self.bill.high_water, self.bill.in_flight)
        self._write_log({"event": "asked", "n": asked.n, "nth": asked.nth, "prompt": name, "wire": wire})
        try:
            await self.gate.enter()
            scripted = self._script(asked)
            call.reply = await scripted if inspect.isawaitable(scripted) else scripted
            if call.reply.latency:
                await asyncio.sleep(call.reply.latency)
            return await self._answer(request, call)
        finally:
            self.bill.in_flight -= 1
            self._book(call)

    async def _answer(self, request: web.BaseRequest, call: _Call) -> web.StreamResponse:
        asked, reply = call.asked, call.reply
        call.shared = self._prefixes.shared(call.chain)
        refused = _REFUSALS.get(reply.fault)
        if refused is not None:
            response = _refusal(call, *refused)
            call.status = response.status
            return await _send(request, response, call)
        self._prefixes.learn(call.chain)
        if reply.fault in (Fault.RESET, Fault.NOT_HTTP, Fault.HANG):
            return await self._no_answer(request, call)
        call.status = 200
        if reply.fault is Fault.HTML:
            page = f"<!doctype html><title>502 Bad Gateway</title><p>{call.words}</p>"
            return await _send(request, web.Response(text=page, content_type="text/html"), call)
        if reply.fault is Fault.WRONG_SCHEMA:
            call.reply = reply = Reply('{"unexpected": true}', latency=reply.latency)
        call.usage = reply.usage or call.counted(reply)
        if asked.wire == EMBEDDINGS and reply.fault is Fault.GARBAGE:
            return await _send(request, _json(200, b'{"data": [{"embedding": [NaN]}]}'), call)
        if not asked.streamed:
            return await _send(request, _json(200, whole_answer(asked, reply, call.usage)), call)
        events = streamed_answer(asked, reply, call.usage)
        if reply.fault is Fault.NONE and not reply.drip:
            return await _send(request, web.Response(body=b"".join(events), content_type="text/event-stream"), call)
        return await self._stream(request, call, events)

    async def _no_answer(self, request: web.BaseRequest, call: _Call) -> web.StreamResponse:
        if call.reply.fault is Fault.HANG:
            await self._closing.wait()
        elif call.reply.fault is Fault.NOT_HTTP and request.transport is not None:
            request.transport.write(b"\x15\x03\x01 this is no HTTP " + call.words.encode() + b"\r\n\r\n")
            request.transport.close()
        else:
            _reset(request)
        return web.Response()

    async def _stream(self, request: web.BaseRequest, call: _Call, events: list[bytes]) -> web.StreamResponse:
        """Event by event, with whatever goes wrong on the way."""
        fault = call.reply.fault
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        half = len(events) // 2 if len(events) > 3 else 1
        for at, event in enumerate(events):
            if at == half and fault is not Fault.NONE:
                return await self._go_wrong(request, response, call)
            await response.write(event)
            if call.reply.drip:
                await asyncio.sleep(call.reply.drip)
        await response.write_eof()
        call.delivered = True
        return response

    async def _go_wrong(
        self, request: web.BaseRequest, response: web.StreamResponse, call: _Call
    ) -> web.StreamResponse:
        match call.reply.fault:
            case Fault.STALL:
                await self._closing.wait()
            case Fault.RESET_IN_STREAM:
                _reset(request)
            case Fault.BROKEN if request.transport is not None:
                request.transport.close()
            case Fault.GARBAGE:
                await response.write(b"data: {this is no JSON " + call.words.encode() + b"\n\n")
            case Fault.OVERLOADED_IN_STREAM:
                error = error_body(call.asked.wire, "overloaded_error", f"Overloaded {call.words}")
                await response.write(b"event: error\ndata: " + error + b"\n\n")
            case Fault.HUGE:
                for _ in range(_HUGE_PIECES):
                    await response.write(b": " + b"x" * _HUGE_PIECE + b"\n")
            case _:  # TRUNCATED: an orderly end, too early
                pass
        return response

    # ------------------------------------------------------------ book-keeping

    def _book(self, call: _Call) -> None:
        asked, reply = call.asked, call.reply
        usage = call.usage
        if reply.fault in _BILLED_WITHOUT_ANSWER:
            usage = call.counted(Reply())
        entry = Entry(
            n=asked.n,
            nth=asked.nth,
            wire=asked.wire,
            model=asked.model,
            prompt=asked.prompt,
            status=call.status,
            fault=reply.fault.value,
            started=call.started,
            ended=time.monotonic(),
            prompt_bytes=call.size,
            shared_bytes=call.shared,
            usage=usage,
            nanos=self.bill.charge(usage),
            delivered=call.delivered,
        )
        self.bill.entries.append(entry)
        self._write_log(
            {"event": "ended", "at": time.time(), **{name: getattr(entry, name) for name in Entry.__slots__}}
        )

    def _write_log(self, line: dict[str, object]) -> None:
        if self._log is not None:
            self._log.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


class _Call:
    """What is known of one request while it is served."""

    __slots__ = (
        "asked",
        "chain",
        "delivered",
        "key",
        "marked",
        "reply",
        "shared",
        "size",
        "started",
        "status",
        "usage",
    )

    def __init__(self, asked: Asked, *, key: str, chain: list[int], size: int, marked: int, started: float) -> None:
        self.asked = asked
        self.key = key
        self.chain = chain
        self.size = size
        self.marked = marked
        self.started = started
        self.reply = Reply()
        self.shared = 0
        self.status = 0
        self.usage = Usage()
        self.delivered = False

    @property
    def words(self) -> str:
        return self.reply.says.replace("{key}", self.key)

    def counted(self, reply: Reply) -> Usage:
        """The server's own count. On the Messages wire only what lies before a breakpoint is cached."""
        prompt = tokens(self.size)
        cached = tokens(min(self.shared, self.marked)) if self.shared and self.marked else 0
        written = tokens(self.marked) - cached if self.asked.wire == MESSAGES and self.marked else 0
        answer = [reply.text, reply.reasoning, *(call.name + call.arguments for call in reply.calls)]
        output = tokens(sum(len(text.encode()) for text in answer))
        return Usage(input=max(prompt - cached - written, 0), cached=cached, cache_write=written, output=output)


def _refusal(call: _Call, status: int, kind: str, message: str) -> web.Response:
    wire = call.asked.wire
    if call.reply.fault is Fault.OVERLOADED and wire == MESSAGES:
        status = 529
    headers = {"x-request-id": f"request-{call.asked.n}"}
    if call.reply.retry_after:
        headers["Retry-After"] = call.reply.retry_after
    if call.reply.fault is Fault.REDIRECT:
        headers["Location"] = call.words or "http://elsewhere.example/v1"
    return _json(status, error_body(wire, kind, f"{message} {call.words}".strip()), headers)


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, headers=headers, content_type="application/json")


async def _send(request: web.BaseRequest, response: web.Response, call: _Call) -> web.Response:
    """Hand over the whole response, and only then call it delivered."""
    await response.prepare(request)
    await response.write_eof()
    call.delivered = True
    return response


def _reset(request: web.BaseRequest) -> None:
    """A real RST instead of a polite FIN."""
    transport = request.transport
    if transport is not None:
        raw = cast("socket.socket", transport.get_extra_info("socket"))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


# ---------------------------------------------------------------- as a process


def echo(asked: Asked) -> Reply:
    """Answer with the last user text; where a schema is asked for, with the least that fits it."""
    return fits(asked) if asked.schema is not None else Reply(asked.user)


def fits(asked: Asked) -> Reply:
    """Answer with the smallest value that fits the schema asked for; `{}` without one."""
    return Reply(orjson.dumps(_least(asked.schema or {"type": "object"})).decode())


def _least(node: Json) -> Json:
    if not isinstance(node, dict):
        return None
    if isinstance(choices := node.get("enum"), list) and choices:
        return choices[0]
    kind = node.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            properties = node.get("properties")
            return {name: _least(child) for name, child in properties.items()} if isinstance(properties, dict) else {}
        case "array":
            count = node.get("minItems")
            return [_least(node.get("items")) for _ in range(count if isinstance(count, int) else 0)]
        case "string":
            return "text"
        case "integer" | "number":
            return node.get("minimum") or 0
        case "boolean":
            return False
        case _:
            return None


SCRIPTS: dict[str, Script] = {"echo": echo, "fits": fits}


def script_named(name: str) -> Script:
    """A script by name: `echo`, `fits`, or `module:function` from the current folder or the path.

    Raises:
        SystemExit: there is no such script.
    """
    if name in SCRIPTS:
        return SCRIPTS[name]
    module, _, function = name.partition(":")
    if not function:
        raise SystemExit(f"no script {name!r}; there are {', '.join(SCRIPTS)}, or name yours as module:function")
    sys.path.insert(0, os.getcwd())
    return cast("Script", getattr(importlib.import_module(module), function))


async def _run(arguments: argparse.Namespace) -> None:
    price = Price(*(str(Decimal(each)) for each in arguments.price.split("/")))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with TestServer(
        script_named(arguments.script), price=price, port=arguments.port, log=arguments.log
    ) as server:
        urls = {"url": server.url, "chat": server.chat_url, "messages": server.messages_url}
        print(orjson.dumps(urls).decode(), flush=True)
        await stop.wait()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m strop.testing.server", description="A model server on loopback, scripted."
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", default="echo", help="echo, fits, or module:function")
    parser.add_argument("--price", default="0/0/0/0", help="dollars per million: input/cached/cache write/output")
    parser.add_argument("--log", type=Path, help="append one JSON line a request and one an answer")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
