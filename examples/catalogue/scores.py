"""The demo's figures, from run records and gold: shares with n and 95 % intervals, tokens, money, time.

Gold is what the page says (the documented value), made without looking at the data; so a value that the
gate corrected by the data counts as right only where page and data agree.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import baseline

from strop.app import Ended, Project
from strop.config import price_of
from strop.types.content import Scalar, Standing
from strop.types.money import cost, dollars

FIELDS = ("name", "rows", "columns", "first", "last")
RESAMPLES = 2_000
Gold = Mapping[str, Mapping[str, Scalar]]


@dataclass(frozen=True, slots=True)
class Share:
    """`right` of `n`, with its Wilson 95 % interval."""

    right: int
    n: int

    @property
    def share(self) -> float:
        return self.right / self.n if self.n else 0.0

    def __str__(self) -> str:
        if not self.n:
            return "none"
        low, high = (f"{bound:.2f}".removeprefix("0") for bound in baseline.wilson(self.right, self.n))
        return f"{self.right}/{self.n}  {low}-{high}"

    def as_json(self) -> dict[str, float | int]:
        """For table.json."""
        return {"right": self.right, "n": self.n, "share": round(self.share, 4)}


def read_gold(folder: Path) -> Gold:
    """Documented values by item and field."""
    return json.loads((folder / "gold.json").read_text("utf-8"))


def same(one: Scalar, other: Scalar) -> bool:
    """Equal as the catalogue counts it: numbers as numbers, names without regard to case."""
    return str(one).strip().lower() == str(other).strip().lower()


def readings(ended: Ended, gold: Gold, *, most: int | None = None) -> Iterator[tuple[str, bool]]:
    """(item, right) for every field that a reader of the plan was to read; what it left out is wrong.

    With `most`, only of so many of an item's readers, the first ones: they are read before the others.
    """
    readers = most or ended.turn.run.plan.spec.readers
    said = {(c.row, c.field, c.reader): c.value for c in ended.turn.run.claims if c.reader}
    for item in sorted({str(value.row) for value in ended.turn.verdict.values}):
        for field in FIELDS:
            for reader in range(1, readers + 1):
                yield item, same(said.get((item, field, reader)), gold[item][field])  # type: ignore[call-overload]


def read_right(ended: Ended, gold: Gold, *, most: int | None = None) -> Share:
    """How often a reader's value is what the page says, before any gate."""
    marks = [right for _, right in readings(ended, gold, most=most)]
    return Share(sum(marks), len(marks))


def made(ended: Ended) -> Share:
    """How many of the readings that were planned landed; the others count as wrong above."""
    planned = [task.id for task in ended.turn.run.plan.tasks]
    return Share(len(set(planned).intersection(ended.turn.run.landed)), len(planned))


def precision(ended: Ended, gold: Gold, *standings: Standing) -> Share:
    """How often a value that ended so is what the page says."""
    held = [v for v in ended.turn.verdict.values if v.field in FIELDS and v.standing in standings]
    return Share(sum(same(v.value, gold[v.row][v.field]) for v in held), len(held))


def delivered_right(ended: Ended, gold: Gold) -> Share:
    """How many of all fields were delivered as proved and are what the page says: coverage times precision."""
    proved = precision(ended, gold, Standing.ACCEPTED, Standing.CORRECTED)
    return Share(proved.right, sum(v.field in FIELDS for v in ended.turn.verdict.values))


def regex(project: Project, ended: Ended, gold: Gold) -> Share:
    """The hand-written regex baseline on the same pages."""
    units = {unit.key: unit.source for task in ended.turn.run.plan.tasks for unit in task.units}
    marks = [
        same(baseline.read((project.folder / source).read_text("utf-8"))[field], gold[key][field])
        for key, source in units.items()
        for field in FIELDS
    ]
    return Share(sum(marks), len(marks))


def rows(arms: Mapping[str, Ended], gold: Gold, project: Project) -> Iterator[tuple[str, ...]]:
    """The table, a row a figure."""
    kimi = price_of("kimi-k2.6", project.config.catalogue["kimi-k2.6"])

    def line(name: str, figure: Callable[[Ended], object]) -> tuple[str, ...]:
        return (name, *(str(figure(ended)) for ended in arms.values()))

    def standing(standing: Standing) -> tuple[str, ...]:
        return line(str(standing), lambda e: sum(v.field in FIELDS for v in e.turn.verdict.standing(standing)))

    yield line("items", lambda e: len({v.row for v in e.turn.verdict.values}))
    yield line(
        "worked examples",
        lambda e: len(e.turn.run.plan.guidance.exemplars[0]) if e.turn.run.plan.guidance.exemplars else 0,
    )
    yield line("readings made", lambda e: f"{made(e).right}/{made(e).n}")
    yield line("readings right", lambda e: read_right(e, gold))
    yield line("first reader right", lambda e: read_right(e, gold, most=1))
    for each in (Standing.ACCEPTED, Standing.CORRECTED, Standing.UNVERIFIED, Standing.REFUTED):
        yield standing(each)
    yield line("accepted and right", lambda e: precision(e, gold, Standing.ACCEPTED))
    yield line("corrected and right", lambda e: precision(e, gold, Standing.CORRECTED))
    yield line("proved and right of all", lambda e: delivered_right(e, gold))
    yield line("regex baseline right", lambda e: regex(project, e, gold))
    yield line("seconds", lambda e: f"{e.turn.run.tally.seconds:.0f}")
    yield line("model calls", lambda e: e.turn.run.tally.calls)
    yield line("tokens new", lambda e: f"{e.turn.run.tally.usage.input:,}")
    yield line("tokens cached", lambda e: f"{e.turn.run.tally.usage.cached:,}")
    yield line("tokens output", lambda e: f"{e.turn.run.tally.usage.output:,}")
    yield line("dollars", lambda e: dollars(e.turn.run.tally.nanos))
    yield line("those tokens on Kimi", lambda e: dollars(cost(e.turn.run.tally.usage, kimi)))


def paired(one: Ended, other: Ended, gold: Gold) -> tuple[float, float, float]:
    """Mean difference of readings right, item by item, with a bootstrap 95 % interval over items."""
    sums: dict[str, list[int]] = {}
    for sign, ended in ((1, one), (-1, other)):
        for item, right in readings(ended, gold):
            sums.setdefault(item, []).append(sign * right)
    per = 2 / len(next(iter(sums.values())))
    differences = [sum(marks) * per for marks in sums.values()]
    chance = random.Random(7)
    means = sorted(sum(chance.choices(differences, k=len(differences))) / len(differences) for _ in range(RESAMPLES))
    mean = sum(differences) / len(differences)
    return mean, means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES)]


def remarks(arms: Mapping[str, Ended], gold: Gold, project: Project) -> Iterator[str]:
    """What the table says and what it does not."""
    second = next((ended for name, ended in arms.items() if name.startswith("run 2")), None)
    control = arms.get("control")
    if second is not None:
        yield f"An item took: {'; '.join(f'{name} {spent(ended)}' for name, ended in arms.items())}."
        yield "Run 1 read other items than the rest, and seconds hang on what else the machine does."
    if second is not None and control is not None:
        mean, low, high = paired(second, control, gold)
        items = len({value.row for value in control.turn.verdict.values})
        decided = (
            "the interval leaves out zero" if low > 0 or high < 0 else "the interval holds zero, nothing is decided"
        )
        yield (
            f"Run 2 against the control, the same {items} items: readings right {mean:+.2f} "
            f"(95 % {low:+.2f} to {high:+.2f}, bootstrap over items); {decided}."
        )
        if items < 20:
            yield f"{items} items decide nothing about the next ones: make demo-full reads 40 + 40."
    worker = next(iter(arms.values())).turn.run.plan.binding("worker")
    if worker is not None and worker.model.startswith("embedded"):
        yield "A small embedded model did this to show the loop. The same job with a real one: --worker kimi-k2.6."


def spent(ended: Ended) -> str:
    """Seconds and tokens an item, with n."""
    tally, items = ended.turn.run.tally, max(len({value.row for value in ended.turn.verdict.values}), 1)
    used = tally.usage
    new, cached, output = (f"{tokens / items:,.0f}" for tokens in (used.input, used.cached, used.output))
    return f"{tally.seconds / items:.1f} s, {new} new + {cached} cached + {output} output tokens (n = {items})"


def as_json(arms: Mapping[str, Ended], gold: Gold) -> dict[str, object]:
    """The figures for table.json."""
    return {
        name: {
            "readings_made": made(ended).as_json(),
            "readings_right": read_right(ended, gold).as_json(),
            "first_reader_right": read_right(ended, gold, most=1).as_json(),
            "accepted_precision": precision(ended, gold, Standing.ACCEPTED).as_json(),
            "corrected_precision": precision(ended, gold, Standing.CORRECTED).as_json(),
            "proved_and_right": delivered_right(ended, gold).as_json(),
            "seconds": round(ended.turn.run.tally.seconds, 1),
            "calls": ended.turn.run.tally.calls,
            "tokens": {
                "new": ended.turn.run.tally.usage.input,
                "cached": ended.turn.run.tally.usage.cached,
                "output": ended.turn.run.tally.usage.output,
            },
        }
        for name, ended in arms.items()
    }
