"""What a host of a crew does on its own: builds the worker of a run from plain data, in its own process."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from strop.app.orders import Options, cast_of
from strop.app.parts import SystemChance, SystemClock, inside_of, tools
from strop.app.project import open_project
from strop.checking.conflicts import keys_of
from strop.crews.host import Home, Staff
from strop.crews.local import LocalCrew
from strop.errors import BadInput, CrewDown, MissingPart, StropError
from strop.learning.rungs import by_scripts
from strop.seams import Assignment, Crew, Desk
from strop.swarm.agent import AgentLoop
from strop.swarm.context import Policy
from strop.types.money import Price
from strop.types.trial import Result
from strop.types.work import Spec

LOCAL, RAY = "local", "ray"
_PLACES = re.compile(r"(local)?|ray(:(auto|[^:/\s]+:\d+|ray://\S+))?")


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a host must know of a run; plain data, so that it travels."""

    folder: str
    """The project, at the same place on every host."""
    spec: Spec
    options: Options
    price: Price
    """Of the worker, as pinned in the plan."""
    reserve: Price
    files: tuple[str, ...]
    """What agents with tools are told they may read."""


@asynccontextmanager
async def staff(home: Home, *, brief: Brief) -> AsyncGenerator[AgentLoop, None]:
    """A worker like the driver's own, with this process's models, clock and tools."""
    project = open_project(Path(brief.folder))
    async with cast_of(project, brief.options) as cast:
        inside, material = inside_of(project, brief.spec)
        yield AgentLoop(
            model=cast.worker,
            price=brief.price,
            prompts=project.prompts(),
            read=material.read_text,
            clock=SystemClock(),
            chance=SystemChance(),
            columns=brief.spec.table,
            title=brief.spec.title,
            tools=tools(inside, material),
            files=brief.files,
            notice=home.notice,
            policy=Policy(project.config.settings.context),
            keep=home.keep,
            reserve=(cast.reserve, brief.reserve) if cast.reserve is not None else None,
            wall=time.time,
            conflict=brief.spec.conflict,
            keys=keys_of(brief.spec.outputs),
            scripted=by_scripts,
        )


@dataclass(slots=True)
class Placed:
    """A crew that is opened when the first agent starts: by then the plan is approved and its prices are pinned.

    It opens in a thread of its own: a cluster takes seconds to start, and the run's owner must renew its lease and
    hear Ctrl-C meanwhile. (Ray would also take SIGTERM for itself, were it started in the main thread.)
    Owned by the run.
    """

    open: Callable[[], Crew]
    _opening: asyncio.Future[Crew] | None = None

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        """See `seams.Crew`.

        Raises:
            CrewDown: the cluster cannot be started or reached; the run stops, its tasks stay open.
        """
        if self._opening is None:
            self._opening = asyncio.get_running_loop().run_in_executor(None, self.open)
        try:
            crew = await asyncio.shield(self._opening)  # one agent that is called off leaves it to the others
        except StropError as caught:
            raise CrewDown(str(caught)) from caught
        return await crew.work(assignment, desk=desk)

    async def close(self) -> None:
        """End it, if it was opened."""
        if self._opening is None:
            return
        try:
            crew = await self._opening
        except StropError:
            return  # whoever wanted to work there was told
        await crew.close()


def check_place(where: str) -> None:
    """Whether this names a crew, before anything is paid.

    Raises:
        BadInput: it does not.
        MissingPart: the extra `cluster` is not installed.
    """
    kind = where.partition(":")[0]
    if not _PLACES.fullmatch(where):
        raise BadInput(f"--crew {where}: write local, ray, or ray:HOST:PORT")
    if kind == RAY and find_spec("ray") is None:
        raise MissingPart("agents on Ray need ray; install it with: pip install 'strop[cluster]'")


def crew_of(where: str, *, worker: AgentLoop, brief: Callable[[], Brief], hosts: int) -> Crew:
    """Who places the agents: this process itself, or hosts on Ray."""
    kind, _, address = where.partition(":")
    if kind != RAY:
        return LocalCrew(worker)

    def opening() -> Crew:
        from strop.crews.ray_crew import RayCrew

        made: Staff = partial(staff, brief=brief())
        return RayCrew(made, hosts=hosts, address=address, notice=worker.notice, keep=worker.keep)

    return Placed(opening)


if TYPE_CHECKING:

    def _fits(x: Placed) -> Crew:
        return x
