"""Which inputs are one source: no certificate is earned on what hangs together with what an item was made from.

An item learns from the whole of its run, nothing is chosen between on the inputs that certify it, and it is certified
on source clusters of other runs only; expressions are learned and tried within one run, on whole clusters each.
Pure: the same inputs give the same clusters, in whatever order they come.
"""

from __future__ import annotations

import math
import re
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import pairwise

from strop.drafting.pages import is_page
from strop.types.fingerprint import digest

ALIKE = 0.85
"""Likeness from which two texts are taken for the same one."""
WORDS = 3
"""Words of a shingle (A. Broder, "On the resemblance and containment of documents", 1997)."""
SKETCH = 64
"""Shingles by which likely pairs are found; likeness itself is counted over all of them."""
COMMON = 0.25
"""A name that more than this share of the inputs bears (`page-001`, `page-002`) says nothing of their source."""


LOOKED = 2_000
"""Units of one run that are compared with what an item was made from; of more, as many drawn by the hash of their
place, and the others are no evidence."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input as the clusters see it."""

    key: str
    """Whatever its owner calls it by: its unit, path, or hash."""
    place: str
    """Its path or URL; empty where nobody knows it any more."""
    text: str
    """Empty where it is not known yet: then its place alone says what it hangs together with."""


def hanging(units: Sequence[Source], *, made: Sequence[Source]) -> frozenset[str]:
    """Keys of the units that are no evidence for what was made from `made`: those in one cluster with one of these.

    Of more than `LOOKED` units those that are not looked at are among them: a smaller sample is as fair a one, but a
    chain that only such a unit would close is not seen.
    """
    if not made:
        return frozenset()
    looked = drawn(units)
    apart = {unit.key for unit in units} - {unit.key for unit in looked}
    both = [replace(each, key=f"made {at}") for at, each in enumerate(made)]
    both += [replace(each, key=f"unit {each.key}") for each in looked]
    near = (group for group in clusters(both) if group[0].startswith("made "))  # they are sorted
    return frozenset(apart.union(key.removeprefix("unit ") for group in near for key in group if key[0] == "u"))


def drawn(units: Sequence[Source]) -> Sequence[Source]:
    """At most `LOOKED` of them, the same ones whenever they are asked for."""
    return units if len(units) <= LOOKED else sorted(units, key=lambda unit: digest([unit.place, unit.key]))[:LOOKED]


def clusters(sources: Sequence[Source]) -> tuple[tuple[str, ...], ...]:
    """Keys of inputs that hang together, by near-duplicate text or by a common place; sorted."""
    shingled = {source.key: array("I", shingles(source.text)) for source in sources if source.text.strip()}
    leader = {source.key: source.key for source in sources}

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
    words = [word.encode() for word in re.findall(r"\w+", text.lower())]
    if len(words) < WORDS:
        return frozenset((zlib.crc32(b" ".join(words)),))
    return frozenset(map(zlib.crc32, map(b" ".join, zip(*(words[at:] for at in range(WORDS)), strict=False))))


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


def _near(shingled: Mapping[str, array[int]]) -> Iterable[tuple[str, str]]:
    """Pairs of near-duplicates; only such as share one of their lowest checksums are compared."""
    holders: defaultdict[int, list[str]] = defaultdict(list)
    for key in sorted(shingled):
        for low in nsmallest(SKETCH, shingled[key]):
            holders[low].append(key)
    compared: set[tuple[str, str]] = set()
    for keys in holders.values():
        # Neighbours only: what only near-duplicates share lists just them, and a chain joins them all the same.
        for pair in pairwise(keys):
            if pair not in compared and likeness(*(frozenset(shingled[key]) for key in pair)) >= ALIKE:
                yield pair
            compared.add(pair)


def _together(sources: Sequence[Source]) -> Iterable[tuple[str, str]]:
    """Pairs whose paths differ only in digits (`2024/report-3`, `2025/report-1`), unless too many inputs do.

    One address of the web is one source, however many there are like it; a path is filled anew by every batch.
    """
    families: defaultdict[str, list[str]] = defaultdict(list)
    addresses: defaultdict[str, list[str]] = defaultdict(list)
    for source in sorted((each for each in sources if each.place), key=lambda each: each.key):
        families[re.sub(r"[\W_\d]+", "-", source.place.partition("?")[0].lower())].append(source.key)
        if is_page(source.place):
            addresses[source.place].append(source.key)
    few = (keys for keys in families.values() if len(keys) <= COMMON * len(sources))
    for keys in (*few, *addresses.values()):
        yield from pairwise(keys)
