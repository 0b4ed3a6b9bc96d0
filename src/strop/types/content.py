"""What a deliverable says, before any format: tables, charts and documents made of cells.

Renderers take these and nothing else; a cell is never a bare value, it knows its claim and how the
gate judged it. No markup anywhere: text is data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

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


@dataclass(frozen=True, slots=True)
class Head:
    name: str
    type: ColumnType = ColumnType.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under typed heads; every row is as long as `heads`."""

    name: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


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

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(block.text for block in self.blocks if isinstance(block, Heading) and block.level == 1)


Content: TypeAlias = Table | Chart | Document


@dataclass(frozen=True, slots=True)
class Part:
    """One file to be written: its name under `files/` and what it says (an XLSX may hold several tables)."""

    file: str
    content: tuple[Content, ...]
