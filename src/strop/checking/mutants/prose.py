"""Consistent flaws of what a maker wrote: a sentence, row or point of its answer says what its quote does not."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from strop.checking.mutants.record import Form, Record
from strop.checking.quotes import as_number
from strop.types.schema import Json

Leaf = dict[str, Json]
OfLeaf = Callable[[Leaf, Sequence[Leaf], random.Random], "Json | None"]
"""(leaf, all leaves, chance) -> the leaf's other value."""


def break_prose(
    kind: str, broken: OfLeaf, answers: Mapping[str, Json], *, seed: int
) -> tuple[dict[str, Json], Record] | None:
    """The answers with one leaf's value changed, its source and quote as they were; None where none can be."""
    after = copy.deepcopy(dict(answers))
    leaves = list(_leaves(after, ""))
    chance = random.Random(f"{kind}/{seed}")
    others = [leaf for _, leaf in leaves]
    for place, leaf in chance.sample(leaves, len(leaves)):
        value = broken(leaf, others, chance)
        if value is not None and value != leaf["value"]:
            before, leaf["value"] = str(leaf["value"]), value
            record = Record(kind, Form.CONSISTENT, "claims", place, before, str(value), model=kind in FOR_READERS)
            return after, record
    return None


def _leaves(value: Json, place: str) -> list[tuple[str, Leaf]]:
    match value:
        case dict() if set(value) == {"value", "source", "quote"}:
            return [(place, value)]
        case dict():
            return [one for key, child in value.items() for one in _leaves(child, f"{place}.{key}".strip("."))]
        case list():
            return [one for index, child in enumerate(value) for one in _leaves(child, f"{place}[{index}]")]
        case _:
            return []


_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def _said(leaf: Leaf) -> str:
    """The leaf's sentence; empty where it holds a plain value."""
    value = leaf["value"]
    return value if isinstance(value, str) and " " in value.strip() and value.endswith(".") else ""


def _other_number(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """A number of a sentence is another."""
    said = _said(leaf)
    found = list(_NUMBER.finditer(said))
    if not found:
        return None
    one = found[-1]
    figure = as_number(one.group())
    return None if figure is None else f"{said[: one.start()]}{figure + 11}{said[one.end() :]}"


def _other_value(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """A cell or point says a number near the true one."""
    figure = as_number(cast("int | float | str", leaf["value"])) if not _said(leaf) else None
    if figure is None:
        return None
    value = figure + max(1, int(abs(figure) / 25))
    return str(value) if isinstance(leaf["value"], str) else int(value)


def _other_name(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """The sentence is about another thing than its quote."""
    said = _said(leaf)
    names = sorted({name for other in others for name in _NAME.findall(_said(other))})
    held = _NAME.findall(said)
    free = [name for name in names if name not in held]
    return said.replace(held[0], chance.choice(free)) if held and free else None


_NAME = re.compile(r"\b[A-Z][a-z]+ \d+\b")


def _swapped(pairs: Mapping[str, str]) -> OfLeaf:
    """One word for another, where the sentence has it."""

    def other(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
        said = _said(leaf)
        for word, wrong in pairs.items():
            if re.search(rf"\b{re.escape(word)}\b", said):
                return re.sub(rf"\b{re.escape(word)}\b", wrong, said, count=1)
        return None

    return other


def _uncaveated(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """What the source says with a reserve is said without it."""
    said = _said(leaf)
    plain = re.sub(r"\b(about|at least|up to|roughly|estimated) |, (unless|except|if|but)\b[^.]*", "", said)
    return plain if plain != said else None


def _framed(leaf: Leaf, others: Sequence[Leaf], chance: random.Random) -> Json | None:
    """True figures in a light that the source does not give."""
    said = _said(leaf)
    return f"Disappointingly, {said}" if said else None


PROSE: Mapping[str, OfLeaf] = {
    "wrong number in a sentence": _other_number,
    "wrong number in a cell": _other_value,
    "entity swap in a sentence": _other_name,
    "wrong unit in a sentence": _swapped({"tonnes": "kilograms", "EUR": "USD", "million": "billion"}),
    "wrong period in a sentence": _swapped({"day": "month", "year": "decade"}),
    "negation": _swapped({"was": "was not", "has": "has not", "costs": "never costs", "handled": "never handled"}),
    "dropped caveat": _uncaveated,
    "misleading framing": _framed,
}
FOR_READERS = frozenset({"dropped caveat", "misleading framing"})
"""Kinds that only who reads and understands can find."""
