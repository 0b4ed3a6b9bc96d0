"""Charts from judged values: the figures of numeric columns, and how the gate judged each field."""

from __future__ import annotations

from collections.abc import Sequence

from strop.drafting.tables import Grid, cell
from strop.types.content import Cell, Chart, ChartKind, Point, Standing
from strop.types.work import Column, ColumnType, UnitKey

MOST_BARS = 20
NUMERIC = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.DECIMAL)
JUDGED = (Standing.ACCEPTED, Standing.CORRECTED, Standing.UNVERIFIED, Standing.REFUTED)


def charts(*, columns: Sequence[Column], rows: Sequence[UnitKey], values: Grid, count: int) -> tuple[Chart, ...]:
    """At most `count` charts: standing by field first, then numeric columns in the order of the spec."""
    made = [standing_chart(columns, rows, values)]
    numeric = [column for column in columns if column.type in NUMERIC]
    made += [bars(column, rows, values) for column in numeric if column.compute is None]
    made += [bars(column, rows, values) for column in numeric if column.compute is not None]
    return tuple(made[:count])


def standing_chart(columns: Sequence[Column], rows: Sequence[UnitKey], values: Grid) -> Chart:
    """How many values of each field were accepted, corrected, left unverified or taken out."""
    points: list[Point] = []
    for column in columns:
        for standing in JUDGED:
            number = sum(
                1 for row in rows if (v := values.get((row, column.name))) is not None and v.standing is standing
            )
            points.append(Point(column.name, Cell(number), series=str(standing)))
    return Chart(
        name="standing_by_field",
        kind=ChartKind.STACKED,
        title="How the gate judged each field",
        x_title="Field",
        y_title="Values",
        points=tuple(points),
    )


def bars(column: Column, rows: Sequence[UnitKey], values: Grid) -> Chart:
    """One numeric column, largest first, at most twenty rows."""
    held = [(row, cell(values.get((row, column.name)))) for row in rows]
    numbers = [(row, each, float(str(each.value))) for row, each in held if _numeric(each.value)]
    numbers.sort(key=lambda item: (-item[2], item[0]))
    shown = numbers[:MOST_BARS]
    sizes = [number for _, _, number in shown if number > 0]
    wide = len(sizes) > 2 and len(sizes) == len(shown) and max(sizes) / min(sizes) > 100
    more = f" (largest {MOST_BARS} of {len(numbers)})" if len(numbers) > MOST_BARS else ""
    return Chart(
        name=f"{column.name}_by_unit",
        kind=ChartKind.BAR,
        title=f"{column.name.replace('_', ' ').capitalize()}{more}",
        x_title="Unit",
        y_title=column.name.replace("_", " ") + (" (log scale)" if wide else ""),
        points=tuple(Point(row, each) for row, each, _ in shown),
        log_y=wide,
    )


def _numeric(value: object) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    try:
        float(str(value))
    except ValueError:
        return False
    return True
