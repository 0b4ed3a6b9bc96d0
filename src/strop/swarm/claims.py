"""From answers to claims: the harness takes the quote from the source itself and keeps the span.

Pure over the texts it is given. A reader names the sentence; a specialist writes
`{value, source, quote}` at its leaves; a deterministic tool gives its call as locator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

import orjson

from strop.checking.quotes import locate
from strop.checking.sentences import sentences
from strop.errors import StropError
from strop.types.content import Scalar
from strop.types.events import ToolEnded
from strop.types.fingerprint import digest_bytes
from strop.types.label import Integrity, Label
from strop.types.schema import Json
from strop.types.trial import Claim
from strop.types.work import PLACE, Column, Task, Unit, UnitKey

LEAF = {"value", "source", "quote"}


def claims_of_reading(answer: Json, *, unit: Unit, text: str, task: Task) -> list[Claim]:
    """One claim a field that says a value; a sentence that does not exist leaves it without a span."""
    passages = {passage.number: passage for passage in sentences(text)}
    source_hash = digest_bytes(text.encode())
    label = Label(Integrity.UNTRUSTED, origins=(unit.source,))
    claims: list[Claim] = []
    said = answer if isinstance(answer, dict) else {}
    for name, value in said.items():
        if value is None or (name.endswith(PLACE) and name.removesuffix(PLACE) in said):
            continue
        number = said.get(name + PLACE)
        passage = passages.get(number) if isinstance(number, int) else None
        claims.append(
            Claim(
                task=task.id,
                row=unit.key,
                field=name,
                value=_scalar(value),
                source=unit.source,
                source_hash=source_hash,
                quote=text[passage.start : passage.end] if passage else "",
                span=(passage.start, passage.end) if passage else None,
                reader=task.reader,
                label=label,
            )
        )
    return claims


def claim_of_table(
    unit: Unit, *, column: Column, ask: str, ended: ToolEnded, read: Callable[[str], str], task: Task
) -> Claim:
    """What the companion table answers: the call is the locator, a failed call leaves no value."""
    path = unit.companion or ""
    try:
        source_hash = digest_bytes(read(path).encode())
    except StropError:
        source_hash = ""
    return Claim(
        task=task.id,
        row=unit.key,
        field=column.name,
        value=None if ended.failed else _scalar(orjson.loads(ended.output)),
        source=path,
        source_hash=source_hash,
        quote=ended.output if ended.failed else "",
        locator=f"table:{ask}({path})",
        label=Label(Integrity.SYSTEM, origins=(path,)),
    )


def claims_of_work(answer: Json, *, task: Task, read: Callable[[str], str]) -> list[Claim]:
    """Every `{value, source, quote}` leaf of an answer; `field` is its own name, `row` the path above it.

    Below a file's key where the task makes files, below the task's id where it does not.
    """
    claims: list[Claim] = []
    for row, name, leaf in _leaves(answer, "" if task.makes else task.id, ""):
        source, quote = _source(leaf), str(leaf.get("quote") or "")
        text = _text(source, read)
        span = locate(quote, text) if quote and text else None
        claims.append(
            Claim(
                task=task.id,
                row=UnitKey(row or task.id),
                field=name,
                value=_scalar(leaf["value"]),
                source=source,
                source_hash=digest_bytes(text.encode()) if text else "",
                quote=quote,
                span=span,
                label=Label(Integrity.UNTRUSTED, origins=(source,) if source else ()),
            )
        )
    return claims


def unfounded(answer: Json, *, read: Callable[[str], str]) -> list[str]:
    """What is wrong with the sources and quotes of an answer, in words for the model that wrote it."""
    flaws: list[str] = []
    for row, name, leaf in _leaves(answer, "", ""):
        if leaf["value"] is None:
            continue
        path = f"{row}.{name}" if row else name
        source, quote = _source(leaf), str(leaf.get("quote") or "")
        text = _text(source, read)
        if text is None:
            flaws.append(f"{path}: the source {source!r} cannot be read; name a file you may read")
        elif not quote or locate(quote, text) is None:
            flaws.append(f"{path}: the quote does not stand in {source}; copy the exact words")
    return flaws


def _source(leaf: Mapping[str, Json]) -> str:
    """The file that a leaf names, in the one spelling that sources are kept under."""
    said = str(leaf.get("source") or "").strip()
    return PurePosixPath(said).as_posix() if said else ""


def _text(source: str, read: Callable[[str], str]) -> str | None:
    try:
        return read(source) if source else None
    except StropError:
        return None


def _leaves(value: Json, row: str, name: str) -> Iterator[tuple[str, str, dict[str, Json]]]:
    """(path above, own name, leaf): names may hold dots, so the two are kept apart."""
    match value:
        case dict() if set(value) == LEAF:
            yield row, name, value
        case dict():
            above = f"{row}.{name}" if row and name else row or name
            for key, child in value.items():
                yield from _leaves(child, above, key)
        case list():
            for index, child in enumerate(value):
                yield from _leaves(child, row, f"{name}[{index}]")
        case _:
            return


def _scalar(value: Json) -> Scalar:
    return str(value) if isinstance(value, list | dict) else value
