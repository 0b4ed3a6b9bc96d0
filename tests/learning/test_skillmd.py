"""A skill's folder in the Agent Skills format, held to it by a validator of our own and by its makers'."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from strop.drafting.answers import reading_schema
from strop.learning.skillmd import projection, slug
from strop.types.events import revive
from strop.types.memory import Author, Cost, Item, ItemKind, ItemState, Skill, Taint
from strop.types.schema import parse_schema
from strop.types.work import Column, ColumnType, Exemplar, Kind, Output, RunId, Spec, UnitKey

ITEM = Item("skill/bell-survey", ItemKind.SKILL, "", ItemState.CANDIDATE, taint=Taint.DERIVED)
FIELDS = {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
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


def flaws(folder: str, files: dict[str, bytes]) -> list[str]:
    """What a skill's folder breaks of the specification (agentskills.io, fields and layout)."""
    text = files["SKILL.md"].decode()
    match = re.match(r"---\n(.*?)\n---\n(.+)", text, re.DOTALL)
    if match is None:
        return ["no front matter, or no body"]
    front = yaml.safe_load(match[1])
    if not isinstance(front, dict):
        return ["the front matter is no mapping"]
    found = [f"{key}: no field of the specification" for key in front if key not in FIELDS]
    name, description = front.get("name"), front.get("description")
    if not isinstance(name, str) or re.fullmatch(r"(?=.{1,64}\Z)[a-z0-9]+(-[a-z0-9]+)*", name) is None:
        found.append(f"name: {name!r}")
    if name != folder:
        found.append(f"name: {name!r} in folder {folder!r}")
    if not isinstance(description, str) or not 1 <= len(description.strip()) <= 1024 or len(description) > 1024:
        found.append(f"description: {description!r}")
    for key, most in (("compatibility", 500), ("license", 500), ("allowed-tools", 5_000)):
        if key in front and not (isinstance(front[key], str) and 1 <= len(front[key]) <= most):
            found.append(f"{key}: {front[key]!r}")
    metadata = front.get("metadata", {})
    if not isinstance(metadata, dict) or any(
        not isinstance(key, str) or not isinstance(value, str) for key, value in metadata.items()
    ):
        found.append(f"metadata: {metadata!r}")
    if match[2].count("\n") > 500:
        found.append("the body is longer than 500 lines")
    named = re.findall(r"`((?:references|assets|scripts)/[\w./-]+?)/?`", match[2])
    there = {part for file in files for part in (file, file.rpartition("/")[0])}
    return found + [f"{path} is not there" for path in named if path not in there]


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

    assert flaws("bell-survey", files)


def test_a_projection_is_a_valid_skill() -> None:
    """Six standard fields at most, ours under metadata as text, every file that it names is there."""
    assert flaws("bell-survey", projection(skill(), item=ITEM)) == []


@given(
    st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=120).filter(str.strip),
    st.text(max_size=80),
)
def test_any_description_and_title_give_a_valid_skill(description: str, title: str) -> None:
    """Colons, quotes, control characters, line breaks: what was described is what a YAML reader reads."""
    named = skill(slug(title), description)

    files = projection(named, item=ITEM)

    assert flaws(named.name, files) == []
    front = yaml.safe_load(files["SKILL.md"].decode().split("\n---\n")[0].removeprefix("---\n"))
    assert front["description"] == description


@pytest.mark.parametrize("author", Author)
def test_the_metadata_says_who_described_the_skill(author: Author) -> None:
    """`strop-described` is `model` or `spec`."""
    text = projection(replace(skill(), described=author), item=ITEM)["SKILL.md"].decode()

    front = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert front["metadata"]["strop-described"] == str(author)


@pytest.mark.parametrize("state", ItemState)
def test_the_metadata_says_how_the_entry_stands(state: ItemState) -> None:
    """State and taint are the entry's, told as metadata and in words; the skill itself is the same in every state."""
    files = projection(skill(), item=replace(ITEM, state=state, taint=Taint.UNTRUSTED))

    front = yaml.safe_load(files["SKILL.md"].decode().split("\n---\n")[0].removeprefix("---\n"))
    assert (front["metadata"]["strop-state"], front["metadata"]["strop-taint"]) == (str(state), "untrusted")
    article = {
        ItemState.QUARANTINE: "in ",
        ItemState.PROBATION: "on ",
        ItemState.DRAFT: "a ",
        ItemState.CANDIDATE: "a ",
    }
    assert f"It is {article.get(state, '')}{state}".encode() in files["SKILL.md"]
    assert files["references/skill.json"] == projection(skill(), item=ITEM)["references/skill.json"]


def test_a_skill_kept_with_a_state_inside_is_still_a_skill() -> None:
    """State and taint once stood in the body; there they say nothing any more."""
    held = orjson.loads(projection(skill(), item=ITEM)["references/skill.json"]) | {
        "state": "active",
        "taint": "trusted",
    }

    assert revive(Skill, orjson.dumps(held)) == skill()


def test_a_skill_kept_before_descriptions_had_authors_was_described_by_its_spec() -> None:
    """Its JSON has no such field, and is still a skill."""
    held = orjson.loads(projection(skill(), item=ITEM)["references/skill.json"])
    del held["described"]

    assert revive(Skill, orjson.dumps(held)) == replace(skill(), described=Author.SPEC)


def test_the_makers_validator_agrees(tmp_path: Path) -> None:
    """The reference validator of the format finds nothing in a projection, and finds a field of our own making."""
    oracle = pytest.importorskip("skills_ref", reason="skills-ref, the format's reference validator, is not installed")
    for name, body in projection(skill(), item=ITEM).items():
        path = tmp_path / "bell-survey" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    assert oracle.validate(tmp_path / "bell-survey") == []

    main = tmp_path / "bell-survey" / "SKILL.md"
    main.write_text(main.read_text().replace("metadata:", "version: 1\nmetadata:"))
    assert oracle.validate(tmp_path / "bell-survey")


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
    assert flaws("bell-survey", files) == []


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
