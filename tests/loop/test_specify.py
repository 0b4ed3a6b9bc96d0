"""Specify: what a spec may say, what a draft becomes. What is refused stands in tests/cli/test_bad_input.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.errors import SpecRefused
from strop.loop.specify import draft, drafted, specify
from strop.types.schema import Json
from strop.types.work import ColumnType, Conflict, Count, Kind

FULL = b"""---
deliver:
  - file: packages.csv
    rows: ">= 40"
    columns:
      name: text
      rows: {type: integer, quote: true, recompute: rows, ask: how many}
      evidence: quote
  - {file: audit.pdf, pages: ">= 4", sections: [Summary, Findings]}
  - {file: "charts/*.png", count: 3}
each: inputs/*.txt
companion: data/{stem}.csv
readers: 2
sources: {allow: ["inputs/**"], deny: ["inputs/secret/**"]}
valid: ["every value carries a quote"]
conflict: newest
budget: {agents: 30, tokens: 20M, input_tokens: 10M, output_tokens: 2M, usd: 0.5, minutes: 3}
ask_before: [write, send]
repairs: 0
---
# Packages

What is meant.
"""


def test_everything_a_spec_may_say_is_read() -> None:
    """Deliverables first, then units, sources, caps; the prose is kept."""
    spec = specify(FULL)
    table, report, charts = spec.outputs
    assert spec.title == "Packages"
    assert spec.prose.endswith("What is meant.")
    assert (table.kind, table.rows) == (Kind.CSV, Count(40, None))
    assert [(column.name, column.type, column.quote) for column in table.columns] == [
        ("name", ColumnType.TEXT, False),
        ("rows", ColumnType.INTEGER, True),
        ("evidence", ColumnType.QUOTE, True),
    ]
    assert table.columns[1].recompute == "rows"
    assert (report.sections, report.pages) == (("Summary", "Findings"), Count(4, None))
    assert (charts.file, charts.count) == ("charts/*.png", Count(3, 3))
    assert (spec.each, spec.companion, spec.readers, spec.repairs) == ("inputs/*.txt", "data/{stem}.csv", 2, 0)
    assert (spec.sources.deny, spec.conflict) == (("inputs/secret/**",), Conflict.NEWEST)
    assert (spec.budget.agents, spec.budget.tokens, spec.budget.nanos) == (30, 20_000_000, 500_000_000)
    assert (spec.budget.input_tokens, spec.budget.output_tokens) == (10_000_000, 2_000_000)
    assert (spec.budget.steps, spec.budget.minutes) == (4_000, 3.0)


def test_tokens_of_a_class_have_no_cap_unless_one_is_named() -> None:
    """0 is none, and is not to be written: it would read as a cap that lets nothing through."""
    plain = specify(FULL.replace(b"input_tokens: 10M, output_tokens: 2M, ", b"")).budget
    assert (plain.input_tokens, plain.output_tokens) == (0, 0)
    with pytest.raises(SpecRefused, match="line 17: output_tokens: 0 is no whole number from 1 to"):
        specify(FULL.replace(b"output_tokens: 2M", b"output_tokens: 0"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('c: {type: number, formula: "[a] *"}', "line 4: column c: formula '[a] *' ends where"),
        ('c: {type: number, formula: "[z]"}', "line 4: the formula of c names [z], which is no column"),
        ('c: {type: number, formula: "[c] + [a]"}', "line 4: the formula of c names c itself"),
        ('c: {type: number, formula: "[name]"}', "line 4: the formula of c names [name], which is text and no number"),
        ('c: {type: number, formula: "a * 2"}', "line 4: the formula of c names 'a', which is no function"),
        ('c: {formula: "[a]"}', "line 4: column c has a formula, and is text"),
        ('c: {type: number, formula: "[a]", quote: true}', "line 4: column c follows from a formula, and is asked"),
        ('c: {type: number, formula: "[d]"}, d: {type: number, formula: "[c]"}', "line 4: the formulas of c, d go"),
    ],
)
def test_a_formula_that_cannot_follow_is_refused_with_its_line(more: str, said: str) -> None:
    """What is no formula, names what is not there, or itself."""
    text = f"---\ndeliver:\n  - file: a.csv\n    columns: {{name: text, a: number, {more}}}\n---\n# T\n"
    with pytest.raises(SpecRefused) as refused:
        specify(text.encode())
    assert str(refused.value).startswith(said)


def test_totals_need_numbers() -> None:
    """But for a count; `from` may leave the columns out."""
    text = "---\ndeliver:\n  - {file: a.csv, columns: {name: text}, totals: {name: sum}}\n---\n# T\n"
    with pytest.raises(SpecRefused, match=r"line 3: a\.csv: totals asks for the sum of name, which is text"):
        specify(text.encode())
    assert specify(text.replace("sum", "count").encode()).outputs[0].totals == (("name", "count"),)
    assert specify(b"---\ndeliver: [{file: a.csv, from: inputs/b.csv}]\n---\n# T\n").made == ()


def test_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    """A spec from any editor is the same spec."""
    assert specify(b"\xef\xbb\xbf" + FULL.replace(b"\n", b"\r\n")) == specify(FULL)


def test_a_question_is_read_by_whoever_knows_the_tables() -> None:
    """Its refusal gets the column's line."""

    def asks(text: str) -> object:
        raise SpecRefused(f"{text!r} is no question")

    with pytest.raises(SpecRefused, match="line 7: 'rows' is no question") as refused:
        specify(FULL, asks=asks)
    assert refused.value.line == 7


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_are_a_spec_or_are_refused(body: bytes) -> None:
    """Nothing else escapes, also behind a front matter's first line."""
    for text in (body, b"---\n" + body + b"\n---\n", b"---\ndeliver: " + body + b"\n---\n"):
        try:
            specify(text)
        except SpecRefused as caught:
            assert str(caught)


def test_a_wish_fills_the_form() -> None:
    """In one line, cut at a title's length."""
    assert draft("compare\n  the libraries", form="# {{title}}") == "# compare the libraries"
    assert len(draft("x " * 500, form="{{title}}")) == 120


def test_what_a_planner_drafts_is_read_by_our_own_parser() -> None:
    """Columns become quoted text, sections a document; what is no spec is refused."""
    table: Json = {"file": "a.csv", "columns": ["town", "year"], "sections": []}
    report: Json = {"file": "b.pdf", "columns": [], "sections": ["Summary"]}
    spec = specify(drafted("when were they founded", answer={"deliver": [table, report], "prose": "More."}).encode())
    assert [output.file for output in spec.outputs] == ["a.csv", "b.pdf"]
    assert [column.quote for column in spec.outputs[0].columns] == [True, True]
    assert spec.title == "when were they founded"
    twice: Json = {"deliver": [table, table], "prose": ""}
    with pytest.raises(SpecRefused, match="appears twice"):
        drafted("x", answer=twice)
