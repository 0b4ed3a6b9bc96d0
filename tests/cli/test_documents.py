"""The documents keep up with the code: keys, defaults, facts and tests that they name are there, and all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from strop.config import ROLES, EmbeddingSettings, Entry, GateSettings, LearningSettings, LimitSettings, Settings
from strop.loop.specify import BUDGET_KEYS
from strop.types.events import KINDS

HERE = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([a-z_]+)` \| ([^|]*)\|", re.MULTILINE)


def section(document: str, head: str) -> str:
    """A document's part between one heading and the next of its level."""
    text = (HERE / "docs" / document).read_text("utf-8")
    return re.split(r"^#{1,2} ", text.split(f"# {head}\n", 1)[1], flags=re.MULTILINE)[0]


def said(default: object) -> str:
    """A default as the documents write it."""
    if isinstance(default, BaseModel):
        return "below"
    if default in ("", None, (), {}):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


SETTINGS = {
    "strop.toml": Settings,
    "Models": Entry,
    "Limits": LimitSettings,
    "The gate": GateSettings,
    "Learning": LearningSettings,
    "Embeddings": EmbeddingSettings,
}


@pytest.mark.parametrize("head", SETTINGS)
def test_every_setting_is_described_with_its_default(head: str) -> None:
    """docs/settings.md has a row for each key, the default that holds, and none for what is not there."""
    rows = {name: default.strip() for name, default in ROW.findall(section("settings.md", head))}
    fields = SETTINGS[head].model_fields
    held = {
        name: "" if field.is_required() else said(field.get_default(call_default_factory=True))
        for name, field in fields.items()
    }
    assert rows == held


def test_every_role_is_described() -> None:
    """With what holds where nobody was named."""
    assert tuple(name for name, _ in ROW.findall(section("settings.md", "Roles"))) == ROLES


def test_every_cap_is_described() -> None:
    """docs/spec.md has a row for each key of `budget`, docs/guardrails.md says what happens when it is met."""
    spec = (HERE / "docs" / "spec.md").read_text("utf-8").split("A key of `budget`")[1].split("An entry of")[0]
    assert tuple(name for name, _ in ROW.findall(spec)) == BUDGET_KEYS
    guardrails = (HERE / "docs" / "guardrails.md").read_text("utf-8")
    assert [key for key in BUDGET_KEYS if not re.search(rf"`{key}`|{{{key}: ", guardrails)] == []


def test_what_the_guardrails_name_is_there() -> None:
    """Each test exists under that name, each fact is one of the journal's, each setting one of strop.toml."""
    text = (HERE / "docs" / "guardrails.md").read_text("utf-8")
    tests = re.findall(r"`(tests/[a-z_/]+\.py)::(\w+)`", text)
    gone = [name for file, name in tests if f"def {name}(" not in (HERE / file).read_text("utf-8")]
    facts = set(re.findall(r"`((?:[A-Z][a-z]+){2,}|Asked|Answered|Compacted)`", text))
    assert len(tests) > 30
    assert gone == []
    assert facts - set(KINDS) == set()
    assert len(facts) >= 9
    assert {"outlier", "context"} <= set(Settings.model_fields)
    hangs = set(re.findall(r"`(hang_\w+)`", text))
    assert hangs == {name for name in LimitSettings.model_fields if name.startswith("hang_")}
