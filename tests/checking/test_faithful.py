"""A sentence that ends at the top of the next page is there; one that says another figure is not."""

from __future__ import annotations

import pytest

from strop.checking.faithful import faithful
from strop.checking.opened import Opened
from strop.types.content import Document, Paragraph, Part, Sentence

SAID = "The highest reading, 25.1 degrees, was taken at S-00039."
BREAKS = [
    ("The highest reading, 25.1 degrees, was taken at\n¹ a note", "Atlas  Alderfell\nS-00039. More.", True),
    ("Before. The\n¹ a note", "Atlas  Alderfell\nhighest reading, 25.1 degrees, was taken at S-00039.", True),
    ("The highest reading, 25.1 degrees, was taken at\n¹ a note", "Atlas  Alderfell\nS-00038. More.", False),
    ("The highest reading, 25.1 degrees, was taken at", "Other words. " * 60 + "S-00039.", False),
]


@pytest.mark.parametrize(("page", "following", "there"), BREAKS)
def test_a_sentence_may_break_over_a_page_near_either_end(page: str, following: str, there: bool) -> None:
    """Where one half is a few letters, the other begins the next page."""
    part = Part("atlas.pdf", (Document("Atlas", "", (Paragraph((Sentence(SAID),)),)),))
    assert (not faithful(part, Opened(text=f"{page}\f{following}"))) is there
