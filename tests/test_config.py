"""strop.toml over the shipped catalogue: what is taken, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.config import load, price_of
from strop.errors import ConfigRefused
from strop.swarm.endpoints.limits import Limits


def written(folder: Path, text: str) -> Path:
    (folder / "strop.toml").write_text(text)
    return folder


def test_without_a_file_and_a_key_the_embedded_model_works_alone(tmp_path: Path) -> None:
    """Planner and verifier then do not exist; with keys the catalogue's defaults serve."""
    config = load(tmp_path)
    assert [config.locator(role, {}) for role in ("worker", "planner", "verifier")] == ["embedded", "", ""]
    keys = {"MOONSHOT_API_KEY": "x", "ANTHROPIC_API_KEY": "y"}
    assert config.locator("worker", keys) == "kimi-k2.6"
    assert config.locator("verifier", keys) == "claude-opus-5-5"


def test_a_role_and_a_field_of_a_model_are_overridden(tmp_path: Path) -> None:
    """The rest of the entry stays as shipped."""
    text = '[roles]\nworker = "kimi-k3"\n[models.kimi-k3]\noutput = 77\n'
    config = load(written(tmp_path, text))
    assert config.locator("worker", {"ANTHROPIC_API_KEY": "y"}) == "kimi-k3"
    _, entry = config.entry("kimi-k3")
    assert (entry.output, entry.wire) == (77, "openai")
    assert price_of("kimi-k3", entry).input == "3"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("threads = ", "is no TOML"),
        ("threads = 0", "threads = '0'"),
        ("thread = 2", "unknown key 'thread'. Did you mean threads?"),
        ("[roles]\nwriter = 'embedded'", "roles has no 'writer'"),
        ("[models.x]\nwire = 'smtp'\nwindow = 1\noutput = 1", "model x: wire = 'smtp'"),
        ("[models.x]\nwire = 'openai'\nwindow = 1\noutput = 1\nprise = 2", "unknown key 'prise'. Did you mean price?"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_key(tmp_path: Path, text: str, complaint: str) -> None:
    """File, key, and the nearest that there is."""
    with pytest.raises(ConfigRefused) as refused:
        load(written(tmp_path, text))
    assert complaint in str(refused.value)
    assert "strop.toml" in str(refused.value)


@pytest.mark.parametrize("locator", ["gpt-17", "openai:", "openai:http://x", "openai:ftp://x#m", "scripted:"])
def test_a_locator_that_names_nothing_is_refused(tmp_path: Path, locator: str) -> None:
    """What may be written stands in the message."""
    with pytest.raises(ConfigRefused, match=r"Use one of|write openai:"):
        load(tmp_path).entry(locator)


def test_what_a_stranger_bills_needs_a_price_and_ones_own_machine_none(tmp_path: Path) -> None:
    """No cap could hold without one."""
    config = load(tmp_path)
    assert price_of("mine", config.entry("openai:http://127.0.0.1:8000/v1#m")[1]).free
    with pytest.raises(ConfigRefused, match=r"Declare it in strop\.toml"):
        price_of("theirs", config.entry("openai:https://example.com/v1#m")[1])


def test_several_locators_are_one_model_in_several_places(tmp_path: Path) -> None:
    """Each host is listed; what is not one model is refused."""
    config = load(tmp_path)
    both = "openai:http://127.0.0.1:8001/v1#m,openai:http://127.0.0.1:8002/v1#m"
    name, entry = config.entry(both)
    assert (name, entry.hosts) == (both, ("127.0.0.1:8001", "127.0.0.1:8002"))
    assert [place.base_url for place in entry.places] == ["http://127.0.0.1:8001/v1", "http://127.0.0.1:8002/v1"]
    assert price_of(name, entry).free
    for other in ("openai:http://127.0.0.1:8002/v1#n", "openai:https://example.com/v1#m", "kimi-k2.6"):
        with pytest.raises(ConfigRefused, match="are not one model"):
            config.entry(f"openai:http://127.0.0.1:8001/v1#m,{other}")
    with pytest.raises(ConfigRefused, match="unknown model"):
        config.entry("kimi-k2.6,gpt-17")


def test_an_entry_may_name_endpoints_and_keys(tmp_path: Path) -> None:
    """Each key of an endpoint is one of its own; without, the entry's keys hold there too."""
    text = """
[models.m]
wire = "openai"
base_url = "http://10.0.0.1:8000/v1"
id = "m"
window = 1000
output = 100
keys = ["MINE"]
endpoints = [{ keys = ["A", "B"] }, { base_url = "http://10.0.0.2:8000/v1" }]
"""
    _, entry = load(written(tmp_path, text)).entry("m")
    assert [(place.base_url[-9:-3], place.keys) for place in entry.places] == [
        ("1:8000", ("A",)),
        ("1:8000", ("B",)),
        ("2:8000", ("MINE",)),
    ]
    assert entry.hosts == ("10.0.0.1:8000", "10.0.0.2:8000")
    assert entry.own
    with pytest.raises(ConfigRefused, match=r"model m: unknown key 'endpoints\.0\.url'"):
        load(written(tmp_path, text.replace("{ keys", "{ url")))


def test_limits_have_defaults_and_bounds(tmp_path: Path) -> None:
    """Own servers queue by themselves and start wide; a misspelt limit is named."""
    limits = load(tmp_path).settings.limits
    assert (limits.of(own=False).concurrency, limits.of(own=True).concurrency) == (64, 1_024)
    assert limits.of(own=False) == Limits()
    limits = load(written(tmp_path, "[limits]\nhang_multiple = 8\nwarm_first = false\n")).settings.limits
    assert (limits.of(own=True).hang_multiple, limits.of(own=True).warm_first) == (8.0, False)
    assert "hang_multiple 8.0" in limits.shown
    for line, complaint in (
        ("concurrency = 0", "limits.concurrency = '0'"),
        ("hang_flor = 1", "unknown key 'limits.hang_flor'. Did you mean hang_floor?"),
    ):
        with pytest.raises(ConfigRefused) as refused:
            load(written(tmp_path, f"[limits]\n{line}\n"))
        assert complaint in str(refused.value)
