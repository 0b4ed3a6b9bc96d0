"""A skill's folder in the Agent Skills format, held to it by a validator of our own and by its makers'."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from strop.drafting.answers import reading_schema
from strop.learning.lessons import Lesson
from strop.learning.skillform import flaws
from strop.learning.skillmd import projection, slug, with_certificates, with_lessons, with_scripts
from strop.learning.visible import shown
from strop.types.events import revive
from strop.types.evidence import Certificate
from strop.types.fingerprint import canonical
from strop.types.memory import Author, Cost, Item, ItemKind, ItemState, Skill, Taint
from strop.types.schema import Object, parse_schema
from strop.types.work import (
    Column,
    ColumnType,
    Exemplar,
    Kind,
    Output,
    RunId,
    Script,
    Spec,
    Task,
    TaskId,
    TaskKind,
    UnitKey,
)

ITEM = Item("skill/bell-survey", ItemKind.SKILL, "", ItemState.CANDIDATE, taint=Taint.DERIVED)
COLUMNS = (Column("first", ColumnType.TEXT, quote=True, ask="its first word"), Column("rows", ColumnType.INTEGER))
PROMPTS = (("reader-1", "Read.\n{{fields}}\n"), ("unit", "{{text}}\n"))


def skill(name: str = "bell-survey", description: str = "Reads bells. Use when bells are to be counted.") -> Skill:
    """A skill over units with one worked example."""
    spec = Spec("Bell survey", (Output("bells.csv", Kind.CSV, COLUMNS),), "# Bell survey\n")
    answer = orjson.dumps({"first": "bell", "first_at": 1, "rows": None, "rows_at": None}).decode()
    example = Exemplar(UnitKey("alder"), "[1] The bell.\n```\n[2] ```code```", answer)
    cost = Cost(units=8, calls=16, input_tokens=1_000, cached_tokens=24, output_tokens=99, nanos=5, seconds=2.5)
    schema = reading_schema(COLUMNS)
    return Skill(name, description, spec, schema, (), PROMPTS, (example,), RunId("01RUN"), cost)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'name: "bell-survey"', b"name: Bell-Survey"),
        (b'name: "bell-survey"', b"name: bell--survey"),
        (b'name: "bell-survey"', b"name: another"),
        (b'name: "bell-survey"', b"name: 2024"),
        (b"metadata:", b"version: 1\nmetadata:"),
        (b'strop-exemplars: "1"', b"strop-exemplars: 1"),
        (b'description: "Reads', b'description: "' + b"long " * 300 + b'" #'),
        (b"references/schema.json", b"references/scheme.json"),
        (b"---\n\n#", b"\n\n#"),
    ],
)
def test_the_validator_finds_what_is_wrong(old: bytes, new: bytes) -> None:
    """Each rule of the specification that we check is broken once, and seen."""
    files = projection(skill(), item=ITEM)
    assert old in files["SKILL.md"]
    files["SKILL.md"] = files["SKILL.md"].replace(old, new)

    assert flaws("bell-survey", files) != ()


def test_a_projection_is_a_valid_skill() -> None:
    """Six standard fields at most, ours under metadata as text, every file that it names is there."""
    assert flaws("bell-survey", projection(skill(), item=ITEM)) == ()


@given(
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=120).filter(str.strip),
    st.text(max_size=80),
)
def test_any_description_and_title_give_a_valid_skill(description: str, title: str) -> None:
    """Colons, quotes, control characters, line breaks: what was described is what a YAML reader reads."""
    named = skill(slug(title), description)

    files = projection(named, item=ITEM)

    assert flaws(named.name, files) == ()
    front = yaml.safe_load(files["SKILL.md"].decode().split("\n---\n")[0].removeprefix("---\n"))
    assert front["description"] == (shown(description).strip() or "a skill")


@pytest.mark.parametrize("author", Author)
def test_the_metadata_says_who_described_the_skill(author: Author) -> None:
    """`strop-described` is `model` or `spec`."""
    text = projection(replace(skill(), described=author), item=ITEM)["SKILL.md"].decode()

    front = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert front["metadata"]["strop-described"] == str(author)


def test_a_skill_kept_before_descriptions_had_authors_was_described_by_its_spec() -> None:
    """Its JSON has no such field, and is still a skill."""
    held = orjson.loads(projection(skill(), item=ITEM)["references/skill.json"])
    del held["described"]

    assert revive(Skill, orjson.dumps(held)) == replace(skill(), described=Author.SPEC)


# ---------------------------------------------------------------- against the makers' validator

_ORACLE = "skills-ref, the format's reference validator, is not installed"


def written(at: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        path = at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return at


_NAMES = st.text(alphabet="aB1-_ é", max_size=70)
_TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
_VALUES = st.one_of(_TEXTS, st.integers(), st.booleans(), st.none(), st.lists(_TEXTS, max_size=2))
_FRONTS = st.dictionaries(
    st.sampled_from(("name", "description", "license", "compatibility", "metadata", "allowed-tools", "version")),
    st.one_of(_NAMES, _VALUES, st.dictionaries(st.text("ab", min_size=1, max_size=2), _VALUES, max_size=2)),
)


def line_of(key: str, value: object) -> str:
    """A field in block style where it is a mapping that holds something, else as JSON."""
    if not isinstance(value, dict) or not value:
        return f"{key}: {json.dumps(value)}\n"
    return f"{key}:\n" + "".join(f"  {name}: {json.dumps(each)}\n" for name, each in value.items())


@given(_FRONTS, st.booleans())
def test_we_are_never_laxer_than_the_makers(
    tmp_path_factory: pytest.TempPathFactory, front: dict[str, object], named: bool
) -> None:
    """Whatever the front matter holds: what we let pass, the reference validator lets pass."""
    oracle = pytest.importorskip("skills_ref", reason=_ORACLE)
    front = {"description": "Reads bells.", **front} | ({"name": "bells"} if named else {})
    lines = "".join(line_of(key, value) for key, value in front.items())
    files = {"SKILL.md": f"---\n{lines}---\n\n# Bells\n".encode(errors="replace")}

    if flaws("bells", files) == ():
        assert oracle.validate(written(tmp_path_factory.mktemp("at") / "bells", files)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'name: "bell-survey"', b"name: Bell-Survey"),
        (b'name: "bell-survey"', b"name: bell--survey"),
        (b'name: "bell-survey"', b"name: another"),
        (b"metadata:", b"version: 1\nmetadata:"),
        (b'description: "Reads', b'description: "' + b"long " * 300),
        (b"compatibility: ", b"compatibility: " + b"long " * 120),
        (b"description:", b"summary:"),
    ],
)
def test_what_the_makers_refuse_we_refuse(tmp_path: Path, old: bytes, new: bytes) -> None:
    """Each rule that the reference validator has, broken in a folder of ours: both see it."""
    oracle = pytest.importorskip("skills_ref", reason=_ORACLE)
    files = projection(skill(), item=ITEM)
    assert old in files["SKILL.md"]
    files["SKILL.md"] = files["SKILL.md"].replace(old, new, 1)

    assert oracle.validate(written(tmp_path / "bell-survey", files))
    assert flaws("bell-survey", files)


@given(_TEXTS, _TEXTS, _TEXTS, st.integers(0, 2))
def test_all_that_is_written_passes_both(
    tmp_path_factory: pytest.TempPathFactory, title: str, description: str, ask: str, beside: int
) -> None:
    """Any title, description and question: no flaw by our reading, none by the makers', whatever lies beside."""
    oracle = pytest.importorskip("skills_ref", reason=_ORACLE)
    made = skill(slug(title), description)
    column = replace(COLUMNS[0], ask=ask)
    made = replace(made, spec=replace(made.spec, title=title, outputs=(Output("b.csv", Kind.CSV, (column,)),)))
    files = projection(made, item=ITEM)
    if beside:
        files = with_lessons(with_scripts(with_certificates(files, [certificate()]), [SCRIPT]), [LESSON] * (beside - 1))

    assert flaws(made.name, files) == ()
    assert oracle.validate(written(tmp_path_factory.mktemp("at") / made.name, files)) == []


def test_the_command_that_the_makers_ship_agrees(tmp_path: Path) -> None:
    """`agentskills validate` ends with 0 on a folder of ours, and not on one with a field of our own making."""
    command = Path(sys.executable).with_name("agentskills")
    if not command.exists():
        pytest.skip(_ORACLE)
    at = written(tmp_path / "bell-survey", projection(skill(), item=ITEM))

    assert subprocess.run([command, "validate", at], check=False, capture_output=True).returncode == 0
    (at / "SKILL.md").write_text((at / "SKILL.md").read_text().replace("metadata:", "version: 1\nmetadata:"))
    assert subprocess.run([command, "validate", at], check=False, capture_output=True).returncode != 0


def test_a_plan_of_a_thousand_agents_stays_a_skill() -> None:
    """Under 500 lines and 5,000 tokens, however many agents, waves, columns and files there are."""
    tasks = tuple(
        Task(
            TaskId(f"t{n}"),
            TaskKind.WORK,
            "role " * 40,
            "goal",
            Object(()),
            "specialist",
            (TaskId(f"t{n - 1}"),) * (n > 0),
        )
        for n in range(1_000)
    )
    columns = tuple(Column(f"column_{n}", ColumnType.TEXT, ask="word " * 200) for n in range(300))
    outputs = tuple(Output(f"{'long' * 20}-{n}.csv", Kind.CSV, columns) for n in range(300))
    made = replace(skill(description="鐘" * 1_024), tasks=tasks)
    files = with_certificates(
        projection(replace(made, spec=replace(made.spec, outputs=outputs)), item=ITEM), [certificate()] * 99
    )

    assert flaws("bell-survey", files) == ()


# ---------------------------------------------------------------- what lies beside it


def certificate() -> Certificate:
    return Certificate(
        "skill/bells", "v", 40, 12, 2, 0.25, 0.1, 0.4, 31.5, 0.02, 20.0, 0.8, "embedded", "gate", "2026-11-22"
    )


SCRIPT = Script("bell-survey", "bells", "has ([0-9]{1,9}) bells")
LESSON = Lesson("quote", "first", "65 to 128 words", 3, 8)


def test_a_certificate_stands_in_the_folder() -> None:
    """A table for people, all of it as JSON; without one nothing is claimed."""
    files = with_certificates(projection(skill(), item=ITEM), [certificate()])

    row = next(line for line in files["SKILL.md"].decode().splitlines() if line.startswith("| skill/bells"))
    assert (
        row
        == "| skill/bells | 40 | 12 / 2 | +0.250 (+0.100 to +0.400) | 0.80 | embedded | gate | 2026-11-22 | e-process |"
    )
    assert orjson.loads(files["references/certificate.json"]) == [orjson.loads(canonical(certificate()))]
    assert with_certificates(projection(skill(), item=ITEM), []) == projection(skill(), item=ITEM)


def test_scripts_are_shown_as_data() -> None:
    """One file a field with the expression alone; two fields of one name have a file each."""
    files = with_scripts(projection(skill(), item=ITEM), [SCRIPT, replace(SCRIPT, field="Bells!", pattern="x(y)")])

    assert files["scripts/bells.regex"] == b"has ([0-9]{1,9}) bells\n"
    assert files["scripts/bells-2.regex"] == b"x(y)\n"


def test_failures_are_told_in_words_of_ours() -> None:
    """Field, cause, kind of unit and counts; a run without failures says so."""
    files = with_lessons(projection(skill(), item=ITEM), [LESSON])

    assert (
        b"| first | no sentence of the source says the value | 65 to 128 words | 3 of 8 |"
        in files["references/failures.md"]
    )
    assert b"Nothing in the run" in with_lessons(projection(skill(), item=ITEM), [])["references/failures.md"]


def test_the_whole_skill_is_in_its_folder() -> None:
    """`references/skill.json` is the skill itself, `schema.json` the schema in JSON Schema; prompts lie beside it."""
    files = projection(skill(), item=ITEM)

    assert revive(Skill, files["references/skill.json"]) == skill()
    assert parse_schema(orjson.loads(files["references/schema.json"])) == skill().schema
    assert files["assets/prompts/reader-1.md"] == b"Read.\n{{fields}}\n"


def test_a_worked_example_cannot_close_its_fence() -> None:
    """Text of a document stays inside its block, whatever marks it holds."""
    text = projection(skill(), item=ITEM)["references/exemplars.md"].decode()

    assert re.findall(r"^```.*$", text, re.MULTILINE) == ["```text", "```", "```json", "```"]


def test_a_skill_without_examples_says_so() -> None:
    """Nothing is shown as proved that was not."""
    files = projection(replace(skill(), exemplars=()), item=ITEM)

    assert b"left no unit whose every value was proved" in files["references/exemplars.md"]
    assert flaws("bell-survey", files) == ()


# ---------------------------------------------------------------- names


@given(st.text(max_size=200))
def test_a_slug_is_always_a_valid_name(text: str) -> None:
    """From any text: 1 to 64 characters of a-z, 0-9 and single hyphens between them; a slug is its own slug."""
    name = slug(text)

    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert len(name) <= 64
    assert slug(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bells of the railway!", "bells-of-the-railway"),
        ("  --A__b  ", "a-b"),
        ("über", "ber"),
        ("漢字", "skill"),
        ("", "skill"),
        ("x" * 70, "x" * 64),
        (f"{'a' * 40} {'b' * 24} c", "a" * 40),
    ],
)
def test_slugs(text: str, name: str) -> None:
    """Words are kept whole and cut at the word where they would be too long."""
    assert slug(text) == name
