"""Inconsistent flaws: one file says something else than the judged values, and looks well."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from strop.checking.mutants.record import Form, Record
from strop.checking.quotes import as_number
from strop.types.content import (
    Block,
    Bullets,
    Cell,
    Chart,
    Content,
    Deck,
    Document,
    Heading,
    Paragraph,
    Part,
    Scalar,
    Sentence,
    Slide,
    Table,
)

OfContent = Callable[[Content, random.Random], "tuple[Content, str, str, str] | None"]
"""(content, chance) -> (flawed content, place, before, after)."""


def break_part(kind: str, broken: OfContent, part: Part, *, seed: int) -> tuple[Part, Record] | None:
    """The file's content with one flaw of this kind; None where it holds nothing to break so."""
    chance = random.Random(f"{kind}/{part.file}/{seed}")
    for index, content in enumerate(part.content):
        made = broken(content, chance)
        if made is None or made[0] == content:
            continue
        after, place, before, now = made
        flawed = replace(part, content=(*part.content[:index], after, *part.content[index + 1 :]))
        return flawed, Record(kind, Form.INCONSISTENT, part.file, place, before, now)
    return None


# ---------------------------------------------------------------- tables


def _cell(
    content: Content, chance: random.Random, other: Callable[[Scalar], Scalar]
) -> tuple[Content, str, str, str] | None:
    """One number of a table, also of one inside a document or on a slide."""
    if isinstance(content, Document | Deck):
        return _within(content, lambda block: _cell(block, chance, other) if isinstance(block, Table) else None)
    if not isinstance(content, Table):
        return None
    rows = tuple(content.rows)
    at = [(row, column) for row, cells in enumerate(rows) for column, cell in enumerate(cells) if _figure(cell)]
    if not at:
        return None
    row, column = chance.choice(at)
    cell = rows[row][column]
    value = other(cell.value)
    cells = (*rows[row][:column], replace(cell, value=value), *rows[row][column + 1 :])
    after = replace(content, rows=(*rows[:row], cells, *rows[row + 1 :]))
    return after, f"row {row + 1}, {content.heads[column].name}", str(cell.value), str(value)


def _figure(cell: Cell) -> bool:
    return as_number(cell.value) is not None


def _off(value: Scalar) -> Scalar:
    figure = as_number(value)
    assert figure is not None, "only numbers are asked for"
    step = max(1, int(abs(figure) / 20))
    return str(figure + step) if isinstance(value, str) else type(value)(figure + step)  # type: ignore[call-overload,return-value,misc]  # an int stays one, a float too


def _lost_row(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    if not isinstance(content, Table) or len(content.rows) < 2:
        return None
    rows = tuple(content.rows)
    at = chance.randrange(len(rows))
    return replace(content, rows=(*rows[:at], *rows[at + 1 :])), "rows", str(len(rows)), str(len(rows) - 1)


def _copied_row(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    if not isinstance(content, Table) or len(content.rows) < 2:
        return None
    rows = tuple(content.rows)
    source, target = chance.sample(range(len(rows)), 2)
    after = replace(content, rows=(*rows[:target], rows[source], *rows[target + 1 :]))
    return after, f"row {target + 1}", str(rows[target][0].value), str(rows[source][0].value)


def _swapped(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    """Two rows' values of one column change places."""
    if not isinstance(content, Table) or len(content.rows) < 2:
        return None
    rows = [list(cells) for cells in content.rows]
    columns = [column for column in range(len(content.heads)) if _figure(rows[0][column])]
    if not columns:
        return None
    column = chance.choice(columns)
    one, other = chance.sample(range(len(rows)), 2)
    if rows[one][column].value == rows[other][column].value:
        return None
    rows[one][column], rows[other][column] = rows[other][column], rows[one][column]
    place = f"row {one + 1}, {content.heads[column].name}"
    after = replace(content, rows=tuple(tuple(cells) for cells in rows))
    return after, place, str(rows[other][column].value), str(rows[one][column].value)


def _renamed(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    """A column of another name."""
    if not isinstance(content, Table):
        return None
    at = chance.randrange(len(content.heads))
    head = content.heads[at]
    heads = (*content.heads[:at], replace(head, name=f"{head.name}_2"), *content.heads[at + 1 :])
    return replace(content, heads=heads), f"column {head.name}", head.name, f"{head.name}_2"


# ---------------------------------------------------------------- words


def _sentence(
    content: Content, chance: random.Random, other: Callable[[str], str]
) -> tuple[Content, str, str, str] | None:
    """One sentence of a document or slide says something else."""
    if not isinstance(content, Document | Deck):
        return None

    def changed(block: Block) -> tuple[Block, str, str, str] | None:
        if not isinstance(block, Paragraph | Bullets):
            return None
        held = block.sentences if isinstance(block, Paragraph) else block.items
        for at in chance.sample(range(len(held)), len(held)):
            said = held[at].text
            if other(said) != said:
                words = (*held[:at], replace(held[at], text=other(said)), *held[at + 1 :])
                return _reworded(block, words), f"“{said[:60]}”", said, other(said)
        return None

    return _within(content, changed)


def _reworded(block: Paragraph | Bullets, words: tuple[Sentence, ...]) -> Block:
    return replace(block, sentences=words) if isinstance(block, Paragraph) else replace(block, items=words)


def _dropped(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    """A sentence is not there."""
    if not isinstance(content, Document | Deck):
        return None

    def changed(block: Block) -> tuple[Block, str, str, str] | None:
        if not isinstance(block, Paragraph | Bullets):
            return None
        held = block.sentences if isinstance(block, Paragraph) else block.items
        if len(held) < 2:
            return None
        at = chance.randrange(len(held))
        return _reworded(block, (*held[:at], *held[at + 1 :])), f"“{held[at].text[:60]}”", held[at].text, ""

    return _within(content, changed)


def _headless(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    if not isinstance(content, Document):
        return None
    at = [index for index, block in enumerate(content.blocks) if isinstance(block, Heading)]
    if not at:
        return None
    index = chance.choice(at)
    heading = content.blocks[index]
    blocks = (*content.blocks[:index], *content.blocks[index + 1 :])
    said = heading.text if isinstance(heading, Heading) else ""
    return replace(content, blocks=blocks), f"{said}", said, ""


def _within(
    content: Document | Deck, change: Callable[[Block], tuple[Content | Block, str, str, str] | None]
) -> tuple[Content, str, str, str] | None:
    """The first block that can be changed, in a document or on a slide."""
    slides = content.slides if isinstance(content, Deck) else (Slide("", content.blocks),)
    for number, slide in enumerate(slides):
        for index, block in enumerate(slide.blocks):
            made = change(block)
            if made is None:
                continue
            blocks = (*slide.blocks[:index], made[0], *slide.blocks[index + 1 :])
            if isinstance(content, Document):
                return replace(content, blocks=blocks), *made[1:]
            after = replace(slide, blocks=blocks)
            return replace(content, slides=(*slides[:number], after, *slides[number + 1 :])), *made[1:]
    return None


_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_UNITS = {
    "tonnes": "kilograms",
    "EUR": "USD",
    "million": "billion",
    "percent": "per mille",
    "a day": "a month",
    "values": "rows",
}


def _other_number(text: str) -> str:
    found = _NUMBER.search(text)
    if found is None:
        return text
    figure = found.group().replace(",", "")
    other = str(int(figure) + 7) if figure.isdigit() else f"{float(figure) * 1.1:.2f}"
    return text[: found.start()] + other + text[found.end() :]


def _other_unit(text: str) -> str:
    for unit, other in _UNITS.items():
        if unit in text:
            return text.replace(unit, other, 1)
    return text


def _without_caveat(text: str) -> str:
    return re.sub(r"\b(about|at least|up to|roughly|estimated) |, (unless|except|if|but)\b[^.]*", "", text)


def _placeholder(text: str) -> str:
    return f"TODO {text}"


# ---------------------------------------------------------------- charts


def _charts(
    content: Content, chance: random.Random, change: Callable[[Chart], Chart]
) -> tuple[Content, str, str, str] | None:
    if not isinstance(content, Chart) or not content.points:
        return None
    return change(content), "picture", content.name, content.name


def _other_point(chart: Chart) -> Chart:
    held = chart.points[0]
    figure = as_number(held.y.value)
    if figure is None:
        return chart
    point = replace(held, y=replace(held.y, value=float(figure) * 2 + 1))
    return replace(chart, points=(point, *chart.points[1:]))


def _one_less(chart: Chart) -> Chart:
    return replace(chart, points=chart.points[:-1])


PARTS: Mapping[str, OfContent] = {
    "wrong number": lambda content, chance: _cell(content, chance, _off) or _sentence(content, chance, _other_number),
    "off-spec format": lambda content, chance: _cell(content, chance, lambda value: f"c. {value}"),
    "missing row": _lost_row,
    "duplicated row": _copied_row,
    "entity swap": _swapped,
    "renamed column": _renamed,
    "wrong unit": lambda content, chance: _sentence(content, chance, _other_unit),
    "dropped caveat": lambda content, chance: _sentence(content, chance, _without_caveat),
    "dropped sentence": _dropped,
    "missing section": _headless,
    "placeholder": lambda content, chance: _sentence(content, chance, _placeholder),
    "wrong-data chart": lambda content, chance: _charts(content, chance, _other_point),
    "chart point lost": lambda content, chance: _charts(content, chance, _one_less),
}
