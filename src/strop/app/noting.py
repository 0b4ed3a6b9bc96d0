"""What is noted of a run that has ended: its row in the index, its model's pace, and what run.json says beyond it."""

from __future__ import annotations

from statistics import quantiles

from strop.app.nearness import Sense
from strop.app.orders import Cast, Options, Order
from strop.app.project import Project
from strop.loop.cycle import Turn
from strop.renderers.story import Comparison
from strop.stores.project import PaceRow, RunRow
from strop.swarm.endpoints.pool import Pool


def more_of(
    cast: Cast, order: Order, options: Options, *, compared: Comparison | None, sense: Sense | None
) -> dict[str, object]:
    """Further keys of run.json."""
    roles = {"worker": cast.worker, "planner": cast.planner, "verifier": cast.verifier, "reserve": cast.reserve}
    again = compared and {"run": order.again, "heads": compared.heads, "rows": compared.rows}
    return {
        "endpoints": {role: model.stats() for role, model in roles.items() if isinstance(model, Pool)},
        "embedder": sense.told if sense is not None else {"failed": cast.unembedded} if cast.unembedded else None,
        "chaos": options.chaos,
        "solo": order.solo,
        "again": again,
    }


def note_run(project: Project, order: Order, turn: Turn) -> None:
    """Put the run into the index of runs."""
    run, spent = turn.run, turn.run.tally
    units = len({unit.key for task in run.plan.tasks for unit in task.units}) or len(run.plan.tasks)
    row = RunRow(
        run.id,
        order.spec.fingerprint,
        order.path,
        run.plan.guidance.skill,
        turn.outcome,
        units,
        spent.calls,
        spent.nanos,
        spent.seconds,
    )
    project.db.note_run(row)


def note_pace(project: Project, run: str, model: str, answers: list[tuple[float, int]]) -> None:
    """Remember how long the worker's calls took (seconds) and how long its answers were (tokens)."""
    if len(answers) < 2:
        return
    seconds = quantiles([taken for taken, _ in answers], n=10, method="inclusive")
    output = sorted(written for _, written in answers)[len(answers) // 2]
    project.db.note_pace(PaceRow(run, model, len(answers), seconds[4], seconds[8], output))
