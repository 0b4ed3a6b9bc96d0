"""`strop skills bisect` in front of a person: what it will cost, each replay as it ends, and what was found."""

from __future__ import annotations

from pathlib import Path

from strop.app import open_project, run, settle
from strop.app.learning import Suspect, replays_badly, suspect
from strop.app.library import undo
from strop.app.project import Project
from strop.cli.asking import confirmed
from strop.cli.console import err, out, print_json
from strop.cli.look import change_line, settled_lines
from strop.learning.bisect import Culprit, bisect, most_trials
from strop.types.count import counted
from strop.types.memory import Manifest
from strop.types.moves import changes


def bisected(name: str, *, good: str, yes: bool, project_folder: Path, as_json: bool) -> int:
    """Search, roll the culprit back, and tell; the exit code."""
    project = open_project(project_folder)
    settle(project)
    case = suspect(project, name, good=good)
    changed = changes(case.before, case.after)
    most = most_trials(len(changed))
    _say(f"{counted(len(changed), 'item')} changed between {case.good or case.before.hash[:10]} and {case.run}:")
    for change in changed:
        _say(f"  {change_line(change)}")
    if changed:
        _say(f"At most {counted(most, 'replay')} of run {case.run}, which cost {case.cost}.")
        confirmed("Replay it?", yes=yes, again=f"strop skills bisect --run {name} --yes")
    found = run(_searched(project, case))
    why = f"made run {case.run} worse"
    after = undo(project, found.change, why=why) if found.confirmed else project.db.head()
    for line in settled_lines(settle(project)):
        _say(line)
    _tell(found, after, case, as_json=as_json)
    return 0 if found.confirmed else 1


async def _searched(project: Project, case: Suspect) -> Culprit:
    tried = 0

    async def bad(manifest: Manifest) -> bool:
        nonlocal tried
        tried += 1
        is_bad = await replays_badly(project, case.run, manifest, floor=case.floor)
        made = counted(len(changes(case.before, manifest)), "change")
        _say(f"replay {tried}, with {made}: {'bad' if is_bad else 'good'}")
        return is_bad

    return await bisect(case.before, changes(case.before, case.after), bad=bad)


def _tell(found: Culprit, after: Manifest, case: Suspect, *, as_json: bool) -> None:
    name = found.change.id
    if as_json:
        told = {"run": case.run, "good": case.good, "item": name, "confirmed": found.confirmed, "replays": found.trials}
        print_json({**told, "manifest": after.hash})
    elif found.confirmed:
        _say(
            f"{name} made it worse ({counted(found.trials, 'replay')}); it is rolled back, and nothing else",
            to_out=True,
        )
        _say("Undo with: strop skills rollback", to_out=True)
    else:
        _say(
            f"{name} is the first that makes it worse, and without it the rest is bad too: several together, or the "
            "measure wavers. Nothing was changed",
            to_out=True,
        )


def _say(said: str, *, to_out: bool = False) -> None:
    (out if to_out else err).print(said, highlight=False, markup=False, soft_wrap=True)
