"""What an adapter needs from the network, as a protocol: it knows no socket and no key.

`net.connector.Endpoint` fits it and is handed in by `app`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

ERROR_BYTES = 64 * 1024
"""As much of an error body as is worth reading."""


class Response(Protocol):
    """A status, headers, and a body read in pieces."""

    @property
    def status(self) -> int: ...

    def header(self, name: str) -> str:
        """The header's value; empty when it is not there."""
        ...

    async def read(self) -> bytes:
        """The next bytes of the body; empty at its end.

        Raises:
            ModelFailure: broken off, silent for too long, or too large.
        """
        ...


class Wire(Protocol):
    """One endpoint: a base URL with its key, deadlines and egress rules."""

    def post(self, path: str, *, headers: Mapping[str, str], body: bytes) -> AbstractAsyncContextManager[Response]:
        """Send `body` to base URL + `path`; the context ends with the response.

        Raises:
            ModelFailure: unreachable, or broken off; `billed` says whether it may have cost money.
            EgressRefused: not on the approved list, or redirected.
        """
        ...

    def scrub(self, text: str) -> str:
        """`text` without the key."""
        ...

    async def close(self) -> None: ...


async def error_text(response: Response, wire: Wire) -> str:
    """The start of an error body, scrubbed."""
    body = bytearray()
    while len(body) < ERROR_BYTES and (chunk := await response.read()):
        body += chunk
    return wire.scrub(body[:ERROR_BYTES].decode(errors="replace"))
