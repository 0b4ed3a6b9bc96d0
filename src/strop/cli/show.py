"""Plans, runs, values and skills as a person reads them in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import cast

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from strop.app import Ended
from strop.cli.guard import NEXT
from strop.cli.quoted import quote_basis, quote_caching, quote_table
from strop.loop.cycle import Turn
from strop.renderers.story import Comparison
from strop.reporting import classes, measures, percent, quoted, refuter_told, wave_name
from strop.swarm.figures import Figures
from strop.types.content import Standing
from strop.types.count import counted
from strop.types.memory import ItemState
from strop.types.money import dollars
from strop.types.trial import Finding, Outcome, Severity, Tally, Value, Verdict
from strop.types.work import Plan

INDENT = (0, 0, 0, 2)
MOST = 12
"""Lines of a list before the rest is counted."""
SHORT = 60
"""Characters of what was expected and observed; the report has the whole."""
CAUSES = 3
"""Different causes of failed agents that are told."""


def show_plan(console: Console, plan: Plan) -> None:
    """The plan with its price: scope, agents with the reason, who makes what, then the figures."""
    quote = plan.quote
    console.print(f"\n[bold]{escape(plan.title)}[/bold]\n")
    console.print("[bold]1  Scope as understood[/bold]", highlight=False)
    console.print(Padding(escape(plan.scope), (0, 0, 0, 3)), highlight=False)
    units = sum(len(task.units) for task in plan.tasks)
    batch = f", {counted(units, 'reading')}" if units else ""
    steps = counted(quote.steps, "step")
    console.print(
        f"[bold]2  Agents: {quote.agents}[/bold] ({steps} expected{batch}; one small context each)\n"
        f"   Recommended: [bold]{quote.advice}[/bold]",
        highlight=False,
    )
    for reason in quote.reasons:
        console.print(f"   - {escape(reason)}", highlight=False)
    console.print("[bold]3  Who makes what[/bold]", highlight=False)
    for output in plan.spec.outputs:
        makers = [task.id for task in plan.tasks if output.file in task.makes]
        if output.taken:
            console.print(f"   {escape(output.file)}  from {escape(output.taken)}, by a tool", highlight=False)
            continue
        by = makers[0] if len(makers) == 1 else f"all {len(makers)} readers" if makers else "nobody"
        console.print(f"   {escape(output.file)}  from {escape(by)}", highlight=False)
    console.print()
    console.print(quote_table(quote, budget=plan.spec.budget))
    console.print(f"  waves {quote.waves}", highlight=False)
    if caching := quote_caching(quote):
        console.print(Padding(caching, INDENT), highlight=False)
    if basis := quote_basis(quote):
        console.print(Padding(basis, INDENT), highlight=False)
    for binding in plan.bindings:
        console.print(f"  {binding.role}: {escape(binding.model)}", highlight=False)
    console.print(f"  outbound hosts: {', '.join(plan.egress) or 'none'}", highlight=False)
    if quote.saving:
        console.print(f"  replay: {escape(quote.saving)}", highlight=False)
    for doubt in plan.objections:
        console.print(f"  [yellow]the planner doubts[/yellow]: {escape(doubt)}")
    for doubt in plan.fatal:
        console.print(f"  [red]the planner objects[/red]: {escape(doubt)}")


def show_figures(console: Console, figures: Figures) -> None:
    """The work in numbers: a line each, then how long other numbers of agents would have taken, and the cache."""
    table = Table(box=None, padding=(0, 2), show_edge=False, show_header=False)
    for justify in ("left", "right", "left"):
        table.add_column(justify=justify)
    for one in measures(figures):
        table.add_row(one.name, one.value, one.note)
    console.print(table)
    if len(figures.with_agents) > 1:
        agents = " / ".join(f"{one.agents:,}" for one in figures.with_agents)
        seconds = " / ".join(f"{one.seconds:,.1f}" for one in figures.with_agents)
        console.print(Padding(f"seconds predicted with at most {agents} agents: {seconds}", INDENT), highlight=False)
    if figures.caching:
        shares = ", ".join(f"{wave_name(one.wave)}: {percent(one.share)}" for one in figures.caching)
        console.print(Padding(f"prompt tokens from the provider's cache, by wave: {shares}", INDENT), highlight=False)


def show_ended(console: Console, ended: Ended) -> None:
    """How a run ended, where its files are, what was not verified, and what it left behind."""
    turn = ended.turn
    colours = {Outcome.PASSED: "green", Outcome.REFUSED: "red"}
    colour = colours.get(turn.outcome, "yellow")
    console.print(f"\n[{colour} bold]{turn.outcome}[/{colour} bold]  run {ended.id}", highlight=False)
    if turn.run.stopped:
        console.print(Padding(escape(turn.run.stopped), INDENT), highlight=False)
        if turn.outcome is not Outcome.AWAITING:  # what is asked of a person says how to go on
            console.print(f"  Go on with: strop run --resume {ended.id}", highlight=False, soft_wrap=True)
    _standings(console, turn)
    _failures(console, turn)
    _findings(console, turn)
    show_refuter(console, turn.verdict)
    for line in turn.verdict.unchecked:
        console.print(Padding(f"[yellow]not verified[/yellow]: {escape(line)}", INDENT), highlight=False)
    console.print("\n[bold]Files[/bold]")
    for file in turn.delivery.files:
        console.print(f"  {ended.folder / 'files' / file.file}  {file.size:,} bytes", highlight=False, soft_wrap=True)
    console.print(f"  {ended.folder / 'report.html'}", highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for head in ("", "quoted", "actual"):
        table.add_column(head, justify="left" if not head else "right")
    for line in quoted(turn.run.plan.quote, turn):
        table.add_row(line.name, line.quoted, line.actual)
    console.print()
    console.print(table)
    console.print(f"  {classes(turn.run.tally.usage)} tokens; {counted(turn.run.tally.calls, 'call')}", highlight=False)
    if turn.run.tally.lost:
        lost = turn.run.tally
        console.print(
            f"  {lost.lost} calls of unknown outcome, booked at {dollars(lost.lost_nanos)}; {lost.twice} asked again"
        )
    show_hedges(console, turn.run.tally)
    if ended.compared is not None:
        show_comparison(console, ended.compared)
    if turn.skill is not None:
        console.print(
            f"\nLearned skill [bold]{turn.skill.name}[/bold], a candidate with "
            f"{counted(len(turn.skill.exemplars), 'worked example')}."
        )
        console.print(f"  strop replay {turn.skill.name} --inputs FOLDER", highlight=False)
    if ended.library:
        console.print("\n" + escape("\n".join(ended.library)), highlight=False)
    for rule in turn.rules:
        what = "New rule" if rule.state is ItemState.ACTIVE else f"A rule stays {rule.state},"
        console.print(f"{what} {rule.id}: {escape(rule.text)} ({escape(rule.check or rule.reason)})")
    for name, why in cast("Mapping[str, str]", ended.more.get("held_back", {})).items():
        console.print(f"No candidate: {escape(name)}, {escape(why)}")


def show_hedges(console: Console, tally: Tally) -> None:
    """Calls that were asked a second time, where there were any."""
    if tally.hedges:
        calls = "late call was" if tally.hedges == 1 else "late calls were"
        console.print(
            f"  {tally.hedges:,} {calls} asked a second time, {tally.hedges_won:,} answered first; "
            f"what lost is booked at {dollars(tally.outrun_nanos)}",
            highlight=False,
        )


def show_refuter(console: Console, verdict: Verdict) -> None:
    """What the refuting model was asked, and what its word is worth."""
    colour = "red" if verdict.void else "cyan"
    for line in (*refuter_told(verdict), *([verdict.asked] if verdict.asked else [])):
        console.print(Padding(f"[{colour}]gate[/{colour}]: {escape(line)}", INDENT), highlight=False)


def show_comparison(console: Console, compared: Comparison) -> None:
    """Run beside run."""
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for head in compared.heads:
        table.add_column(head, justify="left" if not head else "right")
    for row in compared.rows:
        table.add_row(*row)
    console.print(f"\n[bold]{compared.title}[/bold]")
    console.print(table)
    console.print(Padding(compared.note, INDENT), highlight=False)


def _standings(console: Console, turn: Turn) -> None:
    total = len(turn.verdict.values)
    if total:
        counts = [f"{len(turn.verdict.standing(s))} {s}" for s in Standing if s is not Standing.PLAIN]
        console.print(f"  {counted(total, 'value')}: {', '.join(counts)}", highlight=False)


def _failures(console: Console, turn: Turn) -> None:
    """Who did not land, by cause: one endpoint that is down fails everybody with the same words."""
    run = turn.run
    if run.stopped:
        console.print(f"  {len(run.missing)} of {counted(len(run.plan.tasks), 'agent')} did not end", highlight=False)
        return
    failed = [result for result in run.results if not result.landed]
    causes = Counter(result.failure for result in failed)
    agents = counted(len(run.plan.tasks) + len(run.extended), "agent")
    for cause, number in causes.most_common(CAUSES):
        line = f"[red]{number} of {agents} failed[/red]: {escape(cause)}"
        move = next((text for kind, text in NEXT.items() if cause.startswith(kind.__name__)), "")
        console.print(Padding(f"{line}. {move}".rstrip(". "), INDENT), highlight=False)


def _findings(console: Console, turn: Turn) -> None:
    marks = {Severity.FATAL: "red", Severity.FLAW: "yellow", Severity.NOTE: "cyan"}
    ranked = sorted(turn.verdict.findings, key=lambda finding: list(Severity).index(finding.severity))
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in ranked:
        alike.setdefault((finding.kind, finding.expected, finding.observed), []).append(finding)
    for group in list(alike.values())[:MOST]:
        finding = group[0]
        where = f"{finding.artefact} {finding.locator}".strip()
        more = f" and {len(group) - 1:,} more" if len(group) > 1 else ""
        said = f"expected {escape(_short(finding.expected))}, observed {escape(_short(finding.observed))}"
        line = f"[{marks[finding.severity]}]{finding.kind}[/] {escape(where)}{more}: {said}"
        console.print(Padding(line, INDENT), highlight=False)
    if len(alike) > MOST:
        console.print(f"  and {sum(map(len, list(alike.values())[MOST:])):,} more findings in report.html")


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def show_value(console: Console, value: Value) -> None:
    """A value with the passages it rests on."""
    console.print(f"[bold]{escape(value.row)} {escape(value.field)}[/bold] = {value.value!r}  ({value.standing})")
    for reason in value.reasons:
        console.print(f"  - {escape(reason)}")
    for claim in value.claims:
        place = claim.locator or (f"{claim.source} {claim.span[0]}-{claim.span[1]}" if claim.span else claim.source)
        by = f"reader {claim.reader}" if claim.reader else "tool"
        console.print(f"  {claim.id}  {by} said {claim.value!r}  {escape(place)}", highlight=False)
        if claim.quote:
            console.print(f"    “{escape(claim.quote)}”", highlight=False)
