"""Inputs are split by their sources, so that no certificate is earned on what was learned."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.learning.splitting import Part, Source, clusters, split

WORDS = "alder birch cedar dogwood elm fir ginkgo hazel ivy juniper kauri larch maple nutmeg oak pine".split()


def text(seed: int, length: int = 60) -> str:
    """Words that no other seed gives in this order."""
    return " ".join(f"{WORDS[at % len(WORDS)]}{seed} of {at}" for at in range(length))


def source(at: int, place: str = "", words: str = "") -> Source:
    """An input of its own."""
    return Source(f"k{at:03}", place or f"{WORDS[at % 16]}{WORDS[at // 16]}/page.txt", words or text(at))


@given(st.permutations([source(at) for at in range(20)]), st.sampled_from(["one", "two"]))
def test_the_split_is_the_same_in_any_order(sources: list[Source], seed: str) -> None:
    """Each input has one part, whatever the order they come in; each part gets its share."""
    parts = split(sources, seed=seed)
    assert parts == split(sorted(sources, key=lambda each: each.key), seed=seed)
    assert Counter(parts.values()) == {Part.LEARN: 8, Part.CHOOSE: 4, Part.CERTIFY: 8}


def test_another_seed_is_another_split() -> None:
    """What was certified on in one project is not what is in the next."""
    sources = [source(at) for at in range(20)]
    assert split(sources, seed="one") != split(sources, seed="two")


@pytest.mark.parametrize(
    ("sources", "together"),
    [
        ([source(0), source(1, words=text(0) + " and a word more")], True),
        ([source(0), source(1)], False),
        ([source(0, "web.org/2024/report-3.html"), source(1, "web.org/2025/report-11.html?v=2")], True),
        ([source(0, "web.org/report-3.html"), source(1, "web.com/report-3.html")], False),
    ],
)
def test_one_source_is_one_cluster(sources: list[Source], together: bool) -> None:
    """Nearly the same text, or a place that differs in its digits only, hang together."""
    others = [source(at) for at in range(2, 12)]
    found = clusters([*sources, *others])
    assert (("k000", "k001") in found) is together
    assert len(found) == (11 if together else 12)


def test_numbered_files_are_no_single_source() -> None:
    """Where all inputs are `page-1`, `page-2`, the name says nothing, and they can still be split."""
    sources = [source(at, f"inputs/page-{at}.txt") for at in range(10)]
    assert len(clusters(sources)) == 10


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.text("ab", max_size=2))
def test_near_duplicates_never_stand_in_two_parts(copied: list[int], seed: str) -> None:
    """However many copies there are of a text, all are learned from, chosen on or certified on."""
    sources = [source(at, words=text(which) + f" {at}") for at, which in enumerate(copied)]
    parts = split(sources, seed=seed)
    for which in set(copied):
        assert len({parts[f"k{at:03}"] for at, each in enumerate(copied) if each == which}) == 1


def test_nothing_to_split() -> None:
    """No inputs, no parts; one input is learned from."""
    assert split([], seed="x") == {}
    assert split([source(1)], seed="x") == {"k001": Part.LEARN}
