"""What `strop doctor` looks at: nothing is opened, nothing is paid, keys are only said to be there or not."""

from __future__ import annotations

import importlib.util
import os
import platform
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from strop.app import Project, open_project, weights_of
from strop.config import ROLES, STALE_DAYS, Entry, price_of
from strop.errors import ConfigRefused, StropError
from strop.version import __version__

EXTRAS = {
    "files": ("typst", "xlsxwriter", "vl_convert", "openpyxl", "pypdfium2"),
    "local": ("xllamacpp",),
}
WITHOUT = {
    "planner": "a spec in prose cannot be split; each: needs no planner",
    "verifier": "no model refutes; the gate checks what needs none",
    "reserve": "a task that failed twice is tried a third time by the worker itself",
}
"""What a role that nobody serves means for a run."""
SAFE_SQLITE = (3, 51, 3)
"""Before it, two connections that write or checkpoint at once may rarely damage a WAL."""


@dataclass(frozen=True, slots=True)
class RoleSeen:
    role: str
    model: str
    key: str
    """`present`, `missing`, `none needed`."""
    hosts: str
    price: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What the doctor found."""

    version: str
    python: str
    sqlite: str
    roles: tuple[RoleSeen, ...]
    extras: tuple[tuple[str, str], ...]
    weights: str
    catalogue: str
    settings: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def examine(folder: Path) -> Examined:
    """Look at a project and at this installation.

    Raises:
        BadInput: the folder or its strop.toml cannot be read.
    """
    project = open_project(folder)
    warnings: list[str] = []
    roles = tuple(_role(project, role, warnings) for role in ROLES)
    extras = tuple((name, _missing(modules)) for name, modules in EXTRAS.items())
    try:
        weights = str(weights_of(project, "embedded"))
    except StropError as caught:
        weights = str(caught)
    if sqlite3.sqlite_version_info < SAFE_SQLITE:
        warnings.append(
            f"SQLite {sqlite3.sqlite_version} has a rare fault when two connections write or checkpoint one WAL at "
            "once; strop keeps to one writer a run, so does not meet it"
        )
    age = (datetime.now(UTC).date() - project.config.as_of).days
    if age > STALE_DAYS:
        warnings.append(f"the catalogue is {age} days old; check prices and models, or upgrade strop")
    settings = project.config.settings
    shown = (
        ("strop.toml", str(project.config.path or "none; every value below is a default")),
        ("threads", str(settings.threads)),
        ("durability", settings.durability),
        ("store", settings.store),
        ("crew", f"{settings.crew}, hosts {settings.hosts}"),
        ("context", settings.context),
        ("outlier", f"{settings.outlier:g}"),
        ("limits", settings.limits.shown),
        ("exemplars", str(settings.exemplars)),
    )
    catalogue = f"{len(project.config.catalogue)} models as of {project.config.as_of} ({age} days)"
    return Examined(
        __version__,
        platform.python_version(),
        sqlite3.sqlite_version,
        roles,
        extras,
        weights,
        catalogue,
        shown,
        tuple(warnings),
    )


def _role(project: Project, role: str, warnings: list[str]) -> RoleSeen:
    locator = project.config.locator(role, os.environ)
    if not locator:
        without = WITHOUT.get(role, "nobody serves this role")
        key = "" if role == "reserve" else "Set ANTHROPIC_API_KEY, or "
        return RoleSeen(role, "none", "", "", "", f"{without}. {key}name a model under roles in strop.toml")
    try:
        name, entry = project.config.entry(locator)
    except ConfigRefused as caught:
        warnings.append(f"{role}: {caught}")
        return RoleSeen(role, locator, "", "", "", "unknown model; see the note below")
    keys = tuple(dict.fromkeys(key for place in entry.places for key in place.keys))
    present = any(os.environ.get(key) for key in keys)
    key = "none needed" if not keys else "present" if present else "optional" if entry.key_optional else "missing"
    today = datetime.now(UTC).date()
    note = ""
    if entry.retires is not None:
        days = (entry.retires - today).days
        note = f"retired by its vendor on {entry.retires} ({days} days); then {entry.successor}"
        if days < STALE_DAYS:
            warnings.append(f"{name}: {note}")
    elif entry.legacy:
        note = f"legacy; successor {entry.successor}"
    if key == "missing":
        note = f"set {' or '.join(keys)} in the environment" + (f"; {note}" if note else "")
    return RoleSeen(role, name, key, ", ".join(entry.hosts) or "stays here", _price(name, entry), note)


def _price(name: str, entry: Entry) -> str:
    try:
        price = price_of(name, entry)
    except ConfigRefused:
        return "unknown: declare it"
    if price.free:
        return "free"
    return f"{price.input} in, {price.output} out"


def _missing(modules: tuple[str, ...]) -> str:
    absent = [module for module in modules if importlib.util.find_spec(module) is None]
    return f"missing {', '.join(absent)}" if absent else "installed"


def show_examined(console: Console, examined: Examined) -> None:
    """The same for people."""
    console.print(f"strop {examined.version}, Python {examined.python}, SQLite {examined.sqlite}", highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for head in ("role", "model", "key", "calls go to", "dollars a million"):
        table.add_column(head, no_wrap=head in ("role", "key"), overflow="fold")
    for seen in examined.roles:
        table.add_row(seen.role, seen.model, seen.key, seen.hosts.removesuffix(":443"), seen.price)
    console.print()
    console.print(table)
    for seen in examined.roles:
        if seen.note:
            console.print(f"  {seen.role}: {escape(seen.note)}", highlight=False)
    console.print()
    for name, state in examined.extras:
        console.print(f"extra {name}: {state}", highlight=False)
    console.print(f"weights: {escape(examined.weights)}", highlight=False, soft_wrap=True)
    console.print(f"catalogue: {examined.catalogue}", highlight=False)
    for name, value in examined.settings:
        console.print(f"{name}: {value}", highlight=False)
    for warning in examined.warnings:
        console.print(f"[yellow]note[/yellow]: {escape(warning)}", highlight=False)
