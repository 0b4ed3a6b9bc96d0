"""The demo: run 1 from the spec, run 2 replays what it learned, the control reads run 2's items without it.

    make demo          8 + 8 items, 4 worked examples
    make demo-full     40 + 40 items, the number of examples chosen on 10 others, and two more arms

Everything is written under `out/`. Without a flag the embedded model works; `--worker kimi-k2.6` (or any
other) does the same job with a real one. Every figure printed is computed here from run records and gold.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import prepare
import scores
from rich.console import Console
from rich.table import Table

from strop.app import Ended, Options, Order, Project, Screen, execute, open_project, replay_order
from strop.app.ratchet import Weighed
from strop.app.trials import Trial, pairs_of, settled_by
from strop.cli.main import guarded
from strop.cli.screen import LiveScreen
from strop.cli.show import show_ended, show_plan
from strop.cli.weighing import show_weighed, trial_json, weighed_json
from strop.errors import BadInput
from strop.learning.library import skill_item
from strop.loop.distill import accepted_only
from strop.loop.specify import specify
from strop.tools.inside import Inside
from strop.types.fingerprint import canonical
from strop.types.work import Guidance, Plan, Sources

HERE = Path(__file__).parent
SKILL = "catalogue-of-data-sets"
CHOICES = (2, 4, 8)
"""Numbers of worked examples that demo-full chooses from."""
FULL_MINUTES = 90
"""Cap of each arm of demo-full: on two cores with other work 20 minutes ended three of its four arms early."""

console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Items of each part; the seed is the one whose first eight hold a page that disagrees with its data."""

    first: int
    second: int
    choose: int
    seed: int = 8


TITLE = "Run against run (right/n with the 95 % interval of the share)"
DEMO = Sizes(8, 8, 0)
FULL = Sizes(40, 40, 10)


async def turn(project: Project, order: Order, options: Options, *, name: str) -> Ended:
    """One run of the loop, approved here, with the live view."""
    console.rule(name)
    screen = LiveScreen(console)

    async def approve(plan: Plan) -> str:
        show_plan(console, plan)
        return "demo"

    shown = Screen(watch=screen.watch, notice=screen.notice, opened=screen.opened)
    with screen.shown():
        return await execute(project, order, options=options, approve=approve, screen=shown)


def spec_order(project: Project, folder: str, *, repairs: int, items: int, minutes: int = 20) -> Order:
    """The demo's spec over a folder of inputs; a skill keeps its budget, so replays have the same minutes."""
    text = (HERE / "spec.md").read_text("utf-8").replace("inputs-1/", f"{folder}/")
    text = text.replace("repairs: 0", f"repairs: {repairs}").replace("minutes: 20", f"minutes: {minutes}")
    text = text.replace('rows: ">= 6"', f'rows: ">= {items * 3 // 4}"')
    (project.folder / f"spec-{folder}.md").write_text(text, encoding="utf-8")
    return Order(specify(text.encode(), name="spec.md"), f"spec-{folder}.md", skill=SKILL)


def without_library(project: Project) -> Project:
    """A project of its own with the same inputs and nothing learned."""
    folder = project.folder.with_name("control")
    folder.mkdir()
    for part in ("inputs-2", "data"):
        shutil.copytree(project.folder / part, folder / part)
    return open_project(folder)


@dataclass(frozen=True, slots=True)
class Proof:
    """What run 2 and the control say of the skill."""

    trial: Trial | None = None
    weighed: Weighed | None = None
    why: str = "there is no skill, so nothing was compared"
    """Why there is no answer, where there is none."""


async def proved(project: Project, empty: Project, arms: dict[str, Ended]) -> Proof:
    """The pairs of run 2 and the control, kept as evidence, and what admission decides on them."""
    second = next((ended for name, ended in arms.items() if name.startswith("run 2")), None)
    if second is None:
        return Proof()
    item = skill_item(project.db.head(), SKILL)
    try:
        trial = await pairs_of(project, item, with_it=second.folder, without=arms["control"].folder, baseline=empty)
    except BadInput as caught:
        return Proof(why=str(caught))
    return Proof(trial, settled_by(project, trial, item=item), "no pair counts")


async def demo(project: Project, sizes: Sizes, options: Options) -> tuple[dict[str, Ended], Proof]:
    """Run 1, run 2 and the control, and what they say of the skill."""
    first = await turn(
        project, spec_order(project, "inputs-1", repairs=0, items=sizes.first), options, name="run 1: from the spec"
    )
    show_ended(console, first)
    arms = {"run 1": first}
    if first.turn.skill is None:
        console.print(
            "Run 1 did not pass its gate, so there is no skill to replay; the control says how batch 2 reads."
        )
    else:
        replayed = replay_order(project, SKILL, inputs="inputs-2")
        arms["run 2"] = await turn(project, replayed, options, name="run 2: replays the skill on other items")
        show_ended(console, arms["run 2"])
    empty = without_library(project)
    control = spec_order(empty, "inputs-2", repairs=0, items=sizes.second)
    arms["control"] = await turn(empty, control, options, name="control: the items of run 2, with an empty library")
    return arms, await proved(project, empty, arms)


async def full(
    project: Project, sizes: Sizes, options: Options
) -> tuple[dict[str, Ended], list[tuple[str, Ended]], Proof]:
    """The demo at size, with repair, the choice of the number of examples, and an arm without gate correction."""
    gold = scores.read_gold(project.folder)
    options = replace(options, exemplars=max(CHOICES))
    ordered = spec_order(project, "inputs-1", repairs=1, items=sizes.first, minutes=FULL_MINUTES)
    first = await turn(project, ordered, options, name="run 1: from the spec")
    arms = {"run 1": first}
    if first.turn.skill is None:
        return arms, [], Proof()
    tried: list[tuple[str, Ended]] = []
    for number in CHOICES:
        order = _without_repair(replay_order(project, SKILL, inputs="inputs-choose", exemplars=number))
        tried.append((str(number), await turn(project, order, options, name=f"choosing: {number} examples")))
    best = max(tried, key=lambda each: scores.read_right(each[1], gold).share)
    chosen = replay_order(project, SKILL, inputs="inputs-2", exemplars=int(best[0]))
    arms[f"run 2, {best[0]} examples"] = await turn(project, chosen, options, name="run 2: replays the skill")
    bare = _accepted_only(project, first, int(best[0]))
    arms["accepted only"] = await turn(
        project, replace(chosen, guidance=bare), options, name="examples without gate correction"
    )
    empty = without_library(project)
    control = spec_order(empty, "inputs-2", repairs=1, items=sizes.second, minutes=FULL_MINUTES)
    arms["control"] = await turn(empty, control, options, name="control: with an empty library")
    return arms, tried, await proved(project, empty, arms)


def _without_repair(order: Order) -> Order:
    return replace(order, spec=replace(order.spec, repairs=0))


def _accepted_only(project: Project, first: Ended, number: int) -> Guidance:
    """Guidance as the skill's, its examples made of accepted fields alone."""
    plan = first.turn.run.plan
    inside = Inside(project.folder, Sources(("inputs-1/**",)))
    sources = {path: inside.read_text(path) for path in inside.files()}
    shown = accepted_only(plan.spec.table, first.turn.verdict, sources, most=number)
    turned = tuple(shown[1:]) + tuple(shown[:1])
    return Guidance(skill=f"{SKILL} (accepted only)", exemplars=(shown, turned) if shown else ())


def report(project: Project, arms: dict[str, Ended], tried: list[tuple[str, Ended]], proof: Proof) -> None:
    """Where the files are, and the table of runs with n and intervals."""
    out = Console()
    gold = scores.read_gold(project.folder)
    if tried:
        table = Table(title="Choosing the number of examples, on items of their own", title_justify="left")
        for head in ("examples", "read right"):
            table.add_column(head)
        for number, ended in tried:
            table.add_row(number, str(scores.read_right(ended, gold)))
        out.print(table)
    table = Table(
        title=TITLE,
        title_justify="left",
        box=None,
        padding=(0, 1),
    )
    table.add_column("", no_wrap=True)
    for name in arms:
        table.add_column(name, justify="right", no_wrap=True)
    for row in scores.rows(arms, gold, project):
        table.add_row(*row)
    out.print(table)
    for line in scores.remarks(arms, gold, project):
        out.print(line, soft_wrap=True, highlight=False)
    out.print()
    if proof.weighed is not None:
        out.print("What admission says of the skill, by run 2 against the control:", highlight=False)
        show_weighed(out, proof.weighed, trial=proof.trial)
    else:
        out.print(f"The skill was not weighed: {proof.why}.", soft_wrap=True, highlight=False, markup=False)
    out.print()
    for name, ended in arms.items():
        out.print(
            f"{name}: {ended.folder / 'files'} and {ended.folder / 'report.html'}", soft_wrap=True, highlight=False
        )
    body = {
        "arms": scores.as_json(arms, gold),
        "choices": {number: scores.read_right(e, gold).as_json() for number, e in tried},
        "skill": {**weighed_json(proof.weighed), **trial_json(proof.trial)}
        if proof.weighed and proof.trial
        else {"why": proof.why},
    }
    (project.folder / "table.json").write_bytes(canonical(body) + b"\n")


def main() -> int:
    """Prepare the inputs, run the arms, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="40 + 40 items and all arms")
    parser.add_argument("--items", type=int, help="fewer items a batch with --full; the arms stay")
    parser.add_argument("--worker", default="embedded", help="model of the workers (default: embedded)")
    parser.add_argument("--verifier", default="none", help="model that refutes (default: none)")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="folder to make")
    chosen = parser.parse_args()
    sizes = FULL if chosen.full else DEMO
    if chosen.full and chosen.items:
        sizes = replace(FULL, first=chosen.items, second=chosen.items, choose=max(4, chosen.items // 4))
    emptied(chosen.out)
    try:
        prepare.prepare(chosen.out, seed=sizes.seed, sizes=(sizes.first, sizes.second, sizes.choose))
    except prepare.Refused as caught:
        raise BadInput(f"the demo's input: {caught}") from caught
    project = open_project(chosen.out / "project")
    options = Options(worker=chosen.worker, verifier=chosen.verifier, planner="none")
    if chosen.full:
        arms, tried, proof = asyncio.run(full(project, sizes, options))
    else:
        (arms, proof), tried = asyncio.run(demo(project, sizes, options)), []
    report(project, arms, tried, proof)
    return 0


def emptied(out: Path) -> None:
    """An empty folder but for what was fetched before."""
    out.mkdir(parents=True, exist_ok=True)
    for path in out.iterdir():
        if path.name != ".cache":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    sys.exit(guarded(main))
