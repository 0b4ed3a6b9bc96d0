"""The synthetic web: equal on every machine, true where gold says so, and changing by as much as it was told."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest

from strop.app.pages import shown
from strop.errors import EgressRefused
from strop.net.fetch import fetch
from strop.testing.web import FIELD_OF, FIELDS, Trait, Web
from strop.testing.web_server import WebServer
from strop.types.page import Page

pytestmark = pytest.mark.anyio

WEB = Web(seed=7, entities=200)


def text(web: Web, slug: str, version: int) -> str:
    return shown(Page("http://a/x.html", "", 200, "text/html", "", 0.0), web.page(slug, version).encode())


def test_the_pages_are_the_same_everywhere() -> None:
    """A digest of all pages of a version, which a change of the generator changes knowingly."""
    body = "\n".join(WEB.page(slug, 3) for slug in WEB.slugs)

    assert body == "\n".join(Web(seed=7, entities=200).page(slug, 3) for slug in WEB.slugs)
    assert hashlib.sha256(body.encode()).hexdigest()[:12] == "b45cebecf957"
    assert body != "\n".join(Web(seed=8, entities=200).page(slug, 3) for slug in Web(seed=8, entities=200).slugs)


def test_every_page_states_the_truth_and_its_lures_beside_it() -> None:
    """Each value of gold stands on its page; a page has one more sentence for each of its traits."""
    asides = {len(text(WEB, slug, 5).split("\n")) for slug in WEB.slugs}
    for slug in WEB.slugs:
        page, row = text(WEB, slug, 5), WEB.truth(slug, 5)
        for field in FIELDS:
            value = row[field]
            assert (f"{value:,}" in page) if field in ("members", "volumes") else (str(value) in page), (slug, field)
        lures = {
            Trait.STALE: "it had",
            Trait.CONFLICTING: "union catalogue",
            Trait.NAMESAKE: "house was built",
            Trait.HOSTILE: "Note to readers",
        }
        assert {trait for trait, words in lures.items() if words in page} == WEB.traits(slug)
    assert len(asides) > 3
    assert set(FIELD_OF) == set(Trait)


def test_no_lure_says_the_truth() -> None:
    """Whatever other value stands beside it, it is another."""
    for slug in WEB.slugs:
        row = WEB.truth(slug, 5)
        page = text(WEB, slug, 5)
        assert page.count(f"{row['members']:,} members") == 1
        assert page.count(f"{row['volumes']:,} volumes") == 1
        assert page.count(f"in {row['founded']}.") == 1
        assert page.count(str(row["town"])) == 1


@pytest.mark.parametrize("churn", [0.0, 0.1, 0.5])
def test_a_version_differs_from_the_one_before_by_the_churn(churn: float) -> None:
    """Of 200 societies over nine changes, within five standard errors; always by one figure."""
    web = Web(seed=1, entities=200, churn=churn)
    golds = [web.gold(version) for version in range(10)]
    changed = [
        sum(one[field] != other[field] for field in FIELDS)
        for before, after in pairwise(golds)
        for one, other in ((before[slug], after[slug]) for slug in web.slugs)
    ]

    assert sum(map(bool, changed)) / len(changed) == pytest.approx(churn, abs=5 * (churn * (1 - churn) / 1_800) ** 0.5)
    assert max(changed) <= 1


def test_what_a_stale_page_shows_was_true_before_the_last_change() -> None:
    """The older count is the count of the version before."""
    slug, version = next(
        (slug, version)
        for slug in WEB.slugs
        if Trait.STALE in WEB.traits(slug)
        for version in range(1, 30)
        if WEB.truth(slug, version)["members"] != WEB.truth(slug, version - 1)["members"]
    )

    assert f"it had {WEB.truth(slug, version - 1)['members']:,} members" in text(WEB, slug, version)


def test_two_seeds_share_no_society() -> None:
    """A probe set of another seed is no part of what was learned from."""
    one, other = Web(seed=0, entities=2_500), Web(seed=1, entities=2_500)

    assert len({row["name"] for row in one.gold(0).values()}) == 2_500
    assert not {row["name"] for row in one.gold(0).values()} & {row["name"] for row in other.gold(0).values()}


async def test_it_is_served_over_http_version_by_version_and_moved_pages_redirect() -> None:
    """Index, page, moved page, a path of nothing; the version is the server's of that moment."""
    web = Web(seed=3, entities=80)
    moved = next(slug for slug in web.slugs if (found := web.answer(web.path(slug), 0)) and found.location)
    changed = next(slug for slug in web.slugs if web.page(slug, 0) != web.page(slug, 9) and slug != moved)
    async with WebServer(web) as server:
        allow = frozenset((server.host,))
        first = await fetch(server.url_of(changed), allow=allow)
        server.version = 9
        second = await fetch(server.url_of(changed), allow=allow)
        led = await fetch(server.url_of(moved), allow=allow)
        index = await fetch(f"{server.url}/", allow=allow)
        nothing = await fetch(f"{server.url}/society/none.html", allow=allow)
        with pytest.raises(EgressRefused):
            await fetch(server.url_of(changed), allow=frozenset())

    assert (first.body.decode(), second.body.decode()) == (web.page(changed, 0), web.page(changed, 9))
    assert (led.body.decode(), led.hops) == (web.page(moved, 9), (server.url_of(moved),))
    assert web.path(changed) in index.body.decode()
    assert nothing.status == 404
    assert server.asked[web.path(changed)] == 2
