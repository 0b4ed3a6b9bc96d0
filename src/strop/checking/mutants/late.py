"""Kinds of flaws that were written after the checks were frozen: no rule was ever made from one of them.

They say what the gate finds of flaws that nobody had in mind when its checks were written.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from strop.checking.mutants.bodies import OfBytes
from strop.checking.mutants.parts import OfContent
from strop.checking.mutants.prose import Leaf, OfLeaf
from strop.checking.mutants.readings import Claims, OfClaims, Sources
from strop.checking.mutants.record import Form, Record
from strop.checking.quotes import as_number
from strop.types.content import Bullets, Chart, Content, Document, Paragraph, Table
from strop.types.schema import Json
from strop.types.trial import Claim
from strop.types.work import Kind

# ---------------------------------------------------------------- readings


def _of(claims: Claims, *fields: str) -> list[Claim]:
    return [claim for claim in claims if claim.reader == 1 and claim.field in fields]


def _said(kind: str, claims: Claims, sources: Sources, held: Claim, after: Claim) -> tuple[Claims, Sources, Record]:
    """Every reader says what `after` says."""
    changed = tuple(
        replace(claim, value=after.value, quote=after.quote, span=after.span)
        if claim.reader and (claim.row, claim.field) == (held.row, held.field)
        else claim
        for claim in claims
    )
    place = f"{held.row}.{held.field}"
    return (
        changed,
        sources,
        Record(kind, Form.CONSISTENT, "claims", place, str(held.value), str(after.value), late=True),
    )


def _told_more(kind: str, words: str, factor: float) -> OfClaims:
    """The page also states another figure of the same thing (of last year, as planned), and that one is taken."""

    def broken(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
        held = chance.choice(_of(claims, "tonnes", "fee"))
        figure, text = as_number(held.value), sources[held.source]
        if figure is None:
            return None
        other = (
            str(round(float(figure) * factor, 2)) if isinstance(held.value, str) else f"{int(float(figure) * factor):,}"
        )
        what = f"{other} tonnes" if held.field == "tonnes" else f"{other} EUR a day"
        quote = words.format(what)
        whole = f"{text}{quote}\n"
        value = other if isinstance(held.value, str) else int(other.replace(",", ""))
        after = replace(held, value=value, quote=quote, span=(len(text), len(text) + len(quote)))
        changed, _, record = _said(kind, claims, sources, held, after)
        return changed, {**sources, held.source: whole}, record

    return broken


def _negative(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    held = chance.choice(_of(claims, "tonnes", "opened"))
    return _said("sign", claims, sources, held, replace(held, value=f"-{held.value}"))


def _cut_name(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """A name without its last letter: it still stands within the word."""
    held = chance.choice(_of(claims, "name"))
    return _said("name cut short", claims, sources, held, replace(held, value=str(held.value)[:-1]))


def _turned_date(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """Month and day in the other order."""
    dates = [claim for claim in _of(claims, "surveyed") if int(str(claim.value)[8:]) <= 12]
    dates = [claim for claim in dates if str(claim.value)[8:] != str(claim.value)[5:7]]
    if not dates:
        return None
    held = chance.choice(dates)
    year, month, day = str(held.value).split("-")
    return _said("date turned", claims, sources, held, replace(held, value=f"{year}-{day}-{month}"))


def _added(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """Two figures of the page summed, with the quote of one."""
    held = chance.choice(_of(claims, "tonnes"))
    other = next(claim for claim in _of(claims, "opened") if claim.row == held.row)
    total = int(str(held.value)) + int(str(other.value))
    return _said("figures added up", claims, sources, held, replace(held, value=total))


READINGS: Mapping[str, OfClaims] = {
    "last year's figure": _told_more("last year's figure", "The year before it handled about {0}, with less ice.", 0.8),
    "figure of another year": _told_more("figure of another year", "In 2019 it was {0}.", 0.9),
    "planned for actual": _told_more("planned for actual", "From next year {0} are planned.", 1.5),
    "sign": _negative,
    "name cut short": _cut_name,
    "date turned": _turned_date,
    "figures added up": _added,
}

# ---------------------------------------------------------------- prose


def _sentence(leaf: Leaf) -> str:
    value = leaf["value"]
    return value if isinstance(value, str) and " " in value.strip() and value.endswith(".") else ""


def _widened(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """What is true of one is said of all."""
    said = _sentence(leaf)
    return (
        re.sub(r"\b[A-Z][a-z]+ \d+\b", "Every harbour", said, count=1) if re.search(r"[A-Z][a-z]+ \d+", said) else None
    )


def _joined(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """Another sentence's fact hung on, under the quote of this one."""
    said = _sentence(leaf)
    more = [_sentence(other) for other in others if _sentence(other) and _sentence(other) != said]
    return f"{said[:-1]}, and {chance.choice(more)}" if said and more else None


def _spelled(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """A figure in words, and another one."""
    said = _sentence(leaf)
    found = list(re.finditer(r"(?<![A-Za-z] )\b\d[\d,.]*\d\b", said))
    return f"{said[: found[-1].start()]}ninety-seven{said[found[-1].end() :]}" if found else None


def _superlative(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """A rank that no quote gives."""
    said = _sentence(leaf)
    return f"The leading harbour of the region, {said}" if said else None


def _always(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """What was so once is said of all times."""
    said = _sentence(leaf)
    return f"Year after year, {said}" if said else None


def _lately(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """A period that the quote does not give, told without a figure."""
    said = _sentence(leaf)
    return f"{said[:-1]}, as of this month." if said else None


def _ranked(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """More than all others, where the quote compares nothing."""
    said = _sentence(leaf)
    return f"{said[:-1]}, more than any other." if said else None


def _shared(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """What is said of one is said of the rest too."""
    said = _sentence(leaf)
    return f"{said[:-1]}, and so it is in all the others." if said else None


PROSE: Mapping[str, OfLeaf] = {
    "scope widened": _widened,
    "scope widened to the rest": _shared,
    "scope widened to all times": _always,
    "period added": _lately,
    "superlative by comparison": _ranked,
    "facts joined": _joined,
    "figure in words": _spelled,
    "superlative": _superlative,
}

# ---------------------------------------------------------------- files


def _shifted(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    """One column of a table slides down by a row."""
    if not isinstance(content, Table) or len(content.rows) < 3:
        return None
    rows = [list(cells) for cells in content.rows]
    column = chance.randrange(len(content.heads))
    held = [cells[column] for cells in rows]
    for cells, cell in zip(rows, (held[-1], *held[:-1]), strict=True):
        cells[column] = cell
    after = replace(content, rows=tuple(tuple(cells) for cells in rows))
    return after, content.heads[column].name, "", "a row down"


def _rounded(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    """Thousands cut off in one file."""
    if not isinstance(content, Table):
        return None
    rows = tuple(content.rows)
    for number, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            figure = as_number(cell.value)
            if isinstance(cell.value, int) and figure is not None and abs(figure) >= 10_000 and figure % 1000:
                value = round(cell.value, -3)
                mended = (*cells[:column], replace(cell, value=value), *cells[column + 1 :])
                after = replace(content, rows=(*rows[:number], mended, *rows[number + 1 :]))
                return after, f"row {number + 1}, {content.heads[column].name}", str(cell.value), str(value)
    return None


def _said_twice(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    """A sentence stands for another: said twice, the other not at all."""
    if not isinstance(content, Document):
        return None
    for index, block in enumerate(content.blocks):
        held = block.sentences if isinstance(block, Paragraph) else block.items if isinstance(block, Bullets) else ()
        if len(held) > 1:
            words = (held[0], held[0], *held[2:])
            new = replace(block, sentences=words) if isinstance(block, Paragraph) else Bullets(words)
            blocks = (*content.blocks[:index], new, *content.blocks[index + 1 :])
            return replace(content, blocks=blocks), f"“{held[1].text[:60]}”", held[1].text, held[0].text
    return None


def _relabelled(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    """Two bars of a chart change their names."""
    if not isinstance(content, Chart) or len(content.points) < 2:
        return None
    first, second, *rest = content.points
    if first.x == second.x or first.y.value == second.y.value:
        return None
    points = (replace(first, x=second.x), replace(second, x=first.x), *rest)
    return replace(content, points=points), "picture", str(first.x), str(second.x)


def _other_axis(content: Content, chance: random.Random) -> tuple[Content, str, str, str] | None:
    if not isinstance(content, Chart):
        return None
    return replace(content, y_title=f"{content.y_title}, thousands"), "picture", content.y_title, "thousands"


PARTS: Mapping[str, OfContent] = {
    "column shifted": _shifted,
    "rounded in one file": _rounded,
    "sentence twice": _said_twice,
    "labels swapped": _relabelled,
    "axis renamed": _other_axis,
}


def _flipped(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """One digit of the bytes is another."""
    places = [found.start() for found in re.finditer(rb"[1-8]", body)]
    if not places or kind in (Kind.PDF, Kind.PNG):
        return None
    at = chance.choice(places)
    return body[:at] + bytes([body[at] + 1]) + body[at + 1 :], "file", f"byte {at}", "one more"


def _doubled(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """The file written twice, one after the other."""
    return body + body, "file", f"{len(body)} bytes", f"{2 * len(body)} bytes"


BODIES: Mapping[str, OfBytes] = {"digit flipped": _flipped, "written twice": _doubled}
LATE = frozenset((*READINGS, *PROSE, *PARTS, *BODIES))
