"""Gating a run again, and drafting a spec from a wish."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import cast

import orjson

from strop.app.parts import SystemChance, SystemClock, build_model, inside_of, tables_of
from strop.app.project import Project, new_run_id, state_of
from strop.app.turn import Cached, proofs_of, thinker
from strop.errors import BadStream
from strop.loop.deliver import held_to_contract
from strop.loop.specify import DRAFT, draft, drafted
from strop.loop.verify import sealed, verify
from strop.stores.sqlite import SqliteJournal
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.types.events import CallAnswered, RunClosed, RunOpened
from strop.types.fingerprint import digest_bytes
from strop.types.money import nanos
from strop.types.schema import Json, validate
from strop.types.trial import Deliverable, Delivery, Finding, Outcome, Severity, Verdict
from strop.types.work import Budget, Task, TaskId, TaskKind
from strop.version import __version__


async def verify_again(project: Project, folder: Path) -> Verdict:
    """The gate on a run as its journal tells it, and on its files as they are now.

    No model is asked: what the refuting model said in the run stands on record.

    Raises:
        JournalFault, BadInput.
    """
    state = state_of(folder)
    run = state.run()
    _, material = inside_of(project, run.plan.spec)
    proofs = proofs_of(project, run, Cached(material.read_text), project.rules(), verifier=_refuter(state))
    verdict = await verify(run, proofs=proofs, refute=partial(_on_record, state) if proofs.refuter else None)
    findings = held_to_contract(
        run.plan.spec, folder / "files", verdict=verdict, tables=tables_of(project, run.plan.spec)
    )
    changed = tuple(_unlike(folder / "files", file) for file in state.files.values())
    return sealed(verdict, delivery=Delivery(tuple(state.files.values()), (*findings, *(f for f in changed if f))))


def _refuter(state: RunFold) -> str:
    return state.verdict.refuter if state.verdict else ""


async def _on_record(state: RunFold, task: Task) -> Json:
    """What a model answered to this task in the run.

    Raises:
        BadStream: nothing on record fits.
    """
    for step in range(task.steps, 0, -1):
        for body in state.steps_of(task.id, 1, step):
            if isinstance(body, CallAnswered):
                try:
                    answer = cast("Json", orjson.loads(body.text))
                except orjson.JSONDecodeError:
                    continue
                if not validate(task.schema, answer):
                    return answer
    raise BadStream("no answer to this is on record")


def _unlike(folder: Path, file: Deliverable) -> Finding | None:
    """Whether a delivered file is still what was delivered."""
    path = folder / file.file
    now = digest_bytes(path.read_bytes()) if path.is_file() else "no file"
    if now == file.digest:
        return None
    rule = "a delivered file is as it was delivered"
    return Finding("contract", file.file, "", file.digest[:16], now[:16], rule, Severity.FATAL)


async def draft_of(project: Project, wish: str, *, planner: str) -> str:
    """A draft spec from a wish: by the planner model where there is one, on record, else from a form."""
    prompts = project.prompts()
    locator = planner or project.config.locator("planner", project.environment)
    if not locator or locator == "none":
        return draft(wish, form=prompts["form"])
    model = build_model(project, locator)
    run_id = new_run_id(time.time())
    folder = project.runs / run_id
    folder.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal(folder / "journal.db", run=run_id)
    try:
        loop = AgentLoop(model, model.card.price, prompts, lambda path: "", SystemClock(), SystemChance(), title=wish)
        desk = Supervisor(journal, fold(()), loop, SystemClock(), SystemChance())
        await desk.record(RunOpened(run_id, "", __version__, Budget(steps=2, nanos=nanos("0.50")), "a wish"))
        task = Task(TaskId("draft"), TaskKind.AGGREGATE, "planner", wish, DRAFT, "draft", steps=2)
        answer = await thinker(model, loop, desk, desk.state, "planner")(task)
        await desk.record(RunClosed(Outcome.PASSED, desk.now))
        return drafted(wish, answer=answer)
    finally:
        journal.close()
        await model.close()
