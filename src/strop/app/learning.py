"""Replays for `strop skills bisect`: a past run done once more under another library, in a copy of the project."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from strop.app.drift import RULES_FILE, settle
from strop.app.orders import Options, Order, Screen, as_begun
from strop.app.project import Project, open_project, state_of
from strop.app.turn import execute
from strop.errors import BadInput
from strop.learning.library import SKILLS, skill_of
from strop.learning.lifecycle import SHELVED
from strop.loop.replay import replay
from strop.swarm.fold import RunFold
from strop.types.content import Standing
from strop.types.memory import Manifest
from strop.types.money import dollars
from strop.types.trial import Outcome, Verdict
from strop.types.work import Guidance, Plan

LEFT_OUT = ("runs", ".strop", ".git", ".agents", RULES_FILE)
"""What a copy of the project does not need, or gets from the library that is tried."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A run that went wrong, beside one that went well."""

    run: str
    good: str
    """The run that went well; empty where a library was named instead."""
    before: Manifest
    """The library of the good one."""
    after: Manifest
    """The library of the bad one."""
    floor: float
    """Share of accepted values under which a replay is bad: halfway between the two runs."""
    cost: str
    """What one replay costs, as the bad run did."""


async def replays_badly(project: Project, run: str, manifest: Manifest, *, floor: float) -> bool:
    """Do a run's order once more under another library; whether the gate refuses it or accepts less than `floor`.

    It is done by the run's own models, in a copy of the project that is thrown away, and teaches nothing here.

    Raises:
        BadInput: the run came to no plan, or its replay was stopped before it had a verdict.
        StropError: as `execute`.
    """
    state = state_of(project.find_run(run))
    if state.plan is None or state.opened is None:
        raise BadInput(f"run {run} came to no plan, so there is nothing to replay")

    async def approve(plan: Plan) -> str:
        return "bisect"

    with copied(project, manifest) as scratch:
        order = _order(scratch, state, state.plan, manifest)
        options = as_begun(Options(), state)
        ended = await execute(scratch, order, options=options, approve=approve, screen=Screen())
    if ended.turn.outcome not in (Outcome.PASSED, Outcome.REFUSED):
        raise BadInput(f"a replay of run {run} ended as {ended.turn.outcome}; nothing can be said of its library")
    return not ended.turn.verdict.passed or accepted_share(ended.turn.verdict) < floor


def accepted_share(verdict: Verdict) -> float:
    """Values that stand, of all."""
    stood = len(verdict.standing(Standing.ACCEPTED)) + len(verdict.standing(Standing.CORRECTED))
    return stood / max(len(verdict.values), 1)


def suspect(project: Project, run: str, *, good: str = "") -> Suspect:
    """What to search between: the library of a bad run, and of the newest good one of the same order before it.

    `good` may name another run, or a library by its hash.

    Raises:
        BadInput: no such run, or none to compare with.
    """
    name = project.find_run(run).name
    state = state_of(project.runs / name)
    if state.verdict is None:
        raise BadInput(f"run {name} has no verdict yet. Go on with: strop run --resume {name}")
    after = project.db.manifest(state.manifest_before)
    share = accepted_share(state.verdict)
    cost = dollars(state.run().tally.nanos)
    like = good or _last_good(project, name)
    try:
        other = project.find_run(like).name
    except BadInput:
        return Suspect(name, "", project.db.manifest(like), after, share + (1 - share) / 2, cost)
    best = state_of(project.runs / other)
    if best.verdict is None:
        raise BadInput(f"run {other} has no verdict, so it cannot be what went well")
    floor = (share + accepted_share(best.verdict)) / 2
    return Suspect(name, other, project.db.manifest(best.manifest_before), after, floor, cost)


def _last_good(project: Project, run: str) -> str:
    rows = {row.id: row for row in project.db.runs()}
    bad = rows.get(run)
    like = [
        row.id
        for row in rows.values()
        if bad and row.id < run and (row.path, row.outcome) == (bad.path, Outcome.PASSED)
    ]
    if not like:
        raise BadInput(f"no run of the same order passed before {run}. Name a good run or library: --good RUN")
    return max(like)


def _order(scratch: Project, state: RunFold, plan: Plan, manifest: Manifest) -> Order:
    """The run's order, with the skill that guided it as this library has it."""
    assert state.opened is not None, "a run with a plan was opened"
    tasks = plan.tasks if plan.spec.each is None else ()
    return Order(plan.spec, state.opened.path, _guided(scratch, plan, manifest), tasks)


def _guided(scratch: Project, plan: Plan, manifest: Manifest) -> Guidance:
    name = plan.guidance.skill
    held = (item for item in manifest.items if item.kind in SKILLS and item.name == name and item.state not in SHELVED)
    item = next(held, None)
    if item is None:
        return Guidance()
    files = sorted({unit.source for task in plan.tasks for unit in task.units}) or list(
        skill_of(item, scratch.blobs).inputs
    )
    folder = str(Path(files[0]).parent) if files else "."
    return replay(skill_of(item, scratch.blobs), inputs=folder, found=files or ["."]).guidance


@contextmanager
def copied(
    project: Project, manifest: Manifest, *, why: str = "bisect", but: tuple[str, ...] = ()
) -> Generator[Project, None, None]:
    """The project beside itself, with this library: what a run reads, by hard links, and nothing that it left.

    Names that fit `but` are left out of its top folder too; when this ends, nothing of it is left.
    """
    inner = project.folder / ".strop"
    with tempfile.TemporaryDirectory(prefix=f"{why}-", dir=inner) as root:
        folder = Path(root, project.folder.absolute().name)
        shutil.copytree(
            project.folder, folder, ignore=_ignored(project.folder, but), copy_function=_link, symlinks=True
        )
        project.db.copy_to(folder / ".strop" / "project.db")
        opened = replace(open_project(folder, environment=project.environment), blobs=project.blobs)
        opened.db.commit(manifest, expected=opened.db.head().hash, why=f"tried by {why}")
        opened.db.note_projected([], forget=[path for path, *_ in opened.db.projected()])
        settle(opened)
        yield opened


def _ignored(root: Path, but: tuple[str, ...]) -> Callable[[str, list[str]], list[str]]:
    def ignored(folder: str, names: list[str]) -> list[str]:
        globs = (*LEFT_OUT, *but)
        return [name for name in names if Path(folder) == root and any(fnmatchcase(name, glob) for glob in globs)]

    return ignored


def _link(source: str, target: str) -> None:
    """A second name for the file, or a copy where the disk has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
