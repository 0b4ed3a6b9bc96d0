"""A check that nothing could judge is tried again when deliveries are stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strop.checking.bundle import Bundle
from strop.learning.compiling import UNTRIED
from strop.learning.corpus import Kept, delivered
from strop.learning.retrying import retried, waits
from strop.types.content import Scalar, Standing
from strop.types.memory import CheckKind, Constraint, ItemState
from strop.types.trial import Value
from strop.types.work import Column, ColumnType, Kind, Output, RunId, Spec, UnitKey

RULE = Constraint(
    "c-1",
    '`town` is not "Farnley"',
    UNTRIED,
    CheckKind.CHECK,
    "town",
    'not_value(town, "Farnley")',
    ItemState.CANDIDATE,
)
ORDER = Spec("Towns", (Output("towns.csv", Kind.CSV, (Column("town", ColumnType.TEXT),)),), each="inputs/*.txt")


def delivery(run: str, *towns: Scalar, wrong: tuple[Scalar, ...] = ()) -> Kept:
    """A stored delivery with these towns proved and those refuted."""
    values = [Value(UnitKey(f"{run}-{n}"), "town", town, Standing.ACCEPTED, ()) for n, town in enumerate(towns)]
    values += [
        Value(UnitKey(f"{run}-x{n}"), "town", None, Standing.REFUTED, (), said=said) for n, said in enumerate(wrong)
    ]
    whole = Bundle(tuple(values))
    return Kept(RunId(run), ORDER, delivered(whole), whole)


OWN = delivery("own", "Ember", "Ashby", "Corby", "Oakham", "Rugby", wrong=("Farnley", "Farnley"))


@pytest.mark.parametrize(
    ("past", "state", "why"),
    [
        ([], ItemState.CANDIDATE, UNTRIED),
        ([delivery("a", "Ember", "Derby")], ItemState.ACTIVE, "2 refuted values broke it, 5 proved ones keep it"),
        ([delivery("a", "Ember", "Farnley")], ItemState.CANDIDATE, "it speaks against 1 clean delivery: a"),
    ],
)
def test_a_check_that_waited_is_judged_by_what_is_stored_now(past: list[Kept], state: ItemState, why: str) -> None:
    """Nothing stored: it waits on. Silent on what is: in force. Loud: refused for good, with the run that says so."""
    now = retried(RULE, OWN, active={}, past=past)

    assert now.state is state
    assert now.reason.startswith(why)
    assert waits(now) is (why == UNTRIED)


def test_without_its_flaw_nothing_is_retried_for_ever() -> None:
    """The run that it comes from has no such flaw any more: it does not wait on, and is not let in."""
    now = retried(RULE, delivery("own", "Ember"), active={}, past=[delivery("a", "Derby")])

    assert (now.state, waits(now)) == (ItemState.CANDIDATE, False)
    assert not waits(replace(RULE, reason="redundant: c-2 finds what it finds"))
