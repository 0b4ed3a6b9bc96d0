"""`strop inbox` and `strop runs`: what there is, and what a person says to runs of other processes.

Answers, stops and budget edits are left in the project's inbox; the run's owner takes them from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strop.errors import BadInput

if TYPE_CHECKING:
    from strop.app import Project
    from strop.stores.inbox import Inbox, Question
    from strop.types.work import Budget

inbox_app = typer.Typer(rich_markup_mode=None)
runs_app = typer.Typer(rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")]
Home = Annotated[Path, typer.Option("--project", metavar="FOLDER", help="The project folder.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or a unique part of it.")]

BY = "user"
"""Who answers, in the journal. A shared machine's account names are nobody's business there."""
SHOWN = 12
"""Characters of a question's id in the list."""


def alone(context: typer.Context, *, as_json: bool, project_folder: Path) -> bool:
    """Whether a group was called by itself, as a command that lists.

    Raises:
        BadInput: options stand before a subcommand, where they would be lost.
    """
    if context.invoked_subcommand is None:
        return True
    if as_json or project_folder != Path():
        raise BadInput(
            f"write options after the subcommand: {context.command_path} {context.invoked_subcommand} ... --json"
        )
    return False


@inbox_app.callback(invoke_without_command=True)
def inbox(context: typer.Context, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """List the questions of runs that wait for a person, or answer one.

    \b
    Examples:
      strop inbox
      strop inbox answer 3f9c go-on
      strop inbox --json
    """
    from strop.app import open_project
    from strop.cli.console import print_json

    if not alone(context, as_json=as_json, project_folder=project_folder):
        return
    questions = _inbox(open_project(project_folder)).open_questions()
    if as_json:
        print_json({"questions": questions})
        return
    if not questions:
        _say("no questions wait")
    for question in questions:
        _show(question)


@inbox_app.command()
def answer(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="Its id, or a unique beginning of it.")],
    option: Annotated[str, typer.Argument(metavar="OPTION", help="One of the options that it offers.")],
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Answer a question, once. A run that goes on hears it within a second.

    \b
    Example:
      strop inbox answer 3f9c go-on
    """
    from strop.app import open_project
    from strop.cli.console import print_json

    project = open_project(project_folder)
    meant = _inbox(project).answer(question, option, by=BY)
    at_work = _at_work(project, meant.run)
    if as_json:
        print_json({"question": meant.id, "run": meant.run, "answer": option, "at_work": at_work})
        return
    _say(f"answered {option} to question {meant.id[:SHOWN]} of run {meant.run}")
    if not at_work:
        _say(f"Nobody works on that run now. Go on with: strop run --resume {meant.run}")


@runs_app.callback(invoke_without_command=True)
def runs(context: typer.Context, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """List the runs of this project, stop one, or raise its caps.

    \b
    Examples:
      strop runs
      strop runs stop 01K9
      strop runs budget 01K9 usd=8
      strop runs --json
    """
    from strop.app import open_project, runs_of
    from strop.cli.console import out, print_json
    from strop.cli.look import show_runs

    if not alone(context, as_json=as_json, project_folder=project_folder):
        return
    rows = runs_of(open_project(project_folder))
    if as_json:
        print_json({"runs": rows})
    else:
        show_runs(out, rows)


@runs_app.command()
def stop(
    name: Name,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it stands in the run's report.")] = "",
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Ask a run to end in order: it writes what there is, and can go on later.

    \b
    Examples:
      strop runs stop 01K9
      strop runs stop 01K9 --reason "the inputs were wrong"
    """
    from strop.app import open_project
    from strop.cli.console import print_json

    project = open_project(project_folder)
    run = _goes_on(project, name)
    _inbox(project).request_stop(run, by=BY, reason=reason)
    if as_json:
        print_json({"run": run, "asked": "stop"})
    else:
        _say(f"asked run {run} to stop; calls in flight get a few seconds to land. See it end: strop show {run}")


@runs_app.command()
def budget(
    name: Name,
    caps: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="usd, steps, critical_steps, tokens, input_tokens, output_tokens, minutes, agents, agents_total.",
        ),
    ],
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Raise caps of a run while it goes on. Nothing that was approved is taken away.

    \b
    Examples:
      strop runs budget 01K9 usd=8
      strop runs budget 01K9 usd=8 steps=6000 minutes=90
    """
    from strop.app import open_project
    from strop.app.project import state_of
    from strop.cli.console import print_json

    project = open_project(project_folder)
    changes = _changes(caps)
    run = _goes_on(project, name, instead=f" --budget {caps[0]}")
    _refuse_lower(state_of(project.runs / run).budget, changes)
    _inbox(project).raise_budget(run, changes, by=BY)
    if as_json:
        print_json({"run": run, "asked": "budget", "caps": changes})
    else:
        _say(f"told run {run}: {', '.join(f'{key}={value}' for key, value in changes.items())}")


def _inbox(project: Project) -> Inbox:
    from strop.stores.inbox import Inbox

    return Inbox(project.folder / ".strop" / "project.db")


def _at_work(project: Project, run: str) -> bool:
    from strop.app.journals import being_written

    return being_written(project.runs / run)


def _goes_on(project: Project, name: str, *, instead: str = "") -> str:
    """The id of a run that a process works on now.

    Raises:
        BadInput: no such run, or nobody works on it.
    """
    run = project.find_run(name).name
    if not _at_work(project, run):
        raise BadInput(f"nobody works on run {run} now. Go on with: strop run --resume {run}{instead}")
    return run


def _changes(caps: list[str]) -> dict[str, str]:
    """Caps as the spec writes them, checked as a spec's are.

    Raises:
        BadInput: no cap, or none that can be raised while a run goes on.
    """
    from strop.app.minding import SETTABLE
    from strop.app.orders import raised
    from strop.types.work import Budget

    changes: dict[str, str] = {}
    for cap in caps:
        key, _, value = cap.partition("=")
        if key not in SETTABLE or not value.strip() or "\n" in value:
            raise BadInput(f"{cap!r}: write key=value, with one of {', '.join(SETTABLE)}, for example usd=8")
        if key in changes:
            raise BadInput(f"{key} stands twice; name each cap once")
        changes[key] = value.strip()
    raised(Budget(), changes)
    return changes


def _refuse_lower(caps: Budget, changes: dict[str, str]) -> None:
    from strop.app.minding import CAPS, higher
    from strop.app.orders import raised
    from strop.types.money import dollars

    asked = raised(caps, changes)
    for key, value in changes.items():
        name = CAPS.get(key, key)
        now: float = getattr(caps, name)
        if higher(name, now, getattr(asked, name)) == now:
            shown = dollars(int(now)) if key == "usd" else f"{now:,g}" if now < 1e6 else f"{now:,.0f}"
            what = f"does not raise the run's cap of {shown}" if now else "would be a cap where the run has none"
            raise BadInput(
                f"{key}={value} {what}; a cap is only raised while a run goes on. End it with: strop runs stop RUN"
            )


def _show(question: Question) -> None:
    _tell(f"{question.id[:SHOWN]}  run {question.run}, task {question.task}", indent="")
    _tell(f"asked {question.asked[:16].replace('T', ' ')} UTC", indent="  ")
    for line in question.text.splitlines():
        _tell(line, indent="  ")
    _say(f"  answer with: strop inbox answer {question.id[:SHOWN]} {'|'.join(question.options)}\n")


def _tell(text: str, *, indent: str) -> None:
    """Words, broken where the terminal ends; what follows stands under them."""
    import textwrap

    from strop.cli.console import out

    more = indent or "  "
    lines = textwrap.wrap(
        text, out.width, initial_indent=indent, subsequent_indent=more, break_long_words=False, break_on_hyphens=False
    )
    _say("\n".join(lines))


def _say(text: str) -> None:
    from strop.cli.console import out

    out.print(text, highlight=False, markup=False, soft_wrap=True)
