"""CONSTRAINTS.md against the library: the lines that a person wrote, changed, took out or struck. Pure.

The file is the person's: a line that they wrote is an active rule, one that they took out is retired, one
that they struck out is retired and not learned again. What the library writes is a line of its own, and
it takes back or rewrites only lines that stand as it wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strop.errors import BadInput
from strop.learning.library import filed
from strop.learning.rules import add_rules, read_rules
from strop.types.fingerprint import digest
from strop.types.memory import USED, Constraint, Item, ItemKind, ItemState, Origin, Taint

Held = tuple[Item, Constraint]
_AWAY = re.compile(r"<!-- in quarantine: \[c-")


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of one line: the hash of what it said when we last looked."""

    digest: str
    own: bool = False
    """A person wrote or changed it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the file says that the library does not know yet."""

    entries: tuple[tuple[Item, Constraint], ...] = ()
    retired: tuple[tuple[str, str], ...] = ()
    """(item, why)."""
    own: frozenset[str] = frozenset()
    """Ids of lines that are a person's."""


def rules_said(text: str, *, held: Sequence[Held], lines: Mapping[str, Line]) -> Rules:
    """Compare the file with the rules that the library holds; `lines` is what was there when we last looked.

    Raises:
        BadInput: a check that cannot be read, with its line.
    """
    said = {rule.id: rule for rule in reversed(read_rules(text))}  # of two lines with one id the first
    by_name = _by_name(held)
    entries: list[tuple[Item, Constraint]] = []
    retired: list[tuple[str, str]] = []
    own: set[str] = {name for name, line in lines.items() if line.own}
    for name, rule in said.items():
        known = by_name.get(name)
        ours = name in lines and not lines[name].own and lines[name].digest == mark_of(rule)
        if ours or (known is not None and known[0].state in USED and mark_of(known[1]) == mark_of(rule)):
            continue
        own.add(name)
        made, gone = _by_hand(rule, known)
        entries.append((made, rule))
        retired += gone
    struck = struck_names(text)
    for name, (item, _) in by_name.items():
        if item.state in USED and name not in said and (name in lines or name in struck):
            retired.append(
                (item.id, "struck out of CONSTRAINTS.md" if name in struck else "taken out of CONSTRAINTS.md")
            )
    return Rules(tuple(entries), tuple(retired), frozenset(own & said.keys()))


def rules_written(text: str, *, held: Sequence[Held], own: frozenset[str]) -> str:
    """The file as the library wants it: lines of ours that are out of use go, others follow their item, new ones come.

    Lines of a person, and what is no line of a list, stay byte for byte. Checks that evidence has put away stand
    below it all, as comments.
    """
    wanted = {filed(item): rule for item, rule in held if item.state in USED}
    kept: list[str] = []
    for line in text.splitlines(keepends=True):
        rule = _rule_on(line)
        if _AWAY.match(line):
            continue
        if rule is None or rule.id in own:
            kept.append(line)
        elif rule.id in wanted:
            kept.append(line if mark_of(rule) == mark_of(wanted[rule.id]) else _rewritten(line, wanted[rule.id]))
    there = struck_names(text) | {rule.id for rule in read_rules("".join(kept))}
    new = [replace(rule, id=name, state=ItemState.ACTIVE) for name, rule in wanted.items() if name not in there]
    away = [_away(item, rule) for item, rule in held if _was_in_force(item) and filed(item) not in there]
    whole = add_rules("".join(kept), new)
    return whole + ("" if not away or whole.endswith("\n") or not whole else "\n") + "".join(away)


def _was_in_force(item: Item) -> bool:
    """Whether evidence took a learned check out of force; what waits for a person is shown by nobody's words."""
    learned = item.kind is ItemKind.CHECK and item.origin is Origin.RUN and item.taint is not Taint.UNTRUSTED
    return learned and item.state is ItemState.QUARANTINE and bool(item.why)


def _away(item: Item, rule: Constraint) -> str:
    """A comment, which is no line of a list: it tells of a rule that holds no longer, and why."""
    said = f"[{filed(item)}] {rule.text} {{check: {rule.check}}}: {item.why}".replace("--", "- -")
    return f"<!-- in quarantine: {said}. Back: strop skills approve {item.id} -->\n"


def lines_now(text: str, *, own: frozenset[str]) -> dict[str, Line]:
    """What to remember of the file until the next look."""
    return {rule.id: Line(mark_of(rule), rule.id in own) for rule in reversed(read_rules(text))}


def mark_of(rule: Constraint) -> str:
    """Hash of what a line says."""
    return digest([rule.text, rule.check, rule.reason])


def with_struck(text: str, name: str) -> str:
    """The file with this rule struck out, so that it is not learned again.

    Raises:
        BadInput: no line has it.
    """
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        rule = _rule_on(line)
        if rule is not None and rule.id == name:
            body = line.strip()[2:]
            lines[at] = line.replace(body, f"~~{body}~~", 1)
            return "".join(lines)
    raise BadInput(f"no rule {name!r} in CONSTRAINTS.md. See: strop rules list")


def struck_names(text: str) -> frozenset[str]:
    """Ids of the rules that a person struck out."""
    rules = (_rule_on(line.replace("~~", "")) for line in text.splitlines() if "~~" in line)
    return frozenset(rule.id for rule in rules if rule is not None)


def _by_name(held: Sequence[Held]) -> dict[str, Held]:
    """By the name in the file; of a check and a line that share one, the one in use."""
    in_order = sorted(held, key=lambda each: each[0].state in USED)
    return {filed(item): (item, rule) for item, rule in in_order}


def _by_hand(rule: Constraint, known: Held | None) -> tuple[Item, list[tuple[str, str]]]:
    """(the entry of a line that a person wrote, what it takes the place of)."""
    kind = ItemKind.CHECK if rule.check else ItemKind.CONSTRAINT
    made = Item(f"{kind}/{rule.id}", kind, "", ItemState.ACTIVE, origin=Origin.USER, cites=("CONSTRAINTS.md",))
    if known is None:
        return replace(made, why="written into CONSTRAINTS.md"), []
    before = known[0]
    made = replace(made, parent=before.digest, scope=before.scope, why="changed in CONSTRAINTS.md")
    if before.kind is kind:
        return replace(made, id=before.id), []
    gone = [(before.id, f"became {made.id}")] if before.state in USED else []
    return made, gone


def _rule_on(line: str) -> Constraint | None:
    try:
        rules = read_rules(line)
    except BadInput:
        return None
    return rules[0] if rules else None


def _rewritten(line: str, rule: Constraint) -> str:
    """The line as the library would write it, with the line's own beginning and end."""
    end = line[len(line.rstrip("\r\n")) :]
    indent = re.match(r"\s*", line)
    (made,) = (each for each in add_rules("", [rule]).splitlines() if f"[{rule.id}]" in each)
    return f"{indent.group() if indent else ''}{made}{end}"
