"""Generality: what a skill would say is held against the run it was born from, so that it teaches and does not repeat.

A text leaks when it names one of the run's inputs, says one of its values, or has `RUN` words in a row that
stand in one of its sources (word n-grams, as training sets are searched for test sets: Brown et al., "Language
models are few-shot learners", 2020, appendix C). What the user wrote in the spec is theirs to say, and leaks never.
`generalised` first makes variables of what can be one: names of files, and their stems where goals use these.
Worked examples are not judged: they are shown as data, and repeat their source on purpose. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from strop.learning.slots import SLOTS, emptied, named
from strop.types.content import Scalar
from strop.types.memory import Constraint, Skill
from strop.types.schema import Array, Choice, Object, Schema
from strop.types.trial import Run, Verdict
from strop.types.work import Spec, Task, TaskId

RUN = 5
"""Words in a row that no one writes twice by chance; of them `TELLING` are no function words."""
TELLING = 3
SHORTEST = 3
"""Letters of a name, or digits of a number, that would not stand in any prose."""
TOLD = 5
"""Leaks of one part that are told."""
_WORD = re.compile(r"[^\W_]+")
_FUNCTION = frozenset(
    "a an and are as at be by for from has have if in into is it its no not of on or that the their then there these "
    "this those to was were when where which with you your each every all any one two".split()
)
_GENERIC = frozenset(
    "report reports notes note data table tables readme index summary input inputs output list page pages document "
    "documents text main test sample example examples results result file files source sources all overview".split()
)
"""Names of files that are words of any goal."""


@dataclass(frozen=True, slots=True)
class Leak:
    """One part of a skill that says something of the run it came from."""

    part: str
    """`description`, `goal of read-1`, `rule c-1a2b`."""
    words: str
    """What it says, as it stands in the run."""

    def __str__(self) -> str:
        return f"{self.part} says {self.words!r}, of this run"


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is the run's own: names and values as lower-case words, and the texts of its sources."""

    names: frozenset[str]
    values: frozenset[str]
    texts: tuple[str, ...]
    own: str
    """What the user wrote, as words between spaces: free to say."""


def corpus(run: Run, *, verdict: Verdict, files: Sequence[str], sources: Mapping[str, str]) -> Corpus:
    """Names of its inputs and units, values that were said or delivered, and its sources."""
    units = [unit for task in run.plan.tasks for unit in task.units]
    paths = (*files, *(unit.source for unit in units), *(unit.companion or "" for unit in units))
    named = {*(PurePosixPath(path).stem for path in paths), *(unit.key for unit in units), *run.plan.spec.items, run.id}
    valued = {each for value in verdict.values for each in (value.value, value.said)}
    own = _own(run.plan.spec)
    return Corpus(
        frozenset(name for each in named if _names(each) and f" {(name := ' '.join(words(each)))} " not in own),
        frozenset(said for each in valued if (said := _telling(each)) and f" {said} " not in own),
        tuple(sources.values()),
        own,
    )


def words(text: str) -> list[str]:
    """Letters and digits in a row, compatible forms made one, without case."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def leaks(parts: Iterable[tuple[str, str]], *, against: Corpus) -> tuple[Leak, ...]:
    """What the (part, text) say of the run, at most `TOLD` a part; empty where all are general."""
    held = {part: words(SLOTS.sub(" ", text)) for part, text in parts}
    wanted = {gram for said in held.values() for gram in _grams(said) if f" {' '.join(gram)} " not in against.own}
    texts = against.texts if wanted else ()
    copied = {gram for text in texts for gram in _grams(words(text)) if gram in wanted}
    made: list[Leak] = []
    for part, said in held.items():
        line = f" {' '.join(said)} "
        found = [each for each in sorted(against.names | against.values) if f" {each} " in line]
        found += [" ".join(gram) for gram in _grams(said) if gram in copied]
        made += [Leak(part, each) for each in list(dict.fromkeys(found))[:TOLD]]
    return tuple(made)


def leaks_of(skill: Skill, *, against: Corpus, known: Mapping[str, str]) -> tuple[Leak, ...]:
    """Leaks of everything that a skill says for itself; prompts only where they are not the `known` ones."""
    return leaks(said_by(skill, known=known), against=against)


def leaks_of_rules(rules: Iterable[Constraint], *, against: Corpus) -> tuple[Leak, ...]:
    """Leaks of rules' lines; a check is no text, and a reason only counts."""
    return leaks(((f"rule {rule.id}", rule.text) for rule in rules), against=against)


def said_by(skill: Skill, *, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(part, text) of a skill's own words: name, description, ids, goals and roles of its plan, changed prompts."""
    yield "name", skill.name.replace("-", " ")
    yield "description", skill.description
    for task in skill.tasks:
        yield f"id of {task.id}", task.id
        yield f"role of {task.id}", task.role
        yield f"goal of {task.id}", task.goal
        yield f"schema of {task.id}", "\n".join(_worded(task.schema))
    for name, text in skill.prompts:
        if known.get(name) != text:
            yield f"prompt {name}", text


# ---------------------------------------------------------------- variables


def generalised(tasks: Sequence[Task], *, files: Sequence[str], spec: Spec) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """(tasks with slots for files and their names, and ids that tell nothing of them; the files, by slot)."""
    own = _own(spec)
    stems = [PurePosixPath(path).stem for path in files]
    telling = {
        stem: path
        for stem, path in zip(stems, files, strict=True)
        if stems.count(stem) == 1 and _names(stem) and f" {' '.join(words(stem))} " not in own
    }
    texts = [SLOTS.sub(" ", text) for task in emptied(tasks, files=files)[0] for text in (task.goal, task.role)]
    also = {telling[stem] for stem in telling if any(named(text, stems={stem: 1}) != text for text in texts)}
    made, inputs = emptied(tasks, files=files, also=also)
    numbers = {stem: inputs.index(path) + 1 for stem, path in telling.items() if path in inputs}
    made = tuple(replace(t, goal=named(t.goal, stems=numbers), role=named(t.role, stems=numbers)) for t in made)
    return _renamed(made, telling), inputs


def _renamed(tasks: Sequence[Task], stems: Iterable[str]) -> tuple[Task, ...]:
    """Ids that name a file become `part-N`, and whoever needs such a task is told."""
    names = {" ".join(words(stem)) for stem in stems}
    told = {task.id for task in tasks if any(f" {name} " in f" {' '.join(words(task.id))} " for name in names)}
    taken = {task.id for task in tasks}
    fresh = (TaskId(f"part-{number}") for number in range(1, 2 * len(tasks) + 1) if f"part-{number}" not in taken)
    to = {task.id: next(fresh) if task.id in told else task.id for task in tasks}
    return tuple(
        replace(task, id=to[task.id], needs=tuple(to.get(need, need) for need in task.needs)) for task in tasks
    )


# ---------------------------------------------------------------- words


def _own(spec: Spec) -> str:
    """All that a spec says, as words between spaces: they are the user's, and the same on the next inputs."""
    columns = [column for output in spec.outputs for column in output.columns]
    asked = [part for column in columns for part in (column.name, column.ask)]
    outputs = [part for output in spec.outputs for part in (output.file, *output.sections)]
    return f" {' '.join(words(chr(10).join((spec.title, spec.prose, *asked, *outputs, *spec.valid))))} "


def _worded(schema: Schema) -> Iterator[str]:
    """Names, notes and alternatives of a schema: a planner wrote them."""
    yield schema.note
    match schema:
        case Array():
            yield from _worded(schema.items)
        case Object():
            for field in schema.fields:
                yield field.name
                yield from _worded(field.schema)
        case Choice():
            yield from schema.values
        case _:
            return


def _names(stem: str) -> bool:
    """Whether a file's or unit's name would not stand in any prose."""
    plain = " ".join(words(stem))
    return len(plain) >= SHORTEST and plain not in _GENERIC


def _telling(value: Scalar) -> str:
    """A value as words, where it could not stand in any prose: several words, a long number, a name with marks."""
    if value is None or isinstance(value, bool):
        return ""
    text = str(value)
    said = " ".join(words(text))
    marked = bool(re.search(r"[a-z][A-Z]|\w[._]\w|\d", text)) and len(text) >= SHORTEST
    return said if " " in said or marked else ""


def _grams(held: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(len(held) - RUN + 1):
        gram = tuple(held[start : start + RUN])
        if sum(word not in _FUNCTION for word in gram) >= TELLING:
            yield gram


def first(found: Iterable[Leak], *, most: int = TOLD) -> str:
    """Leaks in a sentence, for the item's `why`; empty where there is none."""
    held = list(found)
    more = f"; and {len(held) - most} more" if len(held) > most else ""
    return "; ".join(str(leak) for leak in held[:most]) + more
