"""Code rungs: expressions found on proved values, which answer before a model is asked.

`synthesised` searches deterministically: a class of characters for the value, anchors left and right made of
the tokens that stand beside proved values (digits, spaces and line ends generalised, alternatives where several
occur), and keeps an expression that reads no learning page wrong. `found` learns on one part of the units and
pairs what it learned with the prompt's first answers on the other; admission decides (learning/admission).
Every expression is in the bounded subset of checking/patterns.py, and runs in a child process all the same
(`read`): a text may be longer than that bound is counted for.

Not elegant, and known: a field that is said in words (`four`) or stands in tables of several shapes is left to
the model, and values that only a longer look at the page tells apart are never found.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias, cast

from strop.checking.patterns import compiled
from strop.checking.quotes import as_number
from strop.checking.sentences import sentences
from strop.errors import BadInput
from strop.types.content import Scalar, Standing
from strop.types.evidence import Pair, Source
from strop.types.fingerprint import digest, digest_bytes
from strop.types.label import Integrity, Label
from strop.types.memory import Item
from strop.types.trial import Claim, Verdict
from strop.types.work import Column, ColumnType, Script, Task, Unit, UnitKey

PROVED = (Standing.ACCEPTED, Standing.CORRECTED)
LEAST = 4
"""Learning pages that an expression has to read right before it is worth a trial."""
DEPTHS = range(1, 5)
"""Tokens of an anchor."""
WIDTHS = (1, 2, 4, 8)
"""Different contexts that an anchor unites, the most common first."""
ALTERNATIVES = 6
TRIED = 4_000
"""Expressions that one search may try, fewer over much text: at most `SEARCHED` characters in all."""
SEARCHED = 200_000_000
LEARNED_FROM = 20_000
"""Characters of a text that expressions are learned from; longer ones are left out."""
LIMIT = 1.0
"""Seconds an expression may take on one unit."""
STARTS = 20.0
"""Seconds the child may take to be there: a busy machine is no fault of the expression."""
LONGEST = 1_000_000
"""Characters of a unit that expressions are tried on."""

_United: TypeAlias = "Callable[[Sequence[tuple[str, ...]]], str]"
_CHILD = Path(__file__).with_name("rung_child.py")
_TOKENS = re.compile(r"\n\s*|[^\S\n]+|[A-Za-z]+|[0-9]+|.", re.DOTALL)
_SAID = re.compile(r"[0-9][0-9,]*")
_START, _END = r"\A", r"[^\n]*\n{0,3}\Z"
_NUMBERS = (r"[0-9][0-9,]{0,14}",)
_TEXTS = (r"[A-Za-z][\w.]{0,40}", r"[\w.]{1,60}", r"[\w.-]{1,60}", r"[^\n:;,]{1,60}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One proved value: the text it was read from, and the sentence it stands in (character offsets)."""

    unit: UnitKey
    text: str
    value: Scalar
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one script says of a unit."""

    script: Script
    value: str
    span: tuple[int, int]
    """Of the sentence that the value stands in, in characters of the unit's text."""
    quote: str

    @property
    def locator(self) -> str:
        """The call that made it."""
        return f"script:{digest(self.script)[:12]}({self.script.field})"


@dataclass(frozen=True, slots=True)
class Rung:
    """A script that was learned, and how it does on units it was not learned from."""

    script: Script
    learned: int
    """Learning units that it reads right; it reads none wrong."""
    held: int
    """Certifying units."""
    answered: int
    right: int
    pairs: tuple[Pair, ...]
    """One for each certifying unit: script, or prompt where it is silent, against the prompt."""
    inputs: tuple[str, ...] = ()
    """Hashes of what it was learned from."""


# ---------------------------------------------------------------- learning


def samples_of(verdict: Verdict, *, field: str, sources: Mapping[str, str]) -> tuple[Sample, ...]:
    """The proved values of a field, each with the sentence that its claim names."""
    made: list[Sample] = []
    for value in verdict.values:
        claim = value.claims[0] if value.claims else None
        if value.field != field or value.standing not in PROVED or claim is None or claim.span is None:
            continue
        text = sources.get(claim.source)
        if text is not None and len(text) <= LEARNED_FROM and value.value is not None:
            made.append(Sample(value.row, text, value.value, claim.span))
    return tuple(made)


def found(
    verdict: Verdict,
    *,
    columns: Sequence[Column],
    sources: Mapping[str, str],
    skill: str,
    said: Mapping[tuple[UnitKey, str], Scalar],
    clusters: Mapping[UnitKey, str],
    run: str = "",
    ground: str = "",
    incumbent: str = "",
) -> tuple[Rung, ...]:
    """Scripts learned on half of a run's source clusters, each with its pairs on the other half.

    `said` is the prompt's first answer by (unit, field), `clusters` names the source that a unit comes from; a unit
    it does not name is a cluster of its own. The scorer is the gate's proved value; units without one do not count.
    """
    made: list[Rung] = []
    for column in columns:
        if not column.read or verdict.void:
            continue
        samples = samples_of(verdict, field=column.name, sources=sources)
        learning, certifying = split(samples, clusters=clusters)
        pattern, right = synthesised(learning)
        if not pattern:
            continue
        script = Script(skill, column.name, pattern)
        mark = (f"script/{skill}.{column.name}", digest(script), ground, incumbent)
        tried = [(each, _read_here(pattern, each.text)) for each in certifying]
        pairs = tuple(_pair(mark, each, answer, said.get((each.unit, column.name)), run) for each, answer in tried)
        answered = [(each, answer) for each, answer in tried if answer is not None]
        good = sum(same(answer, each.value) for each, answer in answered)
        inputs = tuple(sorted({_hash(each) for each in learning}))
        made.append(Rung(script, right, len(certifying), len(answered), good, pairs, inputs))
    return tuple(made)


def split(samples: Sequence[Sample], *, clusters: Mapping[UnitKey, str]) -> tuple[list[Sample], list[Sample]]:
    """(learning, certifying): whole clusters, dealt in turn by the hash of their name."""
    names = sorted({clusters.get(each.unit, each.unit) for each in samples}, key=lambda name: digest(["rungs", name]))
    held = set(names[1::2])
    certifying = [each for each in samples if clusters.get(each.unit, each.unit) in held]
    return [each for each in samples if clusters.get(each.unit, each.unit) not in held], certifying


def _pair(mark: tuple[str, str, str, str], sample: Sample, answer: str | None, prompt: Scalar, run: str) -> Pair:
    baseline = float(prompt is not None and same(str(prompt), sample.value))
    challenger = baseline if answer is None else float(same(answer, sample.value))
    alike = answer is None or (prompt is not None and same(answer, prompt))
    return Pair(*mark, _hash(sample), run, Source.REPLAY, challenger, baseline, same=alike)


def _hash(sample: Sample) -> str:
    return digest_bytes(sample.text.encode())


def same(text: str, value: Scalar) -> bool:
    """Whether what was read is the value: numbers as numbers, text letter for letter."""
    one, other = as_number(text.strip()), as_number(value)
    if one is not None and other is not None:
        return one == other
    return text.strip() == str(value).strip()


# ---------------------------------------------------------------- the search


def synthesised(samples: Sequence[Sample]) -> tuple[str, int]:
    """(expression, samples it reads right) of the one that reads most right and none wrong; ("", 0) where none does."""
    numeric = bool(samples) and all(as_number(each.value) is not None for each in samples)
    places = [(each, at) for each in samples for at in _places(each, numeric=numeric)]
    left = _anchors([_before(each.text, at[0]) for each, at in places], _united_before)
    right = _anchors([_after(each.text, at[1]) for each, at in places], _united_after)
    best, most = "", LEAST - 1
    allowed = min(TRIED, SEARCHED // max(sum(len(each.text) for each in samples), 1))
    for pattern in islice(_patterns(left, right, _classes(samples, numeric=numeric)), allowed):
        marks = _marks(pattern, samples, floor=most)
        if marks > most or (marks == most and best and len(pattern) < len(best)):
            best, most = pattern, marks
    return (best, most) if best else ("", 0)


def _classes(samples: Sequence[Sample], *, numeric: bool) -> tuple[str, ...]:
    if numeric:
        return _NUMBERS
    return tuple(each for each in _TEXTS if all(re.fullmatch(each, str(sample.value)) for sample in samples))[:2]


def _patterns(left: Sequence[str], right: Sequence[str], classes: Sequence[str]) -> Iterator[str]:
    for of in classes:
        for before in left:
            for after in right:
                pattern = f"{before}({of}){after}"
                if (before or after) and _bounded(pattern):
                    yield pattern


def _bounded(pattern: str) -> bool:
    try:
        compiled(pattern)
    except BadInput:
        return False
    return True


def _marks(pattern: str, samples: Sequence[Sample], *, floor: int) -> int:
    """How many samples it reads right; -1 when it reads one wrong, or can no longer reach `floor`."""
    right = 0
    for done, sample in enumerate(samples):
        answer = _read_here(pattern, sample.text)
        if answer is not None and not same(answer, sample.value):
            return -1
        right += answer is not None
        if right + len(samples) - done - 1 < floor:
            return -1
    return right


def _read_here(pattern: str, text: str) -> str | None:
    """The first group of the only match, in this process: for expressions of the search's own making."""
    matches = re.compile(pattern).finditer(text)
    first = next(matches, None)
    return None if first is None or next(matches, None) is not None else first.group(1)


def _places(sample: Sample, *, numeric: bool) -> Iterator[tuple[int, int]]:
    """Where in its sentence the value stands."""
    start, end = sample.span
    if numeric:
        wanted = as_number(sample.value)
        places = (each.span() for each in _SAID.finditer(sample.text, start, end) if as_number(each.group()) == wanted)
    else:
        word = re.compile(rf"(?<![\w.]){re.escape(str(sample.value))}(?!\w)")
        places = (each.span() for each in word.finditer(sample.text, start, end))
    yield from places


def _before(text: str, at: int) -> tuple[str, ...]:
    """The tokens before a place, the nearest first."""
    tokens = [_generalised(token) for token in _TOKENS.findall(text[max(0, at - 200) : at])]
    return tuple(reversed([_START, *tokens] if at <= 200 else tokens))[: max(DEPTHS)]


def _after(text: str, at: int) -> tuple[str, ...]:
    """The tokens behind a place, and what says that nothing but the rest of the line follows."""
    tokens = tuple(_generalised(token) for token in _TOKENS.findall(text[at : at + 200]))[: max(DEPTHS)]
    line = text[at:].rstrip("\n")
    return (tokens[0], _END) if tokens and "\n" not in line else tokens


def _generalised(token: str) -> str:
    if token[0] == "\n":
        return r"\n{1,3}"
    if token.isspace():
        return " {1,3}"
    return "[0-9]{1,9}" if token.isdigit() else re.escape(token).replace("\\ ", " ")


def _anchors(contexts: Sequence[tuple[str, ...]], united: _United) -> tuple[str, ...]:
    """Anchors of every depth and width, each united from contexts that stand beside two values or more."""
    made: dict[str, None] = {"": None}
    for depth in DEPTHS:
        counts = Counter(context[:depth] for context in contexts if len(context) >= depth)
        common = [
            context for context, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])) if count > 1
        ]
        for width in WIDTHS:
            if common:
                made.setdefault(united(common[:width]))
    return tuple(made)


def _united_before(contexts: Sequence[tuple[str, ...]]) -> str:
    return "".join(reversed(_united(contexts)))


def _united_after(contexts: Sequence[tuple[str, ...]]) -> str:
    return "".join(_united(contexts))


def _united(contexts: Sequence[tuple[str, ...]]) -> list[str]:
    """Token by token: the one that all have, or the alternatives."""
    parts: list[str] = []
    for tokens in zip(*contexts, strict=True):
        several = tuple(dict.fromkeys(tokens))[:ALTERNATIVES]
        parts.append(several[0] if len(several) == 1 else f"(?:{'|'.join(several)})")
    return parts


# ---------------------------------------------------------------- reading


async def read(scripts: Sequence[Script], text: str, *, limit: float = LIMIT) -> Mapping[str, Reading]:
    """What the scripts say of a unit, by field: those with exactly one match, within one sentence.

    Runs in a child process; an expression that takes longer than `limit` seconds ends it, and the rest goes on in
    another. A field whose scripts differ is left to the model, as is a unit over `LONGEST` characters.
    """
    left = list(scripts) if len(text) <= LONGEST else []
    said: dict[str, list[Reading | None]] = {}
    while left:
        answers = await _answers([script.pattern for script in left], text, limit=limit)
        for script, spans in zip(left, answers, strict=False):
            said.setdefault(script.field, []).append(_reading(script, spans, text))
        left = left[len(answers) + 1 :]  # the one after the last answer is what ended the child
    return {field: first for field, each in said.items() if (first := _agreed(each)) is not None}


def claim_of(reading: Reading, *, unit: Unit, text: str, column: Column, task: Task) -> Claim | None:
    """The claim a reader would have made, with the script as its call; None where the value is none of the column's."""
    value = typed(reading.value, column.type)
    if value is None:
        return None
    return Claim(
        task=task.id,
        row=unit.key,
        field=column.name,
        value=value,
        source=unit.source,
        source_hash=digest_bytes(text.encode()),
        quote=reading.quote,
        span=reading.span,
        locator=reading.locator,
        reader=task.reader,
        label=Label(Integrity.UNTRUSTED, origins=(unit.source,)),
    )


async def by_scripts(
    scripts: Sequence[Script], unit: Unit, text: str, task: Task, columns: Sequence[Column]
) -> tuple[Claim, ...]:
    """A claim for every column that a script answers."""
    said = await read(scripts, text)
    made = (
        claim_of(said[column.name], unit=unit, text=text, column=column, task=task)
        for column in columns
        if column.name in said
    )
    return tuple(claim for claim in made if claim is not None)


def again(
    script: Script,
    item: Item,
    *,
    verdict: Verdict,
    sources: Mapping[str, str],
    said: Mapping[tuple[UnitKey, str], Scalar],
    run: str,
    incumbent: str,
    but: Collection[tuple[UnitKey, str]] = (),
) -> tuple[Pair, ...]:
    """Pairs of a script that is there already, on all units; which of these are evidence is for others to say.

    `but` are the (unit, field) that a script answered in this run: there no prompt was asked to compare with.
    """
    mark = (item.id, item.digest, item.ground, incumbent)
    samples = samples_of(verdict, field=script.field, sources=sources)
    samples = tuple(each for each in samples if (each.unit, script.field) not in but)
    return tuple(
        _pair(mark, each, _read_here(script.pattern, each.text), said.get((each.unit, script.field)), run)
        for each in samples
    )


def typed(text: str, of: ColumnType) -> Scalar:
    """A value of a column's type; None where the text is none. Yes and no is not read by scripts."""
    match of:
        case ColumnType.INTEGER | ColumnType.NUMBER:
            figure = as_number(text)
            if figure is None:
                return None
            whole = figure == figure.to_integral_value()
            return int(figure) if whole else float(figure) if of is ColumnType.NUMBER else None
        case ColumnType.DECIMAL:
            return None if (figure := as_number(text)) is None else str(figure)
        case ColumnType.BOOLEAN:
            return None
        case _:
            return text.strip() or None


def _agreed(readings: Sequence[Reading | None]) -> Reading | None:
    """The first, where no other says something else."""
    held = [each for each in readings if each is not None]
    return held[0] if held and all(each.value == held[0].value for each in held) else None


def _reading(script: Script, spans: Sequence[Sequence[int]], text: str) -> Reading | None:
    if len(spans) != 1 or spans[0][2] < 0:
        return None
    start, end = spans[0][2:4]
    passage = next((each for each in sentences(text) if each.start <= start and end <= each.end), None)
    if passage is None:
        return None
    return Reading(script, text[start:end], (passage.start, passage.end), passage.within(text))


async def _answers(patterns: Sequence[str], text: str, *, limit: float) -> list[list[list[int]]]:
    """Spans by expression, in their order, up to the first that failed or took too long."""
    made: list[list[list[int]]] = []
    async with _child() as process:
        assert process.stdin is not None, "it was started with pipes"
        assert process.stdout is not None, "it was started with pipes"
        try:
            process.stdin.write(json.dumps({"patterns": list(patterns), "text": text}).encode())
            process.stdin.close()
            await asyncio.wait_for(process.stdout.readline(), STARTS)
            while line := await asyncio.wait_for(process.stdout.readline(), limit):
                made.append(cast("list[list[int]]", json.loads(line)))
            await asyncio.wait_for(process.wait(), STARTS)  # it has closed its end; to kill it now would reap it twice
        except (TimeoutError, ConnectionError):
            pass  # what was answered stands; the caller goes on behind the expression that is to blame
    return made


@asynccontextmanager
async def _child() -> AsyncGenerator[asyncio.subprocess.Process, None]:
    pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(_CHILD), stdin=pipe, stdout=pipe, stderr=none, env={}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
