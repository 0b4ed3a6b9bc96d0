"""Split a documentation page into numbered sentences, so that a model can name one by its number.

Two passes. First hard line breaks: a blank line, a list item, a line after `:`, and every break that
no wrapping explains (the next line's first word would still have fitted the paragraph's longest
line); so wrapped prose flows on, while titles, code and one-entry-a-line lists do not. Then sentence
ends within such a block; a run of over `LIMIT` characters is cut at a clause border. Pure text work:
the same text always gives the same numbers, which exemplars and answers rely on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

LIMIT = 300
"""Longest sentence in characters; a single word may be longer and stays whole."""

_WRAPPED = range(40, 121)
"""Longest line of a paragraph, in characters, that hints at wrapped prose."""

_ITEM = re.compile(
    r"""\s*(?:
        [-*+•‣◦·–]\s | \#{1,6}\s | \|            # bullets, Markdown headings, table rows
      | \(?(?:\d{1,3}|[a-zA-Z])[.)]\s            # 1. or a)
      | \[\s?,?\s?\d+\s?,?\s?\]                  # [1] or R's [,1]
      | >>>\s | \$\s | >\s                       # prompts
      | [\w.$`'"‘’-]+(?:\s[\w.]+){0,2}\s?:(?:\s|$)  # name: explanation
    )""",
    re.VERBOSE,
)
_END = re.compile(r"""[.!?…]+["'”’»)\]]*(?=\s)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\u2019]*""")
_TOKEN = re.compile(r"\S+\Z")
_NEVER = frozenset("e.g i.e al cf vs viz dr mr mrs ms prof st jr sr resp approx incl univ dept".split())
"""Abbreviations that do not end a sentence, whatever follows."""
_BEFORE_DIGIT = frozenset(
    "no nos fig figs eq eqs vol p pp sec sect ch chap ca tab ref "
    "jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
"""Abbreviations that do not end a sentence when a number follows."""
_CLAUSES = (
    re.compile(r"[;:\uff1b\uff1a](?=\s|(?<=[\uff1b\uff1a]))"),
    re.compile(r",(?=\s)|[\uff0c\u3001]|\s[–—-](?=\s)"),
    re.compile(r"(?=\s)"),
)
"""Where a long run may be cut, best first."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One sentence: its number from 1, and its place in the text (character offsets, end excluded)."""

    number: int
    start: int
    end: int

    def within(self, text: str) -> str:
        """The words themselves, as they stand in the `text` that was split."""
        return text[self.start : self.end]


@lru_cache(maxsize=256)  # the prompt, the claims and the gate all ask for the same page
def sentences(text: str) -> tuple[Passage, ...]:
    """The sentences of `text` in order; together they hold every character that is no white space."""
    spans = (
        piece for block in _blocks(text) for sentence in _split(text, *block) for piece in _pieces(text, *sentence)
    )
    return tuple(Passage(number, start, end) for number, (start, end) in enumerate(spans, start=1))


def numbered(text: str) -> str:
    """`text` as a model sees it: `[1] ...`, one sentence a line, white space runs as one space."""
    return "\n".join(f"[{passage.number}] {' '.join(passage.within(text).split())}" for passage in sentences(text))


# ---------------------------------------------------------------- lines to blocks


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Spans between hard line breaks."""
    for lines in _paragraphs(text):
        longest = max(end - start for start, end in lines)
        opened = lines[0][0]
        for (start, end), (after, after_end) in pairwise(lines):
            if _hard(text[start:end], text[after:after_end], longest):
                yield opened, end
                opened = after
        yield opened, lines[-1][1]


def _paragraphs(text: str) -> Iterator[list[tuple[int, int]]]:
    """The lines between blank lines, each as a span without white space at its right end."""
    lines: list[tuple[int, int]] = []
    for found in re.finditer(r"[^\r\n]+|\r\n?|\n", text):
        line = found.group()
        if line.strip():
            lines.append((found.start(), found.start() + len(line.rstrip())))
        elif lines and _blank_before(text, found.start()):
            yield lines
            lines = []
    if lines:
        yield lines


def _blank_before(text: str, at: int) -> bool:
    """Whether the line that `at` stands on holds nothing: its break follows a break."""
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    return not text[start:at].strip()


def _hard(line: str, following: str, longest: int) -> bool:
    if line.endswith(":") or _ITEM.match(following):
        return True
    if longest not in _WRAPPED:
        return True
    first = following.split(maxsplit=1)[0]
    return len(line) + 1 + len(first) <= longest


# ---------------------------------------------------------------- blocks to sentences


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    opened = start
    for found in _END.finditer(text, start, end):
        if found.end() < end and _ends(text[opened : found.start()], found.group(), text[found.end() : end]):
            yield opened, found.end()
            opened = found.end()
    if text[opened:end].strip():
        yield opened, end


def _ends(before: str, mark: str, after: str) -> bool:
    """Whether a sentence ends at `mark`, with its words `before` and the rest of the block `after`."""
    if mark[0] in "\u3002\uff01\uff1f":
        return True
    following = after.lstrip()[:1]
    if following.islower():
        return False
    if mark[0] != ".":
        return True
    found = _TOKEN.search(before)
    token = found.group().lstrip("([{\"'“‘«") if found else ""
    bare = token.lower()
    if bare in _NEVER or (bare in _BEFORE_DIGIT and following.isdigit()):
        return False
    # Initials and `R.`, `U.S.`: one letter between dots.
    if re.fullmatch(r"[^\W\d_](?:\.[^\W\d_])*", token):
        return False
    # `1. Sepal length`: a number at the start counts an item.
    return not (token.isdigit() and before.strip() == token)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentence without white space around it, cut into runs of at most `LIMIT` where it can be."""
    while True:
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        if start == end:
            return
        cut = _border(text, start, end) if end - start > LIMIT else end
        stop = cut
        while stop > start and text[stop - 1].isspace():
            stop -= 1
        yield start, stop
        start = cut


def _border(text: str, start: int, end: int) -> int:
    """Where to cut: the last clause border within the limit, but not in its first third."""
    for kind in _CLAUSES[:2]:
        borders = [found.end() for found in kind.finditer(text, start, start + LIMIT)]
        if borders and borders[-1] - start > LIMIT // 3:
            return borders[-1]
    spaces = [found.end() for found in _CLAUSES[2].finditer(text, start + 1, start + LIMIT + 1)]
    if spaces:
        return spaces[-1]
    # One word longer than the limit: it stays whole.
    following = re.compile(r"\s").search(text, start, end)
    return following.start() if following else end
