"""Which inputs say nothing of an item, since they hang together with what it was made from.

The texts of an item's inputs are blobs by their hashes, their places stand in the records of the runs that it cites:
with a run's units they make clusters (learning/splitting.py). Who hangs together with one of them is neither tried
nor counted: in a wave, in a replay, for an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from strop.app.project import Project, state_of
from strop.drafting.pages import is_page
from strop.errors import StropError
from strop.learning.splitting import Source, hanging
from strop.types.evidence import Pair
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Item
from strop.types.trial import Run
from strop.types.work import UnitKey


def barred(project: Project, item: Item, paths: Sequence[str]) -> frozenset[str]:
    """The units, by path or URL, that a wave may not try the item on, as far as that is known before it runs.

    A page that is not fetched yet, and a document that is no plain text, goes by its place: what it says is looked
    at when its pair is counted.
    """
    return hanging([Source(path, path, _text(project, path)) for path in paths], made=_made(project, item))


def inputs_of(run: Run, read: Callable[[str], str]) -> Mapping[UnitKey, Source]:
    """Each unit's input; one without a file is its own text, one that cannot be read is left out."""
    found: dict[UnitKey, Source] = {}
    for unit in {unit.key: unit for task in run.plan.tasks for unit in task.units}.values():
        try:
            text = read(unit.source) if unit.source else unit.key
        except StropError:
            continue  # in both arms alike: it is gone
        found[unit.key] = Source(digest_bytes(text.encode()), unit.source, text)
    return found


def own(project: Project, item: Item, inputs: Sequence[Source]) -> frozenset[str]:
    """Hashes of the inputs that are no evidence for the item."""
    return hanging(inputs, made=_made(project, item))


def apart(project: Project, pairs: Sequence[Pair], inputs: Sequence[Source]) -> tuple[Pair, ...]:
    """The pairs whose unit hangs together with nothing that their item was made from; `inputs` are the run's.

    Of a wave's two units the one that worked with the item counts: nothing that it was made from helps the other.
    """
    held = {item.id: item for item in project.db.head().items}
    no = {name: own(project, held[name], inputs) for name in {pair.item for pair in pairs} & held.keys()}
    return tuple(pair for pair in pairs if pair.unit not in no.get(pair.item, ()))


def _made(project: Project, item: Item) -> list[Source]:
    """What the item was made from. A text that is not kept any more is known by its place, and the other way round."""
    if not item.inputs:
        return []
    places = _places(project, item)
    return [Source(digest, places.get(digest, ""), _kept(project, digest)) for digest in item.inputs]


def _places(project: Project, item: Item) -> dict[str, str]:
    """The place of each input, by its hash, from the runs that the item cites."""
    found: dict[str, str] = {}
    for cited in item.cites:
        folder = project.runs / cited.partition(":")[0]
        if found.keys() >= set(item.inputs):
            break
        try:
            state = state_of(folder)
        except StropError:
            continue  # a run that was thrown away, or no run: the text has to say it
        found |= {read.digest: read.path for result in state.results.values() for read in result.sources}
    return found


def _kept(project: Project, digest: str) -> str:
    try:
        return project.blobs.get(digest).decode()
    except (StropError, UnicodeDecodeError):
        return ""


def _text(project: Project, path: str) -> str:
    if is_page(path):
        return ""
    try:
        return (project.folder / path).read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        return ""
