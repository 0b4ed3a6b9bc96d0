"""A real PostgreSQL for tests: its own data folder, its own OS user, stopped at the end by its own process id."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

PASSWORD = "open-sesame-7"
ACCOUNT = "postgres"
"""The server refuses to run as root; Debian's package brings this user for it."""


@dataclass(slots=True)
class PostgresServer:
    """A running server: `postgres` may enter by the socket without a password, by loopback with one."""

    programs: Path
    folder: Path
    port: int
    _names: count[int] = field(default_factory=lambda: count(1))

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"strop{next(self._names)}"
        self._run("psql", "-q", "-d", "postgres", "-c", f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """By loopback, with the password in it."""
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = f"-c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories={self.folder} -p {self.port}"
        self._run("pg_ctl", "start", "-w", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-o", settings)

    def stop(self, how: str = "fast") -> None:
        """Stop the process of this data folder; `immediate` is a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", how, "-D", f"{self.folder}/data")

    def pause(self) -> None:
        """Every process of the server stands still: it answers nobody, and closes no connection."""
        for process in self._processes():
            os.kill(process, signal.SIGSTOP)

    def go_on(self) -> None:
        """After `pause`."""
        for process in self._processes():
            os.kill(process, signal.SIGCONT)

    def make(self) -> None:
        """Make the data folder."""
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        _hand_over(self.folder, secret)
        self._run(
            "initdb", "--no-sync", "--locale=C", "--encoding=UTF8", "--username=postgres", f"--pwfile={secret}",
            "--auth-local=trust", "--auth-host=scram-sha-256", f"--pgdata={self.folder}/data",
        )  # fmt: skip

    def _processes(self) -> list[int]:
        leader = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
        return [leader, *map(int, children)]

    def _run(self, program: str, *arguments: str) -> None:
        environment = {**os.environ, "PGHOST": str(self.folder), "PGPORT": str(self.port), "PGUSER": "postgres"}
        done = subprocess.run(
            [str(self.programs / program), *arguments], check=False, capture_output=True, text=True, cwd=self.folder,
            env=environment, user=ACCOUNT if _is_root() else None, group=ACCOUNT if _is_root() else None,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout} {done.stderr}")


def programs() -> Path | None:
    """Where initdb and pg_ctl lie; None where they are not installed."""
    found = shutil.which("pg_ctl")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def running_postgres(programs: Path) -> Generator[PostgresServer, None, None]:
    """A server with an empty data folder, gone with it at the end."""
    # Not under pytest's own folder, which other users cannot enter; short, since it holds a socket.
    folder = Path(tempfile.mkdtemp(prefix="strop-pg-", dir="/tmp"))
    try:
        server = PostgresServer(programs, folder, _free_port())
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _is_root() -> bool:
    return os.geteuid() == 0


def _hand_over(*paths: Path) -> None:
    owner = ACCOUNT if _is_root() else getpass.getuser()
    for path in paths:
        shutil.chown(path, owner)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
