"""What a provider's error status and words mean, as our errors. One table for all wire formats.

429 is two things: pace (try again) and an empty account (final); some say the latter with 402, 403
or 400. Sources: OpenAI and Anthropic error pages, Moonshot's own clients (`kimi-errors.ts`).
"""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import cast

import orjson

from strop.errors import (
    AuthRefused,
    BadStream,
    EndpointDown,
    ModelFailure,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    WindowExceeded,
)
from strop.models.transport import Response, Wire, error_text
from strop.types.schema import Json

_QUOTA = (
    "exceeded_current_quota",
    "insufficient_quota",
    "insufficient balance",
    "insufficient_balance",
    "insufficient credit",
    "credit balance",
    "billing_error",
    "billing_hard_limit",
    "out of credits",
)
_QUOTA_403 = ("quota", "usage limit", "billing", "balance", "subscription")
_WINDOW = (
    "context_length",
    "context length",
    "context window",
    "maximum context",
    "prompt is too long",
    "input is too long",
    "exceeded model token limit",
    "exceeds the available context size",
)


def refusal(response: Response, text: str, *, who: str) -> ModelFailure:
    """The failure that a status other than 200 stands for; `text` is the scrubbed body."""
    trace = response.header("x-trace-id") or response.header("request-id") or response.header("x-request-id")
    said = f"{who}: HTTP {response.status}: {said_in(text)}" + (f" (trace {trace[:80]})" if trace else "")
    low = text.lower()
    match response.status:
        case 402:
            return QuotaExhausted(said)
        case 403 if _holds(low, _QUOTA + _QUOTA_403):
            return QuotaExhausted(said)
        case 400 | 429 if _holds(low, _QUOTA):
            return QuotaExhausted(said)
        case 401 | 403:
            return AuthRefused(said)
        case 429:
            return RateLimited(said, retry_after=retry_after(response))
        case 413:
            return WindowExceeded(said)
        case 408:
            return EndpointDown(said, billed=False)
        case status if 400 <= status < 500:
            return WindowExceeded(said) if _holds(low, _WINDOW) else RequestRefused(said)
        case status if status >= 500:
            return EndpointDown(said, billed=False, overloaded=status in (503, 529))
        case _:
            return BadStream(said)


async def check_streamed(response: Response, wire: Wire, *, who: str) -> None:
    """Whether a 200 brings an event stream, as far as its content type says.

    Raises:
        BadStream: a page of some proxy, or an answer in one piece.
        ModelFailure: an error that came with status 200.
    """
    kind = response.header("content-type").split(";")[0].strip().lower()
    if kind not in ("text/html", "application/json"):
        return
    text = await error_text(response, wire)
    try:
        body = cast("Json", orjson.loads(text))
    except orjson.JSONDecodeError:
        body = None
    if isinstance(body, dict) and isinstance(error := body.get("error"), dict):
        raise failure_in_stream(
            str(error.get("code") or error.get("type")), str(error.get("message")), who=who, started=False
        )
    raise BadStream(f"{who}: answered with {kind} instead of a stream: {said_in(text)}")


def failure_in_stream(kind: str, message: str, *, who: str, started: bool) -> ModelFailure:
    """The failure that an error inside a 200 stream stands for; what was `started` may be billed."""
    said = f"{who}: error in the stream: {kind}: {message[:300]}"
    low = f"{kind} {message}".lower()
    if _holds(low, _QUOTA):
        return QuotaExhausted(said)
    if started:
        return EndpointDown(said, billed=True)
    if "rate_limit" in low or "rate limit" in low:
        return RateLimited(said)
    if _holds(low, ("authentication_error", "permission_error", "invalid_api_key")):
        return AuthRefused(said)
    if _holds(low, _WINDOW):
        return WindowExceeded(said)
    if "invalid_request" in low:
        return RequestRefused(said)
    return EndpointDown(said, billed=False)


def retry_after(response: Response) -> float | None:
    """Seconds to wait as the provider says it: seconds, milliseconds, or a date against its own clock."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(response.header(name)) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    try:
        until = parsedate_to_datetime(response.header("retry-after"))
        return max((until - parsedate_to_datetime(response.header("date"))).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def said_in(text: str) -> str:
    """What an error body says, short and on one line: its `error.message`, else its start."""
    try:
        body = cast("Json", orjson.loads(text))
    except orjson.JSONDecodeError:
        body = None
    if isinstance(body, dict):
        error = body.get("error", body)
        if isinstance(error, dict) and isinstance(message := error.get("message"), str):
            kind = error.get("code") or error.get("type")
            text = f"{kind}: {message}" if isinstance(kind, str) else message
        elif isinstance(error, str):
            text = error
    line = " ".join(text.split())
    return "".join(sign if sign.isprintable() else "?" for sign in line)[:300] or "(empty body)"


def _holds(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)
