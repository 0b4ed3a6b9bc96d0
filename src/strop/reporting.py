"""What a run leaves for people and programs: run.json, verdict.json, plan.json, report.html.

Seconds and dates stand here and nowhere under `files/`, which must be equal for equal inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from strop.checking.calibration import told
from strop.errors import StropError
from strop.loop.cycle import Turn
from strop.renderers.report import report
from strop.renderers.story import (
    Agent,
    Comparison,
    Contradiction,
    Evidence,
    Figure,
    File,
    Found,
    Judged,
    Quoted,
    Source,
    Story,
)
from strop.renderers.theme import Theme
from strop.swarm.figures import MAIN, Figures
from strop.swarm.fold import RunFold
from strop.types.content import Standing
from strop.types.count import counted
from strop.types.money import Usage, dollars
from strop.types.trial import Claim, Finding, Outcome, Value, Verdict
from strop.types.work import Quote

CONTRADICTIONS = ("conflict", "disagreement", "agreement")
"""Findings of sources, data and agents that say different things."""
MOST_EVIDENCE = 12
"""Claims behind one value that the report shows; `strop show --claim` shows all."""
PRETTY = orjson.OPT_INDENT_2

SENTENCES = {
    Outcome.PASSED: "The gate passed; unverified values are marked.",
    Outcome.REFUSED: "The gate refused this run; nothing was learned from it.",
    Outcome.PARTIAL: "The run ended early; what there is was written.",
    Outcome.INTERRUPTED: "The run was interrupted; what there is was written.",
    Outcome.AWAITING: "The run waits for a person.",
    Outcome.FAULT: "The run ended by a fault.",
}


def write_reports(
    folder: Path,
    *,
    turn: Turn,
    state: RunFold,
    before: str,
    after: str,
    read: Callable[[str], str],
    publish: Callable[[Path, bytes], None],
    comparisons: tuple[Comparison, ...] = (),
    more: Mapping[str, object] | None = None,
    library: tuple[str, ...] = (),
    theme: Theme | None = None,
) -> None:
    """Write all four, each whole or not at all; `more` are further keys of run.json."""
    publish(folder / "plan.json", orjson.dumps(turn.run.plan, option=PRETTY))
    publish(folder / "verdict.json", orjson.dumps(turn.verdict, option=PRETTY))
    publish(
        folder / "run.json", orjson.dumps(run_json(turn, state, before=before, after=after, more=more), option=PRETTY)
    )
    story = story_of(turn, state, read=read, comparisons=comparisons, library=library)
    publish(folder / "report.html", report(story, theme=theme).encode())


def run_json(
    turn: Turn, state: RunFold, *, before: str, after: str, more: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The run as one JSON object: what it used, by class, and what came of it."""
    run, tally = turn.run, turn.run.tally
    return {
        "id": run.id,
        "spec": {"title": run.plan.title, "fingerprint": run.plan.spec.fingerprint},
        "plan": run.plan.fingerprint,
        "skill": run.plan.guidance.skill,
        "outcome": turn.outcome,
        "stopped": run.stopped,
        "quote": run.plan.quote,
        "agents": [
            {
                "task": result.task,
                "steps": state.ledger.steps_by_task.get(result.task, 0),
                "landed": result.landed,
                "failure": result.failure,
                "unread": result.unread,
                "claims": len(result.claims),
            }
            for result in run.results
        ],
        "missing": run.missing,
        "usage": tally.usage,
        "usd": dollars(tally.nanos),
        "nanos": tally.nanos,
        "seconds": round(tally.seconds, 3),
        **figures_json(state.trace.figures()),
        "calls": tally.calls,
        "retries": tally.retries,
        "lost": {"calls": tally.lost, "nanos": tally.lost_nanos},
        "paid_twice": tally.twice,
        "hedges": {"calls": tally.hedges, "won": tally.hedges_won, "nanos": tally.outrun_nanos},
        "tools": tally.tools,
        "values": {str(standing): len(turn.verdict.standing(standing)) for standing in Standing},
        "claims": claims_json(run.claims),
        "sources": [
            {"path": read.path, "sha256": read.digest, "read": moment(read.at) if read.at else None}
            for read in run.sources
        ],
        "conflicts": [finding for finding in turn.verdict.findings if finding.kind in CONTRADICTIONS],
        "findings": turn.verdict.findings,
        "earlier_findings": turn.verdict.earlier,
        "verdict": {
            "passed": turn.verdict.passed,
            "refuter": turn.verdict.refuter,
            "unchecked": turn.verdict.unchecked,
            "asked": turn.verdict.asked,
            "calibration": turn.verdict.calibration,
        },
        "files": turn.delivery.files,
        "learned": {
            "skill": turn.skill.name if turn.skill else "",
            "rules": [rule.id for rule in turn.rules],
            "manifest_before": before,
            "manifest_after": after,
        },
        **(more or {}),
    }


def claims_json(claims: Sequence[Claim]) -> dict[str, int]:
    """How many claims there are, and what they rest on."""
    return {
        "all": len(claims),
        "quoted": sum(claim.span is not None and not claim.rests for claim in claims),
        "by_tool": sum(bool(claim.locator) for claim in claims),
        "citing": sum(bool(claim.rests) and not claim.formula for claim in claims),
        "derived": sum(bool(claim.formula) for claim in claims),
    }


def moment(seconds: float) -> str:
    """Seconds since 1970 as date and time, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def figures_json(figures: Figures) -> dict[str, object]:
    """The figures of a run as keys of run.json; docs/run-json.md says what each is."""
    return {
        "steps": {
            "main": figures.main,
            "sub": figures.sub,
            "total": figures.total,
            "critical": figures.critical,
        },
        "parallelism": round(figures.parallelism, 3),
        "finish_rate": round(figures.finish_rate, 4),
        "agents_at_once": figures.most,
        "working_seconds": round(figures.working_seconds, 3),
        "agent_seconds": round(figures.agent_seconds, 3),
        "call_seconds": round(figures.call_seconds, 3),
        "queue_seconds": round(figures.queue_seconds, 3),
        "idle_seconds": round(figures.idle_seconds, 3),
        "cached_share": [
            {"wave": one.wave, "prompt": one.prompt, "cached": one.cached, "share": round(one.share, 4)}
            for one in figures.caching
        ],
        "with_agents": [
            {"agents": one.agents, "seconds": round(one.seconds, 3), "speedup": round(one.speedup, 3)}
            for one in figures.with_agents
        ],
    }


def attempts_compared(before: RunFold, turn: Turn) -> Comparison:
    """A new attempt beside the one before it, by what the gate said of both.

    Raises:
        JournalFault: the earlier run came to no plan.
    """
    old, new = before.run(), turn.run
    verdicts = (before.verdict, turn.verdict)
    heads = ("", f"run {old.id}", f"run {new.id}")
    rows = [("outcome", str(before.outcome or "unfinished"), str(turn.outcome))]
    rows += [
        (str(standing), *(f"{len(verdict.standing(standing)):,}" if verdict else "-" for verdict in verdicts))
        for standing in (Standing.ACCEPTED, Standing.CORRECTED, Standing.UNVERIFIED, Standing.REFUTED)
    ]
    rows += [
        ("findings", *(f"{len(verdict.findings):,}" if verdict else "-" for verdict in verdicts)),
        ("model calls", f"{old.tally.calls:,}", f"{new.tally.calls:,}"),
        ("tokens", f"{old.tally.usage.total:,}", f"{new.tally.usage.total:,}"),
        ("dollars", dollars(old.tally.nanos), dollars(new.tally.nanos)),
        ("seconds", f"{old.tally.seconds:,.1f}", f"{new.tally.seconds:,.1f}"),
    ]
    note = f"{_better(before, turn)} One run beside one run is no measure of which way of working is better."
    return Comparison("This attempt and the one before it", heads, tuple(rows), note)


def _better(before: RunFold, turn: Turn) -> str:
    proved = [
        sum(len(verdict.standing(standing)) for standing in (Standing.ACCEPTED, Standing.CORRECTED)) if verdict else 0
        for verdict in (before.verdict, turn.verdict)
    ]
    ranks = (before.outcome is Outcome.PASSED, proved[0]), (turn.outcome is Outcome.PASSED, proved[1])
    if ranks[0] == ranks[1]:
        return f"The gate proved as many values in both ({proved[1]:,})."
    which = "the new one" if ranks[1] > ranks[0] else "the earlier one"
    return f"By the gate {which} stands better: {counted(proved[1], 'value')} proved against {proved[0]:,} before."


def story_of(
    turn: Turn,
    state: RunFold,
    *,
    read: Callable[[str], str],
    comparisons: tuple[Comparison, ...] = (),
    library: tuple[str, ...] = (),
) -> Story:
    """What report.html tells."""
    run, verdict = turn.run, turn.verdict
    worker = run.plan.binding("worker")
    stages, figures = run.plan.waves, state.trace.figures()
    depth = {task: number for number, wave in enumerate(stages, 1) for task in wave}
    roles = {task.id: task.role for task in state.tasks.values()}
    contradictions = tuple(_contradiction(each, turn) for each in verdict.findings if each.kind in CONTRADICTIONS)
    return Story(
        title=run.plan.title,
        run=run.id,
        outcome=turn.outcome,
        scope=run.plan.scope,
        summary=" ".join([run.stopped or SENTENCES[turn.outcome], *_void(verdict)]),
        figures=_figures(turn),
        values=tuple(_judged(value) for value in verdict.values),
        contradictions=contradictions,
        findings=tuple(
            Found(str(f.severity), f.kind, f"{f.artefact} {f.locator}".strip(), f.expected, f.observed, f.rule)
            for f in verdict.findings
        ),
        files=tuple(File(file.file, file.size, file.digest, link=f"files/{file.file}") for file in turn.delivery.files),
        unchecked=verdict.unchecked,
        quoted=quoted(run.plan.quote, turn),
        measures=measures(figures),
        projections=projections(figures),
        refuter=(*([verdict.asked] if verdict.asked else []), *refuter_told(verdict)),
        agents=tuple(
            Agent(
                name=result.task,
                role=roles.get(result.task, ""),
                wave=depth.get(result.task, len(stages) + 1),
                steps=state.ledger.steps_by_task.get(result.task, 0),
                tokens=state.ledger.tokens_by_task.get(result.task, 0),
                seconds=state.ledger.seconds_by_task.get(result.task, 0.0),
                outcome=result.failure or "landed",
                model=worker.model if worker else "",
            )
            for result in run.results
        ),
        comparisons=comparisons,
        library=library,
        sources=_sources(turn, read),
    )


def refuter_told(verdict: Verdict) -> tuple[str, ...]:
    """What the refuting model's word is worth, in sentences; empty where it said nothing."""
    return told(verdict.calibration, model=verdict.refuter) if verdict.calibration is not None else ()


def _void(verdict: Verdict) -> tuple[str, ...]:
    return refuter_told(verdict)[:1] if verdict.void else ()


def _figures(turn: Turn) -> tuple[Figure, ...]:
    verdict, tally = turn.verdict, turn.run.tally
    total = len(verdict.values)
    tones = {
        Standing.ACCEPTED: "good",
        Standing.CORRECTED: "good",
        Standing.UNVERIFIED: "warn",
        Standing.REFUTED: "bad",
    }
    judged = tuple(
        Figure(str(standing), str(len(verdict.standing(standing))), f"of {counted(total, 'value')}", tone)
        for standing, tone in tones.items()
    )
    return (
        *judged,
        Figure("dollars", dollars(tally.nanos), counted(tally.calls, "model call")),
        Figure("seconds", f"{tally.seconds:.0f}", f"{counted(tally.steps, 'step')}, {tally.critical_steps} critical"),
        Figure("tokens", f"{tally.usage.total:,}", classes(tally.usage)),
    )


def measures(figures: Figures) -> tuple[Figure, ...]:
    """The work in numbers, in words that fit a terminal's line."""
    at_once = figures.call_seconds / figures.seconds if figures.seconds else 0.0
    return (
        Figure("steps", f"{figures.total:,}", f"{figures.main:,} of planner and verifier, {figures.sub:,} of agents"),
        Figure("critical steps", f"{figures.critical:,}", "longest task of each stage, added up"),
        Figure("parallelism", f"{figures.parallelism:,.1f}", "steps over critical; what the plan allows"),
        Figure(
            "finish rate",
            percent(figures.finish_rate),
            f"{figures.landed:,} of {counted(figures.started, 'task')} landed",
        ),
        Figure("agents at once", f"{figures.most:,}", "at most"),
        Figure("time", f"{figures.seconds:,.1f} s", f"{figures.working_seconds:,.1f} s of it with an agent at work"),
        Figure("in calls", f"{figures.call_seconds:,.1f} s", f"all together, {at_once:,.1f} at once on average"),
        Figure("queued", f"{figures.queue_seconds:,.1f} s", "runnable tasks waiting to start, together"),
        Figure("idle", f"{figures.idle_seconds:,.1f} s", "of that, while an agent more was allowed"),
    )


def projections(figures: Figures) -> tuple[Comparison, ...]:
    """What the run would have taken with other numbers of agents, and its prompt cache by wave."""
    made: list[Comparison] = []
    if len(figures.with_agents) > 1:
        note = (
            "Predicted from the measured durations of the tasks, in the plan's order; it takes them to be the same "
            f"under any load, and leaves out planning and gate. Measured: {figures.working_seconds:,.1f} s with at "
            f"most {figures.most:,} at once."
        )
        rows = tuple((f"{one.agents:,}", f"{one.seconds:,.1f}", f"{one.speedup:,.1f}") for one in figures.with_agents)
        made.append(Comparison("With n agents", ("agents at most", "seconds", "times faster"), rows, note))
    if figures.caching:
        lines = tuple(
            (wave_name(one.wave), f"{one.prompt:,}", f"{one.cached:,}", percent(one.share)) for one in figures.caching
        )
        made.append(Comparison("Prompt cache by wave", ("wave", "prompt tokens", "cached", "share"), lines))
    return tuple(made)


def wave_name(number: int) -> str:
    """A wave of `Caching`, in words."""
    return "planner, verifier" if number == MAIN else str(number)


def percent(share: float) -> str:
    """A share of 0 to 1, in whole percent."""
    return f"{100 * share:.0f} %"


def classes(usage: Usage) -> str:
    """Tokens by class, in words."""
    return f"{usage.input + usage.cache_write:,} new, {usage.cached:,} cached, {usage.output:,} output"


def _judged(value: Value) -> Judged:
    evidence = tuple(map(_evidence, value.claims[:MOST_EVIDENCE]))
    more = len(value.claims) - MOST_EVIDENCE
    reasons = (*value.reasons, f"and {more} more claims below it") if more > 0 else value.reasons
    return Judged(value.row, value.field, value.value, value.standing, evidence, reasons, value.said)


def _evidence(claim: Claim) -> Evidence:
    return Evidence(
        claim.value,
        claim.source,
        claim.quote,
        claim.span,
        claim.locator,
        claim.reader,
        claim.id,
        claim.formula,
        len(claim.rests),
    )


def _claims_of(finding: Finding, turn: Turn) -> tuple[Claim, ...]:
    """The claims a finding names, one a different value and source."""
    held = {claim.id: claim for claim in turn.run.claims}
    named = (held[id] for id in finding.claims if id in held)
    return tuple({(str(claim.value), claim.source, claim.locator): claim for claim in named}.values())


def _contradiction(finding: Finding, turn: Turn) -> Contradiction:
    sides = tuple(map(_evidence, _claims_of(finding, turn)[:MOST_EVIDENCE]))
    made = finding.expected if finding.kind == "conflict" else finding.rule
    return Contradiction(finding.locator, made, sides)


def quoted(quote: Quote, turn: Turn) -> tuple[Quoted, ...]:
    """Quote against actual."""
    run, tally = turn.run, turn.run.tally
    return (
        Quoted("agents", f"{quote.agents}", f"{len(run.results)}"),
        Quoted("steps", _upto(quote.steps, quote.steps_p90), f"{tally.steps:,}"),
        Quoted("critical steps", _upto(quote.critical_steps, quote.critical_steps_p90), f"{tally.critical_steps:,}"),
        Quoted("tokens", f"{quote.tokens.p50:,.0f} to {quote.tokens.p90:,.0f}", f"{tally.usage.total:,}"),
        Quoted("dollars", f"{dollars(int(quote.nanos.p50))} to {dollars(int(quote.nanos.p90))}", dollars(tally.nanos)),
        Quoted("minutes", f"{quote.minutes.p50:.1f} to {quote.minutes.p90:.1f}", f"{tally.seconds / 60:.1f}"),
    )


def _upto(p50: int, p90: int) -> str:
    return f"{p50:,} to {p90:,}" if p90 else f"{p50:,}"


def _sources(turn: Turn, read: Callable[[str], str]) -> tuple[Source, ...]:
    """The stored text behind every quote."""
    verdict = turn.verdict
    shown = [claim for value in verdict.values for claim in value.claims]
    shown += [c for each in verdict.findings if each.kind in CONTRADICTIONS for c in _claims_of(each, turn)]
    hashes = {claim.source: claim.source_hash for claim in shown if claim.span is not None}
    times = {(each.path, each.digest): each.at for each in turn.run.sources}
    sources: list[Source] = []
    for path, digest in sorted(hashes.items()):
        at = times.get((path, digest), 0.0)
        try:
            sources.append(Source(path, read(path), digest, moment(at) if at else ""))
        except StropError:
            continue  # gone since: the value's evidence still names the path
    return tuple(sources)
