"""What all renderers need to know of cells and text: what may be written, and how people read it.

Text is data: it is cleaned of what no format can carry (control characters, lone surrogates) and
never read as markup. Pure; no format is known here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias, cast

from strop.errors import BadInput, MissingPart
from strop.types.content import (
    Block,
    Bullets,
    Cell,
    Chart,
    Code,
    Content,
    Deck,
    Document,
    Figure,
    Heading,
    Paragraph,
    Part,
    Scalar,
    Standing,
    Table,
)

Json: TypeAlias = "None | bool | int | float | str | Sequence[Json] | Mapping[str, Json]"
"""What specs and templates are fed with."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_REORDER = re.compile("[\u202a-\u202e\u2066-\u2069]")
_QUOTE = 240
"""Characters of a quote in a footnote."""
_FORMULA = 160
NO_ROWS = "no rows"
"""What stands under the header of an empty table."""
MARKS = {Standing.UNVERIFIED: "†", Standing.CORRECTED: "‡"}
"""Put behind a value where colour alone would not do."""
LEGEND = {
    Standing.UNVERIFIED: "not verified: nothing confirmed this value",
    Standing.CORRECTED: "corrected: a check replaced what was read",
    Standing.REFUTED: "refuted: taken out",
}


@dataclass(frozen=True, slots=True)
class Note:
    """What a footnote says of a value: where it stands, in which words, under which claim."""

    source: str
    quote: str
    formula: str
    claim: str
    """Its id, as in `strop show RUN --claim ID`."""
    unsure: bool

    @property
    def text(self) -> str:
        """All of it as plain words."""
        parts = [self.source, f"“{self.quote}”" if self.quote else ""]
        parts.append(f"Computed: {self.formula}" if self.formula else "")
        words = ". ".join(part for part in parts if part)
        said = [words + "."] if words else []
        said += ["Not verified."] if self.unsure else []
        return " ".join([*said, *([f"Claim {self.claim}."] if self.claim else [])])


def note_of(cell: Cell) -> Note | None:
    """The footnote of a value; None where it says nothing of where it comes from."""
    if not (cell.source or cell.quote or cell.formula):
        return None
    return Note(
        source=visible(cell.source),
        quote=cut(visible(cell.quote), _QUOTE),
        formula=cut(visible(cell.formula), _FORMULA),
        claim=visible(cell.claims[0]) if cell.claims else "",
        unsure=cell.standing is Standing.UNVERIFIED,
    )


def weakest(cells: tuple[Cell, ...]) -> Standing:
    """How a sentence stands that rests on these cells: as its weakest."""
    held = {cell.standing for cell in cells}
    order = (Standing.UNVERIFIED, Standing.CORRECTED)
    return next((standing for standing in order if standing in held), Standing.PLAIN)


def clean(text: str) -> str:
    """`text` without control characters; line ends become LF, a lone surrogate U+FFFD."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", _SURROGATE.sub("\ufffd", text))


def visible(text: str) -> str:
    """`clean(text)` without the marks that make text look other than it reads.

    The bidirectional embeddings and overrides are taken out; the letters of right-to-left scripts
    order themselves without them.
    """
    return _REORDER.sub("", clean(text))


def shown(value: Scalar) -> str:
    """A value as people read it: digits grouped from five on, never rounded; None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:,}" if abs(value) >= 10_000 else repr(value)
    return visible(value)


def grouped(value: Scalar) -> str:
    """As `shown`, with digits grouped from four on, as in charts and beside longer numbers."""
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else shown(value)


def said(value: Scalar) -> str:
    """A value as machines read it: no grouping, whole floats as they are; None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(value) if isinstance(value, str) else repr(value)


def cut(text: str, length: int) -> str:
    """At most `length` characters of `text`, the last an ellipsis where it was longer."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def checked(part: Part) -> tuple[Content, ...]:
    """The contents of a part, after a look at every cell.

    Raises:
        BadInput: nothing to write, a number that is not finite, or a row that does not fit its heads.
    """
    if not part.content:
        raise BadInput(f"{part.file}: there is nothing to write into it")
    for content in part.content:
        for table in tables_of(content):
            for _ in checked_rows(table, part.file):
                pass
        for where, cell in _cells(content):
            _check_finite(cell, where, part.file)
    return part.content


def checked_rows(table: Table, file: str) -> Iterator[tuple[Cell, ...]]:
    """The rows of a table, each looked at on its way: a long table is walked once.

    Raises:
        BadInput: no columns, a number that is not finite, or a row that does not fit the heads.
    """
    count = len(table.heads)
    if not count:
        raise BadInput(f"{file}: table {table.name!r} has no columns")
    for number, row in enumerate(table.rows, start=1):
        if len(row) != count:
            wrong = f"row {number} has {len(row)} cells under {count} heads"
            raise BadInput(f"{file}: table {table.name!r}, {wrong}")
        for head, cell in zip(table.heads, row, strict=True):
            if cell.value.__class__ is float:
                _check_finite(cell, f"row {number}, column {head.name!r}", file)
        yield row


def tables_of(content: Content) -> tuple[Table, ...]:
    """The tables that stand in `content`, itself included."""
    if isinstance(content, Table):
        return (content,)
    match content:
        case Document():
            blocks = content.blocks
        case Deck():
            blocks = tuple(block for slide in content.slides for block in slide.blocks)
        case _:
            blocks = ()
    return tuple(block for block in blocks if isinstance(block, Table))


def pages(part: Part) -> tuple[Table | Chart | Document, ...]:
    """The contents of a part for formats that are read page by page, after the look of `checked`.

    Raises:
        BadInput: slides or code among them, or what `checked` refuses.
    """
    contents = checked(part)
    for content in contents:
        if isinstance(content, Deck | Code):
            raise BadInput(f"{part.file}: slides and code have files of their own. Ask for a PPTX or a source file")
    return cast("tuple[Table | Chart | Document, ...]", contents)


def one_document(part: Part) -> Document:
    """All contents as one document, named by the first of them that has a title, else by the file.

    Raises:
        BadInput: as `pages`.
    """
    contents = pages(part)
    first = next((one for one in contents if isinstance(one, Document)), None)
    blocks = tuple(block for content in contents for block in _blocks_of(content, leads=content is first))
    if first is None:
        return Document(PurePosixPath(part.file).stem.replace("_", " ").capitalize(), "", blocks)
    return Document(first.title, first.subtitle, blocks, first.nav)


def _blocks_of(content: Table | Chart | Document, *, leads: bool) -> Iterator[Block]:
    match content:
        case Document():
            if not leads:
                yield Heading(content.title)
            yield from content.blocks
        case Chart():
            yield Figure(content)
        case Table():
            yield content


def standings(table: Table) -> frozenset[Standing]:
    """Every standing that a cell of the table has."""
    return frozenset(cell.standing for row in table.rows for cell in row)


def missing(library: str) -> MissingPart:
    """The error for a library of the extra that is not installed."""
    return MissingPart(f"writing this file needs {library}. Install it with: pip install 'strop[files]'")


def _check_finite(cell: Cell, where: str, file: str) -> None:
    if isinstance(cell.value, float) and not math.isfinite(cell.value):
        raise BadInput(f"{file}: {where} is {cell.value}, which is no number a file can hold")


def _cells(content: Content) -> Iterator[tuple[str, Cell]]:
    """Cells outside of tables."""
    if isinstance(content, Chart):
        for number, point in enumerate(content.points, start=1):
            yield f"chart {content.name!r}, point {number}", point.y
            if isinstance(point.x, float):
                yield f"chart {content.name!r}, x of point {number}", Cell(point.x)
    elif isinstance(content, Document):
        yield from _block_cells(content.blocks)
    elif isinstance(content, Deck):
        for slide in content.slides:
            yield from _block_cells((*slide.blocks, Paragraph(slide.notes)))


def _block_cells(blocks: tuple[Block, ...]) -> Iterator[tuple[str, Cell]]:
    for block in blocks:
        if isinstance(block, Figure):
            yield from _cells(block.chart)
        elif isinstance(block, Paragraph | Bullets):
            sentences = block.sentences if isinstance(block, Paragraph) else block.items
            yield from ((f"sentence {cut(one.text, 40)!r}", cell) for one in sentences for cell in one.cells)
