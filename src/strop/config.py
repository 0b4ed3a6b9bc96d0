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
from strop.swarm.endpoints.limits import Limits
from strop.types.money import Price

STALE_DAYS = 90
ROLES = ("worker", "planner", "verifier", "reserve", "embedder")
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


class Place(BaseModel):
    """One of several places where a model is served."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    base_url: str = ""
    """Empty: the entry's own."""
    keys: tuple[str, ...] = ()
    """Every one that is set is an endpoint of its own; empty: the first of the entry's keys that is set."""


class Entry(BaseModel):
    """One model of the catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = ""
    family: str = "unknown"
    wire: Literal["openai", "anthropic", "embeddings", "embedded", "scripted"]
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
    prefix_cache: bool = False
    """The provider documents that a prompt's beginning is cached: one call of a wave then goes ahead."""
    endpoints: tuple[Place, ...] = ()
    """Where the same model is served, when in several places or under several keys."""
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
    def places(self) -> tuple[Entry, ...]:
        """The entry once for each endpoint: one base URL, and the keys of which the first that is set is used."""
        if not self.endpoints:
            return (self,)
        return tuple(
            self.model_copy(update={"base_url": place.base_url or self.base_url, "keys": keys, "endpoints": ()})
            for place in self.endpoints
            for keys in ([(key,) for key in place.keys] or [self.keys])
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every `host:port` that calls may go to."""
        return tuple(dict.fromkeys(place.host for place in self.places if place.host))

    @property
    def own(self) -> bool:
        """Whether calls stay on this machine or network, where nobody bills by the token."""
        return all(place.at_home for place in self.places)

    @property
    def at_home(self) -> bool:
        """Whether the entry's own base URL is on this machine or network."""
        host = urlsplit(self.base_url).hostname or ""
        if host == "localhost":
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or address.is_private


_LIMITS = Limits()


class LimitSettings(BaseModel):
    """How calls to remote models are let out and cut; see `swarm.endpoints.limits` for what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    concurrency: int = Field(default=_LIMITS.concurrency, ge=1, le=4_096)
    own_concurrency: int = Field(default=1_024, ge=1, le=4_096)
    """The same where a server on this machine or network queues by itself."""
    hang_multiple: float = Field(default=_LIMITS.hang_multiple, ge=1.5, le=100)
    hang_floor: float = Field(default=_LIMITS.hang_floor, gt=0, le=3_600)
    hang_first: float = Field(default=_LIMITS.hang_first, gt=0, le=3_600)
    hang_most: float = Field(default=_LIMITS.hang_most, gt=0, le=86_400)
    hedge: float = Field(default=_LIMITS.hedge, ge=0, le=1)
    hedge_multiple: float = Field(default=_LIMITS.hedge_multiple, ge=1.5, le=100)
    hedge_floor: float = Field(default=_LIMITS.hedge_floor, gt=0, le=3_600)
    warm_first: bool = _LIMITS.warm_first
    warm_wait: float = Field(default=_LIMITS.warm_wait, gt=0, le=3_600)
    warm_least: int = Field(default=_LIMITS.warm_least, ge=0, le=10_000_000)

    def of(self, *, own: bool) -> Limits:
        """As the pool takes them; `own` for servers on this machine or network."""
        said = self.model_dump(exclude={"own_concurrency"})
        said["concurrency"] = self.own_concurrency if own else self.concurrency
        return Limits(**said)

    @property
    def shown(self) -> str:
        """Every value on one line, for `strop doctor`."""
        return ", ".join(f"{name} {str(value).lower()}" for name, value in self.model_dump().items())


class GateSettings(BaseModel):
    """How a refuting model is measured; see `checking.calibration`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    floor: float = Field(default=0.6, gt=0, lt=1, allow_inf_nan=False)
    """Least share of planted flaws that it has to find."""


class LearningSettings(BaseModel):
    """How what runs leave is tried; see `learning.experiments` and `learning.admission`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    experiments: bool = True
    """Whether candidates are tried, and what is in use looked at again, on a fifth of a wave's units at the most."""
    pairs: int = Field(default=120, ge=10, le=10_000)
    """Pairs that a trial is planned for: it is looked at after 60, 80 and 100 % of them."""
    usd: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Cap of one `strop learn`, `strop skills test` or canary replay, apart from the budgets of runs; and, inside a
    run's own cap, of what reading again may cost where something was tried: so many units are tried on as it allows."""


class EmbeddingSettings(BaseModel):
    """What is near by its meaning, where the role `embedder` is bound; see `learning.fusion`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    floor: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)
    """Least cosine of a passage or an item that words alone would not let in."""


class Settings(BaseModel):
    """strop.toml as it may be written; every part is optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    roles: dict[str, str] = Field(default_factory=dict[str, str])
    models: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Catalogue entries to add, or fields of known ones to override."""
    limits: LimitSettings = LimitSettings()
    gate: GateSettings = GateSettings()
    learning: LearningSettings = LearningSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    weights: str = ""
    """Path of a GGUF file for the embedded model."""
    threads: int = Field(default=2, ge=1, le=256)
    durability: Literal["process", "power"] = "process"
    store: str = "sqlite"
    """Where journals are kept: `sqlite`, or a `postgresql://user@host/database` without a password."""
    crew: str = "local"
    """Where agents run: `local`, `ray`, or `ray:HOST:PORT`."""
    hosts: int = Field(default=2, ge=1, le=1_000)
    """Processes of a crew that is not local."""
    context: Literal["hide-tool-results", "shard", "keep"] = "hide-tool-results"
    """What is done when an agent's conversation fills its window."""
    outlier: float = Field(default=5.0, ge=0, le=1_000, allow_inf_nan=False)
    """An agent that costs this many times its siblings' median is paused and a person asked; 0 asks nobody."""
    exemplars: int = Field(default=4, ge=0, le=32)
    """Worked examples that a skill keeps."""
    theme: str = ""
    """A file of colours, fonts and sizes beside strop.toml; empty: `theme.toml`, where there is one."""


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
        if "," in locator and not locator.startswith(("embedded:", "scripted:")):
            return locator, self._together(locator)
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

    def embedder(self, locator: str) -> tuple[str, Entry]:
        """(name, entry) of who turns texts into vectors; `openai:URL#MODEL` means the embeddings served there.

        Raises:
            ConfigRefused: an unknown name, a model that answers in words, or several endpoints.
        """
        if locator not in self.catalogue and locator.startswith("openai:") and "#" in locator:
            locator = f"embeddings:{locator.removeprefix('openai:')}"
        name, entry = self.entry(locator)
        if entry.wire != "embeddings":
            there = ", ".join(sorted(each for each, held in self.catalogue.items() if held.wire == "embeddings"))
            raise ConfigRefused(
                f"{name} is no embedding model. Write embedder = {there}, embeddings:URL#MODEL, "
                'or a model of your own with wire = "embeddings"'
            )
        if len(entry.places) > 1:
            raise ConfigRefused(f"{name} has {len(entry.places)} endpoints; an embedder takes one")
        return name, entry

    def _together(self, locators: str) -> Entry:
        """Several locators, joined by commas, as one entry with several endpoints."""
        named = [self.entry(each.strip()) for each in locators.split(",")]
        (first, one), rest = named[0], named[1:]
        for name, other in rest:
            if _kind(other) != _kind(one) or other.own != one.own:
                raise ConfigRefused(
                    f"{first} and {name} are not one model: endpoints joined by a comma must agree in wire, model id, "
                    "key header, price and manners"
                )
        places = tuple(
            Place(base_url=place.base_url, keys=place.keys if entry.endpoints else ())
            for _, entry in named
            for place in entry.places
        )
        least = {"window": min(entry.window for _, entry in named), "output": min(entry.output for _, entry in named)}
        return one.model_copy(update={"endpoints": places, **least})

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
        if role in ("reserve", "embedder"):
            return ""
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


def _kind(entry: Entry) -> tuple[object, ...]:
    """What endpoints of one model have in common. Keys too: one of them is looked up for all."""
    return entry.wire, entry.id, entry.auth, entry.keys, entry.price, entry.manners


def _first(caught: ValidationError, *, known: type[BaseModel]) -> str:
    """The first flaw in our words: which key, what is wrong with it, what to write."""
    error = caught.errors()[0]
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = LimitSettings if error["loc"][0] == "limits" else known
        near = difflib.get_close_matches(str(error["loc"][-1]), known.model_fields, n=1)
        return f"unknown key {place!r}. " + (
            f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known.model_fields)}"
        )
    if error["type"] == "missing":
        return f"{place} is missing. A model needs wire, window and output"
    return f"{place} = {str(error['input'])[:60]!r}: {error['msg']}"
