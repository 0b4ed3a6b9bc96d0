"""Keys by name. Their values live in the environment and are looked up when a header is built, not before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from strop.errors import ConfigRefused, MissingPart

SHORTEST_SCRUBBED = 4
"""Characters. A shorter value is no secret (`-`, `x` for a local server), and would shred every message."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that stands in the first of `names` that the environment holds. Never its value."""

    names: tuple[str, ...]

    def present(self, environ: Mapping[str, str]) -> bool:
        """Whether the environment holds it."""
        return bool(self._found(environ))

    def reveal(self, environ: Mapping[str, str]) -> str:
        """The value, for the one header that carries it.

        Raises:
            MissingPart: none of the names is set.
            ConfigRefused: the value cannot stand in a header; the message does not show it.
        """
        found = self._found(environ)
        if not found:
            raise MissingPart(f"no key: set {' or '.join(self.names)} in the environment")
        value = environ[found].strip()
        if not (value.isascii() and value.isprintable()):
            raise ConfigRefused(f"{found} holds characters that no header can carry (a line break or a non-ASCII sign)")
        return value

    def scrub(self, text: str, environ: Mapping[str, str]) -> str:
        """`text` with every value, also percent-encoded, replaced by `[NAME]`."""
        for name in self.names:
            value = environ.get(name, "").strip()
            if len(value) >= SHORTEST_SCRUBBED:
                for form in {value, quote(value, safe="")}:
                    text = text.replace(form, f"[{name}]")
        return text

    def _found(self, environ: Mapping[str, str]) -> str:
        return next((name for name in self.names if environ.get(name, "").strip()), "")
