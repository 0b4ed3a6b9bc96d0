"""Specify: a text becomes an order for files, or is refused with the line and the fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import PurePosixPath
from typing import cast

from strop.checking.entries import distinct, entry
from strop.checking.frontmatter import Node, get, known, listed, mapped, split, text, texts
from strop.drafting.works import ROUNDS
from strop.errors import BadInput, SpecRefused
from strop.types.money import nanos
from strop.types.schema import Array, Field, Json, Object, Text, object_of
from strop.types.work import Budget, Conflict, Kind, Sources, Spec

KEYS = (
    "deliver",
    "each",
    "companion",
    "readers",
    "sources",
    "valid",
    "conflict",
    "budget",
    "ask_before",
    "repairs",
)
MOST_TOKENS = 10**12
BUDGET_KEYS = (
    "agents",
    "agents_total",
    "steps",
    "critical_steps",
    "tokens",
    "input_tokens",
    "output_tokens",
    "usd",
    "minutes",
)
MAX_READERS = 3
MOST_DOLLARS = 1_000_000
MOST_MINUTES = 10_080
"""A week."""
LONGEST_SHOWN = 40
"""Characters of a wrong value that its refusal repeats."""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_SCALED = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kM])")


def specify(body: bytes, *, name: str = "spec.md", asks: Callable[[str], object] = str) -> Spec:
    """Read a spec file: front matter that leads with its deliverables, then prose.

    `asks` reads a question to a companion table (`recompute`, `compute`), and refuses what is none;
    left out, any text passes here and is refused when it is asked.

    Raises:
        SpecRefused: what is wrong, on which line, and how to mend it.
    """
    fields, prose = split(body)
    known(fields, KEYS, of="the spec")
    if "deliver" not in fields or not fields["deliver"].value:
        line = fields["deliver"].line if "deliver" in fields else 1
        raise SpecRefused(
            "deliver: is empty; a spec leads with the files it wants",
            line=line,
            fix="Add for example: deliver: [{file: table.csv, columns: {name: text}}]",
        )
    outputs = tuple(entry(node, asks) for node in listed(fields["deliver"], "deliver"))
    distinct(outputs, fields["deliver"])
    each, items = _each(fields.get("each"))
    spec = Spec(
        title=_title(prose, name),
        outputs=outputs,
        prose=prose,
        each=each,
        items=items,
        companion=get(fields, "companion", text, None),
        readers=get(fields, "readers", lambda node: _whole(node, "readers", 1, MAX_READERS), 1),
        sources=get(fields, "sources", _sources, Sources()),
        valid=get(fields, "valid", texts, ()),
        conflict=get(fields, "conflict", _conflict, Conflict.FLAG),
        budget=get(fields, "budget", _budget, Budget()),
        ask_before=get(fields, "ask_before", texts, ()),
        repairs=get(fields, "repairs", lambda node: _whole(node, "repairs", 0, ROUNDS), ROUNDS),
    )
    _consistent(spec, fields)
    return spec


def draft(wish: str, *, form: str) -> str:
    """A spec to edit, made from a wish by a form: what no model has thought about is left to the user."""
    return form.replace("{{title}}", " ".join(wish.split())[:120] or "What is to be done")


DRAFT = Object(
    (
        Field(
            "deliver",
            Array(
                Object(
                    (
                        Field("file", Text(100, pattern=r"[a-z0-9][a-z0-9_-]*\.(csv|xlsx|pdf|png)")),
                        Field("columns", Array(Text(40, pattern=r"[a-z][a-z0-9_]*"), max_items=20)),
                        Field("sections", Array(Text(60, pattern=r"[A-Za-z][A-Za-z ]*"), max_items=20)),
                    )
                ),
                min_items=1,
                max_items=12,
            ),
        ),
        Field("prose", Text(4_000, note="what is meant, and what would be sent back")),
    )
)
"""What a planner model answers to a wish."""


def drafted(wish: str, *, answer: Json) -> str:
    """A spec to edit, from what a planner model answered; counts and budget are left to the user.

    Raises:
        SpecRefused: what it proposes is no spec.
    """
    body = object_of(answer)
    lines = ["---", "deliver:                      # drafted by a model; edit this first"]
    for ordered in (object_of(each) for each in cast("list[Json]", body["deliver"])):
        columns, sections = cast("list[str]", ordered["columns"]), cast("list[str]", ordered["sections"])
        line = f"  - file: {ordered['file']}"
        if columns and not str(ordered["file"]).endswith((".pdf", ".png")):
            line += "\n    columns:" + "".join(f"\n      {name}: {{type: text, quote: true}}" for name in columns)
        elif sections:
            line += f"\n    sections: [{', '.join(sections)}]"
        lines.append(line)
    title = " ".join(wish.split())[:120]
    lines += [
        'sources: {allow: ["inputs/**"]}',
        "budget: {usd: 5, minutes: 30}",
        "---",
        f"# {title}",
        "",
        str(body["prose"]),
        "",
    ]
    text = "\n".join(lines)
    specify(text.encode())
    return text


def _title(prose: str, name: str) -> str:
    for line in prose.splitlines():
        if line.strip():
            return line.strip().lstrip("#").strip()[:120]
    return PurePosixPath(name).stem


def _each(node: Node | None) -> tuple[str | None, tuple[str, ...]]:
    if node is None:
        return None, ()
    if isinstance(node.value, list):
        items = texts(node)
        if not items:
            raise SpecRefused("each: is an empty list", line=node.line, fix="List the units, or give a glob")
        if len(set(items)) != len(items):
            raise SpecRefused("each: lists a unit twice", line=node.line, fix="List each unit once")
        return "list", items
    pattern = text(node)
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise SpecRefused(f"each: {pattern} leaves the project folder", line=node.line, fix="Use inputs/*.txt")
    return pattern, ()


def _sources(node: Node) -> Sources:
    fields = mapped(node, "sources")
    known(fields, ("allow", "deny"), of="sources")
    return Sources(get(fields, "allow", texts, Sources().allow), get(fields, "deny", texts, ()))


def _conflict(node: Node) -> Conflict:
    name = text(node)
    if name not in set(Conflict):
        raise SpecRefused(f"unknown conflict rule {name!r}", line=node.line, fix=f"Use one of {', '.join(Conflict)}")
    return Conflict(name)


def _budget(node: Node) -> Budget:
    fields = mapped(node, "budget")
    known(fields, BUDGET_KEYS, of="budget")
    plain = Budget()

    def whole(name: str, default: int, most: int) -> int:
        return get(fields, name, lambda child: _whole(child, name, 1, most), default)

    return Budget(
        agents=whole("agents", plain.agents, 10_000),
        agents_total=whole("agents_total", plain.agents_total, 100_000),
        steps=whole("steps", plain.steps, 1_000_000),
        critical_steps=whole("critical_steps", plain.critical_steps, 100_000),
        tokens=whole("tokens", plain.tokens, MOST_TOKENS),
        input_tokens=whole("input_tokens", plain.input_tokens, MOST_TOKENS),
        output_tokens=whole("output_tokens", plain.output_tokens, MOST_TOKENS),
        nanos=get(fields, "usd", _money, plain.nanos),
        minutes=get(fields, "minutes", _minutes, plain.minutes),
    )


def _money(node: Node) -> int:
    exact = _exact(node)
    if exact is None or not 0 <= exact <= MOST_DOLLARS or (exact and not nanos(exact)):
        raise SpecRefused(
            f"usd: {_shown(node)} is no amount from 0 to {MOST_DOLLARS:,}, in steps of a billionth",
            line=node.line,
            fix="Write usd: 5",
        )
    return nanos(exact)


def _minutes(node: Node) -> float:
    exact = _exact(node) if not isinstance(node.value, str) else None
    if exact is None or not 0 < exact <= MOST_MINUTES:
        raise SpecRefused(
            f"minutes: {_shown(node)} is no time from 0 to {MOST_MINUTES:,}, 0 left out",
            line=node.line,
            fix="Write minutes: 30",
        )
    return float(exact)


def _whole(node: Node, name: str, least: int, most: int) -> int:
    exact = _exact(node) if not isinstance(node.value, float) else None
    if isinstance(node.value, str):
        scaled = _SCALED.fullmatch(node.value)
        exact = Decimal(scaled[1]) * {"k": 1_000, "M": 1_000_000}[scaled[2]] if scaled else None
    if exact is None or not least <= exact <= most or exact != int(exact):
        raise SpecRefused(
            f"{name}: {_shown(node)} is no whole number from {least:,} to {most:,}",
            line=node.line,
            fix=f"Write for example {name}: {min(most, 100)}",
        )
    return int(exact)


def _exact(node: Node) -> Decimal | None:
    """The number as it is written; None for what is none, or is read as one by accident (true, NaN, other digits)."""
    value = node.value
    if not isinstance(value, int | float | str):
        return None
    text = str(value)
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _shown(node: Node) -> str:
    """What stands there, short enough for a message."""
    match node.value:
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case None:
            return "nothing"
        case value:
            text = repr(value)
            return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _consistent(spec: Spec, fields: Mapping[str, Node]) -> None:
    """What no single key can see."""
    line = fields["deliver"].line
    asked = [column for output in spec.outputs for column in output.columns if column.compute or column.recompute]
    if asked and spec.companion is None:
        raise SpecRefused(
            f"column {asked[0].name} is computed from a table, but there is no companion",
            line=line,
            fix="Add companion: data/{stem}.csv",
        )
    if asked and spec.each is None:
        raise BadInput("compute and recompute need each:, a table beside each unit")
    if spec.companion is not None and "{stem}" not in spec.companion:
        raise SpecRefused(
            f"companion {spec.companion!r} names the same table for each unit",
            line=fields["companion"].line,
            fix="Write {stem} where the unit's name goes: data/{stem}.csv",
        )
    code = next((output.file for output in spec.outputs if output.kind is Kind.CODE), "")
    if spec.each is not None and code:
        raise SpecRefused(
            f"each: reads values, and nobody writes {code}",
            line=line,
            fix="Leave each: out, or order code in a spec of its own",
        )
    if spec.each is not None and not spec.table:
        raise SpecRefused("each: needs a table to fill", line=line, fix="Add a CSV or XLSX with columns to deliver")
