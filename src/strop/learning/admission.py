"""Whether an item may come into use: what counts as evidence, the rungs in rising price, and the word at the end.

Evidence is what DESIGN.md section 7 allows: pairs of this version, on this ground, against this incumbent; one an
input, the first that came; none on an input that the item was made from. The scores are a fixed scorer's. How much
an item must show stands in `alpha.py`, what is counted in `evalues.py`. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from strop.learning.alpha import HARM, Course, Terms, Word, course
from strop.learning.evalues import Duel, cheaper, duel, interval, not_worse
from strop.learning.splitting import ALIKE, cosine, likeness, shingles
from strop.types.evidence import Certificate, Pair
from strop.types.memory import Item, ItemState, Origin

MARGIN = 0.05
"""A cheaper item may be worse by less than this."""


@dataclass(frozen=True, slots=True)
class Measured:
    """With what the pairs were scored, and when they are looked at."""

    model: str
    scorer: str
    day: str
    """YYYY-MM-DD."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an item's evidence."""

    word: Word
    state: ItemState
    """The state that the item should have now."""
    certificate: Certificate
    why: str


# ---------------------------------------------------------------- evidence


def counted(pairs: Iterable[Pair], *, item: Item, incumbent: str) -> tuple[Pair, ...]:
    """The pairs that are evidence for this version of the item, in the order they came."""
    first: dict[str, Pair] = {}
    wanted = (item.id, item.digest, item.ground, incumbent)
    for pair in pairs:
        fits = (pair.item, pair.version, pair.ground, pair.incumbent) == wanted
        if fits and pair.unit not in item.inputs:
            first.setdefault(pair.unit, pair)
    return tuple(first.values())


def decide(pairs: Iterable[Pair], *, item: Item, incumbent: str, terms: Terms, measured: Measured) -> Decision:
    """Whether the item is better than what it would replace: admit, quarantine, or undecided as a candidate.

    The pairs may come in any order that was not chosen by their outcomes; what decides first counts, and no pair
    behind it is looked at.
    """
    evidence = counted(pairs, item=item, incumbent=incumbent)
    run = course((pair.won - pair.lost for pair in evidence), terms=terms)
    certificate = _certificate(evidence[: run.pairs], item, run.duel, run.threshold, measured)
    return Decision(run.word, _state(run.word, item), certificate, _why(run, terms))


def decide_cheaper(pairs: Iterable[Pair], *, item: Item, incumbent: str, terms: Terms, measured: Measured) -> Decision:
    """Whether the item costs less and is not worse by `MARGIN`; when the plan ends without an answer it escalates.

    Both must be shown, each at the whole of the item's share (a false admission needs only one of them to be false).
    It is a promise of its own beside `decide`'s, over the same places: the chance that an item is ever admitted as
    cheaper that is worse by `MARGIN` or not cheaper is at most ALPHA too; only admissions by `decide` give a place
    back. Outputs that are the same on every replay are the shortest way.
    """
    evidence = counted(pairs, item=item, incumbent=incumbent)
    limit = 1 / (terms.looked + 1 / terms.always)
    word, used = Word.UNDECIDED, len(evidence)
    for seen in range(1, len(evidence) + 1):
        found = _cheaper_word(evidence[:seen], limit)
        if found is not Word.UNDECIDED:
            word, used = found, seen
            break
    if word is Word.UNDECIDED and len(evidence) >= terms.planned:
        word = Word.ESCALATE
    taken = evidence[:used]
    won, lost = sum(pair.won for pair in taken), sum(pair.lost for pair in taken)
    certificate = _certificate(taken, item, duel(won, lost), limit, measured, by="cheaper")
    return Decision(word, _state(word, item), certificate, _why_cheaper(word, taken, limit))


def _cheaper_word(pairs: Sequence[Pair], limit: float) -> Word:
    if duel(sum(pair.won for pair in pairs), sum(pair.lost for pair in pairs)).worse >= HARM:
        return Word.QUARANTINE
    held = not_worse(_differences(pairs), margin=MARGIN) >= limit
    if held and cheaper((pair.challenger_cost, pair.baseline_cost) for pair in pairs) >= limit:
        return Word.ADMIT
    return Word.UNDECIDED


def _differences(pairs: Iterable[Pair]) -> list[float]:
    """Score differences; outputs that are the same byte for byte differ by nothing."""
    return [0.0 if pair.same else pair.challenger - pair.baseline for pair in pairs]


def _state(word: Word, item: Item) -> ItemState:
    match word:
        case Word.ADMIT:
            return ItemState.PROBATION
        case Word.QUARANTINE:
            return ItemState.QUARANTINE
        case Word.UNDECIDED | Word.ESCALATE:
            return item.state


def _certificate(
    pairs: Sequence[Pair], item: Item, tally: Duel, threshold: float, measured: Measured, *, by: str = "e-process"
) -> Certificate:
    differences = [pair.challenger - pair.baseline for pair in pairs]
    low, high = interval(differences)
    before = sum(pair.baseline_cost for pair in pairs)
    return Certificate(
        item=item.id,
        version=item.digest,
        cases=len(pairs),
        won=tally.won,
        lost=tally.lost,
        effect=sum(differences) / len(differences) if differences else 0.0,
        low=low,
        high=high,
        e_better=tally.better,
        e_worse=tally.worse,
        threshold=threshold,
        cost=sum(pair.challenger_cost for pair in pairs) / before if before else None,
        model=measured.model,
        scorer=measured.scorer,
        day=measured.day,
        by=by,
    )


def _why(run: Course, terms: Terms) -> str:
    tally = f"{run.duel.won} won and {run.duel.lost} lost of {run.pairs} pairs"
    match run.word:
        case Word.ADMIT:
            return f"{tally}: E {run.duel.better:,.1f} reached {run.threshold:,.1f}"
        case Word.QUARANTINE:
            return f"{tally}: E of harm {run.duel.worse:,.1f} reached {HARM:g}"
        case _:
            left = max(0, terms.planned - run.pairs)
            more = f"{left} planned pairs are left" if left else f"beyond its plan it takes E {terms.always:,.0f}"
            return f"{tally}: E {run.duel.better:,.1f}, not decided; {more}"


def _why_cheaper(word: Word, pairs: Sequence[Pair], limit: float) -> str:
    held = not_worse(_differences(pairs), margin=MARGIN)
    less = cheaper((pair.challenger_cost, pair.baseline_cost) for pair in pairs)
    said = (
        f"{len(pairs)} pairs, {sum(pair.same for pair in pairs)} with the same output: E {held:,.1f} of not worse by "
    )
    said += f"{MARGIN * 100:g} points and {less:,.1f} of cheaper, against {limit:,.1f}"
    return said + ("; a person or a further trial has to decide" if word is Word.ESCALATE else "")


# ---------------------------------------------------------------- the ladder


class Rung(StrEnum):
    """What an item has to pass, in rising price."""

    FORM = "form"
    """Its form, and the static scan."""
    PROVENANCE = "provenance"
    GENERALITY = "generality"
    CONFLICT = "conflict"
    """Duplicates (`twin`) and conflicts (contradictions.py)."""
    REPLAY = "replay"
    """Paired replay on held inputs."""
    PROBATION = "probation"


LADDER = tuple(Rung)


@dataclass(frozen=True, slots=True)
class Climb:
    """How far an item came; `refused` is the rung that stopped it, None when all that were tried let it pass."""

    passed: tuple[Rung, ...]
    refused: Rung | None = None
    why: str = ""


def climb(item: Item, *, rungs: Mapping[Rung, Callable[[Item], str]]) -> Climb:
    """Try the rungs in the ladder's order and stop at the first that refuses; a rung says '' or a sentence.

    Raises:
        ValueError: a rung is missing below one that is given; a cheap refusal would be overlooked.
    """
    given = [rung for rung in LADDER if rung in rungs]
    if tuple(given) != LADDER[: len(given)]:
        raise ValueError(f"the ladder has a gap: {', '.join(given)} of {', '.join(LADDER)}")
    for at, rung in enumerate(given):
        why = rungs[rung](item)
        if why:
            return Climb(tuple(given[:at]), rung, why)
    return Climb(tuple(given))


def uncited(item: Item) -> str:
    """The rung of provenance: what a run leaves names at least one event of a run."""
    if item.origin is Origin.RUN and not item.cites:
        return f"{item.id} names no event of a run that it was learned from"
    return ""


# ---------------------------------------------------------------- duplicates


@dataclass(frozen=True, slots=True)
class Twin:
    """An item that is there already and says the same; the new one is its challenger and no second item."""

    item: str
    version: str
    likeness: float
    """1 for the same bytes."""


def twin(item: Item, *, text: str, others: Mapping[Item, str]) -> Twin | None:
    """The likest item of the same kind and scope, by hash, then by shingles or weighted words from `ALIKE` on."""
    rivals = {each.id: (each, words) for each, words in others.items() if _rivals(item, each)}
    for each, _ in rivals.values():
        if each.digest == item.digest:
            return Twin(each.id, each.digest, 1.0)
    weighed = cosine({name: words for name, (_, words) in rivals.items()}, to=text)
    mine = shingles(text)
    found = max(
        (Twin(each.id, each.digest, max(likeness(mine, shingles(words)), weighed[name]))
         for name, (each, words) in rivals.items()),
        key=lambda each: (each.likeness, each.item),
        default=None,
    )  # fmt: skip
    return found if found and found.likeness >= ALIKE else None


def _rivals(one: Item, other: Item) -> bool:
    """Items that could stand for one another. An older version of the same item is its parent, no twin."""
    return one.id != other.id and one.kind is other.kind and one.scope == other.scope
