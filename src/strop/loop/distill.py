"""Distil: a run that passed leaves a skill: its spec generalised, schema, prompts, and worked examples.

Exemplars come only from units whose every value the gate accepted or corrected; a unit with a gap
would teach the gap. How many is the caller's choice, since more is not better (measured, README).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from strop.checking.quotes import states
from strop.checking.sentences import numbered, sentences
from strop.drafting.answers import answer_keys, told
from strop.errors import GateClosed
from strop.learning.skillmd import slug
from strop.learning.slots import emptied
from strop.types.content import Standing
from strop.types.memory import Cost, Skill
from strop.types.schema import Json
from strop.types.trial import Run, Value, Verdict
from strop.types.work import PLACE, Column, Exemplar, Spec, Task, UnitKey

PROVED = (Standing.ACCEPTED, Standing.CORRECTED)


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
) -> Skill:
    """The skill of a run that passed its gate. `files` is what its agents could read.

    Raises:
        GateClosed: the verdict refuses the run; nothing is saved.
    """
    if not verdict.passed:
        fatal = next(f for f in verdict.findings if f.severity == "fatal")
        raise GateClosed(f"nothing is learned from a run that did not pass: {fatal.artefact}: {fatal.rule}")
    spec = run.plan.spec
    read = spec.each is not None
    schema = run.plan.tasks[0].schema
    tasks, inputs = ((), ()) if read else emptied(_untold(run.plan.tasks, spec), files=files)
    return Skill(
        name=slug(name or spec.title),
        description=(description or described(spec))[:1024],
        spec=replace(spec, each=None, items=()) if read else spec,
        schema=schema,
        tasks=tasks,
        prompts=tuple((each, prompts[each]) for each, _ in run.plan.prompts),
        exemplars=worked(spec.table, verdict, sources, most=exemplars) if read else (),
        born_from=run.id,
        cost=_cost(run, inputs),
        inputs=inputs,
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


def worked(
    columns: Sequence[Column], verdict: Verdict, sources: Mapping[str, str], *, most: int
) -> tuple[Exemplar, ...]:
    """At most `most` exemplars: fully proved units, least corrected first, then the shortest, spread over answers."""
    fields = [column.name for column in columns if column.compute is None]
    by_row: dict[UnitKey, dict[str, Value]] = {}
    for value in verdict.values:
        by_row.setdefault(value.row, {})[value.field] = value
    ranked: list[tuple[int, int, UnitKey, Exemplar]] = []
    for row, values in by_row.items():
        held = [values[field] for field in fields if field in values]
        if len(held) != len(fields) or any(value.standing not in PROVED for value in held):
            continue
        exemplar = _exemplar(row, held, sources)
        if exemplar is not None:
            corrected = sum(value.standing is Standing.CORRECTED for value in held)
            ranked.append((corrected, len(exemplar.source), row, exemplar))
    ranked.sort(key=lambda item: item[:3])
    return tuple(item[3] for item in ranked[:most])


def accepted_only(
    columns: Sequence[Column], verdict: Verdict, sources: Mapping[str, str], *, most: int
) -> tuple[Exemplar, ...]:
    """Exemplars without gate correction: accepted fields of each unit, the others left out; fullest first.

    The control arm of the measurement in `examples/catalogue`; skills are made by `worked`.
    """
    fields = [column.name for column in columns if column.compute is None]
    by_row: dict[UnitKey, list[Value]] = {}
    for value in verdict.values:
        if value.field in fields and value.standing is Standing.ACCEPTED:
            by_row.setdefault(value.row, []).append(value)
    made = [(len(held), exemplar) for row, held in by_row.items() if (exemplar := _exemplar(row, held, sources))]
    made.sort(key=lambda item: (-item[0], len(item[1].source), item[1].key))
    return tuple(exemplar for _, exemplar in made[:most])


def _exemplar(row: UnitKey, values: Sequence[Value], sources: Mapping[str, str]) -> Exemplar | None:
    """One unit as it was shown and the answer that was proved; None when a value has no sentence that states it."""
    source = values[0].claims[0].source
    text = sources.get(source)
    if text is None:
        return None
    passages = sentences(text)
    answer: dict[str, Json] = {}
    for value in values:
        span = value.claims[0].span
        if span is None or value.claims[0].source != source:
            return None
        inside = [p for p in passages if p.start <= span[0] and span[1] <= p.end]
        if not inside or not _said(value, inside[0].within(text)):
            return None
        answer[value.field] = value.value
        answer[value.field + PLACE] = inside[0].number
    return Exemplar(row, numbered(text), orjson.dumps(answer).decode())


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
