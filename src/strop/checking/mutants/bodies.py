"""Inconsistent flaws of bytes: what a full disk, a bad hand or another program does to a finished file."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

from strop.checking.mutants.record import Form, Record
from strop.types.work import Kind, kind_of

OfBytes = Callable[[bytes, Kind, random.Random], "tuple[bytes, str, str, str] | None"]
"""(body, kind, chance) -> (flawed body, place, before, after)."""

_ZIPPED = (Kind.XLSX, Kind.PPTX, Kind.DOCX)


def break_body(kind: str, broken: OfBytes, file: str, body: bytes, *, seed: int) -> tuple[bytes, Record] | None:
    """The file's bytes with one flaw of this kind; None where such a file cannot have it."""
    made = broken(body, kind_of(file), random.Random(f"{kind}/{file}/{seed}"))
    if made is None or made[0] == body:
        return None
    after, place, before, now = made
    return after, Record(kind, Form.INCONSISTENT, file, place, before, now)


def _truncated(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """The last part is missing; of a text file a whole number of lines."""
    end = int(len(body) * chance.uniform(0.4, 0.9))
    if kind in (Kind.CSV, Kind.JSONL):
        end = body.rfind(b"\n", 0, end) + 1
    return body[:end], "file", f"{len(body)} bytes", f"{end} bytes"


def _emptied(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    return b"", "file", f"{len(body)} bytes", "0 bytes"


def _blank(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """A picture with nothing on it."""
    match kind:
        case Kind.SVG:
            after = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
        case Kind.PNG:
            after = _white(8, 8)
        case _:
            return None
    return after, "file", "a picture", "nothing drawn"


def _white(width: int, height: int) -> bytes:
    """A white PNG (PNG specification, section 5)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = zlib.compress((b"\0" + b"\xff" * (3 * width)) * height)
    chunks = ((b"IHDR", header), (b"IDAT", lines), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(held)) + name + held + struct.pack(">I", zlib.crc32(name + held)) for name, held in chunks
    )


def _short_range(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """A formula of the workbook leaves out the last row."""
    return _in_sheets(body, kind, rb"(<f>[^<]*?[A-Z]+\d+:[A-Z]+)(\d+)", lambda last: last - 1, "formula")


def _old_cache(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """What the workbook shows for a formula is not what it gives."""
    return _in_sheets(body, kind, rb"(</f><v>)(\d+)", lambda shown: shown + 1, "formula")


def _other_figure(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """A number typed over in the workbook."""
    return _in_sheets(body, kind, rb"(<c r=\"[A-Z]+[2-9]\"(?: s=\"\d+\")?><v>)(\d{3,})", lambda held: held + 11, "row")


def _moved_range(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """A chart of the workbook draws the cells a row further down, names and values alike."""
    return _in_charts(body, kind, lambda first, last: (first + 1, last + 1))


def _short_chart(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """A chart of the workbook leaves out the last point."""
    return _in_charts(body, kind, lambda first, last: (first, last - 1))


def _in_charts(
    body: bytes, kind: Kind, change: Callable[[int, int], tuple[int, int]]
) -> tuple[bytes, str, str, str] | None:
    """Every range of the workbook's first chart, changed alike."""
    name = "xl/charts/chart1.xml"
    held = dict(_members(body)).get(name, b"") if kind is Kind.XLSX else b""

    def moved(found: re.Match[bytes]) -> bytes:
        first, last = change(int(found[2]), int(found[4]))
        return found[1] + str(first).encode() + found[3] + str(last).encode()

    after = re.sub(rb"(!\$[A-Z]+\$)(\d+)(:\$[A-Z]+\$)(\d+)", moved, held)
    return (_rezipped(body, name, after), "chart 1", "its rows", "other rows") if after != held else None


def _in_sheets(
    body: bytes, kind: Kind, pattern: bytes, change: Callable[[int], int], place: str
) -> tuple[bytes, str, str, str] | None:
    """The first match in the workbook's first sheets, its number changed."""
    if kind is not Kind.XLSX:
        return None
    for name, held in _members(body):
        found = re.search(pattern, held) if name.startswith("xl/worksheets/sheet") else None
        if found is not None:
            after = held[: found.start(2)] + str(change(int(found[2]))).encode() + held[found.end(2) :]
            return _rezipped(body, name, after), place, found[2].decode(), str(change(int(found[2])))
    return None


def _members(body: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _rezipped(body: bytes, changed: str, held: bytes) -> bytes:
    after = io.BytesIO()
    with zipfile.ZipFile(after, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in _members(body):
            archive.writestr(zipfile.ZipInfo(name), held if name == changed else member)
    return after.getvalue()


def _dead_link(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """A link that leads nowhere: to a page that is not there, to an anchor that nothing has."""
    if kind is not Kind.HTML:
        return None
    found = re.search(rb'href="(#[^"]+|[a-z0-9_-]+\.html)"', body)
    if found is None:
        return None
    target = b"#nowhere" if found[1].startswith(b"#") else b"nowhere.html"
    return body[: found.start(1)] + target + body[found.end(1) :], "link", found[1].decode(), target.decode()


def _other_encoding(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    if kind not in (Kind.CSV, Kind.JSONL, Kind.JSON):
        return None
    return body.decode().encode("utf-16"), "file", "UTF-8", "UTF-16"


def _lost_member(body: bytes, kind: Kind, chance: random.Random) -> tuple[bytes, str, str, str] | None:
    """A sheet or slide taken out of the archive."""
    if kind not in _ZIPPED:
        return None
    names = [name for name, _ in _members(body) if re.search(r"(sheet|slide)\d+\.xml$", name)]
    if not names:
        return None
    lost, after = chance.choice(names), io.BytesIO()
    with zipfile.ZipFile(after, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in _members(body):
            if name != lost:
                archive.writestr(zipfile.ZipInfo(name), member)
    return after.getvalue(), "file", lost, ""


BODIES: Mapping[str, OfBytes] = {
    "truncated": _truncated,
    "emptied": _emptied,
    "blank picture": _blank,
    "formula flaw": _short_range,
    "stale cached value": _old_cache,
    "typed over": _other_figure,
    "chart range moved": _moved_range,
    "chart range cut": _short_chart,
    "dead link": _dead_link,
    "other encoding": _other_encoding,
    "lost sheet or slide": _lost_member,
}
