"""Where a value comes from and how far it may be trusted; carried by every value from birth.

A lattice in the sense of Denning (1976, "A lattice model of secure information flow"): the label of
an output is the join over everything its context held. Only the harness lowers a label, by an
`Endorsed` event, for numbers, dates, enums and source-located values; free text never.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Integrity(IntEnum):
    """How far the content may steer us; a larger number is trusted less."""

    USER = 0
    """The spec, approvals, rules written by hand."""
    SYSTEM = 1
    """Our own code and deterministic tools over user data."""
    DERIVED = 2
    """A model's output from trusted input only."""
    UNTRUSTED = 3
    """Anything that touched a page, a document, a tool's output or an imported skill."""


class Secrecy(IntEnum):
    """Who may see it; a larger number must stay closer."""

    PUBLIC = 0
    PRIVATE = 1


@dataclass(frozen=True, slots=True)
class Label:
    """Integrity, secrecy and the names of the origins (paths, hosts, task ids), sorted."""

    integrity: Integrity = Integrity.USER
    secrecy: Secrecy = Secrecy.PUBLIC
    origins: tuple[str, ...] = ()


def join(labels: Iterable[Label]) -> Label:
    """The label of what was made from all of these: the least trusted, the most secret, all origins."""
    held = tuple(labels)
    return Label(
        integrity=max((label.integrity for label in held), default=Integrity.USER),
        secrecy=max((label.secrecy for label in held), default=Secrecy.PUBLIC),
        origins=tuple(sorted({origin for label in held for origin in label.origins})),
    )
