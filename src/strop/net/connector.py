"""One guarded session to one endpoint: egress checks, deadlines, a byte cap, the key, clean errors.

Adapters in `models/` get an `Endpoint` handed in and see three things of it: post, scrub, close.
They know no key and no socket. Measured elsewhere and kept here: aiohttp with `limit=0` and one
session costs a quarter of a millisecond a call at 300 at once; a client that opens a connection per
call costs tens of times as much.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.typedefs import LooseHeaders
from multidict import CIMultiDict
from yarl import URL

from strop.errors import BadStream, ConfigRefused, EgressRefused, EndpointDown, ModelFailure, Unreachable
from strop.net.guarded import Guard, session
from strop.net.secrets import Secret

MOST_BYTES = 8 * 1024 * 1024
"""Of one answer."""
LARGE_BODY = 1_000_000
"""Bytes. aiohttp warns (an error in our tests) when more is handed over in one piece."""
DRAIN_SECONDS = 0.25
"""How long the end of a finished answer is waited for, so that the connection can be used again."""


class Auth(StrEnum):
    """Which header carries the key."""

    BEARER = "bearer"
    API_KEY = "x-api-key"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `first_byte` counts from the call, `idle` from the last bytes, `total` from the call."""

    connect: float = 10.0
    first_byte: float = 120.0
    idle: float = 60.0
    total: float = 900.0


class Response:
    """A status, headers, and a body read in pieces."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        *,
        deadline: asyncio.Timeout,
        deadlines: Deadlines,
        ends: float,
        most: int,
    ) -> None:
        self.status = response.status
        self._response = response
        self._deadline = deadline
        self._idle = deadlines.idle
        self._ends = ends
        self._left = most
        self._most = most

    def header(self, name: str) -> str:
        """The header's value; empty when it is not there."""
        return self._response.headers.get(name, "")

    async def read(self) -> bytes:
        """The next bytes of the body; empty at its end.

        Raises:
            BadStream: more bytes than one answer may have.
        """
        chunk = await self._response.content.readany()
        self._left -= len(chunk)
        if self._left < 0:
            raise BadStream(f"the answer is larger than {self._most:,} bytes")
        if not chunk:
            return chunk
        now = asyncio.get_running_loop().time()
        # Re-arming costs two heap operations; at 15,000 chunks a second an eighth of precision is worth more.
        left = (self._deadline.when() or 0.0) - now
        if abs(left - self._idle) > self._idle / 8:
            self._deadline.reschedule(min(now + self._idle, self._ends))
        return chunk

    async def drain(self) -> None:
        """Read what little is left, so that the connection returns to the pool."""
        content = self._response.content
        if content.at_eof():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not content.at_eof() and self._left >= 0:
                    self._left -= len(await content.readany())


class Endpoint:
    """Calls to one base URL, and to nothing else.

    Args:
        allow: `host:port` that the approved plan lists.
        secret: the key's name; None sends none.
        resolver: for tests; aiohttp's own otherwise.
    """

    def __init__(
        self,
        base_url: str,
        *,
        allow: frozenset[str],
        secret: Secret | None = None,
        auth: Auth = Auth.BEARER,
        deadlines: Deadlines | None = None,
        most_bytes: int = MOST_BYTES,
        environ: Mapping[str, str] = os.environ,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        host, port = _place(self._base)
        self._guard = Guard(host, port, frozenset(entry.lower() for entry in allow))
        self._secret = secret
        self._auth = auth
        self._deadlines = deadlines or Deadlines()
        self._most_bytes = most_bytes
        self._environ = environ
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}
        self._timeout = aiohttp.ClientTimeout(total=None, connect=self._deadlines.connect)

    @asynccontextmanager
    async def post(self, path: str, *, headers: Mapping[str, str], body: bytes) -> AsyncGenerator[Response, None]:
        """Send `body` to `base_url + path` and give the response, whatever its status but a redirect.

        Raises:
            EgressRefused: the host or its address is not approved, or it answers with a redirect.
            Unreachable: no connection came about.
            EndpointDown: broken off or silent after sending (perhaps billed).
            BadStream: no HTTP, or too large.
            MissingPart: the key is not set.
        """
        self._guard.check_host()
        full = self._headers(headers)
        session = self._open()
        payload = body if len(body) < LARGE_BODY else io.BytesIO(body)
        started = asyncio.get_running_loop().time()
        ends = started + self._deadlines.total
        failure: ModelFailure | None = None
        try:
            async with asyncio.timeout_at(min(started + self._deadlines.first_byte, ends)) as deadline:
                async with session.post(
                    self._url(path),
                    data=payload,
                    headers=full,
                    allow_redirects=False,
                    timeout=self._timeout,
                ) as raw:
                    response = Response(
                        raw, deadline=deadline, deadlines=self._deadlines, ends=ends, most=self._most_bytes
                    )
                    self._refuse_redirect(response)
                    yield response
                    await response.drain()
        except aiohttp.ClientError as caught:
            failure = self._failure(caught)
        except TimeoutError:
            spent = asyncio.get_running_loop().time() - started
            failure = EndpointDown(
                f"{self._where} did not finish an answer in time; given up after {spent:.1f} s", billed=True
            )
        # Raised out here, so that no aiohttp error, which knows our headers, hangs on it as context.
        if failure is not None:
            raise failure

    def scrub(self, text: str) -> str:
        """`text` without the key."""
        return self._secret.scrub(text, self._environ) if self._secret else text

    async def close(self) -> None:
        """Close the session; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _url(self, path: str) -> URL:
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(self._base + path, encoded=True)
        return url

    @property
    def _where(self) -> str:
        return self._guard.where

    def _headers(self, headers: Mapping[str, str]) -> LooseHeaders:
        full = CIMultiDict(headers)
        if self._secret is not None:
            value = self._secret.reveal(self._environ)
            if self._auth is Auth.BEARER:
                full["Authorization"] = f"Bearer {value}"
            else:
                full["x-api-key"] = value
        return full

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = session(self._guard, headers={"Content-Type": "application/json"}, resolver=self._resolver)
        return self._session

    def _refuse_redirect(self, response: Response) -> None:
        if 300 <= response.status < 400:
            # Scrubbed before it is cut, or half a key could stand in what is left. Not parsed: it may be no URL.
            target = self.scrub(response.header("Location")).partition("://")[2].partition("/")[0] or "another path"
            raise EgressRefused(f"{self._where} redirects to {target[:100]}; redirects of model calls are not followed")

    def _failure(self, caught: aiohttp.ClientError) -> ModelFailure:
        said = self.scrub(f"{type(caught).__name__}: {caught}")[:300]
        match caught:
            case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
                return Unreachable(f"{self._where} cannot be reached: {said}")
            case aiohttp.ClientPayloadError():
                return BadStream(f"{self._where} broke off in the middle of its answer: {said}")
            case aiohttp.ClientResponseError():
                return BadStream(f"{self._where} does not answer in HTTP: {said}")
            case _:
                return EndpointDown(
                    f"{self._where} broke the connection after the request was sent: {said}", billed=True
                )


def _place(base_url: str) -> tuple[str, int]:
    """Host and port of a base URL.

    Raises:
        ConfigRefused: no http(s) URL, or one with a password in it.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise ConfigRefused("a base URL must be http:// or https:// with a host and, if need be, a port") from None
    if not parts.hostname or parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigRefused("a base URL holds scheme, host, port and path, nothing else; keys go into the environment")
    return parts.hostname, port
