"""What a file is, by its bytes first and its name second.

A format with a signature (PDF, Office) is what its bytes say, and a name that says otherwise is refused: a
page of an error saved under `report.pdf` is no report. Among formats of plain text the name decides.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from zipfile import BadZipFile, ZipFile

from strop.errors import DocumentRefused
from strop.types.document import Format

SUFFIXES: Mapping[str, Format] = {
    "pdf": Format.PDF,
    "docx": Format.DOCX,
    "pptx": Format.PPTX,
    "xlsx": Format.XLSX,
    "csv": Format.CSV,
    "tsv": Format.CSV,
    "html": Format.HTML,
    "htm": Format.HTML,
    "xhtml": Format.HTML,
    "md": Format.MARKDOWN,
    "markdown": Format.MARKDOWN,
    "txt": Format.TEXT,
    "text": Format.TEXT,
    "vtt": Format.VTT,
    "srt": Format.SRT,
}
_SIGNED = (Format.PDF, Format.DOCX, Format.PPTX, Format.XLSX)
_PICTURE = "a picture. Pictures have no words to read: give the document that it stands in"
_ARCHIVE = "Unpack it and add what is in it"
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", _PICTURE),
    (0, b"\xff\xd8\xff", _PICTURE),
    (0, b"GIF8", _PICTURE),
    (0, b"II*\0", _PICTURE),
    (0, b"MM\0*", _PICTURE),
    (8, b"WEBP", _PICTURE),
    (0, b"\x1f\x8b", f"a gzip archive. {_ARCHIVE}"),
    (0, b"BZh", f"a bzip2 archive. {_ARCHIVE}"),
    (0, b"\xfd7zXZ\0", f"an xz archive. {_ARCHIVE}"),
    (0, b"(\xb5/\xfd", f"a zstd archive. {_ARCHIVE}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"a 7z archive. {_ARCHIVE}"),
    (0, b"Rar!\x1a\x07", f"a RAR archive. {_ARCHIVE}"),
    (257, b"ustar", f"a tar archive. {_ARCHIVE}"),
    (0, b"\x7fELF", "a program, no document"),
    (0, b"MZ", "a program, no document"),
    (0, b"\xcf\xfa\xed\xfe", "a program, no document"),
    (0, b"SQLite format 3\0", "a SQLite database. Export what you need as CSV"),
    (0, b"PAR1", "a Parquet table. Export what you need as CSV"),
    (0, b"{\\rtf", "RTF. Save it as DOCX"),
    (0, b"%!PS", "PostScript. Save it as PDF"),
    (0, b"ID3", "a sound. Add its transcript as VTT or SRT"),
    (0, b"OggS", "a sound. Add its transcript as VTT or SRT"),
    (0, b"\xff\xfb", "a sound. Add its transcript as VTT or SRT"),
    (4, b"ftyp", "a video or sound. Add its transcript as VTT or SRT"),
    (0, b"RIFF", "a video or sound. Add its transcript as VTT or SRT"),
    (0, b"\x1aE\xdf\xa3", "a video. Add its transcript as VTT or SRT"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IN_OLE = (
    ("EncryptedPackage", "protected by a password. Save it without one"),
    ("WordDocument", "an old Word document (.doc). Save it as DOCX"),
    ("Workbook", "an old Excel workbook (.xls). Save it as XLSX"),
    ("PowerPoint Document", "an old PowerPoint deck (.ppt). Save it as PPTX"),
)
_IN_ZIP = (
    ("word/document.xml", Format.DOCX),
    ("ppt/presentation.xml", Format.PPTX),
    ("xl/workbook.xml", Format.XLSX),
)
_SRT = re.compile(r"\s*\d+\s*\n\d{1,3}:\d\d:\d\d[,.]\d{3}\s+-->")
_PROLOGUE = re.compile(
    r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s[^>\[]*>?\s*)?", re.IGNORECASE | re.DOTALL
)


def signed_format(body: bytes, *, name: str) -> Format | None:
    """The format of a document with a signature; None for what may be text.

    Raises:
        DocumentRefused: it is empty, of a kind that is not read, or not what its name says.
    """
    if not body.strip(b"\0\t\n\r "):
        raise DocumentRefused("is empty" if not body else "holds nothing but blanks")
    found = _of_bytes(body)
    promised = SUFFIXES.get(PurePosixPath(name).suffix.lower().lstrip("."))
    if found is not None and promised is not None and promised is not found:
        raise DocumentRefused(f"is {found.value.upper()} inside, not what its name says. Rename it to .{found.value}")
    return found


def _of_bytes(body: bytes) -> Format | None:
    if b"%PDF-" in body[:1_024]:
        return Format.PDF
    if body.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _of_zip(body)
    if body.startswith(_OLE):
        named = (said for mark, said in _IN_OLE if mark.encode("utf-16-le") in body)
        raise DocumentRefused(f"is {next(named, 'an old Office file. Save it in a format of today')}")
    for at, mark, said in _SIGNATURES:
        if body[at : at + len(mark)] == mark:
            raise DocumentRefused(f"is {said}")
    return None


def _of_zip(body: bytes) -> Format:
    try:
        with ZipFile(io.BytesIO(body)) as archive:
            names = set(archive.namelist())
            kind = archive.read("mimetype")[:100] if "mimetype" in names else b""
    except (BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as caught:
        raise DocumentRefused("is a damaged or cut-off Office file or archive. Get it anew") from caught
    for member, found in _IN_ZIP:
        if member in names:
            return found
    if b"opendocument" in kind:
        raise DocumentRefused("is OpenDocument. Save it as DOCX, PPTX or XLSX")
    if b"epub" in kind:
        raise DocumentRefused("is an EPUB book. Save it as PDF or HTML")
    if "xl/workbook.bin" in names:
        raise DocumentRefused("is a binary Excel workbook (.xlsb). Save it as XLSX")
    raise DocumentRefused(f"is a ZIP archive. {_ARCHIVE}")


def text_format(text: str, *, name: str) -> Format:
    """The format of a document of plain text.

    Raises:
        DocumentRefused: its name promises a format with a signature, or it is a picture or other XML.
    """
    promised = SUFFIXES.get(PurePosixPath(name).suffix.lower().lstrip("."))
    start = text[:4_096]
    looks = _of_text(start)
    if promised is not None and promised in _SIGNED:
        raise DocumentRefused(f"is {_said(looks)} inside, not what its name says. Rename it to .{looks.value}")
    if promised is not None and promised in (Format.VTT, Format.SRT) and looks is not promised:
        raise DocumentRefused(f"does not begin as a {promised.value.upper()} transcript does")
    if promised is Format.CSV and looks is Format.HTML:
        raise DocumentRefused("is HTML inside, not what its name says. Rename it to .html")
    return promised or looks


def _said(found: Format) -> str:
    return {Format.TEXT: "plain text", Format.MARKDOWN: "Markdown"}.get(found, found.value.upper())


def _of_text(start: str) -> Format:
    if start.startswith("WEBVTT"):
        return Format.VTT
    if _SRT.match(start):
        return Format.SRT
    prologue = _PROLOGUE.match(start)
    rest = start[prologue.end() if prologue else 0 :].lower()
    if rest.startswith("<svg") or ("<!doctype svg" in start.lower() and "<svg" in start.lower()):
        if "<!entity" in start.lower():
            raise DocumentRefused("is an SVG picture that declares entities. Nothing of it was read")
        raise DocumentRefused(f"is {_PICTURE}")
    if rest.startswith(("<html", "<head", "<body")) or "<!doctype html" in start[:1_024].lower():
        return Format.HTML
    if "<!entity" in start.lower():
        raise DocumentRefused("is XML that declares entities. Nothing of it was read")
    if start.lstrip().startswith("<?xml"):
        raise DocumentRefused("is XML of some kind. Save what it says as HTML, Markdown or text")
    return Format.TEXT
