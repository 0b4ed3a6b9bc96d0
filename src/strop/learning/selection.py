"""Which items an agent is given: hard filters, then how near and how useful, under caps. Pure.

Near is BM25 (Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework") over an item's words, where
rankings by embeddings are at hand fused with it by reciprocal rank (Cormack, Clarke & Buettcher 2009); an item
made for this very class of orders is as near as can be. Useful is the lower bound of what it was measured to
gain, by token. Nothing below the floor is given: an item that does not belong costs tokens and accuracy.
The order is that of ids, so that equal choices give equal prompts and the provider's cache hits.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from strop.learning.scopes import covers, order_class
from strop.types.memory import USED, Item, ItemKind
from strop.types.work import Spec

K1, B = 1.2, 0.75
FUSED = 60
"""The constant of reciprocal rank fusion, as its authors found it."""
FLOOR = 0.3
"""Least nearness of an item that is used."""
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
    ranks: Sequence[Mapping[str, int]] = (),
    caps: Caps = CAPS,
) -> tuple[Item, ...]:
    """Those to use, by id. `window` in tokens; `ranks` are rankings by embeddings, best 1, by item id."""
    fit = [option for option in options if _allowed(option, spec, tools)]
    near = nearness(fit, query=_asked(spec), ranks=ranks)
    exact = order_class(spec)
    worth = {
        option.item.id: (1.0 if option.item.scope.order == exact else near[option.item.id])
        for option in fit
        if option.item.scope.order == exact or near[option.item.id] >= FLOOR
    }
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


def nearness(options: Sequence[Option], *, query: str, ranks: Sequence[Mapping[str, int]] = ()) -> Mapping[str, float]:
    """How near each item is to the query, in [0, 1]: the share of the shorter one's weighted words that both say.

    With rankings by embeddings, the mean of that share and of the fused rank's place below the best there is.
    """
    bags = {option.item.id: Counter(_words(option.words)) for option in options}
    held, asked = list(bags.values()), set(_words(query))
    shares = {name: _overlap(bag, asked, held) for name, bag in bags.items()}
    if not ranks:
        return shares
    scored = {name: _bm25(bag, asked, held) for name, bag in bags.items()}
    lexical = {name: at for at, name in enumerate(sorted(scored, key=lambda each: (-scored[each], each)), 1)}
    fused = {name: sum(1 / (FUSED + rank[name]) for rank in (lexical, *ranks) if name in rank) for name in scored}
    best = (1 + len(ranks)) / (FUSED + 1)
    return {name: (shares[name] + fused[name] / best) / 2 for name in scored}


def _overlap(bag: Counter[str], asked: set[str], bags: Sequence[Counter[str]]) -> float:
    def weight(words: set[str]) -> float:
        return sum(_rarity(word, bags) for word in words)

    least = min(weight(set(bag)), weight(asked))
    return weight(asked & set(bag)) / least if least else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _bm25(bag: Counter[str], asked: set[str], bags: Sequence[Counter[str]]) -> float:
    mean = sum(each.total() for each in bags) / len(bags) or 1.0
    length = K1 * (1 - B + B * bag.total() / mean)
    return sum(_rarity(word, bags) * bag[word] * (K1 + 1) / (bag[word] + length) for word in asked if bag[word])


def _rarity(word: str, bags: Sequence[Counter[str]]) -> float:
    held = sum(word in bag for bag in bags)
    return math.log(1 + (len(bags) - held + 0.5) / (held + 0.5))


def _asked(spec: Spec) -> str:
    columns = " ".join(column.name for output in spec.outputs for column in output.columns)
    return f"{spec.title} {spec.prose} {columns}"
