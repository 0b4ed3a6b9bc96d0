"""Texts as vectors: what an embedder is, which side a text stands on, and what came back."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import StrEnum

from strop.types.money import Price, Usage


class Side(StrEnum):
    """What a text is to the search. Some models want the two sides marked apart."""

    PASSAGE = "passage"
    """Of a document: what is found."""
    ITEM = "item"
    """Words of an item of the library: found too."""
    QUERY = "query"
    """What is looked for."""


@dataclass(frozen=True, slots=True)
class EmbedderCard:
    """What the harness must know of an embedder before it calls it."""

    name: str
    """Catalogue name or locator."""
    id: str
    """What goes over the wire."""
    price: Price
    window: int
    """Tokens of one text at the most; a longer one is cut."""
    space: str
    """Names the space of its vectors: those of another model, or of other manners, compare with none of these."""
    inputs: int = 64
    """Texts of one call at the most."""
    tokens: int = 100_000
    """Tokens of one call at the most, counted as UTF-8 bytes."""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vectors:
    """What an embedder made of some texts, in their order."""

    rows: tuple[array[float], ...]
    """32-bit floats, each row of length 1 in the Euclidean norm, all of one dimension."""
    usage: Usage
