"""Verify: one gate. Deterministic checks first, then a model that refutes; it never praises, it finds.

Values are judged before any file is written, so what is refuted reaches no file; the bytes of the
files are judged by `checking.contracts` when they are delivered, and `sealed` joins the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import cast

from strop.checking.bundle import Bundle
from strop.checking.checks import OF_FILES, Check, is_check, parse_check
from strop.checking.judge import Evidence, Failure, judge
from strop.checking.primitives import run_check
from strop.checking.prose import unsaid
from strop.checking.quotes import locate, states
from strop.checking.siblings import outliers
from strop.drafting.answers import answer_keys
from strop.drafting.works import answers_of, left_over
from strop.errors import BadStream, JournalFault, StropError
from strop.types.content import Standing
from strop.types.count import agreeing, counted
from strop.types.fingerprint import digest
from strop.types.memory import CheckKind, Constraint
from strop.types.schema import Array, Choice, Field, Json, Object, Text, object_of
from strop.types.trial import Claim, Delivery, Finding, Run, Severity, Value, Verdict
from strop.types.work import Column, Spec, Task, TaskId, TaskKind, UnitKey

BATCH = 8
"""Claims in one call to the refuting model."""
AT_ONCE = 32
"""Most calls to the refuting model at the same time."""
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
    today: date | None = None
    """The day that the ages of dates are counted from."""
    refuter: str = ""
    """Name of the refuting model; empty when none is configured."""


async def verify(run: Run, *, proofs: Proofs, refute: Refute | None = None) -> Verdict:
    """Judge every value of the run. The verdict stands for values only until it is `sealed`.

    Raises:
        JournalFault: what the refuting model said could not be recorded. Any other failure of that model
            leaves its claims unverified, and the verdict says so.
    """
    units = _rows(run)
    if run.plan.spec.each is not None:
        evidence = Evidence(
            claims=(*run.claims, *proofs.recounted),
            sources=proofs.sources,
            readers=run.plan.spec.readers,
            failures=_failures(run),
            places={unit.key: unit.source for task in run.plan.tasks for unit in task.units},
        )
        values, findings = judge(evidence, columns=run.plan.spec.table, rows=units, conflict=run.plan.spec.conflict)
        values, odd = outliers(values)
        findings = (*findings, *odd)
    else:
        values, findings = _judge_made(run, proofs)
    findings = (*findings, *_missing(run), *_unread(run))
    hearing = _Hearing(run.plan.spec, proofs)
    if refute is not None:
        await hearing.hold(values, refute)
        values, more = hearing.weighed(values)
        findings = (*findings, *more)
    values, broken = _ruled(values, (*_ordered(run.plan.spec), *_learned(proofs.rules)), proofs.today)
    findings = (*findings, *broken)
    return Verdict(
        passed=not any(finding.severity is Severity.FATAL for finding in findings),
        values=values,
        findings=findings,
        unchecked=(*_unchecked(run, values, refuter=proofs.refuter if refute else ""), *hearing.silences),
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
    """Values of planned prose: what the makers' last answers claim, by their quotes.

    Where a maker has not landed, what the others found is judged in its place.
    """
    keys = answer_keys(run.plan.spec.outputs)
    ordered = {
        (keys[output.file], column.name): column for output in run.plan.spec.outputs for column in output.columns
    }
    made = tuple(dict.fromkeys(claim for result in answers_of(run).values() for claim in result.claims))
    values: list[Value] = []
    findings: list[Finding] = []
    for claim in (*made, *left_over(run)):
        key = claim.row.rpartition(".rows[")[0]
        value, finding = _made(claim, ordered.get((key, claim.field)), proofs)
        values += [value] if value else []
        findings += [finding] if finding else []
    return tuple(values), tuple(findings)


def _made(claim: Claim, column: Column | None, proofs: Proofs) -> tuple[Value | None, Finding | None]:
    """One claim of a maker. A cell of an ordered table may be an honest gap; a sentence without words is none."""
    row, name = claim.row, claim.field
    place = f"{row}.{name}"
    if claim.value is None:
        if column is None:
            return None, None
        rule = "every cell that the sources can fill is filled"
        finding = Finding("missing", claim.task, place, "a value", "nothing found", rule, Severity.NOTE)
        return Value(row, name, None, Standing.REFUTED, (), ("nothing was found",)), finding
    if claim.span is None or claim.source not in proofs.sources:
        rule, observed = "every value carries a quote that stands in its source", claim.quote or "no quote"
        finding = Finding("quote", claim.task, place, "a quote that stands", observed, rule, claims=(claim.id,))
        return Value(row, name, None, Standing.REFUTED, (claim,), ("no quote stands",), claim.value), finding
    if states(claim.value, claim.quote):
        return Value(row, name, claim.value, Standing.UNVERIFIED, (claim,), ("quote states the value",)), None
    if column is not None and column.quote:
        rule = f"the quote of {name} says its value"
        finding = Finding(
            "quote", claim.task, place, f"a quote that says {claim.value!r}", claim.quote, rule, claims=(claim.id,)
        )
        return Value(row, name, None, Standing.REFUTED, (claim,), ("its quote says otherwise",), claim.value), finding
    said = unsaid(str(claim.value), quotes=[claim.quote], sources=[proofs.sources[claim.source]])
    if column is None and isinstance(claim.value, str) and said:
        rule = "a sentence says no more than the words it rests on"
        observed = f"{claim.value[:300]} ({', '.join(said)})"
        finding = Finding("unsaid", claim.task, place, claim.quote[:300], observed, rule, claims=(claim.id,))
        return Value(row, name, None, Standing.REFUTED, (claim,), ("says more than its quote",), claim.value), finding
    return Value(row, name, claim.value, Standing.UNVERIFIED, (claim,), ("quote stands",)), None


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


@dataclass(slots=True)
class _Hearing:
    """The refuting model's words on one run's values. Asks for the flaw, claim by claim, many batches at once.

    A batch's task is named by the hash of what it asks, so a batch that was answered before (in an
    earlier round or process) is read from the record and costs nothing.
    """

    spec: Spec
    proofs: Proofs
    silences: list[str] = field(default_factory=list[str])
    """Why claims were not looked at, in sentences for people."""
    _words: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """(verdict, quote) by question."""
    _over: str = ""
    """Why nothing more is asked."""

    async def hold(self, values: Sequence[Value], refute: Refute) -> None:
        """Ask about every value that can still be refuted.

        Raises:
            JournalFault.
        """
        asked = [value for value in values if value.standing is not Standing.REFUTED and self._passage(value)]
        batches = [asked[start : start + BATCH] for start in range(0, len(asked), BATCH)]
        gate = asyncio.Semaphore(max(1, min(AT_ONCE, self.spec.budget.agents)))
        faults: list[JournalFault] = []
        unheard: list[Value] = []

        async def hear(batch: Sequence[Value]) -> None:
            async with gate:
                try:
                    if self._over:
                        unheard.extend(batch)
                    else:
                        self._note(batch, object_of(await refute(self._task(batch))))
                except JournalFault as caught:
                    faults.append(caught)
                    self._over = str(caught)
                except BadStream as caught:
                    self.silences.append(
                        f"{counted(len(batch), 'claim')}: the refuting model's answer cannot be used ({caught})."
                    )
                except StropError as caught:
                    unheard.extend(batch)
                    self._over = f"{type(caught).__name__}: {caught}"

        async with asyncio.TaskGroup() as group:
            for batch in batches:
                group.create_task(hear(batch))
        if faults:
            raise faults[0]
        if unheard:
            self.silences.append(
                f"{counted(len(unheard), 'claim')}: the refuting model could not be asked ({self._over})."
            )

    def weighed(self, values: Sequence[Value]) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
        """Every value after the model's word on it, and what was refuted."""
        judged: list[Value] = []
        findings: list[Finding] = []
        for value in values:
            word, quote = self._words.get(self._question(value), ("cannot-tell", ""))
            after, finding = self._weigh(value, word, quote)
            judged.append(after)
            findings += [finding] if finding else []
        return tuple(judged), tuple(findings)

    def _note(self, batch: Sequence[Value], answer: Mapping[str, Json]) -> None:
        """Words on what was asked, and on nothing else; two different words on one claim are none."""
        asked = {self._question(value) for value in batch}
        for item in cast("list[Json]", answer["verdicts"]):
            said = object_of(item)
            name, word = str(said["id"]), (str(said["verdict"]), str(said["quote"] or ""))
            if name not in asked:
                continue
            if name in self._words and self._words[name][0] != word[0]:
                word = ("cannot-tell", "")
            self._words[name] = word

    def _weigh(self, value: Value, word: str, quote: str) -> tuple[Value, Finding | None]:
        """One verdict, checked: an invented quote makes it worthless, a table's answer outweighs it."""
        if not value.claims or word == "cannot-tell" or value.standing is Standing.REFUTED:
            return value, None
        claim = value.claims[0]
        if not quote or locate(quote, self._passage(value)) is None:
            return value, None
        if word == "supported":
            reasons = (*value.reasons, "the refuting model found it stated")
            lifts = value.standing is Standing.UNVERIFIED and not _disputed(value)
            return replace(value, standing=Standing.ACCEPTED if lifts else value.standing, reasons=reasons), None
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

    def _task(self, batch: Sequence[Value]) -> Task:
        rules = "\n".join(f"- {line}" for line in self.spec.valid if not _is_known(line))
        parts = [f"Rules that every value must keep:\n{rules}"] if rules else []
        parts += [
            f"id {self._question(value)}: {value.field} of {value.row} is {value.value!r}\n"
            f"<passage>\n{self._passage(value)}\n</passage>"
            for value in batch
        ]
        goal = "\n\n".join(parts)
        return Task(
            id=TaskId(f"refute/{digest(goal)[:12]}"),
            kind=TaskKind.AGGREGATE,
            role="verifier",
            goal=goal,
            schema=_ANSWER,
            prompt="refute",
            steps=2,
        )

    def _question(self, value: Value) -> str:
        """Name of a claim before the refuting model: blind to who made it."""
        return digest([value.row, value.field, value.value, self._passage(value)])[:12]

    def _passage(self, value: Value) -> str:
        """The words around the claim's quote."""
        claim = value.claims[0] if value.claims else None
        if claim is None or claim.span is None:
            return ""
        start, end = claim.span
        return self.proofs.sources.get(claim.source, "")[max(0, start - WINDOW) : end + WINDOW]


def _disputed(value: Value) -> bool:
    """The data contradict it: no reading of the document can settle that."""
    return any(reason.startswith("data ") and reason != "data agree" for reason in value.reasons)


# ---------------------------------------------------------------- rules and what is left


def _ordered(spec: Spec) -> tuple[Check, ...]:
    """Lines of `valid:` in the check language, of values; those of files are held when they are delivered."""
    checks = (parse_check(line) for line in spec.valid if is_check(line))
    return tuple(check for check in checks if check.name not in OF_FILES)


def _learned(rules: Sequence[Constraint]) -> tuple[Check, ...]:
    return tuple(parse_check(rule.check) for rule in rules if rule.kind in (CheckKind.CHECK, CheckKind.GRAMMAR))


def _ruled(
    values: Sequence[Value], checks: Sequence[Check], today: date | None
) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """Checks on what nothing else proved: a value that breaks one is taken out.

    What the data prove outranks a shape that was learned from few; the rule's finding is then a note on the rule.
    """
    standing = tuple(value for value in values if value.standing is not Standing.REFUTED)
    findings = [finding for check in checks for finding in run_check(check, Bundle(standing, today=today))]
    counted = {f"{value.row}.{value.field}" for value in standing if _counted(value)}
    findings = [replace(f, severity=Severity.NOTE) if f.locator in counted else f for f in findings]
    broken = {finding.locator for finding in findings} - counted
    after = tuple(
        replace(
            value, value=None, said=value.value, standing=Standing.REFUTED, reasons=(*value.reasons, "breaks a rule")
        )
        if value.standing is not Standing.REFUTED and f"{value.row}.{value.field}" in broken
        else value
        for value in values
    )
    return after, tuple(findings)


def _counted(value: Value) -> bool:
    """Whether a deterministic tool answered the same."""
    return value.standing is Standing.CORRECTED or "data agree" in value.reasons


def _unchecked(run: Run, values: Sequence[Value], *, refuter: str) -> tuple[str, ...]:
    """What no one checked, in sentences for people."""
    lines: list[str] = []
    rules = [line for line in run.plan.spec.valid if not _is_known(line)]
    if refuter:
        lines += _kinship(run)
        lines += [f"Checked by no code, only shown to the refuting model: {line}" for line in rules]
    else:
        lines.append("No refuting model ran: nothing was checked for what only a reader of the whole can see.")
        lines += [f"Not checked: {line}" for line in rules]
    unverified = sum(1 for value in values if value.standing is Standing.UNVERIFIED)
    if unverified:
        lines.append(
            f"{unverified} of {counted(len(values), 'value')} {agreeing(unverified, 'is', 'are')} unverified: "
            f"{agreeing(unverified, 'it is', 'they are')} delivered and marked."
        )
    return tuple(lines)


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
