"""Step 7, ground: the user's documents become passages that agents may quote, and items that say so.

The same bytes at the same path cost nothing; changed ones make a new version with the old one as parent. The
bytes are kept as a blob, so that the index can be made again and a quote proved when the file has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from strop.errors import DocumentRefused
from strop.learning.knowledge import documents, entry, held_back
from strop.learning.library import Shelf, put
from strop.seams import Blobs, Index, Reader
from strop.types.count import counted
from strop.types.document import Grounded, Offered, ReadDocument, Told
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Item, Known
from strop.types.moves import USER

_WHY = "documents added by hand"
_PER_COMMIT = 50
"""Documents after which the library's head is moved: what was taken then is kept when the rest is stopped."""


def ground(
    offered: Iterable[Offered],
    *,
    reader: Reader,
    index: Index,
    library: Shelf,
    blobs: Blobs,
    day: str,
    notice: Callable[[str], None] = lambda path: None,
) -> Grounded:
    """Read documents, put their passages into the index and an item for each into the library.

    A document that cannot be read is refused by itself; the others go on. `notice` hears each path before it
    is read.

    Raises:
        MissingPart: a reader's library is not installed.
        JournalFault: the index, a blob or the library's head could not be written.
    """
    before = documents(library.head())
    added: list[Known] = []
    changed: list[Known] = []
    unchanged: list[str] = []
    refused: list[Told] = []
    notes: list[Told] = []
    pending: list[tuple[Item, Known]] = []
    for each in offered:
        notice(each.path)
        old = before.get(each.path)
        if old is not None and old.cites == (digest_bytes(each.body),):
            unchanged.append(each.path)
            continue
        try:
            read = reader.read(each.body, path=each.path)
        except DocumentRefused as caught:
            refused.append(Told(each.path, str(caught)))
            continue
        blobs.put(each.body)
        index.add(read, day=day)
        item, body = entry(read, day=day, old=old)
        pending.append((item, body))
        (added if old is None else changed).append(body)
        notes += [Told(each.path, note) for note in (*read.notes, *_held(read))]
        if len(pending) == _PER_COMMIT:
            put(library, blobs, pending, by=USER, why=_WHY)
            pending = []
    put(library, blobs, pending, by=USER, why=_WHY)
    return Grounded(tuple(added), tuple(changed), tuple(unchanged), tuple(refused), tuple(notes))


def _held(read: ReadDocument) -> tuple[str, ...]:
    """A line on what agents are not given before a person has looked."""
    held = held_back(read.passages)
    if not held:
        return ()
    places = ", ".join(dict.fromkeys(passage.locator for passage in held[:3]))
    said = f"held back from agents, since it reads like an order to them: {counted(len(held), 'passage')} ({places}). "
    return (f"{said}Look: strop know show {read.path}. Let it be quoted: strop know allow {read.path}",)
