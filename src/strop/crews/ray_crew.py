"""Hosts on Ray: one async actor a host process, many agents in its event loop. The driver keeps the run.

One call a host is always under way to hear what its agents say (`take`), and what the driver has to say goes
out in one call a turn of the loop (`give`), so a commit costs its agent one round trip whatever the number of
agents. Ray's own retries and restarts are off: who may be asked again is the journal's to say.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strop.crews.host import Home, Host, Staff
from strop.crews.remote import DEATHS, Line, RemoteCrew
from strop.errors import MissingPart, StropError
from strop.seams import Assignment, Desk
from strop.types.trial import Result
from strop.version import __version__

if TYPE_CHECKING:
    from strop.seams import Crew

OPENING = 120.0
"""Seconds a host may take from its start to its first word. A cluster without room would keep it for ever."""
ENDING = 5.0
"""Seconds a host gets to close what it has open."""
STORE = 80 * 2**20
"""Bytes of Ray's object store on this machine, near its least: our mail does not go through it."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_DEDUP_LOGS": "0",
}
"""What Ray is told: it reports nothing to anybody, and warns of nothing that we do not use."""
ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_raylet_start_wait_time_s": "120",
}
"""A Ray of our own keeps to loopback on every system, as it does by itself on macOS (without this it looks for the
machine's outer address and listens there), starts no process ahead of need, and has time on a busy machine."""

LOOPBACK = ("127.", "localhost:", "[::1]:")
"""A cluster there has no other address. A driver that looked for its outer one would wait for ever for a node of its
own on it."""


def _nothing_noticed(task: str, characters: int) -> None:
    del task, characters


class RayCrew:
    """Places agents on a Ray cluster: one of its own on this machine, or the one at `address`."""

    def __init__(
        self,
        staff: Staff,
        *,
        hosts: int,
        address: str = "",
        cpus: float = 1.0,
        notice: Callable[[str, int], None] = _nothing_noticed,
        keep: Callable[[bytes], str],
        deaths: int = DEATHS,
    ) -> None:
        """Start Ray, or connect to it; hosts start when there is work for them.

        Args:
            staff: makes a host's worker in the host's process; see `strop.crews.host.Staff`.
            hosts: host processes at most.
            address: empty starts a Ray on this machine for this run alone, on loopback; `auto` or `HOST:PORT` is a
                cluster that this machine belongs to; `ray://HOST:10001` one that it does not.
            cpus: CPUs that Ray sets aside for a host.
            notice: hears passing progress.
            keep: the blob store's `put`, for bodies that hosts send.
            deaths: see `strop.crews.remote.DEATHS`.

        Raises:
            MissingPart: the extra `cluster` is not installed.
            StropError: Ray cannot be started or reached.
        """
        self._ray = _ray(alone=not address or address.startswith(LOOPBACK))
        self._folder, self._mine = "", not self._ray.is_initialized()
        if self._mine:
            self._folder = _connect(self._ray, address) if address else start_ray(cpus=hosts * cpus)
        actor = self._ray.remote(num_cpus=cpus, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")(
            _Actor
        )

        def dial(*, heard: Callable[[bytes], None], lost: Callable[[str], None]) -> Line:
            return _RayLine(self._ray, actor.remote(staff), heard, lost)

        self._crew = RemoteCrew(dial, hosts, notice, keep, deaths)

    async def work(self, assignment: Assignment, *, desk: Desk) -> Result:
        """See `seams.Crew`."""
        return await self._crew.work(assignment, desk=desk)

    async def close(self) -> None:
        """End the hosts, and the Ray that was started for them."""
        try:
            await self._crew.close()
        finally:
            if self._mine:
                stop_ray(self._folder)


class _Actor:
    """`Host` as Ray wants an actor: a plain class with coroutines."""

    def __init__(self, staff: Staff) -> None:
        self._host = Host(staff)

    async def hello(self) -> str:
        """Its version of strop, once the host is up."""
        return __version__

    async def serve(self) -> None:
        """See `Host.serve`."""
        await self._host.serve()

    async def give(self, batch: bytes) -> None:
        """See `Host.give`."""
        await self._host.give(batch)

    async def take(self) -> bytes:
        """See `Host.take`."""
        return await self._host.take()

    async def end(self) -> None:
        """See `Host.end`."""
        await self._host.end()


@dataclass(slots=True)
class _RayLine:
    """The way to one actor. Ray answers in threads of its own; everything here happens in the driver's loop."""

    ray: Any
    actor: Any
    heard: Callable[[bytes], None]
    lost: Callable[[str], None]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    over: bool = False
    served: asyncio.Event = field(default_factory=asyncio.Event)
    opening: asyncio.TimerHandle = field(init=False)

    def __post_init__(self) -> None:
        self.opening = self.loop.call_later(
            OPENING, self._break, f"no host started within {OPENING:g} s: no room left?"
        )
        self._watch(self.actor.hello.remote(), self._greeted)
        self._watch(self.actor.serve.remote(), self._served)
        self._watch(self.actor.take.remote(), self._took)

    def give(self, batch: bytes) -> None:
        if not self.over:
            self.actor.give.remote(batch)

    def kill(self) -> None:
        self.over = True
        self.opening.cancel()
        self.ray.kill(self.actor, no_restart=True)

    async def end(self) -> None:
        self.actor.end.remote()
        try:
            async with asyncio.timeout(ENDING):
                await self.served.wait()
        except TimeoutError:
            pass  # it is killed now; what it held open ends with it
        finally:
            self.kill()

    def _took(self, batch: bytes) -> None:
        self._watch(self.actor.take.remote(), self._took)
        self.heard(batch)

    def _greeted(self, version: str) -> None:
        self.opening.cancel()
        if version != __version__:
            self._break(f"it runs strop {version}, the driver {__version__}: give both the same image")

    def _served(self, nothing: object) -> None:
        del nothing
        self.served.set()

    def _watch(self, reference: Any, then: Callable[[Any], None]) -> None:
        def done(future: concurrent.futures.Future[Any]) -> None:
            if not self.loop.is_closed():
                self.loop.call_soon_threadsafe(self._settle, future, then)

        reference.future().add_done_callback(done)

    def _settle(self, future: concurrent.futures.Future[Any], then: Callable[[Any], None]) -> None:
        if self.over:
            self.served.set()
            return
        error = future.exception()
        if error is None:
            then(future.result())
        else:
            self._break(f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0]}")

    def _break(self, why: str) -> None:
        if not self.over:
            self.over = True
            self.served.set()
            self.lost(why)


def _ray(*, alone: bool) -> Any:
    # Before the import: Ray reads them then, and its processes inherit them.
    for name, value in (QUIET | ALONE if alone else QUIET).items():
        os.environ.setdefault(name, value)
    try:
        import ray
        from ray._private import worker
    except ImportError as absent:
        raise MissingPart("a crew on Ray needs ray; install it with: pip install 'strop[cluster]'") from absent
    # Ray prints to stdout what its daemons report, and has no switch for it; our stdout is the result's alone.
    setattr(worker, "print_to_stdstream", _hush)  # noqa: B010 - the checker need not know that it is replaced
    return ray


def _hush(said: object, ignore_prefix: object = None) -> None:
    logging.getLogger("strop.ray").debug("%s", said)


def start_ray(*, cpus: float) -> str:
    """A Ray of our own on this machine, on loopback; its folder. It dies with this process.

    Raises:
        MissingPart: the extra `cluster` is not installed.
        StropError: it did not start.
    """
    ray = _ray(alone=True)
    folder = tempfile.mkdtemp(prefix="strop-ray-", dir="/tmp")  # short: it holds sockets
    try:
        ray.init(
            address="local", num_cpus=max(1, round(cpus)), num_gpus=0, object_store_memory=STORE,
            _temp_dir=folder, include_dashboard=False, _node_ip_address="127.0.0.1",
            logging_level=logging.ERROR, log_to_driver=False,
        )  # fmt: skip
    except Exception as caught:  # whatever Ray raises here ends in one line
        stop_ray(folder)
        raise StropError(f"Ray could not be started on this machine: {caught}. Try again, or: --crew local") from caught
    return folder


def stop_ray(folder: str) -> None:
    """Leave Ray; with a folder it was our own, which ends with it."""
    _ray(alone=False).shutdown()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _connect(ray: Any, address: str) -> str:
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except Exception as caught:  # whatever Ray raises here ends in one line
        said = f"no Ray cluster at {address}: {caught}"
        raise StropError(f"{said}. One that asks for a token needs RAY_AUTH_MODE=token in this environment") from caught
    return ""


if TYPE_CHECKING:

    def _fits(x: RayCrew, line: _RayLine, home: Home) -> tuple[Crew, Line, Home]:
        return x, line, home
