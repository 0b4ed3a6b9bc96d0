"""strop.toml and the catalogue: models, roles and settings as data, checked once at the rim.

Every default is visible in `strop doctor`. Keys are named here, never held: their values stay in the
environment until a socket needs them.
"""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from strop.errors import ConfigRefused
from strop.types.money import Price

STALE_DAYS = 90
ROLES = ("worker", "planner", "verifier")
EMBEDDED = "smollm2-135m"


class PriceTable(BaseModel):
    """Dollars per million tokens, decimals as text."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    input: str
    cached: str = ""
    cache_write: str = ""
    output: str

    def as_price(self) -> Price:
        """Classes that are not named cost what plain input costs."""
        return Price(self.input, self.cached or self.input, self.cache_write or self.input, self.output)


class Entry(BaseModel):
    """One model of the catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = ""
    family: str = "unknown"
    wire: Literal["openai", "anthropic", "embedded", "scripted"]
    base_url: str = ""
    auth: Literal["bearer", "x-api-key", "none"] = "bearer"
    keys: tuple[str, ...] = ()
    key_optional: bool = False
    window: int = Field(gt=0)
    output: int = Field(gt=0)
    price: PriceTable | None = None
    price_unknown: bool = False
    genai_prices: str = ""
    retires: date | None = None
    successor: str = ""
    legacy: bool = False
    tools: bool = True
    licence: str = ""
    needs: str = ""
    as_of: date | None = None
    source: str = ""
    manners: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])

    @property
    def host(self) -> str:
        """`host:port` that calls go to; empty for the embedded model."""
        if not self.base_url:
            return ""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def own(self) -> bool:
        """Whether calls stay on this machine or network, where nobody bills by the token."""
        host = urlsplit(self.base_url).hostname or ""
        if host == "localhost":
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or address.is_private


class Settings(BaseModel):
    """strop.toml as it may be written; every part is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    roles: dict[str, str] = Field(default_factory=dict[str, str])
    models: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Catalogue entries to add, or fields of known ones to override."""
    weights: str = ""
    """Path of a GGUF file for the embedded model."""
    threads: int = Field(default=2, ge=1, le=256)
    durability: Literal["process", "power"] = "process"
    exemplars: int = Field(default=4, ge=0, le=32)
    """Worked examples that a skill keeps."""


@dataclass(frozen=True, slots=True)
class Config:
    """What holds for a project: its settings over the shipped catalogue."""

    settings: Settings
    catalogue: Mapping[str, Entry]
    defaults: Mapping[str, Entry]
    as_of: date
    path: Path | None = None
    """The strop.toml that was read; None when there is none."""

    def entry(self, locator: str) -> tuple[str, Entry]:
        """(name, entry) of a catalogue name or of a locator like `openai:http://127.0.0.1:8000/v1#model`.

        Raises:
            ConfigRefused: an unknown name or a locator that cannot be read.
        """
        if locator in self.catalogue:
            return locator, self.catalogue[locator]
        wire, _, rest = locator.partition(":")
        if wire == "embedded":
            return locator, self.catalogue[EMBEDDED]
        if wire == "scripted" and rest:
            return locator, Entry(id=rest, family="scripted", wire="scripted", window=262_144, output=8_192)
        if wire in self.defaults and rest:
            return locator, self._located(wire, rest)
        names = ", ".join(sorted(self.catalogue))
        raise ConfigRefused(
            f"unknown model {locator!r}. Use one of {names}, embedded, embedded:PATH.gguf, "
            "or openai:URL#MODEL, anthropic:URL#MODEL"
        )

    def _located(self, wire: str, rest: str) -> Entry:
        if rest in self.catalogue and self.catalogue[rest].wire == wire:
            return self.catalogue[rest]
        url, _, model = rest.partition("#")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not model:
            raise ConfigRefused(
                f"{wire}:{rest} is no locator; write {wire}:http://127.0.0.1:8000/v1#MODEL (URL, #, model name)"
            )
        return self.defaults[wire].model_copy(update={"id": model, "base_url": url})

    def locator(self, role: str, environment: Mapping[str, str]) -> str:
        """The model of a role: as configured, else the default whose key is there; empty when none serves.

        Without a key the embedded model works; planner and verifier then do not exist.
        """
        if chosen := self.settings.roles.get(role):
            return chosen
        wanted = "kimi-k2.6" if role == "worker" else "claude-opus-5-5"
        if any(environment.get(key) for key in self.catalogue[wanted].keys):
            return wanted
        return "embedded" if role == "worker" else ""


def load(folder: Path) -> Config:
    """The configuration of a project folder.

    Raises:
        ConfigRefused: strop.toml cannot be read or says something unknown; the message names the key.
    """
    shipped = tomllib.loads(resources.files("strop.models").joinpath("catalogue.toml").read_text(encoding="utf-8"))
    path = folder / "strop.toml"
    settings = Settings()
    if path.is_file():
        try:
            settings = Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as caught:
            raise ConfigRefused(f"{path} is no TOML: {caught}. Mend this place") from caught
        except ValidationError as caught:
            raise ConfigRefused(f"{path}: {_first(caught, known=Settings)}") from caught
    if unknown := set(settings.roles) - set(ROLES):
        raise ConfigRefused(f"{path}: roles has no {min(unknown)!r}; there are {', '.join(ROLES)}")
    raw: dict[str, dict[str, JsonValue]] = shipped["models"]
    for name, fields in settings.models.items():
        raw = {**raw, name: {**raw.get(name, {}), **fields}}
    try:
        defaults = {name: Entry.model_validate(fields) for name, fields in shipped["defaults"].items()}
    except ValidationError as caught:
        raise ConfigRefused(f"the shipped catalogue: {_first(caught, known=Entry)}") from caught
    catalogue: dict[str, Entry] = {}
    for name, fields in raw.items():
        try:
            catalogue[name] = Entry.model_validate(fields)
        except ValidationError as caught:
            raise ConfigRefused(f"{path}, model {name}: {_first(caught, known=Entry)}") from caught
    return Config(settings, catalogue, defaults, shipped["as_of"], path if path.is_file() else None)


def price_of(name: str, entry: Entry) -> Price:
    """What a model costs: declared, or free because it runs on the user's own machines.

    Raises:
        ConfigRefused: a provider bills for it and nobody declared the price.
    """
    if entry.price is not None:
        return entry.price.as_price()
    if entry.wire in ("embedded", "scripted") or entry.own:
        return Price()
    raise ConfigRefused(
        f"the price of {name} is not known, so no cap could hold. Declare it in strop.toml: "
        f'[models."{name}"] wire = "{entry.wire}", window = {entry.window}, output = {entry.output}, '
        'base_url = "…", id = "…", price = { input = "0.50", output = "2.00" }'
    )


def _first(caught: ValidationError, *, known: type[BaseModel]) -> str:
    """The first flaw in our words: which key, what is wrong with it, what to write."""
    error = caught.errors()[0]
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), known.model_fields, n=1)
        return f"unknown key {place!r}. " + (
            f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known.model_fields)}"
        )
    if error["type"] == "missing":
        return f"{place} is missing. A model needs wire, window and output"
    return f"{place} = {str(error['input'])[:60]!r}: {error['msg']}"
