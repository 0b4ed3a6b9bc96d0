"""Which items an agent is given: hard filters, then how near and how useful, under caps. Pure.

Near is BM25 (Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework") over an item's words, where
an embedder's cosines are at hand fused with them by reciprocal rank (`learning.fusion`); an item made for this
very class of orders is as near as can be. Useful is the lower bound of what it was measured to gain, by token.
What neither the floor on words nor the one on cosines lets in is not given: it costs tokens and accuracy.
The order is that of ids, so that equal choices give equal prompts and the provider's cache hits.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from strop.learning.fusion import best, fused
from strop.learning.scopes import covers, order_class
from strop.types.memory import USED, Item, ItemKind
from strop.types.work import Spec

K1, B = 1.2, 0.75
FLOOR = 0.3
"""Least share of weighted words of an item that is near by its words."""
COSINE = 0.5
"""Least cosine of what is near by its meaning, where strop.toml says no other."""
UNPROVED = 0.01
"""What an item is taken to gain of which nothing was measured."""
_WORD = re.compile(r"[^\W_]{4,}")
"""Shorter words say little of what a text is about."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What one agent is given at the most."""

    skills: int = 2
    lines: int = 12
    knowledge: int = 1_500
    """Tokens."""
    share: float = 0.15
    """Of its window."""


@dataclass(frozen=True, slots=True)
class Option:
    """An item with what selection has to know of its body."""

    item: Item
    words: str
    """Name, description and what it is for."""
    tools: tuple[str, ...] = ()
    """What it cannot do without."""
    effect: float | None = None
    """Lower bound of its measured gain; None where nothing was measured."""


CAPS = Caps()


def select(
    options: Sequence[Option],
    *,
    spec: Spec,
    window: int,
    tools: Sequence[str] = (),
    cosines: Mapping[str, float] | None = None,
    cosine: float = COSINE,
    caps: Caps = CAPS,
) -> tuple[Item, ...]:
    """Those to use, by id. `window` in tokens; `cosines` of items with `asked(spec)` by item id, `cosine` their floor.

    Without cosines, words alone decide.
    """
    fit = [option for option in options if _allowed(option, spec, tools)]
    exact = order_class(spec)
    worth = {**nearness(fit, query=asked(spec), cosines=cosines, cosine=cosine)}
    worth.update((option.item.id, 1.0) for option in fit if option.item.scope.order == exact)
    ranked = sorted(
        (option for option in fit if option.item.id in worth),
        key=lambda option: (-_utility(option, worth[option.item.id]), option.item.id),
    )
    return _under(ranked, caps, round(window * caps.share))


def _allowed(option: Option, spec: Spec, tools: Sequence[str]) -> bool:
    # What is untrusted reaches none of these states without a person: see lifecycle.
    item = option.item
    return item.state in USED and covers(item.scope, spec) and set(option.tools) <= set(tools)


def _utility(option: Option, nearness: float) -> float:
    gain = UNPROVED if option.effect is None else max(option.effect, UNPROVED)
    return nearness * gain / max(option.item.tokens, 1)


def _under(ranked: Sequence[Option], caps: Caps, room: int) -> tuple[Item, ...]:
    left: dict[Callable[[Item], bool], int] = {_skill: caps.skills, _line: caps.lines}
    taken: list[Item] = []
    knowledge = caps.knowledge
    for option in ranked:
        item = option.item
        kind = next((each for each in left if each(item)), None)
        known = item.kind is ItemKind.KNOWLEDGE
        if item.tokens > room or (kind is not None and not left[kind]) or (known and item.tokens > knowledge):
            continue
        room -= item.tokens
        knowledge -= item.tokens * known
        if kind is not None:
            left[kind] -= 1
        taken.append(item)
    return tuple(sorted(taken, key=lambda item: item.id))


def _skill(item: Item) -> bool:
    return item.kind in (ItemKind.SKILL, ItemKind.PLAN, ItemKind.STYLE)


def _line(item: Item) -> bool:
    return item.kind is ItemKind.CONSTRAINT


# ---------------------------------------------------------------- nearness


def nearness(
    options: Sequence[Option], *, query: str, cosines: Mapping[str, float] | None = None, cosine: float = COSINE
) -> Mapping[str, float]:
    """How near each item is to the query, in (0, 1]; who is below the floors is not there.

    By words it is the share of the shorter one's weighted words that both say. With cosines it is the fused score of
    both rankings, of the best there is; each ranking holds only whom its own floor lets in.
    """
    bags = {option.item.id: Counter(_words(option.words)) for option in options}
    held, said = list(bags.values()), set(_words(query))
    shares = {name: share for name, bag in bags.items() if (share := _overlap(bag, said, held)) >= FLOOR}
    if cosines is None:
        return shares
    scored = {name: _bm25(bags[name], said, held) for name in shares}
    meant = {name: cosines[name] for name in bags if cosines.get(name, -1.0) >= cosine}
    rankings = [sorted(each, key=lambda name, by=each: (-by[name], name)) for each in (scored, meant)]
    return {name: score / best(len(rankings)) for name, score in fused(rankings).items()}


def _overlap(bag: Counter[str], query: set[str], bags: Sequence[Counter[str]]) -> float:
    def weight(words: set[str]) -> float:
        return sum(_rarity(word, bags) for word in words)

    least = min(weight(set(bag)), weight(query))
    return weight(query & set(bag)) / least if least else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _bm25(bag: Counter[str], query: set[str], bags: Sequence[Counter[str]]) -> float:
    mean = sum(each.total() for each in bags) / len(bags) or 1.0
    length = K1 * (1 - B + B * bag.total() / mean)
    return sum(_rarity(word, bags) * bag[word] * (K1 + 1) / (bag[word] + length) for word in query if bag[word])


def _rarity(word: str, bags: Sequence[Counter[str]]) -> float:
    held = sum(word in bag for bag in bags)
    return math.log(1 + (len(bags) - held + 0.5) / (held + 0.5))


def asked(spec: Spec) -> str:
    """What a spec asks for, in its own words: its title, its prose, its columns."""
    columns = " ".join(column.name for output in spec.outputs for column in output.columns)
    return f"{spec.title} {spec.prose} {columns}"
