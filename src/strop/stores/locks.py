"""Who holds a database file that cannot be had now, as far as the system tells."""

from __future__ import annotations

import sqlite3
from pathlib import Path

LOCKS = Path("/proc/locks")
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_busy(caught: sqlite3.Error) -> bool:
    """Whether another connection holds what was wanted."""
    code: int | None = getattr(caught, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in BUSY  # the low byte: extended codes say why


def busy(path: Path) -> str:
    """What to tell of a database that is held: by whom, and the next move."""
    return f"{holder_of(path)} holds it. Wait for it or stop it, then try again"


def holder_of(path: Path) -> str:
    """`process 4711 (python3)`; `another process` where the system does not say."""
    shared = path.with_name(f"{path.name}-shm")  # where a database in WAL mode is locked
    try:
        inodes = {str(each.stat().st_ino) for each in (path, shared) if each.exists()}
        lines = [line.split() for line in LOCKS.read_text().splitlines()]
    except OSError:
        return "another process"
    # 1: POSIX ADVISORY WRITE 4711 08:01:131099 0 EOF; those who wait have -> in the second place
    found = {int(line[4]) for line in lines if line[3] == "WRITE" and line[5].rpartition(":")[2] in inodes}
    return ", ".join(_named(process) for process in sorted(found) if process > 0) or "another process"


def _named(process: int) -> str:
    try:
        return f"process {process} ({Path(f'/proc/{process}/comm').read_text().strip()})"
    except OSError:  # gone, or another user's
        return f"process {process}"
