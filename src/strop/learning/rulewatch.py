"""Learned checks in force are watched: what one takes out against all other layers of the gate is read again.

A check is made from few values, and nothing that it takes out is ever seen. So where it takes out a value that
the rest of the gate accepted, two fresh readers read the unit, told that the field is in doubt and not what was
said of it. Judged apart from all earlier readings and by no rule, theirs is the second opinion: another value
that the gate accepts speaks for the check, the same value again speaks against it, anything else for nobody.
One opinion a check and input, the first that came. The check never scores itself; where it has a person's word
it is not watched, and where agents write whole files there are no readers to ask.

At E of harm >= `HARM` (evalues.Duel) the check holds no longer: in the very run, which gives its values back,
and for good when the run has ended. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from strop.checking.checks import parse_check
from strop.checking.judge import same
from strop.checking.ruled import BROKEN, Ruled, Rules, ruled
from strop.learning.alpha import HARM
from strop.learning.evalues import Duel, duel
from strop.types.content import Standing
from strop.types.evidence import Pair, Source
from strop.types.fingerprint import digest_bytes
from strop.types.memory import CheckKind, Constraint, Item
from strop.types.trial import Finding, Run, Severity, Value
from strop.types.work import Plan, Task, TaskId, UnitKey

SECOND = "second-"
"""How tasks begin that read a unit again for a second opinion."""
READERS = 2
"""Fresh readers a unit: fewer cannot agree. With a step each they cost what one repair is quoted at."""
WITHOUT = "read again"
"""What a check is compared with: its unit, read again. Stands where a pair names the other arm."""
AGAIN = "read again, and accepted"
"""The reason of a value that fresh readers gave in the place of one that a rule took out."""
PROMPTED = 3
"""Readers with a prompt of their own; those after them begin anew."""
_PROVED = (Standing.ACCEPTED, Standing.CORRECTED)


@dataclass(frozen=True, slots=True)
class Watched:
    """A learned check in force, and what is known of it."""

    item: Item
    rule: str
    """Id of its line in CONSTRAINTS.md."""
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Opinion:
    """What fresh readers said of a value that a check took out."""

    rule: str
    unit: UnitKey
    field: str
    input: str
    """Hash of the unit's text."""
    against: bool
    """They said the same again."""


# ---------------------------------------------------------------- reading again


def second_readers(run: Run, values: Sequence[Value], *, but: frozenset[UnitKey]) -> tuple[Task, ...]:
    """What reads units again that lost a value to a rule; each once a run, none that is repaired anyway."""
    plan, done = run.plan, {_unit(task) for task in run.extended if task.startswith(SECOND)}
    doubted: dict[UnitKey, list[str]] = {}
    for value in values:
        if BROKEN in value.reasons and value.row not in but | done:
            doubted.setdefault(value.row, []).append(f"{value.field}: it may be right or wrong")
    first = {unit.key: (task, unit) for task in plan.tasks if task.reader == 1 for unit in task.units}
    return tuple(
        replace(
            task,
            id=TaskId(f"{SECOND}{reader}/{unit.key}"),
            role=f"reader {reader}",
            units=(unit,),
            steps=1,
            prompt=f"reader-{(reader - 1) % PROMPTED + 1}",
            reader=reader,
            repairs=tuple(said),
            variant="",
        )
        for key, said in doubted.items()
        if key in first
        for task, unit in (first[key],)
        for reader in range(plan.spec.readers + 1, plan.spec.readers + 1 + READERS)
    )


def _unit(task: TaskId) -> UnitKey:
    return UnitKey(task.partition("/")[2])


def apart(run: Run) -> tuple[Run, Run]:
    """(the run without second opinions, the second opinions alone with all that a table answered)."""
    fresh = tuple(result for result in run.results if result.task.startswith(SECOND))
    rest = tuple(result for result in run.results if not result.task.startswith(SECOND))
    missing = tuple(task for task in run.missing if not task.startswith(SECOND))
    counts = (replace(each, claims=tuple(c for c in each.claims if not c.reader), unread=()) for each in rest)
    return replace(run, results=rest, missing=missing), replace(run, results=(*counts, *fresh), missing=())


def doubted(run: Run) -> tuple[UnitKey, ...]:
    """Units that fresh readers were given, in their order."""
    return tuple(dict.fromkeys(_unit(task) for task in run.extended if task.startswith(SECOND)))


# ---------------------------------------------------------------- what it says


def opinions(
    first: Ruled,
    fresh: Mapping[tuple[UnitKey, str], Value],
    *,
    watched: Mapping[str, str],
    inputs: Mapping[UnitKey, str],
) -> tuple[Opinion, ...]:
    """What the fresh values say of the checks; `watched` has the check's text and the rule's id, `inputs` hashes.

    Only where no other rule took the value out, and the rest of the gate had accepted it.
    """
    broken: dict[str, list[str]] = {}
    for finding in first.findings:
        broken.setdefault(finding.locator, []).append(finding.rule)
    found: list[Opinion] = []
    for before, now in zip(first.before, first.values, strict=True):
        again = fresh.get((before.row, before.field))
        rules = broken.get(f"{before.row}.{before.field}", [])
        accepted = before.standing in _PROVED and again is not None and again.standing in _PROVED
        if again is None or not accepted or BROKEN not in now.reasons or not watched.keys() >= set(rules):
            continue
        against = same(before.value, again.value)
        text = inputs.get(before.row, "")
        found += [Opinion(watched[rule], before.row, before.field, text, against) for rule in rules if text]
    return tuple(found)


def pairs_of(watched: Watched, said: Iterable[Opinion], *, run: str, day: str = "") -> tuple[Pair, ...]:
    """The check's opinions as evidence: it won where another value was right, lost where its value was."""
    item = watched.item
    return tuple(
        Pair(
            item=item.id,
            version=item.digest,
            ground=item.ground,
            incumbent=WITHOUT,
            unit=each.input,
            run=run,
            source=Source.SECOND,
            challenger=float(not each.against),
            baseline=float(each.against),
            day=day,
        )
        for each in said
        if each.rule == watched.rule
    )


def tally(watched: Watched, more: Sequence[Pair] = ()) -> Duel:
    """Wins and losses of the check, of each input the first that came."""
    first: dict[str, Pair] = {}
    for pair in (*watched.pairs, *more):
        first.setdefault(pair.unit, pair)
    return duel(sum(pair.won for pair in first.values()), sum(pair.lost for pair in first.values()))


def harmful(found: Duel) -> str:
    """Why a check may hold no longer, in a sentence; empty where it may."""
    if found.worse < HARM:
        return ""
    said = f"in {found.lost} of {found.discordant} units that were read again the readers said what it had taken out"
    return f"{said}: E of harm {found.worse:,.1f} reached {HARM:g}"


# ---------------------------------------------------------------- in the gate


@dataclass(frozen=True, slots=True)
class Held:
    """Values after the rules that hold in this run."""

    rules: Rules
    first: Ruled
    findings: tuple[Finding, ...] = ()
    """Notes on checks that hold no longer."""
    said: tuple[Opinion, ...] = ()


def held_to(
    values: Sequence[Value],
    rules: Rules,
    *,
    again: Sequence[Value] = (),
    watched: Sequence[Watched] = (),
    texts: Mapping[str, str],
    sources: Mapping[UnitKey, str],
    run: str = "",
) -> Held:
    """Hold the values to the rules, but for checks that the evidence speaks against; `again` are the second opinions.

    `texts` has the check of each watched rule's id, `sources` the text of each unit. A value that fresh readers
    agree on, and that keeps the rules, takes the place of the one that a rule took out.
    """
    first = ruled(values, rules)
    fresh = {(value.row, value.field): value for value in again}
    hashes = {row: digest_bytes(text.encode()) for row, text in sources.items() if any(row == r for r, _ in fresh)}
    said = opinions(first, fresh, watched={texts[w.rule]: w.rule for w in watched}, inputs=hashes)
    out = {w.rule: why for w in watched if (why := harmful(tally(w, pairs_of(w, said, run=run))))}
    notes = tuple(_note(rule, texts[rule], why) for rule, why in out.items())
    if out:
        gone = {texts[rule] for rule in out}
        rules = replace(rules, checks=[check for check in rules.checks if str(check) not in gone])
        first = ruled(values, rules)
    better = {place: value for place, value in fresh.items() if _keeps(value, rules)}
    if better:
        first = ruled([_mended(value, better) for value in _with_marks(first)], rules)
    return Held(rules, first, notes, said)


def _with_marks(first: Ruled) -> Iterable[tuple[Value, bool]]:
    """Values as they were before the rules, and whether a rule took each out."""
    return ((old, BROKEN in new.reasons) for old, new in zip(first.before, first.values, strict=True))


def _mended(marked: tuple[Value, bool], better: Mapping[tuple[UnitKey, str], Value]) -> Value:
    value, taken = marked
    return better.get((value.row, value.field), value) if taken else value


def _keeps(value: Value, rules: Rules) -> bool:
    return value.standing in _PROVED and ruled((value,), rules).values[0].standing in _PROVED


def _note(rule: str, check: str, why: str) -> Finding:
    return Finding("rule", "CONSTRAINTS.md", rule, "a check that takes out what is wrong", why, check, Severity.NOTE)


def checks_of(rules: Sequence[Constraint]) -> Mapping[str, str]:
    """The check of each rule that has one, in the language's own spelling, by the rule's id."""
    kinds = (CheckKind.CHECK, CheckKind.GRAMMAR)
    return {rule.id: str(parse_check(rule.check)) for rule in rules if rule.kind in kinds}


def as_second(value: Value) -> Value:
    """A fresh value with the reason that it is one."""
    return replace(value, reasons=(*value.reasons, AGAIN))


def of_plan(plan: Plan, sources: Mapping[str, str]) -> Mapping[UnitKey, str]:
    """The text of each unit that has one at hand."""
    units = (unit for task in plan.tasks for unit in task.units)
    return {unit.key: sources[unit.source] for unit in units if unit.source in sources}
