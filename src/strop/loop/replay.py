"""Replay: a skill and new inputs become a spec and guidance; planning them asks no planner."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from strop.errors import BadInput
from strop.learning.making import by_reader
from strop.learning.slots import filled
from strop.types.count import counted
from strop.types.memory import Skill
from strop.types.money import dollars
from strop.types.work import Count, Guidance, Sources, Spec, Task


@dataclass(frozen=True, slots=True)
class Replay:
    """What planning needs to do a skill again."""

    spec: Spec
    guidance: Guidance
    tasks: tuple[Task, ...]
    saving: str
    """What the quote says about run 1."""


def replay(skill: Skill, *, inputs: str, found: Sequence[str], exemplars: int | None = None) -> Replay:
    """The order that does `skill` again on the files found under `inputs` (project-relative).

    Raises:
        BadInput: the folder holds nothing to read.
    """
    if not found:
        raise BadInput(f"{inputs} holds no file to replay {skill.name} on")
    shown = skill.exemplars if exemplars is None else skill.exemplars[:exemplars]
    spec = skill.spec
    if skill.tasks:
        outputs = tuple(replace(o, rows=_scaled(o.rows, len(skill.inputs), len(found))) for o in spec.outputs)
        spec = replace(spec, outputs=outputs, sources=_without(skill.inputs, spec.sources))
    else:
        kinds = {PurePosixPath(path).suffix for path in found}
        pattern = f"{inputs.rstrip('/')}/*{kinds.pop()}" if len(kinds) == 1 else f"{inputs.rstrip('/')}/*"
        outputs = tuple(replace(o, rows=_scaled(o.rows, skill.cost.units, len(found))) for o in spec.outputs)
        spec = replace(spec, each=pattern, outputs=outputs)
    allow = tuple(dict.fromkeys((f"{inputs.rstrip('/')}/**", *spec.sources.allow)))
    spec = replace(spec, sources=Sources(allow, spec.sources.deny))
    guidance = Guidance(skill=skill.name, exemplars=by_reader(shown, spec.readers))
    tasks = filled(skill.tasks, slots=len(skill.inputs), found=found, folder=inputs.rstrip("/"))
    return Replay(spec, guidance, tasks, _saving(skill, len(found)))


def _without(inputs: Sequence[str], sources: Sources) -> Sources:
    """The sources but for those that the first run's inputs came from: agents must not read these again."""
    kept = tuple(
        glob for glob in sources.allow if not any(path.startswith(re.split(r"[*?]", glob)[0]) for path in inputs)
    )
    return Sources(kept, sources.deny)


def _scaled(rows: Count | None, before: int, now: int) -> Count | None:
    """A bound on rows in proportion to the number of units."""
    if rows is None or before == 0:
        return rows

    def scale(bound: int | None) -> int | None:
        return None if bound is None else bound * now // before

    return Count(scale(rows.least), scale(rows.most))


def _saving(skill: Skill, units: int) -> str:
    per_unit = skill.cost.nanos / max(skill.cost.units, 1)
    cost = f", {dollars(round(per_unit * units))} at its cost a unit" if skill.cost.nanos else ""
    planner = "no planner call; " if skill.tasks else ""
    return (
        f"{planner}run {skill.born_from} took {counted(skill.cost.calls, 'call')} and {skill.cost.seconds:.0f} s for "
        f"{counted(skill.cost.units, 'unit')}{cost}; measured again when this run ends"
    )
