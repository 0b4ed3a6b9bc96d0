"""The refuting model asked outside a run: on a finished run once more, or on files that strop did not make.

What it costs is said first and approved by somebody; every call is on record in a journal of its own.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strop.app.evidence import prompt_mark, thinker
from strop.app.parts import SystemChance, SystemClock, build_model
from strop.app.project import Project
from strop.checking.calibration import heard
from strop.checking.hearing import Bench, docket
from strop.drafting.quoting import CLAIM_TOKENS, VERDICT_TOKENS
from strop.loop.verify import Hearing, Refute, hear
from strop.seams import Model
from strop.stores.sqlite import SqliteJournal
from strop.swarm.agent import AgentLoop
from strop.swarm.fold import fold
from strop.swarm.supervise import Supervisor
from strop.types.events import RunOpened
from strop.types.money import Usage, cost, worst_case
from strop.types.trial import Value
from strop.types.work import Budget
from strop.version import __version__

TURNS = 2
"""Answers that one call may take: one, and a repair turn."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What asking the refuting model would cost."""

    model: str
    claims: int
    calls: int
    nanos: int
    """Expected, nano-dollars."""
    worst: int

    @property
    def told(self) -> str:
        """In a sentence."""
        money = f"about {_dollars(self.nanos)}, at most {_dollars(self.worst)}"
        return f"{self.model} would be asked about {self.claims:,} claims in {self.calls:,} calls: {money}"


Approve = Callable[[Offer], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Rehearing:
    """One asking: who is asked about what, and where its record goes."""

    project: Project
    locator: str
    bench: Bench
    title: str
    folder: Path
    """Where `journal.db` is made."""
    run: str
    """Name of the record."""


async def reheard(values: Sequence[Value], asking: Rehearing, *, approve: Approve) -> tuple[Hearing, str] | None:
    """(what the model's words came to, its name); None where nobody approved or there is nothing to ask.

    Raises:
        ConfigRefused, MissingPart: the model cannot be had.
        StropError: see `hear`; what was paid stands in the journal.
    """
    project, title = asking.project, asking.title
    model = build_model(project, asking.locator)
    try:
        name = model.card.name
        bench = replace(asking.bench, past=project.db.heard(name, prompt_mark(project), but=asking.run))
        offer = _offer(values, bench, model)
        if not offer.calls or not await approve(offer):
            return None
        asking.folder.mkdir(parents=True, exist_ok=True)
        journal = SqliteJournal(asking.folder / "journal.db", run=asking.run)
        try:
            loop = AgentLoop(
                model, model.card.price, project.prompts(), lambda path: "", SystemClock(), SystemChance(), title=title
            )
            desk = Supervisor(journal, fold(journal.read()), loop, SystemClock(), SystemChance())
            budget = Budget(steps=TURNS * offer.calls, nanos=max(offer.worst, 1))
            if desk.state.opened is None:
                await desk.record(RunOpened(asking.run, "", __version__, budget, "a gate"))
            refute: Refute = thinker(model, loop, desk, desk.state, "verifier")
            found = await hear(values, bench=bench, refute=refute)
            if found.calibration is not None:
                project.db.note_heard(heard(found.calibration, run=asking.run, model=name, prompt=prompt_mark(project)))
            return found, name
        finally:
            journal.close()
    finally:
        await model.close()


def _offer(values: Sequence[Value], bench: Bench, model: Model) -> Offer:
    batches = docket(values, bench).batches
    questions = sum(map(len, batches))
    claims = sum(question.role != "canary" for batch in batches for question in batch)
    usage = Usage(input=questions * CLAIM_TOKENS, output=questions * VERDICT_TOKENS)
    asked = sum(len(question.text.encode()) for batch in batches for question in batch)
    worst = worst_case(
        input_bound=TURNS * (asked + 8_000 * len(batches)),
        output_bound=TURNS * len(batches) * model.card.output,
        price=model.card.price,
    )
    return Offer(model.card.name, claims, len(batches), cost(usage, model.card.price), worst)


def _dollars(nanos: int) -> str:
    return f"${math.ceil(nanos / 10_000_000) / 100:.2f}"
