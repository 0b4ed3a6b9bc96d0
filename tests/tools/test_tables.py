"""A table answers exactly, or says why it cannot."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.errors import BadInput, ToolFailure
from strop.tools.inside import Inside
from strop.tools.tables import Ask, AskKind, CompanionTable, answer, locator, parse_ask, recompute
from strop.types.content import Scalar
from strop.types.label import Integrity
from strop.types.work import Sources

pytestmark = pytest.mark.anyio

CATS = '"","Sex","Bwt","Hwt"\n"1","M",2.1,7\n"2","M",2.2,NA\n"3","F",2.2,9.5\n'


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        ("rows", 3),
        ("columns", 3),
        ("first", "Sex"),
        ("last", "Hwt"),
        ("sum:Bwt", 6.5),
        ("mean:Bwt", 2.16666666666667),
        ("min:Bwt", 2.1),
        ("max:Hwt", 9.5),
        ("sum:Hwt", 16.5),
        ("count:Hwt", 2),
        ("distinct:Sex", 2),
        ("distinct:Bwt", 2),
    ],
)
def test_every_question_has_its_exact_answer(ask: str, expected: Scalar) -> None:
    """Row names are no column, the header is no row, empty cells are not counted."""
    assert answer(CATS, parse_ask(ask), path="cats.csv") == expected


@pytest.mark.parametrize(
    ("text", "ask", "expected"),
    [
        ("rownames,a\n1,2\n", "columns", 1),
        ("Unnamed: 0,a\n1,2\n", "first", "a"),
        ("a,b\nr1,1,2\nr2,3,4\n", "columns", 2),
        ("a,b\nr1,1,2\nr2,3,4\n", "sum:a", 4),
        ("year,b\n1,2\n", "first", "year"),
        ("a\n\n1\n\n2\n", "rows", 2),
        ('a,b\n"x\ny",2\n', "rows", 1),
        ("\ufeffa,b\n1,2\n", "first", "a"),
        ("a\n", "rows", 0),
        ("a\n", "sum:a", None),
        ("a\n0.1\n0.2\n", "sum:a", 0.3),
        ("a\n0.1234567890123456789\n0\n", "sum:a", "0.1234567890123456789"),
        ("a\n1e300\n1e300\n", "max:a", str(10**300)),
        ("a\n1\n2\n", "mean:a", 1.5),
    ],
)
def test_the_conventions_hold(tmp_path: Path, text: str, ask: str, expected: Scalar) -> None:
    """Row-name columns of all kinds, blank lines, quoted line ends and exact decimals."""
    table = tmp_path / "t.csv"
    table.write_text(text, encoding="utf-8", newline="")
    assert recompute(table, ask) == expected


@pytest.mark.parametrize(
    ("text", "ask", "message"),
    [
        ("", "rows", "empty"),
        ("a,b\n1\n", "rows", "line 2: 1 cells under 2 heads"),
        ("a\nx\n", "sum:a", "row 1: 'x' is no number"),
        ("a\n1_000\n", "sum:a", "no number"),
        ("a\nInfinity\n", "max:a", "no number"),
        ("a\n1e9999\n", "max:a", "no number"),
        ("a\n1\n", "sum:b", "no column 'b'; it has: a"),
        ("a,a\n1,2\n", "sum:a", "more than one column 'a'"),
        ('a\n"x"y\n', "rows", "no CSV"),
        ("a\n1e300\n1e-300\n", "sum:a", "200 digits"),
    ],
)
def test_what_cannot_be_counted_is_said(text: str, ask: str, message: str) -> None:
    """Ragged, empty or broken tables and cells that are no numbers are refused with their place."""
    with pytest.raises(ToolFailure, match=message):
        answer(text, parse_ask(ask), path="t.csv")


@pytest.mark.parametrize("text", ["", "row", "rows:a", "sum", "sum:", "median:a", "first:x", "rows()"])
def test_an_unknown_question_is_refused_with_the_allowed_ones(text: str) -> None:
    """The message lists the language."""
    with pytest.raises(BadInput, match=r"Allowed: name, rows, columns, first, last, sum:COL"):
        parse_ask(text)


@pytest.mark.parametrize("text", ["rows", "sum:Bwt", "count:a: b"])
def test_a_question_reads_back(text: str) -> None:
    """An ask prints as it is written; column names may hold a colon."""
    assert str(parse_ask(text)) == text


def test_a_locator_names_question_and_file() -> None:
    """What a claim carries says how to count again."""
    assert locator("data/a.csv", Ask(AskKind.SUM, "x")) == "table:sum:x(data/a.csv)"


@given(st.lists(st.decimals(-(10**6), 10**6, places=3), min_size=1, max_size=20))
def test_sums_are_exact(figures: list[Decimal]) -> None:
    """A sum equals the sum of the decimals, whatever their order."""
    out = io.StringIO()
    csv.writer(out).writerows([["x"], *([figure] for figure in figures)])
    total = answer(out.getvalue(), Ask(AskKind.SUM, "x"), path="t.csv")
    assert Decimal(str(total)) == sum(figures)


def inside(folder: Path, *allow: str) -> Inside:
    return Inside(folder, Sources(allow=allow))


async def test_the_tool_answers_as_json_with_its_label(tmp_path: Path) -> None:
    """A count is ours; a column's name is text of the file and stays untrusted."""
    (tmp_path / "cats.csv").write_text(CATS)
    tool = CompanionTable(inside(tmp_path, "*.csv"))
    rows = await tool.call('{"path": "cats.csv", "ask": "rows"}')
    last = await tool.call('{"path": "cats.csv", "ask": "last"}')
    assert (rows.text, rows.label.integrity, rows.source) == ("3", Integrity.SYSTEM, "cats.csv")
    assert (last.text, last.label.integrity, last.label.origins) == ('"Hwt"', Integrity.UNTRUSTED, ("cats.csv",))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("[]", "expected an object"),
        ("{", "not JSON"),
        ('{"path": "cats.csv"}', "ask: is missing"),
        ('{"path": "cats.csv", "ask": 3}', "ask: expected a string"),
        ('{"path": "cats.csv", "ask": "rows", "sheet": 1}', "sheet: is not in the schema"),
        ('{"path": "cats.csv", "ask": "median:x"}', "Allowed: name, rows"),
        ('{"path": "../cats.csv", "ask": "rows"}', "no path inside"),
        ('{"path": "other.txt", "ask": "rows"}', "may not be read"),
        ('{"path": "gone.csv", "ask": "rows"}', "not there"),
    ],
)
async def test_a_bad_call_tells_the_model_what_to_mend(tmp_path: Path, arguments: str, message: str) -> None:
    """Bad JSON, a wrong schema, an unknown question or a path outside is a failure with words."""
    (tmp_path / "cats.csv").write_text(CATS)
    with pytest.raises(ToolFailure, match=message):
        await CompanionTable(inside(tmp_path, "*.csv")).call(arguments)


async def test_the_schema_is_what_the_tool_takes(tmp_path: Path) -> None:
    """The spec shown to models has exactly the two arguments."""
    spec = CompanionTable(inside(tmp_path)).spec
    assert (spec.name, [field.name for field in spec.arguments.fields]) == ("table", ["path", "ask"])
    assert orjson.dumps(spec)
