"""Run: an approved plan is carried out until nothing is left to do, or a limit ends it with what there is."""

from __future__ import annotations

from strop.swarm.supervise import RESERVE, Supervisor
from strop.types.trial import Run


async def run(desk: Supervisor, *, minutes: float) -> Run:
    """Carry out what is on record as planned; the run so far comes back, however it ended.

    Raises:
        JournalFault: facts could not be committed; what was committed stands.
    """
    await desk.carry_out(deadline=minutes * 60 * (1 - RESERVE))
    return desk.state.run()
