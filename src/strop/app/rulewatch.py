"""What becomes of learned checks when a run has ended: evidence on those in force, another try for those that wait."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from strop.app.project import Project, state_of
from strop.app.ruling import deliveries, library_rules, ruling_of
from strop.checking.checks import parse_check
from strop.errors import StropError
from strop.learning.corpus import Kept, day_of, kept
from strop.learning.library import filed, move, put
from strop.learning.lifecycle import APPROVED
from strop.learning.retrying import retried, waits
from strop.learning.rulewatch import WITHOUT, Watched, doubted, harmful, pairs_of, tally
from strop.loop.verify import Proofs, held_to_rules
from strop.types.evidence import Pair
from strop.types.memory import USED, Constraint, Item, ItemKind, ItemState, Origin
from strop.types.trial import Run


def watched(project: Project, rules: Sequence[Constraint]) -> tuple[Watched, ...]:
    """Of these rules the learned checks, with the second opinions on each so far; not those a person vouched for."""
    named = {rule.id for rule in rules if rule.check}
    return tuple(
        Watched(item, filed(item), _pairs(project, item))
        for item in (project.db.head().items if named else ())
        if item.kind is ItemKind.CHECK and item.origin is Origin.RUN and item.state in USED
        if filed(item) in named and item.why != APPROVED
    )


def _pairs(project: Project, item: Item) -> tuple[Pair, ...]:
    return tuple(pair for pair in project.db.pairs(item.id, version=item.digest) if pair.incumbent == WITHOUT)


def rules_after(project: Project, run: Run) -> tuple[str, ...]:
    """Keep what the run says of learned checks, move those it decides, try again those that wait; their ids.

    Raises:
        BadInput, JournalFault: CONSTRAINTS.md or the library cannot be read, or the library not written.
    """
    return (*_watched(project, run), *_retried(project, by=run.id))


def _watched(project: Project, run: Run) -> tuple[str, ...]:
    if not doubted(run) or _for_comparison(project, run):
        return ()
    rules = ruling_of(project, run.plan.spec).rules
    day = day_of(run.id)
    looked = watched(project, rules)
    held, _ = held_to_rules(run, Proofs(_texts(project, run), rules=rules, watched=looked, today=day))
    out: list[str] = []
    for each in looked:
        project.db.add(pairs_of(each, held.said, run=run.id, day=day.isoformat() if day else ""))
        why = harmful(tally(replace(each, pairs=_pairs(project, each.item))))
        if why:
            move(project.db, each.item.id, to=ItemState.QUARANTINE, why=why, by=run.id)
            out.append(each.item.id)
    return tuple(out)


def _for_comparison(project: Project, run: Run) -> bool:
    """Whether the run was made to compare with, or to break: it teaches nothing."""
    opened = state_of(project.runs / run.id).opened
    return opened is not None and bool(opened.manner)


def _texts(project: Project, run: Run) -> dict[str, str]:
    """What was read, by path, as it was kept; a text that is gone gives no opinion."""
    texts: dict[str, str] = {}
    for read in run.sources:
        with suppress(StropError, UnicodeDecodeError):
            texts[read.path] = project.blobs.get(read.digest).decode()
    return texts


def _retried(project: Project, *, by: str) -> tuple[str, ...]:
    """Checks that no stored delivery could judge, tried again on those that are stored now."""
    waiting = [(item, rule) for item, rule in library_rules(project) if item.kind is ItemKind.CHECK and waits(rule)]
    waiting = [(item, rule) for item, rule in waiting if item.state is ItemState.CANDIDATE and item.cites]
    if not waiting:
        return ()
    moved: list[str] = []
    let_in: list[Constraint] = []
    for item, rule in waiting:
        own = _own(project, item)
        if own is None:
            continue
        in_force = ruling_of(project, own.spec).rules
        active = {each.id: parse_check(each.check) for each in (*in_force, *let_in) if each.check}
        past = [each for each in deliveries(project, own.spec) if each.run not in item.cites]
        now = retried(rule, own, active=active, past=past)
        if now != rule:
            entry = replace(item, state=now.state, why=now.reason)
            put(project.db, project.blobs, [(entry, now)], by=by, why=f"{item.id} {now.state}: {now.reason}")
            let_in += [now] if now.state is ItemState.ACTIVE else []
            moved.append(item.id)
    return tuple(moved)


def _own(project: Project, item: Item) -> Kept | None:
    """The delivery of the run that a check comes from; None where it is not there any more."""
    try:
        return kept(state_of(project.runs / item.cites[0]), blobs=project.blobs)
    except StropError:
        return None
