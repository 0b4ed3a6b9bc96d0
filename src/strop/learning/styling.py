"""From documents to a style, and from a document to its distance. Pure.

Every figure is counted by document and then averaged, so that a long one does not drown the others. A distance
is taken part by part: rates by their difference over their sum (Canberra), shares by half the sum of
differences (total variation), the order of sections by the longest common run of both. What a style is measured
to be worth stands in docs/knowledge.md: a held-out document of the same author is nearer than others'.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from strop.learning.style_words import FUNCTION_WORDS, ROLES, TONE, WRITING
from strop.types.document import Format, ReadDocument
from strop.types.style import Case, Distance, Grammar, Rates, Role, Style

WORDS_A_PAGE = 400
_WINDOW = 100
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_SENTENCE = re.compile(r"(?<=[.!?])[\"'\u201d)]?\s+(?=[\"'\u201c(]?[A-ZÄÖÜ\d])")
_BULLET = re.compile(r"\s*(?:[-*\u2022\u2013\u25aa]|\d{1,2}[.)])\s+\S")
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_WRAPPED = 60
"""Characters from which on a line may be one that an editor has broken."""
_CLOSING = "\"')\u201d"
_LONGEST = 150
"""Words; what is longer is no sentence."""
_NUMBER = re.compile(r"(?:\d+(?:\.\d+)*|[IVX]+|[A-Z])[.)]?\s+")
_VERBS = frozenset(
    "is are was were has have had can will must should may fell rose grew needs need makes make shows show pays pay "
    "costs cost works work goes go gets get does do ist sind war hat haben wird".split()
)


def fingerprint(documents: Sequence[ReadDocument], *, name: str) -> Style:
    """The style of some documents.

    Raises:
        ValueError: there are none.
    """
    if not documents:
        raise ValueError("a style needs a document")
    each = [_one(document) for document in documents]

    def mean(figure: Callable[[Style], float]) -> float:
        return _mean([figure(style) for style in each])

    def rates(figures: Callable[[Style], Rates]) -> Rates:
        return _mean_rates([figures(style) for style in each])

    return Style(
        name=name,
        documents=len(each),
        words=sum(style.words for style in each),
        roles=_usual_order([style.roles for style in each]),
        shares=rates(lambda style: style.shares),
        sections=mean(lambda style: style.sections),
        section_words=mean(lambda style: style.section_words),
        depth=mean(lambda style: style.depth),
        numbered=mean(lambda style: style.numbered),
        heading_words=mean(lambda style: style.heading_words),
        grammar=rates(lambda style: style.grammar),
        cases=rates(lambda style: style.cases),
        tables=mean(lambda style: style.tables),
        figures=mean(lambda style: style.figures),
        bullets=mean(lambda style: style.bullets),
        paragraph_words=mean(lambda style: style.paragraph_words),
        sentence_words=mean(lambda style: style.sentence_words),
        sentence_spread=mean(lambda style: style.sentence_spread),
        word_letters=mean(lambda style: style.word_letters),
        richness=mean(lambda style: style.richness),
        function_words=rates(lambda style: style.function_words),
        tone=rates(lambda style: style.tone),
        writing=rates(lambda style: style.writing),
        palette=rates(lambda style: style.palette),
        fonts=rates(lambda style: style.fonts),
    )


def distance(style: Style, document: ReadDocument) -> Distance:
    """How far a document is from a style, by part, each 0 to 1."""
    other = _one(document)
    found = ((part, measure(style, other)) for part, measure in _PARTS.items())
    return Distance(tuple((part, round(figure, 4)) for part, figure in found if figure is not None))


# ---------------------------------------------------------------- one document


def _one(document: ReadDocument) -> Style:
    """The style of a single document."""
    text = _prose(document)
    words = [word.lower() for word in _WORD.findall(text)]
    sentences = _sentence_lengths(text)
    lines = [line for line in text.splitlines() if line.strip()]
    heads = [title for title in document.outline if _WORD.search(title.text)]
    bare = [_NUMBER.sub("", title.text, count=1) for title in heads]
    pages = document.pages if document.pages and document.format is not Format.XLSX else 0
    size = pages or max(1.0, len(words) / WORDS_A_PAGE)
    return Style(
        name="",
        documents=1,
        words=len(words),
        roles=tuple(dict.fromkeys(role for role in map(role_of, bare) if role is not Role.OTHER)),
        shares=_role_shares(document, bare),
        sections=float(len(heads)),
        section_words=float(statistics.median(title.words for title in heads)) if heads else 0.0,
        depth=float(max((title.level for title in heads), default=0)),
        numbered=_mean([float(_NUMBER.match(title.text) is not None) for title in heads]),
        heading_words=_mean([float(len(text.split())) for text in bare]),
        grammar=_shares(map(_grammar, bare), Grammar),
        cases=_shares(map(_case, bare), Case),
        tables=document.tables / size,
        figures=document.figures / size,
        bullets=_mean([float(_BULLET.match(line) is not None) for line in lines]),
        paragraph_words=_mean([float(len(line.split())) for line in lines]),
        sentence_words=_mean([float(length) for length in sentences]),
        sentence_spread=statistics.pstdev(sentences),
        word_letters=_mean([float(len(word)) for word in words]),
        richness=_richness(words),
        function_words=_rated(Counter(words), FUNCTION_WORDS, len(words)),
        tone=tuple((mark, _rate(len(found.findall(text)), len(words))) for mark, found in TONE.items()),
        writing=_writing(text),
        palette=document.palette,
        fonts=document.fonts,
    )


def _sentence_lengths(text: str) -> list[int]:
    """Words of each sentence, without tables and code; a heading or entry of a list ends where its line does."""
    lines = [line.strip() for line in _FENCED.sub("", text).splitlines()]
    held = [line for line in lines if line and "|" not in line]
    joined = held[:1]
    for before, line in pairwise(held):
        wrapped = len(before) >= _WRAPPED and before[-1] not in ".!?:" and not _BULLET.match(line)
        joined.append((" " if wrapped or line[0].islower() else "\n") + line)
    said = [part for whole in "".join(joined).split("\n") for part in _SENTENCE.split(whole)]
    lengths = (len(_WORD.findall(part)) for part in said if part.rstrip(_CLOSING)[-1:] in (".", "!", "?"))
    return [length for length in lengths if 1 < length <= _LONGEST] or [0]


def _prose(document: ReadDocument) -> str:
    """What an author wrote: of workbooks and tables their words too, of transcripts all."""
    return "\n".join(passage.text for passage in document.passages)


def role_of(heading: str) -> Role:
    """What a section is for, by its heading."""
    return next((role for role, words in ROLES if words.search(heading)), Role.OTHER)


def _role_shares(document: ReadDocument, bare: Sequence[str]) -> Rates:
    heads = [title for title in document.outline if _WORD.search(title.text)]
    counts = Counter[Role]()
    current = Role.OTHER
    for title, text in zip(heads, bare, strict=True):
        current = role if (role := role_of(text)) is not Role.OTHER or title.level == 1 else current
        counts[current] += title.words
    total = sum(counts.values())
    return tuple((role.value, counts[role] / total) for role in Role) if total else ()


def _grammar(heading: str) -> Grammar:
    words = heading.split()
    if heading.rstrip().endswith("?"):
        return Grammar.QUESTION
    if len(words) == 1:
        return Grammar.LABEL
    if words[0].lower().endswith("ing"):
        return Grammar.GERUND
    if len(words) >= 4 and any(word.lower() in _VERBS for word in words[1:]):
        return Grammar.SENTENCE
    return Grammar.PHRASE


def _case(heading: str) -> Case:
    if heading.isupper():
        return Case.UPPER
    words = [word for word in _WORD.findall(heading) if len(word) > 3] or _WORD.findall(heading)
    if len(words) > 1 and all(word[0].isupper() for word in words):
        return Case.TITLE
    return Case.SENTENCE if words and words[0][0].isupper() else Case.LOWER


def _writing(text: str) -> Rates:
    counts = {form: len(found.findall(text)) for form, found in WRITING.items()}
    groups = Counter[str]()
    for form, times in counts.items():
        groups[form.group] += times
    return tuple((form.value, times / groups[form.group]) for form, times in counts.items() if groups[form.group])


def _richness(words: Sequence[str]) -> float:
    windows = [words[at : at + _WINDOW] for at in range(0, len(words) - _WINDOW + 1, _WINDOW)] or [words]
    return _mean([100 * len(set(window)) / len(window) for window in windows if window])


# ---------------------------------------------------------------- figures


def _mean(figures: Sequence[float]) -> float:
    return round(sum(figures) / len(figures), 4) if figures else 0.0


def _rate(times: int, words: int) -> float:
    return round(1_000 * times / words, 3) if words else 0.0


def _rated(counts: Mapping[str, int], names: Sequence[str], words: int) -> Rates:
    return tuple((name, _rate(counts.get(name, 0), words)) for name in names)


def _shares(found: Iterable[str], members: Iterable[str]) -> Rates:
    counts = Counter(str(each) for each in found)
    total = sum(counts.values())
    return tuple((str(member), counts[str(member)] / total) for member in members) if total else ()


def _mean_rates(all_of: Sequence[Rates]) -> Rates:
    """The mean over those that say anything, the names in their order."""
    told = [dict(rates) for rates in all_of if rates]
    names = dict.fromkeys(name for rates in all_of for name, _ in rates)
    means = {name: sum(each.get(name, 0.0) for each in told) / len(told) for name in names}
    return tuple((name, round(figure, 4)) for name, figure in means.items())


def _usual_order(orders: Sequence[tuple[Role, ...]]) -> tuple[Role, ...]:
    """Roles that at least half of the documents have, by their mean place."""
    places: dict[Role, list[float]] = {}
    for order in orders:
        for at, role in enumerate(order):
            places.setdefault(role, []).append(at / len(order))
    often = [role for role, found in places.items() if 2 * len(found) >= len(orders)]
    return tuple(sorted(often, key=lambda role: (_mean(places[role]), role.value)))


# ---------------------------------------------------------------- distances


def _apart(one: float, other: float) -> float:
    """0 for equal figures, 1 where one is nothing."""
    return abs(one - other) / (abs(one) + abs(other)) if one or other else 0.0


def _together(*pairs: tuple[float, float]) -> float:
    return sum(_apart(one, other) for one, other in pairs) / len(pairs)


def _variation(one: Rates, other: Rates) -> float | None:
    """Total variation between two distributions; None where one of them is empty."""
    if not one or not other:
        return None
    left, right = dict(one), dict(other)
    return min(1.0, sum(abs(left.get(name, 0.0) - right.get(name, 0.0)) for name in left.keys() | right.keys()) / 2)


def _rates_apart(one: Rates, other: Rates) -> float | None:
    """Mean of differences over sums, each name weighing as often as it is used on both sides."""
    left, right = dict(one), dict(other)
    names = left.keys() | right.keys()
    weights = {name: (left.get(name, 0.0) + right.get(name, 0.0)) ** 0.5 for name in names}
    total = sum(weights.values())
    if not total:
        return None
    return sum(weights[name] * _apart(left.get(name, 0.0), right.get(name, 0.0)) for name in names) / total


def _outline(style: Style, other: Style) -> float | None:
    if not style.sections or not other.sections:
        return None
    sizes = _together((style.sections, other.sections), (style.section_words, other.section_words))
    order = 1 - _common(style.roles, other.roles) / max(len(style.roles), len(other.roles), 1)
    shares = _variation(style.shares, other.shares)
    if not style.roles and not other.roles:
        return sizes
    return _mean([sizes, order, shares if shares is not None else order])


def _common(one: Sequence[Role], other: Sequence[Role]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for left in one:
        before = row
        row = [0]
        for at, right in enumerate(other):
            row.append(before[at] + 1 if left is right else max(row[at], before[at + 1]))
    return row[-1]


def _headings(style: Style, other: Style) -> float | None:
    kinds, cases = _variation(style.grammar, other.grammar), _variation(style.cases, other.cases)
    if kinds is None or cases is None:
        return None
    length = _apart(style.heading_words, other.heading_words)
    return _mean([kinds, cases, abs(style.numbered - other.numbered), length])


def _writing_apart(style: Style, other: Style) -> float | None:
    """Mean over the groups that both sides use."""
    found: list[float] = []
    for group in {name.partition(":")[0] for name, _ in style.writing}:
        one, two = (tuple(r for r in each.writing if r[0].startswith(f"{group}:")) for each in (style, other))
        apart = _variation(one, two)
        found += [] if apart is None else [apart]
    return _mean(found) if found else None


_PARTS: Mapping[str, Callable[[Style, Style], float | None]] = {
    "outline": _outline,
    "headings": _headings,
    "layout": lambda a, b: _together(
        (a.tables, b.tables), (a.figures, b.figures), (a.bullets, b.bullets), (a.paragraph_words, b.paragraph_words)
    ),
    "sentences": lambda a, b: _together((a.sentence_words, b.sentence_words), (a.sentence_spread, b.sentence_spread)),
    "vocabulary": lambda a, b: _rates_apart(a.function_words, b.function_words),
    "words": lambda a, b: _together((a.word_letters, b.word_letters), (a.richness, b.richness)),
    "tone": lambda a, b: _rates_apart(a.tone, b.tone),
    "figures": _writing_apart,
    "palette": lambda a, b: _variation(a.palette, b.palette),
    "fonts": lambda a, b: _variation(a.fonts, b.fonts),
}
