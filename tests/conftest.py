"""What every test gets without asking: asyncio, and a check that it left nothing open.

A test fails when it leaves an asyncio task, a child process, an open file or socket, or something
in the temporary folder (a sandbox, a half-written file). Children and open files are read from
/proc, so on systems without it those two are not checked. Warnings are errors (pyproject.toml).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from postgres_fixture import postgres_server

__all__ = ["postgres_server"]

PROC = Path("/proc/self")
LASTING = ("/dev/null", "/dev/urandom", "anon_inode:[eventfd]", "anon_inode:[eventpoll]", "anon_inode:[io_uring]")
"""Targets that a library may open at its first use and keep for the process (a Rust runtime's
wake-up handles). A leaked event loop still shows: by its socket pair, and by its warning."""
KEEPERS = {"vl_convert", "uvloop"}
"""Libraries that open sockets and files of their own at the first call and keep them. The first test
that ends with one loaded and descriptors left is forgiven those, once a session for each of them."""
TURNS = 10
"""Turns of the event loop that a finishing task may take to end: closing a connection needs a few."""

# No deadline: two shared cores stall. In CI the same examples each time, so that red means changed.
# A slow machine, or a run of unlucky draws, says nothing about the property.
_NO_FAULT = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile("here", deadline=None, suppress_health_check=_NO_FAULT)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What strop runs on; there is no second backend."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A temporary folder of this session's own, for us and our children, so that what is left is ours."""
    folder = tmp_path_factory.mktemp("temp")
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    yield folder
    tempfile.tempdir = before[0]
    if before[1] is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before[1]


@pytest.fixture(autouse=True)
def leaves_nothing_open(temporary_folder: Path) -> Iterator[None]:
    """Fail the test that leaves a child, an open file or socket, or a temporary file behind."""
    before = open_files() | children() | entries(temporary_folder)
    yield
    files = open_files() - before
    if files and (loaded := KEEPERS.intersection(sys.modules)):
        KEEPERS.remove(min(loaded))
        files = set()
    left = files | (children() | entries(temporary_folder)) - before
    if left:
        pytest.fail("left open: " + ", ".join(sorted(left)), pytrace=False)


def open_files() -> set[str]:
    """Descriptors and what they point at, but for the lasting ones."""
    found: set[str] = set()
    if not PROC.is_dir():
        return found
    for name in os.listdir(PROC / "fd"):
        try:
            target = os.readlink(PROC / "fd" / name)
        except FileNotFoundError:  # the listing's own descriptor
            continue
        if target not in LASTING:
            found.add(f"descriptor {name} -> {target}")
    return found


def children() -> set[str]:
    """Child processes of ours, zombies too, but for the one that multiprocessing keeps."""
    found: set[str] = set()
    for listing in PROC.glob("task/*/children"):
        try:
            pids = listing.read_text().split()
        except FileNotFoundError:  # a thread that ended just now
            continue
        for pid in pids:
            try:
                command = Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except FileNotFoundError:  # it ended just now and was reaped
                continue
            if "multiprocessing.resource_tracker" not in command:
                found.add(f"child {pid} ({command.strip() or 'not reaped'})")
    return found


def entries(folder: Path) -> set[str]:
    """What lies in the temporary folder."""
    return {f"temporary {entry.name}" for entry in folder.iterdir()}


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Wrap each async test, also one that hypothesis calls, in the check for tasks."""
    given = getattr(pyfuncitem.obj, "hypothesis", None)
    if given is not None and inspect.iscoroutinefunction(given.inner_test):
        given.inner_test = leaving_no_task(given.inner_test)
    elif inspect.iscoroutinefunction(pyfuncitem.obj):
        pyfuncitem.obj = leaving_no_task(pyfuncitem.obj)
    return (yield)


def leaving_no_task(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The test, failing when a task that it started outlives it."""

    @functools.wraps(test)
    async def checked(*arguments: object, **fixtures: object) -> None:
        before = asyncio.all_tasks()
        await test(*arguments, **fixtures)
        left = asyncio.all_tasks() - before
        for _ in range(TURNS):
            if not left:
                return
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - before
        pytest.fail("left running: " + ", ".join(sorted(repr(task.get_coro()) for task in left)), pytrace=False)

    return checked
