"""Distil: a run that passed leaves a skill: its spec generalised, schema, prompts, and worked examples.

Exemplars come only from units whose every value the gate accepted or corrected; a unit with a gap
would teach the gap. How many is the caller's choice, since more is not better (measured, README).

The description may be a model's: it is shown the run's shape only (`describing`), and `objection` says
why what it answered may not stand; then the spec describes the skill. Not elegant, and known: the words
addressed to a judge are a list in English; one that is not on it, or in another tongue, gets through.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import orjson

from strop.checking.quotes import states
from strop.checking.sentences import Passage, sentences
from strop.drafting.answers import answer_keys, told
from strop.errors import GateClosed
from strop.learning.excerpts import Excerpt, Shown, excerpt, siblings
from strop.learning.exemplars import Candidate, length, place, shape, shortest
from strop.learning.generality import generalised
from strop.learning.skillmd import slug
from strop.learning.slots import emptied
from strop.types.content import Scalar, Standing
from strop.types.count import counted
from strop.types.memory import Author, Cost, Skill
from strop.types.schema import Array, Field, Json, Object, Schema, Text, object_of
from strop.types.trial import Run, Value, Verdict
from strop.types.work import PLACE, Column, Exemplar, Spec, Task, TaskId, TaskKind, UnitKey

PROVED = (Standing.ACCEPTED, Standing.CORRECTED)
DESCRIBES = TaskId("distill")
"""The planner's one task when a run has passed."""
LONGEST = 1_024
"""Characters of a description, by the Agent Skills format."""
SHOWN = 30
"""Goals, and roles, that a trace names; 200 characters of each."""
_DESCRIPTION = Object((Field("description", Text(LONGEST, note="what the skill does, and when to use it")),))
_LEAF = ("value", "source", "quote", "rows")
"""Fields of every specialist's answer: they say nothing of this run."""
_NO_STRATA: Mapping[UnitKey, str] = {}
_SLOT = re.compile(r"\{\{input \d+\}\}")
_WORD = re.compile(r"[^\W_]+")
_ADDRESS = re.compile(r"//|@|\bwww\.|[^\W_]{2,}\.[^\W_]{2,}")
_MARKUP = re.compile(r"[<>{}\[\]`|\\*#]")
_TO_A_JUDGE = re.compile(
    r"\b(gates?|verdicts?|verifiers?|refuters?|judges?|checkers?|reviewers?|quarantine|admission"
    r"|ignor(e|es|ing)|disregard\w*|bypass\w*|overrid(e|es|ing)|overrul\w*|skip\w*|waiv\w*|suppress\w*"
    r"|disabl\w*|obey\w*|approv\w*|endors\w*|trust\w*|pretend\w*|instructions?|prompts?)\b"
    r"|(^|[.;:!?,]\s*|\band\s+)(please|you|always|never|do not|don't|accept|pass|mark|treat|consider|deem|admit"
    r"|promote|grant|allow|let)\b",
    re.IGNORECASE,
)


def distill(
    run: Run,
    *,
    verdict: Verdict,
    sources: Mapping[str, str],
    prompts: Mapping[str, str],
    files: Sequence[str] = (),
    exemplars: int = 4,
    name: str = "",
    description: str = "",
    show: Excerpt = excerpt,
) -> Skill:
    """The skill of a run that passed its gate. `files` is what its agents could read.

    `show` says what of a page stands in a worked example.
    `description` is a model's, to which there was no objection; empty lets the spec describe the skill.

    Raises:
        GateClosed: the verdict refuses the run; nothing is saved.
    """
    if not verdict.passed:
        fatal = next(f for f in verdict.findings if f.severity == "fatal")
        raise GateClosed(f"nothing is learned from a run that did not pass: {fatal.artefact}: {fatal.rule}")
    spec = run.plan.spec
    read = spec.each is not None
    schema = run.plan.tasks[0].schema
    tasks, inputs = ((), ()) if read else generalised(_untold(run.plan.tasks, spec), files=files, spec=spec)
    return Skill(
        name=slug(name or spec.title),
        description=(description or described(spec))[:LONGEST],
        spec=replace(spec, each=None, items=()) if read else spec,
        schema=schema,
        tasks=tasks,
        prompts=tuple((each, prompts[each]) for each, _ in run.plan.prompts),
        exemplars=worked(spec.table, verdict, sources, most=exemplars, show=show) if read else (),
        born_from=run.id,
        cost=_cost(run, inputs),
        inputs=inputs,
        described=Author.MODEL if description else Author.SPEC,
    )


def _untold(tasks: Sequence[Task], spec: Spec) -> tuple[Task, ...]:
    """Without what planning told the makers of their files: it is told anew, for the files then ordered."""
    keys = answer_keys(spec.outputs)
    return tuple(
        replace(task, goal=task.goal.removesuffix(told([o for o in spec.outputs if o.file in task.makes], keys=keys)))
        for task in tasks
    )


def described(spec: Spec) -> str:
    """A description from the spec alone: what it does and when to use it."""
    fields = ", ".join(column.name for column in spec.table)
    files = ", ".join(output.file for output in spec.outputs)
    unit = "each document of a folder" if spec.each is not None else "the sources"
    reads = f"Reads {fields} from {unit} and delivers {files}" if fields else f"Delivers {files} from {unit}"
    return f"{reads}, every value with its source. Use when the same is wanted from other inputs: {spec.title}."


# ---------------------------------------------------------------- a model's description


def describing(run: Run, *, files: Sequence[str]) -> Task:
    """What the planner is asked about a run that passed: its shape, and nothing that stood in a source.

    Goals and roles are as planned, before anything was read, with slots for `files` (all that agents could read).
    """
    plan = run.plan
    tasks, _ = emptied(_untold(plan.tasks, plan.spec), files=files)
    kinds = Counter(str(output.kind) for output in plan.spec.outputs)
    units = {unit.key for task in plan.tasks for unit in task.units}
    goals = _few(task.goal.strip().split("\n")[0] for task in tasks)
    waves, inputs = counted(len(plan.waves), "wave"), counted(len(units) or len(files), "input")
    lines = (
        f"Agents: {len(tasks)} in {waves}, over {inputs}",
        f"Delivers: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}",
        f"Roles: {'; '.join(_few(task.role for task in tasks))}",
        f"Tools: {', '.join(sorted({tool for task in tasks for tool in task.tools})) or 'none'}",
        f"Fields: {', '.join(dict.fromkeys(_field_names(tasks, plan.spec))) or 'none'}",
        "Goals:",
        *(f"- {goal}" for goal in goals),
    )
    return Task(
        id=DESCRIBES,
        kind=TaskKind.AGGREGATE,
        role="planner",
        goal="Describe the skill that a run of this shape leaves.\n\n" + "\n".join(lines),
        schema=_DESCRIPTION,
        prompt="distill",
        steps=2,
    )


def _few(texts: Iterable[str]) -> list[str]:
    """The first different ones, a line each."""
    plain = (" ".join(_SLOT.sub("(an input)", text).replace("{{folder}}/", "").split()) for text in texts)
    return [text[:200] for text in list(dict.fromkeys(plain))[:SHOWN]]


def _field_names(tasks: Sequence[Task], spec: Spec) -> Iterator[str]:
    """What the tables hold, and what specialists report."""
    yield from (column.name for output in spec.outputs for column in output.columns)
    for schema in {task.schema: None for task in tasks if not task.makes}:
        yield from (name for name in _names(schema) if name not in _LEAF and not name.endswith(PLACE))


def _names(schema: Schema) -> Iterator[str]:
    match schema:
        case Array():
            yield from _names(schema.items)
        case Object():
            for field in schema.fields:
                yield field.name
                yield from _names(field.schema)
        case _:
            return


def objection(description: str, *, run: Run, verdict: Verdict, files: Sequence[str]) -> str:
    """Why a model's description may not stand: it tells of this run, leads elsewhere, or speaks to whoever judges.

    Empty where it may. The names of the skill's own files and columns are free to use.
    """
    text = unicodedata.normalize("NFKC", description)
    if not 1 <= len(text) <= LONGEST or not text.strip():
        return f"it has {len(text):,} characters, 1 to {LONGEST:,} are allowed"
    if any(unicodedata.category(each)[0] == "C" or unicodedata.category(each) in ("Zl", "Zp") for each in text):
        return "it is not one paragraph of visible characters"
    rest = _without_own_names(text, run.plan.spec)
    for what, found in (
        ("markup", _MARKUP.search(rest)),
        ("an address", _ADDRESS.search(rest)),
        ("a word to whoever judges", _TO_A_JUDGE.search(rest)),
        ("a number", re.search(r"\S*\d\S*", rest)),
    ):
        if found is not None:
            return f"it holds {what}: {found.group().strip()}"
    said = f" {' '.join(_words(rest))} "
    known = next((each for each in _literals(run, verdict, files) if f" {each} " in said), None)
    return f"it names {known}, of this run" if known is not None else ""


def _without_own_names(text: str, spec: Spec) -> str:
    own = {output.file for output in spec.outputs}
    own |= {column.name for output in spec.outputs for column in output.columns}
    names = "|".join(re.escape(name) for name in sorted(own, key=len, reverse=True))
    return re.sub(rf"(?<![\w.@/-])(?:{names})(?![\w@/-]|\.\w)", " ", text)  # but not as part of an address


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _literals(run: Run, verdict: Verdict, files: Sequence[str]) -> set[str]:
    """Names of inputs and units, and values of several words, as words: `well-1 north` is `well 1 north`.

    A name of one or two letters, and a value of one word, would stand in any prose.
    """
    units = [unit for task in run.plan.tasks for unit in task.units]
    paths = (*files, *(unit.source for unit in units), *(unit.companion or "" for unit in units))
    names = {*(PurePosixPath(path).stem for path in paths), *(unit.key for unit in units), run.id}
    named = {" ".join(_words(name)) for name in names}
    values = {text for value in verdict.values for text in (value.value, value.said) if isinstance(text, str)}
    valued = {" ".join(_words(text)) for text in values}
    return {name for name in named if len(name) > 2} | {text for text in valued if " " in text}


# ---------------------------------------------------------------- worked examples


def worked(
    columns: Sequence[Column], verdict: Verdict, sources: Mapping[str, str], *, most: int, show: Excerpt = excerpt
) -> tuple[Exemplar, ...]:
    """At most `most` exemplars: fully proved units, least corrected first, then the shortest."""
    return shortest(candidates(columns, verdict, sources, show=show), most=most)


def candidates(
    columns: Sequence[Column],
    verdict: Verdict,
    sources: Mapping[str, str],
    *,
    strata: Mapping[UnitKey, str] = _NO_STRATA,
    show: Excerpt = excerpt,
) -> tuple[Candidate, ...]:
    """Every unit that may be shown: all of its read columns proved, each by a sentence that states it.

    Left out is what may not be shown (learning/excerpts.py).
    """
    fields = [column.name for column in columns if column.read]
    rows = _rows(verdict, fields, standings=PROVED)
    standing = {
        row: stood for row, held in rows.items() if len(held) == len(fields) and (stood := _stood(held, sources))
    }
    found: list[Candidate] = []
    for row, exemplar in _exemplars(columns, standing, sources, show=show):
        corrected = sum(value.standing is Standing.CORRECTED for value in rows[row])
        lines = len(sentences(sources[rows[row][0].claims[0].source]))
        features = {*_features(exemplar, fields, lines=lines), f"in {strata.get(row, 'no stratum')}"}
        found.append(Candidate(exemplar, corrected, frozenset(features)))
    return tuple(found)


def _rows(verdict: Verdict, fields: Sequence[str], *, standings: Sequence[Standing]) -> dict[UnitKey, list[Value]]:
    """Each unit's values of these standings, in the order of the fields."""
    held = {(value.row, value.field): value for value in verdict.values if value.standing in standings}
    rows = {row: [held[row, field] for field in fields if (row, field) in held] for row, _ in held}
    return {row: values for row, values in rows.items() if values}


def _features(exemplar: Exemplar, fields: Sequence[str], *, lines: int) -> frozenset[str]:
    """What of an exemplar's answer and text another exemplar need not show again."""
    answer = object_of(orjson.loads(exemplar.answer))
    shapes = {f"{field} {shape(_scalar(answer[field]))}" for field in fields}
    numbers = {field: answer[field + PLACE] for field in fields}
    places = {f"{field} {place(number, of=lines)}" for field, number in numbers.items() if isinstance(number, int)}
    return frozenset({*shapes, *places, length(exemplar.source)})


def accepted_only(
    columns: Sequence[Column], verdict: Verdict, sources: Mapping[str, str], *, most: int
) -> tuple[Exemplar, ...]:
    """Exemplars without gate correction: accepted fields of each unit, the others left out; fullest first.

    The control arm of the measurement in `examples/catalogue`; skills are made by `worked`.
    """
    fields = [column.name for column in columns if column.read]
    rows = _rows(verdict, fields, standings=(Standing.ACCEPTED,))
    standing = {row: stood for row, held in rows.items() if (stood := _stood(held, sources))}
    found = [(len(rows[row]), made) for row, made in _exemplars(columns, standing, sources, show=excerpt)]
    found.sort(key=lambda item: (-item[0], len(item[1].source), item[1].key))
    return tuple(exemplar for _, exemplar in found[:most])


_Stood = tuple[Value, Passage]


def _stood(values: Sequence[Value], sources: Mapping[str, str]) -> tuple[_Stood, ...]:
    """Each value with the sentence that states it, all of one page; none when a value has no such sentence."""
    source = values[0].claims[0].source
    text = sources.get(source)
    if text is None:
        return ()
    made: list[_Stood] = []
    for value in values:
        span = value.claims[0].span
        if span is None or value.claims[0].source != source:
            return ()
        inside = [p for p in sentences(text) if p.start <= span[0] and span[1] <= p.end]
        if not inside or not _said(value, inside[0].within(text)):
            return ()
        made.append((value, inside[0]))
    return tuple(made)


def _exemplars(
    columns: Sequence[Column],
    standing: Mapping[UnitKey, Sequence[_Stood]],
    sources: Mapping[str, str],
    *,
    show: Excerpt,
) -> Iterator[tuple[UnitKey, Exemplar]]:
    """The units that may be shown, each as its words around the proved values and the answer."""
    asked = {column.name: f"{column.name} {column.ask}" for column in columns}
    texts = {row: sources[stood[0][0].claims[0].source] for row, stood in standing.items()}
    among = {
        name: siblings(
            [(v.value, p.within(texts[row])) for row, stood in standing.items() for v, p in stood if v.field == name]
        )
        for name in asked
    }
    for row, stood in standing.items():
        answer: dict[str, Json] = {}
        shown: list[Shown] = []
        for value, passage in stood:
            answer |= {value.field: value.value, value.field + PLACE: passage.number}
            sentence = passage.within(texts[row])
            shown.append(among[value.field].shown(passage.number, value.value, sentence, asked=asked[value.field]))
        source = show(texts[row], shown)
        if source:
            yield row, Exemplar(row, source, orjson.dumps(answer).decode())


def _scalar(value: Json) -> Scalar:
    return str(value) if isinstance(value, list | dict) else value


def _said(value: Value, sentence: str) -> bool:
    """Whether the sentence states the value: data may prove a value whose reader named another sentence."""
    return isinstance(value.value, bool) or states(value.value, sentence)


def _cost(run: Run, inputs: Sequence[str]) -> Cost:
    units = {unit.key for task in run.plan.tasks for unit in task.units} or set(inputs)
    tally = run.tally
    return Cost(
        units=len(units) or len(run.plan.tasks),
        calls=tally.calls,
        input_tokens=tally.usage.input + tally.usage.cache_write,
        cached_tokens=tally.usage.cached,
        output_tokens=tally.usage.output,
        nanos=tally.nanos,
        seconds=tally.seconds,
    )
