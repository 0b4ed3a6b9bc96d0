"""Seeded flaws: claims made false in ways that the deterministic layer cannot see, to measure a refuting model.

Each generator is a pure function (claim, passage, seed) -> flawed claim or None. The passage is the
window of the source that holds the claim's quote; the flawed claim keeps task, row and field, so that
nothing but its content tells it from those around it. What comes out really is false against its
passage (`still_true` is the filter), and its quote still stands there: a flaw that a check catches for
nothing would measure nothing. Whether it passes all checks is asked by whoever plants it.

Kinds, after what published benchmarks plant and what peers' reports get wrong:

    entity       another name of the same passage          A sold it -> B sold it
    negation     the negation dropped                       did not rise -> rose
    neighbour    a number of a neighbouring sentence or row 601 rows -> 9 rows
    unit         unit or period swapped                     per month -> per year
    hedge        the hedge dropped                          about 40 -> 40
    scope        generalised                                some -> all
    comparison   turned round                               more than -> less than

Not elegant, and known: the falsehood rests on the claim being right, so canaries are made of claims
that were proved before those that were only quoted; and English is the only language with words here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from strop.checking.quotes import as_number, locate, normal, states
from strop.checking.sentences import sentences
from strop.types.content import Scalar
from strop.types.fingerprint import digest
from strop.types.trial import Claim


class Flaw(StrEnum):
    ENTITY = "entity"
    NEGATION = "negation"
    NEIGHBOUR = "neighbour"
    UNIT = "unit"
    HEDGE = "hedge"
    SCOPE = "scope"
    COMPARISON = "comparison"


T = TypeVar("T", str, tuple[str, str])
Generator = Callable[[Claim, str, str], Claim | None]

PROSE_WORDS = 5
"""Words from which on a text is taken for a sentence and not for a cell."""
_PLAUSIBLE = 1_000
"""A neighbour's number may differ from the claim's by this factor: more, and its size alone tells it."""


def flawed(claim: Claim, passage: str, seed: str) -> tuple[Flaw, Claim] | None:
    """The claim with one flaw, of the first kind that fits it in an order that the seed gives; None where none does."""
    for kind in sorted(GENERATORS, key=lambda each: digest([seed, claim.id, each])):
        made = GENERATORS[kind](claim, passage, seed)
        if made is not None:
            return kind, made
    return None


def still_true(before: Claim, after: Claim, passage: str) -> bool:
    """Whether the flawed claim may be right after all: the same value, or words that the passage has as well."""
    one, other = as_number(before.value), as_number(after.value)
    if one is not None and other is not None:
        return one == other
    was, now = normal(str(before.value)), normal(str(after.value))
    if was == now or not now:
        return True
    if not is_prose(before.value):
        return was in now or now in was
    if locate(str(after.value), passage) is not None:
        return True
    said, told = set(_words(was)), set(_words(now)) - _STOP
    dropped = said - set(_words(now)) if told <= said else set[str]()
    held = (set(_words(normal(each.within(passage)))) for each in sentences(passage))
    return any(told <= each and not (dropped and dropped <= each) for each in held)


def is_prose(value: Scalar) -> bool:
    """Whether a value is a sentence rather than a cell."""
    return isinstance(value, str) and len(value.split()) >= PROSE_WORDS


# ---------------------------------------------------------------- the kinds


def entity(claim: Claim, passage: str, seed: str) -> Claim | None:
    """Another name that the passage has: the whole of a cell, one name of a sentence."""
    if not isinstance(claim.value, str) or as_number(claim.value) is not None:
        return None
    names = _names(passage)
    if is_prose(claim.value):
        own = [name for name in names if states(name, claim.value)]
        others = [name for name in names if name not in own and not _overlap(name, own)]
        for old in _shuffled(own, seed):
            for new in _shuffled(others, seed):
                made = _reworded(claim, _swap(claim.value, old, new), passage)
                if made is not None:
                    return made
        return None
    others = [name for name in names if not _overlap(name, [claim.value])]
    return _elsewhere(claim, passage, _shuffled(others, seed))


def neighbour(claim: Claim, passage: str, seed: str) -> Claim | None:
    """A number of the same passage that belongs to something else."""
    figures = _figures(passage)
    if is_prose(claim.value):
        text = str(claim.value)
        for old in _shuffled(_figures(text), seed):
            for new in _shuffled([each for each in figures if as_number(each) != as_number(old)], seed):
                fits = _is_year(new) == _is_year(old) and _near(old, new)
                if fits and not states(_number(new), text) and states(_number(new), claim.quote):
                    made = _reworded(claim, _swap(text, old, new), passage)
                    if made is not None:
                        return made
        return None
    own = as_number(claim.value)
    if own is None:
        return None
    others = [each for each in figures if as_number(each) != own and _near(str(own), each)]
    likely = sorted(_shuffled(others, seed), key=lambda each: _is_year(each) != _is_year(str(own)))
    return _elsewhere(claim, passage, likely)


def negation(claim: Claim, passage: str, seed: str) -> Claim | None:
    """A negation dropped that the passage has."""
    return _pattern(claim, passage, seed, _NEGATIONS, both=True)


def unit(claim: Claim, passage: str, seed: str) -> Claim | None:
    """Another unit or period than the passage's."""
    return _pattern(claim, passage, seed, _UNITS, both=True)


def hedge(claim: Claim, passage: str, seed: str) -> Claim | None:
    """What the passage only estimates, said outright."""
    return _pattern(claim, passage, seed, _HEDGES, both=True)


def scope(claim: Claim, passage: str, seed: str) -> Claim | None:
    """What the passage says of some, said of all."""
    return _pattern(claim, passage, seed, _SCOPES, both=False)


def comparison(claim: Claim, passage: str, seed: str) -> Claim | None:
    """More becomes less, before becomes after."""
    return _pattern(claim, passage, seed, _COMPARISONS, both=False)


GENERATORS: Mapping[Flaw, Generator] = {
    Flaw.ENTITY: entity,
    Flaw.NEGATION: negation,
    Flaw.NEIGHBOUR: neighbour,
    Flaw.UNIT: unit,
    Flaw.HEDGE: hedge,
    Flaw.SCOPE: scope,
    Flaw.COMPARISON: comparison,
}


# ---------------------------------------------------------------- words that turn a meaning

_Turns = tuple[tuple[str, str], ...]
"""(expression, replacement) in English; matched on word borders, case kept."""


def _both_ways(*pairs: tuple[str, str]) -> _Turns:
    return tuple(turn for one, other in pairs for turn in ((one, other), (other, one)))


_NEGATIONS: _Turns = (
    (r"(is|are|was|were|has|have|had|can|could|will|would|should|must|may|might) (?:not|never)", r"\1"),
    (r"(is|are|was|were|has|have|had|could|would|should)n['’]t", r"\1"),
    (r"cannot", "can"),
    (r"(?:does|do|did) not", "did"),
    (r"no longer", "still"),
    (r"without", "with"),
    (r"none of", "all of"),
    (r"neither", "either"),
    (r"not (?=\w)", ""),
)
_UNITS: _Turns = _both_ways(
    ("million", "billion"), ("kilometres", "miles"), ("kilometers", "miles"), ("metres", "feet"), ("meters", "feet"),
    ("kilograms", "pounds"), ("kg", "g"), ("km", "miles"), ("hours", "days"), ("minutes", "hours"),
    ("weeks", "months"), ("per month", "per year"), ("a month", "a year"), ("monthly", "yearly"), ("daily", "weekly"),
    ("euros", "dollars"), ("EUR", "USD"), ("GB", "TB"), ("MB", "GB"), ("Celsius", "Fahrenheit"), ("MW", "GW"),
    ("first quarter", "second quarter"), ("first half", "second half"),
    ("thousand", "million"),
)  # fmt: skip
_HEDGES: _Turns = (
    (r"(?:about|around|approximately|roughly|nearly|almost|some|up to|at most|at least|an estimated|over) (?=[$€£]?\d)",
     ""),
    (r"(?:estimated|expected|projected|planned|reported|believed|thought) (?=to\b)", "known "),
    (r"estimated (?=\w)", ""),
    (r"(?:probably|possibly|perhaps|likely|apparently|reportedly|presumably) (?=\w)", ""),
    (r"(?:may|might|could) (?=be\b)", "is known to "),
)  # fmt: skip
_SCOPES: _Turns = (
    (r"(?:some|most|many|several|a few|half) of", "all of"),
    (r"(?:some|most|many|several|few)(?= [a-z])", "all"),
    (r"(?:sometimes|often|usually|mostly|typically|generally|rarely)", "always"),
    (r"(?:in part|partly|partially)", "wholly"),
    (r"(?:one|two|three) of the", "all of the"),
)
_COMPARISONS: _Turns = _both_ways(
    ("more", "less"), ("higher", "lower"), ("larger", "smaller"), ("bigger", "smaller"), ("greater", "smaller"),
    ("longer", "shorter"), ("older", "newer"), ("faster", "slower"), ("better", "worse"), ("deeper", "shallower"),
    ("highest", "lowest"), ("largest", "smallest"), ("first", "last"), ("oldest", "newest"), ("longest", "shortest"),
    ("above", "below"), ("before", "after"), ("increased", "decreased"), ("rose", "fell"), ("increase", "decrease"),
    ("grew", "shrank"), ("gained", "lost"), ("maximum", "minimum"), ("majority", "minority"), ("north", "south"),
    ("east", "west"), ("exceeds", "is below"), ("northern", "southern"), ("eastern", "western"),
)  # fmt: skip


def _pattern(claim: Claim, passage: str, seed: str, turns: _Turns, *, both: bool) -> Claim | None:
    """The value with one turn of meaning; where `both`, only one that its quote has as well."""
    if not isinstance(claim.value, str):
        return None
    text = claim.value
    for expression, instead in _shuffled(turns, seed):
        found = re.search(rf"(?<![\w-])(?:{expression})(?![\w-])" if expression[-1] != ")" else
                          rf"(?<![\w-])(?:{expression})", text, re.IGNORECASE)  # fmt: skip
        if found is None or (both and normal(found.group()) not in normal(claim.quote)):
            continue
        turned = _cased(found.expand(instead), like=found.group())
        made = _reworded(claim, text[: found.start()] + turned + text[found.end() :], passage)
        if made is not None:
            return made
    return None


def _cased(text: str, *, like: str) -> str:
    return text[:1].upper() + text[1:] if like[:1].isupper() else text


# ---------------------------------------------------------------- new claims


def _reworded(claim: Claim, value: str, passage: str) -> Claim | None:
    """The claim with other words on the same quote; None where they may be right."""
    value = " ".join(value.split())
    made = replace(claim, value=value[:1].upper() + value[1:] if _begins_high(claim) else value)
    return None if still_true(claim, made, passage) else made


def _begins_high(claim: Claim) -> bool:
    """Whether the claim's text begins with a capital, so that a dropped first word leaves no trace."""
    return str(claim.value)[:1].isupper()


def _elsewhere(claim: Claim, passage: str, values: list[str]) -> Claim | None:
    """A cell filled from another place of the passage, with the sentence there as its quote."""
    held = locate(claim.quote, passage)
    if held is None or claim.span is None:
        return None
    for value in values:
        for each in sentences(passage):
            text = each.within(passage)
            typed = _typed(value, claim.value)
            if typed is None or not states(typed, text) or locate(text, passage) is None:
                continue
            shift = claim.span[0] - held[0]
            made = replace(claim, value=typed, quote=text, span=(each.start + shift, each.end + shift))
            if not still_true(claim, made, passage):
                return made
    return None


def _typed(text: str, like: Scalar) -> Scalar:
    """A figure of the passage in the type of the value that it stands in for."""
    figure = as_number(text)
    match like:
        case bool() | None:
            return None
        case int():
            return int(figure) if figure is not None and figure == int(figure) else None
        case float():
            return float(figure) if figure is not None else None
        case str():
            return text


# ---------------------------------------------------------------- what a passage holds

_FIGURE = re.compile(r"(?<![\w.,-])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w|[.,]\d)")
_NAME = re.compile(r"[A-Z][\w’'-]*(?:\s(?:of\s|de\s|van\s|von\s)?[A-Z][\w’'-]*)*|[a-z]+[._][a-z][\w.]*")
_STOP = frozenset(
    "a an the this that these those it its he she they we you i in on at of to for from by with and or but if as is "
    "are was were be been has have had there here when where who which what how not no".split()
)


def _figures(text: str) -> list[str]:
    return [each for each in dict.fromkeys(_FIGURE.findall(text)) if as_number(each) is not None]


def _number(text: str) -> int | float:
    figure = as_number(text)
    assert figure is not None, "only figures are asked for"
    return int(figure) if figure == int(figure) else float(figure)


def _near(one: str, other: str) -> bool:
    first, second = abs(float(_number(one))), abs(float(_number(other)))
    low, high = sorted((first, second))
    return high <= _PLAUSIBLE * max(low, 1)


def _is_year(text: str) -> bool:
    return re.fullmatch(r"1\d{3}|20\d{2}", text) is not None


def _names(passage: str) -> list[str]:
    """Names: runs of capitalised words that are not only a sentence's first word, and dotted identifiers."""
    found: dict[str, None] = {}
    starts = {each.start for each in sentences(passage)}
    for match in _NAME.finditer(passage):
        words = match.group().split()
        start = match.start()
        if words[0].lower() in _STOP:
            start += len(words[0]) + 1
            words = words[1:]
        name = " ".join(words)
        lonely = len(words) == 1 and start in starts and "." not in name and "_" not in name
        if words and len(name) > 1 and not lonely:
            found.setdefault(name)
    return list(found)


def _overlap(name: str, others: list[str]) -> bool:
    own = set(_words(normal(name)))
    return any(own & set(_words(normal(other))) for other in others)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _swap(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, text, count=1)


def _shuffled(items: Sequence[T], seed: str) -> list[T]:
    return sorted(items, key=lambda each: digest([seed, each]))


def kinds_that_fit(claim: Claim, passage: str, seed: str) -> Iterator[tuple[Flaw, Claim]]:
    """Every kind of flaw that the claim can be given, in the order of `Flaw`."""
    for kind in Flaw:
        made = GENERATORS[kind](claim, passage, seed)
        if made is not None:
            yield kind, made
