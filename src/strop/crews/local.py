"""The crew of one machine: the worker itself, in the driver's own event loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strop.seams import Assignment, Desk, Worker
from strop.types.trial import Result

if TYPE_CHECKING:
    from strop.seams import Crew


@dataclass(frozen=True, slots=True)
class LocalCrew:
    """One worker takes every assignment; conversations share nothing."""

    worker: Worker

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        """See `seams.Crew`."""
        return await self.worker.work(assignment, desk=desk)

    async def close(self) -> None:
        """Nothing is held."""


if TYPE_CHECKING:

    def _fits(x: LocalCrew) -> Crew:
        return x
