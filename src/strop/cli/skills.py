"""`strop skills`: what runs have learned to do, in which state it is, and how to undo it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strop.cli.asking import confirmed
from strop.cli.inbox import AsJson, Home, alone
from strop.errors import BadInput

if TYPE_CHECKING:
    from strop.app import Project, Settled
    from strop.learning.library import Held
    from strop.types.memory import Item

skills_app = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a skill, or the id of any item: script/dates.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
SHOWN = 20
"""Moves that the log shows, the newest."""


@skills_app.callback(invoke_without_command=True)
def skills(context: typer.Context, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """List what runs have learned to do, approve it, undo it.

    \b
    Examples:
      strop skills
      strop skills show audit-licences
      strop skills approve audit-licences
      strop skills rollback
    """
    if alone(context, as_json=as_json, project_folder=project_folder):
        _list(project_folder, as_json=as_json)


@skills_app.command("list")
def skills_list(project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """List the skills of this project.

    \b
    Example:
      strop skills list
    """
    _list(project_folder, as_json=as_json)


def _list(project_folder: Path, *, as_json: bool) -> None:
    from strop.app import all_skills, open_project
    from strop.app.library import measured
    from strop.cli.console import out, print_json
    from strop.cli.look import show_skills

    project = open_project(project_folder)
    held, due = all_skills(project), _due(project)
    if as_json:
        print_json({"skills": [_told(each, due) for each in held]})
    else:
        show_skills(out, held, due=due, measured=partial(measured, project))


@skills_app.command("show")
def skills_show(name: Name, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """Show one skill as its SKILL.md, with its state and why it is in it.

    \b
    Example:
      strop skills show audit-licences
    """
    from strop.app import held_skill, open_project
    from strop.app.canary import needs_canary
    from strop.app.drift import skill_files
    from strop.cli.canary import canary_json, canary_lines
    from strop.cli.console import print_json
    from strop.learning.library import filed

    project = open_project(project_folder)
    held, due = held_skill(project, name), _due(project)
    canaries = project.db.canaries(held.item.digest)
    if as_json:
        more = {"versions": _versions(project, held.item.id), "canary": [canary_json(each) for each in canaries]}
        print_json({**_told(held, due), "item": held.item, "skill": held.skill, **more})
    else:
        sys.stdout.write(skill_files(project, held)["SKILL.md"].decode())
        if held.item.why:
            _say(f"\n{held.item.state}: {held.item.why}", to_err=True)
        _say(f"\nIts folder: .agents/skills/{filed(held.item)}. Version {held.item.digest[:10]}", to_err=True)
        if since := due.get(held.item.id):
            _say(f"To be certified again, due since {since}: the next runs compare it first", to_err=True)
        for line in (line for each in canaries for line in canary_lines(each)):
            _say(line, to_err=True)
        if needs_canary(held.item) and not canaries:
            _say("No canary replay of this version yet: strop skills approve does one before it asks.", to_err=True)


@skills_app.command("diff")
def skills_diff(
    name: Name,
    other: Annotated[
        str, typer.Argument(metavar="HASH", help="A version of the skill, or a library; the version before by default.")
    ] = "",
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Show what changed in a skill since another version of it.

    \b
    Examples:
      strop skills diff audit-licences
      strop skills diff audit-licences 3f9c21
    """
    from difflib import unified_diff

    from strop.app import held_skill, open_project, version_of
    from strop.cli.console import print_json
    from strop.learning.skillmd import projection

    project = open_project(project_folder)
    held = held_skill(project, name)
    older = version_of(project, held.item, other)
    old, new = (projection(each.skill, item=each.item) for each in (older, held))
    differing: list[str] = []
    for path in sorted(old.keys() | new.keys()):
        if path.endswith(".json"):  # one line each; what they say stands in the other files
            continue
        before, after = (side.get(path, b"").decode().splitlines(keepends=True) for side in (old, new))
        names = [f"{path} {each.item.digest[:10]}" for each in (older, held)]
        differing += unified_diff(before, after, names[0], names[1])
    if as_json:
        print_json({"name": held.item.name, "from": older.item.digest, "to": held.item.digest, "diff": differing})
    else:
        sys.stdout.write("".join(differing) or "They read the same.\n")


@skills_app.command("approve")
def skills_approve(
    name: Name,
    inputs: Annotated[
        str, typer.Option(metavar="FOLDER", help="Documents of yours for the canary replay; strop brings its own.")
    ] = "",
    worker: Annotated[str, typer.Option(metavar="MODEL", help="Who reads in the canary replay.")] = "",
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="KEY=VALUE", help="A cap of the canary replay; usd is for both arms."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it without asking; the canary replay is done all the same.")
    ] = False,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Let an item on: out of quarantine as a candidate, from candidate into use. A person's word.

    It says what that allows before it asks. What descends from pages, documents or foreign skills is replayed first:
    it is followed on documents among planted secrets, without network, beside an arm without it. What is caught there
    stays in quarantine, and the command ends with 1. Money comes out of `[learning] usd`.

    \b
    Examples:
      strop skills approve audit-licences
      strop skills approve meeting-notes --inputs july/ --budget usd=0.5
    """
    from strop.app import approve, open_project, settle
    from strop.app.canary import needs_canary
    from strop.app.library import allowed
    from strop.cli.canary import canary_json, canary_lines, canary_of, next_moves
    from strop.cli.console import print_json

    project = open_project(project_folder)
    _tell(settle(project))
    item = _item(project, name)
    lines, to = allowed(project, item)
    if not as_json:
        _say(f"{item.id} is {item.state}{f' ({item.why})' if item.why else ''}. As {to}:")
        for line in lines:
            _say(f"  - {line}")
    canary = None
    if needs_canary(item):
        canary = canary_of(project, item, inputs=inputs, worker=worker, budget=budget, yes=yes)
        for line in () if as_json else (*canary_lines(canary), *(() if canary.clean else next_moves(item))):
            _say(line)
        if not canary.clean:
            if as_json:
                print_json({"id": item.id, "state": item.state, "why": item.why, "canary": canary_json(canary)})
            raise typer.Exit(1)
    confirmed(f"Make {item.name} {to}?", yes=yes, again=f"strop skills approve {name} --yes")
    approve(project, item, to=to, model=canary.model if canary else "")
    _tell(settle(project))
    _done(project, item.id, as_json=as_json)


@skills_app.command("retire")
def skills_retire(
    name: Name,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the record.")] = "",
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Take an item out of use. It stays in the library, and can be approved again.

    \b
    Example:
      strop skills retire audit-licences --why "we changed the form"
    """
    from strop.app import open_project, settle
    from strop.app.library import retire

    project = open_project(project_folder)
    _tell(settle(project))
    item = _item(project, name)
    retire(project, item, why=why or "retired by hand")
    _tell(settle(project))
    _done(project, item.id, as_json=as_json)


@skills_app.command("log")
def skills_log(
    every: Annotated[bool, typer.Option("--all", help=f"Every move, not only the newest {SHOWN}.")] = False,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """List the library's states: when it changed, by which run or person, and what.

    \b
    Examples:
      strop skills log
      strop skills log --all --json
    """
    from strop.app import history, open_project
    from strop.cli.console import out, print_json
    from strop.cli.look import show_log

    project = open_project(project_folder)
    steps = history(project, most=None if every else SHOWN)
    if as_json:
        print_json({"head": project.db.head().hash, "moves": [step.told for step in steps]})
    else:
        show_log(out, steps, head=project.db.head().hash)


@skills_app.command("rollback")
def skills_rollback(
    to: Annotated[str, typer.Argument(metavar="HASH", help="A library of the log; the one before by default.")] = "",
    to_run: Annotated[str, typer.Option(metavar="RUN", help="The library that this run began with.")] = "",
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Set the library back to an older state, at once. Nothing is deleted: roll back again to go forward.

    \b
    Examples:
      strop skills rollback
      strop skills rollback 3f9c21
      strop skills rollback --to-run 01K9
    """
    from strop.app import open_project, settle
    from strop.app.library import manifest_before, rolled_back
    from strop.cli.console import print_json
    from strop.cli.look import change_line

    if to and to_run:
        raise BadInput("name a library or a run to go back to, not both")
    project = open_project(project_folder)
    _tell(settle(project))
    target = to or (manifest_before(project, to_run) if to_run else "")
    before, after, made, seconds = rolled_back(project, target)
    settled = settle(project)
    _tell(settled)  # a line that a person wrote stands, and is a rule again
    if as_json:
        told = {"from": before.hash, "to": after.hash, "seconds": seconds, "changes": made, "written": settled.written}
        print_json(told)
        return
    _say(f"The library is {after.hash[:10]} again ({seconds * 1000:.0f} ms); it was {before.hash[:10]}.")
    for change in made:
        _say(f"  {change_line(change)}")
    if made:
        _say(f"Go forward again with: strop skills rollback {before.hash[:10]}")


@skills_app.command("bisect")
def skills_bisect(
    run: Annotated[str, typer.Option(metavar="RUN", help="The run that went wrong.")],
    good: Annotated[
        str, typer.Option(metavar="RUN|HASH", help="A run that went well; the newest of the same order by default.")
    ] = "",
    yes: Yes = False,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Find the item whose admission made a run worse, by replays of that run, and roll back that one.

    \b
    Example:
      strop skills bisect --run 01K9
    """
    from strop.cli.bisecting import bisected

    raise typer.Exit(bisected(run, good=good, yes=yes, project_folder=project_folder, as_json=as_json))


@skills_app.command("test")
def skills_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a skill; see: strop skills list.")],
    inputs: Annotated[str, typer.Option(metavar="FOLDER", help="Inputs it was not made from, in the project.")],
    worker: Annotated[str, typer.Option(metavar="MODEL", help="Who reads, in both arms.")] = "",
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="KEY=VALUE", help="A cap; usd is for both arms, and not that of runs."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve both plans without asking.")] = False,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Read a folder with the skill and without it, compare them input by input, and let that decide on the skill.

    First outcomes count, by the gate's checks that need no model. Money comes out of `[learning] usd`.

    \b
    Examples:
      strop skills test audit-licences --inputs july/
      strop skills test audit-licences --inputs july/ --budget usd=2 --yes --json
    """
    from strop.cli.learning import tested

    tested(name, inputs=inputs, worker=worker, budget=budget, yes=yes, project_folder=project_folder, as_json=as_json)


@skills_app.command("import")
def skills_import(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A skill's folder, a folder of skills, or a project.")],
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Take in skills made elsewhere. They wait in quarantine: nothing is run, no agent reads them before you approve.

    \b
    Examples:
      strop skills import ../other/.claude/skills/audit
      strop skills import ../other
    """
    from strop.cli.importing import imported

    imported(path, project_folder=project_folder, as_json=as_json)


@skills_app.command("export")
def skills_export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a skill.")],
    client: Annotated[str, typer.Option("--for", metavar="CLIENT", help="claude, codex, cursor, gemini, kimi, …")],
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Copy a skill to where another client looks, if it does not read .agents/skills.

    \b
    Example:
      strop skills export audit-licences --for claude
    """
    from strop.cli.importing import exported

    exported(name, client=client, project_folder=project_folder, as_json=as_json)


def _due(project: Project) -> Mapping[str, str]:
    """Since when items have to be certified again, by id."""
    from datetime import UTC, datetime

    from strop.app.recertifying import due_days

    return due_days(project, today=datetime.now(UTC).date().isoformat())


def _told(held: Held, due: Mapping[str, str]) -> dict[str, object]:
    item, skill = held.item, held.skill
    return {
        "name": item.name,
        "id": item.id,
        "state": item.state,
        "why": item.why,
        "due": due.get(item.id),
        "taint": item.taint,
        "origin": item.origin,
        "version": item.digest,
        "parent": item.parent,
        "description": skill.description,
        "examples": len(skill.exemplars),
        "born_from": skill.born_from,
    }


def _versions(project: Project, name: str) -> list[str]:
    from strop.app.library import versions

    return list(versions(project, name))


def _item(project: Project, name: str) -> Item:
    from strop.learning.library import skill_item

    head = project.db.head()
    return head.item(name) or skill_item(head, name)


def _done(project: Project, name: str, *, as_json: bool) -> None:
    from strop.cli.console import print_json

    item = project.db.head().item(name)
    assert item is not None, "what was moved is there"
    if as_json:
        print_json({"id": item.id, "state": item.state, "why": item.why, "manifest": project.db.head().hash})
    else:
        _say(f"{item.id} is {item.state} now. Undo with: strop skills rollback")


def _tell(settled: Settled) -> None:
    """What a person's edits on disk came to, on stderr."""
    from strop.cli.look import settled_lines

    for line in settled_lines(settled):
        _say(line, to_err=True)


def _say(said: str, *, to_err: bool = False) -> None:
    from strop.cli.console import err, out

    (err if to_err else out).print(said, highlight=False, markup=False, soft_wrap=True)
