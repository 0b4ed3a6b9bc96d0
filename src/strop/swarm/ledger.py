"""What has been spent, what is reserved, what is left. Pure: it folds the journal's facts.

A call is held at its worst case from before it is journaled until it is settled, so booked plus
reserved never passes a cap, however many agents race. A call of unknown outcome stays booked at its
worst case. What was in flight when a process died counts as lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from strop.swarm.figures import Steps
from strop.types.events import (
    Body,
    BudgetRaised,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    PlanExtended,
    PlanProposed,
    RunOpened,
    RunReopened,
    ToolEnded,
)
from strop.types.money import Certainty, Usage, dollars
from strop.types.trial import Tally
from strop.types.work import TaskId

CallKey = tuple[TaskId, int, int, int]
"""task, attempt, step, try."""


@dataclass(slots=True)
class Ledger:
    """Owned by the supervisor's one task. Nano-dollars, tokens, steps."""

    nanos_cap: int = 0
    tokens_cap: int = 0
    steps_cap: int = 0
    nanos: int = 0
    """Settled and lost."""
    tokens: int = 0
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    retries: int = 0
    lost: int = 0
    lost_nanos: int = 0
    twice: int = 0
    tools: int = 0
    critical_cap: int = 0
    input_cap: int = 0
    """Tokens read, cached ones included; 0 is no cap of its own."""
    output_cap: int = 0
    steps_by_task: dict[TaskId, int] = field(default_factory=dict[TaskId, int])
    tokens_by_task: dict[TaskId, int] = field(default_factory=dict[TaskId, int])
    nanos_by_task: dict[TaskId, int] = field(default_factory=dict[TaskId, int])
    seconds_by_task: dict[TaskId, float] = field(default_factory=dict[TaskId, float])
    """Time in answered calls."""
    hedges: int = 0
    hedges_won: int = 0
    hedge_nanos: int = 0
    """Worst cases of all hedges: no less than what they cost beyond the calls that they stood beside."""
    outrun_nanos: int = 0
    gate_nanos: int = 0
    gate_steps: int = 0
    """Set aside from the start: the plan's own tasks may not touch it, the verifier's may."""
    _stages: Steps = field(default_factory=Steps)
    """What is critical; who is not planned in it works for the gate or the planner."""
    _held: dict[CallKey, CallIntended] = field(default_factory=dict[CallKey, CallIntended])
    _held_nanos: int = 0
    _held_tokens: int = 0
    _held_output: int = 0
    _lost_input: int = 0
    """Tokens of calls of unknown outcome, at their worst."""
    _lost_output: int = 0

    @property
    def reserved(self) -> int:
        """Nano-dollars held for calls in flight."""
        return self._held_nanos

    @property
    def in_flight(self) -> int:
        return len(self._held)

    def refusal(self, intent: CallIntended) -> str:
        """Why this call does not fit under the caps; empty when it does."""
        keeps = intent.hedge or self._stages.planned(intent.task)
        nanos_kept, steps_kept = (self.gate_nanos, self.gate_steps) if keeps else (0, 0)
        if self.steps + len(self._held) + 1 > self.steps_cap - steps_kept:
            return f"{self.steps:,} of {self.steps_cap:,} steps used" + _kept(f"{steps_kept:,}", steps_kept)
        if self.tokens + self._held_tokens + intent.tokens > self.tokens_cap:
            return (
                f"{self.tokens:,} of {self.tokens_cap:,} tokens used, {self._held_tokens:,} reserved, "
                f"the next call may need {intent.tokens:,}"
            )
        if said := self._too_many_of_a_class(intent):
            return said
        if self._stages.critical >= self.critical_cap and self._lengthens(intent.task):
            return f"{self._stages.critical:,} of {self.critical_cap:,} critical steps used"
        if self.nanos + self._held_nanos + intent.nanos > self.nanos_cap - nanos_kept:
            return (
                f"{dollars(self.nanos)} of {dollars(self.nanos_cap)} spent, {dollars(self._held_nanos)} reserved, "
                f"the next call may cost {dollars(intent.nanos)}" + _kept(dollars(nanos_kept), nanos_kept)
            )
        return ""

    def _too_many_of_a_class(self, intent: CallIntended) -> str:
        """Caps on tokens read and written, where the budget names them; the reserve counts on the fuller side."""
        read = self.usage.input + self.usage.cached + self.usage.cache_write + self._lost_input
        reading, held = intent.tokens - intent.output, self._held_tokens - self._held_output
        if self.input_cap and read + held + reading > self.input_cap:
            return f"{read:,} of {self.input_cap:,} input tokens used, the next call may need {reading:,}"
        used = self.usage.output + self._lost_output
        if self.output_cap and used + self._held_output + intent.output > self.output_cap:
            return f"{used:,} of {self.output_cap:,} output tokens used, the next call may need {intent.output:,}"
        return ""

    def _lengthens(self, task: TaskId) -> bool:
        """Whether one more step of this task is a critical one; the gate's and the planner's are let through."""
        return self._stages.planned(task) and self._stages.lengthens(task)

    def hold(self, intent: CallIntended) -> None:
        """Reserve before the fact is committed; the fact itself then changes nothing."""
        key = _key(intent)
        if key not in self._held:
            self._held[key] = intent
            self._held_nanos += intent.nanos
            self._held_tokens += intent.tokens
            self._held_output += intent.output
            if intent.hedge:  # here, or several that are committed together would each be the one that is still allowed
                self.hedges += 1
                self.hedge_nanos += intent.nanos

    def release(self, intent: CallIntended) -> None:
        """Give back a hold whose fact could not be committed."""
        if self._drop(_key(intent)) is not None and intent.hedge:
            self.hedges -= 1
            self.hedge_nanos -= intent.nanos

    def apply(self, body: Body) -> None:
        match body:
            case RunOpened(budget=budget):
                self.nanos_cap, self.tokens_cap, self.steps_cap = budget.nanos, budget.tokens, budget.steps
                self.critical_cap = budget.critical_steps
                self.input_cap, self.output_cap = budget.input_tokens, budget.output_tokens
            case PlanProposed(plan):
                self.gate_nanos, self.gate_steps = plan.quote.gate_nanos, plan.quote.gate_steps
                self._stages.extend(plan.tasks)
            case PlanExtended(tasks):
                self._stages.extend(tasks)
            case BudgetRaised():
                self.nanos_cap, self.tokens_cap, self.steps_cap = body.nanos, body.tokens, body.steps
                self.critical_cap = body.critical_steps or self.critical_cap
                self.input_cap = body.input_tokens or self.input_cap
                self.output_cap = body.output_tokens or self.output_cap
            case CallIntended():
                self.hold(body)
                self._stages.ask(body)
                self.calls += 1
                self.retries += body.tries > 1 and not body.hedge
            case CallAnswered():
                self._settle(body)
            case CallFailed():
                self._drop(_key(body))
                self._stages.drop(body)
            case CallLost():
                self._lose(_key(body), body.nanos, body.tokens, body.usage)
                self.outrun_nanos += body.nanos if body.outrun else 0
                self._stages.drop(body)
            case ToolEnded():
                self.tools += 1
            case RunReopened():
                self._stages.reopen()
                for key, intent in list(self._held.items()):
                    self._lose(key, intent.nanos, intent.tokens)
            case _:
                pass

    def tally(self, *, seconds: float) -> Tally:
        return Tally(
            usage=self.usage,
            nanos=self.nanos,
            steps=self.steps,
            calls=self.calls,
            retries=self.retries,
            lost=self.lost,
            lost_nanos=self.lost_nanos,
            twice=self.twice,
            hedges=self.hedges,
            hedges_won=self.hedges_won,
            outrun_nanos=self.outrun_nanos,
            tools=self.tools,
            critical_steps=self._stages.critical,
            seconds=seconds,
        )

    def _settle(self, answered: CallAnswered) -> None:
        intent = self._drop(_key(answered))
        self.hedges_won += intent is not None and intent.hedge
        self.nanos += answered.nanos
        self.tokens += answered.usage.total
        self.usage += answered.usage
        self.steps += 1
        self.twice += answered.sequel
        task = answered.task
        self._stages.answer(answered)
        self.steps_by_task[task] = self.steps_by_task.get(task, 0) + 1
        self.nanos_by_task[task] = self.nanos_by_task.get(task, 0) + answered.nanos
        self.tokens_by_task[task] = self.tokens_by_task.get(task, 0) + answered.usage.total
        self.seconds_by_task[task] = self.seconds_by_task.get(task, 0.0) + answered.seconds

    def _lose(self, key: CallKey, nanos: int, tokens: int, usage: Usage | None = None) -> None:
        intent = self._drop(key)
        self.nanos += nanos
        self.tokens += tokens
        self.lost += 1
        self.lost_nanos += nanos
        if usage is not None:
            self.usage += usage
            return
        if intent is not None:
            self._lost_output += intent.output
            self._lost_input += intent.tokens - intent.output
        if nanos:
            self.usage += Usage(certainty=Certainty.ASSUMED_WORST)

    def _drop(self, key: CallKey) -> CallIntended | None:
        intent = self._held.pop(key, None)
        if intent is not None:
            self._held_nanos -= intent.nanos
            self._held_tokens -= intent.tokens
            self._held_output -= intent.output
        return intent


def _kept(words: str, amount: int) -> str:
    return f", {words} kept for the gate" if amount else ""


def _key(body: CallIntended | CallAnswered | CallFailed | CallLost) -> CallKey:
    return body.task, body.attempt, body.step, body.tries
