"""Prompts from templates: every slot known, inserted text left alone, one head for all units of a reader."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.drafting.answers import reading_schema
from strop.errors import ConfigRefused
from strop.seams import Assignment, Message
from strop.swarm.given import results
from strop.swarm.prompting import narrowed, reading_head, render, working
from strop.types.schema import Json, validate
from strop.types.work import Column, ColumnType, Exemplar, Guidance, Task, TaskId, TaskKind, UnitKey

COLUMNS = (Column("first", ColumnType.TEXT, ask="its first word"), Column("rows", ColumnType.INTEGER))
PROMPTS = {
    name: (resources.files("strop") / "prompts" / f"{name}.md").read_text("utf-8")
    for name in ("reader-1", "specialist", "task")
}
EXAMPLES = tuple(Exemplar(UnitKey(key), f"[1] {key}", '{"first":null}') for key in ("a", "b"))


def reading(reader: int) -> Task:
    """A reader's task."""
    return Task(TaskId("t"), TaskKind.READ, "reader", "Read it.", reading_schema(COLUMNS), "reader-1", reader=reader)


pieces = st.lists(st.sampled_from(["{{a}}", "{{b}}", "{{c}}", "{", "}", " a"])).map("".join)


@given(pieces, pieces)
def test_inserted_text_is_never_searched_for_slots(first: str, second: str) -> None:
    """Text that looks like a slot, from a document or a user, stays as it is."""
    assert render("[{{a}}|{{b}}]", a=first, b=second) == f"[{first}|{second}]"


def test_an_unknown_slot_is_refused() -> None:
    """A prompt file that asks for what this prompt has not is named with what it may use."""
    with pytest.raises(ConfigRefused, match=re.escape("a prompt asks for {{titel}}; it may use rules, title")):
        render("{{titel}}", title="x", rules="y")


def test_all_units_of_a_reader_share_their_head() -> None:
    """Role, fields, rules and worked examples come first, as the same messages for every unit."""
    guidance = Guidance(exemplars=(EXAMPLES, EXAMPLES[::-1]), rules=("Count nothing twice.",))
    assignment = Assignment(reading(1), 1, guidance=guidance)

    head = reading_head(PROMPTS, task=reading(1), columns=COLUMNS, assignment=assignment)

    assert head == reading_head(PROMPTS, task=reading(1), columns=COLUMNS, assignment=assignment)
    assert "- first: its first word (text)\n- rows: integer" in head[0].text
    assert "- Count nothing twice." in head[0].text
    assert head[1:3] == (Message("user", "[1] a"), Message("assistant", '{"first":null}'))


@pytest.mark.parametrize(("reader", "shown"), [(1, "ab"), (2, "ba"), (3, "ab")])
def test_each_reader_is_shown_the_examples_in_its_order(reader: int, shown: str) -> None:
    """As many orders as the guidance holds; a further reader begins again."""
    guidance = Guidance(exemplars=(EXAMPLES, EXAMPLES[::-1]))

    head = reading_head(
        PROMPTS, task=reading(reader), columns=COLUMNS, assignment=Assignment(reading(reader), 1, guidance=guidance)
    )

    assert [turn.text for turn in head[1::2]] == [f"[1] {key}" for key in shown]


def test_a_specialist_is_told_its_task_and_what_went_before() -> None:
    """Goal, results, files, schema and notes; a result that looks like a slot stays as it is."""
    task = Task(TaskId("t"), TaskKind.WORK, "ringer", "Ring.", reading_schema(COLUMNS), "specialist")
    assignment = Assignment(task, 2, inputs=(("before", '{"said":"{{goal}}"}'),), notes=("it rang twice",))

    inputs = results(assignment, room=1_000)
    (system, ask), head = working(PROMPTS, assignment=assignment, inputs=inputs, files=("inputs/a.txt",), title="Bells")

    assert head == 1
    assert "a team that works on: Bells" in system.text
    assert '<result task=\'before\'>\n{"said":"{{goal}}"}\n</result>' in ask.text
    for part in ("Role: ringer", "Task: Ring.", "inputs/a.txt", '"additionalProperties":false', "- it rang twice"):
        assert part in ask.text


@pytest.mark.parametrize(("sentence", "fits"), [(1, True), (3, True), (None, True), (4, False), (0, False)])
def test_a_reader_can_only_name_a_sentence_that_is_there(sentence: int | None, fits: bool) -> None:
    """A document of three sentences: the schema itself refuses the fourth."""
    schema = narrowed(reading_schema(COLUMNS), sentences=3)
    answer: Json = {"first": "x", "first_at": sentence, "rows": None, "rows_at": None}

    assert (validate(schema, answer) == ()) is fits
