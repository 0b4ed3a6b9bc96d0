"""Does a sentence say more than the words it rests on?

What code can see of a paraphrase: a figure that no quote says, a name that neither the quote nor its
source has, a unit behind a figure that is another in the quote, a denial on one side only, a hedge
before a figure (`about`, `at least`) that is left out. What it cannot see is everything else: a
condition left out, a light that the source does not give.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from strop.checking.quotes import normal, numbers

_NAME = re.compile(
    r"(?<![.!?:]\s)(?<!^)\b[A-Z][\w'-]*(?:\s+(?:[A-Z][\w'-]*|\d+))*|^[A-Z][\w'-]*\s+(?:[A-Z][\w'-]*|\d+)\b"
)
"""A capital within a sentence, or one at its begin that another capital or a number follows."""
_HEDGE = re.compile(
    r"\b(about|almost|approximately|around|at least|at most|circa|estimated|fewer than|less than|more than|nearly"
    r"|no more than|over|roughly|some|under|up to)\s*$",
    re.IGNORECASE,
)
_DENIALS = frozenset("no not never none neither nor without cannot".split())
_UNIT = re.compile(r"^\s*([^\W\d_]{2,}|[%€$£])(?:\s+(?:a|per)\s+([^\W\d_]+))?")
_COMMON = frozenset(
    "a an and are as at by for from had has have in is it of on or per since than that the to was were with".split()
)


def unsaid(sentence: str, *, quotes: Sequence[str], sources: Sequence[str] = ()) -> tuple[str, ...]:
    """What the sentence says and its quotes do not, in words for people; empty where code finds nothing.

    `sources` are the texts that the quotes are from: a name may stand elsewhere in them.
    """
    said = " ".join(quotes)
    found = (
        *_figures(sentence, said),
        *_names(sentence, said, sources),
        *_denials(sentence, said),
        *_hedges(sentence, said),
    )
    return tuple(dict.fromkeys(found))


def _figures(sentence: str, said: str) -> Iterator[str]:
    stated = [(figure, _unit(behind)) for figure, _, behind in numbers(said)]
    named = {found.group() for found in _NAME.finditer(sentence)}
    for figure, _, behind in numbers(sentence):
        if any(re.search(rf"\b{re.escape(str(figure))}$", name) for name in named):
            continue  # a number that is part of a name is looked for as a name
        units = [unit for other, unit in stated if other == figure]
        if not units:
            yield f"the figure {figure:f}"
        elif (own := _unit(behind)) and not any(_agree(own, unit) for unit in units):
            yield f"{figure:f} in {' per '.join(filter(None, own))}"


def _hedges(sentence: str, said: str) -> Iterator[str]:
    """A figure that the source hedges in so many words, and the sentence does not."""
    hedged = {figure: found[1] for figure, before, _ in numbers(said) if (found := _HEDGE.search(before))}
    for figure, before, _ in numbers(sentence):
        if figure in hedged and not _HEDGE.search(before):
            yield f"{figure:f} without “{hedged[figure].strip()}”"


def _unit(behind: str) -> tuple[str, str]:
    """The word behind a figure, and what it is per; empty where it is none."""
    found = _UNIT.match(behind)
    if found is None or found[1].casefold() in _COMMON:
        return "", ""
    return _stem(found[1]), _stem(found[2] or "")


def _agree(own: tuple[str, str], other: tuple[str, str]) -> bool:
    """Equal where both say something; who leaves a unit out contradicts nobody."""
    return all(not one or not two or one == two for one, two in zip(own, other, strict=True))


def _stem(word: str) -> str:
    word = normal(word)
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _names(sentence: str, said: str, sources: Sequence[str]) -> Iterator[str]:
    held = normal(" ".join((said, *sources)))
    for found in _NAME.finditer(sentence):
        name = found.group()
        if not re.search(rf"(?<!\w){re.escape(normal(name))}(?!\w)", held):
            yield f"the name {name}"


def _denials(sentence: str, said: str) -> Iterator[str]:
    own, other = _denied(sentence), _denied(said)
    if own and not other:
        yield f"a denial ({', '.join(sorted(own))})"
    elif other and not own and len(said) < 2 * len(sentence):
        yield f"no denial, where the source has one ({', '.join(sorted(other))})"


def _denied(text: str) -> frozenset[str]:
    words = frozenset(re.findall(r"[a-z']+", normal(text)))
    return (words & _DENIALS) | frozenset(word for word in words if word.endswith("n't"))
