"""Compiling: every confirmed finding becomes the cheapest check that catches it, or says why none does.

A finding is {artefact, locator, expected, observed, rule, scope}; its flaw is what was said at its place.
A check is admitted when it fires on its flaw, is silent on the clean rest of its own run and on every
stored delivery it is about, and kills a mutant that no other active check kills. Checks that the order
demands anyway, and what the gate holds without a rule, are not written down a second time. What fails
stays a candidate with its reason. What no check can hold becomes a line for the model, and that is a
candidate too: it has to win its place. Mutants after DeMillo, Lipton and Sayward (IEEE Computer, 1978).

Texts of rules are made by `wording`, never from a finding's prose; a check that would hold words of a
source which are no plain literal goes to quarantine. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from strop.checking.bundle import Bundle
from strop.checking.checks import OF_FILES, Check, CheckName, is_check, parse_check
from strop.checking.conflicts import keys_of
from strop.checking.mutators import mutant
from strop.checking.opened import Opened
from strop.checking.primitives import run_check, unjudged
from strop.checking.quotes import normal
from strop.checking.ruled import as_read
from strop.drafting.answers import answer_keys
from strop.learning.corpus import Kept, Record, alarms, delivered, tried
from strop.learning.ladder import LEAST, RUNGS, Ground, Rung, ladder, of_file, ordered
from strop.learning.rules import LEARNED
from strop.learning.wording import literals, plain, told
from strop.types.content import Standing
from strop.types.count import agreeing, counted
from strop.types.fingerprint import digest
from strop.types.memory import CheckKind, Constraint, ItemState
from strop.types.trial import Finding, Severity, Value, Verdict
from strop.types.work import PICTURES, Column, ColumnType, Spec

PROVED = (Standing.ACCEPTED, Standing.CORRECTED)
HELD_BY_GATE = frozenset(
    "schema contract unfaithful missing unsaid repeated conflict formula recompute quote outlier agreement".split()
)
"""Kinds that the deterministic gate finds by itself in every run, whatever its rules are."""
SEEDS = 5
"""Mutants of a check's own kind that it is tried on."""
MOST = 200
"""Flaws of one column that are compiled; more of them teach the same."""
MISFIT = 0.2
"""A check that speaks against this share of the proved values is about something else, and no candidate."""
POINT = Column("y", ColumnType.NUMBER)
"""What a chart's points say."""
UNTRIED = "it bans a value that another unit may rightly have, and no other delivery is stored yet"
"""Why a check waits that nothing could judge: it is tried again when deliveries are stored."""
IN_TABLE = (CheckName.UNIQUE, CheckName.CONSISTENT, CheckName.FORMULA)
"""Checks of a value that need the rest of the table."""


class By(StrEnum):
    """What holds a flaw from now on."""

    RULE = "rule"
    """A new rule."""
    KNOWN = "known"
    """A rule that was there."""
    ORDER = "order"
    """A check that the order demands: it needs no rule."""
    GATE = "gate"
    """The deterministic gate, without a rule."""
    CANDIDATE = "candidate"
    """A check that was not admitted."""
    PROMPT = "prompt"
    """Nothing but a line for the model, once it has won its place."""


HOLDS = (By.RULE, By.KNOWN, By.ORDER, By.GATE)


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of one finding."""

    finding: Finding
    rung: Rung
    by: By
    check: str = ""
    why: str = ""

    @property
    def held(self) -> bool:
        """Whether the flaw costs no token the next time."""
        return self.by in HOLDS


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a passed run teaches: rules by their state, and what became of each finding."""

    rules: tuple[Constraint, ...] = ()
    """Active ones, candidates, and those in quarantine."""
    compiled: tuple[Compiled, ...] = ()


@dataclass(frozen=True, slots=True)
class Occasion:
    """A run that passed, with all that its flaws are compiled against."""

    verdict: Verdict
    spec: Spec
    known: tuple[Constraint, ...] = ()
    """Rules that hold now."""
    never: frozenset[str] = frozenset()
    """Checks and ids of rules that the user struck out or removed."""
    past: tuple[Kept, ...] = ()
    """Stored deliveries of other runs."""
    earlier: tuple[Verdict, ...] = ()
    """Of this run's rounds before the last: what was mended since is a flaw as well."""
    files: Mapping[str, Opened] = field(default_factory=dict[str, Opened])
    """Delivered files, as an independent reader sees them."""
    today: date | None = None
    sources: Mapping[str, str] | None = None
    """What was read, by path; without it no check on quotes can be judged."""


def lessons(occasion: Occasion) -> Lessons:
    """Compile every confirmed finding. Nothing is learned from a run that did not pass, or whose refuter is void."""
    if not occasion.verdict.passed or occasion.verdict.void:
        return Lessons()
    desk = _Desk(occasion)
    for column in _columns(occasion.spec):
        desk.learn(column)
    compiled = tuple(desk.place(finding) for finding in confirmed(occasion))
    return Lessons(tuple(desk.rules), compiled)


def confirmed(occasion: Occasion) -> tuple[Finding, ...]:
    """Flaws that code found, or a model with a quote that stands; no notes, and each once."""
    rounds = (*(each for each in occasion.earlier if not each.void), occasion.verdict)
    found = (finding for verdict in rounds for finding in verdict.findings)
    return tuple(dict.fromkeys(each for each in found if each.severity is not Severity.NOTE))


def _columns(spec: Spec) -> Iterator[Column]:
    """Columns that agents fill, each name once; of charts that an agent makes, what their points say."""
    named: dict[str, Column] = {}
    for output in spec.made:
        for column in output.columns:
            named.setdefault(column.name, column)
    if spec.each is None and any(output.kind in PICTURES for output in spec.made):
        named.setdefault(POINT.name, POINT)
    return (column for column in named.values() if column.read)


def flaws_of(verdict: Verdict) -> tuple[Value, ...]:
    """What was said and is wrong, as if it were delivered: the flaw that a rule must catch."""
    odd = {finding.locator for finding in verdict.findings if finding.kind == "outlier"}
    found = [
        replace(value, value=value.said, said=None, standing=Standing.UNVERIFIED)
        for value in verdict.values
        if value.standing in (Standing.REFUTED, Standing.CORRECTED) and value.said is not None
    ]
    return (*found, *(v for v in verdict.values if place_of(v) in odd and v.standing is Standing.UNVERIFIED))


def place_of(value: Value) -> str:
    """As a finding names it."""
    return f"{value.row}.{value.field}"


def with_flaw(bundle: Bundle, flaw: Value) -> Bundle:
    """The bundle with the flaw put back in its place."""
    values = tuple(flaw if (v.row, v.field) == (flaw.row, flaw.field) else v for v in bundle.values)
    return replace(bundle, values=values)


def fires(check: Check, flaw: Value, clean: Bundle) -> bool:
    """Whether the check finds the flaw, and would not speak without it."""
    if check.name in OF_FILES or check.name is CheckName.ROWS or check.field != flaw.field:
        return False
    if check.name not in IN_TABLE:
        return bool(run_check(check, Bundle((flaw,), clean.sources, today=clean.today)))
    near = replace(clean, values=_near(check, flaw, clean))
    return not set(run_check(check, with_flaw(near, flaw))) <= set(run_check(check, near))


def _near(check: Check, flaw: Value, clean: Bundle) -> tuple[Value, ...]:
    """The part of the table that decides: a formula's row, rows that say the same, rows of the same key."""
    if check.name is CheckName.FORMULA:
        whole = "(" in check.text  # a sum or mean of a column
        return clean.values if whole else tuple(v for v in clean.values if v.row == flaw.row)
    key, wanted = check.field, flaw.value
    if check.name is CheckName.CONSISTENT:
        (key,) = check.names
        wanted = next((v.value for v in clean.values if (v.row, v.field) == (flaw.row, key)), None)
    said = normal(str(wanted))
    rows = {v.row for v in clean.values if v.field == key and normal(str(v.value)) == said} | {flaw.row}
    return tuple(v for v in clean.values if v.row in rows and v.field in (check.field, *check.names))


# ---------------------------------------------------------------- admission


@dataclass(frozen=True, slots=True)
class Trial:
    """How a check came through its admission."""

    refused: str
    """Why it was not admitted; empty where it was."""
    record: Record
    against: int = 0
    """Places of its own run's clean rest that it speaks against."""


def admitted(
    check: Check, caught: Sequence[Value], *, clean: Bundle, active: Mapping[str, Check], past: Sequence[Kept]
) -> Trial:
    """Whether a check that fires on these flaws may become a rule. Of a check of files the flaw is its mutant."""
    if lost := unjudged(check, clean):
        return Trial(f"it cannot be judged: the source of {counted(len(lost), 'value')} is not at hand", Record(0))
    own = alarms(check, clean)
    record = tried(check, past)
    if own:
        return Trial(
            f"it speaks against {counted(len(own), 'place')} of the clean rest of its own run", record, len(own)
        )
    if record.loud:
        runs = ", ".join(record.loud[:3])
        return Trial(
            f"it speaks against {counted(len(record.loud), 'clean delivery', 'clean deliveries')}: {runs}", record
        )
    if check.name is CheckName.NOT_VALUE and not record.silent:
        return Trial(UNTRIED, record)
    mutants = [with_flaw(clean, flaw) for flaw in caught[:SEEDS]]
    mutants += [m for seed in range(SEEDS) if (m := mutant(check, clean, seed=seed)) is not None]
    killed = [mutants[number] for number in _killed(check, mutants, clean)]
    if not killed:
        return Trial("it finds no mutant of its own", record)
    others = {name: _killed(other, killed, clean) for name, other in active.items()}
    if set().union(*others.values()) >= set(range(len(killed))):
        name = max(others, key=lambda each: len(others[each]))
        return Trial(f"redundant: {name} finds what it finds", record)
    return Trial("", record)


def _killed(check: Check, mutants: Sequence[Bundle], clean: Bundle) -> set[int]:
    """Which of the mutants the check finds something in that is not in the clean bundle."""
    base = set(run_check(check, clean))
    return {number for number, broken in enumerate(mutants) if not set(run_check(check, broken)) <= base}


# ---------------------------------------------------------------- one run


@dataclass(slots=True)
class _Desk:
    """What one run teaches, while it is worked out."""

    occasion: Occasion
    clean: Bundle = field(init=False)
    flaws: dict[str, list[Value]] = field(init=False)
    """By place."""
    order: dict[Check, str] = field(init=False)
    active: dict[str, Check] = field(init=False)
    """Checks that hold, by the id of their rule or their line in the order."""
    rules: list[Constraint] = field(default_factory=list[Constraint])
    caught: dict[str, Constraint] = field(default_factory=dict[str, Constraint])
    failed: dict[str, tuple[Check, str]] = field(default_factory=dict[str, tuple[Check, str]])
    """By place: the cheapest check that fires there and was not admitted, and why."""

    def __post_init__(self) -> None:
        one = self.occasion
        values = one.verdict.values
        read: Mapping[str, str] = {} if one.sources is None else as_read(values, one.sources)
        self.clean = delivered(Bundle(values, read, files=one.files, today=one.today))
        self.order = ordered(one.spec)
        self.active = {rule.id: parse_check(rule.check) for rule in one.known if rule.check}
        self.active |= {f"valid: {line}": parse_check(line) for line in one.spec.valid if is_check(line)}
        self.flaws = {}
        for verdict in (*one.earlier, one.verdict):
            for flaw in flaws_of(verdict):
                held = self.flaws.setdefault(place_of(flaw), [])
                held += [flaw] if flaw not in held else []

    def learn(self, column: Column) -> None:
        """The column's flaws, each caught by the cheapest check that is admitted."""
        values = [value for value in self.clean.values if value.field == column.name]
        proved = [value for value in values if value.standing in PROVED]
        if len(proved) < LEAST:
            return
        flawed = [flaw for held in self.flaws.values() for flaw in held if flaw.field == column.name][:MOST]
        left: list[Value] = [flaw for flaw in flawed if not self._known(flaw)]
        grid = {(value.row, value.field): value.value for value in self.clean.values}
        ground = Ground(
            column, flawed, proved, grid, self.occasion.today, column.name in keys_of(self.occasion.spec.made)
        )
        for check in ladder(ground) if left else ():
            if not left:
                return
            caught = [flaw for flaw in left if fires(check, flaw, self.clean)]
            if not caught or check in self.order or self._barred(check):
                continue
            trial = admitted(check, caught, clean=self.clean, active=self.active, past=self.occasion.past)
            if trial.refused:
                if trial.against <= MISFIT * len(proved):
                    self._fail(check, caught, trial.refused)
                continue
            rule = _rule(check, f"{broke(caught, proved)}; {trial.record}")
            self.rules.append(rule)
            if rule.state is ItemState.ACTIVE:
                self.active[rule.id] = check
                self.caught |= {place_of(flaw): rule for flaw in caught}
                left = [flaw for flaw in left if flaw not in caught]

    def _known(self, flaw: Value) -> str:
        """The rule that catches a flaw already."""
        return next((name for name, check in self.active.items() if fires(check, flaw, self.clean)), "")

    def _barred(self, check: Check) -> bool:
        ids = {rule.id for rule in (*self.occasion.known, *self.rules)}
        return str(check) in self.occasion.never or not {id_of(check)}.isdisjoint(ids | self.occasion.never)

    def _fail(self, check: Check, caught: Sequence[Value], why: str) -> None:
        for flaw in caught:
            self.failed.setdefault(place_of(flaw), (check, why))

    # ------------------------------------------------------------ findings

    def place(self, finding: Finding) -> Compiled:
        """What holds this finding from now on; keeps a candidate where nothing does."""
        if finding.kind == "constraint" and is_check(finding.rule):
            return Compiled(finding, RUNGS[parse_check(finding.rule).name], By.KNOWN, finding.rule)
        if finding.locator in self.caught:
            rule = self.caught[finding.locator]
            return Compiled(finding, RUNGS[parse_check(rule.check).name], By.RULE, rule.check, rule.id)
        flaws = self.flaws.get(finding.locator, [])
        return self._of_value(finding, flaws) if flaws else self._of_file(finding)

    def _of_value(self, finding: Finding, flaws: Sequence[Value]) -> Compiled:
        for flaw in flaws:
            if name := self._known(flaw):
                return Compiled(finding, RUNGS[self.active[name].name], By.KNOWN, str(self.active[name]), name)
        for check, where in self.order.items():
            if any(fires(check, flaw, self.clean) for flaw in flaws):
                return Compiled(finding, RUNGS[check.name], By.ORDER, str(check), where)
        if finding.kind in HELD_BY_GATE:
            return Compiled(finding, Rung.GATE, By.GATE)
        if finding.locator in self.failed:
            check, why = self.failed[finding.locator]
            self._keep(_waiting(_rule(check, why)))
            return Compiled(finding, RUNGS[check.name], By.CANDIDATE, str(check), why)
        return self._line(finding)

    def _of_file(self, finding: Finding) -> Compiled:
        check = of_file(finding, self.occasion.spec)
        if check in self.order:
            return Compiled(finding, RUNGS[check.name], By.ORDER, str(check), self.order[check])
        name = next((name for name, held in self.active.items() if held == check), "")
        if check is not None and name:
            return Compiled(finding, RUNGS[check.name], By.KNOWN, str(check), name)
        if finding.kind in HELD_BY_GATE:
            return Compiled(finding, Rung.GATE, By.GATE)
        if check is None or self._barred(check):
            return self._line(finding)
        trial = admitted(check, (), clean=self.clean, active=self.active, past=self.occasion.past)
        rule = _rule(check, trial.refused or f"a delivered file broke it; {trial.record}")
        if trial.refused:
            self._keep(_waiting(rule))
            return Compiled(finding, RUNGS[check.name], By.CANDIDATE, str(check), trial.refused)
        self._keep(rule)
        self.active[rule.id] = check
        return Compiled(finding, RUNGS[check.name], By.RULE, str(check), rule.id)

    def _line(self, finding: Finding) -> Compiled:
        """A line for the model, as a candidate: only what wins a paired replay is ever said."""
        text = _told_to_model(finding, self.occasion.spec)
        why = "no check can hold it; it is told to nobody before it has won a paired replay"
        if text and text not in self.occasion.never:
            self._keep(Constraint(_id(text), text, why, CheckKind.PROMPT, state=ItemState.CANDIDATE))
        return Compiled(finding, Rung.PROMPT, By.PROMPT, why=why)

    def _keep(self, rule: Constraint) -> None:
        ids = {each.id for each in (*self.rules, *self.occasion.known)} | self.occasion.never
        self.rules += [rule] if rule.id not in ids else []


def broke(caught: Sequence[Value], proved: Sequence[Value]) -> str:
    """How many flaws a rule comes from, and how many proved values keep it."""
    count, stay = len(caught), len(proved)
    keeps = f"{counted(stay, 'proved one')} {agreeing(stay, 'keeps', 'keep')} it"
    return f"{counted(count, 'refuted value')} broke it, {keeps}"


def _rule(check: Check, reason: str) -> Constraint:
    """The check as a rule; in quarantine, and without its words, where it would hold prose of a source."""
    rule = Constraint(
        id=id_of(check),
        text=told(check),
        reason=reason,
        kind=CheckKind.CHECK,
        field="" if check.name in OF_FILES else check.field,
        check=str(check),
    )
    if all(map(plain, literals(check))):
        return rule
    text = f"`{check.field}` is held against words that stand in a source"
    return replace(rule, text=text, reason=f"its words are no plain literal; {reason}", state=ItemState.QUARANTINE)


def _waiting(rule: Constraint) -> Constraint:
    """A rule that was not admitted; one in quarantine stays there."""
    return rule if rule.state is ItemState.QUARANTINE else replace(rule, state=ItemState.CANDIDATE)


def id_of(check: Check) -> str:
    """Of the rule that a check becomes: the same check has the same id in every project."""
    return _id(str(check))


def _id(text: str) -> str:
    return f"{LEARNED}{digest(text)[:8]}"


def _told_to_model(finding: Finding, spec: Spec) -> str:
    """One of our own sentences, with names that the order gives."""
    row, _, name = finding.locator.rpartition(".")
    if any(column.name == name for output in spec.outputs for column in output.columns):
        return f"`{name}`: give what is said of this very row, for the time and in the unit that is asked for."
    keys = answer_keys(spec.outputs) if spec.each is None else {}
    file = next((file for file, key in keys.items() if row.startswith(f"{key}.")), "")
    if not file:
        return ""
    if finding.kind == "contradiction":
        return f"`{file}`: state a figure once, and say it in the same way wherever it comes again."
    return f"`{file}`: write no more than the cited words say, with their reserves."
