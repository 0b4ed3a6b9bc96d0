"""`strop skills import` and `strop skills export`: folders in, with what a person should see, and folders out."""

from __future__ import annotations

from pathlib import Path

from strop.app import open_project
from strop.app.skillfolders import export_skill, import_skills
from strop.cli.console import out, print_json
from strop.errors import BadInput
from strop.learning.importing import Imported, Refused
from strop.types.count import counted

LISTED = 12
"""Findings of a skill that are shown; `--json` has all."""


def imported(path: Path, *, project_folder: Path, as_json: bool) -> None:
    """Import skill folders into quarantine and say what was found in them.

    Raises:
        BadInput: no folder, no skill in it, or every one of them refused.
    """
    made, refused = import_skills(open_project(project_folder), path)
    if as_json:
        print_json({"imported": [_told(each) for each in made], "refused": refused})
    else:
        for each in made:
            _show(each)
        for each in refused:
            _say(f"refused {each.path}: {each.why}")
        if made:
            _say(f"{counted(len(made), 'skill')} in quarantine: no agent reads one before you approve it.")
            name = made[0].skill.name
            _say(f"Look first: strop skills show {name}. Then: strop skills approve {name}")
    if refused and not made:
        raise BadInput(f"nothing was imported from {path}: {_first(*refused)}")


def exported(name: str, *, client: str, project_folder: Path, as_json: bool) -> None:
    """Copy a skill to where a client looks for it.

    Raises:
        BadInput: no such client or skill, or something else lies there.
    """
    made = export_skill(open_project(project_folder), name, client=client)
    if as_json:
        print_json({"folder": str(made.folder), "written": made.written})
    elif made.written:
        _say(f"copied to {made.folder}")
    else:
        _say(f"{client} reads {made.folder} as it is; nothing was copied")


def _told(each: Imported) -> dict[str, object]:
    return {"name": each.skill.name, "state": each.item.state, "findings": each.found, "warnings": each.warnings}


def _show(each: Imported) -> None:
    _say(f"{each.skill.name}: {each.skill.description[:200]}")
    for warning in each.warnings:
        _say(f"  {warning}")
    for found in each.found[:LISTED]:
        _say(f"  {found}")
    if len(each.found) > LISTED:
        _say(f"  and {len(each.found) - LISTED} more findings (--json lists all)")
    if not each.found:
        _say("  the static scan found nothing, which proves nothing")


def _first(refused: Refused, *others: Refused) -> str:
    more = f" (and {len(others)} more)" if others else ""
    return f"{refused.path}: {refused.why}{more}"


def _say(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)
