"""JSON Lines: one object a row, `{"COLUMN": VALUE}`, in UTF-8 with LF.

Decimals and dates are text, so that no digit is lost; what is missing is null. The file holds values
and nothing else; what they rest on stands in `claims.csv`, or in a JSON beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from strop.renderers.cells import checked_rows, clean
from strop.renderers.streamed import distinct_names, only_table, written
from strop.types.content import Part, Scalar
from strop.types.work import Kind

if TYPE_CHECKING:
    from strop.seams import Renderer

_WHOLE = 2**63
"""orjson writes whole numbers below this."""


@dataclass(frozen=True, slots=True)
class JsonlFile:
    """One table as lines of JSON; an empty table is an empty file."""

    @property
    def kind(self) -> Kind:
        return Kind.JSONL

    def render(self, part: Part, *, to: Path) -> None:
        """Write the part's one table.

        Raises:
            BadInput: the part is not exactly one table, two columns of one name, or a number is not finite.
        """
        table = only_table(part, form="JSONL")
        names = distinct_names(table, file=part.file)
        with written(to) as file:
            for row in checked_rows(table, part.file):
                line = {name: _value(cell.value) for name, cell in zip(names, row, strict=True)}
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _value(value: Scalar) -> Scalar:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and abs(value) >= _WHOLE:
        return str(value)
    return value


if TYPE_CHECKING:

    def _fits(one: JsonlFile) -> Renderer:
        return one
