"""Every error strop raises, and the one place where foreign ones are classified.

StropError                      exit 70: a fault of ours unless a branch says otherwise
|- BadInput                     exit 2: the caller can mend it; the message says how
|  |- SpecRefused               a spec that cannot be read, with line and fix
|  |- PlanRefused               a plan that breaks a rule (cycle, no maker, over budget)
|  |- SchemaRefused             a schema outside the closed subset
|  |- ConfigRefused             strop.toml, a role or a catalogue entry
|  |- PathRefused               a path that leaves its root, or cannot be read
|  |- DocumentRefused           a document that cannot be read, or is too much to read
|  `- MissingPart               an extra, a key or weights that are not installed
|- GateClosed                   exit 1: the gate refused
|- BudgetExhausted              exit 3: money, steps, tokens or time ran out
|- RunStopped                   exit 3: stopped before there was anything to show; it can go on
|- HumanAwaited                 exit 4: a person must answer first
|- AgentPaused                  one agent waits for a person; its siblings go on
|- CrewDown                     exit 3: where agents were to run cannot be reached; the run can go on
|- Interrupted                  exit 130
|- ModelFailure                 a call to a model did not yield an answer
|  |- EndpointDown              reset, timed out, 5xx: worth another try
|  |  `- Unreachable            no connection: refused, no route, no such name
|  |- RateLimited               429 for pace: worth another try after `retry_after`
|  |- QuotaExhausted            no money or quota left at the provider: final
|  |- AuthRefused               wrong or missing key: final
|  |- RequestRefused            the provider calls our request wrong: final
|  |- WindowExceeded            the prompt does not fit the context window: final
|  `- BadStream                 an answer that ended badly or cannot be parsed
|- EgressRefused                traffic that the approved plan does not list
|- ToolFailure                  a tool broke; the agent is told
`- JournalFault                 the journal or a file could not be written or read
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class StropError(Exception):
    """Base of all; `exit_code` is what the command line ends with."""

    exit_code = 70


class BadInput(StropError):
    """The caller's input cannot be used; the message names what, the limit and the fix."""

    exit_code = 2


class SpecRefused(BadInput):
    """A spec that cannot be read or that asks for nothing."""

    def __init__(self, what: str, *, line: int | None = None, fix: str = "") -> None:
        where = f"line {line}: " if line is not None else ""
        super().__init__(f"{where}{what}" + (f". {fix}" if fix else ""))
        self.line = line
        self.fix = fix


class PlanRefused(BadInput):
    """A plan that breaks a rule of its own: a cycle, a deliverable without a maker, too large."""


class SchemaRefused(BadInput):
    """A schema outside the closed subset of JSON Schema that strop supports."""


class ConfigRefused(BadInput):
    """strop.toml, a role or a catalogue entry that cannot be used."""


class PathRefused(BadInput):
    """A path that leaves its root, collides with another, or cannot be read."""


class DocumentRefused(BadInput):
    """A document that cannot be read or would be too much to read; one line says what it is and what to do."""


class MissingPart(BadInput):
    """Something optional is needed and not there: an extra, a key, the weights."""


class GateClosed(StropError):
    """The gate refused the run; nothing is learned from it."""

    exit_code = 1


class BudgetExhausted(StropError):
    """A cap was reached: the next reservation would pass it."""

    exit_code = 3


class RunStopped(StropError):
    """The run stopped before it had a plan; what was paid is on record, and it can go on."""

    exit_code = 3


class HumanAwaited(StropError):
    """The run cannot go on before a person answers."""

    exit_code = 4


class AgentPaused(StropError):
    """One agent may not go on before a person has answered; what it has done stands on record."""

    exit_code = 4


class CrewDown(StropError):
    """The place where agents were to run cannot be started or reached: no agent's fault."""

    exit_code = 3


class Interrupted(StropError):
    """Stopped by the user; what was done is kept."""

    exit_code = 130


class ModelFailure(StropError):
    """A call to a model did not yield an answer.

    `billed` says whether the provider may have charged for it: an unknown outcome counts as yes.
    """

    retryable = False
    billed = False


class EndpointDown(ModelFailure):
    """Connection reset, time-out, or a 5xx; `Unreachable` where there was no connection."""

    retryable = True

    def __init__(self, message: str, *, billed: bool, overloaded: bool = False) -> None:
        super().__init__(message)
        self.billed = billed
        self.overloaded = overloaded
        """It spoke, and said that it has too much to do."""


class Unreachable(EndpointDown):
    """No connection came about, so the endpoint never saw the request: what was asked cannot be the cause."""

    def __init__(self, message: str, *, billed: bool = False) -> None:
        super().__init__(message, billed=billed)


class RateLimited(ModelFailure):
    """429 for pace; `retry_after` in seconds where the provider said it."""

    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QuotaExhausted(ModelFailure):
    """No money or quota left at the provider. It is no rate limit: trying again is useless."""


class AuthRefused(ModelFailure):
    """A wrong or missing key."""


class RequestRefused(ModelFailure):
    """The provider calls the request wrong (4xx)."""


class WindowExceeded(ModelFailure):
    """The prompt does not fit the model's context window."""


class BadStream(ModelFailure):
    """The answer was cut off, malformed, or larger than the limit; the provider billed it."""

    retryable = True
    billed = True


class EgressRefused(StropError):
    """A connection to an address that the approved plan does not list."""

    exit_code = 2


class ToolFailure(StropError):
    """A tool broke or refused; the agent is told and goes on."""


class JournalFault(StropError):
    """The journal, or a file of the run, could not be written or read; what was committed before stands."""


@asynccontextmanager
async def boundary(error: type[StropError], what: str) -> AsyncGenerator[None, None]:
    """Turn whatever escapes other people's code into `error`, naming the boundary crossed.

    Our own errors and cancellation pass through untouched.
    """
    try:
        yield
    except StropError:
        raise
    except Exception as caught:  # the boundary is the one place for a broad catch
        raise error(f"{what}: {type(caught).__name__}: {caught}") from caught
