"""What `strop doctor` looks at: nothing is opened, nothing is paid, keys are only said to be there or not."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from strop.app import Project, open_project, theme_of, theme_path, weights_of
from strop.config import ROLES, STALE_DAYS, Entry, price_of
from strop.errors import ConfigRefused, StropError
from strop.types.count import counted
from strop.version import __version__

EXTRAS = {
    "files": ("typst", "xlsxwriter", "vl_convert", "openpyxl", "python_calamine", "pypdfium2"),
    "docs": ("pypdfium2", "python_calamine"),
    "local": ("xllamacpp",),
}
WITHOUT = {
    "planner": "a spec in prose cannot be split; each: needs no planner",
    "verifier": "no model refutes; the gate checks what needs none",
    "reserve": "a task that failed twice is tried a third time by the worker itself",
    "embedder": "passages and skills are found by their words, not by their meaning",
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
        ("store", _without_password(settings.store)),
        ("crew", f"{settings.crew}, hosts {settings.hosts}"),
        ("context", settings.context),
        ("outlier", f"{settings.outlier:g}"),
        ("exemplars", str(settings.exemplars)),
        ("gate", f"floor {settings.gate.floor:g}"),
        ("embeddings", f"floor {settings.embeddings.floor:g}"),
        ("theme", _theme(project, warnings)),
        ("limits", settings.limits.shown),
    )
    catalogue = f"{counted(len(project.config.catalogue), 'model')} as of {project.config.as_of} ({_days(age)} old)"
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


def _theme(project: Project, warnings: list[str]) -> str:
    try:
        path = theme_path(project)
        theme_of(project)
    except ConfigRefused as caught:
        warnings.append(str(caught))
        return "wrong; see the note below"
    return f"{path}, over ours" if path else "ours; lay a theme.toml beside strop.toml to change it"


def _role(project: Project, role: str, warnings: list[str]) -> RoleSeen:
    locator = project.config.locator(role, os.environ)
    if not locator:
        without = WITHOUT.get(role, "nobody serves this role")
        move = "Name" if role in ("reserve", "embedder") else "Set ANTHROPIC_API_KEY, or name"
        return RoleSeen(role, "none", "", "", "", f"{without}. {move} a model under roles in strop.toml")
    try:
        read = project.config.embedder if role == "embedder" else project.config.entry
        name, entry = read(locator)
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
        note = f"retired by its vendor on {entry.retires} ({_days(days)}); then {entry.successor}"
        if days < STALE_DAYS:
            warnings.append(f"{name}: {note}")
    elif entry.legacy:
        note = f"legacy; successor {entry.successor}"
    if role == "embedder":
        note = "passages, questions, goals and the words of items are sent there"
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


def _days(number: int) -> str:
    return f"{number:,} day" if abs(number) == 1 else f"{number:,} days"


def _without_password(store: str) -> str:
    """An address as it may be printed: what should not stand in strop.toml does not go on to a bug report."""
    return re.sub(r"(:)[^:/@]*(@)|(password=)[^&]*", r"\1\3***\2", store)


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
            console.print(Padding(f"{seen.role}: {escape(seen.note)}", (0, 0, 0, 2)), highlight=False)
    console.print()
    held = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, show_header=False)
    held.add_column(no_wrap=True)
    held.add_column(overflow="fold")
    for name, state in examined.extras:
        held.add_row(f"extra {name}", state)
    held.add_row("weights", escape(examined.weights))
    held.add_row("catalogue", examined.catalogue)
    for name, value in examined.settings:
        held.add_row(name, escape(value))
    console.print(held, highlight=False)
    for warning in examined.warnings:
        console.print(f"[yellow]note[/yellow]: {escape(warning)}", highlight=False)
