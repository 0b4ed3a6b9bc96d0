"""Passages as a model is shown them: data between marks that the data cannot forge. Pure.

The mark is drawn from all that stands between: a document would have to hold a hash of itself to close it.
"""

from __future__ import annotations

from collections.abc import Sequence

from strop.types.fingerprint import digest
from strop.types.work import Passage

_SLOT = "{{passages}}"


def for_model(passages: Sequence[Passage], *, template: str) -> str:
    """`prompts/knowledge.md` with the passages in their order as `k1`, `k2`, …; empty where there are none."""
    if not passages:
        return ""
    mark = digest(passages)[:12]
    shown = (
        f"<passage k{number} {mark} path={_plain(each.path)} place={_plain(each.locator)}>\n{each.text}\n"
        f"</passage k{number} {mark}>"
        for number, each in enumerate(passages, start=1)
    )
    before, _, after = template.partition(_SLOT)
    return f"{before}{chr(10).join(shown)}{after}".strip()


def tokens(passages: Sequence[Passage]) -> int:
    """What they add to a prompt, estimated: four characters a token, and a dozen for the marks of each."""
    return sum(len(each.text) // 4 + 24 for each in passages)


def _plain(text: str) -> str:
    """A path or place as one word in quotes: names of files are the user's, names of sheets are a document's."""
    return '"' + "".join(letter if letter.isprintable() and letter not in '"<>' else "_" for letter in text[:200]) + '"'
