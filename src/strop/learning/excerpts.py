"""What a worked example shows of its page: the words around its proved values, and nothing else. Pure.

A page is somebody else's text, and an example carries it into every later prompt. So what is shown is chosen by
structure and descent, not by what it says: only sentences in which a proved value stands; of these only the
clause around the value, at most `NEAR` words on each side, none behind a figure that nobody proved; and of these
words only such as other pages have in the sentences that prove this field, or the order itself. A page by itself
can so get its own values into a prompt and no words of its own. Against pages in collusion, and a value that is
an order, stands a scan (`orders`), which is a list of words, in English: it stands behind the structure and not
in its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from strop.checking.quotes import said_numbers, states
from strop.checking.sentences import numbered, sentences
from strop.learning.scanning import scanned
from strop.learning.visible import hidden
from strop.types.content import Scalar

NEAR = 12
"""Words on each side of a value that are shown."""
LONGEST = 12
"""Words of a value that is shown: what is longer is prose, and prose can be an order."""
GAP = "…"
"""Stands where words are left out."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A proved value and where it stands, with what the other pages and the order say around such values."""

    number: int
    """Of the sentence that states it."""
    value: Scalar
    known: frozenset[str] = frozenset()
    """Words of its sentence that may be shown: of another page's, or the order's own."""
    asked: str = ""
    """Name and meaning of the column: a yes or no stands in the clause that has a word of it."""
    usual: float | None = None
    """Words that this field's texts have on the other pages, the median; None where there are no others."""


Excerpt = Callable[[str, Sequence[Shown]], str]
"""What is shown of a page with these values; empty where the page may not be shown."""

_BORDER = re.compile(
    r"""[,;:](?=\s|$) | [()\[\]{}|/] | (?<=\s)[-–—](?=\s) | [–—…] | [.!?](?=\s)
    | \b(?:and|or|nor|but|yet|so|while|which|that|who|whose|whom|where|when|whenever|wherever|whereas|because|since
    | although|though|unless|until|if|then|than|as)\b""",
    re.VERBOSE | re.IGNORECASE,
)
"""Where a clause may end."""
_TOKEN = re.compile(r"\S+")
_WORD = re.compile(r"[^\W\d_]+")
_STEM = 4
"""Letters by which two forms of a word are taken for one."""
_TRAILING = ".,;:!?)]"
_STEERS = re.compile(
    r"""(?:ignor\w*|disregard\w*|forget\w*|overrid\w*|bypass\w*|obey\w*|pretend\w*|must|shall|should|ought
    |always|never|henceforth|whatever|regardless|instead|please|don|every|everyone|everywhere|anyone|whoever
    |future|forever|you|your|yours|readers?|agents?|assistants?|models?|systems?|workers?|verifiers?|administrators?
    |instruct\w*|prompts?|rules?|answer\w*|repl(?:y|ies|ied)|respond\w*|output|copy|copied|repeat\w*|remember\w*
    |send|sends|sent|submit\w*|upload\w*|forward\w*|append\w*|fetch\w*|https?|www|password\w*|secret\w*|tokens?)""",
    re.VERBOSE | re.IGNORECASE,
)
"""Words that say how to answer, whom it holds for, or where to send it: left out, however many pages have them."""
_ORDERED = re.compile(
    r"\b(?:ignor\w*|disregard\w*|overrid\w*|bypass\w*|obey\w*|pretend)\b"
    r"|\b(?:you|agents?|assistants?|models?|systems?|workers?|verifiers?|whoever\ reads\ this|language\ models?)\b"
    r".{0,40}\b(?:must|shall|should|are\ to|will\ now|have\ to|need\ to)\b"
    r"|\b(?:always|never|must|from\ now\ on|henceforth|do\ not|don't|please)\b"
    r".{0,60}\b(?:answer|reply|respond|return|output|copy|repeat|append|cite)\b"
    r"|\b(?:answer|reply|respond|report|return|output|write|give|send|copy|repeat|append)\b"
    r".{0,60}\b(?:always|instead|in\ every|in\ each|for\ every|for\ all|whatever|verbatim|word\ for\ word)\b"
    r"|\b(?:system|developer|administrator)\b.{0,20}\b(?:prompt|message|notice|instruction|order|override)s?\b"
    r"|\b(?:previous|prior|above|earlier|all)\b.{0,20}\b(?:instruction|prompt|rule)s?\b",
    re.IGNORECASE,
)
"""What is addressed to whoever reads by machine."""
_ADDRESS = re.compile(
    r"://|\bwww\.|[\w.]@[\w-]+\.\w|\b[\w-]+\.(?:com|net|org|io|example|test|invalid)\b", re.IGNORECASE
)
_TO_A_READER = frozenset({"to a judge", "exfiltration", "authority", "hidden"})


def excerpt(text: str, shown: Sequence[Shown]) -> str:
    """The numbered sentences that the values stand in, cut to the known words around them.

    Empty where a value cannot be shown so, or where what is left is an order all the same.
    """
    if any(_prose(each) for each in shown):
        return ""
    values = [each.value for each in shown]
    lines: list[str] = []
    for passage in sentences(text):
        here = [each for each in shown if each.number == passage.number]
        if not here:
            continue
        cut = _cut(" ".join(passage.within(text).split()), here, values)
        if not cut or orders(cut) or hidden(cut):
            return ""
        lines.append(f"[{passage.number}] {cut}")
    return "\n".join(lines)


def whole(text: str, shown: Sequence[Shown]) -> str:
    """All of the page, as a reader is shown it: no guard, for the measurement of what the guard holds."""
    return numbered(text)


def orders(passage: str) -> str:
    """What in a passage is addressed to whoever reads it by machine; empty where nothing is. A guess, in English."""
    plain = " ".join(unicodedata.normalize("NFKC", passage).split())
    if found := _ORDERED.search(plain):
        return found.group()
    return next((each.words for each in scanned({"passage": passage}) if each.kind in _TO_A_READER), "")


def words_of(text: str) -> frozenset[str]:
    """The words of a text in one form; figures are none."""
    return frozenset(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


@dataclass(frozen=True, slots=True)
class Siblings:
    """What the pages of a run have around the values of one field."""

    words: Mapping[str, int]
    """Pages by word, of the sentences that prove the field."""
    sizes: Mapping[int, int]
    """Pages by how many words their value has."""

    def shown(self, number: int, value: Scalar, sentence: str, *, asked: str) -> Shown:
        """One of the values that these were made of, held against the others."""
        own = words_of(asked.replace("_", " "))
        known = frozenset(word for word in words_of(sentence) if self.words.get(word, 0) > 1 or word in own)
        others = Counter(self.sizes) - Counter([len(str(value).split())])
        usual = median(others.elements()) if others else None
        return Shown(number, value, known, asked, usual)


def siblings(found: Sequence[tuple[Scalar, str]]) -> Siblings:
    """From (value, the sentence that states it) of one field, a page each."""
    words = Counter(word for _, sentence in found for word in words_of(sentence))
    return Siblings(words, Counter(len(str(value).split()) for value, _ in found))


def _prose(shown: Shown) -> bool:
    """Whether a text is too long to be shown, an order or an address, or far longer than those of the other pages.

    A sentence that passes for a name is a value that its page states, and like no other page's.
    """
    text = shown.value if isinstance(shown.value, str) else ""
    size = len(text.split())
    unlike = shown.usual is not None and size > 2 + 2 * shown.usual
    return size > LONGEST or unlike or bool(orders(text) or _ADDRESS.search(text))


# ---------------------------------------------------------------- one sentence


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a sentence with its marks, or the part of it that its clause holds."""

    start: int
    end: int


def _cut(sentence: str, here: Sequence[Shown], values: Sequence[Scalar]) -> str:
    """The sentence's windows around these values, in their order; empty where one of them has none."""
    tokens = [_Token(*found.span()) for found in _TOKEN.finditer(sentence)]
    kept: dict[int, str] = {}
    for each in here:
        clause = _clause(sentence, each)
        if clause is None:
            return ""
        window = dict(_window(sentence, tokens, clause, each, values))
        if not window:
            return ""
        kept |= {at: max(word, kept.get(at, ""), key=len) for at, word in window.items()}
    for one, other in pairwise(sorted(kept)):
        between = sentence[tokens[one + 1].start : tokens[one + 1].end] if other - one == 2 else ""
        if between and _BORDER.fullmatch(between):
            kept[one + 1] = between
    return _joined(kept, len(tokens))


def _clause(sentence: str, shown: Shown) -> tuple[int, int] | None:
    """The first and shortest run of clauses that states the value."""
    ends = [(0, 0), *(found.span() for found in _BORDER.finditer(sentence)), (len(sentence),) * 2]
    clauses = [(one[1], other[0]) for one, other in pairwise(ends)]
    for length in range(1, len(clauses) + 1):
        for first in range(len(clauses) - length + 1):
            start, end = clauses[first][0], clauses[first + length - 1][1]
            if _stated(shown, sentence[start:end]):
                return start, end
    return None


def _stated(shown: Shown, words: str) -> bool:
    if not isinstance(shown.value, bool):
        return states(shown.value, words)
    asked = {word[:_STEM] for word in words_of(shown.asked.replace("_", " ")) if len(word) >= _STEM}
    return any(word[:_STEM] in asked for word in words_of(words))


def _window(
    sentence: str, tokens: Sequence[_Token], clause: tuple[int, int], shown: Shown, values: Sequence[Scalar]
) -> Iterator[tuple[int, str]]:
    """(place, word) of what is shown of a clause; nothing where the value's own words hold what is not known."""
    inside = {
        at: sentence[max(token.start, clause[0]) : _end(sentence, token, clause[1])]
        for at, token in enumerate(tokens)
        if token.end > clause[0] and token.start < clause[1]
    }
    first, last = _least(inside, shown)
    own = words_of(str(shown.value)) if isinstance(shown.value, str) else frozenset[str]()
    value = {at: inside[at] for at in range(first, last + 1)}
    if not isinstance(shown.value, bool) and not all(words_of(word) <= own | shown.known for word in value.values()):
        return
    before = [at for at in inside if first - NEAR <= at < first]
    behind = [at for at in inside if last < at <= last + NEAR]
    cut = max((at for at in before if _unproved(inside[at], values)), default=-1)
    stop = min((at for at in behind if _unproved(inside[at], values)), default=len(tokens))
    yes_or_no = isinstance(shown.value, bool)
    for at, word in inside.items():
        near = at in value or (cut < at < stop and (at in before or at in behind))
        if (at in value and not yes_or_no) or (near and _plain(word, shown, values)):
            yield at, word


def _end(sentence: str, token: _Token, clause: int) -> int:
    """Where a word ends: with its clause, and with the mark that ends it."""
    end = min(token.end, clause)
    return end + (end < token.end and sentence[end] in _TRAILING)


def _least(words: Mapping[int, str], shown: Shown) -> tuple[int, int]:
    """(first, last) of the fewest words that state the value, and still do with those beside them."""
    places = list(words)
    for length in range(1, len(places) + 1):
        for first in range(len(places) - length + 1):
            last = first + length - 1
            own = " ".join(words[at] for at in places[first : last + 1])
            beside = " ".join(words[at] for at in places[max(first - 2, 0) : last + 3])
            if _stated(shown, own) and _stated(shown, beside):
                return places[first], places[last]
    return places[0], places[-1]


def _plain(word: str, shown: Shown, values: Sequence[Scalar]) -> bool:
    """Whether a word beside a value may be shown: it is known and wants nothing, or is part of another value."""
    said = words_of(word)
    if said and any(_part(value, word) for value in values):
        return True
    return said <= shown.known and not any(_STEERS.fullmatch(each) for each in said) and not _ADDRESS.search(word)


def _unproved(word: str, values: Sequence[Scalar]) -> bool:
    """Whether a word says a number that is none of the proved values."""
    return any(True for _ in said_numbers(word)) and not any(_part(value, word) for value in values)


def _part(value: Scalar, word: str) -> bool:
    if value is None or isinstance(value, bool):
        return False
    bare = word.strip(".,;:!?\"'()[]")
    return (isinstance(value, str) and bare in value.split()) or states(value, bare)


def _joined(kept: Mapping[int, str], size: int) -> str:
    """The words in order, one gap for what is left out between them."""
    made: list[str] = []
    at = -1
    for place in sorted(kept):
        made += [GAP] * (place > at + 1) + [kept[place]]
        at = place
    return " ".join(made + [GAP] * (at < size - 1))
