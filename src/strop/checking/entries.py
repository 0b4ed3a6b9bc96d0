"""The entries of `deliver:`: what each file of an order must be, read from the front matter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from strop.checking.frontmatter import Node, flag, get, known, mapped, text, texts
from strop.checking.names import name_flaw
from strop.drafting.derived import NUMERIC, in_order
from strop.errors import BadInput, SpecRefused
from strop.types.formulas import parse, references
from strop.types.work import PLACE, SUFFIXES, TABLES, Column, ColumnType, Count, Kind, Output, kind_of

OUTPUT_KEYS = (
    "file",
    "rows",
    "pages",
    "slides",
    "charts",
    "sheets",
    "sections",
    "columns",
    "totals",
    "from",
    "count",
)
COUNTED = {
    "rows": TABLES,
    "pages": (Kind.PDF,),
    "slides": (Kind.PPTX,),
    "charts": (Kind.XLSX, Kind.PPTX, Kind.PDF, Kind.DOCX, Kind.HTML),
    "sheets": (Kind.XLSX,),
    "totals": TABLES,
    "from": TABLES,
}
"""Keys that only some kinds of files can keep."""
TOTALS = ("sum", "mean", "median", "min", "max", "count")
COLUMN_KEYS = ("type", "quote", "recompute", "compute", "formula", "ask")
OURS = "claims.csv"
"""Written beside the ordered files: every value with what it rests on."""
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,59}")
"""Property names as every provider accepts them, in lower case."""
_COUNT = re.compile(r"(>=|<=|==|=|>|<)?\s*(\d[\d_,]*)")


def entry(node: Node, asks: Callable[[str], object]) -> Output:
    """One entry; `asks` reads a question to a companion table.

    Raises:
        SpecRefused: what is wrong, on which line, and how to mend it.
    """
    fields = mapped(node, "an entry of deliver")
    known(fields, OUTPUT_KEYS, of="deliver")
    if "file" not in fields:
        raise SpecRefused("an entry of deliver has no file", line=node.line, fix="Add file: name.csv")
    file = _file(fields["file"])
    try:
        kind = kind_of(file)
    except ValueError as caught:
        raise SpecRefused(
            f"{file}: files of kind {PurePosixPath(file).suffix.lstrip('.') or '(none)'!r} are not made here",
            line=fields["file"].line,
            fix=f"Use one of {', '.join((*(kind for kind in Kind if kind is not Kind.CODE), *sorted(SUFFIXES)))}",
        ) from caught
    for name, kinds in COUNTED.items():
        if name in fields and kind not in kinds:
            raise SpecRefused(
                f"{file}: a file of kind {kind} has no {name}",
                line=fields[name].line,
                fix=f"Leave {name} out, or order one of {', '.join(kinds)}",
            )
    output = Output(
        file=file,
        kind=kind,
        columns=get(fields, "columns", lambda child: _columns(child, asks), ()),
        rows=get(fields, "rows", count, None),
        pages=get(fields, "pages", count, None),
        sections=get(fields, "sections", texts, ()),
        count=get(fields, "count", count, None),
        slides=get(fields, "slides", count, None),
        charts=get(fields, "charts", count, None),
        sheets=get(fields, "sheets", count, None),
        totals=get(fields, "totals", _totals, ()),
        taken=get(fields, "from", lambda child: _inside(child, "from"), ""),
    )
    if "*" in file and output.count is None:
        raise SpecRefused(f"{file} is a pattern without count", line=node.line, fix="Add count: 3")
    if kind in (Kind.CSV, Kind.JSONL, Kind.PARQUET) and not output.columns and not output.taken:
        raise SpecRefused(f"{file} has no columns", line=node.line, fix="Add columns: {name: text}")
    _total_what_is_there(output, line=node.line)
    return output


def _total_what_is_there(output: Output, *, line: int) -> None:
    types = {column.name: column.type for column in output.columns}
    for name, function in output.totals:
        if name not in types:
            raise SpecRefused(
                f"{output.file}: totals names {name}, which is no column", line=line, fix="Name one of its columns"
            )
        if function != "count" and types[name] not in NUMERIC:
            raise SpecRefused(
                f"{output.file}: totals asks for the {function} of {name}, which is {types[name].value} and no number",
                line=line,
                fix=f"Write {{{name}: count}}, or name a column of numbers",
            )


def _totals(node: Node) -> tuple[tuple[str, str], ...]:
    found = tuple((name, text(child)) for name, child in mapped(node, "totals").items())
    for name, function in found:
        if function not in TOTALS:
            raise SpecRefused(
                f"totals: {name} has no {function!r}", line=node.line, fix=f"Use one of {', '.join(TOTALS)}"
            )
    return found


def _inside(node: Node, name: str) -> str:
    path = PurePosixPath(text(node))
    if path.is_absolute() or ".." in path.parts:
        raise SpecRefused(f"{name}: {path} leaves the project folder", line=node.line, fix="Use inputs/table.csv")
    return str(path)


def _file(node: Node) -> str:
    file = text(node)
    path = PurePosixPath(file.replace("\\", "/"))
    reason = name_flaw(file.replace("*", "x"))
    if reason:
        raise SpecRefused(f"{file!r} {reason}", line=node.line, fix="Use a plain relative name, like audit.pdf")
    return str(path)


def distinct(outputs: tuple[Output, ...], node: Node) -> None:
    """Every file has one entry, so that it has one maker: also where an entry is a pattern."""
    seen: list[str] = []
    for output in outputs:
        name = output.file.lower()
        if fits(OURS, name):
            raise SpecRefused(f"{output.file} can mean {OURS}, which every run writes", line=node.line, fix="Rename it")
        if name in seen:
            raise SpecRefused(f"{output.file} appears twice in deliver", line=node.line, fix="Name each file once")
        for other in seen:
            if fits(name, other) or fits(other, name):
                raise SpecRefused(
                    f"{output.file} and {other} can both mean one file",
                    line=node.line,
                    fix="Put them into different folders, or leave one out",
                )
        seen.append(name)


def fits(file: str, pattern: str) -> bool:
    """Whether a pattern covers a file (or what another pattern covers); `*` stands for a part of one name."""
    parts, patterns = file.split("/"), pattern.replace("[", "[[]").split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _columns(node: Node, asks: Callable[[str], object]) -> tuple[Column, ...]:
    columns = tuple(_column(name, child, asks) for name, child in mapped(node, "columns").items())
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
    _check_formulas(columns, mapped(node, "columns"))
    return columns


def _check_formulas(columns: tuple[Column, ...], nodes: Mapping[str, Node]) -> None:
    for column in columns:
        if column.formula is None:
            continue
        line = nodes[column.name].line
        if column.type not in NUMERIC:
            raise SpecRefused(
                f"column {column.name} has a formula, and is {column.type.value}", line=line, fix="Add type: number"
            )
        if column.compute or column.recompute or column.quote:
            raise SpecRefused(
                f"column {column.name} follows from a formula, and is asked for elsewhere too",
                line=line,
                fix="Leave compute, recompute and quote out",
            )
        try:
            named = references(parse(column.formula))
        except BadInput as caught:
            raise SpecRefused(f"column {column.name}: {caught}", line=line, fix="Write [area] * [price]") from caught
        if named:
            name = min(named)
            raise SpecRefused(
                f"the formula of {column.name} names {name!r}, which is no function", line=line, fix=f"Write [{name}]"
            )
    first = next((nodes[column.name].line for column in columns if column.formula is not None), 0)
    try:
        in_order(columns)
    except BadInput as caught:
        where = next((nodes[c.name].line for c in columns if f"formula of {c.name} " in str(caught)), first)
        raise SpecRefused(str(caught), line=where, fix="Name other columns of the same table") from caught


def _column(name: str, node: Node, asks: Callable[[str], object]) -> Column:
    if isinstance(node.value, str):
        kind = _column_type(node)
        return Column(name, kind, quote=kind is ColumnType.QUOTE)
    fields = mapped(node, f"column {name}")
    known(fields, COLUMN_KEYS, of=f"column {name}")
    kind = get(fields, "type", _column_type, ColumnType.TEXT)
    return Column(
        name=name,
        type=kind,
        quote=get(fields, "quote", flag, kind is ColumnType.QUOTE),
        recompute=get(fields, "recompute", lambda child: _question(child, asks), None),
        compute=get(fields, "compute", lambda child: _question(child, asks), None),
        ask=get(fields, "ask", text, ""),
        formula=get(fields, "formula", text, None),
    )


def _question(node: Node, asks: Callable[[str], object]) -> str:
    asked = text(node)
    try:
        asks(asked)
    except SpecRefused as caught:
        raise SpecRefused(str(caught), line=node.line) from caught
    return asked


def _column_type(node: Node) -> ColumnType:
    name = text(node)
    if name not in set(ColumnType):
        raise SpecRefused(f"unknown column type {name!r}", line=node.line, fix=f"Use one of {', '.join(ColumnType)}")
    return ColumnType(name)


def count(node: Node) -> Count:
    """A bound on a number.

    Raises:
        SpecRefused: it is none.
    """
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
