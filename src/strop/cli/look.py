"""Looking back: runs, a run's values, a verdict, skills and rules, as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from strop.app import Settled
from strop.app.library import Step
from strop.cli.show import show_figures, show_hedges, show_plan, show_refuter
from strop.errors import BadInput
from strop.learning.library import Held
from strop.stores.project import RunRow
from strop.swarm.fold import RunFold
from strop.types.count import counted
from strop.types.memory import Constraint, Item
from strop.types.money import dollars
from strop.types.moves import Change
from strop.types.trial import Value, Verdict

MOST = 200
"""Values of a run that are listed; all of them stand in its files."""
CHANGES = 8
"""Items of one move of the library that are listed."""
FIGURES = ("units", "calls", "dollars", "seconds")


def show_runs(console: Console, rows: Sequence[RunRow]) -> None:
    """One line a run."""
    if not rows:
        console.print("no runs yet; begin with: strop run spec.md")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for head in ("run", "order", "outcome", *FIGURES):
        justify = "right" if head in FIGURES else "left"
        table.add_column(head, justify=justify, no_wrap=True, overflow="ellipsis" if head == "order" else "fold")
    for row in rows:
        spent = (f"{row.units:,}", f"{row.calls:,}", dollars(row.nanos), f"{row.seconds:,.0f}")
        table.add_row(row.id, escape(row.path), row.outcome, *spent)
    console.print(table)


def planned(state: RunFold, name: str) -> None:
    """Refuse to look into a run that has no plan.

    Raises:
        BadInput: it was stopped before there was one.
    """
    if state.plan is None:
        raise BadInput(f"run {name} was stopped before it had a plan. Go on with: strop run --resume {name}")


def chosen(state: RunFold, *, row: str) -> tuple[Value, ...]:
    """The values of a run, or those of one unit.

    Raises:
        BadInput: there is no such unit.
    """
    values = state.verdict.values if state.verdict else ()
    if row:
        units = dict.fromkeys(each.row for each in values)
        values = tuple(each for each in values if each.row == row)
        if not values:
            raise BadInput(f"no unit {row!r} in this run. Its units: {', '.join(list(units)[:8]) or 'none'}")
    return values


def show_run(console: Console, state: RunFold, values: Sequence[Value]) -> None:
    """The plan, how far it came, and the values with their standing."""
    if state.plan is None:
        console.print("This run was stopped before it had a plan.")
        return
    ran = state.run()
    show_plan(console, state.plan)
    how = state.outcome or f"unfinished; go on with: strop run --resume {ran.id}"
    console.print(
        f"\nrun {ran.id}: {how}; {counted(len(ran.landed), 'task')} landed, {len(ran.missing)} missing", highlight=False
    )
    if state.verdict is not None:
        show_refuter(console, state.verdict)
    show_figures(console, state.trace.figures())
    show_hedges(console, ran.tally)
    if values:
        console.print()
    for value in values[:MOST]:
        place = f"{escape(value.row)} {escape(value.field)}"
        console.print(f"  {value.standing:<11} {place} = {escape(repr(value.value))}", highlight=False, soft_wrap=True)
    if len(values) > MOST:
        console.print(f"  and {len(values) - MOST:,} more in the files", highlight=False)


def told_of(state: RunFold) -> dict[str, object] | None:
    """The verdict for programs, without its values and findings."""
    if state.verdict is None:
        return None
    verdict = state.verdict
    return {
        "passed": verdict.passed,
        "refuter": verdict.refuter,
        "unchecked": verdict.unchecked,
        "asked": verdict.asked,
        "calibration": verdict.calibration,
    }


def show_verdict(console: Console, verdict: Verdict) -> None:
    """What the gate says now."""
    how = "[green]passed[/green]" if verdict.passed else "[red]refused[/red]"
    console.print(
        f"{how}: {counted(len(verdict.values), 'value')}, {counted(len(verdict.findings), 'finding')}", highlight=False
    )
    for finding in verdict.findings:
        where = f"{finding.artefact} {finding.locator}".strip()
        said = f"{finding.severity} {finding.kind} {escape(where)}: expected {escape(finding.expected)}"
        console.print(Padding(f"{said}, observed {escape(finding.observed)}", (0, 0, 0, 2)), highlight=False)
    show_refuter(console, verdict)
    for line in verdict.unchecked:
        console.print(Padding(f"[yellow]not verified[/yellow]: {escape(line)}", (0, 0, 0, 2)), highlight=False)


def show_skills(console: Console, held: Sequence[Held], *, due: Mapping[str, str]) -> None:
    """Name, state and why, since when it has to be certified again, and what it is for."""
    for each in held:
        item, skill = each.item, each.skill
        console.print(f"[bold]{escape(item.name)}[/bold]", highlight=False)
        why = f" ({escape(item.why)})" if item.why else ""
        since = f", due since {due[item.id]}" if item.id in due and "due since" not in item.why else ""
        examples = counted(len(skill.exemplars), "example")
        console.print(
            Padding(f"{item.state}{why}{since}, {examples}, from run {skill.born_from}", (0, 0, 0, 2), expand=False),
            highlight=False,
        )
        console.print(Padding(escape(skill.description), (0, 0, 0, 2), expand=False), highlight=False)
    if not held:
        console.print("no skills yet; a run that passes the gate leaves one")


def show_log(console: Console, steps: Sequence[Step], *, head: str) -> None:
    """One line a move, and under it what changed; the library that counts now bears a star."""
    if not steps:
        console.print("the library is empty; a run that passes the gate leaves something in it")
    for step in steps:
        moved = step.moved
        star = "*" if moved.manifest == head else " "
        when = datetime.fromtimestamp(moved.at, UTC).strftime("%Y-%m-%d %H:%M") if moved.at else "earlier         "
        console.print(f"{star} {moved.manifest[:10]}  {when}  {moved.by}", highlight=False, markup=False)
        console.print(Padding(escape(moved.why), (0, 0, 0, 4), expand=False), highlight=False)
        for change in step.changes[:CHANGES]:
            console.print(Padding(escape(change_line(change)), (0, 0, 0, 6), expand=False), highlight=False)
        if len(step.changes) > CHANGES:
            console.print(f"      and {len(step.changes) - CHANGES:,} more", highlight=False)


def change_line(change: Change) -> str:
    """`check/c-1: candidate -> active, rewritten`."""
    before, after = change.before, change.after
    if before is None:
        return f"{change.id}: new, {after.state}" if after is not None else change.id
    if after is None:
        return f"{change.id}: not there any more"
    moved = f"{before.state} -> {after.state}" if before.state is not after.state else str(after.state)
    return f"{change.id}: {moved}{', rewritten' if change.rewritten else ''}"


def settled_lines(settled: Settled) -> tuple[str, ...]:
    """What a person's edits on disk came to; nothing where there was none."""
    lines = [f"taken in from disk: {', '.join(settled.taken)}"] if settled.taken else []
    lines += [f"retired, since it is gone from disk: {', '.join(settled.retired)}"] if settled.retired else []
    return (*lines, *settled.notes)


def show_rules(console: Console, held: Sequence[Constraint], waiting: Sequence[tuple[Item, Constraint]] = ()) -> None:
    """Id, kind, text and check; below them those that are not in force, each with its state and why."""
    for rule in held:
        console.print(f"{rule.id}  {rule.kind:<7} {escape(rule.text)}  {escape(rule.check)}", highlight=False)
    if not held:
        console.print("no rules yet. Findings of the gate become rules; or write a line into CONSTRAINTS.md")
    for item, rule in waiting:
        said = f"{item.name}  {item.state}: {rule.text}  {rule.check}\n  {item.why}"
        console.print(escape(said), highlight=False)
