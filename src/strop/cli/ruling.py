"""`strop rules check`: every rule tried on a run and on all stored deliveries."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from strop.app import open_project
from strop.app.ruling import Checked, Tried, shown, tried_rules
from strop.cli.console import out, print_json
from strop.types.count import counted

_COLOUR = {"contradicts": "red", "speaks against what passed": "red", "fires": "yellow", "cannot be judged": "dim"}


def checked_rules(folder: Path, *, run: str, as_json: bool) -> int:
    """Try and print; 0 when nothing contradicts, 1 when a rule does.

    Raises:
        BadInput: no such run, or a check in CONSTRAINTS.md that cannot be read.
    """
    found = tried_rules(open_project(folder), run=run)
    if as_json:
        print_json(_body(found))
    else:
        show_checked(out, found)
    return 0 if found.sound else 1


def _body(found: Checked) -> dict[str, object]:
    return {
        "run": found.run,
        "deliveries": found.deliveries,
        "sound": found.sound,
        "rules": [_rule_body(each) for each in found.rules],
        "contradictions": found.contradictions,
        "waiting": [
            {"state": state, **_named(rule.id, rule.text, rule.check, rule.reason)} for state, rule in found.waiting
        ],
    }


def _rule_body(each: Tried) -> dict[str, object]:
    record = each.record
    tried = (
        {"silent": record.silent, "loud": record.loud, "values": record.values, "bound": record.bound}
        if record
        else None
    )
    return {
        **_named(each.rule.id, each.rule.text, each.rule.check, each.rule.reason),
        "kind": each.rule.kind,
        "line": each.line,
        "status": each.status,
        "why": each.why,
        "places": each.places,
        "fired_in": each.fired,
        "deliveries": tried,
    }


def _named(name: str, text: str, check: str, reason: str) -> dict[str, object]:
    return {"id": name, "text": text, "check": check, "reason": reason}


def show_checked(console: Console, found: Checked) -> None:
    """A line a rule, and below it why."""
    if not found.rules:
        console.print("no rules yet. Findings of the gate become rules; or write a line into CONSTRAINTS.md")
    else:
        many = counted(found.deliveries, "stored delivery", "stored deliveries")
        console.print(
            f"{counted(len(found.rules), 'rule')}, tried on {found.run or 'no run'} and {many}\n", highlight=False
        )
        console.print(_table(found))
    lines = {tried.rule.id: tried.line for tried in found.rules}
    for each in found.contradictions:
        console.print(f"\n[red]{escape(shown(each, lines))}[/red]", highlight=False, soft_wrap=True)
    for state, rule in found.waiting:
        console.print(f"{state}  {rule.id}  {escape(rule.text)}", highlight=False, soft_wrap=True)
        console.print(Padding(f"[dim]{escape(rule.reason)}[/dim]", (0, 0, 0, 4)), highlight=False)


def _table(found: Checked) -> Table:
    """`clean` is on how many of the stored deliveries in its scope a rule is silent, `alarms` the bound of that."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("line", "rule", "says", "result", "clean", "alarms"):
        table.add_column(head, justify="left" if head in ("rule", "says", "result") else "right", overflow="fold")
    for each in found.rules:
        colour = _COLOUR.get(each.status, "green")
        colon = ":" if each.status in ("cannot be judged", "speaks against what passed") else ""
        why = f"{colon} [dim]{escape(each.why)}[/dim]" if each.why else ""
        result = f"[{colour}]{each.status}[/{colour}]{why}"
        clean, bound = "-", "-"
        if each.record is not None and (tried := each.record.silent + len(each.record.loud)):
            clean = f"{each.record.silent}/{tried}"
            bound = "-" if each.record.loud else f"< {100 * each.record.bound:.0f} %"
        table.add_row(str(each.line), each.rule.id, escape(each.rule.text), result, clean, bound)
    return table
