"""Documents as items of the library: what is known now, a new item, and taking one out.

A document goes in by the user's own hand, so its item is active at once; what it says is untrusted, so it is
quoted as data and never becomes an instruction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from strop.errors import BadInput
from strop.learning.excerpts import orders
from strop.learning.library import Shelf, put
from strop.seams import Blobs, Index
from strop.types.document import ReadDocument
from strop.types.events import revive
from strop.types.memory import USED, Item, ItemKind, ItemState, Known, Manifest, Origin, Taint
from strop.types.moves import USER
from strop.types.work import Passage


def documents(manifest: Manifest) -> dict[str, Item]:
    """Items of kind knowledge that may be quoted, by the document's path."""
    held = (item for item in manifest.items if item.kind is ItemKind.KNOWLEDGE and item.state in USED)
    return {item.name: item for item in held}


def body_of(item: Item, *, blobs: Blobs) -> Known:
    """What an item of kind knowledge says of its document.

    Raises:
        JournalFault: its blob is missing or damaged.
    """
    return revive(Known, blobs.get(item.digest))


def entry(read: ReadDocument, *, day: str, old: Item | None) -> tuple[Item, Known]:
    """The item of a document that was read, and its body; `old` is the version that it replaces."""
    item = Item(
        id=f"{ItemKind.KNOWLEDGE}/{read.path}",
        kind=ItemKind.KNOWLEDGE,
        digest="",
        state=ItemState.ACTIVE,
        parent=old.digest if old is not None else "",
        origin=Origin.USER,
        taint=Taint.UNTRUSTED,
        cites=(read.digest,),
        why="added by hand; quoted as data, never an instruction",
    )
    return item, Known(read.path, read.digest, read.format.value, len(read.passages), day)


def forget(path: str, *, library: Shelf, blobs: Blobs, index: Index) -> Known:
    """Retire a document and take its passages out; its bytes stay in the blobs, for runs that cite it.

    Raises:
        BadInput: it is not known.
    """
    there = documents(library.head())
    if path not in there:
        raise BadInput(f"{path} is not known here. See what is with: strop know list")
    item = there[path]
    body = body_of(item, blobs=blobs)
    put(library, blobs, [(_retired(item), body)], by=USER, why=f"{path} taken out")
    index.remove(path)
    return body


def held_back(passages: Iterable[Passage]) -> tuple[Passage, ...]:
    """Those that read like orders to whoever reads by machine: no agent is given one before a person has looked."""
    return tuple(passage for passage in passages if orders(passage.text))


def vouched(item: Item) -> bool:
    """Whether a person has looked at what is held back of a document, and lets it be quoted."""
    return item.taint is Taint.TRUSTED


def vouch(path: str, *, library: Shelf, blobs: Blobs) -> None:
    """Put on record that a person lets all of a document be quoted; a changed one is looked at anew.

    Raises:
        BadInput: it is not known.
    """
    there = documents(library.head())
    if path not in there:
        raise BadInput(f"{path} is not known here. See what is with: strop know list")
    item = replace(there[path], taint=Taint.TRUSTED, why="read by a person; quoted as data, never an instruction")
    put(library, blobs, [(item, body_of(item, blobs=blobs))], by=USER, why=f"{path} may be quoted whole")


def _retired(item: Item) -> Item:
    return replace(item, state=ItemState.RETIRED, why="removed by hand")
