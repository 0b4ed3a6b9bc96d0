"""Gating a run again, and drafting a spec from a wish."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from strop.app.evidence import Cached, proofs_of, thinker
from strop.app.pages import pages_of, reading
from strop.app.parts import SystemChance, SystemClock, build_model, inside_of, renderers, tables_of, theme_of
from strop.app.project import Project, new_run_id, state_of
from strop.app.rehearing import Approve, Rehearing, reheard
from strop.app.ruling import rules_for
from strop.checking.ordered import Redraw, held_to_checks
from strop.loop.deliver import held_to_contract, parts
from strop.loop.specify import DRAFT, draft, drafted
from strop.loop.verify import Proofs, bench_of, sealed, verify, with_hearing
from strop.renderers.story import Comparison
from strop.stores.blobs import write_whole
from strop.stores.sqlite import SqliteJournal
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import RunFold, fold
from strop.swarm.supervise import Supervisor
from strop.types.content import Standing
from strop.types.events import RunClosed, RunOpened
from strop.types.fingerprint import digest_bytes
from strop.types.money import nanos
from strop.types.trial import Deliverable, Delivery, Finding, Outcome, Run, Severity, Verdict
from strop.types.work import Budget, Task, TaskId, TaskKind, kind_of
from strop.version import __version__

EQUAL = "No value moved."


async def verify_again(
    project: Project, folder: Path, *, verifier: str = "", approve: Approve | None = None
) -> Verdict:
    """The gate on a run as its journal tells it, and on its files as they are now.

    What the refuting model said in the run stands on record. Where a `verifier` is named, and `approve`
    takes its price, it is asked once more; its verdict goes beside the old one, as `verdict-2.json` and so on.

    Raises:
        JournalFault, BadInput, ConfigRefused, MissingPart.
    """
    state = state_of(folder)
    run = state.run()
    _, material = inside_of(project, run.plan.spec)
    read = Cached(reading(material, pages_of(project, run.plan.spec, run=run.id)))
    proofs = proofs_of(project, run, read, rules_for(project, run.plan.spec), verifier=_refuter(state))
    number = _next_number(folder)
    verdict = None
    if verifier and approve is not None:
        gate = folder / f"gate-{number}"
        verdict = await _asked_anew(project, run, replace(proofs, refuter=""), gate, verifier, approve)
    if verdict is None:
        verdict = await verify(run, proofs=replace(proofs, before=state.verdict))
        number = 0
    tables = tables_of(project, run.plan.spec)
    findings = [*held_to_contract(run.plan.spec, folder / "files", verdict=verdict, tables=tables)]
    redraw = _redraw(project, run, state.verdict or verdict)
    findings += held_to_checks(run.plan.spec, folder / "files", redraw=redraw)
    changed = tuple(_unlike(folder / "files", file) for file in state.files.values())
    verdict = sealed(verdict, delivery=Delivery(tuple(state.files.values()), (*findings, *(f for f in changed if f))))
    if number:
        write_whole(folder / f"verdict-{number}.json", orjson.dumps(verdict, option=orjson.OPT_INDENT_2))
    return verdict


def _redraw(project: Project, run: Run, verdict: Verdict) -> Redraw:
    """Draws a picture of the run again, from the values that it was delivered from."""

    def drawn(file: str) -> bytes | None:
        part = next((part for part in parts(run, verdict=verdict) if part.file == file), None)
        if part is None:
            return None
        with TemporaryDirectory(prefix="strop-drawn-") as folder:
            path = Path(folder) / Path(file).name
            renderers(theme_of(project))[kind_of(file)].render(part, to=path)
            return path.read_bytes()

    return drawn


def _next_number(folder: Path) -> int:
    """Of the verdict that would stand beside those that are there; the run's own is the first."""
    return 2 + sum(1 for _ in folder.glob("verdict-*.json"))


async def _asked_anew(
    project: Project, run: Run, proofs: Proofs, folder: Path, verifier: str, approve: Approve
) -> Verdict | None:
    """The verdict with the refuting model asked once more; None where nobody approved."""
    judged = await verify(run, proofs=proofs)
    asking = Rehearing(project, verifier, bench_of(run, proofs), run.plan.title, folder, f"{run.id}-{folder.name}")
    answer = await reheard(judged.values, asking, approve=approve)
    if answer is None:
        return None
    found, model = answer
    return with_hearing(judged, found, refuter=model)


def verdicts_compared(before: Verdict, after: Verdict) -> Comparison:
    """Two verdicts on one run."""
    rows = [("refuting model", before.refuter or "none", after.refuter or "none")]
    rows += [
        (str(standing), f"{len(before.standing(standing)):,}", f"{len(after.standing(standing)):,}")
        for standing in (Standing.ACCEPTED, Standing.CORRECTED, Standing.UNVERIFIED, Standing.REFUTED)
    ]
    rows += [("findings", f"{len(before.findings):,}", f"{len(after.findings):,}")]
    rows += [("its word is", _worth(before), _worth(after))]
    old = {(value.row, value.field): value.standing for value in before.values}
    moved = [value for value in after.values if old.get((value.row, value.field)) is not value.standing]
    note = "; ".join(f"{value.row} {value.field}: now {value.standing}" for value in moved[:8])
    more = f" and {len(moved) - 8} more" if len(moved) > 8 else ""
    return Comparison("The verdict then and now", ("", "then", "now"), tuple(rows), f"{note}{more}" or EQUAL)


def _worth(verdict: Verdict) -> str:
    return str(verdict.calibration.state) if verdict.calibration is not None else "-"


def _refuter(state: RunFold) -> str:
    return state.verdict.refuter if state.verdict else ""


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
