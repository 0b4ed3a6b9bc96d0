"""An embedder by rule: words of one group mean the same, every other word means itself.

It shows whether what is near by its meaning is found, kept apart and paid for once. It says nothing of what a real
embedding model finds: the groups are whatever the test put into them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from strop.testing.wires import Asked, Reply

_WORD = re.compile(r"[^\W_]{4,}")


class Concepts:
    """A vector of signs for each group, or word outside of all groups; a text is the sum of its words.

    Args:
        groups: words that mean the same.
        dimensions: unlike words have a cosine of 0, give or take 1 / sqrt(dimensions).
    """

    def __init__(self, groups: Sequence[Sequence[str]] = (), *, dimensions: int = 256) -> None:
        self._meant: dict[str, str] = {
            word.casefold(): f"group {at}" for at, group in enumerate(groups) for word in group
        }
        self._dimensions = dimensions
        self._held: dict[str, tuple[float, ...]] = {}

    def __call__(self, text: str) -> tuple[float, ...]:
        """The vector of a text; not brought to any length."""
        said: list[str] = _WORD.findall(text.casefold())
        words = [self._meant.get(word, word) for word in said] or ["nothing"]
        return tuple(map(sum, zip(*(self._signs(word) for word in words), strict=True)))

    def reply(self, asked: Asked) -> Reply:
        """As a script of the test server."""
        return Reply(vectors=tuple(self(text) for text in asked.texts))

    def _signs(self, word: str) -> tuple[float, ...]:
        if word not in self._held:
            bits = int.from_bytes(hashlib.shake_256(word.encode()).digest(-(-self._dimensions // 8)))
            self._held[word] = tuple(1.0 if bits >> at & 1 else -1.0 for at in range(self._dimensions))
        return self._held[word]
