"""Search: the right passage first, nothing where nothing fits, the user's words as data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strop.errors import JournalFault
from strop.stores.index import FtsIndex, asked_words
from strop.types.document import Format, Query, ReadDocument
from strop.types.work import Passage

LEASE = (
    "The lease of the warehouse at pier 9 began on 1 May 2019.",
    "Either side may end the lease with a notice period of six months.",
    "The rent of the warehouse is 4,200 euros a month.",
)
SHIPS = ("The harbour handled 1,642 ships in 2025.", "Ships wait at the northern pier.", "Café crème is served.")


def document(path: str, texts: tuple[str, ...], *, form: Format = Format.TEXT, digest: str = "d") -> ReadDocument:
    held = tuple(Passage(path, f"line {at}", text, digest) for at, text in enumerate(texts, start=1))
    return ReadDocument(path, digest, form, held)


@pytest.fixture
def index(tmp_path: Path) -> FtsIndex:
    made = FtsIndex(tmp_path / "index.db")
    made.add(document("knowledge/lease.pdf", LEASE, form=Format.PDF), day="2026-11-01")
    made.add(document("knowledge/2025/ships.txt", SHIPS), day="2026-11-20")
    return made


def found(index: FtsIndex, words: str, **filters: object) -> list[str]:
    return [hit.passage.text for hit in index.search(Query(words, **filters))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("What is the notice period of the lease?", LEASE[1]),
        ("rent warehouse", LEASE[2]),
        ("ship handling 2025 harbours", SHIPS[0]),
        ("cafe creme", SHIPS[2]),
        ("CAFÉ", SHIPS[2]),
    ],
)
def test_the_best_passage_is_first(index: FtsIndex, words: str, first: str) -> None:
    """By words, whatever their endings, accents and case; common words do not count."""
    assert found(index, words)[0] == first


@pytest.mark.parametrize(
    "words",
    ["quantum chromodynamics", "notice of quantum chromodynamics lattice", "", "   ", "?!", "*", '"'],
)
def test_a_question_without_an_answer_gets_none(index: FtsIndex, words: str) -> None:
    """A passage that shares a word by chance is below the floor."""
    assert found(index, words) == []


def test_the_floor_is_what_keeps_silent(tmp_path: Path) -> None:
    """Without it, a passage that shares one word of four would be an answer."""
    open_index = FtsIndex(tmp_path / "other.db", floor=0.0)
    open_index.add(document("a.txt", LEASE), day="2026-11-01")
    assert found(open_index, "notice of quantum chromodynamics lattice") == [LEASE[1]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(max_size=60))
def test_no_character_of_a_query_is_an_operator(index: FtsIndex, words: str) -> None:
    """What a search box is given never breaks it, and never means anything but words."""
    for hit in index.search(Query(words)):
        assert hit.coverage >= 0.5


@pytest.mark.parametrize(
    "words", ["lease NOT notice", "lease -notice", "notice^10 lease", "text:notice lease", "not* lease"]
)
def test_operators_of_the_engine_are_words(index: FtsIndex, words: str) -> None:
    """`NOT` excludes nothing, `-` neither, and a column's name is looked for as a word."""
    assert asked_words('a "b" OR c*') == ("b", "c")
    assert all("lease" in text or "notice" in text for text in found(index, words))
    assert found(index, "lease NOT notice")[0] == LEASE[1]


def test_filters_narrow_by_path_format_and_day(index: FtsIndex) -> None:
    """Each alone, and together none."""
    assert found(index, "pier") == [SHIPS[1], LEASE[0]]
    assert found(index, "pier", paths="knowledge/2025/**") == [SHIPS[1]]
    assert found(index, "pier", paths="knowledge/*") == [LEASE[0]]
    assert found(index, "pier", formats=(Format.PDF,)) == [LEASE[0]]
    assert found(index, "pier", since="2026-11-10") == [SHIPS[1]]
    assert found(index, "pier", since="2026-11-10", formats=(Format.PDF,)) == []
    assert found(index, "pier", most=1) == [SHIPS[1]]


def test_the_order_does_not_depend_on_when_documents_came(tmp_path: Path) -> None:
    """Equal scores stand by path and place, so prompts stay the same and caches hit."""
    orders: list[list[str]] = []
    for at, paths in enumerate((("b.txt", "a.txt"), ("a.txt", "b.txt"))):
        index = FtsIndex(tmp_path / f"{at}.db")
        for path in paths:
            index.add(document(path, ("same words here", "same words here")), day="2026-11-01")
        orders.append([f"{hit.passage.path} {hit.passage.locator}" for hit in index.search(Query("same words"))])
    assert orders[0] == orders[1] == ["a.txt line 1", "a.txt line 2", "b.txt line 1", "b.txt line 2"]


def test_a_document_that_comes_again_takes_the_place_of_the_old(index: FtsIndex) -> None:
    """Nothing of the old version is found, and its neighbours stay."""
    index.add(document("knowledge/lease.pdf", ("The lease was ended.",), digest="e"), day="2026-11-21")
    assert found(index, "notice period") == []
    assert found(index, "lease") == ["The lease was ended."]
    assert [(each.path, each.digest, each.passages) for each in index.documents()] == [
        ("knowledge/2025/ships.txt", "d", 3),
        ("knowledge/lease.pdf", "e", 1),
    ]


def test_a_removed_document_is_found_no_more(index: FtsIndex) -> None:
    """And removing it twice is no fault."""
    index.remove("knowledge/lease.pdf")
    index.remove("knowledge/lease.pdf")
    assert found(index, "lease") == []
    assert index.passages("knowledge/lease.pdf") == ()
    assert [passage.text for passage in index.passages("knowledge/2025/ships.txt")] == list(SHIPS)


def test_a_damaged_index_says_what_to_do(tmp_path: Path) -> None:
    """It can be deleted, since it is made again."""
    path = tmp_path / "index.db"
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(JournalFault, match=r"Delete the file: it is made again"):
        FtsIndex(path)
