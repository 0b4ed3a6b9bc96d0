"""A project's rules: which hold together, which are not to be learned again, and each tried on what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strop.app.drift import rules_text
from strop.app.journals import has_journal
from strop.app.project import Project, state_of
from strop.checking.checks import OF_FILES, Check, CheckName, parse_check
from strop.checking.primitives import run_check, unjudged
from strop.errors import BadInput, StropError
from strop.learning.contradictions import Contradiction, contradictions, in_force
from strop.learning.corpus import Kept, Record, alarms, kept, looks, tried, with_files
from strop.learning.library import filed
from strop.learning.rules import lines_of
from strop.learning.scopes import covers, scope_of_rule
from strop.swarm.fold import RunFold
from strop.types.events import revive
from strop.types.memory import CheckKind, Constraint, Item, ItemKind, ItemState, Scope
from strop.types.work import Spec

MOST = 60
"""Stored deliveries that a rule is tried on, the newest: silence on 59 bounds false alarms by 5 %, 95 % sure."""
RECENT = 10
"""Of these, whose values are looked at when a run begins."""
_RULES = (ItemKind.CHECK, ItemKind.CONSTRAINT)


def library_rules(project: Project) -> tuple[tuple[Item, Constraint], ...]:
    """Every rule of the library's head, in any state, with its item."""
    items = (item for item in project.db.head().items if item.kind in _RULES)
    return tuple((item, revive(Constraint, project.blobs.get(item.digest))) for item in items)


def waiting_rules(project: Project) -> tuple[tuple[Item, Constraint], ...]:
    """Rules that are not in force: candidates and those in quarantine."""
    states = (ItemState.CANDIDATE, ItemState.QUARANTINE, ItemState.PROBATION)
    return tuple((item, body) for item, body in library_rules(project) if item.state in states)


def barred(project: Project) -> frozenset[str]:
    """Ids and checks that are not learned again: of rules that a person struck out, or that were put away."""
    states = (ItemState.RETIRED, ItemState.QUARANTINE)
    away = (body for item, body in library_rules(project) if item.state in states)
    return frozenset(part for body in away for part in (body.id, body.check) if part) | project.struck_out()


def deliveries(project: Project, spec: Spec, *, but: str = "", most: int = MOST) -> tuple[Kept, ...]:
    """The values of runs of alike orders that passed, newest first; what cannot be read is left out."""
    scope = scope_of_rule("", spec)
    return tuple(each for each, _ in _passed(project, but=but, most=most) if covers(scope, each.spec))


def rules_for(project: Project, spec: Spec) -> tuple[Constraint, ...]:
    """The rules of CONSTRAINTS.md that are about such an order: a person's, and what alike orders taught."""
    scopes = {filed(item): item.scope for item, _ in library_rules(project)}
    return tuple(rule for rule in project.rules() if rule.id not in scopes or covers(scopes[rule.id], spec))


def deliveries_with_files(project: Project, *, most: int = MOST) -> tuple[Kept, ...]:
    """The same with every delivered file opened, which takes its time.

    Raises:
        MissingPart: the reader for a kind of delivered file is not installed.
    """
    found = _passed(project, but="", most=most)
    return tuple(with_files(each, state, folder=project.runs / each.run) for each, state in found)


def _passed(project: Project, *, but: str, most: int) -> list[tuple[Kept, RunFold]]:
    found: list[tuple[Kept, RunFold]] = []
    for folder in sorted(project.runs.glob("*"), reverse=True):
        if folder.name == but or not has_journal(folder) or len(found) >= most:
            continue
        try:
            state = state_of(folder)
            held = kept(state, blobs=project.blobs)
        except StropError:
            continue  # a damaged or foreign journal is `strop runs`' to tell
        found += [(held, state)] if held is not None else []
    return found


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a run begins with."""

    rules: tuple[Constraint, ...]
    """Those of CONSTRAINTS.md that can hold together."""
    never: frozenset[str]
    """Not to be learned again."""
    warnings: tuple[str, ...]
    """Contradictions, with ids and lines."""


def ruling_of(project: Project, spec: Spec) -> Ruling:
    """Which rules hold for an order: called once, at the start of a run, when file and library are `settle`d.

    Raises:
        BadInput: a check in the file cannot be read.
    """
    rules = rules_for(project, spec)
    found = contradictions(rules, deliveries(project, spec, most=RECENT)) if len(rules) > 1 else ()
    lines = lines_of(rules_text(project))
    return Ruling(in_force(rules, found), barred(project), tuple(shown(each, lines) for each in found))


def shown(each: Contradiction, lines: Mapping[str, int]) -> str:
    """A contradiction in a sentence, with both ids and lines."""
    places = " and ".join(f"{name} (line {lines.get(name, 0)})" for name in (each.first, each.second))
    return f"CONSTRAINTS.md: {places} contradict each other: {each.why}"


# ---------------------------------------------------------------- strop rules check


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule, tried."""

    rule: Constraint
    line: int
    """In CONSTRAINTS.md, from 1; 0 where it does not stand there."""
    status: str
    """`contradicts`, `speaks against what passed`, `fires`, `silent`, `never fired` or `cannot be judged`."""
    why: str
    places: tuple[str, ...] = ()
    """What it finds in the run, refuted values too."""
    record: Record | None = None
    """On the clean deliveries; None for rules without a check."""
    fired: tuple[str, ...] = ()
    """Runs in which it found something that was said and taken out."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Every rule over one run and all that is stored."""

    run: str
    deliveries: int
    rules: tuple[Tried, ...]
    contradictions: tuple[Contradiction, ...]
    waiting: tuple[tuple[str, Constraint], ...]
    """(state, rule) of those that are not in force: candidates and those in quarantine."""

    @property
    def sound(self) -> bool:
        """Nothing contradicts another rule or what passed."""
        return all(each.status not in ("contradicts", "speaks against what passed") for each in self.rules)


def tried_rules(project: Project, *, run: str = "") -> Checked:
    """Try every rule of CONSTRAINTS.md on a run (the newest that passed, unless named) and on what is stored.

    Raises:
        BadInput: no such run, one that did not pass, or a check that cannot be read.
    """
    past = deliveries_with_files(project)
    chosen = _chosen(project, run, past)
    rules = project.rules()
    lines = lines_of(rules_text(project))
    clashes = contradictions(rules, past)
    scopes = {filed(item): item.scope for item, _ in library_rules(project)}
    told = tuple(_tried(rule, lines.get(rule.id, 0), chosen, _about(rule, scopes, past), clashes) for rule in rules)
    waiting = tuple((str(item.state), body) for item, body in waiting_rules(project))
    return Checked(chosen.run if chosen else "", len(past), told, clashes, waiting)


def _about(rule: Constraint, scopes: Mapping[str, Scope], past: Sequence[Kept]) -> Sequence[Kept]:
    """The deliveries of orders that the rule is for."""
    return [each for each in past if rule.id not in scopes or covers(scopes[rule.id], each.spec)]


def _chosen(project: Project, run: str, past: Sequence[Kept]) -> Kept | None:
    if not run:
        return past[0] if past else None
    folder = project.find_run(run)
    state = state_of(folder)
    held = kept(state, blobs=project.blobs)
    if held is None:
        raise BadInput(f"run {folder.name} did not pass its gate, so it proves nothing of a rule; name one that did")
    return with_files(held, state, folder=folder)


def _tried(
    rule: Constraint, line: int, chosen: Kept | None, past: Sequence[Kept], clashes: Sequence[Contradiction]
) -> Tried:
    clash = next((each for each in clashes if rule.id in (each.first, each.second)), None)
    if not rule.check:
        who = "your own words" if rule.kind is CheckKind.HAND else "a line"
        return Tried(rule, line, "cannot be judged", f"{who} for the model: no check states it without guessing")
    check = parse_check(rule.check)
    record = tried(check, past)
    places = tuple(f.locator for f in run_check(check, chosen.said)) if chosen else ()
    fired = tuple(each.run for each in past if _caught(check, each))
    status, why = _status(check, places, record, fired, past)
    if clash is not None:
        other = clash.second if clash.first == rule.id else clash.first
        status, why = "contradicts", f"with {other}, see below"
    return Tried(rule, line, status, why, places, record, fired)


def _caught(check: Check, each: Kept) -> bool:
    """Whether it finds something in what was claimed that it does not find in what was delivered."""
    return len(run_check(check, each.said)) > len(alarms(check, each.bundle))


def _status(
    check: Check, places: Sequence[str], record: Record, fired: Sequence[str], past: Sequence[Kept]
) -> tuple[str, str]:
    if record.loud:
        runs = ", ".join(record.loud[:3])
        return "speaks against what passed", f"finds something in the clean delivery of {runs}"
    if not any(looks(check, each.said) or _looks_said(check, each) for each in past):
        if any(unjudged(check, each.bundle) for each in past):
            return "cannot be judged", "the sources of what is stored are not at hand"
        what = "file" if check.name in OF_FILES else "value"
        named = f" of {check.field}" if check.name is not CheckName.ROWS else ""
        return "cannot be judged", f"no stored delivery has a {what}{named}"
    if places:
        return "fires", f"on {', '.join(places[:3])}{' and more' if len(places) > 3 else ''}"
    return ("silent", f"fired in {', '.join(fired[:3])}") if fired else ("never fired", "")


def _looks_said(check: Check, each: Kept) -> bool:
    return any(value.field == check.field and value.said is not None for value in each.said.values)
