"""Pages of the web, each fetched once a run and from then on read from the archive.

What goes out is the connector's business (`net/fetch.py`: the approved places only, every redirect checked);
it is handed in as `Get`. Here a page becomes an archived body with the moment of its fetch, and text that can be
quoted. A claim's source is the URL, its source hash that of the text; the text follows from the archived body, so
every later look, of the gate or of a person, sees what the agent saw, whatever the place says by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from strop.errors import EgressRefused, ToolFailure
from strop.seams import ToolOutput, ToolSpec
from strop.tools.arguments import parse_arguments
from strop.types.label import Integrity, Label, Secrecy
from strop.types.page import Page
from strop.types.schema import Field, Integer, Object, Text

if TYPE_CHECKING:
    from strop.seams import Tool

SLICE = 8_000
"""Characters of a page handed out at once where nothing else is asked."""
MAX_SLICE = 32_000
AT_ONCE = 16
"""Pages that are fetched at the same time."""

_URL = Field("url", Text(max_length=2_000, note="http or https; only places that the plan lists"))
_OFFSET = Field("offset", Integer(minimum=0, nullable=True, note="Where to begin; null: at the start"))
_LIMIT = Field("limit", Integer(minimum=1, maximum=MAX_SLICE, nullable=True, note=f"Characters; null: {SLICE:,}"))
_FETCH = ToolSpec("fetch", "Read a web page as text.", Object((_URL, _OFFSET, _LIMIT)))


@dataclass(frozen=True, slots=True)
class Got:
    """What a place answered."""

    final: str
    """URL of the last hop."""
    status: int
    kind: str
    """Content type; empty where none was said."""
    body: bytes
    digest: str


Get = Callable[[str], Awaitable[Got]]
"""Fetches one URL under the egress rule. Raises EgressRefused or ToolFailure."""


class Archive(Protocol):
    """Where pages are kept."""

    def put(self, page: Page, body: bytes) -> Page: ...

    def first(self, url: str, *, since: float = 0.0) -> Page | None: ...

    def body(self, page: Page) -> bytes: ...


@dataclass(slots=True)
class Pages:
    """The pages of one run. Fetches of one URL wait for each other, so that all readers see one state of it."""

    get: Get
    archive: Archive
    shown: Callable[[Page, bytes], str]
    """A body as text that can be quoted; a StropError where it has none."""
    wall: Callable[[], float]
    """Seconds since 1970."""
    since: float = 0.0
    """When the run began: what was archived before is fetched anew."""
    _failed: dict[str, str] = field(default_factory=dict[str, str])
    """Why a page could not be had, by URL: its unit says so when it is read."""
    _texts: dict[str, str] = field(default_factory=dict[str, str])
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])

    async def look(self, url: str) -> Page:
        """The page as it is in this run: from the archive, else fetched now and archived.

        Raises:
            EgressRefused: not where the plan says.
            ToolFailure: it cannot be fetched.
            JournalFault: it cannot be archived.
        """
        async with self._locks.setdefault(url, asyncio.Lock()):
            held = self.archive.first(url, since=self.since)
            if held is not None:
                return held
            got = await self.get(url)
            return self.archive.put(Page(url, got.final, got.status, got.kind, got.digest, self.wall()), got.body)

    async def gather(self, urls: Sequence[str]) -> None:
        """Fetch all that the archive has not; reading one that could not be had fails with the reason."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(url: str) -> None:
            async with room:
                try:
                    await self.look(url)
                except (EgressRefused, ToolFailure) as caught:
                    self._failed[url] = str(caught)

        async with asyncio.TaskGroup() as group:
            for url in urls:
                group.create_task(one(url))

    def text(self, url: str) -> str:
        """The archived page as text.

        Raises:
            ToolFailure: this run has no such page, or the place answered with an error.
            DocumentRefused: it has no words that can be read.
        """
        if url not in self._texts:
            page = self.archive.first(url, since=self.since)
            if page is None:
                raise ToolFailure(f"{url}: {self._failed.get(url, 'it was not fetched in this run')}")
            if not 200 <= page.status < 300:
                raise ToolFailure(f"{url} answered {page.status}")
            self._texts[url] = self.shown(page, self.archive.body(page))
        return self._texts[url]


class Fetch:
    """The tool `fetch`: a slice of a page as text."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @property
    def spec(self) -> ToolSpec:
        return _FETCH

    async def call(self, arguments: str) -> ToolOutput:
        """Characters `offset` to `offset + limit` of the page.

        Raises:
            ToolFailure: bad arguments, a place that the plan does not list, no page, or past its end.
        """
        given = parse_arguments(arguments, spec=_FETCH)
        url = str(given["url"])
        await self._pages.look(url)
        text = self._pages.text(url)
        offset = given["offset"] if isinstance(given["offset"], int) else 0
        limit = given["limit"] if isinstance(given["limit"], int) else SLICE
        if offset > len(text):
            raise ToolFailure(f"{url} has {len(text):,} characters: offset {offset:,} is past its end")
        end = min(len(text), offset + limit)
        onward = (
            f"\n[characters {offset} to {end} of {len(text)}; read on with offset={end}]" if end < len(text) else ""
        )
        return ToolOutput(text[offset:end] + onward, Label(Integrity.UNTRUSTED, Secrecy.PUBLIC, (url,)), url)


if TYPE_CHECKING:

    def _fits(fetch: Fetch) -> Tool:
        return fetch
