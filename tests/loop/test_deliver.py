"""From makers' answers to files: documents with charts, sites, code, and the names that agents give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from strop.app import renderers
from strop.drafting.answers import answer_keys, making_schema, told
from strop.drafting.sites import site
from strop.loop.deliver import deliver
from strop.loop.verify import Proofs, verify
from strop.seams import SourceTable
from strop.swarm.claims import claims_of_work
from strop.types.content import Callout, Document, Heading, Paragraph, Sentence
from strop.types.schema import Json, validate
from strop.types.trial import Delivery, Result, Run, Severity, Tally, Verdict
from strop.types.work import NOTHING, Count, Kind, Output, Plan, Quote, RunId, Spec, Task, TaskId, TaskKind

pytestmark = pytest.mark.anyio

SOURCE = "inputs/notes.txt"
SENTENCES = tuple(f"Region {number} has {number * 17 + 3} members." for number in range(1, 3_500))
NOTES = " ".join(SENTENCES)


def leaf(value: str | float, quote: str) -> dict[str, Json]:
    return {"value": value, "source": SOURCE, "quote": quote}


def chart(name: str, *, first: int = 1) -> dict[str, Json]:
    regions = range(first, first + 5)
    points: list[Json] = [
        {"x": f"Region {n}", "y": leaf(n * 17 + 3, f"Region {n} has {n * 17 + 3} members.")} for n in regions
    ]
    texts = {"name": name, "kind": "bar", "title": f"Members, {name}", "x_title": "Region", "y_title": "Members"}
    return {**texts, "points": points}


def section(heading: str, first: int, paragraphs: int, *charts: str) -> dict[str, Json]:
    """Paragraphs of four sentences each; no words of the notes are told twice."""
    starts = range(first, first + paragraphs * 24, 6)
    told = [" ".join(SENTENCES[start : start + 6]) for start in starts]
    held: list[Json] = [[leaf(text, text) for text in told[at : at + 4]] for at in range(0, len(told), 4)]
    return {"heading": heading, "paragraphs": held, "bullets": [], "charts": list(charts)}


def run_of(answer: dict[str, Json], *outputs: Output) -> Run:
    """A run whose one maker answered this, as its schema has it."""
    keys = answer_keys(outputs)
    body: Json = {keys[name]: held for name, held in answer.items()}
    schema = making_schema(outputs, keys=keys)
    assert validate(schema, body) == ()
    makes = tuple(output.file for output in outputs)
    task = Task(TaskId("make"), TaskKind.AGGREGATE, "maker", "make", schema, "aggregate", makes=makes)
    claims = tuple(claims_of_work(body, task=task, read={SOURCE: NOTES}.__getitem__))
    result = Result(task.id, orjson.dumps(body).decode(), claims=claims)
    quote = Quote(1, 1, 1, 1, NOTHING, NOTHING, NOTHING, "swarm", ())
    plan = Plan("Members by region", Spec("Members by region", outputs), "", (task,), (), (), quote)
    return Run(RunId("r"), plan, (result,), Tally())


async def delivered(run: Run, folder: Path) -> tuple[Verdict, Delivery]:
    verdict = await verify(run, proofs=Proofs({SOURCE: NOTES}))
    made = renderers()

    def publish(staged: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(target)

    staging, to = folder / "s", folder / "files"
    delivery = deliver(run, verdict=verdict, renderers=made, tables=no_tables, staging=staging, to=to, publish=publish)
    return verdict, delivery


def no_tables(path: str) -> SourceTable:
    """Nobody orders rows of a table here."""
    raise AssertionError(path)


async def test_forty_pages_with_fourteen_charts_come_from_one_answer(tmp_path: Path) -> None:
    """A maker's sections name its charts; the PDF holds its pages, sections and figures, as the bytes tell."""
    order = Output("r.pdf", Kind.PDF, pages=Count(40, None), charts=Count(14, 14), sections=("Part 1", "Sources"))
    names = [f"chart-{n}" for n in range(14)]
    charts: list[Json] = [chart(name, first=5 * n + 1) for n, name in enumerate(names)]
    sections: list[Json] = [section(f"Part {n + 1}", n * 240, 10, name) for n, name in enumerate(names)]

    verdict, delivery = await delivered(run_of({"r.pdf": {"sections": sections, "charts": charts}}, order), tmp_path)

    assert {value.standing.value for value in verdict.values} <= {"accepted", "unverified"}
    assert delivery.findings == ()
    assert {"r.pdf", "claims.csv"} == {file.file for file in delivery.files}


async def test_a_chart_that_no_section_names_is_not_lost(tmp_path: Path) -> None:
    """It stands at the end; one that is named and was not written is said to be missing."""
    order = Output("r.html", Kind.HTML, charts=Count(2, 2))
    answer: dict[str, Json] = {"sections": [section("One", 0, 1, "a", "gone")], "charts": [chart("a"), chart("b")]}

    _, delivery = await delivered(run_of({"r.html": answer}, order), tmp_path)

    text = (tmp_path / "files" / "r.html").read_text(encoding="utf-8")
    assert delivery.findings == ()
    assert "The chart gone was named here and not written." in text
    assert text.index("Members, a") < text.rindex(">Figures<") < text.index("Members, b")


async def test_a_document_becomes_a_site(tmp_path: Path) -> None:
    """The first page has the contents and the summary, each section a page; the site's contract holds."""
    order = Output("site/*.html", Kind.HTML, count=Count(4, None), sections=("Summary", "Findings", "Sources"))
    sections: list[Json] = [
        {name: held for name, held in section(heading, first, 2).items() if name != "charts"}
        for heading, first in (("Summary", 0), ("Findings", 100))
    ]

    _, delivery = await delivered(run_of({"site/*.html": {"sections": sections}}, order), tmp_path)

    assert delivery.findings == ()
    files = {file.file for file in delivery.files}
    assert files == {"claims.csv", *(f"site/{page}.html" for page in ("index", "summary", "findings", "sources"))}
    first = (tmp_path / "files/site/index.html").read_text(encoding="utf-8")
    assert 'href="findings.html"' in first
    assert SENTENCES[0] in first
    assert SENTENCES[100] not in first


def test_pages_of_one_name_are_told_apart() -> None:
    """Titles that mean one file name, none at all or that of the first page each get a page of their own."""
    titles = ("Über uns", "uber uns", "日本", "../etc", "index", "x" * 300)
    blocks = [block for title in titles for block in (Heading(title), Paragraph((Sentence("a"),)))]
    parts = site("a/*.html", Document("T", "", (Callout("before"), *blocks)))
    assert [part.file for part in parts] == [
        *("a/index.html", "a/uber-uns.html", "a/uber-uns-2.html", "a/page.html", "a/etc.html", "a/index-2.html"),
        f"a/{'x' * 60}.html",
    ]


# ---------------------------------------------------------------- code


TOOL = Output("tool/*.py", Kind.CODE, count=Count(2, None))


def sources(**texts: str) -> dict[str, Json]:
    return {"files": [{"name": name, "text": text} for name, text in texts.items()]}


async def test_code_is_written_as_it_is_and_not_called_checked(tmp_path: Path) -> None:
    """Text for text, line ends LF; that nobody ran it stands in the verdict."""
    text = "# Grüße {{x}} <b>\r\nprint('=1')"
    run = run_of({"tool/*.py": sources(**{"main.py": text, "tool/lib": "x = 1\n"})}, TOOL)
    verdict, delivery = await delivered(run, tmp_path)
    assert delivery.findings == ()
    assert (tmp_path / "files/tool/main.py").read_bytes() == "# Grüße {{x}} <b>\nprint('=1')\n".encode()
    assert (tmp_path / "files/tool/lib.py").read_bytes() == b"x = 1\n"
    assert any("tool/*.py" in line and "not run" in line for line in verdict.unchecked)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("../main.py", "leaves the folder"),
        ("sub/main.py", "none of the files that were ordered"),
        ("con.py", "reserve"),
        (".main.py", "hidden"),
        ("MAIN.py", "one name"),
        ("m" * 118, "longer"),
        ("exe\u202eyp", "character"),
        ("a:b", "leaves"),
    ],
)
async def test_a_name_of_an_agent_keeps_the_rules(tmp_path: Path, name: str, word: str) -> None:
    """What no file may be called is not written, and the finding says why; the others are."""
    run = run_of({"tool/*.py": sources(**{"main.py": "x = 1", "other.py": "y = 2", name: "z = 3"})}, TOOL)
    _, delivery = await delivered(run, tmp_path)
    (finding,) = delivery.findings
    assert word in finding.observed
    assert {file.file for file in delivery.files} == {"claims.csv", "tool/main.py", "tool/other.py"}
    assert _programs(tmp_path) == ["main.py", "other.py"]


def _programs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.py"))


async def test_one_program_has_the_ordered_name(tmp_path: Path) -> None:
    """Where the order names the file, what the agent calls it does not count; a half letter is refused."""
    order = Output("tool.py", Kind.CODE)
    _, delivery = await delivered(run_of({"tool.py": sources(**{"/etc/passwd": "x = 1"})}, order), tmp_path)
    assert (delivery.findings, (tmp_path / "files/tool.py").read_bytes()) == ((), b"x = 1\n")
    run = run_of({"tool.py": sources(tool="x = '?'")}, order)
    broken = replace(run.results[0], output=run.results[0].output.replace("?", "\\u0000"))
    _, delivery = await delivered(replace(run, results=(broken,)), tmp_path)
    assert "NUL" in delivery.findings[0].observed


def test_makers_are_told_what_their_files_are() -> None:
    """Charts, programs and their number stand in the words to the agent."""
    outputs = (Output("r.pdf", Kind.PDF, charts=Count(14, None)), TOOL)
    words = told(outputs, keys=answer_keys(outputs))
    assert ">= 14 charts, each named by the section it stands in" in words
    assert ">= 2 files of source code, named to fit tool/*.py" in words


async def test_a_check_of_files_in_the_order_is_run(tmp_path: Path) -> None:
    """`sections(...)` among the lines of `valid:` holds the bytes, and what it finds refuses the run."""
    order = Output("r.md", Kind.MARKDOWN)
    section: Json = {"heading": "Part 1", "paragraphs": [], "bullets": []}
    made = run_of({"r.md": {"sections": [section]}}, order)
    spec = replace(made.plan.spec, valid=('sections("r.md", "Part 1", "Part 2")',))
    _, delivery = await delivered(replace(made, plan=replace(made.plan, spec=spec)), tmp_path)
    assert [(f.locator, f.severity) for f in delivery.findings] == [("section Part 2", Severity.FATAL)]
