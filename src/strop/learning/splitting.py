"""Which inputs are one source, and which part of the evidence each source serves.

Inputs are split before anything is distilled: what an item is made from (`LEARN`), what options are compared on
(`CHOOSE`), and what the chosen one is certified on (`CERTIFY`). Inputs that come from one source, or say nearly the
same, stay in one part, else a certificate would be earned on what was learned. Pure: the same inputs and seed
give the same parts, in whatever order they come.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from strop.types.fingerprint import digest

ALIKE = 0.85
"""Likeness from which two texts are taken for the same one."""
WORDS = 3
"""Words of a shingle (A. Broder, "On the resemblance and containment of documents", 1997)."""
SKETCH = 64
"""Shingles by which likely pairs are found; likeness itself is counted over all of them."""
COMMON = 0.25
"""A name that more than this share of the inputs bears (`page-001`, `page-002`) says nothing of their source."""


class Part(StrEnum):
    LEARN = "learn"
    CHOOSE = "choose"
    CERTIFY = "certify"


SHARES = ((Part.LEARN, 0.4), (Part.CHOOSE, 0.2), (Part.CERTIFY, 0.4))


@dataclass(frozen=True, slots=True)
class Source:
    """One input as the split sees it."""

    key: str
    """Hash of the input, as in `Pair.unit`."""
    place: str
    """Its path or URL."""
    text: str


def split(sources: Sequence[Source], *, seed: str) -> Mapping[str, Part]:
    """The part of each input, by key; whole clusters only, drawn by hash until each part has its share.

    With fewer clusters than parts the later parts stay empty: then nothing can be certified, and nothing is.
    """
    groups = sorted(clusters(sources), key=lambda group: digest([seed, group[0]]))
    total, filled = sum(map(len, groups)), Counter[Part]()
    parts: dict[str, Part] = {}
    for group in groups:
        part = min(SHARES, key=lambda each: (filled[each[0]] / (each[1] * total), each[0] is Part.CHOOSE))[0]
        filled[part] += len(group)
        parts.update(dict.fromkeys(group, part))
    return parts


def clusters(sources: Sequence[Source]) -> tuple[tuple[str, ...], ...]:
    """Keys of inputs that hang together, by near-duplicate text or by a common place; sorted."""
    shingled = {source.key: shingles(source.text) for source in sources}
    leader = {key: key for key in shingled}

    def head(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for one, other in (*_near(shingled), *_together(sources)):
        first, second = sorted((head(one), head(other)))
        leader[second] = first
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted(leader):
        groups[head(key)].append(key)
    return tuple(sorted(tuple(group) for group in groups.values()))


def shingles(text: str) -> frozenset[int]:
    """Checksums of all runs of `WORDS` words, in lower case; a shorter text is one shingle."""
    words = re.findall(r"\w+", text.lower())
    last = max(1, len(words) - WORDS + 1)
    return frozenset(zlib.crc32(" ".join(words[at : at + WORDS]).encode()) for at in range(last))


def likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """Shared shingles over all shingles (P. Jaccard), 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 1.0


def cosine(texts: Mapping[str, str], *, to: str) -> Mapping[str, float]:
    """Cosine of each text with `to`, words weighted by how rare they are among all of them (TF-IDF)."""
    counted = {key: Counter(re.findall(r"\w+", text.lower())) for key, text in texts.items()}
    wanted = Counter(re.findall(r"\w+", to.lower()))
    held = Counter(word for words in (*counted.values(), wanted) for word in words)
    weight = {word: 1 + math.log((2 + len(texts)) / (1 + often)) for word, often in held.items()}

    def dot(one: Mapping[str, int], other: Mapping[str, int]) -> float:
        return sum(count * other.get(word, 0) * weight[word] ** 2 for word, count in one.items())

    return {
        key: dot(words, wanted) / math.sqrt(dot(words, words) * dot(wanted, wanted)) if words and wanted else 0.0
        for key, words in counted.items()
    }


def _near(shingled: Mapping[str, frozenset[int]]) -> Iterable[tuple[str, str]]:
    """Pairs of near-duplicates; only such as share one of their lowest checksums are compared."""
    holders: defaultdict[int, list[str]] = defaultdict(list)
    for key in sorted(shingled):
        for low in sorted(shingled[key])[:SKETCH]:
            holders[low].append(key)
    compared: set[tuple[str, str]] = set()
    for keys in holders.values():
        # Neighbours only: what only near-duplicates share lists just them, and a chain joins them all the same.
        for pair in pairwise(keys):
            if pair not in compared and likeness(shingled[pair[0]], shingled[pair[1]]) >= ALIKE:
                yield pair
            compared.add(pair)


def _together(sources: Sequence[Source]) -> Iterable[tuple[str, str]]:
    """Pairs whose paths differ only in digits (`2024/report-3`, `2025/report-1`), unless too many inputs do."""
    families: defaultdict[str, list[str]] = defaultdict(list)
    for source in sorted(sources, key=lambda each: each.key):
        families[re.sub(r"[\W_\d]+", "-", source.place.partition("?")[0].lower())].append(source.key)
    for keys in families.values():
        if len(keys) <= COMMON * len(sources):
            yield from pairwise(keys)
