"""Which endpoint of a model takes a request: the longest known prefix, less the queue.

Each endpoint has its own prefix cache, so a head or a conversation goes back to where it was read
before, until the queue there costs more than reading it anew; then it is copied to the next endpoint
by simply going there. After the cache-aware routers of SGLang (`sgl-router`) and Preble (Srivatsa et
al., 2024), with one score in place of two modes.

An endpoint that fails leaves the ring, rests exponentially longer, and returns by one probe call
(circuit breaker: Nygard, "Release It!", 2007). Where all rest, the one that may return first is asked
all the same: whoever called decides when to give up. One whose key or money is refused is out for good.

Pure: moments in seconds and loads come in as arguments. Prefixes are chained hashes of messages, good
within this process only; Python keeps a text's hash with the text, so a shared head is read once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from strop.seams import Message, Request

WORTH = 16.0
"""Calls of queue that a wholly known prompt is worth."""
TRIP = 3
"""Failures in a row after which an endpoint leaves the ring."""
REST = 1.0
LONGEST_REST = 60.0
"""Seconds: the first rest, and the longest; each is twice the one before."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as far as caches are concerned."""

    head: int
    """Hash of tools and the shared messages."""
    head_size: int
    """Characters of the shared messages."""
    links: tuple[int, ...] = ()
    """One hash for each prefix that ends with a message, shortest first."""
    sizes: tuple[int, ...] = ()
    """Characters of each of these prefixes."""


def head_of(request: Request) -> Prompt:
    """Only the head: enough where there is nothing to choose."""
    link, size = _tools(request), 0
    for at in range(request.head):
        message = request.messages[at]
        link = _linked(link, message)
        size += len(message.text)
    return Prompt(link, size)


def prompt_of(request: Request) -> Prompt:
    """The head, and every prefix that ends with a message."""
    link, size = _tools(request), 0
    links: list[int] = []
    sizes: list[int] = []
    for message in request.messages:
        link = _linked(link, message)
        size += len(message.text) + 1
        links.append(link)
        sizes.append(size)
    head = request.head
    return Prompt(
        links[head - 1] if head else _tools(request),
        sizes[head - 1] - head if head else 0,
        tuple(links),
        tuple(sizes),
    )


def _linked(link: int, message: Message) -> int:
    # Without the turn's calls: what came back for them stands in the next message, and hashing them costs most.
    return hash((link, message.role, message.text, message.call_id))


def _tools(request: Request) -> int:
    # By name: within one model's pool a name stands for one specification.
    return hash(tuple([spec.name for spec in request.tools]))


@dataclass(slots=True)
class _Member:
    known: dict[int, None] = field(default_factory=dict[int, None])
    """Prefixes that went there; the one not used for the longest comes first."""
    failures: int = 0
    """In a row."""
    rests: int = 0
    """In a row."""
    resting_until: float | None = None
    probing: bool = False
    out: bool = False


@dataclass(slots=True)
class Ring:
    """The endpoints of one model, by number from 0. Owned by the pool."""

    size: int
    most_known: int = 8_192
    """Prefixes remembered for each endpoint."""
    _members: list[_Member] = field(default_factory=list[_Member])

    def __post_init__(self) -> None:
        self._members = [_Member() for _ in range(self.size)]

    def choose(
        self, prompt: Prompt, *, loads: Sequence[int], room: Sequence[bool], now: float, without: Collection[int] = ()
    ) -> int | None:
        """The endpoint that takes this request; None when none is left beside `without`.

        `loads` are calls open and waiting at each, `room` says where a call would go out at once. A member
        whose rest is over is chosen for its probe: the caller must report how it ended.
        """
        left = [at for at, member in enumerate(self._members) if not member.out and at not in without]
        if not left:
            return None
        back = next((at for at in left if self._may_probe(at, now)), None)
        if back is not None:
            self._members[back].probing = True
            return back
        well = [at for at in left if self._members[at].resting_until is None]
        if not well:
            return min(left, key=lambda at: (self._members[at].resting_until, at))
        free = [at for at in well if room[at]] or well
        if len(free) == 1:
            return free[0]
        return max(free, key=lambda at: (WORTH * self.share_known(at, prompt) - loads[at], -loads[at], -at))

    def share_known(self, at: int, prompt: Prompt) -> float:
        """How much of the prompt this endpoint has read before, from 0 to 1; without links the head is all."""
        known = self._members[at].known
        if not prompt.links:
            return float(prompt.head_size > 0 and prompt.head in known)
        for place in range(len(prompt.links) - 1, -1, -1):
            if prompt.links[place] in known:
                return prompt.sizes[place] / prompt.sizes[-1]
        return 0.0

    def learn(self, at: int, prompt: Prompt) -> None:
        """This prompt goes there: its new prefixes, its head and what they begin with are the youngest now."""
        known = self._members[at].known
        links = prompt.links or (prompt.head,)
        new = len(links)
        while new and links[new - 1] not in known:
            new -= 1
        for link in (*links[max(new - 1, 0) :], prompt.head):
            known.pop(link, None)
            known[link] = None
        while len(known) > self.most_known:
            del known[next(iter(known))]

    def landed(self, at: int) -> None:
        """It answered: whatever was held against it is over."""
        member = self._members[at]
        member.failures, member.rests, member.resting_until, member.probing = 0, 0, None, False

    def failed(self, at: int, *, now: float) -> bool:
        """It is down: whether it leaves the ring by this."""
        member = self._members[at]
        member.failures += 1
        if member.resting_until is not None and not member.probing:
            return False  # it was sent before the rest began, or for want of a better one
        if member.failures < TRIP and not member.probing:
            return False
        member.resting_until = now + min(LONGEST_REST, REST * 2**member.rests)
        member.rests += 1
        member.probing = False
        return True

    def unknown(self, at: int) -> None:
        """A call ended without telling how the endpoint is: a probe is to be made again."""
        self._members[at].probing = False

    def dismiss(self, at: int) -> bool:
        """Out for good: its key or its money is refused. Whether others are left."""
        self._members[at].out = True
        return any(not member.out for member in self._members)

    def state(self, at: int, *, now: float) -> str:
        """`well`, `resting`, `probing` or `out`."""
        member = self._members[at]
        if member.out:
            return "out"
        if member.resting_until is None:
            return "well"
        return "probing" if member.probing or member.resting_until <= now else "resting"

    def is_well(self, at: int) -> bool:
        """Whether it is in the ring."""
        member = self._members[at]
        return not member.out and member.resting_until is None

    def _may_probe(self, at: int, now: float) -> bool:
        member = self._members[at]
        return member.resting_until is not None and member.resting_until <= now and not member.probing
