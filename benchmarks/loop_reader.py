"""The worker of `loop.py`: what it answers is this function of the prompt's text, and of nothing else.

It reads a page of the synthetic web as a mediocre model might. It knows no run number, no library, no gold and no
list of traits: it is given messages, like any model.

1. For each field it looks for sentences that could say it (`CUES`). One such sentence: it takes that.
2. Two of them, of different cues (`It has 914 members now.` / `In 2015 it had 865 members.`): it needs to know which
   is meant. It follows the worked examples in its prompt: the cue that more of them answered from. A rule in the
   prompt that names the field and the cue's words counts as an example. Under `contrast` it is duller, and learns
   only from examples that show both sentences and answer from one.
3. Where the prompt does not say (no such example, or as many for the one as for the other), it leans to the cue that
   `CUES` lists first, and takes the other with chance `MISREAD`, drawn by a hash of its instructions and the page, so
   that two readers with different instructions err apart, and the same prompt gets the same answer.
4. It copies the value rightly, and names the sentence it stands in; but with chance `SLIP` it names the next one
   (`SLIP_SHOWN` where any worked example is in its prompt): a quote that does not stand, for the gate to find.
5. A field that it is told was wrong, it reads anew and with care: another draw, and no slip.

So it learns what its prompt shows and nothing else, and it learns what is wrong just as well: examples that show
the lure make it take the lure.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MISREAD = 0.3
SLIP = 0.06
SLIP_SHOWN = 0.02
NAME = "web-reader"

_NUMBER = r"([\d,]+)"
CUES: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    "name": {"is about": re.compile(r"is about the (.+)\.$")},
    "founded": {
        "was founded": re.compile(r"was founded in (\d{4})"),
        "house was built": re.compile(r"house was built in (\d{4})"),
    },
    "members": {
        "members now": re.compile(rf"has {_NUMBER} members now"),
        "it had": re.compile(rf"it had {_NUMBER} members"),
    },
    "volumes": {
        "own count": re.compile(rf"own count .* {_NUMBER} volumes"),
        "union catalogue": re.compile(rf"union catalogue lists {_NUMBER} volumes"),
    },
    "town": {"sits in": re.compile(r"sits in (\w+)\."), "report": re.compile(r"report (\w+) as the town")},
}
"""By field and cue; the first is what a reader leans to."""
WHOLE = frozenset({"founded", "members", "volumes"})


@dataclass(frozen=True, slots=True)
class Found:
    """A sentence that could say a field."""

    number: int
    cue: str
    value: str | int


def answer(turns: Sequence[tuple[str, str]], *, contrast: bool = False) -> str:
    """What the reader answers to (role, text) messages: JSON with a value and a sentence's number for each field."""
    told = "\n".join(text for role, text in turns if role == "system")
    asked = next((text for role, text in reversed(turns) if role == "user"), "")
    shown = examples(turns)
    page, wrong = lines(asked), noted(asked)
    said: dict[str, str | int | None] = {}
    for field in CUES:
        draw = _Draw(f"{told}\n{asked}\n{field}")
        found = chosen(field, page, votes=taught(field, shown, told, contrast=contrast), draw=draw)
        said[field] = found.value if found else None
        said[f"{field}_at"] = None if found is None else _place(found, page, draw, shown, careful=field in wrong)
    return json.dumps(said)


def chosen(field: str, page: Mapping[int, str], *, votes: Mapping[str, int], draw: _Draw) -> Found | None:
    """The sentence that the reader takes a field from; None where none could say it."""
    found = candidates(field, page)
    if len({each.cue for each in found}) < 2:
        return found[0] if found else None
    best = max(votes.get(each.cue, 0) for each in found)
    favoured = [each for each in found if votes.get(each.cue, 0) == best]
    if len(favoured) == 1:
        return favoured[0]
    leant = next(iter(CUES[field]))
    other = draw.chance("misread") < MISREAD
    return next(each for each in found if (each.cue != leant) is other)


def candidates(field: str, page: Mapping[int, str]) -> list[Found]:
    """Every sentence that could say a field, in the page's order."""
    found: list[Found] = []
    for number, line in page.items():
        for cue, pattern in CUES[field].items():
            match = pattern.search(line)
            if match:
                text = match[1]
                found.append(Found(number, cue, int(text.replace(",", "")) if field in WHOLE else text))
    return found


def taught(
    field: str, shown: Sequence[tuple[Mapping[int, str], Mapping[str, object]]], told: str, *, contrast: bool
) -> Mapping[str, int]:
    """How many examples answered from each cue; rules that name field and cue count too."""
    votes: dict[str, int] = {}
    for page, said in shown:
        found = candidates(field, page)
        if not contrast or len({each.cue for each in found}) > 1:
            for each in found:
                votes[each.cue] = votes.get(each.cue, 0) + (each.number == said.get(f"{field}_at"))
    rules = [line for line in told.partition("Rules:")[2].splitlines() if field in line]
    for cue in CUES[field]:
        votes[cue] = votes.get(cue, 0) + sum(cue in line for line in rules)
    return votes


def examples(turns: Sequence[tuple[str, str]]) -> list[tuple[Mapping[int, str], Mapping[str, object]]]:
    """(page, answer) of every worked example: a user's turn with the answer behind it."""
    found: list[tuple[Mapping[int, str], Mapping[str, object]]] = []
    for (role, text), (after, said) in itertools.pairwise(turns):
        if role == "user" and after == "assistant":
            try:
                answered = json.loads(said)
            except ValueError:
                continue  # an answer that was none: a repair turn follows it
            found.append((lines(text), answered))
    return found


def lines(text: str) -> dict[int, str]:
    """Numbered sentences."""
    return {int(number): line for number, line in re.findall(r"^\[(\d+)\] (.*)$", text, re.MULTILINE)}


def noted(text: str) -> frozenset[str]:
    """Fields that a check found wrong."""
    notes = text.partition("Of an earlier answer a check says")[2]
    return frozenset(field for field in CUES if re.search(rf"^- {field}: ", notes, re.MULTILINE))


def _place(found: Found, page: Mapping[int, str], draw: _Draw, shown: Sequence[object], *, careful: bool) -> int:
    slip = SLIP_SHOWN if shown else SLIP
    if careful or draw.chance("slip") >= slip:
        return found.number
    return found.number + 1 if found.number + 1 in page else found.number - 1


@dataclass(frozen=True, slots=True)
class _Draw:
    seed: str

    def chance(self, what: str) -> float:
        return int.from_bytes(hashlib.sha256(f"{what}/{self.seed}".encode()).digest()[:4], "big") / 2**32
