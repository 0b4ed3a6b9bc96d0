"""Consistent flaws of a run over units: a worker said it, and every file repeats it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from strop.checking.mutants.record import Form, Record
from strop.checking.quotes import as_number, normal, states
from strop.types.content import Scalar
from strop.types.trial import Claim

Claims = tuple[Claim, ...]
Sources = Mapping[str, str]
OfClaims = Callable[[Claims, Sources, random.Random], "tuple[Claims, Sources, Record] | None"]


def break_claims(
    broken: OfClaims, claims: Claims, sources: Sources, *, seed: int
) -> tuple[Claims, Sources, Record] | None:
    """The claims of a run over units with one consistent flaw; None where there is nothing to break so."""
    made = broken(claims, sources, random.Random(seed))
    if made is None:
        return None
    after, texts, record = made
    return None if after == claims and texts == sources else (after, texts, record)


# ---------------------------------------------------------------- one value, in every reading


def _numbers(claims: Claims) -> list[Claim]:
    return [claim for claim in claims if claim.reader == 1 and as_number(claim.value) is not None]


def _revalued(claims: Claims, held: Claim, change: Callable[[Claim], Claim], kind: str) -> tuple[Claims, Record]:
    """Every reading of one cell changed alike."""
    after = tuple(
        change(claim) if claim.reader and (claim.row, claim.field) == (held.row, held.field) else claim
        for claim in claims
    )
    place = f"{held.row}.{held.field}"
    return after, Record(kind, Form.CONSISTENT, "claims", place, str(held.value), str(change(held).value))


def _valued(kind: str, other: Callable[[Claim, random.Random], Scalar]) -> OfClaims:
    """One number is another one, in the words of the same quote."""

    def broken(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
        numbers = _numbers(claims)
        if not numbers:
            return None
        held = chance.choice(numbers)
        value = other(held, chance)
        if as_number(value) == as_number(held.value):
            return None
        after, record = _revalued(claims, held, lambda claim: replace(claim, value=value), kind)
        return after, sources, record

    return broken


def _near(claim: Claim, chance: random.Random) -> Scalar:
    """A number near the true one, of the same form."""
    figure = as_number(claim.value)
    assert figure is not None, "only numbers are asked for"
    step = max(1, int(abs(figure) * chance.choice((1, 2, 5, 10)) / 100))
    return _like(claim.value, figure + chance.choice((-1, 1)) * step)


def _like(value: Scalar, figure: object) -> Scalar:
    return str(figure) if isinstance(value, str) else int(str(figure).partition(".")[0])


def _tenfold(claim: Claim, chance: random.Random) -> Scalar:
    figure = as_number(claim.value)
    assert figure is not None, "only numbers are asked for"
    return _like(claim.value, figure * 10)


def _transposed(claim: Claim, chance: random.Random) -> Scalar:
    """Two neighbouring digits in the other order."""
    digits = str(claim.value)
    places = [at for at in range(len(digits) - 1) if digits[at].isdigit() and digits[at + 1].isdigit()]
    places = [at for at in places if digits[at] != digits[at + 1] and (at or digits[1] != "0")]
    if not places:
        return claim.value
    at = chance.choice(places)
    turned = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
    return turned if isinstance(claim.value, str) else int(turned)


def _rounded(claim: Claim, chance: random.Random) -> Scalar:
    """Fewer digits than the source states."""
    figure = as_number(claim.value)
    assert figure is not None, "only numbers are asked for"
    keep = max(len(str(int(abs(figure)))) - 2, 1)
    return _like(claim.value, round(int(figure), -keep) or claim.value)


def _misquoted(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """A word of the quote is another; the value and the span stay."""
    held = chance.choice(_numbers(claims))
    words = re.findall(r"[A-Za-z]{4,}", held.quote)
    if not words:
        return None
    word = chance.choice(words)
    change = _requoted(lambda claim: claim.quote.replace(word, word[::-1].lower()))
    after, record = _revalued(claims, held, change, "misquote")
    return after, sources, replace(record, before=held.quote, after=change(held).quote)


def _requoted(quote: Callable[[Claim], str]) -> Callable[[Claim], Claim]:
    return lambda claim: replace(claim, quote=quote(claim))


def _unsupported(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """A number and a sentence for it that no source has."""
    held = chance.choice(_numbers(claims))
    value = _near(held, chance)
    quote = f"According to the latest figures the {held.field} is {value}."
    if normal(quote) in normal(sources.get(held.source, "")):
        return None
    after, record = _revalued(
        claims, held, lambda claim: replace(claim, value=value, quote=quote, span=(0, len(quote))), "unsupported claim"
    )
    return after, sources, record


def _neighbour(kind: str, *, unit: bool) -> OfClaims:
    """The value and quote of another field of the same page: another unit, another period."""

    def broken(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
        numbers = _numbers(claims)
        held = chance.choice(numbers)
        wanted = [
            claim
            for claim in numbers
            if claim.row == held.row and claim.field != held.field and _dated(claim) is not unit
        ]
        if not wanted or _dated(held):
            return None
        other = chance.choice(wanted)
        after, record = _revalued(
            claims,
            held,
            lambda claim: replace(claim, value=other.value, quote=other.quote, span=other.span),
            kind,
        )
        return after, sources, record

    return broken


def _dated(claim: Claim) -> bool:
    """Whether the number is a year."""
    figure = as_number(claim.value)
    return figure is not None and figure == int(figure) and 1_500 <= figure <= 2_100


def _lone_reader(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """One of two readers says another number that stands on the page."""
    counted = {(claim.row, claim.field) for claim in claims if claim.locator}
    numbers = [
        claim
        for claim in claims
        if claim.reader == 2 and as_number(claim.value) is not None and (claim.row, claim.field) not in counted
    ]
    if not numbers:
        return None
    held = chance.choice(numbers)
    others = [each for each in numbers if each.row == held.row and each.value != held.value]
    if not others:
        return None
    other = chance.choice(others)
    after = tuple(
        replace(claim, value=other.value, quote=other.quote, span=other.span) if claim is held else claim
        for claim in claims
    )
    place = f"{held.row}.{held.field}"
    record = Record("contradiction", Form.CONSISTENT, "claims", place, str(held.value), str(other.value))
    return after, sources, record


# ---------------------------------------------------------------- whole rows and sources


def _swapped(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """Two units' readings of one field change places, with their quotes and sources."""
    held = chance.choice(_numbers(claims))
    others = [each for each in _numbers(claims) if each.field == held.field and each.row != held.row]
    others = [each for each in others if each.value != held.value]
    if not others:
        return None
    other = chance.choice(others)
    turned = {held.row: other.row, other.row: held.row}
    after = tuple(
        replace(claim, row=turned.get(claim.row, claim.row)) if claim.reader and claim.field == held.field else claim
        for claim in claims
    )
    place = f"{held.row}.{held.field}"
    return after, sources, Record("entity swap", Form.CONSISTENT, "claims", place, str(held.value), str(other.value))


def _rows(claims: Claims) -> Sequence[str]:
    return list(dict.fromkeys(claim.row for claim in claims))


def _lost_row(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    row = chance.choice(_rows(claims))
    after = tuple(claim for claim in claims if claim.row != row)
    return after, sources, Record("missing row", Form.CONSISTENT, "claims", row, row, "")


def _copied_row(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """One unit was read as if it were another: its row says what the other's says, quotes and all."""
    row, other = chance.sample(list(_rows(claims)), 2)
    copies = tuple(
        replace(claim, row=next(c.row for c in claims if c.row == row)) for claim in claims if claim.row == other
    )
    after = tuple(claim for claim in claims if claim.row != row) + copies
    return after, sources, Record("duplicated row", Form.CONSISTENT, "claims", row, row, other)


def _changed_source(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """The page was rewritten after it was read: what was read is no longer what it says."""
    held = chance.choice(_numbers(claims))
    text = sources.get(held.source, "")
    if held.span is None or not text:
        return None
    start, end = held.span
    shifted = re.sub(r"\d", lambda found: str((int(found.group()) + 1) % 10), text[start:end])
    if states(held.value, shifted):
        return None
    after = {**sources, held.source: text[:start] + shifted + text[end:]}
    place = f"{held.row}.{held.field}"
    return claims, after, Record("stale source", Form.CONSISTENT, held.source, place, text[start:end], shifted)


def _aged(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """The page itself is old, and was read rightly."""
    dates = [claim for claim in claims if claim.reader == 1 and re.fullmatch(r"\d{4}-\d\d-\d\d", str(claim.value))]
    if not dates:
        return None
    held = chance.choice(dates)
    old = f"{int(str(held.value)[:4]) - chance.randint(3, 9)}{str(held.value)[4:]}"
    texts = {**sources, held.source: sources[held.source].replace(str(held.value), old)}
    change = _requoted(lambda claim: claim.quote.replace(str(held.value), old))
    after, record = _revalued(claims, held, lambda claim: replace(change(claim), value=old), "out of date")
    return after, texts, record


def _wrong_type(claims: Claims, sources: Sources, chance: random.Random) -> tuple[Claims, Sources, Record] | None:
    """A word where a number belongs, and the word does stand in the quote."""
    held = chance.choice(_numbers(claims))
    words = re.findall(r"[A-Za-z]{4,}", held.quote)
    if not words:
        return None
    word = chance.choice(words)
    after, record = _revalued(claims, held, lambda claim: replace(claim, value=word), "off-spec format")
    return after, sources, record


CONSISTENT: Mapping[str, OfClaims] = {
    "wrong number": _valued("wrong number", _near),
    "order of magnitude": _valued("order of magnitude", _tenfold),
    "transposed digits": _valued("transposed digits", _transposed),
    "rounded away": _valued("rounded away", _rounded),
    "wrong unit": _neighbour("wrong unit", unit=True),
    "wrong period": _neighbour("wrong period", unit=False),
    "unsupported claim": _unsupported,
    "misquote": _misquoted,
    "contradiction": _lone_reader,
    "entity swap": _swapped,
    "missing row": _lost_row,
    "duplicated row": _copied_row,
    "stale source": _changed_source,
    "out of date": _aged,
    "off-spec format": _wrong_type,
}
