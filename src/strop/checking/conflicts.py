"""Contradictions between agents or sources: one entity, one field, different values. Pure.

Rows say what they are about by a key: the first column of an ordered table, a field with a name like
`name` or `company`, else their first text. Years, units and the like belong to the key, since figures
of two years contradict nobody. An agent that gives one entity several values from one source keeps a
list, not a contradiction. Figures agree when one is the other rounded, texts when one holds the other;
prose is not compared.

The spec's `conflict` says which side is taken: `flag` none, `majority` the one that more sources (then
more agents) say, `newest` the one whose source bears the latest date: in its name, else in its front
matter, else the time it was read. Where sides are level, or dated in different ways, none is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from strop.checking.derived import shows
from strop.checking.quotes import as_number, normal, states
from strop.types.content import Scalar, Standing
from strop.types.trial import Claim, Finding, Severity, SourceRead, Value
from strop.types.work import Conflict, Output

ENTITY = frozenset(
    "name entity id key title company country city region product package dataset person organisation organization "
    "item subject".split()
)
"""Fields that say what a row is about, where no ordered table does; `well_name` and `firm_id` too."""
QUALIFIER = frozenset(
    "year quarter month week day date period version unit units currency scenario edition season".split()
)
"""Fields that belong to the key of a row."""
LONGEST_TEXT = 60
"""Characters of a text that is compared; longer ones are prose."""
HEAD = 1_000
"""Characters at the beginning of a source in which a date is looked for."""
CONTRADICTED = "sources conflict"
"""Reason of a value that a source contradicts, where no side was taken: no reading of one source settles it."""
_ROW = re.compile(r"rows\[\d+\]$")


@dataclass(frozen=True, slots=True)
class Dated:
    """When a source is from: an ISO date or date and time, and how that is known."""

    when: str
    how: str
    """`its name`, `its front matter` or `the time it was read`."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the values, and who says it."""

    value: Scalar
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Conflicting:
    """One entity and field with the values that contradict each other."""

    entity: str
    """As the first claim spells it."""
    field: str
    sides: tuple[Side, ...]
    taken: Side | None
    """The side that the rule takes; None where it takes none."""
    why: str
    """What decided, or why nothing did."""

    @property
    def claims(self) -> tuple[str, ...]:
        """Ids of both sides, the first of each side first."""
        firsts = [side.claims[0].id for side in self.sides]
        return tuple(dict.fromkeys([*firsts, *(claim.id for side in self.sides for claim in side.claims)]))


_NOBODY: Mapping[str, Dated] = {}


def conflicts(
    claims: Iterable[Claim],
    *,
    rule: Conflict = Conflict.FLAG,
    keys: Sequence[str] = (),
    dates: Mapping[str, Dated] = _NOBODY,
) -> tuple[Conflicting, ...]:
    """Every contradiction, in the order of its first claim.

    `keys` are fields that name entities (first columns of ordered tables), `dates` those of sources by path.
    """
    found: list[Conflicting] = []
    for (entity, field), said in _statements(claims, keys).items():
        sides = _sides(said)
        if len(sides) > 1 and not _is_list(said):
            taken, why = _decided(sides, rule, dates)
            found.append(Conflicting(entity, field, sides, taken, why))
    return tuple(found)


def told(each: Conflicting, *, name: Callable[[Claim], str]) -> str:
    """Both sides in one line; `name` says how a claim is called there."""
    sides = "; ".join(
        f"{', '.join(dict.fromkeys(map(name, side.claims)))} {'say' if len(side.claims) > 1 else 'says'} "
        f"{side.value!r} ({', '.join(dict.fromkeys(claim.source for claim in side.claims))})"
        for side in each.sides
    )
    verdict = f"Take {each.taken.value!r}: {each.why}" if each.taken is not None else f"Name both sides: {each.why}"
    return f"{each.field} of {each.entity}: {sides}. {verdict}."


def key_of(row: Mapping[str, Claim], keys: Sequence[str] = ()) -> tuple[Claim, str] | None:
    """The claim that says what a row is about, and the row's whole key; None where nothing does."""
    named = next((row[each] for each in keys if each in row), None) or next(
        (claim for field, claim in row.items() if _words(field) & ENTITY), None
    )
    chosen = named or next((claim for claim in row.values() if _is_text(claim)), None)
    if chosen is None:
        return None
    beside = sorted(f"{f}={normal(str(c.value))}" for f, c in row.items() if f in QUALIFIER and c is not chosen)
    return chosen, "; ".join([normal(str(chosen.value)), *beside])


def _words(field: str) -> set[str]:
    """The whole name, and its last word."""
    parts = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field).casefold())
    return {"_".join(parts), parts[-1]} if parts and len(parts) <= 2 else {"_".join(parts)}


def _is_text(claim: Claim) -> bool:
    return isinstance(claim.value, str) and as_number(claim.value) is None and len(claim.value) <= LONGEST_TEXT


def _statements(claims: Iterable[Claim], keys: Sequence[str]) -> dict[tuple[str, str], list[Claim]]:
    """Claims by what they are about: entity as it is spelled first, and field."""
    rows: dict[tuple[str, str], dict[str, Claim]] = {}
    for claim in claims:
        if claim.value is not None and (claim.span is not None or claim.locator) and _ROW.search(claim.row):
            rows.setdefault((claim.task, claim.row), {})[claim.field] = claim
    spelled: dict[str, str] = {}
    found: dict[tuple[str, str], list[Claim]] = {}
    fields: dict[str, str] = {}
    for row in rows.values():
        keyed = key_of(row, keys)
        if keyed is None:
            continue
        chosen, key = keyed
        name = spelled.setdefault(key, _spelled(chosen, row))
        for field, claim in row.items():
            if claim is not chosen and field not in QUALIFIER:
                shown = fields.setdefault(re.sub(r"[\W_]+", "", field.casefold()), field)
                found.setdefault((name, shown), []).append(claim)
    return found


def _spelled(chosen: Claim, row: Mapping[str, Claim]) -> str:
    beside = [str(claim.value) for field, claim in row.items() if field in QUALIFIER and claim is not chosen]
    return f"{chosen.value} ({', '.join(beside)})" if beside else str(chosen.value)


def _sides(said: Sequence[Claim]) -> tuple[Side, ...]:
    groups: list[list[Claim]] = []
    for claim in said:
        if isinstance(claim.value, str) and len(claim.value) > LONGEST_TEXT:
            continue
        group = next((each for each in groups if any(agree(claim.value, other.value) for other in each)), None)
        if group is None:
            groups.append([claim])
        else:
            group.append(claim)
    return tuple(Side(group[0].value, tuple(group)) for group in groups)


def agree(one: Scalar, other: Scalar) -> bool:
    """Whether two values contradict nobody: equal, one the other rounded, or one text within the other."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    first, second = as_number(one), as_number(other)
    if first is not None and second is not None:
        return shows(first, second) or shows(second, first)
    if first is not None or second is not None:
        return False
    short, long = sorted((f" {normal(str(each))} " for each in (one, other)), key=len)
    return short in long


def _is_list(said: Sequence[Claim]) -> bool:
    """Whether one agent says different values of it from one source."""
    values: dict[tuple[str, str], list[Scalar]] = {}
    for claim in said:
        held = values.setdefault((claim.task, claim.source_hash), [])
        if not any(agree(claim.value, other) for other in held):
            held.append(claim.value)
    return any(len(held) > 1 for held in values.values())


# ---------------------------------------------------------------- which side is taken


def _decided(sides: Sequence[Side], rule: Conflict, dates: Mapping[str, Dated]) -> tuple[Side | None, str]:
    match rule:
        case Conflict.FLAG:
            return None, "the order says to flag it"
        case Conflict.MAJORITY:
            return _majority(sides)
        case Conflict.NEWEST:
            return _newest(sides, dates)


def _majority(sides: Sequence[Side]) -> tuple[Side | None, str]:
    def weight(side: Side) -> tuple[int, int]:
        own = [claim for claim in side.claims if not claim.rests] or side.claims
        return len({claim.source_hash for claim in side.claims}), len({claim.task for claim in own})

    ranked = sorted(sides, key=weight, reverse=True)
    (sources, agents), (others, fewer) = weight(ranked[0]), weight(ranked[1])
    if (sources, agents) == (others, fewer):
        return None, f"no majority, {sources} against {others} sources"
    if sources > others:
        return ranked[0], f"{sources} sources say so against {others}"
    return ranked[0], f"{agents} agents read it so against {fewer}"


def _newest(sides: Sequence[Side], dates: Mapping[str, Dated]) -> tuple[Side | None, str]:
    latest: list[tuple[str, str, Side]] = []
    for side in sides:
        known = [dates[claim.source] for claim in side.claims if claim.source in dates]
        if not known:
            return None, f"no date is known of {side.claims[0].source}"
        best = max(known, key=lambda each: (each.how != READ, each.when))
        latest.append((best.when, best.how, side))
    if len({how == READ for _, how, _ in latest}) > 1:
        return None, "only one of the sources bears a date"
    ranked = sorted(latest, key=lambda each: each[0], reverse=True)
    when, how, side = ranked[0]
    if when == ranked[1][0]:
        return None, f"both sources are of {when}"
    return side, f"its source is the newest, of {when} by {how}"


READ = "the time it was read"
_MONTHS = "(?:0[1-9]|1[0-2])"
_NAMED = re.compile(rf"(?<!\d)((?:19|20)\d\d)(?:[-_.]?({_MONTHS})(?:[-_.]?(0[1-9]|[12]\d|3[01]))?)?(?!\d)")
_FRONT = re.compile(
    r"^\W{0,3}(?:date|updated|published|modified|last[ _-]updated|as[ _-]of)\W{1,4}(\d{4}(?:-\d\d(?:-\d\d)?)?)\b",
    re.IGNORECASE | re.MULTILINE,
)


def dated(
    path: str, text: str, *, read: SourceRead | None = None, moment: Callable[[float], str] = str
) -> Dated | None:
    """When a source is from; `moment` writes seconds since 1970 as ISO date and time.

    A date in its name goes first, then one that its first lines give under `date:` or the like.
    """
    if found := list(_NAMED.finditer(path)):
        return Dated("-".join(part for part in found[-1].groups() if part), "its name")
    if front := _FRONT.search(text[:HEAD]):
        return Dated(front[1], "its front matter")
    return Dated(moment(read.at), READ) if read is not None and read.at else None


# ---------------------------------------------------------------- at the gate


def keys_of(outputs: Iterable[Output]) -> tuple[str, ...]:
    """The first column of every ordered table: what its rows are about."""
    return tuple(dict.fromkeys(output.columns[0].name for output in outputs if output.columns))


def settle(values: Sequence[Value], found: Sequence[Conflicting]) -> tuple[tuple[Value, ...], tuple[Finding, ...]]:
    """Values after the rule: a cell that gives the side not taken gets the other; and every contradiction as a finding.

    Where no side is taken, what stands in the files stays unverified. A sentence is not rewritten: one
    that says a number of the losing side, and not the other, is a flaw of its own, which its maker may mend.
    """
    after = list(values)
    findings: list[Finding] = []
    for each in found:
        findings.append(finding_of(each))
        about = {claim.id for side in each.sides for claim in side.claims}
        for at, value in enumerate(after):
            if value.value is None or not value.claims:
                continue
            cell = value.claims[0].id in about or bool(about.intersection(value.claims[0].rests))
            if cell and _ROW.search(value.row):
                after[at] = _settled(value, each)
            elif isinstance(value.value, str) and about.intersection(claim.id for claim in value.claims):
                findings += _one_sided(value, each)
    return tuple(after), tuple(findings)


def finding_of(each: Conflicting) -> Finding:
    """A contradiction as the gate lists it: both sides with their claims."""
    said = "; ".join(
        f"{side.value!r} says {', '.join(dict.fromkeys(claim.source for claim in side.claims))} "
        f"(claim {side.claims[0].id})"
        for side in each.sides
    )
    expected = f"{each.taken.value!r}: {each.why}" if each.taken is not None else f"one value; {each.why}"
    place = f"{each.entity}.{each.field}"
    rule = "sources and agents do not contradict each other"
    return Finding("conflict", "sources", place, expected, said, rule, Severity.NOTE, each.field, each.claims)


def _settled(value: Value, each: Conflicting) -> Value:
    if each.taken is None:
        standing = Standing.UNVERIFIED if value.standing is Standing.ACCEPTED else value.standing
        return replace(value, standing=standing, reasons=(*value.reasons, CONTRADICTED))
    if agree(value.value, each.taken.value):
        return replace(value, reasons=(*value.reasons, f"sources conflict: {each.why}"))
    winner = each.taken.claims
    reasons = (f"sources conflict: {each.why}",)
    return replace(
        value, value=each.taken.value, said=value.value, standing=Standing.CORRECTED, claims=winner, reasons=reasons
    )


def _one_sided(value: Value, each: Conflicting) -> list[Finding]:
    """A sentence that gives only the side that the rule did not take."""
    if each.taken is None:
        return []
    sides = [side.value for side in each.sides if side is not each.taken]
    if states(each.taken.value, str(value.value)) or not any(states(said, str(value.value)) for said in sides):
        return []
    expected = f"{each.field} of {each.entity} is {each.taken.value!r}: {each.why}"
    rule = "a sentence says what the order's rule takes"
    place, ids = f"{value.row}.{value.field}", tuple(claim.id for claim in value.claims[:1])
    return [
        Finding("conflict", value.row.partition(".sections[")[0], place, expected, str(value.value), rule, claims=ids)
    ]
