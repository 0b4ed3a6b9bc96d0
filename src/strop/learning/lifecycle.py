"""The states of an item, and who may move it from which to which. Pure.

    draft -> quarantine -> candidate -> probation -> active -> stale -> retired

Forward by admission or by a person, back where evidence or a person says so. Nothing is deleted: what is
retired or quarantined stays in the manifest, with the reason, and can come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from strop.errors import BadInput
from strop.learning.watching import Lapse
from strop.types.evidence import Certificate
from strop.types.memory import USED, Dependency, Item, ItemKind, ItemState, Manifest, Origin, Taint
from strop.types.moves import USER

_DRAFT, _QUARANTINE, _CANDIDATE = ItemState.DRAFT, ItemState.QUARANTINE, ItemState.CANDIDATE
_PROBATION, _ACTIVE, _STALE, _RETIRED = ItemState.PROBATION, ItemState.ACTIVE, ItemState.STALE, ItemState.RETIRED

MOVES: Mapping[ItemState, frozenset[ItemState]] = {
    _DRAFT: frozenset({_QUARANTINE, _CANDIDATE, _RETIRED}),
    _QUARANTINE: frozenset({_CANDIDATE, _RETIRED}),
    _CANDIDATE: frozenset({_PROBATION, _ACTIVE, _QUARANTINE, _RETIRED}),
    _PROBATION: frozenset({_ACTIVE, _STALE, _CANDIDATE, _QUARANTINE, _RETIRED}),
    _ACTIVE: frozenset({_STALE, _PROBATION, _CANDIDATE, _QUARANTINE, _RETIRED}),
    _STALE: frozenset({_ACTIVE, _PROBATION, _CANDIDATE, _QUARANTINE, _RETIRED}),
    _RETIRED: frozenset({_CANDIDATE}),
}
"""Where an item may go from each state. `candidate -> active` is for checks, which need no probation, and people."""
SHELVED = frozenset({_DRAFT, _QUARANTINE, _RETIRED})
"""States that no agent reads from, not even when the item is named."""
CAP = 30
"""Active items a scope."""
UNCOUNTED = frozenset({ItemKind.KNOWLEDGE, ItemKind.STYLE})
"""The user's own documents: how much of them an agent is shown is bounded by tokens, not by their number."""
APPROVED = "approved by hand"
"""Why an item stands in its state that a person let on."""
UNTRUSTED_WAITS = "of untrusted descent: waits for a person (strop skills approve)"


def moved(item: Item, *, to: ItemState, why: str, by: str) -> Item:
    """The item in another state.

    Raises:
        BadInput: the table has no such move, or a person has to make it.
    """
    if to not in MOVES[item.state]:
        open_to = ", ".join(state for state in ItemState if state in MOVES[item.state])
        raise BadInput(f"{item.id} is {item.state} and cannot become {to}; from here it may become {open_to}")
    if needs_person(item, to=to) and by != USER:
        raise BadInput(f"{item.id} is {UNTRUSTED_WAITS} before it becomes {to}")
    return replace(item, state=to, why=why)


def needs_person(item: Item, *, to: ItemState) -> bool:
    """Whether only a person may make this move: what is of untrusted descent gets off its shelf."""
    return item.taint is Taint.UNTRUSTED and item.state in SHELVED and to not in SHELVED


def entering(item: Item, *, before: Item | None, by: str) -> Item:
    """The item as it may enter: untrusted words go to quarantine, unless a person let this very body out of it."""
    let_out = before is not None and before.digest == item.digest and before.state not in SHELVED
    if by == USER or let_out or item.taint is not Taint.UNTRUSTED or item.state in SHELVED:
        return item
    return replace(item, state=ItemState.QUARANTINE, why=UNTRUSTED_WAITS)


# ---------------------------------------------------------------- what it was measured with


def stale(manifest: Manifest, present: Mapping[tuple[str, str], str]) -> tuple[Item, ...]:
    """The items whose model, tool, schema or prompt is another one now, as they have to stand.

    `present` gives the digest that (kind, name) has now; what it does not name did not change. Each item
    depends on what is there from now on, so that its evidence begins anew; one in use stays in use, as stale.
    """
    found: list[Item] = []
    for item in manifest.items:
        depends = tuple(replace(d, digest=present.get((d.kind, d.name), d.digest)) for d in item.depends)
        if depends == item.depends or item.state in SHELVED:
            continue
        names = sorted(f"{old.kind} {old.name}" for old, new in zip(item.depends, depends, strict=True) if old != new)
        state = ItemState.STALE if item.state in USED else item.state
        found.append(
            replace(item, depends=depends, state=state, why=f"changed since it was measured: {', '.join(names)}")
        )
    return tuple(found)


CERTIFIED = "certified"
"""Kind of the dependency that says since when an item is due: with it the ground is another, and evidence anew."""


def due(manifest: Manifest, lapses: Mapping[str, Lapse]) -> tuple[Item, ...]:
    """The items whose certificate has lapsed (by id), as they have to stand: in use and watched, as stale."""
    return tuple(
        replace(
            item,
            depends=(*(d for d in item.depends if d.kind != CERTIFIED), Dependency(CERTIFIED, "again", lapse.since)),
            state=ItemState.STALE,
            why=f"due since {lapse.since}: {lapse.why}",
        )
        for item in manifest.items
        if item.state in (ItemState.PROBATION, ItemState.ACTIVE) and (lapse := lapses.get(item.id)) is not None
    )


def due_since(item: Item, certificate: Certificate | None) -> str:
    """The day since which an item in use has to be certified again; '' where it need not, or has been."""
    since = next((d.digest for d in item.depends if d.kind == CERTIFIED), "")
    held = certificate is not None and certificate.version == item.digest and certificate.day >= since
    return "" if held or item.state is not ItemState.STALE else since


# ---------------------------------------------------------------- the cap


@dataclass(frozen=True, slots=True)
class Seat:
    """Whether there is room among the active items of a scope, and who makes it."""

    free: bool
    """The item may become active."""
    loser: Item | None = None
    """Who goes back to candidate for it, or whom it could not beat."""


def seat(item: Item, *, manifest: Manifest, certificates: Mapping[str, Certificate], cap: int = CAP) -> Seat:
    """A duel with the weakest of the scope where that is full: the higher lower bound of effect has the seat.

    `certificates` are by item id; who has none counts as the weakest. What the user wrote is never put out.
    """
    rivals = [each for each in manifest.items if _in_the_way(each, item)]
    if item.kind in UNCOUNTED or len(rivals) < cap:
        return Seat(free=True)
    weakest = min(
        (each for each in rivals if each.origin is not Origin.USER),
        key=lambda each: (_bound(each, certificates), each.id),
        default=None,
    )
    won = weakest is not None and _bound(item, certificates) > _bound(weakest, certificates)
    return Seat(free=won, loser=weakest)


def _in_the_way(other: Item, item: Item) -> bool:
    same = (other.scope.order, other.scope.step) == (item.scope.order, item.scope.step)
    return same and other.state is ItemState.ACTIVE and other.id != item.id and other.kind not in UNCOUNTED


def _bound(item: Item, certificates: Mapping[str, Certificate]) -> float:
    """The lower bound of effect of this very version; without one, the lowest."""
    known = certificates.get(item.id)
    return known.low if known is not None and known.version == item.digest else float("-inf")
