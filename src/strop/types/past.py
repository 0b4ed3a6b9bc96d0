"""What past runs leave for the quotes of later ones: samples of tasks by likeness, and a few ratios a run."""

from __future__ import annotations

from dataclasses import dataclass

from strop.types.money import Usage

REPAIR = "repair"
"""`Like.kind` of tasks that the gate's findings added."""
GATE = "gate"
"""`Like.kind` of the refuting model's calls."""
PLANNING = "planning"
"""`Like.kind` of the planner's work on one run, its repair turn included."""


@dataclass(frozen=True, slots=True, order=True)
class Like:
    """Which tasks count as alike: the same model, prompt and kind, with tools or without."""

    model: str
    prompt: str
    """Name of the prompt file, without `.md`."""
    kind: str
    """A `TaskKind`, or `REPAIR`, `GATE`, `PLANNING`."""
    tools: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What one task used from its first attempt to its end, landed or failed, retries and repair turns included."""

    like: Like
    steps: int
    usage: Usage
    lost: int = 0
    """Nano-dollars of its calls of unknown outcome, as booked."""
    calling: float = 0.0
    """Seconds in calls that were answered or failed."""
    seconds: float = 0.0
    """From its start to its end on the run clock, pauses included."""
    units: int = 1
    """Units of work in its batch."""
    expected: int = 1
    """Input tokens that a quote expects of it by the size of its sources; 1 where they do not depend on that."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run that came to its end, as a quote draws from it: whole, since runs differ as wholes."""

    run: str
    """RunId."""
    samples: tuple[Sample, ...] = ()
    gate: float = 1.0
    """Calls to the refuting model, all rounds, over the calls that one round was expected to take."""
    repairs: float = 0.0
    """Tasks that findings added, over units of work in the plan."""
    stretch: float = 1.0
    """Seconds that the run took, over what list scheduling makes of its tasks' own durations."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one run's gate adds to the record of a refuting model, by kind of artefact."""

    run: str
    model: str
    prompt: str
    """SHA-256 of the prompt file: another wording is another judge."""
    kind: str
    planted: int
    found: int
    tried: int
    """Proved claims asked, and refutations whose quote stood nowhere."""
    alarms: int
