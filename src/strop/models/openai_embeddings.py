"""Embeddings as OpenAI and, after it, vLLM, llama.cpp, Ollama, TEI and others speak them: POST /embeddings.

One call is one paid attempt. What comes back is checked before it is believed: as many vectors as texts, each in
its place, of one dimension, finite, and not zero.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson

from strop.errors import BadStream
from strop.models.refusals import refusal, said_in
from strop.models.transport import Wire, error_text
from strop.types.money import Certainty, Usage
from strop.types.schema import Json
from strop.types.vectors import EmbedderCard, Side, Vectors

if TYPE_CHECKING:
    from strop.seams import Embedder

BYTES_A_TOKEN = 3
"""A text is cut to this many UTF-8 bytes a token of the window: English has about four, Chinese three."""


@dataclass(frozen=True, slots=True)
class EmbeddingManners:
    """How one model's embeddings want to be asked. Defaults fit any compatible server."""

    query: str = ""
    """Stands before every query: `search_query: `."""
    passage: str = ""
    """Stands before every passage and every item's words: `search_document: `."""
    dimensions: int | None = None
    """Sent where the model can shorten its vectors; None sends nothing."""
    inputs: int = 64
    """Texts of one call at the most."""
    tokens: int = 100_000
    """Tokens of one call at the most, counted as UTF-8 bytes."""


class OpenAIEmbeddings:
    """One embedder behind one OpenAI-compatible endpoint."""

    def __init__(self, card: EmbedderCard, *, wire: Wire, manners: EmbeddingManners | None = None) -> None:
        self._card = card
        self._wire = wire
        self._manners = manners or EmbeddingManners()

    @property
    def card(self) -> EmbedderCard:
        return self._card

    async def embed(self, texts: Sequence[str], *, side: Side) -> Vectors:
        """Ask once; see `seams.Embedder`.

        Raises:
            ModelFailure: in one of its branches.
        """
        manners = self._manners
        before = manners.query if side is Side.QUERY else manners.passage
        body: dict[str, object] = {
            "model": self._card.id,
            "input": [self._cut(before + text) for text in texts],
            "encoding_format": "float",
        }
        if manners.dimensions is not None:
            body["dimensions"] = manners.dimensions
        sent = orjson.dumps(body)
        async with self._wire.post("/embeddings", headers={"Accept": "application/json"}, body=sent) as response:
            if response.status != 200:
                raise refusal(response, await error_text(response, self._wire), who=self._card.name)
            whole = bytearray()
            while chunk := await response.read():
                whole += chunk
        return self._read(bytes(whole), texts=len(texts), sent=len(sent))

    async def close(self) -> None:
        await self._wire.close()

    def _cut(self, text: str) -> str:
        # Also what a terminal could not decode: JSON takes no lone surrogate.
        return text.encode(errors="replace")[: self._card.window * BYTES_A_TOKEN].decode(errors="ignore")

    def _read(self, whole: bytes, *, texts: int, sent: int) -> Vectors:
        try:
            body = cast("Json", orjson.loads(whole))
        except orjson.JSONDecodeError:
            body = None
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(data, list):
            said = said_in(self._wire.scrub(whole[:2_000].decode(errors="replace")))
            raise BadStream(f"{self._card.name}: the answer holds no embeddings: {said}")
        if len(data) != texts:
            raise self._wrong(f"{texts:,} texts went out, {len(data):,} vectors came back")
        placed: dict[int, array[float]] = {}
        for at, each in enumerate(data):
            index, values = (each.get("index", at), each.get("embedding")) if isinstance(each, dict) else (at, None)
            if not isinstance(index, int) or not 0 <= index < texts or index in placed:
                raise self._wrong(f"vector {at + 1} says that it is the one of text {index!r}")
            placed[index] = self._unit(values, at)
        dimensions = sorted({len(row) for row in placed.values()})
        if len(dimensions) > 1:
            raise self._wrong(f"vectors of {dimensions[0]:,} and of {dimensions[-1]:,} numbers in one answer")
        return Vectors(tuple(placed[at] for at in range(texts)), _usage(body.get("usage"), sent=sent))

    def _unit(self, values: Json, at: int) -> array[float]:
        """A vector brought to length 1."""
        if not isinstance(values, list) or not values:
            raise self._wrong(f"vector {at + 1} is no list of numbers")
        numbers = [float(each) for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
        norm = math.hypot(*numbers)
        if len(numbers) != len(values) or not math.isfinite(norm):
            raise self._wrong(f"vector {at + 1} holds something that is no finite number")
        if norm == 0:
            raise self._wrong(f"vector {at + 1} is zero, so it points nowhere")
        return array("f", [each / norm for each in numbers])

    def _wrong(self, said: str) -> BadStream:
        return BadStream(f"{self._card.name}: {said}. Is it an embedding model?")


def _usage(usage: Json, *, sent: int) -> Usage:
    """As reported; where nothing is, the bytes sent bound it."""
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0:
        return Usage(input=tokens)
    return Usage(input=sent, certainty=Certainty.ESTIMATED)


if TYPE_CHECKING:

    def _fits(x: OpenAIEmbeddings) -> Embedder:
        return x
