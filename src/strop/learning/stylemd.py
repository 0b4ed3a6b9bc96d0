"""A style as lines for writers, as an Agent Skills folder, and as a theme for renderers. Pure.

What goes into an instruction is made here from figures and closed lists; families and colours, which are words
of a document's making, go into the theme alone, where each is checked again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from strop.types.fingerprint import canonical
from strop.types.style import Rates, Role, Style, Writing

MOST_LINES = 12
_OFTEN = 0.6
"""Share from which on a way of doing it is the house's."""
_DARK = 0.35
_STRONG = 0.2
_MARKS: Mapping[str, tuple[float, str, str]] = {
    "we": (4.0, "Write as `we`.", "Do not write as `we`."),
    "i": (4.0, "Write as `I`.", ""),
    "you": (4.0, "Speak to the reader as `you`.", "Do not speak to the reader as `you`."),
    "hedge": (8.0, "Hedge where the evidence is thin; this house often does.", "Hedge seldom."),
    "booster": (6.0, "", "Leave out words that only strengthen (very, clearly, always)."),
    "passive": (15.0, "The passive voice is usual here.", "Prefer the active voice."),
    "contraction": (3.0, "Contractions are welcome.", "Use no contractions."),
    "question": (3.0, "Questions to the reader are usual here.", "Ask the reader no questions."),
    "exclamation": (2.0, "", "Use no exclamation marks."),
}
"""(rate a thousand words that counts as often, what is said then, what is said below a fifth of it)."""


def lines(style: Style) -> tuple[str, ...]:
    """At most 12 lines for whoever writes, the most telling first."""
    return tuple(_lines(style))[:MOST_LINES]


def _lines(style: Style) -> Iterator[str]:
    if style.roles:
        yield f"Order of sections: {', '.join(style.roles)}."
    if style.sections:
        share = _longest(style)
        yield (
            f"About {style.sections:.0f} headings, {style.depth:.0f} levels deep at most, and "
            f"about {style.section_words:.0f} words under each{share}."
        )
        yield _headings(style)
    yield (
        f"Sentences of about {style.sentence_words:.0f} words (spread {style.sentence_spread:.0f}); "
        f"paragraphs of about {style.paragraph_words:.0f}."
    )
    yield from _tone(style)
    if figures := _figures(style.writing):
        yield f"Write figures like this: {figures}."
    yield from _layout(style)
    yield f"Words of {style.word_letters:.1f} letters in the mean; {style.richness:.0f} different ones in 100."


def _longest(style: Style) -> str:
    known = [(share, role) for role, share in style.shares if role != Role.OTHER.value]
    share, role = max(known, default=(0.0, ""))
    return f"; the longest part is {role} ({share:.0%})" if share > 0.2 else ""


def _headings(style: Style) -> str:
    kinds = " and ".join(name for name, share in _ranked(style.grammar)[:2] if share >= 0.3)
    cases = next((name for name, share in _ranked(style.cases) if share >= _OFTEN), "")
    said = [kinds or "of mixed kinds", f"{style.heading_words:.0f} words long"]
    said += [f"in {cases}"] if cases else []
    said += ["numbered"] if style.numbered >= _OFTEN else ["without numbers"] if style.numbered <= 0.1 else []
    return f"Headings: {', '.join(said)}."


def _tone(style: Style) -> Iterator[str]:
    """Two lines at the most: what the house does, and what it does not."""
    rates = dict(style.tone)
    does = [often for mark, (rate, often, _) in _MARKS.items() if often and rates.get(mark, 0.0) >= rate]
    leaves = [seldom for mark, (rate, _, seldom) in _MARKS.items() if seldom and rates.get(mark, 0.0) < rate / 5]
    if does:
        yield " ".join(does)
    if leaves:
        yield " ".join(leaves)


def _figures(writing: Rates) -> str:
    usual = (Writing(name).example for name, share in writing if share >= _OFTEN)
    return ", ".join(usual)


def _layout(style: Style) -> Iterator[str]:
    held = [f"{each:.1f} {name}" for each, name in ((style.tables, "tables"), (style.figures, "figures")) if each]
    if held:
        yield f"On a page: {' and '.join(held)}."
    if style.bullets >= 0.1:
        yield f"Lists are usual: {style.bullets:.0%} of the lines are entries of one."
    elif not style.bullets:
        yield "No lists; write it out."


def _ranked(rates: Rates) -> list[tuple[str, float]]:
    return sorted(rates, key=lambda item: (-item[1], item[0]))


# ---------------------------------------------------------------- files


def projection(style: Style) -> dict[str, bytes]:
    """The style's folder, by path relative to `.agents/skills/NAME/`."""
    files = {
        "SKILL.md": _skill_md(style).encode(),
        "references/style.json": canonical(style) + b"\n",
    }
    if theme := theme_overlay(style):
        files["assets/theme.toml"] = theme.encode()
    return files


def _skill_md(style: Style) -> str:
    told = "\n".join(f"- {line}" for line in lines(style))
    description = (
        f"How this house writes and lays out documents, measured on {style.documents} of its own. "
        "Use it when writing or reviewing a report, a deck or a page for this house."
    )
    return (
        f"---\nname: {json.dumps(style.name)}\ndescription: {json.dumps(description)}\nmetadata:\n"
        f'  strop-kind: "style"\n  strop-documents: "{style.documents}"\n  strop-words: "{style.words}"\n---\n\n'
        f"# House style: {style.name}\n\n## How to write\n\n{told}\n\n## How to look\n\n"
        "Renderers take colours and fonts from `assets/theme.toml` where there is one.\n\n## How near a draft is\n\n"
        f"```\nstrop know distance {style.name} DRAFT\n```\n\nEvery figure stands in `references/style.json`.\n"
    )


def theme_overlay(style: Style) -> str:
    """A `theme.toml` with the style's colours and families; empty where it has none of use."""
    ranked = [colour for colour, _ in _ranked(style.palette)]
    ink = next((colour for colour in ranked if _light(colour) < _DARK), "")
    strong = [colour for colour in ranked if _strength(colour) > _STRONG and _light(colour) < 0.6]
    family = next((name for name, _ in _ranked(style.fonts)), "")
    said: list[str] = []
    if ink or strong:
        said.append("[colours]")
        said += [f'ink = "{ink}"'] if ink else []
        said += [f'accent = "{strong[0]}"', f'accent_soft = "{_soft(strong[0])}"'] if strong else []
    if len(strong) > 1:
        said += ["", "[series]", f"colours = {json.dumps(strong[:8])}"]
    if family:
        said += ["", "[fonts]", f'sheet = "{family}"', f'page_text = ["{family}", "serif"]']
        said += ["# Only where the family is on the machine that makes the files:", f'# text = "{family}"']
    if not said:
        return ""
    head = f"# Colours and fonts of {style.name}. Use it with theme = in strop.toml, or copy it to theme.toml.\n"
    return head + "\n".join(said) + "\n"


def _parts(colour: str) -> Sequence[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def _light(colour: str) -> float:
    """0 black to 1 white, as the eye weighs the three lights."""
    red, green, blue = _parts(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _strength(colour: str) -> float:
    """0 grey to 1: how far the strongest light stands above the weakest."""
    parts = _parts(colour)
    return max(parts) - min(parts)


def _soft(colour: str) -> str:
    """The same colour, nine tenths white."""
    return "#" + "".join(f"{round((0.1 * part + 0.9) * 255):02x}" for part in _parts(colour))
