"""The journal's vocabulary: one frozen body a kind, inside one envelope.

Facts only, past tense, complete: time, jitter and choices are fields, so that folding them again
never decides anything anew. `VERSIONS` names the current version of each kind; an older body goes
through its upcaster, an unknown kind makes the journal read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import orjson

from strop.errors import JournalFault
from strop.types.money import Usage
from strop.types.schema import Json
from strop.types.trial import Deliverable, Outcome, Result, Verdict
from strop.types.work import Budget, Plan, Task, TaskId

if TYPE_CHECKING:
    from pydantic import TypeAdapter


RESCUE = "tried and fell short"
"""Why a plan is extended: units on which an item was tried are read again as the others were."""


@dataclass(frozen=True, slots=True)
class RunOpened:
    run: str
    spec: str
    """Fingerprint of the spec."""
    version: str
    """strop's version."""
    budget: Budget
    """Caps that hold from the first call on, the planner's included."""
    path: str = ""
    """The spec file, project-relative."""
    named: tuple[tuple[str, str], ...] = ()
    """(role, model) as the command line named them: who works on until a plan binds the roles."""
    manner: tuple[str, ...] = ()
    """`trial`, `bare`, `solo`, `chaos`: why this run teaches nothing, also when it is taken up again."""


@dataclass(frozen=True, slots=True)
class PlanProposed:
    plan: Plan


@dataclass(frozen=True, slots=True)
class PlanApproved:
    plan: str
    """Fingerprint."""
    by: str
    """`user`, `--yes`, `simulator`."""


@dataclass(frozen=True, slots=True)
class PlanExtended:
    """More tasks, for what was found or for units on which something was tried; only adds."""

    tasks: tuple[Task, ...]
    reason: str
    """`RESCUE`, or what the tasks repair."""


@dataclass(frozen=True, slots=True)
class BudgetRaised:
    """A person approved a higher cap on resume."""

    nanos: int
    steps: int
    tokens: int
    minutes: float
    critical_steps: int = 0
    """0 leaves the cap as it is; of the next two likewise."""
    input_tokens: int = 0
    output_tokens: int = 0
    agents: int = 0
    """0 leaves it, as above; of `agents_total` likewise."""
    agents_total: int = 0

    @classmethod
    def to(cls, caps: Budget) -> BudgetRaised:
        """Every cap as it is from here on."""
        return cls(**{each.name: getattr(caps, each.name) for each in fields(cls)})

    def over(self, caps: Budget) -> Budget:
        """The caps that hold after this."""
        return replace(caps, **{each.name: said for each in fields(self) if (said := getattr(self, each.name))})


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    task: TaskId
    attempt: int
    model: str
    """The role that works on it: `worker`, or `reserve` where one stands by for the last attempt."""


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    task: TaskId
    attempt: int
    result: Result
    retry_at: float | None = None
    """When the next attempt may start (run clock, seconds); None means none."""


@dataclass(frozen=True, slots=True)
class CallIntended:
    """Journaled before money can flow; carries its reservation."""

    task: TaskId
    attempt: int
    step: int
    tries: int
    request: str
    """Hash of the request, all parts."""
    work_key: str
    """Stands in the first step of a conversation."""
    nanos: int
    """Worst case, reserved."""
    tokens: int
    """Worst case, reserved: read and written."""
    output: int = 0
    """Of these, written."""
    hedge: bool = False
    """A second asking beside one that is late and still open."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: str
    """JSON as the model wrote it."""


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A stream that ended well: the answer exists from here on. Settles its reservation."""

    task: TaskId
    attempt: int
    step: int
    tries: int
    request: str
    text: str
    calls: tuple[ToolCall, ...]
    reasoning: str
    finish: str
    usage: Usage
    nanos: int
    seconds: float
    sequel: bool = False
    """Asked again after the first asking was lost: paid twice."""


@dataclass(frozen=True, slots=True)
class CallFailed:
    """No answer, and the provider did not bill: the reservation is given back."""

    task: TaskId
    attempt: int
    step: int
    tries: int
    failure: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CallLost:
    """No answer and the outcome is unknown: booked at its worst case."""

    task: TaskId
    attempt: int
    step: int
    tries: int
    failure: str
    nanos: int
    tokens: int
    outrun: bool = False
    """The other of two calls for the same step answered first, and this one was cut off."""
    usage: Usage | None = None
    """Where it answered all the same, too late to be used: then the outcome is known, and booked is what it cost."""


@dataclass(frozen=True, slots=True)
class ToolEnded:
    task: TaskId
    attempt: int
    step: int
    call: ToolCall
    """Without its arguments where an answer made it: they stand there. The harness's own calls have theirs."""
    output: str
    """As the agent saw it: a long one is cut, its whole is a blob."""
    failed: bool
    origins: tuple[str, ...] = ()
    """What it read: part of the result's label."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """A conversation was cut to fit its window: from this step on these tool turns are shown as handles."""

    task: TaskId
    attempt: int
    step: int
    """The step whose request is the first to be cut."""
    policy: str
    """`hide-tool-results` or `shard`."""
    hidden: int
    """Messages before this index (the opening's included) are cut."""
    tokens: int
    """Estimated tokens of the request before the cut."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A person must decide before the task goes on; the run goes on without it."""

    question: str
    """Hash of run, task, attempt, kind and text: an answer is bound to what was shown."""
    task: TaskId
    attempt: int
    kind: str
    """`outlier`: the agent costs far more than its siblings."""
    text: str
    """For the user, whole."""
    options: tuple[str, ...]
    """The first is the one that goes on."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A person's answer, used once."""

    question: str
    answer: str
    """One of the options."""
    by: str


@dataclass(frozen=True, slots=True)
class StopRequested:
    reason: str
    """`interrupted`, `minutes`, `usd`, `steps`, `tokens`, `quota`."""
    said: str = ""
    """The whole message for the user."""


@dataclass(frozen=True, slots=True)
class FileDelivered:
    deliverable: Deliverable


@dataclass(frozen=True, slots=True)
class VerdictGiven:
    verdict: Verdict
    round: int


@dataclass(frozen=True, slots=True)
class ManifestPinned:
    manifest: str


@dataclass(frozen=True, slots=True)
class ManifestCommitted:
    manifest: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunReopened:
    """A process took the run up again; calls in flight before it are lost."""

    seconds: float
    """Run clock at the moment of the last event before."""


@dataclass(frozen=True, slots=True)
class RunClosed:
    outcome: Outcome
    seconds: float


T = TypeVar("T")

Body: TypeAlias = (
    RunOpened | PlanProposed | PlanApproved | PlanExtended | BudgetRaised
    | AttemptStarted | AttemptEnded
    | CallIntended | CallAnswered | CallFailed | CallLost
    | ToolEnded | Compacted
    | Asked | Answered
    | StopRequested | FileDelivered | VerdictGiven
    | ManifestPinned | ManifestCommitted
    | RunReopened | RunClosed
)  # fmt: skip

KINDS: dict[str, type[Body]] = {
    kind.__name__: kind
    for kind in (
        RunOpened,
        PlanProposed,
        PlanApproved,
        PlanExtended,
        BudgetRaised,
        AttemptStarted,
        AttemptEnded,
        CallIntended,
        CallAnswered,
        CallFailed,
        CallLost,
        ToolEnded,
        Compacted,
        Asked,
        Answered,
        StopRequested,
        FileDelivered,
        VerdictGiven,
        ManifestPinned,
        ManifestCommitted,
        RunReopened,
        RunClosed,
    )
}
VERSIONS: dict[str, int] = dict.fromkeys(KINDS, 1)
Upcaster: TypeAlias = Callable[[dict[str, Json]], dict[str, Json]]
UPCASTERS: dict[tuple[str, int], Upcaster] = {}
"""(kind, version) -> the body one version up. Pure functions."""


@dataclass(frozen=True, slots=True)
class Event:
    """The envelope: which run, its place in the order, who wrote it, when (run clock, seconds)."""

    run: str
    seq: int
    epoch: int
    at: float
    body: Body

    @property
    def kind(self) -> str:
        return type(self.body).__name__


def encode(body: Body) -> bytes:
    """A body as JSON bytes; a field that holds its default is left out, and comes back by itself.

    Raises:
        JournalFault: it holds what JSON bytes cannot: half a surrogate pair, an integer over 64 bits.
    """
    said = _sparse(body)
    if isinstance(body, CallAnswered):
        said["usage"] = _sparse(body.usage)
    try:
        return orjson.dumps(said)
    except TypeError as caught:
        whose = f" of {task}" if (task := getattr(body, "task", "")) else ""
        raise JournalFault(
            f"{type(body).__name__}{whose} cannot be put on record ({caught}); nothing of it was written. "
            "Report it: what comes from outside must be mended where it comes in"
        ) from caught


def _sparse(value: Body | Usage) -> dict[str, object]:
    return {name: said for name, default in _fields(type(value)) if (said := getattr(value, name)) != default}


@cache
def _fields(kind: type[Body | Usage]) -> tuple[tuple[str, object], ...]:
    """(name, default) of every field; a field without a default has one that nothing equals."""
    return tuple((each.name, object() if each.default is MISSING else each.default) for each in fields(kind))


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # 0.1 s to import: paid by readers only

    return TypeAdapter(kind)


def decode(
    kind: str,
    version: int,
    body: bytes,
    *,
    versions: Mapping[str, int] = VERSIONS,
    upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
) -> Body:
    """The body back from its bytes, brought up to the current version.

    Raises:
        JournalFault: a kind or version that this strop does not know, or a body that does not fit.
    """
    known = KINDS.get(kind)
    if known is None or version > versions[kind]:
        raise JournalFault(f"event {kind} v{version} was written by a newer strop; upgrade to open this run")
    try:
        if version < versions[kind]:
            raw = orjson.loads(body)
            for step in range(version, versions[kind]):
                raw = upcasters[kind, step](raw)
            return _adapter(known).validate_python(raw)
        return _adapter(known).validate_json(body)
    except KeyError as caught:
        raise JournalFault(
            f"event {kind} v{version} is from an older strop that this one cannot bring up to date; "
            "what it delivered stands under files/"
        ) from caught
    except ValueError as caught:
        raise JournalFault(f"event {kind} cannot be read: {caught}") from caught


def revive(kind: type[T], body: bytes) -> T:
    """Any of our frozen types back from JSON bytes (plan.json, skills, blobs).

    Raises:
        ValueError: the bytes do not hold one.
    """
    return _adapter(kind).validate_json(body)
