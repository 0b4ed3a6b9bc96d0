"""What was tried and what came of it: results, claims, findings, the verdict, the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from strop.types.content import Scalar, Standing
from strop.types.fingerprint import digest
from strop.types.label import Label
from strop.types.money import Usage
from strop.types.work import Plan, RunId, TaskId, UnitKey


@dataclass(frozen=True, slots=True)
class Claim:
    """A value somebody says stands somewhere: by a model with a quote, or by a tool with a locator."""

    task: TaskId
    row: UnitKey
    field: str
    value: Scalar
    source: str
    """Project-relative path of the document or table."""
    source_hash: str
    quote: str = ""
    span: tuple[int, int] | None = None
    """Character offsets of the quote in the stored source; None when it does not stand there."""
    locator: str = ""
    """Deterministic tools: the call that made it (`table:rows(data/affairs.csv)`)."""
    reader: int = 0
    label: Label = Label()
    formula: str = ""
    """Derived values: how it follows from `rests`, `mean(c1, c2)` where c1 is the first of them; recomputed."""
    rests: tuple[str, ...] = ()
    """Ids of the claims it is derived from, or that a sentence cites."""

    @property
    def id(self) -> str:
        """Hash of task, row and field, value, source and span: equal claims have equal ids."""
        said = [self.task, self.row, self.field, self.value, self.source_hash, self.span, self.locator]
        derived = [self.formula, self.rests] if self.rests else []
        return digest([*said, *derived])[:16]


@dataclass(frozen=True, slots=True)
class SourceRead:
    """A source as it was read: its text is kept under its hash."""

    path: str
    """Project-relative, as claims name it."""
    digest: str
    """SHA-256 of the text: `Claim.source_hash`."""
    at: float = 0.0
    """Seconds since 1970; 0 where no clock was at hand."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt at a task left: rows or an output, its claims, or the reason it failed."""

    task: TaskId
    output: str = ""
    """Canonical JSON that fits the task's schema; empty when it failed."""
    failure: str = ""
    """`ModelFailure: ...`; empty when it landed."""
    unread: tuple[tuple[UnitKey, str], ...] = ()
    """READ only: units of the batch that failed, with the reason."""
    claims: tuple[Claim, ...] = ()
    steps: int = 0
    work_keys: tuple[str, ...] = ()
    label: Label = Label()
    notes: tuple[str, ...] = ()
    """What whoever takes the task over should know; of failed attempts only."""
    sources: tuple[SourceRead, ...] = ()
    """What its claims were read from, and when."""

    @property
    def landed(self) -> bool:
        return not self.failure


class Severity(StrEnum):
    FATAL = "fatal"
    """The run does not pass while it stands."""
    FLAW = "flaw"
    """A value was refuted or a contract missed; repair may mend it."""
    NOTE = "note"
    """What the user wants to know: source and data disagree, nobody checked this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the gate found, in the form that a rule can be made of."""

    kind: str
    """`schema`, `contract`, `quote`, `formula`, `recompute`, `agreement`, `refuted`, `missing`, `disagreement`,
    `conflict`, `repeated`, `unfaithful`, `constraint`, `void`."""
    artefact: str
    """File or task."""
    locator: str
    """`ROW.FIELD` for values; page, row or cell for files."""
    expected: str
    observed: str
    rule: str
    severity: Severity = Severity.FLAW
    scope: str = ""
    claims: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return digest([self.kind, self.artefact, self.locator, self.expected, self.observed])[:12]


@dataclass(frozen=True, slots=True)
class Value:
    """One cell of the user's table after the gate's judgement."""

    row: UnitKey
    field: str
    value: Scalar
    """What is delivered; None when refuted."""
    standing: Standing
    claims: tuple[Claim, ...]
    """What it rests on; the first is shown."""
    reasons: tuple[str, ...] = ()
    """Which checks spoke: `quote stands`, `data agree`, `readers agree`."""
    said: Scalar = None
    """What was claimed, where it is not what is delivered."""


class Role(StrEnum):
    """Why the refuting model is asked about a claim; it is never told."""

    CLAIM = "claim"
    CONTROL = "control"
    """Recomputed and quoted: a refutation is a false alarm."""
    KNOWN = "known"
    """Its quote says otherwise, as the deterministic layer found."""
    CANARY = "canary"
    """Seeded by the harness, and false."""


@dataclass(frozen=True, slots=True)
class Word:
    """What the refuting model said to one question, after its quote was looked up. No text of a canary is here."""

    id: str
    """Of the question: hash of what was asked."""
    role: Role
    kind: str
    """Of artefact: `cells`, `sentences`, `points`."""
    word: str
    """`refuted`, `supported` or `cannot-tell`, as it was said; empty where nothing was."""
    quote: str = ""
    stands: bool = False
    """Whether the quote stands in the passage that was shown."""
    flaw: str = ""
    """Canaries: the kind of flaw."""

    @property
    def refuted(self) -> bool:
        return self.word == "refuted" and self.stands

    @property
    def invented(self) -> bool:
        """A refutation with words that stand nowhere."""
        return self.word == "refuted" and not self.stands


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `of`, with Wilson's 95 % interval."""

    hits: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Flaws left among what was asked, by Chapman's estimate.

    It takes planted and real flaws to be equally easy to find, and the refutations that count to be right.
    """

    confirmed: int
    """Real claims refuted with a quote that stands."""
    left: float
    error: float
    """Standard error of `left`."""


class Reliance(StrEnum):
    """How far a refuting model's word goes."""

    UNCALIBRATED = "uncalibrated"
    """Its recall is not yet known to be above the floor."""
    CALIBRATED = "calibrated"
    VOID = "void"
    """Below the floor, or it answers without reading: nothing it said counts, and nothing is learned."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of artefact: this gate's counts, and the rates pooled with earlier runs'."""

    kind: str
    planted: int
    found: int
    tried: int
    """Proved claims asked, and refutations whose quote stands nowhere."""
    alarms: int
    recall: Rate
    false_alarms: Rate
    runs: int
    """Earlier runs in the pool."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the refuting model's word is worth, measured on seeded flaws and proved claims."""

    state: Reliance
    why: str
    """One sentence, without its subject."""
    floor: float
    planted: int
    found: int
    controls: int
    alarms: int
    recall: Rate
    """Of this gate alone, as is the next."""
    false_alarms: Rate
    kinds: tuple[Measured, ...] = ()
    flaws: tuple[tuple[str, tuple[int, int]], ...] = ()
    """(kind of flaw, (found, planted))."""
    left: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a round found that was repaired after it; whether it still stands, the last round's findings say."""

    round: int
    """From 1."""
    finding: Finding


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's word on a run."""

    passed: bool
    values: tuple[Value, ...]
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]
    """What no one checked, in sentences for people."""
    refuter: str = ""
    """Model that refuted; empty when none ran."""
    calibration: Calibration | None = None
    """What that model's word is worth; None where it said nothing."""
    words: tuple[Word, ...] = ()
    """All it said in this run: a later round asks only what is new."""
    asked: str = ""
    """How many claims the model was asked about and which not, in a sentence."""
    earlier: tuple[Earlier, ...] = ()
    """Findings of the rounds before this one, of values and of files, round by round: what failures teach by."""

    @property
    def void(self) -> bool:
        """Whether the refuting model's part of it counts for nothing."""
        return self.calibration is not None and self.calibration.state is Reliance.VOID

    def standing(self, standing: Standing) -> tuple[Value, ...]:
        return tuple(value for value in self.values if value.standing is standing)


@dataclass(frozen=True, slots=True)
class Deliverable:
    """One file that was written: name under `files/`, SHA-256 and size in bytes."""

    file: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """The files of a run and what their bytes fell short of."""

    files: tuple[Deliverable, ...]
    findings: tuple[Finding, ...]


class Outcome(StrEnum):
    """How a run ended; each has its exit code."""

    PASSED = "passed"
    REFUSED = "refused"
    PARTIAL = "partial"
    """Budget or time ran out; what there is was written."""
    AWAITING = "awaiting"
    INTERRUPTED = "interrupted"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run used: all of it a fold over the journal."""

    usage: Usage = Usage()
    nanos: int = 0
    steps: int = 0
    calls: int = 0
    retries: int = 0
    lost: int = 0
    """Calls of unknown outcome, booked at their worst case."""
    lost_nanos: int = 0
    twice: int = 0
    """Answers paid twice: lost to a process death and asked again."""
    hedges: int = 0
    """Calls that were asked a second time while the first was late and still open."""
    hedges_won: int = 0
    """Of those, the ones whose answer came first."""
    outrun_nanos: int = 0
    """Part of `lost_nanos`: what the losers of hedges are booked at."""
    tools: int = 0
    critical_steps: int = 0
    seconds: float = 0.0
    """Time the run was open, human waiting left out."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its journal tells it."""

    id: RunId
    plan: Plan
    results: tuple[Result, ...]
    tally: Tally
    missing: tuple[TaskId, ...] = ()
    """Tasks that did not land."""
    stopped: str = ""
    """Why the run ended before its plan did; empty when it did not."""
    extended: tuple[TaskId, ...] = field(default=())
    """Tasks that repairs added."""

    @property
    def landed(self) -> tuple[TaskId, ...]:
        return tuple(result.task for result in self.results if result.landed)

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(claim for result in self.results for claim in result.claims)

    @property
    def sources(self) -> tuple[SourceRead, ...]:
        """Every source that claims rest on, each text once, at its first reading."""
        first: dict[tuple[str, str], SourceRead] = {}
        for read in (read for result in self.results for read in result.sources):
            held = first.get((read.path, read.digest))
            if held is None or (read.at and read.at < held.at):
                first[read.path, read.digest] = read
        return tuple(first[key] for key in sorted(first))
