"""Which items a run's agents are given: near by words or by meaning, under caps, in one order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.learning.fusion import K, best, fused
from strop.learning.scopes import order_class
from strop.learning.selection import FLOOR, Option, nearness, select
from strop.loop.specify import specify
from strop.types.memory import Item, ItemKind, ItemState, Scope

SPEC = specify(
    b"---\ndeliver:\n  - {file: bells.csv, columns: {station: {type: text}}}\neach: in/*.txt\n---\n# Harbour bells\n"
)
WORDS = {"near": "reads harbour bells", "far": "reads vineyard prices", "elsewhere": "carillon counts"}


def option(name: str, words: str, *, kind: ItemKind = ItemKind.CONSTRAINT, tokens: int = 10, order: str = "") -> Option:
    item = Item(f"{kind}/{name}", kind, "d", ItemState.ACTIVE, scope=Scope(order=order), tokens=tokens)
    return Option(item, words)


OPTIONS = [option(name, words) for name, words in WORDS.items()]


def chosen(options: list[Option] = OPTIONS, **more: object) -> list[str]:
    return [item.name for item in select(options, spec=SPEC, window=10_000, **more)]  # type: ignore[arg-type]


def test_words_alone_let_in_what_shares_enough_of_them() -> None:
    """As before anybody embedded."""
    assert chosen() == ["near"]


@pytest.mark.parametrize(
    ("cosines", "floor", "wanted"),
    [
        ({"near": 0.9, "far": 0.1, "elsewhere": 0.8}, 0.5, ["elsewhere", "near"]),
        ({"near": 0.9, "far": 0.1, "elsewhere": 0.8}, 0.85, ["near"]),
        ({"near": 0.1, "far": 0.1, "elsewhere": 0.1}, 0.5, ["near"]),
        ({"elsewhere": 0.8}, 0.5, ["elsewhere", "near"]),
        ({}, 0.5, ["near"]),
    ],
)
def test_what_neither_floor_lets_in_is_not_given(cosines: dict[str, float], floor: float, wanted: list[str]) -> None:
    """The best by meaning is no answer where it is below its floor; words go on letting in what they did."""
    named = {f"{ItemKind.CONSTRAINT}/{name}": value for name, value in cosines.items()}
    assert chosen(cosines=named, cosine=floor) == wanted


def test_what_is_near_by_both_goes_before_what_is_near_by_one() -> None:
    """Under a cap of one skill, whatever the order they come in; a tie is broken by id."""
    both, one = option("z", "harbour bells", kind=ItemKind.SKILL), option("a", "harbour bells", kind=ItemKind.SKILL)
    third = option("m", "carillon", kind=ItemKind.SKILL)
    cosines = {both.item.id: 0.9, third.item.id: 0.6}
    near = nearness([one, both, third], query="harbour bells", cosines=cosines)
    assert near[both.item.id] > near[one.item.id] > near[third.item.id] > 0
    assert near == nearness([third, both, one], query="harbour bells", cosines=cosines)


def test_an_item_for_this_very_order_needs_no_floor() -> None:
    """It is as near as can be, with an embedder and without."""
    own = option("own", "nothing alike", order=order_class(SPEC))
    assert chosen([own]) == chosen([own], cosines={}) == ["own"]


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1, max_size=4),
    st.sampled_from("abcdefgh"),
)
def test_fusion_reads_ranks_alone(rankings: list[list[str]], name: str) -> None:
    """A name's score is the sum over rankings that hold it; none is above that of who is first in all."""
    scores = fused(rankings)
    wanted = sum(1 / (K + ranking.index(name) + 1) for ranking in rankings if name in ranking)
    assert scores.get(name, 0.0) == pytest.approx(wanted)
    assert max(scores.values(), default=0.0) <= best(len(rankings)) + 1e-12


def test_the_floor_on_words_is_a_share() -> None:
    """A quarter of the weighted words is not enough, all of them are."""
    few = option("few", "harbour vineyard orchard granary")
    all_ = option("all", "harbour bells")
    near = nearness([few, all_], query="harbour bells tower clock")
    assert all_.item.id in near
    assert few.item.id not in near
    assert near[all_.item.id] >= FLOOR
