"""An Open Packaging archive as PPTX and DOCX are: parts, what each is, and how they refer to each other.

The theme's colours and fonts go into the file's own theme, so whoever edits the file gets our palette.
Entries are sorted and every time is fixed, so equal parts give equal bytes.
"""

from __future__ import annotations

import io
import posixpath
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from string import Template
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from strop.renderers.cells import cut, visible
from strop.renderers.markup import HEAD, tag, text
from strop.renderers.theme import Theme

_OFFICE = Path(__file__).with_name("office")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_BORN = "2000-01-01T00:00:00Z"
"""A fixed date: the formats want one, and a clock would make equal parts unequal."""
_ACCENTS = 6
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-"
SPACES = {
    "xmlns:a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "xmlns:r": _RELATION,
}
TEXT_WIDTH = 460
"""Points between the margins of a document's page."""
EMU = 12_700
"""Units of the formats in a point."""


class Package:
    """Parts while they are gathered."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}
        self._kinds: dict[str, str] = {}
        self._relations: dict[str, list[tuple[str, str]]] = {}

    def add(self, name: str, body: str | bytes, kind: str = "") -> str:
        """A part by its name in the archive; `kind` is its content type after the usual head. Returns the name."""
        self._bodies[name] = body.encode() if isinstance(body, str) else body
        if kind:
            self._kinds[name] = kind if "/" in kind else _KIND + kind
        return name

    def relate(self, source: str, kind: str, target: str) -> str:
        """A relationship from one part to another (from "" for the archive itself); its id."""
        held = self._relations.setdefault(source, [])
        if (kind, target) not in held:
            held.append((kind, target))
        return f"rId{held.index((kind, target)) + 1}"

    def sealed(self, *, title: str) -> bytes:
        """The archive."""
        self.add("docProps/core.xml", _core(title), "package.core-properties+xml")
        self.relate("", f"{_PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml")
        for source, held in self._relations.items():
            self._bodies[_relations_of(source)] = _relations(source, held).encode()
        self._bodies["[Content_Types].xml"] = self._types().encode()
        return archive_of(self._bodies)

    def _types(self) -> str:
        defaults = {
            "rels": f"{_KIND}package.relationships+xml",
            "xml": "application/xml",
            "png": "image/png",
            "xlsx": f"{_KIND}officedocument.spreadsheetml.sheet",
        }
        made = [tag("Default", {"Extension": end, "ContentType": kind}) for end, kind in defaults.items()]
        made += [
            tag("Override", {"PartName": f"/{name}", "ContentType": kind}) for name, kind in sorted(self._kinds.items())
        ]
        return HEAD + tag("Types", {"xmlns": f"{_PACKAGE}/content-types"}, *made)


def archive_of(bodies: dict[str, bytes]) -> bytes:
    """A ZIP archive with sorted entries of one fixed time."""
    made = io.BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name in sorted(bodies):
            entry = ZipInfo(name, _EPOCH)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, bodies[name])
    return made.getvalue()


def filled(template: str, theme: Theme) -> str:
    """A template under `office/` with the theme's colours and fonts in it."""
    series = islice(cycle(theme.series), _ACCENTS)
    colours = theme.colours
    names = {name: hexed(getattr(colours, name)) for name in ("ink", "paper", "panel", "muted", "accent", "rule")}
    names |= {
        "soft": hexed(colours.accent_soft),
        "warning": hexed(theme.standing_colour("unverified") or colours.muted),
        "warned": hexed(theme.standing_tint("unverified") or colours.panel),
        "letter": str(round(2 * theme.sizes.text)),
        "large": str(round(2 * theme.sizes.title)),
        "width": str(TEXT_WIDTH * 20),
    }
    names |= {f"series{number}": hexed(colour) for number, colour in enumerate(series, start=1)}
    return Template(_template(template)).substitute(names, font=theme.fonts.sheet)


@cache
def _template(name: str) -> str:
    return (_OFFICE / name).read_text(encoding="utf-8")


def hexed(colour: str) -> str:
    """`#1f5673` as the formats write it."""
    return colour.removeprefix("#").upper()


def _relations_of(source: str) -> str:
    folder, _, file = source.rpartition("/")
    return posixpath.join(folder, "_rels", f"{file}.rels")


def _relations(source: str, held: list[tuple[str, str]]) -> str:
    made: list[str] = []
    for number, (kind, target) in enumerate(held, start=1):
        path = posixpath.relpath(target, posixpath.dirname(source) or ".")
        full = kind if kind.startswith("http") else f"{_RELATION}/{kind}"
        made.append(tag("Relationship", {"Id": f"rId{number}", "Type": full, "Target": path}))
    return HEAD + tag("Relationships", {"xmlns": f"{_PACKAGE}/relationships"}, *made)


def _core(title: str) -> str:
    spaces = {
        "xmlns:cp": f"{_PACKAGE}/metadata/core-properties",
        "xmlns:dc": "http://purl.org/dc/elements/1.1/",
        "xmlns:dcterms": "http://purl.org/dc/terms/",
        "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    }
    when = {"xsi:type": "dcterms:W3CDTF"}
    said = cut(" ".join(visible(title).split()), 250)
    return HEAD + tag(
        "cp:coreProperties",
        spaces,
        tag("dc:title", None, text(said) or " "),
        tag("dcterms:created", when, _BORN),
        tag("dcterms:modified", when, _BORN),
    )
