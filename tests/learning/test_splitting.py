"""Inputs hang together by their sources, so that no certificate is earned on what was learned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.learning.splitting import LOOKED, Source, clusters, drawn, hanging

WORDS = "alder birch cedar dogwood elm fir ginkgo hazel ivy juniper kauri larch maple nutmeg oak pine".split()


def text(seed: int, length: int = 60) -> str:
    """Words that no other seed gives in this order."""
    return " ".join(f"{WORDS[at % len(WORDS)]}{seed} of {at}" for at in range(length))


def source(at: int, place: str = "", words: str = "") -> Source:
    """An input of its own."""
    return Source(f"k{at:03}", place or f"{WORDS[at % 16]}{WORDS[at // 16]}/page.txt", words or text(at))


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


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.permutations(range(6)))
def test_what_was_learned_from_certifies_nothing(copied: list[int], order: list[int]) -> None:
    """Every copy of an input that an item was made from hangs together with it, and no other does, in any order."""
    made = [source(which) for which in order[:3]]
    units = [source(at, "", text(which) + f" {at}") for at, which in enumerate(copied, 20)]
    copies = {f"k{at:03}" for at, which in enumerate(copied, 20) if which in order[:3]}

    assert hanging(units, made=made) == copies == hanging(units[::-1], made=made[::-1])
    assert hanging(units, made=[]) == frozenset()


WHERE = "https://web.org/report-{}.html"


@pytest.mark.parametrize(
    ("unit", "barred"),
    [
        (source(50, words=text(1) + " and a word more"), True),
        (source(50, words=text(70)), False),
        (source(50, WHERE.format(1), "rewritten"), True),
        (source(50, WHERE.format(1), ""), True),
        (source(50, WHERE.format(99), "another"), False),
        (source(50, "inputs/y.txt", ""), False),
    ],
)
def test_an_address_is_one_source_and_an_unknown_text_is_none(unit: Source, barred: bool) -> None:
    """What a page says is known when it was fetched, its address before; numbered pages alone say nothing."""
    made = [source(1), *(source(at, WHERE.format(at - 2)) for at in range(2, 8)), source(9, "inputs/x.txt", " ")]
    assert hanging([unit], made=made) == (frozenset({"k050"}) if barred else frozenset())


def test_of_too_many_units_a_sample_is_looked_at() -> None:
    """The same ones whenever it is asked; the others are no evidence, whatever they say."""
    units = [source(at, f"p{at}", f"{at} says {at}") for at in range(LOOKED + 50)]
    looked = {unit.key for unit in drawn(units)}

    assert len(looked) == LOOKED
    assert looked == {unit.key for unit in drawn(units[::-1])}
    assert hanging(units, made=[source(1)]) >= {unit.key for unit in units} - looked
