"""CONSTRAINTS.md: one rule a line, written by us, edited by hand, read at the start of every run.

    - [c-1a2b3c4d] first is one word {check: pattern(first, \\S+)} <!-- reason: 3 refuted values broke it -->

A line of a list without an id is the user's own. Where it is word for word one of the forms of `wording`
(`` `year` is from 1800 to 2026 ``) it is held by code, else it is a rule for the model. A learned line that
was changed is the user's version from then on; one that is struck out, or gone, is retired and not learned
again. What stands there that is no list line is left as it is. Pure: text in, rules out, text out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from strop.checking.bounds import HELD
from strop.checking.checks import parse_check
from strop.errors import BadInput
from strop.learning.wording import stated
from strop.types.fingerprint import digest
from strop.types.memory import CheckKind, Constraint, ItemState

LEARNED = "c-"
"""Begins the id of a learned rule."""
HEADER = (
    "# Constraints\n\n"
    "The rules of this project, one a line. Edit by hand: add a line, change one, strike one out with ~~;\n"
    "what you write is kept and honoured. Rules with a check cost no tokens.\n\n"
)
_LINE = re.compile(
    r"^- (?:\[(?P<id>[\w-]+)\] )?(?P<text>.*?)(?: \{check: (?P<check>.+?)\})?(?: <!-- reason: (?P<reason>.*?) -->)?$"
)


def read_rules(text: str) -> tuple[Constraint, ...]:
    """Every rule of the file, in its order; struck-out lines (`- ~~…~~`) are not rules.

    Raises:
        BadInput: a check that cannot be read, with its line.
    """
    rules: list[Constraint] = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.match(line.strip())
        if match is None or match["text"].startswith("~~") or not match["text"].strip():
            continue
        rules.append(_rule(match, number))
    return tuple(rules)


def lines_of(text: str) -> dict[str, int]:
    """The line, from 1, of each rule by its id."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for rule in read_rules(line) if _is_rule(line) else ():
            found.setdefault(rule.id, number)
    return found


def _is_rule(line: str) -> bool:
    match = _LINE.match(line.strip())
    return match is not None and not match["text"].startswith("~~") and bool(match["text"].strip())


def struck_out(text: str) -> frozenset[str]:
    """Ids and checks of rules that the user struck out: they are not learned again."""
    lines = [_LINE.match(line.strip().replace("~~", "")) for line in text.splitlines() if "~~" in line]
    said = (part for match in lines if match is not None for part in (match["id"], match["check"]) if part)
    return frozenset(said)


def _rule(match: re.Match[str], number: int) -> Constraint:
    text, check = match["text"].strip(), match["check"] or ""
    if check:
        try:
            parse_check(check)
        except BadInput as caught:
            raise BadInput(f"CONSTRAINTS.md line {number}: {caught}") from caught
    elif match["id"] is None and (compiled := stated(text)) is not None:
        check = str(compiled)
    kind = CheckKind.HAND if match["id"] is None else CheckKind.PROMPT
    if check:
        binds = not (match["id"] or "").startswith(LEARNED) and parse_check(check).name in HELD
        kind = CheckKind.GRAMMAR if binds else CheckKind.CHECK
    return Constraint(
        id=match["id"] or f"h-{digest(text)[:8]}",
        text=text,
        reason=match["reason"] or "by hand",
        kind=kind,
        check=check,
    )


def add_rules(text: str, new: Sequence[Constraint]) -> str:
    """The file with the new active rules after everything that stands there; nothing else is touched."""
    new = [rule for rule in new if rule.state is ItemState.ACTIVE]
    body = text if text.strip() else HEADER
    known = {rule.id for rule in read_rules(body)} | set(re.findall(r"\[(c-[0-9a-f]+)\]", body))
    lines = [_line(rule) for rule in new if rule.id not in known]
    if not lines:
        return text
    start = body if body.endswith("\n") else body + "\n"
    in_list = body.rstrip().splitlines()[-1].startswith("- ")
    return start + ("" if in_list or start.endswith("\n\n") else "\n") + "\n".join(lines) + "\n"


def _line(rule: Constraint) -> str:
    check = f" {{check: {rule.check}}}" if rule.check else ""
    return f"- [{rule.id}] {rule.text}{check} <!-- reason: {rule.reason} -->"
