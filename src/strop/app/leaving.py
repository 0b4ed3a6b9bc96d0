"""The end of a run: what it teaches comes into the library, what it says of it is told, its reports are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from strop.app.drift import settle
from strop.app.evidence import note_heard
from strop.app.firsts import FirstOutcomes, firsts_of
from strop.app.hindsight import hindsight
from strop.app.keeping import Left, as_kept, born, keep, scripts_left, wave_pairs
from strop.app.nearness import Sense
from strop.app.noting import more_of, note_pace, note_run, tried_of
from strop.app.orders import Cast, Options, Order, note_past
from strop.app.parts import theme_of
from strop.app.project import Project, state_of
from strop.app.turning_back import TurnedBack, turned_back
from strop.loop.cycle import Turn
from strop.loop.plan import Terrain
from strop.renderers.story import Comparison
from strop.reporting import attempts_compared, write_reports
from strop.stores.blobs import write_whole
from strop.swarm.fold import RunFold
from strop.swarm.spending import Spending
from strop.swarm.supervise import Supervisor
from strop.types.events import ManifestCommitted
from strop.types.trial import Outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command prints about a run that was carried out."""

    id: str
    folder: Path
    turn: Turn
    state: RunFold
    manifest_before: str
    manifest_after: str
    compared: Comparison | None = None
    """A new attempt beside the one before it."""
    more: Mapping[str, object] = field(default_factory=dict[str, object])
    """Further keys of run.json."""
    library: tuple[str, ...] = ()
    """What the run says of the library that guided it, for people."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What stands around a run that has ended."""

    project: Project
    order: Order
    options: Options
    cast: Cast
    folder: Path
    state: RunFold
    desk: Supervisor
    before: str
    """Hash of the library that it began with."""
    read: Callable[[str], str]
    terrain: Terrain
    sense: Sense | None
    spending: Spending
    paces: Sequence[tuple[float, int]]
    """(seconds, output tokens) of every answer to the plan's agents."""
    teaches: bool


async def leave(turn: Turn, *, at: Leaving) -> Ended:
    """Learn from a run, look back at its library, note it in the index and write its reports.

    Raises:
        BadInput, JournalFault: the library or the index cannot be written.
    """
    project, state, run = at.project, at.state, at.folder.name
    manner = state.opened.manner if state.opened else ()
    firsts = await firsts_of(project, turn, read=at.read, spending=at.spending, manner=manner, day=today())
    turn, after, turned, stopped = await _keep(turn, at, left=await _left(turn, at), firsts=firsts)
    behind = hindsight(project, firsts, turned)
    note_run(project, at.order, turn)
    note_pace(project, run, at.cast.worker.card.name, at.paces)
    note_heard(project, run, turn.verdict)
    note_past(project, state, spending=at.spending, terrain=at.terrain)
    compared = attempts_compared(state_of(project.runs / at.order.again), turn) if at.order.again else None
    known = more_of(at.cast, at.order, at.options, compared=compared, sense=at.sense)
    tried = tried_of(turn.run, at.spending)
    more = {**known, **behind.told, "held_back": stopped, "tried": tried}
    lines = (*((tried.line,) if tried else ()), *behind.lines)
    ended = Ended(run, at.folder, turn, state, at.before, after, compared, more, lines)
    write_reports(
        at.folder,
        turn=turn,
        state=state,
        before=at.before,
        after=after,
        read=at.read,
        publish=write_whole,
        comparisons=(compared,) if compared else (),
        more=more,
        library=lines,
        theme=theme_of(project),
    )
    return ended


async def _left(turn: Turn, at: Leaving) -> Left:
    """Expressions that were found or tried, and what was tried in the wave; of a run that was stopped nothing is."""
    scripts, pairs = (), ()
    if turn.outcome is Outcome.PASSED and at.teaches:
        scripts, pairs = await scripts_left(at.project, turn.run, turn.verdict, read=at.read)
    if turn.first is not None and not turn.run.stopped:
        wave = wave_pairs(at.project, turn.run, first=turn.first, read=at.read, spending=at.spending, day=today())
        pairs = (*wave, *pairs)
    held = born(at.project, turn.run, turn.verdict, read=at.read, files=at.terrain.files, prompts=at.terrain.prompts)
    return Left(scripts, pairs, held)


async def _keep(
    turn: Turn, at: Leaving, *, left: Left, firsts: FirstOutcomes | None
) -> tuple[Turn, str, TurnedBack | None, Mapping[str, str]]:
    """Put what was learned into the library, let evidence move what was tried, and write the projections.

    The turn then has what came in; the last is why the rest did not, by item.
    """
    project = at.project
    base = project.db.manifest(at.before)
    kept = keep(project, turn.run, skill=turn.skill, rules=turn.rules, left=left, base=base)
    turned = turned_back(project, firsts.share) if firsts else None
    manifest = project.db.head()
    if manifest.hash != at.before:
        changed = tuple(dict.fromkeys((*kept.looked, *kept.items, *(turned.away if turned else ()))))
        await at.desk.record(ManifestCommitted(manifest.hash, changed))
        settle(project)
    return as_kept(turn, kept), manifest.hash, turned, dict(kept.stopped)


def today() -> str:
    """YYYY-MM-DD, in UTC."""
    return datetime.now(UTC).date().isoformat()
