"""From answers to claims: the harness takes the quote from the source itself and keeps the span.

Pure over the texts it is given. A reader names the sentence; a specialist writes
`{value, source, quote}` at its leaves, or cites the claims it was given; a deterministic tool gives its
call as locator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import orjson

from strop.checking.claims import unfollowed
from strop.checking.derived import cited, named, renamed
from strop.checking.quotes import locate, states
from strop.checking.sentences import sentences
from strop.errors import StropError
from strop.types.content import Scalar
from strop.types.events import ToolEnded
from strop.types.fingerprint import digest_bytes
from strop.types.label import Integrity, Label, join
from strop.types.schema import Json
from strop.types.trial import Claim
from strop.types.work import PLACE, Column, Task, TaskId, Unit, UnitKey

LEAF = {"value", "source", "quote"}
CITATION, FORMULA = "claim", "formula"
"""Sources of a leaf that rests on claims: its quote names them (`c3 c7`), or is a formula over them."""
_NOTHING: Mapping[str, Claim] = {}


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


def claims_of_work(
    answer: Json, *, task: Task, read: Callable[[str], str], given: Mapping[str, Claim] = _NOTHING
) -> list[Claim]:
    """Every `{value, source, quote}` leaf of an answer; `field` is its own name, `row` the path above it.

    Below a file's key where the task makes files, below the task's id where it does not. `given` are the
    claims that the task may cite, by the numbers that it was told.
    """
    claims: list[Claim] = []
    for row, name, leaf in _leaves(answer, "" if task.makes else task.id, ""):
        place = (task.id, UnitKey(row or task.id), name, _scalar(leaf["value"]))
        resting = _resting(leaf, given)
        claims.append(_quoting(leaf, place, read) if resting is None else _citing(leaf, place, resting))
    return claims


_Place = tuple[TaskId, UnitKey, str, Scalar]


def _quoting(leaf: Mapping[str, Json], place: _Place, read: Callable[[str], str]) -> Claim:
    """A claim that rests on words of a source."""
    source, quote = _source(leaf), str(leaf.get("quote") or "")
    text = _text(source, read)
    return Claim(
        *place,
        source=source,
        source_hash=digest_bytes(text.encode()) if text else "",
        quote=quote,
        span=locate(quote, text) if quote and text else None,
        label=Label(Integrity.UNTRUSTED, origins=(source,) if source else ()),
    )


def _citing(leaf: Mapping[str, Json], place: _Place, resting: Sequence[Claim]) -> Claim:
    """A claim that rests on others: it shows the words of the first whose words say it, else of the first."""
    if not resting:
        return Claim(*place, source=_source(leaf), source_hash="", quote=str(leaf.get("quote") or ""))
    shown = next((each for each in resting if states(place[-1], each.quote)), resting[0])
    formula = renamed(str(leaf["quote"])) if _source(leaf) == FORMULA else ""
    return Claim(
        *place,
        source=shown.source,
        source_hash=shown.source_hash,
        quote=shown.quote,
        span=shown.span,
        label=join([each.label for each in resting]),
        formula=formula,
        rests=tuple(each.id for each in resting),
    )


def _resting(leaf: Mapping[str, Json], given: Mapping[str, Claim]) -> list[Claim] | None:
    """The claims that a leaf cites; None where it quotes a source."""
    source, quote = _source(leaf), str(leaf.get("quote") or "")
    if source not in (CITATION, FORMULA):
        return None
    names = cited(quote) if source == CITATION else named(quote)
    return [given[name] for name in names] if all(name in given for name in names) else []


def unfounded(answer: Json, *, read: Callable[[str], str], given: Mapping[str, Claim] = _NOTHING) -> list[str]:
    """What is wrong with the sources, quotes and citations of an answer, in words for the model that wrote it."""
    flaws: list[str] = []
    held = {each.id: each for each in given.values()}
    for row, name, leaf in _leaves(answer, "", ""):
        if leaf["value"] is None:
            continue
        path = f"{row}.{name}" if row else name
        source, quote = _source(leaf), str(leaf.get("quote") or "")
        if source in (CITATION, FORMULA):
            flaws += [f"{path}: {flaw}" for flaw in [_uncited(leaf, given, held)] if flaw]
            continue
        text = _text(source, read)
        if text is None:
            flaws.append(f"{path}: the source {source!r} cannot be read; name a file you may read")
        elif not quote or locate(quote, text) is None:
            flaws.append(f"{path}: the quote does not stand in {source}; copy the exact words")
    return flaws


def _uncited(leaf: Mapping[str, Json], given: Mapping[str, Claim], held: Mapping[str, Claim]) -> str:
    """Why a value does not follow from the claims it names; empty where it does. `held` are those given, by id."""
    source, quote = _source(leaf), str(leaf.get("quote") or "")
    names = cited(quote) if source == CITATION else named(quote)
    if not names:
        form = "mean(c1, c2)" if source == FORMULA else "c3 or c3 c7"
        return f"{quote[:80]!r} names no claim; with the source {source!r} the quote is {form}"
    if unknown := [name for name in names if name not in given]:
        told = f"you were given c1 to c{len(given)}" if given else "you were given none"
        return f"there is no claim {unknown[0]}; {told}"
    claim = _citing(leaf, (TaskId(""), UnitKey(""), "", _scalar(leaf["value"])), [given[name] for name in names])
    return unfollowed(claim, held)


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
