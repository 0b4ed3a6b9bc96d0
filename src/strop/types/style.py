"""What the user's best documents look and sound like: numbers and words from closed lists, no sentence of theirs.

A style comes from documents and descends into instructions for writers, so it can hold nothing that a document
says: shares, rates, medians, and members of the lists below. Families and colours go to renderers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Rates: TypeAlias = "tuple[tuple[str, float], ...]"
"""(name from a closed list, figure), in the list's order."""


class Role(StrEnum):
    """What a section is for, by its heading."""

    SUMMARY = "summary"
    INTRODUCTION = "introduction"
    BACKGROUND = "background"
    METHOD = "method"
    FINDINGS = "findings"
    DISCUSSION = "discussion"
    RISKS = "risks"
    RECOMMENDATIONS = "recommendations"
    CONCLUSION = "conclusion"
    NEXT = "next steps"
    SOURCES = "sources"
    APPENDIX = "appendix"
    OTHER = "other"


class Grammar(StrEnum):
    """How a heading is built."""

    QUESTION = "questions"
    SENTENCE = "whole sentences"
    GERUND = "verbs in -ing"
    PHRASE = "short noun phrases"
    LABEL = "single words"


class Case(StrEnum):
    """How the words of headings are capitalised."""

    UPPER = "capitals"
    TITLE = "Title Case"
    SENTENCE = "sentence case"
    LOWER = "lower case"


class Writing(StrEnum):
    """How figures are written; by group, so that a group's most frequent member is the house's."""

    THOUSANDS_COMMA = "thousands:1,234"
    THOUSANDS_POINT = "thousands:1.234"
    THOUSANDS_SPACE = "thousands:1 234"
    DECIMAL_POINT = "decimals:0.5"
    DECIMAL_COMMA = "decimals:0,5"
    PERCENT_TIGHT = "percent:12%"
    PERCENT_SPACED = "percent:12 %"
    PERCENT_WORD = "percent:12 percent"
    MONEY_BEFORE = "money:$12"
    MONEY_AFTER = "money:12 €"
    MONEY_CODE = "money:EUR 12"
    DATE_ISO = "dates:2026-03-12"
    DATE_DAY_FIRST = "dates:12 March 2026"
    DATE_MONTH_FIRST = "dates:March 12, 2026"
    DATE_POINTS = "dates:12.03.2026"
    DATE_SLASHES = "dates:12/03/2026"

    @property
    def group(self) -> str:
        return self.value.partition(":")[0]

    @property
    def example(self) -> str:
        return self.value.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Style:
    """The fingerprint of some documents; figures are means over them, each document counting the same."""

    name: str
    documents: int
    words: int
    """Of all of them."""
    roles: tuple[Role, ...]
    """The order of sections with a known role that most documents keep."""
    shares: Rates
    """Share of the words that stands in sections of each role."""
    sections: float
    """Headings a document."""
    section_words: float
    """Median words from one heading to the next."""
    depth: float
    """Deepest level of heading."""
    numbered: float
    """Share of headings that begin with a number."""
    heading_words: float
    grammar: Rates
    cases: Rates
    tables: float
    """A page; where a format has no pages, 400 words are one."""
    figures: float
    bullets: float
    """Share of lines that are entries of a list."""
    paragraph_words: float
    sentence_words: float
    sentence_spread: float
    """Standard deviation of words a sentence."""
    word_letters: float
    """Mean letters a word."""
    richness: float
    """Different words in 100 words, the mean over windows of 100."""
    function_words: Rates
    """A thousand words: common words that carry the hand of an author and not his subject (Burrows, 2002)."""
    tone: Rates
    """A thousand words: marks such as `hedge`, `we`, `question`."""
    writing: Rates
    """Share of each way of writing a figure within its group."""
    palette: Rates
    fonts: Rates


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a document is from a style, by part: 0 the same, 1 nothing in common."""

    parts: Rates
    """Parts of which one side has nothing (no headings, no colours) are left out."""

    @property
    def total(self) -> float:
        """The mean of the parts."""
        return sum(figure for _, figure in self.parts) / len(self.parts) if self.parts else 1.0
