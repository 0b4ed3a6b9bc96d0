"""`strop verify`: the gate on a run once more, or on files that strop did not make."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from strop.app import (
    Examined,
    Offer,
    Rehearing,
    examine_files,
    open_project,
    reheard,
    spec_of,
    state_of,
    verdicts_compared,
    verify_again,
)
from strop.app.project import new_run_id
from strop.checking.calibration import told
from strop.checking.checks import is_check
from strop.checking.hearing import Bench
from strop.cli.console import err, out, print_json
from strop.cli.look import planned, show_verdict
from strop.cli.show import show_comparison
from strop.config import load
from strop.errors import BadInput
from strop.loop.verify import Hearing
from strop.types.content import Standing
from strop.types.trial import Finding, Severity
from strop.types.work import Spec

INDENT = (0, 0, 0, 2)
NOT_ASKED = "No refuting model was asked: framing, dropped caveats and what only a reader sees were not checked."


@dataclass(frozen=True, slots=True)
class Gate:
    """What `strop verify` was called with."""

    targets: tuple[str, ...]
    spec: Path | None
    sources: Path | None
    max_age: int | None
    verifier: str
    yes: bool
    project: Path

    @property
    def files(self) -> bool:
        """Whether it is about files and not about a run."""
        if self.spec is not None or self.sources is not None or self.max_age is not None:
            return True
        return len(self.targets) > 1 or any("." in name and Path(name).exists() for name in self.targets)

    @property
    def model(self) -> str:
        """Who refutes; empty for nobody."""
        name = self.verifier or load(self.project).locator("verifier", os.environ)
        return "" if name == "none" else name


def verified(gate: Gate, *, as_json: bool) -> int:
    """Gate and print; 0 when it passed, 1 when it refused.

    Raises:
        BadInput: nothing to gate, or nothing to hold it against.
    """
    return _of_files(gate, as_json=as_json) if gate.files else _of_run(gate, as_json=as_json)


def _approval(gate: Gate, declined: list[str]) -> Callable[[Offer], Awaitable[bool]]:
    """Takes the price with --yes or at a terminal; else says what was left out."""

    async def approve(offer: Offer) -> bool:
        err.print(offer.told, highlight=False, markup=False, soft_wrap=True)
        if gate.yes:
            return True
        if sys.stdin.isatty():
            err.print("Ask it? [y/N] ", end="", highlight=False, markup=False)
            if sys.stdin.readline().strip().lower() in ("y", "yes"):
                return True
        declined.append(f"{offer.told}; it was not asked. Take that price with --yes.")
        return False

    return approve


# ---------------------------------------------------------------- a run


def _of_run(gate: Gate, *, as_json: bool) -> int:
    project = open_project(gate.project)
    folder = project.find_run(gate.targets[0])
    state = state_of(folder)
    planned(state, folder.name)
    declined: list[str] = []
    verdict = asyncio.run(verify_again(project, folder, verifier=gate.model, approve=_approval(gate, declined)))
    if declined:
        verdict = replace(verdict, unchecked=(*verdict.unchecked, *declined))
    if as_json:
        print_json(verdict)
    else:
        show_verdict(out, verdict)
        if state.verdict is not None:
            show_comparison(out, verdicts_compared(state.verdict, verdict))
    return 0 if verdict.passed else 1


# ---------------------------------------------------------------- files


def _of_files(gate: Gate, *, as_json: bool) -> int:
    spec = None
    if gate.spec is not None:
        if not gate.spec.is_file():
            raise BadInput(f"--spec {gate.spec} is not there")
        spec = spec_of(gate.spec.read_bytes(), name=gate.spec.name)
    examined = examine_files([Path(name) for name in gate.targets], spec=spec, sources=gate.sources,
                             max_age=gate.max_age)  # fmt: skip
    found, lines, model = asyncio.run(_refuted(gate, examined, spec))
    if found is not None:
        examined = replace(examined, values=found.values, findings=(*examined.findings, *found.findings))
    refuter = told(found.calibration, model=model) if found is not None and found.calibration is not None else ()
    examined = replace(examined, unchecked=(*examined.unchecked, *lines))
    if as_json:
        calibration = found.calibration if found is not None else None
        print_json(_json(examined) | {"refuter": model, "calibration": calibration})
    else:
        _show(out, examined, refuter)
    return 0 if examined.passed else 1


async def _refuted(gate: Gate, examined: Examined, spec: Spec | None) -> tuple[Hearing | None, list[str], str]:
    """(the refuting model's words, what was not asked, its name)."""
    lines = (line for line in (spec.valid if spec is not None else ()) if not is_check(line))  # checks are held by code
    known = [line for line in lines if "quote" not in line.lower()]
    rules = [f"Not checked: {line}" for line in known]
    if not gate.model or not examined.values:
        return None, [NOT_ASKED, *rules], ""
    project = open_project(gate.project)
    run = new_run_id(time.time())
    bench = Bench(
        dict(examined.texts), seed=run, rules=tuple(known), floor=project.config.settings.gate.floor
    )  # fmt: skip
    declined: list[str] = []
    asking = Rehearing(project, gate.model, bench, "files handed over", project.runs / run, run)
    answer = await reheard(examined.values, asking, approve=_approval(gate, declined))
    if answer is None:
        return None, [NOT_ASKED, *declined, *rules], ""
    found, model = answer
    shown = [f"Checked by no code, only shown to the refuting model: {line}" for line in known]
    return found, [*shown, *found.silences], model


def _json(examined: Examined) -> dict[str, object]:
    counts = {str(standing): sum(v.standing is standing for v in examined.values) for standing in Standing}
    return {
        "passed": examined.passed,
        "files": examined.files,
        "sources": examined.sources,
        "values": counts,
        "findings": examined.findings,
        "unchecked": examined.unchecked,
    }


def _show(console: Console, examined: Examined, refuter: tuple[str, ...]) -> None:
    how = "[green]passed[/green]" if examined.passed else "[red]refused[/red]"
    files, sources = len(examined.files), len(examined.sources)
    console.print(f"{how}: {files} files against {sources} sources, {len(examined.findings)} findings", highlight=False)
    for finding in sorted(examined.findings, key=lambda each: list(Severity).index(each.severity)):
        _finding(console, finding)
    counts = {standing: sum(v.standing is standing for v in examined.values) for standing in Standing}
    if examined.values:
        proved, stated = counts[Standing.ACCEPTED], counts[Standing.UNVERIFIED]
        line = f"{proved} say what a source table says or were computed again, {stated} stand in a document, "
        line += f"{counts[Standing.REFUTED]} contradict one or stand nowhere"
        console.print(Padding(f"{len(examined.values)} values: {line}", INDENT), highlight=False)
    for line in refuter:
        console.print(Padding(f"[cyan]gate[/cyan]: {escape(line)}", INDENT), highlight=False)
    for line in examined.unchecked:
        console.print(Padding(f"[yellow]not verified[/yellow]: {escape(line)}", INDENT), highlight=False)


def _finding(console: Console, finding: Finding) -> None:
    colour = {Severity.FATAL: "red", Severity.FLAW: "yellow", Severity.NOTE: "cyan"}[finding.severity]
    where = escape(f"{finding.artefact} {finding.locator}".strip())
    said = f"expected {escape(finding.expected)}, observed {escape(finding.observed)}"
    console.print(Padding(f"[{colour}]{finding.kind}[/{colour}] {where}: {said}", INDENT), highlight=False)
