"""A spec whose units are pages: the plan lists their places, agents read what was fetched, looks back see the same."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from strop.app import (
    Ended,
    Options,
    Order,
    Project,
    Screen,
    execute,
    lookup,
    make_plan,
    open_project,
    spec_of,
    verify_again,
)
from strop.app.project import begun_at, new_run_id
from strop.errors import HumanAwaited
from strop.testing.server import TestServer
from strop.testing.web import Response, Web
from strop.testing.web_server import WebServer
from strop.testing.wires import Asked, Reply
from strop.types.fingerprint import digest_bytes
from strop.types.trial import Outcome
from strop.types.work import Plan

pytestmark = pytest.mark.anyio

WEB = Web(seed=5, entities=12, moved=0.2)
SPEC = """---
deliver:
  - file: names.csv
    rows: ">= 1"
    columns: {{name: {{type: text, quote: true}}, members: {{type: integer, quote: true}}}}
each: [{urls}]
readers: 2
repairs: 0
budget: {{agents_total: 100, minutes: 5}}
---
# Names

Each page is about one society.
"""


def script(asked: Asked) -> Reply:
    """Reads rightly."""
    lines = dict(re.findall(r"^\[(\d+)\] (.*)$", asked.user, re.MULTILINE))
    name = next((n, found[1]) for n, line in lines.items() if (found := re.search(r"is about the (.+)\.$", line)))
    members = next(
        (n, found[1]) for n, line in lines.items() if (found := re.search(r"has ([\d,]+) members now", line))
    )
    said = {"name": name[1], "name_at": int(name[0])}
    said |= {"members": int(members[1].replace(",", "")), "members_at": int(members[0])}
    return Reply(json.dumps(said))


@dataclass
class Ground:
    """A project, a web, and a worker."""

    project: Project
    pages: WebServer
    options: Options

    def order(self, *urls: str) -> Order:
        body = SPEC.format(urls=", ".join(f'"{url}"' for url in urls)).encode()
        (self.project.folder / "spec.md").write_bytes(body)
        return Order(spec_of(body, name="spec.md"), "spec.md")

    async def run(self, *urls: str, resume: str = "") -> Ended:
        return await execute(
            self.project, self.order(*urls), options=self.options, approve=granted, screen=Screen(), resume=resume
        )


async def granted(plan: Plan) -> str:
    return "--yes"


@asynccontextmanager
async def ground(folder: Path) -> AsyncGenerator[Ground, None]:
    async with WebServer(WEB) as pages, TestServer(script) as model:
        project = open_project(folder, environment={})
        worker = f"openai:{model.chat_url}#reader"
        yield Ground(project, pages, Options(worker=worker, planner="none", verifier="none"))


async def test_pages_are_units_and_a_claim_rests_on_url_and_hash(tmp_path: Path) -> None:
    """Moved pages too: each is fetched once for both readers, and the claim's hash is that of a stored text."""
    async with ground(tmp_path) as there:
        ended = await there.run(*(there.pages.url_of(slug) for slug in WEB.slugs))
        asked = {path: count for path, count in there.pages.asked.items() if path.startswith("/society/")}

    assert ended.turn.outcome is Outcome.PASSED
    values = {(value.row, value.field): value.value for value in ended.turn.verdict.values}
    assert values == {(slug, field): row[field] for slug, row in WEB.gold(0).items() for field in ("name", "members")}
    assert set(asked.values()) == {1}
    claim = next(claim for claim in ended.turn.run.claims if claim.field == "members")
    assert claim.source == f"{there.pages.url}{WEB.path(claim.row)}"
    text = there.project.blobs.get(claim.source_hash).decode()
    assert claim.quote in text
    assert digest_bytes(text.encode()) == claim.source_hash


async def test_a_look_back_sees_what_was_read_though_the_web_is_gone(tmp_path: Path) -> None:
    """The gate again, and a claim shown, without a server; a second run reads the new version."""
    async with ground(tmp_path) as there:
        urls = [there.pages.url_of(slug) for slug in WEB.slugs]
        first = await there.run(*urls)
        there.pages.version = 9
        second = await there.run(*urls)

    again = await verify_again(there.project, first.folder)
    assert again.passed
    assert {str(v.value) for v in again.values} == {str(v.value) for v in first.turn.verdict.values}
    assert {str(v.value) for v in first.turn.verdict.values} != {str(v.value) for v in second.turn.verdict.values}
    claim = next(claim for claim in first.turn.run.claims if claim.field == "members")
    assert lookup(there.project, first.folder, claim.id).resolved.claim.quote == claim.quote


async def test_the_plan_lists_the_places_and_nothing_is_fetched_before_its_approval(tmp_path: Path) -> None:
    """A plan, and a run that nobody approves, ask no page."""

    async def nobody(plan: Plan) -> str:
        raise HumanAwaited("nobody is there")

    async with ground(tmp_path) as there:
        order = there.order(there.pages.url_of(WEB.slugs[0]))
        plan = await make_plan(there.project, order, there.options)
        with pytest.raises(HumanAwaited):
            await execute(there.project, order, options=there.options, approve=nobody, screen=Screen())

        assert there.pages.host in plan.egress
        assert there.pages.asked == {}
        run = next(iter(sorted(there.project.runs.glob("*")))).name
        ended = await there.run(there.pages.url_of(WEB.slugs[0]), resume=run)
        assert ended.turn.outcome is Outcome.PASSED


async def test_a_page_that_is_not_there_fails_its_own_unit(tmp_path: Path) -> None:
    """A 404 and a redirect to a place that the spec does not name: their rows are listed as unread, the rest lands."""
    async with ground(tmp_path) as there:
        there.pages.content = _Straying(WEB.seed, WEB.entities, moved=WEB.moved)
        good = there.pages.url_of(WEB.slugs[0])
        ended = await there.run(good, f"{there.pages.url}/society/none.html", f"{there.pages.url}/stray.html")

    unread = {str(key): why for result in ended.turn.run.results for key, why in result.unread}
    assert "answered 404" in unread["none"]
    assert "localhost:9 is not on the list of approved hosts" in unread["stray"]
    assert {value.row for value in ended.turn.verdict.values if value.value is not None} == {WEB.slugs[0]}


class _Straying(Web):
    """A web with one page that leads elsewhere."""

    def answer(self, path: str, version: int) -> Response | None:
        if path == "/stray.html":
            return Response(location="http://localhost:9/")
        return Web.answer(self, path, version)


def test_a_run_s_id_says_when_it_began() -> None:
    """To the millisecond."""
    assert begun_at(new_run_id(1_790_000_000.123)) == pytest.approx(1_790_000_000.123, abs=0.001)
