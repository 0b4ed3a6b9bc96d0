"""Verify: one gate. Deterministic checks first, then a model that refutes; it never praises, it finds.

Values are judged before any file is written, so what is refuted reaches no file; the bytes of the
files are judged by `checking.contracts` when they are delivered, and `sealed` joins the two.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import cast

from strop.checking.checks import parse_check, run_check
from strop.checking.judge import Evidence, Failure, judge
from strop.checking.quotes import locate, states
from strop.types.content import Standing
from strop.types.memory import CheckKind, Constraint
from strop.types.schema import Array, Choice, Field, Json, Object, Text, object_of
from strop.types.trial import Claim, Delivery, Finding, Run, Severity, Value, Verdict
from strop.types.work import Task, TaskId, TaskKind, UnitKey

BATCH = 8
"""Claims in one call to the refuting model."""
WINDOW = 400
"""Characters of the source shown on either side of a quote."""

Refute = Callable[[Task], Awaitable[Json]]
"""Has the refuting model do one task, on record."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """What the gate judges by, beside the run itself."""

    sources: Mapping[str, str]
    """Source text by path, as stored when it was read."""
    recounted: tuple[Claim, ...] = ()
    """Every table claim of the run, made again by calling the tool a second time."""
    rules: tuple[Constraint, ...] = ()
    refuter: str = ""
    """Name of the refuting model; empty when none is configured."""


async def verify(run: Run, *, proofs: Proofs, refute: Refute | None = None) -> Verdict:
    """Judge every value of the run. The verdict stands for values only until it is `sealed`."""
    units = _rows(run)
    if run.plan.spec.each is not None:
        evidence = Evidence(
            claims=(*run.claims, *proofs.recounted),
            sources=proofs.sources,
            readers=run.plan.spec.readers,
            failures=_failures(run),
        )
        values, findings = judge(evidence, columns=run.plan.spec.table, rows=units, conflict=run.plan.spec.conflict)
    else:
        values, findings = _judge_made(run, proofs)
    findings = (*findings, *_missing(run), *_unread(run))
    if refute is not None:
        values, more = await _refuted(values, proofs, refute)
        findings = (*findings, *more)
    values, broken = _ruled(values, proofs.rules)
    findings = (*findings, *broken)
    return Verdict(
        passed=not any(finding.severity is Severity.FATAL for finding in findings),
        values=values,
        findings=findings,
        unchecked=_unchecked(run, values, refuter=proofs.refuter if refute else ""),
        refuter=proofs.refuter if refute else "",
    )


def sealed(verdict: Verdict, *, delivery: Delivery) -> Verdict:
    """The verdict on the whole run: contracts hold on what is left, and no fatal finding stands."""
    findings = (*verdict.findings, *delivery.findings)
    return replace(
        verdict, findings=findings, passed=not any(finding.severity is Severity.FATAL for finding in findings)
    )


def _rows(run: Run) -> tuple[UnitKey, ...]:
    seen: dict[UnitKey, None] = {}
    for task in run.plan.tasks:
        for unit in task.units:
            seen.setdefault(unit.key)
    return tuple(seen)


def _judge_made(run: Run, proofs: Proofs) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """Values of planned prose: what the makers' answers claim, by their quotes."""
    makers = {task.id for task in run.plan.tasks if task.makes} | set(run.extended)
    latest: dict[tuple[UnitKey, str], Claim] = {}
    for result in run.results:
        if result.task in makers:
            latest.update({(claim.row, claim.field): claim for claim in result.claims})
    values: list[Value] = []
    findings: list[Finding] = []
    for (row, field), claim in latest.items():
        if claim.value is None:
            continue
        if claim.span is None or claim.source not in proofs.sources:
            observed = claim.quote or "no quote"
            rule = "every value carries a quote that stands in its source"
            findings.append(Finding("quote", claim.task, f"{row}.{field}", "a quote that stands", observed, rule))
            values.append(Value(row, field, None, Standing.REFUTED, (claim,), ("no quote stands",), claim.value))
        else:
            said = "quote states the value" if states(claim.value, claim.quote) else "quote stands"
            values.append(Value(row, field, claim.value, Standing.UNVERIFIED, (claim,), (said,)))
    return tuple(values), tuple(findings)


def _failures(run: Run) -> tuple[Failure, ...]:
    """Why a cell may have no claim: a unit that was not read, a tool that broke."""
    unread = [Failure(key, why) for result in run.results for key, why in result.unread]
    broken = [
        Failure(claim.row, claim.quote, claim.field) for claim in run.claims if claim.locator and claim.value is None
    ]
    return (*unread, *broken)


def _missing(run: Run) -> tuple[Finding, ...]:
    failures = {result.task: result.failure for result in run.results}
    return tuple(
        Finding(
            kind="missing",
            artefact=task,
            locator="",
            expected="a result",
            observed=failures.get(task) or f"cut off: {run.stopped or 'not started'}",
            rule="every task of the plan lands",
            severity=Severity.FLAW,
        )
        for task in run.missing
    )


def _unread(run: Run) -> tuple[Finding, ...]:
    return tuple(
        Finding("missing", result.task, str(key), "a reading", why, "every unit is read", Severity.FLAW)
        for result in run.results
        if result.landed
        for key, why in result.unread
    )


# ---------------------------------------------------------------- the refuting model


_ANSWER = Object(
    (
        Field(
            "verdicts",
            Array(
                Object(
                    (
                        Field("id", Text(40)),
                        Field("verdict", Choice(("refuted", "supported", "cannot-tell"))),
                        Field("quote", Text(1_000, nullable=True)),
                    )
                ),
                max_items=4 * BATCH,
            ),
        ),
    )
)


async def _refuted(
    values: Sequence[Value], proofs: Proofs, refute: Refute
) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """Ask for the flaw, claim by claim; a verdict counts only with a quote that stands in the source."""
    asked = [value for value in values if value.standing is not Standing.REFUTED and _passage(value, proofs)]
    words: dict[str, tuple[str, str]] = {}
    batches = iter(asked)
    number = 0
    while batch := list(islice(batches, BATCH)):
        number += 1
        answer = object_of(await refute(_refuting_task(number, batch, proofs)))
        for item in cast("list[Json]", answer["verdicts"]):
            said = object_of(item)
            words[str(said["id"])] = (str(said["verdict"]), str(said["quote"] or ""))
    judged: list[Value] = []
    findings: list[Finding] = []
    for value in values:
        word, quote = words.get(value.claims[0].id, ("cannot-tell", "")) if value.claims else ("cannot-tell", "")
        after, finding = _weigh(value, word, quote, proofs)
        judged.append(after)
        findings += [finding] if finding else []
    return tuple(judged), tuple(findings)


def _weigh(value: Value, word: str, quote: str, proofs: Proofs) -> tuple[Value, Finding | None]:
    """One verdict, checked: an invented quote makes it worthless, a table's answer outweighs it."""
    if not value.claims or word == "cannot-tell" or value.standing is Standing.REFUTED:
        return value, None
    claim = value.claims[0]
    source = proofs.sources.get(claim.source, "")
    if not quote or locate(quote, source) is None:
        return value, None
    if word == "supported":
        reasons = (*value.reasons, "the refuting model found it stated")
        lifted = Standing.ACCEPTED if value.standing is Standing.UNVERIFIED and not _disputed(value) else value.standing
        return replace(value, standing=lifted, reasons=reasons), None
    if "data agree" in value.reasons or claim.locator:
        return value, None
    finding = Finding(
        kind="refuted",
        artefact=claim.source,
        locator=f"{value.row}.{value.field}",
        expected=f"what the source says: {quote[:200]}",
        observed=str(value.value),
        rule=f"{value.field} says what its source says",
        claims=(claim.id,),
    )
    reasons = (*value.reasons, f"refuted by a model: {quote[:120]}")
    return replace(value, value=None, said=value.value, standing=Standing.REFUTED, reasons=reasons), finding


def _disputed(value: Value) -> bool:
    """The data contradict it: no reading of the document can settle that."""
    return any(reason.startswith("data ") and reason != "data agree" for reason in value.reasons)


def _refuting_task(number: int, batch: Sequence[Value], proofs: Proofs) -> Task:
    parts = [
        f"id {value.claims[0].id}: {value.field} of {value.row} is {value.value!r}\n"
        f"<passage>\n{_passage(value, proofs)}\n</passage>"
        for value in batch
    ]
    return Task(
        id=TaskId(f"refute-{number}"),
        kind=TaskKind.AGGREGATE,
        role="verifier",
        goal="\n\n".join(parts),
        schema=_ANSWER,
        prompt="refute",
        steps=2,
    )


def _passage(value: Value, proofs: Proofs) -> str:
    """The words around the claim's quote."""
    claim = value.claims[0] if value.claims else None
    if claim is None or claim.span is None:
        return ""
    start, end = claim.span
    return proofs.sources.get(claim.source, "")[max(0, start - WINDOW) : end + WINDOW]


# ---------------------------------------------------------------- rules and what is left


def _ruled(values: Sequence[Value], rules: Sequence[Constraint]) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """Compiled rules on what still stands: a value that breaks one is taken out."""
    standing = tuple(value for value in values if value.standing is not Standing.REFUTED)
    findings = [
        finding
        for rule in rules
        if rule.kind is CheckKind.CHECK
        for finding in run_check(parse_check(rule.check), standing)
    ]
    broken = {finding.locator: finding for finding in findings}
    after = tuple(
        replace(
            value, value=None, said=value.value, standing=Standing.REFUTED, reasons=(*value.reasons, "breaks a rule")
        )
        if value.standing is not Standing.REFUTED and f"{value.row}.{value.field}" in broken
        else value
        for value in values
    )
    return after, tuple(findings)


def _unchecked(run: Run, values: Sequence[Value], *, refuter: str) -> tuple[str, ...]:
    """What no one checked, in sentences for people."""
    lines: list[str] = []
    if not refuter:
        lines.append("No refuting model ran: nothing was checked for what only a reader of the whole can see.")
    elif _family(refuter) == _family(run.plan.bindings[0].model):
        lines.append("Worker and verifier are of one family: they may share blind spots.")
    unverified = sum(1 for value in values if value.standing is Standing.UNVERIFIED)
    if unverified:
        lines.append(f"{unverified} of {len(values)} values are unverified: they are delivered and marked.")
    lines += [f"Not checked by code: {line}" for line in run.plan.spec.valid if not _is_known(line)]
    return tuple(lines)


def _family(model: str) -> str:
    return model.split(":")[-1].split("-")[0].lower()


def _is_known(line: str) -> bool:
    """Lines of `valid:` that the deterministic gate does by itself."""
    return "quote" in line.lower() and "source" in line.lower()
