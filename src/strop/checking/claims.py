"""The claim ledger: from any value of a run to the words, the call or the formula that it rests on.

Pure over what it is handed: claims and judged values of a run, the record of when each source was
read, a way to the stored text by its hash, and a way to ask a table again. A claim that cites others
or follows from them by a formula resolves to them, and they to theirs, down to words in sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from strop.checking.derived import outcome, states_outcome, unsaid
from strop.checking.judge import same
from strop.checking.quotes import locate
from strop.errors import BadInput, StropError
from strop.types.content import Scalar, Standing
from strop.types.trial import Claim, SourceRead, Value

AROUND = 320
"""Characters of a source that are shown on both sides of a quote."""
DEEPEST = 40
"""Levels of claims that rest on claims; hashes allow no cycle, but a damaged file might."""
LISTED = 8
"""Ids that an ambiguous one is told to mean."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The words around a quote, as they stand in the stored source."""

    before: str
    quote: str
    after: str
    start: int
    """Characters of the source before `quote`."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One claim with all that it rests on."""

    claim: Claim
    value: Value | None
    """What the gate made of it; None where it judged only what was made of the claim."""
    read: SourceRead | None
    """When its source was read; None where that is not on record."""
    passage: Passage | None = None
    recomputed: Scalar = None
    """What the table answers when it is asked again (`claim.locator`), or what the formula comes to."""
    flaw: str = ""
    """Why there is no passage or no answer; empty where there is."""
    rests: tuple[Resolved, ...] = ()


@runtime_checkable
class Claiming(Protocol):
    """Rows of a table whose cells have claims that are made when somebody asks, since they are too many to keep."""

    def claim_of(self, row: int, column: int) -> Claim:
        """The claim of a cell: row from 1, column from 0."""
        ...


def _silent(claim: Claim) -> Scalar:
    raise BadInput(f"{claim.locator}: nobody can ask this again here")


def _textless(digest: str) -> str:
    raise BadInput(f"the source {digest[:12]} is not stored")


@dataclass(frozen=True, slots=True)
class Ledger:
    """All claims of a run by id, and the means to resolve them."""

    claims: Mapping[str, Claim]
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """The judged value by the id of each claim it rests on."""
    sources: Mapping[tuple[str, str], SourceRead] = field(default_factory=dict[tuple[str, str], SourceRead])
    """By path and hash."""
    text: Callable[[str], str] = _textless
    """Stored text by hash; raises a StropError where there is none."""
    ask: Callable[[Claim], Scalar] = _silent
    """What the tool of a claim's locator answers on the stored source; raises a StropError where it cannot."""


def ledger_of(
    claims: Iterable[Claim],
    *,
    values: Iterable[Value] = (),
    sources: Iterable[SourceRead] = (),
    text: Callable[[str], str] = _textless,
    ask: Callable[[Claim], Scalar] = _silent,
) -> Ledger:
    """The ledger of a run: its agents' claims, and those that the gate made for its values."""
    held = {claim.id: claim for claim in claims}
    judged: dict[str, Value] = {}
    for value in values:
        for place, claim in enumerate(value.claims):
            held.setdefault(claim.id, claim)
            if place == 0:
                judged[claim.id] = value
            else:
                judged.setdefault(claim.id, value)
    return Ledger(held, judged, {(read.path, read.digest): read for read in sources}, text, ask)


def find(ledger: Ledger, name: str) -> str:
    """The id that `name` is, or is the unique beginning of.

    Raises:
        BadInput: no claim has it, or several have.
    """
    wanted = name.strip().lower()
    found = [wanted] if wanted in ledger.claims else [id for id in ledger.claims if wanted and id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise BadInput(f"no claim {name!r} in this run; the ids stand in files/claims.csv and the Sources sheet")
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    raise BadInput(f"{len(found)} claims begin with {name!r}: {', '.join(sorted(found)[:LISTED])}{more}")


def resolve(ledger: Ledger, id: str) -> Resolved:
    """The claim with its passage, its recomputed answer, or its formula and the claims below it.

    Raises:
        BadInput: there is no such claim.
    """
    if id not in ledger.claims:
        raise BadInput(f"no claim {id!r} in this run")
    return _resolved(ledger, ledger.claims[id], DEEPEST)


def _resolved(ledger: Ledger, claim: Claim, depth: int) -> Resolved:
    known = ledger.values.get(claim.id), ledger.sources.get((claim.source, claim.source_hash))
    if claim.rests:
        below = [ledger.claims.get(id) for id in claim.rests] if depth else []
        rests = tuple(_resolved(ledger, each, depth - 1) for each in below if each is not None)
        made, flaw = _recomputed(ledger, claim)
        return Resolved(claim, *known, recomputed=made, flaw=flaw, rests=rests)
    passage, lost = _passage(ledger, claim)
    if not claim.locator or claim.reader:  # a script's reading rests on its quote like any other
        return Resolved(claim, *known, passage=passage, flaw=lost)
    try:
        return Resolved(claim, *known, passage=passage, recomputed=ledger.ask(claim))
    except StropError as caught:
        return Resolved(claim, *known, passage=passage, flaw=str(caught))


def _recomputed(ledger: Ledger, claim: Claim) -> tuple[Scalar, str]:
    missing = [id for id in claim.rests if id not in ledger.claims]
    if missing:
        return None, f"it rests on a claim that is not on record: {missing[0]}"
    if not claim.formula:
        return None, ""
    try:
        made = outcome(claim.formula, values_of(claim, ledger.claims))
    except BadInput as caught:
        return None, str(caught)
    whole = made == made.to_integral_value()
    return int(made) if whole else float(made), ""


def _passage(ledger: Ledger, claim: Claim) -> tuple[Passage | None, str]:
    if claim.span is None:
        return None, "" if claim.locator else "its quote does not stand in its source"
    try:
        text = ledger.text(claim.source_hash)
    except StropError as caught:
        return None, str(caught)
    start, end = claim.span
    if not 0 <= start < end <= len(text):
        return None, "its span is not in the stored source"
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    return Passage(before, text[start:end], after, start), ""


# ---------------------------------------------------------------- what follows from what


def values_of(claim: Claim, held: Mapping[str, Claim]) -> dict[str, Scalar]:
    """Values by the names that the claim's formula uses: c1 is the first it rests on."""
    return {f"c{number}": held[id].value for number, id in enumerate(claim.rests, start=1) if id in held}


def bases(claim: Claim, held: Mapping[str, Claim]) -> tuple[Claim, ...]:
    """The claims at the bottom: those that rest on words or a call, each once, in order."""
    found: dict[str, Claim] = {}
    seen: set[str] = set()
    left = [claim]
    while left:
        each = left.pop()
        if each.id in seen:
            continue
        seen.add(each.id)
        if not each.rests:
            found[each.id] = each
        left += [held[id] for id in reversed(each.rests) if id in held]
    return tuple(found.values())


def unfollowed(claim: Claim, held: Mapping[str, Claim]) -> str:
    """Why a value does not follow from what it rests on, in words for whoever wrote it; empty where it does."""
    rests = [held[id] for id in claim.rests if id in held]
    if len(rests) < len(claim.rests):
        return "it rests on a claim that is not on record"
    if empty := next((each for each in rests if each.value is None), None):
        return f"it rests on {empty.row}.{empty.field}, for which nothing was found"
    result = None
    if claim.formula:
        try:
            result = outcome(claim.formula, values_of(claim, held))
        except BadInput as caught:
            return str(caught)
        if not states_outcome(claim.value, result):
            return f"the formula comes to {result.normalize():f}, and {str(claim.value)[:80]!r} does not say so"
    beneath = {each.id: each for rest in rests for each in (rest, *bases(rest, held))}.values()
    told: list[Scalar] = [said for each in beneath for said in (each.value, each.quote)]
    if lost := unsaid(claim.value, sources=told, result=result):
        return f"the number {lost[0]} stands in none of the claims that are cited"
    return ""


def unsupported(claim: Claim, held: Mapping[str, Claim], sources: Mapping[str, str]) -> str:
    """Why what a claim rests on does not stand itself, at the bottom; empty where it does."""
    for base in bases(claim, held):
        text = sources.get(base.source)
        if base.locator and base.value is not None:
            continue
        if base.span is None or text is None or locate(base.quote, text[slice(*base.span)]) is None:
            return f"the quote of {base.row}.{base.field} does not stand in {base.source or 'a source'}"
    return ""


def resting(value: Value) -> bool:
    """Whether a value rests on other claims, which follow its own."""
    return bool(value.claims) and bool(value.claims[0].rests)


def lifted(values: Iterable[Value]) -> tuple[Value, ...]:
    """Values that were worked out stand as the values do that they were worked out from.

    All proved: so is the formula's outcome. One of them refuted: it is taken out.
    """
    judged = tuple(values)
    standing: dict[tuple[object, ...], Standing] = {}
    for value in judged:
        for claim in _restated(value):
            if standing.get(_words(claim)) is not Standing.REFUTED:
                standing[_words(claim)] = value.standing
    return tuple(_lifted(value, standing) if resting(value) else value for value in judged)


def _restated(value: Value) -> tuple[Claim, ...]:
    """The claims on words that a value says again as they are: its own, or those that it cites."""
    if not resting(value):
        return value.claims[:1]
    said = value.said if value.value is None else value.value
    return () if value.claims[0].formula else tuple(claim for claim in value.claims[1:] if same(said, claim.value))


def _lifted(value: Value, standing: Mapping[tuple[object, ...], Standing]) -> Value:
    below = [standing.get(_words(claim), Standing.UNVERIFIED) for claim in value.claims[1:] if not claim.rests]
    if value.standing is Standing.UNVERIFIED and Standing.REFUTED in below:
        reasons = (*value.reasons, "a value it rests on was refuted")
        return replace(value, value=None, said=value.value, standing=Standing.REFUTED, reasons=reasons)
    proved = below and all(each in (Standing.ACCEPTED, Standing.CORRECTED) for each in below)
    if value.standing is Standing.UNVERIFIED and value.claims[0].formula and proved:
        return replace(value, standing=Standing.ACCEPTED, reasons=(*value.reasons, "all that it rests on is accepted"))
    return value


def _words(claim: Claim) -> tuple[object, ...]:
    """The same value from the same words, whoever says it."""
    return claim.field, str(claim.value), claim.source_hash, claim.span, claim.locator
