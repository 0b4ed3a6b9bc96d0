"""A state of the library under which runs got worse is taken back at the end of a run: one commit, by `auto`.

Runs are compared whole, by the share of their units that were accepted at the first try, and only with runs on the
same terms (`app/firsts.py`). What was learned since stays in the log and as evidence; what a person wrote is never
touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from strop.app.project import Project
from strop.learning.library import turn_back
from strop.learning.watching import Rollback, rollback, state_before
from strop.types.firsts import RunShare
from strop.types.memory import USED, Item, Manifest


@dataclass(frozen=True, slots=True)
class TurnedBack:
    """What was taken out of use, what came back for it, and why."""

    away: tuple[str, ...]
    back: tuple[str, ...]
    found: Rollback
    manifest: str
    """Hash of the library after it."""

    @property
    def line(self) -> str:
        """For people."""
        gone, back = ", ".join(self.away), ", ".join(self.back)
        for_it = f", {back} in use again" if back else ""
        name = self.away[0].partition("/")[2]
        return (
            f"Library turned back: {gone} in quarantine{for_it}, since {self.found.why}. "
            f"Look: strop skills log. Let it out: strop skills approve {name}"
        )

    @property
    def told(self) -> dict[str, object]:
        """For programs."""
        found = self.found
        return {
            "away": self.away,
            "back": self.back,
            "runs": found.compared,
            "e_worse": found.evidence,
            "why": found.why,
            "manifest": self.manifest,
        }


def turned_back(project: Project, share: RunShare | None) -> TurnedBack | None:
    """Put a run's share on record, and take its state back where the runs under it got worse.

    Raises:
        JournalFault: the library cannot be written.
    """
    if share is None:
        return None
    project.db.firsts.note_share(share)
    runs = project.db.firsts.shares(share.terms)
    before = state_before(runs, state=share.state)
    found = rollback(runs, state=share.state, before=before) if before else None
    if found is None or not found.due:
        return None
    old = next(run for run in reversed(runs) if run.state == before)
    head = project.db.head()
    away = _away(head, share, old)
    if not away:
        return None  # admission or a person was faster
    back = _back(project, head, away, old)
    made = turn_back(project.db, away=away, back=back, why=found.why)
    project.db.firsts.note_share(replace(share, turned=True))
    gone, restored = (tuple(item.id for item in each) for each in (away, back))
    return TurnedBack(gone, restored, found, made.hash)


def _away(head: Manifest, now: RunShare, old: RunShare) -> tuple[Item, ...]:
    """What guided now and did not before, where it is in use still."""
    held = (head.item(name) for name, version in now.guides if (name, version) not in old.guides)
    versions = dict(now.guides)
    return tuple(item for item in held if item and item.state in USED and item.digest == versions[item.id])


def _back(project: Project, head: Manifest, away: tuple[Item, ...], old: RunShare) -> tuple[Item, ...]:
    """What one of these took the place of, as it stood then. Nothing that was put away for itself comes back."""
    parents, then = {item.parent for item in away if item.parent}, project.db.manifest(old.manifest)
    held = [item for name, version in old.guides if version in parents and (item := then.item(name)) is not None]
    return tuple(item for item in held if (now := head.item(item.id)) is None or now.state not in USED or now in away)
