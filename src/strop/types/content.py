"""What a deliverable says, before any format: tables, charts and documents made of cells.

Renderers take these and nothing else; a cell is never a bare value, it knows its claim and how the
gate judged it. No markup anywhere: text is data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from strop.types.work import ColumnType


class Standing(StrEnum):
    """How a value ended at the gate."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    """The gate replaced a refuted value by one it can prove."""
    UNVERIFIED = "unverified"
    REFUTED = "refuted"
    """Taken out; the cell is empty and the value is listed."""
    PLAIN = "plain"
    """Ours, not a claim: headings, counts of the run itself."""


Scalar: TypeAlias = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Cell:
    """One value with its standing and the claims it rests on."""

    value: Scalar
    standing: Standing = Standing.PLAIN
    claims: tuple[str, ...] = ()
    """Claim ids; the first is the one to show."""
    source: str = ""
    """Where it stands: path and locator, for footnotes and the Sources sheet."""
    quote: str = ""
    formula: str = ""
    """How it was computed from the claims it rests on (`mean(c1, c2)`); empty where it was read."""


@dataclass(frozen=True, slots=True)
class Head:
    name: str
    type: ColumnType = ColumnType.TEXT
    formula: str = ""
    """How a cell follows from the others of its row (`[area] * [price]`); empty where it does not."""


class Rows(Protocol):
    """Rows that can be walked through again and again; a long table makes them as they are asked for."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[Cell, ...]]: ...


@dataclass(frozen=True, slots=True)
class Total:
    """One figure over a whole column: `function` is `sum`, `mean`, `median`, `min`, `max` or `count`."""

    head: str
    function: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Origin:
    """A file whose rows went over as they are: row N of column C stands there in row N of column C."""

    path: str
    """Project-relative."""
    digest: str
    """SHA-256 of the file as it was read."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under typed heads; every row is as long as `heads`."""

    name: str
    heads: tuple[Head, ...]
    rows: Rows
    caption: str = ""
    totals: tuple[Total, ...] = ()
    """Shown below the rows where people read them; a workbook computes them on a sheet of its own."""
    origin: Origin | None = None
    """Where every cell without a formula stands, in place of a source in each cell."""


class ChartKind(StrEnum):
    BAR = "bar"
    STACKED = "stacked"
    LINE = "line"
    SCATTER = "scatter"


@dataclass(frozen=True, slots=True)
class Point:
    """`x` is a category or a number, `y` a cell with a number, `series` splits colours."""

    x: str | float
    y: Cell
    series: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    name: str
    """File stem: `rows_by_dataset`."""
    kind: ChartKind
    title: str
    x_title: str
    y_title: str
    points: tuple[Point, ...]
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with the cells it rests on (footnotes)."""

    text: str
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Paragraph:
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    chart: Chart
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Callout:
    """A boxed remark: what was not verified, what is missing."""

    text: str
    tone: str = "note"
    """`note` or `warning`."""


Block: TypeAlias = Heading | Paragraph | Bullets | Table | Figure | Callout


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    nav: tuple[tuple[str, str], ...] = ()
    """(title, file beside this one) of every page of a site, this one included."""

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(block.text for block in self.blocks if isinstance(block, Heading) and block.level == 1)


@dataclass(frozen=True, slots=True)
class Slide:
    """One slide: few blocks that people see, and what a speaker says with it."""

    title: str
    blocks: tuple[Block, ...] = ()
    notes: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Deck:
    """Slides behind a title slide; the renderer adds the slide of sources from the cells."""

    title: str
    subtitle: str
    slides: tuple[Slide, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A program's source, as it stands."""

    text: str


Content: TypeAlias = Table | Chart | Document | Deck | Code


@dataclass(frozen=True, slots=True)
class Part:
    """One file to be written: its name under `files/` and what it says (an XLSX may hold several tables)."""

    file: str
    content: tuple[Content, ...]
