"""What becomes of findings: compiled to checks, caught when they come again, silent on what is clean.

    python benchmarks/constrain.py [--mutants 5] [--clean 20] [--json]

Every kind of flaw (strop.checking.mutants) is planted in a clean delivery (strop.testing.bundles), the
deterministic gate finds it, and the run with its repaired verdict teaches. Then the same kind is planted
with another seed in another delivery of the same order. No model runs: what is caught costs no token.

Three arms. `gate`: the flaw is found by the gate as it is. `reader`: the gate let it through and a refuting
model found it (one that never errs, with a quote that stands). `bare`: the same with an order that demands
nothing: no quotes, no recomputation, no lines of `valid:`; there a reader finds nearly everything, and what
was learned has to catch the next one alone.

Counted are findings that are held by a check of the language (a new rule, one that was there, or one that
the order demands), by the gate without any, or by nothing but a line for a model. The flaw comes again in
the same field, or the same file, of another delivery. It is caught where the gate with the learned rules
says something that is no note, or takes the value out.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from strop.checking.bundle import Bundle
from strop.checking.mutants import late
from strop.checking.mutants.bodies import BODIES, break_body
from strop.checking.mutants.parts import PARTS, break_part
from strop.checking.mutants.prose import PROSE, break_prose
from strop.checking.mutants.readings import CONSISTENT, break_claims
from strop.checking.mutants.record import Form, Record
from strop.learning.compiling import By, Lessons, Occasion, lessons, place_of
from strop.learning.corpus import Kept, delivered
from strop.loop.verify import Proofs, verify
from strop.testing.bundles import DAY, Case, reading, writing, wrote
from strop.types.content import Standing
from strop.types.memory import Constraint, ItemState
from strop.types.trial import Finding, Severity, Value, Verdict
from strop.types.work import RunId


def _gate() -> ModuleType:
    """`benchmarks/gate.py`: how a delivery is judged, written and looked at."""
    spec = importlib.util.spec_from_file_location("gate", Path(__file__).with_name("gate.py"))
    assert spec is not None and spec.loader is not None, "it lies beside this file"
    module = importlib.util.module_from_spec(spec)
    sys.modules["gate"] = module
    spec.loader.exec_module(module)
    return module


gate = _gate()
AGAIN = 10_000
"""Added to a seed: the delivery in which the flaw comes again."""
TRIES = 40
"""Seeds that are tried until a flaw falls on the same field again."""
ROWS = 12
PAST = 8
"""Stored deliveries that a new check must be silent on."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One flaw and what the gate says of it."""

    case: Case
    record: Record
    verdict: Verdict
    """On the values; of a flaw in a file, on the clean ones."""
    findings: tuple[Finding, ...]
    """That are no notes, or that took a value's acceptance away."""


@dataclass(slots=True)
class Tally:
    """One kind, form and arm."""

    made: int = 0
    held: int = 0
    checks: int = 0
    """Of these, by a check of the language."""
    rules: int = 0
    """Of these, by a new rule."""
    again: int = 0
    """Repeats of flaws that were held."""
    caught: int = 0
    by: dict[str, int] = field(default_factory=dict[str, int])
    missed: list[Record] = field(default_factory=list[Record])


def judged(case: Case, rules: Sequence[Constraint] = ()) -> Verdict:
    """The gate without a model."""
    return asyncio.run(verify(case.run, proofs=Proofs(case.sources, case.recounted, tuple(rules), today=DAY)))


# ---------------------------------------------------------------- planting


def kinds() -> Iterator[tuple[str, str]]:
    """(kind, where it is planted)."""
    for where, some in (
        ("claims", {**CONSISTENT, **late.READINGS}),
        ("prose", {**PROSE, **late.PROSE}),
        ("parts", {**PARTS, **late.PARTS}),
        ("bodies", {**BODIES, **late.BODIES}),
        ("bare", {**CONSISTENT, **late.READINGS}),
    ):
        yield from ((kind, where) for kind in some)


def planted(
    kind: str, where: str, seed: int, rules: Sequence[Constraint] = (), like: Record | None = None
) -> Planted | None:
    """The flaw in a fresh delivery, judged with these rules; None where it cannot be, or not where `like` is."""
    match where:
        case "claims" | "bare":
            return _in_claims(kind, where, seed, rules, like)
        case "prose":
            return _in_prose(kind, seed, rules, like)
        case _:
            return _in_file(kind, where, seed, rules, like)


def clean(where: str, seed: int) -> Case:
    """A clean delivery of the order that this place has."""
    if where == "prose":
        return writing(seed)
    case = reading(seed, rows=ROWS)
    return bare(case) if where == "bare" else case


def bare(case: Case) -> Case:
    """The same delivery under an order that demands nothing of its values."""
    spec = case.run.plan.spec
    columns = tuple(replace(column, quote=False, recompute=None) for column in spec.table)
    outputs = tuple(replace(output, columns=columns) if output.columns else output for output in spec.outputs)
    plan = replace(case.run.plan, spec=replace(spec, outputs=outputs, valid=()))
    return replace(case, run=replace(case.run, plan=plan), recounted=())


def _in_claims(kind: str, where: str, seed: int, rules: Sequence[Constraint], like: Record | None) -> Planted | None:
    case = clean(where, seed)
    made = break_claims({**CONSISTENT, **late.READINGS}[kind], case.claims, case.sources, seed=seed)
    if made is None or not alike(made[2], like):
        return None
    claims, sources, record = made
    first = replace(case.run.results[0], claims=claims)
    run = replace(case.run, results=(first, *(replace(each, claims=()) for each in case.run.results[1:])))
    case = replace(case, run=run, sources=sources)
    verdict = judged(case, rules)
    return Planted(case, record, verdict, found_in(verdict))


def found_in(verdict: Verdict) -> tuple[Finding, ...]:
    """What is no note, took a value's acceptance away, or took a value out by a rule."""
    out = {place_of(value) for value in verdict.values if "breaks a rule" in value.reasons}
    more = (f for f in verdict.findings if f.severity is Severity.NOTE and f.locator in out)
    return (*gate.loud(verdict), *more)


def _in_prose(kind: str, seed: int, rules: Sequence[Constraint], like: Record | None) -> Planted | None:
    case = writing(seed)
    made = break_prose(kind, {**PROSE, **late.PROSE}[kind], case.answers, seed=seed)
    if made is None or not alike(made[1], like):
        return None
    answers, record = made
    case = wrote(case.run.plan.spec, answers, case.sources)
    verdict = judged(case, rules)
    return Planted(case, record, verdict, found_in(verdict))


def _in_file(kind: str, where: str, seed: int, rules: Sequence[Constraint], like: Record | None) -> Planted | None:
    """In the first file that can have it, another one for each seed."""
    one = _written(seed)
    case: Case = one.case
    parts = list(one.parts)
    for part in parts[seed % len(parts) :] + parts[: seed % len(parts)]:
        if like is not None and part.file != like.artefact:
            continue
        body, record = _broken(kind, where, part, one.bodies[part.file], seed)
        if body is not None and record is not None and body != one.bodies[part.file]:
            found = gate.looked_at(one, {**one.bodies, part.file: body}, redraw=gate.rendered)
            return Planted(case, record, judged(case, rules), tuple(found))
    return None


@cache
def _written(seed: int) -> Any:
    """A clean delivery with its files: of units by odd seeds, of a maker by even ones. A `Delivered` of gate.py."""
    return gate.delivered(reading(seed, rows=ROWS, wide=True) if seed % 2 else writing(seed))


def _broken(kind: str, where: str, part: object, body: bytes, seed: int) -> tuple[bytes | None, Record | None]:
    if where == "parts":
        made = break_part(kind, {**PARTS, **late.PARTS}[kind], part, seed=seed)  # type: ignore[arg-type]  # a Part, from another script
        return (gate.spoiled(made[0]), made[1]) if made else (None, None)
    broken = break_body(kind, {**BODIES, **late.BODIES}[kind], part.file, body, seed=seed)  # type: ignore[attr-defined]
    return broken or (None, None)


# ---------------------------------------------------------------- learning


def stored(where: str) -> tuple[Kept, ...]:
    """Clean deliveries of the same order, read through by the model that never errs."""
    found: list[Kept] = []
    for number in range(PAST):
        case = clean(where, 50_000 + number)
        whole = Bundle(supported(judged(case).values), case.sources, today=DAY)
        found.append(Kept(RunId(f"stored-{number}"), case.run.plan.spec, delivered(whole), whole))
    return tuple(found)


def supported(values: Sequence[Value]) -> tuple[Value, ...]:
    """What a reader found stated is accepted."""
    lifted = (Standing.UNVERIFIED,)
    return tuple(replace(v, standing=Standing.ACCEPTED) if v.standing in lifted else v for v in values)


def taught(one: Planted, findings: Sequence[Finding], values: Sequence[Value], past: tuple[Kept, ...]) -> Lessons:
    """What the run teaches once its repairs have mended what was found: the gate passes it."""
    verdict = replace(one.verdict, passed=True, findings=tuple(findings), values=tuple(values))
    return lessons(Occasion(verdict, one.case.run.plan.spec, past=past, today=DAY, sources=one.case.sources))


def as_flaws(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """A note that took a value's acceptance away counts as a flaw here."""
    return tuple(replace(f, severity=Severity.FLAW) if f.severity is Severity.NOTE else f for f in findings)


def refuted_by_reader(one: Planted) -> tuple[Finding, tuple[Value, ...]] | None:
    """The finding of a refuting model that never errs, and the values after it; None where the value is not there."""
    held = next((value for value in one.verdict.values if place_of(value) == one.record.locator), None)
    if held is None or held.value is None:
        return None
    rule = f"{held.field} says what its source says"
    expected = f"what the source says: {one.record.before}"
    ids = tuple(claim.id for claim in held.claims[:1])
    finding = Finding("refuted", "source", one.record.locator, expected, str(held.value), rule, claims=ids)
    out = replace(held, value=None, said=held.value, standing=Standing.REFUTED)
    others = supported([value for value in one.verdict.values if value is not held])
    return finding, (*others, out)


def again(kind: str, where: str, seed: int, first: Record, rules: Sequence[Constraint]) -> Planted | None:
    """The same kind of flaw in the same field (or file) of another delivery; None where no seed gives one."""
    for number in range(TRIES):
        # Files: an even step, so that it is the same order.
        one = planted(kind, where, seed + AGAIN + 2 * number, rules, first)
        if one is not None:
            return one
    return None


def alike(one: Record, other: Record | None) -> bool:
    """Whether two flaws are in one field; of a file, in one file. Every flaw is like none."""
    if other is None:
        return True
    if one.form is Form.INCONSISTENT:
        return one.artefact == other.artefact
    return _field(one.locator) == _field(other.locator)


def _field(locator: str) -> str:
    """Without the row: of `kai-7.fee` the field, of `a.csv.rows[3].fee` all but the number."""
    if "[" in locator:
        return re.sub(r"\[\d+\]", "", locator)
    return locator.rpartition(".")[2] if "." in locator else ""


def count(tally: Tally, learned: Lessons, kind: str, where: str, seed: int, first: Record) -> None:
    """Note what became of the first finding, and have the flaw come again where something is to hold it."""
    best = min(learned.compiled, key=lambda each: list(By).index(each.by), default=None)
    tally.made += 1
    if best is None:
        return
    tally.by[best.by] = tally.by.get(best.by, 0) + 1
    if not best.held:
        return
    tally.held += 1
    tally.checks += best.by is not By.GATE
    tally.rules += best.by is By.RULE
    rules = [rule for rule in learned.rules if rule.state is ItemState.ACTIVE]
    one = again(kind, where, seed, first, rules)
    if one is not None:
        tally.again += 1
        tally.caught += bool(one.findings)
        tally.missed += [] if one.findings else [one.record]


# ---------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    figure: float
    unit: str
    goal: str = ""
    met: bool | None = None


Key = tuple[str, str, str]
"""Arm, where, kind."""


def measured(mutants: int) -> tuple[dict[Key, Tally], dict[str, list[Constraint]]]:
    """Tallies, and the active rules that were learned, by place."""
    tallies: dict[Key, Tally] = {}
    rules: dict[str, dict[str, Constraint]] = {}
    past = {where: stored(where) for where in ("claims", "prose", "bare")}
    for kind, where in kinds():
        for seed in range(mutants):
            one = planted(kind, where, seed)
            if one is None:
                continue
            held = past.get(where, past["claims"])
            if one.findings:
                arm, learned = "gate", taught(one, as_flaws(one.findings), one.verdict.values, held)
            elif (told := refuted_by_reader(one)) is not None:
                arm, learned = "reader", taught(one, [told[0]], told[1], held)
            else:
                continue
            arm = "bare" if where == "bare" else arm
            count(tallies.setdefault((arm, where, kind), Tally()), learned, kind, where, seed, one.record)
            active = {rule.id: rule for rule in learned.rules if rule.state is ItemState.ACTIVE}
            rules.setdefault(where, {}).update(active)
    return tallies, {where: list(held.values()) for where, held in rules.items()}


def false_alarms(rules: Mapping[str, Sequence[Constraint]], count: int) -> tuple[int, int, list[str]]:
    """(deliveries with an alarm, deliveries, checks): fresh clean ones in which learned rules take a value out."""
    loud: list[str] = []
    tried = 0
    for where, held in rules.items():
        for seed in range(count if held else 0):
            case = clean(where, 90_000 + seed)
            ordered = set(case.run.plan.spec.valid)
            found = [f for f in judged(case, held).findings if f.kind == "constraint" and f.rule not in ordered]
            tried += 1
            loud += [found[0].rule] if found else []
    return len(loud), tried, loud


def figures(mutants: int, fresh: int) -> Iterator[Figure]:
    tallies, rules = measured(mutants)
    for (arm, where, kind), tally in sorted(tallies.items()):
        low, high = gate.wilson(tally.held, tally.made)
        by = ", ".join(f"{name} {number}" for name, number in sorted(tally.by.items()))
        repeat = f"caught again {tally.caught}/{tally.again}" if tally.again else "not again"
        name = (
            f"{arm}: {kind}, {where}: held {tally.held} of {tally.made} ({abs(low):.2f} to {high:.2f}); {by}; {repeat}"
        )
        yield Figure(name, 100 * tally.held / tally.made, "%")
        for each in tally.missed[:1]:
            print(f"    came through: {each.artefact} {each.locator}: {each.before[:50]!r} -> {each.after[:50]!r}")
    yield from _overall(tallies)
    false, tried, loud = false_alarms(rules, fresh)
    low, high = gate.wilson(false, tried)
    number = sum(map(len, rules.values()))
    name = (
        f"clean deliveries with an alarm of {number} learned rules: {false} of {tried} ({abs(low):.2f} to {high:.2f})"
    )
    yield Figure(name, 100 * false / max(tried, 1), "%", "0", false == 0)
    for check, times in Counter(loud).items():
        print(f"    false alarm, {times} times: {check}")
    for where, held in rules.items():
        for rule in held:
            print(f"    learned ({where}): {rule.check}")


def _overall(tallies: Mapping[Key, Tally]) -> Iterator[Figure]:
    for arm, goal in (("gate", None), ("reader", None), ("bare", None), ("all", 70.0)):
        chosen = [tally for (each, _, _), tally in tallies.items() if arm in (each, "all")]
        made, again = sum(t.made for t in chosen), sum(t.again for t in chosen)
        for what, number in (
            ("findings compiled to what costs no token", sum(t.held for t in chosen)),
            ("of these by a check of the language", sum(t.checks for t in chosen)),
            ("of these by a new rule", sum(t.rules for t in chosen)),
        ):
            low, high = gate.wilson(number, made)
            share, whole = 100 * number / max(made, 1), goal is not None and what.startswith("findings")
            name = f"{arm}: {what}: {number} of {made} ({abs(low):.2f} to {high:.2f})"
            yield Figure(name, share, "%", f">= {goal:g}" if whole else "", share >= (goal or 0) if whole else None)
        through = again - sum(t.caught for t in chosen)
        low, high = gate.wilson(through, again)
        name = f"{arm}: repeats of held flaws that got through: {through} of {again} ({abs(low):.2f} to {high:.2f})"
        yield Figure(name, 100 * through / max(again, 1), "%", "0", through == 0)


def main() -> None:
    """Print the table; with --json one last line for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=5, help="of each kind")
    parser.add_argument("--clean", type=int, default=60, help="fresh clean deliveries for false alarms")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found: list[Figure] = []
    for figure in figures(chosen.mutants, chosen.clean):
        found.append(figure)
        met = "" if figure.met is None else "met" if figure.met else "MISSED"
        print(f"{figure.name:120} {figure.figure:7.1f} {figure.unit:3} {figure.goal:>6} {met}", flush=True)
    if chosen.json:
        keys = ("name", "figure", "unit", "goal", "met")
        print(json.dumps([{key: getattr(figure, key) for key in keys} for figure in found]))


if __name__ == "__main__":
    main()
