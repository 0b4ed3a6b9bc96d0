"""What hangs together with an item's inputs is neither tried nor counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strop.app.kinship import apart, barred
from strop.app.project import Project, open_project
from strop.learning.library import put
from strop.learning.splitting import Source
from strop.types.evidence import Pair
from strop.types.evidence import Source as From
from strop.types.fingerprint import digest_bytes
from strop.types.memory import Item, ItemKind, ItemState
from strop.types.work import Script

PAGE = " ".join(f"Keeper {at} counted {at} gulls before the storm {at}." for at in range(40))
OTHER = " ".join(f"Society {at} of bell ringers has {at} members." for at in range(40))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(tmp_path, environment={})


def made_from(project: Project, *texts: str) -> Item:
    """An expression of the library that was learned from these texts."""
    inputs = tuple(project.blobs.put(text.encode()) for text in texts)
    item = Item("script/a.b", ItemKind.SCRIPT, "", ItemState.CANDIDATE, inputs=inputs, cites=("01GONE",))
    put(project.db, project.blobs, [(item, Script("a", "b", "(x)"))])
    found = project.db.head().item(item.id)
    assert found is not None
    return found


def test_a_near_copy_is_not_tried(project: Project) -> None:
    """A page of nearly the same words is barred under any name, also when the run it cites was thrown away."""
    item = made_from(project, PAGE)
    for name, text in (("copy", PAGE + "And one more word."), ("fresh", OTHER)):
        (project.folder / f"{name}.txt").write_text(text)
    (project.folder / "scan.pdf").write_bytes(b"%PDF-\xff\xfe")

    assert barred(project, item, ["copy.txt", "fresh.txt", "scan.pdf", "gone.txt"]) == {"copy.txt"}


def test_a_near_copy_is_not_counted(project: Project) -> None:
    """Of a run's pairs those stay that are of other sources; pairs of another item are no business of this one's."""
    item = made_from(project, PAGE)
    units = [Source(digest_bytes(text.encode()), f"{at}.txt", text) for at, text in enumerate((PAGE + "More.", OTHER))]
    pairs = [Pair(item.id, "v", "g", "i", each.key, "01", From.WAVE, 1.0, 0.0) for each in units]
    others = [replace(pair, item="skill/other") for pair in pairs]

    assert apart(project, [*pairs, *others], units) == (pairs[1], *others)
