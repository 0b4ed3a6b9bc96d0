"""What each task of a run has used so far, and what a run that ended leaves for later quotes.

Pure: a fold over the journal beside the ledger's, by task and with the clock, which the ledger does not
read. Calls outside the plan (planner, refuting model) are tasks here like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from strop.drafting.forecast import stretch_of
from strop.drafting.makespan import makespan
from strop.drafting.quoting import (
    Grounds,
    expected_calls,
    gate_like,
    input_tokens,
    like_of,
    load_of,
    planning_like,
)
from strop.types.events import (
    AttemptEnded,
    AttemptStarted,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallLost,
    Event,
)
from strop.types.money import Usage
from strop.types.past import REPAIR, Like, PastRun, Sample
from strop.types.work import Plan, Task, TaskId, TaskKind

SAMPLES_A_RUN = 100
"""Samples of like tasks that one run leaves: more, and one large run would push all others out."""
REFUTE = "refute/"
"""How the gate names the refuting model's tasks."""
EMBED = "embed"
"""The task under which an embedder's calls stand on record: no planner's, and no sample of one."""


@dataclass(slots=True)
class Spent:
    """One task: tokens, nano-dollars and seconds of all its attempts."""

    began: float
    """Run clock, seconds."""
    ended: float
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    lost: int = 0
    """Nano-dollars of calls of unknown outcome, as booked."""
    calling: float = 0.0
    """Seconds in calls that were answered or failed."""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(slots=True)
class Spending:
    """The fold. Owned by whoever feeds it; facts come in journal order."""

    by_task: dict[TaskId, Spent] = field(default_factory=dict[TaskId, Spent])

    def apply(self, event: Event) -> None:
        """Fold one committed fact."""
        body, at = event.body, event.at
        if not isinstance(body, CallIntended | CallAnswered | AttemptStarted | AttemptEnded | CallFailed | CallLost):
            return
        spent = self.by_task.get(body.task)
        if spent is None:
            spent = self.by_task[body.task] = Spent(at, at)
        spent.ended = at
        match body:
            case CallAnswered():
                spent.steps += 1
                spent.usage += body.usage
                spent.calling += body.seconds
            case CallFailed():
                spent.calling += body.seconds
            case CallLost():
                spent.lost += body.nanos
            case _:
                pass


def past_run(
    run: str, *, plan: Plan, repairs: Sequence[Task], spending: Spending, seconds: float, grounds: Grounds
) -> PastRun:
    """What a run that came to its end leaves; its tasks count whether they landed or failed.

    `seconds` is the run clock at the end; `grounds` are those that the plan was quoted on.
    """
    spent = spending.by_task
    own = {task.id for task in (*plan.tasks, *repairs)}
    hearings = [each for name, each in spent.items() if name.startswith(REFUTE)]
    asked = {name for name in spent if name not in own and name != EMBED and not name.startswith(REFUTE)}
    planning = [spent[name] for name in spent if name in asked]
    load = load_of(plan.spec, tasks=plan.tasks, grounds=grounds)
    calls = expected_calls(plan.spec, tasks=plan.tasks)
    after = makespan([each.seconds for each in hearings], agents=load.calls_at_once)
    after += makespan([spent[task.id].seconds for task in repairs if task.id in spent], agents=load.agents)
    samples = [
        *_samples(plan.tasks, spent, grounds),
        *_samples(repairs, spent, grounds, kind=REPAIR),
    ]
    planner, verifier = grounds.binding("planner"), grounds.binding("verifier")
    if planner is not None and planning:
        samples.append(_whole(planning, planning_like(planner, splits=asked != {"distill"})))
    if verifier is not None:
        samples += [_whole([each], gate_like(verifier)) for each in hearings]
    return PastRun(
        run,
        thinned(samples),
        gate=len(hearings) / calls if calls and verifier is not None else 1.0,
        repairs=len(repairs) / max(load.units, 1),
        stretch=stretch_of(
            seconds,
            load=load,
            lasted=[spent[task.id].seconds if task.id in spent else 0.0 for task in plan.tasks],
            before=sum(each.seconds for each in planning),
            after=after,
        ),
    )


def thinned(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """At most `SAMPLES_A_RUN` of a likeness: those at even places by tokens, so that their spread stays."""
    held: dict[Like, list[Sample]] = {}
    for sample in samples:
        held.setdefault(sample.like, []).append(sample)
    return tuple(sample for each in held.values() for sample in _even(each))


def _even(samples: Sequence[Sample]) -> Sequence[Sample]:
    if len(samples) <= SAMPLES_A_RUN:
        return samples
    ordered = sorted(range(len(samples)), key=lambda at: (samples[at].usage.total, samples[at].seconds))
    taken = [ordered[(2 * place + 1) * len(ordered) // (2 * SAMPLES_A_RUN)] for place in range(SAMPLES_A_RUN)]
    return [samples[at] for at in sorted(taken)]  # in the run's own order: whoever drops some later drops no extreme


def _samples(tasks: Sequence[Task], spent: dict[TaskId, Spent], grounds: Grounds, *, kind: str = "") -> list[Sample]:
    begun = [task for task in tasks if task.id in spent]
    inputs = input_tokens(begun, grounds=grounds)
    return [_sample(task, spent[task.id], asked, grounds, kind) for task, asked in zip(begun, inputs, strict=True)]


def _sample(task: Task, spent: Spent, asked: int, grounds: Grounds, kind: str) -> Sample:
    like = like_of(task, model=grounds.worker.model)
    return Sample(
        Like(like.model, like.prompt, kind, like.tools) if kind else like,
        spent.steps,
        spent.usage,
        spent.lost,
        spent.calling,
        spent.seconds,
        units=max(1, len(task.units)),
        expected=max(1, asked) if task.kind is TaskKind.READ else 1,
    )


def _whole(parts: Sequence[Spent], like: Like) -> Sample:
    """Several tasks of one role as one sample."""
    return Sample(
        like,
        sum(each.steps for each in parts),
        sum((each.usage for each in parts), Usage()),
        sum(each.lost for each in parts),
        sum(each.calling for each in parts),
        sum(each.seconds for each in parts),
    )
