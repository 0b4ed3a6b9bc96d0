"""A document as the pages of a site: the first with the summary, then one a section. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from strop.types.content import Block, Document, Heading, Part

_SUMMARY = "summary"
_LONGEST = 60
"""Letters of a page's file name."""


def site(file: str, document: Document) -> tuple[Part, ...]:
    """The pages of `document` under a pattern like `site/*.html`; what stands before any section is on the first.

    The summary stands on the first page too, since that is the one people open.
    """
    before, sections = _cut(document)
    names = _names([heading.text for heading, _ in sections])
    nav = (("Overview", "index.html"), *((h.text, name) for (h, _), name in zip(sections, names, strict=True)))
    summary = [block for h, body in sections if h.text.strip().lower() == _SUMMARY for block in (h, *body)]
    first = replace(document, blocks=(*before, *summary), nav=_files(nav, file))
    made = [_part(file, "index.html", first)]
    for (heading, body), name in zip(sections, names, strict=True):
        blocks = tuple(replace(b, level=b.level - 1) if isinstance(b, Heading) else b for b in body)
        made.append(_part(file, name, Document(heading.text, document.title, blocks, first.nav)))
    return tuple(made)


def _cut(document: Document) -> tuple[list[Block], list[tuple[Heading, list[Block]]]]:
    before: list[Block] = []
    sections: list[tuple[Heading, list[Block]]] = []
    for block in document.blocks:
        if isinstance(block, Heading) and block.level == 1:
            sections.append((block, []))
        else:
            (sections[-1][1] if sections else before).append(block)
    return before, sections


def _names(titles: list[str]) -> list[str]:
    """A plain file name for each title, no two alike."""
    taken = {"index.html"}
    names: list[str] = []
    for title in titles:
        plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
        stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].strip("-") or "page"
        number, name = 1, f"{stem}.html"
        while name in taken:
            number += 1
            name = f"{stem}-{number}.html"
        taken.add(name)
        names.append(name)
    return names


def _files(nav: tuple[tuple[str, str], ...], file: str) -> tuple[tuple[str, str], ...]:
    last = file.rpartition("/")[2]
    return tuple((title, last.replace("*.html", name)) for title, name in nav)


def _part(file: str, name: str, document: Document) -> Part:
    folder, _, last = file.rpartition("/")
    name = last.replace("*.html", name)
    return Part(f"{folder}/{name}" if folder else name, (document,))
