"""What driver and hosts say to each other: JSON of closed types, in batches. No pickled objects.

An error travels as the name of one of ours, its message and its few figures; what has another name does
not come through. Facts travel as the journal writes them, so a host of an older strop is still understood.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from strop import errors
from strop.errors import EndpointDown, JournalFault, RateLimited, SpecRefused, StropError
from strop.seams import Assignment
from strop.types.events import VERSIONS, Body, decode, encode, revive
from strop.types.trial import Result


@dataclass(frozen=True, slots=True)
class Fact:
    """One body of the journal on its way."""

    kind: str
    version: int
    body: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One of our errors on its way."""

    name: str
    message: str
    billed: bool = False
    retry_after: float | None = None


# ---------------------------------------------------------------- driver to host


@dataclass(frozen=True, slots=True)
class Assigned:
    """Work: the assignment, and everything recorded for it so far."""

    ticket: int
    assignment: Assignment
    recorded: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """The driver has done what was asked under this number, or it ended in a fault."""

    ticket: int
    number: int
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class ToHost:
    """One batch."""

    assigned: tuple[Assigned, ...] = ()
    granted: tuple[Granted, ...] = ()
    recalled: tuple[int, ...] = ()
    """Tickets whose agents are to be cancelled."""


# ---------------------------------------------------------------- host to driver


@dataclass(frozen=True, slots=True)
class Recording:
    """Facts to be committed; the agent waits until they are."""

    ticket: int
    number: int
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Resting:
    """A wait on the run's clock, in seconds; the agent waits until it is over."""

    ticket: int
    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The agent is gone: with a result, a fault, or neither when it was recalled."""

    ticket: int
    result: Result | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """Passing progress: characters streamed so far."""

    task: str
    characters: int


@dataclass(frozen=True, slots=True)
class ToDriver:
    """One batch. `kept` are bodies for the blob store, and come before the facts that name them."""

    kept: tuple[str, ...] = ()
    recordings: tuple[Recording, ...] = ()
    restings: tuple[Resting, ...] = ()
    finished: tuple[Finished, ...] = ()
    noticed: tuple[Noticed, ...] = ()


Heard = Recording | Resting | Finished
"""What concerns one ticket."""


def packed(batch: ToHost | ToDriver) -> bytes:
    """The bytes of a batch."""
    return orjson.dumps(batch)


def to_host(batch: bytes) -> ToHost:
    """Back from its bytes.

    Raises:
        ValueError: no batch.
    """
    return revive(ToHost, batch)


def to_driver(batch: bytes) -> ToDriver:
    """Back from its bytes.

    Raises:
        ValueError: no batch.
    """
    return revive(ToDriver, batch)


def fact_of(body: Body) -> Fact:
    """A fact as it travels."""
    kind = type(body).__name__
    return Fact(kind, VERSIONS[kind], encode(body).decode())


def body_of(fact: Fact) -> Body:
    """The fact itself.

    Raises:
        JournalFault: this strop does not know such facts.
    """
    return decode(fact.kind, fact.version, fact.body.encode())


def fault_of(error: StropError) -> Fault:
    """An error as it travels, under the nearest name of our tree."""
    name = next(kind.__name__ for kind in type(error).__mro__ if ERRORS.get(kind.__name__) is kind)
    retry_after = error.retry_after if isinstance(error, RateLimited) else None
    billed = error.billed if isinstance(error, EndpointDown) else False
    return Fault(name, str(error), billed, retry_after)


def error_of(fault: Fault) -> StropError:
    """The same error, to be raised here."""
    kind = ERRORS.get(fault.name)
    if kind is None:
        return JournalFault(f"a host reported {fault.name!r}, which is no error of this strop: {fault.message}")
    if issubclass(kind, EndpointDown):
        return kind(fault.message, billed=fault.billed)
    if issubclass(kind, RateLimited):
        return kind(fault.message, retry_after=fault.retry_after)
    return SpecRefused(fault.message) if kind is SpecRefused else kind(fault.message)


ERRORS: dict[str, type[StropError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, StropError)
}
"""Every error that may travel, by its name."""
