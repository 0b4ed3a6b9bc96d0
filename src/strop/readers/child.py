"""The process that takes documents apart: hostile bytes meet parsers here, and a crash ends only this.

It reads a head (`{"path", "size"}`) and a body from its standard input, answers with one line of JSON, and
goes on until the input ends. It is given no secrets, its memory is bounded, and whoever asks ends it when an
answer takes too long.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import cache
from typing import BinaryIO, cast

import orjson

from strop.errors import DocumentRefused, MissingPart
from strop.readers.letters import decoded
from strop.readers.sniff import signed_format, text_format
from strop.seams import Reader
from strop.types.document import Format, ReadDocument
from strop.types.fingerprint import canonical

READERS: Mapping[Format, tuple[str, str]] = {
    Format.PDF: ("pdf_file", "PdfFile"),
    Format.DOCX: ("docx_file", "DocxFile"),
    Format.PPTX: ("pptx_file", "PptxFile"),
    Format.XLSX: ("xlsx_file", "XlsxFile"),
    Format.CSV: ("csv_file", "CsvFile"),
    Format.HTML: ("html_file", "HtmlFile"),
    Format.MARKDOWN: ("plain_file", "PlainFile"),
    Format.TEXT: ("plain_file", "PlainFile"),
    Format.VTT: ("transcript_file", "TranscriptFile"),
    Format.SRT: ("transcript_file", "TranscriptFile"),
}


@cache
def reader_of(form: Format) -> Reader:
    """The reader of a format; its library is loaded now."""
    module, name = READERS[form]
    return cast("Reader", getattr(importlib.import_module(f"strop.readers.{module}"), name)())


def read_here(body: bytes, *, path: str) -> ReadDocument:
    """A document of any format, read in this process.

    Raises:
        DocumentRefused, MissingPart: see `seams.Reader`.
    """
    form = signed_format(body, name=path) or text_format(decoded(body)[0], name=path)
    return reader_of(form).read(body, path=path)


def answer(body: bytes, *, path: str) -> bytes:
    """One line of JSON: `{"document"}`, or `{"refused"}` or `{"missing"}` with the reason."""
    try:
        return canonical({"document": read_here(body, path=path)})
    except DocumentRefused as caught:
        return canonical({"refused": str(caught)})
    except MissingPart as caught:
        return canonical({"missing": str(caught)})
    except MemoryError:
        return canonical({"refused": "needs more memory than a document is given"})
    except RecursionError:
        return canonical({"refused": "nests deeper than any document does"})
    except Exception as caught:  # noqa: BLE001 - whatever a parser says of hostile bytes is the refusal
        return canonical({"refused": f"cannot be read: {type(caught).__name__}: {str(caught)[:200]}"})


def serve(asked: BinaryIO, told: BinaryIO) -> None:
    """Answer until the input ends."""
    while head := asked.readline():
        wish = cast("dict[str, str | int]", orjson.loads(head))
        told.write(answer(asked.read(int(wish["size"])), path=str(wish["path"])) + b"\n")
        told.flush()


def bound_memory(most: int) -> None:
    """Give this process at most so many bytes; on systems that cannot, nothing happens."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    bound_memory(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
