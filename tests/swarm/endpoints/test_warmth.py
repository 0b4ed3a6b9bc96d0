"""One call of a head goes ahead, the rest follow its first sign, and nobody waits in vain."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from strop.swarm.endpoints.warmth import LEADERS, Turn, Warmth

HEAD, OTHER = 7, 8


def wave(warmth: Warmth, calls: range, *, head: int = HEAD, now: float = 0.0) -> list[Turn]:
    return [warmth.ask(head, call, now=now) for call in calls]


def test_one_leads_and_the_others_follow_its_first_sign() -> None:
    """In their order; afterwards the head is warm and nobody is held."""
    warmth = Warmth()
    assert wave(warmth, range(1, 5)) == [Turn.LEAD, Turn.HOLD, Turn.HOLD, Turn.HOLD]
    assert warmth.ask(OTHER, 5, now=0.0) is Turn.LEAD, "another head is another matter"
    assert warmth.began(HEAD, now=1.0) == [2, 3, 4]
    assert warmth.ask(HEAD, 6, now=1.0) is Turn.GO


def test_a_lone_call_waits_for_nobody() -> None:
    """It leads, and its end leaves nothing behind."""
    warmth = Warmth()
    assert warmth.ask(HEAD, 1, now=0.0) is Turn.LEAD
    assert warmth.failed(HEAD, 1, blamed=True) == ([], Turn.LEAD)
    assert warmth.ask(HEAD, 2, now=0.0) is Turn.LEAD


def test_after_a_leader_that_failed_the_next_one_leads() -> None:
    """Only the leader's end moves anybody; after so many in a row all go."""
    warmth = Warmth()
    wave(warmth, range(1, 7))
    assert warmth.failed(HEAD, 4, blamed=True) == ([], Turn.GO), "a follower that gave up"
    for leader in range(1, LEADERS):
        assert warmth.failed(HEAD, leader, blamed=True) == ([leader + 1], Turn.LEAD)
        assert warmth.failed(HEAD, leader, blamed=True) == ([], Turn.GO), "its end is told once"
    assert warmth.failed(HEAD, LEADERS, blamed=True) == ([5, 6], Turn.GO)
    assert warmth.ask(HEAD, 9, now=0.0) is Turn.GO


def test_leaders_that_were_cancelled_do_not_count() -> None:
    """However many: the wave goes on waiting for one."""
    warmth = Warmth()
    wave(warmth, range(1, 11))
    for leader in range(1, 10):
        assert warmth.failed(HEAD, leader, blamed=False) == ([leader + 1], Turn.LEAD)


def test_a_prefix_that_nobody_asked_for_grows_cold() -> None:
    """Each call keeps it warm for another while."""
    warmth = Warmth(lasts=300.0)
    warmth.ask(HEAD, 1, now=0.0)
    warmth.began(HEAD, now=0.0)
    assert warmth.ask(HEAD, 2, now=299.0) is Turn.GO
    assert warmth.ask(HEAD, 3, now=598.0) is Turn.GO
    assert warmth.ask(HEAD, 4, now=898.0) is Turn.LEAD


def test_heads_are_forgotten_but_for_those_that_are_led() -> None:
    """Bounded, least recently asked first."""
    warmth = Warmth(most=3)
    warmth.ask(HEAD, 1, now=0.0)
    for head in range(100, 200):
        warmth.ask(head, head, now=0.0)
        warmth.began(head, now=0.0)
    assert len(warmth) == 3
    assert warmth.ask(HEAD, 2, now=0.0) is Turn.HOLD
    assert warmth.ask(199, 3, now=0.0) is Turn.GO
    assert warmth.ask(101, 4, now=0.0) is Turn.LEAD


@given(seed=st.integers(0, 100_000), steps=st.integers(1, 200))
def test_nobody_is_held_without_a_leader(seed: int, steps: int) -> None:
    """Whatever happens in whatever order: whoever is held has a leader under way, and each is released once."""
    chance = random.Random(seed)
    warmth = Warmth(most=2)
    leading: dict[int, int] = {}
    held: dict[int, set[int]] = {head: set() for head in range(3)}

    def moved(head: int, calls: list[int], turn: Turn) -> None:
        for call in calls:
            held[head].remove(call)
        if turn is Turn.LEAD and calls:
            leading[head] = calls[0]

    for call in range(1, steps + 1):
        head = chance.randrange(3)
        action = chance.random()
        if action < 0.6:
            turn = warmth.ask(head, call, now=0.0)
            if turn is Turn.HOLD:
                assert head in leading
                held[head].add(call)
            elif turn is Turn.LEAD:
                assert head not in leading
                leading[head] = call
        elif action < 0.8 and head in leading:
            calls, turn = warmth.failed(head, leading.pop(head), blamed=chance.random() < 0.5)
            moved(head, calls, turn)
        elif action < 0.9 and held[head]:
            gone = chance.choice(sorted(held[head]))
            assert warmth.failed(head, gone, blamed=False) == ([], Turn.GO)
            held[head].remove(gone)
        elif head in leading:
            del leading[head]
            moved(head, warmth.began(head, now=chance.choice([-1e9, 0.0])), Turn.GO)
            assert not held[head]
        assert all(head in leading for head, calls in held.items() if calls)
