"""What is noted of a run that has ended: its row in the index, its model's pace, and what run.json says beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from strop.app.nearness import Sense
from strop.app.orders import Cast, Options, Order
from strop.app.project import Project
from strop.learning.experiments import RESCUED
from strop.loop.cycle import Turn
from strop.renderers.story import Comparison
from strop.stores.project import PaceRow, RunRow
from strop.swarm.endpoints.pool import Pool
from strop.swarm.spending import Spending
from strop.types.count import counted
from strop.types.money import Price, cost, dollars
from strop.types.trial import Run


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


@dataclass(frozen=True, slots=True)
class Tried:
    """What a wave was to learn about, and what that cost beside the work itself."""

    items: tuple[str, ...]
    units: int
    again: int
    """Units that were read again for the user's files."""
    nanos: int
    """Nano-dollars, of worker's calls."""
    at_most: int
    """As quoted, under learning's own cap."""

    @property
    def line(self) -> str:
        """For people."""
        cost = f" for {dollars(self.nanos)}, at most {dollars(self.at_most)} was quoted" if self.at_most else ""
        again = f"{self.again} of them read again{cost}" if self.again else "none of them had to be read again"
        return f"Tried on {counted(self.units, 'unit')}: {', '.join(self.items)}; {again}."


def tried_of(run: Run, spending: Spending) -> Tried | None:
    """What a run tried; None where its plan tries nothing."""
    variants = run.plan.variants
    if not variants:
        return None
    again = {task.partition("/")[2] for task in run.extended if task.startswith(RESCUED)}
    worker = run.plan.binding("worker")
    price = worker.price if worker is not None else Price()
    nanos = sum(cost(each.usage, price) for task, each in spending.by_task.items() if task.startswith(RESCUED))
    units = sum(len(variant.pairs) for variant in variants)
    names = tuple(variant.name for variant in variants)
    return Tried(names, units, len(again), nanos, run.plan.quote.learning_nanos)


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


def note_pace(project: Project, run: str, model: str, answers: Sequence[tuple[float, int]]) -> None:
    """Remember how long the worker's calls took (seconds) and how long its answers were (tokens)."""
    if len(answers) < 2:
        return
    seconds = quantiles([taken for taken, _ in answers], n=10, method="inclusive")
    output = sorted(written for _, written in answers)[len(answers) // 2]
    project.db.note_pace(PaceRow(run, model, len(answers), seconds[4], seconds[8], output))
