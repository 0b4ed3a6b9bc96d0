"""XML as text: elements from a name, attributes and children that are XML already; text is always escaped. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def tag(name: str, attributes: Mapping[str, str | int] | None = None, *children: str) -> str:
    """`<name ...>children</name>`."""
    said = "".join(f' {key}="{quoted(str(value))}"' for key, value in (attributes or {}).items())
    return f"<{name}{said}>{''.join(children)}</{name}>" if children else f"<{name}{said}/>"


def text(said: str) -> str:
    """Text between elements."""
    return escape(said)


def quoted(said: str) -> str:
    """Text inside an attribute's double quotes; line ends are kept."""
    return escape(said, {'"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})
