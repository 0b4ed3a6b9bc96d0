"""The real command with agents on a real Ray and its journal in a real PostgreSQL; host and driver are killed.

The model server is a process of its own, so its log outlives every client and is the oracle of what was paid.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import orjson
import pytest
from cluster import PASSWORD, PostgresServer
from postgres_fixture import postgres_server

from strop.types.events import AttemptEnded, CallAnswered, CallLost, Event, RunReopened

__all__ = ["postgres_server"]

pytest.importorskip("ray", reason="ray is not installed (extra `cluster`; it has no wheel for every platform)")

HERE = Path(__file__).parent
AGENTS = 6
CLUSTER = """
import sys
from strop.crews.ray_crew import start_ray, stop_ray
folder = start_ray(cpus=2)
import ray
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
stop_ray(folder)
"""


@dataclass(slots=True)
class ModelServer:
    """A test server in a process of its own, and its log."""

    urls: Mapping[str, str]
    log: Path

    @property
    def models(self) -> tuple[str, ...]:
        strong = f"anthropic:{self.urls['messages']}#strong-model"
        return "--worker", f"openai:{self.urls['chat']}#worker-model", "--planner", strong, "--verifier", strong

    def prompts(self, event: str, *, after: int = 0) -> Counter[str]:
        """How often each prompt was `asked`, or `ended` with its answer delivered."""
        lines = [orjson.loads(line) for line in self.log.read_bytes().splitlines()[after:]]
        return Counter(
            cast("str", line["prompt"])
            for line in lines
            if line["event"] == event and (event == "asked" or (line["status"] == 200 and line["delivered"]))
        )

    @property
    def length(self) -> int:
        return len(self.log.read_bytes().splitlines())


@contextmanager
def piped(*command: str, **more: object) -> Iterator[subprocess.Popen[str]]:
    """A child with its ends in our hands; when the block ends, its stdin is closed and it is waited for."""
    child = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more,
    )  # fmt: skip
