"""What a gate goes by: sources as they were read, tables counted again, and models that think on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import orjson

from strop.app.project import Project
from strop.app.rulewatch import watched
from strop.checking.calibration import heard
from strop.checking.conflicts import Dated, dated
from strop.errors import BadStream, StropError
from strop.loop.plan import Think
from strop.loop.verify import Proofs
from strop.reporting import moment
from strop.seams import Assignment, Model
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import RunFold
from strop.swarm.supervise import Supervisor
from strop.tools.tables import recompute
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Constraint
from strop.types.money import Price
from strop.types.schema import Json
from strop.types.trial import Claim, Run, Verdict
from strop.types.work import Task


class Cached:
    """Source text, read once a run, so that the gate judges by the bytes that agents saw."""

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read
        self._held: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if path not in self._held:
            self._held[path] = self._read(path)
        return self._held[path]


def pinned(state: RunFold, role: str, model: Model) -> Price:
    binding = state.plan.binding(role) if state.plan else None
    return binding.price if binding else model.card.price


def thinker(model: Model | None, like: AgentLoop, desk: Supervisor, state: RunFold, role: str) -> Think:
    """Has a planner or verifier do one task on record, by the same loop that workers use."""
    assert model is not None, "a thinker needs a model"
    loop = replace(like, model=model, price=pinned(state, role, model), columns=(), tools={}, files=())

    async def think(task: Task) -> Json:
        result = await loop.work(Assignment(task, 1, notes=task.repairs), desk=desk)
        if result.failure:
            raise BadStream(f"{role} {model.card.name}: {result.failure}")
        return cast("Json", orjson.loads(result.output))

    return think


def proofs_of(
    project: Project, run: Run, read: Callable[[str], str], rules: tuple[Constraint, ...], *, verifier: str
) -> Proofs:
    """Sources as they were read, and every table claim counted a second time."""
    hashes = {claim.source: claim.source_hash for claim in run.claims if claim.source}
    sources: dict[str, str] = {}
    for path, digest in hashes.items():
        try:
            text = read(path)
        except StropError:
            continue  # a claim on a source that is not there does not stand; the gate says so
        if digest_bytes(text.encode()) == digest:
            sources[path] = text
    asks = {column.name: column.compute or column.recompute for column in run.plan.spec.table}
    recounted = tuple(
        again
        for claim in run.claims
        if claim.locator and not claim.reader and (again := _again(project, claim, asks.get(claim.field))) is not None
    )
    past = project.db.heard(verifier, prompt_mark(project), but=run.id) if verifier else ()
    floor = project.config.settings.gate.floor
    dates = dates_of(run, sources)
    today = datetime.now(UTC).date()
    learned = watched(project, rules)
    return Proofs(
        sources, recounted, rules, learned, refuter=verifier, dates=dates, past=past, floor=floor, today=today
    )


def dates_of(run: Run, sources: Mapping[str, str]) -> dict[str, Dated]:
    """When each source is from, for contradictions that the newest settles."""
    reads = {read.path: read for read in run.sources}
    found = {path: dated(path, text, read=reads.get(path), moment=moment) for path, text in sources.items()}
    return {path: each for path, each in found.items() if each is not None}


def prompt_mark(project: Project) -> str:
    """Hash of what the refuting model is told: what it found under other words is another model's record."""
    return digest_bytes(project.prompts()["refute"].encode())


def note_heard(project: Project, run: str, verdict: Verdict) -> None:
    """Keep what a gate found of planted flaws for the gates to come."""
    if verdict.calibration is not None:
        project.db.note_heard(heard(verdict.calibration, run=run, model=verdict.refuter, prompt=prompt_mark(project)))


def _again(project: Project, claim: Claim, ask: str | None) -> Claim | None:
    if ask is None or claim.value is None:
        return None
    try:
        return replace(claim, value=recompute(project.folder / claim.source, ask))
    except StropError:
        return replace(claim, value=None)
