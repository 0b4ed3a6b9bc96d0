"""The synthetic web over real HTTP on loopback.

async with WebServer(Web(seed=3)) as server:
    server.version = 7
    ...  # GET server.url_of(slug)
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from aiohttp import web

from strop.testing.web import Web


class WebServer:
    """One listener on 127.0.0.1. `version` may be changed between requests; `asked` counts them by path."""

    def __init__(self, content: Web, *, port: int = 0) -> None:
        self.content = content
        self.version = 0
        self.asked: dict[str, int] = {}
        self.port = port
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        """`host:port` for an allow-list."""
        return f"127.0.0.1:{self.port}"

    def url_of(self, slug: str) -> str:
        """Where a society's page is looked for."""
        return f"{self.url}{self.content.path(slug)}"

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        listening = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listening.getsockname()[1]
        await web.SockSite(self._runner, listening, backlog=1024).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked[request.path] = self.asked.get(request.path, 0) + 1
        if request.method != "GET":
            return web.Response(status=405, text="only GET\n")
        found = self.content.answer(request.path, self.version)
        if found is None:
            return web.Response(status=404, text="nothing is here\n")
        if found.location:
            return web.Response(status=301, headers={"Location": found.location})
        return web.Response(text=found.body, content_type="text/html")
