"""The deck of a run: its slides from judged values, within the bounds that were ordered, and a maker's deck."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strop.drafting.answers import answer_keys, making_schema, told
from strop.drafting.charts import charts
from strop.drafting.decks import FIRST_ROWS, deck, made_deck, takeaway
from strop.drafting.tables import grid
from strop.types.content import (
    Block,
    Bullets,
    Callout,
    Cell,
    Chart,
    ChartKind,
    Deck,
    Figure,
    Heading,
    Paragraph,
    Point,
    Scalar,
    Standing,
    Table,
)
from strop.types.schema import Json, parse_schema, to_json_schema, validate
from strop.types.trial import Finding, Severity, Value, Verdict
from strop.types.work import NOTHING, Column, ColumnType, Count, Kind, Output, Plan, Quote, Spec, UnitKey

COLUMNS = (Column("well", ColumnType.TEXT), Column("depth", ColumnType.INTEGER), Column("water", ColumnType.TEXT))
ROWS = tuple(UnitKey(f"w{number:02}") for number in range(14))
CSV = Output("wells.csv", Kind.CSV, COLUMNS)
QUOTE = Quote(1, 1, 1, 1, NOTHING, NOTHING, NOTHING, "swarm", ())


def plan_of(output: Output) -> Plan:
    spec = Spec("Wells", (CSV, output), each="inputs/*.txt")
    return Plan("The wells", spec, "Depth and water of each well.", (), (), (), QUOTE)


def judged_as(row: UnitKey, field: str, value: Scalar, standing: Standing) -> Value:
    return Value(row, field, value, standing, ())


def judged() -> tuple[Value, ...]:
    """Fourteen wells; one depth is not verified, one was refuted."""
    made: list[Value] = []
    for number, row in enumerate(ROWS):
        depth = Standing.UNVERIFIED if number == 3 else Standing.REFUTED if number == 4 else Standing.ACCEPTED
        made.append(judged_as(row, "well", f"Well {number}", Standing.ACCEPTED))
        made.append(judged_as(row, "depth", None if number == 4 else 10 + number, depth))
        made.append(judged_as(row, "water", "hard", Standing.ACCEPTED))
    return tuple(made)


UNCHECKED = "No refuting model ran."
FOUND = Finding("disagreement", "wells", "w01.depth", "11", "12.", "depth", Severity.FLAW)
VERDICT = Verdict(True, judged(), (FOUND,), (UNCHECKED,))


def drafted(output: Output) -> Deck:
    values = grid(VERDICT.values)
    figures = charts(columns=COLUMNS, rows=ROWS, values=values, count=3)
    return deck(plan_of(output), verdict=VERDICT, rows=ROWS, values=values, figures=figures, output=output)


def titles(made: Deck) -> list[str]:
    return [slide.title for slide in made.slides]


def words(blocks: tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        match block:
            case Paragraph():
                yield from (one.text for one in block.sentences)
            case Bullets():
                yield from (one.text for one in block.items)
            case Heading() | Callout():
                yield block.text
            case _:
                pass


def test_a_deck_says_what_was_found_and_what_nobody_checked() -> None:
    """Summary first, a slide a chart with its sentence, then table, findings and what is open."""
    made = drafted(Output("deck.pptx", Kind.PPTX))
    assert titles(made) == [
        "Summary",
        "How the gate judged each field",
        "Depth",
        "Findings",
        "The table",
        "Not verified",
    ]
    by_title = {slide.title: slide for slide in made.slides}
    assert "14 units read for 3 fields, 42 values in all." in list(words(by_title["Summary"].blocks))
    assert next(one.text for one in by_title["Summary"].notes).endswith("Depth and water of each well.")
    assert list(words(by_title["Depth"].blocks)) == ["w13 has the most, 23; w00 has the least, 10; the median is 17."]
    assert "w01.depth: expected 11, observed 12." in list(words(by_title["Findings"].blocks))
    assert UNCHECKED in list(words(by_title["Not verified"].blocks))
    assert "w03, depth: 13" in list(words(by_title["Not verified"].blocks))


def test_a_deck_shows_the_first_rows_and_names_the_file_of_all() -> None:
    """Ten rows of fourteen, without the column that only names what the marks show."""
    slide = next(slide for slide in drafted(Output("deck.pptx", Kind.PPTX)).slides if slide.title == "The table")
    table = next(block for block in slide.blocks if isinstance(block, Table))
    assert (len(table.rows), [head.name for head in table.heads]) == (FIRST_ROWS, ["well", "depth", "water"])
    assert list(words(slide.blocks)) == ["The first 10 of 14 rows; all of them stand in wells.csv."]


def test_sections_are_titles_in_their_order() -> None:
    """What was ordered comes first and in order; a section that nobody can write says so; Sources is the renderer's."""
    output = Output("deck.pptx", Kind.PPTX, sections=("Findings", "Outlook", "Sources"))
    made = drafted(output)
    assert titles(made)[0] == "Findings"
    assert [name for name in titles(made) if name in output.sections] == ["Findings", "Outlook"]
    outlook = next(slide for slide in made.slides if slide.title == "Outlook")
    assert list(words(outlook.blocks)) == ["Nothing was written for Outlook: it needs a writing model."]


@pytest.mark.parametrize(
    ("bounds", "slides"), [(Count(12, None), 12), (Count(16, 16), 16), (Count(None, 5), 5), (Count(4, 4), 4)], ids=str
)
def test_bounds_are_kept(bounds: Count, slides: int) -> None:
    """Title and sources counted: short decks leave out, long ones add a slide a unit."""
    made = drafted(Output("deck.pptx", Kind.PPTX, slides=bounds))
    assert len(made.slides) + 2 == slides
    assert titles(made)[0] == "Summary"


def test_ordered_charts_are_kept_where_slides_are_few() -> None:
    """Six slides with two charts: the charts stay, other slides go."""
    made = drafted(Output("deck.pptx", Kind.PPTX, slides=Count(6, 6), charts=Count(2, None)))
    assert len(made.slides) + 2 == 6
    assert sum(isinstance(block, Figure) for slide in made.slides for block in slide.blocks) == 2


def points(*values: float | None, series: str = "", numeric: bool = False) -> tuple[Point, ...]:
    return tuple(Point(float(n) if numeric else f"p{n}", Cell(value), series) for n, value in enumerate(values))


@pytest.mark.parametrize(
    ("kind", "held", "said"),
    [
        (ChartKind.BAR, points(3, 9, None, 1), "p1 has the most, 9; p3 has the least, 1; the median is 3."),
        (ChartKind.BAR, points(5, 5, 1), "p0 and p1 have the most, 5; p2 has the least, 1; the median is 5."),
        (ChartKind.BAR, points(4, 4, 4), "All 3 have 4."),
        (ChartKind.BAR, points(9, 1, 1, 1), "p0 has the most, 9; 3 have the least, 1; the median is 1."),
        (ChartKind.BAR, points(3), None),
        (ChartKind.LINE, points(2, 5, 1.5, numeric=True), "From 0 to 2 it falls: 2 to 1.5."),
        (ChartKind.SCATTER, points(2, 8, 4, numeric=True), "3 values from 2 to 8, half of them below 4."),
        (
            ChartKind.STACKED,
            (*points(3, 1, series="accepted"), *points(1, 3, series="open")),
            "4 of 8 (50%) are accepted; the smallest share is that of p1 (1 of 4).",
        ),
        (
            ChartKind.STACKED,
            (*points(2, 2, series="accepted"), *points(2, 2, series="open")),
            "4 of 8 (50%) are accepted.",
        ),
        (ChartKind.STACKED, points(0, 0, series="accepted"), None),
    ],
    ids=range(10),
)
def test_a_chart_in_one_sentence(kind: ChartKind, held: tuple[Point, ...], said: str | None) -> None:
    """Computed from the values; equals are named together, and one value is nothing to compare."""
    sentence = takeaway(Chart("c", kind, "t", "x", "y", held))
    assert (sentence.text if sentence else None) == said


# ---------------------------------------------------------------- a maker's

ORDERED = Output("talk/deck.pptx", Kind.PPTX, slides=Count(8, None), sections=("Depths", "Sources"))
KEY = answer_keys([ORDERED])[ORDERED.file]


def leaf(value: Json) -> Json:
    return {"value": value, "source": "inputs/a.txt", "quote": str(value)}


ANSWER: Json = {
    "slides": [
        {"title": "Depths", "bullets": [leaf("Deep."), leaf("Wrong.")], "chart": "depths", "notes": [leaf("Slowly.")]},
        {"title": "Gone", "bullets": [leaf("Also wrong.")], "chart": None, "notes": []},
        {"title": "Sources", "bullets": [leaf("made up")], "chart": None, "notes": []},
    ],
    "charts": [
        {"name": name, "kind": "bar", "title": name, "x_title": "well", "y_title": "m", "points": [
            {"x": "a", "y": leaf(3)}, {"x": "b", "y": leaf(4)}]}
        for name in ("depths", "other")
    ],
}  # fmt: skip


def test_what_a_maker_answers_fits_what_it_was_asked() -> None:
    """The answer below is one that the schema takes."""
    schema = making_schema([ORDERED], keys={ORDERED.file: KEY})
    assert validate(schema, {KEY: ANSWER}) == ()
    assert parse_schema(to_json_schema(schema)) == schema


def test_a_makers_deck_has_only_judged_leaves() -> None:
    """What was refuted is not on a slide; charts stand where they are named, others on slides of their own."""
    at = UnitKey(f"{KEY}.slides[0]")
    held = [
        judged_as(at, "bullets[0]", "Deep.", Standing.ACCEPTED),
        judged_as(at, "bullets[1]", None, Standing.REFUTED),
        judged_as(at, "notes[0]", "Slowly.", Standing.UNVERIFIED),
        *(
            judged_as(UnitKey(f"{KEY}.charts[{chart}].points[{point}]"), "y", 3 + point, Standing.ACCEPTED)
            for chart in (0, 1)
            for point in (0, 1)
        ),
    ]
    verdict = Verdict(True, tuple(held), (), (UNCHECKED,))
    made = made_deck(ORDERED, key=KEY, title="T", answer=ANSWER, values=grid(held), verdict=verdict)
    assert titles(made) == ["Depths", "Gone", "other", "What was checked"]
    depths, gone, other, checked = made.slides
    assert list(words(depths.blocks)) == ["Deep."]
    assert [one.text for one in depths.notes] == ["Slowly."]
    assert [block.chart.name for block in depths.blocks if isinstance(block, Figure)] == ["depths"]
    assert list(words(gone.blocks)) == ["All that stood here was taken out by the gate."]
    assert any(isinstance(block, Figure) for block in other.blocks)
    assert UNCHECKED in list(words(checked.blocks))


def test_a_maker_is_told_of_the_deck() -> None:
    """How many slides, which titles, and what is added for it."""
    said = told([ORDERED], keys={ORDERED.file: KEY})
    assert "a deck of >= 8 slides, with slides titled Depths; a title slide" in said
