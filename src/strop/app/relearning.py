"""Learning from runs on record: what a run taught and did not keep, what its wave tried, and a control arm after it.

A run is learned from once: what was committed, and later taken back by a person, does not come again from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strop.app.drift import settle
from strop.app.evidence import proofs_of
from strop.app.journals import events_of
from strop.app.keeping import Left, born, keep, scripts_left, wave_pairs
from strop.app.kinship import inputs_of, own
from strop.app.orders import Options, Order, as_begun
from strop.app.parts import inside_of
from strop.app.project import Project
from strop.app.ratchet import Weighed, waits
from strop.app.ruling import deliveries, ruling_of
from strop.app.trials import Carry, Trial, carry_out, ended_well, pairs_of, recorded, settled_by, shows
from strop.errors import BadInput, GateClosed
from strop.learning.corpus import day_of
from strop.learning.experiments import first_outcomes, for_user
from strop.learning.library import skills
from strop.learning.lifecycle import SHELVED
from strop.loop.cycle import Lessons, learned
from strop.loop.verify import verify
from strop.swarm.fold import RunFold, fold
from strop.swarm.spending import Spending
from strop.types.events import RunClosed
from strop.types.evidence import Pair
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Constraint, Item, Skill
from strop.types.trial import Outcome, Run
from strop.types.work import Guidance


@dataclass(frozen=True, slots=True)
class Relearned:
    """What a run on record has changed."""

    run: str
    items: tuple[str, ...]
    """Ids of what it put into the library now."""
    pairs: int
    """Pairs of its wave that were not there."""
    weighed: tuple[Weighed, ...]
    trial: Trial | None
    notes: tuple[str, ...]
    """What there was not to do, and why."""
    before: str
    after: str
    """The library's hash."""


async def relearn(project: Project, run: str, *, inputs: str = "", options: Options, carry: Carry) -> Relearned:
    """Do again what a run's end should have done for the library, then measure the skill it replayed or left.

    A run that replayed a skill gets a control arm on its own inputs; with `inputs`, both arms read that folder.

    Raises:
        BadInput: the run is not at its end, or is itself an arm of a trial.
        GateClosed: it did not pass and tried nothing, so there is nothing to learn.
        StropError: as `execute`, of the arms.
    """
    folder = project.find_run(run)
    state = _ended(folder)
    before = project.db.head().hash
    record = await _from_record(project, folder, state)
    measured = await _measured(project, folder, state, inputs=inputs, options=options, carry=carry)
    settle(project)
    weighed = (*record.weighed, *((measured.weighed,) if measured.weighed else ()))
    notes = (*record.notes, *measured.notes)
    after = project.db.head().hash
    return Relearned(folder.name, record.items, record.pairs, weighed, measured.trial, notes, before, after)


def _ended(folder: Path) -> RunFold:
    """The run as it was when it closed; what was put on record behind that took time that it did not."""
    events = events_of(folder)
    closed = max((at for at, event in enumerate(events, 1) if isinstance(event.body, RunClosed)), default=len(events))
    state = fold(events[:closed])
    if state.plan is None or state.opened is None or state.outcome not in (Outcome.PASSED, Outcome.REFUSED):
        raise BadInput(
            f"run {folder.name} did not come to its end ({state.outcome or 'cut off'}), so it teaches nothing yet. "
            f"Go on with it: strop run --resume {folder.name}"
        )
    if state.opened.manner:
        manner = " and ".join(state.opened.manner)
        raise BadInput(f"run {folder.name} was made to compare with, or to break ({manner}); it teaches nothing")
    if state.outcome is Outcome.REFUSED and not state.plan.variants:
        raise GateClosed(f"run {folder.name} did not pass its gate, and it tried nothing: nothing is learned from it")
    return state


# ---------------------------------------------------------------- what stands in the record


@dataclass(frozen=True, slots=True)
class _Record:
    items: tuple[str, ...]
    pairs: int
    weighed: tuple[Weighed, ...]
    notes: tuple[str, ...]


async def _from_record(project: Project, folder: Path, state: RunFold) -> _Record:
    """The lessons, where they were lost, and the evidence of the wave; of a pair that is there the first stays."""
    run = state.run()
    why = _taught(project, state, run)
    skill, rules, left = (None, (), Left()) if why else await _lessons(project, state, run)
    pairs = (*await _wave(project, folder, run), *left.pairs)
    there = _known(project, pairs)
    kept = keep(project, run, skill=skill, rules=rules, left=replace(left, pairs=pairs))
    none = () if kept.items or kept.stopped or why else ("it passed and has nothing to teach",)
    notes = ((why,) if why else none) + tuple(f"{name}: {said}" for name, said in kept.stopped)
    return _Record(kept.items, _known(project, pairs) - there, kept.weighed, notes)


def _taught(project: Project, state: RunFold, run: Run) -> str:
    """Why no lesson is drawn from the record; empty where it is."""
    if state.outcome is not Outcome.PASSED or state.verdict is None:
        return "it did not pass its gate: nothing is distilled from it"
    if any(move.by == run.id for move in project.db.moves()):
        return "what it taught was put into the library before"
    if changed := _changed_prompts(project, run):
        return f"nothing is distilled: prompt {', '.join(changed)} is not what the run was told any more"
    return ""


async def _lessons(project: Project, state: RunFold, run: Run) -> tuple[Skill | None, tuple[Constraint, ...], Left]:
    assert state.verdict is not None, "a run that passed has a verdict"
    school, read = _school(project, run), recorded(project, run)
    skill, rules = learned(for_user(run), state.verdict, lessons=school)
    scripts, pairs = await scripts_left(project, run, state.verdict, read=read)
    held = born(project, run, state.verdict, read=read, files=school.files, prompts=school.prompts)
    return skill, rules, Left(scripts, pairs, held)


def _changed_prompts(project: Project, run: Run) -> list[str]:
    texts = project.prompts()
    return [name for name, mark in run.plan.prompts if name in texts and mark != digest_bytes(texts[name].encode())]


def _school(project: Project, run: Run) -> Lessons:
    ruling, read = ruling_of(project, run.plan.spec), recorded(project, run)
    return Lessons(
        prompts=project.prompts(),
        files=inside_of(project, run.plan.spec)[0].files(),
        proofs=lambda ran: proofs_of(project, ran, read, ruling.rules, verifier=""),
        rules=ruling.rules,
        struck=ruling.never,
        past=deliveries(project, run.plan.spec, but=run.id),
        exemplars=project.config.settings.exemplars,
        taken=frozenset(item.name for item in skills(project.db)),
        waiting=bool(waits(project, run.plan.spec)),
    )


async def _wave(project: Project, folder: Path, run: Run) -> tuple[Pair, ...]:
    if not run.plan.variants or run.stopped:
        return ()
    spending, read = Spending(), recorded(project, run)
    for event in events_of(folder):
        spending.apply(event)
    firsts = first_outcomes(run)
    first = await verify(firsts, proofs=proofs_of(project, firsts, read, (), verifier=""))
    day = day_of(run.id)
    return wave_pairs(project, run, first=first, read=read, spending=spending, day=day.isoformat() if day else "")


def _known(project: Project, pairs: Sequence[Pair]) -> int:
    """Pairs there are of what these speak of."""
    return sum(len(project.db.pairs(item, version=version)) for item, version in {(p.item, p.version) for p in pairs})


# ---------------------------------------------------------------- measuring it


@dataclass(frozen=True, slots=True)
class _Measured:
    trial: Trial | None = None
    weighed: Weighed | None = None
    notes: tuple[str, ...] = ()


async def _measured(
    project: Project, folder: Path, state: RunFold, *, inputs: str, options: Options, carry: Carry
) -> _Measured:
    item, why = _skill_of(project, state)
    if item is None:
        return _Measured(notes=(why,) if why else ())
    if inputs:
        trial = await carry_out(project, item, inputs=inputs, options=as_begun(options, state), carry=carry)
    elif not state.run().plan.guidance.skill:
        return _Measured(notes=(f"to measure {item.id}, name inputs it was not made from: --inputs FOLDER",))
    elif not _unpaired(project, item, state.run()):
        return _Measured(notes=(f"no control arm: {item.id} was made from these inputs, or compared on them before",))
    elif not shows(project, item, state):
        return _Measured(
            notes=(f"it worked under another version of {item.id}, or a part of its examples: no evidence",)
        )
    else:
        own = as_begun(replace(options, worker=""), state)  # by whom the run was done: another's reading is no pair
        trial = await _controlled(project, item, folder, state, options=own, carry=carry)
    weighed = settled_by(project, trial, item=item)
    none = () if trial.pairs else (f"{item.id} was made from these inputs, so they say nothing of it",)
    return _Measured(trial, weighed, none)


def _skill_of(project: Project, state: RunFold) -> tuple[Item | None, str]:
    """The skill that the run replayed, or left, where it can be measured; else why not."""
    run = state.run()
    name = run.plan.guidance.skill
    held = [item for item in skills(project.db) if (item.name == name if name else run.id in item.cites)]
    if not held:
        return None, f"skill {name} is not in the library any more" if name else ""
    if held[0].state in SHELVED:
        return None, f"{held[0].id} is in state {held[0].state} and is not measured"
    return held[0], ""


def _unpaired(project: Project, item: Item, run: Run) -> bool:
    """Whether the run read an input that is no evidence yet, and may become one."""
    pairs = project.db.pairs(item.id, version=item.digest)
    inputs = tuple(inputs_of(run, recorded(project, run)).values())
    known = {pair.unit for pair in pairs if pair.ground == item.ground} | own(project, item, inputs)
    return run.plan.spec.each is None or bool({each.key for each in inputs} - known)


async def _controlled(
    project: Project, item: Item, folder: Path, state: RunFold, *, options: Options, carry: Carry
) -> Trial:
    """The run's own inputs once more, without the library."""
    assert state.plan is not None and state.opened is not None, "a run at its end was planned"
    bare = Order(state.plan.spec, state.opened.path, Guidance(), bare=True, trial=True)
    if state.plan.spec.each is None:  # whoever plans for the project splits it, as it would be without the skill
        options = replace(options, planner="")
    without = ended_well(await carry(bare, options))
    return await pairs_of(project, item, with_it=folder, without=without.folder)
