"""Prompts from templates: `{{name}}` slots in text files, shared head first and byte-identical.

Pure. The head (role, rules, fields, exemplars) is the same for every unit of a reader, so provider
caches and the local prefix cache hit; what differs comes last. Text from sources is put in as data
between marks and never searched for slots.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from strop.drafting.quoted import for_model
from strop.errors import ConfigRefused
from strop.seams import Assignment, Message
from strop.types.fingerprint import canonical
from strop.types.schema import Field, Integer, Object, Schema, to_json_schema
from strop.types.work import PLACE, Column, ColumnType, Task

_SLOT = re.compile(r"\{\{(\w+)\}\}")


def render(template: str, **slots: str) -> str:
    """Fill the template's slots in one pass: what is put in is not searched again.

    Raises:
        ConfigRefused: the template names a slot that this prompt does not have.
    """

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in slots:
            raise ConfigRefused(f"a prompt asks for {{{{{name}}}}}; it may use {', '.join(sorted(slots))}")
        return slots[name]

    return _SLOT.sub(fill, template).strip()


def reading_head(
    prompts: Mapping[str, str], *, task: Task, columns: Sequence[Column], assignment: Assignment
) -> tuple[Message, ...]:
    """The messages all units of one reader share: the system prompt, then the exemplars as turns."""
    system = render(
        prompts[task.prompt],
        goal=task.goal,
        fields="\n".join(f"- {column.name}: {asked(column)}" for column in columns),
        rules=bullets(assignment.guidance.rules),
    )
    shown = assignment.guidance.exemplars
    exemplars = shown[(task.reader - 1) % len(shown)] if shown else ()
    turns = [
        message
        for exemplar in exemplars
        for message in (Message("user", exemplar.source), Message("assistant", exemplar.answer))
    ]
    return (Message("system", system), *turns)


def working(
    prompts: Mapping[str, str], *, assignment: Assignment, inputs: str, files: Sequence[str], title: str
) -> tuple[tuple[Message, ...], int]:
    """The opening messages of a WORK or AGGREGATE task, and how many of them are shared by its role's peers.

    `inputs` is what the tasks before it left (swarm/given.py).
    """
    task = assignment.task
    system = render(prompts[task.prompt], title=title, rules=bullets(assignment.guidance.rules))
    if task.makes and assignment.guidance.style:
        system = f"{system}\n\nStyle of this project:\n{bullets(assignment.guidance.style)}"
    known = for_model(task.knowledge, template=prompts["knowledge"]) if task.knowledge else ""
    ask = render(
        prompts["task"],
        role=task.role,
        goal=task.goal,
        inputs="\n\n".join(part for part in (inputs, known) if part) or "none",
        files="\n".join(files) or "none",
        schema=canonical(to_json_schema(task.schema)).decode(),
        notes=bullets(assignment.notes),
    )
    return (Message("system", system), Message("user", ask)), 1


def bullets(lines: Sequence[str]) -> str:
    """Lines as a list, or `none`."""
    return "\n".join(f"- {line}" for line in lines) or "none"


def asked(column: Column) -> str:
    """What a column means, for a model."""
    words = {ColumnType.QUOTE: "the exact words of the source", ColumnType.DATE: "a date, YYYY-MM-DD"}
    kind = words.get(column.type, str(column.type))
    return f"{column.ask} ({kind})" if column.ask else kind


def narrowed(schema: Schema, *, sentences: int) -> Schema:
    """A reading schema for one unit: no field may name a sentence that the unit does not have."""
    if not isinstance(schema, Object):
        return schema
    places = {field.name + PLACE for field in schema.fields}
    fields = tuple(
        Field(field.name, Integer(1, sentences, nullable=True)) if field.name in places else field
        for field in schema.fields
    )
    return Object(fields, nullable=schema.nullable, note=schema.note)
