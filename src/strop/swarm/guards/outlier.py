"""Whether an agent costs far more than its siblings. Pure.

Siblings are the tasks of one role. The measure is money, or tokens where the model is free. An agent that
passes `factor` times the median of those that have landed is paused and a person is asked.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

from strop.types.money import dollars
from strop.types.work import Task

FACTOR = 5.0
LEAST = 5
"""Siblings that must have landed before their median means anything."""
FLOOR = 20_000
"""Tokens below which no agent is worth a question."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one task has used."""

    nanos: int
    tokens: int


@dataclass(slots=True)
class Siblings:
    """Costs of landed tasks by role, sorted. Owned by the supervisor."""

    factor: float = FACTOR
    """0 asks nobody."""
    _nanos: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    _tokens: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def landed(self, task: Task, cost: Cost) -> None:
        """A task of this role has landed at this cost."""
        role = _kin(task)
        bisect.insort(self._nanos.setdefault(role, []), cost.nanos)
        bisect.insort(self._tokens.setdefault(role, []), cost.tokens)

    def outlier(self, task: Task, cost: Cost) -> str:
        """What to tell a person about this agent; empty where it costs what its siblings do."""
        tokens = self._tokens.get(_kin(task), [])
        if not self.factor or len(tokens) < LEAST or cost.tokens < FLOOR:
            return ""
        nanos = self._nanos[_kin(task)]
        median, spent = (nanos[len(nanos) // 2], cost.nanos) if nanos[-1] else (tokens[len(tokens) // 2], cost.tokens)
        if spent <= self.factor * max(median, 1):
            return ""
        said = f"{dollars(spent)} against {dollars(median)}" if nanos[-1] else f"{spent:,} tokens against {median:,}"
        return (
            f"{task.id} has cost {spent / max(median, 1):.1f} times the median of its {len(tokens)} siblings "
            f"that landed ({said}; the limit is {self.factor:g} times)"
        )


def _kin(task: Task) -> str:
    return f"{task.kind} {task.role}"
