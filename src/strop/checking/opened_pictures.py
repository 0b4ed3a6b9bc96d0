"""Pictures from their bytes: PNG by our own decoder of the chunks and scan lines, SVG by the standard library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by PNG colour type."""


def read_svg(body: bytes) -> tuple[str, bool]:
    """(the words in the drawing, whether nothing is drawn).

    Raises:
        ValueError, ParseError: it is no SVG.
    """
    if b"<!ENTITY" in body:
        raise ValueError("entities are not read")
    root = ElementTree.fromstring(body)
    if root.tag.rpartition("}")[2] != "svg":
        raise ValueError(f"the root is {root.tag}")
    drawn = ("path", "rect", "circle", "line", "polyline", "polygon", "ellipse", "image", "text", "use")
    marks = sum(1 for each in root.iter() if each.tag.rpartition("}")[2] in drawn)
    # One rectangle is the background.
    return " ".join(" ".join(root.itertext()).split()), marks < 2


def png_is_blank(body: bytes) -> bool:
    """Whether all pixels are alike; every checksum and line is looked at on the way.

    Raises:
        ValueError: it is no whole PNG, or of a form that is not read here.
    """
    chunks = dict[bytes, bytes]()
    for kind, held in _chunks(body):
        chunks[kind] = chunks.get(kind, b"") + held
    if b"IHDR" not in chunks or b"IDAT" not in chunks or b"IEND" not in chunks:
        raise ValueError("header, picture or end is missing")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if not width or not height or colour not in _CHANNELS or interlaced:
        raise ValueError(f"{width} x {height} pixels, colour type {colour}, interlaced {interlaced}: not read here")
    line = (width * depth * _CHANNELS[colour] + 7) // 8
    size = height * (line + 1)
    lines = zlib.decompressobj().decompress(chunks[b"IDAT"], size + 1)
    if len(lines) != size:
        raise ValueError(f"{len(lines):,} bytes of picture where {size:,} belong")
    return _one_colour(lines, line, max(1, depth * _CHANNELS[colour] // 8))


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not body.startswith(_SIGNATURE):
        raise ValueError("the signature is missing")
    at = len(_SIGNATURE)
    while at < len(body):
        (length,) = struct.unpack_from(">I", body, at)
        kind, held = body[at + 4 : at + 8], body[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", body, at + 8 + length)
        if zlib.crc32(kind + held) != checksum:
            raise ValueError(f"the checksum of {kind.decode('ascii', 'replace')} is wrong")
        yield kind, held
        at += 12 + length


def _one_colour(lines: bytes, length: int, pixel: int) -> bool:
    """Whether all pixels are alike.

    Filters can be undone given the line before, so a picture of one colour has exactly one filtered
    form of each line; comparing with it spares undoing a million bytes.
    """
    colour = lines[1 : 1 + pixel]  # the first pixel of the first line is itself under every filter
    plain = (colour * (length // pixel + 1))[:length]
    forms: dict[tuple[int, bool], bytes] = {}
    for at in range(0, len(lines), length + 1):
        key = (lines[at], at == 0)
        if key not in forms:
            above = bytes(length) if at == 0 else plain
            forms[key] = _filtered(plain, above, lines[at], pixel)
        if lines[at + 1 : at + 1 + length] != forms[key]:
            return False
    return True


def _filtered(line: bytes, above: bytes, kind: int, pixel: int) -> bytes:
    """A scan line under a PNG filter (PNG specification, section 9)."""

    def guess(left: int, up: int, corner: int) -> int:
        match kind:
            case 0:
                return 0
            case 1:
                return left
            case 2:
                return up
            case 3:
                return (left + up) // 2
            case 4:
                near = left + up - corner
                return min((left, up, corner), key=lambda each: abs(near - each))
            case _:
                raise ValueError(f"filter {kind} is unknown")

    return bytes(
        (
            value
            - guess(
                line[index - pixel] if index >= pixel else 0,
                above[index],
                above[index - pixel] if index >= pixel else 0,
            )
        )
        % 256
        for index, value in enumerate(line)
    )
