"""The metric of tables: what it is indifferent to, what it punishes, and its figures by hand."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widesearch_metric import F1, Score, best_sum, day, near, score, url, within

COLUMNS = ("name", "year", "town")
KEY = ("name",)
Rows = list[dict[str, str]]
GOLD: Rows = [
    {"name": "Alder", "year": "1901", "town": "Elm"},
    {"name": "Birch", "year": "1902", "town": "Fir"},
    {"name": "Cedar", "year": "1903", "town": "Oak"},
]
tables = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(["a", "b", "c", "d e"]) for name in COLUMNS}), max_size=6
)


def of(said: Rows, gold: Rows = GOLD) -> Score:
    return score(said, gold, columns=COLUMNS, key=KEY)


@given(tables, tables, st.randoms(use_true_random=False))
def test_the_order_of_strict_rows_and_of_columns_says_nothing(said: Rows, gold: Rows, chance: random.Random) -> None:
    """Shuffled rows and columns score the same, in the strict form whatever their keys are."""
    one, other = of(said, gold), of(_shuffled(said, chance), _shuffled(gold, chance))

    assert one.strict_item.f1 == pytest.approx(other.strict_item.f1)
    assert one.strict_row.f1 == pytest.approx(other.strict_row.f1)
    if len({row["name"] for row in said}) == len(said) and len({row["name"] for row in gold}) == len(gold):
        assert (one.item.f1, one.row.f1) == (pytest.approx(other.item.f1), pytest.approx(other.row.f1))


@given(tables)
def test_a_table_is_equal_to_itself(rows: Rows) -> None:
    """Perfect is 1 in every form, with duplicate keys too, and an empty table equals an empty one."""
    marks = of(rows, rows)

    assert marks.item.f1 == marks.row.f1 == 1.0
    assert (marks.strict_item.f1, marks.strict_row.f1) == (1.0, 1.0)


@given(tables, tables)
def test_no_score_leaves_its_bounds_and_a_row_is_never_better_than_its_cells(said: Rows, gold: Rows) -> None:
    """All in [0, 1]; the least cell of a row is at most their mean."""
    marks = of(said, gold)

    for item, row in ((marks.item, marks.row), (marks.strict_item, marks.strict_row)):
        assert 0 <= row.f1 <= item.f1 + 1e-9 <= 1 + 1e-9


@given(tables, st.integers(1, 4))
def test_repeating_a_row_costs_precision_in_the_strict_form_only(rows: Rows, times: int) -> None:
    """The published form drops duplicates of a key; the strict one counts each as predicted."""
    gold = list({row["name"]: row for row in rows}.values())
    if not gold:
        return
    plain, padded = of(gold, gold), of(gold + gold[:1] * times, gold)

    assert (padded.item, padded.row) == (plain.item, plain.row)
    assert padded.strict_item.precision == pytest.approx(len(gold) / (len(gold) + times))
    assert padded.strict_item.recall == 1.0


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=4, max_size=4), max_size=4))
def test_the_best_matching_is_the_best_of_all(scores: list[list[float]]) -> None:
    """Against every matching there is."""
    every = (
        sum(line[at] for line, at in zip(scores, chosen, strict=True)) for chosen in permutations(range(4), len(scores))
    )

    assert best_sum(scores) == best_sum([list(column) for column in zip(*scores, strict=True)]) == max(every)


def test_the_figures_by_hand() -> None:
    """Two of three rows found, one with a wrong cell, one row too many: 5 cells of 9 on both sides, 1 row of 3."""
    said = [GOLD[0], {**GOLD[1], "town": "Ash"}, {"name": "Dogwood", "year": "1904", "town": "Yew"}]

    marks = of(said)

    assert (marks.item, marks.row) == (F1(5 / 9, 5 / 9), F1(1 / 3, 1 / 3))
    assert marks.item.f1 == pytest.approx(5 / 9)


@pytest.mark.parametrize(
    "said", [[], [{"name": "Yew", "year": "1901", "town": "Elm"}]], ids=["empty", "no-key-matches"]
)
def test_nothing_found_is_nothing(said: Rows) -> None:
    """No row, or none whose key is in gold."""
    marks = of(said)

    assert (marks.item.f1, marks.row.f1, marks.strict_item.f1, marks.strict_row.f1) == (0, 0, 0, 0)


def test_names_of_columns_and_cells_are_compared_without_case_and_spaces() -> None:
    """`Town Name` and `townname`, ` ELM ` and `elm`."""
    marks = score(
        [{"N ame": " alder ", "TOWN": "E lm"}], [{"name": "Alder", "town": "elm"}], columns=("name", "Town"), key=KEY
    )

    assert marks.row.f1 == 1.0


def test_a_missing_column_is_an_empty_cell() -> None:
    """The key is right, the two other cells are not there."""
    marks = of([{"name": "Alder"}], GOLD[:1])

    assert (marks.item.precision, marks.row.f1) == (pytest.approx(1 / 3), 0.0)


def test_a_key_that_is_no_column_is_refused() -> None:
    """Rather than every row matching every other."""
    with pytest.raises(ValueError, match="must be some of the columns"):
        score([], [], columns=("name",), key=("id",))


@pytest.mark.parametrize(
    ("metric", "said", "true", "mark"),
    [
        (near(0.1), "about 1,090 men", "1000", 1.0),
        (near(0.1), "1,110", "1000", 0.0),
        (near(0.0), "12%", "0.12", 1.0),
        (near(0.1), "none", "None", 1.0),
        (within, "Elm Street", "elm", 1.0),
        (within, "", "elm", 0.0),
        (url, "https://www.a.org/x/", "http://a.org/x", 1.0),
        (url, "https://a.org/x", "https://b.org/x", 0.0),
        (day, "2020-01-01", "1 January 2020", 1.0),
        (day, "2020-01-01", "2020-03-01", 0.0),
    ],
)
def test_cells_by_their_metric(metric: object, said: str, true: str, mark: float) -> None:
    """Each metric at its border."""
    assert callable(metric)
    assert metric(said, true) == mark


def _shuffled(rows: Rows, chance: random.Random) -> Rows:
    turned = [dict(chance.sample(list(row.items()), len(row))) for row in rows]
    return chance.sample(turned, len(turned))
