"""The deterministic half of the gate: what becomes of each cell of the user's table.

Claims come in, one judged `Value` for each row and column goes out, with the findings. No model is
asked, nothing is read: the same evidence always gives the same judgement.

Terms. A *reader* is a model that read the source (`Claim.reader` from 1); the *count* is what a
deterministic tool answers from the companion table (`Claim.locator`, reader 0). A claim *stands* when
its quote is in the stored source at its span and says the value; in a column that needs no quote any
value stands. Readers *agree* when at least two claims stand and all that stand say the same: numbers
as numbers, text in its normal form. Agreement alone never accepts a value: it needs a quote and,
where there is one, the recomputation.

Model-read columns, the first line that holds:

    what is known                                        standing     finding           delivers
    two counts of one question differ                    refuted      recompute, fatal  nothing
    no reader said anything                              refuted      missing           nothing
    count c   a standing claim says c                    accepted     -                 it
    count c   two readers agree on another v             unverified   disagreement*     v
    count c   a sentence of the source says c            corrected    recompute         c, that quote
    count c   else                                       refuted      recompute         nothing
    no c      no claim stands                            refuted      quote             nothing
    no c      column has `recompute`                     unverified   recompute*        the chosen claim
    no c      column needs no quote, or a yes or no      unverified   -                 the chosen claim
    no c      readers agree                              accepted     -                 it
    no c      two stand and differ, or one alone of two  unverified   agreement*        the chosen claim
    no c      one reader only                            unverified   -                 it

    * a note: the user wants to know it, and no repair would mend it.

Columns with `compute`, where the tool was called twice: both answers the same: accepted; they differ:
refuted, fatal; called once: unverified; not at all: refuted with the tool's failure.

The chosen claim follows the spec's `conflict`: `flag` and `newest` take the first standing reader's
(readers of one source have no newer one), `majority` what most standing readers say.

A corrected value needs a sentence that says c. Small numbers stand everywhere, so up to
`SMALL` the sentence must also hold a cue of the column (its name, or a word of its `ask`), and a text
must stand in its own case. Of several such sentences the one that begins with the text, or speaks of
the column, is taken.

Not elegant, and known: agreement on a wrong v with a quote that says v wins over a source that also
says c, since that is how a page which contradicts its data looks; the finding carries both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from strop.checking.forms import fits
from strop.checking.quotes import as_number, locate, normal, states
from strop.checking.sentences import Passage, sentences
from strop.types.content import Scalar, Standing
from strop.types.label import join
from strop.types.trial import Claim, Finding, Severity, Value
from strop.types.work import Column, ColumnType, Conflict, TaskId, UnitKey

SMALL = 12
"""Whole numbers up to this occur in any prose: a correction then needs a cue beside them."""

DISAGREE, ALONE = "readers disagree", "one of the readers only"
APART = frozenset({DISAGREE, ALONE})
"""Why a value stands without two readers behind it, where two were asked."""

GATE = TaskId("verify")
"""Author of the claims that the gate makes itself."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something is not there: a unit that was not read, a tool that broke."""

    row: UnitKey
    reason: str
    field: str = ""
    """One column; empty for the whole row."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the judgement rests on."""

    claims: tuple[Claim, ...]
    """By readers and by the tool, of all rows; those of the tool twice where it was called twice."""
    sources: Mapping[str, str]
    """Text as it was stored, by project-relative path; a claim on a source that is not here does not stand."""
    readers: int = 1
    """How many readers each unit was given."""
    failures: tuple[Failure, ...] = ()
    places: Mapping[UnitKey, str] = field(default_factory=dict[UnitKey, str])
    """The source of each unit: a reader's claim that rests on another unit's does not stand."""

    def reason(self, row: UnitKey, name: str) -> str:
        """Why the cell has no claim, as far as anybody said."""
        for failure in self.failures:
            if failure.row == row and failure.field in ("", name):
                return failure.reason
        return ""


def judge(
    evidence: Evidence,
    *,
    columns: tuple[Column, ...],
    rows: tuple[UnitKey, ...],
    conflict: Conflict = Conflict.FLAG,
) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """Judge every cell, row by row in the order of `columns`; what a formula fills is none."""
    held: dict[tuple[UnitKey, str], list[Claim]] = {}
    read: dict[UnitKey, list[Claim]] = {}
    for claim in evidence.claims:
        held.setdefault((claim.row, claim.field), []).append(claim)
        if claim.reader:
            read.setdefault(claim.row, []).append(claim)
    values: list[Value] = []
    findings: list[Finding] = []
    for row in rows:
        readings = tuple(read.get(row, ()))
        for column in columns:
            if column.formula is not None:  # it follows from what is judged here
                continue
            claims = tuple(held.get((row, column.name), ()))
            said = sorted((one for one in claims if one.reader and one.value is not None), key=lambda one: one.reader)
            cell = _Cell(row, column, claims, tuple(said), readings, evidence, conflict)
            value, finding = _computed(cell) if column.compute is not None else _read(cell)
            values.append(value)
            findings.extend([finding] if finding is not None else [])
    return tuple(values), tuple(findings)


def same(one: Scalar, other: Scalar) -> bool:
    """Whether two values are equal for the gate: numbers by size, text in its normal form."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if type(one) is type(other) and one == other:
        return True
    first, second = as_number(one), as_number(other)
    if first is not None or second is not None:
        return first == second
    return normal(str(one)) == normal(str(other))


def quoted(column: Column) -> bool:
    """Whether a value of the column needs a quote that stands in the source."""
    return column.quote or column.type is ColumnType.QUOTE


def stands(claim: Claim, *, column: Column, sources: Mapping[str, str]) -> bool:
    """Whether the claim's value is of its column's type, and its quote is in its source at its span and says it."""
    if claim.value is None or not fits(column.type, claim.value):
        return False
    if not quoted(column):
        return True
    if not in_place(claim, sources):
        return False
    if isinstance(claim.value, bool):
        return True  # no text says a boolean: that its quote stands is all that can be checked
    if column.type is ColumnType.QUOTE:
        return locate(str(claim.value), claim.quote) is not None
    return states(claim.value, claim.quote)


def in_place(claim: Claim, sources: Mapping[str, str]) -> bool:
    """Whether the claim's quote is in its source at its span, in the source's own words."""
    source = sources.get(claim.source)
    if source is None or claim.span is None:
        return False
    start, end = claim.span
    if not 0 <= start < end <= len(source):
        return False
    stood = source[start:end]
    return stood == claim.quote or normal(stood) == normal(claim.quote)


# ---------------------------------------------------------------- one cell


@dataclass(frozen=True, slots=True)
class _Cell:
    """One row and column with all that is claimed of it."""

    row: UnitKey
    column: Column
    claims: tuple[Claim, ...]
    said: tuple[Claim, ...]
    """What readers said, by reader."""
    read: tuple[Claim, ...]
    """What readers claimed of any field of the row: where its sources are."""
    evidence: Evidence
    conflict: Conflict

    @property
    def counts(self) -> tuple[Claim, ...]:
        """The tool's claims; in a column that asks for none they count for nothing."""
        if self.column.recompute is None and self.column.compute is None:
            return ()
        return tuple(claim for claim in self.claims if not claim.reader and claim.locator)

    @property
    def count(self) -> Claim | None:
        """The tool's answer, where it gave one."""
        return next((claim for claim in self.counts if claim.value is not None), None)

    def standing(self) -> tuple[Claim, ...]:
        """One standing claim a reader, by reader."""
        kept: dict[int, Claim] = {}
        for claim in self.said:
            own = self.evidence.places.get(self.row, claim.source) == claim.source
            if own and stands(claim, column=self.column, sources=self.evidence.sources):
                kept.setdefault(claim.reader, claim)
        return tuple(kept.values())

    def value(
        self, standing: Standing, value: Scalar, claims: Iterable[Claim], *reasons: str, said: Scalar = None
    ) -> Value:
        return Value(self.row, self.column.name, value, standing, tuple(claims), reasons, said)

    def refuted(self, *reasons: str) -> Value:
        """Taken out; all its claims stay with it, so that the finding can be followed."""
        heard = self.said[0].value if self.said else None
        return self.value(Standing.REFUTED, None, self.claims, *reasons, said=heard)

    def finding(self, kind: str, expected: str, observed: str, rule: str, severity: Severity) -> Finding:
        source = next((claim.source for claim in (*self.said, *self.claims, *self.read)), "table")
        ids = tuple(dict.fromkeys(claim.id for claim in self.claims))
        name = self.column.name
        return Finding(kind, source, f"{self.row}.{name}", expected, observed, rule, severity, name, ids)


_Judged = tuple[Value, Finding | None]


def _computed(cell: _Cell) -> _Judged:
    """A column that a tool call fills."""
    if _differ(cell.counts):
        return _unsteady(cell)
    if cell.count is None:
        return _missing(cell)
    if len(cell.counts) < 2:
        return cell.value(Standing.UNVERIFIED, cell.count.value, [cell.count], "computed once, not again"), None
    return cell.value(Standing.ACCEPTED, cell.count.value, [cell.count], "computed twice, the same"), None


def _read(cell: _Cell) -> _Judged:
    """A column that readers fill."""
    if _differ(cell.counts):
        return _unsteady(cell)
    if not cell.said:
        return _missing(cell)
    if cell.count is not None:
        return _recomputed(cell, cell.count)
    return _unrecomputed(cell)


def _unsteady(cell: _Cell) -> _Judged:
    answers = " and ".join(_show(claim.value) for claim in cell.counts)
    rule = f"{cell.column.name}: asking the table again gives the same answer"
    finding = cell.finding("recompute", "one answer", answers, rule, Severity.FATAL)
    return cell.refuted("the table answers differently each time"), finding


def _missing(cell: _Cell) -> _Judged:
    reason = cell.evidence.reason(cell.row, cell.column.name) or "nobody said a value"
    rule = f"{cell.column.name}: every row has a value"
    return cell.refuted(reason), cell.finding("missing", "a value", reason, rule, Severity.FLAW)


def _recomputed(cell: _Cell, count: Claim) -> _Judged:
    """The table has an answer: it decides, but what two readers quote is delivered and reported."""
    standing, name = cell.standing(), cell.column.name
    equal = tuple(claim for claim in standing if same(claim.value, count.value))
    if equal:
        reasons = (*_quote_reason(cell), "data agree", _readers_reason(cell, standing))
        return cell.value(Standing.ACCEPTED, equal[0].value, (*equal, count), *reasons), None
    expected = _show(count.value)
    agreed = _largest(standing)
    if len(agreed) >= 2:
        observed = _show(agreed[0].value)
        who = "the documentation says" if quoted(cell.column) else "the readers say"
        rule = f"{name}: {who} {observed}, the data say {expected}"
        finding = cell.finding("disagreement", expected, observed, rule, Severity.NOTE)
        reasons = (*_quote_reason(cell), "readers agree", "data disagree")
        return cell.value(Standing.UNVERIFIED, agreed[0].value, (*agreed, count), *reasons), finding
    observed = " and ".join(dict.fromkeys(_show(claim.value) for claim in cell.said))
    rule = f"{name}: what is read equals what the table answers ({cell.column.recompute or count.locator})"
    finding = cell.finding("recompute", expected, observed, rule, Severity.FLAW)
    proof = _proof(cell, count)
    if proof is None:
        return cell.refuted("data disagree", "no sentence of the source says what the data say"), finding
    reasons = ("data disagree", "the source says what the data say")
    heard = cell.said[0].value
    return cell.value(Standing.CORRECTED, count.value, (proof, count), *reasons, said=heard), finding


def _unrecomputed(cell: _Cell) -> _Judged:
    """No answer from a table: quotes and agreement are all there is."""
    standing, name = cell.standing(), cell.column.name
    if not standing:
        observed = " and ".join(dict.fromkeys(_show(claim.value) for claim in cell.said))
        rule = f"{name}: every value carries a quote that stands in its source and says it"
        finding = cell.finding("quote", "a quote that stands and says it", observed, rule, Severity.FLAW)
        return cell.refuted("no quote stands and says it"), finding
    alike = _alike(standing[0], standing)
    chosen = _largest(standing) if cell.conflict is Conflict.MAJORITY else alike
    reasons = (*_quote_reason(cell), _readers_reason(cell, standing))

    def unverified(*more: str) -> Value:
        return cell.value(Standing.UNVERIFIED, chosen[0].value, chosen, *reasons, *more)

    if cell.column.recompute is not None:
        why = cell.evidence.reason(cell.row, name) or "no table answered"
        rule = f"{name}: the value is counted again in the table"
        return unverified(why), cell.finding("recompute", "an answer", why, rule, Severity.NOTE)
    if not quoted(cell.column):
        return unverified("no quote asked for"), None
    if isinstance(chosen[0].value, bool):
        return unverified("no quote says a yes or no"), None
    if len(alike) == len(standing) >= 2:
        return cell.value(Standing.ACCEPTED, chosen[0].value, standing, *reasons), None
    if cell.evidence.readers < 2 and len(standing) < 2:
        return unverified("nothing recomputed"), None
    heard = " and ".join(dict.fromkeys(_show(claim.value) for claim in cell.said))
    rule = f"{name}: two readers quote the same value"
    return unverified(), cell.finding("agreement", "two readers agree", heard, rule, Severity.NOTE)


# ---------------------------------------------------------------- agreement


def _differ(counts: tuple[Claim, ...]) -> bool:
    return any(not (same(one.value, other.value)) for one, other in pairwise(counts))


def _alike(claim: Claim, claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    return tuple(other for other in claims if same(claim.value, other.value))


def _largest(standing: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """The claims of the value that most readers say; among equals the first reader's."""
    return max((_alike(claim, standing) for claim in standing), key=len, default=())


def _agree(standing: tuple[Claim, ...]) -> bool:
    return len(standing) >= 2 and len(_alike(standing[0], standing)) == len(standing)


def _quote_reason(cell: _Cell) -> tuple[str, ...]:
    return ("quote stands",) if quoted(cell.column) else ()


def _readers_reason(cell: _Cell, standing: tuple[Claim, ...]) -> str:
    if cell.evidence.readers < 2 and len(cell.said) < 2:
        return "one reader"
    if _agree(standing):
        return "readers agree"
    return DISAGREE if len(standing) > 1 else ALONE


# ---------------------------------------------------------------- correction


def _proof(cell: _Cell, count: Claim) -> Claim | None:
    """A claim of the gate's own: the counted value with the first sentence of the source that says it."""
    spoken: dict[str, Claim] = {}
    for claim in (*cell.said, *cell.read):
        spoken.setdefault(claim.source, claim)
    for path, claim in spoken.items():
        source = cell.evidence.sources.get(path, "")
        passage = _sentence(count.value, source, cell.column)
        if passage is not None:
            return replace(
                claim,
                task=GATE,
                field=cell.column.name,
                value=count.value,
                quote=passage.within(source),
                span=(passage.start, passage.end),
                locator=count.locator,
                reader=0,
                label=join([claim.label, count.label]),
            )
    return None


def _sentence(value: Scalar, source: str, column: Column) -> Passage | None:
    """The sentence that says the value best: one that begins with it or speaks of the column, then the first."""
    found: list[tuple[int, Passage]] = []
    for passage in sentences(source):
        quote = passage.within(source)
        if states(value, quote) and _sure(value, quote, column):
            found.append((_distance(value, quote, column), passage))
    return min(found, key=lambda each: each[0])[1] if found else None


def _sure(value: Scalar, quote: str, column: Column) -> bool:
    """Whether that the sentence holds the value is no accident."""
    figure = as_number(value)
    if figure is None:
        return re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", quote) is not None
    if figure != int(figure) or abs(figure) > SMALL:
        return True
    return not cues(column).isdisjoint(_words(quote))


def _distance(value: Scalar, quote: str, column: Column) -> int:
    """0 where the sentence is the value's own: an entry that begins with it, a number beside a cue."""
    if as_number(value) is None:
        return 0 if re.match(rf"[\W\d_]*{re.escape(str(value))}(?!\w)", quote) else 1
    return int(cues(column).isdisjoint(_words(quote)))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


_COMMON = frozenset(
    _singular(word)
    for word in "a all an and any are as at been by can count data dataset documentation does each every find for from "
    "give given has have held hold how if in into is it its list many means much name number of on one only "
    "or page said say says set table than that the their them there these this those to total value values was "
    "were what when where which with without write written".split()
)
"""Words of an `ask` that say nothing about the column."""


def cues(column: Column) -> frozenset[str]:
    """Words, singular and in lower case, that a sentence about the column holds."""
    words = _words(f"{column.name} {column.ask}")
    return frozenset(word for word in words if word not in _COMMON) or _words(column.name)


def _words(text: str) -> frozenset[str]:
    found = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))
    return frozenset(_singular(word.casefold()) for word in found)


def _show(value: Scalar) -> str:
    return "nothing" if value is None else str(value)
