"""`strop skills test` and `strop learn`: what a skill is worth, measured, and what a finished run can still teach."""

from __future__ import annotations

import sys
from pathlib import Path

from strop.app import Ended, Options, Order, Project, held_skill, open_project, run, settle
from strop.app.relearning import Relearned, relearn
from strop.app.trials import Carry, Trial, carry_out, settled_by
from strop.cli.caps import caps_of
from strop.cli.carry import Rim
from strop.cli.console import err, out, print_json
from strop.cli.look import settled_lines
from strop.cli.weighing import show_weighed, trial_json, weighed_json
from strop.errors import BadInput, HumanAwaited
from strop.learning.library import SKILLS
from strop.learning.lifecycle import SHELVED
from strop.types.count import counted
from strop.types.memory import Item
from strop.types.moves import changes


def tested(
    name: str, *, inputs: str, worker: str, budget: list[str] | None, yes: bool, project_folder: Path, as_json: bool
) -> None:
    """Both arms of a skill on a folder, its pairs into evidence, and what admission says of them."""
    project = _opened(project_folder)
    item = _measurable(project, name)
    split = bool(held_skill(project, name).skill.tasks)  # whoever plans for the project splits it without the skill
    options = _options(project, worker=worker, budget=budget, planner="" if split else "none")
    carry = _carrying(project, yes=yes, again=f"strop skills test {name} --inputs {inputs} --yes")
    before = project.db.head()
    trial = run(carry_out(project, item, inputs=inputs, options=options, carry=carry))
    weighed = settled_by(project, trial, item=item)
    if weighed is None:
        raise BadInput(f"{item.id} was made from every input of {inputs}, so they say nothing of it; name others")
    if as_json:
        manifests = {"before": before.hash, "after": project.db.head().hash}
        print_json({**weighed_json(weighed), **trial_json(trial), "manifest": manifests})
        return
    show_weighed(out, weighed, trial=trial)
    _say(_arms(trial))


def learnt(
    name: str, *, inputs: str, worker: str, budget: list[str] | None, yes: bool, project_folder: Path, as_json: bool
) -> None:
    """See `app.relearning.relearn`; says what changed."""
    project = _opened(project_folder)
    options = _options(project, worker=worker, budget=budget, planner="")
    more = f" --inputs {inputs}" if inputs else ""
    carry = _carrying(project, yes=yes, again=f"strop learn {name}{more} --yes")
    done = run(relearn(project, name, inputs=inputs, options=options, carry=carry))
    if as_json:
        print_json(
            {
                "run": done.run,
                "items": done.items,
                "pairs": done.pairs,
                "weighed": [weighed_json(each) for each in done.weighed],
                "trial": trial_json(done.trial) if done.trial else None,
                "notes": done.notes,
                "manifest": {"before": done.before, "after": done.after},
            }
        )
    else:
        _tell(project, done)


def _tell(project: Project, done: Relearned) -> None:
    for item in done.items:
        _say(f"{item} is in the library now, as {_state(project, item)}")
    if done.pairs:
        _say(f"{counted(done.pairs, 'pair')} of what its wave tried are evidence now")
    for each in done.weighed:
        measured = done.trial if done.trial and done.trial.pairs and each.item.id == done.trial.pairs[0].item else None
        show_weighed(out, each, trial=measured)
    if done.trial:
        _say(_arms(done.trial))
    for note in done.notes:
        _say(f"{note[0].upper()}{note[1:]}.")
    made = changes(project.db.manifest(done.before), project.db.manifest(done.after))
    undo = f"; undo with: strop skills rollback {done.before[:10]}"
    _say(f"Library: {counted(len(made), 'change')}{undo}" if made else "Library: unchanged.")


def _state(project: Project, name: str) -> str:
    item = project.db.head().item(name)
    return f"{item.state} ({item.why})" if item and item.why else str(item.state) if item else "another's"


def _arms(trial: Trial) -> str:
    return f"Runs: {trial.without.run} without it, {trial.with_it.run} with it; see: strop show {trial.with_it.run}"


def _opened(folder: Path) -> Project:
    project = open_project(folder)
    for line in settled_lines(settle(project)):
        err.print(line, highlight=False, markup=False, soft_wrap=True)
    return project


def _measurable(project: Project, name: str) -> Item:
    """The entry of a skill that may be read with.

    Raises:
        BadInput: there is none of that name, or it is shelved.
    """
    item = held_skill(project, name).item
    if item.kind not in SKILLS or item.state in SHELVED:
        why = f" ({item.why})" if item.why else ""
        raise BadInput(f"{item.id} is in state {item.state}{why} and is not measured; to take it from there: "
                       f"strop skills approve {name}")  # fmt: skip
    return item


def _options(project: Project, *, worker: str, budget: list[str] | None, planner: str) -> Options:
    """Without a refuting model: outcomes are scored by the deterministic checks alone."""
    caps = {"usd": f"{project.config.settings.learning.usd:f}", **caps_of(budget)}
    return Options(worker=worker, planner=planner, verifier="none", budget=caps)


def _carrying(project: Project, *, yes: bool, again: str) -> Carry:
    """Shows each arm's plan and asks for it once."""

    async def carry(order: Order, options: Options) -> Ended:
        if not yes and not sys.stdin.isatty():
            raise HumanAwaited(f"what is to be read has to be approved, and there is no terminal to ask at: {again}")
        said = "without the library" if order.bare else f"with {order.guidance.skill}"
        err.print(f"The arm {said}:", highlight=False, markup=False)
        return await Rim().carry(project, order, options=options, yes=yes, resume="")

    return carry


def _say(said: str) -> None:
    out.print(said, highlight=False, markup=False, soft_wrap=True)
