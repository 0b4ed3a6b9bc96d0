"""Generality: a skill speaks of its kind of work, never of the run it was born from; failures teach in counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import run_of

from strop.learning.generality import (
    Corpus,
    corpus,
    first,
    generalised,
    leaks,
    leaks_of,
    leaks_of_rules,
    words,
)
from strop.learning.lessons import CAUSES, WHOLE, failures_md, kind_of, lessons
from strop.learning.slots import filled
from strop.types.content import Scalar, Standing
from strop.types.memory import CheckKind, Constraint, Cost, Skill
from strop.types.schema import Array, Choice, Field, Object, Text
from strop.types.trial import Finding, Result, Run, Severity, Value, Verdict
from strop.types.work import (
    Column,
    ColumnType,
    Exemplar,
    Kind,
    Output,
    RunId,
    Spec,
    Task,
    TaskId,
    TaskKind,
    Unit,
    UnitKey,
)

FILES = ("inputs/north-field.txt", "inputs/Gull2.txt", "inputs/report.txt")
PAGE = "The old lighthouse keeper counted forty seven gulls before the storm reached the northern cliffs."
SOURCES = {"inputs/north-field.txt": PAGE, "inputs/Gull2.txt": "A second page."}
SPEC = Spec("Gull survey", (Output("gulls.csv", Kind.CSV, (Column("count", ColumnType.INTEGER),)),), "Count gulls.")
NOTHING = Object(())


def task(goal: str, *, id: str = "t1", role: str = "reader", schema: Object = NOTHING, needs: str = "") -> Task:
    held = (TaskId(needs),) if needs else ()
    return Task(TaskId(id), TaskKind.WORK, role, goal, schema, "specialist", held)


def run(*tasks: Task, spec: Spec = SPEC, results: tuple[Result, ...] = ()) -> Run:
    return run_of(spec, *tasks, id="01RUNABC", results=results)


def verdict(*values: Scalar, findings: tuple[Finding, ...] = ()) -> Verdict:
    held = tuple(Value(UnitKey("Gull2"), "count", each, Standing.ACCEPTED, ()) for each in values)
    return Verdict(True, held, findings, ())


def against(*values: Scalar, spec: Spec = SPEC) -> Corpus:
    return corpus(run(spec=spec), verdict=verdict(*values), files=FILES, sources=SOURCES)


# ---------------------------------------------------------------- what leaks

LEAKS = {
    "Visit the North Field first.": "north field",
    "Begin with gull2.": "gull2",
    "Ask as in run 01RUNABC.": "01runabc",
    "Expect 1,798 or so.": "1 798",
    "Expect Sepal.Length.": "sepal length",
    "Look for Great Tom.": "great tom",
    "Note that the keeper counted forty seven gulls before dusk.": "keeper counted forty seven gulls",
    "Note the KEEPER: counted -- forty, seven; gulls!": "keeper counted forty seven gulls",
}
STAYS = (
    "Read each page and report the count with its sentence.",
    "Write the report of all pages.",
    "Count gulls in gulls.csv.",
    "Expect 12 or so.",
    "Before the storm reached us.",
    "Read {{input 2}} and {{name 2}} in {{folder}}/more.",
)


@pytest.mark.parametrize("text", LEAKS)
def test_a_text_that_tells_of_its_run_leaks(text: str) -> None:
    """Names of inputs and units, values that no prose has by chance, five words in a row of a source."""
    found = leaks([("goal", text)], against=against("1,798", "Sepal.Length", "Great Tom"))

    assert LEAKS[text] in [each.words for each in found]
    assert "goal says" in first(found)


@pytest.mark.parametrize("text", STAYS)
def test_a_general_text_does_not(text: str) -> None:
    """The user's own words, files called like things, short numbers, four words in a row, and slots are general."""
    assert leaks([("goal", text)], against=against("1,798", 12, 47, True, None)) == ()


def test_what_the_user_wrote_is_theirs_to_say() -> None:
    """Words of the spec are no leak, though they stand in a source and are a value as well."""
    spec = replace(SPEC, prose="Compare the old lighthouse keeper counted with Gull2 and Great Tom.")

    said = "The old lighthouse keeper counted Gull2 and Great Tom."
    assert leaks([("goal", said)], against=against("Great Tom", spec=spec)) == ()
    assert leaks([("goal", said)], against=against("Great Tom"))


@given(st.integers(0, 10), st.integers(5, 14))
def test_any_five_telling_words_in_a_row_leak(start: int, length: int) -> None:
    """Wherever they stand in the source, whatever stands around them."""
    held = words(PAGE)[start : start + length]
    text = f"Take care that {' '.join(held)} and no more."

    found = leaks([("goal", text)], against=against())

    assert bool(found) == (len(held) >= 5)


def test_every_part_of_a_skill_is_looked_at() -> None:
    """Name, description, ids, roles, goals, schemas and changed prompts; worked examples are data and are not."""
    schema = Object((Field("north_field", Array(Choice(("x",), note="of Gull2"))), Field("b", Text())))
    cost = Cost(1, 1, 1, 0, 1, 0, 1.0)
    example = Exemplar(UnitKey("Gull2"), PAGE, "{}")
    tasks = (task("Read north-field.", id="gull2-reader", role="reader of Gull2", schema=schema),)
    prompts = (("specialist", "Mind Gull2."), ("known", "Gull2"))
    made = Skill("gull2", "Reads Gull2.", SPEC, schema, tasks, prompts, (example,), RunId("x"), cost)

    found = leaks_of(made, against=against(), known={"known": "Gull2", "specialist": "Mind."})

    assert {each.part for each in found} == {
        "name",
        "description",
        "id of gull2-reader",
        "role of gull2-reader",
        "goal of gull2-reader",
        "schema of gull2-reader",
        "prompt specialist",
    }


def test_rules_are_looked_at() -> None:
    """A rule's line may not name an input; its check and reason may count."""
    rule = Constraint("c-1", "Never take Gull2's first number", "3 of Gull2", CheckKind.PROMPT)

    assert [each.part for each in leaks_of_rules([rule], against=against())] == ["rule c-1"]


# ---------------------------------------------------------------- variables


def test_names_of_files_become_variables_and_fit_other_files() -> None:
    """Paths, names and bare stems; the plan on other files speaks of those and of nothing else."""
    tasks = (
        task("Read inputs/north-field.txt on north-field.", id="north-field", role="reader of north-field"),
        task("Read about Gull2.", id="read-2"),
        task("Write the report.", id="make", needs="north-field"),
    )

    made, inputs = generalised(tasks, files=FILES, spec=SPEC)

    assert inputs == FILES[:2]
    assert [each.goal for each in made] == [
        "Read {{input 1}} on {{name 1}}.",
        "Read about {{name 2}}.",
        "Write the report.",
    ]
    assert [each.id for each in made] == ["part-1", "read-2", "make"]
    assert made[2].needs == ("part-1",)
    assert leaks([(each.id, f"{each.id} {each.goal} {each.role}") for each in made], against=against()) == ()
    again = filled(made, slots=2, found=["new/a.md", "new/b.md", "new/c.md"], folder="new")
    assert [each.goal for each in again] == ["Read new/a.md, new/c.md on a, c.", "Read about b.", "Write the report."]
    assert again[0].role == "reader of a, c"


def test_a_task_that_speaks_of_a_name_is_left_out_with_it() -> None:
    """Fewer files than slots: who reads by name alone is left out like who reads by path."""
    made, _ = generalised(
        (task("Read about Gull2."), task("Read inputs/north-field.txt.", id="t2")), files=FILES, spec=SPEC
    )

    assert [each.id for each in filled(made, slots=2, found=["x/a.txt"], folder="x")] == ["t2"]


def test_two_files_of_one_name_are_no_variable() -> None:
    """`a.txt` and `a.csv`: which one a goal means is not known, so the name stays and is found as a leak."""
    made, inputs = generalised((task("Read about Gull2."),), files=("x/Gull2.txt", "y/Gull2.csv"), spec=SPEC)

    assert inputs == ()
    assert made[0].goal == "Read about Gull2."
    assert leaks([("goal", made[0].goal)], against=against())


@given(
    st.lists(
        st.sampled_from(["inputs/north-field.txt", "north-field", "Gull2.txt", "Gull2", "the", "page."]), max_size=8
    )
)
def test_no_goal_names_a_file_when_it_is_general(parts: list[str]) -> None:
    """However names, paths and words are mixed, none of a run's files is left in the plan."""
    made, _ = generalised((task(" ".join(parts)),), files=FILES, spec=SPEC)

    assert leaks([("goal", made[0].goal)], against=against()) == ()


# ---------------------------------------------------------------- failures


UNITS = (Unit(UnitKey("north-field"), "inputs/north-field.txt"), Unit(UnitKey("Gull2"), "inputs/Gull2.txt"))


def failed() -> tuple[Run, Verdict]:
    """One unit refuted, one unread with words of a page in the reason, a note."""
    read = replace(task("Read."), kind=TaskKind.READ, units=UNITS)
    unread = Result(read.id, unread=((UnitKey("Gull2"), f"BadStream: {PAGE}"),))
    findings = (
        Finding("quote", "inputs/north-field.txt", "north-field.count", PAGE, PAGE, PAGE),
        Finding("disagreement", "x", "north-field.count", PAGE, PAGE, PAGE, Severity.NOTE),
        Finding("of its own making", PAGE, PAGE, PAGE, PAGE, PAGE),
    )
    return run(read, results=(unread,)), verdict(findings=findings)


def test_failures_teach_which_kind_of_unit_failed_and_why() -> None:
    """Causes and kinds from closed lists, counted over units; what a source or a model said is nowhere."""
    ran, judged = failed()
    took_over = Result(TaskId("t1"), failure=f"Stalled: {PAGE}")

    learned = lessons(ran, verdict=judged, sources=SOURCES, attempts=(took_over,))

    assert [(each.cause, each.field, each.units, each.failed, each.of) for each in learned] == [
        ("BadStream", "", "at most 8 words", 1, 1),
        ("Stalled", "", WHOLE, 1, 1),
        ("other", "", WHOLE, 1, 1),
        ("quote", "count", "9 to 16 words", 1, 1),
    ]
    text = failures_md(learned)
    assert not set(words(PAGE)) & (set(words(text)) - set(words(" ".join(CAUSES.values()))) - {"the", "before"})


@pytest.mark.parametrize(("count", "kind"), [(0, "at most 8 words"), (8, "at most 8 words"), (65, "65 to 128 words")])
def test_units_are_of_a_kind_by_their_length(count: int, kind: str) -> None:
    """Doublings of words."""
    assert kind_of("word " * count) == kind
