"""The only place that chooses implementations: from names to models, renderers and tools."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from strop.app.project import Project
from strop.config import Entry, price_of
from strop.errors import ConfigRefused, MissingPart
from strop.models.transport import Wire
from strop.readers.apart import Texts
from strop.renderers.theme import Theme, load_theme
from strop.seams import Embedder, Model, ModelCard, Renderer, Tables, Tool
from strop.swarm.endpoints.limits import DRIP
from strop.swarm.endpoints.pool import Pool
from strop.tools.fetch import Fetch, Pages
from strop.tools.files import ListFiles, ReadFile, SearchFiles
from strop.tools.inside import Inside
from strop.tools.sources import open_table
from strop.tools.tables import CompanionTable
from strop.types.fingerprint import digest
from strop.types.money import Price
from strop.types.vectors import EmbedderCard
from strop.types.work import Binding, Kind, Sources, Spec

if TYPE_CHECKING:
    from strop.net.connector import Deadlines

TEXTS = Texts(environment=os.environ)
"""Documents as text, each read once a process: all agents see, and the gate judges by, the same words."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Monotonic time."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class SystemChance:
    """Jitter from the system's generator."""

    def random(self) -> float:
        return secrets.randbelow(2**32) / 2**32


def weights_of(project: Project, name: str) -> Path:
    """The GGUF that `embedded` or `embedded:PATH` means.

    Raises:
        MissingPart: no weights are installed.
    """
    from strop.models.weights import find_weights, shared_folder, weights_folder

    _, _, path = name.partition(":")
    chosen = path or project.config.settings.weights
    if chosen:
        return Path(chosen).expanduser()
    users = weights_folder(project.environment, home=Path.home())
    if project.environment.get("STROP_WEIGHTS"):
        return find_weights(users)  # said outright: no other place is searched
    return find_weights(shared_folder(Path(sys.prefix)), users)  # `make demo` keeps them in its environment


def _embedded(project: Project, name: str, entry: Entry, card: ModelCard) -> Model:
    from strop.models.embedded import EmbeddedModel

    return EmbeddedModel(
        weights_of(project, name), name=name, family=entry.family, threads=project.config.settings.threads
    )


def _openai(project: Project, name: str, entry: Entry, card: ModelCard) -> Model:
    from strop.models.openai_chat import ChatManners, OpenAIChat

    manners = ChatManners(**entry.manners)  # type: ignore[arg-type]  # fields are checked by the dataclass's names
    return OpenAIChat(card, wire=_endpoint(project, entry), manners=manners)


def _anthropic(project: Project, name: str, entry: Entry, card: ModelCard) -> Model:
    from strop.models.anthropic_messages import AnthropicMessages, MessagesManners

    manners = MessagesManners(**entry.manners)  # type: ignore[arg-type]  # fields are checked by the dataclass's names
    return AnthropicMessages(card, wire=_endpoint(project, entry), manners=manners)


def _scripted(project: Project, name: str, entry: Entry, card: ModelCard) -> Model:
    from strop.models.scripted import ScriptedModel

    return ScriptedModel.read(project.folder / entry.id, clock=SystemClock(), card=card)


MODELS: dict[str, Callable[[Project, str, Entry, ModelCard], Model]] = {
    "embedded": _embedded,
    "openai": _openai,
    "anthropic": _anthropic,
    "scripted": _scripted,
}


def _endpoint(project: Project, entry: Entry, deadlines: Deadlines | None = None) -> Wire:
    from strop.net.connector import Auth, Deadlines, Endpoint
    from strop.net.secrets import Secret

    most = project.config.settings.limits.hang_most + 1
    secret = Secret(entry.keys)
    present = secret.present(project.environment)
    if not present and entry.keys and not entry.key_optional:
        raise MissingPart(
            f"no key for {entry.id}: set {' or '.join(entry.keys)} in the environment, "
            "or work without one: " + ("leave the role out" if entry.wire == "embeddings" else "--worker embedded")
        )
    return Endpoint(
        entry.base_url,
        allow=frozenset((entry.host,)),
        secret=secret if present else None,
        auth=Auth.API_KEY if entry.auth == "x-api-key" else Auth.BEARER,
        # The pool above cuts what hangs, by the run's own medians; these are only the last resort below it.
        deadlines=deadlines or Deadlines(first_byte=most, idle=most, total=most * DRIP),
        environ=project.environment,
    )


def build_embedder(project: Project, locator: str) -> Embedder:
    """Who turns texts into vectors, by a catalogue name or locator. Opens no connection.

    Raises:
        ConfigRefused, MissingPart: unknown, no embedding model, unpriced, without its key.
    """
    from strop.models.openai_embeddings import EmbeddingManners, OpenAIEmbeddings
    from strop.net.connector import Deadlines

    name, entry = project.config.embedder(locator)
    try:
        manners = EmbeddingManners(**entry.manners)  # type: ignore[arg-type]  # fields are checked by their names
    except TypeError as caught:
        raise ConfigRefused(f"model {name}: manners: {caught}") from caught
    space = f"{name} {digest([entry.id, manners])[:12]}"
    card = EmbedderCard(
        name, entry.id, price_of(name, entry), entry.window, space, manners.inputs, manners.tokens, entry.hosts
    )
    place = entry.places[0]
    # No pool stands above it: what hangs is cut here.
    wire = _endpoint(project, place, Deadlines(first_byte=60.0, idle=30.0, total=120.0))
    return OpenAIEmbeddings(card, wire=wire, manners=manners)


def build_model(project: Project, locator: str, *, chaos: int | None = None) -> Model:
    """The model of a catalogue name or locator, a remote one in a pool. Opens no connection.

    `chaos` is the seed of mishaps that its calls are to meet, below the pool, so that the pool meets them too.

    Raises:
        ConfigRefused, MissingPart: unknown, unpriced, without its key, package or weights.
    """
    name, entry = project.config.entry(locator)
    if entry.wire not in MODELS:
        raise ConfigRefused(f"{name} makes vectors and answers nothing: it serves the role embedder only")
    card = ModelCard(
        name=name,
        id=entry.id,
        family=entry.family,
        price=price_of(name, entry),
        window=entry.window,
        output=entry.output,
        tools=entry.tools,
        hosts=entry.hosts,
        local=entry.wire == "embedded",
    )
    if not entry.hosts:
        return _troubled(MODELS[entry.wire](project, name, entry, card), chaos)
    models = [
        _troubled(MODELS[entry.wire](project, name, each, replace(card, hosts=(each.host,))), chaos)
        for each in _reachable(project, entry)
    ]
    limits = project.config.settings.limits.of(own=entry.own)
    # All hosts stay on the card, also of places whose key is not set here: the plan's list depends on no machine.
    return Pool(models, card=card, clock=SystemClock(), chance=SystemChance(), limits=limits, caches=entry.prefix_cache)


def _troubled(model: Model, chaos: int | None) -> Model:
    if chaos is None:
        return model
    from strop.models.chaos import ChaosModel

    return ChaosModel(model, clock=SystemClock(), seed=chaos)


def _reachable(project: Project, entry: Entry) -> list[Entry]:
    """The entry's places whose key is there or that need none; where no key is, one that says so or all without."""
    places = entry.places
    found = [each for each in places if not each.keys or any(project.environment.get(key) for key in each.keys)]
    if found:
        return found
    if entry.key_optional:
        return list({each.base_url: each for each in places}.values())
    return [places[0].model_copy(update={"keys": tuple(dict.fromkeys(key for each in places for key in each.keys))})]


def binding_of(role: str, card: ModelCard) -> Binding:
    """A role bound to a model at its present price."""
    return Binding(role, card.name, card.price, card.window, card.output, card.hosts, card.family)


def theme_of(project: Project) -> Theme:
    """The look of every file: ours, under the project's own `theme.toml` or the file that `theme` names.

    Raises:
        ConfigRefused: it cannot be read, or a key of it is wrong; the message names file, key and fix.
        MissingPart: it names a family, and the extra `files` is not there to look for it.
    """
    path = theme_path(project)
    theme, ours = load_theme(path), load_theme()
    own = {theme.fonts.text, theme.fonts.chart, theme.fonts.mono} - {ours.fonts.text, ours.fonts.chart, ours.fonts.mono}
    if own:
        from strop.renderers.glyphs import absent_families

        if absent := absent_families(sorted(own)):
            raise ConfigRefused(f"theme {path}: [fonts] names {absent[0]}, which is not on this machine. Install it")
    return theme


def theme_path(project: Project) -> Path | None:
    """The project's own theme; None where it has none.

    Raises:
        ConfigRefused: strop.toml names a file that is not there.
    """
    named = project.config.settings.theme
    path = project.folder / (named or "theme.toml")
    if path.is_file():
        return path
    if named:
        raise ConfigRefused(f"{project.config.path}: theme = {named!r} is no file. Name one, or leave theme out")
    return None


def renderers(theme: Theme | None = None) -> dict[Kind, Renderer]:
    """Every format in one look, ours unless another is said; heavy libraries load when the first file is written."""
    theme = theme or load_theme()
    from strop.renderers.chart_file import PngFile, SvgFile
    from strop.renderers.code_file import CodeFile
    from strop.renderers.csv_file import CsvFile
    from strop.renderers.docx_file import DocxFile
    from strop.renderers.html_file import HtmlFile
    from strop.renderers.json_file import JsonFile
    from strop.renderers.jsonl_file import JsonlFile
    from strop.renderers.markdown_file import MarkdownFile
    from strop.renderers.parquet_file import ParquetFile
    from strop.renderers.pdf_file import PdfFile
    from strop.renderers.pptx_file import PptxFile
    from strop.renderers.xlsx_file import XlsxFile

    tables = (CsvFile(), JsonlFile(), ParquetFile(), XlsxFile(theme), JsonFile())
    office = (DocxFile(theme), PptxFile(theme))
    pages = (PdfFile(theme), HtmlFile(theme), PngFile(theme), SvgFile(theme), MarkdownFile(), CodeFile())
    made: tuple[Renderer, ...] = (*tables, *office, *pages)
    return {each.kind: each for each in made}


def tools(inside: Inside, material: Inside, web: Pages | None = None) -> dict[str, Tool]:
    """What agents may call: files inside the allowed roots, tables, companions included, and pages where any may be."""
    made: tuple[Tool, ...] = (ReadFile(inside), ListFiles(inside), SearchFiles(inside), CompanionTable(material))
    made += (Fetch(web),) if web is not None else ()
    return {each.spec.name: each for each in made}


def tables_of(project: Project, spec: Spec) -> Tables:
    """Opens the tables that the spec's rows are taken from."""
    _, material = inside_of(project, spec)
    return lambda path: open_table(material, path)


def nobody() -> Model:
    """Stands where no model works: a spec of nothing but taken tables asks none."""
    from strop.models.scripted import ScriptedModel

    card = ModelCard("none", "none", "unknown", Price(), window=1, output=1, tools=False, local=True)
    return ScriptedModel((), clock=SystemClock(), card=card, name="no model")


KNOWLEDGE = "knowledge/**"


def inside_of(project: Project, spec: Spec) -> tuple[Inside, Inside]:
    """(what agents may read, the same with the companions of units and the tables that rows are taken from).

    A spec whose work is planned may quote the project's knowledge, without naming it.
    """
    known = (KNOWLEDGE,) if spec.each is None and (project.folder / "knowledge").is_dir() else ()
    sources = Sources((*spec.sources.allow, *known), spec.sources.deny)
    beside = (spec.companion.replace("{stem}", "*"),) if spec.companion else ()
    beside += tuple(output.taken for output in spec.outputs if output.taken)
    wider = Sources(
        (*sources.allow, *beside, *((spec.each,) if spec.each and not spec.items else ())), spec.sources.deny
    )
    folder = project.folder.absolute()
    return Inside(folder, sources, TEXTS.text_of), Inside(folder, wider, TEXTS.text_of)
