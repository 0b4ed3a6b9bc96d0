"""The catalogue of models is data that its readers can trust."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from strop.models.anthropic_messages import MessagesManners
from strop.models.openai_chat import ChatManners
from strop.models.openai_embeddings import EmbeddingManners

CATALOGUE: dict[str, Any] = tomllib.loads(files("strop.models").joinpath("catalogue.toml").read_text("utf-8"))
MODELS: dict[str, dict[str, Any]] = CATALOGUE["models"]
MANNERS = {"openai": ChatManners, "anthropic": MessagesManners, "embeddings": EmbeddingManners}
TOLD = {"id", "family", "wire", "keys", "window", "output", "licence", "needs", "as_of", "source"}
REMOTE = {"base_url", "auth"}
PER_WIRE = {"openai": REMOTE, "anthropic": REMOTE, "embeddings": REMOTE, "embedded": set[str]()}
FREE = {
    "price",
    "price_unknown",
    "genai_prices",
    "retires",
    "successor",
    "legacy",
    "tools",
    "prefix_cache",
    "endpoints",
    "manners",
}


@pytest.mark.parametrize("name", MODELS)
def test_each_entry_is_whole(name: str) -> None:
    """Nothing missing, nothing misspelt; a price or the word that there is none."""
    entry = MODELS[name]
    needed = TOLD | PER_WIRE[entry["wire"]]
    assert needed <= set(entry) <= needed | FREE
    assert ("price" in entry) != entry.get("price_unknown", False)
    assert isinstance(entry["as_of"], date)
    assert 0 < entry["output"] < entry["window"]
    for amount in entry.get("price", {}).values():
        assert Decimal(amount) >= 0
    assert entry.get("successor", name) in MODELS


@pytest.mark.parametrize("entry", [*MODELS.values(), *CATALOGUE["defaults"].values()], ids=str)
def test_manners_are_fields_that_their_adapter_has(entry: dict[str, Any]) -> None:
    """A misspelt manner is refused, not passed over."""
    from pydantic import TypeAdapter

    if entry["wire"] == "embedded":
        return
    kind = MANNERS[entry["wire"]]
    assert set(entry["manners"]) <= set(kind.__slots__)
    TypeAdapter(kind).validate_python(entry["manners"])


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if "genai_prices" in entry])
def test_prices_are_those_of_genai_prices(name: str) -> None:
    """Where that source knows the model; a change there asks for a new look here."""
    from genai_prices import data

    provider_id, model_id = MODELS[name]["genai_prices"].split("/")
    provider = next(each for each in data.providers if each.id == provider_id)
    known = next(each for each in provider.models if each.id == model_id)
    theirs: Any = known.prices
    ours = {key: Decimal(amount) for key, amount in MODELS[name]["price"].items()}
    assert ours["input"] == theirs.input_mtok
    assert ours["cached"] == theirs.cache_read_mtok
    assert ours["output"] == theirs.output_mtok
    # Vendors whose caching is automatic bill what they write at the price of input.
    assert ours["cache_write"] == (theirs.cache_write_mtok or theirs.input_mtok)
    assert known.context_window == MODELS[name]["window"]
