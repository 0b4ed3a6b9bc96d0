"""One agent's conversation: what it holds, how large it is, and how it is cut to fit the model's window.

Pure. History is append-only, so that provider caches hit, until a cut; cuts are rare and large. Size is
what the provider counted, and for what came since then an estimate at `BYTES_PER_TOKEN`.

Policies, after the named options of Kimi K2.5's agent swarm (technical report, 2026, section 5.2):
`keep` cuts nothing and fails when the window is full; `hide-tool-results` leaves only the newest round of
tool results, older ones become handles; `shard` has the agent write down what it knows and goes on in a
fresh conversation that begins with these notes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from strop.seams import Message, Request, ToolSpec
from strop.types.fingerprint import canonical, digest
from strop.types.money import Certainty, Usage
from strop.types.schema import to_json_schema

BYTES_PER_TOKEN = 2
"""Fewer than English or code needs (3 to 4): an estimate that errs on the safe side."""
FULL = 0.8
"""Share of the window, less the answer, at which a conversation is cut."""
OVERHEAD = 64
"""Tokens a message may cost beyond its bytes: role marks and chat template."""
SHORT = 32
"""Hex digits of a request's hash: 128 bits, since it stands twice in every step on record."""
LONGEST_RESULT = 24_000
"""Characters of a tool result that an agent is shown; the rest is a handle."""


class Policy(StrEnum):
    """What happens to a conversation that fills its window."""

    KEEP = "keep"
    HIDE = "hide-tool-results"
    SHARD = "shard"


@dataclass(slots=True)
class Context:
    """Owned by the agent whose conversation it is. `opening` never changes; `turns` grow."""

    frame: Request
    """The request without what was said since: opening messages, tools, schema, answer limit."""
    model: str
    """Its id: part of every request's hash."""
    window: int
    """Tokens, prompt and answer together."""
    turns: list[Message] = field(default_factory=list[Message])
    hidden: int = 0
    """Turns before this index show handles where tools answered."""
    notes: str = ""
    """What the agent wrote down before its conversation was begun afresh."""
    _frame: str = ""
    _links: list[str] = field(default_factory=list[str])
    """Hash of everything up to and with each turn, so that a step hashes only what is new."""
    _bound: int = 0
    _counted: int = 0
    """Input tokens of the newest request that the provider counted."""
    _since: int = 0
    """Most tokens that came after it: its bytes, and an overhead a message."""
    _billed: bool = False
    """The count is the provider's own, and not an estimate."""

    def __post_init__(self) -> None:
        self._frame = digest([self.frame, self.model])[:SHORT]
        self._bound = bound_of(self.frame.messages) + _frame_bound(self.frame)
        self._since = self._bound

    @property
    def request(self) -> Request:
        """What is asked next."""
        frame = self.frame
        messages = (*frame.messages, *self.turns)
        return Request(messages, frame.head, frame.tools, frame.schema, frame.max_output, frame.thinking)

    @property
    def fingerprint(self) -> str:
        """Hash of the next request, all its parts: the key under which its answer is on record."""
        return self._links[-1] if self._links else self._frame

    @property
    def bound(self) -> int:
        """Most input tokens the next request can be: no token is shorter than a byte (no tokenizer needed).

        What the provider has counted and billed of it before is known better than by its bytes.
        """
        return min(self._bound, self._counted + self._since) if self._billed else self._bound

    @property
    def estimate(self) -> int:
        """Input tokens of the next request, as far as is known."""
        return self._counted + -(-self._since // BYTES_PER_TOKEN)

    @property
    def full(self) -> bool:
        """Whether the next request, with its answer, comes near the window."""
        return self.estimate > FULL * (self.window - self.frame.max_output)

    @property
    def overflows(self) -> bool:
        """Whether it would pass the window."""
        return self.estimate + self.frame.max_output > self.window

    def add(self, *messages: Message) -> None:
        """Append turns."""
        for message in messages:
            self._append(message)

    def counted(self, usage: Usage) -> None:
        """The provider's own count of the newest request; its answer is the next turn's."""
        self._counted = usage.input + usage.cached + usage.cache_write
        self._since = 0
        self._billed = usage.certainty is Certainty.REPORTED

    def hide(self) -> int:
        """Show handles in place of all tool results but the newest round; how many turns are now behind the cut."""
        newest = max((at for at, turn in enumerate(self.turns) if turn.calls), default=0)
        kept = self.turns
        self.hidden = max(self.hidden, newest)
        self._begin_again()
        for at, turn in enumerate(kept):
            self._append(_handle(turn, kept) if at < self.hidden and turn.role == "tool" else turn)
        return self.hidden

    def start_afresh(self, notes: str) -> None:
        """Drop the turns; the opening is followed by the agent's own notes."""
        self.notes = notes
        self._begin_again()
        self._append(Message("user", notes))

    def _begin_again(self) -> None:
        self.turns, self._links = [], []
        self._bound = bound_of(self.frame.messages) + _frame_bound(self.frame)
        self._counted, self._since, self._billed = 0, self._bound, False

    def _append(self, message: Message) -> None:
        size = bound_of((message,))
        self._bound += size
        self._since += size
        link = hashlib.sha256(self.fingerprint.encode() + canonical(message))
        self._links.append(link.hexdigest()[:SHORT])
        self.turns.append(message)


def bound_of(messages: Sequence[Message]) -> int:
    """Most tokens these messages can be."""
    return sum(
        _bytes(message.text, message.reasoning, message.call_id)
        + sum(_bytes(call.id, call.name, call.arguments) + OVERHEAD for call in message.calls)
        + OVERHEAD
        for message in messages
    )


def shortened(text: str, *, handle: str) -> str:
    """A tool result as an agent sees it: whole, or its beginning and a handle on the rest."""
    if len(text) <= LONGEST_RESULT:
        return text
    return (
        f"{text[:LONGEST_RESULT]}\n[{len(text) - LONGEST_RESULT:,} of {len(text):,} characters left out; "
        f"the whole is kept as {handle}. Ask for a smaller part]"
    )


def _frame_bound(frame: Request) -> int:
    schema = len(canonical(to_json_schema(frame.schema))) if frame.schema is not None else 0
    return schema + sum(_tool_bound(spec) for spec in frame.tools) + OVERHEAD


def _tool_bound(spec: ToolSpec) -> int:
    return _bytes(spec.name, spec.purpose) + len(canonical(to_json_schema(spec.arguments))) + 2 * OVERHEAD


def _handle(turn: Message, turns: Sequence[Message]) -> Message:
    """What stands in the place of an older tool result."""
    call = next((call for each in turns for call in each.calls if call.id == turn.call_id), None)
    what = f"{call.name}({call.arguments})" if call is not None else "a tool"
    return replace(
        turn, text=f"[result of {what}, {len(turn.text):,} characters, no longer shown; call again to see it]"
    )


def _bytes(*texts: str) -> int:
    return sum(len(text) if text.isascii() else len(text.encode()) for text in texts)


def input_bound(request: Request) -> int:
    """Most input tokens a request can be."""
    return bound_of(request.messages) + _frame_bound(request)
