"""What the project's index keeps of a run that has ended: its row, and how fast its model was."""

from __future__ import annotations

from statistics import quantiles

from strop.app.orders import Order
from strop.app.project import Project
from strop.loop.cycle import Turn
from strop.stores.project import PaceRow, RunRow


def note_run(project: Project, order: Order, turn: Turn) -> None:
    """Put a run into the index."""
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
