"""Documents of every format that is read, made by other programs than read them, and hostile ones."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

import docx
import pptx
import typst
import xlsxwriter
from docx.shared import Pt, RGBColor
from pptx.shapes.placeholder import SlidePlaceholder
from pptx.util import Inches

FINDING = "The harbour handled 1,642 ships in the year 2025."
"""Stands in every document."""
MINUTE = "The library lends books for four weeks."


def pdf(*, pages: int = 2, extra: str = "") -> bytes:
    source = '#set document(date: none)\n#set page(numbering: "1", header: [Port Authority, internal])\n'
    source += f"= Harbour report\n{FINDING} {MINUTE}\n{extra}"
    for number in range(2, pages + 1):
        source += f"\n#pagebreak()\n== Part {number}\nOn page {number} stands the number {number * 111}."
    return typst.compile(source.encode())


def docx_file(*, hidden: str = "") -> bytes:
    document = docx.Document()
    document.add_heading("Harbour report", 0)
    document.add_heading("Ships", 1)
    run = document.add_paragraph().add_run(FINDING)
    run.font.name, run.font.size, run.font.color.rgb = "Georgia", Pt(11), RGBColor(0x1F, 0x56, 0x73)
    if hidden:
        document.add_paragraph().add_run(hidden).font.hidden = True
    document.add_heading("Loans", 2)
    document.add_paragraph(MINUTE)
    table = document.add_table(rows=2, cols=2)
    for at, text in enumerate(("Pier", "Depth", "North", "14 m")):
        table.cell(at // 2, at % 2).text = text
    return saved(document.save)


def pptx_file(*, notes: str = "", hidden: bool = False) -> bytes:
    deck = pptx.Presentation()
    for title, text in (("Harbour report", FINDING), ("Loans", MINUTE)):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        for shape, said in zip(slide.placeholders, (title, text), strict=False):
            assert isinstance(shape, SlidePlaceholder)
            shape.text_frame.text = said
    frame = slide.notes_slide.notes_text_frame if notes else None
    if frame is not None:
        frame.text = notes
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(4), Inches(5), Inches(1)).table
    for at, text in enumerate(("Pier", "Depth", "North", "14 m")):
        table.cell(at // 2, at % 2).text = text
    if hidden:
        slide._element.set("show", "0")
    return saved(deck.save)


def xlsx_file(*, hidden: bool = False) -> bytes:
    body = io.BytesIO()
    with xlsxwriter.Workbook(body, {"in_memory": True}) as book:
        ships = book.add_worksheet("Ships")
        ships.write_row(0, 0, ["Year", "Said"])
        ships.write_row(1, 0, [2025, FINDING])
        ships.write_row(3, 0, [2024.5, True])
        loans = book.add_worksheet("Loans & fees")
        loans.write_row(0, 0, ["Medium", "Weeks"])
        loans.write_row(1, 0, ["Book", 4])
        if hidden:
            loans.hide()
    return body.getvalue()


CSV = f"Year;Said\n2025;{FINDING}\n\n2024;closed\n".encode()
HTML = f"""<!doctype html><html lang=en><head><title>T</title><style>h1 {{color: #1f5673; font-family: Georgia}}</style>
<script>alert('{MINUTE}')</script><body><nav>Home | About</nav><main><h1>Harbour report</h1>
<p>{FINDING}
<table><tr><th>Pier<th>Depth<tr><td>North<td>14 m</table><img src=x.png>
<p style="display:none">{MINUTE}</p><h2>Loans</h2><p>Four weeks.</main><footer>imprint</footer>""".encode()
MARKDOWN = f"""# Harbour report

{FINDING}

```
# not a heading
```

Loans
-----
| Pier | Depth |
|---|---|
| North | 14 m |

![a map](map.png)
""".encode()
TEXT = f"HARBOUR REPORT\n\n{FINDING}\n\n1.1 Loans\n\n{MINUTE}\n".encode()
VTT = f"""WEBVTT

NOTE nobody says this

00:00:05.000 --> 00:00:09.000 align:start
<v Anna>{FINDING}

2
00:01:30.500 --> 00:01:35.000
<i>{MINUTE}</i>
""".encode()
SRT = (
    f"1\r\n00:00:05,000 --> 00:00:09,000\r\n{FINDING}\r\n\r\n2\r\n01:01:30,500 --> 01:01:35,000\r\n{MINUTE}\r\n"
).encode()


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    body = io.BytesIO()
    save(body)
    return body.getvalue()


def zipped(parts: Mapping[str, bytes], *, like: bytes = b"") -> bytes:
    """An archive of these parts, with all others of the archive `like`."""
    held = dict(parts)
    if like:
        with zipfile.ZipFile(io.BytesIO(like)) as source:
            held = {**{name: source.read(name) for name in source.namelist()}, **held}
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in held.items():
            archive.writestr(name, part)
    return body.getvalue()


def part_of(body: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.read(name)


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{_LAUGHS}]>'
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def docx_of(document: bytes) -> bytes:
    return zipped({"word/document.xml": document}, like=docx_file())


def laughing(encoding: str) -> bytes:
    text = f"{LAUGHS}<w:document {_W}><w:body><w:p><w:r><w:t>&l8;</w:t></w:r></w:p></w:body></w:document>"
    return docx_of(text.replace('"1.0"?>', f'"1.0" encoding="{encoding}"?>').encode(encoding))


def laughing_strings() -> bytes:
    return zipped({"xl/sharedStrings.xml": LAUGHS.encode() + b"<sst/>"}, like=xlsx_file())


def deep() -> bytes:
    runs = "<w:ins>" * 50_000 + "</w:ins>" * 50_000
    return docx_of(f"<w:document {_W}><w:body><w:p>{runs}</w:p></w:body></w:document>".encode())


def bomb(like: bytes, name: str) -> bytes:
    return zipped({name: b" " * (64 * 2**20)}, like=like)


def lying(like: bytes, name: str) -> bytes:
    """A part that unpacks to more than its entry declares."""
    body = zipped({name: b"<a>" + b" " * 5_000_000 + b"</a>"}, like=like)
    real = struct.pack("<L", 5_000_007)
    return body.replace(real, struct.pack("<L", 50_000))


def locked_zip(like: bytes) -> bytes:
    """Every entry is marked as encrypted."""
    body = bytearray(like)
    at = 0
    while (at := body.find(b"PK\x01\x02", at)) >= 0:
        body[at + 8] |= 1
        at += 4
    return bytes(body)


def locked_office() -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(512)


def locked_pdf() -> bytes:
    """A PDF whose key comes from a password that nobody has."""
    secret = "<" + "a7" * 32 + ">"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
        f"<< /Filter /Standard /V 1 /R 2 /O {secret} /U {secret} /P -4 >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{each}\nendobj\n".encode()
    start = len(body)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    tail = f"<< /Size 5 /Root 1 0 R /Encrypt 4 0 R /ID [<00><00>] >>\nstartxref\n{start}\n%%EOF\n"
    return body + f"xref\n0 5\n0000000000 65535 f \n{table}trailer\n{tail}".encode()


def drawn_pdf() -> bytes:
    """A page with a picture on it and no words, as a scanner makes it."""
    return typst.compile(b"#set document(date: none)\n#rect(width: 10cm, height: 10cm, fill: blue)")


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 0, b"IEND") + struct.pack(">I", zlib.crc32(b"IEND"))
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><text>words</text></svg>'
SVG_OUTSIDE = (
    b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b'<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>'
)
