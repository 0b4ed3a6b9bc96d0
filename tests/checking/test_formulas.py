"""Formulas: the language, what it refuses, and workbooks whose figures an evaluator of its own comes to."""

from __future__ import annotations

import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from strop.checking.formulas import recalculated
from strop.drafting.derived import computed, in_order, steps, totals
from strop.errors import BadInput
from strop.renderers.xlsx_file import XlsxFile
from strop.types.content import Cell, Head, Part, Scalar, Table
from strop.types.formulas import Reference, columns, evaluate, figure, parse, references, same_figure, to_excel
from strop.types.work import Column, ColumnType

CLAIMS = {"c1": Decimal(3), "c2": Decimal("4.5"), "c3": Decimal(0), "c4": None}


def come(text: str) -> Decimal | None:
    return evaluate(parse(text), lambda leaf: CLAIMS[leaf.name] if isinstance(leaf, Reference) else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c1 + c2 * 2", "12"),
        ("(c1 + c2) * 2", "15"),
        ("-c1 - -c2", "1.5"),
        ("c1 / 4 / 2", "0.375"),
        ("mean(c1, c2)", "3.75"),
        ("median(c1, c2, c3)", "3"),
        ("min(c1, c2, c3)", "0"),
        ("max(c1, c2)", "4.5"),
        ("sum(c1, c2)", "7.5"),
        ("count(c1, c2)", "2"),
        ("growth(c2, c1)", "0.5"),
        ("round(c2)", "5"),
        ("round(-c2)", "-5"),
        ("round(c2 / c1 / 9, 3)", "0.167"),
        ("abs(c1 - c2)", "1.5"),
        ("c1 / c3", None),
        ("growth(c1, c3)", None),
        ("c1 + c4", None),
        ("mean(c1, c4)", None),
    ],
)
def test_figures_follow_exactly(text: str, expected: str | None) -> None:
    """Decimals, halves away from zero; nothing where an input is missing or something is divided by zero."""
    assert come(text) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ends where a number"),
        ("c1 +", "ends where a number"),
        ("(c1", "ends where a closing bracket"),
        ("c1 c2", "expected an operator at character 4"),
        ("power(c1)", "no function 'power'. There are: sum"),
        ("growth(c1)", "growth takes 2 arguments, not 1"),
        ("round(c1, c2)", "whole number of places"),
        ("c1 ; c2", "';"),
        ("__import__('os')", "is unknown"),
        ("[a", "is unknown"),
        ("((((((((((((((((((((((((((((((((((((((((((1", "more than 40 brackets"),
        ("1+" * 300 + "1", "at most 500 characters"),
        ("\u0663", "is unknown"),
    ],
)
def test_what_is_no_formula_is_refused(text: str, said: str) -> None:
    """With what is wrong and where; nothing is ever run."""
    with pytest.raises(BadInput, match=re.escape(said)):
        parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_is_refused(text: str) -> None:
    """Nothing else escapes, and what is read names only what stands in it."""
    try:
        found = parse(text)
    except BadInput:
        return
    assert all(name in text for name in columns(found) | references(found))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("[a] * [b] + 1", "A2*B2+1"),
        ("[a] - ([b] - 1)", "A2-(B2-1)"),
        ("[a] / ([b] * 2)", "A2/(B2*2)"),
        ("-([a] + 1) * 2", "(-(A2+1))*2"),
        ("[a] / sum([a])", "A2/SUM($A$2:$A$9)"),
        ("mean([a], [b])", "AVERAGE(A2,B2)"),
        ("[a] * growth([a], [b])", "A2*((A2-B2)/B2)"),
        ("round([a])", "ROUND(A2,0)"),
        ("count([a])", "COUNTA($A$2:$A$9)"),
    ],
)
def test_formulas_are_printed_for_spreadsheets(text: str, printed: str) -> None:
    """With brackets where they change the figure, and nowhere else."""
    made = to_excel(parse(text), cell=lambda n: f"{n.upper()}2", whole=lambda n: f"${n.upper()}$2:${n.upper()}$9")
    assert made == printed


# ---------------------------------------------------------------- columns

NUMBER, TEXT = ColumnType.NUMBER, ColumnType.TEXT


@pytest.mark.parametrize(
    ("formulas", "said"),
    [
        ({"c": "[c] + 1"}, "names c itself"),
        ({"c": "[d]", "d": "[c]"}, "go in a circle"),
        ({"c": "[z]"}, r"names \[z\], which is no column"),
        ({"c": "[name] * 2"}, "which is text and no number"),
        ({"c": "1 + 1"}, "names no column"),
    ],
)
def test_formulas_that_cannot_follow_are_refused(formulas: dict[str, str], said: str) -> None:
    """Itself, a circle, what is not there, what is no number, and what needs no column at all."""
    given = (Column("name", TEXT), Column("a", NUMBER))
    with pytest.raises(BadInput, match=said):
        in_order((*given, *(Column(name, NUMBER, formula=text) for name, text in formulas.items())))


def test_formulas_follow_from_each_other_in_any_order() -> None:
    """A column may come before what it needs; whole columns pass over what is missing."""
    wanted = (
        Column("share", NUMBER, formula="round([total] / sum([total]), 2)"),
        Column("a", NUMBER),
        Column("total", NUMBER, formula="[a] * 2"),
    )
    rows: list[list[Scalar]] = [[None, 1, None], [None, 3, None], [None, None, None]]
    made = steps(wanted, lambda: rows)
    names = [column.name for column in wanted]
    assert [computed(row, made, names) for row in rows] == [[0.25, 1, 2], [0.75, 3, 6], [None, None, None]]


# ---------------------------------------------------------------- workbooks


def book(formula: str, rows: list[list[Scalar]], to: Path, wanted: tuple[tuple[str, str], ...] = ()) -> list[Scalar]:
    """A workbook with the columns a, b and a computed one; what was computed comes back."""
    asked = (Column("a", NUMBER), Column("b", NUMBER), Column("made", NUMBER, formula=formula))
    given: list[list[Scalar]] = [[*row, None] for row in rows]
    made = steps(asked, lambda: given)
    filled = [computed(row, made, ["a", "b", "made"]) for row in given]
    heads = tuple(Head(column.name, column.type, column.formula or "") for column in asked)
    body = tuple(tuple(Cell(value) for value in row) for row in filled)
    table = Table("it's a table", heads, body, totals=totals(heads, body, wanted))
    XlsxFile().render(Part("book.xlsx", (table,)), to=to)
    return [row[2] for row in filled]


_LEAF = st.sampled_from(["[a]", "[b]", "2", "0.25", "sum([a])", "mean([b])", "median([a])", "max([b])", "count([a])"])
_TEXT = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(" ".join),
        inner.map(lambda part: f"-({part})"),
        st.tuples(inner, inner).map(lambda parts: f"growth({parts[0]}, {parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"min({parts[0]}, {parts[1]})"),
        inner.map(lambda part: f"round({part}, 3)"),
        inner.map(lambda part: f"abs({part})"),
    ),
    max_leaves=6,
)
_VALUE = st.none() | st.integers(-1_000, 1_000) | st.decimals(-1_000, 1_000, places=2).map(float)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    _TEXT.map(lambda text: f"[a] * 0 + {text}"), st.lists(st.tuples(_VALUE, _VALUE).map(list), min_size=1, max_size=4)
)
def test_two_evaluators_come_to_the_same(tmp_path: Path, text: str, rows: list[list[Scalar]]) -> None:
    """What we compute from the order is what a reader of the workbook computes from its formulas."""
    made = book(text, rows, tmp_path / "book.xlsx")
    again = recalculated((tmp_path / "book.xlsx").read_bytes())
    assert len(again) == sum(1 for value in made if value is not None)
    for each in again:
        expected = figure(made[int(each.cell[1:]) - 2])
        close = each.figure is not None and expected is not None and abs(each.figure - expected) < Decimal("1e-6")
        assert not each.unknown
        assert same_figure(each.figure, expected) or close, (each, expected)


ROWS: list[list[Scalar]] = [[1, 4], [2.5, 0], [None, 3], [10_000, -7]]
TOTALS = (("a", "sum"), ("b", "mean"), ("a", "median"), ("b", "min"), ("a", "max"), ("a", "count"), ("made", "sum"))


def test_a_changed_figure_is_found_at_its_cell(tmp_path: Path) -> None:
    """The figure in the file's cache, or the formula beside it."""
    path = tmp_path / "book.xlsx"
    book("[a] / sum([a])", ROWS, path, TOTALS)
    assert [each.cell for each in recalculated(path.read_bytes()) if not each.holds] == []
    for old, new, cell in (("<v>10003.5</v>", "<v>10003</v>", "D2"), ("MEDIAN(", "AVERAGE(", "D4")):
        wrong = changed(path, tmp_path / "wrong.xlsx", old, new)
        assert [(each.sheet, each.cell) for each in recalculated(wrong) if not each.holds] == [("Totals", cell)]


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    """A function of somebody else's workbook is not passed over."""
    path = tmp_path / "book.xlsx"
    book("[a] + [b]", ROWS, path, (("a", "sum"),))
    found = recalculated(changed(path, tmp_path / "wrong.xlsx", "SUM(", "NPV("))
    assert [each.unknown for each in found if each.sheet == "Totals"] == ["the function NPV is not known here"]


def changed(path: Path, to: Path, old: str, new: str) -> bytes:
    """The workbook with a text in its sheets said otherwise."""
    hits = 0
    with ZipFile(path) as source, ZipFile(to, "w") as target:
        for name in source.namelist():
            body = source.read(name)
            if name.startswith("xl/worksheets/"):
                hits += body.count(old.encode())
                body = body.replace(old.encode(), new.encode())
            target.writestr(name, body)
    assert hits, f"nothing says {old}"
    return to.read_bytes()


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice (soffice) is not installed")
def test_an_office_comes_to_the_same(tmp_path: Path) -> None:
    """LibreOffice computes every formula anew, from figures taken out of the file, to what the file had shown."""
    path, bare = tmp_path / "book.xlsx", tmp_path / "bare.xlsx"
    made = book("round([a] / sum([a]) + growth([a], [b]) - abs(-[b]) * mean([a], [b]), 6)", ROWS, path, TOTALS)
    shown = {(each.sheet, each.cell): each.shown for each in recalculated(path.read_bytes())}
    assert len(shown) == sum(value is not None for value in made) + len(TOTALS)
    with ZipFile(path) as source, ZipFile(bare, "w") as target:
        for name in source.namelist():
            body = source.read(name)
            target.writestr(name, re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", body))
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--convert-to",
         "xlsx:Calc MS Excel 2007 XML", "--outdir", str(tmp_path / "out"), str(bare)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    computed_there = load_workbook(tmp_path / "out" / "bare.xlsx", data_only=True)
    there = {(sheet, cell): computed_there[sheet][cell].value for sheet, cell in shown}
    for place, value in shown.items():
        assert there[place] == pytest.approx(value, rel=1e-12), place
