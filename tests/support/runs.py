"""A run as data, with a plan that was quoted at nothing."""

from __future__ import annotations

from strop.types.trial import Result, Run, Tally
from strop.types.work import Plan, Quote, Range, RunId, Spec, Task

NONE = Range(0, 0, 0)


def run_of(
    spec: Spec,
    *tasks: Task,
    id: str = "01RUN",
    results: tuple[Result, ...] = (),
    tally: Tally | None = None,
    prompts: tuple[tuple[str, str], ...] = (),
) -> Run:
    """The run of a spec over these tasks."""
    quote = Quote(1, 1, 1, 1, NONE, NONE, NONE, "", ())
    plan = Plan(spec.title, spec, "", tasks, (), (), quote, prompts=prompts)
    return Run(RunId(id), plan, results, tally or Tally())
