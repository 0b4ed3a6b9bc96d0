"""Rows of a table as passages: `head: value | head: value`, each at its own row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from strop.readers.blocks import Block

MOST_ROWS = 20_000
"""Rows of one document; a longer table is a source of data, read by tools and not by search."""
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s?\d[\d.,'\s]*%?\)?")
_HEAD = 80


def row_blocks(rows: Iterable[Sequence[str]], *, group: str = "") -> Iterator[Block]:
    """A block a row, from row 1 on as a spreadsheet counts them; the heads stand in every row and in none alone."""
    heads: tuple[str, ...] = ()
    for number, row in enumerate(rows, start=1):
        cells = [cell.strip() for cell in row]
        filled = [cell for cell in cells if cell]
        if not filled:
            continue
        if not heads and _is_head(filled):
            heads = tuple(cells)
            continue
        if not heads and len(filled) == 1:  # a title above the table
            yield Block(filled[0], number, number, group=group, alone=True)
            continue
        said = (
            f"{heads[at]}: {cell}" if at < len(heads) and heads[at] else cell for at, cell in enumerate(cells) if cell
        )
        yield Block(" | ".join(said), number, number, group=group, alone=True)


def _is_head(cells: Sequence[str]) -> bool:
    """Two or more different words or short phrases, no number among them."""
    return (
        len(cells) > 1
        and len(set(cells)) == len(cells)
        and not any(_NUMBER.fullmatch(cell) or len(cell) > _HEAD for cell in cells)
    )
