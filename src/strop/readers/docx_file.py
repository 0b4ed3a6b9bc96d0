"""DOCX from its archive: paragraphs, headings by their styles, tables row by row, footnotes.

Text that is hidden (`w:vanish`) or was deleted under tracking is no text of the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from strop.readers.archive import Parts
from strop.readers.blocks import Block, Looks, Taken, made, spanned
from strop.readers.office_looks import A, OfficeTheme, W, WordStyle, theme_of, word_letters, word_styles
from strop.types.count import counted
from strop.types.document import Format, ReadDocument

if TYPE_CHECKING:
    from strop.seams import Reader

_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"


class DocxFile:
    """Places are paragraphs, counted from 1 with those in tables: a DOCX has no pages before it is laid out."""

    @property
    def formats(self) -> tuple[Format, ...]:
        return (Format.DOCX,)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`."""
        parts = Parts(body)
        name = parts.main("word/document.xml")
        theme = theme_of(parts, name)
        styles, usual = word_styles(parts.optional(name, "styles"), theme)
        words = _Words(styles, usual, theme)
        root = parts.xml(name)
        held = root.find(f"{W}body")
        blocks = list(words.blocks(root if held is None else held))
        notes_part = parts.optional(name, "footnotes")
        blocks += words.footnotes(notes_part) if notes_part is not None else []
        notes = [f"{counted(words.hidden, 'run')} of hidden text left out"] if words.hidden else []
        if embedded := list(parts.embedded()):
            notes.append(f"{counted(len(embedded), 'embedded file')} not opened; add what matters by itself")
        figures = sum(1 for each in root.iter() if each.tag in (f"{A}blip", f"{_C}chart"))
        taken = Taken(blocks, words.pages, words.tables, figures, words.looks, tuple(notes))
        return made(taken, format=Format.DOCX, body=body, path=path, locator=_place)


def _place(first: Block, last: Block) -> str:
    return first.group or spanned("paragraph", first, last)


@dataclass(slots=True)
class _Words:
    """Goes through the body once, and counts."""

    styles: Mapping[str, WordStyle]
    usual: WordStyle
    theme: OfficeTheme
    looks: Looks = field(default_factory=Looks)
    tables: int = 0
    hidden: int = 0
    pages: int = 0
    _paragraph: int = 0

    def blocks(self, held: Element) -> Iterator[Block]:
        for each in held:
            if each.tag == f"{W}p":
                self._paragraph += 1
                style = self._style(each)
                text = self._text(each, style)
                yield Block(text, self._paragraph, self._paragraph, level=style.level)
            elif each.tag == f"{W}tbl":
                self.tables += 1
                yield from self._rows(each)
            elif each.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins", f"{W}smartTag"):
                yield from self.blocks(each)

    def footnotes(self, root: Element) -> list[Block]:
        found: list[Block] = []
        for each in root.iter(f"{W}footnote"):
            text = "\n".join(self._text(one, self.usual) for one in each.iter(f"{W}p"))
            number = each.get(f"{W}id", "")
            if each.get(f"{W}type") is None and number.isdigit():
                found.append(Block(text, int(number), int(number), group=f"footnote {number}"))
        return found

    def _rows(self, table: Element) -> Iterator[Block]:
        for row in table.iter(f"{W}tr"):
            first = self._paragraph + 1
            cells: list[str] = []
            for cell in row.iter(f"{W}tc"):
                paragraphs = list(cell.iter(f"{W}p"))
                self._paragraph += len(paragraphs)
                cells.append(" ".join(self._text(one, self._style(one)) for one in paragraphs).strip())
            yield Block(" | ".join(cell for cell in cells if cell), first, max(first, self._paragraph))

    def _style(self, paragraph: Element) -> WordStyle:
        named = paragraph.find(f"{W}pPr/{W}pStyle")
        return self.usual if named is None else self.styles.get(named.get(f"{W}val", ""), self.usual)

    def _text(self, paragraph: Element, style: WordStyle) -> str:
        said: list[str] = []
        for run in _runs(paragraph):
            properties = run.find(f"{W}rPr")
            vanish = None if properties is None else properties.find(f"{W}vanish")
            text = "".join(self._words(run))
            if vanish is not None and vanish.get(f"{W}val", "1") not in ("0", "false"):
                self.hidden += bool(text)
                continue
            said.append(text)
            letters = word_letters(properties, self.theme).over(style.letters)
            self.looks.add(len(text.strip()), colour=letters.colour, font=letters.font)
        return "".join(said)

    def _words(self, run: Element) -> Iterator[str]:
        for each in run:
            if each.tag == f"{W}t":
                yield each.text or ""
            elif each.tag in (f"{W}br", f"{W}cr"):
                yield "\n"
            elif each.tag == f"{W}tab":
                yield "\t"
            elif each.tag == f"{W}noBreakHyphen":
                yield "-"
            elif each.tag == f"{W}lastRenderedPageBreak":
                self.pages = max(self.pages, 1) + 1


def _runs(held: Element) -> Iterator[Element]:
    """Runs below an element, those of text boxes too, each once."""
    for each in held:
        if each.tag == _FALLBACK:
            continue
        if each.tag == f"{W}r":
            yield each
        yield from _runs(each)


if TYPE_CHECKING:

    def _fits(x: DocxFile) -> Reader:
        return x
