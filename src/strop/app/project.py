"""A project folder: its configuration and stores, its runs, skills and rules."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from strop.app.journals import events_of, has_journal
from strop.config import Config, load
from strop.errors import BadInput, ConfigRefused, StropError
from strop.learning.library import Held, load_skill, skill_of, skills
from strop.learning.lifecycle import SHELVED
from strop.learning.rules import read_rules, struck_out
from strop.loop.specify import specify
from strop.stores.blobs import FileBlobs
from strop.stores.project import ProjectDb, RunRow
from strop.swarm.fold import RunFold, fold
from strop.tools.tables import parse_ask
from strop.types.memory import Constraint, Skill
from strop.types.work import Budget, Spec

PROMPTS = (
    "reader-1",
    "reader-2",
    "reader-3",
    "unit",
    "unit-again",
    "repair",
    "task",
    "specialist",
    "aggregate",
    "decompose",
    "refute",
    "bundle",
    "draft",
    "distill",
    "form",
    "shard",
    "shard-notes",
    "knowledge",
    "canary",
)


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder with its configuration and stores."""

    folder: Path
    config: Config
    db: ProjectDb
    blobs: FileBlobs
    environment: Mapping[str, str]

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def prompts(self) -> dict[str, str]:
        """Prompt texts by name; a project's own `prompts/NAME.md` goes before ours.

        Raises:
            ConfigRefused: a file that cannot be read.
        """
        texts: dict[str, str] = {}
        for name in PROMPTS:
            own = self.folder / "prompts" / f"{name}.md"
            try:
                shipped = resources.files("strop") / "prompts" / f"{name}.md"
                texts[name] = own.read_text("utf-8") if own.is_file() else shipped.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as caught:
                raise ConfigRefused(f"prompt {own} cannot be read: {caught}") from caught
        return texts

    def rules(self) -> tuple[Constraint, ...]:
        """The rules of CONSTRAINTS.md as they stand now."""
        path = self.folder / "CONSTRAINTS.md"
        return read_rules(path.read_text("utf-8")) if path.is_file() else ()

    def struck_out(self) -> frozenset[str]:
        """Checks of rules that the user struck out of CONSTRAINTS.md."""
        path = self.folder / "CONSTRAINTS.md"
        return struck_out(path.read_text("utf-8")) if path.is_file() else frozenset()

    def find_run(self, name: str) -> Path:
        """The folder of a run by its id or a unique part of its end.

        Raises:
            BadInput: no such run, or several.
        """
        held = [path for path in sorted(self.runs.glob("*")) if has_journal(path)]
        found = [path for path in held if name.upper() in path.name]
        if len(found) != 1:
            there = ", ".join(path.name for path in (found or held)[-5:]) or f"none under {self.runs}"
            what = "no run matches" if not found else f"{len(found)} runs match"
            raise BadInput(f"{what} {name!r}. Runs here: {there}. See them all with: strop runs")
        return found[0]


def open_project(folder: Path, *, environment: Mapping[str, str] | None = None) -> Project:
    """The project at `folder`; its `.strop` is made where it is missing.

    Raises:
        BadInput, ConfigRefused, JournalFault.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder")
    inner = folder / ".strop"
    return Project(
        folder=folder,
        config=load(folder),
        db=ProjectDb(inner / "project.db"),
        blobs=FileBlobs(inner / "blobs"),
        environment=os.environ if environment is None else environment,
    )


def spec_of(body: bytes, *, name: str) -> Spec:
    """A spec file, read with the checks that need to know what is there.

    Raises:
        SpecRefused: what is wrong, on which line, and how to mend it.
    """
    return specify(body, name=name, asks=parse_ask)


def order_mark(spec: Spec) -> str:
    """What stays the same of a spec when its caps change: says whether two runs had the same order."""
    return replace(spec, budget=Budget()).fingerprint


def new_run_id(moment: float) -> str:
    """Sortable by time: ten base-32 digits of milliseconds, four of chance (the layout of a ULID)."""
    stamp = int(moment * 1000)
    digits = "".join(_CROCKFORD[(stamp >> shift) & 31] for shift in range(45, -1, -5))
    return digits + "".join(secrets.choice(_CROCKFORD) for _ in range(4))


def begun_at(run: str) -> float:
    """When a run of this id began, in seconds since 1970: its first ten digits say so.

    Raises:
        ValueError: it is no id of a run.
    """
    stamp = 0
    for digit in run[:10]:
        stamp = stamp * 32 + _CROCKFORD.index(digit)
    return stamp / 1000


def skill_named(project: Project, name: str) -> Skill:
    """A skill of the library, to be used.

    Raises:
        BadInput: there is none of that name, or it is in quarantine or retired.
    """
    held = held_skill(project, name)
    if held.item.state in SHELVED:
        why = f" ({held.item.why})" if held.item.why else ""
        raise BadInput(f"skill {name!r} is in state {held.item.state}{why} and is not used; to take it from there: "
                       f"strop skills approve {name}")  # fmt: skip
    return held.skill


def held_skill(project: Project, name: str) -> Held:
    """A skill of the library with its entry, in whatever state, to be looked at.

    Raises:
        BadInput: there is none of that name.
    """
    return load_skill(name, library=project.db, blobs=project.blobs)


def all_skills(project: Project) -> tuple[Held, ...]:
    """Every skill of the library's head, in whatever state."""
    return tuple(Held(item, skill_of(item, project.blobs)) for item in skills(project.db))


def state_of(folder: Path) -> RunFold:
    """A run as its journal tells it, read-only.

    Raises:
        JournalFault: no journal, or one that cannot be read.
    """
    return fold(events_of(folder))


def runs_of(project: Project) -> tuple[RunRow, ...]:
    """Every run of the project, newest first: those that ended, and those that wait or were cut off."""
    rows = {row.id: row for row in project.db.runs()}
    for folder in project.runs.glob("*"):
        if folder.name not in rows and has_journal(folder):
            try:
                rows[folder.name] = _unindexed(state_of(folder), folder.name)
            except StropError:
                rows[folder.name] = RunRow(folder.name, "", "", "", "damaged", 0, 0, 0, 0.0)
    return tuple(rows[name] for name in sorted(rows, reverse=True))


def _unindexed(state: RunFold, name: str) -> RunRow:
    opened, plan, spent = state.opened, state.plan, state.ledger
    return RunRow(
        name,
        opened.spec if opened else "",
        opened.path if opened else "",
        plan.guidance.skill if plan else "",
        state.outcome or "unfinished",
        len({unit.key for task in plan.tasks for unit in task.units}) or len(plan.tasks) if plan else 0,
        spent.calls,
        spent.nanos,
        state.seconds,
    )


def resumable(project: Project, spec: Spec) -> str:
    """The newest run of the same spec that was cut off; empty when there is none."""
    closed = {row.id: row for row in project.db.runs()}
    for folder in sorted(project.runs.glob("*"), reverse=True):
        if not has_journal(folder) or folder.name in closed:
            continue
        try:
            state = state_of(folder)
        except StropError:
            continue  # a damaged journal is not offered
        if state.opened is not None and state.opened.spec == order_mark(spec) and state.outcome is None:
            return folder.name
    return ""
