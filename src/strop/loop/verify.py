"""Verify: one gate, by price. Code first, rules included; then a model that refutes; it never praises, it finds.

What a rule takes out is not put to that model: a flaw that is known costs no token.
Values are judged before any file is written, so what is refuted reaches no file; the bytes of the
files are judged by `checking.contracts` when they are delivered, and `sealed` joins the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from strop.checking.calibration import FLOOR
from strop.checking.checks import is_check, parse_check
from strop.checking.claims import lifted
from strop.checking.conflicts import Dated
from strop.checking.headlines import headline
from strop.checking.hearing import Bench, Docket, Question, coverage, docket, hearing_task, weighed, words_of
from strop.checking.judge import Evidence, Failure, judge, stands
from strop.checking.made import column_of, judge_claim, judge_made, ordered_columns
from strop.checking.ordered import of_values, unheld
from strop.checking.overview import bundle_tasks, by_id, contradictions
from strop.checking.ruled import Rules, after, ruled
from strop.checking.siblings import outliers
from strop.errors import BadStream, JournalFault, StropError
from strop.learning.rulewatch import (
    READERS,
    Held,
    Watched,
    apart,
    as_second,
    checks_of,
    doubted,
    held_to,
    of_plan,
)
from strop.types.content import Standing
from strop.types.count import agreeing, counted
from strop.types.fingerprint import digest
from strop.types.memory import CheckKind, Constraint
from strop.types.past import Heard
from strop.types.schema import Json, object_of
from strop.types.trial import (
    Calibration,
    Claim,
    Delivery,
    Finding,
    Reliance,
    Role,
    Run,
    Severity,
    Value,
    Verdict,
    Word,
)
from strop.types.work import Kind, Task, UnitKey

SILENT = "No refuting model ran"
AT_ONCE = 32
"""Most calls to the refuting model at the same time."""

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
    watched: tuple[Watched, ...] = ()
    """Of the rules those that were learned, and what is known of them."""
    today: date | None = None
    """The day that the ages of dates are counted from."""
    refuter: str = ""
    """Name of the refuting model; empty when none is configured."""
    dates: Mapping[str, Dated] = field(default_factory=dict[str, Dated])
    """When sources are from, by path, as far as that is known."""
    past: tuple[Heard, ...] = ()
    """What that model, under this prompt, found of planted flaws in earlier runs."""
    floor: float = FLOOR
    """Least share of planted flaws that it has to find."""
    before: Verdict | None = None
    """The verdict of this run's round before: what the model said in it holds, and is not paid twice."""


async def verify(run: Run, *, proofs: Proofs, refute: Refute | None = None) -> Verdict:
    """Judge every value of the run. The verdict stands for values only until it is `sealed`.

    Raises:
        JournalFault: what the refuting model said could not be recorded. Any other failure of that model
            leaves its claims unverified, and the verdict says so.
    """
    held, findings = held_to_rules(run, proofs)
    run, _ = apart(run)
    findings = (*findings, *_missing(run), *_unread(run), *held.findings)
    first, rules, heard = held.first, held.rules, None
    values = first.values
    if refute is not None or (proofs.before is not None and proofs.before.words):
        bench = bench_of(run, proofs, rules=rules)
        heard = await hear(values, bench=bench, refute=refute, at_once=run.plan.spec.budget.agents)
        values, findings = heard.values, (*findings, *heard.findings)
        findings = (*findings, *(_kept(proofs.before, values) if refute is None else ()))
    values, broken = after(first, lifted(values), rules)
    findings = (*findings, *broken)
    refuter = proofs.refuter if heard else ""
    return Verdict(
        passed=not any(finding.severity is Severity.FATAL for finding in findings),
        values=values,
        findings=findings,
        unchecked=(*_unchecked(run, values, refuter=refuter), *(_limits(heard) if heard else ())),
        refuter=refuter,
        calibration=heard.calibration if heard else None,
        words=heard.words if heard else (),
        asked=heard.asked if heard else "",
        earlier=proofs.before.earlier if proofs.before is not None else (),
    )


def held_to_rules(run: Run, proofs: Proofs) -> tuple[Held, tuple[Finding, ...]]:
    """(what the rules leave of the run's values, what the layers before them found); no model is asked."""
    own, fresh = apart(run)
    values, findings = _valued(own, proofs)
    rows = doubted(run)
    again = _judged(fresh, proofs, rows=rows, readers=READERS)[0] if rows else ()
    texts = checks_of(proofs.rules)
    learned = {each.rule for each in proofs.watched}
    demanded = {str(check) for check in of_values(run.plan.spec)}
    demanded |= {check for name, check in texts.items() if name not in learned}
    held = held_to(
        values,
        _rules(run, proofs),
        again=tuple(map(as_second, again)),
        watched=[each for each in proofs.watched if texts.get(each.rule, "") not in {*demanded, ""}],
        texts=texts,
        sources=of_plan(run.plan, proofs.sources) if rows else {},
        run=run.id,
    )
    return held, findings


def _valued(run: Run, proofs: Proofs) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    if run.plan.spec.each is None:
        return judge_made(run, sources=proofs.sources, dates=proofs.dates)
    values, findings = _judged(run, proofs, rows=_rows(run), readers=run.plan.spec.readers)
    values, odd = outliers(values)
    return values, (*findings, *odd)


def _judged(
    run: Run, proofs: Proofs, *, rows: tuple[UnitKey, ...], readers: int
) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    evidence = Evidence(
        claims=(*run.claims, *proofs.recounted),
        sources=proofs.sources,
        readers=readers,
        failures=_failures(run),
        places={unit.key: unit.source for task in run.plan.tasks for unit in task.units},
    )
    return judge(evidence, columns=run.plan.spec.table, rows=rows, conflict=run.plan.spec.conflict)


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
            severity=Severity.FLAW if run.landed else Severity.FATAL,
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


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the refuting model's words came to."""

    values: tuple[Value, ...]
    findings: tuple[Finding, ...]
    calibration: Calibration | None
    words: tuple[Word, ...]
    asked: str
    """Which claims were asked, in a sentence."""
    silences: tuple[str, ...]
    """Why claims were not looked at, in sentences for people."""


async def hear(values: Sequence[Value], *, bench: Bench, refute: Refute | None, at_once: int = AT_ONCE) -> Hearing:
    """Put claims to the refuting model, with seeded flaws among them, and weigh what it says.

    A batch's task is named by the hash of what it asks, so a batch that was answered before (in an
    earlier process) is read from the record and costs nothing.

    Raises:
        JournalFault: an answer could not be recorded.
        StropError: a seeded flaw did not come out again.
    """
    found = docket(values, bench)
    silences = await _heard(found, bench, refute, max(1, min(AT_ONCE, at_once))) if refute is not None else ()
    order = {question.id: place for place, question in enumerate(q for batch in found.batches for q in batch)}
    words = (*bench.earlier, *sorted(found.words, key=lambda word: order[word.id]))
    judged, findings, worth = weighed(values, words, bench)
    if refute is not None and bench.room:
        more, unseen = await _looked_over(judged, bench, refute)
        findings, silences = (*findings, *more), (*silences, *unseen)
    if worth is not None and worth.state is Reliance.VOID:
        findings = (*findings, _voided())
    return Hearing(judged, findings, worth, words, coverage(found, words) if words else "", silences)


def _voided() -> Finding:
    """Who asks a refuting model is not told "passed" by one whose word is nothing. Why it is void, the report says."""
    rule = "the word of the refuting model that was asked counts"
    return Finding("void", "gate", "refuting model", "a word that counts", "its word is void", rule, Severity.FATAL)


async def _looked_over(
    values: Sequence[Value], bench: Bench, refute: Refute
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """(contradictions between parts of the delivery, why some were not looked for)."""
    tasks, left = bundle_tasks(values, room=bench.room)
    held, findings = by_id(values), list[Finding]()
    silences = [f"{left:,} statements were not compared with the rest: the model's window ends."] if left else []
    if len(tasks) > 1:
        silences.append("Contradictions were looked for part by part: the whole does not fit the model's window.")
    for task in tasks:
        try:
            findings += contradictions(object_of(await refute(task)), held)
        except JournalFault:
            raise
        except StropError as caught:
            silences.append(f"Contradictions between parts were not looked for ({type(caught).__name__}: {caught}).")
            break
    return tuple(findings), tuple(silences)


def with_hearing(verdict: Verdict, heard: Hearing, *, refuter: str) -> Verdict:
    """A verdict made without a model, after the words of one."""
    findings = (*verdict.findings, *heard.findings)
    silent = tuple(line for line in verdict.unchecked if not line.startswith(SILENT))
    return replace(
        verdict,
        passed=not any(finding.severity is Severity.FATAL for finding in findings),
        values=heard.values,
        findings=findings,
        unchecked=(*silent, *_limits(heard)),
        refuter=refuter,
        calibration=heard.calibration,
        words=heard.words,
        asked=heard.asked,
    )


async def _heard(found: Docket, bench: Bench, refute: Refute, at_once: int) -> tuple[str, ...]:
    """Ask batch by batch, several at once; returns why some were not answered."""
    gate = asyncio.Semaphore(at_once)
    faults: list[JournalFault] = []
    silences: list[str] = []
    unheard: list[int] = []
    over = ""

    async def put(batch: Sequence[Question]) -> None:
        nonlocal over
        claims = sum(question.role is not Role.CANARY for question in batch)
        async with gate:
            try:
                if over:
                    unheard.append(claims)
                else:
                    found.words.extend(words_of(batch, object_of(await refute(hearing_task(batch, bench.rules)))))
            except JournalFault as caught:
                faults.append(caught)
                over = str(caught)
            except BadStream as caught:
                silences.append(f"{claims} claims: the refuting model's answer cannot be used ({caught}).")
            except StropError as caught:
                unheard.append(claims)
                over = f"{type(caught).__name__}: {caught}"

    async with asyncio.TaskGroup() as group:
        for batch in found.batches:
            group.create_task(put(batch))
    if faults:
        raise faults[0]
    if unheard:
        silences.append(f"{sum(unheard)} claims: the refuting model could not be asked ({over}).")
    return tuple(silences)


def _room(run: Run) -> int:
    """Characters of the delivery that one call to the verifier may hold: two a token, half its window kept free."""
    binding = run.plan.binding("verifier")
    return max(binding.window - binding.output, 0) if binding is not None else 0


def _kept(before: Verdict | None, values: Sequence[Value]) -> tuple[Finding, ...]:
    """Contradictions that were found when the model was last asked, as far as both sides still stand."""
    ids = {claim.id for value in values if value.value is not None for claim in value.claims[:1]}
    found = before.findings if before is not None else ()
    return tuple(each for each in found if each.kind == "contradiction" and ids.issuperset(each.claims))


def bench_of(run: Run, proofs: Proofs, *, rules: Rules | None = None) -> Bench:
    """What this run's hearing is held by; `rules` are those that hold in it, all that are in force by default."""
    columns = {column.name: column for column in run.plan.spec.table}
    ordered = ordered_columns(run)
    leads, before = headline(run), proofs.before
    held = rules or _rules(run, proofs)
    old = {(value.row, value.field): value.value for value in before.values} if before and before.words else {}

    def first(value: Value) -> bool:
        """A headline, or a value that a repair has changed."""
        return leads(value) or (bool(old) and old.get((value.row, value.field)) != value.value)

    def passes(value: Value) -> bool:
        claim = value.claims[0]
        if claim.rests or run.plan.spec.each is None:
            below = {each.id: each for each in value.claims[1:]}
            judged, _ = judge_claim(claim, column=column_of(claim, ordered), held=below, sources=proofs.sources)
            value = judged if judged is not None else value
        elif not stands(claim, column=columns[claim.field], sources=proofs.sources):
            return False
        return ruled((value,), held).values[0].standing is not Standing.REFUTED

    return Bench(
        sources=proofs.sources,
        seed=digest([run.id, "canaries"]),
        rules=tuple(line for line in run.plan.spec.valid if not _is_known(line)),
        calls=run.plan.quote.gate_calls,
        headline=first,
        passes=passes,
        past=proofs.past,
        floor=proofs.floor,
        earlier=proofs.before.words if proofs.before is not None else (),
        room=_room(run),
    )


# ---------------------------------------------------------------- rules and what is left


def _rules(run: Run, proofs: Proofs) -> Rules:
    """The order's own checks of values, and the rules that are in force."""
    learned = (rule for rule in proofs.rules if rule.kind in (CheckKind.CHECK, CheckKind.GRAMMAR))
    checks = (*of_values(run.plan.spec), *(parse_check(rule.check) for rule in learned))
    return Rules(checks, proofs.sources, proofs.today)


def _unchecked(run: Run, values: Sequence[Value], *, refuter: str) -> tuple[str, ...]:
    """What no one checked, in sentences for people."""
    lines: list[str] = []
    rules = [line for line in run.plan.spec.valid if not _is_known(line)]
    if refuter:
        lines += _kinship(run)
        lines += [f"Checked by no code, only shown to the refuting model: {line}" for line in rules]
    else:
        lines.append(f"{SILENT}: nothing was checked for what only a reader of the whole can see.")
        lines += [f"Not checked: {line}" for line in rules]
    lines += unheld(run.plan.spec, values)
    codes = [output.file for output in run.plan.spec.outputs if output.kind is Kind.CODE]
    lines += [f"The code in {file} was read and parsed as far as its language can be, and not run." for file in codes]
    unverified = sum(1 for value in values if value.standing is Standing.UNVERIFIED)
    if unverified:
        lines.append(
            f"{unverified:,} of {counted(len(values), 'value')} {agreeing(unverified, 'is', 'are')} unverified: "
            f"{agreeing(unverified, 'it is', 'they are')} delivered and marked."
        )
    return tuple(lines)


def _limits(heard: Hearing) -> tuple[str, ...]:
    """What the refuting model's part leaves open. No figures of other runs: these lines go into files too."""
    lines: list[str] = []
    match heard.calibration:
        case Calibration(state=Reliance.VOID):
            lines.append("The refuting model's verdict is void, nothing that it said counts: see the report.")
        case _:
            pass
    if "not asked" in heard.asked:
        lines.append(heard.asked)
    return (*lines, *heard.silences)


def _kinship(run: Run) -> list[str]:
    """Models of one family may share blind spots."""
    worker, verifier = run.plan.binding("worker"), run.plan.binding("verifier")
    if worker is None or verifier is None:
        return []
    if worker.model == verifier.model or (worker.family == verifier.family and worker.family not in ("", "unknown")):
        return ["Worker and verifier are of one family: they may share blind spots."]
    if {worker.family, verifier.family} & {"", "unknown"}:
        return ["Worker and verifier may be of one family (not declared): they may share blind spots."]
    return []


def _is_known(line: str) -> bool:
    """Lines of `valid:` that the deterministic gate does by itself."""
    return is_check(line) or ("quote" in line.lower() and "source" in line.lower())
