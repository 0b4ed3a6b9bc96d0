"""A document that was read: its passages with their places, an outline, and how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strop.types.memory import Known
from strop.types.work import Passage


class Format(StrEnum):
    """What a document is, by its bytes and then its name."""

    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"
    XLSX = "xlsx"
    CSV = "csv"
    """Separated by commas, semicolons, tabs or bars."""
    HTML = "html"
    MARKDOWN = "md"
    TEXT = "txt"
    VTT = "vtt"
    SRT = "srt"


@dataclass(frozen=True, slots=True)
class Title:
    """One heading of a document; of a workbook a sheet, of a deck a slide."""

    level: int
    """From 1."""
    text: str
    locator: str
    words: int = 0
    """From here to the next heading of any level, without this one."""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """What a reader made of a document. Data, whatever it says."""

    path: str
    """Project-relative."""
    digest: str
    """SHA-256 of the document's bytes."""
    format: Format
    passages: tuple[Passage, ...]
    outline: tuple[Title, ...] = ()
    pages: int = 0
    """Pages, slides or sheets; 0 where the format has none."""
    tables: int = 0
    figures: int = 0
    palette: tuple[tuple[str, float], ...] = ()
    """(`#rrggbb`, share of 1), the most used first: of letters, and of filled shapes where the format has them."""
    fonts: tuple[tuple[str, float], ...] = ()
    """(family, share of 1) of the letters, the most used first."""
    notes: tuple[str, ...] = ()
    """What was left out or mended on the way, a line each."""

    @property
    def text(self) -> str:
        """All of it, each passage under a line with its place: `[page 3]`."""
        return "\n\n".join(f"[{passage.locator}]\n{passage.text}" for passage in self.passages) + "\n"


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for among passages, and where; what is empty filters nothing."""

    words: str
    paths: str = ""
    """A glob over project-relative paths: `knowledge/2026/**`."""
    formats: tuple[Format, ...] = ()
    since: str = ""
    """Documents added on this day or later, YYYY-MM-DD."""
    most: int = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found."""

    passage: Passage
    score: float
    """BM25 as SQLite computes it, turned so that more is better; comparable within one search only."""
    coverage: float
    """Share of the query's weight (rare words weigh more) whose words the passage holds, 0 to 1.

    0 where it is near by its meaning alone: its words are below the floor.
    """
    cosine: float | None = None
    """How near it is by its meaning; None where nothing was compared."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A document that somebody wants to be known."""

    path: str
    """Project-relative: what citations will say."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """A line about one document: why it was not taken, or what was left out of it."""

    path: str
    said: str


@dataclass(frozen=True, slots=True)
class Grounded:
    """What became of a batch of documents."""

    added: tuple[Known, ...] = ()
    changed: tuple[Known, ...] = ()
    unchanged: tuple[str, ...] = ()
    refused: tuple[Told, ...] = ()
    notes: tuple[Told, ...] = ()
    """Of documents that were taken."""
