"""Specify: a text becomes an order for files, or is refused with the line and the fix."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TypeVar, cast

from strop.checking.frontmatter import Node, known, split
from strop.errors import BadInput, SpecRefused
from strop.types.money import nanos
from strop.types.schema import Array, Field, Json, Object, Text, object_of
from strop.types.work import PLACE, Budget, Column, ColumnType, Conflict, Count, Kind, Output, Sources, Spec

T = TypeVar("T")

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
OUTPUT_KEYS = ("file", "rows", "pages", "sections", "columns", "count")
COLUMN_KEYS = ("type", "quote", "recompute", "compute", "ask")
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
OURS = "claims.csv"
"""Written beside the ordered files: every value with what it rests on."""
LONGEST_SHOWN = 40
"""Characters of a wrong value that its refusal repeats."""
MADE = tuple(kind for kind in Kind if kind is not Kind.HTML)
"""Kinds that a spec may ask for. Every run writes report.html beside its files; pages of a user's own
have no renderer yet."""
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,59}")
"""Property names as every provider accepts them, in lower case."""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_SCALED = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kM])")
_COUNT = re.compile(r"(>=|<=|==|=|>|<)?\s*(\d[\d_,]*)")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


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
    outputs = tuple(_output(node, asks) for node in _listed(fields["deliver"], "deliver"))
    _distinct(outputs, fields["deliver"])
    each, items = _each(fields.get("each"))
    spec = Spec(
        title=_title(prose, name),
        outputs=outputs,
        prose=prose,
        each=each,
        items=items,
        companion=_get(fields, "companion", _text, None),
        readers=_get(fields, "readers", lambda node: _whole(node, "readers", 1, MAX_READERS), 1),
        sources=_get(fields, "sources", _sources, Sources()),
        valid=_get(fields, "valid", _texts, ()),
        conflict=_get(fields, "conflict", _conflict, Conflict.FLAG),
        budget=_get(fields, "budget", _budget, Budget()),
        ask_before=_get(fields, "ask_before", _texts, ()),
        repairs=_get(fields, "repairs", lambda node: _whole(node, "repairs", 0, 1), 1),
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
    for entry in (object_of(each) for each in cast("list[Json]", body["deliver"])):
        columns, sections = cast("list[str]", entry["columns"]), cast("list[str]", entry["sections"])
        line = f"  - file: {entry['file']}"
        if columns and not str(entry["file"]).endswith((".pdf", ".png")):
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


def _get(fields: Mapping[str, Node], name: str, read: Callable[[Node], T], default: T) -> T:
    return read(fields[name]) if name in fields else default


def _output(node: Node, asks: Callable[[str], object]) -> Output:
    fields = _mapped(node, "an entry of deliver")
    known(fields, OUTPUT_KEYS, of="deliver")
    if "file" not in fields:
        raise SpecRefused("an entry of deliver has no file", line=node.line, fix="Add file: name.csv")
    file = _file(fields["file"])
    suffix = PurePosixPath(file).suffix.lstrip(".").lower()
    if suffix not in MADE:
        raise SpecRefused(
            f"{file}: files of kind {suffix or '(none)'!r} are not made here",
            line=fields["file"].line,
            fix=f"Use one of {', '.join(MADE)}",
        )
    output = Output(
        file=file,
        kind=Kind(suffix),
        columns=_get(fields, "columns", lambda child: _columns(child, asks), ()),
        rows=_get(fields, "rows", _count, None),
        pages=_get(fields, "pages", _count, None),
        sections=_get(fields, "sections", _texts, ()),
        count=_get(fields, "count", _count, None),
    )
    if "*" in file and output.count is None:
        raise SpecRefused(f"{file} is a pattern without count", line=node.line, fix="Add count: 3")
    if output.kind is Kind.CSV and not output.columns:
        raise SpecRefused(f"{file} has no columns", line=node.line, fix="Add columns: {name: text}")
    return output


def _file(node: Node) -> str:
    file = _text(node)
    path = PurePosixPath(file.replace("\\", "/"))
    parts = path.parts
    reason = ""
    if path.is_absolute() or ".." in parts or ":" in file or not parts:
        reason = "leaves the folder of deliverables"
    elif any(part.split(".")[0].lower() in _RESERVED for part in parts):
        reason = "uses a name that some systems reserve"
    elif any(len(part.encode()) > 120 or part.startswith(".") for part in parts):
        reason = "has a part that is hidden or longer than 120 bytes"
    elif any(ord(letter) < 32 or letter in '<>"|?' for letter in file):
        reason = "holds a character that file names cannot have everywhere"
    if reason:
        raise SpecRefused(f"{file!r} {reason}", line=node.line, fix="Use a plain relative name, like audit.pdf")
    return str(path)


def _distinct(outputs: tuple[Output, ...], node: Node) -> None:
    """Every file has one entry, so that it has one maker: also where an entry is a pattern."""
    seen: list[str] = []
    for output in outputs:
        name = output.file.lower()
        if _fits(OURS, name):
            raise SpecRefused(f"{output.file} can mean {OURS}, which every run writes", line=node.line, fix="Rename it")
        if name in seen:
            raise SpecRefused(f"{output.file} appears twice in deliver", line=node.line, fix="Name each file once")
        for other in seen:
            if _fits(name, other) or _fits(other, name):
                raise SpecRefused(
                    f"{output.file} and {other} can both mean one file",
                    line=node.line,
                    fix="Put them into different folders, or leave one out",
                )
        seen.append(name)


def _fits(file: str, pattern: str) -> bool:
    """Whether a pattern covers a file (or what another pattern covers); `*` stands for a part of one name."""
    parts, patterns = file.split("/"), pattern.replace("[", "[[]").split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _columns(node: Node, asks: Callable[[str], object]) -> tuple[Column, ...]:
    columns = tuple(_column(name, child, asks) for name, child in _mapped(node, "columns").items())
    if not columns:
        raise SpecRefused("columns is empty", line=node.line, fix="Add for example columns: {name: text}")
    names = [column.name.lower() for column in columns]
    for name in names:
        if name.endswith(PLACE) and name.removesuffix(PLACE) in names:
            raise SpecRefused(
                f"column {name} means to strop where {name.removesuffix(PLACE)} stands", line=node.line, fix="Rename it"
            )
        if _NAME.fullmatch(name) is None:
            raise SpecRefused(
                f"{name!r} is no column name that every model takes",
                line=node.line,
                fix="Use up to 60 letters (a to z), digits, underscores, dots and hyphens, a letter first",
            )
    if len(set(names)) != len(names):
        raise SpecRefused("two columns have the same name", line=node.line, fix="Name each column once")
    return columns


def _column(name: str, node: Node, asks: Callable[[str], object]) -> Column:
    if isinstance(node.value, str):
        kind = _column_type(node)
        return Column(name, kind, quote=kind is ColumnType.QUOTE)
    fields = _mapped(node, f"column {name}")
    known(fields, COLUMN_KEYS, of=f"column {name}")
    kind = _get(fields, "type", _column_type, ColumnType.TEXT)
    return Column(
        name=name,
        type=kind,
        quote=_get(fields, "quote", _flag, kind is ColumnType.QUOTE),
        recompute=_get(fields, "recompute", lambda child: _question(child, asks), None),
        compute=_get(fields, "compute", lambda child: _question(child, asks), None),
        ask=_get(fields, "ask", _text, ""),
    )


def _question(node: Node, asks: Callable[[str], object]) -> str:
    text = _text(node)
    try:
        asks(text)
    except SpecRefused as caught:
        raise SpecRefused(str(caught), line=node.line) from caught
    return text


def _column_type(node: Node) -> ColumnType:
    name = _text(node)
    if name not in set(ColumnType):
        raise SpecRefused(f"unknown column type {name!r}", line=node.line, fix=f"Use one of {', '.join(ColumnType)}")
    return ColumnType(name)


def _count(node: Node) -> Count:
    if isinstance(node.value, int) and not isinstance(node.value, bool) and node.value >= 0:
        return Count(node.value, node.value)
    match = _COUNT.fullmatch(str(node.value).strip())
    if match is None:
        raise SpecRefused(f"{node.value!r} is no count", line=node.line, fix='Write 3 or ">= 40"')
    sign, number = match.group(1) or "=", int(match.group(2).replace(",", "").replace("_", ""))
    bounds = {
        ">=": Count(number, None),
        ">": Count(number + 1, None),
        "<=": Count(None, number),
        "<": Count(None, number - 1),
        "=": Count(number, number),
        "==": Count(number, number),
    }
    return bounds[sign]


def _each(node: Node | None) -> tuple[str | None, tuple[str, ...]]:
    if node is None:
        return None, ()
    if isinstance(node.value, list):
        items = _texts(node)
        if not items:
            raise SpecRefused("each: is an empty list", line=node.line, fix="List the units, or give a glob")
        if len(set(items)) != len(items):
            raise SpecRefused("each: lists a unit twice", line=node.line, fix="List each unit once")
        return "list", items
    pattern = _text(node)
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise SpecRefused(f"each: {pattern} leaves the project folder", line=node.line, fix="Use inputs/*.txt")
    return pattern, ()


def _sources(node: Node) -> Sources:
    fields = _mapped(node, "sources")
    known(fields, ("allow", "deny"), of="sources")
    return Sources(_get(fields, "allow", _texts, Sources().allow), _get(fields, "deny", _texts, ()))


def _conflict(node: Node) -> Conflict:
    name = _text(node)
    if name not in set(Conflict):
        raise SpecRefused(f"unknown conflict rule {name!r}", line=node.line, fix=f"Use one of {', '.join(Conflict)}")
    return Conflict(name)


def _budget(node: Node) -> Budget:
    fields = _mapped(node, "budget")
    known(fields, BUDGET_KEYS, of="budget")
    plain = Budget()

    def whole(name: str, default: int, most: int) -> int:
        return _get(fields, name, lambda child: _whole(child, name, 1, most), default)

    return Budget(
        agents=whole("agents", plain.agents, 10_000),
        agents_total=whole("agents_total", plain.agents_total, 100_000),
        steps=whole("steps", plain.steps, 1_000_000),
        critical_steps=whole("critical_steps", plain.critical_steps, 100_000),
        tokens=whole("tokens", plain.tokens, MOST_TOKENS),
        input_tokens=whole("input_tokens", plain.input_tokens, MOST_TOKENS),
        output_tokens=whole("output_tokens", plain.output_tokens, MOST_TOKENS),
        nanos=_get(fields, "usd", _money, plain.nanos),
        minutes=_get(fields, "minutes", _minutes, plain.minutes),
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


def _flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise SpecRefused(f"{node.value!r} is neither true nor false", line=node.line, fix="Write true or false")
    return node.value


def _text(node: Node) -> str:
    if isinstance(node.value, list | dict) or node.value is None or not str(node.value).strip():
        raise SpecRefused("expected a text here", line=node.line, fix="Write one word or a quoted text")
    return str(node.value)


def _texts(node: Node) -> tuple[str, ...]:
    return tuple(_text(child) for child in _listed(node, "this list"))


def _listed(node: Node, what: str) -> list[Node]:
    if not isinstance(node.value, list):
        raise SpecRefused(f"{what} must be a list", line=node.line, fix="Write [first, second]")
    return node.value


def _mapped(node: Node, what: str) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise SpecRefused(f"{what} must be keys and values", line=node.line, fix="Write {key: value}")
    return node.value


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
    if spec.each is not None and not spec.table:
        raise SpecRefused("each: needs a table to fill", line=line, fix="Add a CSV or XLSX with columns to deliver")
