"""A quote of another kind than its siblings' is found without being told what the kind is."""

from __future__ import annotations

from strop.checking.siblings import LEAST, outliers
from strop.types.content import Standing
from strop.types.trial import Claim, Severity, Value
from strop.types.work import TaskId, UnitKey


def value(row: int, quote: str, *, reasons: tuple[str, ...] = ("quote stands",)) -> Value:
    claim = Claim(TaskId("t"), UnitKey(f"r{row}"), "fee", row, f"{row}.txt", "h", quote, (0, len(quote)), reader=1)
    return Value(UnitKey(f"r{row}"), "fee", row, Standing.ACCEPTED, (claim,), reasons)


ALIKE = [value(row, f"A berth costs {row}0 EUR a day.") for row in range(LEAST)]


def test_the_odd_quote_is_marked() -> None:
    """It loses its acceptance and is named with its place; the others keep theirs."""
    values, (finding,) = outliers([*ALIKE, value(99, "It was opened in 1999.")])
    assert [one.standing for one in values] == [Standing.ACCEPTED] * LEAST + [Standing.UNVERIFIED]
    assert (finding.locator, finding.severity) == ("r99.fee", Severity.FLAW)


def test_what_was_computed_again_is_left_alone() -> None:
    """A count outweighs how a sentence is worded."""
    assert outliers([*ALIKE, value(99, "It was opened in 1999.", reasons=("data agree",))])[1] == ()


def test_few_quotes_and_free_wording_say_nothing() -> None:
    """Where pages share no words there is no kind to differ from."""
    free = [value(row, f"{chr(97 + row) * 3} {row} {chr(107 + row) * 4}") for row in range(LEAST + 2)]
    assert outliers(free)[1] == ()
    assert outliers([*ALIKE[: LEAST - 2], value(99, "It was opened in 1999.")])[1] == ()
