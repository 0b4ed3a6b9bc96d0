"""Pages are fetched once a run and read from the archive from then on; what cannot be had fails its own unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from anyio.lowlevel import checkpoint

from strop.app.pages import shown
from strop.errors import DocumentRefused, EgressRefused, JournalFault, StropError, ToolFailure
from strop.stores.archive import PageArchive
from strop.stores.blobs import FileBlobs
from strop.tools.fetch import Fetch, Got, Pages
from strop.types.fingerprint import digest_bytes
from strop.types.label import Integrity, Secrecy

pytestmark = pytest.mark.anyio

A, B = "https://a.org/x.html", "https://b.org/"
HTML = "text/html; charset=utf-8"


@dataclass
class Place:
    """Answers what it is told to, and counts."""

    bodies: dict[str, bytes]
    status: int = 200
    kind: str = HTML
    asked: list[str] = field(default_factory=list[str])

    async def get(self, url: str) -> Got:
        self.asked.append(url)
        await checkpoint()
        if url not in self.bodies:
            raise EgressRefused(f"{url} is not listed")
        body = self.bodies[url]
        return Got(url, self.status, self.kind, body, digest_bytes(body))


@dataclass
class Wall:
    """A clock that goes on by a second each time it is looked at."""

    now: float = 100.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def archive(folder: Path) -> PageArchive:
    return PageArchive(folder / "pages.db", FileBlobs(folder / "blobs"))


def pages(folder: Path, place: Place, *, since: float = 0.0, wall: Wall | None = None) -> Pages:
    return Pages(place.get, archive(folder), shown, wall or Wall(), since)


async def test_a_page_is_fetched_once_a_run_and_stays_what_it_was(tmp_path: Path) -> None:
    """The place changes; the run, and every look back at it, has what was read, with its hash and time."""
    place = Place({A: b"<html><p>One.</p></html>"})
    run = pages(tmp_path, place)
    page = await run.look(A)
    place.bodies[A] = b"<html><p>Two.</p></html>"

    assert (await run.look(A), run.text(A), place.asked) == (page, "One.\n", [A])
    assert (page.digest, page.at) == (digest_bytes(b"<html><p>One.</p></html>"), 101.0)
    back = pages(tmp_path, Place({}))
    assert back.text(A) == "One.\n"
    assert archive(tmp_path).body(page) == b"<html><p>One.</p></html>"


async def test_a_later_run_fetches_anew_and_the_earlier_one_keeps_its_own(tmp_path: Path) -> None:
    """By the moment each began."""
    place, wall = Place({A: b"<html><p>One.</p></html>"}), Wall()
    await pages(tmp_path, place, wall=wall).look(A)
    place.bodies[A] = b"<html><p>Two.</p></html>"
    later = pages(tmp_path, place, since=wall.now + 0.5, wall=wall)
    await later.look(A)

    assert (later.text(A), pages(tmp_path, place, since=100.0).text(A)) == ("Two.\n", "One.\n")
    assert place.asked == [A, A]


async def test_many_at_once_ask_for_a_page_once_and_one_that_fails_fails_alone(tmp_path: Path) -> None:
    """Two readers of one page see one state of it; what may not be fetched is said, and the rest is there."""
    place = Place({A: b"<html><p>One.</p></html>"})
    run = pages(tmp_path, place)

    await run.gather([A, B, A, A])

    assert sorted(place.asked) == [A, B]
    assert run.text(A) == "One.\n"
    for url, why in ((B, "is not listed"), (f"{A}?2", "was not fetched")):
        with pytest.raises(ToolFailure, match=why):
            run.text(url)


@pytest.mark.parametrize(
    ("body", "status", "kind", "said"),
    [
        (b"<html><p>x</p></html>", 404, HTML, (ToolFailure, "answered 404")),
        (b"<html></html>", 200, HTML, (DocumentRefused, "no words")),
        (b"ab\0\0\0cd\0", 200, "text/plain", (DocumentRefused, "binary")),
    ],
)
async def test_what_is_no_text_is_refused(
    tmp_path: Path, body: bytes, status: int, kind: str, said: tuple[type[StropError], str]
) -> None:
    """It is archived all the same: that was the answer."""
    run = pages(tmp_path, Place({A: body}, status=status, kind=kind))
    page = await run.look(A)

    with pytest.raises(said[0], match=said[1]):
        run.text(A)
    assert archive(tmp_path).body(page) == body


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"<html><script>no()</script><p>a <b>b</b></p><p hidden>c</p><p>d&amp;e</p></html>", HTML, "a b\nd&e\n"),
        (b"<!doctype html><p>a</p>", "", "a\n"),
        (b"a <b>\nc", "text/plain", "a <b>\nc"),
        (b'{"a": 1}', "application/json", '{"a": 1}'),
    ],
    ids=["html", "no-type-said", "plain", "json"],
)
def test_a_body_as_text(body: bytes, kind: str, text: str) -> None:
    """What a person reads of HTML, nothing of scripts or what is hidden; plain text as it is."""
    from strop.types.page import Page

    assert shown(Page(A, A, 200, kind, "", 0.0), body) == text


async def test_the_tool_hands_out_slices_of_a_page_as_untrusted_data(tmp_path: Path) -> None:
    """With a word on how to read on, the URL as source and origin, and a refusal as the tool's failure."""
    tool = Fetch(pages(tmp_path, Place({A: b"<html><p>one two three</p></html>"})))

    cut = await tool.call(_arguments({"url": A, "limit": 7}))
    rest = await tool.call(_arguments({"url": A, "offset": 8}))

    assert cut.text == "one two\n[characters 0 to 7 of 14; read on with offset=7]"
    assert (rest.text, rest.source) == ("three\n", A)
    assert (rest.label.integrity, rest.label.secrecy, rest.label.origins) == (Integrity.UNTRUSTED, Secrecy.PUBLIC, (A,))
    with pytest.raises(ToolFailure, match="past its end"):
        await tool.call(_arguments({"url": A, "offset": 99}))
    with pytest.raises(EgressRefused):
        await tool.call(_arguments({"url": B}))


def test_an_archive_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    """Something else stands in its place."""
    (tmp_path / "pages.db").write_text("no database, but long enough to be read as the head of one" * 10)

    with pytest.raises(JournalFault, match=r"pages\.db cannot be used"):
        archive(tmp_path).first(A)


def _arguments(given: Mapping[str, object]) -> str:
    return orjson.dumps(given).decode()
