"""The portfolio: all kinds of files at size in one run, with flaws on the way that the gate has to find.

    make portfolio

Everything is written under `out/`. Models are a script on strop's own test server: no key, no network. Two
first answers are short (a page, two slides), and three files are spoiled from outside as they are first
written (`Meddling`): what the gate says of each, and that it is mended, is printed at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import prepare
from maker import Team
from rich.console import Console
from rich.table import Table

from strop.app import Options, Order, Screen, execute, open_project, renderers, spec_of, state_of
from strop.checking.opened import Opened, open_file
from strop.seams import Renderer
from strop.testing.server import TestServer
from strop.types.content import Part
from strop.types.trial import Finding
from strop.types.work import Kind, Plan, kind_of

HERE = Path(__file__).parent
SETTINGS = """[models."{locator}"]
id = "scripted"
wire = "openai"
base_url = "{url}"
family = "script"
keys = ["PORTFOLIO_KEY"]
key_optional = true
window = 400000
output = 100000
price = {{ input = "0.95", cached = "0.16", cache_write = "0.95", output = "4.00" }}
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the portfolio is."""

    rows: int = 20_000
    regions: int = 20
    pages: int = 40
    short_by: int = 1
    """Chapters that the first atlas leaves out."""
    slides: int = 6
    """Slides of the first deck without those that the harness adds: two short of what is ordered."""


# ---------------------------------------------------------------- faults from outside


@dataclass(slots=True)
class Meddling:
    """Writes as a renderer does, and spoils the first file of one name: a disk that fills up, say."""

    inner: Renderer
    file: str
    spoil: Callable[[bytes], bytes]
    done: bool = field(default=False)

    @property
    def kind(self) -> Kind:
        return self.inner.kind

    def render(self, part: Part, *, to: Path) -> None:
        self.inner.render(part, to=to)
        if part.file == self.file and not self.done:
            self.done = True
            to.write_bytes(self.spoil(to.read_bytes()))


def meddled(usual: Mapping[Kind, Renderer]) -> dict[Kind, Renderer]:
    """The usual renderers, three of them with a fault at their first writing."""
    faults: dict[Kind, tuple[str, Callable[[bytes], bytes]]] = {
        Kind.PPTX: ("deck.pptx", lambda body: body[: len(body) // 2]),
        Kind.XLSX: ("stations.xlsx", lambda body: b""),
        Kind.CSV: ("stations.csv", lambda body: body[: body.rstrip().rindex(b"\n") + 1]),
    }
    return {**usual, **{kind: Meddling(usual[kind], *fault) for kind, fault in faults.items()}}


# ---------------------------------------------------------------- the run


async def turn(folder: Path, locator: str) -> int:
    """One run of the spec in this process; what it left is read from disk by whoever asked."""

    async def approve(plan: Plan) -> str:
        return "portfolio"

    order = Order(spec_of((folder / "spec.md").read_bytes(), name="spec.md"), "spec.md")
    options = Options(worker=locator, planner=locator, verifier="none")
    writers = meddled(renderers())
    project = open_project(folder, environment={})
    await execute(project, order, options=options, approve=approve, screen=Screen(), writers=writers)
    return 0


async def carried_out(project: Path, sizes: Sizes) -> tuple[float, float]:
    """(seconds, peak MB) of the run, in a process of its own beside the server."""
    names = [name.lower() for name in prepare.REGIONS[: sizes.regions]]
    async with TestServer(Team(names, sizes.short_by, sizes.slides)) as server:
        locator = f"openai:{server.chat_url}#scripted"
        (project / "strop.toml").write_text(SETTINGS.format(locator=locator, url=server.chat_url), encoding="utf-8")
        began = time.perf_counter()
        child = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "run.py"), "--turn", str(project), "--model", locator
        )
        if code := await child.wait():
            raise SystemExit(code)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return seconds, peak / (2**20 if sys.platform == "darwin" else 2**10)


def prepared(out: Path, sizes: Sizes) -> Path:
    """A new project with the inputs and the spec, at these sizes."""
    if out.exists():
        shutil.rmtree(out)
    project = out / "project"
    prepare.prepare(project, rows=sizes.rows, regions=sizes.regions)
    text = (HERE / "spec.md").read_text("utf-8")
    text = text.replace("rows: 20000", f"rows: {sizes.rows}").replace('">= 40"', f'">= {sizes.pages}"')
    (project / "spec.md").write_text(text, encoding="utf-8")
    return project


# ---------------------------------------------------------------- what came of it


def refused(folder: Path) -> list[dict[str, str]]:
    """What the gate refused on the way: files written again, and what repair tasks were told."""
    state = state_of(folder)
    assert state.verdict is not None
    found = [_again(finding) for finding in state.verdict.findings if finding.kind == "rewritten"]
    for name in state.extended:
        task = state.tasks[name]
        found += [_told(said, task.makes, str(name)) for said in task.repairs]
    return found


def _again(finding: Finding) -> dict[str, str]:
    locator, _, observed = finding.observed.partition(": ")
    how = {"expected": finding.expected, "observed": observed.partition("; ")[0], "mended": "written again"}
    return {"file": finding.artefact, "locator": locator, **how}


def _told(said: str, makes: Sequence[str], task: str) -> dict[str, str]:
    locator, _, rest = said.partition(": expected ")
    expected, _, observed = rest.partition(", observed ")
    return {"file": makes[0], "locator": locator, "expected": expected, "observed": observed, "mended": f"by {task}"}


def counted(files: Path) -> Iterator[dict[str, object]]:
    """Every delivered file as its independent reader counts it."""
    for path in sorted(each for each in files.rglob("*") if each.is_file()):
        kind = kind_of(path.name)
        opened = open_file(path, kind=kind)
        name = path.relative_to(files).as_posix()
        yield {"file": name, "kind": kind.value, "bytes": path.stat().st_size, **_counts(opened)}


def _counts(opened: Opened | str) -> dict[str, object]:
    if isinstance(opened, str):
        return {"broken": opened}
    found: dict[str, object] = {}
    if opened.sheets and opened.pages is None and opened.sheets[0].names:
        found |= {"rows": len(opened.sheets[0].rows), "columns": len(opened.sheets[0].names)}
    found |= {"pages": opened.pages} if opened.pages is not None else {}
    found |= {"slides": len(opened.slides)} if opened.slides is not None else {}
    return {**found, **({"charts": opened.charts} if opened.charts else {})}


def report(project: Path, seconds: float, peak: float) -> dict[str, object]:
    """All that is told of the run, read from what it left."""
    (folder,) = (project / "runs").iterdir()
    left = json.loads((folder / "run.json").read_text("utf-8"))
    state = state_of(folder)
    return {
        "outcome": left["outcome"],
        "files": list(counted(folder / "files")),
        "refused": refused(folder),
        "rounds": state.extensions,
        "repairs": [str(name) for name in state.extended],
        "findings": [f for f in left["findings"] if f["kind"] != "rewritten" and f["severity"] != "note"],
        "proved": [f["artefact"] + ": " + f["observed"] for f in left["findings"] if "proved" in f["observed"]],
        "unchecked": left["verdict"]["unchecked"],
        "agents": len(left["agents"]),
        "claims": left["claims"],
        "seconds": round(seconds, 1),
        "megabytes": round(peak),
        "folder": str(folder),
    }


def shown(told: Mapping[str, object], out: Console) -> None:
    """The same for people."""
    body = json.loads(json.dumps(told))
    table = Table(title="Refused on the way", title_justify="left", box=None)
    for head in ("file", "locator", "expected", "observed", "mended"):
        table.add_column(head, overflow="fold")
    for each in body["refused"]:
        table.add_row(*(str(each[name])[:90] for name in ("file", "locator", "expected", "observed", "mended")))
    out.print(table)
    table = Table(title="Delivered, as independent readers count it", title_justify="left", box=None)
    for head in ("file", "kB", "what is in it"):
        table.add_column(head)
    for each in body["files"]:
        what = ", ".join(f"{each[name]:,} {name}" for name in ("rows", "columns", "pages", "slides", "charts")
                         if name in each)  # fmt: skip
        table.add_row(each["file"], f"{each['bytes'] / 1000:,.0f}", each.get("broken", what))
    out.print(table)
    for line in (*body["proved"], *body["unchecked"]):
        out.print(line, highlight=False, soft_wrap=True)
    for each in body["findings"]:
        out.print(f"{each['severity']}: {each['artefact']} {each['locator']}: {each['observed']}", soft_wrap=True)
    out.print(
        f"{body['outcome']}: {body['agents']} agents, {body['claims']['all']:,} claims, {body['rounds']} round(s) of "
        f"repair, {body['seconds']} s, {body['megabytes']} MB at the peak. {body['folder']}/files",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def main() -> int:
    """Prepare, run, tell."""
    usual = Sizes()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=usual.rows)
    parser.add_argument("--regions", type=int, default=usual.regions, help="4 to 20")
    parser.add_argument("--pages", type=int, default=usual.pages, help="fewest pages of the atlas")
    parser.add_argument("--short-by", type=int, default=usual.short_by, help="chapters the first atlas leaves out")
    parser.add_argument("--slides", type=int, default=usual.slides, help="own slides of the first deck")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="folder to make anew")
    parser.add_argument("--json", action="store_true", help="tell it to programs")
    parser.add_argument("--turn", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--model", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.turn:
        return asyncio.run(turn(chosen.turn, chosen.model))
    sizes = Sizes(chosen.rows, chosen.regions, chosen.pages, chosen.short_by, chosen.slides)
    project = prepared(chosen.out, sizes)
    seconds, peak = asyncio.run(carried_out(project, sizes))
    told = report(project, seconds, peak)
    (chosen.out / "told.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if chosen.json:
        print(json.dumps(told))
    else:
        shown(told, Console(width=160 if not sys.stdout.isatty() else None))
    return 0 if told["outcome"] == "passed" else 1


if __name__ == "__main__":
    sys.exit(main())
