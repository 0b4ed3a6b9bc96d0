"""Does a cell's text, or a value, have the form of its column's type?"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

from strop.checking.quotes import as_number
from strop.types.content import Scalar
from strop.types.work import ColumnType


def has_form(kind: ColumnType, cell: str) -> bool:
    """Whether a cell's text reads as a value of this type."""
    return _FORMS[kind](cell)


def fits(kind: ColumnType, value: Scalar) -> bool:
    """Whether a value that somebody said can be one of this type; numbers may come as text that spells one."""
    match kind:
        case ColumnType.TEXT | ColumnType.QUOTE:
            return value is not None
        case ColumnType.BOOLEAN:
            return isinstance(value, bool)
        case ColumnType.DATE:
            return isinstance(value, str) and _date(value)
        case ColumnType.INTEGER:
            figure = as_number(value)
            return figure is not None and figure == figure.to_integral_value()
        case ColumnType.NUMBER | ColumnType.DECIMAL:
            return as_number(value) is not None


def _finite(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def _date(cell: str) -> bool:
    for form in (date.fromisoformat, datetime.fromisoformat):
        try:
            form(cell)
        except ValueError:
            continue
        return True
    return False


def _filled(cell: str) -> bool:
    return bool(cell.strip())


_FORMS: Mapping[ColumnType, Callable[[str], bool]] = {
    ColumnType.TEXT: _filled,
    ColumnType.QUOTE: _filled,
    ColumnType.INTEGER: lambda cell: re.fullmatch(r"-?[0-9]+", cell) is not None,
    ColumnType.NUMBER: _finite,
    ColumnType.DECIMAL: lambda cell: re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell) is not None,
    ColumnType.DATE: _date,
    ColumnType.BOOLEAN: lambda cell: cell.lower() in ("true", "false"),
}
