"""The embedded model on the demo's task, run by run: what the library adds, against an empty one on the same items.

    python benchmarks/local_curve.py [--runs 6] [--items 24] [--out FOLDER] [--chart] [--json]
    python benchmarks/local_curve.py --runs 2 --items 4           the small form

Run 1 is from the spec; each run behind it replays, by its name, the skill that run 1 left. Every batch is read a
second time with an empty library; the pairs are kept as evidence, and admission decides after each run, under its own
thresholds. What was read stands under --out: stop it at any time, the same command goes on from there, and --runs may
grow. Figures are counted from the runs' journals and from gold, which nobody who learns has seen. Without the
embedded model's weights it says so and ends with 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "catalogue"))

import prepare  # noqa: E402 - it lies beside the demo, not in a package
import scores  # noqa: E402 - as above
from demo import FULL_MINUTES, spec_order  # noqa: E402 - as above

from strop.app import Ended, Options, Order, Project, Screen, execute, open_project, replay_order, state_of  # noqa: E402
from strop.app.parts import renderers, weights_of  # noqa: E402 - as above
from strop.app.relearning import relearn  # noqa: E402 - as above
from strop.app.trials import Trial, pairs_of, settled_by  # noqa: E402 - as above
from strop.cli.guard import guarded  # noqa: E402 - as above
from strop.errors import BadInput, HumanAwaited, MissingPart  # noqa: E402 - as above
from strop.learning.library import skills  # noqa: E402 - as above
from strop.learning.lifecycle import SHELVED  # noqa: E402 - as above
from strop.loop.cycle import Turn  # noqa: E402 - as above
from strop.types.content import Cell, Chart, ChartKind, Part, Point, Standing  # noqa: E402 - as above
from strop.types.memory import Item  # noqa: E402 - as above
from strop.types.trial import Delivery, Outcome  # noqa: E402 - as above
from strop.types.work import Kind, Plan  # noqa: E402 - as above

RUNS = 6
"""Hands that the pages are dealt to, also where fewer are read: fewer runs are the first of more."""
SEED = 8
"""The demo's."""
CHART = ROOT / "docs" / "images" / "local-curve.png"
OPTIONS = Options(worker="embedded", verifier="none", planner="none")


@dataclass(frozen=True, slots=True)
class Word:
    """What admission said after a run, of all pairs up to then."""

    pairs: int
    won: int
    lost: int
    effect: float
    low: float
    high: float
    cost: float | None
    e_better: float
    threshold: float
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """One run: what was read with the library and without, and what admission said."""

    number: int
    with_it: Ended
    without: Ended
    word: Word | None

    @property
    def learned(self) -> bool:
        """Whether the library had anything to give."""
        return self.with_it.folder != self.without.folder


@dataclass(slots=True)
class Curve:
    """The folder that a measurement lives in, and which run did what. Owned by `measured`."""

    out: Path
    items: int
    arms: dict[str, str] = field(default_factory=dict[str, str])
    """`RUN/library` or `RUN/none` -> id of the run."""
    words: dict[str, Word] = field(default_factory=dict[str, Word])
    """By run."""

    @classmethod
    def opened(cls, out: Path, *, items: int) -> Curve:
        """The measurement that stands there, or a new one with its pages dealt.

        Raises:
            BadInput: it was begun with another number of items.
            prepare.Refused: the pages cannot be fetched, or are too few.
        """
        path = out / "state.json"
        if not path.is_file():
            made = cls(out, items)
            made.deal()
            made.save()
            return made
        held = json.loads(path.read_text("utf-8"))
        if held["items"] != items:
            raise BadInput(f"{out} was begun with --items {held['items']}; name another folder with --out")
        return cls(out, items, held["arms"], {run: Word(**word) for run, word in held["words"].items()})

    def save(self) -> None:
        body = {
            "items": self.items,
            "arms": self.arms,
            "words": {run: asdict(word) for run, word in self.words.items()},
        }
        fresh = self.out / "state.json.new"
        fresh.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self.out / "state.json")

    def deal(self) -> None:
        """Both projects with their pages and tables, and gold beside them."""
        source = prepare.unpack(prepare.fetch(self.out / ".cache"))
        found = prepare.survey(source)
        hands = prepare.deal(sorted(found.items), seed=SEED, sizes=(self.items,) * RUNS)
        for project in ("library", "none"):
            shutil.rmtree(self.out / project, ignore_errors=True)
            (self.out / project / "data").mkdir(parents=True)
            for number, names in enumerate(hands, 1):
                (self.out / project / batch(number)).mkdir()
                for name in names:
                    text = found.items[name].text.replace("\n", "\n\n") + "\n"
                    (self.out / project / batch(number) / f"{name}.txt").write_bytes(text.encode())
                    table = source.tables[found.items[name].key]
                    (self.out / project / "data" / f"{name}.csv").write_bytes(table)
        gold = {name: asdict(found.items[name].gold) for hand in hands for name in hand}
        (self.out / "gold.json").write_text(json.dumps(gold, indent=1) + "\n", encoding="utf-8")


def batch(number: int) -> str:
    return f"batch-{number}"


# ---------------------------------------------------------------- reading


async def measured(curve: Curve, runs: int) -> list[Step]:
    """Every run in both arms, in order; what stands on record is not read again."""
    library, none = open_project(curve.out / "library"), open_project(curve.out / "none")
    steps: list[Step] = []
    for number in range(1, runs + 1):
        item = usable(library)
        order = first_order(library, number, curve.items)
        if item is not None:
            order = replay_order(library, item.name, inputs=batch(number))
        with_it = await arm(curve, library, order, name=f"{number}/library")
        if item is None and not skills(library.db) and with_it.turn.outcome is Outcome.PASSED:
            await relearn(library, with_it.id, options=OPTIONS, carry=_nobody)  # stopped before it could be kept
        shown = bool(with_it.turn.run.plan.guidance.skill)
        bare = replace(first_order(none, number, curve.items), bare=True, trial=True)
        without = await arm(curve, none, bare, name=f"{number}/none") if shown else with_it
        if shown and item is not None and str(number) not in curve.words:
            trial = await pairs_of(library, item, with_it=with_it.folder, without=without.folder, baseline=none)
            curve.words[str(number)] = word_of(library, item, trial)
            curve.save()
        steps.append(Step(number, with_it, without, curve.words.get(str(number))))
    return steps


def usable(project: Project) -> Item | None:
    """The skill that run 1 left, unless admission has put it away."""
    return next((item for item in skills(project.db) if item.state not in SHELVED), None)


def first_order(project: Project, number: int, items: int) -> Order:
    """The demo's spec over a batch."""
    return spec_order(project, batch(number), repairs=0, items=items, minutes=FULL_MINUTES)


async def arm(curve: Curve, project: Project, order: Order, *, name: str) -> Ended:
    """One run to its end: as it stands on record, taken up where it was cut off, or from the start."""
    run = curve.arms.get(name, "")
    state = state_of(project.runs / run) if run and (project.runs / run / "journal.db").is_file() else None
    if state is not None and state.outcome in (Outcome.PASSED, Outcome.REFUSED):
        return recorded(project.runs / run)

    def opened(run: str) -> None:
        curve.arms[name] = run
        curve.save()

    print(f"run {name}: {'goes on' if state else 'begins'}", file=sys.stderr, flush=True)
    screen = Screen(opened=lambda desk, run: opened(run))
    resume = run if state is not None and state.opened is not None else ""
    ended = await execute(project, order, options=OPTIONS, approve=_approve, screen=screen, resume=resume)
    return recorded(ended.folder)


async def _approve(plan: Plan) -> str:
    return "local_curve"


async def _nobody(order: Order, options: Options) -> Ended:
    raise HumanAwaited("lessons are drawn from the record alone here")


def recorded(folder: Path) -> Ended:
    """A run that has ended, as its journal tells it, for the demo's figures."""
    state = state_of(folder)
    assert state.verdict is not None and state.outcome is not None, "it has ended"
    turn = Turn(state.run(), state.verdict, Delivery((), ()), state.outcome, None, ())
    return Ended(folder.name, folder, turn, state, state.manifest_before, state.manifest_after)


def word_of(project: Project, item: Item, trial: Trial) -> Word:
    """Keep the pairs, let admission decide."""
    weighed = settled_by(project, trial, item=item)
    assert weighed is not None, "pages are dealt once, so there are pairs"
    held = weighed.certificate
    return Word(
        held.cases,
        held.won,
        held.lost,
        held.effect,
        held.low,
        held.high,
        held.cost,
        held.e_better,
        held.threshold,
        str(weighed.item.state),
        weighed.why,
    )


# ---------------------------------------------------------------- figures


def coverage(ended: Ended) -> scores.Share:
    """Of all fields, how many the gate accepted as they were read: both readers agree and quote."""
    fields = [value for value in ended.turn.verdict.values if value.field in scores.FIELDS]
    return scores.Share(sum(value.standing is Standing.ACCEPTED for value in fields), len(fields))


def precision(ended: Ended, gold: scores.Gold) -> scores.Share:
    """Of what was accepted, how much is what the page says."""
    return scores.precision(ended, gold, Standing.ACCEPTED)


def pooled(shares: Sequence[scores.Share]) -> scores.Share:
    return scores.Share(sum(each.right for each in shares), sum(each.n for each in shares))


def figures(gold: scores.Gold) -> Mapping[str, Callable[[Ended], scores.Share]]:
    """The rows of the table."""
    return {
        "readings right": lambda ended: scores.read_right(ended, gold),
        "accepted of all": coverage,
        "accepted and right": lambda ended: precision(ended, gold),
        "proved and right of all": lambda ended: scores.delivered_right(ended, gold),
    }


def table(steps: Sequence[Step], gold: scores.Gold) -> Iterator[str]:
    """Markdown: by run, with the library and with none, each share with n and its Wilson 95 % interval."""
    yield "| run | items | library | " + " | ".join(figures(gold)) + " | seconds |"
    yield "|---|---|---|" + "---|" * (len(figures(gold)) + 1)
    for step in steps:
        yield _row(str(step.number), step.with_it, "its skill" if step.learned else "empty", gold)
        if step.learned:
            yield _row(str(step.number), step.without, "none", gold)
    later = [step for step in steps if step.learned]
    for name, ended in (("its skill", [s.with_it for s in later]), ("none", [s.without for s in later])):
        if len(later) > 1:
            shares = [str(pooled([figure(each) for each in ended])) for figure in figures(gold).values()]
            items = sum(_items(each) for each in ended)
            seconds = sum(each.turn.run.tally.seconds for each in ended)
            yield f"| all with a skill | {items} | {name} | {' | '.join(shares)} | {seconds:,.0f} |"


def _row(number: str, ended: Ended, library: str, gold: scores.Gold) -> str:
    shares = " | ".join(str(figure(ended)) for figure in figures(gold).values())
    return f"| {number} | {_items(ended)} | {library} | {shares} | {ended.turn.run.tally.seconds:,.0f} |"


def _items(ended: Ended) -> int:
    return len({value.row for value in ended.turn.verdict.values})


def words(steps: Sequence[Step]) -> Iterator[str]:
    """Admission, by run."""
    yield "| after run | pairs | won | lost | effect (95 %) | cost | E of better | had to reach | state |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for step in steps:
        if (word := step.word) is not None:
            effect = f"{word.effect:+.3f} ({word.low:+.3f} to {word.high:+.3f})"
            cost = "-" if word.cost is None else f"{word.cost:.2f}"
            yield (
                f"| {step.number} | {word.pairs} | {word.won} | {word.lost} | {effect} | {cost} "
                f"| {word.e_better:,.1f} | {word.threshold:,.0f} | {word.state} |"
            )


def drawn(steps: Sequence[Step], gold: scores.Gold, *, to: Path) -> None:
    """The curve as a chart.

    Raises:
        MissingPart: the extra `files` is not installed.
    """
    right, kept = (figures(gold)[name] for name in ("readings right", "accepted of all"))
    arms: tuple[tuple[str, Callable[[Step], Ended]], ...] = (
        ("with the library", lambda step: step.with_it),
        ("empty library", lambda step: step.without),
    )
    points = tuple(
        Point(str(step.number), Cell(round(figure(ended(step)).share, 4)), f"{name}, {arm}")
        for name, figure in (("right", right), ("accepted", kept))
        for arm, ended in arms
        for step in steps
    )
    items = _items(steps[0].with_it)
    title = f"The embedded model, run by run ({items} items a run)"
    chart = Chart("local-curve", ChartKind.LINE, title, "run", "share of readings and of fields", points)
    to.parent.mkdir(parents=True, exist_ok=True)
    renderers()[Kind.PNG].render(Part("local-curve.png", (chart,)), to=to)


def as_json(steps: Sequence[Step], gold: scores.Gold) -> list[dict[str, object]]:
    """The figures as every benchmark gives them."""
    rows: list[dict[str, object]] = []
    for step in steps:
        arms = (("with the library", step.with_it), ("empty library", step.without))
        for name, figure in figures(gold).items():
            for arm, ended in arms:
                share = figure(ended)
                unit = f"share of {share.n}"
                rows.append(_figure(f"{name}, run {step.number}, {arm}", round(share.share, 4), unit))
        if step.word is not None:
            said = f"effect after run {step.number} ({step.word.low:+.3f} to {step.word.high:+.3f}), {step.word.state}"
            rows.append(_figure(said, round(step.word.effect, 4), f"mean difference of {step.word.pairs} pairs"))
    return rows


def _figure(name: str, figure: float, unit: str) -> dict[str, object]:
    return {"name": name, "figure": figure, "unit": unit, "goal": "", "met": None}


def main() -> int:
    """Measure, or go on measuring, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, choices=range(1, RUNS + 1), metavar=f"1-{RUNS}")
    parser.add_argument("--items", type=int, default=24, help="pages a run")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out" / "local_curve")
    parser.add_argument("--chart", nargs="?", type=Path, const=CHART, help=f"draw it, by default to {CHART.name}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        curve = Curve.opened(options.out, items=options.items)
        weights_of(open_project(options.out / "library"), "embedded")
    except prepare.Refused as caught:
        raise BadInput(f"the pages: {caught}") from caught
    except MissingPart as missing:
        print(f"not measured: {missing}")
        return 0
    steps = asyncio.run(measured(curve, options.runs))
    gold = json.loads((options.out / "gold.json").read_text("utf-8"))
    print("\n".join([*table(steps, gold), "", *words(steps)]))
    if options.chart is not None:
        drawn(steps, gold, to=options.chart)
        print(f"\ndrawn: {options.chart}", file=sys.stderr)
    if options.json:
        print(json.dumps(as_json(steps, gold)))
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
