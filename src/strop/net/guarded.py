"""One guarded session to one place: every address is checked when a name resolves, and again at connect().

Shared by `connector.py` (model calls) and `fetch.py`. Between the two checks lies no second look-up: the
address that was checked is the one that is connected to, so a name that answers differently the next time
(DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from strop.net.egress import check_address, check_host, spot


@dataclass(frozen=True, slots=True)
class Guard:
    """The egress rule for one place."""

    host: str
    port: int
    allow: frozenset[str]
    """`host:port` that the approved plan lists, in lower case."""

    @property
    def where(self) -> str:
        return spot(self.host, self.port)

    def check_host(self) -> None:
        """Before anything is looked up.

        Raises:
            EgressRefused: the place is not listed.
        """
        check_host(self.host, self.port, allow=self.allow)

    def check(self, address: str) -> None:
        """Whether a connection meant for this place may go to an address.

        Raises:
            EgressRefused: see `egress.check_address`.
        """
        check_address(address, host=self.host, port=self.port, allow=self.allow)

    def socket(self, addr_info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """A socket for an address that passes: the last moment before connect(), also for literals.

        Raises:
            EgressRefused: see `egress.check_address`.
        """
        family, kind, protocol, _, address = addr_info
        self.check(str(address[0]))
        made = socket.socket(family=family, type=kind, proto=protocol)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


class GuardedResolver(AbstractResolver):
    """Checks every address of a name, so that not even one of several leads inside."""

    def __init__(self, guard: Guard, inner: AbstractResolver) -> None:
        self._guard = guard
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name.

        Raises:
            EgressRefused: one of them may not be connected to.
        """
        found = await self._inner.resolve(host, port, family)
        for entry in found:
            self._guard.check(entry["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def session(
    guard: Guard, *, headers: Mapping[str, str], resolver: AbstractResolver | None = None, decompress: bool = True
) -> aiohttp.ClientSession:
    """A session that reaches nothing but the guard's place: no proxy, no cookies, no keys but those in `headers`.

    Without a limit on connections: how many calls run at once is decided above.
    """
    connector = aiohttp.TCPConnector(
        limit=0,
        resolver=GuardedResolver(guard, resolver or aiohttp.ThreadedResolver()),
        socket_factory=guard.socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "strop", "Accept-Encoding": "identity", **headers},
        trust_env=False,
        auto_decompress=decompress,
    )
