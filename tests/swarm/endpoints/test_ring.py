"""Where a request goes: where it was read before, unless the queue says otherwise; around what is broken, and back."""

from __future__ import annotations

import pytest

from strop.seams import Message, Request, ToolSpec
from strop.swarm.endpoints.ring import LONGEST_REST, REST, TRIP, WORTH, Prompt, Ring, head_of, prompt_of
from strop.types.schema import Object

HEAD = (Message("system", "s" * 900), Message("user", "u" * 100))


def asked(*tail: str, head: tuple[Message, ...] = HEAD) -> Prompt:
    return prompt_of(Request((*head, *[Message("user", text) for text in tail]), head=len(head)))


def chosen(ring: Ring, prompt: Prompt, *loads: int, now: float = 0.0, room: tuple[bool, ...] = ()) -> int | None:
    return ring.choose(prompt, loads=loads, room=room or (True,) * len(loads), now=now)


def test_equal_texts_are_one_prefix_and_the_head_is_found_alone() -> None:
    """By content, not by object; tools belong to the prefix."""
    again = tuple(Message(message.role, "".join(list(message.text))) for message in HEAD)
    assert asked("a", head=again) == asked("a")
    request = Request((*HEAD, Message("user", "a")), head=2)
    assert (head_of(request).head, head_of(request).head_size) == (prompt_of(request).head, 1_000)
    tools = (ToolSpec("t", "", Object(())),)
    assert head_of(Request(HEAD, 2, tools)).head != head_of(Request(HEAD, 2)).head
    assert asked("a").links[:2] == asked("b").links[:2]
    assert asked("a").links[2] != asked("b").links[2]


def test_the_same_head_goes_to_the_same_endpoint_until_load_says_otherwise() -> None:
    """Sticky up to its worth in queue; then the head is copied, and both serve it."""
    ring = Ring(3)
    ring.learn(1, asked("a"))
    known = ring.share_known(1, asked("b"))
    assert 0.9 < known < 1.0
    assert chosen(ring, asked("b"), 0, int(WORTH * known), 0) == 1
    assert chosen(ring, asked("b"), 0, int(WORTH * known) + 1, 0) == 0
    ring.learn(0, asked("b"))
    assert chosen(ring, asked("c"), 5, 4, 0) == 1
    assert chosen(ring, asked("c"), 3, 4, 0) == 0


def test_a_conversation_stays_where_most_of_it_was_read() -> None:
    """The longest known prefix wins over the head alone."""
    ring = Ring(2)
    ring.learn(0, asked("a"))
    ring.learn(1, asked("x" * 3_000))
    assert chosen(ring, asked("x" * 3_000, "and now"), 0, 5) == 1
    assert chosen(ring, asked("y"), 0, 5) == 0


def test_unknown_prompts_go_where_the_load_is_least() -> None:
    """And to the first of equals."""
    ring = Ring(3)
    assert [chosen(ring, asked("a"), *loads) for loads in ((2, 1, 1), (0, 0, 0), (3, 2, 1))] == [1, 0, 2]


def test_a_full_endpoint_is_passed_over_while_another_has_room() -> None:
    """Known or not; where all are full, the score decides."""
    ring = Ring(2)
    ring.learn(0, asked("a"))
    assert chosen(ring, asked("a"), 3, 9, room=(False, True)) == 1
    assert chosen(ring, asked("a"), 3, 9, room=(False, False)) == 0


def test_known_prefixes_are_bounded_and_what_is_used_stays() -> None:
    """The head that every call begins with is never the oldest."""
    ring = Ring(1, most_known=10)
    for number in range(100):
        ring.learn(0, asked(f"unit {number}"))
    assert ring.share_known(0, asked("new")) > 0.9
    assert ring.share_known(0, asked("unit 3")) < 1.0
    assert ring.share_known(0, asked("unit 99")) == 1.0


def test_a_broken_endpoint_leaves_rests_and_returns_by_one_probe() -> None:
    """After so many failures in a row; the next rest is twice as long; one answer heals it."""
    ring, prompt = Ring(2), asked("a")
    ring.learn(0, prompt)
    assert [ring.failed(0, now=0.0) for _ in range(TRIP)] == [False] * (TRIP - 1) + [True]
    assert not ring.failed(0, now=0.0), "calls of the same flight do not lengthen the rest"
    assert chosen(ring, prompt, 0, 99, now=REST - 0.1) == 1
    assert ring.state(0, now=REST - 0.1) == "resting"
    assert chosen(ring, prompt, 0, 0, now=REST) == 0
    assert ring.state(0, now=REST) == "probing"
    assert chosen(ring, prompt, 0, 0, now=REST) == 1, "one probe"
    assert ring.failed(0, now=REST)
    assert chosen(ring, prompt, 0, 0, now=REST + 2 * REST - 0.1) == 1
    assert chosen(ring, prompt, 0, 0, now=REST + 2 * REST) == 0
    ring.unknown(0)
    assert chosen(ring, prompt, 0, 0, now=REST + 2 * REST) == 0, "a probe that was cancelled is made again"
    ring.landed(0)
    assert ring.state(0, now=REST + 2 * REST) == "well"
    assert chosen(ring, prompt, 0, 0, now=REST + 2 * REST) == 0


def test_failures_between_answers_do_not_add_up() -> None:
    """In a row, or not at all."""
    ring = Ring(2)
    for _ in range(10):
        assert not ring.failed(0, now=0.0)
        assert not ring.failed(0, now=0.0)
        ring.landed(0)


def test_rests_have_an_end() -> None:
    """However often the probe fails."""
    ring, now = Ring(2), 0.0
    for _ in range(TRIP):
        ring.failed(0, now=now)
    for _ in range(20):
        now += LONGEST_REST
        assert chosen(ring, asked("a"), 0, 0, now=now) == 0
        ring.failed(0, now=now)
    assert chosen(ring, asked("a"), 0, 99, now=now + LONGEST_REST - 1) == 1
    assert chosen(ring, asked("a"), 0, 99, now=now + LONGEST_REST) == 0


def test_where_all_rest_the_one_that_may_return_first_is_asked() -> None:
    """Whoever called decides when to give up."""
    ring = Ring(2)
    for at, now in ((0, 1.0), (1, 0.5)):
        for _ in range(TRIP):
            ring.failed(at, now=now)
    assert chosen(ring, asked("a"), 0, 0, now=1.0) == 1


@pytest.mark.parametrize("without", [(), (1,)])
def test_who_is_dismissed_never_returns(without: tuple[int, ...]) -> None:
    """The others go on; with none left there is nobody to choose."""
    ring = Ring(2)
    assert ring.dismiss(0)
    left = ring.choose(asked("a"), loads=(0, 9), room=(True, True), now=1e9, without=without)
    assert left == (None if without else 1)
    assert not ring.dismiss(1)
    assert chosen(ring, asked("a"), 0, 0, now=1e9) is None
    assert ring.state(0, now=1e9) == "out"
