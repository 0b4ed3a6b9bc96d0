"""A spec's sources may be PDF, DOCX or PPTX: agents read their words with places, as the gate does."""

from __future__ import annotations

import os
from pathlib import Path

import docx
import orjson
import pytest

from strop.errors import ToolFailure
from strop.readers.apart import Texts
from strop.tools.files import ReadFile, SearchFiles
from strop.tools.inside import Inside
from strop.types.work import Sources

pytestmark = pytest.mark.anyio


@pytest.fixture
def inside(tmp_path: Path) -> Inside:
    (tmp_path / "inputs").mkdir()
    document = docx.Document()
    document.add_heading("Lease", 1)
    document.add_paragraph("It ends with a notice of six months.")
    document.save(str(tmp_path / "inputs" / "lease.docx"))
    (tmp_path / "inputs" / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    return Inside(tmp_path, Sources(), Texts(environment=os.environ).text_of)


async def test_a_document_is_read_as_text_with_places(inside: Inside) -> None:
    """By the tool, by its search, and by whoever proves a quote: the same words."""
    output = await ReadFile(inside).call('{"path": "inputs/lease.docx"}')
    assert output.text == "[paragraphs 1-2]\nLease\nIt ends with a notice of six months.\n"
    assert output.text == inside.read_text("inputs/lease.docx")
    found = await SearchFiles(inside).call(orjson.dumps({"query": "six months"}).decode())
    assert "inputs/lease.docx:3: It ends with" in found.text


async def test_a_broken_document_is_a_tool_failure(inside: Inside) -> None:
    """The agent is told, and goes on."""
    with pytest.raises(ToolFailure, match=r"inputs/broken\.pdf is a damaged or cut-off PDF"):
        await ReadFile(inside).call('{"path": "inputs/broken.pdf"}')


async def test_without_a_reader_it_is_refused_as_binary(inside: Inside) -> None:
    """There is no silent fallback."""
    with pytest.raises(ToolFailure, match="binary"):
        Inside(inside.folder, Sources()).read_text("inputs/lease.docx")
