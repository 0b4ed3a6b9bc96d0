"""The server's side of `swarm.py`: what it answers, and the process that it runs in."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson

from strop.testing.wires import Asked, Fault, Reply
from strop.types.events import ToolCall

ROUNDS = 12
"""Of one agent: a tool call each, before it answers."""
NOTE = 2_048
"""Characters that the tool returns."""


def latency() -> float:
    """Seconds each answer takes, from the environment of the server's process."""
    return float(os.environ.get("SWARM_LATENCY", "0.05"))


def answer(asked: Asked) -> Reply:
    """The script, with a share of calls ten times slower where that is asked for: by (prompt, how often it came)."""
    reply = scripted(asked)
    slow = random.Random(f"slow/{asked.prompt}/{asked.nth}").random() < float(os.environ.get("SWARM_SLOW", "0"))
    return replace(reply, latency=10 * reply.latency) if slow else reply


def scripted(asked: Asked) -> Reply:
    """A plan, a tool call a round, an answer, a summary; with faults where they are asked for."""
    if "SWARM_FAULTS" in os.environ and (fault := faulty(asked)) is not None:
        return fault
    messages = asked.body["messages"]
    assert isinstance(messages, list)
    text = orjson.dumps(messages[1]).decode()
    if "You plan the work" in asked.system:
        return Reply(planned(int(os.environ["SWARM_AGENTS"])), latency=latency())
    if "Fan out" in text:
        return Reply("seen", latency=latency())
    if "leaves a skill behind" in asked.system:
        return Reply(json.dumps({"description": "Reads the notes of every site and puts them together."}))
    if "site-all" in text:
        return Reply(json.dumps({"survey.csv": found("the survey")}), latency=latency())
    site = text.split("site-", 1)[1][:5]
    done = sum(1 for message in messages if isinstance(message, dict) and message.get("role") == "tool")
    if done < ROUNDS:
        arguments = json.dumps({"path": f"notes/{done:02}.txt", "offset": None, "limit": NOTE})
        return Reply(calls=(ToolCall(f"call_{done}", "read_file", arguments),), latency=latency())
    return Reply(json.dumps(found(f"site {site} holds the survey")), latency=latency())


def found(value: str) -> dict[str, object]:
    """Rows of one claim, with a quote that stands in its source."""
    claim = {"value": value, "source": "notes/00.txt", "quote": "Note 0 of the survey."}
    return {"rows": [{"finding": claim}]}


def faulty(asked: Asked) -> Reply | None:
    """5 % 429 with Retry-After, 2 % hangs, 2 % malformed: by (prompt, how often it was asked)."""
    drawn = random.Random(f"{asked.prompt}/{asked.nth}").random()
    if drawn < 0.05:
        return Reply(fault=Fault.RATE_LIMIT, retry_after="1")
    if drawn < 0.07:
        return Reply(fault=Fault.HANG)
    if drawn < 0.09:
        return Reply("{ this is no JSON", latency=latency())
    return None


def planned(agents: int) -> str:
    """The planner's answer: one task a site, and one that puts them together."""
    field = [{"name": "finding", "type": "text", "note": ""}]
    tasks: list[dict[str, object]] = [
        {"id": f"s{n:05}", "kind": "work", "role": "reader", "goal": f"Read the notes of site-{n:05}.", "needs": [],
         "tools": ["read_file"], "steps": ROUNDS + 4, "makes": [], "fields": field}
        for n in range(agents)
    ]  # fmt: skip
    ids = [str(task["id"]) for task in tasks]
    tasks.append(
        {"id": "all", "kind": "aggregate", "role": "writer", "goal": "Put site-all together.", "needs": ids,
         "tools": [], "steps": 3, "makes": ["survey.csv"], "fields": field}
    )  # fmt: skip
    return json.dumps({"scope": "Read every site.", "objections": [], "fatal": [], "tasks": tasks})


@contextmanager
def server(
    *, agents: int, seconds: float, faults: bool = False, slow: float = 0.0, log: Path | None = None
) -> Generator[str, None, None]:
    """The test server in a process of its own; gives its base URL."""
    command = [sys.executable, "-m", "strop.testing.server", "--script", "swarm_server:answer"]
    command += ["--log", str(log)] if log is not None else []
    place = {"SWARM_LATENCY": str(seconds), "SWARM_AGENTS": str(agents), "SWARM_SLOW": str(slow)}
    place |= {"SWARM_FAULTS": "1"} if faults else {}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent, env=os.environ | place
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["chat"]
    finally:
        process.terminate()
        process.wait()
