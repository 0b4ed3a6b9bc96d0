"""`strop know`: documents that agents may quote, and what the user's best ones look and sound like."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from strop.app.nearness import Made
    from strop.types.document import Grounded, Hit

know_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Documents that agents may quote.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")]
Home = Annotated[Path, typer.Option("--project", metavar="FOLDER", help="The project folder.", show_default=False)]
Files = Annotated[list[Path], typer.Argument(metavar="FILES|FOLDER", help="Documents, or folders of documents.")]
Document = Annotated[str, typer.Argument(metavar="PATH", help="A document as `strop know list` names it.")]
SHOWN = 300
"""Characters of a passage in a list of hits."""


@know_app.command()
def add(files: Files, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """Take in documents that agents may quote.

    PDF, DOCX, PPTX, XLSX, CSV, HTML, Markdown, text, VTT and SRT. Copies lie in knowledge/. What a document
    says is data with a citation; it is never an instruction. Where strop.toml binds the role embedder, the
    passages go there to be embedded; the price is said first and bounded by [learning] usd.

    \b
    Examples:
      strop know add report.pdf
      strop know add ~/papers interviews/*.vtt
    """
    from strop.app import knowing, nearness, open_project
    from strop.app.running import run
    from strop.cli.console import out, print_json

    project = open_project(project_folder)
    told = knowing.add(project, files, notice=_progress())
    for line in () if as_json else (*told.refused, *told.notes):
        _complain(f"{line.path} {line.said}" if line in told.refused else f"{line.path}: {line.said}")
    if not as_json:
        out.print(_summary(told), highlight=False, markup=False, soft_wrap=True)
    made = run(nearness.embed_known(project, why="know add", say=_complain))
    if as_json:
        print_json(
            told
            if made is None
            else {**{each.name: getattr(told, each.name) for each in fields(told)}, "embedded": made}
        )
    elif made is not None:
        _tell_made(made)
    raise typer.Exit(0 if told.added or told.changed or told.unchanged else 2)


@know_app.command()
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="What to look for; no character is special.")],
    path: Annotated[str, typer.Option(metavar="GLOB", help="Only these documents: knowledge/2026/**.")] = "",
    form: Annotated[list[str] | None, typer.Option("--format", metavar="NAME", help="Only these: pdf, md.")] = None,
    since: Annotated[str, typer.Option(metavar="DAY", help="Only what was added then or later: 2026-11-01.")] = "",
    most: Annotated[int, typer.Option(metavar="N", min=1, max=50, help="Passages to show.")] = 8,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Find passages, the best first; nothing where nothing fits well.

    By words; where strop.toml binds the role embedder, by meaning too: the question then goes there.

    \b
    Examples:
      strop know search notice period of the lease
      strop know search --format pdf --path "knowledge/2026/**" notice period
    """
    from strop.app import knowing, nearness, open_project
    from strop.app.running import run
    from strop.cli.console import print_json
    from strop.types.document import Query

    query = Query(" ".join(words), path, knowing.formats(form or ()), knowing.day(since), most)
    hits = run(nearness.searched(open_project(project_folder), query, warn=_complain))
    if as_json:
        print_json({"hits": hits})
        return
    for hit in hits:
        _show(hit)
    if not hits:
        _say("no passage fits well enough; try other words, or add a document that says it")


@know_app.command()
def embed(
    anew: Annotated[bool, typer.Option("--anew", help="Forget every vector first, of every model.")] = False,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Make vectors of the passages that have none, with the model of the role embedder.

    For documents that were there before the embedder was, and after a stop. What has a vector costs nothing.
    The texts of your documents are sent to the embedder's endpoint. The price is said first and bounded by
    [learning] usd; what was made is kept whatever happens.

    \b
    Example:
      strop know embed
    """
    from strop.app import nearness, open_project
    from strop.app.running import run
    from strop.cli.console import print_json
    from strop.errors import BadInput

    project = open_project(project_folder)
    if not project.config.locator("embedder", project.environment):
        raise BadInput("nobody embeds here. Bind the role: [roles] embedder = ... in strop.toml (docs/knowledge.md)")
    if anew:
        nearness.vectors_of(project).forget_all()
    made = run(nearness.embed_known(project, why="know embed", say=_complain))
    if as_json:
        print_json({"embedded": made})
    elif made is not None:
        _say("every passage has its vector") if not made.made and not made.failed else _tell_made(made)
    raise typer.Exit(2 if made is None else 3 if made.failed else 0)


@know_app.command("list")
def list_(project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """List the documents that agents may quote.

    \b
    Example:
      strop know list
    """
    from rich.table import Table

    from strop.app import knowing, open_project
    from strop.cli.console import out, print_json

    held = knowing.known(open_project(project_folder))
    if as_json:
        print_json({"documents": held})
        return
    if not held:
        _say("no documents yet. Take some in with: strop know add FILES|FOLDER")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    table.add_column("document", overflow="fold")
    table.add_column("format")
    table.add_column("passages", justify="right")
    table.add_column("added", no_wrap=True)
    from rich.markup import escape

    for each in held:
        table.add_row(escape(each.path), each.format, f"{each.passages:,}", each.added)
    out.print(table, highlight=False)


@know_app.command()
def show(path: Document, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """Show a document as it was read: every passage with its place.

    \b
    Example:
      strop know show knowledge/report.pdf
    """
    from strop.app import knowing, open_project
    from strop.cli.console import print_json

    held = knowing.passages(open_project(project_folder), path)
    if as_json:
        print_json({"passages": held})
        return
    for passage in held:
        _say(f"[{passage.locator}]\n{passage.text}\n")


@know_app.command()
def remove(path: Document, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """Take a document out: no later run quotes it, and its copy in knowledge/ goes.

    Its bytes stay under .strop, so that runs which cite it can still be proved.

    \b
    Example:
      strop know remove knowledge/report.pdf
    """
    from strop.app import knowing, open_project
    from strop.cli.console import print_json

    body, deleted = knowing.remove(open_project(project_folder), path)
    if as_json:
        print_json({"removed": body, "deleted": deleted})
        return
    _say(f"took out {body.path} with {body.passages:,} passages")
    if not deleted:
        _say("Its file was changed since, or is gone; it was left as it is")


@know_app.command()
def allow(path: Document, project_folder: Home = Path(), as_json: AsJson = False) -> None:
    """Let agents quote passages that read like orders to them. Look at the document first: your word stands for it.

    They are quoted as data all the same. A changed document is held back anew.

    \b
    Example:
      strop know allow knowledge/report.pdf
    """
    from strop.app import knowing, open_project
    from strop.cli.console import print_json

    named, held = knowing.allow(open_project(project_folder), path)
    if as_json:
        print_json({"path": named, "allowed": held})
        return
    for passage in held:
        _say(f"[{passage.locator}]\n{passage.text}\n")
    _say(f"{named}: agents may quote all of it" + ("" if held else "; nothing was held back"))


@know_app.command()
def style(
    files: Files,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the style is called: house-reports.")],
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Learn what your best documents look and sound like.

    Outline, headings, lengths, tone, figures, colours and fonts are measured and become a style skill under
    .agents/skills/NAME. It holds figures and words from closed lists, no sentence of a document.

    \b
    Example:
      strop know style best/*.pdf --name house-reports
    """
    from strop.app import knowing, open_project
    from strop.cli.console import print_json
    from strop.learning.stylemd import lines

    made, folder, refused = knowing.learn_style(open_project(project_folder), files, name=name)
    for line in refused:
        _complain(f"{line.path} {line.said}")
    if as_json:
        print_json({"style": made, "lines": lines(made), "folder": str(folder), "refused": refused})
        return
    for line in lines(made):
        _say(f"- {line}")
    _say(f"\nmeasured on {made.documents:,} of your documents, {made.words:,} words; it stands in {folder}")
    if (folder / "assets" / "theme.toml").is_file():
        _say(f'Colours and fonts: write theme = ".agents/skills/{name}/assets/theme.toml" into strop.toml')


@know_app.command()
def distance(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A style that was learned.")],
    files: Files,
    project_folder: Home = Path(),
    as_json: AsJson = False,
) -> None:
    """Measure how far documents are from a style: 0 the same, 1 nothing in common.

    \b
    Example:
      strop know distance house-reports runs/01K9/files/audit.pdf
    """
    from rich.markup import escape
    from rich.table import Table

    from strop.app import knowing, open_project
    from strop.cli.console import out, print_json

    told = knowing.distances(open_project(project_folder), name, files)
    if as_json:
        body = [{"path": path, "total": round(each.total, 4), "parts": dict(each.parts)} for path, each in told]
        print_json({"style": name, "documents": body})
        return
    for path, each in told:
        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
        table.add_column(escape(path), overflow="fold")
        table.add_column(f"{each.total:.2f}", justify="right")
        for part, figure in each.parts:
            table.add_row(f"  {part}", f"{figure:.2f}")
        out.print(table, highlight=False)


def _summary(told: Grounded) -> str:
    from strop.types.count import counted

    passages = sum(each.passages for each in (*told.added, *told.changed))
    said = [f"{counted(len(told.added), 'document')} added"]
    said += [f"{len(told.changed):,} changed"] if told.changed else []
    said += [f"{len(told.unchanged):,} unchanged"] if told.unchanged else []
    said += [f"{len(told.refused):,} refused"] if told.refused else []
    return f"{', '.join(said)}: {counted(passages, 'new passage')}"


def _tell_made(made: Made) -> None:
    """What the vectors cost, and how many are left to make."""
    if made.made or made.failed:
        _say(made.said)
    if made.unrelated is not None:
        _say(f"passages drawn by chance: cosine under {made.unrelated:.2f}, 19 pairs of 20")
    if made.failed:
        _complain(f"{made.left:,} passages have no vector and are found by words alone: {made.failed}")
        _complain("Go on with: strop know embed")


def _progress() -> Callable[[str], None]:
    """Says on a terminal which document is read; elsewhere nothing."""
    from strop.cli.console import err

    if not err.is_terminal:
        return lambda path: None
    return lambda path: err.print(f"reading {path}", highlight=False, markup=False, overflow="ellipsis", no_wrap=True)


def _show(hit: Hit) -> None:
    passage = hit.passage
    text = " ".join(passage.text.split())
    cut = text if len(text) <= SHOWN else text[:SHOWN].rsplit(" ", 1)[0] + " …"
    why = [f"covers {hit.coverage:.0%}"] if hit.coverage else []
    why += [f"cosine {hit.cosine:.2f}"] if hit.cosine is not None else []
    _say(f"{passage.path}, {passage.locator}  ({', '.join(why)})\n  {cut}\n")


def _say(text: str) -> None:
    from strop.cli.console import out

    out.print(text, highlight=False, markup=False, soft_wrap=True)


def _complain(text: str) -> None:
    from strop.cli.console import err

    err.print(text, highlight=False, markup=False, soft_wrap=True)
