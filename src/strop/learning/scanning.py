"""A static look at a foreign skill: what in it would reach out, run, steal, steer, or hide. Nothing is executed.

Findings are for the person who decides; a skill without any is not thereby safe, and waits in quarantine all the
same. Expressions have no nested repetition, and each line is cut before it is looked at. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from strop.learning.visible import hidden

LINE = 2_000
"""Characters of a line that are looked at."""
MOST = 200
"""Findings of one skill that are listed."""
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that a person should see before approving."""

    kind: str
    """`network`, `shell`, `exfiltration`, `secret`, `to a judge`, `hidden`, `script`, `authority`."""
    path: str
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.path} line {self.line}: {self.words}"


def _either(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "exfiltration",
        _either(
            r"(?:curl|wget|fetch|requests?\.post|urlopen)\b.{0,200}(?:\$\{?[A-Z_]+|~/\.|environ|/etc/|id_rsa|@-)",
            r"\b(?:send|post|upload|forward|exfiltrate|leak|transmit)\b.{0,80}"
            r"\b(?:keys?|tokens?|passwords?|credentials?|secrets?|conversation|prompt|environment|\.env)\b",
            r"!\[[^\]]{0,80}\]\(https?://[^)]{0,200}[?&=]",
        ),
    ),
    (
        "secret",
        _either(
            r"\bsk-[A-Za-z0-9_-]{16,}",
            r"\bAKIA[0-9A-Z]{16}\b",
            r"\bgh[pousr]_[A-Za-z0-9]{20,}",
            r"\bxox[abp]-[A-Za-z0-9-]{10,}",
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY",
            r"\b(?:api[_-]?key|secret|password|token)\b[\"']?\s{0,3}[:=]\s{0,3}[\"'][^\"'\s]{8,}[\"']",
        ),
    ),
    (
        "network",
        _either(
            r"https?://(?!(?:www\.)?(?:agentskills\.io|w3\.org)\b)[^\s)\"'>]{3,}",
            r"\b(?:curl|wget|nc|ncat|telnet|ssh|scp|rsync|socat)\s+\S",
            r"\bimport\s+(?:socket|requests|httpx|urllib|aiohttp)\b|\b(?:urllib\.request|http\.client|socket\.socket)\b",
            r"\bnew\s+(?:WebSocket|XMLHttpRequest)\b|\bfetch\(",
        ),
    ),
    (
        "shell",
        _either(
            r"\|\s{0,3}(?:ba|z)?sh\b",
            r"\b(?:sudo|chmod\s+[+0-7]\S*|rm\s+-\w*[rf]\w*|mkfs|dd\s+if=|crontab|systemctl|eval|nohup)\b",
            r"\b(?:os\.system|subprocess\.|pty\.spawn|child_process|exec\(|execSync|__import__|Invoke-Expression)",
            r"\bbase64\s+(?:-d|--decode)|\bb64decode\b|\bfromCharCode\b",
            r"^\s{0,8}!`|```!",
        ),
    ),
    (
        "to a judge",
        _either(
            r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|all|any|other|system)\b"
            r".{0,30}\b(?:instructions?|rules?|prompts?|guidelines?|constraints?|checks?)\b",
            r"\b(?:judge|grader|verifier|reviewer|gate|checker|evaluator|admission)s?\b.{0,60}"
            r"\b(?:accept|pass|approve|admit|mark|trust|score|skip|ignore)\w*\b",
            r"\b(?:accept|pass|approve|admit|mark|rate|score)\b.{0,60}"
            r"\b(?:without (?:checking|review|verif\w*)|as (?:passed|verified|safe|trusted|correct))\b",
            r"\b(?:do not|don't|never)\b.{0,30}\b(?:tell|inform|mention|reveal|show|ask)\b.{0,30}"
            r"\b(?:user|person|human|anyone)\b",
            r"\byou are now\b|\bnew system prompt\b|<\s{0,3}/?\s{0,3}(?:system|instructions?|im_start)\b",
        ),
    ),
    ("authority", _either(r"\b(?:trusted|approved|verified|certified)\s+by\s+(?:the\s+)?(?:user|admin\w*|strop)\b")),
)
_PROGRAM = re.compile(r"\.(?:py|sh|bash|zsh|js|mjs|ts|rb|pl|ps1|bat|cmd|exe|so|dll|jar|php|lua|go)$", re.IGNORECASE)


def scanned(texts: Mapping[str, str]) -> tuple[Found, ...]:
    """What there is to see in the texts of a skill, by path and line; at most `MOST`."""
    made: list[Found] = []
    for path in sorted(texts):
        made += list(_programs(path, texts[path]))
        for number, line in enumerate(texts[path].splitlines(), 1):
            made += list(_line(path, number, line))
            if len(made) >= MOST:
                return tuple(made[:MOST])
    return tuple(made)


def _programs(path: str, text: str) -> Iterator[Found]:
    if path.startswith("scripts/") or _PROGRAM.search(path) or text.startswith("#!"):
        yield Found("script", path, 1, "a program: never run by an import, read it before you approve")


def _line(path: str, number: int, line: str) -> Iterator[Found]:
    if what := hidden(line):
        yield Found("hidden", path, number, what)
    cut = line[:LINE]
    for kind, pattern in _KINDS:
        match = pattern.search(cut)
        if match is not None:
            at = max(0, min(match.start() - SHOWN // 4, len(cut) - SHOWN))
            yield Found(kind, path, number, _visible(cut[at:].strip())[:SHOWN])


def _visible(text: str) -> str:
    return "".join(each if each.isprintable() else f"<U+{ord(each):04X}>" for each in text)
