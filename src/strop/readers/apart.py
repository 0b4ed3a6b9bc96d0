"""A reader of every format that works in a child process, with a limit on its time and its memory.

pdfium is C++ and calamine Rust, and the rest may be made to work for hours: whatever happens to the child
happens to one document. It starts with the first document (about a fifth of a second), serves those that
follow, and is started anew after it was ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Lock, Timer
from types import TracebackType
from typing import TYPE_CHECKING, cast

import orjson

from strop.errors import DocumentRefused, MissingPart
from strop.types.document import Format, ReadDocument
from strop.types.events import revive
from strop.types.fingerprint import digest_bytes

if TYPE_CHECKING:
    from strop.seams import Reader

SECONDS = 120.0
"""For one document; 2,000 pages of text take about six on an idle core."""
MEMORY = 2 * 2**30
"""Bytes of address space."""
MOST_BYTES = 64 * 2**20
"""Of one document."""
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "LD_LIBRARY_PATH")
"""Variables that the child is given: no key is among them."""


class ApartReader:
    """Close it, or use it as a context manager; it may be used again afterwards."""

    def __init__(self, *, environment: Mapping[str, str], seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._environment = {name: environment[name] for name in _KEPT if name in environment}
        self._seconds = seconds
        self._memory = memory
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    @property
    def formats(self) -> tuple[Format, ...]:
        return tuple(Format)

    def read(self, body: bytes, *, path: str) -> ReadDocument:
        """See `seams.Reader`; one document at a time, whoever asks."""
        if len(body) > MOST_BYTES:
            raise DocumentRefused(f"has {len(body):,} bytes; at most {MOST_BYTES:,} are read. Split it")
        with self._lock:
            told = self._asked(body, path)
        return _document(told)

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end()

    def __enter__(self) -> ApartReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _asked(self, body: bytes, path: str) -> bytes:
        child = self._child = self._child or self._started()
        assert child.stdin is not None and child.stdout is not None, "both are pipes"
        over = Event()

        def end() -> None:
            over.set()
            child.kill()

        late = Timer(self._seconds, end)
        late.start()
        try:
            child.stdin.write(orjson.dumps({"path": path, "size": len(body)}) + b"\n" + body)
            child.stdin.flush()
            told = child.stdout.readline()
        except BrokenPipeError:
            told = b""
        except BaseException:
            self._end()  # an answer that nobody waited for must not be taken for the next one's
            raise
        finally:
            late.cancel()
            late.join()
        if told.endswith(b"\n"):
            return told
        self._end()
        if over.is_set():
            raise DocumentRefused(f"takes more than {self._seconds:g} seconds to read. Split it")
        raise DocumentRefused("broke the program that reads it. It is damaged or meant to do so; get it anew")

    def _started(self) -> subprocess.Popen[bytes]:
        environment = {**self._environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.Popen(
            [sys.executable, "-m", "strop.readers.child", str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with suppress(BrokenPipeError):  # it held bytes that nobody reads any more
                if pipe is not None:
                    pipe.close()
        child.wait()


class Texts:
    """Documents as text, the last ones remembered by their bytes; a child lives only while it reads one."""

    def __init__(self, *, environment: Mapping[str, str], most: int = 64) -> None:
        self._environment = environment
        self._most = most
        self._held: dict[str, str] = {}
        self._lock = Lock()

    def text_of(self, body: bytes, path: str) -> str:
        """The whole text, each passage under a line with its place; safe to call from several threads.

        Raises:
            DocumentRefused, MissingPart: see `seams.Reader`.
        """
        key = digest_bytes(body)
        with self._lock:
            text = self._held.pop(key, None)
            if text is None:
                with ApartReader(environment=self._environment) as reader:
                    text = reader.read(body, path=path).text
            self._held[key] = text
            while len(self._held) > self._most:
                del self._held[next(iter(self._held))]
            return text


def _document(told: bytes) -> ReadDocument:
    held = cast("Mapping[str, object]", orjson.loads(told))
    if refused := held.get("refused"):
        raise DocumentRefused(str(refused))
    if missing := held.get("missing"):
        raise MissingPart(str(missing))
    return revive(ReadDocument, orjson.dumps(held["document"]))


if TYPE_CHECKING:

    def _fits(x: ApartReader) -> Reader:
        return x
