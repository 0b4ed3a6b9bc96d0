"""Code rungs: expressions are found on proved values, read no learning page wrong, and cannot hang a run."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.judge import Evidence, judge
from strop.checking.patterns import compiled
from strop.checking.sentences import sentences
from strop.learning.rungs import LEAST, Sample, claim_of, found, read, same, split, synthesised, typed
from strop.types.content import Scalar, Standing
from strop.types.fingerprint import digest_bytes
from strop.types.schema import Object
from strop.types.trial import Claim, Value, Verdict
from strop.types.work import Column, ColumnType, Script, Task, TaskId, TaskKind, Unit, UnitKey

pytestmark = pytest.mark.anyio

COLUMNS = (Column("name", ColumnType.TEXT, quote=True), Column("bells", ColumnType.INTEGER, quote=True))
NAMES = ("alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "willow")
PAGES = {
    name: f"{name}: a station\n\nIt lies {at} miles out.\n\nThe tower has {1_000 + 37 * at:,} "
    f"{'bells' if at % 2 else 'chimes'} in {at + 3} rows.\n"
    for at, name in enumerate(NAMES)
}
BELLS = {name: 1_000 + 37 * at for at, name in enumerate(NAMES)}


def place(text: str, number: int) -> tuple[int, int]:
    passage = sentences(text)[number - 1]
    return passage.start, passage.end


def samples(field: str, names: tuple[str, ...] = NAMES) -> list[Sample]:
    """Proved values of these pages, as a run leaves them."""
    of: dict[str, tuple[int, dict[str, Scalar]]] = {"name": (1, {n: n for n in NAMES}), "bells": (3, {**BELLS})}
    number, values = of[field]
    return [Sample(UnitKey(n), PAGES[n], values[n], place(PAGES[n], number)) for n in names]


def verdict(standing: Standing = Standing.ACCEPTED) -> Verdict:
    """All pages proved."""
    values: list[Value] = []
    for field in ("name", "bells"):
        for each in samples(field):
            source, mark = f"inputs/{each.unit}.txt", digest_bytes(each.text.encode())
            claim = Claim(TaskId("r"), each.unit, field, each.value, source, mark, span=each.span, reader=1)
            values.append(Value(each.unit, field, each.value, standing, (claim,)))
    return Verdict(True, tuple(values), (), ())


SOURCES = {f"inputs/{name}.txt": text for name, text in PAGES.items()}

# ---------------------------------------------------------------- found


@pytest.mark.parametrize("field", ["name", "bells"])
async def test_what_was_learned_on_six_pages_reads_six_others(field: str) -> None:
    """Anchors and alternatives generalise: every other page is read right, by the child as by the search."""
    pattern, right = synthesised(samples(field, NAMES[:6]))

    assert right == 6
    for each in samples(field, NAMES[6:]):
        answers = await read((Script("s", field, pattern),), each.text)
        assert same(answers[field].value, each.value), (pattern, each.unit)


def test_a_found_expression_is_bounded_and_reads_nothing_wrong() -> None:
    """It is in the subset that rules may use; a page that contradicts every anchor leaves no expression."""
    pattern, _ = synthesised(samples("bells"))
    compiled(pattern)

    liars = [replace(each, value=7, span=each.span) for each in samples("bells")]
    assert synthesised(liars) == ("", 0)


def test_too_few_proved_values_teach_nothing() -> None:
    """One page fewer than the least: no expression."""
    assert synthesised(samples("bells", NAMES[: LEAST - 1])) == ("", 0)
    assert synthesised([]) == ("", 0)


def test_the_search_is_deterministic() -> None:
    """Equal samples, equal expression."""
    assert synthesised(samples("bells")) == synthesised(samples("bells"))


@given(st.lists(st.text(alphabet="ab1 :.\n", min_size=1, max_size=40), min_size=LEAST, max_size=6))
def test_any_text_leaves_no_expression_or_one_that_reads_it_right(texts: list[str]) -> None:
    """Whatever the pages look like, no sample is read wrong."""
    held = [Sample(UnitKey(str(n)), text, text[0], (0, len(text))) for n, text in enumerate(texts)]

    pattern, right = synthesised(held)

    marks = [(list(re.finditer(pattern, each.text)), each.value) for each in held] if pattern else []
    told = [(matches[0].group(1), value) for matches, value in marks if len(matches) == 1]
    assert all(same(text, value) for text, value in told)
    assert right == len(told)


# ---------------------------------------------------------------- proved on another part


def test_no_page_is_learned_from_and_certified_on() -> None:
    """Whole clusters go to one part; the parts share no unit."""
    clusters = {UnitKey(name): f"site {at // 3}" for at, name in enumerate(NAMES)}

    learning, certifying = split(samples("bells"), clusters=clusters)

    parts = [{clusters[each.unit] for each in part} for part in (learning, certifying)]
    assert all(parts)
    assert not parts[0] & parts[1]


def test_pairs_stand_against_the_prompts_first_answers() -> None:
    """Where the script answers it is scored by the proved value; the prompt as it was, silence as a loss."""
    said: dict[tuple[UnitKey, str], Scalar] = {(UnitKey(name), "bells"): 5 for name in NAMES[:6]}
    rungs = found(verdict(), columns=COLUMNS, sources=SOURCES, skill="s", said=said, clusters={}, run="01RUN")

    bells = next(rung for rung in rungs if rung.script.field == "bells")
    assert (bells.answered, bells.right, bells.held) == (6, 6, 6)
    assert [(pair.challenger, pair.baseline) for pair in bells.pairs] == [(1.0, 0.0)] * 6
    assert {pair.item for pair in bells.pairs} == {"script/s.bells"}
    assert len({pair.unit for pair in bells.pairs}) == 6


def test_a_prompt_that_is_always_right_is_never_lost_to() -> None:
    """Equal answers are ties: no pair speaks for the script, and the pair says that the output was the same."""
    said: dict[tuple[UnitKey, str], Scalar] = {(UnitKey(name), "bells"): BELLS[name] for name in NAMES}
    rungs = found(verdict(), columns=COLUMNS, sources=SOURCES, skill="s", said=said, clusters={})

    bells = next(rung for rung in rungs if rung.script.field == "bells")
    assert not any(pair.won or pair.lost for pair in bells.pairs)
    assert all(pair.same for pair in bells.pairs)


@pytest.mark.parametrize("standing", [Standing.UNVERIFIED, Standing.REFUTED])
def test_only_proved_values_teach(standing: Standing) -> None:
    """What the gate did not prove makes no expression."""
    assert found(verdict(standing), columns=COLUMNS, sources=SOURCES, skill="s", said={}, clusters={}) == ()


# ---------------------------------------------------------------- read


CATASTROPHE = r"(a+)+$"
"""Thirty letters and one that does not fit take hours."""


async def test_an_expression_that_never_ends_is_stopped() -> None:
    """The limit ends the child; scripts before and behind it answer all the same."""
    text = "a" * 40 + "! It has 12 bells."
    good = Script("s", "bells", r"([0-9]+) bells")
    began = time.monotonic()

    answers = await read((good, Script("s", "name", CATASTROPHE), replace(good, field="again")), text, limit=0.5)

    assert set(answers) == {"bells", "again"}
    assert time.monotonic() - began < 60  # the expression alone takes hours


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("([0-9]+) bells", "It has 3 bells and 4 bells."),
        ("([0-9]+) bells", "It has none."),
        ("(", "It has 3 bells."),
        ("[0-9]+ bells", "It has 3 bells."),
        ("(x)?3 bells", "It has 3 bells."),
        (r"([\s\S]*)", "It has 3 bells.\n\nIt has more."),
    ],
    ids=["two", "none", "broken", "no group", "empty group", "over sentences"],
)
async def test_a_unit_without_exactly_one_match_goes_to_the_model(pattern: str, text: str) -> None:
    """Two matches, none, a broken expression, a group that took no part, a value over two sentences: no answer."""
    assert await read((Script("s", "bells", pattern),), text) == {}


async def test_scripts_of_one_field_that_differ_leave_it_to_the_model() -> None:
    """Two that agree answer, two that do not are silent."""
    one, same_one, other = (Script("s", "bells", p) for p in ("has ([0-9]+)", "([0-9]+) bells", "in ([0-9]+)"))
    text = "It has 3 bells in 4 rows."

    assert (await read((one, same_one), text))["bells"].value == "3"
    assert await read((one, other), text) == {}


async def test_a_unit_that_is_too_long_is_not_tried() -> None:
    """The bound is on the text, before any process is started."""
    assert await read((Script("s", "bells", "([0-9]+) bells"),), "x " * 600_000 + "3 bells") == {}


async def test_the_gate_proves_what_a_script_read_like_any_value() -> None:
    """The claim names its sentence and its call; beside a table that agrees it is accepted, a wrong one is not."""
    pattern, _ = synthesised(samples("bells"))
    task = Task(TaskId("read-1"), TaskKind.READ, "reader 1", "", Object(()), "reader-1", reader=1)
    unit = Unit(UnitKey("oak"), "inputs/oak.txt", "data/oak.csv")
    text = PAGES["oak"]
    reading = (await read((Script("s", "bells", pattern),), text))["bells"]

    claim = claim_of(reading, unit=unit, text=text, column=COLUMNS[1], task=task)

    assert claim is not None
    assert claim.value == BELLS["oak"]
    assert text[slice(*(claim.span or (0, 0)))] == claim.quote
    assert claim.locator.startswith("script:")
    column = replace(COLUMNS[1], recompute="rows")
    for count, standing in ((BELLS["oak"], Standing.ACCEPTED), (99, Standing.REFUTED)):
        counted = Claim(task.id, unit.key, "bells", count, "data/oak.csv", "", locator="table:rows(data/oak.csv)")
        evidence = Evidence((claim, counted), {unit.source: text})
        (value,), _ = judge(evidence, columns=(column,), rows=(unit.key,))
        assert value.standing is standing


@pytest.mark.parametrize(
    ("text", "of", "value"),
    [
        ("1,798", ColumnType.INTEGER, 1798),
        ("9.5", ColumnType.INTEGER, None),
        ("9.5", ColumnType.NUMBER, 9.5),
        ("12.50", ColumnType.DECIMAL, "12.50"),
        ("many", ColumnType.INTEGER, None),
        ("yes", ColumnType.BOOLEAN, None),
        (" oak ", ColumnType.TEXT, "oak"),
        (" ", ColumnType.TEXT, None),
    ],
)
def test_values_are_of_their_columns_type(text: str, of: ColumnType, value: Scalar) -> None:
    """A text that is no value of its column makes no claim."""
    assert typed(text, of) == value
