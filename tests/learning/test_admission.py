"""What counts as evidence, what follows from it, and the ladder that stops at the first refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.learning.admission import (
    LADDER,
    MARGIN,
    Climb,
    Measured,
    Rung,
    Twin,
    climb,
    counted,
    decide,
    decide_cheaper,
    twin,
    uncited,
)
from strop.learning.alpha import Terms, Word, terms
from strop.learning.evalues import not_worse
from strop.types.evidence import Pair, Source
from strop.types.memory import Dependency, Item, ItemKind, ItemState, Origin, Scope

ITEM = Item(
    "skill/read",
    ItemKind.SKILL,
    "v1",
    ItemState.CANDIDATE,
    depends=(Dependency("model", "m", "1"),),
    cites=("run-1:7",),
    inputs=("made-from",),
)
ALONE = Terms(always=20.0, looked=0.0, planned=40)
MEASURED = Measured("m", "gold", "2026-11-22")


def pair(unit: str, sign: int = 1, **other: object) -> Pair:
    """A pair that counts for ITEM: won, lost, or neither."""
    score = {1: (1.0, 0.0), -1: (0.0, 1.0), 0: (1.0, 1.0)}[sign]
    plain = Pair(ITEM.id, "v1", ITEM.ground, "old", unit, "run-2", Source.REPLAY, *score)
    return replace(plain, **other)


def say(pairs: list[Pair], *, terms: Terms = ALONE, cheap: bool = False) -> tuple[Word, ItemState, int]:
    """The word, the state and the number of cases."""
    judge = decide_cheaper if cheap else decide
    found = judge(pairs, item=ITEM, incumbent="old", terms=terms, measured=MEASURED)
    return found.word, found.state, found.certificate.cases


@pytest.mark.parametrize(
    "other",
    [
        {"item": "skill/else"},
        {"version": "v2"},
        {"ground": "another model"},
        {"incumbent": "another manifest"},
        {"unit": "made-from"},
    ],
)
def test_what_is_no_evidence_does_not_count(other: dict[str, str]) -> None:
    """Pairs of another item, version, ground or incumbent, or on an input it was made from, change nothing."""
    foreign = [replace(pair(f"u{at}"), **other) for at in range(20)]
    assert say(foreign)[0] is Word.UNDECIDED
    assert counted([*foreign, pair("mine")], item=ITEM, incumbent="old") == (pair("mine"),)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([1, -1, 0])), max_size=20))
def test_of_an_input_the_first_outcome_stays(drawn: list[tuple[str, int]]) -> None:
    """One pair an input, the first that came; a second try of the same input is never looked at."""
    kept = counted([pair(unit, sign) for unit, sign in drawn], item=ITEM, incumbent="old")
    first: dict[str, int] = {}
    for unit, sign in drawn:
        first.setdefault(unit, sign)
    assert [(each.unit, each.won - each.lost) for each in kept] == list(first.items())


def test_rescued_pairs_cannot_admit() -> None:
    """Twenty wins on one input are one win."""
    assert say([pair("same") for _ in range(20)]) == (Word.UNDECIDED, ItemState.CANDIDATE, 1)


@pytest.mark.parametrize(
    ("signs", "said"),
    [
        ([1] * 12, (Word.ADMIT, ItemState.PROBATION, 7)),
        ([-1] * 12, (Word.QUARANTINE, ItemState.QUARANTINE, 4)),
        ([1, -1, 0] * 5, (Word.UNDECIDED, ItemState.CANDIDATE, 15)),
        ([], (Word.UNDECIDED, ItemState.CANDIDATE, 0)),
    ],
)
def test_what_follows_from_the_pairs(signs: list[int], said: tuple[Word, ItemState, int]) -> None:
    """Admitted to probation, put away, or still a candidate; no pair behind the deciding one is in the certificate."""
    assert say([pair(f"u{at}", sign) for at, sign in enumerate(signs)]) == said


def test_the_undecided_go_on_where_they_were() -> None:
    """Evidence of an earlier run counts with the next one's: what neither decides both do."""
    early, late = [pair(f"a{at}") for at in range(4)], [pair(f"b{at}") for at in range(4)]
    assert say(early)[0] is say(late)[0] is Word.UNDECIDED
    assert say(early + late)[0] is Word.ADMIT


def test_the_certificate_says_what_was_measured() -> None:
    """Cases, effect with its interval, both E and the threshold; the reason names them in a sentence."""
    pairs = [pair(f"u{at}", challenger_cost=3, baseline_cost=4) for at in range(7)]
    found = decide(pairs, item=ITEM, incumbent="old", terms=ALONE, measured=MEASURED)
    kept = found.certificate
    assert (kept.cases, kept.won, kept.lost, kept.effect, kept.cost) == (7, 7, 0, 1.0, 0.75)
    assert (kept.model, kept.scorer, kept.day, kept.by) == ("m", "gold", "2026-11-22", "e-process")
    assert kept.e_better >= kept.threshold == 20
    assert kept.low < 1 <= kept.high + 1e-6
    assert found.why == "7 won and 0 lost of 7 pairs: E 31.9 reached 20.0"


# ---------------------------------------------------------------- cheaper items


def alike_needed(offered: Terms) -> int:
    """Replays with the same output that show "not worse" at the whole of an item's share."""
    limit = 1 / (offered.looked + 1 / offered.always)
    return next(many for many in count(1) if not_worse([0.0] * many, margin=MARGIN) >= limit)


def test_the_same_output_for_less_is_admitted_by_replays_enough() -> None:
    """One replay fewer is not enough; the same output at the same cost never is, and escalates at the plan's end."""
    enough = alike_needed(ALONE)
    assert alike_needed(terms(1, admitted=0, planned=120)) == 134, "docs/learning.md says so"
    plan = replace(ALONE, planned=enough + 1)
    cheap = [pair(f"u{at}", 0, same=True, challenger_cost=1, baseline_cost=9) for at in range(enough)]
    assert say(cheap, terms=plan, cheap=True) == (Word.ADMIT, ItemState.PROBATION, enough)
    assert say(cheap[:-1], terms=plan, cheap=True)[0] is Word.UNDECIDED
    dear = [replace(each, challenger_cost=9) for each in [*cheap, pair("last", 0, same=True, baseline_cost=9)]]
    assert say(dear, terms=plan, cheap=True)[0] is Word.ESCALATE


def test_a_cheaper_item_that_is_a_little_worse_is_not_admitted() -> None:
    """One loss in eight pairs is more than 5 points: it escalates, or goes to quarantine where harm shows first."""
    cost = {"challenger_cost": 1, "baseline_cost": 9}
    pairs = [pair(f"u{at}", -1 if at % 8 == 0 else 0, **cost) for at in range(200)]
    found = say(pairs, terms=replace(ALONE, planned=200), cheap=True)
    assert found[0] is Word.QUARANTINE
    balanced = [pair(f"u{at}", (-1, 1, 0, 0)[at % 4], **cost) for at in range(60)]
    assert say(balanced, cheap=True)[0] is Word.ESCALATE


# ---------------------------------------------------------------- the ladder


@given(st.integers(0, len(LADDER)), st.integers(1, len(LADDER)))
def test_the_ladder_stops_at_the_first_refusal(refusing: int, given_: int) -> None:
    """Rungs are tried in rising price; behind the first that refuses none is tried."""
    tried: list[Rung] = []

    def rung(at: int) -> Callable[[Item], str]:
        def passes(item: Item) -> str:
            tried.append(LADDER[at])
            return "no" if at >= refusing else ""

        return passes

    found = climb(ITEM, rungs={LADDER[at]: rung(at) for at in reversed(range(given_))})
    assert tried == list(LADDER[: min(refusing + 1, given_)])
    if refusing < given_:
        assert found == Climb(LADDER[:refusing], LADDER[refusing], "no")
    else:
        assert found == Climb(LADDER[:given_])


def test_a_ladder_with_a_gap_is_refused() -> None:
    """A dear rung is never tried while a cheap one below it is missing."""
    with pytest.raises(ValueError, match="gap"):
        climb(ITEM, rungs={Rung.FORM: lambda item: "", Rung.REPLAY: lambda item: ""})


def test_what_a_run_leaves_cites_it() -> None:
    """Without a citation it is refused; what the user wrote by hand needs none."""
    assert uncited(ITEM) == ""
    assert "names no event" in uncited(replace(ITEM, cites=()))
    assert uncited(replace(ITEM, cites=(), origin=Origin.USER)) == ""


# ---------------------------------------------------------------- duplicates

TEXT = "Give the number of rows of the table, leave out the header, and quote the sentence that says it."
OLD = replace(ITEM, id="skill/old", digest="v0")


@pytest.mark.parametrize(
    ("other", "text", "found"),
    [
        (OLD, TEXT, True),
        (OLD, TEXT.replace("sentence", "line"), True),
        (replace(OLD, digest="v1"), "nothing in common", True),
        (OLD, "Name the licence under which the package was given away.", False),
        (replace(OLD, kind=ItemKind.CONSTRAINT), TEXT, False),
        (replace(OLD, scope=Scope(step="writer")), TEXT, False),
        (replace(ITEM, digest="v0"), TEXT, False),
    ],
)
def test_a_near_duplicate_is_a_challenger(other: Item, text: str, found: bool) -> None:
    """Same bytes or nearly the same words, of one kind and scope; its own older version is no twin."""
    likest = twin(ITEM, text=TEXT, others={other: text})
    assert (likest is not None) is found
    if other.digest == ITEM.digest:
        assert likest == Twin("skill/old", "v1", 1.0)
