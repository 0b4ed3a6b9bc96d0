"""Looking back at the end of a run: what its first outcomes say of the library, on record and in a line or two."""

from __future__ import annotations

from dataclasses import dataclass

from strop.app.controls import Against, against
from strop.app.firsts import FirstOutcomes
from strop.app.project import Project
from strop.app.turning_back import TurnedBack


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What a run says of the library that guided it."""

    turned: TurnedBack | None = None
    against: Against | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """For people."""
        return (*((self.turned.line,) if self.turned else ()), *(self.against.lines if self.against else ()))

    @property
    def told(self) -> dict[str, object]:
        """Keys of run.json."""
        return {
            "turned_back": self.turned.told if self.turned else None,
            "against_empty": self.against.told if self.against else None,
        }


def hindsight(project: Project, firsts: FirstOutcomes | None, turned: TurnedBack | None) -> Hindsight:
    """Keep what a run's first outcomes teach later runs, and say what they say of this one."""
    if firsts is None:
        return Hindsight(turned)
    project.db.firsts.note_used(firsts.run, firsts.used, day=firsts.day, units=firsts.units)
    return Hindsight(turned, against(project, firsts))
