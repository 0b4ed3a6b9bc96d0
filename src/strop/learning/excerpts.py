"""What a worked example shows of its page: the words around its proved values, and nothing else. Pure.

A page is somebody else's text, and an example carries it into every later prompt. So what is shown is chosen by
structure and not by what it says: only sentences in which a proved value stands, of these only the clause around
the value, of a clause at most `NEAR` words on each side, and none behind a figure that nobody proved. What is
left could still be a short order, or a value that is one; a scan of the words (`steering`) and a look at the
other pages' values (`unlike`) leave such a page out. The scan is a list, in English: it stands behind the
structure and not in its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

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


@dataclass(frozen=True, slots=True)
class Shown:
    """A proved value, the number of the sentence that states it, and what the order calls its field."""

    number: int
    value: Scalar
    asked: str = ""
    """Name and meaning of the column, the user's words: a yes or no stands in the clause that has one of them."""
    usual: float | None = None
    """Words that this field's texts have on the other pages, the median; None where there are no others."""


Excerpt = Callable[[str, Sequence[Shown]], str]
"""What is shown of a page with these values; empty where the page may not be shown."""

_BORDER = re.compile(
    r"""[,;:](?=\s) | [()\[\]{}] | (?<=\s)[-–—](?=\s) | [–—] | [.!?…](?=\s) | [|]
    | \b(?:and|or|nor|but|yet|so|while|which|that|who|whose|whom|where|when|whenever|wherever|whereas|because|since
    | although|though|unless|until|if|then|than|as
    | every|each|all|any|everyone|anyone|everywhere|elsewhere|others?|future|later|next|you|your)\b""",
    re.VERBOSE | re.IGNORECASE,
)
"""Where a clause may end; words that speak of more than this page end one too."""
_WORD = re.compile(r"\S+")
_ASKED = re.compile(r"[^\W\d_]{4,}")
_STEM = 4
_STEERS = re.compile(
    r"""(?://|@|\bwww\.|[^\W_]\.(?:com|net|org|io|example|test|invalid)\b)
    | \b(?:ignor\w*|disregard\w*|forget\w*|overrid\w*|bypass\w*|obey\w*|pretend\w*|comply|complies
    | must|shall|should|ought|always|never|henceforth|whatever|regardless|instead|please|do\ not|don't
    | whoever|forever|hereafter|yours|yourself|readers?|agents?|assistants?|models?|systems?|workers?|verifiers?
    | operators?|administrators?|instruct\w*|instructions?|prompts?|rules?|polic(?:y|ies)|orders?|official\w*
    | answers?|answered|answering|repl(?:y|ies|ied)|respond\w*|respons\w*|fields?|outputs?|copy|copied|repeat\w*
    | remember\w*|send|sends|sent|submit\w*|upload\w*|forward\w*|append\w*|post|fetch\w*|visit|report\ it
    | keys?|tokens?|passwords?|credentials?|secrets?|skill|skills|examples?|librar(?:y|ies)\ of|correct(?:ed|ion)?
    | default|true\ (?:value|figure|name|number)|supersed\w*|replac\w*|obsolete)\b""",
    re.VERBOSE | re.IGNORECASE,
)
"""Words of who wants something of a reader: they say how to answer, whom it holds for, or where to send it."""
_ORDERED = re.compile(
    r"\b(?:ignor\w*|disregard\w*|overrid\w*|bypass\w*|obey\w*|pretend)\b"
    r"|\b(?:you|agents?|assistants?|models?|systems?|workers?|verifiers?|whoever\ reads\ this|language\ models?)\b"
    r".{0,40}\b(?:must|shall|should|are\ to|will\ now|have\ to|need\ to)\b"
    r"|\b(?:always|never|must|from\ now\ on|henceforth|do\ not|don't|please)\b"
    r".{0,60}\b(?:answer|repl(?:y|ies)|respond|report|return|output|say|write|give|send|copy|repeat|append|cite|quote)\b"
    r"|\b(?:answer|reply|respond|report|return|output|write|give|send|copy|repeat|append)\b"
    r".{0,60}\b(?:always|instead|in\ every|in\ each|for\ every|for\ all|whatever|verbatim|word\ for\ word)\b"
    r"|\b(?:system|developer|administrator)\b.{0,20}\b(?:prompt|message|notice|instruction|order|override)s?\b"
    r"|\b(?:previous|prior|above|earlier|all)\b.{0,20}\b(?:instruction|prompt|rule)s?\b",
    re.IGNORECASE,
)
"""The same where a whole passage is looked at: there the words have to stand together."""
_FREE = frozenset({"script"})


def excerpt(text: str, shown: Sequence[Shown]) -> str:
    """The numbered sentences that the values stand in, cut to the words around them; a gap where words are left out.

    Empty where a value cannot be shown, or where what is left steers whoever reads it.
    """
    lines: list[str] = []
    for passage in sentences(text):
        here = [each for each in shown if each.number == passage.number]
        if not here:
            continue
        sentence = " ".join(passage.within(text).split())
        cut = _cut(sentence, here)
        if not cut or steering(_without(cut, [each.value for each in shown])):
            return ""
        lines.append(f"[{passage.number}] {cut}")
    if any(_prose(each.value) or _unlike(each) for each in shown) or hidden("\n".join(lines)):
        return ""
    return "\n".join(lines)


def whole(text: str, shown: Sequence[Shown]) -> str:
    """All of the page, as a reader is shown it: no guard, for the measurement of what the guard holds."""
    return numbered(text)


def steering(words: str) -> str:
    """What in these few words tells a reader what to do; empty where there is nothing of the kind."""
    plain = unicodedata.normalize("NFKC", words)
    if found := _STEERS.search(plain):
        return found.group()
    return next((each.words for each in scanned({"words": plain}) if each.kind not in _FREE), "")


def orders(passage: str) -> str:
    """What in a passage of prose is addressed to whoever reads it by machine; empty where there is nothing.

    Milder than `steering`: prose of good faith says `always` and `you`. A guess over words, in English.
    """
    plain = " ".join(unicodedata.normalize("NFKC", passage).split())
    if found := _ORDERED.search(plain):
        return found.group()
    kinds = ("to a judge", "exfiltration", "authority", "hidden")
    return next((each.words for each in scanned({"passage": passage}) if each.kind in kinds), "")


def _unlike(shown: Shown) -> bool:
    """Whether a text has far more words than those of the other pages.

    A sentence that passes for a name is a value that its page states, and like no other page's.
    """
    return shown.usual is not None and len(_text(shown.value).split()) > 2 + 2 * shown.usual


def _prose(value: Scalar) -> bool:
    """Whether a value is too long to be shown, or an order itself."""
    text = _text(value)
    return len(text.split()) > LONGEST or bool(_steered(text))


def _steered(text: str) -> str:
    return steering(text) if len(text.split()) > 1 else next((e.words for e in scanned({"value": text})), "")


def _text(value: Scalar) -> str:
    return value if isinstance(value, str) else ""


# ---------------------------------------------------------------- one sentence


def _cut(sentence: str, here: Sequence[Shown]) -> str:
    """The sentence's windows around these values, in their order; empty where one of them has none."""
    borders = _borders(sentence)
    values = [each.value for each in here]
    spans: list[tuple[int, int]] = []
    for each in here:
        span = _clause(sentence, borders, each)
        if span is None:
            return ""
        spans.append(_window(sentence, span, each, values))
    return _joined(sentence, spans)


def _borders(sentence: str) -> list[tuple[int, int]]:
    """(start, end) of everything that parts clauses, with the ends of the sentence."""
    return [(0, 0), *((found.start(), found.end()) for found in _BORDER.finditer(sentence)), (len(sentence),) * 2]


def _clause(sentence: str, borders: Sequence[tuple[int, int]], shown: Shown) -> tuple[int, int] | None:
    """The first and shortest run of clauses that states the value."""
    clauses = [(one[1], other[0]) for one, other in pairwise(borders)]
    for length in range(1, len(clauses) + 1):
        for first in range(len(clauses) - length + 1):
            start, end = clauses[first][0], clauses[first + length - 1][1]
            if _stated(shown, sentence[start:end]):
                return start, end
    return None


def _stated(shown: Shown, words: str) -> bool:
    if isinstance(shown.value, bool):
        said = {word.casefold()[:_STEM] for word in _ASKED.findall(words)}
        return any(word.casefold()[:_STEM] in said for word in _ASKED.findall(shown.asked.replace("_", " ")))
    return states(shown.value, words)


def _window(sentence: str, span: tuple[int, int], shown: Shown, values: Sequence[Scalar]) -> tuple[int, int]:
    """The clause from at most `NEAR` words before the value to as many behind it, ended by a figure of nobody's."""
    words = [found.span() for found in _WORD.finditer(sentence, *span)]
    first, last = _least(sentence, words, shown)
    before = next((at + 1 for at in range(first - 1, -1, -1) if _unproved(sentence, words[at], values)), 0)
    behind = next((at for at in range(last + 1, len(words)) if _unproved(sentence, words[at], values)), len(words))
    start, stop = max(before, first - NEAR), min(behind, last + 1 + NEAR)
    return words[start][0], words[stop - 1][1]


def _least(sentence: str, words: Sequence[tuple[int, int]], shown: Shown) -> tuple[int, int]:
    """(first, last) of the fewest words that state the value and still do with those beside them."""
    for length in range(1, len(words) + 1):
        for first in range(len(words) - length + 1):
            last = first + length - 1
            beside = words[max(first - 2, 0)][0], words[min(last + 2, len(words) - 1)][1]
            own = sentence[words[first][0] : words[last][1]]
            if _stated(shown, own) and _stated(shown, sentence[slice(*beside)]):
                return first, last
    return 0, len(words) - 1


def _unproved(sentence: str, word: tuple[int, int], values: Sequence[Scalar]) -> bool:
    """Whether a word says a number that is none of the proved values."""
    said = sentence[slice(*word)]
    return any(True for _ in said_numbers(said)) and not any(_part(value, said) for value in values)


def _part(value: Scalar, word: str) -> bool:
    if isinstance(value, str) and word.strip(".,;:!?\"'()[]") in value.split():
        return True
    return not isinstance(value, bool) and value is not None and states(value, word)


def _joined(sentence: str, spans: Iterable[tuple[int, int]]) -> str:
    """The spans in order, gaps where words are left out; of what parts two neighbours the words are kept."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and (start <= merged[-1][1] or _BORDER.fullmatch(sentence[merged[-1][1] : start].strip())):
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return "".join(_pieces(sentence, merged)).strip()


def _pieces(sentence: str, spans: Sequence[tuple[int, int]]) -> Iterator[str]:
    """What stands between neighbours is a gap; a full stop at the very end is kept."""
    at = 0
    for start, end in spans:
        yield f" {GAP} " if sentence[at:start].strip() else ""
        yield sentence[start:end]
        at = end
    rest = sentence[at:].strip()
    yield rest if rest in (".", "!", "?") else f" {GAP}" if rest else ""


def _without(cut: str, values: Iterable[Scalar]) -> str:
    """The words around the values: names of things may be any word."""
    for value in values:
        if isinstance(value, str) and len(value.split()) == 1:
            cut = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", " ", cut)
    return cut
