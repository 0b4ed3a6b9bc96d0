"""The limit of silence: five of the run's own medians, cut calls counted, queues told from the dark."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.seams import Message, Request, ToolSpec
from strop.swarm.endpoints.patience import Kind, Patience, kind_of
from strop.types.schema import Object, Text

KIND: Kind = (False, False, False, 12)
OTHER: Kind = (True, False, False, 12)


def after(*seconds: float, kind: Kind = KIND, at: float = 0.0, **settings: float) -> Patience:
    """A patience that has seen these answers, all landed at `at`."""
    patience = Patience(**{"floor": 0.5, **settings})  # type: ignore[arg-type]  # seconds are floats, counts have defaults
    for number, each in enumerate(seconds, -len(seconds)):
        patience.began(kind, number, now=at - each)
        patience.answered(kind, number, seconds=each, now=at)
    return patience


@pytest.mark.parametrize(
    ("seconds", "limit"),
    [
        ((), 120.0),
        ((1.0,) * 7, 120.0),
        ((1.0,) * 8, 5.0),
        ((0.01,) * 8, 0.5),
        ((1.0,) * 5 + (100.0,) * 4, 5.0),
        ((1.0,) * 4 + (3.0,) * 4, 10.0),
        ((1_000.0,) * 8, 900.0),
    ],
)
def test_the_limit_is_five_medians(seconds: tuple[float, ...], limit: float) -> None:
    """The first limit while too few are known, never below the floor nor above the most."""
    assert after(*seconds).limit(KIND, now=1e6) == limit


@pytest.mark.parametrize(
    ("seconds", "late"),
    [
        ((), None),
        ((2.0,) * 7, None),
        ((2.0,) * 8, 16.0),
        ((0.01,) * 8, 11.0),
        ((2.0,) * 5 + (100.0,) * 4, 16.0),
        ((2.0,) * 4 + (6.0,) * 4, 22.0),
    ],
)
def test_a_call_is_late_after_three_medians(seconds: tuple[float, ...], late: float | None) -> None:
    """Counted from when it went out, here at 10 s; never before the floor, nor while too few answers are known."""
    assert after(*seconds).late(KIND, began=10.0, now=1e6) == late


def test_where_all_are_slow_nobody_is_late() -> None:
    """Twelve open calls, each older than the median while answers go on landing: the endpoint works off a queue."""
    patience = after(*[2.0] * 8, at=10.0)
    assert patience.late(KIND, began=4.0, now=10.5) == 10.0
    for number in range(12):
        patience.began(KIND, number, now=4.0)
    assert patience.late(KIND, began=4.0, now=10.5) == 4.0 + 3 * 6.5


def test_each_kind_has_its_own_median() -> None:
    """Tool rounds are no measure for essays."""
    patience = after(*[1.0] * 8)
    assert patience.limit(OTHER, now=1e6) == 120.0
    assert patience.limit((False, False, True, 12), now=1e6) == 600.0, "hidden thinking is silent"
    tool = ToolSpec("t", "", Object(()))
    hello = (Message("user", "x"),)
    kinds = [
        Request(hello),
        Request(hello, tools=(tool,)),
        Request(hello, schema=Text()),
        Request(hello, thinking=True),
    ]
    kinds += [Request(hello, max_output=100), Request(hello, max_output=100_000)]
    assert len({kind_of(request) for request in kinds}) == 5, "limits from 2,048 up follow what was seen: one kind"
    assert kind_of(Request(hello, max_output=100)) == kind_of(Request(hello, max_output=120))


def test_a_cut_call_counts_at_the_length_it_was_cut_at() -> None:
    """Answers grow slow: the limit follows though not one of them was let through."""
    patience = after(*[1.0] * 8, window=16)
    true, now, cuts = 400.0, 1_000.0, 0
    while patience.limit(KIND, now=now) < true:
        limit = patience.limit(KIND, now=now)
        patience.began(KIND, cuts, now=now)
        now += limit
        patience.cut(KIND, cuts, seconds=limit)
        cuts += 1
        assert cuts < 60
    assert cuts > 0


@given(st.lists(st.floats(0.01, 50), min_size=8, max_size=60), st.integers(0, 20))
def test_cuts_never_shorten_the_limit(seconds: list[float], cuts: int) -> None:
    """Whatever the answers were: a call cut at the limit counts above the median."""
    patience = after(*seconds, window=1_000)
    limit = patience.limit(KIND, now=1e6)
    for number in range(cuts):
        patience.began(KIND, number, now=1e6)
        patience.cut(KIND, number, seconds=limit)
        assert patience.limit(KIND, now=1e6) >= limit
        limit = patience.limit(KIND, now=1e6)


@given(st.integers(0, 10_000), st.integers(1, 400))
def test_the_running_median_is_that_of_the_last_answers(seed: int, count: int) -> None:
    """As sorting them anew would say."""
    chance = random.Random(seed)
    seconds = [chance.choice([1.0, 2.0, chance.random()]) for _ in range(count)]
    patience = after(*seconds, window=20)
    last = sorted(seconds[-20:])
    expected = (last[(len(last) - 1) // 2] + last[len(last) // 2]) / 2
    assert patience.median(KIND) == (pytest.approx(expected) if count >= 8 else None)


@pytest.mark.parametrize(
    ("sign", "now", "due"),
    [
        (0.0, 4.9, 5.0),
        (0.0, 5.0, 5.0),
        (3.0, 5.0, 8.0),
        (18.0, 19.0, 20.0),
    ],
)
def test_silence_counts_from_the_last_sign_and_dripping_has_an_end(sign: float, now: float, due: float) -> None:
    """Five medians of silence; four times that in all."""
    patience = after(*[1.0] * 8, at=-100.0)
    patience.began(KIND, 1, now=0.0)
    assert patience.due(KIND, began=0.0, sign=sign, now=now) == due


def test_while_answers_go_on_landing_late_calls_are_a_queue() -> None:
    """Eight fast answers and three hundred that wait: nobody is cut for standing behind in the queue."""
    patience = after(*[1.0] * 8)
    for call in range(300):
        patience.began(KIND, call, now=0.0)
    patience.answered(KIND, 299, seconds=4.5, now=4.5)
    assert patience.due(KIND, began=0.0, sign=0.0, now=5.0) > 20.0
    few = after(*[1.0] * 40, at=4.5)
    for call in range(3):
        few.began(KIND, call, now=0.0)
    assert few.due(KIND, began=0.0, sign=0.0, now=5.0) == 5.0, "a few that hang among many answers are cut"


def test_when_nothing_lands_any_more_the_plain_limit_holds() -> None:
    """The endpoint went dark with all calls open."""
    patience = after(*[1.0] * 8)
    for call in range(300):
        patience.began(KIND, call, now=0.0)
    assert patience.due(KIND, began=0.0, sign=0.0, now=5.0) == 5.0


@pytest.mark.parametrize(
    ("answers", "began", "sign", "now", "said"),
    [
        ((2.4,) * 8, 0.0, 0.0, 12.3, "silent for 12.3 s, five times the median of 2.4 s"),
        ((2.4,) * 8, 0.0, 47.0, 48.0, "still dripping after 48.0 s, twenty times the median of 2.4 s"),
        ((0.01,) * 8, 0.0, 0.0, 0.5, "silent for 0.5 s, least limit 0.5 s (median 0.0 s)"),
        ((), 0.0, 0.0, 120.0, "silent for 120.0 s; too few answers for a median yet, the first limit is 120.0 s"),
    ],
)
def test_the_reason_gives_the_figures(
    answers: tuple[float, ...], began: float, sign: float, now: float, said: str
) -> None:
    """What the report says of a cut call."""
    patience = after(*answers, at=-1e6)
    patience.began(KIND, 1, now=began)
    assert patience.reason(KIND, began=began, sign=sign, now=now) == said
