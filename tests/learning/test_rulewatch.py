"""The watch over learned checks: whose opinion counts, and when a check holds no longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from strop.checking.checks import parse_check
from strop.checking.ruled import BROKEN, Rules
from strop.learning.rulewatch import Held, Watched, held_to, pairs_of, tally
from strop.types.content import Scalar, Standing
from strop.types.memory import Item, ItemKind, ItemState
from strop.types.trial import Value
from strop.types.work import UnitKey

CHECK = 'not_value(town, "Farnley")'
ORDERED = r"pattern(town, [A-E]\w+)"
ITEM = Item("check/c-1", ItemKind.CHECK, "digest", ItemState.ACTIVE)
WATCHED = Watched(ITEM, "c-1")


def said(town: Scalar, *rows: str, standing: Standing = Standing.ACCEPTED) -> list[Value]:
    return [Value(UnitKey(row), "town", town, standing, ()) for row in rows]


def held(values: Sequence[Value], again: Sequence[Value], *, watched: Watched = WATCHED, checks: str = CHECK) -> Held:
    rules = Rules([parse_check(check) for check in checks.splitlines()], {})
    rows = {value.row: f"the text of {value.row}" for value in values}
    return held_to(values, rules, again=again, watched=[watched], texts={"c-1": CHECK}, sources=rows, run="01")


@pytest.mark.parametrize(
    ("before", "again", "against"),
    [
        (said("Farnley", "a"), said("Farnley", "a"), [True]),
        (said("Farnley", "a"), said("Ember", "a"), [False]),
        (said("Farnley", "a"), said("Farnley", "a", standing=Standing.UNVERIFIED), []),
        (said("Farnley", "a"), said(None, "a", standing=Standing.REFUTED), []),
        (said("Farnley", "a", standing=Standing.UNVERIFIED), said("Farnley", "a"), []),
        (said("Ember", "a"), said("Farnley", "a"), []),
        (said("Farnley", "a"), [], []),
    ],
)
def test_only_accepted_values_on_both_sides_are_an_opinion(
    before: list[Value], again: list[Value], against: list[bool]
) -> None:
    """The rest of the gate accepted what the check took out, and accepts what fresh readers say; else for nobody."""
    assert [each.against for each in held(before, again).said] == against


def test_what_another_rule_takes_out_as_well_is_no_opinion() -> None:
    """The order's own check speaks against the value too: then not all the rest of the gate accepted it."""
    assert held(said("Farnley", "a"), said("Farnley", "a"), checks=f"{CHECK}\n{ORDERED}").said == ()


def test_four_opinions_against_a_check_end_it_and_give_back_what_it_took() -> None:
    """E of harm after 3 is 3.75, after 4 it is 6.2; the limit is 5."""
    three = held(said("Farnley", "a", "b", "c", "d"), said("Farnley", "a", "b", "c"))
    four = held(said("Farnley", "a", "b", "c", "d"), said("Farnley", "a", "b", "c", "d"))

    assert [BROKEN in value.reasons for value in three.first.values] == [True] * 4
    assert three.findings == ()
    assert [value.value for value in four.first.values] == ["Farnley"] * 4
    assert four.first.findings == ()
    (note,) = four.findings
    assert (note.locator, note.rule) == ("c-1", CHECK)
    assert "E of harm 6.2 reached 5" in note.observed


def test_the_first_opinion_on_an_input_counts() -> None:
    """The same page read in another run says nothing new, whatever it says then."""
    first = pairs_of(WATCHED, held(said("Farnley", "a"), said("Ember", "a")).said, run="01")
    later = pairs_of(WATCHED, held(said("Farnley", "a"), said("Farnley", "a")).said, run="02")
    counted = tally(replace(WATCHED, pairs=first), later)
    assert (counted.won, counted.lost) == (1, 0)


def test_evidence_of_earlier_runs_is_counted_in() -> None:
    """Three against it are on record: the fourth ends it."""
    before = pairs_of(WATCHED, held(said("Farnley", "x", "y", "z"), said("Farnley", "x", "y", "z")).said, run="01")
    now = held(said("Farnley", "a"), said("Farnley", "a"), watched=replace(WATCHED, pairs=before))
    assert [value.value for value in now.first.values] == ["Farnley"]


def test_another_value_that_is_accepted_takes_the_place_if_it_keeps_the_rules() -> None:
    """What fresh readers agree on is delivered; not where it breaks the same rule."""
    mended = held(said("Farnley", "a", "b"), [*said("Ember", "a"), *said("farnley", "b")])
    assert [value.value for value in mended.first.values] == ["Ember", None]
