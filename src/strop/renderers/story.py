"""What the report of a run tells, as pure data; whoever knows the run fills it."""

from __future__ import annotations

from dataclasses import dataclass

from strop.types.content import Scalar, Standing


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the summary: `accepted`, `71`, `of 80 values`."""

    name: str
    value: str
    note: str = ""
    tone: str = "plain"
    """`good`, `bad`, `warn` or `plain`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One claim behind a value: what was said, from which words."""

    said: Scalar
    source: str
    """Path of a `Source` of the story; others are named without a link."""
    quote: str = ""
    span: tuple[int, int] | None = None
    """Character offsets of the quote in the source; None where it does not stand there."""
    locator: str = ""
    """Deterministic tools: the call that made it."""
    reader: int = 0
    claim: str = ""
    """Its id, as `strop show RUN --claim ID` takes it."""
    formula: str = ""
    """How it follows from the claims after it (`mean(c1, c2)`)."""
    rests: int = 0
    """How many claims it cites or follows from."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One value of the user's table after the gate."""

    row: str
    field: str
    value: Scalar
    standing: Standing
    evidence: tuple[Evidence, ...] = ()
    reasons: tuple[str, ...] = ()
    said: Scalar = None
    """What was claimed, where it is not what is delivered."""


@dataclass(frozen=True, slots=True)
class Source:
    """The stored text of one source; spans count in it."""

    path: str
    text: str
    digest: str = ""
    read: str = ""
    """When it was read, in words."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What sources or agents say differently of one thing."""

    where: str
    """Entity and field."""
    taken: str
    """What was made of it, and why."""
    sides: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One finding of the gate."""

    severity: str
    """`fatal`, `flaw` or `note`."""
    kind: str
    where: str
    expected: str
    observed: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """One file that was delivered."""

    name: str
    size: int
    """Bytes."""
    digest: str
    link: str = ""
    """Relative to the report; empty for no link."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What one agent did."""

    name: str
    role: str
    wave: int
    """From 1."""
    steps: int
    tokens: int
    seconds: float
    outcome: str
    """`landed`, or the failure."""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Quoted:
    """One line of quote against actual, already worded: `tokens`, `210,000 to 260,000`, `224,310`."""

    name: str
    quoted: str
    actual: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run against run; every row is as long as `heads`."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """All that the report tells."""

    title: str
    run: str
    outcome: str
    """`passed`, `refused`, `partial`, `awaiting`, `interrupted` or `fault`."""
    scope: str
    summary: str = ""
    """One sentence on how it ended."""
    figures: tuple[Figure, ...] = ()
    values: tuple[Judged, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    findings: tuple[Found, ...] = ()
    files: tuple[File, ...] = ()
    unchecked: tuple[str, ...] = ()
    """What was not verified, in sentences."""
    refuter: tuple[str, ...] = ()
    """Which claims the refuting model was asked and what its word is worth, in sentences."""
    quoted: tuple[Quoted, ...] = ()
    measures: tuple[Figure, ...] = ()
    """The work in numbers: steps, parallelism, waiting. Their notes say what they mean."""
    projections: tuple[Comparison, ...] = ()
    """What stands under the measures: the work by wave, and with other numbers of agents."""
    agents: tuple[Agent, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    library: tuple[str, ...] = ()
    """What the run says of the library that guided it, in sentences."""
    sources: tuple[Source, ...] = ()
