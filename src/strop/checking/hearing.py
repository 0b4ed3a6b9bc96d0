"""What the refuting model is asked, and what its words come to: everything of the hearing but the asking.

Pure. Claims become questions, each with the window of its source and blind to who made it; headline
claims come first, the rest by risk, as far as the gate's reserve goes. Seeded flaws are mixed into each
call at places that a seed gives and taken out again afterwards, and what comes back is compared byte
for byte with what went in. A quote of the model counts when it stands in the window, else its word does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from strop.checking.calibration import FLOOR, calibrated
from strop.checking.canaries import figures, flawed, is_prose
from strop.checking.claims import resting
from strop.checking.conflicts import CONTRADICTED
from strop.checking.quotes import as_number, locate, states
from strop.checking.ruled import BROKEN
from strop.errors import StropError
from strop.types.content import Standing
from strop.types.fingerprint import canonical, digest
from strop.types.past import Heard
from strop.types.schema import Array, Choice, Field, Json, Object, Text, object_of
from strop.types.trial import Calibration, Claim, Finding, Role, Severity, Value, Word
from strop.types.work import Task, TaskId, TaskKind

BATCH = 8
"""Claims in one call, planted ones not counted."""
IN_FOUR = 4
"""One canary for so many claims, at least one a call."""
WINDOW = 400
"""Characters of the source shown on either side of a quote."""
_KNOWN_MOST = 8
"""Known flaws that are asked about in one gate."""


def _passes(value: Value) -> bool:
    del value
    return True


@dataclass(frozen=True, slots=True)
class Bench:
    """What a hearing is held by."""

    sources: Mapping[str, str]
    seed: str
    """Of the run's identity: the same run is asked the same questions."""
    rules: tuple[str, ...] = ()
    """Lines of `valid:` that no code knows."""
    calls: int = 0
    """Most calls in this round, as the reserve allows; 0 for as many as there are claims."""
    headline: Callable[[Value], bool] = lambda value: False
    """Whether a claim is asked in any case."""
    passes: Callable[[Value], bool] = _passes
    """Whether the deterministic layer lets a flawed claim through: one that it catches measures nothing."""
    past: tuple[Heard, ...] = ()
    """Earlier gates of the same model and prompt."""
    floor: float = FLOOR
    earlier: tuple[Word, ...] = ()
    """Words of this run's rounds before."""
    room: int = 0
    """Characters of the whole delivery that one call may hold; 0 where it is not looked over."""


@dataclass(frozen=True, slots=True)
class Question:
    """One claim before the refuting model."""

    value: Value
    passage: str
    role: Role
    flaw: str = ""

    @property
    def id(self) -> str:
        """Hash of what is asked, the same for claims and canaries: nothing in it tells them apart."""
        return digest([self.value.row, self.value.field, self.value.value, self.passage])[:12]

    @property
    def kind(self) -> str:
        """What the claim is a part of."""
        if re.search(r"\.charts\[\d+\]\.points\[", self.value.row):
            return "points"
        return "sentences" if is_prose(self.value.value) else "cells"

    @property
    def text(self) -> str:
        """As it is asked."""
        said = f"{self.value.field} of {self.value.row} is {self.value.value!r}"
        return f"id {self.id}: {said}\n<passage>\n{self.passage}\n</passage>"


@dataclass(slots=True)
class Docket:
    """What is to be heard in one round. Made by `docket`, kept by whoever asks."""

    batches: tuple[tuple[Question, ...], ...]
    """Canaries among them, each batch in the order that it is asked in."""
    asked: Mapping[str, Question]
    """Every question of the run that was or will be asked, by id, canaries left out."""
    left: int
    """Claims that are not asked."""
    headline: int
    words: list[Word] = field(default_factory=list[Word])
    """Said in this round."""


# ---------------------------------------------------------------- before the asking


def docket(values: Sequence[Value], bench: Bench) -> Docket:
    """Questions in batches, planted ones mixed in.

    Raises:
        StropError: what was planted did not come out again; a fault of ours.
    """
    every = tuple(_questions(values, bench))
    chosen, headline = _chosen(every, bench)
    known = {word.id for word in bench.earlier}
    new = [question for question in chosen if question.id not in known]
    clean = canonical([question.value for question in new])
    parts = [new[start : start + BATCH] for start in range(0, len(new), BATCH)]
    batches = tuple(_planted(parts, every, bench))
    if canonical([question.value for question in _stripped(batches, new)]) != clean:
        raise StropError("a seeded flaw of the gate is still among the claims, or a claim was lost: a fault of ours")
    asked = {question.id: question for question in chosen}
    return Docket(batches, asked, left=_claims(every) - _claims(chosen), headline=headline)


def _claims(questions: Sequence[Question]) -> int:
    return sum(question.role is not Role.KNOWN for question in questions)


def _stripped(batches: Sequence[Sequence[Question]], order: Sequence[Question]) -> list[Question]:
    """The questions without those that were planted, in the order they had before."""
    place = {id(question): number for number, question in enumerate(order)}
    kept = [question for batch in batches for question in batch if question.role is not Role.CANARY]
    return sorted(kept, key=lambda question: place.get(id(question), len(place)))


def passage(value: Value, sources: Mapping[str, str]) -> str:
    """The words around the quotes that a value rests on; none where nothing stands, or a program worked it out."""
    if not value.claims or value.claims[0].formula:
        return ""
    held = value.claims[1:] if resting(value) else value.claims[:1]
    windows = (_window(claim, sources) for claim in held)
    return "\n[...]\n".join(window for window in dict.fromkeys(windows) if window)


def _window(claim: Claim, sources: Mapping[str, str]) -> str:
    if claim.span is None:
        return ""
    start, end = claim.span
    return sources.get(claim.source, "")[max(0, start - WINDOW) : end + WINDOW]


def _questions(values: Sequence[Value], bench: Bench) -> Iterator[Question]:
    """Every claim that has a passage, and some whose flaw is known; nothing that a rule took out."""
    known = 0
    for value in values:
        if BROKEN in value.reasons:
            continue
        if value.standing is Standing.REFUTED:
            question = _known(value, bench) if known < _KNOWN_MOST else None
            known += question is not None
        else:
            shown = passage(value, bench.sources)
            question = Question(value, shown, Role.CONTROL if _proved(value) else Role.CLAIM) if shown else None
        if question is not None:
            yield question


def _proved(value: Value) -> bool:
    """Whether its data were asked twice and its source says it: a refutation of it is a false alarm."""
    counted = value.standing is Standing.CORRECTED or "data agree" in value.reasons
    return counted and bool(value.claims) and states(value.value, value.claims[0].quote)


def _known(value: Value, bench: Bench) -> Question | None:
    """A claim that the deterministic layer took out since its own passage does not say it."""
    for claim in value.claims:
        shown = _window(claim, bench.sources)
        said = claim.value
        if shown and said is not None and not isinstance(said, bool) and not is_prose(said) and not states(said, shown):
            return Question(replace(value, value=said, claims=(claim,)), shown, Role.KNOWN)
    return None


def _chosen(every: Sequence[Question], bench: Bench) -> tuple[list[Question], int]:
    """(what is asked, how many of it are headline claims): those in any case, the rest by risk within the reserve.

    What was asked in an earlier round stays asked, and takes no room.
    """
    known = {word.id for word in bench.earlier}
    first = {question.id for question in every if bench.headline(question.value)}
    kept = [question for question in every if question.id in first or question.id in known]
    ranked = sorted(
        (question for question in every if question.id not in first and question.id not in known),
        key=lambda question: (_risk(question), digest([bench.seed, question.id])),
    )
    new = sum(question.id not in known for question in kept)
    room = max(0, bench.calls * BATCH - new) if bench.calls else len(ranked)
    return [*kept, *ranked[:room]], _claims([question for question in kept if question.id in first])


def _risk(question: Question) -> tuple[bool, ...]:
    """Ascending: what is likelier to be wrong, or dearer if it is, comes first."""
    value = question.value
    figure = as_number(value.value)
    return (
        question.role is not Role.KNOWN,
        value.standing is not Standing.UNVERIFIED,
        question.role is Role.CONTROL,
        "readers agree" in value.reasons,
        not any(claim.formula for claim in value.claims),
        not (figure is not None and abs(figure) >= 1_000),
    )


def _planted(
    parts: Sequence[Sequence[Question]], every: Sequence[Question], bench: Bench
) -> Iterator[tuple[Question, ...]]:
    """Each batch with its canaries.

    They are made of claims of other batches where there are such: beside its own original a flawed claim
    gives itself away.
    """
    used: set[str] = {question.id for question in every}
    bases = [question for question in every if question.role is not Role.KNOWN and says(question.value)]
    for part in parts:
        own = {question.id for question in part}
        seed = digest([bench.seed, [question.id for question in part]])
        ranked = sorted(
            bases, key=lambda q: (q.id in own, q.value.standing is Standing.UNVERIFIED, digest([seed, q.id]))
        )
        planted: list[Question] = []
        for base in ranked:
            if len(planted) == max(1, len(part) // IN_FOUR):
                break
            canary = _canary(base, seed, bench)
            if canary is not None and canary.id not in used:
                used.add(canary.id)
                planted.append(canary)
        yield tuple(sorted((*part, *planted), key=lambda q: digest([seed, "place", q.id])))


def says(value: Value) -> bool:
    """Whether its own quote says a claim, as far as code can see: what is wrong itself may be made right by a flaw."""
    quote = _quote(value)
    if not is_prose(value.value):
        return states(value.value, quote)
    return all(states(figure, quote) for figure in figures(str(value.value)))


def _quote(value: Value) -> str:
    """The words that a value rests on: its own quote, else those of the claims it cites."""
    held = value.claims[1:] if resting(value) else value.claims[:1]
    return " ".join(dict.fromkeys(claim.quote for claim in held))


def _canary(base: Question, seed: str, bench: Bench) -> Question | None:
    """The first flaw of the claim that no check catches."""
    own = replace(base.value.claims[0], quote=_quote(base.value))
    made = (_planted_as(base, flaw, claim, bench) for flaw, claim in flawed(own, base.passage, seed))
    return next((canary for canary in made if canary is not None), None)


def _planted_as(base: Question, flaw: str, claim: Claim, bench: Bench) -> Question | None:
    if resting(base.value):  # another sentence on the same claims
        own = replace(base.value.claims[0], value=claim.value)
        value = replace(base.value, value=claim.value, claims=(own, *base.value.claims[1:]))
        return Question(value, base.passage, Role.CANARY, flaw) if bench.passes(value) else None
    value = replace(base.value, value=claim.value, claims=(claim,), said=None)
    shown = _window(claim, bench.sources)
    stands = locate(claim.quote, shown) is not None
    return Question(value, shown, Role.CANARY, flaw) if stands and bench.passes(value) else None


# ---------------------------------------------------------------- the asking, as data

ANSWER = Object(
    (
        Field(
            "verdicts",
            Array(
                Object(
                    (
                        Field("id", Text(40)),
                        Field("verdict", Choice(("refuted", "supported", "cannot-tell"))),
                        Field("quote", Text(1_000, nullable=True)),
                    )
                ),
                max_items=4 * BATCH,
            ),
        ),
    )
)


def hearing_task(batch: Sequence[Question], rules: Sequence[str]) -> Task:
    """One call; its id is the hash of what it asks, so that what was asked before is answered from the record."""
    lines = "\n".join(f"- {line}" for line in rules)
    parts = [f"Rules that every value must keep:\n{lines}"] if lines else []
    goal = "\n\n".join([*parts, *(question.text for question in batch)])
    return Task(
        id=TaskId(f"refute/{digest(goal)[:12]}"),
        kind=TaskKind.AGGREGATE,
        role="verifier",
        goal=goal,
        schema=ANSWER,
        prompt="refute",
        steps=2,
    )


def words_of(batch: Sequence[Question], answer: Mapping[str, Json]) -> tuple[Word, ...]:
    """A word on each question of the batch, and on nothing else; two different words on one claim are none."""
    said: dict[str, tuple[str, str]] = {}
    for item in cast("list[Json]", answer["verdicts"]):
        one = object_of(item)
        name, word, quote = str(one["id"]), str(one["verdict"]), str(one["quote"] or "")
        said[name] = ("cannot-tell", "") if name in said and said[name][0] != word else (word, quote)
    words: list[Word] = []
    for question in batch:
        word, quote = said.get(question.id, ("", ""))
        stands = bool(quote) and locate(quote, question.passage) is not None
        words.append(Word(question.id, question.role, question.kind, word, quote, stands, question.flaw))
    return tuple(words)


# ---------------------------------------------------------------- after the asking


def weighed(
    values: Sequence[Value], words: Sequence[Word], bench: Bench
) -> tuple[tuple[Value, ...], tuple[Finding, ...], Calibration | None]:
    """Every value after the model's word on it, what was refuted, and what the word is worth."""
    if not words:
        return tuple(values), (), None
    worth = calibrated(words, past=bench.past, floor=bench.floor)
    by_id = {word.id: word for word in words}
    judged: list[Value] = []
    findings: list[Finding] = []
    for value in values:
        shown = passage(value, bench.sources)
        word = by_id.get(Question(value, shown, Role.CLAIM).id) if shown else None
        after, finding = _weigh(value, word, void=worth.state == "void") if word else (value, None)
        judged.append(after)
        findings += [finding] if finding else []
    return tuple(judged), tuple(findings), worth


def _weigh(value: Value, word: Word, *, void: bool) -> tuple[Value, Finding | None]:
    """One word: without a quote that stands it is worthless, a table's answer outweighs it."""
    if not word.stands or value.standing is Standing.REFUTED:
        return value, None
    if word.word == "supported" and not void:
        reasons = (*value.reasons, "the refuting model found it stated")
        lifts = value.standing is Standing.UNVERIFIED and not _disputed(value)
        return replace(value, standing=Standing.ACCEPTED if lifts else value.standing, reasons=reasons), None
    claim = value.claims[0]
    if word.word != "refuted" or "data agree" in value.reasons or claim.locator:
        return value, None
    finding = Finding(
        kind="refuted",
        artefact=claim.source,
        locator=f"{value.row}.{value.field}",
        expected=f"what the source says: {word.quote[:200]}",
        observed=str(value.value),
        rule=f"{value.field} says what its source says",
        severity=Severity.NOTE if void else Severity.FLAW,
        claims=(claim.id,),
    )
    if void:
        return value, finding
    reasons = (*value.reasons, f"refuted by a model: {word.quote[:120]}")
    return replace(value, value=None, said=value.value, standing=Standing.REFUTED, reasons=reasons), finding


def _disputed(value: Value) -> bool:
    """The data or another source contradict it: no reading of the document can settle that."""
    return CONTRADICTED in value.reasons or any(
        reason.startswith("data ") and reason != "data agree" for reason in value.reasons
    )


def coverage(found: Docket, words: Sequence[Word]) -> str:
    """Which claims were asked, in a sentence."""
    heard = {word.id for word in words if word.word}
    asked = [question for question in found.asked.values() if question.role is not Role.KNOWN]
    spoken = sum(question.id in heard for question in asked)
    total = len(asked) + found.left
    if not total:
        return ""
    line = f"The refuting model spoke on {spoken:,} of {total:,} claims that have a passage"
    if found.headline:
        line += f", {found.headline:,} of them asked first as headline or repaired ones"
    if found.left:
        line += f"; {found.left:,} of lower risk were not asked, since the gate's reserve ends before them"
    return f"{line}."
