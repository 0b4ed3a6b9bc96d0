"""Item-F1 and Row-F1 of a table against a gold table, and a strict form of both. Pure.

The definition is WideSearch's (R. Wong et al., "WideSearch: Benchmarking Agentic Broad Info-Seeking", 2025), written
from the paper's text: column names without spaces and in lower case; every cell as text; of rows with the same key
the first counts; rows are joined where their keys are equal; a key cell of a joined row scores 1, any other by the
metric of its column. With k columns, TP_item the sum of cell scores and TP_row the sum over joined rows of their
least cell score:

    P_item = TP_item / (rows predicted * k)    R_item = TP_item / (rows of gold * k)
    P_row  = TP_row / rows predicted           R_row  = TP_row / rows of gold          F1 = 2 P R / (P + R)

The strict form drops nothing: a duplicate counts as predicted, and rows of one key are matched one to one, as they
fit best. So repeating a row costs precision.

Two tables without rows are equal (F1 = 1); an empty one against one with rows scores 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import inf
from urllib.parse import urlsplit

Row = Mapping[str, object]
Metric = Callable[[str, str], float]
"""(predicted, gold) -> score in [0, 1]."""


@dataclass(frozen=True, slots=True)
class F1:
    """Precision, recall and their harmonic mean, each in [0, 1]."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """One table against gold."""

    item: F1
    row: F1
    strict_item: F1
    strict_row: F1


def score(
    predicted: Sequence[Row],
    gold: Sequence[Row],
    *,
    columns: Sequence[str],
    key: Sequence[str],
    metrics: Mapping[str, Metric] | None = None,
) -> Score:
    """Score a table.

    Args:
        predicted: rows by column name; a column that is missing is an empty cell.
        gold: likewise.
        columns: those that count, key columns included.
        key: columns that name a row; some of `columns`.
        metrics: by column; `same` where none is named.

    Raises:
        ValueError: no key, or a key column that is none of `columns`.
    """
    names, keys = [norm_column(each) for each in columns], [norm_column(each) for each in key]
    if not keys or not set(keys) <= set(names):
        raise ValueError(f"the key {list(key)} must be some of the columns {list(columns)}")
    by = {norm_column(name): metric for name, metric in (metrics or {}).items()}
    said, true = _cells(predicted, names), _cells(gold, names)
    table = _Table(names, keys, by)
    return Score(*table.joined(table.first(said), table.first(true)), *table.matched(said, true))


def norm_column(name: str) -> str:
    """A column's name as it is compared: no white space, lower case."""
    return re.sub(r"\s+", "", name).lower()


def _cells(rows: Sequence[Row], names: Sequence[str]) -> list[dict[str, str]]:
    held = [{norm_column(name): value for name, value in row.items()} for row in rows]
    return [{name: _text(row.get(name)) for name in names} for row in held]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


@dataclass(frozen=True, slots=True)
class _Table:
    names: list[str]
    keys: list[str]
    metrics: Mapping[str, Metric]

    def key(self, row: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(norm_text(row[name]) for name in self.keys)

    def first(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        held: dict[tuple[str, ...], dict[str, str]] = {}
        for row in rows:
            held.setdefault(self.key(row), row)
        return list(held.values())

    def cells(self, said: Mapping[str, str], true: Mapping[str, str]) -> list[float]:
        """Scores of two rows with one key, by column."""
        return [
            1.0 if name in self.keys else self.metrics.get(name, same)(said[name], true[name]) for name in self.names
        ]

    def joined(self, said: list[dict[str, str]], true: list[dict[str, str]]) -> tuple[F1, F1]:
        """(item, row): keys are unique on both sides."""
        gold = {self.key(row): row for row in true}
        pairs = [(row, gold[self.key(row)]) for row in said if self.key(row) in gold]
        scored = [self.cells(*pair) for pair in pairs]
        return self._f1(sum(map(sum, scored)), sum(map(min, scored)), len(said), len(true))

    def matched(self, said: list[dict[str, str]], true: list[dict[str, str]]) -> tuple[F1, F1]:
        """(item, row), one to one: within a key as the rows fit best, for items and for rows each by itself."""
        items = rows = 0.0
        for key in dict.fromkeys(map(self.key, true)):
            mine = [row for row in said if self.key(row) == key]
            theirs = [row for row in true if self.key(row) == key]
            cells = [[self.cells(a, b) for b in theirs] for a in mine]
            items += best_sum([[sum(each) for each in line] for line in cells])
            rows += best_sum([[min(each) for each in line] for line in cells])
        return self._f1(items, rows, len(said), len(true))

    def _f1(self, items: float, rows: float, said: int, true: int) -> tuple[F1, F1]:
        if not said and not true:
            return F1(1.0, 1.0), F1(1.0, 1.0)
        if not said or not true:
            return F1(0.0, 0.0), F1(0.0, 0.0)
        width = len(self.names)
        return F1(items / (said * width), items / (true * width)), F1(rows / said, rows / true)


def best_sum(scores: Sequence[Sequence[float]]) -> float:
    """The largest sum of scores of pairs that share no row and no column (H. Kuhn 1955, with potentials)."""
    if not scores or not scores[0]:
        return 0.0
    if len(scores) > len(scores[0]):
        scores = [list(column) for column in zip(*scores, strict=True)]
    high, wide = len(scores), len(scores[0])
    left, right = [0.0] * (high + 1), [0.0] * (wide + 1)
    owner = [0] * (wide + 1)
    for row in range(1, high + 1):
        owner[0], at = row, 0
        slack, before, used = [inf] * (wide + 1), [0] * (wide + 1), [False] * (wide + 1)
        while owner[at]:
            used[at], nearest, to = True, inf, 0
            for column in range(1, wide + 1):
                if not used[column]:
                    cost = -scores[owner[at] - 1][column - 1] - left[owner[at]] - right[column]
                    if cost < slack[column]:
                        slack[column], before[column] = cost, at
                    if slack[column] < nearest:
                        nearest, to = slack[column], column
            for column in range(wide + 1):
                if used[column]:
                    left[owner[column]] += nearest
                    right[column] -= nearest
                else:
                    slack[column] -= nearest
            at = to
        while at:
            owner[at], at = owner[before[at]], before[at]
    return sum(scores[owner[column] - 1][column - 1] for column in range(1, wide + 1) if owner[column])


# ---------------------------------------------------------------- metrics of a cell


def norm_text(text: str) -> str:
    """Lower case without white space: how keys and texts are compared."""
    return re.sub(r"\s+", "", text).casefold()


def same(said: str, true: str) -> float:
    """Equal as text."""
    return float(norm_text(said) == norm_text(true))


def within(said: str, true: str) -> float:
    """One text holds the other."""
    one, other = norm_text(said), norm_text(true)
    return float(bool(one) and bool(other) and (one in other or other in one)) if one != other else 1.0


def near(share: float) -> Metric:
    """The first number of each, within this share of the gold one."""

    def metric(said: str, true: str) -> float:
        one, other = number(said), number(true)
        if one is None or other is None:
            return same(said, true)
        return float(abs(one - other) <= share * abs(other) + 1e-9)

    return metric


def url(said: str, true: str) -> float:
    """The same place: host without `www.`, path without a slash at its end."""
    return float(_place(said) == _place(true))


def day(said: str, true: str) -> float:
    """Within 31 days of each other, where both are dates; else equal as text."""
    one, other = _day(said), _day(true)
    if one is None or other is None:
        return same(said, true)
    return float(abs((one - other).days) <= 31)


def number(text: str) -> float | None:
    """The first number in a text, separators of thousands left out; a percent sign is a hundredth."""
    found = re.search(r"-?\d[\d,]*(?:\.\d+)?", text)
    if found is None:
        return None
    value = float(found.group().replace(",", ""))
    return value / 100 if text[found.end() :].lstrip().startswith("%") else value


def _place(text: str) -> str:
    text = text.strip().strip("[]()<>")
    parts = urlsplit(text if "//" in text else f"//{text}")
    host = (parts.hostname or "").removeprefix("www.")
    return f"{host}{parts.path.rstrip('/')}"


def _day(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%Y/%m/%d", "%d %B %Y", "%B %d, %Y", "%d.%m.%Y", "%Y-%m", "%Y/%m", "%B %Y"):
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    return None
