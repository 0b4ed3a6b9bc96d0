"""The embedded model: llama.cpp in this process (xllamacpp), greedy, for any ChatML GGUF file.

Promise: equal (head, tail, schema, output limit) give equal bytes, whatever was asked before, in
this process or another. What holds it up, each measured on SmolLM2-135M:
- Flash attention is off. With it, the sums over the cache depend on the number of threads and on
  how the prompt was cut into batches, and answers differ; without it the log-probabilities are
  equal to the last bit over threads, batches, slots and processes.
- One request computes at a time. Two slots decoding together share a batch and change each other.
- A head is evaluated as a call of its own, from an empty slot; before each tail its last token is
  evaluated again, alone, which cuts the slot back to exactly the head. So the tail always starts
  at the same place, and the cached share of the bill is the head, not an accident of the last tail.

Slots are places to keep heads warm (least recently used goes first), not a way to answer in
parallel: a second engine with one thread each gave 0.7 to 1.0 times the speed for twice the memory.
One worker thread owns the engine; the event loop only waits. xllamacpp is imported there.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import secrets
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from strop.errors import BadStream, ConfigRefused, MissingPart, ModelFailure, RequestRefused, WindowExceeded
from strop.models.gbnf import to_gbnf
from strop.models.weights import NEXT_MOVE, Header, read_header
from strop.seams import Answer, Message, ModelCard, Request
from strop.types.money import Price, Usage
from strop.types.schema import Json

if TYPE_CHECKING:
    from strop.seams import Model

Pieces: TypeAlias = tuple[int | str, ...]
"""A prompt: token ids, and strings of which each is tokenised by itself."""

_BATCH = 256
"""Tokens evaluated at once: a cancelled request is noticed after about 1.5 s at the latest."""


class EmbeddedModel:
    """A small model behind no endpoint: no key, no network, no money."""

    def __init__(
        self,
        weights: Path,
        *,
        name: str = "embedded",
        family: str = "smollm",
        threads: int = 2,
        window: int = 4_096,
        heads: int = 2,
        output: int = 1_024,
    ) -> None:
        """Take note of the file; nothing is loaded before the first request.

        `threads`: physical cores to use. `window`: tokens of prompt and answer together. `heads`: how
        many shared heads are kept warm (each costs 23 KB of memory a token of window). `output`: most
        tokens of an answer.

        Raises:
            MissingPart: xllamacpp or the weights are not there.
            ConfigRefused: a number that makes no sense.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingPart("the embedded model needs xllamacpp; install it with: pip install 'strop[local]'")
        if not weights.is_file():
            raise MissingPart(f"no weights of the embedded model at {weights}; {NEXT_MOVE}")
        if min(threads, heads, output) < 1 or window < _BATCH:
            raise ConfigRefused(
                f"embedded model: threads {threads}, heads {heads} and output {output} must be at least 1, "
                f"window {window} at least {_BATCH}"
            )
        self._card = ModelCard(
            name=name,
            id=weights.stem,
            family=family,
            price=Price(),
            window=window,
            output=min(output, window),
            tools=False,
            local=True,
        )
        self._bench = _Bench(weights, threads=threads, window=window, heads=heads)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="strop-embedded")

    @property
    def card(self) -> ModelCard:
        return self._card

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        """Ask once, greedily. Requests wait their turn; a cancelled one is dropped or broken off.

        Raises:
            RequestRefused: the request carries tools, or a schema that no grammar can hold.
            WindowExceeded: the prompt does not fit the window.
            BadStream: the engine broke off.
        """
        _refuse_tools(request, self._card.name)
        if self._bench.closing.is_set():
            raise ModelFailure(f"{self._card.name} was closed")
        loop = asyncio.get_running_loop()

        def heard(characters: int) -> None:
            if notice is not None:
                loop.call_soon_threadsafe(notice, characters)

        grammar = to_gbnf(request.schema) if request.schema is not None else None
        job = _Job(request, grammar=grammar, limit=min(request.max_output, self._card.output), notice=heard)
        try:
            return await loop.run_in_executor(self._thread, self._bench.work, job)
        finally:
            # After an answer this changes nothing; after a cancellation the engine stops at its next token.
            job.dropped.set()

    async def close(self) -> None:
        """Let the running request end or break off, then free the engine. A closed model stays closed."""
        if self._bench.closing.is_set():
            return
        self._bench.closing.set()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._bench.close)
        self._thread.shutdown(wait=False)


def _refuse_tools(request: Request, name: str) -> None:
    if request.tools or any(message.calls or message.role == "tool" for message in request.messages):
        raise RequestRefused(f"{name} calls no tools; give this role to another model, or plan the task without tools")


@dataclass(frozen=True, slots=True)
class _Job:
    """One request on its way through the worker thread."""

    request: Request
    grammar: str | None
    limit: int
    """Output tokens."""
    notice: Callable[[int], None]
    dropped: threading.Event = field(default_factory=threading.Event)


class _Engine(Protocol):
    """What we use of `xllamacpp.Server`.

    With `stream` each event goes to `heard`, which ends the call by returning True; a refusal goes
    there too, as `{"error": ...}`.
    """

    def handle_completions(self, body: dict[str, Any], heard: Callable[[dict[str, Any]], bool], /) -> None: ...


class _Bench:
    """Owns the engine. Everything but `closing` is touched by the worker thread alone."""

    def __init__(self, weights: Path, *, threads: int, window: int, heads: int) -> None:
        self.closing = threading.Event()
        self._weights = weights
        self._threads = threads
        self._window = window
        self._engine: _Engine | None = None
        self._header: Header | None = None
        self._slots: OrderedDict[int, Pieces | None] = OrderedDict.fromkeys(range(heads))
        """Slot to the head it holds, least recently used first; None when it holds nothing of use."""

    def work(self, job: _Job) -> Answer:
        if self.closing.is_set():
            raise ModelFailure("the request was dropped: the embedded model is closing")
        engine, header = self._open()
        head, tail = render(job.request, header=header)
        slot, fresh = self._place(head)
        head_tokens = 0
        if head:
            if fresh:
                self._call(engine, job, slot, head, cached=False, output=0)
                self._slots[slot] = head
            head_tokens = self._call(engine, job, slot, head, cached=True, output=0).prompt
        told = self._call(engine, job, slot, head + tail, cached=bool(head), output=job.limit)
        if told.cached != head_tokens:
            raise BadStream(
                f"the engine reused {told.cached} tokens of a head of {head_tokens}; this is a fault of ours"
            )
        warm = 0 if fresh else told.cached
        usage = Usage(input=told.prompt - warm, cached=warm, output=told.output)
        return Answer(text=told.text, usage=usage, finish=told.finish)

    def close(self) -> None:
        self._engine = None  # its destructor ends the engine's threads and frees weights and caches

    def _open(self) -> tuple[_Engine, Header]:
        if self._engine is None or self._header is None:
            self._header = read_header(self._weights)
            if self._window > self._header.trained_window:
                raise ConfigRefused(
                    f"window {self._window} is larger than the {self._header.trained_window} tokens that "
                    f"{self._weights.name} was trained for; set a smaller window"
                )
            self._engine = _start(self._weights, threads=self._threads, window=self._window, slots=len(self._slots))
        return self._engine, self._header

    def _place(self, head: Pieces) -> tuple[int, bool]:
        """The slot for this head, and whether the head must be evaluated there first."""
        for slot, held in self._slots.items():
            if head and held == head:
                self._slots.move_to_end(slot)
                return slot, False
        slot = next(iter(self._slots))
        self._slots[slot] = None
        self._slots.move_to_end(slot)
        return slot, True

    def _call(self, engine: _Engine, job: _Job, slot: int, prompt: Pieces, *, cached: bool, output: int) -> _Told:
        """Have the engine evaluate `prompt` and write up to `output` tokens (0: evaluate only)."""
        told = _Told(job, self.closing, audible=output > 0)
        body: dict[str, Json] = {
            "prompt": list(prompt),
            "n_predict": output,
            "temperature": 0,
            "seed": 0,
            "id_slot": slot,
            "cache_prompt": cached,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
        }
        if job.grammar is not None and output:
            body["grammar"] = job.grammar
        try:
            engine.handle_completions(body, told.hear)
        except Exception as fault:  # a foreign engine: classified here
            self._slots[slot] = None
            raise BadStream(f"the embedded engine failed: {type(fault).__name__}: {fault}") from fault
        told.settle(self._weights.name, window=self._window)
        return told


class _Told:
    """What the engine tells of one call. It is filled on the worker thread, in the engine's callback."""

    def __init__(self, job: _Job, closing: threading.Event, *, audible: bool) -> None:
        self._job = job
        self._closing = closing
        self._audible = audible
        self._pieces: list[str] = []
        self._error: dict[str, Any] | None = None
        self._fault: Exception | None = None
        self._length = 0
        self.finish = ""
        self.prompt = self.cached = self.output = 0

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def hear(self, event: dict[str, Any]) -> bool:
        """Take one event; True asks the engine to stop. Never raises: the caller is C++."""
        try:
            if self._job.dropped.is_set() or self._closing.is_set():
                return True
            self._take(event)
        except Exception as fault:  # noqa: BLE001 - kept, and raised by `settle` on our side
            self._fault = fault
            return True
        return False

    def _take(self, event: dict[str, Any]) -> None:
        if "error" in event:
            self._error = event["error"]
            return
        for choice in event.get("choices", ()):
            if text := choice.get("text"):
                self._pieces.append(text)
                self._length += len(text)
                if self._audible:
                    self._job.notice(self._length)
            self.finish = choice.get("finish_reason") or self.finish
        if usage := event.get("usage"):
            self.prompt, self.output = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
            self.cached = int(usage["prompt_tokens_details"]["cached_tokens"])

    def settle(self, name: str, *, window: int) -> None:
        """Nothing when the call ended well.

        Raises:
            ModelFailure: in the branch that fits.
        """
        if self._job.dropped.is_set() or self._closing.is_set():
            raise ModelFailure("the request was dropped")
        if self._fault is not None:
            raise BadStream(f"an event of the embedded engine cannot be read: {self._fault!r}") from self._fault
        if self._error is not None:
            raise _refusal(self._error, name, window=window)
        if self.finish not in ("stop", "length") or not self.prompt:
            raise BadStream(f"the embedded engine broke off after {self._length} characters")


def _refusal(error: dict[str, Any], name: str, *, window: int) -> ModelFailure:
    if error.get("type") == "exceed_context_size_error":
        return WindowExceeded(
            f"a prompt of {error.get('n_prompt_tokens', 'too many')} tokens does not fit the window of {window} tokens "
            f"of {name}; give the task less text or fewer exemplars, or set a larger window"
        )
    return RequestRefused(f"{name}: {error.get('message', error)}")


def render(request: Request, *, header: Header) -> tuple[Pieces, Pieces]:
    """(head, tail) in ChatML. The head is empty when the request shares none."""
    shared, own = request.messages[: request.head], request.messages[request.head :]
    return _turns(shared, header), (*_turns(own, header), header.turn_start, "assistant\n")


def _turns(messages: Sequence[Message], header: Header) -> Pieces:
    pieces: list[int | str] = []
    for message in messages:
        text = header.plain(f"{message.role}\n{message.text}")
        pieces += [header.turn_start, *text, header.turn_end, "\n"]
    return tuple(pieces)


def _start(weights: Path, *, threads: int, window: int, slots: int) -> _Engine:
    """Load the weights and start the engine.

    Raises:
        ConfigRefused: the engine does not take the file.
    """
    # libgomp's idle threads spin; under load two of them starve each other. Read at its first use.
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    xllamacpp = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx, params.n_parallel, params.kv_unified = window * slots, slots, False
    params.n_batch = params.n_ubatch = _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    # Nothing but the slot itself may bring back a cache.
    params.cache_ram_mib, params.n_ctx_checkpoints, params.n_cache_reuse = 0, 0, 0
    params.cache_idle_slots = params.ctx_shift = params.fit_params = False
    params.n_gpu_layers = 0
    params.verbosity = -1
    # The engine cannot be had without its HTTP listener. Its socket lies in a folder of ours and is
    # gone before anyone could call; where there are no such sockets, a key nobody knows bars the port.
    params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = params.ui = False
    params.api_keys = [secrets.token_urlsafe(32)]
    params.n_threads_http = 1
    with tempfile.TemporaryDirectory(prefix="strop-") as folder:
        if sys.platform != "win32":
            params.hostnames = [f"{folder}/e.sock"]
        try:
            return cast("_Engine", xllamacpp.Server(params))
        except RuntimeError as fault:
            raise ConfigRefused(f"llama.cpp does not take {weights}: {fault} {NEXT_MOVE}") from fault


if TYPE_CHECKING:

    def _fits(x: EmbeddedModel) -> Model:
        return x
