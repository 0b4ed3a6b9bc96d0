"""The search for the one item that made a run worse: few replays, the right one, and doubt where there is any."""

from __future__ import annotations

from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.errors import BadInput
from strop.learning.bisect import applied, bisect, most_trials
from strop.types.memory import Item, ItemKind, ItemState, Manifest
from strop.types.moves import changes

pytestmark = pytest.mark.anyio


def library(*names: int) -> Manifest:
    return Manifest(tuple(Item(f"check/{n:03}", ItemKind.CHECK, f"{n}", ItemState.ACTIVE) for n in sorted(names)))


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
async def test_the_culprit_is_found_in_few_replays(drawn: tuple[int, int]) -> None:
    """Of n changes, in at most ceil(log2 n) + 1 replays, and confirmed by a last one without it."""
    count, guilty = drawn
    good, bad = library(500), library(500, *range(count))
    tried: list[Manifest] = []

    async def is_bad(manifest: Manifest) -> bool:
        tried.append(manifest)
        return manifest.item(f"check/{guilty:03}") is not None

    found = await bisect(good, changes(good, bad), bad=is_bad)

    assert (found.change.id, found.confirmed) == (f"check/{guilty:03}", True)
    assert found.trials == len(tried) <= ceil(log2(count)) + 1 == most_trials(count)
    assert {item.id for item in bad.items} - {item.id for item in tried[-1].items} == {f"check/{guilty:03}"}


async def test_two_that_are_bad_one_by_one_are_not_blamed_on_one() -> None:
    """Without the first culprit it is bad all the same: the answer says that it is not confirmed."""
    good, bad = library(), library(*range(8))

    async def is_bad(manifest: Manifest) -> bool:
        return any(manifest.item(name) for name in ("check/002", "check/006"))

    found = await bisect(good, changes(good, bad), bad=is_bad)

    assert (found.change.id, found.confirmed) == ("check/002", False)


async def test_nothing_changed_is_said() -> None:
    """No replay is made for an empty difference."""

    async def is_bad(manifest: Manifest) -> bool:
        raise AssertionError("asked")

    with pytest.raises(BadInput, match="nothing in the library changed"):
        await bisect(library(1), (), bad=is_bad)


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_all_changes_make_the_other_library(one: set[int], two: set[int]) -> None:
    """What differs, applied, is the other's items; also what is gone there."""
    assert applied(library(*one), changes(library(*one), library(*two))).items == library(*two).items
