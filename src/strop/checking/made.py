"""The deterministic half of the gate for planned prose: what becomes of each claim that a maker wrote.

A cell, point or sentence stands when its quote stands and says it, or when what it cites stands and it
follows from that. What agents or sources contradict each other in is settled by the order's rule. Runs
over units are judged by `judge`. No model is asked, nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strop.checking.claims import bases, unfollowed, unsupported
from strop.checking.conflicts import Dated, conflicts, keys_of, settle
from strop.checking.prose import unsaid
from strop.checking.quotes import states
from strop.checking.repeats import repeated
from strop.drafting.answers import answer_keys
from strop.drafting.works import answers_of, left_over, tries
from strop.types.content import Standing
from strop.types.trial import Claim, Finding, Run, Severity, Value
from strop.types.work import Column


def judge_made(
    run: Run, *, sources: Mapping[str, str], dates: Mapping[str, Dated]
) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """Values of planned prose: what the makers' last answers claim, by their quotes and by what they follow from.

    Where a maker has not landed, what the others found is judged in its place. What agents or sources
    contradict each other in is settled by the order's rule, and listed.
    """
    ordered = ordered_columns(run)
    made = tuple(dict.fromkeys(claim for result in answers_of(run).values() for claim in result.claims))
    held = {claim.id: claim for claim in run.claims}
    values: list[Value] = []
    findings: list[Finding] = []
    for claim in (*made, *left_over(run)):
        value, finding = judge_claim(claim, column=column_of(claim, ordered), held=held, sources=sources)
        values += [value] if value else []
        findings += [finding] if finding else []
    contradictions = conflicts(
        _compared(run, made), rule=run.plan.spec.conflict, keys=keys_of(run.plan.spec.outputs), dates=dates
    )
    settled, listed = settle(values, contradictions)
    return settled, (*findings, *listed, *repeated(settled))


def _compared(run: Run, made: Sequence[Claim]) -> tuple[Claim, ...]:
    """Claims that may contradict each other: what was found, and what makers read themselves and quote rightly."""
    makers = {name for task in run.plan.tasks if task.makes for name in tries(task)}
    found = (claim for result in run.results if result.task not in makers for claim in result.claims)
    return (*found, *(claim for claim in made if not claim.rests and states(claim.value, claim.quote)))


def judge_claim(
    claim: Claim, *, column: Column | None, held: Mapping[str, Claim], sources: Mapping[str, str]
) -> tuple[Value | None, Finding | None]:
    """One claim of a maker, by what it rests on or by its own quote; `held` are the claims that it may cite by id."""
    return _derived(claim, column, held, sources) if claim.rests else _made(claim, column, sources)


def _derived(
    claim: Claim, column: Column | None, held: Mapping[str, Claim], sources: Mapping[str, str]
) -> tuple[Value | None, Finding | None]:
    """A claim that rests on others stands when they stand and it follows from them."""
    row, name, below = claim.row, claim.field, bases(claim, held)
    if claim.value is None:
        return None, None
    said = any(states(claim.value, each.quote) for each in below)
    flaw = unsupported(claim, held, sources) or unfollowed(claim, held)
    if not flaw and column is not None and column.quote and not (said or claim.formula):
        flaw = "no quote of the claims it cites says it"
    if not flaw:
        why = f"recomputed: {claim.formula}" if claim.formula else "what it cites stands"
        reasons = (why, "quote states the value") if said and not claim.formula else (why,)
        return Value(row, name, claim.value, Standing.UNVERIFIED, (claim, *below), reasons), None
    kind, rule = "quote", "what a value or sentence says stands in the claims it cites"
    if claim.formula:
        kind, rule = "formula", "a derived value is what its formula gives"
    heard = f"{str(claim.value)[:200]} ({flaw})"
    finding = Finding(kind, claim.task, f"{row}.{name}", "what it rests on says it", heard, rule, claims=(claim.id,))
    return Value(row, name, None, Standing.REFUTED, (claim, *below), (flaw,), claim.value), finding


def ordered_columns(run: Run) -> dict[tuple[str, str], Column]:
    """Columns by the key of their file and their name."""
    keys = answer_keys(run.plan.spec.outputs)
    return {(keys[output.file], column.name): column for output in run.plan.spec.outputs for column in output.columns}


def column_of(claim: Claim, ordered: Mapping[tuple[str, str], Column]) -> Column | None:
    """The ordered column that a claim fills; None for prose and points."""
    return ordered.get((claim.row.rpartition(".rows[")[0], claim.field))


def _made(claim: Claim, column: Column | None, sources: Mapping[str, str]) -> tuple[Value | None, Finding | None]:
    """One claim of a maker. A cell of an ordered table may be an honest gap; a sentence without words is none."""
    row, name = claim.row, claim.field
    place = f"{row}.{name}"
    if claim.value is None:
        if column is None:
            return None, None
        rule = "every cell that the sources can fill is filled"
        finding = Finding("missing", claim.task, place, "a value", "nothing found", rule, Severity.NOTE)
        return Value(row, name, None, Standing.REFUTED, (), ("nothing was found",)), finding
    if claim.span is None or claim.source not in sources:
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
    said = unsaid(str(claim.value), quotes=[claim.quote], sources=[sources[claim.source]])
    if column is None and isinstance(claim.value, str) and said:
        rule = "a sentence says no more than the words it rests on"
        observed = f"{claim.value[:300]} ({', '.join(said)})"
        finding = Finding("unsaid", claim.task, place, claim.quote[:300], observed, rule, claims=(claim.id,))
        return Value(row, name, None, Standing.REFUTED, (claim,), ("says more than its quote",), claim.value), finding
    return Value(row, name, claim.value, Standing.UNVERIFIED, (claim,), ("quote stands",)), None
