"""The language of a text, as far as its letters and its commonest words tell: for readers that speak it aloud. Pure.

A guess on a page's own words, of languages with many writers; a short or mixed text counts as English,
as our own words in it are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from strop.types.content import Bullets, Content, Document, Heading, Paragraph

_SCRIPTS = tuple(
    (code, re.compile(f"[{first}-{last}]"))
    for code, first, last in (
        ("he", "\u0590", "\u05ff"),
        ("ar", "\u0600", "\u06ff"),
        ("el", "\u0370", "\u03ff"),
        ("ru", "\u0400", "\u04ff"),
        ("hi", "\u0900", "\u097f"),
        ("th", "\u0e00", "\u0e7f"),
        ("ja", "\u3040", "\u30ff"),
        ("ko", "\uac00", "\ud7af"),
        ("zh", "\u4e00", "\u9fff"),
    )
)
_WORDS = {
    "en": "the of and to in is that for with are was were from by",
    "de": "der die das und ist nicht mit von den dem für auf eine werden",
    "fr": "le la les et des est une dans pour que qui sur avec du",
    "es": "el la los las y es una para que con por del como se",
    "it": "il la di che e è una per con del della sono gli non",
    "pt": "o a os as e é uma para que com por do da não",
    "nl": "de het een en van is dat voor met zijn op niet aan te",
}
_LEAST = 8
"""Common words, below which nothing is said of a text in Latin letters."""
_SEEN = 20_000
"""Characters that are looked at."""


@dataclass(frozen=True, slots=True)
class Language:
    """As HTML and PDF name it."""

    code: str
    """ISO 639-1."""
    rtl: bool
    """Written from right to left."""


ENGLISH = Language("en", rtl=False)


def words_in(contents: Iterable[Content], title: str) -> str:
    """The words of people and models in a file's contents."""
    found = [title]
    for content in contents:
        for block in content.blocks if isinstance(content, Document) else ():
            if isinstance(block, Heading):
                found.append(block.text)
            elif isinstance(block, Paragraph | Bullets):
                sentences = block.sentences if isinstance(block, Paragraph) else block.items
                found += [sentence.text for sentence in sentences]
    return " ".join(found)


def language_of(text: str) -> Language:
    """The language most of `text` is in; English where nothing tells."""
    text = text[:_SEEN]
    letters = 0 if text.isascii() else sum(map(str.isalpha, text))
    for code, script in _SCRIPTS if letters else ():
        # Japanese is known by a fifth of kana among its characters.
        share = 5 if code == "ja" else 2
        if len(script.findall(text)) * share > letters:
            return Language(code, code in ("he", "ar"))
    return Language(_latin(text), rtl=False)


def _latin(text: str) -> str:
    held = Counter(re.findall(r"\w+", text.lower()))
    found = {code: sum(held[word] for word in words.split()) for code, words in _WORDS.items()}
    best = max(found, key=lambda code: found[code])
    return best if found[best] >= _LEAST and found[best] > found["en"] else "en"
