"""What of the web an order names: the pages that are its units, and the places that it needs. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from strop.types.work import Spec

_PORTS = {"http": 80, "https": 443}


def is_page(text: str) -> bool:
    """Whether a text is meant as a URL that can be fetched; whether it may be is for the connector to say."""
    return text.startswith(("http://", "https://"))


def pages(spec: Spec) -> tuple[str, ...]:
    """The URLs that are this order's units; none where its units are something else."""
    return spec.items if spec.items and all(map(is_page, spec.items)) else ()


def places(spec: Spec) -> tuple[str, ...]:
    """`host:port` of every page that is a unit, and of every URL under `sources: {allow: [...]}`, sorted."""
    named = (*pages(spec), *(each for each in spec.sources.allow if is_page(each)))
    return tuple(sorted({place for each in named if (place := _place(each))}))


def stem(source: str) -> str:
    """The short name of a unit: a file's stem, of a page the stem of its last part, or its host."""
    if not is_page(source):
        return PurePosixPath(source).stem
    parts = urlsplit(source)
    return PurePosixPath(parts.path).stem or parts.netloc


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        return ""  # fetching it is refused with the reason
    host = (parts.hostname or "").rstrip(".")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}" if host else ""
