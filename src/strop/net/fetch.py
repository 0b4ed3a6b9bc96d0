"""Fetches one page: GET, over http(s), from listed places only, and bounded in bytes, seconds and hops.

Fetching a URL counts as sending: the path and query go out. So each hop of a redirect is checked as if it had
been asked for: the place must be listed, and every address of it public or listed itself. Nothing that
identifies anybody goes along: no key, no cookie, no referrer, no proxy from the environment. The moment of the
fetch is left to the caller, who has the clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from strop.errors import EgressRefused, ToolFailure
from strop.net.connector import Deadlines
from strop.net.guarded import Guard, session
from strop.net.place import Place, place_of
from strop.types.fingerprint import digest_bytes

MOST_BYTES = 8 * 1024 * 1024
"""Of one body."""
MOST_HOPS = 5
"""Redirects in a row."""
DEADLINES = Deadlines(connect=10.0, first_byte=30.0, idle=15.0, total=60.0)
"""Seconds; `first_byte` and `idle` count for each hop, `total` for all of them together."""
KEPT = ("content-type", "content-language", "last-modified", "etag", "date", "cache-control", "retry-after")
"""Headers that say something about the body; no other leaves this room."""
LONGEST_HEADER = 1_000
"""Characters of a kept header."""
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a place answered, whatever its status."""

    url: str
    """Of the last hop, in its one spelling."""
    status: int
    headers: tuple[tuple[str, str], ...]
    """Those of `KEPT` that came, names in lower case, in the order of `KEPT`."""
    body: bytes
    digest: str
    """SHA-256 of the body, hexadecimal."""
    hops: tuple[str, ...] = ()
    """URLs that redirected, the first one asked for in front."""


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    location: str = ""
    """Where to go on; empty when this is the answer."""


async def fetch(
    url: str,
    *,
    allow: frozenset[str],
    resolver: AbstractResolver | None = None,
    most_bytes: int = MOST_BYTES,
    deadlines: Deadlines = DEADLINES,
    hops: int = MOST_HOPS,
) -> Fetched:
    """Get one URL.

    Args:
        url: absolute, http or https.
        allow: `host:port` that the approved plan lists. An address that is not public must stand there itself.
        resolver: for tests; the system's otherwise.
        most_bytes: of the body; compressed bodies are not taken, so it holds for what is read, too.
        deadlines: seconds.
        hops: redirects in a row that are followed.

    Raises:
        EgressRefused: the URL, or what it redirects to, is no place where this may go.
        ToolFailure: unreachable, too slow, too large, compressed, or broken off.
    """
    place, trail = place_of(url), list[str]()
    listed = frozenset(entry.lower() for entry in allow)
    ends = asyncio.get_running_loop().time() + deadlines.total
    while True:
        guard = Guard(place.host, place.port, listed)
        reply = await _get(place, guard, resolver=resolver, most=most_bytes, deadlines=deadlines, ends=ends)
        if not reply.location:
            return Fetched(place.url, reply.status, reply.headers, reply.body, digest_bytes(reply.body), tuple(trail))
        trail.append(place.url)
        if len(trail) > hops:
            raise EgressRefused(f"{guard.where} redirects once more after {hops} redirects; that is not followed")
        place = place.at(reply.location)


async def _get(
    place: Place, guard: Guard, *, resolver: AbstractResolver | None, most: int, deadlines: Deadlines, ends: float
) -> _Reply:
    guard.check_host()
    now = asyncio.get_running_loop().time()
    try:
        async with (
            asyncio.timeout_at(min(now + deadlines.first_byte, ends)) as deadline,
            session(guard, headers={"Accept": "*/*"}, resolver=resolver, decompress=False) as held,
            held.get(
                URL(place.url, encoded=True),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=deadlines.connect),
            ) as raw,
        ):
            location = raw.headers.get("Location", "") if raw.status in _REDIRECTS else ""
            if location:
                return _Reply(raw.status, (), b"", location)
            _refuse(raw, guard, most)
            body = await _body(raw, guard, most=most, deadline=deadline, idle=deadlines.idle, ends=ends)
            return _Reply(raw.status, _kept(raw), body)
    except TimeoutError:
        raise ToolFailure(f"{guard.where} did not send the page in time; given up") from None
    except aiohttp.ClientConnectorError as caught:
        raise ToolFailure(f"{guard.where} cannot be reached: {_said(caught)}") from caught
    except aiohttp.ClientError as caught:
        raise ToolFailure(f"{guard.where} broke off, or does not answer in HTTP: {_said(caught)}") from caught


def _refuse(raw: aiohttp.ClientResponse, guard: Guard, most: int) -> None:
    """What need not be read to be refused.

    Raises:
        ToolFailure: another protocol, compressed, or said to be too large.
    """
    if raw.status < 200:
        raise ToolFailure(f"{guard.where} wants another protocol (status {raw.status})")
    if raw.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise ToolFailure(f"{guard.where} sends a compressed page though it was asked not to; its size has no bound")
    if raw.content_length is not None and raw.content_length > most:
        raise _too_large(guard, most)


async def _body(
    raw: aiohttp.ClientResponse, guard: Guard, *, most: int, deadline: asyncio.Timeout, idle: float, ends: float
) -> bytes:
    """The whole body; every piece puts the deadline off, but never beyond `ends`."""
    body = bytearray()
    loop = asyncio.get_running_loop()
    while chunk := await raw.content.readany():
        body += chunk
        if len(body) > most:
            raise _too_large(guard, most)
        deadline.reschedule(min(loop.time() + idle, ends))
    return bytes(body)


def _too_large(guard: Guard, most: int) -> ToolFailure:
    return ToolFailure(f"the page of {guard.where} is larger than {most:,} bytes")


def _kept(raw: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    return tuple((name, raw.headers[name][:LONGEST_HEADER]) for name in KEPT if name in raw.headers)


def _said(caught: aiohttp.ClientError) -> str:
    return f"{type(caught).__name__}: {caught}"[:300]
