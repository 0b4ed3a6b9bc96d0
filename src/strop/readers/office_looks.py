"""Families and colours of Office files: what a theme, a style and a run say of letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from strop.readers.archive import Parts

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_CHAIN = 12
"""Styles based on styles."""


@dataclass(frozen=True, slots=True)
class OfficeTheme:
    """The theme's families and colours by their names in the file."""

    major: str
    minor: str
    colours: Mapping[str, str]


def theme_of(parts: Parts, name: str) -> OfficeTheme:
    """The theme that a part refers to; empty where it has none."""
    root = parts.optional(name, "theme")
    if root is None:
        return OfficeTheme("", "", {})
    colours: dict[str, str] = {}
    for scheme in root.iter(f"{A}clrScheme"):
        for each in scheme:
            value = next(iter(each), None)
            if value is not None:
                said = value.get("lastClr") or value.get("val", "")
                colours[each.tag.rpartition("}")[2]] = coloured(said)
    families = {side: _latin(root, f"{A}{side}Font") for side in ("major", "minor")}
    return OfficeTheme(families["major"], families["minor"], colours)


def _latin(root: Element, tag: str) -> str:
    font = next(root.iter(tag), None)
    latin = None if font is None else font.find(f"{A}latin")
    return "" if latin is None else latin.get("typeface", "")


def coloured(digits: str) -> str:
    """`1F5673` as `#1f5673`; `auto` and others as nothing."""
    return f"#{digits.lower()}" if len(digits) == 6 else ""


@dataclass(frozen=True, slots=True)
class Letters:
    """What a style or run says of its letters; empty where it says nothing."""

    font: str = ""
    colour: str = ""

    def over(self, other: Letters) -> Letters:
        """These, with the other's where these say nothing."""
        return Letters(self.font or other.font, self.colour or other.colour)


def word_letters(properties: Element | None, theme: OfficeTheme) -> Letters:
    """Of a `w:rPr`."""
    if properties is None:
        return Letters()
    fonts, colour = properties.find(f"{W}rFonts"), properties.find(f"{W}color")
    font = ""
    if fonts is not None:
        themed = fonts.get(f"{W}asciiTheme", "")
        font = fonts.get(f"{W}ascii", "") or (theme.major if "major" in themed else theme.minor if themed else "")
    return Letters(font, "" if colour is None else coloured(colour.get(f"{W}val", "")))


@dataclass(frozen=True, slots=True)
class WordStyle:
    """A paragraph style: its name, the heading level it gives (0 for none), and its letters."""

    name: str
    level: int
    letters: Letters


def word_styles(root: Element | None, theme: OfficeTheme) -> tuple[Mapping[str, WordStyle], WordStyle]:
    """(styles by id, what holds where none is named)."""
    if root is None:
        return {}, WordStyle("", 0, Letters(theme.minor))
    base = word_letters(root.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr"), theme).over(Letters(theme.minor))
    held = {each.get(f"{W}styleId", ""): each for each in root.iter(f"{W}style")}
    found = {id: _style(held, id, theme, base) for id in held}
    usual = next((id for id, each in held.items() if _usual(each)), "")
    return found, found.get(usual, WordStyle("", 0, base))


def _usual(style: Element) -> bool:
    return style.get(f"{W}default") in ("1", "true") and style.get(f"{W}type") == "paragraph"


def _style(held: Mapping[str, Element], id: str, theme: OfficeTheme, base: Letters) -> WordStyle:
    style, letters, level = held[id], Letters(), 0
    named = style.find(f"{W}name")
    name = "" if named is None else named.get(f"{W}val", "").lower()
    at: Element | None = style
    for _ in range(_CHAIN):
        if at is None:
            break
        letters = letters.over(word_letters(at.find(f"{W}rPr"), theme))
        outline = at.find(f"{W}pPr/{W}outlineLvl")
        if not level and outline is not None and outline.get(f"{W}val", "9") in "012345678":
            level = int(outline.get(f"{W}val", "9")) + 1
        based = at.find(f"{W}basedOn")
        at = None if based is None else held.get(based.get(f"{W}val", ""))
    if name == "title":
        level = 1
    elif name.startswith("heading ") and name[8:].isdigit():
        level = int(name[8:])
    return WordStyle(name, level, letters.over(base))
