"""`strop rules`: what runs must never do again, as it stands in CONSTRAINTS.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strop.cli.inbox import AsJson, Home, alone

rules_app = typer.Typer(rich_markup_mode=None)


@rules_app.callback(invoke_without_command=True)
def rules(context: typer.Context, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """List what runs must never do again, add to it, retire.

    \b
    Examples:
      strop rules
      strop rules add "Amounts are in euros" --check 'one_of(currency, "EUR")'
      strop rules retire c-1a2b3c4d
    """
    if alone(context, as_json=as_json, project_folder=project_folder):
        _list(project_folder, as_json=as_json)


@rules_app.command("list")
def rules_list(project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """List the rules of CONSTRAINTS.md, learned and written by hand; then those that are not in force, and why.

    \b
    Example:
      strop rules list
    """
    _list(project_folder, as_json=as_json)


def _list(project_folder: Path, *, as_json: bool) -> None:
    from strop.app import open_project
    from strop.app.ruling import waiting_rules
    from strop.cli.console import out, print_json
    from strop.cli.look import show_rules

    project = open_project(project_folder)
    held, waiting = project.rules(), waiting_rules(project)
    if as_json:
        told = [{"id": item.name, "state": item.state, "why": item.why, "rule": rule} for item, rule in waiting]
        print_json({"rules": held, "waiting": told})
    else:
        show_rules(out, held, waiting)


@rules_app.command("add")
def rules_add(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The rule, in a sentence.")],
    check: Annotated[
        str,
        typer.Option(metavar="CHECK", help="What decides it without a model: range(rows, 1, 9). See docs/checks.md."),
    ] = "",
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Add a rule of your own. With a check it costs no tokens; without one it is a line for the model.

    \b
    Examples:
      strop rules add "Count no row twice"
      strop rules add "Amounts are in euros" --check 'one_of(currency, "EUR")'
    """
    from strop.app import open_project, settle
    from strop.app.library import add_rule
    from strop.cli.console import out, print_json
    from strop.cli.look import show_rules

    project = open_project(project_folder)
    rule = add_rule(project, text, check=check)
    settled = settle(project)
    if as_json:
        print_json({"rule": rule, "manifest": settled.manifest.hash})
    else:
        show_rules(out, (rule,))


@rules_app.command("retire")
def rules_retire(
    name: Annotated[str, typer.Argument(metavar="ID", help="Id of a rule; see: strop rules list.")],
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Strike a rule out of CONSTRAINTS.md. It is not learned again.

    \b
    Example:
      strop rules retire c-1a2b3c4d
    """
    from strop.app import open_project, settle
    from strop.app.library import strike_rule
    from strop.cli.console import out, print_json

    project = open_project(project_folder)
    settle(project)
    strike_rule(project, name)
    settled = settle(project)
    if as_json:
        print_json({"rule": name, "retired": settled.retired, "manifest": settled.manifest.hash})
    else:
        said = f"{name} is struck out. Take it back by removing the ~~ in CONSTRAINTS.md"
        out.print(said, highlight=False, markup=False, soft_wrap=True)


@rules_app.command("check")
def rules_check(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="A run's id or its end; the newest that passed else.")
    ] = "",
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Try every rule on a run and on all stored deliveries: fires, silent, contradicts. Ends with 1 where one does.

    \b
    Examples:
      strop rules check
      strop rules check 7K2M --json
    """
    from strop.cli.ruling import checked_rules

    raise typer.Exit(checked_rules(project_folder, run=run, as_json=as_json))
