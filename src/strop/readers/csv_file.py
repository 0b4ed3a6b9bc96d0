"""Separated values: a passage a row, the separator found by looking."""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import TYPE_CHECKING

from strop.errors import DocumentRefused
from strop.readers.blocks import Block, Taken, made
from strop.readers.letters import decoded
from strop.readers.rows import MOST_ROWS, row_blocks
from strop.types.document import Format, ReadDocument

if TYPE_CHECKING:
    from strop.seams import Reader

_LOOKED_AT = 20
"""Lines that the separator is found by."""
_CELL = 1_000_000


class CsvFile:
    """Places are rows, counted as a spreadsheet shows them: the heads are row 1."""

    @property
    def formats(self) -> tuple[Format, ...]:
        return (Format.CSV,)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`."""
        text, note = decoded(body)
        notes = [note] if note else []
        csv.field_size_limit(_CELL)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
        try:
            held = list(islice(rows, MOST_ROWS))
            more = sum(1 for _ in rows)
        except csv.Error as caught:
            raise DocumentRefused(f"is no table of separated values: {caught} (row {rows.line_num:,})") from caught
        if more:
            notes.append(f"the first {MOST_ROWS:,} of {MOST_ROWS + more:,} rows were taken")
        blocks = _heads_kept(tuple(row_blocks(held)), held)
        taken = Taken(blocks=blocks, tables=1, notes=tuple(notes))
        return made(taken, format=Format.CSV, body=body, path=path, locator=lambda first, _: f"row {first.first}")


def _heads_kept(blocks: tuple[Block, ...], rows: list[list[str]]) -> tuple[Block, ...]:
    """A table of heads alone still says what its columns are."""
    if blocks or not rows:
        return blocks
    return (Block(" | ".join(cell for cell in rows[0] if cell.strip()), 1, 1, alone=True),)


def _separator(text: str) -> str:
    """The one that cuts the first lines into the same number of cells, and into the most."""
    lines = [line for line in text.split("\n", _LOOKED_AT)[:_LOOKED_AT] if line.strip()]

    def worth(mark: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=mark)]
        usual = max(counts.count(count) for count in counts) if counts else 0
        most = counts[0] if counts else 0
        return (usual if most > 1 else 0, most)

    try:
        return max(",;\t|", key=worth)
    except csv.Error:  # the reading proper says what is wrong, and where
        return ","


if TYPE_CHECKING:

    def _fits(x: CsvFile) -> Reader:
        return x
