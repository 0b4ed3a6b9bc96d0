"""The web as one run sees it: pages fetched under the plan's egress list, archived, and read from the archive."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from strop.app.parts import TEXTS
from strop.app.project import Project, begun_at
from strop.drafting.pages import is_page, pages, places
from strop.net.fetch import fetch
from strop.readers.html_file import HtmlFile
from strop.readers.letters import decoded
from strop.stores.archive import PageArchive
from strop.tools.fetch import Got, Pages
from strop.tools.inside import Inside
from strop.types.page import Page
from strop.types.work import Plan, Spec

Approve = Callable[[Plan], Awaitable[str]]


def pages_of(project: Project, spec: Spec, *, run: str = "", plan: Callable[[], Plan | None] = lambda: None) -> Pages:
    """The pages of a run, or of a look back at one, which fetches nothing.

    Asked are only places that the spec names for reading and `plan`, the approved one, lists.
    """

    async def get(url: str) -> Got:
        approved = plan()
        listed = frozenset(approved.egress) if approved is not None else frozenset[str]()
        page = await fetch(url, allow=frozenset(places(spec)) & listed)
        kind = next((value for name, value in page.headers if name == "content-type"), "")
        return Got(page.url, page.status, kind, page.body, page.digest)

    archive = PageArchive(project.folder / ".strop" / "pages.db", project.blobs)
    return Pages(get, archive, shown, time.time, since=begun_at(run) if run else 0.0)


def shown(page: Page, body: bytes) -> str:
    """A page as text: of HTML what a person reads of it, plain text as it is, other documents by their reader.

    Raises:
        DocumentRefused, MissingPart: see `seams.Reader`.
    """
    begins = body[:200].lstrip().lower()
    if "html" in page.kind or begins.startswith((b"<!doctype html", b"<html")):
        return "\n\n".join(each.text for each in HtmlFile().read(body, path=page.url).passages) + "\n"
    if page.kind.startswith("text/") or "json" in page.kind:
        return decoded(body)[0]
    return TEXTS.text_of(body, page.url)


def reading(material: Inside, web: Pages) -> Callable[[str], str]:
    """Source text by what a claim names: a file of the project, or the URL of a page of the run."""
    return lambda source: web.text(source) if is_page(source) else material.read_text(source)


def fetching(approve: Approve, spec: Spec, web: Pages) -> Approve:
    """Approval and what it allows first: units that are pages are there when the first reader begins.

    A page that cannot be had fails its own unit when it is read.
    """

    async def asked(plan: Plan) -> str:
        by = await approve(plan)
        await web.gather(pages(spec))
        return by

    return asked
