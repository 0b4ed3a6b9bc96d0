"""The ledger: from an id to words, a call or a formula; and whether a value follows from what it cites."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strop.checking.claims import (
    AROUND,
    Ledger,
    bases,
    find,
    ledger_of,
    lifted,
    resolve,
    unfollowed,
    unsupported,
)
from strop.errors import BadInput, JournalFault
from strop.types.content import Scalar, Standing
from strop.types.fingerprint import digest_bytes
from strop.types.trial import Claim, SourceRead, Value
from strop.types.work import TaskId, UnitKey

TEXT = f"{'x' * 500} Well 05 is 15 metres deep. Well 06 is 16 metres deep. {'y' * 500}"
HASH = digest_bytes(TEXT.encode())
READ = SourceRead("inputs/a.txt", HASH, 1_700_000_000.0)


def quoting(value: Scalar, quote: str, *, row: str = "read.rows[0]", field: str = "depth") -> Claim:
    """A claim on words of the one source."""
    at = TEXT.index(quote)
    return Claim(TaskId("read"), UnitKey(row), field, value, READ.path, HASH, quote, (at, at + len(quote)))


FIVE = quoting(15, "Well 05 is 15 metres deep.")
SIX = quoting(16, "Well 06 is 16 metres deep.", row="read.rows[1]")
MEAN = replace(FIVE, task=TaskId("make"), value=15.5, formula="mean(c1, c2)", rests=(FIVE.id, SIX.id))
SAID = replace(MEAN, field="said", value="They are 15.5 metres deep on average.", formula="", rests=(MEAN.id,))
COUNT = replace(FIVE, field="rows", value=2, span=None, quote="", locator="table:rows(data/a.csv)")
ALL = (FIVE, SIX, MEAN, SAID, COUNT)


def text(digest: str) -> str:
    if digest != HASH:
        raise JournalFault("blob is missing")
    return TEXT


def ledger(*claims: Claim, values: tuple[Value, ...] = ()) -> Ledger:
    return ledger_of(claims or ALL, values=values, sources=[READ], text=text, ask=lambda claim: 2)


def test_a_quoted_claim_resolves_to_its_passage() -> None:
    """The words around it, the quote apart, its source's hash and when it was read, and the gate's word."""
    value = Value(FIVE.row, "depth", 15, Standing.ACCEPTED, (FIVE,), ("quote stands",))

    one = resolve(ledger(values=(value,)), FIVE.id)

    assert one.passage is not None
    assert one.passage.quote == FIVE.quote
    assert one.passage.before == TEXT[501 - AROUND : 501]
    assert one.passage.after.startswith(" Well 06")
    assert (one.read, one.value, one.flaw) == (READ, value, "")


def test_a_tools_claim_is_asked_again() -> None:
    """The call's answer stands beside what was claimed; a call that fails says why."""
    assert resolve(ledger(), COUNT.id).recomputed == 2
    assert "nobody can ask this again" in resolve(ledger_of(ALL), COUNT.id).flaw


def test_a_derived_claim_resolves_all_the_way_down() -> None:
    """A sentence cites a mean, the mean follows from two claims, and these stand in their source."""
    said = resolve(ledger(), SAID.id)

    (mean,) = said.rests
    assert (mean.recomputed, mean.flaw) == (15.5, "")
    assert [each.passage.quote if each.passage else "" for each in mean.rests] == [FIVE.quote, SIX.quote]
    assert bases(SAID, ledger().claims) == (FIVE, SIX)


@pytest.mark.parametrize(
    ("claim", "flaw"),
    [
        (replace(FIVE, span=None), "does not stand"),
        (replace(FIVE, source_hash="0" * 64), "missing"),
        (replace(FIVE, span=(5_000, 5_010)), "not in the stored source"),
        (replace(MEAN, rests=(FIVE.id, "feed")), "not on record: feed"),
        (replace(MEAN, formula="mean(c1, c9)"), "no claim c9"),
    ],
)
def test_what_cannot_be_resolved_says_why(claim: Claim, flaw: str) -> None:
    """Never silence, and never another's words."""
    one = resolve(ledger(FIVE, SIX, claim), claim.id)
    assert one.passage is None
    assert flaw in one.flaw


def test_an_id_is_found_by_its_unique_beginning() -> None:
    """Upper case too; nothing, several and none are refused with what there is."""
    held = Ledger({"aa11": FIVE, "aa22": SIX, "bb33": MEAN})
    assert find(held, "BB") == "bb33"
    assert find(held, "aa11") == "aa11"
    for name, why in (("aa", "2 claims begin with 'aa': aa11, aa22"), ("zz", "no claim 'zz'"), ("", "no claim ''")):
        with pytest.raises(BadInput, match=why):
            find(held, name)


def test_claims_that_rest_on_each_other_in_a_ring_end() -> None:
    """A damaged record may hold a ring: it is walked a bounded number of times."""
    ring = Ledger({"a": replace(MEAN, rests=("b",), formula=""), "b": replace(MEAN, rests=("a",), formula="")})
    one, depth = resolve(ring, "a"), 0
    while one.rests:
        one, depth = one.rests[0], depth + 1
    assert depth == 40
    assert bases(ring.claims["a"], ring.claims) == ()


HELD = {claim.id: claim for claim in ALL}


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        (MEAN, ""),
        (SAID, ""),
        (replace(MEAN, value=16), ""),  # 15.5 shown without decimals
        (replace(MEAN, value=15.6), "the formula comes to 15.5"),
        (replace(MEAN, value="They are 17 metres deep."), "the formula comes to 15.5"),
        (replace(SAID, value="They are 15.5 metres deep, 9 more than before."), "the number 9 stands in none"),
        (replace(SAID, value="Well 05 is 15 metres deep."), ""),  # what stands below its claims counts too
        (replace(SAID, rests=("feed",)), "not on record"),
        (replace(MEAN, formula="mean(c1, c3)"), "no claim c3"),
    ],
)
def test_a_value_follows_from_what_it_cites_or_the_reason_is_said(claim: Claim, why: str) -> None:
    """Outcomes to the shown digits; no number that no cited claim says."""
    flaw = unfollowed(claim, HELD)
    assert why in flaw if why else flaw == ""


def test_a_value_cannot_rest_on_nothing_found() -> None:
    """A gap is no ground."""
    gap = replace(FIVE, value=None)
    flaw = unfollowed(replace(SAID, rests=(gap.id,)), {gap.id: gap})
    assert "nothing was found" in flaw


def test_what_a_value_rests_on_must_stand_itself() -> None:
    """The quotes at the bottom are looked up again: a source that lost them carries nothing."""
    assert unsupported(SAID, HELD, {READ.path: TEXT}) == ""
    assert "does not stand in inputs/a.txt" in unsupported(SAID, HELD, {READ.path: TEXT.replace("16", "17")})
    assert "does not stand" in unsupported(SAID, HELD, {})


@pytest.mark.parametrize(
    ("five", "six", "after"),
    [
        (Standing.ACCEPTED, Standing.CORRECTED, Standing.ACCEPTED),
        (Standing.ACCEPTED, Standing.UNVERIFIED, Standing.UNVERIFIED),
        (Standing.ACCEPTED, Standing.REFUTED, Standing.REFUTED),
    ],
)
def test_a_derived_value_stands_as_what_it_rests_on(five: Standing, six: Standing, after: Standing) -> None:
    """All proved: proved; one refuted: taken out; else it waits."""
    values = [
        Value(claim.row, claim.field, claim.value, standing, (claim,)) for claim, standing in ((FIVE, five), (SIX, six))
    ]
    derived = Value(UnitKey("make.rows[0]"), "mean", 15.5, Standing.UNVERIFIED, (MEAN, FIVE, SIX))

    (*_, one) = lifted([*values, derived])

    assert one.standing is after
    assert (one.value is None) is (after is Standing.REFUTED)
