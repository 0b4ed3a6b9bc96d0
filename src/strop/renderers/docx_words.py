"""Words of a document as WordprocessingML: runs, paragraphs, fields, and the footnotes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strop.renderers.cells import LEGEND, cut, visible
from strop.renderers.letters import leads_right
from strop.renderers.markup import HEAD, tag, text
from strop.types.content import Cell

W_SPACE = {"xmlns:w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main"}
_QUOTE = 400
FIELD = {kind: tag("w:r", None, tag("w:fldChar", {"w:fldCharType": kind})) for kind in ("begin", "separate", "end")}
"""What a field's instruction and result stand between."""


def run(said: str, *, size: float = 0, bold: bool = False, colour: str = "", raised: bool = False) -> str:
    """Text in one look; line ends break the line."""
    if not said:
        return ""
    look = [
        tag("w:b") if bold else "",
        tag("w:color", {"w:val": colour}) if colour else "",
        tag("w:sz", {"w:val": round(size * 2)}) if size else "",
        tag("w:vertAlign", {"w:val": "superscript"}) if raised else "",
        tag("w:rtl") if leads_right(said) else "",
    ]
    properties = tag("w:rPr", None, *look) if any(look) else ""
    return tag("w:r", None, properties, *_pieces(said))


def _pieces(said: str) -> Iterator[str]:
    for number, line in enumerate(said.replace("\x85", "\n").split("\n")):
        if number:
            yield tag("w:br")
        for place, piece in enumerate(line.split("\t")):
            if place:
                yield tag("w:tab")
            if piece:
                yield tag("w:t", {"xml:space": "preserve"}, text(piece))


def paragraph(*runs: str, style: str = "", right: bool = False, keep: bool = False) -> str:
    """A paragraph; `keep` holds it on the page of the next one."""
    said = "".join(runs)
    look = [
        tag("w:pStyle", {"w:val": style}) if style else "",
        tag("w:keepNext") if keep else "",
        tag("w:bidi") if "<w:rtl/>" in said[:400] else "",
        tag("w:jc", {"w:val": "right"}) if right else "",
    ]
    return tag("w:p", None, tag("w:pPr", None, *look) if any(look) else "", said)


def bookmarked(said: str, number: int, name: str) -> str:
    """Runs that can be referred to; `number` is the bookmark's own in the document."""
    start = tag("w:bookmarkStart", {"w:id": number, "w:name": name})
    return start + said + tag("w:bookmarkEnd", {"w:id": number})


def simple_field(instruction: str) -> str:
    """A field's instruction."""
    return tag("w:r", None, tag("w:instrText", {"xml:space": "preserve"}, text(f" {instruction} ")))


def complex_field(instruction: str, shown: str, *, raised: bool = False) -> str:
    """A field that the reader's program fills when it opens the file; `shown` stands there until then."""
    begin = tag("w:r", None, tag("w:fldChar", {"w:fldCharType": "begin", "w:dirty": "true"}))
    return begin + simple_field(instruction) + FIELD["separate"] + run(shown, raised=raised) + FIELD["end"]


def number_field(name: str, number: int, *, sequence: bool = True) -> str:
    """A number that is counted: of a table or figure, or of a page."""
    instruction = simple_field(f"SEQ {name} \\* ARABIC" if sequence else name)
    return FIELD["begin"] + instruction + FIELD["separate"] + run(str(number)) + FIELD["end"]


class Notes:
    """The footnotes of one document; one that was told before is referred to."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, cells: Sequence[Cell]) -> str:
        """The references of a sentence, in the order of its cells."""
        told = dict.fromkeys(_told(cell) for cell in cells if cell.source or cell.quote or cell.claims)
        return run(", ", raised=True).join(self._reference(said) for said in told)

    def _reference(self, said: str) -> str:
        known = self._numbers.get(said)
        if known is not None:
            return complex_field(f"NOTEREF _Note{known:06} \\f \\h", str(known), raised=True)
        number = self._numbers[said] = len(self._numbers) + 1
        style = tag("w:rPr", None, tag("w:rStyle", {"w:val": "FootnoteReference"}))
        reference = tag("w:r", None, style, tag("w:footnoteReference", {"w:id": number}))
        # Headings have the bookmarks below a million.
        return bookmarked(reference, 1_000_000 + number, f"_Note{number:06}")

    def part(self) -> str:
        """All of them, with the two that the format wants for its rules."""
        rules = [
            tag("w:footnote", {"w:type": kind, "w:id": number}, tag("w:p", None, tag("w:r", None, tag(f"w:{mark}"))))
            for kind, mark, number in (
                ("separator", "separator", -1),
                ("continuationSeparator", "continuationSeparator", 0),
            )
        ]
        own = tag(
            "w:r", None, tag("w:rPr", None, tag("w:rStyle", {"w:val": "FootnoteReference"})), tag("w:footnoteRef")
        )
        notes = [
            tag("w:footnote", {"w:id": number}, paragraph(own, run(f" {said}"), style="FootnoteText"))
            for said, number in self._numbers.items()
        ]
        return HEAD + tag("w:footnotes", W_SPACE, *rules, *notes)


def _told(cell: Cell) -> str:
    """Source, quote, how it was computed, claim, and that nobody confirmed it."""
    quote = " ".join(visible(cell.quote).split())
    parts = [
        " ".join(visible(cell.source).split()),
        f"“{cut(quote, _QUOTE)}”" if quote else "",
        f"computed as {cut(visible(cell.formula), _QUOTE)}" if cell.formula else "",
        f"claim {', '.join(cell.claims)}" if cell.claims else "",
        LEGEND.get(cell.standing, ""),
    ]
    return f"{'; '.join(part for part in parts if part)}."
